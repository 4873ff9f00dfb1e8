-- One row a check: what, got, wanted.
WITH checks (number, what, got, wanted) AS (
	SELECT 1, 'rows read', (SELECT count(*) FROM maven.deal)::numeric, 8800::numeric
	UNION ALL SELECT 2, 'leads qualified', count(*), 8800 FROM crm.lead WHERE state = 'qualified'
	UNION ALL SELECT 3, 'leads refused', count(*), 0 FROM maven.qualified WHERE error_code IS NOT NULL
	UNION ALL SELECT 4, 'companies: 85 known and 1,425 prospects', count(*), 1510 FROM crm.account
	UNION ALL SELECT 5, 'prospects named after their row', count(*), 1425 FROM crm.account WHERE name LIKE 'Prospect %'
	UNION ALL SELECT 6, 'subsidiaries', count(*), 15 FROM crm.account WHERE parent_account_id IS NOT NULL
	UNION ALL SELECT 7, 'the column of our own travelled', count(maven_id), 8800 FROM crm.opportunity
	UNION ALL SELECT 8, 'opportunities of the account, the agent and the product of their row', count(*), 8800
		FROM maven.clean_deal AS d JOIN crm.opportunity AS o USING (maven_id) JOIN crm.account AS a USING (account_id) JOIN crm.owner AS w ON w.owner_id = o.owner_id
		JOIN crm.opportunity_product AS l USING (opportunity_id) JOIN crm.product AS p USING (product_id)
		WHERE a.name = d.company AND w.name = d.sales_agent AND p.name = d.product
	UNION ALL SELECT 10, 'won', count(*), 4238 FROM crm.opportunity WHERE state = 'won'
	UNION ALL SELECT 11, 'won, sum of the actual value', sum(actual_value), 10005534 FROM crm.opportunity WHERE state = 'won'
	UNION ALL SELECT 12, 'lost', count(*), 2473 FROM crm.opportunity WHERE state = 'lost'
	UNION ALL SELECT 13, 'open', count(*), 2089 FROM crm.opportunity WHERE state = 'open'
	UNION ALL SELECT 14, 'open in phase qualify', count(*), 500 FROM crm.opportunity WHERE state = 'open' AND pipeline_phase = 'qualify'
	UNION ALL SELECT 15, 'open in phase develop', count(*), 1589 FROM crm.opportunity WHERE state = 'open' AND pipeline_phase = 'develop'
	UNION ALL SELECT 16, 'closed on the day of their row', count(*), 6711 FROM maven.clean_deal AS d JOIN crm.opportunity AS o USING (maven_id) WHERE o.actual_close_date = d.close_date
	UNION ALL SELECT 17, 'close activities', count(*), 6711 FROM crm.opportunity_close
	UNION ALL SELECT 20, 'quotes won', count(*), 4238 FROM crm.quote WHERE state = 'won'
	UNION ALL SELECT 21, 'orders fulfilled', count(*), 4238 FROM crm.sales_order WHERE state = 'fulfilled'
	UNION ALL SELECT 22, 'orders, sum', sum(total_amount), 10005534 FROM crm.sales_order
	UNION ALL SELECT 23, 'invoices paid', count(*), 4238 FROM crm.invoice WHERE state = 'paid' AND status_reason = 'complete' AND balance_amount = 0
	UNION ALL SELECT 24, 'invoices paid, sum', sum(amount_paid), 10005534 FROM crm.invoice WHERE state = 'paid'
	UNION ALL SELECT 25, 'payments, sum', sum(amount), 10005534 FROM crm.payment
	UNION ALL SELECT 26, 'invoices at the close value of their row', count(*), 4238
		FROM maven.clean_deal AS d JOIN crm.opportunity AS o USING (maven_id) JOIN crm.invoice AS i USING (opportunity_id) WHERE i.total_amount = d.close_value
	UNION ALL SELECT 27, 'invoice numbers, all different', count(DISTINCT invoice_number), 4238 FROM crm.invoice
	UNION ALL SELECT 30, 'bi_fact_opportunity, won', count(*), 4238 FROM crm.bi_fact_opportunity WHERE is_won
	UNION ALL SELECT 31, 'bi_fact_opportunity, won sum', sum(amount_base), 10005534 FROM crm.bi_fact_opportunity WHERE is_won
	UNION ALL SELECT 32, 'bi_fact_quote, sum', sum(amount_base), 10005534 FROM crm.bi_fact_quote WHERE state = 'won'
	UNION ALL SELECT 33, 'bi_fact_order_line, sum', sum(amount_base), 10005534 FROM crm.bi_fact_order_line
	UNION ALL SELECT 34, 'bi_fact_invoice, paid sum', sum(amount_paid), 10005534 FROM crm.bi_fact_invoice WHERE is_fully_paid
	UNION ALL SELECT 35, 'bi_fact_lead', count(*), 8800 FROM crm.bi_fact_lead WHERE state = 'qualified'
	UNION ALL SELECT 36, 'bi_pipeline_by_stage, deals', sum(opportunity_count), 2089 FROM crm.bi_pipeline_by_stage
	UNION ALL SELECT 37, 'bi_lead_conversion, qualified leads', sum(qualified_count), 8800 FROM crm.bi_lead_conversion
	UNION ALL SELECT 38, 'bi_owner_performance, won sum', sum(won_amount_base), 10005534 FROM crm.bi_owner_performance
	UNION ALL SELECT 40, 'verify() finds', count(*), 0 FROM sales_crm.verify()
)
SELECT CASE WHEN got = wanted THEN 'ok' ELSE 'not ok' END || ' | ' || what, trim_scale(got), 'wanted ' || wanted FROM checks ORDER BY number;
