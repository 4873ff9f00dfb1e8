/*
 * tax.c
 *	  The taxes of a line: which rates it bears, and what they come to (D§4.4).
 *
 * Where tax is typed, none of this is asked for. Elsewhere the rules are kept
 * in memory and matched in C; a line stores the rates it was made with, and a
 * copy of it computes with those.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/formatting.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "pricing/pricing.h"

/* decimals of a tax that is rounded on the document */
#define UNROUNDED 10
/* decimals that a division by 100 + percent is worked out to */
#define DIVISION 20

/* One row of tax_rule with its rate; NULL stands for any. */
typedef struct TaxRule
{
	char	   *category;
	char	   *country;
	char	   *state;
	DateADT		from;
	DateADT		to;
	CrmTaxRate	rate;
} TaxRule;

typedef struct TaxRules
{
	TaxRule    *rules;
	int			n;
} TaxRules;

static void *load_rules(CrmOrganization *org);
static DateADT date_or(uint64 row, int column, DateADT otherwise);
static char *plain(const char *text);
static bool is_taken_as_it_is(const CrmRow *row);
static bool keeps_rates(const CrmRow *row, const CrmLineContext *context);
static bool was_note(const CrmRow *row);
static void find_rates(CrmRow *row, CrmLineContext *context);
static bool applies(const TaxRule *rule, const CrmTaxCase *to);
static bool has_rate(const CrmLineContext *context, int64 tax_rate_id);
static JsonbValue *detail(CrmRow *row, JsonbValue *of, const char *key, enum jbvType type);
static void refuse_details(CrmRow *row) pg_attribute_noreturn();
static bool takes_cents(CrmRow *row, const CrmLineContext *context);
static Datum add_cents(const CrmLineContext *context, Datum given, Datum tax);
static Datum write_rates(const CrmLineContext *context);
static Datum share(Datum amount, Datum part, Datum whole, int decimals);

static const CrmEntity entities[] = {
	{.name = "tax_rate", .key = "tax_rate_id", .label = "tax rate", .title = "name"},
	{.name = "tax_rule", .key = "tax_rule_id", .label = "tax rule", .title = "name"}
};

static const CrmConfig tax_config = {
	.tables = {"tax_rule", "tax_rate"},
	.load = load_rules
};

static CrmStatement select_rules = {
	.sql = "SELECT u.tax_category, u.country, u.state_or_province, r.effective_from, r.effective_to, "
	"r.tax_rate_id, r.name, r.percentage FROM @tax_rule u JOIN @tax_rate r USING (tax_rate_id) "
	"WHERE r.state = 'active' ORDER BY u.sort_order, u.tax_rule_id"
};

/* pricing_init registers the entities of this room. */
void
pricing_init(void)
{
	for (int i = 0; i < lengthof(entities); i++)
		lifecycle_add_entity(&entities[i]);
}

/* load_rules reads the rules that lead to an active rate. */
static void *
load_rules(CrmOrganization *org)
{
	TaxRules   *all = palloc0(sizeof(TaxRules));
	uint64		n = core_config_rows(org, "tax_rule", &select_rules);

	all->rules = palloc0(sizeof(TaxRule) * (n + 1));
	all->n = n;
	for (uint64 i = 0; i < n; i++)
	{
		TaxRule    *rule = &all->rules[i];

		rule->category = core_result_text(i, 1);
		rule->country = plain(core_result_text(i, 2));
		rule->state = plain(core_result_text(i, 3));
		rule->from = date_or(i, 4, DATEVAL_NOBEGIN);
		rule->to = date_or(i, 5, DATEVAL_NOEND);
		rule->rate.tax_rate_id = core_result_int8(i, 6);
		rule->rate.name = core_result_name(i, 7);
		rule->rate.percentage = datumCopy(core_result_number(i, 8), false, -1);
	}
	return all;
}

static DateADT
date_or(uint64 row, int column, DateADT otherwise)
{
	bool		isnull;
	Datum		value = core_result(row, column, DATEOID, &isnull);

	return isnull ? otherwise : DatumGetDateADT(value);
}

/* plain makes names of places comparable: lower case, no outer blanks, NULL when nothing is left. */
static char *
plain(const char *text)
{
	const char *end = text ? text + strlen(text) : NULL;

	while (text && text < end && isspace((unsigned char) *text))
		text++;
	while (text && end > text && isspace((unsigned char) end[-1]))
		end--;
	return text == end ? NULL : str_tolower(text, end - text, DEFAULT_COLLATION_OID);
}

/*
 * pricing_tax_columns writes what the query of a line's context adds for
 * taxes: the columns of PRICING_TAX_COLUMNS, the product's category, and the
 * addresses of the document. The address of a deal is its customer's.
 */
