/*
 * price_list.c
 *	  What price lists, their items and discount bands must keep to.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "catalog/catalog.h"

/* columns of find_price */
enum
{
	COL_NUMBER = 1,
	COL_STRUCTURE,
	COL_STATE,
	COL_DEFAULT_UNIT,
	COL_UNIT_FITS,
	COL_PRODUCT_CURRENCY,
	COL_LIST_NAME,
	COL_LIST_CURRENCY,
	COL_DISCOUNT_NAME,
	COL_DISCOUNT_CURRENCY,
	COL_MISSING_MEMBER
};

static void refuse_in_use(CrmRow *row);
static void refuse_retired(CrmRow *row);
static void refuse_list_currency(CrmRow *row);
static bool is_relevant(CrmRow *row);
static void check_product(CrmRow *row);
static void check_unit(CrmRow *row);
static void check_currencies(CrmRow *row);
static void refuse_product(CrmRow *row, const char *what, const char *hint);
static void refuse_currency(CrmRow *row, const char *column, const char *what, const char *currency);
static void check_discount_type(CrmRow *row);
static void refuse_overlap(CrmRow *row, const char *other);

static CrmStatement find_default_use = {
	.sql = "(SELECT 'account', account_id, name FROM @account WHERE price_list_id = $1 LIMIT 1) UNION ALL "
	"(SELECT 'contact', contact_id, full_name FROM @contact WHERE price_list_id = $1 LIMIT 1) UNION ALL "
	"(SELECT 'product', product_id, product_number FROM @product WHERE price_list_id = $1 LIMIT 1) LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement find_retired = {
	.sql = "SELECT p.product_number FROM @price_list_item i JOIN @product p USING (product_id) "
	"WHERE i.price_list_id = $1 AND p.state = 'retired' LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement find_item = {
	.sql = "SELECT 1 FROM @price_list_item WHERE price_list_id = $1 LIMIT 1",
	.argtypes = {INT8OID}
};
/* The share lock keeps the product from being retired before the item is there. */
static CrmStatement find_price = {
	.sql = "SELECT p.product_number, p.product_structure, p.state, p.default_unit_id, "
	"EXISTS (SELECT FROM @unit u WHERE u.unit_id = $3 AND u.unit_group_id = p.unit_group_id), coalesce(p.currency_code, $5), "
	"l.name, l.currency_code, d.name, d.currency_code, "
	"CASE WHEN p.product_structure = 'bundle' THEN (SELECT m.product_number FROM @product_association a JOIN @product m ON m.product_id = a.product_id "
	"WHERE a.bundle_id = p.product_id AND NOT EXISTS (SELECT FROM @price_list_item i WHERE i.price_list_id = l.price_list_id "
	"AND i.product_id = a.product_id) ORDER BY 1 LIMIT 1) END "
	"FROM @product p LEFT JOIN @price_list l ON l.price_list_id = $2 LEFT JOIN @discount_list d ON d.discount_list_id = $4 "
	"WHERE p.product_id = $1 FOR SHARE OF p",
	.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID}
};
static CrmStatement find_list = {
	.sql = "SELECT l.name, l.discount_type, (SELECT format('%s to %s', i.low_quantity, coalesce(i.high_quantity::text, 'no end')) "
	"FROM @discount_list_item i WHERE i.discount_list_id = l.discount_list_id AND i.discount_list_item_id <> $2 "
	"AND i.low_quantity <= coalesce($4, 'Infinity') AND coalesce(i.high_quantity, 'Infinity') >= $3 ORDER BY i.low_quantity LIMIT 1) "
	"FROM @discount_list l WHERE l.discount_list_id = $1",
	.argtypes = {INT8OID, INT8OID, NUMERICOID, NUMERICOID}
};

