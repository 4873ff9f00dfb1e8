/*
 * line_number.c
 *	  The number of a line among those of its document: one behind the last,
 *	  also when two people add lines at once.
 *
 * A line is numbered before its document is locked: that comes at the end of
 * the statement, by key, since locks in row triggers deadlock statements on
 * several documents. Who numbers lines changes their document, so one that was
 * changed by somebody else meanwhile tells that lines may have come with the
 * same numbers. Then those of the statement move behind them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "pricing/pricing.h"

/* What the lines of a document were numbered by, in statements that did not end yet. */
typedef struct Numbering
{
	const CrmLines *lines;		/* the hash key begins here ... */
	int64		header_id;
	int64		depth;			/* of triggers; ... and ends here */
	TransactionId version;		/* of the document */
	int32		first;
} Numbering;

static HTAB *numberings = NULL;
static LocalTransactionId transaction = InvalidLocalTransactionId;

static int64 trigger_depth(void);
static HTAB *make_hash(void);

/* pricing_build_numbers writes the statements that give lines other numbers. */
void
pricing_build_numbers(CrmLines *lines)
{
	const char *line = lines->entity.name;
	const char *key = lines->entity.key;
	const char *header = lines->header->key;

	lines->find_same_numbers.sql = psprintf(
		"WITH mine AS (SELECT x.%2$s AS id, x.%3$s AS header, x.line_number FROM unnest($2, $3) AS h(id, first) "
		"JOIN @%1$s x ON x.%3$s = h.id AND x.line_number >= h.first WHERE x.%2$s = ANY ($1) OR x.bundle_line_id = ANY ($1)), "
		"others AS (SELECT o.%3$s AS header, max(o.line_number) AS last, bool_or(EXISTS (SELECT FROM mine m "
		"WHERE m.header = o.%3$s AND m.line_number = o.line_number)) AS meets FROM @%1$s o "
		"WHERE o.%3$s = ANY ($2) AND NOT EXISTS (SELECT FROM mine m WHERE m.id = o.%2$s) GROUP BY o.%3$s) "
		"SELECT m.id, o.last + row_number() OVER (PARTITION BY m.header ORDER BY m.line_number, m.id) "
		"FROM mine m JOIN others o USING (header) WHERE o.meets ORDER BY m.id", line, key, header);
	lines->find_same_numbers.argtypes[0] = lines->find_same_numbers.argtypes[1] = INT8ARRAYOID;
	lines->find_same_numbers.argtypes[2] = INT8ARRAYOID;
	lines->renumber.sql = psprintf("UPDATE @%1$s l SET line_number = n.number FROM unnest($1, $2) AS n(id, number) "
								   "WHERE l.%2$s = n.id", line, key);
	lines->renumber.argtypes[0] = lines->renumber.argtypes[1] = INT8ARRAYOID;
}

/* pricing_note_number remembers by which version of its document a line was numbered. */
void
pricing_note_number(const CrmLines *lines, int64 header_id, TransactionId version, int32 number)
{
	Numbering	key = {.lines = lines, .header_id = header_id, .depth = trigger_depth()};
	Numbering  *numbering;
	bool		found;

	if (transaction != MyProc->lxid && numberings && hash_get_num_entries(numberings) > 0)
	{
		hash_destroy(numberings);	/* of statements that failed */
		numberings = NULL;
	}
	transaction = MyProc->lxid;
	if (numberings == NULL)
		numberings = make_hash();
	numbering = hash_search(numberings, &key, HASH_ENTER, &found);
	if (found)
		return;
	numbering->version = version;
	numbering->first = number;
}

static HTAB *
make_hash(void)
{
	HASHCTL		ctl = {.keysize = offsetof(Numbering, version), .entrysize = sizeof(Numbering)};

	return hash_create("sales_crm line numbers", 32, &ctl, HASH_ELEM | HASH_BLOBS);
}

/* trigger_depth tells the statement whose triggers run from those within them. */
static int64
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

/*
 * pricing_take_number forgets how lines of a document, which is locked by now,
 * were numbered, and notes it among those to look at when it was another
 * version. False = the statement numbered none.
 */
bool
pricing_take_number(const CrmLines *lines, int64 header_id, TransactionId version, CrmNumbers *numbers)
{
	Numbering	key = {.lines = lines, .header_id = header_id};
	Numbering  *numbering;

	if (numberings == NULL || transaction != MyProc->lxid || hash_get_num_entries(numberings) == 0)
		return false;
	key.depth = trigger_depth();
	numbering = hash_search(numberings, &key, HASH_REMOVE, NULL);
	if (numbering == NULL)
		return false;
	if (numbering->version != version)
	{
		numbers->headers[numbers->n] = header_id;
		numbers->firsts[numbers->n++] = numbering->first;
	}
	return true;
}

/* pricing_settle_numbers moves the lines of a statement behind those of others that have a number of theirs. */
void
pricing_settle_numbers(TriggerData *trigdata, CrmLines *lines, const CrmNumbers *numbers)
{
	CrmOrganization *org = core_organization_of(trigdata->tg_relation);
	int			n_written;
	int64	   *written = core_transition_ids(trigdata, lines->entity.key, &n_written);
	CrmValue	args[] = {
		CRM_DATUM(core_int8_array(written, n_written)), CRM_DATUM(core_int8_array(numbers->headers, numbers->n)),
		CRM_DATUM(core_int8_array(numbers->firsts, numbers->n))
	};
	int			n = (int) core_run(org, &lines->find_same_numbers, args);
	int64	   *ids = palloc(sizeof(int64) * (n + 1));
	int64	   *places = palloc(sizeof(int64) * (n + 1));
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = lines->entity.name, .ids = ids, .n = n};

	for (int i = 0; i < n; i++)
	{
		ids[i] = core_result_int8(i, 1);
		places[i] = core_result_int8(i, 2);
	}
	args[0] = CRM_DATUM(core_int8_array(ids, n));
	args[1] = CRM_DATUM(core_int8_array(places, n));
	if (n > 0)
		lifecycle_run(org, &ticket, &lines->renumber, args);
}
