-- Payment terms as rows, due dates, and what an early payment saves, to the cent.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(54);

CREATE FUNCTION tap.money_of(wanted bigint) RETURNS text LANGUAGE sql AS
	'SELECT format(''%s/%s paid %s saved %s open %s'', state, status_reason, amount_paid, early_payment_discount_amount, balance_amount) FROM invoice WHERE invoice_id = wanted';
CREATE FUNCTION tap.bill(terms text, price numeric, dated date DEFAULT current_date, kind text DEFAULT 'invoice', currency text DEFAULT 'USD') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO invoice (account_id, payment_terms, invoice_date, invoice_type, currency_code) VALUES (id('Contoso'), terms, dated, kind, currency) RETURNING invoice_id INTO made;
	INSERT INTO invoice_product (invoice_id, product_description, quantity, price_per_unit) VALUES (made, 'Thing', sign(price), abs(price));
	RETURN remember('i', made);
END $$;

-- Terms are rows; a new one can be chosen at once.
SELECT results_eq('SELECT payment_terms, label, net_days, discount_percentage, discount_days FROM payment_term ORDER BY payment_term_id',
	$$VALUES ('net_30', 'Net 30', 30, NULL::numeric, NULL::integer), ('2_percent_10_net_30', '2% 10, Net 30', 30, 2.0000, 10), ('net_45', 'Net 45', 45, NULL, NULL), ('net_60', 'Net 60', 60, NULL, NULL)$$, 'the seeded terms');
SELECT throws_ok('INSERT INTO invoice (account_id, payment_terms) VALUES (id(''Contoso''), ''half_7'')', '23514', NULL, 'unknown terms are refused');
INSERT INTO payment_term (payment_terms, label, net_days, discount_percentage, discount_days) VALUES ('half_7', '0.5% 7, Net 14', 14, 0.5, 7), ('now', 'At once', 0, NULL, NULL);
SELECT results_eq('SELECT entity, label FROM option_value WHERE value = ''half_7'' ORDER BY 1', $$SELECT e, '0.5% 7, Net 14' FROM unnest('{account,contact,invoice,quote,sales_order}'::text[]) AS e$$, 'a new term is offered everywhere');
SELECT bill('half_7', 1) \gset
SELECT is((due_date - invoice_date, early_payment_date - invoice_date, early_payment_percentage)::text, '(14,7,0.5000)', 'and counts for due date and early payment') FROM invoice WHERE invoice_id = id('i');
SELECT bill('now', 1) \gset
SELECT is(due_date - invoice_date, 0, 'no days at all') FROM invoice WHERE invoice_id = id('i');
UPDATE payment_term SET label = '0.5 % in a week', net_days = 21 WHERE payment_terms = 'half_7';
SELECT is(label, '0.5 % in a week', 'its label follows') FROM option_value WHERE value = 'half_7' AND entity = 'quote';
SELECT bill('half_7', 1) \gset
SELECT is(due_date - invoice_date, 21, 'new invoices take the new days') FROM invoice WHERE invoice_id = id('i');
DELETE FROM payment_term WHERE payment_terms = 'half_7';
SELECT throws_ok('INSERT INTO invoice (account_id, payment_terms) VALUES (id(''Contoso''), ''half_7'')', '23514', NULL, 'a deleted term is offered no more');
SELECT throws_ok(format('INSERT INTO payment_term (payment_terms, label, net_days, discount_percentage, discount_days) VALUES (''x'', ''x'', %s)', bad), '23514', NULL, 'refused: ' || bad)
FROM unnest('{"-1, NULL, NULL","30, 2, NULL","30, NULL, 10","30, 100, 10","30, 0, 10","30, 2, 31"}'::text[]) AS bad;

