-- Rows that no constraint of ours would let in, in an organization whose owner took the constraints away: calls end with words, loops have an end.
BEGIN;
\ir ../lib/pgtap.sql
SELECT plan(25);
SET LOCAL TIME ZONE 'UTC';
SET LOCAL statement_timeout = '20s';

-- How long a statement may take at all: it is bounded, not waited for.
CREATE FUNCTION pg_temp.quick(statement text, expected text, test text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
	got text := pg_temp.outcome(statement);
BEGIN
	RETURN public.ok(got IS NOT DISTINCT FROM expected AND clock_timestamp() - started < interval '5 s', test)
		|| CASE WHEN got IS DISTINCT FROM expected THEN E'\n' || public.diag(format('wanted %s, got %s', expected, got)) ELSE '' END;
END $$;

-- Working time is counted over a thousand years at most.
SELECT pg_temp.quick($$SELECT sales_crm.working_minutes_between('4713-01-01 BC', '294276-12-31')$$, '22008', 'all of time is refused');
SELECT pg_temp.refused($$SELECT sales_crm.working_minutes_between('0001-01-01', '2026-01-01')$$, '22008', 'and two thousand years are, with DETAIL and HINT');
SELECT pg_temp.quick($$SELECT sales_crm.working_minutes_between('2026-01-01', 'infinity')$$, '22008', 'so is an open end');
SELECT pg_temp.quick($$SELECT sales_crm.working_minutes_between('-infinity', '2026-01-01')$$, '22008', 'and an open beginning');
SELECT pg_temp.quick($$SELECT sales_crm.working_minutes_between('1926-03-01', '2026-03-01') > 12000000$$, 'true', 'a hundred years are counted');
SELECT pg_temp.quick($$SELECT sales_crm.working_minutes_between('2026-03-01', '1926-03-01') < -12000000$$, 'true', 'backward, too');
SELECT pg_temp.quick($$SELECT sales_crm.add_working_time('2026-03-02', 2147483647)$$, '22008', 'minutes that lead further are refused');
SELECT pg_temp.quick($$SELECT sales_crm.add_working_time('294276-12-30', 100000)$$, '22008', 'and those that lead beyond the end of time');
INSERT INTO crm.working_calendar (name, time_zone) VALUES ('Rare', 'UTC');
INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time) SELECT working_calendar_id, 1, '09:00', '09:01' FROM crm.working_calendar WHERE name = 'Rare';
SELECT pg_temp.quick($$SELECT sales_crm.add_working_time('2026-03-02', 1000000, 'Rare')$$, '22008', 'a minute a week does not take for ever');

-- A lead born in the dim past gets its first response all the same.
SAVEPOINT before;
INSERT INTO crm.lead (subject, last_name, company_name) VALUES ('old', 'Old', 'Old') RETURNING lead_id \gset
SET LOCAL session_replication_role = replica;
UPDATE crm.lead SET created_at = '4000-01-01 BC', first_response_due_at = '4000-01-01 BC' WHERE lead_id = :lead_id;
RESET session_replication_role;
INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('phone_call', 'hello', 'lead', :lead_id) RETURNING activity_id \gset
SELECT pg_temp.quick(format('SELECT sales_crm.complete_activity(activity_id => %s)', :activity_id), 'completed', 'an answer after six thousand years');
ROLLBACK TO before;

-- Weekdays that are none, times that are none.
ALTER TABLE crm.working_hours DROP CONSTRAINT working_hours_weekday_check;
INSERT INTO crm.working_calendar (name, time_zone) VALUES ('Odd', 'UTC');
SET LOCAL session_replication_role = replica;
INSERT INTO crm.working_hours (working_calendar_id, weekday, start_time, end_time)
SELECT working_calendar_id, day, '09:00', '17:00' FROM crm.working_calendar, unnest('{1, 0, 8, 14, -1, 2147483647, -2147483648, 100000, -100000}'::integer[]) AS day WHERE name = 'Odd';
RESET session_replication_role;
UPDATE crm.working_calendar SET time_zone = 'Etc/UTC' WHERE name = 'Odd';
SELECT is(minutes, 480::bigint, 'hours of a weekday that is none never come') FROM sales_crm.working_minutes_between('2026-03-02', '2026-03-09', 'Odd');
ROLLBACK TO before;

