-- What must be so whenever the server stands still, by plain SQL over the base tables: no call and no view of the extension is asked, but for the last.
-- Each view row is a fault: check, key, what is wrong.

-- The ledger: what was acknowledged is there once, what was refused is not, what got no answer is whole or not there.
CREATE VIEW stress.wrong_ledger AS
    WITH mark AS (SELECT call_id, count(*) AS marks FROM stress.ledger GROUP BY call_id)
    SELECT 'acknowledged calls are there' AS check_name, a.call_id AS id, a.kind || ' was acknowledged and left no mark' AS detail FROM stress.answer AS a LEFT JOIN mark AS m USING (call_id) WHERE a.sqlstate = '00000' AND m.call_id IS NULL
    UNION ALL SELECT 'refused calls left nothing', a.call_id, a.kind || ' was refused with ' || a.sqlstate || ' and left a mark' FROM stress.answer AS a JOIN mark AS m USING (call_id) WHERE a.sqlstate NOT IN ('00000', 'lost')
    UNION ALL SELECT 'no call was done twice', call_id, marks || ' marks' FROM mark WHERE marks > 1
    UNION ALL SELECT 'no call was answered twice', call_id, count(*) || ' answers' FROM stress.answer GROUP BY call_id HAVING count(*) > 1
    UNION ALL SELECT 'nothing is there without its call', k.call_id, k.entity || ' ' || k.id || ' has no mark, or its call made ' || k.times
    FROM (SELECT entity, call_id, min(id) AS id, count(*) AS times FROM (
              SELECT 'lead' AS entity, lead_id AS id, substr(subject, 6)::bigint AS call_id FROM crm.lead WHERE subject LIKE 'Call %'
              UNION ALL SELECT 'opportunity', opportunity_id, substr(name, 6)::bigint FROM crm.opportunity WHERE name ~ '^Call \d+$' AND originating_lead_id IS NULL
              UNION ALL SELECT 'activity', activity_id, substr(subject, 6)::bigint FROM crm.activity WHERE subject LIKE 'Call %'
              UNION ALL SELECT 'payment', payment_id, substr(reference, 6)::bigint FROM crm.payment WHERE reference LIKE 'call %') AS x GROUP BY entity, call_id) AS k
    LEFT JOIN mark AS m USING (call_id) WHERE m.call_id IS NULL OR k.times > 1
    UNION ALL SELECT 'acknowledged payments are there', l.call_id, l.kind || ' left no payment' FROM stress.ledger AS l
    WHERE l.kind IN ('pay_part', 'whole_sale') AND NOT EXISTS (SELECT FROM crm.payment AS p WHERE p.reference = 'call ' || l.call_id);

-- Headers and lines of all documents in one shape.
DO $$
DECLARE entity text; lines text := ''; headers text := '';
BEGIN
    FOREACH entity IN ARRAY '{opportunity,quote,sales_order,invoice}'::text[] LOOP
        lines := concat_ws(' UNION ALL ', nullif(lines, ''), format('SELECT %L::text AS entity, %I AS id, %I AS line_id, line_number, line_kind, quantity, price_per_unit, volume_discount_amount, manual_discount_amount, tax_amount, base_amount, extended_amount, pricing_error, %s AS rounding_amount FROM crm.%I',
            entity, entity || '_id', entity || '_product_id', CASE entity WHEN 'invoice' THEN 'rounding_amount' ELSE '0::numeric' END, entity || '_product'));
        headers := concat_ws(' UNION ALL ', nullif(headers, ''), format('SELECT %L::text AS entity, %I AS id, h.exchange_rate, c.decimals, h.discount_percentage, h.discount_amount, h.freight_amount, total_line_item_amount, total_discount_amount, total_line_item_discount_amount, total_amount_less_freight, total_tax, total_amount, total_amount_base, pricing_error FROM crm.%I AS h JOIN crm.currency AS c USING (currency_code)',
            entity, entity || '_id', entity));
    END LOOP;
    EXECUTE 'CREATE VIEW stress.line_of AS ' || lines;
    EXECUTE 'CREATE VIEW stress.header_of AS ' || headers;
