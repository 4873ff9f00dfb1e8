-- upgrade: takes all tables of the organization before any is changed, so that no session stands between two steps.

-- For ten seconds all or none, so that nobody waits for one of them while he holds another; under steady load then one after the other:
-- a session that waits for one and holds another may get a deadlock error (40P01) there, and does its transaction again.
DO $$
DECLARE
    tables text := (SELECT string_agg(format('%I.%I', current_schema(), relname), ', ' ORDER BY relname) FROM pg_class
                     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
                       AND pg_has_role(relowner, 'USAGE'));
BEGIN
    FOR attempt IN 1 .. 200 LOOP
        BEGIN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE NOWAIT', tables);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.05);
        END;
    END LOOP;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', tables);
END
$$;
