-- automation: who may write rules and run them. The log, the queue and the events of the outbox are written by rules alone.

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('admin', 'table', 'automation_rule'),
    ('admin', 'table', 'automation_action'),
    ('sell', 'function', 'run_rule'),
    ('admin', 'function', 'explain_rule'),
    ('admin', 'function', 'dry_run'),
    ('admin', 'function', 'run_due_automation'),
    ('admin', 'function', 'retry_dead_automation'),
    ('admin', 'function', 'discard_dead_automation'),
    ('admin', 'function', 'purge_automation_run'),
    ('admin', 'function', 'read_outbox'),
    ('admin', 'function', 'acknowledge_outbox'),
    ('admin', 'function', 'purge_outbox'),
    ('admin', 'table', 'outbox_consumer'),    -- to forget a reader, which keeps events from being purged
    -- copies of records, and messages about them, whoever may see the records themselves
    ('admin', 'reading', 'automation_queue'),
    ('admin', 'reading', 'automation_run'),
    ('admin', 'reading', 'automation_worker'),
    ('admin', 'reading', 'automation_worker_status'),
    ('admin', 'reading', 'automation_queue_waiting'),
    ('admin', 'reading', 'outbox_event'),
    ('admin', 'reading', 'outbox_reading'),
    ('admin', 'reading', 'outbox_aggregate');

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('admin', 'table', 'territory_area'),
    ('admin', 'table', 'working_calendar'),
    ('admin', 'table', 'working_hours'),
    ('admin', 'table', 'holiday'),
    ('admin', 'table', 'assignment_policy'),
    ('admin', 'table', 'assignment_member'),
    ('sell', 'function', 'assign_lead'),
    ('read', 'function', 'add_working_time'),
    ('read', 'function', 'working_minutes_between');

-- The first response to new leads: off until minutes are allowed for it.
INSERT INTO organization_setting (name, value, description) VALUES
    ('first_response_minutes', '0', 'Minutes of working time in which a new lead should get its first response; stored on each new lead as first_response_due_at. 0 = no deadline.'),
    ('first_response_activity_types', 'phone_call, email, appointment', 'Kinds of activities, with commas, that count as a response to a lead when they are completed and not incoming.');

INSERT INTO working_calendar (name, is_default) VALUES ('Standard', true);

INSERT INTO working_hours (working_calendar_id, weekday, start_time, end_time)
SELECT working_calendar.working_calendar_id, weekday, '09:00', '17:00'
  FROM working_calendar, generate_series(1, 5) AS weekday;

-- How leads may be given to owners (D§9.4). Each waits for its members, then for is_active.
INSERT INTO assignment_policy (name, method, sort_order, is_active) VALUES
    ('Territory', 'territory', 10, false),
    ('Load balanced', 'load_balanced', 20, false),
    ('Round robin', 'round_robin', 30, false);

-- Rules that an administrator switches on; they run as whoever made the organization unless another rule_owner is given.
INSERT INTO automation_rule (name, entity, event, sort_order, is_active, description) VALUES
    ('Assign new leads', 'lead', 'created', 100, false, 'Gives new leads that nobody was named for to owners, by the active assignment policies.');

INSERT INTO automation_rule (name, entity, event, date_column, offset_interval, condition, sort_order, is_active, description) VALUES
    ('Lead response overdue', 'lead', 'date_reached', 'first_response_due_at', '0', 'new.first_response_at IS NULL AND new.state = ''open''', 100, false,
     'When the first response to a lead is overdue: event lead.response_overdue in the outbox, and a task for the manager of its owner.');

INSERT INTO automation_action (automation_rule_id, sort_order, action, parameters)
SELECT automation_rule_id, action.sort_order, action.action, action.parameters::jsonb
  FROM automation_rule
  JOIN (VALUES
    ('Assign new leads', 1, 'assign', '{"method": "policy"}'),
    ('Lead response overdue', 1, 'put_outbox', '{"event": "''lead.response_overdue''", "payload": "jsonb_build_object(''lead_id'', new.lead_id, ''owner_id'', new.owner_id, ''first_response_due_at'', new.first_response_due_at)"}'),
    ('Lead response overdue', 2, 'create_activity', '{"activity_type": "task", "subject": "''Response overdue: '' || coalesce(new.company_name, new.full_name)", "priority": "''high''", "due_in": "4 hours", "owner": "coalesce((SELECT manager.owner_id FROM crm_user AS seller JOIN crm_user AS manager ON manager.crm_user_id = seller.manager_crm_user_id WHERE seller.owner_id = new.owner_id), new.owner_id)"}')
  ) AS action (rule_name, sort_order, action, parameters) ON action.rule_name = automation_rule.name;

INSERT INTO organization_setting (name, value, description) VALUES
    ('automation_retry_seconds', '60', 'Seconds until a queued rule that failed is tried again; each further wait is twice as long, up to a day.'),
    ('automation_max_attempts', '5', 'Tries of a queued rule before it is given up as dead.'),
    ('automation_catch_up_days', '7', 'How many days back rules of event date_reached look for dates that nobody has worked off.'),
    ('outbox_notify', 'true', 'Whether the transaction of an outbox event wakes listeners on channel sales_crm_outbox at its commit; such commits take place one after the other.');

-- The standard integration events: rules that are switched off and cost nothing until their is_active is set.
INSERT INTO automation_rule (name, entity, event, condition, is_active, description)
SELECT 'outbox ' || e.name, e.entity, e.event, e.condition, false, 'Puts ' || e.name || ' in the outbox.'
  FROM (VALUES
    ('lead.qualified', 'lead', 'state_changed', 'new.state = ''qualified'' AND old.state <> ''qualified'''),
    ('lead.disqualified', 'lead', 'state_changed', 'new.state = ''disqualified'' AND old.state <> ''disqualified'''),
    ('opportunity.won', 'opportunity', 'state_changed', 'new.state = ''won'' AND old.state <> ''won'''),
    ('opportunity.lost', 'opportunity', 'state_changed', 'new.state = ''lost'' AND old.state <> ''lost'''),
    ('quote.activated', 'quote', 'state_changed', 'new.state = ''active'' AND old.state <> ''active'''),
    ('quote.accepted', 'quote', 'state_changed', 'new.state = ''won'' AND old.state <> ''won'''),
    ('order.submitted', 'sales_order', 'state_changed', 'new.state = ''submitted'' AND old.state <> ''submitted'''),
    ('order.fulfilled', 'sales_order', 'state_changed', 'new.state = ''fulfilled'' AND old.state <> ''fulfilled'''),
    ('order.canceled', 'sales_order', 'state_changed', 'new.state = ''canceled'' AND old.state <> ''canceled'''),
    ('invoice.created', 'invoice', 'created', NULL),
    ('invoice.paid', 'invoice', 'state_changed', 'new.status_reason = ''complete'' AND old.status_reason <> ''complete'''),
    ('invoice.canceled', 'invoice', 'state_changed', 'new.state = ''canceled'' AND old.state <> ''canceled''')
  ) AS e (name, entity, event, condition);
INSERT INTO automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, 'put_outbox', jsonb_build_object('event', quote_literal(substr(name, 8)), 'payload',
       CASE event WHEN 'created' THEN 'jsonb_build_object(''record'', to_jsonb(new), ''new_state'', new.state)'
       ELSE 'jsonb_build_object(''record'', to_jsonb(new), ''old_state'', old.state, ''new_state'', new.state)' END)
  FROM automation_rule WHERE name LIKE 'outbox %';
