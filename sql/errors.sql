-- What a person sees who does something that is refused: message, detail, hint and SQLSTATE.
\set SHOW_CONTEXT never
\set code '\\echo SQLSTATE :LAST_ERROR_SQLSTATE'
SELECT sales_crm.create_organization('errors');
SET sales_crm.organization = 'errors';
SET search_path = errors, public;

-- A catalogue and some records, with keys from 1 on.
INSERT INTO currency (currency_code, name, exchange_rate) VALUES ('EUR', 'Euro', 0.9);
INSERT INTO account (name) VALUES ('Contoso');
INSERT INTO product (product_number, name, unit_group_id, default_unit_id, quantity_decimals) VALUES ('P-1', 'Pump', 1, 1, 0), ('P-2', 'Prototype', 1, 1, 0), ('P-3', 'Filter', 1, 1, 0);
INSERT INTO price_list (name, currency_code) VALUES ('Retail', 'USD'), ('Euro', 'EUR');
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) VALUES (1, 1, 1, 100);
SELECT sales_crm.publish_product(1), sales_crm.publish_product(3);
INSERT INTO lead (last_name, company_name) VALUES ('Lee', 'Fabrikam'), ('Ray', NULL), (NULL, 'Northwind');
INSERT INTO opportunity (name, account_id, price_list_id) VALUES ('Pumps', 1, 1), ('Filters', 1, 1), ('Old', 1, NULL);

-- Arguments.
SELECT * FROM sales_crm.qualify_lead(lead_id => 999);
:code
SELECT * FROM sales_crm.qualify_lead(lead_id => NULL);
:code
SELECT * FROM sales_crm.qualify_lead(lead_id => 1, currency_code => 'XXX');
:code
SELECT * FROM sales_crm.qualify_lead(lead_id => 1, account_id => 999);
:code
SELECT * FROM sales_crm.disqualify_lead(lead_id => 1, status_reason => 'bored');
:code

-- Leads.
\set VERBOSITY terse
INSERT INTO lead (subject) VALUES ('nobody');
\set VERBOSITY default
:code
INSERT INTO lead (last_name, currency_code) VALUES ('Lee', 'XXX');
:code
INSERT INTO lead (last_name, lead_source) VALUES ('Lee', 'pigeon');
:code
UPDATE lead SET state = 'qualified' WHERE lead_id = 1;
:code
UPDATE lead SET status_reason = 'lost' WHERE lead_id = 1;
:code
COPY lead (last_name, state) FROM stdin;
Lee	qualified
\.
UPDATE lead SET created_at = '2001-01-01' WHERE lead_id = 1;
:code
SELECT * FROM sales_crm.qualify_lead(lead_id => 2, create_account => true);
:code
SELECT * FROM sales_crm.qualify_lead(lead_id => 2, create_contact => false);
:code
SELECT * FROM sales_crm.qualify_lead(lead_id => 1);
SELECT * FROM sales_crm.qualify_lead(lead_id => 1);
:code
UPDATE lead SET subject = 'changed' WHERE lead_id = 1;
:code
DELETE FROM lead WHERE lead_id = 1;
:code
SELECT lead_id, opportunity_id, error_code, error_message FROM sales_crm.qualify_leads(lead_ids => '{1, 3, 3, 999}');
TRUNCATE payment;
:code

-- Customers, lines and prices.
INSERT INTO opportunity (name) VALUES ('nobody');
:code
INSERT INTO quote (name) VALUES ('nobody');
:code
INSERT INTO opportunity (name, account_id) VALUES ('nobody', 999);
:code
INSERT INTO opportunity (name, account_id, close_probability) VALUES ('sure', 1, 101);
:code
INSERT INTO quote (account_id, effective_from, effective_to) VALUES (1, '2025-02-01', '2025-01-01');
:code
INSERT INTO opportunity_product (opportunity_id, product_id) VALUES (1, 2);
:code
INSERT INTO opportunity_product (opportunity_id, product_id, quantity) VALUES (1, 1, 1.5);
:code
INSERT INTO opportunity_product (opportunity_id, product_id, manual_discount_percentage) VALUES (1, 1, 120);
:code
INSERT INTO opportunity_product (opportunity_id, product_id) VALUES (999, 1);
:code
INSERT INTO opportunity_product (opportunity_id, product_id, product_description) VALUES (1, 1, 'both');
:code
INSERT INTO opportunity_product (opportunity_id, product_id, quantity) VALUES (1, 1, 2);
UPDATE opportunity SET total_amount = 1 WHERE opportunity_id = 1;
:code
UPDATE opportunity SET price_list_id = 2 WHERE opportunity_id = 1;
:code
UPDATE opportunity SET currency_code = 'EUR', price_list_id = NULL WHERE opportunity_id = 1;
:code
DELETE FROM account WHERE account_id = 1;
:code
DELETE FROM product WHERE product_id = 1;
:code

