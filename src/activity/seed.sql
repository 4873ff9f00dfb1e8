-- activity: kinds, states and option values of activities.

INSERT INTO activity_type (activity_type, label, dynamics_code) VALUES
    ('task', 'Task', 4212),
    ('phone_call', 'Phone Call', 4210),
    ('email', 'Email', 4202),
    ('appointment', 'Appointment', 4201),
    ('letter', 'Letter', 4207),
    ('fax', 'Fax', 4204),
    ('opportunity_close', 'Opportunity Close', 4208),
    ('quote_close', 'Quote Close', 4211),
    ('order_close', 'Order Close', 4209);

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
    ('activity', 'scheduled', 'busy', 'Busy', true, false, 3, 5),
    ('activity', 'scheduled', 'out_of_office', 'Out of Office', false, false, 3, 6),
    ('activity', 'completed', 'completed', 'Completed', true, true, 1, 2),
    ('activity', 'completed', 'made', 'Made', false, true, 1, 2),
    ('activity', 'completed', 'received', 'Received', false, true, 1, NULL),
    ('activity', 'completed', 'sent', 'Sent', false, true, 1, NULL),
    ('activity', 'completed', 'pending_send', 'Pending Send', false, true, 1, 6),
    ('activity', 'completed', 'sending', 'Sending', false, true, 1, 7),
    ('activity', 'canceled', 'canceled', 'Canceled', true, true, 2, 3);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('activity', NULL, 'open', 'insert'),
    ('activity', NULL, 'scheduled', 'insert'),
    ('activity', 'open', 'completed', 'update'),
    ('activity', 'scheduled', 'completed', 'update'),
    ('activity', 'open', 'canceled', 'update'),
    ('activity', 'scheduled', 'canceled', 'update');

INSERT INTO editable_when_closed (entity, column_name) VALUES ('activity', 'owner_id');

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
    ('activity_party', 'participation_type', 'customer', 'Customer', 11, 11);

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('sell', 'table', 'activity'),
    ('sell', 'table', 'activity_party'),
    ('admin', 'table', 'activity_type');
