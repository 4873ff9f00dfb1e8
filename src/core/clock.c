/*
 * clock.c
 *	  The one place that tells the time: the transaction's, or the one that the
 *	  setting sales_crm.now gives, so that tests need not wait for a due date.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"

#include "core/core.h"

static char *setting = NULL;	/* what SHOW shows: UTC, or nothing */
static bool is_set = false;
static TimestampTz set_to;

static bool check_now(char **newval, void **extra, GucSource source);
static void assign_now(const char *newval, void *extra);
static bool is_moving(const char *word);
static char *in_utc(TimestampTz moment);
static bool write_in_utc(TimestampTz moment, char *text);
static bool parse_moment(char *text, TimestampTz *moment);

/* core_clock_init defines the setting; called once, when the library is loaded. */
void
core_clock_init(void)
{
	DefineCustomStringVariable("sales_crm.now",
							   "The moment that sales_crm takes for now; empty = the real one.",
							   "For tests of what depends on time.",
							   &setting,
							   "",
							   PGC_SUSET, 0, check_now, assign_now, NULL);
}

/* core_now returns the transaction's time, the same for all that it does. */
TimestampTz
core_now(void)
{
	return is_set ? set_to : GetCurrentTransactionStartTimestamp();
}

/* check_now reads a moment, and keeps it in UTC: a later SET TIME ZONE does not move it. */
static bool
check_now(char **newval, void **extra, GucSource source)
{
	TimestampTz moment;
	char	   *shown;

	if ((*newval)[0] == '\0')
		return true;
	if (!parse_moment(*newval, &moment))
	{
		GUC_check_errdetail("It is no date and time such as 2026-03-01 09:00+00.");
		return false;
	}
	shown = in_utc(moment);
	*extra = malloc(sizeof(TimestampTz));
	if (shown == NULL || *extra == NULL)
		return false;
	memcpy(*extra, &moment, sizeof(TimestampTz));
	free(*newval);
	*newval = shown;
	return true;
}

static void
assign_now(const char *newval, void *extra)
{
	is_set = extra != NULL;
	if (is_set)
		memcpy(&set_to, extra, sizeof(TimestampTz));
}

/* in_utc writes a moment as settings keep their text: with malloc; NULL when that fails. */
static char *
in_utc(TimestampTz moment)
{
	char		text[MAXDATELEN + 1];

	return write_in_utc(moment, text) ? strdup(text) : NULL;
}

static bool
write_in_utc(TimestampTz moment, char *text)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(moment, NULL, &tm, &fsec, NULL, NULL) != 0)
		return false;
	tm.tm_isdst = 0;			/* or the zone would not be shown */
	EncodeDateTime(&tm, fsec, true, 0, NULL, USE_ISO_DATES, text);
	return true;
}

/* parse_moment reads a date and time without a look into any table; false when it is none. */
static bool
parse_moment(char *text, TimestampTz *moment)
{
	char		work[MAXDATELEN + MAXDATEFIELDS];
	char	   *fields[MAXDATEFIELDS];
	int			types[MAXDATEFIELDS];
	int			n;
	int			kind;
	struct pg_tm tm;
	fsec_t		fsec;
	int			zone;

	if (ParseDateTime(text, work, sizeof(work), fields, types, MAXDATEFIELDS, &n) != 0)
		return false;
	for (int i = 0; i < n; i++)
	{
		if (types[i] == DTK_STRING && is_moving(fields[i]))
			return false;
	}
	return DecodeDateTime(fields, types, n, &kind, &tm, &fsec, &zone) == 0 &&
		kind == DTK_DATE && tm2timestamp(&tm, fsec, &zone, moment) == 0;
}

/* core_today returns the date in the organization's time zone. */
Datum
core_today(CrmOrganization *org)
{
	return core_date_of(org, core_now());
}

/* core_date_of returns the date of a moment in the organization's time zone. */
Datum
core_date_of(CrmOrganization *org, TimestampTz moment)
{
	const char *zone = core_setting(org, "time_zone");
	Datum		local;

	if (zone == NULL || zone[0] == '\0')
		zone = "UTC";
	local = DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(zone), TimestampTzGetDatum(moment));
	return DirectFunctionCall1(timestamp_date, local);
}

/* core_date_text shows a date for a message as ISO 8601 has it, whatever the caller's DateStyle. */
char *
core_date_text(Datum date)
{
	DateADT		day = DatumGetDateADT(date);
	struct pg_tm tm;
	char		text[MAXDATELEN + 1];

	if (DATE_NOT_FINITE(day))
		return pstrdup(DATE_IS_NOBEGIN(day) ? EARLY : LATE);
	j2date(day + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	EncodeDateOnly(&tm, USE_ISO_DATES, text);
	return pstrdup(text);
}

/* core_moment_text shows a moment for a message in UTC, whatever the caller's time zone and DateStyle. */
char *
core_moment_text(TimestampTz moment)
{
	char		text[MAXDATELEN + 1];

	if (TIMESTAMP_NOT_FINITE(moment))
		return pstrdup(TIMESTAMP_IS_NOBEGIN(moment) ? EARLY : LATE);
	return pstrdup(write_in_utc(moment, text) ? text : "out of range");
}

/* is_moving tells of the words that mean another moment whenever they are read. */
static bool
is_moving(const char *word)
{
	return strcmp(word, "now") == 0 || strcmp(word, "today") == 0 ||
		strcmp(word, "tomorrow") == 0 || strcmp(word, "yesterday") == 0;
}
