/*
 * queue.c
 *	  Rules with timing queued: put in the queue in the transaction of the
 *	  change, run after it, once for each rule and event.
 *
 * The head of a record's entries, the first by event_order, whatever its state,
 * is the lock of the record: who holds it until the commit works off what is
 * due for that record, and others pass the record over. So entries of one
 * record keep their order, that of its versions, whoever works and whenever
 * their transactions began. One that failed or is dead holds up the later ones
 * of its record and rule.
 *
 * Entries of one rule are done together in one subtransaction, none with
 * another of its record in one set. Should the set fail, each of it is done by
 * itself. An entry goes in the transaction that did its actions: a crash undoes
 * both or none.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "automation/rule.h"

/* entries that are claimed at once */
#define ROUND 1000

/* the wait after a failure doubles each time, up to a day */
#define LONGEST_WAIT_SECONDS (24 * 60 * 60)

/* A claimed entry. */
typedef struct Entry
{
	int64		id;
	CrmRule    *rule;			/* NULL when it is gone */
	char	   *entity;
	int64		record_id;
	int64		version;		/* the last part of event_key */
	char	   *event;
	char	   *event_key;
	int			attempts;
	int			depth;
	Datum		rows[2];		/* new and old as jsonb */
	bool		no_row[2];
	HeapTuple	new_tuple;
	HeapTuple	old_tuple;
	int64		before;			/* the entry of its record and rule before it, 0 = none */
	bool		is_done;		/* in this round, or left for a later one */
	bool		is_left;
} Entry;

/* The records that were claimed and have several entries, in the order in which they are due. */
typedef struct Records
{
	int64	   *ids;
	Datum	   *entities;
	int			n;
} Records;

/* Entries of one rule that are done together; none is of another one's record. */
typedef struct Batch
{
	CrmOrganization *org;
	Entry	  **entries;
	int			n;
	Entry	   *claimed;		/* all of the round */
	int			n_claimed;
} Batch;

/* What a call of run_due_automation() is to do, and did. */
typedef struct Due
{
	int			limit;
	int			ran;
} Due;

typedef struct RecordKey
{
	int64		id;
	char		entity[NAMEDATALEN];
} RecordKey;

/* the entry that is done by itself now or was last, for the worker that cancels what takes too long; 0 = none */
int64		automation_entry_in_work = 0;

/* this process is a background worker, and tells what it does */
bool		automation_is_worker = false;

static Datum row_texts(CrmFiring *firing, const CrmMatches *matches, bool is_new);
static bool has_flat_columns(TupleDesc desc);
static void run_due(CrmOrganization *org, void *argument);
static int	run_round(CrmOrganization *org, int limit);
static Entry *claim(CrmOrganization *org, int limit, int *n);
static Entry *claim_records(CrmOrganization *org, int limit, Datum passed_over, Records *records, int *n);
static void claim_entries(CrmOrganization *org, int limit, const Records *records, Entry *entries, int *n);
static bool is_next(const Entry *entries, int n, const Entry *entry);
static bool is_of_record(const Entry *a, const Entry *b);
static uint64 run_by_index(CrmOrganization *org, CrmStatement *statement, const CrmValue *args);
static void read_entry(CrmOrganization *org, uint64 i, Entry *entry);
static int	next_batch(Entry *entries, int n, Entry **batch);
static bool go_together(const Entry *a, const Entry *b);
static void run_batch(Batch *batch);
static bool still_fits(const Entry *entry);
static char *attempt_batch(Batch *batch);
static void try_batch(CrmOrganization *org, void *argument);
static void load_kept(Batch *batch);
static Datum kept_rows(const Batch *batch, int which);
static void load_dated(Batch *batch);
static int	compare_records(const void *a, const void *b);
static HeapTuple tuple_of_result(uint64 row, int column, Oid type);
static void fire_batch(CrmFiring *firing, void *argument);
static void log_skipped(Batch *batch);
static void delete_batch(const Batch *batch);
static Datum batch_ids(const Batch *batch, bool of_records);
static void keep_entry(CrmOrganization *org, Entry *entry, const char *problem);
static void leave_followers(const Batch *batch, const Entry *failed);
static void report(const Batch *batch);
static void require_dead(CrmOrganization *org, int64 id, const char *call);

