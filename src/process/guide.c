/*
 * guide.c
 *	  process_guidance(): where a record is, what is missing, what comes next.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "process/flow.h"

/* The columns of a row, in the order of the call's results. */
typedef enum GuideColumn
{
	SECTION,
	NAME,
	DETAIL,
	VALUE,
	IS_REQUIRED,
	IS_DONE,
	IS_ALLOWED,
	SINCE,
	MINUTES,
	GUIDE_COLUMNS
} GuideColumn;

static void put(ReturnSetInfo *result, const CrmValue *columns);
static void put_process(ReturnSetInfo *result, const Flow *flow);
static void put_stages(ReturnSetInfo *result, const Flow *flow);
static void put_steps(ReturnSetInfo *result, const Flow *flow);
static void put_flow_actions(ReturnSetInfo *result, const Flow *flow);
static void put_flow_action(ReturnSetInfo *result, const Flow *flow, const char *action);
static void put_action(ReturnSetInfo *result, const char *action, bool is_allowed, const char *detail);
static void put_record_actions(ReturnSetInfo *result, const Flow *flow, CrmOrganization *org,
							   FlowEntity entity, int64 record_id);
static const char *messages(List *refusals);
static CrmValue copied(uint64 row, int column, Oid type, bool is_by_value);

static CrmStatement select_times = {
	.sql = "SELECT created_at, round(extract(epoch FROM coalesce(completed_at, " CRM_SQL_NOW ") - created_at) / 60, 2) "
	"FROM @process_instance WHERE process_instance_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement select_stays = {
	.sql = "SELECT s.name, s.entity, h.entered_at, "
	"coalesce(h.minutes, round(extract(epoch FROM " CRM_SQL_NOW " - h.entered_at) / 60, 2)) "
	"FROM @process_stage_history h JOIN @process_stage s USING (process_stage_id) "
	"WHERE h.process_instance_id = $1 AND h.path_position IS NOT NULL ORDER BY h.path_position",
	.argtypes = {INT8OID}
};
static CrmStatement select_moves = {
	.sql = "SELECT made_by, string_agg(DISTINCT to_state, ' or ') FROM @state_transition "
	"WHERE entity = $1 AND from_state = $2 AND made_by NOT IN ('insert', 'update') GROUP BY made_by ORDER BY made_by",
	.argtypes = {TEXTOID, TEXTOID}
};

PG_FUNCTION_INFO_V1(process_guidance);

/*
 * process_guidance describes the current process of a record, or the one it
 * would get. Of one that the caller's roles do not allow nothing is told.
 */
Datum
process_guidance(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "id");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmOrganization *org;
	FlowEntity	entity;
	int64		instance;
	Flow	   *flow;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin_reading();
	entity = flow_entity_argument(org, name);
	if (flow_record_state(org, entity, id) == NULL)
		core_refuse_unknown(flow_entity_name(entity), id);
	instance = flow_find(org, entity, id, NULL, true);
	flow = instance ? flow_load(org, instance) : flow_default(org, entity, id, NULL);
	if (flow && flow->is_allowed)
	{
		put_process(result, flow);
		put_stages(result, flow);
		put_steps(result, flow);
		put_flow_actions(result, flow);
	}
	put_record_actions(result, flow, org, entity, id);
	SPI_finish();
	return (Datum) 0;
}

