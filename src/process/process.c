/*
 * process.c
 *	  What the room brings to the library, and what automation is told.
 */
#include "postgres.h"

#include "process/flow.h"

static const CrmEntity instance_entity = {
	.name = "process_instance", .key = "process_instance_id", .label = "process instance",
	.made_by_calls = true
};

ProcessEventHook process_event_hook = NULL;

/* process_init registers the entities, checks and hooks of this room. */
void
process_init(void)
{
	process_add_definitions();
	process_add_roles();
	lifecycle_add_entity(&instance_entity);
	process_add_hooks();
	process_add_checks();
}

/* flow_none tells at next to no cost that no record is in a process; most organizations without processes stay that way. */
bool
flow_none(CrmOrganization *org)
{
	return core_never_written(org, "process_instance");
}

/* flow_raise_event tells automation what happened in a stage. */
void
flow_raise_event(const Flow *flow, const char *event, const FlowStage *stage)
{
	int64		id = flow_record(flow, stage->entity);

	if (process_event_hook && id != 0)
		process_event_hook(flow->org, event, flow_entity_name(stage->entity), &id, 1,
						   flow->process, stage->name);
}
