/*
 * role.c
 *	  Which database roles may use a process: those that process_role names, or
 *	  everybody when it names none.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "process/flow.h"

static void complete_role(CrmRow *row, CrmTicket *ticket);

static const char *const role_fixed[] = {"process_id", NULL};

static const CrmEntity role_entity = {
	.name = "process_role", .key = "process_role_id", .label = "role of a process", .title = "role_name",
	.fixed = role_fixed, .complete = complete_role
};

static CrmStatement select_roles = {
	.sql = "SELECT string_agg(r.role_name, ', ' ORDER BY r.role_name) FROM @process_role r WHERE r.process_id = $1",
	.argtypes = {INT8OID}
};

/* process_add_roles registers the table. */
void
process_add_roles(void)
{
	lifecycle_add_entity(&role_entity);
}

/* complete_role refuses a name that no role has. One that is dropped later allows nobody. */
static void
complete_role(CrmRow *row, CrmTicket *ticket)
{
	char	   *name = row_text(row, "role_name");

	if (name == NULL || core_import_mode || OidIsValid(get_role_oid(name, true)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("role \"%s\" does not exist", name),
			 errdetail("Only members of a role that is there could use the process."),
			 errhint("Name a database role, such as one that grant_access() was called for."),
			 errtablecol(row->rel, row_column(row, "role_name") + 1)));
}

/* flow_role_refusal says that the caller's roles do not allow a process. */
FlowRefusal *
flow_role_refusal(const Flow *flow)
{
	FlowRefusal *refusal = palloc0(sizeof(FlowRefusal));
	CrmValue	args[] = {CRM_INT8(flow->process_id)};

	core_run(flow->org, &select_roles, args);
	refusal->sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE;
	refusal->message = psprintf("role \"%s\" may not use process \"%s\"", GetUserNameFromId(GetUserId(), false), flow->process);
	refusal->detail = "Table process_role names who may.";
	refusal->hint = psprintf("It takes membership in one of the roles: %s.", core_result_text(0, 1));
	refusal->table = "process_role";
	return refusal;
}
