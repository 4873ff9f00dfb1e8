/*
 * convert.c
 *	  Makes a document from another record: header and lines are copied by
 *	  column_map, prices as they stand (D§3.4, §3.5, §3.6).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "document/document.h"

/* The lines that are to be copied. */
typedef struct LineCopy
{
	int64	   *source_ids;
	int64	   *target_ids;
	Datum	   *quantities;
	int			n;
	bool		is_whole;		/* every line, with its full quantity: sums are known */
	bool		has_others;		/* other invoices of the order that is invoiced, down payments and credit notes among them */
	CrmLineContext context;
} LineCopy;

static void settle_type(CrmOrganization *org, int64 invoice_id);
static void read_lines(CrmOrganization *org, const CrmConversion *conversion, int64 source_id,
					   const int64 *chosen, int n_chosen, LineCopy *copy);
static void check_left_out(int64 line_id, const int64 *chosen, int n_chosen);
static char *build_read(CrmOrganization *org, const void *argument);
static void copy_header(CrmOrganization *org, const CrmConversion *conversion, int64 source_id,
						int64 target_id, int64 argument, const LineCopy *copy);
static char *build_header(CrmOrganization *org, const void *argument);
static void copy_lines(CrmOrganization *org, const CrmConversion *conversion,
					   int64 target_id, LineCopy *copy);
static char *build_lines(CrmOrganization *org, const void *argument);
static char *build_parts(CrmOrganization *org, const void *argument);
static char *line_insert(CrmOrganization *org, const CrmConversion *conversion,
						 const CrmOverride *overrides, int n, const char *rounding, const char *from);
/* A line of the offer itself, unless an alternative that is chosen stands in for it; members go with their bundle. */
#define STAYS \
	"l.line_kind IN ('standard', 'note') AND NOT EXISTS (SELECT FROM @quote_product r " \
	"WHERE r.alternative_to_id IN (l.bundle_line_id, CASE WHEN l.product_type <> 'required_bundle_member' THEN l.quote_product_id END) " \
	"AND r.quote_product_id = ANY ($2))"
#define CHOSEN "coalesce(l.bundle_line_id, l.quote_product_id) = ANY ($2)"


static CrmStatement turn_negative = {
	.sql = "UPDATE @invoice SET invoice_type = 'credit_note', early_payment_date = NULL, early_payment_percentage = NULL "
	"WHERE invoice_id = $1 AND total_amount < 0",
	.argtypes = {INT8OID}
};
static const Oid read_types[CRM_MAX_ARGS] = {INT8OID, INT8ARRAYOID, NUMERICARRAYOID};
static const Oid header_types[CRM_MAX_ARGS] = {INT8OID, INT8OID, INT8OID, BOOLOID};
static const Oid lines_types[CRM_MAX_ARGS] = {INT8OID, INT8ARRAYOID, INT8ARRAYOID, NUMERICARRAYOID, BOOLOID, INT4OID, BOOLOID};

