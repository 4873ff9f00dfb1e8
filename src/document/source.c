/*
 * source.c
 *	  The lines that lines were made from: a line that names one belongs to the
 *	  document that its own header comes from.
 *
 * Calls write these links themselves; this is for lines by hand and imported
 * ones. Order lines are counted by the invoice lines that name them, so those
 * are of the same product, unit and kind too.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

/* Where lines may come from: their column, the table of those lines, their document, and what a header calls it. */
typedef struct Source
{
	const char *column;
	const char *lines;
	const char *lines_key;
	const char *header;
	const char *header_key;
	const char *link;
	bool		is_counted;		/* what names such a line counts on it */
} Source;

/* columns of the query of a source */
enum
{
	COL_HEADER = 1,
	COL_STATE,
	COL_BELONGS,
	COL_CUSTOMER_FITS,
	COL_CURRENCY,
	COL_OUR_CURRENCY,
	COL_PRODUCT,
	COL_UNIT,
	COL_KIND,
	COL_IS_DOWN_PAYMENT
};

static bool is_to_check(const CrmRow *row, const Source *source);
static void check_source(CrmRow *row, const CrmDocument *document, const Source *source);
static CrmStatement *find_source(const CrmDocument *document, const Source *source);
static void check_fit(CrmRow *row, const CrmDocument *document, const Source *source);
static void check_counted(CrmRow *row, const CrmDocument *document, const Source *source);
static void refuse_line(CrmRow *row, const Source *source, int code, const char *message,
						const char *detail, const char *hint) pg_attribute_noreturn();
static void add_check(const CrmDocument *document, const Source *source);

static const Source sources[] = {
	{"opportunity_product_id", "opportunity_product", "opportunity_product_id", "opportunity", "opportunity_id", "opportunity_id", false},
	{"quote_product_id", "quote_product", "quote_product_id", "quote", "quote_id", "quote_id", false},
	{"sales_order_product_id", "sales_order_product", "sales_order_product_id", "sales_order", "sales_order_id", "sales_order_id", true},
	{"credited_invoice_product_id", "invoice_product", "invoice_product_id", "invoice", "invoice_id", "credited_invoice_id", false}
};

/* document_check_source refuses a line by hand, or imported, that names a line of another document than its own comes from. */
void
document_check_source(CrmRow *row, const CrmTicket *ticket, const CrmDocument *document)
{
	for (int i = 0; ticket == NULL && i < lengthof(sources); i++)
	{
		if (strcmp(sources[i].column, document->lines.entity.key) != 0 && is_to_check(row, &sources[i]))
			check_source(row, document, &sources[i]);
	}
}

/* is_to_check tells whether a row names such a line anew, or changes what must fit it. */
static bool
is_to_check(const CrmRow *row, const Source *source)
{
	if (row_is_null(row, source->column))
		return false;
	return ROW_IS_INSERT(row) || row_changed(row, source->column) ||
		(source->is_counted && (row_changed(row, "product_id") || row_changed(row, "unit_id") || row_changed(row, "line_kind")));
}

static void
check_source(CrmRow *row, const CrmDocument *document, const Source *source)
{
	int64		id = row_int8(row, source->column);
	CrmValue	args[] = {CRM_INT8(id), CRM_INT8(row_int8(row, document->entity.key))};

	SPI_connect();
	if (core_run_newest(row->org, find_source(document, source), args) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("%s %lld does not exist", source->lines, (long long) id),
				 errdetail("Tables \"%s\" and \"%s\" show you no such line with its document.", source->lines, source->header),
				 errhint("Check %s, and your row rights.", source->column),
				 errtablecol(row->rel, row_column(row, source->column) + 1)));
	check_fit(row, document, source);
	if (source->is_counted)
		check_counted(row, document, source);
	SPI_finish();
}

/* find_source writes the query of a line of a source ($1) and of the header that is to come from its document ($2). */
static CrmStatement *
find_source(const CrmDocument *document, const Source *source)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, INT8OID};
	bool		is_invoice = document == &document_invoice;
	bool		is_own_link = strcmp(source->link, document->entity.key) != 0;

	return core_intern(psprintf("SELECT s.%1$s, s.state, %2$s, " DOCUMENT_CUSTOMER_FITS ", s.currency_code, t.currency_code, "
								"l.product_id, l.unit_id, l.line_kind, %3$s "
								"FROM @%4$s l JOIN @%5$s s ON s.%1$s = l.%1$s JOIN @%6$s t ON t.%7$s = $2 WHERE l.%8$s = $1",
								source->header_key,
								is_own_link ? psprintf("t.%1$s IS NULL OR t.%1$s = s.%2$s", source->link, source->header_key) : "true",
								is_invoice ? "t.invoice_type = 'down_payment'" : "false",
								source->lines, source->header, document->entity.name, document->entity.key,
								source->lines_key), types);
}

