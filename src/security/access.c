/*
 * access.c
 *	  Grants a role what an access level needs, from the rows of access_rule.
 *
 * What belongs to the organization its owner grants, in core_maintain(). The
 * calls are members of the extension, and the caller's to grant: for them the
 * owner's rows are names, of which those that are no calls of ours are left out.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "security/security.h"

/* A role that has a level, and the names of the calls that come with it. */
typedef struct CrmAccess
{
	char	   *role;
	char	   *level;
	int			rank;
	List	   *calls;			/* of char * */
} CrmAccess;

static const char *const levels[] = {"read", "sell", "admin"};

static int	level_rank(const char *level);
static void grant_access(CrmOrganization *org, void *argument);
static void grant_level(CrmOrganization *org, CrmAccess *access);
static void grant_table(CrmOrganization *org, const char *role, const char *kind, const char *table);
static void grant_schema(CrmOrganization *org, const char *role);
static int	grant_calls(CrmOrganization *org, const CrmAccess *access, bool must);
static uint64 find_calls(CrmOrganization *org, const CrmAccess *access);
static void refuse_call(const CrmAccess *access, const char *call) pg_attribute_noreturn();

static CrmStatement select_rules = {
	.sql = "SELECT object_kind, object_name FROM @access_rule WHERE access_level = $1 ORDER BY 1, 2",
	.argtypes = {TEXTOID}
};

/* each name with the call of the extension that it is, if any, and whether the caller may grant it */
static CrmStatement select_calls = {
	.sql = "SELECT w.name, m.call, m.is_mine, m.signature FROM pg_catalog.unnest($1) w(name) LEFT JOIN LATERAL ("
	"SELECT pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) AS call, "
	"pg_catalog.has_function_privilege(p.oid, 'EXECUTE WITH GRANT OPTION') AS is_mine, 'sales_crm.' || p.proname || '()' AS signature "
	"FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'sales_crm' "
	"JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e' "
	"JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.oid = d.refobjid AND e.extname = 'sales_crm' "
	"WHERE p.proname = w.name) m ON true ORDER BY 1, 2",
	.argtypes = {TEXTARRAYOID},
	.is_report = true
};
static CrmStatement remember_access = {
	.sql = "INSERT INTO @role_access (role_name, access_level) VALUES ($1, $2) ON CONFLICT DO NOTHING",
	.argtypes = {TEXTOID, TEXTOID}
};
static CrmStatement select_access = {
	.sql = "SELECT role_name, access_level FROM @role_access ORDER BY 1, 2"
};

/* all tables and views that are the owner's to grant, but those that are read by an access level of their own */
static CrmStatement select_open_tables = {
	.sql = "SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', $2, c.relname), ', ' ORDER BY c.relname) FROM pg_catalog.pg_class c "
	"WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION') "
	"AND NOT EXISTS (SELECT FROM @access_rule r WHERE r.object_kind = 'reading' AND r.object_name = c.relname)",
	.argtypes = {OIDOID, TEXTOID},
	.is_report = true
};

PG_FUNCTION_INFO_V1(security_grant_access);

/* security_grant_access gives a role an access level on the current organization. */
Datum
security_grant_access(PG_FUNCTION_ARGS)
{
	CrmAccess	access = {
		.role = core_text_argument(fcinfo, 0, "role"), .level = core_text_argument(fcinfo, 1, "level")
	};
	CrmOrganization *org = core_begin();

	access.rank = level_rank(access.level);
	(void) get_role_oid(access.role, false);
	if (access.rank < 0 && strcmp(access.level, "impersonate") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no access level", access.level),
				 errdetail("Role \"%s\" was given nothing.", access.role),
				 errhint("Levels are read, sell, admin and impersonate.")));
	core_maintain(org, grant_access, &access);
	grant_calls(org, &access, true);
	return core_end_text(access.level);
}

/* grant_access remembers the level and grants what is the owner's. */
static void
grant_access(CrmOrganization *org, void *argument)
{
	CrmAccess  *access = argument;
	CrmValue	args[] = {core_text_value(access->role), core_text_value(access->level)};

	core_run(org, &remember_access, args);
	grant_level(org, access);
}

/* security_restore_access grants again what role_access says, after a repair; inside core_maintain(). Returns who is to get calls. */
List *
security_restore_access(CrmOrganization *org)
{
	uint64		n = core_run_as_owner(org, &select_access, "role_access", NULL);
	SPITupleTable *rows = SPI_tuptable;
	List	   *granted = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		CrmAccess  *access = palloc0(sizeof(CrmAccess));

		access->role = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		access->level = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		if (access->role == NULL || access->level == NULL || !OidIsValid(get_role_oid(access->role, true)))
			continue;
		access->rank = level_rank(access->level);
		grant_level(org, access);
		granted = lappend(granted, access);
	}
	return granted;
}

