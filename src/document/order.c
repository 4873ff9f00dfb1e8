/*
 * order.c
 *	  The way of an order: submitted, fulfilled, invoiced or canceled (D§3.6).
 *
 * Whoever edits a line holds it and then waits for its document, so a call
 * that writes lines locks them first: invoice lines, invoice, order lines,
 * order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "document/document.h"

/* An order as the calls see it, locked. */
typedef struct Order
{
	int64		id;
	char	   *state;
	char	   *number;
	int64		owner_id;
} Order;

static Order lock_order(CrmOrganization *org, int64 id);
static void end_order(CrmOrganization *org, const Order *order, const CrmMove *move,
					  const char *reason, CrmStatement *update);
static int64 invoice_rest(CrmOrganization *org, const Order *order, const char *made_by);
static void mark_invoiced(CrmOrganization *org, const Order *order, const char *made_by);
static void refuse_invoice(const Order *order);
static Datum set_lock(FunctionCallInfo fcinfo, CrmDocument *document, bool is_locked);

static CrmStatement lock_one = {
	.sql = "SELECT state, order_number, owner_id FROM @sales_order WHERE sales_order_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement submit = {
	.sql = "UPDATE @sales_order SET state = $2, status_reason = $3, submitted_on = $4 WHERE sales_order_id = $1",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, DATEOID}
};
static CrmStatement fulfill = {
	.sql = "UPDATE @sales_order SET state = $2, status_reason = $3, fulfilled_on = $4 WHERE sales_order_id = $1",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, DATEOID}
};
static CrmStatement cancel = {
	.sql = "UPDATE @sales_order SET state = $2, status_reason = $3 WHERE sales_order_id = $1",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, DATEOID}
};
static CrmStatement insert_close = {
	.sql = "INSERT INTO @order_close (order_close_id, activity_id, sales_order_id, order_number, "
	"order_state, order_status_reason, actual_end_at) VALUES ($1, $2, $3, $4, $5, $6, " CRM_SQL_NOW ")",
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID}
};
static CrmStatement find_live_invoice = {
	.sql = "SELECT invoice_number FROM @invoice WHERE sales_order_id = $1 AND state <> 'canceled' LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement find_rest = {
	.sql = "SELECT 1 FROM @sales_order o WHERE o.sales_order_id = $1 AND ("
	"NOT EXISTS (SELECT FROM @invoice v WHERE v.sales_order_id = $1 AND v.state <> 'canceled') "
	"OR EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = $1 AND l.quantity <> l.quantity_invoiced))",
	.argtypes = {INT8OID}
};
static CrmStatement lock_order_lines = {
	.sql = "SELECT sales_order_product_id FROM @sales_order_product WHERE sales_order_product_id = ANY ($1) "
	"ORDER BY sales_order_product_id FOR NO KEY UPDATE",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement recount_lines = {
	.sql = "UPDATE @sales_order_product l SET quantity_invoiced = s.quantity FROM ("
	"SELECT x.id, coalesce(sum(i.quantity) FILTER (WHERE v.state <> 'canceled' AND v.invoice_type = 'invoice'), 0) AS quantity "
	"FROM pg_catalog.unnest($1) AS x(id) LEFT JOIN @invoice_product i ON i.sales_order_product_id = x.id "
	"LEFT JOIN @invoice v ON v.invoice_id = i.invoice_id GROUP BY x.id) s "
	"WHERE l.sales_order_product_id = s.id "
	"RETURNING l.sales_order_product_id, l.quantity, l.quantity_invoiced, "
	"CASE WHEN l.quantity >= 0 THEN l.quantity_invoiced BETWEEN 0 AND l.quantity "
	"ELSE l.quantity_invoiced BETWEEN l.quantity AND 0 END",
	.argtypes = {INT8ARRAYOID}
};

PG_FUNCTION_INFO_V1(document_submit_order);
PG_FUNCTION_INFO_V1(document_fulfill_order);
PG_FUNCTION_INFO_V1(document_cancel_order);
PG_FUNCTION_INFO_V1(document_invoice_order);
PG_FUNCTION_INFO_V1(document_count_invoiced);
PG_FUNCTION_INFO_V1(document_lock_order);
PG_FUNCTION_INFO_V1(document_unlock_order);
PG_FUNCTION_INFO_V1(document_lock_invoice);
PG_FUNCTION_INFO_V1(document_unlock_invoice);

/* document_submit_order hands an order to fulfilment; it is read-only from now on. */
Datum
document_submit_order(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &document_order.entity, .made_by = "submit_order", .to = "submitted"};
	Order		order = lock_order(org, id);

	lifecycle_require(org, &move, id, order.state);
	document_require_prices(org, &document_order, id);
	document_require_credit(org, id);
	{
		CrmTicket	ticket = lifecycle_move_ticket(&move, &id, 1, order.state);
		CrmValue	args[] = {
			CRM_INT8(id), core_text_value(move.to), core_text_value(lifecycle_reason(org, &move)),
			CRM_DATUM(core_today(org))
		};

		if (lifecycle_run(org, &ticket, &submit, args) == 0)
			core_refuse_unknown("sales_order", id);
	}
	return core_end_text("submitted");
}

