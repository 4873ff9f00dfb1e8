-- The life of a quote: offered, closed, revised, accepted, expired, and made from an opportunity (D§3.4, D§3.5, D§11 T15).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(96);

-- A new quote.
SELECT remember('q', new_document('quote', new_deal('deal'))) \gset
SELECT is((state, status_reason, revision_number, total_amount)::text, '(draft,in_progress,0,250.0000)', 'a quote is born a draft, revision 0') FROM quote WHERE quote_id = id('q');
SELECT is(effective_to - effective_from, 30, 'it is valid for quote_validity_days') FROM quote WHERE quote_id = id('q');
SELECT is((bill_to_name, bill_to_line1, bill_to_city, bill_to_postal_code, bill_to_country, bill_to_phone, bill_to_fax)::text,
          '(Contoso,"1 Main St",Springfield,12345,US,555-1,555-2)', 'it is billed to the account') FROM quote WHERE quote_id = id('q');
SELECT is((ship_to_name, ship_to_line1, ship_to_city, payment_terms)::text, '(Contoso,"1 Main St",Springfield,net_45)', 'and shipped there, on its terms') FROM quote WHERE quote_id = id('q');

-- Activating.
INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id('q'), id('Lamp'), 1);
SELECT is((pricing_error, total_amount)::text, '(detail_error,250.0000)', 'a line without price is stored and shown on the header') FROM quote WHERE quote_id = id('q');
SELECT refused('SELECT sales_crm.activate_quote(quote_id => id(''q''))', 'SC005', 'a quote with a line without price is not activated');
UPDATE quote_product SET is_price_overridden = true, price_per_unit = 30 WHERE quote_id = id('q') AND product_id = id('Lamp');
SELECT is((pricing_error, total_amount)::text, '(none,280.0000)', 'a price typed in mends it') FROM quote WHERE quote_id = id('q');
INSERT INTO quote_product (quote_id, product_id, quantity, line_kind) VALUES (id('q'), id('Lamp'), 1, 'optional');
SELECT is((pricing_error, total_amount)::text, '(none,280.0000)', 'an optional line counts for neither') FROM quote WHERE quote_id = id('q');
DELETE FROM quote_product WHERE quote_id = id('q') AND line_kind = 'optional';
SELECT results_eq('SELECT * FROM sales_crm.activate_quote(quote_id => id(''q''))', $$VALUES ('active')$$, 'activate_quote returns the state');
WITH made AS (INSERT INTO quote (account_id) VALUES (id('Contoso')) RETURNING quote_id) SELECT remember('empty', quote_id) FROM made \gset
SELECT is(state, 'active', 'a quote without lines activates') FROM sales_crm.activate_quote(quote_id => id('empty'));

-- Closing: the activity, the closing, the date.
SELECT is(state, 'closed', 'close_quote returns the state') FROM sales_crm.close_quote(quote_id => id('empty'), status_reason => 'lost', description => 'too dear');
SELECT is((status_reason, closed_on)::text, format('(lost,%s)', current_date), 'closed as lost, today') FROM quote WHERE quote_id = id('empty');
SELECT is((a.activity_type, a.regarding_entity, a.regarding_id, a.state, a.description, c.quote_state, c.quote_status_reason, c.revision_number)::text,
          format('(quote_close,quote,%s,completed,"too dear",closed,lost,0)', id('empty')), 'one closing activity tells of it')
FROM quote_close AS c JOIN activity AS a USING (activity_id) WHERE c.quote_id = id('empty');
SELECT is((from_state, to_state, from_status_reason, to_status_reason, description)::text, '(active,closed,in_progress,lost,"too dear")', 'and the history') FROM status_history
WHERE entity = 'quote' AND record_id = id('empty') AND to_state = 'closed';
SELECT quote_in('won') \gset
SELECT is((state, status_reason, closed_on)::text, format('(won,won,%s)', current_date), 'win_quote closes it as won, today') FROM quote WHERE quote_id = id('won');
SELECT is((SELECT count(*) FROM quote_close WHERE quote_id = id('won') AND quote_state = 'won'), 1::bigint, 'with one closing');
SELECT is((SELECT count(*) FROM sales_order WHERE quote_id = id('won')), 0::bigint, 'and no order');
SELECT remember('won of deal', quote_in('won', new_deal('untouched'))) \gset
SELECT is(state, 'open', 'win_quote does not touch the opportunity') FROM opportunity WHERE opportunity_id = id('untouched');

