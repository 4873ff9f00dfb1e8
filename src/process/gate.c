/*
 * gate.c
 *	  What stands in the way of a call on a process: all of it at once, so
 *	  that the call refuses with what guidance and why_not() tell beforehand.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"

#include "process/flow.h"

static FlowRefusal *new_refusal(const Flow *flow, int sqlstate, const char *message,
								const char *detail, const char *hint);
static FlowRefusal *missing_step(const Flow *flow, const FlowStep *step);
static char *called(const Flow *flow);
static List *action_refusals(const Flow *flow);
static List *state_refusals(const Flow *flow, const char *action);
static List *gone_refusal(const Flow *flow, const char *action);
static List *next_refusals(const Flow *flow);
static List *back_refusals(const Flow *flow, const char *action);
static List *finish_refusals(const Flow *flow);
static List *closed_refusal(const Flow *flow);
static FlowRefusal *no_record(const Flow *flow, const FlowStage *next);
static void raise_steps(List *refusals, const FlowRefusal *first);

/* flow_missing returns a refusal for each required step of the active stage that is not done. */
List *
flow_missing(const Flow *flow)
{
	List	   *refusals = NIL;
	ListCell   *cell;

	foreach(cell, flow_steps(flow))
	{
		FlowStep   *step = lfirst(cell);

		if (step->is_required && !step->is_done)
			refusals = lappend(refusals, missing_step(flow, step));
	}
	return refusals;
}

/* missing_step says that a step is to be done: a column to fill, or an action to run. */
static FlowRefusal *
missing_step(const Flow *flow, const FlowStep *step)
{
	const CrmEntity *entity = flow_entity(flow->stage.entity);
	FlowRefusal *refusal = new_refusal(flow, ERRCODE_CRM_STAGE_REQUIREMENT_MISSING,
									   psprintf("stage \"%s\" requires \"%s\"", flow->stage.name, step->label), NULL, NULL);

	refusal->is_step = true;
	refusal->column = step->column;
	if (step->column)
	{
		refusal->detail = psprintf("%s (%s.%s)", step->label, entity->name, step->column);
		refusal->hint = psprintf("Fill column %s of %s.", step->column,
								 lifecycle_called(entity, flow_record(flow, flow->stage.entity)));
		return refusal;
	}
	refusal->detail = psprintf("%s (%s)", step->label, step->value ? "action, requested" : "action");
	refusal->hint = step->value ? "It was asked for: run_due_automation() does it. If the queue has it no more, use run_process_step() again."
		: psprintf("Use run_process_step() with step => '%s'.", step->label);
	return refusal;
}

/* flow_require refuses a call that something stands in the way of. */
void
flow_require(const Flow *flow, const char *action)
{
	flow_raise(flow_refusals(flow, action));
}

/* flow_refusals returns all that stands in the way of a call on an instance. */
List *
flow_refusals(const Flow *flow, const char *action)
{
	List	   *refusals = state_refusals(flow, action);

	if (refusals == NIL)
		refusals = gone_refusal(flow, action);
	if (refusals != NIL || strcmp(action, "abandon_process") == 0 || strcmp(action, "reactivate_process") == 0)
		return refusals;
	if (strcmp(action, "run_process_step") == 0)
		return action_refusals(flow);
	if (strcmp(action, "next_stage") == 0)
		return next_refusals(flow);
	if (strcmp(action, "finish_process") == 0)
		return finish_refusals(flow);
	return back_refusals(flow, action);
}

/* state_refusals looks at the caller's roles and the states of instance and process. */
static List *
state_refusals(const Flow *flow, const char *action)
{
	bool		is_active = strcmp(flow->state, "active") == 0;
	bool		revives = strcmp(action, "reactivate_process") == 0;

	if (!flow->is_allowed)
		return list_make1(flow_role_refusal(flow));
	if (is_active == revives)
		return list_make1(new_refusal(flow, ERRCODE_CRM_INVALID_STATE_TRANSITION,
									  psprintf("%s() needs a process that is %s", action, revives ? "finished or aborted" : "active"),
									  psprintf("%s is \"%s\".", called(flow), flow->state),
									  is_active ? "Go on with next_stage()." : "Use reactivate_process() first."));
	if (strcmp(flow->process_state, "active") != 0 && strcmp(action, "abandon_process") != 0)
		return list_make1(new_refusal(flow, ERRCODE_CRM_INVALID_STATE_TRANSITION,
									  psprintf("process \"%s\" is \"%s\"", flow->process, flow->process_state),
									  psprintf("%s stays where it is.", called(flow)),
									  "Have an administrator call activate_process(), or use switch_process() or abandon_process()."));
	return NIL;
}

