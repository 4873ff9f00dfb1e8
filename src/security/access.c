/*
 * access.c
 *	  Grants a role what an access level needs, from the rows of access_rule.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "security/security.h"

static const char *const levels[] = {"read", "sell", "admin"};

static int	level_rank(const char *level);
static void check_may_grant(CrmOrganization *org, const char *role, int rank);
static void grant_level(CrmOrganization *org, const char *role, int rank);
static void grant_table(CrmOrganization *org, const char *role, const char *kind, const char *table);
static void grant_schemas(CrmOrganization *org, const char *role);

static CrmStatement select_rules = {
	.sql = "SELECT object_kind, object_name FROM @access_rule WHERE access_level = $1 ORDER BY 1, 2",
	.argtypes = {TEXTOID}
};
static CrmStatement select_missing = {
	.sql = "SELECT 'sales_crm.' || p.proname || '()' FROM @access_rule r JOIN pg_catalog.pg_proc p ON p.proname = r.object_name "
	"JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'sales_crm' "
	"WHERE r.access_level = $1 AND r.object_kind = 'function' "
	"AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION') LIMIT 1",
	.argtypes = {TEXTOID},
	.is_report = true
};
static CrmStatement remember_access = {
	.sql = "INSERT INTO @role_access (role_name, access_level) VALUES ($1, $2) ON CONFLICT DO NOTHING",
	.argtypes = {TEXTOID, TEXTOID}
};
static CrmStatement select_access = {
	.sql = "SELECT role_name, access_level FROM @role_access ORDER BY 1, 2"
};

/* all tables and views but those that are read by an access level of their own */
static CrmStatement select_open_tables = {
	.sql = "SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', $2, c.relname), ', ' ORDER BY c.relname) FROM pg_catalog.pg_class c "
	"WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
	"AND NOT EXISTS (SELECT FROM @access_rule r WHERE r.object_kind = 'reading' AND r.object_name = c.relname)",
	.argtypes = {OIDOID, TEXTOID},
	.is_report = true
};

PG_FUNCTION_INFO_V1(security_grant_access);

/* security_grant_access gives a role an access level on the current organization. */
Datum
security_grant_access(PG_FUNCTION_ARGS)
{
	char	   *role = core_text_argument(fcinfo, 0, "role");
	char	   *level = core_text_argument(fcinfo, 1, "level");
	CrmOrganization *org = core_begin();
	CrmValue	args[] = {core_text_value(role), core_text_value(level)};
	int			rank = level_rank(level);

	(void) get_role_oid(role, false);
	if (rank < 0 && strcmp(level, "impersonate") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no access level", level),
				 errdetail("Role \"%s\" was given nothing.", role),
				 errhint("Levels are read, sell, admin and impersonate.")));
	check_may_grant(org, role, rank);
	core_run(org, &remember_access, args);
	grant_level(org, role, rank);
	return core_end_text(level);
}

/*
 * check_may_grant refuses a caller who may not pass the right on a call on:
 * GRANT itself would only warn.
 */
static void
check_may_grant(CrmOrganization *org, const char *role, int rank)
{
	for (int i = 0; i <= rank; i++)
	{
		CrmValue	args[] = {core_text_value(levels[i])};

		if (core_run(org, &select_missing, args) == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not grant %s", GetUserNameFromId(GetUserId(), false),
						core_result_text(0, 1)),
				 errdetail("Role \"%s\" was given nothing.", role),
				 errhint("Let a superuser call grant_access(), or get EXECUTE on the functions WITH GRANT OPTION.")));
	}
}

/* security_restore_access grants again what role_access says, after a repair. */
void
security_restore_access(CrmOrganization *org)
{
	uint64		n = core_run_as_owner(org, &select_access, "role_access", NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		char	   *role = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *level = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);

		if (role && level && OidIsValid(get_role_oid(role, true)))
			grant_level(org, role, level_rank(level));
	}
}

/* security_share_table grants a new table to the roles that have access, as its owner. */
void
security_share_table(CrmOrganization *org, const char *table)
{
	uint64		n = core_run_as_owner(org, &select_access, "role_access", NULL);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		char	   *role = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		int			rank = level_rank(SPI_getvalue(rows->vals[i], rows->tupdesc, 2));

		if (role && rank >= 0 && OidIsValid(get_role_oid(role, true)))
			core_execute(psprintf("GRANT SELECT%s ON %s.%s TO %s", rank > 0 ? ", INSERT, UPDATE, DELETE" : "",
							 org->quoted, core_quoted(table), core_quoted(role)));
	}
}

/* level_rank returns how far a level reaches, -1 for none of read, sell, admin. */
static int
level_rank(const char *level)
{
	for (int i = 0; i < lengthof(levels); i++)
	{
		if (level && strcmp(levels[i], level) == 0)
			return i;
	}
	return -1;
}

/* grant_level issues the grants of a level and of those below it; impersonate needs none. */
static void
grant_level(CrmOrganization *org, const char *role, int rank)
{
	if (rank >= 0)
		grant_schemas(org, core_quoted(role));
	for (int i = 0; i <= rank; i++)
	{
		CrmValue	args[] = {core_text_value(levels[i])};
		uint64		n = core_run_as_owner(org, &select_rules, "access_rule", args);
		SPITupleTable *rows = SPI_tuptable;

		for (uint64 j = 0; j < n; j++)
		{
			char	   *kind = SPI_getvalue(rows->vals[j], rows->tupdesc, 1);
			char	   *name = SPI_getvalue(rows->vals[j], rows->tupdesc, 2);

			if (kind == NULL || name == NULL)
				continue;
			if (strcmp(kind, "function") != 0)
				grant_table(org, role, kind, name);
			else
				core_execute(psprintf("GRANT EXECUTE ON FUNCTION sales_crm.%s TO %s",
								 core_quoted(name), core_quoted(role)));
		}
	}
}

/* grant_table grants what a rule says about a table; one of a user's own may have been renamed or dropped since. */
static void
grant_table(CrmOrganization *org, const char *role, const char *kind, const char *table)
{
	if (OidIsValid(get_relname_relid(table, org->oid)))
		core_execute(psprintf("GRANT %s ON %s.%s TO %s", strcmp(kind, "table") == 0 ? "INSERT, UPDATE, DELETE" : "SELECT",
						 org->quoted, core_quoted(table), core_quoted(role)));
	else
		ereport(WARNING,
				(errmsg("role \"%s\" is granted nothing on \"%s\": there is no such table", role, table),
				 errdetail("Table access_rule of organization \"%s\" names it.", org->name),
				 errhint("Correct object_name there, or delete the rows.")));
}

/* grant_schemas lets a role see the organization: names and all rows of its policies, but what a level of its own reads. */
static void
grant_schemas(CrmOrganization *org, const char *role)
{
	CrmValue	args[] = {CRM_DATUM(ObjectIdGetDatum(org->oid)), core_text_value(org->name)};

	core_execute(psprintf("GRANT USAGE ON SCHEMA sales_crm, %s TO %s", org->quoted, role));
	core_run_as_owner(org, &select_open_tables, "access_rule", args);
	core_execute(psprintf("GRANT SELECT ON %s TO %s", core_result_name(0, 1), role));
}
