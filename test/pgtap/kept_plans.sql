-- A statement of ours whose triggers rename the schema, and come back to the same statement, runs to its end.
\ir ../lib/pgtap.sql
BEGIN;
SELECT plan(3);
SELECT sales_crm.create_organization('walks') \gset
SET LOCAL search_path = walks, public, pg_temp;
SET LOCAL sales_crm.organization = 'walks';
INSERT INTO account (name) VALUES ('Contoso');
UPDATE number_series SET is_gapless = true WHERE series = 'invoice';
INSERT INTO invoice (name, account_id) SELECT 'before', account_id FROM account;

CREATE FUNCTION pg_temp.walk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_trigger_depth() > 3 THEN
		RETURN NULL;
	END IF;
	FOR i IN 1 .. 20 LOOP
		EXECUTE format('ALTER SCHEMA %I RENAME TO %I', TG_TABLE_SCHEMA || repeat('_', i - 1), TG_TABLE_SCHEMA || repeat('_', i));
		PERFORM set_config('search_path', TG_TABLE_SCHEMA || repeat('_', i) || ', public', true);
		PERFORM set_config('sales_crm.organization', TG_TABLE_SCHEMA || repeat('_', i), true);
		INSERT INTO invoice (name, account_id) SELECT 'meanwhile', account_id FROM account;
	END LOOP;
	EXECUTE format('ALTER SCHEMA %I RENAME TO %I', TG_TABLE_SCHEMA || repeat('_', 20), TG_TABLE_SCHEMA);
	PERFORM set_config('search_path', TG_TABLE_SCHEMA || ', public', true);
	PERFORM set_config('sales_crm.organization', TG_TABLE_SCHEMA, true);
	RETURN NULL;
END $$;
CREATE TRIGGER walk AFTER UPDATE ON number_series FOR EACH ROW EXECUTE FUNCTION pg_temp.walk();
SELECT lives_ok($$INSERT INTO walks.invoice (name, account_id) SELECT 'first', account_id FROM walks.account$$, 'the number of an invoice is taken while the schema has other names');
SELECT is((SELECT count(*) - count(DISTINCT invoice_number) FROM invoice), 0::bigint, 'no number came twice');
SELECT is_empty($$SELECT * FROM sales_crm.verify()$$, 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
