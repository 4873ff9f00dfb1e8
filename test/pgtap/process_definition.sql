-- Processes as rows: the ones out of the box, who may edit one when, and each thing that activation refuses (D§5.1, D§5.2).
BEGIN;
\ir ../lib/documents.sql
SELECT no_plan();

-- What came with the extension passes its own checks; none of its steps is required.
SELECT results_eq($$SELECT p.name, string_agg(s.name || ' ' || s.entity || ' ' || s.category || coalesce(' ' || trim_scale(s.default_probability), ''), ', ' ORDER BY s.sort_order)
	FROM process AS p JOIN process_stage AS s USING (process_id) WHERE p.is_system AND p.state = 'active' GROUP BY p.name ORDER BY p.name COLLATE "C"$$,
	$$VALUES ('Lead to Cash', 'Qualify lead qualify 10, Develop opportunity develop 30, Propose opportunity propose 60, Close opportunity close 90, Fulfil sales_order fulfil, Invoice invoice fulfil'),
	('Lead to Opportunity Sales Process', 'Qualify lead qualify 10, Develop opportunity develop 30, Propose opportunity propose 60, Close opportunity close 90'),
	('Opportunity Sales Process', 'Qualify opportunity qualify 10, Develop opportunity develop 30, Propose opportunity propose 60, Close opportunity close 90')$$, 'the processes out of the box');
SELECT is((SELECT count(*) FROM process_step AS t JOIN process_stage AS s USING (process_stage_id) JOIN process AS p USING (process_id) WHERE p.name = 'Opportunity Sales Process'), 20::bigint, 'with all steps of D§5.2');
SELECT is((SELECT count(*) FROM process_step WHERE is_required), 0::bigint, 'none of them required');
SELECT is((SELECT string_agg(sales_crm.deactivate_process(process_name => name) || ' ' || sales_crm.activate_process(process_name => name), ', ') FROM process),
	'inactive active, inactive active, inactive active', 'they pass the checks of activation');

-- Births and states.
SELECT refused($$INSERT INTO process (name, state) VALUES ('born', 'active')$$, 'SC001', 'a process is born as a draft');
INSERT INTO process (name) VALUES ('mine');
SELECT refused($$UPDATE process SET state = 'active' WHERE name = 'mine'$$, 'SC001', 'activation is a call');
SELECT refused($$SELECT sales_crm.deactivate_process(process_name => 'mine')$$, 'SC001', 'a draft is not deactivated');
SELECT refused($$SELECT sales_crm.activate_process(process_name => 'none')$$, 'P0002', 'an unknown process');
SELECT refused($$SELECT sales_crm.activate_process(process_name => NULL)$$, '22004', 'no process');

-- The constraint that a statement is refused by, with everything found in the detail.
CREATE FUNCTION constraint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE got text; hint text;
BEGIN
	EXECUTE statement;
	RETURN 'nothing';
EXCEPTION WHEN check_violation OR unique_violation THEN
	GET STACKED DIAGNOSTICS got = CONSTRAINT_NAME, hint = PG_EXCEPTION_HINT;
	RETURN got || CASE WHEN SQLSTATE = '23514' AND got LIKE 'process\_%' AND hint IS NULL THEN ' without hint' ELSE '' END;
