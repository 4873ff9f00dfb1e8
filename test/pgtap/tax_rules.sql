-- Which rates a line bears: by category, region, date; when they are taken anew, and what keeps them: copies, locked and closed documents.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(93);

WITH made AS (INSERT INTO tax_rate (name, percentage, effective_from, effective_to) VALUES
	('VAT 16 %', 16, NULL, '2010-06-30'), ('VAT 18 %', 18, '2010-07-01', '2012-08-31'), ('VAT 21 %', 21, '2012-09-01', NULL), ('VAT 10 %', 10, NULL, NULL), ('VAT 0 %', 0, NULL, NULL),
	('GST', 5, NULL, NULL), ('PST', 7, NULL, NULL), ('Luxury', 30, NULL, NULL) RETURNING tax_rate_id, name)
SELECT count(remember(name, tax_rate_id)) FROM made \gset
INSERT INTO tax_rule (name, tax_category, country, state_or_province, tax_rate_id, sort_order) VALUES
	('Spain', 'standard', ' es', NULL, id('VAT 16 %'), 1), ('Spain', 'standard', 'ES', NULL, id('VAT 18 %'), 1), ('Spain', 'standard', 'ES', '', id('VAT 21 %'), 1),
	('Spain, again', NULL, NULL, 'madrid', id('VAT 21 %'), 5), ('Spain, reduced', 'reduced', 'ES', NULL, id('VAT 10 %'), 1), ('Spain, zero', 'zero', 'ES', NULL, id('VAT 0 %'), 1),
	('British Columbia', NULL, 'Canada', 'British Columbia', id('PST'), 9), ('Canada', NULL, 'Canada', NULL, id('GST'), 1);
WITH made AS (INSERT INTO account (name, address_country, address_state_or_province, price_list_id) VALUES ('Sevilla', 'ES', NULL, id('tap USD')), ('Nowhere', NULL, NULL, NULL) RETURNING account_id, name)
SELECT count(remember(name, account_id)) FROM made \gset
WITH made AS (INSERT INTO contact (last_name, address_country) VALUES ('Garcia', 'eS ') RETURNING contact_id) SELECT remember('Garcia', contact_id) FROM made \gset
UPDATE product SET tax_category = 'reduced' WHERE product_id = id('Table');
UPDATE product SET tax_category = 'exempt' WHERE product_id = id('Box');
UPDATE organization_setting SET value = 'excluded' WHERE name = 'tax_method';

