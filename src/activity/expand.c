/*
 * expand.c
 *	  Making the appointments of a series, and keeping those to come in line
 *	  with it.
 *
 * One SQL expression names the days of a rule (series.h); each step is one
 * statement for the whole series. The rule's row is locked first, then the
 * master, then appointments by key: so two sessions make none twice.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/qunique.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/kind.h"
#include "activity/series.h"

/* A locked series, and what becomes of it. */
typedef struct Series
{
	int64		id;				/* of the rule */
	int64		activity_id;	/* of the master */
	char	   *state;
	DateADT		through;		/* last day to make */
	bool		is_stale;		/* its appointments do not follow it yet */
	int			made;
	int			changed;
	int			removed;
} Series;

typedef struct IdSet
{
	int64	   *ids;
	int			n;
} IdSet;

static Series lock_series(CrmOrganization *org, int64 activity_id);
static void refuse_no_rule(int64 activity_id) pg_attribute_noreturn();
static void refuse_ended(const Series *series) pg_attribute_noreturn();
static void check_reach(CrmOrganization *org, const char *argument, DateADT day);
static void expand(CrmOrganization *org, Series *series, CrmValue until);
static DateADT horizon(CrmOrganization *org);
static void read_plan(CrmOrganization *org, Series *series, CrmValue until);
static void follow(CrmOrganization *org, Series *series);
static int64 *lock_appointments(CrmOrganization *org, Series *series, int *n);
static void remove_appointments(CrmOrganization *org, Series *series, int64 *gone, int n);
static void change_appointments(CrmOrganization *org, int64 *ids, int n, IdSet *touched);
static void run_beside(CrmOrganization *org, const int64 *ids, int n, CrmStatement *statement, IdSet *touched);
static void add_touched(IdSet *set, int n);
static void make_missing(CrmOrganization *org, Series *series);
static int64 *new_ids(CrmOrganization *org, const char *table, const char *key, int n);
static int	expand_next(CrmOrganization *org, int limit, int64 *last, int *done);
static void expand_one(CrmOrganization *org, void *argument);
static Datum series_row(FunctionCallInfo fcinfo, const Series *series);

#define OF_SERIES \
	"@recurring_appointment r JOIN @recurring_appointment_day i ON i.recurring_appointment_id = r.recurring_appointment_id"
#define DAYS_OF_SERIES \
	"WITH d AS MATERIALIZED (SELECT d.day FROM @recurring_appointment r, " SERIES_DAYS("$2") " WHERE r.recurring_appointment_id = $1) "
#define SAME_PARTY(a, b) \
	"(" a ".participation_type, " a ".entity, " a ".record_id, " a ".address_used) IS NOT DISTINCT FROM " \
	"(" b ".participation_type, " b ".entity, " b ".record_id, " b ".address_used)"

static CrmStatement lock_rule = {
	.sql = "SELECT recurring_appointment_id FROM @recurring_appointment WHERE activity_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement read_kind = {
	.sql = "SELECT activity_type FROM @activity WHERE activity_id = $1",
	.argtypes = {INT8OID}
};

/*
 * Through which day to go: at least as far as before, and without a day given
 * as far as the next appointment, which is looked for within one interval.
 */
static CrmStatement plan_series = {
	.sql = "SELECT r.applied IS NULL OR r.applied <> " SERIES_FINGERPRINT ", "
	"greatest(coalesce($2, $3), CASE WHEN pg_catalog.isfinite(r.expanded_through) THEN r.expanded_through END, "
	"(SELECT pg_catalog.max(i.original_on) FROM @recurring_appointment_day i "
	"WHERE i.recurring_appointment_id = r.recurring_appointment_id AND i.activity_id IS NOT NULL), "
	"(SELECT pg_catalog.min(d.day) FROM " SERIES_DAYS("greatest($4, r.starts_on) + CASE r.pattern WHEN 'daily' THEN r.every WHEN 'weekly' THEN 7 * r.every + 7 ELSE 3660 END")
	" WHERE $2 IS NULL AND " SERIES_START("d.day") " > $5)) "
	"FROM @recurring_appointment r JOIN @activity a USING (activity_id) WHERE r.recurring_appointment_id = $1",
	.argtypes = {INT8OID, DATEOID, DATEOID, DATEOID, TIMESTAMPTZOID}
};

