-- The views as a BI tool sees them: names, types and comments, and their rows for three leads.
SELECT c.relname AS view, obj_description(c.oid, 'pg_class') AS comment
  FROM pg_class c
 WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'v' AND c.relname LIKE 'bi\_%'
 ORDER BY c.relname COLLATE "C";
SELECT c.relname AS view, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'v' AND c.relname LIKE 'bi\_%'
 ORDER BY c.relname COLLATE "C", a.attnum;

SELECT sales_crm.create_organization('views');
SET sales_crm.organization = 'views';
SET search_path = views, public;
INSERT INTO lead (last_name, lead_source, estimated_value) VALUES ('Lee', 'web', 1000), ('Ray', 'web', 500), ('Sol', 'partner', 200);
SELECT count(*) AS qualified FROM sales_crm.qualify_leads(lead_ids => '{1, 2}');
SELECT state FROM sales_crm.disqualify_lead(lead_id => 3, status_reason => 'no_longer_interested');
UPDATE opportunity SET close_probability = 20, pipeline_phase = 'propose' WHERE opportunity_id = 2;
SELECT state IS NOT NULL AS won FROM sales_crm.win_opportunity(opportunity_id => 1, actual_revenue => 900) AS call (state);
SELECT lead_id, person_name, lead_source_label, state_label, status_reason_label, is_qualified, days_to_close, amount, amount_base FROM bi_fact_lead ORDER BY lead_id;
SELECT opportunity_id, customer_name, pipeline_phase_label, state_label, is_won, amount_base, probability, weighted_amount_base FROM bi_fact_opportunity ORDER BY opportunity_id;
SELECT * FROM bi_pipeline_by_stage;
SELECT lead_source, lead_count, open_count, qualified_count, disqualified_count, conversion_numerator, conversion_denominator, amount_base, qualified_amount_base
  FROM bi_lead_conversion ORDER BY lead_source;
SELECT owner_name, lead_count, conversion_numerator, conversion_denominator, open_amount_base, weighted_amount_base, won_count, won_amount_base, win_rate_count_denominator FROM bi_owner_performance;
SELECT * FROM bi_dim_date WHERE calendar_date = '2026-02-28';
SET client_min_messages = warning;
DROP SCHEMA views CASCADE;
