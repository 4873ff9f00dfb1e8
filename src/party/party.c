/*
 * party.c
 *	  The entities of this room: account, contact, competitor, territory.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "party/party.h"

static void complete_contact(CrmRow *row, CrmTicket *ticket);
static void complete_user(CrmRow *row, CrmTicket *ticket);
static void complete_team(CrmRow *row, CrmTicket *ticket);
static void take_owner(CrmRow *row, const char *owner_type);

static const char *const account_computed[] = {
	"originating_lead_id", "merged_into_account_id", NULL
};
static const char *const contact_computed[] = {
	"full_name", "originating_lead_id", "merged_into_contact_id", NULL
};

static const CrmEntity entities[] = {
	{.name = "account", .key = "account_id", .label = "account", .title = "name",
	.computed = account_computed},
	{.name = "contact", .key = "contact_id", .label = "contact", .title = "full_name",
	.computed = contact_computed, .complete = complete_contact},
	{.name = "competitor", .key = "competitor_id", .label = "competitor", .title = "name"},
	{.name = "territory", .key = "territory_id", .label = "territory", .title = "name"},
	{.name = "business_unit", .key = "business_unit_id", .label = "business unit", .title = "name"},
	{.name = "crm_user", .key = "crm_user_id", .label = "user", .title = "name",
	.complete = complete_user},
	{.name = "team", .key = "team_id", .label = "team", .title = "name", .complete = complete_team},
	{.name = "owner", .key = "owner_id", .label = "owner", .title = "name"}
};

static CrmStatement insert_owner = {
	.sql = "INSERT INTO @owner (owner_type, name) VALUES ($1, $2) RETURNING owner_id",
	.argtypes = {TEXTOID, TEXTOID, INT8OID}
};
static CrmStatement rename_owner = {
	.sql = "UPDATE @owner SET name = $2 WHERE owner_id = $3 AND name IS DISTINCT FROM $2",
	.argtypes = {TEXTOID, TEXTOID, INT8OID}
};

/* party_init registers the entities of this room and those of the rooms below. */
void
party_init(void)
{
	for (int i = 0; i < lengthof(entities); i++)
		lifecycle_add_entity(&entities[i]);
	party_add_checks();
}

/* party_compose_name writes full_name from its parts: first, middle, last. */
void
party_compose_name(CrmRow *row)
{
	static const char *const parts[] = {"first_name", "middle_name", "last_name"};
	StringInfoData name;

	initStringInfo(&name);
	for (int i = 0; i < lengthof(parts); i++)
	{
		char	   *part = row_text(row, parts[i]);

		if (part && part[0] != '\0')
			appendStringInfo(&name, "%s%s", name.len > 0 ? " " : "", part);
	}
	row_set_text(row, "full_name", name.len > 0 ? name.data : NULL);
}

static void
complete_contact(CrmRow *row, CrmTicket *ticket)
{
	party_compose_name(row);
}

static void
complete_user(CrmRow *row, CrmTicket *ticket)
{
	take_owner(row, "user");
}

static void
complete_team(CrmRow *row, CrmTicket *ticket)
{
	take_owner(row, "team");
}

/* take_owner makes the owner of a new user or team that names none, and renames it along. */
static void
take_owner(CrmRow *row, const char *owner_type)
{
	CrmValue	args[] = {
		core_text_value(owner_type), core_text_value(row_text(row, "name")),
		CRM_ID(row_int8(row, "owner_id"))
	};

	if (row_is_null(row, "name") ||
		(ROW_IS_INSERT(row) ? !row_is_null(row, "owner_id") : !row_changed(row, "name")))
		return;
	SPI_connect();
	if (ROW_IS_UPDATE(row))
		core_run(row->org, &rename_owner, args);
	else
	{
		core_run(row->org, &insert_owner, args);
		row_set_int8(row, "owner_id", core_result_int8(0, 1));
	}
	SPI_finish();
}