END $$;

CREATE VIEW stress.wrong_totals AS
    WITH line AS MATERIALIZED (SELECT * FROM stress.line_of), header AS MATERIALIZED (SELECT * FROM stress.header_of), sums AS MATERIALIZED (
        SELECT entity, id, sum(extended_amount - tax_amount) AS items, sum(tax_amount) AS tax, bool_or(pricing_error <> 'none') AS is_broken FROM line WHERE line_kind = 'standard' GROUP BY entity, id
    )
    SELECT 'lines are priced' AS check_name, line_id AS id, format('%s line: base %s, extended %s', entity, base_amount, extended_amount) AS detail
    FROM line JOIN (SELECT entity, id, decimals FROM header) AS h USING (entity, id)
    WHERE base_amount <> round(quantity * (price_per_unit - volume_discount_amount), decimals) + rounding_amount OR extended_amount <> base_amount - manual_discount_amount + tax_amount
    UNION ALL
    SELECT 'totals are the sums of lines', h.id, format('%s: %s of %s items, %s tax, lines say %s and %s', h.entity, h.total_amount, h.total_line_item_amount, h.total_tax, s.items, s.tax)
    FROM header AS h LEFT JOIN sums AS l USING (entity, id), LATERAL (SELECT coalesce(l.items, 0) AS items, coalesce(l.tax, 0) AS tax, coalesce(l.is_broken, false) AS is_broken) AS s,
    LATERAL (SELECT s.items - round(s.items * h.discount_percentage / 100, h.decimals) - h.discount_amount AS less_freight) AS t
    WHERE (h.total_line_item_amount, h.total_tax, h.total_amount_less_freight, h.total_amount, h.total_amount_base, h.pricing_error <> 'none')
        IS DISTINCT FROM (s.items, s.tax, t.less_freight, t.less_freight + h.freight_amount + s.tax, round((t.less_freight + h.freight_amount + s.tax) / h.exchange_rate, 4), s.is_broken)
    UNION ALL
    SELECT 'deals take their value from their lines', opportunity_id, format('%s, total %s', estimated_value, total_amount) FROM crm.opportunity WHERE is_revenue_system_calculated AND estimated_value <> total_amount
    UNION ALL
    SELECT 'no document has a line number twice', min(line_id), format('%s %s has %s lines %s', entity, id, count(*), line_number) FROM line GROUP BY entity, id, line_number HAVING count(*) > 1;