char *
pricing_tax_columns(const CrmLines *lines)
{
	static const char *const of_deal =
		"CASE WHEN h.tax_method = 'typed' THEN NULL WHEN h.account_id IS NOT NULL "
		"THEN (SELECT a.%1$s FROM @account a WHERE a.account_id = h.account_id) "
		"ELSE (SELECT o.%1$s FROM @contact o WHERE o.contact_id = h.contact_id) END";
	const char *addresses = "h.ship_to_country, h.ship_to_state_or_province, h.bill_to_country, h.bill_to_state_or_province";

	if (strcmp(lines->header->name, "opportunity") == 0)
		addresses = psprintf("%s, %s, NULL::text, NULL::text", psprintf(of_deal, "address_country"),
							 psprintf(of_deal, "address_state_or_province"));
	return psprintf("%s, p.tax_category, %s", PRICING_TAX_COLUMNS, addresses);
}

/* pricing_read_tax_method reads PRICING_TAX_COLUMNS of a result, which begin at a column. */
void
pricing_read_tax_method(CrmLineContext *context, uint64 row, int column)
{
	context->tax_method = core_result_int4(row, column);
	context->by_document = core_result_bool(row, column + 1);
}

/*
 * pricing_read_tax_case reads the columns of pricing_tax_columns(). The
 * delivery address counts when it names a country or a state, else the billing
 * address.
 */
void
pricing_read_tax_case(CrmOrganization *org, CrmLineContext *context, int column)
{
	CrmTaxCase *to = &context->tax_case;

	pricing_read_tax_method(context, 0, column);
	to->category = core_result_text(0, column + 2);
	if (context->tax_method == TAX_TYPED)
		return;
	to->date = DatumGetDateADT(pricing_offer_date(org, &context->offer));
	to->country = plain(core_result_text(0, column + 3));
	to->state = plain(core_result_text(0, column + 4));
	if (to->country == NULL && to->state == NULL)
	{
		to->country = plain(core_result_text(0, column + 5));
		to->state = plain(core_result_text(0, column + 6));
	}
	if (to->country == NULL)
		to->country = plain(core_setting(org, "default_country"));
}

/*
 * pricing_complete_tax_category gives a line the category of its product; a
 * write-in is standard, a note has none.
 */
void
pricing_complete_tax_category(CrmRow *row, const CrmLineContext *context)
{
	if (pricing_is_note(row))
	{
		row_set_null(row, "tax_category");
		return;
	}
	if (!row_is_null(row, "tax_category") &&
		(!row_changed(row, "product_id") || row_changed(row, "tax_category")))
		return;
	row_set_text(row, "tax_category", context->tax_case.category ? context->tax_case.category : "standard");
}

/*
 * pricing_take_rates finds the rates of a line: those that it keeps, or those
 * of the rules as they stand. A line whose tax is as typed has none.
 */
void
pricing_take_rates(CrmRow *row, CrmLineContext *context)
{
	MemoryContext caller;

	if (context->tax_method == TAX_TYPED)
		return;
	caller = MemoryContextSwitchTo(row->context);
	if (is_taken_as_it_is(row))
	{
		context->tax_method = TAX_TYPED;
		row_set_null(row, "tax_details");
	}
	else if (keeps_rates(row, context))
		pricing_keep_rates(row, context);
	else
		find_rates(row, context);
	MemoryContextSwitchTo(caller);
}

/* is_taken_as_it_is tells whether a line keeps its typed tax on any document: a note, or a down payment deducted. */
static bool
is_taken_as_it_is(const CrmRow *row)
{
	return pricing_is_note(row) || !row_is_null(row, "down_payment_invoice_id");
}

/*
 * keeps_rates tells whether a line computes with the rates it has: a copy, a
 * line that is imported with its tax, or one whose document is locked. An edit
 * of any other takes the rates of the day, as it takes the price (D§3.8).
 */
static bool
keeps_rates(const CrmRow *row, const CrmLineContext *context)
{
	if (context->is_copy)
		return true;
	if (core_import_mode &&
		(!row_is_null(row, "tax_details") ||
		 (!row_is_null(row, "tax_amount") && !money_is_zero(row_datum(row, "tax_amount")))))
		return true;
	return ROW_IS_UPDATE(row) && context->is_locked &&
		!row_changed(row, "product_id") && !row_changed(row, "tax_category") && !was_note(row);
}

static bool
was_note(const CrmRow *row)
{
	char	   *kind = row_old_text(row, "line_kind");

	return kind && strcmp(kind, "note") == 0;
}

