/*
 * settle.c
 *	  The triggers of the tables outside the sale that processes go through:
 *	  they are not known before a process is activated.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "process/flow.h"

static CrmStatement select_tables = {
	.sql = "SELECT DISTINCT s.entity FROM @process p JOIN @process_stage s USING (process_id) WHERE p.state = 'active' ORDER BY 1"
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
		Oid			relid = table ? get_relname_relid(table, org->oid) : InvalidOid;

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
										   org->quoted, core_quoted(table), quote_literal_cstr(table)));
	}
}
