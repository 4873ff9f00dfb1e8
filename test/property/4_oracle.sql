-- Schema oracle: what every line and document must be, by plain SQL over the base tables. It calls no function and reads no view of the
-- extension. A figure comes from what was typed (play.intent), from the catalogue, from the source of a copy, or stays what it was a round before.
CREATE SCHEMA oracle;

-- All lines and all headers, one shape.
DO $$
DECLARE
	entity text; lines text := ''; headers text := '';
BEGIN
	FOREACH entity IN ARRAY '{opportunity,quote,sales_order,invoice}'::text[] LOOP
		lines := lines || format($sql$ %s SELECT %L::text AS entity, %I AS id, %I AS line_id, line_number, line_kind, product_id, product_description, unit_id, quantity, is_price_overridden, price_per_unit,
			volume_discount_amount, manual_discount_percentage, manual_discount_amount, tax_amount, base_amount, extended_amount, pricing_error,
			%s AS source_entity, %s AS source_line_id, %s AS quantity_invoiced FROM crm.%I $sql$,
			CASE lines WHEN '' THEN '' ELSE 'UNION ALL' END, entity, entity || '_id', entity || '_product_id',
			CASE entity WHEN 'opportunity' THEN 'NULL::text' WHEN 'quote' THEN $sql$ CASE WHEN opportunity_product_id IS NOT NULL THEN 'opportunity' END $sql$
			            WHEN 'sales_order' THEN $sql$ CASE WHEN quote_product_id IS NOT NULL THEN 'quote' WHEN opportunity_product_id IS NOT NULL THEN 'opportunity' END $sql$
			            ELSE $sql$ CASE WHEN sales_order_product_id IS NOT NULL THEN 'sales_order' WHEN opportunity_product_id IS NOT NULL THEN 'opportunity' END $sql$ END,
			CASE entity WHEN 'opportunity' THEN 'NULL::bigint' WHEN 'quote' THEN 'opportunity_product_id' WHEN 'sales_order' THEN 'coalesce(quote_product_id, opportunity_product_id)'
			            ELSE 'coalesce(sales_order_product_id, opportunity_product_id)' END,
			CASE entity WHEN 'sales_order' THEN 'quantity_invoiced' ELSE '0::numeric' END, entity || '_product');
		headers := headers || format($sql$ %s SELECT %L::text AS entity, %I AS id, h.state, h.price_list_id, h.currency_code, c.decimals, h.exchange_rate, h.discount_method, h.tax_rounding, h.discount_percentage,
			h.discount_amount, h.freight_amount, total_line_item_amount, total_line_item_discount_amount, total_discount_amount, total_amount_less_freight, total_tax, total_amount,
			total_amount_base, pricing_error, %s AS is_price_locked, %s AS on_date FROM crm.%I AS h JOIN crm.currency AS c USING (currency_code) $sql$,
			CASE headers WHEN '' THEN '' ELSE 'UNION ALL' END, entity, entity || '_id', CASE WHEN entity IN ('sales_order', 'invoice') THEN 'is_price_locked' ELSE 'false' END,
			CASE entity WHEN 'opportunity' THEN 'current_date' WHEN 'quote' THEN 'effective_from' WHEN 'invoice' THEN 'invoice_date' ELSE 'h.created_at::date' END, entity);
	END LOOP;
	EXECUTE 'CREATE VIEW oracle.line_stored AS ' || lines;
	EXECUTE 'CREATE VIEW oracle.header_stored AS ' || headers;
END $$;

