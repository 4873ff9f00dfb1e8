/*
 * credit.c
 *	  Credit notes: an invoice taken back, whole or in part, what a canceled
 *	  or deleted one frees, and which amounts stay as they were counted on.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

/* An invoice to be credited, locked. */
typedef struct Credited
{
	int64		id;
	char	   *state;
	char	   *type;
	char	   *number;
} Credited;

static Credited hold_invoice(CrmOrganization *org, int64 id);
static void check_credited(CrmOrganization *org, const Credited *invoice);
static CrmParts open_parts(const CrmProgressList *list);
static void check_named(const Credited *invoice, const CrmProgressList *list, const CrmParts *parts);
static bool takes_all(const CrmProgressList *list, const CrmParts *parts);
static void keep_deductions(const Credited *invoice, const CrmProgressList *list, const CrmParts *parts);
static void refuse_nothing(const Credited *invoice);
static void write_header(CrmOrganization *org, CrmStatement *statement, int64 invoice_id, int64 credit_id, bool is_last);
static void check_taken_back(CrmOrganization *org, int64 id, const char *what);
static void check_down_payment(CrmOrganization *org, int64 id, const char *number, const char *what);
static void recount(CrmOrganization *org, const int64 *ids, int n);
static void refuse_change(const CrmRow *row, const char *detail);