-- Quantities of order and invoice lines, money of invoices, parts of orders.
CREATE VIEW stress.wrong_cash AS
    WITH billed AS MATERIALIZED (
        SELECT i.sales_order_product_id AS line_id, sum(i.quantity) AS quantity FROM crm.invoice_product AS i JOIN crm.invoice AS v USING (invoice_id)
        WHERE v.state <> 'canceled' AND v.invoice_type <> 'down_payment' AND i.sales_order_product_id IS NOT NULL AND (v.sales_order_id IS NOT NULL OR v.invoice_type = 'invoice')
            AND (v.credited_invoice_id IS NULL OR i.credited_invoice_product_id IS NOT NULL) GROUP BY 1
    ), moved AS MATERIALIZED (
        SELECT p.sales_order_product_id AS line_id, coalesce(sum(p.quantity) FILTER (WHERE d.delivery_type = 'delivery'), 0) AS delivered, coalesce(-sum(p.quantity) FILTER (WHERE d.delivery_type = 'return'), 0) AS returned
        FROM crm.delivery_product AS p JOIN crm.delivery AS d USING (delivery_id) GROUP BY 1
    ), credited AS MATERIALIZED (
        SELECT i.credited_invoice_product_id AS line_id, -sum(i.quantity) AS quantity FROM crm.invoice_product AS i JOIN crm.invoice AS v USING (invoice_id) WHERE v.state <> 'canceled' AND i.credited_invoice_product_id IS NOT NULL GROUP BY 1
    ), paid AS MATERIALIZED (SELECT invoice_id, sum(amount) AS amount, sum(discount_amount) AS saved, count(*) AS payments FROM crm.payment WHERE canceled_at IS NULL GROUP BY 1)
    SELECT 'quantities of order lines' AS check_name, l.sales_order_product_id AS id, format('%s invoiced, %s delivered, %s returned of %s; rows say %s, %s, %s', l.quantity_invoiced, l.quantity_delivered, l.quantity_returned, l.quantity, b.quantity, m.delivered, m.returned) AS detail
    FROM crm.sales_order_product AS l LEFT JOIN billed AS b ON b.line_id = l.sales_order_product_id LEFT JOIN moved AS m ON m.line_id = l.sales_order_product_id
    WHERE (l.quantity_invoiced, l.quantity_delivered, l.quantity_returned) IS DISTINCT FROM (coalesce(b.quantity, 0), coalesce(m.delivered, 0), coalesce(m.returned, 0))
        OR l.quantity_invoiced NOT BETWEEN 0 AND l.quantity OR l.quantity_delivered NOT BETWEEN 0 AND l.quantity OR l.quantity_returned NOT BETWEEN 0 AND l.quantity_delivered
    UNION ALL
    SELECT 'quantities credited', l.invoice_product_id, format('%s of %s, credit notes say %s', l.quantity_credited, l.quantity, c.quantity)
    FROM crm.invoice_product AS l LEFT JOIN credited AS c ON c.line_id = l.invoice_product_id
    WHERE l.quantity_credited <> coalesce(c.quantity, 0) OR abs(l.quantity_credited) > abs(l.quantity) OR l.quantity_credited * l.quantity < 0
    UNION ALL
    SELECT 'nothing is credited beyond its invoice', v.invoice_id, format('total %s, credit notes %s', v.total_amount, sum(c.total_amount))    -- what a down payment paid of it can be credited too
    FROM crm.invoice AS v JOIN crm.invoice AS c ON c.credited_invoice_id = v.invoice_id AND c.state <> 'canceled', LATERAL (SELECT coalesce(sum(extended_amount), 0) AS amount FROM crm.invoice_product AS l WHERE l.invoice_id = v.invoice_id AND l.down_payment_invoice_id IS NOT NULL) AS d
    GROUP BY v.invoice_id, d.amount HAVING -sum(c.total_amount) > v.total_amount - d.amount OR bool_or(v.state = 'canceled')
    UNION ALL
    SELECT 'paid amounts and states of invoices', v.invoice_id, format('%s/%s paid %s, open %s of %s; payments say %s', v.state, v.status_reason, v.amount_paid, v.balance_amount, v.total_amount, p.amount)
    FROM crm.invoice AS v LEFT JOIN paid AS p USING (invoice_id)
    WHERE v.amount_paid <> coalesce(p.amount, 0) OR v.balance_amount <> v.total_amount - v.amount_paid - v.early_payment_discount_amount
        OR (v.invoice_type <> 'credit_note' AND v.early_payment_discount_amount <> coalesce(p.saved, 0))
        OR (v.state || '/' || v.status_reason) NOT IN (CASE WHEN v.state = 'canceled' THEN 'canceled/canceled' WHEN v.state = 'paid' AND v.balance_amount = 0 THEN 'paid/complete' WHEN p.payments > 0 THEN 'paid/partial' ELSE 'active/new' END)
        OR (p.payments > 0 AND v.state <> 'paid') OR (v.invoice_type <> 'credit_note' AND v.balance_amount < 0)
    UNION ALL
    -- The goods alone: a down payment counts once an invoice deducts it, which the last one does.
    SELECT 'orders are not billed beyond their total', o.sales_order_id, format('total %s, goods on invoices %s', o.total_amount, sum(v.total_amount - d.amount))
    FROM crm.sales_order AS o JOIN crm.invoice AS v USING (sales_order_id) JOIN crm.currency AS c ON c.currency_code = o.currency_code LEFT JOIN crm.invoice AS r ON r.invoice_id = v.credited_invoice_id,
    LATERAL (SELECT coalesce(sum(l.extended_amount), 0) AS amount FROM crm.invoice_product AS l WHERE l.invoice_id = v.invoice_id AND l.down_payment_invoice_id IS NOT NULL) AS d
    WHERE v.state <> 'canceled' AND v.invoice_type <> 'down_payment' AND coalesce(r.invoice_type, '') <> 'down_payment'
    GROUP BY o.sales_order_id, c.decimals HAVING sum(v.total_amount - d.amount) > o.total_amount + count(*) * power(10::numeric, -c.decimals)
    UNION ALL
    SELECT 'down payments are deducted once', d.invoice_id, format('%s times', -sum(l.quantity)) FROM crm.invoice AS d JOIN crm.invoice_product AS l ON l.down_payment_invoice_id = d.invoice_id JOIN crm.invoice AS f ON f.invoice_id = l.invoice_id AND f.state <> 'canceled'
    GROUP BY d.invoice_id HAVING -sum(l.quantity) NOT IN (0, 1);

