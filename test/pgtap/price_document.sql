-- Prices in documents: volume discounts, the vectors of D§11, dates of price lists, the list of the territory, whole quantities, products under
-- revision, and which documents a change of the catalogue reaches (D§3.8, D§4.3 to D§4.12).
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/documents.sql
SELECT plan(116);
SET LOCAL sales_crm.now = '2026-03-10 12:00+00';
CREATE TABLE tap.kind AS SELECT * FROM (VALUES ('opportunity'), ('quote'), ('sales_order'), ('invoice')) AS k (entity);

-- Discount lists: bands of percent (T12) on the chair, an amount per unit (T1) on the table; and a box at 1000 with 100 off from 10.
WITH made AS (INSERT INTO discount_list (name, discount_type, currency_code) VALUES ('bands', 'percentage', NULL), ('hundred', 'amount', 'USD') RETURNING name, discount_list_id)
SELECT count(remember(name, discount_list_id)) FROM made \gset
INSERT INTO discount_list_item (discount_list_id, low_quantity, high_quantity, percentage) VALUES (id('bands'), 1, 9, 0), (id('bands'), 10, 99, 5), (id('bands'), 100, NULL, 10);
INSERT INTO discount_list_item (discount_list_id, low_quantity, amount) VALUES (id('hundred'), 10, 100);
WITH made AS (INSERT INTO price_list (name, currency_code) VALUES ('Bulk', 'USD') RETURNING price_list_id) SELECT remember('Bulk', price_list_id) FROM made \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount, discount_list_id)
VALUES (id('Bulk'), id('Chair'), id('piece'), 20, id('bands')), (id('Bulk'), id('Box'), id('piece'), 1000, id('hundred')), (id('Bulk'), id('Table'), id('piece'), 33.33, id('bands'));

-- A document of a kind in a price list; its lines are written by SQL with %s for its key.
CREATE FUNCTION tap.document(kind text, list text DEFAULT 'Bulk') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %1$I (name, account_id, price_list_id) VALUES (''D'', $1, $2) RETURNING %2$I', kind, kind || '_id') INTO made USING id('Contoso'), id(list);
	RETURN remember(kind, made);
