/*
 * invoice.c
 *	  Paying and canceling invoices, and documents made from a deal (D§3.4, §3.7).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

/* An invoice as the calls see it, locked. */
typedef struct Invoice
{
	int64		id;
	char	   *state;
	char	   *number;
	bool		is_credit_note;
	Datum		total;
	Datum		paid;
	Datum		balance;
	Datum		discount;		/* saved if this payment settles it; 0 = none */
	int			decimals;
} Invoice;

static Invoice lock_invoice(CrmOrganization *org, CrmStatement *lock, int64 id, CrmValue payment_date);
static void take_payment(CrmOrganization *org, const Invoice *invoice, Datum amount,
						 Datum discount, Datum payment_date, CrmValue reference);
static void withdraw_discount(CrmOrganization *org, int64 payment_id);
static Datum amount_to_pay(const Invoice *invoice, CrmValue wanted);
static void refuse_amount(const Invoice *invoice, Datum amount);
static void settle(CrmOrganization *org, const Invoice *invoice, const CrmMove *move);
static void refuse_saving(const Invoice *invoice);
static void refuse_paid(const Invoice *invoice);
static void check_sign(const Invoice *invoice);
static void recount(CrmOrganization *org, int64 invoice_id);
static Datum from_opportunity(FunctionCallInfo fcinfo, const CrmConversion *conversion);

#define LOCK_INVOICE \
	"SELECT v.state, v.invoice_number, v.total_amount, v.amount_paid, v.balance_amount, c.decimals, " \
	"greatest(CASE WHEN v.invoice_type <> 'credit_note' AND $2 <= v.early_payment_date " \
	"THEN round(v.total_amount * v.early_payment_percentage / 100, c.decimals) END, 0), v.invoice_type = 'credit_note', v.invoice_id " \
	"FROM @invoice v JOIN @currency c USING (currency_code) WHERE v.invoice_id = $1 FOR NO KEY UPDATE OF v"

