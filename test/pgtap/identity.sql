-- Who somebody is to the database: owners and stamps, access levels, row security, and what PUBLIC may do.
BEGIN;
\ir ../lib/pgtap.sql

CREATE ROLE tap_nobody;
CREATE ROLE tap_reader;
CREATE ROLE tap_seller;
CREATE ROLE tap_colleague;
CREATE ROLE tap_admin;
CREATE ROLE tap_pool;
CREATE ROLE tap_pool_member IN ROLE tap_pool;
SELECT owner_id AS default_team FROM crm.team WHERE is_default \gset

SELECT plan(242);

-- grant_access.
SELECT is(pg_temp.outcome(format('SELECT sales_crm.grant_access(role => %L, level => %L)', role, level)), level, role || ' is given ' || level)
  FROM (VALUES ('tap_reader', 'read'), ('tap_seller', 'sell'), ('tap_seller', 'sell'), ('tap_colleague', 'sell'), ('tap_admin', 'admin'), ('tap_pool', 'sell')) AS granted (role, level);
SELECT bag_eq($$SELECT role_name, access_level FROM crm.role_access WHERE role_name LIKE 'tap%'$$,
	$$VALUES ('tap_reader', 'read'), ('tap_seller', 'sell'), ('tap_colleague', 'sell'), ('tap_admin', 'admin'), ('tap_pool', 'sell')$$, 'role_access remembers it once');

-- A row of access_rule opens a table of one's own; the table may go.
CREATE TABLE crm.tap_visit (tap_visit_id bigint PRIMARY KEY);
INSERT INTO crm.access_rule (access_level, object_kind, object_name) VALUES ('sell', 'table', 'tap_visit');
SELECT sales_crm.grant_access(role => 'tap_seller', level => 'sell') \g /dev/null
SELECT is(has_table_privilege('tap_seller', 'crm.tap_visit', 'SELECT, INSERT') AND NOT has_table_privilege('tap_reader', 'crm.tap_visit', 'INSERT'), true, 'sellers write it');
ALTER TABLE crm.tap_visit RENAME TO tap_call;
SET LOCAL client_min_messages = error;
SELECT is(sales_crm.grant_access(role => 'tap_seller', level => 'sell'), 'sell', 'a table that is gone is passed over');
SELECT is(pg_temp.outcome('SELECT sales_crm.repair(organization => ''crm'')'), '2', 'repair() passes over it too');
RESET client_min_messages;
DELETE FROM crm.access_rule WHERE object_name = 'tap_visit';
DROP TABLE crm.tap_call;

SELECT pg_temp.refused('SELECT sales_crm.grant_access(role => ''tap_seller'', level => ''owner'')', '22023', 'an unknown level');
SELECT is(pg_temp.refusal('SELECT sales_crm.grant_access(role => ''tap_absent'', level => ''read'')'), '42704', 'an unknown role');
SELECT pg_temp.refused(format('SELECT sales_crm.grant_access(role => %s, level => %s)', role, level), '22004', format('grant_access(%s, %s)', role, level))
  FROM (VALUES ('NULL', '''read'''), ('''tap_seller''', 'NULL')) AS missing (role, level);
SELECT is(pg_temp.refusal('SELECT sales_crm.grant_access(role => ''tap_seller'', level => ''admin'')', role), '42501', role || ' cannot give himself more')
  FROM unnest('{tap_nobody,tap_reader,tap_seller,tap_admin}'::text[]) AS role;

