-- Optional and alternative lines of quotes, what two quotes differ in, and validity (D§3.5).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(47);

CREATE FUNCTION tap.line(quote text, kind text, product text, stands_for bigint DEFAULT NULL, quantity numeric DEFAULT 1) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO quote_product (quote_id, line_kind, product_id, alternative_to_id, quantity) VALUES (id(quote), kind, id(product), stands_for, quantity) RETURNING quote_product_id
$$;
-- Two chairs 200, a table 250.50, a box 12 as option; instead of the chairs two tables 501 or a dozen chairs, instead of the table three boxes 36.
WITH made AS (INSERT INTO quote (name, account_id, price_list_id) VALUES ('Choice', id('Contoso'), id('tap USD')) RETURNING quote_id) SELECT remember('choice', quote_id) FROM made \gset
SELECT remember('chairs', line('choice', 'standard', 'Chair', quantity => 2)) \gset
SELECT remember('table', line('choice', 'standard', 'Table')) \gset
SELECT remember('box', line('choice', 'optional', 'Box')) \gset
SELECT remember('tables', line('choice', 'alternative', 'Table', id('chairs'), 2)) \gset
SELECT remember('chair', line('choice', 'alternative', 'Chair', id('chairs'), 5)) \gset
SELECT remember('boxes', line('choice', 'alternative', 'Box', id('table'), 3)) \gset
SELECT remember('free', line('choice', 'alternative', 'Box', quantity => 10)) \gset
SELECT is(total_amount, 450.5000, 'only standard lines are summed') FROM quote WHERE quote_id = id('choice');

-- What may stand in for what.
SELECT refused('SELECT line(''choice'', ''optional'', ''Box'', id(''table''))', '23514', 'an option stands in for nothing');
SELECT refused('SELECT line(''choice'', ''standard'', ''Box'', id(''table''))', '23514', 'nor does a standard line');
SELECT refused('SELECT line(''choice'', ''alternative'', ''Box'', id(''box''))', '23514', 'nothing stands in for an option');
SELECT refused('SELECT line(''choice'', ''alternative'', ''Box'', id(''tables''))', '23514', 'nor for an alternative');
SELECT quote_in('draft') \gset
SELECT refused('SELECT line(''draft'', ''alternative'', ''Box'', id(''table''))', '23514', 'nor for a line of another quote');
SELECT throws_ok('SELECT line(''choice'', ''alternative'', ''Box'', -1)', '23503', NULL, 'nor for no line at all');
SELECT refused('UPDATE quote_product SET line_kind = ''optional'' WHERE quote_product_id = id(''boxes'')', '23514', 'an alternative that stands in stays one');
SELECT refused('UPDATE quote_product SET line_kind = ''optional'' WHERE quote_product_id = id(''table'')', '23514', 'a line with alternatives stays standard');
SELECT lives_ok('UPDATE quote_product SET line_kind = ''optional'', alternative_to_id = NULL WHERE quote_product_id = id(''boxes'')', 'let go first, it changes');
UPDATE quote_product SET line_kind = 'alternative', alternative_to_id = id('table') WHERE quote_product_id = id('boxes');
SAVEPOINT before;
INSERT INTO quote_product (quote_product_id, quote_id, line_kind, product_id, alternative_to_id) VALUES (900002, id('draft'), 'alternative', id('Box'), 900001), (900001, id('draft'), 'standard', id('Chair'), NULL);
SELECT pass('line and alternative in one statement, in any order');
DELETE FROM quote_product WHERE quote_product_id = 900001;
SELECT is_empty('SELECT FROM quote_product WHERE quote_product_id = 900002', 'an alternative goes with its line');
ROLLBACK TO before;

-- Choosing.
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('choice')) \gset
CREATE FUNCTION tap.ordered(chosen text[] DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	PERFORM remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('choice'), quote_product_ids => (SELECT array_agg(id(name)) FROM unnest(chosen) AS name));
	SELECT string_agg(p.name || ' ' || l.quantity::int || ' ' || l.line_kind, ', ' ORDER BY l.line_number) || ' = ' || max(h.total_amount) FROM sales_order_product AS l JOIN product AS p USING (product_id) JOIN sales_order AS h USING (sales_order_id)
	WHERE h.sales_order_id = id('order') INTO result;
	IF EXISTS (SELECT FROM sales_crm.verify()) THEN result := 'verify() finds something'; END IF;
	RAISE EXCEPTION USING MESSAGE = result, ERRCODE = 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN RETURN SQLERRM;
	WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
