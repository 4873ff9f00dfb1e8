/*
 * rollup.c
 *	  Sums the lines into their headers at the end of each statement.
 *
 * Headers are locked first, by ascending key, in a statement of their own;
 * then their states are read and lines of a closed one refused; then the sums
 * are taken under a new snapshot. Summing in the locking statement loses lines.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "pricing/pricing.h"

#define MAX_LINES 8

/* what the lines that a statement inserted sum up to */
typedef struct Sums
{
	AttrNumber	kind;
	AttrNumber	base;
	AttrNumber	extended;
	AttrNumber	line_tax;
	AttrNumber	details;
	AttrNumber	error;
	bool		is_included;	/* taxes with details are part of the price */
	CrmLineContext total;
} Sums;

#define SUMMED_COLUMNS 5

/* whether a statement on lines counts only (is_counting) */
typedef struct Counting
{
	Oid			relid;
	int			key;
	int			columns[SUMMED_COLUMNS];
	bool		is_so;
} Counting;

/* the headers of lines, locked */
typedef struct Headers
{
	int64	   *ids;
	int			n;
	bool		has_tax;		/* taxes take more than sums */
	bool		is_numbered;	/* the statement gave lines numbers */
	CrmNumbers	numbers;
} Headers;

static CrmLines *all_lines[MAX_LINES];
static int	n_lines = 0;

static CrmStatement roll_up_of(const CrmLines *lines, const char *sums);
static bool is_counting(TriggerData *trigdata, const CrmLines *lines);
static void visit_counting(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);
static bool has_these_totals(TriggerData *trigdata, CrmLineContext *known);
static void visit_sums(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);
static char *text_of(TupleTableSlot *slot, AttrNumber column);
static Datum number_of(TupleTableSlot *slot, AttrNumber column);
static void roll_up(TriggerData *trigdata, CrmLines *lines, int64 *ids, int n);
static void keep_living(CrmOrganization *org, const CrmLines *lines, Headers *headers);

PG_FUNCTION_INFO_V1(pricing_roll_up);

/* pricing_add_lines registers a kind of line and writes its statements. */
void
pricing_add_lines(CrmLines *lines)
{
	const char *line = lines->entity.name;
	const char *header = lines->header->name;
	const char *key = lines->header->key;
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	pricing_build_context(lines);
	pricing_build_numbers(lines);
	lines->lock_headers.sql = psprintf(
		"SELECT %1$s, state, tax_method <> 'typed' AND (tax_method = 'included' OR tax_rounding = 'document'), xmin "
		"FROM @%2$s WHERE %1$s = ANY ($1) ORDER BY %1$s FOR NO KEY UPDATE",
		key, header);
	lines->lock_headers.argtypes[0] = INT8ARRAYOID;
	lines->roll_up = roll_up_of(lines, psprintf(
		"SELECT x.id, coalesce(sum(l.extended_amount - l.tax_amount), 0) AS amount, "
		"coalesce(sum(l.base_amount - l.extended_amount + l.tax_amount), 0) AS discount, "
		"coalesce(sum(l.tax_amount), 0) AS tax, "
		"CASE WHEN bool_or(l.pricing_error <> 'none') THEN 'detail_error' ELSE 'none' END AS error "
		"FROM pg_catalog.unnest($1) AS x(id) LEFT JOIN @%1$s l ON l.%2$s = x.id AND l.line_kind = 'standard' "
		"GROUP BY x.id", line, key));
	lines->roll_up_tax = roll_up_of(lines, pricing_tax_sums(lines));
	pricing_build_bundles(lines);
	all_lines[n_lines++] = lines;
	MemoryContextSwitchTo(caller);
	lifecycle_add_entity(&lines->entity);
	pricing_add_tax_checks(lines);
	pricing_add_shape_check(lines);
}

/*
 * roll_up_of writes the statement that puts sums (id, amount, discount, tax,
 * error) into their headers, also where they are there already when $2 is true.
 */
static CrmStatement
roll_up_of(const CrmLines *lines, const char *sums)
{
	CrmStatement statement = {
		.sql = psprintf("UPDATE @%1$s h SET total_line_item_amount = s.amount, "
						"total_line_item_discount_amount = s.discount, total_tax = s.tax, pricing_error = s.error "
						"FROM (%3$s) s WHERE h.%2$s = s.id AND ($2 OR (h.total_line_item_amount, "
						"h.total_line_item_discount_amount, h.total_tax, h.pricing_error) "
						"IS DISTINCT FROM (s.amount, s.discount, s.tax, s.error))",
						lines->header->name, lines->header->key, sums),
		.argtypes = {INT8ARRAYOID, BOOLOID}
	};

	return statement;
}

