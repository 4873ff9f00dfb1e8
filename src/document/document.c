/*
 * document.c
 *	  The entities of this room, and what every document fills in on writing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"

#include "activity/activity.h"
#include "document/document.h"

static void add_to_timelines(const CrmEntity *entity);
static void complete_quote(CrmRow *row, CrmTicket *ticket);
static void complete_order(CrmRow *row, CrmTicket *ticket);
static void complete_invoice(CrmRow *row, CrmTicket *ticket);
static void complete_quote_line(CrmRow *row, CrmTicket *ticket);
static void complete_order_line(CrmRow *row, CrmTicket *ticket);
static void complete_invoice_line(CrmRow *row, CrmTicket *ticket);
static void keep_counted(CrmRow *row, const char *counted, const char *what);
static void keep_written(CrmRow *row);
static void keep_order_line(CrmRow *row);
static void keep_line(CrmRow *row);
static void refuse_written(CrmRow *row) pg_attribute_noreturn();
static void complete_document(CrmRow *row, CrmTicket *ticket, const CrmDocument *document);
static void hold_deals(CrmRow *row);
static char *next_free_number(CrmRow *row, const CrmDocument *document);
static bool is_in_use(CrmOrganization *org, const CrmDocument *document, const char *number);
static void keep_number(CrmRow *row, const CrmDocument *document);
static void fill_addresses(CrmRow *row);
static void take_text(CrmRow *row, const char *column, char *text);
static DateADT date_of(const CrmRow *row, const char *column);
static Datum days_after(const CrmRow *row, const char *column, int days);
static void fill_validity(CrmRow *row);
static void fill_due_date(CrmRow *row);
static void fill_early_payment(CrmRow *row, const CrmTerms *terms);
static void check_order_of_dates(CrmRow *row, const char *first, const char *second,
								 const char *constraint);
static void delete_drafts(CrmOrganization *org, int64 opportunity_id);

static const char *const quote_computed[] = {
	PRICING_COMPUTED_TOTALS, "revision_number", "closed_on", NULL
};
static const char *const order_computed[] = {
	PRICING_COMPUTED_TOTALS, "is_price_locked", "quote_id", "fulfilled_on", "submitted_on", NULL
};
static const char *const invoice_computed[] = {
	PRICING_COMPUTED_TOTALS, "is_price_locked", "sales_order_id", "credited_invoice_id",
	"amount_paid", "balance_amount",
	"early_payment_date", "early_payment_percentage", "early_payment_discount_amount", NULL
};

CrmDocument document_quote = {
	.entity = {.name = "quote", .key = "quote_id", .label = "quote", .title = "quote_number",
	.computed = quote_computed, .complete = complete_quote},
	.lines = {.entity = {.name = "quote_product", .key = "quote_product_id", .label = "quote line",
			.computed = pricing_line_computed, .complete = complete_quote_line},
	.header = &document_quote.entity, .date_column = "effective_from"},
	.number = "quote_number", .series = "quote"
};
CrmDocument document_order = {
	.entity = {.name = "sales_order", .key = "sales_order_id", .label = "order", .title = "order_number",
	.computed = order_computed, .complete = complete_order},
	.lines = {.entity = {.name = "sales_order_product", .key = "sales_order_product_id", .label = "order line",
			.computed = pricing_line_computed, .complete = complete_order_line, .before_delete = keep_order_line},
	.header = &document_order.entity, .date_column = "created_at", .has_lock = true},
	.number = "order_number", .series = "order"
};
CrmDocument document_invoice = {
	.entity = {.name = "invoice", .key = "invoice_id", .label = "invoice", .title = "invoice_number",
	.computed = invoice_computed, .complete = complete_invoice, .before_delete = document_keep_deleted},
	.lines = {.entity = {.name = "invoice_product", .key = "invoice_product_id", .label = "invoice line",
			.computed = pricing_line_computed, .complete = complete_invoice_line, .before_delete = keep_line},
	.header = &document_invoice.entity, .date_column = "invoice_date", .has_lock = true},
	.number = "invoice_number", .series = "invoice"
};

static const CrmEntity others[] = {
	{.name = "quote_close", .key = "quote_close_id", .label = "quote closing", .made_by_calls = true},
	{.name = "order_close", .key = "order_close_id", .label = "order closing", .made_by_calls = true},
	{.name = "delivery", .key = "delivery_id", .label = "delivery", .title = "delivery_number", .made_by_calls = true},
	{.name = "delivery_product", .key = "delivery_product_id", .label = "delivery line", .made_by_calls = true},
	{.name = "payment", .key = "payment_id", .label = "payment", .made_by_calls = true},
	{.name = "number_void", .key = "number_void_id", .label = "voided number", .made_by_calls = true},
	{.name = "payment_term", .key = "payment_term_id", .label = "payment term", .title = "payment_terms"}
};

static CrmStatement read_addresses = {
	.sql = "SELECT x.*, p.full_name FROM ("
	"SELECT name, address_line1, address_line2, address_line3, address_city, address_state_or_province, "
	"address_postal_code, address_country, business_phone, fax, payment_terms, "
	"address_freight_terms, address_shipping_method FROM @account WHERE account_id = $1 "
	"UNION ALL SELECT full_name, address_line1, address_line2, address_line3, address_city, "
	"address_state_or_province, address_postal_code, address_country, business_phone, fax, payment_terms, "
	"address_freight_terms, address_shipping_method FROM @contact WHERE contact_id = $2 AND $1 IS NULL) x "
	"LEFT JOIN (SELECT full_name FROM @contact WHERE contact_id = $2) p ON true",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement find_order = {
	.sql = "SELECT state FROM @sales_order WHERE sales_order_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement find_invoice = {
	.sql = "SELECT 1 FROM @invoice WHERE invoice_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement delete_draft_quotes = {
	.sql = "DELETE FROM @quote WHERE opportunity_id = $1 AND state = 'draft'",
	.argtypes = {INT8OID}
};

/* document_init registers the entities of this room and its say in deals. */
void
document_init(void)
{
	CrmDocument *documents[] = {&document_quote, &document_order, &document_invoice};

	for (int i = 0; i < lengthof(documents); i++)
	{
		lifecycle_add_entity(&documents[i]->entity);
		pricing_add_lines(&documents[i]->lines);
	}
	for (int i = 0; i < lengthof(others); i++)
		lifecycle_add_entity(&others[i]);
	for (int i = 0; i < lengthof(documents); i++)
		add_to_timelines(&documents[i]->entity);
	opportunity_close_hook = document_close_quotes;
	opportunity_delete_hook = delete_drafts;
	document_add_checks();
}

