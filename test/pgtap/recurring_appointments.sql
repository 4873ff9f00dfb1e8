-- Recurring appointments: the days of each rule, counted by hand; what instances take from the series and when they stop; ends, deletions, refusals (D§6.1, D§6.3).
BEGIN;
\ir ../lib/documents.sql
\ir ../lib/pgtap.sql
SET LOCAL search_path = tap, crm, public, pg_temp;
SELECT no_plan();
SET LOCAL sales_crm.now = '2026-01-01 08:00:00+00';	-- a Thursday

-- A series by that name: columns of its rule and of its activity as JSON; returns the key of the activity.
CREATE FUNCTION tap.series(name text, rule jsonb, more jsonb DEFAULT '{}') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	given jsonb := '{"start_time": "09:00", "starts_on": "2026-01-01"}'::jsonb || rule;
	made bigint;
BEGIN
	INSERT INTO activity (activity_type, subject, description, state, status_reason, regarding_entity, regarding_id, priority)
	SELECT 'recurring_appointment', name, m.description, coalesce(m.state, 'open'), coalesce(m.status_reason, 'free'), m.regarding_entity, m.regarding_id, m.priority
	FROM jsonb_populate_record(NULL::activity, more) AS m RETURNING activity_id INTO made;
	EXECUTE format('INSERT INTO recurring_appointment (activity_id, %1$s) SELECT $1, %1$s FROM jsonb_populate_record(NULL::recurring_appointment, $2)',
		(SELECT string_agg(key, ', ') FROM jsonb_object_keys(given) AS key)) USING made, given;
	RETURN remember(name, made);
