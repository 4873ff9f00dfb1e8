-- Tables that only look like ours: triggers of sales_crm on copies without constraints, and calls that read such copies. Whoever may use
-- schema sales_crm can make them; he gets a refusal or nothing, and the server stays.
BEGIN;
\ir ../lib/pgtap.sql
SELECT plan(15);
CREATE ROLE tap_stranger;
CREATE ROLE tap_reader;
GRANT USAGE ON SCHEMA sales_crm, public TO tap_stranger;
SELECT sales_crm.grant_access(role => 'tap_reader', level => 'read') AS level \gset

-- How a statement ends: nothing when it is done, else its SQLSTATE and words.
CREATE FUNCTION pg_temp.ending(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TEMP TABLE told (statement text, ending text);
CREATE FUNCTION pg_temp.internal() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT DISTINCT left(ending || ': ' || statement, 300) FROM told WHERE ending LIKE 'XX%' ORDER BY 1 LIMIT 20
$$;

-- Every table as a temporary one, with the rows of the organization and one that is empty.
CREATE TEMP TABLE shape AS
SELECT c.oid AS relid, c.relname AS name, min(a.attname) FILTER (WHERE a.attnum = 1) AS key
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY c.oid, c.relname;
DO $$
DECLARE one record;
BEGIN
	FOR one IN SELECT * FROM shape ORDER BY name LOOP
		EXECUTE format('CREATE TEMP TABLE %1$I AS TABLE crm.%1$I', one.name);
		EXECUTE format('INSERT INTO pg_temp.%I DEFAULT VALUES', one.name);
		EXECUTE format('ALTER TABLE pg_temp.%I OWNER TO tap_stranger', one.name);
		EXECUTE format('GRANT ALL ON pg_temp.%I TO tap_reader', one.name);
	END LOOP;
	-- what a hostile one would say: a series without gaps, a weekday of 14, a type of activity that answers
	UPDATE pg_temp.number_series SET is_gapless = true, last_number = 7, width = 2147483647;
	UPDATE pg_temp.working_hours SET weekday = 14;
	INSERT INTO pg_temp.working_hours (working_calendar_id, weekday) SELECT working_calendar_id, -3000 FROM pg_temp.working_calendar;
	INSERT INTO pg_temp.organization_setting (name, value) VALUES ('first_response_activity_types', 'task');
	INSERT INTO pg_temp.activity (activity_id, regarding_entity, regarding_id, state) VALUES (1, 'lead', 1, 'completed');
	INSERT INTO pg_temp.automation_rule (automation_rule_id, is_active) VALUES (1, true);
	INSERT INTO pg_temp.invoice (invoice_id) VALUES (1);
	INSERT INTO pg_temp.quote_product (quote_product_id, quote_id, product_type) VALUES (1, 1, 'bundle'), (2, 1, 'required_bundle_member');
	INSERT INTO pg_temp.currency (currency_code) VALUES ('USD');
	INSERT INTO pg_temp.owner (owner_id) VALUES (1);
END $$;
CREATE TEMP TABLE known_id AS SELECT 1::bigint AS id;
GRANT ALL ON told, shape, known_id TO tap_stranger, tap_reader;

-- The triggers as the organization has them, each alone on its copy.
CREATE FUNCTION pg_temp.try_triggers() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one record;
	statement text;
BEGIN
	FOR one IN SELECT s.name, s.key, t.tgname, replace(pg_get_triggerdef(t.oid), format(' ON crm.%I', s.name), format(' ON pg_temp.%I', s.name)) AS definition
		FROM pg_trigger AS t JOIN shape AS s ON s.relid = t.tgrelid WHERE NOT t.tgisinternal ORDER BY 1, 3 LOOP
		INSERT INTO told VALUES (one.definition, pg_temp.ending(one.definition));
		FOREACH statement IN ARRAY ARRAY['UPDATE pg_temp.%1$I SET %2$I = %2$I', 'INSERT INTO pg_temp.%1$I DEFAULT VALUES', 'DELETE FROM pg_temp.%1$I'] LOOP
			statement := format(statement, one.name, one.key);
			INSERT INTO told VALUES (statement || ' -- ' || one.definition, pg_temp.ending(statement));
		END LOOP;
		EXECUTE format('DROP TRIGGER IF EXISTS %I ON pg_temp.%I', one.tgname, one.name);
	END LOOP;
END $$;

-- Every trigger function at each time, level and event, with and without transition tables, with arguments and without.
CREATE FUNCTION pg_temp.try_functions(tables text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one record;
	made text;
	statement text;
BEGIN
	FOR one IN SELECT f.proname, t.name, w.words, w.arguments, s.key
		FROM (SELECT proname FROM pg_proc WHERE pronamespace = 'sales_crm'::regnamespace AND prorettype = 'trigger'::regtype) AS f,
		     unnest(tables) AS t (name) JOIN shape AS s USING (name),
		     (VALUES ('BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW', '%L, ''active'', ''active'''),
		             ('AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW', '%L, ''active'', ''active'''),
		             ('AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW', ''),
		             ('BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT', '%L'),
		             ('AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT', '%L'),
		             ('AFTER INSERT ON %s REFERENCING NEW TABLE AS n FOR EACH STATEMENT', '%L'),
		             ('AFTER UPDATE ON %s REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT', '%L'),
		             ('AFTER UPDATE ON %s REFERENCING NEW TABLE AS n FOR EACH STATEMENT', '%L'),
		             ('AFTER DELETE ON %s REFERENCING OLD TABLE AS o FOR EACH STATEMENT', '%L'),
		             ('AFTER DELETE ON %s REFERENCING OLD TABLE AS o FOR EACH STATEMENT', '''nothing''')) AS w (words, arguments)
		ORDER BY 1, 2, 3, 4 LOOP
		made := format('CREATE TRIGGER z %s EXECUTE FUNCTION sales_crm.%I(%s)', format(one.words, format('pg_temp.%I', one.name)), one.proname, format(one.arguments, one.name));
		INSERT INTO told VALUES (made, pg_temp.ending(made));
		FOREACH statement IN ARRAY ARRAY['UPDATE pg_temp.%1$I SET %2$I = %2$I', 'INSERT INTO pg_temp.%1$I DEFAULT VALUES', 'DELETE FROM pg_temp.%1$I', 'TRUNCATE pg_temp.%1$I'] LOOP
			CONTINUE WHEN statement LIKE 'TRUNCATE%' AND made NOT LIKE '%TRUNCATE%';
			statement := format(statement, one.name, one.key);
			INSERT INTO told VALUES (statement || ' -- ' || made, pg_temp.ending(statement));
		END LOOP;
		EXECUTE format('DROP TRIGGER IF EXISTS z ON pg_temp.%I', one.name);
	END LOOP;
END $$;

-- Calls of a reader for whom the copies are the organization.
CREATE FUNCTION pg_temp.try_calls() RETURNS void LANGUAGE plpgsql AS $$
DECLARE one record;
BEGIN
	FOR one IN SELECT format('SELECT * FROM sales_crm.%I(%s)', p.proname, (SELECT string_agg(format('%L::%s', CASE WHEN a.type = 'text'::regtype THEN t.text
			WHEN a.type = 'bigint'::regtype THEN t.id WHEN a.type = 'bigint[]'::regtype THEN '{' || t.id || '}' WHEN a.type = 'numeric'::regtype THEN 'NaN'
			WHEN a.type IN ('date'::regtype, 'timestamptz'::regtype) THEN t.moment WHEN a.type = 'boolean'::regtype THEN 'true' WHEN a.type = 'jsonb'::regtype THEN '[]'
			WHEN a.type = 'interval'::regtype THEN '1 day' ELSE '1' END, a.type), ', ' ORDER BY a.place) FROM unnest(p.proargtypes::regtype[]) WITH ORDINALITY AS a (type, place))) AS statement
		FROM pg_proc AS p, (VALUES ('lead', '1', '2026-03-02'), ('quote', '1', '2026-03-02'), ('quote_product', '1', 'infinity'), (NULL, '0', '4713-01-01 BC'), ('', NULL, NULL)) AS t (text, id, moment)
		WHERE p.pronamespace = 'sales_crm'::regnamespace AND p.prorettype <> 'trigger'::regtype AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY p.proname, t.id LOOP
		INSERT INTO told VALUES (one.statement, pg_temp.ending(one.statement));
	END LOOP;
END $$;

SAVEPOINT before;
SET LOCAL ROLE tap_stranger;
SELECT pg_temp.try_triggers() \gset
SELECT is(array(SELECT pg_temp.internal()), '{}', 'triggers as they are on ours: no internal error on copies');
SELECT ok(count(*) > 500, 'and there were many') FROM told;
ROLLBACK TO before;

SET LOCAL ROLE tap_stranger;
SELECT pg_temp.try_functions('{invoice,quote_product,activity,owner,automation_rule}') \gset
SELECT is(array(SELECT pg_temp.internal()), '{}', 'trigger functions at any time, level and event: no internal error');
SELECT ok(count(*) > 3000, 'and there were many') FROM told;
ROLLBACK TO before;

SET LOCAL ROLE tap_reader;
SELECT set_config('sales_crm.organization', pg_my_temp_schema()::regnamespace::text, true) \gset
SELECT pg_temp.try_calls() \gset
SELECT is(array(SELECT pg_temp.internal()), '{}', 'calls over copies with empty rows: no internal error');
ROLLBACK TO before;
DO $$ DECLARE one text; BEGIN FOR one IN SELECT name FROM shape WHERE name NOT IN ('schema_version', 'organization_setting') LOOP EXECUTE format('DELETE FROM pg_temp.%I', one); END LOOP; END $$;
SET LOCAL ROLE tap_reader;
SELECT set_config('sales_crm.organization', pg_my_temp_schema()::regnamespace::text, true) \gset
SELECT pg_temp.try_calls() \gset
SELECT is(array(SELECT pg_temp.internal()), '{}', 'calls over empty copies: no internal error');
SELECT matches(pg_temp.ending('SELECT sales_crm.convert_quantity(1, 1, 2)'), '^(P0002|42|3F000)', 'convert_quantity() finds no unit');
ROLLBACK TO before;
SET LOCAL ROLE tap_reader;
SELECT set_config('sales_crm.organization', pg_my_temp_schema()::regnamespace::text, true) \gset
SELECT isnt(left(pg_temp.ending(statement), 2), 'XX', statement) FROM unnest(ARRAY[
	'SELECT * FROM sales_crm.explain_total(''quote'', 1)', 'SELECT * FROM sales_crm.explain_price(''quote'', 1)', 'SELECT * FROM sales_crm.process_guidance(''lead'', 1)',
	'SELECT sales_crm.working_minutes_between(''2026-03-02'', ''2026-03-09'')', 'SELECT sales_crm.add_working_time(''2026-03-02'', 60)']) AS statement;
ROLLBACK TO before;

-- A column that is gone cannot be named in a refusal, which is one all the same.
ALTER TABLE pg_temp.quote DROP COLUMN account_id, DROP COLUMN contact_id;
SET LOCAL ROLE tap_stranger;
CREATE TRIGGER z BEFORE INSERT ON pg_temp.quote FOR EACH ROW EXECUTE FUNCTION sales_crm.guard('quote');
SELECT isnt(left(pg_temp.ending('INSERT INTO pg_temp.quote (quote_id) VALUES (9)'), 2), 'XX', 'a quote without the columns of its customer');
ROLLBACK TO before;

-- What is no document is said in words.
UPDATE pg_temp.number_series SET is_gapless = true;
SET LOCAL ROLE tap_stranger;
CREATE TRIGGER z AFTER DELETE ON pg_temp.quote REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.void_numbers('account');
SELECT matches(pg_temp.ending('DELETE FROM pg_temp.quote'), '^(39P01|42)', 'void_numbers() on what is no document');
RESET ROLE;
SELECT pg_temp.refused('DELETE FROM pg_temp.quote', split_part(pg_temp.ending('DELETE FROM pg_temp.quote'), ' ', 1), 'with DETAIL and HINT');
ROLLBACK TO before;
ROLLBACK;
