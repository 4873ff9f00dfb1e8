-- Document numbers: series, formats, numbers given by hand, gaps and none (D§8.2).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(43);

CREATE FUNCTION tap.next_of(entity text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made text;
BEGIN
	EXECUTE format('INSERT INTO %I (account_id, name) VALUES ($1, ''n'') RETURNING %s', entity, CASE entity WHEN 'sales_order' THEN 'order_number' ELSE entity || '_number' END) INTO made USING id('Contoso');
	RETURN made;
END $$;
CREATE FUNCTION tap.digits(number text) RETURNS integer LANGUAGE sql AS $$ SELECT substring(number FROM '\d+$')::integer $$;

-- Formats.
SELECT matches(next_of('quote'), '^QUO-\d{5}$', 'a quote is QUO- and five digits');
SELECT matches(next_of('sales_order'), '^ORD-\d{5}$', 'an order ORD-');
SELECT matches(next_of('invoice'), '^INV-\d{5}$', 'an invoice INV-');
SELECT ok(digits(next_of('quote')) >= 1000, 'numbers start at 1000');
UPDATE number_series SET prefix = 'Q/', width = 8 WHERE series = 'quote';
SELECT matches(next_of('quote'), '^Q/\d{8}$', 'prefix and width come from number_series, at once');
UPDATE number_series SET prefix = '', width = 0 WHERE series = 'quote';
SELECT matches(next_of('quote'), '^\d+$', 'no prefix, no width');
UPDATE number_series SET prefix = 'QUO-', width = 2 WHERE series = 'quote';
SELECT matches(next_of('quote'), '^QUO-\d{4,}$', 'a width too small cuts nothing');
UPDATE number_series SET width = 5 WHERE series = 'quote';

-- A rolled back number of a sequence is a gap.
SELECT digits(next_of('quote')) AS first \gset
SAVEPOINT before;
SELECT next_of('quote') \gset
ROLLBACK TO before;
SELECT is(digits(next_of('quote')), :first + 2, 'a sequence leaves a gap when a transaction rolls back');

-- Numbers given by hand.
WITH made AS (INSERT INTO quote (account_id, quote_number) VALUES (id('Contoso'), 'MINE-1') RETURNING quote_id, quote_number) SELECT is(quote_number, 'MINE-1', 'a number may be given on INSERT') FROM (SELECT remember('mine', quote_id), quote_number FROM made) AS made;
SELECT is(digits(next_of('quote')), :first + 3, 'and uses none of the series');
SELECT throws_ok('INSERT INTO quote (account_id, quote_number) VALUES (id(''Contoso''), ''MINE-1'')', '23505', NULL, 'it must be new');
SELECT refused('UPDATE quote SET quote_number = ''MINE-2'' WHERE quote_id = id(''mine'')', '428C9', 'and never changes');
SELECT refused('UPDATE quote SET quote_number = NULL WHERE quote_id = id(''mine'')', '428C9', 'nor goes');
SELECT lives_ok('UPDATE quote SET quote_number = quote_number WHERE quote_id = id(''mine'')', 'writing back what was read passes');
WITH made AS (INSERT INTO quote (account_id, revision_number) VALUES (id('Contoso'), 4) RETURNING revision_number) SELECT is(revision_number, 0, 'a revision number given on INSERT does not count') FROM made;
SELECT throws_ok('INSERT INTO invoice (account_id, invoice_number) SELECT account_id, invoice_number FROM invoice ORDER BY invoice_id DESC LIMIT 1', '23505', NULL, 'an invoice''s number is unique too');
SELECT quote_in('active') \gset
SELECT refused('UPDATE quote SET quote_number = ''X'' WHERE quote_id = id(''active'')', 'SC002', 'in a read-only quote nothing changes');

-- Revisions keep the number; orders and invoices take the next of theirs.
SELECT next_of('sales_order') AS last_order, next_of('quote') AS last_quote \gset
SELECT remember('r', quote_id) FROM sales_crm.revise_quote(quote_id => id('active')) \gset
SELECT is(r.quote_number, q.quote_number, 'a revision keeps the number') FROM quote AS q, quote AS r WHERE q.quote_id = id('active') AND r.quote_id = id('r');
SELECT is(digits(next_of('quote')), digits(:'last_quote') + 1, 'and uses none');
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('r')) \gset
SELECT remember('o', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('r')) \gset
SELECT is(digits(order_number), digits(:'last_order') + 1, 'an order made from it takes the next of its own') FROM sales_order WHERE sales_order_id = id('o');

