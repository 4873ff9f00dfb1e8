-- What a line says of its product's properties: checked, with defaults filled in, travelling with the sale (D§1.9).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/bundles.sql
SELECT plan(39);

CREATE FUNCTION tap.properties_of(entity text, line bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT properties FROM %I WHERE %I = $1', entity || '_product', entity || '_product_id') INTO found USING line;
	RETURN found;
END $$;
CREATE FUNCTION tap.add_line(entity text, document_id bigint, product text, properties jsonb DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %I (%I, product_id, properties) VALUES ($1, $2, $3) RETURNING %I', entity || '_product', entity || '_id', entity || '_product_id')
	INTO made USING document_id, id(product), properties;
	RETURN remember('line', made);
END $$;

SELECT remember('plain', new_document('quote')) \gset
SELECT is(properties_of('quote', add_line('quote', id('plain'), 'Chair')), NULL, 'NULL stays NULL where no product has properties');
SELECT refused(format('INSERT INTO quote_product (quote_id, product_id, properties) VALUES (%s, %s, ''{"colour": "red"}'')', id('plain'), id('Chair')), '23514', 'a property that nobody has');
SELECT refused(format('INSERT INTO quote_product (quote_id, product_description, properties) VALUES (%s, ''Glue'', ''{"colour": "red"}'')', id('plain')), '23514', 'nor has a write-in any');
SELECT refused(format('INSERT INTO quote_product (quote_id, product_id, properties) VALUES (%s, %s, ''["red"]'')', id('plain'), id('Chair')), '23514', 'properties are an object');

-- A family of lamps with properties, a family below it, and a product in each; the floor lamp overrides one.
WITH made AS (INSERT INTO product (product_number, name, product_structure) VALUES ('tap-lamps', 'Lamps', 'family') RETURNING product_id)
SELECT remember('Lamps', product_id) FROM made \gset
WITH made AS (INSERT INTO product (product_number, name, product_structure, parent_product_id) VALUES ('tap-floor-lamps', 'Floor lamps', 'family', id('Lamps')) RETURNING product_id)
SELECT remember('Floor lamps', product_id) FROM made \gset
WITH made AS (
	INSERT INTO product (product_number, name, parent_product_id, unit_group_id, default_unit_id)
	SELECT 'tap-' || p.name, p.name, id(p.family), u.unit_group_id, u.unit_id FROM (VALUES ('Spot', 'Lamps'), ('Arc', 'Floor lamps')) AS p (name, family), unit AS u WHERE u.unit_id = id('piece')
	RETURNING product_id, name)
SELECT count(remember(name, product_id)) FROM made \gset
INSERT INTO product_property (product_id, name, data_type, options, default_value, is_required, is_read_only) VALUES
	(id('Lamps'), 'colour', 'option_set', '[{"value": "red", "label": "Red"}, {"value": "blue", "label": "Blue"}]', 'red', true, false),
	(id('Lamps'), 'watt', 'whole_number', NULL, NULL, true, false),
	(id('Lamps'), 'length', 'decimal', NULL, '1.5', false, false),
	(id('Lamps'), 'engraving', 'text', NULL, NULL, false, false),
	(id('Lamps'), 'voltage', 'whole_number', NULL, '230', true, true),
	(id('Floor lamps'), 'foot', 'text', NULL, 'round', false, false);
INSERT INTO product_property (product_id, name, data_type, default_value, overridden_property_id)
SELECT id('Arc'), name, data_type, '2', product_property_id FROM product_property WHERE name = 'length' AND product_id = id('Lamps');
SELECT sales_crm.publish_product(product_id => id('Lamps')) \gset
SELECT count(published.state) FROM product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS published (state) WHERE p.product_id IN (id('Floor lamps'), id('Spot'), id('Arc')) AND p.state = 'draft' \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) SELECT id('tap USD'), id(p), id('piece'), 80 FROM unnest('{Spot,Arc}'::text[]) AS p;

CREATE TABLE tap.kind (entity text);
INSERT INTO tap.kind VALUES ('opportunity'), ('quote'), ('sales_order'), ('invoice');
SELECT is(properties_of(entity, add_line(entity, CASE entity WHEN 'opportunity' THEN new_deal('lit') ELSE new_document(entity) END, 'Spot', '{"watt": 40}')),
	'{"watt": 40, "colour": "red", "length": 1.5, "voltage": 230}', entity || ': defaults are filled in') FROM tap.kind;
SELECT is(properties_of('quote', add_line('quote', id('plain'), 'Arc', '{"watt": 60, "colour": "blue", "engraving": "To Ann"}')),
	'{"foot": "round", "watt": 60, "colour": "blue", "length": 2, "voltage": 230, "engraving": "To Ann"}', 'inherited from both families; the nearest definition wins');
SELECT remember('arc', id('line')) \gset
SELECT is(properties_of('quote', add_line('quote', id('plain'), 'Chair')), NULL, 'others stay without');
SELECT refused(format('SELECT add_line(''quote'', %s, ''Spot'', %L)', id('plain'), given), '23514', what) FROM (VALUES
	(NULL, 'a required one without default is missing'),
	('{"colour": "red"}', 'also among others'),
	('{"watt": null}', 'null is no value'),
	('{"watt": 40, "weight": 3}', 'an unknown one'),
	('{"watt": 40, "foot": "round"}', 'one of another family'),
	('{"watt": "40"}', 'a text for a number'),
	('{"watt": 40.5}', 'a fraction for a whole number'),
	('{"watt": 40, "length": true}', 'a truth for a decimal'),
	('{"watt": 40, "engraving": 7}', 'a number for a text'),
	('{"watt": 40, "colour": "green"}', 'a value that is no option'),
	('{"watt": 40, "voltage": 110}', 'a read-only one')) AS refusal (given, what);
SELECT is(detail_of(format('SELECT add_line(''quote'', %s, ''Spot'', ''{"watt": 40, "colour": "green"}'')', id('plain'))), 'Property "colour" of type option_set, given "green".', 'the detail names property and value');
SELECT is(detail_of(format('SELECT add_line(''quote'', %s, ''Spot'', ''{}'')', id('plain'))), 'Property "watt" of type whole_number, given nothing.', 'also a missing one');
SELECT lives_ok(format('SELECT add_line(''quote'', %s, ''Spot'', ''{"watt": 40.0, "voltage": 230}'')', id('plain')), 'the default of a read-only one may be given');

-- Changes.
UPDATE quote_product SET properties = '{"watt": 75}' WHERE quote_product_id = id('arc');
SELECT is(properties_of('quote', id('arc')), '{"foot": "round", "watt": 75, "colour": "red", "length": 2, "voltage": 230}', 'an update fills in the defaults again');
SELECT refused(format('UPDATE quote_product SET properties = %s WHERE quote_product_id = %s', given, id('arc')), '23514', 'an update is checked: ' || given) FROM unnest(ARRAY['NULL', '''{"watt": "bright"}''']) AS given;
SET LOCAL sales_crm.import_mode = on;
UPDATE product_property SET default_value = 'square' WHERE name = 'foot';
SET LOCAL sales_crm.import_mode = off;
UPDATE quote_product SET quantity = 3 WHERE quote_product_id = id('arc');
SELECT is(properties_of('quote', id('arc')), '{"foot": "round", "watt": 75, "colour": "red", "length": 2, "voltage": 230}', 'other changes leave them alone');
UPDATE quote_product SET product_id = id('Chair') WHERE quote_product_id = id('arc');
SELECT is(properties_of('quote', id('arc')), NULL, 'another product without properties');
UPDATE quote_product SET product_id = id('Spot'), properties = '{"watt": 5}' WHERE quote_product_id = id('arc');
SELECT is(properties_of('quote', id('arc')), '{"watt": 5, "colour": "red", "length": 1.5, "voltage": 230}', 'another one with its own');
SELECT is((SELECT price_per_unit FROM quote_product WHERE quote_product_id = id('arc')), 80.00000, 'properties do not touch the price');

-- A new definition counts at once, a dropped one no more.
SET LOCAL sales_crm.import_mode = on;
INSERT INTO product_property (product_id, name, data_type, default_value) VALUES (id('Lamp'), 'shade', 'text', 'linen');
SET LOCAL sales_crm.import_mode = off;
SELECT is(properties_of('quote', add_line('quote', id('plain'), 'Lamp')), '{"shade": "linen"}', 'a product gets a property');
SET LOCAL sales_crm.import_mode = on;
DELETE FROM product_property WHERE product_id = id('Lamp');
SET LOCAL sales_crm.import_mode = off;
SELECT is(properties_of('quote', add_line('quote', id('plain'), 'Lamp')), NULL, 'and loses it');

-- They travel from the deal to the invoice.
SELECT remember('offer', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('lit')) \gset
SELECT is(properties_of('quote', line_of('quote', id('offer'), 'Spot')), '{"watt": 40, "colour": "red", "length": 1.5, "voltage": 230}', 'to the quote');
SELECT sales_crm.activate_quote(quote_id => id('offer')) \gset
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('offer')) \gset
SELECT is(properties_of('sales_order', line_of('sales_order', id('order'), 'Spot')), '{"watt": 40, "colour": "red", "length": 1.5, "voltage": 230}', 'to the order');
SELECT remember('bill', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('order')) \gset
SELECT is(properties_of('invoice', line_of('invoice', id('bill'), 'Spot')), '{"watt": 40, "colour": "red", "length": 1.5, "voltage": 230}', 'to the invoice');