-- States: of records against their history and one another.
CREATE VIEW stress.wrong_states AS
    WITH state AS MATERIALIZED (
        SELECT 'lead' AS entity, lead_id AS id, state, status_reason FROM crm.lead UNION ALL SELECT 'opportunity', opportunity_id, state, status_reason FROM crm.opportunity UNION ALL SELECT 'quote', quote_id, state, status_reason FROM crm.quote
        UNION ALL SELECT 'sales_order', sales_order_id, state, status_reason FROM crm.sales_order UNION ALL SELECT 'invoice', invoice_id, state, status_reason FROM crm.invoice
    ), story AS MATERIALIZED (
        SELECT *, lag(to_state || '/' || to_status_reason) OVER w AS left_at, lead(status_history_id) OVER w IS NULL AS is_last
        FROM crm.status_history WINDOW w AS (PARTITION BY entity, record_id ORDER BY status_history_id)
    )
    SELECT 'states are what their history ends with' AS check_name, s.id, format('%s %s/%s, history %s/%s', s.entity, s.state, s.status_reason, h.to_state, h.to_status_reason) AS detail
    FROM state AS s JOIN story AS h ON h.entity = s.entity AND h.record_id = s.id AND h.is_last WHERE (s.state, s.status_reason) IS DISTINCT FROM (h.to_state, h.to_status_reason)
    UNION ALL
    SELECT 'closed records have a history', s.id, s.entity || ' ' || s.state FROM state AS s
    WHERE s.state NOT IN ('open', 'draft', 'active') AND NOT EXISTS (SELECT FROM story AS h WHERE h.entity = s.entity AND h.record_id = s.id)
    UNION ALL
    SELECT 'a history has no gap', record_id, format('%s goes on from %s/%s after %s', entity, from_state, from_status_reason, left_at) FROM story WHERE left_at IS NOT NULL AND left_at <> from_state || '/' || from_status_reason
    UNION ALL
    SELECT 'a closing has one activity', o.opportunity_id, format('%s closings, %s activities', h.closings, c.activities) FROM crm.opportunity AS o,
    LATERAL (SELECT count(*) AS closings FROM story AS h WHERE h.entity = 'opportunity' AND h.record_id = o.opportunity_id AND h.to_state IN ('won', 'lost') AND h.from_state = 'open') AS h,
    LATERAL (SELECT count(*) AS activities FROM crm.opportunity_close AS c WHERE c.opportunity_id = o.opportunity_id) AS c WHERE h.closings <> c.activities
    UNION ALL
    SELECT 'a won quote has at most one live order', q.quote_id, count(*) || ' orders, quote ' || q.state FROM crm.quote AS q JOIN crm.sales_order AS o USING (quote_id) WHERE o.state <> 'canceled' GROUP BY q.quote_id HAVING count(*) > 1 OR q.state <> 'won'
    UNION ALL
    SELECT 'a number has one open revision', min(quote_id), quote_number || ': ' || count(*) FROM crm.quote WHERE state IN ('draft', 'active') GROUP BY quote_number HAVING count(*) > 1
    UNION ALL
    SELECT 'a lead has the deal it was qualified into', l.lead_id, format('%s, deal %s', l.state, l.qualified_opportunity_id) FROM crm.lead AS l LEFT JOIN crm.opportunity AS o ON o.opportunity_id = l.qualified_opportunity_id
    WHERE o.originating_lead_id <> l.lead_id OR (l.qualified_opportunity_id IS NOT NULL AND o.opportunity_id IS NULL)
    UNION ALL
    SELECT 'a document of a deal is of its customer', o.sales_order_id, format('order of %s, deal of %s', o.account_id, d.account_id) FROM crm.sales_order AS o JOIN crm.quote AS q USING (quote_id) JOIN crm.opportunity AS d ON d.opportunity_id = q.opportunity_id WHERE o.account_id <> q.account_id OR o.opportunity_id <> q.opportunity_id;

