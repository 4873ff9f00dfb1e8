-- Does the oracle bite? One figure after the other is spoiled behind the triggers' back, each in a record of its own, and must be found.
-- All of it is rolled back.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE play.clock SET round = round + 1;
CALL oracle.take_stock(true);
CREATE TABLE play.spoiled (what text, entity text, id bigint, line_id bigint, column_name text);
SELECT count(*) = 0 AS is_clean FROM oracle.difference \gset
\if :is_clean
-- Spoils one column of one row. Each call takes another row that qualifies; the record is then out of bounds for the next.
CREATE FUNCTION play.spoil(what text, in_entity text, is_line boolean, in_column text, to_value text, qualifies text DEFAULT 'true') RETURNS void LANGUAGE plpgsql AS $$
DECLARE in_table text := in_entity || CASE WHEN is_line THEN '_product' ELSE '' END; header bigint; line bigint;
BEGIN
	EXECUTE format('SELECT t.%1$I, t.%2$I FROM crm.%3$I AS t JOIN crm.%4$I AS h USING (%1$I) WHERE (%5$s) %6$s AND NOT EXISTS (SELECT FROM play.spoiled AS s WHERE s.entity = %4$L AND s.id = t.%1$I)
	                ORDER BY 2 LIMIT 1', in_entity || '_id', in_table || '_id', in_table, in_entity, qualifies,
	               CASE WHEN in_entity <> 'invoice' THEN '' WHEN is_line THEN 'AND h.invoice_type = ''invoice'' AND t.down_payment_invoice_id IS NULL' ELSE 'AND h.invoice_type = ''invoice''' END) INTO header, line;
	IF line IS NULL THEN RETURN; END IF;    -- with few documents
	EXECUTE format('UPDATE crm.%I SET %I = %s WHERE %I = $1', in_table, in_column, to_value, in_table || '_id') USING line;
	INSERT INTO play.spoiled VALUES (what, in_entity, header, CASE WHEN is_line THEN line END, in_column);
END $$;

SELECT count(play.spoil('a line''s ' || c.column_name, e.entity, true, c.column_name, c.to_value, c.qualifies))
FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS e (entity),
     (VALUES ('quantity', 'quantity + 1', 't.line_kind = ''standard'''), ('price_per_unit', 'price_per_unit + 0.00001', 't.line_kind = ''standard'''),
             ('volume_discount_amount', 'volume_discount_amount + 0.01', 't.line_kind = ''standard'''), ('manual_discount_amount', 'manual_discount_amount + 1', 't.line_kind = ''standard'''),
             ('manual_discount_percentage', '12.5', 't.manual_discount_percentage IS NULL'), ('tax_amount', 'tax_amount + 1', 't.line_kind = ''standard'''), ('tax_category', '''other''', 't.line_kind = ''standard'''),
             ('tax_details', 'jsonb_set(tax_details, ''{0,amount}'', ''777'')', 'jsonb_array_length(t.tax_details) > 0'),
             ('base_amount', 'base_amount - 1', 't.line_kind = ''standard'''), ('extended_amount', 'extended_amount + 1', 't.line_kind = ''standard'''),
             ('pricing_error', '''missing_price''', 't.product_id IS NOT NULL'), ('is_price_overridden', 'NOT is_price_overridden', 't.product_id IS NOT NULL'),
             ('product_type', '''bundle''', 't.product_type = ''product'' AND t.product_id IS NOT NULL'), ('bundle_line_id', '-1', 't.product_type LIKE ''%member'''),
             ('line_kind', '''optional''', 't.line_kind = ''standard''')) AS c (column_name, to_value, qualifies) \gset
SELECT count(play.spoil('a header''s ' || c.column_name, e.entity, false, c.column_name, CASE c.column_name WHEN 'pricing_error' THEN '''x''' WHEN 'discount_method' THEN '''x''' WHEN 'tax_rounding' THEN '''x''' WHEN 'tax_method' THEN '''x'''
                                   WHEN 'is_price_locked' THEN 'NOT is_price_locked' ELSE c.column_name || ' + 1' END))
FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS e (entity),
     unnest('{exchange_rate,discount_method,tax_rounding,tax_method,is_price_locked,discount_percentage,discount_amount,freight_amount,total_line_item_amount,total_line_item_discount_amount,total_discount_amount,
              total_amount_less_freight,total_tax,total_amount,total_amount_base,pricing_error}'::text[]) AS c (column_name)
