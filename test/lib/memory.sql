-- What the tests of a session's memory share: an organization, a mix of calls, and what the session holds after so many of them.
CREATE EXTENSION sales_crm;
SET search_path = crm;
CREATE SEQUENCE public.played;
CREATE TABLE public.held (calls bigint, contexts bigint, private_kb bigint);
INSERT INTO account (account_id, name) VALUES (1, 'Contoso');
INSERT INTO unit (unit_id, unit_group_id, name, base_quantity) SELECT 50, min(unit_group_id), 'Crate', 12 FROM unit_group;
INSERT INTO product (product_id, product_number, name, unit_group_id, quantity_decimals) SELECT 1, 'P-1', 'Chair', min(unit_group_id), 2 FROM unit_group;
SELECT sales_crm.publish_product(product_id => 1);
INSERT INTO price_list (price_list_id, name, currency_code) VALUES (1, 'Retail', 'USD');
INSERT INTO price_list_item (price_list_id, product_id, unit_id, amount) SELECT 1, 1, default_unit_id, 10 FROM product;
INSERT INTO automation_rule (automation_rule_id, name, entity, event) VALUES (1000, 'Mark', 'lead', 'created');
INSERT INTO automation_action (automation_rule_id, action, parameters) VALUES (1000, 'set_columns', '{"set": {"description": "''marked''"}}');
INSERT INTO lead (last_name) VALUES ('A');
INSERT INTO quote (name, account_id, price_list_id) VALUES ('one', 1, 1), ('two', 1, 1);
INSERT INTO quote_product (quote_id, product_id) VALUES (1, 1), (2, 1);

-- A refusal, caught.
CREATE FUNCTION public.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- Notes what the session holds at a tenth and at the end of so many rounds, each of so many calls.
CREATE FUNCTION public.note_memory(rounds bigint, calls bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n bigint := nextval('public.played');
BEGIN
	IF n IN (rounds / 10, rounds) THEN
		INSERT INTO public.held SELECT n * calls, sum(total_bytes), (substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\s+([0-9]+)'))::bigint FROM pg_backend_memory_contexts;
	END IF;
END $$;
