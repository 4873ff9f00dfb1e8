-- The views of BI, with figures worked out by hand: an organization in Tokyo whose fiscal year begins in April, in dollars and euros.
\set ECHO none
\set QUIET on
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(68);

SELECT sales_crm.create_organization('pgtap_views');
SET LOCAL sales_crm.organization = 'pgtap_views';
SET LOCAL search_path = pgtap_views, public;

UPDATE organization_setting SET value = 'Asia/Tokyo' WHERE name = 'time_zone';
UPDATE organization_setting SET value = '4' WHERE name = 'fiscal_year_start_month';
UPDATE organization_setting SET value = 'Japan' WHERE name = 'default_country';
INSERT INTO currency (currency_code, name, exchange_rate) VALUES ('EUR', 'Euro', 0.8);
INSERT INTO owner (owner_id, owner_type, name) VALUES (101, 'user', 'Ana'), (102, 'user', 'Ben');
INSERT INTO crm_user (crm_user_id, owner_id, name, email) VALUES (101, 101, 'Ana', 'ana@example.com');
INSERT INTO crm_user (crm_user_id, owner_id, name, manager_crm_user_id, is_disabled) VALUES (102, 102, 'Ben', 101, true);
INSERT INTO territory (territory_id, name) VALUES (100, 'East');
INSERT INTO account (account_id, name, industry, territory_id, owner_id) VALUES (101, 'Contoso', 'consulting', 100, 101);
INSERT INTO account (account_id, name, parent_account_id, address_city, address_country, owner_id) VALUES (102, 'Contoso Lab', 101, 'Lima', 'Peru', 102);
INSERT INTO contact (contact_id, first_name, last_name, owner_id) VALUES (101, 'Petra', 'Haas', 102);
INSERT INTO competitor (competitor_id, name) VALUES (101, 'Fabrikam');
INSERT INTO product (product_id, product_number, name, product_structure) VALUES (101, 'F-1', 'Pumps', 'family');
INSERT INTO product (product_id, product_number, name, product_type, parent_product_id, unit_group_id, default_unit_id, list_price)
VALUES (102, 'P-1', 'Water pump', 'sales_inventory', 101, 1, 1, 120);
INSERT INTO price_list (price_list_id, name, currency_code) VALUES (101, 'Euro list', 'EUR');
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) VALUES (101, 102, 1, 100);
SELECT sales_crm.publish_product(101);

-- Records of the past come in by import: 20:00 UTC is the next day in Tokyo.
SET LOCAL sales_crm.import_mode = on;
INSERT INTO lead (lead_id, subject, last_name, lead_source, estimated_value, currency_code, owner_id, created_at, modified_at) VALUES
	(101, 'one', 'A', 'web', 1000, 'USD', 101, '2025-01-31 20:00+00', '2025-01-31 20:00+00'),
	(102, 'two', 'B', 'web', 2000, 'USD', 101, '2025-02-10 10:00+00', '2025-02-10 10:00+00'),
	(103, 'three', 'C', 'web', 4000, 'USD', 102, '2025-02-11 10:00+00', '2025-02-11 10:00+00'),
	(104, 'four', 'D', NULL, 800, 'EUR', 102, '2025-02-11 10:00+00', '2025-02-11 10:00+00'),
	(105, 'five', 'E', 'trade_show', 500, 'USD', 102, '2025-01-31 10:00+00', '2025-01-31 10:00+00');
INSERT INTO lead (lead_id, last_name, lead_source, owner_id, created_at, state, status_reason)
VALUES (106, 'F', 'web', 102, '2025-02-11 10:00+00', 'disqualified', 'lost');
INSERT INTO opportunity (opportunity_id, name, account_id, contact_id, currency_code, estimated_value, close_probability, pipeline_phase, owner_id, created_at) VALUES
	(101, 'open', 101, NULL, 'USD', 1000, 25, 'qualify', 101, '2025-03-01 00:00+00'),
	(102, 'open in euros', 101, NULL, 'EUR', 800, 50, 'qualify', 102, '2025-03-01 00:00+00'),
	(103, 'no chance known', 102, NULL, 'USD', 300, NULL, 'propose', 101, '2025-03-01 00:00+00'),
	(104, 'to win', 101, NULL, 'USD', 1400, 90, 'close', 101, '2025-02-28 20:00+00'),
	(105, 'to lose', NULL, 101, 'EUR', 560, 10, 'develop', 101, '2025-03-01 00:00+00'),
	(106, 'lost, then won', 101, NULL, 'USD', 100, 10, 'develop', 102, '2025-03-01 00:00+00'),
	(107, 'with documents', 102, NULL, 'EUR', 400, 80, 'propose', 102, '2025-03-01 00:00+00');
