-- Fills one organization (search_path and sales_crm.organization name it): a catalogue and sixteen deals, one more step done for each.
INSERT INTO owner (owner_type, name) VALUES ('user', 'Ana Torres');
INSERT INTO crm_user (owner_id, name) SELECT owner_id, name FROM owner WHERE name = 'Ana Torres';

INSERT INTO product (product_number, name, unit_group_id, default_unit_id)
SELECT 'P-' || n, 'Product ' || n, u.unit_group_id, u.unit_id FROM generate_series(1, 5) AS n, (SELECT * FROM unit WHERE is_base_unit LIMIT 1) AS u;
INSERT INTO price_list (name, currency_code) SELECT 'Retail', value FROM organization_setting WHERE name = 'base_currency';
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount)
SELECT l.price_list_id, p.product_id, p.default_unit_id, 19.99 * p.product_id FROM price_list AS l, product AS p;
SELECT published.state FROM product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS published (state);

INSERT INTO lead (subject, first_name, last_name, company_name, lead_source, estimated_value, owner_id)
SELECT 'Deal ' || n, 'First ' || n, 'Last ' || n, 'Company ' || n, 'web', 1000 * n, o.owner_id
FROM generate_series(1, 16) AS n, owner AS o WHERE o.name = 'Ana Torres';

SELECT disqualified.state FROM sales_crm.disqualify_lead(lead_id => (SELECT min(lead_id) FROM lead), description => 'no budget') AS disqualified;
SELECT count(*) FROM sales_crm.qualify_leads(lead_ids => (SELECT array_agg(lead_id) FROM lead WHERE state = 'open' AND subject <> 'Deal 2'));
UPDATE opportunity SET price_list_id = (SELECT price_list_id FROM price_list), is_revenue_system_calculated = true;
INSERT INTO opportunity_product (opportunity_id, product_id, quantity, manual_discount_percentage)
SELECT o.opportunity_id, p.product_id, o.opportunity_id % 7 + 1, CASE WHEN p.product_id % 2 = 0 THEN 10 END FROM opportunity AS o, product AS p;
INSERT INTO opportunity_product (opportunity_id, product_description, price_per_unit, tax_amount) SELECT opportunity_id, 'Assembly', 75.5, 15.1 FROM opportunity;

SELECT lost.activity_id FROM sales_crm.lose_opportunity(opportunity_id => (SELECT min(opportunity_id) FROM opportunity)) AS lost;
SELECT count(*) FROM (SELECT opportunity_id FROM opportunity WHERE state = 'open' ORDER BY opportunity_id LIMIT 11) AS o,
	LATERAL sales_crm.create_quote_from_opportunity(opportunity_id => o.opportunity_id) AS made;
UPDATE quote SET discount_percentage = 3, freight_amount = 20;
SELECT count(*) FROM (SELECT quote_id FROM quote ORDER BY quote_id LIMIT 9) AS q, LATERAL sales_crm.activate_quote(quote_id => q.quote_id) AS changed;
SELECT count(*) FROM (SELECT quote_id FROM quote WHERE state = 'active' ORDER BY quote_id LIMIT 2) AS q, LATERAL sales_crm.revise_quote(quote_id => q.quote_id) AS made;
SELECT count(*) FROM (SELECT quote_id FROM quote WHERE state = 'active' ORDER BY quote_id LIMIT 6) AS q, LATERAL sales_crm.accept_quote(quote_id => q.quote_id) AS made;
SELECT count(*) FROM (SELECT sales_order_id FROM sales_order ORDER BY sales_order_id LIMIT 4) AS s, LATERAL sales_crm.fulfill_order(sales_order_id => s.sales_order_id) AS made;
SELECT count(*) FROM (SELECT sales_order_id FROM sales_order WHERE state = 'active' ORDER BY sales_order_id LIMIT 1) AS s, LATERAL sales_crm.cancel_order(sales_order_id => s.sales_order_id) AS changed;
SELECT paid.state FROM sales_crm.pay_invoice(invoice_id => (SELECT min(invoice_id) FROM invoice)) AS paid;
SELECT paid.state FROM sales_crm.pay_invoice(invoice_id => (SELECT max(invoice_id) FROM invoice), amount => 10) AS paid;

-- A bundle with a property on the quotes that are still drafts.
INSERT INTO product (product_number, name, product_structure, unit_group_id, default_unit_id)
SELECT 'P-SET', 'Set', 'bundle', u.unit_group_id, u.unit_id FROM (SELECT * FROM unit WHERE is_base_unit LIMIT 1) AS u;
INSERT INTO product_association (bundle_id, product_id, unit_id, quantity, is_required)
SELECT b.product_id, m.product_id, m.default_unit_id, m.product_id, m.product_id < 3 FROM product AS b, product AS m WHERE b.product_number = 'P-SET' AND m.product_id <= 3;
INSERT INTO product_property (product_id, name, data_type, default_value) SELECT product_id, 'wrapping', 'text', 'plain' FROM product WHERE product_number = 'P-SET';
SELECT published.state FROM product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS published (state) WHERE p.product_number = 'P-SET';
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) SELECT l.price_list_id, p.product_id, p.default_unit_id, 99.5 FROM price_list AS l, product AS p WHERE p.product_number = 'P-SET';
INSERT INTO quote_product (quote_id, product_id, quantity) SELECT q.quote_id, p.product_id, 2 FROM quote AS q, product AS p WHERE q.state = 'draft' AND p.product_number = 'P-SET';
