/*
 * lead.c
 *	  The entities of this room, and the simple moves: disqualify, reopen.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "activity/activity.h"
#include "lead/lead.h"
#include "party/party.h"

static void complete_lead(CrmRow *row, CrmTicket *ticket);
static Datum move_lead(int64 id, CrmMove *move);

static const char *const computed[] = {
	"full_name", "estimated_value_base", "exchange_rate", "qualified_opportunity_id",
	"merged_into_lead_id", "first_response_due_at", "first_response_at", "first_response_minutes", NULL
};

const CrmEntity lead_entity = {
	.name = "lead", .key = "lead_id", .label = "lead", .title = "full_name",
	.computed = computed, .complete = complete_lead
};
static const CrmEntity competitor_entity = {
	.name = "lead_competitor", .key = "lead_competitor_id", .label = "competitor of a lead"
};

LeadBornHook lead_born_hook = NULL;

PG_FUNCTION_INFO_V1(lead_disqualify);
PG_FUNCTION_INFO_V1(lead_reopen);

/* lead_init registers the entities of this room. */
void
lead_init(void)
{
	lifecycle_add_entity(&lead_entity);
	lifecycle_add_entity(&competitor_entity);
	activity_add_source("account", "SELECT 'lead', lead_id FROM @lead WHERE account_id = $2");
	activity_add_source("account", "SELECT 'lead', originating_lead_id FROM @account WHERE account_id = $2");
	activity_add_source("contact", "SELECT 'lead', lead_id FROM @lead WHERE contact_id = $2");
	activity_add_source("contact", "SELECT 'lead', originating_lead_id FROM @contact WHERE contact_id = $2");
}

/* lead_disqualify closes an open lead that does not fit. */
Datum
lead_disqualify(PG_FUNCTION_ARGS)
{
	CrmMove		move = {
		.entity = &lead_entity, .made_by = "disqualify_lead", .to = "disqualified",
		.reason = core_optional_text(fcinfo, 1),
		.description = core_optional_text(fcinfo, 2)
	};

	if (move.reason == NULL)
		move.reason = "lost";
	return move_lead(core_id_argument(fcinfo, 0, "lead_id"), &move);
}

/* lead_reopen opens a closed lead again; it keeps its links. */
Datum
lead_reopen(PG_FUNCTION_ARGS)
{
	CrmMove		move = {
		.entity = &lead_entity, .made_by = "reopen_lead", .to = "open",
		.reason = core_optional_text(fcinfo, 1)
	};

	return move_lead(core_id_argument(fcinfo, 0, "lead_id"), &move);
}

static Datum
move_lead(int64 id, CrmMove *move)
{
	CrmOrganization *org = core_begin();
	char	   *from = lifecycle_lock(org, &lead_entity, id);

	lifecycle_require(org, move, id, from);
	lifecycle_move(org, move, id, from);
	return core_end_text(move->to);
}

/* complete_lead fills name, currency and base amounts; an upper room may add to a new lead. */
static void
complete_lead(CrmRow *row, CrmTicket *ticket)
{
	party_compose_name(row);
	pricing_take_defaults(row, false);
	pricing_complete_money(row);
	if (lead_born_hook && ROW_IS_INSERT(row) && !core_import_mode)
		lead_born_hook(row);
}
