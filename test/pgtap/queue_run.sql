-- The queue: entries done together and alone, in order, tried again and given up; rules that wait for a date.
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/automation.sql
SELECT plan(72);
\ir ../lib/automation_log.sql
ALTER TABLE crm.tap_log ALTER what SET NOT NULL;
SELECT set_config('tap.seen', '0', true) AS seen \gset
CREATE FUNCTION pg_temp.outcomes() RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text := (SELECT string_agg(n || ' ' || outcome || attempt, ', ' ORDER BY outcome, attempt)
                         FROM (SELECT count(*) AS n, outcome, attempt FROM crm.automation_run WHERE automation_run_id > current_setting('tap.seen')::bigint GROUP BY outcome, attempt) AS r);
BEGIN
	PERFORM set_config('tap.seen', max(automation_run_id)::text, true) FROM crm.automation_run;
	RETURN found;
END $$;
CREATE FUNCTION pg_temp.log_rule(rule text, event text, what text, timing text DEFAULT 'queued', condition text DEFAULT NULL, sort integer DEFAULT 0) RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_temp.rule(rule, 'lead', event, condition, ARRAY[jsonb_build_object('create_record', jsonb_build_object('entity', 'tap_log', 'values', jsonb_build_object('what', what)))], timing => timing, sort => sort)
$$;

-- Together: one set for many entries of a rule.
SELECT pg_temp.log_rule('each', 'created', 'new.company_name') \gset
CREATE TABLE crm.tap_statement (rows bigint);
CREATE FUNCTION crm.tap_count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO crm.tap_statement SELECT count(*) FROM new_rows; RETURN NULL; END $$;
CREATE TRIGGER tap_count AFTER INSERT ON crm.tap_log REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION crm.tap_count();
INSERT INTO crm.lead (company_name) SELECT 'L' || n FROM generate_series(1, 50) AS n;
SELECT is(ran, 0, 'limit 0 does nothing') FROM sales_crm.run_due_automation("limit" => 0);
SELECT is(ran, 20, 'at most limit') FROM sales_crm.run_due_automation("limit" => 20);
SELECT is(ran, 30, 'the rest') FROM sales_crm.run_due_automation();
SELECT is(ran, 0, 'nothing is left') FROM sales_crm.run_due_automation();
SELECT is(string_agg(rows::text, ' '), '20 30', 'one statement for each claim') FROM crm.tap_statement;
SELECT is(string_agg(what, ' ' ORDER BY tap_log_id), (SELECT string_agg('L' || n, ' ' ORDER BY n) FROM generate_series(1, 50) AS n), 'in the order of the queue') FROM crm.tap_log;
SELECT is(pg_temp.outcomes(), '50 done1', 'each is logged once');
SELECT pg_temp.logged() \gset
SELECT pg_temp.refused('SELECT sales_crm.run_due_automation(-1)', '22023', 'a negative limit');

