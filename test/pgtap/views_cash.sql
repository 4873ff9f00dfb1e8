-- The views of order to cash, with figures worked out by hand: aging, backlog, progress, numbers of invoices.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(34);

-- Aging. Today is 2026-06-30 in an organization of Auckland, twelve hours ahead.
UPDATE organization_setting SET value = 'Pacific/Auckland' WHERE name = 'time_zone';
SET LOCAL sales_crm.now = '2026-06-29 13:00+00';
CREATE FUNCTION tap.bill(as_name text, due date, price numeric, kind text DEFAULT 'invoice', currency text DEFAULT 'USD') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO invoice (name, account_id, invoice_date, due_date, invoice_type, currency_code) VALUES (as_name, id('Contoso'), '2026-01-01', due, kind, currency) RETURNING invoice_id INTO made;
	INSERT INTO invoice_product (invoice_id, product_description, quantity, price_per_unit) VALUES (made, 'Thing', sign(price), abs(price));
	RETURN remember(as_name, made);
END $$;
SELECT bill('today', '2026-06-30', 100), bill('1', '2026-06-29', 200), bill('30', '2026-05-31', 300), bill('31', '2026-05-30', 400), bill('60', '2026-05-01', 500), bill('61', '2026-04-30', 600),
       bill('90', '2026-04-01', 700), bill('91', '2026-03-31', 800), bill('credit', '2026-06-01', -50, 'credit_note'), bill('euro', '2026-06-01', 110, currency => 'EUR'), bill('paid', '2026-06-01', 10),
       bill('canceled', '2026-06-01', 10), bill('part', '2026-06-01', 90) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('paid')) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('part'), amount => 60) \gset
SELECT count(*) FROM sales_crm.cancel_invoice(invoice_id => id('canceled'), description => 'typed twice') \gset
SELECT results_eq('SELECT i.name, a.days_overdue, a.aging_bucket, a.balance_amount, a.balance_base, a.is_overdue FROM bi_ar_aging AS a JOIN invoice AS i USING (invoice_id) WHERE i.account_id = id(''Contoso'') ORDER BY a.invoice_id',
	$$VALUES ('today', 0, 'not_due', 100.0000, 100.0000, false), ('1', 1, '1_30', 200, 200, true), ('30', 30, '1_30', 300, 300, true), ('31', 31, '31_60', 400, 400, true), ('60', 60, '31_60', 500, 500, true),
	         ('61', 61, '61_90', 600, 600, true), ('90', 90, '61_90', 700, 700, true), ('91', 91, 'over_90', 800, 800, true), ('credit', 29, '1_30', -50, -50, false), ('euro', 29, '1_30', 110, 100, true), ('part', 29, '1_30', 30, 30, true)$$,
	'live invoices with a balance, by the day in Auckland; the last day of a bucket belongs to it');
SELECT results_eq('SELECT sum(not_due_base), sum(overdue_1_30_base), sum(overdue_31_60_base), sum(overdue_61_90_base), sum(overdue_over_90_base), sum(balance_base) FROM bi_ar_aging WHERE account_id = id(''Contoso'')',
	'VALUES (100.0000, 580.0000, 900.0000, 1300.0000, 800.0000, 3680.0000)', 'the buckets sum up to the balance');
SELECT results_eq('SELECT customer_name, invoice_type, total_amount, amount_paid, due_date FROM bi_ar_aging WHERE invoice_id = id(''part'')', $$VALUES ('Contoso', 'invoice', 90.0000, 60.0000, '2026-06-01'::date)$$, 'who, how much, since when');
SELECT results_eq('SELECT invoice_name, is_overdue, days_overdue FROM bi_fact_invoice WHERE invoice_name IN (''today'', ''1'', ''paid'', ''canceled'', ''credit'') ORDER BY invoice_id',
	$$VALUES ('today', false, 0), ('1', true, 1), ('credit', false, 0), ('paid', false, 0), ('canceled', false, 0)$$, 'bi_fact_invoice says the same');
SET LOCAL sales_crm.now = '2026-06-29 11:00+00';
SELECT is(days_overdue, 0, 'an hour before midnight in Auckland it is not yet overdue') FROM bi_ar_aging WHERE invoice_id = id('1');
RESET sales_crm.now;
-- Dates that never come, or always were, stop no report.
UPDATE invoice SET due_date = 'infinity' WHERE invoice_id = id('today');
UPDATE invoice SET invoice_date = '-infinity', due_date = '-infinity' WHERE invoice_id = id('1');
SELECT results_eq('SELECT i.name, a.days_overdue > 40000, a.aging_bucket, a.is_overdue FROM bi_ar_aging AS a JOIN invoice AS i USING (invoice_id) WHERE i.name IN (''today'', ''1'') ORDER BY i.invoice_id',
	$$VALUES ('today', false, 'not_due', false), ('1', true, 'over_90', true)$$, 'an invoice due at infinity is not due');
