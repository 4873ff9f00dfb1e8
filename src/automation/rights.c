/*
 * rights.c
 *	  Whose rights a rule runs with, and where names in it resolve.
 *
 * A rule runs as its rule_owner with a pinned search_path, in a
 * security-restricted operation: it cannot change roles, leave a temporary
 * table, or put off a trigger to the commit, which would run as the caller.
 * All settings that it changes are taken back. Dates, moments and numbers in
 * it read and print in one way, whoever caused it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "automation/rule.h"

static Oid	role_of(CrmRule *rule);

/*
 * automation_enter switches to the rule's owner. Who can write any row of
 * automation_rule, the owner of that table, must be a member of that role:
 * otherwise he could run what he likes as anybody.
 */
void
automation_enter(CrmRule *rule, CrmRights *before)
{
	Oid			role = role_of(rule);
	Oid			table_owner = core_owner(rule->org, "automation_rule");

	if (!is_member_of_role(table_owner, role))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("rules of organization \"%s\" cannot run as role \"%s\"", rule->org->name, rule->owner),
				 errdetail("The owner of table automation_rule, role \"%s\", is no member of that role.",
						   GetUserNameFromId(table_owner, false)),
				 errhint("GRANT %s TO %s, or choose another rule_owner.", core_quoted(rule->owner),
						 core_quoted(GetUserNameFromId(table_owner, false)))));
	GetUserIdAndSecContext(&before->user, &before->context);
	before->nest = core_fix_settings(rule->org);
	core_set("search_path", psprintf("pg_catalog, %s, sales_crm, pg_temp", rule->org->quoted));
	core_set("sales_crm.organization", rule->org->name);
	core_set("sales_crm.user_id", "");
	SetUserIdAndSecContext(role, before->context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

/* automation_leave comes back to the caller and takes back every setting. */
void
automation_leave(const CrmRights *before)
{
	AtEOXact_GUC(false, before->nest);
	SetUserIdAndSecContext(before->user, before->context);
}

/* automation_check_author refuses to save a rule for a role that the author is no member of. */
void
automation_check_author(CrmRule *rule)
{
	if (!is_member_of_role(GetUserId(), role_of(rule)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not write a rule of role \"%s\"",
						GetUserNameFromId(GetUserId(), false), rule->owner),
				 errdetail("Rule \"%s\" would run with rights that its author does not have.", rule->name),
				 errhint("Choose a rule_owner that you are a member of; your own role is the default.")));
}

/*
 * automation_require_admin refuses a caller who may not even read what a call
 * writes as the owner. EXECUTE on a call is given for the whole database: what
 * a role may do in this organization only its rights on the tables tell.
 */
void
automation_require_admin(CrmOrganization *org, const char *table)
{
	if (pg_class_aclcheck(core_table(org, table), GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not work on the automation of organization \"%s\"", GetUserNameFromId(GetUserId(), false), org->name),
				 errdetail("It may not read table \"%s\".", table),
				 errhint("Ask for the access level admin there: sales_crm.grant_access(role, 'admin')."),
				 err_generic_string(PG_DIAG_TABLE_NAME, table)));
}

static Oid
role_of(CrmRule *rule)
{
	Oid			role = get_role_oid(rule->owner, true);

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\" does not exist", rule->owner),
				 errdetail("Rule \"%s\" names it as its rule_owner.", rule->name),
				 errhint("Make the role, or UPDATE automation_rule SET rule_owner.")));
	return role;
}