/* catalog_complete_price_list keeps a list active that is somebody's default, and one with retired products inactive. */
void
catalog_complete_price_list(CrmRow *row, CrmTicket *ticket)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "price_list_id"))};
	char	   *state = row_text(row, "state");

	if (!ROW_IS_UPDATE(row) || state == NULL || (!row_changed(row, "state") && !row_changed(row, "currency_code")))
		return;
	SPI_connect();
	if (row_changed(row, "state") && strcmp(state, "inactive") == 0 &&
		core_run(row->org, &find_default_use, args) > 0)
		refuse_in_use(row);
	if (row_changed(row, "state") && strcmp(state, "active") == 0 &&
		core_run_newest(row->org, &find_retired, args) > 0)
		refuse_retired(row);
	if (row_changed(row, "currency_code") && core_run(row->org, &find_item, args) > 0)
		refuse_list_currency(row);
	SPI_finish();
}

static void
refuse_in_use(CrmRow *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("price list \"%s\" cannot be deactivated: it is a default", row_text(row, "name")),
			 errdetail("It is the price list of %s %lld (%s).", core_result_name(0, 1),
					   (long long) core_result_int8(0, 2), core_result_name(0, 3)),
			 errhint("Give accounts, contacts and products that have it another price_list_id, or none, first."),
			 errtable(row->rel)));
}

static void
refuse_retired(CrmRow *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_PRODUCT_NOT_SELLABLE),
			 errmsg("price list \"%s\" cannot be activated: it has a retired product", row_text(row, "name")),
			 errdetail("Product \"%s\" is retired.", core_result_name(0, 1)),
			 errhint("Delete its items first."),
			 errtable(row->rel)));
}

static void
refuse_list_currency(CrmRow *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_CURRENCY_MISMATCH),
			 errmsg("the currency of price list \"%s\" cannot change: it has prices", row_text(row, "name")),
			 errdetail("Its items are in %s.", row_old_text(row, "currency_code")),
			 errhint("Make another price list in %s.", row_text(row, "currency_code")),
			 errtablecol(row->rel, row_column(row, "currency_code") + 1)));
}

/* catalog_complete_price checks an item of a price list against product, list and discount list. */
void
catalog_complete_price(CrmRow *row, CrmTicket *ticket)
{
	CrmValue	args[] = {
		CRM_ID(row_int8(row, "product_id")), CRM_ID(row_int8(row, "price_list_id")),
		CRM_ID(row_int8(row, "unit_id")), CRM_ID(row_int8(row, "discount_list_id")),
		core_text_value(catalog_base_currency(row->org))
	};

	if (!is_relevant(row))
		return;
	SPI_connect();
	if (core_run(row->org, &find_price, args) > 0)
	{
		check_product(row);
		check_unit(row);
		check_currencies(row);
	}
	SPI_finish();
}

/* is_relevant tells whether anything changed that other tables have a say in. */
static bool
is_relevant(CrmRow *row)
{
	static const char *const columns[] = {
		"product_id", "price_list_id", "unit_id", "pricing_method", "discount_list_id"
	};

	for (int i = 0; i < lengthof(columns); i++)
	{
		if (ROW_IS_INSERT(row) || row_changed(row, columns[i]))
			return true;
	}
	return false;
}

/* check_product refuses what has no price: a family, a retired product, a bundle before its members. */
static void
check_product(CrmRow *row)
{
	char	   *member = core_result_text(0, COL_MISSING_MEMBER);

	if (strcmp(core_result_name(0, COL_STRUCTURE), "family") == 0)
		refuse_product(row, "it is a family", "Give a price to the products of the family.");
	if (strcmp(core_result_name(0, COL_STATE), "retired") == 0 &&
		(ROW_IS_INSERT(row) || row_changed(row, "product_id") || row_changed(row, "price_list_id")))
		refuse_product(row, "it is retired", "Choose a product that is not retired.");
	if (member)
		refuse_product(row, psprintf("its member \"%s\" is not in the list", member),
					   "Insert items for all members of the bundle first.");
}

static void
refuse_product(CrmRow *row, const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_PRODUCT_NOT_SELLABLE),
			 errmsg("product \"%s\" cannot be in a price list: %s", core_result_name(0, COL_NUMBER), what),
			 errdetail("Product %lld would be in price list \"%s\".",
					   (long long) row_int8(row, "product_id"), core_result_name(0, COL_LIST_NAME)),
			 errhint("%s", hint),
			 errtablecol(row->rel, row_column(row, "product_id") + 1)));
}

