-- What a session may do, how often, to which record, and as which statement. A record is drawn out of the newest 40 of the entity for which the
-- condition holds, so that eight sessions meet on a few; one time in twelve whatever its state. In a statement {id} is its key, {n} a whole number from 1 to 9,
-- {account}, {product} and {territory} somebody's key, {call} the key of the call, and {detail} what the query detail finds for it.
CREATE TABLE stress.action (kind text PRIMARY KEY, weight numeric NOT NULL, entity text, condition text, statement text NOT NULL, detail text);

-- A part of what is open of the lines of an order, or of an invoice, as the calls take it.
CREATE FUNCTION stress.parts(of_id bigint, what text) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT json_agg(json_build_object(CASE what WHEN 'credit' THEN 'invoice_product_id' ELSE 'sales_order_product_id' END, line_id, 'quantity', CASE WHEN random() < 0.5 AND abs(rest) >= 2 THEN sign(rest) ELSE rest END))::text
    FROM (SELECT l.sales_order_product_id AS line_id, l.product_type, CASE what WHEN 'deliver' THEN quantity - quantity_delivered WHEN 'return' THEN quantity_delivered - quantity_returned
                      WHEN 'delivered' THEN quantity_delivered - quantity_returned - quantity_invoiced ELSE quantity - quantity_returned - quantity_invoiced END AS rest
          FROM crm.sales_order_product AS l WHERE sales_order_id = of_id AND line_kind = 'standard' AND what <> 'credit'
          UNION ALL SELECT invoice_product_id, product_type, quantity - quantity_credited FROM crm.invoice_product WHERE invoice_id = of_id AND line_kind = 'standard' AND what = 'credit' AND down_payment_invoice_id IS NULL) AS l
    WHERE rest <> 0 AND product_type <> 'required_bundle_member' AND random() < 0.7
$$;

