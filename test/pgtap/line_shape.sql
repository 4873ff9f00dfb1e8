-- What a line may be, in all four kinds of document: each contradiction is refused with the name of its rule, and verify() finds what came in behind the guard.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(69);

-- The constraint that a statement is refused with, its SQLSTATE where it names none.
CREATE FUNCTION tap.rule(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rule text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME, hint = PG_EXCEPTION_HINT;
	RETURN SQLSTATE || ' ' || rule || CASE WHEN hint = '' THEN ' without a hint' ELSE '' END;
END $$;
SELECT remember(e, new_document(e)) FROM unnest('{quote,sales_order,invoice}'::text[]) AS e \g /dev/null
WITH made AS (INSERT INTO opportunity (name, account_id, price_list_id) VALUES ('A deal', id('Contoso'), id('tap USD')) RETURNING opportunity_id)
SELECT remember('opportunity', opportunity_id) FROM made \g /dev/null
INSERT INTO opportunity_product (opportunity_id, product_id) VALUES (id('opportunity'), id('Chair'));

SELECT is(tap.rule(format('INSERT INTO %1$I_product (%1$I_id, %2$s) VALUES (%3$s, %4$s)', e, columns, id(e), replace(data, 'CHAIR', id('Chair')::text))),
	CASE WHEN rule = 'taken' THEN rule ELSE '23514 ' || e || '_product_' || rule || '_check' END, e || ': ' || says)
FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS e, (VALUES
	('product_id', 'CHAIR', 'taken', 'a product'),
	('product_description', '''Oven''', 'taken', 'one written in'),
	('line_kind, description', '''note'', ''Thank you''', 'taken', 'a note'),
	('line_kind, product_description', '''note'', ''Thank you''', 'taken', 'a note as it was'),
	('product_id, product_description', 'CHAIR, ''Oven''', 'product', 'not both'),
	('quantity', '1', 'product', 'nor none'),
	('line_kind', '''note''', 'product', 'a note without a text'),
	('line_kind, product_id', '''note'', CHAIR', 'product', 'a note with a product'),
	('product_description, unit_id', '''Oven'', 1', 'unit', 'a unit of nothing'),
	('product_description, line_kind', '''Oven'', ''sample''', 'line_kind', 'a kind that is none'),
	('product_description, properties', '''Oven'', ''[1]''', 'properties', 'a list of properties'),
	('product_id, bundle_line_id', 'CHAIR, -1', 'bundle', 'a member of nothing')) AS c (columns, data, rule, says);

-- Changes.
SELECT is(tap.rule(format('UPDATE %1$I_product SET product_description = ''Oven'' WHERE %1$I_id = %2$s AND product_id IS NOT NULL', e, id(e))), '23514 ' || e || '_product_product_check', e || ': a change neither')
FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS e;
SELECT is(tap.rule(format('UPDATE %1$I_product SET line_kind = ''note'' WHERE %1$I_id = %2$s AND product_id IS NOT NULL', e, id(e))), '23514 ' || e || '_product_product_check', e || ': nor into a note')
FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS e;
SELECT is(tap.rule(format('UPDATE %1$I_product SET product_type = ''bundle'' WHERE %1$I_id = %2$s AND product_id IS NOT NULL', e, id(e))), '428C9 ', e || ': the type is computed')
FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS e;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- Behind the guard: lines that it would not have let in.
ALTER TABLE quote_product DISABLE TRIGGER USER;
INSERT INTO quote_product (quote_id, line_number, line_kind, product_type, product_id, product_description, unit_id, bundle_line_id, properties) VALUES
(id('quote'), 91, 'sample', 'product', NULL, 'x', NULL, NULL, NULL),
(id('quote'), 92, 'optional', 'thing', NULL, 'x', NULL, NULL, NULL),
(id('quote'), 93, 'optional', 'product', id('Chair'), 'x', NULL, NULL, NULL),
(id('quote'), 94, 'optional', 'product', NULL, NULL, NULL, NULL, NULL),
(id('quote'), 95, 'note', 'product', NULL, NULL, NULL, NULL, NULL),
(id('quote'), 96, 'optional', 'product', NULL, 'x', 1, NULL, NULL),
(id('quote'), 97, 'optional', 'product', NULL, 'x', NULL, NULL, '[]'),
(id('quote'), 98, 'optional', 'optional_bundle_member', id('Chair'), NULL, NULL, NULL, NULL);
SELECT is(n, 1, 'verify() finds line ' || line_number)
FROM (SELECT l.line_number, count(v.record_id)::integer AS n FROM quote_product AS l LEFT JOIN sales_crm.verify() AS v ON v.check_name = 'line_shape' AND v.entity = 'quote_product' AND v.record_id = l.quote_product_id
	WHERE l.quote_id = id('quote') AND l.line_number > 90 GROUP BY 1) AS found ORDER BY line_number;
SELECT * FROM finish();
ROLLBACK;
