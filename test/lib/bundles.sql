-- Included after documents.sql: a bundle Set at 500 with 5 Seat (50) and 5 Desk (70) required, 5 Rug (40) and 5 Plant (50) optional, and what its lines look like.
WITH made AS (
	INSERT INTO product (product_number, name, unit_group_id, default_unit_id, quantity_decimals, product_structure)
	SELECT 'tap-' || p.name, p.name, u.unit_group_id, u.unit_id, 2, CASE p.name WHEN 'Set' THEN 'bundle' ELSE 'product' END
	FROM unnest('{Seat,Desk,Rug,Plant,Set}'::text[]) AS p (name), unit AS u WHERE u.unit_id = id('piece') RETURNING product_id, name)
SELECT count(remember(name, product_id)) FROM made \gset
SELECT count(published.state) FROM unnest('{Seat,Desk,Rug,Plant}'::text[]) AS p (name), LATERAL sales_crm.publish_product(product_id => id(p.name)) AS published (state) \gset
INSERT INTO product_association (bundle_id, product_id, unit_id, quantity, is_required)
VALUES (id('Set'), id('Seat'), id('piece'), 5, true), (id('Set'), id('Desk'), id('piece'), 5, true),
       (id('Set'), id('Rug'), id('piece'), 5, false), (id('Set'), id('Plant'), id('piece'), 5, false);
SELECT published.state FROM sales_crm.publish_product(product_id => id('Set')) AS published (state) \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount)
SELECT id('tap USD'), id(p.name), id('piece'), p.amount FROM (VALUES ('Seat', 50), ('Desk', 70), ('Rug', 40), ('Plant', 50)) AS p (name, amount);
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) VALUES (id('tap USD'), id('Set'), id('piece'), 500), (id('tap USD'), id('Set'), id('dozen'), 5500);

-- A document with so many of the bundle, and nothing else.
CREATE FUNCTION new_bundle(entity text, quantity numeric DEFAULT 1, line_kind text DEFAULT 'standard') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %1$I (name, account_id, price_list_id) VALUES (%1$L, $1, $2) RETURNING %2$I', entity, entity || '_id')
	INTO made USING id('Contoso'), id('tap USD');
	EXECUTE format('INSERT INTO %I (%I, product_id, quantity, line_kind) VALUES ($1, $2, $3, $4)', entity || '_product', entity || '_id') USING made, id('Set'), quantity, line_kind;
	RETURN made;
END $$;

-- The lines of a document in order, each as number name quantity amount, with a mark: ! a bundle, + required and ? optional members of the bundle before.
CREATE FUNCTION lines_of(entity text, document_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT string_agg(concat_ws('' '', l.line_number, CASE l.product_type WHEN ''bundle'' THEN ''!'' WHEN ''required_bundle_member'' THEN ''+'' WHEN ''optional_bundle_member'' THEN ''?'' END
		|| CASE WHEN l.bundle_line_id <> (SELECT max(b.%2$I) FROM %1$I AS b WHERE b.%3$I = $1 AND b.product_type = ''bundle'' AND b.line_number < l.line_number) THEN ''(of another)'' ELSE '''' END,
		coalesce(p.name, l.product_description), trim_scale(l.quantity), trim_scale(l.extended_amount), nullif(l.line_kind, ''standard'')), '', '' ORDER BY l.line_number, l.%2$I)
		FROM %1$I AS l LEFT JOIN product AS p USING (product_id) WHERE l.%3$I = $1', entity || '_product', entity || '_product_id', entity || '_id') INTO found USING document_id;
	RETURN found;
END $$;
CREATE FUNCTION total_of(entity text, document_id bigint) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE found numeric;
BEGIN
	EXECUTE format('SELECT total_amount FROM %I WHERE %I = $1', entity, entity || '_id') INTO found USING document_id;
	RETURN found;
END $$;
-- The line of a product in a document.
CREATE FUNCTION line_of(entity text, document_id bigint, product text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
	EXECUTE format('SELECT %2$I FROM %1$I WHERE %3$I = $1 AND product_id = id($2)', entity || '_product', entity || '_product_id', entity || '_id') INTO found USING document_id, product;
	RETURN found;
END $$;