/*
 * pricing_roll_up is the AFTER statement trigger of every table of lines; its
 * argument is the line's entity.
 */
Datum
pricing_roll_up(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_INSERT | CRM_ON_UPDATE | CRM_ON_DELETE,
		.reads_rows = true, .arguments = 1, .is_named = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmLines   *lines = pricing_lines_of(core_trigger_argument(trigdata, 0));
	Oid			relid = RelationGetRelid(trigdata->tg_relation);
	CrmTicket  *birth = lifecycle_find_ticket(relid, TICKET_BIRTH);
	int64	   *headers;
	int			n;

	pricing_follow_bundles(trigdata, lines);
	if (is_counting(trigdata, lines) ||
		(birth && birth->context && has_these_totals(trigdata, birth->context)))
		return PointerGetDatum(NULL);
	headers = core_transition_ids(trigdata, lines->header->key, &n);
	if (n == 0)
		return PointerGetDatum(NULL);
	SPI_connect();
	roll_up(trigdata, lines, headers, n);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/*
 * has_these_totals tells whether the copied lines came out as their header was
 * written. They did not when a trigger of somebody's, or column_map, made them
 * others than their source, or when such a trigger adds lines meanwhile: then
 * they are summed, these and those that follow.
 */
static bool
has_these_totals(TriggerData *trigdata, CrmLineContext *known)
{
	Relation	rel = trigdata->tg_relation;
	Sums		sums = {
		.kind = core_attribute(rel, "line_kind", TEXTOID),
		.base = core_attribute(rel, "base_amount", NUMERICOID),
		.extended = core_attribute(rel, "extended_amount", NUMERICOID),
		.line_tax = core_attribute(rel, "tax_amount", NUMERICOID),
		.details = core_attribute(rel, "tax_details", JSONBOID),
		.error = core_attribute(rel, "pricing_error", TEXTOID),
		.is_included = known->tax_method == TAX_INCLUDED,
		.total = {.amount = money_zero(), .discount = money_zero(), .tax = money_zero()}
	};

	if (!known->has_known_totals || (known->by_document && known->tax_method != TAX_TYPED))
		return false;			/* not copied whole, or the tax is more than a sum of the lines' */
	core_visit_transitions(trigdata, visit_sums, &sums);
	known->has_known_totals = TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) &&
		money_compare(sums.total.amount, known->amount) == 0 &&
		money_compare(sums.total.discount, known->discount) == 0 &&
		money_compare(sums.total.tax, known->tax) == 0 &&
		sums.total.has_error == known->has_error;
	return known->has_known_totals;
}

static void
visit_sums(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	Sums	   *sums = state;
	Datum		net;
	Datum		part;

	if (new_row == NULL || strcmp(text_of(new_row, sums->kind), "standard") != 0)
		return;
	net = money_subtract(number_of(new_row, sums->extended), number_of(new_row, sums->line_tax));
	sums->total.amount = money_add(sums->total.amount, net);
	part = sums->is_included && !slot_attisnull(new_row, sums->details)
		? number_of(new_row, sums->extended) : net;
	sums->total.discount = money_add(sums->total.discount,
									 money_subtract(number_of(new_row, sums->base), part));
	sums->total.tax = money_add(sums->total.tax, number_of(new_row, sums->line_tax));
	if (strcmp(text_of(new_row, sums->error), "none") != 0)
		sums->total.has_error = true;
}

/* text_of returns a text that is NOT NULL in our tables. */
static char *
text_of(TupleTableSlot *slot, AttrNumber column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? pstrdup("") : TextDatumGetCString(value);
}

/* number_of returns a number that is NOT NULL in our tables. */
static Datum
number_of(TupleTableSlot *slot, AttrNumber column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? money_zero() : value;
}

/*
 * is_counting tells whether the statement only counts on lines, by a call's
 * ticket for each of them, and changes nothing that is summed: such a
 * statement may touch the lines of a closed document.
 */
