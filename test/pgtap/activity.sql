-- Activities of every type: reasons, times, details, parties, files, notes, connections, types of one's own (D§2.3, D§6).
BEGIN;
\ir ../lib/documents.sql
SELECT no_plan();

-- The first column that a statement returns, or the SQLSTATE it is refused with; NULL when it returns nothing.
CREATE FUNCTION tap.answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION tap.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

CREATE FUNCTION tap.activity(kind text, more text DEFAULT '{}') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO activity (activity_type, subject, status_reason, state, direction, scheduled_start_at, scheduled_end_at, actual_start_at, regarding_entity, regarding_id)
	SELECT kind, 'A ' || kind, coalesce(m.status_reason, 'open'), coalesce(m.state, 'open'), m.direction, m.scheduled_start_at, m.scheduled_end_at, m.actual_start_at, m.regarding_entity, m.regarding_id
	FROM jsonb_populate_record(NULL::activity, more::jsonb) AS m RETURNING activity_id INTO made;
	RETURN made;
END $$;
CREATE FUNCTION tap.state_of(a bigint) RETURNS text LANGUAGE sql AS 'SELECT state || ''/'' || status_reason FROM activity WHERE activity_id = a';

-- The reasons of each type, by default and on request.
SELECT is(state_of(activity(kind)), born, kind || ' is born ' || born) FROM (VALUES
	('task', 'open/not_started'), ('phone_call', 'open/open'), ('email', 'open/draft'), ('appointment', 'open/free'), ('letter', 'open/open'), ('fax', 'open/open')) AS t (kind, born);
SELECT is(state_of(activity('appointment', '{"state": "scheduled", "status_reason": "busy"}')), 'scheduled/busy', 'an appointment may be born scheduled');
SELECT refused(format('INSERT INTO activity (activity_type, subject, status_reason) VALUES (%L, ''x'', %L)', kind, reason), 'SC003', kind || ' has no reason ' || reason)
FROM (VALUES ('task', 'draft'), ('phone_call', 'in_progress'), ('email', 'tentative'), ('appointment', 'failed'), ('letter', 'not_started')) AS t (kind, reason);
SELECT is(sales_crm.complete_activity(activity_id => remember('done ' || kind, activity(kind, coalesce(more, '{}')))), 'completed', kind || ' is completed') FROM (VALUES
	('task', NULL), ('phone_call', NULL), ('email', NULL), ('appointment', NULL), ('letter', NULL), ('fax', NULL)) AS t (kind, more);
SELECT is(state_of(id('done ' || kind)), ended, kind || ' ends ' || ended) FROM (VALUES
	('task', 'completed/completed'), ('phone_call', 'completed/made'), ('email', 'completed/completed'), ('appointment', 'completed/completed'), ('letter', 'completed/sent'), ('fax', 'completed/completed')) AS t (kind, ended);
SELECT remember('incoming', activity('phone_call', '{"direction": "incoming"}')), remember('mail', activity('email')), remember('called off', activity('task')) \gset
SELECT state FROM sales_crm.complete_activity(activity_id => id('incoming')) \gset
SELECT state FROM sales_crm.complete_activity(activity_id => id('mail'), status_reason => 'sent', actual_end_at => '2026-01-02 03:04+00') \gset
SELECT is(state_of(id('incoming')), 'completed/received', 'an incoming call was received');
SELECT is((state_of(id('mail')), actual_end_at)::text, '(completed/sent,"2026-01-02 03:04:00+00")', 'reason and end as given') FROM activity WHERE activity_id = id('mail');
SELECT is(sales_crm.cancel_activity(activity_id => id('called off'), description => 'Ill'), 'canceled', 'a task is canceled');
SELECT is((h.to_state, h.description), ('canceled'::text, 'Ill'::text), 'and the history says why') FROM status_history AS h WHERE entity = 'activity' AND record_id = id('called off');
SELECT is(direction, 'outgoing', 'a call is outgoing unless said otherwise') FROM activity WHERE activity_id = id('done phone_call');
SELECT is(direction, NULL, 'a task has no direction') FROM activity WHERE activity_id = id('done task');

