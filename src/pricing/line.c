/*
 * line.c
 *	  The price and the amounts of a document line (D§4.1, §4.2, §4.4).
 *
 * One query per line fetches the document, the product and the price list
 * item; a call that copies lines brings what it already knows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "pricing/pricing.h"

static void refuse_moved_line(CrmRow *row, const CrmLines *lines);
static void refuse_no_document(CrmRow *row, const CrmLines *lines) pg_attribute_noreturn();
static void complete_product(CrmRow *row, const CrmLines *lines, const CrmLineContext *context);
static bool unit_fits(CrmOrganization *org, const CrmOffer *offer);
static void refuse_product(CrmRow *row, const CrmOffer *offer);
static void check_quantity(CrmRow *row, const CrmOffer *offer);
static void take_list_price(CrmRow *row, const CrmLineContext *context);
static void take_volume_discount(CrmRow *row, const CrmLineContext *context);
static void derive_discount(CrmRow *row, const CrmLineContext *context, Datum base);
static void trace_amounts(CrmRow *row, const CrmLineContext *context, Datum discount);

const char *const pricing_line_computed[] = {
	"volume_discount_amount", "base_amount", "extended_amount", "pricing_error", "tax_details",
	"quantity_delivered", "quantity_returned", "quantity_invoiced", "quantity_credited",
	"credited_invoice_product_id", "rounding_amount", "is_copied",
	"product_type", "product_association_id", NULL
};

/* pricing_complete_line prices a line and computes its amounts. */
void
pricing_complete_line(CrmRow *row, CrmTicket *ticket, CrmLines *lines)
{
	CrmLineContext context = {0};

	refuse_moved_line(row, lines);
	pricing_join_bundle(row, ticket, lines);
	if (ticket && ticket->kind == TICKET_WRITE)
		return;
	pricing_check_percent(row, "manual_discount_percentage");
	if (row_is_null(row, "manual_discount_percentage") && !(ticket && ticket->context) &&
		(ROW_IS_INSERT(row) || row_changed(row, "manual_discount_amount") ||
		 row_changed(row, "manual_discount_percentage")))
		pricing_check_not_negative(row, "manual_discount_amount");	/* a credit note's is, and stays */
	if (ticket && ticket->context)
	{
		context = *(const CrmLineContext *) ticket->context;
		pricing_take_rates(row, &context);
	}
	else
	{
		SPI_connect();
		if (!pricing_read_context(row, lines, &context))
		{
			SPI_finish();
			refuse_no_document(row, lines);
		}
		if (!row_is_null(row, "product_id"))
			complete_product(row, lines, &context);
		else
		{
			row_set(row, "volume_discount_amount", money_zero());
			row_set_text(row, "pricing_error", "none");
		}
		if (row_is_null(row, "line_number"))
		{
			row_set_as(row, "line_number", INT4OID, Int32GetDatum(context.next_number));
			pricing_note_number(lines, row_int8(row, lines->header->key), context.version, context.next_number);
		}
		pricing_complete_tax_category(row, &context);
		pricing_take_rates(row, &context);
		pricing_complete_properties(row, ticket);
		SPI_finish();
	}
	pricing_compute_amounts(row, &context);
	pricing_check_shape(row);
}

/* refuse_moved_line keeps a line with its document. */
static void
refuse_moved_line(CrmRow *row, const CrmLines *lines)
{
	if (!row_changed(row, lines->header->key))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_GENERATED_ALWAYS),
			 errmsg("a line cannot move to another %s", lines->header->label),
			 errdetail("Line %lld belongs to %s %lld.", (long long) row_int8(row, lines->entity.key),
					   lines->header->name, (long long) row_old_int8(row, lines->header->key)),
			 errhint("Delete the line and insert it there."),
			 errtablecol(row->rel, row_column(row, lines->header->key) + 1)));
}

/* refuse_no_document says what the foreign key would, also when row security hides the document. */
static void
refuse_no_document(CrmRow *row, const CrmLines *lines)
{
	const char *key = lines->header->key;

	if (row_is_null(row, key))
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("%s belongs to no %s", lifecycle_one(&lines->entity), lines->header->label),
				 errdetail("Column \"%s\" is NULL.", key),
				 errhint("Give %s.", key),
				 errtablecol(row->rel, row_column(row, key) + 1)));
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("%s %lld does not exist", lines->header->name, (long long) row_int8(row, key)),
			 errdetail("Table \"%s\" shows you no row with that key.", lines->header->name),
			 errhint("Check %s, and your row rights.", key),
			 errtablecol(row->rel, row_column(row, key) + 1)));
}

