/*
 * bound.c
 *	  What was made of a record binds it: an order that is delivered or
 *	  invoiced, and an invoice that bills, credits or is credited.
 *
 * It binds who writes by hand. What is invoiced is taken back by a credit
 * note; what comes on top is another line, or another order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "core/lock.h"
#include "document/document.h"

/* What stands behind an order: invoices of it that are not wholly credited, what they come to, goods that are out. */
typedef struct Behind
{
	char	   *number;			/* of an invoice, NULL = there is none */
	char	   *billing_number; /* of one that is no down payment */
	bool		has_rest;
	bool		is_delivered;
	Datum		billed;
} Behind;

static bool is_free(const CrmRow *row, const CrmTicket *ticket);
static bool is_counted(const CrmRow *row, const char *column);
static void keep_columns(CrmRow *row, const char *const *columns, int n, const char *what);
static bool customer_changed(const CrmRow *row);
static bool discount_changed(const CrmRow *row);
static void hold_lines(CrmOrganization *org, int64 order_id);
static Behind read_behind(CrmOrganization *org, int64 order_id);
static void check_order(CrmRow *row, const Behind *behind);
static void check_total(CrmRow *row, const Behind *behind);
static void keep_type(CrmRow *row);
static void keep_invoice_customer(CrmRow *row);
static void keep_opportunity(CrmRow *row, const CrmDocument *document);
static bool is_linked(const CrmRow *row);
static bool finds(CrmRow *row, CrmStatement *statement, const char *key);
static void refuse(const CrmRow *row, int code, const char *column, const char *message,
				   const char *detail, const char *hint) pg_attribute_noreturn();

#define OF_ORDER \
	"v.invoice_id IN (SELECT invoice_id FROM @invoice WHERE sales_order_id = $1 " \
	"UNION ALL SELECT i.invoice_id FROM @sales_order_product l JOIN @invoice_product i USING (sales_order_product_id) " \
	"WHERE l.sales_order_id = $1) AND v.state <> 'canceled'"

static CrmStatement find_behind = {
	.sql = "SELECT min(v.invoice_number) FILTER (WHERE " DOCUMENT_IS_OWED("v") "), "
	"min(v.invoice_number) FILTER (WHERE v.invoice_type <> 'down_payment' AND " DOCUMENT_IS_OWED("v") "), "
	"EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = $1 AND " DOCUMENT_LEFT_TO_BILL "), "
	"EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = $1 AND l.quantity_delivered <> l.quantity_returned), "
	"coalesce(sum(v.total_amount) FILTER (WHERE v.sales_order_id = $1), 0) FROM @invoice v WHERE " OF_ORDER,
	.argtypes = {INT8OID}
};
static CrmStatement find_content = {
	.sql = "SELECT 1 WHERE EXISTS (SELECT FROM @invoice_product WHERE invoice_id = $1) "
	"OR EXISTS (SELECT FROM @payment WHERE invoice_id = $1)",
	.argtypes = {INT8OID}
};
static CrmStatement find_ties = {
	.sql = "SELECT 1 WHERE EXISTS (SELECT FROM @invoice_product WHERE invoice_id = $1 AND sales_order_product_id IS NOT NULL) "
	"OR EXISTS (SELECT FROM @invoice WHERE credited_invoice_id = $1 AND state <> 'canceled')",
	.argtypes = {INT8OID}
};

/* document_keep_order_line keeps an order line as it was delivered, and at the price it was invoiced at. */
void
document_keep_order_line(CrmRow *row, const CrmTicket *ticket)
{
	static const char *const goods[] = {"line_kind", "product_id", "product_description", "unit_id"};
	static const char *const money[] = {
		"price_per_unit", "is_price_overridden", "manual_discount_percentage", "tax_category"
	};
	static const char *const discount[] = {"manual_discount_amount"};
	static const char *const tax[] = {"tax_amount"};
	bool		is_invoiced;

	if (is_free(row, ticket))
		return;
	is_invoiced = is_counted(row, "quantity_invoiced");
	if (is_invoiced || is_counted(row, "quantity_delivered"))
		keep_columns(row, goods, lengthof(goods), is_invoiced ? "invoiced" : "delivered");
	if (!is_invoiced)
		return;
	keep_columns(row, money, lengthof(money), "invoiced");
	if (row_is_null(row, "manual_discount_percentage"))
		keep_columns(row, discount, lengthof(discount), "invoiced");
	if (row_is_null(row, "tax_details"))
		keep_columns(row, tax, lengthof(tax), "invoiced");
}

/* is_free tells whether nothing binds who writes: a call, an import, a new row. */
static bool
is_free(const CrmRow *row, const CrmTicket *ticket)
{
	return ticket != NULL || core_import_mode || !ROW_IS_UPDATE(row);
}

static bool
is_counted(const CrmRow *row, const char *column)
{
	return !row_is_null(row, column) && !money_is_zero(row_datum(row, column));
}