-- What each level may do. A dash says that it may.
SELECT pg_temp.new_account('Northwind') AS account_id, pg_temp.new_lead() AS lead_id, pg_temp.new_lead() AS spare_id \gset
CREATE TEMP TABLE may (statement text, nobody text, reader text, seller text, admin text);
INSERT INTO may VALUES
	('SELECT count(*) FROM crm.lead', '42501', '-', '-', '-'),
	('SELECT count(*) FROM crm.status_history', '42501', '-', '-', '-'),
	('SELECT count(*) FROM crm.option_value', '42501', '-', '-', '-'),
	('SELECT count(*) FROM crm.automation_rule', '42501', '-', '-', '-'),
	('SELECT count(*) FROM crm.automation_run', '42501', '42501', '42501', '-'),
	('SELECT count(*) FROM crm.automation_queue', '42501', '42501', '42501', '-'),
	('DELETE FROM crm.outbox_consumer', '42501', '42501', '42501', '-'),
	('SELECT count(*) FROM crm.outbox_event', '42501', '42501', '42501', '-'),
	('SELECT sales_crm.version()', '42501', '-', '-', '-'),
	('SELECT count(*) FROM sales_crm.verify()', '42501', '-', '-', '-'),
	('SELECT count(*) FROM sales_crm.preview_qualify_lead(lead_id => :lead)', '42501', '-', '-', '-'),
	('INSERT INTO crm.lead (last_name) VALUES (''Lee'')', '42501', '42501', '-', '-'),
	('UPDATE crm.lead SET subject = ''x'' WHERE lead_id = :lead', '42501', '42501', '-', '-'),
	('INSERT INTO crm.account (name) VALUES (''Contoso'')', '42501', '42501', '-', '-'),
	('INSERT INTO crm.contact (last_name) VALUES (''Lee'')', '42501', '42501', '-', '-'),
	('INSERT INTO crm.opportunity (account_id) VALUES (:account)', '42501', '42501', '-', '-'),
	('INSERT INTO crm.quote (account_id) VALUES (:account)', '42501', '42501', '-', '-'),
	('INSERT INTO crm.sales_order (account_id) VALUES (:account)', '42501', '42501', '-', '-'),
	('INSERT INTO crm.invoice (account_id) VALUES (:account)', '42501', '42501', '-', '-'),
	('INSERT INTO crm.activity (activity_type, subject) VALUES (''task'', ''Call'')', '42501', '42501', '-', '-'),
	('SELECT sales_crm.disqualify_lead(lead_id => :lead)', '42501', '42501', '-', '-'),
	('SELECT sales_crm.reopen_lead(lead_id => :lead)', '42501', '42501', 'SC001', 'SC001'),
	('SELECT sales_crm.qualify_lead(lead_id => :lead)', '42501', '42501', '-', '-'),
	('SELECT * FROM sales_crm.qualify_leads(lead_ids => ARRAY[:lead])', '42501', '42501', '-', '-'),
	('INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id) SELECT ''P'', ''Widget'', unit_group_id, unit_id FROM crm.unit LIMIT 1', '42501', '42501', '42501', '-'),
	('INSERT INTO crm.price_list (name, currency_code) VALUES (''Retail'', ''USD'')', '42501', '42501', '42501', '-'),
	('INSERT INTO crm.currency (currency_code, name, exchange_rate) VALUES (''NOK'', ''Krone'', 10)', '42501', '42501', '42501', '-'),
	('INSERT INTO crm.option_value (entity, column_name, value, label) VALUES (''lead'', ''rating'', ''tepid'', ''Tepid'')', '42501', '42501', '42501', '-'),
	('UPDATE crm.organization_setting SET value = ''per_unit'' WHERE name = ''discount_method''', '42501', '42501', '42501', '-'),
	('INSERT INTO crm.column_map (source_entity, target_entity, source_column, target_column) VALUES (''lead'', ''account'', ''subject'', ''stock_exchange'')', '42501', '42501', '42501', '-'),
	('INSERT INTO crm.crm_user (name) VALUES (''Kim'')', '42501', '42501', '42501', '-'),
	('SELECT sales_crm.publish_product(product_id => 0)', '42501', '42501', '42501', 'P0002'),
	('INSERT INTO crm.status_history (entity, record_id, from_state, to_state) VALUES (''lead'', 1, ''open'', ''qualified'')', '42501', '42501', '42501', '42501'),
	('UPDATE crm.status_history SET description = ''x''', '42501', '42501', '42501', '42501'),
	('DELETE FROM crm.opportunity_stage_history', '42501', '42501', '42501', '42501'),
	('INSERT INTO crm.role_access (role_name, access_level) VALUES (''tap_seller'', ''impersonate'')', '42501', '42501', '42501', '42501'),
	('INSERT INTO crm.schema_version (version) VALUES (99)', '42501', '42501', '42501', '42501'),
	('SELECT nextval(''crm.quote_number_seq'')', '42501', '42501', '42501', '42501'),
	('SELECT sales_crm.create_organization(name => ''tap_own'')', '42501', '42501', '42501', '42501'),
	('SELECT sales_crm.repair(organization => ''crm'')', '42501', '42501', '42501', '42501'),
	('SET LOCAL sales_crm.import_mode = on', '42501', '42501', '42501', '42501'),
	('ALTER TABLE crm.lead DISABLE TRIGGER ALL', '42501', '42501', '42501', '42501'),
	('TRUNCATE crm.lead', '42501', '42501', '42501', '42501');
