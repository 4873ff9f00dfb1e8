-- What a seller cannot bend: lines that name their source, types, what is invoiced or delivered, keys, signs, credit; and what verify() says of data that has it already.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(151);

WITH made AS (INSERT INTO account (name, price_list_id) VALUES ('Fabrikam', id('tap USD')) RETURNING account_id) SELECT remember('Fabrikam', account_id) FROM made \gset
WITH made AS (INSERT INTO contact (last_name) VALUES ('Ruiz') RETURNING contact_id) SELECT remember('Ruiz', contact_id) FROM made \gset
CREATE FUNCTION header(entity text, columns text, vals text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %1$I (name, %2$s) VALUES (''By hand'', %3$s) RETURNING %1$s_id', entity, columns, vals) INTO made;
	RETURN made;
END $$;
-- The line of a document with that product, or written in.
CREATE FUNCTION line_of(entity text, document bigint, product text DEFAULT 'Chair') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
	EXECUTE format('SELECT min(%1$s_product_id) FROM %1$s_product WHERE %1$s_id = $1 AND product_id IS NOT DISTINCT FROM $2', entity) INTO found USING document, id(product);
	RETURN found;
END $$;
-- Inserts a line of one chair, with a source, into a document.
CREATE FUNCTION chair(entity text, document bigint, source text, source_line bigint, more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
	SELECT format('INSERT INTO %1$s_product (%1$s_id, product_id, %2$s%5$s) VALUES (%3$s, %4$s, %6$s%7$s)', entity, source, document, id('Chair'),
	              CASE more WHEN '' THEN '' ELSE ', ' || split_part(more, '=', 1) END, source_line, CASE more WHEN '' THEN '' ELSE ', ' || split_part(more, '=', 2) END)
$$;
-- What verify() says, spoiled behind the triggers and undone.
CREATE FUNCTION verified(spoil text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE spoil;
	SET LOCAL session_replication_role = origin;
	SELECT string_agg(DISTINCT check_name || ' ' || entity, ', ' ORDER BY check_name || ' ' || entity) INTO found FROM sales_crm.verify();
	RAISE EXCEPTION USING ERRCODE = 'ZZ001', MESSAGE = coalesce(found, 'nothing');
EXCEPTION WHEN SQLSTATE 'ZZ001' THEN RETURN SQLERRM;
END $$;

-- 1. A line that names its source belongs to the source of its header.
SELECT remember('o', new_document('sales_order')), remember('o2', new_document('sales_order')), new_deal(), new_deal('deal 2') \gset
SELECT remember('i', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o'), lines => jsonb_build_array(jsonb_build_object('sales_order_product_id', line_of('sales_order', id('o')), 'quantity', 1))) \gset
SELECT remember('other', header('invoice', 'account_id', id('Fabrikam')::text)), remember('same', header('invoice', 'account_id, price_list_id', format('%s, %s', id('Contoso'), id('tap USD')))),
	remember('euro', header('invoice', 'account_id, price_list_id', format('%s, %s', id('Contoso'), id('tap EUR')))) \gset
SELECT refused(chair('invoice', id('other'), 'sales_order_product_id', line_of('sales_order', id('o2')), 'quantity=10'), '23514', 'an order of another customer is not billed');
SELECT is(quantity_invoiced, 0.00000, 'nor counts it as invoiced') FROM sales_order_product WHERE sales_order_product_id = line_of('sales_order', id('o2'));
SELECT refused(chair('invoice', id('i'), 'sales_order_product_id', line_of('sales_order', id('o2'))), '23514', 'an invoice of one order bills no line of another');
SELECT refused(chair('invoice', id('euro'), 'sales_order_product_id', line_of('sales_order', id('o2'))), 'SC009', 'an invoice in another currency bills no line of it');
SELECT refused(chair('invoice', id('same'), 'sales_order_product_id', line_of('sales_order', id('o2'), 'nothing')), '23514', 'a line of another product bills no line of it');
SELECT refused(chair('invoice', id('same'), 'sales_order_product_id', line_of('sales_order', id('o2')), 'unit_id=' || id('dozen')), '23514', 'nor one in another unit');
SELECT refused(format('INSERT INTO invoice_product (invoice_id, line_kind, description, quantity, sales_order_product_id) VALUES (%s, ''note'', ''x'', 2, %s)', id('same'), line_of('sales_order', id('o2'), 'nothing')), '23514', 'nor a note, which costs nothing');
SELECT refused(chair('invoice', id('same'), 'sales_order_product_id', 0), '23503', 'nor one of no order line');
SELECT lives_ok(chair('invoice', id('same'), 'sales_order_product_id', line_of('sales_order', id('o2'))), 'an invoice by hand of the same customer may');
SELECT remember('billed', line_of('invoice', id('same'))) \gset
SELECT refused(format('UPDATE invoice_product SET %s WHERE invoice_product_id = id(''billed'')', change), '23514', 'then it stays what the order line is: ' || change)
FROM (VALUES ('product_id = ' || id('Table')), ('unit_id = ' || id('dozen')), ('line_kind = ''note'', product_id = NULL, unit_id = NULL, description = ''x''')) AS c (change);
SELECT refused(format('UPDATE invoice_product SET sales_order_product_id = %s WHERE invoice_product_id = id(''billed'')', line_of('sales_order', id('o2'), 'nothing')), '23514', 'nor goes to another line of it');
SELECT remember('down', header('invoice', 'account_id, price_list_id, invoice_type', format('%s, %s, ''down_payment''', id('Contoso'), id('tap USD')))) \gset
SELECT refused(chair('invoice', id('down'), 'sales_order_product_id', line_of('sales_order', id('o2'))), '23514', 'a down payment bills no order line');

SELECT remember('q', new_document('quote', id('deal'))), remember('free', new_document('quote')), remember('o of deal', new_document('sales_order', id('deal'))),
	remember('q euro', header('quote', 'account_id, price_list_id', format('%s, %s', id('Contoso'), id('tap EUR')))), remember('q other', header('quote', 'account_id', id('Fabrikam')::text)) \gset
SELECT refused(chair('quote', id('q'), 'opportunity_product_id', line_of('opportunity', id('deal 2'))), '23514', 'a quote''s line comes from its own opportunity');
SELECT lives_ok(chair('quote', id('q'), 'opportunity_product_id', line_of('opportunity', id('deal'))), 'from that it may');
SELECT refused(chair('quote', id('q other'), 'opportunity_product_id', line_of('opportunity', id('deal'))), '23514', 'without one from none of another customer');
SELECT refused(chair('quote', id('q euro'), 'opportunity_product_id', line_of('opportunity', id('deal'))), 'SC009', 'nor in another currency');
SELECT lives_ok(chair('quote', id('free'), 'opportunity_product_id', line_of('opportunity', id('deal'))), 'but from one of the same');
SELECT refused(chair('sales_order', id('o of deal'), 'opportunity_product_id', line_of('opportunity', id('deal 2'))), '23514', 'an order''s line likewise');
SELECT refused(chair('invoice', header('invoice', 'account_id, price_list_id, opportunity_id', format('%s, %s, %s', id('Contoso'), id('tap USD'), id('deal'))), 'opportunity_product_id', line_of('opportunity', id('deal 2'))), '23514', 'an invoice''s too');
SELECT remember('ordered', quote_in('ordered')) \gset
SELECT remember('o of quote', sales_order_id) FROM sales_order WHERE quote_id = id('ordered') \gset
SELECT refused(chair('sales_order', id('o of quote'), 'quote_product_id', line_of('quote', id('q'))), '23514', 'an order''s line comes from its own quote');
SELECT lives_ok(chair('sales_order', id('o of quote'), 'quote_product_id', line_of('quote', id('ordered'))), 'from that it may');
SELECT refused(chair('sales_order', header('sales_order', 'account_id', id('Fabrikam')::text), 'quote_product_id', line_of('quote', id('q'))), '23514', 'an order without a quote takes none of another customer''s');
SELECT set_config('sales_crm.import_mode', 'on', true) \gset
SELECT refused(chair('invoice', id('other'), 'sales_order_product_id', line_of('sales_order', id('o2'))), '23514', 'what is imported fits too');
SELECT set_config('sales_crm.import_mode', 'off', true) \gset
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold so far');

-- 2. The type of an invoice, and what documents come from.
SELECT refused(format('UPDATE invoice SET invoice_type = %L WHERE invoice_id = id(%L)', kind, which), '428C9', which || ' does not become a ' || kind)
FROM unnest('{down_payment,credit_note}'::text[]) AS kind, unnest('{i,same}'::text[]) AS which;
SELECT is(quantity_invoiced, 1.00000, 'the order stays invoiced') FROM sales_order_product WHERE sales_order_product_id = line_of('sales_order', id('o'));
SELECT lives_ok('UPDATE invoice SET invoice_type = ''credit_note'' WHERE invoice_id = id(''euro'')', 'an empty one may become one');
SELECT lives_ok('UPDATE invoice SET invoice_type = ''invoice'' WHERE invoice_id = id(''i'')', 'writing back what was read passes');
SELECT sales_crm.pay_invoice(invoice_id => id('euro')), remember('once paid', new_document('invoice')) \gset
SELECT sales_crm.pay_invoice(invoice_id => id('once paid'), amount => 1) \gset
SELECT sales_crm.cancel_payment(payment_id => payment_id) FROM payment WHERE invoice_id = id('once paid') \gset
DELETE FROM invoice_product WHERE invoice_id = id('once paid');
SELECT refused('UPDATE invoice SET invoice_type = ''credit_note'' WHERE invoice_id = id(''once paid'')', '428C9', 'one that was paid and has no lines does not');
SELECT remember('from deal', sales_order_id) FROM sales_crm.create_order_from_opportunity(opportunity_id => id('deal')) \gset
SELECT remember('quoted', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('deal')) \gset
SELECT refused(format('UPDATE %1$s SET opportunity_id = %2$s WHERE %1$s_id = %3$s', entity, id('deal 2'), id(which)), '428C9', 'the opportunity of ' || entity || ' is where it comes from: ' || which)
FROM (VALUES ('quote', 'quoted'), ('sales_order', 'from deal'), ('sales_order', 'o of quote'), ('invoice', 'i')) AS d (entity, which);
SELECT lives_ok(format('UPDATE sales_order SET opportunity_id = %s WHERE sales_order_id = %s', id('deal 2'), id('o of deal')), 'of a document by hand it may be set');
SELECT refused(format('UPDATE sales_order SET opportunity_id = %s WHERE sales_order_id = %s', id('deal 2'), id('o')), '428C9', 'not when it is invoiced');

-- 3. What is invoiced of an order binds it.
SELECT remember('line', line_of('sales_order', id('o'))), remember('typed', line_of('sales_order', id('o'), 'nothing')) \gset
SELECT refused(format('UPDATE sales_order_product SET %s WHERE sales_order_product_id = id(''line'')', change), 'SC002', 'an invoiced line keeps: ' || change)
FROM (VALUES ('price_per_unit = 1, is_price_overridden = true'), ('price_per_unit = 1'), ('is_price_overridden = true'), ('manual_discount_amount = 199'), ('manual_discount_percentage = 99'), ('tax_amount = 1'),
             ('tax_category = ''reduced'''), ('line_kind = ''optional'''), ('product_id = ' || id('Table')), ('unit_id = ' || id('dozen')), ('product_id = NULL, unit_id = NULL, product_description = ''x''')) AS c (change);
SELECT lives_ok('UPDATE sales_order_product SET quantity = 3, description = ''one more'', price_per_unit = price_per_unit WHERE sales_order_product_id = id(''line'')', 'more of it, and words, may be written');
SELECT lives_ok('UPDATE sales_order_product SET price_per_unit = 45 WHERE sales_order_product_id = id(''typed'')', 'and a line that is not invoiced');
UPDATE price_list_item SET amount = 120 WHERE price_list_id = id('tap USD') AND product_id = id('Chair') AND unit_id = id('piece');
INSERT INTO sales_order_product (sales_order_id, product_id) VALUES (id('o'), id('Chair'));
UPDATE price_list_item SET amount = 130 WHERE price_list_id = id('tap USD') AND product_id = id('Chair') AND unit_id = id('piece');
SELECT count(*) FROM sales_crm.reprice(entity => 'sales_order', id => id('o')) \gset
SELECT is(string_agg(round(price_per_unit)::text, ' ' ORDER BY line_number), '100 45 130', 'priced anew, it keeps the price it is invoiced at') FROM sales_order_product WHERE sales_order_id = id('o');
SELECT is((SELECT result FROM sales_crm.explain_price(entity => 'sales_order', line_id => id('line')) ORDER BY step DESC LIMIT 1), 300.0000, 'which explain_price() tells');
SELECT refused(format('UPDATE sales_order SET %s WHERE sales_order_id = id(''o'')', change), code, 'the order keeps: ' || change)
FROM (VALUES ('account_id = ' || id('Fabrikam'), 'SC002'), ('account_id = NULL, contact_id = ' || id('Ann'), 'SC002'), ('discount_percentage = 5', 'SC002'), ('discount_amount = 400', 'SC010')) AS c (change, code);
SELECT lives_ok('UPDATE sales_order SET discount_amount = 5, freight_amount = 7, contact_id = id(''Ann'') WHERE sales_order_id = id(''o'')', 'a discount and freight that leave what is invoiced, and a person, may change');
SELECT remember('rest', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('o')) \gset
SELECT refused(format('UPDATE sales_order SET %s WHERE sales_order_id = id(''o'')', change), 'SC002', 'invoiced in full it keeps: ' || change)
FROM unnest('{"discount_amount = 999","freight_amount = 0","discount_percentage = 99"}'::text[]) AS change;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold so far');
SELECT refused(format('UPDATE invoice SET %s WHERE invoice_id = id(''rest'')', change), 'SC002', 'its invoice keeps its customer: ' || change)
FROM (VALUES ('account_id = ' || id('Fabrikam')), ('account_id = NULL, contact_id = ' || id('Ann'))) AS c (change);
SELECT lives_ok('UPDATE invoice SET bill_to_name = ''Contoso Holding'', contact_id = id(''Ann'') WHERE invoice_id = id(''rest'')', 'it may be sent to somebody else');
SELECT refused('UPDATE invoice SET account_id = id(''Fabrikam'') WHERE invoice_id = id(''same'')', 'SC002', 'an invoice by hand that bills an order too');
SELECT lives_ok(format('UPDATE invoice SET account_id = %s WHERE invoice_id = %s', id('Contoso'), header('invoice', 'account_id', id('Fabrikam')::text)), 'any other may get another customer');
SELECT remember('noted', new_document('invoice')) \gset
SELECT remember('note', invoice_id) FROM sales_crm.create_credit_note(invoice_id => id('noted')) \gset
SELECT refused(format('UPDATE invoice SET account_id = id(''Fabrikam'') WHERE invoice_id = id(%L)', which), 'SC002', 'a credit note and what it takes back stay the customer''s: ' || which) FROM unnest('{noted,note}'::text[]) AS which;
-- The way out: credit notes.
SELECT count(*) FROM unnest('{i,rest}'::text[]) AS n, sales_crm.create_credit_note(invoice_id => id(n)) \gset
SELECT lives_ok('UPDATE sales_order_product SET price_per_unit = 90, is_price_overridden = true WHERE sales_order_product_id = id(''line'')', 'credited, it may have another price');
SELECT lives_ok('UPDATE sales_order SET discount_amount = 9, account_id = id(''Fabrikam'') WHERE sales_order_id = id(''o'')', 'another discount and customer');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'and all invariants hold');
-- Delivered: the goods and who got them.
SELECT remember('d', new_document('sales_order')) \gset
SELECT sales_crm.deliver_order(sales_order_id => id('d')) \gset
SELECT refused(format('UPDATE sales_order_product SET %s WHERE sales_order_product_id = %s', change, line_of('sales_order', id('d'))), 'SC002', 'a delivered line keeps: ' || change)
FROM (VALUES ('product_id = ' || id('Table')), ('unit_id = ' || id('dozen')), ('line_kind = ''optional''')) AS c (change);
SELECT lives_ok(format('UPDATE sales_order_product SET price_per_unit = 80, is_price_overridden = true WHERE sales_order_product_id = %s', line_of('sales_order', id('d'))), 'its price may still change');
SELECT refused('UPDATE sales_order SET account_id = id(''Fabrikam'') WHERE sales_order_id = id(''d'')', 'SC002', 'its customer may not');
SELECT sales_crm.return_order(sales_order_id => id('d'), lines => jsonb_agg(jsonb_build_object('sales_order_product_id', sales_order_product_id, 'quantity', quantity))) FROM sales_order_product WHERE sales_order_id = id('d') \gset
SELECT lives_ok('UPDATE sales_order SET account_id = id(''Fabrikam'') WHERE sales_order_id = id(''d'')', 'but when all came back');
-- A down payment binds customer and currency too.
SELECT remember('p', new_document('sales_order')) \gset
SELECT remember('dp', invoice_id) FROM sales_crm.create_down_payment_invoice(sales_order_id => id('p'), percentage => 50) \gset
SELECT refused('UPDATE sales_order SET account_id = id(''Fabrikam'') WHERE sales_order_id = id(''p'')', 'SC002', 'an order with a down payment stays the customer''s');
DELETE FROM sales_order_product WHERE sales_order_id = id('p');
SELECT refused('UPDATE sales_order SET currency_code = ''EUR'', price_list_id = id(''tap EUR'') WHERE sales_order_id = id(''p'')', 'SC009', 'and in its currency, also without lines');
DELETE FROM invoice_product WHERE invoice_id = id('dp');
SELECT refused('UPDATE invoice SET currency_code = ''EUR'', price_list_id = id(''tap EUR'') WHERE invoice_id = id(''dp'')', 'SC009', 'as the down payment itself');
SELECT sales_crm.cancel_invoice(invoice_id => id('dp')) \gset
SELECT lives_ok('UPDATE sales_order SET currency_code = ''EUR'', price_list_id = id(''tap EUR'') WHERE sales_order_id = id(''p'')', 'canceled it binds no more');
-- A deal in another currency than the quote that wins it.
SELECT remember('q euro', header('quote', 'account_id, price_list_id, opportunity_id', format('%s, %s, %s', id('Contoso'), id('tap EUR'), id('deal 2')))) \gset
INSERT INTO quote_product (quote_id, product_description, quantity, price_per_unit) VALUES (id('q euro'), 'Thing', 1, 110);
SELECT sales_crm.activate_quote(quote_id => id('q euro')) \gset
SELECT sales_crm.accept_quote(quote_id => id('q euro')) \gset
SELECT is((state, actual_value)::text, '(won,100.0000)', 'a quote of 110 euro wins a deal of 100 dollars') FROM opportunity WHERE opportunity_id = id('deal 2');

-- 4. Keys are positive.
SELECT refused(format('INSERT INTO %1$I (%1$s_id, %2$s) VALUES (%3$s, %4$s)', entity, columns, key, vals), '23514', entity || ' with key ' || key)
FROM (VALUES ('opportunity', 'name, account_id', '''x'', ' || id('Contoso')), ('account', 'name', '''x'''), ('lead', 'subject, last_name', '''x'', ''x'''), ('quote', 'account_id', id('Contoso')::text), ('product', 'product_number, name', '''tap-x'', ''x''')) AS t (entity, columns, vals),
     unnest('{0,-7}'::text[]) AS key;
SELECT set_config('sales_crm.import_mode', 'on', true) \gset
SELECT refused('INSERT INTO account (account_id, name) VALUES (0, ''x'')', '23514', 'imported ones too');
SELECT set_config('sales_crm.import_mode', 'off', true) \gset
SELECT refused(format(call, key), 'P0002', call || ' of ' || key) FROM unnest('{0,-1,-9223372036854775808}'::text[]) AS key,
	unnest('{SELECT sales_crm.accept_quote(quote_id => %s),SELECT sales_crm.win_opportunity(opportunity_id => %s),SELECT sales_crm.pay_invoice(invoice_id => %s)}'::text[]) AS call;
SELECT refused(format('SELECT sales_crm.qualify_lead(lead_id => %s, opportunity_id => %s)', (SELECT lead_id FROM lead LIMIT 1), key), 'P0002', 'joining opportunity ' || key)
FROM unnest('{0,-1}'::text[]) AS key WHERE EXISTS (SELECT FROM lead);
INSERT INTO lead (subject, last_name) VALUES ('x', 'Lee');
SELECT refused(format('SELECT sales_crm.qualify_lead(lead_id => %s, account_id => %s)', (SELECT max(lead_id) FROM lead), key), 'P0002', 'a lead of account ' || key) FROM unnest('{0,-1}'::text[]) AS key;
-- An opportunity of key 0 that got in all the same.
SELECT quote_in('active', new_deal('deal 0')) \gset
DO $$
DECLARE rule record;
BEGIN
	FOR rule IN SELECT conname FROM pg_constraint WHERE conrelid = 'crm.opportunity'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%opportunity_id > 0%' LOOP
		EXECUTE format('ALTER TABLE crm.opportunity DROP CONSTRAINT %I', rule.conname);
	END LOOP;
END $$;
SET LOCAL session_replication_role = replica;
UPDATE quote SET opportunity_id = 0 WHERE quote_id = id('active');
UPDATE opportunity_product SET opportunity_id = 0 WHERE opportunity_id = id('deal 0');
UPDATE opportunity SET opportunity_id = 0 WHERE opportunity_id = id('deal 0');
SET LOCAL session_replication_role = origin;
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''active''))', '23514', 'a quote on it is not accepted as one on none');
SELECT refused('SELECT sales_crm.revise_quote(quote_id => id(''active''))', '23514', 'nor revised');
SELECT results_eq('SELECT check_name, entity, record_id FROM sales_crm.verify()', $$VALUES ('key_not_positive', 'opportunity', 0::bigint)$$, 'verify() tells of it');
SET LOCAL session_replication_role = replica;
UPDATE quote SET opportunity_id = id('deal 0') WHERE quote_id = id('active');
UPDATE opportunity_product SET opportunity_id = id('deal 0') WHERE opportunity_id = 0;
UPDATE opportunity SET opportunity_id = id('deal 0') WHERE opportunity_id = 0;
SET LOCAL session_replication_role = origin;

-- 5. Sign and type agree.
CREATE FUNCTION worth(kind text, amount numeric) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint := header('invoice', 'account_id, invoice_type', format('%s, %L', id('Contoso'), kind));
BEGIN
	INSERT INTO invoice_product (invoice_id, product_description, quantity, price_per_unit) VALUES (made, 'Thing', sign(amount), abs(amount));
	RETURN remember(kind, made);
END $$;
SELECT worth('invoice', -400), worth('credit_note', 400), worth('down_payment', -400) \gset
SELECT refused(format('SELECT sales_crm.pay_invoice(invoice_id => id(%L)%s)', kind, amount), 'SC010', format('%s is not paid%s', kind, amount))
FROM (VALUES ('invoice', -400), ('credit_note', 400), ('down_payment', -400)) AS k (kind, amount_due), LATERAL unnest(ARRAY['', ', amount => ' || amount_due, ', amount => ' || -amount_due]) AS amount;
SELECT results_eq('SELECT reason FROM sales_crm.why_not(''invoice'', id(''invoice''), ''pay_invoice'')', $$VALUES ('an invoice with a negative total cannot be paid')$$, 'why_not() says so');
SELECT worth('invoice', 400), worth('credit_note', -400) \gset
SELECT is(state, 'paid', 'an invoice is paid in') FROM sales_crm.pay_invoice(invoice_id => id('invoice'));
SELECT is(state, 'paid', 'a credit note out') FROM sales_crm.pay_invoice(invoice_id => id('credit_note'));
-- What is taken back by an order of its own is invoiced as a credit note, and counts as invoiced.
SELECT remember('back', header('sales_order', 'account_id, payment_terms', format('%s, ''2_percent_10_net_30''', id('Contoso')))) \gset
INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit) VALUES (id('back'), 'Returned', -4, 100), (id('back'), 'Sold', 1, 50);
SELECT remember('paid out', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('back')) \gset
SELECT is((invoice_type, total_amount, early_payment_date)::text, '(credit_note,-350.0000,)', 'a negative rest of an order is a credit note') FROM invoice WHERE invoice_id = id('paid out');
SELECT is(string_agg(round(quantity_invoiced)::text, ' ' ORDER BY line_number), '-4 1', 'that bills the order') FROM sales_order_product WHERE sales_order_id = id('back');
SELECT refused('SELECT sales_crm.create_invoice_from_order(sales_order_id => id(''back''))', 'SC011', 'once');
SELECT is(state, 'paid', 'it is paid out') FROM sales_crm.pay_invoice(invoice_id => id('paid out'));
SELECT sales_crm.cancel_payment(payment_id => payment_id) FROM payment WHERE invoice_id = id('paid out') \gset
SELECT sales_crm.cancel_invoice(invoice_id => id('paid out')) \gset
SELECT is(string_agg(round(quantity_invoiced)::text, ' ' ORDER BY line_number), '0 0', 'canceled it frees the order') FROM sales_order_product WHERE sales_order_id = id('back');
INSERT INTO opportunity_product (opportunity_id, product_description, quantity, price_per_unit) VALUES (id('deal'), 'Returned', -40, 100);
SELECT is(invoice_type, 'credit_note', 'of an opportunity too') FROM invoice WHERE invoice_id = (SELECT invoice_id FROM sales_crm.create_invoice_from_opportunity(opportunity_id => id('deal')));
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');

-- 6. Credit is asked for before goods and invoices leave.
SELECT order_in('active') \gset
SELECT remember('held', id('active')), remember('went', order_in('submitted')), remember('out', new_document('sales_order')) \gset
SELECT sales_crm.deliver_order(sales_order_id => id('out')) \gset
UPDATE account SET credit_on_hold = true WHERE account_id = id('Contoso');
SELECT refused(format('SELECT sales_crm.%s(sales_order_id => id(''held''))', call), 'SC018', call || ' of a customer on hold') FROM unnest('{submit_order,fulfill_order,deliver_order,create_invoice_from_order}'::text[]) AS call;
SELECT is((SELECT string_agg(reason, ', ') FROM sales_crm.why_not('sales_order', id('held'), call)), 'the customer is on credit hold', 'why_not() says so of ' || call) FROM unnest('{deliver_order,create_invoice_from_order}'::text[]) AS call;
SELECT lives_ok('SELECT sales_crm.create_down_payment_invoice(sales_order_id => id(''held''), percentage => 50)', 'he may pay in advance');
SELECT lives_ok('SELECT sales_crm.deliver_order(sales_order_id => id(''went''))', 'an order that was submitted before goes on');
SELECT lives_ok('SELECT sales_crm.create_invoice_from_order(sales_order_id => id(''went''), basis => ''delivered'')', 'and is billed');
SELECT lives_ok('SELECT sales_crm.create_invoice_from_order(sales_order_id => id(''out''), basis => ''delivered'')', 'as is what he has');
WITH made AS (INSERT INTO account (name, credit_limit) VALUES ('Tight', 100) RETURNING account_id) SELECT remember('Tight', account_id) FROM made \gset
SELECT count(remember('t' || n, header('sales_order', 'account_id', id('Tight')::text))) FROM generate_series(1, 2) AS n \gset
INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit) SELECT id('t' || n), 'Thing', 1, 60 FROM generate_series(1, 2) AS n;
SELECT sales_crm.deliver_order(sales_order_id => id('t1')) \gset
SELECT refused('SELECT sales_crm.deliver_order(sales_order_id => id(''t2''))', 'SC018', 'goods that are out count against the limit');

