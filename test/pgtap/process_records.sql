-- Processes across tables: lead, deal, quote, order, invoice; what calls bring along, and what a deletion leaves (D§3.2, D§5.1).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT no_plan();

CREATE FUNCTION new_lead(as_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO lead (subject, company_name, last_name) VALUES (as_name, 'Northwind', 'Moon') RETURNING lead_id INTO made;
	RETURN remember(as_name, made);
END $$;

-- From the lead to the invoice, guided: what happens to the records moves the process where no step is missing.
SELECT new_lead('sale') \gset
SELECT sales_crm.start_process(entity => 'lead', record_id => id('sale'), process_name => 'Lead to Cash') \gset
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'lead', record_id => %s)$$, id('sale')), 'SC008', 'an open lead does not lead to an opportunity');
SELECT matches(words(format($$SELECT sales_crm.next_stage(entity => 'lead', record_id => %s)$$, id('sale'))), 'qualify_lead', 'the hint names the call');
SELECT remember('deal', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('sale')) \gset
SELECT is(path_of('lead', id('sale')), 'active: Qualify > Develop', 'qualifying moves it on');
SELECT is(path_of('opportunity', id('deal')), 'active: Qualify > Develop', 'the opportunity is in the same process');
SELECT is(deal_of(id('deal')), 'develop 30', 'and has phase and chance of the stage');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('deal')), 'Propose', 'on by the opportunity');
SELECT is(sales_crm.next_stage(entity => 'lead', record_id => id('sale')), 'Close', 'or by the lead');
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC008', 'there is no order yet');
SELECT refused(format($$SELECT sales_crm.finish_process(entity => 'opportunity', record_id => %s)$$, id('deal')), 'SC001', 'and it is not the end');
INSERT INTO opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (id('deal'), 'Work', 100);
SELECT remember('offer', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('deal')) \gset
SELECT sales_crm.activate_quote(quote_id => id('offer')) \gset
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('offer')) \gset
SELECT is(path_of('opportunity', id('deal')), 'active: Qualify > Develop > Propose > Close > Fulfil', 'the accepted quote brings it to the order');
SELECT is(path_of('sales_order', id('order')), 'active: Qualify > Develop > Propose > Close > Fulfil', 'the order is in it');
SELECT is(deal_of(id('deal')), 'close 90', 'the won deal is left alone');
SELECT remember('bill', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('order')) \gset
SELECT is(path_of('invoice', id('bill')), 'active: Qualify > Develop > Propose > Close > Fulfil > Invoice', 'the fulfilled order brings it to the invoice');
SELECT sales_crm.pay_invoice(invoice_id => id('bill')) \gset
SELECT is(sales_crm.finish_process(entity => 'invoice', record_id => id('bill')), 'finished', 'the end, on a paid invoice');
SELECT results_eq(format($$SELECT lead_id, opportunity_id, quote_id, sales_order_id, invoice_id FROM process_instance WHERE entity = 'lead' AND record_id = %s$$, id('sale')),
	format($$VALUES (%s::bigint, %s::bigint, NULL::bigint, %s::bigint, %s::bigint)$$, id('sale'), id('deal'), id('order'), id('bill')), 'the instance knows its records');

-- The gate of a lead holds for whoever qualifies it; all lead stages that are left are gone through.
SELECT new_process('Gated', 'One:lead:qualify::need! Two:lead:qualify::budget_amount! Three:opportunity:develop:', 5) \gset
SELECT sales_crm.activate_process(process_name => 'Gated') \gset
SELECT new_lead('gated') \gset
SELECT new_lead('free') \gset
SELECT sales_crm.start_process(entity => 'lead', record_id => id('gated')) \gset
SELECT is(path_of('lead', id('gated')), 'active: One', 'the process with the lowest number is the default');
SELECT is(detail_of(format($$SELECT * FROM sales_crm.qualify_lead(lead_id => %s)$$, id('gated'))), 'Missing: Need (lead.need).', 'a missing step refuses the qualification');
SELECT is(state_of('lead', id('gated')), 'open/new', 'and nothing of it stays');
SELECT results_eq(format($$SELECT error_code, opportunity_id IS NOT NULL FROM sales_crm.qualify_leads(lead_ids => ARRAY[%s, %s])$$, id('gated'), id('free')), $$VALUES ('SC008', false), (NULL, true)$$, 'of many leads the others are qualified');
UPDATE lead SET need = 'must_have' WHERE lead_id = id('gated');
SELECT refused(format($$SELECT * FROM sales_crm.qualify_lead(lead_id => %s)$$, id('gated')), 'SC008', 'the gate of the next lead stage counts too');
SELECT is((SELECT opportunity_id FROM sales_crm.qualify_lead(lead_id => id('gated'), create_opportunity => false)), NULL, 'without an opportunity no stage is left, and no gate closed');
SELECT is(path_of('lead', id('gated')), 'active: One', 'the process stays in its stage');
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'lead', record_id => %s)$$, id('gated')), 'SC002', 'the lead is closed');
SELECT sales_crm.reopen_lead(lead_id => id('gated')) \gset
UPDATE lead SET budget_amount = 1000 WHERE lead_id = id('gated');
SELECT remember('gated deal', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('gated')) \gset
SELECT is(path_of('opportunity', id('gated deal')), 'active: One > Two > Three', 'filled in, it goes through each stage');