INSERT INTO stress.action (kind, weight, entity, condition, statement, detail) VALUES
-- leads
('insert_lead', 4, NULL, NULL, $$INSERT INTO crm.lead (subject, last_name, company_name, lead_source, estimated_value) VALUES ('Call {call}', 'Last', 'Company {call}', 'web', {n}00)$$, NULL),
('copy_leads', 1, NULL, NULL, $$COPY crm.lead (subject, last_name, company_name) FROM PROGRAM 'printf "Call {call}\tOne\tOne {call}\nCopy\tTwo\tTwo {call}\nCopy\tThree\tThree {call}\n"'$$, NULL),
('qualify_lead', 5, 'lead', 'state = ''open''', $$SELECT * FROM sales_crm.qualify_lead(lead_id => {id}, account_id => {account})$$, NULL),
('qualify_leads', 1, 'lead', 'state = ''open''', $$SELECT * FROM sales_crm.qualify_leads(lead_ids => ARRAY[{id}, {id} - 1, {id} + 1])$$, NULL),
('disqualify_lead', 1, 'lead', 'state = ''open''', $$SELECT * FROM sales_crm.disqualify_lead(lead_id => {id})$$, NULL),
('reopen_lead', 1, 'lead', 'state <> ''open''', $$SELECT * FROM sales_crm.reopen_lead(lead_id => {id})$$, NULL),
('update_lead', 1, 'lead', 'state = ''open''', $$UPDATE crm.lead SET rating = 'hot', estimated_value = {n}00 WHERE lead_id = {id}$$, NULL),
('delete_lead', 0.5, 'lead', 'state = ''open''', $$DELETE FROM crm.lead WHERE lead_id = {id}$$, NULL),
('assign_lead', 1, 'lead', 'state = ''open''', $$SELECT * FROM sales_crm.assign_lead(lead_id => {id})$$, NULL),
-- deals
('insert_opportunity', 3, NULL, NULL, $$INSERT INTO crm.opportunity (name, account_id, is_revenue_system_calculated) VALUES ('Call {call}', {account}, true)$$, NULL),
('copy_opportunity_lines', 2, 'opportunity', 'state = ''open''', $$COPY crm.opportunity_product (opportunity_id, product_id, quantity) FROM PROGRAM 'printf "{id}\t{product}\t{n}\n{id}\t{product}\t2\n"'$$, NULL),
('insert_opportunity_line', 4, 'opportunity', 'state = ''open''', $$INSERT INTO crm.opportunity_product (opportunity_id, product_id, quantity) VALUES ({id}, {product}, {n})$$, NULL),
('insert_bundle', 0.7, 'quote', 'state = ''draft''', $$INSERT INTO crm.quote_product (quote_id, product_id, quantity) SELECT {id}, product_id, {n} FROM crm.product WHERE product_number = 'S-SET'$$, NULL),
('win_opportunity', 2, 'opportunity', 'state = ''open''', $$SELECT * FROM sales_crm.win_opportunity(opportunity_id => {id}, close_open_quotes => {n} > 3)$$, NULL),
('lose_opportunity', 1, 'opportunity', 'state = ''open''', $$SELECT * FROM sales_crm.lose_opportunity(opportunity_id => {id}, close_open_quotes => {n} > 3)$$, NULL),
('reopen_opportunity', 1, 'opportunity', 'state <> ''open''', $$SELECT * FROM sales_crm.reopen_opportunity(opportunity_id => {id})$$, NULL),
('update_opportunity', 2, 'opportunity', 'state = ''open''', $$UPDATE crm.opportunity SET discount_percentage = {n}, customer_need = 'need {n}' WHERE opportunity_id = {id}$$, NULL),
('delete_opportunity', 0.5, 'opportunity', 'state = ''open''', $$DELETE FROM crm.opportunity WHERE opportunity_id = {id}$$, NULL),
-- quotes
('create_quote_from_opportunity', 5, 'opportunity', 'state = ''open''', $$SELECT * FROM sales_crm.create_quote_from_opportunity(opportunity_id => {id})$$, NULL),
('insert_quote_line', 3, 'quote', 'state = ''draft''', $$INSERT INTO crm.quote_product (quote_id, product_id, quantity) VALUES ({id}, {product}, {n})$$, NULL),
('update_quote_line', 3, 'quote', 'state = ''draft''', $$UPDATE crm.quote_product SET quantity = {n} WHERE quote_product_id = {detail}$$,
 'SELECT quote_product_id FROM crm.quote_product WHERE quote_id = $1 AND product_type <> ''required_bundle_member'' ORDER BY random() LIMIT 1'),
('delete_quote_line', 1, 'quote', 'state = ''draft''', $$DELETE FROM crm.quote_product WHERE quote_product_id = {detail}$$, 'SELECT quote_product_id FROM crm.quote_product WHERE quote_id = $1 ORDER BY random() LIMIT 1'),
('update_quote', 2, 'quote', 'state = ''draft''', $$UPDATE crm.quote SET discount_percentage = {n} * 3, freight_amount = {n} WHERE quote_id = {id}$$, NULL),
('move_quote', 0.7, 'quote', 'state IN (''draft'', ''active'')', $$UPDATE crm.quote SET opportunity_id = {detail} WHERE quote_id = {id}$$,
 'SELECT o.opportunity_id FROM crm.opportunity AS o, crm.quote AS q WHERE q.quote_id = $1 AND o.account_id = q.account_id AND o.state = ''open'' ORDER BY random() LIMIT 1'),
