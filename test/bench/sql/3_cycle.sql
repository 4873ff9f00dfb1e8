-- Whole sales one after the other, from the new lead to the paid invoice with five lines: each step is one call and one transaction.
CREATE PROCEDURE bench.cycles(first_number bigint, count bigint) LANGUAGE plpgsql AS $$
DECLARE
	this_lead bigint;
	this_opportunity bigint;
	this_quote bigint;
	this_order bigint;
	this_invoice bigint;
	result text;
BEGIN
	FOR n IN first_number .. first_number + count - 1 LOOP
		INSERT INTO crm.lead (company_name, first_name, last_name, email, business_phone, owner_id, estimated_value)
		VALUES ('Company ' || n, 'First' || n, 'Last' || n, 'u' || n || '@example.com', '+4930' || n, bench.owner(n), 1000 + n % 9000) RETURNING lead_id INTO this_lead;
		COMMIT;
		SELECT q.opportunity_id INTO this_opportunity FROM sales_crm.qualify_lead(this_lead) AS q;
		COMMIT;
		UPDATE crm.opportunity SET price_list_id = 1, pipeline_phase = 'develop', is_revenue_system_calculated = true WHERE opportunity_id = this_opportunity;
		COMMIT;
		INSERT INTO crm.opportunity_product (opportunity_id, product_id, quantity)
		SELECT this_opportunity, p.product_id, 2 FROM crm.product AS p WHERE p.product_id = ANY (ARRAY[1 + n % 1000, 1 + (n + 1) % 1000, 1 + (n + 2) % 1000, 1 + (n + 3) % 1000, 1 + (n + 4) % 1000]);
		COMMIT;
		SELECT * INTO this_quote FROM sales_crm.create_quote_from_opportunity(this_opportunity);
		COMMIT;
		SELECT * INTO result FROM sales_crm.activate_quote(this_quote);
		COMMIT;
		SELECT * INTO this_order FROM sales_crm.accept_quote(this_quote);
		COMMIT;
		SELECT * INTO this_invoice FROM sales_crm.fulfill_order(this_order);
		COMMIT;
		SELECT * INTO result FROM sales_crm.pay_invoice(this_invoice);
		COMMIT;
	END LOOP;
END $$;
CREATE PROCEDURE bench.cycles_bare(first_number bigint, count bigint) LANGUAGE plpgsql AS $$
DECLARE
	this_lead bigint;
	opportunity bigint;
	quote bigint;
	sales_order bigint;
	invoice bigint;
BEGIN
	FOR n IN first_number .. first_number + count - 1 LOOP
		this_lead := bb.lead_fn(n::integer);
		COMMIT;
		opportunity := bb.qualify_fn(this_lead);
		COMMIT;
		PERFORM bb.lines_fn(opportunity, n::integer);
		COMMIT;
		quote := bb.quote_fn(opportunity);
		COMMIT;
		sales_order := bb.accept_fn(quote);
		COMMIT;
		PERFORM bb.confirm_fn(sales_order);
		COMMIT;
		invoice := bb.invoice_fn(sales_order);
		COMMIT;
		PERFORM bb.post_fn(invoice);
		COMMIT;
	END LOOP;
END $$;
