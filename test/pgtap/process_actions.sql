-- Action steps: rules of automation that people run from a stage, each with its own completion (D§5.1, D§5.3).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();
SET LOCAL sales_crm.now = '2030-01-01 10:00Z';

-- Rules by name: what they do, and how.
CREATE FUNCTION new_rule(as_name text, of text, does text, params jsonb, as_event text DEFAULT 'on_demand', as_timing text DEFAULT 'in_transaction', as_condition text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO automation_rule (name, entity, event, timing, condition) VALUES (as_name, of, as_event, as_timing, as_condition) RETURNING automation_rule_id INTO made;
	INSERT INTO automation_action (automation_rule_id, action, parameters) VALUES (made, does, params);
	RETURN made;
END $$;
SELECT new_rule('approve', 'opportunity', 'set_columns', '{"set": {"customer_need": "coalesce(new.customer_need, '''') || ''!''"}}', as_condition => 'new.budget_amount > 0') \gset
SELECT new_rule('check later', 'opportunity', 'set_columns', '{"set": {"proposed_solution": "''checked''"}}', as_timing => 'queued') \gset
SELECT new_rule('broken', 'opportunity', 'set_columns', '{"set": {"budget_amount": "(1 / (new.opportunity_id - new.opportunity_id))"}}') \gset
SELECT new_rule('never', 'opportunity', 'refuse', '{"message": "''not in this house''"}') \gset
SELECT new_rule('of leads', 'lead', 'set_columns', '{"set": {"need": "''must_have''"}}') \gset
SELECT new_rule('by itself', 'opportunity', 'set_columns', '{"set": {"customer_need": "''x''"}}', as_event => 'created') \gset

-- An action has a rule and no column, and the other way round.
SELECT remember('process', new_process('Acted', 'One:opportunity:qualify::need! Two:opportunity:develop: Three:opportunity:close:', 1)) \gset
CREATE FUNCTION new_action(stage text, as_label text, of_rule text, required boolean DEFAULT false, place integer DEFAULT 10) RETURNS void LANGUAGE sql AS $$
	INSERT INTO process_step (process_stage_id, label, kind, rule_name, is_required, sort_order) SELECT process_stage_id, as_label, 'action', of_rule, required, place FROM process_stage WHERE process_id = id('process') AND name = stage
$$;
SELECT throws_ok(format($$INSERT INTO process_step (process_stage_id, label, kind) SELECT process_stage_id, 'x', 'action' FROM process_stage WHERE process_id = %s$$, id('process')), '23514', NULL, 'an action names a rule');
SELECT throws_ok(format($$INSERT INTO process_step (process_stage_id, label, column_name, rule_name) SELECT process_stage_id, 'x', 'need', 'approve' FROM process_stage WHERE process_id = %s$$, id('process')), '23514', NULL, 'a data step names none');
SELECT throws_ok(format($$INSERT INTO process_step (process_stage_id, label, kind, column_name, rule_name) SELECT process_stage_id, 'x', 'action', 'need', 'approve' FROM process_stage WHERE process_id = %s$$, id('process')), '23514', NULL, 'an action has no column');
SELECT throws_ok(format($$INSERT INTO process_step (process_stage_id, label, kind, rule_name) SELECT process_stage_id, 'x', 'button', 'approve' FROM process_stage WHERE process_id = %s$$, id('process')), '23514', NULL, 'two kinds of steps');
SELECT new_action('One', 'Approve', 'approve', true) \gset
SELECT throws_ok($$SELECT new_action('One', 'Approve', 'broken')$$, '23505', NULL, 'labels of a stage''s actions differ');

-- Activation looks at the rules.
CREATE FUNCTION said(of_rule text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE got text; words text;
BEGIN
	PERFORM new_action('Two', 'Tried', of_rule);
	PERFORM sales_crm.activate_process(process_name => 'Acted');
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION WHEN check_violation THEN
	GET STACKED DIAGNOSTICS got = CONSTRAINT_NAME, words = MESSAGE_TEXT;
	RETURN got || ': ' || split_part(words, 'activated: ', 2);
WHEN SQLSTATE 'ZZ000' THEN RETURN 'nothing';
END $$;
SELECT is(said('approve'), 'nothing', 'a rule that people may run');
SELECT is(said('gone'), 'process_step_rule: action step "Tried" of stage "Two": rule "gone" does not exist', 'no such rule');
SELECT is(said('of leads'), 'process_step_rule: action step "Tried" of stage "Two": rule "of leads" is of entity lead', 'a rule of another table');
SELECT is(said('by itself'), 'process_step_rule: action step "Tried" of stage "Two": rule "by itself" does not run on demand: its event is created, or it is not active', 'a rule of another event');
UPDATE automation_rule SET is_active = false WHERE name = 'never';
SELECT matches(said('never'), '^process_step_rule: .*it is not active', 'a rule that is switched off');
UPDATE automation_rule SET is_active = true WHERE name = 'never';
SELECT new_action('One', 'Break', 'broken', place => 11) \gset
SELECT new_action('One', 'Refuse', 'never', place => 12) \gset
SELECT new_action('Two', 'Check', 'check later', true) \gset
SELECT is(sales_crm.activate_process(process_name => 'Acted'), 'active', 'activated with actions');

-- The action is listed, and the gate names it by its label.
SELECT new_deal('deal') \gset
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Approve')$$, id('deal')), 'P0002', 'no process, no action');
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('deal'), process_name => 'Acted') \gset
CREATE FUNCTION steps() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', name, detail, value, CASE WHEN is_required THEN 'required' END, CASE WHEN is_done THEN 'done' END, CASE WHEN is_allowed THEN 'allowed' END, since), ', ')
	FROM sales_crm.process_guidance(entity => 'opportunity', id => id('deal')) WHERE section = 'step' OR name = 'run_process_step'
$$;
SELECT is(steps(), 'Need opportunity.need required, Approve action: rule "approve" required, Break action: rule "broken", Refuse action: rule "never", run_process_step runs "Approve", "Break", "Refuse" allowed', 'guidance lists actions');
SELECT is(words(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('deal'))),
	'SC008 required steps of the stage are missing | Missing: Need (opportunity.need), Approve (action). | Fill the columns of opportunity; a yes/no column must be true. run_process_step() does an action.', 'the gate');
UPDATE opportunity SET need = 'must_have' WHERE opportunity_id = id('deal');
SELECT results_eq(format($$SELECT reason, detail, hint FROM sales_crm.why_not(entity => 'opportunity', id => %s, action => 'next_stage')$$, id('deal')),
	$$VALUES ('stage "One" requires "Approve"', 'Approve (action)', 'Use run_process_step() with step => ''Approve''.')$$, 'why not');
SELECT results_eq(format($$SELECT left(reason, 40) FROM sales_crm.why_not(entity => 'opportunity', id => %s, action => 'run_process_step')$$, id('deal')),
	$$VALUES ('automation rule "broken" failed'), ('not in this house')$$, 'why not, for each action that would be refused');
SELECT is((SELECT count(*) FROM process_step_completion), 0::bigint, 'asking does nothing');
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Need')$$, id('deal')), 'P0002', 'a column is no action');
SELECT matches(words(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Check')$$, id('deal'))), '^P0002 .*"Approve", "Break", "Refuse"', 'nor is one of another stage');
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => NULL)$$, id('deal')), '22004', 'no step');

-- Skipped, failed, refused, done.
SELECT is(sales_crm.run_process_step(entity => 'opportunity', record_id => id('deal'), step => 'Approve'), 'skipped', 'the condition does not hold');
SELECT is((SELECT count(*) FROM process_step_completion), 0::bigint, 'which completes nothing');
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Break')$$, id('deal')), 'SC012', 'a rule that fails');
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Refuse')$$, id('deal')), 'SC020', 'a rule that refuses');
SELECT is((SELECT count(*) FROM process_step_completion), 0::bigint, 'leave nothing');
UPDATE opportunity SET budget_amount = 5 WHERE opportunity_id = id('deal');
SELECT is(sales_crm.run_process_step(entity => 'opportunity', record_id => id('deal'), step => 'Approve', process_name => 'Acted'), 'done', 'it runs');
SELECT is((SELECT customer_need FROM opportunity WHERE opportunity_id = id('deal')), 'x!', 'on the stage''s record');
SELECT results_eq('SELECT record_id, state, completed_at, completed_by FROM process_step_completion', format($$VALUES (%s::bigint, 'done', '2030-01-01 10:00Z'::timestamptz, NULL::bigint)$$, id('deal')), 'and is remembered');
SELECT matches(steps(), 'Approve action: rule "approve" done required done 2030-01-01', 'guidance shows it done');
SET LOCAL sales_crm.now = '2030-01-01 11:00Z';
SELECT is(sales_crm.run_process_step(entity => 'opportunity', record_id => id('deal'), step => 'Approve'), 'done', 'run again');
SELECT is((SELECT customer_need || ' ' || (SELECT count(*) || ' ' || max(completed_at) FROM process_step_completion) FROM opportunity WHERE opportunity_id = id('deal')), 'x!! 1 2030-01-01 11:00:00+00', 'it runs again, remembered once');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Two', 'the gate is open');

-- A queued rule completes when it has run.
SELECT is(sales_crm.run_process_step(entity => 'opportunity', record_id => id('deal'), step => 'Check'), 'requested', 'asked for');
SELECT is((SELECT reason || ' | ' || detail || ' | ' || hint FROM sales_crm.why_not(entity => 'opportunity', id => id('deal'), action => 'next_stage')),
	'stage "Two" requires "Check" | Check (action, requested) | It was asked for: run_due_automation() does it. If the queue has it no more, use run_process_step() again.', 'not done yet');
SET LOCAL sales_crm.now = '2030-01-01 12:00Z';
SELECT is((SELECT sales_crm.run_due_automation()), 1, 'the queue does it');
SELECT is((SELECT state || ' ' || completed_at FROM process_step_completion ORDER BY process_step_completion_id DESC LIMIT 1), 'done 2030-01-01 12:00:00+00', 'done');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Three', 'the gate is open');
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Check')$$, id('deal')), 'P0002', 'the last stage has no actions');

-- Going back, ending and taking up keep what was done.
SELECT is(sales_crm.previous_stage(entity => 'opportunity', record_id => id('deal')), 'Two', 'back');
SELECT is(sales_crm.run_process_step(entity => 'opportunity', record_id => id('deal'), step => 'Check'), 'requested', 'asked for once more');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Three', 'what was done stays done meanwhile');
SELECT is(sales_crm.abandon_process(entity => 'opportunity', record_id => id('deal')), 'aborted', 'abandoned');
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Check')$$, id('deal')), 'SC001', 'an ended process runs nothing');
SELECT is(sales_crm.reactivate_process(entity => 'opportunity', record_id => id('deal')), 'active', 'taken up');
SELECT is((SELECT count(*) FROM process_step_completion WHERE state = 'done'), 2::bigint, 'with what was done');
-- A rule that is gone or switched off: the call says so.
UPDATE automation_rule SET is_active = false WHERE name = 'approve';
SELECT sales_crm.set_stage(entity => 'opportunity', record_id => id('deal'), stage_name => 'One') \gset
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Approve')$$, id('deal')), '22023', 'a rule that was switched off');
DELETE FROM automation_rule WHERE name = 'approve';
SELECT refused(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Approve')$$, id('deal')), 'P0002', 'a rule that is gone');
SELECT results_eq('SELECT check_name, detail FROM sales_crm.verify()', $$VALUES ('step_without_rule', 'action step "Approve" of active process "Acted": nobody can run rule "approve" on opportunity')$$, 'and verify() tells of the button');
SELECT new_rule('approve', 'opportunity', 'set_columns', '{"set": {"customer_need": "''y''"}}') \gset

-- An action whose rule moves the process on: what it does counts, and is remembered.
SELECT new_rule('go on', 'opportunity', 'call_function', '{"function": "next_stage", "arguments": {"entity": "''opportunity''", "record_id": "new.opportunity_id"}}') \gset
SELECT remember('process', new_process('Moved', 'One:opportunity:qualify: Two:opportunity:develop:', 2)) \gset
SELECT new_action('One', 'Go on', 'go on') \gset
SELECT sales_crm.activate_process(process_name => 'Moved') \gset
SELECT new_deal('moved') \gset
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('moved'), process_name => 'Moved') \gset
SELECT is(sales_crm.run_process_step(entity => 'opportunity', record_id => id('moved'), step => 'Go on'), 'done', 'a rule that moves the process on');
SELECT is(path_of('opportunity', id('moved')) || ' ' || (SELECT count(*) FROM process_step_completion JOIN process_instance USING (process_instance_id) WHERE opportunity_id = id('moved')), 'active: One > Two 1', 'it stands there, with the step done');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');

-- Who may run actions; a deleted record takes its completions along.
CREATE ROLE tap_seller;
CREATE ROLE tap_reader;
SELECT sales_crm.grant_access(role => 'tap_seller', level => 'sell'), sales_crm.grant_access(role => 'tap_reader', level => 'read') \gset
GRANT USAGE ON SCHEMA tap TO tap_seller, tap_reader;
GRANT SELECT ON tap.named TO tap_seller, tap_reader;
SELECT sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')) \gset
SET LOCAL ROLE tap_seller;
SELECT is(sales_crm.run_process_step(entity => 'opportunity', record_id => id('deal'), step => 'Check'), 'requested', 'a seller');
SELECT throws_ok($$DELETE FROM crm.process_step_completion$$, '42501', NULL, 'who does not write what was done himself');
SET LOCAL ROLE tap_reader;
SELECT throws_ok(format($$SELECT sales_crm.run_process_step(entity => 'opportunity', record_id => %s, step => 'Check')$$, id('deal')), '42501', NULL, 'no reader');
RESET ROLE;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
DELETE FROM opportunity WHERE opportunity_id = id('deal');
SELECT is((SELECT count(*) FROM process_step_completion WHERE record_id = id('deal')), 0::bigint, 'gone with the deal');
SELECT * FROM finish();
ROLLBACK;