static CrmStatement lock_to_pay = {
	.sql = LOCK_INVOICE,
	.argtypes = {INT8OID, DATEOID}
};
static CrmStatement lock_to_cancel = {
	.sql = LOCK_INVOICE,
	.argtypes = {INT8OID, DATEOID},
	.locks = "invoice to cancel"
};
static CrmStatement insert_payment = {
	.sql = "INSERT INTO @payment (payment_id, invoice_id, amount, discount_amount, payment_date, reference) "
	"VALUES ($1, $2, $3, $4, $5, $6)",
	.argtypes = {INT8OID, INT8OID, NUMERICOID, NUMERICOID, DATEOID, TEXTOID}
};
static CrmStatement settle_invoice = {
	.sql = "UPDATE @invoice SET state = $2, status_reason = $3, (amount_paid, early_payment_discount_amount) = "
	"(SELECT coalesce(sum(p.amount), 0), CASE WHEN invoice_type = 'credit_note' THEN early_payment_discount_amount "
	"ELSE coalesce(sum(p.discount_amount), 0) END FROM @payment p "
	"WHERE p.invoice_id = $1 AND p.canceled_at IS NULL) WHERE invoice_id = $1",
	.argtypes = {INT8OID, TEXTOID, TEXTOID}
};
static CrmStatement find_payment = {
	.sql = "SELECT invoice_id FROM @payment WHERE payment_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement cancel_one = {
	.sql = "UPDATE @payment SET canceled_at = " CRM_SQL_NOW " WHERE payment_id = $1 AND canceled_at IS NULL",
	.argtypes = {INT8OID}
};
static CrmStatement count_payments = {
	.sql = "SELECT count(*), max(payment_id) FILTER (WHERE discount_amount <> 0) "
	"FROM @payment WHERE invoice_id = $1 AND canceled_at IS NULL",
	.argtypes = {INT8OID}
};
static CrmStatement find_saving_credited = {
	.sql = "SELECT invoice_number FROM @invoice WHERE credited_invoice_id = $1 AND state <> 'canceled' "
	"AND early_payment_discount_amount <> 0 LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement clear_discount = {
	.sql = "UPDATE @payment SET discount_amount = 0 WHERE payment_id = $1",
	.argtypes = {INT8OID}
};
/* Orders of lines that an invoice by hand bills, and that do not let it by now: canceled, or no longer fitting. */
static CrmStatement find_unfit_order = {
	.sql = "SELECT s.order_number, s.state = 'canceled' FROM @sales_order s JOIN @sales_order_product l USING (sales_order_id) "
	"WHERE l.sales_order_product_id = ANY ($1) AND (s.state = 'canceled' OR EXISTS (SELECT FROM @invoice_product i "
	"JOIN @invoice t USING (invoice_id) WHERE i.sales_order_product_id = l.sales_order_product_id AND t.sales_order_id IS NULL "
	"AND t.state <> 'canceled' AND (t.invoice_type = 'down_payment' OR NOT coalesce(" DOCUMENT_CUSTOMER_FITS ", false) "
	"OR t.currency_code <> s.currency_code OR (i.product_id, i.unit_id, i.line_kind) IS DISTINCT FROM (l.product_id, l.unit_id, l.line_kind)))) LIMIT 1",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement lines_of_order = {
	.sql = "SELECT DISTINCT sales_order_product_id FROM @invoice_product WHERE invoice_id = $1 "
	"AND sales_order_product_id IS NOT NULL ORDER BY 1",
	.argtypes = {INT8OID}
};
static CrmStatement lock_order_of = {
	.sql = "SELECT o.sales_order_id, o.state FROM @sales_order o JOIN @invoice v USING (sales_order_id) "
	"WHERE v.invoice_id = $1 FOR NO KEY UPDATE OF o",
	.argtypes = {INT8OID}
};

static const CrmConversion quote_from_opportunity = {
	.source = "opportunity", .source_key = "opportunity_id",
	.source_lines = "opportunity_product", .source_line_key = "opportunity_product_id",
	.target = &document_quote,
	.links = "opportunity_id", .link_values = "s.opportunity_id",
	.made_by = "create_quote_from_opportunity"
};
static const CrmConversion order_from_opportunity = {
	.source = "opportunity", .source_key = "opportunity_id",
	.source_lines = "opportunity_product", .source_line_key = "opportunity_product_id",
	.target = &document_order,
	.links = "opportunity_id, is_price_locked", .link_values = "s.opportunity_id, true",
	.made_by = "create_order_from_opportunity"
};
static const CrmConversion invoice_from_opportunity = {
	.source = "opportunity", .source_key = "opportunity_id",
	.source_lines = "opportunity_product", .source_line_key = "opportunity_product_id",
	.target = &document_invoice,
	.links = "opportunity_id, is_price_locked", .link_values = "s.opportunity_id, true",
	.made_by = "create_invoice_from_opportunity"
};

PG_FUNCTION_INFO_V1(document_pay_invoice);
PG_FUNCTION_INFO_V1(document_cancel_payment);
PG_FUNCTION_INFO_V1(document_cancel_invoice);
PG_FUNCTION_INFO_V1(document_recount_invoice);
PG_FUNCTION_INFO_V1(document_quote_opportunity);
PG_FUNCTION_INFO_V1(document_order_opportunity);
PG_FUNCTION_INFO_V1(document_invoice_opportunity);

/* document_pay_invoice takes a payment: in part or of all that is open, less what paying early saves. */
Datum
document_pay_invoice(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "invoice_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &document_invoice.entity, .made_by = "pay_invoice", .to = "paid"};
	Datum		payment_date = PG_ARGISNULL(2) ? core_today(org) : PG_GETARG_DATUM(2);
	Invoice		invoice = lock_invoice(org, &lock_to_pay, id, CRM_DATUM(payment_date));
	Datum		least = money_subtract(invoice.balance, invoice.discount);
	Datum		amount;

	lifecycle_require(org, &move, id, invoice.state);
	if (strcmp(invoice.state, "paid") == 0 && money_is_zero(invoice.balance))
		refuse_paid(&invoice);
	check_sign(&invoice);
	amount = amount_to_pay(&invoice, core_value_argument(fcinfo, 1));
	if (money_compare(amount, least) != 0)
		invoice.discount = money_zero();
	if (!money_is_zero(amount))
		take_payment(org, &invoice, amount, invoice.discount, payment_date, core_value_argument(fcinfo, 3));
	move.reason = money_compare(money_add(amount, invoice.discount), invoice.balance) == 0 ? "complete" : "partial";
	settle(org, &invoice, &move);
	return core_end_text("paid");
}

/* document_cancel_payment takes a payment back; with none left the invoice is active again. */
Datum
document_cancel_payment(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "payment_id");
	CrmOrganization *org = core_begin();
	CrmValue	args[] = {CRM_INT8(id)};
	CrmMove		move = {.entity = &document_invoice.entity, .made_by = "cancel_payment"};
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "payment", .ids = &id, .n = 1};
	Invoice		invoice;
	bool		is_paid;

	if (core_run(org, &find_payment, args) == 0)
		core_refuse_unknown("payment", id);
	invoice = lock_invoice(org, &lock_to_pay, core_result_int8(0, 1), CRM_NULL);
	if (lifecycle_run(org, &ticket, &cancel_one, args) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 errmsg("the payment is canceled already"),
				 errdetail("Payment %lld of invoice %s does not count any more.", (long long) id, invoice.number),
				 errhint("Use pay_invoice() for a new payment."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "payment")));
	args[0] = CRM_INT8(invoice.id);
	if (core_run_newest(org, &find_saving_credited, args) > 0)
		refuse_saving(&invoice);
	core_run(org, &count_payments, args);
	is_paid = core_result_int8(0, 1) > 0;
	withdraw_discount(org, core_result_int8(0, 2));
	move.to = is_paid ? "paid" : "active";
	move.reason = is_paid ? "partial" : NULL;
	settle(org, &invoice, &move);
	return core_end_text(move.to);
}

