/*
 * explain.c
 *	  How a price or a total came about, in steps that can be read to a customer.
 *
 * The stored row is computed once more by the functions that the triggers use,
 * with a trace; nothing is written. Where that does not lead to what is stored,
 * since prices are locked or the catalogue has changed, the stored figure is
 * the last word and a step says why.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "pricing/pricing.h"

typedef struct Step
{
	char	   *rule;
	char	   *input;
	CrmValue	result;
} Step;

/* what a line stands in, by the names that people know */
typedef struct Surroundings
{
	const CrmLines *lines;
	int64		header_id;
	char	   *state;
	char	   *price_list;
	char	   *list_state;
	char	   *begin_date;
	char	   *end_date;
	char	   *date;
	bool		is_own_list;	/* the document names the price list itself */
	char	   *default_of;		/* customer whose default list it is, or NULL */
} Surroundings;

static CrmRow *read_row(CrmOrganization *org, const CrmEntity *entity, Relation rel, int64 id);
static void explain_line(CrmRow *row, CrmLines *lines, CrmTrace *trace);
static void read_surroundings(CrmRow *row, const CrmLines *lines, const CrmOffer *offer,
							  CrmTrace *trace, Surroundings *around);
static void explain_product(CrmRow *row, CrmLineContext *context, const Surroundings *around);
static void explain_found_price(const CrmOffer *offer, const Surroundings *around, CrmTrace *trace,
								const CrmTrace *today);
static void explain_kept_price(CrmRow *row, const CrmLineContext *context, const Surroundings *around,
							   CrmTrace *today, const char *error, Datum price);
static void explain_volume_discount(CrmRow *row, CrmLineContext *context, const Surroundings *around);
static char *why_kept(CrmRow *row, const CrmLineContext *context, const Surroundings *around);
static char *words_of(const char *error, const CrmOffer *offer, const Surroundings *around, const CrmTrace *trace);
static char *words_of_dates(const Surroundings *around);
static void end_as_stored(CrmTrace *trace, const char *rule, Datum computed, Datum stored);
static void explain_base(CrmRow *row, const CrmLines *lines, Datum total, CrmTrace *trace);
static void explain_lines(CrmRow *row, const CrmLines *lines, CrmTrace *trace);
static void explain_rates(CrmRow *row, const CrmLines *lines, CrmTrace *trace);
static Datum end_explanation(FunctionCallInfo fcinfo, const CrmTrace *trace);

PG_FUNCTION_INFO_V1(pricing_explain_price);
PG_FUNCTION_INFO_V1(pricing_explain_total);

/* pricing_step adds a step to an explanation, where one is wanted. */
void
pricing_step(CrmTrace *trace, const char *rule, CrmValue result, const char *format,...)
{
	Step	   *step;
	StringInfoData text;
	int			more = 1;

	if (trace == NULL)
		return;
	initStringInfo(&text);
	while (more != 0)
	{
		va_list		args;

		va_start(args, format);
		more = appendStringInfoVA(&text, format, args);
		va_end(args);
		if (more != 0)
			enlargeStringInfo(&text, more);
	}
	step = palloc(sizeof(Step));
	step->rule = pstrdup(rule);
	step->input = text.data;
	step->result = result;
	if (!result.isnull)
		step->result.value = money_round(result.value, Max(trace->decimals, Min(money_scale(result.value), 5)));
	trace->steps = lappend(trace->steps, step);
}

/* pricing_explain_price tells how the price and the amounts of a line came about. */
Datum
pricing_explain_price(PG_FUNCTION_ARGS)
{
	char	   *entity = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "line_id");
	CrmTrace	trace = {0};
	CrmOrganization *org;
	CrmLines   *lines;
	Relation	rel;
	int			nest;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin_reading();
	nest = core_fix_settings(org);
	lines = pricing_lines_of(entity);
	rel = table_open(core_table(org, lines->entity.name), AccessShareLock);
	explain_line(read_row(org, &lines->entity, rel, id), lines, &trace);
	AtEOXact_GUC(true, nest);
	table_close(rel, AccessShareLock);
	return end_explanation(fcinfo, &trace);
}

