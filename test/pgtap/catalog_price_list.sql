-- Units, price lists and their items, discount lists and their bands (D§1.9, D§2.2, D§4.1, D§4.3).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(74);

-- Units.
INSERT INTO unit (unit_group_id, name, base_quantity) SELECT unit_group_id, 'gross', 144 FROM unit WHERE unit_id = id('piece') RETURNING unit_id AS gross \gset
INSERT INTO unit (unit_group_id, name, base_quantity) SELECT unit_group_id, 'third', 3 FROM unit WHERE unit_id = id('piece') RETURNING unit_id AS third \gset
SELECT is(sales_crm.convert_quantity(quantity => 30, from_unit_id => id('piece'), to_unit_id => id('dozen')), 2.5, '30 pieces are 2.5 dozen');
SELECT is(sales_crm.convert_quantity(quantity => 2, from_unit_id => :gross, to_unit_id => id('dozen')), 24::numeric, '2 gross are 24 dozen');
SELECT is(sales_crm.convert_quantity(quantity => -1, from_unit_id => id('dozen'), to_unit_id => id('piece')), -12::numeric, 'a quantity taken back');
SELECT is(sales_crm.convert_quantity(quantity => 1, from_unit_id => id('piece'), to_unit_id => :third), 0.33333, 'rounded to 5 decimals');
SELECT is(sales_crm.convert_quantity(quantity => 2, from_unit_id => id('piece'), to_unit_id => :third), 0.66667, 'half away from zero');
SELECT refused(format('SELECT sales_crm.convert_quantity(quantity => %s, from_unit_id => %s, to_unit_id => %s)', q, f, t), code, what)
  FROM (VALUES ('1', id('piece'), id('gram'), 'SC016', 'another group'), ('1', -1, id('gram'), 'P0002', 'an unknown unit'), ('1', id('gram'), -1, 'P0002', 'an unknown target'), ('NULL', id('gram'), id('gram'), '22004', 'no quantity')) AS c (q, f, t, code, what);
SELECT refused(format('UPDATE unit SET unit_group_id = unit_group_id + 1 WHERE unit_id = %s', :gross), '428C9', 'a unit stays in its group');
SELECT is(outcome('product', id('Chair'), format('UPDATE unit SET base_quantity = %s WHERE unit_id = %s', q, u)), '23514', format('base_quantity %s', q))
  FROM (VALUES ('0', :gross), ('-1', :gross), ('''NaN''', :gross), ('2', id('piece'))) AS c (q, u);
SELECT is(outcome('product', id('Chair'), format('UPDATE unit SET is_base_unit = true, base_quantity = 1 WHERE unit_id = %s', :gross)), '23505', 'one base unit');

