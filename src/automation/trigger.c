/*
 * trigger.c
 *	  Puts the triggers that fire rules on a table, and takes them off.
 *
 * A table that no rule watches has no such trigger: even a disabled one would
 * have every inserted row copied for its transition table. The first active
 * rule of an entity and kind of event makes the trigger, the last one gone
 * drops it, when the table is free at that moment; a later change of rules or
 * repair() does it otherwise.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "automation/rule.h"

typedef struct TriggerKind
{
	const char *name;
	const char *event;
	const char *rows;			/* its transition tables */
} TriggerKind;

static void make_missing(CrmOrganization *org);
static void drop_needless(CrmOrganization *org);
static bool is_free(Oid relid);

/* in the order of CrmRuleSource */
static const TriggerKind kinds[] =
{
	{"t80_automation_insert", "INSERT", "NEW TABLE AS new_rows"},
	{"t80_automation_update", "UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"},
	{"t80_automation_delete", "DELETE", "OLD TABLE AS old_rows"}
};

static CrmStatement select_events = {
	.sql = "SELECT DISTINCT entity, event FROM @automation_rule WHERE is_active",
	.is_report = true
};
/* one that came along with a renamed table stays while rules of the old name are active and no other table has it */
static CrmStatement select_triggers = {
	.sql = "SELECT c.oid::bigint, t.oid::bigint FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid "
	"WHERE c.relnamespace = $1 AND t.tgname LIKE 't80\\_automation\\_%' AND NOT EXISTS (SELECT FROM @automation_rule a WHERE a.is_active "
	"AND t.tgargs = pg_catalog.convert_to(a.entity, pg_catalog.getdatabaseencoding()) || '\\x00'::bytea AND (a.entity = c.relname "
	"OR NOT EXISTS (SELECT FROM pg_catalog.pg_class o WHERE o.relnamespace = $1 AND o.relname = a.entity)) AND t.tgname = 't80_automation_' || CASE a.event WHEN 'created' THEN 'insert' "
	"WHEN 'updated' THEN 'update' WHEN 'state_changed' THEN 'update' WHEN 'assigned' THEN 'update' "
	"WHEN 'deleted' THEN 'delete' ELSE '' END)",
	.argtypes = {OIDOID},
	.is_report = true
};

PG_FUNCTION_INFO_V1(automation_settle_triggers);

/* automation_settle_triggers is the AFTER statement trigger of automation_rule. */
Datum
automation_settle_triggers(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_INSERT | CRM_ON_UPDATE | CRM_ON_DELETE,
		.table = "automation_rule"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);

	SPI_connect();
	automation_settle(core_organization_of(trigdata->tg_relation));
	SPI_finish();
	return PointerGetDatum(NULL);
}

/*
 * automation_settle makes the triggers that active rules need and drops the
 * others; inside SPI. One transaction at a time does so, until its end, so
 * that none drops what another counts on.
 */
void
automation_settle(CrmOrganization *org)
{
	LockDatabaseObject(RelationRelationId, core_table(org, "automation_rule"), 0, ExclusiveLock);
	CommandCounterIncrement();
	make_missing(org);
	drop_needless(org);
}

/* make_missing makes the triggers that active rules need and that are not there. */
static void
make_missing(CrmOrganization *org)
{
	uint64		n = core_run_latest_as_owner(org, &select_events, "automation_rule", NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		char	   *entity = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		CrmRuleSource source = automation_source(SPI_getvalue(rows->vals[i], rows->tupdesc, 2));
		const TriggerKind *kind = &kinds[Min(source, SOURCE_DELETE)];

		if (entity == NULL || source == SOURCE_RAISED || automation_find_table(org, entity) == NULL ||
			core_has_trigger(core_table(org, entity), kind->name, entity))
			continue;
		if (!core_may_have_triggers(org, entity))
		{
			ereport(WARNING,
					(errmsg("the rules of table \"%s\" do not fire: its owner may not use schemas %s and sales_crm", entity, org->quoted),
					 errhint("Grant USAGE to that role, then call sales_crm.repair().")));
			continue;
		}
		core_execute_as_owner(org, entity,
							  psprintf("CREATE OR REPLACE TRIGGER %s AFTER %s ON %s.%s REFERENCING %s "
									   "FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.automate(%s)",
									   kind->name, kind->event, org->quoted, core_quoted(entity),
									   kind->rows, quote_literal_cstr(entity)));
	}
}

/* drop_needless drops the triggers that no active rule needs, where the table is free. */
static void
drop_needless(CrmOrganization *org)
{
	CrmValue	args[] = {CRM_DATUM(ObjectIdGetDatum(org->oid))};
	uint64		n = core_run_latest_as_owner(org, &select_triggers, "automation_rule", args);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		Oid			relid = DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		ObjectAddress trigger;

		ObjectAddressSet(trigger, TriggerRelationId, DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull)));
		if (is_free(relid))		/* whose owner may have lost the right to use the schema */
			performDeletion(&trigger, DROP_RESTRICT, 0);
	}
}

/* is_free takes the lock that dropping needs, unless others or this session are at work on the table. */
static bool
is_free(Oid relid)
{
	Relation	rel;
	bool		is_idle;

	if (!ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return false;
	rel = table_open(relid, NoLock);
	is_idle = rel->rd_refcnt == 1 && !AfterTriggerPendingOnRel(relid);
	table_close(rel, NoLock);
	if (!is_idle)
		UnlockRelationOid(relid, AccessExclusiveLock);
	return is_idle;
}
