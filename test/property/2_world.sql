-- The world the documents live in: currencies of 0, 2, 3 and 4 decimals, units, products, price lists, customers.
SELECT play.seed('world');

INSERT INTO crm.currency (currency_code, name, decimals, exchange_rate)
VALUES ('EUR', 'Euro', 2, 0.9137), ('JPY', 'Yen', 0, 151.37), ('KWD', 'Dinar', 3, 0.3071), ('CLF', 'Unidad de Fomento', 4, 0.02561);

INSERT INTO crm.unit_group (name) VALUES ('piece group'), ('weight group');
INSERT INTO crm.unit (unit_group_id, name, base_quantity, is_base_unit)
SELECT g.unit_group_id, u.name, u.base_quantity, u.base_quantity = 1
FROM (VALUES ('piece group', 'piece', 1), ('piece group', 'dozen', 12), ('piece group', 'gross', 144), ('weight group', 'gram', 1), ('weight group', 'pound', 453.59237), ('weight group', 'kilo', 1000))
	AS u (group_name, name, base_quantity) JOIN crm.unit_group AS g ON g.name = u.group_name;

-- Ninety products in all currencies, half of them in pieces, half by weight, with 0 to 5 decimals in their quantities. Some lack what their price is made of.
INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, quantity_decimals, currency_code, list_price, current_cost, standard_cost, tax_category)
SELECT 'play-' || n, 'Product ' || n, g.unit_group_id, (SELECT u.unit_id FROM crm.unit AS u WHERE u.unit_group_id = g.unit_group_id ORDER BY u.base_quantity OFFSET n / 2 % 3 LIMIT 1),
       n % 6, (ARRAY['USD', 'EUR', 'JPY', 'KWD', 'CLF'])[1 + n % 5],
       CASE WHEN n <> 31 THEN play.amount(400, play.whole(0, 4)) END, CASE WHEN n <> 32 THEN play.amount(200, play.whole(0, 4)) END, CASE WHEN n <> 33 THEN play.amount(200, play.whole(0, 4)) END,
       (ARRAY['standard', 'standard', 'standard', 'reduced', 'reduced', 'zero', 'exempt'])[1 + n % 7]
FROM generate_series(1, 90) AS n JOIN crm.unit_group AS g ON g.name = CASE n % 2 WHEN 0 THEN 'piece group' ELSE 'weight group' END
ORDER BY n;
SELECT count(*) AS published FROM crm.product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS made WHERE p.product_number LIKE 'play-%' \gset

-- Discount lists: percentages and amounts, with a gap between bands, open at the end; one that is inactive and discounts all the same.
INSERT INTO crm.discount_list (name, discount_type, currency_code) VALUES ('percent 1', 'percentage', NULL), ('percent 2', 'percentage', NULL), ('percent off', 'percentage', NULL);
INSERT INTO crm.discount_list (name, discount_type, currency_code) SELECT 'amount ' || currency_code, 'amount', currency_code FROM crm.currency ORDER BY 1;
INSERT INTO crm.discount_list_item (discount_list_id, low_quantity, high_quantity, percentage, amount)
SELECT d.discount_list_id, b.low, b.high, CASE d.discount_type WHEN 'percentage' THEN play.amount(30, play.whole(0, 4)) END, CASE d.discount_type WHEN 'amount' THEN play.amount(9, play.whole(0, 5)) END
FROM crm.discount_list AS d, (VALUES (1, 4.5), (5, 12), (20, 99.99999), (100, NULL)) AS b (low, high) ORDER BY d.discount_list_id, b.low;
UPDATE crm.discount_list SET state = 'inactive' WHERE name = 'percent off';

-- Three price lists for each currency, the third for a time only; every product in most of its units, by all methods and all ways to round.
INSERT INTO crm.price_list (name, currency_code, begin_date, end_date)
SELECT c.currency_code || ' ' || n, c.currency_code, CASE n WHEN 3 THEN current_date - 200 END, CASE n WHEN 3 THEN current_date - play.whole(1, 20) END FROM crm.currency AS c, generate_series(1, 3) AS n ORDER BY 1;
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, pricing_method, amount, percentage, rounding_policy, rounding_option, rounding_amount, quantity_selling_option, discount_list_id)
SELECT i.price_list_id, i.product_id, i.unit_id, i.method, CASE WHEN i.draw % 40 <> 0 THEN play.amount(300, play.whole(0, 5)) END,
       CASE WHEN i.draw % 41 <> 0 THEN CASE WHEN i.method LIKE '%margin%' THEN play.amount(90, play.whole(0, 4)) ELSE play.amount(150, play.whole(0, 4)) END END,
       i.policy, CASE WHEN i.policy <> 'none' THEN (ARRAY['ends_in', 'multiple_of'])[1 + i.draw % 2] END,
       CASE WHEN i.policy <> 'none' THEN (ARRAY[0.99, 0.05, 5, 10, 0.5, 9.95, 25, 3])[1 + i.draw / 2 % 8] END,
       CASE WHEN i.draw % 30 = 7 THEN 'whole' ELSE 'no_control' END,
       CASE WHEN i.draw % 3 > 0 THEN (SELECT d.discount_list_id FROM crm.discount_list AS d WHERE d.currency_code IS NULL OR d.currency_code = i.list_currency
                                      ORDER BY d.discount_list_id OFFSET i.draw / 3 % 4 LIMIT 1) END
