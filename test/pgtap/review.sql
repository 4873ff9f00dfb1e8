-- What nobody should be able to do: bring the server down with a table or a column of his own, forge totals by search_path or behind
-- row security; and what users' own triggers, columns and maps must not break.
BEGIN;
\ir ../lib/documents.sql
SELECT plan(47);

CREATE ROLE tap_maker;
CREATE ROLE tap_blind;
CREATE SCHEMA tap_fake AUTHORIZATION tap_maker;
GRANT USAGE ON SCHEMA tap TO tap_maker, tap_blind;
GRANT SELECT ON ALL TABLES IN SCHEMA tap TO tap_maker, tap_blind;
SELECT sales_crm.grant_access(role => 'tap_blind', level => 'sell') \gset

-- Trigger functions are for everybody, so they meet tables that only look like ours.
SET LOCAL ROLE tap_maker;
CREATE TABLE tap_fake.lead (lead_id bigint, state integer, status_reason integer);
CREATE TABLE tap_fake.status_reason (status_reason_id integer, entity integer, state integer, status_reason integer, is_default boolean, is_read_only boolean, requires_description boolean);
CREATE TABLE tap_fake.state_transition (state_transition_id integer, entity text, from_state text, to_state text, made_by text);
CREATE TABLE tap_fake.editable_when_closed (entity text, column_name text);
INSERT INTO tap_fake.status_reason VALUES (1, 2, 3, 4, true, false, false), (2, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tap_fake.state_transition VALUES (1, NULL, NULL, NULL, NULL);
CREATE TRIGGER guard BEFORE INSERT OR UPDATE ON tap_fake.lead FOR EACH ROW EXECUTE FUNCTION sales_crm.guard('lead');
SELECT refused('INSERT INTO tap_fake.lead VALUES (1, 1, 1)', '42809', 'a state that is a number');
ALTER TABLE tap_fake.lead ALTER state TYPE text, ALTER status_reason TYPE text;
SELECT refused('INSERT INTO tap_fake.lead VALUES (1, ''open'', ''new'')', '42809', 'configuration of NULLs and numbers');
DROP TRIGGER guard ON tap_fake.lead;
INSERT INTO tap_fake.lead VALUES (1, NULL, NULL);
CREATE TRIGGER record AFTER UPDATE ON tap_fake.lead FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.record_state('lead');
SELECT throws_ok('UPDATE tap_fake.lead SET state = ''open''', '39P01', NULL, 'a history trigger without transition tables');
DROP TRIGGER record ON tap_fake.lead;
CREATE TRIGGER record AFTER UPDATE ON tap_fake.lead REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.record_state('lead');
CREATE TRIGGER record_birth AFTER INSERT ON tap_fake.lead REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.record_state('lead');
SELECT refused('UPDATE tap_fake.lead SET state = ''open''', '42809', 'a history trigger meets NULL');
SELECT throws_ok('INSERT INTO tap_fake.lead VALUES (2, NULL, NULL)', '39P01', NULL, 'a history trigger on the wrong event');
CREATE TABLE tap_fake.other (quote_id text, state text, quote_product_id bigint, product_type text, bundle_line_id bigint, quantity numeric, unit_id bigint, line_kind text);
CREATE TRIGGER record AFTER UPDATE ON tap_fake.other REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.record_state('quote');
CREATE TRIGGER stage AFTER UPDATE ON tap_fake.other REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.record_stage();
CREATE TRIGGER sum AFTER UPDATE ON tap_fake.other REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.roll_up('quote_product');
INSERT INTO tap_fake.other VALUES ('1', 'draft');
SELECT refused('UPDATE tap_fake.other SET state = ''won''', '42809', 'a key that is a text');
DROP TRIGGER record ON tap_fake.other;
SELECT throws_ok('UPDATE tap_fake.other SET state = ''won''', '42809', NULL, 'a table without the columns of a deal');
DROP TRIGGER stage ON tap_fake.other;
SELECT refused('UPDATE tap_fake.other SET state = ''won''', '42809', 'lines whose document is a text');
RESET ROLE;

-- Options of a column that is no text; a custom column that ends like a base amount; a custom column called state.
INSERT INTO option_value (entity, column_name, value, label) VALUES ('lead', 'employee_count', '10', 'Ten');
SELECT lives_ok('INSERT INTO lead (last_name, employee_count) VALUES (''Option'', 10)', 'an option of an integer column');
SELECT refused('INSERT INTO lead (last_name, employee_count) VALUES (''Option'', 11)', '23514', 'no option of an integer column');
ALTER TABLE lead ADD COLUMN install integer, ADD COLUMN install_base numeric(19,4);
WITH made AS (INSERT INTO lead (last_name, install, install_base) VALUES ('Base', 10, 5) RETURNING install_base) SELECT is(install_base, 5.0000, 'install_base is not the base amount of install') FROM made;

-- Maps: a row less, a default that must be found under any search_path.
CREATE SEQUENCE badge_seq;
ALTER TABLE lead ADD COLUMN badge bigint;
ALTER TABLE contact ADD COLUMN badge bigint DEFAULT nextval('badge_seq');
INSERT INTO column_map (source_entity, target_entity, source_column, target_column) VALUES ('lead', 'contact', 'badge', 'badge');
WITH made AS (INSERT INTO lead (last_name) VALUES ('First'), ('Second') RETURNING lead_id, last_name) SELECT count(remember(last_name, lead_id)) FROM made \gset
SELECT lives_ok('SELECT sales_crm.qualify_lead(lead_id => id(''First''))', 'the default of a mapped column');
SET LOCAL search_path = tap, public;
SELECT lives_ok('SELECT sales_crm.qualify_lead(lead_id => id(''Second''))', 'the same under another search_path');
SET LOCAL search_path = tap, crm, public;
SELECT new_deal('unmapped') \gset
DELETE FROM column_map WHERE target_column = 'currency_code' AND source_entity = 'opportunity';
SELECT lives_ok('SELECT sales_crm.create_quote_from_opportunity(opportunity_id => id(''unmapped''))', 'a currency that is not copied comes from the customer');
SELECT is(currency_code, 'USD', 'so it does') FROM quote WHERE opportunity_id = id('unmapped');

-- Totals of copied lines that came out other than their source.
CREATE FUNCTION tap.totals_of(wanted bigint) RETURNS text LANGUAGE sql AS 'SELECT total_tax || '' '' || total_amount FROM sales_order WHERE sales_order_id = wanted';
CREATE FUNCTION tap.tax() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.tax_amount := 7; RETURN NEW; END';
CREATE TRIGGER a_tax BEFORE INSERT ON sales_order_product FOR EACH ROW EXECUTE FUNCTION tap.tax();
SELECT is(totals_of(sales_order_id), '14.0000 264.0000', 'a user''s trigger taxes the lines of an order') FROM sales_crm.accept_quote(quote_id => quote_in('active'));
DROP TRIGGER a_tax ON sales_order_product;
CREATE FUNCTION tap.ship() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.product_description = 'Assembly' THEN
		INSERT INTO sales_order_product (sales_order_id, product_description, price_per_unit) VALUES (NEW.sales_order_id, 'Shipping', 3);
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER a_ship BEFORE INSERT ON sales_order_product FOR EACH ROW EXECUTE FUNCTION tap.ship();
SELECT is(totals_of(sales_order_id), '0.0000 253.0000', 'one adds a line before') FROM sales_crm.accept_quote(quote_id => quote_in('active'));
DROP TRIGGER a_ship ON sales_order_product;
CREATE TRIGGER z_ship AFTER INSERT ON sales_order_product FOR EACH ROW EXECUTE FUNCTION tap.ship();
SELECT is(totals_of(sales_order_id), '0.0000 253.0000', 'or after') FROM sales_crm.accept_quote(quote_id => quote_in('active'));
DROP TRIGGER z_ship ON sales_order_product;
SELECT remember('taxed', new_document('quote')) \gset
UPDATE quote_product SET tax_amount = 5 WHERE quote_id = id('taxed');
SELECT sales_crm.activate_quote(quote_id => id('taxed')) \gset
DELETE FROM column_map WHERE source_entity = 'quote_product' AND target_entity = 'sales_order_product' AND target_column = 'tax_amount';
SELECT is(totals_of(sales_order_id), '0.0000 250.0000', 'a tax that is not copied is not summed') FROM sales_crm.accept_quote(quote_id => id('taxed'));

-- Amounts.
SELECT remember('q', new_document('quote')) \gset
SELECT refused(format('INSERT INTO quote_product (quote_id, product_description, %I) VALUES (id(''q''), ''x'', ''NaN'')', name), '23514', name || ' is no number')
  FROM unnest('{quantity,price_per_unit,manual_discount_amount,tax_amount}'::text[]) AS name;
SELECT refused('INSERT INTO quote_product (quote_id, product_id, quantity) VALUES (id(''q''), id(''Chair''), ''NaN'')', '23514', 'nor of a product');
SELECT refused('UPDATE quote SET freight_amount = ''NaN'' WHERE quote_id = id(''q'')', '23514', 'nor the freight');
SELECT refused('INSERT INTO lead (last_name, estimated_value) VALUES (''x'', ''NaN'')', '23514', 'nor the value of a lead');
DELETE FROM quote_product WHERE quote_id = id('q');	-- else its catalogue lines lose their prices with the list
UPDATE quote SET price_list_id = NULL WHERE quote_id = id('q');
WITH made AS (INSERT INTO quote_product (quote_id, product_id) VALUES (id('q'), id('Chair')) RETURNING quote_product_id) SELECT remember('line', quote_product_id) FROM made \gset
UPDATE quote_product SET product_id = NULL, unit_id = NULL, product_description = 'Stool', price_per_unit = 9 WHERE quote_product_id = id('line');
SELECT is(pricing_error, 'none', 'a line that becomes a write-in has its typed price') FROM quote_product WHERE quote_product_id = id('line');
SELECT is(pricing_error, 'none', 'and its quote no error') FROM quote WHERE quote_id = id('q');

-- What is imported keeps the price of its time; a line without one takes the list's.
SELECT remember('q', new_document('quote')) \gset
SET LOCAL sales_crm.import_mode = on;
WITH made AS (INSERT INTO quote_product (quote_id, product_id, price_per_unit) VALUES (id('q'), id('Chair'), 77), (id('q'), id('Chair'), 0) RETURNING price_per_unit)
SELECT is(array_agg(price_per_unit ORDER BY price_per_unit), '{77,100}'::numeric[], 'an imported line keeps its price') FROM made;
SET LOCAL sales_crm.import_mode = off;

-- Row security hides a document: its lines are not written behind its back, and a closed one stays closed.
SELECT quote_in('won') \gset
SELECT remember('won line', min(quote_product_id)) FROM quote_product WHERE quote_id = id('won') \gset
ALTER TABLE quote ENABLE ROW LEVEL SECURITY;
CREATE POLICY tap_none ON quote FOR ALL TO tap_blind USING (false);
GRANT SELECT ON ALL TABLES IN SCHEMA tap TO tap_blind;
SET LOCAL ROLE tap_blind;
SELECT refused('INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (id(''won''), ''x'', 1)', '23503', 'a line of a hidden quote');
SELECT refused('UPDATE quote_product SET description = ''x'' WHERE quote_product_id = id(''won line'')', '23503', 'a change of one');
SELECT refused('DELETE FROM quote_product WHERE quote_product_id = id(''won line'')', 'P0002', 'and its deletion');
RESET ROLE;
DROP POLICY tap_none ON quote;
ALTER TABLE quote DISABLE ROW LEVEL SECURITY;

-- search_path: functions of somebody's making are not taken for PostgreSQL's.
GRANT CREATE, USAGE ON SCHEMA tap_fake TO tap_blind;
SELECT remember('path', new_document('quote')) \gset
SET LOCAL ROLE tap_blind;
CREATE FUNCTION tap_fake.unnest(bigint[]) RETURNS SETOF bigint LANGUAGE sql AS 'SELECT -1::bigint';
CREATE FUNCTION tap_fake.one(numeric, numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 1::numeric';
CREATE AGGREGATE tap_fake.sum (numeric) (SFUNC = tap_fake.one, STYPE = numeric, INITCOND = '0');
SET LOCAL search_path = tap_fake, tap, crm, public;
INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (id('path'), 'x', 10);
SELECT is(total_amount, 260.0000, 'an unnest() of one''s own') FROM quote WHERE quote_id = id('path');
SET LOCAL search_path = tap_fake, pg_catalog, tap, crm, public;
INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (id('path'), 'x', 10);
SELECT is(total_amount, 270.0000, 'a sum() of one''s own before pg_catalog') FROM quote WHERE quote_id = id('path');
SELECT is(current_setting('search_path'), 'tap_fake, pg_catalog, tap, crm, public', 'the search_path stays the caller''s');
SET LOCAL search_path = tap, crm, public;
RESET ROLE;

-- Repair works as the owner of the organization, for him and nobody else.
GRANT EXECUTE ON FUNCTION sales_crm.create_organization(text, text), sales_crm.repair(text) TO tap_maker;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO tap_maker', current_database()); END $$;
SET LOCAL ROLE tap_maker;
SELECT sales_crm.create_organization(name => 'tap_north') \gset
DROP VIEW tap_north.bi_dim_date;
RESET ROLE;
SELECT is(version, 2, 'an administrator repairs it') FROM sales_crm.repair(organization => 'tap_north');
SELECT is(relowner::regrole::text, 'tap_maker', 'and the view is its owner''s') FROM pg_class WHERE oid = 'tap_north.bi_dim_date'::regclass;
SET LOCAL ROLE tap_maker;
SELECT refused('SELECT sales_crm.repair(organization => ''crm'')', '42501', 'that of another is refused');
RESET ROLE;

-- A user's trigger that changes another line while a call counts what is invoiced: that line is summed all the same.
SELECT remember('nested', sales_order_id) FROM (SELECT order_in('active') AS sales_order_id) AS made \gset
CREATE FUNCTION tap.dearer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.quantity_invoiced <> OLD.quantity_invoiced THEN
		UPDATE crm.sales_order_product SET tax_amount = tax_amount + 1
		 WHERE sales_order_id = NEW.sales_order_id AND quantity_invoiced = 0;
	END IF;
	RETURN NULL;
END $$;
INSERT INTO sales_order_product (sales_order_id, product_description, quantity, price_per_unit) VALUES (id('nested'), 'Carpet', 1, 40);
CREATE TRIGGER z_dearer AFTER UPDATE ON sales_order_product FOR EACH ROW EXECUTE FUNCTION tap.dearer();
SELECT sales_crm.create_invoice_from_order(sales_order_id => id('nested'),
	lines => (SELECT jsonb_build_array(jsonb_build_object('sales_order_product_id', min(sales_order_product_id), 'quantity', 1)) FROM sales_order_product WHERE sales_order_id = id('nested'))) AS billed \gset
DROP TRIGGER z_dearer ON sales_order_product;
SELECT is(total_tax, (SELECT sum(tax_amount) FROM sales_order_product WHERE sales_order_id = id('nested')), 'a line changed while the invoice is counted is summed')
  FROM sales_order WHERE sales_order_id = id('nested');

-- Column maps: a pair that names nothing is refused, one whose column goes stops nothing.
SELECT refused($$INSERT INTO column_map (source_entity, target_entity, source_column, target_column) VALUES ('lead', 'account', 'no_such', 'fax')$$, '42703', 'a source column that is not there');
SELECT refused($$INSERT INTO column_map (source_entity, target_entity, source_column, target_column) VALUES ('lead', 'account', 'fax', 'no_such')$$, '42703', 'nor such a target');
ALTER TABLE account ADD COLUMN tap_origin text;
INSERT INTO column_map (source_entity, target_entity, source_column, target_column) VALUES ('lead', 'account', 'subject', 'tap_origin');
ALTER TABLE account DROP COLUMN tap_origin;
INSERT INTO lead (subject, company_name) VALUES ('Carpets', 'Woven Ltd') RETURNING lead_id \gset
SELECT isnt(account_id, NULL, 'a pair whose column was dropped copies nothing') FROM sales_crm.qualify_lead(lead_id => :lead_id);
-- The forecast of an open deal.
SELECT remember('deal', new_deal('forecast')) \gset
SELECT refused($$UPDATE opportunity SET forecast_category = 'won' WHERE opportunity_id = id('deal')$$, '23514', 'an open deal is not forecast as won');
UPDATE opportunity SET forecast_category = 'committed' WHERE opportunity_id = id('deal');
SELECT is(forecast_category, 'committed', 'but as committed') FROM opportunity WHERE opportunity_id = id('deal');
-- Who cannot pass a right on is told so.
CREATE ROLE tap_weak;
GRANT EXECUTE ON FUNCTION sales_crm.grant_access TO tap_maker;
SET LOCAL ROLE tap_maker;
SET LOCAL sales_crm.organization = 'tap_north';
SELECT refused('SELECT sales_crm.grant_access(role => ''tap_weak'', level => ''sell'')', '42501', 'an owner without grant option on the calls');
RESET sales_crm.organization;
RESET ROLE;
SELECT is(has_table_privilege('tap_weak', 'tap_north.lead', 'INSERT'), false, 'and nothing was given');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
