-- The core of the work in organization crm, at fixed moments, and what the calls say meanwhile (schema told). Runs under any settings of
-- the session: names are qualified, dates are written as ISO 8601 has them, no text holds a backslash, NULL is asked for with IS NULL.
CREATE SCHEMA told;
CREATE TABLE told.refusal (refusal_id integer GENERATED ALWAYS AS IDENTITY, words text);
CREATE FUNCTION told.refused(statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE code text; message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION 'not refused: %', statement;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	INSERT INTO told.refusal (words) VALUES (pg_catalog.concat_ws(' | ', code, message, detail, hint));
END $$;

-- Columns and maps of the organization's own, with defaults and types whose text depends on settings.
UPDATE crm.organization_setting SET value = 'Europe/Vienna' WHERE name = 'time_zone';
ALTER TABLE crm.lead ADD COLUMN "Follow up" date, ADD COLUMN seen_after interval, ADD COLUMN score double precision, ADD COLUMN seal bytea;
ALTER TABLE crm.opportunity ADD COLUMN "Follow up" date DEFAULT DATE '2026-02-03', ADD COLUMN seen_after interval DEFAULT INTERVAL '-1 day 2 hours';
ALTER TABLE crm.quote ADD COLUMN promised_on date, ADD COLUMN promised_at timestamptz, ADD COLUMN lead_time interval;
INSERT INTO crm.column_map (source_entity, target_entity, source_column, target_column) VALUES
	('lead', 'opportunity', 'Follow up', 'Follow up'), ('lead', 'opportunity', 'seen_after', 'seen_after');
INSERT INTO crm.option_value (entity, column_name, value, label) VALUES ('quote', 'promised_on', '2026-04-05', 'Easter'), ('quote', 'promised_on', '2026-05-24', 'Pentecost');

-- Who sells, and what.
SET sales_crm.now = '2026-03-02 23:30+00';
INSERT INTO crm.owner (owner_type, name) VALUES ('user', 'Ada'), ('user', 'Ben');
INSERT INTO crm.crm_user (owner_id, name) SELECT owner_id, name FROM crm.owner WHERE name IN ('Ada', 'Ben') ORDER BY 1;
INSERT INTO crm.currency (currency_code, name, decimals, exchange_rate) VALUES ('EUR', 'Euro', 2, 1.1);
INSERT INTO crm.product (product_number, name, unit_group_id, quantity_decimals) SELECT 'P-' || n, 'Product ' || n, min(unit_group_id), 2 FROM crm.unit_group, pg_catalog.generate_series(1, 4) AS n GROUP BY n ORDER BY n;
INSERT INTO crm.product (product_number, name, product_structure, unit_group_id) SELECT 'P-SET', 'Set', 'bundle', min(unit_group_id) FROM crm.unit_group;
INSERT INTO crm.product_association (bundle_id, product_id, unit_id, quantity, is_required)
SELECT b.product_id, m.product_id, m.default_unit_id, 2, m.product_number = 'P-1' FROM crm.product AS b, crm.product AS m WHERE b.product_number = 'P-SET' AND m.product_number IN ('P-1', 'P-2') ORDER BY 2;
INSERT INTO crm.product_property (product_id, name, data_type, default_value) SELECT product_id, 'length', 'decimal', '1.50' FROM crm.product WHERE product_number = 'P-3';
SELECT count(published.state) FROM (SELECT product_id FROM crm.product ORDER BY product_id) AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS published (state);
INSERT INTO crm.discount_list (name) VALUES ('Volume') RETURNING discount_list_id \gset
INSERT INTO crm.discount_list_item (discount_list_id, low_quantity, high_quantity, percentage) VALUES (:discount_list_id, 5, 9.99, 5), (:discount_list_id, 10, NULL, 10);
INSERT INTO crm.price_list (name, currency_code, begin_date, end_date) VALUES ('Retail', 'USD', DATE '2026-01-02', DATE '2026-12-11') RETURNING price_list_id \gset
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount, discount_list_id)
SELECT :price_list_id, product_id, default_unit_id, 100, CASE WHEN product_number = 'P-3' THEN :discount_list_id END FROM crm.product WHERE product_structure IN ('product', 'bundle') ORDER BY product_id;

