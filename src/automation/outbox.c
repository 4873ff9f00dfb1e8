/*
 * outbox.c
 *	  Integration events: written in the transaction of the change, numbered
 *	  without gaps for each record, and read by other systems one after the
 *	  other.
 *
 * An event has its place in the order in which events are read from the first
 * read that sees it committed, and not from its key: a transaction that
 * commits late finds its events behind those that were read, and none is
 * passed over. Events of one record stay in their order, since the row that
 * counts them is locked until the commit. Reading needs no look at the
 * transactions that run, so that a long one holds up nobody's events, and the
 * order survives a dump.
 *
 * One transaction at a time gives places, until its end. Readers that come
 * meanwhile do not wait: they are given the events that are not placed yet in
 * the order of their keys, and table outbox_reading keeps what each of them was
 * given and is done with, until the places are there. Within a record that is
 * the order of all readers.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "automation/automation.h"

/* events that one read gives their place, at most */
#define NUMBERED_AT_ONCE 10000
#define CHANNEL "sales_crm_outbox"
#define EVENT_COLUMNS "e.outbox_event_id, e.aggregate_entity, e.aggregate_id, e.sequence_number, e.event_name, e.payload, e.occurred_at"

/* A reader, whose row is locked until the commit. */
typedef struct Reader
{
	int64		id;
	int64		position;
	bool		is_ahead;		/* it was given events that were not placed yet */
} Reader;

static Datum take_numbers(CrmOrganization *org, const char *entity, Datum ids);
static int64 *int8_values(Datum array, int *n);
static int	find_id(const int64 *ids, int n, int64 id);
static bool number_events(CrmOrganization *org);
static Reader lock_reader(CrmOrganization *org, const char *consumer);
static bool settle_reader(CrmOrganization *org, Reader *reader, int *n_open);
static bool acknowledge_reading(CrmOrganization *org, const char *consumer, int64 id, bool goes_back, Datum *number);
static int64 event_number(CrmOrganization *org, int64 id, bool goes_back);
static void refuse_consumer(const char *consumer) pg_attribute_noreturn();

