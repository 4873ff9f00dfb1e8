-- Whose rights a rule runs with, and rules and writers that mean harm: each is stopped, and nothing of it stays.
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/automation.sql
SELECT plan(63);

CREATE ROLE tap_boss;
CREATE ROLE tap_other;
CREATE ROLE tap_seller;
CREATE ROLE tap_robot;
GRANT tap_robot TO tap_boss;
SELECT sales_crm.grant_access(role => r, level => l) FROM (VALUES ('tap_boss', 'admin'), ('tap_other', 'admin'), ('tap_seller', 'sell')) AS v (r, l) \g /dev/null
GRANT CREATE ON SCHEMA crm TO tap_boss;
CREATE SCHEMA tap_evil AUTHORIZATION tap_seller;
GRANT USAGE ON SCHEMA tap_evil TO PUBLIC;
WITH made AS (INSERT INTO crm.owner (owner_type, name) VALUES ('user', 'Boss') RETURNING owner_id) INSERT INTO crm.crm_user (owner_id, name, role_name) SELECT owner_id, 'Boss', 'tap_boss' FROM made;
\ir ../lib/automation_log.sql
GRANT INSERT, SELECT ON crm.tap_log TO tap_boss;
-- A rule that the boss writes; what a seller's (or another's) statement comes to.
CREATE FUNCTION pg_temp.boss_rule(rule text, condition text, actions jsonb[] DEFAULT '{}', role_of_rule text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	PERFORM set_config('role', 'tap_boss', true);
	made := pg_temp.rule(rule, 'lead', 'created', condition, actions);
	IF role_of_rule IS NOT NULL THEN UPDATE crm.automation_rule SET rule_owner = role_of_rule WHERE automation_rule_id = made; END IF;
	PERFORM set_config('role', 'none', true);
	RETURN made;
END $$;
GRANT EXECUTE ON FUNCTION pg_temp.rule TO PUBLIC;
CREATE FUNCTION pg_temp.new_lead_of(as_role text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.outcome('INSERT INTO crm.lead (company_name) VALUES (''Victim'') RETURNING ''stored''', as_role) $$;

-- Who may write a rule, and for whom.
SELECT is(pg_temp.refusal($$INSERT INTO crm.automation_rule (name, entity, event) VALUES ('r', 'lead', 'created')$$, 'tap_seller'), '42501', 'a seller writes no rules');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event, rule_owner) VALUES ('r', 'lead', 'created', 'postgres')$$, '42501', 'nor does an administrator for a role he is no member of', 'tap_boss');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event, rule_owner, is_active) VALUES ('r', 'lead', 'created', 'postgres', false)$$, '42501', 'a draft neither', 'tap_boss');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event, rule_owner) VALUES ('r', 'lead', 'created', 'tap_nobody')$$, '42704', 'a role that is not there', 'tap_boss');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event, rule_owner) VALUES ('r', 'lead', 'created', 'tap_robot')$$, '42501', 'a role that may not read the table', 'tap_boss');
SELECT pg_temp.boss_rule('boss', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "current_user"}}}']::jsonb[]) \gset
SELECT is(rule_owner, 'tap_boss', 'the default owner is the author') FROM crm.automation_rule;
SELECT pg_temp.refused($$INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'notify', '{"channel": "x"}' FROM crm.automation_rule$$, '42501', 'another administrator adds no action to it', 'tap_other');
SELECT pg_temp.refused($$UPDATE crm.automation_action SET parameters = '{"entity": "tap_log", "values": {"what": "1"}}'$$, '42501', 'nor changes one', 'tap_other');
SELECT pg_temp.refused($$UPDATE crm.automation_rule SET condition = 'false'$$, '42501', 'nor its condition', 'tap_other');
SELECT is(pg_temp.refusal($$INSERT INTO crm.automation_run (automation_rule_id, entity, record_id, event, event_key, started_at, ended_at, outcome) VALUES (1, 'lead', 1, 'created', 'x', now(), now(), 'done')$$, 'tap_boss'), '42501', 'nobody writes the log');
SELECT pg_temp.refused($$INSERT INTO crm.automation_action (automation_rule_id, action, parameters) VALUES (990000, 'notify', '{"channel": "x"}')$$, '23503', 'an action needs a rule', 'tap_other');
CREATE FUNCTION pg_temp.meanwhile() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	INSERT INTO crm.automation_rule (automation_rule_id, name, entity, event) VALUES (990000, 'of a superuser', 'lead', 'created');
	RETURN false;