-- Members of bundles: defaults come by themselves, the rest is chosen afterwards.
WITH made AS (INSERT INTO product (product_number, name, unit_group_id, default_unit_id, product_structure) SELECT 'tap-Room', 'Room', unit_group_id, unit_id, 'bundle' FROM unit WHERE unit_id = id('piece') RETURNING product_id)
SELECT remember('Room', product_id) FROM made \gset
INSERT INTO product_association (bundle_id, product_id, unit_id) VALUES (id('Room'), id('Spot'), id('piece'));
SELECT sales_crm.publish_product(product_id => id('Room')) \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) VALUES (id('tap USD'), id('Room'), id('piece'), 300);
SELECT remember('room', new_document('quote')) \gset
INSERT INTO quote_product (quote_id, product_id) VALUES (id('room'), id('Room'));
SELECT is(properties_of('quote', line_of('quote', id('room'), 'Spot')), '{"colour": "red", "length": 1.5, "voltage": 230}', 'a member waits for its required property');
UPDATE quote_product SET properties = '{"watt": 25, "colour": "blue"}' WHERE quote_product_id = line_of('quote', id('room'), 'Spot');
SELECT is(properties_of('quote', line_of('quote', id('room'), 'Spot')), '{"watt": 25, "colour": "blue", "length": 1.5, "voltage": 230}', 'also a required member''s is chosen');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