/* check_fit refuses a line of another document, of another customer, or in another currency. */
static void
check_fit(CrmRow *row, const CrmDocument *document, const Source *source)
{
	char	   *detail = psprintf("Line %lld of \"%s\" belongs to %s %lld, the new line to %s %lld.",
								  (long long) row_int8(row, source->column), source->lines, source->header,
								  (long long) core_result_int8(0, COL_HEADER), document->entity.name,
								  (long long) row_int8(row, document->entity.key));

	if (!core_result_bool(0, COL_BELONGS))
		refuse_line(row, source, ERRCODE_CHECK_VIOLATION,
					psprintf("the line comes from another %s than its %s", source->header, document->entity.label), detail,
					psprintf("Name a line of the %s that stands in %s of the %s, or leave %s out.",
							 source->header, source->link, document->entity.label, source->column));
	if (!core_result_bool(0, COL_CUSTOMER_FITS))
		refuse_line(row, source, ERRCODE_CHECK_VIOLATION, "the line comes from a document of another customer", detail,
					psprintf("Name a line of a document of the same customer, or leave %s out.", source->column));
	if (strcmp(core_result_name(0, COL_CURRENCY), core_result_name(0, COL_OUR_CURRENCY)) != 0)
		refuse_line(row, source, ERRCODE_CRM_CURRENCY_MISMATCH,
					psprintf("the line comes from a document in %s, its own is in %s",
							 core_result_name(0, COL_CURRENCY), core_result_name(0, COL_OUR_CURRENCY)), detail,
					psprintf("Name a line of a document in the same currency, or leave %s out.", source->column));
}

/* check_counted refuses a line that would count on an order line without being of its kind, or on one of a canceled order. */
static void
check_counted(CrmRow *row, const CrmDocument *document, const Source *source)
{
	int64		id = row_int8(row, source->column);
	char	   *kind = row_text(row, "line_kind");
	char	   *detail;

	if (core_result_bool(0, COL_IS_DOWN_PAYMENT))
		refuse_line(row, source, ERRCODE_CHECK_VIOLATION, "a down payment bills no line of an order",
					psprintf("%s is of type down_payment.", lifecycle_called(&document->entity, row_int8(row, document->entity.key))),
					psprintf("Leave %s out.", source->column));
	detail = psprintf("Line %lld is of kind %s, product %lld and unit %lld; this one of kind %s, product %lld and unit %lld.",
					  (long long) id, core_result_name(0, COL_KIND), (long long) core_result_int8(0, COL_PRODUCT),
					  (long long) core_result_int8(0, COL_UNIT), kind ? kind : "", (long long) row_int8(row, "product_id"),
					  (long long) row_int8(row, "unit_id"));
	if (core_result_int8(0, COL_PRODUCT) != row_int8(row, "product_id") ||
		core_result_int8(0, COL_UNIT) != row_int8(row, "unit_id") ||
		kind == NULL || strcmp(core_result_name(0, COL_KIND), kind) != 0)
		refuse_line(row, source, ERRCODE_CHECK_VIOLATION,
					"the line bills an order line of another product, unit or kind", detail,
					psprintf("Give product_id, unit_id and line_kind of the order line, or leave %s out. "
							 "A line that bills one already: delete it and insert another.", source->column));
	if (!core_import_mode && strcmp(core_result_name(0, COL_STATE), "canceled") == 0)
		document_refuse_unfit(row->org, &id, 1);
}

/* refuse_line raises what a CHECK of the link would, with a way out. */
static void
refuse_line(CrmRow *row, const Source *source, int code, const char *message, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("%s", hint),
			 errtablecol(row->rel, row_column(row, source->column) + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME,
								psprintf("%s_%s_check", RelationGetRelationName(row->rel), source->column))));
}

/* document_add_source_checks adds for verify() what is checked of lines by hand, of all lines. */
void
document_add_source_checks(void)
{
	add_check(&document_quote, &sources[0]);
	add_check(&document_order, &sources[0]);
	add_check(&document_order, &sources[1]);
	for (int i = 0; i < lengthof(sources); i++)
	{
		if (i != 1)
			add_check(&document_invoice, &sources[i]);
	}
}

/*
 * add_check looks for lines that name one of another document or currency;
 * where they count on it, in documents that live, of another customer, product,
 * unit or kind too. Each row is looked up by its key, whatever the planner
 * takes the tables for.
 */
static void
add_check(const CrmDocument *document, const Source *source)
{
	core_add_check("source_of_line", document->lines.entity.name, psprintf(
		"SELECT i.%1$s, 'comes from line ' || l.%2$s || ' of %3$s ' || s.%4$s || ', which does not fit' FROM @%5$s i, "
		"LATERAL (SELECT * FROM @%6$s WHERE %7$s = i.%7$s OFFSET 0) t, LATERAL (SELECT * FROM @%8$s WHERE %2$s = i.%9$s OFFSET 0) l, "
		"LATERAL (SELECT * FROM @%3$s WHERE %4$s = l.%4$s OFFSET 0) s WHERE t.%10$s <> s.%4$s OR t.currency_code <> s.currency_code%11$s",
		document->lines.entity.key, source->lines_key, source->header, source->header_key, document->lines.entity.name,
		document->entity.name, document->entity.key, source->lines, source->column, source->link,
		source->is_counted ? " OR t.state <> 'canceled' AND (t.invoice_type = 'down_payment' "
		"OR NOT coalesce(" DOCUMENT_CUSTOMER_FITS ", false) AND " DOCUMENT_IS_OWED("t") " OR (i.product_id, i.unit_id, i.line_kind) "
		"IS DISTINCT FROM (l.product_id, l.unit_id, l.line_kind) AND i.credited_invoice_product_id IS NULL "
		"AND i.quantity <> i.quantity_credited AND l.quantity_invoiced <> 0)" : ""));
}