/* take_payment writes the row of a payment. */
static void
take_payment(CrmOrganization *org, const Invoice *invoice, Datum amount,
			 Datum discount, Datum payment_date, CrmValue reference)
{
	int64		id = core_next_id(org, "payment", "payment_id");
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = "payment", .ids = &id, .n = 1, .made_by = "pay_invoice"
	};
	CrmValue	args[] = {
		CRM_INT8(id), CRM_INT8(invoice->id), CRM_DATUM(amount), CRM_DATUM(discount),
		CRM_DATUM(payment_date), reference
	};

	lifecycle_run(org, &ticket, &insert_payment, args);
}

/* withdraw_discount takes back what a payment (0 = none) saved: its invoice is open again. */
static void
withdraw_discount(CrmOrganization *org, int64 payment_id)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "payment", .ids = &payment_id, .n = 1};
	CrmValue	args[] = {CRM_INT8(payment_id)};

	if (payment_id != 0)
		lifecycle_run(org, &ticket, &clear_discount, args);
}

/*
 * document_cancel_invoice cancels an invoice without payments; its order can
 * be invoiced again, and is fulfilled if it was marked invoiced.
 */
Datum
document_cancel_invoice(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "invoice_id");
	CrmMove		move = {
		.entity = &document_invoice.entity, .made_by = "cancel_invoice", .to = "canceled",
		.description = core_optional_text(fcinfo, 1)
	};
	CrmOrganization *org = core_begin();
	CrmValue	args[] = {CRM_INT8(id)};
	CrmMove		back = {.entity = &document_order.entity, .made_by = "cancel_invoice", .to = "fulfilled"};
	Invoice		invoice = lock_invoice(org, &lock_to_cancel, id, CRM_NULL);

	lifecycle_require(org, &move, id, invoice.state);
	document_hold_to_cancel(org, id);
	document_check_cancel(org, id, invoice.number);
	core_run(org, &count_payments, args);
	if (core_result_int8(0, 1) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("an invoice with payments cannot be canceled"),
				 errdetail("Payments of invoice %s: %lld.", invoice.number, (long long) core_result_int8(0, 1)),
				 errhint("Use cancel_payment() for each of them first."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "payment")));
	lifecycle_move(org, &move, id, invoice.state);
	recount(org, id);
	document_recount_credited(org, id);
	if (core_run(org, &lock_order_of, args) > 0 && strcmp(core_result_name(0, 2), "invoiced") == 0)
		lifecycle_move(org, &back, core_result_int8(0, 1), "invoiced");
	return core_end_text("canceled");
}

