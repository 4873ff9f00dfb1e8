-- Automation rules: what is checked when one is saved, which events fire it, what its actions do, in which order, how often, how deep.
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/automation.sql
SELECT plan(98);

-- Saving: the rule.
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'leed', 'created', NULL)$$, '22023', 'an unknown entity');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'currency', 'created', NULL)$$, '22023', 'an entity without a number for a key');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'automation_rule', 'created', NULL)$$, '22023', 'rules watch no rules');
SELECT throws_ok($$SELECT pg_temp.rule('r', 'lead', 'borne', NULL)$$, '23514', NULL, 'an unknown event');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'updated', NULL, watched => 'rating, colour')$$, '42703', 'an unknown watched column');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'updated', NULL, watched => 'rating,,')$$, '22023', 'a list that is none');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', NULL, watched => 'rating')$$, '22023', 'watched columns of an insert');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'product', 'assigned', NULL)$$, '42703', 'assigned of what nobody owns');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'new.colour = 1')$$, '42703', 'an unknown column');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'rating = 1')$$, '42703', 'a column of neither new nor old');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'new.rating')$$, '42804', 'a condition that is a text');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'new.rating = ')$$, '42601', 'a condition that does not end');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', '')$$, '42601', 'an empty condition');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'old.rating = new.rating')$$, '42P01', 'a new row has no old one');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'deleted', 'new.rating = ''hot''')$$, '42P01', 'a deleted row has no new one');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'no_such_function(new.rating)')$$, '42883', 'an unknown function');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'count(*) > 1')$$, '0A000', 'an aggregate');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', 'generate_series(1, 2) > 1')$$, '0A000', 'a set');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event, process_name) VALUES ('r', 'lead', 'created', 'p')$$, '22023', 'a process of an insert');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event, stage_name) VALUES ('r', 'lead', 'process_started', 's')$$, '22023', 'a stage of a process');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event) VALUES ('r', 'lead', 'date_reached')$$, '22023', 'a date without a column');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event, date_column) VALUES ('r', 'lead', 'date_reached', 'rating')$$, '22023', 'a date that is a text');
SELECT pg_temp.refused($$INSERT INTO crm.automation_rule (name, entity, event, date_column) VALUES ('r', 'lead', 'created', 'created_at')$$, '22023', 'a date of an insert');
SELECT is((pg_temp.words($$SELECT pg_temp.rule('My rule', 'lead', 'created', 'new.colour = 1')$$)) LIKE '"new" has no column "colour" | Rule "My rule", its condition: new.colour = 1. | %', true, 'the error names rule, place and text');
INSERT INTO crm.automation_rule (name, entity, event, condition, is_active) VALUES ('draft', 'lead', 'created', 'new.colour = 1', false);
SELECT pg_temp.refused($$UPDATE crm.automation_rule SET is_active = true WHERE name = 'draft'$$, '42703', 'a draft is checked when it becomes active');
INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'notify', '{}' FROM crm.automation_rule WHERE name = 'draft';
UPDATE crm.automation_rule SET condition = NULL WHERE name = 'draft';
SELECT pg_temp.refused($$UPDATE crm.automation_rule SET is_active = true WHERE name = 'draft'$$, '22023', 'and so are its actions');
SELECT is(pg_temp.triggers(), '', 'no trigger for a draft');
SELECT pg_temp.no_rules() \gset