const CrmConversion document_revision = {
	.source = "quote", .source_key = "quote_id",
	.source_lines = "quote_product", .source_line_key = "quote_product_id",
	.target = &document_quote,
	.links = "opportunity_id, quote_number, revision_number",
	.link_values = "s.opportunity_id, s.quote_number, $3::integer",
	.made_by = "revise_quote"
};
const CrmConversion document_order_from_quote = {
	.source = "quote", .source_key = "quote_id",
	.source_lines = "quote_product", .source_line_key = "quote_product_id",
	.target = &document_order,
	.links = "opportunity_id, quote_id, is_price_locked",
	.link_values = "s.opportunity_id, s.quote_id, true",
	.made_by = "create_order_from_quote", .for_customer = true
};
const CrmConversion document_invoice_from_order = {
	.source = "sales_order", .source_key = "sales_order_id",
	.source_lines = "sales_order_product", .source_line_key = "sales_order_product_id",
	.target = &document_invoice,
	.links = "opportunity_id, sales_order_id, is_price_locked",
	.link_values = "s.opportunity_id, s.sales_order_id, true",
	.made_by = "create_invoice_from_order", .is_rest = true,
	.taken = "SELECT i.quantity, CASE WHEN $7 AND i.tax_details IS NOT NULL THEN i.extended_amount "
	"ELSE i.extended_amount - i.tax_amount END, i.tax_amount, i.manual_discount_amount "
	"FROM @invoice_product i JOIN @invoice v USING (invoice_id) "
	"WHERE i.sales_order_product_id = s.sales_order_product_id AND v.state <> 'canceled' "
	"AND " DOCUMENT_BILLS,
	.is_last = true, .is_final = true, .finish = document_finish_invoice
};
const CrmConversion document_credit_of_invoice = {
	.source = "invoice", .source_key = "invoice_id",
	.source_lines = "invoice_product", .source_line_key = "invoice_product_id",
	.target = &document_invoice,
	.links = "invoice_type, opportunity_id, sales_order_id, credited_invoice_id, is_price_locked",
	.link_values = "'credit_note', s.opportunity_id, s.sales_order_id, s.invoice_id, true",
	.line_links = "credited_invoice_product_id, opportunity_product_id, sales_order_product_id, down_payment_invoice_id",
	.line_link_values = "s.invoice_product_id, s.opportunity_product_id, s.sales_order_product_id, s.down_payment_invoice_id",
	.made_by = "create_credit_note", .is_credit = true,
	.taken = "SELECT -i.quantity, CASE WHEN $7 AND i.tax_details IS NOT NULL THEN -i.extended_amount "
	"ELSE i.tax_amount - i.extended_amount END, -i.tax_amount, -i.manual_discount_amount "
	"FROM @invoice_product i JOIN @invoice v USING (invoice_id) "
	"WHERE i.credited_invoice_product_id = s.invoice_product_id AND v.state <> 'canceled'",
	.finish = document_finish_credit
};

/*
 * document_convert makes the target from a source that the caller has locked
 * and checked, and returns its key; 0 when the rest to invoice is nothing.
 */
int64
document_convert(CrmOrganization *org, const CrmConversion *conversion,
				 int64 source_id, int64 argument, const int64 *chosen, int n_chosen)
{
	CrmDocument *target = conversion->target;
	LineCopy	copy;
	int64		target_id;

	read_lines(org, conversion, source_id, chosen, n_chosen, &copy);
	if (conversion->is_rest && copy.n == 0)
		return 0;
	target_id = core_next_id(org, target->entity.name, target->entity.key);
	copy_header(org, conversion, source_id, target_id, argument, &copy);
	if (copy.n > 0)
		copy_lines(org, conversion, target_id, &copy);
	if (conversion->finish && (!copy.is_whole || copy.has_others))
		conversion->finish(org, conversion, source_id, target_id);
	if (target == &document_invoice && !conversion->is_credit)
		settle_type(org, target_id);
	return target_id;
}

/* settle_type makes an invoice that pays out a credit note: sign and type agree. */
static void
settle_type(CrmOrganization *org, int64 invoice_id)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "invoice", .ids = &invoice_id, .n = 1};
	CrmValue	args[] = {CRM_INT8(invoice_id)};

	lifecycle_run(org, &ticket, &turn_negative, args);
}