static void
put(ReturnSetInfo *result, const CrmValue *columns)
{
	Datum		values[GUIDE_COLUMNS];
	bool		nulls[GUIDE_COLUMNS];

	for (int i = 0; i < GUIDE_COLUMNS; i++)
	{
		values[i] = columns[i].value;
		nulls[i] = columns[i].isnull;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

#define EMPTY_ROW {CRM_NULL, CRM_NULL, CRM_NULL, CRM_NULL, CRM_NULL, CRM_NULL, CRM_NULL, CRM_NULL, CRM_NULL}

/* put_process tells which process it is and in which state. */
static void
put_process(ReturnSetInfo *result, const Flow *flow)
{
	CrmValue	row[GUIDE_COLUMNS] = EMPTY_ROW;
	CrmValue	args[] = {CRM_INT8(flow->id)};

	row[SECTION] = core_text_value("process");
	row[NAME] = core_text_value(flow->process);
	row[DETAIL] = core_text_value(flow->id == 0 ? "not started" : flow->state);
	row[IS_DONE] = CRM_BOOL(strcmp(flow->state, "finished") == 0);
	if (flow->id != 0 && core_run(flow->org, &select_times, args) > 0)
	{
		row[SINCE] = copied(0, 1, TIMESTAMPTZOID, true);
		row[MINUTES] = copied(0, 2, NUMERICOID, false);
	}
	put(result, row);
}

/* put_stages tells the path; its last stage is the active one. */
static void
put_stages(ReturnSetInfo *result, const Flow *flow)
{
	CrmValue	args[] = {CRM_INT8(flow->id)};
	uint64		n = flow->id != 0 ? core_run(flow->org, &select_stays, args) : 1;

	for (uint64 i = 0; i < n; i++)
	{
		CrmValue	row[GUIDE_COLUMNS] = EMPTY_ROW;
		FlowEntity	entity = flow->id != 0 ? flow_entity_named(core_result_name(i, 2)) : flow->stage.entity;

		row[SECTION] = core_text_value("stage");
		row[NAME] = core_text_value(flow->id != 0 ? core_result_name(i, 1) : flow->stage.name);
		row[DETAIL] = core_text_value(psprintf("%s %lld", flow_entity_name(entity), (long long) flow_record(flow, entity)));
		row[IS_DONE] = CRM_BOOL(i + 1 < n || strcmp(flow->state, "finished") == 0);
		if (flow->id != 0)
		{
			row[SINCE] = copied(i, 3, TIMESTAMPTZOID, true);
			row[MINUTES] = copied(i, 4, NUMERICOID, false);
		}
		put(result, row);
	}
}

/* put_steps tells the steps of the active stage with the values they have. */
static void
put_steps(ReturnSetInfo *result, const Flow *flow)
{
	ListCell   *cell;

	foreach(cell, flow_steps(flow))
	{
		FlowStep   *step = lfirst(cell);
		CrmValue	row[GUIDE_COLUMNS] = EMPTY_ROW;

		row[SECTION] = core_text_value("step");
		row[NAME] = core_text_value(step->label);
		row[DETAIL] = core_text_value(step->column ? psprintf("%s.%s", flow_entity_name(flow->stage.entity), step->column)
									  : psprintf("action: rule \"%s\"", step->rule));
		row[VALUE] = core_text_value(step->value);
		row[IS_REQUIRED] = CRM_BOOL(step->is_required);
		row[IS_DONE] = CRM_BOOL(step->is_done);
		row[SINCE] = step->completed_at;
		put(result, row);
	}
}

/* put_flow_actions tells which calls may move or end the process now. */
static void
put_flow_actions(ReturnSetInfo *result, const Flow *flow)
{
	static const char *const calls[] = {"next_stage", "previous_stage", "finish_process", "abandon_process"};

	if (flow->id == 0)
	{
		put_action(result, "start_process", true, psprintf("starts process \"%s\" in stage \"%s\"", flow->process, flow->stage.name));
		put_flow_action(result, flow, "next_stage");
	}
	else if (strcmp(flow->state, "active") != 0)
		put_flow_action(result, flow, "reactivate_process");
	else
	{
		if (flow_actions(flow))
			put_flow_action(result, flow, "run_process_step");
		for (int i = 0; i < lengthof(calls); i++)
			put_flow_action(result, flow, calls[i]);
	}
}

static void
put_flow_action(ReturnSetInfo *result, const Flow *flow, const char *action)
{
	List	   *refusals = flow_refusals(flow, action);
	const char *detail = psprintf("acts on process \"%s\"", flow->process);
	FlowStage  *stage;

	if (refusals != NIL)
		detail = messages(refusals);
	else if (strcmp(action, "run_process_step") == 0)
		detail = psprintf("runs %s", flow_actions(flow));
	else if (strcmp(action, "next_stage") == 0 && (stage = flow_next(flow)) != NULL)
		detail = psprintf("goes on to stage \"%s\"", stage->name);
	else if (strcmp(action, "previous_stage") == 0 && (stage = flow_path_stage(flow, flow->path_length - 1)) != NULL)
		detail = psprintf("goes back to stage \"%s\"", stage->name);
	put_action(result, action, refusals == NIL, detail);
}

/* put_record_actions tells the lifecycle calls that the record's state allows; why_not() tries one. */
static void
put_record_actions(ReturnSetInfo *result, const Flow *flow, CrmOrganization *org,
				   FlowEntity entity, int64 record_id)
{
	const char *label = flow_entity(entity)->label;
	CrmValue	args[] = {
		core_text_value(flow_entity_name(entity)), core_text_value(flow_record_state(org, entity, record_id))
	};
	uint64		n = core_run(org, &select_moves, args);
	char	  **calls = palloc(sizeof(char *) * (n + 1));
	char	  **states = palloc(sizeof(char *) * (n + 1));

	for (uint64 i = 0; i < n; i++)
	{
		calls[i] = core_result_name(i, 1);
		states[i] = core_result_name(i, 2);
	}
	for (uint64 i = 0; i < n; i++)
	{
		List	   *missing = NIL;

		if (!flow_takes_key(flow_entity_name(entity), calls[i]))
			continue;			/* a call of another record, or of many */
		if (flow && flow->id != 0 && strcmp(calls[i], "qualify_lead") == 0 && flow->stage.entity == FLOW_LEAD &&
			strcmp(flow->state, "active") == 0)
			missing = flow_missing(flow);
		put_action(result, calls[i], missing == NIL,
				   missing ? messages(missing) : psprintf("makes the %s \"%s\"", label, states[i]));
	}
}

static void
put_action(ReturnSetInfo *result, const char *action, bool is_allowed, const char *detail)
{
	CrmValue	row[GUIDE_COLUMNS] = EMPTY_ROW;

	row[SECTION] = core_text_value("action");
	row[NAME] = core_text_value(action);
	row[DETAIL] = core_text_value(detail);
	row[IS_ALLOWED] = CRM_BOOL(is_allowed);
	put(result, row);
}

/* messages joins what stands in the way. */
static const char *
messages(List *refusals)
{
	const char *all = NULL;
	ListCell   *cell;

	foreach(cell, refusals)
	{
		FlowRefusal *refusal = lfirst(cell);

		all = all ? psprintf("%s; %s", all, refusal->message) : refusal->message;
	}
	return all;
}

/* copied takes a value out of the last result. */
static CrmValue
copied(uint64 row, int column, Oid type, bool is_by_value)
{
	CrmValue	value;

	value.value = core_result(row, column, type, &value.isnull);
	if (!value.isnull && !is_by_value)
		value.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value.value));
	return value;
}