-- Territories above one another in a circle.
INSERT INTO crm.territory (name) VALUES ('East'), ('West');
INSERT INTO crm.territory_area (territory_id, country) SELECT territory_id, 'XE' FROM crm.territory WHERE name = 'East';
SET LOCAL session_replication_role = replica;
UPDATE crm.territory AS t SET parent_territory_id = o.territory_id FROM crm.territory AS o WHERE t.name IN ('East', 'West') AND o.name IN ('East', 'West') AND o.name <> t.name;
RESET session_replication_role;
INSERT INTO crm.assignment_policy (name, method, territory_id) SELECT 'Elsewhere', 'round_robin', territory_id FROM crm.territory WHERE name NOT IN ('East', 'West') UNION ALL SELECT 'Nearest', 'territory', NULL;
INSERT INTO crm.territory (name) VALUES ('Else');
INSERT INTO crm.assignment_policy (name, method, territory_id) SELECT 'Else', 'round_robin', territory_id FROM crm.territory WHERE name = 'Else';
UPDATE crm.organization_setting SET value = '0' WHERE name = 'first_response_minutes';
INSERT INTO crm.lead (subject, last_name, company_name, address_country) VALUES ('round', 'Round', 'Round', 'XE') RETURNING lead_id \gset
SELECT pg_temp.quick(format('SELECT sales_crm.assign_lead(lead_id => %s)', :lead_id), 'SC017', 'no lead is assigned in a circle');
SELECT pg_temp.refused(format('SELECT sales_crm.assign_lead(lead_id => %s)', :lead_id), 'SC017', 'with DETAIL and HINT');
UPDATE crm.organization_setting SET value = '60' WHERE name = 'first_response_minutes';
SELECT pg_temp.quick($$INSERT INTO crm.lead (subject, last_name, company_name, address_country) VALUES ('late', 'Late', 'Late', 'XE')$$, 'SC017', 'nor is a deadline found there');
SELECT pg_temp.quick($$INSERT INTO crm.lead (subject, last_name, company_name, address_country, address_postal_code) VALUES ('long', 'Long', 'Long', 'XX', repeat('x', 1000000)) RETURNING 'in'$$, 'in', 'a postal code of a million characters');
ROLLBACK TO before;

-- Families of products in a circle.
INSERT INTO crm.product (product_number, name, product_structure) VALUES ('F-1', 'One', 'family');
INSERT INTO crm.product (product_number, name, product_structure, parent_product_id) SELECT 'F-2', 'Two', 'family', product_id FROM crm.product WHERE product_number = 'F-1';
SET LOCAL session_replication_role = replica;
UPDATE crm.product SET parent_product_id = (SELECT product_id FROM crm.product WHERE product_number = 'F-2') WHERE product_number = 'F-1';
RESET session_replication_role;
SELECT pg_temp.quick($$INSERT INTO crm.product_property (product_id, name, data_type) SELECT product_id, 'colour', 'text' FROM crm.product WHERE product_number = 'F-1' RETURNING 'in'$$, 'in', 'a property in a circle of families');
SELECT pg_temp.quick($$SELECT count(*) FROM crm.product_property_effective WHERE product_id IN (SELECT product_id FROM crm.product WHERE product_number LIKE 'F-%')$$, '2', 'is shown for each of them');
ROLLBACK TO before;

-- Numbers that are none: NaN is above every power of ten.
INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, list_price) SELECT 'N-1', 'Number', unit_group_id, unit_id, 10 FROM crm.unit WHERE is_base_unit LIMIT 1;
SELECT sales_crm.publish_product(product_id => (SELECT product_id FROM crm.product WHERE product_number = 'N-1')) AS state \gset
INSERT INTO crm.price_list (name, currency_code) VALUES ('NaN', 'USD');
INSERT INTO crm.account (name) VALUES ('Nobody');
ALTER TABLE crm.price_list_item DISABLE TRIGGER USER;
DO $$
DECLARE one text;
BEGIN
	FOR one IN SELECT conname FROM pg_constraint WHERE conrelid = 'crm.price_list_item'::regclass AND contype = 'c' LOOP
		EXECUTE format('ALTER TABLE crm.price_list_item DROP CONSTRAINT %I', one);
	END LOOP;