-- One that cannot be done does not keep the others from it.
SELECT pg_temp.no_rules() \gset
TRUNCATE crm.tap_statement;
SELECT pg_temp.log_rule('bad one', 'created', 'CASE WHEN new.company_name = ''B2'' THEN (1 / (length(new.company_name) - 2))::text ELSE new.company_name END') \gset
INSERT INTO crm.lead (company_name) SELECT 'B' || n FROM generate_series(1, 4) AS n;
SET LOCAL sales_crm.now = '2031-01-01 00:00+00';
SELECT is(ran, 4, 'four entries, one of which fails') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged(), 'B1, B3, B4', 'the others are done, one by one');
SELECT is(pg_temp.outcomes(), '3 done1, 1 failed1', 'and the log says so');
SELECT is(ran, 0, 'the failed one waits') FROM sales_crm.run_due_automation();
SELECT is(due_at - '2031-01-01 00:00+00', interval '60 seconds', 'a minute') FROM crm.automation_queue;
SET LOCAL sales_crm.now = '2031-01-01 00:01+00';
SELECT is(ran, 1, 'its second try') FROM sales_crm.run_due_automation();
SELECT is(due_at - '2031-01-01 00:01+00', interval '120 seconds', 'then two minutes') FROM crm.automation_queue;
UPDATE crm.organization_setting SET value = '3' WHERE name = 'automation_max_attempts';
UPDATE crm.organization_setting SET value = '10' WHERE name = 'automation_retry_seconds';
SET LOCAL sales_crm.now = '2031-01-02 00:00+00';
SELECT sales_crm.run_due_automation() \gset
SELECT is(state || attempts, 'dead3', 'the settings say when it is dead') FROM crm.automation_queue;
SELECT is(pg_temp.outcomes(), '1 dead3, 1 failed2', 'which the log tells');
SELECT automation_queue_id AS dead_id FROM crm.automation_queue \gset
SET LOCAL sales_crm.now = '2031-02-01 00:00+00';
SELECT is(ran, 0, 'what is dead is not run') FROM sales_crm.run_due_automation();
UPDATE crm.automation_action SET parameters = '{"entity": "tap_log", "values": {"what": "''mended''"}}';
SELECT is(state, 'pending', 'retry_dead_automation()') FROM sales_crm.retry_dead_automation(automation_queue_id => :dead_id);
SELECT pg_temp.refused(format('SELECT sales_crm.retry_dead_automation(%s)', :dead_id), 'SC001', 'one that is not dead');
SELECT pg_temp.refused('SELECT sales_crm.retry_dead_automation(0)', 'P0002', 'an unknown one');
SELECT pg_temp.refused('SELECT sales_crm.retry_dead_automation(NULL)', '22004', 'none');
SELECT is(ran, 1, 'it runs again') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged() || pg_temp.outcomes() || (SELECT count(*) FROM crm.automation_queue), 'mended1 done10', 'with the mended rule');
RESET sales_crm.now;

-- Rules and records keep their order: for each record what came first.
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.log_rule('second', 'updated', '''b'' || new.description', sort => 2) \gset
SELECT pg_temp.log_rule('first', 'updated', '''a'' || new.description', sort => 1) \gset
SELECT lead_id FROM crm.lead WHERE company_name = 'B1' \gset
UPDATE crm.lead SET description = '1' WHERE lead_id = :lead_id;
UPDATE crm.lead SET description = '2' WHERE lead_id = :lead_id;
SELECT is(ran, 4, 'two rules, two events of one record') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged(), 'a1, b1, a2, b2', 'each event by sort_order, one after the other');
UPDATE crm.lead SET description = '3' WHERE company_name IN ('B1', 'B2', 'B3');
SELECT sales_crm.run_due_automation() \gset
SELECT is(pg_temp.logged(), 'a3, a3, a3, b3, b3, b3', 'rules in their order also over many records');
UPDATE crm.lead SET description = '4' WHERE lead_id = :lead_id;
UPDATE crm.automation_rule SET is_active = false WHERE name = 'second';
SELECT is(ran, 1, 'a rule that is switched off') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged(), 'a4', 'does nothing');
UPDATE crm.automation_rule SET is_active = true WHERE name = 'second';
SELECT is(ran, 1, 'its entries wait for it') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged(), 'b4', 'to be switched on');
SELECT pg_temp.outcomes() \gset
UPDATE crm.lead SET description = '5' WHERE lead_id = :lead_id;
UPDATE crm.automation_rule SET event = 'on_demand' WHERE name = 'first';
SELECT is(ran || pg_temp.logged() || pg_temp.outcomes(), '2b51 done1, 1 skipped1', 'a rule that became another one skips what it once waited for') FROM sales_crm.run_due_automation();
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- The version counts, also where a rule changes the record before the queue has the change that fired it.
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.log_rule('each version', 'updated', 'new.row_version - ' || row_version, sort => 2) FROM crm.lead WHERE lead_id = :lead_id \gset
SELECT pg_temp.rule('warm up', 'lead', 'updated', 'new.rating IS DISTINCT FROM ''hot''', ARRAY['{"set_columns": {"set": {"rating": "''hot''"}}}']::jsonb[], sort => 1) \gset
UPDATE crm.lead SET description = '6' WHERE lead_id = :lead_id;
SELECT is(string_agg(substring(event_key FROM '[0-9]+$')::bigint - event_order || '', ' '), '0 0', 'the place among those of the record is the version') FROM crm.automation_queue;
SELECT is(ran || ' ' || pg_temp.logged(), '2 1, 2', 'one after the other, at one call') FROM sales_crm.run_due_automation();
SELECT is(count(*), 2::bigint, 'the log names the entries') FROM crm.automation_run JOIN crm.automation_rule AS r USING (automation_rule_id) WHERE r.name = 'each version' AND queue_entry > 0;
SELECT is(count(*), 0::bigint, 'and none for what ran at once') FROM crm.automation_run JOIN crm.automation_rule AS r USING (automation_rule_id) WHERE r.name = 'warm up' AND queue_entry IS NOT NULL;
SELECT pg_temp.outcomes() \gset

