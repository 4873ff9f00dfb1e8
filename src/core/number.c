/*
 * number.c
 *	  Document numbers and keys, taken from the organization's sequences.
 *
 * A series takes its numbers from a sequence (fast, with gaps) or, when its
 * row says gapless, from the row itself: that lock is held to commit.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "core/core.h"

#define MAX_WIDTH 100			/* digits, whatever the row says */

typedef struct Series
{
	char		name[NAMEDATALEN];
	char	   *prefix;
	int			width;
	bool		is_gapless;
	Oid			sequence;
} Series;

/* The sequence behind a table's key, found once. */
typedef struct KeySequence
{
	Oid			relid;
	Oid			sequence;
} KeySequence;

static HTAB *key_sequences = NULL;

static Series *find_series(CrmOrganization *org, const char *name);
static Series *hold_sequence(CrmOrganization *org, const char *name, Series *series);
static void refuse_no_identity(CrmOrganization *org, const char *table, const char *key) pg_attribute_noreturn();
static void forget_key_sequence(Datum arg, Oid relid);
static void settle_counter(CrmRow *row, const char *sequence);
static void start_run(CrmRow *row);
static void *load_series(CrmOrganization *org);
static uint64 run_on_sequence(CrmRow *row, const char *format, const char *sequence);
static Oid	series_sequence(CrmOrganization *org, const char *name);
static bool take_next_gapless(CrmOrganization *org, const char *series, int64 *number);

PG_FUNCTION_INFO_V1(core_settle_series);

static const CrmConfig series_config = {
	.tables = {"number_series"},
	.load = load_series
};

static CrmStatement select_series = {
	.sql = "SELECT series, prefix, width, is_gapless, sequence_name FROM @number_series"
};

static CrmStatement take_gapless = {
	.sql = "UPDATE @number_series SET last_number = last_number + 1 "
	"WHERE series = $1 AND is_gapless RETURNING last_number",
	.argtypes = {TEXTOID}
};

static CrmStatement find_gapless = {
	.sql = "SELECT 1 FROM @number_series WHERE series = $1 AND is_gapless",
	.argtypes = {TEXTOID}
};

/*
 * core_next_number returns the next number of a series, such as QUO-01000. Its
 * row says where from, and may say otherwise by the time it is our turn.
 */
char *
core_next_number(CrmOrganization *org, const char *name)
{
	Series	   *series = hold_sequence(org, name, find_series(org, name));
	char	   *prefix = pstrdup(series->prefix);	/* what is kept may be read anew meanwhile */
	int			width = series->width;
	int64		number;

	if (!series->is_gapless)
		number = nextval_internal(series->sequence, false);
	else if (!take_next_gapless(org, name, &number))
		return core_next_number(org, name);
	return psprintf("%s%0*lld", prefix, width, (long long) number);
}

/* find_series returns what is kept of a series that numbers can be taken from. */
static Series *
find_series(CrmOrganization *org, const char *name)
{
	Series	   *series = hash_search(core_config(org, &series_config), name, HASH_FIND, NULL);

	if (series == NULL || (!series->is_gapless && !OidIsValid(series->sequence)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("number series \"%s\" is not set up", name),
				 errdetail("Table \"%s.number_series\" has no such row, or its sequence is missing, owned by somebody else, or that of a table's keys.", org->name),
				 errhint("Insert the row or correct its sequence_name.")));
	return series;
}

/*
 * hold_sequence locks the sequence of a series as nextval() does, until commit:
 * who makes the series gapless waits for all that took a number, and those
 * that wait for him see then that it is.
 */
static Series *
hold_sequence(CrmOrganization *org, const char *name, Series *series)
{
	Oid			held = InvalidOid;

	while (!series->is_gapless && series->sequence != held)
	{
		held = series->sequence;
		LockRelationOid(held, RowExclusiveLock);
		series = find_series(org, name);
	}
	return series;
}

/* core_is_gapless tells whether a series leaves no gaps now. */
bool
core_is_gapless(CrmOrganization *org, const char *name)
{
	Series	   *series = hash_search(core_config(org, &series_config), name, HASH_FIND, NULL);

	return series && series->is_gapless;
}

/*
 * core_settle_series is the BEFORE row trigger of a series that is new,
 * becomes gapless or is so no longer: it counts on from the last number taken.
 * A gapless series starts a run of numbers then, and with each new prefix.
 */
Datum
core_settle_series(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_BEFORE, .level = TRIGGER_EVENT_ROW,
		.events = CRM_ON_INSERT | CRM_ON_UPDATE, .table = "number_series"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *row = core_row(trigdata);

	if (row_changed(row, "is_gapless"))
		settle_counter(row, row_text(row, "sequence_name"));
	if ((ROW_IS_INSERT(row) && row_is_null(row, "gapless_from")) ||
		row_changed(row, "is_gapless") || row_changed(row, "prefix"))
		start_run(row);
	return core_row_result(row);
}

/*
 * settle_counter carries the last number over between a series' row and its
 * sequence, from which nobody takes a number meanwhile.
 */
static void
settle_counter(CrmRow *row, const char *sequence)
{
	Oid			held = series_sequence(row->org, sequence);

	if (row_is_null(row, "is_gapless") || row_is_null(row, "last_number") || !OidIsValid(held))
		return;
	if (row_bool(row, "is_gapless"))
		LockRelationOid(held, ShareRowExclusiveLock);
	SPI_connect();
	if (!row_bool(row, "is_gapless"))
		run_on_sequence(row, "SELECT pg_catalog.setval(%s, $1) FROM %s WHERE last_value <= $1", sequence);
	else if (!row_changed(row, "last_number") &&
			 run_on_sequence(row, "SELECT last_value, %s FROM %s WHERE is_called AND last_value > $1", sequence) > 0)
		row_set_int8(row, "last_number", core_result_int8(0, 1));
	SPI_finish();
}

