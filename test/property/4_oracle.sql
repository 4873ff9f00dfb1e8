-- Schema oracle: what every line and document must be, by plain SQL over the base tables. It calls no function and reads no view of the
-- extension. A figure comes from what was typed (play.intent), from the catalogue, from the source of a copy, or stays what it was a round before.
CREATE SCHEMA oracle;

-- All lines and all headers, one shape.
DO $$
DECLARE
	entity text; lines text := ''; headers text := '';
BEGIN
	FOREACH entity IN ARRAY '{opportunity,quote,sales_order,invoice}'::text[] LOOP
		lines := lines || format($sql$ %s SELECT %L::text AS entity, %I AS id, %I AS line_id, line_number, line_kind, product_type, product_association_id, bundle_line_id, product_id, product_description, unit_id, quantity, is_price_overridden, price_per_unit,
			volume_discount_amount, manual_discount_percentage, manual_discount_amount, tax_amount, tax_category, tax_details, base_amount, extended_amount, pricing_error,
			%s AS source_entity, %s AS source_line_id, %s FROM crm.%I $sql$,
			CASE lines WHEN '' THEN '' ELSE 'UNION ALL' END, entity, entity || '_id', entity || '_product_id',
			CASE entity WHEN 'opportunity' THEN 'NULL::text' WHEN 'quote' THEN $sql$ CASE WHEN opportunity_product_id IS NOT NULL THEN 'opportunity' END $sql$
			            WHEN 'sales_order' THEN $sql$ CASE WHEN quote_product_id IS NOT NULL THEN 'quote' WHEN opportunity_product_id IS NOT NULL THEN 'opportunity' END $sql$
			            ELSE $sql$ CASE WHEN credited_invoice_product_id IS NOT NULL THEN 'invoice' WHEN sales_order_product_id IS NOT NULL THEN 'sales_order' WHEN opportunity_product_id IS NOT NULL THEN 'opportunity' END $sql$ END,
			CASE entity WHEN 'opportunity' THEN 'NULL::bigint' WHEN 'quote' THEN 'opportunity_product_id' WHEN 'sales_order' THEN 'coalesce(quote_product_id, opportunity_product_id)'
			            ELSE 'coalesce(credited_invoice_product_id, sales_order_product_id, opportunity_product_id)' END,
			CASE entity WHEN 'invoice' THEN 'rounding_amount, down_payment_invoice_id' ELSE '0::numeric AS rounding_amount, NULL::bigint AS down_payment_invoice_id' END, entity || '_product');
		headers := headers || format($sql$ %s SELECT %L::text AS entity, h.%I AS id, h.state, h.price_list_id, h.currency_code, c.decimals, h.exchange_rate, h.discount_method, h.tax_rounding, h.tax_method, h.discount_percentage,
			h.discount_amount, h.freight_amount, total_line_item_amount, total_line_item_discount_amount, total_discount_amount, total_amount_less_freight, total_tax, total_amount,
			total_amount_base, pricing_error, %s AS is_price_locked, %s AS on_date, %s AS country, %s AS state_or_province FROM crm.%I AS h JOIN crm.currency AS c USING (currency_code) %s $sql$,
			CASE headers WHEN '' THEN '' ELSE 'UNION ALL' END, entity, entity || '_id', CASE WHEN entity IN ('sales_order', 'invoice') THEN 'is_price_locked' ELSE 'false' END,
			CASE entity WHEN 'opportunity' THEN 'current_date' WHEN 'quote' THEN 'effective_from' WHEN 'invoice' THEN 'invoice_date' ELSE 'h.created_at::date' END,
			CASE entity WHEN 'opportunity' THEN 'CASE WHEN a.account_id IS NOT NULL THEN a.address_country ELSE k.address_country END'
			            ELSE $sql$ CASE WHEN nullif(btrim(coalesce(ship_to_country, '') || coalesce(ship_to_state_or_province, '')), '') IS NOT NULL THEN ship_to_country ELSE bill_to_country END $sql$ END,
			CASE entity WHEN 'opportunity' THEN 'CASE WHEN a.account_id IS NOT NULL THEN a.address_state_or_province ELSE k.address_state_or_province END'
			            ELSE $sql$ CASE WHEN nullif(btrim(coalesce(ship_to_country, '') || coalesce(ship_to_state_or_province, '')), '') IS NOT NULL THEN ship_to_state_or_province ELSE bill_to_state_or_province END $sql$ END,
			entity, CASE entity WHEN 'opportunity' THEN 'LEFT JOIN crm.account AS a USING (account_id) LEFT JOIN crm.contact AS k ON k.contact_id = h.contact_id' ELSE '' END);
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
	TRUNCATE oracle.catalogue;
	INSERT INTO oracle.catalogue SELECT * FROM oracle.catalogue_now;
	ANALYZE oracle.catalogue;
	ANALYZE oracle.line, oracle.header, oracle.line_before, oracle.header_before, play.document, play.intent, play.header_intent, play.repriced, play.lock_set, play.step;
END $$;

-- What is sold of a product: the version before, while the next is prepared.
CREATE VIEW oracle.product AS
	SELECT p.product_id, coalesce((s.old).default_unit_id, p.default_unit_id) AS default_unit_id, CASE WHEN v.product_id IS NULL THEN p.currency_code ELSE (s.old).currency_code END AS currency_code,
	       CASE WHEN v.product_id IS NULL THEN p.list_price ELSE (s.old).list_price END AS list_price, CASE WHEN v.product_id IS NULL THEN p.current_cost ELSE (s.old).current_cost END AS current_cost,
	       CASE WHEN v.product_id IS NULL THEN p.standard_cost ELSE (s.old).standard_cost END AS standard_cost, p.tax_category, p.product_structure
	FROM crm.product AS p LEFT JOIN crm.product_version AS v ON v.product_id = p.product_id AND v.ended_at IS NULL AND p.state = 'under_revision',
	LATERAL (SELECT jsonb_populate_record(NULL::crm.product, v.snapshot) AS old) AS s;