-- Each state and each call.
SELECT is(answer(format('SELECT state FROM sales_crm.%s(activity_id => %s)', call, CASE from_state
		WHEN 'open' THEN activity('task') WHEN 'scheduled' THEN activity('appointment', '{"state": "scheduled", "status_reason": "busy"}')
		WHEN 'completed' THEN id('done task') ELSE id('called off') END)), result, call || ' from ' || from_state)
FROM (VALUES ('open', 'complete_activity', 'completed'), ('open', 'cancel_activity', 'canceled'), ('open', 'reopen_activity', 'SC001'),
	('scheduled', 'complete_activity', 'completed'), ('scheduled', 'cancel_activity', 'canceled'), ('scheduled', 'reopen_activity', 'SC001'),
	('completed', 'complete_activity', 'SC001'), ('completed', 'cancel_activity', 'SC001'), ('canceled', 'complete_activity', 'SC001'), ('canceled', 'cancel_activity', 'SC001'),
	('completed', 'reopen_activity', 'open'), ('canceled', 'reopen_activity', 'open')) AS t (from_state, call, result);
SELECT is((state_of(id('done task')), actual_end_at)::text, '(open/not_started,)', 'opened again it has no end') FROM activity WHERE activity_id = id('done task');
SELECT is(refusal(format('UPDATE activity SET state = %L WHERE activity_id = %s', to_state, id('done ' || kind))), code, format('by hand: %s from %s to %s', kind, state_of(id('done ' || kind)), to_state))
FROM (VALUES ('task', 'completed', NULL), ('fax', 'open', 'SC001'), ('letter', 'canceled', 'SC001'), ('email', 'scheduled', 'SC001')) AS t (kind, to_state, code);
SELECT refused(format('SELECT * FROM sales_crm.%s(activity_id => %s)', call, arg), code, call || ' of ' || arg)
FROM (VALUES ('complete_activity', 'NULL', '22004'), ('complete_activity', '-1', 'P0002'), ('cancel_activity', 'NULL', '22004'), ('cancel_activity', '-1', 'P0002'), ('reopen_activity', 'NULL', '22004'), ('reopen_activity', '-1', 'P0002')) AS t (call, arg, code);
SELECT refused(format('SELECT * FROM sales_crm.complete_activity(activity_id => %s, status_reason => ''received'')', activity('task')), 'SC003', 'a task is not received');
SELECT refused(format('SELECT * FROM sales_crm.complete_activity(activity_id => %s, actual_end_at => ''2020-01-01'')', activity('task', '{"actual_start_at": "2026-01-01 00:00+00"}')), '23514', 'no end before the start');
WITH made AS (INSERT INTO opportunity (name, account_id) VALUES ('Deal', id('Contoso')) RETURNING opportunity_id) SELECT remember('deal', opportunity_id) FROM made \gset
SELECT remember('closing', activity_id) FROM sales_crm.lose_opportunity(opportunity_id => id('deal')) \gset
SELECT refused(format('SELECT * FROM sales_crm.reopen_activity(activity_id => %s)', id('closing')), 'SC001', 'what tells of a closing stays closed');
SELECT state FROM sales_crm.reopen_opportunity(opportunity_id => id('deal')) \gset

