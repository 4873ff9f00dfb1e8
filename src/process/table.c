/*
 * table.c
 *	  The tables that processes go through: the five of a sale, and any other
 *	  of the organization that has a number for a key, one of a user's included.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "document/document.h"
#include "lead/lead.h"
#include "process/flow.h"

static FlowEntity add_table(const char *name);
static bool is_table(Oid relid);
static bool is_ours(const char *name);

static const CrmEntity *const known[FLOW_KNOWN] = {
	[FLOW_LEAD] = &lead_entity,
	[FLOW_OPPORTUNITY] = &opportunity_entity,
	[FLOW_QUOTE] = &document_quote.entity,
	[FLOW_INVOICE] = &document_invoice.entity,
	[FLOW_ORDER] = &document_order.entity
};

/* of CrmEntity; they live as long as the session, since their numbers do */
static List *others = NIL;

/* flow_entity describes a table that stages may be about. */
const CrmEntity *
flow_entity(FlowEntity entity)
{
	return entity < FLOW_KNOWN ? known[entity] : list_nth(others, entity - FLOW_KNOWN);
}

const char *
flow_entity_name(FlowEntity entity)
{
	return flow_entity(entity)->name;
}

/* flow_sql_name returns the name of a table as it stands in SQL text. */
const char *
flow_sql_name(FlowEntity entity)
{
	return core_quoted(flow_entity_name(entity));
}

/* flow_sql_key returns the key of a table as it stands in SQL text. */
const char *
flow_sql_key(FlowEntity entity)
{
	return core_quoted(flow_entity(entity)->key);
}

/* flow_entity_named returns the number of a table; whether it is there is not looked at. */
FlowEntity
flow_entity_named(const char *name)
{
	ListCell   *cell;

	for (int i = 0; i < FLOW_KNOWN; i++)
	{
		if (strcmp(known[i]->name, name) == 0)
			return i;
	}
	foreach(cell, others)
	{
		if (strcmp(((const CrmEntity *) lfirst(cell))->name, name) == 0)
			return FLOW_KNOWN + foreach_current_index(cell);
	}
	return add_table(name);
}

/* add_table gives a table its number: as it is registered, else with a key named after it. */
static FlowEntity
add_table(const char *name)
{
	const CrmEntity *entity = lifecycle_find_entity(name);
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	if (entity == NULL)
	{
		CrmEntity  *own = palloc0(sizeof(CrmEntity));
		char	   *label = pstrdup(name);

		for (char *p = label; *p; p++)
			*p = *p == '_' ? ' ' : *p;
		own->name = pstrdup(name);
		own->key = lifecycle_key(name);
		own->label = label;
		entity = own;
	}
	others = lappend(others, unconstify(CrmEntity *, entity));
	MemoryContextSwitchTo(caller);
	return FLOW_KNOWN + list_length(others) - 1;
}

/* flow_entity_argument finds the table that an argument names, or refuses it. */
FlowEntity
flow_entity_argument(CrmOrganization *org, const char *name)
{
	char	   *problem = flow_table_problem(org, name);

	if (problem)
		ereport(ERROR,
				(errcode(OidIsValid(get_relname_relid(name, org->oid)) ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_UNDEFINED_OBJECT),
				 errmsg("processes do not work on \"%s\": %s", name, problem),
				 errdetail("A process works on records of a table such as lead or opportunity, or of one of your own in organization \"%s\".", org->name),
				 errhint("Check entity and sales_crm.organization.")));
	return flow_entity_named(name);
}

/* flow_table_problem says why stages cannot be about a table, NULL = they can. */
char *
flow_table_problem(CrmOrganization *org, const char *name)
{
	Oid			relid = get_relname_relid(name, org->oid);
	const char *key = lifecycle_key(name);
	AttrNumber	column;

	if (!OidIsValid(relid))
		return "there is no such table";
	if (!is_table(relid))
		return "it is no table";
	if (is_ours(name))
		return "it holds processes themselves";
	column = get_attnum(relid, key);
	if (column == InvalidAttrNumber || get_atttype(relid, column) != INT8OID)
		return psprintf("it has no key %s of type bigint", key);
	return NULL;
}

/* flow_is_readable tells that a table is there and the caller may read it; what he may not reads as hidden. */
bool
flow_is_readable(CrmOrganization *org, FlowEntity entity)
{
	return entity < FLOW_KNOWN ||
		(flow_is_there(org, entity) &&
		 pg_class_aclcheck(core_table(org, flow_entity_name(entity)), GetUserId(), ACL_SELECT) == ACLCHECK_OK);
}

/* flow_is_there tells that there is a table of a stage; what stands in its place, a view, may run anybody's code. */
bool
flow_is_there(CrmOrganization *org, FlowEntity entity)
{
	return entity < FLOW_KNOWN || is_table(get_relname_relid(flow_entity_name(entity), org->oid));
}

static bool
is_table(Oid relid)
{
	char		kind = OidIsValid(relid) ? get_rel_relkind(relid) : '\0';

	return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

/* is_ours tells the tables of processes themselves. */
static bool
is_ours(const char *name)
{
	static const char *const tables[] = {
		"process", "process_stage", "process_step", "process_branch", "process_role", "process_instance",
		"process_instance_record", "process_stage_history", "process_step_completion"
	};

	for (int i = 0; i < lengthof(tables); i++)
	{
		if (strcmp(tables[i], name) == 0)
			return true;
	}
	return false;
}

/* flow_record returns the record of a table that an instance works on, 0 = none. */
int64
flow_record(const Flow *flow, FlowEntity entity)
{
	ListCell   *cell;

	if (entity < FLOW_KNOWN)
		return flow->records[entity];
	foreach(cell, flow->others)
	{
		FlowRecord *record = lfirst(cell);

		if (record->entity == entity)
			return record->id;
	}
	return 0;
}

/* flow_set_record lets an instance work on a record, 0 = on none of the table. */
void
flow_set_record(Flow *flow, FlowEntity entity, int64 id)
{
	FlowRecord *record;
	ListCell   *cell;

	if (entity < FLOW_KNOWN)
	{
		flow->records[entity] = id;
		return;
	}
	foreach(cell, flow->others)
	{
		record = lfirst(cell);
		if (record->entity == entity)
		{
			record->id = id;
			return;
		}
	}
	record = palloc(sizeof(FlowRecord));
	*record = (FlowRecord)
	{
		entity, id
	};
	flow->others = lappend(flow->others, record);
}
