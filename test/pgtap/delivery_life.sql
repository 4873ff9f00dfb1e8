-- Deliveries of orders and returns from them: quantities, refusals, and what stays as it is.
\ir ../lib/pgtap.sql
BEGIN;
\ir ../lib/documents.sql
SELECT plan(61);

-- An order of 10 chairs, 3 boxes (whole pieces), a table taken back and a note.
CREATE FUNCTION new_order() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO sales_order (name, account_id, price_list_id) VALUES ('Delivered', id('Contoso'), id('tap USD')) RETURNING sales_order_id INTO made;
	INSERT INTO sales_order_product (sales_order_id, product_id, quantity) VALUES (made, id('Chair'), 10), (made, id('Box'), 3), (made, id('Table'), -2);
	INSERT INTO sales_order_product (sales_order_id, line_kind, description) VALUES (made, 'note', 'With thanks');
	PERFORM remember('chairs', sales_order_product_id) FROM sales_order_product WHERE sales_order_id = made AND product_id = id('Chair');
	PERFORM remember('boxes', sales_order_product_id) FROM sales_order_product WHERE sales_order_id = made AND product_id = id('Box');
	PERFORM remember('tables', sales_order_product_id) FROM sales_order_product WHERE sales_order_id = made AND product_id = id('Table');
	PERFORM remember('note', sales_order_product_id) FROM sales_order_product WHERE sales_order_id = made AND line_kind = 'note';
	RETURN remember('o', made);
END $$;
-- [{"sales_order_product_id": id(name), "quantity": quantity}, ...] from pairs like 'chairs 6, boxes 1'.
CREATE FUNCTION lines(pairs text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_agg(jsonb_build_object('sales_order_product_id', id(split_part(pair, ' ', 1)), 'quantity', split_part(pair, ' ', 2)::numeric))
	FROM unnest(string_to_array(pairs, ', ')) AS pair
$$;
-- Delivered, returned, invoiced of each line of the order.
CREATE FUNCTION counted() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(trim_scale(quantity_delivered) || '/' || trim_scale(quantity_returned) || '/' || trim_scale(quantity_invoiced), ' ' ORDER BY line_number)
	FROM sales_order_product WHERE sales_order_id = id('o')
$$;

SELECT new_order() \gset
SELECT remember('d', delivery_id) FROM sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 6, boxes 1')) \gset
SELECT is(counted(), '6/0/0 1/0/0 0/0/0 0/0/0', 'a part is delivered');
SELECT results_eq($$SELECT delivery_number ~ '^DEL-\d{5}$', delivery_type, sales_order_id, delivery_date = CURRENT_DATE FROM delivery WHERE delivery_id = id('d')$$,
	$$VALUES (true, 'delivery', id('o'), true)$$, 'the delivery has a number, a type and a day');
SELECT results_eq($$SELECT sales_order_product_id, quantity FROM delivery_product WHERE delivery_id = id('d') ORDER BY 2$$,
	$$VALUES (id('boxes'), 1.00000), (id('chairs'), 6.00000)$$, 'it carries what was named');
SELECT is(state_of('sales_order', id('o')), 'active/new', 'the state of the order stays');
SELECT is(total_amount, 535.0000, 'and its total') FROM sales_order WHERE sales_order_id = id('o');

SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 4.01'))$$, 'SC010', 'more than ordered');
SELECT alike(detail_of($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 5'))$$), '%line 1: ordered 10.00000, delivered 6.00000, now 5%', 'the detail says how much');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('boxes 0.5'))$$, 'SC016', 'half a box');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs -1'))$$, 'SC016', 'the other sign');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 0'))$$, 'SC016', 'nothing of a line');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('tables 1'))$$, 'SC016', 'the other sign of a line taken back');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('note 1'))$$, '22023', 'a note');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 1, chairs 2'))$$, '22023', 'a line named twice');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => '[{"sales_order_product_id": 0, "quantity": 1}]')$$, 'P0002', 'an unknown line');
SELECT refused(format($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => %L)$$, form), '22023', 'lines as ' || form)
FROM unnest(ARRAY['[]', '{}', '1', 'null', '[1]', '[{}]', '[{"sales_order_product_id": 1}]', '[{"sales_order_product_id": "1", "quantity": 1}]',
	'[{"sales_order_product_id": 1, "quantity": "1"}]', '[{"sales_order_product_id": 1.5, "quantity": 1}]', '[{"sales_order_product_id": 1e30, "quantity": 1}]',
	'[{"sales_order_product_id": 1, "quantity": 1, "unit": 2}]', '[[{"sales_order_product_id": 1, "quantity": 1}]]']) AS form;
SELECT refused('SELECT sales_crm.deliver_order(sales_order_id => NULL)', '22004', 'no order');
SELECT refused('SELECT sales_crm.deliver_order(sales_order_id => 0)', 'P0002', 'an unknown order');
SELECT is(counted(), '6/0/0 1/0/0 0/0/0 0/0/0', 'a refused call leaves nothing behind');