/* adds to the counters of records, and so locks them until the commit */
static CrmStatement count_events = {
	.sql = "INSERT INTO @outbox_aggregate AS a (aggregate_entity, aggregate_id, last_number) "
	"SELECT $1, e.id, count(*) FROM unnest($2) e(id) GROUP BY e.id ORDER BY e.id "
	"ON CONFLICT (aggregate_entity, aggregate_id) DO UPDATE SET last_number = a.last_number + excluded.last_number "
	"RETURNING aggregate_id, last_number",
	.argtypes = {TEXTOID, INT8ARRAYOID}
};
static CrmStatement insert_events = {
	.sql = "INSERT INTO @outbox_event (aggregate_entity, aggregate_id, sequence_number, event_name, payload, occurred_at) "
	"SELECT $1, e.id, e.number, e.name, e.payload::jsonb, $6 FROM unnest($2, $3, $4, $5) e(id, number, name, payload)",
	.argtypes = {TEXTOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID}
};
static CrmStatement select_last = {
	.sql = "SELECT greatest((SELECT max(delivery_number) FROM @outbox_event), (SELECT max(position) FROM @outbox_consumer), 0)",
	.is_newest = true
};
static CrmStatement give_places = {
	.sql = "UPDATE @outbox_event e SET delivery_number = n.number FROM "
	"(SELECT o.outbox_event_id, $1 + row_number() OVER (ORDER BY o.outbox_event_id) AS number FROM @outbox_event o "
	"WHERE o.delivery_number IS NULL ORDER BY o.outbox_event_id LIMIT $2) n WHERE e.outbox_event_id = n.outbox_event_id",
	.argtypes = {INT8OID, INT4OID}
};
static CrmStatement lock_consumer = {
	.sql = "SELECT c.outbox_consumer_id, c.position, EXISTS (SELECT FROM @outbox_reading r WHERE r.outbox_consumer_id = c.outbox_consumer_id) "
	"FROM @outbox_consumer c WHERE c.consumer = $1 FOR NO KEY UPDATE OF c",
	.argtypes = {TEXTOID}
};
static CrmStatement insert_consumer = {
	.sql = "INSERT INTO @outbox_consumer AS c (consumer) VALUES ($1) ON CONFLICT (consumer) DO UPDATE SET position = c.position "
	"RETURNING c.outbox_consumer_id, c.position, EXISTS (SELECT FROM @outbox_reading r WHERE r.outbox_consumer_id = c.outbox_consumer_id)",
	.argtypes = {TEXTOID}
};
/* up to the first one with a place that the reader was not given, or is not done with */
static CrmStatement settle_position = {
	.sql = "UPDATE @outbox_consumer c SET position = greatest(c.position, coalesce((SELECT e.delivery_number - 1 FROM @outbox_event e "
	"WHERE e.delivery_number > c.position AND NOT EXISTS (SELECT FROM @outbox_reading r WHERE r.outbox_consumer_id = $1 "
	"AND r.event_key = e.outbox_event_id AND r.is_acknowledged) ORDER BY e.delivery_number LIMIT 1), "
	"(SELECT max(delivery_number) FROM @outbox_event))) WHERE c.outbox_consumer_id = $1 RETURNING c.position",
	.argtypes = {INT8OID}
};
static CrmStatement delete_settled = {
	.sql = "DELETE FROM @outbox_reading r WHERE r.outbox_consumer_id = $1 AND NOT EXISTS (SELECT FROM @outbox_event e "
	"WHERE e.outbox_event_id = r.event_key AND (e.delivery_number IS NULL OR e.delivery_number > $2))",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement count_reading = {
	.sql = "SELECT count(*), count(*) FILTER (WHERE NOT is_acknowledged) FROM @outbox_reading WHERE outbox_consumer_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement give_more = {
	.sql = "INSERT INTO @outbox_reading (outbox_consumer_id, event_key) SELECT $1, n.id FROM "
	"((SELECT e.outbox_event_id AS id, e.delivery_number AS number FROM @outbox_event e WHERE e.delivery_number > $2 "
	"AND NOT EXISTS (SELECT FROM @outbox_reading r WHERE r.outbox_consumer_id = $1 AND r.event_key = e.outbox_event_id) "
	"ORDER BY e.delivery_number LIMIT $3) UNION ALL "
	"(SELECT e.outbox_event_id, NULL FROM @outbox_event e WHERE e.delivery_number IS NULL "
	"AND NOT EXISTS (SELECT FROM @outbox_reading r WHERE r.outbox_consumer_id = $1 AND r.event_key = e.outbox_event_id) "
	"ORDER BY e.outbox_event_id LIMIT $3)) n ORDER BY n.number NULLS LAST, n.id LIMIT $3",
	.argtypes = {INT8OID, INT8OID, INT4OID}
};
static CrmStatement select_reading = {
	.sql = "SELECT " EVENT_COLUMNS " FROM @outbox_reading r JOIN @outbox_event e ON e.outbox_event_id = r.event_key "
	"WHERE r.outbox_consumer_id = $1 AND NOT r.is_acknowledged ORDER BY r.outbox_reading_id LIMIT $2",
	.argtypes = {INT8OID, INT4OID}
};
/* the place of the event is empty as long as who gives it has not committed */
static CrmStatement find_reading = {
	.sql = "SELECT r.outbox_reading_id, e.delivery_number, r.outbox_consumer_id FROM @outbox_reading r "
	"JOIN @outbox_consumer c ON c.outbox_consumer_id = r.outbox_consumer_id AND c.consumer = $1 "
	"JOIN @outbox_event e ON e.outbox_event_id = r.event_key WHERE r.event_key = $2 FOR NO KEY UPDATE OF c",
	.argtypes = {TEXTOID, INT8OID}
};
/* with everything before it, and when the reader goes back, nothing behind it */
static CrmStatement mark_reading = {
	.sql = "UPDATE @outbox_reading SET is_acknowledged = outbox_reading_id <= $2 WHERE outbox_consumer_id = $1 "
	"AND is_acknowledged <> (outbox_reading_id <= $2) AND ($3 OR outbox_reading_id <= $2)",
	.argtypes = {INT8OID, INT8OID, BOOLOID}
};
static CrmStatement forget_reading = {
	.sql = "DELETE FROM @outbox_reading r USING @outbox_consumer c WHERE c.consumer = $1 AND r.outbox_consumer_id = c.outbox_consumer_id",
	.argtypes = {TEXTOID}
};
static CrmStatement select_events = {
	.sql = "SELECT " EVENT_COLUMNS " FROM @outbox_event e WHERE e.delivery_number > $1 ORDER BY e.delivery_number LIMIT $2",
	.argtypes = {INT8OID, INT4OID}
};
static CrmStatement select_number = {
	.sql = "SELECT delivery_number FROM @outbox_event WHERE outbox_event_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement move_consumer = {
	.sql = "UPDATE @outbox_consumer SET position = CASE WHEN $3 THEN $2 ELSE greatest(position, $2) END "
	"WHERE consumer = $1 RETURNING position",
	.argtypes = {TEXTOID, INT8OID, BOOLOID}
};
static CrmStatement delete_events = {
	.sql = "DELETE FROM @outbox_event WHERE delivery_number <= (SELECT min(position) FROM @outbox_consumer) "
	"AND occurred_at < " CRM_SQL_NOW " - $1",
	.argtypes = {INTERVALOID}
};

PG_FUNCTION_INFO_V1(outbox_read);
PG_FUNCTION_INFO_V1(outbox_acknowledge);
PG_FUNCTION_INFO_V1(outbox_purge);

/*
 * outbox_put_many writes events of records: arrays of keys, names, and
 * payloads as text. Who listens is woken once at the commit. Inside SPI.
 */
void
outbox_put_many(CrmOrganization *org, const char *entity, Datum ids, Datum event_names, Datum payloads)
{
	CrmValue	args[] = {
		core_text_value(entity), CRM_DATUM(ids), CRM_DATUM(take_numbers(org, entity, ids)),
		CRM_DATUM(event_names), CRM_DATUM(payloads), CRM_DATUM(TimestampTzGetDatum(core_now()))
	};

	core_run_as_owner(org, &insert_events, "outbox_event", args);
	if (core_setting_is_on(org, "outbox_notify"))
		Async_Notify(CHANNEL, org->name);
}

/*
 * take_numbers returns the next number of its record for each event. It looks
 * them up here: a kept plan would join events to counters each to each.
 */
static Datum
take_numbers(CrmOrganization *org, const char *entity, Datum ids)
{
	CrmValue	args[] = {core_text_value(entity), CRM_DATUM(ids)};
	int			n_records = core_run_as_owner(org, &count_events, "outbox_aggregate", args);
	int64	   *records = palloc(sizeof(int64) * (n_records + 1));
	int64	   *last = palloc(sizeof(int64) * (n_records + 1));
	int			n;
	int64	   *numbers = int8_values(ids, &n);

	for (int i = 0; i < n_records; i++)
	{
		records[i] = core_result_int8(i, 1);
		last[i] = core_result_int8(i, 2);
	}
	for (int i = n - 1; i >= 0; i--)
		numbers[i] = last[find_id(records, n_records, numbers[i])]--;
	return core_int8_array(numbers, n);
}

/* int8_values takes the values out of a bigint[]. */
static int64 *
int8_values(Datum array, int *n)
{
	Datum	   *elements;
	int64	   *values;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, NULL, n);
	values = palloc(sizeof(int64) * *n);
	for (int i = 0; i < *n; i++)
		values[i] = DatumGetInt64(elements[i]);
	return values;
}