/* read_row reads a stored row as an update would see it that changes nothing. */
static CrmRow *
read_row(CrmOrganization *org, const CrmEntity *entity, Relation rel, int64 id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(id)};
	bool		isnull;
	Datum		stored;

	if (core_run(org, core_intern(psprintf("SELECT x FROM @%s x WHERE x.%s = $1", entity->name, entity->key),
								  types), args) == 0)
		core_refuse_unknown(entity->name, id);
	stored = core_result(0, 1, rel->rd_rel->reltype, &isnull);
	return core_stored_row(org, rel, DatumGetHeapTupleHeader(stored));
}

/* explain_line writes the steps of a line: its price, its discounts, its amounts. */
static void
explain_line(CrmRow *row, CrmLines *lines, CrmTrace *trace)
{
	CrmLineContext context = {.trace = trace};
	Surroundings around = {.lines = lines, .header_id = row_int8(row, lines->header->key)};
	char	   *kind = row_text(row, "line_kind");
	Datum		amount = row_datum(row, "extended_amount");

	if (!pricing_read_context(row, lines, &context))
		core_refuse_unknown(lines->header->name, around.header_id);
	trace->decimals = context.decimals;
	if (kind && strcmp(kind, "note") == 0)
	{
		pricing_step(trace, "note", CRM_DATUM(amount), "a note has no price");
		return;
	}
	read_surroundings(row, lines, &context.offer, trace, &around);
	if (row_is_null(row, "product_id"))
		pricing_step(trace, "price per unit", CRM_DATUM(row_datum(row, "price_per_unit")),
					 "typed for \"%s\", which is not in the catalogue", row_text(row, "product_description"));
	else if (pricing_is_inside_bundle(row))
		pricing_step(trace, "price per unit", CRM_DATUM(row_datum(row, "price_per_unit")),
					 "inside the price of the bundle that this is a required member of");
	else
		explain_product(row, &context, &around);
	pricing_keep_rates(row, &context);
	pricing_compute_amounts(row, &context);
	end_as_stored(trace, "amount of the line", row_datum(row, "extended_amount"), amount);
}

/* read_surroundings reads the names that the steps call things by. */
static void
read_surroundings(CrmRow *row, const CrmLines *lines, const CrmOffer *offer,
				  CrmTrace *trace, Surroundings *around)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID};
	CrmStatement *read = core_intern(psprintf("SELECT h.state, pl.name, pl.state, pl.begin_date::text, pl.end_date::text, "
											  "u.name, d.name, dl.name, h.price_list_id = $2, "
											  "CASE WHEN coalesce(a.price_list_id, p.price_list_id) = $2 THEN coalesce(a.name, p.full_name) END "
											  "FROM @%1$s h LEFT JOIN @price_list pl ON pl.price_list_id = $2 "
											  "LEFT JOIN @unit u ON u.unit_id = $3 LEFT JOIN @unit d ON d.unit_id = $4 "
											  "LEFT JOIN @discount_list dl ON dl.discount_list_id = $5 "
											  "LEFT JOIN @account a ON a.account_id = h.account_id "
											  "LEFT JOIN @contact p ON p.contact_id = h.contact_id AND h.account_id IS NULL "
											  "WHERE h.%2$s = $1", lines->header->name, lines->header->key), types);
	CrmValue	args[] = {
		CRM_INT8(around->header_id), CRM_ID(offer->price_list_id), CRM_ID(offer->unit_id),
		CRM_ID(offer->default_unit_id), CRM_ID(offer->discount_list_id)
	};

	if (core_run(row->org, read, args) == 0)
		core_refuse_unknown(lines->header->name, around->header_id);
	around->state = core_result_name(0, 1);
	around->price_list = core_result_name(0, 2);
	around->list_state = core_result_name(0, 3);
	around->begin_date = core_result_text(0, 4);
	around->end_date = core_result_text(0, 5);
	trace->unit = core_result_name(0, 6);
	trace->default_unit = core_result_name(0, 7);
	trace->discount_list = core_result_name(0, 8);
	around->is_own_list = core_result_bool(0, 9);
	around->default_of = core_result_text(0, 10);
	if (around->begin_date || around->end_date)
		around->date = core_date_text(pricing_offer_date(row->org, offer));
}

/*
 * explain_product works the price of a product out as the catalogue stands,
 * and compares it with the price that is stored.
 */
