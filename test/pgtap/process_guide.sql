-- process_guidance() and why_not(): where a record is, what is missing, what may be done, and every reason that refuses it (D§5.1).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();
SET LOCAL sales_crm.now = '2030-01-01 10:00Z';

SELECT new_process('Guided', 'One:lead:qualify:10:need!,decision_maker!,budget_amount Two:opportunity:develop:30:customer_need! Three:opportunity:close:90', 1) \gset
SELECT sales_crm.activate_process(process_name => 'Guided') \gset
INSERT INTO lead (subject, company_name, last_name, budget_amount) VALUES ('guided', 'Northwind', 'Moon', 500);
SELECT remember('lead', max(lead_id)) FROM lead \gset
CREATE FUNCTION guidance(entity text, record bigint) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT concat_ws('|', section, name, replace(detail, record::text, 'N'), value, 'required' || CASE WHEN is_required THEN '' END, CASE WHEN is_done THEN 'done' END, CASE is_allowed WHEN true THEN 'yes' WHEN false THEN 'no' END, trim_scale(minutes))
	FROM sales_crm.process_guidance(entity => entity, id => record)
$$;
CREATE FUNCTION why(entity text, record bigint, action text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(reason || CASE WHEN detail <> '' AND hint <> '' THEN '' ELSE ' (bare)' END, '; '), 'nothing') FROM sales_crm.why_not(entity => entity, id => record, action => action)
$$;

-- Before a process is started it is the default one that is shown.
SELECT results_eq(format('SELECT guidance(''lead'', %s)', id('lead')), $$VALUES
	('process|Guided|not started'), ('stage|One|lead N'), ('step|Need|lead.need|required'), ('step|Decision Maker|lead.decision_maker|false|required'), ('step|Budget Amount|lead.budget_amount|500.0000|done'),
	('action|start_process|starts process "Guided" in stage "One"|yes'),
	('action|next_stage|stage "One" requires "Need"; stage "One" requires "Decision Maker"; stage "Two" needs a record of "opportunity", and there is none|no'),
	('action|disqualify_lead|makes the lead "disqualified"|yes'), ('action|qualify_lead|makes the lead "qualified"|yes')$$, 'a lead in no process');
SELECT is((SELECT count(*) FROM process_instance WHERE lead_id = id('lead')), 0::bigint, 'looking starts nothing');
SELECT is(why('lead', id('lead'), 'qualify_lead'), 'nothing', 'in no process nothing refuses the qualification');
SELECT is(why('lead', id('lead'), 'start_process'), 'nothing', 'nor the start');
SELECT is(why('lead', id('lead'), 'previous_stage'), 'the lead is in no process', 'no process, no previous stage');

-- In the process, with two steps missing.
SELECT sales_crm.start_process(entity => 'lead', record_id => id('lead')) \gset
SET LOCAL sales_crm.now = '2030-01-01 10:45Z';
SELECT results_eq(format('SELECT guidance(''lead'', %s)', id('lead')), $$VALUES
	('process|Guided|active|45'), ('stage|One|lead N|45'), ('step|Need|lead.need|required'), ('step|Decision Maker|lead.decision_maker|false|required'), ('step|Budget Amount|lead.budget_amount|500.0000|done'),
	('action|next_stage|stage "One" requires "Need"; stage "One" requires "Decision Maker"; stage "Two" needs a record of "opportunity", and there is none|no'),
	('action|previous_stage|stage "One" is the first one of process "Guided"|no'),
	('action|finish_process|process "Guided" cannot be finished in stage "One"; stage "One" requires "Need"; stage "One" requires "Decision Maker"|no'),
	('action|abandon_process|acts on process "Guided"|yes'),
	('action|disqualify_lead|makes the lead "disqualified"|yes'), ('action|qualify_lead|stage "One" requires "Need"; stage "One" requires "Decision Maker"|no')$$, 'a lead with steps missing');