/* add_to_timelines lets a document belong to its customer, its deal and the lead of that. */
static void
add_to_timelines(const CrmEntity *entity)
{
	static const char *const roots[] = {"account", "contact", "opportunity"};
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	for (int i = 0; i < lengthof(roots); i++)
		activity_add_source(roots[i], psprintf("SELECT '%1$s', %2$s FROM @%1$s WHERE %3$s_id = $2",
											   entity->name, entity->key, roots[i]));
	activity_add_source("lead", psprintf("SELECT '%1$s', d.%2$s FROM @%1$s d JOIN @opportunity o USING (opportunity_id) "
										 "WHERE o.originating_lead_id = $2", entity->name, entity->key));
	MemoryContextSwitchTo(caller);
}

static void
complete_quote(CrmRow *row, CrmTicket *ticket)
{
	document_keep_quote(row, ticket);
	complete_document(row, ticket, &document_quote);
	fill_validity(row);
	check_order_of_dates(row, "effective_from", "effective_to", "quote_effective_check");
}

static void
complete_order(CrmRow *row, CrmTicket *ticket)
{
	complete_document(row, ticket, &document_order);
	document_keep_order(row, ticket);
}

static void
complete_invoice(CrmRow *row, CrmTicket *ticket)
{
	document_keep_invoice(row, ticket);
	document_keep_credit(row, ticket);
	complete_document(row, ticket, &document_invoice);
	fill_due_date(row);
	check_order_of_dates(row, "invoice_date", "due_date", "invoice_due_date_check");
	row_set(row, "balance_amount",
			money_subtract(money_subtract(row_datum(row, "total_amount"), row_datum(row, "amount_paid")),
						   row_datum(row, "early_payment_discount_amount")));
}