/* canceled with the series, which is open again */
static CrmStatement find_canceled = {
	.sql = "SELECT a.activity_id FROM " OF_SERIES " JOIN @activity a ON a.activity_id = i.activity_id "
	"WHERE r.recurring_appointment_id = $1 AND a.instance_type = 'instance' AND " SERIES_STATE("a") " = 'canceled' "
	"AND a.scheduled_start_at > $2 " SERIES_ORDER("a") " FOR NO KEY UPDATE OF a",
	.argtypes = {INT8OID, TIMESTAMPTZOID},
	.locks = "appointments of a series"
};
static CrmStatement lock_future = {
	.sql = DAYS_OF_SERIES "SELECT a.activity_id, d.day IS NULL FROM " OF_SERIES " JOIN @activity a ON a.activity_id = i.activity_id "
	"LEFT JOIN d ON d.day = i.original_on WHERE r.recurring_appointment_id = $1 AND a.instance_type = 'instance' "
	"AND " SERIES_STATE("a") " IN ('open', 'scheduled') AND a.scheduled_start_at > $3 " SERIES_ORDER("a") " FOR NO KEY UPDATE OF a",
	.argtypes = {INT8OID, DATEOID, TIMESTAMPTZOID},
	.locks = "appointments of a series"
};
static CrmStatement delete_days = {
	.sql = "DELETE FROM @recurring_appointment_day WHERE activity_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement change_activities = {
	.sql = "UPDATE @activity t SET subject = a.subject, description = a.description, regarding_entity = a.regarding_entity, "
	"regarding_id = a.regarding_id, priority = a.priority, owner_id = a.owner_id, state = a.state, status_reason = a.status_reason, "
	"scheduled_start_at = " SERIES_START("i.original_on") ", scheduled_end_at = " SERIES_END("i.original_on")
	" FROM " OF_SERIES " JOIN @activity a ON a.activity_id = r.activity_id WHERE t.activity_id = ANY ($1) AND i.activity_id = t.activity_id "
	"AND (t.subject, t.description, t.regarding_entity, t.regarding_id, t.priority, t.owner_id, t.state, t.status_reason, "
	"t.scheduled_start_at, t.scheduled_end_at) IS DISTINCT FROM (a.subject, a.description, a.regarding_entity, a.regarding_id, a.priority, "
	"a.owner_id, a.state, a.status_reason, " SERIES_START("i.original_on") ", " SERIES_END("i.original_on") ") RETURNING t.activity_id",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement change_details = {
	.sql = "UPDATE @appointment t SET location = r.location, is_all_day_event = r.is_all_day_event FROM " OF_SERIES
	" WHERE t.activity_id = ANY ($1) AND i.activity_id = t.activity_id "
	"AND (t.location, t.is_all_day_event) IS DISTINCT FROM (r.location, r.is_all_day_event) RETURNING t.activity_id",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement delete_parties = {
	.sql = "DELETE FROM @activity_party t USING " OF_SERIES " WHERE t.activity_id = ANY ($1) AND i.activity_id = t.activity_id "
	"AND NOT EXISTS (SELECT FROM @activity_party p WHERE p.activity_id = r.activity_id AND " SAME_PARTY("p", "t") ") RETURNING t.activity_id",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement insert_parties = {
	.sql = "INSERT INTO @activity_party (activity_id, participation_type, entity, record_id, address_used) "
	"SELECT i.activity_id, p.participation_type, p.entity, p.record_id, p.address_used FROM " OF_SERIES
	" JOIN @activity_party p ON p.activity_id = r.activity_id WHERE i.activity_id = ANY ($1) "
	"AND NOT EXISTS (SELECT FROM @activity_party t WHERE t.activity_id = i.activity_id AND " SAME_PARTY("t", "p") ") "
	"ORDER BY i.activity_id, p.activity_party_id RETURNING activity_id",
	.argtypes = {INT8ARRAYOID}
};

/* after the first time, none for days that are over and were expanded */
static CrmStatement find_missing = {
	.sql = DAYS_OF_SERIES "SELECT d.day FROM d, @recurring_appointment r WHERE r.recurring_appointment_id = $1 "
	"AND NOT EXISTS (SELECT FROM @recurring_appointment_day i WHERE i.recurring_appointment_id = $1 AND i.original_on = d.day) "
	"AND (r.expanded_through IS NULL OR d.day > r.expanded_through OR " SERIES_START("d.day") " > $3) ORDER BY d.day",
	.argtypes = {INT8OID, DATEOID, TIMESTAMPTZOID}
};
static CrmStatement insert_activities = {
	.sql = "INSERT INTO @activity (activity_id, activity_type, instance_type, subject, description, regarding_entity, regarding_id, "
	"scheduled_start_at, scheduled_end_at, priority, owner_id, state, status_reason) "
	"SELECT n.id, 'appointment', 'instance', a.subject, a.description, a.regarding_entity, a.regarding_id, "
	SERIES_START("n.day") ", " SERIES_END("n.day") ", a.priority, a.owner_id, a.state, a.status_reason "
	"FROM @recurring_appointment r JOIN @activity a USING (activity_id), ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) n (id, day) "
	"WHERE r.recurring_appointment_id = $1 ORDER BY n.id",
	.argtypes = {INT8OID, INT8ARRAYOID, DATEARRAYOID}
};
static CrmStatement insert_days = {
	.sql = "INSERT INTO @recurring_appointment_day (recurring_appointment_day_id, recurring_appointment_id, original_on, original_start_at, activity_id) "
	"SELECT n.id, $1, n.day, " SERIES_START("n.day") ", n.activity_id "
	"FROM @recurring_appointment r, ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) n (id, day, activity_id) "
	"WHERE r.recurring_appointment_id = $1 ORDER BY n.id",
	.argtypes = {INT8OID, INT8ARRAYOID, DATEARRAYOID, INT8ARRAYOID}
};
static CrmStatement insert_details = {
	.sql = "INSERT INTO @appointment (activity_id, location, is_all_day_event) SELECT i.activity_id, r.location, r.is_all_day_event FROM " OF_SERIES
	" WHERE i.activity_id = ANY ($1) ORDER BY 1",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement keep_progress = {
	.sql = "UPDATE @recurring_appointment r SET applied = " SERIES_FINGERPRINT ", expanded_through = CASE WHEN r.ends_on <= $2 "
	"OR (SELECT pg_catalog.count(*) FROM " SERIES_DAYS("$2") ") >= r.occurrences THEN 'infinity'::date ELSE $2 END "
	"FROM @activity a WHERE a.activity_id = r.activity_id AND r.recurring_appointment_id = $1",
	.argtypes = {INT8OID, DATEOID}
};
static CrmStatement end_rule = {
	.sql = "UPDATE @recurring_appointment SET ends_on = least(ends_on, $2) WHERE recurring_appointment_id = $1 AND starts_on <= $2",
	.argtypes = {INT8OID, DATEOID}
};
static CrmStatement find_due = {
	.sql = "SELECT r.activity_id, r.recurring_appointment_id FROM @recurring_appointment r JOIN @activity a USING (activity_id) "
	"WHERE " SERIES_STATE("a") " IN ('open', 'scheduled') AND r.recurring_appointment_id > $3 "
	"AND (r.applied IS NULL OR r.expanded_through IS NULL OR r.expanded_through < $1 OR r.applied <> " SERIES_FINGERPRINT ") "
	"ORDER BY r.recurring_appointment_id LIMIT $2 FOR NO KEY UPDATE OF r SKIP LOCKED",
	.argtypes = {DATEOID, INT4OID, INT8OID}
};

PG_FUNCTION_INFO_V1(activity_expand_series);
PG_FUNCTION_INFO_V1(activity_expand_due_series);
PG_FUNCTION_INFO_V1(activity_end_series);

/* activity_expand_series makes the appointments of a series, and has those to come follow it. */
Datum
activity_expand_series(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "activity_id");
	CrmOrganization *org = core_begin();
	Series		series;

	if (!PG_ARGISNULL(1))
		check_reach(org, "until", PG_GETARG_DATEADT(1));
	series = lock_series(org, id);
	expand(org, &series, core_value_argument(fcinfo, 1));
	SPI_finish();
	return series_row(fcinfo, &series);
}

/* activity_expand_due_series does so for the series that need it; one that fails does not hold up the rest. */
Datum
activity_expand_due_series(PG_FUNCTION_ARGS)
{
	int32		limit = core_limit_argument(fcinfo, 0, 100);
	CrmOrganization *org = core_begin();
	int64		last = 0;
	int			done = 0;
	int			tried;

	do
	{
		tried = expand_next(org, limit - done, &last, &done);
	} while (tried > 0 && done < limit);
	SPI_finish();
	return Int32GetDatum(done);
}

/* expand_next tries the next series that are due, those behind the last one, and returns how many. */
static int
expand_next(CrmOrganization *org, int limit, int64 *last, int *done)
{
	CrmValue	args[] = {CRM_DATUM(DateADTGetDatum(horizon(org))), CRM_INT4(limit), CRM_INT8(*last)};
	int			n = core_run(org, &find_due, args);
	int64	   *ids = activity_result_ids(n);

	if (n > 0)
		*last = core_result_int8(n - 1, 2);
	for (int i = 0; i < n; i++)
	{
		ErrorData  *error = core_attempt(org, expand_one, &ids[i], true);

		core_pass_conflict(error);
		if (error)
			ereport(WARNING,
					(errmsg("recurring appointment %lld cannot be expanded: %s", (long long) ids[i], error->message),
					 errhint("Call expand_series() for it to see all of the error.")));
		else
			(*done)++;
	}
	return n;
}

/* activity_end_series gives a series its last day and completes it. */
Datum
activity_end_series(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "activity_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &activity_entity, .made_by = "complete_activity", .to = "completed"};
	DateADT		last = PG_ARGISNULL(1) ? DatumGetDateADT(core_today(org)) : PG_GETARG_DATEADT(1);
	Series		series;

	check_reach(org, "last_on", last);
	series = lock_series(org, id);
	{
		CrmValue	args[] = {CRM_INT8(series.id), CRM_DATUM(DateADTGetDatum(last))};

		if (core_run(org, &end_rule, args) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a series cannot end before it begins"),
					 errdetail("Recurring appointment %lld begins after last_on.", (long long) id),
					 errhint("Use cancel_activity(), or delete it.")));
		expand(org, &series, args[1]);
	}
	lifecycle_move(org, &move, id, series.state);
	return core_end_text("completed");
}

/* lock_series locks a rule and its master, in that order, as a change of the rule does. */
static Series
lock_series(CrmOrganization *org, int64 activity_id)
{
	CrmValue	args[] = {CRM_INT8(activity_id)};
	Series		series = {.activity_id = activity_id};

	if (core_run(org, &lock_rule, args) > 0)
		series.id = core_result_int8(0, 1);
	series.state = lifecycle_lock(org, &activity_entity, activity_id);
	if (series.id == 0)
	{
		if (core_run(org, &read_kind, args) == 0)
			core_refuse_unknown("activity", activity_id);
		refuse_no_rule(activity_id);
	}
	if (lifecycle_is_read_only(org, "activity", series.state))
		refuse_ended(&series);
	return series;
}

static void
refuse_no_rule(int64 activity_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("activity %lld has no rule by which appointments come", (long long) activity_id),
			 errdetail("It is of type \"%s\", without a row in recurring_appointment.", core_result_name(0, 1)),
			 errhint("Insert the rule into recurring_appointment, for an activity of type recurring_appointment."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "recurring_appointment")));
}

