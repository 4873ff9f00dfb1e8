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

/* columns of the context query */
enum
{
	COL_DECIMALS = 1,
	COL_PER_UNIT,
	COL_LOCKED,
	COL_HAS_LIST,
	COL_PRODUCT_STATE,
	COL_PRODUCT_NAME,
	COL_DEFAULT_UNIT,
	COL_QUANTITY_DECIMALS,
	COL_UNIT_FITS,
	COL_METHOD,
	COL_AMOUNT,
	COL_LIST_IS_ACTIVE,
	COL_NEXT_NUMBER
};

static bool read_context(CrmRow *row, CrmLines *lines, CrmLineContext *context);
static void refuse_moved_line(CrmRow *row, const CrmLines *lines);
static void refuse_no_document(CrmRow *row, const CrmLines *lines) pg_attribute_noreturn();
static void complete_product(CrmRow *row, const CrmLines *lines);
static void refuse_product(CrmRow *row);
static void refuse_unit(CrmRow *row);
static void check_quantity(CrmRow *row, int decimals);
static void complete_price(CrmRow *row, const CrmLines *lines);
static void take_list_price(CrmRow *row);
static void number_line(CrmRow *row);
static void compute_amounts(CrmRow *row, const CrmLineContext *context);
static void derive_discount(CrmRow *row, const CrmLineContext *context, Datum base);

const char *const pricing_line_computed[] = {
	"volume_discount_amount", "base_amount", "extended_amount", "pricing_error",
	"quantity_delivered", "quantity_invoiced", "is_copied", NULL
};

/* pricing_complete_line prices a line and computes its amounts. */
void
pricing_complete_line(CrmRow *row, CrmTicket *ticket, CrmLines *lines)
{
	CrmLineContext context = {0};

	refuse_moved_line(row, lines);
	if (ticket && ticket->kind == TICKET_WRITE)
		return;
	pricing_check_percent(row, "manual_discount_percentage");
	pricing_check_not_negative(row, "manual_discount_amount");
	if (ticket && ticket->context)
		context = *(const CrmLineContext *) ticket->context;
	else
	{
		SPI_connect();
		if (!read_context(row, lines, &context))
		{
			SPI_finish();
			refuse_no_document(row, lines);
		}
		if (!row_is_null(row, "product_id"))
			complete_product(row, lines);
		else
		{
			row_set(row, "volume_discount_amount", money_zero());
			row_set_text(row, "pricing_error", "none");
		}
		number_line(row);
		SPI_finish();
	}
	compute_amounts(row, &context);
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

/* read_context fetches document, product and price; the result stays in SPI_tuptable. */
static bool
read_context(CrmRow *row, CrmLines *lines, CrmLineContext *context)
{
	CrmValue	args[] = {
		CRM_INT8(row_int8(row, lines->header->key)),
		CRM_ID(row_int8(row, "product_id")),
		CRM_ID(row_int8(row, "unit_id")),
		CRM_BOOL(core_setting_is_on(row->org, "price_list_is_optional"))
	};

	if (core_run(row->org, &lines->context, args) == 0)
		return false;
	context->decimals = core_result_int4(0, COL_DECIMALS);
	context->is_per_unit = core_result_bool(0, COL_PER_UNIT);
	return true;
}

/* complete_product checks product, unit and quantity, and finds the price. */
static void
complete_product(CrmRow *row, const CrmLines *lines)
{
	bool		is_new = ROW_IS_INSERT(row) || row_changed(row, "product_id");
	char	   *state = core_result_text(0, COL_PRODUCT_STATE);

	if (state == NULL)
		return;					/* no such product: its foreign key says so */
	if (is_new && !core_import_mode &&
		strcmp(state, "active") != 0 && strcmp(state, "under_revision") != 0)
		refuse_product(row);
	if (row_is_null(row, "unit_id"))
		row_set_int8(row, "unit_id", core_result_int8(0, COL_DEFAULT_UNIT));
	else if (!core_result_bool(0, COL_UNIT_FITS))
		refuse_unit(row);
	check_quantity(row, core_result_int4(0, COL_QUANTITY_DECIMALS));
	complete_price(row, lines);
}

static void
refuse_product(CrmRow *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_PRODUCT_NOT_SELLABLE),
			 errmsg("product \"%s\" cannot be sold: it is \"%s\"",
					core_result_text(0, COL_PRODUCT_NAME), core_result_text(0, COL_PRODUCT_STATE)),
			 errdetail("Product %lld is not active.", (long long) row_int8(row, "product_id")),
			 errhint("Publish it with sales_crm.publish_product(), or choose another product."),
			 errtablecol(row->rel, row_column(row, "product_id") + 1)));
}