SET LOCAL sales_crm.import_mode = off;

-- The calls.
SELECT qualify_lead FROM sales_crm.qualify_lead(102, create_account => false, create_contact => true);
SELECT state FROM sales_crm.disqualify_lead(103, 'cannot_contact');
SELECT state FROM sales_crm.disqualify_lead(105);
SELECT state FROM sales_crm.reopen_lead(105);
SELECT activity_id FROM sales_crm.win_opportunity(104, 1500, '2025-03-10');
SELECT activity_id FROM sales_crm.lose_opportunity(105, 'out_sold', 101, actual_close_date => '2025-04-01');
SELECT activity_id FROM sales_crm.lose_opportunity(106, 'out_sold', 101, actual_close_date => '2025-03-05');
SELECT state FROM sales_crm.reopen_opportunity(106);
SELECT activity_id FROM sales_crm.win_opportunity(106, actual_close_date => '2025-03-31');
SELECT opportunity_id AS made_id FROM opportunity WHERE opportunity_id < 100 \gset

-- A quote in euros: two pumps with 10 % off and 5 tax, a write-in, an option that is not taken, 3 freight; revised, accepted.
UPDATE opportunity SET price_list_id = 101 WHERE opportunity_id = 107;
SELECT quote_id FROM sales_crm.create_quote_from_opportunity(107) \gset
INSERT INTO quote_product (quote_id, product_id, quantity, manual_discount_percentage, tax_amount) VALUES (:quote_id, 102, 2, 10, 5);
INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (:quote_id, 'Assembly', 33.33);
INSERT INTO quote_product (quote_id, product_description, price_per_unit, line_kind) VALUES (:quote_id, 'Extra hose', 50, 'optional');
UPDATE quote SET freight_amount = 3 WHERE quote_id = :quote_id;
SELECT state FROM sales_crm.activate_quote(:quote_id);
SELECT quote_id FROM sales_crm.revise_quote(:quote_id) \gset
SELECT state FROM sales_crm.activate_quote(:quote_id);
SELECT sales_order_id FROM sales_crm.accept_quote(:quote_id) \gset
SELECT invoice_id FROM sales_crm.fulfill_order(:sales_order_id) \gset
SELECT sales_order_id AS canceled_order_id FROM sales_crm.create_order_from_opportunity(107) \gset
INSERT INTO sales_order_product (sales_order_id, product_description, price_per_unit) VALUES (:canceled_order_id, 'Mistake', 10);
SELECT state FROM sales_crm.cancel_order(:canceled_order_id);
INSERT INTO invoice (invoice_id, account_id, owner_id, invoice_date, due_date) VALUES (901, 101, 102, '2025-01-01', '2025-01-31'), (902, 101, 102, '2025-01-01', '2025-01-31');
INSERT INTO invoice_product (invoice_id, product_description, price_per_unit) VALUES (901, 'Repair', 70), (902, 'Mistake', 70);
SELECT state FROM sales_crm.cancel_invoice(902);
CREATE TEMP TABLE today AS SELECT (now() AT TIME ZONE 'Asia/Tokyo')::date AS day;
GRANT SELECT ON today TO PUBLIC;