-- A dead entry stops its record for its rule; what is discarded is gone, and verify() sees what overtook another.
SELECT pg_temp.no_rules() \gset
UPDATE crm.organization_setting SET value = '1' WHERE name = 'automation_max_attempts';
SELECT pg_temp.log_rule('dead one', 'updated', 'CASE WHEN new.description = ''bad'' THEN (1 / (length(new.description) - 3))::text ELSE new.description END') \gset
UPDATE crm.lead SET description = 'bad' WHERE lead_id = :lead_id;
UPDATE crm.lead SET description = 'behind' WHERE lead_id = :lead_id;
SELECT is(ran, 1, 'what is behind a dead one is not taken') FROM sales_crm.run_due_automation();
SELECT is(ran || pg_temp.logged(), '0', 'nor later') FROM sales_crm.run_due_automation();
SELECT waits_for_id AS dead_id, automation_queue_id AS waiting_id FROM crm.automation_queue_waiting \gset
SELECT pg_temp.refused(format('SELECT sales_crm.discard_dead_automation(%s)', :waiting_id), 'SC001', 'one that is not dead is not discarded');
SELECT pg_temp.refused('SELECT sales_crm.discard_dead_automation(0)', 'P0002', 'an unknown one');
SELECT pg_temp.refused('SELECT sales_crm.discard_dead_automation(NULL)', '22004', 'none');
SELECT is(state, 'discarded', 'discard_dead_automation()') FROM sales_crm.discard_dead_automation(automation_queue_id => :dead_id);
SELECT is(pg_temp.outcomes(), '1 dead1, 1 skipped1', 'the log tells of it');
SELECT is(ran || pg_temp.logged() || pg_temp.outcomes(), '1behind1 done1', 'and what waited goes on') FROM sales_crm.run_due_automation();
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SAVEPOINT forged;
INSERT INTO crm.automation_run (automation_rule_id, entity, record_id, event, event_key, started_at, ended_at, outcome, queue_entry)
SELECT automation_rule_id, entity, record_id, event, 'updated:' || record_id || ':1', now(), now(), 'done', 1 FROM crm.automation_run WHERE queue_entry = :waiting_id;
SELECT is((SELECT string_agg(check_name, ' ') FROM sales_crm.verify()), 'queue_order', 'verify() finds one that ran after a later one');
ROLLBACK TO forged;
INSERT INTO crm.automation_queue (automation_queue_id, automation_rule_id, entity, record_id, event, event_key, event_order, due_at)
SELECT 1, automation_rule_id, entity, record_id, event, 'updated:' || record_id || ':1', 1, now() FROM crm.automation_run WHERE queue_entry = :waiting_id;
SELECT is((SELECT string_agg(check_name, ' ') FROM sales_crm.verify()), 'queue_overtaken', 'and one that was overtaken');
ROLLBACK TO forged;
UPDATE crm.organization_setting SET value = '3' WHERE name = 'automation_max_attempts';

