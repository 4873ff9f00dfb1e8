-- Processes fact by fact: what comes out of the box, limits, branches within branches, all tables in one process, time, several processes, events (D§5).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();
SET LOCAL sales_crm.now = '2030-01-01 10:00Z';

-- D§5.2: every stage and step of the processes out of the box, in order.
CREATE TABLE tap.wanted (stage text, place integer, entity text, steps text);
INSERT INTO tap.wanted VALUES
	('Qualify', 1, 'opportunity', 'Existing contact = contact_id, Existing account = account_id, Purchase timeframe = purchase_timeframe, Estimated budget = budget_amount, Purchase process = purchase_process, Identify decision maker = decision_maker, Capture summary = description'),
	('Develop', 2, 'opportunity', 'Customer need = customer_need, Proposed solution = proposed_solution, Identify stakeholders = identify_customer_contacts, Identify competitors = identify_competitors'),
	('Propose', 3, 'opportunity', 'Identify sales team = identify_pursuit_team, Develop proposal = develop_proposal, Complete internal review = complete_internal_review, Present proposal = present_proposal'),
	('Close', 4, 'opportunity', 'Complete final proposal = complete_final_proposal, Present final proposal = present_final_proposal, Confirm decision date = final_decision_date, Send thank you = send_thank_you_note, File de-brief = file_debrief'),
	('Fulfil', 5, 'sales_order', 'Agree delivery date = requested_delivery_date, Choose shipping = shipping_method, Fulfil order = fulfilled_on'),
	('Invoice', 6, 'invoice', 'Set due date = due_date, Record delivery = delivered_on');
CREATE FUNCTION tap.stages_of(process text) RETURNS TABLE (stage text, place bigint, entity text, category text, steps text) LANGUAGE sql AS $$
	SELECT s.name, row_number() OVER (ORDER BY s.sort_order, s.process_stage_id), s.entity, s.category,
		(SELECT string_agg(t.label || ' = ' || t.column_name, ', ' ORDER BY t.sort_order, t.process_step_id) FROM process_step AS t WHERE t.process_stage_id = s.process_stage_id)
	FROM process AS p JOIN process_stage AS s USING (process_id) WHERE p.name = process ORDER BY 2
$$;
SELECT results_eq(format('SELECT * FROM stages_of(%L)', name), format($$SELECT stage, place::bigint, CASE WHEN stage = 'Qualify' AND %L THEN 'lead' ELSE entity END, CASE WHEN place > 4 THEN 'fulfil' ELSE lower(stage) END, steps
	FROM wanted WHERE place <= %s ORDER BY place$$, begins_with_lead, stages), 'stages and steps of ' || name)
FROM (VALUES ('Lead to Opportunity Sales Process', true, 4), ('Opportunity Sales Process', false, 4), ('Lead to Cash', true, 6)) AS t (name, begins_with_lead, stages);
SELECT is((SELECT string_agg(DISTINCT t.column_name || ' ' || format_type(a.atttypid, NULL), ', ') FROM process_step AS t JOIN process_stage AS s USING (process_stage_id) JOIN pg_attribute AS a ON a.attrelid = ('crm.' || s.entity)::regclass AND a.attname = t.column_name
	WHERE s.name IN ('Propose', 'Close') OR t.column_name LIKE 'identify%'), 'complete_final_proposal boolean, complete_internal_review boolean, develop_proposal boolean, file_debrief boolean, final_decision_date date, identify_competitors boolean, '
	'identify_customer_contacts boolean, identify_pursuit_team boolean, present_final_proposal boolean, present_proposal boolean, send_thank_you_note boolean', 'what is ticked off is a yes/no column');
SELECT results_eq('SELECT name, is_system, state FROM process ORDER BY sort_order, process_id', $$VALUES ('Lead to Opportunity Sales Process', true, 'active'), ('Opportunity Sales Process', true, 'active'), ('Lead to Cash', true, 'active')$$, 'they are active, the one of D§5.2 for leads before ours');
SELECT results_eq($$SELECT value, dynamics_code FROM option_value WHERE (entity, column_name) = ('process_stage', 'category') ORDER BY sort_order$$,
	$$VALUES ('qualify', 0), ('develop', 1), ('propose', 2), ('close', 3), ('identify', 4), ('research', 5), ('resolve', 6), ('approval', 7), ('fulfil', NULL)$$, 'the categories of stages, with their codes');
