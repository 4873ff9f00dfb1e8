-- Processes: time in a stage entered again, the path, the last of several processes, records that stay bound and their revisions (D§5.1).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();
SET LOCAL sales_crm.now = '2030-01-01 10:00Z';

SELECT new_process('Other', 'A:opportunity:qualify: B:opportunity:close:', 50) \gset
SELECT sales_crm.activate_process(process_name => 'Other') \gset
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
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('timed'), process_name => 'Other') \gset
SELECT sales_crm.next_stage(entity => 'opportunity', record_id => id('timed'), process_name => 'Other') \gset
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
-- An instance that stayed behind while its process was inactive leaves the way to the one of the revision.
SELECT remember('stay', new_process('Staying', 'One:quote:propose: Two:quote:close:', 3)) \gset
SELECT sales_crm.activate_process(process_name => 'Staying') \gset
SELECT remember('q1', new_document('quote')) \gset
SELECT sales_crm.start_process(entity => 'quote', record_id => id('q1'), process_name => 'Staying'), sales_crm.activate_quote(quote_id => id('q1')) \gset
SELECT sales_crm.deactivate_process(process_name => 'Staying') \gset
SELECT remember('q2', quote_id) FROM sales_crm.revise_quote(quote_id => id('q1')) \gset
SELECT sales_crm.activate_process(process_name => 'Staying') \gset
SELECT sales_crm.start_process(entity => 'quote', record_id => id('q2'), process_name => 'Staying') AS of_q2, sales_crm.activate_quote(quote_id => id('q2')) \gset
SELECT remember('q3', quote_id) FROM sales_crm.revise_quote(quote_id => id('q2')) \gset
SELECT results_eq('SELECT process_instance_id, record_id FROM process_instance WHERE process_id = ' || id('stay') || ' ORDER BY 1 DESC LIMIT 1', format('VALUES (%s::bigint, %s::bigint)', :of_q2, id('q3')), 'the one on the last revision goes on');
SELECT is(path_of('quote', id('q1')), 'active: One', 'the other one stays');
SELECT * FROM finish();
ROLLBACK;