-- Times.
SELECT remember('timed', activity('appointment', '{"scheduled_start_at": "2026-03-01 09:00+00", "scheduled_end_at": "2026-03-01 10:30+00", "actual_start_at": "2026-03-01 09:10+00"}')) \gset
SELECT is((scheduled_duration_minutes, actual_duration_minutes, sort_at = scheduled_end_at)::text, '(90,,t)', 'planned minutes; its place is when it is due') FROM activity WHERE activity_id = id('timed');
SELECT state FROM sales_crm.complete_activity(activity_id => id('timed'), actual_end_at => '2026-03-01 10:00+00') \gset
SELECT is((actual_duration_minutes, sort_at = actual_end_at)::text, '(50,t)', 'minutes it took; its place is when it ended') FROM activity WHERE activity_id = id('timed');
SELECT is(sort_at, created_at, 'without any time its place is when it was made') FROM activity WHERE activity_id = activity('task');
SELECT refused($$INSERT INTO activity (activity_type, subject, scheduled_start_at, scheduled_end_at) VALUES ('task', 'x', '2026-03-02', '2026-03-01')$$, '23514', 'due before its start');
SELECT refused(format('UPDATE activity SET sort_at = ''2040-01-01'' WHERE activity_id = %s', activity('task')), '428C9', 'the place is computed');
SET LOCAL sales_crm.now = '2026-03-01 12:00+00';
SELECT remember('late', activity('task', '{"scheduled_end_at": "2026-03-01 11:59+00"}')), remember('in time', activity('task', '{"scheduled_end_at": "2026-03-01 12:01+00"}')), remember('no time', activity('task')) \gset
SELECT is((is_overdue, is_completed_late)::text, '(f,f)', 'without a due time nothing is late') FROM bi_fact_activity WHERE activity_id = id('no time');
SELECT is(is_overdue, wanted, name || ' is overdue') FROM (VALUES ('late', true), ('in time', false), ('timed', false)) AS t (name, wanted) JOIN bi_fact_activity ON activity_id = id(name);
SELECT state FROM sales_crm.complete_activity(activity_id => id('late')) \gset
SELECT is((is_overdue, is_completed_late)::text, '(f,t)', 'completed late is not overdue any more') FROM bi_fact_activity WHERE activity_id = id('late');
SET LOCAL sales_crm.now = '';

-- Details stand beside an open activity of their type.
SELECT is(refusal(format('INSERT INTO %s (activity_id) VALUES (%s)', kind, activity(kind))), NULL, 'details of ' || kind) FROM unnest('{task,phone_call,email,appointment,letter,fax}'::text[]) AS t (kind);
SELECT refused(format('INSERT INTO task (activity_id) VALUES (%s)', activity('phone_call')), '23514', 'a call has no details of a task');
SELECT remember('full', activity('task')) \gset
INSERT INTO task (activity_id, percent_complete, category) VALUES (id('full'), 50, 'Sales');
SELECT is(refusal(format('INSERT INTO task (activity_id) VALUES (%s)', id('full'))), '23505', 'details come once');
SELECT is(refusal(format('UPDATE task SET percent_complete = 101 WHERE activity_id = %s', id('full'))), '23514', 'at most 100 percent');
SELECT is(refusal(format('UPDATE task SET percent_complete = 90 WHERE activity_id = %s', id('full'))), NULL, 'open details change');
SELECT is(row_version, 2::bigint, 'and are stamped') FROM task WHERE activity_id = id('full');
SELECT state FROM sales_crm.complete_activity(activity_id => id('full')) \gset
SELECT refused(statement, 'SC002', 'closed: ' || statement) FROM unnest(ARRAY[format('UPDATE task SET percent_complete = 100 WHERE activity_id = %s', id('full')),
	format('DELETE FROM task WHERE activity_id = %s', id('full')), format('INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (%s, ''owner'', ''x'')', id('full')),
	format('INSERT INTO attachment (activity_id, file_name, content) VALUES (%s, ''x'', ''x'')', id('full')), format('DELETE FROM activity WHERE activity_id = %s', id('full'))]) AS t (statement);
SELECT is(refusal('INSERT INTO task (activity_id) VALUES (999999999)'), '23503', 'details of nothing');

SELECT refused(format('UPDATE activity SET activity_type = ''letter'' WHERE activity_id = %s', activity('task')), '428C9', 'a type is for good');

-- Parties.
SELECT remember('call', activity('phone_call')), remember('meeting', activity('appointment')) \gset
SELECT is(refusal(format('INSERT INTO activity_party (activity_id, participation_type, entity, record_id, address_used) VALUES (%s, %L, %L, %L, %L)', id(kind), role, entity, record_id, address)), code, format('%s with %s', kind, role))
FROM (VALUES ('call', 'to', 'contact', id('Ann'), NULL, NULL), ('call', 'sender', NULL, NULL, '+49 30 1', NULL), ('call', 'sender', NULL, NULL, '+49 30 2', '23505'), ('call', 'to', 'contact', id('Ann'), NULL, '23505'),
	('call', 'organizer', 'contact', id('Ann'), NULL, '23514'), ('call', 'to', 'contact', -1, NULL, '23503'), ('call', 'to', 'nonsense', 1, NULL, '42704'), ('call', 'to', NULL, NULL, NULL, '23514'),
	('meeting', 'required_attendee', 'contact', id('Ann'), NULL, NULL), ('meeting', 'organizer', 'account', id('Contoso'), NULL, NULL), ('meeting', 'to', 'contact', id('Ann'), NULL, '23514'), ('meeting', 'nobody', 'contact', id('Ann'), NULL, '23514')) AS t (kind, role, entity, record_id, address, code);
