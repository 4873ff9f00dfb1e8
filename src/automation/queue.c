/*
 * queue.c
 *	  Rules with timing queued: put in the queue in the transaction of the
 *	  change, run after it, once for each rule and event.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "automation/rule.h"

/* tries before an entry is dead, and what the wait between them begins with */
#define MAX_ATTEMPTS 5
#define FIRST_WAIT_SECONDS 10

/* A claimed entry. */
typedef struct Entry
{
	int64		id;
	CrmRule    *rule;			/* NULL when it was switched off since */
	char	   *entity;
	int64		record_id;
	char	   *event_key;
	int			attempts;
	int			depth;
	HeapTuple	new_tuple;
	HeapTuple	old_tuple;
} Entry;

static Datum row_texts(CrmFiring *firing, const CrmMatches *matches, bool is_new);
static bool claim(CrmOrganization *org, Entry *entry);
static void read_rows(CrmOrganization *org, Entry *entry, Datum new_row, bool no_new, Datum old_row, bool no_old);
static void run_entry(CrmOrganization *org, Entry *entry);
static void try_entry(void *argument);
static void fire_entry(CrmFiring *firing, void *argument);
static void keep_entry(CrmOrganization *org, Entry *entry, const char *problem);

static CrmStatement insert_entries = {
	.sql = "INSERT INTO @automation_queue (automation_rule_id, entity, record_id, event, event_key, new_row, old_row, due_at, depth) "
	"SELECT $1, $2, r.id, $3, $3 || ':' || r.id || ':' || r.version, r.n::jsonb, r.o::jsonb, $8, $9 "
	"FROM unnest($4, $5, $6, $7) r(id, version, n, o) ON CONFLICT (automation_rule_id, event_key) DO NOTHING",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, INT4OID}
};
static CrmStatement select_due = {
	.sql = "SELECT automation_queue_id, automation_rule_id, entity, record_id, event_key, attempts, depth, new_row, old_row "
	"FROM @automation_queue WHERE state = 'pending' AND due_at <= $1 ORDER BY due_at, automation_queue_id "
	"LIMIT 1 FOR UPDATE SKIP LOCKED",
	.argtypes = {TIMESTAMPTZOID}
};
static CrmStatement delete_entry = {
	.sql = "DELETE FROM @automation_queue WHERE automation_queue_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement delay_entry = {
	.sql = "UPDATE @automation_queue SET attempts = $2, last_error = $3, state = $4, due_at = $5 WHERE automation_queue_id = $1",
	.argtypes = {INT8OID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};

PG_FUNCTION_INFO_V1(automation_run_due);

/* automation_enqueue puts the rows of a queued rule in the queue; inside SPI. */
void
automation_enqueue(CrmFiring *firing, CrmRule *rule, const CrmMatches *matches)
{
	int64	   *ids = palloc(sizeof(int64) * matches->n);
	int64	   *versions = palloc(sizeof(int64) * matches->n);

	for (int i = 0; i < matches->n; i++)
	{
		ids[i] = firing->rows[matches->rows[i]].id;
		versions[i] = firing->rows[matches->rows[i]].version;
	}
	{
		CrmValue	args[] = {
			CRM_INT8(rule->id), core_text_value(rule->entity), core_text_value(rule->event),
			CRM_DATUM(core_int8_array(ids, matches->n)), CRM_DATUM(core_int8_array(versions, matches->n)),
			CRM_DATUM(row_texts(firing, matches, true)), CRM_DATUM(row_texts(firing, matches, false)),
			CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_INT4(firing->depth)
		};

		core_run_as_owner(firing->org, &insert_entries, "automation_queue", args);
	}
}

/* row_texts writes new or old rows as JSON, NULL where the event has none. */
static Datum
row_texts(CrmFiring *firing, const CrmMatches *matches, bool is_new)
{
	Datum	   *texts = palloc0(sizeof(Datum) * matches->n);
	bool	   *nulls = palloc(sizeof(bool) * matches->n);
	int			lower = 1;
	int			n = matches->n;

	for (int i = 0; i < n; i++)
	{
		CrmRuleRow *row = &firing->rows[matches->rows[i]];
		HeapTuple	tuple = is_new ? row->new_tuple : row->old_tuple;

		nulls[i] = tuple == NULL;
		if (tuple)
			texts[i] = DirectFunctionCall1(row_to_json, heap_copy_tuple_as_datum(tuple, firing->desc));
	}
	return PointerGetDatum(construct_md_array(texts, nulls, 1, &n, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}

/* automation_run_due runs what is due in the queue, at most limit entries, each by itself. */
Datum
automation_run_due(PG_FUNCTION_ARGS)
{
	int32		limit = PG_ARGISNULL(0) ? 100 : PG_GETARG_INT32(0);
	CrmOrganization *org = core_begin();
	int32		ran = 0;
	Entry		entry;

	while (ran < limit && claim(org, &entry))
	{
		run_entry(org, &entry);
		ran++;
	}
	SPI_finish();
	return Int32GetDatum(ran);
}

/* claim locks the next entry that is due and that nobody else works on. */
static bool
claim(CrmOrganization *org, Entry *entry)
{
	CrmValue	args[] = {CRM_DATUM(TimestampTzGetDatum(core_now()))};
	bool		no_new;
	bool		no_old;
	Datum		new_row;
	Datum		old_row;

	CHECK_FOR_INTERRUPTS();
	if (core_run_as_owner(org, &select_due, "automation_queue", args) == 0)
		return false;
	entry->id = core_result_int8(0, 1);
	entry->entity = core_result_name(0, 3);
	entry->record_id = core_result_int8(0, 4);
	entry->event_key = core_result_name(0, 5);
	entry->attempts = core_result_int4(0, 6);
	entry->depth = core_result_int4(0, 7);
	new_row = core_result(0, 8, JSONBOID, &no_new);
	old_row = core_result(0, 9, JSONBOID, &no_old);
	entry->rule = automation_rule_of_id(org, core_result_int8(0, 2));
	read_rows(org, entry, new_row, no_new, old_row, no_old);
	return true;
}

/* read_rows makes rows of what was kept of them. */
static void
read_rows(CrmOrganization *org, Entry *entry, Datum new_row, bool no_new, Datum old_row, bool no_old)
{
	static const Oid types[CRM_MAX_ARGS] = {JSONBOID, JSONBOID};
	CrmValue	args[] = {{new_row, no_new}, {old_row, no_old}};
	Oid			type = get_rel_type_id(core_table(org, entry->entity));
	bool		isnull;
	Datum		row;

	core_run(org, core_intern(psprintf("SELECT jsonb_populate_record(NULL::@%s, $1), jsonb_populate_record(NULL::@%s, $2)",
									   entry->entity, entry->entity), types), args);
	row = core_result(0, 1, type, &isnull);
	entry->new_tuple = isnull || no_new ? NULL : automation_tuple(row);
	row = core_result(0, 2, type, &isnull);
	entry->old_tuple = isnull || no_old ? NULL : automation_tuple(row);
}

/* run_entry runs one entry and takes it out of the queue, or keeps it for another try. */
static void
run_entry(CrmOrganization *org, Entry *entry)
{
	CrmValue	args[] = {CRM_INT8(entry->id)};
	int			depth = automation_set_base_depth(entry->depth - 1);
	char	   *problem = entry->rule ? automation_attempt(try_entry, entry, true) : NULL;

	automation_set_base_depth(depth);
	if (problem)
		keep_entry(org, entry, problem);
	else
		core_run_as_owner(org, &delete_entry, "automation_queue", args);
}

/* try_entry runs the rule of an entry; what is queued in turn stands one deeper. */
static void
try_entry(void *argument)
{
	Entry	   *entry = argument;
	CrmFiring	firing = {.org = entry->rule->org, .entity = entry->entity, .rules = list_make1(entry->rule),
		.skips_watch = true, .skips_condition = true, .skips_queue = true, .attempt = entry->attempts,
		.serial = pg_strtoint64(strrchr(entry->event_key, ':') + 1)
	};

	automation_fire_rules(&firing, fire_entry, entry);
}

static void
fire_entry(CrmFiring *firing, void *argument)
{
	Entry	   *entry = argument;

	automation_offer_tuples(firing, entry->old_tuple, entry->new_tuple);
}

/* keep_entry notes a failure: the next try comes later each time, and after the last one the entry is dead. */
static void
keep_entry(CrmOrganization *org, Entry *entry, const char *problem)
{
	int			attempts = entry->attempts + 1;
	bool		is_dead = attempts >= MAX_ATTEMPTS;
	TimestampTz due = core_now() + ((int64) FIRST_WAIT_SECONDS << entry->attempts) * USECS_PER_SEC;
	CrmValue	args[] = {
		CRM_INT8(entry->id), CRM_INT4(attempts), core_text_value(problem),
		core_text_value(is_dead ? "dead" : "pending"), CRM_DATUM(TimestampTzGetDatum(due))
	};

	core_run_as_owner(org, &delay_entry, "automation_queue", args);
	automation_log_queued(org, entry->rule, entry->record_id, entry->event_key, is_dead ? "dead" : "failed",
						  problem, attempts, entry->depth);
}
