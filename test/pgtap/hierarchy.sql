-- Records above one another: no circle comes about, alone, in a chain or within one statement; what is there already is told of, and ends.
\ir ../lib/pgtap.sql
BEGIN;
SET LOCAL search_path = crm, public, pg_temp;
SELECT plan(34);

CREATE TEMP TABLE kind (entity text, parent text, columns text);
INSERT INTO kind VALUES
	('account', 'parent_account_id', 'name'), ('contact', 'parent_contact_id', 'last_name'),
	('territory', 'parent_territory_id', 'name'), ('business_unit', 'parent_business_unit_id', 'name'),
	('crm_user', 'manager_crm_user_id', 'name');
-- A statement about three records of a table, 9001 to 9003: <entity> the table, <key> its key, <parent> the column of the record above.
CREATE FUNCTION pg_temp.of(entity text, statement text) RETURNS text LANGUAGE sql AS $$
	SELECT replace(replace(replace(replace(statement, '<entity>', k.entity), '<key>', k.entity || '_id'), '<parent>', k.parent), '<name>', k.columns) FROM kind AS k WHERE k.entity = of.entity
$$;
DO $$ DECLARE k record; BEGIN
	FOR k IN SELECT * FROM kind LOOP
		EXECUTE format('INSERT INTO %I (%I, %I) VALUES (9001, %L), (9002, %L), (9003, %L)', k.entity, k.entity || '_id', k.columns, k.entity || ' 1', k.entity || ' 2', k.entity || ' 3');
	END LOOP;
END $$;
SELECT lives_ok(pg_temp.of(entity, 'UPDATE <entity> SET <parent> = <key> - 1 WHERE <key> IN (9002, 9003)'), entity || ': a chain of three') FROM kind;
SELECT pg_temp.refused(pg_temp.of(entity, 'UPDATE <entity> SET <parent> = 9003 WHERE <key> = 9001'), 'SC017', entity || ': not its first below its last') FROM kind;
SELECT pg_temp.refused(pg_temp.of(entity, 'UPDATE <entity> SET <parent> = <key> WHERE <key> = 9001'), 'SC017', entity || ': nor below itself') FROM kind;
SELECT lives_ok(pg_temp.of(entity, 'UPDATE <entity> SET <parent> = NULL WHERE <key> IN (9001, 9002, 9003)'), entity || ': apart again') FROM kind;
SELECT pg_temp.refused(pg_temp.of(entity, 'UPDATE <entity> SET <parent> = 18003 - <key> WHERE <key> IN (9001, 9002)'), 'SC017', entity || ': no two below one another by one statement') FROM kind;
SELECT pg_temp.refused(pg_temp.of(entity, 'INSERT INTO <entity> (<key>, <name>, <parent>) VALUES (9004, ''four'', 9005), (9005, ''five'', 9004)'), 'SC017', entity || ': nor when they are made') FROM kind;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'no invariant is broken');

-- Circles from before, with a record that hangs on one.
SET LOCAL session_replication_role = replica;
DO $$ DECLARE k record; BEGIN
	FOR k IN SELECT * FROM kind LOOP
		EXECUTE pg_temp.of(k.entity, 'UPDATE <entity> SET <parent> = CASE <key> WHEN 9001 THEN 9002 ELSE 9001 END WHERE <key> IN (9001, 9002, 9003)');
	END LOOP;
END $$;
SET LOCAL session_replication_role = origin;
SELECT results_eq('SELECT entity, record_id FROM sales_crm.verify() WHERE check_name = ''hierarchy_circle'' ORDER BY 1, 2',
	'SELECT entity, id::bigint FROM kind, unnest(ARRAY[9001, 9002]) AS id ORDER BY 1, 2', 'verify() tells of each record in a circle, not of those below');
SELECT lives_ok('UPDATE account SET parent_account_id = NULL WHERE account_id = 9001', 'a circle is opened by a record of it');
SELECT lives_ok('UPDATE account SET parent_account_id = 9002 WHERE account_id = 9003', 'and then grows as any other');
SELECT * FROM finish();
ROLLBACK;
