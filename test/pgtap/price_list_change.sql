-- A new price list on the header reaches the lines of an open, unlocked document, in all four kinds (D§4.7, D§3.8).
BEGIN;
\ir ../lib/pgtap.sql
SELECT plan(17);
SET LOCAL search_path = crm, public;

INSERT INTO account (name) VALUES ('Contoso') RETURNING account_id \gset
INSERT INTO product (product_number, name, unit_group_id, default_unit_id)
SELECT 'PLC-1', 'Chair', unit_group_id, unit_id FROM unit WHERE is_base_unit LIMIT 1 RETURNING product_id, default_unit_id AS unit_id \gset
SELECT * FROM sales_crm.publish_product(product_id => :product_id) \gset
INSERT INTO price_list (name, currency_code) VALUES ('PLC dear', 'USD') RETURNING price_list_id AS dear \gset
INSERT INTO price_list (name, currency_code) VALUES ('PLC cheap', 'USD') RETURNING price_list_id AS cheap \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount)
VALUES (:dear, :product_id, :unit_id, 100), (:cheap, :product_id, :unit_id, 60);

-- A document of one kind: three chairs of the catalogue, one at an overridden price, and a write-in.
CREATE FUNCTION pg_temp.filled(kind text, account bigint, product bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO crm.%I (name, account_id) VALUES (''Chairs'', $1) RETURNING %I', kind, kind || '_id') INTO made USING account;
	EXECUTE format('INSERT INTO crm.%I (%I, product_id, product_description, quantity, is_price_overridden, price_per_unit)
		VALUES ($1, $2, NULL, 3, false, 0), ($1, $2, NULL, 1, true, 90), ($1, NULL, ''Delivery'', 1, false, 10)',
		kind || '_product', kind || '_id') USING made, product;
	RETURN made;
END $$;
-- Sets the price list of a document and tells its error and its total.
CREATE FUNCTION pg_temp.priced_by(kind text, document bigint, list bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
	EXECUTE format('UPDATE crm.%I SET price_list_id = $2 WHERE %I = $1', kind, kind || '_id') USING document, list;
	EXECUTE format('SELECT pricing_error || '' '' || total_amount FROM crm.%I WHERE %I = $1', kind, kind || '_id') INTO told USING document;
	RETURN told;
END $$;

CREATE TEMP TABLE made AS
SELECT kind, pg_temp.filled(kind, :account_id, :product_id) AS id
FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS kind;
SELECT is(pg_temp.priced_by(kind, id, NULL), 'detail_error 100.0000', kind || ': no list, no price') FROM made;
SELECT is(pg_temp.priced_by(kind, id, :dear), 'none 400.0000', kind || ': the list that is set prices the catalogue line') FROM made;
SELECT is(pg_temp.priced_by(kind, id, :cheap), 'none 280.0000', kind || ': another list prices it anew; the override and the write-in stay') FROM made;

SELECT sales_crm.lock_order_pricing(sales_order_id => id) FROM made WHERE kind = 'sales_order' \gset
SELECT is(pg_temp.priced_by(kind, id, :dear), 'none 280.0000', kind || ': locked prices stay') FROM made WHERE kind = 'sales_order';
SELECT sales_crm.unlock_order_pricing(sales_order_id => id) FROM made WHERE kind = 'sales_order' \gset
SELECT is(total_amount, 400::numeric, 'and follow the list when they are unlocked') FROM sales_order WHERE sales_order_id = (SELECT id FROM made WHERE kind = 'sales_order');
SELECT sales_crm.activate_quote(quote_id => id) FROM made WHERE kind = 'quote' \gset
SELECT is(pg_temp.refusal(format('UPDATE crm.quote SET price_list_id = %s WHERE quote_id = %s', :dear, id)), 'SC002', 'an active quote keeps its list') FROM made WHERE kind = 'quote';
SELECT is(total_amount, 280::numeric, 'and its prices') FROM quote WHERE quote_id = (SELECT id FROM made WHERE kind = 'quote');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
