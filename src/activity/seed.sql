-- activity: kinds, states and option values of activities.

INSERT INTO activity_type (activity_type, label, dynamics_code, has_details) VALUES
    ('task', 'Task', 4212, true),
    ('phone_call', 'Phone Call', 4210, true),
    ('email', 'Email', 4202, true),
    ('appointment', 'Appointment', 4201, true),
    ('recurring_appointment', 'Recurring Appointment', 4251, true),
    ('letter', 'Letter', 4207, true),
    ('fax', 'Fax', 4204, true),
    ('opportunity_close', 'Opportunity Close', 4208, true),
    ('quote_close', 'Quote Close', 4211, true),
    ('order_close', 'Order Close', 4209, true);

-- The reasons of all kinds together. Codes are those of the base table, else of the one kind that has the reason.
INSERT INTO status_reason (entity, state, status_reason, label, is_default, is_read_only, dynamics_state, dynamics_status_reason) VALUES
    ('activity', 'open', 'open', 'Open', true, false, 0, 1),
    ('activity', 'open', 'not_started', 'Not Started', false, false, 0, 2),
    ('activity', 'open', 'in_progress', 'In Progress', false, false, 0, 3),
    ('activity', 'open', 'waiting_on_someone_else', 'Waiting on someone else', false, false, 0, 4),
    ('activity', 'open', 'deferred', 'Deferred', false, false, 0, 7),
    ('activity', 'open', 'draft', 'Draft', false, false, 0, NULL),
    ('activity', 'open', 'failed', 'Failed', false, false, 0, 8),
    ('activity', 'open', 'free', 'Free', false, false, 0, 1),
    ('activity', 'open', 'tentative', 'Tentative', false, false, 0, 2),
    ('activity', 'scheduled', 'scheduled', 'Scheduled', true, false, 3, 4),
    ('activity', 'scheduled', 'busy', 'Busy', false, false, 3, 5),
    ('activity', 'scheduled', 'out_of_office', 'Out of Office', false, false, 3, 6),
    ('activity', 'completed', 'completed', 'Completed', true, true, 1, 2),
    ('activity', 'completed', 'made', 'Made', false, true, 1, 2),
    ('activity', 'completed', 'received', 'Received', false, true, 1, NULL),
    ('activity', 'completed', 'sent', 'Sent', false, true, 1, NULL),
    ('activity', 'completed', 'pending_send', 'Pending Send', false, true, 1, 6),
    ('activity', 'completed', 'sending', 'Sending', false, true, 1, 7),
    ('activity', 'canceled', 'canceled', 'Canceled', true, true, 2, 3);

-- The reasons of each kind (D§2.3).
INSERT INTO activity_type_reason (activity_type, state, status_reason, is_default, dynamics_status_reason) VALUES
    ('task', 'open', 'not_started', true, 2),
    ('task', 'open', 'in_progress', false, 3),
    ('task', 'open', 'waiting_on_someone_else', false, 4),
    ('task', 'open', 'deferred', false, 7),
    ('task', 'completed', 'completed', true, 5),
    ('task', 'canceled', 'canceled', true, 6),
    ('phone_call', 'open', 'open', true, 1),
    ('phone_call', 'completed', 'made', true, 2),
    ('phone_call', 'completed', 'received', false, 4),
    ('phone_call', 'canceled', 'canceled', true, 3),
    ('email', 'open', 'draft', true, 1),
    ('email', 'open', 'failed', false, 8),
    ('email', 'completed', 'completed', true, 2),
    ('email', 'completed', 'sent', false, 3),
    ('email', 'completed', 'received', false, 4),
    ('email', 'completed', 'pending_send', false, 6),
    ('email', 'completed', 'sending', false, 7),
    ('email', 'canceled', 'canceled', true, 5),
    ('appointment', 'open', 'free', true, 1),
    ('appointment', 'open', 'tentative', false, 2),
    ('appointment', 'scheduled', 'busy', true, 5),
    ('appointment', 'scheduled', 'out_of_office', false, 6),
    ('appointment', 'completed', 'completed', true, 3),
    ('appointment', 'canceled', 'canceled', true, 4),
    ('recurring_appointment', 'open', 'free', true, 1),
    ('recurring_appointment', 'open', 'tentative', false, 2),
    ('recurring_appointment', 'scheduled', 'busy', true, 5),
    ('recurring_appointment', 'scheduled', 'out_of_office', false, 6),
    ('recurring_appointment', 'completed', 'completed', true, 3),
    ('recurring_appointment', 'canceled', 'canceled', true, 4),
    ('letter', 'open', 'open', true, 1),
    ('letter', 'open', 'draft', false, 2),
    ('letter', 'completed', 'sent', true, 4),
    ('letter', 'completed', 'received', false, 3),
    ('letter', 'canceled', 'canceled', true, 5),
    ('fax', 'open', 'open', true, 1),
    ('fax', 'completed', 'completed', true, 2),
    ('fax', 'completed', 'sent', false, 3),
    ('fax', 'completed', 'received', false, 4),
    ('fax', 'canceled', 'canceled', true, 5);
