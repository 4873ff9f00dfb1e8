-- Teams, users, products with their price list, companies with their subsidiaries.
SET client_min_messages = warning;

-- A business unit and a team for each office, a user for each manager and each agent.
INSERT INTO crm.business_unit (name, parent_business_unit_id)
SELECT o.regional_office, (SELECT business_unit_id FROM crm.business_unit WHERE parent_business_unit_id IS NULL)
FROM (SELECT DISTINCT regional_office FROM maven.agent) AS o;

INSERT INTO crm.owner (owner_type, name) SELECT DISTINCT 'team', regional_office || ' office' FROM maven.agent;
INSERT INTO crm.team (owner_id, name, business_unit_id)
SELECT o.owner_id, o.name, b.business_unit_id FROM crm.owner AS o JOIN crm.business_unit AS b ON o.name = b.name || ' office' WHERE o.owner_type = 'team';

INSERT INTO crm.owner (owner_type, name) SELECT 'user', manager FROM maven.agent UNION SELECT 'user', sales_agent FROM maven.agent;
INSERT INTO crm.crm_user (owner_id, name, job_title, business_unit_id)
SELECT DISTINCT o.owner_id, o.name, 'Sales manager', b.business_unit_id
FROM maven.agent AS a JOIN crm.owner AS o ON o.owner_type = 'user' AND o.name = a.manager JOIN crm.business_unit AS b ON b.name = a.regional_office;
INSERT INTO crm.crm_user (owner_id, name, job_title, business_unit_id, manager_crm_user_id)
SELECT o.owner_id, o.name, 'Sales agent', b.business_unit_id, m.crm_user_id
FROM maven.agent AS a JOIN crm.owner AS o ON o.owner_type = 'user' AND o.name = a.sales_agent
JOIN crm.business_unit AS b ON b.name = a.regional_office JOIN crm.crm_user AS m ON m.name = a.manager;

INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, list_price, description)
SELECT p.product, p.product, u.unit_group_id, u.unit_id, p.sales_price::numeric, 'Series ' || p.series
FROM maven.product AS p, (SELECT unit_group_id, unit_id FROM crm.unit WHERE is_base_unit ORDER BY unit_id LIMIT 1) AS u;
INSERT INTO crm.price_list (name, currency_code) VALUES ('Maven list', 'USD');
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, amount)
SELECT l.price_list_id, p.product_id, p.default_unit_id, p.list_price FROM crm.price_list AS l, crm.product AS p WHERE l.name = 'Maven list';
SELECT count(*) AS products_on_sale FROM crm.product AS p, LATERAL sales_crm.publish_product(product_id => p.product_id) AS published (state) WHERE published.state = 'active';

-- The sectors become values of the option column industry.
INSERT INTO crm.option_value (entity, column_name, value, label, sort_order)
SELECT e.entity, 'industry', s.sector, initcap(s.sector), 1000 + row_number() OVER (ORDER BY s.sector)
FROM (SELECT DISTINCT sector FROM maven.clean_account) AS s, (VALUES ('account'), ('lead')) AS e (entity)
ON CONFLICT (entity, column_name, value) DO NOTHING;

INSERT INTO crm.account (name, industry, annual_revenue, employee_count, address_country, currency_code, price_list_id, description)
SELECT a.account, a.sector, a.revenue, a.employees, a.country, 'USD', l.price_list_id, 'Founded in ' || a.year_established
FROM maven.clean_account AS a, crm.price_list AS l WHERE l.name = 'Maven list';
UPDATE crm.account AS child SET parent_account_id = parent.account_id
FROM maven.clean_account AS a JOIN crm.account AS parent ON parent.name = a.subsidiary_of WHERE child.name = a.account;
