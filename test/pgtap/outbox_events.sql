-- The outbox: events of the change's own transaction, numbered for each record, read and acknowledged by name.
BEGIN;
\ir ../lib/pgtap.sql
SELECT plan(35);

-- Standard events are rules that are switched off.
SELECT is(count(*), 12::bigint, 'twelve standard events, none of them on') FROM crm.automation_rule WHERE name LIKE 'outbox %' AND NOT is_active;
SELECT is(count(*), 0::bigint, 'and no trigger that would cost anything') FROM pg_trigger WHERE tgname LIKE 't80\_automation\_%' AND tgrelid = 'crm.lead'::regclass;
SELECT pg_temp.new_lead('Silent') \gset
SELECT sales_crm.disqualify_lead(lead_id => :new_lead) \gset
SELECT is(count(*), 0::bigint, 'nothing goes out') FROM crm.outbox_event;
UPDATE crm.automation_rule SET is_active = true WHERE name LIKE 'outbox %';

-- One sale, event by event.
-- What a reader finds, and acknowledges.
CREATE FUNCTION pg_temp.seen() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	events text := (SELECT string_agg(format('%s %s %s>%s %s', event_name, sequence_number, payload ->> 'old_state', payload ->> 'new_state', payload -> 'record' ->> 'status_reason'), ', ')
	                  FROM sales_crm.read_outbox(consumer => 'tap'));
BEGIN
	PERFORM sales_crm.acknowledge_outbox('tap', max(outbox_event_id)) FROM sales_crm.read_outbox(consumer => 'tap') HAVING count(*) > 0;
	RETURN events;
END $$;
SELECT pg_temp.new_lead('Contoso') AS lead_id \gset
SELECT opportunity_id FROM sales_crm.qualify_lead(lead_id => :lead_id) \gset
SELECT is(pg_temp.seen(), 'lead.qualified 1 open>qualified qualified', 'a qualified lead');
INSERT INTO crm.opportunity_product (opportunity_id, product_description, quantity, price_per_unit) VALUES (:opportunity_id, 'Widget', 2, 100);
SELECT sales_crm.create_quote_from_opportunity(opportunity_id => :opportunity_id) AS quote_id \gset
SELECT is(pg_temp.seen(), NULL, 'a draft tells nobody');
SELECT sales_crm.activate_quote(quote_id => :quote_id) \gset
SELECT is(pg_temp.seen(), 'quote.activated 1 draft>active in_progress', 'an active quote');
SELECT sales_crm.accept_quote(quote_id => :quote_id) AS sales_order_id \gset
SELECT is(pg_temp.seen(), 'quote.accepted 2 active>won won, opportunity.won 1 open>won won', 'an accepted one');
SELECT sales_crm.submit_order(sales_order_id => :sales_order_id) \gset
SELECT sales_crm.fulfill_order(sales_order_id => :sales_order_id) AS invoice_id \gset
SELECT is(pg_temp.seen(), 'order.submitted 1 active>submitted in_progress, order.fulfilled 2 submitted>fulfilled complete, invoice.created 1 >active new', 'an order and its invoice');
SELECT sales_crm.pay_invoice(invoice_id => :invoice_id, amount => 50) \gset
SELECT is(pg_temp.seen(), NULL, 'a part is not paid');
SELECT sales_crm.pay_invoice(invoice_id => :invoice_id) \gset
SELECT is(pg_temp.seen(), 'invoice.paid 2 paid>paid complete', 'the rest is');
SELECT sales_crm.disqualify_lead(lead_id => pg_temp.new_lead('Other')) \gset
SELECT sales_crm.lose_opportunity(opportunity_id => pg_temp.new_opportunity()) \gset
SELECT is(pg_temp.seen(), 'lead.disqualified 1 open>disqualified lost, opportunity.lost 1 open>lost canceled', 'what was lost');

-- A change that is refused leaves no event and no gap.
SELECT sales_crm.reopen_lead(lead_id => max(lead_id)) AS state, max(lead_id) AS other_id FROM crm.lead \gset
DO $$ BEGIN
	PERFORM sales_crm.disqualify_lead(lead_id => max(lead_id)) FROM crm.lead;
	RAISE EXCEPTION 'no';
EXCEPTION WHEN raise_exception THEN NULL; END $$;
SELECT sales_crm.disqualify_lead(lead_id => :other_id) \gset
SELECT is(pg_temp.seen(), 'lead.disqualified 2 open>disqualified lost', 'numbers have no gap');