static void
keep_columns(CrmRow *row, const char *const *columns, int n, const char *what)
{
	for (int i = 0; i < n; i++)
	{
		if (row_changed(row, columns[i]))
			refuse(row, ERRCODE_CRM_RECORD_IS_READ_ONLY, columns[i],
				   psprintf("column \"%s\" of an order line that is %s cannot be changed", columns[i], what),
				   psprintf("Order line %lld: invoiced %s, delivered %s.", (long long) row_int8(row, "sales_order_product_id"),
							money_text(row_datum(row, "quantity_invoiced")), money_text(row_datum(row, "quantity_delivered"))),
				   strcmp(what, "delivered") == 0 ? "Add a line for something else; what was delivered is taken back by return_order()."
				   : "Use create_credit_note() or cancel_invoice() on its invoice first, or add a line for what is sold otherwise.");
	}
}

/* document_keep_order keeps customer, currency, deal and discounts of an order as far as it is invoiced or delivered. */
void
document_keep_order(CrmRow *row, const CrmTicket *ticket)
{
	Behind		behind;

	if (is_free(row, ticket))
		return;
	keep_opportunity(row, &document_order);
	if (!customer_changed(row) && !discount_changed(row) &&
		!row_changed(row, "currency_code") && !row_changed(row, "opportunity_id"))
		return;
	if (!discount_changed(row))
		hold_lines(row->org, row_int8(row, "sales_order_id"));
	behind = read_behind(row->org, row_int8(row, "sales_order_id"));
	check_order(row, &behind);
	if (behind.billing_number && discount_changed(row))
		check_total(row, &behind);
}

/* customer_changed tells whether a document is for somebody else: another account, or without one another contact. */
static bool
customer_changed(const CrmRow *row)
{
	return row_changed(row, "account_id") || (row_is_null(row, "account_id") && row_changed(row, "contact_id"));
}

static bool
discount_changed(const CrmRow *row)
{
	return row_changed(row, "discount_percentage") || row_changed(row, "discount_amount") ||
		row_changed(row, "freight_amount");
}

/* hold_lines waits for who is billing lines of an order by hand: he holds them. */
static void
hold_lines(CrmOrganization *org, int64 order_id)
{
	int			before = core_lock_loosen();	/* the order is locked before any trigger of ours */

	SPI_connect();
	pricing_lock_lines(org, &document_order.lines, order_id);
	SPI_finish();
	core_lock_tighten(before);
}

/* read_behind reads what stands behind an order whose row is locked: all of it, whoever may see it. */
static Behind
read_behind(CrmOrganization *org, int64 order_id)
{
	CrmValue	args[] = {CRM_INT8(order_id)};
	MemoryContext caller = CurrentMemoryContext;
	Behind		behind;

	SPI_connect();
	core_run_newest_as_owner(org, &find_behind, "sales_order", args);
	MemoryContextSwitchTo(caller);
	behind.number = core_result_text(0, 1);
	behind.billing_number = core_result_text(0, 2);
	behind.has_rest = core_result_bool(0, 3);
	behind.is_delivered = core_result_bool(0, 4);
	behind.billed = money_add(core_result_number(0, 5), money_zero());
	SPI_finish();
	return behind;
}

static void
check_order(CrmRow *row, const Behind *behind)
{
	static const char *const hint = "Use create_credit_note() or cancel_invoice() on its invoices first, and return_order() on what is out, or make another order.";
	char	   *number = row_text(row, "order_number");

	if (customer_changed(row) && (behind->number || behind->is_delivered))
		refuse(row, ERRCODE_CRM_RECORD_IS_READ_ONLY, row_changed(row, "account_id") ? "account_id" : "contact_id",
			   psprintf("the customer of an order that is %s cannot be changed", behind->number ? "invoiced" : "delivered"),
			   behind->number ? psprintf("Order %s became invoice %s.", number, behind->number)
			   : psprintf("Goods of order %s are at the customer.", number), hint);
	if (behind->number && row_changed(row, "currency_code"))
		refuse(row, ERRCODE_CRM_CURRENCY_MISMATCH, "currency_code", "the currency of an order that is invoiced cannot change",
			   psprintf("Order %s became invoice %s.", number, behind->number), hint);
	if (behind->number && row_changed(row, "opportunity_id"))
		refuse(row, ERRCODE_GENERATED_ALWAYS, "opportunity_id", "the opportunity of an order that is invoiced cannot be changed",
			   psprintf("Order %s became invoice %s.", number, behind->number), hint);
}