-- Form: what BI tools and restores need.
CREATE TEMP VIEW bi AS SELECT c.oid, c.relname, c.reloptions FROM pg_class c WHERE c.relnamespace = 'pgtap_views'::regnamespace AND c.relkind = 'v';
SELECT is_empty($$SELECT wanted FROM (VALUES ('bi_pipeline_by_stage'), ('bi_fact_lead'), ('bi_fact_opportunity'), ('bi_fact_quote'), ('bi_fact_order_line'), ('bi_fact_invoice'),
	('bi_lead_conversion'), ('bi_lead_response'), ('bi_owner_performance'), ('bi_dim_date'), ('bi_dim_account'), ('bi_dim_product'), ('bi_dim_owner'),
	('bi_ar_aging'), ('bi_order_backlog'), ('bi_order_progress'), ('bi_invoice_number_trail')) AS promised (wanted)
	EXCEPT SELECT relname::text FROM bi$$, 'the promised views are there');
SELECT is_empty($$SELECT relname FROM bi WHERE NOT reloptions @> '{security_invoker=true}'$$, 'all are security_invoker');
SELECT is_empty($$SELECT relname, attname FROM bi JOIN pg_attribute ON attrelid = oid AND attnum > 0 WHERE col_description(oid, attnum) IS NULL OR obj_description(oid, 'pg_class') IS NULL$$,
	'all and their columns have a comment');
SELECT is_empty($$SELECT relname, attname, format_type(atttypid, atttypmod) FROM bi JOIN pg_attribute ON attrelid = oid AND attnum > 0
	WHERE format_type(atttypid, atttypmod) !~ '^(bigint|integer|text|boolean|jsonb|date|timestamp with time zone|numeric\(\d+,\d+\))$'$$, 'plain types, every numeric with precision and scale');
SELECT is_empty($$SELECT v.relname, d.refobjid::regproc FROM bi v JOIN pg_rewrite r ON r.ev_class = v.oid JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
	WHERE d.refclassid = 'pg_proc'::regclass$$, 'none calls a function of the extension, so DROP EXTENSION leaves them');
SELECT is_empty($$SELECT f.view, c.name FROM (VALUES ('lead'), ('opportunity'), ('quote'), ('order_line'), ('invoice')) AS f (view),
	unnest('{owner_id,account_id,state,state_label,status_reason,status_reason_label,created_date,closed_date,modified_at,currency_code,amount,amount_base}'::text[]) AS c (name)
	WHERE NOT EXISTS (SELECT FROM bi JOIN pg_attribute ON attrelid = oid WHERE relname = 'bi_fact_' || f.view AND attname = c.name)$$, 'every fact has the common columns');

-- One row each, and every key finds its dimension.
SELECT is((SELECT count(DISTINCT lead_id) FROM bi_fact_lead), (SELECT count(*) FROM lead), 'every lead is there');
SELECT is((SELECT count(*) FROM bi_fact_lead), (SELECT count(*) FROM lead), 'and once');
SELECT is((SELECT count(DISTINCT opportunity_id) || ' of ' || count(*) FROM bi_fact_opportunity), (SELECT count(*) || ' of ' || count(*) FROM opportunity), 'every opportunity once, also one closed twice');
SELECT is((SELECT count(DISTINCT quote_id) || ' of ' || count(*) FROM bi_fact_quote), '2 of 2', 'every revision once');
SELECT is((SELECT count(DISTINCT invoice_id) || ' of ' || count(*) FROM bi_fact_invoice), '3 of 3', 'every invoice once');
SELECT is((SELECT count(DISTINCT owner_id) || ' of ' || count(*) FROM bi_dim_owner), (SELECT count(*) || ' of ' || count(*) FROM owner), 'every owner once');
SELECT is_empty($$SELECT state, status_reason FROM (SELECT state, status_reason, state_label, status_reason_label FROM bi_fact_lead
	UNION ALL SELECT state, status_reason, state_label, status_reason_label FROM bi_fact_opportunity
	UNION ALL SELECT state, status_reason, state_label, status_reason_label FROM bi_fact_quote
	UNION ALL SELECT state, status_reason, state_label, status_reason_label FROM bi_fact_order_line
	UNION ALL SELECT state, status_reason, state_label, status_reason_label FROM bi_fact_invoice
	UNION ALL SELECT state, status_reason, state_label, status_reason_label FROM bi_dim_account
	UNION ALL SELECT state, status_reason, state_label, status_reason_label FROM bi_dim_product) AS labels WHERE state_label IS NULL OR status_reason_label IS NULL$$, 'every state and reason has its label');
