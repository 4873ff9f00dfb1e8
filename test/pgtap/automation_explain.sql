-- What a rule would do, told and tried without doing it; rules on demand; rules that wait in the queue.
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/automation.sql
SELECT plan(46);

\ir ../lib/automation_log.sql
CREATE FUNCTION crm.tap_touch() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO tap_log (what) VALUES ('touched'); RETURN true; END $$;
INSERT INTO crm.lead (company_name, rating, estimated_value) VALUES ('Acme', 'hot', 500) RETURNING lead_id \gset
CREATE FUNCTION pg_temp.explained(rule text, id bigint, wanted text DEFAULT '%') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s = %s', kind, expression, result), '; ' ORDER BY step) FROM sales_crm.explain_rule(rule, 'lead', id) WHERE kind LIKE wanted
$$;
CREATE FUNCTION pg_temp.tried(rule text, id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s%s', action, entity, ' ' || detail), '; ') FROM sales_crm.dry_run(rule, 'lead', id)
$$;

-- explain_rule: the condition part by part.
SELECT pg_temp.rule('r', 'lead', 'created', $$new.rating = 'hot' AND ((new.estimated_value > 1000) OR new.company_name IS NULL) and new.estimated_value BETWEEN 1 AND 1000 AND EXISTS (SELECT FROM account WHERE name = new.company_name) AND tap_touch() AND 1 / (new.estimated_value - 500) > 0$$,
	ARRAY['{"create_activity": {"activity_type": "task", "subject": "''Call '' || new.company_name"}}', '{"set_columns": {"set": {"employee_count": "1 / (new.estimated_value - 500)"}}}']::jsonb[]) \gset
SELECT results_eq(format('SELECT expression, result FROM sales_crm.explain_rule(''r'', ''lead'', %s) WHERE kind = ''condition'' ORDER BY step LIMIT 6', :lead_id), $$VALUES
	('new.rating = ''hot''', 'true'),
	('((new.estimated_value > 1000) OR new.company_name IS NULL)', 'false'),
	('new.estimated_value BETWEEN 1 AND 1000', 'true'),
	('EXISTS (SELECT FROM account WHERE name = new.company_name)', 'false'),
	('tap_touch()', 'true'),
	('1 / (new.estimated_value - 500) > 0', 'error 22012: division by zero')$$, 'each part that AND joins, with its value');
SELECT is(result, 'false', 'then the whole') FROM sales_crm.explain_rule('r', 'lead', :lead_id) WHERE step = 8;
SELECT is(pg_temp.logged(), '', 'what a condition does is taken back');
SELECT is(pg_temp.explained('r', :lead_id, 'action'), 'action create_activity on activity = would not run; action set_columns on lead = would not run', 'the actions');
SELECT matches(pg_temp.explained('r', :lead_id, 'value'), 'value subject = Call Acme; .*value employee_count = error 22012: division by zero', 'and the values they would use');
SELECT is(pg_temp.explained('r', :lead_id, 'rule'), 'rule lead created = active', 'the rule');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('n', 'lead', 'updated', $$(new.industry = 'x' AND (new.rating = 'hot'))$$, watched => 'rating', timing => 'queued') \gset
UPDATE crm.automation_rule SET is_active = false;
SELECT is(pg_temp.explained('n', :lead_id), 'rule lead updated of rating, queued = not active; condition new.industry = ''x'' = null; condition (new.rating = ''hot'') = true; condition (new.industry = ''x'' AND (new.rating = ''hot'')) = null', 'NULL is not true; a rule that is switched off');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('array', 'lead', 'updated', 'new.lead_id > 0 AND (ARRAY[true, false])[1] AND (ARRAY[1, 2])[2] = 2') \gset
SELECT is(pg_temp.explained('array', :lead_id, 'condition'), 'condition new.lead_id > 0 = true; condition (ARRAY[true, false])[1] = true; condition (ARRAY[1, 2])[2] = 2 = true; condition new.lead_id > 0 AND (ARRAY[true, false])[1] AND (ARRAY[1, 2])[2] = 2 = true', 'parts that do not know where they stand in the text');
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.explain_rule(''none'', ''lead'', %s)', :lead_id), 'P0002', 'an unknown rule');
SELECT pg_temp.rule('a', 'account', 'created', NULL) \gset
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.explain_rule(''a'', ''lead'', %s)', :lead_id), '22023', 'a rule of another entity');
SELECT pg_temp.refused('SELECT * FROM sales_crm.explain_rule(''a'', ''account'', 0)', 'P0002', 'an unknown record');
SELECT pg_temp.refused('SELECT * FROM sales_crm.explain_rule(''a'', ''account'', NULL)', '22004', 'no record');
SELECT pg_temp.refused('SELECT * FROM sales_crm.dry_run(NULL, ''account'', 1)', '22004', 'no rule');
SELECT pg_temp.no_rules() \gset

-- dry_run: done and taken back.
SELECT pg_temp.rule('does', 'lead', 'updated', $$new.rating = 'hot'$$, ARRAY[
	'{"create_record": {"entity": "tap_log", "values": {"what": "new.company_name"}}}',
	'{"create_record": {"entity": "account", "values": {"name": "new.company_name"}}}',
	'{"set_columns": {"set": {"rating": "''cold''"}}}',
	'{"notify": {"channel": "tap", "payload": "new.rating"}}',
	'{"put_outbox": {"event": "''lead.hot''"}}']::jsonb[], 'rating') \gset
SELECT pg_temp.rule('follows', 'account', 'created', NULL, ARRAY['{"set_columns": {"set": {"description": "''follows''"}}}']::jsonb[]) \gset
SELECT is(pg_temp.tried('does', :lead_id), 'create_record tap_log; set_columns account; create_record account; set_columns lead; notify lead tap: hot; put_outbox lead lead.hot: {}', 'what it did, and what that set off');
SELECT is(pg_temp.logged() || rating || (SELECT count(*) FROM crm.account WHERE name = 'Acme') || (SELECT count(*) FROM crm.outbox_event) || pg_temp.runs('does'), 'hot000', 'nothing is left') FROM crm.lead WHERE lead_id = :lead_id;
UPDATE crm.lead SET rating = 'cold' WHERE lead_id = :lead_id;
SELECT is(pg_temp.tried('does', :lead_id), 'none lead the condition does not hold', 'the condition counts');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('fails', 'lead', 'created', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "1"}}}', '{"set_columns": {"set": {"rating": "''lukewarm''"}}}']::jsonb[]) \gset
SELECT matches(pg_temp.tried('fails', :lead_id), '^create_record tap_log; failed lead SC012: automation rule "fails" failed Rule "fails", action 2, set_columns, for lead \d+: 23514', 'a failure is told of');
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('gone', 'lead', 'deleted', $$old.rating = 'cold'$$, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "old.company_name"}}}']::jsonb[], timing => 'queued') \gset
SELECT is(pg_temp.tried('gone', :lead_id), 'create_record tap_log', 'a rule of deletions that waits in the queue, at once');
SELECT is(count(*), 0::bigint, 'nothing waits') FROM crm.automation_queue;
SELECT pg_temp.no_rules() \gset

