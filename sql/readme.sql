-- The sessions of README.md, word for word, in a database of their own: the keys and numbers are those of a fresh one.
\set ECHO none
SELECT current_database() AS home \gset
SET client_min_messages = warning;
DROP DATABASE IF EXISTS sales_crm_readme;
CREATE DATABASE sales_crm_readme TEMPLATE template0;
\c sales_crm_readme
\set ECHO all
CREATE EXTENSION sales_crm;
INSERT INTO crm.lead (subject, first_name, last_name, company_name, lead_source)
VALUES ('Espresso machines', 'Ana', 'Ruiz', 'Cafe Sol', 'web');
SELECT * FROM sales_crm.qualify_lead(lead_id => 1);
INSERT INTO crm.opportunity_product (opportunity_id, product_description, quantity, price_per_unit)
VALUES (1, 'Espresso machine', 10, 450), (1, 'Training, one day', 1, 300);
SELECT * FROM sales_crm.create_quote_from_opportunity(opportunity_id => 1);
SELECT * FROM sales_crm.activate_quote(quote_id => 1);
SELECT * FROM sales_crm.revise_quote(quote_id => 1);
UPDATE crm.quote SET discount_percentage = 5 WHERE quote_id = 2;
SELECT * FROM sales_crm.activate_quote(quote_id => 2);
SELECT * FROM sales_crm.accept_quote(quote_id => 2);
SELECT * FROM sales_crm.fulfill_order(sales_order_id => 1);
SELECT * FROM sales_crm.pay_invoice(invoice_id => 1);
SELECT quote_number, revision_number, total_amount, state, status_reason FROM crm.quote ORDER BY quote_id;
SELECT order_number, invoice_number, i.total_amount, i.balance_amount, o.state AS order_state, i.state AS invoice_state
FROM crm.invoice AS i JOIN crm.sales_order AS o USING (sales_order_id);
UPDATE crm.invoice SET freight_amount = 60 WHERE invoice_id = 1;
INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, standard_cost) VALUES ('G-1', 'Grinder', 1, 1, 80);
SELECT * FROM sales_crm.publish_product(product_id => 1);
INSERT INTO crm.discount_list (name) VALUES ('Six and more');
INSERT INTO crm.discount_list_item (discount_list_id, low_quantity, percentage) VALUES (1, 6, 5);
INSERT INTO crm.price_list (name, currency_code) VALUES ('Standard', 'USD');
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, pricing_method, percentage, rounding_policy, rounding_option, rounding_amount, discount_list_id)
VALUES (1, 1, 1, 'percent_margin_standard_cost', 25, 'up', 'ends_in', 0.95, 1);
UPDATE crm.account SET price_list_id = 1 WHERE account_id = 1;
INSERT INTO crm.quote (name, account_id) VALUES ('Six grinders', 1) RETURNING quote_id, quote_number, price_list_id;
INSERT INTO crm.quote_product (quote_id, product_id, quantity, manual_discount_percentage) VALUES (3, 1, 6, 10)
RETURNING quote_product_id, price_per_unit, volume_discount_amount, extended_amount;
SELECT * FROM sales_crm.explain_price(entity => 'quote', line_id => 5);
SELECT quote_number, total_amount, pricing_error FROM crm.quote WHERE quote_id = 3;
SELECT * FROM sales_crm.verify();
\set ECHO none
\c :home
DROP DATABASE sales_crm_readme;
