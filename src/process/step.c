/*
 * step.c
 *	  The steps of a stage: columns that are filled in, and actions that run a
 *	  rule of automation when somebody asks for it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "process/flow.h"
#include "security/security.h"

static char *value_of(CrmOrganization *org, FlowEntity entity);
static FlowStep *read_step(uint64 row);
static FlowStep *action_named(const Flow *flow, const char *label);
static void note_completion(const Flow *flow, const FlowStep *step, int64 record_id, const char *state);

/* a step that was done stays done while it is asked for once more */
static CrmStatement upsert_completion = {
	.sql = "INSERT INTO @process_step_completion AS c (process_instance_id, process_step_id, record_id, state, completed_at, completed_by) "
	"SELECT i.process_instance_id, $2, $3, $4, CASE WHEN $4 = 'done' THEN " CRM_SQL_NOW " END, $5 "
	"FROM @process_instance i WHERE i.process_instance_id = $1 "
	"ON CONFLICT (process_instance_id, process_step_id) DO UPDATE SET record_id = excluded.record_id, state = excluded.state, "
	"completed_at = excluded.completed_at, completed_by = excluded.completed_by WHERE excluded.state = 'done' OR c.state <> 'done'",
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, INT8OID}
};
static CrmStatement complete_requested = {
	.sql = "UPDATE @process_step_completion SET state = 'done', completed_at = " CRM_SQL_NOW " "
	"WHERE record_id = ANY ($2) AND state = 'requested' "
	"AND process_step_id IN (SELECT process_step_id FROM @process_step WHERE rule_name = $1)",
	.argtypes = {TEXTOID, INT8ARRAYOID}
};

ProcessRuleHook process_rule_hook = NULL;
ProcessRuleCheckHook process_rule_check_hook = NULL;

PG_FUNCTION_INFO_V1(process_run_step);

/*
 * flow_steps returns the steps of the active stage. A yes/no column is done
 * when true, any other when it has a value that is not blank, an action when
 * its rule has run.
 */
List *
flow_steps(const Flow *flow)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, INT8OID, INT8OID};
	CrmValue	args[] = {CRM_INT8(flow->stage.id), CRM_INT8(flow_record(flow, flow->stage.entity)), CRM_INT8(flow->id)};
	CrmStatement *find = core_intern(psprintf("SELECT t.process_step_id, t.label, t.column_name, t.rule_name, "
											  "CASE WHEN t.column_name IS NULL THEN c.state ELSE v.value #>> '{}' END, t.is_required, "
											  "coalesce(CASE WHEN t.column_name IS NULL THEN c.state = 'done' "
											  "ELSE CASE jsonb_typeof(v.value) WHEN 'null' THEN false WHEN 'boolean' THEN v.value = 'true' "
											  "ELSE btrim(v.value #>> '{}') <> '' END END, false), c.completed_at FROM @process_step t "
											  "LEFT JOIN @process_step_completion c ON c.process_step_id = t.process_step_id AND c.process_instance_id = $3 "
											  "LEFT JOIN LATERAL (%s) v ON t.column_name IS NOT NULL "
											  "WHERE t.process_stage_id = $1 ORDER BY t.sort_order, t.process_step_id",
											  value_of(flow->org, flow->stage.entity)), types);
	uint64		n = core_run_fixed(flow->org, find, args);
	List	   *steps = NIL;

	for (uint64 i = 0; i < n; i++)
		steps = lappend(steps, read_step(i));
	return steps;
}

/* value_of returns the query of step t's column in record $2; a table that was dropped, or that the caller may not read, has no values. */
static char *
value_of(CrmOrganization *org, FlowEntity entity)
{
	if (!flow_is_readable(org, entity))
		return "SELECT NULL::jsonb AS value";
	return psprintf("SELECT to_jsonb(r) -> t.column_name AS value FROM @%s r WHERE r.%s = $2",
					flow_sql_name(entity), flow_sql_key(entity));
}

/* read_step takes a step out of the last result. */
static FlowStep *
read_step(uint64 row)
{
	FlowStep   *step = palloc(sizeof(FlowStep));

	step->id = core_result_int8(row, 1);
	step->label = core_result_name(row, 2);
	step->column = core_result_text(row, 3);
	step->rule = core_result_text(row, 4);
	step->value = core_result_text(row, 5);
	step->is_required = core_result_bool(row, 6);
	step->is_done = core_result_bool(row, 7);
	step->completed_at.value = core_result(row, 8, TIMESTAMPTZOID, &step->completed_at.isnull);
	return step;
}

/* flow_actions returns the labels of the active stage's actions, NULL when it has none. */
char *
flow_actions(const Flow *flow)
{
	char	   *labels = NULL;
	ListCell   *cell;

	foreach(cell, flow_steps(flow))
	{
		FlowStep   *step = lfirst(cell);

		if (step->column == NULL)
			labels = labels ? psprintf("%s, \"%s\"", labels, step->label) : psprintf("\"%s\"", step->label);
	}
	return labels;
}

/*
 * process_run_step presses the button that an action step is: its rule runs on
 * the stage's record, in this transaction or from the queue, and the instance
 * remembers it.
 */
Datum
process_run_step(PG_FUNCTION_ARGS)
{
	char	   *label = core_text_argument(fcinfo, 2, "step");
	Flow	   *flow = flow_held_argument(fcinfo, core_optional_text(fcinfo, 3));
	int64		record_id = flow_record(flow, flow->stage.entity);
	FlowStep   *step;
	char	   *outcome;

	flow_require(flow, "run_process_step");
	step = action_named(flow, label);
	flow_use(flow, "run_process_step");
	outcome = process_rule_hook(flow->org, step->rule ? step->rule : "", record_id);
	if (strcmp(outcome, "queued") == 0)
		outcome = "requested";
	if (strcmp(outcome, "skipped") != 0)
		note_completion(flow, step, record_id, outcome);
	return core_end_text(outcome);
}

/* action_named finds an action of the active stage by its label, or refuses it. */
static FlowStep *
action_named(const Flow *flow, const char *label)
{
	ListCell   *cell;

	foreach(cell, flow_steps(flow))
	{
		FlowStep   *step = lfirst(cell);

		if (step->column == NULL && strcmp(step->label, label) == 0)
			return step;
	}
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("stage \"%s\" has no action step \"%s\"", flow->stage.name, label),
			 errdetail("The actions of the stage that process \"%s\" stands in are: %s.", flow->process, flow_actions(flow)),
			 errhint("Give step => the label of one of them; a step with a column is filled in by an UPDATE."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "process_step")));
}

/* note_completion remembers that an action ran, or was asked for. */
static void
note_completion(const Flow *flow, const FlowStep *step, int64 record_id, const char *state)
{
	CrmValue	args[] = {
		CRM_INT8(flow->id), CRM_INT8(step->id), CRM_INT8(record_id), core_text_value(state),
		CRM_ID(security_acting_user(flow->org))
	};

	core_run_as_owner(flow->org, &upsert_completion, "process_step_completion", args);
}

/* process_rule_ran completes the steps that wait for a rule to run on records; inside SPI. */
void
process_rule_ran(CrmOrganization *org, const char *rule, const int64 *record_ids, int n)
{
	CrmValue	args[2];

	if (flow_none(org))
		return;
	args[0] = core_text_value(rule);
	args[1] = CRM_DATUM(core_int8_array(record_ids, n));
	core_run_as_owner(org, &complete_requested, "process_step_completion", args);
}