static void
complete_quote_line(CrmRow *row, CrmTicket *ticket)
{
	if (ticket && ticket->context && !row_is_null(row, "alternative_to_id"))
		pricing_follow_copy(row, "alternative_to_id", ticket->context);
	pricing_complete_line(row, ticket, &document_quote.lines);
	document_check_source(row, ticket, &document_quote);
}

static void
complete_order_line(CrmRow *row, CrmTicket *ticket)
{
	if (row_changed(row, "quantity") && !row_is_null(row, "quantity"))
	{
		keep_counted(row, "quantity_invoiced", "invoiced");
		keep_counted(row, "quantity_delivered", "delivered");
	}
	document_keep_order_line(row, ticket);
	pricing_complete_line(row, ticket, &document_order.lines);
	document_check_source(row, ticket, &document_order);
}

/* complete_invoice_line prices a line; one that is edited loses its cents. */
static void
complete_invoice_line(CrmRow *row, CrmTicket *ticket)
{
	bool		is_typed = ticket == NULL && !core_import_mode;

	if (is_typed && (row_changed(row, "quantity") || row_changed(row, "price_per_unit") ||
					 row_changed(row, "manual_discount_amount") || row_changed(row, "manual_discount_percentage")))
		row_set(row, "rounding_amount", money_zero());
	pricing_complete_line(row, ticket, &document_invoice.lines);
	if (is_typed)
		keep_written(row);
	document_check_source(row, ticket, &document_invoice);
}

/* keep_counted refuses less of an order line than is invoiced or delivered already. */
static void
keep_counted(CrmRow *row, const char *counted, const char *what)
{
	Datum		quantity = row_datum(row, "quantity");
	Datum		done = row_datum(row, counted);
	int			side = money_compare(done, money_zero());

	if (side == 0 || money_compare(quantity, done) != -side || row->old_nulls[row_column(row, "quantity")] ||
		money_compare(quantity, row->old_values[row_column(row, "quantity")]) == side)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_QUANTITY_OR_AMOUNT_EXCEEDED),
			 errmsg("less would be ordered than is %s", what),
			 errdetail("Order line %lld: quantity %s, %s %s.", (long long) row_int8(row, "sales_order_product_id"),
					   money_text(quantity), what, money_text(done)),
			 errhint("%s", strcmp(what, "invoiced") == 0 ? "Lower the invoice line, cancel the invoice or credit it first."
					 : "Add a line for something else; what was delivered is taken back by return_order()."),
			 errtablecol(row->rel, row_column(row, "quantity") + 1)));
}

/* keep_order_line says of a delivered line of a closed order what the roll-up would, before its foreign key speaks. */
static void
keep_order_line(CrmRow *row)
{
	int64		id = row_int8(row, "sales_order_id");
	CrmValue	args[] = {CRM_INT8(id)};

	if (core_import_mode || money_is_zero(row_datum(row, "quantity_delivered")) ||
		!money_is_zero(row_datum(row, "quantity_invoiced")))
		return;
	SPI_connect();
	if (core_run(row->org, &find_order, args) > 0 &&
		lifecycle_is_read_only(row->org, "sales_order", core_result_text(0, 1)))
		pricing_refuse_closed(row->org, &document_order.lines, id, core_result_text(0, 1));
	SPI_finish();
}

/*
 * keep_written keeps lines that deduct a down payment or credit an invoice as
 * the call wrote them, and lines that are credited as they were.
 */
static void
keep_written(CrmRow *row)
{
	static const char *const kept[] = {
		"line_kind", "product_id", "product_description", "unit_id", "quantity", "price_per_unit",
		"manual_discount_percentage", "base_amount", "extended_amount", "tax_amount",
		"sales_order_product_id", "down_payment_invoice_id"
	};
	bool		is_written = !row_is_null(row, "down_payment_invoice_id") ||
		!row_is_null(row, "credited_invoice_product_id") ||
		row_changed(row, "down_payment_invoice_id") ||
		!money_is_zero(row_datum(row, "quantity_credited"));

	if (!is_written)
		return;
	for (int i = 0; i < lengthof(kept); i++)
	{
		if (ROW_IS_INSERT(row) || row_changed(row, kept[i]))
			refuse_written(row);
	}
}