INSERT INTO activity_type_reason (activity_type, state, status_reason, is_default, dynamics_status_reason)
SELECT kind.activity_type, base.state, base.state, true, base.code
  FROM (VALUES ('opportunity_close'), ('quote_close'), ('order_close')) AS kind (activity_type),
       (VALUES ('open', 1), ('completed', 2), ('canceled', 3)) AS base (state, code);

-- The roles of each kind (D§6.2); each has an owner and may regard a record besides.
INSERT INTO activity_type_role (activity_type, participation_type)
SELECT kind.activity_type, role.participation_type
  FROM (VALUES ('email', '{sender,to,cc,bcc}'), ('phone_call', '{sender,to}'), ('letter', '{sender,to,cc,bcc}'), ('fax', '{sender,to}'),
               ('appointment', '{required_attendee,optional_attendee,organizer}'),
               ('recurring_appointment', '{required_attendee,optional_attendee,organizer}')) AS kind (activity_type, roles),
       unnest(kind.roles::text[]) AS role (participation_type);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('activity', NULL, 'open', 'insert'),
    ('activity', NULL, 'scheduled', 'insert'),
    ('activity', 'open', 'completed', 'update'),
    ('activity', 'scheduled', 'completed', 'update'),
    ('activity', 'open', 'canceled', 'update'),
    ('activity', 'scheduled', 'canceled', 'update'),
    ('activity', 'open', 'scheduled', 'update'),
    ('activity', 'scheduled', 'open', 'update'),
    ('activity', 'open', 'completed', 'complete_activity'),
    ('activity', 'scheduled', 'completed', 'complete_activity'),
    ('activity', 'open', 'canceled', 'cancel_activity'),
    ('activity', 'scheduled', 'canceled', 'cancel_activity'),
    ('activity', 'completed', 'open', 'reopen_activity'),
    ('activity', 'canceled', 'open', 'reopen_activity'),
    ('activity', 'open', 'completed', 'send_email'),
    ('activity', 'completed', 'open', 'report_email_failed'),
    ('connection', NULL, 'active', 'insert'),
    ('connection', 'active', 'inactive', 'update'),
    ('connection', 'inactive', 'active', 'update'),
    ('connection_role', NULL, 'active', 'insert'),
    ('connection_role', 'active', 'inactive', 'update'),
    ('connection_role', 'inactive', 'active', 'update');

INSERT INTO status_reason (entity, state, status_reason, label, is_default, dynamics_state, dynamics_status_reason)
SELECT entity, state, state, initcap(state), true, CASE state WHEN 'active' THEN 0 ELSE 1 END, CASE state WHEN 'active' THEN 1 ELSE 2 END
  FROM (VALUES ('connection'), ('connection_role')) AS connected (entity), (VALUES ('active'), ('inactive')) AS known (state);

INSERT INTO organization_setting (name, value, description) VALUES
    ('appointment_horizon_days', '90', 'For how many days from today the appointments of a recurring one are made, 1 to 3660.');

