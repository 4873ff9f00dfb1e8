CREATE FUNCTION activity_go_with_record() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'activity_go_with_record';
COMMENT ON FUNCTION activity_go_with_record() IS 'Trigger, BEFORE DELETE of a record that activities may regard (argument: the entity): open activities, notes and connections go with it, closed activities refuse the deletion (23503), and where it took part its name stays.';

CREATE FUNCTION complete_activity(
    activity_id bigint,
    status_reason text DEFAULT NULL,
    actual_end_at timestamptz DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_complete';
COMMENT ON FUNCTION complete_activity(bigint, text, timestamptz) IS 'Completes an open or scheduled activity and returns its state, completed; it is read-only from then on. status_reason: one that table activity_type_reason gives its type, default that of the type (an incoming call: received). actual_end_at: when it ended, default now; with actual_start_at the duration follows. Errors: 22004 no id, P0002 unknown, SC001 closed already, SC003 reason, 23514 end before start. Rule: D§2.3, D§6.4.';

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
COMMENT ON FUNCTION reopen_activity(bigint) IS 'Opens a completed or canceled activity again and returns its state, open; its actual end is cleared. An activity that tells of a closing (opportunity_close, quote_close, order_close) stays. Errors: 22004 no id, P0002 unknown, SC001 not closed or a closing. Rule: D§6.4.';

CREATE FUNCTION add_activity_type(
    name text,
    label text DEFAULT NULL,
    columns jsonb DEFAULT NULL,
    OUT activity_type_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'activity_add_type';
COMMENT ON FUNCTION add_activity_type(text, text, jsonb) IS 'Adds a type of activities, such as site_visit, and returns its key. label: as people read it, default from the name. columns: what it has beside the columns of activity, [{"name": "visit_result", "type": "text", "comment": "..."}], kept in a table named like the type, one row for an activity at most; types are text, boolean, integer, bigint, money, quantity, percent, date, timestamptz. Reasons and roles of the type are rows of activity_type_reason and activity_type_role. Errors: 22004 no name, 22023 name, column or type, 42701 a column twice, or one that every such table has, 42710 name taken, 42501 not an administrator. Rule: D§6.3.';

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
