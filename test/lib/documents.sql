-- What the pgTAP files about documents share; each includes it in its transaction. All of it stands in schema tap, which goes with the
-- ROLLBACK: a small catalogue, customers, short ways to make a document in a state, and to see what a statement does to it.
CREATE SCHEMA tap;
SET LOCAL search_path = tap, crm, public;
SET LOCAL client_min_messages = warning;

CREATE TABLE tap.named (name text PRIMARY KEY, id bigint NOT NULL);
CREATE FUNCTION remember(new_name text, new_id bigint) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO tap.named VALUES (new_name, new_id) ON CONFLICT (name) DO UPDATE SET id = EXCLUDED.id RETURNING id
$$;
CREATE FUNCTION id(wanted text) RETURNS bigint LANGUAGE sql AS 'SELECT id FROM tap.named WHERE name = wanted';

-- The catalogue: Chair 100, Table 250.50 and Box 12 (whole pieces only) are in the list; Lamp is not; Sketch is a draft.
INSERT INTO currency (currency_code, name, decimals, exchange_rate) VALUES ('EUR', 'Euro', 2, 1.1), ('JPY', 'Yen', 0, 150), ('KWD', 'Dinar', 3, 0.3)
ON CONFLICT (currency_code) DO UPDATE SET decimals = EXCLUDED.decimals, exchange_rate = EXCLUDED.exchange_rate;
WITH made AS (INSERT INTO unit_group (name) VALUES ('tap piece'), ('tap weight') RETURNING unit_group_id, name),
     based AS (INSERT INTO unit (unit_group_id, name, is_base_unit) SELECT unit_group_id, CASE name WHEN 'tap piece' THEN 'piece' ELSE 'gram' END, true
               FROM made RETURNING unit_id, unit_group_id, name)
SELECT count(remember(name, unit_id)) FROM based \gset
INSERT INTO unit (unit_group_id, name, base_quantity) SELECT unit_group_id, 'dozen', 12 FROM unit WHERE unit_id = id('piece');
SELECT remember('dozen', unit_id) FROM unit WHERE name = 'dozen' \gset
WITH made AS (
	INSERT INTO product (product_number, name, unit_group_id, default_unit_id, quantity_decimals)
	SELECT 'tap-' || p.name, p.name, u.unit_group_id, u.unit_id, CASE p.name WHEN 'Box' THEN 0 ELSE 2 END
	FROM unnest('{Chair,Table,Box,Lamp,Sketch}'::text[]) AS p (name), unit AS u WHERE u.unit_id = id('piece') RETURNING product_id, name)
SELECT count(remember(name, product_id)) FROM made \gset
SELECT count(published.state) FROM unnest('{Chair,Table,Box,Lamp}'::text[]) AS p (name), LATERAL sales_crm.publish_product(product_id => id(p.name)) AS published (state) \gset
WITH made AS (INSERT INTO price_list (name, currency_code) VALUES ('tap USD', 'USD'), ('tap EUR', 'EUR') RETURNING price_list_id, name)
SELECT count(remember(name, price_list_id)) FROM made \gset
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount)
SELECT id(l.list), id(p.name), id(p.unit), p.amount * l.factor
FROM (VALUES ('tap USD', 1), ('tap EUR', 2)) AS l (list, factor),
     (VALUES ('Chair', 'piece', 100), ('Chair', 'dozen', 1100), ('Table', 'piece', 250.50), ('Box', 'piece', 12)) AS p (name, unit, amount);

WITH made AS (
	INSERT INTO account (name, business_phone, fax, address_line1, address_city, address_postal_code, address_country, payment_terms, price_list_id)
	VALUES ('Contoso', '555-1', '555-2', '1 Main St', 'Springfield', '12345', 'US', 'net_45', id('tap USD')) RETURNING account_id, name)
SELECT remember(name, account_id) FROM made \gset
WITH made AS (
	INSERT INTO contact (first_name, last_name, address_line1, address_city, account_id) VALUES ('Ann', 'Lee', '2 Side St', 'Shelbyville', id('Contoso')) RETURNING contact_id)
SELECT remember('Ann', contact_id) FROM made \gset

-- An opportunity, quote, order or invoice of Contoso, with two chairs (200) and an assembly typed in (50): 250 in all.
CREATE FUNCTION new_deal(as_name text DEFAULT 'deal') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO opportunity (name, account_id, price_list_id, estimated_value) VALUES (as_name, id('Contoso'), id('tap USD'), 5000) RETURNING opportunity_id INTO made;
	INSERT INTO opportunity_product (opportunity_id, product_id, product_description, quantity, price_per_unit)
	VALUES (made, id('Chair'), NULL, 2, 0), (made, NULL, 'Assembly', 1, 50);
	RETURN remember(as_name, made);