('reprice', 1, 'quote', 'state = ''draft''', $$SELECT * FROM sales_crm.reprice(entity => 'quote', id => {id})$$, NULL),
('activate_quote', 6, 'quote', 'state = ''draft''', $$SELECT * FROM sales_crm.activate_quote(quote_id => {id})$$, NULL),
('revise_quote', 2, 'quote', 'state IN (''active'', ''closed'')', $$SELECT * FROM sales_crm.revise_quote(quote_id => {id})$$, NULL),
('accept_quote', 5, 'quote', 'state = ''active''', $$SELECT * FROM sales_crm.accept_quote(quote_id => {id})$$, NULL),
('win_quote', 1, 'quote', 'state = ''active''', $$SELECT * FROM sales_crm.win_quote(quote_id => {id})$$, NULL),
('close_quote', 0.7, 'quote', 'state = ''active''', $$SELECT * FROM sales_crm.close_quote(quote_id => {id})$$, NULL),
('delete_quote', 0.5, 'quote', 'state = ''draft''', $$DELETE FROM crm.quote WHERE quote_id = {id}$$, NULL),
('create_order_from_quote', 2, 'quote', 'state = ''won''', $$SELECT * FROM sales_crm.create_order_from_quote(quote_id => {id})$$, NULL),
-- orders
('create_order_from_opportunity', 2, 'opportunity', 'total_amount > 0', $$SELECT * FROM sales_crm.create_order_from_opportunity(opportunity_id => {id})$$, NULL),
('insert_order_line', 1.5, 'sales_order', 'state = ''active''', $$INSERT INTO crm.sales_order_product (sales_order_id, product_id, quantity) VALUES ({id}, {product}, {n})$$, NULL),
('update_order_line', 1.5, 'sales_order', 'state = ''active''', $$UPDATE crm.sales_order_product SET quantity = {n} WHERE sales_order_product_id = {detail}$$,
 'SELECT sales_order_product_id FROM crm.sales_order_product WHERE sales_order_id = $1 AND product_type <> ''required_bundle_member'' ORDER BY random() LIMIT 1'),
('update_order', 1, 'sales_order', 'state = ''active''', $$UPDATE crm.sales_order SET freight_amount = freight_amount + {n} WHERE sales_order_id = {id}$$, NULL),
('submit_order', 3, 'sales_order', 'state = ''active''', $$SELECT * FROM sales_crm.submit_order(sales_order_id => {id})$$, NULL),
('deliver_order', 4, 'sales_order', 'state IN (''active'', ''submitted'')', $$SELECT * FROM sales_crm.deliver_order(sales_order_id => {id}, lines => '{detail}')$$, 'SELECT stress.parts($1, ''deliver'')'),
('return_order', 1.5, 'sales_order', 'state <> ''canceled''', $$SELECT * FROM sales_crm.return_order(sales_order_id => {id}, lines => '{detail}')$$, 'SELECT stress.parts($1, ''return'')'),
('fulfill_order', 3, 'sales_order', 'state IN (''active'', ''submitted'')', $$SELECT * FROM sales_crm.fulfill_order(sales_order_id => {id})$$, NULL),
('fulfill_order_partly', 0.5, 'sales_order', 'state IN (''active'', ''submitted'')', $$SELECT * FROM sales_crm.fulfill_order(sales_order_id => {id}, status_reason => 'partial')$$, NULL),
('invoice_ordered', 3, 'sales_order', 'state IN (''active'', ''fulfilled'')', $$SELECT * FROM sales_crm.create_invoice_from_order(sales_order_id => {id}, lines => '{detail}')$$, 'SELECT stress.parts($1, ''ordered'')'),
('invoice_delivered', 3, 'sales_order', 'state <> ''canceled'' AND EXISTS (SELECT FROM crm.sales_order_product AS l WHERE l.sales_order_id = k AND quantity_delivered > quantity_invoiced)', $$SELECT * FROM sales_crm.create_invoice_from_order(sales_order_id => {id}, basis => 'delivered')$$, NULL),
('create_down_payment_invoice', 2, 'sales_order', 'state IN (''active'', ''submitted'')', $$SELECT * FROM sales_crm.create_down_payment_invoice(sales_order_id => {id}, percentage => {n})$$, NULL),
('cancel_order', 0.5, 'sales_order', 'state <> ''canceled''', $$SELECT * FROM sales_crm.cancel_order(sales_order_id => {id})$$, NULL),
('delete_order', 0.3, 'sales_order', 'state = ''active''', $$DELETE FROM crm.sales_order WHERE sales_order_id = {id}$$, NULL),
('unlock_order_pricing', 0.7, 'sales_order', 'state = ''active''', $$SELECT * FROM sales_crm.unlock_order_pricing(sales_order_id => {id})$$, NULL),
-- invoices
('create_invoice_from_opportunity', 1, 'opportunity', 'total_amount > 0', $$SELECT * FROM sales_crm.create_invoice_from_opportunity(opportunity_id => {id})$$, NULL),
('update_invoice', 1, 'invoice', 'state = ''active'' AND sales_order_id IS NULL AND credited_invoice_id IS NULL', $$UPDATE crm.invoice SET freight_amount = {n} WHERE invoice_id = {id} AND sales_order_id IS NULL AND credited_invoice_id IS NULL$$, NULL),
('update_invoice_line', 1, 'invoice', 'state = ''active''', $$UPDATE crm.invoice_product SET quantity = quantity - 1 WHERE invoice_product_id = {detail} AND quantity > 1$$,
 'SELECT invoice_product_id FROM crm.invoice_product WHERE invoice_id = $1 AND product_type <> ''required_bundle_member'' ORDER BY random() LIMIT 1'),
