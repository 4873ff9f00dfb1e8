-- Processes on one record: moves, gates, branches, endings, phase and chance of the deal, time (D§5.1).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();
SET LOCAL sales_crm.now = '2030-01-01 10:00Z';

SELECT new_process('Deals', 'First:opportunity:qualify:10:budget_amount!,decision_maker!,need Second:opportunity:develop:35:customer_need! Third:opportunity:research: Last:opportunity:close:80:file_debrief!', 50) \gset
SELECT sales_crm.activate_process(process_name => 'Deals') \gset
SELECT new_deal() \gset
INSERT INTO opportunity (name, account_id) VALUES ('other', id('Contoso'));
SELECT remember('other', max(opportunity_id)) FROM opportunity \gset

-- Nothing starts by itself; a call without a process takes the first one.
SELECT is(path_of('opportunity', id('deal')), 'none', 'an insert starts no process');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('other')), 'Develop', 'the first next_stage starts the default process and leads on from its first stage');
SELECT is(path_of('opportunity', id('other')), 'active: Qualify > Develop', 'both stages are on the path');
SELECT is(deal_of(id('other')), 'develop 30', 'the deal has phase and chance of the second');
SELECT refused(format($$SELECT sales_crm.previous_stage(entity => 'opportunity', record_id => %s)$$, id('deal')), 'P0002', 'no instance, no previous stage');
SELECT refused($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => -1)$$, 'P0002', 'an unknown record');
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'none')$$, id('deal')), 'P0002', 'an unknown process');
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'Lead to Cash')$$, id('deal')), '22023', 'a process of leads');
SELECT refused($$SELECT sales_crm.start_process(entity => 'account', record_id => 1)$$, 'P0002', 'an unknown account');
SELECT refused($$SELECT sales_crm.start_process(entity => 'nothing', record_id => 1)$$, '42704', 'an unknown entity');
SELECT refused($$SELECT sales_crm.start_process(entity => 'currency', record_id => 1)$$, '22023', 'a table without a number for a key');
SELECT refused($$SELECT sales_crm.start_process(entity => 'process', record_id => 1)$$, '22023', 'a table of processes');
SELECT refused($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => NULL)$$, '22004', 'no record');

-- The gate lists what is missing; a yes/no column counts when true, a blank text does not.
SELECT isnt(sales_crm.start_process(entity => 'opportunity', record_id => id('deal'), process_name => 'Deals'), NULL, 'started');
SELECT is(deal_of(id('deal')), 'qualify 10', 'phase and chance of the first stage');
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'Deals')$$, id('deal')), '23505', 'once for each record');
SELECT is(words(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('deal'))),
	'SC008 required steps of the stage are missing | Missing: Budget Amount (opportunity.budget_amount), Decision Maker (opportunity.decision_maker). | Fill these columns of opportunity; a yes/no column must be true.', 'all missing steps in one refusal');
UPDATE opportunity SET budget_amount = 0 WHERE opportunity_id = id('deal');
SELECT is(detail_of(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('deal'))), 'Missing: Decision Maker (opportunity.decision_maker).', 'no is not done, 0 is a value');
SELECT refused(format($$UPDATE process_instance SET active_stage_id = active_stage_id + 1 WHERE opportunity_id = %s$$, id('deal')), 'SC002', 'no way round by an UPDATE');
SELECT refused(format($$INSERT INTO process_instance (process_id, entity, record_id, active_stage_id, active_stage_started_at, last_used_at, opportunity_id)
	SELECT process_id, 'opportunity', %1$s, process_stage_id, now(), now(), %1$s FROM process_stage WHERE name = 'Close' LIMIT 1$$, id('deal')), 'SC001', 'nor by an INSERT');
