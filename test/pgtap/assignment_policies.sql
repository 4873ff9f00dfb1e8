-- Assignment of leads: turns, weights, load, capacity, absence, territories, teams, conditions; by the seeded rule and by hand; history.
BEGIN;
\ir ../lib/pgtap.sql
SELECT plan(71);

-- Users, and how leads are shown: the first letters of the owners of the latest ones, in order; - is the default team.
INSERT INTO crm.crm_user (name) VALUES ('Ann'), ('Bob'), ('Cid'), ('Dan');
INSERT INTO crm.team (name) VALUES ('Queue');
CREATE FUNCTION pg_temp.owner(who text) RETURNS bigint LANGUAGE sql AS 'SELECT owner_id FROM crm.owner WHERE name = who';
CREATE FUNCTION pg_temp.owners(latest int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(left(replace(name, 'Default Team', '-'), 1), '' ORDER BY lead_id)
	  FROM (SELECT lead_id, owner.name FROM crm.lead JOIN crm.owner USING (owner_id) ORDER BY lead_id DESC LIMIT latest) AS last_ones
$$;
-- So many new leads that nobody is named for.
CREATE FUNCTION pg_temp.come(n int, source text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO crm.lead (company_name, lead_source) SELECT 'Lead ' || i, source FROM generate_series(1, n) AS i;
	RETURN pg_temp.owners(n);
END $$;
CREATE FUNCTION pg_temp.policy(policy text, members text, method text DEFAULT 'round_robin', sort int DEFAULT 0) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	made bigint;
BEGIN
	INSERT INTO crm.assignment_policy (name, method, sort_order) VALUES (policy, method, sort) RETURNING assignment_policy_id INTO made;
	INSERT INTO crm.assignment_member (assignment_policy_id, owner_id, sort_order)
	SELECT made, pg_temp.owner(who), place FROM unnest(string_to_array(members, ',')) WITH ORDINALITY AS m (who, place);
	RETURN made;
END $$;
CREATE FUNCTION pg_temp.reasons(latest int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(reason, ',' ORDER BY assignment_history_id)
	  FROM (SELECT * FROM crm.assignment_history ORDER BY assignment_history_id DESC LIMIT latest) AS last_ones
$$;

-- As installed nothing is assigned.
SELECT results_eq('SELECT name, is_active FROM crm.assignment_policy ORDER BY sort_order', $$VALUES ('Territory', false), ('Load balanced', false), ('Round robin', false)$$, 'three policies wait for members');
SELECT is(pg_temp.come(1), '-', 'a lead stays with the default team');
UPDATE crm.automation_rule SET is_active = true WHERE name = 'Assign new leads';
SELECT is(pg_temp.come(1), '-', 'also with the rule, while no policy is active');
SELECT is(count(*), 0::bigint, 'which leaves no trace') FROM crm.assignment_history;

-- Turns.
SELECT pg_temp.policy('Turns', 'Ann,Bob,Cid') AS turns \gset
SELECT is(pg_temp.come(1), 'A', 'the first in order');
SELECT is(pg_temp.come(1), 'B', 'the next one');
SELECT is(pg_temp.come(5), 'CABCA', 'on through a statement of many');
SELECT is(pg_temp.come(2), 'BC', 'and from there');
SELECT is((SELECT owner_id FROM sales_crm.assign_lead((SELECT max(lead_id) FROM crm.lead))), pg_temp.owner('Ann'), 'by hand too');
SELECT is(pg_temp.owners(1), 'A', 'the lead has him then');
SELECT is(pg_temp.come(1), 'B', 'turns are one line for rule and hand');
UPDATE crm.assignment_member SET is_available = false WHERE owner_id = pg_temp.owner('Cid');
SELECT is(pg_temp.come(3), 'ABA', 'who is not available is left out');
UPDATE crm.assignment_member SET is_available = true;
SELECT is(pg_temp.come(4), 'CBCA', 'and comes back with what he was owed');
UPDATE crm.assignment_member SET weight = 2 WHERE owner_id = pg_temp.owner('Ann');
DELETE FROM crm.assignment_turn;
SELECT is(pg_temp.come(8), 'ABCAABCA', 'weight 2: twice as often, spread');
UPDATE crm.assignment_member SET weight = 1;
DELETE FROM crm.assignment_turn;
SELECT results_eq($$SELECT reason, to_owner_id = pg_temp.owner('Ann'), from_owner_id, assigned_by FROM crm.assignment_history ORDER BY assignment_history_id LIMIT 1$$,
	$$SELECT 'round_robin', true, owner_id, NULL::bigint FROM crm.team WHERE is_default$$, 'history: why, to whom, from whom, by whom');

-- Away days are those of the organization's calendar.
UPDATE crm.assignment_member SET away_from = '2026-03-02', away_to = '2026-03-03' WHERE owner_id = pg_temp.owner('Ann');
UPDATE crm.assignment_member SET away_from = '2026-03-03' WHERE owner_id = pg_temp.owner('Bob');
SET LOCAL sales_crm.now = '2026-03-01 23:59+00';
SELECT is(pg_temp.come(3), 'ABC', 'the day before');
SET LOCAL sales_crm.now = '2026-03-02 00:00+00';
SELECT is(pg_temp.come(2), 'BC', 'the first day');
SET LOCAL sales_crm.now = '2026-03-03 23:59+00';
SELECT is(pg_temp.come(2), 'CC', 'the last day, and one who is away until further notice');
SET LOCAL sales_crm.now = '2026-03-04 00:00+00';
SELECT is(pg_temp.come(2), 'AC', 'the day after');
RESET sales_crm.now;
UPDATE crm.assignment_member SET away_from = NULL, away_to = NULL;
UPDATE crm.crm_user SET is_disabled = true WHERE name = 'Cid';
DELETE FROM crm.assignment_turn;
SELECT is(pg_temp.come(3), 'ABA', 'a disabled user gets nothing');
UPDATE crm.crm_user SET is_disabled = false;

-- Only what nobody was named for.
INSERT INTO crm.lead (company_name, owner_id) VALUES ('Given', pg_temp.owner('Dan'));
SELECT is(pg_temp.owners(1), 'D', 'a lead that was given to somebody stays his');
UPDATE crm.crm_user SET role_name = current_user WHERE name = 'Dan';
SELECT is(pg_temp.come(1), 'D', 'and that of a user who makes it himself');
UPDATE crm.assignment_policy SET takes_creators = true WHERE name = 'Turns';
SELECT is(pg_temp.come(1), 'B', 'unless the policy takes those');
INSERT INTO crm.lead (company_name, owner_id) VALUES ('Given', pg_temp.owner('Cid'));
SELECT is(pg_temp.owners(1), 'C', 'still not what was given to another');
UPDATE crm.crm_user SET role_name = NULL WHERE name = 'Dan';
UPDATE crm.assignment_policy SET is_active = false WHERE name = 'Turns';

-- Load: the fewest open leads.
DELETE FROM crm.lead;
SELECT pg_temp.policy('Load', 'Ann,Bob,Cid', 'load_balanced') AS load \gset
INSERT INTO crm.lead (company_name, owner_id) SELECT 'Old', pg_temp.owner(who) FROM unnest('{Ann,Ann,Ann,Bob}'::text[]) AS who;
SELECT is(pg_temp.come(7), 'CBCBCAB', 'to who has the fewest, the first of equals');
SELECT sales_crm.disqualify_lead(lead_id) FROM crm.lead WHERE owner_id = pg_temp.owner('Cid') \g /dev/null
SELECT is(pg_temp.come(3), 'CCC', 'closed leads do not count');
UPDATE crm.assignment_member SET weight = 3 WHERE owner_id = pg_temp.owner('Cid') AND assignment_policy_id = :load;
SELECT is(pg_temp.come(6), 'CCCCCC', 'who has weight 3 may have three times as many');

-- Capacity: 5 for all, 10 for Cid.
DELETE FROM crm.lead WHERE state = 'open';
UPDATE crm.assignment_member SET weight = 1, max_open_records = CASE WHEN owner_id = pg_temp.owner('Cid') THEN 4 END WHERE assignment_policy_id = :load;
UPDATE crm.assignment_policy SET max_open_records = 2 WHERE assignment_policy_id = :load;
SELECT is(pg_temp.come(9), 'ABCABCCC-', 'two each, four for Cid, and the ninth stays');
SELECT is(pg_temp.reasons(9), repeat('load_balanced,', 8) || 'nobody_available', 'history says so');
SELECT is((SELECT to_owner_id FROM crm.assignment_history ORDER BY assignment_history_id DESC LIMIT 1), NULL, 'that nobody got it');
SELECT is((SELECT outcome FROM crm.automation_run ORDER BY automation_run_id DESC LIMIT 1), 'done', 'the rule ran for it');
SELECT lead_id AS anns FROM crm.lead WHERE owner_id = pg_temp.owner('Ann') AND state = 'open' LIMIT 1 \gset
SELECT is((SELECT owner_id FROM sales_crm.assign_lead(:anns)), pg_temp.owner('Ann'), 'a lead does not stand in its own way');
UPDATE crm.assignment_policy SET team_id = (SELECT team_id FROM crm.team WHERE name = 'Queue') WHERE assignment_policy_id = :load;
SELECT is(pg_temp.come(2), 'QQ', 'the team takes what nobody can');
SELECT is(pg_temp.reasons(2), 'team,team', 'and history says so');
INSERT INTO crm.queue (name) VALUES ('Overflow');
CREATE FUNCTION pg_temp.queued(latest int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(coalesce(left(queue_name, 1), '-'), '' ORDER BY lead_id) FROM (SELECT lead_id FROM crm.lead ORDER BY lead_id DESC LIMIT latest) AS last_ones LEFT JOIN crm.queue_work_list ON entity = 'lead' AND record_id = lead_id
$$;
SELECT is(pg_temp.queued(2), '--', 'in no queue');
UPDATE crm.assignment_policy SET queue_id = (SELECT queue_id FROM crm.queue WHERE name = 'Overflow') WHERE assignment_policy_id = :load;
SELECT is(pg_temp.come(2) || pg_temp.queued(2), 'QQOO', 'with a queue they go into that too');
UPDATE crm.assignment_policy SET team_id = NULL WHERE assignment_policy_id = :load;
SELECT is(pg_temp.come(2) || pg_temp.queued(2), '--OO', 'without the team they keep their owner');
SELECT is(pg_temp.reasons(2), 'queue,queue', 'and history says so');
UPDATE crm.assignment_member SET max_open_records = 5 WHERE assignment_policy_id = :load AND owner_id = pg_temp.owner('Cid');
SELECT is(pg_temp.come(2) || pg_temp.queued(2), 'C--O', 'the queue gets only what nobody can take');
UPDATE crm.queue SET state = 'inactive' WHERE name = 'Overflow';
SELECT is(pg_temp.come(1) || pg_temp.queued(1), '--', 'nothing while it is inactive');
UPDATE crm.assignment_policy SET max_open_records = 0, queue_id = NULL WHERE assignment_policy_id = :load;
UPDATE crm.assignment_member SET max_open_records = NULL WHERE assignment_policy_id = :load;
SELECT pg_temp.policy('Rest', 'Dan', sort => 5) AS rest \gset
SELECT is(pg_temp.come(2), 'DD', 'or the next policy');
SELECT is(pg_temp.reasons(2), 'round_robin,round_robin', 'which is one row of history each');

-- Conditions.
SELECT pg_temp.policy('Web', 'Bob', sort => -1) AS web \gset
UPDATE crm.assignment_policy SET lead_source = 'web' WHERE assignment_policy_id = :web;
SELECT is(pg_temp.come(1, 'web') || pg_temp.come(1, 'partner') || pg_temp.come(1), 'BDD', 'by source');
UPDATE crm.assignment_policy SET rating = 'hot' WHERE assignment_policy_id = :web;
SELECT is(pg_temp.come(1, 'web'), 'D', 'by rating as well');
SELECT pg_temp.refused(format('UPDATE crm.assignment_policy SET lead_source = ''webb'' WHERE assignment_policy_id = %s', :web), '23514', 'a source that no lead can have');
SELECT pg_temp.refused('INSERT INTO crm.assignment_policy (name, method, rating) VALUES (''Wrong'', ''round_robin'', ''lukewarm'')', '23514', 'nor a rating');
SELECT matches(pg_temp.words(format('UPDATE crm.assignment_policy SET rating = ''lukewarm'' WHERE assignment_policy_id = %s', :web)), 'no value of lead\.rating .*option_value', 'the way out is told');
INSERT INTO crm.option_value (entity, column_name, value, label) VALUES ('lead', 'rating', 'lukewarm', 'Lukewarm');
SELECT lives_ok(format('UPDATE crm.assignment_policy SET rating = ''lukewarm'' WHERE assignment_policy_id = %s', :web), 'an option that leads get is one here');
DELETE FROM crm.option_value WHERE value = 'lukewarm';
SELECT lives_ok(format('UPDATE crm.assignment_policy SET sort_order = -1 WHERE assignment_policy_id = %s', :web), 'and one that goes is only missed when it is written');
UPDATE crm.assignment_policy SET rating = 'hot' WHERE assignment_policy_id = :web;
SELECT lead_id AS any FROM crm.lead WHERE state = 'open' ORDER BY lead_id DESC LIMIT 1 \gset
SELECT is((SELECT owner_id FROM sales_crm.assign_lead(:any, 'Web')), pg_temp.owner('Bob'), 'a policy that is named is not asked for its conditions');
UPDATE crm.assignment_policy SET is_active = false;

-- Territories: Ann in Spain, Bob and Cid in Catalonia, which is in Spain.
INSERT INTO crm.territory (name) VALUES ('Spain') RETURNING territory_id AS spain \gset
INSERT INTO crm.territory (name, parent_territory_id) VALUES ('Catalonia', :spain) RETURNING territory_id AS catalonia \gset
INSERT INTO crm.territory_area (territory_id, country, state_or_province) VALUES (:spain, 'Spain', NULL), (:catalonia, 'Spain', 'Catalonia');
UPDATE crm.crm_user SET territory_id = CASE name WHEN 'Ann' THEN :spain WHEN 'Dan' THEN NULL ELSE :catalonia END;
CREATE FUNCTION pg_temp.come_from(country text, state text, n int DEFAULT 1) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO crm.lead (company_name, address_country, address_state_or_province) SELECT 'Lead ' || i, country, state FROM generate_series(1, n) AS i;
	RETURN pg_temp.owners(n);
END $$;
UPDATE crm.assignment_policy SET is_active = true WHERE name = 'Territory';
SELECT is(pg_temp.come_from('Spain', 'Catalonia', 3), 'BCB', 'users of the territory in turn');
SELECT is(pg_temp.come_from('Spain', 'Madrid', 2), 'AA', 'those of another');
SELECT is(pg_temp.come_from('France', NULL), '-', 'nobody for other countries');
SELECT is(pg_temp.reasons(6), 'territory,territory,territory,territory,territory,nobody_available', 'history');
UPDATE crm.crm_user SET is_disabled = true WHERE name IN ('Bob', 'Cid');
SELECT is(pg_temp.come_from('Spain', 'Catalonia'), 'A', 'the nearest territory above with somebody');
UPDATE crm.crm_user SET is_disabled = false;
INSERT INTO crm.assignment_member (assignment_policy_id, owner_id) SELECT assignment_policy_id, pg_temp.owner('Bob') FROM crm.assignment_policy WHERE name = 'Territory';
SELECT is(pg_temp.come_from('Spain', 'Catalonia', 2) || pg_temp.come_from('Spain', NULL), 'BB-', 'members only, where there are any');
UPDATE crm.assignment_policy SET is_active = name = 'Rest', territory_id = :spain;
SELECT is(pg_temp.come_from('Spain', 'Catalonia') || pg_temp.come_from('France', NULL), 'D-', 'a territory as condition holds below it, and nowhere else');
SELECT is(pg_temp.reasons(2), 'nobody_available,round_robin', 'a lead that no policy is for leaves no trace');

-- Refusals.
SELECT pg_temp.refused('SELECT sales_crm.assign_lead(NULL)', '22004', 'no lead');
SELECT pg_temp.refused('SELECT sales_crm.assign_lead(-1)', 'P0002', 'an unknown lead');
SELECT pg_temp.refused(format('SELECT sales_crm.assign_lead(%s, ''No such'')', :any), 'P0002', 'an unknown policy');
SELECT pg_temp.refused(format('SELECT sales_crm.assign_lead(%s, ''Turns'')', :any), '22023', 'an inactive policy');
SELECT pg_temp.refused(format('SELECT sales_crm.assign_lead(%s)', pg_temp.lead_in('disqualified')), 'SC001', 'a closed lead');
\ir ../lib/automation.sql
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', NULL, ARRAY['{"assign": {"method": "dice"}}']::jsonb[])$$, '22023', 'a rule with an unknown method');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'account', 'created', NULL, ARRAY['{"assign": {"method": "policy"}}']::jsonb[])$$, '22023', 'a rule of another entity');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', NULL, ARRAY['{"assign": {"method": "policy", "policy": "No such"}}']::jsonb[])$$, '22023', 'a rule with an unknown policy');
SELECT pg_temp.refused($$SELECT pg_temp.rule('r', 'lead', 'created', NULL, ARRAY['{"assign": {"owner_id": "1", "policy": "Turns"}}']::jsonb[])$$, '22023', 'a policy beside an owner');

-- A rule that names its policy: for leads that its condition and the policy's are for.
UPDATE crm.assignment_policy SET is_active = name = 'Web', territory_id = NULL;
SELECT pg_temp.rule('partners', 'lead', 'created', $$new.company_name = 'Lead 1'$$, ARRAY['{"assign": {"method": "policy", "policy": "Web"}}']::jsonb[]) \gset
UPDATE crm.assignment_policy SET rating = NULL WHERE assignment_policy_id = :web;
SELECT is(pg_temp.come(2, 'web') || pg_temp.come(1, 'partner'), 'B--', 'a rule with a policy');
UPDATE crm.assignment_policy SET is_active = false;
SELECT is(pg_temp.come(1, 'web'), '-', 'which keeps no lead out when it is inactive');
UPDATE crm.assignment_policy SET name = 'Renamed' WHERE assignment_policy_id = :web;
SELECT is(pg_temp.refusal($$SELECT pg_temp.come(1, 'web')$$), 'SC012', 'but does when it is not there');
SELECT is((SELECT count(*) FROM sales_crm.verify()), 0::bigint, 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
