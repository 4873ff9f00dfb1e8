/*
 * settle.c
 *	  The triggers and checks of the tables outside the sale that processes go
 *	  through: they are not known before a process is activated.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "process/flow.h"

static CrmStatement select_tables = {
	.sql = "SELECT DISTINCT s.entity FROM @process p JOIN @process_stage s USING (process_id) WHERE p.state = 'active' ORDER BY 1"
};
static CrmStatement select_entities = {
	.sql = "SELECT DISTINCT entity FROM @process_instance_record ORDER BY 1"
};

/*
 * process_settle puts the trigger that tells of deleted records on the tables
 * of active processes that have none; inside SPI. It stays there for the
 * instances, and looks at nothing while there are none.
 */
void
process_settle(CrmOrganization *org)
{
	uint64		n = core_run(org, &select_tables, NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		char	   *table = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		Oid			relid = get_relname_relid(table, org->oid);

		if (!OidIsValid(relid) || core_has_trigger(relid, "t05_release_process", table))
			continue;
		if (!core_may_have_triggers(org, table))
			ereport(WARNING,
					(errmsg("processes are not told of deleted rows of \"%s\": its owner may not use schemas %s and sales_crm", table, org->quoted),
					 errhint("Grant USAGE to that role, then call sales_crm.repair().")));
		else
			core_execute_as_owner(org, table,
								  psprintf("CREATE OR REPLACE TRIGGER t05_release_process BEFORE DELETE ON %s.%s FOR EACH ROW "
										   "EXECUTE FUNCTION sales_crm.release_process(%s)",
										   org->quoted, quote_identifier(table), quote_literal_cstr(table)));
	}
}

/* flow_check_records puts together the query for active instances whose records are not there any more, in tables that the caller reads. */
char *
flow_check_records(CrmOrganization *org)
{
	uint64		n = core_run(org, &select_entities, NULL);
	char	   *query = NULL;

	for (uint64 i = 0; i < n; i++)
	{
		FlowEntity	entity = flow_entity_named(core_result_name(i, 1));
		const char *name = quote_literal_cstr(flow_entity_name(entity));
		Oid			relid = get_relname_relid(flow_entity_name(entity), org->oid);
		char	   *part = psprintf("SELECT o.process_instance_id, %1$s || ' ' || o.record_id || ' is not there any more' "
									"FROM @process_instance_record o JOIN @process_instance i USING (process_instance_id) "
									"WHERE i.state = 'active' AND o.entity = %1$s", name);

		if (OidIsValid(relid) && pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			continue;
		if (OidIsValid(relid))
			part = psprintf("%s AND NOT EXISTS (SELECT FROM @%s t WHERE t.%s = o.record_id)", part,
							flow_sql_name(entity), flow_sql_key(entity));
		query = query ? psprintf("%s UNION ALL %s", query, part) : part;
	}
	return query;
}