SELECT results_eq(format($$SELECT * FROM sales_crm.why_not(entity => 'lead', id => %s, action => 'qualify_lead')$$, id('lead')), format($$VALUES
	('stage "One" requires "Need"', 'Need (lead.need)', 'Fill column need of Lead %1$s.'), ('stage "One" requires "Decision Maker"', 'Decision Maker (lead.decision_maker)', 'Fill column decision_maker of Lead %1$s.')$$, id('lead')), 'each missing step is a reason');
SELECT is(why('lead', id('lead'), 'next_stage'), 'stage "One" requires "Need"; stage "One" requires "Decision Maker"; stage "Two" needs a record of "opportunity", and there is none', 'all reasons at once');
SELECT is(why('lead', id('lead'), 'start_process'), 'process "Guided" was started on this lead before', 'it is not started twice');
SELECT is(why('lead', id('lead'), 'reactivate_process'), 'reactivate_process() needs a process that is finished or aborted', 'nor taken up');
UPDATE lead SET need = 'must_have', decision_maker = true WHERE lead_id = id('lead');
SELECT is(why('lead', id('lead'), 'qualify_lead'), 'nothing', 'filled in, nothing refuses it');
SELECT is(state_of('lead', id('lead')), 'open/new', 'and nothing was done');
SELECT is((SELECT count(*) FROM opportunity WHERE originating_lead_id = id('lead')) + (SELECT count(*) FROM status_history WHERE entity = 'lead' AND record_id = id('lead')), 0::bigint, 'nothing at all');
SELECT remember('deal', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('lead')) \gset
SELECT is(why('opportunity', id('deal'), 'next_stage'), 'stage "Two" requires "Customer Need"', 'the next gate');
SELECT is(why('lead', id('lead'), 'qualify_lead'), 'qualify_lead() cannot make a lead "qualified" that is "qualified"', 'once only');
SELECT is((SELECT string_agg(section || ' ' || name || coalesce(' ' || trim_scale(minutes), ''), ', ') FROM sales_crm.process_guidance(entity => 'opportunity', id => id('deal')) WHERE section IN ('stage', 'step')), 'stage One 45, stage Two 0, step Customer Need', 'the path and the active stage''s steps');
UPDATE opportunity SET customer_need = 'x' WHERE opportunity_id = id('deal');
SELECT is((SELECT detail FROM sales_crm.process_guidance(entity => 'opportunity', id => id('deal')) WHERE name = 'next_stage'), 'goes on to stage "Three"', 'what the next stage is');
SELECT is((SELECT detail FROM sales_crm.process_guidance(entity => 'opportunity', id => id('deal')) WHERE name = 'previous_stage'), 'goes back to stage "One"', 'and what the previous one');
SELECT sales_crm.abandon_process(entity => 'opportunity', record_id => id('deal')) \gset
SELECT is((SELECT string_agg(name || ' ' || is_allowed, ', ') FROM sales_crm.process_guidance(entity => 'opportunity', id => id('deal')) WHERE section = 'action'), 'reactivate_process true, lose_opportunity true, win_opportunity true', 'an abandoned process may be taken up');

-- Calls of records: what the call itself would say.
SELECT new_deal() \gset
SELECT matches(why('quote', quote_in('draft'), 'accept_quote'), 'accept_quote', 'a draft is not accepted');
SELECT is(why('quote', quote_in('active'), 'accept_quote'), 'nothing', 'an active one may be');
SELECT is(state_of('quote', id('active')), 'active/in_progress', 'and was not');
SELECT is((SELECT count(*) FROM sales_order WHERE quote_id = id('active')), 0::bigint, 'no order was made');
SELECT sales_crm.create_quote_from_opportunity(opportunity_id => id('deal')) AS open_quote \gset
SELECT matches(why('opportunity', id('deal'), 'win_opportunity'), 'quote', 'open quotes');
SELECT is(why('sales_order', order_in('active'), 'fulfill_order'), 'nothing', 'an order');
SELECT isnt(why('sales_order', order_in('canceled'), 'fulfill_order'), 'nothing', 'a canceled order');
SELECT is(why('invoice', invoice_in('active'), 'pay_invoice'), 'nothing', 'an invoice');
SELECT isnt(why('invoice', invoice_in('paid'), 'pay_invoice'), 'nothing', 'a paid invoice');
UPDATE account SET credit_on_hold = true WHERE account_id = id('Contoso');
SELECT matches((SELECT reason || ' | ' || hint FROM sales_crm.why_not(entity => 'sales_order', id => order_in('active'), action => 'submit_order')), 'credit', 'a credit hold');