SELECT results_eq('SELECT invoice_name, is_overdue, days_overdue > 40000 FROM bi_fact_invoice WHERE invoice_name IN (''today'', ''1'') ORDER BY invoice_id', $$VALUES ('today', false, false), ('1', true, true)$$, 'nor in bi_fact_invoice');
UPDATE invoice SET due_date = '2026-06-30' WHERE invoice_id = id('today');
UPDATE invoice SET due_date = '2026-06-29', invoice_date = '2026-01-01' WHERE invoice_id = id('1');

-- Backlog: ten chairs at 100 less 50, with 95 tax: 1045; an assembly of 20; header discount and freight are no line's.
WITH made AS (INSERT INTO sales_order (name, account_id, price_list_id, requested_delivery_date, freight_amount) VALUES ('Backlog', id('Contoso'), id('tap USD'), current_date - 1, 30) RETURNING sales_order_id) SELECT remember('o', sales_order_id) FROM made \gset
INSERT INTO sales_order_product (sales_order_id, product_id, quantity, manual_discount_amount, tax_amount) VALUES (id('o'), id('Chair'), 10, 50, 95);
INSERT INTO sales_order_product (sales_order_id, product_description, price_per_unit, requested_delivery_date) VALUES (id('o'), 'Assembly', 20, current_date + 1);
INSERT INTO sales_order_product (sales_order_id, line_kind, product_description) VALUES (id('o'), 'note', 'Mind the dog');
CREATE FUNCTION tap.progress(wanted text) RETURNS text LANGUAGE sql AS 'SELECT delivery_status || '' '' || billing_status || '' '' || payment_status FROM bi_order_progress WHERE sales_order_id = id(wanted)';
CREATE FUNCTION tap.count_line(delivered numeric, returned numeric) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('sales_crm.import_mode', 'on', true);
	UPDATE sales_order_product SET quantity_delivered = delivered, quantity_returned = returned WHERE sales_order_id = id('o') AND line_number = 1;
	SELECT set_config('sales_crm.import_mode', 'off', true);
$$;
SELECT results_eq('SELECT item_name, quantity_ordered, quantity_delivered, quantity_open_to_deliver, quantity_open_to_invoice, ordered_amount, open_to_deliver_amount, open_to_invoice_amount, invoiced_amount, paid_amount, is_late FROM bi_order_backlog WHERE sales_order_id = id(''o'') ORDER BY line_number',
	$$VALUES ('Chair', 10.00000, 0.00000, 10.00000, 10.00000, 1045.0000, 1045.0000, 1045.0000, 0.0000, 0.0000, true), ('Assembly', 1, 0, 1, 1, 20, 20, 20, 0, 0, false)$$, 'a new order: all is open; notes are no lines');