WITH made AS (INSERT INTO contact (last_name) VALUES ('Gone') RETURNING contact_id) SELECT remember('Gone', contact_id) FROM made \gset
INSERT INTO activity_party (activity_id, participation_type, entity, record_id) VALUES (id('meeting'), 'optional_attendee', 'contact', id('Gone'));
SELECT state FROM sales_crm.complete_activity(activity_id => id('meeting')) \gset
DELETE FROM contact WHERE contact_id = id('Gone');
SELECT is((entity, address_used), (NULL::text, 'Gone'::text), 'a party who is gone leaves the name, even in a closed meeting') FROM activity_party WHERE activity_id = id('meeting') AND participation_type = 'optional_attendee';

-- Notes and files.
WITH made AS (INSERT INTO note (regarding_entity, regarding_id, subject, body) VALUES ('opportunity', id('deal'), 'Visit', 'They like it.') RETURNING note_id) SELECT remember('note', note_id) FROM made \gset
INSERT INTO attachment (note_id, file_name, mime_type, content) VALUES (id('note'), 'hello.txt', 'text/plain', 'hello');
SELECT is((file_size, sha256)::text, '(5,2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824)', 'a file is measured') FROM attachment WHERE note_id = id('note');
UPDATE attachment SET content = '' WHERE note_id = id('note');
SELECT is((file_size, left(sha256, 8))::text, '(0,e3b0c442)', 'and anew when it changes') FROM attachment WHERE note_id = id('note');
SELECT refused($$INSERT INTO note (regarding_entity, regarding_id, body) VALUES ('lead', -1, 'x')$$, '23503', 'a note about nothing');
SELECT is(refusal($$INSERT INTO attachment (file_name, content) VALUES ('x', 'x')$$), '23514', 'a file belongs to something');
SELECT refused(format('UPDATE attachment SET file_size = 7 WHERE note_id = %s', id('note')), '428C9', 'its length is computed');
WITH made AS (INSERT INTO lead (last_name) VALUES ('Short') RETURNING lead_id) SELECT remember('lead', lead_id) FROM made \gset
INSERT INTO note (regarding_entity, regarding_id, body) VALUES ('lead', id('lead'), 'x');
INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2) VALUES ('lead', id('lead'), 'account', id('Contoso'));
DELETE FROM lead WHERE lead_id = id('lead');
SELECT is((SELECT count(*) FROM note WHERE regarding_entity = 'lead' AND regarding_id = id('lead')), 0::bigint, 'notes go with their record');
SELECT is((SELECT count(*) FROM connection WHERE entity_1 = 'lead' AND record_id_1 = id('lead')), 0::bigint, 'and connections');

-- Connections.
INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2, connection_role_id) SELECT 'opportunity', id('deal'), 'contact', id('Ann'), connection_role_id FROM connection_role WHERE name = 'Decision Maker';
INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2, connection_role_id) SELECT 'contact', id('Ann'), 'account', id('Contoso'), connection_role_id FROM connection_role WHERE name = 'Employer';
SELECT results_eq(format($$SELECT connected_entity, connected_role, connected_role_category, own_role FROM connection_end WHERE (entity, record_id) = ('contact', %s) ORDER BY 1$$, id('Ann')),
	$$VALUES ('account', 'Employer', 'business', 'Employee'), ('opportunity', NULL, NULL, 'Decision Maker')$$, 'connections of a contact, from his end');
SELECT results_eq(format($$SELECT connected_record, connected_role FROM connection_end WHERE (entity, record_id) = ('opportunity', %s)$$, id('deal')), format($$VALUES (%s::bigint, 'Decision Maker')$$, id('Ann')), 'the stakeholder of a deal');
SELECT is(refusal(format('INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2) VALUES (''contact'', %1$s, ''contact'', %1$s)', id('Ann'))), '23514', 'nobody is connected with himself');
SELECT refused(format('INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2) VALUES (''contact'', %s, ''contact'', -1)', id('Ann')), '23503', 'nor with nobody');