-- Qualified without an opportunity, the lead's process waits for one that is made later.
SELECT new_lead('later') \gset
SELECT sales_crm.start_process(entity => 'lead', record_id => id('later'), process_name => 'Lead to Opportunity Sales Process') \gset
SELECT sales_crm.qualify_lead(lead_id => id('later'), create_opportunity => false) \gset
SELECT is(path_of('lead', id('later')), 'active: Qualify', 'no opportunity, no move');
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'lead', record_id => %s)$$, id('later')), 'SC008', 'there is none to move to');
SELECT remember('later deal', opportunity_id) FROM sales_crm.create_opportunity_from_lead(lead_id => id('later')) \gset
SELECT is(path_of('opportunity', id('later deal')), 'active: Qualify > Develop', 'made later, it takes the process along');
SELECT is(sales_crm.previous_stage(entity => 'opportunity', record_id => id('later deal')), 'Qualify', 'back on the qualified lead');
SELECT is(sales_crm.next_stage(entity => 'lead', record_id => id('later')), 'Develop', 'and forward to its opportunity');

-- An opportunity that leads join is in the processes of all of them.
SELECT new_lead('joined') \gset
SELECT sales_crm.start_process(entity => 'lead', record_id => id('joined'), process_name => 'Lead to Cash') \gset
SELECT sales_crm.qualify_lead(lead_id => id('joined'), opportunity_id => id('later deal')) \gset
SELECT is((SELECT count(*) FROM process_instance WHERE opportunity_id = id('later deal')), 2::bigint, 'two processes on one opportunity');

-- An order with steps missing before it: the process waits, and finds the order afterwards.
SELECT new_process('Strict', 'Deal:opportunity:close:90:final_decision_date! Order:sales_order:fulfil:100', 70) \gset
SELECT sales_crm.activate_process(process_name => 'Strict') \gset
SELECT new_deal('strict') \gset
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('strict'), process_name => 'Strict') \gset
SELECT remember('strict order', sales_order_id) FROM sales_crm.create_order_from_opportunity(opportunity_id => id('strict')) \gset
SELECT is(path_of('opportunity', id('strict')), 'active: Deal', 'the order is made, the process waits');
UPDATE opportunity SET final_decision_date = '2030-01-01' WHERE opportunity_id = id('strict');
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('strict')), 'Order', 'then it goes on');
SELECT is(deal_of(id('strict')), 'close 100', 'fulfil is no phase, the chance is set');

-- Quotes: the newest open or won one.
SELECT new_process('Quoted', 'Deal:opportunity:develop: Offer:quote:propose:60 Closing:opportunity:close:90', 80) \gset
SELECT sales_crm.activate_process(process_name => 'Quoted') \gset
SELECT new_deal('quoted') \gset
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('quoted'), process_name => 'Quoted') \gset
SELECT refused(format($$SELECT sales_crm.next_stage(entity => 'opportunity', record_id => %s)$$, id('quoted')), 'SC008', 'no quote yet');
SELECT remember('first', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('quoted')) \gset
SELECT remember('second', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('quoted')) \gset
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('quoted')), 'Offer', 'the stage of the quote');
SELECT is(path_of('quote', id('second')), 'active: Deal > Offer', 'of two quotes the newest');
SELECT is(deal_of(id('quoted')), 'propose 60', 'the deal follows the quote''s stage');
SELECT is(sales_crm.next_stage(entity => 'quote', record_id => id('second')), 'Closing', 'and back to the deal');

SELECT is(sales_crm.previous_stage(entity => 'quote', record_id => id('second')), 'Offer', 'back to the offer');
SELECT sales_crm.activate_quote(quote_id => id('second')) \gset
SELECT remember('revised', quote_id) FROM sales_crm.revise_quote(quote_id => id('second')) \gset
SELECT is(path_of('quote', id('revised')) || ', ' || path_of('quote', id('second')), 'active: Deal > Offer, none', 'a revision takes the place of the quote');
SELECT is(sales_crm.next_stage(entity => 'quote', record_id => id('revised')), 'Closing', 'and on with it');
SELECT sales_crm.cancel_order(sales_order_id => id('strict order')) \gset
SELECT remember('another order', sales_order_id) FROM sales_crm.create_order_from_opportunity(opportunity_id => id('strict')) \gset
SELECT is(path_of('sales_order', id('another order')) || ', ' || path_of('sales_order', id('strict order')), 'active: Deal > Order, none', 'an order takes the place of a canceled one');