/* find_rates asks the rules; a rate that several of them lead to counts once. */
static void
find_rates(CrmRow *row, CrmLineContext *context)
{
	TaxRules   *all = core_config(row->org, &tax_config);
	CrmTaxCase	to = context->tax_case;

	to.category = row_text(row, "tax_category");
	context->rates = palloc(sizeof(CrmTaxRate) * (all->n + 1));
	context->n_rates = 0;
	for (int i = 0; i < all->n; i++)
	{
		if (applies(&all->rules[i], &to) && !has_rate(context, all->rules[i].rate.tax_rate_id))
			context->rates[context->n_rates++] = all->rules[i].rate;
	}
}

/* applies tells whether a rule matches and its rate is in force. */
static bool
applies(const TaxRule *rule, const CrmTaxCase *to)
{
	const char *const wanted[] = {rule->category, rule->country, rule->state};
	const char *const given[] = {to->category, to->country, to->state};

	for (int i = 0; i < lengthof(wanted); i++)
	{
		if (wanted[i] && (given[i] == NULL || strcmp(wanted[i], given[i]) != 0))
			return false;
	}
	return rule->from <= to->date && to->date <= rule->to;
}

static bool
has_rate(const CrmLineContext *context, int64 tax_rate_id)
{
	for (int i = 0; i < context->n_rates; i++)
	{
		if (context->rates[i].tax_rate_id == tax_rate_id)
			return true;
	}
	return false;
}

/* pricing_keep_rates takes the rates that a line stores; without any its tax is as typed. */
void
pricing_keep_rates(CrmRow *row, CrmLineContext *context)
{
	Jsonb	   *details;

	if (row_is_null(row, "tax_details"))
	{
		context->tax_method = TAX_TYPED;
		return;
	}
	context->has_kept_rates = true;
	details = DatumGetJsonbP(row_datum_as(row, "tax_details", JSONBOID));
	if (!JB_ROOT_IS_ARRAY(details) || JB_ROOT_IS_SCALAR(details))
		refuse_details(row);
	context->n_rates = JB_ROOT_COUNT(details);
	context->rates = palloc(sizeof(CrmTaxRate) * (context->n_rates + 1));
	for (int i = 0; i < context->n_rates; i++)
	{
		JsonbValue *of = getIthJsonbValueFromContainer(&details->root, i);
		JsonbValue *name = detail(row, of, "name", jbvString);
		Datum		percentage = NumericGetDatum(detail(row, of, "percentage", jbvNumeric)->val.numeric);

		if (money_compare(percentage, money_zero()) < 0 || money_compare(percentage, money_hundred()) > 0)
			refuse_details(row);
		context->rates[i].tax_rate_id =
			DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(detail(row, of, "tax_rate_id", jbvNumeric)->val.numeric)));
		context->rates[i].name = pnstrdup(name->val.string.val, name->val.string.len);
		context->rates[i].percentage = percentage;
	}
}

/* detail returns a member of one tax, which must be there and of that type. */
static JsonbValue *
detail(CrmRow *row, JsonbValue *of, const char *key, enum jbvType type)
{
	JsonbValue *value = NULL;

	if (of->type == jbvBinary && JsonContainerIsObject(of->val.binary.data))
		value = getKeyJsonValueFromContainer(of->val.binary.data, key, strlen(key), NULL);
	if (value == NULL || value->type != type)
		refuse_details(row);
	return value;
}

static void
refuse_details(CrmRow *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("tax_details is no list of taxes"),
			 errdetail("A row of \"%s\" gives %s.", RelationGetRelationName(row->rel),
					   DatumGetCString(DirectFunctionCall1(jsonb_out, row_datum_as(row, "tax_details", JSONBOID)))),
			 errhint("It is like [{\"tax_rate_id\": 1, \"name\": \"VAT 21 %%\", \"percentage\": 21}]; the amounts are computed."),
			 errtablecol(row->rel, row_column(row, "tax_details") + 1)));
}

/*
 * pricing_add_tax stores the taxes on an amount, the line's base less its
 * discount, and returns what the line comes to. An included tax is part of the
 * amount: net = amount / (1 + sum of percents).
 */
