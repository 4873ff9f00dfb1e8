-- Bundles and their members, properties that are inherited and overridden, products that go together (D§1.9, D§3.9).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/products.sql
SELECT plan(71);

-- Members.
SELECT count(new_product(name, structure)) FROM (VALUES ('B', 'bundle'), ('Empty', 'bundle'), ('Inner', 'bundle'), ('Fam', 'family'), ('Draft', 'product'), ('Gone', 'product')) AS p (name, structure) \gset
SELECT publish('Gone') \gset
SELECT sales_crm.retire_product(product_id => id('Gone')) \gset
SELECT put_in('B', 'Chair') \gset
SELECT is((SELECT (quantity, unit_id = id('piece'), is_required)::text FROM product_association WHERE bundle_id = id('B')), '(1.00000,t,t)', 'one default unit, required');
SELECT refused(format('SELECT put_in(%L, %L)', bundle, member), code, format('%s in %s', member, bundle))
  FROM (VALUES ('Chair', 'Lamp', '23514'), ('Fam', 'Lamp', '23514'), ('B', 'Inner', '23514'), ('B', 'B', '23514'), ('B', 'Fam', '23514'), ('B', 'Gone', 'SC015')) AS t (bundle, member, code);
SELECT is(outcome('product', id('B'), 'SELECT put_in(''B'', ''Chair'')'), '23505', 'a member once in a unit');
SELECT is(outcome('product', id('B'), 'SELECT put_in(''B'', ''Chair'', ''dozen'')'), 'draft/draft', 'and once in another');
SELECT refused('SELECT put_in(''B'', ''Table'', ''gram'')', 'SC016', 'a unit of another group');
SELECT is(outcome('product', id('B'), format('UPDATE product_association SET quantity = %s WHERE bundle_id = id(''B'')', q)), '23514', 'quantity ' || q) FROM unnest('{0,-1,''NaN''}'::text[]) AS q;
SELECT refused('UPDATE product_association SET bundle_id = id(''Empty'') WHERE bundle_id = id(''B'')', '428C9', 'a member stays in its bundle');
SELECT refused('SELECT publish(''Empty'')', 'SC015', 'a bundle without members is not published');
SELECT put_in('B', 'Draft') \gset
SELECT refused('SELECT publish(''B'')', 'SC015', 'nor one with a draft');
SELECT throws_like('SELECT publish(''B'')', '%member ''Draft'' is draft%', 'which is named');
SELECT publish('Draft'), sales_crm.revise_product(product_id => id('Draft')) \gset
SELECT refused('SELECT publish(''B'')', 'SC015', 'nor one with a member under revision');
SELECT publish('Draft') \gset
SELECT is(publish('B'), 'active', 'with active members it is');
SELECT refused(statement, 'SC002', 'the members of a bundle on sale stay: ' || left(statement, 6))
  FROM (VALUES ('SELECT put_in(''B'', ''Lamp'')'), ('UPDATE product_association SET quantity = 2 WHERE bundle_id = id(''B'')'), ('DELETE FROM product_association WHERE bundle_id = id(''B'')')) AS s (statement);
SELECT sales_crm.revise_product(product_id => id('B')) \gset
SELECT refused('SELECT put_in(''B'', ''Lamp'')', 'SC002', 'under revision too');
SELECT sales_crm.revert_product(product_id => id('B')) \gset
SELECT is(sales_crm.revise_product(product_id => id('Draft')), 'under_revision', 'a member on sale may be revised');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'since its old version is sold');
SELECT publish('Draft') \gset
SELECT is(outcome('product', id('Empty'), 'SELECT put_in(''Empty'', ''Chair''); DELETE FROM product WHERE product_id = %s'), 'gone', 'a draft bundle goes with its members');

-- At most so many.
UPDATE organization_setting SET value = '2' WHERE name = 'max_products_in_bundle';
SELECT put_in('Inner', 'Chair'), put_in('Inner', 'Table') \gset
SELECT refused('SELECT put_in(''Inner'', ''Lamp'')', '23514', 'one more than the setting allows');
SELECT refused('INSERT INTO product_association (bundle_id, product_id) SELECT id(''Empty''), id(name) FROM unnest(''{Chair,Table,Lamp}''::text[]) AS name', '23514', 'in one statement too');