/* start_run remembers the number from which on a gapless series has none missing. */
static void
start_run(CrmRow *row)
{
	if (row_is_null(row, "is_gapless") || row_is_null(row, "last_number") || !row_bool(row, "is_gapless"))
		row_set_null(row, "gapless_from");
	else
		row_set_int8(row, "gapless_from", row_int8(row, "last_number") + 1);
}

/* run_on_sequence runs a statement on a series' sequence as the owner of both. */
static uint64
run_on_sequence(CrmRow *row, const char *format, const char *sequence)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(row_int8(row, "last_number"))};
	char	   *name = psprintf("%s.%s", row->org->quoted, core_quoted(sequence));

	return core_run_as_owner(row->org, core_intern(psprintf(format, quote_literal_cstr(name), name), types),
							 "number_series", args);
}

/* core_next_id returns the next key of a table, as its identity column would. */
int64
core_next_id(CrmOrganization *org, const char *table, const char *key)
{
	Oid			relid = core_table(org, table);
	KeySequence *entry;
	bool		found;

	if (key_sequences == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(KeySequence)};

		key_sequences = hash_create("sales_crm keys", 32, &ctl, HASH_ELEM | HASH_BLOBS);
		core_follow_tables(forget_key_sequence);
	}
	entry = hash_search(key_sequences, &relid, HASH_FIND, &found);
	if (!found)
	{
		Oid			sequence;

		core_require_shape(org, table);
		sequence = getIdentitySequence(relid, get_attnum(relid, key), true);
		if (!OidIsValid(sequence))
			refuse_no_identity(org, table, key);
		entry = hash_search(key_sequences, &relid, HASH_ENTER, NULL);
		entry->sequence = sequence;
	}
	return nextval_internal(entry->sequence, false);
}

/* refuse_no_identity says that the keys of a table have lost the sequence they come from. */
static void
refuse_no_identity(CrmOrganization *org, const char *table, const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("column \"%s\" of table \"%s\" is no identity column any more", key, table),
			 errdetail("The keys of new rows are taken from its sequence."),
			 errhint("ALTER TABLE %s.%s ALTER %s ADD GENERATED BY DEFAULT AS IDENTITY, and set its sequence past the last key.",
					 org->quoted, core_quoted(table), core_quoted(key))));
}

/* forget_key_sequence looks the sequence up anew after its table changed. */
static void
forget_key_sequence(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	KeySequence *entry;

	if (OidIsValid(relid))
	{
		hash_search(key_sequences, &relid, HASH_REMOVE, NULL);
		return;
	}
	hash_seq_init(&scan, key_sequences);
	while ((entry = hash_seq_search(&scan)) != NULL)
		hash_search(key_sequences, &entry->relid, HASH_REMOVE, NULL);
}

/* take_next_gapless raises the series' own counter, as owner of the table; false when it is not gapless any more. */
static bool
take_next_gapless(CrmOrganization *org, const char *series, int64 *number)
{
	CrmValue	args[] = {core_text_value(series)};
	uint64		n;

	SPI_connect();
	n = core_run_as_owner(org, &take_gapless, "number_series", args);
	if (n == 0)
		AcceptInvalidationMessages();	/* of who changed the row while we waited for it */
	if (n == 0)					/* gapless since, but not in the transaction's snapshot? */
		core_require_newest_as_owner(org, &find_gapless, "number_series", args);
	if (n == 1)
		*number = core_result_int8(0, 1);
	else if (n > 1 || core_is_gapless(org, series))
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("number series \"%s\" is not there any more", series),
				 errdetail("Table \"%s.number_series\" has not one row of it.", org->name),
				 errhint("Insert the row, or delete what is there twice.")));
	SPI_finish();
	return n == 1;
}

/* load_series reads number_series into a hash by name. */
static void *
load_series(CrmOrganization *org)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(Series),
	.hcxt = CurrentMemoryContext};
	HTAB	   *all = hash_create("sales_crm series", 8, &ctl,
								  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	uint64		n = core_config_rows(org, "number_series", &select_series);

	for (uint64 i = 0; i < n; i++)
	{
		Series	   *series = hash_search(all, core_result_name(i, 1), HASH_ENTER, NULL);

		series->prefix = core_result_name(i, 2);
		series->width = Max(0, Min(core_result_int4(i, 3), MAX_WIDTH));
		series->is_gapless = core_result_bool(i, 4);
		series->sequence = series_sequence(org, core_result_text(i, 5));
	}
	return all;
}

/*
 * series_sequence finds the sequence of a series. It is advanced without a
 * look at the caller's rights, so it must belong to the organization, and not
 * to a table, whose keys would come to their end.
 */
static Oid
series_sequence(CrmOrganization *org, const char *name)
{
	Oid			sequence = name ? get_relname_relid(name, org->oid) : InvalidOid;
	Oid			table;
	int32		column;

	if (!OidIsValid(sequence) ||
		get_rel_relkind(sequence) != RELKIND_SEQUENCE ||
		core_owner(org, name) != core_owner(org, "number_series") ||
		sequenceIsOwned(sequence, DEPENDENCY_INTERNAL, &table, &column))
		return InvalidOid;
	return sequence;
}
