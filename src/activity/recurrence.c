/*
 * recurrence.c
 *	  The rule of a recurring appointment and the days of its series: what is
 *	  filled in, what is refused, and what holds for them at any time.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "activity/kind.h"
#include "activity/series.h"

#define MINUTES_PER_DAY (24 * 60)

static void complete_rule(CrmRow *row, CrmTicket *ticket);
static void forget_pattern(CrmRow *row);
static void fill_from_start(CrmRow *row);
static void fill_times(CrmRow *row);
static bool takes_any_day(const CrmRow *row);
static void set_number(CrmRow *row, const char *column, int number);
static void check_zone(CrmRow *row);
static void check_start(CrmRow *row);
static bool is_pattern(const CrmRow *row, const char *pattern);

static const char *const weekdays[] = {
	"on_monday", "on_tuesday", "on_wednesday", "on_thursday", "on_friday", "on_saturday", "on_sunday"
};
static const char *const rule_computed[] = {"expanded_through", "applied", NULL};
static const char *const rule_fixed[] = {"activity_id", NULL};
static const char *const day_computed[] = {"original_start_at", "activity_id", NULL};
static const char *const day_fixed[] = {"recurring_appointment_id", "original_on", NULL};

static const CrmEntity rule_entity = {
	.name = "recurring_appointment", .key = "recurring_appointment_id", .label = "recurring appointment",
	.computed = rule_computed, .fixed = rule_fixed, .complete = complete_rule, .before_delete = activity_keep_detail
};
static const CrmEntity day_entity = {
	.name = "recurring_appointment_day", .key = "recurring_appointment_day_id",
	.label = "day of a recurring appointment", .computed = day_computed, .fixed = day_fixed
};

static CrmCheck checks[] = {
	{"series_day", "activity", {
			.sql = "WITH d AS MATERIALIZED (SELECT r.recurring_appointment_id, d.day FROM @recurring_appointment r JOIN @activity a USING (activity_id), "
			SERIES_DAYS("(SELECT pg_catalog.max(i.original_on) FROM @recurring_appointment_day i WHERE i.recurring_appointment_id = r.recurring_appointment_id)")
			" WHERE r.applied = " SERIES_FINGERPRINT ") "
			"SELECT t.activity_id, i.original_on || ' is no day of its series' FROM @recurring_appointment r JOIN @activity a USING (activity_id) "
			"JOIN @recurring_appointment_day i USING (recurring_appointment_id) JOIN @activity t ON t.activity_id = i.activity_id "
			"LEFT JOIN d ON d.recurring_appointment_id = r.recurring_appointment_id AND d.day = i.original_on "
			"WHERE r.applied = " SERIES_FINGERPRINT " AND a.state IN ('open', 'scheduled') AND t.instance_type = 'instance' "
			"AND t.state IN ('open', 'scheduled') AND t.scheduled_start_at > " CRM_SQL_NOW " AND d.day IS NULL"}},
	{"series_of_appointment", "activity", {
			.sql = "SELECT a.activity_id, coalesce(a.instance_type, 'no part') || ' of a series, type ' || a.activity_type || ', of day ' || coalesce(i.original_on::text, 'none') "
			"FROM @activity a LEFT JOIN @recurring_appointment_day i ON i.activity_id = a.activity_id "
			"WHERE (coalesce(a.instance_type IN ('instance', 'exception'), false) <> (i.activity_id IS NOT NULL)) "
			"OR (a.instance_type IN ('instance', 'exception') AND a.activity_type <> 'appointment') "
			"OR coalesce(a.instance_type = 'master', false) <> (a.activity_type = 'recurring_appointment')"}},
	{"canceled_series", "activity", {
			.sql = "SELECT t.activity_id, 'open, but its series ' || a.activity_id || ' is canceled' FROM @activity a "
			"JOIN @recurring_appointment r ON r.activity_id = a.activity_id "
			"JOIN @recurring_appointment_day i ON i.recurring_appointment_id = r.recurring_appointment_id "
			"JOIN @activity t ON t.activity_id = i.activity_id WHERE a.state = 'canceled' "
			"AND t.instance_type = 'instance' AND t.state IN ('open', 'scheduled') AND t.scheduled_start_at > " CRM_SQL_NOW}}
};

/* activity_add_recurrence registers the entities and checks of this file. */
void
activity_add_recurrence(void)
{
	lifecycle_add_entity(&rule_entity);
	lifecycle_add_entity(&day_entity);
	core_add_checks(checks, lengthof(checks));
}

