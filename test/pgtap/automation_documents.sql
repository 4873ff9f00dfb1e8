-- Rules along a sale: what a lifecycle call changes sets them off, and they make lifecycle calls in turn.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(12);

CREATE FUNCTION rule(rule text, entity text, event text, condition text, action text, parameters jsonb) RETURNS bigint LANGUAGE sql AS $$
	WITH made AS (INSERT INTO automation_rule (name, entity, event, condition) VALUES (rule, entity, event, condition) RETURNING automation_rule_id)
	INSERT INTO automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, action, parameters FROM made RETURNING automation_rule_id
$$;
SELECT rule('invoice what is fulfilled', 'sales_order', 'state_changed', $$new.state = 'fulfilled'$$, 'call_function', '{"function": "sales_crm.create_invoice_from_order", "arguments": {"sales_order_id": "new.sales_order_id"}}') \gset
SELECT rule('send the invoice', 'invoice', 'created', NULL, 'create_activity', '{"activity_type": "email", "subject": "''Invoice '' || new.invoice_number", "due_in": "1 day"}') \gset
SELECT rule('tell of wins', 'opportunity', 'state_changed', $$new.state = 'won'$$, 'put_outbox', '{"event": "''opportunity.won''", "payload": "jsonb_build_object(''value'', new.actual_value)"}') \gset
SELECT rule('large lines', 'quote_product', 'created', 'new.extended_amount > 150', 'set_columns', '{"set": {"tax_amount": "round(new.extended_amount * 0.1, 2)"}}') \gset
SELECT rule('thank for payment', 'invoice', 'state_changed', $$new.state = 'paid' AND new.status_reason = 'complete'$$, 'create_activity', '{"activity_type": "letter", "subject": "''Thank you for '' || new.amount_paid"}') \gset

SELECT new_deal('deal') \gset
SELECT remember('quote', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('deal')) AS made (quote_id) \gset
SELECT is(total_amount, 270.0000, 'a rule on a line: 200 + 50 and the tax it set, in the total') FROM quote WHERE quote_id = id('quote');
SELECT sales_crm.activate_quote(quote_id => id('quote')) \gset
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('quote')) AS made (sales_order_id) \gset
SELECT is(event_name || ' ' || (payload ->> 'value'), 'opportunity.won 270.0000', 'a rule on the deal that accept_quote() won') FROM outbox_event WHERE aggregate_entity = 'opportunity' AND aggregate_id = id('deal');
SELECT is(invoice_id, NULL, 'fulfill_order() itself makes no invoice') FROM sales_crm.fulfill_order(sales_order_id => id('order'), create_invoice => false) AS made (invoice_id);
SELECT remember('invoice', invoice_id) FROM invoice WHERE sales_order_id = id('order') \gset
SELECT is(total_amount || state_of('sales_order', id('order')), '270.0000fulfilled/complete', 'the rule does') FROM invoice WHERE invoice_id = id('invoice');
SELECT is(count(*), 1::bigint, 'and that sets off the next one') FROM activity WHERE regarding_entity = 'invoice' AND regarding_id = id('invoice') AND subject LIKE 'Invoice INV-%';
SELECT is(string_agg(depth::text, ' ' ORDER BY automation_run_id), '2 1', 'which ends first, one deeper') FROM automation_run WHERE entity IN ('sales_order', 'invoice');
SELECT sales_crm.pay_invoice(invoice_id => id('invoice'), amount => 70) \gset
SELECT is(count(*), 0::bigint, 'paid in part') FROM activity WHERE subject LIKE 'Thank you%';
SELECT sales_crm.pay_invoice(invoice_id => id('invoice')) \gset
SELECT is(string_agg(subject, ', '), 'Thank you for 270.0000', 'paid') FROM activity WHERE subject LIKE 'Thank you%';

-- A rule refuses what a call would do: the call leaves nothing.
SELECT rule('not in August', 'sales_order', 'created', 'new.quote_id IS NOT NULL', 'refuse', '{"message": "''We are closed in August''"}') \gset
SELECT new_deal('small') \gset
SELECT remember('small quote', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('small')) AS made (quote_id) \gset
SELECT sales_crm.activate_quote(quote_id => id('small quote')) \gset
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''small quote''))', 'SC020', 'a rule refuses an order');
SELECT is(state_of('quote', id('small quote')) || state_of('opportunity', id('small')), 'active/in_progressopen/in_progress', 'quote and deal are as they were');
SELECT is(count(*), 0::bigint, 'and no order is there') FROM sales_order WHERE quote_id = id('small quote');
DELETE FROM automation_rule;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

SELECT * FROM finish();
ROLLBACK;