static bool
is_counting(TriggerData *trigdata, const CrmLines *lines)
{
	static const struct
	{
		const char *name;
		Oid			type;
	}			summed[SUMMED_COLUMNS] = {
		{"line_kind", TEXTOID}, {"base_amount", NUMERICOID}, {"tax_amount", NUMERICOID},
		{"extended_amount", NUMERICOID}, {"pricing_error", TEXTOID}
	};
	Counting	counting = {.relid = RelationGetRelid(trigdata->tg_relation), .is_so = true};

	if (!TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ||
		lifecycle_find_ticket(counting.relid, TICKET_WRITE) == NULL)
		return false;
	counting.key = core_attribute(trigdata->tg_relation, lines->entity.key, INT8OID);
	for (int i = 0; i < SUMMED_COLUMNS; i++)
		counting.columns[i] = core_attribute(trigdata->tg_relation, summed[i].name, summed[i].type);
	core_visit_transitions(trigdata, visit_counting, &counting);
	return counting.is_so;
}

static void
visit_counting(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	Counting   *counting = state;
	TupleDesc	desc = new_row->tts_tupleDescriptor;
	bool		isnull;
	int64		id = DatumGetInt64(slot_getattr(new_row, counting->key, &isnull));

	if (!lifecycle_has_ticket(counting->relid, id))
		counting->is_so = false;
	for (int i = 0; i < SUMMED_COLUMNS && counting->is_so; i++)
	{
		bool		was_null;
		Datum		before = slot_getattr(old_row, counting->columns[i], &was_null);
		Datum		after = slot_getattr(new_row, counting->columns[i], &isnull);

		counting->is_so = !core_differs(TupleDescAttr(desc, counting->columns[i] - 1), before, was_null, after, isnull);
	}
}

/* pricing_lines_of returns the lines of a name, theirs or that of their documents. */
CrmLines *
pricing_lines_of(const char *entity)
{
	for (int i = 0; i < n_lines; i++)
	{
		if (strcmp(all_lines[i]->entity.name, entity) == 0 || strcmp(all_lines[i]->header->name, entity) == 0)
			return all_lines[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is no document with prices", entity),
			 errdetail("Prices stand in the lines of opportunities, quotes, orders and invoices."),
			 errhint("Give opportunity, quote, sales_order or invoice.")));
}

/* roll_up locks the headers, refuses closed ones, sees to the numbers of lines, and writes the sums. */
static void
roll_up(TriggerData *trigdata, CrmLines *lines, int64 *ids, int n)
{
	CrmOrganization *org = core_organization_of(trigdata->tg_relation);
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n)), CRM_NULL};
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = lines->header->name};
	Headers		headers = {.ids = ids};

	headers.n = (int) Min(core_run(org, &lines->lock_headers, args), n);
	keep_living(org, lines, &headers);
	if (headers.n < n)
		lifecycle_refuse_hidden(org, lines->header, args[0], ids, headers.n);
	if (headers.n == 0)
		return;					/* the headers are being deleted themselves */
	if (headers.numbers.n > 0)
		pricing_settle_numbers(trigdata, lines, &headers.numbers);
	ticket.ids = ids;
	ticket.n = headers.n;
	args[0] = CRM_DATUM(core_int8_array(ids, headers.n));
	args[1] = CRM_BOOL(headers.is_numbered);
	lifecycle_run(org, &ticket, headers.has_tax ? &lines->roll_up_tax : &lines->roll_up, args);
}

/* keep_living keeps the ids of headers that are there, refuses closed ones, and sees how their lines were taxed and numbered. */
static void
keep_living(CrmOrganization *org, const CrmLines *lines, Headers *headers)
{
	headers->numbers.headers = palloc(sizeof(int64) * (headers->n + 1));
	headers->numbers.firsts = palloc(sizeof(int64) * (headers->n + 1));
	for (int i = 0; i < headers->n; i++)
	{
		int64		id = core_result_int8(i, 1);
		char	   *state = core_result_name(i, 2);
		bool		isnull;
		TransactionId version = DatumGetTransactionId(core_result(i, 4, XIDOID, &isnull));

		headers->ids[i] = id;
		headers->has_tax |= core_result_bool(i, 3);
		headers->is_numbered |= pricing_take_number(lines, id, version, &headers->numbers);
		if (!core_import_mode && lifecycle_is_read_only(org, lines->header->name, state))
			pricing_refuse_closed(org, lines, id, state);
	}
}

/* pricing_refuse_closed says that the lines of a closed document stay as they are. */
void
pricing_refuse_closed(CrmOrganization *org, const CrmLines *lines, int64 id, const char *state)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("lines of %s that is \"%s\" cannot change", lifecycle_one(lines->header), state),
			 errdetail("%s is read-only, and its lines with it.", lifecycle_called(lines->header, id)),
			 errhint("%s", lifecycle_ways_out(org, lines->header->name, state)),
			 err_generic_string(PG_DIAG_TABLE_NAME, lines->entity.name)));
}
