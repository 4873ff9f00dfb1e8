-- Every state of a lead against every call and every write by hand: what comes back, or the SQLSTATE.
BEGIN;
\ir ../lib/pgtap.sql

CREATE TEMP TABLE attempt (statement text, open text, qualified text, disqualified text);
INSERT INTO attempt VALUES
	-- %1$s is the lead; a state is what the lead ends in, five characters are the SQLSTATE
	('SELECT sales_crm.qualify_lead(lead_id => %1$s)', 'qualified', 'SC001', 'SC001'),
	('SELECT sales_crm.qualify_lead(lead_id => %1$s, create_account => false, create_contact => false, create_opportunity => false)', 'qualified', 'SC001', 'SC001'),
	('SELECT sales_crm.qualify_lead(lead_id => %1$s, status_reason => ''qualified'')', 'qualified', 'SC001', 'SC001'),
	('SELECT sales_crm.qualify_lead(lead_id => %1$s, status_reason => ''lost'')', 'SC003', 'SC001', 'SC001'),
	('SELECT sales_crm.qualify_leads(lead_ids => ARRAY[%1$s])', 'qualified', 'qualified', 'disqualified'),
	('SELECT sales_crm.preview_qualify_lead(lead_id => %1$s)', 'open', 'SC001', 'SC001'),
	('SELECT sales_crm.disqualify_lead(lead_id => %1$s)', 'disqualified', 'SC001', 'SC001'),
	('SELECT sales_crm.disqualify_lead(lead_id => %1$s, status_reason => ''cannot_contact'')', 'disqualified', 'SC001', 'SC001'),
	('SELECT sales_crm.disqualify_lead(lead_id => %1$s, status_reason => ''no_longer_interested'')', 'disqualified', 'SC001', 'SC001'),
	('SELECT sales_crm.disqualify_lead(lead_id => %1$s, status_reason => ''canceled'')', 'disqualified', 'SC001', 'SC001'),
	('SELECT sales_crm.disqualify_lead(lead_id => %1$s, status_reason => NULL)', 'disqualified', 'SC001', 'SC001'),
	('SELECT sales_crm.disqualify_lead(lead_id => %1$s, status_reason => ''qualified'')', 'SC003', 'SC001', 'SC001'),
	('SELECT sales_crm.disqualify_lead(lead_id => %1$s, status_reason => ''new'')', 'SC003', 'SC001', 'SC001'),
	('SELECT sales_crm.reopen_lead(lead_id => %1$s)', 'SC001', 'open', 'open'),
	('SELECT sales_crm.reopen_lead(lead_id => %1$s, status_reason => ''contacted'')', 'SC001', 'open', 'open'),
	('SELECT sales_crm.reopen_lead(lead_id => %1$s, status_reason => NULL)', 'SC001', 'open', 'open'),
	('SELECT sales_crm.reopen_lead(lead_id => %1$s, status_reason => ''lost'')', 'SC001', 'SC003', 'SC003'),
	('SELECT sales_crm.create_opportunity_from_lead(lead_id => %1$s)', 'SC001', 'qualified', 'SC001'),
	('UPDATE crm.lead SET state = ''open'' WHERE lead_id = %1$s', 'open', 'SC001', 'SC001'),
	('UPDATE crm.lead SET state = ''qualified'' WHERE lead_id = %1$s', 'SC001', 'qualified', 'SC001'),
	('UPDATE crm.lead SET state = ''qualified'', status_reason = ''qualified'' WHERE lead_id = %1$s', 'SC001', 'qualified', 'SC001'),
	('UPDATE crm.lead SET state = ''disqualified'' WHERE lead_id = %1$s', 'SC001', 'SC001', 'disqualified'),
	('UPDATE crm.lead SET state = ''disqualified'', status_reason = ''lost'' WHERE lead_id = %1$s', 'SC001', 'SC001', 'disqualified'),
	('UPDATE crm.lead SET state = ''gone'' WHERE lead_id = %1$s', 'SC001', 'SC001', 'SC001'),
	('UPDATE crm.lead SET state = NULL WHERE lead_id = %1$s', 'SC001', 'SC001', 'SC001'),
	('UPDATE crm.lead SET status_reason = ''contacted'' WHERE lead_id = %1$s', 'open', 'SC003', 'SC003'),
	('UPDATE crm.lead SET status_reason = ''canceled'' WHERE lead_id = %1$s', 'SC003', 'SC003', 'SC002'),
	('UPDATE crm.lead SET subject = ''Other'' WHERE lead_id = %1$s', 'open', 'SC002', 'SC002'),
	('UPDATE crm.lead SET subject = subject WHERE lead_id = %1$s', 'open', 'qualified', 'disqualified'),
	('UPDATE crm.lead SET account_id = pg_temp.new_account() WHERE lead_id = %1$s', 'open', 'SC002', 'SC002'),
	('UPDATE crm.lead SET description = ''Remark'' WHERE lead_id = %1$s', 'open', 'qualified', 'disqualified'),
	('UPDATE crm.lead SET owner_id = (SELECT owner_id FROM crm.owner WHERE name = ''Other team'') WHERE lead_id = %1$s', 'open', 'qualified', 'disqualified'),
	('DELETE FROM crm.lead WHERE lead_id = %1$s', 'gone', 'SC002', 'SC002');

INSERT INTO crm.team (name) VALUES ('Other team');