static void
refuse_ended(const Series *series)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("a series that is \"%s\" brings no more appointments", series->state),
			 errdetail("Recurring appointment %lld is \"%s\".", (long long) series->activity_id, series->state),
			 errhint("Use reopen_activity() first."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "activity")));
}

/* check_reach refuses a day that lies too far away. */
static void
check_reach(CrmOrganization *org, const char *argument, DateADT day)
{
	int64		away = (int64) day - DatumGetDateADT(core_today(org));

	if (away >= -SERIES_REACH_DAYS && away <= SERIES_REACH_DAYS)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" must be at most %d days from today", argument, SERIES_REACH_DAYS),
			 errdetail("It is %lld days away.", (long long) away),
			 errhint("Give a day nearer to today, and call again later.")));
}

/* expand brings a locked series in line, through a day or the horizon. */
static void
expand(CrmOrganization *org, Series *series, CrmValue until)
{
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "recurring_appointment", .ids = &series->id, .n = 1,
		.context = activity_series_mark
	};

	read_plan(org, series, until);
	if (series->is_stale)
		follow(org, series);
	make_missing(org, series);
	{
		CrmValue	args[] = {CRM_INT8(series->id), CRM_DATUM(DateADTGetDatum(series->through))};

		lifecycle_run(org, &ticket, &keep_progress, args);
	}
}

