/*
 * verify.c
 *	  The invariants of deals and documents, for verify().
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "document/document.h"

static void add_sums(const CrmEntity *header, const CrmLines *lines);
static void add_history(const char *entity);

static CrmCheck checks[] = {
	{"half_qualified_lead", "lead", {
			.sql = "SELECT l.lead_id, 'qualified, but its opportunity or customer is not there' FROM @lead l "
			"WHERE l.state = 'qualified' AND ("
			"(l.qualified_opportunity_id IS NOT NULL AND NOT EXISTS (SELECT FROM @opportunity o WHERE o.opportunity_id = l.qualified_opportunity_id)) "
			"OR NOT EXISTS (SELECT FROM @status_history h WHERE h.entity = 'lead' AND h.record_id = l.lead_id AND h.to_state = 'qualified') "
			"AND l.created_at >= (SELECT min(installed_at) FROM @schema_version))"}},
	{"orphan_of_qualification", "opportunity", {
			.sql = "SELECT o.opportunity_id, 'its lead ' || o.originating_lead_id || ' was never qualified' FROM @opportunity o "
			"JOIN @lead l ON l.lead_id = o.originating_lead_id WHERE l.state = 'open' "
			"AND NOT EXISTS (SELECT FROM @status_history h WHERE h.entity = 'lead' AND h.record_id = l.lead_id AND h.to_state = 'qualified')"}},
	{"won_without_closing", "opportunity", {
			.sql = "SELECT o.opportunity_id, 'closed, but no closing activity tells of it' FROM @opportunity o "
			"WHERE o.state IN ('won', 'lost') AND o.created_at >= (SELECT min(installed_at) FROM @schema_version) "
			"AND NOT EXISTS (SELECT FROM @opportunity_close c WHERE c.opportunity_id = o.opportunity_id AND c.opportunity_state = o.state)"}},
	{"open_with_actuals", "opportunity", {
			.sql = "SELECT opportunity_id, 'open, but has an actual value or date' FROM @opportunity "
			"WHERE state = 'open' AND (actual_value IS NOT NULL OR actual_close_date IS NOT NULL)"}},
	{"missing_number", "number_series", {
			.sql = "WITH gapless AS MATERIALIZED (SELECT * FROM @number_series WHERE is_gapless AND series IN ('quote', 'order', 'invoice', 'delivery')), document AS ("
			"SELECT 'quote' AS series, quote_number AS number FROM @quote UNION ALL SELECT 'order', order_number FROM @sales_order "
			"UNION ALL SELECT 'invoice', invoice_number FROM @invoice UNION ALL SELECT 'delivery', delivery_number FROM @delivery "
			"UNION ALL SELECT series, number FROM @number_void), "
			"taken AS (SELECT series, CASE WHEN digits ~ '^[0-9]{1,18}$' THEN digits::bigint END AS n FROM ("
			"SELECT g.series, substr(d.number, length(g.prefix) + 1) AS digits FROM gapless g JOIN document d "
			"ON d.series = g.series AND starts_with(d.number, g.prefix)) x) "
			"SELECT g.number_series_id, 'number ' || r.wanted || ' of series ' || g.series || ' is neither in use nor void' "
			"FROM gapless g, LATERAL generate_series(g.gapless_from, g.last_number) AS r(wanted) "
			"WHERE NOT EXISTS (SELECT FROM taken t WHERE t.series = g.series AND t.n = r.wanted)"}},
	{"series_behind", "number_series", {	/* the next document would get a number that one has */
			.sql = "WITH document AS (SELECT 'quote' AS series, quote_number AS number FROM @quote UNION ALL SELECT 'order', order_number FROM @sales_order "
			"UNION ALL SELECT 'invoice', invoice_number FROM @invoice UNION ALL SELECT 'delivery', delivery_number FROM @delivery), "
			"taken AS (SELECT s.number_series_id, max(x.digits::bigint) AS n FROM @number_series s JOIN document d "
			"ON d.series = s.series AND starts_with(d.number, s.prefix), "
			"LATERAL (SELECT substr(d.number, length(s.prefix) + 1) AS digits OFFSET 0) x WHERE x.digits ~ '^[0-9]{1,18}$' "
			"AND length(x.digits) >= s.width AND (length(x.digits) = s.width OR NOT starts_with(x.digits, '0')) GROUP BY s.number_series_id) "
			"SELECT s.number_series_id, 'series ' || s.series || ' goes on after ' || l.last || ', a document has ' || t.n "
			"FROM taken t JOIN @number_series s USING (number_series_id), LATERAL (SELECT CASE WHEN s.is_gapless THEN s.last_number "
			"ELSE (SELECT coalesce(pg_sequence_last_value(q.seqrelid), q.seqstart - 1) FROM pg_class r JOIN pg_class c ON c.relnamespace = r.relnamespace "
			"AND c.relname::text = s.sequence_name AND c.relkind = 'S' JOIN pg_sequence q ON q.seqrelid = c.oid "
			"WHERE r.oid = s.tableoid AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT') END) END AS last) l WHERE t.n > l.last"}},
	{"won_with_open_quotes", "opportunity", {	/* quotes of a deal may be made, and moved to it, after that was won; an hour is for transactions that began before */
			.sql = "SELECT o.opportunity_id, 'won, but quote ' || q.quote_number || ' revision ' || q.revision_number || ' is ' || q.state "
			"FROM @opportunity o JOIN @quote q USING (opportunity_id), LATERAL (SELECT h.changed_at FROM @status_history h "
			"WHERE h.entity = 'opportunity' AND h.record_id = o.opportunity_id ORDER BY h.status_history_id DESC LIMIT 1) s "
			"WHERE o.state = 'won' AND q.state IN ('draft', 'active') AND q.modified_at < s.changed_at - '1 hour'::interval"}},
	{"two_open_revisions", "quote", {
			.sql = "SELECT min(quote_id), quote_number || ' has ' || count(*) || ' open revisions' FROM @quote "
			"WHERE state IN ('draft', 'active') GROUP BY quote_number HAVING count(*) > 1"}},
	{"two_live_orders", "sales_order", {
			.sql = "SELECT min(sales_order_id), 'quote ' || quote_id || ' has ' || count(*) || ' live orders' FROM @sales_order "
			"WHERE quote_id IS NOT NULL AND state <> 'canceled' GROUP BY quote_id HAVING count(*) > 1"}},
	{"alternative_line", "quote_product", {
			.sql = "SELECT a.quote_product_id, a.line_kind || ' line for ' || s.line_kind || ' line ' || s.quote_product_id "
			"FROM @quote_product a JOIN @quote_product s ON s.quote_product_id = a.alternative_to_id "
			"WHERE a.line_kind <> 'alternative' OR s.line_kind <> 'standard' OR s.quote_id <> a.quote_id"}},
	{"order_of_unwon_quote", "sales_order", {
			.sql = "SELECT o.sales_order_id, 'its quote is ' || q.state FROM @sales_order o JOIN @quote q USING (quote_id) "
			"WHERE q.state <> 'won'"}},
	{"order_without_lines", "sales_order", {
			.sql = "SELECT o.sales_order_id, 'its quote has standard lines, the order none' FROM @sales_order o "
			"WHERE o.quote_id IS NOT NULL AND o.row_version = 1 AND NOT EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id) "
			"AND EXISTS (SELECT FROM @quote_product q WHERE q.quote_id = o.quote_id AND q.line_kind = 'standard')"}},
	{"invoiced_quantity", "sales_order_product", {
			.sql = "SELECT l.sales_order_product_id, 'quantity_invoiced ' || l.quantity_invoiced || ', invoices say ' || s.quantity FROM @sales_order_product l, "
			"LATERAL (SELECT coalesce(sum(i.quantity), 0) AS quantity FROM @invoice_product i JOIN @invoice v USING (invoice_id) "
			"WHERE i.sales_order_product_id = l.sales_order_product_id AND v.state <> 'canceled' "
			"AND " DOCUMENT_BILLS ") s "
			"WHERE s.quantity <> l.quantity_invoiced"}},
	{"more_than_ordered", "sales_order_product", {
			.sql = "SELECT l.sales_order_product_id, 'ordered ' || l.quantity || ', delivered ' || l.quantity_delivered || "
			"', returned ' || l.quantity_returned || ', invoiced ' || l.quantity_invoiced FROM @sales_order_product l "
			"WHERE greatest(abs(l.quantity_invoiced), abs(l.quantity_delivered)) > abs(l.quantity) * (1 + greatest((SELECT "
			"nullif(s.value, '')::numeric FROM @organization_setting s WHERE s.name = 'over_quantity_percentage'), 0) / 100) "
			"OR sign(l.quantity) * l.quantity_invoiced < 0 OR sign(l.quantity) * l.quantity_delivered < 0 "
			"OR sign(l.quantity) * l.quantity_returned < 0 OR abs(l.quantity_returned) > abs(l.quantity_delivered)"}},
	{"delivered_quantity", "sales_order_product", {
			.sql = "SELECT l.sales_order_product_id, 'delivered ' || l.quantity_delivered || ', returned ' || l.quantity_returned || "
			"', deliveries say ' || s.delivered || ' and ' || s.returned FROM @sales_order_product l, "
			"LATERAL (SELECT coalesce(sum(p.quantity) FILTER (WHERE d.delivery_type = 'delivery'), 0) AS delivered, "
			"coalesce(-sum(p.quantity) FILTER (WHERE d.delivery_type = 'return'), 0) AS returned "
			"FROM @delivery_product p JOIN @delivery d USING (delivery_id) WHERE p.sales_order_product_id = l.sales_order_product_id) s "
			"WHERE (s.delivered, s.returned) <> (l.quantity_delivered, l.quantity_returned)"}},
	{"delivery_of_another_order", "delivery", {
			.sql = "SELECT d.delivery_id, 'delivers line ' || l.sales_order_product_id || ' of order ' || l.sales_order_id FROM @delivery d "
			"JOIN @delivery_product p USING (delivery_id) JOIN @sales_order_product l USING (sales_order_product_id) "
			"WHERE l.sales_order_id <> d.sales_order_id"}},
	{"credited_quantity", "invoice_product", {
			.sql = "SELECT l.invoice_product_id, 'quantity_credited ' || l.quantity_credited || ', credit notes say ' || s.quantity FROM @invoice_product l, "
			"LATERAL (SELECT coalesce(-sum(i.quantity), 0) AS quantity FROM @invoice_product i JOIN @invoice v USING (invoice_id) "
			"WHERE i.credited_invoice_product_id = l.invoice_product_id AND v.state <> 'canceled') s "
			"WHERE s.quantity <> l.quantity_credited OR abs(l.quantity_credited) > abs(l.quantity)"}},
	{"credit_of_canceled_invoice", "invoice", {
			.sql = "SELECT c.invoice_id, 'credits ' || v.invoice_number || ', which is canceled' FROM @invoice c "
			"JOIN @invoice v ON v.invoice_id = c.credited_invoice_id WHERE c.state <> 'canceled' AND v.state = 'canceled'"}},
	{"credited_amount", "invoice", {
			.sql = "SELECT v.invoice_id, 'total ' || v.total_amount || ', wholly credited by ' || s.total FROM @invoice v, "
			"LATERAL (SELECT sum(c.total_amount) AS total, bool_and(c.modified_at = c.created_at) AS untouched, max(c.created_at) AS last "
			"FROM @invoice c WHERE c.credited_invoice_id = v.invoice_id AND c.state <> 'canceled') s "
			"WHERE s.total <> -v.total_amount AND NOT (v.tax_method = 'excluded' AND v.tax_rounding = 'document') AND s.untouched AND v.modified_at <= s.last "
			"AND NOT EXISTS (SELECT FROM @invoice_product l WHERE l.invoice_id = v.invoice_id AND l.line_kind = 'standard' "
			"AND (l.quantity <> l.quantity_credited OR (l.quantity = 0 AND l.extended_amount <> 0)))"}},
	{"deducted_down_payment", "invoice", {
			.sql = "SELECT d.invoice_id, 'total ' || d.total_amount || ', deducted ' || s.times || ' times, in all ' || s.amount FROM @invoice d, "
			"LATERAL (SELECT -coalesce(sum(l.quantity), 0) AS times, -coalesce(sum(l.extended_amount), 0) AS amount FROM @invoice_product l "
			"JOIN @invoice f USING (invoice_id) WHERE l.down_payment_invoice_id = d.invoice_id AND f.state <> 'canceled') s, "
			"LATERAL (SELECT coalesce(sum(c.total_amount), 0) AS amount FROM @invoice c WHERE c.credited_invoice_id = d.invoice_id AND c.state <> 'canceled') c "
			"WHERE s.times NOT IN (0, 1) OR s.amount <> s.times * (d.total_amount + c.amount) OR (s.times = 1 AND d.state = 'canceled') "
			"OR (s.times <> 0 AND d.invoice_type <> 'down_payment')"}},
	{"down_payment_of_order", "sales_order", {
			.sql = "SELECT o.sales_order_id, 'nothing is left to invoice, and no invoice deducts down payment ' || d.invoice_number "
			"FROM @invoice d JOIN @sales_order o USING (sales_order_id) WHERE o.state <> 'canceled' AND " DOCUMENT_NOT_DEDUCTED
			" AND EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id AND l.line_kind = 'standard') "
			"AND NOT EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id "
			"AND (l.quantity_returned <> 0 OR (" DOCUMENT_LEFT_TO_BILL ")))"}},
	{"invoices_of_order", "sales_order", {
			.sql = "SELECT o.sales_order_id, 'total ' || o.total_amount || ', its invoices come to ' || s.total FROM @sales_order o "
			"JOIN @currency c USING (currency_code), "
			"LATERAL (SELECT sum(v.total_amount) AS total, max(v.created_at) AS last, count(*) AS n, "
			"bool_and(v.modified_at = v.created_at) AS untouched "
			"FROM @invoice v WHERE v.sales_order_id = o.sales_order_id AND v.state <> 'canceled') s, "
			"LATERAL (SELECT count(*) AS n, bool_and(i.row_version = 1 OR i.quantity_credited <> 0) AS untouched "
			"FROM @invoice v JOIN @invoice_product i USING (invoice_id) WHERE v.sales_order_id = o.sales_order_id AND v.state <> 'canceled') i "
			"WHERE s.total <> o.total_amount AND NOT (o.tax_method = 'excluded' AND o.tax_rounding = 'document') AND s.untouched AND i.untouched AND o.modified_at <= s.last "
			"AND abs(s.total - o.total_amount) <= 2 * (s.n + i.n) * power(10::numeric, -c.decimals) "
			"AND NOT EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id AND l.line_kind = 'standard' "
			"AND (l.quantity <> l.quantity_invoiced OR l.quantity_returned <> 0 "
			"OR l.modified_at > (SELECT max(i.created_at) FROM @invoice_product i JOIN @invoice v USING (invoice_id) "
			"WHERE i.sales_order_product_id = l.sales_order_product_id AND v.state <> 'canceled'))) "
			"AND NOT EXISTS (SELECT FROM @sales_order_product l JOIN @invoice_product p USING (sales_order_product_id) JOIN @invoice v USING (invoice_id) "
			"WHERE l.sales_order_id = o.sales_order_id AND v.state <> 'canceled' "	/* the order was priced anew between two invoices */
			"AND (l.price_per_unit, l.volume_discount_amount, l.manual_discount_percentage, jsonb_path_query_array(l.tax_details, '$[*].percentage')) "
			"IS DISTINCT FROM (p.price_per_unit, p.volume_discount_amount, p.manual_discount_percentage, jsonb_path_query_array(p.tax_details, '$[*].percentage'))) "
			"AND EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id AND l.line_kind = 'standard')"}},
	{"billed_beyond_total", "sales_order", {	/* by invoices that calls made and nobody wrote on; a down payment comes on top until it is deducted */
			.sql = "SELECT o.sales_order_id, 'total ' || o.total_amount || ', its invoices come to ' || s.total FROM @sales_order o "
			"JOIN @currency c USING (currency_code), LATERAL (SELECT sum(v.total_amount) AS total, sum(v.freight_amount) AS freight, "
			"max(v.created_at) AS last, count(*) AS n FROM @invoice v WHERE v.sales_order_id = o.sales_order_id AND v.state <> 'canceled') s, "
			"LATERAL (SELECT count(*) AS n, coalesce(bool_and((i.is_copied OR i.down_payment_invoice_id IS NOT NULL OR i.credited_invoice_product_id IS NOT NULL "
			"OR v.invoice_type = 'down_payment') AND (i.row_version = 1 OR i.quantity_credited <> 0)), false) AS untouched "
			"FROM @invoice v JOIN @invoice_product i USING (invoice_id) WHERE v.sales_order_id = o.sales_order_id AND v.state <> 'canceled') i "
			"WHERE s.total > o.total_amount + 2 * (s.n + i.n) * power(10::numeric, -c.decimals) AND i.untouched AND s.freight <= o.freight_amount "
			"AND o.total_amount >= 0 AND o.modified_at <= s.last "
			"AND NOT EXISTS (SELECT FROM @invoice d WHERE d.sales_order_id = o.sales_order_id AND " DOCUMENT_NOT_DEDUCTED ") "
			"AND NOT EXISTS (SELECT FROM @sales_order_product l "
			"WHERE l.sales_order_id = o.sales_order_id AND (l.quantity < 0 OR l.extended_amount < 0 OR l.quantity_invoiced > l.quantity OR l.quantity_returned <> 0 OR l.modified_at > s.last "
			"OR EXISTS (SELECT FROM @invoice_product p WHERE p.sales_order_product_id = l.sales_order_product_id "	/* priced anew between two invoices */
			"AND (l.price_per_unit, l.volume_discount_amount, l.manual_discount_percentage, l.tax_category) "
			"IS DISTINCT FROM (p.price_per_unit, p.volume_discount_amount, p.manual_discount_percentage, p.tax_category))))"}},
	{"paid_amount", "invoice", {
			.sql = "SELECT v.invoice_id, 'amount_paid ' || v.amount_paid || ', saved ' || v.early_payment_discount_amount || "
			"', payments say ' || s.amount || ' and ' || s.saved FROM @invoice v, "
			"LATERAL (SELECT coalesce(sum(p.amount), 0) AS amount, coalesce(sum(p.discount_amount), 0) AS saved "
			"FROM @payment p WHERE p.invoice_id = v.invoice_id AND p.canceled_at IS NULL) s "
			"WHERE s.amount <> v.amount_paid OR (s.saved <> v.early_payment_discount_amount AND v.invoice_type <> 'credit_note') "
			"OR v.balance_amount <> v.total_amount - v.amount_paid - v.early_payment_discount_amount"}},
	{"early_payment", "invoice", {
			.sql = "SELECT v.invoice_id, 'saved ' || v.early_payment_discount_amount || ' by an early payment' "
			"FROM @invoice v JOIN @currency c USING (currency_code) WHERE v.early_payment_discount_amount <> 0 "
			"AND v.invoice_type <> 'credit_note' AND (v.balance_amount <> 0 OR v.early_payment_discount_amount IS DISTINCT FROM "
			"round(v.total_amount * v.early_payment_percentage / 100, c.decimals))"}},
	{"early_payment_credited", "invoice", {
			.sql = "SELECT o.invoice_id, 'saved ' || o.early_payment_discount_amount || ' by an early payment, its credit notes take back ' || -t.saved "
			"FROM @invoice o, LATERAL (SELECT coalesce(sum(n.early_payment_discount_amount), 0) AS saved FROM @invoice n "
			"WHERE n.credited_invoice_id = o.invoice_id AND n.state <> 'canceled') t "
			"WHERE t.saved <> 0 AND abs(t.saved) > abs(o.early_payment_discount_amount)"}},
	{"type_of_invoice", "invoice", {
			.sql = "SELECT invoice_id, 'of type ' || invoice_type || ', but takes an invoice back' FROM @invoice "
			"WHERE credited_invoice_id IS NOT NULL AND invoice_type <> 'credit_note'"}},
	{"sign_of_payment", "payment", {
			.sql = "SELECT p.payment_id, p.amount || ' paid on ' || v.invoice_number || ' of type ' || v.invoice_type FROM @payment p "
			"JOIN @invoice v USING (invoice_id) WHERE p.canceled_at IS NULL AND (p.amount < 0) <> (v.invoice_type = 'credit_note')"}},
	{"invoice_of_order", "invoice", {
			.sql = "SELECT t.invoice_id, 'customer, currency or opportunity is not that of order ' || s.order_number FROM @invoice t "
			"JOIN @sales_order s USING (sales_order_id) WHERE t.state <> 'canceled' AND " DOCUMENT_IS_OWED("t") " "
			"AND (NOT coalesce(" DOCUMENT_CUSTOMER_FITS ", false) OR t.currency_code <> s.currency_code OR t.opportunity_id IS DISTINCT FROM s.opportunity_id)"}},
	{"opportunity_of_order", "sales_order", {
			.sql = "SELECT o.sales_order_id, 'its opportunity is not that of its quote' FROM @sales_order o JOIN @quote q USING (quote_id) "
			"WHERE o.opportunity_id IS DISTINCT FROM q.opportunity_id"}},
	{"invoiced_line", "sales_order_product", {	/* what its invoices took over, where nobody wrote on these */
			.sql = "SELECT l.sales_order_product_id, 'price ' || l.price_per_unit || ', invoiced at ' || s.price FROM @sales_order_product l, "
			"LATERAL (SELECT min(i.price_per_unit) AS price, bool_and(i.is_copied AND i.row_version = 1) AS untouched, "
			"bool_or((i.price_per_unit, i.manual_discount_percentage, i.tax_category) IS DISTINCT FROM (l.price_per_unit, l.manual_discount_percentage, l.tax_category) "
			"OR (i.quantity = l.quantity AND i.tax_details IS NULL AND i.tax_amount <> l.tax_amount) "
			"OR (i.quantity = l.quantity AND l.manual_discount_percentage IS NULL AND i.manual_discount_amount <> l.manual_discount_amount)) AS differs "
			"FROM @invoice_product i JOIN @invoice v USING (invoice_id) WHERE i.sales_order_product_id = l.sales_order_product_id "
			"AND v.state <> 'canceled' AND v.invoice_type <> 'down_payment') s "
			"WHERE l.quantity_invoiced <> 0 AND s.untouched AND s.differs"}},
	{"invoiced_discount", "sales_order", {	/* the same of its header; freight and discount of one invoice of all of it */
			.sql = "SELECT o.sales_order_id, 'discount ' || o.discount_percentage || ' % and ' || o.discount_amount || ', freight ' || o.freight_amount || "
			"', on invoice ' || v.invoice_number || ' ' || v.discount_percentage || ' % and ' || v.discount_amount || ', ' || v.freight_amount "
			"FROM @sales_order o JOIN @invoice v USING (sales_order_id) WHERE v.state <> 'canceled' AND v.invoice_type = 'invoice' "
			"AND v.modified_at = v.created_at AND NOT EXISTS (SELECT FROM @invoice_product i WHERE i.invoice_id = v.invoice_id "
			"AND (i.down_payment_invoice_id IS NOT NULL OR NOT i.is_copied OR i.row_version > 1)) "
			"AND NOT EXISTS (SELECT FROM @invoice x WHERE x.sales_order_id = o.sales_order_id AND x.invoice_id <> v.invoice_id AND x.state <> 'canceled') "
			"AND NOT EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = o.sales_order_id AND l.line_kind = 'standard' AND l.quantity <> l.quantity_invoiced) "
			"AND v.total_line_item_amount = o.total_line_item_amount AND v.total_line_item_amount <> 0 "
			"AND (o.discount_percentage, o.discount_amount, o.freight_amount) <> (v.discount_percentage, v.discount_amount, v.freight_amount)"}},
	{"paid_state", "invoice", {
			.sql = "SELECT invoice_id, state || '/' || status_reason || ' with a balance of ' || balance_amount FROM @invoice "
			"WHERE (state = 'paid' AND (status_reason = 'complete') <> (balance_amount = 0)) "
			"OR (state <> 'paid' AND (amount_paid <> 0 OR (early_payment_discount_amount <> 0 AND invoice_type <> 'credit_note')))"}}
};

