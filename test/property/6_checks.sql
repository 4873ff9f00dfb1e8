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
	UNION ALL SELECT 'priced anew', entity, id FROM play.repriced;
CREATE TEMP VIEW checks AS
	SELECT 0 AS place, round AS sub, format('round %s: %s', round, what) AS what, format('%s looked at', n) AS got, passed FROM play.result
	UNION ALL SELECT 1, 0, 'documents', count(*)::text, count(*) >= :documents FROM play.document
	UNION ALL SELECT 2, 0, 'in at least 5 % of them: ' || feature, round(100.0 * count(DISTINCT (entity, id)) / (SELECT count(*) FROM play.document), 1) || ' %',
	       :documents < 1000 OR count(DISTINCT (entity, id)) >= 0.05 * (SELECT count(*) FROM play.document)
	FROM feature GROUP BY feature;
SELECT CASE WHEN passed THEN 'ok' ELSE 'not ok' END, what, got FROM checks ORDER BY place, sub, what;
