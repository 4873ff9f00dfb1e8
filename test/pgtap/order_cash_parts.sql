-- Parts of an order on invoices, down payments and credit notes: whatever the parts, they come to the whole, to the cent.
\ir ../lib/pgtap.sql
BEGIN;
\ir ../lib/documents.sql
SELECT plan(18);
-- The statements of a session whose tables were analyzed while they were empty serve hundreds of orders as well.
ANALYZE;

-- A random order: up to four typed lines with odd prices, discounts and taxes, and a header with discount and freight.
INSERT INTO tax_rate (name, percentage) VALUES ('State', 7.25), ('City', 1.125);
INSERT INTO tax_rule (name, tax_rate_id) SELECT name, tax_rate_id FROM tax_rate;
CREATE FUNCTION random_order(nth int, method text, currency text, tax text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	made bigint;
	unit numeric := CASE currency WHEN 'JPY' THEN 1 WHEN 'KWD' THEN 0.001 ELSE 0.01 END;
	n int := 1 + floor(random() * 4)::int;
BEGIN
	INSERT INTO sales_order (name, account_id, currency_code, discount_method, tax_method, tax_rounding, discount_percentage, discount_amount, freight_amount)
	VALUES ('Random', id('Contoso'), currency, method, split_part(tax, ' ', 1), split_part(tax, ' ', 2), CASE WHEN random() < 0.5 THEN round((random() * 40)::numeric, 3) ELSE 0 END,
		CASE WHEN random() < 0.4 THEN floor((random() * 500)::numeric) * unit ELSE 0 END, CASE WHEN random() < 0.4 THEN floor((random() * 1000)::numeric) * unit ELSE 0 END)
	RETURNING sales_order_id INTO made;
	FOR i IN 1 .. n LOOP
		INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit, manual_discount_percentage, manual_discount_amount, tax_amount)
		VALUES (made, 'thing ' || i, CASE WHEN random() < 0.15 THEN -1 ELSE 1 END * (1 + floor(random() * 9)) * CASE WHEN random() < 0.3 THEN 1/3.0 ELSE 1 END,
			round((random() * 30)::numeric, 5), CASE WHEN random() < 0.3 THEN round((random() * 30)::numeric, 3) END,
			CASE WHEN random() < 0.5 THEN floor((random() * 100)::numeric) * unit ELSE 0 END, CASE WHEN random() < 0.6 THEN floor((random() * 700)::numeric) * unit ELSE 0 END);
	END LOOP;
	RETURN made;
END $$;