/* read_lines finds the lines to copy, and whether they are the whole document. */
static void
read_lines(CrmOrganization *org, const CrmConversion *conversion, int64 source_id,
		   const int64 *chosen, int n_chosen, LineCopy *copy)
{
	CrmStatement *statement = lifecycle_mapped(org, psprintf("read %s for %s%s", conversion->source_lines,
															 conversion->target->entity.name,
															 conversion->parts ? " in part" : ""),
											   read_types, build_read, conversion);
	const CrmParts *parts = conversion->parts;
	CrmValue	args[] = {
		CRM_INT8(source_id),
		CRM_DATUM(parts ? core_int8_array(parts->ids, parts->n) : core_int8_array(chosen, n_chosen)),
		parts ? CRM_DATUM(document_quantities(parts)) : CRM_NULL
	};
	uint64		n = core_run(org, statement, args);
	CrmDocument *target = conversion->target;

	memset(copy, 0, sizeof(LineCopy));
	copy->source_ids = palloc(sizeof(int64) * Max(n, 1));
	copy->target_ids = palloc(sizeof(int64) * Max(n, 1));
	copy->quantities = palloc(sizeof(Datum) * Max(n, 1));
	copy->is_whole = !conversion->is_credit;
	copy->context.is_copy = true;
	for (uint64 i = 0; i < n; i++)
	{
		copy->context.decimals = core_result_int4(i, 4);
		copy->context.is_per_unit = core_result_bool(i, 5);
		copy->context.amount = core_result_number(i, 7);
		copy->context.discount = core_result_number(i, 8);
		copy->context.tax = core_result_number(i, 9);
		copy->context.has_error = core_result_bool(i, 10);
		pricing_read_tax_method(&copy->context, i, 11);
		copy->has_others = core_result_bool(i, 13);
		if (!core_result_bool(i, 3))
			copy->is_whole = false;
		if (!core_result_bool(i, 6))
		{
			check_left_out(core_result_int8(i, 1), chosen, n_chosen);
			continue;
		}
		copy->source_ids[copy->n] = core_result_int8(i, 1);
		copy->quantities[copy->n] = core_result_number(i, 2);
		copy->target_ids[copy->n] = core_next_id(org, target->lines.entity.name,
												 target->lines.entity.key);
		copy->n++;
	}
	copy->context.source_ids = copy->source_ids;
	copy->context.target_ids = copy->target_ids;
	copy->context.n_copied = copy->n;
	copy->context.has_known_totals = copy->is_whole;
}

/* check_left_out refuses to choose a member of a bundle that is not chosen itself. */
static void
check_left_out(int64 line_id, const int64 *chosen, int n_chosen)
{
	for (int i = 0; i < n_chosen; i++)
	{
		if (chosen[i] == line_id)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a member of a bundle cannot be chosen without its bundle"),
					 errdetail("Line %lld is chosen, the line of its bundle is not.", (long long) line_id),
					 errhint("Give the key of the bundle's line: its members come along.")));
	}
}

/*
 * build_read writes the query of the lines: key, quantity, whether whole,
 * context, whether copied, totals, whether the order has other invoices.
 */
static char *
build_read(CrmOrganization *org, const void *argument)
{
	const CrmConversion *conversion = argument;
	const char *quantity = "l.quantity";
	const char *is_whole = "true";
	const char *is_copied = "true";
	const char *part = "";

	if (conversion->parts)
	{
		quantity = "w.quantity";
		is_copied = "w.id IS NOT NULL";
		part = "LEFT JOIN unnest($2, $3) AS w(id, quantity) ON w.id = l.";
	}
	else if (conversion->is_rest)
	{
		/* of a required member what goes with its bundle, whose goods alone may have come back */
		quantity = "CASE WHEN l.product_type = 'required_bundle_member' THEN (SELECT CASE WHEN b.quantity = 0 THEN 0 "
			"ELSE round(l.quantity * (b.quantity - b.quantity_returned) / b.quantity, 5) END FROM @sales_order_product b "
			"WHERE b.sales_order_product_id = l.bundle_line_id) ELSE l.quantity - l.quantity_returned END - l.quantity_invoiced";
		is_copied = psprintf("CASE WHEN l.quantity >= 0 THEN %1$s > 0 ELSE %1$s < 0 END", quantity);
	}
	if (conversion->is_rest)
		is_whole = psprintf("coalesce(l.quantity_invoiced = 0 AND %s = l.quantity, false)", quantity);
	if (conversion->for_customer)
	{
		is_copied = "(" STAYS " OR " CHOSEN ")";
		is_whole = "(" STAYS " OR NOT (l.line_kind IN ('standard', 'note') OR " CHOSEN "))";
	}
	return psprintf("SELECT l.%1$s, %2$s, %3$s, c.decimals, h.discount_method = 'per_unit', %4$s, "
					"h.total_line_item_amount, h.total_line_item_discount_amount, h.total_tax, h.pricing_error <> 'none', "
					PRICING_TAX_COLUMNS ", %8$s "
					"FROM @%5$s l JOIN @%6$s h ON h.%7$s = l.%7$s "
					"JOIN @currency c ON c.currency_code = h.currency_code %9$s%10$s "
					"WHERE l.%7$s = $1 ORDER BY l.line_number, l.%1$s",
					conversion->source_line_key, quantity, is_whole, is_copied,
					conversion->source_lines, conversion->source, conversion->source_key,
					conversion->is_rest ? "EXISTS (SELECT FROM @invoice v WHERE v.sales_order_id = $1 AND v.state <> 'canceled')" : "false",
					part, conversion->parts ? conversion->source_line_key : "");
}