static CrmStatement lock_one = {
	.sql = "SELECT state, invoice_type, invoice_number, invoice_id FROM @invoice WHERE invoice_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};

/*
 * Discount and freight of a credit note: of a part its share by net amount,
 * down payments aside, and no freight; of the last one all that is left.
 */
static CrmStatement settle_header = {
	.sql = "UPDATE @invoice v SET freight_amount = x.freight, discount_amount = x.discount - x.of_percentage FROM ("
	"SELECT CASE WHEN $3 THEN -o.freight_amount - t.freight ELSE 0 END AS freight, "
	"round(n.total_line_item_amount * o.discount_percentage / 100, c.decimals) AS of_percentage, "
	"CASE WHEN $3 THEN o.total_line_item_discount_amount - o.total_discount_amount - t.discount "
	"ELSE round(n.total_line_item_amount * o.discount_percentage / 100, c.decimals) "
	"- least(round(o.discount_amount * greatest(least(coalesce(-k.part / nullif(k.whole, 0), 0), 1), 0), c.decimals), "
	"greatest(o.discount_amount + t.typed, 0)) END AS discount "
	"FROM @invoice n JOIN @currency c USING (currency_code) JOIN @invoice o ON o.invoice_id = $1, "
	"LATERAL (SELECT coalesce(sum(i.freight_amount), 0) AS freight, "
	"coalesce(sum(i.discount_amount), 0) AS typed, "
	"coalesce(sum(i.total_discount_amount - i.total_line_item_discount_amount), 0) AS discount "
	"FROM @invoice i WHERE i.credited_invoice_id = $1 AND i.invoice_id <> $2 AND i.state <> 'canceled') t, "
	"LATERAL (SELECT coalesce(sum(l.extended_amount - l.tax_amount) FILTER (WHERE l.invoice_id = $1), 0) AS whole, "
	"coalesce(sum(l.extended_amount - l.tax_amount) FILTER (WHERE l.invoice_id = $2), 0) AS part "
	"FROM @invoice_product l WHERE l.invoice_id IN ($1, $2) AND l.line_kind = 'standard' "
	"AND l.down_payment_invoice_id IS NULL) k WHERE n.invoice_id = $2) x WHERE v.invoice_id = $2",
	.argtypes = {INT8OID, INT8OID, BOOLOID}
};
/* What an early payment saved is not paid out again: a credit note carries its share of it, the last one the rest. */
static CrmStatement take_saving_back = {
	.sql = "UPDATE @invoice v SET early_payment_discount_amount = x.saved FROM ("
	"SELECT CASE WHEN $3 THEN -o.early_payment_discount_amount - t.saved "
	"WHEN o.early_payment_discount_amount > 0 THEN greatest(least(w.share, 0), -o.early_payment_discount_amount - t.saved) "
	"ELSE least(greatest(w.share, 0), -o.early_payment_discount_amount - t.saved) END AS saved "
	"FROM @invoice n JOIN @currency c USING (currency_code) JOIN @invoice o ON o.invoice_id = $1, "
	"LATERAL (SELECT coalesce(sum(i.early_payment_discount_amount), 0) AS saved "
	"FROM @invoice i WHERE i.credited_invoice_id = $1 AND i.invoice_id <> $2 AND i.state <> 'canceled') t, "
	"LATERAL (SELECT round(o.early_payment_discount_amount * n.total_amount / o.total_amount, c.decimals) AS share) w "
	"WHERE n.invoice_id = $2 AND o.early_payment_discount_amount <> 0) x WHERE v.invoice_id = $2",
	.argtypes = {INT8OID, INT8OID, BOOLOID}
};
static CrmStatement lock_lines = {
	.sql = "SELECT invoice_product_id FROM @invoice_product WHERE invoice_product_id = ANY ($1) ORDER BY invoice_product_id FOR NO KEY UPDATE",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement recount_lines = {
	.sql = "UPDATE @invoice_product l SET quantity_credited = s.quantity FROM ("
	"SELECT x.id, coalesce(-sum(i.quantity) FILTER (WHERE v.state <> 'canceled'), 0) AS quantity "
	"FROM pg_catalog.unnest($1) AS x(id) LEFT JOIN @invoice_product i ON i.credited_invoice_product_id = x.id "
	"LEFT JOIN @invoice v ON v.invoice_id = i.invoice_id GROUP BY x.id) s WHERE l.invoice_product_id = s.id",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement credited_lines = {
	.sql = "SELECT credited_invoice_product_id FROM @invoice_product WHERE invoice_id = $1 "
	"AND credited_invoice_product_id IS NOT NULL ORDER BY 1",
	.argtypes = {INT8OID}
};
static CrmStatement lock_credited = {
	.sql = "SELECT invoice_product_id FROM @invoice_product WHERE invoice_product_id IN (SELECT c.credited_invoice_product_id "
	"FROM @invoice_product c WHERE c.invoice_id = $1) ORDER BY invoice_product_id FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement lock_credited_invoice = {
	.sql = "SELECT o.invoice_type, o.invoice_id, o.invoice_number FROM @invoice o WHERE o.invoice_id = "
	"(SELECT v.credited_invoice_id FROM @invoice v WHERE v.invoice_id = $1) FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement find_credit = {
	.sql = "SELECT invoice_number FROM @invoice WHERE credited_invoice_id = $1 AND state <> 'canceled' LIMIT 1",
	.argtypes = {INT8OID}
};

/* Down payments that a credit note gave back, and that can not be deducted again as they were. */
static CrmStatement find_lost_deduction = {
	.sql = "SELECT d.invoice_number FROM @invoice_product l JOIN @invoice d ON d.invoice_id = l.down_payment_invoice_id "
	"WHERE l.invoice_id = $1 AND l.credited_invoice_product_id IS NOT NULL AND (d.state = 'canceled' "
	"OR EXISTS (SELECT FROM @invoice c WHERE c.credited_invoice_id = d.invoice_id AND c.state <> 'canceled') "
	"OR (SELECT sum(x.quantity) FROM @invoice_product x JOIN @invoice y USING (invoice_id) "
	"WHERE x.down_payment_invoice_id = d.invoice_id AND y.state <> 'canceled') <> 0) LIMIT 1",
	.argtypes = {INT8OID}
};

/* The last invoice of an order that a down payment is for, when nothing of it is left that could deduct that. */
static CrmStatement find_final = {
	.sql = "SELECT v.invoice_number FROM @invoice d JOIN @invoice v ON v.sales_order_id = d.sales_order_id "
	"AND v.invoice_type <> 'down_payment' AND v.credited_invoice_id IS NULL AND v.state <> 'canceled' WHERE d.invoice_id = $1 "
	"AND NOT EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = d.sales_order_id "
	"AND " DOCUMENT_LEFT_TO_BILL ") ORDER BY v.invoice_id DESC LIMIT 1",
	.argtypes = {INT8OID}
};

PG_FUNCTION_INFO_V1(document_create_credit_note);
PG_FUNCTION_INFO_V1(document_count_credited);
PG_FUNCTION_INFO_V1(document_keep_amounts);

/* document_create_credit_note credits lines of an invoice, or all that is not yet credited. */
Datum
document_create_credit_note(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "invoice_id");
	CrmParts	parts;
	bool		is_named = document_parts_argument(fcinfo, 1, document_invoice.lines.entity.key, &parts);
	CrmOrganization *org = core_begin();
	CrmConversion conversion = document_credit_of_invoice;
	Credited	invoice = hold_invoice(org, id);
	CrmProgressList list;
	int64		credit_id;

	check_credited(org, &invoice);
	list = document_read_progress(org, &document_invoice, id);
	if (is_named)
		check_named(&invoice, &list, &parts);
	else
		parts = open_parts(&list);
	parts = document_settle_members(&list, &parts);
	if (parts.n == 0)
		refuse_nothing(&invoice);
	conversion.parts = &parts;
	conversion.is_last = takes_all(&list, &parts);
	if (!conversion.is_last)
		keep_deductions(&invoice, &list, &parts);
	credit_id = document_convert(org, &conversion, id, 0, NULL, 0);
	recount(org, parts.ids, parts.n);
	write_header(org, &take_saving_back, id, credit_id, conversion.is_last);
	return core_end_id(credit_id);
}

/* hold_invoice locks all that a credit note of an invoice writes: its lines, itself, and what it bills. */
static Credited
hold_invoice(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};
	Credited	invoice = {.id = id};

	pricing_lock_lines(org, &document_invoice.lines, id);
	if (core_run(org, &lock_one, args) == 0)
		core_refuse_unknown("invoice", id);
	invoice.state = core_result_name(0, 1);
	invoice.type = core_result_name(0, 2);
	invoice.number = core_result_name(0, 3);
	document_hold_order_of(org, id);
	return invoice;
}

/* check_credited refuses to credit a credit note, a canceled invoice, or a down payment that is deducted. */
static void
check_credited(CrmOrganization *org, const Credited *invoice)
{
	bool		is_credit = strcmp(invoice->type, "credit_note") == 0;

	if (is_credit || strcmp(invoice->state, "canceled") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 is_credit ? errmsg("a credit note cannot be credited")
				 : errmsg("an invoice that is \"%s\" cannot be credited", invoice->state),
				 errdetail("Invoice %s is of type %s and \"%s\".", invoice->number, invoice->type, invoice->state),
				 errhint("Only active and paid invoices are credited; a credit note is canceled by cancel_invoice()."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
	if (strcmp(invoice->type, "down_payment") == 0)
		document_require_not_deducted(org, invoice->id, invoice->number, "credited");
}

/* open_parts takes of each standard line what is not credited. */
static CrmParts
open_parts(const CrmProgressList *list)
{
	CrmParts	parts = document_new_parts(list->n);

	for (int i = 0; i < list->n; i++)
	{
		CrmProgress *line = &list->lines[i];

		if (line->is_standard)
			document_add_part(&parts, line, document_on_side(money_subtract(line->quantity, line->taken), line->quantity));
	}
	return parts;
}

/* check_named refuses to credit more of a line than was invoiced and is not credited. */
static void
check_named(const Credited *invoice, const CrmProgressList *list, const CrmParts *parts)
{
	document_check_parts(list, parts, &document_invoice, invoice->number);
	for (int i = 0; i < parts->n; i++)
	{
		CrmProgress *line = document_find_line(list, parts->ids[i]);

		if (!document_exceeds(money_add(line->taken, parts->quantities[i]), line->quantity))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
				 errmsg("more would be credited than was invoiced"),
				 errdetail("Invoice %s line %d: invoiced %s, credited %s, now %s.", invoice->number, line->line_number,
						   money_text(line->quantity), money_text(line->taken), money_text(parts->quantities[i])),
				 errhint("Lower the quantity."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "invoice_product")));
	}
}

/* takes_all tells whether nothing of the invoice is left when these parts are credited. */
static bool
takes_all(const CrmProgressList *list, const CrmParts *parts)
{
	int			at = 0;

	for (int i = 0; i < list->n; i++)
	{
		CrmProgress *line = &list->lines[i];
		Datum		taken = line->taken;

		while (at < parts->n && parts->ids[at] < line->id)
			at++;
		if (at < parts->n && parts->ids[at] == line->id)
			taken = money_add(taken, parts->quantities[at]);
		if (line->is_standard && money_compare(taken, line->quantity) != 0)
			return false;
	}
	return true;
}

/* keep_deductions refuses to give a down payment back while other lines of its invoice stay: nothing would deduct it again. */
static void
keep_deductions(const Credited *invoice, const CrmProgressList *list, const CrmParts *parts)
{
	for (int i = 0; i < parts->n; i++)
	{
		CrmProgress *line = document_find_line(list, parts->ids[i]);

		if (line && line->is_deduction)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("line %d deducts a down payment and is credited with all else of the invoice", line->line_number),
					 errdetail("Other lines of invoice %s would stay.", invoice->number),
					 errhint("Leave that line out of lines, or name all that is not yet credited."),
					 err_generic_string(PG_DIAG_TABLE_NAME, "invoice_product")));
	}
}