/* keep_line keeps such a line from being deleted while its invoice stays. */
static void
keep_line(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "invoice_id"))};
	uint64		found;

	if (core_import_mode ||
		(row_is_null(row, "down_payment_invoice_id") && row_is_null(row, "credited_invoice_product_id")))
		return;
	SPI_connect();
	found = core_run(row->org, &find_invoice, args);
	SPI_finish();
	if (found > 0)
		refuse_written(row);
}

static void
refuse_written(CrmRow *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("the invoice line cannot be written by hand"),
			 errdetail("Line %lld deducts a down payment, credits another line, or is credited.",
					   (long long) row_int8(row, "invoice_product_id")),
			 errhint("Use create_invoice_from_order(), create_credit_note() and cancel_invoice()."),
			 errtable(row->rel)));
}

/* complete_document fills number, customer defaults, addresses, totals, money. */
static void
complete_document(CrmRow *row, CrmTicket *ticket, const CrmDocument *document)
{
	pricing_require_customer(row, &document->entity);
	if (ROW_IS_INSERT(row) && ticket == NULL && document != &document_quote)
		hold_deals(row);
	if (ticket == NULL || ticket->kind != TICKET_BIRTH || row_is_null(row, "currency_code"))
		pricing_take_defaults(row, true);
	if (ROW_IS_INSERT(row) && row_is_null(row, "bill_to_name"))
		fill_addresses(row);
	keep_number(row, document);
	pricing_complete_totals(row, &document->entity, ticket);
	pricing_complete_money(row);
}

/* hold_deals locks the deals that go along with an order or invoice by hand, before a gapless series is. */
static void
hold_deals(CrmRow *row)
{
	SPI_connect();
	document_hold_deals(row->org, row_int8(row, "opportunity_id"), row_has(row, "quote_id") ? row_int8(row, "quote_id") : 0,
						row_has(row, "invoice_number") ? row_int8(row, "sales_order_id") : 0);
	SPI_finish();
}

/* keep_number gives a new document its number, and lets it keep it. */
static void
keep_number(CrmRow *row, const CrmDocument *document)
{
	if (ROW_IS_INSERT(row) && row_is_null(row, document->number))
		row_set_text(row, document->number, next_free_number(row, document));
	if (row_changed(row, document->number))
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("the number of %s never changes", lifecycle_one(&document->entity)),
				 errdetail("It is %s.", row_old_text(row, document->number)),
				 errhint("Give a number of your own when you insert the document."),
				 errtablecol(row->rel, row_column(row, document->number) + 1)));
}

/*
 * next_free_number passes over numbers of a gapless series that somebody gave
 * by hand: its counter goes back with the document that is refused, so that
 * one number typed ahead would stop the series. A sequence goes on by itself.
 */
static char *
next_free_number(CrmRow *row, const CrmDocument *document)
{
	char	   *number;

	do
		number = core_next_number(row->org, document->series);
	while (core_is_gapless(row->org, document->series) &&
		   is_in_use(core_organization_of(row->rel), document, number));	/* whatever it is called by now */
	return number;
}

static bool
is_in_use(CrmOrganization *org, const CrmDocument *document, const char *number)
{
	static const Oid types[CRM_MAX_ARGS] = {TEXTOID};
	const char *table = document->entity.name;
	CrmValue	args[] = {core_text_value(number)};
	bool		is_found;

	SPI_connect();
	is_found = core_run_newest_as_owner(org, core_intern(psprintf("SELECT 1 FROM @%s WHERE %s = $1 LIMIT 1", table, document->number), types),
										table, args) > 0;
	SPI_finish();
	return is_found;
}

