-- Bundles travel from the deal to the invoice: copied with their members, which belong to the new lines (D§3.4, D§4.11).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/bundles.sql
SELECT plan(39);

-- A deal with two bundles, a chair between them, and an optional member that was changed.
SELECT remember('deal', new_bundle('opportunity')) \gset
INSERT INTO opportunity_product (opportunity_id, product_id, quantity) VALUES (id('deal'), id('Chair'), 1);
INSERT INTO opportunity_product (opportunity_id, product_id, quantity) VALUES (id('deal'), id('Set'), 2);
UPDATE opportunity_product SET quantity = 1 WHERE opportunity_product_id = (SELECT min(opportunity_product_id) FROM opportunity_product WHERE product_id = id('Rug') AND opportunity_id = id('deal'));
CREATE TABLE tap.expected AS SELECT '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 1 40, 5 ? Plant 5 250, 6 Chair 1 100, '
	'7 ! Set 2 1000, 8 + Seat 10 0, 9 + Desk 10 0, 10 ? Rug 10 400, 11 ? Plant 10 500'::text AS lines, 2790.0000 AS total;
SELECT is(lines_of('opportunity', id('deal')), lines, 'the deal') FROM tap.expected;

SELECT remember('quote', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('deal')) \gset
SELECT is(lines_of('quote', id('quote')) || ' ' || total_of('quote', id('quote')), lines || ' ' || total, 'its quote') FROM tap.expected;
SELECT is((SELECT count(*) FROM quote_product AS l JOIN quote_product AS b ON b.quote_product_id = l.bundle_line_id AND b.quote_id = l.quote_id JOIN product_association AS a ON a.product_association_id = l.product_association_id
	AND a.product_id = l.product_id WHERE l.quote_id = id('quote')), 8::bigint, 'whose members belong to its own bundles');
SELECT is((SELECT count(DISTINCT bundle_line_id) FROM quote_product WHERE quote_id = id('quote')), 2::bigint, 'each to its own');
SELECT is(lines_of('sales_order', sales_order_id), lines, 'an order of the deal') FROM tap.expected, sales_crm.create_order_from_opportunity(opportunity_id => id('deal'));
SELECT is(lines_of('invoice', invoice_id), lines, 'an invoice of the deal') FROM tap.expected, sales_crm.create_invoice_from_opportunity(opportunity_id => id('deal'));

