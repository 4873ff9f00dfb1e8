-- Qualifying a lead: what is made, what is reused, what is copied, and what is refused (D§3.2).
BEGIN;
\ir ../lib/pgtap.sql

INSERT INTO crm.team (name) VALUES ('Other team');
SELECT owner_id AS other_team FROM crm.owner WHERE name = 'Other team' \gset
INSERT INTO crm.currency (currency_code, name, decimals, exchange_rate) VALUES ('EUR', 'Euro', 2, 0.5);
INSERT INTO crm.price_list (name, currency_code) VALUES ('tap dollars', 'USD') RETURNING price_list_id AS dollars \gset
INSERT INTO crm.campaign (name) VALUES ('Spring') RETURNING campaign_id AS spring \gset
INSERT INTO crm.campaign (name) VALUES ('Autumn') RETURNING campaign_id AS autumn \gset
INSERT INTO crm.account (name, price_list_id) VALUES ('Fabrikam', :dollars) RETURNING account_id AS fabrikam \gset
INSERT INTO crm.account (name) VALUES ('Northwind') RETURNING account_id AS northwind \gset
INSERT INTO crm.contact (first_name, last_name) VALUES ('Free', 'Agent') RETURNING contact_id AS agent \gset
INSERT INTO crm.contact (last_name, account_id) VALUES ('Clerk', :northwind) RETURNING contact_id AS clerk \gset

-- What a qualification does to the count of each table, such as "account 1, opportunity 1".
CREATE TEMP TABLE counted (account bigint, contact bigint, opportunity bigint);
CREATE FUNCTION pg_temp.count_all() RETURNS void LANGUAGE sql AS $$
	DELETE FROM counted;
	INSERT INTO counted SELECT (SELECT count(*) FROM crm.account), (SELECT count(*) FROM crm.contact), (SELECT count(*) FROM crm.opportunity)
