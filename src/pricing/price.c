/*
 * price.c
 *	  The price of one unit of a product, by the methods of D§4.1, and what a
 *	  quantity saves (D§4.3).
 *
 * One query per line fetches the document, the product and the price list
 * item; units, price lists and discount lists are kept in memory. With a
 * trace each step leaves a line of explanation; without one nothing is written.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "pricing/pricing.h"

/* columns of the context queries */
enum
{
	COL_PER_UNIT = 1,
	COL_LOCKED,
	COL_CURRENCY,
	COL_DATE,
	COL_NEXT_NUMBER,
	COL_PRODUCT_STATE,
	COL_PRODUCT_NAME,
	COL_UNIT_GROUP,
	COL_DEFAULT_UNIT,
	COL_QUANTITY_DECIMALS,
	COL_PRODUCT_CURRENCY,
	COL_LIST_PRICE,				/* in the order of CrmBasis */
	COL_CURRENT_COST,
	COL_STANDARD_COST,
	COL_PRICE_LIST,
	COL_METHOD,
	COL_AMOUNT,
	COL_PERCENTAGE,
	COL_ROUNDING_POLICY,
	COL_ROUNDING_OPTION,
	COL_ROUNDING_AMOUNT,
	COL_IS_WHOLE,
	COL_DISCOUNT_LIST,
	COL_IS_BUNDLE,
	COL_VERSION,
	COL_TAX						/* the columns of pricing_tax_columns() */
};

/* how a price follows from the percentage */
typedef enum Kind
{
	PERCENT_OF,					/* basis x p / 100 */
	MARKUP,						/* basis x (100 + p) / 100 */
	MARGIN						/* basis x 100 / (100 - p) */
} Kind;

typedef struct Method
{
	const char *name;
	CrmBasis	basis;
	Kind		kind;
	const char *missing;		/* error where the basis is empty */
	const char *basis_label;
	const char *label;
} Method;

static const Method methods[] = {
	{"percent_of_list", BASIS_LIST_PRICE, PERCENT_OF, "missing_price", "list price", "percent of list price"},
	{"percent_markup_current_cost", BASIS_CURRENT_COST, MARKUP, "missing_current_cost", "current cost", "markup on current cost"},
	{"percent_margin_current_cost", BASIS_CURRENT_COST, MARGIN, "missing_current_cost", "current cost", "margin on current cost"},
	{"percent_markup_standard_cost", BASIS_STANDARD_COST, MARKUP, "missing_standard_cost", "standard cost", "markup on standard cost"},
	{"percent_margin_standard_cost", BASIS_STANDARD_COST, MARGIN, "missing_standard_cost", "standard cost", "margin on standard cost"}
};

static char *select_context(const CrmLines *lines, const char *price_list, const char *from);
static bool is_invoiced(const CrmRow *row);
static void read_offer(CrmOffer *offer);
static CrmValue number_at(int column);
static bool is_open(CrmOrganization *org, const CrmOffer *offer);
static const char *price_by_percentage(CrmOrganization *org, const CrmOffer *offer,
									   CrmTrace *trace, Datum *price);
static const Method *method_named(const char *name);
static const char *check_percentage(CrmOrganization *org, const CrmOffer *offer, const Method *method);
static const char *check_rounding(const CrmOffer *offer);
static Datum apply_percentage(CrmOrganization *org, const CrmOffer *offer,
							  const Method *method, CrmTrace *trace);
static void trace_percentage(const CrmOffer *offer, const Method *method, const CrmUnit *unit,
							 const CrmUnit *default_unit, Datum price, CrmTrace *trace);
static Datum round_price(const CrmOffer *offer, Datum price, CrmTrace *trace);
static Datum power_above(Datum amount);
static void trace_volume_discount(const CrmBand *band, Datum price, Datum saved, CrmTrace *trace);
static int	pricing_decimals(CrmOrganization *org);
static bool text_is(const char *text, const char *expected);

/*
 * pricing_build_context writes the queries for what a line must know: one for
 * nearly every line, and a wide one for a product under revision, which is
 * sold as its open version says, and for price lists that are optional, where
 * that of the product may step in.
 */