END $$;
SELECT pg_temp.refused($$INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT 990000, 'notify', '{"channel": "x"}' FROM generate_series(1, 2) AS n WHERE n = 1 OR pg_temp.meanwhile()$$,
	'23503', 'nor does one come before its rule, which somebody else makes until the statement ends', 'tap_other');

-- EXECUTE on a call holds in the whole database: who has it elsewhere is not shown here what the owner of a rule reads.
GRANT EXECUTE ON FUNCTION sales_crm.explain_rule, sales_crm.dry_run TO tap_seller;
INSERT INTO crm.lead (company_name) VALUES ('Explained') RETURNING lead_id AS explained \gset
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.%s(%L, ''lead'', %s)', c, 'boss', :explained), '42501', c || '() asks for level admin', 'tap_seller') FROM unnest('{explain_rule,dry_run}'::text[]) AS c;
SELECT is(pg_temp.refusal(format('SELECT * FROM sales_crm.explain_rule(%L, ''lead'', %s)', 'boss', :explained), 'tap_other'), NULL, 'which an administrator has');
DELETE FROM crm.lead WHERE lead_id = :explained;
DELETE FROM crm.tap_log;

-- A role that is dropped leaves rules that can be switched off.
CREATE ROLE tap_leaver;
SELECT sales_crm.grant_access(role => 'tap_leaver', level => 'read') \g /dev/null
INSERT INTO crm.automation_rule (name, entity, event, rule_owner) VALUES ('left', 'lead', 'created', 'tap_leaver');
DROP OWNED BY tap_leaver;
DROP ROLE tap_leaver;
SELECT is(pg_temp.new_lead_of('tap_seller'), 'SC012', 'a rule whose owner is gone refuses the change');
SELECT is(pg_temp.outcome($$UPDATE crm.automation_rule SET is_active = false WHERE name = 'left' RETURNING 'off'$$, 'tap_boss'), 'off', 'and can be switched off');
SELECT pg_temp.refused($$UPDATE crm.automation_rule SET is_active = true WHERE name = 'left'$$, '42704', 'but not on again', 'tap_boss');
SELECT pg_temp.refused($$INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'notify', '{"channel": "x"}' FROM crm.automation_rule WHERE name = 'left'$$, '42704', 'nor may it get actions', 'tap_boss');
DELETE FROM crm.automation_rule WHERE name = 'left';

-- A rule has the rights of its owner, whoever sets it off.
SELECT is(pg_temp.new_lead_of('tap_seller'), 'stored', 'a seller sets it off, who may not write the table');
SELECT is(pg_temp.new_lead_of('postgres'), 'stored', 'a superuser');
SELECT is(pg_temp.logged(), 'tap_boss, tap_boss', 'both times it was the boss who wrote');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.boss_rule('files', 'pg_read_file(''postgresql.conf'') IS NOT NULL') \gset
SELECT is(pg_temp.new_lead_of('postgres'), 'SC012', 'a superuser lends it no rights');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.boss_rule('settings', NULL, ARRAY['{"create_record": {"entity": "access_rule", "values": {"access_level": "''read''", "object_kind": "''table''", "object_name": "''x''"}}}']::jsonb[]) \gset
SELECT is(pg_temp.new_lead_of('postgres'), 'SC012', 'nor to write what its owner may not');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.boss_rule('stamps', NULL, ARRAY['{"create_record": {"entity": "account", "values": {"name": "''By rule''"}}}']::jsonb[]) \gset
SET LOCAL sales_crm.user_id = '1';
SELECT is(pg_temp.new_lead_of('postgres'), 'stored', 'a pooled session that acts for somebody');
RESET sales_crm.user_id;
SELECT is(o.name, 'Boss', 'what a rule makes is made by its owner''s user') FROM crm.account AS a JOIN crm.owner AS o ON o.owner_id = a.created_by WHERE a.name = 'By rule';
SELECT pg_temp.no_rules() \gset