-- The attempt is undone whether it worked or not.
CREATE FUNCTION pg_temp.attempted(statement text, as_role name) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', as_role, true);
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'P7777';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE SQLSTATE WHEN 'P7777' THEN '-' ELSE SQLSTATE END;
END $$;
SELECT is(pg_temp.attempted(replace(replace(statement, ':lead', :'lead_id'), ':account', :'account_id'), role), wanted, role || ': ' || statement)
  FROM may, LATERAL (VALUES ('tap_nobody', nobody), ('tap_reader', reader), ('tap_seller', seller), ('tap_admin', admin)) AS level (role, wanted);

-- Who owns a record and whom stamps name: nobody known, so the default team.
SELECT results_eq(format('SELECT owner_id, created_by, modified_by FROM crm.lead WHERE lead_id = %s', :lead_id), format('VALUES (%s::bigint, NULL::bigint, NULL::bigint)', :default_team), 'a session that is no CRM user: default team, stamps empty');
-- A CRM user by role name.
INSERT INTO crm.crm_user (name, role_name) VALUES ('Ana Torres', 'tap_seller') RETURNING owner_id AS ana \gset
INSERT INTO crm.crm_user (name) VALUES ('Ben Ode') RETURNING owner_id AS ben \gset
SELECT results_eq(format('SELECT owner_type, name FROM crm.owner WHERE owner_id = %s', :ana), $$VALUES ('user', 'Ana Torres')$$, 'a new user is an owner by himself');
SELECT pg_temp.outcome('INSERT INTO crm.lead (last_name, company_name) VALUES (''Poe'', ''Contoso'') RETURNING lead_id', 'tap_seller') AS hers \gset
SELECT results_eq(format('SELECT owner_id, created_by, modified_by FROM crm.lead WHERE lead_id = %s', :hers), format('VALUES (%s::bigint, %1$s::bigint, %1$s::bigint)', :ana), 'the crm_user of the role owns what the role makes');
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET subject = ''x'' WHERE lead_id = %s', :hers), 'tap_colleague'), NULL, 'a colleague who is no crm_user');
SELECT results_eq(format('SELECT owner_id, created_by, modified_by FROM crm.lead WHERE lead_id = %s', :hers), format('VALUES (%s::bigint, %1$s::bigint, NULL::bigint)', :ana), 'leaves no name, and the owner stays');
SELECT pg_temp.outcome(format('INSERT INTO crm.lead (last_name, owner_id) VALUES (''Poe'', %s) RETURNING lead_id', :ben), 'tap_seller') AS his \gset
SELECT results_eq(format('SELECT owner_id, created_by FROM crm.lead WHERE lead_id = %s', :his), format('VALUES (%s::bigint, %s::bigint)', :ben, :ana), 'an owner that is given counts');
UPDATE crm.crm_user SET is_disabled = true WHERE owner_id = :ana;
SELECT pg_temp.outcome('INSERT INTO crm.lead (last_name) VALUES (''Poe'') RETURNING lead_id', 'tap_seller') AS stray \gset
SELECT is((SELECT owner_id FROM crm.lead WHERE lead_id = :stray), :default_team::bigint, 'a disabled user is nobody');
UPDATE crm.crm_user SET is_disabled = false, name = 'Ana T.' WHERE owner_id = :ana;
SELECT is((SELECT name FROM crm.owner WHERE owner_id = :ana), 'Ana T.', 'the owner is renamed along with the user');