END $$;
CREATE FUNCTION new_document(entity text, deal_id bigint DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %1$I (name, account_id, price_list_id, opportunity_id) VALUES (%2$L, $1, $2, $3) RETURNING %3$I', entity, 'A ' || entity, entity || '_id')
	INTO made USING id('Contoso'), id('tap USD'), deal_id;
	EXECUTE format('INSERT INTO %1$I (%2$I, product_id, product_description, quantity, price_per_unit) VALUES ($1, $2, NULL, 2, 0), ($1, NULL, %3$L, 1, 50)',
	               entity || '_product', entity || '_id', 'Assembly') USING made, id('Chair');
	RETURN made;
END $$;

-- A document in a state, by the calls that lead there; remembered under that state's name.
CREATE FUNCTION quote_in(as_state text, deal_id bigint DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint := new_document('quote', deal_id);
BEGIN
	IF as_state <> 'draft' THEN PERFORM sales_crm.activate_quote(quote_id => made); END IF;
	CASE as_state
		WHEN 'draft', 'active' THEN NULL;
		WHEN 'won' THEN PERFORM sales_crm.win_quote(quote_id => made);
		WHEN 'ordered' THEN PERFORM sales_crm.accept_quote(quote_id => made);
		WHEN 'revised' THEN PERFORM sales_crm.revise_quote(quote_id => made);
		ELSE PERFORM sales_crm.close_quote(quote_id => made, status_reason => as_state);
	END CASE;
	RETURN remember(as_state, made);
END $$;
CREATE FUNCTION order_in(as_state text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint := new_document('sales_order');
BEGIN
	CASE as_state
		WHEN 'active' THEN NULL;
		WHEN 'submitted' THEN PERFORM sales_crm.submit_order(sales_order_id => made);
		WHEN 'fulfilled' THEN PERFORM sales_crm.fulfill_order(sales_order_id => made, create_invoice => false);
		WHEN 'billed' THEN PERFORM sales_crm.fulfill_order(sales_order_id => made);
		WHEN 'canceled' THEN PERFORM sales_crm.cancel_order(sales_order_id => made);
		WHEN 'invoiced' THEN
			UPDATE organization_setting SET value = 'true' WHERE name = 'mark_order_invoiced';
			PERFORM sales_crm.fulfill_order(sales_order_id => made);
			UPDATE organization_setting SET value = 'false' WHERE name = 'mark_order_invoiced';
	END CASE;
	RETURN remember(as_state, made);
END $$;
CREATE FUNCTION invoice_in(as_state text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint := new_document('invoice');
BEGIN
	CASE as_state
		WHEN 'active' THEN NULL;
		WHEN 'partial' THEN PERFORM sales_crm.pay_invoice(invoice_id => made, amount => 100);
		WHEN 'paid' THEN PERFORM sales_crm.pay_invoice(invoice_id => made);
		WHEN 'canceled' THEN PERFORM sales_crm.cancel_invoice(invoice_id => made);
	END CASE;
	RETURN remember(as_state, made);
END $$;

CREATE FUNCTION state_of(entity text, record_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT state || ''/'' || status_reason FROM %I WHERE %I = $1', entity, entity || '_id') INTO found USING record_id;
	RETURN coalesce(found, 'gone');
END $$;

-- What a statement makes of a record (%s stands for its key): its state afterwards, or the SQLSTATE of the refusal. The statement is undone.
CREATE FUNCTION outcome(entity text, record_id bigint, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE reached text;
BEGIN
	EXECUTE replace(statement, '%s', record_id::text);
	SET CONSTRAINTS ALL IMMEDIATE;
	reached := state_of(entity, record_id);
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN RETURN reached;
	WHEN OTHERS THEN RETURN SQLSTATE;
END $$;

-- One check that a statement is refused with that SQLSTATE, a detail and a hint, and leaves nothing behind.
CREATE FUNCTION refused(statement text, expected text, what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE got_detail text; got_hint text; got_message text;
BEGIN
	EXECUTE statement;
	RETURN ok(false, what || ': not refused');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS got_message = MESSAGE_TEXT, got_detail = PG_EXCEPTION_DETAIL, got_hint = PG_EXCEPTION_HINT;
	IF got_detail <> '' AND got_hint <> '' THEN RETURN is(SQLSTATE, expected, what) || CASE WHEN SQLSTATE <> expected THEN E'\n# ' || got_message ELSE '' END; END IF;
	RETURN is(format('%s, detail "%s", hint "%s"', SQLSTATE, got_detail, got_hint), expected || ' with detail and hint', what);
END $$;

-- The DETAIL of the refusal a statement gets.
CREATE FUNCTION detail_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE got text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS got = PG_EXCEPTION_DETAIL;
	RETURN got;
END $$;
