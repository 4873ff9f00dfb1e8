-- Amounts of lines and headers in all four kinds of document, and what bad lines and headers get (D§4.1-4.9, D§11).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(194);

-- A document of one kind with lines given as (quantity, price, manual discount, tax), priced by hand.
CREATE FUNCTION tap.document(entity text, method text, lines numeric[] DEFAULT '{}') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %I (name, account_id, discount_method) VALUES (''Totals'', $1, $2) RETURNING %I', entity, entity || '_id') INTO made USING id('Contoso'), method;
	EXECUTE format('INSERT INTO %I (%I, product_description, quantity, price_per_unit, manual_discount_amount, tax_amount)
		SELECT $1, ''Item '' || n, $2[4*n-3], $2[4*n-2], $2[4*n-1], $2[4*n] FROM generate_series(1, cardinality($2) / 4) AS n', entity || '_product', entity || '_id') USING made, lines;
	RETURN made;
END $$;
CREATE FUNCTION tap.line_of(entity text, document bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT string_agg(format(''base %%s extended %%s'', base_amount, extended_amount), '', '' ORDER BY line_number) FROM %I_product WHERE %I_id = $1', entity, entity) INTO found USING document;
	RETURN found;
END $$;
CREATE FUNCTION tap.sums_of(entity text, document bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT concat_ws('' '', total_line_item_amount, total_line_item_discount_amount, total_discount_amount, total_amount_less_freight, total_tax, total_amount) FROM %I WHERE %I = $1',
	               entity, entity || '_id') INTO found USING document;
	RETURN found;
END $$;

-- The vectors, in every kind of document. T1 and T2: 1000 less a volume discount of 100 is a price of 900.
CREATE TABLE tap.vector (name text, method text, lines numeric[], line text, sums text);
INSERT INTO tap.vector VALUES
	('T1', 'line_item', '{10,900,100,1335}', 'base 9000.0000 extended 10235.0000', '8900.0000 100.0000 100.0000 8900.0000 1335.0000 10235.0000'),
	('T2', 'per_unit', '{10,900,100,1200}', 'base 9000.0000 extended 9200.0000', '8000.0000 1000.0000 1000.0000 8000.0000 1200.0000 9200.0000'),
	('T3 line item', 'line_item', '{11,100,10,0}', 'base 1100.0000 extended 1090.0000', '1090.0000 10.0000 10.0000 1090.0000 0.0000 1090.0000'),
	('T3 per unit', 'per_unit', '{11,100,10,0}', 'base 1100.0000 extended 990.0000', '990.0000 110.0000 110.0000 990.0000 0.0000 990.0000'),
	('T17', 'line_item', '{-2,50,0,0}', 'base -100.0000 extended -100.0000', '-100.0000 0.0000 0.0000 -100.0000 0.0000 -100.0000'),
	('a negative price', 'line_item', '{2,-50,0,0}', 'base -100.0000 extended -100.0000', '-100.0000 0.0000 0.0000 -100.0000 0.0000 -100.0000'),
	('a discount above the line', 'line_item', '{1,50,80,0}', 'base 50.0000 extended -30.0000', '-30.0000 80.0000 80.0000 -30.0000 0.0000 -30.0000'),
	('no quantity', 'line_item', '{0,50,0,0}', 'base 0.0000 extended 0.0000', '0.0000 0.0000 0.0000 0.0000 0.0000 0.0000'),
	('halves go away from zero', 'line_item', '{1,0.125,0,0.005,-1,0.125,0,-0.005}', 'base 0.1300 extended 0.1400, base -0.1300 extended -0.1400', '0.0000 0.0000 0.0000 0.0000 0.0000 0.0000'),
	('a price is not rounded', 'line_item', '{3,0.33333,0,0}', 'base 1.0000 extended 1.0000', '1.0000 0.0000 0.0000 1.0000 0.0000 1.0000'),
	('no lines', 'line_item', '{}', NULL, '0.0000 0.0000 0.0000 0.0000 0.0000 0.0000');
CREATE TABLE tap.kind (entity text);
INSERT INTO tap.kind VALUES ('opportunity'), ('quote'), ('sales_order'), ('invoice');
SELECT count(remember(entity || name, document(entity, method, lines))) FROM tap.kind, tap.vector \gset
SELECT is(line_of(entity, id(entity || name)) || ' | ' || sums_of(entity, id(entity || name)), line || ' | ' || sums, entity || ': ' || name) FROM tap.kind, tap.vector WHERE name <> 'no lines'
UNION ALL SELECT is(sums_of(entity, id(entity || name)), sums, entity || ': ' || name) FROM tap.kind, tap.vector WHERE name = 'no lines';

-- T10 and T11, the header's own discount and freight given before or after the lines.
SELECT count(remember(entity || 'T10', document(entity, 'line_item', '{1,1000,0,100,1,500,0,50}'))),
       count(remember(entity || 'T11', document(entity, 'line_item', '{1,1040,40,100,1,510,10,50}'))) FROM tap.kind \gset
UPDATE opportunity SET discount_percentage = 10, discount_amount = 30, freight_amount = 20 WHERE opportunity_id IN (id('opportunityT10'), id('opportunityT11'));
UPDATE quote SET discount_percentage = 10, discount_amount = 30, freight_amount = 20 WHERE quote_id IN (id('quoteT10'), id('quoteT11'));
UPDATE sales_order SET discount_percentage = 10, discount_amount = 30, freight_amount = 20 WHERE sales_order_id IN (id('sales_orderT10'), id('sales_orderT11'));
UPDATE invoice SET discount_percentage = 10, discount_amount = 30, freight_amount = 20 WHERE invoice_id IN (id('invoiceT10'), id('invoiceT11'));
SELECT is(sums_of(entity, id(entity || 'T10')), '1500.0000 0.0000 180.0000 1320.0000 150.0000 1490.0000', entity || ': T10') FROM tap.kind;
SELECT is(sums_of(entity, id(entity || 'T11')), '1500.0000 50.0000 230.0000 1320.0000 150.0000 1490.0000', entity || ': T11') FROM tap.kind;
WITH made AS (INSERT INTO quote (account_id, discount_percentage, discount_amount, freight_amount) VALUES (id('Contoso'), 10, 30, 20) RETURNING quote_id, total_amount)
SELECT is(total_amount, -10.0000, 'a discount without lines') FROM (SELECT remember('before', quote_id), total_amount FROM made) AS made;
INSERT INTO quote_product (quote_id, product_description, price_per_unit, tax_amount) VALUES (id('before'), 'a', 1000, 100), (id('before'), 'b', 500, 50);
SELECT is(sums_of('quote', id('before')), '1500.0000 0.0000 180.0000 1320.0000 150.0000 1490.0000', 'T10 with the discount first');
UPDATE quote SET discount_percentage = 33.3333 WHERE quote_id = id('before');
SELECT is(sums_of('quote', id('before')), '1500.0000 0.0000 530.0000 970.0000 150.0000 1140.0000', 'the percentage gives an amount rounded to the currency');
DELETE FROM quote_product WHERE quote_id = id('before') AND product_description = 'b';
SELECT is(sums_of('quote', id('before')), '1000.0000 0.0000 363.3300 636.6700 100.0000 756.6700', 'a deleted line leaves the sums');
DELETE FROM quote_product WHERE quote_id = id('before');
SELECT is(sums_of('quote', id('before')), '0.0000 0.0000 30.0000 -30.0000 0.0000 -10.0000', 'and the last one');

-- The discount of a line in percent.
SELECT remember('q', document('quote', 'line_item')), remember('u', document('quote', 'per_unit')) \gset
INSERT INTO quote_product (quote_id, product_description, quantity, price_per_unit, manual_discount_percentage)
SELECT id(n), 'a', 3, 66.665, 10 FROM unnest('{q,u}'::text[]) AS n;
SELECT is((base_amount, manual_discount_amount, extended_amount)::text, '(200.0000,20.0000,180.0000)', 'percent of the line') FROM quote_product WHERE quote_id = id('q');
SELECT is((base_amount, manual_discount_amount, extended_amount)::text, '(200.0000,6.6700,179.9900)', 'per unit it is percent of the price') FROM quote_product WHERE quote_id = id('u');
UPDATE quote_product SET quantity = 6 WHERE quote_id = id('q');
SELECT is((manual_discount_amount, extended_amount)::text, '(40.0000,359.9900)', 'it follows the quantity') FROM quote_product WHERE quote_id = id('q');
UPDATE quote_product SET manual_discount_amount = 1 WHERE quote_id = id('q');
SELECT is(manual_discount_amount, 40.0000, 'and wins over an amount') FROM quote_product WHERE quote_id = id('q');
UPDATE quote_product SET manual_discount_percentage = NULL, manual_discount_amount = 1.005 WHERE quote_id = id('q');
SELECT is((manual_discount_amount, extended_amount)::text, '(1.0100,398.9800)', 'without it the amount counts, rounded') FROM quote_product WHERE quote_id = id('q');
SELECT is((total_line_item_discount_amount, total_amount)::text, '(1.0100,398.9800)', 'and in the header') FROM quote WHERE quote_id = id('q');

-- The rules in force when a document is made stay with it.
UPDATE organization_setting SET value = 'per_unit' WHERE name = 'discount_method';
WITH made AS (INSERT INTO quote (account_id) VALUES (id('Contoso')) RETURNING quote_id, discount_method) SELECT is(discount_method, 'per_unit', 'the setting is stored on a new document') FROM (SELECT remember('pu', quote_id), discount_method FROM made) AS made;
INSERT INTO quote_product (quote_id, product_description, quantity, price_per_unit, manual_discount_amount) VALUES (id('pu'), 'a', 11, 100, 10);
UPDATE quote_product SET quantity = 11 WHERE quote_id = id('quoteT3 line item');
SELECT is(total_amount, 1090.0000, 'an older document keeps its rule') FROM quote WHERE quote_id = id('quoteT3 line item');
UPDATE organization_setting SET value = 'line_item' WHERE name = 'discount_method';
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('pu')) \gset
SELECT remember('o', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('pu')) \gset
SELECT remember('i', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o')) \gset
SELECT is((discount_method, total_amount)::text, '(per_unit,990.0000)', 'a converted document takes the rule along') FROM invoice WHERE invoice_id = id('i');
SELECT refused('UPDATE quote SET discount_method = ''line_item'' WHERE quote_id = id(''quoteT2'')', '428C9', 'the rule of a document is not changed');
SELECT refused('UPDATE quote SET tax_rounding = ''document'' WHERE quote_id = id(''quoteT2'')', '428C9', 'nor where it rounds tax');
SELECT throws_ok('INSERT INTO quote (account_id, discount_method) VALUES (id(''Contoso''), ''per_dozen'')', '23514', NULL, 'an unknown rule');

-- Catalogue lines.
SELECT remember('q', new_document('quote')) \gset
INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id('q'), id('Table'), 2);
INSERT INTO quote_product (quote_id, product_id, unit_id, quantity, price_per_unit) VALUES (id('q'), id('Chair'), id('dozen'), 1.5, 7);
SELECT results_eq('SELECT line_number, coalesce(unit_id, 0), price_per_unit, base_amount, pricing_error FROM quote_product WHERE quote_id = id(''q'') ORDER BY 1', $$VALUES
	(1, id('piece'), 100.00000, 200.0000, 'none'), (2, 0::bigint, 50.00000, 50.0000, 'none'), (3, id('piece'), 250.5, 501, 'none'), (4, id('dozen'), 1100, 1650, 'none')$$,
	'unit and price come from product and price list, the numbers count on');
UPDATE quote_product SET is_price_overridden = true, price_per_unit = 90.12345 WHERE quote_id = id('q') AND line_number = 1;
SELECT is((price_per_unit, base_amount)::text, '(90.12345,180.2500)', 'an overridden price counts as typed') FROM quote_product WHERE quote_id = id('q') AND line_number = 1;
UPDATE quote_product SET is_price_overridden = false WHERE quote_id = id('q') AND line_number = 1;
SELECT is(price_per_unit, 100.00000, 'without override the list counts again') FROM quote_product WHERE quote_id = id('q') AND line_number = 1;
UPDATE quote_product SET product_id = id('Table') WHERE quote_id = id('q') AND line_number = 1;
SELECT is(price_per_unit, 250.50000, 'another product, another price') FROM quote_product WHERE quote_id = id('q') AND line_number = 1;
UPDATE quote_product SET product_id = id('Chair') WHERE quote_id = id('q') AND line_number = 1;
UPDATE quote_product SET price_per_unit = 60 WHERE quote_id = id('q') AND product_description IS NOT NULL;
SELECT is(extended_amount, 60.0000, 'the price of a write-in is as typed') FROM quote_product WHERE quote_id = id('q') AND product_description IS NOT NULL;
INSERT INTO quote_product (quote_id, line_number, product_description) VALUES (id('q'), 100, 'far'), (id('q'), NULL, 'next');
SELECT is((SELECT array_agg(line_number ORDER BY quote_product_id DESC) FROM quote_product WHERE quote_id = id('q') AND product_description IN ('far', 'next')), '{101,100}'::int[], 'a line number may be given');
INSERT INTO quote_product (quote_id, line_kind, description, quantity, price_per_unit, tax_amount) VALUES (id('q'), 'note', 'words', 4, 5, 6);
SELECT is((price_per_unit, tax_amount, extended_amount)::text, '(0.00000,0.0000,0.0000)', 'a note costs nothing') FROM quote_product WHERE quote_id = id('q') AND line_kind = 'note';
UPDATE quote_product SET line_kind = 'optional' WHERE quote_id = id('q') AND product_id = id('Table');
SELECT is(total_amount, 200 + 60 + 1650.0000, 'an optional line is not summed') FROM quote WHERE quote_id = id('q');
UPDATE quote_product SET line_kind = 'standard' WHERE quote_id = id('q') AND product_id = id('Table');
SELECT is(total_amount, 200 + 60 + 1650 + 501.0000, 'a standard one is') FROM quote WHERE quote_id = id('q');
WITH made AS (INSERT INTO quote_product (quote_id, product_description, quantity, price_per_unit, base_amount, extended_amount, volume_discount_amount, pricing_error)
              VALUES (id('q'), 'forged', 1, 1, 99, 99, 99, 'x') RETURNING *)
SELECT is((base_amount, extended_amount, volume_discount_amount, pricing_error)::text, '(1.0000,1.0000,0.00000,none)', 'computed columns are overwritten on INSERT') FROM made;
SELECT refused(format('UPDATE quote_product SET %I = 9 WHERE quote_id = id(''q'')', c), '428C9', c || ' is not written by hand') FROM unnest('{base_amount,extended_amount,volume_discount_amount}'::text[]) AS c;
SELECT refused(format('UPDATE quote SET %I = 9 WHERE quote_id = id(''q'')', c), '428C9', c || ' is not written by hand')
FROM unnest('{total_line_item_amount,total_line_item_discount_amount,total_discount_amount,total_amount_less_freight,total_tax,total_amount,total_amount_base,exchange_rate}'::text[]) AS c;
SELECT lives_ok('UPDATE quote SET total_amount = total_amount, pricing_error = pricing_error, name = ''Written back'' WHERE quote_id = id(''q'')', 'writing back what was read passes');

-- No price.
SELECT remember('e', document('quote', 'line_item')) \gset
UPDATE quote SET price_list_id = NULL WHERE quote_id = id('e');
INSERT INTO quote_product (quote_id, product_id) VALUES (id('e'), id('Chair'));
SELECT is((l.price_per_unit, l.pricing_error, q.pricing_error, q.total_amount)::text, '(0.00000,missing_price_list,detail_error,0.0000)', 'without price list a line is stored without price') FROM quote_product AS l JOIN quote AS q USING (quote_id) WHERE quote_id = id('e');
UPDATE quote SET price_list_id = id('tap USD') WHERE quote_id = id('e');
UPDATE quote_product SET product_id = id('Lamp') WHERE quote_id = id('e');
SELECT is((l.price_per_unit, l.pricing_error, q.pricing_error)::text, '(0.00000,product_not_in_price_list,detail_error)', 'a product that is not in it too') FROM quote_product AS l JOIN quote AS q USING (quote_id) WHERE quote_id = id('e');
UPDATE quote_product SET product_id = id('Box'), unit_id = id('dozen') WHERE quote_id = id('e');
SELECT is((l.price_per_unit, l.pricing_error)::text, '(0.00000,product_not_in_price_list)', 'nor one that is not there in that unit') FROM quote_product AS l WHERE quote_id = id('e');
UPDATE quote_product SET product_id = id('Chair'), unit_id = NULL WHERE quote_id = id('e');
SELECT is((l.price_per_unit, l.pricing_error, q.pricing_error, q.total_amount)::text, '(100.00000,none,none,100.0000)', 'a price mends line and header') FROM quote_product AS l JOIN quote AS q USING (quote_id) WHERE quote_id = id('e');
UPDATE account SET price_list_id = NULL;
UPDATE price_list SET state = 'inactive' WHERE price_list_id = id('tap USD');
UPDATE quote_product SET quantity = 1 WHERE quote_id = id('e');
SELECT is((l.price_per_unit, l.pricing_error)::text, '(0.00000,inactive_price_level)', 'an inactive price list gives no price') FROM quote_product AS l WHERE quote_id = id('e');
UPDATE price_list SET state = 'active' WHERE price_list_id = id('tap USD');
UPDATE account SET price_list_id = id('tap USD');
UPDATE quote_product SET quantity = 1 WHERE quote_id = id('e');
UPDATE price_list_item SET amount = NULL WHERE product_id = id('Table');
INSERT INTO quote_product (quote_id, product_id) VALUES (id('e'), id('Table'));
SELECT is(pricing_error, 'missing_price_list_amount', 'an item without amount') FROM quote_product WHERE quote_id = id('e') AND product_id = id('Table');
DELETE FROM quote_product WHERE quote_id = id('e') AND product_id = id('Table');
SELECT is(pricing_error, 'none', 'a deleted line takes its error along') FROM quote WHERE quote_id = id('e');
UPDATE organization_setting SET value = 'true' WHERE name = 'price_list_is_optional';
INSERT INTO quote_product (quote_id, product_id) VALUES (id('e'), id('Lamp'));
SELECT is((l.price_per_unit, l.pricing_error, q.pricing_error)::text, '(0.00000,none,none)', 'with price_list_is_optional it costs 0 and is no error') FROM quote_product AS l JOIN quote AS q USING (quote_id) WHERE quote_id = id('e') AND product_id = id('Lamp');
UPDATE product SET price_list_id = id('tap USD') WHERE product_id = id('Chair');
WITH made AS (INSERT INTO quote (contact_id) VALUES (id('Ann')) RETURNING quote_id) SELECT remember('own', quote_id) FROM made \gset
INSERT INTO quote_product (quote_id, product_id) VALUES (id('own'), id('Chair'));
SELECT is((q.price_list_id, l.price_per_unit)::text, '(,100.00000)', 'and the product''s own list helps out') FROM quote_product AS l JOIN quote AS q USING (quote_id) WHERE quote_id = id('own');
UPDATE organization_setting SET value = 'false' WHERE name = 'price_list_is_optional';

-- Currencies.
WITH made AS (INSERT INTO quote (account_id, price_list_id) VALUES (id('Contoso'), id('tap EUR')) RETURNING quote_id) SELECT remember('eur', quote_id) FROM made \gset
INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (id('eur'), 'T13', 121);
SELECT is((currency_code, exchange_rate, total_amount, total_amount_base)::text, '(EUR,1.1000000000,121.0000,110.0000)', 'T13: the price list''s currency, base = amount ÷ rate') FROM quote WHERE quote_id = id('eur');
INSERT INTO quote_product (quote_id, product_id) VALUES (id('eur'), id('Chair'));
SELECT is((total_amount, total_amount_base)::text, '(321.0000,291.8182)', 'base amounts keep four decimals') FROM quote WHERE quote_id = id('eur');
UPDATE currency SET exchange_rate = 1.2 WHERE currency_code = 'EUR';
UPDATE quote SET freight_amount = 9 WHERE quote_id = id('eur');
SELECT is((exchange_rate, total_amount_base)::text, '(1.1000000000,300.0000)', 'a later rate does not touch the document') FROM quote WHERE quote_id = id('eur');
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('eur')) \gset
SELECT remember('eur order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('eur')) \gset
SELECT is((currency_code, exchange_rate, total_amount, total_amount_base)::text, '(EUR,1.2000000000,330.0000,275.0000)', 'a converted document takes the rate of its own day') FROM sales_order WHERE sales_order_id = id('eur order');
WITH made AS (INSERT INTO quote (account_id, currency_code) VALUES (id('Contoso'), 'JPY'), (id('Contoso'), 'KWD') RETURNING quote_id, currency_code) SELECT count(remember(currency_code, quote_id)) FROM made \gset
INSERT INTO quote_product (quote_id, product_description, quantity, price_per_unit, manual_discount_percentage, tax_amount)
SELECT id(c), 'a', 3, 333.3333, 10, 0.5005 FROM unnest('{JPY,KWD}'::text[]) AS c;
UPDATE quote SET discount_percentage = 5, freight_amount = 1.0505 WHERE quote_id IN (id('JPY'), id('KWD'));
SELECT is((SELECT (price_per_unit, base_amount, manual_discount_amount, tax_amount, extended_amount)::text FROM quote_product WHERE quote_id = id('JPY')), '(333.33330,1000.0000,100.0000,1.0000,901.0000)', 'yen: no decimals');
SELECT is(sums_of('quote', id('JPY')), '900.0000 100.0000 145.0000 855.0000 1.0000 857.0000', 'nor in the header');
SELECT is((SELECT (price_per_unit, base_amount, manual_discount_amount, tax_amount, extended_amount)::text FROM quote_product WHERE quote_id = id('KWD')), '(333.33330,1000.0000,100.0000,0.5010,900.5010)', 'dinars: three');
SELECT is(sums_of('quote', id('KWD')), '900.0000 100.0000 145.0000 855.0000 0.5010 856.5520', 'in the header too');
SELECT is((price_list_id, exchange_rate, total_amount_base)::text, '(,0.3000000000,2855.1733)', 'the customer''s price list is not taken when its currency does not fit') FROM quote WHERE quote_id = id('KWD');
WITH made AS (INSERT INTO quote (account_id) VALUES (id('Contoso')) RETURNING *) SELECT is((currency_code, exchange_rate, price_list_id)::text, format('(USD,1.0000000000,%s)', id('tap USD')), 'else it is') FROM made;
UPDATE account SET price_list_id = NULL, currency_code = 'EUR' WHERE account_id = id('Contoso');
WITH made AS (INSERT INTO quote (account_id) VALUES (id('Contoso')) RETURNING *) SELECT is((currency_code, exchange_rate, price_list_id)::text, '(EUR,1.2000000000,)', 'without list the currency is the customer''s') FROM made;
WITH made AS (INSERT INTO quote (contact_id) VALUES (id('Ann')) RETURNING *) SELECT is(currency_code, 'USD', 'else the base currency') FROM made;
UPDATE account SET price_list_id = id('tap USD'), currency_code = NULL WHERE account_id = id('Contoso');
WITH made AS (INSERT INTO quote (account_id, price_list_id) VALUES (id('Contoso'), NULL) RETURNING *) SELECT remember('free', quote_id) FROM made \gset
UPDATE quote SET price_list_id = NULL, currency_code = 'JPY' WHERE quote_id = id('free');
SELECT is((currency_code, exchange_rate)::text, '(JPY,150.0000000000)', 'without lines the currency may change, and its rate with it') FROM quote WHERE quote_id = id('free');
SELECT refused('UPDATE quote SET currency_code = ''EUR'', price_list_id = NULL WHERE quote_id = id(''q'')', 'SC009', 'with lines it may not');
SELECT refused('UPDATE quote SET price_list_id = id(''tap EUR'') WHERE quote_id = id(''q'')', 'SC009', 'a price list of another currency');
SELECT refused('INSERT INTO quote (account_id, currency_code, price_list_id) VALUES (id(''Contoso''), ''USD'', id(''tap EUR''))', 'SC009', 'also on INSERT');
SELECT refused(format('INSERT INTO %I (account_id, currency_code) VALUES (id(''Contoso''), ''XXX'')', entity), '23503', entity || ': a currency that does not exist') FROM tap.kind;
SELECT throws_ok('INSERT INTO quote (account_id, price_list_id) VALUES (id(''Contoso''), -1)', '23503', NULL, 'a price list that does not exist');

-- Bad lines.
SELECT refused(format('INSERT INTO %I (%I, product_id) VALUES (id(%L), id(''Sketch''))', entity || '_product', entity || '_id', entity || 'T1'), 'SC015', entity || ': a draft product') FROM tap.kind;
SELECT refused('INSERT INTO quote_product (quote_id, product_id, unit_id) VALUES (id(''q''), id(''Chair''), id(''gram''))', 'SC016', 'a unit of another group');
SELECT refused('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id(''q''), id(''Box''), 1.5)', 'SC016', 'more decimals than the product has');
SELECT refused('UPDATE quote_product SET quantity = 1.234 WHERE quote_id = id(''q'') AND product_id = id(''Chair'')', 'SC016', 'also on UPDATE');
SELECT lives_ok('INSERT INTO quote_product (quote_id, product_description, quantity) VALUES (id(''q''), ''hours'', 1.23456)', 'a write-in has five');
SELECT refused(format('INSERT INTO quote_product (quote_id, product_description, manual_discount_percentage) VALUES (id(''q''), ''x'', %s)', p), '23514', p || ' percent on a line') FROM unnest('{-1,100.0001}'::numeric[]) AS p;
SELECT refused(format('UPDATE %I SET discount_percentage = %s WHERE %I = id(%L)', entity, p, entity || '_id', entity || 'T1'), '23514', entity || ': a discount of ' || p || ' percent') FROM tap.kind, unnest('{-0.0001,101}'::numeric[]) AS p;
SELECT throws_ok(format('INSERT INTO quote_product (quote_id, product_description, %s) VALUES (id(''q''), ''x'', -1)', c), '23514', NULL, c || ' below 0 on a line') FROM unnest('{manual_discount_amount}'::text[]) AS c;
SELECT throws_ok(format('UPDATE quote SET %I = -1 WHERE quote_id = id(''q'')', c), '23514', NULL, c || ' below 0') FROM unnest('{discount_amount,freight_amount}'::text[]) AS c;
SELECT throws_ok(format('INSERT INTO quote_product (quote_id, %s) VALUES (id(''q''), %s)', b.columns, b.vals), b.code, NULL, b.what)
FROM (VALUES ('product_id, product_description', 'id(''Chair''), ''x''', '23514', 'product and write-in at once'), ('quantity', '1', '23514', 'neither of them'),
             ('product_description, unit_id', '''x'', id(''piece'')', '23514', 'a write-in with a unit'), ('line_kind, product_id', '''note'', id(''Chair'')', '23514', 'a note with a product'),
             ('line_kind, product_description', '''gift'', ''x''', '23514', 'an unknown kind of line'), ('product_id', '-1', '23503', 'a product that does not exist'),
             ('product_id, unit_id', 'id(''Chair''), -1', 'SC016', 'a unit that does not exist'), ('product_description, quantity', '''x'', NULL', '23502', 'no quantity'),
             ('product_description, price_per_unit', '''x'', NULL', '23502', 'no price'), ('product_description, tax_amount', '''x'', NULL', '23502', 'no tax'),
             ('product_description, price_per_unit', '''x'', 1e15', '22003', 'a price too large')) AS b (columns, vals, code, what);
SELECT throws_ok(format('INSERT INTO %I (%I, product_description) VALUES (-1, ''x'')', entity || '_product', entity || '_id'), '23503', NULL, entity || ': a line of a document that does not exist') FROM tap.kind;
SELECT refused('UPDATE quote_product SET quote_id = id(''quoteT1'') WHERE quote_id = id(''quoteT2'')', '428C9', 'a line does not move to another document');

-- Bad headers.
SELECT refused(format('INSERT INTO %I (name) VALUES (''nobody'')', entity), 'SC006', entity || ': no customer') FROM tap.kind;
SELECT refused(format('UPDATE %I SET account_id = NULL, contact_id = NULL WHERE %I = id(%L)', entity, entity || '_id', entity || 'T1'), 'SC006', entity || ': the customer taken away') FROM tap.kind;
SELECT throws_ok(format('INSERT INTO %I (account_id) VALUES (-1)', entity), '23503', NULL, entity || ': a customer that does not exist') FROM tap.kind;
SELECT throws_ok(format('INSERT INTO %I (contact_id) VALUES (-1)', entity), '23503', NULL, entity || ': a contact that does not exist') FROM tap.kind;
SELECT refused('INSERT INTO quote (account_id, effective_from, effective_to) VALUES (id(''Contoso''), ''2026-02-02'', ''2026-02-01'')', '23514', 'effective_from after effective_to');
SELECT refused('UPDATE quote SET effective_from = effective_to + 1 WHERE quote_id = id(''q'')', '23514', 'also on UPDATE');
SELECT refused('INSERT INTO quote (account_id, payment_terms) VALUES (id(''Contoso''), ''never'')', '23514', 'an unknown option');
SELECT refused('UPDATE quote SET quote_id = -5 WHERE quote_id = id(''q'')', '428C9', 'a key changed');
SELECT throws_ok('DELETE FROM account WHERE account_id = id(''Contoso'')', '23503', NULL, 'a customer with documents is not deleted');
SELECT throws_ok('DELETE FROM product WHERE product_id = id(''Chair'')', 'SC002', NULL, 'nor a product on sale');
SELECT throws_ok('DELETE FROM price_list WHERE price_list_id = id(''tap USD'')', '23503', NULL, 'nor a price list in use');

-- Sets: many headers' lines in one statement, each way of writing.
CREATE TABLE tap.many AS SELECT new_document('quote') AS quote_id FROM generate_series(1, 50);
CREATE FUNCTION tap.wrong() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM tap.many JOIN quote AS q USING (quote_id),
	LATERAL (SELECT sum(extended_amount - tax_amount) AS net, sum(tax_amount) AS tax FROM quote_product AS l WHERE l.quote_id = q.quote_id) AS l
	WHERE (q.total_line_item_amount, q.total_tax, q.total_amount) IS DISTINCT FROM (l.net, l.tax, l.net + l.tax)
$$;
INSERT INTO quote_product (quote_id, product_id, quantity, tax_amount) SELECT quote_id, id(p), n, n FROM tap.many, unnest('{Chair,Box}'::text[]) AS p, generate_series(1, 4) AS n ORDER BY n, quote_id DESC;
SELECT is(wrong(), 0::bigint, '400 lines of 50 quotes by one INSERT');
SELECT is((SELECT count(*) FROM (SELECT quote_id FROM tap.many JOIN quote_product USING (quote_id) GROUP BY quote_id HAVING array_agg(line_number ORDER BY line_number) = '{1,2,3,4,5,6,7,8,9,10}') AS q), 50::bigint, 'their numbers count on without a gap');
UPDATE quote_product SET quantity = quantity + 1, tax_amount = 2 WHERE quote_id IN (SELECT quote_id FROM tap.many) AND product_id = id('Box');
SELECT is(wrong(), 0::bigint, 'changed by one UPDATE');
DELETE FROM quote_product WHERE quote_id IN (SELECT quote_id FROM tap.many WHERE quote_id % 2 = 0) AND product_id = id('Chair');
SELECT is(wrong(), 0::bigint, 'deleted by one DELETE');
INSERT INTO quote_product (quote_product_id, quote_id, product_description, price_per_unit) SELECT l.quote_product_id, l.quote_id, 'merged', 9 FROM quote_product AS l JOIN tap.many USING (quote_id) WHERE l.product_description IS NOT NULL
ON CONFLICT (quote_product_id) DO UPDATE SET product_description = EXCLUDED.product_description, price_per_unit = EXCLUDED.price_per_unit;
SELECT is(wrong(), 0::bigint, 'by INSERT .. ON CONFLICT DO UPDATE');
MERGE INTO quote_product AS l USING tap.many AS m ON l.quote_id = m.quote_id AND l.product_description = 'merged'
WHEN MATCHED AND l.quote_id % 3 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET price_per_unit = 11 WHEN NOT MATCHED THEN INSERT (quote_id, product_description) VALUES (m.quote_id, 'new');
SELECT is(wrong(), 0::bigint, 'by MERGE');
SELECT is((SELECT count(*) FROM quote JOIN tap.many USING (quote_id) WHERE row_version <= 1), 0::bigint, 'each change of a total raises row_version');
SELECT count(sales_crm.activate_quote(quote_id => quote_id)) FROM (SELECT quote_id FROM tap.many LIMIT 1) AS one \gset
SELECT refused('INSERT INTO quote_product (quote_id, product_description) SELECT quote_id, ''one too many'' FROM tap.many', 'SC002', 'one read-only header among many refuses the statement');

-- Revenue of an opportunity (D§4.6).
SELECT remember('deal', new_deal('deal')) \gset
SELECT is((estimated_value, estimated_value_base, total_amount)::text, '(5000.0000,5000.0000,250.0000)', 'the seller''s own estimate stays') FROM opportunity WHERE opportunity_id = id('deal');
UPDATE opportunity SET is_revenue_system_calculated = true WHERE opportunity_id = id('deal');
SELECT is(estimated_value, 250.0000, 'calculated, it is the total') FROM opportunity WHERE opportunity_id = id('deal');
UPDATE opportunity_product SET quantity = 3 WHERE opportunity_id = id('deal') AND product_id IS NOT NULL;
SELECT is((estimated_value, estimated_value_base)::text, '(350.0000,350.0000)', 'and follows the lines') FROM opportunity WHERE opportunity_id = id('deal');
UPDATE opportunity SET is_revenue_system_calculated = false, estimated_value = 1 WHERE opportunity_id = id('deal');
SELECT is(estimated_value, 1.0000, 'until it is typed again') FROM opportunity WHERE opportunity_id = id('deal');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
