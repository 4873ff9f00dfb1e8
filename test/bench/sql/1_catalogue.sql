-- The master data of the bare side, made with the extension: 50 users, 1,000 products with their prices.
CREATE EXTENSION sales_crm;
CREATE SCHEMA bench;
CREATE TABLE bench.owner (n integer PRIMARY KEY, owner_id bigint NOT NULL);
WITH made AS (INSERT INTO crm.owner (owner_type, name) SELECT 'user', 'user ' || n FROM generate_series(1, 50) AS n RETURNING owner_id, name)
INSERT INTO bench.owner SELECT split_part(name, ' ', 2)::integer, owner_id FROM made;
INSERT INTO crm.crm_user (owner_id, name) SELECT owner_id, 'user ' || n FROM bench.owner;

INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, list_price)
SELECT 'P' || n, 'Product ' || n, u.unit_group_id, u.unit_id, 10 + n
FROM generate_series(1, 1000) AS n, (SELECT unit_group_id, unit_id FROM crm.unit WHERE is_base_unit ORDER BY unit_id LIMIT 1) AS u;
INSERT INTO crm.price_list (name, currency_code) VALUES ('Standard', 'USD');
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount)
SELECT l.price_list_id, p.product_id, p.default_unit_id, p.list_price FROM crm.price_list AS l, crm.product AS p;
SELECT count(*) FROM crm.product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id);

-- The owner of the n-th lead. Their keys follow one another.
DO $$ BEGIN EXECUTE format('CREATE FUNCTION bench.owner(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS ''SELECT %s + (n + 49) %% 50''',
	(SELECT min(owner_id) FROM bench.owner)); END $$;
SELECT 1 / (count(*) = 50)::integer FROM bench.owner WHERE owner_id = bench.owner(n);