SELECT is_empty($$SELECT 1 FROM bi_fact_opportunity f LEFT JOIN bi_dim_owner o USING (owner_id) LEFT JOIN bi_dim_date d ON d.calendar_date = f.created_date
	WHERE o.owner_id IS NULL OR d.calendar_date IS NULL$$, 'owners and days join');

-- Leads.
SELECT is((SELECT created_date FROM bi_fact_lead WHERE lead_id = 101), '2025-02-01', 'a day is a day in the time zone of the organization');
SELECT results_eq('SELECT state_label, status_reason_label, is_qualified, closed_date = day, days_to_close = day - created_date, opportunity_id = ' || :'made_id' || ' FROM bi_fact_lead, today WHERE lead_id = 102',
	$$VALUES ('Qualified', 'Qualified', true, true, true, true)$$, 'a qualified lead');
SELECT results_eq('SELECT state_label, status_reason_label, is_qualified, closed_date = day FROM bi_fact_lead, today WHERE lead_id = 103',
	$$VALUES ('Disqualified', 'Cannot Contact', false, true)$$, 'a disqualified lead');
SELECT results_eq('SELECT state, closed_date, days_to_close FROM bi_fact_lead WHERE lead_id = 105', $$VALUES ('open', NULL::date, NULL::integer)$$, 'a lead opened again has no closing day');
SELECT results_eq('SELECT state, closed_date FROM bi_fact_lead WHERE lead_id = 106', $$VALUES ('disqualified', NULL::date)$$, 'one imported closed neither');
SELECT results_eq('SELECT amount, amount_base, currency_code, lead_source, lead_source_label FROM bi_fact_lead WHERE lead_id = 104',
	$$VALUES (800.0000, 1000.0000, 'EUR', NULL, NULL)$$, 'an amount in euros and in base currency');
SELECT results_eq($$SELECT lead_source, lead_source_label, created_month, lead_count, open_count, qualified_count, disqualified_count, conversion_numerator, conversion_denominator, amount_base, qualified_amount_base
	FROM bi_lead_conversion ORDER BY lead_source, created_month$$,
	$$VALUES ('trade_show', 'Trade Show', date '2025-01-01', 1::bigint, 1::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 500.0000, 0.0000),
		('web', 'Web', '2025-02-01', 4, 1, 1, 2, 1, 3, 7000.0000, 2000.0000),
		(NULL, 'Not said', '2025-02-01', 1, 1, 0, 0, 0, 0, 1000.0000, 0.0000)$$, 'conversion by source and month of creation');

-- Opportunities.
SELECT results_eq('SELECT amount, amount_base, weighted_amount_base, is_won, is_closed, closed_date, days_to_close, probability FROM bi_fact_opportunity WHERE opportunity_id = 102',
	$$VALUES (800.0000, 1000.0000, 500.0000, false, false, NULL::date, NULL::integer, 50.0000)$$, 'an open one in euros: half of 1,000');
SELECT is((SELECT weighted_amount_base FROM bi_fact_opportunity WHERE opportunity_id = 103), 0.0000, 'without a chance it weighs nothing');
SELECT results_eq('SELECT amount, amount_base, weighted_amount_base, is_won, is_closed, created_date, closed_date, days_to_close, loss_reason FROM bi_fact_opportunity WHERE opportunity_id = 104',
	$$VALUES (1500.0000, 1500.0000, NULL::numeric, true, true, date '2025-03-01', date '2025-03-10', 9, NULL)$$, 'a won one counts with its actual revenue');