static void
explain_product(CrmRow *row, CrmLineContext *context, const Surroundings *around)
{
	CrmTrace	today = *context->trace;
	Datum		stored = row_datum(row, "price_per_unit");
	Datum		price;
	const char *error;

	today.steps = NIL;
	error = pricing_unit_price(row->org, &context->offer, &today, &price);
	if (row_bool(row, "is_price_overridden"))
		pricing_step(context->trace, "price per unit", CRM_DATUM(stored), "typed for this line (%s)",
					 strcmp(error, "none") == 0
					 ? psprintf("\"%s\" gives %s", around->price_list, money_shown(price, today.decimals))
					 : words_of(error, &context->offer, around, &today));
	else if (strcmp(error, row_name(row, "pricing_error")) != 0 || money_compare(money_round(price, 5), stored) != 0)
		explain_kept_price(row, context, around, &today, error, price);
	else if (strcmp(error, "none") != 0)
		pricing_step(context->trace, "price per unit", CRM_DATUM(stored), "none: %s",
					 words_of(error, &context->offer, around, &today));
	else
	{
		explain_found_price(&context->offer, around, context->trace, &today);
		pricing_step(context->trace, "price per unit", CRM_DATUM(stored), "for one %s", today.unit);
	}
	explain_volume_discount(row, context, around);
}

/* explain_found_price names the price list and takes over the steps of the price. */
static void
explain_found_price(const CrmOffer *offer, const Surroundings *around, CrmTrace *trace,
					const CrmTrace *today)
{
	const char *header = around->lines->header->label;
	char	   *why = psprintf("the price list of the product, since that of the %s has no price for it", header);

	if (around->is_own_list)
		why = around->default_of ? psprintf("the price list of the %s, default of %s", header, around->default_of)
			: psprintf("the price list of the %s", header);
	if (offer->method)
		pricing_step(trace, "price list", CRM_NULL, "\"%s\" (%s), %s", around->price_list, offer->currency, why);
	trace->steps = list_concat(trace->steps, today->steps);
}

/* explain_kept_price tells what the catalogue gives today, and why the stored price is another. */
static void
explain_kept_price(CrmRow *row, const CrmLineContext *context, const Surroundings *around,
				   CrmTrace *today, const char *error, Datum price)
{
	CrmTrace   *trace = context->trace;
	char	   *kept = row_name(row, "pricing_error");

	if (strcmp(error, "none") == 0)
		explain_found_price(&context->offer, around, trace, today);
	if (strcmp(error, "none") == 0)
		pricing_step(trace, "catalogue today", CRM_DATUM(price), "what one %s would cost now", today->unit);
	else
		pricing_step(trace, "catalogue today", CRM_NULL, "no price: %s",
					 words_of(error, &context->offer, around, today));
	pricing_step(trace, "price per unit", CRM_DATUM(row_datum(row, "price_per_unit")), "%s, kept from before: %s",
				 strcmp(kept, "none") == 0 ? "as stored" : psprintf("none (%s)", kept),
				 why_kept(row, context, around));
}

/* explain_volume_discount tells what the quantity saved; another band may hold by now. */
static void
explain_volume_discount(CrmRow *row, CrmLineContext *context, const Surroundings *around)
{
	CrmTrace	today = *context->trace;
	Datum		stored = row_datum(row, "volume_discount_amount");
	Datum		saved = money_zero();

	today.steps = NIL;
	if (!row_bool(row, "is_price_overridden") && strcmp(row_name(row, "pricing_error"), "none") == 0)
		saved = pricing_volume_discount(row->org, &context->offer, row_datum(row, "quantity"),
										row_datum(row, "price_per_unit"), &today);
	if (money_compare(saved, stored) == 0)
		context->trace->steps = list_concat(context->trace->steps, today.steps);
	else
		pricing_step(context->trace, "volume discount", CRM_DATUM(stored),
					 "on each %s, kept from before (today %s): %s", today.unit,
					 money_shown(saved, today.decimals), why_kept(row, context, around));
}

