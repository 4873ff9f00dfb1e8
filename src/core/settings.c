/*
 * settings.c
 *	  The settings a session may give: organization, user, import mode.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "core/core.h"

char	   *core_organization_name = NULL;
char	   *core_user_id = NULL;
bool		core_import_mode = false;

/* core_init defines the settings; called once, when the library is loaded. */
void
core_init(void)
{
	DefineCustomStringVariable("sales_crm.organization",
							   "The organization (schema) that calls work on.",
							   NULL,
							   &core_organization_name,
							   "crm",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("sales_crm.user_id",
							   "The owner_id a pooled connection acts for.",
							   "Honoured only for roles given access level impersonate.",
							   &core_user_id,
							   "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("sales_crm.import_mode",
							 "Accepts migrated history: closed rows and past timestamps.",
							 NULL,
							 &core_import_mode,
							 false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	core_clock_init();
	core_add_key_check();
}
