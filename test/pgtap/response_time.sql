-- Working time in calendars, territories of addresses, the deadline of the first response to a lead, the response and its breach.
BEGIN;
\ir ../lib/pgtap.sql
SELECT plan(74);
SET LOCAL TIME ZONE 'UTC';

-- Minutes go on only while people work: Monday to Friday, 9 to 17, in UTC.
CREATE FUNCTION pg_temp.later(start_at text, minutes integer, calendar text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT to_char(end_at, 'Dy YYYY-MM-DD HH24:MI:SS') FROM sales_crm.add_working_time(start_at::timestamptz, minutes, calendar)
$$;
SELECT is(pg_temp.later('2026-03-02 10:00+00', 60), 'Mon 2026-03-02 11:00:00', 'within a day');
SELECT is(pg_temp.later('2026-03-02 16:00+00', 60), 'Mon 2026-03-02 17:00:00', 'to the end of the day');
SELECT is(pg_temp.later('2026-03-02 16:00+00', 61), 'Tue 2026-03-03 09:01:00', 'over the night');
SELECT is(pg_temp.later('2026-03-02 07:30+00', 30), 'Mon 2026-03-02 09:30:00', 'from before work');
SELECT is(pg_temp.later('2026-03-02 17:00+00', 30), 'Tue 2026-03-03 09:30:00', 'from when work ends');
SELECT is(pg_temp.later('2026-03-06 16:30+00', 60), 'Mon 2026-03-09 09:30:00', 'over the weekend');
SELECT is(pg_temp.later('2026-03-07 12:00+00', 480), 'Mon 2026-03-09 17:00:00', 'a whole day from a Saturday');
SELECT is(pg_temp.later('2026-03-02 09:00+00', 5 * 480), 'Fri 2026-03-06 17:00:00', 'a whole week');
SELECT is(pg_temp.later('2026-03-02 09:00:30.5+00', 52 * 5 * 480), 'Mon 2027-03-01 09:00:30', 'a whole year, to the second');
SELECT is(pg_temp.later('2026-03-02 10:15+00', 0), 'Mon 2026-03-02 10:15:00', 'nothing added within working time');
SELECT is(pg_temp.later('2026-03-07 10:15+00', 0), 'Mon 2026-03-09 09:00:00', 'nothing added outside: when work begins');
SELECT is(end_at, 'infinity', 'no end of infinity') FROM sales_crm.add_working_time('infinity', 5);
SELECT is(end_at, NULL, 'NULL in, NULL out') FROM sales_crm.add_working_time(NULL, 5);
INSERT INTO crm.holiday (working_calendar_id, holiday_date, name) SELECT working_calendar_id, day, 'Feast' FROM crm.working_calendar, unnest('{2026-03-03, 2026-03-04}'::date[]) AS day;
SELECT is(pg_temp.later('2026-03-02 16:00+00', 61), 'Thu 2026-03-05 09:01:00', 'over holidays');
SELECT is(pg_temp.later('2026-03-03 12:00+00', 1), 'Thu 2026-03-05 09:01:00', 'from a holiday');
CREATE FUNCTION pg_temp.between(start_at text, end_at text, calendar text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	SELECT minutes FROM sales_crm.working_minutes_between(start_at::timestamptz, end_at::timestamptz, calendar)
$$;
SELECT is(pg_temp.between('2026-03-02 10:00+00', '2026-03-02 10:59:59+00'), 59::bigint, 'whole minutes');
SELECT is(pg_temp.between('2026-03-02 16:00+00', '2026-03-05 10:00+00'), 120::bigint, 'two days with holidays between');
SELECT is(pg_temp.between('2026-03-05 10:00+00', '2026-03-02 16:00+00'), -120::bigint, 'backward');
SELECT is(pg_temp.between('2026-03-07 00:00+00', '2026-03-08 23:00+00'), 0::bigint, 'a weekend');
SELECT is(pg_temp.between('2026-01-01 00:00+00', '2027-01-01 00:00+00'), ((261 - 2) * 480)::bigint, 'a year of 261 weekdays, two of them holidays');
SELECT is(minutes, NULL, 'NULL in, NULL out') FROM sales_crm.working_minutes_between(now(), NULL);

-- Days on which the clocks change. Madrid goes on to summer time on 2026-03-29 at 2, and back on 2026-10-25 at 3.
INSERT INTO crm.working_calendar (name, time_zone) VALUES ('Madrid', 'Europe/Madrid'), ('Around the clock', 'Europe/Madrid');
INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time)
SELECT working_calendar_id, day, '09:00', '17:00' FROM crm.working_calendar, generate_series(1, 5) AS day WHERE name = 'Madrid';
INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time)
SELECT working_calendar_id, day, '00:00', '24:00' FROM crm.working_calendar, generate_series(1, 7) AS day WHERE name = 'Around the clock';
SELECT is(pg_temp.later('2026-03-27 15:30+00', 60, 'Madrid'), 'Mon 2026-03-30 07:30:00', 'Friday 16:30 in winter time, Monday 9:30 in summer time');
SELECT is(pg_temp.later('2026-10-23 14:30+00', 60, 'Madrid'), 'Mon 2026-10-26 08:30:00', 'Friday 16:30 in summer time, Monday 9:30 in winter time');
SELECT is(pg_temp.between('2026-03-29 00:00 Europe/Madrid', '2026-03-30 00:00 Europe/Madrid', 'Around the clock'), 23 * 60::bigint, 'a day of 23 hours');
SELECT is(pg_temp.between('2026-10-25 00:00 Europe/Madrid', '2026-10-26 00:00 Europe/Madrid', 'Around the clock'), 25 * 60::bigint, 'a day of 25 hours');
SELECT is(pg_temp.later('2026-10-24 22:00+00', 180, 'Around the clock'), 'Sun 2026-10-25 01:00:00', 'three hours are three hours while the clocks go back');
SELECT is(pg_temp.later('2026-03-01 08:30+00', 1, 'Madrid'), 'Mon 2026-03-02 08:01:00', 'the day is the calendar''s');
UPDATE crm.organization_setting SET value = 'America/New_York' WHERE name = 'time_zone';
SELECT is(pg_temp.later('2026-03-02 12:00+00', 60), 'Mon 2026-03-02 15:00:00', 'a calendar without a zone is in the organization''s');
UPDATE crm.organization_setting SET value = 'UTC' WHERE name = 'time_zone';

