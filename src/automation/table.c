/*
 * table.c
 *	  Which tables rules watch: all of an organization whose rows have a number
 *	  for a key, those that users made among them. Not what rules themselves
 *	  write, and not what says how records and rules work: a rule there would
 *	  set itself off, or change the ground that it stands on.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/lsyscache.h"

#include "automation/rule.h"

static const CrmEntity *entity_of(const char *name);
static const char *why_not(CrmOrganization *org, const CrmEntity *entity);
static bool is_kept(Oid relid, const char *name);
static bool has_key(Oid relid, const CrmEntity *entity);
static bool is_primary_key(Oid relid, AttrNumber column);

/*
 * automation_table describes a table that rules watch, in the current memory
 * context; it refuses any other. Where rooms registered no entity the key is
 * named after the table.
 */
const CrmEntity *
automation_table(CrmOrganization *org, const char *name)
{
	const CrmEntity *entity = entity_of(name);
	const char *why = why_not(org, entity);

	if (why)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rules cannot watch \"%s\"", name),
				 errdetail("%s", why),
				 errhint("Name a table of organization \"%s\" with a bigint primary key <table>_id, views and partitions aside. "
						 "Rules watch none of automation_rule, automation_action, automation_queue, automation_run, automation_worker, outbox_event, outbox_aggregate, "
						 "outbox_consumer, outbox_reading, assignment_history, assignment_turn and assignment_charge, which they are or write, and no settings, states, options, roles, "
						 "number series and the like. A rule whose table is gone or has another name now: UPDATE its entity, or DELETE it.", org->name),
				 err_generic_string(PG_DIAG_TABLE_NAME, name)));
	return entity;
}

/* automation_find_table is automation_table, but returns NULL where it would refuse. */
const CrmEntity *
automation_find_table(CrmOrganization *org, const char *name)
{
	const CrmEntity *entity = entity_of(name);

	return why_not(org, entity) ? NULL : entity;
}

/* entity_of returns the entity of that name, or makes one up for a table that no room registered. */
static const CrmEntity *
entity_of(const char *name)
{
	const CrmEntity *known = lifecycle_find_entity(name);
	CrmEntity  *own;

	if (known)
		return known;
	own = palloc0(sizeof(CrmEntity));
	own->name = own->label = pstrdup(name);
	own->key = lifecycle_key(name);
	return own;
}

/* why_not tells why rules cannot watch a table, NULL when they can. */
static const char *
why_not(CrmOrganization *org, const CrmEntity *entity)
{
	Oid			relid = get_relname_relid(entity->name, org->oid);
	char		kind = get_rel_relkind(relid);

	if (!OidIsValid(relid))
		return psprintf("Organization \"%s\" has no table of that name.", org->name);
	if (is_kept(relid, entity->name))
		return "It belongs to what makes rules and records work.";
	if (kind == RELKIND_VIEW || kind == RELKIND_MATVIEW)
		return "It is a view: its rows are those of tables, which rules watch.";
	if (kind == RELKIND_FOREIGN_TABLE)
		return "It is a foreign table: its rows change elsewhere.";
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		return "It is no table.";
	if (get_rel_relispartition(relid))
		return "It is a partition: rules watch the table that it is a part of.";
	if (!has_key(relid, entity))
		return psprintf("Its rows have no number for a key: there is no bigint primary key \"%s\".", entity->key);
	return NULL;
}

/* is_kept tells what rules keep away from; a table of settings that are kept in memory is known by its trigger. */
static bool
is_kept(Oid relid, const char *name)
{
	static const char *const kept[] = {
		"automation_rule", "automation_action", "automation_queue", "automation_run", "automation_worker",
		"outbox_event", "outbox_aggregate", "outbox_consumer", "outbox_reading",
		"assignment_history", "assignment_turn", "assignment_charge", "access_rule", "error_code", "schema_version"
	};

	for (int i = 0; i < lengthof(kept); i++)
	{
		if (strcmp(kept[i], name) == 0)
			return true;
	}
	return lifecycle_find_entity(name) == NULL && OidIsValid(get_trigger_oid(relid, "t90_config_changed", true));
}

static bool
has_key(Oid relid, const CrmEntity *entity)
{
	AttrNumber	column = get_attnum(relid, entity->key);

	return column > 0 && get_atttype(relid, column) == INT8OID &&
		(lifecycle_find_entity(entity->name) || is_primary_key(relid, column));
}

/* is_primary_key tells that a column alone is the primary key. */
static bool
is_primary_key(Oid relid, AttrNumber column)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Bitmapset  *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	int			member;
	bool		is_it = bms_get_singleton_member(key, &member) &&
	member + FirstLowInvalidHeapAttributeNumber == column;

	bms_free(key);
	table_close(rel, AccessShareLock);
	return is_it;
}
