/*
 * move.c
 *	  The calls that move a record's process from stage to stage.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/lock.h"
#include "process/flow.h"
#include "process/life.h"

static void forget_gone(Flow *flow);

PG_FUNCTION_INFO_V1(process_next);
PG_FUNCTION_INFO_V1(process_previous);
PG_FUNCTION_INFO_V1(process_set_stage);

/* process_next moves to the next stage; a record in no process starts one first. */
Datum
process_next(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "record_id");
	char	   *process_name = core_optional_text(fcinfo, 2);
	CrmOrganization *org = core_begin();
	FlowEntity	entity = flow_entity_argument(org, name);
	Flow	   *flow = flow_hold(org, entity, id, process_name, true);
	FlowStage  *next;
	int64		next_id;
	int			before;

	if (flow == NULL)
		flow = flow_start(org, entity, id, process_name);
	flow_require(flow, "next_stage");
	next = flow_next(flow);
	if (next == NULL)
		core_refuse_unknown("process_stage", flow->stage.id);
	while ((next_id = flow_related(flow, next->entity, next->relation)) == 0)
		flow_require(flow, "next_stage");	/* it was there, and somebody deleted it meanwhile */
	if (flow_record(flow, next->entity) != next_id)
		flow_keep_record(org, next->entity, next_id);	/* who deletes one that it has waits for the instance */
	before = core_lock_loosen();	/* a deal that a process comes to from another record is not known before */
	flow_advance(flow, next, next_id);
	core_lock_tighten(before);
	return core_end_text(flow->stage.name);
}

/* process_previous moves back to the stage before, whatever the steps say. */
Datum
process_previous(PG_FUNCTION_ARGS)
{
	Flow	   *flow = flow_held_argument(fcinfo, core_optional_text(fcinfo, 2));
	FlowStage  *stage;

	flow_require(flow, "previous_stage");
	stage = flow_path_stage(flow, flow->path_length - 1);
	if (stage == NULL)
		core_refuse_unknown("process_stage_history", flow->id);
	forget_gone(flow);
	flow_enter(flow, stage, flow->path_length - 1, "back");
	return core_end_text(flow->stage.name);
}

/* process_set_stage makes a stage of the path the active one again. */
Datum
process_set_stage(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 2, "stage_name");
	Flow	   *flow = flow_held_argument(fcinfo, core_optional_text(fcinfo, 3));
	char	   *path = NULL;

	flow_require(flow, "set_stage");
	for (int i = Min(flow->path_length, FLOW_LONGEST_PATH); i >= 1; i--)
	{
		FlowStage  *stage = flow_path_stage(flow, i);

		if (stage && strcmp(stage->name, name) == 0)
		{
			forget_gone(flow);
			if (i < flow->path_length)
				flow_enter(flow, stage, i, "set");
			return core_end_text(name);
		}
		if (stage)
			path = path ? psprintf("%s, %s", stage->name, path) : stage->name;
	}
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("stage \"%s\" is not on the path of process \"%s\"", name, flow->process),
			 errdetail("The path is: %s.", path ? path : "empty"),
			 errhint("Name a stage of the path; next_stage() leads on, one stage at a time."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "process_instance")));
}

/* forget_gone lets go of the active stage's record when it is not there any more. */
static void
forget_gone(Flow *flow)
{
	FlowEntity	entity = flow->stage.entity;

	if (entity >= FLOW_KNOWN && flow_is_gone(flow->org, entity, flow_record(flow, entity)))
		flow_set_record(flow, entity, 0);
}

/* flow_advance enters the next stage, with the record that it is about. */
void
flow_advance(Flow *flow, const FlowStage *next, int64 record_id)
{
	flow_set_record(flow, next->entity, record_id);
	flow_enter(flow, next, flow->path_length + 1, "forward");
}

/* flow_held_argument opens a call and locks the instance that its first arguments name. */
Flow *
flow_held_argument(FunctionCallInfo fcinfo, const char *process_name)
{
	char	   *name = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "record_id");
	CrmOrganization *org = core_begin();

	return flow_held(org, flow_entity_argument(org, name), id, process_name, true);
}