-- The rates on the lines of a document: name and tax of each.
CREATE FUNCTION tap.rates(entity text, document bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT string_agg(CASE WHEN tax_details IS NULL THEN ''typed'' ELSE coalesce((SELECT string_agg(format(''%%s %%s'', d ->> ''name'', d ->> ''amount''), '' + '' ORDER BY n) FROM jsonb_array_elements(tax_details) WITH ORDINALITY AS e (d, n)), ''none'') END, '', '' ORDER BY line_number)
		FROM %I_product WHERE %I_id = $1', entity, entity) INTO found USING document;
	RETURN found;
END $$;
-- A document of one line of 100, given as the columns of its header, and the rates of the line.
CREATE FUNCTION tap.taxed(entity text, columns text, given text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %I (name, %s) VALUES (''Taxed'', %s) RETURNING %I', entity, columns, given, entity || '_id') INTO made;
	EXECUTE format('INSERT INTO %I (%I, product_description, price_per_unit) VALUES ($1, ''Item'', 100)', entity || '_product', entity || '_id') USING made;
	RETURN tap.rates(entity, tap.remember('taxed', made));
END $$;
CREATE FUNCTION tap.totals(entity text, document bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT concat_ws('' '', trim_scale(total_line_item_amount), trim_scale(total_tax), trim_scale(total_amount)) FROM %I WHERE %I = $1', entity, entity || '_id') INTO found USING document;
	RETURN found;
END $$;

-- Region: where goods go to, else where the bill goes to; a deal's customer; the country of the organization. Case and outer blanks do not count.
SELECT is(taxed(entity, 'account_id', id('Sevilla')::text), 'VAT 21 % 21', entity || ': the account''s country') FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS entity;
SELECT is(taxed(entity, 'contact_id', id('Garcia')::text), 'VAT 21 % 21', entity || ': else the contact''s') FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS entity;
SELECT is(taxed(entity, 'account_id', id('Nowhere')::text), 'none', entity || ': no country, no tax') FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS entity;
UPDATE organization_setting SET value = ' Es ' WHERE name = 'default_country';
SELECT is(taxed(entity, 'account_id', id('Nowhere')::text), 'VAT 21 % 21', entity || ': else the country of the organization') FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS entity;
UPDATE organization_setting SET value = '' WHERE name = 'default_country';
SELECT is(taxed('quote', 'account_id, ship_to_country', id('Sevilla') || ', ''FR'''), 'none', 'the delivery address counts');
SELECT is(taxed('quote', 'account_id, bill_to_name, bill_to_country, ship_to_country', id('Sevilla') || ', ''x'', ''ES'', ''FR'''), 'none', 'before the billing address');
SELECT is(taxed('quote', 'account_id, bill_to_name, bill_to_country, ship_to_country', id('Sevilla') || ', ''x'', ''ES'', ''  '''), 'VAT 21 % 21', 'which counts when no delivery country is given');
SELECT is(taxed('quote', 'account_id, ship_to_country, ship_to_state_or_province', id('Sevilla') || ', '' CANADA'', ''BRITISH columbia '''), 'GST 5 + PST 7', 'all rules that match add up, in their order');
SELECT is(taxed('quote', 'account_id, ship_to_country, ship_to_state_or_province', id('Sevilla') || ', ''Canada'', ''Alberta'''), 'GST 5', 'a rule of another province does not');
SELECT is(taxed('quote', 'account_id, ship_to_state_or_province', id('Sevilla') || ', ''Madrid'''), 'VAT 21 % 21', 'a rate that two rules lead to counts once');

-- Date: the quote is valid from, the invoice bears, the order was made on.
SELECT is(taxed('quote', 'account_id, effective_from', id('Sevilla') || ', ''2010-06-30'''), 'VAT 16 % 16', 'the last day of a rate');
SELECT is(taxed('quote', 'account_id, effective_from', id('Sevilla') || ', ''2010-07-01'''), 'VAT 18 % 18', 'the first day of the next');
SELECT is(taxed('invoice', 'account_id, invoice_date', id('Sevilla') || ', ''2012-08-31'''), 'VAT 18 % 18', 'the date of the invoice');
SELECT is(taxed('invoice', 'account_id, invoice_date', id('Sevilla') || ', ''2012-09-01'''), 'VAT 21 % 21', 'and the day after');
UPDATE tax_rate SET state = 'inactive' WHERE name = 'VAT 21 %';
SELECT is(taxed('sales_order', 'account_id', id('Sevilla')::text), 'none', 'an inactive rate does not apply');
UPDATE tax_rate SET state = 'active' WHERE name = 'VAT 21 %';
SELECT is(taxed('sales_order', 'account_id', id('Sevilla')::text), 'VAT 21 % 21', 'active again it does');

-- Category: the product's unless given.
WITH made AS (INSERT INTO quote (account_id) VALUES (id('Sevilla')) RETURNING quote_id, tax_method) SELECT is(tax_method, 'excluded', 'the setting is stored on a new document') FROM (SELECT remember('q', quote_id), tax_method FROM made) AS made;
INSERT INTO quote_product (quote_id, product_id, product_description, tax_category, price_per_unit, line_kind, description) VALUES
	(id('q'), id('Chair'), NULL, NULL, 0, 'standard', NULL), (id('q'), id('Table'), NULL, NULL, 0, 'standard', NULL), (id('q'), id('Box'), NULL, NULL, 0, 'standard', NULL),
	(id('q'), id('Table'), NULL, 'zero', 0, 'standard', NULL), (id('q'), NULL, 'Work', NULL, 10, 'standard', NULL), (id('q'), NULL, 'Books', 'reduced', 10, 'standard', NULL), (id('q'), NULL, NULL, 'reduced', 10, 'note', 'words');
SELECT is(rates('quote', id('q')), 'VAT 21 % 21, VAT 10 % 25.05, none, VAT 0 % 0, VAT 21 % 2.1, VAT 10 % 1, typed', 'by category: standard, reduced, exempt, given, write-in, given, note');
SELECT is((SELECT string_agg(coalesce(tax_category, '-'), ' ' ORDER BY line_number) FROM quote_product WHERE quote_id = id('q')), 'standard reduced exempt zero standard reduced -', 'the lines keep it');
SELECT is(totals('quote', id('q')), '633 49.15 682.15', 'the sums');
UPDATE quote_product SET product_id = id('Table') WHERE quote_id = id('q') AND line_number = 1;
UPDATE quote_product SET product_id = id('Chair'), tax_category = 'zero' WHERE quote_id = id('q') AND line_number = 2;
UPDATE quote_product SET tax_category = NULL WHERE quote_id = id('q') AND line_number = 4;
UPDATE quote_product SET tax_category = 'exempt' WHERE quote_id = id('q') AND line_number = 5;
SELECT is(rates('quote', id('q')), 'VAT 10 % 25.05, VAT 0 % 0, none, VAT 10 % 25.05, none, VAT 10 % 1, typed', 'another product brings its own, unless another is given');
SELECT refused('UPDATE quote_product SET tax_category = ''luxury'' WHERE quote_id = id(''q'') AND line_number = 1', '23514', 'an unknown category');
SELECT refused('INSERT INTO tax_rule (name, tax_category, tax_rate_id) VALUES (''x'', ''luxury'', id(''GST''))', '23514', 'nor has a rule one');
INSERT INTO option_value (entity, column_name, value, label) SELECT entity, 'tax_category', 'luxury', 'Luxury' FROM unnest('{tax_rule,quote_product}'::text[]) AS entity;
INSERT INTO tax_rule (name, tax_category, tax_rate_id) VALUES ('Luxury', 'luxury', id('Luxury'));
UPDATE quote_product SET tax_category = 'luxury' WHERE quote_id = id('q') AND line_number = 1;
SELECT is(split_part(rates('quote', id('q')), ',', 1), 'Luxury 75.15', 'a category of one''s own');

-- A rate that changes reaches the lines that are edited, repriced or unlocked; others keep what they have.
SELECT taxed('quote', 'account_id', id('Sevilla')::text), remember('w', id('taxed')) \gset
INSERT INTO quote_product (quote_id, product_id, is_price_overridden, price_per_unit) VALUES (id('w'), id('Chair'), true, 200);
UPDATE tax_rate SET percentage = 25, name = 'VAT 25 %' WHERE tax_rate_id = id('VAT 21 %');
SELECT is(rates('quote', id('w')) || ' | ' || totals('quote', id('w')), 'VAT 21 % 21, VAT 21 % 42 | 300 63 363', 'a new percentage leaves the lines alone');
UPDATE quote SET name = 'Renamed', freight_amount = 0 WHERE quote_id = id('w');
SELECT is(rates('quote', id('w')), 'VAT 21 % 21, VAT 21 % 42', 'an edit of the document too');
UPDATE quote_product SET quantity = 2 WHERE quote_id = id('w') AND product_id IS NULL;
SELECT is(rates('quote', id('w')) || ' | ' || totals('quote', id('w')), 'VAT 25 % 50, VAT 21 % 42 | 400 92 492', 'an edited line takes it');
SELECT is(total_amount, 500.0000, 'reprice() gives it to all lines, write-ins and overridden prices too') FROM sales_crm.reprice(entity => 'quote', id => id('w'));
SELECT is(rates('quote', id('w')), 'VAT 25 % 50, VAT 25 % 50', 'with the name it has now');
UPDATE quote SET ship_to_country = 'Canada' WHERE quote_id = id('w');
SELECT is(rates('quote', id('w')) || ' | ' || totals('quote', id('w')), 'GST 10, GST 10 | 400 20 420', 'another place of delivery brings its taxes');
UPDATE quote SET ship_to_country = 'ES', effective_from = '2010-01-01' WHERE quote_id = id('w');
SELECT is(rates('quote', id('w')), 'VAT 16 % 32, VAT 16 % 32', 'another date too');
UPDATE quote SET effective_from = current_date WHERE quote_id = id('w');
SELECT taxed('opportunity', 'account_id', id('Sevilla')::text) \gset
UPDATE opportunity SET account_id = id('Nowhere') WHERE opportunity_id = id('taxed');
SELECT is(rates('opportunity', id('taxed')) || ' | ' || totals('opportunity', id('taxed')), 'none | 100 0 100', 'and another customer of a deal');

-- From the deal to the invoice in two parts: each document keeps the rates, amounts follow its own quantities.
WITH made AS (INSERT INTO opportunity (account_id, price_list_id) VALUES (id('Sevilla'), id('tap USD')) RETURNING opportunity_id) SELECT remember('deal', opportunity_id) FROM made \gset
INSERT INTO opportunity_product (opportunity_id, product_description, quantity, price_per_unit) VALUES (id('deal'), 'Rope', 3, 33.33), (id('deal'), 'Nail', 1, 0.1);
INSERT INTO opportunity_product (opportunity_id, product_id, quantity) VALUES (id('deal'), id('Table'), 1);
SELECT is(rates('opportunity', id('deal')) || ' | ' || totals('opportunity', id('deal')), 'VAT 25 % 25, VAT 25 % 0.03, VAT 10 % 25.05 | 350.59 50.08 400.67', 'the deal');
SELECT remember('dq', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('deal')) \gset
UPDATE tax_rate SET percentage = 50, name = 'VAT 50 %' WHERE tax_rate_id = id('VAT 21 %');
SELECT is(rates('quote', id('dq')) || ' | ' || totals('quote', id('dq')), 'VAT 25 % 25, VAT 25 % 0.03, VAT 10 % 25.05 | 350.59 50.08 400.67', 'the quote of it');
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('dq')) \gset
SELECT remember('do', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('dq')) \gset
SELECT is(rates('sales_order', id('do')) || ' | ' || totals('sales_order', id('do')), 'VAT 25 % 25, VAT 25 % 0.03, VAT 10 % 25.05 | 350.59 50.08 400.67', 'the order comes to what was accepted');
SELECT is(actual_value, 400.6700, 'and the deal is won with it') FROM opportunity WHERE opportunity_id = id('deal');
SELECT remember('i1', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('do')) \gset
SELECT is(totals('invoice', id('i1')), '350.59 50.08 400.67', 'the invoice of all of it');
UPDATE invoice_product SET quantity = 1 WHERE invoice_id = id('i1') AND product_description = 'Rope';
SELECT is(rates('invoice', id('i1')) || ' | ' || totals('invoice', id('i1')), 'VAT 25 % 8.33, VAT 25 % 0.03, VAT 10 % 25.05 | 283.93 33.41 317.34', 'less of it, at the rates it has');
SELECT remember('i2', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('do')) \gset
SELECT is(rates('invoice', id('i2')) || ' | ' || totals('invoice', id('i2')), 'VAT 25 % 16.67 | 66.66 16.67 83.33', 'the rest of it');
SELECT is((SELECT sum(total_amount) FROM invoice WHERE sales_order_id = id('do')), 400.6700, 'both come to the order');
UPDATE sales_order_product SET quantity = 4 WHERE sales_order_id = id('do') AND product_description = 'Rope';
SELECT is(split_part(rates('sales_order', id('do')), ',', 1), 'VAT 25 % 33.33', 'a locked order keeps its rates when a quantity changes');
INSERT INTO sales_order_product (sales_order_id, product_description, price_per_unit) VALUES (id('do'), 'New', 10);
SELECT refused('UPDATE sales_order_product SET tax_category = ''reduced'' WHERE sales_order_id = id(''do'') AND product_description = ''Nail''', 'SC002', 'what is invoiced keeps its category');
SELECT is(rates('sales_order', id('do')), 'VAT 25 % 33.33, VAT 25 % 0.03, VAT 10 % 25.05, VAT 50 % 5', 'a new line takes the rates of now');
SELECT count(*) FROM sales_crm.unlock_order_pricing(sales_order_id => id('do')) \gset
SELECT is(rates('sales_order', id('do')), 'VAT 25 % 33.33, VAT 25 % 0.03, VAT 10 % 25.05, VAT 50 % 5', 'unlocked, what is invoiced keeps its own');
SELECT count(*) FROM unnest('{i1,i2}'::text[]) AS n, sales_crm.cancel_invoice(invoice_id => id(n)) \gset
UPDATE sales_order_product SET tax_category = 'reduced' WHERE sales_order_id = id('do') AND product_description = 'Nail';
SELECT count(*) FROM sales_crm.reprice(entity => 'sales_order', id => id('do')) \gset
SELECT is(rates('sales_order', id('do')), 'VAT 50 % 66.66, VAT 10 % 0.01, VAT 10 % 25.05, VAT 50 % 5', 'with its invoices canceled all take them, and another category its own');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- The parts of a line take the cents between them: 0.30 alone would be taxed with 0.04.
WITH made AS (INSERT INTO sales_order (account_id, price_list_id, ship_to_country, ship_to_state_or_province) VALUES (id('Sevilla'), id('tap USD'), 'Canada', 'British Columbia') RETURNING sales_order_id) SELECT remember('po', sales_order_id) FROM made \gset
INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit) VALUES (id('po'), 'Pin', 3, 0.15);
SELECT is(rates('sales_order', id('po')), 'GST 0.02 + PST 0.03', 'a line of small taxes');
SELECT remember('p1', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('po')) \gset
UPDATE invoice_product SET quantity = 1 WHERE invoice_id = id('p1');
SELECT remember('p2', invoice_id) FROM sales_crm.create_invoice_from_order(sales_order_id => id('po')) \gset
SELECT is(rates('invoice', id('p1')) || ', ' || rates('invoice', id('p2')), 'GST 0.01 + PST 0.01, GST 0.01 + PST 0.02', 'its parts come to the whole');
UPDATE invoice_product SET description = 'fine', tax_amount = 9 WHERE invoice_id = id('p2');
SELECT is(rates('invoice', id('p2')) || ' | ' || totals('invoice', id('p2')), 'GST 0.01 + PST 0.02 | 0.3 0.03 0.33', 'and keep them when only words change');
SELECT is((SELECT string_agg(result::text, ' ' ORDER BY step) FROM sales_crm.explain_price(entity => 'invoice', line_id => (SELECT invoice_product_id FROM invoice_product WHERE invoice_id = id('p2'))) WHERE rule = 'tax rate' OR rule = 'amount of the line'),
	'0.01 0.02 0.33', 'and when they are explained');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() lets them');

-- The same with prices that include taxes, rounded on the document, and a revision.
UPDATE tax_rate SET percentage = 21, name = 'VAT 21 %' WHERE tax_rate_id = id('VAT 21 %');
WITH made AS (INSERT INTO quote (account_id, price_list_id, tax_method, tax_rounding) VALUES (id('Sevilla'), id('tap USD'), 'included', 'document') RETURNING quote_id) SELECT remember('nq', quote_id) FROM made \gset
INSERT INTO quote_product (quote_id, product_description, quantity, price_per_unit, manual_discount_amount, line_kind) VALUES
	(id('nq'), 'a', 1, 1.12, 0, 'standard'), (id('nq'), 'b', 1, 1.12, 0, 'standard'), (id('nq'), 'c', 2, 1.12, 1.12, 'standard'), (id('nq'), 'd', 1, 10, 0, 'optional');
SELECT is(totals('quote', id('nq')), '2.78 0.58 3.36', 'an included tax rounded on the document');
UPDATE tax_rate SET percentage = 50 WHERE tax_rate_id = id('VAT 21 %');
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('nq')) \gset
SELECT remember('nr', quote_id) FROM sales_crm.revise_quote(quote_id => id('nq')) \gset
SELECT is(totals('quote', id('nr')), '2.78 0.58 3.36', 'a revision keeps it');
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('nr')) \gset
SELECT remember('no', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('nr'), quote_product_ids => ARRAY(SELECT quote_product_id FROM quote_product WHERE quote_id = id('nr') AND product_description = 'd')) \gset
SELECT is(totals('sales_order', id('no')), '11.04 2.32 13.36', 'an option that is chosen adds up before it is rounded');
SELECT remember('ni', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('no')) \gset
SELECT is(totals('invoice', id('ni')), '11.04 2.32 13.36', 'the invoice too');
SELECT is((tax_method, tax_rounding)::text, '(included,document)', 'the rules go along') FROM invoice WHERE invoice_id = id('ni');
SELECT is((SELECT count(*) FROM sales_crm.verify()), 0::bigint, 'verify() finds nothing');
-- A whole copy whose tax is rounded on the lines brings its sums along.
WITH made AS (INSERT INTO quote (account_id, price_list_id, tax_method) VALUES (id('Sevilla'), id('tap USD'), 'included') RETURNING quote_id) SELECT remember('lq', quote_id) FROM made \gset
INSERT INTO quote_product (quote_id, product_description, quantity, price_per_unit, manual_discount_amount) VALUES (id('lq'), 'a', 2, 50, 10), (id('lq'), 'b', 1, 1.12, 0);
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('lq')) \gset
SELECT remember('lo', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('lq')) \gset
SELECT is(totals('sales_order', id('lo')), '60.75 30.37 91.12', 'its total');
SELECT is((total_line_item_discount_amount, row_version)::text, '(10.0000,1)', 'its discount, written once') FROM sales_order WHERE sales_order_id = id('lo');

