-- Every pipeline row becomes a lead and is qualified, to its existing account where it names one.
SET client_min_messages = warning;

-- A column of our own travels from the lead to the opportunity by one row of column_map.
ALTER TABLE crm.lead ADD COLUMN maven_id text;
ALTER TABLE crm.opportunity ADD COLUMN maven_id text;
INSERT INTO crm.column_map (source_entity, target_entity, source_column, target_column) VALUES ('lead', 'opportunity', 'maven_id', 'maven_id');

INSERT INTO crm.lead (maven_id, subject, company_name, account_id, industry, currency_code, estimated_value, owner_id)
SELECT d.maven_id, d.product || ' for ' || d.company, d.company, a.account_id, a.industry, 'USD', p.list_price, o.owner_id
FROM maven.clean_deal AS d
JOIN crm.product AS p ON p.name = d.product
JOIN crm.owner AS o ON o.owner_type = 'user' AND o.name = d.sales_agent
LEFT JOIN crm.account AS a ON a.name = d.account
ORDER BY d.engage_date NULLS LAST, d.maven_id;

CREATE TABLE maven.qualified AS
SELECT q.* FROM sales_crm.qualify_leads(lead_ids => (SELECT array_agg(lead_id ORDER BY lead_id) FROM crm.lead)) AS q;
SELECT count(opportunity_id) AS qualified, count(error_code) AS refused FROM maven.qualified;
CREATE INDEX ON crm.opportunity (maven_id);
ANALYZE;
