/*
 * call.c
 *	  Completing, canceling and reopening an activity (D§2.3, D§6.4).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "activity/email.h"
#include "activity/kind.h"

static Datum end_activity(CrmOrganization *org, const CrmMove *move, int64 id, CrmValue ended_at);
static char *kind_of(CrmOrganization *org, int64 id);
static void refuse_closing(int64 id, const char *kind);

static CrmStatement end_one = {
	.sql = "UPDATE @activity SET state = $2, status_reason = $3, actual_end_at = coalesce($4, actual_end_at) WHERE activity_id = $1",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};
static CrmStatement read_kind = {
	.sql = "SELECT activity_type FROM @activity WHERE activity_id = $1",
	.argtypes = {INT8OID}
};

PG_FUNCTION_INFO_V1(activity_complete);
PG_FUNCTION_INFO_V1(activity_cancel);
PG_FUNCTION_INFO_V1(activity_reopen);

/* activity_complete closes an activity as done, now or when it really ended. */
Datum
activity_complete(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "activity_id");
	CrmMove		move = {
		.entity = &activity_entity, .made_by = "complete_activity", .to = "completed",
		.reason = core_optional_text(fcinfo, 1)
	};

	return end_activity(core_begin(), &move, id, core_value_argument(fcinfo, 2));
}

/* activity_cancel closes an activity that will not take place. */
Datum
activity_cancel(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "activity_id");
	CrmMove		move = {
		.entity = &activity_entity, .made_by = "cancel_activity", .to = "canceled",
		.description = core_optional_text(fcinfo, 1)
	};

	return end_activity(core_begin(), &move, id, CRM_NULL);
}

/* activity_reopen opens a closed activity again; what closed a deal stays closed, and so does a mail that was delivered. */
Datum
activity_reopen(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "activity_id");
	CrmMove		move = {.entity = &activity_entity, .made_by = "reopen_activity", .to = "open"};
	CrmOrganization *org = core_begin();
	char	   *from = lifecycle_lock(org, &activity_entity, id);
	char	   *kind;

	lifecycle_require(org, &move, id, from);
	kind = kind_of(org, id);
	refuse_closing(id, kind);
	if (strcmp(kind, "email") == 0)
		email_take_back(org, id);
	lifecycle_move(org, &move, id, from);
	return core_end_text("open");
}

/* end_activity closes an activity; its kind decides the reason when none is given. */
static Datum
end_activity(CrmOrganization *org, const CrmMove *move, int64 id, CrmValue ended_at)
{
	char	   *from = lifecycle_lock(org, &activity_entity, id);
	CrmTicket	ticket;

	lifecycle_require(org, move, id, from);
	ticket = lifecycle_move_ticket(move, &id, 1, from);
	{
		CrmValue	args[] = {
			CRM_INT8(id), core_text_value(move->to), core_text_value(lifecycle_reason(org, move)), ended_at
		};

		if (lifecycle_run(org, &ticket, &end_one, args) == 0)
			core_refuse_unknown("activity", id);
	}
	return core_end_text(move->to);
}

static char *
kind_of(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};

	if (core_run(org, &read_kind, args) == 0)
		core_refuse_unknown("activity", id);
	return core_result_name(0, 1);
}

/* refuse_closing keeps the activities that tell of a closing. */
static void
refuse_closing(int64 id, const char *kind)
{
	if (strcmp(kind, "opportunity_close") != 0 && strcmp(kind, "quote_close") != 0 &&
		strcmp(kind, "order_close") != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("an activity that tells of a closing cannot be opened again"),
			 errdetail("Activity %lld is of type \"%s\".", (long long) id, kind),
			 errhint("Reopen or revise the record itself, such as with reopen_opportunity()."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "activity")));
}
