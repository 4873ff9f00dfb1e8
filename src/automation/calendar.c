/*
 * calendar.c
 *	  Working time: hours of the week in a time zone, without holidays.
 *
 * Calendars are kept in memory. Local times become moments one by one, so
 * that a day on which the clocks change is as long as it really was.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "automation/calendar.h"

#define DAYS_OF_WEEK 7
#define LAST_DAY (TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE - 2)
#define LONGEST_YEARS 1000		/* that time is counted over: each day of them is looked at */
#define LONGEST_SPAN ((uint64) LONGEST_YEARS * 366 * USECS_PER_DAY)

/* Working hours of a weekday: microseconds since midnight. */
typedef struct Hours
{
	TimeADT		start;
	TimeADT		end;
} Hours;

struct CrmCalendar
{
	int64		id;
	char	   *name;
	char	   *time_zone;		/* NULL = the organization's */
	int64		territory_id;	/* 0 = none */
	bool		is_default;
	Hours	   *hours[DAYS_OF_WEEK];	/* from Monday, in order, apart from one another */
	int			n_hours[DAYS_OF_WEEK];
	bool		has_hours;
	DateADT    *holidays;		/* ascending */
	int			n_holidays;
};

typedef struct CalendarBook
{
	CrmCalendar *calendars;
	int			n;
} CalendarBook;

/* A walk from one piece of working time to the next. */
typedef struct Walk
{
	const CrmCalendar *calendar;
	pg_tz	   *zone;
	int			day;			/* since 2000-01-01 */
	int			last_day;		/* at which it gives up */
	int			next;			/* of that day's hours */
	TimestampTz start;			/* of the piece at hand */
	TimestampTz end;
} Walk;

static void *load_calendars(CrmOrganization *org);
static CrmCalendar *calendar_of_id(CalendarBook *book, int64 id);
static void add_hours(CrmCalendar *calendar, int weekday, TimeADT start, TimeADT end);
static void add_holiday(CrmCalendar *calendar, DateADT day);
static const CrmCalendar *calendar_named(CrmOrganization *org, const char *name);
static const CrmCalendar *default_calendar(CrmOrganization *org);
static void start_walk(Walk *walk, CrmOrganization *org, const CrmCalendar *calendar, TimestampTz from);
static bool step(Walk *walk);
static bool is_holiday(const CrmCalendar *calendar, DateADT day);
static TimestampTz moment(pg_tz *zone, int day, TimeADT time);
static TimestampTz put_forward(pg_tz *zone, TimestampTz after);
static int	local_day(pg_tz *zone, TimestampTz at);
static pg_tz *zone_of(CrmOrganization *org, const CrmCalendar *calendar);
static void complete_calendar(CrmRow *row, CrmTicket *ticket);
static void refuse_idle(const CrmCalendar *calendar) pg_attribute_noreturn();
static void refuse_range(void) pg_attribute_noreturn();

static const CrmConfig calendar_config = {
	.tables = {"working_calendar", "working_hours", "holiday"},
	.load = load_calendars
};
static const CrmEntity entities[] = {
	{.name = "working_calendar", .key = "working_calendar_id", .label = "working calendar", .title = "name",
	.complete = complete_calendar},
	{.name = "working_hours", .key = "working_hours_id", .label = "working hours"},
	{.name = "holiday", .key = "holiday_id", .label = "holiday", .title = "name"}
};

static CrmStatement select_calendars = {
	.sql = "SELECT working_calendar_id, name, time_zone, territory_id, is_default FROM @working_calendar"
};
static CrmStatement select_hours = {
	.sql = "SELECT working_calendar_id, weekday, start_time, end_time FROM @working_hours ORDER BY 1, 2, 3"
};
static CrmStatement select_holidays = {
	.sql = "SELECT working_calendar_id, holiday_date FROM @holiday ORDER BY 1, 2"
};

PG_FUNCTION_INFO_V1(calendar_add_working_time);
PG_FUNCTION_INFO_V1(calendar_working_minutes);

/* calendar_init registers the tables of calendars. */
void
calendar_init(void)
{
	for (int i = 0; i < lengthof(entities); i++)
		lifecycle_add_entity(&entities[i]);
}

