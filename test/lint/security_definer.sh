#!/bin/bash
# No member is SECURITY DEFINER, and PUBLIC may execute nothing but trigger functions. All functions are C: names in the body of another
# would be looked up in the caller's search_path.
found=$(psql -XAtq -v ON_ERROR_STOP=1 <<'SQL'
SELECT p.oid::regprocedure || ': security definer'
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'sales_crm'
WHERE p.prosecdef
UNION ALL
SELECT p.oid::regprocedure || ': PUBLIC may execute it'
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'sales_crm'
WHERE p.prorettype <> 'trigger'::regtype
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0)
UNION ALL
SELECT p.oid::regprocedure || ': is of language ' || l.lanname
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace IN ('sales_crm'::regnamespace, 'crm'::regnamespace) AND l.lanname <> 'c';
SQL
) && [ -z "$found" ] || { echo "$found"; exit 1; }