END $$;
-- What activation says about a process of these stages: name:entity[:step,...], and branches stage-column operator value-next stage.
CREATE FUNCTION verdict(stages text, branches text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint; one text; part text[]; stage bigint; place integer := 0; said text;
BEGIN
	INSERT INTO process (name) VALUES ('tried') RETURNING process_id INTO made;
	FOREACH one IN ARRAY string_to_array(stages, ' ') LOOP
		part := string_to_array(one, ':');
		place := place + 1;
		INSERT INTO process_stage (process_id, name, category, entity, sort_order) VALUES (made, part[1], 'develop', part[2], place) RETURNING process_stage_id INTO stage;
		INSERT INTO process_step (process_stage_id, label, column_name) SELECT stage, c, c FROM unnest(string_to_array(part[3], ',')) AS c;
	END LOOP;
	FOREACH one IN ARRAY coalesce(string_to_array(branches, '; '), '{}') LOOP
		part := string_to_array(one, ' ');
		INSERT INTO process_branch (process_stage_id, column_name, operator, value, next_stage_id)
		SELECT s.process_stage_id, nullif(part[2], '-'), part[3], nullif(part[4], '-'), n.process_stage_id
		FROM process_stage AS s LEFT JOIN process_stage AS n ON n.name = part[5] AND (n.process_id = made OR part[5] = 'Fulfil') WHERE s.process_id = made AND s.name = part[1] LIMIT 1;
	END LOOP;
	said := constraint_of($q$SELECT sales_crm.activate_process(process_name => 'tried')$q$);
	IF said = 'nothing' THEN PERFORM sales_crm.deactivate_process(process_name => 'tried'); END IF;
	DELETE FROM process WHERE process_id = made;
	RETURN said;
END $$;

SELECT is(constraint_of($$SELECT sales_crm.activate_process(process_name => 'mine')$$), 'process_stages', 'no stages');
SELECT is(verdict('a:lead b:opportunity c:quote d:sales_order e:invoice'), 'nothing', 'all five tables in a row');
SELECT is(verdict('a:lead:no_such'), 'process_step_column', 'a column that is not there');
SELECT is(verdict('a:lead b:quote'), 'process_relation', 'no quote follows from a lead');
SELECT is(verdict('a:quote b:opportunity c:lead'), 'nothing', 'back along the relations');
SELECT is(verdict('a:opportunity b:quote c:opportunity d:quote'), 'process_cycle', 'two returns to earlier tables');
SELECT is(verdict('a:opportunity b:quote c:opportunity'), 'nothing', 'one return closes the cycle');
SELECT is(verdict('a:lead:need b:opportunity:need c:opportunity', 'b budget_amount > 5 c'), 'process_branch_column', 'a branch on a column of no step');
SELECT is(verdict('a:lead b:opportunity c:opportunity:budget_amount', 'b budget_amount > 5 c'), 'process_branch_column', 'a branch on a step of a later stage');
SELECT is(verdict('a:lead:budget_amount b:opportunity c:opportunity', 'b budget_amount > 5 c'), 'nothing', 'a branch on a step of an earlier stage');
SELECT is(verdict('a:lead:budget_amount b:opportunity', 'b budget_amount > 5 a'), 'process_branch_forward', 'a branch that leads back');
SELECT is(verdict('a:lead:budget_amount b:opportunity', 'b budget_amount > 5 b'), 'process_branch_forward', 'a branch onto itself');
SELECT is(verdict('a:lead:budget_amount b:opportunity', 'b budget_amount > 5 Fulfil'), 'process_branch_target', 'a branch into another process');
SELECT is(verdict('a:lead:budget_amount b:opportunity', 'a budget_amount > much b'), 'process_branch_value', 'a value that is no number');
SELECT is(verdict('a:lead:budget_amount b:opportunity', 'a budget_amount in 1,x b'), 'process_branch_value', 'nor is one of a list');
SELECT is(verdict('a:lead:decision_maker b:opportunity', 'a decision_maker = true b'), 'nothing', 'a yes/no value');
SELECT is(verdict('a:opportunity:need b:opportunity c:opportunity:budget_amount d:opportunity', 'a need = must_have c; c budget_amount > 1 d; b - always - d'), 'nothing', 'two ways that join again');
SELECT is(verdict('a:opportunity:need b:opportunity:budget_amount c:opportunity d:opportunity', 'a - always - c; c budget_amount > 1 d'), 'process_branch_column', 'a stage that no way leads through does not come before');
SELECT is(verdict('a:lead b:lead c:lead', 'a - always - c'), 'process_stage_reached', 'a stage that no path leads to');
SELECT is(verdict((SELECT string_agg('s' || n || ':lead', ' ') FROM generate_series(1, 31) AS n)), 'process_stage_count', 'more than 30 stages');
SELECT is(verdict((SELECT string_agg('s' || n || ':lead', ' ') FROM generate_series(1, 30) AS n)), 'nothing', '30 stages');
SELECT is(verdict('a:opportunity:' || (SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM (SELECT * FROM information_schema.columns WHERE table_schema = 'crm' AND table_name = 'opportunity' LIMIT 31) AS c)),
	'process_step_count', 'more than 30 steps');
UPDATE organization_setting SET value = '4' WHERE name = 'process_max_entities';
SELECT is(verdict('a:lead b:opportunity c:quote d:sales_order e:invoice'), 'process_entity_count', 'more tables than the setting allows');
UPDATE organization_setting SET value = '2' WHERE name = 'process_max_active';
SELECT is(verdict('a:lead'), 'process_active_count', 'more active ones for leads than the setting allows');
SELECT is(verdict('a:opportunity'), 'nothing', 'others are not counted');
SELECT refused($$INSERT INTO process_stage (process_id, name, category, entity) SELECT process_id, 'x', 'nothing', 'lead' FROM process WHERE name = 'mine'$$, '23514', 'categories come from option_value');
SELECT is(verdict('a:account b:contact'), 'process_relation_choice', 'account and contact refer to each other: two keys');

-- An active process is read-only with its parts; description and order are open.
SELECT refused($$UPDATE process SET name = 'other' WHERE name = 'Lead to Cash'$$, 'SC002', 'its name');
SELECT lives_ok($$UPDATE process SET sort_order = 30, description = 'changed' WHERE name = 'Lead to Cash'$$, 'its order and description are open');
SELECT refused($$DELETE FROM process WHERE name = 'Lead to Cash'$$, 'SC002', 'it is not deleted');
SELECT refused($$UPDATE process_stage SET name = 'x' WHERE name = 'Fulfil'$$, 'SC002', 'its stages');
SELECT refused($$DELETE FROM process_stage WHERE name = 'Fulfil'$$, 'SC002', 'its stages are not deleted');
SELECT refused($$INSERT INTO process_step (process_stage_id, label, column_name) SELECT process_stage_id, 'x', 'name' FROM process_stage WHERE name = 'Fulfil'$$, 'SC002', 'no step is added');
SELECT refused($$UPDATE process_step SET is_required = true WHERE column_name = 'fulfilled_on'$$, 'SC002', 'no step is made required');
SELECT refused($$INSERT INTO process_branch (process_stage_id, operator) SELECT process_stage_id, 'always' FROM process_stage WHERE name = 'Fulfil'$$, 'SC002', 'no branch is added');
SELECT refused($$UPDATE process_stage SET process_id = (SELECT process_id FROM process WHERE name = 'mine') WHERE name = 'Fulfil'$$, '428C9', 'a stage stays in its process');
SELECT is(sales_crm.deactivate_process(process_name => 'Lead to Cash'), 'inactive', 'deactivated');
SELECT lives_ok($$UPDATE process_step SET is_required = true WHERE column_name = 'fulfilled_on'$$, 'it is edited then');
SELECT is(sales_crm.deactivate_process(process_name => 'Lead to Opportunity Sales Process'), 'inactive', 'another one makes room');
SELECT is(sales_crm.activate_process(process_name => 'Lead to Cash'), 'active', 'and active again');
-- A stage that an instance has been in keeps its table, or the instance would stand in a stage without a record.
INSERT INTO lead (last_name) VALUES ('Ode') RETURNING lead_id \gset
SELECT sales_crm.start_process(entity => 'lead', record_id => :lead_id, process_name => 'Lead to Cash') > 0 \g /dev/null
SELECT is(sales_crm.deactivate_process(process_name => 'Lead to Cash'), 'inactive', 'deactivated with an instance');
SELECT refused($$UPDATE process_stage SET entity = 'invoice' FROM process AS p WHERE p.process_id = process_stage.process_id AND p.name = 'Lead to Cash' AND process_stage.name = 'Qualify'$$, '23514', 'its stage stays about leads');
SELECT lives_ok($$UPDATE process_stage SET entity = 'quote' FROM process AS p WHERE p.process_id = process_stage.process_id AND p.name = 'Lead to Cash' AND process_stage.name = 'Close'$$, 'one that no record has been in may be about another table');
SELECT lives_ok($$UPDATE process_stage SET entity = 'opportunity' FROM process AS p WHERE p.process_id = process_stage.process_id AND p.name = 'Lead to Cash' AND process_stage.name = 'Close'$$, 'and again about the first');
SELECT is(sales_crm.activate_process(process_name => 'Lead to Cash'), 'active', 'active with its instance');
SELECT is((SELECT string_agg(from_state || '-' || to_state, ' ' ORDER BY status_history_id) FROM status_history WHERE entity = 'process'
	AND record_id = (SELECT process_id FROM process WHERE name = 'Lead to Cash') AND changed_at = now()), 'active-inactive inactive-active active-inactive inactive-active active-inactive inactive-active', 'its history tells');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
