-- The life of an order: submitted, fulfilled, invoiced in parts, canceled, and its prices locked and unlocked (D§3.6, D§3.8).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(85);

-- An order typed in.
SELECT remember('o', new_document('sales_order')) \gset
SELECT is((state, status_reason, is_price_locked, quote_id, total_amount, bill_to_name)::text, '(active,new,f,,250.0000,Contoso)', 'an order made by hand is active and not locked') FROM sales_order WHERE sales_order_id = id('o');
WITH made AS (INSERT INTO sales_order (account_id, is_price_locked, fulfilled_on, total_amount) VALUES (id('Contoso'), true, '2020-01-01', 99) RETURNING *)
SELECT is((is_price_locked, fulfilled_on, total_amount)::text, '(f,,0.0000)', 'what calls write is reset on INSERT') FROM made;

-- Submitting.
SELECT results_eq('SELECT * FROM sales_crm.submit_order(sales_order_id => id(''o''))', $$VALUES ('submitted')$$, 'submit_order returns the state');
SELECT is((status_reason, submitted_on)::text, format('(in_progress,%s)', current_date), 'submitted today') FROM sales_order WHERE sales_order_id = id('o');

-- Fulfilling, with the invoice.
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT is((state, status_reason, fulfilled_on)::text, format('(fulfilled,complete,%s)', current_date), 'fulfilled today') FROM sales_order WHERE sales_order_id = id('o');
SELECT is((a.activity_type, a.regarding_entity, a.regarding_id, a.state, c.order_state, c.order_status_reason, c.order_number = o.order_number)::text,
          format('(order_close,sales_order,%s,completed,fulfilled,complete,t)', id('o')), 'one closing activity tells of it')
FROM order_close AS c JOIN activity AS a USING (activity_id) JOIN sales_order AS o USING (sales_order_id) WHERE c.sales_order_id = id('o');
SELECT is((i.state, i.status_reason, i.is_price_locked, i.sales_order_id, i.total_amount, i.balance_amount, i.amount_paid)::text,
          format('(active,new,t,%s,250.0000,250.0000,0.0000)', id('o')), 'the invoice: active, locked, of the order''s total') FROM invoice AS i WHERE invoice_id = id('i');
SELECT is((i.name, i.account_id, i.price_list_id, i.bill_to_city, i.ship_to_line1, i.payment_terms), (o.name, o.account_id, o.price_list_id, o.bill_to_city, o.ship_to_line1, o.payment_terms),
          'with the contents of the order') FROM invoice AS i JOIN sales_order AS o USING (sales_order_id) WHERE i.invoice_id = id('i');
SELECT results_eq(format('SELECT sales_order_product_id, line_number, quantity, price_per_unit, extended_amount, is_copied FROM invoice_product WHERE invoice_id = %s ORDER BY 2', id('i')),
                  format('SELECT sales_order_product_id, line_number, quantity, price_per_unit, extended_amount, true FROM sales_order_product WHERE sales_order_id = %s ORDER BY 2', id('o')),
                  'and its lines, each telling where it comes from');
SELECT is_empty(format('SELECT 1 FROM sales_order_product WHERE sales_order_id = %s AND quantity_invoiced <> quantity', id('o')), 'everything is invoiced');

-- Fulfilling without invoice, in part, and with nothing to invoice.
SELECT remember('o', new_document('sales_order')) \gset
SELECT is(invoice_id, NULL, 'create_invoice false makes none') FROM sales_crm.fulfill_order(sales_order_id => id('o'), status_reason => 'partial', create_invoice => false);
SELECT is((state, status_reason)::text, '(fulfilled,partial)', 'fulfilled in part') FROM sales_order WHERE sales_order_id = id('o');
SELECT is_empty('SELECT 1 FROM invoice WHERE sales_order_id = id(''o'')', 'no invoice is there');
SELECT isnt(invoice_id, NULL, 'it can be invoiced later') FROM sales_crm.create_invoice_from_order(sales_order_id => id('o'));
SELECT is((state, status_reason)::text, '(fulfilled,partial)', 'its state stays') FROM sales_order WHERE sales_order_id = id('o');
WITH made AS (INSERT INTO sales_order (account_id) VALUES (id('Contoso')) RETURNING sales_order_id) SELECT remember('empty', sales_order_id) FROM made \gset
SELECT refused('SELECT sales_crm.create_invoice_from_order(sales_order_id => id(''empty''))', 'SC011', 'an order without lines has nothing to invoice');
SELECT is(invoice_id, NULL, 'fulfilled without lines it gives no invoice') FROM sales_crm.fulfill_order(sales_order_id => id('empty'));
SELECT is(state_of('sales_order', id('empty')), 'fulfilled/complete', 'and is fulfilled');