-- Who may change what.
SELECT refused('UPDATE quote SET tax_method = ''typed'' WHERE quote_id = id(''w'')', '428C9', 'the tax method of a document is not changed');
SELECT lives_ok('UPDATE quote SET tax_method = ''excluded'' WHERE quote_id = id(''w'')', 'writing it back passes');
SELECT refused('INSERT INTO quote (account_id, tax_method) VALUES (id(''Sevilla''), ''both'')', '23514', 'an unknown tax method');
SELECT refused('UPDATE quote_product SET tax_details = ''[]'' WHERE quote_id = id(''w'')', '428C9', 'tax_details is not written by hand');
SELECT lives_ok('UPDATE quote_product SET tax_details = tax_details, tax_amount = 1 WHERE quote_id = id(''w'')', 'written back it passes');
WITH made AS (INSERT INTO quote_product (quote_id, product_description, price_per_unit, tax_details) VALUES (id('w'), 'forged', 10, '[{"tax_rate_id": 1, "name": "x", "percentage": 1}]') RETURNING *)
SELECT is(tax_amount, 5.0000, 'and overwritten on INSERT') FROM made;
SELECT throws_ok('INSERT INTO tax_rate (name, percentage) VALUES (''x'', 100.5)', '23514', NULL, 'a percentage above 100');
SELECT throws_ok('INSERT INTO tax_rate (name, percentage) VALUES (''x'', -1)', '23514', NULL, 'or below 0');
SELECT throws_ok('INSERT INTO tax_rate (name, percentage, effective_from, effective_to) VALUES (''x'', 1, ''2020-01-02'', ''2020-01-01'')', '23514', NULL, 'a rate that ends before it begins');
SELECT throws_ok('INSERT INTO tax_rate (name, percentage) VALUES (''GST'', 1)', '23505', NULL, 'a name twice');
SELECT throws_ok('DELETE FROM tax_rate WHERE name = ''GST''', '23503', NULL, 'a rate that a rule leads to stays');
SELECT throws_ok('TRUNCATE tax_rule', 'SC002', NULL, 'no TRUNCATE');
DELETE FROM tax_rule WHERE tax_rate_id = id('Luxury');
SELECT lives_ok('DELETE FROM tax_rate WHERE name = ''Luxury''', 'without rules it may go');
SELECT is(split_part(rates('quote', id('q')), ',', 1), 'Luxury 75.15', 'lines keep what they had of it');