SELECT results_eq($$SELECT state, status_reason, dynamics_state || '/' || dynamics_status_reason FROM status_reason WHERE entity = 'process_instance' ORDER BY dynamics_status_reason$$,
	$$VALUES ('active', 'active', '0/1'), ('finished', 'finished', '1/2'), ('aborted', 'aborted', '1/3')$$, 'the states of instances, with their codes');

-- A process is a draft first; a category may be an administrator's own; a column may be a step of several stages, of one stage once.
INSERT INTO option_value (entity, column_name, value, label) VALUES ('process_stage', 'category', 'pilot', 'Pilot');
INSERT INTO process (name) VALUES ('Drafted');
SELECT is((SELECT state || '/' || status_reason FROM process WHERE name = 'Drafted'), 'draft/draft', 'a new process is a draft');
SELECT new_process('Piloted', 'Plan:opportunity:pilot::need!,customer_need Do:opportunity:pilot::need!,budget_amount! Check:opportunity:close::need!', 40) \gset
SELECT new_deal() \g /dev/null
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'Piloted')$$, id('deal')), 'SC001', 'a draft is not started');
SELECT is(sales_crm.activate_process(process_name => 'Piloted'), 'active', 'the same column in three stages, a category of one''s own');
SELECT refused($$SELECT sales_crm.activate_process(process_name => 'Piloted')$$, 'SC001', 'an active one is not activated again');
INSERT INTO process_stage (process_id, name, category, entity) SELECT process_id, 'Only', 'pilot', 'opportunity' FROM process WHERE name = 'Drafted';
SELECT throws_ok($$INSERT INTO process_step (process_stage_id, label, column_name) SELECT process_stage_id, x, 'need' FROM process_stage, unnest('{a,b}'::text[]) AS x WHERE name = 'Only'$$, '23505', NULL, 'a column is a step of a stage once');
SELECT throws_ok($$INSERT INTO process_stage (process_id, name, category, entity) SELECT process_id, 'Only', 'pilot', 'lead' FROM process WHERE name = 'Drafted'$$, '23505', NULL, 'a name is a stage of a process once');
SELECT throws_ok($$INSERT INTO process (name) VALUES ('Drafted')$$, '23505', NULL, 'a name is a process once');
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('deal'), process_name => 'Piloted') \g /dev/null
SELECT is(detail_of(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('deal'))), 'Missing: Need (opportunity.need).', 'the first gate');
UPDATE opportunity SET need = 'must_have' WHERE opportunity_id = id('deal');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Do', 'filled in for all of them');
SELECT is(detail_of(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('deal'))), 'Missing: Budget Amount (opportunity.budget_amount).', 'the second gate asks for what is its own');
SELECT is(deal_of(id('deal')), 'qualify', 'a category of one''s own is no phase');

-- A step about a column of one's own, with a name that SQL must quote.
ALTER TABLE crm.opportunity ADD COLUMN "Site ""Plan""" text;
INSERT INTO process (name) VALUES ('Own; DROP TABLE "x" --');
INSERT INTO process_stage (process_id, name, category, entity, sort_order) SELECT process_id, s, 'develop', 'opportunity', n FROM process, unnest('{First %s,Last ''q''}'::text[]) WITH ORDINALITY AS u (s, n) WHERE name LIKE 'Own;%';
INSERT INTO process_step (process_stage_id, label, column_name, is_required) SELECT process_stage_id, 'Plan %d', 'Site "Plan"', true FROM process_stage WHERE name = 'First %s';
SELECT is(sales_crm.activate_process(process_name => 'Own; DROP TABLE "x" --'), 'active', 'names that SQL must quote');
SELECT new_deal('own') \g /dev/null
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('own'), process_name => 'Own; DROP TABLE "x" --') \g /dev/null
SELECT is(detail_of(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('own'))), 'Missing: Plan %d (opportunity.Site "Plan").', 'a column of one''s own is a gate');
UPDATE opportunity SET "Site ""Plan""" = 'x' WHERE opportunity_id = id('own');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('own')), 'Last ''q''', 'filled in');
ALTER TABLE crm.opportunity DROP COLUMN "Site ""Plan""";
SELECT is(sales_crm.previous_stage(entity => 'opportunity', record_id => id('own')), 'First %s', 'back, with the column gone');
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('own')), 'SC008', 'a column that is gone has no value');