-- Several hours in a day, overlapping ones, a night.
INSERT INTO crm.working_calendar (name) VALUES ('Shop'), ('Empty');
INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time)
SELECT working_calendar_id, weekday, start_time, end_time FROM crm.working_calendar,
	(VALUES (1, time '14:00', time '18:00'), (1, '09:00', '12:00'), (1, '11:00', '13:00'), (5, '22:00', '24:00'), (6, '00:00', '02:00')) AS hours (weekday, start_time, end_time)
 WHERE name = 'Shop';
SELECT is(pg_temp.later('2026-03-02 08:00+00', 300, 'Shop'), 'Mon 2026-03-02 15:00:00', 'four hours before noon, overlapping, and one after');
SELECT is(pg_temp.later('2026-03-02 17:00+00', 180, 'Shop'), 'Sat 2026-03-07 00:00:00', 'on to Friday night');
SELECT is(pg_temp.between('2026-03-02 00:00+00', '2026-03-09 00:00+00', 'Shop'), 720::bigint, 'eight hours and a night of four');

-- Random spans of a month in which the clocks of New York change, against a count minute by minute; and back again.
INSERT INTO crm.working_calendar (name, time_zone) VALUES ('Random', 'America/New_York');
INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time)
SELECT working_calendar_id, day, start_time, end_time FROM crm.working_calendar, unnest('{1, 2, 4, 5, 6, 7}'::int[]) AS day,
	(VALUES (time '00:00', time '01:30'), ('05:15', '12:00'), ('11:00', '13:45'), ('22:00', '24:00')) AS hours (start_time, end_time)
 WHERE name = 'Random';
INSERT INTO crm.holiday (working_calendar_id, holiday_date) SELECT working_calendar_id, '2026-03-09' FROM crm.working_calendar WHERE name = 'Random';
SELECT setseed(0.5) \gset
CREATE TEMP TABLE span AS SELECT '2026-03-01 UTC'::timestamptz + (random() * 20000)::int * interval '1 minute' AS start_at, (random() * 20000)::int AS minutes FROM generate_series(1, 30);
CREATE TEMP TABLE working_minute AS
SELECT minute FROM generate_series('2026-03-01 UTC'::timestamptz, '2026-04-01', '1 minute') AS minute, LATERAL (SELECT minute AT TIME ZONE 'America/New_York' AS local) AS clock
 WHERE extract(isodow FROM local) <> 3 AND local::date <> '2026-03-09' AND (local::time < '01:30' OR local::time >= '05:15' AND local::time < '13:45' OR local::time >= '22:00');