-- Paid early: 2 % of 1234.57 is 24.69, so 1209.88 settles it.
SELECT bill('2_percent_10_net_30', 1234.57) \gset
SELECT is((early_payment_date - invoice_date, early_payment_percentage)::text, '(10,2.0000)', 'ten days, 2 percent') FROM invoice WHERE invoice_id = id('i');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 1209.8800 saved 24.6900 open 0.0000', 'no amount within the days: the total less the discount');
SELECT results_eq('SELECT amount, discount_amount FROM payment WHERE invoice_id = id(''i'')', 'VALUES (1209.8800, 24.6900)', 'the payment tells');
SELECT refused('SELECT sales_crm.pay_invoice(invoice_id => id(''i''))', 'SC001', 'nothing is open then');
SELECT is(state, 'active', 'taken back') FROM sales_crm.cancel_payment(payment_id => (SELECT payment_id FROM payment WHERE invoice_id = id('i')));
SELECT is(money_of(id('i')), 'active/new paid 0.0000 saved 0.0000 open 1234.5700', 'all is open again');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 1209.88) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 1209.8800 saved 24.6900 open 0.0000', 'that very amount does the same');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'the invariants hold');

-- The last day counts, the day after does not.
SELECT bill('2_percent_10_net_30', 100, current_date - 10) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 98.0000 saved 2.0000 open 0.0000', 'on the last day');
SELECT bill('2_percent_10_net_30', 100, current_date - 11) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 98) \gset
SELECT is(money_of(id('i')), 'paid/partial paid 98.0000 saved 0.0000 open 2.0000', 'a day late it is a part');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 100.0000 saved 0.0000 open 0.0000', 'and the rest is due');
SELECT bill('2_percent_10_net_30', 100, current_date - 20) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), payment_date => current_date - 12) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 98.0000 saved 2.0000 open 0.0000', 'the day of the payment counts, not that of the call');

-- In parts, and more or less than what settles it.
SELECT bill('2_percent_10_net_30', 100) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 40) \gset
SELECT is(money_of(id('i')), 'paid/partial paid 40.0000 saved 0.0000 open 60.0000', 'a part saves nothing yet');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 57.99) \gset
SELECT is(money_of(id('i')), 'paid/partial paid 97.9900 saved 0.0000 open 2.0100', 'a cent less than the rest is a part');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 98.0000 saved 2.0000 open 0.0000', 'the cent completes it');
SELECT count(remember('p' || n, payment_id)) FROM (SELECT payment_id, row_number() OVER (ORDER BY payment_id) AS n FROM payment WHERE invoice_id = id('i')) AS p \gset
SELECT is(state, 'paid', 'an earlier part is taken back') FROM sales_crm.cancel_payment(payment_id => id('p1'));
SELECT is(money_of(id('i')), 'paid/partial paid 58.0000 saved 0.0000 open 42.0000', 'which takes the saving back too');
SELECT is(discount_amount, 0.0000, 'from the payment that had it') FROM payment WHERE payment_id = id('p3');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 98.0000 saved 2.0000 open 0.0000', 'paid again in time it is earned again');
SELECT bill('2_percent_10_net_30', 100) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 99) \gset
SELECT is(money_of(id('i')), 'paid/partial paid 99.0000 saved 0.0000 open 1.0000', 'more than needed is a part');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 100.0000 saved 0.0000 open 0.0000', 'whoever paid too much saves nothing');
SELECT bill('2_percent_10_net_30', 100) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 100) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 100.0000 saved 0.0000 open 0.0000', 'the full amount is taken as given');
SELECT bill('2_percent_10_net_30', 1234.5, currency => 'JPY') \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 1210.0000 saved 25.0000 open 0.0000', '2 percent of 1235 yen are 25 whole yen');