/* why_kept tells why a line keeps what the catalogue no longer says. */
static char *
why_kept(CrmRow *row, const CrmLineContext *context, const Surroundings *around)
{
	static const char *const sources[] = {"opportunity_product_id", "quote_product_id", "sales_order_product_id"};
	const CrmEntity *header = around->lines->header;
	char	   *way_out = psprintf("reprice('%s', %lld) takes the prices of today", header->name,
								   (long long) around->header_id);

	if (lifecycle_is_read_only(row->org, header->name, around->state))
		return psprintf("the %s is \"%s\" and does not change", header->label, around->state);
	if (context->is_locked)
		return psprintf("the prices of the %s are locked", header->label);
	for (int i = 0; i < lengthof(sources); i++)
	{
		if (strcmp(sources[i], around->lines->entity.key) != 0 && !row_is_null(row, sources[i]))
			return psprintf("the line was copied with its price; %s", way_out);
	}
	return psprintf("the catalogue has changed since the line was written; %s", way_out);
}

/* words_of says in words why a product has no price. */
static char *
words_of(const char *error, const CrmOffer *offer, const Surroundings *around, const CrmTrace *trace)
{
	static const struct
	{
		const char *error;
		const char *words;		/* of the product */
	}			all[] = {
		{"missing_price_list_amount", "the price list has an item for \"%s\" without an amount"},
		{"missing_percentage", "the price list has an item for \"%s\" without a percentage"},
		{"missing_price", "the price is a percentage of the list price, and \"%s\" has no list price"},
		{"missing_current_cost", "the price follows from the current cost, and \"%s\" has none"},
		{"missing_standard_cost", "the price follows from the standard cost, and \"%s\" has none"},
		{"invalid_percentage", "the price list has a percentage for \"%s\" that gives no price: a margin is below 100"},
		{"invalid_rounding_option", "the price list rounds the price of \"%s\", but does not say to what"},
		{"invalid_rounding_amount", "the price list rounds the price of \"%s\" to an amount that is missing or not above 0"},
		{"invalid_price_list_currency", "the list price and costs of \"%s\" are in another currency than the price list"},
		{"invalid_pricing_method", "the price list has a pricing method for \"%s\" that is not known"},
		{"missing_product_default_unit", "\"%s\" has no default unit"}
	};

	if (strcmp(error, "missing_price_list") == 0)
		return psprintf("the %s names no price list", around->lines->header->label);
	if (strcmp(error, "product_not_in_price_list") == 0)
		return psprintf("price list \"%s\" has no price for one %s of \"%s\"", around->price_list, trace->unit,
						offer->product_name);
	if (strcmp(error, "inactive_price_level") == 0)
		return words_of_dates(around);
	for (int i = 0; i < lengthof(all); i++)
	{
		if (strcmp(error, all[i].error) == 0)
			return psprintf(all[i].words, offer->product_name);
	}
	return pstrdup(error);
}

/* words_of_dates says why a price list does not count for a document. */
static char *
words_of_dates(const Surroundings *around)
{
	if (strcmp(around->list_state, "active") != 0)
		return psprintf("price list \"%s\" is %s", around->price_list, around->list_state);
	return psprintf("price list \"%s\" counts%s%s%s%s, the date of the %s is %s", around->price_list,
					around->begin_date ? " from " : "", around->begin_date ? around->begin_date : "",
					around->end_date ? " to " : "", around->end_date ? around->end_date : "",
					around->lines->header->label, around->date);
}

/* end_as_stored lets the stored figure be the last, where the rules of today give another. */
static void
end_as_stored(CrmTrace *trace, const char *rule, Datum computed, Datum stored)
{
	if (money_compare(computed, stored) != 0)
		pricing_step(trace, rule, CRM_DATUM(stored), "as stored, by the rules of its day");
}

/* pricing_explain_total tells how the total of a document came about. */
Datum
pricing_explain_total(PG_FUNCTION_ARGS)
{
	char	   *entity = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "id");
	CrmTrace	trace = {0};
	CrmOrganization *org;
	CrmLines   *lines;
	Relation	rel;
	CrmRow	   *row;
	Datum		total;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin_reading();
	lines = pricing_lines_of(entity);
	rel = table_open(core_table(org, lines->header->name), AccessShareLock);
	row = read_row(org, lines->header, rel, id);
	total = row_datum(row, "total_amount");
	trace.decimals = catalog_currency(org, row_text(row, "currency_code"))->decimals;
	explain_lines(row, lines, &trace);
	pricing_compute_totals(row, &trace);
	end_as_stored(&trace, "total", row_datum(row, "total_amount"), total);
	explain_base(row, lines, total, &trace);
	table_close(rel, AccessShareLock);
	return end_explanation(fcinfo, &trace);
}