UPDATE account SET credit_on_hold = false WHERE account_id = id('Contoso');

-- Data that has it already: verify() tells.
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT remember('v', new_document('sales_order')), remember('w', new_document('sales_order')) \gset
SELECT remember('vi', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('v')) \gset
SELECT is(verified(replace(spoil, '%s', target::text)), found, 'verify() of ' || what)
FROM (VALUES
	('another customer', format('UPDATE invoice SET account_id = %s WHERE invoice_id = %%s', id('Fabrikam')), id('vi'), 'invoice_of_order invoice, source_of_line invoice_product'),
	('a line of another order', format('UPDATE invoice_product SET sales_order_product_id = %s WHERE invoice_product_id = %%s', line_of('sales_order', id('w'))), line_of('invoice', id('vi')), 'invoiced_quantity sales_order_product, source_of_line invoice_product'),
	('a note that bills', 'UPDATE invoice_product SET line_kind = ''note'' WHERE invoice_product_id = %s', line_of('invoice', id('vi')), 'line_shape invoice_product, source_of_line invoice_product, totals invoice'),
	('a down payment that bills', 'UPDATE invoice SET invoice_type = ''down_payment'' WHERE invoice_id = %s', id('vi'), 'down_payment_of_order sales_order, invoiced_quantity sales_order_product, source_of_line invoice_product'),
	('a quote''s line of another deal', format('UPDATE quote_product SET opportunity_product_id = %s WHERE quote_product_id = %%s', line_of('opportunity', id('deal 2'))), line_of('quote', id('quoted')), 'source_of_line quote_product'),
	('an order that moved to another deal', format('UPDATE sales_order SET opportunity_id = %s WHERE sales_order_id = %%s', id('deal 2')), id('o of quote'), 'opportunity_of_order sales_order'),
	('another price', 'UPDATE sales_order_product SET price_per_unit = 1, base_amount = 2, extended_amount = 2 WHERE sales_order_product_id = %s', line_of('sales_order', id('v')), 'invoiced_line sales_order_product, totals sales_order'),
	('another discount', 'UPDATE sales_order SET discount_amount = 999, total_discount_amount = 999, total_amount_less_freight = -689, total_amount = -689, total_amount_base = -689 WHERE sales_order_id = %s', id('v'), 'invoiced_discount sales_order'),
	('a credit note by another name', 'UPDATE invoice SET invoice_type = ''invoice'' WHERE invoice_id = %s', id('note'), 'type_of_invoice invoice'),
	('money that went out by an invoice', 'UPDATE payment SET amount = -amount WHERE invoice_id = %s', id('invoice'), 'paid_amount invoice, sign_of_payment payment')
) AS s (what, spoil, target, found);
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'and nothing of it stays');
SELECT * FROM finish();
ROLLBACK;
