-- Winning, losing and reopening an opportunity, its stage history, and what goes with it when it is deleted (D§3.3).
BEGIN;
\ir ../lib/pgtap.sql

INSERT INTO crm.team (name) VALUES ('Other team');
SELECT owner_id AS other_team FROM crm.owner WHERE name = 'Other team' \gset
INSERT INTO crm.currency (currency_code, name, decimals, exchange_rate) VALUES ('EUR', 'Euro', 2, 0.5);
INSERT INTO crm.competitor (name) VALUES ('Litware') RETURNING competitor_id \gset
SELECT pg_temp.new_account('Northwind') AS account_id \gset

-- A quote of an opportunity in a state.
CREATE FUNCTION pg_temp.quote_of(deal bigint, wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	id := sales_crm.create_quote_from_opportunity(opportunity_id => deal);
	IF wanted <> 'draft' THEN PERFORM sales_crm.activate_quote(quote_id => id); END IF;
	IF wanted = 'won' THEN PERFORM sales_crm.win_quote(quote_id => id); END IF;
	IF wanted = 'closed' THEN PERFORM sales_crm.close_quote(quote_id => id); END IF;
	RETURN id;
END $$;

SELECT plan(82);

-- T14: won with nothing said.
SELECT pg_temp.new_opportunity(5000) AS deal \gset
UPDATE crm.opportunity SET owner_id = :other_team WHERE opportunity_id = :deal;
SELECT sales_crm.win_opportunity(opportunity_id => :deal) AS activity_id \gset
SELECT results_eq(format('SELECT state, status_reason, actual_value, actual_value_base, actual_close_date, forecast_category, estimated_value FROM crm.opportunity WHERE opportunity_id = %s', :deal),
	format('VALUES (''won'', ''won'', 5000::numeric, 5000::numeric, %L::date, ''won'', 5000::numeric)', (now() AT TIME ZONE 'UTC')::date), 'T14: actual value = estimated, today, forecast won');
SELECT results_eq(format('SELECT activity_type, state, status_reason, regarding_entity, regarding_id, owner_id, subject, actual_end_at IS NOT NULL FROM crm.activity WHERE activity_id = %s', :activity_id),
	format('VALUES (''opportunity_close'', ''completed'', ''completed'', ''opportunity'', %s::bigint, %s::bigint, ''Opportunity won: Deal'', true)', :deal, :other_team), 'the activity that is returned: completed, regarding the deal, of its owner');
SELECT results_eq(format('SELECT opportunity_id, opportunity_state, opportunity_status_reason, actual_revenue, actual_end_at = now(), competitor_id FROM crm.opportunity_close WHERE activity_id = %s', :activity_id),
	format('VALUES (%s::bigint, ''won'', ''won'', 5000::numeric, true, NULL::bigint)', :deal), 'its closing row');
SELECT results_eq(format('SELECT from_state, to_state, from_status_reason, to_status_reason FROM crm.status_history WHERE entity = ''opportunity'' AND record_id = %s', :deal),
	$$VALUES ('open', 'won', 'in_progress', 'won')$$, 'its history');

-- Won with everything said.
INSERT INTO crm.opportunity (name, account_id, currency_code, estimated_value) VALUES ('Euro deal', :account_id, 'EUR', 10) RETURNING opportunity_id AS deal \gset
SELECT sales_crm.win_opportunity(opportunity_id => :deal, actual_revenue => 123.456, actual_close_date => '2026-03-01', status_reason => 'won', description => 'hand shaken') AS activity_id \gset
SELECT results_eq(format('SELECT actual_value, actual_value_base, actual_close_date, estimated_value FROM crm.opportunity WHERE opportunity_id = %s', :deal), 'VALUES (123.46::numeric, 246.92::numeric, ''2026-03-01''::date, 10::numeric)', 'revenue rounded to the currency, with its base amount, and the date');
SELECT results_eq(format('SELECT a.description, c.actual_revenue, c.actual_end_at FROM crm.opportunity_close AS c JOIN crm.activity AS a USING (activity_id) WHERE activity_id = %s', :activity_id), 'VALUES (''hand shaken'', 123.46::numeric, ''2026-03-01 00:00+00''::timestamptz)', 'the closing says the same');
SELECT is((SELECT actual_end_at FROM crm.activity WHERE activity_id = :activity_id), '2026-03-01 00:00+00'::timestamptz, 'so does the activity');
SELECT is((SELECT description FROM crm.status_history WHERE entity = 'opportunity' AND record_id = :deal), 'hand shaken', 'and the history');
SELECT pg_temp.new_opportunity(NULL) AS deal \gset
SELECT sales_crm.win_opportunity(opportunity_id => :deal) AS activity_id \gset
SELECT is((SELECT actual_value FROM crm.opportunity WHERE opportunity_id = :deal), 0::numeric, 'without an estimate the actual value is 0');
SELECT pg_temp.new_opportunity(10) AS deal \gset
SELECT sales_crm.win_opportunity(opportunity_id => :deal, actual_revenue => 0) AS activity_id \gset
SELECT is((SELECT actual_value FROM crm.opportunity WHERE opportunity_id = :deal), 0::numeric, 'a revenue of 0 is a revenue');
INSERT INTO crm.opportunity (name, account_id, is_revenue_system_calculated) VALUES ('Lines', :account_id, true) RETURNING opportunity_id AS deal \gset
INSERT INTO crm.opportunity_product (opportunity_id, product_description, quantity, price_per_unit) VALUES (:deal, 'Service', 3, 100);
SELECT sales_crm.win_opportunity(opportunity_id => :deal) AS activity_id \gset
SELECT is((SELECT actual_value FROM crm.opportunity WHERE opportunity_id = :deal), 300::numeric, 'where the lines make the estimate, they make the actual value');
UPDATE crm.organization_setting SET value = 'Pacific/Kiritimati' WHERE name = 'time_zone';
SELECT pg_temp.new_opportunity() AS ahead, pg_temp.new_opportunity() AS dated \gset
SELECT sales_crm.win_opportunity(opportunity_id => :ahead), sales_crm.win_opportunity(opportunity_id => :dated, actual_close_date => '2026-03-01') AS activity_id \gset
SELECT is((SELECT actual_close_date FROM crm.opportunity WHERE opportunity_id = :ahead), (now() AT TIME ZONE 'Pacific/Kiritimati')::date, 'today is the day in the organization''s time zone');
SELECT is((SELECT actual_end_at FROM crm.opportunity_close WHERE activity_id = :activity_id), '2026-03-01 00:00+14'::timestamptz, 'a day begins there');
UPDATE crm.organization_setting SET value = 'UTC' WHERE name = 'time_zone';

-- Lost.
SELECT pg_temp.new_opportunity(5000) AS deal \gset
SELECT sales_crm.lose_opportunity(opportunity_id => :deal) AS activity_id \gset
SELECT results_eq(format('SELECT state, status_reason, actual_value, actual_close_date, forecast_category FROM crm.opportunity WHERE opportunity_id = %s', :deal),
	format('VALUES (''lost'', ''canceled'', 0::numeric, %L::date, ''lost'')', (now() AT TIME ZONE 'UTC')::date), 'lost: canceled, actual value 0, today, forecast lost');
SELECT results_eq(format('SELECT activity_type, state, subject, regarding_id FROM crm.activity WHERE activity_id = %s', :activity_id), format('VALUES (''opportunity_close'', ''completed'', ''Opportunity lost: Deal'', %s::bigint)', :deal), 'with its activity');
SELECT pg_temp.new_opportunity(5000) AS deal \gset
SELECT sales_crm.lose_opportunity(opportunity_id => :deal, status_reason => 'out_sold', competitor_id => :competitor_id, actual_revenue => 7, actual_close_date => '2026-03-01', description => 'too dear') AS activity_id \gset
SELECT results_eq(format('SELECT opportunity_state, opportunity_status_reason, competitor_id, actual_revenue, c.actual_end_at, a.description, o.actual_value, o.actual_close_date
		FROM crm.opportunity_close AS c JOIN crm.activity AS a USING (activity_id) JOIN crm.opportunity AS o USING (opportunity_id) WHERE activity_id = %s', :activity_id),
	format('VALUES (''lost'', ''out_sold'', %s::bigint, 7::numeric, ''2026-03-01 00:00+00''::timestamptz, ''too dear'', 7::numeric, ''2026-03-01''::date)', :competitor_id), 'with everything said');
SELECT pg_temp.refused(format('SELECT sales_crm.lose_opportunity(opportunity_id => %s, competitor_id => %s)', pg_temp.new_opportunity(), key), 'P0002', 'unknown competitor ' || key) FROM (VALUES (-1), (0)) AS unknown (key);

-- Reopened.
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.reopen_opportunity(opportunity_id => %s)', :deal)), 'open', 'reopen_opportunity returns the state');
SELECT results_eq(format('SELECT state, status_reason, actual_value, actual_value_base, actual_close_date, forecast_category FROM crm.opportunity WHERE opportunity_id = %s', :deal),
	$$VALUES ('open', 'in_progress', NULL::numeric, NULL::numeric, NULL::date, 'pipeline')$$, 'reopened: actuals cleared, forecast pipeline');
SELECT is((SELECT count(*) FROM crm.opportunity_close WHERE opportunity_id = :deal), 1::bigint, 'the closing stays');
SELECT is(pg_temp.refusal(format('UPDATE crm.opportunity SET estimated_value = 6000 WHERE opportunity_id = %s', :deal)), NULL, 'it can be worked on');
SELECT sales_crm.win_opportunity(opportunity_id => :deal) AS activity_id \gset
SELECT results_eq(format('SELECT opportunity_state, actual_revenue FROM crm.opportunity_close WHERE opportunity_id = %s ORDER BY opportunity_close_id', :deal), 'VALUES (''lost'', 7::numeric), (''won'', 6000::numeric)', 'closed again it has another closing');
SELECT results_eq(format('SELECT from_state, to_state FROM crm.status_history WHERE entity = ''opportunity'' AND record_id = %s ORDER BY status_history_id', :deal), $$VALUES ('open', 'lost'), ('lost', 'open'), ('open', 'won')$$, 'and its history has all three moves');

-- Quotes that are still open stand in the way, by state of the quote.
SELECT is(pg_temp.refusal(format('DO $do$DECLARE deal bigint := pg_temp.new_opportunity(); BEGIN PERFORM pg_temp.quote_of(deal, %L); PERFORM sales_crm.%s(opportunity_id => deal); END$do$', state, call)), code, format('%s with a quote in %s', call, state))
  FROM (VALUES ('draft', 'SC004'), ('active', 'SC004'), ('won', NULL), ('closed', NULL)) AS quotes (state, code), unnest('{win_opportunity,lose_opportunity}'::text[]) AS call;
SELECT pg_temp.new_opportunity() AS deal, pg_temp.new_opportunity() AS other \gset
SELECT pg_temp.quote_of(:deal, 'draft') AS draft, pg_temp.quote_of(:deal, 'active') AS active, pg_temp.quote_of(:deal, 'closed') AS closed, pg_temp.quote_of(:other, 'active') AS foreign \gset
SELECT pg_temp.refused(format('SELECT sales_crm.%s(opportunity_id => %s)', call, :deal), 'SC004', call || ' says why, with detail and hint') FROM unnest('{win_opportunity,lose_opportunity}'::text[]) AS call;
SELECT is(pg_temp.words(format('SELECT sales_crm.win_opportunity(opportunity_id => %s)', :deal)) LIKE '%' || quote_number || '%', quote_id <> :closed, 'the detail lists the open quotes, and only them: ' || state)
  FROM crm.quote WHERE opportunity_id = :deal;
SELECT results_eq(format('SELECT state FROM crm.opportunity WHERE opportunity_id = %s', :deal), 'VALUES (''open'')', 'the refused call left the deal open');
SELECT sales_crm.win_opportunity(opportunity_id => :deal, close_open_quotes => true) AS activity_id \gset
SELECT results_eq(format('SELECT state, status_reason, closed_on FROM crm.quote WHERE quote_id IN (%s, %s)', :draft, :active), format('VALUES (''closed'', ''canceled'', %1$L::date), (''closed'', ''canceled'', %1$L)', (now() AT TIME ZONE 'UTC')::date), 'or the call closes them as canceled');
SELECT results_eq(format('SELECT quote_id, quote_state, quote_status_reason FROM crm.quote_close WHERE quote_id IN (%s, %s) ORDER BY quote_id', :draft, :active), format('VALUES (%s::bigint, ''closed'', ''canceled''), (%s, ''closed'', ''canceled'')', :draft, :active), 'each with its closing activity');
SELECT results_eq(format('SELECT state, status_reason FROM crm.quote WHERE quote_id IN (%s, %s) ORDER BY quote_id', :closed, :foreign), $$VALUES ('closed', 'lost'), ('active', 'in_progress')$$, 'closed ones and those of other deals stay');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.lose_opportunity(opportunity_id => %s, close_open_quotes => true)', :other)), NULL, 'lose_opportunity does it likewise');
SELECT is((SELECT status_reason FROM crm.quote WHERE quote_id = :foreign), 'canceled', 'as canceled');

-- Stage history.
SELECT pg_temp.new_opportunity(10) AS one, pg_temp.new_opportunity(20) AS two \gset
INSERT INTO crm.owner (owner_type, name) VALUES ('user', 'Ana Torres') RETURNING owner_id AS ana \gset
SELECT is_empty(format('SELECT FROM crm.opportunity_stage_history WHERE opportunity_id = %s', :one), 'the birth is no change of stage');
SELECT set_config('sales_crm.user_id', :'ana', true) AS ana \gset acting_
UPDATE crm.opportunity SET pipeline_phase = 'develop', close_probability = 40 WHERE opportunity_id IN (:one, :two);
UPDATE crm.opportunity SET pipeline_phase = 'develop' WHERE opportunity_id IN (:one, :two);
UPDATE crm.opportunity SET estimated_value = 30 WHERE opportunity_id = :one;
UPDATE crm.opportunity SET pipeline_phase = 'close' WHERE opportunity_id = :one;
SELECT set_config('sales_crm.user_id', '', true) AS nobody \gset acting_
SELECT results_eq(format('SELECT opportunity_id, from_phase, to_phase, amount, close_probability, changed_by, changed_at = now() FROM crm.opportunity_stage_history WHERE opportunity_id IN (%s, %s) ORDER BY opportunity_stage_history_id', :one, :two),
	format('VALUES (%s::bigint, ''qualify'', ''develop'', 10::numeric, 40::numeric, %s::bigint, true), (%s, ''qualify'', ''develop'', 20, 40, %s, true), (%s, ''develop'', ''close'', 30, 40, %s, true)', :one, :ana, :two, :ana, :one, :ana),
	'each change of phase is kept with value, chance and who');
SELECT pg_temp.refused(format('UPDATE crm.opportunity SET pipeline_phase = %L WHERE opportunity_id = %s', 'dreaming', :one), '23514', 'a phase is one of the option values');
SELECT is((SELECT count(*) FROM crm.status_history WHERE entity = 'opportunity' AND record_id = :one), 0::bigint, 'a change of phase is no change of state');

-- What is filled in.
INSERT INTO crm.contact (first_name, last_name) VALUES ('Ann', 'Lee') RETURNING contact_id \gset
INSERT INTO crm.opportunity (account_id) VALUES (:account_id) RETURNING opportunity_id AS one \gset
INSERT INTO crm.opportunity (contact_id) VALUES (:contact_id) RETURNING opportunity_id AS two \gset
INSERT INTO crm.opportunity (account_id, contact_id) VALUES (:account_id, :contact_id) RETURNING opportunity_id AS three \gset
SELECT results_eq(format('SELECT name FROM crm.opportunity WHERE opportunity_id IN (%s, %s, %s) ORDER BY opportunity_id', :one, :two, :three), $$VALUES ('Northwind'), ('Ann Lee'), ('Northwind')$$, 'a deal without name takes its customer''s: account, else contact');
SELECT results_eq(format('SELECT state, status_reason, pipeline_phase, forecast_category, rating, currency_code, exchange_rate, discount_method, tax_rounding FROM crm.opportunity WHERE opportunity_id = %s', :one),
	$$VALUES ('open', 'in_progress', 'qualify', 'pipeline', 'warm', 'USD', 1::numeric, 'line_item', 'line')$$, 'and the defaults');
SELECT pg_temp.refused(format('UPDATE crm.opportunity SET %s WHERE opportunity_id = %s', change, :one), code, change)
  FROM (VALUES ('close_probability = 101', '23514'), ('close_probability = -1', '23514'), ('discount_percentage = 100.5', '23514'), ('currency_code = ''XXX''', '23503')) AS wrong (change, code);
SELECT is(pg_temp.refusal(format('INSERT INTO crm.opportunity (name, account_id) VALUES (''x'', -1)')), '23503', 'an unknown customer in plain SQL');

-- Deletes: the deal's lines, drafts, open activities and stages go with it.
SELECT pg_temp.new_opportunity() AS deal \gset
INSERT INTO crm.opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (:deal, 'Service', 10);
INSERT INTO crm.opportunity_competitor (opportunity_id, competitor_id) VALUES (:deal, :competitor_id);
INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'Call', 'opportunity', :deal) RETURNING activity_id \gset
INSERT INTO crm.activity_party (activity_id, participation_type, address_used) VALUES (:activity_id, 'to', 'a@example.com');
UPDATE crm.opportunity SET pipeline_phase = 'develop' WHERE opportunity_id = :deal;
SELECT pg_temp.quote_of(:deal, 'draft') AS draft \gset
SELECT is(pg_temp.refusal(format('DELETE FROM crm.opportunity WHERE opportunity_id = %s', :deal)), NULL, 'an open deal may be deleted');
SELECT is_empty(format('SELECT FROM crm.%I WHERE %I = %s', entity, column_name, key), entity || ' went with it')
  FROM (VALUES ('opportunity', 'opportunity_id', :deal), ('opportunity_product', 'opportunity_id', :deal), ('opportunity_competitor', 'opportunity_id', :deal), ('opportunity_stage_history', 'opportunity_id', :deal),
		('quote', 'quote_id', :draft), ('quote_product', 'quote_id', :draft), ('activity', 'activity_id', :activity_id), ('activity_party', 'activity_id', :activity_id)) AS parts (entity, column_name, key);

-- Every other reference refuses, and nothing is lost by the attempt.
CREATE FUNCTION pg_temp.deal_with(what text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	deal bigint := pg_temp.new_opportunity();
	lead bigint;
BEGIN
	INSERT INTO crm.opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (deal, 'Service', 10);
	CASE what
		WHEN 'an active quote' THEN PERFORM pg_temp.quote_of(deal, 'active');
		WHEN 'a closed quote' THEN PERFORM pg_temp.quote_of(deal, 'closed');
		WHEN 'an order' THEN PERFORM sales_crm.create_order_from_opportunity(opportunity_id => deal);
		WHEN 'an invoice' THEN PERFORM sales_crm.create_invoice_from_opportunity(opportunity_id => deal);
		WHEN 'a lead' THEN PERFORM sales_crm.qualify_lead(lead_id => pg_temp.new_lead(), opportunity_id => deal);
		WHEN 'a closing' THEN PERFORM sales_crm.win_opportunity(opportunity_id => deal); PERFORM sales_crm.reopen_opportunity(opportunity_id => deal);
		WHEN 'a completed call' THEN
			INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('phone_call', 'Called', 'opportunity', deal);
			UPDATE crm.activity SET state = 'completed' WHERE regarding_entity = 'opportunity' AND regarding_id = deal;
	END CASE;
	RETURN deal;
END $$;
SELECT is(pg_temp.refusal(format('DELETE FROM crm.opportunity WHERE opportunity_id = %s', pg_temp.deal_with(what))), '23503', 'a deal with ' || what || ' cannot be deleted')
  FROM unnest('{an active quote,a closed quote,an order,an invoice,a lead,a closing,a completed call}'::text[]) AS what;
SELECT pg_temp.refused(format('DELETE FROM crm.opportunity WHERE opportunity_id = %s', pg_temp.deal_with('a completed call')), '23503', 'the refusal has detail and hint');

-- The same for leads and customers.
SELECT pg_temp.new_lead() AS lead_id, pg_temp.new_account('Empty') AS empty_id, pg_temp.lead_in('qualified') AS qualified \gset
INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'Call', 'lead', :lead_id), ('task', 'Call', 'account', :empty_id);
SELECT is(pg_temp.refusal(format('DELETE FROM crm.lead WHERE lead_id = %s', :lead_id)), NULL, 'an open lead may be deleted');
SELECT is(pg_temp.refusal(format('DELETE FROM crm.account WHERE account_id = %s', :empty_id)), NULL, 'an account that nothing refers to too');
SELECT is_empty(format('SELECT FROM crm.activity WHERE (regarding_entity, regarding_id) IN ((''lead'', %s), (''account'', %s))', :lead_id, :empty_id), 'with their open activities');
SELECT sales_crm.reopen_lead(lead_id => :qualified) AS state \gset
SELECT is(pg_temp.refusal(statement), '23503', statement)
  FROM (VALUES (format('DELETE FROM crm.lead WHERE lead_id = %s', :qualified)), (format('DELETE FROM crm.account WHERE account_id = %s', :account_id)), (format('DELETE FROM crm.contact WHERE contact_id = %s', :contact_id)),
		(format('DELETE FROM crm.competitor WHERE competitor_id = %s', :competitor_id)), ('DELETE FROM crm.owner WHERE name = ''Other team''')) AS referenced (statement);
SELECT is(pg_temp.refusal(format('INSERT INTO crm.activity (activity_type, regarding_entity, regarding_id) VALUES (''task'', %L, %s)', entity, key)), code, format('an activity regarding %s %s', entity, key))
  FROM (VALUES ('opportunity', -1, '23503'), ('nothing', 1, '42704')) AS regarding (entity, key, code);

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
