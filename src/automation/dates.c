/*
 * dates.c
 *	  Rules of event date_reached: which records have come due.
 *
 * A record is due at its date plus the rule's offset, as the clock on the wall
 * of the organization's time zone counts. It goes to the queue once for each
 * rule and such moment: the moment is part of the event's key, and what the
 * queue or the log has already is passed over. Moments count from when the
 * rule became active, and not longer back than automation_catch_up_days.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "automation/rule.h"

/* A date rule as it was read. */
typedef struct DateRule
{
	CrmOrganization *org;
	int64		id;
	char	   *name;
	char	   *entity;
	const char *table;			/* quoted */
	const char *key;			/* quoted */
	const char *column;			/* quoted */
	Datum		offset;
	Datum		since;
	bool		is_date;
	int			limit;
} DateRule;

static bool may_look(CrmOrganization *org);
static bool read_rule(CrmOrganization *org, uint64 i, DateRule *rule);
static void find_due(CrmOrganization *org, void *argument);
static char *due_text(const DateRule *rule);
static const char *moment_text(const DateRule *rule, const char *offset, const char *zone);
static const char *bound_text(const DateRule *rule, const char *moment, const char *shift);
static Datum time_zone(CrmOrganization *org);

static CrmStatement select_rules = {
	.sql = "SELECT automation_rule_id, name, entity, date_column, offset_interval, coalesce(activated_at, created_at) "
	"FROM @automation_rule WHERE event = 'date_reached' AND is_active AND ($1 IS NULL OR automation_rule_id = $1) "
	"ORDER BY sort_order, automation_rule_id",
	.argtypes = {INT8OID}
};

/* automation_find_dates queues the records whose dates have come, at most limit for each rule; inside SPI. */
void
automation_find_dates(CrmOrganization *org, int limit)
{
	CrmValue	args[] = {CRM_NULL};
	uint64		n = may_look(org) ? core_run_as_owner(org, &select_rules, "automation_rule", args) : 0;
	DateRule   *rules = palloc0(sizeof(DateRule) * Max(n, 1));

	for (uint64 i = 0; i < n; i++)
	{
		if (!read_rule(org, i, &rules[i]))
			rules[i].id = 0;
		rules[i].limit = limit;
	}
	for (uint64 i = 0; i < n; i++)
	{
		char	   *problem = rules[i].id == 0 ? "its table or column is not there"
			: automation_attempt(org, find_due, &rules[i], true);

		if (problem)
			ereport(LOG,
					(errmsg("automation rule \"%s\" finds no dates", rules[i].name), errdetail("%s", problem)));
	}
}

/* automation_catch_up_days returns how many days back dates count. */
int
automation_catch_up_days(CrmOrganization *org)
{
	return automation_setting(org, "automation_catch_up_days", 7);
}

/*
 * may_look is true for one transaction at a time, until its end: what another
 * has found, done and taken out of the queue again must be seen in the log.
 */
static bool
may_look(CrmOrganization *org)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationRelationId, core_table(org, "automation_queue"), 0);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* read_rule takes a rule out of the last result; false when its table, column or offset is gone. */
static bool
read_rule(CrmOrganization *org, uint64 i, DateRule *rule)
{
	const CrmEntity *entity;
	const char *column = core_result_name(i, 4);
	bool		no_offset;
	bool		isnull;
	Oid			relid;
	Oid			type;

	rule->org = org;
	rule->id = core_result_int8(i, 1);
	rule->name = core_result_name(i, 2);
	rule->entity = core_result_name(i, 3);
	entity = automation_find_table(org, rule->entity);
	relid = get_relname_relid(rule->entity, org->oid);
	if (entity == NULL || get_attnum(relid, column) <= 0)
		return false;
	type = get_atttype(relid, get_attnum(relid, column));
	rule->table = core_quoted(entity->name);
	rule->key = core_quoted(entity->key);
	rule->column = core_quoted(column);
	rule->offset = core_result(i, 5, INTERVALOID, &no_offset);
	rule->since = core_result(i, 6, TIMESTAMPTZOID, &isnull);
	rule->is_date = type == DATEOID;
	return !isnull && !no_offset && (rule->is_date || type == TIMESTAMPTZOID);
}

/*
 * find_due puts records in the queue whose moment lies between $3 and $4. A
 * table of somebody else than the queue is read first, as its owner.
 */