/* horizon returns the day through which appointments are made when none is given. */
static DateADT
horizon(CrmOrganization *org)
{
	int			days = core_setting_number(org, "appointment_horizon_days", 90);

	return DatumGetDateADT(core_today(org)) + Max(1, Min(days, SERIES_REACH_DAYS));
}

static void
read_plan(CrmOrganization *org, Series *series, CrmValue until)
{
	CrmValue	args[] = {
		CRM_INT8(series->id), until, CRM_DATUM(DateADTGetDatum(horizon(org))), CRM_DATUM(core_today(org)),
		CRM_DATUM(TimestampTzGetDatum(core_now()))
	};
	bool		isnull;

	if (core_run(org, &plan_series, args) == 0)
		core_refuse_unknown("activity", series->activity_id);
	series->is_stale = core_result_bool(0, 1);
	series->through = DatumGetDateADT(core_result(0, 2, DATEOID, &isnull));
}

/* follow has the appointments to come that nobody changed take over what changed in the series. */
static void
follow(CrmOrganization *org, Series *series)
{
	CrmMove		reopen = {.entity = &activity_entity, .made_by = "reopen_activity", .to = "open"};
	CrmValue	args[] = {CRM_INT8(series->id), CRM_DATUM(TimestampTzGetDatum(core_now()))};
	IdSet		touched;
	int			n;
	int64	   *ids;

	touched.ids = activity_move_series(org, &reopen, "canceled", &find_canceled, args, &touched.n);
	ids = lock_appointments(org, series, &n);
	if (n > 0)
		change_appointments(org, ids, n, &touched);
	series->changed = touched.n;
}

