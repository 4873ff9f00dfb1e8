-- Whole sales like bench.cycles, by hand while triggers sleep: the same steps, rows and moves. What a document takes from the one before are the columns they share.
DO $build$
BEGIN
	EXECUTE format($procedure$
CREATE PROCEDURE bench.cycles_asleep(first_number bigint, count bigint) LANGUAGE plpgsql AS $$
DECLARE
	l bigint;
	o bigint;
	q bigint;
	s bigint;
	d bigint;
	i bigint;
	owner bigint;
	company text;
	person text;
BEGIN
	FOR n IN first_number .. first_number + count - 1 LOOP
		owner := bench.owner(n);
		company := 'Company ' || n;
		person := 'First' || n || ' Last' || n;
		INSERT INTO crm.lead (company_name, first_name, last_name, full_name, email, business_phone, owner_id, estimated_value, estimated_value_base, currency_code, exchange_rate, rating, priority)
		VALUES (company, 'First' || n, 'Last' || n, person, 'u' || n || '@example.com', '+4930' || n, owner, 1000 + n %% 9000, 1000 + n %% 9000, 'USD', 1, 'warm', 'default_value') RETURNING lead_id INTO l;
		COMMIT;
		o := bench.qualify_asleep(l);
		COMMIT;
		UPDATE crm.opportunity SET price_list_id = 1, pipeline_phase = 'develop', is_revenue_system_calculated = true, row_version = row_version + 1 WHERE opportunity_id = o;
		INSERT INTO crm.opportunity_stage_history (opportunity_id, from_phase, to_phase, changed_at) VALUES (o, 'qualify', 'develop', now());
		COMMIT;
		INSERT INTO crm.opportunity_product (opportunity_id, line_number, product_id, unit_id, quantity, price_per_unit, base_amount, extended_amount, product_type, tax_category, pricing_error)
		SELECT o, row_number() OVER (), p.product_id, p.default_unit_id, 2, p.amount, 2 * p.amount, 2 * p.amount, 'product', 'standard', 'none'
		FROM (SELECT p.product_id, p.default_unit_id, k.amount FROM crm.product AS p JOIN crm.price_list_item AS k ON k.product_id = p.product_id AND k.price_list_id = 1 AND k.unit_id = p.default_unit_id
			WHERE p.product_id = ANY (ARRAY[1 + n %% 1000, 1 + (n + 1) %% 1000, 1 + (n + 2) %% 1000, 1 + (n + 3) %% 1000, 1 + (n + 4) %% 1000])) AS p;
		UPDATE crm.opportunity AS h SET total_line_item_amount = t.amount, total_amount_less_freight = t.amount, total_amount = t.amount, total_amount_base = t.amount, estimated_value = t.amount, estimated_value_base = t.amount, row_version = row_version + 1
		FROM (SELECT sum(extended_amount) AS amount FROM crm.opportunity_product WHERE opportunity_id = o) AS t WHERE h.opportunity_id = o;
		COMMIT;
		INSERT INTO crm.quote (quote_number, opportunity_id, bill_to_name, bill_to_contact_name, bill_to_phone, ship_to_name, ship_to_contact_name, ship_to_phone, %1$s)
		SELECT 'HAND-' || nextval('bench.bare_number'), o, company, person, '+4930' || n, company, person, '+4930' || n, %1$s FROM crm.opportunity WHERE opportunity_id = o RETURNING quote_id INTO q;
		INSERT INTO crm.quote_product (quote_id, opportunity_product_id, %2$s) SELECT q, opportunity_product_id, %2$s FROM crm.opportunity_product WHERE opportunity_id = o;
		COMMIT;
		UPDATE crm.quote SET state = 'active', effective_from = current_date, effective_to = current_date + 30, row_version = row_version + 1 WHERE quote_id = q;
		INSERT INTO crm.status_history (entity, record_id, from_state, to_state, from_status_reason, to_status_reason, changed_at) VALUES ('quote', q, 'draft', 'active', 'in_progress', 'in_progress', now());
		COMMIT;
		UPDATE crm.quote SET state = 'won', status_reason = 'won', closed_on = current_date, row_version = row_version + 1 WHERE quote_id = q;
		INSERT INTO crm.status_history (entity, record_id, from_state, to_state, from_status_reason, to_status_reason, changed_at) VALUES ('quote', q, 'active', 'won', 'in_progress', 'won', now());
		INSERT INTO crm.quote_close (activity_id, quote_id, quote_number, revision_number, quote_state, quote_status_reason, actual_end_at)
		SELECT bench.close_asleep('quote_close', 'quote', q, owner), q, quote_number, 0, 'won', 'won', now() FROM crm.quote WHERE quote_id = q;
		INSERT INTO crm.sales_order (order_number, quote_id, opportunity_id, is_price_locked, %3$s)
		SELECT 'HAND-' || nextval('bench.bare_number'), q, o, true, %3$s FROM crm.quote WHERE quote_id = q RETURNING sales_order_id INTO s;
		INSERT INTO crm.sales_order_product (sales_order_id, quote_product_id, is_copied, %4$s) SELECT s, quote_product_id, true, %4$s FROM crm.quote_product WHERE quote_id = q;
		UPDATE crm.opportunity SET state = 'won', status_reason = 'won', forecast_category = 'won', actual_value = total_amount, actual_value_base = total_amount, actual_close_date = current_date, row_version = row_version + 1 WHERE opportunity_id = o;
		INSERT INTO crm.status_history (entity, record_id, from_state, to_state, from_status_reason, to_status_reason, changed_at) VALUES ('opportunity', o, 'open', 'won', 'in_progress', 'won', now());
		INSERT INTO crm.opportunity_close (activity_id, opportunity_id, opportunity_state, opportunity_status_reason, actual_revenue, actual_end_at)
		SELECT bench.close_asleep('opportunity_close', 'opportunity', o, owner), o, 'won', 'won', total_amount, now() FROM crm.opportunity WHERE opportunity_id = o;
		COMMIT;
		INSERT INTO crm.delivery (delivery_number, sales_order_id, delivery_date) VALUES ('HAND-' || nextval('bench.bare_number'), s, current_date) RETURNING delivery_id INTO d;
		INSERT INTO crm.delivery_product (delivery_id, sales_order_product_id, quantity) SELECT d, sales_order_product_id, quantity FROM crm.sales_order_product WHERE sales_order_id = s;
		INSERT INTO crm.invoice (invoice_number, sales_order_id, opportunity_id, invoice_date, due_date, %5$s)
		SELECT 'HAND-' || nextval('bench.bare_number'), s, o, current_date, current_date + 30, %5$s FROM crm.sales_order WHERE sales_order_id = s RETURNING invoice_id INTO i;
		INSERT INTO crm.invoice_product (invoice_id, sales_order_product_id, is_copied, %6$s) SELECT i, sales_order_product_id, true, %6$s FROM crm.sales_order_product WHERE sales_order_id = s;
		UPDATE crm.sales_order_product SET quantity_delivered = quantity, quantity_invoiced = quantity, row_version = row_version + 1 WHERE sales_order_id = s;
		UPDATE crm.sales_order SET state = 'fulfilled', status_reason = 'complete', fulfilled_on = current_date, row_version = row_version + 1 WHERE sales_order_id = s;
		INSERT INTO crm.status_history (entity, record_id, from_state, to_state, from_status_reason, to_status_reason, changed_at) VALUES ('sales_order', s, 'active', 'fulfilled', 'new', 'complete', now());
		INSERT INTO crm.order_close (activity_id, sales_order_id, order_number, order_state, order_status_reason, actual_end_at)
		SELECT bench.close_asleep('order_close', 'sales_order', s, owner), s, order_number, 'fulfilled', 'complete', now() FROM crm.sales_order WHERE sales_order_id = s;
		COMMIT;
		INSERT INTO crm.payment (invoice_id, amount, payment_date) SELECT i, total_amount, current_date FROM crm.invoice WHERE invoice_id = i;
		UPDATE crm.invoice SET state = 'paid', status_reason = 'complete', amount_paid = total_amount, row_version = row_version + 1 WHERE invoice_id = i;
		INSERT INTO crm.status_history (entity, record_id, from_state, to_state, from_status_reason, to_status_reason, changed_at) VALUES ('invoice', i, 'active', 'paid', 'new', 'complete', now());
		COMMIT;
	END LOOP;
END $$
$procedure$, bench.shared_columns('crm.opportunity', 'crm.quote'), bench.shared_columns('crm.opportunity_product', 'crm.quote_product'),
	bench.shared_columns('crm.quote', 'crm.sales_order'), bench.shared_columns('crm.quote_product', 'crm.sales_order_product'),
	bench.shared_columns('crm.sales_order', 'crm.invoice'), bench.shared_columns('crm.sales_order_product', 'crm.invoice_product'));
END $build$;
