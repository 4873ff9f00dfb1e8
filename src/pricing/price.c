/*
 * price.c
 *	  The price of one unit of a product, by the methods of D§4.1, and what a
 *	  quantity saves (D§4.3).
 *
 * One query per line fetches the document, the product, the price list item
 * and the band of the discount list. With a trace each step leaves a line of
 * explanation; without one nothing is written.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "pricing/pricing.h"

/* columns of the context query */
enum
{
	COL_DECIMALS = 1,
	COL_PER_UNIT,
	COL_LOCKED,
	COL_CURRENCY,
	COL_NEXT_NUMBER,
	COL_PRODUCT_STATE,
	COL_PRODUCT_NAME,
	COL_DEFAULT_UNIT,
	COL_UNIT_FITS,
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
	COL_IS_OPEN,
	COL_UNIT_SIZE,
	COL_DEFAULT_UNIT_SIZE,
	COL_DISCOUNT_LIST,
	COL_BAND_LOW,
	COL_BAND_HIGH,
	COL_BAND_PERCENTAGE,
	COL_BAND_AMOUNT,
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

static void read_offer(CrmOffer *offer);
static CrmValue number_at(int column);
static const char *price_by_percentage(CrmOrganization *org, const CrmOffer *offer,
									   CrmTrace *trace, Datum *price);
static const Method *method_named(const char *name);
static const char *check_percentage(CrmOrganization *org, const CrmOffer *offer, const Method *method);
static const char *check_rounding(const CrmOffer *offer);
static Datum apply_percentage(const CrmOffer *offer, const Method *method, CrmTrace *trace);
static void trace_percentage(const CrmOffer *offer, const Method *method, Datum scaled,
							 Datum price, CrmTrace *trace);
static Datum round_price(const CrmOffer *offer, Datum price, CrmTrace *trace);
static Datum power_above(Datum amount);
static Datum hundred(void);
static int	pricing_decimals(CrmOrganization *org);
static bool text_is(const char *text, const char *expected);

/*
 * pricing_build_context writes the query for what a line must know. A product
 * under revision is sold as its open version says; the look-up of versions is
 * by a key that is NULL for all others, which ends it at once.
 */
void
pricing_build_context(CrmLines *lines)
{
	static const Oid argtypes[] = {INT8OID, INT8OID, INT8OID, BOOLOID, NUMERICOID, DATEOID, TEXTOID};
	const char *key = lines->header->key;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT c.decimals, h.discount_method = 'per_unit', %s, h.currency_code, "
					 "(SELECT coalesce(max(l.line_number), 0) + 1 FROM @%s l WHERE l.%s = $1), ",
					 lines->has_lock ? "h.is_price_locked" : "false", lines->entity.name, key);
	appendStringInfoString(&sql, "p.state, p.name, p.default_unit_id, "
						   "EXISTS (SELECT FROM @unit u WHERE u.unit_id = $3 AND u.unit_group_id = p.unit_group_id), "
						   "p.quantity_decimals, p.currency_code, p.list_price, p.current_cost, p.standard_cost, "
						   "coalesce(i.price_list_id, h.price_list_id, CASE WHEN $4 THEN p.price_list_id END), "
						   "i.pricing_method, i.amount, i.percentage, i.rounding_policy, i.rounding_option, i.rounding_amount, "
						   "i.quantity_selling_option = 'whole', i.is_open, "
						   "CASE WHEN i.pricing_method <> 'currency_amount' AND $3 <> p.default_unit_id "
						   "THEN (SELECT u.base_quantity FROM @unit u WHERE u.unit_id = $3) END, "
						   "CASE WHEN i.pricing_method <> 'currency_amount' AND $3 <> p.default_unit_id "
						   "THEN (SELECT u.base_quantity FROM @unit u WHERE u.unit_id = p.default_unit_id) END, "
						   "i.discount_list_id, b.low_quantity, b.high_quantity, b.percentage, b.amount, ");
	appendStringInfo(&sql, "%s FROM @%s h JOIN @currency c ON c.currency_code = h.currency_code "
					 "LEFT JOIN LATERAL (SELECT x.state, x.unit_group_id",
					 pricing_tax_columns(lines, "$6", "$7"), lines->header->name);
	{
		static const char *const versioned[][2] = {
			{"name", "text"}, {"default_unit_id", "bigint"}, {"quantity_decimals", "integer"},
			{"currency_code", "text"}, {"price_list_id", "bigint"}, {"list_price", "numeric"},
			{"current_cost", "numeric"}, {"standard_cost", "numeric"}, {"tax_category", "text"}
		};

		for (int i = 0; i < lengthof(versioned); i++)
			appendStringInfo(&sql, ", CASE WHEN v.product_id IS NULL THEN x.%1$s ELSE (v.snapshot ->> '%1$s')::%2$s END AS %1$s",
							 versioned[i][0], versioned[i][1]);
	}
	appendStringInfo(&sql, " FROM @product x LEFT JOIN @product_version v "
					 "ON v.product_id = CASE WHEN x.state = 'under_revision' THEN x.product_id END AND v.ended_at IS NULL "
					 "WHERE x.product_id = $2) p ON true "
					 "LEFT JOIN LATERAL (SELECT x.*, pl.state = 'active' "
					 "AND CASE WHEN pl.begin_date IS NULL AND pl.end_date IS NULL THEN true "
					 "ELSE %1$s BETWEEN coalesce(pl.begin_date, '-infinity') AND coalesce(pl.end_date, 'infinity') END AS is_open "
					 "FROM @price_list_item x JOIN @price_list pl ON pl.price_list_id = x.price_list_id "
					 "WHERE x.product_id = $2 AND x.unit_id = coalesce($3, p.default_unit_id) "
					 "AND pl.currency_code = h.currency_code "
					 "AND x.price_list_id = ANY (ARRAY[h.price_list_id, CASE WHEN $4 THEN p.price_list_id END]) "
					 "ORDER BY x.price_list_id = h.price_list_id DESC NULLS LAST LIMIT 1) i ON true "
					 "LEFT JOIN LATERAL (SELECT x.* FROM @discount_list_item x WHERE x.discount_list_id = i.discount_list_id "
					 "AND x.low_quantity <= $5 AND coalesce(x.high_quantity >= $5, true) "
					 "ORDER BY x.low_quantity DESC LIMIT 1) b ON true WHERE h.%2$s = $1",
					 pricing_date_sql(lines, "$6", "$7"), key);
	lines->context.sql = MemoryContextStrdup(TopMemoryContext, sql.data);
	memcpy(lines->context.argtypes, argtypes, sizeof(argtypes));
}