-- Deleted records: the process started on one goes along, any other steps back.
DELETE FROM quote WHERE quote_id = id('first');
SELECT is(path_of('opportunity', id('quoted')), 'active: Deal > Offer > Closing', 'another quote does not matter');
DELETE FROM quote WHERE quote_id = id('revised');
SELECT is(path_of('opportunity', id('quoted')), 'active: Deal', 'back to before the deleted quote');
SELECT is(deal_of(id('quoted')), 'develop 90', 'phase goes back, a stage without a chance leaves it');
SELECT new_deal('over') \gset
SELECT remember('last', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('over')) \gset
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('over'), process_name => 'Quoted') \gset
SELECT sales_crm.next_stage(entity => 'opportunity', record_id => id('over')) \gset
SELECT sales_crm.abandon_process(entity => 'opportunity', record_id => id('over')) \gset
DELETE FROM quote WHERE quote_id = id('last');
SELECT is(path_of('opportunity', id('over')), 'aborted: Deal', 'a process that ended goes back too');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'and stays nowhere');
SELECT new_deal('dropped') \gset
SELECT remember('third', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('dropped')) \gset
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('dropped'), process_name => 'Quoted') \gset
SELECT sales_crm.next_stage(entity => 'opportunity', record_id => id('dropped')) \gset
DELETE FROM opportunity WHERE opportunity_id = id('dropped');
SELECT is((SELECT count(*) FROM process_instance WHERE record_id = id('dropped') AND entity = 'opportunity') + (SELECT count(*) FROM quote WHERE quote_id = id('third')), 0::bigint, 'a deal goes with its drafts and its process');
SELECT new_lead('gone') \gset
SELECT sales_crm.start_process(entity => 'lead', record_id => id('gone')) \gset
SELECT lives_ok(format('DELETE FROM lead WHERE lead_id = %s', id('gone')), 'a lead is deleted with its process');

-- Import mode brings nothing along.
SELECT new_deal('imported') \gset
SELECT sales_crm.start_process(entity => 'opportunity', record_id => id('imported'), process_name => 'Strict') \gset
UPDATE opportunity SET final_decision_date = '2030-01-01' WHERE opportunity_id = id('imported');
SET LOCAL sales_crm.import_mode = on;
INSERT INTO sales_order (name, account_id, opportunity_id) VALUES ('imported', id('Contoso'), id('imported'));
SET LOCAL sales_crm.import_mode = off;
SELECT is(path_of('opportunity', id('imported')), 'active: Deal', 'imported orders move no process');
INSERT INTO sales_order (name, account_id, opportunity_id) VALUES ('typed', id('Contoso'), id('imported'));
SELECT is(path_of('opportunity', id('imported')), 'active: Deal > Order', 'one that is typed does');

-- Who may what: a seller moves, an administrator defines, a reader looks.
CREATE ROLE tap_seller;
CREATE ROLE tap_reader;
SELECT sales_crm.grant_access(role => 'tap_seller', level => 'sell'), sales_crm.grant_access(role => 'tap_reader', level => 'read') \gset
GRANT USAGE ON SCHEMA tap TO tap_seller, tap_reader;
GRANT SELECT ON tap.named TO tap_seller, tap_reader;
SELECT new_deal('sold') \gset
SET LOCAL ROLE tap_seller;
SELECT is(sales_crm.next_stage(entity => 'opportunity', record_id => id('sold')), 'Develop', 'a seller moves a process');
SELECT is((SELECT state FROM sales_crm.win_opportunity(opportunity_id => id('sold')) AS w, crm.opportunity WHERE opportunity_id = id('sold')), 'open', 'and closes the deal');
SELECT throws_ok($$SELECT sales_crm.deactivate_process(process_name => 'Strict')$$, '42501', NULL, 'but does not define one');
SELECT throws_ok($$UPDATE crm.process_stage_history SET minutes = 0$$, '42501', NULL, 'nor writes its history');
SET LOCAL ROLE tap_reader;
SELECT ok((SELECT count(*) > 5 FROM sales_crm.process_guidance(entity => 'opportunity', id => id('sold'))), 'a reader is guided');
SELECT throws_ok(format($$SELECT sales_crm.finish_process(entity => 'opportunity', record_id => %s)$$, id('sold')), '42501', NULL, 'but moves nothing');
RESET ROLE;

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
