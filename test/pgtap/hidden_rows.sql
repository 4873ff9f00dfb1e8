-- Row security that hides rows while calls are at work: what is hidden is not found (P0002), and the server stays.
BEGIN;
-- Autovacuum stays away: it would wait for the rows of this transaction, and this one for its lock.
DO $$ DECLARE one regclass; BEGIN FOR one IN SELECT oid FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'p') LOOP EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', one); END LOOP; END $$;
\ir ../lib/documents.sql
\ir ../lib/processes.sql
SELECT plan(8);
CREATE ROLE tap_seller;
CREATE ROLE tap_reader;
SELECT sales_crm.grant_access(role => 'tap_seller', level => 'sell'), sales_crm.grant_access(role => 'tap_reader', level => 'read') \gset
GRANT USAGE ON SCHEMA tap, public TO tap_seller, tap_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA tap TO tap_seller, tap_reader;

-- How a statement ends for a role: nothing when it is done, else its SQLSTATE and words. It is undone.
CREATE FUNCTION ending(statement text, as_role name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', as_role, true);
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN RETURN NULL;
	WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

SELECT new_process('Hidden', 'One:lead:qualify:10 Two:lead:qualify:20 Three:lead:qualify:30', 1) \gset
SELECT sales_crm.activate_process(process_name => 'Hidden') \gset
INSERT INTO lead (subject, company_name, last_name) VALUES ('hidden', 'Northwind', 'Moon');
SELECT remember('lead', max(lead_id)) FROM lead \gset
SELECT sales_crm.start_process(entity => 'lead', record_id => id('lead')) \gset
SELECT sales_crm.next_stage(entity => 'lead', record_id => id('lead')) AS stage \gset
SELECT id('lead') AS lead \gset
SELECT remember('quote', quote_in('active')), remember('order', order_in('active')), remember('invoice', invoice_in('active')), new_deal('deal') \gset

SAVEPOINT whole;
ALTER TABLE process_stage_history ENABLE ROW LEVEL SECURITY;
CREATE POLICY hidden ON process_stage_history USING (false) WITH CHECK (true);
SELECT is(ending(format('SELECT * FROM sales_crm.process_guidance(entity => ''lead'', id => %s)', id('lead')), 'tap_reader'), NULL, 'process_guidance() goes without the stays that are hidden');
SET LOCAL ROLE tap_reader;
SELECT is(is_allowed::text || ': ' || detail, 'false: the stage before "Two" of process "Hidden" is not there', 'and says that there is no way back')
FROM sales_crm.process_guidance(entity => 'lead', id => :lead) WHERE section = 'action' AND name = 'previous_stage';
RESET ROLE;
SELECT is(left(ending(format('SELECT sales_crm.previous_stage(entity => ''lead'', record_id => %s)', id('lead')), 'tap_seller'), 5), 'P0002', 'previous_stage() does not find the stage before');
ROLLBACK TO whole;

-- Each table hidden in turn, from a reader and a seller, while calls work on records that are there.
CREATE TABLE told (name text, statement text, ending text);
GRANT ALL ON told TO tap_seller, tap_reader;
CREATE FUNCTION try_hidden() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	one record;
	call record;
	ended text[];
BEGIN
	FOR one IN SELECT relname AS name FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1 LOOP
		BEGIN	-- undone, so that the lock on each table goes
		ended := '{}';
		EXECUTE format('ALTER TABLE crm.%I ENABLE ROW LEVEL SECURITY', one.name);
		EXECUTE format('CREATE POLICY tap_hidden ON crm.%I USING (false) WITH CHECK (true)', one.name);
		FOR call IN SELECT format('SELECT * FROM sales_crm.%I(%s)', p.proname, (SELECT string_agg(format('%I => %s', a.name,
				CASE WHEN a.name = 'entity' THEN quote_literal(e.entity) WHEN a.name IN ('record_id', 'id') THEN e.id::text WHEN a.name = 'line_id' THEN e.line_id::text
				WHEN a.type = 'bigint'::regtype THEN coalesce((SELECT n.id::text FROM tap.named AS n WHERE n.name = CASE a.name WHEN 'lead_id' THEN 'lead' WHEN 'quote_id' THEN 'quote'
				WHEN 'sales_order_id' THEN 'order' WHEN 'invoice_id' THEN 'invoice' WHEN 'opportunity_id' THEN 'deal' WHEN 'product_id' THEN 'Chair' END), '1')
				WHEN a.type = 'bigint[]'::regtype THEN 'ARRAY[1]::bigint[]' WHEN a.name = 'action' THEN '''next_stage''' WHEN a.type = 'text'::regtype THEN '''Hidden''' ELSE 'NULL' END), ', ' ORDER BY a.place)
				FROM unnest(p.proargnames[:p.pronargs], p.proargtypes::regtype[]) WITH ORDINALITY AS a (name, type, place) WHERE a.place <= p.pronargs - p.pronargdefaults)) AS statement
			FROM pg_proc AS p, (VALUES ('lead', id('lead'), 1), ('quote', id('quote'), (SELECT min(quote_product_id) FROM quote_product WHERE quote_id = id('quote')))) AS e (entity, id, line_id)
			WHERE p.pronamespace = 'sales_crm'::regnamespace AND p.prorettype <> 'trigger'::regtype AND has_function_privilege('tap_seller', p.oid, 'EXECUTE') AND p.proname <> 'verify' AND (e.entity = 'lead' OR 'entity' = ANY (p.proargnames))
				AND (one.name IN ('quote', 'invoice', 'unit') OR hashtext(one.name || p.proname) % 3 = 0)	-- every third, to be quick
			ORDER BY 1 LOOP
			ended := ended || ARRAY[call.statement, ending(call.statement, 'tap_seller')];
		END LOOP;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
		EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
			INSERT INTO told SELECT one.name, ended[i], ended[i + 1] FROM generate_series(1, cardinality(ended), 2) AS i;
		END;
	END LOOP;
END $$;
SELECT try_hidden() \gset
SELECT is(array(SELECT DISTINCT left(name || ': ' || ending || ': ' || statement, 300) FROM told WHERE ending LIKE 'XX%' ORDER BY 1 LIMIT 20), '{}', 'each table hidden in turn: no internal error');
SELECT ok(count(*) > 2000, 'in many calls') FROM told;
SELECT is(array(SELECT DISTINCT substring(statement FROM 'sales_crm.(\w+)') FROM told WHERE name = 'quote' AND statement LIKE '%quote_id =>%' AND ending NOT LIKE 'P0002 quote % does not exist'), '{}', 'a hidden quote does not exist, for any call on it');
SELECT is(array(SELECT DISTINCT substring(statement FROM 'sales_crm.(\w+)') FROM told WHERE name = 'invoice' AND statement LIKE '%(invoice_id =>%' AND ending NOT LIKE 'P0002 invoice % does not exist'), '{}', 'nor does a hidden invoice');
SELECT is(array(SELECT DISTINCT substring(statement FROM 'sales_crm.(\w+)') FROM told WHERE name = 'unit' AND statement LIKE '%convert_quantity%' AND ending NOT LIKE 'P0002 %' AND ending NOT LIKE '22004 %'), '{}', 'nor a hidden unit');
ROLLBACK;