SELECT refused(format($$DELETE FROM process_instance WHERE opportunity_id = %s$$, id('deal')), 'SC002', 'nor by a DELETE');
UPDATE opportunity SET decision_maker = true WHERE opportunity_id = id('deal');
SET LOCAL sales_crm.now = '2030-01-01 11:30Z';
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Second', 'filled in, it goes on');
SELECT is(deal_of(id('deal')), 'develop 35', 'the deal follows');
SELECT is((SELECT amount || ' ' || from_phase || ' ' || to_phase FROM opportunity_stage_history WHERE opportunity_id = id('deal')), '5000.0000 qualify develop', 'and its history of phases');
UPDATE opportunity SET customer_need = '  ' WHERE opportunity_id = id('deal');
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC008', 'a blank is no value');
UPDATE opportunity SET customer_need = 'chairs' WHERE opportunity_id = id('deal');

-- A typed chance stays; emptying it, or saying so, gives it back.
UPDATE opportunity SET close_probability = 55 WHERE opportunity_id = id('deal');
SELECT is(deal_of(id('deal')), 'develop 55 typed', 'a chance changed by hand is marked');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Third', 'the third stage');
SELECT is(deal_of(id('deal')), 'develop 55 typed', 'its category is no phase, it has no chance');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Last', 'the last stage');
SELECT is(deal_of(id('deal')), 'close 55 typed', 'the typed chance stays');
SELECT is(sales_crm.previous_stage(entity => 'opportunity', record_id => id('deal')), 'Third', 'back, whatever the steps say');
UPDATE opportunity SET close_probability = NULL WHERE opportunity_id = id('deal');
SELECT is(deal_of(id('deal')), 'close', 'an emptied chance is free again');
SELECT is(sales_crm.previous_stage(entity => 'opportunity', record_id => id('deal')), 'Second', 'back once more');
SELECT is(deal_of(id('deal')), 'develop 35', 'phase and chance go back too');
UPDATE opportunity SET close_probability = 50 WHERE opportunity_id = id('deal');
UPDATE opportunity SET is_probability_overridden = false WHERE opportunity_id = id('deal');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')) || ' ' || sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Third Last', 'forward again');
SELECT is(deal_of(id('deal')), 'close 80', 'the chance follows again');

SELECT results_eq(format($$SELECT stage, category, entity, minutes, is_active, is_on_path FROM bi_process_stage_duration WHERE opportunity_id = %s AND (direction = 'start' OR is_active OR entered_at < left_at) ORDER BY process_stage_history_id$$, id('deal')),
	$$VALUES ('First', 'qualify', 'opportunity', 90.00::numeric(18,2), false, true), ('Last', 'close', 'opportunity', (SELECT (extract(epoch FROM now() - timestamptz '2030-01-01 11:30Z') / 60)::numeric(18,2)), true, true)$$, 'the time in the stages, for reports');

-- set_stage goes back to what was reached, and nowhere else.
SELECT is(sales_crm.set_stage(entity => 'opportunity', record_id => id('deal'), stage_name => 'First'), 'First', 'the first stage again');
SELECT is(path_of('opportunity', id('deal')), 'active: First', 'the path is cut back');
SELECT is(words(format($$SELECT sales_crm.set_stage(entity => 'opportunity', record_id => %s, stage_name => 'Last')$$, id('deal'))),
	'SC001 stage "Last" is not on the path of process "Deals" | The path is: First. | Name a stage of the path; next_stage() leads on, one stage at a time.', 'a stage that was left again is not set');