/* fill_addresses bills and ships to the account, else the contact, unless told otherwise. */
static void
fill_addresses(CrmRow *row)
{
	static const char *const suffixes[] = {
		"name", "line1", "line2", "line3", "city", "state_or_province",
		"postal_code", "country", "phone", "fax"
	};
	CrmValue	args[] = {
		CRM_ID(row_int8(row, "account_id")), CRM_ID(row_int8(row, "contact_id"))
	};
	MemoryContext caller = CurrentMemoryContext;
	uint64		found;

	SPI_connect();
	found = core_run(row->org, &read_addresses, args);
	MemoryContextSwitchTo(caller);
	for (int i = 0; found > 0 && i < lengthof(suffixes); i++)
	{
		take_text(row, psprintf("bill_to_%s", suffixes[i]), core_result_text(0, i + 1));
		take_text(row, psprintf("ship_to_%s", suffixes[i]), core_result_text(0, i + 1));
	}
	if (found > 0)
	{
		take_text(row, "payment_terms", core_result_text(0, 11));
		take_text(row, "freight_terms", core_result_text(0, 12));
		take_text(row, "shipping_method", core_result_text(0, 13));
		take_text(row, "bill_to_contact_name", core_result_text(0, 14));
		take_text(row, "ship_to_contact_name", core_result_text(0, 14));
	}
	SPI_finish();
}

static void
take_text(CrmRow *row, const char *column, char *text)
{
	if (text && row_is_null(row, column))
		row_set_text(row, column, text);
}

static DateADT
date_of(const CrmRow *row, const char *column)
{
	return DatumGetDateADT(row_datum_as(row, column, DATEOID));
}

/* days_after adds days to a date; beyond what a date can hold it is refused. */
static Datum
days_after(const CrmRow *row, const char *column, int days)
{
	return DirectFunctionCall2(date_pli, DateADTGetDatum(date_of(row, column)), Int32GetDatum(days));
}

/* fill_validity makes a new quote valid from today for quote_validity_days. */
static void
fill_validity(CrmRow *row)
{
	const char *days = core_setting(row->org, "quote_validity_days");

	if (!ROW_IS_INSERT(row) || core_import_mode)
		return;
	if (row_is_null(row, "effective_from"))
		row_set_as(row, "effective_from", DATEOID, row_is_null(row, "effective_to")
				? core_today(row->org)
				: DateADTGetDatum(Min(DatumGetDateADT(core_today(row->org)),
									  date_of(row, "effective_to"))));
	if (row_is_null(row, "effective_to") && days && atoi(days) > 0)
		row_set_as(row, "effective_to", DATEOID, days_after(row, "effective_from", atoi(days)));
}

/* fill_due_date dates a new invoice today and makes it due by its payment terms, in 30 days by default. */
static void
fill_due_date(CrmRow *row)
{
	const CrmTerms *terms;

	if (row_is_null(row, "invoice_date"))
		row_set_as(row, "invoice_date", DATEOID, core_today(row->org));
	if (!ROW_IS_INSERT(row))
		return;
	terms = document_terms(row->org, row_text(row, "payment_terms"));
	if (row_is_null(row, "due_date"))
		row_set_as(row, "due_date", DATEOID, days_after(row, "invoice_date", terms ? terms->net_days : 30));
	if (terms && terms->has_discount)
		fill_early_payment(row, terms);
}

/* fill_early_payment freezes what a new invoice saves when it is paid early; a credit note saves nothing. */
static void
fill_early_payment(CrmRow *row, const CrmTerms *terms)
{
	char	   *type = row_text(row, "invoice_type");

	if (!row_is_null(row, "early_payment_date") || (type && strcmp(type, "credit_note") == 0))
		return;
	row_set_as(row, "early_payment_date", DATEOID, days_after(row, "invoice_date", terms->discount_days));
	row_set(row, "early_payment_percentage", terms->percentage);
}

/* check_order_of_dates refuses a span that ends before it starts. */
static void
check_order_of_dates(CrmRow *row, const char *first, const char *second, const char *constraint)
{
	if (row_is_null(row, first) || row_is_null(row, second) ||
		date_of(row, first) <= date_of(row, second))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("%s must not be before %s", second, first),
			 errdetail("%s is %s, %s is %s.",
					   first, core_date_text(DateADTGetDatum(date_of(row, first))),
					   second, core_date_text(DateADTGetDatum(date_of(row, second)))),
			 errhint("Correct one of the two dates."),
			 errtablecol(row->rel, row_column(row, second) + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
}

/* delete_drafts lets the draft quotes of a deal go with it. */
static void
delete_drafts(CrmOrganization *org, int64 opportunity_id)
{
	CrmValue	args[] = {CRM_INT8(opportunity_id)};

	SPI_connect();
	core_run(org, &delete_draft_quotes, args);
	SPI_finish();
}