-- Revising (T15).
UPDATE quote SET description = 'first' WHERE quote_id = id('q');
SELECT remember('r1', quote_id) FROM sales_crm.revise_quote(quote_id => id('q')) \gset
SELECT is((q.state, q.status_reason, q.closed_on)::text, format('(closed,revised,%s)', current_date), 'the old revision is closed as revised') FROM quote AS q WHERE quote_id = id('q');
SELECT is((r.state, r.status_reason, r.revision_number, r.closed_on, r.description)::text, '(draft,in_progress,1,,first)', 'the new one is a draft, revision 1') FROM quote AS r WHERE quote_id = id('r1');
SELECT is((r.quote_number, r.name, r.account_id, r.opportunity_id, r.price_list_id, r.owner_id, r.total_amount, r.bill_to_city),
          (q.quote_number, q.name, q.account_id, q.opportunity_id, q.price_list_id, q.owner_id, q.total_amount, q.bill_to_city), 'of the same number and contents')
FROM quote AS q, quote AS r WHERE q.quote_id = id('q') AND r.quote_id = id('r1');
SELECT results_eq(format($$SELECT line_number, product_id, product_description, quantity, price_per_unit, is_price_overridden, extended_amount FROM quote_product WHERE quote_id = %s ORDER BY 1$$, id('r1')),
                  format($$SELECT line_number, product_id, product_description, quantity, price_per_unit, is_price_overridden, extended_amount FROM quote_product WHERE quote_id = %s ORDER BY 1$$, id('q')),
                  'and the same lines');
SELECT refused('SELECT sales_crm.revise_quote(quote_id => id(''q''))', 'SC011', 'no second revision while one is open');
UPDATE quote SET discount_amount = 10 WHERE quote_id = id('r1');
SELECT is(total_amount, 270.0000, 'the draft can be edited') FROM quote WHERE quote_id = id('r1');
SELECT refused('SELECT sales_crm.revise_quote(quote_id => id(''r1''))', 'SC001', 'a draft is not revised');
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('r1')) \gset
SELECT count(*) FROM sales_crm.close_quote(quote_id => id('r1')) \gset
SELECT remember('r2', quote_id) FROM sales_crm.revise_quote(quote_id => id('q')) \gset
SELECT is((revision_number, total_amount)::text, '(2,280.0000)', 'an old closed revision gives the highest number plus one, with its own contents') FROM quote WHERE quote_id = id('r2');
SELECT is((state, status_reason)::text, '(closed,revised)', 'and stays as it was') FROM quote WHERE quote_id = id('q');
DELETE FROM quote WHERE quote_id = id('r2');
SELECT remember('r2', quote_id) FROM sales_crm.revise_quote(quote_id => id('r1')) \gset
SELECT is((revision_number, total_amount)::text, '(2,270.0000)', 'a deleted draft leaves its revision number free') FROM quote WHERE quote_id = id('r2');
SELECT refused('SELECT sales_crm.revise_quote(quote_id => id(''won''))', 'SC001', 'a won quote is not revised');

-- Accepting: everything at once.
SELECT remember('other', new_document('quote', id('deal'))) \gset
SELECT remember('other active', quote_in('active', id('deal'))) \gset
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('r2')) \gset
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''r2''), close_other_quotes => false)', 'SC004', 'with other open quotes that are to stay');
SELECT ok(strpos(words, o.quote_number) > 0 AND strpos(words, a.quote_number) > 0, 'the refusal lists them')
FROM detail_of('SELECT sales_crm.accept_quote(quote_id => id(''r2''), close_other_quotes => false)') AS words, quote AS o, quote AS a
WHERE o.quote_id = id('other') AND a.quote_id = id('other active');
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('r2')) \gset
SELECT is((state, status_reason, closed_on)::text, format('(won,won,%s)', current_date), 'the quote is won') FROM quote WHERE quote_id = id('r2');
SELECT is((o.state, o.status_reason, o.is_price_locked, o.total_amount, o.quote_id, o.opportunity_id)::text,
          format('(active,new,t,270.0000,%s,%s)', id('r2'), id('deal')), 'the order is made, with locked prices') FROM sales_order AS o WHERE sales_order_id = id('order');