END $$;
CREATE FUNCTION tap.amounts(kind text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
	EXECUTE format('SELECT string_agg(trim_scale(price_per_unit) || '' - '' || trim_scale(volume_discount_amount) || '' x '' || trim_scale(quantity) || '' = '' || base_amount, ''; '' ORDER BY line_number) FROM %I WHERE %I = $1',
	               kind || '_product', kind || '_id') INTO told USING id(kind);
	RETURN told;
END $$;
CREATE FUNCTION tap.total(kind text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE told numeric;
BEGIN
	EXECUTE format('SELECT total_amount FROM %I WHERE %I = $1', kind, kind || '_id') INTO told USING id(kind);
	RETURN told;
END $$;

-- T12 in each kind of document; the edges of the bands; the whole quantity gets the discount of its band.
SELECT count(document(entity)) FROM tap.kind \gset
SELECT lives_ok(format('INSERT INTO %I (%I, product_id, quantity) VALUES (%s, id(''Chair''), 100)', entity || '_product', entity || '_id', id(entity)), entity || ': 100 chairs') FROM tap.kind;
SELECT is(amounts(entity), '20 - 2 x 100 = 1800.0000', entity || ': T12, 2.00 off each of 100, base 1800') FROM tap.kind;
CREATE FUNCTION tap.chairs(many numeric) RETURNS text LANGUAGE sql AS $$
	UPDATE quote_product SET quantity = many WHERE quote_id = id('quote') RETURNING trim_scale(volume_discount_amount) || ' ' || trim_scale(base_amount) $$;
SELECT is(chairs(many), expected, many || ' chairs') FROM (VALUES (0.5, '0 10'), (1, '0 20'), (9, '0 180'), (9.5, '0 190'), (10, '1 190'), (99, '1 1881'), (99.99, '0 1999.8'), (100, '2 1800'), (1000000, '2 18000000'), (0, '0 0'), (-100, '0 -2000')) AS v (many, expected);
UPDATE quote_product SET product_id = id('Table'), quantity = 10 WHERE quote_id = id('quote');
SELECT is(amounts('quote'), '33.33 - 1.6665 x 10 = 316.6400', 'five percent of 33.33, not rounded to cents: 10 x 31.6635');
UPDATE quote_product SET is_price_overridden = true, price_per_unit = 30 WHERE quote_id = id('quote');
SELECT is(amounts('quote'), '30 - 0 x 10 = 300.0000', 'an overridden price has no volume discount');
UPDATE quote_product SET is_price_overridden = false WHERE quote_id = id('quote');
SELECT is(amounts('quote'), '33.33 - 1.6665 x 10 = 316.6400', 'nor the list price without it');
INSERT INTO quote_product (quote_id, product_description, quantity, price_per_unit) VALUES (id('quote'), 'cable', 100, 20);
SELECT is(split_part(amounts('quote'), '; ', 2), '20 - 0 x 100 = 2000.0000', 'a write-in has none');
UPDATE discount_list SET state = 'inactive' WHERE discount_list_id = id('bands');
UPDATE quote_product SET quantity = 100 WHERE quote_id = id('quote') AND product_id IS NOT NULL;
SELECT is(split_part(amounts('quote'), '; ', 1), '33.33 - 3.333 x 100 = 2999.7000', 'an inactive discount list still counts');
UPDATE discount_list SET state = 'active' WHERE discount_list_id = id('bands');
SELECT throws_ok('INSERT INTO quote_product (quote_id, product_id, volume_discount_amount) VALUES (id(''quote''), id(''Lamp''), 5); UPDATE quote_product SET volume_discount_amount = 1 WHERE quote_id = id(''quote'')', '428C9', NULL, 'the volume discount is the database''s own');

-- T1 and T2: 1000 less 100 each, 10 of them, manual 100.
SELECT document('quote') \gset
INSERT INTO quote_product (quote_id, product_id, quantity, manual_discount_amount, tax_amount) VALUES (id('quote'), id('Box'), 10, 100, 1335);
SELECT is((trim_scale(base_amount), trim_scale(extended_amount), trim_scale(extended_amount - tax_amount))::text, '(9000,10235,8900)', 'T1') FROM quote_product WHERE quote_id = id('quote');
UPDATE quote_product SET quantity = 9 WHERE quote_id = id('quote');
SELECT is(amounts('quote'), '1000 - 0 x 9 = 9000.0000', 'nine get no discount');
UPDATE organization_setting SET value = 'per_unit' WHERE name = 'discount_method';
SELECT document('quote') \gset
INSERT INTO quote_product (quote_id, product_id, quantity, manual_discount_amount, tax_amount) VALUES (id('quote'), id('Box'), 10, 100, 1200);
SELECT is((trim_scale(base_amount), trim_scale(extended_amount), trim_scale(extended_amount - tax_amount))::text, '(9000,9200,8000)', 'T2') FROM quote_product WHERE quote_id = id('quote');
INSERT INTO quote_product (quote_id, product_description, price_per_unit, quantity, manual_discount_amount) VALUES (id('quote'), 'T3', 100, 11, 10);
SELECT is(extended_amount, 990.0000, 'T3, per unit') FROM quote_product WHERE quote_id = id('quote') AND product_id IS NULL;
UPDATE organization_setting SET value = 'line_item' WHERE name = 'discount_method';
SELECT document('quote') \gset
INSERT INTO quote_product (quote_id, product_description, price_per_unit, quantity, manual_discount_amount) VALUES (id('quote'), 'T3', 100, 11, 10);
SELECT is(extended_amount, 1090.0000, 'T3, line item') FROM quote_product WHERE quote_id = id('quote');

-- T10 and T11, T13, T17.
SELECT document('quote') \gset
INSERT INTO quote_product (quote_id, product_description, price_per_unit, manual_discount_amount, tax_amount) VALUES (id('quote'), 'a', 1000, 0, 100), (id('quote'), 'b', 500, 0, 50);
UPDATE quote SET discount_percentage = 10, discount_amount = 30, freight_amount = 20 WHERE quote_id = id('quote');
CREATE FUNCTION tap.sums() RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' ', trim_scale(total_line_item_amount), trim_scale(total_line_item_discount_amount), trim_scale(total_discount_amount),
	trim_scale(total_amount_less_freight), trim_scale(total_tax), trim_scale(total_amount)) FROM quote WHERE quote_id = id('quote') $$;
SELECT is(sums(), '1500 0 180 1320 150 1490', 'T10');
UPDATE quote_product SET price_per_unit = price_per_unit + CASE product_description WHEN 'a' THEN 40 ELSE 10 END, manual_discount_amount = CASE product_description WHEN 'a' THEN 40 ELSE 10 END WHERE quote_id = id('quote');
SELECT is(sums(), '1500 50 230 1320 150 1490', 'T11');
INSERT INTO quote (account_id, currency_code) VALUES (id('Contoso'), 'EUR') RETURNING remember('quote', quote_id) \gset
INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (id('quote'), 'euros', 121);
SELECT is((total_amount, exchange_rate, total_amount_base)::text, '(121.0000,1.1000000000,110.0000)', 'T13') FROM quote WHERE quote_id = id('quote');
INSERT INTO quote_product (quote_id, product_description, price_per_unit, quantity) VALUES (id('quote'), 'back', 50, -2);
SELECT is(base_amount, -100.0000, 'T17') FROM quote_product WHERE quote_id = id('quote') AND quantity < 0;

-- Locked prices: a new quantity earns its volume discount from the kept price; anything else leaves price and discount alone (D§3.8).
SELECT count(document(entity)) FROM tap.kind \gset
SELECT lives_ok(format('INSERT INTO %I (%I, product_id, quantity) VALUES (%s, id(''Chair''), 10)', entity || '_product', entity || '_id', id(entity)), entity || ': 10 chairs') FROM tap.kind;
SELECT sales_crm.lock_order_pricing(sales_order_id => id('sales_order')), sales_crm.lock_invoice_pricing(invoice_id => id('invoice')) \gset
UPDATE price_list_item SET amount = 40 WHERE price_list_id = id('Bulk') AND product_id = id('Chair');
UPDATE discount_list_item SET percentage = 6 WHERE discount_list_id = id('bands') AND low_quantity = 10;
SELECT is(amounts(entity), '20 - 1 x 10 = 190.0000', entity || ': a change of the catalogue waits') FROM tap.kind;
UPDATE sales_order_product SET tax_amount = 1 WHERE sales_order_id = id('sales_order');
SELECT is(amounts('sales_order'), '20 - 1 x 10 = 190.0000', 'locked: an edit that leaves the quantity leaves price and discount');
UPDATE sales_order_product SET quantity = 100 WHERE sales_order_id = id('sales_order');
SELECT is(amounts('sales_order'), '20 - 2 x 100 = 1800.0000', 'another quantity earns ten percent of the kept price');
UPDATE invoice_product SET quantity = 20 WHERE invoice_id = id('invoice');
SELECT is(amounts('invoice'), '20 - 1.2 x 20 = 376.0000', 'by the band as it is now');
UPDATE quote_product SET tax_amount = 1 WHERE quote_id = id('quote');
SELECT is(amounts('quote'), '40 - 2.4 x 10 = 376.0000', 'unlocked: any edit of the line takes the catalogue of today');

-- reprice().
CREATE FUNCTION tap.repriced(kind text) RETURNS text LANGUAGE sql AS $$ SELECT trim_scale(total_amount)::text FROM sales_crm.reprice(entity => kind, id => id(kind)) $$;
INSERT INTO opportunity_product (opportunity_id, product_id, is_price_overridden, price_per_unit) VALUES (id('opportunity'), id('Chair'), true, 7);
INSERT INTO opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (id('opportunity'), 'Assembly', 50);
SELECT is(repriced('opportunity'), '433', 'reprice() returns the total: 376, and the overridden 7 and the write-in 50 as they were');
SELECT is(amounts('opportunity'), '40 - 2.4 x 10 = 376.0000; 7 - 0 x 1 = 7.0000; 50 - 0 x 1 = 50.0000', 'line by line');
SELECT is(repriced('quote'), '377', 'a second time it changes nothing');
SELECT refused(format('SELECT * FROM sales_crm.reprice(entity => %L, id => %s)', entity, id(entity)), 'SC002', entity || ': locked prices are not repriced') FROM tap.kind WHERE entity IN ('sales_order', 'invoice');
SELECT is(amounts('sales_order'), '20 - 2 x 100 = 1800.0000', 'and stay as they are');
SELECT sales_crm.unlock_order_pricing(sales_order_id => id('sales_order')) \gset
SELECT is(amounts('sales_order'), '40 - 4 x 100 = 3600.0000', 'until they are unlocked');
UPDATE price_list_item SET amount = 20 WHERE price_list_id = id('Bulk') AND product_id = id('Chair');
SELECT is(repriced('sales_order'), '1801', 'an unlocked order is repriced');
SELECT sales_crm.unlock_invoice_pricing(invoice_id => id('invoice')) \gset
SELECT is(repriced('invoice'), '376', 'so is an invoice: 20 less 6 percent, 20 times');
SELECT count(s.state) FROM sales_crm.activate_quote(quote_id => id('quote')) AS s \gset
SELECT refused(format('SELECT * FROM sales_crm.reprice(entity => ''quote'', id => %s)', id('quote')), 'SC002', 'an active quote is not repriced');
SELECT refused('SELECT * FROM sales_crm.reprice(entity => ''lead'', id => 1)', '22023', 'an unknown entity');
SELECT refused('SELECT * FROM sales_crm.reprice(entity => ''quote'', id => -1)', 'P0002', 'an unknown quote');
SELECT refused('SELECT * FROM sales_crm.reprice(entity => NULL, id => 1)', '22004', 'no entity');
SELECT refused('SELECT * FROM sales_crm.reprice(entity => ''quote'', id => NULL)', '22004', 'no id');

-- A document that was copied keeps its prices, its source's catalogue gone or not.
SELECT document('quote') \gset
INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id('quote'), id('Chair'), 100);
SELECT count(s.state) FROM sales_crm.activate_quote(quote_id => id('quote')) AS s \gset
UPDATE price_list_item SET amount = 99 WHERE price_list_id = id('Bulk') AND product_id = id('Chair');
SELECT remember('sales_order', made.sales_order_id) FROM sales_crm.accept_quote(quote_id => id('quote')) AS made \gset
SELECT is(amounts('sales_order'), '20 - 2 x 100 = 1800.0000', 'the order of a quote has the quote''s price and volume discount');
UPDATE price_list_item SET amount = 20 WHERE price_list_id = id('Bulk') AND product_id = id('Chair');