-- How all stands, and how it stood a round before: that was checked then, so it can be built on now.
CREATE TABLE oracle.line AS SELECT * FROM oracle.line_stored;
CREATE TABLE oracle.header AS SELECT * FROM oracle.header_stored;
CREATE TABLE oracle.line_before AS TABLE oracle.line;
CREATE TABLE oracle.header_before AS TABLE oracle.header;
CREATE UNIQUE INDEX ON oracle.line (entity, line_id);
CREATE INDEX ON oracle.line (entity, id, line_number);
CREATE UNIQUE INDEX ON oracle.header (entity, id);
CREATE UNIQUE INDEX ON oracle.line_before (entity, line_id);
CREATE INDEX ON oracle.line_before (entity, id, line_number);
CREATE UNIQUE INDEX ON oracle.header_before (entity, id);
CREATE PROCEDURE oracle.take_stock(is_new_round boolean) LANGUAGE plpgsql AS $$
BEGIN
	IF is_new_round THEN
		TRUNCATE oracle.line_before, oracle.header_before;
		INSERT INTO oracle.line_before TABLE oracle.line;
		INSERT INTO oracle.header_before TABLE oracle.header;
	END IF;
	TRUNCATE oracle.line, oracle.header;
	INSERT INTO oracle.line SELECT * FROM oracle.line_stored;
	INSERT INTO oracle.header SELECT * FROM oracle.header_stored;
	ANALYZE oracle.line, oracle.header, oracle.line_before, oracle.header_before, play.document, play.intent, play.header_intent, play.repriced, play.lock_set, play.step;
END $$;

-- The price of one unit by the catalogue as it is now, or why there is none (D§4.1, §4.10).
CREATE FUNCTION oracle.catalogue_price(of_product bigint, in_unit bigint, of_list bigint, OUT price numeric, OUT error text, OUT price_list_item_id bigint) LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN e.error = 'none' THEN i.amount ELSE 0 END, e.error, i.price_list_item_id
	FROM (SELECT) AS one
	LEFT JOIN crm.price_list AS l ON l.price_list_id = of_list
	LEFT JOIN crm.price_list_item AS i ON i.price_list_id = of_list AND i.product_id = of_product AND i.unit_id = in_unit,
	LATERAL (SELECT CASE WHEN of_list IS NULL THEN 'missing_price_list' WHEN i.price_list_item_id IS NULL THEN 'product_not_in_price_list'
	                     WHEN l.state <> 'active' THEN 'inactive_price_list' WHEN i.amount IS NULL THEN 'missing_price_list_amount' ELSE 'none' END) AS e (error)
$$;