-- run_rule: on demand.
SELECT pg_temp.rule('ask', 'lead', 'on_demand', $$new.rating = 'cold'$$, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "new.company_name"}}}']::jsonb[]) \gset
SELECT pg_temp.rule('ask later', 'lead', 'on_demand', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''later''"}}}']::jsonb[], timing => 'queued') \gset
SELECT pg_temp.rule('made', 'lead', 'created', NULL) \gset
SELECT is(outcome, 'done', 'run_rule()') FROM sales_crm.run_rule(rule => 'ask', record_id => :lead_id);
SELECT is(outcome, 'done', 'again: each time is an event of its own') FROM sales_crm.run_rule(rule => 'ask', record_id => :lead_id);
SELECT is(pg_temp.logged() || pg_temp.runs('ask'), 'Acme, Acme2', 'it did its work');
UPDATE crm.lead SET rating = 'hot' WHERE lead_id = :lead_id;
SELECT is(outcome, 'skipped', 'the condition does not hold') FROM sales_crm.run_rule(rule => 'ask', record_id => :lead_id);
SELECT is(outcome, 'queued', 'a rule of the queue') FROM sales_crm.run_rule(rule => 'ask later', record_id => :lead_id);
SELECT is(pg_temp.triggers(), 'lead insert', 'what runs on demand needs no trigger');
SELECT pg_temp.refused(format('SELECT sales_crm.run_rule(''made'', %s)', :lead_id), '22023', 'a rule of another event');
SELECT pg_temp.refused('SELECT sales_crm.run_rule(''ask'', 0)', 'P0002', 'an unknown record');
SELECT pg_temp.refused('SELECT sales_crm.run_rule(''none'', 1)', 'P0002', 'an unknown rule');
SELECT pg_temp.refused('SELECT sales_crm.run_rule(''ask'', NULL)', '22004', 'no record');
UPDATE crm.automation_rule SET is_active = false WHERE name = 'ask';
SELECT pg_temp.refused(format('SELECT sales_crm.run_rule(''ask'', %s)', :lead_id), '22023', 'a rule that is switched off');
SELECT event_key FROM crm.automation_queue \gset
SELECT is(ran, 1, 'run_due_automation() takes what waits') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged() || pg_temp.runs('ask later'), 'later1', 'and does it');
SELECT is(event_key, :'event_key', 'the log has the key of the queue') FROM crm.automation_run ORDER BY automation_run_id DESC LIMIT 1;
SELECT pg_temp.no_rules() \gset