-- A sale by somebody with access level sell and nothing more: history and numbers are written for him.
CREATE FUNCTION pg_temp.sale(as_role name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	lead bigint;
	deal bigint;
	quote bigint;
	sale bigint;
	bill bigint;
	state text;
BEGIN
	PERFORM set_config('role', as_role, true);
	INSERT INTO crm.lead (subject, company_name, last_name) VALUES ('Sale', 'Contoso', 'Lee') RETURNING lead_id INTO lead;
	SELECT q.opportunity_id INTO deal FROM sales_crm.qualify_lead(lead_id => lead) AS q;
	UPDATE crm.opportunity SET pipeline_phase = 'propose' WHERE opportunity_id = deal;
	INSERT INTO crm.opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (deal, 'Service', 100);
	quote := sales_crm.create_quote_from_opportunity(opportunity_id => deal);
	PERFORM sales_crm.activate_quote(quote_id => quote);
	quote := sales_crm.revise_quote(quote_id => quote);
	PERFORM sales_crm.activate_quote(quote_id => quote);
	sale := sales_crm.accept_quote(quote_id => quote);
	bill := sales_crm.fulfill_order(sales_order_id => sale);
	state := sales_crm.pay_invoice(invoice_id => bill);
	PERFORM set_config('role', 'none', true);
	RETURN state;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(pg_temp.sale('tap_seller'), 'paid', 'a seller sells, from the lead to the paid invoice');
SELECT set_eq(format('SELECT entity FROM crm.status_history WHERE changed_by = %s', :ana), $$VALUES ('lead'), ('opportunity'), ('quote'), ('sales_order'), ('invoice')$$, 'the history names her');
SELECT results_eq(format('SELECT changed_by FROM crm.opportunity_stage_history WHERE changed_by = %s', :ana), format('VALUES (%s::bigint)', :ana), 'the stage history too');
SELECT is(pg_temp.sale('tap_admin'), 'paid', 'and so does an administrator');
SELECT is(left(pg_temp.sale('tap_reader'), 5), '42501', 'a reader does not');

-- A pooled connection says whom it acts for; that is honoured only for roles that were given impersonate.
CREATE FUNCTION pg_temp.acting(owner text, as_role name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made crm.lead;
	result text;
BEGIN
	PERFORM set_config('role', as_role, true);
	PERFORM set_config('sales_crm.user_id', owner, true);
	INSERT INTO crm.lead (last_name) VALUES ('Poe') RETURNING * INTO made;
	PERFORM set_config('role', 'none', true);
	PERFORM set_config('sales_crm.user_id', '', true);
	RETURN format('owner %s, created by %s', made.owner_id, made.created_by);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT is(pg_temp.acting(:'ben', 'none'), format('owner %s, created by %1$s', :ben), 'a superuser may name anybody');
SELECT is(pg_temp.acting('', 'tap_seller'), format('owner %s, created by %1$s', :ana), 'nobody named: the role''s own user');
SELECT is(pg_temp.acting(:'ben', 'tap_seller'), '42501', 'a seller may not act for another');
SELECT is(pg_temp.acting(:'ana', 'tap_colleague'), '42501', 'nor one who is nobody');
SELECT is(pg_temp.acting(:'ben', 'tap_pool'), '42501', 'the pool may not yet');
SELECT is(sales_crm.grant_access(role => 'tap_pool', level => 'impersonate'), 'impersonate', 'now it may');
SELECT is(pg_temp.acting(:'ben', 'tap_pool'), format('owner %s, created by %1$s', :ben), 'and does');
SELECT is(pg_temp.acting(:'ana', 'tap_pool'), format('owner %s, created by %1$s', :ana), 'for one after another');
SELECT is(pg_temp.acting('', 'tap_pool'), format('owner %s, created by ', :default_team), 'and for nobody');
SELECT is(pg_temp.acting(:'ben', 'tap_pool_member'), format('owner %s, created by %1$s', :ben), 'so may a member of that role');
SELECT is(pg_temp.acting('-1', 'tap_pool'), '23503', 'an owner that is none');
SELECT is(pg_temp.acting('Ana', 'tap_pool'), '22P02', 'a name is no owner');
SELECT set_config('sales_crm.user_id', :'ben', true) AS acting \gset
SELECT pg_temp.refused('INSERT INTO crm.lead (last_name) VALUES (''Lee'')', '42501', 'the refusal has detail and hint', 'tap_seller');
SELECT set_config('sales_crm.user_id', '', true) AS acting \gset
CREATE ROLE tap_only;
SELECT sales_crm.grant_access(role => 'tap_only', level => 'impersonate') AS level \gset
SELECT is(pg_temp.attempted('SELECT count(*) FROM crm.lead', 'tap_only'), '42501', 'impersonate alone shows no data');

-- Row security: what is hidden is not there.
ALTER TABLE crm.lead ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.opportunity ENABLE ROW LEVEL SECURITY;
CREATE POLICY tap_own ON crm.lead TO tap_seller USING (owner_id = 0 OR company_name = 'Visible');
CREATE POLICY tap_own ON crm.account TO tap_seller USING (name = 'Visible') WITH CHECK (true);
CREATE POLICY tap_own ON crm.opportunity TO tap_seller USING (name = 'Visible') WITH CHECK (true);
SELECT pg_temp.new_lead('Visible') AS seen, pg_temp.new_lead('Hidden') AS hidden, pg_temp.new_lead('Visible') AS other, pg_temp.new_account('Hidden') AS hidden_account, pg_temp.new_account('Visible') AS seen_account,
	pg_temp.new_opportunity() AS hidden_deal \gset
SELECT is(pg_temp.outcome(format('SELECT count(*) FROM crm.lead WHERE lead_id IN (%s, %s)', :seen, :hidden), 'tap_seller'), '1', 'the policy hides one');
SELECT pg_temp.refused(replace(statement, 'HIDDEN', :'hidden'), 'P0002', replace(statement, 'HIDDEN', 'hidden'), 'tap_seller')
  FROM unnest('{SELECT sales_crm.qualify_lead(lead_id => HIDDEN),SELECT sales_crm.preview_qualify_lead(lead_id => HIDDEN),SELECT sales_crm.disqualify_lead(lead_id => HIDDEN),SELECT sales_crm.reopen_lead(lead_id => HIDDEN),SELECT sales_crm.create_opportunity_from_lead(lead_id => HIDDEN)}'::text[]) AS statement;
SELECT is(pg_temp.outcome(format('SELECT error_code FROM sales_crm.qualify_leads(lead_ids => ARRAY[%s])', :hidden), 'tap_seller'), 'P0002', 'qualify_leads reports it so');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.qualify_lead(lead_id => %s, account_id => %s)', :other, :hidden_account), 'tap_seller'), 'P0002', 'a hidden account cannot be given');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.qualify_lead(lead_id => %s, opportunity_id => %s)', :other, :hidden_deal), 'tap_seller'), 'P0002', 'nor a hidden opportunity');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.win_opportunity(opportunity_id => %s)', :hidden_deal), 'tap_seller'), 'P0002', 'nor closed');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.qualify_lead(lead_id => %s, account_id => %s)', :other, :seen_account), 'tap_seller'), NULL, 'what is seen can');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.disqualify_lead(lead_id => %s)', :seen), 'tap_seller'), NULL, 'and worked on');
SELECT is((SELECT state FROM crm.lead WHERE lead_id = :hidden), 'open', 'the hidden one stayed as it was');
DROP POLICY tap_own ON crm.lead;
DROP POLICY tap_own ON crm.account;
DROP POLICY tap_own ON crm.opportunity;
ALTER TABLE crm.lead DISABLE ROW LEVEL SECURITY;
ALTER TABLE crm.account DISABLE ROW LEVEL SECURITY;
ALTER TABLE crm.opportunity DISABLE ROW LEVEL SECURITY;

