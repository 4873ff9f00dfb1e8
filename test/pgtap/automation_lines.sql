-- Rules on the lines of documents: what they see, what they set is in the totals to the cent, what they refuse, and lines that nobody may change.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(34);

CREATE TABLE crm.tap_log (tap_log_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
CREATE FUNCTION logged() RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text := (SELECT string_agg(what, ', ' ORDER BY what) FROM crm.tap_log);
BEGIN
	DELETE FROM crm.tap_log;
	RETURN coalesce(found, '');
END $$;
CREATE FUNCTION rule(rule text, entity text, event text, condition text, action text, parameters jsonb, watched text DEFAULT NULL, timing text DEFAULT 'in_transaction') RETURNS bigint LANGUAGE sql AS $$
	WITH made AS (INSERT INTO automation_rule (name, entity, event, condition, watched_columns, timing) VALUES (rule, entity, event, condition, watched, timing) RETURNING automation_rule_id)
	INSERT INTO automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, action, parameters FROM made RETURNING automation_rule_id
$$;
DELETE FROM automation_rule;

-- A discount that a rule gives on a new line: in the line, in the total, once.
SELECT rule('large lines', 'quote_product', 'created', 'new.base_amount > 150', 'set_columns', '{"set": {"manual_discount_percentage": "10"}}') \gset
SELECT remember('quote', new_document('quote')) \gset
SELECT is(string_agg(manual_discount_amount || ' ' || extended_amount, ', ' ORDER BY quote_product_id), '20.0000 180.0000, 0.0000 50.0000', 'ten per cent of two chairs, none of the assembly') FROM quote_product WHERE quote_id = id('quote');
SELECT is(total_line_item_amount || ' ' || total_amount, '230.0000 230.0000', 'and the total has it') FROM quote WHERE quote_id = id('quote');
INSERT INTO quote_product (quote_id, product_id, quantity) SELECT q, id('Table'), n FROM unnest(ARRAY[id('quote'), new_document('quote')]) AS q, generate_series(1, 2) AS n;
SELECT is(total_amount, 230 + 225.45 + 450.90, 'several lines of several quotes at once: 0.9 * 250.50, 0.9 * 501') FROM quote WHERE quote_id = id('quote');
SELECT is(total_amount, 230 + 225.45 + 450.90, 'and the other quote') FROM quote ORDER BY quote_id DESC LIMIT 1;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
DELETE FROM automation_rule;

-- An update sets off a rule that sees the line as it is priced, and the header as it is summed.
SELECT rule('sees', 'quote_product', 'updated', NULL, 'create_record', '{"entity": "tap_log", "values": {"what": "old.extended_amount || '' '' || new.extended_amount || '' of '' || (SELECT total_amount FROM quote WHERE quote_id = new.quote_id)"}}', 'quantity') \gset
SELECT remember('plain', new_document('quote')) \gset
UPDATE quote_product SET quantity = 3 WHERE quote_id = id('plain') AND product_id IS NOT NULL;
SELECT is(logged(), '200.0000 300.0000 of 350.0000', 'old and new amount, and the total with it: rules come after the roll-up');
SELECT rule('more is cheaper', 'quote_product', 'updated', 'new.quantity >= 4', 'set_columns', '{"set": {"manual_discount_amount": "new.quantity * 5"}}', 'quantity') \gset
UPDATE quote_product SET quantity = 4 WHERE quote_id = id('plain');
SELECT is(logged(), '300.0000 400.0000 of 600.0000, 50.0000 200.0000 of 600.0000', 'each line once: 400 + 200');
SELECT is(total_line_item_discount_amount || ' ' || total_amount, '40.0000 560.0000', 'less 20 on each') FROM quote WHERE quote_id = id('plain');
UPDATE quote_product SET quantity = 4.0 WHERE quote_id = id('plain');
SELECT is(logged(), '', '4.0 is 4');
DELETE FROM automation_rule;

-- A rule refuses, with its words.
SELECT rule('steep', 'quote_product', 'created', 'new.manual_discount_amount > 0.2 * new.base_amount', 'refuse', '{"message": "''A discount of '' || round(100 * new.manual_discount_amount / new.base_amount) || '' % is the manager''''s''"}') \gset
SELECT rule('steep later', 'quote_product', 'updated', 'new.manual_discount_amount > 0.2 * new.base_amount', 'refuse', '{"message": "''No''"}', 'manual_discount_amount') \gset
SELECT refused(format('INSERT INTO quote_product (quote_id, product_id, quantity, manual_discount_amount) VALUES (%s, %s, 1, 30)', id('plain'), id('Chair')), 'SC020', 'a line with a steep discount');
SELECT throws_ok(format('INSERT INTO quote_product (quote_id, product_id, quantity, manual_discount_amount) VALUES (%s, %s, 1, 30)', id('plain'), id('Chair')), 'SC020', 'A discount of 30 % is the manager''s', 'in the rule''s words');
SELECT refused(format('UPDATE quote_product SET manual_discount_percentage = 50 WHERE quote_id = %s', id('plain')), 'SC020', 'an update to one, by per cent');
SELECT is(total_amount, 560.0000, 'nothing of it is left') FROM quote WHERE quote_id = id('plain');
DELETE FROM automation_rule;
SELECT rule('steep', 'quote_product', 'updated', 'new.manual_discount_amount > 0.2 * new.base_amount', 'create_activity', '{"activity_type": "task", "subject": "''Approve a discount of '' || new.manual_discount_amount", "due_in": "1 day", "owner": "(SELECT owner_id FROM quote WHERE quote_id = new.quote_id)"}', 'manual_discount_amount') \gset
UPDATE quote_product SET manual_discount_amount = 100 WHERE quote_id = id('plain') AND product_id IS NOT NULL;
SELECT is(a.subject || ' ' || a.regarding_entity || ' ' || (a.regarding_id = l.quote_product_id), 'Approve a discount of 100.0000 quote_product true', 'or asks the manager, with a task about the line')
  FROM activity AS a, quote_product AS l WHERE a.subject LIKE 'Approve%' AND l.quote_id = id('plain') AND l.product_id IS NOT NULL;
SELECT is(string_agg(format('%s = %s', expression, result), ', ' ORDER BY step), 'quote_product updated of manual_discount_amount = active, new.manual_discount_amount > 0.2 * new.base_amount = true', 'explain_rule of a line')
  FROM quote_product AS l, sales_crm.explain_rule('steep', 'quote_product', l.quote_product_id) WHERE l.quote_id = id('plain') AND l.product_id IS NOT NULL AND kind IN ('rule', 'condition');
SELECT is(string_agg(d.action || ' ' || d.entity, ', '), 'create_activity activity', 'dry_run of a line') FROM quote_product AS l, sales_crm.dry_run('steep', 'quote_product', l.quote_product_id) AS d WHERE l.quote_id = id('plain') AND l.product_id IS NOT NULL;
DELETE FROM automation_rule;

-- Deleted, alone and with the quote.
SELECT rule('gone', 'quote_product', 'deleted', NULL, 'create_record', '{"entity": "tap_log", "values": {"what": "''gone '' || old.extended_amount"}}') \gset
DELETE FROM quote_product WHERE quote_id = id('plain') AND product_id IS NOT NULL;
SELECT is(logged(), 'gone 300.0000', 'a line that is deleted');
DELETE FROM quote WHERE quote_id = id('plain');
SELECT is(logged(), 'gone 180.0000', 'one that goes with its quote');
DELETE FROM automation_rule;

-- Lines of read-only documents: refused before any rule is asked, and refused to rules as well.
SELECT quote_in('active') \gset
SELECT rule('sees', 'quote_product', 'updated', NULL, 'refuse', '{"message": "''The rule was asked''"}') \gset
SELECT refused(format('UPDATE quote_product SET quantity = 9 WHERE quote_id = %s', id('active')), 'SC002', 'a line of an active quote');
SELECT refused(format('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (%s, %s, 1)', id('active'), id('Chair')), 'SC002', 'a new one');
SELECT refused(format('DELETE FROM quote_product WHERE quote_id = %s', id('active')), 'SC002', 'one that is deleted');
DELETE FROM automation_rule;
CREATE FUNCTION crm.tap_add_line(quote bigint, product bigint) RETURNS void LANGUAGE sql AS 'INSERT INTO crm.quote_product (quote_id, product_id, quantity) VALUES (quote, product, 1)';
SELECT rule('adds a chair', 'quote', 'updated', NULL, 'call_function', jsonb_build_object('function', 'tap_add_line', 'arguments', jsonb_build_object('quote', 'new.quote_id', 'product', id('Chair'))), 'description') \gset
SELECT remember('draft', new_document('quote')) \gset
UPDATE quote SET description = 'One more' WHERE quote_id = id('draft');
SELECT is(total_amount, 350.0000, 'a rule on a quote that adds a line to it') FROM quote WHERE quote_id = id('draft');
SELECT refused(format('UPDATE quote SET description = ''One more'' WHERE quote_id = %s', id('active')), 'SC012', 'to an active one it cannot');
SELECT rule('adds a chair later', 'quote', 'state_changed', $$new.state = 'active'$$, 'call_function', jsonb_build_object('function', 'tap_add_line', 'arguments', jsonb_build_object('quote', 'new.quote_id', 'product', id('Chair')))) \gset
SELECT refused(format('SELECT sales_crm.activate_quote(quote_id => %s)', id('draft')), 'SC012', 'a rule that adds a line to what was just activated fails');
SELECT matches(detail_of(format('SELECT sales_crm.activate_quote(quote_id => %s)', id('draft'))), 'SC002', 'since the quote is read-only');
SELECT is(state_of('quote', id('draft')), 'draft/in_progress', 'and the quote is as it was');
DELETE FROM automation_rule;

-- Lines that calls make: of an order, of an invoice; the rule's discount is in all that comes after.
SELECT rule('loyal', 'sales_order_product', 'created', 'new.product_id IS NOT NULL', 'set_columns', '{"set": {"manual_discount_amount": "25.5"}}') \gset
SELECT rule('billed', 'invoice_product', 'created', NULL, 'create_record', '{"entity": "tap_log", "values": {"what": "''billed '' || new.extended_amount"}}') \gset
SELECT remember('order', new_document('sales_order')) \gset
SELECT is(total_amount, 224.5000, 'an order: 250 less 25.50') FROM sales_order WHERE sales_order_id = id('order');
SELECT remember('invoice', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('order')) AS made (invoice_id) \gset
SELECT is(total_amount, 224.5000, 'its invoice') FROM invoice WHERE invoice_id = id('invoice');
SELECT is(logged(), 'billed 174.5000, billed 50.0000', 'and a rule on its lines');
SELECT remember('accepted', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('active')) AS made (sales_order_id) \gset
SELECT is(total_amount, 224.5000, 'an order made of a quote, whose prices are locked') FROM sales_order WHERE sales_order_id = id('accepted');
DELETE FROM automation_rule;

-- Queued: the line is worked on after the commit, if its document can still change.
SELECT rule('later', 'quote_product', 'created', 'new.product_id IS NOT NULL', 'set_columns', '{"set": {"manual_discount_amount": "7"}}', timing => 'queued') \gset
SELECT remember('one', new_document('quote')), remember('two', new_document('quote')) \gset
SELECT sales_crm.activate_quote(quote_id => id('two')) \gset
SELECT is(ran, 2, 'two lines wait') FROM sales_crm.run_due_automation();
SELECT is(string_agg(total_amount::text, ' ' ORDER BY quote_id), '243.0000 250.0000', 'one total changes, that of the active quote does not') FROM quote WHERE quote_id IN (id('one'), id('two'));
SELECT is(string_agg(split_part(last_error, ':', 1), ' '), 'SC012', 'which the queue tells of') FROM automation_queue;
DELETE FROM automation_rule;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

SELECT * FROM finish();
ROLLBACK;