SELECT is((o.name, o.account_id, o.price_list_id, o.currency_code, o.discount_amount, o.payment_terms, o.bill_to_line1, o.ship_to_city, o.description),
          (q.name, q.account_id, q.price_list_id, q.currency_code, q.discount_amount, q.payment_terms, q.bill_to_line1, q.ship_to_city, q.description), 'with the contents of the quote')
FROM sales_order AS o JOIN quote AS q USING (quote_id) WHERE o.sales_order_id = id('order');
SELECT results_eq(format($$SELECT quote_product_id, quantity, price_per_unit, extended_amount, is_copied, line_kind FROM sales_order_product WHERE sales_order_id = %s ORDER BY line_number$$, id('order')),
                  format($$SELECT quote_product_id, quantity, price_per_unit, extended_amount, true, line_kind FROM quote_product WHERE quote_id = %s ORDER BY line_number$$, id('r2')),
                  'and its lines, each telling where it comes from');
SELECT is(state_of('quote', id('other')), 'closed/canceled', 'another draft is closed as canceled');
SELECT is(state_of('quote', id('other active')), 'closed/canceled', 'another active quote too');
SELECT is((state, status_reason, actual_value, actual_close_date, forecast_category)::text, format('(won,won,270.0000,%s,won)', current_date), 'the opportunity is won with the total of the order')
FROM opportunity WHERE opportunity_id = id('deal');
SELECT is((SELECT count(*) FROM opportunity_close WHERE opportunity_id = id('deal') AND opportunity_state = 'won' AND actual_revenue = 270), 1::bigint, 'with its closing');
SELECT is((SELECT count(*) FROM quote_close WHERE quote_id IN (id('r2'), id('other'), id('other active'))), 3::bigint, 'and one for each quote');
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''r2''))', 'SC001', 'twice is refused');

-- Accepting, with the options off.
SELECT remember('kept', quote_in('active', new_deal('kept open'))) \gset
SELECT remember('aside', quote_in('active', id('kept open'))) \gset
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('kept'), close_opportunity => false, close_other_quotes => false) \gset
SELECT is(state_of('opportunity', id('kept open')), 'open/in_progress', 'close_opportunity false leaves the opportunity open');
SELECT is(state_of('quote', id('aside')), 'active/in_progress', 'and the other quotes may stay');
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('aside'), close_opportunity => NULL, close_other_quotes => NULL) \gset
SELECT is(state_of('opportunity', id('kept open')), 'won/won', 'NULL means yes');
SELECT is(actual_value, 250.0000, 'the actual value is that of the order') FROM opportunity WHERE opportunity_id = id('kept open');
SELECT remember('late', quote_in('active', new_deal('lost deal'))) \gset
SELECT count(*) FROM sales_crm.lose_opportunity(opportunity_id => id('lost deal'), close_open_quotes => true) \gset
SELECT remember('late', quote_in('active', id('lost deal'))) \gset
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('late')) \gset
SELECT is((state, actual_value)::text, '(lost,0.0000)', 'a closed opportunity stays as it is') FROM opportunity WHERE opportunity_id = id('lost deal');
SELECT is(state, 'active', 'the order is made all the same') FROM sales_order WHERE sales_order_id = id('order');
SELECT quote_in('ordered') \gset
SELECT is((SELECT count(*) FROM sales_order WHERE quote_id = id('ordered')), 1::bigint, 'a quote without opportunity becomes an order too');

-- Optional and alternative lines.
SELECT remember('choice', new_document('quote')) \gset
WITH made AS (
	INSERT INTO quote_product (quote_id, line_kind, product_id, quantity, description)
	VALUES (id('choice'), 'optional', id('Table'), 1, NULL), (id('choice'), 'alternative', id('Box'), 3, NULL), (id('choice'), 'note', NULL, 1, 'Assembly included')
	RETURNING line_kind, quote_product_id)
