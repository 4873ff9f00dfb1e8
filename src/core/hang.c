/*
 * hang.c
 *	  Triggers that a room hangs on tables it does not know beforehand: those of
 *	  other rooms, and users' own.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "core/core.h"

/* core_execute_as_owner runs such a statement as the owner of a table, since what it makes there, a trigger, is his to make. */
void
core_execute_as_owner(const CrmOrganization *org, const char *table, const char *sql)
{
	Oid			user;
	int			context;
	int			nest;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(core_owner(org, table), context | SECURITY_LOCAL_USERID_CHANGE);
	nest = core_set_path("pg_catalog, pg_temp");
	core_execute(sql);
	AtEOXact_GUC(true, nest);
	SetUserIdAndSecContext(user, context);
}

/* core_may_have_triggers tells that the owner of a table reaches it and our trigger functions, as making a trigger needs. */
bool
core_may_have_triggers(const CrmOrganization *org, const char *table)
{
	Oid			owner = core_owner(org, table);

	return pg_namespace_aclcheck(org->oid, owner, ACL_USAGE) == ACLCHECK_OK &&
		pg_namespace_aclcheck(get_namespace_oid("sales_crm", false), owner, ACL_USAGE) == ACLCHECK_OK;
}

/* core_has_trigger tells that a table has a trigger with that argument; one from before the table was renamed has another. */
bool
core_has_trigger(Oid relid, const char *name, const char *argument)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;
	bool		found = false;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
		found |= strcmp(triggers->triggers[i].tgname, name) == 0 && triggers->triggers[i].tgnargs == 1 &&
			strcmp(triggers->triggers[i].tgargs[0], argument) == 0;
	table_close(rel, AccessShareLock);
	return found;
}
