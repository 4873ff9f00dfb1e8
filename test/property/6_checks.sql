-- What the rounds found, and how often each feature was in a document: one row a check.
CREATE TEMP VIEW feature AS
	SELECT 'currency of ' || decimals || ' decimals' AS feature, entity, id FROM oracle.header
	UNION ALL SELECT 'discount method ' || discount_method, entity, id FROM oracle.header
	UNION ALL SELECT 'header discount percentage', entity, id FROM oracle.header WHERE discount_percentage <> 0
	UNION ALL SELECT 'header discount amount', entity, id FROM oracle.header WHERE discount_amount <> 0
	UNION ALL SELECT 'header discount, both', entity, id FROM oracle.header WHERE discount_amount <> 0 AND discount_percentage <> 0
	UNION ALL SELECT 'freight', entity, id FROM oracle.header WHERE freight_amount <> 0
	UNION ALL SELECT 'locked prices', entity, id FROM oracle.header WHERE is_price_locked
	UNION ALL SELECT 'fraction as quantity', entity, id FROM oracle.line WHERE quantity <> trunc(quantity)
	UNION ALL SELECT 'quantity 0', entity, id FROM oracle.line WHERE quantity = 0
	UNION ALL SELECT 'negative quantity', entity, id FROM oracle.line WHERE quantity < 0
	UNION ALL SELECT 'negative price', entity, id FROM oracle.line WHERE price_per_unit < 0
	UNION ALL SELECT 'manual discount amount', entity, id FROM oracle.line WHERE manual_discount_amount <> 0 AND manual_discount_percentage IS NULL
	UNION ALL SELECT 'manual discount percentage', entity, id FROM oracle.line WHERE manual_discount_percentage IS NOT NULL
	UNION ALL SELECT 'typed tax', entity, id FROM oracle.line WHERE tax_amount <> 0
	UNION ALL SELECT 'price override', entity, id FROM oracle.line WHERE is_price_overridden
	UNION ALL SELECT 'write-in', entity, id FROM oracle.line WHERE product_id IS NULL AND line_kind <> 'note'
	UNION ALL SELECT line_kind || ' line', entity, id FROM oracle.line
	UNION ALL SELECT 'revision', entity, id FROM play.document WHERE is_revision
	UNION ALL SELECT 'converted', entity, id FROM play.document WHERE made_by <> 'insert'
	UNION ALL SELECT 'payment', 'invoice', invoice_id FROM crm.payment
	UNION ALL SELECT 'priced anew', entity, id FROM play.repriced
	UNION ALL SELECT 'tax ' || tax_method || CASE tax_method WHEN 'typed' THEN '' ELSE ', rounded by ' || tax_rounding END, entity, id FROM oracle.header
	UNION ALL SELECT 'a rate on a line', entity, id FROM oracle.line WHERE jsonb_array_length(tax_details) = 1
	UNION ALL SELECT 'several rates on a line', entity, id FROM oracle.line WHERE jsonb_array_length(tax_details) > 1
	UNION ALL SELECT 'volume discount, ' || d.discount_type, l.entity, l.id FROM oracle.line AS l JOIN oracle.header AS h USING (entity, id)
	          JOIN crm.price_list_item AS i ON i.product_id = l.product_id AND i.unit_id = l.unit_id AND i.price_list_id = h.price_list_id JOIN crm.discount_list AS d USING (discount_list_id)
	          WHERE l.volume_discount_amount <> 0
	UNION ALL SELECT 'pricing method ' || i.pricing_method, l.entity, l.id FROM oracle.line AS l JOIN oracle.header AS h USING (entity, id)
	          JOIN crm.price_list_item AS i ON i.product_id = l.product_id AND i.unit_id = l.unit_id AND i.price_list_id = h.price_list_id WHERE l.pricing_error = 'none' AND NOT l.is_price_overridden
	UNION ALL SELECT 'rounding ' || concat_ws(' ', i.rounding_policy, i.rounding_option), l.entity, l.id FROM oracle.line AS l JOIN oracle.header AS h USING (entity, id)
	          JOIN crm.price_list_item AS i ON i.product_id = l.product_id AND i.unit_id = l.unit_id AND i.price_list_id = h.price_list_id
	          WHERE l.pricing_error = 'none' AND NOT l.is_price_overridden AND i.pricing_method <> 'currency_amount' AND i.rounding_policy <> 'none'
	UNION ALL SELECT replace(product_type, '_', ' '), entity, id FROM oracle.line
	UNION ALL SELECT 'part delivery', 'sales_order', l.sales_order_id FROM crm.sales_order_product AS l JOIN (
	          SELECT p.sales_order_product_id FROM crm.delivery_product AS p JOIN crm.delivery AS d USING (delivery_id) JOIN crm.sales_order_product AS x USING (sales_order_product_id)
	          WHERE d.delivery_type = 'delivery' AND p.quantity <> x.quantity) AS part USING (sales_order_product_id)
	UNION ALL SELECT 'return', 'sales_order', sales_order_id FROM crm.delivery WHERE delivery_type = 'return'
	UNION ALL SELECT 'part invoice', 'invoice', i.invoice_id FROM crm.invoice_product AS i JOIN crm.sales_order_product AS l USING (sales_order_product_id) WHERE abs(i.quantity) < abs(l.quantity)
	UNION ALL SELECT 'invoice of what is ' || substr(made_by, 9), entity, id FROM play.document WHERE made_by LIKE 'invoice_%'
	UNION ALL SELECT 'down payment', entity, id FROM play.document WHERE made_by = 'create_down_payment_invoice'
	UNION ALL SELECT 'down payment', 'sales_order', source_id FROM play.document WHERE made_by = 'create_down_payment_invoice'
	UNION ALL SELECT 'deducted down payment', 'invoice', invoice_id FROM crm.invoice_product WHERE down_payment_invoice_id IS NOT NULL
	UNION ALL SELECT 'deducted down payment', 'invoice', down_payment_invoice_id FROM crm.invoice_product WHERE down_payment_invoice_id IS NOT NULL
	UNION ALL SELECT 'deducted down payment', 'sales_order', sales_order_id FROM crm.invoice JOIN crm.invoice_product USING (invoice_id) WHERE down_payment_invoice_id IS NOT NULL
	UNION ALL SELECT 'credit note', entity, id FROM play.document WHERE made_by = 'create_credit_note'
	UNION ALL SELECT 'credit note', 'invoice', source_id FROM play.document WHERE made_by = 'create_credit_note'
	UNION ALL SELECT 'parts that come to the whole', entity, id FROM oracle.sum_of_parts
	UNION ALL SELECT 'parts that come to the whole', 'invoice', d.id FROM oracle.sum_of_parts AS s JOIN play.document AS d ON d.source_entity = s.entity AND d.source_id = s.id WHERE d.entity = 'invoice';