-- Quotes.
INSERT INTO opportunity_product (opportunity_id, product_id) VALUES (2, 3);
SELECT * FROM sales_crm.create_quote_from_opportunity(opportunity_id => 2) \gset unpriced_
SELECT * FROM sales_crm.activate_quote(quote_id => :unpriced_quote_id);
:code
SELECT * FROM sales_crm.create_quote_from_opportunity(opportunity_id => 1) \gset
SELECT * FROM sales_crm.revise_quote(quote_id => :quote_id);
:code
SELECT * FROM sales_crm.activate_quote(quote_id => :quote_id);
SELECT * FROM sales_crm.activate_quote(quote_id => :quote_id);
:code
UPDATE quote SET freight_amount = 5 WHERE quote_id = :quote_id;
:code
UPDATE quote_product SET quantity = 5 WHERE quote_id = :quote_id;
:code
INSERT INTO quote_product (quote_id, product_id) VALUES (:quote_id, 1);
:code
DELETE FROM quote_product WHERE quote_id = :quote_id;
:code
DELETE FROM quote WHERE quote_id = :quote_id;
:code
UPDATE quote SET quote_number = 'QUO-1' WHERE quote_id = :unpriced_quote_id;
:code
INSERT INTO quote (account_id, quote_number) SELECT 1, quote_number FROM quote WHERE quote_id = :quote_id;
:code
SELECT * FROM sales_crm.win_opportunity(opportunity_id => 1);
:code
INSERT INTO quote (account_id, effective_from, effective_to) VALUES (1, '2020-01-01', '2020-01-31') RETURNING quote_id AS old_quote_id \gset
SET sales_crm.now = '2020-01-31';
SELECT * FROM sales_crm.activate_quote(quote_id => :old_quote_id);
RESET sales_crm.now;
SELECT * FROM sales_crm.accept_quote(quote_id => :old_quote_id);
:code
SELECT * FROM sales_crm.create_order_from_quote(quote_id => :quote_id);
:code
SELECT * FROM sales_crm.create_quote_from_opportunity(opportunity_id => 1) \gset other_
SELECT * FROM sales_crm.accept_quote(quote_id => :quote_id, close_other_quotes => false);
:code

-- Orders, invoices, payments.
SELECT * FROM sales_crm.accept_quote(quote_id => :quote_id);
SELECT * FROM sales_crm.revise_quote(quote_id => :other_quote_id) \gset revised_
SELECT * FROM sales_crm.revise_quote(quote_id => :other_quote_id);
:code
SELECT * FROM sales_crm.create_order_from_quote(quote_id => :quote_id);
:code
SELECT * FROM sales_crm.win_opportunity(opportunity_id => 1);
:code
SELECT * FROM sales_crm.fulfill_order(sales_order_id => 1);
SELECT * FROM sales_crm.create_invoice_from_order(sales_order_id => 1);
:code
SELECT * FROM sales_crm.cancel_order(sales_order_id => 1);
:code
SELECT * FROM sales_crm.unlock_order_pricing(sales_order_id => 1);
:code
SELECT * FROM sales_crm.pay_invoice(invoice_id => 1, amount => 1000);
:code
SELECT * FROM sales_crm.pay_invoice(invoice_id => 1, amount => 0);
:code
INSERT INTO payment (invoice_id, amount, payment_date) VALUES (1, 10, '2025-01-01');
:code
SELECT * FROM sales_crm.pay_invoice(invoice_id => 1, amount => 150);
SELECT * FROM sales_crm.cancel_invoice(invoice_id => 1);
:code
SELECT * FROM sales_crm.pay_invoice(invoice_id => 1);
SELECT * FROM sales_crm.pay_invoice(invoice_id => 1);
:code
DELETE FROM opportunity WHERE opportunity_id = 1;
:code
SELECT * FROM sales_crm.publish_product(product_id => 1);
:code

-- The organization.
SET sales_crm.organization = 'public';
SELECT * FROM sales_crm.reopen_lead(lead_id => 1);
:code
SET sales_crm.organization = 'errors';
SELECT sales_crm.create_organization('Big Shop');
:code
SELECT sales_crm.create_organization('errors');
:code
SELECT sales_crm.create_organization('shop', base_currency => 'dollar');
:code
SELECT sales_crm.set_base_currency('EUR');
:code
BEGIN;
INSERT INTO schema_version (version) VALUES (1000000);
SELECT sales_crm.migrate('errors');
:code
ROLLBACK;
SELECT sales_crm.grant_access('regress_crm_nobody', 'read');
:code
CREATE ROLE regress_crm_reader;
SELECT sales_crm.grant_access('regress_crm_reader', 'write');
:code
SELECT sales_crm.grant_access('regress_crm_reader', 'read');
SET ROLE regress_crm_reader;
SELECT * FROM sales_crm.disqualify_lead(lead_id => 2);
:code
INSERT INTO lead (last_name) VALUES ('Lee');
:code
SET sales_crm.import_mode = on;
:code
RESET ROLE;

-- After all this nothing is half done.
SELECT * FROM sales_crm.verify();
SELECT (SELECT count(*) FROM quote) AS quotes, (SELECT count(*) FROM sales_order) AS orders, (SELECT count(*) FROM invoice) AS invoices, (SELECT count(*) FROM payment) AS payments;
SET client_min_messages = warning;
DROP SCHEMA errors CASCADE;
DROP OWNED BY regress_crm_reader;
DROP ROLE regress_crm_reader;