static CrmStatement insert_entries = {
	.sql = "INSERT INTO @automation_queue (automation_rule_id, entity, record_id, event, event_key, event_order, new_row, old_row, due_at, depth) "
	"SELECT $1, $2, r.id, $3, $3 || ':' || r.id || ':' || r.version, r.place, r.n::jsonb, r.o::jsonb, $9, $10 "
	"FROM unnest($4, $5, $6, $7, $8) r(id, version, place, n, o) ON CONFLICT (automation_rule_id, event_key) DO NOTHING",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, INT4OID}
};

#define ENTRY_COLUMNS "q.automation_queue_id, q.automation_rule_id, q.entity, q.record_id, q.event, q.event_key, q.attempts, q.depth, q.new_row, q.old_row"

/* p is of the record of q */
#define OF_RECORD "p.record_id = q.record_id AND p.entity = q.entity"
#define EARLIER "(p.event_order, p.automation_queue_id) < (q.event_order, q.automation_queue_id)"
#define LATER "(p.event_order, p.automation_queue_id) > (q.event_order, q.automation_queue_id)"

/* q may be run at $1, unless it is in line behind one that will be too; entries of a rule that is switched off wait until it is switched on */
#define IS_DUE "q.state = 'pending' AND q.due_at <= $1 " \
	"AND (SELECT r.is_active FROM @automation_rule r WHERE r.automation_rule_id = q.automation_rule_id) " \
	"AND NOT EXISTS (SELECT FROM @automation_queue p WHERE p.attempts > 0 AND " OF_RECORD " AND p.automation_rule_id = q.automation_rule_id " \
	"AND " EARLIER " AND (p.state = 'dead' OR p.due_at > $1)) "

/* locks what is due and the heads of its records, but for those in $3, and tells which is all that its record has */
static CrmStatement lock_records = {
	.sql = "SELECT " ENTRY_COLUMNS ", h.automation_queue_id = q.automation_queue_id AND NOT EXISTS (SELECT FROM @automation_queue p "
	"WHERE " OF_RECORD " AND " LATER ") FROM @automation_queue q JOIN @automation_queue h ON h.automation_queue_id = "
	"(SELECT p.automation_queue_id FROM @automation_queue p WHERE " OF_RECORD " ORDER BY p.event_order, p.automation_queue_id LIMIT 1) "
	"WHERE " IS_DUE "AND q.record_id <> ALL ($3) ORDER BY q.due_at, q.automation_queue_id LIMIT $2 FOR UPDATE OF h, q SKIP LOCKED",
	.argtypes = {TIMESTAMPTZOID, INT4OID, INT8ARRAYOID}
};

/* what is due of records $3, $4 that are locked, in order; what somebody holds by hand is passed over, and what is behind it left in claim_entries() */
static CrmStatement lock_entries = {
	.sql = "SELECT e.* FROM unnest($3, $4) r(record_id, entity), LATERAL (SELECT " ENTRY_COLUMNS ", (SELECT p.automation_queue_id FROM @automation_queue p "
	"WHERE " OF_RECORD " AND p.automation_rule_id = q.automation_rule_id AND " EARLIER
	" ORDER BY p.event_order DESC, p.automation_queue_id DESC LIMIT 1) FROM @automation_queue q WHERE q.record_id = r.record_id AND q.entity = r.entity "
	"AND " IS_DUE "ORDER BY q.event_order, q.automation_queue_id LIMIT $2 FOR UPDATE OF q SKIP LOCKED) e LIMIT $2",
	.argtypes = {TIMESTAMPTZOID, INT4OID, INT8ARRAYOID, TEXTARRAYOID}
};
static CrmStatement select_entry = {
	.sql = "SELECT " ENTRY_COLUMNS " FROM @automation_queue q WHERE q.automation_queue_id = $1 AND q.state = 'pending' FOR UPDATE OF q SKIP LOCKED",
	.argtypes = {INT8OID}
};
static CrmStatement insert_skipped = {
	.sql = "INSERT INTO @automation_run (automation_rule_id, entity, record_id, event, event_key, started_at, ended_at, depth, "
	"outcome, detail, attempt, queue_entry) SELECT q.automation_rule_id, q.entity, q.record_id, q.event, q.event_key, $2, $2, q.depth, 'skipped', "
	"$3, q.attempts + $4, q.automation_queue_id FROM @automation_queue q "
	"WHERE q.automation_queue_id = ANY ($1) AND NOT EXISTS (SELECT FROM @automation_run r "
	"WHERE r.automation_rule_id = q.automation_rule_id AND r.event = 'date_reached' AND r.event_key = q.event_key "
	"AND r.outcome IN ('done', 'skipped'))",
	.argtypes = {INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID, INT4OID}
};
static CrmStatement delete_entries = {
	.sql = "DELETE FROM @automation_queue WHERE automation_queue_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement delay_entry = {
	.sql = "UPDATE @automation_queue SET attempts = $2, last_error = $3, state = $4, due_at = $5 WHERE automation_queue_id = $1",
	.argtypes = {INT8OID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}
};
static CrmStatement select_state = {
	.sql = "SELECT state FROM @automation_queue WHERE automation_queue_id = $1 FOR UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement revive_entry = {
	.sql = "UPDATE @automation_queue SET state = 'pending', attempts = 0, due_at = $2 WHERE automation_queue_id = $1",
	.argtypes = {INT8OID, TIMESTAMPTZOID}
};