-- What cannot be asked.
SELECT matches(words(format($$SELECT * FROM sales_crm.why_not(entity => 'lead', id => %s, action => 'fly')$$, id('lead'))), '^22023 .*qualify_lead, disqualify_lead.*next_stage', 'an unknown action, with those that are known');
SELECT refused(format($$SELECT * FROM sales_crm.why_not(entity => 'lead', id => %s, action => 'pay_invoice')$$, id('lead')), '22023', 'an action of another table');
SELECT refused($$SELECT * FROM sales_crm.why_not(entity => 'lead', id => -1, action => 'qualify_lead')$$, 'P0002', 'an unknown record');
SELECT refused($$SELECT * FROM sales_crm.why_not(entity => 'x', id => 1, action => 'qualify_lead')$$, '42704', 'an unknown entity');
SELECT refused($$SELECT * FROM sales_crm.why_not(entity => 'lead', id => 1, action => NULL)$$, '22004', 'no action');
SELECT refused($$SELECT * FROM sales_crm.process_guidance(entity => 'lead', id => -1)$$, 'P0002', 'guidance about an unknown record');
SELECT refused($$SELECT * FROM sales_crm.process_guidance(entity => 'account', id => 1)$$, 'P0002', 'guidance about an unknown account');

-- Every action that is listed is a call that takes the record's key.
SELECT is_empty($$SELECT action FROM unnest('{qualify_lead,disqualify_lead,reopen_lead,create_opportunity_from_lead,win_opportunity,lose_opportunity,reopen_opportunity,create_quote_from_opportunity,create_order_from_opportunity,
	create_invoice_from_opportunity,activate_quote,win_quote,close_quote,revise_quote,accept_quote,create_order_from_quote,submit_order,deliver_order,fulfill_order,cancel_order,create_invoice_from_order,lock_order_pricing,unlock_order_pricing,
	pay_invoice,cancel_invoice,create_credit_note,lock_invoice_pricing,unlock_invoice_pricing,complete_activity,cancel_activity,reopen_activity,publish_product,revise_product,revert_product,retire_product,clone_product}'::text[]) AS action
	WHERE NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'sales_crm'::regnamespace AND proname = btrim(action, E'\n\t ') AND proargtypes[0] = 'bigint'::regtype AND pronargs - pronargdefaults = 1)$$, 'calls of one key');

-- What verify() would find.
SET LOCAL session_replication_role = replica;
CREATE FUNCTION broken(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE statement;
	SELECT string_agg(DISTINCT check_name, ' ' ORDER BY check_name) INTO found FROM sales_crm.verify() WHERE check_name LIKE 'process%';
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN RETURN coalesce(found, 'nothing');
END $$;
SELECT is(broken('SELECT 1'), 'nothing', 'all is well');
SELECT is(broken('UPDATE process_instance SET path_length = 9'), 'process_path', 'a path of another length');
SELECT is(broken($$UPDATE process_instance SET active_stage_id = (SELECT max(process_stage_id) FROM process_stage WHERE name = 'Three')$$), 'process_path', 'an active stage that the path does not end with');
SELECT is(broken($$UPDATE process_instance SET active_stage_id = (SELECT min(process_stage_id) FROM process_stage)$$), 'process_path process_stage', 'a stage of another process');
SELECT is(broken($$UPDATE process_instance SET completed_at = NULL$$), 'process_completed', 'an end without a time');
SELECT is(broken($$UPDATE process_instance SET state = 'active', completed_at = NULL, duration_minutes = NULL$$), 'process_stay', 'an active one without a stay');
SELECT is(broken($$UPDATE process_instance SET opportunity_id = NULL$$), 'process_active_record', 'a stage without its record');
SET LOCAL session_replication_role = origin;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
