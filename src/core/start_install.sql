-- CREATE EXTENSION runs as a superuser: whatever stands in a schema sales_crm that was made before would be found in its path. So nothing is
-- looked up there until the schema is known to be nobody's but the superuser's, and empty.
SET LOCAL search_path = pg_catalog, pg_temp;
DO $$
DECLARE
    found pg_namespace;
    reason text;
BEGIN
    SELECT * INTO STRICT found FROM pg_namespace WHERE nspname = 'sales_crm';
    SELECT CASE
        WHEN found.nspowner <> r.oid AND NOT o.rolsuper THEN format('It belongs to role "%s", who is no superuser.', o.rolname)
        WHEN EXISTS (SELECT FROM aclexplode(found.nspacl) AS a LEFT JOIN pg_roles AS g ON g.oid = a.grantee
                      WHERE a.privilege_type = 'CREATE' AND a.grantee <> found.nspowner AND g.rolsuper IS NOT TRUE)
            THEN 'Others than superusers may create objects in it.'
        WHEN EXISTS (SELECT FROM pg_depend AS d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = found.oid
                        AND NOT (d.classid = 'pg_extension'::regclass AND d.objid = (SELECT e.oid FROM pg_extension AS e WHERE e.extname = 'sales_crm')))
            THEN 'It is not empty.'
        END INTO reason
      FROM pg_roles AS r, pg_roles AS o WHERE r.rolname = current_user AND o.oid = found.nspowner;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_schema', MESSAGE = 'schema "sales_crm" cannot be the schema of the extension',
            DETAIL = reason, HINT = 'Drop or rename that schema; CREATE EXTENSION makes its own.', SCHEMA = 'sales_crm';
    END IF;
END
$$;
SET LOCAL search_path = sales_crm, pg_temp;
