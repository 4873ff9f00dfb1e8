-- explain_price() and explain_total(): the steps in words, and their last figures equal to the stored ones for every line and document there is.
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/documents.sql
SELECT plan(53);
CREATE TABLE tap.kind AS SELECT * FROM (VALUES ('opportunity'), ('quote'), ('sales_order'), ('invoice')) AS k (entity);

-- The steps of a line or a document as one text, a line each.
CREATE FUNCTION tap.price_of(kind text, line_id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(rule || ': ' || input || coalesce(' = ' || result, ''), E'\n' ORDER BY step) FROM sales_crm.explain_price(entity => kind, line_id => line_id) $$;
CREATE FUNCTION tap.total_of(kind text, document bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(rule || ': ' || input || coalesce(' = ' || result, ''), E'\n' ORDER BY step) FROM sales_crm.explain_total(entity => kind, id => document) $$;
CREATE FUNCTION tap.first_line(kind text, document bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
	EXECUTE format('SELECT %I FROM %I WHERE %I = $1 ORDER BY line_number LIMIT 1', kind || '_product_id', kind || '_product', kind || '_id') INTO found USING document;
	RETURN found;
END $$;

-- A stool by the dozen: standard cost with a margin, rounded up, five percent off from ten.
INSERT INTO discount_list (name) VALUES ('Many chairs') RETURNING remember('bands', discount_list_id) \gset
INSERT INTO discount_list_item (discount_list_id, low_quantity, high_quantity, percentage) VALUES (id('bands'), 10, 99, 5), (id('bands'), 100, NULL, 10);
INSERT INTO discount_list (name, discount_type, currency_code) VALUES ('Five off', 'amount', 'USD') RETURNING remember('five', discount_list_id) \gset
INSERT INTO discount_list_item (discount_list_id, low_quantity, amount) VALUES (id('five'), 5, 5);
WITH made AS (
	INSERT INTO product (product_number, name, unit_group_id, default_unit_id, standard_cost, current_cost, list_price)
	SELECT 'tap-' || p.name, p.name, u.unit_group_id, u.unit_id, 80, 80, 217.39 FROM unnest('{Stool,Bench,Shelf}'::text[]) AS p (name), unit AS u WHERE u.unit_id = id('piece') RETURNING product_id, name)
SELECT count(remember(name, product_id)) FROM made \gset
SELECT count(published.state) FROM unnest('{Stool,Bench,Shelf}'::text[]) AS p (name), LATERAL sales_crm.publish_product(product_id => id(p.name)) AS published (state) \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, pricing_method, percentage, rounding_policy, rounding_option, rounding_amount, discount_list_id) VALUES
	(id('tap USD'), id('Stool'), id('dozen'), 'percent_margin_standard_cost', 25, 'up', 'ends_in', 9.99, id('bands')),
	(id('tap USD'), id('Bench'), id('piece'), 'percent_markup_current_cost', 33.333, 'none', NULL, NULL, id('five')),
	(id('tap USD'), id('Shelf'), id('piece'), 'percent_of_list', 90, 'nearest', 'multiple_of', 0.05, NULL);
SELECT remember('q', new_document('quote')) \gset
INSERT INTO quote_product (quote_id, product_id, unit_id, quantity, manual_discount_percentage, tax_amount) VALUES (id('q'), id('Stool'), id('dozen'), 12, 10, 100) RETURNING remember('stools', quote_product_id) \gset
SELECT is(price_of('quote', id('stools')), 'price list: "tap USD" (USD), the price list of the quote, default of Contoso
standard cost: 80.00 for one piece = 80.00
unit: 80.00 x 12 / 1 for one dozen = 960.00
margin on standard cost: 960.00 x 100 / (100 - 25) = 1280.00
rounding: up to a price that ends in 9.99 = 1289.99
price per unit: for one dozen = 1289.99
volume discount: "Many chairs", 10 to 99: 5 % of 1289.99 on each dozen = 64.4995
base amount: 12 x (1289.99 - 64.4995) = 14705.89
manual discount: 1470.59 (10 % of the base amount) = 1470.59
tax: as typed on the line = 100.00
amount of the line: 14705.89 - 1470.59 + 100.00 = 13335.30', 'every step of a margin by the dozen');
INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id('q'), id('Bench'), 5) RETURNING remember('benches', quote_product_id) \gset
SELECT is(price_of('quote_product', id('benches')), 'price list: "tap USD" (USD), the price list of the quote, default of Contoso
current cost: 80.00 for one piece = 80.00
markup on current cost: 80.00 x (100 + 33.333) / 100 = 106.6664
decimals of prices: rounded to 2 decimals = 106.67
price per unit: for one piece = 106.67
volume discount: "Five off", from 5: 5.00 on each piece = 5.00
base amount: 5 x (106.67 - 5.00) = 508.35
amount of the line: 508.35 = 508.35', 'a markup, an amount off each; the name of the lines will do');
INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id('q'), id('Shelf'), 2) RETURNING remember('shelves', quote_product_id) \gset
SELECT is(price_of('quote', id('shelves')), 'price list: "tap USD" (USD), the price list of the quote, default of Contoso
list price: 217.39 for one piece = 217.39
percent of list price: 217.39 x 90 / 100 = 195.651
rounding: to the nearest, a tie up, to a price that is a multiple of 0.05 = 195.65
price per unit: for one piece = 195.65
base amount: 2 x 195.65 = 391.30
amount of the line: 391.30 = 391.30', 'a percentage of the list price');
SELECT is(price_of('quote', first_line('quote', id('q'))), 'price list: "tap USD" (USD), the price list of the quote, default of Contoso
price in the list: 100.00 for one piece = 100.00
price per unit: for one piece = 100.00
base amount: 2 x 100.00 = 200.00
amount of the line: 200.00 = 200.00', 'an amount in the list');
SELECT is(price_of('quote', quote_product_id), 'price per unit: typed for "Assembly", which is not in the catalogue = 50.00
base amount: 1 x 50.00 = 50.00
amount of the line: 50.00 = 50.00', 'a write-in') FROM quote_product WHERE quote_id = id('q') AND product_id IS NULL;
INSERT INTO quote_product (quote_id, line_kind, description) VALUES (id('q'), 'note', 'By boat') RETURNING remember('note', quote_product_id) \gset
SELECT is(price_of('quote', id('note')), 'note: a note has no price = 0.00', 'a note');
INSERT INTO quote_product (quote_id, product_id, is_price_overridden, price_per_unit) VALUES (id('q'), id('Shelf'), true, 150) RETURNING remember('typed', quote_product_id) \gset
SELECT matches(price_of('quote', id('typed')), '^price per unit: typed for this line \("tap USD" gives 195.65\) = 150.00', 'an overridden price, and what the list gives');
UPDATE quote SET discount_percentage = 10, discount_amount = 30, freight_amount = 20 WHERE quote_id = id('q');
INSERT INTO quote_product (quote_id, line_kind, product_id) VALUES (id('q'), 'optional', id('Shelf'));
SELECT is(total_of('quote', id('q')), 'lines: 6 lines; 1 optional or alternative not counted = 16005.54
discounts of the lines: sum of the manual discounts = 1470.59
lines less discounts: 16005.54 - 1470.59 = 14534.95
discount in percent: 10 % of 14534.95 = 1453.50
discount amount: as typed on the document = 30.00
total before freight and tax: 14534.95 - 1483.50 = 13051.45
freight: as typed on the document = 20.00
tax: sum of the lines = 100.00
total: 13051.45 + 20.00 + 100.00 = 13171.45
total in base currency: USD is the base currency = 13171.45', 'every step of a total');
INSERT INTO quote (account_id, currency_code) VALUES (id('Contoso'), 'EUR') RETURNING remember('eur', quote_id) \gset
INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (id('eur'), 'euros', 121);
SELECT is(total_of('quote', id('eur')), 'lines: 1 line = 121.00
total: 121.00 = 121.00
total in base currency: 121.00 EUR / 1.1, the rate of the quote: USD = 110.00', 'a total in another currency');

-- Errors in words.
CREATE FUNCTION tap.why_not(product text, list text DEFAULT 'tap USD') RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint; line bigint;
BEGIN
	INSERT INTO quote (account_id, currency_code, price_list_id) VALUES (id('Contoso'), 'USD', id('tap USD')) RETURNING quote_id INTO made;
	UPDATE quote SET price_list_id = id(list) WHERE quote_id = made;
	INSERT INTO quote_product (quote_id, product_id) VALUES (made, id(product)) RETURNING quote_product_id INTO line;
	RETURN split_part(price_of('quote', line), E'\n', 1);
END $$;
SELECT is(why_not('Lamp'), 'price per unit: none: price list "tap USD" has no price for one piece of "Lamp" = 0.00', 'not in the list');
SELECT is(why_not('Chair', NULL), 'price per unit: none: the quote names no price list = 0.00', 'no list');
WITH made AS (INSERT INTO price_list (name, currency_code, begin_date) VALUES ('Future', 'USD', '2100-01-01') RETURNING price_list_id) SELECT remember('Future', price_list_id) FROM made \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) VALUES (id('Future'), id('Chair'), id('piece'), 1);
SELECT matches(why_not('Chair', 'Future'), 'none: price list "Future" counts from 2100-01-01, the date of the quote is 2\d\d\d-\d\d-\d\d = 0.00', 'a list of another time');
UPDATE price_list SET state = 'inactive' WHERE price_list_id = id('Future');
SELECT is(why_not('Chair', 'Future'), 'price per unit: none: price list "Future" is inactive = 0.00', 'an inactive list');
CREATE FUNCTION tap.spoiled(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE change;
	SET LOCAL session_replication_role = origin;
	told := why_not('Shelf');
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN RETURN told;
END $$;
ALTER TABLE price_list_item DROP CONSTRAINT price_list_item_percentage_check, DROP CONSTRAINT price_list_item_rounding_check,
	DROP CONSTRAINT price_list_item_rounding_option_check, DROP CONSTRAINT price_list_item_pricing_method_check;
SELECT matches(spoiled(change), words, words) FROM (VALUES
	('UPDATE price_list_item SET percentage = NULL WHERE product_id = id(''Shelf'')', 'an item for "Shelf" without a percentage'),
	('UPDATE price_list_item SET pricing_method = ''currency_amount'' WHERE product_id = id(''Shelf'')', 'an item for "Shelf" without an amount'),
	('UPDATE product SET list_price = NULL WHERE product_id = id(''Shelf'')', '"Shelf" has no list price'),
	('UPDATE product SET current_cost = NULL WHERE product_id = id(''Shelf''); UPDATE price_list_item SET pricing_method = ''percent_markup_current_cost'' WHERE product_id = id(''Shelf'')', 'current cost, and "Shelf" has none'),
	('UPDATE product SET standard_cost = NULL WHERE product_id = id(''Shelf''); UPDATE price_list_item SET pricing_method = ''percent_margin_standard_cost'' WHERE product_id = id(''Shelf'')', 'standard cost, and "Shelf" has none'),
	('UPDATE price_list_item SET pricing_method = ''percent_margin_standard_cost'', percentage = 100 WHERE product_id = id(''Shelf'')', 'a margin is below 100'),
	('UPDATE price_list_item SET rounding_option = NULL WHERE product_id = id(''Shelf'')', 'does not say to what'),
	('UPDATE price_list_item SET rounding_amount = 0 WHERE product_id = id(''Shelf'')', 'missing or not above 0'),
	('UPDATE product SET currency_code = ''EUR'' WHERE product_id = id(''Shelf'')', 'in another currency than the price list'),
	('UPDATE price_list_item SET pricing_method = ''magic'' WHERE product_id = id(''Shelf'')', 'a pricing method for "Shelf" that is not known'),
	('UPDATE product SET default_unit_id = NULL WHERE product_id = id(''Shelf'')', '"Shelf" has no default unit')) AS v (change, words);

-- Stored prices that the catalogue would give no more: the stored one is the last, and a step says why.
SELECT count(remember('d-' || entity, CASE entity WHEN 'opportunity' THEN new_deal('d') ELSE new_document(entity) END)) FROM tap.kind \gset
SELECT remember('a-quote', quote_in('active')) \gset
SELECT remember('c-order', made.sales_order_id) FROM (SELECT quote_in('won') AS quote_id) AS q, LATERAL sales_crm.create_order_from_quote(quote_id => q.quote_id) AS made \gset
SELECT sales_crm.lock_invoice_pricing(invoice_id => id('d-invoice')) \gset
UPDATE price_list_item SET amount = 110 WHERE product_id = id('Chair') AND price_list_id = id('tap USD');
SELECT is(price_of('invoice', first_line('invoice', id('d-invoice'))), 'price list: "tap USD" (USD), the price list of the invoice, default of Contoso
price in the list: 110.00 for one piece = 110.00
catalogue today: what one piece would cost now = 110.00
price per unit: as stored, kept from before: the prices of the invoice are locked = 100.00
base amount: 2 x 100.00 = 200.00
amount of the line: 200.00 = 200.00', 'a locked invoice');
SELECT matches(price_of(entity, first_line(entity, id('d-' || entity))), 'kept from before: the catalogue has changed since the line was written; reprice\(''' || entity || ''', \d+\) takes the prices of today = 100.00', entity || ': not yet repriced')
FROM tap.kind WHERE entity <> 'invoice';
SELECT matches(price_of('quote', first_line('quote', id('a-quote'))), 'kept from before: the quote is "active" and does not change = 100.00', 'a quote that does not change any more');
SELECT matches(price_of('sales_order', first_line('sales_order', id('c-order'))), 'the prices of the order are locked = 100.00', 'an order made from a quote');
SELECT remember('c-quote', made.quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('d-opportunity')) AS made \gset
SELECT matches(price_of('quote', first_line('quote', id('c-quote'))), 'the line was copied with its price; reprice\(''quote'', \d+\) takes the prices of today = 100.00', 'a copied line');
UPDATE price_list_item SET product_id = id('Lamp') WHERE product_id = id('Chair') AND unit_id = id('piece');
SELECT matches(price_of('quote', first_line('quote', id('c-quote'))), '^catalogue today: no price: price list "tap USD" has no price for one piece of "Chair"\nprice per unit: as stored.* = 100.00', 'a product that left the price list');
UPDATE price_list_item SET product_id = id('Chair') WHERE product_id = id('Lamp');
UPDATE discount_list_item SET percentage = 7 WHERE discount_list_id = id('bands') AND low_quantity = 10;
SELECT matches(price_of('quote', id('stools')), 'volume discount: on each dozen, kept from before \(today 90.2993\): the catalogue has changed.* = 64.4995', 'a band that has changed');

-- Many documents of all kinds, states and currencies: the last figures are the stored ones.
UPDATE organization_setting SET value = 'per_unit' WHERE name = 'discount_method';
SELECT count(new_document(entity)) FROM tap.kind, generate_series(1, 5) WHERE entity <> 'opportunity' \gset
INSERT INTO quote (account_id, price_list_id, discount_percentage, freight_amount) SELECT id('Contoso'), id(CASE n % 3 WHEN 0 THEN 'tap EUR' ELSE 'tap USD' END), n % 7, n FROM generate_series(1, 60) AS n;
UPDATE organization_setting SET value = 'line_item' WHERE name = 'discount_method';
INSERT INTO quote (account_id, price_list_id, discount_percentage, discount_amount) SELECT id('Contoso'), id('tap USD'), n % 5, n / 10.0 FROM generate_series(1, 60) AS n;
INSERT INTO quote (account_id, currency_code, discount_percentage) SELECT id('Contoso'), c, 3 FROM unnest('{JPY,KWD}'::text[]) AS c;
INSERT INTO quote_product (quote_id, product_id, unit_id, quantity, manual_discount_amount, tax_amount, line_kind)
SELECT q.quote_id, id(p), CASE p WHEN 'Stool' THEN id('dozen') END, q.quote_id % 120 + 1, q.quote_id % 4, q.quote_id % 3, CASE WHEN p = 'Bench' AND q.quote_id % 2 = 0 THEN 'optional' ELSE 'standard' END
FROM quote AS q, unnest('{Chair,Stool,Bench,Shelf,Lamp}'::text[]) AS p WHERE q.state = 'draft';
INSERT INTO quote_product (quote_id, product_description, price_per_unit, quantity, manual_discount_percentage, tax_amount) SELECT quote_id, 'work', 33.33333, 1.2345, 12.5, 1.23456 FROM quote WHERE state = 'draft';
DELETE FROM quote_product WHERE product_id = id('Lamp') AND quote_id % 3 > 0;
SELECT count(s.state) FROM quote AS q, LATERAL sales_crm.activate_quote(quote_id => q.quote_id) AS s WHERE q.state = 'draft' AND q.pricing_error = 'none' AND q.quote_id % 2 = 0 \gset
SELECT count(o.sales_order_id) FROM (SELECT quote_id FROM quote WHERE state = 'active' AND opportunity_id IS NULL ORDER BY quote_id LIMIT 12) AS q, LATERAL sales_crm.accept_quote(quote_id => q.quote_id) AS o \gset
SELECT count(i.invoice_id) FROM sales_order AS o, LATERAL sales_crm.create_invoice_from_order(sales_order_id => o.sales_order_id) AS i WHERE o.quote_id % 3 = 0 \gset
SELECT state FROM sales_crm.revise_product(product_id => id('Shelf')) \gset
UPDATE product SET list_price = 250 WHERE product_id = id('Shelf');
SELECT state FROM sales_crm.publish_product(product_id => id('Shelf')) \gset
UPDATE price_list_item SET percentage = 20 WHERE product_id = id('Bench');
CREATE FUNCTION tap.wrong_lines(kind text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT l.%1$I || '': '' || l.extended_amount || '' '' || e.last FROM %2$I AS l,
		LATERAL (SELECT (array_agg(result ORDER BY step DESC))[1] AS last, (array_agg(result ORDER BY step DESC) FILTER (WHERE rule = ''price per unit''))[1] AS price,
		                coalesce(max(result) FILTER (WHERE rule = ''volume discount''), 0) AS saved, coalesce(max(result) FILTER (WHERE rule = ''tax''), 0) AS tax, count(*) AS n, max(step) AS m
		         FROM sales_crm.explain_price(entity => $1, line_id => l.%1$I)) AS e
		WHERE (l.extended_amount, l.volume_discount_amount, l.tax_amount, e.n) IS DISTINCT FROM (e.last, e.saved, e.tax, e.m) OR l.line_kind <> ''note'' AND l.price_per_unit IS DISTINCT FROM e.price',
		kind || '_product_id', kind || '_product') USING kind;
END $$;
CREATE FUNCTION tap.wrong_totals(kind text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT h.%1$I || '': '' || h.total_amount || '' '' || e.total FROM %2$I AS h,
		LATERAL (SELECT (array_agg(result ORDER BY step DESC))[1] AS last, max(result) FILTER (WHERE rule = ''total'') AS total, coalesce(max(result) FILTER (WHERE rule = ''tax''), 0) AS tax
		         FROM sales_crm.explain_total(entity => $1, id => h.%1$I)) AS e
		WHERE (h.total_amount_base, h.total_amount, h.total_tax) IS DISTINCT FROM (e.last, e.total, e.tax)', kind || '_id', kind) USING kind;
END $$;
SELECT cmp_ok((SELECT count(*) FROM quote_product), '>', 500::bigint, 'there are many lines');
SELECT is_empty(format('SELECT wrong_lines(%L)', entity), entity || ': the steps of each line end in what is stored') FROM tap.kind;
SELECT is_empty(format('SELECT wrong_totals(%L)', entity), entity || ': so do those of each total') FROM tap.kind;
UPDATE currency SET decimals = 1 WHERE currency_code = 'USD';
SELECT matches(price_of('quote', id('benches')), 'amount of the line: as stored, by the rules of its day = 508.35$', 'amounts of a time with other decimals end as stored');
UPDATE currency SET decimals = 2 WHERE currency_code = 'USD';

-- Refusals.
SELECT refused(format('SELECT * FROM sales_crm.%s(%s)', call, arguments), code, call || '(' || arguments || ')') FROM (VALUES
	('explain_price', '''lead'', 1', '22023'), ('explain_price', '''quote'', -1', 'P0002'), ('explain_price', 'NULL, 1', '22004'), ('explain_price', '''quote'', NULL', '22004'),
	('explain_total', '''product'', 1', '22023'), ('explain_total', '''invoice'', -1', 'P0002'), ('explain_total', 'NULL, 1', '22004'), ('explain_total', '''quote'', NULL', '22004')) AS v (call, arguments, code);
SELECT is((SELECT count(*) FROM pg_proc WHERE proname IN ('explain_price', 'explain_total') AND provolatile = 's'), 2::bigint, 'both only read');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
