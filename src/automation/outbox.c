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
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "funcapi.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "automation/automation.h"

/* events that one read gives their place, at most */
#define NUMBERED_AT_ONCE 10000
#define CHANNEL "sales_crm_outbox"

static Datum take_numbers(CrmOrganization *org, const char *entity, Datum ids);
static int64 *int8_values(Datum array, int *n);
static int	find_id(const int64 *ids, int n, int64 id);
static void number_events(CrmOrganization *org);
static int64 consumer_position(CrmOrganization *org, const char *consumer);
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
static CrmStatement select_consumer = {
	.sql = "SELECT position FROM @outbox_consumer WHERE consumer = $1",
	.argtypes = {TEXTOID}
};
static CrmStatement insert_consumer = {
	.sql = "INSERT INTO @outbox_consumer (consumer) VALUES ($1) ON CONFLICT (consumer) DO NOTHING",
	.argtypes = {TEXTOID}
};
static CrmStatement select_events = {
	.sql = "SELECT outbox_event_id, aggregate_entity, aggregate_id, sequence_number, event_name, payload, occurred_at "
	"FROM @outbox_event WHERE delivery_number > $1 ORDER BY delivery_number LIMIT $2",
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

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin();
	number_events(org);
	args[0] = CRM_INT8(consumer_position(org, consumer));
	args[1] = CRM_INT4(limit);
	core_run_as_owner(org, &select_events, "outbox_event", args);
	return core_end_rows(fcinfo);
}

/*
 * number_events gives committed events that have none their place behind the
 * last; one transaction at a time does so, until its end. Keys within a record
 * ascend with its sequence numbers.
 */
static void
number_events(CrmOrganization *org)
{
	CrmValue	args[2] = {CRM_NULL, CRM_INT4(NUMBERED_AT_ONCE)};

	LockDatabaseObject(RelationRelationId, core_table(org, "outbox_event"), 0, ExclusiveLock);
	PushActiveSnapshot(GetLatestSnapshot());
	core_run_as_owner(org, &select_last, "outbox_event", NULL);
	PopActiveSnapshot();
	args[0] = CRM_INT8(core_result_int8(0, 1));
	core_run_as_owner(org, &give_places, "outbox_event", args);
}

/* consumer_position returns how far a consumer has come; one that is not known is made. */
static int64
consumer_position(CrmOrganization *org, const char *consumer)
{
	CrmValue	args[] = {core_text_value(consumer)};

	if (core_run_as_owner(org, &select_consumer, "outbox_consumer", args) > 0)
		return core_result_int8(0, 1);
	core_run_as_owner(org, &insert_consumer, "outbox_consumer", args);
	return 0;
}

/* outbox_acknowledge notes that a consumer is done with an event and all before it. */
Datum
outbox_acknowledge(PG_FUNCTION_ARGS)
{
	char	   *consumer = core_text_argument(fcinfo, 0, "consumer");
	int64		id = core_id_argument(fcinfo, 1, "outbox_event_id");
	bool		goes_back = core_flag_argument(fcinfo, 2, false);
	CrmOrganization *org = core_begin();
	CrmValue	args[] = {core_text_value(consumer), CRM_INT8(event_number(org, id, goes_back)), CRM_BOOL(goes_back)};
	int64		position;

	if (core_run_as_owner(org, &move_consumer, "outbox_consumer", args) == 0)
		refuse_consumer(consumer);
	position = core_result_int8(0, 1);
	SPI_finish();
	return Int64GetDatum(position);
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
	purged = core_run_as_owner(org, &delete_events, "outbox_event", args);
	SPI_finish();
	return Int64GetDatum(purged);
}