END $$;
INSERT INTO crm.price_list_item (price_list_id, product_id, unit_id, pricing_method, percentage, rounding_policy, rounding_option, rounding_amount)
SELECT l.price_list_id, p.product_id, p.default_unit_id, 'percent_of_list', 100, 'up', 'ends_in', 'NaN' FROM crm.price_list AS l, crm.product AS p WHERE l.name = 'NaN' AND p.product_number = 'N-1';
ALTER TABLE crm.price_list_item ENABLE TRIGGER USER;
INSERT INTO crm.quote (name, account_id, price_list_id) SELECT 'odd', a.account_id, l.price_list_id FROM crm.account AS a, crm.price_list AS l WHERE a.name = 'Nobody' AND l.name = 'NaN' RETURNING quote_id \gset
SELECT pg_temp.quick(format($$INSERT INTO crm.quote_product (quote_id, product_id, quantity) SELECT %s, product_id, 1 FROM crm.product WHERE product_number = 'N-1' RETURNING pricing_error$$, :quote_id),
	'invalid_rounding_amount', 'a price that ends in NaN is no price');
SELECT isnt(left(pg_temp.refusal(format($$INSERT INTO crm.quote_product (quote_id, product_id, quantity) SELECT %s, product_id, 'NaN' FROM crm.product WHERE product_number = 'N-1'$$, :quote_id)), 2), 'XX', 'nor is NaN a quantity');
ROLLBACK TO before;

-- A series of numbers, a currency, terms of payment and a key beyond measure.
SET LOCAL session_replication_role = replica;
DO $$
DECLARE one record;
BEGIN
	FOR one IN SELECT conrelid::regclass AS rel, conname FROM pg_constraint
			   WHERE conrelid IN ('crm.number_series'::regclass, 'crm.currency'::regclass, 'crm.payment_term'::regclass) AND contype = 'c' LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.rel, one.conname);
	END LOOP;
END $$;
RESET session_replication_role;
UPDATE crm.number_series SET width = 2147483647 WHERE series = 'quote';
INSERT INTO crm.account (name) VALUES ('Somebody');
SELECT is(length(quote_number), 104, 'a number has a hundred digits at most') FROM (SELECT pg_temp.outcome($$INSERT INTO crm.quote (name, account_id) SELECT 'wide', account_id FROM crm.account WHERE name = 'Somebody' RETURNING quote_number$$)) AS t (quote_number);
UPDATE crm.number_series SET width = -2147483648 WHERE series = 'quote';
SELECT matches(pg_temp.outcome($$INSERT INTO crm.quote (name, account_id) SELECT 'narrow', account_id FROM crm.account WHERE name = 'Somebody' RETURNING quote_number$$), '^QUO-[0-9]+$', 'and at least those it needs');
UPDATE crm.payment_term SET net_days = 2147483647 WHERE payment_terms = 'net_30';
SELECT pg_temp.quick($$INSERT INTO crm.invoice (name, account_id, payment_terms) SELECT 'late', account_id, 'net_30' FROM crm.account WHERE name = 'Somebody'$$, '22008', 'no day is so far away');
SELECT pg_temp.quick($$INSERT INTO crm.invoice (name, account_id, invoice_date, due_date) SELECT 'never', account_id, 'infinity', 'infinity' FROM crm.account WHERE name = 'Somebody' RETURNING due_date$$, 'infinity', 'but infinity is');
UPDATE crm.currency SET decimals = 2147483647 WHERE currency_code = 'USD';
SELECT isnt(left(pg_temp.outcome($$INSERT INTO crm.invoice (name, account_id, freight_amount) SELECT 'fine', account_id, 1.23456 FROM crm.account WHERE name = 'Somebody' RETURNING total_amount$$), 2), 'XX', 'decimals beyond measure');
ALTER TABLE crm.activity ALTER COLUMN activity_id DROP IDENTITY;
INSERT INTO crm.opportunity (name, account_id) SELECT 'gone', account_id FROM crm.account WHERE name = 'Somebody' RETURNING opportunity_id \gset
SELECT pg_temp.refused(format('SELECT sales_crm.lose_opportunity(opportunity_id => %s)', :opportunity_id), '55000', 'a key without its sequence');
ROLLBACK TO before;
ROLLBACK;