/* document_refuse_unfit refuses to bill order lines by hand when their order is canceled by now, or does not fit any more. */
void
document_refuse_unfit(CrmOrganization *org, const int64 *order_line_ids, int n)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(order_line_ids, n))};
	bool		is_canceled;

	if (core_run_newest(org, &find_unfit_order, args) == 0)
		return;
	is_canceled = core_result_bool(0, 2);
	ereport(ERROR,
			(errcode(is_canceled ? ERRCODE_CRM_INVALID_STATE_TRANSITION : ERRCODE_CHECK_VIOLATION),
			 is_canceled ? errmsg("a line of a canceled order cannot be invoiced")
			 : errmsg("the line bills an order line that does not fit it any more"),
			 is_canceled ? errdetail("Order %s is canceled.", core_result_text(0, 1))
			 : errdetail("Customer, currency, product, unit or kind in order %s are others than on the invoice.", core_result_text(0, 1)),
			 errhint("Leave sales_order_product_id out, or bill a line of another order."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice_product"),
			 err_generic_string(PG_DIAG_COLUMN_NAME, "sales_order_product_id")));
}

/*
 * document_recount_invoice is the AFTER row trigger of an invoice that becomes
 * one of another type: only those of type invoice bill their order lines.
 */
Datum
document_recount_invoice(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_UPDATE,
		.table = "invoice"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *row = core_row(trigdata);

	SPI_connect();
	recount(row->org, row_int8(row, "invoice_id"));
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* recount counts anew what is invoiced of the order lines that an invoice bills. */
static void
recount(CrmOrganization *org, int64 invoice_id)
{
	CrmValue	args[] = {CRM_INT8(invoice_id)};
	uint64		n = core_run(org, &lines_of_order, args);
	int64	   *ids = palloc(sizeof(int64) * (n + 1));

	for (uint64 i = 0; i < n; i++)
		ids[i] = core_result_int8(i, 1);
	if (n == 0 || !document_recount(org, ids, n))
		return;
	document_require_deducted(org, ids, n);
	document_require_total(org, ids, n, invoice_id);
}

/* document_quote_opportunity makes a draft quote from a deal. */
Datum
document_quote_opportunity(PG_FUNCTION_ARGS)
{
	return from_opportunity(fcinfo, &quote_from_opportunity);
}

/* document_order_opportunity makes an order from a deal without a quote. */
Datum
document_order_opportunity(PG_FUNCTION_ARGS)
{
	return from_opportunity(fcinfo, &order_from_opportunity);
}

/* document_invoice_opportunity makes an invoice from a deal without an order. */
Datum
document_invoice_opportunity(PG_FUNCTION_ARGS)
{
	return from_opportunity(fcinfo, &invoice_from_opportunity);
}

/* from_opportunity copies a deal, open or closed, that stays as it is meanwhile. */
static Datum
from_opportunity(FunctionCallInfo fcinfo, const CrmConversion *conversion)
{
	int64		id = core_id_argument(fcinfo, 0, "opportunity_id");
	CrmOrganization *org = core_begin();

	(void) lifecycle_lock(org, &opportunity_entity, id);
	return core_end_id(document_convert(org, conversion, id, 0, NULL, 0));
}

/* lock_invoice locks and reads an invoice; what it saves when settled on a day, not when all but that is paid. */
static Invoice
lock_invoice(CrmOrganization *org, CrmStatement *lock, int64 id, CrmValue payment_date)
{
	CrmValue	args[] = {CRM_INT8(id), payment_date};
	Invoice		invoice = {.id = id};

	if (core_run(org, lock, args) == 0)
		core_refuse_unknown("invoice", id);
	invoice.state = core_result_name(0, 1);
	invoice.number = core_result_name(0, 2);
	invoice.total = core_result_number(0, 3);
	invoice.paid = core_result_number(0, 4);
	invoice.balance = core_result_number(0, 5);
	invoice.decimals = core_result_int4(0, 6);
	invoice.discount = core_result_number(0, 7);
	invoice.is_credit_note = core_result_bool(0, 8);
	if (money_compare(invoice.balance, invoice.discount) <= 0)
		invoice.discount = money_zero();
	return invoice;
}

/* check_sign keeps money from going out by an invoice, and from coming in by a credit note. */
static void
check_sign(const Invoice *invoice)
{
	int			side = money_compare(invoice->total, money_zero());

	if (side == 0 || invoice->is_credit_note == (side < 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
			 invoice->is_credit_note ? errmsg("a credit note with a positive total cannot be paid")
			 : errmsg("an invoice with a negative total cannot be paid"),
			 errdetail("%s %s comes to %s.", invoice->is_credit_note ? "Credit note" : "Invoice", invoice->number,
					   money_text(invoice->total)),
			 errhint("Correct its lines, or cancel it and make another: money comes in by an invoice, and goes out by a credit note."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice"),
			 err_generic_string(PG_DIAG_COLUMN_NAME, "invoice_type")));
}

/* amount_to_pay returns what is paid now: on the side of the balance, and no more than it. */
static Datum
amount_to_pay(const Invoice *invoice, CrmValue wanted)
{
	Datum		amount;
	int			side = money_compare(invoice->balance, money_zero());
	int			sign;

	if (wanted.isnull)
		return money_subtract(invoice->balance, invoice->discount);
	amount = money_round(wanted.value, invoice->decimals);
	sign = money_compare(amount, money_zero());
	if (sign == 0 || sign != side || money_compare(amount, invoice->balance) == side)
		refuse_amount(invoice, amount);
	return amount;
}

static void
refuse_amount(const Invoice *invoice, Datum amount)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
			 errmsg("%s cannot be paid on the invoice", money_text(amount)),
			 errdetail("Invoice %s: total %s, paid %s, open %s.", invoice->number,
					   money_text(invoice->total), money_text(invoice->paid), money_text(invoice->balance)),
			 errhint("Pay at most what is open, or leave amount out to pay all of it."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
}

/* refuse_saving keeps payments whose early discount a credit note took back. */
static void
refuse_saving(const Invoice *invoice)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
			 errmsg("the payment cannot be canceled: a credit note took back what it saved"),
			 errdetail("Invoice %s is credited by %s, less the discount of its early payment.", invoice->number,
					   core_result_text(0, 1)),
			 errhint("Use cancel_invoice() on the credit note first."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "payment")));
}

static void
refuse_paid(const Invoice *invoice)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("the invoice is fully paid already"),
			 errdetail("Invoice %s: total %s, nothing is open.", invoice->number, money_text(invoice->total)),
			 errhint("Use cancel_payment() to take a payment back."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
}

/* settle writes the state of an invoice and what is paid of it. */
static void
settle(CrmOrganization *org, const Invoice *invoice, const CrmMove *move)
{
	int64		id = invoice->id;
	CrmTicket	ticket = lifecycle_move_ticket(move, &id, 1, invoice->state);
	CrmValue	args[] = {
		CRM_INT8(id), core_text_value(move->to), core_text_value(lifecycle_reason(org, move))
	};

	if (lifecycle_run(org, &ticket, &settle_invoice, args) == 0)
		core_refuse_unknown("invoice", id);
}