-- What has no end takes no number of minutes.
INSERT INTO crm.activity (activity_type, subject, scheduled_start_at, scheduled_end_at) VALUES ('task', 'For ever', '1990-01-01', 'infinity') RETURNING scheduled_duration_minutes IS NULL AS no_minutes \gset
SELECT ok(:'no_minutes', 'a due time at infinity gives no duration');

-- Types of an administrator.
CREATE ROLE tap_admin;
CREATE ROLE tap_seller;
SELECT level FROM sales_crm.grant_access(role => 'tap_admin', level => 'admin') \gset
SELECT level FROM sales_crm.grant_access(role => 'tap_seller', level => 'sell') \gset
SET LOCAL ROLE tap_admin;
SELECT ok(sales_crm.add_activity_type(name => 'site_visit', columns => '[{"name": "visit_result", "type": "text", "comment": "What came of it."}, {"name": "cost", "type": "money"}]') > 0, 'an administrator adds a type');
SELECT ok(sales_crm.add_activity_type(name => 'demo_call', label => 'Demonstration') > 0, 'one without columns too');
RESET ROLE;
SELECT results_eq($$SELECT activity_type, label, has_details, is_custom FROM activity_type WHERE activity_type IN ('site_visit', 'demo_call') ORDER BY 1$$,
	$$VALUES ('demo_call', 'Demonstration', false, true), ('site_visit', 'Site Visit', true, true)$$, 'they stand beside the others');
SELECT table_owner_is('crm', 'site_visit', 'postgres', 'the table belongs to the owner of the organization');
SELECT is(col_description('crm.site_visit'::regclass, attnum), 'What came of it.', 'with its comment') FROM pg_attribute WHERE attrelid = 'crm.site_visit'::regclass AND attname = 'visit_result';
-- Names that SQL must quote.
RESET ROLE;
SELECT ok(sales_crm.add_activity_type(name => 'user', columns => '[{"name": "order", "type": "text"}]') > 0, 'a type, and a column, called as words of SQL');
INSERT INTO crm.activity (activity_type, subject) VALUES ('user', 'Ask a user') RETURNING activity_id AS asked \gset
SELECT lives_ok(format('INSERT INTO crm."user" (activity_id, "order") VALUES (%s, ''first'')', :asked), 'its details');
SELECT lives_ok('INSERT INTO crm.note (subject, regarding_entity, regarding_id) SELECT ''About it'', ''user'', user_id FROM crm."user"', 'a note about them');
CREATE TABLE crm."Site Plan" ("Site Plan_id" bigint PRIMARY KEY);
INSERT INTO crm."Site Plan" VALUES (1);
SELECT lives_ok('INSERT INTO crm.note (subject, regarding_entity, regarding_id) VALUES (''About it'', ''Site Plan'', 1)', 'a note about a table of a user with capitals and a blank');
SELECT refused('INSERT INTO crm.note (subject, regarding_entity, regarding_id) VALUES (''About it'', ''Site Plan'', 2)', '23503', 'whose record must be there');