-- No terms, no saving; credit notes save nothing; what was agreed stays.
SELECT bill('net_45', 100) \gset
SELECT is((early_payment_date, early_payment_percentage)::text, '(,)', 'terms without a discount') FROM invoice WHERE invoice_id = id('i');
SELECT bill('2_percent_10_net_30', -100, kind => 'credit_note') \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid -100.0000 saved 0.0000 open 0.0000', 'a credit note is paid out in full');
SELECT bill('2_percent_10_net_30', 100) \gset
UPDATE invoice SET payment_terms = 'net_60' WHERE invoice_id = id('i');
SELECT is(early_payment_percentage, 2.0000, 'frozen when the invoice was made') FROM invoice WHERE invoice_id = id('i');
SELECT refused('UPDATE invoice SET early_payment_percentage = 50 WHERE invoice_id = id(''i'')', '428C9', 'no percentage by hand');
SELECT refused('UPDATE invoice SET early_payment_date = early_payment_date + 90 WHERE invoice_id = id(''i'')', '428C9', 'nor a later day');
SELECT refused('UPDATE invoice SET early_payment_discount_amount = 50 WHERE invoice_id = id(''i'')', '428C9', 'nor an amount');
SELECT refused('UPDATE invoice SET invoice_type = ''credit_note'' WHERE invoice_id = id(''i'')', '428C9', 'nor does it become a credit note');

-- An order's invoice takes the order's terms.
WITH made AS (INSERT INTO sales_order (account_id, payment_terms) VALUES (id('Contoso'), '2_percent_10_net_30') RETURNING sales_order_id) SELECT remember('o', sales_order_id) FROM made \gset
INSERT INTO sales_order_product (sales_order_id, product_description, price_per_unit) VALUES (id('o'), 'Thing', 50);
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT is((due_date - invoice_date, early_payment_date - invoice_date, early_payment_percentage)::text, '(30,10,2.0000)', 'an order''s invoice too') FROM invoice WHERE invoice_id = id('i');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 49.0000 saved 1.0000 open 0.0000', 'and is settled by 49 of 50');

-- What was saved is not paid out again: credit notes of an invoice that was paid early take their share of the discount back.
SELECT remember('paid early', id('i')) \gset
SELECT remember('i', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('paid early')) \gset
SELECT is((total_amount, early_payment_discount_amount, balance_amount)::text, '(-50.0000,-1.0000,-49.0000)', '49 of 50 are owed back') FROM invoice WHERE invoice_id = id('i');
SELECT refused(format('SELECT * FROM sales_crm.cancel_payment(payment_id => %s)', payment_id), 'SC011', 'the saving stays while it is credited') FROM payment WHERE invoice_id = id('paid early');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid -49.0000 saved -1.0000 open 0.0000', 'and paid out');
WITH made AS (INSERT INTO invoice (account_id, payment_terms) VALUES (id('Contoso'), '2_percent_10_net_30') RETURNING invoice_id) SELECT remember('i', invoice_id) FROM made \gset
INSERT INTO invoice_product (invoice_id, product_description, quantity, price_per_unit) VALUES (id('i'), 'Thing', 3, 33.35);
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(money_of(id('i')), 'paid/complete paid 98.0500 saved 2.0000 open 0.0000', 'three of 33.35 paid early');
SELECT remember('part', c.invoice_id) FROM invoice_product AS l, LATERAL sales_crm.create_credit_note(invoice_id => l.invoice_id, lines => jsonb_build_array(jsonb_build_object('invoice_product_id', l.invoice_product_id, 'quantity', 1))) AS c WHERE l.invoice_id = id('i') \gset
SELECT remember('rest', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('i')) \gset
SELECT is((total_amount, early_payment_discount_amount, balance_amount)::text, wanted, which || ' of it credited') FROM (VALUES ('part', '(-33.3500,-0.6700,-32.6800)'), ('rest', '(-66.7000,-1.3300,-65.3700)')) AS t (which, wanted) JOIN invoice ON invoice_id = id(which);
SELECT count(*) FROM sales_crm.cancel_invoice(invoice_id => id('part')) \gset
SELECT remember('again', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('i')) \gset
SELECT is((total_amount, early_payment_discount_amount)::text, '(-33.3500,-0.6700)', 'a canceled one frees its share') FROM invoice WHERE invoice_id = id('again');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
