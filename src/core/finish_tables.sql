-- Completes the tables of all rooms: what LIKE does not carry from a template, and the indexes behind foreign keys.

DO $$
DECLARE
    template regclass;
BEGIN
    FOR template IN
        SELECT oid FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relname LIKE 'template\_%' AND relkind = 'r'
    LOOP
        EXECUTE format('DROP TABLE %s', template);
    END LOOP;
END
$$;

-- Foreign keys of columns that came from a template: the stamps refer to owner; a column named as another table's key,
-- alone or after a role (sales_representative_owner_id), refers to that table.
DO $$
DECLARE
    missing record;
BEGIN
    FOR missing IN
        WITH key AS (
            SELECT k.conrelid, a.attname, a.atttypid
              FROM pg_constraint k
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
             WHERE k.contype = 'p' AND k.connamespace = current_schema()::regnamespace
        )
        SELECT DISTINCT ON (c.relname, a.attnum) c.relname, a.attname, key.conrelid::regclass AS target
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          JOIN key ON key.atttypid = a.atttypid
                  AND (key.attname = a.attname
                       OR right(a.attname, length(key.attname) + 1) = '_' || key.attname
                       OR (key.attname = 'owner_id' AND a.attname IN ('created_by', 'modified_by')))
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
           AND NOT EXISTS (SELECT FROM pg_constraint k
                            WHERE k.conrelid = c.oid AND k.contype IN ('f', 'p') AND a.attnum = ANY (k.conkey))
           AND NOT (c.relname = 'automation_run' AND a.attname = 'automation_rule_id')    -- a log that its rule does not take along
         ORDER BY c.relname, a.attnum, length(key.attname) DESC
    LOOP
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I FOREIGN KEY (%I) REFERENCES %s',
                       missing.relname, missing.relname || '_' || missing.attname || '_fkey', missing.attname, missing.target);
    END LOOP;
END
$$;

-- An index behind each foreign key that has none leading with its column; without the rows that refer to nothing.
DO $$
DECLARE
    bare record;
BEGIN
    FOR bare IN
        SELECT c.relname, a.attname, a.attnotnull
          FROM pg_constraint k
          JOIN pg_class c ON c.oid = k.conrelid
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
         WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND c.relnamespace = current_schema()::regnamespace
           AND NOT EXISTS (SELECT FROM pg_index i
                            WHERE i.indrelid = k.conrelid AND i.indkey[0] = k.conkey[1]
                              AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)))
         ORDER BY c.oid, a.attnum
    LOOP
        EXECUTE format('CREATE INDEX %I ON %I (%I)%s', bare.relname || '_' || bare.attname || '_idx', bare.relname, bare.attname,
                       CASE WHEN bare.attnotnull THEN '' ELSE format(' WHERE %I IS NOT NULL', bare.attname) END);
    END LOOP;
END
$$;

-- Keys are positive: 0 is nobody's key.
DO $$
DECLARE
    keyed record;
BEGIN
    FOR keyed IN
        SELECT c.relname, a.attname
          FROM pg_constraint k
          JOIN pg_class c ON c.oid = k.conrelid
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
         WHERE k.contype = 'p' AND cardinality(k.conkey) = 1 AND a.atttypid = 'bigint'::regtype AND c.relnamespace = current_schema()::regnamespace
         ORDER BY c.relname
    LOOP
        EXECUTE format('ALTER TABLE %I ADD CHECK (%I > 0)', keyed.relname, keyed.attname);
    END LOOP;
END
$$;