/* pricing_date_sql writes the date of a document h: the day its price list must be valid on. */
char *
pricing_date_sql(const CrmLines *lines, const char *today, const char *zone)
{
	if (lines->date_column == NULL)
		return pstrdup(today);
	if (strcmp(lines->date_column, "created_at") == 0)
		return psprintf("(h.created_at AT TIME ZONE %s)::date", zone);
	return psprintf("coalesce(h.%s, %s)", lines->date_column, today);
}

/* pricing_read_context fetches document, product and price; false where the document is not to be seen. */
bool
pricing_read_context(CrmRow *row, CrmLines *lines, CrmLineContext *context)
{
	CrmValue	args[] = {
		CRM_INT8(row_int8(row, lines->header->key)),
		CRM_ID(row_int8(row, "product_id")),
		CRM_ID(row_int8(row, "unit_id")),
		CRM_BOOL(core_setting_is_on(row->org, "price_list_is_optional")),
		row_is_null(row, "quantity") ? CRM_NULL : CRM_DATUM(row_datum(row, "quantity")),
		CRM_DATUM(core_today(row->org)),
		core_text_value(core_time_zone(row->org))
	};

	if (core_run(row->org, &lines->context, args) == 0)
		return false;
	context->decimals = core_result_int4(0, COL_DECIMALS);
	context->is_per_unit = core_result_bool(0, COL_PER_UNIT);
	context->is_locked = core_result_bool(0, COL_LOCKED);
	context->next_number = core_result_int4(0, COL_NEXT_NUMBER);
	pricing_read_tax_case(row->org, context, COL_TAX);
	if (args[1].isnull)
		return true;
	read_offer(&context->offer);
	context->offer.unit_id = args[2].isnull ? context->offer.default_unit_id : DatumGetInt64(args[2].value);
	return true;
}

/* read_offer takes the catalogue's part of the context apart. */
static void
read_offer(CrmOffer *offer)
{
	offer->product_state = core_result_text(0, COL_PRODUCT_STATE);
	offer->product_name = core_result_text(0, COL_PRODUCT_NAME);
	offer->default_unit_id = core_result_int8(0, COL_DEFAULT_UNIT);
	offer->unit_fits = core_result_bool(0, COL_UNIT_FITS);
	offer->quantity_decimals = core_result_int4(0, COL_QUANTITY_DECIMALS);
	offer->product_currency = core_result_text(0, COL_PRODUCT_CURRENCY);
	for (int i = 0; i < N_BASES; i++)
		offer->basis[i] = number_at(COL_LIST_PRICE + i);
	offer->currency = core_result_text(0, COL_CURRENCY);
	offer->price_list_id = core_result_int8(0, COL_PRICE_LIST);
	offer->method = core_result_text(0, COL_METHOD);
	if (offer->method == NULL)
		return;
	offer->amount = number_at(COL_AMOUNT);
	offer->percentage = number_at(COL_PERCENTAGE);
	offer->rounding_policy = core_result_text(0, COL_ROUNDING_POLICY);
	offer->rounding_option = core_result_text(0, COL_ROUNDING_OPTION);
	offer->rounding_amount = number_at(COL_ROUNDING_AMOUNT);
	offer->is_whole = core_result_bool(0, COL_IS_WHOLE);
	offer->is_open = core_result_bool(0, COL_IS_OPEN);
	offer->unit_size = number_at(COL_UNIT_SIZE);
	offer->default_unit_size = number_at(COL_DEFAULT_UNIT_SIZE);
	offer->discount_list_id = core_result_int8(0, COL_DISCOUNT_LIST);
	offer->band_low = number_at(COL_BAND_LOW);
	offer->band_high = number_at(COL_BAND_HIGH);
	offer->band_percentage = number_at(COL_BAND_PERCENTAGE);
	offer->band_amount = number_at(COL_BAND_AMOUNT);
}