-- Rules: at once, queued, by a date; texts and JSON of moments, intervals, bytes and floats.
UPDATE crm.organization_setting SET value = '120' WHERE name = 'first_response_minutes';
INSERT INTO crm.automation_rule (name, entity, event, condition, timing, date_column, offset_interval) VALUES
	('Hot leads', 'lead', 'created', 'new.estimated_value >= 10000 AND new.seen_after::text = ''1 mon -2 days +03:04:05.6'' AND new.score::text = ''0.3333333333333333''', 'in_transaction', NULL, NULL),
	('Call', 'lead', 'created', 'new.last_name = NULL or new.state = ''open''', 'in_transaction', NULL, NULL),
	('Tell', 'lead', 'created', NULL, 'in_transaction', NULL, NULL),
	('Tell later', 'lead', 'created', 'new.score > 0.1', 'queued', NULL, NULL),
	('Remind', 'invoice', 'date_reached', NULL, 'queued', 'due_date', INTERVAL '-3 days');
INSERT INTO crm.automation_action (automation_rule_id, action, parameters)
SELECT r.automation_rule_id, a.action, a.parameters::jsonb FROM crm.automation_rule AS r JOIN (VALUES
	('Hot leads', 'set_columns', '{"set": {"rating": "''hot''", "description": "''since '' || new.created_at || '', after '' || new.seen_after || '', on '' || date ''2026-03-04'' || to_char(1234.5, ''L9G999D99'')"}}'),
	('Call', 'create_activity', '{"activity_type": "phone_call", "subject": "''Call by '' || (new.created_at + interval ''1 day'')::date", "due_in": "-1 day 26 hours"}'),
	('Tell', 'put_outbox', '{"event": "''lead.told''", "payload": "to_jsonb(new)"}'),
	('Tell later', 'put_outbox', '{"event": "''lead.told_later''", "payload": "jsonb_build_object(''seal'', new.seal, ''score'', new.score, ''after'', new.seen_after, ''at'', new.created_at::text)"}'),
	('Remind', 'put_outbox', '{"event": "''invoice.due''", "payload": "jsonb_build_object(''due'', new.due_date, ''text'', new.due_date::text)"}')) AS a (name, action, parameters) USING (name)
ORDER BY r.automation_rule_id;
UPDATE crm.automation_rule SET is_active = true WHERE name IN ('outbox lead.qualified', 'outbox order.fulfilled', 'outbox invoice.paid');

-- From the lead to the order, guided.
INSERT INTO crm.lead (subject, company_name, first_name, last_name, lead_source, estimated_value, seen_after, score, seal, "Follow up", owner_id)
SELECT 'Deal ' || n, 'Company' || pg_catalog.chr(233) || n, 'First', 'Last', 'web', 5000 * n, INTERVAL '1 mon -2 days 03:04:05.6', 1 / 3.0::float8, pg_catalog.decode('00ff5c27', 'hex'),
	CASE WHEN n < 3 THEN DATE '2026-04-05' END, o.owner_id FROM pg_catalog.generate_series(1, 4) AS n, crm.owner AS o WHERE o.name = 'Ada' ORDER BY n;