-- What waits is kept as it was: a null of a JSON column too.
SELECT pg_temp.no_rules() \gset
ALTER TABLE crm.lead ADD COLUMN tap_extra jsonb, ADD COLUMN tap_tags text[];
SELECT pg_temp.log_rule('as it was', 'updated', 'concat(new.tap_extra, new.tap_tags, new.annual_revenue, new.created_at = old.created_at, new.fax IS NULL)') \gset
UPDATE crm.lead SET tap_extra = '{"a": null, "b": [1, null]}', tap_tags = '{x,NULL}', annual_revenue = 12.34 WHERE lead_id = :lead_id;
UPDATE crm.lead SET tap_extra = NULL WHERE lead_id = :lead_id;
SELECT is(ran, 2, 'two events of a record') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged(), '{"a": null, "b": [1, null]}{x,NULL}12.3400tt, {x,NULL}12.3400tt', 'rows as they were then');
SELECT throws_ok($$UPDATE crm.organization_setting SET value = 'often' WHERE name = 'automation_max_attempts'$$, '23514', NULL, 'settings are numbers');
SELECT pg_temp.outcomes() \gset

-- Dates: once for each record and moment, since the rule is active.
SELECT pg_temp.no_rules() \gset
SET LOCAL sales_crm.now = '2032-03-10 12:00+00';
INSERT INTO crm.lead (company_name, estimated_close_date) VALUES ('past', '2032-03-01'), ('soon', '2032-03-13'), ('later', '2032-04-01'), ('none', NULL);
INSERT INTO crm.automation_rule (name, entity, event, date_column, offset_interval, condition) VALUES ('close soon', 'lead', 'date_reached', 'estimated_close_date', '-2 days', 'new.rating IS DISTINCT FROM ''cold''');
SELECT is(activated_at, '2032-03-10 12:00+00', 'since when it is active') FROM crm.automation_rule;
INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'create_record', '{"entity": "tap_log", "values": {"what": "new.company_name || '' '' || new.estimated_close_date"}}' FROM crm.automation_rule;
SELECT pg_temp.refused($$UPDATE crm.automation_rule SET activated_at = '2000-01-01'$$, '428C9', 'which nobody writes');
SELECT is(ran || pg_temp.logged(), '0', 'what came before is no concern of it') FROM sales_crm.run_due_automation();
SET LOCAL sales_crm.now = '2032-03-10 23:59:59+00';
SELECT is(ran, 0, 'not yet') FROM sales_crm.run_due_automation();
SET LOCAL sales_crm.now = '2032-03-11 00:00+00';
SELECT is(ran, 1, 'two days before, as the day begins') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged(), 'soon 2032-03-13', 'it does its work');
SELECT is(ran || pg_temp.outcomes(), '01 done1', 'once') FROM sales_crm.run_due_automation();
UPDATE crm.lead SET estimated_close_date = '2032-03-14' WHERE company_name = 'soon';
SET LOCAL sales_crm.now = '2032-03-12 08:00+00';
SELECT is(ran || pg_temp.logged(), '1soon 2032-03-14', 'another date is another event') FROM sales_crm.run_due_automation();
UPDATE crm.lead SET estimated_close_date = '2032-03-15', rating = 'cold' WHERE company_name = 'soon';
SET LOCAL sales_crm.now = '2032-03-13 08:00+00';
SELECT pg_temp.outcomes() \gset
SELECT is(ran || pg_temp.logged() || pg_temp.outcomes(), '11 skipped1', 'the condition is asked when the date has come') FROM sales_crm.run_due_automation();
SET LOCAL sales_crm.now = '2032-04-20 08:00+00';
SELECT is(ran, 0, 'three weeks late is too late') FROM sales_crm.run_due_automation();
UPDATE crm.organization_setting SET value = '30' WHERE name = 'automation_catch_up_days';
SELECT is(ran || pg_temp.logged(), '1later 2032-04-01', 'but for the setting') FROM sales_crm.run_due_automation();
-- A failing one is found again when its date is what it was.
UPDATE crm.lead SET estimated_close_date = '2032-04-21', rating = NULL WHERE company_name = 'soon';
UPDATE crm.automation_action SET parameters = '{"entity": "tap_log", "values": {"what": "NULL"}}';
SELECT pg_temp.outcomes() \gset
SELECT is(ran || pg_temp.outcomes(), '11 failed1', 'one that fails') FROM sales_crm.run_due_automation();
UPDATE crm.lead SET estimated_close_date = '2032-05-21' WHERE company_name = 'soon';
SET LOCAL sales_crm.now = '2032-04-21 08:00+00';
SELECT is(ran || pg_temp.outcomes(), '11 skipped2', 'is skipped when the date has moved meanwhile') FROM sales_crm.run_due_automation();
-- A date that failed holds up no other rule of its record.
SELECT pg_temp.no_rules() \gset
INSERT INTO crm.automation_rule (name, entity, event, date_column, offset_interval) VALUES ('no date', 'lead', 'date_reached', 'estimated_close_date', '0');
INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'create_record', '{"entity": "tap_log", "values": {"what": "NULL"}}' FROM crm.automation_rule;
SELECT pg_temp.log_rule('at once', 'updated', 'new.description') \gset
UPDATE crm.lead SET estimated_close_date = '2032-04-22', description = 'first' WHERE company_name = 'soon';
SET LOCAL sales_crm.now = '2032-04-22 08:00+00';
SELECT is(ran || pg_temp.logged(), '2first', 'the date is tried and fails') FROM sales_crm.run_due_automation();
UPDATE crm.lead SET description = 'second' WHERE company_name = 'soon';
SELECT is(ran || pg_temp.logged(), '1second', 'and its record goes on') FROM sales_crm.run_due_automation();
-- Times, and the wall clock of the organization.
SELECT pg_temp.no_rules() \gset
SELECT is(count(*), 0::bigint, 'nothing waits') FROM crm.automation_queue;
UPDATE crm.organization_setting SET value = 'Europe/Madrid' WHERE name = 'time_zone';
SET LOCAL sales_crm.now = '2032-03-27 10:00+00';
INSERT INTO crm.lead (company_name) VALUES ('clock');
INSERT INTO crm.automation_rule (name, entity, event, date_column, offset_interval) VALUES ('a day old', 'lead', 'date_reached', 'created_at', '1 day');
INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'create_record', '{"entity": "tap_log", "values": {"what": "new.company_name"}}' FROM crm.automation_rule;
SET LOCAL sales_crm.now = '2032-03-28 08:59:59+00';
SELECT is(ran, 0, 'a day is from noon to noon') FROM sales_crm.run_due_automation();
SET LOCAL sales_crm.now = '2032-03-28 09:00+00';
SELECT is(ran || pg_temp.logged(), '1clock', 'also when the clock is put forward in between') FROM sales_crm.run_due_automation();
RESET sales_crm.now;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- A record that is deleted while its entry waits: there is nothing left to do about it, and no error.
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('call', 'lead', 'created', NULL, ARRAY['{"create_activity": {"activity_type": "task", "subject": "''Call ''|| new.company_name"}}']::jsonb[], timing => 'queued') \gset
INSERT INTO crm.lead (company_name) VALUES ('Gone'), ('Here');
DELETE FROM crm.lead WHERE company_name = 'Gone';
SELECT sales_crm.run_due_automation() AS ran \gset
SELECT is((SELECT string_agg(subject, ', ') FROM crm.activity WHERE subject LIKE 'Call %'), 'Call Here', 'no activity about a lead that is gone');
SELECT is((SELECT count(*) FROM crm.automation_queue), 0::bigint, 'and no entry that fails for it');

SELECT * FROM finish();
ROLLBACK;
