-- Roles on processes: who gets which by default, who may start and move what (D§5.1).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();

CREATE ROLE tap_chief;
CREATE ROLE tap_seller;
CREATE ROLE tap_head IN ROLE tap_chief;
SELECT count(sales_crm.grant_access(role => r, level => 'sell')) FROM unnest('{tap_chief,tap_seller,tap_head}'::text[]) AS r \gset
GRANT USAGE ON SCHEMA tap TO tap_chief, tap_seller, tap_head;
GRANT SELECT ON ALL TABLES IN SCHEMA tap TO tap_chief, tap_seller, tap_head;

SELECT remember('guarded', new_process('Guarded', 'One:opportunity:qualify: Two:opportunity:develop: Three:opportunity:close:', 1)) \gset
SELECT sales_crm.activate_process(process_name => 'Guarded') \gset
SELECT refused(format($$INSERT INTO process_role (process_id, role_name) VALUES (%s, 'tap_nobody')$$, id('guarded')), '42704', 'a role that is not there');
SELECT lives_ok(format($$INSERT INTO process_role (process_id, role_name) VALUES (%s, 'tap_chief')$$, id('guarded')), 'roles are given while the process is active');
SELECT throws_ok(format($$INSERT INTO process_role (process_id, role_name) VALUES (%s, 'tap_chief')$$, id('guarded')), '23505', NULL, 'each once');
SELECT refused($$UPDATE process_role SET process_id = process_id + 1$$, '428C9', 'a role stays with its process');
SELECT new_deal('a') \gset
SELECT new_deal('b') \gset
SELECT new_deal('c') \gset
SELECT new_deal('d') \gset
CREATE FUNCTION shown(record bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(name, ', '), 'none') FROM sales_crm.process_guidance(entity => 'opportunity', id => record) WHERE section = 'process'
$$;

-- The default is the first that the roles allow.
SET LOCAL ROLE tap_chief;
SELECT is(shown(id('a')), 'Guarded', 'the first one, for who has the role');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('a')), 'Two', 'and it is started');
SET LOCAL ROLE tap_head;
SELECT is(shown(id('b')), 'Guarded', 'a member of the role has it too');
SET LOCAL ROLE tap_seller;
SELECT is(shown(id('b')), 'Opportunity Sales Process', 'another gets the next one');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('b')), 'Develop', 'and it is started');
RESET ROLE;
SELECT is(path_of('opportunity', id('a')) || ', ' || path_of('opportunity', id('b')), 'active: One > Two, active: Qualify > Develop', 'each their own');

-- Who lacks the role is refused, with the roles that it takes; the rows he reads.
SET LOCAL ROLE tap_seller;
SELECT is(words(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'Guarded')$$, id('b'))),
	'42501 role "tap_seller" may not use process "Guarded" | Table process_role names who may. | It takes membership in one of the roles: tap_chief.', 'it is not started');
SELECT is((SELECT string_agg(action || ' ' || coalesce(left(words(format('SELECT sales_crm.%s(entity => ''opportunity'', record_id => %s%s)', action, id('a'), more)), 5), 'done'), ', ' ORDER BY action)
	FROM (VALUES ('next_stage', ''), ('previous_stage', ''), ('set_stage', ', stage_name => ''One'''), ('finish_process', ''), ('abandon_process', ''), ('reactivate_process', ''),
	('run_process_step', ', step => ''x'''), ('start_process', ', process_name => ''Guarded'''), ('switch_process', ', process_name => ''Guarded''')) AS a (action, more)),
	'abandon_process 42501, finish_process 42501, next_stage 42501, previous_stage 42501, reactivate_process 42501, run_process_step 42501, set_stage 42501, start_process 42501, switch_process 42501', 'nor moved by any call');
SELECT is(shown(id('a')), 'none', 'nor shown');
SELECT is((SELECT reason FROM sales_crm.why_not(entity => 'opportunity', id => id('a'), action => 'next_stage')), 'role "tap_seller" may not use process "Guarded"', 'why not');
SELECT is((SELECT active_stage FROM crm.process_path WHERE entity = 'opportunity' AND record_id = id('a')), 'Two', 'the rows are read as any');
-- Another process on the record is his.
SELECT is(sales_crm.start_process(entity => 'opportunity', record_id => id('a'), process_name => 'Opportunity Sales Process') > 0, true, 'another process on the record');
SET LOCAL ROLE tap_chief;
SELECT is(sales_crm.switch_process(entity => 'opportunity', record_id => id('a'), process_name => 'Guarded') > 0, true, 'the chief goes back to his');
SET LOCAL ROLE tap_seller;
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('a')), 'Develop', 'calls without a name are about what is allowed');
RESET ROLE;

-- What happens to records takes instances along, whoever does it.
SELECT remember('led', new_process('Led', 'Lead:lead:qualify:10:need! Deal:opportunity:develop:30', 1)) \gset
SELECT sales_crm.activate_process(process_name => 'Led') \gset
INSERT INTO process_role (process_id, role_name) VALUES (id('led'), 'tap_chief');
INSERT INTO lead (subject, company_name, last_name) VALUES ('led', 'Northwind', 'Moon');
SELECT remember('lead', max(lead_id)) FROM lead \gset
SELECT sales_crm.start_process(entity => 'lead', record_id => id('lead'), process_name => 'Led') \gset
SET LOCAL ROLE tap_seller;
SELECT refused(format($$SELECT * FROM sales_crm.qualify_lead(lead_id => %s)$$, id('lead')), 'SC008', 'the gate holds for everybody');
SELECT ok((SELECT NOT is_allowed FROM sales_crm.process_guidance(entity => 'lead', id => id('lead')) WHERE name = 'qualify_lead'), 'and everybody is told');
UPDATE crm.lead SET need = 'must_have' WHERE lead_id = id('lead');
SELECT isnt((SELECT opportunity_id FROM sales_crm.qualify_lead(lead_id => id('lead'))), NULL, 'who lacks the role qualifies');
RESET ROLE;
SELECT is(path_of('lead', id('lead')), 'active: Lead > Deal', 'and the process moves on');

-- No process is left for a table; a role that was dropped allows nobody, and nothing fails.
INSERT INTO process_role (process_id, role_name) SELECT process_id, 'tap_chief' FROM process WHERE name IN ('Opportunity Sales Process');
SET LOCAL ROLE tap_seller;
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('c')), 'P0002', 'no process that his roles allow');
SELECT is(shown(id('c')), 'none', 'nothing to show');
RESET ROLE;
DELETE FROM process_role WHERE process_id = id('guarded');
CREATE ROLE tap_gone;
INSERT INTO process_role (process_id, role_name) VALUES (id('guarded'), 'tap_gone');
DROP ROLE tap_gone;
SET LOCAL ROLE tap_chief;
SELECT is(shown(id('c')), 'Opportunity Sales Process', 'the role is gone, the next process takes its place');
SELECT matches(words(format($$SELECT sales_crm.start_process(entity => 'opportunity', record_id => %s, process_name => 'Guarded')$$, id('c'))), '^42501 .*tap_gone', 'a role that is gone allows nobody');
RESET ROLE;
DELETE FROM process_role WHERE role_name = 'tap_gone';
SET LOCAL ROLE tap_seller;
SELECT is(shown(id('c')), 'Guarded', 'without roles it is everybody''s');
RESET ROLE;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
