-- What a business process tells automation: stages entered and left, processes started, finished, abandoned and reactivated.
BEGIN;
\ir ../lib/documents.sql
SELECT no_plan();

-- A rule for each event writes down what it saw, in the description of the record.
INSERT INTO automation_rule (name, entity, event, process_name, stage_name, is_active)
SELECT 'on ' || event || coalesce(' ' || stage, ''), 'opportunity', event, 'Opportunity Sales Process', stage, false
FROM (VALUES ('process_started', NULL), ('stage_entered', NULL), ('stage_left', 'Qualify'), ('process_finished', NULL), ('process_abandoned', NULL), ('process_reactivated', NULL)) AS wanted (event, stage);
INSERT INTO automation_rule (name, entity, event, process_name, is_active) VALUES ('of another process', 'opportunity', 'stage_entered', 'Lead to Opportunity Sales Process', false);
INSERT INTO automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, 'set_columns', jsonb_build_object('set', jsonb_build_object('description', format('coalesce(new.description || '', '', '''') || %L', substr(name, 4)))) FROM automation_rule;
UPDATE automation_rule SET is_active = true;

WITH made AS (INSERT INTO opportunity (name, account_id) VALUES ('Deal', id('Contoso')) RETURNING opportunity_id) SELECT remember('deal', opportunity_id) FROM made \gset
CREATE FUNCTION tap.told() RETURNS text LANGUAGE plpgsql AS $$
DECLARE what text := (SELECT description FROM opportunity WHERE opportunity_id = id('deal'));
BEGIN
	UPDATE opportunity SET description = NULL WHERE opportunity_id = id('deal');
	RETURN what;
END $$;
SELECT process_instance_id FROM sales_crm.start_process(entity => 'opportunity', record_id => id('deal'), process_name => 'Opportunity Sales Process') \gset
SELECT is(told(), 'process_started, stage_entered', 'an instance starts in its first stage');
SELECT stage_name FROM sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is(told(), 'stage_left Qualify, stage_entered', 'it leaves one stage and enters the next');
SELECT stage_name FROM sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is(told(), 'stage_entered', 'a rule for one stage is silent about the others');
SELECT state FROM sales_crm.abandon_process(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is(told(), 'process_abandoned', 'abandoning leaves no stage');
SELECT state FROM sales_crm.reactivate_process(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is(told(), 'process_reactivated', 'and it comes back to the same one');
SELECT stage_name FROM sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is(told(), 'stage_entered', 'on to the last');
SELECT state FROM sales_crm.finish_process(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is(told(), 'process_finished', 'finishing leaves no stage either');
SELECT is((SELECT count(*) FROM automation_run WHERE record_id = id('deal') AND event LIKE 'stage\_entered'), 4::bigint, 'the log tells of each');

-- A rule may refuse a stage.
INSERT INTO automation_rule (name, entity, event, stage_name, condition, is_active) VALUES ('not yet', 'opportunity', 'stage_entered', 'Develop', 'new.estimated_value IS NULL', false);
INSERT INTO automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'refuse', '{"message": "''What is it worth?''"}' FROM automation_rule WHERE name = 'not yet';
UPDATE automation_rule SET is_active = true WHERE name = 'not yet';
WITH made AS (INSERT INTO opportunity (name, account_id) VALUES ('Other', id('Contoso')) RETURNING opportunity_id) SELECT remember('other', opportunity_id) FROM made \gset
SELECT process_instance_id FROM sales_crm.start_process(entity => 'opportunity', record_id => id('other'), process_name => 'Opportunity Sales Process') \gset
SELECT refused(format('SELECT * FROM sales_crm.next_stage(entity => ''opportunity'', record_id => %s)', id('other')), 'SC020', 'a rule keeps a deal from a stage');
SELECT is((SELECT s.name FROM process_instance AS i JOIN process_stage AS s ON s.process_stage_id = i.active_stage_id WHERE i.opportunity_id = id('other')), 'Qualify', 'it stays where it was');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