-- What a statement does to a lead in a state: the state it ends in, or the SQLSTATE.
CREATE FUNCTION pg_temp.end_of(state text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	id bigint := pg_temp.lead_in(state);
	refusal text := pg_temp.refusal(format(statement, id));
BEGIN
	RETURN coalesce(refusal, (SELECT l.state FROM crm.lead AS l WHERE l.lead_id = id), 'gone');
END $$;

SELECT plan((3 * (SELECT count(*) FROM attempt))::integer + 28);

SELECT is(pg_temp.end_of(state, statement), wanted, state || ': ' || format(statement, 'id'))
  FROM attempt, LATERAL (VALUES ('open', open), ('qualified', qualified), ('disqualified', disqualified)) AS cell (state, wanted);

-- The machine as rows: these moves and no others.
SELECT set_eq($$SELECT from_state, to_state, made_by FROM crm.state_transition WHERE entity = 'lead'$$,
	$$VALUES (NULL, 'open', 'insert'), ('open', 'qualified', 'qualify_lead'), ('open', 'qualified', 'qualify_leads'), ('open', 'disqualified', 'disqualify_lead'),
		('qualified', 'open', 'reopen_lead'), ('disqualified', 'open', 'reopen_lead')$$, 'state_transition of lead');
SELECT set_eq($$SELECT state, status_reason, is_default, is_read_only, dynamics_state, dynamics_status_reason FROM crm.status_reason WHERE entity = 'lead'$$,
	$$VALUES ('open', 'new', true, false, 0, 1), ('open', 'contacted', false, false, 0, 2), ('qualified', 'qualified', true, true, 1, 3),
		('disqualified', 'lost', true, true, 2, 4), ('disqualified', 'cannot_contact', false, true, 2, 5),
		('disqualified', 'no_longer_interested', false, true, 2, 6), ('disqualified', 'canceled', false, true, 2, 7)$$, 'status_reason of lead');

-- What the moves leave behind.
SELECT pg_temp.new_lead() AS lead_id \gset
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.disqualify_lead(lead_id => %s, status_reason => ''canceled'', description => ''no budget'')', :lead_id)), 'disqualified', 'disqualify_lead returns the state');
SELECT results_eq(format('SELECT state, status_reason FROM crm.lead WHERE lead_id = %s', :lead_id), $$VALUES ('disqualified', 'canceled')$$, 'the reason given is stored');
SELECT results_eq(format($$SELECT from_state, to_state, from_status_reason, to_status_reason, description FROM crm.status_history WHERE entity = 'lead' AND record_id = %s$$, :lead_id),
	$$VALUES ('open', 'disqualified', 'new', 'canceled', 'no budget')$$, 'the description goes to status_history');
SELECT is_empty(format($$SELECT FROM crm.activity WHERE regarding_entity = 'lead' AND regarding_id = %s$$, :lead_id), 'disqualifying writes no closing activity');
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.reopen_lead(lead_id => %s, status_reason => ''contacted'')', :lead_id)), 'open', 'reopen_lead returns the state');
SELECT is((SELECT status_reason FROM crm.lead WHERE lead_id = :lead_id), 'contacted', 'reopened with the reason given');
SELECT is(pg_temp.outcome(format('SELECT sales_crm.qualify_lead(lead_id => %s)::text IS NOT NULL', :lead_id)), 'true', 'a disqualified lead, reopened, can be qualified');
SELECT is((SELECT count(*) FROM crm.status_history WHERE entity = 'lead' AND record_id = :lead_id), 3::bigint, 'each move is in status_history, the birth is not');

SELECT pg_temp.lead_in('disqualified') AS lead_id \gset
SELECT is((SELECT status_reason FROM crm.lead WHERE lead_id = :lead_id), 'lost', 'disqualified for reason lost by default');
SELECT pg_temp.outcome(format('SELECT sales_crm.reopen_lead(lead_id => %s)', :lead_id)) AS result \gset
SELECT is((SELECT status_reason FROM crm.lead WHERE lead_id = :lead_id), 'new', 'reopened for reason new by default');

-- What the errors say.
SELECT pg_temp.refused(format('SELECT sales_crm.qualify_lead(lead_id => %s)', pg_temp.lead_in('qualified')), 'SC001', 'a second qualification is refused, with detail and hint');
SELECT pg_temp.refused(format('SELECT sales_crm.disqualify_lead(lead_id => %s)', pg_temp.lead_in('qualified')), 'SC001', 'so is disqualifying a qualified one');
SELECT pg_temp.refused(format('SELECT sales_crm.disqualify_lead(lead_id => %s, status_reason => ''bored'')', pg_temp.lead_in('open')), 'SC003', 'and an unknown reason');
SELECT pg_temp.refused(format('SELECT sales_crm.create_opportunity_from_lead(lead_id => %s)', pg_temp.lead_in('open')), 'SC001', 'and a further opportunity of an open lead');
SELECT alike(pg_temp.words(format('SELECT sales_crm.qualify_lead(lead_id => %s)', pg_temp.lead_in('qualified'))), '%reopen_lead()%', 'the hint names the way out');

-- Keys that are none.
SELECT pg_temp.refused(format('SELECT sales_crm.%s(%s => NULL)', call, argument), '22004', call || '(NULL)')
  FROM (VALUES ('qualify_lead', 'lead_id'), ('preview_qualify_lead', 'lead_id'), ('disqualify_lead', 'lead_id'), ('reopen_lead', 'lead_id'),
		('create_opportunity_from_lead', 'lead_id')) AS calls (call, argument);
SELECT pg_temp.refused(format('SELECT sales_crm.%s(lead_id => 0)', call), 'P0002', call || '(unknown)')
  FROM (VALUES ('qualify_lead'), ('preview_qualify_lead'), ('disqualify_lead'), ('reopen_lead'), ('create_opportunity_from_lead')) AS calls (call);

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
