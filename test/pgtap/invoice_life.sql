-- The life of an invoice: due, paid at once or in parts, payments taken back, canceled; credit notes (D§3.7).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(61);

CREATE FUNCTION tap.money_of(wanted bigint) RETURNS text LANGUAGE sql AS
	'SELECT format(''%s/%s paid %s open %s'', state, status_reason, amount_paid, balance_amount) FROM invoice WHERE invoice_id = wanted';

-- Dates.
WITH made AS (INSERT INTO invoice (account_id, payment_terms) VALUES (id('Contoso'), NULL), (id('Contoso'), 'net_60'), (id('Contoso'), '2_percent_10_net_30') RETURNING invoice_id, invoice_date, due_date)
SELECT results_eq(array_to_string(array_agg(format('SELECT %L::date, %s', invoice_date, due_date - invoice_date)), ' UNION ALL '),
                  'VALUES (current_date, 45), (current_date, 60), (current_date, 30)', 'dated today, due by the customer''s terms or its own') FROM made;
WITH made AS (INSERT INTO invoice (contact_id, invoice_date) VALUES (id('Ann'), '2026-02-01') RETURNING due_date) SELECT is(due_date, '2026-03-03'::date, 'without terms in thirty days from its date') FROM made;
WITH made AS (INSERT INTO invoice (contact_id, invoice_date, due_date) VALUES (id('Ann'), '2026-02-01', '2026-02-01') RETURNING due_date) SELECT is(due_date, '2026-02-01'::date, 'a due date given counts') FROM made;
SELECT refused('INSERT INTO invoice (account_id, invoice_date, due_date) VALUES (id(''Contoso''), ''2026-02-02'', ''2026-02-01'')', '23514', 'due before its date');
SELECT throws_ok('INSERT INTO invoice (account_id, invoice_type) VALUES (id(''Contoso''), ''bill'')', '23514', NULL, 'an unknown type');

-- Paid at once.
SELECT remember('i', new_document('invoice')) \gset
SELECT is(money_of(id('i')), 'active/new paid 0.0000 open 250.0000', 'a new invoice is open');
SELECT results_eq('SELECT * FROM sales_crm.pay_invoice(invoice_id => id(''i''))', $$VALUES ('paid')$$, 'pay_invoice returns the state');
SELECT is(money_of(id('i')), 'paid/complete paid 250.0000 open 0.0000', 'all that was open is paid');
SELECT results_eq('SELECT amount, payment_date, reference, canceled_at FROM payment WHERE invoice_id = id(''i'')', 'VALUES (250.0000, current_date, NULL::text, NULL::timestamptz)', 'by one payment of today');

-- In parts.
SELECT remember('i', new_document('invoice')) \gset
SELECT is(state, 'paid', 'a part') FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 100, payment_date => '2026-02-03', reference => 'check 7');
SELECT is(money_of(id('i')), 'paid/partial paid 100.0000 open 150.0000', 'makes it paid in part');
SELECT results_eq('SELECT amount, payment_date, reference FROM payment WHERE invoice_id = id(''i'')', $$VALUES (100.0000, '2026-02-03'::date, 'check 7')$$, 'date and reference are kept');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''), amount => 150.01)', 'SC010', 'more than is open');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''), amount => 0)', 'SC010', 'nothing');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''), amount => 0.004)', 'SC010', 'less than the currency''s smallest amount');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''), amount => -10)', 'SC010', 'a negative amount');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''), amount => ''NaN'')', 'SC010', 'no number');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''), amount => ''Infinity'')', 'SC010', 'an infinite amount');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 49.996) \gset
SELECT is(money_of(id('i')), 'paid/partial paid 150.0000 open 100.0000', 'a further part, rounded to the currency');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 250.0000 open 0.0000', 'the rest completes it');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''), amount => 1)', 'SC001', 'then it takes no more');
SELECT is((SELECT count(*) FROM status_history WHERE entity = 'invoice' AND record_id = id('i')), 2::bigint, 'the history has the two reasons it went through');

-- Payments taken back, the last first.
SELECT count(remember('p' || n, payment_id)) FROM (SELECT payment_id, row_number() OVER (ORDER BY payment_id) AS n FROM payment WHERE invoice_id = id('i')) AS p \gset
SELECT is(state, 'paid', 'one of three') FROM sales_crm.cancel_payment(payment_id => id('p2'));
SELECT is(money_of(id('i')), 'paid/partial paid 200.0000 open 50.0000', 'leaves it paid in part');
SELECT isnt(canceled_at, NULL, 'the payment stays, marked') FROM payment WHERE payment_id = id('p2');
SELECT refused('SELECT sales_crm.cancel_payment(payment_id => id(''p2''))', 'SC001', 'twice is refused');
SELECT refused('SELECT sales_crm.cancel_invoice(invoice_id => id(''i''))', 'SC011', 'an invoice with payments is not canceled');
SELECT count(*) FROM sales_crm.cancel_payment(payment_id => id('p1')) \gset
SELECT is(state, 'active', 'the last one') FROM sales_crm.cancel_payment(payment_id => id('p3'));
SELECT is(money_of(id('i')), 'active/new paid 0.0000 open 250.0000', 'makes it active again');
SELECT lives_ok('UPDATE invoice SET freight_amount = 10 WHERE invoice_id = id(''i'')', 'and editable');
SELECT is(money_of(id('i')), 'active/new paid 0.0000 open 260.0000', 'with the balance following');
SELECT is(state, 'canceled', 'and it may be canceled') FROM sales_crm.cancel_invoice(invoice_id => id('i'));
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''))', 'SC001', 'a canceled invoice is not paid');
SELECT refused('SELECT sales_crm.cancel_payment(payment_id => id(''p1''))', 'SC001', 'nor are its payments canceled again');

