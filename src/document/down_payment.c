/*
 * down_payment.c
 *	  Invoices of a down payment on an order; the final invoice deducts them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "document/document.h"

/* A down payment as it is asked for. */
typedef struct DownPayment
{
	Datum		net;
	Datum		tax;
} DownPayment;

static void refuse_choice(const char *what) pg_attribute_noreturn();
static DownPayment split_amount(CrmOrganization *org, const CrmOrder *order, CrmValue percentage, CrmValue amount);
static void refuse_total(const CrmOrder *order, Datum total, Datum billed, Datum amount);
static int64 write_invoice(CrmOrganization *org, const CrmOrder *order, const DownPayment *payment);
static char *build_header(CrmOrganization *org, const void *argument);

static CrmStatement read_totals = {
	.sql = "SELECT o.total_amount, o.total_tax, c.decimals, "
	"(SELECT coalesce(sum(v.total_amount), 0) FROM @invoice v WHERE v.sales_order_id = $1 AND v.state <> 'canceled') "
	"FROM @sales_order o JOIN @currency c USING (currency_code) WHERE o.sales_order_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement insert_line = {
	.sql = "INSERT INTO @invoice_product (invoice_id, product_description, quantity, price_per_unit, tax_amount) "
	"VALUES ($1, 'Down payment, order ' || $2, 1, $3, $4)",
	.argtypes = {INT8OID, TEXTOID, NUMERICOID, NUMERICOID}
};
static CrmStatement find_deduction = {
	.sql = "SELECT f.invoice_number FROM @invoice_product l JOIN @invoice f USING (invoice_id) "
	"WHERE l.down_payment_invoice_id = $1 AND f.state <> 'canceled' GROUP BY 1 HAVING sum(l.quantity) <> 0 "
	"AND (SELECT sum(x.quantity) FROM @invoice_product x JOIN @invoice y USING (invoice_id) "
	"WHERE x.down_payment_invoice_id = $1 AND y.state <> 'canceled') <> 0 ORDER BY 1 LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement lock_billed_orders = {
	.sql = "SELECT o.sales_order_id FROM @sales_order o WHERE o.sales_order_id IN "
	"(SELECT b.sales_order_id FROM @sales_order_product b WHERE b.sales_order_product_id = ANY ($1)) "
	"AND NOT EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id AND " DOCUMENT_LEFT_TO_BILL ") "
	"ORDER BY o.sales_order_id FOR NO KEY UPDATE",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement find_not_deducted = {
	.sql = "SELECT o.order_number, d.invoice_number FROM @invoice d JOIN @sales_order o USING (sales_order_id) WHERE d.sales_order_id IN "
	"(SELECT b.sales_order_id FROM @sales_order_product b WHERE b.sales_order_product_id = ANY ($1)) "
	"AND NOT EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = d.sales_order_id AND " DOCUMENT_LEFT_TO_BILL ") "
	"AND " DOCUMENT_NOT_DEDUCTED " ORDER BY d.invoice_id LIMIT 1",
	.argtypes = {INT8ARRAYOID}
};
static const Oid header_types[CRM_MAX_ARGS] = {INT8OID, INT8OID};

PG_FUNCTION_INFO_V1(document_invoice_down_payment);

/* document_invoice_down_payment invoices a percentage of an order, or an amount, before it is delivered. */
Datum
document_invoice_down_payment(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	CrmOrganization *org;
	CrmOrder	order;
	DownPayment payment;

	if (PG_ARGISNULL(1) == PG_ARGISNULL(2))
		refuse_choice("Neither of them, or both, are given.");
	org = core_begin();
	order = document_hold_header(org, id);
	document_require_state(&order, "active submitted", "invoiced as a down payment",
						   "A down payment is asked for before the order is fulfilled; use create_invoice_from_order() now.");
	document_require_prices(org, &document_order, id);
	payment = split_amount(org, &order, core_value_argument(fcinfo, 1), core_value_argument(fcinfo, 2));
	return core_end_id(write_invoice(org, &order, &payment));
}

static void
refuse_choice(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a down payment is a percentage or an amount"),
			 errdetail("%s", what),
			 errhint("Give percentage => more than 0 and up to 100, or amount => more than 0.")));
}