PG_FUNCTION_INFO_V1(automation_run_due);
PG_FUNCTION_INFO_V1(automation_retry_dead);
PG_FUNCTION_INFO_V1(automation_discard_dead);

/* automation_enqueue puts the rows of a queued rule in the queue; inside SPI. */
void
automation_enqueue(CrmFiring *firing, CrmRule *rule, const CrmMatches *matches)
{
	int64	   *ids = palloc(sizeof(int64) * matches->n);
	int64	   *versions = palloc(sizeof(int64) * matches->n);
	int64	   *places = palloc(sizeof(int64) * matches->n);

	for (int i = 0; i < matches->n; i++)
	{
		ids[i] = firing->rows[matches->rows[i]].id;
		versions[i] = firing->rows[matches->rows[i]].version;
		places[i] = firing->rows[matches->rows[i]].order;
	}
	{
		CrmValue	args[] = {
			CRM_INT8(rule->id), core_text_value(rule->entity), core_text_value(rule->event),
			CRM_DATUM(core_int8_array(ids, matches->n)), CRM_DATUM(core_int8_array(versions, matches->n)),
			CRM_DATUM(core_int8_array(places, matches->n)), CRM_DATUM(row_texts(firing, matches, true)), CRM_DATUM(row_texts(firing, matches, false)),
			CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_INT4(firing->depth)
		};

		core_run_as_owner(firing->org, &insert_entries, "automation_queue", args);
	}
}

/*
 * row_texts writes new or old rows as JSON, NULL where the event has none.
 * Empty columns are left out, which makes half of the work later, unless a
 * column may hold JSON with a null of its own.
 */