/* calendar_add_working_time returns the moment that so many minutes of working time lead to. */
Datum
calendar_add_working_time(PG_FUNCTION_ARGS)
{
	CrmOrganization *org = core_organization();
	const CrmCalendar *calendar;
	TimestampTz end;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	calendar = calendar_named(org, core_optional_text(fcinfo, 2));
	if (PG_GETARG_INT32(1) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("minutes must not be negative"),
				 errdetail("minutes is %d.", PG_GETARG_INT32(1)),
				 errhint("Working time is counted forward; working_minutes_between() compares two moments.")));
	if (!calendar_add(org, calendar, PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_INT32(1), &end))
		refuse_idle(calendar);
	PG_RETURN_TIMESTAMPTZ(end);
}

/* calendar_working_minutes returns the whole minutes of working time between two moments. */
Datum
calendar_working_minutes(PG_FUNCTION_ARGS)
{
	CrmOrganization *org = core_organization();
	TimestampTz start;
	TimestampTz end;
	const CrmCalendar *calendar;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	start = PG_GETARG_TIMESTAMPTZ(0);
	end = PG_GETARG_TIMESTAMPTZ(1);
	calendar = calendar_named(org, core_optional_text(fcinfo, 2));
	if (TIMESTAMP_NOT_FINITE(start) || TIMESTAMP_NOT_FINITE(end))
		refuse_range();
	PG_RETURN_INT64(start <= end ? calendar_minutes(org, calendar, start, end)
					: -calendar_minutes(org, calendar, end, start));
}

/* calendar_of_territory returns the calendar of a territory or the nearest one above, else the default; NULL = none. */
const CrmCalendar *
calendar_of_territory(CrmOrganization *org, int64 territory_id)
{
	int			steps = 0;

	for (int64 id = territory_id; id != 0; id = area_above(org, id, &steps))
	{
		CalendarBook *book = core_config(org, &calendar_config);

		for (int i = 0; i < book->n; i++)
		{
			if (book->calendars[i].territory_id == id)
				return &book->calendars[i];
		}
	}
	return default_calendar(org);
}

/*
 * calendar_add goes so many minutes of working time on; false when the
 * calendar has none. What ends with the day ends then, not next morning.
 */
bool
calendar_add(CrmOrganization *org, const CrmCalendar *calendar, TimestampTz start, int64 minutes,
			 TimestampTz *end)
{
	int64		left = minutes * USECS_PER_MINUTE;
	Walk		walk;

	*end = start;
	if (TIMESTAMP_NOT_FINITE(start))
		return true;
	if (!calendar->has_hours)
		return false;
	start_walk(&walk, org, calendar, start);
	while (step(&walk))
	{
		TimestampTz from = Max(walk.start, start);

		if (walk.end <= from)
			continue;
		if (left <= walk.end - from)
		{
			*end = from + left;
			return true;
		}
		left -= walk.end - from;
	}
	refuse_range();
}

/* calendar_minutes counts the working time from one moment to a later one, at most LONGEST_YEARS away. */
int64
calendar_minutes(CrmOrganization *org, const CrmCalendar *calendar, TimestampTz start, TimestampTz end)
{
	int64		sum = 0;
	Walk		walk;

	if (!calendar_spans(start, end))
		refuse_range();
	if (!calendar->has_hours)
		return 0;
	start_walk(&walk, org, calendar, start);
	while (step(&walk) && walk.start < end)
		sum += Max(Min(walk.end, end) - Max(walk.start, start), 0);
	return sum / USECS_PER_MINUTE;
}

/* calendar_spans tells that working time can be counted from one moment to a later one. */
bool
calendar_spans(TimestampTz start, TimestampTz end)
{
	return !TIMESTAMP_NOT_FINITE(start) && !TIMESTAMP_NOT_FINITE(end) &&
		(start > end || (uint64) end - (uint64) start <= LONGEST_SPAN);
}

/* start_walk begins with the day, as it is in the calendar's zone, that a moment falls on. */
static void
start_walk(Walk *walk, CrmOrganization *org, const CrmCalendar *calendar, TimestampTz from)
{
	walk->calendar = calendar;
	walk->zone = zone_of(org, calendar);
	walk->day = local_day(walk->zone, from);
	walk->last_day = Min(LAST_DAY, walk->day + LONGEST_YEARS * 366 + 2);
	walk->next = 0;
}

