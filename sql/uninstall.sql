-- DROP EXTENSION takes the code and leaves the data; CREATE EXTENSION and repair() bring the triggers back. Runs last.
\set VERBOSITY terse
INSERT INTO crm.lead (last_name, company_name, lead_source, estimated_value) VALUES ('Vega', 'Uninstall Ltd', 'web', 500);
SELECT lead_id FROM crm.lead WHERE company_name = 'Uninstall Ltd' \gset
SELECT opportunity_id IS NOT NULL AS made FROM sales_crm.qualify_lead(lead_id => :lead_id);
CREATE TEMP TABLE before AS
SELECT tgrelid, tgname, pg_get_triggerdef(oid) AS definition FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'crm'::regnamespace) AND NOT tgisinternal;

-- The triggers need the code, so the plain form is refused.
DROP EXTENSION sales_crm;
\echo SQLSTATE :LAST_ERROR_SQLSTATE

-- CASCADE takes the triggers along, of all organizations, and nothing else.
SET client_min_messages = warning;
DROP EXTENSION sales_crm CASCADE;
RESET client_min_messages;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'crm'::regnamespace) AND NOT tgisinternal;
SELECT company_name, state, estimated_value FROM crm.lead WHERE lead_id = :lead_id;
SELECT lead_source, is_qualified, amount_base FROM crm.bi_fact_lead WHERE lead_id = :lead_id;
SELECT * FROM sales_crm.verify();
\echo SQLSTATE :LAST_ERROR_SQLSTATE

-- The data of schema crm are found there, so no organization is made.
CREATE EXTENSION sales_crm;
SELECT company_name, state FROM crm.lead WHERE lead_id = :lead_id;

-- Until it is repaired nothing guards the data; from then on everything does, as before.
DROP VIEW crm.bi_pipeline_by_stage;
SELECT sales_crm.repair('crm');
SELECT * FROM before
EXCEPT
SELECT tgrelid, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal;
SELECT count(*) > 0 AS counts_again FROM crm.bi_pipeline_by_stage;
SELECT obj_description('crm.bi_pipeline_by_stage'::regclass) IS NOT NULL AS has_comment, count(*) AS columns_without_comment
  FROM pg_attribute WHERE attrelid = 'crm.bi_pipeline_by_stage'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL;
UPDATE crm.lead SET subject = 'changed' WHERE lead_id = :lead_id;
\echo SQLSTATE :LAST_ERROR_SQLSTATE
SELECT * FROM sales_crm.reopen_lead(lead_id => :lead_id);
UPDATE crm.lead SET subject = 'changed' WHERE lead_id = :lead_id;
SELECT subject, state FROM crm.lead WHERE lead_id = :lead_id;
SELECT * FROM sales_crm.verify();

-- A schema that is no organization cannot be repaired.
SELECT sales_crm.repair('public');
\echo SQLSTATE :LAST_ERROR_SQLSTATE
