-- Each opportunity gets its product line and is won or lost on its date, or stands in its phase.
SET client_min_messages = warning;

UPDATE crm.opportunity SET price_list_id = (SELECT price_list_id FROM crm.price_list WHERE name = 'Maven list') WHERE price_list_id IS NULL;
UPDATE crm.opportunity SET is_revenue_system_calculated = true;
UPDATE crm.opportunity AS o SET pipeline_phase = CASE d.deal_stage WHEN 'prospecting' THEN 'qualify' WHEN 'engaging' THEN 'develop' ELSE 'close' END
FROM maven.clean_deal AS d WHERE d.maven_id = o.maven_id;

-- Won at the close value: the list price is overridden with it. The rest stands at the list price.
INSERT INTO crm.opportunity_product (opportunity_id, product_id, unit_id, quantity, is_price_overridden, price_per_unit)
SELECT o.opportunity_id, p.product_id, p.default_unit_id, 1, d.deal_stage = 'won', CASE WHEN d.deal_stage = 'won' THEN d.close_value ELSE 0 END
FROM maven.clean_deal AS d JOIN crm.opportunity AS o USING (maven_id) JOIN crm.product AS p ON p.name = d.product
ORDER BY o.opportunity_id;

SELECT count(*) AS won
FROM maven.clean_deal AS d JOIN crm.opportunity AS o USING (maven_id),
     LATERAL sales_crm.win_opportunity(opportunity_id => o.opportunity_id, actual_close_date => d.close_date) AS closed
WHERE d.deal_stage = 'won';
SELECT count(*) AS lost
FROM maven.clean_deal AS d JOIN crm.opportunity AS o USING (maven_id),
     LATERAL sales_crm.lose_opportunity(opportunity_id => o.opportunity_id, actual_close_date => d.close_date) AS closed
WHERE d.deal_stage = 'lost';
ANALYZE;