-- Look-alikes in the search_path do not get into a call.
GRANT TEMPORARY ON DATABASE :"DBNAME" TO tap_seller;
SELECT is(pg_temp.refusal(format($look$DO $do$BEGIN
	CREATE TEMP TABLE lead (LIKE crm.lead); CREATE TEMP TABLE account (LIKE crm.account); CREATE TEMP TABLE status_history (LIKE crm.status_history); CREATE TEMP TABLE status_reason (LIKE crm.status_reason);
	PERFORM set_config('search_path', 'pg_temp, public', true);
	PERFORM sales_crm.qualify_lead(lead_id => %s);
	IF (SELECT count(*) FROM pg_temp.account) + (SELECT count(*) FROM pg_temp.status_history) > 0 THEN RAISE EXCEPTION 'fooled'; END IF;
	IF current_setting('search_path') <> 'pg_temp, public' THEN RAISE EXCEPTION 'search_path changed'; END IF;
	PERFORM set_config('search_path', 'public, pg_catalog', true);
	DROP TABLE pg_temp.lead, pg_temp.account, pg_temp.status_history, pg_temp.status_reason;
END$do$$look$, :spare_id), 'tap_seller'), NULL, 'temporary look-alikes are not written, and the caller''s search_path stays');
SELECT is((SELECT state FROM crm.lead WHERE lead_id = :spare_id), 'qualified', 'the real lead was qualified');
-- A user's trigger finds what it finds in the caller's search_path.
CREATE SCHEMA tap_own;
CREATE TABLE tap_own.note (lead_id bigint, role_name name);
GRANT USAGE ON SCHEMA tap_own TO tap_seller;
GRANT INSERT ON tap_own.note TO tap_seller;
CREATE FUNCTION tap_own.take_note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO note VALUES (NEW.lead_id, current_user); RETURN NULL; END';
CREATE TRIGGER zz_take_note AFTER UPDATE ON crm.lead FOR EACH ROW EXECUTE FUNCTION tap_own.take_note();
SELECT set_config('search_path', 'public, pg_catalog, tap_own', true) AS path \gset
SELECT is(pg_temp.refusal(format('SELECT sales_crm.disqualify_lead(lead_id => %s)', pg_temp.new_lead()), 'tap_seller'), NULL, 'a user''s trigger with unqualified names works inside a call');
SELECT is((SELECT role_name FROM tap_own.note), 'tap_seller', 'with the caller''s rights');
DROP TRIGGER zz_take_note ON crm.lead;

