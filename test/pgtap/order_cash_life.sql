-- From order to cash with figures: invoices by ordered and by delivered quantity, down payments, credit notes, and every refusal.
\ir ../lib/pgtap.sql
BEGIN;
\ir ../lib/documents.sql
SELECT plan(104);

-- An order of 3 pieces at 10.005 and 1 at 100, tax 10 and 1, discount 10 % and 5, freight 7: lines 130.02 - 13 - 5 + 7 + 11 = 130.02.
CREATE FUNCTION new_order() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO sales_order (name, account_id, discount_percentage, discount_amount, freight_amount) VALUES ('Cash', id('Contoso'), 10, 5, 7) RETURNING sales_order_id INTO made;
	INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit, tax_amount) VALUES (made, 'part', 3, 10.005, 10), (made, 'whole', 1, 100, 1);
	INSERT INTO sales_order_product (sales_order_id, line_kind, description) VALUES (made, 'note', 'With thanks');
	PERFORM remember('parts', sales_order_product_id) FROM sales_order_product WHERE sales_order_id = made AND product_description = 'part';
	PERFORM remember('whole', sales_order_product_id) FROM sales_order_product WHERE sales_order_id = made AND product_description = 'whole';
	RETURN remember('o', made);
END $$;
CREATE FUNCTION lines(pairs text, key text DEFAULT 'sales_order_product_id') RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_agg(jsonb_build_object(key, id(split_part(pair, ' ', 1)), 'quantity', split_part(pair, ' ', 2)::numeric)) FROM unnest(string_to_array(pairs, ', ')) AS pair
$$;
CREATE FUNCTION counted() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(trim_scale(quantity_delivered) || '/' || trim_scale(quantity_returned) || '/' || trim_scale(quantity_invoiced), ' ' ORDER BY line_number)
	FROM sales_order_product WHERE sales_order_id = id('o') AND line_kind = 'standard'