-- Saving: the actions.
CREATE FUNCTION pg_temp.bad(action text, parameters text, event text DEFAULT 'created', timing text DEFAULT 'in_transaction') RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT pg_temp.rule(''r'', ''lead'', %L, NULL, ARRAY[jsonb_build_object(%L, %L::jsonb)], timing => %L)', event, action, parameters, timing)
$$;
SELECT pg_temp.refused(pg_temp.bad('set_columns', '{"sett": {}}'), '22023', 'an unknown parameter');
SELECT pg_temp.refused(pg_temp.bad('set_columns', '[]'), '22023', 'parameters that are no object');
SELECT pg_temp.refused(pg_temp.bad('set_columns', '{}'), '22023', 'nothing to set');
SELECT pg_temp.refused(pg_temp.bad('set_columns', '{"set": {"colour": "1"}}'), '42703', 'an unknown column to set');
SELECT pg_temp.refused(pg_temp.bad('set_columns', '{"set": {"lead_id": "1"}}'), '22023', 'the key');
SELECT pg_temp.refused(pg_temp.bad('set_columns', '{"set": {"employee_count": "now()"}}'), '42804', 'a value of another type');
SELECT pg_temp.refused(pg_temp.bad('set_columns', '{"set": {"rating": ["hot"]}}'), '22023', 'a value that is no expression');
SELECT pg_temp.refused(pg_temp.bad('set_columns', '{"set": {"rating": "''hot''"}}', 'deleted'), '22023', 'columns of what is gone');
SELECT pg_temp.refused(pg_temp.bad('create_record', '{"entity": "no_table", "values": {"name": "1"}}'), '42P01', 'an unknown table');
SELECT pg_temp.refused(pg_temp.bad('create_record', '{"values": {"name": "1"}}'), '22023', 'no table');
SELECT pg_temp.refused(pg_temp.bad('create_activity', '{"subject": "''x''"}'), '22023', 'an activity of no type');
SELECT pg_temp.refused(pg_temp.bad('create_activity', '{"activity_type": "task", "subject": "''x''", "due_in": "soon"}'), '22007', 'no interval');
SELECT pg_temp.refused(pg_temp.bad('assign', '{}'), '22023', 'no owner');
SELECT pg_temp.refused(pg_temp.bad('call_function', '{"function": "no_function"}'), '42883', 'a function that is not there');
SELECT pg_temp.refused(pg_temp.bad('call_function', '{"function": "qualify_lead", "arguments": {"lead": "new.lead_id"}}'), '42883', 'an argument it has not');
SELECT pg_temp.refused(pg_temp.bad('call_function', '{"function": "qualify_lead"}'), '42883', 'an argument that is missing');
SELECT pg_temp.refused(pg_temp.bad('call_function', '{"function": "pg_catalog.pg_terminate_backend", "arguments": {"pid": 1}}'), '22023', 'a function of another schema');
SELECT pg_temp.refused(pg_temp.bad('refuse', '{"message": "''no''"}', 'created', 'queued'), '22023', 'what is committed cannot be refused');
SELECT pg_temp.refused(pg_temp.bad('notify', '{"channel": ""}'), '22023', 'no channel');
SELECT is(count(*), 0::bigint, 'nothing of all this is left') FROM crm.automation_rule;

