/*
 * maintain.c
 *	  The one door of what works on an organization as a whole.
 *
 * Whoever maintains the organization of a stranger, usually a superuser, must
 * run nothing of his: its triggers, checks, policies, views and operators may
 * be anything. As PostgreSQL's own ANALYZE, REINDEX and REFRESH do, the work is
 * done as the organization's owner in a security-restricted operation, which
 * has no way back to the caller, with a search_path of ours, and every setting
 * is taken back at its end.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "core/core.h"

/* Names of constraints, with commas, as SET CONSTRAINTS takes them. */
typedef struct Constraints
{
	char	   *deferrable;		/* all that may be put off, NULL = none */
	char	   *deferred;		/* those of them that are, unless somebody says otherwise */
} Constraints;

/* What is done while none is put off. */
typedef struct Immediate
{
	CrmTask		task;
	void	   *argument;
} Immediate;

static void work_at_once(CrmOrganization *org, void *argument);
static Constraints find_constraints(CrmOrganization *org);

/*
 * The constraints that writing the owner's tables of an organization sets off:
 * its own, and foreign keys of other schemas. SET CONSTRAINTS takes all of one
 * name in a schema, so a name that stands for what somebody else may run is
 * left out.
 */
static CrmStatement select_deferrable = {
	.sql = "SELECT pg_catalog.string_agg(k.name, ', '), pg_catalog.string_agg(k.name, ', ') FILTER (WHERE k.is_deferred) FROM ("
	"SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.conname) AS name, (SELECT pg_catalog.bool_and(o.condeferred) "
	"FROM pg_catalog.pg_constraint o WHERE o.connamespace = c.connamespace AND o.conname = c.conname) AS is_deferred "
	"FROM pg_catalog.pg_class r JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid JOIN pg_catalog.pg_constraint c ON c.oid = t.tgconstraint "
	"JOIN pg_catalog.pg_namespace n ON n.oid = c.connamespace WHERE r.relnamespace = $1 AND r.relowner = $2 AND t.tgdeferrable "
	"AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class p ON p.oid = o.conrelid "
	"WHERE o.connamespace = c.connamespace AND o.conname = c.conname AND o.condeferrable AND o.contype <> 'f' AND p.relowner <> $2)) k",
	.argtypes = {OIDOID, OIDOID},
	.is_report = true
};

/* core_maintainer returns the role that an organization belongs to: the owner of its schema. */
Oid
core_maintainer(const CrmOrganization *org)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(org->oid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("organization \"%s\" is gone", org->name),
				 errdetail("Its schema was dropped meanwhile."),
				 errhint("Check the name of the organization.")));
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* core_may_maintain tells that the caller has the rights of the organization's owner, as a superuser has. */
bool
core_may_maintain(const CrmOrganization *org)
{
	return has_privs_of_role(GetUserId(), core_maintainer(org));
}

/* core_is_owners tells that a table belongs to the organization's owner: a query on a table of somebody else runs code of his. */
bool
core_is_owners(const CrmOrganization *org, const char *table)
{
	return core_owner(org, table) == core_maintainer(org);
}

/*
 * core_maintain does work that writes; inside SPI. A restricted operation can
 * put nothing off to the commit, where it would be done as the caller, so that
 * constraints are checked at once meanwhile.
 */
void
core_maintain(CrmOrganization *org, CrmTask task, void *argument)
{
	Immediate	immediate = {task, argument};

	if (!core_may_maintain(org))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("organization \"%s\" is not yours to maintain", org->name),
				 errdetail("It belongs to role \"%s\".", GetUserNameFromId(core_maintainer(org), false)),
				 errhint("Call it as that role, a member of it, or a superuser.")));
	core_work_as_owner(org, work_at_once, &immediate);
}

/* core_work_as_owner does work that only reads, or that has a transaction of its own; who may ask for it the caller knows. */
void
core_work_as_owner(CrmOrganization *org, CrmTask task, void *argument)
{
	static const char *const tables[] = {"schema_version", "organization_setting", "role_access", "access_rule"};
	Oid			user;
	int			context;
	int			nest;

	for (int i = 0; i < lengthof(tables); i++)
		(void) core_require_shape(org, tables[i]);
	GetUserIdAndSecContext(&user, &context);
	nest = NewGUCNestLevel();
	core_set("search_path", "pg_catalog, pg_temp");
	core_set("sales_crm.organization", org->name);
	core_set("sales_crm.user_id", "");
	SetUserIdAndSecContext(core_maintainer(org), context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	task(org, argument);
	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(user, context);
}

static void
work_at_once(CrmOrganization *org, void *argument)
{
	Immediate  *immediate = argument;

	core_check_at_once(org, immediate->task, immediate->argument);
}

/*
 * core_check_at_once has constraints checked at once while a task goes on;
 * inside SPI. Checks that the caller put off before are done here too;
 * afterwards those that wait for the commit by themselves do so again.
 */
void
core_check_at_once(CrmOrganization *org, CrmTask task, void *argument)
{
	Constraints constraints = find_constraints(org);

	if (constraints.deferrable)
		core_execute(psprintf("SET CONSTRAINTS %s IMMEDIATE", constraints.deferrable));
	task(org, argument);
	constraints = find_constraints(org);	/* the task may have dropped some */
	if (constraints.deferred)
		core_execute(psprintf("SET CONSTRAINTS %s DEFERRED", constraints.deferred));
}

/* find_constraints returns the constraints that would wait for the commit. */
static Constraints
find_constraints(CrmOrganization *org)
{
	CrmValue	args[] = {CRM_DATUM(ObjectIdGetDatum(org->oid)), CRM_DATUM(ObjectIdGetDatum(core_maintainer(org)))};

	core_run(org, &select_deferrable, args);
	return (Constraints) {core_result_text(0, 1), core_result_text(0, 2)};
}