static void
find_due(CrmOrganization *org, void *argument)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INTERVALOID, TEXTOID, INT4OID,
	INT8ARRAYOID, TIMESTAMPTZARRAYOID};
	const DateRule *rule = argument;
	bool		is_foreign = core_owner(org, rule->entity) != core_owner(org, "automation_queue");
	TimestampTz since = Max(DatumGetTimestampTz(rule->since), core_now() - automation_catch_up_days(org) * USECS_PER_DAY);
	char	   *due = due_text(rule);
	CrmValue	args[] = {
		CRM_INT8(rule->id), core_text_value(rule->entity), CRM_DATUM(TimestampTzGetDatum(since)),
		CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_DATUM(rule->offset), CRM_DATUM(time_zone(org)), CRM_INT4(rule->limit),
		CRM_NULL, CRM_NULL
	};

	if (is_foreign)
	{
		core_run_restricted(org, core_intern(psprintf("SELECT array_agg(d.id), array_agg(d.moment) FROM %s", due), types),
							rule->entity, args);
		args[7].value = core_result(0, 1, INT8ARRAYOID, &args[7].isnull);
		args[8].value = core_result(0, 2, TIMESTAMPTZARRAYOID, &args[8].isnull);
	}
	core_run_as_owner(org, core_intern(psprintf(
		"INSERT INTO @automation_queue (automation_rule_id, entity, record_id, event, event_key, event_order, due_at) "
		"SELECT $1, $2, k.id, 'date_reached', 'date_reached:' || k.id || ':' || k.place, k.place, k.moment FROM (SELECT d.id, d.moment, "
		"(extract(epoch FROM d.moment) * 1000000)::bigint AS place FROM %s) k "
		"WHERE NOT EXISTS (SELECT FROM @automation_run r WHERE r.automation_rule_id = $1 AND r.event = 'date_reached' "
		"AND r.outcome IN ('done', 'skipped') AND r.event_key = 'date_reached:' || k.id || ':' || k.place) "
		"AND NOT EXISTS (SELECT FROM @automation_queue q WHERE q.automation_rule_id = $1 AND q.event_key = 'date_reached:' || k.id || ':' || k.place) "
		"ORDER BY k.moment, k.id LIMIT $7 ON CONFLICT (automation_rule_id, event_key) DO NOTHING",
		is_foreign ? "unnest($8, $9) d(id, moment)" : due), types), "automation_queue", args);
}

/*
 * due_text is a source of rows, d(id, moment): the records that are due. The
 * bounds on the column itself, four days wider than months can differ, are for
 * an index on it.
 */
static char *
due_text(const DateRule *rule)
{
	const char *moment = moment_text(rule, "$5", "$6");

	return psprintf("(SELECT t.%s AS id, %s AS moment FROM @%s t WHERE t.%s >= %s AND t.%s <= %s AND %s > $3 AND %s <= $4) d",
					rule->key, moment, rule->table, rule->column, bound_text(rule, "$3", "- interval '4 days'"),
					rule->column, bound_text(rule, "$4", "+ interval '4 days'"), moment, moment);
}

/* moment_text computes when a record is due. */
static const char *
moment_text(const DateRule *rule, const char *offset, const char *zone)
{
	if (rule->is_date)
		return psprintf("((t.%s::timestamp + %s) AT TIME ZONE %s)", rule->column, offset, zone);
	return psprintf("(((t.%s AT TIME ZONE %s) + %s) AT TIME ZONE %s)", rule->column, zone, offset, zone);
}

/* bound_text is the value of the column that a moment comes from, about. */
static const char *
bound_text(const DateRule *rule, const char *moment, const char *shift)
{
	return psprintf(rule->is_date ? "((%s AT TIME ZONE $6) - $5 %s)::date" : "(((%s AT TIME ZONE $6) - $5 %s) AT TIME ZONE $6)",
					moment, shift);
}

/*
 * automation_read_dated reads and locks records of a date rule: each as a row,
 * its key, and its moment as in the event's key; inside SPI.
 */
uint64
automation_read_dated(CrmOrganization *org, const CrmRule *rule, Datum ids)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8ARRAYOID, INTERVALOID, TEXTOID};
	CrmValue	by_id[] = {CRM_INT8(rule->id)};
	DateRule	dated = {0};
	CrmValue	args[] = {CRM_DATUM(ids), CRM_NULL, CRM_DATUM(time_zone(org))};

	if (core_run_as_owner(org, &select_rules, "automation_rule", by_id) == 0 || !read_rule(org, 0, &dated))
		return 0;
	args[1] = CRM_DATUM(dated.offset);
	return core_run_restricted(org, core_intern(psprintf(
		"SELECT t, t.%s, (extract(epoch FROM %s) * 1000000)::bigint FROM @%s t WHERE t.%s = ANY ($1) "
		"ORDER BY t.%s FOR NO KEY UPDATE",
		dated.key, moment_text(&dated, "$2", "$3"), dated.table, dated.key, dated.key), types), dated.entity, args);
}

/* time_zone returns that of the organization. */
static Datum
time_zone(CrmOrganization *org)
{
	const char *zone = core_setting(org, "time_zone");

	return CStringGetTextDatum(zone && zone[0] ? zone : "UTC");
}
