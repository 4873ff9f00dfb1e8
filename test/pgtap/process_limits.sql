-- Processes: categories, limits, steps out of the box, time, several processes on a record, records that stay bound (D§5.1, D§5.2).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();
SET LOCAL sales_crm.now = '2030-01-01 10:00Z';

-- Categories: those of Dynamics with their codes, and an organization's own.
SELECT is((SELECT string_agg(value || ' ' || coalesce(dynamics_code::text, '-'), ', ' ORDER BY sort_order) FROM option_value WHERE entity = 'process_stage' AND column_name = 'category'),
	'qualify 0, develop 1, propose 2, close 3, identify 4, research 5, resolve 6, approval 7, fulfil -', 'stage categories');
INSERT INTO option_value (entity, column_name, value, label) VALUES ('process_stage', 'category', 'negotiate', 'Negotiate');
SELECT isnt(new_process('Own category', 'A:opportunity:negotiate: B:opportunity:close:', 50), NULL, 'a category of one''s own is a row');
SELECT is(sales_crm.activate_process(process_name => 'Own category'), 'active', 'and works');
-- Limits as they come: 10 active processes for a table, 30 stages, 30 steps, 5 tables.
SELECT is((SELECT string_agg(name || ' ' || value, ', ' ORDER BY name) FROM organization_setting WHERE name LIKE 'process\_max\_%'),
	'process_max_active 10, process_max_entities 5, process_max_stages 30, process_max_steps 30', 'limits');
-- The active ones whose first stage is about a table are counted: two of leads came along.
SELECT count(new_process('many ' || n, 'A:lead:qualify:', 60)) FROM generate_series(1, 9) AS n \gset
SELECT is((SELECT count(sales_crm.activate_process(process_name => 'many ' || n)) FROM generate_series(1, 8) AS n), 8::bigint, 'up to ten');
SELECT refused($$SELECT sales_crm.activate_process(process_name => 'many 9')$$, '23514', 'no eleventh');
SELECT count(sales_crm.deactivate_process(process_name => 'many ' || n)) FROM generate_series(1, 8) AS n \gset
-- A column may be a step of several stages, once of each.
SELECT new_process('Twice', 'A:opportunity:qualify::need! B:opportunity:develop::need!', 55) \gset
SELECT is(sales_crm.activate_process(process_name => 'Twice'), 'active', 'a column in two stages');
SELECT throws_ok($$SELECT new_process('Thrice', 'A:opportunity:qualify::need,need')$$, '23505', NULL, 'once in each');

-- The steps of D§5.2, label and column.
CREATE FUNCTION steps_of(process text, stage text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(t.label || ': ' || t.column_name, ', ' ORDER BY t.sort_order) FROM process_step AS t JOIN process_stage AS s USING (process_stage_id) JOIN process AS p USING (process_id) WHERE p.name = process AND s.name = stage
$$;
SELECT results_eq($$SELECT p.name || ' ' || s.name, steps_of(p.name, s.name) FROM process AS p JOIN process_stage AS s USING (process_id)
	WHERE p.name IN ('Lead to Opportunity Sales Process', 'Opportunity Sales Process') ORDER BY p.name COLLATE "C", s.sort_order$$,
	$$SELECT p || ' ' || stage, steps FROM unnest('{Lead to Opportunity Sales Process,Opportunity Sales Process}'::text[]) WITH ORDINALITY AS p (p, n), (VALUES
	(1, 'Qualify', 'Existing contact: contact_id, Existing account: account_id, Purchase timeframe: purchase_timeframe, Estimated budget: budget_amount, Purchase process: purchase_process, Identify decision maker: decision_maker, Capture summary: description'),
	(2, 'Develop', 'Customer need: customer_need, Proposed solution: proposed_solution, Identify stakeholders: identify_customer_contacts, Identify competitors: identify_competitors'),
	(3, 'Propose', 'Identify sales team: identify_pursuit_team, Develop proposal: develop_proposal, Complete internal review: complete_internal_review, Present proposal: present_proposal'),
	(4, 'Close', 'Complete final proposal: complete_final_proposal, Present final proposal: present_final_proposal, Confirm decision date: final_decision_date, Send thank you: send_thank_you_note, File de-brief: file_debrief')) AS s (place, stage, steps) ORDER BY n, place$$, 'steps of the processes out of the box');

-- The time in the active stage starts anew when it is entered again; the instance's own is from its start to its end.
SELECT new_deal('timed') \gset
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('timed'), process_name => 'Opportunity Sales Process') \gset
SET LOCAL sales_crm.now = '2030-01-01 11:00Z';
SELECT sales_crm.next_stage(entity => 'opportunity', record_id => id('timed')) \gset
SET LOCAL sales_crm.now = '2030-01-01 12:30Z';
SELECT sales_crm.previous_stage(entity => 'opportunity', record_id => id('timed')) \gset
SET LOCAL sales_crm.now = '2030-01-01 12:45Z';
SELECT results_eq(format($$SELECT name, since, minutes FROM sales_crm.process_guidance(entity => 'opportunity', id => %s) WHERE section IN ('process', 'stage')$$, id('timed')),
	$$VALUES ('Opportunity Sales Process', '2030-01-01 10:00Z'::timestamptz, 165.00), ('Qualify', '2030-01-01 12:30Z', 15.00)$$, 'time in the stage, and in the process');
