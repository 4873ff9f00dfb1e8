-- What workflows and business rules of D§5.3 do, each as a rule: create, update, assign, change status, send an e-mail, wait, a child workflow, a custom
-- action, stop; set a value, a default, a required column, an error message; whose rights a rule has.
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/automation.sql
SELECT plan(28);

\ir ../lib/automation_log.sql
CREATE FUNCTION pg_temp.note(what text) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('create_record', jsonb_build_object('entity', 'tap_log', 'values', jsonb_build_object('what', what))) $$;

-- Change status: by the column where a plain update may, by the call where only that may.
SELECT pg_temp.rule('close', 'account', 'updated', 'new.credit_limit = 0', ARRAY['{"set_columns": {"set": {"state": "''inactive''"}}}']::jsonb[], 'credit_limit') \gset
SELECT pg_temp.rule('drop', 'lead', 'updated', 'new.do_not_email AND new.do_not_phone', ARRAY['{"call_function": {"function": "disqualify_lead", "arguments": {"lead_id": "new.lead_id", "status_reason": "''cannot_contact''"}}}']::jsonb[], 'do_not_email, do_not_phone') \gset
SELECT pg_temp.new_account() AS account_id, pg_temp.new_lead() AS lead_id \gset
UPDATE crm.account SET credit_limit = 0 WHERE account_id = :account_id;
SELECT is(state, 'inactive', 'change status: set_columns where an update may') FROM crm.account WHERE account_id = :account_id;
UPDATE crm.lead SET do_not_email = true, do_not_phone = true WHERE lead_id = :lead_id;
SELECT is(state || ' ' || status_reason, 'disqualified cannot_contact', 'change status: by the lifecycle call') FROM crm.lead WHERE lead_id = :lead_id;
SELECT pg_temp.no_rules() \gset

-- Update of another record, and a custom action: a function of the administrator's.
CREATE FUNCTION crm.tap_count_leads(parent bigint) RETURNS void LANGUAGE sql AS $$ UPDATE crm.account SET employee_count = (SELECT count(*) FROM crm.lead AS l WHERE l.account_id = parent) WHERE account_id = parent $$;
SELECT pg_temp.rule('counts', 'lead', 'created', 'new.account_id IS NOT NULL', ARRAY['{"call_function": {"function": "tap_count_leads", "arguments": {"parent": "new.account_id"}}}']::jsonb[]) \gset
SELECT pg_temp.new_account('Parent') AS account_id \gset
INSERT INTO crm.lead (last_name, account_id) VALUES ('A', :account_id);
INSERT INTO crm.lead (last_name, account_id) VALUES ('B', :account_id);
SELECT is(employee_count, 2, 'update of a record that belongs to it, by a custom action') FROM crm.account WHERE account_id = :account_id;
SELECT pg_temp.no_rules() \gset