('delete_invoice', 1.5, 'invoice', 'state = ''active''', $$DELETE FROM crm.invoice WHERE invoice_id = {id}$$, NULL),
('create_credit_note', 2, 'invoice', 'state <> ''canceled'' AND invoice_type <> ''credit_note''', $$SELECT * FROM sales_crm.create_credit_note(invoice_id => {id}, lines => '{detail}')$$, 'SELECT stress.parts($1, ''credit'')'),
('create_credit_note_of_all', 1, 'invoice', 'state <> ''canceled'' AND invoice_type <> ''credit_note''', $$SELECT * FROM sales_crm.create_credit_note(invoice_id => {id})$$, NULL),
('delete_credit_note', 1, 'invoice', 'state = ''active'' AND invoice_type = ''credit_note''', $$DELETE FROM crm.invoice WHERE invoice_id = {id}$$, NULL),
('cancel_invoice', 1, 'invoice', 'state <> ''canceled''', $$SELECT * FROM sales_crm.cancel_invoice(invoice_id => {id})$$, NULL),
('pay_invoice', 4, 'invoice', 'state <> ''canceled'' AND balance_amount <> 0', $$SELECT * FROM sales_crm.pay_invoice(invoice_id => {id}, reference => 'call {call}')$$, NULL),
('pay_part', 3, 'invoice', 'state <> ''canceled'' AND balance_amount > 9', $$SELECT * FROM sales_crm.pay_invoice(invoice_id => {id}, amount => {n}, reference => 'call {call}')$$, NULL),
('cancel_payment', 2, 'payment', 'canceled_at IS NULL', $$SELECT * FROM sales_crm.cancel_payment(payment_id => {id})$$, NULL),
('whole_sale', 2, NULL, NULL, $call$DO $$
DECLARE deal bigint; sale bigint; bill bigint;
BEGIN
    INSERT INTO crm.opportunity (name, account_id) VALUES ('Call {call}', {account}) RETURNING opportunity_id INTO deal;
    INSERT INTO crm.opportunity_product (opportunity_id, product_id, quantity) VALUES (deal, {product}, {n}), (deal, {product}, 1);
    sale := sales_crm.create_quote_from_opportunity(opportunity_id => deal);
    PERFORM sales_crm.activate_quote(quote_id => sale);
    sale := sales_crm.accept_quote(quote_id => sale);
    bill := sales_crm.fulfill_order(sales_order_id => sale);
    PERFORM sales_crm.pay_invoice(invoice_id => bill, reference => 'call {call}');
END $$$call$, NULL),
-- customers and catalogue
('update_account', 1.5, 'account', 'account_id <= 6', $$UPDATE crm.account SET credit_limit = {n}00000, credit_on_hold = {n} = 9 WHERE account_id = {id}$$, NULL),
('move_account', 0.5, 'account', 'account_id <= 6', $$UPDATE crm.account SET parent_account_id = {account} WHERE account_id = {id}$$, NULL),
('move_territory', 0.5, 'territory', 'true', $$UPDATE crm.territory SET parent_territory_id = {territory} WHERE territory_id = {id}$$, NULL),
('update_price', 0.5, 'price_list_item', 'true', $$UPDATE crm.price_list_item SET amount = amount + 0.01 WHERE price_list_item_id = {id}$$, NULL),
('update_rate', 0.2, NULL, NULL, $$UPDATE crm.currency SET exchange_rate = exchange_rate + 0.001 WHERE currency_code = 'EUR'$$, NULL),
-- processes
('start_process', 2, 'opportunity', 'state = ''open''', $$SELECT * FROM sales_crm.start_process(entity => 'opportunity', record_id => {id})$$, NULL),
('start_lead_process', 2, 'lead', 'state = ''open''', $$SELECT * FROM sales_crm.start_process(entity => 'lead', record_id => {id}, process_name => {detail})$$,
 'SELECT quote_literal(name) FROM crm.process WHERE name LIKE ''Lead%'' AND $1 > 0 ORDER BY random() LIMIT 1'),
