-- Organizations: made, kept apart, renamed, given their base currency, and configured by rows that hold at once.
BEGIN;
\ir ../lib/pgtap.sql

SELECT plan(141);

-- Names.
SELECT is(sales_crm.create_organization(name => 'tap_branch', base_currency => 'EUR'), 'tap_branch', 'create_organization returns the name');
SELECT is(sales_crm.create_organization(name => '_tap_2'), '_tap_2', 'an underscore and digits are welcome');
SELECT pg_temp.refused(format('SELECT sales_crm.create_organization(name => %L)', name), code, format('create_organization(%s)', name))
  FROM (VALUES ('pg_branch', '3F000'), ('sales_crm', '3F000'), ('Branch', '3F000'), ('2branch', '3F000'), ('my-branch', '3F000'), ('my branch', '3F000'), ('', '3F000'), ('filial_ñ', '3F000'), (repeat('a', 64), '3F000'), (NULL, '22004')) AS wrong (name, code);
SELECT is(pg_temp.refusal(format('SELECT sales_crm.create_organization(name => %L)', name)), '42P06', format('%s is taken', name)) FROM unnest('{crm,tap_branch,public,information_schema}'::text[]) AS name;
SELECT pg_temp.refused(format('SELECT sales_crm.create_organization(name => ''tap_money'', base_currency => %L)', code), wanted, format('base currency %s', code))
  FROM (VALUES ('euro', '22023'), ('eur', '22023'), ('', '22023'), (NULL, '22004')) AS wrong (code, wanted);
SELECT hasnt_schema('tap_money', 'a refused organization leaves nothing');
SELECT is(sales_crm.create_organization(name => repeat('b', 63)), repeat('b', 63), 'a name may have 63 characters');

-- The same tables, columns, constraints, indexes, triggers, views, comments and rows as the first one.
CREATE FUNCTION pg_temp.inventory(organization name) RETURNS TABLE (kind text, name text, definition text) LANGUAGE sql AS $$
	SELECT 'relation', c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod) || a.attnotnull || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || coalesce(col_description(c.oid, a.attnum), '')
	FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
	WHERE c.relnamespace = organization::regnamespace AND c.relkind IN ('r', 'v')
	UNION ALL SELECT 'constraint', conname, regexp_replace(pg_get_constraintdef(oid), '\m' || organization || '[.]', '', 'g') FROM pg_constraint WHERE connamespace = organization::regnamespace
	UNION ALL SELECT 'index', indexname, regexp_replace(indexdef, '\m' || organization || '[.]', '', 'g') FROM pg_indexes WHERE schemaname = organization
	UNION ALL SELECT 'trigger', c.relname || '.' || t.tgname, regexp_replace(pg_get_triggerdef(t.oid), '\m' || organization || '[.]', '', 'g') FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = organization::regnamespace AND NOT t.tgisinternal
	UNION ALL SELECT 'view', viewname, regexp_replace(definition, '\m' || organization || '[.]', '', 'g') FROM pg_views WHERE schemaname = organization
	UNION ALL SELECT 'sequence', sequencename, start_value::text FROM pg_sequences WHERE schemaname = organization
$$;
SELECT set_config('search_path', 'public, pg_catalog', true) AS path \gset
SELECT bag_eq('SELECT * FROM pg_temp.inventory(''tap_branch'')', 'SELECT * FROM pg_temp.inventory(''crm'')', 'a second organization has all that the first has');
SELECT results_eq(format('SELECT count(*) FROM tap_branch.%I', name), format('SELECT count(*) FROM crm.%I', name), 'as many rows of ' || name)
  FROM unnest('{status_reason,state_transition,option_value,editable_when_closed,column_map,access_rule,error_code,number_series,organization_setting,activity_type}'::text[]) AS name;
SELECT is(obj_description('tap_branch'::regnamespace, 'pg_namespace') IS NOT NULL, true, 'its schema has a comment');

