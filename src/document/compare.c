/*
 * compare.c
 *	  What differs between two quotes: their headers and their lines.
 *
 * Rows are compared as jsonb, so that columns of the DBA's own count too.
 * Keys, stamps, states and sums of sums are left out.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "document/document.h"

#define STAMPS "created_at,created_by,modified_at,modified_by,row_version"

#define NOT_COMPARED_IN_QUOTE \
	"'{quote_id,quote_number,revision_number,closed_on,state,status_reason,exchange_rate," \
	"total_line_item_discount_amount,total_amount_less_freight,total_amount_base," STAMPS "}'::text[]"

#define NOT_COMPARED_IN_LINE \
	"'{quote_product_id,quote_id,line_number,opportunity_product_id,alternative_to_id,bundle_line_id," \
	"product_association_id,base_amount,tax_details," STAMPS "}'::text[]"

/* Columns of both sides of a pair that are not the same; numbers with their difference. */
#define CHANGES \
	"SELECT c.part, c.line_number, c.item, k.key, c.a ->> k.key, c.b ->> k.key, " \
	"CASE WHEN jsonb_typeof(c.a -> k.key) = 'number' AND jsonb_typeof(c.b -> k.key) = 'number' AND k.key NOT LIKE '%\\_id' " \
	"THEN (c.b ->> k.key)::numeric - (c.a ->> k.key)::numeric END " \
	"FROM pair c, LATERAL jsonb_object_keys(c.a) AS k(key) WHERE c.a -> k.key IS DISTINCT FROM c.b -> k.key AND c.b IS NOT NULL "

static CrmStatement find_quote = {
	.sql = "SELECT 1 FROM @quote WHERE quote_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement find_differences = {
	.sql = "WITH line AS (SELECT l.quote_id, l.line_number, coalesce(p.name, l.product_description) AS item, "
	"m.same, row_number() OVER (PARTITION BY l.quote_id, m.same ORDER BY l.line_number, l.quote_product_id) AS n, "
	"to_jsonb(l) - " NOT_COMPARED_IN_LINE " || jsonb_build_object('alternative_to', coalesce(sp.name, s.product_description)) AS columns "
	"FROM @quote_product l LEFT JOIN @product p ON p.product_id = l.product_id "
	"LEFT JOIN @quote_product s ON s.quote_product_id = l.alternative_to_id "
	"LEFT JOIN @product sp ON sp.product_id = s.product_id, "
	"LATERAL (SELECT jsonb_build_array(l.line_kind, l.product_id, l.unit_id, CASE WHEN l.product_id IS NULL THEN l.product_description END) AS same) m "
	"WHERE l.quote_id IN ($1, $2)), "
	"pair AS (SELECT 'header' AS part, NULL::integer AS line_number, NULL::text AS item, "
	"to_jsonb(x) - " NOT_COMPARED_IN_QUOTE " AS a, to_jsonb(y) - " NOT_COMPARED_IN_QUOTE " AS b "
	"FROM @quote x, @quote y WHERE x.quote_id = $1 AND y.quote_id = $2 "
	"UNION ALL SELECT 'line', coalesce(y.line_number, x.line_number), coalesce(y.item, x.item), x.columns, y.columns "
	"FROM (SELECT * FROM line WHERE quote_id = $1) x FULL JOIN (SELECT * FROM line WHERE quote_id = $2) y "
	"ON y.same = x.same AND y.n = x.n) "
	"SELECT * FROM (" CHANGES
	"UNION ALL SELECT part, line_number, item, 'removed', a ->> 'extended_amount', NULL, -(a ->> 'extended_amount')::numeric FROM pair WHERE b IS NULL "
	"UNION ALL SELECT part, line_number, item, 'added', NULL, b ->> 'extended_amount', (b ->> 'extended_amount')::numeric FROM pair WHERE a IS NULL"
	") AS d(part, line_number, item, column_name, a_value, b_value, difference) ORDER BY part, line_number, item, column_name COLLATE \"C\"",
	.argtypes = {INT8OID, INT8OID}
};

PG_FUNCTION_INFO_V1(document_compare_quotes);

/* document_compare_quotes returns a row for each column, and each line, in which two quotes differ. */
Datum
document_compare_quotes(PG_FUNCTION_ARGS)
{
	CrmValue	args[] = {
		CRM_INT8(core_id_argument(fcinfo, 0, "a")), CRM_INT8(core_id_argument(fcinfo, 1, "b"))
	};
	CrmOrganization *org;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin_reading();
	for (int i = 0; i < lengthof(args); i++)
	{
		if (core_run(org, &find_quote, &args[i]) == 0)
			core_refuse_unknown("quote", DatumGetInt64(args[i].value));
	}
	core_run_fixed(org, &find_differences, args);
	return core_end_rows(fcinfo);
}