-- Imported lines keep the tax of their time: with rates computed from those, without as typed.
SET LOCAL sales_crm.import_mode = on;
INSERT INTO quote_product (quote_id, line_number, product_description, price_per_unit, tax_amount, tax_details) VALUES
	(id('w'), 90, 'old', 100, 0, '[{"tax_rate_id": 999, "name": "Old tax", "percentage": 3.5}]'), (id('w'), 91, 'older', 100, 4, NULL), (id('w'), 92, 'new', 100, 0, NULL);
SELECT is((SELECT string_agg(tax_amount || coalesce(tax_details ->> 0, ' typed'), ', ' ORDER BY line_number) FROM quote_product WHERE quote_id = id('w') AND line_number >= 90),
	'3.5000{"name": "Old tax", "amount": 3.5, "percentage": 3.5, "tax_rate_id": 999}, 4.0000 typed, ' || format('50.0000{"name": "VAT 21 %%", "amount": 50, "percentage": 50, "tax_rate_id": %s}', id('VAT 21 %')), 'imported lines');
SELECT refused('INSERT INTO quote_product (quote_id, product_description, price_per_unit, tax_details) VALUES (id(''w''), ''x'', 1, ''' || bad || ''')', '23514', 'tax_details that is none: ' || bad)
FROM unnest(ARRAY['{}', '3', '[1]', '[{"name": "x"}]', '[{"name": "x", "tax_rate_id": 1, "percentage": "1"}]', '[{"name": "x", "tax_rate_id": 1, "percentage": -100}]']) AS bad;
SET LOCAL sales_crm.import_mode = off;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
