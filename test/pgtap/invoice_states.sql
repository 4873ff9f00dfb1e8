-- Every state of an invoice against every call and every way to write it: the state it reaches, or the refusal (D§2.1, D§3.7).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(158);

-- An invoice of 250; partial: 100 of it is paid.
SELECT count(invoice_in(s)) FROM unnest('{active,partial,paid,canceled}'::text[]) AS s \gset

CREATE TABLE tap.expected (statement text, active text, partial text, paid text, canceled text);
INSERT INTO tap.expected VALUES
	('SELECT sales_crm.pay_invoice(invoice_id => %s)',
		'paid/complete', 'paid/complete', 'SC001', 'SC001'),
	('SELECT sales_crm.pay_invoice(invoice_id => %s, amount => 150)',
		'paid/partial', 'paid/complete', 'SC001', 'SC001'),
	('SELECT sales_crm.pay_invoice(invoice_id => %s, amount => 0.01)',
		'paid/partial', 'paid/partial', 'SC001', 'SC001'),
	('SELECT sales_crm.pay_invoice(invoice_id => %s, amount => 250.01)',
		'SC010', 'SC010', 'SC001', 'SC001'),
	('SELECT sales_crm.pay_invoice(invoice_id => %s, amount => 0)',
		'SC010', 'SC010', 'SC001', 'SC001'),
	('SELECT sales_crm.pay_invoice(invoice_id => %s, amount => -1)',
		'SC010', 'SC010', 'SC001', 'SC001'),
	('SELECT sales_crm.cancel_payment(payment_id => (SELECT payment_id FROM payment WHERE invoice_id = %s))',
		'22004', 'active/new', 'active/new', '22004'),
	('SELECT sales_crm.cancel_invoice(invoice_id => %s)',
		'canceled/canceled', 'SC011', 'SC011', 'SC001'),
	('SELECT sales_crm.lock_invoice_pricing(invoice_id => %s)',
		'active/new', 'SC002', 'SC002', 'SC002'),
	('SELECT sales_crm.unlock_invoice_pricing(invoice_id => %s)',
		'active/new', 'SC002', 'SC002', 'SC002'),
	('UPDATE invoice SET state = ''active'', status_reason = ''new'' WHERE invoice_id = %s',
		'active/new', 'SC001', 'SC001', 'SC001'),
	('UPDATE invoice SET state = ''paid'' WHERE invoice_id = %s',
		'SC001', 'paid/partial', 'paid/complete', 'SC001'),
	('UPDATE invoice SET state = ''canceled'' WHERE invoice_id = %s',
		'SC001', 'SC001', 'SC001', 'canceled/canceled'),
	('UPDATE invoice SET status_reason = ''complete'' WHERE invoice_id = %s',
		'SC003', 'SC002', 'paid/complete', 'SC003'),
	('UPDATE invoice SET status_reason = ''billed'' WHERE invoice_id = %s',
		'active/billed', 'SC003', 'SC003', 'SC003'),
	('UPDATE invoice SET status_reason = ''partially_shipped'' WHERE invoice_id = %s',
		'active/partially_shipped', 'SC003', 'SC003', 'SC003'),
	('UPDATE invoice SET name = ''Another'' WHERE invoice_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002'),
	('UPDATE invoice SET due_date = due_date + 1 WHERE invoice_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002'),
	('UPDATE invoice SET description = ''Seen'' WHERE invoice_id = %s',
		'active/new', 'paid/partial', 'paid/complete', 'canceled/canceled'),
	('UPDATE invoice SET name = name, amount_paid = amount_paid WHERE invoice_id = %s',
		'active/new', 'paid/partial', 'paid/complete', 'canceled/canceled'),
	('UPDATE invoice SET amount_paid = 1 WHERE invoice_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002'),
	('UPDATE invoice SET balance_amount = 1 WHERE invoice_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002'),
	('UPDATE invoice SET is_price_locked = true WHERE invoice_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002'),
	('UPDATE invoice SET sales_order_id = 1 WHERE invoice_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002'),
	('DELETE FROM invoice WHERE invoice_id = %s',
		'gone', 'SC002', 'SC002', 'SC002'),
	('INSERT INTO invoice_product (invoice_id, product_description, price_per_unit) VALUES (%s, ''More'', 1)',
		'active/new', 'SC002', 'SC002', 'SC002'),
	('UPDATE invoice_product SET quantity = 3 WHERE invoice_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002'),
	('UPDATE invoice_product SET shipping_tracking_number = ''1Z'' WHERE invoice_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002'),
	('DELETE FROM invoice_product WHERE invoice_id = %s',
		'active/new', 'SC002', 'SC002', 'SC002'),
	('UPDATE payment SET amount = 1 WHERE invoice_id = %s',
		'active/new', 'SC002', 'SC002', 'canceled/canceled'),
	('UPDATE payment SET canceled_at = now() WHERE invoice_id = %s',
		'active/new', 'SC002', 'SC002', 'canceled/canceled'),
	('DELETE FROM payment WHERE invoice_id = %s',
		'active/new', 'SC002', 'SC002', 'canceled/canceled'),
	('INSERT INTO payment (invoice_id, amount, payment_date) VALUES (%s, 1, ''2026-01-01'')',
		'SC001', 'SC001', 'SC001', 'SC001');