-- Items: which products, units, currencies.
INSERT INTO product (product_number, name, product_structure) VALUES ('PL-F', 'family', 'family') RETURNING product_id AS family \gset
INSERT INTO product (product_number, name, default_unit_id) VALUES ('PL-R', 'retired', id('piece')) RETURNING product_id AS gone \gset
SELECT state FROM sales_crm.publish_product(product_id => :gone) \gset
SELECT state FROM sales_crm.retire_product(product_id => :gone) \gset
INSERT INTO product (product_number, name, default_unit_id, currency_code) VALUES ('PL-E', 'euro', id('piece'), 'EUR'), ('PL-N', 'none', id('piece'), NULL);
SELECT count(remember(product_number, product_id)) FROM product WHERE product_number IN ('PL-E', 'PL-N') \gset
INSERT INTO discount_list (name, discount_type, currency_code) VALUES ('tap percent', 'percentage', NULL), ('tap dollars', 'amount', 'USD'), ('tap euros', 'amount', 'EUR');
SELECT count(remember(name, discount_list_id)) FROM discount_list WHERE name LIKE 'tap %' \gset
CREATE FUNCTION item(list text, product bigint, extra text DEFAULT '', extra_value text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO price_list_item (price_list_id, product_id %s) VALUES (%s, %s %s)', extra, id(list), product, extra_value)
$$;
SELECT refused(item('tap USD', :family), 'SC015', 'a family in a price list');
SELECT refused(item('tap USD', :gone), 'SC015', 'a retired product');
SELECT refused(item('tap USD', id('PL-N'), ', unit_id', ', ' || id('gram')), 'SC016', 'a unit of another group');
SELECT is(outcome('product', id('PL-N'), item('tap USD', id('PL-N'))), 'draft/draft', 'a draft, in its default unit');
SELECT is(outcome('product', id('Chair'), item('tap USD', id('Chair'), ', unit_id', ', ' || id('piece'))), '23505', 'a product once in a unit');
SELECT is(outcome('product', id(product), item(list, id(product), ', pricing_method, percentage', ', ''percent_of_list'', 90')), code, format('percent of list of %s in %s', product, list))
  FROM (VALUES ('PL-N', 'tap USD', 'draft/draft'), ('PL-E', 'tap EUR', 'draft/draft'), ('PL-E', 'tap USD', 'SC009'), ('PL-N', 'tap EUR', 'SC009')) AS c (product, list, code);
SELECT refused(item('tap USD', id('PL-E'), ', pricing_method, percentage', ', ''percent_markup_current_cost'', 90'), 'SC009', 'cost in another currency');
SELECT is(outcome('product', id('PL-E'), item('tap USD', id('PL-E'), ', amount', ', 90')), 'draft/draft', 'an amount is in the currency of the list');
SELECT is(outcome('product', id('PL-N'), item('tap USD', id('PL-N'), ', discount_list_id', ', ' || id(list))), code, list)
  FROM (VALUES ('tap percent', 'draft/draft'), ('tap dollars', 'draft/draft'), ('tap euros', 'SC009')) AS c (list, code);
SELECT is(outcome('product', id('PL-N'), item('tap USD', id('PL-N'), ', pricing_method, percentage', format(', %L, %s', method, percentage))), code, format('%s %s', method, percentage))
  FROM (VALUES ('percent_of_list', 100000, 'draft/draft'), ('percent_of_list', 100000.01, '23514'), ('percent_of_list', -1, '23514'), ('percent_markup_current_cost', 99999.99, 'draft/draft'), ('percent_markup_standard_cost', 100000, '23514'),
		('percent_margin_current_cost', 99.99, 'draft/draft'), ('percent_margin_standard_cost', 100, '23514')) AS c (method, percentage, code);
SELECT is(outcome('product', id('PL-N'), item('tap USD', id('PL-N'), ', rounding_policy, rounding_option, rounding_amount', format(', %L, %L, %L', policy, option, amount))), code, format('rounding %s %s %s', policy, option, amount))
  FROM (VALUES ('up', NULL, NULL, '23514'), ('up', 'ends_in', NULL, '23514'), ('down', 'multiple_of', 0, '23514'), ('nearest', 'ends_in', -1, '23514'), ('nearest', 'ends_in', 0, 'draft/draft'), ('up', 'multiple_of', 0.05, 'draft/draft'), ('none', NULL, NULL, 'draft/draft')) AS c (policy, option, amount, code);
SELECT refused(format('UPDATE price_list SET currency_code = ''EUR'' WHERE price_list_id = %s', id('tap USD')), 'SC009', 'a list with prices keeps its currency');
INSERT INTO price_list_item (price_list_id, product_id, pricing_method, percentage) VALUES (id('tap USD'), id('PL-N'), 'percent_of_list', 90);
SELECT refused(format('UPDATE product SET currency_code = ''EUR'' WHERE product_id = %s', id('PL-N')), 'SC009', 'and so does a product that is priced in percent');
SELECT refused(format('UPDATE product SET unit_group_id = NULL, default_unit_id = %s WHERE product_id = %s', id('gram'), id('PL-N')), 'SC016', 'nor does it change its units');
SELECT refused(format('UPDATE price_list SET state = ''inactive'' WHERE price_list_id = %s', id('tap USD')), '55006', 'a default of an account stays active');
SELECT alike(detail_of(format('UPDATE price_list SET state = ''inactive'' WHERE price_list_id = %s', id('tap USD'))), '%account%Contoso%', 'which is named');
UPDATE account SET price_list_id = NULL;
UPDATE contact SET price_list_id = id('tap USD') WHERE contact_id = id('Ann');
SELECT alike(detail_of(format('UPDATE price_list SET state = ''inactive'' WHERE price_list_id = %s', id('tap USD'))), '%contact%Ann Lee%', 'of a contact too');
UPDATE contact SET price_list_id = NULL;
UPDATE product SET price_list_id = id('tap USD') WHERE product_id = id('Chair');
SELECT alike(detail_of(format('UPDATE price_list SET state = ''inactive'' WHERE price_list_id = %s', id('tap USD'))), '%product%tap-Chair%', 'and of a product');
UPDATE product SET price_list_id = NULL;
SELECT is(outcome('price_list', id('tap USD'), 'UPDATE price_list SET state = ''inactive'' WHERE price_list_id = %s'), 'inactive/inactive', 'nobody''s default may go');
INSERT INTO territory (name) VALUES ('tap north') RETURNING territory_id \gset
INSERT INTO price_list_territory (price_list_id, territory_id) VALUES (id('tap USD'), :territory_id);
SELECT is(outcome('price_list', id('tap USD'), format('INSERT INTO price_list_territory (price_list_id, territory_id) VALUES (%%s, %s)', :territory_id)), '23505', 'a territory once in a list');

-- Discount lists and their bands.
SELECT is(outcome('product', id('Chair'), format('INSERT INTO discount_list (name, discount_type, currency_code) VALUES (''x'', %L, %L)', kind, currency)), '23514', format('a list of %s with currency %s', kind, coalesce(currency, 'none')))
  FROM (VALUES ('percentage', 'USD'), ('amount', NULL), ('points', NULL)) AS c (kind, currency);
SELECT refused(format('UPDATE discount_list SET discount_type = ''amount'', currency_code = ''USD'' WHERE discount_list_id = %s', id('tap percent')), '428C9', 'its type stays');
CREATE FUNCTION band(list text, low numeric, high numeric, percentage numeric, amount numeric DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO discount_list_item (discount_list_id, low_quantity, high_quantity, percentage, amount) VALUES (%s, %L, %L, %L, %L)', id(list), low, high, percentage, amount)
$$;
SELECT is(outcome('product', id('Chair'), band('tap percent', 10, 19, 5)), 'active/active', 'a band');
INSERT INTO discount_list_item (discount_list_id, low_quantity, high_quantity, percentage) VALUES (id('tap percent'), 10, 19.99999, 5), (id('tap percent'), 20, NULL, 10);
SELECT refused(band('tap percent', low, high, 1), '23P01', format('%s to %s over another', low, high)) FROM (VALUES (5, 10), (19, 19.5), (1000, NULL), (0, NULL), (20, 20)) AS c (low, high);
SELECT is(outcome('product', id('Chair'), band('tap percent', 1, 9.99999, 1)), 'active/active', 'beside them');
SELECT is(outcome('product', id('Chair'), band('tap dollars', 10, 19, NULL, 1)), 'active/active', 'and in another list');
SELECT refused(format('UPDATE discount_list_item SET high_quantity = 20 WHERE discount_list_id = %s AND low_quantity = 10', id('tap percent')), '23P01', 'nor may one grow into another');
SELECT refused(band('tap percent', 1, 2, NULL, 1), '23514', 'an amount in a list of percentages');
SELECT refused(band('tap percent', 1, 2, 1, 1), '23514', 'both');
SELECT refused(band('tap dollars', 1, 2, 1), '23514', 'a percentage in a list of amounts');
SELECT is(outcome('product', id('Chair'), band(list, low, high, percentage, amount)), '23514', format('%s %s-%s %s %s', list, low, high, percentage, amount))
  FROM (VALUES ('tap percent', -1, 2, 1, NULL), ('tap percent', 3, 2, 1, NULL), ('tap percent', 1, 2, 101, NULL), ('tap dollars', 1, 2, NULL, -1)) AS c (list, low, high, percentage, amount);
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- verify() sees what is wrong all the same.
SET LOCAL session_replication_role = replica;
UPDATE product SET state = 'retired' WHERE product_id = id('Chair');
UPDATE product SET parent_product_id = :family, state = 'active' WHERE product_id = id('Table');
INSERT INTO product_association (bundle_id, product_id, unit_id) VALUES (id('Table'), id('PL-N'), id('piece'));
INSERT INTO product_version (product_id, version_number, snapshot, revised_at) VALUES (id('Lamp'), 1, '{}', now());
SELECT results_eq('SELECT DISTINCT check_name FROM sales_crm.verify() ORDER BY 1', $$VALUES ('active_in_unpublished_family'), ('bundle_member'), ('open_version'), ('retired_product_in_price_list'), ('state_history')$$, 'broken by force');
SELECT * FROM finish();
ROLLBACK;