('next_stage', 5, 'process_instance', 'state = ''active''', $$SELECT * FROM sales_crm.next_stage({detail})$$, 'SELECT stress.at_process($1)'),
('previous_stage', 2, 'process_instance', 'state = ''active''', $$SELECT * FROM sales_crm.previous_stage({detail})$$, 'SELECT stress.at_process($1)'),
('finish_process', 1, 'process_instance', 'state = ''active''', $$SELECT * FROM sales_crm.finish_process({detail})$$, 'SELECT stress.at_process($1)'),
('abandon_process', 0.5, 'process_instance', 'state = ''active''', $$SELECT * FROM sales_crm.abandon_process({detail})$$, 'SELECT stress.at_process($1)'),
('reactivate_process', 0.5, 'process_instance', 'state <> ''active''', $$SELECT * FROM sales_crm.reactivate_process({detail})$$, 'SELECT stress.at_process($1)'),
-- activities and queues
('insert_activity', 3, 'opportunity', 'true', $$INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'Call {call}', 'opportunity', {id})$$, NULL),
('complete_activity', 2, 'activity', 'state = ''open''', $$SELECT * FROM sales_crm.complete_activity(activity_id => {id})$$, NULL),
('cancel_activity', 0.7, 'activity', 'state = ''open''', $$SELECT * FROM sales_crm.cancel_activity(activity_id => {id})$$, NULL),
('reopen_activity', 0.7, 'activity', 'state <> ''open'' AND activity_type = ''task''', $$SELECT * FROM sales_crm.reopen_activity(activity_id => {id})$$, NULL),
('delete_activity', 0.5, 'activity', 'state = ''open''', $$DELETE FROM crm.activity WHERE activity_id = {id}$$, NULL),
('add_to_queue', 1.5, 'opportunity', 'state = ''open''', $$SELECT * FROM sales_crm.add_to_queue(entity => 'opportunity', record_id => {id}, queue_id => {detail})$$, 'SELECT queue_id FROM crm.queue WHERE name IN (''Inbound'', ''Support'') AND $1 > 0 ORDER BY random() LIMIT 1'),
('pick_next', 1.5, NULL, NULL, $$SELECT n.* FROM crm.queue AS q, LATERAL sales_crm.pick_next(queue_id => q.queue_id) AS n WHERE q.name = 'Inbound'$$, NULL),
('release_queue_item', 1, 'queue_item', 'worker_id IS NOT NULL', $$SELECT * FROM sales_crm.release_queue_item(queue_item_id => {id})$$, NULL),
('remove_queue_item', 0.7, 'queue_item', 'state = ''active''', $$SELECT * FROM sales_crm.remove_queue_item(queue_item_id => {id})$$, NULL),
-- automation
('run_due_automation', 2, NULL, NULL, $$SELECT * FROM sales_crm.run_due_automation("limit" => 10)$$, NULL),
('read_outbox', 1, NULL, NULL, $$SELECT count(a.delivery_number) FROM (SELECT max(outbox_event_id) AS last FROM sales_crm.read_outbox(consumer => 'stress', "limit" => 20)) AS r, LATERAL sales_crm.acknowledge_outbox(consumer => 'stress', outbox_event_id => r.last) AS a WHERE r.last IS NOT NULL$$, NULL),
('switch_rule', 0.3, NULL, NULL, $$UPDATE crm.automation_rule SET is_active = NOT is_active WHERE name = {detail}$$, 'SELECT CASE WHEN random() < 0.3 THEN ''''''Tell of accounts'''''' ELSE ''''''Mark big deals'''''' END WHERE $1 IS NULL');

-- The arguments that name where an instance stands.
CREATE FUNCTION stress.at_process(instance bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('entity => %L, record_id => %s, process_name => %L', coalesce(r.entity, i.entity), coalesce(r.record_id, i.record_id), p.name)
    FROM crm.process_instance AS i JOIN crm.process AS p USING (process_id) JOIN crm.process_stage AS s ON s.process_stage_id = i.active_stage_id
    LEFT JOIN crm.process_instance_record AS r ON r.process_instance_id = i.process_instance_id AND r.entity = s.entity
    WHERE i.process_instance_id = instance
$$;

-- Its running sums of weights, so that one number draws one action.
CREATE TABLE stress.draw_from AS SELECT a.*, sum(weight) OVER (ORDER BY kind) - weight AS above, sum(weight) OVER (ORDER BY kind) AS up_to, sum(weight) OVER () AS weights FROM stress.action AS a;
CREATE INDEX ON stress.draw_from (up_to);

-- One statement for a call. Chance comes from the seed and the call alone; which record it meets is up to the others too.
CREATE FUNCTION stress.statement(of_call bigint, OUT kind text, OUT statement text) LANGUAGE plpgsql AS $$
DECLARE chosen stress.draw_from; id bigint; found_detail text; drawn float8;
BEGIN
    FOR try IN 1 .. 20 LOOP
        drawn := random();
        SELECT * INTO chosen FROM stress.draw_from WHERE up_to > drawn * weights ORDER BY up_to LIMIT 1;
        id := NULL;
        IF chosen.entity IS NOT NULL THEN
            EXECUTE format('SELECT k FROM (SELECT *, %1$I_id AS k FROM crm.%1$I ORDER BY %1$I_id DESC LIMIT 40) AS newest WHERE %2$s ORDER BY random() LIMIT 1',
                           chosen.entity, CASE WHEN random() < 0.08 THEN 'true' ELSE chosen.condition END) INTO id;
            CONTINUE WHEN id IS NULL;
        END IF;
        IF chosen.detail IS NOT NULL THEN
            EXECUTE chosen.detail INTO found_detail USING id;
            CONTINUE WHEN found_detail IS NULL;
        END IF;
        EXIT;
    END LOOP;
    kind := chosen.kind;
    statement := replace(replace(replace(replace(replace(replace(replace(chosen.statement, '{id}', coalesce(id, 0)::text), '{n}', (1 + floor(random() * 9))::text),
        '{account}', (1 + floor(random() * 6))::text), '{product}', (1 + floor(random() * 6))::text), '{territory}', (1 + floor(random() * 5))::text),
        '{call}', of_call::text), '{detail}', coalesce(found_detail, '0'));
END $$;

-- A call as a transaction: how isolated, after which wait, and at times after another statement that is taken back.
CREATE FUNCTION stress.draw(seed bigint, of_call bigint, OUT kind text, OUT isolation text, OUT level text, OUT statement text, OUT wait_before float8, OUT wait_after float8) LANGUAGE plpgsql AS $$
DECLARE undone text;
BEGIN
    PERFORM setseed(mod(hashtext(seed || '/' || of_call), 1000000) / 1000000.0);
    SELECT s.kind, s.statement INTO kind, statement FROM stress.statement(of_call) AS s;
    isolation := (ARRAY['rc', 'rc', 'rr', 'ser'])[1 + floor(random() * 4)];
    level := CASE isolation WHEN 'rc' THEN 'READ COMMITTED' WHEN 'rr' THEN 'REPEATABLE READ' ELSE 'SERIALIZABLE' END;
    wait_before := CASE WHEN random() < 0.3 THEN random() * 0.03 ELSE 0 END;
    wait_after := CASE WHEN random() < 0.2 THEN random() * 0.02 ELSE 0 END;
    IF random() < 0.05 THEN
        SELECT s.statement INTO undone FROM stress.statement(of_call) AS s;
        statement := format('SAVEPOINT undone; %s; ROLLBACK TO undone; %s', undone, statement);
    END IF;
END $$;