-- A child workflow: a rule of event on_demand that other rules run, also for another record; it has conditions and rights of its own.
CREATE ROLE tap_child;
SELECT sales_crm.grant_access(role => 'tap_child', level => 'read') \g /dev/null
GRANT INSERT ON crm.tap_log TO tap_child;
SELECT pg_temp.rule('child', 'account', 'on_demand', $$new.name <> 'Dull'$$, ARRAY[pg_temp.note($$'child ' || new.name || ' ' || current_user$$)]) \gset
UPDATE crm.automation_rule SET rule_owner = 'tap_child' WHERE name = 'child';
SELECT pg_temp.rule('parent', 'lead', 'created', 'new.account_id IS NOT NULL', ARRAY['{"call_function": {"function": "run_rule", "arguments": {"rule": "''child''", "record_id": "new.account_id"}}}', pg_temp.note($$'parent'$$)]) \gset
INSERT INTO crm.lead (last_name, account_id) VALUES ('C', :account_id);
SELECT is(pg_temp.logged(), 'child Parent tap_child, parent', 'a child workflow: in its place among the actions, with its own rights');
SELECT is(string_agg(a.name || r.depth, ' ' ORDER BY r.automation_run_id), 'child2 parent1', 'one deeper') FROM crm.automation_run AS r JOIN crm.automation_rule AS a USING (automation_rule_id);
INSERT INTO crm.lead (last_name, account_id) VALUES ('D', pg_temp.new_account('Dull'));
SELECT is(pg_temp.logged(), 'parent', 'whose condition says no');
SELECT is(string_agg(action || ' ' || entity, ', '), 'create_record tap_log, call_function lead, create_record tap_log', 'dry_run tells what the child does') FROM crm.lead AS l, sales_crm.dry_run('parent', 'lead', l.lead_id) WHERE l.last_name = 'C';
UPDATE crm.automation_rule SET is_active = false WHERE name = 'child';
SELECT pg_temp.refused(format('INSERT INTO crm.lead (last_name, account_id) VALUES (''E'', %s)', :account_id), 'SC012', 'a child that is switched off: the parent fails');
UPDATE crm.automation_rule SET is_active = true, timing = 'queued' WHERE name = 'child';
INSERT INTO crm.lead (last_name, account_id) VALUES ('F', :account_id);
SELECT is(pg_temp.logged(), 'parent', 'a child in the background');
SELECT is(ran, 1, 'it waits in the queue') FROM sales_crm.run_due_automation();
SELECT is(pg_temp.logged(), 'child Parent tap_child', 'and runs after the parent');
UPDATE crm.automation_rule SET timing = 'in_transaction', rule_owner = current_user, condition = NULL WHERE name = 'child';
INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'call_function', '{"function": "run_rule", "arguments": {"rule": "''child''", "record_id": "new.account_id"}}' FROM crm.automation_rule WHERE name = 'child';
SELECT pg_temp.refused(format('SELECT sales_crm.run_rule(''child'', %s)', :account_id), 'SC012', 'a child that runs itself is stopped');
SELECT pg_temp.no_rules() \gset

-- Wait, with a condition and a timeout: some days after something happened, if nothing came of it meanwhile.
SET LOCAL sales_crm.now = '2031-06-01 10:00+00';
INSERT INTO crm.automation_rule (name, entity, event, date_column, offset_interval, condition) VALUES ('remind', 'lead', 'date_reached', 'created_at', '3 days', $$new.status_reason = 'new' AND NOT EXISTS (SELECT FROM activity WHERE regarding_entity = 'lead' AND regarding_id = new.lead_id)$$);
INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'create_activity', '{"activity_type": "task", "subject": "''Nobody called '' || new.last_name", "due_in": "4 hours"}' FROM crm.automation_rule WHERE name = 'remind';
INSERT INTO crm.lead (last_name) VALUES ('Waits'), ('Heard');
SELECT is(ran, 0, 'wait: not yet') FROM sales_crm.run_due_automation();
SET LOCAL sales_crm.now = '2031-06-03 10:00+00';
UPDATE crm.lead SET status_reason = 'contacted' WHERE last_name = 'Heard';
SELECT is(ran, 0, 'wait: two days are not three') FROM sales_crm.run_due_automation();
SET LOCAL sales_crm.now = '2031-06-04 10:01+00';
SELECT is(ran, 2, 'wait: three days') FROM sales_crm.run_due_automation();
SELECT is(string_agg(subject || ' ' || scheduled_end_at, ', '), 'Nobody called Waits 2031-06-04 14:01:00+00', 'for whom nothing came of it') FROM crm.activity WHERE subject LIKE 'Nobody called%';
SELECT is(ran, 0, 'once') FROM sales_crm.run_due_automation();
SELECT pg_temp.no_rules() \gset
RESET sales_crm.now;

-- Send an e-mail: it is made with the record, gets its parties by a rule on it, and is put in line.
SELECT pg_temp.rule('welcome', 'lead', 'created', 'new.email IS NOT NULL', ARRAY['{"create_activity": {"activity_type": "email", "subject": "''Welcome '' || new.last_name", "values": {"direction": "''outgoing''"}}}']::jsonb[]) \gset
SELECT pg_temp.rule('addressed', 'activity', 'created', $$new.activity_type = 'email' AND new.regarding_entity = 'lead'$$, ARRAY['{"create_record": {"entity": "activity_party", "values": {"activity_id": "new.activity_id", "participation_type": "''to''", "entity": "''lead''", "record_id": "new.regarding_id"}}}',
	'{"call_function": {"function": "send_email", "arguments": {"activity_id": "new.activity_id"}}}']::jsonb[]) \gset
