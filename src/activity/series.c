/*
 * series.c
 *	  Appointments that come from a recurring one: who changes one takes it out
 *	  of the series' hands, who deletes one leaves its day out.
 *
 * What the series itself writes carries tickets with its mark. Details and
 * parties have no ticket of their own: while the series writes those of an
 * appointment, a marked ticket of the appointment's birth stands by.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/kind.h"
#include "activity/series.h"

static bool is_changed_by_hand(const CrmRow *row);
static bool differs(const CrmRow *row);
static bool may_change(Oid relid);
static bool is_at_work(CrmOrganization *org, int64 id);
static void keep_closed_appointments(CrmRow *row);
static void leave_day_out(CrmRow *row);

char		activity_series_mark[] = "series";

static CrmStatement make_exception = {
	.sql = "UPDATE @activity SET instance_type = 'exception' WHERE activity_id = $1 AND instance_type = 'instance'",
	.argtypes = {INT8OID}
};
static CrmStatement find_closed = {
	.sql = "SELECT i.activity_id FROM @recurring_appointment r "
	"JOIN @recurring_appointment_day i ON i.recurring_appointment_id = r.recurring_appointment_id "
	"JOIN @activity a ON a.activity_id = i.activity_id "
	"WHERE r.activity_id = $1 AND " SERIES_STATE("a") " IN ('completed', 'canceled') " SERIES_ORDER("a") " LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement find_day = {
	.sql = "SELECT recurring_appointment_day_id FROM @recurring_appointment_day WHERE activity_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement empty_day = {
	.sql = "UPDATE @recurring_appointment_day SET activity_id = NULL WHERE recurring_appointment_day_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement delete_appointments = {
	.sql = "DELETE FROM @activity WHERE activity_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement find_future = {
	.sql = "SELECT a.activity_id FROM @recurring_appointment r "
	"JOIN @recurring_appointment_day i ON i.recurring_appointment_id = r.recurring_appointment_id "
	"JOIN @activity a ON a.activity_id = i.activity_id "
	"WHERE r.activity_id = $1 AND " SERIES_STATE("a") " = $2 AND coalesce(a.scheduled_start_at, 'infinity') > $3 "
	SERIES_ORDER("a") " FOR NO KEY UPDATE OF a",
	.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID},
	.locks = "appointments of a series"
};
static CrmStatement move_appointments = {
	.sql = "UPDATE @activity SET state = $2, status_reason = $3 WHERE activity_id = ANY ($1) AND state <> $2",
	.argtypes = {INT8ARRAYOID, TEXTOID, TEXTOID}
};

PG_FUNCTION_INFO_V1(activity_go_with_series);
PG_FUNCTION_INFO_V1(activity_cancel_with_series);

/* activity_is_of_series tells that the series itself writes a row. */
bool
activity_is_of_series(const CrmTicket *ticket)
{
	return ticket && ticket->context == activity_series_mark;
}

/* activity_settle_series knows a master by its type; an appointment that somebody changes is an exception from then on. */
void
activity_settle_series(CrmRow *row, CrmTicket *ticket)
{
	char	   *kind;

	if (activity_is_of_series(ticket) || (core_import_mode && !row_is_null(row, "instance_type")))
		return;
	if (ROW_IS_INSERT(row))
	{
		kind = row_text(row, "activity_type");
		if (kind && strcmp(kind, "recurring_appointment") == 0)
			row_set_text(row, "instance_type", "master");
	}
	else if (!row_is_null(row, "instance_type") &&
			 strcmp(row_name(row, "instance_type"), "instance") == 0 && is_changed_by_hand(row))
		row_set_text(row, "instance_type", "exception");
}

/* is_changed_by_hand tells whether an update touches what comes from the series; to be done is no change. */
static bool
is_changed_by_hand(const CrmRow *row)
{
	static const char *const columns[] = {
		"subject", "description", "regarding_entity", "regarding_id", "scheduled_start_at",
		"scheduled_end_at", "priority", "owner_id"
	};
	char	   *state = row_text(row, "state");

	for (int i = 0; i < lengthof(columns); i++)
	{
		if (row_changed(row, columns[i]))
			return true;
	}
	return (row_changed(row, "state") || row_changed(row, "status_reason")) &&
		(state == NULL || strcmp(state, "completed") != 0);
}

/* activity_except_from_series makes an exception of the appointment whose details or parties somebody changes, also of one he does not see. */
void
activity_except_from_series(CrmRow *row)
{
	int64		id = row_int8(row, "activity_id");
	CrmValue	args[] = {CRM_INT8(id)};
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "activity", .ids = &id, .n = 1, .context = activity_series_mark
	};

	if ((ROW_IS_UPDATE(row) && !differs(row)) || is_at_work(row->org, id))
		return;
	SPI_connect();
	if (!may_change(core_table(row->org, "activity")) || lifecycle_run(row->org, &ticket, &make_exception, args) == 0)
		lifecycle_run_as_owner(row->org, &ticket, &make_exception, args);
	SPI_finish();
}

