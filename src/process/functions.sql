CREATE FUNCTION bring_process() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_bring';
COMMENT ON FUNCTION bring_process() IS 'Trigger function of quote, sales_order and invoice: a process that stands right before a stage of an order or invoice goes on to it; one that works on a canceled one, or on the revision of a quote before, changes over to the new one.';

CREATE FUNCTION release_process() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_release';
COMMENT ON FUNCTION release_process() IS 'Trigger function of records that processes work on: when one is deleted, the process that was started on it goes along, any other goes back to the stage before.';

CREATE FUNCTION activate_process(process_name text, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_activate';
COMMENT ON FUNCTION activate_process(text) IS 'Checks a process that is draft or inactive and makes it active, so that records can use it; returns its state. From then on it is read-only. Errors: 22004 no name, P0002 unknown process, SC001 active already, 23514 naming each thing that is wrong: no stages, unknown columns, rules of action steps that nobody can run on the table, branches on columns of no step so far, branches that do not lead forward, stages that no path reaches, tables that no relation leads to, or several do and relation_column does not say which, tables that are not there or have no number for a key, more than the settings process_max_... allow. Rule: D§5.1.';

CREATE FUNCTION deactivate_process(process_name text, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_deactivate';
COMMENT ON FUNCTION deactivate_process(text) IS 'Makes an active process inactive and returns its state: no record starts it, its instances stay where they are, and it can be edited. Errors: 22004 no name, P0002 unknown process, SC001 not active. Rule: D§5.1.';

CREATE FUNCTION start_process(entity text, record_id bigint, process_name text DEFAULT NULL, OUT process_instance_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_start';
COMMENT ON FUNCTION start_process(text, bigint, text) IS 'Starts a process on a record, in its first stage, and returns the key of the instance. process_name: default the active process of the table with the lowest sort_order among those that the caller''s roles allow (table process_role). Errors: 42501 the roles do not allow the process, 22004 no entity or record_id, 42704 and 22023 not a table of processes, P0002 unknown record or process, SC001 process not active, 22023 it begins with another table, 23505 it was started on this record before, SC002 record closed. Rule: D§5.1.';

CREATE FUNCTION next_stage(entity text, record_id bigint, process_name text DEFAULT NULL, OUT stage_name text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_next';
COMMENT ON FUNCTION next_stage(text, bigint, text) IS 'Moves a record''s process to the next stage and returns its name; without an instance the process is started and moved on from its first stage. process_name: default the current one, that used last. Errors: SC008 required steps are missing, or the record that the next stage is about; 42702 several keys lead to that record; 42501 the caller''s roles do not allow the process; SC001 not active, or last stage; SC002 record closed; others as start_process(). Rule: D§5.1.';

CREATE FUNCTION previous_stage(entity text, record_id bigint, process_name text DEFAULT NULL, OUT stage_name text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_previous';
COMMENT ON FUNCTION previous_stage(text, bigint, text) IS 'Moves a record''s process back to the stage before, whatever its steps say, and returns its name; the path is cut back. Errors: P0002 unknown record or no instance, 42501 the caller''s roles do not allow the process, SC001 not active, or first stage, SC002 record closed. Rule: D§5.1.';

CREATE FUNCTION set_stage(entity text, record_id bigint, stage_name text, process_name text DEFAULT NULL, OUT stage_name text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_set_stage';
COMMENT ON FUNCTION set_stage(text, bigint, text, text) IS 'Makes a stage that the process has been through active again and returns its name; the path is cut back to it. Errors: 22004 no stage, P0002 unknown record or no instance, 42501 the caller''s roles do not allow the process, SC001 not active, or the stage is not on the path, SC002 record closed. Rule: D§5.1.';

CREATE FUNCTION finish_process(entity text, record_id bigint, process_name text DEFAULT NULL, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_finish';
COMMENT ON FUNCTION finish_process(text, bigint, text) IS 'Finishes a record''s process in its last stage and returns its state, finished. The record is not closed by that, and may be closed already. Errors: P0002 unknown record or no instance, 42501 the caller''s roles do not allow the process, SC001 not active, or not in the last stage, SC008 required steps are missing. Rule: D§5.1.';

CREATE FUNCTION abandon_process(entity text, record_id bigint, process_name text DEFAULT NULL, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_abandon';
COMMENT ON FUNCTION abandon_process(text, bigint, text) IS 'Abandons a record''s process in whatever stage and returns its state, aborted. Errors: P0002 unknown record or no instance, 42501 the caller''s roles do not allow the process, SC001 not active. Rule: D§5.1.';

CREATE FUNCTION reactivate_process(entity text, record_id bigint, process_name text DEFAULT NULL, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_reactivate';
COMMENT ON FUNCTION reactivate_process(text, bigint, text) IS 'Takes a finished or abandoned process up again in the stage it stood in and returns its state, active. process_name: default the one used last among those that ended. Errors: P0002 unknown record or no instance, 42501 the caller''s roles do not allow the process, SC001 active already, or the process is not active. Rule: D§5.1.';

CREATE FUNCTION switch_process(entity text, record_id bigint, process_name text, OUT process_instance_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_switch';
COMMENT ON FUNCTION switch_process(text, bigint, text) IS 'Makes another process the current one of a record and returns the key of its instance: the one that is there, with the state it has, else a new one. The process so far keeps its stage. Errors: as start_process(). Rule: D§5.1.';

CREATE FUNCTION run_process_step(entity text, record_id bigint, step text, process_name text DEFAULT NULL, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'process_run_step';
COMMENT ON FUNCTION run_process_step(text, bigint, text, text) IS 'Runs an action step of the stage that a record''s process stands in: its automation rule works on the stage''s record, in this transaction, with the rights of its rule_owner. step: the label of the step. Returns done; requested when the rule is a queued one, until run_due_automation() has run it; or skipped when its condition does not hold, which completes nothing. The instance remembers what was done, also when it goes back; a required action must be done before the stage is left. Called again, it runs again. Errors: 22004, P0002 unknown record, no instance, no such action in this stage, or no such rule; 42501 the caller''s roles do not allow the process; SC001 process not active, 22023 the rule is inactive or of another event, SC012 it failed, SC020 it refuses. Rule: D§5.1, D§5.3.';

CREATE FUNCTION process_guidance(
    entity text,
    id bigint,
    OUT section text,
    OUT name text,
    OUT detail text,
    OUT value text,
    OUT is_required boolean,
    OUT is_done boolean,
    OUT is_allowed boolean,
    OUT since timestamptz,
    OUT minutes numeric
) RETURNS SETOF record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'process_guidance';
COMMENT ON FUNCTION process_guidance(text, bigint) IS 'Where a record is in its current process, and what comes next: section process (name, state in detail), section stage (those of the path, the last is the active one; record in detail, since when, minutes), section step (label, column or rule in detail, its value, for an action done or requested, required, done, since when), section action (a call, whether it is allowed now, and why or what it does in detail). A record without an instance shows the process that next_stage() would start; a process that the caller''s roles do not allow is not shown. Errors: 22004, 42704 and 22023 not a table of processes, P0002 unknown record. Rule: D§5.1.';

CREATE FUNCTION why_not(
    entity text,
    id bigint,
    action text,
    OUT reason text,
    OUT detail text,
    OUT hint text
) RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'process_why_not';
COMMENT ON FUNCTION why_not(text, bigint, text) IS 'Why a call would be refused for a record, a row for each reason; no row = nothing refuses it. action: the name of a call with the record''s key as its only required argument, such as qualify_lead, accept_quote or pay_invoice, or of a process, such as next_stage. A call of a record is really tried and undone, so it may wait for a lock, and a number it took is lost. Errors: 22004, 42704 and 22023 not a table of processes, P0002 unknown record, 22023 unknown action. Rule: D§5.1.';
