/*
 * bill.c
 *	  Invoices of an order: what is ordered or delivered and not yet invoiced,
 *	  down payments, and how much of each order line is invoiced (D§3.6).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

static Datum open_of(const CrmProgress *line, bool is_delivered);
static CrmParts parts_to_bill(CrmOrganization *org, const CrmOrder *order, const CrmProgressList *list,
							  const CrmParts *named, bool is_delivered);
static void check_named(CrmOrganization *org, const CrmOrder *order, const CrmProgressList *list,
						const CrmParts *named, bool is_delivered);
static bool leaves_nothing(const CrmProgressList *list, const CrmParts *parts);
static int64 bill_parts(CrmOrganization *org, const CrmOrder *order, const CrmProgressList *list,
						const CrmParts *parts, bool is_final, const char *made_by);
static int64 bill_rest(CrmOrganization *org, const CrmOrder *order, const char *made_by);
static void refuse_nothing(const CrmOrder *order, bool is_delivered);
static void deduct(CrmOrganization *org, int64 order_id, int64 invoice_id, const char *made_by);
static void hold_bundles(CrmOrganization *org, const int64 *ids, int n);
static void refuse_recount(uint64 i);
static void require_total(CrmOrganization *org, TriggerData *trigdata, const int64 *order_line_ids, int n);

static CrmStatement find_rest = {
	.sql = "SELECT 1 FROM @sales_order o WHERE o.sales_order_id = $1 AND ("
	"NOT EXISTS (SELECT FROM @invoice v WHERE v.sales_order_id = $1 AND v.state <> 'canceled' AND v.invoice_type <> 'down_payment') "
	"OR EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = $1 AND " DOCUMENT_LEFT_TO_BILL "))",
	.argtypes = {INT8OID}
};
static CrmStatement lock_order_lines = {
	.sql = "SELECT sales_order_product_id FROM @sales_order_product WHERE sales_order_product_id = ANY ($1) "
	"ORDER BY sales_order_product_id FOR NO KEY UPDATE",
	.argtypes = {INT8ARRAYOID}
};
/* order lines, their bundles and the members of these, all of which one change of an invoice may count on */
static CrmStatement lock_with_bundles = {
	.sql = "SELECT sales_order_product_id FROM @sales_order_product WHERE sales_order_product_id = ANY ($1) OR bundle_line_id = ANY ($1) "
	"OR sales_order_product_id = ANY (ARRAY(SELECT l.bundle_line_id FROM @sales_order_product l WHERE l.sales_order_product_id = ANY ($1))) "
	"OR bundle_line_id = ANY (ARRAY(SELECT l.bundle_line_id FROM @sales_order_product l WHERE l.sales_order_product_id = ANY ($1))) "
	"ORDER BY sales_order_product_id FOR NO KEY UPDATE",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement recount_lines = {
	.sql = "UPDATE @sales_order_product l SET quantity_invoiced = s.quantity FROM ("
	"SELECT x.id, b.quantity_invoiced AS before, coalesce(sum(i.quantity) FILTER (WHERE v.state <> 'canceled' "
	"AND " DOCUMENT_BILLS "), 0) AS quantity "
	"FROM pg_catalog.unnest($1) AS x(id) JOIN @sales_order_product b ON b.sales_order_product_id = x.id "
	"LEFT JOIN @invoice_product i ON i.sales_order_product_id = x.id "
	"LEFT JOIN @invoice v ON v.invoice_id = i.invoice_id GROUP BY x.id, b.quantity_invoiced) s "
	"WHERE l.sales_order_product_id = s.id "
	"RETURNING l.sales_order_product_id, l.quantity, l.quantity_invoiced, "
	"CASE WHEN l.quantity >= 0 THEN l.quantity_invoiced >= 0 ELSE l.quantity_invoiced <= 0 END, "
	"abs(l.quantity_invoiced) > abs(s.before) AND abs(l.quantity_invoiced) > abs(l.quantity), "
	"abs(l.quantity_invoiced) > abs(s.before)",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement hold_lines_of = {
	.sql = "SELECT sales_order_product_id FROM @sales_order_product WHERE sales_order_product_id IN "
	"(SELECT i.sales_order_product_id FROM @invoice_product i WHERE i.invoice_id = $1) "
	"ORDER BY sales_order_product_id FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement hold_order_of = {
	.sql = "SELECT o.sales_order_id FROM @sales_order o WHERE o.sales_order_id = "
	"(SELECT v.sales_order_id FROM @invoice v WHERE v.invoice_id = $1) FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};

/*
 * Freight and discount of a part: its share by net amount, the last part what
 * the others left. The discount of the last one makes up for cents, unless
 * somebody changed the discounts by more; goods taken back take theirs along.
 * Beside deducted down payments a percentage would discount these too, so it
 * becomes an amount.
 */
static CrmStatement settle_header = {
	.sql = "UPDATE @invoice v SET freight_amount = x.freight, discount_percentage = x.percentage, discount_amount = x.amount FROM ("
	"SELECT CASE WHEN $3 THEN q.freight_rest ELSE least(round(q.freight * q.share, q.decimals), q.freight_rest) END AS freight, "
	"CASE WHEN q.deducts THEN 0 ELSE q.percentage END AS percentage, "
	"q.discount - CASE WHEN q.deducts THEN 0 ELSE q.of_percentage END AS amount FROM ("
	"SELECT p.*, CASE WHEN NOT $3 THEN p.of_percentage + least(round(p.typed * p.share, p.decimals), p.typed_rest) "
	"WHEN abs(p.exact - p.plain) <= p.cents THEN p.exact ELSE p.plain END AS discount FROM ("
	"SELECT c.decimals, o.freight_amount AS freight, o.discount_percentage AS percentage, o.discount_amount AS typed, "
	"greatest(o.freight_amount - t.freight, 0) AS freight_rest, "
	"greatest(round(o.discount_amount * k.kept, c.decimals) - t.typed, 0) AS typed_rest, "
	"round(n.total_line_item_amount * o.discount_percentage / 100, c.decimals) AS of_percentage, "
	"round(n.total_line_item_amount * o.discount_percentage / 100, c.decimals) "
	"+ greatest(round(o.discount_amount * k.kept, c.decimals) - t.typed, 0) AS plain, "
	"round((o.total_discount_amount - o.total_line_item_discount_amount) * k.kept, c.decimals) - t.discount AS exact, "
	"(t.n + 2) * power(10::numeric, -c.decimals) AS cents, "
	"coalesce(least(greatest(n.total_line_item_amount / nullif(o.total_line_item_amount, 0), 0), 1), 0) AS share, "
	"$4 AND EXISTS (SELECT FROM @invoice d WHERE d.sales_order_id = $1 AND d.invoice_type = 'down_payment' AND d.state <> 'canceled' "
	"AND d.total_amount <> -coalesce((SELECT sum(w.total_amount) FROM @invoice w WHERE w.credited_invoice_id = d.invoice_id AND w.state <> 'canceled'), 0)) AS deducts "
	"FROM @invoice n JOIN @currency c USING (currency_code) JOIN @sales_order o ON o.sales_order_id = $1, "
	"LATERAL (SELECT count(*) AS n, coalesce(sum(i.freight_amount), 0) AS freight, coalesce(sum(i.total_discount_amount - i.total_line_item_discount_amount), 0) AS discount, "
	"coalesce(sum(i.total_discount_amount - i.total_line_item_discount_amount - round((i.total_line_item_amount - "
	"coalesce((SELECT sum(l.extended_amount - l.tax_amount) FROM @invoice_product l WHERE l.invoice_id = i.invoice_id "
	"AND l.down_payment_invoice_id IS NOT NULL), 0)) * o.discount_percentage / 100, c.decimals)), 0) AS typed "
	"FROM @invoice i WHERE i.sales_order_id = $1 AND i.invoice_id <> $2 AND i.state <> 'canceled' "
	"AND i.invoice_type <> 'down_payment' AND NOT EXISTS (SELECT FROM @invoice w WHERE w.invoice_id = i.credited_invoice_id "
	"AND w.invoice_type = 'down_payment')) t, "
	"LATERAL (SELECT 1 - coalesce(sum((l.extended_amount - l.tax_amount) * l.quantity_returned / l.quantity) "
	"/ nullif(o.total_line_item_amount, 0), 0) AS kept FROM @sales_order_product l "
	"WHERE l.sales_order_id = $1 AND l.line_kind = 'standard' AND l.quantity <> 0) k "
	"WHERE n.invoice_id = $2) p) q) x WHERE v.invoice_id = $2",
	.argtypes = {INT8OID, INT8OID, BOOLOID, BOOLOID}
};
static CrmStatement find_down_payments = {
	.sql = "SELECT d.invoice_number, d.total_amount - d.total_tax + c.net, d.total_tax + c.tax, d.invoice_id FROM @invoice d, "
	"LATERAL (SELECT coalesce(sum(n.total_amount - n.total_tax), 0) AS net, coalesce(sum(n.total_tax), 0) AS tax "
	"FROM @invoice n WHERE n.credited_invoice_id = d.invoice_id AND n.state <> 'canceled') c "
	"WHERE d.sales_order_id = $1 AND " DOCUMENT_NOT_DEDUCTED " ORDER BY d.invoice_id",
	.argtypes = {INT8OID}
};
/*
 * Orders of lines ($1) that are billed in full, where an invoice that was made after another ($2) counted its cents without what is
 * owed again by now; a tax that is rounded by document may differ between the order and its parts.
 */
static CrmStatement find_odd_total = {
	.sql = "SELECT o.order_number, o.total_amount, s.total, s.later FROM @sales_order o JOIN @currency c USING (currency_code), "
	"LATERAL (SELECT sum(v.total_amount) AS total, count(*) AS n, "
	"max(v.invoice_number) FILTER (WHERE v.invoice_id > $2 AND v.invoice_type = 'invoice') AS later "
	"FROM @invoice v WHERE v.sales_order_id = o.sales_order_id AND v.state <> 'canceled') s, "
	"LATERAL (SELECT count(*) AS n FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id) k "
	"WHERE o.sales_order_id IN (SELECT sales_order_id FROM @sales_order_product WHERE sales_order_product_id = ANY ($1)) "
	"AND s.later IS NOT NULL AND s.total <> o.total_amount "
	"AND abs(s.total - o.total_amount) <= s.n * (k.n + 1) * power(10::numeric, -c.decimals) "
	"AND NOT (o.tax_method = 'excluded' AND o.tax_rounding = 'document') "
	"AND NOT EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id AND " DOCUMENT_LEFT_TO_BILL ") LIMIT 1",
	.argtypes = {INT8ARRAYOID, INT8OID}
};
static CrmStatement insert_deduction = {
	.sql = "INSERT INTO @invoice_product (invoice_product_id, invoice_id, product_description, quantity, price_per_unit, "
	"tax_amount, down_payment_invoice_id) VALUES ($1, $2, 'Down payment, invoice ' || $3, -1, $4, -$5, $6)",
	.argtypes = {INT8OID, INT8OID, TEXTOID, NUMERICOID, NUMERICOID, INT8OID}
};

PG_FUNCTION_INFO_V1(document_invoice_order);
PG_FUNCTION_INFO_V1(document_count_invoiced);

/* document_invoice_order invoices what is ordered or delivered and not yet invoiced of an order, or lines of it. */
Datum
document_invoice_order(PG_FUNCTION_ARGS)
{
	static const char *const made_by = "create_invoice_from_order";
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	const char *basis = PG_ARGISNULL(1) ? "ordered" : core_optional_text(fcinfo, 1);
	bool		is_delivered = strcmp(basis, "delivered") == 0;
	CrmParts	named;
	bool		is_named = document_parts_argument(fcinfo, 2, document_order.lines.entity.key, &named);
	CrmOrganization *org;
	CrmOrder	order;
	int64		invoice_id;

	if (!is_delivered && strcmp(basis, "ordered") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no basis of an invoice", basis),
				 errdetail("What is ordered can be invoiced, or what is delivered."),
				 errhint("Give basis => 'ordered' or 'delivered'.")));
	org = core_begin();
	document_hold_deals(org, 0, 0, id);
	order = document_hold_order(org, id);
	document_require_state(&order, is_delivered ? "active submitted fulfilled invoiced" : "active fulfilled invoiced",
						   "invoiced", "A submitted order is invoiced by fulfill_order(), or by basis => 'delivered'.");
	document_require_prices(org, &document_order, id);
	if (!is_delivered && strcmp(order.state, "active") == 0)
		document_require_credit(org, id);
	if (is_delivered || is_named)
	{
		CrmProgressList list = document_read_progress(org, &document_order, id);
		CrmParts	parts = parts_to_bill(org, &order, &list, is_named ? &named : NULL, is_delivered);

		invoice_id = bill_parts(org, &order, &list, &parts, leaves_nothing(&list, &parts), made_by);
	}
	else
		invoice_id = bill_rest(org, &order, made_by);
	if (invoice_id == 0)
		refuse_nothing(&order, is_delivered);
	if (strcmp(order.state, "fulfilled") == 0)
		document_mark_invoiced(org, &order, made_by);
	return core_end_id(invoice_id);
}

/*
 * document_bill_fulfilled invoices an order that is being fulfilled; 0 when
 * nothing is left. In part, after deliveries, it is what was delivered, and
 * the down payments are deducted, since the rest may never come.
 */
int64
document_bill_fulfilled(CrmOrganization *org, const CrmOrder *order, bool is_partial)
{
	CrmProgressList list;
	CrmParts	parts;
	bool		is_delivered = false;

	if (!is_partial)
		return bill_rest(org, order, "fulfill_order");
	list = document_read_progress(org, &document_order, order->id);
	for (int i = 0; i < list.n; i++)
		is_delivered = is_delivered || !money_is_zero(list.lines[i].delivered);
	if (!is_delivered)
		return bill_rest(org, order, "fulfill_order");
	parts = parts_to_bill(org, order, &list, NULL, true);
	return bill_parts(org, order, &list, &parts, true, "fulfill_order");
}

/* document_mark_invoiced moves a fulfilled order on when all of it is invoiced, where the organization wants that. */
void
document_mark_invoiced(CrmOrganization *org, const CrmOrder *order, const char *made_by)
{
	CrmMove		move = {.entity = &document_order.entity, .made_by = made_by, .to = "invoiced"};
	CrmValue	args[] = {CRM_INT8(order->id)};

	if (core_setting_is_on(org, "mark_order_invoiced") && core_run(org, &find_rest, args) == 0)
		lifecycle_move(org, &move, order->id, "fulfilled");
}

/* open_of returns what may be invoiced of a line: ordered, or delivered, less returned and invoiced. */
static Datum
open_of(const CrmProgress *line, bool is_delivered)
{
	Datum		open = money_subtract(is_delivered ? line->delivered : line->quantity,
									  money_add(line->returned, line->taken));

	return document_on_side(open, line->quantity);
}

/* parts_to_bill returns what is to be invoiced of each line: what is named, or all that is open. */
static CrmParts
parts_to_bill(CrmOrganization *org, const CrmOrder *order, const CrmProgressList *list,
			  const CrmParts *named, bool is_delivered)
{
	CrmParts	parts;

	if (named)
	{
		check_named(org, order, list, named, is_delivered);
		return document_settle_members(list, named);
	}
	parts = document_new_parts(list->n);
	for (int i = 0; i < list->n; i++)
	{
		if (list->lines[i].is_standard)
			document_add_part(&parts, &list->lines[i], open_of(&list->lines[i], is_delivered));
	}
	return document_settle_members(list, &parts);
}

/* check_named refuses named lines of which less is open, beside what may be over it. */
static void
check_named(CrmOrganization *org, const CrmOrder *order, const CrmProgressList *list,
			const CrmParts *named, bool is_delivered)
{
	document_check_parts(list, named, &document_order, order->number);
	for (int i = 0; i < named->n; i++)
	{
		CrmProgress *line = document_find_line(list, named->ids[i]);
		Datum		most = is_delivered ? line->delivered : document_most(org, line->quantity);

		if (!document_exceeds(money_add(named->quantities[i], money_add(line->taken, line->returned)), most))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
				 errmsg("more would be invoiced than was %s", is_delivered ? "delivered" : "ordered"),
				 errdetail("Order %s line %d: ordered %s, delivered %s, returned %s, invoiced %s, now %s.",
						   order->number, line->line_number, money_text(line->quantity), money_text(line->delivered),
						   money_text(line->returned), money_text(line->taken), money_text(named->quantities[i])),
				 errhint("Lower the quantity; the setting over_quantity_percentage allows more than ordered."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order_product")));
	}
}

/* leaves_nothing tells whether all that is ordered is invoiced with these parts. */
static bool
leaves_nothing(const CrmProgressList *list, const CrmParts *parts)
{
	int			at = 0;

	for (int i = 0; i < list->n; i++)
	{
		CrmProgress line = list->lines[i];

		while (at < parts->n && parts->ids[at] < line.id)
			at++;
		if (at < parts->n && parts->ids[at] == line.id)
			line.taken = money_add(line.taken, parts->quantities[at]);
		if (line.is_standard && line.bundle_id == 0 && !money_is_zero(open_of(&line, false)))
			return false;
	}
	return true;
}

/* bill_parts makes the invoice of parts of lines; 0 when there are none. */
static int64
bill_parts(CrmOrganization *org, const CrmOrder *order, const CrmProgressList *list,
		   const CrmParts *parts, bool is_final, const char *made_by)
{
	CrmConversion conversion = document_invoice_from_order;

	conversion.made_by = made_by;
	conversion.parts = parts;
	conversion.is_last = leaves_nothing(list, parts);
	conversion.is_final = is_final;
	return document_convert(org, &conversion, order->id, 0, NULL, 0);
}

/* bill_rest makes the invoice of what is left; 0 when nothing is. */
static int64
bill_rest(CrmOrganization *org, const CrmOrder *order, const char *made_by)
{
	CrmConversion conversion = document_invoice_from_order;

	conversion.made_by = made_by;
	return document_convert(org, &conversion, order->id, 0, NULL, 0);
}

static void
refuse_nothing(const CrmOrder *order, bool is_delivered)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
			 errmsg("nothing is left to invoice of the order"),
			 errdetail("Every line of order %s is invoiced%s.", order->number,
					   is_delivered ? ", as far as it is delivered" : ""),
			 errhint("Cancel an invoice of it first, add lines, or deliver more."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order")));
}

/* document_finish_invoice gives a part its share of freight and discount, and deducts down payments from the final one. */
void
document_finish_invoice(CrmOrganization *org, const CrmConversion *conversion,
						int64 source_id, int64 target_id)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "invoice", .ids = &target_id, .n = 1};
	CrmValue	args[] = {
		CRM_INT8(source_id), CRM_INT8(target_id), CRM_BOOL(conversion->is_last), CRM_BOOL(conversion->is_final)
	};

	lifecycle_run(org, &ticket, &settle_header, args);
	if (conversion->is_final)
		deduct(org, source_id, target_id, conversion->made_by);
}

/* deduct adds a negative line for each down payment of the order that no live invoice deducts. */
static void
deduct(CrmOrganization *org, int64 order_id, int64 invoice_id, const char *made_by)
{
	CrmValue	order_args[] = {CRM_INT8(order_id)};
	uint64		n = core_run_newest(org, &find_down_payments, order_args);
	CrmValue	(*lines)[6] = palloc(sizeof(*lines) * (n + 1));

	for (uint64 i = 0; i < n; i++)
	{
		CrmValue	line[] = {
			CRM_NULL, CRM_INT8(invoice_id), core_text_value(core_result_name(i, 1)),
			CRM_DATUM(core_result_number(i, 2)), CRM_DATUM(core_result_number(i, 3)), CRM_INT8(core_result_int8(i, 4))
		};

		memcpy(lines[i], line, sizeof(line));
	}
	for (uint64 i = 0; i < n; i++)
	{
		int64		id = core_next_id(org, "invoice_product", "invoice_product_id");
		CrmTicket	ticket = {.kind = TICKET_BIRTH, .table = "invoice_product", .ids = &id, .n = 1, .made_by = made_by};

		lines[i][0] = CRM_INT8(id);
		lifecycle_run(org, &ticket, &insert_deduction, lines[i]);
	}
}

/*
 * document_count_invoiced is the AFTER statement trigger of invoice lines: it
 * keeps quantity_invoiced of the order lines they came from. Lines by hand are
 * refused once more when their order was canceled, or either of the two came
 * to be another's, while they waited for it.
 */
Datum
document_count_invoiced(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_INSERT | CRM_ON_UPDATE | CRM_ON_DELETE,
		.reads_rows = true, .table = "invoice_product"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmOrganization *org = core_organization_of(trigdata->tg_relation);
	int			n;
	int64	   *lines = core_transition_ids(trigdata, "sales_order_product_id", &n);
	bool		is_by_hand = !core_import_mode &&
		lifecycle_find_ticket(core_whole(trigdata->tg_relation), TICKET_BIRTH) == NULL;
	CrmTicket  *counting = lifecycle_find_ticket(core_whole(trigdata->tg_relation), TICKET_WRITE);
	bool		is_more;

	if (n == 0)
		return PointerGetDatum(NULL);
	SPI_connect();
	if (TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		document_hold_credited(trigdata);
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) && is_by_hand && !(counting && counting->made_by))
		hold_bundles(org, lines, n);
	is_more = document_recount(org, lines, n);
	if (is_by_hand && TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		document_refuse_unfit(org, lines, n);
	if (is_by_hand && is_more)
		document_require_deducted(org, lines, n);
	if (is_by_hand && is_more && TRIGGER_FIRED_BY_DELETE(trigdata->tg_event))
		require_total(org, trigdata, lines, n);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* require_total asks that for each credit note whose lines were deleted. */
static void
require_total(CrmOrganization *org, TriggerData *trigdata, const int64 *order_line_ids, int n)
{
	int			n_invoices;
	int64	   *invoices = core_transition_ids(trigdata, "invoice_id", &n_invoices);

	for (int i = 0; i < n_invoices; i++)
		document_require_total(org, order_line_ids, n, invoices[i]);
}

/*
 * document_require_total refuses to take a credit note back when that bills an
 * order in full and a cent beside its total: an invoice made since took the
 * rest of the cents as if it stayed.
 */
void
document_require_total(CrmOrganization *org, const int64 *order_line_ids, int n, int64 credit_note_id)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(order_line_ids, n)), CRM_INT8(credit_note_id)};

	if (core_run_newest(org, &find_odd_total, args) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
			 errmsg("the credit note cannot be taken back: invoice %s was made since", core_result_text(0, 4)),
			 errdetail("Order %s comes to %s, its invoices would come to %s: that one counted its cents with the credit note.",
					   core_result_text(0, 1), core_result_text(0, 2), core_result_text(0, 3)),
			 errhint("Cancel that invoice first, or leave the credit note and bill what it took back with create_invoice_from_order()."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
}

/* hold_bundles locks order lines with all of their bundles: members of a bundle that changes are counted before it. */
static void
hold_bundles(CrmOrganization *org, const int64 *ids, int n)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n))};

	core_run(org, &lock_with_bundles, args);
}