-- A price list counts from begin_date to end_date: the date of a quote is effective_from, of an invoice invoice_date, of an order the day it was
-- made, of an opportunity today; it is 10 March here.
WITH made AS (INSERT INTO price_list (name, currency_code, begin_date, end_date) VALUES ('March', 'USD', '2026-03-01', '2026-03-31'), ('From April', 'USD', '2026-04-01', NULL), ('Until February', 'USD', NULL, '2026-02-28') RETURNING name, price_list_id)
SELECT count(remember(name, price_list_id)) FROM made \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) SELECT id(l), id('Chair'), id('piece'), 5 FROM unnest('{March,From April,Until February}'::text[]) AS l;
CREATE FUNCTION tap.on_date(kind text, list text, column_name text DEFAULT NULL, day date DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
	PERFORM document(kind, list);
	IF column_name IS NOT NULL THEN
		EXECUTE format('UPDATE %I SET %I = $1%s WHERE %I = $2', kind, column_name,
		               CASE column_name WHEN 'effective_from' THEN ', effective_to = NULL' WHEN 'invoice_date' THEN ', due_date = NULL' ELSE '' END, kind || '_id') USING day, id(kind);
	END IF;
	EXECUTE format('INSERT INTO %I (%I, product_id) VALUES ($1, $2) RETURNING trim_scale(price_per_unit) || '' '' || pricing_error', kind || '_product', kind || '_id') INTO told USING id(kind), id('Chair');
	RETURN told;
END $$;
SELECT is(on_date(entity, list), expected, entity || ' of today, list ' || list) FROM tap.kind, (VALUES ('March', '5 none'), ('From April', '0 inactive_price_level'), ('Until February', '0 inactive_price_level')) AS v (list, expected);
SELECT is(on_date(entity, list, column_name, day::date), expected, format('%s %s: %s', entity, day, list)) FROM (VALUES
	('quote', 'March', 'effective_from', '2026-02-28', '0 inactive_price_level'), ('quote', 'March', 'effective_from', '2026-03-01', '5 none'), ('quote', 'March', 'effective_from', '2026-03-31', '5 none'),
	('quote', 'March', 'effective_from', '2026-04-01', '0 inactive_price_level'), ('quote', 'From April', 'effective_from', '2026-04-01', '5 none'), ('quote', 'Until February', 'effective_from', '2026-02-28', '5 none'),
	('invoice', 'March', 'invoice_date', '2026-04-01', '0 inactive_price_level'), ('invoice', 'From April', 'invoice_date', '2030-01-01', '5 none'), ('invoice', 'Until February', 'invoice_date', '2026-02-28', '5 none')) AS v (entity, list, column_name, day, expected);
SELECT on_date('sales_order', 'March') \gset
SET LOCAL sales_crm.now = '2026-05-01 12:00+00';
SELECT is(repriced('sales_order'), '5', 'in May the order of March still has the prices of March');
SELECT is(repriced('opportunity'), '0', 'an opportunity has those of today');
SET LOCAL sales_crm.now = '2026-04-01 02:00+00';
SELECT is(on_date('opportunity', 'March'), '0 inactive_price_level', 'in UTC it is April');
UPDATE organization_setting SET value = 'America/Lima' WHERE name = 'time_zone';
SELECT is(on_date(entity, 'March'), '5 none', entity || ': in Lima it is still March') FROM tap.kind;
UPDATE organization_setting SET value = 'UTC' WHERE name = 'time_zone';
SET LOCAL sales_crm.now = '2026-03-10 12:00+00';
SELECT on_date('quote', 'March') \gset
UPDATE price_list SET state = 'inactive' WHERE price_list_id = id('March');
SELECT is(repriced('quote'), '0', 'an inactive list has no prices');
SELECT is(pricing_error, 'inactive_price_level', 'and says so') FROM quote_product WHERE quote_id = id('quote');
SELECT refused(format('SELECT sales_crm.activate_quote(quote_id => %s)', id('quote')), 'SC005', 'such a quote is not activated');
UPDATE price_list SET state = 'active' WHERE price_list_id = id('March');
SELECT is(repriced('quote'), '5', 'active again, it has them');

-- Whole quantities (D§4.12).
UPDATE price_list_item SET quantity_selling_option = 'whole' WHERE price_list_id = id('Bulk') AND product_id = id('Chair');
SELECT document('quote') \gset
SELECT refused('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id(''quote''), id(''Chair''), 1.5)', 'SC016', 'an item sold in whole units');
SELECT lives_ok('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id(''quote''), id(''Chair''), 2.000)', 'zeros are no decimals');
UPDATE price_list_item SET quantity_selling_option = 'whole_and_fractional' WHERE price_list_id = id('Bulk') AND product_id = id('Chair');
SELECT lives_ok('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id(''quote''), id(''Chair''), 1.5)', 'fractions allowed, the product''s decimals count');
SELECT refused('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id(''quote''), id(''Chair''), 1.555)', 'SC016', 'and no more');
SELECT refused('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id(''quote''), id(''Lamp''), 1.555)', 'SC016', 'also where the product is in no list');

-- The price list of the user's territory (D§4.8).
INSERT INTO owner (name) VALUES ('Ana') RETURNING remember('Ana', owner_id) \gset
WITH made AS (INSERT INTO territory (name) VALUES ('North'), ('South') RETURNING name, territory_id) SELECT count(remember(name, territory_id)) FROM made \gset
INSERT INTO crm_user (owner_id, name, territory_id) VALUES (id('Ana'), 'Ana', id('North'));
INSERT INTO account (name) VALUES ('Fabrikam') RETURNING remember('Fabrikam', account_id) \gset
CREATE FUNCTION tap.default_list(kind text, customer text DEFAULT 'Fabrikam', currency text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
	EXECUTE format('INSERT INTO %I (name, account_id, currency_code) VALUES (''D'', $1, $2) RETURNING (SELECT name FROM price_list AS l WHERE l.price_list_id = %1$I.price_list_id) || '' '' || currency_code', kind) INTO told USING id(customer), currency;
	RETURN told;
END $$;
SELECT set_config('sales_crm.user_id', id('Ana')::text, true) \gset
SELECT is(default_list('quote'), NULL, 'no list in the territory, no list on the quote');
INSERT INTO price_list_territory (price_list_id, territory_id) VALUES (id('Bulk'), id('North')), (id('March'), id('South'));
SELECT is(default_list(entity), 'Bulk USD', entity || ': the one list of the territory') FROM tap.kind;
SELECT is(default_list('quote', 'Contoso'), 'tap USD USD', 'the customer''s own list goes first');
SELECT is(default_list('quote', 'Contoso', 'EUR'), NULL, 'neither fits a quote in euros');
INSERT INTO price_list_territory (price_list_id, territory_id) VALUES (id('tap EUR'), id('North'));
SELECT is(default_list('quote', currency => 'EUR'), 'tap EUR EUR', 'of two lists the one in the currency');
SELECT is(default_list('quote'), NULL, 'two lists and no currency: none');
UPDATE price_list SET state = 'inactive' WHERE price_list_id = id('Bulk');
SELECT is(default_list('quote'), 'tap EUR EUR', 'an inactive one does not count; the currency comes with the list');
UPDATE price_list SET state = 'active' WHERE price_list_id = id('Bulk');
UPDATE account SET currency_code = 'USD' WHERE account_id = id('Fabrikam');
SELECT is(default_list('quote'), 'Bulk USD', 'the customer''s currency chooses too');
UPDATE crm_user SET territory_id = id('South') WHERE owner_id = id('Ana');
SELECT is(default_list('quote'), 'March USD', 'another territory, another list');
SELECT set_config('sales_crm.user_id', '', true) \gset
SELECT is(default_list('quote'), NULL, 'nobody''s territory has no list');

-- A product under revision is sold as its open version says, to the quantity decimals.
INSERT INTO product (product_number, name, unit_group_id, default_unit_id, quantity_decimals, list_price) SELECT 'REV', 'Old name', unit_group_id, id('dozen'), 2, 100 FROM unit WHERE unit_id = id('piece') RETURNING remember('REV', product_id) \gset
SELECT state FROM sales_crm.publish_product(product_id => id('REV')) \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, pricing_method, percentage) VALUES (id('Bulk'), id('REV'), id('dozen'), 'percent_of_list', 100), (id('Bulk'), id('REV'), id('piece'), 'percent_of_list', 100);
SET LOCAL session_replication_role = replica;
INSERT INTO product_version (product_id, version_number, snapshot, revised_at) SELECT product_id, 1, to_jsonb(p), now() FROM product AS p WHERE product_id = id('REV');
UPDATE product SET state = 'under_revision', status_reason = 'under_revision', list_price = 500, quantity_decimals = 0, default_unit_id = id('piece'), name = 'New name' WHERE product_id = id('REV');
SET LOCAL session_replication_role = origin;
SELECT document('quote') \gset
INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id('quote'), id('REV'), 1.25);
SELECT is((price_per_unit, unit_id = id('dozen'), base_amount)::text, '(100.00000,t,125.0000)', 'under revision: old price, old unit, old decimals') FROM quote_product WHERE quote_id = id('quote');
SELECT matches(detail_of('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id(''quote''), id(''REV''), 1.255)'), '"Old name" is sold with at most 2', 'and old name');
UPDATE organization_setting SET value = 'true' WHERE name = 'price_list_is_optional';
SELECT is(repriced('quote'), '125', 'also where price lists are optional');
UPDATE organization_setting SET value = 'false' WHERE name = 'price_list_is_optional';
SET LOCAL session_replication_role = replica;
UPDATE product SET state = 'active', status_reason = 'active' WHERE product_id = id('REV');
UPDATE product_version SET ended_at = now(), outcome = 'published' WHERE product_id = id('REV');
SET LOCAL session_replication_role = origin;
UPDATE quote_product SET quantity = 1 WHERE quote_id = id('quote');
SELECT is(amounts('quote'), '6000 - 0 x 1 = 6000.0000', 'published: the new price, for the dozen of the line');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