-- Limits (D§5.1): 10 active processes of a table, 30 stages, 30 steps, 5 tables.
SELECT results_eq($$SELECT name, value FROM organization_setting WHERE name LIKE 'process_max%' ORDER BY name$$, $$VALUES ('process_max_active', '10'), ('process_max_entities', '5'), ('process_max_stages', '30'), ('process_max_steps', '30')$$, 'the limits');
SELECT new_process('Offers ' || n, 'One:quote:propose: Two:quote:close:', n) FROM generate_series(1, 11) AS n \g /dev/null
SELECT is((SELECT string_agg(sales_crm.activate_process(process_name => 'Offers ' || n), ' ') FROM generate_series(1, 10) AS n), 'active active active active active active active active active active', 'ten that begin with quotes');
SELECT refused($$SELECT sales_crm.activate_process(process_name => 'Offers 11')$$, '23514', 'are all');
SELECT sales_crm.deactivate_process(process_name => 'Offers 3') \g /dev/null
SELECT is(sales_crm.activate_process(process_name => 'Offers 11'), 'active', 'inactive ones are not counted');
SELECT new_process('Thirty', 'Many:opportunity:develop::' || (SELECT string_agg(column_name, ',') FROM (SELECT column_name FROM information_schema.columns WHERE table_schema = 'crm' AND table_name = 'opportunity' ORDER BY ordinal_position LIMIT 30) AS c), 90) \gset
SELECT is(sales_crm.activate_process(process_name => 'Thirty'), 'active', '30 steps');

-- The default: of the active ones that begin with the table the lowest number, then the older one.
UPDATE process SET sort_order = 1 WHERE name IN ('Offers 4', 'Offers 2');
SELECT sales_crm.deactivate_process(process_name => 'Offers 1') \g /dev/null
SELECT new_document('quote') AS offer \gset
SELECT sales_crm.start_process(entity => 'quote', record_id => :offer) \g /dev/null
SELECT is((SELECT p.name FROM process_instance AS i JOIN process AS p USING (process_id) WHERE i.quote_id = :offer), 'Offers 2', 'the first of those that are active');
SELECT sales_crm.deactivate_process(process_name => 'Offers ' || n) FROM unnest('{2,4,5,6,7,8,9,10,11}'::integer[]) AS n \g /dev/null
SELECT new_document('quote') AS offer \gset
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'quote', record_id => %s)$$, :offer), 'P0002', 'none is active');

-- Branches within branches, five deep, that all join again.
SELECT remember('deep', new_process('Deep', 'A:opportunity:develop::budget_amount B1:opportunity:develop: B2:opportunity:develop: B3:opportunity:develop: B4:opportunity:develop: B5:opportunity:develop: J:opportunity:close:', 60)) \g /dev/null
INSERT INTO process_branch (process_stage_id, sort_order, column_name, operator, value, next_stage_id)
SELECT s.process_stage_id, k, CASE k WHEN 1 THEN 'budget_amount' END, CASE k WHEN 1 THEN '>=' ELSE 'always' END, CASE k WHEN 1 THEN n::text END, t.process_stage_id
FROM generate_series(1, 5) AS n, generate_series(1, 2) AS k, process_stage AS s, process_stage AS t
WHERE s.process_id = id('deep') AND t.process_id = id('deep') AND s.name = CASE n WHEN 1 THEN 'A' ELSE 'B' || n - 1 END AND t.name = CASE k WHEN 1 THEN 'B' || n ELSE 'J' END;
SELECT is(sales_crm.activate_process(process_name => 'Deep'), 'active', 'five conditions, one within the other');
CREATE FUNCTION tap.way(process text, budget numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO opportunity (name, account_id, budget_amount) VALUES ('way', id('Contoso'), budget) RETURNING opportunity_id INTO made;
	PERFORM sales_crm.start_process(entity => 'opportunity', record_id => made, process_name => process);
	LOOP
		BEGIN
			PERFORM sales_crm.next_stage(entity => 'opportunity', record_id => made);
		EXCEPTION WHEN SQLSTATE 'SC001' THEN
			RETURN path_of('opportunity', made);
		END;
	END LOOP;
END $$;
SELECT is(way('Deep', budget), 'active: A > ' || coalesce((SELECT string_agg('B' || n, ' > ' ORDER BY n) || ' > ' FROM generate_series(1, budget) AS n), '') || 'J', 'a budget of ' || coalesce(budget::text, 'nobody knows'))
FROM unnest('{0,1,2,3,4,5,NULL}'::integer[]) AS budget;
-- One move at a time, from where it stands: what a branch led past is not on the path.
SELECT remember('short', max(opportunity_id)) FROM opportunity \g /dev/null
SELECT refused(format($$SELECT sales_crm.set_stage(entity => 'opportunity', record_id => %s, stage_name => 'B1')$$, id('short')), 'SC001', 'a stage that a branch led past');
SELECT is(sales_crm.previous_stage(entity => 'opportunity', record_id => id('short')), 'A', 'back the way it came');
UPDATE opportunity SET budget_amount = 1 WHERE opportunity_id = id('short');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('short')), 'B1', 'and another way, since the condition holds now');