static void
refuse_nothing(const Credited *invoice)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
			 errmsg("nothing is left to credit of the invoice"),
			 errdetail("Every line of invoice %s is credited.", invoice->number),
			 errhint("Cancel a credit note of it first."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
}

/* document_finish_credit gives a credit note its share of the invoice's discount, and the last one its freight. */
void
document_finish_credit(CrmOrganization *org, const CrmConversion *conversion,
					   int64 source_id, int64 target_id)
{
	write_header(org, &settle_header, source_id, target_id, conversion->is_last);
}

/* write_header runs a statement on a credit note ($2) of an invoice ($1), the last one or not ($3). */
static void
write_header(CrmOrganization *org, CrmStatement *statement, int64 invoice_id, int64 credit_id, bool is_last)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "invoice", .ids = &credit_id, .n = 1};
	CrmValue	args[] = {CRM_INT8(invoice_id), CRM_INT8(credit_id), CRM_BOOL(is_last)};

	lifecycle_run(org, &ticket, statement, args);
}

/*
 * document_hold_to_cancel locks what canceling an invoice will write beside
 * it: the lines and the invoice that it credits, what it bills.
 */
void
document_hold_to_cancel(CrmOrganization *org, int64 invoice_id)
{
	CrmValue	args[] = {CRM_INT8(invoice_id)};

	core_run(org, &lock_credited, args);
	core_run(org, &lock_credited_invoice, args);
	document_hold_order_of(org, invoice_id);
}