void
pricing_build_context(CrmLines *lines)
{
	static const Oid argtypes[] = {INT8OID, INT8OID, INT8OID, BOOLOID, BOOLOID};

	lines->context.sql =
		select_context(lines, "h.price_list_id",
					   "LEFT JOIN @product p ON p.product_id = $2 "
					   "LEFT JOIN @price_list_item i ON i.price_list_id = h.price_list_id "
					   "AND i.product_id = $2 AND i.unit_id = coalesce($3, p.default_unit_id)");
	lines->wide_context.sql =
		select_context(lines, "coalesce(i.price_list_id, h.price_list_id, CASE WHEN $5 THEN p.price_list_id END)",
					   "LEFT JOIN LATERAL (SELECT y.* FROM @product x "
					   "LEFT JOIN @product_version v ON v.product_id = x.product_id AND v.ended_at IS NULL AND x.state = 'under_revision', "
					   "pg_catalog.jsonb_populate_record(x, v.snapshot || '{\"state\": \"under_revision\"}') y "
					   "WHERE x.product_id = $2) p ON true "
					   "LEFT JOIN LATERAL (SELECT x.* FROM @price_list_item x JOIN @price_list pl ON pl.price_list_id = x.price_list_id "
					   "WHERE x.product_id = $2 AND x.unit_id = coalesce($3, p.default_unit_id) "
					   "AND pl.currency_code = h.currency_code "
					   "AND x.price_list_id IN (h.price_list_id, CASE WHEN $5 THEN p.price_list_id END) "
					   "ORDER BY x.price_list_id = h.price_list_id DESC NULLS LAST LIMIT 1) i ON true");
	memcpy(lines->context.argtypes, argtypes, sizeof(argtypes));
	memcpy(lines->wide_context.argtypes, argtypes, sizeof(argtypes));
}

/* select_context writes the columns over the document h, the product p and the price list item i. */
static char *
select_context(const CrmLines *lines, const char *price_list, const char *from)
{
	return psprintf("SELECT h.discount_method = 'per_unit', %1$s, h.currency_code, %2$s%3$s, "
					"CASE WHEN $4 THEN (SELECT coalesce(max(l.line_number), 0) + 1 FROM @%4$s l WHERE l.%5$s = $1) END, "
					"p.state, p.name, p.unit_group_id, p.default_unit_id, p.quantity_decimals, p.currency_code, "
					"p.list_price, p.current_cost, p.standard_cost, %6$s, "
					"i.pricing_method, i.amount, i.percentage, i.rounding_policy, i.rounding_option, i.rounding_amount, "
					"i.quantity_selling_option = 'whole', i.discount_list_id, p.product_structure = 'bundle', h.xmin, %9$s "
					"FROM @%7$s h %8$s WHERE h.%5$s = $1",
					lines->has_lock ? "h.is_price_locked" : "false", lines->date_column ? "h." : "NULL::date",
					lines->date_column ? lines->date_column : "", lines->entity.name, lines->header->key,
					price_list, lines->header->name, from, pricing_tax_columns(lines));
}

/* pricing_read_context fetches document, product and price; false where the document is not to be seen. */
bool
pricing_read_context(CrmRow *row, CrmLines *lines, CrmLineContext *context)
{
	bool		is_optional = core_setting_is_on(row->org, "price_list_is_optional");
	CrmOffer   *offer = &context->offer;
	bool		isnull;
	CrmValue	args[] = {
		CRM_INT8(row_int8(row, lines->header->key)),
		CRM_ID(row_int8(row, "product_id")),
		CRM_ID(row_int8(row, "unit_id")),
		CRM_BOOL(row_is_null(row, "line_number")),
		CRM_BOOL(is_optional)
	};

	if (core_run(row->org, is_optional ? &lines->wide_context : &lines->context, args) == 0)
		return false;
	offer->product_state = core_result_text(0, COL_PRODUCT_STATE);
	if (!is_optional && text_is(offer->product_state, "under_revision"))
		core_run(row->org, &lines->wide_context, args);
	context->is_per_unit = core_result_bool(0, COL_PER_UNIT);
	context->is_locked = core_result_bool(0, COL_LOCKED) || is_invoiced(row);
	context->next_number = core_result_int4(0, COL_NEXT_NUMBER);
	context->version = DatumGetTransactionId(core_result(0, COL_VERSION, XIDOID, &isnull));
	offer->currency = core_result_text(0, COL_CURRENCY);
	offer->date_type = SPI_gettypeid(SPI_tuptable->tupdesc, COL_DATE) == TIMESTAMPTZOID ? TIMESTAMPTZOID : DATEOID;
	offer->date.value = core_result(0, COL_DATE, offer->date_type, &offer->date.isnull);
	pricing_read_tax_case(row->org, context, COL_TAX);
	if (offer->product_state)
		read_offer(offer);
	if (offer->product_state)
		offer->unit_id = args[2].isnull ? offer->default_unit_id : DatumGetInt64(args[2].value);
	context->decimals = catalog_currency(row->org, offer->currency)->decimals;
	return true;
}