/* lock_appointments returns those that follow the series, ascending, once it removed those whose day is gone. */
static int64 *
lock_appointments(CrmOrganization *org, Series *series, int *n)
{
	CrmValue	args[] = {
		CRM_INT8(series->id), CRM_DATUM(DateADTGetDatum(series->through)), CRM_DATUM(TimestampTzGetDatum(core_now()))
	};
	int			found = core_run(org, &lock_future, args);
	int64	   *ids = palloc(sizeof(int64) * Max(found, 1));
	int64	   *gone = palloc(sizeof(int64) * Max(found, 1));
	int			n_gone = 0;

	*n = 0;
	for (int i = 0; i < found; i++)
	{
		if (core_result_bool(i, 2))
			gone[n_gone++] = core_result_int8(i, 1);
		else
			ids[(*n)++] = core_result_int8(i, 1);
	}
	if (n_gone > 0)
		remove_appointments(org, series, gone, n_gone);
	return ids;
}

/* remove_appointments deletes the days; their appointments go with them. */
static void
remove_appointments(CrmOrganization *org, Series *series, int64 *gone, int n)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(gone, n))};

	core_run(org, &delete_days, args);
	series->removed = n;
}

/* change_appointments brings locked appointments in line; touched gets those that it changed. */
static void
change_appointments(CrmOrganization *org, int64 *ids, int n, IdSet *touched)
{
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "activity", .ids = ids, .n = n,
		.context = activity_series_mark
	};
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n))};

	add_touched(touched, lifecycle_run(org, &ticket, &change_activities, args));
	run_beside(org, ids, n, &change_details, touched);
	run_beside(org, ids, n, &delete_parties, touched);
	run_beside(org, ids, n, &insert_parties, touched);
}