SELECT refused(format($$SELECT sales_crm.previous_stage(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC001', 'nothing before the first');
SELECT is((SELECT string_agg(direction || ' ' || s.name || coalesce(' ' || trim_scale(h.minutes), ''), ', ' ORDER BY process_stage_history_id) FROM process_stage_history AS h JOIN process_stage AS s USING (process_stage_id)
	JOIN process_instance AS i USING (process_instance_id) WHERE i.opportunity_id = id('deal')),
	'start First 90, forward Second 0, forward Third 0, forward Last 0, back Third 0, back Second 0, forward Third 0, forward Last 0, set First', 'every stay is kept, with its minutes');

-- The end of a process: in its last stage, gate included; it closes no record.
SELECT refused(format($$SELECT sales_crm.finish_process(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC001', 'not before the last stage');
SELECT count(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal'))) FROM generate_series(1, 3) \gset
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC001', 'nothing behind the last');
SELECT refused(format($$SELECT sales_crm.finish_process(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC008', 'the gate of the last stage');
UPDATE opportunity SET file_debrief = true WHERE opportunity_id = id('deal');
SET LOCAL sales_crm.now = '2030-01-01 13:00Z';
SELECT is(sales_crm.finish_process(entity => 'opportunity', record_id => id('deal')), 'finished', 'finished');
SELECT results_eq(format($$SELECT state, status_reason, completed_at, duration_minutes FROM process_instance WHERE opportunity_id = %s$$, id('deal')),
	$$VALUES ('finished', 'finished', '2030-01-01 13:00Z'::timestamptz, 180.00)$$, 'with its duration');
SELECT is(state_of('opportunity', id('deal')), 'open/in_progress', 'the deal is as open as before');
SELECT is((SELECT string_agg(action || ' ' || outcome('opportunity', id('deal'), format('SELECT sales_crm.%s(entity => ''opportunity'', record_id => %%s)', action)), ', ' ORDER BY action)
	FROM unnest('{next_stage,previous_stage,finish_process,abandon_process}'::text[]) AS action), 'abandon_process SC001, finish_process SC001, next_stage SC001, previous_stage SC001', 'an ended process does not move');
SELECT refused(format($$SELECT sales_crm.set_stage(entity => 'opportunity', record_id => %s, stage_name => 'First')$$, id('deal')), 'SC001', 'nor is its stage set');
SET LOCAL sales_crm.now = '2030-01-01 14:00Z';
SELECT is(sales_crm.reactivate_process(entity => 'opportunity', record_id => id('deal')), 'active', 'taken up again');
SELECT results_eq(format($$SELECT p.active_stage, p.active_stage_started_at, p.completed_at, p.duration_minutes FROM process_path AS p WHERE p.entity = 'opportunity' AND p.record_id = %s$$, id('deal')),
	$$VALUES ('Last', '2030-01-01 14:00Z'::timestamptz, NULL::timestamptz, NULL::numeric(18,2))$$, 'in the same stage, from now on');
SELECT refused(format($$SELECT sales_crm.reactivate_process(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC001', 'an active one is not taken up');
SELECT is(sales_crm.abandon_process(entity => 'opportunity', record_id => id('deal')), 'aborted', 'abandoned in whatever stage');
SELECT is((SELECT string_agg(to_state, ' ' ORDER BY status_history_id) FROM status_history WHERE entity = 'process_instance'
	AND record_id = (SELECT process_instance_id FROM process_instance WHERE opportunity_id = id('deal'))), 'finished active aborted', 'its states are in the history');

-- Several processes on a record: the one used last is the current one.
SELECT is(sales_crm.switch_process(entity => 'opportunity', record_id => id('other'), process_name => 'Deals') > 0, true, 'another process on the record');
SELECT is(path_of('opportunity', id('other')), 'active: First', 'it is the current one');
SELECT is(sales_crm.switch_process(entity => 'opportunity', record_id => id('other'), process_name => 'Opportunity Sales Process'),
	(SELECT min(process_instance_id) FROM process_instance WHERE opportunity_id = id('other')), 'back to the one that is there');
SELECT is(path_of('opportunity', id('other')), 'active: Qualify > Develop', 'it kept its stage');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('other')), 'Propose', 'calls without a name are about it');
UPDATE opportunity SET budget_amount = 1, decision_maker = true WHERE opportunity_id = id('other');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('other'), process_name => 'Deals'), 'Second', 'a name leads to the other one');
SELECT is(path_of('opportunity', id('other')), 'active: First > Second', 'which is the current one now');
SELECT refused(format($$SELECT sales_crm.switch_process(entity => 'opportunity', record_id => %s, process_name => 'none')$$, id('other')), 'P0002', 'not to an unknown one');
SELECT is(sales_crm.abandon_process(entity => 'opportunity', record_id => id('other')), 'aborted', 'the current one is abandoned');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('other')), 'Close', 'active ones come first then');

-- A closed record stays where it is; its process may be finished.
SELECT sales_crm.win_opportunity(opportunity_id => id('other')) \gset
SELECT refused(format($$SELECT sales_crm.previous_stage(entity => 'opportunity', record_id => %s)$$, id('other')), 'SC002', 'no move on a closed record');
SELECT is(sales_crm.finish_process(entity => 'opportunity', record_id => id('other')), 'finished', 'but an end');
INSERT INTO opportunity (name, account_id) VALUES ('won', id('Contoso'));
SELECT remember('won', max(opportunity_id)) FROM opportunity \gset
SELECT sales_crm.win_opportunity(opportunity_id => id('won')) \gset
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s)$$, id('won')), 'SC002', 'nothing starts on a closed record');

-- A process that is not active starts nothing and moves nothing.
SELECT is(sales_crm.reactivate_process(entity => 'opportunity', record_id => id('deal'), process_name => 'Deals'), 'active', 'one more time');
SELECT sales_crm.deactivate_process(process_name => 'Deals') \gset
SELECT refused(format($$SELECT sales_crm.previous_stage(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC001', 'an inactive process does not move');
SELECT new_deal('third') \gset
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'Deals')$$, id('third')), 'SC001', 'nor start');

-- Branches: typed comparison, lists, empty columns, ways that join, an end.
SELECT remember('branched', new_process('Branched', 'Start:opportunity:qualify::budget_amount,need,final_decision_date Big:opportunity:develop::estimated_value Small:opportunity:develop: Join:opportunity:propose: End:opportunity:close:', 60)) \gset
INSERT INTO process_branch (process_stage_id, sort_order, column_name, operator, value, next_stage_id)
SELECT s.process_stage_id, b.place, b.column_name, b.operator, b.value, n.process_stage_id
FROM (VALUES ('Start', 1, 'need', 'in', 'no_need, good_to_have', 'End'), ('Start', 2, 'final_decision_date', '<', '2030-06-01', 'Join'), ('Start', 3, 'budget_amount', '>=', '1000', 'Big'), ('Start', 4, NULL, 'always', NULL, 'Small'),
	('Big', 1, NULL, 'always', NULL, 'Join'), ('Join', 1, 'budget_amount', 'is_null', NULL, NULL)) AS b (stage, place, column_name, operator, value, next_stage)
JOIN process_stage AS s ON s.name = b.stage AND s.process_id = id('branched') LEFT JOIN process_stage AS n ON n.name = b.next_stage AND n.process_id = id('branched');
SELECT is(sales_crm.activate_process(process_name => 'Branched'), 'active', 'a process with branches');
CREATE FUNCTION way(columns text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint; reached text;
BEGIN
	INSERT INTO opportunity (name, account_id) VALUES ('branched', id('Contoso')) RETURNING opportunity_id INTO made;
	EXECUTE format('UPDATE opportunity SET %s WHERE opportunity_id = $1', columns) USING made;
	PERFORM sales_crm.start_process(entity => 'opportunity', record_id => made, process_name => 'Branched');
	LOOP
		BEGIN
			reached := sales_crm.finish_process(entity => 'opportunity', record_id => made);
			RETURN path_of('opportunity', made);
		EXCEPTION WHEN SQLSTATE 'SC001' THEN
			PERFORM sales_crm.next_stage(entity => 'opportunity', record_id => made);
		END;
	END LOOP;
END $$;
SELECT is(way('budget_amount = 999.99'), 'finished: Start > Small > Join > End', 'a small budget');
SELECT is(way('budget_amount = 1000'), 'finished: Start > Big > Join > End', 'a big one, compared as a number');
SELECT is(way('need = ''good_to_have'''), 'finished: Start > End', 'a value of a list');
SELECT is(way('final_decision_date = ''2030-05-31'''), 'finished: Start > Join', 'a date; without a budget the path ends');
SELECT is(way('need = ''must_have'''), 'finished: Start > Small > Join', 'an empty column fulfils no comparison');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
