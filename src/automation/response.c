/*
 * response.c
 *	  The first response to a lead: until when it is due, when it came.
 *
 * Nothing is done while the setting first_response_minutes is 0, the default.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "automation/calendar.h"
#include "lead/lead.h"

static void set_deadline(CrmRow *row);
static bool is_response(CrmRow *activity);
static void store_response(CrmOrganization *org, int64 lead_id, TimestampTz at);

/* waits while others write the lead, and then sees what they wrote */
static CrmStatement lock_waiting = {
	.sql = "SELECT created_at, address_country, address_state_or_province, address_postal_code FROM @lead "
	"WHERE lead_id = $1 AND first_response_due_at IS NOT NULL AND first_response_at IS NULL FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement update_response = {
	.sql = "UPDATE @lead SET first_response_at = $2, first_response_minutes = $3 WHERE lead_id = $1",
	.argtypes = {INT8OID, TIMESTAMPTZOID, INT4OID}
};

PG_FUNCTION_INFO_V1(response_note);

/* response_init lets new leads get their deadline. */
void
response_init(void)
{
	lead_born_hook = set_deadline;
}

/* set_deadline writes when the first response to a new lead is due, in the working time of its territory. */
static void
set_deadline(CrmRow *row)
{
	int64		minutes = core_setting_number(row->org, "first_response_minutes", 0);
	const CrmCalendar *calendar;
	TimestampTz due;

	if (minutes <= 0)
		return;
	calendar = calendar_of_territory(row->org,
									 area_territory(row->org, row_text(row, "address_country"),
													row_text(row, "address_state_or_province"),
													row_text(row, "address_postal_code")));
	if (calendar && calendar_add(row->org, calendar,
								 DatumGetTimestampTz(row_datum_as(row, "created_at", TIMESTAMPTZOID)),
								 minutes, &due))
		row_set_as(row, "first_response_due_at", TIMESTAMPTZOID, TimestampTzGetDatum(due));
}

/* response_note is the AFTER row trigger of completed activities about leads. */
Datum
response_note(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW,
		.events = CRM_ON_INSERT | CRM_ON_UPDATE, .table = "activity"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *activity;
	TimestampTz at = core_now();

	if (core_import_mode)
		return PointerGetDatum(NULL);
	activity = core_row(trigdata);
	if (!is_response(activity))
		return PointerGetDatum(NULL);
	if (!row_is_null(activity, "actual_end_at"))
		at = Min(at, DatumGetTimestampTz(row_datum_as(activity, "actual_end_at", TIMESTAMPTZOID)));
	SPI_connect();
	store_response(activity->org, row_int8(activity, "regarding_id"), at);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* is_response tells a call, mail or meeting of ours from a task, from what came in, and from a mail on its way. */
static bool
is_response(CrmRow *activity)
{
	char	   *type = row_text(activity, "activity_type");
	char	   *direction = row_text(activity, "direction");
	char	   *reason = row_text(activity, "status_reason");
	const char *setting = core_setting(activity->org, "first_response_activity_types");
	List	   *types;
	ListCell   *cell;

	if ((direction && strcmp(direction, "incoming") == 0) ||
		(reason && (strcmp(reason, "received") == 0 || strcmp(reason, "pending_send") == 0 || strcmp(reason, "sending") == 0)) ||
		type == NULL || setting == NULL || !SplitIdentifierString(pstrdup(setting), ',', &types))
		return false;
	foreach(cell, types)
	{
		if (strcmp(lfirst(cell), type) == 0)
			return true;
	}
	return false;
}

/* store_response writes the first response of a lead that waits for it; never before the lead was there. */
static void
store_response(CrmOrganization *org, int64 lead_id, TimestampTz at)
{
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "lead", .ids = &lead_id, .n = 1, .made_by = "complete_activity"
	};
	CrmValue	args[] = {CRM_INT8(lead_id), CRM_NULL, CRM_NULL};
	const CrmCalendar *calendar;
	TimestampTz created;
	bool		isnull;

	if (core_run(org, &lock_waiting, args) == 0)
		return;
	created = DatumGetTimestampTz(core_result(0, 1, TIMESTAMPTZOID, &isnull));
	calendar = calendar_of_territory(org, area_territory(org, core_result_text(0, 2), core_result_text(0, 3),
														 core_result_text(0, 4)));
	at = Max(at, created);
	args[1] = CRM_DATUM(TimestampTzGetDatum(at));
	if (calendar && calendar_spans(created, at))
		args[2] = CRM_INT4(Min(calendar_minutes(org, calendar, created, at), PG_INT32_MAX));
	lifecycle_run(org, &ticket, &update_response, args);
}