-- A bundle enters a price list after its members.
INSERT INTO price_list (name, currency_code) VALUES ('tap kits', 'USD') RETURNING price_list_id AS kits \gset
INSERT INTO price_list_item (price_list_id, product_id, amount) VALUES (:kits, id('Chair'), 1);
SELECT refused(format('INSERT INTO price_list_item (price_list_id, product_id, amount) VALUES (%s, id(''B''), 5)', :kits), 'SC015', 'a bundle before its members are in the list');
SELECT is(outcome('product', id('B'), format('INSERT INTO price_list_item (price_list_id, product_id, amount) VALUES (%1$s, id(''Draft''), 1), (%1$s, id(''B''), 5)', :kits)), 'active/active', 'and after them');

-- Properties: inherited from families, overridden below, the nearest counts.
SELECT new_product('G', 'family'), new_product('G1', 'family', 'G'), new_product('W', 'product', 'G1'), new_product('V', 'product', 'G') \gset
INSERT INTO product_property (product_id, name, data_type, default_value, is_required) VALUES (id('G'), 'Weight', 'decimal', '1.5', true), (id('G'), 'Pieces', 'whole_number', '1', false);
INSERT INTO product_property (product_id, name, data_type, options, default_value)
VALUES (id('G'), 'Colour', 'option_set', '[{"value": "red", "label": "Red"}, {"value": "blue", "label": "Blue"}]', 'red');
INSERT INTO product_property (product_id, name, data_type, default_value) VALUES (id('G1'), 'Weight', 'decimal', '2');
INSERT INTO product_property (product_id, name, data_type, default_value) VALUES (id('W'), 'Weight', 'decimal', '3'), (id('W'), 'Note', 'text', 'hand made');
PREPARE effective AS SELECT name, default_value, is_required, defined_by_product_id FROM product_property_effective WHERE product_id = $1 ORDER BY name;
SELECT results_eq(format('EXECUTE effective(%s)', id('W')), format($$VALUES ('Colour', 'red', false, %s::bigint), ('Note', 'hand made', false, %s), ('Pieces', '1', false, %1$s), ('Weight', '3', false, %2$s)$$, id('G'), id('W')), 'own before inherited');
SELECT results_eq(format('EXECUTE effective(%s)', id('G1')), format($$VALUES ('Colour', 'red', false, %s::bigint), ('Pieces', '1', false, %1$s), ('Weight', '2', false, %s)$$, id('G'), id('G1')), 'the family between');
SELECT results_eq(format('EXECUTE effective(%s)', id('V')), format($$VALUES ('Colour', 'red', false, %s::bigint), ('Pieces', '1', false, %1$s), ('Weight', '1.5', true, %1$s)$$, id('G')), 'all inherited');
SELECT results_eq('SELECT o.product_id FROM product_property x JOIN product_property o ON o.product_property_id = x.overridden_property_id WHERE x.name = ''Weight'' ORDER BY x.product_property_id', 'VALUES (id(''G'')), (id(''G1''))', 'what is overridden is the nearest of the name above');
SELECT refused(format('INSERT INTO product_property (product_id, name, data_type, options, default_value) VALUES (id(%L), %L, %L, %L, %L)', product, name, data_type, options, def), '23514', format('%s %s, options %s, default %s', data_type, name, options, def))
  FROM (VALUES ('W', 'Colour', 'text', NULL, NULL), ('V', 'Note', 'whole_number', NULL, 'x'), ('V', 'Note', 'whole_number', NULL, '1.5'), ('V', 'Note', 'decimal', NULL, '1e3'), ('V', 'Note', 'float', NULL, 'e3'),
		('V', 'Note', 'option_set', '[{"value": "a", "label": "A"}]', 'b'), ('V', 'Note', 'option_set', '[]', NULL), ('V', 'Note', 'option_set', '{"value": "a"}', NULL), ('V', 'Note', 'option_set', '[{"label": "A"}]', NULL),
		('V', 'Note', 'option_set', '[{"value": "a"}, {"value": "a"}]', NULL), ('V', 'Note', 'option_set', '["a"]', NULL), ('G', 'Note', 'decimal', NULL, NULL)) AS p (product, name, data_type, options, def);