/* document_fulfill_order completes an order, and invoices what is not yet invoiced. */
Datum
document_fulfill_order(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	bool		wants_invoice = core_flag_argument(fcinfo, 2, true);
	CrmMove		move = {
		.entity = &document_order.entity, .made_by = "fulfill_order", .to = "fulfilled",
		.reason = core_optional_text(fcinfo, 1)
	};
	CrmOrganization *org = core_begin();
	Order		order;
	int64		invoice_id = 0;

	pricing_lock_lines(org, &document_order.lines, id);
	order = lock_order(org, id);
	lifecycle_require(org, &move, id, order.state);
	document_require_prices(org, &document_order, id);
	if (strcmp(order.state, "active") == 0)
		document_require_credit(org, id);
	end_order(org, &order, &move, lifecycle_reason(org, &move), &fulfill);
	if (wants_invoice)
		invoice_id = invoice_rest(org, &order, "fulfill_order");
	mark_invoiced(org, &order, "fulfill_order");
	SPI_finish();
	if (invoice_id == 0)
		PG_RETURN_NULL();
	return Int64GetDatum(invoice_id);
}

/* document_cancel_order ends an order that has no live invoice, for good. */
Datum
document_cancel_order(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	CrmMove		move = {
		.entity = &document_order.entity, .made_by = "cancel_order", .to = "canceled",
		.description = core_optional_text(fcinfo, 1)
	};
	CrmOrganization *org = core_begin();
	Order		order = lock_order(org, id);
	CrmValue	args[] = {CRM_INT8(id)};

	lifecycle_require(org, &move, id, order.state);
	if (core_run_newest(org, &find_live_invoice, args) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("the order has an invoice and cannot be canceled"),
				 errdetail("Order %s became invoice %s.", order.number, core_result_text(0, 1)),
				 errhint("Use cancel_invoice() first."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
	end_order(org, &order, &move, lifecycle_reason(org, &move), &cancel);
	return core_end_text("canceled");
}

/* document_invoice_order invoices what is not yet invoiced of an order. */
Datum
document_invoice_order(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	CrmOrganization *org = core_begin();
	Order		order;
	int64		invoice_id;

	pricing_lock_lines(org, &document_order.lines, id);
	order = lock_order(org, id);
	if (strcmp(order.state, "submitted") == 0 || strcmp(order.state, "canceled") == 0)
		refuse_invoice(&order);
	document_require_prices(org, &document_order, id);
	invoice_id = invoice_rest(org, &order, "create_invoice_from_order");
	if (invoice_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("nothing is left to invoice of the order"),
				 errdetail("Every line of order %s is invoiced.", order.number),
				 errhint("Cancel an invoice of it first, or add lines."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order")));
	if (strcmp(order.state, "fulfilled") == 0)
		mark_invoiced(org, &order, "create_invoice_from_order");
	return core_end_id(invoice_id);
}

/*
 * document_count_invoiced is the AFTER statement trigger of invoice lines: it
 * keeps quantity_invoiced of the order lines they came from.
 */
Datum
document_count_invoiced(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = core_trigger(fcinfo, TRIGGER_EVENT_AFTER, 0);
	int			n;
	int64	   *lines = core_transition_ids(trigdata, "sales_order_product_id", &n);

	if (n == 0)
		return PointerGetDatum(NULL);
	SPI_connect();
	document_recount(core_organization_of(trigdata->tg_relation), lines, n);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* document_recount locks order lines by key, counts them anew, and refuses too much. */
void
document_recount(CrmOrganization *org, const int64 *ids, int n)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n))};
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "sales_order_product", .ids = ids, .n = n
	};
	int64	   *seen = palloc(sizeof(int64) * n);
	uint64		counted = core_run(org, &lock_order_lines, args);

	for (uint64 i = 0; i < counted; i++)
		seen[i] = core_result_int8(i, 1);
	if (counted < n)
		lifecycle_refuse_hidden(org, &document_order.lines.entity, args[0], seen, counted);
	counted = lifecycle_run(org, &ticket, &recount_lines, args);
	for (uint64 i = 0; i < counted; i++)
	{
		if (core_result_bool(i, 4))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
				 errmsg("more would be invoiced than was ordered"),
				 errdetail("Order line %lld: ordered %s, invoiced %s.", (long long) core_result_int8(i, 1),
						   money_text(core_result_number(i, 2)), money_text(core_result_number(i, 3))),
				 errhint("Lower the quantity of the invoice line."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "invoice_product")));
	}
}