/* check_unit takes the product's unit where none is given, and refuses one of another group. */
static void
check_unit(CrmRow *row)
{
	if (row_is_null(row, "unit_id") && core_result_key(0, COL_DEFAULT_UNIT) != 0)
		row_set_int8(row, "unit_id", core_result_key(0, COL_DEFAULT_UNIT));
	else if (!row_is_null(row, "unit_id") && !core_result_bool(0, COL_UNIT_FITS))
		catalog_refuse_unit(row, core_result_name(0, COL_NUMBER));
}

/* check_currencies refuses a price worked out from, or discounted in, another currency than the list's. */
static void
check_currencies(CrmRow *row)
{
	char	   *list = core_result_text(0, COL_LIST_CURRENCY);
	char	   *product = core_result_text(0, COL_PRODUCT_CURRENCY);
	char	   *discount = core_result_text(0, COL_DISCOUNT_CURRENCY);
	char	   *method = row_text(row, "pricing_method");

	if (list == NULL)
		return;					/* no such list: its foreign key says so */
	if (method && strcmp(method, "currency_amount") != 0 && strcmp(list, product) != 0)
		refuse_currency(row, "pricing_method",
						psprintf("List price and costs of product \"%s\"", core_result_name(0, COL_NUMBER)), product);
	if (discount && strcmp(list, discount) != 0)
		refuse_currency(row, "discount_list_id",
						psprintf("The amounts of discount list \"%s\"", core_result_name(0, COL_DISCOUNT_NAME)), discount);
}

static void
refuse_currency(CrmRow *row, const char *column, const char *what, const char *currency)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_CURRENCY_MISMATCH),
			 errmsg("price list \"%s\" is in %s, not in %s", core_result_name(0, COL_LIST_NAME),
					core_result_name(0, COL_LIST_CURRENCY), currency),
			 errdetail("%s are in %s.", what, currency),
			 errhint("Use pricing_method currency_amount and a discount list of percentages, or a price list in %s.", currency),
			 errtablecol(row->rel, row_column(row, column) + 1)));
}

/*
 * catalog_complete_band refuses a band of the other type or over another one.
 * Two sessions that add bands at once are kept apart by the exclusion
 * constraint; what is said here is only said better.
 */
void
catalog_complete_band(CrmRow *row, CrmTicket *ticket)
{
	CrmValue	args[] = {
		CRM_ID(row_int8(row, "discount_list_id")), CRM_INT8(row_int8(row, "discount_list_item_id")), CRM_NULL, CRM_NULL
	};

	if (row_is_null(row, "low_quantity"))
		return;					/* NOT NULL says so */
	args[2] = CRM_DATUM(row_datum(row, "low_quantity"));
	if (!row_is_null(row, "high_quantity"))
		args[3] = CRM_DATUM(row_datum(row, "high_quantity"));
	SPI_connect();
	if (core_run(row->org, &find_list, args) > 0)
	{
		char	   *other = core_result_text(0, 3);

		check_discount_type(row);
		if (other)
			refuse_overlap(row, other);
	}
	SPI_finish();
}

static void
check_discount_type(CrmRow *row)
{
	char	   *type = core_result_name(0, 2);
	bool		is_amount = strcmp(type, "amount") == 0;

	if (row_is_null(row, "amount") != is_amount && row_is_null(row, "percentage") == is_amount)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a band of discount list \"%s\" has a%s %s and nothing else", core_result_name(0, 1), is_amount ? "n" : "", type),
			 errdetail("The list is of type %s.", type),
			 errhint("Give %s and leave %s out.", type, is_amount ? "percentage" : "amount"),
			 errtableconstraint(row->rel, "discount_list_item_discount_check")));
}

static void
refuse_overlap(CrmRow *row, const char *other)
{
	ereport(ERROR,
			(errcode(ERRCODE_EXCLUSION_VIOLATION),
			 errmsg("bands of discount list \"%s\" cannot overlap", core_result_name(0, 1)),
			 errdetail("It has a band from %s.", other),
			 errhint("Both ends of a band belong to it: let the next one begin above it, such as 9.99999 and 10."),
			 errtableconstraint(row->rel, "discount_list_item_overlap_excl")));
}