-- Readers.
SELECT is(string_agg(event_name, ' '), 'lead.qualified quote.activated quote.accepted', 'a new reader begins at the beginning') FROM sales_crm.read_outbox(consumer => 'second', "limit" => 3);
SELECT is(string_agg(event_name, ' '), 'lead.qualified', 'and sees the same until it acknowledges') FROM sales_crm.read_outbox(consumer => 'second', "limit" => 1);
SELECT outbox_event_id AS first_id FROM crm.outbox_event WHERE event_name = 'lead.qualified' \gset
SELECT outbox_event_id AS later_id FROM crm.outbox_event WHERE event_name = 'order.submitted' \gset
SELECT is(delivery_number, 5::bigint, 'acknowledge_outbox() says the place') FROM sales_crm.acknowledge_outbox(consumer => 'second', outbox_event_id => :later_id);
SELECT is(delivery_number, 5::bigint, 'never back') FROM sales_crm.acknowledge_outbox(consumer => 'second', outbox_event_id => :first_id);
SELECT is(string_agg(event_name, ' '), 'order.fulfilled', 'the next one') FROM sales_crm.read_outbox(consumer => 'second', "limit" => 1);
SELECT is(delivery_number, 1::bigint, 'unless asked') FROM sales_crm.acknowledge_outbox(consumer => 'second', outbox_event_id => :first_id, goes_back => true);
SELECT is(string_agg(event_name, ' '), 'quote.activated', 'which reads again') FROM sales_crm.read_outbox(consumer => 'second', "limit" => 1);
SELECT is(delivery_number, 0::bigint, 'from the beginning') FROM sales_crm.acknowledge_outbox(consumer => 'second', outbox_event_id => 0, goes_back => true);
SELECT is(count(*), 0::bigint, 'limit 0') FROM sales_crm.read_outbox(consumer => 'second', "limit" => 0);
SELECT pg_temp.refused('SELECT sales_crm.read_outbox(NULL)', '22004', 'no reader');
SELECT pg_temp.refused($$SELECT sales_crm.read_outbox('tap', -1)$$, '22023', 'a negative limit');
SELECT pg_temp.refused($$SELECT sales_crm.acknowledge_outbox('nobody', 0, true)$$, 'P0002', 'an unknown reader');
SELECT pg_temp.refused($$SELECT sales_crm.acknowledge_outbox('tap', 99999999)$$, 'P0002', 'an unknown event');
SELECT sales_crm.disqualify_lead(lead_id => pg_temp.new_lead('Third')) \gset
SELECT pg_temp.refused(format($$SELECT sales_crm.acknowledge_outbox('tap', %s)$$, max(outbox_event_id)), '55000', 'an event that nobody read') FROM crm.outbox_event;

-- What all readers are done with may go; numbers go on behind it.
SELECT is(purged, 0::bigint, 'nothing is old') FROM sales_crm.purge_outbox();
SELECT is(purged, 0::bigint, 'one reader is not done') FROM sales_crm.purge_outbox(older_than => '-1 day');
SELECT sales_crm.acknowledge_outbox(consumer => 'second', outbox_event_id => :later_id) \gset
SELECT is(purged, 5::bigint, 'what both have read') FROM sales_crm.purge_outbox(older_than => '-1 day');
SELECT pg_temp.seen() \gset
SELECT sales_crm.acknowledge_outbox('second', max(outbox_event_id)) FROM sales_crm.read_outbox('second') \gset
SELECT is(purged, 7::bigint, 'all the others') FROM sales_crm.purge_outbox(older_than => '-1 day');
SELECT is(count(*), 0::bigint, 'nothing is left') FROM crm.outbox_event;
SELECT sales_crm.reopen_lead(lead_id => :other_id) \gset
SELECT sales_crm.disqualify_lead(lead_id => :other_id) \gset
SELECT is(pg_temp.seen(), 'lead.disqualified 3 open>disqualified lost', 'a record counts on when its events are gone');
SELECT pg_temp.refused('SELECT sales_crm.purge_outbox(NULL)', '22004', 'no age');

-- Many events of few records in one statement.
INSERT INTO crm.automation_rule (name, entity, event) VALUES ('many', 'lead', 'created') RETURNING automation_rule_id AS many_id \gset
INSERT INTO crm.automation_action (automation_rule_id, sort_order, action, parameters) VALUES (:many_id, 1, 'put_outbox', '{"event": "''a''"}'), (:many_id, 2, 'put_outbox', '{"event": "''b''"}');
INSERT INTO crm.lead (company_name) SELECT 'Bulk ' || n FROM generate_series(1, 500) AS n;
SELECT is(count(*) || ' ' || count(*) FILTER (WHERE event_name = 'a' AND sequence_number = 1 OR event_name = 'b' AND sequence_number = 2), '1000 1000', 'each record has its own numbers')
  FROM crm.outbox_event WHERE event_name IN ('a', 'b');
SELECT is((SELECT count(*) FROM sales_crm.verify()), 0::bigint, 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