SET LOCAL sales_crm.import_mode = on;
UPDATE opportunity SET actual_close_date = 'infinity' WHERE opportunity_id = 104;
SELECT results_eq('SELECT closed_date, days_to_close FROM bi_fact_opportunity WHERE opportunity_id = 104', $$VALUES ('infinity'::date, NULL::integer)$$, 'one that closed at infinity took no count of days, and stops no report');
UPDATE opportunity SET actual_close_date = '2025-03-10' WHERE opportunity_id = 104;
RESET sales_crm.import_mode;
SELECT results_eq('SELECT amount, amount_base, estimated_amount_base, actual_amount_base, is_won, is_closed, closed_date, loss_reason, loss_reason_label, competitor_id, competitor_name, customer_name, account_id FROM bi_fact_opportunity WHERE opportunity_id = 105',
	$$VALUES (560.0000, 700.0000, 700.0000, 0.0000, false, true, date '2025-04-01', 'out_sold', 'Out-Sold', 101::bigint, 'Fabrikam', 'Petra Haas', NULL::bigint)$$, 'a lost one: why, to whom, how much; the customer is a person');
SELECT results_eq('SELECT is_won, closed_date, amount, loss_reason, competitor_id FROM bi_fact_opportunity WHERE opportunity_id = 106',
	$$VALUES (true, date '2025-03-31', 100.0000, NULL, NULL::bigint)$$, 'lost, opened again and won: no loss stays');
SELECT results_eq('SELECT pipeline_phase, pipeline_phase_label, forecast_category_label, rating_label, customer_name, state_label, status_reason_label FROM bi_fact_opportunity WHERE opportunity_id = 101',
	$$VALUES ('qualify', 'Qualify', 'Pipeline', 'Warm', 'Contoso', 'Open', 'In Progress')$$, 'labels');
UPDATE option_value SET label = 'Find out' WHERE entity = 'opportunity' AND column_name = 'pipeline_phase' AND value = 'qualify';
SELECT is((SELECT pipeline_phase_label FROM bi_fact_opportunity WHERE opportunity_id = 101), 'Find out', 'labels are the rows of option_value');

-- The pipeline: open are 101, 102, 103 and the one made from lead 102, of 2,000 without a chance, in phase qualify.
SELECT results_eq('SELECT pipeline_phase, pipeline_phase_label, sort_order, opportunity_count, amount_base, weighted_amount_base FROM bi_pipeline_by_stage',
	$$VALUES ('qualify', 'Find out', 0, 3::bigint, 4000.0000, 750.0000), ('develop', 'Develop', 1, 0, 0.0000, 0.0000),
		('propose', 'Propose', 2, 1, 300.0000, 0.0000), ('close', 'Close', 3, 0, 0.0000, 0.0000)$$, 'all phases in their order, empty ones with 0');
SELECT is((SELECT sum(amount_base) FROM bi_pipeline_by_stage), (SELECT sum(amount_base) FROM bi_fact_opportunity WHERE NOT is_closed), 'the pipeline is the sum of the open deals');
UPDATE option_value SET is_active = false WHERE entity = 'opportunity' AND column_name = 'pipeline_phase' AND value IN ('develop', 'propose');
SELECT results_eq('SELECT pipeline_phase FROM bi_pipeline_by_stage', $$VALUES ('qualify'), ('propose'), ('close')$$, 'a phase out of use shows while deals stand in it');
DELETE FROM option_value WHERE entity = 'opportunity' AND column_name = 'pipeline_phase' AND value = 'propose';
SELECT results_eq('SELECT pipeline_phase, pipeline_phase_label, opportunity_count FROM bi_pipeline_by_stage',
	$$VALUES ('qualify', 'Find out', 3::bigint), ('close', 'Close', 0), ('propose', 'propose', 1)$$, 'deals in a phase that was deleted are not lost');

-- Quotes: 2 x 100 less 20 plus 5 tax, 33.33, freight 3 = 221.33 EUR = 276.6625 USD.
SELECT results_eq('SELECT revision_number, state_label, status_reason, is_won, is_revised, closed_date = day, amount, amount_base, discount_amount, freight_amount, tax_amount, customer_name FROM bi_fact_quote, today ORDER BY revision_number',
	$$VALUES (0, 'Closed', 'revised', false, true, true, 221.3300, 276.6625, 20.0000, 3.0000, 5.0000, 'Contoso Lab'),
		(1, 'Won', 'won', true, false, true, 221.3300, 276.6625, 20.0000, 3.0000, 5.0000, 'Contoso Lab')$$, 'quotes');

