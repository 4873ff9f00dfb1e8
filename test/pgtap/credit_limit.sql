-- Credit hold and credit limit when an order is submitted, or fulfilled without that (SC018).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(32);

CREATE FUNCTION tap.sold(price numeric, customer text DEFAULT 'Contoso', currency text DEFAULT 'USD') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO sales_order (account_id, currency_code) VALUES (id(customer), currency) RETURNING sales_order_id INTO made;
	INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit) VALUES (made, 'Thing', 1, price);
	RETURN remember('o', made);
END $$;
CREATE FUNCTION tap.set_credit(money numeric, held boolean DEFAULT false) RETURNS void LANGUAGE sql AS
	'UPDATE account SET credit_limit = money, credit_on_hold = held WHERE account_id = id(''Contoso'')';

-- Hold.
SELECT set_credit(NULL, true) \gset
SELECT sold(100) \gset
SELECT refused('SELECT sales_crm.submit_order(sales_order_id => id(''o''))', 'SC018', 'no order of a customer on hold is submitted');
SELECT refused('SELECT sales_crm.fulfill_order(sales_order_id => id(''o''))', 'SC018', 'nor fulfilled');
SELECT matches(detail_of('SELECT sales_crm.submit_order(sales_order_id => id(''o''))'), 'Contoso.*ORD-.*credit_on_hold', 'the detail names customer, order and column');
SELECT is(state_of('sales_order', id('o')), 'active/new', 'the order stays as it was');
SELECT lives_ok('SELECT sales_crm.cancel_order(sales_order_id => id(''o''))', 'it may be canceled');
SELECT quote_in('active') \gset
SELECT lives_ok('SELECT sales_crm.accept_quote(quote_id => id(''active''))', 'a quote may be accepted');
SELECT set_credit(NULL) \gset
SELECT sold(100) \gset
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => id(''o''))', 'without hold and limit it goes');
SELECT set_credit(NULL, true) \gset
SELECT lives_ok('SELECT sales_crm.fulfill_order(sales_order_id => id(''o''))', 'an order submitted before the hold is fulfilled');

-- Limit: 1000. Open so far: the invoice of 100.
SELECT set_credit(99.99) \gset
SELECT sold(0) \gset
SELECT refused('SELECT sales_crm.submit_order(sales_order_id => id(''o''))', 'SC018', 'who is over the limit already gets nothing more');
SELECT set_credit(1000) \gset
SELECT sold(900.01) \gset
SELECT refused('SELECT sales_crm.submit_order(sales_order_id => id(''o''))', 'SC018', 'a cent too much');
SELECT refused('SELECT sales_crm.fulfill_order(sales_order_id => id(''o''))', 'SC018', 'for fulfilment too');
SELECT matches(detail_of('SELECT sales_crm.submit_order(sales_order_id => id(''o''))'), 'limit 1000.0000, open invoices 100.0000, open orders 0.0000, order ORD-[0-9]+ 900.0100', 'the detail gives the figures');
UPDATE sales_order_product SET price_per_unit = 900 WHERE sales_order_id = id('o');
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => id(''o''))', 'the limit itself is allowed');
SELECT remember('first', id('o')), sold(0.01) \gset
SELECT matches(detail_of('SELECT sales_crm.submit_order(sales_order_id => id(''o''))'), 'open invoices 100.0000, open orders 900.0000, order ORD-[0-9]+ 0.0100', 'a submitted order counts for the next');
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('first')) \gset
SELECT matches(detail_of('SELECT sales_crm.submit_order(sales_order_id => id(''o''))'), 'open invoices 1000.0000, open orders 0.0000, order ORD-[0-9]+ 0.0100', 'invoiced it counts as invoice, once');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 400) \gset
SELECT matches(detail_of('SELECT sales_crm.submit_order(sales_order_id => sold(400.01))'), 'open invoices 600.0000', 'what is paid counts no more');
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => sold(400))', '400 fit then');
SELECT lives_ok('SELECT sales_crm.cancel_order(sales_order_id => id(''o''))', 'a canceled order');
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => sold(400))', 'counts no more');
SELECT refused('SELECT sales_crm.submit_order(sales_order_id => sold(0.01))', 'SC018', 'now nothing fits');
WITH made AS (INSERT INTO invoice (account_id, invoice_type) VALUES (id('Contoso'), 'credit_note') RETURNING invoice_id) SELECT remember('credit', invoice_id) FROM made \gset
INSERT INTO invoice_product (invoice_id, product_description, quantity, price_per_unit) VALUES (id('credit'), 'Returned', -1, 50);
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => sold(50))', 'a credit note makes room');
SELECT count(*) FROM sales_crm.cancel_invoice(invoice_id => id('credit')) \gset
SELECT refused('SELECT sales_crm.submit_order(sales_order_id => sold(0))', 'SC018', 'canceled it makes none');
UPDATE account SET credit_limit = NULL WHERE account_id = id('Contoso');
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => sold(1000000))', 'no limit, no check');