-- A random part of the lines of a record, at least a bit of one; NULL when nothing is open. Notes whether it is named at all.
CREATE FUNCTION random_parts(query text, record_id bigint, key text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	made jsonb;
BEGIN
	EXECUTE format('SELECT jsonb_agg(jsonb_build_object(%L, id, ''quantity'', CASE WHEN random() < 0.5 THEN open ELSE coalesce(nullif(trunc(open * random()::numeric, 2), 0), open) END))
		FROM (%s) AS line (id, open) WHERE open <> 0 AND random() < 0.6', key, query) INTO made USING record_id;
	RETURN made;
END $$;

-- Invoices an order in random parts, between them down payments, canceled invoices and credit notes; then the rest.
CREATE FUNCTION random_cash(order_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	parts jsonb;
	made bigint;
	wanted numeric := (SELECT total_amount FROM sales_order WHERE sales_order_id = order_id);
	got numeric;
	broken text;
BEGIN
	FOR step IN 1 .. 6 LOOP
		parts := random_parts('SELECT sales_order_product_id, quantity - quantity_invoiced FROM sales_order_product WHERE sales_order_id = $1', order_id, 'sales_order_product_id');
		CASE floor(random() * 6)::int
			WHEN 0 THEN
				IF wanted > 0 THEN
					BEGIN
						PERFORM sales_crm.create_down_payment_invoice(sales_order_id => order_id, percentage => 1 + floor(random() * 30)::int);
					EXCEPTION WHEN SQLSTATE 'SC010' THEN NULL;
					END;
				END IF;
			WHEN 1 THEN
				SELECT invoice_id INTO made FROM invoice WHERE sales_order_id = order_id AND invoice_type = 'invoice' AND state = 'active' ORDER BY random() LIMIT 1;
				IF made IS NOT NULL THEN
					parts := random_parts('SELECT invoice_product_id, quantity - quantity_credited FROM invoice_product WHERE invoice_id = $1', made, 'invoice_product_id');
					IF parts IS NULL OR NOT EXISTS (SELECT FROM jsonb_array_elements(parts) AS e JOIN invoice_product AS l ON l.invoice_product_id = (e ->> 'invoice_product_id')::bigint
						WHERE l.down_payment_invoice_id IS NOT NULL) THEN
						BEGIN
							PERFORM sales_crm.create_credit_note(invoice_id => made, lines => CASE WHEN random() < 0.7 THEN parts END);
						EXCEPTION WHEN SQLSTATE 'SC011' THEN NULL;
						END;
					END IF;
				END IF;
			WHEN 2 THEN
				SELECT invoice_id INTO made FROM invoice WHERE sales_order_id = order_id AND state = 'active' ORDER BY random() LIMIT 1;
				IF made IS NOT NULL THEN
					BEGIN
						PERFORM sales_crm.cancel_invoice(invoice_id => made);
					EXCEPTION WHEN SQLSTATE 'SC011' OR SQLSTATE 'SC010' THEN NULL;
					END;
				END IF;
			ELSE
				IF parts IS NOT NULL THEN
					PERFORM sales_crm.create_invoice_from_order(sales_order_id => order_id, lines => parts);
				END IF;
		END CASE;
		CONTINUE WHEN random() > 0.01;
		SELECT check_name || ' ' || detail INTO broken FROM sales_crm.verify() WHERE entity <> 'sales_order' OR record_id = order_id LIMIT 1;
		IF broken IS NOT NULL THEN
			RETURN format('order %s step %s: %s', order_id, step, broken);
		END IF;
	END LOOP;
	BEGIN
		PERFORM sales_crm.create_invoice_from_order(sales_order_id => order_id);
	EXCEPTION WHEN SQLSTATE 'SC011' THEN NULL;
	END;
	SELECT sum(total_amount) INTO got FROM invoice WHERE sales_order_id = order_id AND state <> 'canceled';
	RETURN CASE WHEN got <> wanted THEN format('order %s: total %s, its invoices %s', order_id, wanted, got) END;
END $$;

-- Credits an invoice in random parts, then the rest.
CREATE FUNCTION random_credit(order_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made bigint := (SELECT invoice_id FROM sales_crm.create_invoice_from_order(sales_order_id => order_id));
	wanted numeric := (SELECT total_amount FROM invoice WHERE invoice_id = made);
	parts jsonb;
	got numeric;
BEGIN
	IF wanted < 0 THEN RETURN NULL; END IF;    -- a credit note already
	FOR step IN 1 .. 3 LOOP
		parts := random_parts('SELECT invoice_product_id, quantity - quantity_credited FROM invoice_product WHERE invoice_id = $1', made, 'invoice_product_id');
		IF parts IS NOT NULL THEN
			PERFORM sales_crm.create_credit_note(invoice_id => made, lines => parts);
		END IF;
	END LOOP;
	BEGIN
		PERFORM sales_crm.create_credit_note(invoice_id => made);
	EXCEPTION WHEN SQLSTATE 'SC011' THEN NULL;
	END;
	SELECT -sum(total_amount) INTO got FROM invoice WHERE credited_invoice_id = made;
	RETURN CASE WHEN got <> wanted THEN format('order %s: invoice %s, credited %s', order_id, wanted, got) END;
END $$;

-- Tax that is excluded and rounded on the document is left out: each document rounds its own.
SELECT setseed(0.42) \gset
SELECT is_empty(format($$SELECT e FROM generate_series(1, 20) AS nth, random_order(nth, %L, %L, %L) AS o, random_cash(o) AS e WHERE e IS NOT NULL$$, method, currency, tax), format('invoices: %s, %s, tax %s', method, currency, tax))
FROM unnest('{line_item,per_unit}'::text[]) AS method, (VALUES ('USD', 'typed line'), ('JPY', 'excluded line'), ('KWD', 'included line'), ('USD', 'included document')) AS v (currency, tax);
SELECT is_empty(format($$SELECT e FROM generate_series(1, 20) AS nth, random_order(nth, %L, %L, %L) AS o, random_credit(o) AS e WHERE e IS NOT NULL$$, method, currency, tax), format('credit notes: %s, %s, tax %s', method, currency, tax))
FROM unnest('{line_item,per_unit}'::text[]) AS method, (VALUES ('USD', 'typed line'), ('JPY', 'excluded line'), ('KWD', 'included line'), ('USD', 'included document')) AS v (currency, tax);
SELECT cmp_ok((SELECT count(*) FROM invoice_product WHERE rounding_amount <> 0), '>', 20::bigint, 'lines took cents');
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