/* check_total keeps the discounts and freight that invoices took over, and the total that they add up to. */
static void
check_total(CrmRow *row, const Behind *behind)
{
	static const char *const hint = "Use create_credit_note() or cancel_invoice() on its invoices first, or give discount and freight to an invoice that is still open.";
	const char *column = row_changed(row, "discount_percentage") ? "discount_percentage"
		: row_changed(row, "discount_amount") ? "discount_amount" : "freight_amount";
	Datum		total = row_datum(row, "total_amount");
	Datum		before = row->old_values[row_column(row, "total_amount")];

	if (!behind->has_rest || row_changed(row, "discount_percentage"))
		refuse(row, ERRCODE_CRM_RECORD_IS_READ_ONLY, column,
			   psprintf("column \"%s\" of an order that is invoiced cannot be changed", column),
			   psprintf("Order %s became invoice %s%s.", row_text(row, "order_number"), behind->billing_number,
						behind->has_rest ? "" : ", and nothing is left to invoice"), hint);
	if (money_compare(total, before) < 0 && money_compare(total, behind->billed) < 0)
		refuse(row, ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED, column, "the order would come to less than is invoiced of it",
			   psprintf("Order %s: total %s, invoiced %s.", row_text(row, "order_number"), money_text(total),
						money_text(behind->billed)), hint);
}

/* document_keep_invoice keeps type, customer, currency and deal of an invoice that bills, credits or is credited. */
void
document_keep_invoice(CrmRow *row, const CrmTicket *ticket)
{
	if (is_free(row, ticket))
		return;
	keep_opportunity(row, &document_invoice);
	if (row_changed(row, "invoice_type"))
		keep_type(row);
	if (customer_changed(row) || row_changed(row, "currency_code"))
		keep_invoice_customer(row);
}

/* keep_type keeps the type of an invoice with lines, links or payments: each of them counts by it. */
static void
keep_type(CrmRow *row)
{
	if (!is_linked(row) && !finds(row, &find_content, "invoice_id"))
		return;
	refuse(row, ERRCODE_GENERATED_ALWAYS, "invoice_type",
		   "the type of an invoice with lines, links or payments cannot be changed",
		   psprintf("Invoice %s is a %s.", row_text(row, "invoice_number"), row_old_text(row, "invoice_type")),
		   "Use cancel_invoice(), or delete it, and make another; create_credit_note() takes an invoice back.");
}

static void
keep_invoice_customer(CrmRow *row)
{
	bool		is_customer = customer_changed(row);
	char	   *number = row_text(row, "invoice_number");

	if (!is_linked(row) && !finds(row, &find_ties, "invoice_id"))
		return;
	refuse(row, is_customer ? ERRCODE_CRM_RECORD_IS_READ_ONLY : ERRCODE_CRM_CURRENCY_MISMATCH,
		   !is_customer ? "currency_code" : row_changed(row, "account_id") ? "account_id" : "contact_id",
		   psprintf("the %s of an invoice of an order, or with credit notes, cannot be changed",
					is_customer ? "customer" : "currency"),
		   psprintf("Invoice %s bills an order, or one of the two takes the other back.", number),
		   "Use cancel_invoice() and make another invoice; bill_to_name and the address beside it say whom it is sent to.");
}

/* document_keep_quote keeps the deal of a quote whose lines come from it. */
void
document_keep_quote(CrmRow *row, const CrmTicket *ticket)
{
	if (!is_free(row, ticket))
		keep_opportunity(row, &document_quote);
}

/* keep_opportunity keeps the deal of a document that comes from another record, or whose lines come from lines of it. */
static void
keep_opportunity(CrmRow *row, const CrmDocument *document)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	const CrmEntity *entity = &document->entity;

	if (!row_changed(row, "opportunity_id"))
		return;
	if (!is_linked(row) &&
		!finds(row, core_intern(psprintf("SELECT 1 FROM @%1$s WHERE %2$s = $1 AND opportunity_product_id IS NOT NULL LIMIT 1",
										 document->lines.entity.name, entity->key), types), entity->key))
		return;
	refuse(row, ERRCODE_GENERATED_ALWAYS, "opportunity_id",
		   psprintf("the opportunity of %s that was made from another record cannot be changed", lifecycle_one(entity)),
		   psprintf("%s, or one of its lines, names the record it comes from.", lifecycle_called(entity, row_int8(row, entity->key))),
		   "Make another document from the record of that opportunity.");
}

/* is_linked tells whether a document names the one that it was made from. */
static bool
is_linked(const CrmRow *row)
{
	static const char *const links[] = {"quote_id", "sales_order_id", "credited_invoice_id"};
	const char *own_key = row_has(row, "quote_number") ? "quote_id" : row_has(row, "order_number") ? "sales_order_id" : "";

	for (int i = 0; i < lengthof(links); i++)
	{
		if (strcmp(links[i], own_key) != 0 && !row_is_null(row, links[i]))
			return true;
	}
	return false;
}

/* finds tells whether a query of a record's key finds something, whoever may see it. */
static bool
finds(CrmRow *row, CrmStatement *statement, const char *key)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, key))};
	uint64		found;

	SPI_connect();
	found = core_run_newest_as_owner(row->org, statement, "sales_order", args);
	SPI_finish();
	return found > 0;
}

static void
refuse(const CrmRow *row, int code, const char *column, const char *message, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("%s", hint),
			 errtablecol(row->rel, row_column(row, column) + 1)));
}
