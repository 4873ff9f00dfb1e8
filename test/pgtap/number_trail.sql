-- Gapless series: a number is in use, canceled or void, and none is missing.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(29);

CREATE FUNCTION tap.made(entity text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint; its_number text;
BEGIN
	EXECUTE format('INSERT INTO %I (account_id, name) VALUES ($1, ''n'') RETURNING %I, %I', entity, entity || '_id', CASE entity WHEN 'sales_order' THEN 'order_number' ELSE entity || '_number' END) INTO made, its_number USING id('Contoso');
	PERFORM remember(entity, made);
	RETURN its_number;
END $$;
CREATE FUNCTION tap.voids(which text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM number_void WHERE series = which';

-- Series with gaps write nothing.
SELECT made('invoice') \gset
DELETE FROM invoice WHERE invoice_id = id('invoice');
SELECT is_empty('SELECT * FROM number_void', 'a series with gaps leaves no trail');
SELECT is(gapless_from, NULL, 'it has no run') FROM number_series WHERE series = 'invoice';

-- Gapless: used, canceled, deleted.
UPDATE number_series SET is_gapless = true;
SELECT is_empty('SELECT FROM number_series WHERE gapless_from IS DISTINCT FROM last_number + 1', 'a run starts when a series becomes gapless');
SELECT made('invoice') AS used \gset
SELECT remember('used', id('invoice')) \gset
SELECT made('invoice') AS canceled \gset
SELECT count(*) FROM sales_crm.cancel_invoice(invoice_id => id('invoice'), description => 'typed twice') \gset
SELECT made('invoice') AS deleted \gset
SELECT remember('deleted', id('invoice')) \gset
DELETE FROM invoice WHERE invoice_id = id('deleted');
SELECT results_eq('SELECT series, number, record_id, reason, voided_at = now() FROM number_void', format('VALUES (''invoice'', %L, %s::bigint, ''deleted'', true)', :'deleted', id('deleted')), 'a deleted number is recorded');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'none is missing');
SAVEPOINT before;
SELECT made('invoice') \gset
ROLLBACK TO before;
SELECT made('invoice') AS next \gset
SELECT is(right(:'next', 5)::int, right(:'deleted', 5)::int + 1, 'a rollback leaves no gap, a deleted number is not given again');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'still none');

-- Several at once, the other documents, revisions.
SELECT made('sales_order'), made('sales_order'), made('sales_order') \gset
DELETE FROM sales_order WHERE name = 'n';
SELECT is(voids('order'), 3::bigint, 'each of several');
SELECT is((SELECT count(DISTINCT number_void_id) FROM number_void WHERE series = 'order'), 3::bigint, 'a row each');
SELECT new_deal() AS deal \gset
SELECT count(*) FROM sales_crm.create_quote_from_opportunity(opportunity_id => :deal) \gset
DELETE FROM opportunity WHERE opportunity_id = :deal;
SELECT is(voids('quote'), 1::bigint, 'a draft that goes with its deal');
SELECT quote_in('active') \gset
SELECT remember('revision', quote_id) FROM sales_crm.revise_quote(quote_id => id('active')) \gset
DELETE FROM quote WHERE quote_id = id('revision');
SELECT is(voids('quote'), 1::bigint, 'the number of a deleted revision is still in use');
SELECT count(*) FROM sales_crm.fulfill_order(sales_order_id => new_document('sales_order')) \gset
SELECT isnt_empty('SELECT FROM delivery', 'a gapless series of deliveries is used too');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'none is missing in any series');

-- The trail is the database's own.
SELECT refused('INSERT INTO number_void (series, number, record_id, voided_at, reason) VALUES (''invoice'', ''INV-99999'', 1, now(), ''x'')', 'SC001', 'no number is voided by hand');
SELECT refused('DELETE FROM number_void', 'SC002', 'none is taken out');
SELECT refused('UPDATE number_void SET reason = ''x''', 'SC002', 'nor changed');
CREATE ROLE tap_seller;
SELECT count(*) FROM sales_crm.grant_access(role => 'tap_seller', level => 'sell') \gset
GRANT USAGE ON SCHEMA tap TO tap_seller;
GRANT SELECT, INSERT, UPDATE ON tap.named TO tap_seller;
SET LOCAL ROLE tap_seller;
SELECT made('invoice') AS sellers \gset
DELETE FROM invoice WHERE invoice_id = id('invoice');
SELECT is(count(*), 1::bigint, 'a seller who deletes leaves the trail and sees it') FROM number_void WHERE number = :'sellers';
SELECT throws_ok('INSERT INTO number_void (series, number, record_id, voided_at, reason) VALUES (''invoice'', ''INV-99999'', 1, now(), ''x'')', '42501', NULL, 'but may not write it');
RESET ROLE;

-- A number that is neither there nor void shows.
SELECT made('invoice') AS lost \gset
ALTER TABLE invoice DISABLE TRIGGER t55_void_numbers;
DELETE FROM invoice WHERE invoice_id = id('invoice');
ALTER TABLE invoice ENABLE TRIGGER t55_void_numbers;
SELECT results_eq('SELECT check_name, entity, detail FROM sales_crm.verify()', format('VALUES (''missing_number'', ''number_series'', %L)', format('number %s of series invoice is neither in use nor void', right(:'lost', 5)::int)), 'a number taken away behind the triggers is found');

-- A new prefix starts a new run; with gaps again nothing is asked.
UPDATE number_series SET prefix = 'INV-2027-', last_number = 0 WHERE series = 'invoice';
SELECT is((prefix, last_number, gapless_from)::text, '(INV-2027-,0,1)', 'a new prefix starts a run') FROM number_series WHERE series = 'invoice';
SELECT is(made('invoice'), 'INV-2027-00001', 'of its own numbers');
DELETE FROM invoice WHERE invoice_id = id('invoice');
SELECT is(made('invoice'), 'INV-2027-00002', 'that goes on');
UPDATE number_series SET width = 8 WHERE series = 'invoice';
SELECT is(made('invoice'), 'INV-2027-00000003', 'a width is only looks');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'none of them is missing');
UPDATE number_series SET last_number = 9 WHERE series = 'invoice';
SELECT is(count(*), 6::bigint, 'numbers left out by hand are missing') FROM sales_crm.verify() WHERE check_name = 'missing_number';
UPDATE number_series SET is_gapless = false WHERE series = 'invoice';
SELECT is(gapless_from, NULL, 'with gaps again') FROM number_series WHERE series = 'invoice';
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'nothing is asked');
INSERT INTO number_series (series, prefix, width, is_gapless) VALUES ('claim', 'CLM-', 5, true);
SELECT is(gapless_from, 1000::bigint, 'a gapless series of your own starts with its first number') FROM number_series WHERE series = 'claim';
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