static Datum
row_texts(CrmFiring *firing, const CrmMatches *matches, bool is_new)
{
	Datum	   *texts = palloc0(sizeof(Datum) * matches->n);
	bool	   *nulls = palloc(sizeof(bool) * matches->n);
	bool		is_flat = has_flat_columns(firing->desc);
	int			lower = 1;
	int			n = matches->n;
	int			nest = core_fix_settings(NULL);

	for (int i = 0; i < n; i++)
	{
		CrmRuleRow *row = &firing->rows[matches->rows[i]];
		HeapTuple	tuple = is_new ? row->new_tuple : row->old_tuple;

		nulls[i] = tuple == NULL;
		if (tuple)
			texts[i] = DirectFunctionCall1(row_to_json, heap_copy_tuple_as_datum(tuple, firing->desc));
		if (tuple && is_flat)
			texts[i] = DirectFunctionCall1(json_strip_nulls, texts[i]);
	}
	AtEOXact_GUC(true, nest);
	return PointerGetDatum(construct_md_array(texts, nulls, 1, &n, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}

/* has_flat_columns tells that no column is an array, a row, JSON, or of a type that is not built in. */
static bool
has_flat_columns(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;

		if (type >= FirstGenbkiObjectId || type == JSONOID || type == JSONBOID || OidIsValid(get_element_type(type)))
			return false;
	}
	return true;
}

/* automation_run_due runs what is due for the organization of the session. */
Datum
automation_run_due(PG_FUNCTION_ARGS)
{
	Due			due = {.limit = core_limit_argument(fcinfo, 0, 100)};
	CrmOrganization *org = core_begin();

	automation_require_admin(org, "automation_queue");
	core_check_at_once(org, run_due, &due);	/* rules cannot put anything off */
	SPI_finish();
	return Int32GetDatum(due.ran);
}

static void
run_due(CrmOrganization *org, void *argument)
{
	Due		   *due = argument;

	due->ran = automation_work(org, due->limit);
}

/*
 * automation_work runs at most limit entries that are due, date rules that
 * have come due among them, and returns how many it took.
 */
int
automation_work(CrmOrganization *org, int limit)
{
	int			ran = 0;
	int			n;

	core_require_current(org->oid);
	SPI_connect();
	automation_find_dates(org, limit);
	SPI_finish();
	do
	{
		n = limit > ran ? run_round(org, Min(limit - ran, ROUND)) : 0;
		ran += n;
	} while (n > 0);
	return ran;
}

/* run_round claims entries and runs them, those of a rule together; its memory goes with its end. */
static int
run_round(CrmOrganization *org, int limit)
{
	int			n;
	Entry	   *entries;
	Batch		batch = {.org = org};

	SPI_connect();
	entries = claim(org, limit, &n);
	batch.claimed = entries;
	batch.n_claimed = n;
	batch.entries = palloc(sizeof(Entry *) * Max(n, 1));
	while ((batch.n = next_batch(entries, n, batch.entries)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		run_batch(&batch);
	}
	for (int i = 0; i < batch.n_claimed; i++)
		n -= entries[i].is_left;
	SPI_finish();
	return n;
}

/*
 * claim locks the next records that nobody else works on, and what is due of
 * them. When another changed all of these meanwhile it looks for more.
 */
static Entry *
claim(CrmOrganization *org, int limit, int *n)
{
	Records		records = {0};
	int64	   *passed_over = NULL;
	int			n_passed = 0;

	for (;;)
	{
		Entry	   *entries = claim_records(org, limit, core_int8_array(passed_over, n_passed), &records, n);

		if (records.n > 0)
			claim_entries(org, limit - *n, &records, entries, n);
		if (*n > 0 || records.n == 0)
			return entries;
		passed_over = passed_over == NULL ? palloc(sizeof(int64) * records.n)
			: repalloc_huge(passed_over, sizeof(int64) * (n_passed + records.n));
		memcpy(passed_over + n_passed, records.ids, sizeof(int64) * records.n);
		n_passed += records.n;
		CHECK_FOR_INTERRUPTS();
	}
}

/* claim_records locks the heads of records that have something due. Of most records the head is all there is; those that have more are named once. */
static Entry *
claim_records(CrmOrganization *org, int limit, Datum passed_over, Records *records, int *n)
{
	CrmValue	args[] = {CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_INT4(limit), CRM_DATUM(passed_over)};
	int			found = run_by_index(org, &lock_records, args);
	Entry	   *entries = palloc0(sizeof(Entry) * (limit + 1));
	HASHCTL		ctl = {.keysize = sizeof(RecordKey), .entrysize = sizeof(RecordKey), .hcxt = CurrentMemoryContext};
	HTAB	   *known = hash_create("sales_crm records", 128, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	*n = 0;
	*records = (Records) {.ids = palloc(sizeof(int64) * (found + 1)), .entities = palloc(sizeof(Datum) * (found + 1))};
	for (int i = 0; i < found; i++)
	{
		RecordKey	key = {.id = core_result_int8(i, 4)};
		bool		is_known;

		read_entry(org, i, &entries[*n]);
		if (core_result_bool(i, 11))
		{
			(*n)++;
			continue;
		}
		strlcpy(key.entity, entries[*n].entity, NAMEDATALEN);
		hash_search(known, &key, HASH_ENTER, &is_known);
		if (is_known)
			continue;
		records->ids[records->n] = key.id;
		records->entities[records->n++] = CStringGetTextDatum(entries[*n].entity);
	}
	hash_destroy(known);
	return entries;
}

/* claim_entries locks what is due of records that have more, each after those before it of its record and rule, or not at all. */
static void
claim_entries(CrmOrganization *org, int limit, const Records *records, Entry *entries, int *n)
{
	CrmValue	args[] = {
		CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_INT4(limit), CRM_DATUM(core_int8_array(records->ids, records->n)),
		CRM_DATUM(PointerGetDatum(construct_array(records->entities, records->n, TEXTOID, -1, false, TYPALIGN_INT)))
	};
	int			found = run_by_index(org, &lock_entries, args);

	for (int i = 0; i < found; i++)
	{
		read_entry(org, i, &entries[*n]);
		entries[*n].before = core_result_int8(i, 11);
		if (is_next(entries, *n, &entries[*n]))
			(*n)++;
	}
}

/* is_next tells that the entry before it, of its record and rule, is among those that were claimed, or that there is none. */
static bool
is_next(const Entry *entries, int n, const Entry *entry)
{
	for (int i = n - 1; entry->before != 0 && i >= 0 && is_of_record(&entries[i], entry); i--)
	{
		if (entries[i].id == entry->before)
			return true;
	}
	return entry->before == 0;
}

static bool
is_of_record(const Entry *a, const Entry *b)
{
	return a->record_id == b->record_id && strcmp(a->entity, b->entity) == 0;
}

/*
 * run_by_index has indexes give rows and their order, whatever the statistics
 * say: a plan that was made while the queue was empty would read it as a
 * whole for each claim when it is full, and a sort always would.
 */
static uint64
run_by_index(CrmOrganization *org, CrmStatement *statement, const CrmValue *args)
{
	static bool *const others[] = {&enable_sort, &enable_seqscan, &enable_bitmapscan, &enable_hashjoin, &enable_mergejoin};
	bool		before[lengthof(others)] = {false};
	uint64		n;

	for (int i = 0; i < lengthof(others); i++)
		before[i] = *others[i];
	PG_TRY();
	{
		for (int i = 0; i < lengthof(others); i++)
			*others[i] = false;
		n = core_run_as_owner(org, statement, "automation_queue", args);
	}
	PG_FINALLY();
	{
		for (int i = 0; i < lengthof(others); i++)
			*others[i] = before[i];
	}
	PG_END_TRY();
	return n;
}

/* read_entry takes an entry out of the last result, which lives as long as the round. */
static void
read_entry(CrmOrganization *org, uint64 i, Entry *entry)
{
	const char *last;

	entry->id = core_result_int8(i, 1);
	entry->rule = automation_rule_of_id(org, core_result_int8(i, 2));
	entry->entity = core_result_name(i, 3);
	entry->record_id = core_result_int8(i, 4);
	entry->event = core_result_name(i, 5);
	entry->event_key = core_result_name(i, 6);
	entry->attempts = core_result_int4(i, 7);
	entry->depth = core_result_int4(i, 8);
	entry->rows[0] = core_result(i, 9, JSONBOID, &entry->no_row[0]);
	entry->rows[1] = core_result(i, 10, JSONBOID, &entry->no_row[1]);
	last = strrchr(entry->event_key, ':');
	entry->version = last ? strtoll(last + 1, NULL, 10) : 0;
}

/*
 * next_batch chooses what is done next: the first entry that is left, and all
 * others of its rule that come first for their record. Returns how many.
 */
static int
next_batch(Entry *entries, int n, Entry **batch)
{
	HASHCTL		ctl = {.keysize = sizeof(RecordKey), .entrysize = sizeof(RecordKey), .hcxt = CurrentMemoryContext};
	HTAB	   *records = hash_create("sales_crm records", 128, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	int			chosen = 0;

	for (int i = 0; i < n; i++)
	{
		RecordKey	key = {.id = entries[i].record_id};
		bool		has_earlier;

		if (entries[i].is_done)
			continue;
		strlcpy(key.entity, entries[i].entity, NAMEDATALEN);
		hash_search(records, &key, HASH_ENTER, &has_earlier);
		if (!has_earlier && (chosen == 0 || go_together(batch[0], &entries[i])))
			batch[chosen++] = &entries[i];
	}
	hash_destroy(records);
	for (int i = 0; i < chosen; i++)
		batch[i]->is_done = true;
	return chosen;
}

static bool
go_together(const Entry *a, const Entry *b)
{
	return a->rule == b->rule && a->attempts == b->attempts && a->depth == b->depth &&
		strcmp(a->event, b->event) == 0 && strcmp(a->entity, b->entity) == 0;
}

/* run_batch runs entries and takes them out of the queue; those that fail, one by one, are kept for another try. */
static void
run_batch(Batch *batch)
{
	char	   *problem;

	if (!still_fits(batch->entries[0]))
	{
		log_skipped(batch);
		delete_batch(batch);
		return;
	}
	automation_entry_in_work = batch->n == 1 ? batch->entries[0]->id : 0;
	report(batch);
	problem = attempt_batch(batch);
	if (problem == NULL)
		delete_batch(batch);
	else if (batch->n == 1)
	{
		keep_entry(batch->org, batch->entries[0], problem);
		leave_followers(batch, batch->entries[0]);
	}
	else
	{
		for (int i = 0; i < batch->n; i++)
		{
			Batch		single = {.org = batch->org, .entries = &batch->entries[i], .n = 1,
				.claimed = batch->claimed, .n_claimed = batch->n_claimed};

			CHECK_FOR_INTERRUPTS();
			run_batch(&single);
		}
	}
}

/* still_fits tells whether the rule is what it was when the event was queued. */
static bool
still_fits(const Entry *entry)
{
	return entry->rule && strcmp(entry->rule->event, entry->event) == 0 &&
		strcmp(entry->rule->entity, entry->entity) == 0;
}

/* attempt_batch does the actions, or says what went wrong; what they queue in turn stands one deeper. */
static char *
attempt_batch(Batch *batch)
{
	int			depth = automation_set_base_depth(batch->entries[0]->depth - 1);
	char	   *volatile problem = NULL;

	PG_TRY();
	{
		problem = automation_attempt(batch->org, try_batch, batch, true);
	}
	PG_FINALLY();
	{
		automation_set_base_depth(depth);
	}
	PG_END_TRY();
	return problem;
}

/* try_batch runs the rule of a batch; a date rule asks its condition now, the others did before. */
static void
try_batch(CrmOrganization *org, void *argument)
{
	Batch	   *batch = argument;
	Entry	   *first = batch->entries[0];
	bool		is_dated = strcmp(first->event, "date_reached") == 0;
	CrmFiring	firing = {.org = batch->org, .entity = first->entity, .rules = list_make1(first->rule),
		.skips_watch = true, .skips_condition = !is_dated, .skips_queue = true, .attempt = first->attempts
	};

	if (is_dated)
		load_dated(batch);
	else
		load_kept(batch);
	automation_fire_rules(&firing, fire_batch, batch);
	if (firing.n_run < batch->n)
		log_skipped(batch);
}

/* load_kept makes rows of what was kept of them. */
static void
load_kept(Batch *batch)
{
	static const Oid types[CRM_MAX_ARGS] = {JSONBARRAYOID, JSONBARRAYOID};
	const char *entity = core_quoted(automation_table(batch->org, batch->entries[0]->entity)->name);
	CrmValue	args[] = {CRM_DATUM(kept_rows(batch, 0)), CRM_DATUM(kept_rows(batch, 1))};
	Oid			type = get_rel_type_id(core_table(batch->org, batch->entries[0]->entity));

	core_run_restricted(batch->org,
						core_intern(psprintf("SELECT CASE WHEN r.n IS NOT NULL THEN jsonb_populate_record(NULL::@%s, r.n) END, "
											 "CASE WHEN r.o IS NOT NULL THEN jsonb_populate_record(NULL::@%s, r.o) END "
											 "FROM unnest($1, $2) r(n, o)", entity, entity), types),
						batch->entries[0]->entity, args);
	for (int i = 0; i < batch->n; i++)
	{
		batch->entries[i]->new_tuple = tuple_of_result(i, 1, type);
		batch->entries[i]->old_tuple = tuple_of_result(i, 2, type);
	}
}

/* kept_rows makes an array of the new or the old rows. */
static Datum
kept_rows(const Batch *batch, int which)
{
	Datum	   *rows = palloc(sizeof(Datum) * batch->n);
	bool	   *nulls = palloc(sizeof(bool) * batch->n);
	int			lower = 1;
	int			n = batch->n;

	for (int i = 0; i < n; i++)
	{
		rows[i] = batch->entries[i]->rows[which];
		nulls[i] = batch->entries[i]->no_row[which];
	}
	return PointerGetDatum(construct_md_array(rows, nulls, 1, &n, &lower, JSONBOID, -1, false, TYPALIGN_INT));
}

/* load_dated reads and locks the records of a date rule as they are now; one whose date has changed is left out. */
static void
load_dated(Batch *batch)
{
	Oid			type = get_rel_type_id(core_table(batch->org, batch->entries[0]->entity));
	uint64		n = automation_read_dated(batch->org, batch->entries[0]->rule, batch_ids(batch, true));
	uint64		row = 0;

	qsort(batch->entries, batch->n, sizeof(Entry *), compare_records);
	for (int i = 0; i < batch->n; i++)
	{
		Entry	   *entry = batch->entries[i];

		while (row < n && core_result_int8(row, 2) < entry->record_id)
			row++;
		entry->new_tuple = row < n && core_result_int8(row, 2) == entry->record_id &&
			core_result_int8(row, 3) == entry->version ? tuple_of_result(row, 1, type) : NULL;
	}
}

static int
compare_records(const void *a, const void *b)
{
	return core_compare_ids(&(*(Entry *const *) a)->record_id, &(*(Entry *const *) b)->record_id);
}

static HeapTuple
tuple_of_result(uint64 row, int column, Oid type)
{
	bool		isnull;
	Datum		value = core_result(row, column, type, &isnull);

	return isnull ? NULL : automation_tuple(value);
}

/* fire_batch offers the rows under the keys of their events. */
static void
fire_batch(CrmFiring *firing, void *argument)
{
	Batch	   *batch = argument;

	for (int i = 0; i < batch->n; i++)
	{
		Entry	   *entry = batch->entries[i];

		firing->serial = entry->version;
		firing->entry = entry->id;
		if (entry->new_tuple || entry->old_tuple)
			automation_offer_tuples(firing, entry->old_tuple, entry->new_tuple);
	}
}

/* log_skipped notes the entries of a batch that were not done. */
static void
log_skipped(Batch *batch)
{
	CrmValue	args[] = {
		CRM_DATUM(batch_ids(batch, false)), CRM_DATUM(TimestampTzGetDatum(core_now())),
		core_text_value("its condition does not hold, or the record or its date is gone"), CRM_INT4(1)
	};

	core_run_as_owner(batch->org, &insert_skipped, "automation_run", args);
}

static void
delete_batch(const Batch *batch)
{
	CrmValue	args[] = {CRM_DATUM(batch_ids(batch, false))};

	core_run_as_owner(batch->org, &delete_entries, "automation_queue", args);
}

static Datum
batch_ids(const Batch *batch, bool of_records)
{
	int64	   *ids = palloc(sizeof(int64) * batch->n);

	for (int i = 0; i < batch->n; i++)
		ids[i] = of_records ? batch->entries[i]->record_id : batch->entries[i]->id;
	return core_int8_array(ids, batch->n);
}

/* keep_entry notes a failure: the next try comes later each time, and after the last one the entry is dead. */
static void
keep_entry(CrmOrganization *org, Entry *entry, const char *problem)
{
	int			attempts = entry->attempts + 1;
	bool		is_dead = attempts >= automation_setting(org, "automation_max_attempts", 5);
	int64		wait = (int64) automation_setting(org, "automation_retry_seconds", 60) << Max(0, Min(entry->attempts, 30));
	TimestampTz due = core_now() + Min(wait, LONGEST_WAIT_SECONDS) * USECS_PER_SEC;
	CrmValue	args[] = {
		CRM_INT8(entry->id), CRM_INT4(attempts), core_text_value(problem),
		core_text_value(is_dead ? "dead" : "pending"), CRM_DATUM(TimestampTzGetDatum(due))
	};

	CrmRun		run = {
		.rule_id = entry->rule->id, .entity = entry->entity, .record_id = entry->record_id, .event = entry->event,
		.event_key = entry->event_key, .outcome = is_dead ? "dead" : "failed", .detail = problem,
		.attempt = attempts, .depth = entry->depth, .entry = entry->id
	};

	core_run_as_owner(org, &delay_entry, "automation_queue", args);
	automation_log_queued(org, &run);
	if (is_dead)
		ereport(LOG,
				(errmsg("automation rule \"%s\" is given up for %s %lld after %d tries", entry->rule->name,
						entry->entity, (long long) entry->record_id, attempts),
				 errdetail("%s", problem)));
}

/* leave_followers puts off what stands behind an entry that failed, of its record and rule. */
static void
leave_followers(const Batch *batch, const Entry *failed)
{
	for (int i = 0; i < batch->n_claimed; i++)
	{
		Entry	   *entry = &batch->claimed[i];

		if (entry->is_done || entry->rule != failed->rule || !is_of_record(entry, failed))
			continue;
		entry->is_done = true;
		entry->is_left = true;
	}
}

/* report tells pg_stat_activity what the background worker does: for whom, which rule, for what. */
static void
report(const Batch *batch)
{
	const Entry *first = batch->entries[0];

	if (!automation_is_worker)
		return;
	pgstat_report_activity(STATE_RUNNING, batch->n == 1
		? psprintf("%s: rule \"%s\" for %s %lld", batch->org->name, first->rule->name, first->entity, (long long) first->record_id)
		: psprintf("%s: rule \"%s\" for %d of %s", batch->org->name, first->rule->name, batch->n, first->entity));
}

/* automation_keep_entry notes the failure of an entry whose transaction is gone. */
void
automation_keep_entry(CrmOrganization *org, int64 id, const char *problem)
{
	Entry		entry;
	CrmValue	args[] = {CRM_INT8(id)};

	SPI_connect();
	if (core_run_as_owner(org, &select_entry, "automation_queue", args) > 0)
	{
		read_entry(org, 0, &entry);
		if (still_fits(&entry))
			keep_entry(org, &entry, problem);
	}
	SPI_finish();
}

/* automation_setting returns a whole number of organization_setting, or what stands for a missing one. */
int
automation_setting(CrmOrganization *org, const char *name, int otherwise)
{
	return core_setting_number(org, name, otherwise);
}

/* automation_retry_dead puts an entry that was given up back in line. */
Datum
automation_retry_dead(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "automation_queue_id");
	CrmOrganization *org = core_begin();
	CrmValue	args[] = {CRM_INT8(id), CRM_DATUM(TimestampTzGetDatum(core_now()))};

	require_dead(org, id, "retry_dead_automation");
	core_run_as_owner(org, &revive_entry, "automation_queue", args);
	return core_end_text("pending");
}

/* automation_discard_dead takes an entry that was given up out of the queue, and what it held up goes on. */
Datum
automation_discard_dead(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "automation_queue_id");
	CrmOrganization *org = core_begin();
	Datum		ids = core_int8_array(&id, 1);
	CrmValue	args[] = {CRM_DATUM(ids), CRM_DATUM(TimestampTzGetDatum(core_now())), core_text_value("discard_dead_automation() took it out of the queue"), CRM_INT4(0)};

	require_dead(org, id, "discard_dead_automation");
	core_run_as_owner(org, &insert_skipped, "automation_run", args);
	core_run_as_owner(org, &delete_entries, "automation_queue", args);
	return core_end_text("discarded");
}

/* require_dead locks an entry and refuses one that was not given up. */
static void
require_dead(CrmOrganization *org, int64 id, const char *call)
{
	CrmValue	args[] = {CRM_INT8(id)};

	automation_require_admin(org, "automation_queue");
	if (core_run_as_owner(org, &select_state, "automation_queue", args) == 0)
		core_refuse_unknown("automation_queue", id);
	if (strcmp(core_result_name(0, 1), "dead") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 errmsg("entry %lld of the queue is not dead", (long long) id),
				 errdetail("It is pending and will be run when it is due."),
				 errhint("%s() is for entries of state dead in table automation_queue.", call),
				 err_generic_string(PG_DIAG_TABLE_NAME, "automation_queue")));
}
