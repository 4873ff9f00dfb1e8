-- What our trigger functions and statements take for a table of an organization: nothing temporary, no view, nobody else's table, and
-- no table whose columns lost their type or NOT NULL; and how, when and on which events a trigger function may fire.
BEGIN;
\ir ../lib/pgtap.sql
SELECT no_plan();

CREATE ROLE tap_maker;
CREATE ROLE tap_reader;
SELECT sales_crm.grant_access(role => 'tap_reader', level => 'read') \g /dev/null

-- Whoever may use the schema: every trigger function on a temporary table, at each time, level and event, with and without rows.
CREATE FUNCTION pg_temp.try_trigger(function_name text, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code text;
BEGIN
	EXECUTE format('CREATE TRIGGER tap_try %s EXECUTE FUNCTION sales_crm.%s', what, function_name);
	INSERT INTO tap_copy SELECT 1;
	UPDATE tap_copy SET lead_id = 2;
	DELETE FROM tap_copy;
	TRUNCATE tap_copy;
	EXECUTE 'DROP TRIGGER tap_try ON tap_copy';
	RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SET LOCAL ROLE tap_maker;
CREATE TEMPORARY TABLE tap_copy (lead_id bigint);
CREATE TEMPORARY TABLE tap_tried AS
SELECT f.name, t.what, pg_temp.try_trigger(f.name || '(' || a.arguments || ')', t.what) AS code
FROM (SELECT proname::text AS name FROM pg_proc WHERE pronamespace = 'sales_crm'::regnamespace AND prorettype = 'trigger'::regtype) AS f,
	unnest(ARRAY['', '''lead''', '''quote_product'', ''a'', ''b''']) AS a(arguments),
	unnest(ARRAY[
		'BEFORE INSERT OR UPDATE OR DELETE ON tap_copy FOR EACH ROW', 'AFTER INSERT OR UPDATE OR DELETE ON tap_copy FOR EACH ROW',
		'BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON tap_copy FOR EACH STATEMENT',
		'AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tap_copy FOR EACH STATEMENT',
		'AFTER INSERT ON tap_copy REFERENCING NEW TABLE AS n FOR EACH STATEMENT',
		'AFTER UPDATE ON tap_copy REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT',
		'AFTER DELETE ON tap_copy REFERENCING OLD TABLE AS o FOR EACH STATEMENT']) AS t(what);
SELECT cmp_ok((SELECT count(*)::integer FROM tap_tried), '>=', 28 * 21, 'all are tried');
SELECT is((SELECT array_agg(DISTINCT code ORDER BY code) FROM tap_tried), ARRAY['39P01', '42809'], 'and refused as triggers or for the table');
RESET ROLE;

-- Each table of an organization is believed as the DDL made it; the list that this follows is made of the DDL.
CREATE FUNCTION pg_temp.changed(change text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code text;
BEGIN
	EXECUTE change;
	BEGIN
		EXECUTE statement;
		code := 'nothing';
	EXCEPTION WHEN OTHERS THEN
		code := SQLSTATE;
	END;
	RAISE EXCEPTION '%', code USING ERRCODE = 'ZZ001';
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN
	RETURN SQLERRM;
END $$;
SELECT pg_temp.new_lead() AS lead_id \gset
SELECT is(pg_temp.changed('ALTER TABLE crm.lead ALTER last_name DROP NOT NULL', 'INSERT INTO crm.lead (last_name) VALUES (''A'')'), 'nothing', 'a column that may be NULL anyway');
SELECT is(pg_temp.changed(change, 'INSERT INTO crm.lead (last_name) VALUES (''A'')'), code, what)
FROM (VALUES
	('ALTER TABLE crm.lead ALTER state DROP NOT NULL', '42804', 'one that must not'),
	('ALTER TABLE crm.lead RENAME state TO condition', '42703', 'one that has another name'),
	('ALTER TABLE crm.lead OWNER TO tap_maker', '42809', 'a table of somebody else'),
	('INSERT INTO crm.lead (last_name) VALUES (''A''); ALTER SCHEMA crm OWNER TO tap_maker', '42809', 'a schema of somebody else'),
	('ALTER TABLE crm.lead ALTER fax TYPE varchar(200)', 'nothing', 'a text of limited length'),
	('ALTER TABLE crm.lead DROP COLUMN fax', 'nothing', 'a column dropped that may be NULL')) AS c(change, code, what);
SELECT is(pg_temp.changed(format('ALTER TABLE crm.%1$s RENAME TO %1$s_; CREATE %2$s', name, made), format('SELECT sales_crm.qualify_lead(lead_id => %s)', :lead_id)), '42809', what)
FROM (VALUES
	('opportunity', 'VIEW crm.opportunity AS SELECT * FROM crm.opportunity_', 'a view in place of a table'),
	('opportunity', 'MATERIALIZED VIEW crm.opportunity AS SELECT * FROM crm.opportunity_', 'a materialized view'),
	('organization_setting', 'VIEW crm.organization_setting AS SELECT * FROM crm.organization_setting_', 'settings that are a view')) AS c(name, made, what);
SELECT is(pg_temp.changed('ALTER TABLE crm.lead RENAME TO lead_; CREATE VIEW crm.lead AS SELECT * FROM crm.lead_', 'SELECT * FROM sales_crm.verify()'), '42809', 'verify() reads no view for a table');
SELECT is(pg_temp.changed('ALTER TABLE crm.schema_version RENAME TO v; CREATE VIEW crm.schema_version AS SELECT * FROM crm.v', 'SELECT * FROM sales_crm.migrate(organization => ''crm'')'), '42809', 'nor does migrate()');

-- A table of an older version may lack a column that came later: it is read.
SELECT is(pg_temp.changed(version || 'ALTER TABLE crm.unit DROP COLUMN row_version CASCADE',
	'SELECT sales_crm.convert_quantity(2, u.unit_id, u.unit_id) FROM crm.unit AS u LIMIT 1'), code, what)
FROM (VALUES
	('', '42703', 'a column that is lost'),
	('DELETE FROM crm.schema_version WHERE version > 1; ', 'nothing', 'a column that is not there yet'),
	('DELETE FROM crm.schema_version WHERE version > 1; ALTER TABLE crm.unit ALTER name DROP NOT NULL; ', '42804', 'what was there is as it was')) AS c(version, code, what);

-- A table that was looked at before its schema had what makes it an organization is looked at again: it has no shape before.
CREATE SCHEMA tap_later AUTHORIZATION tap_maker;
SET LOCAL ROLE tap_maker;
CREATE TABLE tap_later.unit (unit_id bigint, unit_group_id bigint, quantity numeric, base_unit_id bigint);
CREATE TRIGGER tap_try BEFORE DELETE ON tap_later.unit FOR EACH ROW EXECUTE FUNCTION sales_crm.release_process('unit');
INSERT INTO tap_later.unit (unit_id) VALUES (1), (2);
DELETE FROM tap_later.unit WHERE unit_id = 1;
RESET ROLE;
CREATE TABLE tap_later.schema_version (LIKE crm.schema_version INCLUDING ALL);
CREATE TABLE tap_later.organization_setting (LIKE crm.organization_setting INCLUDING ALL);
INSERT INTO tap_later.schema_version TABLE crm.schema_version;
ALTER TABLE tap_later.schema_version OWNER TO tap_maker;
ALTER TABLE tap_later.organization_setting OWNER TO tap_maker;
SELECT pg_temp.refused('DELETE FROM tap_later.unit', '42804', 'a table that came before its organization');

-- A trigger that hangs on another table of the organization than its own.
SELECT is(pg_temp.changed(format('CREATE TRIGGER tap_try AFTER UPDATE ON crm.account FOR EACH ROW EXECUTE FUNCTION sales_crm.%s', function_call),
	'INSERT INTO crm.account (name) VALUES (''T''); UPDATE crm.account SET name = ''U'' WHERE name = ''T'''), '39P01', function_call)
FROM unnest(ARRAY['follow_product()', 'record_exchange_rate()', 'cancel_with_series()', 'note_first_response()', 'check_alternative()', 'offer_terms()',
	'recount_invoice()', 'keep_amounts()', 'follow_price_list(''quote_product'')', 'check_born(''lead'', ''open'', ''new'')']) AS c(function_call);
SELECT is(pg_temp.changed('CREATE TRIGGER tap_try BEFORE UPDATE ON crm.account FOR EACH ROW EXECUTE FUNCTION sales_crm.guard(''lead'')',
	'INSERT INTO crm.account (name) VALUES (''T''); UPDATE crm.account SET name = ''U'' WHERE name = ''T'''), '39P01', 'the guard of another table');

-- A schema of temporary tables, and one that only has the names.
SET LOCAL ROLE tap_reader;
CREATE TEMPORARY TABLE schema_version (version integer);
CREATE TEMPORARY TABLE organization_setting (name text, value text);
CREATE TEMPORARY TABLE unit (unit_id bigint, unit_group_id bigint, quantity numeric, base_unit_id bigint);
CREATE TEMPORARY TABLE working_calendar (working_calendar_id bigint, name text, time_zone text);
CREATE TEMPORARY TABLE working_hours (working_calendar_id bigint, weekday integer, starts_at time, ends_at time);
SELECT set_config('sales_crm.organization', pg_my_temp_schema()::regnamespace::text, true) \g /dev/null
SELECT pg_temp.refused(call, '3F000', call)
FROM unnest(ARRAY['SELECT sales_crm.convert_quantity(1, 1, 2)', 'SELECT * FROM sales_crm.explain_total(''quote'', 1)', 'SELECT * FROM sales_crm.process_guidance(''lead'', 1)',
	'SELECT sales_crm.working_minutes_between(now(), now() + interval ''1 day'')']) AS c(call);

SELECT set_config('sales_crm.organization', 'crm', true) \g /dev/null

-- A table of somebody else's in the schema: planning a query on it runs code of his, which verify() does not.
RESET ROLE;
GRANT USAGE, CREATE ON SCHEMA crm TO tap_maker;
SET LOCAL ROLE tap_maker;
CREATE TABLE crm.tap_trap_log (who text);
GRANT SELECT, INSERT ON crm.tap_trap_log TO PUBLIC;
CREATE FUNCTION crm.tap_trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO crm.tap_trap_log VALUES (current_user); RETURN true; END $$;
CREATE FUNCTION crm.tap_planned() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN EXECUTE 'SELECT crm.tap_trap()'; RETURN true; END $$;
CREATE TABLE crm.tap_trap (tap_trap_id bigint PRIMARY KEY);
INSERT INTO crm.tap_trap VALUES (1);
CREATE TRIGGER t20_activities BEFORE DELETE ON crm.tap_trap FOR EACH ROW EXECUTE FUNCTION sales_crm.activity_go_with_record('tap_trap');
RESET ROLE;
INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'Trap', 'tap_trap', 1);
SET LOCAL ROLE tap_maker;
CREATE TABLE crm.tap_trap_part (CHECK (crm.tap_planned() IS NOT DISTINCT FROM false)) INHERITS (crm.tap_trap);
DELETE FROM crm.tap_trap_log;
RESET ROLE;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT is_empty('SELECT who FROM crm.tap_trap_log', 'and runs no code of somebody else as the organization''s owner');

SELECT * FROM finish();
ROLLBACK;
