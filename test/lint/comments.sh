#!/bin/bash
# Every table, view, column and function of the extension and of an organization has its COMMENT.
found=$(psql -XAtq -v ON_ERROR_STOP=1 <<'SQL'
SELECT c.oid::regclass || ': no comment' FROM pg_class c
WHERE c.relnamespace IN ('crm'::regnamespace, 'sales_crm'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
  AND obj_description(c.oid, 'pg_class') IS NULL
UNION ALL
SELECT c.oid::regclass || '.' || a.attname || ': no comment' FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace IN ('crm'::regnamespace, 'sales_crm'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
  AND col_description(c.oid, a.attnum) IS NULL
UNION ALL
SELECT p.oid::regprocedure || ': no comment' FROM pg_proc p
WHERE p.pronamespace IN ('crm'::regnamespace, 'sales_crm'::regnamespace) AND obj_description(p.oid, 'pg_proc') IS NULL;
SQL
) && [ -z "$found" ] || { echo "$found"; exit 1; }