/* is_invoiced tells whether a line is invoiced in part: it keeps its price and rates, whatever its document does. */
static bool
is_invoiced(const CrmRow *row)
{
	return ROW_IS_UPDATE(row) && !row_is_null(row, "quantity_invoiced") &&
		!money_is_zero(row_datum(row, "quantity_invoiced"));
}

/* read_offer takes the catalogue's part of the context apart. */
static void
read_offer(CrmOffer *offer)
{
	offer->product_name = core_result_text(0, COL_PRODUCT_NAME);
	offer->is_bundle = core_result_bool(0, COL_IS_BUNDLE);
	offer->unit_group_id = core_result_int8(0, COL_UNIT_GROUP);
	offer->default_unit_id = core_result_key(0, COL_DEFAULT_UNIT);
	offer->quantity_decimals = core_result_int4(0, COL_QUANTITY_DECIMALS);
	offer->product_currency = core_result_text(0, COL_PRODUCT_CURRENCY);
	for (int i = 0; i < N_BASES; i++)
		offer->basis[i] = number_at(COL_LIST_PRICE + i);
	offer->price_list_id = core_result_key(0, COL_PRICE_LIST);
	offer->method = core_result_text(0, COL_METHOD);
	offer->amount = number_at(COL_AMOUNT);
	offer->percentage = number_at(COL_PERCENTAGE);
	offer->rounding_policy = core_result_text(0, COL_ROUNDING_POLICY);
	offer->rounding_option = core_result_text(0, COL_ROUNDING_OPTION);
	offer->rounding_amount = number_at(COL_ROUNDING_AMOUNT);
	offer->is_whole = core_result_bool(0, COL_IS_WHOLE);
	offer->discount_list_id = core_result_key(0, COL_DISCOUNT_LIST);
}

static CrmValue
number_at(int column)
{
	CrmValue	number;

	number.value = core_result(0, column, NUMERICOID, &number.isnull);
	return number;
}

/* is_open tells whether the price list is active and counts on the date of the document. */
static bool
is_open(CrmOrganization *org, const CrmOffer *offer)
{
	const CrmPriceList *list = catalog_price_list(org, offer->price_list_id);
	DateADT		date;

	if (list == NULL || !list->is_active)
		return false;
	if (!list->has_begin && !list->has_end)
		return true;
	date = DatumGetDateADT(pricing_offer_date(org, offer));
	return (!list->has_begin || date >= list->begin_date) && (!list->has_end || date <= list->end_date);
}

/* pricing_offer_date returns the day that the price list of a document must count on. */
Datum
pricing_offer_date(CrmOrganization *org, const CrmOffer *offer)
{
	if (offer->date.isnull)
		return core_today(org);
	if (offer->date_type == TIMESTAMPTZOID)
		return core_date_of(org, DatumGetTimestampTz(offer->date.value));
	return offer->date.value;
}

/* pricing_unit_price works out the price of one unit; returns none, or why there is no price (D§4.10). */
const char *
pricing_unit_price(CrmOrganization *org, const CrmOffer *offer, CrmTrace *trace, Datum *price)
{
	*price = money_zero();
	if (offer->unit_id == 0)
		return "missing_product_default_unit";
	if (offer->method == NULL && core_setting_is_on(org, "price_list_is_optional"))
	{
		pricing_step(trace, "no price list", CRM_DATUM(*price),
					 "price lists are optional and none has a price, so the price is 0 until one is typed");
		return "none";
	}
	if (offer->method == NULL)
		return offer->price_list_id == 0 ? "missing_price_list" : "product_not_in_price_list";
	if (!is_open(org, offer))
		return "inactive_price_level";
	if (strcmp(offer->method, "currency_amount") != 0)
		return price_by_percentage(org, offer, trace, price);
	if (offer->amount.isnull)
		return "missing_price_list_amount";
	*price = offer->amount.value;
	if (trace)
		pricing_step(trace, "price in the list", CRM_DATUM(*price), "%s for one %s",
					 money_shown(*price, trace->decimals), trace->unit);
	return "none";
}