static void
refuse_unit(CrmRow *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("unit %lld is not in the unit group of product \"%s\"",
					(long long) row_int8(row, "unit_id"), core_result_text(0, COL_PRODUCT_NAME)),
			 errdetail("Product %lld is sold in the units of its own group.",
					   (long long) row_int8(row, "product_id")),
			 errhint("Leave unit_id out for the product's default unit."),
			 errtablecol(row->rel, row_column(row, "unit_id") + 1)));
}

/* check_quantity refuses more decimals than the product allows. */
static void
check_quantity(CrmRow *row, int decimals)
{
	Datum		quantity = row_datum(row, "quantity");

	if (core_import_mode || numeric_is_nan(DatumGetNumeric(quantity)) || money_scale(quantity) <= decimals)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("quantity %s has too many decimals", money_text(quantity)),
			 errdetail("Product \"%s\" is sold with at most %d decimals.",
					   core_result_text(0, COL_PRODUCT_NAME), decimals),
			 errhint("Round the quantity, or raise quantity_decimals of the product."),
			 errtablecol(row->rel, row_column(row, "quantity") + 1)));
}

/*
 * complete_price takes the list price unless the seller overrode it, or the
 * document is locked and the line already has its price. An imported line
 * keeps the price of its time.
 */
static void
complete_price(CrmRow *row, const CrmLines *lines)
{
	bool		is_kept = ROW_IS_UPDATE(row) && core_result_bool(0, COL_LOCKED) &&
		!row_changed(row, "product_id") && !row_changed(row, "unit_id") &&
		!row_changed(row, "is_price_overridden");
	bool		is_imported = core_import_mode && ROW_IS_INSERT(row) &&
		!row_is_null(row, "price_per_unit") && !money_is_zero(row_datum(row, "price_per_unit"));

	row_set(row, "volume_discount_amount", money_zero());
	if (row_bool(row, "is_price_overridden") || is_imported)
		row_set_text(row, "pricing_error", "none");
	else if (is_kept)
		row_keep_old(row, "price_per_unit");
	else
		take_list_price(row);
}

/* take_list_price stores the price of the list, or 0 and why there is none. */
static void
take_list_price(CrmRow *row)
{
	const char *error = "none";
	char	   *method = core_result_text(0, COL_METHOD);
	bool		isnull;
	Datum		amount = core_result(0, COL_AMOUNT, NUMERICOID, &isnull);

	if (method == NULL && core_setting_is_on(row->org, "price_list_is_optional"))
		amount = money_zero();
	else if (method == NULL)
		error = core_result_bool(0, COL_HAS_LIST) ? "product_not_in_price_list" : "missing_price_list";
	else if (!core_result_bool(0, COL_LIST_IS_ACTIVE))
		error = "inactive_price_list";
	else if (strcmp(method, "currency_amount") != 0)
		error = "invalid_pricing_method";
	else if (isnull)
		error = "missing_price_list_amount";
	row_set(row, "price_per_unit", strcmp(error, "none") == 0 ? amount : money_zero());
	row_set_text(row, "pricing_error", error);
}

/* number_line puts a line without number behind the others. */
static void
number_line(CrmRow *row)
{
	if (row_is_null(row, "line_number"))
		row_set_as(row, "line_number", INT4OID, Int32GetDatum(core_result_int4(0, COL_NEXT_NUMBER)));
}

/* compute_amounts fills base amount, discount and extended amount; a note has none. */
static void
compute_amounts(CrmRow *row, const CrmLineContext *context)
{
	static const char *const amounts[] = {"quantity", "price_per_unit", "manual_discount_amount", "tax_amount"};
	char	   *kind = row_text(row, "line_kind");
	bool		is_note = kind && strcmp(kind, "note") == 0;
	Datum		quantity;
	Datum		base;
	Datum		discount;
	Datum		tax;

	if (is_note)
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
	tax = money_round(row_datum(row, "tax_amount"), context->decimals);
	row_set(row, "tax_amount", tax);
	row_set(row, "base_amount", base);
	row_set(row, "extended_amount", money_add(money_subtract(base, discount), tax));
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