END $$;
-- What expand_series() returns for a series: made, changed, removed.
CREATE FUNCTION tap.expand(name text, until date DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s %s', e.made, e.changed, e.removed) FROM sales_crm.expand_series(activity_id => id(name), until => until) AS e
$$;
CREATE VIEW tap.instance AS
SELECT m.subject AS series, r.recurring_appointment_id, i.recurring_appointment_day_id, i.original_on, i.original_start_at, a.*
FROM recurring_appointment AS r JOIN activity AS m USING (activity_id)
JOIN recurring_appointment_day AS i USING (recurring_appointment_id) LEFT JOIN activity AS a ON a.activity_id = i.activity_id;
-- The days that a series has appointments on.
CREATE FUNCTION tap.days(name text, format text DEFAULT 'YYYY-MM-DD') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(to_char(i.original_on, format), ' ' ORDER BY i.original_on) FROM recurring_appointment AS r
	JOIN recurring_appointment_day AS i USING (recurring_appointment_id) WHERE r.activity_id = id(name) AND i.activity_id IS NOT NULL
$$;
-- The appointment of a day.
CREATE FUNCTION tap.on_day(name text, day date) RETURNS bigint LANGUAGE sql AS $$
	SELECT i.activity_id FROM recurring_appointment AS r JOIN recurring_appointment_day AS i USING (recurring_appointment_id)
	WHERE r.activity_id = id(name) AND i.original_on = day
$$;

-- What part of its series the appointment of a day has after a statement about it ($1).
CREATE FUNCTION tap.touched(name text, day text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement USING on_day(name, day::date);
	RETURN (SELECT instance_type FROM activity WHERE activity_id = on_day(name, day::date));
END $$;
WITH made AS (INSERT INTO owner (owner_type, name) VALUES ('team', 'Others') RETURNING owner_id) INSERT INTO team (owner_id, name) SELECT owner_id, 'Others' FROM made;

-- What a series costs does not grow with the activities that are there, nor when the tables were analyzed while they were empty.
ANALYZE activity, recurring_appointment, recurring_appointment_day;
CREATE FUNCTION tap.reads(name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_xact_user_tables WHERE schemaname = 'crm' AND relname IN ('activity', 'recurring_appointment_day'));
BEGIN
	PERFORM sales_crm.expand_series(activity_id => series(name, '{"pattern": "daily", "starts_on": "2026-01-09", "occurrences": 3}'));
	RETURN (SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_xact_user_tables WHERE schemaname = 'crm' AND relname IN ('activity', 'recurring_appointment_day')) - before;
END $$;
SAVEPOINT few;
SELECT reads('read first') AS reads \gset
INSERT INTO activity (activity_type, subject) SELECT 'task', 'one of many' FROM generate_series(1, 3000);
SELECT reads('read later') AS later \gset
ROLLBACK TO few;
SELECT cmp_ok(:later, '<=', :reads + 100, 'it reads its own appointments');

-- Each rule and its days.
CREATE TABLE tap.pattern (name text, rule jsonb, until date, days text);
INSERT INTO tap.pattern VALUES
	('every third day', '{"pattern": "daily", "every": 3, "starts_on": "2026-02-26"}', '2026-03-12', '2026-02-26 2026-03-01 2026-03-04 2026-03-07 2026-03-10'),
	('every day to its last', '{"pattern": "daily", "starts_on": "2026-01-08", "ends_on": "2026-01-10"}', '2026-03-01', '2026-01-08 2026-01-09 2026-01-10'),
	('thrice', '{"pattern": "daily", "occurrences": 3}', '2026-03-01', '2026-01-01 2026-01-02 2026-01-03'),
	('its last day before its number', '{"pattern": "daily", "occurrences": 3, "ends_on": "2026-01-02"}', '2026-03-01', '2026-01-01 2026-01-02'),
	('its number before its last day', '{"pattern": "daily", "occurrences": 2, "ends_on": "2026-01-09"}', '2026-03-01', '2026-01-01 2026-01-02'),
	('weekdays', '{"pattern": "weekly", "on_monday": true, "on_tuesday": true, "on_wednesday": true, "on_thursday": true, "on_friday": true}', '2026-01-09', '2026-01-01 2026-01-02 2026-01-05 2026-01-06 2026-01-07 2026-01-08 2026-01-09'),
	('the weekday of the first day', '{"pattern": "weekly", "starts_on": "2026-01-07"}', '2026-01-27', '2026-01-07 2026-01-14 2026-01-21'),
	('every second week on Monday and Thursday from a Wednesday', '{"pattern": "weekly", "every": 2, "on_monday": true, "on_thursday": true, "starts_on": "2026-01-07", "occurrences": 5}', '2026-12-31', '2026-01-08 2026-01-19 2026-01-22 2026-02-02 2026-02-05'),
	('every second week on Monday and Sunday from a Sunday', '{"pattern": "weekly", "every": 2, "on_monday": true, "on_sunday": true, "starts_on": "2026-01-04"}', '2026-02-01', '2026-01-04 2026-01-12 2026-01-18 2026-01-26 2026-02-01'),
	('every third week over New Year', '{"pattern": "weekly", "every": 3, "on_saturday": true, "starts_on": "2026-12-12"}', '2027-01-31', '2026-12-12 2027-01-02 2027-01-23'),
	('the 31st', '{"pattern": "monthly", "starts_on": "2026-01-31"}', '2026-06-30', '2026-01-31 2026-02-28 2026-03-31 2026-04-30 2026-05-31 2026-06-30'),
	('the 30th', '{"pattern": "monthly", "day_of_month": 30, "starts_on": "2027-01-30"}', '2027-03-31', '2027-01-30 2027-02-28 2027-03-30'),
	('the 29th of a leap year', '{"pattern": "monthly", "starts_on": "2028-01-29", "occurrences": 3}', '2028-12-31', '2028-01-29 2028-02-29 2028-03-29'),
	('the 15th of every second month from the 20th', '{"pattern": "monthly", "every": 2, "day_of_month": 15, "starts_on": "2026-01-20"}', '2026-08-31', '2026-03-15 2026-05-15 2026-07-15'),
	('every fifth month over New Year', '{"pattern": "monthly", "every": 5, "day_of_month": 1, "starts_on": "2026-09-01"}', '2027-12-31', '2026-09-01 2027-02-01 2027-07-01 2027-12-01'),
	('the last Friday', '{"pattern": "monthly", "position_in_month": "last", "on_friday": true}', '2026-05-31', '2026-01-30 2026-02-27 2026-03-27 2026-04-24 2026-05-29'),
	('the second Monday', '{"pattern": "monthly", "position_in_month": "second", "on_monday": true}', '2026-02-28', '2026-01-12 2026-02-09'),
	('the fourth Tuesday', '{"pattern": "monthly", "position_in_month": "fourth", "on_tuesday": true, "starts_on": "2026-02-01"}', '2026-03-31', '2026-02-24 2026-03-24'),
	('the first weekday', '{"pattern": "monthly", "position_in_month": "first", "on_monday": true, "on_tuesday": true, "on_wednesday": true, "on_thursday": true, "on_friday": true}', '2026-05-31', '2026-01-01 2026-02-02 2026-03-02 2026-04-01 2026-05-01'),
	('the last weekday', '{"pattern": "monthly", "position_in_month": "last", "on_monday": true, "on_tuesday": true, "on_wednesday": true, "on_thursday": true, "on_friday": true}', '2026-05-31', '2026-01-30 2026-02-27 2026-03-31 2026-04-30 2026-05-29'),
	('the third day of weekends', '{"pattern": "monthly", "position_in_month": "third", "on_saturday": true, "on_sunday": true}', '2026-02-28', '2026-01-10 2026-02-08'),
	('29 February', '{"pattern": "yearly", "starts_on": "2028-02-29"}', '2030-12-31', '2028-02-29 2029-02-28 2030-02-28'),
	('every leap day', '{"pattern": "yearly", "every": 4, "starts_on": "2028-02-29"}', '2035-12-31', '2028-02-29 2032-02-29'),
	('Thanksgiving', '{"pattern": "yearly", "month_of_year": 11, "position_in_month": "fourth", "on_thursday": true}', '2027-12-31', '2026-11-26 2027-11-25'),
	('a day that this year is past', '{"pattern": "yearly", "month_of_year": 2, "day_of_month": 5, "starts_on": "2026-03-10"}', '2027-12-31', '2027-02-05'),
	('nothing yet', '{"pattern": "daily", "starts_on": "2026-06-01"}', '2026-05-31', NULL);
SELECT count(series(name, rule)) AS made FROM tap.pattern \gset
SET LOCAL TIME ZONE 'Asia/Tokyo';
SELECT is(expand(name, until), cardinality(coalesce(string_to_array(days, ' '), '{}')) || ' 0 0', name || ': as many made') FROM tap.pattern;
SELECT is(days(name), days, name) FROM tap.pattern;
SET LOCAL TIME ZONE 'UTC';
SELECT is(expand(name, until), '0 0 0', name || ': none twice') FROM tap.pattern;
SELECT is((SELECT string_agg(m.subject, ', ' ORDER BY m.subject) FROM recurring_appointment AS r JOIN activity AS m USING (activity_id) WHERE r.expanded_through = 'infinity'),
	'every day to its last, every second week on Monday and Thursday from a Wednesday, its last day before its number, its number before its last day, the 29th of a leap year, thrice', 'a series that has them all is done');

-- How far it goes by itself.
SELECT count(series(name, rule::jsonb)) AS made FROM (VALUES ('by itself', '{"pattern": "daily"}'), ('Christmas', '{"pattern": "yearly", "starts_on": "2026-12-24"}'), ('rare', '{"pattern": "weekly", "every": 40, "starts_on": "2025-12-31"}')) AS t (name, rule) \gset
SELECT is(expand('by itself'), '91 0 0', 'through today and 90 days more');
SELECT is(expand('Christmas') || ' ' || days('Christmas'), '1 0 0 2026-12-24', 'and at least the next one');
SELECT is(expand('rare') || ' ' || days('rare'), '2 0 0 2025-12-31 2026-10-07', 'every 40 weeks too');
SELECT is(days('rare', 'Dy'), 'Wed Wed', 'on its weekday');
SET LOCAL sales_crm.now = '2026-01-03 08:00:00+00';
SELECT is(expand('by itself'), '2 0 0', 'two days later two more');
SET LOCAL sales_crm.now = '2026-12-23 08:00:00+00';
SELECT is(expand('Christmas') || ' ' || days('Christmas'), '0 0 0 2026-12-24', 'on the eve none more');
SET LOCAL sales_crm.now = '2026-12-26 08:00:00+00';
SELECT is(expand('Christmas') || ' ' || days('Christmas'), '1 0 0 2026-12-24 2027-12-24', 'afterwards the next');
SET LOCAL sales_crm.now = '2026-01-01 08:00:00+00';
UPDATE organization_setting SET value = '5' WHERE name = 'appointment_horizon_days';
SELECT series('short', '{"pattern": "daily"}') \gset
SELECT is(expand('short'), '6 0 0', 'the setting says how far');
SELECT throws_ok($$UPDATE organization_setting SET value = 'nonsense' WHERE name = 'appointment_horizon_days'$$, '23514', NULL, 'it is a number');
UPDATE organization_setting SET value = '90' WHERE name = 'appointment_horizon_days';
SELECT is(expand('short'), '85 0 0', 'a larger one goes on from there');

-- The clocks on the wall, when they change.
SELECT count(series(name, rule::jsonb || format('{"time_zone": %s}', to_json(zone))::jsonb)) AS made FROM (VALUES
	('Madrid in spring', '{"pattern": "daily", "starts_on": "2026-03-28", "occurrences": 3}', 'Europe/Madrid'),
	('Madrid in autumn', '{"pattern": "daily", "starts_on": "2026-10-24", "occurrences": 3}', 'Europe/Madrid'),
	('New York in spring', '{"pattern": "daily", "starts_on": "2026-03-07", "occurrences": 3}', 'America/New_York'),
	('the hour that is not there', '{"pattern": "daily", "starts_on": "2026-03-29", "occurrences": 1, "start_time": "02:30", "duration_minutes": 60}', 'Europe/Madrid'),
	('over the change', '{"pattern": "daily", "starts_on": "2026-03-29", "occurrences": 1, "start_time": "01:30", "duration_minutes": 60}', 'Europe/Madrid'),
	('whole days', '{"pattern": "weekly", "starts_on": "2026-03-29", "every": 30, "occurrences": 2, "is_all_day_event": true, "start_time": null}', 'Europe/Madrid'),
	('two days of autumn', '{"pattern": "daily", "starts_on": "2026-10-24", "occurrences": 1, "is_all_day_event": true, "start_time": null, "duration_minutes": 2880}', 'Europe/Madrid'),
	('late in Tokyo', '{"pattern": "weekly", "starts_on": "2026-01-05", "occurrences": 1, "start_time": "08:00"}', 'Asia/Tokyo')) AS t (name, rule, zone) \gset
SELECT expand(name, '2026-12-31') FROM (VALUES ('Madrid in spring'), ('Madrid in autumn'), ('New York in spring'), ('the hour that is not there'), ('over the change'), ('whole days'), ('two days of autumn'), ('late in Tokyo')) AS t (name) \g /dev/null
SELECT is((SELECT string_agg(to_char(scheduled_start_at, 'MM-DD HH24:MI') || '+' || scheduled_duration_minutes, ' ' ORDER BY original_on) FROM instance WHERE series = name), starts, name) FROM (VALUES
	('Madrid in spring', '03-28 08:00+30 03-29 07:00+30 03-30 07:00+30'),
	('Madrid in autumn', '10-24 07:00+30 10-25 08:00+30 10-26 08:00+30'),
	('New York in spring', '03-07 14:00+30 03-08 13:00+30 03-09 13:00+30'),
	('the hour that is not there', '03-29 01:30+60'),
	('over the change', '03-29 00:30+60'),
	('whole days', '03-28 23:00+1380 10-24 22:00+1500'),
	('two days of autumn', '10-23 22:00+2940'),
	('late in Tokyo', '01-04 23:00+30')) AS t (name, starts);
SELECT is((SELECT bool_and(is_all_day_event) FROM instance JOIN appointment USING (activity_id) WHERE series = 'whole days'), true, 'whole days are all-day events');
SELECT is(time_zone, 'UTC', 'the time zone of the organization is the default') FROM recurring_appointment WHERE activity_id = id('thrice');

-- What an instance takes from the series.
WITH made AS (INSERT INTO opportunity (name, account_id) VALUES ('Deal', id('Contoso')) RETURNING opportunity_id) SELECT remember('deal', opportunity_id) FROM made \gset
SELECT series('Jour fixe', '{"pattern": "weekly", "on_monday": true, "location": "Room 1", "duration_minutes": 45}',
	format('{"description": "Weekly", "state": "scheduled", "status_reason": "busy", "priority": "high", "regarding_entity": "opportunity", "regarding_id": %s}', id('deal'))::jsonb) \gset
INSERT INTO activity_party (activity_id, participation_type, entity, record_id, address_used) VALUES
	(id('Jour fixe'), 'organizer', 'contact', id('Ann'), NULL), (id('Jour fixe'), 'optional_attendee', NULL, NULL, 'guest@example.com');
SELECT is((instance_type, state, status_reason)::text, '(master,scheduled,busy)', 'the series is the master') FROM activity WHERE activity_id = id('Jour fixe');
SELECT is(expand('Jour fixe', '2026-02-02') || ' ' || days('Jour fixe', 'MM-DD'), '5 0 0 01-05 01-12 01-19 01-26 02-02', 'five Mondays');
SELECT is((a.activity_type, a.instance_type, a.subject, a.description, a.state, a.status_reason, a.priority, a.regarding_entity, a.regarding_id = id('deal'), a.owner_id = m.owner_id, a.scheduled_start_at, a.scheduled_end_at, a.sort_at)::text,
	'(appointment,instance,"Jour fixe",Weekly,scheduled,busy,high,opportunity,t,t,"2026-01-05 09:00:00+00","2026-01-05 09:45:00+00","2026-01-05 09:45:00+00")', 'an instance has all of it')
FROM activity AS a, activity AS m WHERE a.activity_id = on_day('Jour fixe', '2026-01-05') AND m.activity_id = id('Jour fixe');
SELECT is((location, is_all_day_event)::text, '("Room 1",f)', 'the place') FROM appointment WHERE activity_id = on_day('Jour fixe', '2026-01-05');
SELECT is((SELECT string_agg(format('%s %s %s', participation_type, coalesce(entity, '-'), coalesce(address_used, '-')), ', ' ORDER BY activity_party_id) FROM activity_party WHERE activity_id = on_day('Jour fixe', '2026-01-12')),
	'organizer contact -, optional_attendee - guest@example.com', 'and the parties');
SELECT is((SELECT count(*) FROM sales_crm.timeline(entity => 'opportunity', id => id('deal')) WHERE kind = 'appointment'), 5::bigint, 'the deal has them in its timeline');
SELECT is((SELECT count(*) FROM bi_fact_activity WHERE regarding_id = id('deal')), 5::bigint, 'reports count them, not the master');

-- Changed by hand: an exception from then on.
UPDATE activity SET scheduled_start_at = scheduled_start_at + interval '1 hour', scheduled_end_at = scheduled_end_at + interval '1 hour' WHERE activity_id = on_day('Jour fixe', '2026-01-12');
UPDATE appointment SET location = 'Room 9' WHERE activity_id = on_day('Jour fixe', '2026-01-19');
SELECT is((SELECT string_agg(format('%s %s', to_char(original_on, 'MM-DD'), instance_type), ', ' ORDER BY original_on) FROM instance WHERE series = 'Jour fixe'),
	'01-05 instance, 01-12 exception, 01-19 exception, 01-26 instance, 02-02 instance', 'moved by an hour, to another room: exceptions');
SELECT is((original_start_at, scheduled_start_at)::text, '("2026-01-12 09:00:00+00","2026-01-12 10:00:00+00")', 'when it was to be stays known') FROM instance WHERE series = 'Jour fixe' AND original_on = '2026-01-12';
UPDATE activity SET subject = subject, priority = priority WHERE activity_id = on_day('Jour fixe', '2026-01-26');
UPDATE appointment SET location = location WHERE activity_id = on_day('Jour fixe', '2026-01-26');
SELECT is(instance_type, 'instance', 'written back as it was: no exception') FROM activity WHERE activity_id = on_day('Jour fixe', '2026-01-26');
SELECT is(touched('weekdays', day, statement), kind, format('%s: %s', what, kind)) FROM (VALUES
	('billed', 'instance', '2026-01-01', 'UPDATE activity SET is_billed = true WHERE activity_id = $1'), ('another subject', 'exception', '2026-01-02', 'UPDATE activity SET subject = ''Other'' WHERE activity_id = $1'),
	('done', 'instance', '2026-01-05', 'SELECT sales_crm.complete_activity(activity_id => $1)'), ('canceled', 'exception', '2026-01-06', 'SELECT sales_crm.cancel_activity(activity_id => $1)'),
	('another owner', 'exception', '2026-01-07', 'UPDATE activity SET owner_id = (SELECT owner_id FROM team WHERE name = ''Others'') WHERE activity_id = $1'),
	('a party', 'exception', '2026-01-08', 'INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES ($1, ''organizer'', ''x'')'),
	('a file', 'instance', '2026-01-09', 'INSERT INTO attachment (activity_id, file_name, content) VALUES ($1, ''x'', ''x'')')) AS t (what, kind, day, statement);
SELECT is(touched('thrice', '2026-01-02', 'DELETE FROM appointment WHERE activity_id = $1'), 'exception', 'no details any more: exception');

-- A change of the series goes to those that come and that nobody changed.
SET LOCAL sales_crm.now = '2026-01-07 08:00:00+00';
SELECT is(expand('Jour fixe', '2026-02-02'), '0 0 0', 'nothing changed');
UPDATE activity SET subject = 'Status', status_reason = 'out_of_office' WHERE activity_id = id('Jour fixe');
UPDATE recurring_appointment SET location = 'Room 2', start_time = '14:00' WHERE activity_id = id('Jour fixe');
DELETE FROM activity_party WHERE activity_id = id('Jour fixe') AND participation_type = 'optional_attendee';
INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (id('Jour fixe'), 'required_attendee', 'boss@example.com');
SELECT is(expand('Jour fixe', '2026-02-02'), '0 2 0', 'two of them follow');
SELECT is((SELECT string_agg(format('%s %s %s %s %s', to_char(original_on, 'MM-DD'), subject, to_char(scheduled_start_at, 'HH24:MI'), location, status_reason), ', ' ORDER BY original_on) FROM instance JOIN appointment USING (activity_id) WHERE recurring_appointment_id = (SELECT recurring_appointment_id FROM recurring_appointment WHERE activity_id = id('Jour fixe'))),
	'01-05 Jour fixe 09:00 Room 1 busy, 01-12 Jour fixe 10:00 Room 1 busy, 01-19 Jour fixe 09:00 Room 9 busy, 01-26 Status 14:00 Room 2 out_of_office, 02-02 Status 14:00 Room 2 out_of_office', 'what is past or changed by hand stays');
SELECT is((SELECT string_agg(participation_type, ', ' ORDER BY participation_type) FROM activity_party WHERE activity_id = on_day('Jour fixe', '2026-01-26')), 'organizer, required_attendee', 'parties follow');
SELECT is((SELECT string_agg(participation_type, ', ' ORDER BY participation_type) FROM activity_party WHERE activity_id = on_day('Jour fixe', '2026-01-19')), 'optional_attendee, organizer', 'but not those of an exception');
SELECT is((SELECT string_agg(DISTINCT instance_type, ', ') FROM activity WHERE activity_id IN (on_day('Jour fixe', '2026-01-26'), on_day('Jour fixe', '2026-02-02'))), 'instance', 'to follow is no exception');
UPDATE recurring_appointment SET on_monday = false, on_tuesday = true, on_thursday = true WHERE activity_id = id('Jour fixe');
SELECT is(expand('Jour fixe', '2026-01-31') || ' ' || days('Jour fixe', 'MM-DD'), '7 0 2 01-05 01-08 01-12 01-13 01-15 01-19 01-20 01-22 01-27 01-29', 'another weekday: the unchanged Mondays to come go');
SELECT is(left(days('Jour fixe', 'MM-DD'), 11), '01-05 01-08', 'none is made for the past');
UPDATE recurring_appointment SET pattern = 'monthly' WHERE activity_id = id('Jour fixe');
SELECT is((day_of_month, on_tuesday, on_thursday)::text, '(1,f,f)', 'another pattern: the former days are forgotten') FROM recurring_appointment WHERE activity_id = id('Jour fixe');
SELECT is(expand('Jour fixe', '2026-02-28') || ' ' || days('Jour fixe', 'MM-DD'), '1 0 7 01-05 01-12 01-19 02-01', 'once a month');

-- Deleted: that day stays without; and days that are left out beforehand.
SELECT series('gaps', '{"pattern": "daily", "starts_on": "2026-02-01"}') \gset
INSERT INTO recurring_appointment_day (recurring_appointment_id, original_on, activity_id) SELECT recurring_appointment_id, '2026-02-03', id('thrice') FROM recurring_appointment WHERE activity_id = id('gaps');
SELECT is(expand('gaps', '2026-02-05') || ' ' || days('gaps', 'DD'), '4 0 0 01 02 04 05', 'a day left out beforehand');
DELETE FROM activity WHERE activity_id = on_day('gaps', '2026-02-02');
UPDATE recurring_appointment SET start_time = '10:00' WHERE activity_id = id('gaps');
SELECT is(expand('gaps', '2026-02-06') || ' ' || days('gaps', 'DD'), '1 3 0 01 04 05 06', 'a deleted one stays deleted');
DELETE FROM recurring_appointment_day WHERE original_on = '2026-02-03' AND activity_id IS NULL AND recurring_appointment_id = (SELECT recurring_appointment_id FROM recurring_appointment WHERE activity_id = id('gaps'));
SELECT is(expand('gaps', '2026-02-06') || ' ' || days('gaps', 'DD'), '1 0 0 01 03 04 05 06', 'a day no longer left out');
SELECT remember('fourth', on_day('gaps', '2026-02-04')) \gset
SELECT state FROM sales_crm.cancel_activity(activity_id => id('fourth')) \gset
UPDATE activity SET subject = 'Gaps' WHERE activity_id = id('gaps');
SELECT is(expand('gaps', '2026-02-06'), '0 4 0', 'a canceled one stays canceled');
SELECT is((state, subject, instance_type)::text, '(canceled,gaps,exception)', 'as it was') FROM activity WHERE activity_id = id('fourth');
DELETE FROM recurring_appointment_day WHERE activity_id = on_day('gaps', '2026-02-05');
SELECT is(days('gaps', 'DD'), '01 03 04 06', 'a day that goes takes its appointment along');
SELECT refused(format('DELETE FROM recurring_appointment_day WHERE activity_id = %s', id('fourth')), 'SC002', 'but not a closed one');

-- What needs it is found.
SELECT is((SELECT array_agg(n) FROM (SELECT expanded AS n FROM sales_crm.expand_due_series("limit" => 0)) AS t), '{0}', 'none asked for');
SELECT ok(expanded > 10, 'all that need it') FROM sales_crm.expand_due_series(NULL);
SELECT is(expanded, 0, 'then none') FROM sales_crm.expand_due_series();
UPDATE activity SET description = 'New' WHERE activity_id = id('Gaps') OR subject = 'Gaps' AND instance_type = 'master';
SELECT is(expanded, 1, 'one that changed') FROM sales_crm.expand_due_series();
INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (id('gaps'), 'organizer', 'me');
SELECT is(expanded, 1, 'one with another party') FROM sales_crm.expand_due_series();
SELECT is((SELECT count(*) FROM activity_party WHERE address_used = 'me' AND activity_id = on_day('gaps', '2026-02-06')), 1::bigint, 'whom the appointments got');
SELECT is(expanded, 0, 'then none again') FROM sales_crm.expand_due_series();
SET LOCAL sales_crm.now = '2026-01-08 08:00:00+00';
SELECT ok(expanded > 3, 'the next day') FROM sales_crm.expand_due_series();
SELECT refused('SELECT sales_crm.expand_due_series("limit" => -1)', '22023', 'no negative limit');

-- One that fails is passed over.
SELECT series('fails', '{"pattern": "daily"}'), series('works', '{"pattern": "daily"}') \gset
CREATE FUNCTION tap.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON activity FOR EACH ROW WHEN (NEW.subject = 'fails' AND NEW.instance_type = 'instance') EXECUTE FUNCTION tap.fail();
SET LOCAL client_min_messages = error;
SELECT is(expanded, 1, 'one of two works') FROM sales_crm.expand_due_series();
SET LOCAL client_min_messages = warning;
SELECT is(days('fails'), NULL, 'nothing is left of the other');
SELECT series('behind', '{"pattern": "daily"}') \gset
SET LOCAL client_min_messages = error;
SELECT is(expanded, 1, 'one that fails does not hold up those behind it, limit or not') FROM sales_crm.expand_due_series("limit" => 1);
SET LOCAL client_min_messages = warning;
SELECT isnt(days('behind'), NULL, 'they have their appointments');
DROP TRIGGER fail ON activity;

-- The end of a series.
SELECT series('ending', '{"pattern": "daily", "starts_on": "2026-01-06"}') \gset
SELECT is(expand('ending', '2026-01-12'), '7 0 0', 'a week');
UPDATE activity SET subject = 'kept' WHERE activity_id = on_day('ending', '2026-01-11');
SELECT is(sales_crm.end_series(activity_id => id('ending')), 'completed', 'it ends today');
SELECT is(days('ending', 'DD'), '06 07 08 11', 'what comes later goes, but what somebody changed');
SELECT is((a.state, r.ends_on, r.expanded_through)::text, '(completed,2026-01-08,infinity)', 'the series is completed') FROM activity AS a JOIN recurring_appointment AS r USING (activity_id) WHERE activity_id = id('ending');
SELECT series('ending later', '{"pattern": "daily", "starts_on": "2026-01-06", "occurrences": 400}') \gset
SELECT is(expand('ending later', '2026-01-10'), '5 0 0', 'five days');
SELECT is(sales_crm.end_series(activity_id => id('ending later'), last_on => '2026-01-12'), 'completed', 'it ends in some days');
SELECT is(days('ending later', 'DD'), '06 07 08 09 10 11 12', 'appointments through that day are made');
SELECT refused(format('SELECT sales_crm.%s(activity_id => %s)', call, id('ending')), 'SC001', call || ' of an ended one') FROM unnest('{expand_series,end_series}'::text[]) AS t (call);
SELECT refused(format('UPDATE recurring_appointment SET every = 2 WHERE activity_id = %s', id('ending')), 'SC002', 'its rule is read-only');
SELECT state FROM sales_crm.reopen_activity(activity_id => id('ending')) \gset
UPDATE recurring_appointment SET ends_on = '2026-01-10' WHERE activity_id = id('ending');
SELECT is(expand('ending') || ' ' || days('ending', 'DD'), '2 0 0 06 07 08 09 10 11', 'opened again it goes on');
SELECT series('ending, scheduled', '{"pattern": "daily", "starts_on": "2026-01-06"}', '{"state": "scheduled", "status_reason": "busy"}') \gset
SELECT is(sales_crm.end_series(activity_id => id('ending, scheduled'), last_on => '2026-01-07'), 'completed', 'a scheduled one ends as well, in the past too');
SELECT is((SELECT string_agg(format('%s %s', to_char(original_on, 'DD'), state), ', ' ORDER BY original_on) FROM instance WHERE series = 'ending, scheduled'), '06 scheduled, 07 scheduled', 'what was to be till then stays to be done');
SELECT series('starts later', '{"pattern": "daily", "starts_on": "2026-02-01"}') \gset
SELECT refused(format('SELECT sales_crm.end_series(activity_id => %s)', id('starts later')), '22023', 'it cannot end before it begins');

-- Canceled: so are those to come.
SELECT series('canceled', '{"pattern": "daily", "starts_on": "2026-01-07", "occurrences": 5}', '{"state": "scheduled", "status_reason": "busy"}') \gset
SELECT is(expand('canceled'), '5 0 0', 'five');
UPDATE activity SET state = 'open', status_reason = 'free' WHERE activity_id = on_day('canceled', '2026-01-10');
SELECT is(sales_crm.cancel_activity(activity_id => id('canceled')), 'canceled', 'the series is canceled');
SELECT is((SELECT string_agg(format('%s %s %s', to_char(original_on, 'DD'), instance_type, state), ', ' ORDER BY original_on) FROM instance WHERE series = 'canceled'),
	'07 instance scheduled, 08 instance canceled, 09 instance canceled, 10 exception canceled, 11 instance canceled', 'and all that come');
SELECT is((SELECT count(*) FROM status_history WHERE entity = 'activity' AND record_id = on_day('canceled', '2026-01-09') AND to_state = 'canceled' AND description <> ''), 1::bigint, 'which the history tells');
SELECT state FROM sales_crm.reopen_activity(activity_id => id('canceled')) \gset
SELECT is(expand('canceled'), '0 3 0', 'opened again');
SELECT is((SELECT string_agg(format('%s %s', to_char(original_on, 'DD'), state), ', ' ORDER BY original_on) FROM instance WHERE series = 'canceled'),
	'07 scheduled, 08 open, 09 open, 10 canceled, 11 open', 'those that it canceled come back') ;
UPDATE activity SET state = 'canceled', status_reason = 'canceled' WHERE activity_id = id('canceled');
SELECT is((SELECT count(*) FROM instance WHERE series = 'canceled' AND state = 'canceled'), 4::bigint, 'canceled by hand as well');

-- Deleted with all that is open.
SELECT series('gone', '{"pattern": "daily", "starts_on": "2026-01-09", "occurrences": 3}', format('{"regarding_entity": "opportunity", "regarding_id": %s}', id('deal'))::jsonb), series('kept', '{"pattern": "daily", "occurrences": 3}') \gset
SELECT expand('gone'), expand('kept') \gset
SELECT remember('done', on_day('kept', '2026-01-02')) \gset
SELECT state FROM sales_crm.complete_activity(activity_id => id('done')) \gset
SELECT refused(format('DELETE FROM activity WHERE activity_id = %s', id('kept')), '23503', 'a closed appointment keeps its series');
SELECT refused(format('DELETE FROM recurring_appointment WHERE activity_id = %s', id('kept')), 'SC002', 'and its rule');
SELECT is(pg_temp.refusal(format('DELETE FROM activity WHERE activity_id = %s', id('gone'))), NULL, 'a series goes');
SELECT is((SELECT count(*) FROM activity WHERE subject = 'gone'), 0::bigint, 'with its appointments');
WITH made AS (INSERT INTO account (name) VALUES ('Passing') RETURNING account_id) SELECT remember('Passing', account_id) FROM made \gset
SELECT series('with account', '{"pattern": "daily", "starts_on": "2026-01-09", "occurrences": 3}', format('{"regarding_entity": "account", "regarding_id": %s}', id('Passing'))::jsonb) \gset
SELECT expand('with account') \gset
UPDATE activity SET regarding_entity = NULL, regarding_id = NULL WHERE activity_id = on_day('with account', '2026-01-10');
SELECT is(pg_temp.refusal(format('DELETE FROM account WHERE account_id = %s', id('Passing'))), NULL, 'a record goes');
SELECT is((SELECT count(*) FROM activity WHERE subject = 'with account'), 0::bigint, 'with its series and their appointments');

-- Refusals.
SELECT refused(format('SELECT * FROM sales_crm.expand_series(activity_id => %s, until => %s)', activity, until), code, format('expand_series of %s until %s', activity, until))
FROM (VALUES ('NULL', 'NULL', '22004'), ('-1', 'NULL', 'P0002'), (id('done')::text, 'NULL', 'P0002'), (id('works')::text, '''2036-01-30''', '22023'), (id('works')::text, '''infinity''', '22023'), (id('works')::text, '''-infinity''', '22023')) AS t (activity, until, code);
SELECT refused(format('SELECT * FROM sales_crm.end_series(activity_id => %s, last_on => %s)', activity, last_on), code, format('end_series of %s on %s', activity, last_on))
FROM (VALUES ('NULL', 'NULL', '22004'), ('-1', 'NULL', 'P0002'), (id('done')::text, 'NULL', 'P0002'), (id('works')::text, '''infinity''', '22023')) AS t (activity, last_on, code);
SELECT is(pg_temp.refusal(format('SELECT series(''bad'', %L)', rule)), code, 'no rule ' || rule) FROM (VALUES
	('{"pattern": "hourly"}', '23514'), ('{"pattern": null}', '23502'), ('{"pattern": "daily", "every": 0}', '23514'), ('{"pattern": "daily", "every": -1}', '23514'), ('{"pattern": "yearly", "every": 1000000}', '23514'),
	('{"pattern": "daily", "on_monday": true}', '23514'), ('{"pattern": "daily", "day_of_month": 1}', '23514'), ('{"pattern": "weekly", "day_of_month": 1}', '23514'), ('{"pattern": "weekly", "month_of_year": 1}', '23514'),
	('{"pattern": "monthly", "day_of_month": 32}', '23514'), ('{"pattern": "monthly", "day_of_month": 0}', '23514'), ('{"pattern": "monthly", "on_monday": true}', '23514'), ('{"pattern": "monthly", "position_in_month": "last"}', '23514'),
	('{"pattern": "monthly", "position_in_month": "fifth", "on_monday": true}', '23514'), ('{"pattern": "monthly", "position_in_month": "last", "on_monday": true, "day_of_month": 1}', '23514'), ('{"pattern": "yearly", "month_of_year": 13}', '23514'),
	('{"pattern": "daily", "ends_on": "2025-12-31"}', '23514'), ('{"pattern": "daily", "occurrences": 0}', '23514'), ('{"pattern": "daily", "duration_minutes": -1}', '23514'), ('{"pattern": "daily", "start_time": null}', '23502'),
	('{"pattern": "daily", "is_all_day_event": true}', '23514'), ('{"pattern": "daily", "is_all_day_event": true, "start_time": null, "duration_minutes": 90}', '23514'), ('{"pattern": "daily", "start_time": "24:00"}', '23514'),
	('{"pattern": "daily", "time_zone": "Europe/Nowhere"}', '22023'), ('{"pattern": "daily", "starts_on": "1000-01-01"}', '23514'), ('{"pattern": "daily", "starts_on": "infinity"}', '23514'), ('{"pattern": "daily", "starts_on": "-infinity"}', '23514'), ('{"pattern": "daily", "starts_on": null}', '23502')) AS t (rule, code);
SELECT refused($$SELECT series('bad', '{"pattern": "daily", "starts_on": "5000-01-01"}')$$, '23514', 'a start far away tells how near it must be');
SELECT refused($$SELECT series('bad', '{"pattern": "daily", "time_zone": "Europe/Nowhere"}')$$, '22023', 'an unknown time zone tells where they are');
SELECT refused(statement, code, statement) FROM (VALUES
	(format('UPDATE recurring_appointment SET expanded_through = ''2030-01-01'' WHERE activity_id = %s', id('works')), '428C9'), (format('UPDATE recurring_appointment SET applied = ''x'' WHERE activity_id = %s', id('works')), '428C9'),
	(format('UPDATE recurring_appointment SET activity_id = %s WHERE activity_id = %s', id('fails'), id('works')), '428C9'), (format('UPDATE activity SET instance_type = NULL WHERE activity_id = %s', id('works')), '428C9'),
	(format('UPDATE recurring_appointment_day SET activity_id = NULL WHERE activity_id = %s', on_day('works', '2026-01-09')), '428C9'), (format('UPDATE recurring_appointment_day SET original_on = ''2030-01-01'' WHERE activity_id = %s', on_day('works', '2026-01-09')), '428C9'),
	(format('INSERT INTO recurring_appointment (activity_id, pattern, starts_on, start_time) VALUES (%s, ''daily'', ''2026-01-09'', ''09:00'')', on_day('works', '2026-01-09')), '23514')) AS t (statement, code);
SELECT is(pg_temp.refusal(format('INSERT INTO recurring_appointment_day (recurring_appointment_id, original_on) SELECT recurring_appointment_id, ''2026-01-09'' FROM recurring_appointment WHERE activity_id = %s', id('works'))), '23505', 'a day that has its appointment is not left out beforehand');
SELECT is((SELECT instance_type FROM activity WHERE activity_id = on_day('works', '2026-01-09')), 'instance', 'nothing came of it');
INSERT INTO activity (activity_type, subject, instance_type) VALUES ('task', 'no part', 'instance');
SELECT is(instance_type, NULL, 'nobody says by hand that it is part of a series') FROM activity WHERE subject = 'no part';

-- A seller does it all.
CREATE ROLE tap_series;
SELECT sales_crm.grant_access(role => 'tap_series', level => 'sell') \gset
GRANT USAGE ON SCHEMA tap TO tap_series;
GRANT SELECT, INSERT, UPDATE ON tap.named TO tap_series;
INSERT INTO crm_user (name, role_name) VALUES ('Seller', 'tap_series');
CREATE TABLE tap.heard (activity_id bigint, instance_type text);
GRANT INSERT, SELECT ON tap.heard TO tap_series;
CREATE FUNCTION tap.hear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO heard VALUES (NEW.activity_id, NEW.instance_type); RETURN NULL; END $$;
CREATE TRIGGER hear AFTER UPDATE ON activity FOR EACH ROW WHEN (NEW.instance_type = 'exception') EXECUTE FUNCTION tap.hear();
SET LOCAL ROLE tap_series;
SELECT series('of a seller', '{"pattern": "daily", "occurrences": 10}') \gset
SELECT is(expand('of a seller'), '10 0 0', 'a seller expands');
UPDATE activity SET priority = 'low' WHERE activity_id = id('of a seller');
DELETE FROM activity WHERE activity_id = on_day('of a seller', '2026-01-10');
SELECT is(expand('of a seller'), '0 2 0', 'and has them follow');
UPDATE appointment SET location = 'Bar' WHERE activity_id = on_day('of a seller', '2026-01-09');
SELECT is((instance_type, modified_by = (SELECT owner_id FROM crm_user WHERE role_name = 'tap_series'))::text, '(exception,t)', 'who changes the place of one makes the exception') FROM activity WHERE activity_id = on_day('of a seller', '2026-01-09');
SELECT is((SELECT count(*) FROM heard WHERE activity_id = on_day('of a seller', '2026-01-09')), 1::bigint, 'which a trigger of a user hears, and finds its tables');
SELECT is(sales_crm.end_series(activity_id => id('of a seller')), 'completed', 'and ends it');
RESET ROLE;
DROP TRIGGER hear ON activity;

-- What row security hides of a series goes with it too.
SELECT series('shown, canceled', '{"pattern": "daily", "starts_on": "2026-01-09", "occurrences": 2}'), series('shown, deleted', '{"pattern": "daily", "starts_on": "2026-01-09", "occurrences": 2}'), series('shown, done', '{"pattern": "daily", "starts_on": "2026-01-09", "occurrences": 2}') \gset
SELECT expand('shown, canceled'), expand('shown, deleted'), expand('shown, done') \gset
SELECT remember('hidden ' || what, on_day('shown, ' || what, '2026-01-10')) FROM unnest('{canceled,deleted,done}'::text[]) AS t (what) \g /dev/null
UPDATE activity SET subject = 'hidden' WHERE activity_id IN (id('hidden canceled'), id('hidden deleted'), id('hidden done'));
SELECT state FROM sales_crm.complete_activity(activity_id => id('hidden done')) \gset
ALTER TABLE activity ENABLE ROW LEVEL SECURITY;
CREATE POLICY shown ON activity TO tap_series USING (subject LIKE 'shown%');
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.cancel_activity(activity_id => %s)', id('shown, canceled')), 'tap_series'), 'canceled', 'a series is canceled by who does not see all of it');
SELECT is((a.state, a.modified_by = u.owner_id, h.changed_by = u.owner_id)::text, '(canceled,t,t)', 'with the hidden one, by his name') FROM activity AS a
JOIN status_history AS h ON h.entity = 'activity' AND h.record_id = a.activity_id, crm_user AS u WHERE a.activity_id = id('hidden canceled') AND u.role_name = 'tap_series';
SELECT is(pg_temp.refusal(format('DELETE FROM activity WHERE activity_id = %s', id('shown, deleted')), 'tap_series'), NULL, 'another is deleted');
SELECT is((SELECT count(*) FROM activity WHERE activity_id IN (id('shown, deleted'), id('hidden deleted'))), 0::bigint, 'with the hidden one');
SELECT pg_temp.refused(format('DELETE FROM activity WHERE activity_id = %s', id('shown, done')), '23503', 'a closed one that is hidden keeps its series', 'tap_series');
ALTER TABLE activity DISABLE ROW LEVEL SECURITY;
DROP POLICY shown ON activity;

-- Rules watch the series and their appointments.
INSERT INTO automation_rule (name, entity, event, condition) VALUES ('tap series', 'recurring_appointment', 'created', 'new.pattern = ''yearly'''), ('tap instance', 'activity', 'created', 'new.instance_type = ''instance'' AND new.subject = ''watched''');
INSERT INTO automation_action (automation_rule_id, action, parameters)
SELECT automation_rule_id, 'create_activity', '{"activity_type": "task", "subject": "''Task of '' || ''series''"}'::jsonb FROM automation_rule WHERE name = 'tap series'
UNION ALL SELECT automation_rule_id, 'create_activity', '{"activity_type": "task", "subject": "''Prepare '' || new.subject"}' FROM automation_rule WHERE name = 'tap instance';
UPDATE automation_rule SET is_active = true WHERE name LIKE 'tap %';
SELECT series('watched', '{"pattern": "yearly", "starts_on": "2026-02-01"}') \gset
SELECT expand('watched', '2028-01-31') \gset
SELECT is((SELECT string_agg(subject, ', ' ORDER BY activity_id) FROM activity WHERE subject IN ('Task of series', 'Prepare watched')), 'Task of series, Prepare watched, Prepare watched', 'a task for the series, one for each appointment');

-- History comes in as it was.
SET LOCAL sales_crm.import_mode = on;
SELECT series('imported', '{"pattern": "weekly", "starts_on": "2001-01-01", "ends_on": "2001-12-31", "expanded_through": "infinity"}') \gset
WITH made AS (INSERT INTO activity (activity_type, subject, instance_type, state, status_reason, scheduled_start_at, actual_end_at) VALUES ('appointment', 'imported', 'exception', 'completed', 'completed', '2001-01-08 10:00+00', '2001-01-08 11:00+00') RETURNING activity_id)
INSERT INTO recurring_appointment_day (recurring_appointment_id, original_on, original_start_at, activity_id) SELECT r.recurring_appointment_id, '2001-01-08', '2001-01-08 09:00+00', made.activity_id FROM made, recurring_appointment AS r WHERE r.activity_id = id('imported');
SET LOCAL sales_crm.import_mode = off;
SELECT is((instance_type, original_start_at, expanded_through)::text, '(exception,"2001-01-08 09:00:00+00",infinity)', 'a series of long ago is imported with its exceptions') FROM instance JOIN recurring_appointment AS r USING (recurring_appointment_id) WHERE series = 'imported';

-- verify() sees what went past the triggers.
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT expand('starts later', '2026-02-03') \gset
SELECT remember('astray', on_day('works', '2026-01-20')) \gset
SET LOCAL session_replication_role = replica;
UPDATE recurring_appointment_day SET original_on = '2026-01-01', recurring_appointment_id = (SELECT recurring_appointment_id FROM recurring_appointment WHERE activity_id = id('starts later')) WHERE activity_id = id('astray');
UPDATE activity SET instance_type = NULL WHERE activity_id = on_day('works', '2026-01-21');
UPDATE activity SET state = 'open', status_reason = 'free' WHERE activity_id = on_day('canceled', '2026-01-11');
SET LOCAL session_replication_role = origin;
SELECT is((SELECT string_agg(check_name || ' ' || CASE record_id WHEN id('astray') THEN 'astray' WHEN on_day('works', '2026-01-21') THEN 'of works' WHEN on_day('canceled', '2026-01-11') THEN 'of canceled' ELSE record_id::text END, ', ' ORDER BY check_name) FROM sales_crm.verify()),
	'canceled_series of canceled, series_day astray, series_of_appointment of works', 'each is found');
SELECT * FROM finish();
ROLLBACK;
