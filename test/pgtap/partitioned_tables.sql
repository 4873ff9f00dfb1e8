-- A table of ours that its owner partitioned: what asks whether it was ever written looks into it, what is kept of it is read anew.
\ir ../lib/pgtap.sql
BEGIN;
SELECT plan(4);
SELECT sales_crm.create_organization('parted') \gset
SET LOCAL search_path = parted, public, pg_temp;
SET LOCAL sales_crm.organization = 'parted';
SET LOCAL client_min_messages = warning;
ALTER TABLE queue_item RENAME TO queue_item_before;
ALTER TABLE queue_item_before RENAME CONSTRAINT queue_item_pkey TO queue_item_before_pkey;
CREATE TABLE queue_item (LIKE queue_item_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING IDENTITY, PRIMARY KEY (queue_item_id)) PARTITION BY RANGE (queue_item_id);
CREATE TABLE queue_item_all PARTITION OF queue_item DEFAULT;
ALTER TABLE option_value RENAME TO option_value_before;
CREATE TABLE option_value (LIKE option_value_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING IDENTITY) PARTITION BY LIST (entity);
CREATE TABLE option_value_lead PARTITION OF option_value FOR VALUES IN ('lead');
CREATE TABLE option_value_others PARTITION OF option_value DEFAULT;
INSERT INTO option_value SELECT * FROM option_value_before;
SELECT sales_crm.repair('parted') \gset

INSERT INTO queue (queue_id, name) VALUES (1000, 'Inbound');
INSERT INTO lead (lead_id, last_name) VALUES (901, 'A');
SELECT sales_crm.add_to_queue('lead', 901, 1000) AS item \gset
SELECT sales_crm.disqualify_lead(lead_id => 901) \gset
SELECT results_eq('SELECT state FROM queue_item', $$VALUES ('inactive')$$, 'a record whose work is over leaves its queue');

SELECT throws_ok($$INSERT INTO lead (last_name, lead_source) VALUES ('C', 'fair')$$, '23514', NULL, 'an option that is not there');
INSERT INTO option_value_lead (option_value_id, entity, column_name, value, label) VALUES (100000, 'lead', 'lead_source', 'fair', 'Fair');
SELECT lives_ok($$INSERT INTO lead (last_name, lead_source) VALUES ('C', 'fair')$$, 'one that was written into a part');
SELECT is_empty($$SELECT * FROM sales_crm.verify() WHERE check_name = 'change_not_announced'$$, 'its parts tell of changes too');
SELECT * FROM finish();
ROLLBACK;