SELECT count(remember(line_kind, quote_product_id)) FROM made \gset
SELECT is(total_amount, 250.0000, 'optional, alternative and note lines are not summed') FROM quote WHERE quote_id = id('choice');
SELECT is(extended_amount, 250.5000, 'an optional line has its price') FROM quote_product WHERE quote_product_id = id('optional');
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('choice')) \gset
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''choice''), quote_product_ids => ARRAY[-1])', 'P0002', 'a chosen line must be of the quote');
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''choice''), quote_product_ids => ARRAY[id(''optional''), id(''optional'')])', 'P0002', 'and be given once');
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''choice''), quote_product_ids => ARRAY[NULL::bigint])', '22004', 'and be given at all');
SAVEPOINT before;
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('choice'), quote_product_ids => ARRAY[id('optional')]) \gset
SELECT is(total_amount, 500.5000, 'the chosen line is ordered') FROM sales_order WHERE sales_order_id = id('order');
SELECT results_eq(format('SELECT line_kind, coalesce(product_id, 0), extended_amount FROM sales_order_product WHERE sales_order_id = %s ORDER BY line_number', id('order')),
                  $$VALUES ('standard', id('Chair'), 200.0000), ('standard', 0, 50), ('standard', id('Table'), 250.5), ('note', 0, 0)$$, 'as a standard line; notes go along, what was not chosen does not');
ROLLBACK TO before;
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('choice'), quote_product_ids => '{}') \gset
SELECT is(total_amount, 250.0000, 'with none chosen only the standard lines are ordered') FROM sales_order WHERE sales_order_id = id('order');
SELECT is((SELECT count(*) FROM sales_order_product WHERE sales_order_id = id('order')), 3::bigint, 'and the note');

-- Validity.
SELECT remember(n, new_document('quote')) FROM unnest('{over,last day,no end}'::text[]) AS n \g /dev/null
UPDATE quote SET effective_from = current_date - 40, effective_to = CASE quote_id WHEN id('over') THEN current_date - 1 WHEN id('last day') THEN current_date END
WHERE quote_id IN (id('over'), id('last day'), id('no end'));
SELECT refused('SELECT sales_crm.activate_quote(quote_id => id(''over''))', 'SC013', 'a draft whose validity is over is not offered');
SELECT (current_date - 5)::text AS earlier \gset
SET LOCAL sales_crm.now = :'earlier';
SELECT count(sales_crm.activate_quote(quote_id => id(n))) FROM unnest('{over,last day,no end}'::text[]) AS n \gset
RESET sales_crm.now;
SELECT refused('SELECT sales_crm.accept_quote(quote_id => id(''over''))', 'SC013', 'a quote whose validity is over is not accepted');
SELECT is(outcome('quote', id('last day'), 'SELECT sales_crm.accept_quote(quote_id => %s)'), 'won/won', 'on its last day it is');
SELECT is(outcome('quote', id('no end'), 'SELECT sales_crm.accept_quote(quote_id => %s)'), 'won/won', 'one without end always');
SELECT remember('over draft', new_document('quote')) \gset
UPDATE quote SET effective_from = NULL, effective_to = current_date - 1 WHERE quote_id = id('over draft');
SELECT is((SELECT count FROM sales_crm.expire_quotes()), 2::bigint, 'expire_quotes counts what it closed');
SELECT is(state_of('quote', id('over')) || ' ' || state_of('quote', id('over draft')), 'closed/canceled closed/canceled', 'actives and drafts past their validity');
SELECT is(state_of('quote', id('last day')) || ' ' || state_of('quote', id('no end')), 'active/in_progress active/in_progress', 'not the others');
SELECT is((SELECT count FROM sales_crm.expire_quotes()), 0::bigint, 'a second run finds nothing');
SELECT remember('r', quote_id) FROM sales_crm.revise_quote(quote_id => id('over')) \gset
SELECT is((effective_from, effective_to)::text, format('(%s,%s)', current_date, current_date + 30), 'a revision of it is valid anew') FROM quote WHERE quote_id = id('r');