INSERT INTO editable_when_closed (entity, column_name) VALUES ('activity', 'owner_id');

INSERT INTO organization_setting (name, value, description) VALUES
    ('email_sending_timeout_minutes', '30', 'Minutes until a mail that take_emails() gave to a mail program, which did not report, is given out again; a whole number from 1 on.');

INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order) VALUES
    ('activity', 'priority', 'low', 'Low', 0, 0),
    ('activity', 'priority', 'normal', 'Normal', 1, 1),
    ('activity', 'priority', 'high', 'High', 2, 2),
    ('activity', 'direction', 'incoming', 'Incoming', 0, 0),
    ('activity', 'direction', 'outgoing', 'Outgoing', 1, 1),
    ('activity_party', 'participation_type', 'sender', 'Sender', 1, 1),
    ('activity_party', 'participation_type', 'to', 'To', 2, 2),
    ('activity_party', 'participation_type', 'cc', 'CC', 3, 3),
    ('activity_party', 'participation_type', 'bcc', 'BCC', 4, 4),
    ('activity_party', 'participation_type', 'required_attendee', 'Required Attendee', 5, 5),
    ('activity_party', 'participation_type', 'optional_attendee', 'Optional Attendee', 6, 6),
    ('activity_party', 'participation_type', 'organizer', 'Organizer', 7, 7),
    ('activity_party', 'participation_type', 'regarding', 'Regarding', 8, 8),
    ('activity_party', 'participation_type', 'owner', 'Owner', 9, 9),
    ('activity_party', 'participation_type', 'resource', 'Resource', 10, 10),
    ('activity_party', 'participation_type', 'customer', 'Customer', 11, 11),
    ('connection_role', 'category', 'business', 'Business', 1, 1),
    ('connection_role', 'category', 'family', 'Family', 2, 2),
    ('connection_role', 'category', 'social', 'Social', 3, 3),
    ('connection_role', 'category', 'sales_team', 'Sales Team', 1000, 4),
    ('connection_role', 'category', 'stakeholder', 'Stakeholder', 1001, 5);

INSERT INTO connection_role (name, category) VALUES
    ('Stakeholder', 'stakeholder'),
    ('Decision Maker', 'stakeholder'),
    ('Economic Buyer', 'stakeholder'),
    ('Technical Buyer', 'stakeholder'),
    ('Influencer', 'stakeholder'),
    ('Champion', 'stakeholder'),
    ('End User', 'stakeholder'),
    ('Account Manager', 'sales_team'),
    ('Sales Professional', 'sales_team'),
    ('Delivery Professional', 'sales_team'),
    ('Industry Expert', 'sales_team'),
    ('Territory Manager', 'sales_team'),
    ('Territory Sales Professional', 'sales_team'),
    ('Employer', 'business'),
    ('Employee', 'business'),
    ('Former Employer', 'business'),
    ('Former Employee', 'business'),
    ('Partner', 'business'),
    ('Vendor', 'business'),
    ('Customer', 'business'),
    ('Referred by', 'business'),
    ('Referral', 'business'),
    ('Colleague', 'business'),
    ('Friend', 'social'),
    ('Spouse/Partner', 'family'),
    ('Parent', 'family'),
    ('Child', 'family');
