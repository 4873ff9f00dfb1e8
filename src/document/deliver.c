/*
 * deliver.c
 *	  Deliveries of an order and returns from it: quantities, no money.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

static void add_open(const CrmProgressList *list, CrmParts *parts);
static void check_delivery(CrmOrganization *org, const CrmOrder *order,
						   const CrmProgressList *list, const CrmParts *parts);
static void turn_back(const CrmOrder *order, const CrmProgressList *list, CrmParts *parts);
static int64 write_delivery(CrmOrganization *org, const CrmOrder *order, const char *type,
							const CrmParts *parts, CrmValue date);
static void write_lines(CrmOrganization *org, int64 delivery_id, const CrmParts *parts, const char *made_by);
static void count_lines(CrmOrganization *org, const CrmParts *parts);

static CrmStatement insert_delivery = {
	.sql = "INSERT INTO @delivery (delivery_id, delivery_number, delivery_type, sales_order_id, delivery_date) "
	"VALUES ($1, $2, $3, $4, coalesce($5, $6))",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID, DATEOID, DATEOID}
};
static CrmStatement insert_lines = {
	.sql = "INSERT INTO @delivery_product (delivery_product_id, delivery_id, sales_order_product_id, quantity) "
	"SELECT w.id, $1, w.line_id, w.quantity FROM unnest($2, $3, $4) AS w(id, line_id, quantity)",
	.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, NUMERICARRAYOID}
};
static CrmStatement count_delivered = {
	.sql = "UPDATE @sales_order_product l SET quantity_delivered = s.delivered, quantity_returned = s.returned FROM ("
	"SELECT p.sales_order_product_id AS id, "
	"coalesce(sum(p.quantity) FILTER (WHERE d.delivery_type = 'delivery'), 0) AS delivered, "
	"coalesce(-sum(p.quantity) FILTER (WHERE d.delivery_type = 'return'), 0) AS returned "
	"FROM @delivery_product p JOIN @delivery d USING (delivery_id) "
	"WHERE p.sales_order_product_id = ANY ($1) GROUP BY 1) s WHERE l.sales_order_product_id = s.id",
	.argtypes = {INT8ARRAYOID}
};

PG_FUNCTION_INFO_V1(document_deliver_order);
PG_FUNCTION_INFO_V1(document_return_order);

/* document_deliver_order delivers the lines that are named, or all that is open. */
Datum
document_deliver_order(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	CrmParts	parts;
	bool		is_named = document_parts_argument(fcinfo, 1, document_order.lines.entity.key, &parts);
	CrmOrganization *org = core_begin();
	CrmOrder	order = document_hold_order(org, id);
	CrmProgressList list;

	document_require_state(&order, "active submitted", "delivered",
						   "Only active and submitted orders are delivered.");
	if (strcmp(order.state, "active") == 0)
		document_require_credit(org, id);
	list = document_read_progress(org, &document_order, id);
	if (is_named)
		check_delivery(org, &order, &list, &parts);
	else
		add_open(&list, &parts);
	if (parts.n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("nothing is left to deliver of the order"),
				 errdetail("Every line of order %s is delivered.", order.number),
				 errhint("Add lines, or name lines and quantities within over_quantity_percentage."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order")));
	return core_end_id(write_delivery(org, &order, "delivery", &parts, core_value_argument(fcinfo, 2)));
}

/* document_deliver_rest delivers what is open of an order that is fulfilled; nothing when nothing is. */
void
document_deliver_rest(CrmOrganization *org, const CrmOrder *order)
{
	CrmProgressList list = document_read_progress(org, &document_order, order->id);
	CrmParts	parts;

	add_open(&list, &parts);
	if (parts.n > 0)
		write_delivery(org, order, "delivery", &parts, CRM_NULL);
}

/* document_return_order takes goods back that were delivered. */
Datum
document_return_order(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "sales_order_id");
	CrmParts	parts;
	bool		is_named = document_parts_argument(fcinfo, 1, document_order.lines.entity.key, &parts);
	CrmOrganization *org;
	CrmOrder	order;
	CrmProgressList list;

	if (!is_named)
		core_refuse_null("lines");
	org = core_begin();
	order = document_hold_order(org, id);
	list = document_read_progress(org, &document_order, id);
	document_check_parts(&list, &parts, &document_order, order.number);
	turn_back(&order, &list, &parts);
	return core_end_id(write_delivery(org, &order, "return", &parts, CRM_NULL));
}

/* add_open takes of each standard line what is not delivered. */
static void
add_open(const CrmProgressList *list, CrmParts *parts)
{
	*parts = document_new_parts(list->n);
	for (int i = 0; i < list->n; i++)
	{
		CrmProgress *line = &list->lines[i];

		if (line->is_standard)
			document_add_part(parts, line, document_on_side(money_subtract(line->quantity, line->delivered),
															line->quantity));
	}
}

/* check_delivery refuses to deliver more than was ordered, and what may be over it. */
static void
check_delivery(CrmOrganization *org, const CrmOrder *order, const CrmProgressList *list, const CrmParts *parts)
{
	document_check_parts(list, parts, &document_order, order->number);
	for (int i = 0; i < parts->n; i++)
	{
		CrmProgress *line = document_find_line(list, parts->ids[i]);

		if (!document_exceeds(money_add(line->delivered, parts->quantities[i]),
							  document_most(org, line->quantity)))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
				 errmsg("more would be delivered than was ordered"),
				 errdetail("Order %s line %d: ordered %s, delivered %s, now %s.", order->number, line->line_number,
						   money_text(line->quantity), money_text(line->delivered), money_text(parts->quantities[i])),
				 errhint("Lower the quantity; the setting over_quantity_percentage allows more."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order_product")));
	}
}

/* turn_back refuses to take back more than the customer has, and gives the quantities their sign. */
static void
turn_back(const CrmOrder *order, const CrmProgressList *list, CrmParts *parts)
{
	for (int i = 0; i < parts->n; i++)
	{
		CrmProgress *line = document_find_line(list, parts->ids[i]);
		Datum		out = money_subtract(line->delivered, line->returned);

		if (document_exceeds(parts->quantities[i], out))
			ereport(ERROR,
					(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
					 errmsg("more would be returned than was delivered"),
					 errdetail("Order %s line %d: delivered %s, returned %s, now %s.", order->number, line->line_number,
							   money_text(line->delivered), money_text(line->returned), money_text(parts->quantities[i])),
					 errhint("Lower the quantity."),
					 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order_product")));
		parts->quantities[i] = money_subtract(money_zero(), parts->quantities[i]);
	}
}

/* write_delivery stores a delivery or return and counts it on the order lines. */
static int64
write_delivery(CrmOrganization *org, const CrmOrder *order, const char *type, const CrmParts *parts, CrmValue date)
{
	int64		id = core_next_id(org, "delivery", "delivery_id");
	const char *made_by = strcmp(type, "return") == 0 ? "return_order" : "deliver_order";
	CrmTicket	ticket = {.kind = TICKET_BIRTH, .table = "delivery", .ids = &id, .n = 1, .made_by = made_by};
	CrmValue	args[] = {
		CRM_INT8(id), core_text_value(core_next_number(org, "delivery")), core_text_value(type),
		CRM_INT8(order->id), date, CRM_DATUM(core_today(org))
	};

	lifecycle_run(org, &ticket, &insert_delivery, args);
	write_lines(org, id, parts, made_by);
	count_lines(org, parts);
	return id;
}

static void
write_lines(CrmOrganization *org, int64 delivery_id, const CrmParts *parts, const char *made_by)
{
	int64	   *ids = palloc(sizeof(int64) * parts->n);
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = "delivery_product", .ids = ids, .n = parts->n, .made_by = made_by
	};

	for (int i = 0; i < parts->n; i++)
		ids[i] = core_next_id(org, "delivery_product", "delivery_product_id");
	{
		CrmValue	args[] = {
			CRM_INT8(delivery_id), CRM_DATUM(core_int8_array(ids, parts->n)),
			CRM_DATUM(core_int8_array(parts->ids, parts->n)), CRM_DATUM(document_quantities(parts))
		};

		lifecycle_run(org, &ticket, &insert_lines, args);
	}
}

/* count_lines counts anew what was delivered and returned of order lines. */
static void
count_lines(CrmOrganization *org, const CrmParts *parts)
{
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "sales_order_product", .ids = parts->ids, .n = parts->n
	};
	CrmValue	args[] = {CRM_DATUM(core_int8_array(parts->ids, parts->n))};

	lifecycle_run(org, &ticket, &count_delivered, args);
}