/*
 * document_check_cancel refuses to cancel an invoice that is credited, a down
 * payment that is deducted, and a credit note whose taking back would leave a
 * down payment deducted otherwise than it is.
 */
void
document_check_cancel(CrmOrganization *org, int64 invoice_id, const char *number)
{
	CrmValue	args[] = {CRM_INT8(invoice_id)};

	if (core_run_newest(org, &find_credit, args) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("an invoice with credit notes cannot be canceled"),
				 errdetail("Invoice %s is credited by %s.", number, core_result_text(0, 1)),
				 errhint("Use cancel_invoice() on the credit notes first, or create_credit_note() for the rest."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
	document_require_not_deducted(org, invoice_id, number, "canceled");
	check_taken_back(org, invoice_id, "canceled");
}

/*
 * document_keep_deleted refuses to delete a credit note that could not be
 * canceled either: its row is locked by then, as cancel_invoice() does.
 */
void
document_keep_deleted(CrmRow *row)
{
	int64		id = row_int8(row, "invoice_id");

	if (core_import_mode || row_is_null(row, "credited_invoice_id"))
		return;
	SPI_connect();
	document_hold_to_cancel(row->org, id);
	check_taken_back(row->org, id, "deleted");
	SPI_finish();
}

/* check_taken_back refuses to take a credit note back that gave a down payment back, or is one's, and leave that deducted otherwise than it is. */
static void
check_taken_back(CrmOrganization *org, int64 id, const char *what)
{
	CrmValue	args[] = {CRM_INT8(id)};

	if (core_run_newest(org, &find_lost_deduction, args) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("the credit note cannot be %s: it gave a down payment back", what),
				 errdetail("Down payment %s is canceled, credited or deducted again.", core_result_text(0, 1)),
				 errhint("Make a new invoice instead."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
	if (core_run(org, &lock_credited_invoice, args) > 0 && strcmp(core_result_name(0, 1), "down_payment") == 0)
		check_down_payment(org, core_result_int8(0, 2), core_result_name(0, 3), what);
}

/* check_down_payment keeps a down payment credited that no invoice could deduct any more, or one does as it is. */
static void
check_down_payment(CrmOrganization *org, int64 id, const char *number, const char *what)
{
	CrmValue	args[] = {CRM_INT8(id)};

	document_require_not_deducted(org, id, number, "credited otherwise");
	document_hold_order_of(org, id);
	if (core_run_newest(org, &find_final, args) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
			 errmsg("the credit note cannot be %s: no invoice would deduct the down payment", what),
			 errdetail("Invoice %s is the last one of the order, and was made without down payment %s.",
					   core_result_text(0, 1), number),
			 errhint("Cancel that invoice first."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
}

/* document_hold_credited locks the lines that deleted lines of credit notes took back: they come before what those bill. */
void
document_hold_credited(TriggerData *trigdata)
{
	int			n;
	int64	   *lines = core_transition_ids(trigdata, "credited_invoice_product_id", &n);
	CrmValue	args[] = {CRM_DATUM(core_int8_array(lines, n))};

	if (n > 0)
		core_run(core_organization_of(trigdata->tg_relation), &lock_lines, args);
}

/* document_recount_credited counts anew what is credited of the lines that a credit note takes back. */
void
document_recount_credited(CrmOrganization *org, int64 credit_note_id)
{
	CrmValue	args[] = {CRM_INT8(credit_note_id)};
	uint64		n = core_run(org, &credited_lines, args);
	int64	   *ids = palloc(sizeof(int64) * (n + 1));

	for (uint64 i = 0; i < n; i++)
		ids[i] = core_result_int8(i, 1);
	if (n > 0)
		recount(org, ids, n);
}

/*
 * recount counts anew what is credited of invoice lines, locked before: a
 * statement that waits for a row reads that row anew, but not what it counts.
 */
static void
recount(CrmOrganization *org, const int64 *ids, int n)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "invoice_product", .ids = ids, .n = n, .made_by = "create_credit_note"};
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n))};

	core_run(org, &lock_lines, args);
	lifecycle_run(org, &ticket, &recount_lines, args);
}

/*
 * document_count_credited is the AFTER DELETE statement trigger of invoice
 * lines: a credit note that is deleted frees what it credited.
 */
Datum
document_count_credited(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_DELETE, .reads_rows = true,
		.table = "invoice_product"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	int			n;
	int64	   *lines = core_transition_ids(trigdata, "credited_invoice_product_id", &n);

	if (n == 0)
		return PointerGetDatum(NULL);
	SPI_connect();
	recount(core_organization_of(trigdata->tg_relation), lines, n);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/*
 * document_keep_amounts is the AFTER UPDATE row trigger of invoices whose
 * amounts change: not those of a down payment that is deducted, nor of an
 * invoice that is credited. The final invoice is made under the order's lock,
 * so it is taken before looking for it.
 */
Datum
document_keep_amounts(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_UPDATE,
		.table = "invoice"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *row = core_row(trigdata);
	int64		id = row_int8(row, "invoice_id");
	CrmValue	args[] = {CRM_INT8(id)};

	if (core_import_mode)
		return PointerGetDatum(NULL);
	SPI_connect();
	if (strcmp(row_name(row, "invoice_type"), "down_payment") == 0)
	{
		document_hold_order_of(row->org, id);
		document_require_not_deducted(row->org, id, row_text(row, "invoice_number"), "changed");
	}
	if (core_run_newest(row->org, &find_credit, args) > 0)
		refuse_change(row, psprintf("Invoice %s is credited by %s.", row_text(row, "invoice_number"), core_result_text(0, 1)));
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* document_keep_credit keeps discount and freight of a credit note as create_credit_note() settled them. */
void
document_keep_credit(CrmRow *row, const CrmTicket *ticket)
{
	if (ticket || core_import_mode || !ROW_IS_UPDATE(row) || row_is_null(row, "credited_invoice_id"))
		return;
	if (row_changed(row, "discount_percentage") || row_changed(row, "discount_amount") || row_changed(row, "freight_amount"))
		refuse_change(row, psprintf("Invoice %s takes another one back.", row_text(row, "invoice_number")));
}

static void
refuse_change(const CrmRow *row, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("amounts of an invoice and its credit notes cannot be changed"),
			 errdetail("%s", detail),
			 errhint("Use cancel_invoice() on the credit note first, or make another invoice."),
			 errtable(row->rel)));
}
