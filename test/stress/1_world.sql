-- What the sessions share: few customers, deals and documents, so that they meet; rules of all kinds; the ledger.
SET client_min_messages = warning;
CREATE SCHEMA stress;

-- Each call leaves a mark here in its own transaction. What the client was told it writes into a file of its own, which stress.answer is filled from.
CREATE TABLE stress.ledger (call_id bigint NOT NULL, kind text NOT NULL, backend integer NOT NULL DEFAULT pg_backend_pid());
CREATE INDEX ON stress.ledger (call_id);
CREATE TABLE stress.answer (round integer, call_id bigint NOT NULL, kind text NOT NULL, isolation text NOT NULL, sqlstate text NOT NULL, message text);

INSERT INTO crm.crm_user (name) SELECT 'Seller ' || n FROM generate_series(1, 4) AS n;
INSERT INTO crm.currency (currency_code, name, decimals, exchange_rate) VALUES ('EUR', 'Euro', 2, 0.9), ('JPY', 'Yen', 0, 150);
INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, quantity_decimals)
SELECT 'S-' || n, 'Thing ' || n, u.unit_group_id, u.unit_id, n % 3 FROM generate_series(1, 6) AS n, (SELECT * FROM crm.unit WHERE is_base_unit LIMIT 1) AS u;
INSERT INTO crm.price_list (name, currency_code) VALUES ('Dollars', 'USD'), ('Dollars too', 'USD'), ('Euros', 'EUR'), ('Yen', 'JPY');
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount)
SELECT l.price_list_id, p.product_id, p.default_unit_id, 9.99 * p.product_id FROM crm.price_list AS l, crm.product AS p;
INSERT INTO crm.product (product_number, name, product_structure, unit_group_id, default_unit_id)
SELECT 'S-SET', 'Set', 'bundle', u.unit_group_id, u.unit_id FROM (SELECT * FROM crm.unit WHERE is_base_unit LIMIT 1) AS u;
INSERT INTO crm.product_association (bundle_id, product_id, unit_id, quantity, is_required)
SELECT b.product_id, m.product_id, m.default_unit_id, m.product_id, m.product_id < 3 FROM crm.product AS b, crm.product AS m WHERE b.product_number = 'S-SET' AND m.product_id <= 2;
SELECT count(*) AS published FROM (SELECT product_id FROM crm.product ORDER BY product_structure DESC) AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS made \gset
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount)
SELECT l.price_list_id, p.product_id, p.default_unit_id, 99.5 FROM crm.price_list AS l, crm.product AS p WHERE p.product_number = 'S-SET';

INSERT INTO crm.account (name, price_list_id, payment_terms, credit_limit)
SELECT 'Customer ' || n, CASE n WHEN 5 THEN 3 WHEN 6 THEN 4 ELSE 1 + n % 2 END, CASE n % 2 WHEN 1 THEN '2_percent_10_net_30' END, CASE WHEN n <= 3 THEN 1000000 * n END FROM generate_series(1, 6) AS n;
INSERT INTO crm.territory (name) SELECT 'Region ' || n FROM generate_series(1, 5) AS n;
INSERT INTO crm.queue (name) VALUES ('Inbound'), ('Support');

-- Invoices without gaps, the other numbers from their sequences.
UPDATE crm.number_series SET is_gapless = true WHERE series = 'invoice';

-- Rules: all that are seeded for the outbox; leads are given to sellers in turn and queued; a queued one; one that refuses; one on lines; one that comes and goes.
UPDATE crm.automation_rule SET is_active = true WHERE name LIKE 'outbox %' OR name = 'Assign new leads';
INSERT INTO crm.assignment_member (assignment_policy_id, owner_id, max_open_records)
SELECT p.assignment_policy_id, u.owner_id, CASE WHEN p.name LIKE 'Load%' THEN 40 END FROM crm.assignment_policy AS p, crm.crm_user AS u WHERE p.name NOT LIKE 'Territory%' AND u.name LIKE 'Seller %';
UPDATE crm.assignment_policy SET is_active = true WHERE name NOT LIKE 'Territory%';
CREATE FUNCTION stress.rule(name text, entity text, event text, condition text, action text, parameters jsonb, timing text DEFAULT 'in_transaction', watched text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    WITH made AS (INSERT INTO crm.automation_rule (name, entity, event, condition, timing, watched_columns) VALUES (name, entity, event, condition, timing, watched) RETURNING automation_rule_id)
    INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, action, parameters FROM made
$$;
SELECT stress.rule('Queue new leads', 'lead', 'created', NULL, 'add_to_queue', '{"queue": "Inbound"}');
SELECT stress.rule('Thank payers', 'invoice', 'state_changed', $$new.status_reason = 'complete'$$, 'create_activity', $${"activity_type": "task", "subject": "'Thanks for ' || new.invoice_number"}$$, 'queued');
SELECT stress.rule('Mark big deals', 'opportunity', 'updated', 'new.total_amount > 500', 'set_columns', $${"set": {"rating": "'hot'"}}$$, 'in_transaction', 'total_amount');
SELECT stress.rule('No steep discounts', 'quote', 'updated', 'new.discount_percentage > 20', 'refuse', $${"message": "'Not more than 20 %.'"}$$, 'in_transaction', 'discount_percentage');
SELECT stress.rule('Tell of deliveries', 'delivery', 'created', NULL, 'put_outbox', $${"event": "'goods.moved'"}$$);
SELECT stress.rule('Tell of accounts', 'account', 'updated', NULL, 'put_outbox', $${"event": "'account.changed'"}$$, 'in_transaction', 'credit_limit, parent_account_id');

CREATE ROLE stress LOGIN;
SELECT level FROM sales_crm.grant_access(role => 'stress', level => 'admin') \gset
GRANT pg_execute_server_program TO stress;    -- COPY reads what printf writes
GRANT USAGE ON SCHEMA stress TO stress;
GRANT SELECT ON ALL TABLES IN SCHEMA stress TO stress;
GRANT INSERT ON stress.ledger TO stress;
UPDATE crm.automation_rule SET rule_owner = 'stress' WHERE name IN ('Mark big deals', 'Tell of accounts');    -- those that it switches
INSERT INTO crm.crm_user (name, role_name) VALUES ('Everybody', 'stress');