SELECT is(progress('o'), 'none none none', 'nothing happened yet');
SELECT count_line(4, 0) \gset
SELECT results_eq('SELECT quantity_delivered, quantity_open_to_deliver, open_to_deliver_amount FROM bi_order_backlog WHERE sales_order_id = id(''o'') AND line_number = 1', 'VALUES (4.00000, 6.00000, 627.0000)', 'four of ten delivered: 6/10 of 1045 to go');
SELECT is(progress('o'), 'partial none none', 'delivered in part');
SELECT remember('i', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o')) \gset
UPDATE invoice SET freight_amount = 0 WHERE invoice_id = id('i');
UPDATE invoice_product SET quantity = 4, manual_discount_amount = 20, tax_amount = 38 WHERE invoice_id = id('i') AND line_number = 1;
DELETE FROM invoice_product WHERE invoice_id = id('i') AND line_number > 1;
SELECT is(total_amount, 418.0000, 'four chairs are billed: 400 less 20, with 38 tax') FROM invoice WHERE invoice_id = id('i');
SELECT results_eq('SELECT quantity_invoiced, quantity_open_to_invoice, invoiced_amount, open_to_invoice_amount, paid_amount FROM bi_order_backlog WHERE sales_order_id = id(''o'') AND line_number = 1', 'VALUES (4.00000, 6.00000, 418.0000, 627.0000, 0.0000)', 'invoiced and still to be invoiced');
SELECT is(progress('o'), 'partial partial none', 'invoiced in part');
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i'), amount => 104.50) \gset
SELECT is(paid_amount, 104.5000, 'a quarter of the invoice is paid') FROM bi_order_backlog WHERE sales_order_id = id('o') AND line_number = 1;
SELECT is(progress('o'), 'partial partial partial', 'paid in part');
SELECT results_eq('SELECT ordered_amount, open_to_deliver_amount, invoiced_amount, open_to_invoice_amount, paid_amount, balance_amount, is_late, requested_delivery_date FROM bi_order_progress WHERE sales_order_id = id(''o'')',
	'VALUES (1095.0000, 647.0000, 418.0000, 647.0000, 104.5000, 313.5000, true, current_date - 1)', 'the order as a whole');
SELECT count_line(10, 2) \gset
SELECT results_eq('SELECT quantity_returned, quantity_open_to_deliver, quantity_open_to_invoice, open_to_invoice_amount, is_late FROM bi_order_backlog WHERE sales_order_id = id(''o'') AND line_number = 1', 'VALUES (2.00000, 0.00000, 4.00000, 418.0000, false)', 'two taken back are not invoiced any more');
SELECT is(is_late, false, 'the assembly is wanted tomorrow') FROM bi_order_progress WHERE sales_order_id = id('o');
SELECT count_line(4, 0) \gset
SELECT remember('rest', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT is(total_amount, 677.0000, 'the rest: six chairs 627, assembly 20, freight 30') FROM invoice WHERE invoice_id = id('rest');
SELECT is(progress('o'), 'complete complete partial', 'a completed order is delivered and billed');
SELECT results_eq('SELECT sum(quantity_open_to_deliver), sum(quantity_open_to_invoice), sum(invoiced_amount) FROM bi_order_backlog WHERE sales_order_id = id(''o'')', 'VALUES (0.00000, 0.00000, 1065.0000)', 'nothing is open, every line is invoiced to the cent');
SELECT count(paid.state) FROM unnest(ARRAY[id('i'), id('rest')]) AS i (invoice_id), LATERAL sales_crm.pay_invoice(invoice_id => i.invoice_id) AS paid \gset
SELECT is(progress('o'), 'complete complete complete', 'and paid');
SELECT results_eq('SELECT paid_amount FROM bi_order_backlog WHERE sales_order_id = id(''o'') ORDER BY line_number', 'VALUES (1045.0000), (20.0000)', 'each line in full');
SELECT results_eq('SELECT paid_amount, balance_amount FROM bi_order_progress WHERE sales_order_id = id(''o'')', 'VALUES (1095.0000, 0.0000)', 'the order too, with its freight');

-- In euros at 1.1, paid early; canceled orders are not there; negative lines are open on their side.
WITH made AS (INSERT INTO sales_order (account_id, currency_code, payment_terms) VALUES (id('Contoso'), 'EUR', '2_percent_10_net_30') RETURNING sales_order_id) SELECT remember('e', sales_order_id) FROM made \gset
INSERT INTO sales_order_product (sales_order_id, product_description, price_per_unit, quantity) VALUES (id('e'), 'Thing', 110, 2), (id('e'), 'Old one taken in', 11, -2);
SELECT results_eq('SELECT quantity_open_to_deliver, open_to_deliver_amount, open_to_deliver_amount_base FROM bi_order_backlog WHERE sales_order_id = id(''e'') ORDER BY line_number', 'VALUES (2.00000, 220.0000, 200.0000), (-2, -22, -20)', 'euros and dollars, both sides');
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('e')) \gset
SELECT count(*) FROM sales_crm.pay_invoice(invoice_id => id('i')) \gset
SELECT is(progress('e'), 'complete complete complete', 'paid early it is paid');
SELECT results_eq('SELECT paid_amount, paid_amount_base FROM bi_order_backlog WHERE sales_order_id = id(''e'') ORDER BY line_number', 'VALUES (220.0000, 200.0000), (-22, -20)', 'with what was saved');
SELECT results_eq('SELECT paid_amount, invoiced_amount, invoiced_amount_base, balance_amount FROM bi_order_progress WHERE sales_order_id = id(''e'')', 'VALUES (194.0400, 198.0000, 180.0000, 0.0000)', 'of 198 euros 194.04 came in');
SELECT results_eq('SELECT early_payment_discount_amount, balance FROM bi_fact_invoice WHERE invoice_id = id(''i'')', 'VALUES (3.9600, 0.0000)', '3.96 were saved');
SELECT order_in('canceled') \gset
SELECT is_empty('SELECT FROM bi_order_backlog WHERE sales_order_id = id(''canceled'')', 'a canceled order is no backlog');
SELECT is_empty('SELECT FROM bi_order_progress WHERE sales_order_id = id(''canceled'')', 'and makes no progress');

-- Numbers of invoices.
UPDATE number_series SET is_gapless = true WHERE series = 'invoice';
SELECT bill('used', '2026-06-30', 7), bill('gone', '2026-06-30', 8) \gset
SELECT invoice_number AS gone FROM invoice WHERE invoice_id = id('gone') \gset
DELETE FROM invoice WHERE invoice_id = id('gone');
SELECT results_eq('SELECT number_state, invoice_type, invoice_date, voided_date IS NOT NULL, reason, total_amount FROM bi_invoice_number_trail WHERE invoice_id IN (id(''used''), id(''gone'')) OR reason = ''typed twice'' ORDER BY invoice_number',
	$$VALUES ('canceled', 'invoice', '2026-01-01'::date, true, 'typed twice', 10.0000), ('used', 'invoice', '2026-01-01', false, NULL, 7.0000), ('deleted', NULL, NULL, true, 'deleted', NULL)$$, 'used, canceled, deleted');
SELECT is(invoice_number, :'gone', 'the deleted number is there') FROM bi_invoice_number_trail WHERE number_state = 'deleted';
SELECT finish();
ROLLBACK;