/* action_refusals looks for actions in the active stage. */
static List *
action_refusals(const Flow *flow)
{
	if (flow_actions(flow))
		return NIL;
	return list_make1(new_refusal(flow, ERRCODE_NO_DATA_FOUND,
								  psprintf("stage \"%s\" of process \"%s\" has no action steps", flow->stage.name, flow->process),
								  psprintf("%s stands in that stage.", called(flow)),
								  "Fill the columns of its steps by an UPDATE, and go on with next_stage()."));
}

/*
 * gone_refusal keeps an instance whose record vanished without a deletion that
 * it was told of: TRUNCATE, a trigger that was taken off. It may go back, or be
 * abandoned.
 */
static List *
gone_refusal(const Flow *flow, const char *action)
{
	const CrmEntity *entity = flow_entity(flow->stage.entity);
	int64		id = flow_record(flow, flow->stage.entity);

	if (flow->stage.entity < FLOW_KNOWN || strcmp(action, "abandon_process") == 0 ||
		(flow->path_length > 1 && (strcmp(action, "previous_stage") == 0 || strcmp(action, "set_stage") == 0)) ||
		!flow_is_gone(flow->org, flow->stage.entity, id))
		return NIL;
	return list_make1(new_refusal(flow, ERRCODE_NO_DATA_FOUND,
								  psprintf("the %s of stage \"%s\" is not there any more", entity->label, flow->stage.name),
								  psprintf("%s stands on it.", called(flow)),
								  flow->path_length > 1 ? "Use previous_stage() or abandon_process()." : "Use abandon_process()."));
}

/* next_refusals looks for a next stage, the steps of this one, and the record of the next. */
static List *
next_refusals(const Flow *flow)
{
	FlowStage  *next = flow_next(flow);
	List	   *refusals = NIL;

	if (next == NULL)
		return list_make1(new_refusal(flow, ERRCODE_CRM_INVALID_STATE_TRANSITION,
									  psprintf("stage \"%s\" is the last one of process \"%s\"", flow->stage.name, flow->process),
									  psprintf("%s stands at its end.", called(flow)),
									  "Use finish_process()."));
	if (next->entity == flow->stage.entity)
		refusals = closed_refusal(flow);
	refusals = list_concat(refusals, flow_missing(flow));
	if (flow_related(flow, next->entity, next->relation) == 0)
		refusals = lappend(refusals, no_record(flow, next));
	return refusals;
}

/* back_refusals looks at moves that the steps do not matter to. */
static List *
back_refusals(const Flow *flow, const char *action)
{
	if (strcmp(action, "previous_stage") == 0 && flow->path_length <= 1)
		return list_make1(new_refusal(flow, ERRCODE_CRM_INVALID_STATE_TRANSITION,
									  psprintf("stage \"%s\" is the first one of process \"%s\"", flow->stage.name, flow->process),
									  psprintf("%s stands at its beginning.", called(flow)),
									  "Use next_stage(), or abandon_process()."));
	if (strcmp(action, "previous_stage") == 0 && flow_path_stage(flow, flow->path_length - 1) == NULL)
		return list_make1(new_refusal(flow, ERRCODE_NO_DATA_FOUND,
									  psprintf("the stage before \"%s\" of process \"%s\" is not there", flow->stage.name, flow->process),
									  psprintf("Table \"process_stage_history\" shows you no place %d of its path.", flow->path_length - 1),
									  "Check your row rights, or use abandon_process()."));
	return closed_refusal(flow);
}

static List *
finish_refusals(const Flow *flow)
{
	FlowStage  *next = flow_next(flow);
	List	   *refusals = NIL;

	if (next)
		refusals = list_make1(new_refusal(flow, ERRCODE_CRM_INVALID_STATE_TRANSITION,
										  psprintf("process \"%s\" cannot be finished in stage \"%s\"", flow->process, flow->stage.name),
										  psprintf("%s has stage \"%s\" before it.", called(flow), next->name),
										  "Use next_stage() up to the last stage, or abandon_process()."));
	return list_concat(refusals, flow_missing(flow));
}

