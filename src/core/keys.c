/*
 * keys.c
 *	  Keys are positive, in every table of an organization: what verify() says
 *	  of those that got in all the same.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "core/core.h"

static char *build_check(CrmOrganization *org, const void *argument);

/*
 * The tables whose key is one bigint, as far as the caller may read them, and
 * those of the schema's owner alone: somebody else's code would run as him
 * where a query on a table of theirs is only planned.
 */
static CrmStatement find_keys = {
	.sql = "SELECT c.relname::text, a.attname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
	"JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspowner = c.relowner JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] "
	"WHERE k.contype = 'p' AND pg_catalog.cardinality(k.conkey) = 1 AND a.atttypid = 'pg_catalog.int8'::pg_catalog.regtype "
	"AND c.relnamespace = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
	"AND pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY c.relname",
	.argtypes = {OIDOID}
};

/* core_add_key_check registers the check of all keys. */
void
core_add_key_check(void)
{
	core_add_built_check("key_not_positive", "schema_version", build_check, NULL);
}

/* build_check writes one query over all tables that there are by now. */
static char *
build_check(CrmOrganization *org, const void *argument)
{
	CrmValue	args[] = {CRM_DATUM(ObjectIdGetDatum(org->oid))};
	uint64		n = core_run(org, &find_keys, args);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT NULL::bigint, NULL::text, NULL::text WHERE false");
	for (uint64 i = 0; i < n; i++)
	{
		const char *table = core_result_name(i, 1);
		const char *key = core_quoted(core_result_name(i, 2));

		if (!core_has_shape(table))
			continue;			/* a table of users' own may have what keys it likes */
		appendStringInfo(&sql, " UNION ALL SELECT %s, 'its key is not more than 0', %s::text FROM @%s WHERE %s <= 0",
						 key, quote_literal_cstr(table), core_quoted(table), key);
	}
	return sql.data;
}
