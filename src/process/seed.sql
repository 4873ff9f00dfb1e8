-- process: states, categories, limits, and the processes out of the box.

INSERT INTO status_reason (entity, state, status_reason, label, is_default, is_read_only, dynamics_state, dynamics_status_reason) VALUES
    ('process', 'draft', 'draft', 'Draft', true, false, 0, 1),
    ('process', 'active', 'activated', 'Activated', true, true, 1, 2),
    ('process', 'inactive', 'inactive', 'Inactive', true, false, 0, NULL),
    ('process_instance', 'active', 'active', 'Active', true, false, 0, 1),
    ('process_instance', 'finished', 'finished', 'Finished', true, false, 1, 2),
    ('process_instance', 'aborted', 'aborted', 'Aborted', true, false, 1, 3);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('process', NULL, 'draft', 'insert'),
    ('process', 'draft', 'active', 'activate_process'),
    ('process', 'inactive', 'active', 'activate_process'),
    ('process', 'active', 'inactive', 'deactivate_process'),
    ('process_instance', NULL, 'active', 'insert'),
    ('process_instance', 'active', 'finished', 'finish_process'),
    ('process_instance', 'active', 'aborted', 'abandon_process'),
    ('process_instance', 'finished', 'active', 'reactivate_process'),
    ('process_instance', 'aborted', 'active', 'reactivate_process');

INSERT INTO editable_when_closed (entity, column_name) VALUES
    ('process', 'description'),
    ('process', 'sort_order');

INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order) VALUES
    ('process_stage', 'category', 'qualify', 'Qualify', 0, 0),
    ('process_stage', 'category', 'develop', 'Develop', 1, 1),
    ('process_stage', 'category', 'propose', 'Propose', 2, 2),
    ('process_stage', 'category', 'close', 'Close', 3, 3),
    ('process_stage', 'category', 'identify', 'Identify', 4, 4),
    ('process_stage', 'category', 'research', 'Research', 5, 5),
    ('process_stage', 'category', 'resolve', 'Resolve', 6, 6),
    ('process_stage', 'category', 'approval', 'Approval', 7, 7),
    ('process_stage', 'category', 'fulfil', 'Fulfil', NULL, 8);

INSERT INTO organization_setting (name, value, description) VALUES
    ('process_max_active', '10', 'How many processes that begin with the same table may be active at a time.'),
    ('process_max_stages', '30', 'How many stages a process may have.'),
    ('process_max_steps', '30', 'How many steps a stage of a process may have.'),
    ('process_max_entities', '5', 'How many tables a process may go through.');

-- The processes of D§5.2 and one that goes on to order and invoice. No step is required; the chances 10, 30, 60, 90 are our own choice.
INSERT INTO process (name, description, sort_order, is_system) VALUES
    ('Lead to Opportunity Sales Process', 'From a lead over its qualification to the decision about the deal.', 10, true),
    ('Opportunity Sales Process', 'From a new deal to the decision about it.', 10, true),
    ('Lead to Cash', 'From a lead over the deal to its order and invoice.', 20, true);

INSERT INTO process_stage (process_id, name, category, entity, sort_order, default_probability)
SELECT p.process_id, s.name, lower(s.name), CASE WHEN s.name = 'Qualify' AND p.name LIKE 'Lead%' THEN 'lead' ELSE 'opportunity' END, s.place, s.probability
  FROM process AS p, (VALUES ('Qualify', 1, 10), ('Develop', 2, 30), ('Propose', 3, 60), ('Close', 4, 90)) AS s (name, place, probability);
INSERT INTO process_stage (process_id, name, category, entity, sort_order)
SELECT p.process_id, s.name, 'fulfil', s.entity, s.place
  FROM process AS p, (VALUES ('Fulfil', 'sales_order', 5), ('Invoice', 'invoice', 6)) AS s (name, entity, place)
 WHERE p.name = 'Lead to Cash';

INSERT INTO process_step (process_stage_id, label, column_name, sort_order)
SELECT s.process_stage_id, t.label, t.column_name, t.place
  FROM process_stage AS s
  JOIN (VALUES
    ('Qualify', 1, 'Existing contact', 'contact_id'),
    ('Qualify', 2, 'Existing account', 'account_id'),
    ('Qualify', 3, 'Purchase timeframe', 'purchase_timeframe'),
    ('Qualify', 4, 'Estimated budget', 'budget_amount'),
    ('Qualify', 5, 'Purchase process', 'purchase_process'),
    ('Qualify', 6, 'Identify decision maker', 'decision_maker'),
    ('Qualify', 7, 'Capture summary', 'description'),
    ('Develop', 1, 'Customer need', 'customer_need'),
    ('Develop', 2, 'Proposed solution', 'proposed_solution'),
    ('Develop', 3, 'Identify stakeholders', 'identify_customer_contacts'),
    ('Develop', 4, 'Identify competitors', 'identify_competitors'),
    ('Propose', 1, 'Identify sales team', 'identify_pursuit_team'),
    ('Propose', 2, 'Develop proposal', 'develop_proposal'),
    ('Propose', 3, 'Complete internal review', 'complete_internal_review'),
    ('Propose', 4, 'Present proposal', 'present_proposal'),
    ('Close', 1, 'Complete final proposal', 'complete_final_proposal'),
    ('Close', 2, 'Present final proposal', 'present_final_proposal'),
    ('Close', 3, 'Confirm decision date', 'final_decision_date'),
    ('Close', 4, 'Send thank you', 'send_thank_you_note'),
    ('Close', 5, 'File de-brief', 'file_debrief'),
    ('Fulfil', 1, 'Agree delivery date', 'requested_delivery_date'),
    ('Fulfil', 2, 'Choose shipping', 'shipping_method'),
    ('Fulfil', 3, 'Fulfil order', 'fulfilled_on'),
    ('Invoice', 1, 'Set due date', 'due_date'),
    ('Invoice', 2, 'Record delivery', 'delivered_on')) AS t (stage, place, label, column_name) ON t.stage = s.name;

-- They come active. The row that lets them is there for these three alone; what it passes by, the tests check.
INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES ('process', 'draft', 'active', 'update');
UPDATE process SET state = 'active';
DELETE FROM state_transition WHERE entity = 'process' AND made_by = 'update';

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('admin', 'table', 'process'),
    ('admin', 'table', 'process_stage'),
    ('admin', 'table', 'process_step'),
    ('admin', 'table', 'process_branch'),
    ('admin', 'table', 'process_role'),
    ('sell', 'table', 'process_instance'),
    ('admin', 'function', 'activate_process'),
    ('admin', 'function', 'deactivate_process'),
    ('sell', 'function', 'start_process'),
    ('sell', 'function', 'next_stage'),
    ('sell', 'function', 'previous_stage'),
    ('sell', 'function', 'set_stage'),
    ('sell', 'function', 'finish_process'),
    ('sell', 'function', 'abandon_process'),
    ('sell', 'function', 'reactivate_process'),
    ('sell', 'function', 'switch_process'),
    ('sell', 'function', 'run_process_step'),
    ('read', 'function', 'process_guidance'),
    ('sell', 'function', 'why_not');