-- What an administrator has in his own path or temporary schema does not get into a table of everybody.
SET LOCAL ROLE tap_admin;
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN pg_temp.timestamptz AS pg_catalog.timestamptz CHECK (false);
SELECT ok(sales_crm.add_activity_type(name => 'trap', columns => '[{"name": "answer", "type": "text"}, {"name": "moment", "type": "timestamptz"}]') > 0, 'types of the caller''s own');
DROP DOMAIN pg_temp.text, pg_temp.timestamptz;
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid WHERE a.attrelid = 'crm.trap'::regclass AND t.typnamespace = 'pg_catalog'::regnamespace AND a.attnum > 0), 9::bigint, 'are not taken for those of PostgreSQL');
SET LOCAL ROLE tap_seller;
SET LOCAL search_path = tap, crm, public;
RESET ROLE;
GRANT USAGE ON SCHEMA tap TO tap_seller;
GRANT SELECT ON tap.named TO tap_seller;
SELECT remember('visit', activity('site_visit')), remember('demo', activity('demo_call')) \gset
SET LOCAL ROLE tap_seller;
INSERT INTO site_visit (activity_id, visit_result, cost) VALUES (id('visit'), 'They buy', 12.50);
SELECT is(sales_crm.complete_activity(activity_id => id('visit')), 'completed', 'a seller works with it');
SELECT refused(format('UPDATE site_visit SET cost = 0 WHERE activity_id = %s', id('visit')), 'SC002', 'and it is closed as any other');
SELECT refused(format('INSERT INTO site_visit (activity_id) VALUES (%s)', id('demo')), '23514', 'and only of its type');
SELECT is(refusal($$SELECT sales_crm.add_activity_type(name => 'mine')$$), '42501', 'a seller adds no types');
RESET ROLE;
SELECT refused(format('SELECT sales_crm.add_activity_type(name => %L, columns => %L)', name, columns), code, format('no type %s with %s', name, columns))
FROM (VALUES ('site_visit', NULL, '42710'), ('lead', NULL, '42710'), ('task', NULL, '42710'), ('Bad Name', NULL, '22023'), ('x"; DROP TABLE crm.lead; --', NULL, '22023'), ('', NULL, '22023'), (NULL, NULL, '22004'),
	('one', '[{"name": "a b", "type": "text"}]', '22023'), ('two', '[{"name": "a", "type": "text); DROP TABLE crm.lead; --"}]', '22023'), ('three', '[{"name": "a"}]', '22023'), ('four', '"text"', '22023')) AS t (name, columns, code);
SELECT is(refusal(format('SELECT sales_crm.add_activity_type(name => ''twice'', columns => %L)', columns)), '42701', 'not with ' || columns)
FROM (VALUES ('[{"name": "a", "type": "text"}, {"name": "a", "type": "date"}]'), ('[{"name": "activity_id", "type": "bigint"}]')) AS t (columns);
SELECT hasnt_table('crm', 'two', 'nothing is left of a refused one');

-- A row by hand has no table: repair() would hang the guard of details on any table that it names, in the place of its own.
GRANT USAGE ON SCHEMA tap TO tap_admin;
SET LOCAL ROLE tap_admin;
INSERT INTO activity_type (activity_type, label, has_details, is_custom) VALUES ('invoice', 'By hand', true, true);
SELECT refused('UPDATE activity_type SET is_custom = true WHERE activity_type = ''invoice''', '428C9', 'what was not added by the call does not become so');
RESET ROLE;
SELECT is(is_custom, false, 'nor is it born so') FROM activity_type WHERE activity_type = 'invoice';
CREATE FUNCTION guards_of(wanted text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(encode(tgargs, 'escape'), ' ') FROM pg_trigger WHERE tgrelid = ('crm.' || wanted)::regclass AND tgname = 't10_guard'
$$;
SET LOCAL session_replication_role = replica;
UPDATE activity_type SET is_custom = true WHERE activity_type = 'invoice';
CREATE TABLE crm.inspection (inspection_id bigint PRIMARY KEY);
INSERT INTO activity_type (activity_type, label, has_details, is_custom) VALUES ('inspection', 'A table of one''s own', true, true);
RESET session_replication_role;
DROP TRIGGER t10_guard ON invoice;
DROP TRIGGER t10_guard ON site_visit;
SELECT version FROM sales_crm.repair(organization => 'crm') \gset
SELECT is(guards_of('invoice'), 'invoice\000', 'one that got in otherwise takes no table of ours');
SELECT is(guards_of('inspection'), NULL, 'nor one of somebody else');
SELECT is(guards_of('site_visit'), 'activity_detail\000', 'the table of an added type is cared for');
SELECT results_eq('SELECT check_name, entity, detail FROM sales_crm.verify() ORDER BY 3', $$VALUES ('table_of_added_type', 'activity_type', 'inspection was added with a table, but none of that name refers to activity'),
	('table_of_added_type', 'activity_type', 'invoice was added with a table, but none of that name refers to activity')$$, 'verify() tells of such rows');
DELETE FROM activity_type WHERE activity_type IN ('invoice', 'inspection');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