$$;
CREATE FUNCTION pg_temp.made() RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s %s', (SELECT count(*) FROM crm.account) - account, (SELECT count(*) FROM crm.contact) - contact, (SELECT count(*) FROM crm.opportunity) - opportunity) FROM counted
$$;
-- Qualifies with arguments added, and tells what was made (accounts contacts opportunities) and which keys came back, or the SQLSTATE.
CREATE FUNCTION pg_temp.qualified(lead bigint, arguments text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM pg_temp.count_all();
	result := pg_temp.outcome(format('SELECT format(''%%s %%s %%s'', (account_id IS NOT NULL)::integer, (contact_id IS NOT NULL)::integer, (opportunity_id IS NOT NULL)::integer) FROM sales_crm.qualify_lead(lead_id => %s%s)', lead, arguments));
	RETURN CASE WHEN result LIKE '_ _ _' THEN format('made %s, returned %s, %s', pg_temp.made(), result, (SELECT state FROM crm.lead WHERE lead_id = lead)) ELSE result END;
END $$;
CREATE FUNCTION pg_temp.lead_of(company text, person text, account bigint DEFAULT NULL, contact bigint DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO crm.lead (subject, company_name, last_name, account_id, contact_id) VALUES ('Ten widgets', company, person, account, contact) RETURNING lead_id
$$;

SELECT plan(214);

-- The plain case: a company, a person, and nothing known of them.
INSERT INTO crm.lead (subject, first_name, last_name, company_name, estimated_value, owner_id) VALUES ('Ten widgets', 'Ann', 'Lee', 'Contoso', 1000, :other_team) RETURNING lead_id \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id) \gset
SELECT results_eq(format('SELECT name, owner_id, originating_lead_id, primary_contact_id, state, currency_code FROM crm.account WHERE account_id = %s', :account_id),
	format('VALUES (''Contoso'', %s::bigint, %s::bigint, %s::bigint, ''active'', ''USD'')', :other_team, :lead_id, :contact_id), 'the account: name, owner and lead, with the new contact as primary');
SELECT results_eq(format('SELECT full_name, owner_id, originating_lead_id, account_id, state FROM crm.contact WHERE contact_id = %s', :contact_id),
	format('VALUES (''Ann Lee'', %s::bigint, %s::bigint, %s::bigint, ''active'')', :other_team, :lead_id, :account_id), 'the contact, of the new account');
SELECT results_eq(format('SELECT name, owner_id, originating_lead_id, account_id, contact_id, state, status_reason, estimated_value, currency_code, pipeline_phase, forecast_category FROM crm.opportunity WHERE opportunity_id = %s', :opportunity_id),
	format('VALUES (''Ten widgets'', %s::bigint, %s::bigint, %s::bigint, %s::bigint, ''open'', ''in_progress'', 1000::numeric, ''USD'', ''qualify'', ''pipeline'')', :other_team, :lead_id, :account_id, :contact_id), 'the opportunity, for both');
SELECT results_eq(format('SELECT state, status_reason, account_id, contact_id, qualified_opportunity_id, owner_id, row_version FROM crm.lead WHERE lead_id = %s', :lead_id),
	format('VALUES (''qualified'', ''qualified'', %s::bigint, %s::bigint, %s::bigint, %s::bigint, 2::bigint)', :account_id, :contact_id, :opportunity_id, :other_team), 'the lead, closed and linked to all three');
SELECT results_eq(format('SELECT from_state, to_state, to_status_reason FROM crm.status_history WHERE entity = ''lead'' AND record_id = %s', :lead_id), $$VALUES ('open', 'qualified', 'qualified')$$, 'one row of history');
SELECT is_empty(format('SELECT FROM crm.activity WHERE regarding_id = %s AND regarding_entity = ''lead''', :lead_id), 'and no closing activity');

-- The flags: what is made (accounts, contacts, opportunities) and which keys come back, by company, person and arguments.
SELECT is(pg_temp.qualified(pg_temp.lead_of(company, person), arguments), wanted, format('company %s, person %s%s', coalesce(company, 'none'), coalesce(person, 'none'), arguments))
  FROM (VALUES
	('Contoso', 'Lee', '', 'made 1 1 1, returned 1 1 1, qualified'),
	('Contoso', 'Lee', ', create_account => NULL, create_contact => NULL, create_opportunity => NULL', 'made 1 1 1, returned 1 1 1, qualified'),
	('Contoso', 'Lee', ', create_account => true, create_contact => true, create_opportunity => true', 'made 1 1 1, returned 1 1 1, qualified'),
	('Contoso', 'Lee', ', create_account => false', 'made 0 1 1, returned 0 1 1, qualified'),
	('Contoso', 'Lee', ', create_contact => false', 'made 1 0 1, returned 1 0 1, qualified'),
	('Contoso', 'Lee', ', create_opportunity => false', 'made 1 1 0, returned 1 1 0, qualified'),
	('Contoso', 'Lee', ', create_account => false, create_contact => false', 'SC006'),
	('Contoso', 'Lee', ', create_account => false, create_opportunity => false', 'made 0 1 0, returned 0 1 0, qualified'),
	('Contoso', 'Lee', ', create_contact => false, create_opportunity => false', 'made 1 0 0, returned 1 0 0, qualified'),
	('Contoso', 'Lee', ', create_account => false, create_contact => false, create_opportunity => false', 'made 0 0 0, returned 0 0 0, qualified'),
	-- a private person
	(NULL, 'Lee', '', 'made 0 1 1, returned 0 1 1, qualified'),
	('  ', 'Lee', '', 'made 0 1 1, returned 0 1 1, qualified'),
	(NULL, 'Lee', ', create_account => false', 'made 0 1 1, returned 0 1 1, qualified'),
	(NULL, 'Lee', ', create_account => true', 'SC006'),
	(NULL, 'Lee', ', create_account => true, create_opportunity => false', 'SC006'),
	(NULL, 'Lee', ', create_contact => false', 'SC006'),
	(NULL, 'Lee', ', create_contact => false, create_opportunity => false', 'made 0 0 0, returned 0 0 0, qualified'),
	-- a company without a person
	('Contoso', NULL, '', 'made 1 0 1, returned 1 0 1, qualified'),
	('Contoso', NULL, ', create_contact => true', 'SC006'),
	('Contoso', NULL, ', create_account => false', 'SC006'),
	('Contoso', '  ', '', 'made 1 0 1, returned 1 0 1, qualified'),
	('  ', '  ', '', 'SC006')
  ) AS flags (company, person, arguments, wanted);
SELECT pg_temp.lead_of(NULL, 'Private') AS lead_id \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id) \gset
SELECT results_eq(format('SELECT account_id, contact_id FROM crm.opportunity WHERE opportunity_id = %s', :opportunity_id), format('VALUES (NULL::bigint, %s::bigint)', :contact_id), 'a private person is the customer himself');
SELECT results_eq(format('SELECT account_id FROM crm.contact WHERE contact_id = %s', :contact_id), 'VALUES (NULL::bigint)', 'and belongs to no account');
SELECT pg_temp.lead_of('Contoso', 'Lee') AS lead_id \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id, create_account => false, create_contact => false, create_opportunity => false) AS nothing \gset
SELECT results_eq(format('SELECT account_id, contact_id, qualified_opportunity_id FROM crm.lead WHERE lead_id = %s', :lead_id), 'VALUES (NULL::bigint, NULL::bigint, NULL::bigint)', 'qualified with nothing made, the lead links to nothing');