-- search_path: functions and tables of the writer's own, in front of ours.
CREATE FUNCTION tap_evil.lower(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'evil lower'; END $$;
CREATE FUNCTION tap_evil.equals(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'evil ='; END $$;
CREATE OPERATOR tap_evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = tap_evil.equals);
CREATE TABLE tap_evil.account (name text);
GRANT SELECT ON tap_evil.account TO PUBLIC;
CREATE TEMP TABLE tap_log (what text);
GRANT ALL ON pg_temp.tap_log TO PUBLIC;
CREATE FUNCTION crm.tap_note(words text) RETURNS void LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE FUNCTION crm.tap_note(words text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO tap_log (what) VALUES (words || ' ' || (SELECT count(*) FROM account WHERE name = 'By rule')); END $$;
GRANT EXECUTE ON FUNCTION crm.tap_note TO PUBLIC;
SELECT pg_temp.boss_rule('path', 'lower(new.company_name) = ''victim'' AND EXISTS (SELECT FROM account WHERE name = ''By rule'')',
	ARRAY['{"call_function": {"function": "tap_note", "arguments": {"words": "lower(new.company_name)"}}}']::jsonb[]) \gset
SET LOCAL search_path = tap_evil, pg_temp, pg_catalog, public;
SELECT pg_temp.new_lead_of('tap_seller') AS came_to \gset
SET LOCAL search_path = public, pg_catalog;
SELECT is(:'came_to'::text, 'stored', 'a seller with a search_path of his own');
SELECT is(pg_temp.logged(), 'victim 1', 'names are found where the rule''s are');
SELECT is(count(*), 0::bigint, 'not in pg_temp') FROM pg_temp.tap_log;
SELECT pg_temp.no_rules() \gset
CREATE FUNCTION pg_temp.yes() RETURNS boolean LANGUAGE sql AS 'SELECT true';
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'pg_temp.yes()')$$, '22023', 'no function of pg_temp');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'EXISTS (SELECT FROM pg_temp.tap_log)')$$, '22023', 'no table of pg_temp');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'tap_evil.lower(new.company_name) IS NULL')$$, '22023', 'no function of another schema');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'new.company_name OPERATOR(tap_evil.=) ''x''')$$, '22023', 'no operator of another schema');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', '(SELECT count(*) FROM (SELECT tap_evil.lower(a.name) FROM account AS a) AS x) > 0')$$, '22023', 'also deep in a sub-select');

-- Settings: what a rule sets is taken back, and role and import mode it cannot set.
SELECT pg_temp.boss_rule('sets path', 'set_config(''search_path'', ''tap_evil'', false) IS NOT NULL',
	ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "set_config(''work_mem'', ''64kB'', false)"}}}']::jsonb[]) \gset
SELECT is(pg_temp.new_lead_of('tap_seller'), 'stored', 'a rule that sets search_path');
SELECT is(current_setting('search_path') || current_setting('work_mem') || pg_temp.logged(), 'public, pg_catalog4MB64kB', 'its settings end with it');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.boss_rule('sets role', 'set_config(''role'', ''postgres'', false) IS NOT NULL') \gset
SELECT is(pg_temp.new_lead_of('postgres'), 'SC012', 'a rule that changes roles');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.boss_rule('sets session', 'set_config(''session_authorization'', ''postgres'', false) IS NOT NULL') \gset
SELECT is(pg_temp.new_lead_of('postgres'), 'SC012', 'or the session''s user');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.boss_rule('imports', 'set_config(''sales_crm.import_mode'', ''on'', false) IS NOT NULL') \gset
SELECT is(pg_temp.new_lead_of('tap_seller'), 'SC012', 'or import mode');
SELECT is(current_user || current_setting('sales_crm.import_mode'), 'postgresoff', 'nothing of it stays');
SELECT pg_temp.no_rules() \gset

