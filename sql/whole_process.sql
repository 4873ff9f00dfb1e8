-- The whole process, guided and automated: a lead from the web is assigned, called in time, led through the stages, sold, delivered, invoiced and paid.
\set VERBOSITY terse
\set ON_ERROR_ROLLBACK on
\pset null '-'
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = crm, public;
SET LOCAL sales_crm.now = '2026-03-02 10:00+00';    -- a Monday

-- Who sells, and what.
WITH made AS (INSERT INTO owner (owner_type, name) VALUES ('user', 'Ada'), ('user', 'Ben') RETURNING owner_id, name)
INSERT INTO crm_user (owner_id, name) SELECT owner_id, name FROM made;
WITH made AS (INSERT INTO product (product_number, name, unit_group_id) SELECT 'WP-1', 'Wind turbine', min(unit_group_id) FROM unit_group RETURNING product_id)
SELECT product_id FROM made \gset
SELECT state FROM sales_crm.publish_product(product_id => :product_id);
WITH made AS (INSERT INTO price_list (name, currency_code) VALUES ('Whole process', 'USD') RETURNING price_list_id) SELECT price_list_id FROM made \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) SELECT :price_list_id, product_id, default_unit_id, 12000 FROM product WHERE product_id = :product_id;

-- An administrator's rules: new leads go round among Ada and Ben, whoever gets one has to call, the guide starts, a fulfilled order becomes an invoice.
INSERT INTO assignment_member (assignment_policy_id, owner_id, sort_order) SELECT p.assignment_policy_id, o.owner_id, 1 FROM assignment_policy AS p, owner AS o WHERE p.name = 'Round robin' AND o.name IN ('Ada', 'Ben');
UPDATE assignment_policy SET is_active = true WHERE name = 'Round robin';
UPDATE organization_setting SET value = '120' WHERE name = 'first_response_minutes';
INSERT INTO automation_rule (name, entity, event, condition, sort_order, is_active) VALUES
    ('Guide leads', 'lead', 'created', NULL, 10, false),
    ('Hot leads', 'lead', 'created', 'new.lead_source = ''web'' AND new.estimated_value >= 10000', 20, false),
    ('First call', 'lead', 'assigned', 'new.state = ''open''', 10, false),
    ('Invoice fulfilled orders', 'sales_order', 'state_changed', 'new.state = ''fulfilled'' AND old.state <> ''fulfilled''', 10, false);
INSERT INTO automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, action, parameters::jsonb FROM automation_rule JOIN (VALUES
    ('Guide leads', 'call_function', '{"function": "start_process", "arguments": {"entity": "''lead''", "record_id": "new.lead_id", "process_name": "''Lead to Cash''"}}'),
    ('Hot leads', 'set_columns', '{"set": {"rating": "''hot''"}}'),
    ('First call', 'create_activity', '{"activity_type": "phone_call", "subject": "''Call '' || new.company_name", "due_in": "2 hours", "owner": "new.owner_id"}'),
    ('Invoice fulfilled orders', 'call_function', '{"function": "create_invoice_from_order", "arguments": {"sales_order_id": "new.sales_order_id"}}')) AS a (name, action, parameters) USING (name);
UPDATE automation_rule SET is_active = true WHERE name IN ('Assign new leads', 'Guide leads', 'Hot leads', 'First call', 'Invoice fulfilled orders', 'outbox lead.qualified', 'outbox order.fulfilled', 'outbox invoice.paid');

-- Which steps the guide insists on.
SELECT state FROM sales_crm.deactivate_process(process_name => 'Lead to Cash');
UPDATE process_step SET is_required = true FROM process_stage AS s JOIN process AS p USING (process_id)
 WHERE s.process_stage_id = process_step.process_stage_id AND p.name = 'Lead to Cash' AND process_step.column_name IN ('budget_amount', 'decision_maker', 'customer_need', 'develop_proposal');
SELECT state FROM sales_crm.activate_process(process_name => 'Lead to Cash');

-- Captured from the web.
INSERT INTO lead (subject, company_name, first_name, last_name, email, lead_source, estimated_value)
VALUES ('Two turbines', 'Northwind', 'Nora', 'North', 'nora@northwind.example', 'web', 24000) RETURNING lead_id \gset
SELECT o.name AS owner, l.rating, l.first_response_due_at FROM lead AS l JOIN owner AS o USING (owner_id) WHERE lead_id = :lead_id;
SELECT a.activity_type, a.subject, a.scheduled_end_at AS due, o.name AS owner FROM activity AS a JOIN owner AS o USING (owner_id) WHERE regarding_entity = 'lead' AND regarding_id = :lead_id;
SELECT section, name, regexp_replace(detail, '^lead [0-9]+$', 'lead') AS detail, value, is_required, is_done, is_allowed FROM sales_crm.process_guidance(entity => 'lead', id => :lead_id);

-- The gate holds for every way forward; why_not() says why.
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id);
SELECT stage_name FROM sales_crm.next_stage(entity => 'lead', record_id => :lead_id);
SELECT reason, detail FROM sales_crm.why_not(entity => 'lead', id => :lead_id, action => 'qualify_lead');