/* step finds the next piece of working time; false at the end of time, or after LONGEST_YEARS. */
static bool
step(Walk *walk)
{
	CHECK_FOR_INTERRUPTS();
	for (; walk->day < walk->last_day; walk->day++, walk->next = 0)
	{
		int			weekday = (j2day(walk->day + POSTGRES_EPOCH_JDATE) + DAYS_OF_WEEK - 1) % DAYS_OF_WEEK;
		const Hours *hours = walk->calendar->hours[weekday] + walk->next;

		if (walk->next >= walk->calendar->n_hours[weekday] || is_holiday(walk->calendar, walk->day))
			continue;
		walk->next++;
		walk->start = moment(walk->zone, walk->day, hours->start);
		walk->end = moment(walk->zone, walk->day, hours->end);
		return true;
	}
	return false;
}

static bool
is_holiday(const CrmCalendar *calendar, DateADT day)
{
	int			low = 0;
	int			high = calendar->n_holidays;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (calendar->holidays[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low < calendar->n_holidays && calendar->holidays[low] == day;
}

/*
 * moment returns when the clocks of a zone show a time on a day, the later
 * time where they do so twice; for a time that they leave out, when they are
 * put forward: it has no hours before, and is over after.
 */
static TimestampTz
moment(pg_tz *zone, int day, TimeADT time)
{
	Timestamp	local = (Timestamp) day * USECS_PER_DAY + time;
	struct pg_tm tm;
	fsec_t		fsec;
	TimestampTz at;
	int			offset;
	int			shown;

	if (timestamp2tm(local, NULL, &tm, &fsec, NULL, NULL) != 0)
		refuse_range();
	offset = DetermineTimeZoneOffset(&tm, zone);	/* from before the clocks are put forward */
	at = local + (int64) offset * USECS_PER_SEC;
	if (timestamp2tm(at, &shown, &tm, &fsec, NULL, zone) != 0)
		refuse_range();
	return shown == offset ? at : put_forward(zone, local + (int64) shown * USECS_PER_SEC);
}

/* put_forward returns when the clocks of a zone are changed next after a moment. */
static TimestampTz
put_forward(pg_tz *zone, TimestampTz after)
{
	pg_time_t	from = timestamptz_to_time_t(after);
	pg_time_t	boundary;
	long int	offsets[2];
	int			are_dst[2];

	if (pg_next_dst_boundary(&from, &offsets[0], &are_dst[0], &boundary, &offsets[1], &are_dst[1], zone) <= 0)
		return after;			/* which the zone's own rules exclude */
	return time_t_to_timestamptz(boundary);
}

/* local_day returns the day, since 2000-01-01, that the clocks of a zone show at a moment. */
static int
local_day(pg_tz *zone, TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;

	if (timestamp2tm(at, &offset, &tm, &fsec, NULL, zone) != 0)
		refuse_range();
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}

/* zone_of returns the time zone of a calendar, else the organization's, else UTC. */
static pg_tz *
zone_of(CrmOrganization *org, const CrmCalendar *calendar)
{
	const char *name = calendar->time_zone ? calendar->time_zone : core_setting(org, "time_zone");
	pg_tz	   *zone = pg_tzset(name && name[0] != '\0' ? name : "UTC");

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", name),
				 errdetail("Working calendar \"%s\" of organization \"%s\" counts in it.", calendar->name, org->name),
				 errhint("Correct time_zone of the calendar, or the setting time_zone; pg_timezone_names lists the names.")));
	return zone;
}

/* calendar_named returns the calendar of that name, else the default one; there must be one. */
static const CrmCalendar *
calendar_named(CrmOrganization *org, const char *name)
{
	CalendarBook *book = core_config(org, &calendar_config);
	const CrmCalendar *found = name ? NULL : default_calendar(org);

	for (int i = 0; name && i < book->n; i++)
	{
		if (strcmp(book->calendars[i].name, name) == 0)
			found = &book->calendars[i];
	}
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 name ? errmsg("working calendar \"%s\" does not exist", name)
				 : errmsg("organization \"%s\" has no default working calendar", org->name),
				 errdetail("Table working_calendar of organization \"%s\" has no such row.", org->name),
				 errhint("Name a calendar of that table, or set is_default of one.")));
	return found;
}