SELECT is(ordered(), 'Chair 2 standard, Table 1 standard = 450.5000', 'nothing chosen: the offer itself');
SELECT is(ordered('{tables}'), 'Table 1 standard, Table 2 standard = 751.5000', 'two tables instead of the chairs');
SELECT is(ordered('{boxes}'), 'Chair 2 standard, Box 3 standard = 236.0000', 'boxes instead of the table');
SELECT is(ordered('{chair,boxes}'), 'Chair 5 standard, Box 3 standard = 536.0000', 'an alternative for each line');
SELECT is(ordered('{box,tables}'), 'Table 1 standard, Box 1 standard, Table 2 standard = 763.5000', 'with an option');
SELECT is(ordered('{free}'), 'Chair 2 standard, Table 1 standard, Box 10 standard = 570.5000', 'an alternative to nothing in particular comes on top');
SELECT is(ordered('{tables,chair}'), '22023', 'two alternatives of one line');
SELECT is(ordered('{chairs}'), '22023', 'a standard line is not chosen');
SELECT is(ordered('{box,box}'), 'P0002', 'a line twice');
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''choice''), quote_product_ids => ARRAY[id(''tables''), id(''chair'')])', '22023', 'two of one, with detail and hint');
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''choice''), quote_product_ids => ARRAY[id(''chairs'')])', '22023', 'a standard line, with detail and hint');
SELECT is(state_of('quote', id('choice')), 'active/in_progress', 'refused calls leave the quote as it was');

-- Revisions keep what stands in for what, among their own lines.
UPDATE price_list_item SET amount = amount + 1;
SELECT remember('revision', quote_id) FROM sales_crm.revise_quote(quote_id => id('choice')) \gset
UPDATE price_list_item SET amount = amount - 1;
SELECT results_eq('SELECT p.name, a.quantity::int, s.line_number, s.quote_id = a.quote_id, a.alternative_to_id IN (SELECT id FROM tap.named) FROM quote_product a JOIN product p USING (product_id) JOIN quote_product s ON s.quote_product_id = a.alternative_to_id WHERE a.quote_id = id(''revision'') ORDER BY a.line_number',
	$$VALUES ('Table', 2, 1, true, false), ('Chair', 5, 1, true, false), ('Box', 3, 2, true, false)$$, 'the copies point to the copies');
SELECT is(total_amount, 450.5000, 'with the same total') FROM quote WHERE quote_id = id('revision');
SELECT is_empty('SELECT * FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''revision''))', 'a fresh revision differs in nothing, whatever the catalogue says');
SELECT is_empty('SELECT * FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''choice''))', 'a quote not from itself');

-- What differs.
UPDATE quote SET freight_amount = 10, payment_terms = 'net_60', description = 'With freight' WHERE quote_id = id('revision');
SELECT results_eq('SELECT part, line_number, item, column_name, a_value, b_value, difference FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''revision''))',
	$$VALUES ('header', NULL::integer, NULL, 'description', NULL, 'With freight', NULL::numeric), ('header', NULL, NULL, 'freight_amount', '0.0000', '10.0000', 10.0000), ('header', NULL, NULL, 'payment_terms', 'net_45', 'net_60', NULL), ('header', NULL, NULL, 'total_amount', '450.5000', '460.5000', 10.0000)$$,
	'columns of the header');
UPDATE quote SET freight_amount = 0, payment_terms = 'net_45', description = NULL WHERE quote_id = id('revision');
SELECT is_empty('SELECT * FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''revision''))', 'changed back, nothing');
UPDATE quote_product SET quantity = 3 WHERE quote_id = id('revision') AND line_number = 1;
SELECT results_eq('SELECT part, line_number, item, column_name, a_value, b_value, difference FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''revision''))',
	$$VALUES ('header', NULL::integer, NULL, 'total_amount', '450.5000', '550.5000', 100.0000), ('header', NULL, NULL, 'total_line_item_amount', '450.5000', '550.5000', 100.0000),
	         ('line', 1, 'Chair', 'extended_amount', '200.0000', '300.0000', 100.0000), ('line', 1, 'Chair', 'quantity', '2.00000', '3.00000', 1.00000)$$, 'a quantity, and what it makes');