INSERT INTO crm.lead (last_name, email) VALUES ('Mail', 'mail@example.com');
SELECT is(a.subject || ' ' || a.status_reason || ' ' || p.participation_type || ' ' || p.address_used, 'Welcome Mail pending_send to mail@example.com', 'an e-mail to the lead') FROM crm.activity AS a JOIN crm.activity_party AS p USING (activity_id) WHERE a.subject = 'Welcome Mail' AND p.participation_type = 'to';
SELECT pg_temp.refused($$INSERT INTO crm.lead (last_name, email, do_not_email) VALUES ('Silent', 's@example.com', true)$$, 'SC012', 'who wants no mail gets none: the rule needs a condition');
SELECT pg_temp.no_rules() \gset

-- Stop: as succeeded, a condition that ends the chain; as canceled, refuse takes back what the rules before did.
SELECT pg_temp.rule('first', 'lead', 'created', NULL, ARRAY[pg_temp.note($$'first'$$)], sort => 1) \gset
SELECT pg_temp.rule('stop', 'lead', 'created', $$new.company_name = 'Stop'$$, ARRAY['{"refuse": {"message": "''Stopped at '' || new.company_name"}}']::jsonb[], sort => 2) \gset
SELECT pg_temp.rule('third', 'lead', 'created', NULL, ARRAY[pg_temp.note($$'third'$$)], sort => 3) \gset
INSERT INTO crm.lead (company_name) VALUES ('Go');
SELECT is(pg_temp.logged(), 'first, third', 'stop: not for this one');
SELECT throws_ok($$INSERT INTO crm.lead (company_name) VALUES ('Stop')$$, 'SC020', 'Stopped at Stop', 'stop as canceled, with a message');
SELECT is(pg_temp.logged() || count(*), '0', 'nothing of it is left') FROM crm.lead WHERE company_name = 'Stop';
SELECT pg_temp.no_rules() \gset

-- A business rule: a default, a value, a required column, an error message; for every writer.
SELECT pg_temp.rule('default', 'lead', 'created', 'new.lead_source IS NULL', ARRAY['{"set_columns": {"set": {"lead_source": "''web''"}}}']::jsonb[]) \gset
SELECT pg_temp.rule('value', 'lead', 'updated', $$new.rating = 'hot'$$, ARRAY['{"set_columns": {"set": {"purchase_timeframe": "''immediate''"}}}']::jsonb[], 'rating') \gset
SELECT pg_temp.rule('required', 'lead', 'updated', $$new.rating = 'hot' AND coalesce(new.email, new.business_phone) IS NULL$$, ARRAY['{"refuse": {"message": "''A hot lead needs an e-mail address or a telephone number.''"}}']::jsonb[], 'rating, email, business_phone', sort => -1) \gset
INSERT INTO crm.lead (last_name, lead_source) VALUES ('None', NULL), ('Given', 'partner');
SELECT is(string_agg(lead_source, ' ' ORDER BY lead_id), 'web partner', 'a default: where nothing was given') FROM crm.lead WHERE last_name IN ('None', 'Given');
SELECT throws_ok($$UPDATE crm.lead SET rating = 'hot' WHERE last_name = 'None'$$, 'SC020', 'A hot lead needs an e-mail address or a telephone number.', 'a required column, with an error message');
UPDATE crm.lead SET rating = 'hot', email = 'n@example.com' WHERE last_name = 'None';
SELECT is(rating || ' ' || purchase_timeframe, 'hot immediate', 'a value that follows another') FROM crm.lead WHERE last_name = 'None';
SELECT throws_ok($$UPDATE crm.lead SET email = NULL WHERE last_name = 'None'$$, 'SC020', NULL, 'it stays required');
SELECT is(string_agg(detail, ''), NULL, 'and dry_run passes where it is given') FROM crm.lead AS l, sales_crm.dry_run('required', 'lead', l.lead_id) AS d WHERE l.last_name = 'None' AND d.action <> 'none';
SELECT pg_temp.no_rules() \gset

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