/* complete_product checks product, unit and quantity, and finds the price. */
static void
complete_product(CrmRow *row, const CrmLines *lines, const CrmLineContext *context)
{
	const CrmOffer *offer = &context->offer;
	bool		is_new = ROW_IS_INSERT(row) || row_changed(row, "product_id");

	if (offer->product_state == NULL)
		return;					/* no such product: its foreign key says so */
	if (is_new && !core_import_mode && strcmp(offer->product_state, "active") != 0 &&
		strcmp(offer->product_state, "under_revision") != 0)
		refuse_product(row, offer);
	if (!row_is_null(row, "unit_id") && !unit_fits(row->org, offer))
		catalog_refuse_unit(row, offer->product_name);
	if (row_is_null(row, "unit_id") && offer->unit_id != 0)
		row_set_int8(row, "unit_id", offer->unit_id);
	check_quantity(row, offer);
	if (offer->is_bundle)
		pricing_mark_bundle(row, lines);
	pricing_price_line(row, context);
}

static bool
unit_fits(CrmOrganization *org, const CrmOffer *offer)
{
	const CrmUnit *unit = catalog_unit(org, offer->unit_id);

	return unit && unit->unit_group_id == offer->unit_group_id;
}

static void
refuse_product(CrmRow *row, const CrmOffer *offer)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_PRODUCT_NOT_SELLABLE),
			 errmsg("product \"%s\" cannot be sold: it is \"%s\"", offer->product_name, offer->product_state),
			 errdetail("Product %lld is not active.", (long long) row_int8(row, "product_id")),
			 errhint("Publish it with sales_crm.publish_product(), or choose another product."),
			 errtablecol(row->rel, row_column(row, "product_id") + 1)));
}

/* check_quantity refuses more decimals than the price list or the product allows (D§4.12). */
static void
check_quantity(CrmRow *row, const CrmOffer *offer)
{
	Datum		quantity = row_datum(row, "quantity");
	int			decimals = offer->is_whole ? 0 : offer->quantity_decimals;

	if (core_import_mode || numeric_is_nan(DatumGetNumeric(quantity)) || money_scale(quantity) <= decimals)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("quantity %s has too many decimals", money_text(quantity)),
			 offer->is_whole
			 ? errdetail("The price list sells product \"%s\" in whole units only.", offer->product_name)
			 : errdetail("Product \"%s\" is sold with at most %d decimals.", offer->product_name, decimals),
			 offer->is_whole
			 ? errhint("Round the quantity, or set quantity_selling_option of the price list item to no_control.")
			 : errhint("Round the quantity, or raise quantity_decimals of the product."),
			 errtablecol(row->rel, row_column(row, "quantity") + 1)));
}

/*
 * pricing_price_line takes the list price unless the seller overrode it, or
 * the document is locked and the line already has its price; then only
 * another quantity earns another volume discount (D§3.8). An imported line
 * keeps the price of its time.
 */
void
pricing_price_line(CrmRow *row, const CrmLineContext *context)
{
	bool		is_kept = ROW_IS_UPDATE(row) && context->is_locked &&
		!row_changed(row, "product_id") && !row_changed(row, "unit_id") &&
		!row_changed(row, "is_price_overridden");
	bool		is_imported = core_import_mode && ROW_IS_INSERT(row) &&
		!row_is_null(row, "price_per_unit") && !money_is_zero(row_datum(row, "price_per_unit"));

	if (pricing_is_inside_bundle(row))
		pricing_empty_price(row);
	else if (row_bool(row, "is_price_overridden") || is_imported)
	{
		row_set_text(row, "pricing_error", "none");
		row_set(row, "volume_discount_amount", money_zero());
	}
	else if (!is_kept)
	{
		take_list_price(row, context);
		take_volume_discount(row, context);
	}
	else
	{
		row_keep_old(row, "price_per_unit");
		if (row_changed(row, "quantity"))
			take_volume_discount(row, context);
	}
}

/* take_list_price stores the price of the list, or 0 and why there is none. */
static void
take_list_price(CrmRow *row, const CrmLineContext *context)
{
	Datum		price;

	row_set_text(row, "pricing_error", pricing_unit_price(row->org, &context->offer, context->trace, &price));
	row_set(row, "price_per_unit", price);
}

/* take_volume_discount stores what the quantity saves on each unit; nothing on a line without a price. */
static void
take_volume_discount(CrmRow *row, const CrmLineContext *context)
{
	char	   *error = row_text(row, "pricing_error");

	row_set(row, "volume_discount_amount",
			error && strcmp(error, "none") == 0
			? pricing_volume_discount(row->org, &context->offer, row_datum(row, "quantity"),
									  row_datum(row, "price_per_unit"), context->trace)
			: money_zero());
}