/* copy_header inserts the new document's header. */
static void
copy_header(CrmOrganization *org, const CrmConversion *conversion, int64 source_id,
			int64 target_id, int64 argument, const LineCopy *copy)
{
	CrmStatement *statement = lifecycle_mapped(org, psprintf("%s to %s", conversion->source,
															 conversion->target->entity.name),
											   header_types, build_header, conversion);
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = conversion->target->entity.name,
		.ids = &target_id, .n = 1, .made_by = conversion->made_by
	};
	CrmValue	args[] = {
		CRM_INT8(source_id), CRM_INT8(target_id), CRM_INT8(argument), CRM_BOOL(copy->is_whole)
	};

	if (lifecycle_run(org, &ticket, statement, args) == 0)
		core_refuse_unknown(conversion->source, source_id);
}

/*
 * build_header writes the insert of the header. A document that is copied
 * whole brings its sums; a rest brings what is left of freight and discount.
 */
static char *
build_header(CrmOrganization *org, const void *argument)
{
	const CrmConversion *conversion = argument;
	const char *target = conversion->target->entity.name;
	char	   *sources = lifecycle_map_sources(org, conversion->source, target, NULL, 0);
	const char *from = psprintf("@%s s", conversion->source);

	if (conversion->is_rest)
	{
		CrmOverride rest[] = {
			{"freight_amount", "greatest(s.rest_freight, 0)", NULL},
			{"discount_amount", "greatest(s.rest_discount, 0)", NULL}
		};

		from = "(SELECT o.*, o.freight_amount - i.freight AS rest_freight, "
			"o.discount_amount - i.discount AS rest_discount FROM @sales_order o, "
			"LATERAL (SELECT coalesce(sum(v.freight_amount), 0) AS freight, "
			"coalesce(sum(v.discount_amount), 0) AS discount FROM @invoice v "
			"WHERE v.sales_order_id = o.sales_order_id AND v.state <> 'canceled' "
			"AND v.invoice_type <> 'down_payment') i) s";
		sources = lifecycle_map_sources(org, conversion->source, target, rest, lengthof(rest));
	}
	if (conversion->is_credit)
	{
		CrmOverride none[] = {{"freight_amount", "0", NULL}, {"discount_amount", "0", NULL}};

		sources = lifecycle_map_sources(org, conversion->source, target, none, lengthof(none));
	}
	return psprintf("INSERT INTO @%s (%s, total_line_item_amount, total_line_item_discount_amount, total_tax, "
					"pricing_error, %s%s) SELECT $2, CASE WHEN $4 THEN s.total_line_item_amount ELSE 0 END, "
					"CASE WHEN $4 THEN s.total_line_item_discount_amount ELSE 0 END, "
					"CASE WHEN $4 THEN s.total_tax ELSE 0 END, CASE WHEN $4 THEN s.pricing_error ELSE 'none' END, "
					"%s%s FROM %s WHERE s.%s = $1",
					target, conversion->target->entity.key, conversion->links,
					lifecycle_map_targets(org, conversion->source, target),
					conversion->link_values, sources, from, conversion->source_key);
}