FROM (SELECT x.*, CASE WHEN x.product_currency = x.list_currency AND x.draw % 8 > 0
                       THEN (ARRAY['percent_of_list', 'percent_markup_current_cost', 'percent_margin_current_cost', 'percent_markup_standard_cost', 'percent_margin_standard_cost'])[1 + x.draw / 8 % 5]
                       ELSE 'currency_amount' END AS method, (ARRAY['none', 'up', 'down', 'nearest', 'up', 'down', 'nearest'])[1 + x.draw / 64 % 7] AS policy
      FROM (SELECT l.price_list_id, p.product_id, u.unit_id, l.currency_code AS list_currency, p.currency_code AS product_currency,
                   abs(hashtext(:'seed' || l.name || p.product_number || u.name)) AS draw
            FROM crm.price_list AS l, crm.product AS p JOIN crm.unit AS u USING (unit_group_id) WHERE p.product_number LIKE 'play-%') AS x) AS i
WHERE i.draw % 11 <> 0
ORDER BY 1, 2, 3;

-- Bundles of two to four members, required and optional, in the lists that have all of these.
INSERT INTO crm.product (product_number, name, product_structure, default_unit_id, quantity_decimals, currency_code, list_price, current_cost, standard_cost)
SELECT 'bundle-' || n, 'Bundle ' || n, 'bundle', u.unit_id, 0, 'USD', 100, 80, 70 FROM generate_series(1, 12) AS n, crm.unit AS u WHERE u.name = 'piece' ORDER BY n;
INSERT INTO crm.product_association (bundle_id, product_id, quantity, unit_id, is_required)
SELECT b.product_id, p.product_id, 1 + m % 3, p.default_unit_id, m % 2 = 0
FROM generate_series(1, 12) AS n JOIN crm.product AS b ON b.product_number = 'bundle-' || n, generate_series(0, 3) AS m JOIN LATERAL (
     SELECT * FROM crm.product AS q WHERE q.product_number = 'play-' || 1 + (n * 7 + m * 11) % 90) AS p ON true
WHERE m < 2 + n % 3 ORDER BY 1, 2;
SELECT count(*) AS published FROM crm.product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS made WHERE p.product_number LIKE 'bundle-%' \gset
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount, discount_list_id)
SELECT l.price_list_id, b.product_id, b.default_unit_id, play.amount(500, 2), CASE WHEN b.product_id % 2 = 0 THEN (SELECT min(discount_list_id) FROM crm.discount_list) END
FROM crm.price_list AS l, crm.product AS b
WHERE b.product_structure = 'bundle' AND NOT EXISTS (SELECT FROM crm.product_association AS a WHERE a.bundle_id = b.product_id
	AND NOT EXISTS (SELECT FROM crm.price_list_item AS i WHERE i.price_list_id = l.price_list_id AND i.product_id = a.product_id AND i.unit_id = a.unit_id))
ORDER BY 1, 2;

-- Taxes: one and several for a line, by category, country and state; one that is over, one that is off.
INSERT INTO crm.tax_rate (name, percentage, effective_from, effective_to) VALUES ('VAT 21', 21, NULL, NULL), ('VAT 10', 10, NULL, NULL), ('VAT 4', 4, NULL, NULL), ('GST', 5, NULL, NULL),
	('QST', 9.975, NULL, NULL), ('State', 6.25, current_date - 30, NULL), ('County', 1.125, NULL, current_date - 10), ('Levy', 0.3333, NULL, NULL), ('Off', 50, NULL, NULL);
UPDATE crm.tax_rate SET state = 'inactive' WHERE name = 'Off';
INSERT INTO crm.tax_rule (name, tax_category, country, state_or_province, tax_rate_id, sort_order)
SELECT r.rate || ' ' || concat_ws(' ', r.category, r.country, r.state), r.category, r.country, r.state, t.tax_rate_id, r.place
FROM (VALUES ('VAT 21', 'standard', 'ES', NULL, 1), ('VAT 10', 'reduced', 'es', NULL, 1), ('VAT 4', 'zero', ' ES ', NULL, 1), ('GST', 'standard', 'CA', NULL, 1), ('GST', 'reduced', 'CA', NULL, 1),
             ('QST', 'standard', 'CA', 'Quebec', 2), ('Levy', 'standard', 'CA', 'Quebec', 3), ('State', 'standard', 'US', NULL, 1), ('County', 'standard', 'US', NULL, 2), ('Levy', NULL, 'US', NULL, 4),
             ('Off', 'standard', 'FR', NULL, 1), ('VAT 21', 'standard', 'FR', NULL, 2), ('VAT 21', NULL, 'FR', 'Alsace', 3), ('VAT 10', 'reduced', 'FR', NULL, 1))
	AS r (rate, category, country, state, place) JOIN crm.tax_rate AS t ON t.name = r.rate;

INSERT INTO crm.account (name, payment_terms, address_country, address_state_or_province)
SELECT 'Account ' || n, CASE n % 4 WHEN 1 THEN '2_percent_10_net_30' WHEN 2 THEN 'net_30' END, (ARRAY['US', 'ES', 'CA', 'FR', 'Ca ', NULL])[1 + n % 6], (ARRAY['Quebec', NULL, 'Alsace', 'quebec'])[1 + n % 4] FROM generate_series(1, 40) AS n;
INSERT INTO crm.contact (last_name, address_country, address_state_or_province)
SELECT 'Contact ' || n, (ARRAY['US', 'ES', 'CA', 'FR', 'Ca ', NULL])[1 + n % 6], (ARRAY['Quebec', NULL, 'Alsace', 'quebec'])[1 + n % 4] FROM generate_series(1, 20) AS n;
UPDATE crm.organization_setting SET value = 'ES' WHERE name = 'default_country';
ANALYZE;
