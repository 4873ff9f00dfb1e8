-- Every state of an opportunity against every call and every write by hand, on it and its lines: what comes back, or the SQLSTATE.
BEGIN;
\ir ../lib/pgtap.sql

INSERT INTO crm.team (name) VALUES ('Other team');
INSERT INTO crm.competitor (name) VALUES ('Litware') RETURNING competitor_id \gset

CREATE TEMP TABLE attempt (statement text, open text, won text, lost text);
INSERT INTO attempt VALUES
	-- %1$s is the opportunity, which has one line; a state is what it ends in, five characters are the SQLSTATE
	('SELECT sales_crm.win_opportunity(opportunity_id => %1$s)', 'won', 'SC001', 'SC001'),
	('SELECT sales_crm.win_opportunity(opportunity_id => %1$s, status_reason => NULL)', 'won', 'SC001', 'SC001'),
	('SELECT sales_crm.win_opportunity(opportunity_id => %1$s, status_reason => ''won'')', 'won', 'SC001', 'SC001'),
	('SELECT sales_crm.win_opportunity(opportunity_id => %1$s, status_reason => ''out_sold'')', 'SC003', 'SC001', 'SC001'),
	('SELECT sales_crm.win_opportunity(opportunity_id => %1$s, close_open_quotes => true)', 'won', 'SC001', 'SC001'),
	('SELECT sales_crm.lose_opportunity(opportunity_id => %1$s)', 'lost', 'SC001', 'SC001'),
	('SELECT sales_crm.lose_opportunity(opportunity_id => %1$s, status_reason => NULL)', 'lost', 'SC001', 'SC001'),
	('SELECT sales_crm.lose_opportunity(opportunity_id => %1$s, status_reason => ''out_sold'')', 'lost', 'SC001', 'SC001'),
	('SELECT sales_crm.lose_opportunity(opportunity_id => %1$s, status_reason => ''won'')', 'SC003', 'SC001', 'SC001'),
	('SELECT sales_crm.lose_opportunity(opportunity_id => %1$s, status_reason => ''on_hold'')', 'SC003', 'SC001', 'SC001'),
	('SELECT sales_crm.reopen_opportunity(opportunity_id => %1$s)', 'SC001', 'open', 'open'),
	('SELECT sales_crm.create_quote_from_opportunity(opportunity_id => %1$s)', 'open', 'won', 'lost'),
	('SELECT sales_crm.create_order_from_opportunity(opportunity_id => %1$s)', 'open', 'won', 'lost'),
	('SELECT sales_crm.create_invoice_from_opportunity(opportunity_id => %1$s)', 'open', 'won', 'lost'),
	('SELECT sales_crm.qualify_lead(lead_id => pg_temp.new_lead(), opportunity_id => %1$s)', 'open', 'SC001', 'SC001'),
	('UPDATE crm.opportunity SET state = ''open'' WHERE opportunity_id = %1$s', 'open', 'SC001', 'SC001'),
	('UPDATE crm.opportunity SET state = ''won'' WHERE opportunity_id = %1$s', 'SC001', 'won', 'SC001'),
	('UPDATE crm.opportunity SET state = ''won'', status_reason = ''won'' WHERE opportunity_id = %1$s', 'SC001', 'won', 'SC001'),
	('UPDATE crm.opportunity SET state = ''lost'' WHERE opportunity_id = %1$s', 'SC001', 'SC001', 'lost'),
	('UPDATE crm.opportunity SET state = ''lost'', status_reason = ''canceled'' WHERE opportunity_id = %1$s', 'SC001', 'SC001', 'lost'),
	('UPDATE crm.opportunity SET state = ''gone'' WHERE opportunity_id = %1$s', 'SC001', 'SC001', 'SC001'),
	('UPDATE crm.opportunity SET status_reason = ''on_hold'' WHERE opportunity_id = %1$s', 'open', 'SC003', 'SC003'),
	('UPDATE crm.opportunity SET status_reason = ''out_sold'' WHERE opportunity_id = %1$s', 'SC003', 'SC003', 'SC002'),
	('UPDATE crm.opportunity SET name = ''Other'' WHERE opportunity_id = %1$s', 'open', 'SC002', 'SC002'),
	('UPDATE crm.opportunity SET name = name, estimated_value = estimated_value WHERE opportunity_id = %1$s', 'open', 'won', 'lost'),
	('UPDATE crm.opportunity SET estimated_value = 1 WHERE opportunity_id = %1$s', 'open', 'SC002', 'SC002'),
	('UPDATE crm.opportunity SET discount_percentage = 1 WHERE opportunity_id = %1$s', 'open', 'SC002', 'SC002'),
	('UPDATE crm.opportunity SET pipeline_phase = ''close'' WHERE opportunity_id = %1$s', 'open', 'SC002', 'SC002'),
	('UPDATE crm.opportunity SET description = ''Remark'' WHERE opportunity_id = %1$s', 'open', 'won', 'lost'),
	('UPDATE crm.opportunity SET owner_id = (SELECT owner_id FROM crm.owner WHERE name = ''Other team'') WHERE opportunity_id = %1$s', 'open', 'won', 'lost'),
	('INSERT INTO crm.opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (%1$s, ''More'', 5)', 'open', 'SC002', 'SC002'),
	('INSERT INTO crm.opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (%1$s, ''Free'', 0)', 'open', 'SC002', 'SC002'),
	('UPDATE crm.opportunity_product SET quantity = quantity + 1 WHERE opportunity_id = %1$s', 'open', 'SC002', 'SC002'),
	('UPDATE crm.opportunity_product SET description = ''Remark'' WHERE opportunity_id = %1$s', 'open', 'SC002', 'SC002'),
	('DELETE FROM crm.opportunity_product WHERE opportunity_id = %1$s', 'open', 'SC002', 'SC002'),
	('DELETE FROM crm.opportunity WHERE opportunity_id = %1$s', 'gone', 'SC002', 'SC002');