-- A line without price stops it.
SELECT remember('o', new_document('sales_order')) \gset
INSERT INTO sales_order_product (sales_order_id, product_id) VALUES (id('o'), id('Lamp'));
SELECT refused(format('SELECT sales_crm.%s(sales_order_id => id(''o''))', f), 'SC005', f || ' refuses a line without price') FROM unnest('{submit_order,fulfill_order,create_invoice_from_order}'::text[]) AS f;
DELETE FROM sales_order_product WHERE sales_order_id = id('o') AND product_id = id('Lamp');

-- Invoiced in parts: two chairs and an assembly, 100 off, freight 30, 5 percent, tax typed.
UPDATE sales_order SET discount_amount = 100, freight_amount = 30 WHERE sales_order_id = id('o');
INSERT INTO sales_order_product (sales_order_id, product_id, quantity, manual_discount_amount, tax_amount) VALUES (id('o'), id('Table'), 4, 20, 8);
SELECT is(total_amount, 1170.0000, 'the order') FROM sales_order WHERE sales_order_id = id('o');
SELECT remember('table line', sales_order_product_id) FROM sales_order_product WHERE sales_order_id = id('o') AND product_id = id('Table') \gset
SELECT remember('i1', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o')) \gset
SELECT is((SELECT total_amount FROM invoice WHERE invoice_id = id('i1')), 1170.0000, 'the first invoice takes everything');
SELECT is(state_of('sales_order', id('o')), 'active/new', 'the order stays active');
SELECT refused('SELECT sales_crm.create_invoice_from_order(sales_order_id => id(''o''))', 'SC011', 'then nothing is left');
UPDATE invoice_product SET quantity = 3, manual_discount_amount = 15, tax_amount = 6 WHERE invoice_id = id('i1') AND product_id = id('Table');
SELECT is(quantity_invoiced, 3.00000, 'quantity_invoiced follows a changed invoice line') FROM sales_order_product WHERE sales_order_product_id = id('table line');
DELETE FROM invoice_product WHERE invoice_id = id('i1') AND product_id IS NULL;
SELECT is(quantity_invoiced, 0.00000, 'and a deleted one') FROM sales_order_product WHERE sales_order_id = id('o') AND product_id IS NULL;
SELECT refused('UPDATE invoice_product SET quantity = 5 WHERE invoice_id = id(''i1'') AND product_id = id(''Table'')', 'SC010', 'more than ordered is refused');
SELECT refused('UPDATE invoice_product SET quantity = -1 WHERE invoice_id = id(''i1'') AND product_id = id(''Table'')', 'SC010', 'less than nothing too');
SELECT refused('INSERT INTO invoice_product (invoice_id, product_id, quantity, sales_order_product_id) VALUES (id(''i1''), id(''Table''), 2, id(''table line''))', 'SC010', 'also by a line added by hand');
SELECT remember('i2', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o')) \gset
SELECT results_eq('SELECT coalesce(product_id, 0), quantity, manual_discount_amount, tax_amount, extended_amount FROM invoice_product WHERE invoice_id = id(''i2'') ORDER BY line_number',
                  $$VALUES (0::bigint, 1.00000, 0.0000, 0.0000, 50.0000), (id('Table'), 1, 5, 2, 247.50)$$, 'the second invoice takes the rest, with its share of typed discount and tax');
SELECT is((discount_amount, freight_amount)::text, '(0.0000,0.0000)', 'header discount and freight were billed by the first') FROM invoice WHERE invoice_id = id('i2');
SELECT is((SELECT sum(total_amount) FROM invoice WHERE sales_order_id = id('o')), 1170.0000, 'both together are the order');
SELECT refused('SELECT sales_crm.create_invoice_from_order(sales_order_id => id(''o''))', 'SC011', 'now nothing is left');
SELECT refused('UPDATE sales_order_product SET quantity = 2 WHERE sales_order_product_id = id(''table line'')', 'SC010', 'an order line cannot shrink below what is invoiced');
SELECT lives_ok('UPDATE sales_order_product SET quantity = 6 WHERE sales_order_product_id = id(''table line'')', 'it may grow');
SELECT throws_ok('DELETE FROM sales_order_product WHERE sales_order_product_id = id(''table line'')', '23503', NULL, 'an invoiced order line is not deleted');
SELECT remember('i3', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT results_eq('SELECT quantity FROM invoice_product WHERE invoice_id = id(''i3'')', 'VALUES (2.00000)', 'fulfilling invoices what grew');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold so far');

-- Deleting or canceling an invoice frees the order; turning it into something else would, and is refused.
DELETE FROM invoice WHERE invoice_id = id('i3');
SELECT is(quantity_invoiced, 4.00000, 'a deleted invoice does not count') FROM sales_order_product WHERE sales_order_product_id = id('table line');
SELECT is(state, 'canceled', 'cancel_invoice returns the state') FROM sales_crm.cancel_invoice(invoice_id => id('i2'), description => 'wrong address');
SELECT is(quantity_invoiced, 3.00000, 'a canceled one neither') FROM sales_order_product WHERE sales_order_product_id = id('table line');
SELECT is(description, 'wrong address', 'why, stands in the history') FROM status_history WHERE entity = 'invoice' AND record_id = id('i2') AND to_state = 'canceled';
SELECT remember('i4', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o')) \gset
SELECT results_eq('SELECT coalesce(product_id, 0), quantity FROM invoice_product WHERE invoice_id = id(''i4'') ORDER BY line_number', $$VALUES (0::bigint, 1.00000), (id('Table'), 3)$$, 'and can be invoiced again');
SELECT refused(format('UPDATE invoice SET invoice_type = %L WHERE invoice_id = id(''i4'')', kind), '428C9', 'it does not become a ' || kind) FROM unnest('{credit_note,down_payment}'::text[]) AS kind;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold so far');

-- Canceling.
SELECT remember('o', new_document('sales_order')) \gset
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT refused('SELECT sales_crm.cancel_order(sales_order_id => id(''o''))', 'SC011', 'an order with a live invoice is not canceled');
SELECT count(*) FROM sales_crm.cancel_invoice(invoice_id => id('i')) \gset
WITH made AS (INSERT INTO invoice (name, account_id, price_list_id) SELECT 'By hand', account_id, price_list_id FROM sales_order WHERE sales_order_id = id('o') RETURNING invoice_id)
SELECT remember('by hand', invoice_id) FROM made \gset
INSERT INTO invoice_product (invoice_id, sales_order_product_id, product_id, quantity)
SELECT id('by hand'), sales_order_product_id, product_id, 1 FROM sales_order_product WHERE sales_order_id = id('o') AND product_id IS NOT NULL LIMIT 1;
SELECT refused('SELECT sales_crm.cancel_order(sales_order_id => id(''o''))', 'SC011', 'nor one whose line an invoice made by hand bills');
SELECT count(*) FROM sales_crm.cancel_invoice(invoice_id => id('by hand')) \gset
SELECT is(state, 'canceled', 'without it it is') FROM sales_crm.cancel_order(sales_order_id => id('o'), description => 'no money');
SELECT is((c.order_state, c.order_status_reason, a.description)::text, '(canceled,no_money,"no money")', 'with its closing activity') FROM order_close AS c JOIN activity AS a USING (activity_id)
WHERE c.sales_order_id = id('o') AND c.order_state = 'canceled';

-- mark_order_invoiced.
UPDATE organization_setting SET value = 'true' WHERE name = 'mark_order_invoiced';
SELECT remember('o', new_document('sales_order')) \gset
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT is(state_of('sales_order', id('o')), 'invoiced/invoiced', 'with the setting mark_order_invoiced an order ends invoiced');
SELECT is((SELECT count(*) FROM status_history WHERE entity = 'sales_order' AND record_id = id('o')), 2::bigint, 'by way of fulfilled');
SELECT count(*) FROM sales_crm.cancel_invoice(invoice_id => id('i')) \gset
SELECT is(state_of('sales_order', id('o')), 'fulfilled/complete', 'when its invoice is canceled it is fulfilled again');
SELECT isnt(invoice_id, NULL, 'and can be invoiced anew') FROM sales_crm.create_invoice_from_order(sales_order_id => id('o'));
SELECT is(state_of('sales_order', id('o')), 'invoiced/invoiced', 'which marks it again');
SELECT remember('o', new_document('sales_order')) \gset
SELECT count(*) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o')) \gset
SELECT is(state_of('sales_order', id('o')), 'active/new', 'an active order is not marked');
SELECT is(invoice_id, NULL, 'fulfilled afterwards it gives no invoice') FROM sales_crm.fulfill_order(sales_order_id => id('o'));
SELECT is(state_of('sales_order', id('o')), 'invoiced/invoiced', 'and is marked, since all of it is invoiced');
SELECT remember('o', new_document('sales_order')) \gset
SELECT count(*) FROM sales_crm.fulfill_order(sales_order_id => id('o'), create_invoice => false) \gset
SELECT is(state_of('sales_order', id('o')), 'fulfilled/complete', 'without invoice it stays fulfilled');
UPDATE organization_setting SET value = 'false' WHERE name = 'mark_order_invoiced';

-- Locked and unlocked prices.
CREATE FUNCTION tap.reprice(new_amount numeric) RETURNS void LANGUAGE sql AS
	'UPDATE price_list_item SET amount = new_amount WHERE price_list_id = id(''tap USD'') AND product_id = id(''Chair'') AND unit_id = id(''piece'')';
CREATE FUNCTION tap.prices(entity text, document bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT string_agg(round(price_per_unit, 2)::text, '' '' ORDER BY line_number) FROM %I_product WHERE %I_id = $1', entity, entity) INTO found USING document;
	RETURN found;
END $$;
SELECT remember('o', new_document('sales_order')) \gset
INSERT INTO sales_order_product (sales_order_id, product_id, is_price_overridden, price_per_unit) VALUES (id('o'), id('Chair'), true, 80);
SELECT is(is_price_locked, true, 'lock_order_pricing returns true') FROM sales_crm.lock_order_pricing(sales_order_id => id('o'));
SELECT is(is_price_locked, true, 'twice is once') FROM sales_crm.lock_order_pricing(sales_order_id => id('o'));
SELECT row_version AS version FROM sales_order WHERE sales_order_id = id('o') \gset
SELECT count(reprice(110)) \gset
UPDATE sales_order_product SET quantity = 3 WHERE sales_order_id = id('o') AND product_id = id('Chair');
SELECT is(prices('sales_order', id('o')), '100.00 50.00 80.00', 'locked prices stay, also when a quantity changes');
UPDATE sales_order_product SET price_per_unit = 1 WHERE sales_order_id = id('o') AND product_id = id('Chair') AND NOT is_price_overridden;
SELECT is(prices('sales_order', id('o')), '100.00 50.00 80.00', 'and when one is typed in without override');
INSERT INTO sales_order_product (sales_order_id, product_id) VALUES (id('o'), id('Chair'));
SELECT is(prices('sales_order', id('o')), '100.00 50.00 80.00 110.00', 'a new line takes the price of today');
UPDATE sales_order_product SET unit_id = id('dozen') WHERE sales_order_id = id('o') AND NOT is_price_overridden AND line_number = 1;
SELECT is(prices('sales_order', id('o')), '1100.00 50.00 80.00 110.00', 'and so does a line that gets another unit');
UPDATE sales_order_product SET unit_id = id('piece'), quantity = 2 WHERE sales_order_id = id('o') AND NOT is_price_overridden AND line_number = 1;
SELECT count(reprice(120)) \gset
SELECT is(is_price_locked, false, 'unlock_order_pricing returns false') FROM sales_crm.unlock_order_pricing(sales_order_id => id('o'));
SELECT is(prices('sales_order', id('o')), '120.00 50.00 80.00 120.00', 'unlocking prices from the catalogue at once; overridden prices and write-ins stay');
SELECT is(total_amount, 2 * 120 + 50 + 3 * 80 + 120.0000, 'and the total follows') FROM sales_order WHERE sales_order_id = id('o');
SELECT count(reprice(130)) \gset
SELECT is(prices('sales_order', id('o')), '120.00 50.00 80.00 120.00', 'a catalogue change alone touches no document');
SELECT is(is_price_locked, false, 'unlocking twice is once') FROM sales_crm.unlock_order_pricing(sales_order_id => id('o'));
UPDATE sales_order_product SET quantity = 2 WHERE sales_order_id = id('o') AND line_number = 1;
SELECT is(prices('sales_order', id('o')), '130.00 50.00 80.00 120.00', 'an unlocked line takes the new price when it is touched');
SELECT count(*) FROM sales_crm.lock_order_pricing(sales_order_id => id('o')) \gset
SELECT is(prices('sales_order', id('o')), '130.00 50.00 80.00 120.00', 'locking keeps the prices as they are');
DELETE FROM price_list_item WHERE product_id = id('Box');
SELECT remember('boxes', new_document('sales_order')) \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) VALUES (id('tap USD'), id('Box'), id('piece'), 12);
INSERT INTO sales_order_product (sales_order_id, product_id) VALUES (id('boxes'), id('Box'));
SELECT count(*) FROM sales_crm.lock_order_pricing(sales_order_id => id('boxes')) \gset
DELETE FROM price_list_item WHERE product_id = id('Box');
SELECT is(is_price_locked, false, 'unlocking when a price is gone') FROM sales_crm.unlock_order_pricing(sales_order_id => id('boxes'));
SELECT is((pricing_error, total_amount)::text, '(detail_error,310.0000)', 'leaves the line at 0 with its error') FROM sales_order WHERE sales_order_id = id('boxes');

-- The same for invoices.
SELECT remember('i', new_document('invoice')) \gset
SELECT is(prices('invoice', id('i')), '130.00 50.00', 'an invoice made by hand');
SELECT is(is_price_locked, true, 'lock_invoice_pricing') FROM sales_crm.lock_invoice_pricing(invoice_id => id('i'));
SELECT count(reprice(140)) \gset
UPDATE invoice_product SET quantity = 1 WHERE invoice_id = id('i') AND product_id = id('Chair');
SELECT is(prices('invoice', id('i')), '130.00 50.00', 'locked');
SELECT is(is_price_locked, false, 'unlock_invoice_pricing') FROM sales_crm.unlock_invoice_pricing(invoice_id => id('i'));
SELECT is(prices('invoice', id('i')), '140.00 50.00', 'unlocked');
SELECT is((total_amount, balance_amount)::text, '(190.0000,190.0000)', 'total and balance follow') FROM invoice WHERE invoice_id = id('i');

-- What a locked copy keeps: an accepted quote's prices are fixed.
SELECT quote_in('active') \gset
SELECT count(reprice(500)) \gset
SELECT remember('o', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('active')) \gset
SELECT is(prices('sales_order', id('o')), '140.00 50.00', 'an order takes the prices of its quote');
SELECT remember('i', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('o')) \gset
SELECT is(prices('invoice', id('i')), '140.00 50.00', 'and the invoice those of its order');
UPDATE invoice_product SET quantity = 1 WHERE invoice_id = id('i') AND product_id = id('Chair');
SELECT is(prices('invoice', id('i')), '140.00 50.00', 'also when a line is edited');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