static const CrmCalendar *
default_calendar(CrmOrganization *org)
{
	CalendarBook *book = core_config(org, &calendar_config);

	for (int i = 0; i < book->n; i++)
	{
		if (book->calendars[i].is_default)
			return &book->calendars[i];
	}
	return NULL;
}

/* load_calendars reads the calendars of an organization with their hours and holidays. */
static void *
load_calendars(CrmOrganization *org)
{
	CalendarBook *book = palloc0(sizeof(CalendarBook));
	bool		isnull;

	book->n = core_config_rows(org, "working_calendar", &select_calendars);
	book->calendars = palloc0(sizeof(CrmCalendar) * Max(book->n, 1));
	for (int i = 0; i < book->n; i++)
	{
		CrmCalendar *calendar = &book->calendars[i];

		calendar->id = core_result_int8(i, 1);
		calendar->name = core_result_name(i, 2);
		calendar->time_zone = core_result_text(i, 3);
		calendar->territory_id = core_result_key(i, 4);
		calendar->is_default = core_result_bool(i, 5);
	}
	for (uint64 i = 0, n = core_config_rows(org, "working_hours", &select_hours); i < n; i++)
		add_hours(calendar_of_id(book, core_result_int8(i, 1)), core_result_int4(i, 2) - 1,
				  DatumGetTimeADT(core_result(i, 3, TIMEOID, &isnull)),
				  DatumGetTimeADT(core_result(i, 4, TIMEOID, &isnull)));
	for (uint64 i = 0, n = core_config_rows(org, "holiday", &select_holidays); i < n; i++)
		add_holiday(calendar_of_id(book, core_result_int8(i, 1)),
					DatumGetDateADT(core_result(i, 2, DATEOID, &isnull)));
	return book;
}

static CrmCalendar *
calendar_of_id(CalendarBook *book, int64 id)
{
	for (int i = 0; i < book->n; i++)
	{
		if (book->calendars[i].id == id)
			return &book->calendars[i];
	}
	return NULL;				/* committed between two of the reads */
}

/* add_hours adds the next working hours of a weekday; what overlaps counts once, what is no weekday or has no length never. */
static void
add_hours(CrmCalendar *calendar, int weekday, TimeADT start, TimeADT end)
{
	Hours	   *last;
	int			n;

	if (calendar == NULL || weekday < 0 || weekday >= DAYS_OF_WEEK || start < 0 || end > USECS_PER_DAY || end <= start)
		return;
	n = calendar->n_hours[weekday];
	last = n > 0 ? &calendar->hours[weekday][n - 1] : NULL;
	calendar->has_hours = true;
	if (last && start <= last->end)
	{
		last->end = Max(last->end, end);
		return;
	}
	calendar->hours[weekday] = n == 0 ? palloc(sizeof(Hours))
		: repalloc(calendar->hours[weekday], sizeof(Hours) * (n + 1));
	calendar->hours[weekday][n] = (Hours) {start, end};
	calendar->n_hours[weekday]++;
}

static void
add_holiday(CrmCalendar *calendar, DateADT day)
{
	int			n;

	if (calendar == NULL)
		return;
	n = calendar->n_holidays++;
	calendar->holidays = n == 0 ? palloc(sizeof(DateADT)) : repalloc(calendar->holidays, sizeof(DateADT) * (n + 1));
	calendar->holidays[n] = day;
}

/* complete_calendar refuses a time zone that is none. */
static void
complete_calendar(CrmRow *row, CrmTicket *ticket)
{
	char	   *zone = row_text(row, "time_zone");

	if (zone && pg_tzset(zone) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", zone),
				 errdetail("Working calendar \"%s\" would count in it.", row_text(row, "name")),
				 errhint("pg_timezone_names lists the names, such as Europe/Madrid."),
				 errtablecol(row->rel, row_column(row, "time_zone") + 1)));
}

static void
refuse_idle(const CrmCalendar *calendar)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("working calendar \"%s\" has no working hours", calendar->name),
			 errdetail("No working time ever comes in it."),
			 errhint("INSERT the hours of its weekdays into working_hours.")));
}

static void
refuse_range(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("timestamp out of range"),
			 errdetail("Working time is counted between moments that timestamptz can hold, over at most %d years.", LONGEST_YEARS),
			 errhint("Give finite moments, and fewer minutes.")));
}