SELECT results_eq('SELECT column_name, a_value, b_value, difference FROM sales_crm.compare_quotes(a => id(''revision''), b => id(''choice'')) WHERE part = ''line''',
	$$VALUES ('extended_amount', '300.0000', '200.0000', -100.0000), ('quantity', '3.00000', '2.00000', -1.00000)$$, 'the other way round');
UPDATE quote_product SET quantity = 2 WHERE quote_id = id('revision') AND line_number = 1;
DELETE FROM quote_product WHERE quote_id = id('revision') AND line_number = 2;
INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (id('revision'), 'Assembly', 40);
SELECT results_eq('SELECT line_number, item, column_name, a_value, b_value, difference FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''revision'')) WHERE part = ''line''',
	$$VALUES (2, 'Table', 'removed', '250.5000', NULL, -250.5000), (7, 'Box', 'alternative_to', 'Table', NULL, NULL), (7, 'Box', 'extended_amount', '36.0000', '120.0000', 84.0000), (7, 'Box', 'quantity', '3.00000', '10.00000', 7.00000), (7, 'Box', 'removed', '120.0000', NULL, -120.0000), (8, 'Assembly', 'added', NULL, '40.0000', 40.0000)$$, 'a line removed with its alternative, which the other boxes are matched with, and one added');
UPDATE quote_product SET alternative_to_id = NULL WHERE quote_id = id('revision') AND line_number = 5;
SELECT results_eq('SELECT item, a_value, b_value FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''revision'')) WHERE column_name = ''alternative_to'' AND item = ''Chair''', $$VALUES ('Chair', 'Chair', NULL::text)$$, 'what a line stands in for, by name');
ALTER TABLE quote ADD COLUMN urgency integer;
UPDATE quote SET urgency = 7 WHERE quote_id = id('revision');
SELECT results_eq('SELECT a_value, b_value FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''revision'')) WHERE column_name = ''urgency''', $$VALUES (NULL::text, '7')$$, 'columns of your own');
SELECT remember('other', quote_in('active')) \gset
SELECT isnt_empty('SELECT * FROM sales_crm.compare_quotes(a => id(''choice''), b => id(''other''))', 'two quotes that have nothing to do with each other');
INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id('draft'), id('Chair'), 7);
SELECT results_eq('SELECT line_number, item, column_name, b_value FROM sales_crm.compare_quotes(a => id(''other''), b => id(''draft'')) WHERE part = ''line''', $$VALUES (3, 'Chair', 'added', '700.0000')$$, 'two lines of one product are matched in their order');
SELECT refused('SELECT * FROM sales_crm.compare_quotes(a => -1, b => id(''other''))', 'P0002', 'an unknown quote');
SELECT refused('SELECT * FROM sales_crm.compare_quotes(a => id(''other''), b => 0)', 'P0002', 'or none');
SELECT refused('SELECT * FROM sales_crm.compare_quotes(a => id(''other''), b => NULL)', '22004', 'NULL');

-- Validity: the last day counts.
SELECT remember('late', new_document('quote')) \gset
UPDATE quote SET effective_from = current_date - 9, effective_to = current_date - 1 WHERE quote_id = id('late');
SELECT refused('SELECT sales_crm.activate_quote(quote_id => id(''late''))', 'SC013', 'a draft whose validity is over is not offered');
SELECT is(state_of('quote', id('late')), 'draft/in_progress', 'and stays a draft');
UPDATE quote SET effective_to = current_date WHERE quote_id = id('late');
SELECT is(state, 'active', 'on its last day it is') FROM sales_crm.activate_quote(quote_id => id('late'));
SELECT (current_date + 1)::text AS tomorrow \gset
SET LOCAL sales_crm.now = :'tomorrow';
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''late''))', 'SC013', 'the day after it is not accepted');
SELECT is(state, 'won', 'but may be won by hand') FROM sales_crm.win_quote(quote_id => id('late'));
SELECT lives_ok('SELECT sales_crm.create_order_from_quote(quote_id => id(''late''))', 'and then ordered');
RESET sales_crm.now;

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
