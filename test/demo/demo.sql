-- The story that make demo tells. Each statement is shown, then its answer.
\set QUIET on
\pset border 2
\pset footer off
\pset null '-'
\set ON_ERROR_STOP on
SET client_min_messages = warning;

\echo
\echo '=== One statement, one working CRM'
\set ECHO queries
CREATE EXTENSION sales_crm;
SELECT sales_crm.version();

\set ECHO none
\echo
\echo '=== Who sells: two people and a team'
\set ECHO queries
INSERT INTO crm.owner (owner_type, name) VALUES ('user', 'Ana Torres'), ('user', 'Ben Okafor');
INSERT INTO crm.crm_user (owner_id, name, email)
SELECT owner_id, name, lower(split_part(name, ' ', 1)) || '@example.com' FROM crm.owner WHERE name IN ('Ana Torres', 'Ben Okafor');

\set ECHO none
\echo
\echo '=== What is sold: products, published, with a price list'
\set ECHO queries
INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id)
SELECT p.product_number, p.name, u.unit_group_id, u.unit_id
FROM (VALUES ('PMP-100', 'Water pump'), ('FLT-200', 'Filter cartridge'), ('SRV-300', 'Yearly service')) AS p (product_number, name),
     (SELECT * FROM crm.unit WHERE is_base_unit LIMIT 1) AS u;
INSERT INTO crm.price_list (name, currency_code) VALUES ('Retail', 'USD');
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount)
SELECT l.price_list_id, p.product_id, p.default_unit_id, a.amount
FROM crm.price_list l, crm.product p, (VALUES ('PMP-100', 1250.00), ('FLT-200', 35.50), ('SRV-300', 480.00)) AS a (product_number, amount)
WHERE l.name = 'Retail' AND p.product_number = a.product_number;
SELECT p.name, published.state FROM crm.product p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS published (state);

\set ECHO none
\echo
\echo '=== A lead comes in from the web site'
SELECT owner_id AS ana FROM crm.owner WHERE name = 'Ana Torres' \gset
SELECT owner_id AS ben FROM crm.owner WHERE name = 'Ben Okafor' \gset
\set ECHO queries
INSERT INTO crm.lead (subject, first_name, last_name, company_name, email, lead_source, estimated_value, owner_id)
VALUES ('Pumps for the new plant', 'Carla', 'Mendez', 'Northwind Farms', 'carla@northwind.example', 'web', 12000, :ana)
RETURNING lead_id, full_name, state, status_reason, currency_code;

\set ECHO none
SELECT lead_id FROM crm.lead WHERE company_name = 'Northwind Farms' \gset
\echo
\echo '=== What would qualifying it do, then do it'
\set ECHO queries
SELECT * FROM sales_crm.preview_qualify_lead(lead_id => :lead_id);
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id);

\set ECHO none
SELECT qualified_opportunity_id AS opportunity_id FROM crm.lead WHERE lead_id = :lead_id \gset
\echo
\echo '=== The opportunity gets its price list and lines; the database prices them'
\set ECHO queries
UPDATE crm.opportunity SET price_list_id = (SELECT price_list_id FROM crm.price_list WHERE name = 'Retail'), is_revenue_system_calculated = true
WHERE opportunity_id = :opportunity_id;
INSERT INTO crm.opportunity_product (opportunity_id, product_id, quantity)
SELECT :opportunity_id, p.product_id, v.quantity
FROM (VALUES ('PMP-100', 8), ('FLT-200', 40), ('SRV-300', 1)) AS v (product_number, quantity) JOIN crm.product p USING (product_number);
SELECT l.line_number, p.name AS product, l.quantity, l.price_per_unit, l.extended_amount
FROM crm.opportunity_product l JOIN crm.product p USING (product_id) WHERE l.opportunity_id = :opportunity_id ORDER BY l.line_number;
SELECT name, total_amount, estimated_value, state, pipeline_phase FROM crm.opportunity WHERE opportunity_id = :opportunity_id;

\set ECHO none
\echo
\echo '=== A quote from the opportunity, made binding'
\set ECHO queries
SELECT * FROM sales_crm.create_quote_from_opportunity(opportunity_id => :opportunity_id);
\set ECHO none
SELECT quote_id FROM crm.quote WHERE opportunity_id = :opportunity_id \gset
\set ECHO queries
SELECT * FROM sales_crm.activate_quote(quote_id => :quote_id);

\set ECHO none
\echo
\echo '=== An active quote is read-only for every writer: this is refused'
\set ON_ERROR_STOP off
\set ECHO queries
UPDATE crm.quote_product SET quantity = 80 WHERE quote_id = :quote_id;
\set ECHO none
\echo SQLSTATE :LAST_ERROR_SQLSTATE
SELECT name, description FROM crm.error_code WHERE error_code = :'LAST_ERROR_SQLSTATE';
\set ON_ERROR_STOP on

\echo
\echo '=== The way to change it is a revision: ten pumps, two percent off'
\set ECHO queries
SELECT * FROM sales_crm.revise_quote(quote_id => :quote_id);
\set ECHO none
SELECT quote_id FROM crm.quote WHERE opportunity_id = :opportunity_id ORDER BY revision_number DESC LIMIT 1 \gset
\set ECHO queries
UPDATE crm.quote_product SET quantity = 10 WHERE quote_id = :quote_id AND line_number = (SELECT min(line_number) FROM crm.quote_product WHERE quote_id = :quote_id);
UPDATE crm.quote SET discount_percentage = 2, freight_amount = 150 WHERE quote_id = :quote_id;
SELECT * FROM sales_crm.activate_quote(quote_id => :quote_id);
SELECT quote_number, revision_number, state, status_reason, total_line_item_amount, total_discount_amount, freight_amount, total_amount
FROM crm.quote WHERE opportunity_id = :opportunity_id ORDER BY revision_number;