-- What a statement does to an opportunity in a state: the state it ends in, or the SQLSTATE.
CREATE FUNCTION pg_temp.end_of(state text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	id bigint := pg_temp.new_opportunity();
	refusal text;
BEGIN
	INSERT INTO crm.opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (id, 'Service', 100);
	CASE state
		WHEN 'open' THEN NULL;
		WHEN 'won' THEN PERFORM sales_crm.win_opportunity(opportunity_id => id);
		WHEN 'lost' THEN PERFORM sales_crm.lose_opportunity(opportunity_id => id);
	END CASE;
	refusal := pg_temp.refusal(format(statement, id));
	RETURN coalesce(refusal, (SELECT o.state FROM crm.opportunity AS o WHERE o.opportunity_id = id), 'gone');
END $$;

SELECT plan((3 * (SELECT count(*) FROM attempt))::integer + 25);

SELECT is(pg_temp.end_of(state, statement), wanted, state || ': ' || format(statement, 'id'))
  FROM attempt, LATERAL (VALUES ('open', open), ('won', won), ('lost', lost)) AS cell (state, wanted);

-- The machine as rows: these moves and no others.
SELECT set_eq($$SELECT from_state, to_state, made_by FROM crm.state_transition WHERE entity = 'opportunity'$$,
	$$VALUES (NULL, 'open', 'insert'), ('open', 'won', 'win_opportunity'), ('open', 'won', 'accept_quote'), ('open', 'lost', 'lose_opportunity'),
		('won', 'open', 'reopen_opportunity'), ('lost', 'open', 'reopen_opportunity')$$, 'state_transition of opportunity');
SELECT set_eq($$SELECT state, status_reason, is_default, is_read_only, dynamics_state, dynamics_status_reason FROM crm.status_reason WHERE entity = 'opportunity'$$,
	$$VALUES ('open', 'in_progress', true, false, 0, 1), ('open', 'on_hold', false, false, 0, 2), ('won', 'won', true, true, 1, 3),
		('lost', 'canceled', true, true, 2, 4), ('lost', 'out_sold', false, true, 2, 5)$$, 'status_reason of opportunity');

-- How one is born.
SELECT is(pg_temp.refusal(format('INSERT INTO crm.opportunity (name, account_id, state) VALUES (''x'', %s, %L)', pg_temp.new_account(), state)), code, 'born ' || state)
  FROM (VALUES ('open', NULL), ('won', 'SC001'), ('lost', 'SC001'), ('gone', 'SC001')) AS birth (state, code);
SELECT is(pg_temp.refusal(format('INSERT INTO crm.opportunity (name, account_id, status_reason) VALUES (''x'', %s, %L)', pg_temp.new_account(), reason)), code, 'born for reason ' || reason)
  FROM (VALUES ('on_hold', NULL), ('canceled', 'SC003'), ('nonsense', 'SC003')) AS birth (reason, code);
SELECT pg_temp.refused('INSERT INTO crm.opportunity (name) VALUES (''Deal'')', 'SC006', 'an opportunity without a customer');
SELECT pg_temp.refused(format('UPDATE crm.opportunity SET account_id = NULL WHERE opportunity_id = %s', pg_temp.new_opportunity()), 'SC006', 'nor may it lose its customer');

-- What the errors say.
SELECT pg_temp.refused(format('SELECT sales_crm.win_opportunity(opportunity_id => %s)', pg_temp.opportunity_in('lost')), 'SC001', 'winning a lost one is refused, with detail and hint');
SELECT pg_temp.refused(format('UPDATE crm.opportunity SET name = ''x'' WHERE opportunity_id = %s', pg_temp.opportunity_in('won')), 'SC002', 'and changing a won one');
SELECT pg_temp.refused(format('DELETE FROM crm.opportunity WHERE opportunity_id = %s', pg_temp.opportunity_in('won')), 'SC002', 'and deleting it');
SELECT pg_temp.refused(format('INSERT INTO crm.opportunity_product (opportunity_id, product_description) VALUES (%s, ''x'')', pg_temp.opportunity_in('won')), 'SC002', 'and a line more');
SELECT pg_temp.refused(format('SELECT sales_crm.lose_opportunity(opportunity_id => %s, status_reason => ''bored'')', pg_temp.new_opportunity()), 'SC003', 'and an unknown reason');
SELECT alike(pg_temp.words(format('SELECT sales_crm.win_opportunity(opportunity_id => %s)', pg_temp.opportunity_in('lost'))), '%reopen_opportunity()%', 'the hint names the way out');

-- Keys that are none.
SELECT pg_temp.refused(format('SELECT sales_crm.%s(opportunity_id => NULL)', call), '22004', call || '(NULL)')
  FROM (VALUES ('win_opportunity'), ('lose_opportunity'), ('reopen_opportunity')) AS calls (call);
SELECT pg_temp.refused(format('SELECT sales_crm.%s(opportunity_id => 0)', call), 'P0002', call || '(unknown)')
  FROM (VALUES ('win_opportunity'), ('lose_opportunity'), ('reopen_opportunity')) AS calls (call);

-- Competitors and history.
SELECT is(pg_temp.refusal(format('INSERT INTO crm.opportunity_competitor (opportunity_id, competitor_id) VALUES (%s, %s)', pg_temp.new_opportunity(), :competitor_id)), NULL, 'an open deal may have competitors');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