-- Kept apart: triggers follow their own table, calls the setting.
INSERT INTO tap_branch.owner (owner_type, name) VALUES ('user', 'Branch only') RETURNING owner_id \gset
INSERT INTO tap_branch.lead (subject, company_name, last_name, estimated_value) VALUES ('Branch deal', 'Contoso', 'Lee', 10) RETURNING lead_id AS branch_lead \gset
SELECT pg_temp.new_lead() AS first_lead \gset
SELECT results_eq(format('SELECT currency_code, exchange_rate, estimated_value_base FROM tap_branch.lead WHERE lead_id = %s', :branch_lead), 'VALUES (''EUR'', 1::numeric, 10::numeric)', 'a row takes the base currency of its own organization, whatever the setting says');
SELECT set_config('sales_crm.organization', 'tap_branch', true) AS organization \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :branch_lead) \gset branch_
SELECT results_eq(format('SELECT state FROM tap_branch.lead WHERE lead_id = %s', :branch_lead), 'VALUES (''qualified'')', 'with the setting a call works on the branch');
SELECT is((SELECT count(*) FROM tap_branch.opportunity), 1::bigint, 'the opportunity is made there');
SELECT is((SELECT count(*) FROM tap_branch.status_history WHERE entity = 'lead'), 1::bigint, 'and the history written');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.qualify_lead(lead_id => %s)', :first_lead + 1000)), 'P0002', 'leads of the first are unknown there');
SELECT set_config('sales_crm.organization', 'crm', true) AS organization \gset
SELECT is(pg_temp.refusal(format('SELECT sales_crm.win_opportunity(opportunity_id => %s)', :branch_opportunity_id + 1000)), 'P0002', 'and the other way round');
SELECT is_empty('SELECT FROM crm.opportunity WHERE name = ''Branch deal''', 'nothing of the branch is in the first');
-- Back and forth in one session, the kept plans follow.
CREATE FUNCTION pg_temp.sale_in(organization text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	lead bigint;
	deal bigint;
	quote bigint;
	number text;
BEGIN
	PERFORM set_config('sales_crm.organization', organization, true);
	EXECUTE format('INSERT INTO %I.lead (subject, last_name) VALUES (''Sale'', ''Lee'') RETURNING lead_id', organization) INTO lead;
	SELECT q.opportunity_id INTO deal FROM sales_crm.qualify_lead(lead_id => lead) AS q;
	EXECUTE format('INSERT INTO %I.opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (%s, ''Service'', 5)', organization, deal);
	quote := sales_crm.create_quote_from_opportunity(opportunity_id => deal);
	EXECUTE format('SELECT quote_number || '' '' || currency_code || '' '' || round(total_amount, 2) FROM %I.quote WHERE quote_id = %s', organization, quote) INTO number;
	PERFORM set_config('sales_crm.organization', 'crm', true);
	RETURN number;
END $$;
SELECT is(pg_temp.sale_in('tap_branch'), 'QUO-01000 EUR 5.00', 'the branch counts its own quotes from the beginning');
SELECT matches(pg_temp.sale_in('crm'), '^QUO-[0-9]{5} USD 5.00$', 'the first its own');
SELECT is(pg_temp.sale_in('tap_branch'), 'QUO-01001 EUR 5.00', 'one after another');
SELECT is(pg_temp.sale_in('_tap_2'), 'QUO-01000 USD 5.00', 'a third one too');
SELECT is(pg_temp.sale_in('tap_branch'), 'QUO-01002 EUR 5.00', 'and again');

-- A setting that names no organization of ours.
CREATE SCHEMA tap_foreign;
CREATE SCHEMA tap_alike;
CREATE TABLE tap_alike.schema_version (schema_version_id bigint, version integer, installed_at timestamptz DEFAULT now());
CREATE FUNCTION pg_temp.called_in(organization text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('sales_crm.organization', organization, true);
	result := pg_temp.refusal('SELECT sales_crm.qualify_lead(lead_id => 0)');
	PERFORM set_config('sales_crm.organization', 'crm', true);
	RETURN result;
END $$;
SELECT is(pg_temp.called_in(name), '3F000', format('organization "%s"', name)) FROM unnest('{tap_foreign,tap_alike,public,pg_catalog,absent,"",CRM,"crm, public"}'::text[]) AS name;
SELECT is(pg_temp.called_in('crm'), 'P0002', 'organization "crm"');
SELECT set_config('sales_crm.organization', 'tap_foreign', true) AS organization \gset
SELECT pg_temp.refused('SELECT sales_crm.qualify_lead(lead_id => 1)', '3F000', 'the refusal has detail and hint');
SELECT is(pg_temp.refusal('SELECT * FROM sales_crm.verify()'), '3F000', 'verify() asks too');
SELECT is(pg_temp.refusal('SELECT sales_crm.grant_access(role => current_user, level => ''read'')'), '3F000', 'and grant_access');
SELECT set_config('sales_crm.organization', 'crm', true) AS organization \gset
SELECT is(pg_temp.refusal(format('SELECT sales_crm.%s(organization => ''tap_foreign'')', call)), '3F000', call || ' of a schema that is none') FROM unnest('{migrate,repair}'::text[]) AS call;
SELECT pg_temp.refused(format('SELECT sales_crm.%s(organization => NULL)', call), '22004', call || '(NULL)') FROM unnest('{migrate,repair}'::text[]) AS call;

-- Renamed and dropped like any schema.
ALTER SCHEMA tap_branch RENAME TO tap_filial;
SELECT is(pg_temp.called_in('tap_branch'), '3F000', 'under its old name it is gone');
SELECT is(pg_temp.sale_in('tap_filial'), 'QUO-01003 EUR 5.00', 'under the new one it goes on');
SELECT is(pg_temp.refusal('DROP SCHEMA _tap_2 CASCADE'), NULL, 'an organization is dropped like any schema');
SELECT is(pg_temp.called_in('_tap_2'), '3F000', 'and is gone');
SELECT is(pg_temp.refusal('SELECT sales_crm.create_organization(name => ''_tap_2'')'), NULL, 'its name is free again');
SELECT is(pg_temp.sale_in('_tap_2'), 'QUO-01000 USD 5.00', 'and works from the beginning');

-- Base currency: before the first document only.
SELECT sales_crm.create_organization(name => 'tap_money') AS organization \gset
SELECT set_config('sales_crm.organization', 'tap_money', true) AS organization \gset
INSERT INTO tap_money.currency (currency_code, name, decimals, exchange_rate) VALUES ('EUR', 'Euro', 2, 0.5), ('JPY', 'Yen', 0, 100);
SELECT pg_temp.refused(statement, '23514', statement)
  FROM unnest('{UPDATE tap_money.currency SET exchange_rate = 2 WHERE currency_code = $$USD$$,UPDATE tap_money.currency SET state = $$inactive$$ WHERE currency_code = $$USD$$,DELETE FROM tap_money.currency WHERE currency_code = $$USD$$}'::text[]) AS statement;
SELECT is(pg_temp.outcome('SELECT sales_crm.set_base_currency(currency_code => ''EUR'')'), 'EUR', 'set_base_currency returns the code');
SELECT results_eq('SELECT currency_code, exchange_rate FROM tap_money.currency ORDER BY 1', 'VALUES (''EUR'', 1::numeric), (''JPY'', 200), (''USD'', 2)', 'the other rates are expressed in it');
SELECT results_eq('SELECT value FROM tap_money.organization_setting WHERE name = ''base_currency''', 'VALUES (''EUR'')', 'the setting says it');
SELECT is((SELECT count(*) FROM tap_money.exchange_rate_history WHERE currency_code = 'USD'), 2::bigint, 'the history of rates keeps both');
SELECT is(pg_temp.outcome('SELECT sales_crm.set_base_currency(currency_code => ''CHF'')'), 'CHF', 'a currency that is missing is added');
SELECT is(pg_temp.outcome('SELECT sales_crm.set_base_currency(currency_code => ''EUR'')'), 'EUR', 'and back');
SELECT pg_temp.refused(format('SELECT sales_crm.set_base_currency(currency_code => %L)', code), wanted, format('set_base_currency(%s)', code)) FROM (VALUES ('Euro', '22023'), ('eur', '22023'), (NULL, '22004')) AS wrong (code, wanted);
SELECT is(pg_temp.refusal('UPDATE tap_money.currency SET exchange_rate = 2 WHERE currency_code = ''EUR'''), '23514', 'the new base is held at 1');
INSERT INTO tap_money.lead (last_name) VALUES ('Lee');
SELECT pg_temp.refused('SELECT sales_crm.set_base_currency(currency_code => ''USD'')', '55000', 'not once there is a document');
SELECT is(pg_temp.outcome('SELECT sales_crm.set_base_currency(currency_code => ''EUR'')'), 'EUR', 'the one it is may be said again');
SELECT set_config('sales_crm.organization', 'crm', true) AS organization \gset

-- Configuration holds from the next statement on.
INSERT INTO crm.status_reason (entity, state, status_reason, label, requires_description) VALUES ('lead', 'disqualified', 'no_budget', 'No budget', true);
SELECT pg_temp.refused(format('SELECT sales_crm.disqualify_lead(lead_id => %s, status_reason => ''no_budget'')', pg_temp.new_lead()), 'SC003', 'a new reason that requires a description');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.disqualify_lead(lead_id => %s, status_reason => ''no_budget'', description => '''')', pg_temp.new_lead())), 'SC003', 'an empty one is none');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.disqualify_lead(lead_id => %s, status_reason => ''no_budget'', description => ''none left'')', pg_temp.new_lead())), NULL, 'with one it holds at once');
UPDATE crm.status_reason SET is_default = false WHERE entity = 'lead' AND status_reason = 'qualified';
INSERT INTO crm.status_reason (entity, state, status_reason, label, is_default, is_read_only) VALUES ('lead', 'qualified', 'handed_over', 'Handed over', true, true);
SELECT pg_temp.new_lead() AS lead_id \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id) AS qualified \gset
SELECT is((SELECT status_reason FROM crm.lead WHERE lead_id = :lead_id), 'handed_over', 'another default reason');
-- Undone with its transaction.
DO $$
DECLARE
	id bigint := pg_temp.new_lead();
BEGIN
	INSERT INTO crm.status_reason (entity, state, status_reason, label) VALUES ('lead', 'open', 'tried', 'Tried');
	UPDATE crm.lead SET status_reason = 'tried' WHERE lead_id = id;
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET status_reason = ''tried'' WHERE lead_id = %s', pg_temp.new_lead())), 'SC003', 'a reason that was rolled back is not known');
DELETE FROM crm.state_transition WHERE entity = 'lead' AND made_by = 'qualify_leads';
SELECT is(pg_temp.outcome(format('SELECT error_code FROM sales_crm.qualify_leads(lead_ids => ARRAY[%s])', pg_temp.new_lead())), 'SC001', 'a move that is taken out of state_transition is refused');
INSERT INTO crm.state_transition (entity, from_state, to_state, made_by) VALUES ('lead', 'open', 'qualified', 'qualify_leads'), ('lead', 'open', 'disqualified', 'update');
SELECT is(pg_temp.outcome(format('SELECT error_code FROM sales_crm.qualify_leads(lead_ids => ARRAY[%s])', pg_temp.new_lead())), NULL, 'one that is put in is allowed');
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET state = ''disqualified'' WHERE lead_id = %s', pg_temp.new_lead())), NULL, 'also one by plain UPDATE');
DELETE FROM crm.state_transition WHERE entity = 'lead' AND made_by = 'update';
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET state = ''disqualified'' WHERE lead_id = %s', pg_temp.new_lead())), 'SC001', 'until it is taken out');
-- Settings hold for new documents; those that exist keep theirs.
SELECT pg_temp.new_opportunity() AS before \gset
UPDATE crm.organization_setting SET value = CASE name WHEN 'discount_method' THEN 'per_unit' WHEN 'tax_rounding' THEN 'document' WHEN 'quote_validity_days' THEN '7' ELSE value END;
SELECT pg_temp.new_opportunity() AS after \gset
SELECT results_eq(format('SELECT discount_method, tax_rounding FROM crm.opportunity WHERE opportunity_id IN (%s, %s) ORDER BY opportunity_id', :before, :after), 'VALUES (''line_item'', ''line''), (''per_unit'', ''document'')', 'settings hold for new documents');
SELECT sales_crm.create_quote_from_opportunity(opportunity_id => :after) AS quote_id \gset
SELECT is((SELECT effective_to - effective_from FROM crm.quote WHERE quote_id = :quote_id), 7, 'quote_validity_days too');
UPDATE crm.number_series SET prefix = 'OF-', width = 3 WHERE series = 'quote';
SELECT sales_crm.create_quote_from_opportunity(opportunity_id => :after) AS quote_id \gset
SELECT matches((SELECT quote_number FROM crm.quote WHERE quote_id = :quote_id), '^OF-[0-9]{3,}$', 'and the number series');
-- In one organization only.
SELECT results_eq('SELECT value FROM tap_filial.organization_setting WHERE name = ''discount_method''', 'VALUES (''line_item'')', 'another organization keeps its own');
SELECT is(pg_temp.refusal('INSERT INTO tap_filial.lead (last_name, status_reason) VALUES (''Lee'', ''no_budget'')'), 'SC003', 'and its own reasons');

-- Version, migration, repair.
SELECT is(sales_crm.version(), (SELECT extversion FROM pg_extension WHERE extname = 'sales_crm'), 'version() is that of the extension');
SELECT is(sales_crm.migrate(organization => 'crm'), (SELECT max(version) FROM crm.schema_version), 'migrate tells the version it is at');
SELECT is(sales_crm.migrate(organization => 'crm'), 2, 'and may be called again');
CREATE TEMP TABLE whole AS SELECT * FROM pg_temp.inventory('crm');
DROP TRIGGER t10_guard ON crm.lead;
DROP TRIGGER t40_roll_up_insert ON crm.quote_product;
DROP VIEW crm.bi_fact_invoice CASCADE;
SELECT is(sales_crm.repair(organization => 'crm'), 2, 'repair returns the version');
SELECT bag_eq('SELECT * FROM pg_temp.inventory(''crm'')', 'SELECT * FROM whole', 'what was missing is there again');
SELECT is(pg_temp.refusal('INSERT INTO crm.lead (last_name, state) VALUES (''Lee'', ''qualified'')'), 'SC001', 'and at work');
CREATE ROLE tap_seller;
SELECT sales_crm.grant_access(role => 'tap_seller', level => 'sell') AS level \gset
REVOKE ALL ON FUNCTION sales_crm.reopen_lead(bigint, text) FROM tap_seller;
SELECT sales_crm.repair(organization => 'crm') AS version \gset
SELECT is(has_function_privilege('tap_seller', 'sales_crm.reopen_lead(bigint, text)', 'EXECUTE'), true, 'access is granted again');
SELECT is(has_schema_privilege('tap_seller', 'tap_filial', 'USAGE'), false, 'on its own organization only');
INSERT INTO crm.schema_version (version) VALUES (1000);
SELECT pg_temp.refused('SELECT sales_crm.migrate(organization => ''crm'')', 'SC014', 'an organization that is newer than the extension');
DELETE FROM crm.schema_version WHERE version = 1000;

-- Invariants, in each of them.
SELECT set_config('sales_crm.organization', 'crm', true) AS organization \gset
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT set_config('sales_crm.organization', 'tap_filial', true) AS organization \gset
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing in the other');
-- A setting takes the values it knows; numbers are numbers.
SELECT is(pg_temp.refusal(format('UPDATE crm.organization_setting SET value = %L WHERE name = %L', value, name)), code, format('%s %s', name, value))
  FROM (VALUES ('pricing_decimals', 'many', '23514'), ('pricing_decimals', '5', '23514'), ('over_quantity_percentage', 'x', '23514'), ('over_quantity_percentage', 'NaN', '23514'),
    ('over_quantity_percentage', '-1', '23514'), ('over_quantity_percentage', '2.5', NULL), ('discount_method', 'both', '23514'), ('tax_rounding', 'never', '23514'), ('tax_method', 'ours', '23514'),
    ('quote_validity_days', '-3', '23514'), ('quote_validity_days', '', NULL), ('mark_order_invoiced', 'perhaps', '23514'), ('price_list_is_optional', '', '23514'), ('fiscal_year_start_month', '13', '23514'),
    ('time_zone', 'Mars/Olympus', '22023'), ('base_currency', 'dollar', '23514'), ('max_products_in_bundle', 'all', '23514'), ('max_product_properties', '-1', '23514'), ('default_country', 'anything', NULL),
    ('process_max_active', 'many', '23514'), ('process_max_stages', '0', '23514'), ('process_max_steps', '-1', '23514'), ('process_max_entities', '', '23514'), ('process_max_steps', '40', NULL),
    ('appointment_horizon_days', '0', '23514'), ('appointment_horizon_days', '3661', '23514'), ('appointment_horizon_days', '3660', NULL),
    ('first_response_minutes', 'soon', '23514'), ('first_response_minutes', '1.5', '23514'), ('first_response_minutes', '0', NULL)) AS wrong (name, value, code);
SELECT is(pg_temp.refusal(statement), '23514', statement) FROM unnest(ARRAY['UPDATE crm.currency SET exchange_rate = ''NaN''',
  'INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, current_cost) VALUES (''n'', ''n'', 1, 1, ''NaN'')', 'INSERT INTO crm.account (name, credit_limit) VALUES (''n'', ''NaN'')']) AS statement;

SELECT * FROM finish();
ROLLBACK;