Datum
pricing_add_tax(CrmRow *row, const CrmLineContext *context, Datum amount)
{
	int			decimals = context->by_document ? UNROUNDED : context->decimals;
	bool		is_included = context->tax_method == TAX_INCLUDED;
	Datum		whole = money_hundred();
	Datum		tax = money_zero();

	if (context->tax_method == TAX_TYPED)
	{
		tax = money_round(row_datum(row, "tax_amount"), context->decimals);
		row_set(row, "tax_amount", tax);
		return money_add(amount, tax);
	}
	for (int i = 0; is_included && i < context->n_rates; i++)
		whole = money_add(whole, context->rates[i].percentage);
	for (int i = 0; i < context->n_rates; i++)
	{
		context->rates[i].amount = share(amount, context->rates[i].percentage, whole, decimals);
		tax = money_add(tax, context->rates[i].amount);
	}
	tax = money_round(tax, 4);
	if (takes_cents(row, context))
		tax = add_cents(context, money_round(row_datum(row, "tax_amount"), decimals), tax);
	row_set(row, "tax_amount", tax);
	row_set_as(row, "tax_details", JSONBOID, write_rates(context));
	return is_included ? amount : money_add(amount, tax);
}

/*
 * takes_cents tells whether the tax that stands in the line decides about
 * cents: that of a copy, where the call wrote it, and that of a line whose
 * rates and amounts stay.
 */
static bool
takes_cents(CrmRow *row, const CrmLineContext *context)
{
	if (context->by_document || context->is_copy)
		return context->is_copy && !context->by_document;
	if (!ROW_IS_UPDATE(row) || !context->has_kept_rates || row_changed(row, "quantity") ||
		row_changed(row, "base_amount") || row_changed(row, "manual_discount_amount"))
		return false;
	row_keep_old(row, "tax_amount");
	return true;
}

/*
 * add_cents lets the taxes of such a line come to what is given, when only
 * cents are between: so the parts of a line come to the whole. The largest tax
 * takes them.
 */
static Datum
add_cents(const CrmLineContext *context, Datum given, Datum tax)
{
	Datum		cents = money_subtract(given, tax);
	Datum		size = DirectFunctionCall1(numeric_abs, cents);
	int64		unit = 1;
	CrmTaxRate *largest = context->rates;

	for (int i = 0; i < Min(context->decimals, 18); i++)
		unit *= 10;
	size = money_multiply(size, DirectFunctionCall1(int8_numeric, Int64GetDatum(unit)));
	if (context->n_rates == 0 || money_is_zero(cents) ||
		money_compare(size, DirectFunctionCall1(int8_numeric, Int64GetDatum(context->n_rates + 1))) > 0)
		return tax;
	for (int i = 1; i < context->n_rates; i++)
	{
		if (money_compare(DirectFunctionCall1(numeric_abs, context->rates[i].amount),
						  DirectFunctionCall1(numeric_abs, largest->amount)) > 0)
			largest = &context->rates[i];
	}
	largest->amount = money_add(largest->amount, cents);
	return given;
}

/* pricing_trace_tax tells of the taxes on an amount, as pricing_add_tax() worked them out. */
void
pricing_trace_tax(CrmRow *row, const CrmLineContext *context, Datum amount)
{
	Datum		tax = row_datum(row, "tax_amount");

	if (context->tax_method == TAX_TYPED && !money_is_zero(tax))
		pricing_step(context->trace, "tax", CRM_DATUM(tax), "as typed on the line");
	if (context->tax_method == TAX_TYPED)
		return;
	for (int i = 0; i < context->n_rates; i++)
		pricing_step(context->trace, "tax rate", CRM_DATUM(context->rates[i].amount),
					 context->tax_method == TAX_INCLUDED ? "%s: %s %% on the net price, included in %s" : "%s: %s %% of %s",
					 context->rates[i].name, money_shown(context->rates[i].percentage, 0),
					 money_shown(amount, context->decimals));
	if (context->n_rates == 0)
		pricing_step(context->trace, "tax", CRM_DATUM(tax), "no tax rule holds for category %s there",
					 row_is_null(row, "tax_category") ? "none" : row_text(row, "tax_category"));
}

/* write_rates puts the rates of a line and their amounts as tax_details has them. */
static Datum
write_rates(const CrmLineContext *context)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '[');
	for (int i = 0; i < context->n_rates; i++)
	{
		const CrmTaxRate *rate = &context->rates[i];

		appendStringInfo(&text, "%s{\"tax_rate_id\": %lld, \"name\": ", i > 0 ? ", " : "",
						 (long long) rate->tax_rate_id);
		escape_json(&text, rate->name);
		appendStringInfo(&text, ", \"percentage\": %s, \"amount\": %s}",
						 money_text(DirectFunctionCall1(numeric_trim_scale, rate->percentage)),
						 money_text(DirectFunctionCall1(numeric_trim_scale, rate->amount)));
	}
	appendStringInfoChar(&text, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

/* share returns amount * part / whole; the scale given to it carries the division further than any rounding. */
static Datum
share(Datum amount, Datum part, Datum whole, int decimals)
{
	return money_divide(money_round(money_multiply(amount, part), DIVISION), whole, decimals);
}
