/*
 * activity.c
 *	  The activity entity: its reasons, times and place in the timeline, and
 *	  the closings that other rooms write.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/email.h"
#include "activity/kind.h"

static void complete_activity(CrmRow *row, CrmTicket *ticket);
static void settle_direction(CrmRow *row);
static void settle_end(CrmRow *row);
static void settle_durations(CrmRow *row);
static void check_span(CrmRow *row, const char *start, const char *end);
static void settle_place(CrmRow *row);
static TimestampTz moment_of(const CrmRow *row, const char *column);
static void set_minutes(CrmRow *row, const char *column, TimestampTz start, TimestampTz end);
static bool is_closed_state(const char *state);

static const char *const computed[] = {"sort_at", "scheduled_duration_minutes", "instance_type", NULL};
static const char *const fixed[] = {"activity_type", "is_workflow_created", NULL};

const CrmEntity activity_entity = {
	.name = "activity", .key = "activity_id", .label = "activity", .title = "subject",
	.computed = computed, .fixed = fixed, .complete = complete_activity, .before_delete = activity_leave_series
};

static CrmStatement insert_closing = {
	.sql = "INSERT INTO @activity (activity_id, activity_type, subject, description, "
	"regarding_entity, regarding_id, actual_end_at, owner_id, state, status_reason) "
	"VALUES ($1, $2, $3, $4, $5, $6, $8, $7, 'completed', 'completed')",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, TIMESTAMPTZOID}
};

/* activity_init registers the entities of this room. */
void
activity_init(void)
{
	lifecycle_add_entity(&activity_entity);
	activity_add_types();
	activity_add_details();
	activity_add_email();
	activity_add_notes();
	activity_add_connections();
	activity_add_queues();
	activity_add_recurrence();
	activity_add_checks();
	activity_add_source("account", "SELECT 'contact', contact_id FROM @contact WHERE account_id = $2");
}

/* activity_close writes the completed activity of a closing and returns its key. */
int64
activity_close(CrmOrganization *org, const CrmClosing *closing)
{
	int64		id = core_next_id(org, "activity", "activity_id");
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = "activity", .ids = &id, .n = 1,
		.made_by = closing->made_by
	};
	CrmValue	args[] = {
		CRM_INT8(id), core_text_value(closing->activity_type),
		core_text_value(closing->subject), core_text_value(closing->description),
		core_text_value(closing->entity), CRM_INT8(closing->record_id),
		CRM_INT8(closing->owner_id),
		CRM_DATUM(TimestampTzGetDatum(closing->ended_at != 0 ? closing->ended_at : core_now()))
	};

	lifecycle_run(org, &ticket, &insert_closing, args);
	return id;
}

/* complete_activity fills in what follows from the rest; a closing is complete but for its place. */
static void
complete_activity(CrmRow *row, CrmTicket *ticket)
{
	if (ticket == NULL || ticket->kind != TICKET_BIRTH || activity_is_of_series(ticket))
	{
		activity_check_record(row, "regarding_entity", "regarding_id");
		activity_refuse_circle(row);
		settle_direction(row);
		activity_settle_reason(row);
		if (row_changed(row, "status_reason"))
			email_refuse_delivery(row, ticket);
		check_span(row, "scheduled_start_at", "scheduled_end_at");
		settle_end(row);
		settle_durations(row);
		activity_settle_series(row, ticket);
	}
	settle_place(row);
}

/* settle_direction takes calls and mails for outgoing unless told otherwise (D§6.1). */
static void
settle_direction(CrmRow *row)
{
	static const char *const directed[] = {"phone_call", "email", "letter", "fax"};
	char	   *kind = row_text(row, "activity_type");

	if (!ROW_IS_INSERT(row) || kind == NULL || !row_is_null(row, "direction"))
		return;
	for (int i = 0; i < lengthof(directed); i++)
	{
		if (strcmp(kind, directed[i]) == 0)
			row_set_text(row, "direction", "outgoing");
	}
}

/* settle_end ends an activity when it is closed, and takes the end back when it is opened again. */
static void
settle_end(CrmRow *row)
{
	char	   *state = row_text(row, "state");
	char	   *before = ROW_IS_UPDATE(row) ? row_old_text(row, "state") : NULL;

	if (state == NULL)
		return;
	if (is_closed_state(state) && row_is_null(row, "actual_end_at"))
		row_set_as(row, "actual_end_at", TIMESTAMPTZOID, TimestampTzGetDatum(core_now()));
	if (before && is_closed_state(before) && !is_closed_state(state))
		row_set_null(row, "actual_end_at");
	check_span(row, "actual_start_at", "actual_end_at");
}

/* settle_durations computes minutes where both ends are known. */
static void
settle_durations(CrmRow *row)
{
	if (row_is_null(row, "scheduled_start_at") || row_is_null(row, "scheduled_end_at"))
		row_set_null(row, "scheduled_duration_minutes");
	else
		set_minutes(row, "scheduled_duration_minutes", moment_of(row, "scheduled_start_at"),
					moment_of(row, "scheduled_end_at"));
	if (!row_is_null(row, "actual_start_at") && !row_is_null(row, "actual_end_at"))
		set_minutes(row, "actual_duration_minutes", moment_of(row, "actual_start_at"),
					moment_of(row, "actual_end_at"));
}

/* check_span refuses an end before its start. */
static void
check_span(CrmRow *row, const char *start, const char *end)
{
	if (row_is_null(row, start) || row_is_null(row, end) || moment_of(row, start) <= moment_of(row, end))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("%s must not be before %s", end, start),
			 errdetail("%s is %s, %s is %s.", start, core_moment_text(moment_of(row, start)),
					   end, core_moment_text(moment_of(row, end))),
			 errhint("Correct one of the two."),
			 errtablecol(row->rel, row_column(row, end) + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, psprintf("activity_%s_check", end))));
}

/* settle_place decides where the activity stands in a timeline: when it ended, else is due, else starts. */
static void
settle_place(CrmRow *row)
{
	static const char *const columns[] = {
		"actual_end_at", "scheduled_end_at", "scheduled_start_at", "created_at"
	};

	for (int i = 0; i < lengthof(columns); i++)
	{
		if (row_is_null(row, columns[i]))
			continue;
		row_set_as(row, "sort_at", TIMESTAMPTZOID, TimestampTzGetDatum(moment_of(row, columns[i])));
		return;
	}
}

static TimestampTz
moment_of(const CrmRow *row, const char *column)
{
	return DatumGetTimestampTz(row_datum_as(row, column, TIMESTAMPTZOID));
}

/* set_minutes stores how long something takes: nothing that can be said of what begins or ends at infinity. */
static void
set_minutes(CrmRow *row, const char *column, TimestampTz start, TimestampTz end)
{
	int64		minutes = (end - start) / USECS_PER_MINUTE;

	if (TIMESTAMP_NOT_FINITE(start) || TIMESTAMP_NOT_FINITE(end))
	{
		row_set_null(row, column);
		return;
	}
	row_set_as(row, column, INT4OID, Int32GetDatum((int32) Min(minutes, PG_INT32_MAX)));
}

static bool
is_closed_state(const char *state)
{
	return strcmp(state, "completed") == 0 || strcmp(state, "canceled") == 0;
}