-- Nothing to pay, and credit notes.
WITH made AS (INSERT INTO invoice (account_id) VALUES (id('Contoso')) RETURNING invoice_id) SELECT remember('zero', invoice_id) FROM made \gset
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''zero''), amount => 1)', 'SC010', 'an invoice of nothing takes no payment');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('zero')) \gset
SELECT is(money_of(id('zero')), 'paid/complete paid 0.0000 open 0.0000', 'it is paid without one');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''zero''))', 'SC001', 'once');
WITH made AS (INSERT INTO invoice (account_id, invoice_type) VALUES (id('Contoso'), 'credit_note') RETURNING invoice_id) SELECT remember('credit', invoice_id) FROM made \gset
INSERT INTO invoice_product (invoice_id, product_description, quantity, price_per_unit) VALUES (id('credit'), 'Returned', -2, 100);
SELECT is(money_of(id('credit')), 'active/new paid 0.0000 open -200.0000', 'a credit note is negative');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''credit''), amount => 50)', 'SC010', 'it is paid out, not in');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''credit''), amount => -200.01)', 'SC010', 'and not more than it says');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('credit'), amount => -50) \gset
SELECT is(money_of(id('credit')), 'paid/partial paid -50.0000 open -150.0000', 'in part');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('credit')) \gset
SELECT is(money_of(id('credit')), 'paid/complete paid -200.0000 open 0.0000', 'or all');

-- Payments and closings are written by calls alone.
SELECT remember('i', invoice_in('partial')) \gset
SELECT refused('INSERT INTO payment (invoice_id, amount, payment_date) VALUES (id(''i''), 1, now())', 'SC001', 'no payment by hand');
SELECT refused(format('UPDATE payment SET %s WHERE invoice_id = id(''i'')', change), 'SC002', 'no payment is changed: ' || change)
FROM unnest('{"amount = 1","payment_date = ''2020-01-01''","canceled_at = now()","reference = ''x''"}'::text[]) AS change;
SELECT refused('DELETE FROM payment WHERE invoice_id = id(''i'')', 'SC002', 'nor deleted');
SELECT lives_ok('UPDATE payment SET amount = amount WHERE invoice_id = id(''i'')', 'writing back what was read passes');
INSERT INTO editable_when_closed (entity, column_name) VALUES ('payment', 'reference');
SELECT lives_ok('UPDATE payment SET reference = ''check 8'' WHERE invoice_id = id(''i'')', 'editable_when_closed opens a column');
SELECT quote_in('lost'), order_in('fulfilled') \gset
SELECT refused('UPDATE quote_close SET quote_state = ''won'' WHERE quote_id = id(''lost'')', 'SC002', 'a quote''s closing stays as written');
SELECT refused('DELETE FROM quote_close WHERE quote_id = id(''lost'')', 'SC002', 'and where it is');
SELECT refused('UPDATE order_close SET order_number = ''x'' WHERE sales_order_id = id(''fulfilled'')', 'SC002', 'an order''s closing too');
SELECT refused('INSERT INTO order_close (activity_id, sales_order_id, order_number, order_state, order_status_reason, actual_end_at) SELECT activity_id, sales_order_id, ''x'', ''fulfilled'', ''complete'', now() FROM order_close LIMIT 1',
               'SC001', 'and none by hand');

-- A canceled order is billed no more, by hand either.
SELECT order_in('canceled'), order_in('active'), remember('i', new_document('invoice')) \gset
SELECT refused('INSERT INTO invoice_product (invoice_id, sales_order_product_id, product_id, quantity) SELECT id(''i''), min(sales_order_product_id), id(''Chair''), 1 FROM sales_order_product WHERE sales_order_id = id(''canceled'')', 'SC001', 'a line of a canceled order');
SELECT refused('UPDATE invoice_product SET sales_order_product_id = (SELECT min(sales_order_product_id) FROM sales_order_product WHERE sales_order_id = id(''canceled'')) WHERE invoice_id = id(''i'') AND product_id IS NOT NULL', 'SC001', 'nor by a change');
SELECT lives_ok('INSERT INTO invoice_product (invoice_id, sales_order_product_id, product_id, quantity) SELECT id(''i''), min(sales_order_product_id), id(''Chair''), 1 FROM sales_order_product WHERE sales_order_id = id(''active'')', 'one of a live order is');

-- In another currency.
WITH made AS (INSERT INTO invoice (account_id, currency_code) VALUES (id('Contoso'), 'JPY') RETURNING invoice_id) SELECT remember('yen', invoice_id) FROM made \gset
INSERT INTO invoice_product (invoice_id, product_description, price_per_unit) VALUES (id('yen'), 'Thing', 1000.5);
SELECT is((total_amount, balance_amount)::text, '(1001.0000,1001.0000)', 'yen have no decimals') FROM invoice WHERE invoice_id = id('yen');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''yen''), amount => 0.4)', 'SC010', 'less than one yen');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('yen'), amount => 500.5) \gset
SELECT is(money_of(id('yen')), 'paid/partial paid 501.0000 open 500.0000', 'a payment is rounded half away from zero');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