WHERE c.column_name <> 'is_price_locked' OR e.entity IN ('sales_order', 'invoice') \gset
SELECT play.spoil('what an opportunity is worth', 'opportunity', false, 'estimated_value', 'estimated_value + 1', 'h.is_revenue_system_calculated') \gset
SELECT play.spoil('what an opportunity is worth', 'opportunity', false, 'estimated_value_base', 'estimated_value_base + 1', 'h.is_revenue_system_calculated') \gset
SELECT play.spoil('what is invoiced of an order line', 'sales_order', true, 'quantity_invoiced', 'quantity_invoiced + 1') \gset
SELECT play.spoil('what is delivered of an order line', 'sales_order', true, 'quantity_delivered', 'quantity_delivered + 1') \gset
SELECT play.spoil('what is returned of an order line', 'sales_order', true, 'quantity_returned', 'quantity_returned + 1') \gset
SELECT play.spoil('what is credited of an invoice line', 'invoice', true, 'quantity_credited', 'quantity_credited + 1') \gset
SELECT play.spoil('the cents of a part', 'invoice', true, 'rounding_amount', '7') \gset
SELECT play.spoil('what an early payment saved', 'invoice', false, 'early_payment_discount_amount', '7') \gset
SELECT play.spoil('what is paid of an invoice', 'invoice', false, 'amount_paid', 'amount_paid + 1') \gset
SELECT play.spoil('what is open of an invoice', 'invoice', false, 'balance_amount', 'balance_amount + 1') \gset
SELECT play.spoil('the state of an invoice', 'invoice', false, 'state', '''paid''', 'h.state = ''active''') \gset

-- A line that is lost, and a catalogue that moved while a document should have followed.
WITH lost AS (DELETE FROM crm.quote_product WHERE quote_product_id = (SELECT max(quote_product_id) FROM crm.quote_product JOIN crm.quote AS h USING (quote_id)
              WHERE line_kind = 'standard' AND extended_amount <> tax_amount AND NOT EXISTS (SELECT FROM play.spoiled AS s WHERE s.entity = 'quote' AND s.id = h.quote_id)) RETURNING quote_id)
INSERT INTO play.spoiled SELECT 'a lost line', 'quote', quote_id, NULL, 'total_line_item_amount' FROM lost;
CREATE TEMP TABLE moved AS
	SELECT l.entity, l.id, l.line_id, i.price_list_item_id FROM oracle.line AS l JOIN oracle.header AS h USING (entity, id)
	JOIN crm.price_list_item AS i ON i.price_list_id = h.price_list_id AND i.product_id = l.product_id AND i.unit_id = l.unit_id
	WHERE l.entity = 'quote' AND l.line_kind = 'standard' AND l.product_type = 'product' AND NOT l.is_price_overridden AND l.pricing_error = 'none' AND i.pricing_method = 'currency_amount'
		AND NOT EXISTS (SELECT FROM play.spoiled AS s WHERE s.entity = 'quote' AND s.id = h.id) ORDER BY l.line_id LIMIT 1;
UPDATE crm.price_list_item SET amount = amount + 1 WHERE price_list_item_id = (SELECT price_list_item_id FROM moved);
INSERT INTO play.repriced SELECT play.round(), entity, id FROM moved;
INSERT INTO play.spoiled SELECT 'a price that did not follow', entity, id, line_id, 'price_per_unit' FROM moved;
INSERT INTO play.step VALUES (play.round(), 1, 'pay_invoice', 'invoice', 0, 'SC010', NULL, NULL);
INSERT INTO play.spoiled VALUES ('a step that should have been refused', 'invoice', 0, NULL, 'pay_invoice');

CALL oracle.take_stock(false);
CREATE TEMP TABLE found_now AS SELECT * FROM oracle.difference;
SELECT CASE WHEN EXISTS (SELECT FROM found_now AS d WHERE d.entity = s.entity AND d.id = s.id AND d.column_name = s.column_name AND (s.line_id IS NULL OR d.line_id = s.line_id)) THEN 'ok' ELSE 'not ok' END,
       'the oracle finds ' || what || CASE WHEN what LIKE 'a line%' OR what LIKE 'a header%' THEN ' spoiled in ' || entity ELSE '' END, s.id FROM play.spoiled AS s;
\endif
ROLLBACK;