static CrmValue
number_at(int column)
{
	CrmValue	number;

	number.value = core_result(0, column, NUMERICOID, &number.isnull);
	return number;
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
	if (!offer->is_open)
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
	exact = round_price(offer, apply_percentage(offer, method, trace), trace);
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
		(method->kind == MARGIN && money_compare(offer->percentage.value, hundred()) >= 0))
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
	if (sign < 0 || (sign == 0 && text_is(offer->rounding_option, "multiple_of")))
		return "invalid_rounding_amount";
	return NULL;
}

/*
 * apply_percentage scales list price or cost to the unit of the line and adds
 * the percentage. It divides once, at the end: what comes out even stays so.
 */
static Datum
apply_percentage(const CrmOffer *offer, const Method *method, CrmTrace *trace)
{
	Datum		p = offer->percentage.value;
	Datum		above = offer->basis[method->basis].value;
	Datum		below = money_one();
	Datum		scaled = (Datum) 0;
	Datum		price;

	if (!offer->unit_size.isnull && !offer->default_unit_size.isnull)
	{
		above = money_multiply(above, offer->unit_size.value);
		below = offer->default_unit_size.value;
	}
	if (trace)
		scaled = DirectFunctionCall2(numeric_div, above, below);
	above = money_multiply(above, method->kind == PERCENT_OF ? p
						   : method->kind == MARKUP ? money_add(hundred(), p) : hundred());
	below = money_multiply(below, method->kind == MARGIN ? money_subtract(hundred(), p) : hundred());
	price = DirectFunctionCall2(numeric_div, above, below);
	if (trace)
		trace_percentage(offer, method, scaled, price, trace);
	return price;
}

/* trace_percentage tells of list price or cost, the unit, and the percentage. */
static void
trace_percentage(const CrmOffer *offer, const Method *method, Datum scaled,
				 Datum price, CrmTrace *trace)
{
	Datum		basis = offer->basis[method->basis].value;
	char	   *of = money_shown(money_round(scaled, 6), trace->decimals);
	char	   *p = money_shown(offer->percentage.value, 0);
	char	   *how;

	pricing_step(trace, method->basis_label, CRM_DATUM(basis), "%s for one %s",
				 money_shown(basis, trace->decimals), trace->default_unit);
	if (!offer->unit_size.isnull && !offer->default_unit_size.isnull)
		pricing_step(trace, "unit", CRM_DATUM(scaled), "%s for one %s: %s x %s / %s", of, trace->unit,
					 money_shown(basis, trace->decimals), money_shown(offer->unit_size.value, 0),
					 money_shown(offer->default_unit_size.value, 0));
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
		power = money_multiply(power, ten);
	return power;
}

/* pricing_volume_discount returns what the quantity saves on each unit (D§4.3). */
Datum
pricing_volume_discount(const CrmOffer *offer, Datum price, CrmTrace *trace)
{
	Datum		saved;
	char	   *band;

	if (offer->method == NULL || offer->band_low.isnull || (offer->band_percentage.isnull && offer->band_amount.isnull))
		return money_zero();
	saved = offer->band_percentage.isnull ? offer->band_amount.value
		: money_percent(price, offer->band_percentage.value, 5);
	if (trace == NULL)
		return saved;
	band = offer->band_high.isnull ? psprintf("from %s", money_shown(offer->band_low.value, 0))
		: psprintf("%s to %s", money_shown(offer->band_low.value, 0), money_shown(offer->band_high.value, 0));
	if (offer->band_percentage.isnull)
		pricing_step(trace, "volume discount", CRM_DATUM(saved), "%s, %s: %s on each %s", trace->discount_list,
					 band, money_shown(saved, trace->decimals), trace->unit);
	else
		pricing_step(trace, "volume discount", CRM_DATUM(saved), "%s, %s: %s %% of %s on each %s", trace->discount_list,
					 band, money_shown(offer->band_percentage.value, 0), money_shown(price, trace->decimals), trace->unit);
	return saved;
}

static Datum
hundred(void)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(100));
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