-- The members of the extension.
CREATE TEMP VIEW member AS
	SELECT p.oid, p.proname, p.prosecdef, p.prorettype = 'trigger'::regtype AS is_trigger, p.proacl FROM pg_catalog.pg_proc AS p
	JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_catalog.pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid WHERE e.extname = 'sales_crm';
SELECT cmp_ok((SELECT count(*) FROM member), '>', 30::bigint, 'there are members');
SELECT is_empty('SELECT proname FROM member WHERE prosecdef', 'no member is SECURITY DEFINER');
SELECT is_empty('SELECT proname FROM member WHERE is_trigger <> has_function_privilege(''tap_nobody'', oid, ''EXECUTE'')', 'PUBLIC may execute the trigger functions and nothing else');
SELECT is_empty($$SELECT p.proname FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = 'crm'::regnamespace AND p.prosecdef$$, 'no function of the organization is SECURITY DEFINER either');
SELECT is_empty($$SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'v', 'S') AND (has_table_privilege('tap_nobody', c.oid, 'SELECT') OR has_table_privilege('tap_nobody', c.oid, 'INSERT'))$$, 'PUBLIC has no right on any relation');
SELECT is_empty($$SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'$$ || $$ WHERE c.relnamespace = 'crm'::regnamespace$$, 'tables, sequences and views are nobody''s members');
SELECT is_empty($$SELECT c.relname FROM pg_catalog.pg_class AS c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)$$, 'views show what their reader may see');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
