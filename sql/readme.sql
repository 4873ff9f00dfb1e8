-- The sessions of README.md, word for word, in a database of their own: the keys and numbers are those of a fresh one.
\set ECHO none
SELECT current_database() AS home \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS sales_crm_readme;
CREATE DATABASE sales_crm_readme TEMPLATE template0;
\c sales_crm_readme
\set ECHO all
CREATE EXTENSION sales_crm;
INSERT INTO crm.lead (subject, first_name, last_name, company_name, lead_source)
VALUES ('Espresso machines', 'Ana', 'Ruiz', 'Cafe Sol', 'web');
SELECT * FROM sales_crm.qualify_lead(lead_id => 1);
INSERT INTO crm.opportunity_product (opportunity_id, product_description, quantity, price_per_unit)
VALUES (1, 'Espresso machine', 10, 450), (1, 'Training, one day', 1, 300);
SELECT * FROM sales_crm.create_quote_from_opportunity(opportunity_id => 1);
SELECT * FROM sales_crm.activate_quote(quote_id => 1);
SELECT * FROM sales_crm.revise_quote(quote_id => 1);
UPDATE crm.quote SET discount_percentage = 5 WHERE quote_id = 2;
SELECT * FROM sales_crm.activate_quote(quote_id => 2);
SELECT * FROM sales_crm.accept_quote(quote_id => 2);
SELECT * FROM sales_crm.fulfill_order(sales_order_id => 1);
SELECT * FROM sales_crm.pay_invoice(invoice_id => 1);
SELECT quote_number, revision_number, total_amount, state, status_reason FROM crm.quote ORDER BY quote_id;
SELECT order_number, invoice_number, i.total_amount, i.balance_amount, o.state AS order_state, i.state AS invoice_state
FROM crm.invoice AS i JOIN crm.sales_order AS o USING (sales_order_id);
UPDATE crm.invoice SET freight_amount = 60 WHERE invoice_id = 1;
INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, standard_cost) VALUES ('G-1', 'Grinder', 1, 1, 80);
SELECT * FROM sales_crm.publish_product(product_id => 1);
INSERT INTO crm.discount_list (name) VALUES ('Six and more');
INSERT INTO crm.discount_list_item (discount_list_id, low_quantity, percentage) VALUES (1, 6, 5);
INSERT INTO crm.price_list (name, currency_code) VALUES ('Standard', 'USD');
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, pricing_method, percentage, rounding_policy, rounding_option, rounding_amount, discount_list_id)
VALUES (1, 1, 1, 'percent_margin_standard_cost', 25, 'up', 'ends_in', 0.95, 1);
UPDATE crm.account SET price_list_id = 1 WHERE account_id = 1;
INSERT INTO crm.quote (name, account_id) VALUES ('Six grinders', 1) RETURNING quote_id, quote_number, price_list_id;
INSERT INTO crm.quote_product (quote_id, product_id, quantity, manual_discount_percentage) VALUES (3, 1, 6, 10)
RETURNING quote_product_id, price_per_unit, volume_discount_amount, extended_amount;
SELECT * FROM sales_crm.explain_price(entity => 'quote', line_id => 5);
SELECT quote_number, total_amount, pricing_error FROM crm.quote WHERE quote_id = 3;
SELECT * FROM sales_crm.activate_quote(quote_id => 3);
SELECT * FROM sales_crm.accept_quote(quote_id => 3);
SELECT * FROM sales_crm.create_down_payment_invoice(sales_order_id => 2, percentage => 20);
SELECT * FROM sales_crm.deliver_order(sales_order_id => 2, lines => '[{"sales_order_product_id": 3, "quantity": 4}]');
SELECT * FROM sales_crm.create_invoice_from_order(sales_order_id => 2, basis => 'delivered');
SELECT delivery_status, billing_status, payment_status, open_to_deliver_amount FROM crm.bi_order_progress WHERE sales_order_id = 2;
SELECT * FROM sales_crm.fulfill_order(sales_order_id => 2);
SELECT * FROM sales_crm.create_credit_note(invoice_id => 3, lines => '[{"invoice_product_id": 4, "quantity": 1}]');
SELECT invoice_id, invoice_number, invoice_type, total_amount, due_date - invoice_date AS days FROM crm.invoice WHERE sales_order_id = 2 ORDER BY invoice_id;
SELECT * FROM sales_crm.deactivate_process(process_name => 'Lead to Opportunity Sales Process');
UPDATE crm.process_step SET is_required = true FROM crm.process_stage AS s JOIN crm.process AS p USING (process_id)
WHERE s.process_stage_id = process_step.process_stage_id AND p.name = 'Lead to Opportunity Sales Process' AND column_name = 'customer_need';
SELECT * FROM sales_crm.activate_process(process_name => 'Lead to Opportunity Sales Process');
INSERT INTO crm.lead (subject, last_name, company_name, lead_source) VALUES ('Ten mills', 'Kato', 'Kato Foods', 'web');
SELECT * FROM sales_crm.start_process(entity => 'lead', record_id => 2);
SELECT * FROM sales_crm.qualify_lead(lead_id => 2);
SELECT section, name, value, is_required, is_done, is_allowed FROM sales_crm.process_guidance(entity => 'opportunity', id => 2);
SELECT * FROM sales_crm.next_stage(entity => 'opportunity', record_id => 2);
SELECT * FROM sales_crm.why_not(entity => 'opportunity', id => 2, action => 'next_stage');
UPDATE crm.opportunity SET customer_need = 'Finer flour' WHERE opportunity_id = 2;
SELECT * FROM sales_crm.next_stage(entity => 'opportunity', record_id => 2);
SELECT name, pipeline_phase, close_probability FROM crm.opportunity WHERE opportunity_id = 2;
SELECT process, entity, record_id, state, path FROM crm.process_path;
INSERT INTO crm.automation_rule (name, entity, event, condition, is_active) VALUES
('Call web leads', 'lead', 'created', $$new.lead_source = 'web' AND new.business_phone IS NOT NULL$$, false);
INSERT INTO crm.automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, 'create_activity', $${"activity_type": "phone_call", "subject": "'Call ' || new.business_phone", "due_in": "2 hours"}$$
FROM crm.automation_rule WHERE name = 'Call web leads';
SELECT * FROM sales_crm.explain_rule(rule => 'Call web leads', entity => 'lead', id => 2);
UPDATE crm.automation_rule SET is_active = true WHERE name = 'Call web leads';
INSERT INTO crm.lead (subject, last_name, company_name, lead_source, business_phone) VALUES ('Two ovens', 'Diaz', 'Diaz Bakery', 'web', '555-0100');
SELECT action, entity, detail FROM sales_crm.dry_run(rule => 'Call web leads', entity => 'lead', id => 3);
SELECT activity_type, subject, state, extract(hour FROM scheduled_end_at - created_at)::integer AS hours FROM crm.activity WHERE regarding_entity = 'lead' AND regarding_id = 3;
SELECT f.* FROM crm.activity AS a, LATERAL sales_crm.complete_activity(activity_id => a.activity_id) AS f WHERE a.subject = 'Call 555-0100';
INSERT INTO crm.automation_rule (name, entity, event, watched_columns, condition) VALUES
('No steep discounts', 'quote', 'updated', 'discount_percentage', 'new.discount_percentage > 20');
INSERT INTO crm.automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, 'refuse', $${"message": "'Discounts over 20 % are the sales manager''s.'"}$$ FROM crm.automation_rule WHERE name = 'No steep discounts';
INSERT INTO crm.quote (name, account_id) VALUES ('Ovens', 1);
UPDATE crm.quote SET discount_percentage = 30 WHERE name = 'Ovens';
INSERT INTO crm.automation_rule (name, entity, event, condition) VALUES
('No steep lines', 'quote_product', 'created', 'new.manual_discount_amount > 0.2 * new.base_amount');
INSERT INTO crm.automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, 'refuse', $${"message": "'A discount of ' || new.manual_discount_amount || ' on ' || new.product_description || ' is the sales manager''s.'"}$$
FROM crm.automation_rule WHERE name = 'No steep lines';
INSERT INTO crm.quote_product (quote_id, product_description, quantity, price_per_unit, manual_discount_amount)
SELECT quote_id, 'Oven', 1, 900, 300 FROM crm.quote WHERE name = 'Ovens';
INSERT INTO crm.automation_rule (name, entity, event, condition, timing) VALUES
('Thank payers', 'invoice', 'state_changed', $$new.status_reason = 'complete'$$, 'queued');
INSERT INTO crm.automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, 'create_activity', $${"activity_type": "task", "subject": "'Thanks for ' || new.invoice_number"}$$ FROM crm.automation_rule WHERE name = 'Thank payers';
UPDATE crm.automation_rule SET is_active = true WHERE name = 'outbox invoice.paid';
SELECT * FROM sales_crm.pay_invoice(invoice_id => 4);
SELECT entity, record_id, event_key, attempts, state FROM crm.automation_queue;
SELECT * FROM sales_crm.run_due_automation();
SELECT r.name, n.entity, n.record_id, n.event_key, n.outcome FROM crm.automation_run AS n JOIN crm.automation_rule AS r USING (automation_rule_id) ORDER BY automation_run_id;
SELECT outbox_event_id, aggregate_entity, aggregate_id, sequence_number, event_name, payload ->> 'new_state' AS new_state
FROM sales_crm.read_outbox(consumer => 'bookkeeping', "limit" => 100);
SELECT * FROM sales_crm.acknowledge_outbox(consumer => 'bookkeeping', outbox_event_id => 1);
SELECT count(*) FROM sales_crm.read_outbox(consumer => 'bookkeeping');
SELECT kind, subject, state, regarding_entity FROM sales_crm.timeline(entity => 'account', id => 1, "limit" => 4);
SELECT * FROM sales_crm.verify();
\set ECHO none
\c :home
DROP DATABASE sales_crm_readme;