/* document_require_prices refuses a document with a line that has no price. */
void
document_require_prices(CrmOrganization *org, const CrmDocument *document, int64 id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(id)};
	CrmStatement *find = core_intern(psprintf("SELECT h.%s, l.line_number, l.pricing_error FROM @%s h "
											  "JOIN @%s l USING (%s) WHERE h.%s = $1 "
											  "AND h.pricing_error <> 'none' AND l.pricing_error <> 'none' "
											  "AND l.line_kind = 'standard' ORDER BY l.line_number LIMIT 1",
											  document->number, document->entity.name,
											  document->lines.entity.name, document->entity.key,
											  document->entity.key), types);

	if (core_run(org, find, args) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_PRICING_INCOMPLETE),
			 errmsg("a line of the %s has no price", document->entity.label),
			 errdetail("%s line %d: %s.", core_result_text(0, 1),
					   core_result_int4(0, 2), core_result_text(0, 3)),
			 errhint("Add the product to the price list and update the line, set is_price_overridden and a price, or delete the line."),
			 err_generic_string(PG_DIAG_TABLE_NAME, document->lines.entity.name)));
}

/* document_lock_order keeps the prices of an order as they are. */
Datum
document_lock_order(PG_FUNCTION_ARGS)
{
	return set_lock(fcinfo, &document_order, true);
}

/* document_unlock_order prices an order from the catalogue again, at once. */
Datum
document_unlock_order(PG_FUNCTION_ARGS)
{
	return set_lock(fcinfo, &document_order, false);
}

Datum
document_lock_invoice(PG_FUNCTION_ARGS)
{
	return set_lock(fcinfo, &document_invoice, true);
}

Datum
document_unlock_invoice(PG_FUNCTION_ARGS)
{
	return set_lock(fcinfo, &document_invoice, false);
}