\set ECHO none
\echo
\echo '=== The customer accepts: quote and opportunity are won, an order with locked prices stands'
\set ECHO queries
SELECT * FROM sales_crm.accept_quote(quote_id => :quote_id);
\set ECHO none
SELECT sales_order_id FROM crm.sales_order WHERE quote_id = :quote_id \gset
\set ECHO queries
SELECT order_number, state, status_reason, is_price_locked, total_amount FROM crm.sales_order WHERE sales_order_id = :sales_order_id;
SELECT state, status_reason, actual_value, actual_close_date FROM crm.opportunity WHERE opportunity_id = :opportunity_id;

\set ECHO none
\echo
\echo '=== The order is completed: that makes its invoice'
\set ECHO queries
SELECT * FROM sales_crm.fulfill_order(sales_order_id => :sales_order_id);
\set ECHO none
SELECT invoice_id FROM crm.invoice WHERE sales_order_id = :sales_order_id \gset
\echo
\echo '=== The invoice is paid, first a part, then the rest'
\set ECHO queries
SELECT * FROM sales_crm.pay_invoice(invoice_id => :invoice_id, amount => 5000, reference => 'bank transfer 1');
SELECT invoice_number, state, status_reason, total_amount, amount_paid, balance_amount FROM crm.invoice WHERE invoice_id = :invoice_id;
SELECT * FROM sales_crm.pay_invoice(invoice_id => :invoice_id, reference => 'bank transfer 2');
SELECT invoice_number, state, status_reason, total_amount, amount_paid, balance_amount FROM crm.invoice WHERE invoice_id = :invoice_id;

\set ECHO none
\echo
\echo '=== What happened, as the history tells it'
\set ECHO queries
SELECT entity, from_state || '/' || from_status_reason AS was, to_state || '/' || to_status_reason AS became, description
FROM crm.status_history ORDER BY status_history_id;

\set ECHO none
\echo
\echo '=== More deals in one statement: forty leads, thirty of them qualified'
\set ECHO queries
INSERT INTO crm.lead (subject, last_name, company_name, lead_source, estimated_value, owner_id)
SELECT 'Request ' || n, 'Buyer ' || n, 'Company ' || n, (ARRAY['web', 'trade_show', 'advertisement'])[n % 3 + 1],
       800 + n * n * 35 % 21000, CASE WHEN n % 2 = 0 THEN :ana ELSE :ben END
FROM generate_series(1, 40) AS n;
SELECT count(opportunity_id) AS qualified, count(error_code) AS refused
FROM sales_crm.qualify_leads(lead_ids => (SELECT array_agg(lead_id) FROM (SELECT lead_id FROM crm.lead WHERE state = 'open' ORDER BY lead_id LIMIT 30) AS l));
UPDATE crm.opportunity
SET pipeline_phase = (ARRAY['qualify', 'develop', 'develop', 'propose', 'close'])[opportunity_id % 5 + 1],
    close_probability = (ARRAY[10, 30, 30, 60, 90])[opportunity_id % 5 + 1]
WHERE state = 'open';

\set ECHO none
\echo
\echo '=== A rule: whoever asks for more than 10,000 on the web site is called within two hours'
\set ECHO queries
INSERT INTO crm.automation_rule (name, entity, event, condition)
VALUES ('Call big leads', 'lead', 'created', 'new.lead_source = ''web'' AND new.estimated_value > 10000');
INSERT INTO crm.automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, 'create_activity', '{"activity_type": "phone_call", "subject": "''Call '' || new.company_name", "due_in": "2 hours"}'
FROM crm.automation_rule WHERE name = 'Call big leads';
INSERT INTO crm.lead (subject, last_name, company_name, lead_source, estimated_value, owner_id)
VALUES ('Irrigation', 'Lindqvist', 'Birch Estate', 'web', 18000, :ben);
\set ECHO none
SELECT lead_id FROM crm.lead WHERE company_name = 'Birch Estate' \gset
\set ECHO queries
SELECT kind, subject, state FROM sales_crm.timeline(entity => 'lead', id => :lead_id);
SELECT step, kind, expression, result FROM sales_crm.explain_rule(rule => 'Call big leads', entity => 'lead', id => :lead_id) WHERE kind <> 'value';

\set ECHO none
\echo
\echo '=== The guide: where a lead is, and what may be done next'
\set ECHO queries
SELECT * FROM sales_crm.start_process(entity => 'lead', record_id => :lead_id);
SELECT section, name, is_required, is_done, is_allowed FROM sales_crm.process_guidance(entity => 'lead', id => :lead_id);
SELECT reason, hint FROM sales_crm.why_not(entity => 'lead', id => :lead_id, action => 'next_stage');

\set ECHO none
\echo
\echo '=== The pipeline, from the view crm.bi_pipeline_by_stage'
SELECT pipeline_phase_label AS phase, opportunity_count AS deals, amount_base::numeric(19,2) AS amount, weighted_amount_base::numeric(19,2) AS weighted,
       rpad(repeat('#', round(40 * weighted_amount_base / greatest(max(amount_base) OVER (), 1))::integer), round(40 * amount_base / greatest(max(amount_base) OVER (), 1))::integer, '.')
         AS "weighted #, whole amount ."
FROM crm.bi_pipeline_by_stage ORDER BY sort_order;

\echo
\echo '=== And every invariant holds: no row'
\set ECHO queries
SELECT * FROM sales_crm.verify();
