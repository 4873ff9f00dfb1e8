/*
 * tax_sums.c
 *	  The sums of a document whose taxes come from rules (D§4.5), and their
 *	  checks.
 *
 * Rounded on the lines, taxes sum up like typed ones. Rounded on the document,
 * the tax of each rate is summed over the lines and rounded once. An included
 * tax leaves as net what the lines come to without it.
 */
#include "postgres.h"

#include "pricing/pricing.h"

/* the tax of the document d that its lines' details give, each rate rounded once */
#define TAX_BY_RATE \
	"(SELECT coalesce(sum(r.amount), 0) FROM (SELECT round(sum((e.value ->> 'amount')::numeric), c.decimals) AS amount " \
	"FROM @%1$s l, jsonb_array_elements(l.tax_details) AS e WHERE l.%2$s = d.%2$s AND l.line_kind = 'standard' " \
	"GROUP BY e.value ->> 'tax_rate_id') r)"

/* pricing_tax_sums writes the query of a document's sums: id, amount, discount, tax, error. */
char *
pricing_tax_sums(const CrmLines *lines)
{
	return psprintf(
		"SELECT d.%2$s AS id, CASE WHEN d.tax_method = 'included' THEN n.extended - t.tax ELSE n.net END AS amount, "
		"n.discount, t.tax, n.error FROM @%3$s d JOIN @currency c ON c.currency_code = d.currency_code, "
		"LATERAL (SELECT coalesce(sum(l.extended_amount), 0) AS extended, "
		"coalesce(sum(l.extended_amount - l.tax_amount), 0) AS net, "
		"coalesce(sum(l.base_amount - l.extended_amount + "
		"CASE WHEN d.tax_method = 'included' AND l.tax_details IS NOT NULL THEN 0 ELSE l.tax_amount END), 0) AS discount, "
		"coalesce(sum(l.tax_amount), 0) AS tax, "
		"coalesce(sum(l.tax_amount) FILTER (WHERE l.tax_details IS NULL), 0) AS typed_tax, "
		"CASE WHEN bool_or(l.pricing_error <> 'none') THEN 'detail_error' ELSE 'none' END AS error "
		"FROM @%1$s l WHERE l.%2$s = d.%2$s AND l.line_kind = 'standard') n, "
		"LATERAL (SELECT CASE WHEN d.tax_rounding = 'document' THEN n.typed_tax + " TAX_BY_RATE
		" ELSE n.tax END AS tax) t WHERE d.%2$s = ANY ($1)",
		lines->entity.name, lines->header->key, lines->header->name);
}

/* pricing_add_tax_checks adds for verify(): lines' taxes are those of their details, the header's those of the lines. */
void
pricing_add_tax_checks(const CrmLines *lines)
{
	const char *line = lines->entity.name;
	const char *key = lines->header->key;
	bool		may_be_part = strcmp(lines->header->name, "invoice") == 0;	/* which takes the cents that are left */

	core_add_check("tax_of_line", line, psprintf(
		"SELECT l.%1$s_id, 'tax_amount ' || l.tax_amount || ', its details say ' || s.tax FROM @%1$s l, "
		"LATERAL (SELECT round(coalesce(sum((e.value ->> 'amount')::numeric), 0), 4) AS tax "
		"FROM jsonb_array_elements(l.tax_details) AS e) s WHERE l.tax_details IS NOT NULL AND s.tax <> l.tax_amount",
		line));
	core_add_check("tax_of_rate", line, psprintf(
		"SELECT x.id, 'tax ' || (x.detail ->> 'name') || ' is ' || (x.detail ->> 'amount') || ', its percentage says ' || x.tax FROM ("
		"SELECT l.%1$s_id AS id, e.value AS detail, %4$s AS cents, round((CASE d.tax_method WHEN 'included' THEN l.extended_amount "
		"ELSE l.extended_amount - l.tax_amount END * (e.value ->> 'percentage')::numeric)::numeric(40,20) / (100 + CASE d.tax_method WHEN 'included' "
		"THEN (SELECT sum((o.value ->> 'percentage')::numeric) FROM jsonb_array_elements(l.tax_details) AS o) ELSE 0 END), "
		"CASE d.tax_rounding WHEN 'document' THEN 10 ELSE c.decimals END) AS tax "
		"FROM @%1$s l JOIN @%3$s d USING (%2$s) JOIN @currency c USING (currency_code), jsonb_array_elements(l.tax_details) AS e "
		"WHERE l.tax_details IS NOT NULL) x WHERE abs(x.tax - (x.detail ->> 'amount')::numeric) > x.cents",
		line, key, lines->header->name, may_be_part ? "CASE WHEN l.is_copied AND d.tax_rounding = 'line' "
		"THEN (jsonb_array_length(l.tax_details) + 1) * power(10::numeric, -c.decimals) ELSE 0 END" : "0"));
	core_add_check("tax_of_typed_document", line, psprintf(
		"SELECT l.%1$s_id, 'has tax_details, but its document has its tax typed' FROM @%1$s l JOIN @%3$s d USING (%2$s) "
		"WHERE d.tax_method = 'typed' AND l.tax_details IS NOT NULL",
		line, key, lines->header->name));
	core_add_check("total_tax", lines->header->name, psprintf(
		"SELECT d.%2$s, 'total_tax ' || d.total_tax || ', its lines say ' || t.tax FROM @%3$s d "
		"JOIN @currency c ON c.currency_code = d.currency_code, LATERAL (SELECT coalesce(sum(l.tax_amount) "
		"FILTER (WHERE d.tax_rounding = 'line' OR l.tax_details IS NULL), 0) + "
		"CASE d.tax_rounding WHEN 'line' THEN 0 ELSE " TAX_BY_RATE " END AS tax "
		"FROM @%1$s l WHERE l.%2$s = d.%2$s AND l.line_kind = 'standard') t WHERE t.tax <> d.total_tax",
		line, key, lines->header->name));
}