-- An order fulfilled without invoice is still owed; an active one is not.
WITH made AS (INSERT INTO account (name, credit_limit) VALUES ('Tight', 100) RETURNING account_id) SELECT remember('Tight', account_id) FROM made \gset
SELECT count(*) FROM sales_crm.fulfill_order(sales_order_id => sold(60, 'Tight'), create_invoice => false) \gset
SELECT sold(1000, 'Tight') \gset
SELECT lives_ok('SELECT sales_crm.fulfill_order(sales_order_id => sold(40, ''Tight''), create_invoice => false)', 'orders that are only active do not count');
SELECT refused('SELECT sales_crm.submit_order(sales_order_id => sold(0.01, ''Tight''))', 'SC018', 'fulfilled ones do');

-- Currencies: limit 110 EUR at 1.1 = 100 USD; an order of 11000 yen at 150 = 73.3333 USD.
WITH made AS (INSERT INTO account (name, credit_limit, currency_code) VALUES ('Paris', 110, 'EUR') RETURNING account_id) SELECT remember('Paris', account_id) FROM made \gset
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => sold(11000, ''Paris'', ''JPY''))', 'in base currency all can be added');
SELECT matches(detail_of('SELECT sales_crm.submit_order(sales_order_id => sold(26.67, ''Paris''))'), 'limit 100.0000, open invoices 0, open orders 73.3333, order ORD-[0-9]+ 26.6700', 'limit at today''s rate, orders at their own');
UPDATE currency SET exchange_rate = 1 WHERE currency_code = 'EUR';
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => sold(36.66, ''Paris''))', 'a better rate gives more room');

-- Persons have no limit; migrated history is not held up.
WITH made AS (INSERT INTO sales_order (contact_id) VALUES (id('Ann')) RETURNING sales_order_id) SELECT remember('o', sales_order_id) FROM made \gset
INSERT INTO sales_order_product (sales_order_id, product_description, price_per_unit) VALUES (id('o'), 'Thing', 5000);
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => id(''o''))', 'a person is not checked');
SET LOCAL sales_crm.import_mode = on;
SELECT lives_ok('SELECT sales_crm.submit_order(sales_order_id => sold(5000, ''Paris''))', 'import mode does not check');
SET LOCAL sales_crm.import_mode = off;

-- What the caller does not see counts too.
CREATE ROLE tap_seller;
SELECT count(*) FROM sales_crm.grant_access(role => 'tap_seller', level => 'sell') \gset
GRANT USAGE ON SCHEMA tap TO tap_seller;
GRANT SELECT, INSERT, UPDATE ON tap.named TO tap_seller;
ALTER TABLE sales_order ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON sales_order TO tap_seller USING (total_amount < 50);
WITH made AS (INSERT INTO account (name, credit_limit) VALUES ('Hidden', 100) RETURNING account_id) SELECT remember('Hidden', account_id) FROM made \gset
SELECT count(*) FROM sales_crm.submit_order(sales_order_id => sold(90, 'Hidden')) \gset
SELECT sold(11, 'Hidden') \gset
SET LOCAL ROLE tap_seller;
SELECT throws_ok('SELECT sales_crm.submit_order(sales_order_id => tap.id(''o''))', 'SC018', NULL, 'orders that row security hides count');
RESET ROLE;

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