-- What each line must say.
CREATE VIEW oracle.line_wanted AS
	WITH facts AS (
		SELECT l.entity, l.id, l.line_id, h.decimals, h.discount_method, l.product_id, l.line_kind AS kind_got,
		       b.line_id IS NULL AS is_new, i.line_id IS NOT NULL AS is_typed, s.line_id IS NOT NULL AS is_copy, CASE WHEN d.is_revision THEN NULL WHEN b.line_id IS NULL THEN s.line_id ELSE b.source_line_id END AS source_line_id, d.made_by, s.line_kind AS source_kind, b.line_kind AS kind_before,
		       i.line_kind AS kind_typed, s.quantity AS source_quantity, s.quantity_invoiced AS source_invoiced,
		       coalesce(i.quantity, b.quantity) AS typed_quantity,
		       CASE WHEN i.line_id IS NOT NULL THEN i.is_price_overridden AND i.product_id IS NOT NULL WHEN b.line_id IS NOT NULL THEN b.is_price_overridden ELSE s.is_price_overridden END AS overridden,
		       i.price_per_unit AS typed_price, b.price_per_unit AS price_before, s.price_per_unit AS source_price,
		       coalesce(b.volume_discount_amount, s.volume_discount_amount) AS volume_before,
		       coalesce(b.pricing_error, s.pricing_error) AS error_before,
		       CASE WHEN i.line_id IS NOT NULL THEN i.manual_discount_percentage WHEN b.line_id IS NOT NULL THEN b.manual_discount_percentage ELSE s.manual_discount_percentage END AS percentage,
		       CASE WHEN i.line_id IS NOT NULL THEN i.manual_discount_amount WHEN b.line_id IS NOT NULL THEN b.manual_discount_amount ELSE s.manual_discount_amount END AS discount,
		       CASE WHEN i.line_id IS NOT NULL THEN i.tax_amount WHEN b.line_id IS NOT NULL THEN b.tax_amount ELSE s.tax_amount END AS tax,
		       h.is_price_locked, b.is_price_overridden AS overridden_before, p.id IS NOT NULL AS is_repriced, l.unit_id, h.price_list_id, h.on_date
		FROM oracle.line AS l JOIN oracle.header AS h USING (entity, id) JOIN play.document AS d USING (entity, id)
		LEFT JOIN oracle.line_before AS b USING (entity, line_id)
		LEFT JOIN play.intent AS i ON i.round = play.round() AND i.entity = l.entity AND i.line_id = l.line_id
		LEFT JOIN play.repriced AS p ON p.round = play.round() AND p.entity = l.entity AND p.id = l.id
		LEFT JOIN oracle.line_before AS s ON b.line_id IS NULL AND i.line_id IS NULL AND s.entity = d.source_entity AND s.id = d.source_id AND s.line_number = l.line_number
	), priced AS (
		SELECT f.*, kind_got = 'note' AS is_note,
		       kind_got <> 'note' AND product_id IS NOT NULL AND NOT overridden
		       AND ((is_typed AND (is_new OR NOT is_price_locked OR overridden <> overridden_before)) OR is_repriced) AS is_fresh
		FROM facts AS f
	), quantities AS (
		SELECT p.*, c.price AS catalogue_price, c.error AS catalogue_error,
		       CASE WHEN is_copy AND made_by IN ('fulfill_order', 'create_invoice_from_order') THEN source_quantity - source_invoiced WHEN is_copy THEN source_quantity ELSE typed_quantity END AS quantity
		FROM priced AS p LEFT JOIN LATERAL oracle.catalogue_price(p.product_id, p.unit_id, p.price_list_id) AS c ON p.is_fresh
	), prices AS (
		SELECT q.*, CASE WHEN is_note THEN 0 WHEN is_fresh THEN catalogue_price WHEN is_typed AND (product_id IS NULL OR overridden) THEN typed_price ELSE coalesce(price_before, source_price) END AS price,
		       CASE WHEN is_note OR product_id IS NULL OR overridden THEN 0 WHEN is_fresh THEN 0 ELSE volume_before END AS volume,
		       CASE WHEN is_note OR product_id IS NULL OR (overridden AND is_typed) THEN 'none' WHEN is_fresh THEN catalogue_error ELSE error_before END AS error,
		       CASE WHEN is_copy AND source_quantity <> 0 THEN quantity ELSE 1 END AS share_of, CASE WHEN is_copy AND source_quantity <> 0 THEN source_quantity ELSE 1 END AS share_in
		FROM quantities AS q
	), bases AS (
		SELECT p.*, round(quantity * (price - volume), decimals) AS base,
		       CASE WHEN is_note THEN 0 WHEN percentage IS NOT NULL THEN NULL WHEN discount_method = 'per_unit' THEN round(discount, decimals)
		            ELSE round(discount * share_of / share_in, decimals) END AS given_discount,
		       CASE WHEN is_note THEN 0 ELSE round(tax * share_of / share_in, decimals) END AS tax_wanted
		FROM prices AS p
	), discounts AS (
		SELECT b.*, coalesce(given_discount, round(CASE discount_method WHEN 'per_unit' THEN price - volume ELSE base END * percentage / 100, decimals)) AS discount_wanted FROM bases AS b
	)
	SELECT entity, id, line_id, source_line_id, CASE WHEN is_typed AND is_new THEN kind_typed WHEN NOT is_copy THEN kind_before
	            WHEN entity = 'sales_order' AND made_by IN ('accept_quote', 'create_order_from_quote') AND source_kind <> 'note' THEN 'standard' ELSE source_kind END AS line_kind,
	       quantity, coalesce(overridden, false) AS is_price_overridden, price AS price_per_unit, volume AS volume_discount_amount, percentage AS manual_discount_percentage, discount_wanted AS manual_discount_amount,
	       tax_wanted AS tax_amount, base AS base_amount,
	       base - CASE discount_method WHEN 'per_unit' THEN round(quantity * discount_wanted, decimals) ELSE discount_wanted END + tax_wanted AS extended_amount, error AS pricing_error
	FROM discounts;