/* price_by_percentage works a price out of list price or cost, and rounds it. */
static const char *
price_by_percentage(CrmOrganization *org, const CrmOffer *offer, CrmTrace *trace, Datum *price)
{
	const Method *method = method_named(offer->method);
	const char *error = method ? check_percentage(org, offer, method) : "invalid_pricing_method";
	int			decimals = pricing_decimals(org);
	Datum		exact;

	if (error == NULL)
		error = check_rounding(offer);
	if (error)
		return error;
	exact = round_price(offer, apply_percentage(org, offer, method, trace), trace);
	*price = money_round(exact, decimals);
	if (trace && money_compare(exact, *price) != 0)
		pricing_step(trace, "decimals of prices", CRM_DATUM(*price), "rounded to %d decimals", decimals);
	return "none";
}

static const Method *
method_named(const char *name)
{
	for (int i = 0; i < lengthof(methods); i++)
	{
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	}
	return NULL;
}

/* check_percentage returns why a price cannot be worked out of the percentage, or NULL. */
static const char *
check_percentage(CrmOrganization *org, const CrmOffer *offer, const Method *method)
{
	const char *currency = offer->product_currency ? offer->product_currency : catalog_base_currency(org);

	if (offer->percentage.isnull)
		return "missing_percentage";
	if (offer->default_unit_id == 0)
		return "missing_product_default_unit";
	if (!text_is(offer->currency, currency))
		return "invalid_price_list_currency";
	if (offer->basis[method->basis].isnull)
		return method->missing;
	if (money_compare(offer->percentage.value, money_zero()) < 0 ||
		(method->kind == MARGIN && money_compare(offer->percentage.value, money_hundred()) >= 0))
		return "invalid_percentage";
	return NULL;
}

/* check_rounding returns what is wrong with the rounding of an item, or NULL. */
static const char *
check_rounding(const CrmOffer *offer)
{
	int			sign;

	if (text_is(offer->rounding_policy, "none"))
		return NULL;
	if (!text_is(offer->rounding_option, "ends_in") && !text_is(offer->rounding_option, "multiple_of"))
		return "invalid_rounding_option";
	if (offer->rounding_amount.isnull)
		return "invalid_rounding_amount";
	sign = money_compare(offer->rounding_amount.value, money_zero());
	if (numeric_is_nan(DatumGetNumeric(offer->rounding_amount.value)) || sign < 0 || (sign == 0 && text_is(offer->rounding_option, "multiple_of")))
		return "invalid_rounding_amount";
	return NULL;
}

/*
 * apply_percentage scales list price or cost to the unit of the line and adds
 * the percentage. It divides once, at the end: what comes out even stays so.
 */
static Datum
apply_percentage(CrmOrganization *org, const CrmOffer *offer, const Method *method, CrmTrace *trace)
{
	Datum		p = offer->percentage.value;
	Datum		above = offer->basis[method->basis].value;
	Datum		below = money_one();
	const CrmUnit *unit = NULL;
	const CrmUnit *default_unit = NULL;
	Datum		price;

	if (offer->unit_id != offer->default_unit_id)
	{
		unit = catalog_unit(org, offer->unit_id);
		default_unit = catalog_unit(org, offer->default_unit_id);
	}
	if (unit && default_unit)
	{
		above = money_multiply(above, unit->size);
		below = default_unit->size;
	}
	above = money_multiply(above, method->kind == PERCENT_OF ? p
						   : method->kind == MARKUP ? money_add(money_hundred(), p) : money_hundred());
	below = money_multiply(below, method->kind == MARGIN ? money_subtract(money_hundred(), p) : money_hundred());
	price = DirectFunctionCall2(numeric_div, above, below);
	if (trace)
		trace_percentage(offer, method, unit, default_unit, price, trace);
	return price;
}

/* trace_percentage tells of list price or cost, the unit, and the percentage. */
static void
trace_percentage(const CrmOffer *offer, const Method *method, const CrmUnit *unit,
				 const CrmUnit *default_unit, Datum price, CrmTrace *trace)
{
	Datum		basis = offer->basis[method->basis].value;
	char	   *of = money_shown(basis, trace->decimals);
	char	   *p = money_shown(offer->percentage.value, 0);
	char	   *how;

	pricing_step(trace, method->basis_label, CRM_DATUM(basis), "%s for one %s", of, trace->default_unit);
	if (unit && default_unit)
	{
		Datum		scaled = money_divide(money_multiply(basis, unit->size), default_unit->size, 6);

		pricing_step(trace, "unit", CRM_DATUM(scaled), "%s x %s / %s for one %s", of, money_shown(unit->size, 0),
					 money_shown(default_unit->size, 0), trace->unit);
		of = money_shown(scaled, trace->decimals);
	}
	if (method->kind == PERCENT_OF)
		how = psprintf("%s x %s / 100", of, p);
	else if (method->kind == MARKUP)
		how = psprintf("%s x (100 + %s) / 100", of, p);
	else
		how = psprintf("%s x 100 / (100 - %s)", of, p);
	pricing_step(trace, method->label, CRM_DATUM(price), "%s", how);
}

