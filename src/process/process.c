/*
 * process.c
 *	  The entities of this room, the tables that processes go through, and
 *	  what automation is told.
 */
#include "postgres.h"

#include "access/table.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"

#include "document/document.h"
#include "lead/lead.h"
#include "process/flow.h"

static const CrmEntity *const entities[FLOW_ENTITIES] = {
	[FLOW_LEAD] = &lead_entity,
	[FLOW_OPPORTUNITY] = &opportunity_entity,
	[FLOW_QUOTE] = &document_quote.entity,
	[FLOW_INVOICE] = &document_invoice.entity,
	[FLOW_ORDER] = &document_order.entity
};

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
	lifecycle_add_entity(&instance_entity);
	process_add_hooks();
	process_add_checks();
}

/* flow_entity describes a table that stages may be about. */
const CrmEntity *
flow_entity(FlowEntity entity)
{
	return entities[entity];
}

const char *
flow_entity_name(FlowEntity entity)
{
	return entities[entity]->name;
}

/* flow_entity_named finds the table by its name, given as argument, or refuses it. */
FlowEntity
flow_entity_named(const char *name)
{
	for (int i = 0; i < FLOW_ENTITIES; i++)
	{
		if (strcmp(entities[i]->name, name) == 0)
			return i;
	}
	lifecycle_entity(name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("processes do not work on table \"%s\"", name),
			 errdetail("A stage is about a lead, opportunity, quote, sales_order or invoice."),
			 errhint("Give entity => one of these.")));
}

/*
 * flow_none tells at next to no cost that no record is in a process: nothing
 * was ever written to the table of instances. Most organizations without
 * processes stay that way.
 */
bool
flow_none(CrmOrganization *org)
{
	Relation	rel = table_open(core_table(org, "process_instance"), AccessShareLock);
	bool		is_empty = RelationGetNumberOfBlocks(rel) == 0;

	table_close(rel, AccessShareLock);
	return is_empty;
}

/* flow_raise_event tells automation what happened in a stage. */
void
flow_raise_event(const Flow *flow, const char *event, const FlowStage *stage)
{
	int64		id = flow->records[stage->entity];

	if (process_event_hook && id != 0)
		process_event_hook(flow->org, event, flow_entity_name(stage->entity), &id, 1,
						   flow->process, stage->name);
}