SELECT min(lead_id) AS lead_id, max(lead_id) AS last_lead_id FROM crm.lead \gset
SELECT sales_crm.run_due_automation();
SELECT sales_crm.start_process(entity => 'lead', record_id => :lead_id, process_name => 'Lead to Cash');
CREATE TABLE told.guidance AS SELECT * FROM sales_crm.process_guidance(entity => 'lead', id => :lead_id);
CREATE TABLE told.why_not AS SELECT * FROM sales_crm.why_not(entity => 'lead', id => :lead_id, action => 'next_stage');
CREATE TABLE told.explained_rule AS SELECT * FROM sales_crm.explain_rule(rule => 'Hot leads', entity => 'lead', id => :lead_id);
CREATE TABLE told.dry_run AS SELECT * FROM sales_crm.dry_run(rule => 'Tell later', entity => 'lead', id => :lead_id);
SELECT * FROM sales_crm.disqualify_lead(lead_id => :last_lead_id, description => 'no budget');
SELECT count(*) FROM sales_crm.qualify_leads(lead_ids => (SELECT pg_catalog.array_agg(lead_id ORDER BY lead_id) FROM crm.lead WHERE state = 'open'));
SELECT min(opportunity_id) AS opportunity_id, max(opportunity_id) AS last_opportunity_id FROM crm.opportunity \gset
UPDATE crm.opportunity SET price_list_id = :price_list_id, is_revenue_system_calculated = true;
INSERT INTO crm.opportunity_product (opportunity_id, product_id, quantity, manual_discount_percentage)
SELECT :opportunity_id, product_id, 10, CASE WHEN product_number = 'P-2' THEN 12.5 END FROM crm.product WHERE product_number IN ('P-1', 'P-2', 'P-3') ORDER BY product_id;
INSERT INTO crm.opportunity_product (opportunity_id, product_description, price_per_unit, tax_amount, quantity) VALUES (:opportunity_id, 'Assembly', 75.5, 15.1, 1);
SELECT quote_id FROM sales_crm.create_quote_from_opportunity(opportunity_id => :opportunity_id) \gset
INSERT INTO crm.quote_product (quote_id, product_id, quantity) SELECT :quote_id, product_id, 1 FROM crm.product WHERE product_number = 'P-SET';
UPDATE crm.quote SET discount_percentage = 3, freight_amount = 20, promised_on = DATE '2026-04-05', promised_at = TIMESTAMPTZ '2026-04-05 08:00+02', lead_time = INTERVAL '36 hours' WHERE quote_id = :quote_id;
SELECT told.refused(pg_catalog.format('UPDATE crm.quote SET promised_on = DATE ''2026-04-06'' WHERE quote_id = %s', :quote_id));
SELECT told.refused(pg_catalog.format('UPDATE crm.quote SET effective_from = DATE ''2026-04-06'', effective_to = DATE ''2026-03-04'' WHERE quote_id = %s', :quote_id));
SELECT sales_crm.activate_quote(quote_id => :quote_id);
SELECT revised.quote_id AS revision_id FROM sales_crm.revise_quote(quote_id => :quote_id) AS revised \gset
UPDATE crm.quote SET promised_on = DATE '2026-05-24', promised_at = TIMESTAMPTZ '2026-05-24 08:00+02', lead_time = INTERVAL '2 days' WHERE quote_id = :revision_id;
CREATE TABLE told.compared AS SELECT * FROM sales_crm.compare_quotes(a => :quote_id, b => :revision_id);
CREATE TABLE told.price AS SELECT l.quote_product_id, e.* FROM (SELECT quote_product_id FROM crm.quote_product WHERE quote_id = :revision_id ORDER BY 1) AS l, LATERAL sales_crm.explain_price(entity => 'quote', line_id => l.quote_product_id) AS e;
CREATE TABLE told.total AS SELECT * FROM sales_crm.explain_total(entity => 'quote', id => :revision_id);
SELECT sales_crm.activate_quote(quote_id => :revision_id);
SET sales_crm.now = '2026-03-10 15:00+00';
SELECT sales_order_id FROM sales_crm.accept_quote(quote_id => :revision_id) \gset
SELECT sales_crm.win_opportunity(opportunity_id => :last_opportunity_id, actual_revenue => 1234.56, actual_close_date => DATE '2026-03-04');

-- Delivered, invoiced and credited in parts, paid in parts.
SELECT min(sales_order_product_id) AS line_id FROM crm.sales_order_product WHERE sales_order_id = :sales_order_id \gset
SELECT sales_crm.create_down_payment_invoice(sales_order_id => :sales_order_id, percentage => 12.5);
SELECT sales_crm.deliver_order(sales_order_id => :sales_order_id, lines => pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('sales_order_product_id', :line_id, 'quantity', 3)), delivery_date => DATE '2026-03-11');
SELECT sales_crm.return_order(sales_order_id => :sales_order_id, lines => pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('sales_order_product_id', :line_id, 'quantity', 1)));
SELECT invoice_id AS part_id FROM sales_crm.create_invoice_from_order(sales_order_id => :sales_order_id, lines => pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('sales_order_product_id', :line_id, 'quantity', 2))) \gset
SELECT told.refused(pg_catalog.format('SELECT sales_crm.create_invoice_from_order(sales_order_id => %s, lines => pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object(''sales_order_product_id'', %s, ''quantity'', 9)))', :sales_order_id, :line_id));
SELECT sales_crm.create_credit_note(invoice_id => :part_id, lines => (SELECT pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('invoice_product_id', min(invoice_product_id), 'quantity', 1)) FROM crm.invoice_product WHERE invoice_id = :part_id));
SET sales_crm.now = '2026-03-20 08:00+00';
SELECT invoice_id AS rest_id FROM sales_crm.fulfill_order(sales_order_id => :sales_order_id) \gset
SELECT sales_crm.pay_invoice(invoice_id => :rest_id, amount => 100.25, payment_date => DATE '2026-03-21', reference => 'part');
SELECT told.refused(pg_catalog.format('SELECT sales_crm.pay_invoice(invoice_id => %s, amount => 1000000)', :rest_id));
SELECT sales_crm.pay_invoice(invoice_id => :rest_id);
SELECT sales_crm.cancel_payment(payment_id => (SELECT max(payment_id) FROM crm.payment));
CREATE TABLE told.invoice_total AS SELECT * FROM sales_crm.explain_total(entity => 'invoice', id => :rest_id);

