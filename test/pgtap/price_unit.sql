-- The price of one unit: the six methods, each way of rounding, units, decimals, and every reason for having no price (D§4.1, D§4.10).
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/documents.sql
SELECT plan(178);
WITH made AS (INSERT INTO price_list (name, currency_code) VALUES ('Rounded', 'USD') RETURNING price_list_id)
SELECT remember('Rounded', price_list_id) FROM made \gset
INSERT INTO quote (name, account_id, price_list_id) SELECT 'Prices', id('Contoso'), id('Rounded') RETURNING remember('q', quote_id) \gset

-- A product with these costs and an item of the price list; what one line of it costs, and its pricing error where there is one.
CREATE FUNCTION tap.priced(cost numeric, method text, percent numeric, policy text DEFAULT 'none', option text DEFAULT NULL, amount numeric DEFAULT NULL,
                           sold_in text DEFAULT 'piece', default_unit text DEFAULT 'piece', currency text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint; told text;
BEGIN
	INSERT INTO product (product_number, name, unit_group_id, default_unit_id, currency_code, list_price, current_cost, standard_cost)
	SELECT 'priced-' || count(*), 'Priced', (SELECT unit_group_id FROM unit WHERE unit_id = id(default_unit)), id(default_unit), currency,
	       CASE WHEN method LIKE '%list' THEN cost END, CASE WHEN method LIKE '%current%' THEN cost END, CASE WHEN method LIKE '%standard%' THEN cost END
	FROM product RETURNING product_id INTO made;
	PERFORM sales_crm.publish_product(product_id => made);
	SET LOCAL session_replication_role = replica;	-- what the catalogue itself refuses must not stand in our way
	INSERT INTO price_list_item (price_list_id, product_id, unit_id, pricing_method, amount, percentage, rounding_policy, rounding_option, rounding_amount)
	VALUES (id('Rounded'), made, id(sold_in), method, CASE WHEN method = 'currency_amount' THEN cost END, percent, policy, option, priced.amount);
	SET LOCAL session_replication_role = origin;
	INSERT INTO quote_product (quote_id, product_id, unit_id) VALUES (id('q'), made, id(sold_in))
	RETURNING trim_scale(price_per_unit) || CASE pricing_error WHEN 'none' THEN '' ELSE ' ' || pricing_error END INTO told;
	RETURN told;
END $$;

-- The plain formulas (T7, T8, T9 of D§11).
SELECT is(priced(cost, method, percent), expected, format('%s %s of %s', percent, method, cost)) FROM (VALUES
	('percent_of_list', 217.39, 100, '217.39'), ('percent_of_list', 217.39, 90, '195.65'), ('percent_of_list', 50, 0, '0'), ('percent_of_list', 10, 100000, '10000'),
	('percent_markup_standard_cost', 80, 25, '100'), ('percent_markup_current_cost', 80, 25, '100'), ('percent_markup_current_cost', 80, 0, '80'),
	('percent_margin_standard_cost', 80, 20, '100'), ('percent_margin_current_cost', 80, 20, '100'), ('percent_margin_standard_cost', 80, 25, '106.67'),
	('percent_margin_current_cost', 80, 25, '106.67'), ('percent_margin_standard_cost', 80, 99.99, '800000'), ('percent_markup_standard_cost', 0.125, 0, '0.13'),
	('currency_amount', 99.12345, NULL, '99.12345')) AS v (method, cost, percent, expected);

-- Each method comes to 195.651 here, which each policy and option rounds the same; an amount is never rounded.
SELECT is(priced(m.cost, m.method, m.percent, r.policy, r.option, r.amount), CASE m.method WHEN 'currency_amount' THEN '195.651' ELSE r.expected END,
          format('%s, %s %s %s', m.method, r.policy, r.option, r.amount))
FROM (VALUES ('currency_amount', 195.651, NULL), ('percent_of_list', 217.39, 90), ('percent_markup_current_cost', 130.434, 50), ('percent_margin_current_cost', 97.8255, 50),
             ('percent_markup_standard_cost', 130.434, 50), ('percent_margin_standard_cost', 97.8255, 50)) AS m (method, cost, percent),
     (VALUES ('none', NULL, NULL, '195.65'), ('none', 'ends_in', 5, '195.65'),
             ('up', 'ends_in', 0, '196'), ('up', 'ends_in', 0.99, '195.99'), ('up', 'ends_in', 5, '205'), ('up', 'multiple_of', 0.05, '195.7'), ('up', 'multiple_of', 10, '200'),
             ('down', 'ends_in', 0, '195'), ('down', 'ends_in', 0.99, '194.99'), ('down', 'ends_in', 9.95, '189.95'), ('down', 'multiple_of', 25, '175'),
             ('nearest', 'ends_in', 0, '196'), ('nearest', 'ends_in', 5, '195'), ('nearest', 'ends_in', 0.65, '195.65'), ('nearest', 'multiple_of', 0.05, '195.65'), ('nearest', 'multiple_of', 10, '200')) AS r (policy, option, amount, expected);

-- More amounts, with one method: T6 of D§11, endings of several digits, no candidate below, ties, prices that end so already.
SELECT is(priced(list, 'percent_of_list', 100, policy, option, amount), expected, format('%s %s %s %s', list, policy, option, amount)) FROM (VALUES
	(217.39, 'up', 'ends_in', 0.00, '218'), (217.39, 'down', 'ends_in', 0.00, '217'), (217.39, 'nearest', 'ends_in', 0.00, '217'),
	(195.65, 'up', 'ends_in', 99, '199'), (195.65, 'down', 'ends_in', 99, '99'), (195.65, 'nearest', 'ends_in', 99.99, '199.99'), (100, 'up', 'ends_in', 99.99, '199.99'),
	(195.65, 'up', 'ends_in', 500, '500'), (195.65, 'down', 'ends_in', 500, '500'), (195.65, 'nearest', 'ends_in', 500, '500'), (0.3, 'down', 'ends_in', 0.99, '0.99'),
	(2.5, 'nearest', 'multiple_of', 1, '3'), (2.5, 'nearest', 'ends_in', 0, '3'), (2.75, 'nearest', 'ends_in', 0.25, '3.25'), (2.74, 'nearest', 'ends_in', 0.25, '2.25'),
	(195.65, 'down', 'multiple_of', 1000, '0'), (195.65, 'up', 'multiple_of', 1000, '1000'), (195.65, 'nearest', 'multiple_of', 1000, '0'),
	(218, 'up', 'ends_in', 0, '218'), (218, 'down', 'ends_in', 0, '218'), (218.99, 'up', 'ends_in', 0.99, '218.99'), (218.99, 'down', 'ends_in', 0.99, '218.99'),
	(300, 'up', 'multiple_of', 0.05, '300'), (10, 'up', 'ends_in', 10, '10'), (11, 'up', 'ends_in', 10, '110'), (0, 'up', 'multiple_of', 5, '0')) AS v (list, policy, option, amount, expected);

-- List price and costs are for one default unit; another unit takes its share, and is divided once.
SELECT is(priced(cost, method, percent, policy, option, amount, sold_in, default_unit), expected, format('%s %s of %s, sold by the %s, list by the %s', percent, method, cost, sold_in, default_unit)) FROM (VALUES
	(10, 'percent_of_list', 90, 'none', NULL, NULL, 'dozen', 'piece', '108'), (100, 'percent_of_list', 100, 'none', NULL, NULL, 'piece', 'dozen', '8.33'),
	(100, 'percent_of_list', 100, 'up', 'multiple_of', 0.05, 'piece', 'dozen', '8.35'), (9, 'percent_markup_current_cost', 33.3333, 'none', NULL, NULL, 'piece', 'dozen', '1'),
	(80, 'percent_margin_standard_cost', 25, 'none', NULL, NULL, 'dozen', 'piece', '1280'), (80, 'percent_margin_standard_cost', 25, 'none', NULL, NULL, 'dozen', 'dozen', '106.67'),
	(50, 'currency_amount', NULL, 'none', NULL, NULL, 'dozen', 'piece', '50')) AS v (cost, method, percent, policy, option, amount, sold_in, default_unit, expected);

-- The decimals of worked-out prices are a setting.
CREATE FUNCTION tap.with_decimals(setting text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE organization_setting SET value = setting WHERE name = 'pricing_decimals';
	RETURN priced(80, 'percent_margin_standard_cost', 25) || ' ' || priced(1.23456, 'currency_amount', NULL);
END $$;
SELECT is(with_decimals(setting), expected, 'pricing_decimals ' || setting)
FROM (VALUES ('0', '107 1.23456'), ('1', '106.7 1.23456'), ('3', '106.667 1.23456'), ('4', '106.6667 1.23456'), ('2', '106.67 1.23456')) AS v (setting, expected);

-- Why there is no price.
ALTER TABLE price_list_item DROP CONSTRAINT price_list_item_percentage_check, DROP CONSTRAINT price_list_item_rounding_check,
	DROP CONSTRAINT price_list_item_rounding_option_check, DROP CONSTRAINT price_list_item_pricing_method_check;
SELECT is(priced(cost, method, percent, policy, option, amount, currency => currency), '0 ' || expected, format('%s: %s', expected, what)) FROM (VALUES
	(NULL, 'currency_amount', NULL, 'none', NULL, NULL, NULL, 'missing_price_list_amount', 'an item without an amount'),
	(80, 'percent_of_list', NULL, 'none', NULL, NULL, NULL, 'missing_percentage', 'an item without a percentage'),
	(NULL, 'percent_of_list', 90, 'none', NULL, NULL, NULL, 'missing_price', 'no list price'),
	(NULL, 'percent_markup_current_cost', 90, 'none', NULL, NULL, NULL, 'missing_current_cost', 'no current cost for a markup'),
	(NULL, 'percent_margin_current_cost', 90, 'none', NULL, NULL, NULL, 'missing_current_cost', 'nor for a margin'),
	(NULL, 'percent_markup_standard_cost', 90, 'none', NULL, NULL, NULL, 'missing_standard_cost', 'no standard cost for a markup'),
	(NULL, 'percent_margin_standard_cost', 90, 'none', NULL, NULL, NULL, 'missing_standard_cost', 'nor for a margin'),
	(80, 'percent_margin_standard_cost', 100, 'none', NULL, NULL, NULL, 'invalid_percentage', 'a margin of 100 percent'),
	(80, 'percent_of_list', -1, 'none', NULL, NULL, NULL, 'invalid_percentage', 'a negative percentage'),
	(80, 'percent_of_list', 90, 'up', NULL, 5, NULL, 'invalid_rounding_option', 'up, but to what'),
	(80, 'percent_of_list', 90, 'up', 'magic', 5, NULL, 'invalid_rounding_option', 'an unknown option'),
	(80, 'percent_of_list', 90, 'nearest', 'ends_in', NULL, NULL, 'invalid_rounding_amount', 'no amount'),
	(80, 'percent_of_list', 90, 'nearest', 'ends_in', -0.01, NULL, 'invalid_rounding_amount', 'an ending below 0'),
	(80, 'percent_of_list', 90, 'down', 'multiple_of', 0, NULL, 'invalid_rounding_amount', 'a multiple of 0'),
	(80, 'percent_of_list', 90, 'none', NULL, NULL, 'EUR', 'invalid_price_list_currency', 'list price in another currency'),
	(80, 'guessed', 90, 'none', NULL, NULL, NULL, 'invalid_pricing_method', 'a method that is not known')) AS v (cost, method, percent, policy, option, amount, currency, expected, what);
SELECT is(priced(80, 'percent_of_list', 90, currency => 'USD'), '72', 'the base currency may be named');
SELECT is(priced(80, 'currency_amount', NULL, currency => 'EUR'), '80', 'an amount asks for no currency of the product');

CREATE FUNCTION tap.line_of(product text, list text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint; told text;
BEGIN
	INSERT INTO quote (account_id, currency_code) VALUES (id('Contoso'), 'USD') RETURNING quote_id INTO made;
	UPDATE quote SET price_list_id = id(list) WHERE quote_id = made;
	INSERT INTO quote_product (quote_id, product_id) VALUES (made, id(product)) RETURNING trim_scale(price_per_unit) || ' ' || pricing_error INTO told;
	RETURN told || (SELECT ' ' || pricing_error FROM quote WHERE quote_id = made);
END $$;
SELECT is(line_of('Chair'), '0 missing_price_list detail_error', 'missing_price_list, and detail_error on the header');
SELECT is(line_of('Lamp', 'tap USD'), '0 product_not_in_price_list detail_error', 'product_not_in_price_list');
SELECT is(line_of('Chair', 'tap USD'), '100 none none', 'a price and no error');
UPDATE organization_setting SET value = 'true' WHERE name = 'price_list_is_optional';
SELECT is(line_of('Chair'), '0 none none', 'optional price lists: no list, no price and no error');
SELECT is(line_of('Lamp', 'tap USD'), '0 none none', 'nor for a product that is not in the list');
UPDATE product SET price_list_id = id('tap USD') WHERE product_id = id('Chair');
SELECT is(line_of('Chair'), '100 none none', 'the list of the product steps in');
UPDATE organization_setting SET value = 'false' WHERE name = 'price_list_is_optional';
SET LOCAL session_replication_role = replica;
UPDATE product SET default_unit_id = NULL WHERE product_id = id('Table');
SET LOCAL session_replication_role = origin;
SELECT is(line_of('Table', 'tap USD'), '0 missing_product_default_unit detail_error', 'missing_product_default_unit');
SELECT refused(format('SELECT sales_crm.activate_quote(quote_id => %s)', id('q')), 'SC005', 'a quote with such lines is not activated');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT pg_temp.refused(format('SELECT sales_crm.convert_quantity(%L, %s, %s)', what, u.unit_id, u.unit_id), 'SC016', 'no quantity is ' || what)
FROM unnest('{NaN,Infinity,-Infinity}'::text[]) AS what, (SELECT min(unit_id) AS unit_id FROM unit) AS u;
SELECT * FROM finish();
ROLLBACK;