-- Called an hour later, in time.
SET LOCAL sales_crm.now = '2026-03-02 11:00+00';
SELECT state FROM sales_crm.complete_activity(activity_id => (SELECT activity_id FROM activity WHERE regarding_entity = 'lead' AND regarding_id = :lead_id));
SELECT first_response_at, is_breached FROM bi_lead_response WHERE lead_id = :lead_id;
UPDATE lead SET budget_amount = 30000, decision_maker = true, purchase_timeframe = 'this_quarter' WHERE lead_id = :lead_id;
SELECT count(*) AS reasons_left FROM sales_crm.why_not(entity => 'lead', id => :lead_id, action => 'qualify_lead');
SELECT account_id, contact_id, opportunity_id FROM sales_crm.qualify_lead(lead_id => :lead_id) \gset
SELECT o.name, o.pipeline_phase, o.close_probability FROM opportunity AS o WHERE opportunity_id = :opportunity_id;

-- Develop, propose, close.
SET LOCAL sales_crm.now = '2026-03-04 09:00+00';
SELECT stage_name FROM sales_crm.next_stage(entity => 'opportunity', record_id => :opportunity_id);
UPDATE opportunity SET customer_need = 'Power for a farm', price_list_id = :price_list_id WHERE opportunity_id = :opportunity_id;
INSERT INTO opportunity_product (opportunity_id, product_id, quantity) VALUES (:opportunity_id, :product_id, 2);
SELECT stage_name FROM sales_crm.next_stage(entity => 'opportunity', record_id => :opportunity_id);
SELECT quote_id FROM sales_crm.create_quote_from_opportunity(opportunity_id => :opportunity_id) \gset
SELECT state FROM sales_crm.activate_quote(quote_id => :quote_id);
UPDATE opportunity SET develop_proposal = true WHERE opportunity_id = :opportunity_id;
SELECT stage_name FROM sales_crm.next_stage(entity => 'opportunity', record_id => :opportunity_id);
SELECT pipeline_phase, close_probability FROM opportunity WHERE opportunity_id = :opportunity_id;

-- Accepted: the guide goes on with the order.
SET LOCAL sales_crm.now = '2026-03-10 15:00+00';
SELECT sales_order_id FROM sales_crm.accept_quote(quote_id => :quote_id) \gset
SELECT q.state AS quote, o.state AS opportunity, o.actual_value FROM quote AS q JOIN opportunity AS o USING (opportunity_id) WHERE quote_id = :quote_id;
SELECT section, name, is_allowed FROM sales_crm.process_guidance(entity => 'sales_order', id => :sales_order_id) WHERE section <> 'action' OR is_allowed;

-- Delivered in part, then fulfilled with the rest; the rule makes the invoice, the customer pays.
SET LOCAL sales_crm.now = '2026-03-20 08:00+00';
SELECT delivery_id IS NOT NULL AS delivered FROM sales_crm.deliver_order(sales_order_id => :sales_order_id,
    lines => (SELECT jsonb_build_array(jsonb_build_object('sales_order_product_id', sales_order_product_id, 'quantity', 1)) FROM sales_order_product WHERE sales_order_id = :sales_order_id));
SELECT delivery_status, billing_status, payment_status FROM bi_order_progress WHERE sales_order_id = :sales_order_id;
SELECT invoice_id AS made_by_the_call FROM sales_crm.fulfill_order(sales_order_id => :sales_order_id, create_invoice => false);
SELECT i.invoice_id FROM invoice AS i WHERE sales_order_id = :sales_order_id \gset
SELECT state, invoice_date, due_date, total_amount FROM invoice WHERE invoice_id = :invoice_id;
SET LOCAL sales_crm.now = '2026-04-01 08:00+00';
SELECT state FROM sales_crm.pay_invoice(invoice_id => :invoice_id);
SELECT delivery_status, billing_status, payment_status FROM bi_order_progress WHERE sales_order_id = :sales_order_id;
SELECT state FROM sales_crm.finish_process(entity => 'invoice', record_id => :invoice_id);

-- The whole way: stages, what the rules did, what other systems are told, and the story of the lead.
SELECT s.name AS stage, s.entity, h.entered_at, h.left_at, h.minutes, h.direction FROM process_stage_history AS h JOIN process_stage AS s USING (process_stage_id)
  JOIN process_instance AS i USING (process_instance_id) WHERE i.lead_id = :lead_id ORDER BY h.process_stage_history_id;
SELECT r.name AS rule, n.entity, n.event, n.depth, n.outcome FROM automation_run AS n JOIN automation_rule AS r USING (automation_rule_id) ORDER BY n.automation_run_id;
SELECT aggregate_entity, sequence_number, event_name, occurred_at FROM outbox_event ORDER BY outbox_event_id;
SELECT occurred_at, kind, state, regarding_entity FROM sales_crm.timeline(entity => 'lead', id => :lead_id);
SELECT * FROM sales_crm.verify();
ROLLBACK;