SELECT is_empty($$SELECT start_at, minutes FROM span WHERE pg_temp.between(start_at::text, (start_at + minutes * interval '1 minute')::text, 'Random')
	<> (SELECT count(*) FROM working_minute WHERE minute >= start_at AND minute < start_at + minutes * interval '1 minute')$$, 'counted as minute by minute');
SELECT is_empty($$SELECT start_at, minutes FROM span, LATERAL sales_crm.add_working_time(start_at, minutes, 'Random')
	WHERE pg_temp.between(start_at::text, end_at::text, 'Random') <> minutes$$, 'what was added is what lies between');

SELECT pg_temp.refused($$SELECT sales_crm.add_working_time(now(), 1, 'No such')$$, 'P0002', 'an unknown calendar');
SELECT pg_temp.refused($$SELECT sales_crm.working_minutes_between(now(), now(), 'No such')$$, 'P0002', 'an unknown calendar to count in');
SELECT pg_temp.refused($$SELECT sales_crm.add_working_time(now(), -1)$$, '22023', 'negative minutes');
SELECT pg_temp.refused($$SELECT sales_crm.add_working_time(now(), 1, 'Empty')$$, '22023', 'a calendar without hours');
SELECT is(pg_temp.between('2026-03-02 10:00+00', '2027-03-02 10:00+00', 'Empty'), 0::bigint, 'which counts nothing');
SELECT pg_temp.refused($$SELECT sales_crm.working_minutes_between('-infinity', now())$$, '22008', 'a moment that is none');
SELECT pg_temp.refused($$INSERT INTO crm.working_calendar (name, time_zone) VALUES ('Moon', 'Moon/Crater')$$, '22023', 'an unknown time zone');
SELECT throws_ok($$INSERT INTO crm.working_calendar (name, is_default) VALUES ('Second', true)$$, '23505', NULL, 'one default');
SELECT throws_ok($$INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time) SELECT working_calendar_id, 0, '09:00', '10:00' FROM crm.working_calendar LIMIT 1$$, '23514', NULL, 'no weekday 0');
SELECT throws_ok($$INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time) SELECT working_calendar_id, 1, '17:00', '09:00' FROM crm.working_calendar LIMIT 1$$, '23514', NULL, 'hours that end before they begin');

-- No deadline unless the organization wants one.
INSERT INTO crm.lead (company_name) VALUES ('None') RETURNING lead_id AS none \gset
SELECT ok(first_response_due_at IS NULL, 'no deadline by default') FROM crm.lead WHERE lead_id = :none;