-- Refusals say what to do.
SELECT pg_temp.refused(format('SELECT sales_crm.qualify_lead(lead_id => %s, create_account => true)', pg_temp.lead_of(NULL, 'Lee')), 'SC006', 'an account without company name');
SELECT pg_temp.refused(format('SELECT sales_crm.qualify_lead(lead_id => %s, create_contact => true)', pg_temp.lead_of('Contoso', NULL)), 'SC006', 'a contact without name');
SELECT pg_temp.refused(format('SELECT sales_crm.qualify_lead(lead_id => %s, create_account => false, create_contact => false)', pg_temp.lead_of('Contoso', 'Lee')), 'SC006', 'an opportunity without customer');
SELECT pg_temp.refused(format('SELECT sales_crm.qualify_lead(lead_id => %s, %s)', pg_temp.lead_of('Contoso', 'Lee'), argument), code, 'unknown ' || argument)
  FROM (VALUES ('account_id => 0', 'P0002'), ('contact_id => 0', 'P0002'), ('opportunity_id => 0', 'P0002'), ('account_id => -1', 'P0002'), ('contact_id => -1', 'P0002'),
		('opportunity_id => -1', 'P0002'), ('campaign_id => -1', 'P0002'), ('currency_code => ''XXX''', 'P0002'), ('currency_code => ''''', 'P0002'), ('status_reason => ''lost''', 'SC003')) AS unknown (argument, code);
SELECT pg_temp.lead_of('Contoso', 'Lee') AS lead_id, pg_temp.count_all() AS counting \gset
SELECT is(pg_temp.refusal(format('SELECT sales_crm.qualify_lead(lead_id => %s, campaign_id => -1)', :lead_id)) || ' ' || pg_temp.made() || ' ' || (SELECT state || row_version FROM crm.lead WHERE lead_id = :lead_id), 'P0002 0 0 0 open1', 'a refused call leaves nothing');

