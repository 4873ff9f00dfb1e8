-- The world the documents live in: currencies of 0, 2, 3 and 4 decimals, units, products, price lists, customers.
SELECT play.seed('world');

INSERT INTO crm.currency (currency_code, name, decimals, exchange_rate)
VALUES ('EUR', 'Euro', 2, 0.9137), ('JPY', 'Yen', 0, 151.37), ('KWD', 'Dinar', 3, 0.3071), ('CLF', 'Unidad de Fomento', 4, 0.02561);

INSERT INTO crm.unit_group (name) VALUES ('piece group'), ('weight group');
INSERT INTO crm.unit (unit_group_id, name, base_quantity, is_base_unit)
SELECT g.unit_group_id, u.name, u.base_quantity, u.base_quantity = 1
FROM (VALUES ('piece group', 'piece', 1), ('piece group', 'dozen', 12), ('piece group', 'gross', 144), ('weight group', 'gram', 1), ('weight group', 'pound', 453.59237), ('weight group', 'kilo', 1000))
	AS u (group_name, name, base_quantity) JOIN crm.unit_group AS g ON g.name = u.group_name;

-- Sixty products, half of them in pieces, half by weight, with 0 to 5 decimals in their quantities.
INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, quantity_decimals, list_price, current_cost, standard_cost)
SELECT 'play-' || n, 'Product ' || n, g.unit_group_id, (SELECT u.unit_id FROM crm.unit AS u WHERE u.unit_group_id = g.unit_group_id ORDER BY u.base_quantity OFFSET n / 2 % 3 LIMIT 1),
       n % 6, play.amount(400, 4), play.amount(200, 4), play.amount(200, 4)
FROM generate_series(1, 60) AS n JOIN crm.unit_group AS g ON g.name = CASE n % 2 WHEN 0 THEN 'piece group' ELSE 'weight group' END
ORDER BY n;
SELECT count(*) AS published FROM crm.product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS made WHERE p.product_number LIKE 'play-%' \gset

-- Two price lists for each currency; every product in most of its units.
INSERT INTO crm.price_list (name, currency_code) SELECT c.currency_code || ' ' || n, c.currency_code FROM crm.currency AS c, generate_series(1, 2) AS n ORDER BY 1;
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount)
SELECT l.price_list_id, p.product_id, u.unit_id, play.amount(300, 4)
FROM crm.price_list AS l, crm.product AS p JOIN crm.unit AS u USING (unit_group_id)
WHERE p.product_number LIKE 'play-%' AND (p.product_id * 7 + u.unit_id * 3 + l.price_list_id) % 11 <> 0
ORDER BY 1, 2, 3;

INSERT INTO crm.account (name, address_country) SELECT 'Account ' || n, (ARRAY['US', 'ES', 'CA', 'FR'])[1 + n % 4] FROM generate_series(1, 40) AS n;
INSERT INTO crm.contact (last_name, address_country) SELECT 'Contact ' || n, (ARRAY['US', 'ES', 'CA', 'FR'])[1 + n % 4] FROM generate_series(1, 20) AS n;
ANALYZE;
