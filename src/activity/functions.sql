CREATE FUNCTION activity_go_with_record() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'activity_go_with_record';
COMMENT ON FUNCTION activity_go_with_record() IS 'Trigger, BEFORE DELETE of a record that activities may regard, AFTER that of an activity (argument: the entity): open activities, notes, connections and queue items go with it, closed activities refuse the deletion (23503), and where it took part its name stays. A table of your own that activities regard gets this trigger too, with its name as argument.';

CREATE FUNCTION complete_activity(
    activity_id bigint,
    status_reason text DEFAULT NULL,
    actual_end_at timestamptz DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_complete';
COMMENT ON FUNCTION complete_activity(bigint, text, timestamptz) IS 'Completes an open or scheduled activity and returns its state, completed; it is read-only from then on. status_reason: one that table activity_type_reason gives its type, default that of the type (an incoming call, mail, letter or fax: received); sent for a mail that was sent elsewhere, while send_email() sends one. actual_end_at: when it ended, default now; with actual_start_at the duration follows. Errors: 22004 no id, P0002 unknown, SC001 closed already, SC003 reason, 23514 end before start. Rule: D§2.3, D§6.4.';

CREATE FUNCTION cancel_activity(
    activity_id bigint,
    description text DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_cancel';
COMMENT ON FUNCTION cancel_activity(bigint, text) IS 'Cancels an open or scheduled activity and returns its state, canceled. description: why, for status_history. Errors: 22004 no id, P0002 unknown, SC001 closed already. Rule: D§2.3.';

CREATE FUNCTION reopen_activity(
    activity_id bigint,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_reopen';
COMMENT ON FUNCTION reopen_activity(bigint) IS 'Opens a completed or canceled activity again and returns its state, open; its actual end is cleared. An activity that tells of a closing (opportunity_close, quote_close, order_close) stays, and so does a mail that a mail program is sending or sent; one that is still pending is taken back. Errors: 22004 no id, P0002 unknown, SC001 not closed, a closing, or such a mail. Rule: D§6.4.';

CREATE FUNCTION send_email(
    activity_id bigint,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_send_email';
COMMENT ON FUNCTION send_email(bigint) IS 'Puts an open mail, a draft or one that failed, in line for the mail program and returns its state, completed (status reason pending_send); it is read-only from then on, and reopen_activity() takes it back until a mail program has it. Its parties in role to, cc and bcc get it, at address_used or else at the e-mail address of their record, which is then written down in address_used; one that came from the record is taken from it anew when the mail is sent again. Without a sender its owner is; a sender whose record has no address leaves it to the mail program. It gets a Message-ID unless it has one. Errors: 22004 no id, P0002 unknown, 22023 no mail, SC001 not open or incoming, 23514 no recipient (constraint email_recipient_check), a recipient without an e-mail address or a typed sender that is none (email_address_check) or with do_not_email (email_do_not_email_check). Rule: D§2.3, D§6.4.';

CREATE FUNCTION take_emails(
    "limit" integer DEFAULT 100,
    OUT activity_id bigint,
    OUT attempt integer,
    OUT message_identifier text,
    OUT sender text,
    OUT to_addresses text[],
    OUT cc_addresses text[],
    OUT bcc_addresses text[],
    OUT subject text,
    OUT body text,
    OUT in_reply_to_identifier text,
    OUT conversation_identifier text,
    OUT is_read_receipt_requested boolean,
    OUT priority text,
    OUT attachment_count integer
) RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'activity_take_emails';
COMMENT ON FUNCTION take_emails(integer) IS 'Gives a mail program at most "limit" mails, those that wait longest first, and makes them sending: COMMIT, deliver each with its message_identifier as Message-ID, then report_email_sent() or report_email_failed(). Several mail programs may run side by side, each mail goes to one. A mail nobody reported on within the setting email_sending_timeout_minutes is given out again, so that one whose mail program died is sent at least once; attempt counts. What becomes a header (subject and identifiers) comes without line breaks. sender is NULL when its party has no e-mail address. The files are rows of table attachment with that activity_id. For level admin, as it is about the mails of all; a role of level sell that is granted EXECUTE on the three calls will do. Errors: 22023 limit. Rule: D§2.3, D§6.4.';

CREATE FUNCTION report_email_sent(
    activity_id bigint,
    message_identifier text DEFAULT NULL,
    sent_at timestamptz DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_report_email_sent';
COMMENT ON FUNCTION report_email_sent(bigint, text, timestamptz) IS 'Notes that a mail that take_emails() gave out was delivered: it is completed/sent, for good. message_identifier: its Message-ID where the mail program gave it another. sent_at: when, default now; also the end of the activity. Returns the state, completed. Errors: 22004 no id, P0002 unknown, 22023 no mail, SC001 not being sent. Rule: D§2.3, D§6.4.';

CREATE FUNCTION report_email_failed(
    activity_id bigint,
    description text,
    attempt integer DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_report_email_failed';
COMMENT ON FUNCTION report_email_failed(bigint, text, integer) IS 'Notes that a mail that take_emails() gave out could not be delivered: it is open/failed, to be corrected and sent again. description: why, for email.delivery_error and status_history. attempt: that of take_emails(); a report about one that is over, since the mail was given out again, is refused. Returns the state, open. Errors: 22004 no id or description, P0002 unknown, 22023 no mail, SC001 not being sent, or another attempt is under way. Rule: D§2.3, D§6.4.';

CREATE FUNCTION add_activity_type(
    name text,
    label text DEFAULT NULL,
    columns jsonb DEFAULT NULL,
    OUT activity_type_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_add_type';
COMMENT ON FUNCTION add_activity_type(text, text, jsonb) IS 'Adds a type of activities, such as site_visit, and returns its key. label: as people read it, default from the name. columns: what it has beside the columns of activity, [{"name": "visit_result", "type": "text", "comment": "..."}], kept in a table named like the type, one row for an activity at most; types are text, boolean, integer, bigint, money, quantity, percent, date, timestamptz. Reasons and roles of the type are rows of activity_type_reason and activity_type_role. Errors: 22004 no name, 22023 name, column or type, 42701 a column twice, or one that every such table has, 42710 name taken, 42501 not an administrator. Rule: D§6.3.';

CREATE FUNCTION go_with_series() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'activity_go_with_series';
COMMENT ON FUNCTION go_with_series() IS 'Trigger, AFTER DELETE of days of a recurring appointment: their appointments go with them; one that is closed refuses it (SC002).';

CREATE FUNCTION cancel_with_series() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'activity_cancel_with_series';
COMMENT ON FUNCTION cancel_with_series() IS 'Trigger, AFTER UPDATE of a recurring appointment that was canceled: its open appointments of the future are canceled with it.';

CREATE FUNCTION expand_series(
    activity_id bigint,
    until date DEFAULT NULL,
    OUT made integer,
    OUT changed integer,
    OUT removed integer
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_expand_series';
COMMENT ON FUNCTION expand_series(bigint, date) IS 'Brings the appointments of a recurring one in line with it, and returns how many it made, changed and removed. Makes those that are missing, each an activity of type appointment with subject, description, regarding, priority, owner, state, location and parties of the series, from starts_on through until: at most 3660 days from today; default today plus the setting appointment_horizon_days, and at least the next one. After a change of the series, those of the future that are open and that nobody changed take over what changed, or go when the rule does not name their day any more; what is past, closed or changed by hand (instance_type exception) stays, and a day whose appointment was deleted stays without. Errors: 22004 no id, P0002 unknown or without a row in recurring_appointment, 22023 until, SC001 completed or canceled. Rule: D§6.1, D§6.3.';

CREATE FUNCTION expand_due_series(
    "limit" integer DEFAULT 100,
    OUT expanded integer
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_expand_due_series';
COMMENT ON FUNCTION expand_due_series(integer) IS 'Does expand_series() for the open recurring appointments that need it, at most "limit" of them, and returns how many it did: those changed since, and those without appointments through today plus the setting appointment_horizon_days. For a scheduler such as pg_cron, once a day; call it until it returns 0, each time in a transaction of its own. Several sessions may call it at once; none waits for what another has. A series that fails is passed over with a WARNING. Errors: 22023 negative limit.';

CREATE FUNCTION end_series(
    activity_id bigint,
    last_on date DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_end_series';
COMMENT ON FUNCTION end_series(bigint, date) IS 'Ends a recurring appointment with a day, default today, and returns its state, completed. Appointments through last_on are made; of those after it, the ones of the future that are open and that nobody changed go. Errors: 22004 no id, P0002 unknown or without a row in recurring_appointment, 22023 last_on before starts_on or more than 3660 days from today, SC001 completed or canceled. Rule: D§6.3.';

CREATE FUNCTION timeline(
    entity text,
    id bigint,
    before_at timestamptz DEFAULT NULL,
    before_entry_id bigint DEFAULT NULL,
    "limit" integer DEFAULT 50,
    OUT occurred_at timestamptz,
    OUT entry_id bigint,
    OUT kind text,
    OUT activity_id bigint,
    OUT note_id bigint,
    OUT subject text,
    OUT state text,
    OUT owner_id bigint,
    OUT regarding_entity text,
    OUT regarding_id bigint
) RETURNS SETOF record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'activity_timeline';
COMMENT ON FUNCTION timeline(text, bigint, timestamptz, bigint, integer) IS 'Activities and notes about a record and what belongs to it, newest first: an account with its contacts, leads, deals, quotes, orders and invoices; a contact with his deals; a lead with the deals made of it, a deal with its lead, both with quotes, orders and invoices; and whoever took part in an activity has that too. kind: the type of the activity, or note. Next page: before_at and before_entry_id of the last row. limit: rows of a page. Errors: 22004 no entity or id, 42704 unknown entity, P0002 unknown record, 22023 limit. Rule: D§6.4.';

CREATE FUNCTION make_default_queues() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'activity_make_default_queues';
COMMENT ON FUNCTION make_default_queues() IS 'Trigger, AFTER a statement on owner with transition tables: gives each new user and team a private default queue, and renames it with its owner.';

CREATE FUNCTION add_to_queue(
    entity text,
    record_id bigint,
    queue_id bigint DEFAULT NULL,
    priority integer DEFAULT NULL,
    OUT queue_item_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_add_to_queue';
COMMENT ON FUNCTION add_to_queue(text, bigint, bigint, integer) IS 'Puts a record into a queue and returns its queue item. entity: its table, one of yours included. queue_id: NULL = the default queue of the current user. priority: higher is picked first; NULL = that of an activity (low -1, normal 0, high 1), else 0. A record stands in one queue at most: from another queue it moves here, with nobody working on it and its priority kept; in this queue already, its item is returned as it is. Everybody may put work into any queue. It leaves the queue by itself in the states of table queue_exit_state, such as completed; a record of a table of yours leaves it by remove_queue_item(). Errors: 22004 no entity or record, 42704 unknown table, 42809 a view, P0002 unknown record or queue, SC001 inactive queue, or a record with nothing left to do, 42501 another works on it, it stands in a private queue of others, or row security hides its item. Rule: D§6.4.';

CREATE FUNCTION route_queue_item(
    queue_item_id bigint,
    queue_id bigint,
    OUT queue_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_route_item';
COMMENT ON FUNCTION route_queue_item(bigint, bigint) IS 'Moves a queue item to another queue and returns that queue: there it is the newest, and nobody works on it. In the same queue it stays as it is. Errors: 22004, P0002 unknown item or queue, SC001 the item left its queue or the other queue is inactive, 42501 another works on it, or it stands in a private queue of others. Rule: D§6.4.';

CREATE FUNCTION pick_queue_item(
    queue_item_id bigint,
    worker_id bigint DEFAULT NULL,
    remove boolean DEFAULT false,
    OUT worker_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_pick_item';
COMMENT ON FUNCTION pick_queue_item(bigint, bigint, boolean) IS 'Makes somebody the worker of a queue item and returns him. worker_id: owner_id of a user or team, NULL = the current user; another one is named by the owner of the queue, by his manager or by an administrator (a role that may UPDATE table queue). remove: true takes the item out of its queue at once. The record keeps its owner. Who works on it already may pick it again. Errors: 22004, P0002 unknown item or owner, SC001 another works on it, or it left its queue, 22023 a worker who is disabled or not of the private queue, 42501 a private queue of others, or no say in who works. Rule: D§6.4.';

CREATE FUNCTION pick_next(
    queue_id bigint,
    OUT queue_item_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_pick_next';
COMMENT ON FUNCTION pick_next(bigint) IS 'Picks the next free item of a queue for the current user and returns it, NULL when there is none: the highest priority first, then what waits longest. Items that others are about to pick are passed over, so that many may call it at once and nobody waits. Errors: 22004, P0002 unknown queue, 42501 a private queue of others.';

CREATE FUNCTION release_queue_item(
    queue_item_id bigint,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_release_item';
COMMENT ON FUNCTION release_queue_item(bigint) IS 'Puts a queue item back, so that others can pick it, and returns its state, active; it keeps its place by age. An item that nobody works on stays as it is. Errors: 22004, P0002 unknown item, SC001 it left its queue, 42501 another works on it and you are neither the owner of the queue, nor his manager, nor an administrator, or a private queue of others. Rule: D§6.4.';

CREATE FUNCTION remove_queue_item(
    queue_item_id bigint,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_remove_item';
COMMENT ON FUNCTION remove_queue_item(bigint) IS 'Takes a queue item out of its queue and returns its state, inactive; the record is not touched, and may be put into a queue again. Errors: 22004, P0002 unknown item, SC001 it left its queue before, 42501 as for release_queue_item(). Rule: D§6.4.';