-- What is there is reused, by link or by argument, also when the flag says create.
CREATE FUNCTION pg_temp.reused(lead bigint, arguments text, account bigint, contact bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	got record;
BEGIN
	PERFORM pg_temp.count_all();
	EXECUTE format('SELECT * FROM sales_crm.qualify_lead(lead_id => %s%s)', lead, arguments) INTO got;
	RETURN concat_ws(', ', 'made ' || pg_temp.made(),
		CASE WHEN got.account_id = account THEN 'that account' END, CASE WHEN got.contact_id = contact THEN 'that contact' END,
		CASE WHEN EXISTS (SELECT FROM crm.opportunity AS o WHERE o.opportunity_id = got.opportunity_id AND o.account_id IS NOT DISTINCT FROM got.account_id
			AND o.contact_id IS NOT DISTINCT FROM got.contact_id) THEN 'deal of them' END,
		CASE WHEN EXISTS (SELECT FROM crm.lead AS l WHERE l.lead_id = lead AND l.account_id IS NOT DISTINCT FROM got.account_id
			AND l.contact_id IS NOT DISTINCT FROM got.contact_id) THEN 'lead of them' END);
END $$;
SELECT is(pg_temp.reused(pg_temp.lead_of('Contoso', 'Lee', linked_account, linked_contact), arguments, :fabrikam, :agent), wanted, format('account %s, contact %s%s', linked_account, linked_contact, arguments))
  FROM (VALUES
	(:fabrikam, NULL, '', 'made 0 1 1, that account, deal of them, lead of them'),
	(:fabrikam, NULL, ', create_account => true', 'made 0 1 1, that account, deal of them, lead of them'),
	(:fabrikam, NULL, ', create_account => false, create_contact => false', 'made 0 0 1, that account, deal of them, lead of them'),
	(:fabrikam, :agent, '', 'made 0 0 1, that account, that contact, deal of them, lead of them'),
	(:fabrikam, :agent, ', create_account => true, create_contact => true', 'made 0 0 1, that account, that contact, deal of them, lead of them'),
	(:fabrikam, :agent, ', create_opportunity => false', 'made 0 0 0, that account, that contact, lead of them'),
	(NULL, :agent, '', 'made 1 0 1, that contact, deal of them, lead of them'),
	(NULL, :agent, ', create_account => false', 'made 0 0 1, that contact, deal of them, lead of them'),
	(NULL, NULL, format(', account_id => %s', :fabrikam), 'made 0 1 1, that account, deal of them, lead of them'),
	(NULL, NULL, format(', account_id => %s, create_account => true', :fabrikam), 'made 0 1 1, that account, deal of them, lead of them'),
	(NULL, NULL, format(', account_id => %s, contact_id => %s', :fabrikam, :agent), 'made 0 0 1, that account, that contact, deal of them, lead of them'),
	(NULL, NULL, format(', contact_id => %s, create_contact => true', :agent), 'made 1 0 1, that contact, deal of them, lead of them'),
	-- an argument goes before the link
	(:northwind, NULL, format(', account_id => %s', :fabrikam), 'made 0 1 1, that account, deal of them, lead of them'),
	(:northwind, :clerk, format(', account_id => %s, contact_id => %s', :fabrikam, :agent), 'made 0 0 1, that account, that contact, deal of them, lead of them')
  ) AS reuse (linked_account, linked_contact, arguments, wanted);
SELECT is(pg_temp.reused(pg_temp.lead_of('Contoso', 'Lee'), format(', contact_id => %s', :clerk), :northwind, :clerk), 'made 0 0 1, that account, that contact, deal of them, lead of them', 'an existing contact brings his own account');
SELECT results_eq(format('SELECT name, primary_contact_id FROM crm.account WHERE account_id = %s', :fabrikam), 'VALUES (''Fabrikam'', NULL::bigint)', 'an account that is reused is not changed');
SELECT * FROM sales_crm.qualify_lead(lead_id => pg_temp.lead_of('Contoso', 'Lee', :fabrikam)) \gset
SELECT is((SELECT c.account_id FROM crm.contact AS c WHERE c.contact_id = :contact_id), :fabrikam::bigint, 'a new contact belongs to the account that is reused');
SELECT is((SELECT o.price_list_id FROM crm.opportunity AS o WHERE o.opportunity_id = :opportunity_id), :dollars::bigint, 'the deal takes the price list of the account');
SELECT is((SELECT o.price_list_id FROM crm.opportunity AS o, sales_crm.qualify_lead(lead_id => pg_temp.lead_of('Contoso', 'Lee', :fabrikam), currency_code => 'EUR') AS q WHERE o.opportunity_id = q.opportunity_id), NULL, 'not seen by the statement that makes it');

-- Joining an opportunity.
INSERT INTO crm.opportunity (name, account_id) VALUES ('Joined', :northwind) RETURNING opportunity_id AS joined \gset
SELECT is(pg_temp.qualified(pg_temp.lead_of('Contoso', 'Lee'), format(', opportunity_id => %s', :joined)), 'made 0 1 0, returned 1 1 1, qualified', 'a lead may join an open opportunity and takes its account');
SELECT results_eq(format('SELECT l.account_id, c.account_id, l.qualified_opportunity_id, o.originating_lead_id, o.name FROM crm.lead AS l JOIN crm.contact AS c USING (contact_id) JOIN crm.opportunity AS o ON o.opportunity_id = l.qualified_opportunity_id WHERE l.lead_id = (SELECT max(lead_id) FROM crm.lead)'),
	format('VALUES (%s::bigint, %1$s::bigint, %s::bigint, NULL::bigint, ''Joined'')', :northwind, :joined), 'the lead links to it, the deal stays what it is');
SELECT is(pg_temp.qualified(pg_temp.lead_of('Contoso', 'Lee'), format(', opportunity_id => %s, create_opportunity => true', :joined)), 'made 0 1 0, returned 1 1 1, qualified', 'no second one is made');
SELECT is(pg_temp.qualified(pg_temp.lead_of('Contoso', 'Lee', :fabrikam, :agent), format(', opportunity_id => %s', :joined)), 'made 0 0 0, returned 1 1 1, qualified', 'a lead with its own customer keeps it');
SELECT pg_temp.refused(format('SELECT sales_crm.qualify_lead(lead_id => %s, opportunity_id => %s)', pg_temp.lead_of('Contoso', 'Lee'), pg_temp.opportunity_in(state)), 'SC001', 'a ' || state || ' opportunity cannot be joined')
  FROM unnest('{won,lost}'::text[]) AS state;

-- Names.
SELECT sales_crm.qualify_lead(lead_id => lead_id) FROM (INSERT_LEAD) AS l \gset
SELECT * FROM finish();
ROLLBACK;