/* complete_rule fills in what follows from the first day; appointments have not followed a change yet. */
static void
complete_rule(CrmRow *row, CrmTicket *ticket)
{
	activity_complete_detail(row, ticket);
	if (activity_is_of_series(ticket))
		return;
	if (row_changed(row, "pattern"))
		forget_pattern(row);
	fill_from_start(row);
	fill_times(row);
	check_zone(row);
	check_start(row);
	row_set_null(row, "applied");
}

/* forget_pattern drops what the former pattern needed and the statement does not give anew. */
static void
forget_pattern(CrmRow *row)
{
	static const char *const numbers[] = {"day_of_month", "position_in_month", "month_of_year"};

	for (int i = 0; i < lengthof(numbers); i++)
	{
		if (!row_changed(row, numbers[i]))
			row_set_null(row, numbers[i]);
	}
	for (int i = 0; i < lengthof(weekdays); i++)
	{
		if (!row_changed(row, weekdays[i]))
			row_set_as(row, weekdays[i], BOOLOID, BoolGetDatum(false));
	}
}

/* fill_from_start takes weekday, day of the month and month from the first day where the rule names none. */
static void
fill_from_start(CrmRow *row)
{
	DateADT		start;
	int			year;
	int			month;
	int			day;

	if (row_is_null(row, "starts_on") || row_is_null(row, "pattern"))
		return;
	start = DatumGetDateADT(row_datum_as(row, "starts_on", DATEOID));
	if (DATE_NOT_FINITE(start))
		return;
	j2date(start + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	if (is_pattern(row, "weekly") && !takes_any_day(row))
		row_set_as(row, weekdays[(j2day(start + POSTGRES_EPOCH_JDATE) + 6) % 7], BOOLOID, BoolGetDatum(true));
	if ((is_pattern(row, "monthly") || is_pattern(row, "yearly")) &&
		row_is_null(row, "day_of_month") && row_is_null(row, "position_in_month"))
		set_number(row, "day_of_month", day);
	if (is_pattern(row, "yearly") && row_is_null(row, "month_of_year"))
		set_number(row, "month_of_year", month);
}

/* fill_times gives a rule its hours and its time zone. */
static void
fill_times(CrmRow *row)
{
	bool		is_all_day = row_bool(row, "is_all_day_event");
	const char *zone = core_setting(row->org, "time_zone");

	if (is_all_day && row_is_null(row, "start_time"))
		row_set_as(row, "start_time", TIMEOID, TimeADTGetDatum(0));
	if (row_is_null(row, "duration_minutes"))
		set_number(row, "duration_minutes", is_all_day ? MINUTES_PER_DAY : 30);
	if (row_is_null(row, "time_zone"))
		row_set_text(row, "time_zone", zone && zone[0] != '\0' ? zone : "UTC");
}

static bool
takes_any_day(const CrmRow *row)
{
	for (int i = 0; i < lengthof(weekdays); i++)
	{
		if (row_bool(row, weekdays[i]))
			return true;
	}
	return false;
}

static void
set_number(CrmRow *row, const char *column, int number)
{
	row_set_as(row, column, INT4OID, Int32GetDatum(number));
}

/* check_zone refuses a time zone that is none. */
static void
check_zone(CrmRow *row)
{
	char	   *zone = row_text(row, "time_zone");

	if (pg_tzset(zone) != NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("time zone \"%s\" is not known", zone),
			 errdetail("The hours of recurring appointments are those of its clocks."),
			 errhint("View pg_timezone_names lists the names, such as Europe/Madrid."),
			 errtablecol(row->rel, row_column(row, "time_zone") + 1)));
}

/* check_start refuses a series that begins too far from today to count its days. */
static void
check_start(CrmRow *row)
{
	int64		away;

	if (core_import_mode || row_is_null(row, "starts_on") ||
		(ROW_IS_UPDATE(row) && !row_changed(row, "starts_on")))
		return;
	away = (int64) DatumGetDateADT(row_datum_as(row, "starts_on", DATEOID)) - DatumGetDateADT(core_today(row->org));
	if (away >= -SERIES_REACH_DAYS && away <= SERIES_REACH_DAYS)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a series begins at most %d days from today", SERIES_REACH_DAYS),
			 errdetail("starts_on is %lld days away.", (long long) away),
			 errhint("Give a first day nearer to today."),
			 errtablecol(row->rel, row_column(row, "starts_on") + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, "recurring_appointment_starts_on_check")));
}

static bool
is_pattern(const CrmRow *row, const char *pattern)
{
	return strcmp(row_name(row, "pattern"), pattern) == 0;
}