/* find_id returns the place of a key among ascending ones. */
static int
find_id(const int64 *ids, int n, int64 id)
{
	const int64 *found = bsearch(&id, ids, n, sizeof(int64), core_compare_ids);

	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("the events of record %lld could not be counted", (long long) id),
				 errdetail("Table \"outbox_aggregate\" took no counter for it."),
				 errhint("Look for triggers or rules on that table, and drop them."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "outbox_aggregate")));
	return found - ids;
}

/* outbox_read returns what a consumer has not acknowledged yet, oldest first; a new consumer begins with the first event. */
Datum
outbox_read(PG_FUNCTION_ARGS)
{
	char	   *consumer = core_text_argument(fcinfo, 0, "consumer");
	int32		limit = core_limit_argument(fcinfo, 1, 100);
	CrmOrganization *org;
	CrmValue	args[2];
	int			n_open = 0;
	Reader		reader;
	bool		has_places;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin();
	automation_require_admin(org, "outbox_event");
	core_require_current(org->oid);
	reader = lock_reader(org, consumer);
	has_places = number_events(org);
	if (reader.is_ahead)
		reader.is_ahead = settle_reader(org, &reader, &n_open);
	args[0] = CRM_INT8(reader.position);
	args[1] = CRM_INT4(limit);
	if (reader.is_ahead || (core_run_as_owner(org, &select_events, "outbox_event", args) < (uint64) limit && !has_places))
	{
		CrmValue	more[] = {CRM_INT8(reader.id), CRM_INT8(reader.position), CRM_INT4(Max(0, limit - n_open))};

		core_run_as_owner(org, &give_more, "outbox_event", more);
		args[0] = CRM_INT8(reader.id);
		core_run_as_owner(org, &select_reading, "outbox_event", args);
	}
	return core_end_rows(fcinfo);
}

/*
 * number_events gives committed events that have none their place behind the
 * last; one transaction at a time does so, until its end, and false says that
 * it is another one. Keys within a record ascend with its sequence numbers.
 */
static bool
number_events(CrmOrganization *org)
{
	CrmValue	args[2] = {CRM_NULL, CRM_INT4(NUMBERED_AT_ONCE)};
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationRelationId, core_table(org, "outbox_event"), 0);
	if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	PushActiveSnapshot(GetLatestSnapshot());
	core_run_as_owner(org, &select_last, "outbox_event", NULL);
	PopActiveSnapshot();
	args[0] = CRM_INT8(core_result_int8(0, 1));
	core_run_as_owner(org, &give_places, "outbox_event", args);
	return true;
}

