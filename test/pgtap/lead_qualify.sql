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
CREATE FUNCTION pg_temp.qualified(lead_key bigint, arguments text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM pg_temp.count_all();
	result := pg_temp.outcome(format('SELECT format(''%%s %%s %%s'', (account_id IS NOT NULL)::integer, (contact_id IS NOT NULL)::integer, (opportunity_id IS NOT NULL)::integer) FROM sales_crm.qualify_lead(lead_id => %s%s)', lead_key, arguments));
	RETURN CASE WHEN result LIKE '_ _ _' THEN format('made %s, returned %s, %s', pg_temp.made(), result, (SELECT state FROM crm.lead WHERE lead_id = lead_key)) ELSE result END;
END $$;
CREATE FUNCTION pg_temp.lead_of(company text, person text, account bigint DEFAULT NULL, contact bigint DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO crm.lead (subject, company_name, last_name, account_id, contact_id) VALUES ('Ten widgets', company, person, account, contact) RETURNING lead_id
$$;

SELECT plan(198);

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
CREATE FUNCTION pg_temp.reused(lead_key bigint, arguments text, account bigint, contact bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	got record;
BEGIN
	PERFORM pg_temp.count_all();
	EXECUTE format('SELECT * FROM sales_crm.qualify_lead(lead_id => %s%s)', lead_key, arguments) INTO got;
	RETURN concat_ws(', ', 'made ' || pg_temp.made(),
		CASE WHEN got.account_id = account THEN 'that account' END, CASE WHEN got.contact_id = contact THEN 'that contact' END,
		CASE WHEN EXISTS (SELECT FROM crm.opportunity AS o WHERE o.opportunity_id = got.opportunity_id AND o.account_id IS NOT DISTINCT FROM got.account_id
			AND o.contact_id IS NOT DISTINCT FROM got.contact_id) THEN 'deal of them' END,
		CASE WHEN EXISTS (SELECT FROM crm.lead AS l WHERE l.lead_id = lead_key AND l.account_id IS NOT DISTINCT FROM got.account_id
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
SELECT * FROM sales_crm.qualify_lead(lead_id => pg_temp.lead_of('Contoso', 'Lee', :fabrikam), currency_code => 'EUR') \gset
SELECT is((SELECT o.price_list_id FROM crm.opportunity AS o WHERE o.opportunity_id = :opportunity_id), NULL, 'but not when its currency is another');

-- Joining an opportunity.
INSERT INTO crm.opportunity (name, account_id) VALUES ('Joined', :northwind) RETURNING opportunity_id AS joined \gset
SELECT is(pg_temp.qualified(pg_temp.lead_of('Contoso', 'Lee'), format(', opportunity_id => %s', :joined)), 'made 0 1 0, returned 1 1 1, qualified', 'a lead may join an open opportunity and takes its account');
SELECT results_eq(format('SELECT l.account_id, c.account_id, l.qualified_opportunity_id, o.originating_lead_id, o.name FROM crm.lead AS l JOIN crm.contact AS c USING (contact_id) JOIN crm.opportunity AS o ON o.opportunity_id = l.qualified_opportunity_id WHERE l.lead_id = (SELECT max(lead_id) FROM crm.lead)'),
	format('VALUES (%s::bigint, %1$s::bigint, %s::bigint, NULL::bigint, ''Joined'')', :northwind, :joined), 'the lead links to it, the deal stays what it is');
SELECT is(pg_temp.qualified(pg_temp.lead_of('Contoso', 'Lee'), format(', opportunity_id => %s, create_opportunity => true', :joined)), 'made 0 1 0, returned 1 1 1, qualified', 'no second one is made');
SELECT is(pg_temp.qualified(pg_temp.lead_of('Contoso', 'Lee', :fabrikam, :agent), format(', opportunity_id => %s', :joined)), 'made 0 0 0, returned 1 1 1, qualified', 'a lead with its own customer keeps it');
SELECT pg_temp.refused(format('SELECT sales_crm.qualify_lead(lead_id => %s, opportunity_id => %s)', pg_temp.lead_of('Contoso', 'Lee'), pg_temp.opportunity_in(state)), 'SC001', 'a ' || state || ' opportunity cannot be joined')
  FROM unnest('{won,lost}'::text[]) AS state;

-- The name of the deal: the lead's subject, else its customer.
CREATE FUNCTION pg_temp.deal_of(lead_key bigint, arguments text DEFAULT '') RETURNS SETOF crm.opportunity LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	EXECUTE format('SELECT opportunity_id FROM sales_crm.qualify_lead(lead_id => %s%s)', lead_key, arguments) INTO id;
	RETURN QUERY SELECT * FROM crm.opportunity AS o WHERE o.opportunity_id = id;
END $$;
CREATE FUNCTION pg_temp.lead_with(columns jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	EXECUTE format('INSERT INTO crm.lead (%s) SELECT %1$s FROM jsonb_populate_record(NULL::crm.lead, $1) RETURNING lead_id',
		(SELECT string_agg(quote_ident(key), ', ') FROM jsonb_object_keys(columns) AS key)) INTO id USING columns;
	RETURN id;
END $$;
SELECT is((pg_temp.deal_of(pg_temp.lead_with(columns), arguments)).name, wanted, format('deal of %s is named %s', columns, wanted))
  FROM (VALUES
	('{"subject": "Boats", "company_name": "Contoso", "last_name": "Lee"}'::jsonb, '', 'Boats'),
	('{"company_name": "Contoso", "last_name": "Lee"}', '', 'Contoso'),
	('{"first_name": "Ann", "last_name": "Lee"}', '', 'Ann Lee'),
	('{"company_name": "Contoso"}', format(', account_id => %s', :fabrikam), 'Fabrikam'),
	('{"last_name": "Lee"}', format(', contact_id => %s', :agent), 'Free Agent')) AS named (columns, arguments, wanted);

-- Currency and campaign: the argument, else the lead's, else the base currency.
SELECT results_eq(format('SELECT currency_code, exchange_rate, estimated_value, estimated_value_base, campaign_id FROM pg_temp.deal_of(pg_temp.lead_with(%L), %L)', columns, arguments),
	format('VALUES (%L, %s::numeric, 100::numeric, %s::numeric, %s::bigint)', currency, rate, base, coalesce(campaign::text, 'NULL')), format('%s%s', columns, arguments))
  FROM (VALUES
	('{"last_name": "Lee", "estimated_value": 100}', '', 'USD', 1, 100, NULL),
	('{"last_name": "Lee", "estimated_value": 100, "currency_code": "EUR"}', '', 'EUR', 0.5, 200, NULL),
	('{"last_name": "Lee", "estimated_value": 100}', ', currency_code => ''EUR''', 'EUR', 0.5, 200, NULL),
	('{"last_name": "Lee", "estimated_value": 100, "currency_code": "EUR"}', ', currency_code => ''USD''', 'USD', 1, 100, NULL),
	(format('{"last_name": "Lee", "estimated_value": 100, "campaign_id": %s}', :spring), '', 'USD', 1, 100, :spring),
	('{"last_name": "Lee", "estimated_value": 100}', format(', campaign_id => %s', :autumn), 'USD', 1, 100, :autumn),
	(format('{"last_name": "Lee", "estimated_value": 100, "campaign_id": %s}', :spring), format(', campaign_id => %s', :autumn), 'USD', 1, 100, :autumn)
  ) AS money (columns, arguments, currency, rate, base, campaign);

-- Every pair of column_map: the lead's columns are filled with values that are no defaults, and arrive.
CREATE TEMP TABLE filled AS
SELECT c.column_name, CASE
		WHEN o.value IS NOT NULL THEN o.value
		WHEN c.column_name = 'currency_code' THEN 'EUR'
		WHEN c.column_name = 'campaign_id' THEN :'spring'
		WHEN c.data_type = 'boolean' THEN 'true'
		WHEN c.data_type = 'numeric' THEN (100 + c.ordinal_position)::text
		WHEN c.data_type = 'integer' THEN c.ordinal_position::text
		WHEN c.data_type = 'date' THEN '2030-05-05'
		ELSE initcap(c.column_name) END AS value
  FROM information_schema.columns AS c
  LEFT JOIN LATERAL (SELECT value FROM crm.option_value AS v WHERE v.entity = 'lead' AND v.column_name = c.column_name ORDER BY sort_order DESC LIMIT 1) AS o ON true
 WHERE c.table_schema = 'crm' AND c.table_name = 'lead' AND c.column_name IN (SELECT source_column FROM crm.column_map WHERE source_entity = 'lead');
SELECT pg_temp.lead_with(jsonb_object_agg(column_name, value)) AS lead_id FROM filled \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id) \gset
CREATE TEMP TABLE arrived AS
	SELECT 'account' AS entity, to_jsonb(a) AS record FROM crm.account AS a WHERE account_id = :account_id
	UNION ALL SELECT 'contact', to_jsonb(c) FROM crm.contact AS c WHERE contact_id = :contact_id
	UNION ALL SELECT 'opportunity', to_jsonb(o) FROM crm.opportunity AS o WHERE opportunity_id = :opportunity_id;
SELECT is(record ->> target_column, (SELECT to_jsonb(l) ->> source_column FROM crm.lead AS l WHERE l.lead_id = :lead_id), format('lead.%s goes to %s.%s: %s', source_column, entity, target_column, record ->> target_column))
  FROM crm.column_map JOIN arrived ON entity = target_entity WHERE source_entity = 'lead' ORDER BY target_entity, target_column;
SELECT is((SELECT count(*) FROM crm.column_map JOIN arrived ON entity = target_entity JOIN filled ON column_name = source_column WHERE source_entity = 'lead' AND (record ->> target_column)::text IS NOT NULL),
	(SELECT count(*) FROM crm.column_map WHERE source_entity = 'lead'), 'and none of them was empty');
SELECT set_has('SELECT source_column, target_entity, target_column FROM crm.column_map WHERE source_entity = ''lead''', $$VALUES
	('subject', 'opportunity', 'name'), ('company_name', 'account', 'name'), ('website', 'account', 'website'), ('business_phone', 'account', 'business_phone'),
	('address_line1', 'account', 'address_line1'), ('address_city', 'account', 'address_city'), ('address_state_or_province', 'account', 'address_state_or_province'),
	('address_postal_code', 'account', 'address_postal_code'), ('address_country', 'account', 'address_country'), ('sic', 'account', 'sic'), ('email', 'account', 'email'),
	('fax', 'account', 'fax'), ('description', 'account', 'description'), ('industry', 'account', 'industry'), ('annual_revenue', 'account', 'annual_revenue'),
	('employee_count', 'account', 'employee_count'), ('currency_code', 'account', 'currency_code'), ('do_not_email', 'account', 'do_not_email'),
	('first_name', 'contact', 'first_name'), ('last_name', 'contact', 'last_name'), ('job_title', 'contact', 'job_title'), ('mobile_phone', 'contact', 'mobile_phone'),
	('email', 'contact', 'email'), ('business_phone', 'contact', 'business_phone'), ('email2', 'contact', 'email2'), ('email3', 'contact', 'email3'), ('fax', 'contact', 'fax'),
	('pager', 'contact', 'pager'), ('website', 'contact', 'website'), ('description', 'contact', 'description'), ('address_line1', 'contact', 'address_line1'),
	('description', 'opportunity', 'description'), ('qualification_comments', 'opportunity', 'qualification_comments'), ('budget_amount', 'opportunity', 'budget_amount'),
	('budget_status', 'opportunity', 'budget_status'), ('need', 'opportunity', 'need'), ('purchase_process', 'opportunity', 'purchase_process'),
	('purchase_timeframe', 'opportunity', 'purchase_timeframe'), ('decision_maker', 'opportunity', 'decision_maker'), ('campaign_id', 'opportunity', 'campaign_id'),
	('estimated_value', 'opportunity', 'estimated_value'), ('estimated_close_date', 'opportunity', 'estimated_close_date')$$, 'the pairs of D§3.2 are there');

-- A column of one's own travels with one row of column_map, whatever it is called.
ALTER TABLE crm.lead ADD COLUMN "Región, vieja" text, ADD COLUMN score integer;
ALTER TABLE crm.account ADD COLUMN region text;
ALTER TABLE crm.contact ADD COLUMN region varchar(20);
ALTER TABLE crm.opportunity ADD COLUMN "Región" text, ADD COLUMN score numeric(8,2);
INSERT INTO crm.column_map (source_entity, target_entity, source_column, target_column) VALUES
	('lead', 'account', 'Región, vieja', 'region'), ('lead', 'contact', 'Región, vieja', 'region'), ('lead', 'opportunity', 'Región, vieja', 'Región'), ('lead', 'opportunity', 'score', 'score');
INSERT INTO crm.lead (company_name, last_name, "Región, vieja", score) VALUES ('Contoso', 'Lee', 'Sur', 7) RETURNING lead_id \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id) \gset
SELECT results_eq(format('SELECT a.region, c.region::text, o."Región", o.score FROM crm.opportunity AS o JOIN crm.account AS a USING (account_id) JOIN crm.contact AS c USING (contact_id) WHERE o.opportunity_id = %s', :opportunity_id),
	$$VALUES ('Sur', 'Sur', 'Sur', 7::numeric)$$, 'through qualify_lead');
INSERT INTO crm.lead (company_name, last_name, "Región, vieja", score) VALUES ('Contoso', 'Lee', 'Sur', 7), ('Contoso', 'Kim', 'Norte', 8);
CREATE TEMP TABLE many AS SELECT * FROM sales_crm.qualify_leads(lead_ids => (SELECT array_agg(lead_id) FROM crm.lead WHERE state = 'open' AND score IN (7, 8)));
SELECT bag_eq('SELECT a.region, c.region::text AS contact_region, o."Región", o.score FROM many JOIN crm.opportunity AS o USING (opportunity_id) JOIN crm.account AS a ON a.account_id = o.account_id JOIN crm.contact AS c ON c.contact_id = o.contact_id',
	$$VALUES ('Sur', 'Sur', 'Sur', 7::numeric), ('Norte', 'Norte', 'Norte', 8)$$, 'through qualify_leads');
SELECT sales_crm.create_opportunity_from_lead(lead_id => :lead_id) AS opportunity_id \gset
SELECT is((SELECT "Región" FROM crm.opportunity WHERE opportunity_id = :opportunity_id), 'Sur', 'through create_opportunity_from_lead');
DELETE FROM crm.column_map WHERE source_column = 'score';
ALTER TABLE crm.lead DROP COLUMN score;
SELECT is((SELECT o.score FROM pg_temp.deal_of(pg_temp.lead_of('Contoso', 'Lee')) AS o), NULL, 'without its row it stays at home');

-- A lead that is reopened keeps its links, and makes another opportunity when it is qualified again.
SELECT pg_temp.lead_of('Contoso', 'Lee') AS lead_id \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id) \gset first_
SELECT sales_crm.reopen_lead(lead_id => :lead_id) AS state \gset
SELECT results_eq(format('SELECT state, account_id, contact_id, qualified_opportunity_id FROM crm.lead WHERE lead_id = %s', :lead_id), format('VALUES (''open'', %s::bigint, %s::bigint, %s::bigint)', :first_account_id, :first_contact_id, :first_opportunity_id), 'reopened, it keeps its links');
SELECT results_eq(format('SELECT entity, action, record_id, name FROM sales_crm.preview_qualify_lead(lead_id => %s)', :lead_id),
	format('VALUES (''account'', ''reuse'', %s::bigint, NULL), (''contact'', ''reuse'', %s::bigint, NULL), (''opportunity'', ''create'', NULL::bigint, ''Ten widgets'')', :first_account_id, :first_contact_id), 'the preview of that');
SELECT pg_temp.count_all() AS counting \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id, create_account => true, create_contact => true) \gset second_
SELECT is(pg_temp.made(), '0 0 1', 'again only an opportunity is made');
SELECT is(ARRAY[:second_account_id, :second_contact_id]::bigint[], ARRAY[:first_account_id, :first_contact_id]::bigint[], 'for the same customer');
SELECT isnt(:second_opportunity_id::bigint, :first_opportunity_id::bigint, 'it is another one');
SELECT results_eq(format('SELECT opportunity_id FROM crm.opportunity WHERE originating_lead_id = %s ORDER BY 1', :lead_id), format('VALUES (%s::bigint), (%s)', :first_opportunity_id, :second_opportunity_id), 'both come from the lead');
SELECT is((SELECT qualified_opportunity_id FROM crm.lead WHERE lead_id = :lead_id), :second_opportunity_id::bigint, 'which links to the latest');

-- Further opportunities from a qualified lead.
SELECT pg_temp.count_all() AS counting \gset
SELECT sales_crm.create_opportunity_from_lead(lead_id => :lead_id) AS third_id \gset
SELECT sales_crm.create_opportunity_from_lead(lead_id => :lead_id, name => 'By another name') AS fourth_id \gset
SELECT is(pg_temp.made(), '0 0 2', 'create_opportunity_from_lead makes opportunities only');
SELECT results_eq(format('SELECT name, account_id, contact_id, originating_lead_id, state FROM crm.opportunity WHERE opportunity_id IN (%s, %s) ORDER BY opportunity_id', :third_id, :fourth_id),
	format('VALUES (''Ten widgets'', %1$s::bigint, %2$s::bigint, %3$s::bigint, ''open''), (''By another name'', %1$s, %2$s, %3$s, ''open'')', :first_account_id, :first_contact_id, :lead_id), 'named after the subject or as told, for the lead''s customer');
SELECT is((SELECT qualified_opportunity_id FROM crm.lead WHERE lead_id = :lead_id), :second_opportunity_id::bigint, 'the lead''s own link stays');
SELECT pg_temp.lead_of('Contoso', 'Lee') AS lead_id \gset
SELECT * FROM sales_crm.qualify_lead(lead_id => :lead_id, create_account => false, create_contact => false, create_opportunity => false) \gset
SELECT pg_temp.refused(format('SELECT sales_crm.create_opportunity_from_lead(lead_id => %s)', :lead_id), 'SC006', 'not from a lead that was qualified to nobody');

-- The preview tells what would be, and does nothing.
SELECT is((SELECT provolatile FROM pg_catalog.pg_proc WHERE oid = 'sales_crm.preview_qualify_lead(bigint)'::regprocedure), 's', 'the preview is STABLE');
SELECT pg_temp.count_all() AS counting \gset
SELECT results_eq(format('SELECT entity, action, record_id, name FROM sales_crm.preview_qualify_lead(lead_id => %s)', pg_temp.lead_with(columns)), wanted, format('preview of %s', columns))
  FROM (VALUES
	('{"subject": "Boats", "company_name": "Contoso", "first_name": "Ann", "last_name": "Lee"}'::jsonb, $$VALUES ('account', 'create', NULL::bigint, 'Contoso'), ('contact', 'create', NULL, 'Ann Lee'), ('opportunity', 'create', NULL, 'Boats')$$),
	('{"company_name": "Contoso"}', $$VALUES ('account', 'create', NULL::bigint, 'Contoso'), ('opportunity', 'create', NULL, 'Contoso')$$),
	('{"last_name": "Lee"}', $$VALUES ('contact', 'create', NULL::bigint, 'Lee'), ('opportunity', 'create', NULL, 'Lee')$$),
	(format('{"subject": "Boats", "company_name": "Contoso", "last_name": "Lee", "account_id": %s}', :fabrikam)::jsonb, format($$VALUES ('account', 'reuse', %s::bigint, NULL), ('contact', 'create', NULL, 'Lee'), ('opportunity', 'create', NULL, 'Boats')$$, :fabrikam)),
	(format('{"subject": "Boats", "last_name": "Lee", "contact_id": %s}', :clerk)::jsonb, format($$VALUES ('account', 'reuse', %s::bigint, NULL), ('contact', 'reuse', %s, NULL), ('opportunity', 'create', NULL, 'Boats')$$, :northwind, :clerk))
  ) AS preview (columns, wanted);
SELECT is(pg_temp.made(), '0 0 0', 'a preview makes nothing');
SELECT pg_temp.refused(format('SELECT sales_crm.preview_qualify_lead(lead_id => %s)', pg_temp.lead_of('  ', '  ')), 'SC006', 'the preview of what would be refused is refused');

-- Many at once: a row for each key, in the order given; bad ones are reported, good ones done.
SELECT pg_temp.lead_of('First', 'Lee') AS good, pg_temp.lead_of(NULL, 'Kim') AS private, pg_temp.lead_of('Third', NULL) AS company, pg_temp.lead_of('Fourth', 'Poe', :fabrikam, :agent) AS known,
	pg_temp.lead_in('qualified') AS done, pg_temp.lead_in('disqualified') AS gone, pg_temp.lead_of('  ', '  ') AS nobody \gset
SELECT pg_temp.count_all() AS counting \gset
CREATE TEMP TABLE result AS SELECT row_number() OVER () AS n, q.* FROM sales_crm.qualify_leads(lead_ids => ARRAY[:known, :gone, :good, -1, :private, :good, :done, :company, :nobody, :gone]) AS q;
SELECT results_eq('SELECT lead_id, account_id IS NOT NULL, contact_id IS NOT NULL, opportunity_id IS NOT NULL, error_code, error_message IS NOT NULL FROM result ORDER BY n',
	format('VALUES (%s::bigint, true, true, true, NULL, false), (%s, false, false, false, ''SC001'', true), (%s, true, true, true, NULL, false), (-1, false, false, false, ''P0002'', true),
		(%s, false, true, true, NULL, false), (%s, false, false, false, ''SC001'', true), (%s, false, false, false, ''SC001'', true), (%s, true, false, true, NULL, false),
		(%s, false, false, false, ''SC006'', true), (%s, false, false, false, ''SC001'', true)', :known, :gone, :good, :private, :good, :done, :company, :nobody, :gone), 'each key has its row: done, or why not');
SELECT is(pg_temp.made(), '2 2 4', 'made is what was missing');
SELECT results_eq(format('SELECT account_id, contact_id FROM result WHERE lead_id = %s', :known), format('VALUES (%s::bigint, %s::bigint)', :fabrikam, :agent), 'what was known is reused');
SELECT results_eq('SELECT DISTINCT l.state, l.account_id IS NOT DISTINCT FROM r.account_id, l.contact_id IS NOT DISTINCT FROM r.contact_id, l.qualified_opportunity_id = r.opportunity_id, o.originating_lead_id = l.lead_id, o.account_id IS NOT DISTINCT FROM r.account_id, o.contact_id IS NOT DISTINCT FROM r.contact_id
		FROM result AS r JOIN crm.lead AS l USING (lead_id) JOIN crm.opportunity AS o ON o.opportunity_id = r.opportunity_id WHERE r.error_code IS NULL', 'VALUES (''qualified'', true, true, true, true, true, true)', 'every lead is linked to what it became');
SELECT results_eq('SELECT a.name, a.primary_contact_id = r.contact_id, c.account_id = r.account_id FROM result AS r JOIN crm.account AS a USING (account_id) JOIN crm.contact AS c ON c.contact_id = r.contact_id WHERE a.originating_lead_id = r.lead_id', 'VALUES (''First'', true, true)', 'a new account and its contact know each other');
SELECT is((SELECT count(*) FROM crm.status_history JOIN result ON entity = 'lead' AND record_id = lead_id AND to_state = 'qualified' WHERE error_code IS NULL), 4::bigint, 'each has its row of history');
SELECT is((SELECT state FROM crm.lead WHERE lead_id = :nobody), 'open', 'the bad ones stay as they are');
SELECT is((SELECT string_agg(error_message, ', ') FROM result WHERE error_code = 'SC001' AND lead_id = :good) LIKE '%repeated%', true, 'a repeated key is told as such');
SELECT is_empty('SELECT * FROM sales_crm.qualify_leads(lead_ids => ''{}'')', 'no keys, no rows');
SELECT pg_temp.refused('SELECT * FROM sales_crm.qualify_leads(lead_ids => NULL)', '22004', 'no list');
SELECT pg_temp.refused('SELECT * FROM sales_crm.qualify_leads(lead_ids => ARRAY[1, NULL])', '22004', 'a NULL in the list');
CREATE FUNCTION pg_temp.many(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[] := ARRAY[pg_temp.lead_of('Contoso', 'Lee'), pg_temp.lead_of('Fabrikam', 'Kim'), pg_temp.lead_of(NULL, 'Poe')];
	codes text;
BEGIN
	PERFORM pg_temp.count_all();
	EXECUTE format('SELECT string_agg(coalesce(error_code, ''done''), '' '') FROM sales_crm.qualify_leads(lead_ids => $1%s)', arguments) INTO codes USING ids;
	RETURN format('made %s, %s', pg_temp.made(), codes);
END $$;
SELECT is(pg_temp.many(arguments), wanted, 'qualify_leads' || arguments)
  FROM (VALUES
	('', 'made 2 3 3, done done done'),
	(', create_account => true', 'made 2 2 2, done done SC006'),
	(', create_account => false', 'made 0 3 3, done done done'),
	(', create_contact => false', 'made 2 0 2, done done SC006'),
	(', create_opportunity => false', 'made 2 3 0, done done done'),
	(', create_account => false, create_contact => false', 'made 0 0 0, SC006 SC006 SC006'),
	(', create_account => false, create_contact => false, create_opportunity => false', 'made 0 0 0, done done done'),
	(', create_account => NULL, create_contact => NULL, create_opportunity => NULL', 'made 2 3 3, done done done')) AS flags (arguments, wanted);

-- A user's trigger that refuses one of them: the others are done.
CREATE FUNCTION pg_temp.refuse_some() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.name = 'Refused' THEN RAISE EXCEPTION 'we do not sell to %', NEW.name USING ERRCODE = 'P7777'; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER zz_refuse_some BEFORE INSERT ON crm.account FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse_some();
SELECT pg_temp.lead_of('Before', 'Lee') AS before, pg_temp.lead_of('Refused', 'Kim') AS refused, pg_temp.lead_of('After', 'Poe') AS after, pg_temp.count_all() AS counting \gset
SELECT results_eq(format('SELECT lead_id, opportunity_id IS NOT NULL, error_code, error_message FROM sales_crm.qualify_leads(lead_ids => ARRAY[%s, %s, %s])', :before, :refused, :after),
	format('VALUES (%s::bigint, true, NULL, NULL), (%s, false, ''P7777'', ''we do not sell to Refused''), (%s, true, NULL, NULL)', :before, :refused, :after), 'its error is in the row of that lead');
SELECT is(pg_temp.made(), '2 2 2', 'nothing of the refused one is left');
SELECT results_eq(format('SELECT state FROM crm.lead WHERE lead_id IN (%s, %s, %s) ORDER BY lead_id', :before, :refused, :after), $$VALUES ('qualified'), ('open'), ('qualified')$$, 'it stays open');
DROP TRIGGER zz_refuse_some ON crm.account;
SELECT is(pg_temp.qualified(:refused), 'made 1 1 1, returned 1 1 1, qualified', 'and can be qualified later');

-- Activities stay with the lead.
SELECT pg_temp.lead_of('Contoso', 'Lee') AS lead_id \gset
INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'Call', 'lead', :lead_id) RETURNING activity_id \gset
SELECT * FROM sales_crm.qualify_lead(:lead_id, true, true, true) \gset
SELECT results_eq(format('SELECT regarding_entity, regarding_id, state FROM crm.activity WHERE activity_id = %s', :activity_id), format('VALUES (''lead'', %s::bigint, ''open'')', :lead_id), 'activities stay with the lead');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