UPDATE connection_role AS one SET reciprocal_connection_role_id = other.connection_role_id
  FROM (VALUES ('Employer', 'Employee'), ('Former Employer', 'Former Employee'), ('Vendor', 'Customer'), ('Referred by', 'Referral'), ('Parent', 'Child'),
               ('Partner', 'Partner'), ('Colleague', 'Colleague'), ('Friend', 'Friend'), ('Spouse/Partner', 'Spouse/Partner')) AS pair (a, b)
  JOIN connection_role AS other ON other.name IN (pair.a, pair.b)
 WHERE one.name IN (pair.a, pair.b) AND (one.name <> other.name OR pair.a = pair.b);

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('sell', 'table', 'activity'),
    ('sell', 'table', 'activity_party'),
    ('sell', 'table', 'task'),
    ('sell', 'table', 'phone_call'),
    ('sell', 'table', 'email'),
    ('sell', 'table', 'appointment'),
    ('sell', 'table', 'recurring_appointment'),
    ('sell', 'table', 'recurring_appointment_day'),
    ('sell', 'table', 'letter'),
    ('sell', 'table', 'fax'),
    ('sell', 'table', 'note'),
    ('sell', 'table', 'attachment'),
    ('sell', 'table', 'connection'),
    ('admin', 'table', 'connection_role'),
    ('admin', 'table', 'activity_type_reason'),
    ('admin', 'table', 'activity_type_role'),
    ('sell', 'function', 'complete_activity'),
    ('sell', 'function', 'cancel_activity'),
    ('sell', 'function', 'reopen_activity'),
    ('sell', 'function', 'send_email'),
    ('admin', 'function', 'take_emails'),    -- the mail program's: they act on the mails of all
    ('admin', 'function', 'report_email_sent'),
    ('admin', 'function', 'report_email_failed'),
    ('sell', 'function', 'expand_series'),
    ('sell', 'function', 'expand_due_series'),
    ('sell', 'function', 'end_series'),
    ('read', 'function', 'timeline'),
    ('admin', 'function', 'add_activity_type'),
    ('admin', 'table', 'activity_type');

-- Queues.
INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order) VALUES
    ('queue', 'queue_type', 'public', 'Public', 0, 0),
    ('queue', 'queue_type', 'private', 'Private', 1, 1);

INSERT INTO status_reason (entity, state, status_reason, label, is_default, dynamics_state, dynamics_status_reason)
SELECT entity, state, state, initcap(state), true, CASE state WHEN 'active' THEN 0 ELSE 1 END, CASE state WHEN 'active' THEN 1 ELSE 2 END
  FROM (VALUES ('queue'), ('queue_item')) AS queued (entity), (VALUES ('active'), ('inactive')) AS known (state);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('queue', NULL, 'active', 'insert'),
    ('queue', 'active', 'inactive', 'update'),
    ('queue', 'inactive', 'active', 'update'),
    ('queue_item', NULL, 'active', 'add_to_queue'),
    ('queue_item', 'active', 'inactive', 'remove_queue_item'),
    ('queue_item', 'active', 'inactive', 'pick_queue_item'),
    ('queue_item', 'active', 'inactive', 'record_state');

INSERT INTO editable_when_closed (entity, column_name) VALUES ('queue_item', 'priority');

-- Where the work on a record is over. An active quote and a submitted order still have to be followed up, a part payment and a part delivery too.
INSERT INTO queue_exit_state (entity, state, status_reason) VALUES
    ('activity', 'completed', NULL),
    ('activity', 'canceled', NULL),
    ('account', 'inactive', NULL),
    ('contact', 'inactive', NULL),
    ('lead', 'qualified', NULL),
    ('lead', 'disqualified', NULL),
    ('opportunity', 'won', NULL),
    ('opportunity', 'lost', NULL),
    ('quote', 'won', NULL),
    ('quote', 'closed', NULL),
    ('sales_order', 'fulfilled', 'complete'),
    ('sales_order', 'invoiced', NULL),
    ('sales_order', 'canceled', NULL),
    ('invoice', 'paid', 'complete'),
    ('invoice', 'canceled', NULL),
    ('campaign', 'inactive', NULL);

-- The owners that were made before queues had their states.
INSERT INTO queue (name, queue_type, default_owner_id, owner_id)
SELECT '<' || name || '>', 'private', owner_id, owner_id FROM owner ORDER BY owner_id;

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('admin', 'table', 'queue'),
    ('admin', 'table', 'queue_member'),
    ('admin', 'table', 'queue_exit_state'),
    ('sell', 'table', 'queue_item'),
    ('sell', 'function', 'add_to_queue'),
    ('sell', 'function', 'route_queue_item'),
    ('sell', 'function', 'pick_queue_item'),
    ('sell', 'function', 'pick_next'),
    ('sell', 'function', 'release_queue_item'),
    ('sell', 'function', 'remove_queue_item');