/* document_recount locks order lines by key, counts them anew, and refuses too much; tells whether more of one is invoiced now. */
bool
document_recount(CrmOrganization *org, const int64 *ids, int n)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n))};
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "sales_order_product", .ids = ids, .n = n
	};
	int64	   *seen = palloc(sizeof(int64) * n);
	bool		is_more = false;
	uint64		counted = Min(core_run(org, &lock_order_lines, args), n);

	for (uint64 i = 0; i < counted; i++)
		seen[i] = core_result_int8(i, 1);
	if (counted < n)
		lifecycle_refuse_hidden(org, &document_order.lines.entity, args[0], seen, counted);
	counted = lifecycle_run(org, &ticket, &recount_lines, args);
	for (uint64 i = 0; i < counted; i++)
	{
		if (!core_result_bool(i, 4) ||
			(core_result_bool(i, 5) &&
			 document_exceeds(core_result_number(i, 3), document_most(org, core_result_number(i, 2)))))
			refuse_recount(i);
		is_more |= core_result_bool(i, 6);
	}
	return is_more;
}

static void
refuse_recount(uint64 i)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
			 errmsg("more would be invoiced than was ordered"),
			 errdetail("Order line %lld: ordered %s, invoiced %s.", (long long) core_result_int8(i, 1),
					   money_text(core_result_number(i, 2)), money_text(core_result_number(i, 3))),
			 errhint("Lower the quantity of the invoice line."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice_product")));
}

/* document_hold_order_of locks what an invoice bills: the order's lines, then the order. */
void
document_hold_order_of(CrmOrganization *org, int64 invoice_id)
{
	CrmValue	args[] = {CRM_INT8(invoice_id)};

	core_run(org, &hold_lines_of, args);
	core_run(org, &hold_order_of, args);
}
