-- What one CREATE EXTENSION brings: the calls, which are members, and an organization, which is not.
CREATE EXTENSION sales_crm;
SELECT sales_crm.version();

-- The calls; PUBLIC may execute none of them.
\pset format unaligned
SELECT proname AS call, pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result,
       CASE provolatile WHEN 's' THEN 'stable' WHEN 'v' THEN 'volatile' ELSE 'immutable' END AS volatility,
       has_function_privilege('public', oid, 'execute') AS public
  FROM pg_proc
 WHERE pronamespace = 'sales_crm'::regnamespace AND prorettype <> 'trigger'::regtype
 ORDER BY proname COLLATE "C";
\pset format aligned

-- The trigger functions, which an owner of an organization needs.
SELECT proname AS trigger_function, has_function_privilege('public', oid, 'execute') AS public
  FROM pg_proc
 WHERE pronamespace = 'sales_crm'::regnamespace AND prorettype = 'trigger'::regtype
 ORDER BY proname COLLATE "C";

-- The organization: tables, views and sequences that were made for numbers (those of keys aside).
SELECT c.relname AS name, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' END AS kind
  FROM pg_class c
 WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'v', 'S')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i' AND c.relkind = 'S')
 ORDER BY 2, c.relname COLLATE "C";

-- Nothing in it is a member of the extension, and nothing of the extension is a SECURITY DEFINER.
SELECT count(*) AS members_outside_schema_sales_crm
  FROM pg_depend d
  JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
 WHERE e.extname = 'sales_crm'
   AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = d.objid AND d.classid = 'pg_proc'::regclass AND p.pronamespace = 'sales_crm'::regnamespace AND NOT p.prosecdef)
   AND NOT (d.classid = 'pg_namespace'::regclass AND d.objid = 'sales_crm'::regnamespace);

-- The states of each entity as the seed rows say; the first reason is the default, * marks states that are read-only.
SELECT entity, state || CASE WHEN bool_or(is_read_only) THEN ' *' ELSE '' END AS state,
       string_agg(status_reason, ', ' ORDER BY is_default DESC, status_reason_id) AS status_reasons
  FROM crm.status_reason
 GROUP BY entity, state
 ORDER BY entity COLLATE "C", min(status_reason_id);

SELECT name, value FROM crm.organization_setting ORDER BY name COLLATE "C";
SELECT version FROM crm.schema_version;
SELECT series, prefix, width, is_gapless FROM crm.number_series ORDER BY series COLLATE "C";
SELECT error_code, name FROM crm.error_code ORDER BY error_code COLLATE "C";

-- Another organization stands beside the first, with the same things in it.
SELECT sales_crm.create_organization('second', base_currency => 'EUR');
SELECT count(*) AS differences
  FROM (SELECT relname, relkind FROM pg_class WHERE relnamespace = 'crm'::regnamespace) AS first
  FULL JOIN (SELECT relname, relkind FROM pg_class WHERE relnamespace = 'second'::regnamespace) AS second USING (relname, relkind)
 WHERE first IS NULL OR second IS NULL;
SELECT value AS base_currency FROM second.organization_setting WHERE name = 'base_currency';
SELECT * FROM sales_crm.verify();
SET sales_crm.organization = 'second';
SELECT * FROM sales_crm.verify();

-- One that was dropped is refused.
SET client_min_messages = warning;
DROP SCHEMA second CASCADE;
SELECT * FROM sales_crm.verify();
RESET sales_crm.organization;
