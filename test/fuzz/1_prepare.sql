-- The world that is attacked, made by a superuser: organization crm in use, organization damaged without constraints, schema imitation of
-- the attacker that looks like an organization; and what random values are drawn from.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION sales_crm;
GRANT USAGE ON SCHEMA sales_crm TO fuzz_attacker;

-- Deals, documents in every state, bundles, processes, activities, rules, queues.
SET search_path = crm;
\i test/lib/deals.sql
BEGIN;
\i test/lib/documents.sql
\i test/lib/bundles.sql
\i test/lib/processes.sql
SELECT count(quote_in(s)), count(new_deal('deal of ' || s)) FROM unnest('{draft,active,won,ordered,revised,lost}'::text[]) AS s;
SELECT count(order_in(s)) FROM unnest('{active,submitted,fulfilled,billed,canceled}'::text[]) AS s;
SELECT count(invoice_in(s)) FROM unnest('{active,partial,paid,canceled}'::text[]) AS s;
SELECT count(new_bundle(e)) FROM unnest('{opportunity,quote,sales_order,invoice}'::text[]) AS e;
SELECT new_process('Two steps', 'First:lead:qualify::subject! Second:opportunity:develop:20:name,estimated_value! Third:quote:propose:60 Last:sales_order:close:90');
SELECT sales_crm.activate_process(process_name => 'Two steps');
INSERT INTO lead (subject, last_name, company_name, address_country) SELECT 'More ' || n, 'Person ' || n, 'Firm ' || n, 'US' FROM generate_series(1, 8) AS n;
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT 'lead' AS entity, lead_id AS id FROM lead WHERE state = 'open' UNION ALL SELECT 'opportunity', opportunity_id FROM opportunity WHERE state = 'open' LOOP
        BEGIN
            PERFORM sales_crm.start_process(entity => one.entity, record_id => one.id, process_name => 'Two steps');
            IF one.id % 2 = 0 THEN PERFORM sales_crm.next_stage(entity => one.entity, record_id => one.id); END IF;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $$;
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id, scheduled_start_at, scheduled_end_at)
SELECT t.activity_type, 'About ' || t.activity_type || ' ' || n, 'lead', l.lead_id, now() + n * interval '1 day', now() + n * interval '1 day 1 hour'
FROM unnest('{task,phone_call,email,letter,fax,appointment}'::text[]) AS t (activity_type), generate_series(1, 3) AS n, (SELECT min(lead_id) AS lead_id FROM lead WHERE state = 'open') AS l;
INSERT INTO activity_party (activity_id, participation_type, entity, record_id)
SELECT a.activity_id, 'to', 'contact', c.contact_id FROM activity AS a, (SELECT min(contact_id) AS contact_id FROM contact) AS c WHERE a.activity_type = 'email';
INSERT INTO queue (name) VALUES ('Inbound'), ('Second');
INSERT INTO automation_rule (name, entity, event, condition) VALUES ('Tell', 'lead', 'created', 'new.subject IS NOT NULL'), ('Asked', 'lead', 'on_demand', NULL);
INSERT INTO automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'put_outbox', '{"event": "''lead.created''"}' FROM automation_rule WHERE name IN ('Tell', 'Asked');
SELECT count(sales_crm.add_to_queue(entity => 'lead', record_id => l.lead_id, queue_id => q.queue_id))
FROM (SELECT lead_id FROM lead WHERE state = 'open' ORDER BY 1 LIMIT 3) AS l, (SELECT min(queue_id) AS queue_id FROM queue WHERE name = 'Inbound') AS q;
COMMIT;
RESET search_path;
DROP SCHEMA tap CASCADE;

SELECT sales_crm.grant_access(role => 'fuzz_reader', level => 'read'), sales_crm.grant_access(role => 'fuzz_seller', level => 'sell');
GRANT USAGE ON SCHEMA crm TO fuzz_attacker;

-- The attacker's schema that looks like an organization: the rows of crm and one of nothing but NULLs, no constraints, no triggers.
CREATE SCHEMA imitation;
CREATE TABLE fuzz_table AS
SELECT c.oid AS relid, c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns, array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) AS types
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY c.oid, c.relname;
DO $$
DECLARE one text;
BEGIN
    FOR one IN SELECT name FROM fuzz_table ORDER BY name LOOP
        EXECUTE format('CREATE TABLE imitation.%1$I AS TABLE crm.%1$I', one);
        EXECUTE format('INSERT INTO imitation.%I DEFAULT VALUES', one);
        EXECUTE format('ALTER TABLE imitation.%I OWNER TO fuzz_attacker', one);
    END LOOP;
END $$;
ALTER SCHEMA imitation OWNER TO fuzz_attacker;
GRANT USAGE ON SCHEMA imitation TO fuzz_reader, fuzz_seller;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA imitation TO fuzz_reader, fuzz_seller;

-- The organization whose owner took the constraints away: rows of crm, triggers as they should be.
SELECT sales_crm.create_organization(name => 'damaged');
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT conrelid::regclass AS rel, conname FROM pg_constraint WHERE connamespace = 'damaged'::regnamespace AND conislocal AND contype IN ('f', 'c', 'u')
               ORDER BY contype = 'u' LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.rel, one.conname);
    END LOOP;
    FOR one IN SELECT i.indexrelid::regclass AS index FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
               WHERE c.relnamespace = 'damaged'::regnamespace AND NOT c.relispartition AND i.indisunique AND NOT i.indisprimary LOOP
        EXECUTE format('DROP INDEX %s', one.index);
    END LOOP;
END $$;
SET session_replication_role = replica;
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT name, (SELECT string_agg(quote_ident(c), ', ') FROM unnest(columns) AS c
               WHERE NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = relid AND attname = c AND attgenerated <> '')) AS columns FROM fuzz_table ORDER BY name LOOP
        EXECUTE format('DELETE FROM damaged.%I', one.name);
        EXECUTE format('INSERT INTO damaged.%1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM crm.%1$I', one.name, one.columns);
    END LOOP;
END $$;
RESET session_replication_role;
SELECT set_config('sales_crm.organization', 'damaged', false);
SELECT sales_crm.grant_access(role => 'fuzz_reader', level => 'read'), sales_crm.grant_access(role => 'fuzz_seller', level => 'sell');
GRANT ALL ON SCHEMA damaged TO fuzz_owner;
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT oid::regclass AS rel FROM pg_class WHERE relnamespace = 'damaged'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
               AND NOT (relkind = 'S' AND EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype IN ('a', 'i'))) LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO fuzz_owner', one.rel);
    END LOOP;
END $$;
ALTER SCHEMA damaged OWNER TO fuzz_owner;
GRANT USAGE ON SCHEMA sales_crm TO fuzz_owner;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sales_crm TO fuzz_owner;
RESET sales_crm.organization;

-- Values as they stand, by the name of their column.
CREATE TABLE fuzz_value (column_name text, value text);
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT f.name, c.column_name FROM fuzz_table AS f, unnest(f.columns) AS c (column_name) ORDER BY 1, 2 LOOP
        EXECUTE format('INSERT INTO fuzz_value SELECT DISTINCT %1$L, left(%2$I::text, 500) FROM crm.%3$I WHERE %2$I IS NOT NULL ORDER BY 2 LIMIT 12', one.column_name, one.column_name, one.name);
    END LOOP;
END $$;