-- create_order_from_quote.
SELECT refused(format('SELECT sales_crm.create_order_from_quote(quote_id => %s)', quote_in('active')), 'SC001', 'an order is made of a won quote only');
SELECT remember('order', sales_order_id) FROM sales_crm.create_order_from_quote(quote_id => id('won')) \gset
SELECT is((quote_id, is_price_locked, total_amount)::text, format('(%s,t,250.0000)', id('won')), 'the order of a won quote') FROM sales_order WHERE sales_order_id = id('order');
SELECT refused('SELECT sales_crm.create_order_from_quote(quote_id => id(''won''))', 'SC011', 'a second one is refused');
SELECT count(*) FROM sales_crm.cancel_order(sales_order_id => id('order')) \gset
SELECT is((SELECT count(*) FROM sales_crm.create_order_from_quote(quote_id => id('won'))), 1::bigint, 'unless the first is canceled');

-- Documents made from an opportunity, open and won.
SELECT remember('source', new_deal('source')) \gset
UPDATE opportunity SET contact_id = id('Ann'), discount_percentage = 10, discount_amount = 5, freight_amount = 20, description = 'as agreed' WHERE opportunity_id = id('source');
INSERT INTO opportunity_product (opportunity_id, product_id, unit_id, quantity, is_price_overridden, price_per_unit, manual_discount_percentage, manual_discount_amount, tax_amount, line_kind)
VALUES (id('source'), id('Chair'), id('dozen'), 1, false, 0, 10, 0, 11, 'standard'), (id('source'), id('Lamp'), NULL, 3, true, 33.33333, NULL, 7, 0, 'standard'),
       (id('source'), id('Box'), NULL, 1, false, 0, NULL, 0, 0, 'optional');
