-- Working time on days on which the clocks are put forward, against an oracle in plain SQL that looks at each minute: it is working time
-- when the clocks show a time within the hours.
\ir ../lib/pgtap.sql
BEGIN;
SELECT setseed(0.4711);
SET LOCAL search_path = crm, public, pg_temp;
SET LOCAL timezone = 'UTC';
CREATE TEMP TABLE change (zone text, day date);
INSERT INTO change VALUES ('Europe/Madrid', '2026-03-29'), ('America/New_York', '2026-03-08'), ('America/Sao_Paulo', '2018-11-04'), ('Asia/Beirut', '2026-03-29'),
	('Australia/Lord_Howe', '2026-10-04'), ('Pacific/Apia', '2011-12-30'), ('UTC', '2026-03-29');
CREATE TEMP TABLE drawn AS
SELECT c.zone, c.day, (a.quarter * interval '15 min')::interval AS starts, ((a.quarter + 1 + b.quarter % (96 - a.quarter)) * interval '15 min')::interval AS ends
  FROM change AS c, generate_series(1, 12), LATERAL (SELECT floor(random() * 20)::integer AS quarter WHERE c.zone IS NOT NULL) AS a, LATERAL (SELECT floor(random() * 96)::integer AS quarter WHERE c.zone IS NOT NULL) AS b;
INSERT INTO drawn VALUES ('Europe/Madrid', '2026-03-29', '2:30', '3:00'), ('Europe/Madrid', '2026-03-29', '2:30', '3:15'), ('Europe/Madrid', '2026-03-29', '2:00', '3:00'),
	('Europe/Madrid', '2026-03-29', '1:00', '2:30'), ('Europe/Madrid', '2026-03-29', '2:30', '10:00'), ('Asia/Beirut', '2026-03-29', '0:00', '24:00'), ('Asia/Beirut', '2026-03-28', '23:00', '24:00');

-- The minutes of a day and those around it that are working time.
CREATE FUNCTION pg_temp.minutes(zone text, day date, starts interval, ends interval) RETURNS TABLE (at timestamptz) LANGUAGE sql AS $$
	SELECT m FROM generate_series(day::timestamptz - interval '1 day', day::timestamptz + interval '2 days' - interval '1 min', '1 min') AS m
	 WHERE (m AT TIME ZONE zone)::time::interval >= starts AND (m AT TIME ZONE zone)::time::interval < ends
$$;
CREATE FUNCTION pg_temp.differs() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	one drawn;
	working timestamptz[];
	n integer;
	got text;
BEGIN
	FOR one IN SELECT * FROM drawn LOOP
		UPDATE working_calendar SET time_zone = one.zone;
		DELETE FROM working_hours;
		INSERT INTO working_hours (working_calendar_id, weekday, start_time, end_time) SELECT working_calendar_id, d, one.starts::text::time, one.ends::text::time FROM working_calendar, generate_series(1, 7) AS d;
		working := ARRAY(SELECT at FROM pg_temp.minutes(one.zone, one.day, one.starts, one.ends) ORDER BY at);
		got := sales_crm.working_minutes_between(one.day::timestamptz - interval '1 day', one.day::timestamptz + interval '2 days');
		IF got <> cardinality(working)::text THEN
			RETURN NEXT format('%s: %s minutes, not %s', one, got, cardinality(working));
		END IF;
		FOREACH n IN ARRAY ARRAY[1, cardinality(working) / 3, cardinality(working) / 2, cardinality(working) * 2 / 3, cardinality(working)] LOOP
			got := sales_crm.add_working_time(one.day::timestamptz - interval '1 day', n);
			IF n > 0 AND got <> (working[n] + interval '1 min')::text THEN
				RETURN NEXT format('%s: %s minutes lead to %s, not %s', one, n, got, working[n] + interval '1 min');
			END IF;
		END LOOP;
	END LOOP;
END $$;
SELECT plan(3);
SELECT cmp_ok((SELECT count(*) FROM drawn), '>', 80::bigint, 'hours are drawn');
SELECT is_empty('SELECT * FROM pg_temp.differs()', 'working time is as the clocks show it');

-- Where they are put back, what they show twice is the later time: hours begin and end once.
UPDATE working_calendar SET time_zone = 'Europe/Madrid';
UPDATE working_hours SET start_time = '01:00', end_time = '02:30';
SELECT is(sales_crm.working_minutes_between('2026-10-24 22:00+00', '2026-10-25 22:00+00'), 150::bigint, 'an hour that comes twice');
SELECT * FROM finish();
ROLLBACK;
