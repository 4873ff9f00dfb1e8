-- Each won opportunity goes quote, order, invoice, paid; one statement per step, since a call's result stands for the next statement.
SET client_min_messages = warning;

SELECT count(*) AS quotes
FROM crm.opportunity AS o, LATERAL sales_crm.create_quote_from_opportunity(opportunity_id => o.opportunity_id) AS made WHERE o.state = 'won';
SELECT count(*) AS activated FROM crm.quote AS q, LATERAL sales_crm.activate_quote(quote_id => q.quote_id) AS changed;
SELECT count(*) AS accepted FROM crm.quote AS q, LATERAL sales_crm.accept_quote(quote_id => q.quote_id) AS made;
SELECT count(*) AS fulfilled FROM crm.sales_order AS s, LATERAL sales_crm.fulfill_order(sales_order_id => s.sales_order_id) AS made;
SELECT count(*) AS paid
FROM crm.invoice AS i JOIN crm.opportunity AS o USING (opportunity_id),
     LATERAL sales_crm.pay_invoice(invoice_id => i.invoice_id, payment_date => o.actual_close_date, reference => o.maven_id) AS changed;
ANALYZE;