-- Series, hierarchies, processes, queues, rules, outbox.
CREATE VIEW stress.wrong_order AS
    WITH RECURSIVE above AS (
        SELECT 'account' AS entity, account_id AS start, parent_account_id AS at, 1 AS depth FROM crm.account WHERE parent_account_id IS NOT NULL
        UNION ALL SELECT 'territory', territory_id, parent_territory_id, 1 FROM crm.territory WHERE parent_territory_id IS NOT NULL
        UNION ALL SELECT a.entity, a.start, p.parent, a.depth + 1 FROM above AS a JOIN (SELECT 'account' AS entity, account_id AS id, parent_account_id AS parent FROM crm.account UNION ALL SELECT 'territory', territory_id, parent_territory_id FROM crm.territory) AS p
            ON p.entity = a.entity AND p.id = a.at WHERE p.parent IS NOT NULL AND a.depth < 30
    ), number AS MATERIALIZED (
        SELECT 'quote' AS series, quote_number AS number, count(*) FILTER (WHERE revision_number = 0) AS times FROM crm.quote GROUP BY 2 UNION ALL SELECT 'order', order_number, count(*) FROM crm.sales_order GROUP BY 2
        UNION ALL SELECT 'invoice', number, sum(n) FROM (SELECT invoice_number AS number, 1 AS n FROM crm.invoice UNION ALL SELECT number, 1 FROM crm.number_void WHERE series = 'invoice') AS i GROUP BY 2
        UNION ALL SELECT 'delivery', delivery_number, count(*) FROM crm.delivery GROUP BY 2
    ), stay AS MATERIALIZED (
        SELECT *, lead(process_stage_history_id) OVER w IS NULL AS is_last, lead(entered_at) OVER w AS next_at FROM crm.process_stage_history WINDOW w AS (PARTITION BY process_instance_id ORDER BY process_stage_history_id)
    )
    SELECT 'no circle in a hierarchy' AS check_name, start AS id, entity AS detail FROM above WHERE at = start
    UNION ALL SELECT 'no number stands twice', NULL, series || ' ' || number FROM number WHERE times > 1
    UNION ALL SELECT 'the gapless series has no gap', NULL, 'invoice ' || w.n FROM crm.number_series AS s, LATERAL generate_series(1000, s.last_number) AS w (n)
    WHERE s.series = 'invoice' AND NOT EXISTS (SELECT FROM number AS d WHERE d.series = 'invoice' AND d.number = s.prefix || lpad(w.n::text, s.width, '0'))
    UNION ALL SELECT 'no number is beyond its series', NULL, d.number FROM number AS d JOIN crm.number_series AS s USING (series) WHERE s.is_gapless AND substr(d.number, length(s.prefix) + 1)::bigint > s.last_number
    UNION ALL SELECT 'a process stands where its history ends', i.process_instance_id, format('stage %s, history %s', i.active_stage_id, h.process_stage_id) FROM crm.process_instance AS i JOIN stay AS h USING (process_instance_id) WHERE h.is_last AND h.process_stage_id <> i.active_stage_id
    UNION ALL SELECT 'a stay ends when the next begins', process_instance_id, format('%s, next %s', left_at, next_at) FROM stay WHERE NOT is_last AND left_at IS NULL
    UNION ALL SELECT 'a stage is of the process', i.process_instance_id, 'stage ' || i.active_stage_id FROM crm.process_instance AS i JOIN crm.process_stage AS s ON s.process_stage_id = i.active_stage_id WHERE s.process_id <> i.process_id
    UNION ALL SELECT 'a record has a process once', min(process_instance_id), format('%s %s: %s', entity, record_id, count(*)) FROM crm.process_instance WHERE state = 'active' GROUP BY process_id, entity, record_id HAVING count(*) > 1
    UNION ALL SELECT 'a record stands in one queue', min(queue_item_id), format('%s %s', entity, record_id) FROM crm.queue_item WHERE state = 'active' GROUP BY entity, record_id HAVING count(*) > 1
    UNION ALL SELECT 'nothing closed stands in a queue', queue_item_id, format('opportunity %s', record_id) FROM crm.queue_item AS q JOIN crm.opportunity AS o ON q.entity = 'opportunity' AND o.opportunity_id = q.record_id WHERE q.state = 'active' AND o.state <> 'open'
    UNION ALL SELECT 'a rule runs once for an event', min(automation_run_id), format('%s %s', automation_rule_id, event_key) FROM crm.automation_run WHERE outcome = 'done' AND event NOT IN ('on_demand', 'date_reached') GROUP BY automation_rule_id, entity, event_key HAVING count(*) > 1
    UNION ALL SELECT 'thanks go out once for a payment', min(q.automation_queue_id), format('invoice %s, %s', q.record_id, q.event_key) FROM crm.automation_queue AS q JOIN crm.automation_run AS r USING (automation_rule_id, entity, record_id, event_key) WHERE r.outcome = 'done' GROUP BY q.record_id, q.event_key
    UNION ALL SELECT 'events of a record are counted', NULL, format('%s %s: %s events, last %s', aggregate_entity, aggregate_id, count(*), max(sequence_number)) FROM crm.outbox_event GROUP BY aggregate_entity, aggregate_id HAVING count(*) <> max(sequence_number) OR count(DISTINCT sequence_number) <> count(*)
    UNION ALL SELECT 'what is counted was sent', outbox_aggregate_id, format('%s %s: %s', aggregate_entity, aggregate_id, last_number) FROM crm.outbox_aggregate AS a WHERE last_number <> (SELECT count(*) FROM crm.outbox_event AS e WHERE e.aggregate_entity = a.aggregate_entity AND e.aggregate_id = a.aggregate_id)
    UNION ALL SELECT 'a canceled invoice was told of once', e.id, format('%s events, %s times canceled', e.events, h.times) FROM
        (SELECT aggregate_id AS id, count(*) AS events FROM crm.outbox_event WHERE event_name = 'invoice.canceled' GROUP BY 1) AS e
        FULL JOIN (SELECT record_id AS id, count(*) AS times FROM crm.status_history WHERE entity = 'invoice' AND to_state = 'canceled' GROUP BY 1) AS h USING (id) WHERE e.events IS DISTINCT FROM h.times;