SELECT is(outcome('invoice', id(cell.key), e.statement), cell.value, cell.key || ': ' || e.statement)
FROM tap.expected AS e, LATERAL jsonb_each_text(to_jsonb(e) - 'statement') AS cell;

-- Births.
SELECT is(outcome('invoice', 999999999, format('INSERT INTO invoice (invoice_id, account_id, state, status_reason) VALUES (%%s, id(''Contoso''), %L, %L)', b.state, b.reason)), b.expected,
          format('an invoice born %s/%s', b.state, b.reason))
FROM (VALUES ('active', 'new', 'active/new'), ('active', 'billed', 'active/billed'), ('paid', 'complete', 'SC001'), ('paid', 'partial', 'SC001'),
             ('canceled', 'canceled', 'SC001'), ('active', 'complete', 'SC003')) AS b (state, reason, expected);

-- Keys that are not there, and none.
SELECT refused(format('SELECT * FROM sales_crm.%I(%s => %s)', f.name, f.key, a.argument), a.expected, format('%s(%s)', f.name, a.argument))
FROM (VALUES ('pay_invoice', 'invoice_id'), ('cancel_invoice', 'invoice_id'), ('lock_invoice_pricing', 'invoice_id'), ('unlock_invoice_pricing', 'invoice_id'),
             ('cancel_payment', 'payment_id')) AS f (name, key),
     (VALUES ('-1', 'P0002'), ('NULL', '22004')) AS a (argument, expected);

-- The refusals tell what, why and the way out.
SELECT refused(format('SELECT sales_crm.pay_invoice(invoice_id => %s)', id('paid')), 'SC001', 'paying a paid invoice');
SELECT refused(format('SELECT sales_crm.pay_invoice(invoice_id => %s)', id('canceled')), 'SC001', 'paying a canceled invoice');
SELECT refused(format('SELECT sales_crm.pay_invoice(invoice_id => %s, amount => 150.01)', id('partial')), 'SC010', 'paying more than is open');
SELECT refused(format('SELECT sales_crm.cancel_invoice(invoice_id => %s)', id('partial')), 'SC011', 'canceling an invoice with a payment');
SELECT refused(format('UPDATE invoice_product SET quantity = 9 WHERE invoice_id = %s', id('paid')), 'SC002', 'a line of a paid invoice edited');
SELECT refused(format('INSERT INTO payment (invoice_id, amount, payment_date) VALUES (%s, 1, now())', id('active')), 'SC001', 'a payment written by hand');
SELECT refused(format('UPDATE payment SET amount = 1 WHERE invoice_id = %s', id('paid')), 'SC002', 'a payment changed by hand');
SELECT refused(format('DELETE FROM payment WHERE invoice_id = %s', id('paid')), 'SC002', 'a payment deleted by hand');
SELECT refused('TRUNCATE invoice_product', 'SC002', 'TRUNCATE');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
