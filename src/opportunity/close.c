/*
 * close.c
 *	  Winning, losing and reopening a deal (D§3.3).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "opportunity/opportunity.h"

static Datum close_call(FunctionCallInfo fcinfo, CrmDealClose *close, bool close_open_quotes);
static void write_closing(CrmOrganization *org, int64 activity_id, int64 opportunity_id,
						  const CrmDealClose *close, TimestampTz ended_at);

static CrmStatement close_deal = {
	.sql = "UPDATE @opportunity SET state = $2, status_reason = $3, forecast_category = $2, "
	"actual_value = coalesce($4, CASE WHEN $2 = 'won' THEN coalesce(estimated_value, 0) ELSE 0 END), "
	"actual_close_date = coalesce($5, $6) "
	"WHERE opportunity_id = $1 RETURNING owner_id, name, "
	"CASE WHEN $5 IS NULL THEN " CRM_SQL_NOW " ELSE $5::timestamp AT TIME ZONE $7 END",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, NUMERICOID, DATEOID, DATEOID, TEXTOID}
};
static CrmStatement insert_close = {
	.sql = "INSERT INTO @opportunity_close (opportunity_close_id, activity_id, opportunity_id, "
	"opportunity_state, opportunity_status_reason, actual_revenue, competitor_id, actual_end_at) "
	"SELECT $1, $2, o.opportunity_id, o.state, o.status_reason, o.actual_value, $4, $5 "
	"FROM @opportunity o WHERE o.opportunity_id = $3",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}
};
static CrmStatement reopen_deal = {
	.sql = "UPDATE @opportunity SET state = 'open', status_reason = $2, actual_value = NULL, "
	"actual_close_date = NULL, forecast_category = 'pipeline' WHERE opportunity_id = $1",
	.argtypes = {INT8OID, TEXTOID}
};

PG_FUNCTION_INFO_V1(opportunity_win);
PG_FUNCTION_INFO_V1(opportunity_lose);
PG_FUNCTION_INFO_V1(opportunity_reopen);

/* opportunity_win closes an open deal as won. */
Datum
opportunity_win(PG_FUNCTION_ARGS)
{
	CrmDealClose close = {
		.made_by = "win_opportunity", .to = "won",
		.actual_revenue = core_value_argument(fcinfo, 1),
		.actual_close_date = core_value_argument(fcinfo, 2),
		.reason = core_optional_text(fcinfo, 3),
		.description = core_optional_text(fcinfo, 4)
	};

	return close_call(fcinfo, &close, core_flag_argument(fcinfo, 5, false));
}

/* opportunity_lose closes an open deal as lost. */
Datum
opportunity_lose(PG_FUNCTION_ARGS)
{
	CrmDealClose close = {
		.made_by = "lose_opportunity", .to = "lost",
		.reason = core_optional_text(fcinfo, 1),
		.competitor_id = core_optional_id(fcinfo, 2, "competitor"),
		.actual_revenue = core_value_argument(fcinfo, 3),
		.actual_close_date = core_value_argument(fcinfo, 4),
		.description = core_optional_text(fcinfo, 5)
	};

	return close_call(fcinfo, &close, core_flag_argument(fcinfo, 6, false));
}

/* opportunity_reopen opens a closed deal again; its closings stay as history. */
Datum
opportunity_reopen(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "opportunity_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &opportunity_entity, .made_by = "reopen_opportunity", .to = "open"};
	char	   *from = lifecycle_lock(org, &opportunity_entity, id);
	CrmTicket	ticket = lifecycle_move_ticket(&move, &id, 1, from);
	CrmValue	args[] = {CRM_INT8(id), CRM_NULL};

	lifecycle_require(org, &move, id, from);
	args[1] = core_text_value(lifecycle_reason(org, &move));
	if (lifecycle_run(org, &ticket, &reopen_deal, args) == 0)
		core_refuse_unknown("opportunity", id);
	return core_end_text("open");
}

/* close_call is the frame of both calls: lock, check, look at the quotes, close. */
static Datum
close_call(FunctionCallInfo fcinfo, CrmDealClose *close, bool close_open_quotes)
{
	int64		id = core_id_argument(fcinfo, 0, "opportunity_id");
	CrmOrganization *org = core_begin();
	char	   *from = lifecycle_lock(org, &opportunity_entity, id);
	CrmMove		move = {.entity = &opportunity_entity, .made_by = close->made_by, .to = close->to};

	lifecycle_require(org, &move, id, from);
	lifecycle_require_row(org, "competitor", "competitor_id", close->competitor_id);
	if (opportunity_close_hook)
		opportunity_close_hook(org, id, close_open_quotes, close->made_by);
	return core_end_id(opportunity_close(org, id, from, close));
}

/*
 * opportunity_close closes a deal that the caller has locked and checked, and
 * returns the key of the closing activity.
 */
int64
opportunity_close(CrmOrganization *org, int64 id, const char *from, const CrmDealClose *close)
{
	CrmMove		move = {
		.entity = &opportunity_entity, .made_by = close->made_by, .to = close->to,
		.reason = close->reason, .description = close->description
	};
	const char *reason = lifecycle_reason(org, &move);
	const char *zone = core_setting(org, "time_zone");
	CrmTicket	ticket = lifecycle_move_ticket(&move, &id, 1, from);
	CrmValue	args[] = {
		CRM_INT8(id), core_text_value(close->to), core_text_value(reason),
		close->actual_revenue, close->actual_close_date, CRM_DATUM(core_today(org)),
		core_text_value(zone && zone[0] ? zone : "UTC")
	};
	CrmClosing	closing = {
		.activity_type = "opportunity_close", .entity = "opportunity", .record_id = id,
		.description = close->description, .made_by = close->made_by
	};
	int64		activity_id;
	bool		isnull;

	if (lifecycle_run(org, &ticket, &close_deal, args) == 0)
		core_refuse_unknown("opportunity", id);
	closing.owner_id = core_result_int8(0, 1);
	closing.subject = psprintf("Opportunity %s: %s", close->to, core_result_text(0, 2));
	closing.ended_at = DatumGetTimestampTz(core_result(0, 3, TIMESTAMPTZOID, &isnull));
	activity_id = activity_close(org, &closing);
	write_closing(org, activity_id, id, close, closing.ended_at);
	return activity_id;
}

/* write_closing stores what the closing activity is about. */
static void
write_closing(CrmOrganization *org, int64 activity_id, int64 opportunity_id,
			  const CrmDealClose *close, TimestampTz ended_at)
{
	int64		id = core_next_id(org, "opportunity_close", "opportunity_close_id");
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = "opportunity_close", .ids = &id, .n = 1,
		.made_by = close->made_by
	};
	CrmValue	args[] = {
		CRM_INT8(id), CRM_INT8(activity_id), CRM_INT8(opportunity_id),
		CRM_ID(close->competitor_id), CRM_DATUM(TimestampTzGetDatum(ended_at))
	};

	lifecycle_run(org, &ticket, &insert_close, args);
}