-- Five tables in one process, and back to an earlier one once.
SELECT new_process('Everything', 'Lead:lead:qualify: Deal:opportunity:develop: Offer:quote:propose: Order:sales_order:fulfil: Bill:invoice:fulfil: Review:opportunity:close:', 3) \gset
SELECT sales_crm.activate_process(process_name => 'Everything') \g /dev/null
CREATE FUNCTION tap.told() RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
	SELECT string_agg(n.event || ' ' || n.entity, ', ' ORDER BY automation_run_id) INTO said FROM automation_run AS n JOIN automation_rule AS r USING (automation_rule_id) WHERE r.name LIKE 'told %';
	DELETE FROM automation_run;
	RETURN coalesce(said, 'nothing');
END $$;
INSERT INTO automation_rule (name, entity, event, timing) SELECT 'told ' || entity || ' ' || event, entity, event, 'in_transaction'
FROM unnest('{lead,opportunity,quote,sales_order,invoice}'::text[]) AS entity, unnest('{process_started,stage_entered,stage_left,process_finished,process_abandoned,process_reactivated}'::text[]) AS event;
INSERT INTO automation_action (automation_rule_id, sort_order, action, parameters) SELECT automation_rule_id, 1, 'create_activity', '{"activity_type": "task", "subject": "''told''"}' FROM automation_rule WHERE name LIKE 'told %';
INSERT INTO lead (subject, company_name, last_name) VALUES ('all', 'Northwind', 'Moon');
SELECT remember('lead', max(lead_id)) FROM lead \g /dev/null
SELECT sales_crm.start_process(entity => 'lead', record_id => id('lead')) \g /dev/null
SELECT is(told(), 'process_started lead, stage_entered lead', 'D§5.3: applied, and its first stage entered');
SELECT remember('all', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('lead')) \g /dev/null
SELECT is(told(), 'stage_left lead, stage_entered opportunity', 'from the lead to its deal');
INSERT INTO opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (id('all'), 'Work', 100);
SELECT remember('offer', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('all')) \g /dev/null
SELECT is(sales_crm.next_stage(entity => 'lead', record_id => id('lead')), 'Offer', 'to the quote');
SELECT is(told(), 'stage_left opportunity, stage_entered quote', 'left and entered');
SELECT sales_crm.activate_quote(quote_id => id('offer')) \g /dev/null
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('offer')) \g /dev/null
SELECT is(told(), 'stage_left quote, stage_entered sales_order', 'to the order that was made');
SELECT remember('bill', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('order')) \g /dev/null
SELECT is(told(), 'stage_left sales_order, stage_entered invoice', 'to its invoice');
SELECT results_eq(format('SELECT entity, record_id, lead_id, opportunity_id, quote_id, sales_order_id, invoice_id, state FROM process_instance WHERE lead_id = %s', id('lead')),
	format($$VALUES ('lead', %1$s::bigint, %1$s::bigint, %2$s::bigint, %3$s::bigint, %4$s::bigint, %5$s::bigint, 'active')$$, id('lead'), id('all'), id('offer'), id('order'), id('bill')), 'one instance knows all five records; a won deal ended nothing');
SELECT is((SELECT count(DISTINCT path_of(entity, id(name))) || ' ' || min(path_of(entity, id(name))) FROM (VALUES ('lead', 'lead'), ('opportunity', 'all'), ('quote', 'offer'), ('sales_order', 'order'), ('invoice', 'bill')) AS t (entity, name)),
	'1 active: Lead > Deal > Offer > Order > Bill', 'each of them shows the same path');