-- A price list that is over prices nothing; a payment that comes early is rare: those are only to be there.
CREATE TEMP VIEW presence AS
	SELECT 'a line without a price' AS what, count(*) AS n FROM oracle.line WHERE pricing_error <> 'none'
	UNION ALL SELECT 'a payment that came early', count(*) FROM crm.invoice WHERE early_payment_discount_amount <> 0
	UNION ALL SELECT 'a step refused with ' || got, count(*) FROM play.step WHERE got IS NOT NULL AND got = expected GROUP BY got;
CREATE TEMP VIEW checks AS
	SELECT 0 AS place, round AS sub, format('round %s: %s', round, what) AS what, format('%s looked at', n) AS got, passed FROM play.result
	UNION ALL SELECT 1, 0, 'documents', count(*)::text, count(*) >= :documents FROM play.document
	UNION ALL SELECT 2, 0, 'in at least 5 % of them: ' || feature, round(100.0 * count(DISTINCT (entity, id)) / (SELECT count(*) FROM play.document), 1) || ' %',
	       :documents < 1000 OR count(DISTINCT (entity, id)) >= 0.05 * (SELECT count(*) FROM play.document)
	FROM feature GROUP BY feature
	UNION ALL SELECT 3, 0, 'there is: ' || what, n::text, :documents < 1000 OR n > 0 FROM presence;
SELECT CASE WHEN passed THEN 'ok' ELSE 'not ok' END, what, got FROM checks ORDER BY place, sub, what;
