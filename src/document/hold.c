/*
 * hold.c
 *	  Locking orders and the lines of documents, and what must hold of them.
 *
 * Deals come first. Whoever edits a line holds it and then waits for its
 * document, so a call that writes lines locks them before: invoice lines,
 * invoice, order lines, order.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

static CrmStatement lock_one = {
	.sql = "SELECT state, order_number, owner_id, sales_order_id FROM @sales_order WHERE sales_order_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};

/* What bills an order, in short. */
static CrmStatement read_invoices = {
	.sql = "SELECT coalesce(string_agg(invoice_id || ' ' || row_version, ',' ORDER BY invoice_id), '') FROM @invoice WHERE sales_order_id = $1",
	.argtypes = {INT8OID}
};

DocumentHoldHook document_hold_hook = NULL;

static void require_seen_invoices(CrmOrganization *org, const CrmOrder *order);

/* document_hold_deals locks the deals of the processes that a new order or invoice takes along: they come before documents. */
void
document_hold_deals(CrmOrganization *org, int64 opportunity_id, int64 quote_id, int64 sales_order_id)
{
	if (document_hold_hook && !core_import_mode)
		document_hold_hook(org, opportunity_id, quote_id, sales_order_id);
}

/* document_hold_order locks the lines of an order that a call is going to write, then the order. */
CrmOrder
document_hold_order(CrmOrganization *org, int64 id)
{
	pricing_lock_lines(org, &document_order.lines, id);
	return document_hold_header(org, id);
}

/* document_hold_header locks an order alone. */
CrmOrder
document_hold_header(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};
	CrmOrder	order = {.id = id};

	if (core_run(org, &lock_one, args) == 0)
		core_refuse_unknown("sales_order", id);
	order.state = core_result_name(0, 1);
	order.number = core_result_name(0, 2);
	order.owner_id = core_result_int8(0, 3);
	require_seen_invoices(org, &order);
	return order;
}

/*
 * require_seen_invoices refuses to go on with a snapshot from before another
 * transaction invoiced the order, a down payment too, or changed what does: the
 * order itself did not change, so its lock does not tell.
 */
static void
require_seen_invoices(CrmOrganization *org, const CrmOrder *order)
{
	CrmValue	args[] = {CRM_INT8(order->id)};
	char	   *seen;

	if (!IsolationUsesXactSnapshot())
		return;
	core_run(org, &read_invoices, args);
	seen = core_result_name(0, 1);
	core_run_newest(org, &read_invoices, args);
	if (strcmp(seen, core_result_name(0, 1)) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access: the order was invoiced meanwhile"),
			 errdetail("Invoices of order %s came, or changed, after the transaction's snapshot.", order->number),
			 errhint("Repeat the transaction."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "invoice")));
}

/* document_require_state refuses an order whose state is none of a list, such as "active submitted". */
void
document_require_state(const CrmOrder *order, const char *states, const char *what, const char *hint)
{
	const char *found = strstr(states, order->state);

	if (found)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("an order that is \"%s\" cannot be %s", order->state, what),
			 errdetail("Order %s is \"%s\".", order->number, order->state),
			 errhint("%s", hint),
			 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order")));
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