SELECT is(total_amount, 250 + 990 + 93 - 133.30 - 5 + 20 + 11, 'the opportunity') FROM opportunity WHERE opportunity_id = id('source');
CREATE FUNCTION tap.same_as_deal(entity text, document bigint, what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	header text := 'SELECT account_id, contact_id, price_list_id, currency_code, discount_percentage, discount_amount, freight_amount, total_line_item_amount, total_line_item_discount_amount,
		total_discount_amount, total_amount_less_freight, total_tax, total_amount, total_amount_base, pricing_error, name, description, campaign_id, owner_id, opportunity_id FROM %s WHERE %s_id = %s';
	line text := 'SELECT line_number, line_kind, product_id, product_description, unit_id, quantity, is_price_overridden, price_per_unit, manual_discount_percentage, manual_discount_amount,
		tax_amount, base_amount, extended_amount, pricing_error, opportunity_product_id FROM %s_product WHERE %s_id = %s ORDER BY 1';
BEGIN
	RETURN NEXT results_eq(format(header, entity, entity, document), format(header, 'opportunity', 'opportunity', id('source')), what || ': the header is the opportunity''s');
	RETURN NEXT results_eq(format(line, entity, entity, document), format(line, 'opportunity', 'opportunity', id('source')), what || ': the lines are the opportunity''s');
END $$;
SELECT remember('from', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('source')) \gset
SELECT same_as_deal('quote', id('from'), 'quote');
SELECT is((state, revision_number, bill_to_name, bill_to_contact_name, ship_to_contact_name, payment_terms)::text, '(draft,0,Contoso,"Ann Lee","Ann Lee",net_45)', 'a draft, with the addresses of the customer') FROM quote WHERE quote_id = id('from');
SELECT remember('from', sales_order_id) FROM sales_crm.create_order_from_opportunity(opportunity_id => id('source')) \gset
SELECT same_as_deal('sales_order', id('from'), 'order');
SELECT is((state, is_price_locked, bill_to_line1)::text, '(active,t,"1 Main St")', 'active and locked') FROM sales_order WHERE sales_order_id = id('from');
SELECT remember('from', invoice_id) FROM sales_crm.create_invoice_from_opportunity(opportunity_id => id('source')) \gset
SELECT same_as_deal('invoice', id('from'), 'invoice');
SELECT is((state, is_price_locked, invoice_date, due_date, balance_amount = total_amount)::text, format('(active,t,%s,%s,t)', current_date, current_date + 45), 'active, locked and due by the customer''s terms')
FROM invoice WHERE invoice_id = id('from');
SELECT is(state_of('opportunity', id('source')), 'open/in_progress', 'the opportunity stays as it is');
SELECT count(*) FROM sales_crm.win_opportunity(opportunity_id => id('source'), close_open_quotes => true) \gset
SELECT remember('from', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('source')) \gset
SELECT same_as_deal('quote', id('from'), 'quote of a won opportunity');
SELECT remember('from', sales_order_id) FROM sales_crm.create_order_from_opportunity(opportunity_id => id('source')) \gset
SELECT same_as_deal('sales_order', id('from'), 'order of a won opportunity');
SELECT remember('from', invoice_id) FROM sales_crm.create_invoice_from_opportunity(opportunity_id => id('source')) \gset
SELECT same_as_deal('invoice', id('from'), 'invoice of a won opportunity');
WITH made AS (INSERT INTO opportunity (name, contact_id) VALUES ('of Ann', id('Ann')) RETURNING opportunity_id) SELECT remember('of Ann', opportunity_id) FROM made \gset
SELECT remember('from', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('of Ann')) \gset
SELECT is((account_id, contact_id, bill_to_name, bill_to_line1, ship_to_city)::text, format('(,%s,"Ann Lee","2 Side St",Shelbyville)', id('Ann')), 'without account it is billed to the contact') FROM quote WHERE quote_id = id('from');

-- A column of one's own travels with one row of column_map per step.
ALTER TABLE opportunity ADD COLUMN project text;
ALTER TABLE quote ADD COLUMN project text;
ALTER TABLE sales_order ADD COLUMN project_name text;
ALTER TABLE quote_product ADD COLUMN color text DEFAULT 'none';
ALTER TABLE sales_order_product ADD COLUMN color text DEFAULT 'none';
INSERT INTO column_map (source_entity, target_entity, source_column, target_column) VALUES
	('opportunity', 'quote', 'project', 'project'), ('quote', 'quote', 'project', 'project'), ('quote', 'sales_order', 'project', 'project_name'), ('quote_product', 'sales_order_product', 'color', 'color');
UPDATE opportunity SET project = 'Apollo' WHERE opportunity_id = id('of Ann');
INSERT INTO opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (id('of Ann'), 'Red', 1), (id('of Ann'), 'Plain', 1);
SELECT remember('from', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('of Ann')) \gset
SELECT is(project, 'Apollo', 'opportunity to quote') FROM quote WHERE quote_id = id('from');
UPDATE quote_product SET color = CASE product_description WHEN 'Red' THEN 'red' END WHERE quote_id = id('from');
SELECT count(*) FROM sales_crm.activate_quote(quote_id => id('from')) \gset
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('from'), close_other_quotes => true) \gset
SELECT is(project_name, 'Apollo', 'quote to order, under another name') FROM sales_order WHERE sales_order_id = id('order');
SELECT results_eq(format('SELECT color FROM sales_order_product WHERE sales_order_id = %s ORDER BY line_number', id('order')), $$VALUES ('red'), ('none')$$, 'line to line; an empty value leaves the default');

-- Deletes.
SELECT remember('gone', new_deal('gone')) \gset
SELECT remember('gone quote', new_document('quote', id('gone'))) \gset
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'call back', 'quote', id('gone quote'));
DELETE FROM opportunity WHERE opportunity_id = id('gone');
SELECT is(state_of('quote', id('gone quote')), 'gone', 'a draft goes with its opportunity');
SELECT is_empty('SELECT 1 FROM quote_product WHERE quote_id = id(''gone quote'')', 'and its lines');
SELECT is_empty('SELECT 1 FROM activity WHERE regarding_entity = ''quote'' AND regarding_id = id(''gone quote'')', 'and its open activities');
SELECT quote_in('active', new_deal('held')) \gset
SELECT throws_ok('DELETE FROM opportunity WHERE opportunity_id = id(''held'')', '23503', NULL, 'an active quote holds its opportunity');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