-- Order lines.
SELECT results_eq('SELECT item_name, product_id, quantity, quantity_invoiced, price_per_unit, discount_amount, tax_amount, amount, amount_base, is_canceled, state_label, closed_date = day, created_date = day FROM bi_fact_order_line, today WHERE sales_order_id = ' || :'sales_order_id' || ' ORDER BY line_number',
	$$VALUES ('Water pump', 102::bigint, 2.00000, 2.00000, 100.00000, 20.0000, 5.0000, 185.0000, 231.2500, false, 'Fulfilled', true, true),
		('Assembly', NULL, 1.00000, 1.00000, 33.33000, 0.0000, 0.0000, 33.3300, 41.6625, false, 'Fulfilled', true, true)$$, 'lines of an order');
SELECT results_eq('SELECT item_name, is_canceled, status_reason_label, closed_date = day FROM bi_fact_order_line, today WHERE sales_order_id = ' || :'canceled_order_id' || ' ORDER BY line_number',
	$$VALUES ('Mistake', true, 'No Money', true)$$, 'a canceled order');
SELECT is((SELECT sum(amount) + 3 FROM bi_fact_order_line WHERE sales_order_id = :sales_order_id), (SELECT total_amount FROM sales_order WHERE sales_order_id = :sales_order_id), 'the lines and the freight come to the total of the order');
INSERT INTO sales_order (sales_order_id, account_id) VALUES (903, 101);
INSERT INTO sales_order_product (sales_order_id, product_description, line_kind) VALUES (903, 'Option', 'optional');
SELECT is_empty('SELECT 1 FROM bi_fact_order_line WHERE sales_order_id = 903', 'an option is no sale');

-- Invoices.
SELECT results_eq('SELECT state, is_fully_paid, is_overdue, closed_date, amount_paid, balance, balance_base, amount_base FROM bi_fact_invoice WHERE invoice_id = ' || :'invoice_id',
	$$VALUES ('active', false, false, NULL::date, 0.0000, 221.3300, 276.6625, 276.6625)$$, 'an unpaid invoice');
SELECT state FROM sales_crm.pay_invoice(:invoice_id, 100, payment_date => '2025-05-01');
SELECT results_eq('SELECT state, status_reason_label, is_fully_paid, closed_date, amount_paid, amount_paid_base, balance, balance_base FROM bi_fact_invoice WHERE invoice_id = ' || :'invoice_id',
	$$VALUES ('paid', 'Partial', false, NULL::date, 100.0000, 125.0000, 121.3300, 151.6625)$$, 'one paid in part is not closed');
SELECT state FROM sales_crm.pay_invoice(:invoice_id, payment_date => '2025-05-20');
SELECT results_eq('SELECT status_reason_label, is_fully_paid, closed_date, amount_paid, balance FROM bi_fact_invoice WHERE invoice_id = ' || :'invoice_id',
	$$VALUES ('Complete', true, date '2025-05-20', 221.3300, 0.0000)$$, 'the last payment closes it');
SELECT state FROM sales_crm.cancel_payment((SELECT max(payment_id) FROM payment WHERE amount > 100));
SELECT results_eq('SELECT is_fully_paid, closed_date, balance FROM bi_fact_invoice WHERE invoice_id = ' || :'invoice_id', $$VALUES (false, NULL::date, 121.3300)$$, 'a payment taken back opens it');
SELECT results_eq('SELECT is_overdue, due_date, balance FROM bi_fact_invoice WHERE invoice_id = 901', $$VALUES (true, date '2025-01-31', 70.0000)$$, 'an invoice past its due date');
SELECT results_eq('SELECT is_overdue, is_canceled, closed_date = day, amount, balance, balance_base FROM bi_fact_invoice, today WHERE invoice_id = 902',
	$$VALUES (false, true, true, 70.0000, 0.0000, 0.0000)$$, 'a canceled one owes nothing');