SELECT is(sales_crm.next_stage(entity => 'quote', record_id => id('offer')), 'Review', 'and back to the deal');
SELECT is(told(), 'stage_left invoice, stage_entered opportunity', 'which is entered again');
SELECT is(deal_of(id('all')), 'propose', 'a won deal keeps its phase');
SELECT sales_crm.finish_process(entity => 'invoice', record_id => id('bill')) \g /dev/null
SELECT is(told(), 'process_finished opportunity', 'the end leaves no stage');
SELECT hasnt_column('crm', 'process_instance', 'owner_id', 'instances belong to the organization');

-- Going back is leaving and entering too; abandoned where it stands, taken up where it stood.
SELECT new_process('Plain', 'A:opportunity:qualify:10 B:opportunity:develop:20 C:opportunity:propose:30 D:opportunity:close:40', 5) \gset
SELECT sales_crm.activate_process(process_name => 'Plain') \g /dev/null
SELECT new_deal('plain') \g /dev/null
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('plain'), process_name => 'Plain') \g /dev/null
SELECT count(sales_crm.next_stage(entity => 'opportunity', record_id => id('plain'))) FROM generate_series(1, 2) \g /dev/null
SELECT told() \g /dev/null
SET LOCAL sales_crm.now = '2030-01-01 11:00Z';
CREATE FUNCTION tap.since(record bigint) RETURNS text LANGUAGE sql AS
	$$SELECT concat_ws(' ', i.state || '/' || i.status_reason, s.name, to_char(i.active_stage_started_at AT TIME ZONE 'UTC', 'HH24:MI'), to_char(i.completed_at AT TIME ZONE 'UTC', 'HH24:MI'), trim_scale(i.duration_minutes)) FROM process_instance AS i JOIN process_stage AS s ON s.process_stage_id = i.active_stage_id JOIN process AS p ON p.process_id = i.process_id WHERE i.opportunity_id = record AND p.name = 'Plain'$$;
SELECT is(since(id('plain')), 'active/active C 10:00', 'in the third stage since it came there');
SELECT is((SELECT string_agg(name || ' ' || trim_scale(minutes), ', ') FROM sales_crm.process_guidance(entity => 'opportunity', id => id('plain')) WHERE section = 'stage'), 'A 0, B 0, C 60', 'for an hour now');
SELECT is(sales_crm.previous_stage(entity => 'opportunity', record_id => id('plain')), 'B', 'back');
SELECT is(told() || ' | ' || since(id('plain')) || ' | ' || deal_of(id('plain')), 'stage_left opportunity, stage_entered opportunity | active/active B 11:00 | develop 20', 'it is entered again, and its time starts anew');
SET LOCAL sales_crm.now = '2030-01-01 11:30Z';
SELECT is(sales_crm.set_stage(entity => 'opportunity', record_id => id('plain'), stage_name => 'B'), 'B', 'the stage it stands in');
SELECT is(told() || ' | ' || since(id('plain')), 'nothing | active/active B 11:00', 'is nothing new');
SELECT is(sales_crm.set_stage(entity => 'opportunity', record_id => id('plain'), stage_name => 'A'), 'A', 'the first one');
SELECT is(told() || ' | ' || since(id('plain')) || ' | ' || deal_of(id('plain')), 'stage_left opportunity, stage_entered opportunity | active/active A 11:30 | qualify 10', 'is entered again too');
SET LOCAL sales_crm.now = '2030-01-01 12:00Z';
SELECT is(sales_crm.abandon_process(entity => 'opportunity', record_id => id('plain')), 'aborted', 'abandoned in the first stage');
SELECT is(told() || ' | ' || since(id('plain')), 'process_abandoned opportunity | aborted/aborted A 11:30 12:00 120', 'after two hours, which is no leaving of the stage');
SELECT is((SELECT string_agg(action || ' ' || outcome('opportunity', id('plain'), format('SELECT sales_crm.%s(entity => ''opportunity'', record_id => %%s%s)', action, CASE action WHEN 'set_stage' THEN ', stage_name => ''A''' END)), ', ' ORDER BY action)
	FROM unnest('{next_stage,previous_stage,set_stage,finish_process,abandon_process}'::text[]) AS action), 'abandon_process SC001, finish_process SC001, next_stage SC001, previous_stage SC001, set_stage SC001', 'what is abandoned does not move');
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'Plain')$$, id('plain')), '23505', 'nor is it started again');
SET LOCAL sales_crm.now = '2030-01-01 13:00Z';
SELECT is(sales_crm.reactivate_process(entity => 'opportunity', record_id => id('plain')), 'active', 'taken up again');
SELECT is(told() || ' | ' || since(id('plain')), 'process_reactivated opportunity | active/active A 13:00', 'in the same stage, from now on');
SELECT count(sales_crm.next_stage(entity => 'opportunity', record_id => id('plain'))) FROM generate_series(1, 3) \g /dev/null
SET LOCAL sales_crm.now = '2030-01-01 14:30Z';
SELECT is(sales_crm.finish_process(entity => 'opportunity', record_id => id('plain')), 'finished', 'finished in the last stage');
SELECT is(since(id('plain')), 'finished/finished D 13:00 14:30 270', 'the duration counts from the start');
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'Plain')$$, id('plain')), '23505', 'one instance for each definition and record, finished or not');
SELECT is((SELECT state FROM opportunity WHERE opportunity_id = id('plain')), 'open', 'finishing wins nothing');