/* may_change tells that the caller has rights to change what he sees of a table. */
static bool
may_change(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		pg_class_aclcheck(relid, GetUserId(), ACL_UPDATE) == ACLCHECK_OK;
}

/* differs tells whether an update changes anything but the stamps that the guard sets. */
static bool
differs(const CrmRow *row)
{
	for (int i = 0; i < row->desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(row->desc, i)->attname);

		if (!TupleDescAttr(row->desc, i)->attisdropped && row_differs(row, i) &&
			strcmp(name, "modified_at") != 0 && strcmp(name, "modified_by") != 0 && strcmp(name, "row_version") != 0)
			return true;
	}
	return false;
}

/* is_at_work tells that the series itself writes what belongs to an appointment. */
static bool
is_at_work(CrmOrganization *org, int64 id)
{
	Oid			relid = core_table(org, "activity");

	return activity_is_of_series(lifecycle_find_ticket(relid, TICKET_BIRTH)) && lifecycle_has_ticket(relid, id);
}

/* activity_leave_series lets a master go only without closed appointments; of an appointment that goes, the day stays left out. */
void
activity_leave_series(CrmRow *row)
{
	if (row_is_null(row, "instance_type"))
		return;
	SPI_connect();
	if (strcmp(row_name(row, "instance_type"), "master") == 0)
		keep_closed_appointments(row);
	else
		leave_day_out(row);
	SPI_finish();
}

static void
keep_closed_appointments(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "activity_id"))};

	if (core_run_as_owner(row->org, &find_closed, "activity", args) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("recurring appointment %lld cannot be deleted: closed appointments come from it",
					(long long) row_int8(row, "activity_id")),
			 errdetail("Activity %lld is one of them.", (long long) core_result_int8(0, 1)),
			 errhint("Use end_series() or cancel_activity() instead."),
			 errtable(row->rel)));
}

static void
leave_day_out(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "activity_id"))};
	int64		id;
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "recurring_appointment_day", .ids = &id, .n = 1,
		.context = activity_series_mark
	};

	if (core_run(row->org, &find_day, args) == 0)
		return;
	id = core_result_int8(0, 1);
	args[0] = CRM_INT8(id);
	lifecycle_run(row->org, &ticket, &empty_day, args);
}

/* activity_go_with_series is an AFTER DELETE trigger of a series' days: their appointments go too. */
Datum
activity_go_with_series(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_DELETE, .reads_rows = true,
		.table = "recurring_appointment_day"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	int			n;
	int64	   *ids = core_transition_ids(trigdata, "activity_id", &n);
	CrmValue	args[1];

	if (n == 0)
		return PointerGetDatum(NULL);
	SPI_connect();
	args[0] = CRM_DATUM(core_int8_array(ids, n));
	activity_delete_all(core_organization_of(trigdata->tg_relation), &delete_appointments, "activity", args);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* activity_cancel_with_series is an AFTER UPDATE trigger of a master that was canceled: so are its appointments to come. */
Datum
activity_cancel_with_series(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_UPDATE,
		.table = "activity"
	};
	static const char *const states[] = {"open", "scheduled"};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmOrganization *org = core_organization_of(trigdata->tg_relation);
	CrmRow	   *row = core_row(trigdata);
	CrmMove		move = {
		.entity = &activity_entity, .made_by = "cancel_activity", .to = "canceled",
		.description = "The series was canceled."
	};
	int			n;

	SPI_connect();
	for (int i = 0; i < lengthof(states); i++)
	{
		CrmValue	args[] = {
			CRM_INT8(row_int8(row, "activity_id")), core_text_value(states[i]),
			CRM_DATUM(TimestampTzGetDatum(core_now()))
		};

		activity_move_series(org, &move, states[i], &find_future, args, &n);
	}
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* activity_move_series moves the appointments that a statement finds, as their series, hidden ones as owner, and returns their keys. */
int64 *
activity_move_series(CrmOrganization *org, const CrmMove *move, const char *from,
					 CrmStatement *find, const CrmValue *args, int *n)
{
	int64	   *ids;
	CrmTicket	ticket;

	*n = core_run_as_owner(org, find, "activity", args);
	ids = activity_result_ids(*n);
	ticket = lifecycle_move_ticket(move, ids, *n, from);
	ticket.context = activity_series_mark;
	if (*n > 0)
	{
		CrmValue	values[] = {
			CRM_DATUM(core_int8_array(ids, *n)), core_text_value(move->to),
			core_text_value(lifecycle_reason(org, move))
		};

		if (lifecycle_run(org, &ticket, &move_appointments, values) < *n)
			lifecycle_run_as_owner(org, &ticket, &move_appointments, values);
	}
	return ids;
}

/* activity_result_ids returns the keys in the first column of the last result. */
int64 *
activity_result_ids(int n)
{
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));

	for (int i = 0; i < n; i++)
		ids[i] = core_result_int8(i, 1);
	return ids;
}
