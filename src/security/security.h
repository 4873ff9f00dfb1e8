/*
 * security.h
 *	  Who acts, and what a role may do.
 */
#ifndef CRM_SECURITY_H
#define CRM_SECURITY_H

#include "core/core.h"

extern int64 security_acting_owner(CrmOrganization *org);
extern int64 security_acting_user(CrmOrganization *org);
extern List *security_restore_access(CrmOrganization *org);
extern void security_restore_calls(CrmOrganization *org, List *granted);
extern void security_share_table(CrmOrganization *org, const char *table);

#endif							/* CRM_SECURITY_H */