-- What a customer owes, against the figures that a refusal of credit gives: the limit is set to nothing for a moment.
CREATE FUNCTION stress.credit_said(of_order bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    UPDATE crm.account SET credit_limit = 0, credit_on_hold = false WHERE account_id = (SELECT account_id FROM crm.sales_order WHERE sales_order_id = of_order);
    PERFORM sales_crm.submit_order(sales_order_id => of_order);
    RAISE EXCEPTION USING ERRCODE = 'SC018', DETAIL = 'not refused';
EXCEPTION WHEN SQLSTATE 'SC018' THEN
    GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
    RETURN substring(said FROM 'open invoices .*$');
END $$;
CREATE VIEW stress.wrong_credit AS
    SELECT 'credit counts what is open' AS check_name, o.sales_order_id AS id, format('refusal: %s; rows: %s and %s and %s', said, i.amount, s.others, s.own) AS detail
    FROM (SELECT DISTINCT ON (account_id) * FROM crm.sales_order WHERE state = 'active' AND pricing_error = 'none' AND total_amount > 0 ORDER BY account_id, sales_order_id DESC) AS o,
    LATERAL (SELECT coalesce(sum(round(balance_amount / exchange_rate, 4)), 0) AS amount FROM crm.invoice WHERE account_id = o.account_id AND state <> 'canceled') AS i,
    LATERAL (SELECT coalesce(sum(r.amount) FILTER (WHERE r.sales_order_id <> o.sales_order_id), 0) AS others, coalesce(sum(r.amount) FILTER (WHERE r.sales_order_id = o.sales_order_id), 0) AS own FROM (
        SELECT h.sales_order_id, round(greatest(h.total_amount - coalesce((SELECT sum(v.total_amount) FROM crm.invoice AS v WHERE v.sales_order_id = h.sales_order_id AND v.state <> 'canceled' AND v.credited_invoice_id IS NULL), 0), 0) / h.exchange_rate, 4) AS amount
        FROM crm.sales_order AS h WHERE h.account_id = o.account_id AND (h.state NOT IN ('active', 'canceled') OR h.sales_order_id = o.sales_order_id
            OR (h.state = 'active' AND EXISTS (SELECT FROM crm.sales_order_product AS l WHERE l.sales_order_id = h.sales_order_id AND l.quantity_delivered > l.quantity_returned)))) AS r) AS s,
    LATERAL stress.credit_said(o.sales_order_id) AS said,
    LATERAL (SELECT regexp_match(said, 'open invoices (-?[\d.]+), open orders (-?[\d.]+), order \S+ (-?[\d.]+)\.') AS said_of) AS f
    WHERE said_of IS NULL AND i.amount + s.others + s.own > 0 OR (said_of[1]::numeric, said_of[2]::numeric, said_of[3]::numeric) <> (round(i.amount, 2), round(s.others, 2), round(s.own, 2));

-- SQLSTATEs that a call may be refused with; all others are faults, as is 23505 of a call that does not say so.
CREATE TABLE stress.may_refuse (sqlstate text, kinds text, why text);
INSERT INTO stress.may_refuse VALUES
    ('SC0(01|02|04|05|06|08|09|10|11|13|15|16|17|18|20)', '.*', 'a rule of the sale'), ('40001', '.*', 'somebody was faster'), ('40P01', '.*', 'a deadlock: counted below'),
    ('57014', '.*', 'canceled, or statement_timeout'), ('P0002', '.*', 'somebody deleted it'), ('23503', '.*', 'somebody deleted or uses it'), ('22023', '.*', 'not such a line or entity'),
    ('42501', '.*queue_item|pick_next|add_to_queue', 'somebody else works on it'), ('23505', 'start.*process', 'it was started before'), ('428C9', 'move_quote|update.*', 'it counts already'),
    ('23514', 'move_quote|insert.*|update.*|copy.*', 'it does not fit the document');