/* explain_base tells what the total is in base currency, at the rate the document keeps. */
static void
explain_base(CrmRow *row, const CrmLines *lines, Datum total, CrmTrace *trace)
{
	const char *base = catalog_base_currency(row->org);
	char	   *currency = row_text(row, "currency_code");
	CrmValue	result = CRM_DATUM(row_datum(row, "total_amount_base"));

	if (strcmp(base, currency) == 0)
		pricing_step(trace, "total in base currency", result, "%s is the base currency", base);
	else
		pricing_step(trace, "total in base currency", result, "%s %s / %s, the rate of the %s: %s", money_shown(total, trace->decimals),
					 currency, money_shown(row_datum(row, "exchange_rate"), 0), lines->header->label, base);
}

/* explain_lines tells what the lines of a document come to, and each rate of tax on them. */
static void
explain_lines(CrmRow *row, const CrmLines *lines, CrmTrace *trace)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(row_int8(row, lines->header->key))};
	CrmStatement *count = core_intern(psprintf("SELECT count(*) FILTER (WHERE line_kind = 'standard'), "
											   "count(*) FILTER (WHERE line_kind IN ('optional', 'alternative')) "
											   "FROM @%s WHERE %s = $1", lines->entity.name, lines->header->key), types);
	bool		is_included = strcmp(row_name(row, "tax_method"), "included") == 0;
	Datum		net = row_datum(row, "total_line_item_amount");
	Datum		tax = row_datum(row, "total_tax");
	Datum		less = is_included ? money_add(net, tax) : net;
	Datum		saved = row_datum(row, "total_line_item_discount_amount");
	int64		n;

	core_run(row->org, count, args);
	n = core_result_int8(0, 2);
	pricing_step(trace, "lines", CRM_DATUM(money_add(less, saved)), "%lld %s%s",
				 (long long) core_result_int8(0, 1), core_result_int8(0, 1) == 1 ? "line" : "lines",
				 n == 0 ? "" : psprintf("; %lld optional or alternative not counted", (long long) n));
	if (!money_is_zero(saved))
	{
		pricing_step(trace, "discounts of the lines", CRM_DATUM(saved), "sum of the manual discounts");
		pricing_step(trace, "lines less discounts", CRM_DATUM(less), "%s - %s",
					 money_shown(money_add(less, saved), trace->decimals), money_shown(saved, trace->decimals));
	}
	explain_rates(row, lines, trace);
	if (is_included && !money_is_zero(tax))
		pricing_step(trace, "lines without tax", CRM_DATUM(net), "%s - %s, the taxes that the prices include",
					 money_shown(less, trace->decimals), money_shown(tax, trace->decimals));
}

/* explain_rates sums the tax of the lines by rate, where the lines know their rates. */
static void
explain_rates(CrmRow *row, const CrmLines *lines, CrmTrace *trace)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, INT4OID};
	CrmValue	args[] = {CRM_INT8(row_int8(row, lines->header->key)), CRM_INT4(trace->decimals)};
	uint64		n = core_run(row->org, core_intern(psprintf(
		"SELECT min(t.name), min(t.percentage), round(sum(t.amount), $2) FROM @%s l, "
		"jsonb_to_recordset(l.tax_details) AS t (tax_rate_id bigint, name text, percentage numeric, amount numeric) "
		"WHERE l.%s = $1 AND l.line_kind = 'standard' GROUP BY t.tax_rate_id ORDER BY 1, 2",
		lines->entity.name, lines->header->key), types), args);

	for (uint64 i = 0; i < n; i++)
		pricing_step(trace, "tax rate", CRM_DATUM(core_result_number(i, 3)), "%s, %s %%",
					 core_result_name(i, 1), money_shown(core_result_number(i, 2), 0));
}

/* end_explanation returns the steps as rows, numbered. */
static Datum
end_explanation(FunctionCallInfo fcinfo, const CrmTrace *trace)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	foreach(cell, trace->steps)
	{
		Step	   *step = lfirst(cell);
		Datum		values[4] = {
			Int32GetDatum(foreach_current_index(cell) + 1), CStringGetTextDatum(step->rule),
			CStringGetTextDatum(step->input), step->result.value
		};
		bool		nulls[4] = {false, false, false, step->result.isnull};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
