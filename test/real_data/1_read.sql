-- Reads the files as they are, text only, and lists what is not clean with the value that it is mapped to.
SET client_min_messages = warning;
CREATE EXTENSION sales_crm;
CREATE SCHEMA maven;
CREATE TABLE maven.account (account text, sector text, year_established text, revenue text, employees text, office_location text, subsidiary_of text);
CREATE TABLE maven.product (product text, series text, sales_price text);
CREATE TABLE maven.agent (sales_agent text, manager text, regional_office text);
CREATE TABLE maven.deal (maven_id text PRIMARY KEY, sales_agent text, product text, account text, deal_stage text, engage_date text, close_date text, close_value text);
\cd :data
\copy maven.account FROM accounts.csv (FORMAT csv, HEADER)
\copy maven.product FROM products.csv (FORMAT csv, HEADER)
\copy maven.agent FROM sales_teams.csv (FORMAT csv, HEADER)
\copy maven.deal FROM sales_pipeline.csv (FORMAT csv, HEADER)

-- Nothing is dropped: each dirty value stands here with what becomes of it.
CREATE TABLE maven.mapping (file text, column_name text, dirty text, clean text, PRIMARY KEY (column_name, dirty));
INSERT INTO maven.mapping VALUES
	('sales_pipeline', 'product', 'GTXPro', 'GTX Pro'),
	('accounts', 'sector', 'technolgy', 'technology'),
	('accounts', 'office_location', 'Philipines', 'Philippines');

CREATE VIEW maven.clean_account AS
SELECT a.account, coalesce(s.clean, a.sector) AS sector, a.year_established::integer, a.revenue::numeric * 1000000 AS revenue,
       a.employees::integer, coalesce(l.clean, a.office_location) AS country, a.subsidiary_of
FROM maven.account AS a
LEFT JOIN maven.mapping AS s ON s.column_name = 'sector' AND s.dirty = a.sector
LEFT JOIN maven.mapping AS l ON l.column_name = 'office_location' AND l.dirty = a.office_location;

CREATE VIEW maven.clean_deal AS
SELECT d.maven_id, d.sales_agent, coalesce(p.clean, d.product) AS product, d.account,
       coalesce(d.account, 'Prospect ' || d.maven_id) AS company, lower(d.deal_stage) AS deal_stage,
       to_date(d.engage_date, 'MM/DD/YYYY') AS engage_date, to_date(d.close_date, 'MM/DD/YYYY') AS close_date, d.close_value::numeric
FROM maven.deal AS d
LEFT JOIN maven.mapping AS p ON p.column_name = 'product' AND p.dirty = d.product;

\echo 'Dirty values and what becomes of them:'
SELECT 'sales_pipeline' AS file, 'product' AS column_name, d.product AS found, count(*), 'read as ' || m.clean AS becomes
FROM maven.deal AS d JOIN maven.mapping AS m ON m.column_name = 'product' AND m.dirty = d.product GROUP BY d.product, m.clean
UNION ALL
SELECT 'accounts', 'sector', a.sector, count(*), 'read as ' || m.clean
FROM maven.account AS a JOIN maven.mapping AS m ON m.column_name = 'sector' AND m.dirty = a.sector GROUP BY a.sector, m.clean
UNION ALL
SELECT 'accounts', 'office_location', a.office_location, count(*), 'read as ' || m.clean
FROM maven.account AS a JOIN maven.mapping AS m ON m.column_name = 'office_location' AND m.dirty = a.office_location GROUP BY a.office_location, m.clean
UNION ALL
SELECT 'sales_pipeline', 'account', '(empty)', count(*), 'a new company ''Prospect <opportunity_id>''' FROM maven.deal WHERE account IS NULL
UNION ALL
SELECT 'sales_pipeline', 'engage_date', '(empty)', count(*), 'not engaged yet: phase qualify' FROM maven.deal WHERE engage_date IS NULL
UNION ALL
SELECT 'sales_pipeline', 'close_date', '(empty)', count(*), 'open, no date' FROM maven.deal WHERE close_date IS NULL
UNION ALL
SELECT 'sales_pipeline', 'close_value', '(empty)', count(*), 'open, valued at the list price' FROM maven.deal WHERE close_value IS NULL
UNION ALL
SELECT 'accounts', 'subsidiary_of', '(empty)', count(*), 'no parent account' FROM maven.account WHERE subsidiary_of IS NULL
ORDER BY 1, 2, 3;