/*
 * round_price rounds as the price list item says: up, down or to the nearest
 * of the prices k x step + first. "Ends in" counts k from 0; a price below the
 * first becomes the first. A tie goes up.
 */
static Datum
round_price(const CrmOffer *offer, Datum price, CrmTrace *trace)
{
	bool		is_ending = text_is(offer->rounding_option, "ends_in");
	Datum		amount = offer->rounding_amount.value;
	Datum		step;
	Datum		first;
	Datum		down;
	Datum		up;
	Datum		rounded;

	if (text_is(offer->rounding_policy, "none"))
		return price;
	step = is_ending ? power_above(amount) : amount;
	first = is_ending ? amount : money_zero();
	down = DirectFunctionCall1(numeric_floor, DirectFunctionCall2(numeric_div, money_subtract(price, first), step));
	down = money_add(money_multiply(down, step), first);
	if (is_ending && money_compare(down, first) < 0)
		up = down = first;
	else
		up = money_compare(down, price) == 0 ? down : money_add(down, step);
	if (text_is(offer->rounding_policy, "up"))
		rounded = up;
	else if (text_is(offer->rounding_policy, "down"))
		rounded = down;
	else
		rounded = money_compare(money_subtract(up, price), money_subtract(price, down)) <= 0 ? up : down;
	if (trace)
		pricing_step(trace, "rounding", CRM_DATUM(rounded), "%s to a price that %s %s",
					 text_is(offer->rounding_policy, "nearest") ? "to the nearest, a tie up," : offer->rounding_policy,
					 is_ending ? "ends in" : "is a multiple of", money_shown(amount, trace->decimals));
	return rounded;
}

/* power_above returns the power of ten just above the whole part of an amount: 1 for 0.99, 10 for 5. */
static Datum
power_above(Datum amount)
{
	Datum		ten = DirectFunctionCall1(int8_numeric, Int64GetDatum(10));
	Datum		power = money_one();

	while (money_compare(amount, power) >= 0)
	{
		CHECK_FOR_INTERRUPTS();
		power = money_multiply(power, ten);
	}
	return power;
}

/* pricing_volume_discount returns what the quantity saves on each unit (D§4.3). */
Datum
pricing_volume_discount(CrmOrganization *org, const CrmOffer *offer, Datum quantity,
						Datum price, CrmTrace *trace)
{
	const CrmBand *band;
	Datum		saved;

	if (offer->discount_list_id == 0)
		return money_zero();
	band = catalog_band(org, offer->discount_list_id, quantity);
	if (band == NULL)
		return money_zero();
	if (!band->percentage.isnull)
		saved = money_percent(price, band->percentage.value, 5);
	else
		saved = band->amount.value;
	if (trace)
		trace_volume_discount(band, price, saved, trace);
	return saved;
}

/* trace_volume_discount tells which band gave the discount. */
static void
trace_volume_discount(const CrmBand *band, Datum price, Datum saved, CrmTrace *trace)
{
	char	   *quantities = psprintf("\"%s\", %s %s", trace->discount_list,
									  band->high.isnull ? "from" : psprintf("%s to", money_shown(band->low.value, 0)),
									  money_shown(band->high.isnull ? band->low.value : band->high.value, 0));

	if (band->percentage.isnull)
		pricing_step(trace, "volume discount", CRM_DATUM(saved), "%s: %s on each %s", quantities,
					 money_shown(saved, trace->decimals), trace->unit);
	else
		pricing_step(trace, "volume discount", CRM_DATUM(saved), "%s: %s %% of %s on each %s", quantities,
					 money_shown(band->percentage.value, 0), money_shown(price, trace->decimals), trace->unit);
}


/* pricing_decimals returns to how many decimals a price worked out of a percentage is rounded. */
static int
pricing_decimals(CrmOrganization *org)
{
	const char *setting = core_setting(org, "pricing_decimals");

	if (setting == NULL || strlen(setting) != 1 || setting[0] < '0' || setting[0] > '4')
		return 2;
	return setting[0] - '0';
}

static bool
text_is(const char *text, const char *expected)
{
	return text && strcmp(text, expected) == 0;
}