SELECT is(outcome('product', id('V'), format('INSERT INTO product_property (product_id, name, data_type, options) VALUES (%%s, ''Note'', %L, %L)', data_type, options)), '23514', 'options with ' || data_type || ': ' || coalesce(options, 'none'))
  FROM (VALUES ('option_set', NULL), ('text', '[{"value": "a"}]'), ('colour', NULL)) AS p (data_type, options);
SELECT is(outcome('product', id('V'), format('INSERT INTO product_property (product_id, name, data_type, default_value) VALUES (%%s, ''Note'', %L, %L)', data_type, def)), 'draft/draft', data_type || ' ' || def)
  FROM (VALUES ('whole_number', '-12'), ('decimal', '.5'), ('float', '1.5e-3'), ('text', 'x')) AS p (data_type, def);
SELECT refused(format('INSERT INTO product_property (product_id, name, data_type, overridden_property_id) SELECT id(%L), %L, data_type, product_property_id FROM product_property WHERE product_id = id(''G'') AND name = ''Weight''', product, name), '23514', format('%s of %s does not override Weight of G', name, product))
  FROM (VALUES ('W', 'Heft'), ('Lamp2', 'Weight')) AS p (product, name), LATERAL (SELECT CASE WHEN product = 'Lamp2' THEN new_product('Lamp2') END) AS made;
SELECT refused(format('UPDATE product_property SET %s WHERE product_id = id(''W'') AND name = ''Note''', change), '428C9', change) FROM unnest('{"name = ''x''","data_type = ''float''","product_id = id(''V'')"}'::text[]) AS change;
UPDATE organization_setting SET value = '4' WHERE name = 'max_product_properties';
SELECT refused('INSERT INTO product_property (product_id, name, data_type) VALUES (id(''W''), ''More'', ''text'')', '23514', 'more than the setting allows, inherited ones counted');
SELECT refused('INSERT INTO product_property (product_id, name, data_type) VALUES (id(''G''), ''More'', ''text'')', '23514', 'nor a family of such a product');
SELECT is(outcome('product', id('V'), 'INSERT INTO product_property (product_id, name, data_type) VALUES (%s, ''More'', ''text'')'), 'draft/draft', 'who has fewer may have one more');
SELECT publish('G') \gset
SELECT refused(statement, 'SC002', 'the properties of what is on sale stay: ' || left(statement, 6))
  FROM (VALUES ('INSERT INTO product_property (product_id, name, data_type) VALUES (id(''V''), ''More'', ''text'')'), ('UPDATE product_property SET is_hidden = true WHERE product_id = id(''W'')'), ('DELETE FROM product_property WHERE product_id = id(''W'')')) AS s (statement);
SELECT sales_crm.revise_product(product_id => id('W')) \gset
SELECT is(outcome('product', id('W'), 'UPDATE product_property SET is_hidden = true WHERE product_id = %s'), 'under_revision/under_revision', 'under revision they may change');

-- What goes together.
INSERT INTO product_relationship (product_id, related_product_id, relationship_type, direction)
VALUES (id('Chair'), id('Table'), 'cross_sell', 'bidirectional'), (id('Chair'), id('Lamp'), 'accessory', 'unidirectional'), (id('Chair'), id('Gone'), 'substitute', 'bidirectional'), (id('Table'), id('Chair'), 'cross_sell', 'bidirectional');
SELECT results_eq('SELECT product_id, related_product_id, relationship_type, is_sellable FROM related_product WHERE id(''Chair'') IN (product_id, related_product_id) ORDER BY 3, 1',
	'VALUES (id(''Chair''), id(''Lamp''), ''accessory'', true), (id(''Chair''), id(''Table''), ''cross_sell'', true), (id(''Table''), id(''Chair''), ''cross_sell'', true), (id(''Chair''), id(''Gone''), ''substitute'', false), (id(''Gone''), id(''Chair''), ''substitute'', true)',
	'each side that is meant, once, and whether it can be sold');
SELECT is(outcome('product', id('Chair'), format('INSERT INTO product_relationship (product_id, related_product_id, relationship_type) VALUES (%%s, %s, %L)', id(other), kind)), code, format('%s of %s', kind, other))
  FROM (VALUES ('Chair', 'up_sell', '23514'), ('Lamp', 'friend', '23514'), ('Lamp', 'accessory', '23505'), ('Lamp', 'up_sell', 'active/active')) AS r (other, kind, code);
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
