-- Taxes by rules, to the cent: excluded and included, one rate and several, rounded on the line and on the document, in currencies of 0 to 4 decimals.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(127);

-- Spain has 21, 10 and 0 percent by category; British Columbia and Quebec have two taxes on everything.
INSERT INTO currency (currency_code, name, decimals, exchange_rate) VALUES ('CLF', 'Unidad de Fomento', 4, 0.025) ON CONFLICT DO NOTHING;
WITH made AS (INSERT INTO tax_rate (name, percentage) VALUES ('VAT 21 %', 21), ('VAT 10 %', 10), ('VAT 0 %', 0), ('GST', 5), ('PST', 7), ('QST', 9.975) RETURNING tax_rate_id, name)
SELECT count(remember(name, tax_rate_id)) FROM made \gset
INSERT INTO tax_rule (name, tax_category, country, state_or_province, tax_rate_id, sort_order) VALUES
	('Spain, standard', 'standard', 'ES', NULL, id('VAT 21 %'), 1),
	('Spain, reduced', 'reduced', 'ES', NULL, id('VAT 10 %'), 1),
	('Spain, zero', 'zero', 'ES', NULL, id('VAT 0 %'), 1),
	('Canada', NULL, 'CA', NULL, id('GST'), 1),
	('British Columbia', NULL, 'CA', 'BC', id('PST'), 2),
	('Quebec', NULL, 'CA', 'QC', id('QST'), 2);
WITH made AS (INSERT INTO account (name, address_country, address_state_or_province) VALUES ('Madrid', 'ES', 'Madrid'), ('Vancouver', 'CA', 'BC'), ('Montreal', 'CA', 'QC') RETURNING account_id, name)
SELECT count(remember(name, account_id)) FROM made \gset

