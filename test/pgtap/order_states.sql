-- Every state of an order against every call and every way to write it: the state it reaches, or the refusal (D§2.1, D§3.6).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(213);

-- billed: fulfilled with its invoice; invoiced: the same under the setting mark_order_invoiced.
SELECT count(order_in(s)) FROM unnest('{active,submitted,fulfilled,billed,invoiced,canceled}'::text[]) AS s \gset

CREATE TABLE tap.expected (statement text, active text, submitted text, fulfilled text, billed text, invoiced text, canceled text);
INSERT INTO tap.expected VALUES
	('SELECT sales_crm.submit_order(sales_order_id => %s)',
		'submitted/in_progress', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.fulfill_order(sales_order_id => %s)',
		'fulfilled/complete', 'fulfilled/complete', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.fulfill_order(sales_order_id => %s, status_reason => NULL, create_invoice => NULL)',
		'fulfilled/complete', 'fulfilled/complete', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.fulfill_order(sales_order_id => %s, status_reason => ''partial'', create_invoice => false)',
		'fulfilled/partial', 'fulfilled/partial', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.fulfill_order(sales_order_id => %s, status_reason => ''invoiced'')',
		'SC003', 'SC003', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.cancel_order(sales_order_id => %s)',
		'canceled/no_money', 'canceled/no_money', 'canceled/no_money', 'SC011', 'SC001', 'SC001'),
	('SELECT sales_crm.create_invoice_from_order(sales_order_id => %s)',
		'active/new', 'SC001', 'fulfilled/complete', 'SC011', 'SC011', 'SC001'),
	('SELECT sales_crm.lock_order_pricing(sales_order_id => %s)',
		'active/new', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('SELECT sales_crm.unlock_order_pricing(sales_order_id => %s)',
		'active/new', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order SET state = ''active'', status_reason = ''new'' WHERE sales_order_id = %s',
		'active/new', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('UPDATE sales_order SET state = ''submitted'' WHERE sales_order_id = %s',
		'SC001', 'submitted/in_progress', 'SC001', 'SC001', 'SC001', 'SC001'),
	('UPDATE sales_order SET state = ''fulfilled'' WHERE sales_order_id = %s',
		'SC001', 'SC001', 'fulfilled/complete', 'fulfilled/complete', 'SC001', 'SC001'),
	('UPDATE sales_order SET state = ''invoiced'' WHERE sales_order_id = %s',
		'SC001', 'SC001', 'SC001', 'SC001', 'invoiced/invoiced', 'SC001'),
	('UPDATE sales_order SET state = ''canceled'' WHERE sales_order_id = %s',
		'SC001', 'SC001', 'SC001', 'SC001', 'SC001', 'canceled/no_money'),
	('UPDATE sales_order SET status_reason = ''pending'' WHERE sales_order_id = %s',
		'active/pending', 'SC003', 'SC003', 'SC003', 'SC003', 'SC003'),
	('UPDATE sales_order SET status_reason = ''partial'' WHERE sales_order_id = %s',
		'SC003', 'SC003', 'SC002', 'SC002', 'SC003', 'SC003'),
	('UPDATE sales_order SET name = ''Another'' WHERE sales_order_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order SET freight_amount = 5 WHERE sales_order_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order SET description = ''Seen'' WHERE sales_order_id = %s',
		'active/new', 'submitted/in_progress', 'fulfilled/complete', 'fulfilled/complete', 'invoiced/invoiced', 'canceled/no_money'),
	('UPDATE sales_order SET owner_id = owner_id, name = name, total_tax = total_tax WHERE sales_order_id = %s',
		'active/new', 'submitted/in_progress', 'fulfilled/complete', 'fulfilled/complete', 'invoiced/invoiced', 'canceled/no_money'),
	('UPDATE sales_order SET is_price_locked = true WHERE sales_order_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order SET quote_id = 1 WHERE sales_order_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order SET fulfilled_on = ''2020-01-01'' WHERE sales_order_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order SET submitted_on = ''2020-01-01'' WHERE sales_order_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order SET total_amount_base = 1 WHERE sales_order_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('DELETE FROM sales_order WHERE sales_order_id = %s',
		'gone', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('INSERT INTO sales_order_product (sales_order_id, product_description, price_per_unit) VALUES (%s, ''More'', 1)',
		'active/new', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order_product SET quantity = quantity + 1 WHERE sales_order_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order_product SET quantity_backordered = 1 WHERE sales_order_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE sales_order_product SET quantity_invoiced = 1 WHERE sales_order_id = %s',
		'428C9', '428C9', '428C9', '428C9', '428C9', '428C9'),
	('DELETE FROM sales_order_product WHERE sales_order_id = %s',	-- a line that was invoiced is held by its key first
		'active/new', 'SC002', 'SC002', '23503', '23503', 'SC002');

SELECT is(outcome('sales_order', id(cell.key), e.statement), cell.value, cell.key || ': ' || e.statement)
FROM tap.expected AS e, LATERAL jsonb_each_text(to_jsonb(e) - 'statement') AS cell;

-- Births.
SELECT is(outcome('sales_order', 999999999, format('INSERT INTO sales_order (sales_order_id, account_id, state, status_reason) VALUES (%%s, id(''Contoso''), %L, %L)', b.state, b.reason)), b.expected,
          format('an order born %s/%s', b.state, b.reason))
FROM (VALUES ('active', 'new', 'active/new'), ('active', 'pending', 'active/pending'), ('submitted', 'in_progress', 'SC001'), ('fulfilled', 'complete', 'SC001'),
             ('invoiced', 'invoiced', 'SC001'), ('canceled', 'no_money', 'SC001'), ('active', 'complete', 'SC003')) AS b (state, reason, expected);

-- Keys that are not there, and none.
SELECT refused(format('SELECT * FROM sales_crm.%I(sales_order_id => %s)', f, a.argument), a.expected, format('%s(%s)', f, a.argument))
FROM unnest('{submit_order,fulfill_order,cancel_order,create_invoice_from_order,lock_order_pricing,unlock_order_pricing}'::text[]) AS f,
     (VALUES ('-1', 'P0002'), ('NULL', '22004')) AS a (argument, expected);

-- The refusals tell what, why and the way out.
SELECT refused(format('SELECT sales_crm.submit_order(sales_order_id => %s)', id('canceled')), 'SC001', 'submitting a canceled order');
SELECT refused(format('SELECT sales_crm.create_invoice_from_order(sales_order_id => %s)', id('submitted')), 'SC001', 'invoicing a submitted order');
SELECT refused(format('SELECT sales_crm.create_invoice_from_order(sales_order_id => %s)', id('billed')), 'SC011', 'invoicing an order twice');
SELECT refused(format('SELECT sales_crm.cancel_order(sales_order_id => %s)', id('billed')), 'SC011', 'canceling an order with an invoice');
SELECT refused(format('SELECT sales_crm.unlock_order_pricing(sales_order_id => %s)', id('fulfilled')), 'SC002', 'unlocking a fulfilled order');
SELECT refused(format('UPDATE sales_order SET state = %L WHERE sales_order_id = %s', 'fulfilled', id('active')), 'SC001', 'a state set by hand');
SELECT refused(format('UPDATE sales_order_product SET quantity = 9 WHERE sales_order_id = %s', id('fulfilled')), 'SC002', 'a line of a fulfilled order edited');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
