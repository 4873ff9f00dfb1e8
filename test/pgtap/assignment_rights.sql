-- Whose rights assignment and first responses need: sellers use them, administrators set them up, nobody writes turns and history by hand.
BEGIN;
\ir ../lib/pgtap.sql
SELECT plan(28);

CREATE ROLE tap_boss;
CREATE ROLE tap_seller;
CREATE ROLE tap_reader;
SELECT sales_crm.grant_access(role => r, level => l) FROM (VALUES ('tap_boss', 'admin'), ('tap_seller', 'sell'), ('tap_reader', 'read')) AS v (r, l) \g /dev/null
INSERT INTO crm.crm_user (name, role_name) VALUES ('Ann', NULL), ('Bob', NULL), ('Sue', 'tap_seller'), ('Boss', 'tap_boss');
CREATE FUNCTION pg_temp.owner(who text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT owner_id FROM crm.owner WHERE name = who';
CREATE FUNCTION pg_temp.owner_of(id bigint) RETURNS text LANGUAGE sql AS 'SELECT name FROM crm.lead JOIN crm.owner USING (owner_id) WHERE lead_id = id';

-- Set up by an administrator, as himself.
SET LOCAL ROLE tap_boss;
SELECT lives_ok($$UPDATE crm.assignment_policy SET is_active = true, takes_creators = true WHERE name = 'Load balanced'$$, 'an administrator switches a policy on');
SELECT lives_ok($$INSERT INTO crm.assignment_member (assignment_policy_id, owner_id) SELECT assignment_policy_id, owner_id FROM crm.assignment_policy, crm.owner WHERE assignment_policy.name = 'Load balanced' AND owner.name IN ('Ann', 'Bob') ORDER BY owner_id$$, 'and names its members');
SELECT pg_temp.refused($$UPDATE crm.automation_rule SET is_active = true WHERE name = 'Assign new leads'$$, '42501', 'the rule runs as who made the organization', 'tap_boss');
SET LOCAL ROLE tap_boss;
SELECT lives_ok($$UPDATE crm.automation_rule SET is_active = true, rule_owner = 'tap_boss' WHERE name = 'Assign new leads'$$, 'until he makes it his own');
SELECT lives_ok($$UPDATE crm.organization_setting SET value = '60' WHERE name = 'first_response_minutes'$$, 'he sets a deadline');
SELECT lives_ok($$INSERT INTO crm.territory_area (territory_id, country) SELECT territory_id, 'Spain' FROM crm.territory$$, 'areas');
SELECT lives_ok($$INSERT INTO crm.holiday (working_calendar_id, holiday_date) SELECT working_calendar_id, '2026-12-25' FROM crm.working_calendar$$, 'and holidays');
RESET ROLE;

-- A seller makes leads, which go to others.
CREATE FUNCTION pg_temp.sell(statement text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.outcome(statement, 'tap_seller') $$;
SELECT pg_temp.sell($$INSERT INTO crm.lead (company_name) VALUES ('One') RETURNING lead_id$$) AS one \gset
SELECT is(pg_temp.owner_of(:one), 'Ann', 'the rule gives the lead of a seller away');
SELECT is((SELECT assigned_by FROM crm.assignment_history), pg_temp.owner('Boss'), 'in the name of its owner');
SELECT is((SELECT created_by FROM crm.lead WHERE lead_id = :one), pg_temp.owner('Sue'), 'the lead is made by the seller');
SELECT is(pg_temp.sell(format('SELECT owner_id FROM sales_crm.assign_lead(%s)', :one)), pg_temp.owner('Ann')::text, 'he assigns by hand');
SELECT is((SELECT assigned_by FROM crm.assignment_history ORDER BY assignment_history_id DESC LIMIT 1), pg_temp.owner('Sue'), 'in his own name');
SELECT is(pg_temp.refusal($$INSERT INTO crm.assignment_policy (name, method) VALUES ('x', 'round_robin')$$, 'tap_seller'), '42501', 'he makes no policies');
SELECT is(pg_temp.refusal(format('INSERT INTO crm.assignment_turn (assignment_policy_id, owner_id, balance) VALUES (1, 1, 0)'), 'tap_boss'), '42501', 'nobody writes turns');
SELECT is(pg_temp.refusal('DELETE FROM crm.assignment_history', 'tap_boss'), '42501', 'nor history');
SELECT is(pg_temp.refusal(format('SELECT sales_crm.assign_lead(%s)', :one), 'tap_reader'), '42501', 'a reader assigns nothing');
SELECT is(pg_temp.outcome($$SELECT sales_crm.working_minutes_between('2026-03-02 10:00+00', '2026-03-02 11:00+00')$$, 'tap_reader'), '60', 'but counts working time');

-- The first response of a seller, with a deadline that nobody can change.
SELECT ok(first_response_due_at IS NOT NULL, 'the lead has a deadline') FROM crm.lead WHERE lead_id = :one;
SELECT pg_temp.sell(format($$INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('phone_call', 'Hello', 'lead', %s) RETURNING activity_id$$, :one)) AS call \gset
SELECT is(pg_temp.sell(format($$UPDATE crm.activity SET state = 'completed' WHERE activity_id = %s RETURNING state$$, :call)), 'completed', 'a seller calls');
SELECT ok(first_response_at IS NOT NULL, 'which is the first response') FROM crm.lead WHERE lead_id = :one;
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET first_response_at = NULL WHERE lead_id = %s', :one), 'tap_boss'), '428C9', 'and stays');

-- Row security hides leads from the seller; they count as load all the same.
INSERT INTO crm.lead (company_name, owner_id) SELECT 'Hidden', pg_temp.owner('Ann') FROM generate_series(1, 3);
ALTER TABLE crm.lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY tap_own ON crm.lead TO tap_seller USING (company_name <> 'Hidden');
CREATE POLICY tap_all ON crm.lead TO tap_boss USING (true);
SELECT is(pg_temp.sell('SELECT count(*) FROM crm.lead'), '1', 'the seller sees one lead');
SELECT is(pg_temp.sell(format('SELECT owner_id FROM sales_crm.assign_lead(%s)', :one)), pg_temp.owner('Bob')::text, 'it goes to who has fewer of all leads');
SELECT is(pg_temp.sell(format('SELECT sales_crm.assign_lead(%s)', (SELECT max(lead_id) FROM crm.lead))), 'P0002', 'a hidden lead is not there');
SELECT pg_temp.sell($$INSERT INTO crm.lead (company_name) VALUES ('Two') RETURNING lead_id$$) AS two \gset
SELECT is(pg_temp.owner_of(:two), 'Bob', 'the rule counts all leads too');
SELECT is((SELECT count(*) FROM sales_crm.verify()), 0::bigint, 'all invariants hold');

-- Many leads in one statement: one line of turns, one row of history each.
ALTER TABLE crm.lead DISABLE ROW LEVEL SECURITY;
UPDATE crm.assignment_policy SET method = 'round_robin' WHERE name = 'Load balanced';
INSERT INTO crm.lead (company_name) SELECT 'Many ' || i FROM generate_series(1, 11000) AS i;
SELECT results_eq($$SELECT owner.name, count(*) FROM crm.lead JOIN crm.owner USING (owner_id) WHERE company_name LIKE 'Many %' GROUP BY 1 ORDER BY 1$$,
	$$VALUES ('Ann', 5500::bigint), ('Bob', 5500)$$, '11,000 leads in one statement are shared evenly');
SELECT is(count(*), 11000::bigint, 'each has its row of history') FROM crm.assignment_history WHERE reason = 'round_robin';
SELECT * FROM finish();
ROLLBACK;