-- What each header must say; its lines were looked at above (D§4.5).
CREATE VIEW oracle.header_wanted AS
	WITH sums AS (
		SELECT entity, id, coalesce(sum(extended_amount - tax_amount), 0) AS items, coalesce(sum(tax_amount), 0) AS tax,
		       coalesce(sum(base_amount - (extended_amount - tax_amount)), 0) AS discounts, bool_or(pricing_error <> 'none') AS is_broken
		FROM oracle.line WHERE line_kind = 'standard' GROUP BY entity, id
	), rest AS (
		SELECT v.invoice_id AS id, greatest(o.discount_amount - coalesce(sum(w.discount_amount), 0), 0) AS discount_amount, greatest(o.freight_amount - coalesce(sum(w.freight_amount), 0), 0) AS freight_amount
		FROM crm.invoice AS v JOIN crm.sales_order AS o USING (sales_order_id)
		LEFT JOIN crm.invoice AS w ON w.sales_order_id = v.sales_order_id AND w.invoice_id < v.invoice_id AND w.state <> 'canceled' AND w.invoice_type = 'invoice'
		GROUP BY v.invoice_id, o.sales_order_id
	), facts AS (
		SELECT h.entity, h.id, h.decimals, coalesce(s.items, 0) AS items, coalesce(s.tax, 0) AS tax, coalesce(s.discounts, 0) AS discounts, coalesce(s.is_broken, false) AS is_broken,
		       coalesce(i.discount_percentage, b.discount_percentage, f.discount_percentage) AS percentage,
		       round(coalesce(i.discount_amount, b.discount_amount, r.discount_amount, f.discount_amount), h.decimals) AS discount_amount,
		       round(coalesce(i.freight_amount, b.freight_amount, r.freight_amount, f.freight_amount), h.decimals) AS freight_amount,
		       coalesce(b.exchange_rate, c.exchange_rate) AS exchange_rate, coalesce(b.discount_method, f.discount_method, h.discount_method) AS discount_method,
		       coalesce(b.tax_rounding, f.tax_rounding, h.tax_rounding) AS tax_rounding, coalesce(b.currency_code, f.currency_code, h.currency_code) AS currency_code,
		       h.entity IN ('sales_order', 'invoice') AND coalesce(k.is_price_locked, b.is_price_locked, d.made_by <> 'insert') AS is_price_locked
		FROM oracle.header AS h JOIN play.document AS d USING (entity, id) JOIN crm.currency AS c ON c.currency_code = h.currency_code LEFT JOIN sums AS s USING (entity, id)
		LEFT JOIN play.header_intent AS i ON i.round = play.round() AND i.entity = h.entity AND i.id = h.id
		LEFT JOIN play.lock_set AS k ON k.round = play.round() AND k.entity = h.entity AND k.id = h.id
		LEFT JOIN oracle.header_before AS b ON b.entity = h.entity AND b.id = h.id
		LEFT JOIN oracle.header AS f ON f.entity = d.source_entity AND f.id = d.source_id
		LEFT JOIN rest AS r ON h.entity = 'invoice' AND d.made_by IN ('fulfill_order', 'create_invoice_from_order') AND r.id = h.id
	), discounts AS (
		SELECT f.*, round(items * percentage / 100, decimals) + discount_amount AS header_discount FROM facts AS f
	)
	SELECT entity, id, currency_code, exchange_rate, discount_method, tax_rounding, is_price_locked, percentage AS discount_percentage, discount_amount, freight_amount,
	       items AS total_line_item_amount, discounts AS total_line_item_discount_amount, discounts + header_discount AS total_discount_amount, items - header_discount AS total_amount_less_freight,
	       tax AS total_tax, items - header_discount + freight_amount + tax AS total_amount, round((items - header_discount + freight_amount + tax) / exchange_rate, 4) AS total_amount_base,
	       CASE WHEN is_broken THEN 'detail_error' ELSE 'none' END AS pricing_error
	FROM discounts;

