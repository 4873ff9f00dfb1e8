/*
 * kind.c
 *	  The kinds of activities: which reasons and roles each has (D§2.3, D§6.2).
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"

#include "activity/kind.h"

typedef struct KindReason
{
	char	   *state;
	char	   *reason;
	bool		is_default;
} KindReason;

typedef struct Kind
{
	char		name[NAMEDATALEN];
	bool		has_details;
	List	   *reasons;		/* none = those of the entity */
	List	   *roles;			/* none = every role */
} Kind;

static bool was_received(CrmRow *row, const Kind *kind, const char *state);
static const char *kind_default(const Kind *kind, const char *state);
static bool kind_has_reason(const Kind *kind, const char *state, const char *reason);
static void refuse_reason(CrmRow *row, const char *state, const char *reason);
static Kind *find_kind(CrmOrganization *org, const char *name);
static void *load_kinds(CrmOrganization *org);
static Kind *loaded_kind(HTAB *kinds, uint64 row);

static const CrmConfig kinds_config = {
	.tables = {"activity_type", "activity_type_reason", "activity_type_role"},
	.load = load_kinds
};

static CrmStatement select_kinds = {
	.sql = "SELECT activity_type, has_details FROM @activity_type"
};
static CrmStatement select_reasons = {
	.sql = "SELECT activity_type, state, status_reason, is_default FROM @activity_type_reason"
};
static CrmStatement select_roles = {
	.sql = "SELECT activity_type, participation_type FROM @activity_type_role"
};

/*
 * activity_settle_reason gives an activity a reason that its kind has. The
 * default of all activities becomes that of the kind; an incoming call, mail,
 * letter or fax that is completed was received.
 */
void
activity_settle_reason(CrmRow *row)
{
	const Kind *kind = find_kind(row->org, row_text(row, "activity_type"));
	char	   *state = row_text(row, "state");
	char	   *reason = row_text(row, "status_reason");
	const char *general = state ? lifecycle_default_reason(row->org, "activity", state) : NULL;

	if (kind == NULL || kind->reasons == NIL || state == NULL || reason == NULL)
		return;
	if (general && strcmp(reason, general) == 0 && was_received(row, kind, state))
	{
		row_set_text(row, "status_reason", "received");
		return;
	}
	if (kind_has_reason(kind, state, reason))
		return;
	if (general == NULL || strcmp(reason, general) != 0 || kind_default(kind, state) == NULL)
		refuse_reason(row, state, reason);
	row_set_text(row, "status_reason", kind_default(kind, state));
}

/* was_received tells that something came in, of a kind that knows the difference; what is closed or imported stays as it is. */
static bool
was_received(CrmRow *row, const Kind *kind, const char *state)
{
	char	   *direction = row_text(row, "direction");

	return direction && strcmp(direction, "incoming") == 0 && kind_has_reason(kind, state, "received") &&
		((row_changed(row, "state") && !core_import_mode) ||
		 !kind_has_reason(kind, state, lifecycle_default_reason(row->org, "activity", state)));
}

/* activity_takes_role tells whether a kind of activity has a role for people. */
bool
activity_takes_role(CrmOrganization *org, const char *name, const char *role)
{
	const Kind *kind = find_kind(org, name);
	ListCell   *cell;

	if (kind == NULL || kind->roles == NIL)
		return true;
	foreach(cell, kind->roles)
	{
		if (strcmp(lfirst(cell), role) == 0)
			return true;
	}
	return false;
}

/* activity_has_details tells whether a kind has a table of its own. */
bool
activity_has_details(CrmOrganization *org, const char *name)
{
	const Kind *kind = find_kind(org, name);

	return kind && kind->has_details;
}

static const char *
kind_default(const Kind *kind, const char *state)
{
	ListCell   *cell;

	foreach(cell, kind->reasons)
	{
		KindReason *reason = lfirst(cell);

		if (reason->is_default && strcmp(reason->state, state) == 0)
			return reason->reason;
	}
	return NULL;
}

static bool
kind_has_reason(const Kind *kind, const char *state, const char *name)
{
	ListCell   *cell;

	foreach(cell, kind->reasons)
	{
		KindReason *reason = lfirst(cell);

		if (name && strcmp(reason->state, state) == 0 && strcmp(reason->reason, name) == 0)
			return true;
	}
	return false;
}

static void
refuse_reason(CrmRow *row, const char *state, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATUS_REASON),
			 errmsg("an activity of type \"%s\" that is \"%s\" has no status reason \"%s\"",
					row_text(row, "activity_type"), state, reason),
			 errdetail("Activity %lld is of that type.", (long long) row_int8(row, "activity_id")),
			 errhint("Table %s.activity_type_reason lists the reasons of each type.", row->org->quoted),
			 errtablecol(row->rel, row_column(row, "status_reason") + 1)));
}

static Kind *
find_kind(CrmOrganization *org, const char *name)
{
	return name ? hash_search(core_config(org, &kinds_config), name, HASH_FIND, NULL) : NULL;
}

/* load_kinds reads the kinds with their reasons and roles. */
static void *
load_kinds(CrmOrganization *org)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(Kind), .hcxt = CurrentMemoryContext};
	HTAB	   *kinds = hash_create("sales_crm activity types", 32, &ctl,
									HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	uint64		n = core_config_rows(org, "activity_type", &select_kinds);

	for (uint64 i = 0; i < n; i++)
		loaded_kind(kinds, i)->has_details = core_result_bool(i, 2);
	n = core_config_rows(org, "activity_type_reason", &select_reasons);
	for (uint64 i = 0; i < n; i++)
	{
		Kind	   *kind = loaded_kind(kinds, i);
		KindReason *reason = palloc(sizeof(KindReason));

		reason->state = core_result_name(i, 2);
		reason->reason = core_result_name(i, 3);
		reason->is_default = core_result_bool(i, 4);
		kind->reasons = lappend(kind->reasons, reason);
	}
	n = core_config_rows(org, "activity_type_role", &select_roles);
	for (uint64 i = 0; i < n; i++)
	{
		Kind	   *kind = loaded_kind(kinds, i);

		kind->roles = lappend(kind->roles, core_result_name(i, 2));
	}
	return kinds;
}

/* loaded_kind finds or makes the entry that a row's first column names. */
static Kind *
loaded_kind(HTAB *kinds, uint64 row)
{
	bool		found;
	Kind	   *kind = hash_search(kinds, core_result_name(row, 1), HASH_ENTER, &found);

	if (!found)
	{
		kind->has_details = false;
		kind->reasons = NIL;
		kind->roles = NIL;
	}
	return kind;
}
