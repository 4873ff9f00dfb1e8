-- The medians, the ratios to the bare SQL and the targets.
CREATE TEMP TABLE target (place integer, part text, variant text, against text, at_most numeric);
INSERT INTO target VALUES
(1, 'qualify, one statement', 'qualify_lead', 'qualify_fn', 1.6), (2, 'qualify, one statement', 'qualify_lead', 'qualify_hand', 1),
(3, 'qualify, 4 clients', 'qualify_lead', 'qualify_fn', 1.6), (4, 'qualify, 4 clients', 'qualify_lead', 'qualify_hand', 1),
(5, 'qualify as a set', 'qualify_leads', 'set of statements', 1.8),
(6, 'whole cycle, 4 clients', 'a call a step', 'cycle_fnsteps', 2), (7, 'whole cycle, one session', 'a call a step', 'cycle_fnsteps', 2), (7, 'whole cycle, one transaction', 'a call a step', 'cycle_fnsteps', 2),
(8, 'COPY of leads', 'crm.lead', 'bb.lead', 2),
(9, 'invoices, 4 clients', 'gapless', 'with gaps', NULL), (10, 'invoices, 4 clients', 'with gaps', 'bare sequence', NULL),
(11, 'invoices, 4 clients', 'gapless', 'bare counter row', NULL), (12, 'invoices, 4 clients', 'bare counter row', 'bare sequence', NULL),
(13, 'lines of a quote', '100 lines', '100 lines, triggers asleep', 3), (14, 'lines of a quote', '1000 lines', '1000 lines, triggers asleep', 3),
(15, 'lines of a quote', '1000 lines', '100 lines', 1.2), (16, 'quote of 100 lines to order', 'create_order_from_quote', 'copies, triggers asleep', 2),
(17, 'a lead made and changed', 'no match', 'none', 1.15), (18, 'a lead made and changed', 'a hundred', 'match', 2), (19, 'a lead made and changed', 'match', 'none', NULL),
(20, 'COPY of leads, three rows each', 'three rules', 'three inserts', 1.6), (21, 'what waits', 'queue', 'one by one', 2),
-- what the rules cost on the same tables, and what the tables cost without any rule
(2, 'qualify, one statement', 'qualify_lead', 'by hand, triggers asleep', NULL), (2, 'qualify, one statement', 'by hand, triggers asleep', 'qualify_fn', NULL),
(2, 'qualify, one statement', 'by hand, triggers asleep', 'qualify_hand', NULL),
(5, 'qualify as a set', 'qualify_leads', 'by hand, triggers asleep', NULL), (5, 'qualify as a set', 'by hand, triggers asleep', 'set of statements', NULL),
(7, 'whole cycle, one session', 'a call a step', 'by hand, triggers asleep', NULL), (7, 'whole cycle, one session', 'by hand, triggers asleep', 'cycle_fnsteps', NULL),
(7, 'whole cycle, one transaction', 'a call a step', 'by hand, triggers asleep', NULL), (7, 'whole cycle, one transaction', 'by hand, triggers asleep', 'cycle_fnsteps', NULL);

CREATE TEMP VIEW median AS
SELECT part, variant, count(*) AS rounds, percentile_cont(0.5) WITHIN GROUP (ORDER BY microseconds)::numeric AS microseconds,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY wal_bytes)::numeric AS wal_bytes, min(microseconds) AS lowest, max(microseconds) AS highest
FROM bench.result GROUP BY part, variant;

SELECT part, variant, rounds, round(microseconds, 1) AS "us each (median)", round(lowest, 1) AS lowest, round(highest, 1) AS highest,
	round(1000000 / microseconds) AS "per second", round(wal_bytes) AS "WAL bytes each"
FROM median ORDER BY (SELECT min(place) FROM target AS t WHERE t.part = median.part), microseconds;

SELECT t.part, t.variant, t.against, round(a.microseconds / b.microseconds, 2) AS ratio, round(t.at_most, 2) AS "at most",
	CASE WHEN a.microseconds / b.microseconds <= t.at_most THEN 'reached' WHEN t.at_most IS NOT NULL THEN 'MISSED' ELSE '' END AS target,
	round(a.wal_bytes / nullif(b.wal_bytes, 0), 2) AS "WAL ratio"
FROM target AS t JOIN median AS a ON (a.part, a.variant) = (t.part, t.variant) JOIN median AS b ON (b.part, b.variant) = (t.part, t.against) ORDER BY t.place;
