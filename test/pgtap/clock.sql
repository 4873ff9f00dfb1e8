-- The setting sales_crm.now: everything that asks for the time follows it, and nobody but a superuser may set it.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(17);

SET LOCAL sales_crm.now = '2026-03-01 23:30:00+00';
SELECT is(current_setting('sales_crm.now'), '2026-03-01 23:30:00+00', 'the moment is kept in UTC');
SET LOCAL TIME ZONE 'Asia/Tokyo';
SET LOCAL sales_crm.now = '2026-03-02 08:30';
SELECT is(current_setting('sales_crm.now'), '2026-03-01 23:30:00+00', 'one without a zone is of the session''s zone, once and for all');
SET LOCAL TIME ZONE 'UTC';

SELECT remember('lead', new_lead.lead_id) FROM (SELECT 1) AS one, LATERAL (SELECT nextval(pg_get_serial_sequence('crm.lead', 'lead_id')) AS lead_id) AS new_lead \gset
INSERT INTO lead (lead_id, last_name, company_name) VALUES (id('lead'), 'Lee', 'Contoso');
SELECT is(created_at, '2026-03-01 23:30+00', 'a row is made then') FROM lead WHERE lead_id = id('lead');
SELECT is(modified_at, '2026-03-01 23:30+00', 'and last changed then') FROM lead WHERE lead_id = id('lead');
SET LOCAL sales_crm.now = '2026-03-02 10:00:00+00';
SELECT remember('deal', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('lead')) \gset
SELECT is(changed_at, '2026-03-02 10:00+00', 'the history tells of that moment') FROM status_history WHERE entity = 'lead' AND record_id = id('lead');
UPDATE opportunity SET pipeline_phase = 'develop' WHERE opportunity_id = id('deal');
SELECT is(changed_at, '2026-03-02 10:00+00', 'and so does that of the phases') FROM opportunity_stage_history WHERE opportunity_id = id('deal');

WITH made AS (INSERT INTO quote (account_id) VALUES (id('Contoso')) RETURNING quote_id) SELECT remember('quote', quote_id) FROM made \gset
SELECT is((effective_from, effective_to)::text, '(2026-03-02,2026-04-01)', 'a quote is valid from that day') FROM quote WHERE quote_id = id('quote');
INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (id('quote'), 'Work', 100);
SELECT state FROM sales_crm.activate_quote(quote_id => id('quote')) \gset
SET LOCAL sales_crm.now = '2026-04-02 00:00:00+00';
SELECT throws_ok(format('SELECT * FROM sales_crm.accept_quote(quote_id => %s)', id('quote')), 'SC013', NULL, 'and expires by it');
SET LOCAL sales_crm.now = '2026-04-01 23:59:59+00';
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('quote')) \gset
SELECT is(actual_end_at, '2026-04-01 23:59:59+00', 'the closing tells of that moment') FROM quote_close WHERE quote_id = id('quote');
SELECT remember('invoice', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('order')) \gset
SELECT is((invoice_date, due_date)::text, '(2026-04-01,2026-05-16)', 'an invoice is dated and due by it') FROM invoice WHERE invoice_id = id('invoice');
SELECT is(is_overdue, false, 'not yet overdue') FROM bi_fact_invoice WHERE invoice_id = id('invoice');
SET LOCAL sales_crm.now = '2026-05-17 00:00:00+00';
SELECT is(is_overdue, true, 'overdue the day after') FROM bi_fact_invoice WHERE invoice_id = id('invoice');
UPDATE organization_setting SET value = 'America/New_York' WHERE name = 'time_zone';
SELECT is(is_overdue, false, 'by the organization''s calendar') FROM bi_fact_invoice WHERE invoice_id = id('invoice');

SET LOCAL sales_crm.now = '';
SELECT remember('now', new_lead.lead_id) FROM (SELECT nextval(pg_get_serial_sequence('crm.lead', 'lead_id')) AS lead_id) AS new_lead \gset
INSERT INTO lead (lead_id, last_name) VALUES (id('now'), 'Lee');
SELECT is(created_at, now(), 'empty, it is the transaction''s time') FROM lead WHERE lead_id = id('now');
SELECT throws_ok($$SET sales_crm.now = 'next week or so'$$, '22023', NULL, 'no moment at all');
SELECT throws_ok($$SET sales_crm.now = 'now'$$, '22023', NULL, 'nor one that moves');
CREATE ROLE tap_clock;
SET LOCAL ROLE tap_clock;
SELECT throws_ok($$SET sales_crm.now = '2026-01-01'$$, '42501', NULL, 'a superuser''s matter');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
