-- A STABLE call sees what the statement sees that calls it, not what that has done so far: each of two rows gets what was true before.
-- An argument that varies has it called for each row.
\ir ../lib/pgtap.sql
BEGIN;
SELECT plan(9);
SET LOCAL search_path = crm, public, pg_temp;
INSERT INTO unit (unit_id, unit_group_id, name, base_quantity) SELECT 50 + n, min(unit_group_id), 'Crate ' || n, 10 * n FROM unit_group, generate_series(1, 2) AS n GROUP BY n;
INSERT INTO account (account_id, name) VALUES (900, 'Contoso');
INSERT INTO lead (lead_id, last_name, company_name) VALUES (900, 'A', 'Aaa'), (901, 'B', 'Bbb');
INSERT INTO activity (activity_id, activity_type, subject, regarding_entity, regarding_id) VALUES (900, 'task', 'a', 'account', 900), (901, 'task', 'b', 'account', 900);
INSERT INTO quote (quote_id, name, account_id) VALUES (900, 'one', 900), (901, 'two', 900);
INSERT INTO quote_product (quote_product_id, quote_id, product_description, price_per_unit) VALUES (900, 900, 'x', 10), (901, 900, 'y', 20);

UPDATE unit SET base_quantity = sales_crm.convert_quantity(2, 51, (SELECT b.unit_id FROM unit AS b WHERE b.is_base_unit AND b.unit_group_id = unit.unit_group_id)) WHERE unit_id IN (51, 52);
SELECT results_eq('SELECT base_quantity FROM unit WHERE unit_id IN (51, 52)', 'VALUES (20::numeric), (20)', 'convert_quantity()');

UPDATE activity SET subject = (SELECT string_agg(t.subject, ' ' ORDER BY t.activity_id) FROM sales_crm.timeline('account', activity.regarding_id) AS t) WHERE activity_id IN (900, 901);
SELECT results_eq('SELECT subject FROM activity WHERE activity_id IN (900, 901)', $$VALUES ('a b'), ('a b')$$, 'timeline()');

UPDATE lead SET company_name = (SELECT p.name FROM sales_crm.preview_qualify_lead(lead_id => 900 + 0 * lead.lead_id) AS p WHERE p.entity = 'account') || '!' WHERE lead_id IN (900, 901);
SELECT results_eq('SELECT company_name FROM lead WHERE lead_id IN (900, 901)', $$VALUES ('Aaa!'), ('Aaa!')$$, 'preview_qualify_lead()');

UPDATE quote SET name = (SELECT c.a_value || c.b_value FROM sales_crm.compare_quotes(a => 900 + 0 * quote.quote_id, b => 901) AS c WHERE c.part = 'header' AND c.column_name = 'name') WHERE quote_id IN (900, 901);
SELECT results_eq('SELECT name FROM quote WHERE quote_id IN (900, 901)', $$VALUES ('onetwo'), ('onetwo')$$, 'compare_quotes()');

UPDATE quote_product SET price_per_unit = 2 * price_per_unit,
	product_description = (SELECT trim_scale(e.result)::text FROM sales_crm.explain_price(entity => 'quote_product', line_id => 900 + 0 * quote_product_id) AS e WHERE e.rule = 'price per unit') WHERE quote_id = 900;
SELECT results_eq('SELECT product_description FROM quote_product WHERE quote_id = 900', $$VALUES ('10'), ('10')$$, 'explain_price()');

UPDATE quote_product SET price_per_unit = 2 * price_per_unit,
	product_description = (SELECT string_agg(trim_scale(e.result)::text, ' ' ORDER BY e.step) FROM sales_crm.explain_total(entity => 'quote', id => 900 + 0 * quote_product_id) AS e WHERE e.rule LIKE 'line%') WHERE quote_id = 900;
SELECT is((SELECT count(DISTINCT product_description) FROM quote_product WHERE quote_id = 900), 1::bigint, 'explain_total()');

-- A fault that each row makes worse.
ALTER TABLE quote DISABLE TRIGGER USER;
UPDATE quote SET total_amount = 1 + (SELECT count(*) FROM (SELECT sales_crm.verify() AS found OFFSET 0) AS v WHERE (v.found).entity = 'quote' AND quote.quote_id > 0) WHERE quote_id IN (900, 901);
SELECT is((SELECT count(DISTINCT total_amount) FROM quote WHERE quote_id IN (900, 901)), 1::bigint, 'verify()');

-- What such a call calls is bound by nothing: a volatile function of a user's in a view writes, and what comes after the call does.
CREATE FUNCTION public.refuses() RETURNS bigint LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN sales_crm.convert_quantity(1, -1, -1); EXCEPTION WHEN no_data_found THEN RETURN 0; END $$;
SELECT is(public.refuses(), 0::bigint, 'a call that fails');
SELECT lives_ok($$INSERT INTO crm.account (name) VALUES ('after it')$$, 'and what comes after it writes');
SELECT * FROM finish();
ROLLBACK;