SELECT remember('made', sales_order_id) FROM sales_crm.create_order_from_opportunity(opportunity_id => id('deal')) \gset
SELECT is(lines_of('sales_order', id('made')), lines, 'an order of the deal, seen later') FROM tap.expected;
UPDATE sales_order_product SET quantity = 3 WHERE sales_order_id = id('made') AND line_number = 7;
SELECT is(lines_of('sales_order', id('made')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 1 40, 5 ? Plant 5 250, 6 Chair 1 100, 7 ! Set 3 1500, 8 + Seat 15 0, 9 + Desk 15 0, 10 ? Rug 15 600, 11 ? Plant 15 750',
	'members of copied lines follow too, at the prices of a locked order');

-- A new revision has bundles of its own.
SELECT sales_crm.activate_quote(quote_id => id('quote')) \gset
SELECT remember('revision', quote_id) FROM sales_crm.revise_quote(quote_id => id('quote')) \gset
SELECT is(lines_of('quote', id('revision')) || ' ' || total_of('quote', id('revision')), lines || ' ' || total, 'the revision') FROM tap.expected;
DELETE FROM quote_product WHERE quote_id = id('revision') AND line_number = 7;
SELECT is(lines_of('quote', id('revision')) || ' ' || total_of('quote', id('revision')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 1 40, 5 ? Plant 5 250, 6 Chair 1 100 890.0000', 'a bundle goes from it');
SELECT is(lines_of('quote', id('quote')), lines, 'and stays in the one before') FROM tap.expected;

-- Accepted, fulfilled, invoiced.
SELECT sales_crm.activate_quote(quote_id => id('revision')) \gset
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('revision')) \gset
SELECT is(lines_of('sales_order', id('order')) || ' ' || total_of('sales_order', id('order')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 1 40, 5 ? Plant 5 250, 6 Chair 1 100 890.0000', 'the order');
SELECT remember('invoice', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('order')) \gset
SELECT is(lines_of('invoice', id('invoice')) || ' ' || total_of('invoice', id('invoice')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 1 40, 5 ? Plant 5 250, 6 Chair 1 100 890.0000', 'the invoice');
SELECT is((SELECT string_agg(quantity_invoiced::text, ' ' ORDER BY line_number) FROM sales_order_product WHERE sales_order_id = id('order')), '1.00000 5.00000 5.00000 1.00000 5.00000 1.00000', 'all is invoiced');

-- Part by part: the invoice of less takes members with it, the rest follows.
SELECT remember('parts', new_bundle('sales_order', 4)) \gset
SELECT remember('part', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('parts')) \gset
UPDATE invoice_product SET quantity = 1 WHERE invoice_id = id('part') AND product_type = 'bundle';
SELECT is(lines_of('invoice', id('part')) || ' ' || total_of('invoice', id('part')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 5 200, 5 ? Plant 5 250 950.0000', 'a quarter of it');
SELECT is((SELECT string_agg(trim_scale(quantity_invoiced)::text, ' ' ORDER BY line_number) FROM sales_order_product WHERE sales_order_id = id('parts')), '1 5 5 5 5', 'is counted on the order');
SELECT remember('rest', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('parts')) \gset
SELECT is(lines_of('invoice', id('rest')) || ' ' || total_of('invoice', id('rest')), '1 ! Set 3 1500, 2 + Seat 15 0, 3 + Desk 15 0, 4 ? Rug 15 600, 5 ? Plant 15 750 2850.0000', 'and the rest');
SELECT refused(format('UPDATE sales_order_product SET quantity = 3 WHERE sales_order_product_id = %s', line_of('sales_order', id('parts'), 'Set')), 'SC010', 'less than is invoiced');
SELECT remember('short', new_bundle('sales_order')) \gset
SELECT remember('first', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('short')) \gset
UPDATE invoice_product SET quantity = 2 WHERE invoice_id = id('first') AND product_id = id('Rug');
SELECT remember('second', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('short')) \gset
SELECT is(lines_of('invoice', id('second')) || ' ' || total_of('invoice', id('second')), '4 Rug 3 120 120.0000', 'an optional member whose bundle is invoiced already becomes a line of its own');

-- Parts that name the bundle, that follow deliveries, that are credited: required members go along, optional ones when they are named.
CREATE FUNCTION tap.part(entity text, document_id bigint, products text[], quantities numeric[]) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_agg(jsonb_build_object(entity || '_product_id', line_of(entity, document_id, p), 'quantity', q)) FROM unnest(products, quantities) AS x (p, q)
$$;
SELECT remember('named', new_bundle('sales_order', 4)) \gset
SELECT remember('one', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('named'), lines => part('sales_order', id('named'), '{Set}', '{1}')) \gset
SELECT is(lines_of('invoice', id('one')) || ' ' || total_of('invoice', id('one')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0 500.0000', 'one of four bundles');
SELECT remember('two', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('named'), lines => part('sales_order', id('named'), '{Set,Seat,Rug}', '{2,1,3}')) \gset
SELECT is(lines_of('invoice', id('two')) || ' ' || total_of('invoice', id('two')), '1 ! Set 2 1000, 2 + Seat 10 0, 3 + Desk 10 0, 4 ? Rug 3 120 1120.0000', 'two of them with some of an option; a required member named beside it follows');
SELECT refused(format('SELECT sales_crm.create_invoice_from_order(sales_order_id => %s, lines => part(''sales_order'', %1$s, ''{Seat}'', ''{5}''))', id('named')), 'SC011', 'a required member alone is nothing to invoice');
SELECT remember('last', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('named')) \gset
SELECT is(lines_of('invoice', id('last')) || ' ' || total_of('invoice', id('last')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 17 680, 5 ? Plant 20 1000 2180.0000', 'the rest');
SELECT is(total_of('invoice', id('one')) + total_of('invoice', id('two')) + total_of('invoice', id('last')), total_of('sales_order', id('named')), 'the parts come to the order');
SELECT remember('credit', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('two'), lines => part('invoice', id('two'), '{Set}', '{1}')) \gset
SELECT is(lines_of('invoice', id('credit')) || ' ' || total_of('invoice', id('credit')), '1 ! Set -1 -500, 2 + Seat -5 0, 3 + Desk -5 0 -500.0000', 'one of them is credited');
SELECT remember('credit', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('two')) \gset
SELECT is(lines_of('invoice', id('credit')) || ' ' || total_of('invoice', id('credit')), '1 ! Set -1 -500, 2 + Seat -5 0, 3 + Desk -5 0, 4 ? Rug -3 -120 -620.0000', 'and what is left of that invoice');
SELECT remember('sent', new_bundle('sales_order', 4)) \gset
SELECT sales_crm.deliver_order(sales_order_id => id('sent'), lines => part('sales_order', id('sent'), '{Set,Rug}', '{3,5}')) \gset
SELECT remember('of sent', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('sent'), basis => 'delivered') \gset
SELECT is(lines_of('invoice', id('of sent')), '1 ! Set 3 1500, 2 + Seat 15 0, 3 + Desk 15 0, 4 ? Rug 5 200', 'what is delivered of the bundle');
SELECT sales_crm.return_order(sales_order_id => id('sent'), lines => part('sales_order', id('sent'), '{Set}', '{1}')) \gset
SELECT refused(format('SELECT sales_crm.create_invoice_from_order(sales_order_id => %s, lines => part(''sales_order'', %1$s, ''{Set}'', ''{1}''))', id('sent')), 'SC010', 'a bundle that came back is not invoiced');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing in parts');

-- Choosing an optional bundle takes its members along; choosing a member alone is no choice.
CREATE FUNCTION tap.accepted(chosen text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE offer bigint := new_bundle('quote', 1, 'optional'); made bigint;
BEGIN
	INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (offer, id('Chair'), 2);
	PERFORM sales_crm.activate_quote(quote_id => offer);
	made := sales_crm.accept_quote(quote_id => offer, quote_product_ids => ARRAY(SELECT line_of('quote', offer, c) FROM unnest(chosen) AS c));
	RETURN remember('chosen', made);
END $$;
SELECT count(accepted('{}')) \gset
SELECT is(lines_of('sales_order', id('chosen')), '6 Chair 2 200', 'not chosen');
SELECT count(accepted('{Set}')) \gset
SELECT is(lines_of('sales_order', id('chosen')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 5 200, 5 ? Plant 5 250, 6 Chair 2 200', 'chosen with its members');
SELECT is(total_of('sales_order', id('chosen')), 1150.0000, 'and summed');
SELECT count(accepted('{Set,Seat,Desk,Rug,Plant}')) \gset
SELECT is(lines_of('sales_order', id('chosen')), '1 ! Set 1 500, 2 + Seat 5 0, 3 + Desk 5 0, 4 ? Rug 5 200, 5 ? Plant 5 250, 6 Chair 2 200', 'members may be named too');
SELECT refused('SELECT tap.accepted(''{Rug}'')', '22023', 'but none without its bundle');

-- Imported lines come as they are.
SET LOCAL sales_crm.import_mode = on;
SELECT remember('old', quote_id) FROM (SELECT NULL) AS none, LATERAL (SELECT nextval(pg_get_serial_sequence('quote', 'quote_id')) AS quote_id) AS made \gset
INSERT INTO quote (quote_id, account_id, price_list_id) VALUES (id('old'), id('Contoso'), id('tap USD'));
INSERT INTO quote_product (quote_id, product_id, price_per_unit) VALUES (id('old'), id('Set'), 480);
SELECT is(lines_of('quote', id('old')), '1 ! Set 1 480', 'an imported bundle brings nothing');
INSERT INTO quote_product (quote_id, product_id, bundle_line_id, quantity) VALUES (id('old'), id('Seat'), line_of('quote', id('old'), 'Set'), 5), (id('old'), id('Rug'), line_of('quote', id('old'), 'Set'), 1);
SELECT is(lines_of('quote', id('old')), '1 ! Set 1 480, 2 + Seat 5 0, 3 ? Rug 1 40', 'its members are imported, and find their place');
SELECT set_eq('SELECT check_name, detail FROM sales_crm.verify()', format('VALUES (''bundle_without_members'', ''lacks its required member %s'')', (SELECT product_association_id FROM product_association WHERE bundle_id = id('Set') AND product_id = id('Desk'))), 'verify() finds the one that was forgotten');
INSERT INTO quote_product (quote_id, product_id, bundle_line_id, quantity) VALUES (id('old'), id('Desk'), line_of('quote', id('old'), 'Set'), 4);
SELECT set_eq('SELECT check_name, record_id FROM sales_crm.verify()', format('VALUES (''required_bundle_member'', %s::bigint)', line_of('quote', id('old'), 'Desk')), 'and one of another quantity');
UPDATE quote_product SET quantity = 5 WHERE quote_product_id = line_of('quote', id('old'), 'Desk');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing more');

SELECT * FROM finish();
ROLLBACK;
