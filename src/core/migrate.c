/*
 * migrate.c
 *	  The version of an organization's tables: who may be written to, and how
 *	  an older one is raised.
 *
 * The steps are parts "migrate <version>" of the organization script. They and
 * what follows run as the organization's owner (maintain.c), behind locks on
 * all tables.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/core.h"

/* the last schema that was found to be current, InvalidOid after a change */
Oid			core_current_namespace = InvalidOid;

static Oid	current_relid = InvalidOid; /* its schema_version */
static uint64 invalidations = 0;
static Oid	migrating = InvalidOid;

static void *load_version(CrmOrganization *org);
static void forget_current(Datum arg, Oid relid);
static void refuse_version(CrmOrganization *org, int32 version) pg_attribute_noreturn();
static bool raise_version(CrmOrganization *org);
static void run_step(CrmOrganization *org, int32 version);
static void make_anew(CrmOrganization *org);
static bool is_made_anew(Oid nspoid, RawStmt *statement, List **made);
static bool is_comment(Oid nspoid, RawStmt *statement, List **made);

static const CrmConfig version_config = {
	.tables = {"schema_version"},
	.load = load_version
};
static CrmStatement select_version = {
	.sql = "SELECT pg_catalog.max(version) FROM @schema_version"
};
static CrmStatement insert_version = {
	.sql = "INSERT INTO @schema_version (version) VALUES ($1) ON CONFLICT DO NOTHING",
	.argtypes = {INT4OID}
};

/* core_schema_version returns the version of an organization's tables. */
int32
core_schema_version(CrmOrganization *org)
{
	return *(int32 *) core_config(org, &version_config);
}

/* core_is_current tells whether an organization may be written to. */
bool
core_is_current(CrmOrganization *org)
{
	return core_schema_version(org) == CRM_SCHEMA_VERSION;
}

/* load_version reads the version; an organization that lost the rows of it counts as the first. */
static void *
load_version(CrmOrganization *org)
{
	int32	   *version = palloc(sizeof(int32));

	(void) core_config_rows(org, "schema_version", &select_version);
	*version = Max(core_result_int4(0, 1), 1);
	return version;
}

/*
 * core_check_current refuses a schema that is an organization of another
 * version, and remembers one that may be written to: core_require_current()
 * asks that first. Tables of ours elsewhere are checked by who reads them.
 */
void
core_check_current(Oid nspoid)
{
	static bool is_registered = false;
	uint64		before = invalidations;
	CrmOrganization *org;

	if (nspoid == migrating || !core_has_our_tables(nspoid))
		return;
	if (!is_registered)
		core_follow_tables(forget_current);
	is_registered = true;
	org = core_organization_at(nspoid);
	if (!core_is_current(org))
		refuse_version(org, core_schema_version(org));
	if (before != invalidations || !core_config_lasts(org, &version_config))
		return;
	core_current_namespace = nspoid;
	current_relid = core_table(org, "schema_version");
}

/* core_check_current_table does for a trigger's table; the version itself may always be corrected. */
void
core_check_current_table(Relation rel)
{
	Oid			nspoid = RelationGetNamespace(rel);

	if (RelationGetRelid(rel) != get_relname_relid("schema_version", nspoid))
		core_check_current(nspoid);
}

/* forget_current lets the next one that writes look the version up. */
static void
forget_current(Datum arg, Oid relid)
{
	invalidations++;
	if (!OidIsValid(relid) || relid == current_relid)
		core_current_namespace = InvalidOid;
}

/* refuse_version says which of the two is older, and what raises it. */
static void
refuse_version(CrmOrganization *org, int32 version)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_SCHEMA_VERSION_MISMATCH),
			 errmsg("organization \"%s\" is %s than the installed sales_crm", org->name,
					version < CRM_SCHEMA_VERSION ? "older" : "newer"),
			 errdetail("Its version is %d, the library's %d; it can be read, not written.", version, CRM_SCHEMA_VERSION),
			 version < CRM_SCHEMA_VERSION
			 ? errhint("SELECT * FROM sales_crm.migrate(organization => '%s')", org->name)
			 : errhint("Install the newer files and ALTER EXTENSION sales_crm UPDATE.")));
}

/* core_migrate_organization raises an organization to this library's version, inside core_maintain(); false when it is there already. */
bool
core_migrate_organization(CrmOrganization *org)
{
	Oid			before = migrating;
	volatile bool is_raised = false;

	if (core_is_current(org))
		return false;
	if (core_schema_version(org) > CRM_SCHEMA_VERSION)
		refuse_version(org, core_schema_version(org));
	migrating = org->oid;
	PG_TRY();
	{
		is_raised = raise_version(org);
	}
	PG_FINALLY();
	{
		migrating = before;
	}
	PG_END_TRY();
	return is_raised;
}

/* raise_version runs the steps that are missing and makes the rest anew; false when another session was faster. */
static bool
raise_version(CrmOrganization *org)
{
	static const char *const lock[] = {"migrate lock", NULL};
	int			version;

	core_run_parts(org->name, lock, NULL);
	version = core_schema_version(org);
	if (version >= CRM_SCHEMA_VERSION)
		return false;
	while (version < CRM_SCHEMA_VERSION)
		run_step(org, ++version);
	make_anew(org);
	return true;
}

/* run_step raises an organization by one version. */
static void
run_step(CrmOrganization *org, int32 version)
{
	const char *step[] = {psprintf("migrate %d", version), NULL};
	CrmValue	args[] = {CRM_INT4(version)};

	core_run_parts(org->name, step, NULL);
	core_run(org, &insert_version, args);
	CacheInvalidateRelcacheByRelid(core_table(org, "schema_version"));	/* before version 2 no trigger did */
	CommandCounterIncrement();
}

/* make_anew replaces functions, triggers and views by those of the script, and the comments on all that is there. */
static void
make_anew(CrmOrganization *org)
{
	static const char *const makers[] = {"triggers", "views", NULL};
	static const char *const all[] = {"tables", "triggers", "views", NULL};

	core_run_parts(org->name, makers, is_made_anew);
	core_run_parts(org->name, all, is_comment);
}

/* is_made_anew lets all through but comments, which come last. */
static bool
is_made_anew(Oid nspoid, RawStmt *statement, List **made)
{
	return !IsA(statement->stmt, CommentStmt);
}

/* is_comment lets through the comments on what is there: templates are not, and an owner may have dropped a column. */
static bool
is_comment(Oid nspoid, RawStmt *statement, List **made)
{
	CommentStmt *comment = (CommentStmt *) statement->stmt;
	List	   *name;
	Oid			relid;

	if (!IsA(comment, CommentStmt))
		return false;
	if (!IsA(comment->object, List))
		return true;
	name = castNode(List, comment->object);
	relid = get_relname_relid(strVal(linitial(name)), nspoid);
	return OidIsValid(relid) &&
		(comment->objtype != OBJECT_COLUMN || get_attnum(relid, strVal(lsecond(name))) != InvalidAttrNumber);
}