-- A document with lines given as (quantity, price, manual discount), and its sums: net, discount, tax, total.
CREATE FUNCTION tap.taxed(entity text, customer text, method text, rounding text, currency text, lines numeric[], discounts text DEFAULT 'line_item') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %I (name, account_id, tax_method, tax_rounding, currency_code, discount_method) VALUES (''Taxed'', $1, $2, $3, $4, $5) RETURNING %I', entity, entity || '_id')
	INTO made USING id(customer), method, rounding, currency, discounts;
	EXECUTE format('INSERT INTO %I (%I, product_description, quantity, price_per_unit, manual_discount_amount, tax_amount)
		SELECT $1, ''Item '' || n, $2[3*n-2], $2[3*n-1], $2[3*n], 77 FROM generate_series(1, cardinality($2) / 3) AS n', entity || '_product', entity || '_id') USING made, lines;
	RETURN made;
END $$;
CREATE FUNCTION tap.sums_of(entity text, document bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT concat_ws('' '', trim_scale(total_line_item_amount), trim_scale(total_line_item_discount_amount), trim_scale(total_tax), trim_scale(total_amount)) FROM %I WHERE %I = $1',
	               entity, entity || '_id') INTO found USING document;
	RETURN found;
END $$;

CREATE TABLE tap.vector (name text, customer text, method text, rounding text, currency text, lines numeric[], sums text, discounts text DEFAULT 'line_item');
INSERT INTO tap.vector (name, customer, method, rounding, currency, lines, sums) VALUES
	('one rate', 'Madrid', 'excluded', 'line', 'USD', '{1,100,0}', '100 0 21 121'),
	('one rate', 'Madrid', 'excluded', 'document', 'USD', '{1,100,0}', '100 0 21 121'),
	('one rate', 'Madrid', 'included', 'line', 'USD', '{1,121,0}', '100 0 21 121'),
	('one rate', 'Madrid', 'included', 'document', 'USD', '{1,121,0}', '100 0 21 121'),
	('a cent apart', 'Madrid', 'excluded', 'line', 'USD', '{1,1.12,0,1,1.12,0,1,1.12,0}', '3.36 0 0.72 4.08'),
	('a cent apart', 'Madrid', 'excluded', 'document', 'USD', '{1,1.12,0,1,1.12,0,1,1.12,0}', '3.36 0 0.71 4.07'),
	('a cent apart', 'Madrid', 'included', 'line', 'USD', '{1,1.12,0,1,1.12,0,1,1.12,0}', '2.79 0 0.57 3.36'),
	('a cent apart', 'Madrid', 'included', 'document', 'USD', '{1,1.12,0,1,1.12,0,1,1.12,0}', '2.78 0 0.58 3.36'),
	('two rates', 'Vancouver', 'excluded', 'line', 'USD', '{1,33.33,0}', '33.33 0 4 37.33'),
	('two rates', 'Vancouver', 'excluded', 'document', 'USD', '{1,33.33,0}', '33.33 0 4 37.33'),
	('two rates', 'Vancouver', 'included', 'line', 'USD', '{1,33.33,0}', '29.76 0 3.57 33.33'),
	('two rates', 'Vancouver', 'included', 'document', 'USD', '{1,33.33,0}', '29.76 0 3.57 33.33'),
	('two rates, three lines', 'Vancouver', 'excluded', 'line', 'USD', '{1,0.15,0,1,0.15,0,1,0.15,0}', '0.45 0 0.06 0.51'),
	('two rates, three lines', 'Vancouver', 'excluded', 'document', 'USD', '{1,0.15,0,1,0.15,0,1,0.15,0}', '0.45 0 0.05 0.5'),
	('three decimals of a rate', 'Montreal', 'excluded', 'line', 'USD', '{1,100,0}', '100 0 14.98 114.98'),
	('three decimals of a rate', 'Montreal', 'excluded', 'document', 'USD', '{1,100,0}', '100 0 14.98 114.98'),
	('three decimals of a rate', 'Montreal', 'included', 'line', 'USD', '{1,114.98,0}', '100 0 14.98 114.98'),
	('three decimals of a rate', 'Montreal', 'included', 'document', 'USD', '{1,114.98,0}', '100 0 14.98 114.98'),
	('no rule', 'Contoso', 'excluded', 'line', 'USD', '{1,100,0}', '100 0 0 100'),
	('no rule', 'Contoso', 'included', 'document', 'USD', '{1,100,0}', '100 0 0 100'),
	('no decimals', 'Madrid', 'excluded', 'line', 'JPY', '{1,999,0}', '999 0 210 1209'),
	('no decimals', 'Madrid', 'excluded', 'document', 'JPY', '{1,999,0,1,3,0}', '1002 0 210 1212'),
	('no decimals', 'Madrid', 'excluded', 'line', 'JPY', '{1,999,0,1,3,0}', '1002 0 211 1213'),
	('no decimals', 'Madrid', 'included', 'line', 'JPY', '{1,999,0}', '826 0 173 999'),
	('no decimals', 'Madrid', 'included', 'document', 'JPY', '{1,999,0,1,1,0}', '826 0 174 1000'),
	('three decimals', 'Madrid', 'excluded', 'line', 'KWD', '{1,1.235,0}', '1.235 0 0.259 1.494'),
	('three decimals', 'Madrid', 'excluded', 'document', 'KWD', '{1,1.235,0}', '1.235 0 0.259 1.494'),
	('three decimals', 'Madrid', 'included', 'line', 'KWD', '{1,1.235,0}', '1.021 0 0.214 1.235'),
	('three decimals', 'Madrid', 'included', 'document', 'KWD', '{1,1.235,0}', '1.021 0 0.214 1.235'),
	('four decimals', 'Madrid', 'excluded', 'line', 'CLF', '{1,1.2345,0}', '1.2345 0 0.2592 1.4937'),
	('four decimals', 'Madrid', 'included', 'document', 'CLF', '{1,1.2345,0}', '1.0202 0 0.2143 1.2345'),
	('negative', 'Madrid', 'excluded', 'line', 'USD', '{-2,50,0}', '-100 0 -21 -121'),
	('negative', 'Madrid', 'included', 'line', 'USD', '{-2,50,0}', '-82.64 0 -17.36 -100'),
	('negative', 'Madrid', 'included', 'document', 'USD', '{-2,50,0}', '-82.64 0 -17.36 -100'),
	('half away from zero, both ways', 'Madrid', 'excluded', 'line', 'USD', '{1,0.5,0,-1,0.5,0}', '0 0 0 0'),
	('sold and taken back', 'Vancouver', 'included', 'line', 'USD', '{3,33.33,0,-3,33.33,0}', '0 0 0 0'),
	('a discount', 'Madrid', 'excluded', 'line', 'USD', '{2,50,10}', '90 10 18.9 108.9'),
	('a discount', 'Madrid', 'excluded', 'document', 'USD', '{2,50,10}', '90 10 18.9 108.9'),
	('a discount', 'Madrid', 'included', 'line', 'USD', '{2,50,10}', '74.38 10 15.62 90'),
	('a discount', 'Madrid', 'included', 'document', 'USD', '{2,50,10}', '74.38 10 15.62 90');
INSERT INTO tap.vector VALUES
	('a discount on each unit', 'Madrid', 'excluded', 'line', 'USD', '{11,100,10}', '990 110 207.9 1197.9', 'per_unit'),
	('a discount on each unit', 'Madrid', 'included', 'line', 'USD', '{11,100,10}', '818.18 110 171.82 990', 'per_unit'),
	('a discount on each unit', 'Madrid', 'included', 'document', 'USD', '{11,100,10}', '818.18 110 171.82 990', 'per_unit');
CREATE TABLE tap.made AS SELECT kind.entity, vector.*, tap.taxed(kind.entity, customer, method, rounding, currency, lines, discounts) AS made
FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS kind (entity), tap.vector WHERE kind.entity = 'quote' OR vector.name IN ('a cent apart', 'two rates', 'a discount', 'no rule', 'three decimals of a rate');
SELECT is(tap.sums_of(entity, made), sums, format('%s: %s, %s, rounded on the %s, %s', entity, name, method, rounding, currency)) FROM tap.made;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- What the lines store.
SELECT remember('q', tap.taxed('quote', 'Vancouver', 'excluded', 'line', 'USD', '{1,33.33,0}')) \gset
SELECT is((tax_category, tax_amount, extended_amount)::text, '(standard,4.0000,37.3300)', 'the typed tax is overwritten; a write-in is standard') FROM quote_product WHERE quote_id = id('q');
SELECT is(tax_details, format('[{"name": "GST", "amount": 1.67, "percentage": 5, "tax_rate_id": %s}, {"name": "PST", "amount": 2.33, "percentage": 7, "tax_rate_id": %s}]', id('GST'), id('PST'))::jsonb,
	'each tax with its rate, in the order of the rules') FROM quote_product WHERE quote_id = id('q');
SELECT is((tax_amount, extended_amount, tax_details -> 0 -> 'amount')::text, '(0.1944,1.1200,0.1943801653)', 'rounded on the document a line keeps four decimals, its details ten')
FROM quote_product JOIN tap.made ON made = quote_id AND entity = 'quote' WHERE name = 'a cent apart' AND method = 'included' AND rounding = 'document' LIMIT 1;
SELECT is(tax_details, '[]'::jsonb, 'no rule, no tax') FROM quote_product JOIN tap.made ON made = quote_id AND entity = 'quote' WHERE name = 'no rule';

-- The document's own discount and freight are not taxed; optional lines are not summed, notes have no tax.
SELECT remember('x', tap.taxed('quote', 'Madrid', 'excluded', 'line', 'USD', '{1,100,0}')), remember('i', tap.taxed('quote', 'Madrid', 'included', 'document', 'USD', '{1,121,0}')) \gset
UPDATE quote SET discount_percentage = 10, freight_amount = 5 WHERE quote_id IN (id('x'), id('i'));
SELECT is(sums_of('quote', id(n)), '100 0 21 116', 'discount and freight of the document leave the tax alone: ' || n) FROM unnest('{x,i}'::text[]) AS n;
INSERT INTO quote_product (quote_id, line_kind, product_description, description, price_per_unit)
SELECT id(n), kind, CASE kind WHEN 'note' THEN NULL ELSE 'more' END, 'words', 50 FROM unnest('{x,i}'::text[]) AS n, unnest('{optional,alternative,note}'::text[]) AS kind;
SELECT is(sums_of('quote', id(n)), '100 0 21 116', 'nor do optional lines and notes count: ' || n) FROM unnest('{x,i}'::text[]) AS n;
SELECT is((tax_category, tax_amount, tax_details)::text, '(,0.0000,)', 'a note has neither category nor tax') FROM quote_product WHERE quote_id = id('x') AND line_kind = 'note';
UPDATE quote_product SET line_kind = 'standard' WHERE quote_id = id('x') AND line_kind = 'optional';
SELECT is(sums_of('quote', id('x')), '150 0 31.5 171.5', 'an optional line that becomes standard brings its tax');
DELETE FROM quote_product WHERE quote_id = id('x');
SELECT is(sums_of('quote', id('x')), '0 0 0 5', 'without lines there is no tax');

-- Where tax is typed nothing changes.
SELECT remember('t', tap.taxed('quote', 'Madrid', 'typed', 'line', 'USD', '{1,100,0}')), remember('td', tap.taxed('quote', 'Madrid', 'typed', 'document', 'USD', '{1,100,0}')) \gset
SELECT is(sums_of('quote', id(n)) || ' ' || (SELECT concat_ws(' ', tax_amount, tax_details, tax_category) FROM quote_product WHERE quote_id = id(n)), '100 0 77 177 77.0000 standard', 'typed tax is summed as it is: ' || n)
FROM unnest('{t,td}'::text[]) AS n;

-- bi_document_tax shows each tax with its net, and what is typed without a rate.
SELECT results_eq('SELECT tax_name, percentage, net_amount, tax_amount::numeric(19,4), tax_category FROM bi_document_tax WHERE entity = ''quote'' AND record_id = id(''q'') ORDER BY tax_name',
	$$VALUES ('GST', 5.0000, 33.3300, 1.6700, 'standard'), ('PST', 7.0000, 33.3300, 2.3300, 'standard')$$, 'bi_document_tax: a row for each tax of a line');
SELECT is((tax_rate_id, tax_name, net_amount, tax_amount::numeric(19,4))::text, '(,,100.0000,77.0000)', 'bi_document_tax: a typed tax has no rate') FROM bi_document_tax WHERE entity = 'quote' AND record_id = id('t');
SELECT is_empty($$SELECT d.quote_id FROM quote AS d LEFT JOIN (SELECT record_id, sum(tax_amount) AS tax FROM (
		SELECT record_id, tax_rate_id, currency_code, sum(tax_amount) AS tax_amount FROM bi_document_tax WHERE entity = 'quote' GROUP BY 1, 2, 3) AS r GROUP BY record_id) AS v ON v.record_id = d.quote_id
	WHERE d.tax_rounding = 'line' AND d.total_tax <> coalesce(v.tax, 0)$$, 'bi_document_tax sums up to the documents');

-- Random documents: net + tax = total, and the formulas worked out here.
SELECT setseed(0.42) \gset
CREATE TABLE tap.random AS
SELECT n, tap.taxed((ARRAY['quote', 'sales_order', 'invoice', 'opportunity'])[1 + n % 4], (ARRAY['Madrid', 'Vancouver', 'Montreal', 'Contoso'])[1 + (random() * 3)::int],
	(ARRAY['excluded', 'included'])[1 + n / 4 % 2], (ARRAY['line', 'document'])[1 + n / 8 % 2], (ARRAY['USD', 'JPY', 'KWD', 'CLF'])[1 + (random() * 3)::int],
	(SELECT array_agg(CASE k % 3 WHEN 1 THEN round((random() * 40 - 10)::numeric, 2) WHEN 2 THEN round((random() * 300)::numeric, 4) ELSE round((random() * 9)::numeric, 2) END ORDER BY k)
		FROM generate_series(1, 3 * (1 + n % 7)) AS k), (ARRAY['line_item', 'per_unit'])[1 + n / 16 % 2]) AS made
FROM generate_series(1, 160) AS n;
CREATE VIEW tap.every_line AS
	SELECT 'quote' AS entity, h.quote_id AS id, tax_method, tax_rounding, currency_code, discount_method, total_line_item_amount, total_tax, total_amount, quantity, price_per_unit, manual_discount_amount, l.tax_amount, extended_amount, account_id FROM quote AS h JOIN quote_product AS l USING (quote_id) WHERE h.tax_method <> 'typed' AND l.line_kind = 'standard' AND discount_percentage + freight_amount = 0
	UNION ALL SELECT 'sales_order', h.sales_order_id, tax_method, tax_rounding, currency_code, discount_method, total_line_item_amount, total_tax, total_amount, quantity, price_per_unit, manual_discount_amount, l.tax_amount, extended_amount, account_id FROM sales_order AS h JOIN sales_order_product AS l USING (sales_order_id) WHERE h.tax_method <> 'typed'
	UNION ALL SELECT 'invoice', h.invoice_id, tax_method, tax_rounding, currency_code, discount_method, total_line_item_amount, total_tax, total_amount, quantity, price_per_unit, manual_discount_amount, l.tax_amount, extended_amount, account_id FROM invoice AS h JOIN invoice_product AS l USING (invoice_id) WHERE h.tax_method <> 'typed'
	UNION ALL SELECT 'opportunity', h.opportunity_id, tax_method, tax_rounding, currency_code, discount_method, total_line_item_amount, total_tax, total_amount, quantity, price_per_unit, manual_discount_amount, l.tax_amount, extended_amount, account_id FROM opportunity AS h JOIN opportunity_product AS l USING (opportunity_id) WHERE h.tax_method <> 'typed';
CREATE VIEW tap.by_hand AS
	WITH rate (account_id, percentage) AS (VALUES (id('Madrid'), 21), (id('Vancouver'), 5), (id('Vancouver'), 7), (id('Montreal'), 5), (id('Montreal'), 9.975)),
	line AS (SELECT row_number() OVER () AS line, l.*, c.decimals, round(quantity * price_per_unit, c.decimals) - CASE discount_method WHEN 'per_unit' THEN round(quantity * manual_discount_amount, c.decimals) ELSE manual_discount_amount END AS amount,
		(SELECT coalesce(sum(percentage), 0) FROM rate WHERE rate.account_id = l.account_id) AS percent FROM every_line AS l JOIN currency AS c USING (currency_code)),
	tax AS (SELECT line.*, r.percentage, CASE tax_method WHEN 'excluded' THEN amount * r.percentage / 100 ELSE round(amount * r.percentage, 20) / (100 + percent) END AS exact FROM line LEFT JOIN rate AS r USING (account_id)),
	rounded AS (SELECT entity, id, decimals, tax_rounding, percentage, CASE tax_rounding WHEN 'line' THEN sum(round(exact, decimals)) ELSE round(sum(round(exact, 10)), decimals) END AS tax FROM tax GROUP BY 1, 2, 3, 4, 5),
	amounts AS (SELECT entity, id, tax_method, total_line_item_amount, total_tax, total_amount, sum(amount) AS amount FROM line GROUP BY 1, 2, 3, 4, 5, 6)
	SELECT a.*, coalesce(t.tax, 0) AS tax FROM amounts AS a LEFT JOIN (SELECT entity, id, sum(tax) AS tax FROM rounded GROUP BY 1, 2) AS t USING (entity, id);
SELECT cmp_ok((SELECT count(*) FROM by_hand), '>=', 160::bigint, 'there are random documents');
SELECT is_empty('SELECT * FROM by_hand WHERE total_tax <> tax', 'their tax is what the formulas give');
SELECT is_empty('SELECT * FROM by_hand WHERE total_amount <> total_line_item_amount + total_tax', 'net and tax make the total');
SELECT is_empty('SELECT * FROM by_hand WHERE total_amount <> CASE tax_method WHEN ''included'' THEN amount ELSE amount + tax END', 'an included tax leaves the prices as they are');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing in them');
SELECT is_empty($$SELECT entity, id, e.result FROM by_hand, LATERAL (SELECT result FROM sales_crm.explain_total(entity => by_hand.entity, id => by_hand.id) WHERE rule = 'total' ORDER BY step DESC LIMIT 1) AS e
	WHERE e.result <> total_amount$$, 'explain_total() ends in the total');

SELECT is_empty($$SELECT made FROM tap.made JOIN quote_product ON quote_id = made AND entity = 'quote', LATERAL (SELECT result FROM sales_crm.explain_price(entity => 'quote', line_id => quote_product_id) ORDER BY step DESC LIMIT 1) AS e
	WHERE e.result <> extended_amount$$, 'explain_price() ends in the amount of the line');
SELECT results_eq($$SELECT rule, input, result FROM quote_product, LATERAL sales_crm.explain_price(entity => 'quote', line_id => quote_product_id) WHERE quote_id = id('q') AND rule LIKE 'tax%'$$,
	$$VALUES ('tax rate', 'GST: 5 % of 33.33', 1.67), ('tax rate', 'PST: 7 % of 33.33', 2.33)$$, 'and tells each tax');
SELECT is_empty($$SELECT entity, id FROM by_hand, LATERAL (SELECT coalesce(sum(result), 0) AS tax FROM sales_crm.explain_total(entity => by_hand.entity, id => by_hand.id) WHERE rule = 'tax rate') AS e WHERE e.tax <> total_tax$$,
	'explain_total() tells each rate with its sum');

-- verify() notices a tax that is not what the line or the document says.
ALTER TABLE quote_product DISABLE TRIGGER USER;
UPDATE quote_product SET tax_amount = tax_amount + 1 WHERE quote_id = id('q');
SELECT is((SELECT string_agg(DISTINCT check_name, ' ' ORDER BY check_name) FROM sales_crm.verify()), 'tax_of_line tax_of_rate total_tax totals', 'verify() finds a changed tax');
UPDATE quote_product SET tax_amount = tax_amount - 1, tax_details = jsonb_set(tax_details, '{0,percentage}', '6') WHERE quote_id = id('q');
SELECT is((SELECT string_agg(DISTINCT check_name, ' ' ORDER BY check_name) FROM sales_crm.verify()), 'tax_of_rate', 'and a changed rate');
UPDATE quote_product SET tax_details = '[]' WHERE quote_id = id('t');
SELECT is((SELECT string_agg(DISTINCT check_name, ' ' ORDER BY check_name) FROM sales_crm.verify()), 'tax_of_line tax_of_rate tax_of_typed_document', 'and rates on a document of typed taxes');
SELECT * FROM finish();
ROLLBACK;
