-- The calls that work on an organization as a whole.
CREATE FUNCTION create_organization(name text, base_currency text DEFAULT 'USD', OUT name text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'sales_crm_create_organization';
COMMENT ON FUNCTION create_organization(text, text) IS 'Makes another organization: a schema of that name with all tables, views and seed rows, owned by the caller, who needs CREATE on the database; returns the name. base_currency: three capital letters. Work on it with SET sales_crm.organization. Errors: 22004, 3F000 bad name, 42P06 schema exists, 22023 currency code.';

CREATE FUNCTION migrate(organization text, OUT version integer)
  LANGUAGE c AS 'MODULE_PATHNAME', 'sales_crm_migrate';
COMMENT ON FUNCTION migrate(text) IS 'Raises an older organization to the version of the installed extension, step by step in one transaction, and returns that version; may be called again at any time. Works as the organization''s owner, behind locks on all its tables; what users have of their own stays. Until then the organization can be read, and each write is refused (SC014). Call it alone in its transaction, as the owner, a member of it, or a superuser. Errors: 22004, 3F000 no organization, 42501 not yours, 42809 what should be a table of the owner is none, SC014 it is newer than the extension, 23514 a row that the new version does not take, 40P01 call it again.';

CREATE FUNCTION repair(organization text, OUT version integer)
  LANGUAGE c AS 'MODULE_PATHNAME', 'sales_crm_repair';
COMMENT ON FUNCTION repair(text) IS 'Makes the triggers and views of an organization that are missing, as after DROP EXTENSION ... CASCADE, and grants again what role_access says; returns the organization''s version. For the owner of the organization''s schema, members of that role and superusers: it is done as the owner, in a security-restricted operation, but calls are granted as far as they are the caller''s to grant. Errors: 22004, 3F000 no organization, 42501 not yours, 42809 what should be a table of the owner is none, SC014 it is of another version: migrate it.';

CREATE FUNCTION version() RETURNS text
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'sales_crm_version';
-- qualified: pg_catalog has a version() too, and comes first
COMMENT ON FUNCTION sales_crm.version() IS 'The version of the installed library of sales_crm.';

-- PUBLIC may execute trigger functions, which owners of organizations name, and nothing else.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sales_crm FROM PUBLIC;
DO $$
DECLARE
    trigger_function regprocedure;
BEGIN
    FOR trigger_function IN
        SELECT oid FROM pg_catalog.pg_proc
         WHERE pronamespace = 'sales_crm'::pg_catalog.regnamespace AND prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', trigger_function);
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA sales_crm TO PUBLIC;

-- The first organization; the function that makes it is not kept.
CREATE FUNCTION install() RETURNS void
  LANGUAGE c AS 'MODULE_PATHNAME', 'sales_crm_install';
SELECT install();
DROP FUNCTION install();