-- A forward move skips no stage; the path of the instance begins with the first stage and ends with the active one.
SELECT is((SELECT string_agg(sales_crm.next_stage(entity => 'opportunity', record_id => id('timed')), ' ') FROM generate_series(1, 2)), 'Develop Propose', 'one stage at a time');
SELECT results_eq(format($$SELECT s.name, h.path_position, h.process_stage_id = i.active_stage_id FROM process_instance AS i JOIN process_stage_history AS h USING (process_instance_id) JOIN process_stage AS s USING (process_stage_id)
	WHERE i.opportunity_id = %s AND h.path_position IS NOT NULL ORDER BY 2$$, id('timed')), $$VALUES ('Qualify', 1, false), ('Develop', 2, false), ('Propose', 3, true)$$, 'the path');
-- Of several processes on a deal the last change wins.
SELECT is(deal_of(id('timed')), 'propose 60', 'phase by the one');
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('timed'), process_name => 'Own category') \gset
SELECT sales_crm.next_stage(entity => 'opportunity', record_id => id('timed'), process_name => 'Own category') \gset
SELECT is(deal_of(id('timed')), 'close 60', 'then by the other, which has no chances');
SELECT sales_crm.next_stage(entity => 'opportunity', record_id => id('timed'), process_name => 'Opportunity Sales Process') \gset
SELECT sales_crm.previous_stage(entity => 'opportunity', record_id => id('timed'), process_name => 'Opportunity Sales Process') \gset
SELECT is(deal_of(id('timed')), 'propose 60', 'then by the first again');
-- An instance is nobody's own: everybody who sees the record is guided.
SELECT hasnt_column('crm'::name, 'process_instance'::name, 'owner_id'::name, 'instances belong to the organization');
-- Back and forth over a table boundary keeps the record that is bound.
SELECT remember('started on a quote', new_process('Of quotes', 'Offer:quote:propose: Deal:opportunity:develop: Again:quote:close:', 56)) \gset
SELECT sales_crm.activate_process(process_name => 'Of quotes') \gset
SELECT new_deal('offered') \gset
SELECT remember('first', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('offered')) \gset
SELECT sales_crm.start_process(entity => 'quote', record_id => id('first')) \gset
SELECT sales_crm.next_stage(entity => 'quote', record_id => id('first')) \gset
SELECT remember('second', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('offered')) \gset
SELECT is(sales_crm.next_stage(entity => 'quote', record_id => id('first')), 'Again', 'the cycle closes');
SELECT is(path_of('quote', id('second')), 'none', 'with the record it was started on, not the newest');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
-- A revision takes the place of a quote that a process was started on.
SELECT sales_crm.activate_quote(quote_id => id('first')) \gset
SELECT remember('revised', quote_id) FROM sales_crm.revise_quote(quote_id => id('first')) \gset
SELECT is(path_of('quote', id('revised')), 'active: Offer > Deal > Again', 'the revision is in the process');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT refused(format($$SELECT sales_crm.start_process(entity => 'quote', record_id => %s)$$, id('revised')), '23505', 'and does not start it once more');
SELECT * FROM finish();
ROLLBACK;
