-- One sale from a new lead to the paid invoice in the organization that search_path and sales_crm.organization name.
INSERT INTO lead (subject, last_name, company_name, lead_source) VALUES ('One more', 'Late', 'Latecomer', 'web') RETURNING lead_id \gset
SELECT opportunity_id FROM sales_crm.qualify_lead(lead_id => :lead_id) \gset
UPDATE opportunity SET price_list_id = (SELECT min(price_list_id) FROM price_list) WHERE opportunity_id = :opportunity_id;
INSERT INTO opportunity_product (opportunity_id, product_id, quantity) SELECT :opportunity_id, min(product_id), 3 FROM product;
SELECT made.quote_id FROM sales_crm.create_quote_from_opportunity(opportunity_id => :opportunity_id) AS made (quote_id) \gset
SELECT changed.state FROM sales_crm.activate_quote(quote_id => :quote_id) AS changed (state);
SELECT made.sales_order_id FROM sales_crm.accept_quote(quote_id => :quote_id) AS made (sales_order_id) \gset
SELECT made.invoice_id FROM sales_crm.fulfill_order(sales_order_id => :sales_order_id) AS made (invoice_id) \gset
SELECT changed.state FROM sales_crm.pay_invoice(invoice_id => :invoice_id) AS changed (state);
