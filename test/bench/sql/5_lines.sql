-- Quotes of many lines, and their copies as orders: ours, and the same statements on the same tables while their triggers sleep.
CREATE FUNCTION bench.new_quotes(count bigint) RETURNS bigint LANGUAGE sql AS $$
	WITH made AS (
		INSERT INTO crm.quote (name, account_id, price_list_id)
		SELECT 'Quote ' || n, (SELECT min(account_id) FROM crm.account), (SELECT min(price_list_id) FROM crm.price_list)
		FROM generate_series(1, count) AS n RETURNING quote_id)
	SELECT min(quote_id) FROM made
$$;

-- Lines for each of these quotes, a statement each: product and quantity are given, the rest is ours.
CREATE FUNCTION bench.price_lines(first_id bigint, count bigint, lines integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	first_product bigint := (SELECT min(product_id) FROM crm.product);
BEGIN
	FOR id IN first_id .. first_id + count - 1 LOOP
		INSERT INTO crm.quote_product (quote_id, product_id, quantity)
		SELECT id, first_product + n % 1000, 1 + n % 5 FROM generate_series(1, lines) AS n;
	END LOOP;
END $$;

-- The same without a trigger: what has no default is given, nothing is looked up, computed or summed.
CREATE FUNCTION bench.price_lines_bare(first_id bigint, count bigint, lines integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	first_product bigint := (SELECT min(product_id) FROM crm.product);
	unit bigint := (SELECT min(default_unit_id) FROM crm.product);
BEGIN
	FOR id IN first_id .. first_id + count - 1 LOOP
		INSERT INTO crm.quote_product (quote_id, line_number, product_id, unit_id, quantity)
		SELECT id, n, first_product + n % 1000, unit, 1 + n % 5 FROM generate_series(1, lines) AS n;
	END LOOP;
END $$;

-- The copies by hand carry the columns that column_map names, and those that a conversion sets itself.
DO $build$
DECLARE
	header text := (SELECT string_agg(quote_ident(target_column), ', ') FROM crm.column_map WHERE (source_entity, target_entity) = ('quote', 'sales_order'));
	line text := (SELECT string_agg(quote_ident(target_column), ', ') FROM crm.column_map WHERE (source_entity, target_entity) = ('quote_product', 'sales_order_product'));
	totals text := 'exchange_rate, total_line_item_amount, total_line_item_discount_amount, total_discount_amount, total_amount_less_freight, total_tax, total_amount, total_amount_base';
BEGIN
	EXECUTE format($function$
		CREATE FUNCTION bench.copy_quote(id bigint) RETURNS bigint LANGUAGE sql AS $$
			WITH header AS (
				INSERT INTO crm.sales_order (order_number, quote_id, is_price_locked, %1$s, %2$s)
				SELECT 'BARE-' || nextval('bench.bare_number'), quote_id, true, %1$s, %2$s FROM crm.quote WHERE quote_id = id RETURNING sales_order_id),
			lines AS (
				INSERT INTO crm.sales_order_product (sales_order_id, quote_product_id, is_copied, base_amount, extended_amount, %3$s)
				SELECT h.sales_order_id, quote_product_id, true, base_amount, extended_amount, %3$s FROM header AS h, crm.quote_product AS l WHERE l.quote_id = id)
			SELECT sales_order_id FROM header
		$$$function$, header, totals, line);
END $build$;