-- Owners. Ana: leads 101 open, 102 qualified; deals 101, 103 and the one of lead 102 open, 104 won, 105 lost.
SELECT results_eq('SELECT lead_count, conversion_numerator, conversion_denominator FROM bi_owner_performance WHERE owner_id IN (101, 102) ORDER BY owner_id',
	$$VALUES (2::bigint, 1::bigint, 1::bigint), (4, 0, 2)$$, 'leads by owner');
SELECT results_eq('SELECT open_count, open_amount_base, weighted_amount_base, won_count, won_amount_base, lost_count, lost_amount_base FROM bi_owner_performance WHERE owner_id = 101',
	$$VALUES (3::bigint, 3300.0000, 250.0000, 1::bigint, 1500.0000, 1::bigint, 700.0000)$$, 'deals of Ana');
SELECT results_eq('SELECT win_rate_count_numerator, win_rate_count_denominator, win_rate_value_numerator, win_rate_value_denominator, sales_cycle_numerator FROM bi_owner_performance WHERE owner_id = 101',
	$$VALUES (1::bigint, 2::bigint, 1500.0000, 2200.0000, 9::bigint)$$, 'win rates of Ana by count and by value, and her sales cycle');
-- Ben: 102 open; 106 and 107 won with 100 and 276.6625; invoices 276.6625, of which 125 are paid, and 70; one canceled.
SELECT results_eq('SELECT open_count, won_count, won_amount_base, lost_count, win_rate_count_denominator, win_rate_value_denominator, invoice_count, invoiced_amount_base, paid_amount_base FROM bi_owner_performance WHERE owner_id = 102',
	$$VALUES (1::bigint, 2::bigint, 376.6625, 0::bigint, 2::bigint, 376.6625, 2::bigint, 346.6625, 125.0000)$$, 'figures of Ben');
SELECT results_eq($$SELECT owner_name, lead_count, won_amount_base, win_rate_count_denominator, win_rate_value_denominator FROM bi_owner_performance WHERE owner_name = 'Default Team'$$,
	$$VALUES ('Default Team', 0::bigint, 0.0000, 0::bigint, 0.0000)$$, 'an owner of nothing shows 0');

-- Dimensions.
SELECT results_eq($$SELECT fiscal_year, fiscal_quarter, fiscal_month, calendar_quarter FROM bi_dim_date WHERE calendar_date IN ('2025-03-31', '2025-04-01', '2025-12-31') ORDER BY calendar_date$$,
	$$VALUES (2025, 4, 12, 1), (2026, 1, 1, 2), (2026, 3, 9, 4)$$, 'a fiscal year from April, named after the year it ends in');
UPDATE organization_setting SET value = '1' WHERE name = 'fiscal_year_start_month';
SELECT is_empty('SELECT calendar_date FROM bi_dim_date WHERE fiscal_year <> calendar_year OR fiscal_quarter <> calendar_quarter OR fiscal_month <> calendar_month', 'from January it is the calendar year');
UPDATE organization_setting SET value = '12' WHERE name = 'fiscal_year_start_month';
SELECT results_eq($$SELECT fiscal_year, fiscal_quarter, fiscal_month FROM bi_dim_date WHERE calendar_date IN ('2025-11-30', '2025-12-01') ORDER BY calendar_date$$,
	$$VALUES (2025, 4, 12), (2026, 1, 1)$$, 'from December');
SELECT results_eq($$SELECT month_name, year_and_month, month_start_date, iso_year, iso_week, day_of_month, day_of_week, day_name, is_weekend FROM bi_dim_date WHERE calendar_date IN ('2024-12-30', '2025-02-01') ORDER BY calendar_date$$,
	$$VALUES ('December', '2024-12', date '2024-12-01', 2025, 1, 30, 1, 'Monday', false), ('February', '2025-02', '2025-02-01', 2025, 5, 1, 6, 'Saturday', true)$$, 'the parts of a day');
SELECT results_eq($$SELECT min(calendar_date), count(*) = count(DISTINCT calendar_date), count(*) = max(calendar_date) - min(calendar_date) + 1, max(calendar_date) >= current_date + 3650 FROM bi_dim_date$$,
	$$VALUES (date '2000-01-01', true, true, true)$$, 'every day once, ten years ahead');
