/*
 * series.h
 *	  SQL about recurring appointments that more than one file needs. "r" is a
 *	  row of recurring_appointment.
 */
#ifndef CRM_SERIES_H
#define CRM_SERIES_H

/* A rule reaches at most so far from today, in either direction. */
#define SERIES_REACH_DAYS 3660

/* Does a rule take that day of the week? */
#define SERIES_ON_DAY(day) \
	"(ARRAY[r.on_monday, r.on_tuesday, r.on_wednesday, r.on_thursday, r.on_friday, r.on_saturday, r.on_sunday])" \
	"[extract(isodow FROM " day ")::integer]"

/* The months that a monthly or yearly rule takes, the interval counted from that of starts_on. */
#define SERIES_MONTHS(last) \
	"pg_catalog.generate_series(CASE r.pattern WHEN 'yearly' " \
	"THEN pg_catalog.make_date(extract(year FROM r.starts_on)::integer, r.month_of_year, 1)::timestamp " \
	"ELSE pg_catalog.date_trunc('month', r.starts_on::timestamp) END, (" last ")::timestamp, " \
	"pg_catalog.make_interval(months => CASE r.pattern WHEN 'yearly' THEN 12 ELSE 1 END * r.every)) m"

/* The day of a month m that a rule means: by number, else the last; or by its place among the days of the week it takes. */
#define SERIES_DAY_OF_MONTH \
	"(SELECT least(m::date + r.day_of_month - 1, (m + interval '1 month')::date - 1) AS day WHERE r.day_of_month IS NOT NULL " \
	"UNION ALL (SELECT g::date FROM pg_catalog.generate_series(m, m + interval '1 month - 1 day', interval '1 day') g " \
	"WHERE r.position_in_month IS NOT NULL AND " SERIES_ON_DAY("g") \
	" ORDER BY CASE r.position_in_month WHEN 'last' THEN m - g ELSE g - m END " \
	"OFFSET CASE r.position_in_month WHEN 'second' THEN 1 WHEN 'third' THEN 2 WHEN 'fourth' THEN 3 ELSE 0 END LIMIT 1)) x"

/* The days that a rule names through a day, as rows (day); to be joined to r. */
#define SERIES_DAYS(last) \
	"LATERAL (SELECT n.day FROM (SELECT c.day, pg_catalog.row_number() OVER (ORDER BY c.day) AS number FROM (" \
	"SELECT g::date AS day FROM pg_catalog.generate_series(r.starts_on::timestamp, (" last ")::timestamp, " \
	"pg_catalog.make_interval(days => r.every)) g WHERE r.pattern = 'daily' " \
	"UNION ALL SELECT g::date FROM pg_catalog.generate_series(r.starts_on::timestamp, (" last ")::timestamp, interval '1 day') g " \
	"WHERE r.pattern = 'weekly' AND " SERIES_ON_DAY("g") \
	" AND (g::date - r.starts_on + extract(isodow FROM r.starts_on)::integer - 1) / 7 % r.every = 0 " \
	"UNION ALL SELECT x.day FROM " SERIES_MONTHS(last) ", LATERAL " SERIES_DAY_OF_MONTH " WHERE r.pattern IN ('monthly', 'yearly')" \
	") c WHERE c.day >= r.starts_on AND c.day <= least(" last ", r.ends_on)) n WHERE n.number <= r.occurrences OR r.occurrences IS NULL) d"

/*
 * State and order of the appointments of a series, written so that no index of
 * activity serves them: a plan made while the tables are empty would read all
 * activities by it for each series later.
 */
#define SERIES_STATE(a) "(" a ".state || '')"
#define SERIES_ORDER(a) "ORDER BY " a ".activity_id + 0"

/* When the appointment of a day begins and ends, as the clocks on the wall of the rule's time zone show it. */
#define SERIES_START(day) "((" day " + r.start_time) AT TIME ZONE r.time_zone)"
#define SERIES_END(day) \
	"(CASE WHEN r.is_all_day_event THEN (" day " + r.start_time + pg_catalog.make_interval(mins => r.duration_minutes)) AT TIME ZONE r.time_zone " \
	"ELSE " SERIES_START(day) " + pg_catalog.make_interval(mins => r.duration_minutes) END)"

/* What changes whenever activity a of the master or its parties do; the rule's own row forgets it by itself. */
#define SERIES_FINGERPRINT \
	"pg_catalog.md5(a.row_version || ':' || coalesce((SELECT pg_catalog.string_agg(p.activity_party_id || '.' || p.row_version, ',' " \
	"ORDER BY p.activity_party_id) FROM @activity_party p WHERE p.activity_id = a.activity_id), ''))"

#endif							/* CRM_SERIES_H */