/* document_add_checks registers the checks above and the sums of each document. */
void
document_add_checks(void)
{
	static const char *const with_history[] = {
		"lead", "opportunity", "quote", "sales_order", "invoice", "product"
	};

	core_add_checks(checks, lengthof(checks));
	document_add_source_checks();
	for (int i = 0; i < lengthof(with_history); i++)
		add_history(with_history[i]);
	add_sums(&opportunity_entity, &opportunity_lines);
	add_sums(&document_quote.entity, &document_quote.lines);
	add_sums(&document_order.entity, &document_order.lines);
	add_sums(&document_invoice.entity, &document_invoice.lines);
}

/* add_sums checks that a header's totals are those of its lines (D§4.5); its tax is checked on its own. */
static void
add_sums(const CrmEntity *header, const CrmLines *lines)
{
	core_add_check("totals", header->name, psprintf(
		"SELECT h.%2$s, 'total ' || h.total_amount || ', its lines say ' || "
		"(s.net - h.discount_amount - round(s.net * h.discount_percentage / 100, c.decimals) + h.freight_amount + s.tax) "
		"FROM @%1$s h JOIN @currency c USING (currency_code), "
		"LATERAL (SELECT CASE h.tax_method WHEN 'included' THEN coalesce(sum(l.extended_amount), 0) - h.total_tax "
		"ELSE coalesce(sum(l.extended_amount - l.tax_amount), 0) END AS net, h.total_tax AS tax, "
		"coalesce(sum(round(l.quantity * (l.price_per_unit - l.volume_discount_amount), c.decimals) - "
		"CASE WHEN h.discount_method = 'per_unit' THEN round(l.quantity * l.manual_discount_amount, c.decimals) "
		"ELSE l.manual_discount_amount END%4$s + CASE WHEN h.tax_method = 'included' AND l.tax_details IS NOT NULL "
		"THEN 0 ELSE l.tax_amount END), 0) AS extended, coalesce(sum(l.extended_amount), 0) AS stored "
		"FROM @%3$s l WHERE l.%2$s = h.%2$s AND l.line_kind = 'standard') s "
		"WHERE h.total_line_item_amount <> s.net OR s.extended <> s.stored "
		"OR h.total_amount <> s.net - h.discount_amount - round(s.net * h.discount_percentage / 100, c.decimals) + h.freight_amount + s.tax "
		"OR h.total_amount_base <> round(h.total_amount / h.exchange_rate, 4)",
		header->name, header->key, lines->entity.name,
		lines == &document_invoice.lines ? " + l.rounding_amount" : ""));
}

/* add_history checks that a record's state is the one its history ends with. */
static void
add_history(const char *entity)
{
	core_add_check("state_history", entity, psprintf(
		"SELECT e.%1$s_id, 'is ' || e.state || ', its history ends with ' || h.to_state FROM @%1$s e, "
		"LATERAL (SELECT to_state FROM @status_history WHERE entity = '%1$s' AND record_id = e.%1$s_id "
		"ORDER BY status_history_id DESC LIMIT 1) h WHERE h.to_state <> e.state", entity));
}