-- Others: currency, price change, order by hand, credit limit, products under revision.
INSERT INTO crm.account (name, payment_terms, credit_limit) VALUES ('Fabrikam', 'net_45', 500) RETURNING account_id \gset
INSERT INTO crm.price_list (name, currency_code) VALUES ('Euro', 'EUR') RETURNING price_list_id AS euro_id \gset
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount) SELECT :euro_id, product_id, default_unit_id, 80 FROM crm.product WHERE product_number = 'P-1';
INSERT INTO crm.sales_order (name, account_id, price_list_id) VALUES ('By hand', :account_id, :euro_id) RETURNING sales_order_id AS hand_id \gset
INSERT INTO crm.sales_order_product (sales_order_id, product_id, quantity) SELECT :hand_id, product_id, 5 FROM crm.product WHERE product_number = 'P-1';
UPDATE crm.price_list_item SET amount = 90 WHERE price_list_id = :euro_id;
SELECT sales_crm.reprice(entity => 'sales_order', id => :hand_id);
CREATE TABLE told.credit AS SELECT * FROM sales_crm.why_not(entity => 'sales_order', id => :hand_id, action => 'submit_order');
SELECT sales_crm.revise_product(product_id => (SELECT product_id FROM crm.product WHERE product_number = 'P-4'));
UPDATE crm.product SET valid_from_date = DATE '2026-02-01', current_cost = 12.5 WHERE product_number = 'P-4';
SELECT sales_crm.revert_product(product_id => (SELECT product_id FROM crm.product WHERE product_number = 'P-4'));

-- Activities: a series, a refusal with moments, a mail.
WITH series AS (INSERT INTO crm.activity (activity_type, subject, state, status_reason) VALUES ('recurring_appointment', 'Weekly', 'open', 'free') RETURNING activity_id)
INSERT INTO crm.recurring_appointment (activity_id, pattern, every, on_monday, on_wednesday, starts_on, occurrences, start_time, duration_minutes, time_zone)
SELECT activity_id, 'weekly', 1, true, true, DATE '2026-03-25', 5, TIME '09:30', 60, 'America/New_York' FROM series RETURNING activity_id AS series_id \gset
SELECT * FROM sales_crm.expand_series(activity_id => :series_id, until => DATE '2026-05-06');
SELECT told.refused('INSERT INTO crm.activity (activity_type, subject, scheduled_start_at, scheduled_end_at) VALUES (''task'', ''x'', TIMESTAMPTZ ''2026-03-04 10:00+00'', TIMESTAMPTZ ''2026-03-02 10:00+00'')');
INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'Send drawings', 'sales_order', :hand_id) RETURNING activity_id \gset
SELECT sales_crm.complete_activity(activity_id => :activity_id);
CREATE TABLE told.timeline AS SELECT * FROM sales_crm.timeline(entity => 'lead', id => :lead_id);
CREATE TABLE told.due AS SELECT sales_crm.add_working_time(start_at => TIMESTAMPTZ '2026-03-06 16:00+00', minutes => 180);

-- History that is imported.
SET sales_crm.import_mode = on;
INSERT INTO crm.lead (subject, last_name, state, status_reason, created_at, modified_at) VALUES ('Old', 'Late', 'disqualified', 'lost', TIMESTAMPTZ '2019-02-03 04:05:06+00', TIMESTAMPTZ '2019-02-03 04:05:06+00');
INSERT INTO crm.invoice (name, account_id, state, status_reason, invoice_date, created_at, modified_at) VALUES ('Old', :account_id, 'paid', 'complete', DATE '2019-02-03', TIMESTAMPTZ '2019-02-03 04:05:06+00', TIMESTAMPTZ '2019-02-03 04:05:06+00');
RESET sales_crm.import_mode;

-- Dates that come, the outbox, the worker's work.
SET sales_crm.now = '2026-05-01 08:00+00';
SELECT sales_crm.run_due_automation();
SELECT sales_crm.expire_quotes();
CREATE TABLE told.outbox AS SELECT * FROM sales_crm.read_outbox(consumer => 'shop');
CREATE TABLE told.views AS SELECT pg_catalog.count(*) FROM crm.bi_order_progress;
CREATE TABLE told.dates AS SELECT * FROM crm.bi_dim_date WHERE calendar_date BETWEEN DATE '2026-03-01' AND DATE '2026-03-03';
CREATE TABLE told.verify AS SELECT * FROM sales_crm.verify();