-- A price that ends in or is a multiple of an amount (D§4.1). Candidates that end in a are k x u + a, u the power of ten above the whole part of a; a tie goes up.
CREATE FUNCTION oracle.rounded(price numeric, policy text, option text, a numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN policy = 'none' THEN price WHEN policy = 'up' THEN above WHEN policy = 'down' THEN below WHEN price - below < above - price THEN below ELSE above END
	FROM (SELECT CASE option WHEN 'multiple_of' THEN 0 ELSE a END AS start,
	             CASE WHEN option = 'multiple_of' THEN a WHEN a < 1 THEN 1 ELSE ('1' || repeat('0', length(trunc(a)::text)))::numeric END AS step) AS s,
	LATERAL (SELECT start + step * greatest(floor((price - start) / step), 0) AS below, start + step * greatest(ceil((price - start) / step), 0) AS above) AS c
$$;

-- The price of one unit by each item as the catalogue is now, or why there is none (D§4.1, §4.10). What is divided is divided once and last, with 25 decimals, so that it is exact where it can be.
CREATE VIEW oracle.catalogue_now AS
	SELECT i.price_list_id, i.product_id, i.unit_id, l.state = 'active' AS is_active, l.begin_date, l.end_date, i.discount_list_id, e.error,
	       CASE WHEN e.error <> 'none' THEN 0 WHEN i.pricing_method = 'currency_amount' THEN i.amount
	            ELSE round(oracle.rounded(w.value, i.rounding_policy, i.rounding_option, i.rounding_amount), (SELECT value::integer FROM crm.organization_setting WHERE name = 'pricing_decimals')) END AS price
	FROM crm.price_list_item AS i JOIN crm.price_list AS l USING (price_list_id) JOIN oracle.product AS p USING (product_id)
	JOIN crm.unit AS u USING (unit_id) JOIN crm.unit AS d ON d.unit_id = p.default_unit_id,
	LATERAL (SELECT CASE WHEN i.pricing_method = 'percent_of_list' THEN p.list_price WHEN i.pricing_method LIKE '%current_cost' THEN p.current_cost WHEN i.pricing_method LIKE '%standard_cost' THEN p.standard_cost END) AS o (origin),
	LATERAL (SELECT CASE WHEN i.pricing_method = 'currency_amount' THEN CASE WHEN i.amount IS NULL THEN 'missing_price_list_amount' ELSE 'none' END
	                     WHEN i.percentage IS NULL THEN 'missing_percentage'
	                     WHEN p.currency_code <> l.currency_code THEN 'invalid_price_list_currency'
	                     WHEN o.origin IS NULL THEN CASE WHEN i.pricing_method = 'percent_of_list' THEN 'missing_price' WHEN i.pricing_method LIKE '%current_cost' THEN 'missing_current_cost' ELSE 'missing_standard_cost' END
	                     ELSE 'none' END) AS e (error),
	LATERAL (SELECT CASE WHEN i.pricing_method = 'percent_of_list' THEN (o.origin * u.base_quantity * i.percentage)::numeric(50,25) / (100 * d.base_quantity)
	                     WHEN i.pricing_method LIKE 'percent_markup%' THEN (o.origin * u.base_quantity * (100 + i.percentage))::numeric(50,25) / (100 * d.base_quantity)
	                     WHEN i.pricing_method LIKE 'percent_margin%' THEN (o.origin * u.base_quantity * 100)::numeric(50,25) / ((100 - i.percentage) * d.base_quantity) END) AS w (value);
CREATE TABLE oracle.catalogue AS SELECT * FROM oracle.catalogue_now;
CREATE UNIQUE INDEX ON oracle.catalogue (product_id, unit_id, price_list_id);

-- The volume discount on each unit of a quantity (D§4.3).
CREATE FUNCTION oracle.volume_discount(of_list bigint, of_quantity numeric, from_price numeric) RETURNS numeric LANGUAGE sql STABLE AS $$
	SELECT coalesce((SELECT coalesce(b.amount, round(from_price * b.percentage / 100, 5)) FROM crm.discount_list_item AS b
	                 WHERE b.discount_list_id = of_list AND of_quantity >= b.low_quantity AND (b.high_quantity IS NULL OR of_quantity <= b.high_quantity)), 0)
$$;

-- The taxes that rules put on a line of that category, there, on that day: one row a rate.
CREATE FUNCTION oracle.rates(of_category text, in_country text, in_state text, on_date date) RETURNS TABLE (tax_rate_id bigint, percentage numeric) LANGUAGE sql STABLE AS $$
	SELECT DISTINCT t.tax_rate_id, t.percentage FROM crm.tax_rule AS r JOIN crm.tax_rate AS t USING (tax_rate_id)
	WHERE t.state = 'active' AND (t.effective_from IS NULL OR t.effective_from <= on_date) AND (t.effective_to IS NULL OR t.effective_to >= on_date)
		AND (r.tax_category IS NULL OR r.tax_category = of_category)
		AND (r.country IS NULL OR lower(btrim(r.country)) = lower(btrim(coalesce(nullif(btrim(in_country), ''), (SELECT value FROM crm.organization_setting WHERE name = 'default_country')))))
		AND (r.state_or_province IS NULL OR lower(btrim(r.state_or_province)) = lower(btrim(in_state)))
$$;

-- The taxes of a line as one text, by rate.
CREATE FUNCTION oracle.details(of_line jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg(concat_ws(' ', t ->> 'tax_rate_id', trim_scale((t ->> 'percentage')::numeric), trim_scale((t ->> 'amount')::numeric)), ', ' ORDER BY (t ->> 'tax_rate_id')::bigint) FROM jsonb_array_elements(of_line) AS t
$$;

-- What each line must say, worked out step by step: MATERIALIZED, or each step would be written out in each place of the next. Its figures were typed in this round, or stand as in line o: the same line a round before, or the line it is a copy of.
CREATE VIEW oracle.line_wanted AS
	WITH facts AS MATERIALIZED (
		SELECT l.entity, l.id, l.line_id, h.decimals, h.discount_method, h.tax_method, h.tax_rounding, l.product_id, l.unit_id, l.line_kind = 'note' AS is_note,
		       b.line_id IS NULL AS is_new, i.line_id IS NOT NULL AS is_typed, i.line_id IS NULL AND m.line_id IS NOT NULL AND o.line_id IS NULL AS is_brought,
		       i.line_id IS NULL AND b.line_id IS NOT NULL AND mb.quantity <> m.quantity AND (l.product_type = 'required_bundle_member' OR b.quantity = c.quantity * mb.quantity) AS is_following, s.line_id IS NOT NULL AS is_copy, s.line_id IS NOT NULL AND d.made_by IN ('fulfill_order', 'fulfill_order_partly', 'invoice_ordered', 'invoice_delivered', 'create_credit_note') AS is_part, a.quantity AS part,
		       CASE d.made_by WHEN 'create_credit_note' THEN -1 ELSE 1 END AS side,
		       CASE WHEN b.line_id IS NOT NULL THEN b.source_line_id WHEN NOT d.is_revision THEN s.line_id END AS source_line_id,
		       CASE WHEN i.is_new THEN i.line_kind WHEN m.line_id IS NOT NULL AND o.line_id IS NULL THEN m.line_kind WHEN s.line_kind <> 'note' AND d.made_by IN ('accept_quote', 'create_order_from_quote') THEN 'standard' ELSE o.line_kind END AS line_kind,
		       coalesce(i.quantity, CASE WHEN o.line_id IS NULL OR (b.line_id IS NOT NULL AND mb.quantity <> m.quantity AND (l.product_type = 'required_bundle_member' OR b.quantity = c.quantity * mb.quantity))
		                             THEN c.quantity * m.quantity END) AS typed_quantity, o.quantity AS quantity_before,
		       CASE WHEN s.line_id IS NOT NULL THEN CASE WHEN m.line_id IS NULL AND s.product_type LIKE '%member' THEN 'product' ELSE s.product_type END
		            WHEN c.is_required THEN 'required_bundle_member' WHEN NOT c.is_required THEN 'optional_bundle_member' WHEN p.product_structure = 'bundle' THEN 'bundle' ELSE 'product' END AS product_type,
		       CASE WHEN s.line_id IS NOT NULL THEN (SELECT x.line_id FROM oracle.line_before AS y JOIN oracle.line AS x ON x.entity = l.entity AND x.id = l.id AND x.line_number = y.line_number
		                                             WHERE y.entity = s.entity AND y.line_id = s.bundle_line_id)
		            WHEN b.line_id IS NOT NULL THEN b.bundle_line_id ELSE l.bundle_line_id END AS bundle_line_id,
		       l.product_type = 'required_bundle_member' AS is_required,
		       CASE WHEN i.line_id IS NOT NULL THEN i.is_price_overridden AND i.product_id IS NOT NULL ELSE coalesce(o.is_price_overridden, false) END AS overridden,
		       i.price_per_unit AS typed_price, o.price_per_unit AS price_before, o.volume_discount_amount AS volume_before, o.pricing_error AS error_before, b.is_price_overridden AS overridden_before,
		       CASE WHEN i.line_id IS NOT NULL THEN i.manual_discount_percentage ELSE o.manual_discount_percentage END AS percentage,
		       CASE WHEN i.line_id IS NOT NULL THEN i.manual_discount_amount ELSE coalesce(o.manual_discount_amount, 0) END AS discount,
		       CASE WHEN i.line_id IS NOT NULL THEN i.tax_amount ELSE coalesce(o.tax_amount, 0) END AS tax,
		       CASE WHEN l.line_kind = 'note' THEN NULL ELSE coalesce(i.tax_category, o.tax_category, p.tax_category, 'standard') END AS tax_category, o.tax_details AS details_before, o.rounding_amount AS rounding_before, b.base_amount AS base_before, b.manual_discount_amount AS discount_before, b.tax_amount AS tax_before, l.rounding_amount AS rounding_got, l.manual_discount_amount AS discount_got, l.tax_amount AS tax_got, l.tax_details AS details_got,
		       power(10::numeric, -h.decimals) AS cent,
		       h.is_price_locked OR k.is_invoiced AS is_price_locked, r.id IS NOT NULL AND NOT k.is_invoiced AS is_repriced, h.price_list_id, h.currency_code, h.on_date, h.country, h.state_or_province
		FROM oracle.line AS l JOIN oracle.header AS h USING (entity, id) JOIN play.document AS d USING (entity, id)
		LEFT JOIN oracle.product AS p ON p.product_id = l.product_id
		LEFT JOIN LATERAL (SELECT EXISTS (SELECT FROM crm.sales_order_product AS x WHERE l.entity = 'sales_order' AND x.sales_order_product_id = l.line_id AND x.quantity_invoiced <> 0) AS is_invoiced) AS k ON true
		LEFT JOIN play.intent AS i ON i.round = play.round() AND i.entity = l.entity AND i.line_id = l.line_id
		LEFT JOIN play.repriced AS r ON r.round = play.round() AND r.entity = l.entity AND r.id = l.id
		LEFT JOIN oracle.line_before AS b ON b.entity = l.entity AND b.line_id = l.line_id
		LEFT JOIN oracle.line_before AS s ON b.line_id IS NULL AND i.line_id IS NULL AND s.entity = d.source_entity AND s.id = d.source_id AND s.line_number = l.line_number AND d.round = play.round()
		LEFT JOIN oracle.line AS m ON m.entity = l.entity AND m.line_id = l.bundle_line_id
		LEFT JOIN oracle.line_before AS mb ON mb.entity = l.entity AND mb.line_id = l.bundle_line_id
		LEFT JOIN crm.product_association AS c ON c.product_association_id = l.product_association_id AND l.product_type LIKE '%member'
		LEFT JOIN play.part AS a ON a.round = play.round() AND a.what = CASE d.made_by WHEN 'create_credit_note' THEN 'credit' ELSE 'invoice' END AND a.line_id = s.line_id
		LEFT JOIN oracle.line_before AS o ON o.entity = coalesce(b.entity, s.entity) AND o.line_id = coalesce(b.line_id, s.line_id)
		WHERE (i.line_id IS NOT NULL OR r.id IS NOT NULL OR (l.*) IS DISTINCT FROM (b.*))
			AND l.down_payment_invoice_id IS NULL AND d.made_by <> 'create_down_payment_invoice'    -- what nobody touched and is as before was looked at before
	), fresh AS MATERIALIZED (
		SELECT f.*, CASE WHEN is_typed OR is_brought OR is_following THEN typed_quantity WHEN is_part THEN side * part ELSE quantity_before END AS quantity,
		       NOT is_note AND NOT is_required AND product_id IS NOT NULL AND NOT overridden AND (((is_typed OR is_following) AND (is_new OR NOT is_price_locked OR overridden <> overridden_before)) OR is_brought OR is_repriced) AS is_priced,
		       NOT is_note AND NOT is_required AND product_id IS NOT NULL AND NOT overridden AND (is_typed OR is_following) AND typed_quantity <> quantity_before AS is_counted,
		       ((is_typed OR is_following) AND (is_new OR NOT is_price_locked)) OR is_brought OR is_repriced AS is_taxed
		FROM facts AS f
	), priced AS MATERIALIZED (
		SELECT f.*, CASE WHEN is_note OR is_required THEN 0 WHEN is_priced THEN CASE WHEN n.error = 'none' THEN c.price ELSE 0 END WHEN is_typed AND (f.product_id IS NULL OR overridden) THEN typed_price
		                 ELSE price_before END AS price,
		       CASE WHEN is_note OR is_required OR f.product_id IS NULL OR (overridden AND is_typed) THEN 'none' WHEN is_priced THEN n.error ELSE error_before END AS error, c.discount_list_id
		FROM fresh AS f LEFT JOIN oracle.catalogue AS c ON c.product_id = f.product_id AND c.unit_id = f.unit_id AND c.price_list_id = f.price_list_id,
		LATERAL (SELECT CASE WHEN f.price_list_id IS NULL THEN 'missing_price_list' WHEN c.product_id IS NULL THEN 'product_not_in_price_list'
		                     WHEN NOT c.is_active OR c.begin_date > f.on_date OR c.end_date < f.on_date THEN 'inactive_price_level' ELSE c.error END) AS n (error)
	), volumes AS MATERIALIZED (
		SELECT p.*, CASE WHEN is_note OR is_required OR product_id IS NULL OR overridden THEN 0 WHEN is_priced OR is_counted THEN CASE WHEN error = 'none' THEN oracle.volume_discount(discount_list_id, quantity, price) ELSE 0 END
		                 ELSE volume_before END AS volume
		FROM priced AS p
	), bases AS MATERIALIZED (
		SELECT v.*, round(quantity * (price - volume), decimals) AS plain_base, is_part AND quantity_before <> 0 AND abs(quantity) <> abs(quantity_before) AS has_share FROM volumes AS v
	), roundings AS MATERIALIZED (
		-- Parts take some cents more or less, so that they come to the whole: how many, the sums of parts below tell.
		SELECT b.*, plain_base + x.rounding AS base, x.rounding FROM bases AS b,
		LATERAL (SELECT CASE WHEN is_part THEN CASE WHEN abs(rounding_got) <= 6 * cent THEN rounding_got ELSE 0 END
		                     WHEN is_typed OR is_repriced THEN CASE WHEN rounding_got = coalesce(rounding_before, 0) THEN rounding_got ELSE 0 END ELSE coalesce(rounding_before, 0) END AS rounding) AS x
	), discounts AS MATERIALIZED (
		SELECT b.*, CASE WHEN is_note THEN 0 WHEN percentage IS NOT NULL THEN round(CASE discount_method WHEN 'per_unit' THEN price - volume ELSE plain_base END * percentage / 100, decimals)
		                 WHEN is_part AND discount_method <> 'per_unit' AND quantity_before <> 0
		                 THEN CASE WHEN has_share AND abs(discount_got - discount * quantity / quantity_before) <= 8 * cent THEN discount_got ELSE round(discount * quantity / quantity_before, decimals) END
		                 ELSE round(discount, decimals) END AS line_discount
		FROM roundings AS b
	), nets AS MATERIALIZED (
		SELECT d.*, base - CASE discount_method WHEN 'per_unit' THEN round(quantity * line_discount, decimals) ELSE line_discount END AS net FROM discounts AS d
	), taxes AS MATERIALIZED (
		SELECT n.*, CASE WHEN is_note THEN 0
		                 -- Who changes nothing of what a tax is made of leaves the cents of a part where they are.
		                 WHEN NOT is_new AND details_got = details_before AND quantity = quantity_before AND base = base_before AND line_discount = discount_before THEN tax_before
		                 WHEN tax_method = 'typed' OR (is_part AND details_got IS NULL)
		                 THEN CASE WHEN NOT is_part OR quantity_before = 0 THEN round(tax, decimals) WHEN has_share AND abs(tax_got - tax * quantity / quantity_before) <= 8 * cent THEN tax_got
		                           ELSE round(tax * quantity / quantity_before, decimals) END
		                 WHEN is_part AND abs(tax_got - coalesce(t.amount, 0)) <= 8 * cent AND tax_got = (SELECT round(coalesce(sum((g ->> 'amount')::numeric), 0), 4) FROM jsonb_array_elements(details_got) AS g) THEN tax_got
		                 ELSE coalesce(t.amount, 0) END AS line_tax,
		       CASE WHEN tax_method <> 'typed' THEN CASE WHEN is_part OR is_required OR (NOT is_new AND details_got = details_before AND quantity = quantity_before AND base = base_before AND line_discount = discount_before) THEN oracle.details(details_got) ELSE t.details END END AS details    -- of a required member all amounts are 0
		FROM nets AS n LEFT JOIN LATERAL (
			SELECT round(sum(m.amount), 4) AS amount, string_agg(concat_ws(' ', m.tax_rate_id, trim_scale(m.percentage), trim_scale(m.amount)), ', ' ORDER BY m.tax_rate_id) AS details
			FROM (SELECT q.tax_rate_id, q.percentage, round((n.net * q.percentage)::numeric(50,25) / CASE n.tax_method WHEN 'included' THEN 100 + sum(q.percentage) OVER () ELSE 100 END,
			                                                CASE n.tax_rounding WHEN 'line' THEN n.decimals ELSE 10 END) AS amount
			      FROM (SELECT x.tax_rate_id, x.percentage FROM oracle.rates(n.tax_category, n.country, n.state_or_province, n.on_date) AS x WHERE n.is_taxed
			            UNION ALL SELECT (y ->> 'tax_rate_id')::bigint, (y ->> 'percentage')::numeric FROM jsonb_array_elements(n.details_before) AS y WHERE NOT n.is_taxed) AS q) AS m
		) AS t ON n.tax_method <> 'typed' AND NOT n.is_note
	)
	SELECT entity, id, line_id, source_line_id, product_type, bundle_line_id, line_kind, quantity, coalesce(overridden, false) AS is_price_overridden, price AS price_per_unit, volume AS volume_discount_amount,
	       percentage AS manual_discount_percentage, line_discount AS manual_discount_amount, tax_category, line_tax AS tax_amount, details AS tax_details, base AS base_amount, rounding AS rounding_amount,
	       net + CASE tax_method WHEN 'included' THEN 0 ELSE line_tax END AS extended_amount, error AS pricing_error
	FROM taxes;

-- What each header must say; its lines were looked at above (D§4.5).
CREATE VIEW oracle.header_wanted AS
	WITH sums AS MATERIALIZED (
		SELECT l.entity, l.id, sum(l.extended_amount) AS extended, sum(l.tax_amount) AS line_tax, coalesce(sum(l.tax_amount) FILTER (WHERE l.tax_details IS NULL), 0) AS other_tax, sum(l.base_amount) AS base,
		       bool_or(l.pricing_error <> 'none') AS is_broken
		FROM oracle.line AS l WHERE l.line_kind = 'standard' GROUP BY l.entity, l.id
	), rates AS MATERIALIZED (
		SELECT entity, id, sum(amount) AS amount
		FROM (SELECT l.entity, l.id, round(sum((t ->> 'amount')::numeric), h.decimals) AS amount FROM oracle.line AS l JOIN oracle.header AS h USING (entity, id), jsonb_array_elements(l.tax_details) AS t
		      WHERE l.line_kind = 'standard' AND h.tax_rounding = 'document' GROUP BY l.entity, l.id, h.decimals, t ->> 'tax_rate_id') AS x
		GROUP BY entity, id
	), totals AS MATERIALIZED (
		SELECT s.entity, s.id, s.is_broken, x.tax, CASE h.tax_method WHEN 'included' THEN s.extended - x.tax ELSE s.extended - s.line_tax END AS items,
		       CASE h.tax_method WHEN 'included' THEN s.base - (s.extended - s.other_tax) ELSE s.base - (s.extended - s.line_tax) END AS discounts
		FROM sums AS s JOIN oracle.header AS h USING (entity, id) LEFT JOIN rates AS r USING (entity, id),
		LATERAL (SELECT CASE WHEN h.tax_rounding = 'document' AND h.tax_method <> 'typed' THEN coalesce(r.amount, 0) + s.other_tax ELSE s.line_tax END AS tax) AS x
	), rest AS MATERIALIZED (
		-- Freight and discount of a part: between nothing and what the whole has; of the last part what the others left of them, which may be one amount. How much, the sums of parts below tell.
		SELECT h.id, CASE WHEN h.discount_percentage IN (0, f.discount_percentage) AND l.is_last THEN h.discount_percentage END AS percentage,
		       CASE WHEN l.is_last OR k.side * h.discount_amount BETWEEN least(0, f.discount_amount) AND greatest(0, f.discount_amount) THEN h.discount_amount END AS discount_amount,
		       CASE WHEN l.is_last OR k.side * h.freight_amount BETWEEN least(0, f.freight_amount) AND greatest(0, f.freight_amount) THEN h.freight_amount END AS freight_amount
		FROM oracle.header AS h JOIN play.document AS d USING (entity, id) JOIN oracle.header AS f ON f.entity = d.source_entity AND f.id = d.source_id,
		LATERAL (SELECT CASE d.made_by WHEN 'create_credit_note' THEN -1 ELSE 1 END AS side) AS k,
		LATERAL (SELECT CASE d.source_entity
		                WHEN 'sales_order' THEN ((SELECT count(*) > 1 FROM crm.invoice AS v WHERE v.sales_order_id = f.id AND v.state <> 'canceled')
		                     OR EXISTS (SELECT FROM crm.delivery AS y WHERE y.sales_order_id = f.id AND y.delivery_type = 'return'))
		                     AND (EXISTS (SELECT FROM oracle.line AS y WHERE y.entity = 'invoice' AND y.id = h.id AND y.down_payment_invoice_id IS NOT NULL) OR NOT EXISTS (
		                     SELECT FROM crm.sales_order_product AS x WHERE x.sales_order_id = f.id AND x.line_kind = 'standard' AND x.product_type <> 'required_bundle_member' AND sign(x.quantity) * (x.quantity - x.quantity_invoiced - x.quantity_returned) > 0))
		                ELSE NOT EXISTS (SELECT FROM crm.invoice_product AS x WHERE x.invoice_id = f.id AND x.line_kind = 'standard' AND x.quantity <> x.quantity_credited) END AS is_last) AS l
		WHERE h.entity = 'invoice' AND d.made_by IN ('fulfill_order', 'fulfill_order_partly', 'invoice_ordered', 'invoice_delivered', 'create_credit_note')
	), facts AS MATERIALIZED (
		SELECT h.entity, h.id, h.decimals, coalesce(s.items, 0) AS items, coalesce(s.tax, 0) AS tax, coalesce(s.discounts, 0) AS discounts, coalesce(s.is_broken, false) AS is_broken,
		       coalesce(i.discount_percentage, b.discount_percentage, r.percentage, f.discount_percentage, 0) AS percentage,
		       round(coalesce(i.discount_amount, b.discount_amount, r.discount_amount, f.discount_amount, 0), h.decimals) AS discount_amount,
		       round(coalesce(i.freight_amount, b.freight_amount, r.freight_amount, f.freight_amount, 0), h.decimals) AS freight_amount,
		       coalesce(b.exchange_rate, c.exchange_rate) AS exchange_rate, coalesce(b.discount_method, f.discount_method, h.discount_method) AS discount_method,
		       coalesce(b.tax_rounding, f.tax_rounding, h.tax_rounding) AS tax_rounding, coalesce(b.tax_method, f.tax_method, h.tax_method) AS tax_method, coalesce(b.currency_code, f.currency_code, h.currency_code) AS currency_code,
		       h.entity IN ('sales_order', 'invoice') AND coalesce(k.is_price_locked, b.is_price_locked, d.made_by <> 'insert') AS is_price_locked
		FROM oracle.header AS h JOIN play.document AS d USING (entity, id) JOIN crm.currency AS c ON c.currency_code = h.currency_code LEFT JOIN totals AS s USING (entity, id)
		LEFT JOIN play.header_intent AS i ON i.round = play.round() AND i.entity = h.entity AND i.id = h.id
		LEFT JOIN play.lock_set AS k ON k.round = play.round() AND k.entity = h.entity AND k.id = h.id
		LEFT JOIN oracle.header_before AS b ON b.entity = h.entity AND b.id = h.id
		LEFT JOIN oracle.header AS f ON f.entity = d.source_entity AND f.id = d.source_id AND d.made_by <> 'create_down_payment_invoice'
		LEFT JOIN rest AS r ON h.entity = 'invoice' AND r.id = h.id
	), discounts AS MATERIALIZED (
		SELECT f.*, round(items * percentage / 100, decimals) + discount_amount AS header_discount FROM facts AS f
	)
	SELECT entity, id, currency_code, exchange_rate, discount_method, tax_rounding, tax_method, is_price_locked, percentage AS discount_percentage, discount_amount, freight_amount,
	       items AS total_line_item_amount, discounts AS total_line_item_discount_amount, discounts + header_discount AS total_discount_amount, items - header_discount AS total_amount_less_freight,
	       tax AS total_tax, items - header_discount + freight_amount + tax AS total_amount, round((items - header_discount + freight_amount + tax) / exchange_rate, 4) AS total_amount_base,
	       CASE WHEN is_broken THEN 'detail_error' ELSE 'none' END AS pricing_error
	FROM discounts;

-- What a round delivered or took back.
CREATE TABLE oracle.delivery_seen AS SELECT delivery_product_id FROM crm.delivery_product;
CREATE VIEW oracle.delivery_new AS SELECT delivery_product_id FROM crm.delivery_product EXCEPT SELECT delivery_product_id FROM oracle.delivery_seen;

-- Orders that are wholly invoiced, and invoices that are wholly credited, with what their parts come to. Those on which somebody wrote since the first part are left out.
CREATE VIEW oracle.sum_of_parts AS
	WITH parts AS (
		SELECT 'sales_order' AS entity, v.sales_order_id AS id, v.invoice_id, v.total_amount, v.total_tax, 1 AS side FROM crm.invoice AS v
		WHERE v.sales_order_id IS NOT NULL AND v.state <> 'canceled' AND v.credited_invoice_id IS NULL
			AND NOT EXISTS (SELECT FROM crm.invoice AS c WHERE c.sales_order_id = v.sales_order_id AND c.credited_invoice_id IS NOT NULL AND c.state <> 'canceled')
		UNION ALL
		SELECT 'invoice', v.credited_invoice_id, v.invoice_id, -v.total_amount, -v.total_tax, -1 FROM crm.invoice AS v WHERE v.credited_invoice_id IS NOT NULL AND v.state <> 'canceled'
	), wholes AS (
		SELECT 'sales_order' AS entity, o.sales_order_id AS id, o.total_amount, o.total_tax FROM crm.sales_order AS o
		WHERE NOT EXISTS (SELECT FROM crm.sales_order_product AS l WHERE l.sales_order_id = o.sales_order_id AND l.line_kind <> 'note' AND (l.quantity <> l.quantity_invoiced OR l.quantity_returned <> 0))
			AND EXISTS (SELECT FROM crm.sales_order_product AS l WHERE l.sales_order_id = o.sales_order_id AND l.quantity_invoiced <> 0)
		UNION ALL
		SELECT 'invoice', v.invoice_id, v.total_amount, v.total_tax FROM crm.invoice AS v
		WHERE NOT EXISTS (SELECT FROM crm.invoice_product AS l WHERE l.invoice_id = v.invoice_id AND l.line_kind <> 'note' AND l.quantity <> l.quantity_credited)
	), written AS (
		SELECT DISTINCT p.entity, p.id FROM parts AS p JOIN play.document AS d ON d.entity = 'invoice' AND d.id = p.invoice_id
		JOIN play.step AS s ON s.got IS NULL AND s.action IN ('add_lines', 'edit_line', 'repair_lines', 'delete_line', 'edit_header', 'change_list', 'reprice', 'unlock')
			AND ((s.entity = 'invoice' AND s.id = p.invoice_id) OR (s.entity = p.entity AND s.id = p.id AND s.round >= d.round))
	)
	SELECT w.entity, w.id, count(*) AS parts, sum(p.total_amount) AS total_amount, sum(p.total_tax) AS total_tax, w.total_amount AS whole_amount, w.total_tax AS whole_tax,
	       -- Where taxes are rounded on the document each document rounds its own, for each rate.
	       2 * count(*) * (SELECT CASE WHEN h.tax_method <> 'typed' AND h.tax_rounding = 'document' THEN power(10::numeric, -h.decimals) ELSE 0 END
	                       FROM oracle.header AS h WHERE h.entity = w.entity AND h.id = w.id) AS leeway
	FROM parts AS p JOIN wholes AS w USING (entity, id) WHERE NOT EXISTS (SELECT FROM written AS x WHERE x.entity = p.entity AND x.id = p.id)
	GROUP BY w.entity, w.id, w.total_amount, w.total_tax;

-- Everything that is not as it must be: which figure of which record, stored and wanted.
CREATE FUNCTION oracle.plain(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT trim_scale($1)::text';
CREATE VIEW oracle.difference AS
	SELECT 'lines' AS part, l.entity, l.id, l.line_id, c.column_name, c.stored, c.wanted
	FROM oracle.line AS l JOIN oracle.line_wanted AS w USING (entity, line_id),
	LATERAL (VALUES ('line_kind', l.line_kind, w.line_kind), ('is_price_overridden', l.is_price_overridden::text, w.is_price_overridden::text), ('pricing_error', l.pricing_error, w.pricing_error),
	                ('source_line_id', l.source_line_id::text, w.source_line_id::text), ('product_type', l.product_type, w.product_type), ('bundle_line_id', l.bundle_line_id::text, w.bundle_line_id::text), ('tax_category', l.tax_category, w.tax_category), ('tax_details', oracle.details(l.tax_details), w.tax_details),
	                ('quantity', oracle.plain(l.quantity), oracle.plain(w.quantity)), ('price_per_unit', oracle.plain(l.price_per_unit), oracle.plain(w.price_per_unit)),
	                ('volume_discount_amount', oracle.plain(l.volume_discount_amount), oracle.plain(w.volume_discount_amount)),
	                ('manual_discount_percentage', oracle.plain(l.manual_discount_percentage), oracle.plain(w.manual_discount_percentage)),
	                ('manual_discount_amount', oracle.plain(l.manual_discount_amount), oracle.plain(w.manual_discount_amount)), ('tax_amount', oracle.plain(l.tax_amount), oracle.plain(w.tax_amount)),
	                ('base_amount', oracle.plain(l.base_amount), oracle.plain(w.base_amount)), ('rounding_amount', oracle.plain(l.rounding_amount), oracle.plain(w.rounding_amount)), ('extended_amount', oracle.plain(l.extended_amount), oracle.plain(w.extended_amount))) AS c (column_name, stored, wanted)
	WHERE c.stored IS DISTINCT FROM c.wanted
		AND (l.source_line_id, l.product_type, l.bundle_line_id, l.tax_category, oracle.details(l.tax_details), l.line_kind, l.is_price_overridden, l.pricing_error, l.quantity, l.price_per_unit, l.volume_discount_amount, l.manual_discount_percentage, l.manual_discount_amount, l.tax_amount, l.base_amount, l.rounding_amount,
		     l.extended_amount) IS DISTINCT FROM
		    (w.source_line_id, w.product_type, w.bundle_line_id, w.tax_category, w.tax_details, w.line_kind, w.is_price_overridden, w.pricing_error, w.quantity, w.price_per_unit, w.volume_discount_amount, w.manual_discount_percentage, w.manual_discount_amount, w.tax_amount, w.base_amount, w.rounding_amount,
		     w.extended_amount)
	UNION ALL
	SELECT 'headers', h.entity, h.id, NULL, 'made by', 'nobody knows', 'a step' FROM oracle.header AS h WHERE NOT EXISTS (SELECT FROM play.document AS d WHERE d.entity = h.entity AND d.id = h.id)
	UNION ALL
	SELECT 'headers', h.entity, h.id, NULL, c.column_name, c.stored, c.wanted
	FROM oracle.header AS h JOIN oracle.header_wanted AS w USING (entity, id),
	LATERAL (VALUES ('currency_code', h.currency_code, w.currency_code), ('discount_method', h.discount_method, w.discount_method), ('tax_rounding', h.tax_rounding, w.tax_rounding), ('tax_method', h.tax_method, w.tax_method),
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
		AND (h.currency_code, h.discount_method, h.tax_rounding, h.tax_method, h.is_price_locked, h.pricing_error, h.exchange_rate, h.discount_percentage, h.discount_amount, h.freight_amount, h.total_line_item_amount,
		     h.total_line_item_discount_amount, h.total_discount_amount, h.total_amount_less_freight, h.total_tax, h.total_amount, h.total_amount_base) IS DISTINCT FROM
		    (w.currency_code, w.discount_method, w.tax_rounding, w.tax_method, w.is_price_locked, w.pricing_error, w.exchange_rate, w.discount_percentage, w.discount_amount, w.freight_amount, w.total_line_item_amount,
		     w.total_line_item_discount_amount, w.total_discount_amount, w.total_amount_less_freight, w.total_tax, w.total_amount, w.total_amount_base)
	UNION ALL
	-- An opportunity that is to take its value from its lines.
	SELECT 'cash', 'opportunity', o.opportunity_id, NULL, c.column_name, c.stored::text, c.wanted::text
	FROM crm.opportunity AS o, LATERAL (VALUES ('estimated_value', o.estimated_value, o.total_amount), ('estimated_value_base', o.estimated_value_base, round(o.total_amount / o.exchange_rate, 4))) AS c (column_name, stored, wanted)
	WHERE o.is_revenue_system_calculated AND c.stored IS DISTINCT FROM c.wanted
	UNION ALL
	-- Quantities of order lines: what live invoices bill and credit notes take back, what was delivered and returned.
	SELECT 'cash', 'sales_order', l.sales_order_id, l.sales_order_product_id, c.column_name, oracle.plain(c.stored), oracle.plain(c.wanted)
	FROM crm.sales_order_product AS l
	LEFT JOIN (SELECT i.sales_order_product_id, sum(i.quantity) AS quantity FROM crm.invoice_product AS i JOIN crm.invoice AS v USING (invoice_id)
	           WHERE v.state <> 'canceled' AND v.invoice_type <> 'down_payment' AND (v.sales_order_id IS NOT NULL OR v.invoice_type = 'invoice') AND (v.credited_invoice_id IS NULL OR i.credited_invoice_product_id IS NOT NULL) GROUP BY i.sales_order_product_id) AS b USING (sales_order_product_id)
	LEFT JOIN (SELECT p.sales_order_product_id, sum(p.quantity) FILTER (WHERE d.delivery_type = 'delivery') AS delivered, -sum(p.quantity) FILTER (WHERE d.delivery_type = 'return') AS returned
	           FROM crm.delivery_product AS p JOIN crm.delivery AS d USING (delivery_id) GROUP BY p.sales_order_product_id) AS d USING (sales_order_product_id),
	LATERAL (VALUES ('quantity_invoiced', l.quantity_invoiced, coalesce(b.quantity, 0)), ('quantity_delivered', l.quantity_delivered, coalesce(d.delivered, 0)),
	                ('quantity_returned', l.quantity_returned, coalesce(d.returned, 0))) AS c (column_name, stored, wanted)
	WHERE c.stored <> c.wanted
	UNION ALL
	SELECT 'cash', 'invoice', l.invoice_id, l.invoice_product_id, 'quantity_credited', oracle.plain(l.quantity_credited), oracle.plain(coalesce(b.quantity, 0))
	FROM crm.invoice_product AS l
	LEFT JOIN (SELECT i.credited_invoice_product_id AS invoice_product_id, -sum(i.quantity) AS quantity FROM crm.invoice_product AS i JOIN crm.invoice AS v USING (invoice_id)
	           WHERE v.state <> 'canceled' GROUP BY i.credited_invoice_product_id) AS b USING (invoice_product_id)
	WHERE l.quantity_credited <> coalesce(b.quantity, 0)
	UNION ALL
	-- What this round was to deliver or take back, and did.
	SELECT 'cash', 'sales_order', l.sales_order_id, l.sales_order_product_id, 'moved now', oracle.plain(coalesce(m.quantity, 0)), oracle.plain(coalesce(a.quantity, 0))
	FROM crm.sales_order_product AS l
	LEFT JOIN (SELECT p.sales_order_product_id, sum(p.quantity) AS quantity FROM crm.delivery_product AS p JOIN oracle.delivery_new AS n USING (delivery_product_id) GROUP BY 1) AS m USING (sales_order_product_id)
	LEFT JOIN (SELECT line_id AS sales_order_product_id, sum(CASE what WHEN 'return' THEN -quantity ELSE quantity END) AS quantity FROM play.part
	           WHERE round = play.round() AND what IN ('deliver', 'return') GROUP BY 1) AS a USING (sales_order_product_id)
	WHERE coalesce(m.quantity, 0) <> coalesce(a.quantity, 0)
	UNION ALL
	-- A bundle of an open document has all its required members.
	SELECT 'lines', l.entity, l.id, l.line_id, 'required member ' || a.product_id, 'none', 'one' FROM oracle.line AS l JOIN play.document AS d USING (entity, id)
	JOIN crm.product_association AS a ON a.bundle_id = l.product_id AND a.is_required
	WHERE l.product_type = 'bundle' AND d.round = play.round() AND NOT EXISTS (SELECT FROM oracle.line AS x WHERE x.entity = l.entity AND x.bundle_line_id = l.line_id AND x.product_association_id = a.product_association_id)
	UNION ALL
	-- A part has the lines that it was to have.
	SELECT 'lines', d.entity, d.id, s.line_id, 'line of its own', 'none', oracle.plain(a.quantity)
	FROM play.document AS d JOIN oracle.line AS s ON s.entity = d.source_entity AND s.id = d.source_id
	JOIN play.part AS a ON a.round = d.round AND a.what = CASE d.made_by WHEN 'create_credit_note' THEN 'credit' ELSE 'invoice' END AND a.line_id = s.line_id AND d.entity = 'invoice'
	WHERE d.round = play.round() AND d.source_entity IN ('sales_order', 'invoice') AND d.made_by <> 'create_down_payment_invoice'
		AND NOT EXISTS (SELECT FROM oracle.line AS l WHERE l.entity = 'invoice' AND l.id = d.id AND l.source_line_id = s.line_id)
	UNION ALL
	-- A down payment is what was asked for, with its share of tax; its deduction takes the same back.
	SELECT 'cash', 'invoice', v.invoice_id, NULL, c.column_name, oracle.plain(c.stored), oracle.plain(c.wanted)
	FROM play.down_payment AS p JOIN crm.invoice AS v ON v.invoice_id = p.id, LATERAL (VALUES ('total_amount', v.total_amount, p.amount), ('total_tax', v.total_tax, p.tax)) AS c (column_name, stored, wanted)
	WHERE p.round = play.round() AND c.stored <> c.wanted
	UNION ALL
	SELECT 'cash', 'invoice', l.invoice_id, l.invoice_product_id, c.column_name, oracle.plain(c.stored), oracle.plain(c.wanted)
	FROM crm.invoice_product AS l JOIN crm.invoice AS h USING (invoice_id) JOIN crm.invoice AS v ON v.invoice_id = l.down_payment_invoice_id
	JOIN play.document AS d ON d.entity = 'invoice' AND d.id = h.invoice_id AND d.round = play.round(),
	LATERAL (SELECT coalesce(sum(c.total_amount), 0) AS total_amount, coalesce(sum(c.total_tax), 0) AS total_tax FROM crm.invoice AS c WHERE c.credited_invoice_id = v.invoice_id AND c.state <> 'canceled') AS k,
	LATERAL (SELECT CASE WHEN h.credited_invoice_id IS NOT NULL THEN 1 ELSE -1 END AS side) AS w,
	LATERAL (VALUES ('tax_amount', l.tax_amount, w.side * (v.total_tax + k.total_tax)), ('extended_amount', l.extended_amount, w.side * (v.total_amount + k.total_amount))) AS c (column_name, stored, wanted)
	WHERE c.stored <> c.wanted
	UNION ALL
	-- Parts come to the whole, to the cent: all invoices of an order that is wholly invoiced, all credit notes of an invoice that is wholly credited, unless somebody wrote on them.
	SELECT 'cash', s.entity, s.id, NULL, c.column_name, oracle.plain(c.stored), oracle.plain(c.wanted) FROM oracle.sum_of_parts AS s,
	LATERAL (VALUES ('total_amount of its parts', s.total_amount, s.whole_amount), ('total_tax of its parts', s.total_tax, s.whole_tax)) AS c (column_name, stored, wanted)
	WHERE abs(c.stored - c.wanted) > s.leeway
	UNION ALL
	-- Money of invoices.
	SELECT 'cash', 'invoice', v.invoice_id, NULL, c.column_name, c.stored, c.wanted
	FROM crm.invoice AS v JOIN crm.currency AS k USING (currency_code),
	LATERAL (SELECT coalesce(sum(p.amount), 0) AS amount, count(*) AS n, min(p.payment_date) AS first_day FROM crm.payment AS p WHERE p.invoice_id = v.invoice_id AND p.canceled_at IS NULL) AS p,
	LATERAL (SELECT round(v.total_amount * v.early_payment_percentage / 100, k.decimals) AS saving) AS e,
	LATERAL (VALUES ('amount_paid', oracle.plain(v.amount_paid), oracle.plain(p.amount)), ('balance_amount', oracle.plain(v.balance_amount), oracle.plain(v.total_amount - p.amount - v.early_payment_discount_amount)),
	                ('early_payment_discount_amount', oracle.plain(v.early_payment_discount_amount),
	                 CASE WHEN v.credited_invoice_id IS NOT NULL THEN oracle.plain(v.early_payment_discount_amount)    -- with the parts, below
	                      WHEN v.early_payment_discount_amount = e.saving AND p.amount + e.saving = v.total_amount AND p.first_day <= v.early_payment_date THEN oracle.plain(e.saving) ELSE '0' END),
	                ('state', v.state || '/' || v.status_reason, CASE WHEN v.state = 'paid' AND v.balance_amount = 0 THEN 'paid/complete' WHEN p.n > 0 THEN 'paid/partial'
	                          WHEN v.state = 'canceled' THEN 'canceled/canceled' ELSE 'active/new' END)) AS c (column_name, stored, wanted)
	WHERE c.stored IS DISTINCT FROM c.wanted
	UNION ALL
	-- What an early payment saved, its credit notes take back, no more than it, and all of it when the invoice is wholly credited.
	SELECT 'cash', 'invoice', o.invoice_id, NULL, 'early_payment_discount_amount of its credit notes', oracle.plain(n.saved), 'up to ' || oracle.plain(-o.early_payment_discount_amount)
	FROM crm.invoice AS o, LATERAL (SELECT sum(v.early_payment_discount_amount) AS saved, sum(v.total_amount) AS total FROM crm.invoice AS v WHERE v.credited_invoice_id = o.invoice_id AND v.state <> 'canceled') AS n
	WHERE n.saved <> 0 AND (n.saved * o.early_payment_discount_amount >= 0 OR abs(n.saved) > abs(o.early_payment_discount_amount)
		OR (n.total = -o.total_amount AND n.saved <> -o.early_payment_discount_amount))
	UNION ALL
	-- A step that was refused and should not have been, or the other way round.
	SELECT 'steps', s.entity, s.id, NULL, s.action, coalesce(s.got || ': ' || s.message, 'done'), coalesce(s.expected, 'done')
	FROM play.step AS s WHERE s.round = play.round() AND s.got IS DISTINCT FROM s.expected
		AND NOT EXISTS (SELECT FROM play.tolerated AS t WHERE t.action = s.action AND t.sqlstate = s.got)
	UNION ALL
	-- A copy has all lines of its source that belong into it.
	SELECT 'lines', d.entity, d.id, s.line_id, 'copied from ' || d.source_entity || ' ' || d.source_id, 'no line', s.line_kind || ' ' || s.quantity
	FROM play.document AS d JOIN oracle.line AS s ON s.entity = d.source_entity AND s.id = d.source_id
	WHERE d.round = play.round() AND s.line_kind IN ('standard', 'note')
		AND NOT EXISTS (SELECT FROM oracle.line AS l WHERE l.entity = d.entity AND l.id = d.id AND l.line_number = s.line_number)
		AND d.made_by NOT IN ('fulfill_order', 'fulfill_order_partly', 'invoice_ordered', 'invoice_delivered', 'create_credit_note', 'create_down_payment_invoice');