-- The deadline counts in the calendar of the lead's territory.
UPDATE crm.organization_setting SET value = '90' WHERE name = 'first_response_minutes';
INSERT INTO crm.territory (name) VALUES ('Spain') RETURNING territory_id AS spain \gset
INSERT INTO crm.territory (name, parent_territory_id) VALUES ('Catalonia', :spain) RETURNING territory_id AS catalonia \gset
INSERT INTO crm.territory_area (territory_id, country, state_or_province, postal_code_prefix)
VALUES (:spain, 'Spain', NULL, NULL), (:catalonia, 'Spain', 'Catalonia', NULL), (:catalonia, 'Spain', NULL, '08');
UPDATE crm.working_calendar SET territory_id = :spain WHERE name = 'Madrid';
SET LOCAL sales_crm.now = '2026-03-06 16:30+00';
CREATE FUNCTION pg_temp.due(country text DEFAULT NULL, state text DEFAULT NULL, postal text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	INSERT INTO crm.lead (company_name, address_country, address_state_or_province, address_postal_code) VALUES ('Due', country, state, postal)
	RETURNING to_char(first_response_due_at, 'Dy YYYY-MM-DD HH24:MI')
$$;
SELECT is(pg_temp.due(), 'Mon 2026-03-09 10:00', '90 minutes of the default calendar');
SELECT is(pg_temp.due('Portugal'), 'Mon 2026-03-09 10:00', 'and where no territory is');
SELECT is(pg_temp.due('spain '), 'Mon 2026-03-09 09:30', 'those of the territory; capitals and spaces do not count');
SELECT is(pg_temp.due('Spain', 'catalonia'), 'Mon 2026-03-09 09:30', 'those of the territory above');
INSERT INTO crm.working_calendar (name, territory_id) VALUES ('Barcelona', :catalonia) RETURNING working_calendar_id AS barcelona \gset
INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time) VALUES (:barcelona, 6, '10:00', '14:00');
SELECT is(pg_temp.due('Spain', 'Catalonia'), 'Sat 2026-03-07 11:30', 'its own ones');
SELECT is(pg_temp.due('Spain', NULL, '0 8021'), 'Sat 2026-03-07 11:30', 'by the postal code');
SELECT is(pg_temp.due('Spain', 'Madrid', '28080'), 'Mon 2026-03-09 09:30', 'another postal code');
UPDATE crm.organization_setting SET value = 'Spain' WHERE name = 'default_country';
SELECT is(pg_temp.due(NULL, NULL, '08021'), 'Sat 2026-03-07 11:30', 'in the default country');
UPDATE crm.territory SET state = 'inactive' WHERE territory_id = :catalonia;
SELECT is(pg_temp.due('Spain', NULL, '08021'), 'Mon 2026-03-09 09:30', 'an inactive territory has no area');
UPDATE crm.organization_setting SET value = '' WHERE name = 'default_country';
SELECT throws_ok($$INSERT INTO crm.territory_area (territory_id, country, postal_code_prefix) SELECT territory_id, 'SPAIN', ' 08' FROM crm.territory LIMIT 1$$, '23505', NULL, 'one territory for a place');
DELETE FROM crm.working_hours WHERE working_calendar_id = (SELECT working_calendar_id FROM crm.working_calendar WHERE is_default);
SELECT is(pg_temp.due(), NULL, 'a calendar without hours keeps no lead out');
INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time) SELECT working_calendar_id, day, '09:00', '17:00' FROM crm.working_calendar, generate_series(1, 5) AS day WHERE is_default;
INSERT INTO crm.lead (company_name, first_response_due_at, first_response_at) VALUES ('Own', now(), now()) RETURNING lead_id AS own \gset
SELECT is(first_response_at, NULL, 'nobody writes a response himself') FROM crm.lead WHERE lead_id = :own;
SELECT pg_temp.refused(format('UPDATE crm.lead SET first_response_at = now() WHERE lead_id = %s', :own), '428C9', 'nor later');
SELECT pg_temp.refused(format('UPDATE crm.lead SET first_response_due_at = NULL WHERE lead_id = %s', :own), '428C9', 'nor another deadline');