-- Several processes on one deal at a time: each keeps its stage, and the last change decides the phase.
SELECT new_deal('both') \g /dev/null
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('both'), process_name => name) FROM unnest('{Plain,Opportunity Sales Process}'::text[]) AS name \g /dev/null
SELECT is((SELECT count(*) FROM process_instance WHERE opportunity_id = id('both') AND state = 'active'), 2::bigint, 'two at a time');
SELECT count(sales_crm.next_stage(entity => 'opportunity', record_id => id('both'), process_name => 'Plain')) FROM generate_series(1, 3) \g /dev/null
SELECT is(deal_of(id('both')), 'close 40', 'the one goes to its end');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('both'), process_name => 'Opportunity Sales Process'), 'Develop', 'the other to its second stage');
SELECT is(deal_of(id('both')), 'develop 30', 'the last change wins');
SELECT is(sales_crm.previous_stage(entity => 'opportunity', record_id => id('both'), process_name => 'Plain'), 'C', 'the one goes back');
SELECT is(deal_of(id('both')), 'propose 30', 'and wins again');
SELECT is((SELECT string_agg(p.name || ' ' || s.name, ', ' ORDER BY p.name) FROM process_instance AS i JOIN process AS p USING (process_id) JOIN process_stage AS s ON s.process_stage_id = i.active_stage_id WHERE i.opportunity_id = id('both')), 'Opportunity Sales Process Develop, Plain C', 'each stands where it was left');
SELECT is(path_of('opportunity', id('both')), 'active: A > B > C', 'the one moved last is the current one');
SELECT throws_ok($$UPDATE opportunity SET pipeline_phase = 'nothing' WHERE opportunity_id = id('both')$$, '23514', NULL, 'a phase is one of the list');

-- Whatever closes a record ends no process and lets none move in its stage; taken up again it goes on.
SELECT sales_crm.lose_opportunity(opportunity_id => id('both')) \g /dev/null
SELECT is((SELECT count(*) FROM process_instance WHERE opportunity_id = id('both') AND state = 'active'), 2::bigint, 'a lost deal stays in its processes');
SELECT is((SELECT string_agg(action || ' ' || outcome('opportunity', id('both'), format('SELECT sales_crm.%s(entity => ''opportunity'', record_id => %%s%s)', action, CASE action WHEN 'set_stage' THEN ', stage_name => ''A''' END)), ', ' ORDER BY action)
	FROM unnest('{next_stage,previous_stage,set_stage}'::text[]) AS action), 'next_stage SC002, previous_stage SC002, set_stage SC002', 'and does not move');