/* run_beside writes what belongs to appointments, as their series. */
static void
run_beside(CrmOrganization *org, const int64 *ids, int n, CrmStatement *statement, IdSet *touched)
{
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = "activity", .ids = ids, .n = n,
		.context = activity_series_mark
	};
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n))};
	uint64		written = lifecycle_run(org, &ticket, statement, args);

	if (touched)
		add_touched(touched, written);
}

/* add_touched adds the keys of the last result to a set. */
static void
add_touched(IdSet *set, int n)
{
	int64	   *all = palloc(sizeof(int64) * Max(set->n + n, 1));

	memcpy(all, set->ids, sizeof(int64) * set->n);
	for (int i = 0; i < n; i++)
		all[set->n + i] = core_result_int8(i, 1);
	qsort(all, set->n + n, sizeof(int64), core_compare_ids);
	set->n = qunique(all, set->n + n, sizeof(int64), core_compare_ids);
	set->ids = all;
}

/* make_missing makes the appointments of the days that have none and are not left out. */
static void
make_missing(CrmOrganization *org, Series *series)
{
	CrmValue	args[] = {
		CRM_INT8(series->id), CRM_DATUM(DateADTGetDatum(series->through)), CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_NULL
	};
	int			n = core_run(org, &find_missing, args);
	Datum	   *days = palloc(sizeof(Datum) * Max(n, 1));
	int64	   *ids = new_ids(org, "activity", "activity_id", n);
	int64	   *rows = new_ids(org, "recurring_appointment_day", "recurring_appointment_day_id", n);
	CrmTicket	birth = {.kind = TICKET_BIRTH, .table = "activity", .ids = ids, .n = n};
	CrmTicket	day_birth = {.kind = TICKET_BIRTH, .table = "recurring_appointment_day", .ids = rows, .n = n};
	bool		isnull;

	if (n == 0)
		return;
	for (int i = 0; i < n; i++)
		days[i] = core_result(i, 1, DATEOID, &isnull);
	birth.context = day_birth.context = activity_series_mark;
	args[1] = CRM_DATUM(core_int8_array(ids, n));
	args[2] = CRM_DATUM(PointerGetDatum(construct_array(days, n, DATEOID, sizeof(DateADT), true, TYPALIGN_INT)));
	lifecycle_run(org, &birth, &insert_activities, args);
	args[3] = args[1];
	args[1] = CRM_DATUM(core_int8_array(rows, n));
	lifecycle_run(org, &day_birth, &insert_days, args);
	run_beside(org, ids, n, &insert_details, NULL);
	run_beside(org, ids, n, &insert_parties, NULL);
	series->made = n;
}

/* new_ids returns the next keys of a table, ascending. */
static int64 *
new_ids(CrmOrganization *org, const char *table, const char *key, int n)
{
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));

	for (int i = 0; i < n; i++)
		ids[i] = core_next_id(org, table, key);
	qsort(ids, n, sizeof(int64), core_compare_ids);
	return ids;
}

/* expand_one expands a series through the horizon. */
static void
expand_one(CrmOrganization *org, void *argument)
{
	Series		series = lock_series(org, *(int64 *) argument);

	expand(org, &series, CRM_NULL);
}

/* series_row returns what became of a series. */
static Datum
series_row(FunctionCallInfo fcinfo, const Series *series)
{
	TupleDesc	desc;
	Datum		values[] = {Int32GetDatum(series->made), Int32GetDatum(series->changed), Int32GetDatum(series->removed)};
	bool		nulls[] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result is no row");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
