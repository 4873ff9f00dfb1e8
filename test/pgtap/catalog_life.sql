-- The way of a product: published, revised, reverted, retired, cloned; families with all below them (D§2.2, D§3.9).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/products.sql
SELECT plan(192);

-- Every state against every call and write, for each structure.
SELECT count(product_in(s, t)) FROM unnest('{draft,active,under_revision,retired}'::text[]) AS s, unnest('{product,family,bundle}'::text[]) AS t \gset
CREATE TABLE tap.expected (statement text, draft text, active text, under_revision text, retired text, retired_group text);
INSERT INTO tap.expected VALUES
	('SELECT sales_crm.publish_product(product_id => %s)', 'active/active', 'SC001', 'active/active', 'active/active', 'SC001'),
	('SELECT sales_crm.revise_product(product_id => %s)', 'SC001', 'under_revision/under_revision', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.revert_product(product_id => %s)', 'SC001', 'SC001', 'active/active', 'SC001', 'SC001'),
	('SELECT sales_crm.retire_product(product_id => %s)', 'SC001', 'retired/retired', 'retired/retired', 'SC001', 'SC001'),
	('SELECT sales_crm.clone_product(product_id => %s)', 'draft/draft', 'active/active', 'under_revision/under_revision', 'retired/retired', 'retired/retired'),
	('UPDATE product SET state = ''active'' WHERE product_id = %s', 'SC001', 'active/active', 'SC001', 'SC001', 'SC001'),
	('UPDATE product SET state = ''retired'' WHERE product_id = %s', 'SC001', 'SC001', 'SC001', 'retired/retired', 'retired/retired'),
	('UPDATE product SET name = ''x'' WHERE product_id = %s', 'draft/draft', 'SC002', 'under_revision/under_revision', 'SC002', 'SC002'),
	('UPDATE product SET list_price = 11 WHERE product_id = %s', 'draft/draft', 'SC002', 'under_revision/under_revision', 'SC002', 'SC002'),
	('UPDATE product SET current_cost = 5, description = ''x'' WHERE product_id = %s', 'draft/draft', 'active/active', 'under_revision/under_revision', 'retired/retired', 'retired/retired'),
	('UPDATE product SET product_structure = ''product'', parent_product_id = NULL, name = name WHERE product_id = %s AND product_structure = ''product''',
		'draft/draft', 'active/active', 'under_revision/under_revision', 'retired/retired', 'retired/retired'),
	('DELETE FROM product WHERE product_id = %s', 'gone', 'SC002', 'SC002', 'SC002', 'SC002');
SELECT is(outcome('product', id(t || ' ' || s), statement),
		CASE s WHEN 'draft' THEN draft WHEN 'active' THEN active WHEN 'under_revision' THEN under_revision WHEN 'retired' THEN CASE t WHEN 'product' THEN retired ELSE retired_group END END,
		format('%s %s: %s', s, t, replace(statement, '%s', '..')))
  FROM tap.expected, unnest('{product,family,bundle}'::text[]) AS t, unnest('{draft,active,under_revision,retired}'::text[]) AS s
 WHERE (t = 'product') OR statement ~ 'sales_crm|DELETE|''x''';
SELECT refused(format('SELECT sales_crm.%s(product_id => %s)', call, id(name)), 'SC001', call || ' refuses with detail and hint: ' || name)
  FROM (VALUES ('publish_product', 'product active'), ('publish_product', 'bundle retired'), ('revise_product', 'product draft'), ('revert_product', 'product active'), ('retire_product', 'product draft')) AS c (call, name);
SELECT refused(format('SELECT sales_crm.%s(product_id => %s)', call, value), code, format('%s of %s', call, value))
  FROM unnest('{publish_product,revise_product,revert_product,retire_product,clone_product}'::text[]) AS call, (VALUES ('-1', 'P0002'), ('NULL', '22004')) AS v (value, code);

-- What is fixed, and what a product can be born below.
SELECT refused(format('UPDATE product SET parent_product_id = %s WHERE product_id = %s', id('family draft'), id('product draft')), '428C9', 'a product does not go to a family');
SELECT refused(format('UPDATE product SET product_structure = ''bundle'' WHERE product_id = %s', id('product draft')), '428C9', 'nor become a bundle');
SELECT refused(format('SELECT new_product(''odd'', ''product'', %L)', family), code, 'born below ' || family)
  FROM (VALUES ('product draft', 'SC015'), ('bundle draft', 'SC015'), ('family retired', 'SC015')) AS f (family, code);
SELECT refused('INSERT INTO product (product_id, product_number, name, parent_product_id) VALUES (999999, ''self'', ''self'', 999999)', 'SC017', 'born below itself');
SELECT refused('INSERT INTO product (product_id, product_number, name, parent_product_id, product_structure) VALUES (999998, ''a'', ''a'', 999999, ''family''), (999999, ''b'', ''b'', 999998, ''family'')', '23503', 'two families below each other');
SELECT is((SELECT tax_category FROM product WHERE product_id = id('family draft')), NULL, 'a family has no tax category');
SELECT is((SELECT tax_category FROM product WHERE product_id = id('product draft')), 'standard', 'a product the standard one');
SELECT refused(format('UPDATE product SET tax_category = ''x'' WHERE product_id = %s', id('product draft')), '23514', 'an unknown tax category');

-- Units: each follows from the other, both from one group; without any nothing is published.
WITH made AS (INSERT INTO product (product_number, name, unit_group_id) SELECT 'by group', 'x', unit_group_id FROM unit WHERE unit_id = id('piece') RETURNING product_id, default_unit_id)
SELECT is(default_unit_id, id('piece'), 'the base unit of the group') FROM made;
WITH made AS (INSERT INTO product (product_number, name, default_unit_id) VALUES ('by unit', 'x', id('dozen')) RETURNING product_id, unit_group_id)
SELECT is(unit_group_id, (SELECT unit_group_id FROM unit WHERE unit_id = id('piece')), 'the group of the unit') FROM made;
SELECT refused(format('INSERT INTO product (product_number, name, unit_group_id, default_unit_id) SELECT ''odd'', ''x'', unit_group_id, %s FROM unit WHERE unit_id = %s', id('gram'), id('piece')), 'SC016', 'a unit of another group');
WITH made AS (INSERT INTO product (product_number, name) VALUES ('bare', 'x') RETURNING product_id) SELECT remember('bare', product_id) FROM made \gset
SELECT refused('SELECT publish(''bare'')', 'SC015', 'no unit, not published');
UPDATE product SET default_unit_id = id('piece') WHERE product_id = id('bare');
SELECT is(publish('bare'), 'active', 'with a unit it is');

-- A family: published from above, revised, reverted and retired with all below it.
SELECT new_product('F', 'family') \gset
SELECT new_product('F1', 'family', 'F') \gset
SELECT new_product('P1', 'product', 'F1') \gset
SELECT new_product('P2', 'product', 'F1') \gset
SELECT new_product('B1', 'bundle', 'F') \gset
SELECT put_in('B1', 'P1'), put_in('B1', 'P2') \gset
SELECT refused('SELECT publish(''P1'')', 'SC001', 'a child of an unpublished family');
SELECT refused('SELECT publish(''F1'')', 'SC001', 'a family of one too');
SELECT is(publish('F'), 'active', 'the family is published');
SELECT is(states('F', 'F1', 'P1', 'P2', 'B1'), 'active active active active active', 'with all below it, the bundle after its members');
SELECT new_product('P3', 'product', 'F1') \gset
SELECT is(publish('P3'), 'active', 'a later child by itself');
SELECT new_product('P4', 'product', 'F1') \gset
SELECT revise('F') \gset
SELECT is(states('F', 'F1', 'P1', 'P2', 'B1', 'P3', 'P4'), 'under_revision under_revision under_revision under_revision under_revision under_revision draft', 'revise takes along what is active');
SELECT refused('SELECT publish(''P1'')', 'SC001', 'a child is not published before its family');
SELECT is((SELECT count(*) FROM product_version WHERE ended_at IS NULL), 6::bigint + 3, 'each has its open version');
UPDATE product SET name = 'New ' || name WHERE product_id IN (id('F'), id('P1'));
SELECT revert('F') \gset
SELECT is(states('F', 'F1', 'P1', 'P2', 'B1', 'P3', 'P4'), 'active active active active active active draft', 'revert brings all back');
SELECT is((SELECT string_agg(name, ',' ORDER BY product_id) FROM product WHERE product_id IN (id('F'), id('P1'))), 'The F,The P1', 'as they were');
SELECT refused('SELECT retire(''F'')', 'SC001', 'a family with live children is not retired');
SELECT refused('SELECT retire(''P1'')', 'SC001', 'nor a member of a live bundle');
SELECT alike(detail_of('SELECT retire(''P1'')'), '%bundle ''B1'' holds P1%', 'which is named');
SELECT is(retire('F', true), 'retired', 'unless all goes');
SELECT is(states('F', 'F1', 'P1', 'P2', 'B1', 'P3', 'P4'), 'retired retired retired retired retired retired draft', 'all that was on sale; a draft stays one');
SELECT refused(format('SELECT publish(%L)', name), 'SC001', name || ' of a retired family does not come back') FROM unnest('{F,F1,P1,B1,P4}'::text[]) AS name;
SELECT refused('SELECT sales_crm.clone_product(product_id => id(''P1''))', 'SC015', 'nor as a clone');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- Retired while a price list has it: no; the list inactive: yes; and then the list does not come back.
SELECT new_product('L') \gset
SELECT publish('L') \gset
INSERT INTO price_list (name, currency_code) VALUES ('tap spring', 'USD') RETURNING price_list_id AS spring \gset
INSERT INTO price_list_item (price_list_id, product_id, amount) VALUES (:spring, id('L'), 10);
SELECT refused('SELECT retire(''L'')', 'SC001', 'in an active price list');
SELECT alike(detail_of('SELECT retire(''L'')'), '%price list ''tap spring'' has L%', 'which is named');
UPDATE price_list SET state = 'inactive' WHERE price_list_id = :spring;
SELECT is(retire('L'), 'retired', 'in an inactive one');
SELECT refused(format('UPDATE price_list SET state = ''active'' WHERE price_list_id = %s', :spring), 'SC015', 'which stays inactive with it');
SELECT is(publish('L'), 'active', 'a plain product without family comes back');

-- A revision: the version on sale stays, costs follow, publish takes the new, revert the old.
INSERT INTO product (product_number, name, default_unit_id, list_price, current_cost) VALUES ('R', 'Red pump', id('piece'), 100, 40) RETURNING product_id AS r \gset
INSERT INTO product_property (product_id, name, data_type, default_value) VALUES (:r, 'Colour', 'text', 'red'), (:r, 'Weight', 'decimal', '1.5');
SELECT remember('R', :r), publish('R'), revise('R') \gset
SELECT is((SELECT (version_number, snapshot ->> 'name', snapshot ->> 'state', jsonb_array_length(properties), ended_at, outcome)::text FROM product_version WHERE product_id = :r),
	'(1,"Red pump",active,2,,)', 'the version that is sold');
SELECT refused('SELECT revise(''R'')', 'SC001', 'one revision at a time');
UPDATE product SET name = 'Blue pump', list_price = 120, current_cost = 55, product_number = 'R2' WHERE product_id = :r;
UPDATE product_property SET default_value = 'blue' WHERE product_id = :r AND name = 'Colour';
DELETE FROM product_property WHERE product_id = :r AND name = 'Weight';
INSERT INTO product_property (product_id, name, data_type) VALUES (:r, 'Length', 'float');
SELECT is((SELECT (s.name, s.list_price, s.current_cost)::text FROM product p JOIN product_version v ON v.product_id = p.product_id AND v.ended_at IS NULL, jsonb_populate_record(p, v.snapshot) s WHERE p.product_id = :r),
	'("Red pump",100.0000,55.0000)', 'is sold at the old price, with the cost of today');
SELECT is((SELECT string_agg(name || '=' || coalesce(default_value, ''), ' ' ORDER BY name) FROM product_property_effective WHERE product_id = :r), 'Colour=red Weight=1.5', 'and has the old properties');
SELECT row_version AS before FROM product WHERE product_id = :r \gset
SELECT revert('R') \gset
SELECT is((SELECT (product_number, name, list_price, current_cost, state)::text FROM product WHERE product_id = :r), '(R,"Red pump",100.0000,55.0000,active)', 'reverted: the old row, the cost of today');
SELECT is((SELECT string_agg(name || '=' || coalesce(default_value, ''), ' ' ORDER BY name) FROM product_property WHERE product_id = :r), 'Colour=red Weight=1.5', 'and the old properties');
SELECT cmp_ok((SELECT row_version FROM product WHERE product_id = :r), '>', :before::bigint, 'stamps go on counting');
SELECT is((SELECT outcome FROM product_version WHERE product_id = :r), 'reverted', 'the version tells how it ended');
SELECT revise('R') \gset
UPDATE product SET name = 'Blue pump', list_price = 120 WHERE product_id = :r;
SELECT publish('R') \gset
SELECT is((SELECT (name, list_price, state)::text FROM product WHERE product_id = :r), '("Blue pump",120.0000,active)', 'published: the new row');
SELECT is((SELECT string_agg(version_number || ' ' || outcome, ', ' ORDER BY version_number) FROM product_version WHERE product_id = :r), '1 reverted, 2 published', 'versions are counted');
SELECT revise('R'), retire('R') \gset
SELECT is((SELECT outcome FROM product_version WHERE product_id = :r AND version_number = 3), 'retired', 'a revision may end in retirement');
SELECT refused('INSERT INTO product_version (product_id, version_number, snapshot, revised_at) VALUES (id(''R''), 9, ''{}'', now())', 'SC001', 'versions are written by the calls alone');
SELECT refused('UPDATE product_version SET outcome = ''published'' WHERE product_id = id(''R'')', 'SC002', 'and do not change');
SELECT results_eq(format('SELECT from_state, to_state FROM status_history WHERE entity = ''product'' AND record_id = %s ORDER BY status_history_id', :r),
	$$VALUES ('draft', 'active'), ('active', 'under_revision'), ('under_revision', 'active'), ('active', 'under_revision'), ('under_revision', 'active'), ('active', 'under_revision'), ('under_revision', 'retired')$$, 'its whole way is in status_history');

-- Columns of a user's own are versioned and cloned like ours.
ALTER TABLE product ADD COLUMN shelf text;
SELECT new_product('U') \gset
UPDATE product SET shelf = 'A1' WHERE product_id = id('U');
SELECT publish('U'), revise('U') \gset
UPDATE product SET shelf = 'B2' WHERE product_id = id('U');
SELECT revert('U') \gset
SELECT is((SELECT shelf FROM product WHERE product_id = id('U')), 'A1', 'reverted too');
SELECT is((SELECT p.shelf FROM sales_crm.clone_product(product_id => id('U')) AS c (id) JOIN product p ON p.product_id = c.id), NULL, 'a call''s result is not seen by its own statement');
SELECT is((SELECT shelf FROM product WHERE product_number = 'U-copy'), 'A1', 'and cloned');

-- Clones.
INSERT INTO product (product_number, name, default_unit_id, list_price, product_type, parent_product_id, product_structure)
VALUES ('KF', 'Kits', NULL, NULL, NULL, NULL, 'family') RETURNING product_id AS kf \gset
INSERT INTO product (product_number, name, default_unit_id, list_price, product_type, parent_product_id, product_structure)
VALUES ('K', 'Kit', id('piece'), 9, 'services', :kf, 'bundle') RETURNING product_id AS k \gset
SELECT remember('K', :k) \gset
SELECT put_in('K', 'Chair'), put_in('K', 'Table'), put_in('K', 'L') \gset
INSERT INTO product_property (product_id, name, data_type) VALUES (:kf, 'Size', 'text');
INSERT INTO product_property (product_id, name, data_type, default_value) VALUES (:k, 'Size', 'text', 'M');
DELETE FROM price_list_item WHERE product_id = id('L');
SELECT retire('L') \gset
SELECT remember('clone', c.id), remember('clone 2', d.id) FROM sales_crm.clone_product(product_id => :k) AS c (id), sales_crm.clone_product(product_id => :k) AS d (id) \gset
SELECT is((SELECT (product_number, name, state, list_price, product_type, parent_product_id = :kf, product_structure, default_unit_id = id('piece'))::text FROM product WHERE product_id = id('clone')),
	'(K-copy,"Copy of Kit",draft,9.0000,services,t,bundle,t)', 'the same data, another number');
SELECT is((SELECT product_number FROM product WHERE product_id = id('clone 2')), 'K-copy-2', 'and the next number after it');
SELECT results_eq('SELECT product_id, quantity, is_required FROM product_association WHERE bundle_id = id(''clone'') ORDER BY 1', 'SELECT product_id, quantity, is_required FROM product_association WHERE bundle_id = id(''K'') AND product_id <> id(''L'') ORDER BY 1', 'its members, without the retired one');
SELECT is((SELECT (default_value, overridden_property_id IS NOT NULL)::text FROM product_property WHERE product_id = id('clone')), '(M,t)', 'its own properties, which override as before');
SELECT is((SELECT count(*) FROM price_list_item WHERE product_id = id('clone')), 0::bigint, 'no prices');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