/* set_lock locks or unlocks the prices of an editable document; twice is once. */
static Datum
set_lock(FunctionCallInfo fcinfo, CrmDocument *document, bool is_locked)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, BOOLOID};
	const CrmEntity *entity = &document->entity;
	int64		id = core_id_argument(fcinfo, 0, entity->key);
	CrmOrganization *org = core_begin();
	char	   *state;
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = entity->name, .ids = &id, .n = 1};
	CrmValue	args[] = {CRM_INT8(id), CRM_BOOL(is_locked)};
	uint64		changed;

	if (!is_locked)
		pricing_lock_lines(org, &document->lines, id);
	state = lifecycle_lock(org, entity, id);
	if (lifecycle_is_read_only(org, entity->name, state))
		ereport(ERROR,
				(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
				 errmsg("the prices of %s that is \"%s\" cannot be %s", lifecycle_one(entity), state,
						is_locked ? "locked" : "unlocked"),
				 errdetail("%s is read-only.", lifecycle_called(entity, id)),
				 errhint("%s", lifecycle_ways_out(org, entity->name, state)),
				 err_generic_string(PG_DIAG_TABLE_NAME, entity->name)));
	changed = lifecycle_run(org, &ticket,
							core_intern(psprintf("UPDATE @%1$s SET is_price_locked = $2 WHERE %2$s = $1 "
												 "AND is_price_locked <> $2", entity->name, entity->key), types),
							args);
	if (changed > 0 && !is_locked)
		pricing_reprice(org, &document->lines, id);
	SPI_finish();
	return BoolGetDatum(is_locked);
}

static Order
lock_order(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};
	Order		order = {.id = id};

	if (core_run(org, &lock_one, args) == 0)
		core_refuse_unknown("sales_order", id);
	order.state = core_result_name(0, 1);
	order.number = core_result_name(0, 2);
	order.owner_id = core_result_int8(0, 3);
	return order;
}

/* end_order moves a locked order to its end and writes the closing activity. */
static void
end_order(CrmOrganization *org, const Order *order, const CrmMove *move,
		  const char *reason, CrmStatement *update)
{
	int64		order_id = order->id;
	CrmTicket	ticket = lifecycle_move_ticket(move, &order_id, 1, order->state);
	int64		id = core_next_id(org, "order_close", "order_close_id");
	CrmTicket	birth = {
		.kind = TICKET_BIRTH, .table = "order_close", .ids = &id, .n = 1, .made_by = move->made_by
	};
	CrmClosing	closing = {
		.activity_type = "order_close", .entity = "sales_order", .record_id = order_id,
		.subject = psprintf("Order %s: %s", move->to, order->number),
		.description = move->description, .owner_id = order->owner_id, .made_by = move->made_by
	};
	CrmValue	update_args[] = {
		CRM_INT8(order_id), core_text_value(move->to), core_text_value(reason), CRM_DATUM(core_today(org))
	};

	if (lifecycle_run(org, &ticket, update, update_args) == 0)
		core_refuse_unknown("sales_order", order_id);
	{
		CrmValue	args[] = {
			CRM_INT8(id), CRM_INT8(activity_close(org, &closing)), CRM_INT8(order_id),
			core_text_value(order->number), core_text_value(move->to), core_text_value(reason)
		};

		lifecycle_run(org, &birth, &insert_close, args);
	}
}

/* invoice_rest makes the invoice of what is left; 0 when nothing is. */
static int64
invoice_rest(CrmOrganization *org, const Order *order, const char *made_by)
{
	CrmConversion conversion = document_invoice_from_order;

	conversion.made_by = made_by;
	return document_convert(org, &conversion, order->id, 0, NULL, 0);
}

/* mark_invoiced moves a fulfilled order on when all of it is invoiced, where the organization wants that. */
static void
mark_invoiced(CrmOrganization *org, const Order *order, const char *made_by)
{
	CrmMove		move = {.entity = &document_order.entity, .made_by = made_by, .to = "invoiced"};
	CrmValue	args[] = {CRM_INT8(order->id)};

	if (core_setting_is_on(org, "mark_order_invoiced") && core_run(org, &find_rest, args) == 0)
		lifecycle_move(org, &move, order->id, "fulfilled");
}

static void
refuse_invoice(const Order *order)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("an order that is \"%s\" cannot be invoiced", order->state),
			 errdetail("Order %s is neither active nor fulfilled.", order->number),
			 errhint("A submitted order is invoiced by fulfill_order()."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order")));
}
