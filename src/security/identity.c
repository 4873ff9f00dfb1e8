/*
 * identity.c
 *	  The CRM user behind a session: who owns what it makes, whom stamps name.
 *
 * A pooled connection says whom it acts for with sales_crm.user_id; that is
 * honoured only for roles given the access level impersonate. Otherwise it is
 * the crm_user of the current role, else nobody, whose records go to the
 * default team.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "security/security.h"

typedef struct UserEntry
{
	char		role_name[NAMEDATALEN];
	int64		owner_id;
} UserEntry;

typedef struct Identities
{
	HTAB	   *users;
	int64		default_team;
	List	   *impersonators;	/* role names */
} Identities;

static void *load_identities(CrmOrganization *org);
static int64 impersonated_owner(CrmOrganization *org, Identities *identities);
static bool may_impersonate(Identities *identities);

static const CrmConfig identity_config = {
	.tables = {"crm_user", "team", "role_access"},
	.load = load_identities
};

static CrmStatement select_users = {
	.sql = "SELECT role_name, owner_id FROM @crm_user WHERE role_name IS NOT NULL AND NOT is_disabled"
};
static CrmStatement select_default_team = {
	.sql = "SELECT owner_id FROM @team WHERE is_default"
};
static CrmStatement select_impersonators = {
	.sql = "SELECT role_name FROM @role_access WHERE access_level = 'impersonate'"
};

/* security_acting_user returns the owner_id of the acting user, 0 when unknown. */
int64
security_acting_user(CrmOrganization *org)
{
	Identities *identities = core_config(org, &identity_config);
	UserEntry  *entry;

	if (core_user_id && core_user_id[0] != '\0')
		return impersonated_owner(org, identities);
	entry = hash_search(identities->users, GetUserNameFromId(core_acting_role(), false),
						HASH_FIND, NULL);
	return entry ? entry->owner_id : 0;
}

/* security_acting_owner returns who owns what the session makes: user, else default team. */
int64
security_acting_owner(CrmOrganization *org)
{
	Identities *identities = core_config(org, &identity_config);
	int64		owner = security_acting_user(org);

	return owner != 0 ? owner : identities->default_team;
}

/* impersonated_owner returns the owner that sales_crm.user_id names, if allowed. */
static int64
impersonated_owner(CrmOrganization *org, Identities *identities)
{
	int64		owner = pg_strtoint64(core_user_id);

	if (!may_impersonate(identities))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not act for another user",
						GetUserNameFromId(core_acting_role(), false)),
				 errdetail("sales_crm.user_id is set to %lld in organization \"%s\".",
						   (long long) owner, org->name),
				 errhint("RESET sales_crm.user_id, or have an administrator call sales_crm.grant_access(role, 'impersonate').")));
	return owner;
}

static bool
may_impersonate(Identities *identities)
{
	Oid			acting = core_acting_role();
	ListCell   *cell;

	if (superuser_arg(acting))
		return true;
	foreach(cell, identities->impersonators)
	{
		Oid			role = get_role_oid(lfirst(cell), true);

		if (OidIsValid(role) && is_member_of_role_nosuper(acting, role))
			return true;
	}
	return false;
}

/* load_identities reads users, the default team and the impersonating roles. */
static void *
load_identities(CrmOrganization *org)
{
	Identities *identities = palloc0(sizeof(Identities));
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(UserEntry),
	.hcxt = CurrentMemoryContext};
	uint64		n;

	identities->users = hash_create("sales_crm users", 64, &ctl,
									HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	n = core_config_rows(org, "crm_user", &select_users);
	for (uint64 i = 0; i < n; i++)
	{
		UserEntry  *entry = hash_search(identities->users, core_result_name(i, 1),
										HASH_ENTER, NULL);

		entry->owner_id = core_result_int8(i, 2);
	}
	if (core_config_rows(org, "team", &select_default_team) > 0)
		identities->default_team = core_result_int8(0, 1);
	n = core_config_rows(org, "role_access", &select_impersonators);
	for (uint64 i = 0; i < n; i++)
		identities->impersonators = lappend(identities->impersonators, core_result_name(i, 1));
	return identities;
}