/* lock_reader locks the row of a reader, so that of two sessions of its name one waits; one that is not known is made. */
static Reader
lock_reader(CrmOrganization *org, const char *consumer)
{
	CrmValue	args[] = {core_text_value(consumer)};

	if (core_run_as_owner(org, &lock_consumer, "outbox_consumer", args) == 0)
		core_run_as_owner(org, &insert_consumer, "outbox_consumer", args);
	return (Reader) {core_result_int8(0, 1), core_result_int8(0, 2), core_result_bool(0, 3)};
}

/* settle_reader moves a reader behind what it is done with and has its place by now; false when nothing is left that it was given ahead. */
static bool
settle_reader(CrmOrganization *org, Reader *reader, int *n_open)
{
	CrmValue	args[] = {CRM_INT8(reader->id), CRM_NULL};

	core_run_as_owner(org, &settle_position, "outbox_consumer", args);
	reader->position = core_result_int8(0, 1);
	args[1] = CRM_INT8(reader->position);
	core_run_as_owner(org, &delete_settled, "outbox_event", args);
	core_run_as_owner(org, &count_reading, "outbox_event", args);
	*n_open = core_result_int8(0, 2);
	return core_result_int8(0, 1) > 0;
}

/* outbox_acknowledge notes that a consumer is done with an event and all before it. */
Datum
outbox_acknowledge(PG_FUNCTION_ARGS)
{
	char	   *consumer = core_text_argument(fcinfo, 0, "consumer");
	int64		id = core_id_argument(fcinfo, 1, "outbox_event_id");
	bool		goes_back = core_flag_argument(fcinfo, 2, false);
	CrmOrganization *org = core_begin();
	CrmValue	args[] = {core_text_value(consumer), CRM_NULL, CRM_BOOL(goes_back)};
	Datum		position;

	automation_require_admin(org, "outbox_event");
	core_require_current(org->oid);
	if (acknowledge_reading(org, consumer, id, goes_back, &position))
	{
		SPI_finish();
		return position;
	}
	args[1] = CRM_INT8(event_number(org, id, goes_back));
	if (core_run_as_owner(org, &move_consumer, "outbox_consumer", args) == 0)
		refuse_consumer(consumer);
	position = Int64GetDatum(core_result_int8(0, 1));
	if (goes_back)
		core_run_as_owner(org, &forget_reading, "outbox_event", args);
	SPI_finish();
	return position;
}

/* acknowledge_reading marks an event that the reader was given ahead of its place, with those before it; false when it was not. */
static bool
acknowledge_reading(CrmOrganization *org, const char *consumer, int64 id, bool goes_back, Datum *number)
{
	CrmValue	args[] = {core_text_value(consumer), CRM_INT8(id)};
	CrmValue	marks[] = {CRM_NULL, CRM_NULL, CRM_BOOL(goes_back)};

	if (core_run_as_owner(org, &find_reading, "outbox_event", args) == 0)
		return false;
	marks[0] = CRM_INT8(core_result_int8(0, 3));
	marks[1] = CRM_INT8(core_result_int8(0, 1));
	*number = Int64GetDatum(core_result_int8(0, 2));
	core_run_as_owner(org, &mark_reading, "outbox_event", marks);
	return true;
}

/* event_number returns the place of an event that was read; 0 stands before the first one. */
static int64
event_number(CrmOrganization *org, int64 id, bool goes_back)
{
	CrmValue	args[] = {CRM_INT8(id)};
	int64		number;

	if (id == 0 && goes_back)
		return 0;
	if (core_run_as_owner(org, &select_number, "outbox_event", args) == 0)
		core_refuse_unknown("outbox_event", id);
	number = core_result_int8(0, 1);
	if (number == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("event %lld was not read by anyone", (long long) id),
				 errdetail("Events get their place in the order when read_outbox() returns them."),
				 errhint("Acknowledge the last event that a committed read_outbox() returned.")));
	return number;
}

static void
refuse_consumer(const char *consumer)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("consumer \"%s\" does not exist", consumer),
			 errdetail("Table outbox_consumer has no row of that name."),
			 errhint("Check the name; read_outbox() makes a consumer the first time."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "outbox_consumer")));
}

/* outbox_purge deletes events that every consumer acknowledged and that are old enough. */
Datum
outbox_purge(PG_FUNCTION_ARGS)
{
	CrmOrganization *org;
	CrmValue	args[1];
	int64		purged;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"older_than\" must not be NULL"),
				 errdetail("The call needs to know which events may go."),
				 errhint("Give older_than => interval '7 days'.")));
	args[0] = CRM_DATUM(PG_GETARG_DATUM(0));
	org = core_begin();
	automation_require_admin(org, "outbox_event");
	purged = core_run_as_owner(org, &delete_events, "outbox_event", args);
	SPI_finish();
	return Int64GetDatum(purged);
}