/* security_restore_calls grants the calls again, as the caller, as far as they are his to grant. */
void
security_restore_calls(CrmOrganization *org, List *granted)
{
	int			left_out = 0;
	ListCell   *cell;

	foreach(cell, granted)
		left_out += grant_calls(org, lfirst(cell), false);
	if (left_out > 0)
		ereport(NOTICE,
				(errmsg("the calls of sales_crm were not granted again"),
				 errdetail("You may not pass them on to the roles of organization \"%s\"; what these have they keep.", org->name),
				 errhint("For calls that are new, let a superuser call sales_crm.repair('%s').", org->name)));
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

/* grant_level issues the owner's grants of a level and of those below it, and notes its calls; impersonate needs none. */
static void
grant_level(CrmOrganization *org, CrmAccess *access)
{
	if (access->rank >= 0)
		grant_schema(org, core_quoted(access->role));
	for (int i = 0; i <= access->rank; i++)
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
				grant_table(org, access->role, kind, name);
			else
				access->calls = lappend(access->calls, name);
		}
	}
}

/* grant_table grants what a rule says about a table; one of a user's own may have been renamed or dropped since. */
static void
grant_table(CrmOrganization *org, const char *role, const char *kind, const char *table)
{
	bool		writes = strcmp(kind, "table") == 0;
	Oid			relid = get_relname_relid(table, org->oid);
	AclMode		wanted = writes ? ACL_INSERT | ACL_UPDATE | ACL_DELETE : ACL_SELECT;

	if (OidIsValid(relid) &&
		pg_class_aclmask(relid, GetUserId(), ACL_GRANT_OPTION_FOR(wanted), ACLMASK_ALL) == ACL_GRANT_OPTION_FOR(wanted))
		core_execute(psprintf("GRANT %s ON %s.%s TO %s", writes ? "INSERT, UPDATE, DELETE" : "SELECT",
							 org->quoted, core_quoted(table), core_quoted(role)));
	else
		ereport(WARNING,
				(errmsg("role \"%s\" is granted nothing on \"%s\": %s", role, table,
						OidIsValid(relid) ? "it is not the owner's to grant" : "there is no such table"),
				 errdetail("Table access_rule of organization \"%s\" names it.", org->name),
				 errhint("Correct object_name there, or delete the rows; what the organization's tables give must belong to the owner of its schema.")));
}

/* grant_schema lets a role see the organization: names and all rows of its policies, but what a level of its own reads. */
static void
grant_schema(CrmOrganization *org, const char *role)
{
	CrmValue	args[] = {CRM_DATUM(ObjectIdGetDatum(org->oid)), core_text_value(org->name)};
	char	   *tables;

	core_execute(psprintf("GRANT USAGE ON SCHEMA %s TO %s", org->quoted, role));
	core_run_as_owner(org, &select_open_tables, "access_rule", args);
	tables = core_result_text(0, 1);
	if (tables)
		core_execute(psprintf("GRANT SELECT ON %s TO %s", tables, role));
}

/*
 * grant_calls grants the calls of a level as the caller, who must be able to
 * pass each on, or as far as he can: GRANT itself would only warn. No name and
 * no type is looked up in anybody's search_path. Returns how many are left out.
 */
static int
grant_calls(CrmOrganization *org, const CrmAccess *access, bool must)
{
	int			nest = core_set_path("pg_catalog, pg_temp");
	uint64		n = find_calls(org, access);
	SPITupleTable *rows = SPI_tuptable;
	StringInfoData calls;
	int			left_out = 0;

	initStringInfo(&calls);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *call = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		bool		isnull;
		bool		is_mine = DatumGetBool(SPI_getbinval(rows->vals[i], rows->tupdesc, 3, &isnull)) && !isnull;

		if (call == NULL)
			ereport(WARNING,
					(errmsg("role \"%s\" is granted nothing on function \"%s\": sales_crm has no such call",
							access->role, SPI_getvalue(rows->vals[i], rows->tupdesc, 1)),
					 errdetail("Table access_rule of organization \"%s\" names it.", org->name),
					 errhint("Correct object_name there, or delete the rows; grant functions of your own by hand.")));
		else if (is_mine)
			appendStringInfo(&calls, "%s%s", calls.len > 0 ? ", " : "", call);
		else if (must)
			refuse_call(access, SPI_getvalue(rows->vals[i], rows->tupdesc, 4));
		else
			left_out++;
	}
	if (access->rank >= 0 &&
		pg_namespace_aclcheck(get_namespace_oid("sales_crm", false), GetUserId(), ACL_GRANT_OPTION_FOR(ACL_USAGE)) == ACLCHECK_OK)
		core_execute(psprintf("GRANT USAGE ON SCHEMA sales_crm TO %s", core_quoted(access->role)));
	if (calls.len > 0)
		core_execute(psprintf("GRANT EXECUTE ON FUNCTION %s TO %s", calls.data, core_quoted(access->role)));
	AtEOXact_GUC(true, nest);
	return left_out;
}

/* find_calls looks the names of a level up; none for impersonate. */
static uint64
find_calls(CrmOrganization *org, const CrmAccess *access)
{
	int			n = 0;
	Datum	   *names = palloc(sizeof(Datum) * Max(list_length(access->calls), 1));
	CrmValue	args[1];
	ListCell   *cell;

	foreach(cell, access->calls)
		names[n++] = CStringGetTextDatum(lfirst(cell));
	args[0] = CRM_DATUM(PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT)));
	return core_run(org, &select_calls, args);
}

static void
refuse_call(const CrmAccess *access, const char *call)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("role \"%s\" may not grant %s", GetUserNameFromId(GetUserId(), false), call),
			 errdetail("Role \"%s\" was given nothing.", access->role),
			 errhint("Let a superuser call grant_access(), or get EXECUTE on the functions WITH GRANT OPTION.")));
}
