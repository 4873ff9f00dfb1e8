-- A bundle's line brings its members, they follow it and go with it (D§4.11, D§11 T4 and T5).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/bundles.sql
SELECT plan(81);

CREATE TABLE tap.kind (entity text);
INSERT INTO tap.kind VALUES ('opportunity'), ('quote'), ('sales_order'), ('invoice');
SELECT count(remember(entity, new_bundle(entity))), count(remember(entity || ' of 2', new_bundle(entity, 2))) FROM tap.kind \gset

-- What a bundle becomes in each kind of document.
SELECT is(lines_of(entity, id(entity)), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 5 200, 5 ? Plant 5 250', entity || ': the bundle and its members') FROM tap.kind;
SELECT is(total_of(entity, id(entity)), 950.0000, entity || ': T5') FROM tap.kind;
CREATE FUNCTION tap.drop_options(entity text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('DELETE FROM %I WHERE %I = $1 AND product_type = ''optional_bundle_member''', entity || '_product', entity || '_id') USING id(entity);
END $$;
SELECT count(drop_options(entity)) FROM tap.kind \gset
SELECT is(total_of(entity, id(entity)) || ' ' || lines_of(entity, id(entity)), '500.0000 1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0', entity || ': T4, without the optional members') FROM tap.kind;
SELECT is(lines_of(entity, id(entity || ' of 2')), '1 ! Set 2 1000, 2 + Seat 10 0, 3 + Desk 10 0, 4 ? Rug 10 400, 5 ? Plant 10 500', entity || ': twice the bundle, twice the members') FROM tap.kind;
SELECT is((SELECT string_agg(format('%s %s %s %s %s', price_per_unit, base_amount, extended_amount, manual_discount_amount, pricing_error), ', ')
	FROM quote_product WHERE quote_id = id('quote') AND product_type = 'required_bundle_member'), '0.00000 0.0000 0.0000 0.0000 none, 0.00000 0.0000 0.0000 0.0000 none', 'all amounts of required members are 0');

-- Members follow quantity, unit and kind of the bundle.
SELECT remember('q', new_bundle('quote')) \gset
UPDATE quote_product SET quantity = 7 WHERE quote_product_id = line_of('quote', id('q'), 'Rug');
UPDATE quote_product SET quantity = 3 WHERE quote_product_id = line_of('quote', id('q'), 'Set');
SELECT is(lines_of('quote', id('q')), '1 ! Set 3 1500, 2 + Seat 15 0, 3 + Desk 15 0, 4 ? Rug 7 280, 5 ? Plant 15 750', 'optional members follow while they are in step');
SELECT is(total_of('quote', id('q')), 2530.0000, 'and the total with them');
UPDATE quote_product SET quantity = 5 WHERE quote_product_id = line_of('quote', id('q'), 'Set');
UPDATE quote_product SET quantity = 25, manual_discount_amount = 10, is_price_overridden = true, price_per_unit = 30 WHERE quote_product_id = line_of('quote', id('q'), 'Rug');
UPDATE quote_product SET quantity = 0.5 WHERE quote_product_id = line_of('quote', id('q'), 'Set');
SELECT is(lines_of('quote', id('q')), '1 ! Set 0.5 250, 2 + Seat 2.5 0, 3 + Desk 2.5 0, 4 ? Rug 2.5 65, 5 ? Plant 2.5 125', 'one that is in step again follows, its typed price stays');
UPDATE quote_product SET quantity = 1, unit_id = id('dozen') WHERE quote_product_id = line_of('quote', id('q'), 'Set');
SELECT is(lines_of('quote', id('q')), '1 ! Set 1 5500, 2 + Seat 60 0, 3 + Desk 60 0, 4 ? Rug 60 1790, 5 ? Plant 60 3000', 'a dozen bundles, a dozen times the members');
UPDATE quote_product SET quantity = 2, unit_id = id('piece'), manual_discount_percentage = 10 WHERE quote_product_id = line_of('quote', id('q'), 'Set');
SELECT is(lines_of('quote', id('q')), '1 ! Set 2 900, 2 + Seat 10 0, 3 + Desk 10 0, 4 ? Rug 10 290, 5 ? Plant 10 500', 'a discount on the bundle is its own');
UPDATE quote_product SET quantity = -2, is_price_overridden = true, price_per_unit = 450 WHERE quote_product_id = line_of('quote', id('q'), 'Set');
SELECT is(lines_of('quote', id('q')), '1 ! Set -2 -810, 2 + Seat -10 0, 3 + Desk -10 0, 4 ? Rug -10 -310, 5 ? Plant -10 -500', 'taken back with all members; the bundle''s price may be typed');
UPDATE quote_product SET line_kind = 'optional' WHERE quote_product_id = line_of('quote', id('q'), 'Set');
SELECT is(lines_of('quote', id('q')), '1 ! Set -2 -810 optional, 2 + Seat -10 0 optional, 3 + Desk -10 0 optional, 4 ? Rug -10 -310 optional, 5 ? Plant -10 -500 optional', 'the kind of the line carries over');
SELECT is(total_of('quote', id('q')), 0.0000, 'and nothing is summed');
UPDATE quote_product SET line_kind = 'standard', quantity = 1 WHERE quote_product_id = line_of('quote', id('q'), 'Set');
SELECT is(lines_of('quote', id('q')), '1 ! Set 1 405, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 5 140, 5 ? Plant 5 250', 'both at once');
SELECT is(lines_of('quote', new_bundle('quote', 1, 'alternative')), '1 ! Set 1 500 alternative, 2 + Seat 5 0 alternative, 3 + Desk 5 0 alternative, 4 ? Rug 5 200 alternative, 5 ? Plant 5 250 alternative', 'born as an alternative');

SELECT refused(format('UPDATE quote_product SET quantity = 0.333 WHERE quote_product_id = %s', line_of('quote', id('q'), 'Set')), 'SC016', 'too many decimals of the bundle');
SET LOCAL sales_crm.import_mode = on;
UPDATE product SET quantity_decimals = 0 WHERE product_id = id('Seat');
SET LOCAL sales_crm.import_mode = off;
SELECT refused(format('UPDATE quote_product SET quantity = 0.5 WHERE quote_product_id = %s', line_of('quote', id('q'), 'Set')), 'SC016', 'or of a required member');
SELECT refused(format('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (%s, %s, 0.5)', id('q'), id('Set')), 'SC016', 'also of a new one');
SET LOCAL sales_crm.import_mode = on;
UPDATE product SET quantity_decimals = 2 WHERE product_id = id('Seat');
SET LOCAL sales_crm.import_mode = off;
SELECT is((SELECT string_agg(rule || ': ' || input, ' | ' ORDER BY step) FROM sales_crm.explain_price(entity => 'quote', line_id => line_of('quote', id('q'), 'Seat')) WHERE rule = 'price per unit'),
	'price per unit: inside the price of the bundle that this is a required member of', 'the price of a required member is explained');
SELECT is((SELECT result FROM sales_crm.explain_price(entity => 'quote', line_id => line_of('quote', id('q'), 'Seat')) ORDER BY step DESC LIMIT 1), 0::numeric, 'and comes to nothing');

-- Place of the members, several bundles in one statement and in one document.
SELECT remember('many', quote_id) FROM (SELECT new_bundle('quote') AS quote_id) AS made \gset
INSERT INTO quote_product (quote_id, product_id, product_description, quantity)
VALUES (id('many'), id('Chair'), NULL, 1), (id('many'), id('Set'), NULL, 1), (id('many'), NULL, 'Assembly', 1), (id('many'), id('Set'), NULL, 2);
SELECT is(lines_of('quote', id('many')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 5 200, 5 ? Plant 5 250, 6 Chair 1 100, '
	'7 ! Set 1 500, 8 + Seat 5 0, 9 + Desk 5 0, 10 ? Rug 5 200, 11 ? Plant 5 250, 12 Assembly 1 0, 13 ! Set 2 1000, 14 + Seat 10 0, 15 + Desk 10 0, 16 ? Rug 10 400, 17 ? Plant 10 500', 'members stand behind their bundle');
INSERT INTO quote_product (quote_id, product_id, quantity, line_number) VALUES (id('many'), id('Set'), 1, 6);
SELECT is((SELECT string_agg(line_number || ' ' || product_type, ', ' ORDER BY line_number, quote_product_id) FROM quote_product WHERE quote_id = id('many') AND line_number BETWEEN 5 AND 11),
	'5 optional_bundle_member, 6 product, 6 bundle, 7 required_bundle_member, 8 required_bundle_member, 9 optional_bundle_member, 10 optional_bundle_member, 11 bundle', 'lines behind a bundle make room');
SELECT is((SELECT count(*) FROM quote_product WHERE quote_id = id('many') AND row_version > 1), 11::bigint, 'no others are written');
SELECT is(total_of('quote', id('many')), 950 + 100 + 950 + 0 + 1900 + 950.0000, 'the total is that of all');

-- A statement over several documents.
INSERT INTO quote (name, account_id, price_list_id) SELECT 'Row ' || n, id('Contoso'), id('tap USD') FROM generate_series(1, 3) AS n;
INSERT INTO quote_product (quote_id, product_id) SELECT quote_id, id('Set') FROM quote WHERE name LIKE 'Row _' ORDER BY quote_id DESC;
SELECT is(string_agg(total_amount::text, ' '), '950.0000 950.0000 950.0000', 'three documents in one statement') FROM quote WHERE name LIKE 'Row _';

-- Required members stay as they are.
SELECT remember('kept', new_bundle('quote')) \gset
SELECT remember('seat', line_of('quote', id('kept'), 'Seat')), remember('rug', line_of('quote', id('kept'), 'Rug')), remember('set', line_of('quote', id('kept'), 'Set')) \gset
SELECT refused(format('UPDATE quote_product SET %s WHERE quote_product_id = %s', change, id('seat')), 'SC002', 'a required member: ' || change)
FROM unnest('{quantity = 6,price_per_unit = 1,unit_id = id(''dozen''),product_id = id(''Chair''),is_price_overridden = true,manual_discount_amount = 1,manual_discount_percentage = 1,tax_amount = 1,line_kind = ''optional''}'::text[]) AS change;
SELECT lives_ok(format('UPDATE quote_product SET description = ''oak'', quantity = quantity, price_per_unit = 0, unit_id = unit_id, tax_amount = 0 WHERE quote_product_id = %s', id('seat')), 'its remarks may change, and what was read may be written back');
SELECT refused(format('DELETE FROM quote_product WHERE quote_product_id = %s', id('seat')), 'SC002', 'nor is it deleted');
SELECT refused(format('DELETE FROM quote_product WHERE quote_id = %s AND product_type <> ''bundle''', id('kept')), 'SC002', 'nor with all other members');
SELECT alike(detail_of(format('DELETE FROM quote_product WHERE quote_product_id = %s', id('seat'))), 'Quote line ' || id('set') || ' (line number 1) is the bundle%', 'the detail names the bundle');
SELECT refused(format('UPDATE quote_product SET %s WHERE quote_product_id = %s', change, line), 'SC002', what) FROM (VALUES
	('product_id = id(''Chair'')', id('set'), 'a bundle stays the product it is'),
	('product_id = id(''Chair'')', id('rug'), 'and an optional member'),
	('line_kind = ''optional''', id('rug'), 'whose kind is that of the bundle'),
	('bundle_line_id = NULL', id('rug'), 'and which stays in it')) AS refusal (change, line, what);
SELECT refused(format('UPDATE quote_product SET %s WHERE quote_product_id = %s', change, id('rug')), '428C9', 'computed: ' || change)
FROM unnest('{product_type = ''product'',product_association_id = NULL}'::text[]) AS change;
INSERT INTO quote_product (quote_id, product_id) VALUES (id('kept'), id('Chair'));
SELECT refused(format('UPDATE quote_product SET product_id = %s WHERE quote_product_id = %s', id('Set'), line_of('quote', id('kept'), 'Chair')), 'SC002', 'no line becomes a bundle');
SELECT refused(format('UPDATE quote_product SET bundle_line_id = %s WHERE quote_product_id = %s', id('set'), line_of('quote', id('kept'), 'Chair')), 'SC002', 'nor a member');

-- Optional members go and come back; nobody else comes in.
DELETE FROM quote_product WHERE quote_product_id = id('rug');
SELECT is(total_of('quote', id('kept')), 850.0000, 'an optional member is deleted');
INSERT INTO quote_product (quote_id, product_id, quantity, bundle_line_id) VALUES (id('kept'), id('Rug'), 5, id('set'));
SELECT is(lines_of('quote', id('kept')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 5 ? Plant 5 250, 6 Chair 1 100, 7 ? Rug 5 200', 'and added again');
UPDATE quote_product SET quantity = 2 WHERE quote_product_id = id('set');
SELECT is((SELECT quantity FROM quote_product WHERE quote_product_id = line_of('quote', id('kept'), 'Rug')), 10.00000, 'where it follows as before');
SELECT refused(format('INSERT INTO quote_product (quote_id, product_id, unit_id, bundle_line_id) VALUES (%s, %s, %s, %s)', document, id(product), coalesce(id(unit)::text, 'NULL'), line), '23514', what) FROM (VALUES
	(id('kept'), 'Rug', 'piece', id('set'), 'a member that is there already'),
	(id('kept'), 'Seat', 'piece', id('set'), 'a required member'),
	(id('kept'), 'Chair', 'piece', id('set'), 'a product that is no member'),
	(id('kept'), 'Rug', 'dozen', id('set'), 'a member in another unit'),
	(id('many'), 'Rug', 'piece', id('set'), 'a bundle of another document'),
	(id('kept'), 'Rug', NULL, id('seat'), 'a line that is no bundle'),
	(id('kept'), 'Rug', NULL, -1, 'a line that is not there')) AS refusal (document, product, unit, line, what);
SELECT refused(format('INSERT INTO quote_product (quote_id, product_description, bundle_line_id) VALUES (%s, ''Glue'', %s)', id('kept'), id('set')), '23514', 'a write-in');
INSERT INTO quote_product (quote_id, product_id, product_type, product_association_id) VALUES (id('kept'), id('Box'), 'bundle', 1);
SELECT is((SELECT product_type || coalesce(product_association_id::text, '') FROM quote_product WHERE quote_product_id = line_of('quote', id('kept'), 'Box')), 'product', 'what the database computes is overwritten');

-- Deleting in any order.
DELETE FROM quote_product WHERE quote_product_id = id('set');
SELECT is(lines_of('quote', id('kept')) || ' ' || total_of('quote', id('kept')), '6 Chair 1 100, 8 Box 1 12 112.0000', 'the members go with the bundle');
DELETE FROM quote_product WHERE quote_id = id('many');
SELECT is(lines_of('quote', id('many')), NULL, 'all lines at once');
SELECT remember('both', new_bundle('quote')) \gset
DELETE FROM quote_product WHERE quote_id = id('both') AND product_type IN ('bundle', 'required_bundle_member');
SELECT is(lines_of('quote', id('both')), NULL, 'bundle and required members');
SELECT lives_ok(format('DELETE FROM %I WHERE %I = %s', entity, entity || '_id', id(entity || ' of 2')), entity || ': deleted with its bundle') FROM tap.kind;

-- A closed document's bundle does not move.
SELECT remember('closed', new_bundle('quote')) \gset
SELECT sales_crm.activate_quote(quote_id => id('closed')) \gset
SELECT refused(format('%s', statement), 'SC002', 'a closed document: ' || split_part(statement, ' ', 1)) FROM unnest(ARRAY[
	format('INSERT INTO quote_product (quote_id, product_id) VALUES (%s, %s)', id('closed'), id('Set')),
	format('UPDATE quote_product SET quantity = 2 WHERE quote_product_id = %s', line_of('quote', id('closed'), 'Set')),
	format('DELETE FROM quote_product WHERE quote_product_id = %s', line_of('quote', id('closed'), 'Set'))]) AS statement;

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