/* split_amount finds the amount of a down payment, and its tax as the order's total has it. */
static DownPayment
split_amount(CrmOrganization *org, const CrmOrder *order, CrmValue percentage, CrmValue amount)
{
	CrmValue	args[] = {CRM_INT8(order->id)};
	DownPayment payment;
	Datum		total;
	Datum		gross;
	int			decimals;

	if (core_run_newest(org, &read_totals, args) == 0)
		core_refuse_unknown("sales_order", order->id);
	total = core_result_number(0, 1);
	decimals = core_result_int4(0, 3);
	if (!percentage.isnull && (money_compare(percentage.value, money_zero()) <= 0 ||
							   money_compare(percentage.value, money_hundred()) > 0))
		refuse_choice(psprintf("A percentage of %s is given.", money_text(percentage.value)));
	gross = percentage.isnull ? amount.value : money_percent(total, percentage.value, decimals);
	if (!amount.isnull && (money_compare(gross, money_zero()) <= 0 || numeric_is_nan(DatumGetNumeric(gross))))
		refuse_choice(psprintf("An amount of %s is given.", money_text(gross)));
	if (money_compare(total, money_zero()) <= 0 ||
		money_compare(money_add(core_result_number(0, 4), gross), total) > 0 ||
		money_is_zero(gross = money_round(gross, decimals)))
		refuse_total(order, total, core_result_number(0, 4), gross);
	payment.tax = money_divide(money_multiply(gross, core_result_number(0, 2)), total, decimals);
	payment.net = money_subtract(gross, payment.tax);
	return payment;
}

static void
refuse_total(const CrmOrder *order, Datum total, Datum billed, Datum amount)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
			 errmsg("a down payment of %s cannot be invoiced", money_text(amount)),
			 errdetail("Order %s: total %s, invoiced %s.", order->number, money_text(total), money_text(billed)),
			 errhint("Ask for at most what is left of the order's total, in its currency."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order")));
}

/* write_invoice makes the invoice: the order's header without discount and freight, and one line. */
static int64
write_invoice(CrmOrganization *org, const CrmOrder *order, const DownPayment *payment)
{
	int64		id = core_next_id(org, "invoice", "invoice_id");
	CrmStatement *insert = lifecycle_mapped(org, "down payment of sales_order", header_types, build_header, NULL);
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = "invoice", .ids = &id, .n = 1, .made_by = "create_down_payment_invoice"
	};
	CrmValue	args[] = {CRM_INT8(order->id), CRM_INT8(id)};
	CrmValue	line[] = {
		CRM_INT8(id), core_text_value(order->number), CRM_DATUM(payment->net), CRM_DATUM(payment->tax)
	};

	lifecycle_run(org, &ticket, insert, args);
	core_run(org, &insert_line, line);
	return id;
}

static char *
build_header(CrmOrganization *org, const void *argument)
{
	CrmOverride overrides[] = {
		{"freight_amount", "0", NULL}, {"discount_percentage", "0", NULL}, {"discount_amount", "0", NULL},
		{"tax_method", "'typed'", NULL}
	};

	return psprintf("INSERT INTO @invoice (invoice_id, invoice_type, opportunity_id, sales_order_id, is_price_locked%s) "
					"SELECT $2, 'down_payment', s.opportunity_id, s.sales_order_id, true%s "
					"FROM @sales_order s WHERE s.sales_order_id = $1",
					lifecycle_map_targets(org, "sales_order", "invoice"),
					lifecycle_map_sources(org, "sales_order", "invoice", overrides, lengthof(overrides)));
}

/* document_require_not_deducted refuses to touch a down payment that an invoice deducts. */
void
document_require_not_deducted(CrmOrganization *org, int64 invoice_id, const char *number, const char *what)
{
	CrmValue	args[] = {CRM_INT8(invoice_id)};

	if (core_run_newest(org, &find_deduction, args) == 0)
		return;
	ereport(ERROR,
			(errcode(strcmp(what, "changed") == 0 ? ERRCODE_CRM_RECORD_IS_READ_ONLY : ERRCODE_CRM_ALREADY_CONVERTED),
			 errmsg("a down payment that is deducted cannot be %s", what),
			 errdetail("Invoice %s deducts down payment %s.", core_result_text(0, 1), number),
			 errhint("Use cancel_invoice() or create_credit_note() on that invoice first."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
}

/*
 * document_require_deducted refuses that an order is invoiced to the end by
 * lines of an invoice that no call made from it, or that are owed again, while
 * a down payment waits for the final invoice: nothing would deduct it any more.
 */
void
document_require_deducted(CrmOrganization *org, const int64 *order_line_ids, int n)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(order_line_ids, n))};

	if (core_run(org, &lock_billed_orders, args) == 0 || core_run_newest(org, &find_not_deducted, args) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
			 errmsg("order %s would be invoiced in full without its down payment", core_result_text(0, 1)),
			 errdetail("No invoice deducts down payment %s, and none could any more.", core_result_text(0, 2)),
			 errhint("Use create_credit_note() or cancel_invoice() on the down payment first; create_invoice_from_order() deducts it from the last invoice."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
}