UPDATE organization_setting SET value = '10' WHERE name = 'over_quantity_percentage';
SELECT lives_ok($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 4.5'))$$, 'more than ordered within the allowance');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 0.51'))$$, 'SC010', 'and not beyond it');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() knows the allowance');
SELECT refused($$UPDATE sales_order_product SET quantity = 9 WHERE sales_order_product_id = id('chairs')$$, 'SC010', 'less ordered than is delivered');
SELECT lives_ok($$UPDATE sales_order_product SET quantity = 10.5 WHERE sales_order_product_id = id('chairs')$$, 'but what is delivered may be ordered');
UPDATE organization_setting SET value = '0' WHERE name = 'over_quantity_percentage';

SELECT sales_crm.submit_order(sales_order_id => id('o')) \gset
SELECT remember('d2', delivery_id) FROM sales_crm.deliver_order(sales_order_id => id('o'), delivery_date => '2026-03-01') \gset
SELECT is(counted(), '10.5/0/0 3/0/0 -2/0/0 0/0/0', 'no lines: all that is open, of a submitted order, notes aside');
SELECT is(delivery_date, '2026-03-01', 'on the day that is given') FROM delivery WHERE delivery_id = id('d2');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'))$$, 'SC011', 'then nothing is open');

-- returns
SELECT remember('r', delivery_id) FROM sales_crm.return_order(sales_order_id => id('o'), lines => lines('chairs 4, tables -1')) \gset
SELECT is(counted(), '10.5/4/0 3/0/0 -2/-1/0 0/0/0', 'goods come back');
SELECT results_eq($$SELECT d.delivery_type, p.quantity FROM delivery d JOIN delivery_product p USING (delivery_id) WHERE delivery_id = id('r') ORDER BY 2$$,
	$$VALUES ('return', -4.00000), ('return', 1.00000)$$, 'stored with the opposite sign');
SELECT refused($$SELECT sales_crm.return_order(sales_order_id => id('o'), lines => lines('chairs 6.51'))$$, 'SC010', 'more than the customer has');
SELECT refused($$SELECT sales_crm.return_order(sales_order_id => id('o'), lines => NULL)$$, '22004', 'a return of nothing');
SELECT refused($$SELECT sales_crm.return_order(sales_order_id => id('o'), lines => '[]')$$, '22023', 'an empty return');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');

-- what is returned is not invoiced: 6.5 chairs 650, 3 boxes 36, 1 table back 250.50
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT is(counted(), '10.5/4/6.5 3/0/3 -2/-1/-1 0/0/1', 'what is returned is not invoiced');
SELECT is(total_amount, 435.5000, 'the invoice is for the rest') FROM invoice WHERE invoice_id = id('i');
SELECT is((SELECT count(*) FROM delivery WHERE sales_order_id = id('o')), 4::bigint, 'fulfilling had nothing left to deliver');
SELECT lives_ok($$SELECT sales_crm.return_order(sales_order_id => id('o'), lines => lines('boxes 1'))$$, 'a fulfilled order takes returns');
SELECT is(counted(), '10.5/4/6.5 3/1/3 -2/-1/-1 0/0/1', 'they are counted on its read-only lines');
SELECT is(state_of('sales_order', id('o')), 'fulfilled/complete', 'it stays fulfilled');
SELECT refused($$SELECT sales_crm.deliver_order(sales_order_id => id('o'))$$, 'SC001', 'but no deliveries');

-- fulfilling delivers what is open, in part nothing
SELECT new_order() \gset
SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 6')) \gset
SELECT sales_crm.fulfill_order(sales_order_id => id('o'), create_invoice => false) \gset
SELECT is(counted(), '10/0/0 3/0/0 -2/0/0 0/0/0', 'fulfilling completely delivers what is open');
SELECT sales_crm.cancel_order(sales_order_id => id('o')) \gset
SELECT lives_ok($$SELECT sales_crm.return_order(sales_order_id => id('o'), lines => lines('chairs 10'))$$, 'goods of a canceled order come back');
SELECT new_order() \gset
SELECT sales_crm.deliver_order(sales_order_id => id('o'), lines => lines('chairs 6')) \gset
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o'), status_reason => 'partial') \gset
SELECT is(counted(), '6/0/6 0/0/0 0/0/0 0/0/0', 'fulfilling in part invoices what is delivered');
SELECT is(total_amount, 600.0000, 'and no more') FROM invoice WHERE invoice_id = id('i');
SELECT new_order() \gset
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o'), status_reason => 'partial') \gset
SELECT is(counted(), '0/0/10 0/0/3 0/0/-2 0/0/1', 'without a delivery it invoices all');

-- only calls write deliveries
SELECT refused($$INSERT INTO delivery (delivery_number, sales_order_id, delivery_date) VALUES ('X', id('o'), CURRENT_DATE)$$, 'SC001', 'a delivery by hand');
SELECT refused($$UPDATE delivery_product SET quantity = 1 WHERE delivery_id = id('d')$$, 'SC002', 'a change of one');
SELECT lives_ok($$UPDATE delivery SET description = 'left at the door' WHERE delivery_id = id('d')$$, 'but for remarks');
SELECT refused($$UPDATE sales_order_product SET quantity_returned = 1 WHERE sales_order_id = id('o')$$, '428C9', 'quantity_returned by hand');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold at the end');
SELECT * FROM finish();
ROLLBACK;