$$;
-- Type, line total, discount, freight, tax and total of an invoice.
CREATE FUNCTION shown(wanted text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s - %s + %s + %s = %s', invoice_type, round(total_line_item_amount, 2), round(total_discount_amount - total_line_item_discount_amount, 2), round(freight_amount, 2), round(total_tax, 2), round(total_amount, 2))
	FROM invoice WHERE invoice_id = id(wanted)
$$;
CREATE FUNCTION bill(as_name text, basis text DEFAULT 'ordered', lines jsonb DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	SELECT remember(as_name, invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o'), basis => basis, lines => lines)
$$;
CREATE FUNCTION billed() RETURNS numeric LANGUAGE sql AS $$ SELECT round(sum(total_amount), 2) FROM invoice WHERE sales_order_id = id('o') AND state <> 'canceled' $$;

SELECT new_order() \gset
SELECT is(total_amount, 130.0200, 'the order') FROM sales_order WHERE sales_order_id = id('o');
SELECT bill('i1', lines => lines('parts 1')) \gset
SELECT is(shown('i1'), 'invoice 10.01 - 1.38 + 0.54 + 3.33 = 12.50', 'a third of a line: its share of tax, discount and freight');
SELECT bill('i2', lines => lines('parts 1')) \gset
SELECT is(shown('i2'), 'invoice 10.00 - 1.38 + 0.54 + 3.34 = 12.50', 'the second third makes up for the cents of the first');
SELECT is((SELECT rounding_amount FROM invoice_product WHERE invoice_id = id('i2')), -0.0100, 'by a cent that is told on the line');
SELECT bill('i3') \gset
SELECT is(shown('i3'), 'invoice 110.01 - 15.24 + 5.92 + 4.33 = 105.02', 'the last one takes what is left');
SELECT is(billed(), (SELECT round(total_amount, 2) FROM sales_order WHERE sales_order_id = id('o')), 'all parts come to the order');
SELECT refused($$SELECT bill('x')$$, 'SC011', 'then nothing is left');
SELECT refused($$SELECT bill('x', lines => lines('parts 1'))$$, 'SC010', 'nor of a line that is named');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');

-- refusals
SELECT new_order() \gset
SELECT refused($$SELECT bill('x', 'paid')$$, '22023', 'an unknown basis');
SELECT refused($$SELECT bill('x', lines => '[]')$$, '22023', 'no lines');
SELECT refused($$SELECT bill('x', lines => '[{"sales_order_product_id": 0, "quantity": 1}]')$$, 'P0002', 'an unknown line');
SELECT refused($$SELECT bill('x', lines => lines('parts 3.1'))$$, 'SC010', 'more than ordered');
SELECT refused($$SELECT bill('x', lines => lines('parts -1'))$$, 'SC016', 'the other sign');
SELECT refused($$SELECT bill('x', lines => lines('parts 0'))$$, 'SC016', 'nothing');
SELECT refused($$SELECT bill('x', 'delivered')$$, 'SC011', 'what is delivered, of an order without deliveries');
SELECT refused($$SELECT bill('x', 'delivered', lines('parts 1'))$$, 'SC010', 'a line that is not delivered');
UPDATE organization_setting SET value = '10' WHERE name = 'over_quantity_percentage';
SELECT bill('i1', lines => lines('parts 3.3')) \gset
SELECT is(counted(), '0/0/3.3 0/0/0', 'a named line may exceed what is ordered within the allowance');
SELECT refused($$SELECT bill('x', lines => lines('parts 0.01'))$$, 'SC010', 'and not beyond');
SELECT refused($$UPDATE sales_order_product SET quantity = 2 WHERE sales_order_product_id = id('parts')$$, 'SC010', 'less ordered than is invoiced');
UPDATE organization_setting SET value = '0' WHERE name = 'over_quantity_percentage';
SELECT lives_ok($$SELECT sales_crm.cancel_invoice(invoice_id => id('i1'))$$, 'an invoice beyond it can be canceled when the allowance is gone');

-- by delivered quantity
SELECT new_order() \gset
SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('parts 2')) \gset
SELECT sales_crm.submit_order(sales_order_id => id('o')) \gset
SELECT refused($$SELECT bill('x')$$, 'SC001', 'a submitted order is not invoiced as ordered');
SELECT bill('i1', 'delivered') \gset
SELECT is(counted(), '2/0/2 0/0/0', 'but as delivered');
SELECT refused($$SELECT bill('x', 'delivered')$$, 'SC011', 'once');
SELECT sales_crm.return_order(sales_order_id => id('o'), lines => lines('parts 1')) \gset
SELECT remember('l1', invoice_product_id) FROM invoice_product WHERE invoice_id = id('i1') \gset
SELECT remember('c1', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('i1'), lines => lines('l1 1', 'invoice_product_id')) \gset
SELECT is(counted(), '2/1/1 0/0/0', 'returned and credited');
SELECT remember('i2', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT is(counted(), '3/1/2 1/0/1', 'fulfilled: the rest is delivered, what came back is not invoiced again');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold after returns');

-- down payments
SELECT new_order() \gset
SELECT remember('d1', invoice_id) FROM sales_crm.create_down_payment_invoice(sales_order_id => id('o'), percentage => 30) \gset
SELECT is(shown('d1'), 'down_payment 35.71 - 0.00 + 0.00 + 3.30 = 39.01', '30 % of the order, tax in proportion');
SELECT results_eq($$SELECT product_description LIKE 'Down payment, order ORD-%', quantity, price_per_unit, tax_amount FROM invoice_product WHERE invoice_id = id('d1')$$, $$VALUES (true, 1.00000, 35.71000, 3.3000)$$, 'on one typed line');
SELECT is((SELECT is_price_locked AND sales_order_id = id('o') FROM invoice WHERE invoice_id = id('d1')), true, 'of the order, with locked prices');
SELECT remember('d2', invoice_id) FROM sales_crm.create_down_payment_invoice(sales_order_id => id('o'), amount => 20) \gset
SELECT is(shown('d2'), 'down_payment 18.31 - 0.00 + 0.00 + 1.69 = 20.00', 'another as an amount');
SELECT is(counted(), '0/0/0 0/0/0', 'they bill no line');
SELECT refused($$SELECT sales_crm.create_down_payment_invoice(sales_order_id => id('o'))$$, '22023', 'neither percentage nor amount');
SELECT refused($$SELECT sales_crm.create_down_payment_invoice(sales_order_id => id('o'), percentage => 1, amount => 1)$$, '22023', 'both');
SELECT refused(format($$SELECT sales_crm.create_down_payment_invoice(sales_order_id => id('o'), %s)$$, what), '22023', what)
FROM unnest(ARRAY['percentage => 0', 'percentage => 100.1', 'percentage => -1', 'amount => 0', 'amount => -1', 'percentage => ''NaN''', 'amount => ''NaN''']) AS what;
SELECT refused($$SELECT sales_crm.create_down_payment_invoice(sales_order_id => id('o'), amount => 71.02)$$, 'SC010', 'more than is left');
SELECT refused($$SELECT sales_crm.create_down_payment_invoice(sales_order_id => id('o'), amount => 0.001)$$, 'SC010', 'less than a cent');
SELECT refused($$SELECT sales_crm.create_down_payment_invoice(sales_order_id => 0, amount => 1)$$, 'P0002', 'an unknown order');
SELECT bill('i1', lines => lines('parts 1')) \gset
SELECT is((SELECT count(*) FROM invoice_product WHERE invoice_id = id('i1')), 1::bigint, 'a part deducts nothing');
SELECT bill('i2') \gset
SELECT is(shown('i2'), 'invoice 65.99 - 16.62 + 6.46 + 2.68 = 58.51', 'the final invoice deducts both, its discount is an amount');
SELECT is(billed(), (SELECT round(total_amount, 2) FROM sales_order WHERE sales_order_id = id('o')), 'all of them come to the order');
SELECT remember('cut', min(invoice_product_id)) FROM invoice_product WHERE down_payment_invoice_id = id('d1') \gset
SELECT refused($$UPDATE invoice_product SET price_per_unit = 1 WHERE invoice_product_id = id('cut')$$, 'SC002', 'a deduction is not changed');
SELECT refused($$DELETE FROM invoice_product WHERE invoice_product_id = id('cut')$$, 'SC002', 'nor deleted');
SELECT refused($$INSERT INTO invoice_product (invoice_id, product_description, quantity, price_per_unit, down_payment_invoice_id) VALUES (id('i2'), 'mine', -1, 5, id('d2'))$$, 'SC002', 'nor written by hand');
SELECT refused($$SELECT sales_crm.cancel_invoice(invoice_id => id('d1'))$$, 'SC011', 'a deducted down payment stays');
SELECT refused($$SELECT sales_crm.create_credit_note(invoice_id => id('d1'))$$, 'SC011', 'and is not credited');
SELECT refused($$UPDATE invoice_product SET price_per_unit = 1 WHERE invoice_id = id('d1')$$, 'SC002', 'nor changed');
SELECT refused($$UPDATE invoice SET invoice_type = 'invoice' WHERE invoice_id = id('d1')$$, '428C9', 'and remains a down payment');
SELECT refused($$SELECT sales_crm.create_credit_note(invoice_id => id('i2'), lines => lines('cut -1', 'invoice_product_id'))$$, '22023', 'a deduction is not credited alone');
SELECT sales_crm.cancel_invoice(invoice_id => id('i2')) \gset
SELECT lives_ok($$SELECT sales_crm.create_credit_note(invoice_id => id('d2'))$$, 'canceling the final invoice frees them');
SELECT bill('i3') \gset
SELECT is(billed(), (SELECT round(total_amount, 2) FROM sales_order WHERE sales_order_id = id('o')), 'the next final invoice deducts the one that is left');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold after down payments');

-- credit notes
SELECT new_order() \gset
SELECT bill('i1') \gset
SELECT remember('p', invoice_product_id) FROM invoice_product WHERE invoice_id = id('i1') AND sales_order_product_id = id('parts') \gset
SELECT sales_crm.pay_invoice(invoice_id => id('i1')) \gset
SELECT remember('c1', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('i1'), lines => lines('p 1', 'invoice_product_id')) \gset
SELECT is(shown('c1'), 'credit_note -10.01 - -1.38 + 0.00 + -3.33 = -11.96', 'a paid invoice credited in part: no freight');
SELECT is((SELECT quantity_credited FROM invoice_product WHERE invoice_product_id = id('p')), 1.00000, 'counted on its line');
SELECT is((SELECT early_payment_date FROM invoice WHERE invoice_id = id('c1')), NULL, 'paying it early saves nothing');
SELECT refused($$SELECT sales_crm.create_credit_note(invoice_id => id('i1'), lines => lines('p 2.5', 'invoice_product_id'))$$, 'SC010', 'more than is left of a line');
SELECT refused($$SELECT sales_crm.create_credit_note(invoice_id => id('c1'))$$, 'SC001', 'a credit note is not credited');
SELECT refused($$UPDATE invoice_product SET quantity = -2 WHERE invoice_id = id('c1')$$, 'SC002', 'nor changed by hand');
SELECT refused($$DELETE FROM invoice_product WHERE invoice_id = id('c1')$$, 'SC002', 'nor emptied');
SELECT remember('c2', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('i1')) \gset
SELECT is((SELECT sum(total_amount) FROM invoice WHERE credited_invoice_id = id('i1')), (SELECT -total_amount FROM invoice WHERE invoice_id = id('i1')), 'the rest, with freight and discounts: minus the invoice');
SELECT refused($$SELECT sales_crm.create_credit_note(invoice_id => id('i1'))$$, 'SC011', 'then nothing is left');
SELECT is(counted(), '0/0/0 0/0/0', 'the order can be billed again');
SELECT is(sales_crm.pay_invoice(invoice_id => id('c2')), 'paid', 'a credit note is paid out');
SELECT is((SELECT amount FROM payment WHERE invoice_id = id('c2')), (SELECT total_amount FROM invoice WHERE invoice_id = id('c2')), 'with a negative payment');
SELECT lives_ok($$DELETE FROM invoice WHERE invoice_id = id('c1')$$, 'an open credit note may be deleted');
SELECT is((SELECT quantity_credited FROM invoice_product WHERE invoice_product_id = id('p')), 2.00000, 'and frees what it took');
SELECT sales_crm.cancel_payment(payment_id => payment_id) FROM payment WHERE invoice_id = id('i1') \gset
SELECT refused($$SELECT sales_crm.cancel_invoice(invoice_id => id('i1'))$$, 'SC011', 'an invoice with credit notes is not canceled');
SELECT refused($$UPDATE invoice_product SET quantity = 1 WHERE invoice_product_id = id('p')$$, 'SC002', 'nor are its credited lines changed');
SELECT refused($$UPDATE invoice SET discount_amount = 1 WHERE invoice_id = id('i1')$$, 'SC002', 'nor is the discount of a credited invoice');
SELECT refused($$INSERT INTO invoice_product (invoice_id, product_description, quantity, price_per_unit) VALUES (id('i1'), 'more', 1, 5)$$, 'SC002', 'nor its total, by another line');
SELECT lives_ok($$UPDATE invoice SET description = 'Seen' WHERE invoice_id = id('i1')$$, 'words may change');
SELECT bill('i2') \gset
SELECT remember('c3', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('i2')) \gset
SELECT refused(format('UPDATE invoice SET %s WHERE invoice_id = %s', what, id('c3')), 'SC002', 'a credit note keeps it: ' || what)
FROM unnest(ARRAY['discount_amount = 1', 'freight_amount = 0', 'discount_percentage = 0']) AS what;
-- A down payment that was given back stays so once the last invoice was made without it.
SELECT new_order() \gset
SELECT remember('d1', invoice_id) FROM sales_crm.create_down_payment_invoice(sales_order_id => id('o'), percentage => 30) \gset
SELECT remember('c1', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('d1')) \gset
SELECT bill('i1') \gset
SELECT refused($$SELECT sales_crm.cancel_invoice(invoice_id => id('c1'))$$, 'SC011', 'no invoice would deduct it any more');
SELECT refused($$DELETE FROM invoice WHERE invoice_id = id('c1')$$, 'SC011', 'nor when the credit note is deleted');
SELECT sales_crm.cancel_invoice(invoice_id => id('i1')) \gset
SELECT lives_ok($$SELECT sales_crm.cancel_invoice(invoice_id => id('c1'))$$, 'while the order is open it may come back');
SELECT bill('i2') \gset
SELECT is((SELECT count(*) FROM invoice_product WHERE down_payment_invoice_id = id('d1')), 1::bigint, 'and is deducted');
-- An order that is invoiced in full has its down payment deducted, whichever way it got there.
SELECT new_order() \gset
SELECT bill('i1') \gset
SELECT remember('c1', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('i1')) \gset
SELECT remember('d1', invoice_id) FROM sales_crm.create_down_payment_invoice(sales_order_id => id('o'), percentage => 30) \gset
SELECT refused($$SELECT sales_crm.cancel_invoice(invoice_id => id('c1'))$$, 'SC011', 'what was credited is not owed again beside a down payment on it');
SELECT refused($$DELETE FROM invoice WHERE invoice_id = id('c1')$$, 'SC011', 'nor by deleting the credit note');
SELECT matches(pg_temp.words($$SELECT sales_crm.cancel_invoice(invoice_id => id('c1'))$$), '^order ORD-.* would be invoiced in full without its down payment \| No invoice deducts down payment INV-', 'with both named');
WITH made AS (INSERT INTO invoice (name, account_id, sales_order_id) VALUES ('By hand', id('Contoso'), id('o')) RETURNING invoice_id) SELECT remember('byhand', invoice_id) FROM made \gset
SELECT refused(format($$INSERT INTO invoice_product (invoice_id, sales_order_product_id, product_description, quantity, price_per_unit) VALUES (id('byhand'), id('parts'), 'part', 3, 10.005), (id('byhand'), id('whole'), 'whole', 1, 100)$$), 'SC011', 'nor by an invoice that is written by hand');
SELECT lives_ok($$INSERT INTO invoice_product (invoice_id, sales_order_product_id, product_description, quantity, price_per_unit) VALUES (id('byhand'), id('parts'), 'part', 3, 10.005)$$, 'a part of it may be');
SELECT refused($$INSERT INTO invoice_product (invoice_id, sales_order_product_id, product_description, quantity, price_per_unit) VALUES (id('byhand'), id('whole'), 'whole', 1, 100)$$, 'SC011', 'not the last one');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold meanwhile');
SAVEPOINT as_before;
SET LOCAL session_replication_role = replica;
UPDATE sales_order_product SET quantity_invoiced = quantity WHERE sales_order_id = id('o');
SET LOCAL session_replication_role = origin;
SELECT is((SELECT detail FROM sales_crm.verify() WHERE check_name = 'down_payment_of_order' AND record_id = id('o')), 'nothing is left to invoice, and no invoice deducts down payment ' || (SELECT invoice_number FROM invoice WHERE invoice_id = id('d1')), 'verify() tells of it');
ROLLBACK TO as_before;
DELETE FROM invoice WHERE invoice_id = id('byhand');
SELECT sales_crm.cancel_invoice(invoice_id => id('d1')) \gset
SELECT lives_ok($$SELECT sales_crm.cancel_invoice(invoice_id => id('c1'))$$, 'without the down payment the invoice may be owed again');

-- Goods that came back leave nothing to invoice: what was paid in advance on them is given back.
SELECT new_order() \gset
SELECT remember('d1', invoice_id) FROM sales_crm.create_down_payment_invoice(sales_order_id => id('o'), percentage => 30) \gset
SELECT bill('i1') \gset
SELECT sales_crm.deliver_order(sales_order_id => id('o')) \gset
SELECT sales_crm.return_order(sales_order_id => id('o'), lines => lines('parts 3, whole 1')) \gset
SELECT lives_ok($$SELECT sales_crm.create_credit_note(invoice_id => id('i1'))$$, 'all goods came back: the last invoice is credited, and frees the down payment');
SELECT lives_ok($$SELECT sales_crm.create_credit_note(invoice_id => id('d1'))$$, 'which is credited too');

-- An order whose invoice was credited in parts, and is invoiced anew, comes to its total.
INSERT INTO tax_rate (name, percentage) VALUES ('State', 7.25), ('City', 1.125);
INSERT INTO tax_rule (name, tax_rate_id) SELECT name, tax_rate_id FROM tax_rate;
INSERT INTO sales_order (name, account_id, discount_percentage, discount_amount, tax_method, tax_rounding) VALUES ('Cents', id('Contoso'), 13.519, 0.03, 'included', 'document');
SELECT remember('o', max(sales_order_id)) FROM sales_order \gset
INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit, manual_discount_percentage, manual_discount_amount, tax_amount)
VALUES (id('o'), 'one', 1, 10.01238, 5.115, 0, 0), (id('o'), 'four', 4, 21.68287, NULL, 0.41, 0);
SELECT bill('i1') \gset
SELECT remember('p1', min(invoice_product_id)), remember('p4', max(invoice_product_id)) FROM invoice_product WHERE invoice_id = id('i1') \gset
SELECT sales_crm.create_credit_note(invoice_id => id('i1'), lines => lines('p1 1, p4 3.66', 'invoice_product_id')) \gset
SELECT sales_crm.create_credit_note(invoice_id => id('i1')) \gset
SELECT bill('i2') \gset
SELECT is(billed(), (SELECT round(total_amount, 2) FROM sales_order WHERE sales_order_id = id('o')), 'what was credited in parts is invoiced anew to the cent');
-- A credit note is not taken back when an invoice made since counted its cents with it, and the order would end beside its total.
INSERT INTO sales_order (name, account_id) VALUES ('Since', id('Contoso'));
SELECT remember('o', max(sales_order_id)) FROM sales_order \gset
INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit, manual_discount_amount) VALUES (id('o'), 'part', 3, 10, 1);
SELECT remember('parts', max(sales_order_product_id)) FROM sales_order_product \gset
SELECT bill('i1', lines => lines('parts 2')) \gset
SELECT remember('p1', max(invoice_product_id)) FROM invoice_product \gset
SELECT remember('c1', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('i1'), lines => lines('p1 1', 'invoice_product_id')) \gset
SELECT bill('i2', lines => lines('parts 1')) \gset
SELECT is(billed(), 19.33, 'two of three are billed, and owed');
SELECT refused($$SELECT sales_crm.cancel_invoice(invoice_id => id('c1'))$$, 'SC011', 'three would come to 28.99 of 29.00');
SELECT refused($$DELETE FROM invoice WHERE invoice_id = id('c1')$$, 'SC011', 'also by deleting it');
SELECT matches(pg_temp.words($$SELECT sales_crm.cancel_invoice(invoice_id => id('c1'))$$), '^the credit note cannot be taken back: invoice INV-\S+ was made since \| Order ORD-\S+ comes to 29.0000, its invoices would come to 28.9900', 'with all named');
SELECT bill('i3') \gset
SELECT is(billed(), 29.00, 'what it took back is billed anew, to the cent');
SELECT sales_crm.cancel_invoice(invoice_id => id('i3')) \gset
SELECT sales_crm.cancel_invoice(invoice_id => id('i2')) \gset
SELECT lives_ok($$SELECT sales_crm.cancel_invoice(invoice_id => id('c1'))$$, 'without the later invoices it may be taken back');
SELECT bill('i4') \gset
SELECT is(billed(), 29.00, 'and the last part settles the cents');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold at the end');
SELECT * FROM finish();
ROLLBACK;
