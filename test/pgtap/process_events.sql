-- What processes tell automation: which event, of which record, in which order (D§5.3).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();

CREATE FUNCTION told() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(n.event || ' ' || n.entity, ', ' ORDER BY automation_run_id) FROM automation_run AS n JOIN automation_rule AS r USING (automation_rule_id) WHERE r.name LIKE 'told %'
$$;
INSERT INTO automation_rule (name, entity, event, timing)
SELECT 'told ' || of || ' ' || what, of, what, 'in_transaction'
FROM unnest('{lead,opportunity}'::text[]) AS of, unnest('{process_started,stage_entered,stage_left,process_finished,process_abandoned,process_reactivated}'::text[]) AS what;
INSERT INTO automation_action (automation_rule_id, sort_order, action, parameters)
SELECT automation_rule_id, 1, 'create_activity', '{"activity_type": "task", "subject": "''told''"}' FROM automation_rule WHERE name LIKE 'told %';

SELECT new_process('Told', 'One:lead:qualify: Two:opportunity:develop: Three:opportunity:close:', 1) \gset
SELECT sales_crm.activate_process(process_name => 'Told') \gset
INSERT INTO lead (subject, company_name, last_name) VALUES ('told', 'Northwind', 'Moon');
SELECT remember('lead', max(lead_id)) FROM lead \gset
SELECT is(told(), NULL, 'an insert starts nothing and tells nothing');
SELECT sales_crm.start_process(entity => 'lead', record_id => id('lead')) \gset
SELECT is(told(), 'process_started lead, stage_entered lead', 'a start, and the first stage');
SELECT remember('deal', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('lead')) \gset
SELECT is(told(), 'process_started lead, stage_entered lead, stage_left lead, stage_entered opportunity', 'left by the lead, entered by the opportunity');
DELETE FROM automation_run;
SELECT sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is(told(), 'stage_left opportunity, stage_entered opportunity', 'from stage to stage');
DELETE FROM automation_run;
SELECT sales_crm.finish_process(entity => 'opportunity', record_id => id('deal')) \gset
SELECT sales_crm.reactivate_process(entity => 'opportunity', record_id => id('deal')) \gset
SELECT sales_crm.abandon_process(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is(told(), 'process_finished opportunity, process_reactivated opportunity, process_abandoned opportunity', 'an end is no leaving of the stage');
DELETE FROM automation_run;
SELECT is_empty(format($$SELECT * FROM sales_crm.why_not(entity => 'opportunity', id => %s, action => 'reactivate_process')$$, id('deal')), 'nothing refuses to take it up');
SELECT is(told(), NULL, 'asking tells nothing');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