-- A trigger put off to the commit would run as whoever commits; a temporary table would stay behind.
SET LOCAL ROLE tap_boss;
CREATE TABLE crm.tap_trap (x integer);
CREATE FUNCTION crm.tap_spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'I am %', current_user; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER spring AFTER INSERT ON crm.tap_trap DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION crm.tap_spring();
CREATE FUNCTION crm.tap_litter() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE litter (x integer); END $$;
RESET ROLE;
SELECT pg_temp.boss_rule('trap', NULL, ARRAY['{"create_record": {"entity": "tap_trap", "values": {"x": 1}}}']::jsonb[]) \gset
SELECT is(pg_temp.new_lead_of('postgres'), 'SC012', 'a deferred trigger');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.boss_rule('litter', NULL, ARRAY['{"call_function": {"function": "tap_litter"}}']::jsonb[]) \gset
SELECT is(pg_temp.new_lead_of('postgres'), 'SC012', 'a temporary table');
SELECT pg_temp.no_rules() \gset

-- Texts that try to be more than one expression.
SELECT pg_temp.refused(format('SELECT pg_temp.rule(''r'', ''lead'', ''created'', %L)', condition), code, what) FROM (VALUES
	('true; DELETE FROM crm.lead', '42601', 'two statements'),
	('true); DELETE FROM crm.lead; --', '42601', 'a parenthesis too many'),
	('true FROM crm.lead', '42601', 'FROM'),
	('true WHERE true', '42601', 'WHERE'),
	('true LIMIT 1', '42601', 'LIMIT'),
	('true AS x', '42601', 'a name'),
	('true, true', '42601', 'two values'),
	('DISTINCT true', '42601', 'DISTINCT'),
	('true UNION SELECT true', '42601', 'UNION'),
	('true /* and', '42601', 'a comment without end'),
	('(WITH x AS (DELETE FROM crm.lead RETURNING 1) SELECT count(*) FROM x) > 0', '0A000', 'a DELETE inside'),
	('$1', '42P02', 'a parameter')) AS v (condition, code, what);
SELECT lives_ok($$SELECT pg_temp.rule('comment', 'lead', 'created', E'(SELECT true -- so\n) -- and so')$$, 'a comment is none of that');
SELECT is(pg_temp.new_lead_of('postgres'), 'stored', 'nor when it is run');
SELECT pg_temp.no_rules() \gset
-- The backslash: what was read at first is what is run, whatever the session's settings.
SELECT pg_temp.rule('slash', 'lead', 'created', $$new.company_name = '\' OR EXISTS (SELECT FROM tap_log WHERE what = ' OR true --')$$) \gset
SET LOCAL standard_conforming_strings = off;
SELECT is(pg_temp.new_lead_of('postgres'), 'stored', 'a session that reads backslashes otherwise');
SET LOCAL standard_conforming_strings = on;
SELECT is(pg_temp.runs('slash'), 0::bigint, 'it means the same there');
SELECT pg_temp.no_rules() \gset
ALTER TABLE crm.lead ADD COLUMN "a""b'; DROP TABLE x --" text;
SELECT pg_temp.rule($$'); DROP TABLE crm.lead; --$$, 'lead', 'created', NULL, ARRAY[
	jsonb_build_object('set_columns', jsonb_build_object('set', jsonb_build_object($$a"b'; DROP TABLE x --$$, quote_literal($$'); DROP$$)))),
	'{"create_activity": {"activity_type": "ta''sk", "subject": "''x''"}}']::jsonb[]) \gset
SELECT is(pg_temp.new_lead_of('postgres'), 'SC012', 'quotes in names and values: no such kind of activity, that is all');
DELETE FROM crm.automation_action WHERE action = 'create_activity';
SELECT is(pg_temp.new_lead_of('postgres'), 'stored', 'and without it');
SELECT is("a""b'; DROP TABLE x --", $$'); DROP$$, 'the value is what was written') FROM crm.lead ORDER BY lead_id DESC LIMIT 1;
SELECT pg_temp.no_rules() \gset

-- The owner of the table can write any row there, past the guard; that gives him nobody's rights.
SELECT pg_temp.rule('as postgres', 'lead', 'created', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "current_user"}}}']::jsonb[]) \gset
SELECT pg_temp.give_organization('tap_other') \g /dev/null
SELECT is(pg_temp.new_lead_of('tap_seller'), 'SC012', 'a rule of a role that the table''s owner is no member of does not run');
SELECT is(pg_temp.logged(), '', 'and nothing was written');

SELECT * FROM finish();
ROLLBACK;