SELECT results_eq('SELECT account_name, parent_account_name, industry_label, territory_name, city, country, owner_id FROM bi_dim_account WHERE account_id IN (101, 102) ORDER BY account_id',
	$$VALUES ('Contoso', NULL, 'Consulting', 'East', NULL, 'Japan', 101::bigint), ('Contoso Lab', 'Contoso', NULL, NULL, 'Lima', 'Peru', 102)$$, 'accounts, with the default country');
SELECT results_eq('SELECT product_name, family_name, product_type_label, default_unit_name, list_price, state_label FROM bi_dim_product WHERE product_id = 102',
	$$VALUES ('Water pump', 'Pumps', 'Sales Inventory', 'Primary Unit', 120.0000, 'Active')$$, 'products');
SELECT results_eq('SELECT owner_name, owner_type, manager_owner_id, manager_name, business_unit_name, is_disabled FROM bi_dim_owner ORDER BY owner_id',
	$$VALUES ('Default Team', 'team', NULL::bigint, NULL, 'Organization', false), ('Ana', 'user', NULL, NULL, 'Organization', false), ('Ben', 'user', 101, 'Ana', 'Organization', true)$$, 'owners');

-- Settings that were emptied or deleted do no harm.
UPDATE organization_setting SET value = '' WHERE name IN ('time_zone', 'fiscal_year_start_month');
SELECT is((SELECT created_date FROM bi_fact_lead WHERE lead_id = 101), '2025-01-31', 'without a time zone days are those of UTC');
DELETE FROM organization_setting WHERE name IN ('time_zone', 'fiscal_year_start_month');
SELECT is((SELECT created_date FROM bi_fact_lead WHERE lead_id = 101), '2025-01-31', 'also when the row is gone');
SELECT is((SELECT fiscal_year FROM bi_dim_date WHERE calendar_date = '2025-12-31'), 2025, 'and the fiscal year begins in January');

-- Who may see what: the rights and the policies of the reader, not of the owner of the views.
CREATE ROLE pgtap_views_reader;
CREATE ROLE pgtap_views_stranger;
GRANT USAGE ON SCHEMA pgtap_views TO pgtap_views_stranger;
GRANT SELECT ON bi_fact_lead TO pgtap_views_stranger;
SELECT sales_crm.grant_access('pgtap_views_reader', 'read');
ALTER TABLE opportunity ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_ana ON opportunity USING (owner_id = 101);
SET LOCAL ROLE pgtap_views_reader;
SELECT lives_ok('SELECT count(*) FROM ' || view, 'a reader may read ' || view)
	FROM unnest('{bi_fact_quote,bi_fact_order_line,bi_fact_invoice}'::text[]) AS view;
SELECT is((SELECT count(*) FROM bi_fact_opportunity), 5::bigint, 'row security hides the opportunities of others');
SELECT is((SELECT sum(won_count) FROM bi_owner_performance), 1::numeric, 'also in what is summed');
RESET ROLE;
SET LOCAL ROLE pgtap_views_stranger;
SELECT throws_ok('SELECT count(*) FROM bi_fact_lead', '42501', NULL, 'a right on the view alone gives nothing');
RESET ROLE;

-- The last change is the one with the last key: a transaction that waited for the record began before the one before it.
INSERT INTO lead (company_name) VALUES ('Late') RETURNING lead_id AS late_id \gset
SET LOCAL sales_crm.now = '2032-02-02 12:00+00';
SELECT sales_crm.disqualify_lead(lead_id => :late_id) \gset
SELECT sales_crm.reopen_lead(lead_id => :late_id) \gset
SET LOCAL sales_crm.now = '2032-01-01 12:00+00';
SELECT sales_crm.disqualify_lead(lead_id => :late_id) \gset
SELECT is(closed_date, '2032-01-01', 'a lead was closed by its last change, whenever that began') FROM bi_fact_lead WHERE lead_id = :late_id;
RESET sales_crm.now;

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