-- Everything that is not as it must be: which figure of which record, stored and wanted.
CREATE FUNCTION oracle.plain(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT trim_scale($1)::text';
CREATE VIEW oracle.difference AS
	SELECT 'lines' AS part, l.entity, l.id, l.line_id, c.column_name, c.stored, c.wanted
	FROM oracle.line AS l LEFT JOIN oracle.line_wanted AS w USING (entity, line_id),
	LATERAL (VALUES ('line_kind', l.line_kind, w.line_kind), ('is_price_overridden', l.is_price_overridden::text, w.is_price_overridden::text), ('pricing_error', l.pricing_error, w.pricing_error),
	                ('source_line_id', l.source_line_id::text, w.source_line_id::text), ('quantity', oracle.plain(l.quantity), oracle.plain(w.quantity)), ('price_per_unit', oracle.plain(l.price_per_unit), oracle.plain(w.price_per_unit)),
	                ('volume_discount_amount', oracle.plain(l.volume_discount_amount), oracle.plain(w.volume_discount_amount)),
	                ('manual_discount_percentage', oracle.plain(l.manual_discount_percentage), oracle.plain(w.manual_discount_percentage)),
	                ('manual_discount_amount', oracle.plain(l.manual_discount_amount), oracle.plain(w.manual_discount_amount)), ('tax_amount', oracle.plain(l.tax_amount), oracle.plain(w.tax_amount)),
	                ('base_amount', oracle.plain(l.base_amount), oracle.plain(w.base_amount)), ('extended_amount', oracle.plain(l.extended_amount), oracle.plain(w.extended_amount))) AS c (column_name, stored, wanted)
	WHERE c.stored IS DISTINCT FROM c.wanted
		AND (l.source_line_id, l.line_kind, l.is_price_overridden, l.pricing_error, l.quantity, l.price_per_unit, l.volume_discount_amount, l.manual_discount_percentage, l.manual_discount_amount, l.tax_amount, l.base_amount,
		     l.extended_amount) IS DISTINCT FROM
		    (w.source_line_id, w.line_kind, w.is_price_overridden, w.pricing_error, w.quantity, w.price_per_unit, w.volume_discount_amount, w.manual_discount_percentage, w.manual_discount_amount, w.tax_amount, w.base_amount,
		     w.extended_amount)
	UNION ALL
	SELECT 'headers', h.entity, h.id, NULL, c.column_name, c.stored, c.wanted
	FROM oracle.header AS h LEFT JOIN oracle.header_wanted AS w USING (entity, id),
	LATERAL (VALUES ('currency_code', h.currency_code, w.currency_code), ('discount_method', h.discount_method, w.discount_method), ('tax_rounding', h.tax_rounding, w.tax_rounding),
	                ('is_price_locked', h.is_price_locked::text, w.is_price_locked::text), ('pricing_error', h.pricing_error, w.pricing_error),
	                ('exchange_rate', oracle.plain(h.exchange_rate), oracle.plain(w.exchange_rate)), ('discount_percentage', oracle.plain(h.discount_percentage), oracle.plain(w.discount_percentage)),
	                ('discount_amount', oracle.plain(h.discount_amount), oracle.plain(w.discount_amount)), ('freight_amount', oracle.plain(h.freight_amount), oracle.plain(w.freight_amount)),
	                ('total_line_item_amount', oracle.plain(h.total_line_item_amount), oracle.plain(w.total_line_item_amount)),
	                ('total_line_item_discount_amount', oracle.plain(h.total_line_item_discount_amount), oracle.plain(w.total_line_item_discount_amount)),
	                ('total_discount_amount', oracle.plain(h.total_discount_amount), oracle.plain(w.total_discount_amount)),
	                ('total_amount_less_freight', oracle.plain(h.total_amount_less_freight), oracle.plain(w.total_amount_less_freight)), ('total_tax', oracle.plain(h.total_tax), oracle.plain(w.total_tax)),
	                ('total_amount', oracle.plain(h.total_amount), oracle.plain(w.total_amount)), ('total_amount_base', oracle.plain(h.total_amount_base), oracle.plain(w.total_amount_base))
	        ) AS c (column_name, stored, wanted)
	WHERE c.stored IS DISTINCT FROM c.wanted
		AND (h.currency_code, h.discount_method, h.tax_rounding, h.is_price_locked, h.pricing_error, h.exchange_rate, h.discount_percentage, h.discount_amount, h.freight_amount, h.total_line_item_amount,
		     h.total_line_item_discount_amount, h.total_discount_amount, h.total_amount_less_freight, h.total_tax, h.total_amount, h.total_amount_base) IS DISTINCT FROM
		    (w.currency_code, w.discount_method, w.tax_rounding, w.is_price_locked, w.pricing_error, w.exchange_rate, w.discount_percentage, w.discount_amount, w.freight_amount, w.total_line_item_amount,
		     w.total_line_item_discount_amount, w.total_discount_amount, w.total_amount_less_freight, w.total_tax, w.total_amount, w.total_amount_base)
	UNION ALL
	-- An opportunity that is to take its value from its lines.
	SELECT 'cash', 'opportunity', o.opportunity_id, NULL, c.column_name, c.stored::text, c.wanted::text
	FROM crm.opportunity AS o, LATERAL (VALUES ('estimated_value', o.estimated_value, o.total_amount), ('estimated_value_base', o.estimated_value_base, round(o.total_amount / o.exchange_rate, 4))) AS c (column_name, stored, wanted)
	WHERE o.is_revenue_system_calculated AND c.stored IS DISTINCT FROM c.wanted
	UNION ALL
	-- Quantities of order lines: what live invoices bill.
	SELECT 'cash', 'sales_order', l.sales_order_id, l.sales_order_product_id, c.column_name, c.stored::text, c.wanted::text
	FROM crm.sales_order_product AS l
	LEFT JOIN (SELECT i.sales_order_product_id, sum(i.quantity) AS quantity FROM crm.invoice_product AS i JOIN crm.invoice AS v USING (invoice_id)
	           WHERE v.state <> 'canceled' AND v.invoice_type IN ('invoice', 'credit_note') GROUP BY i.sales_order_product_id) AS b USING (sales_order_product_id),
	LATERAL (VALUES ('quantity_invoiced', l.quantity_invoiced, coalesce(b.quantity, 0))) AS c (column_name, stored, wanted)
	WHERE c.stored IS DISTINCT FROM c.wanted
	UNION ALL
	-- Money of invoices.
	SELECT 'cash', 'invoice', v.invoice_id, NULL, c.column_name, c.stored, c.wanted
	FROM crm.invoice AS v, LATERAL (SELECT coalesce(sum(p.amount), 0) AS amount, count(*) AS n FROM crm.payment AS p WHERE p.invoice_id = v.invoice_id AND p.canceled_at IS NULL) AS p,
	LATERAL (VALUES ('amount_paid', v.amount_paid::numeric(19,4)::text, p.amount::numeric(19,4)::text), ('balance_amount', v.balance_amount::text, (v.total_amount - p.amount)::numeric(19,4)::text),
	                ('state', v.state || '/' || v.status_reason, CASE WHEN v.state = 'paid' AND p.amount = v.total_amount THEN 'paid/complete' WHEN p.n > 0 THEN 'paid/partial'
	                          WHEN v.state = 'canceled' THEN 'canceled/canceled' ELSE 'active/new' END)) AS c (column_name, stored, wanted)
	WHERE c.stored IS DISTINCT FROM c.wanted
	UNION ALL
	-- A step that was refused and should not have been, or the other way round.
	SELECT 'steps', s.entity, s.id, NULL, s.action, coalesce(s.got || ': ' || s.message, 'done'), coalesce(s.expected, 'done')
	FROM play.step AS s WHERE s.round = play.round() AND s.got IS DISTINCT FROM s.expected
		AND NOT EXISTS (SELECT FROM play.tolerated AS t WHERE t.action = s.action AND t.sqlstate = s.got AND s.expected IS NULL)
	UNION ALL
	-- A copy has all lines of its source that belong into it.
	SELECT 'lines', d.entity, d.id, s.line_id, 'copied from ' || d.source_entity || ' ' || d.source_id, 'no line', s.line_kind || ' ' || s.quantity
	FROM play.document AS d JOIN oracle.line AS s ON s.entity = d.source_entity AND s.id = d.source_id
	WHERE d.round = play.round() AND s.line_kind IN ('standard', 'note')
		AND NOT EXISTS (SELECT FROM oracle.line AS l WHERE l.entity = d.entity AND l.id = d.id AND l.line_number = s.line_number)
		AND NOT (d.made_by IN ('fulfill_order', 'create_invoice_from_order')
			AND (SELECT b.quantity = b.quantity_invoiced FROM oracle.line_before AS b WHERE b.entity = s.entity AND b.line_id = s.line_id));