/* copy_lines inserts the new document's lines in one statement. */
static void
copy_lines(CrmOrganization *org, const CrmConversion *conversion, int64 target_id, LineCopy *copy)
{
	bool		is_part = conversion->taken && !copy->is_whole;
	CrmStatement *statement = lifecycle_mapped(org, psprintf("%s to %s%s", conversion->source_lines,
															 conversion->target->lines.entity.name,
															 is_part ? " in part" : ""),
											   lines_types, is_part ? build_parts : build_lines, conversion);
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = conversion->target->lines.entity.name,
		.ids = copy->target_ids, .n = copy->n, .made_by = conversion->made_by,
		.context = &copy->context
	};
	CrmValue	args[] = {
		CRM_INT8(target_id), CRM_DATUM(core_int8_array(copy->source_ids, copy->n)),
		CRM_DATUM(core_int8_array(copy->target_ids, copy->n)),
		CRM_DATUM(core_numeric_array(copy->quantities, copy->n)), CRM_BOOL(copy->context.is_per_unit),
		CRM_INT4(copy->context.decimals), CRM_BOOL(copy->context.tax_method == TAX_INCLUDED)
	};

	lifecycle_run(org, &ticket, statement, args);
}

/* build_lines writes the insert of whole lines; a chosen option becomes a standard line. */
static char *
build_lines(CrmOrganization *org, const void *argument)
{
	const CrmConversion *conversion = argument;
	CrmOverride overrides[] = {
		{"line_kind", "CASE WHEN s.line_kind = 'note' THEN 'note' ELSE 'standard' END", NULL}
	};

	return line_insert(org, conversion, overrides, conversion->for_customer ? 1 : 0, NULL,
					   psprintf("FROM unnest($2, $3, $4) AS w(source_id, target_id, quantity) "
								"JOIN @%s s ON s.%s = w.source_id",
								conversion->source_lines, conversion->source_line_key));
}

/*
 * build_parts writes the insert of parts of lines. Discount, tax and net
 * amount (an included tax is in it) of
 * all that is taken of a line, up to and with this part, are what the line
 * would have for that quantity; what this part takes is that less what the
 * other parts took, so that they come to the whole. Where somebody changed
 * those by more than cents, it takes its plain share.
 */