-- The response: the first call, mail or meeting from us that is completed.
SELECT lead_id AS lead, first_response_due_at AS due FROM crm.lead WHERE lead_id = :own \gset
CREATE FUNCTION pg_temp.done(type text, direction text DEFAULT NULL, reason text DEFAULT 'completed', id bigint DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	made bigint;
BEGIN
	INSERT INTO crm.activity (activity_type, subject, direction, regarding_entity, regarding_id) VALUES (type, 'Hello', direction, 'lead', id) RETURNING activity_id INTO made;
	UPDATE crm.activity SET state = 'completed', status_reason = reason WHERE activity_id = made;
	RETURN (SELECT to_char(first_response_at, 'Dy HH24:MI ') || first_response_minutes FROM crm.lead WHERE lead_id = id);
END $$;
SET LOCAL sales_crm.now = '2026-03-09 10:30+00';
SELECT is(pg_temp.done('task', id => :lead), NULL, 'a task is no response');
SELECT is(pg_temp.done('phone_call', 'incoming', id => :lead), NULL, 'nor a call from the lead');
SELECT is((SELECT is_breached FROM crm.bi_lead_response WHERE lead_id = :lead), true, 'by now it is overdue');
SELECT is((SELECT is_waiting FROM crm.bi_lead_response WHERE lead_id = :lead), true, 'and waits');
SELECT is(pg_temp.done('phone_call', 'outgoing', id => :lead), 'Mon 10:30 120', 'a call to the lead is one');
SELECT is((SELECT is_breached FROM crm.bi_lead_response WHERE lead_id = :lead), true, 'it came too late');
SET LOCAL sales_crm.now = '2026-03-09 11:30+00';
SELECT is(pg_temp.done('email', 'outgoing', id => :lead), 'Mon 10:30 120', 'the first one counts');
SET LOCAL sales_crm.now = '2026-03-09 09:59+00';
INSERT INTO crm.lead (company_name) VALUES ('Quick') RETURNING lead_id AS quick \gset
SET LOCAL sales_crm.now = '2026-03-09 10:05+00';
SELECT is(pg_temp.done('appointment', id => :quick), 'Mon 10:05 6', 'a meeting too');
SELECT is((SELECT is_breached FROM crm.bi_lead_response WHERE lead_id = :quick), false, 'in time');
SELECT is(pg_temp.done('phone_call', 'outgoing', id => :none), NULL, 'a lead without a deadline waits for none');

-- The seeded rule tells of a breach, when it comes due: an event, and a task for the manager of the lead's owner.
WITH manager AS (INSERT INTO crm.crm_user (name) VALUES ('Mia') RETURNING crm_user_id)
INSERT INTO crm.crm_user (name, manager_crm_user_id) SELECT 'Sam', crm_user_id FROM manager;
SET LOCAL sales_crm.now = '2026-03-10 09:00+00';
UPDATE crm.automation_rule SET is_active = true WHERE name = 'Lead response overdue';
INSERT INTO crm.lead (company_name, owner_id) SELECT 'Late', owner_id FROM crm.owner WHERE name = 'Sam' RETURNING lead_id AS late \gset
INSERT INTO crm.lead (company_name) VALUES ('Answered') RETURNING lead_id AS answered \gset
INSERT INTO crm.lead (company_name) VALUES ('Closed') RETURNING lead_id AS closed \gset
INSERT INTO crm.lead (company_name) VALUES ('Nobody''s') RETURNING lead_id AS nobodys \gset
SELECT results_eq(format('SELECT entity, action FROM sales_crm.dry_run(''Lead response overdue'', ''lead'', %s)', :late),
	$$VALUES ('lead'::text, 'put_outbox'::text), ('activity', 'create_activity')$$, 'an event and a task');
SET LOCAL sales_crm.now = '2026-03-10 10:00+00';
SELECT pg_temp.done('email', 'outgoing', id => :answered) \gset
SELECT state FROM sales_crm.disqualify_lead(:closed) \gset
SET LOCAL sales_crm.now = '2026-03-10 10:29:59+00';
SELECT ran FROM sales_crm.run_due_automation() \gset
SELECT is(count(*), 0::bigint, 'nothing while there is time') FROM crm.outbox_event WHERE event_name = 'lead.response_overdue';
SET LOCAL sales_crm.now = '2026-03-10 10:30+00';
SELECT ran FROM sales_crm.run_due_automation() \gset
SELECT ran FROM sales_crm.run_due_automation() \gset
SELECT results_eq($$SELECT aggregate_id, payload ->> 'lead_id' FROM crm.outbox_event WHERE event_name = 'lead.response_overdue' ORDER BY 1$$,
	format($$VALUES (%s::bigint, '%s'), (%s, '%s')$$, :late, :late, :nobodys, :nobodys), 'an event for each open lead without a response, once');
SELECT results_eq($$SELECT regarding_id, owner.name, subject, priority, scheduled_end_at FROM crm.activity JOIN crm.owner USING (owner_id) WHERE subject LIKE 'Response overdue%' ORDER BY 1$$,
	format($$VALUES (%s::bigint, 'Mia', 'Response overdue: Late', 'high', '2026-03-10 14:30+00'::timestamptz), (%s, 'Default Team', 'Response overdue: Nobody''s', 'high', '2026-03-10 14:30+00')$$, :late, :nobodys),
	'a task for the manager, else for the owner, in four hours');
SELECT is((SELECT string_agg(is_breached::text, ',' ORDER BY lead_id) FROM crm.bi_lead_response WHERE lead_id IN (:late, :answered, :closed, :nobodys)), 'true,false,false,true', 'the view says the same');
SELECT is((SELECT count(*) FROM sales_crm.verify()), 0::bigint, 'all invariants hold');
SELECT * FROM finish();
ROLLBACK;