/* pricing_is_note tells whether a line is text only. */
bool
pricing_is_note(const CrmRow *row)
{
	char	   *kind = row_text(row, "line_kind");

	return kind && strcmp(kind, "note") == 0;
}

/* pricing_compute_amounts fills base amount, discount and extended amount; a note has none. */
void
pricing_compute_amounts(CrmRow *row, const CrmLineContext *context)
{
	static const char *const amounts[] = {"quantity", "price_per_unit", "manual_discount_amount", "tax_amount"};
	Datum		quantity;
	Datum		base;
	Datum		discount;

	if (pricing_is_note(row))
	{
		row_set(row, "price_per_unit", money_zero());
		row_set(row, "manual_discount_amount", money_zero());
		row_set(row, "tax_amount", money_zero());
	}
	pricing_check_numbers(row, amounts, lengthof(amounts));
	if (row_is_null(row, "quantity") || row_is_null(row, "price_per_unit") ||
		row_is_null(row, "manual_discount_amount") || row_is_null(row, "tax_amount"))
		return;					/* NOT NULL says which */
	quantity = row_datum(row, "quantity");
	base = money_round(money_multiply(quantity,
									  money_subtract(row_datum(row, "price_per_unit"),
													 row_datum(row, "volume_discount_amount"))),
					   context->decimals);
	derive_discount(row, context, base);
	discount = row_datum(row, "manual_discount_amount");
	if (context->is_per_unit)
		discount = money_round(money_multiply(quantity, discount), context->decimals);
	if (row_has(row, "rounding_amount"))
		base = money_add(base, row_datum(row, "rounding_amount"));
	row_set(row, "base_amount", base);
	row_set(row, "extended_amount", pricing_add_tax(row, context, money_subtract(base, discount)));
	if (context->trace)
		trace_amounts(row, context, discount);
}

/* derive_discount makes the amount from the percentage, where one is given. */
static void
derive_discount(CrmRow *row, const CrmLineContext *context, Datum base)
{
	Datum		of = base;

	if (row_is_null(row, "manual_discount_percentage"))
	{
		row_set(row, "manual_discount_amount",
				money_round(row_datum(row, "manual_discount_amount"), context->decimals));
		return;
	}
	if (context->is_per_unit)
		of = money_subtract(row_datum(row, "price_per_unit"), row_datum(row, "volume_discount_amount"));
	row_set(row, "manual_discount_amount",
			money_percent(of, row_datum(row, "manual_discount_percentage"), context->decimals));
}

/* trace_amounts tells how the amounts of a line came about. */
static void
trace_amounts(CrmRow *row, const CrmLineContext *context, Datum discount)
{
	int			decimals = context->decimals;
	Datum		base = row_datum(row, "base_amount");
	Datum		cents = row_has(row, "rounding_amount") ? row_datum(row, "rounding_amount") : money_zero();
	Datum		saved = row_datum(row, "volume_discount_amount");
	Datum		tax = row_datum(row, "tax_amount");
	char	   *quantity = money_shown(row_datum(row, "quantity"), 0);
	char	   *price = money_shown(row_datum(row, "price_per_unit"), decimals);
	char	   *each = money_shown(row_datum(row, "manual_discount_amount"), decimals);

	pricing_step(context->trace, "base amount", CRM_DATUM(money_subtract(base, cents)),
				 money_is_zero(saved) ? "%s x %s" : "%s x (%s - %s)", quantity, price, money_shown(saved, decimals));
	if (!money_is_zero(cents))
		pricing_step(context->trace, "cents of the parts", CRM_DATUM(base), "%s%s",
					 money_shown(money_subtract(base, cents), decimals), money_term(" + ", cents, decimals));
	if (!row_is_null(row, "manual_discount_percentage"))
		each = psprintf("%s (%s %% of %s)", each, money_shown(row_datum(row, "manual_discount_percentage"), 0),
						context->is_per_unit ? "the price less volume discount" : "the base amount");
	if (!money_is_zero(discount))
		pricing_step(context->trace, "manual discount", CRM_DATUM(discount),
					 context->is_per_unit ? "%2$s x %1$s" : "%1$s", each, quantity);
	pricing_trace_tax(row, context, money_subtract(base, discount));
	pricing_step(context->trace, "amount of the line", CRM_DATUM(row_datum(row, "extended_amount")), "%s%s%s",
				 money_shown(base, decimals), money_term(" - ", discount, decimals),
				 context->tax_method == TAX_INCLUDED ? "" : money_term(" + ", tax, decimals));
}