SELECT is(deal_of(id('both')), 'propose 30', 'nor does its phase');
SELECT sales_crm.reopen_opportunity(opportunity_id => id('both')) \g /dev/null
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('both')), 'D', 'opened again it goes on');
INSERT INTO lead (subject, company_name, last_name) VALUES ('lost', 'Northwind', 'Sun');
SELECT remember('lost', max(lead_id)) FROM lead \g /dev/null
SELECT sales_crm.start_process(entity => 'lead', record_id => id('lost')) \g /dev/null
SELECT sales_crm.disqualify_lead(lead_id => id('lost')) \g /dev/null
SELECT is(path_of('lead', id('lost')), 'active: Lead', 'a disqualified lead stays in its process');
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'lead', record_id => %s, process_name => 'Lead to Cash')$$, id('lost')), 'SC002', 'and gets into no other');
SELECT is(sales_crm.abandon_process(entity => 'lead', record_id => id('lost')), 'aborted', 'which may be abandoned');

-- Hostile arguments, and what a savepoint takes back.
SELECT is(outcome('opportunity', id('plain'), statement), code, statement) FROM (VALUES
	('SELECT sales_crm.start_process(entity => NULL, record_id => 1)', '22004'), ('SELECT sales_crm.start_process(entity => ''lead'', record_id => NULL)', '22004'), ('SELECT sales_crm.next_stage(entity => NULL, record_id => NULL)', '22004'),
	('SELECT sales_crm.set_stage(entity => ''opportunity'', record_id => %s, stage_name => NULL)', '22004'), ('SELECT sales_crm.switch_process(entity => ''opportunity'', record_id => %s, process_name => NULL)', '22004'),
	('SELECT sales_crm.finish_process(entity => ''lead'', record_id => 9223372036854775807)', 'P0002'), ('SELECT sales_crm.next_stage(entity => ''lead; DROP TABLE crm.lead'', record_id => 1)', '42704'),
	('SELECT sales_crm.next_stage(entity => ''opportunity'', record_id => %s, process_name => repeat(''x'', 1000000))', 'P0002'), ('SELECT sales_crm.activate_process(process_name => '''')', 'P0002')) AS t (statement, code);
CREATE FUNCTION tap.undone(record bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM sales_crm.previous_stage(entity => 'opportunity', record_id => record);
	PERFORM sales_crm.abandon_process(entity => 'opportunity', record_id => record);
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN NULL;
END $$;
SELECT undone(id('both')) \g /dev/null
SELECT is(path_of('opportunity', id('both')) || ', ' || deal_of(id('both')), 'active: A > B > C > D, close 40', 'a savepoint takes all of a move back');
-- Row security: a hidden deal is not moved through its lead, and a hidden instance keeps its deal.
CREATE ROLE tap_seller;
SELECT sales_crm.grant_access(role => 'tap_seller', level => 'sell') \g /dev/null
GRANT USAGE ON SCHEMA tap TO tap_seller;
GRANT SELECT ON tap.named TO tap_seller;
INSERT INTO lead (subject, company_name, last_name) VALUES ('hidden', 'Northwind', 'Star');
SELECT remember('seen lead', max(lead_id)) FROM lead \g /dev/null
SELECT sales_crm.start_process(entity => 'lead', record_id => id('seen lead'), process_name => 'Lead to Cash') \g /dev/null
SELECT remember('hidden', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('seen lead')) \g /dev/null
SELECT new_deal('kept') \g /dev/null
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('kept'), process_name => 'Plain') \g /dev/null
DELETE FROM activity WHERE (regarding_entity, regarding_id) = ('opportunity', id('kept'));
ALTER TABLE crm.opportunity ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.process_instance ENABLE ROW LEVEL SECURITY;
CREATE POLICY tap_some ON crm.opportunity TO tap_seller USING (opportunity_id <> (SELECT max(id) FROM tap.named WHERE name = 'hidden'));
CREATE POLICY tap_some ON crm.process_instance TO tap_seller USING (opportunity_id IS DISTINCT FROM (SELECT max(id) FROM tap.named WHERE name = 'kept'));
SET LOCAL ROLE tap_seller;
SELECT refused(format($$SELECT sales_crm.%s(entity => 'lead', record_id => %s)$$, call, id('seen lead')), 'P0002', call || ' with a hidden deal') FROM unnest('{next_stage,previous_stage,finish_process}'::text[]) AS call;
SELECT throws_ok(format($$DELETE FROM opportunity WHERE opportunity_id = %s$$, id('kept')), '23503', NULL, 'a process that is hidden keeps its deal');
SELECT throws_ok(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s, process_name => 'Plain')$$, id('kept')), '42501', NULL, 'and is not started twice');
RESET ROLE;

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
