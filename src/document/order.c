/*
 * order.c
 *	  The way of an order: submitted, fulfilled or canceled (D§3.6).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "document/document.h"

static void end_order(CrmOrganization *org, const CrmOrder *order, const CrmMove *move,
					  const char *reason, CrmStatement *update);

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
	.sql = "SELECT v.invoice_number FROM @invoice v WHERE v.invoice_id IN (SELECT invoice_id FROM @invoice WHERE sales_order_id = $1 "
	"UNION ALL SELECT i.invoice_id FROM @sales_order_product l JOIN @invoice_product i USING (sales_order_product_id) "
	"WHERE l.sales_order_id = $1) AND v.state <> 'canceled' AND " DOCUMENT_IS_OWED("v") " LIMIT 1",
	.argtypes = {INT8OID}
};

PG_FUNCTION_INFO_V1(document_submit_order);
PG_FUNCTION_INFO_V1(document_fulfill_order);
PG_FUNCTION_INFO_V1(document_cancel_order);

/* document_submit_order hands an order to fulfilment; it is read-only from now on. */
Datum
document_submit_order(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &document_order.entity, .made_by = "submit_order", .to = "submitted"};
	CrmOrder	order = document_hold_header(org, id);

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

/* document_fulfill_order completes an order: delivers what is open, and invoices what is not yet invoiced. */
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
	CrmOrder	order;
	bool		is_partial;
	int64		invoice_id = 0;

	if (wants_invoice)
		document_hold_deals(org, 0, 0, id);
	order = document_hold_order(org, id);
	lifecycle_require(org, &move, id, order.state);
	document_require_prices(org, &document_order, id);
	if (strcmp(order.state, "active") == 0)
		document_require_credit(org, id);
	is_partial = strcmp(lifecycle_reason(org, &move), "partial") == 0;
	if (!is_partial)
		document_deliver_rest(org, &order);
	end_order(org, &order, &move, lifecycle_reason(org, &move), &fulfill);
	if (wants_invoice)
		invoice_id = document_bill_fulfilled(org, &order, is_partial);
	document_mark_invoiced(org, &order, "fulfill_order");
	SPI_finish();
	if (invoice_id == 0)
		PG_RETURN_NULL();
	return Int64GetDatum(invoice_id);
}

/* document_cancel_order ends an order for good that no live invoice bills, made from it or by hand, but for wholly credited ones. */
Datum
document_cancel_order(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	CrmMove		move = {
		.entity = &document_order.entity, .made_by = "cancel_order", .to = "canceled",
		.description = core_optional_text(fcinfo, 1)
	};
	CrmOrganization *org = core_begin();
	CrmOrder	order = document_hold_order(org, id);	/* who bills a line by hand holds it */
	CrmValue	args[] = {CRM_INT8(id)};

	lifecycle_require(org, &move, id, order.state);
	if (core_run_newest(org, &find_live_invoice, args) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("the order has an invoice and cannot be canceled"),
				 errdetail("Order %s became invoice %s.", order.number, core_result_text(0, 1)),
				 errhint("Use cancel_invoice() first, or create_credit_note() when it is paid."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
	end_order(org, &order, &move, lifecycle_reason(org, &move), &cancel);
	return core_end_text("canceled");
}

/* end_order moves a locked order to its end and writes the closing activity. */
static void
end_order(CrmOrganization *org, const CrmOrder *order, const CrmMove *move,
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