-- The queue: after the change, with the rows as they were.
SELECT pg_temp.rule('later', 'lead', 'updated', $$new.rating = 'cold'$$, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "old.rating || '' '' || new.rating || '' '' || new.estimated_value"}}}']::jsonb[], timing => 'queued') \gset
UPDATE crm.lead SET rating = 'cold', estimated_value = 1234.5678 WHERE lead_id = :lead_id;
UPDATE crm.lead SET rating = 'warm' WHERE lead_id = :lead_id;
SELECT is(pg_temp.logged() || count(*), '1', 'a queued rule waits') FROM crm.automation_queue;
SELECT is(event_key, 'updated:' || :lead_id || ':' || (SELECT row_version - 1 FROM crm.lead WHERE lead_id = :lead_id), 'under the key of its event') FROM crm.automation_queue;
INSERT INTO crm.automation_queue (automation_rule_id, entity, record_id, event, event_key, event_order, due_at) SELECT automation_rule_id, entity, record_id, event, 'x:1:1', event_order + 1, now() + interval '1 day' FROM crm.automation_queue;
SELECT is(ran, 1, 'run_due_automation() runs what is due') FROM sales_crm.run_due_automation("limit" => 10);
SELECT is(pg_temp.logged(), 'hot cold 1234.5700', 'with new and old as they were, to the cent');
DELETE FROM crm.automation_queue;
SELECT pg_temp.no_rules() \gset
SELECT pg_temp.rule('fails', 'lead', 'updated', NULL, ARRAY['{"create_record": {"entity": "tap_log", "values": {"what": "''half''"}}}', '{"set_columns": {"set": {"rating": "''lukewarm''"}}}']::jsonb[], 'subject', timing => 'queued') \gset
UPDATE crm.lead SET subject = 'x' WHERE lead_id = :lead_id;
SET LOCAL sales_crm.now = '2030-01-01 00:00+00';
SELECT is(ran, 1, 'one that fails') FROM sales_crm.run_due_automation();
SELECT is(attempts || state || (due_at - '2030-01-01 00:00+00') || pg_temp.logged(), '1pending00:01:00', 'is tried again later, nothing of it is left') FROM crm.automation_queue;
SELECT matches(last_error, '^SC012: .*lukewarm', 'and says why') FROM crm.automation_queue;
SET LOCAL sales_crm.now = '2030-01-02 00:00+00'; SELECT sales_crm.run_due_automation() \gset
SET LOCAL sales_crm.now = '2030-01-03 00:00+00'; SELECT sales_crm.run_due_automation() \gset
SET LOCAL sales_crm.now = '2030-01-04 00:00+00'; SELECT sales_crm.run_due_automation() \gset
SET LOCAL sales_crm.now = '2030-01-05 00:00+00'; SELECT sales_crm.run_due_automation() \gset
SET LOCAL sales_crm.now = '2030-01-06 00:00+00';
SELECT is(ran || (SELECT state || attempts FROM crm.automation_queue), '0dead5', 'after five tries it is dead') FROM sales_crm.run_due_automation();
SELECT is(string_agg(outcome, ' ' ORDER BY automation_run_id), 'failed failed failed failed dead', 'and the log tells of each') FROM crm.automation_run AS r JOIN crm.automation_rule AS a USING (automation_rule_id) WHERE name = 'fails';
RESET sales_crm.now;
SELECT pg_temp.no_rules() \gset
SELECT is(count(*), 0::bigint, 'a rule takes what waits for it along') FROM crm.automation_queue;
SELECT pg_temp.rule('again', 'lead', 'updated', NULL, ARRAY['{"set_columns": {"set": {"employee_count": "coalesce(new.employee_count, 0) + 1"}}}']::jsonb[], timing => 'queued') \gset
UPDATE crm.lead SET subject = 'y' WHERE lead_id = :lead_id;
DO $$ BEGIN FOR i IN 1 .. 12 LOOP PERFORM sales_crm.run_due_automation(); END LOOP; END $$;
SELECT is(employee_count, 7, 'a loop by way of the queue ends at the same depth') FROM crm.lead WHERE lead_id = :lead_id;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- A condition of very many parts can be canceled while it is explained.
INSERT INTO crm.automation_rule (name, entity, event, condition) VALUES ('long', 'lead', 'on_demand', 'true' || repeat(' AND new.lead_id > 0', 20000));
CREATE FUNCTION pg_temp.canceled_after(statement text) RETURNS interval LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN '1 day';
EXCEPTION WHEN query_canceled THEN
	RETURN clock_timestamp() - statement_timestamp();
END $$;
SET LOCAL statement_timeout = '100ms';
SELECT pg_temp.canceled_after(format('SELECT count(*) FROM sales_crm.explain_rule(''long'', ''lead'', %s)', :lead_id)) AS took \gset
SET LOCAL statement_timeout = 0;
SELECT ok(:'took'::interval < '20 s', 'explain_rule() of a very long condition ends when it is canceled');

SELECT * FROM finish();
ROLLBACK;