static char *
build_parts(CrmOrganization *org, const void *argument)
{
	const CrmConversion *conversion = argument;
	const char *sign = conversion->is_credit ? "-" : "";
	CrmOverride overrides[] = {
		{"quantity", psprintf("%sw.quantity", sign), NULL},
		{"tax_amount", psprintf("%sd.tax", sign), NULL},
		{"manual_discount_amount", psprintf("CASE WHEN $5 THEN s.manual_discount_amount ELSE %sd.discount END", sign), NULL}
	};

	return line_insert(org, conversion, overrides, lengthof(overrides), psprintf("%sd.rounding", sign),
					   psprintf(
		"FROM unnest($2, $3, $4) AS w(source_id, target_id, quantity) "
		"JOIN @%1$s s ON s.%2$s = w.source_id, "
		"LATERAL (SELECT count(*) AS n, coalesce(sum(x.quantity), 0) AS quantity, coalesce(sum(x.net), 0) AS net, "
		"coalesce(sum(x.tax), 0) AS tax, coalesce(sum(x.discount), 0) AS discount FROM (%3$s) AS x(quantity, net, tax, discount)) t, "
		"LATERAL (SELECT s.price_per_unit - s.volume_discount_amount AS price, t.quantity + w.quantity AS taken, "
		"%4$s AS cents, round(s.tax_amount * w.quantity / s.quantity, $6) AS tax, "
		"round(s.manual_discount_amount * w.quantity / s.quantity, $6) AS discount) p, "
		"LATERAL (SELECT CASE WHEN p.taken = s.quantity THEN s.tax_amount ELSE round(s.tax_amount * p.taken / s.quantity, $6) END - t.tax AS tax, "
		"CASE WHEN p.taken = s.quantity THEN s.manual_discount_amount ELSE round(s.manual_discount_amount * p.taken / s.quantity, $6) END - t.discount AS discount) e, "
		"LATERAL (SELECT CASE WHEN abs(e.tax - p.tax) <= p.cents THEN e.tax ELSE p.tax END AS tax, "
		"CASE WHEN abs(e.discount - p.discount) <= p.cents THEN e.discount ELSE p.discount END AS discount) f, "
		"LATERAL (SELECT round(w.quantity * p.price, $6) - CASE WHEN $5 THEN round(w.quantity * s.manual_discount_amount, $6) "
		"WHEN s.manual_discount_percentage IS NOT NULL THEN round(round(w.quantity * p.price, $6) * s.manual_discount_percentage / 100, $6) "
		"ELSE f.discount END AS plain, "
		"CASE WHEN p.taken = s.quantity THEN CASE WHEN $7 AND s.tax_details IS NOT NULL THEN s.extended_amount "
		"ELSE s.extended_amount - s.tax_amount END ELSE round(p.taken * p.price, $6) - "
		"CASE WHEN $5 THEN round(p.taken * s.manual_discount_amount, $6) "
		"WHEN s.manual_discount_percentage IS NOT NULL THEN round(round(p.taken * p.price, $6) * s.manual_discount_percentage / 100, $6) "
		"ELSE round(s.manual_discount_amount * p.taken / s.quantity, $6) END END - t.net AS exact) g, "
		"LATERAL (SELECT f.tax, f.discount, CASE WHEN abs(g.exact - g.plain) <= p.cents THEN g.exact - g.plain ELSE 0 END AS rounding) d",
		conversion->source_lines, conversion->source_line_key, conversion->taken,
		conversion->is_credit ? "'infinity'::numeric" : "2 * (t.n + 1) * power(10::numeric, -$6)"));
}

/* line_insert writes the insert of lines from rows s of the source and w of what is wanted. */
static char *
line_insert(CrmOrganization *org, const CrmConversion *conversion,
			const CrmOverride *overrides, int n, const char *rounding, const char *from)
{
	const CrmEntity *lines = &conversion->target->lines.entity;
	bool		has_copy_mark = strcmp(conversion->target->entity.name, "quote") != 0;
	bool		has_source = strcmp(conversion->source_lines, lines->name) != 0;
	StringInfoData targets;
	StringInfoData sources;

	initStringInfo(&targets);
	initStringInfo(&sources);
	if (has_source)
	{
		appendStringInfo(&targets, ", %s", conversion->source_line_key);
		appendStringInfo(&sources, ", s.%s", conversion->source_line_key);
	}
	if (has_copy_mark)
	{
		appendStringInfoString(&targets, ", is_copied");
		appendStringInfoString(&sources, ", true");
	}
	if (rounding)
	{
		appendStringInfoString(&targets, ", rounding_amount");
		appendStringInfo(&sources, ", %s", rounding);
	}
	if (conversion->line_links)
	{
		appendStringInfo(&targets, ", %s", conversion->line_links);
		appendStringInfo(&sources, ", %s", conversion->line_link_values);
	}
	return psprintf("INSERT INTO @%1$s (%2$s, %3$s, pricing_error%4$s%5$s) "
					"SELECT w.target_id, $1, s.pricing_error%6$s%7$s %8$s",
					lines->name, lines->key, conversion->target->entity.key, targets.data,
					lifecycle_map_targets(org, conversion->source_lines, lines->name), sources.data,
					lifecycle_map_sources(org, conversion->source_lines, lines->name, overrides, n), from);
}
