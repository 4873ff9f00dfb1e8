/*
 * alternative.c
 *	  Optional and alternative lines of a quote: shown, not summed, and chosen
 *	  by the customer when he accepts (D§1.5).
 *
 * An alternative may stand in for a standard line of its quote: choosing it
 * leaves that line out of the order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

static void refuse_choice(const char *message, int64 quote_id, int32 line_number, const char *hint);

static CrmStatement find_wrong = {
	.sql = "SELECT a.quote_product_id, a.line_kind, a.quote_id, s.quote_product_id, s.line_kind, s.quote_id "
	"FROM @quote_product a JOIN @quote_product s ON s.quote_product_id = a.alternative_to_id "
	"WHERE (a.quote_product_id = $1 OR a.alternative_to_id = $1) "
	"AND (a.line_kind <> 'alternative' OR s.line_kind <> 'standard' OR s.quote_id <> a.quote_id) LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement count_chosen = {
	.sql = "SELECT count(*), min(l.line_number) FILTER (WHERE l.line_kind NOT IN ('optional', 'alternative')), "
	"(SELECT min(s.line_number) FROM @quote_product s WHERE s.quote_product_id IN ("
	"SELECT a.alternative_to_id FROM @quote_product a WHERE a.quote_id = $1 AND a.quote_product_id = ANY ($2) "
	"GROUP BY a.alternative_to_id HAVING count(*) > 1)) "
	"FROM @quote_product l WHERE l.quote_id = $1 AND l.quote_product_id = ANY ($2)",
	.argtypes = {INT8OID, INT8ARRAYOID}
};

PG_FUNCTION_INFO_V1(document_check_alternative);

/*
 * document_check_alternative is the AFTER row trigger of a quote's line that
 * stands in for another, or that others may stand in for and that changes.
 */
Datum
document_check_alternative(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW,
		.events = CRM_ON_INSERT | CRM_ON_UPDATE, .table = "quote_product"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *row = core_row(trigdata);
	CrmValue	args[] = {CRM_INT8(row_int8(row, "quote_product_id"))};

	SPI_connect();
	if (core_run(row->org, &find_wrong, args) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("only an alternative line stands in for another, for a standard line of its own quote"),
				 errdetail("Line %lld (%s, quote %lld) stands in for line %lld (%s, quote %lld).",
						   (long long) core_result_int8(0, 1), core_result_text(0, 2), (long long) core_result_int8(0, 3),
						   (long long) core_result_int8(0, 4), core_result_text(0, 5), (long long) core_result_int8(0, 6)),
				 errhint("Set line_kind to alternative, or alternative_to_id to a standard line of the same quote or to NULL."),
				 errtablecol(row->rel, row_column(row, "alternative_to_id") + 1),
				 err_generic_string(PG_DIAG_CONSTRAINT_NAME, "quote_product_alternative_check")));
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* document_check_chosen refuses lines that cannot be chosen, or not together. */
void
document_check_chosen(CrmOrganization *org, int64 quote_id, const int64 *ids, int n)
{
	CrmValue	args[] = {CRM_INT8(quote_id), CRM_DATUM(core_int8_array(ids, n))};

	if (n == 0)
		return;
	core_run(org, &count_chosen, args);
	if (core_result_int8(0, 1) != n)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("quote_product_ids names lines that are not of quote %lld", (long long) quote_id),
				 errdetail("Of %d keys %lld are its lines.", n, (long long) core_result_int8(0, 1)),
				 errhint("Give each optional or alternative line of this quote at most once."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "quote_product")));
	if (core_result_text(0, 2))
		refuse_choice("a line that is neither optional nor alternative cannot be chosen", quote_id,
					  core_result_int4(0, 2), "Leave it out: standard lines and notes are part of the order anyway.");
	if (core_result_text(0, 3))
		refuse_choice("two alternatives of one line cannot be chosen together", quote_id,
					  core_result_int4(0, 3), "Choose one of them.");
}

static void
refuse_choice(const char *message, int64 quote_id, int32 line_number, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message),
			 errdetail("Quote %lld, line %d.", (long long) quote_id, line_number),
			 errhint("%s", hint),
			 err_generic_string(PG_DIAG_TABLE_NAME, "quote_product")));
}