-- Gapless.
UPDATE number_series SET is_gapless = true WHERE series = 'invoice';
SELECT digits(next_of('invoice')) AS first \gset
SELECT is(:first, (SELECT max(digits(invoice_number)) FROM invoice WHERE invoice_number LIKE 'INV-%'), 'a series that becomes gapless counts on');
SELECT is((SELECT count(*) FROM invoice WHERE digits(invoice_number) = :first - 1), 1::bigint, 'from the last number taken');
SELECT is(digits(next_of('invoice')), :first + 1, 'one by one');
SAVEPOINT before;
SELECT is(digits(next_of('invoice')), :first + 2, 'one that will be rolled back');
ROLLBACK TO before;
SELECT is(digits(next_of('invoice')), :first + 2, 'is given again');
SELECT throws_ok('INSERT INTO invoice (account_id, name, due_date) VALUES (id(''Contoso''), ''n'', ''1990-01-01'')', '23514', NULL, 'a refused INSERT');
SELECT is(digits(next_of('invoice')), :first + 3, 'takes none');
INSERT INTO invoice (account_id, name) SELECT id('Contoso'), 'set' FROM generate_series(1, 20);
SELECT results_eq('SELECT digits(invoice_number) FROM invoice WHERE name = ''set'' ORDER BY invoice_id', format('SELECT generate_series(%s, %s)', :first + 4, :first + 23), 'a set takes them in order');
SELECT remember('o', order_in('active')) \gset
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT is(digits(invoice_number), :first + 24, 'a call takes the next') FROM invoice WHERE invoice_id = id('i');
UPDATE number_series SET is_gapless = false WHERE series = 'invoice';
SELECT is(digits(next_of('invoice')), :first + 25, 'back to its sequence it counts on');
SELECT is(digits(next_of('invoice')), :first + 26, 'and on');
UPDATE number_series SET is_gapless = true, last_number = :first + 1000 WHERE series = 'invoice';
SELECT is(digits(next_of('invoice')), :first + 1001, 'a last number given counts');
-- Somebody gives numbers by hand that are yet to come.
INSERT INTO invoice (account_id, invoice_number) SELECT id('Contoso'), 'INV-0' || :first + 1001 + n FROM generate_series(1, 3) AS n;
SELECT is(digits(next_of('invoice')), :first + 1005, 'a number that is in use is passed over: it would stop a series without gaps for good');
SELECT is_empty('SELECT * FROM sales_crm.verify() WHERE check_name = ''missing_number''', 'and none is missing');
UPDATE number_series SET is_gapless = true WHERE series IN ('quote', 'order');
INSERT INTO quote (account_id, quote_number) SELECT id('Contoso'), prefix || lpad((last_number + 1)::text, width, '0') FROM number_series WHERE series = 'quote';
INSERT INTO sales_order (account_id, order_number) SELECT id('Contoso'), prefix || lpad((last_number + 1)::text, width, '0') FROM number_series WHERE series = 'order';
SELECT is(digits(next_of('quote')), (SELECT max(digits(quote_number)) + 1 FROM quote WHERE quote_number LIKE 'QUO-%'), 'of quotes too');
SELECT is(digits(next_of('sales_order')), (SELECT max(digits(order_number)) + 1 FROM sales_order), 'and of orders');
UPDATE number_series SET is_gapless = false WHERE series IN ('quote', 'order');
UPDATE number_series SET is_gapless = false WHERE series = 'invoice';
SELECT is(digits(next_of('invoice')), :first + 1006, 'also for the sequence later');

-- A series that is not there.
UPDATE number_series SET sequence_name = 'no_such_seq' WHERE series = 'order';
SELECT refused('INSERT INTO sales_order (account_id) VALUES (id(''Contoso''))', '55000', 'a series without sequence');
UPDATE number_series SET sequence_name = 'account_account_id_seq', is_gapless = true, last_number = 9223372036854775806 WHERE series = 'order';
UPDATE number_series SET is_gapless = false WHERE series = 'order';
SELECT lives_ok('INSERT INTO account (name) SELECT ''One of two'' FROM generate_series(1, 2)', 'a series that takes the sequence of other keys leaves that alone');
SELECT refused('INSERT INTO sales_order (account_id) VALUES (id(''Contoso''))', '55000', 'and gives no number');
UPDATE number_series SET last_number = 1, sequence_name = 'order_number_seq' WHERE series = 'order';
SELECT matches(next_of('sales_order'), '^ORD-\d{5}$', 'mended');
DELETE FROM number_series WHERE series = 'order';
SELECT refused('INSERT INTO sales_order (account_id) VALUES (id(''Contoso''))', '55000', 'a series that is gone');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