/* closed_refusal keeps an instance in its stage while the stage's record is closed. */
static List *
closed_refusal(const Flow *flow)
{
	const CrmEntity *entity = flow_entity(flow->stage.entity);
	int64		id = flow_record(flow, flow->stage.entity);
	char	   *state;

	if (flow->stage.entity >= FLOW_KNOWN && flow_is_gone(flow->org, flow->stage.entity, id))
		return NIL;				/* gone_refusal() lets it go back */
	state = flow_record_state(flow->org, flow->stage.entity, id);
	if (state && !lifecycle_is_read_only(flow->org, entity->name, state))
		return NIL;
	return list_make1(new_refusal(flow, ERRCODE_CRM_RECORD_IS_READ_ONLY,
								  psprintf("the stage cannot be moved: the %s is \"%s\"", entity->label, state ? state : "not there"),
								  psprintf("%s stands in stage \"%s\" of %s.", called(flow), flow->stage.name, lifecycle_called(entity, id)),
								  state ? lifecycle_ways_out(flow->org, entity->name, state) : "Check your row rights."));
}

/* no_record says what the next stage lacks to be about. */
static FlowRefusal *
no_record(const Flow *flow, const FlowStage *next)
{
	const char *name = flow_entity_name(next->entity);
	FlowRefusal *choice = flow_choice(flow, next);

	if (choice)
		return choice;
	return new_refusal(flow, ERRCODE_CRM_STAGE_REQUIREMENT_MISSING,
					   psprintf("stage \"%s\" needs a record of \"%s\", and there is none", next->name, name),
					   psprintf("No %s belongs to %s.", name,
								lifecycle_called(flow_entity(flow->stage.entity), flow_record(flow, flow->stage.entity))),
					   flow_relation_hint(flow, next));
}

/* flow_no_instance says that a record is in no process, or not in the one named. */
FlowRefusal *
flow_no_instance(FlowEntity entity, int64 record_id, const char *process_name)
{
	FlowRefusal *refusal = palloc0(sizeof(FlowRefusal));

	refusal->sqlstate = ERRCODE_NO_DATA_FOUND;
	refusal->message = process_name ? psprintf("the %s is not in process \"%s\"", flow_entity(entity)->label, process_name)
		: psprintf("the %s is in no process", flow_entity(entity)->label);
	refusal->detail = psprintf("%s has no such instance.", lifecycle_called(flow_entity(entity), record_id));
	refusal->hint = "Use start_process() or next_stage(); table process lists the processes.";
	refusal->table = "process_instance";
	return refusal;
}

static FlowRefusal *
new_refusal(const Flow *flow, int sqlstate, const char *message, const char *detail, const char *hint)
{
	FlowRefusal *refusal = palloc0(sizeof(FlowRefusal));

	refusal->sqlstate = sqlstate;
	refusal->message = message;
	refusal->detail = detail;
	refusal->hint = hint;
	refusal->table = flow_entity_name(flow->stage.entity);
	return refusal;
}

/* called names an instance at the start of a sentence. */
static char *
called(const Flow *flow)
{
	return psprintf("Process \"%s\" of %s", flow->process,
					lifecycle_called(flow_entity(flow->stage.entity), flow_record(flow, flow->stage.entity)));
}

/* flow_raise raises the first refusal; missing steps all in one error. */
void
flow_raise(List *refusals)
{
	FlowRefusal *first;

	if (refusals == NIL)
		return;
	first = linitial(refusals);
	if (first->is_step)
		raise_steps(refusals, first);
	ereport(ERROR,
			(errcode(first->sqlstate),
			 errmsg("%s", first->message),
			 errdetail("%s", first->detail),
			 errhint("%s", first->hint),
			 err_generic_string(PG_DIAG_TABLE_NAME, first->table),
			 first->column ? err_generic_string(PG_DIAG_COLUMN_NAME, first->column) : 0));
}

/* raise_steps lists the labels of the steps that are missing, and their columns. */
static void
raise_steps(List *refusals, const FlowRefusal *first)
{
	char	   *missing = NULL;
	char	   *hint = psprintf("Fill these columns of %s; a yes/no column must be true.", first->table);
	ListCell   *cell;

	foreach(cell, refusals)
	{
		FlowRefusal *step = lfirst(cell);

		if (step->is_step && step->column == NULL)
			hint = psprintf("Fill the columns of %s; a yes/no column must be true. run_process_step() does an action.", first->table);
		if (step->is_step)
			missing = missing ? psprintf("%s, %s", missing, step->detail) : pstrdup(step->detail);
	}
	ereport(ERROR,
			(errcode(first->sqlstate),
			 errmsg("required steps of the stage are missing"),
			 errdetail("Missing: %s.", missing),
			 errhint("%s", hint),
			 err_generic_string(PG_DIAG_TABLE_NAME, first->table),
			 first->column ? err_generic_string(PG_DIAG_COLUMN_NAME, first->column) : 0));
}
