-- Completes the triggers of all rooms: those that only tell that a configuration table changed fire whatever session_replication_role says.

DO $$
DECLARE
    silent record;
BEGIN
    FOR silent IN
        SELECT c.relname, t.tgname
          FROM pg_trigger t
          JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = current_schema()::regnamespace AND t.tgname = 't90_config_changed' AND t.tgenabled <> 'A'
           AND t.tgfoid = 'sales_crm.config_changed'::regproc AND t.tgparentid = 0 AND pg_has_role(c.relowner, 'USAGE')
         ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', silent.relname, silent.tgname);
    END LOOP;
END
$$;