-- Firing. Triggers come and go.
\ir ../lib/automation_log.sql
ALTER TABLE crm.tap_log ADD id bigint;
SELECT pg_temp.rule('made', 'lead', 'created', $$new.rating = 'hot'$$, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''made '' || new.company_name", "id": "new.lead_id"}}}']::jsonb[]) \gset
SELECT pg_temp.rule('touched', 'lead', 'updated', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''touched '' || coalesce(old.rating, ''none'') || '' '' || new.rating"}}}']::jsonb[], 'rating, budget_amount') \gset
SELECT pg_temp.rule('moved', 'lead', 'state_changed', $$new.state <> old.state$$, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''moved '' || old.state || '' '' || new.state"}}}']::jsonb[]) \gset
SELECT pg_temp.rule('given', 'lead', 'assigned', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''given''"}}}']::jsonb[]) \gset
SELECT pg_temp.rule('gone', 'lead', 'deleted', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''gone '' || old.company_name"}}}']::jsonb[]) \gset
SELECT is(pg_temp.triggers(), 'lead delete, lead insert, lead update', 'the triggers that these rules need');
INSERT INTO crm.lead (company_name, rating) VALUES ('A', 'hot'), ('B', 'cold'), ('C', 'hot');
SELECT is(pg_temp.logged(), 'made A, made C', 'created: the rows for which the condition holds');
UPDATE crm.lead SET subject = 'x';
SELECT is(pg_temp.logged(), '', 'updated of other columns: nothing');
UPDATE crm.lead SET rating = 'cold';
SELECT is(pg_temp.logged(), 'touched hot cold, touched hot cold', 'updated: the rows whose column changed');
UPDATE crm.lead SET budget_amount = 10 WHERE company_name = 'A';
SELECT is(pg_temp.logged(), 'touched cold cold', 'the other watched column');
UPDATE crm.lead SET budget_amount = 10.00 WHERE company_name = 'A';
SELECT is(pg_temp.logged(), '', '10.00 is 10');
UPDATE crm.lead SET status_reason = 'contacted' WHERE company_name = 'A';
SELECT is(pg_temp.logged(), '', 'the reason changed, but the condition asks for the state');
SELECT sales_crm.disqualify_lead(lead_id => lead_id) FROM crm.lead WHERE company_name = 'A' \gset
SELECT is(pg_temp.logged(), 'moved open disqualified', 'state_changed by a call');
WITH made AS (INSERT INTO crm.owner (owner_type, name) VALUES ('team', 'Tap') RETURNING owner_id) INSERT INTO crm.team (owner_id, name) SELECT owner_id, 'Tap' FROM made;
UPDATE crm.lead SET owner_id = (SELECT owner_id FROM crm.owner WHERE name = 'Tap') WHERE company_name = 'B';
SELECT is(pg_temp.logged(), 'given', 'assigned');
DELETE FROM crm.lead WHERE company_name = 'B';
SELECT is(pg_temp.logged(), 'gone B', 'deleted');
SELECT is(pg_temp.runs('made') || ' ' || pg_temp.runs('touched') || ' ' || pg_temp.runs('moved') || ' ' || pg_temp.runs('given') || ' ' || pg_temp.runs('gone'), '2 3 1 1 1', 'the log has a row for each rule and record');
SELECT is(string_agg(event_key, ' ' ORDER BY automation_run_id), 'created:' || min(record_id) || ':1 created:' || max(record_id) || ':1', 'which names the event') FROM crm.automation_run WHERE event = 'created';
COPY crm.lead (company_name, rating) FROM STDIN;
D	hot
E	hot
\.
SELECT is(pg_temp.logged(), 'made D, made E', 'COPY');
INSERT INTO crm.lead (company_name, rating) SELECT 'many ' || n, 'hot' FROM generate_series(1, 20001) AS n;
SELECT is(count(*) || ' ' || count(DISTINCT id), '20001 20001', 'more rows than a chunk: each once') FROM crm.tap_log;
DELETE FROM crm.tap_log;
SET LOCAL sales_crm.import_mode = on;
INSERT INTO crm.lead (company_name, rating) VALUES ('I', 'hot');
SET LOCAL sales_crm.import_mode = off;
SELECT is(pg_temp.logged(), '', 'import is silent');
UPDATE crm.automation_rule SET is_active = false WHERE name IN ('made', 'touched', 'moved', 'given');
SELECT is(pg_temp.triggers(), 'lead delete', 'triggers that no rule needs are gone');
INSERT INTO crm.lead (company_name, rating) VALUES ('F', 'hot');
SELECT is(pg_temp.logged(), '', 'and so are the rules');
UPDATE crm.automation_rule SET is_active = true WHERE name = 'made';
DROP TRIGGER t80_automation_insert ON crm.lead;
SELECT is(check_name, 'rule_without_trigger', 'verify() misses a trigger that somebody dropped') FROM sales_crm.verify();
SELECT sales_crm.repair(organization => 'crm') \gset
SELECT is(pg_temp.triggers(), 'lead delete, lead insert', 'repair() makes it again');
ALTER TABLE crm.lead ADD COLUMN tap_first text;
INSERT INTO crm.lead (company_name, rating) VALUES ('G', 'hot');
ALTER TABLE crm.lead DROP COLUMN tap_first;
INSERT INTO crm.lead (company_name, rating) VALUES ('H', 'hot');
SELECT is(pg_temp.logged(), 'made G, made H', 'rules follow the table');
SELECT pg_temp.no_rules() \gset
SELECT is(pg_temp.triggers(), '', 'no rules, no triggers');

-- Actions.
SELECT pg_temp.rule('all', 'lead', 'created', NULL, ARRAY[
	'{"set_columns": {"set": {"description": "upper(new.company_name)", "employee_count": 7, "decision_maker": true}}}',
	'{"create_record": {"entity": "account", "values": {"name": "new.company_name", "annual_revenue": "new.estimated_value / 3"}}}',
	'{"create_activity": {"activity_type": "phone_call", "subject": "''Call '' || new.company_name", "due_in": "2 days", "priority": "''high''", "values": {"direction": "''outgoing''"}}}',
	'{"assign": {"owner_id": "(SELECT owner_id FROM owner WHERE name = ''Tap'')"}}',
	'{"put_outbox": {"event": "''lead.made''", "payload": "jsonb_build_object(''name'', new.company_name)"}}',
	'{"put_outbox": {"event": "''lead.known''"}}',
	'{"notify": {"channel": "tap", "payload": "new.lead_id"}}']::jsonb[]) \gset
SET LOCAL sales_crm.now = '2026-03-01 09:00+00';
INSERT INTO crm.lead (company_name, estimated_value) VALUES ('Acme', 100), ('Bolt', 1);
RESET sales_crm.now;
SELECT is(description || employee_count || decision_maker || (SELECT name FROM crm.owner AS o WHERE o.owner_id = l.owner_id), 'ACME7trueTap', 'set_columns and assign') FROM crm.lead AS l WHERE company_name = 'Acme';
SELECT is(annual_revenue, 33.3333, 'create_record, rounded as the column') FROM crm.account WHERE name = 'Acme';
SELECT is(a.subject || ' ' || a.priority || ' ' || a.direction || ' ' || a.regarding_entity || ' ' || (a.regarding_id = l.lead_id) || ' ' || (a.scheduled_end_at = '2026-03-03 09:00+00') || ' ' || a.owner_id,
	'Call Bolt high outgoing lead true true ' || (SELECT owner_id FROM crm.team WHERE is_default), 'create_activity: due by the clock, owned by the lead''s owner') FROM crm.activity AS a, crm.lead AS l WHERE l.company_name = 'Bolt' AND a.subject = 'Call Bolt';
SELECT is(string_agg(sequence_number || event_name || payload, ' ' ORDER BY sequence_number), '1lead.made{"name": "Acme"} 2lead.known{}', 'put_outbox, numbered for each record')
  FROM crm.outbox_event WHERE aggregate_entity = 'lead' AND aggregate_id = (SELECT lead_id FROM crm.lead WHERE company_name = 'Acme');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('qualify', 'lead', 'updated', $$new.rating = 'hot'$$, ARRAY['{"call_function": {"function": "qualify_lead", "arguments": {"lead_id": "new.lead_id"}}}']::jsonb[], 'rating') \gset
UPDATE crm.lead SET rating = 'hot' WHERE company_name IN ('Acme', 'Bolt');
SELECT is(string_agg(state, ' '), 'qualified qualified', 'call_function: a lifecycle call for each record') FROM crm.lead WHERE company_name IN ('Acme', 'Bolt');
CREATE FUNCTION crm.tap_remember(names text[], id bigint, suffix text DEFAULT '!') RETURNS void LANGUAGE sql AS 'INSERT INTO crm.tap_log (what, id) VALUES (names[1] || suffix, id)';
SELECT pg_temp.rule('own', 'lead', 'created', NULL, ARRAY['{"call_function": {"function": "tap_remember", "arguments": {"names": "ARRAY[new.company_name]", "id": "new.lead_id"}}}']::jsonb[]) \gset
INSERT INTO crm.lead (company_name) VALUES ('K'), ('L');
SELECT is(pg_temp.logged(), 'K!, L!', 'call_function: one of the administrator''s own, with an array and a default');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('map', 'lead', 'created', NULL, ARRAY['{"create_record": {"entity": "contact", "map": true, "values": {"last_name": "''Of map''", "description": "NULL"}}}']::jsonb[]) \gset
INSERT INTO crm.lead (last_name, email, description) VALUES ('M', 'm@example.com', 'x');
SELECT is(email || coalesce(description, '-'), 'm@example.com-', 'create_record from column_map: what is given goes before') FROM crm.contact WHERE last_name = 'Of map';
DELETE FROM crm.column_map WHERE source_entity = 'lead' AND target_entity = 'contact' AND target_column = 'email';
INSERT INTO crm.lead (last_name, email) VALUES ('N', 'n@example.com');
SELECT is(count(*), 1::bigint, 'and it follows the map') FROM crm.contact WHERE last_name = 'Of map' AND email IS NULL;
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('no mail', 'lead', 'created', 'new.email IS NULL', ARRAY['{"refuse": {"message": "''No e-mail address of '' || new.company_name"}}']::jsonb[]) \gset
SELECT is(pg_temp.words($$INSERT INTO crm.lead (company_name) VALUES ('Z')$$) LIKE 'No e-mail address of Z | Rule "no mail" refuses it for lead % | %', true, 'refuse says the rule''s words');
SELECT pg_temp.refused($$INSERT INTO crm.lead (company_name) VALUES ('Z')$$, 'SC020', 'with SC020');
SELECT lives_ok($$INSERT INTO crm.lead (company_name, email) VALUES ('Z', 'z@example.com')$$, 'others pass');
SELECT pg_temp.no_rules() \gset

-- A rule that fails refuses the change.
SELECT pg_temp.rule('fails', 'lead', 'created', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''before''"}}}', '{"set_columns": {"set": {"rating": "''lukewarm''"}}}']::jsonb[]) \gset
SELECT pg_temp.refused($$INSERT INTO crm.lead (company_name) VALUES ('Y')$$, 'SC012', 'a value that is no option');
SELECT is(pg_temp.words($$INSERT INTO crm.lead (company_name) VALUES ('Y')$$) LIKE 'automation rule "fails" failed | Rule "fails", action 2, set_columns, for lead %: 23514: %', true, 'the detail says rule, action, record and inner error');
SELECT is(count(*) || pg_temp.logged() || pg_temp.runs('fails'), '00', 'nothing is left') FROM crm.lead WHERE company_name = 'Y';
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('divides', 'lead', 'created', '1 / new.employee_count > 0') \gset
SELECT pg_temp.refused($$INSERT INTO crm.lead (company_name, employee_count) VALUES ('Y', 0)$$, 'SC012', 'a condition that fails');
SELECT pg_temp.no_rules() \gset

-- Order, and once for each change.
SELECT count(pg_temp.rule(name, 'lead', 'created', NULL, ARRAY[format('{"create_record": {"entity": "tap_log", "values": {"what": "''%s '' || new.lead_id - %s"}}}', name, base)::jsonb], sort => sort))
  FROM (VALUES ('c', 2), ('a', 1), ('b', 1), ('z', -1)) AS r (name, sort), (SELECT max(lead_id) AS base FROM crm.lead) AS m \gset
INSERT INTO crm.lead (company_name) SELECT 'o' FROM generate_series(1, 2);
SELECT matches(pg_temp.logged(), '^z \d, z \d, a \d, a \d, b \d, b \d, c \d, c \d$', 'by sort_order, then by key, each for all rows');
SELECT pg_temp.no_rules() \gset

-- Rules that set off rules.
SELECT pg_temp.rule('settles', 'lead', 'updated', NULL, ARRAY['{"set_columns": {"set": {"rating": "''cold''", "description": "''seen''"}}}']::jsonb[]) \gset
UPDATE crm.lead SET subject = 'again' WHERE company_name = 'K';
SELECT is(pg_temp.runs('settles'), 2::bigint, 'what has the values already is left alone: the loop ends');
SELECT is(array_agg(depth ORDER BY depth), '{1,2}', 'the second run is one deeper') FROM crm.automation_run AS r JOIN crm.automation_rule AS a USING (automation_rule_id) WHERE name = 'settles';
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('ping', 'lead', 'updated', NULL, ARRAY['{"set_columns": {"set": {"employee_count": "coalesce(new.employee_count, 0) + 1"}}}']::jsonb[], 'budget_amount') \gset
SELECT pg_temp.rule('pong', 'lead', 'updated', NULL, ARRAY['{"set_columns": {"set": {"budget_amount": "coalesce(new.budget_amount, 0) + 1"}}}']::jsonb[], 'employee_count') \gset
SELECT pg_temp.refused($$UPDATE crm.lead SET budget_amount = 1 WHERE company_name = 'K'$$, 'SC012', 'a loop is stopped');
SELECT is((SELECT count(*) FROM regexp_matches(pg_temp.words($$UPDATE crm.lead SET budget_amount = 1 WHERE company_name = 'K'$$), 'p[io]ng \(lead \d+\)', 'g')), 9::bigint, 'and told of rule by rule');
SELECT is(budget_amount, NULL, 'nothing is left of it') FROM crm.lead WHERE company_name = 'K';
SELECT pg_temp.no_rules() \gset

-- Rules follow what they are made of: functions, columns, the schema's name. Large values, and statements that insert and update at once.
DELETE FROM crm.tap_log;
ALTER TABLE crm.lead ADD COLUMN region text;
CREATE FUNCTION crm.tap_is_vip(l crm.lead) RETURNS boolean LANGUAGE sql AS $$ SELECT l.company_name = 'old vip' $$;
SELECT pg_temp.rule('vip', 'lead', 'created', $$tap_is_vip(new) OR new.region = 'x'$$, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "to_jsonb(new) ->> ''company_name''"}}}']::jsonb[]) \gset
INSERT INTO crm.lead (company_name, region) VALUES ('old vip', NULL), ('new vip', NULL), ('x', 'x');
SELECT is(pg_temp.logged(), 'old vip, x', 'a function that takes the row');
CREATE OR REPLACE FUNCTION crm.tap_is_vip(l crm.lead) RETURNS boolean LANGUAGE sql AS $$ SELECT l.company_name = 'new vip' $$;
INSERT INTO crm.lead (company_name) VALUES ('old vip'), ('new vip');
SELECT is(pg_temp.logged(), 'new vip', 'another body of it counts at once');
DROP FUNCTION crm.tap_is_vip;
SELECT pg_temp.refused($$INSERT INTO crm.lead (company_name) VALUES ('x')$$, 'SC012', 'a function that is gone');
UPDATE crm.automation_rule SET condition = 'new.region IS NULL';
ALTER TABLE crm.lead DROP COLUMN region;
SELECT pg_temp.refused($$INSERT INTO crm.lead (company_name) VALUES ('x')$$, 'SC012', 'a column that is gone');
SELECT lives_ok('UPDATE crm.automation_rule SET is_active = false', 'a broken rule can be switched off');
UPDATE crm.automation_rule SET condition = NULL, is_active = true;
ALTER SCHEMA crm RENAME TO tap_renamed;
INSERT INTO tap_renamed.lead (company_name) VALUES ('renamed');
ALTER SCHEMA tap_renamed RENAME TO crm;
SELECT is(pg_temp.logged(), 'renamed', 'an organization that was renamed');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('large', 'lead', 'updated', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "length(old.description) || '' '' || length(new.description)"}}}']::jsonb[], 'description') \gset
UPDATE crm.lead SET description = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) AS n) WHERE company_name = 'renamed';
UPDATE crm.lead SET description = description || 'x' WHERE company_name = 'renamed';
UPDATE crm.lead SET description = description || '', subject = 'x' WHERE company_name = 'renamed';
SELECT is(pg_temp.logged(), '32000 32001', 'values that are stored out of line');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('c', 'account', 'created', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''c '' || new.name"}}}']::jsonb[]) \gset
SELECT pg_temp.rule('u', 'account', 'updated', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''u '' || new.name"}}}']::jsonb[]) \gset
INSERT INTO crm.account (account_id, name) VALUES (1000001, 'a'), (1000002, 'b');
INSERT INTO crm.account (account_id, name) VALUES (1000001, 'a2'), (1000003, 'd') ON CONFLICT (account_id) DO UPDATE SET name = EXCLUDED.name;
MERGE INTO crm.account AS a USING (VALUES (1000001, 'a3'), (1000004, 'e')) AS v (id, name) ON a.account_id = v.id WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT (account_id, name) VALUES (id, v.name);
SELECT is((SELECT string_agg(what, ', ' ORDER BY what) FROM crm.tap_log), 'c a, c b, c d, c e, u a2, u a3', 'ON CONFLICT and MERGE: each row as what it was');
SELECT pg_temp.no_rules() \gset
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

SELECT * FROM finish();
ROLLBACK;
