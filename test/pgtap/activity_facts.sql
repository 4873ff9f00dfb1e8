-- Activities fact by fact: each type with its states, reasons, roles and columns, what is computed, whom they regard, what belongs to whom (D§2.3, D§6).
BEGIN;
\ir ../lib/documents.sql
SELECT no_plan();

CREATE FUNCTION tap.result(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE reached text;
BEGIN
	EXECUTE statement INTO reached;
	RETURN coalesce(reached, 'done');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION tap.activity(kind text) RETURNS bigint LANGUAGE sql AS
	'INSERT INTO activity (activity_type, subject) VALUES (kind, ''A '' || kind) RETURNING activity_id';

-- D§6.1: the types and their codes.
SELECT results_eq('SELECT activity_type, dynamics_code FROM activity_type WHERE NOT is_custom ORDER BY dynamics_code', $$VALUES ('appointment', 4201), ('email', 4202), ('fax', 4204), ('letter', 4207),
	('opportunity_close', 4208), ('order_close', 4209), ('phone_call', 4210), ('quote_close', 4211), ('task', 4212), ('recurring_appointment', 4251)$$, 'the types, with the codes of Dynamics');

-- D§6.3: what a type is stays, one of one's own included.
SELECT sales_crm.add_activity_type(name => 'audit', columns => '[{"name": "finding", "type": "text"}]') \g /dev/null
SELECT refused(format('UPDATE activity_type SET %s WHERE activity_type = ''audit''', change), '428C9', 'not ' || change) FROM unnest('{is_custom = false,has_details = false,"activity_type = ''review''"}'::text[]) AS change;
SELECT lives_ok('UPDATE activity_type SET label = ''Site audit'' WHERE activity_type = ''audit''', 'its label is free');
SELECT is((SELECT count(*) FROM information_schema.columns AS c JOIN information_schema.columns AS d USING (table_schema, column_name) WHERE c.table_schema = 'crm' AND c.table_name = 'audit' AND d.table_name = 'task'), 6::bigint, 'its table has what each table of details has');

-- D§2.3: the states and reasons of each type with their codes; the default first.
CREATE FUNCTION tap.reasons(kind text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(line, ' · ' ORDER BY place) FROM (
		SELECT min(s.dynamics_state) AS place, min(s.dynamics_state) || ' ' || r.state || ': ' || string_agg(coalesce(r.dynamics_status_reason::text, '-') || ' ' || s.label, ', ' ORDER BY r.is_default DESC, r.dynamics_status_reason) AS line
		FROM activity_type_reason AS r JOIN status_reason AS s ON s.entity = 'activity' AND (s.state, s.status_reason) = (r.state, r.status_reason) WHERE r.activity_type = kind GROUP BY r.state) AS lines
$$;
SELECT sales_crm.add_activity_type(name => 'site_visit') \gset
SELECT is(reasons(kind), wanted, 'states, reasons and codes of ' || kind) FROM (VALUES
	('task', '0 open: 2 Not Started, 3 In Progress, 4 Waiting on someone else, 7 Deferred · 1 completed: 5 Completed · 2 canceled: 6 Canceled'),
	('phone_call', '0 open: 1 Open · 1 completed: 2 Made, 4 Received · 2 canceled: 3 Canceled'),
	('email', '0 open: 1 Draft, 8 Failed · 1 completed: 2 Completed, 3 Sent, 4 Received, 6 Pending Send, 7 Sending · 2 canceled: 5 Canceled'),
	('appointment', '0 open: 1 Free, 2 Tentative · 1 completed: 3 Completed · 2 canceled: 4 Canceled · 3 scheduled: 5 Busy, 6 Out of Office'),
	('letter', '0 open: 1 Open, 2 Draft · 1 completed: 4 Sent, 3 Received · 2 canceled: 5 Canceled'),
	('fax', '0 open: 1 Open · 1 completed: 2 Completed, 3 Sent, 4 Received · 2 canceled: 5 Canceled'),
	('opportunity_close', '0 open: 1 Open · 1 completed: 2 Completed · 2 canceled: 3 Canceled'),
	('quote_close', '0 open: 1 Open · 1 completed: 2 Completed · 2 canceled: 3 Canceled'),
	('order_close', '0 open: 1 Open · 1 completed: 2 Completed · 2 canceled: 3 Canceled'),
	('site_visit', '0 open: 1 Open · 1 completed: 2 Completed · 2 canceled: 3 Canceled · 3 scheduled: 4 Scheduled')) AS t (kind, wanted);

-- Each type takes its own reasons and no other, in whatever state: born there, or moved there.
CREATE FUNCTION tap.taken(kind text, to_state text, reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint; reached text;
BEGIN
	IF to_state IN ('open', 'scheduled') THEN
		INSERT INTO activity (activity_type, subject, state, status_reason) VALUES (kind, 'x', to_state, coalesce(reason, 'open')) RETURNING state || '/' || status_reason INTO reached;
	ELSE
		made := activity(kind);
		UPDATE activity SET state = to_state, status_reason = coalesce(reason, status_reason) WHERE activity_id = made RETURNING state || '/' || status_reason INTO reached;
	END IF;
	RETURN reached;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
-- The general reason of a state is taken for the default of the type; mails are in line for sending by a call alone.
SELECT is((SELECT string_agg(taken(kind.activity_type, r.state, r.status_reason), ' ' ORDER BY r.state, r.status_reason) FROM status_reason AS r WHERE r.entity = 'activity'),
	(SELECT string_agg(CASE WHEN r.status_reason IN ('pending_send', 'sending') THEN 'SC003' WHEN EXISTS (SELECT FROM activity_type_reason AS o WHERE (o.activity_type, o.state, o.status_reason) = (kind.activity_type, r.state, r.status_reason)) THEN r.state || '/' || r.status_reason
		WHEN r.is_default THEN coalesce((SELECT r.state || '/' || o.status_reason FROM activity_type_reason AS o WHERE (o.activity_type, o.state) = (kind.activity_type, r.state) AND o.is_default), 'SC003')
		ELSE 'SC003' END, ' ' ORDER BY r.state, r.status_reason) FROM status_reason AS r WHERE r.entity = 'activity'), kind.activity_type || ' takes its own reasons alone') FROM activity_type AS kind;
SELECT is(taken(kind, state, NULL), wanted, format('%s, %s without a reason', kind, state)) FROM (VALUES
	('task', 'canceled', 'canceled/canceled'), ('phone_call', 'completed', 'completed/made'), ('letter', 'completed', 'completed/sent'), ('appointment', 'scheduled', 'scheduled/busy'), ('task', 'scheduled', 'SC003'),
	('site_visit', 'open', 'open/open'), ('site_visit', 'scheduled', 'scheduled/scheduled'), ('site_visit', 'completed', 'completed/completed'), ('opportunity_close', 'scheduled', 'SC003')) AS t (kind, state, wanted);
SELECT is((SELECT min(s.dynamics_state || '/' || s.dynamics_status_reason) FROM status_reason AS s WHERE s.entity = 'activity' AND s.is_default AND s.state = t.state), code, 'the base table: ' || t.state)
FROM (VALUES ('open', '0/1'), ('completed', '1/2'), ('canceled', '2/3'), ('scheduled', '3/4')) AS t (state, code);
SELECT results_eq($$SELECT entity, string_agg(state || ' ' || dynamics_state || '/' || dynamics_status_reason, ', ' ORDER BY dynamics_state) FROM status_reason WHERE entity IN ('account', 'contact', 'connection', 'connection_role') GROUP BY entity ORDER BY entity COLLATE "C"$$,
	$$SELECT e, 'active 0/1, inactive 1/2' FROM unnest('{account,connection,connection_role,contact}'::text[]) AS e$$, 'active and inactive, with their codes');
SELECT is(result($$WITH made AS (INSERT INTO connection_role (name) VALUES ('Neighbour') RETURNING connection_role_id) SELECT 'made' FROM made$$), 'made', 'a role of connections');
SELECT is(result($$UPDATE connection_role SET state = 'inactive' WHERE name = 'Neighbour' RETURNING state || '/' || status_reason$$), 'inactive/inactive', 'is made inactive by hand');

-- D§6.1: what every activity has, and what is filled in.
SELECT results_eq($$SELECT column_name || ' ' || value || ' ' || dynamics_code FROM option_value WHERE entity = 'activity' ORDER BY column_name, dynamics_code$$,
	$$VALUES ('direction incoming 0'), ('direction outgoing 1'), ('priority low 0'), ('priority normal 1'), ('priority high 2')$$, 'directions and priorities with their codes');
SELECT is((SELECT count(DISTINCT priority) || ' ' || min(priority) FROM activity), '1 normal', 'of normal priority unless said otherwise');
SELECT is(result(format('UPDATE activity SET priority = %L WHERE activity_id = %s RETURNING priority', p, activity('task'))), coalesce(wanted, p), 'priority ' || p) FROM (VALUES ('low', NULL), ('high', NULL), ('urgent', '23514')) AS t (p, wanted);
SELECT remember('kind ' || kind, activity(kind)) FROM unnest('{task,phone_call,email,appointment,letter,fax,site_visit}'::text[]) AS kind \g /dev/null
SELECT is((SELECT string_agg(activity_type || ' ' || coalesce(direction, '-'), ', ' ORDER BY activity_type COLLATE "C") FROM activity WHERE activity_id IN (SELECT id FROM named WHERE name LIKE 'kind %')),
	'appointment -, email outgoing, fax outgoing, letter outgoing, phone_call outgoing, site_visit -, task -', 'calls, mails, letters and faxes are outgoing unless said otherwise');
SELECT is(result('INSERT INTO activity (activity_type, subject, direction) VALUES (''email'', ''x'', ''incoming'') RETURNING direction'), 'incoming', 'a mail that came in');
SELECT is(result('INSERT INTO activity (activity_type, subject, direction) VALUES (''email'', ''x'', ''sideways'') RETURNING direction'), '23514', 'no third way');
SELECT results_eq(format('SELECT is_billed, owner_id FROM activity WHERE activity_id = %s', id('kind task')), 'SELECT false, owner_id FROM team WHERE is_default', 'not billed; whoever made it owns it');
SELECT is(result(format('UPDATE activity SET activity_type = ''fax'' WHERE activity_id = %s RETURNING activity_type', id('kind phone_call'))), '428C9', 'the type stays, or its details would be another''s');
SELECT is(result('INSERT INTO activity (activity_type, subject) VALUES (''nothing'', ''x'') RETURNING state'), '23503', 'an unknown type');

-- Times: scheduled minutes are end less start, the end of what is closed is now, the rest follows.
SET LOCAL sales_crm.now = '2030-05-05 12:00Z';
CREATE FUNCTION tap.timed(starts timestamptz, ends timestamptz, began timestamptz, minutes integer DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO activity (activity_type, subject, scheduled_start_at, scheduled_end_at, actual_start_at, actual_duration_minutes) VALUES ('phone_call', 'timed', starts, ends, began, minutes) RETURNING activity_id
$$;
SELECT remember('timed', timed('2030-05-05 09:00Z', '2030-05-05 10:15Z', '2030-05-05 11:20Z')), remember('typed', timed(NULL, NULL, NULL, 25)), remember('off', timed(NULL, '2030-05-06', NULL)) \g /dev/null
SELECT is((SELECT (scheduled_duration_minutes, actual_end_at, sort_at)::text FROM activity WHERE activity_id = id('timed')), '(75,,"2030-05-05 10:15:00+00")', 'from start to due time');
UPDATE activity SET scheduled_end_at = '2030-05-05 09:30Z' WHERE activity_id = id('timed');
SELECT is((SELECT (scheduled_duration_minutes, sort_at)::text FROM activity WHERE activity_id = id('timed')), '(30,"2030-05-05 09:30:00+00")', 'anew when either moves');
UPDATE activity SET scheduled_end_at = NULL WHERE activity_id = id('timed');
SELECT is((SELECT (scheduled_duration_minutes, sort_at)::text FROM activity WHERE activity_id = id('timed')), '(,"2030-05-05 09:00:00+00")', 'without a due time it stands where it starts');
SELECT is((SELECT sort_at = created_at FROM activity WHERE activity_id = id('typed')), true, 'without any time where it was made');
SELECT sales_crm.complete_activity(activity_id => id('timed')), sales_crm.complete_activity(activity_id => id('typed')), sales_crm.cancel_activity(activity_id => id('off')) \g /dev/null
SELECT results_eq($$SELECT n.name, a.actual_end_at, a.actual_duration_minutes, a.sort_at = a.actual_end_at FROM named AS n JOIN activity AS a ON a.activity_id = n.id WHERE n.name IN ('timed', 'typed', 'off') ORDER BY 1$$,
	$$VALUES ('off', '2030-05-05 12:00Z'::timestamptz, NULL::integer, true), ('timed', '2030-05-05 12:00Z', 40, true), ('typed', '2030-05-05 12:00Z', 25, true)$$, 'closed now, with the minutes from the actual start, or those typed');
SELECT is(result('INSERT INTO activity (activity_type, actual_duration_minutes) VALUES (''task'', -1) RETURNING state'), '23514', 'no minutes below none');
SELECT is(result(format('UPDATE activity SET scheduled_duration_minutes = 5 WHERE activity_id = %s RETURNING state', id('kind task'))), '428C9', 'scheduled minutes are computed');

-- D§6.4: what is closed is read-only, but for its owner; it is opened again as new.
INSERT INTO team (name) VALUES ('Others');
SELECT is(result(format('UPDATE activity SET %s WHERE activity_id = %s RETURNING state', change, id('timed'))), code, 'closed: ' || change) FROM (VALUES
	('subject = ''y''', 'SC002'), ('description = ''y''', 'SC002'), ('scheduled_end_at = now()', 'SC002'), ('actual_end_at = now()', 'SC002'), ('actual_duration_minutes = 1', 'SC002'), ('priority = ''high''', 'SC002'), ('is_billed = true', 'SC002'),
	('regarding_entity = ''account'', regarding_id = 1', 'SC002'), ('state = ''canceled''', 'SC001'), ('state = ''open''', 'SC001'), ('status_reason = ''received''', 'SC002'), ('owner_id = (SELECT max(owner_id) FROM owner)', 'completed'), ('subject = subject', 'completed')) AS t (change, code);
SELECT is(result(format('UPDATE activity SET subject = ''y'' WHERE activity_id = %s RETURNING state', id('off'))), 'SC002', 'canceled: subject');
SELECT remember('again ' || kind, activity(kind)) FROM unnest('{task,phone_call,appointment,letter,fax,site_visit}'::text[]) AS kind \g /dev/null
SELECT is(sales_crm.complete_activity(activity_id => id) || ' ' || sales_crm.reopen_activity(activity_id => id) || ' ' || sales_crm.cancel_activity(activity_id => id) || ' ' || sales_crm.reopen_activity(activity_id => id), 'completed open canceled open', name || ': from each end') FROM named WHERE name LIKE 'again %';
SELECT results_eq($$SELECT activity_type, status_reason, actual_end_at FROM activity WHERE activity_id IN (SELECT id FROM named WHERE name LIKE 'again %') ORDER BY 1$$,
	$$VALUES ('appointment', 'free', NULL::timestamptz), ('fax', 'open', NULL), ('letter', 'open', NULL), ('phone_call', 'open', NULL), ('site_visit', 'open', NULL), ('task', 'not_started', NULL)$$, 'open again with the first reason of the type, without an end');
SELECT is((SELECT string_agg(from_state || '-' || to_state, ' ' ORDER BY status_history_id) FROM status_history WHERE entity = 'activity' AND record_id = id('again task')), 'open-completed completed-open open-canceled canceled-open', 'the history tells of each');
SET LOCAL sales_crm.now = '';

-- D§6.2: the roles with their codes, and which type has which; an address without a record will do.
SELECT results_eq($$SELECT dynamics_code || ' ' || value FROM option_value WHERE (entity, column_name) = ('activity_party', 'participation_type') ORDER BY dynamics_code$$,
	$$VALUES ('1 sender'), ('2 to'), ('3 cc'), ('4 bcc'), ('5 required_attendee'), ('6 optional_attendee'), ('7 organizer'), ('8 regarding'), ('9 owner'), ('10 resource'), ('11 customer')$$, 'the roles, with their codes');
CREATE FUNCTION tap.roles(kind text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE one text; taken text;
BEGIN
	FOR one IN SELECT value FROM option_value WHERE (entity, column_name) = ('activity_party', 'participation_type') ORDER BY dynamics_code LOOP
		BEGIN
			INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (id('kind ' || kind), one, 'ann@example.com');
			taken := concat_ws(' ', taken, one);
		EXCEPTION WHEN check_violation THEN
			CONTINUE;
		END;
	END LOOP;
	RETURN taken;
END $$;
SELECT is(roles(kind), wanted, 'roles of ' || kind) FROM (VALUES ('email', 'sender to cc bcc'), ('phone_call', 'sender to'), ('letter', 'sender to cc bcc'), ('fax', 'sender to'), ('appointment', 'required_attendee optional_attendee organizer'),
	('site_visit', 'sender to cc bcc required_attendee optional_attendee organizer resource customer')) AS t (kind, wanted);
SELECT refused(format('INSERT INTO activity_party (activity_id, participation_type, entity, record_id) VALUES (%s, %L, ''account'', %s)', id('kind task'), role, id('Contoso')), '23514', role || ' is no row of its own') FROM unnest('{regarding,owner}'::text[]) AS role;
-- Regarding and owner: the system has them for every activity.
UPDATE activity SET regarding_entity = 'account', regarding_id = id('Contoso') WHERE activity_id = id('kind email');
SELECT results_eq(format('SELECT v.dynamics_code, p.participation_type, p.entity, p.record_id, p.address_used FROM activity_participant AS p JOIN option_value AS v ON (v.entity, v.column_name, v.value) = (''activity_party'', ''participation_type'', p.participation_type) WHERE p.activity_id = %s ORDER BY 1', id('kind email')),
	format($$VALUES (1, 'sender', NULL, NULL::bigint, 'ann@example.com'), (2, 'to', NULL, NULL, 'ann@example.com'), (3, 'cc', NULL, NULL, 'ann@example.com'), (4, 'bcc', NULL, NULL, 'ann@example.com'),
	(8, 'regarding', 'account', %s, NULL), (9, 'owner', 'owner', %s, NULL)$$, id('Contoso'), (SELECT owner_id FROM team WHERE is_default)), 'all who have to do with a mail');
SELECT is((SELECT count(*) FROM activity AS a WHERE NOT EXISTS (SELECT FROM activity_participant AS p WHERE (p.activity_id, p.participation_type, p.record_id) = (a.activity_id, 'owner', a.owner_id))), 0::bigint, 'every activity has its owner there');
SELECT is((SELECT count(*) FROM activity_participant WHERE activity_id = id('kind task')), 1::bigint, 'and nobody else when it has nobody');

-- D§6.3: the columns of each type.
SELECT has_column('crm'::name, t.table_name::name, c::name, t.table_name || ' has ' || c) FROM (VALUES ('task', '{percent_complete,category,subcategory}'), ('phone_call', '{phone_number,left_voicemail}'),
	('email', '{message_identifier,conversation_identifier,is_read_receipt_requested,sent_at}'), ('appointment', '{location,is_all_day_event}'), ('letter', '{address}'), ('fax', '{fax_number}'), ('attachment', '{activity_id,note_id,content}'),
	('opportunity_close', '{opportunity_id,actual_revenue,competitor_id,actual_end_at,opportunity_state,opportunity_status_reason}'), ('quote_close', '{quote_id,quote_number,revision_number,actual_end_at}'),
	('order_close', '{sales_order_id,order_number,actual_end_at}')) AS t (table_name, columns), unnest(t.columns::text[]) AS c;
SELECT is(result(format('INSERT INTO phone_call (activity_id) VALUES (%s) RETURNING left_voicemail::text', id('again phone_call'))), 'false', 'no message was left unless said so');

-- Regarding: whatever table, its state does not matter (D§6.4), and what becomes of the activity when the record is deleted (D§8.6).
SELECT new_deal('about') \g /dev/null
CREATE FUNCTION tap.new_record(entity text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	CASE entity
		WHEN 'account' THEN INSERT INTO account (name) VALUES ('Regarded') RETURNING account_id INTO made;
		WHEN 'contact' THEN INSERT INTO contact (last_name) VALUES ('Regarded') RETURNING contact_id INTO made;
		WHEN 'lead' THEN INSERT INTO lead (last_name) VALUES ('Regarded') RETURNING lead_id INTO made;
		WHEN 'opportunity' THEN INSERT INTO opportunity (name, account_id) VALUES ('Regarded', id('Contoso')) RETURNING opportunity_id INTO made;
		WHEN 'campaign' THEN INSERT INTO campaign (name) VALUES ('Regarded') RETURNING campaign_id INTO made;
		WHEN 'competitor' THEN INSERT INTO competitor (name) VALUES ('Regarded') RETURNING competitor_id INTO made;
		WHEN 'territory' THEN INSERT INTO territory (name) VALUES ('Regarded') RETURNING territory_id INTO made;
		WHEN 'team' THEN INSERT INTO team (name) VALUES ('Regarded') RETURNING team_id INTO made;
		WHEN 'crm_user' THEN INSERT INTO crm_user (name) VALUES ('Regarded') RETURNING crm_user_id INTO made;
		WHEN 'price_list' THEN INSERT INTO price_list (name, currency_code) VALUES ('Regarded', 'USD') RETURNING price_list_id INTO made;
		WHEN 'product' THEN INSERT INTO product (product_number, name, unit_group_id, default_unit_id) SELECT 'regarded', 'Regarded', unit_group_id, unit_id FROM unit WHERE unit_id = id('piece') RETURNING product_id INTO made;
		WHEN 'activity' THEN made := activity('task');
		ELSE made := new_document(entity);
	END CASE;
	RETURN made;
END $$;
-- What is left of an open, a scheduled, a note, a connection and a party when their record goes, and whether a closed one keeps it.
CREATE FUNCTION tap.left_by(of text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE made bigint := new_record(of); meeting bigint; call bigint; said text; n bigint;
BEGIN
	INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'open', of, made);
	INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id, state) VALUES ('appointment', 'scheduled', of, made, 'scheduled') RETURNING activity_id INTO meeting;
	INSERT INTO note (subject, regarding_entity, regarding_id) VALUES ('note', of, made);
	INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2) VALUES (of, made, 'account', id('Contoso')), ('account', id('Contoso'), of, made);
	INSERT INTO activity (activity_type, subject) VALUES ('phone_call', 'took part') RETURNING activity_id INTO call;
	INSERT INTO activity_party (activity_id, participation_type, entity, record_id) VALUES (call, 'to', of, made);
	PERFORM sales_crm.complete_activity(activity_id => meeting);
	said := result(format('DELETE FROM %I WHERE %I = %s RETURNING ''done''', of, of || '_id', made));
	PERFORM sales_crm.reopen_activity(activity_id => meeting);
	said := said || ' ' || result(format('DELETE FROM %I WHERE %I = %s RETURNING ''done''', of, of || '_id', made));
	SELECT count(*) INTO n FROM (SELECT FROM activity WHERE regarding_entity = of AND regarding_id = made UNION ALL SELECT FROM note WHERE regarding_entity = of AND regarding_id = made
		UNION ALL SELECT FROM connection WHERE (entity_1 = of AND record_id_1 = made) OR (entity_2 = of AND record_id_2 = made)
		UNION ALL SELECT FROM activity_party WHERE entity = of AND record_id = made) AS rest;
	RETURN said || ' ' || n || ' left, party ' || (SELECT CASE WHEN address_used ~ '^([Rr]egarded|A task|(QUO|ORD|INV)-\d+)$' THEN 'named' ELSE coalesce(address_used, 'nameless') END FROM activity_party WHERE activity_id = call);
END $$;
SELECT is(left_by(of), '23503 done 0 left, party named', of || ': a closed activity keeps it, all else goes with it')
FROM unnest('{account,contact,lead,opportunity,quote,sales_order,invoice,campaign,competitor,territory,team,crm_user,price_list,product,activity}'::text[]) AS of;
SELECT isnt(result(format('INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES (''task'', ''x'', %L, %s) RETURNING ''made''', entity, record)), 'made', 'not about ' || entity) FROM (VALUES ('account', -1), ('connection_end', 1), ('pg_class', 1), ('Account', 1)) AS t (entity, record);
SELECT is(result(format('INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES (''task'', ''x'', %L, %s) RETURNING ''made''', entity, record)), '23514', 'half of a record is none') FROM (VALUES ('account', 'NULL'), (NULL, '1')) AS t (entity, record);
-- A table of one's own, with the same trigger.
CREATE TABLE crm.vehicle (vehicle_id bigint PRIMARY KEY);
CREATE TRIGGER t20_activities BEFORE DELETE ON crm.vehicle FOR EACH ROW EXECUTE FUNCTION sales_crm.activity_go_with_record('vehicle');
INSERT INTO crm.vehicle VALUES (1), (2);
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'wash', 'vehicle', 1), ('task', 'wash', 'vehicle', 2);
UPDATE activity SET state = 'completed' WHERE (regarding_entity, regarding_id) = ('vehicle', 2);
SELECT is(result('DELETE FROM vehicle WHERE vehicle_id = 1 RETURNING ''gone''') || ' ' || result('DELETE FROM vehicle WHERE vehicle_id = 2 RETURNING ''gone'''), 'gone 23503', 'a table of one''s own does as the others');
SELECT is((SELECT count(*) FROM activity WHERE regarding_entity = 'vehicle'), 1::bigint, 'and takes its open activities along');

-- Closed records may be regarded, and what regards them be done.
SELECT remember('closed lead', new_record('lead')), remember('lost lead', new_record('lead')) \g /dev/null
SELECT sales_crm.qualify_lead(lead_id => id('closed lead')), sales_crm.disqualify_lead(lead_id => id('lost lead')) \g /dev/null
SELECT remember('won deal', new_deal('to win')), remember('lost deal', new_deal('to lose')) \g /dev/null
SELECT sales_crm.win_opportunity(opportunity_id => id('won deal')), sales_crm.lose_opportunity(opportunity_id => id('lost deal')) \g /dev/null
SELECT remember('idle', new_record('account')) \g /dev/null
UPDATE account SET state = 'inactive' WHERE account_id = id('idle');
WITH made AS (INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id)
	SELECT 'phone_call', 'afterwards', entity, record FROM (VALUES ('lead', id('closed lead')), ('lead', id('lost lead')), ('opportunity', id('won deal')), ('opportunity', id('lost deal')), ('quote', quote_in('won')), ('quote', quote_in('lost')),
		('sales_order', order_in('fulfilled')), ('sales_order', order_in('canceled')), ('invoice', invoice_in('paid')), ('invoice', invoice_in('canceled')), ('account', id('idle'))) AS closed (entity, record) RETURNING activity_id)
SELECT count(remember('afterwards ' || activity_id, activity_id)) AS made FROM made \gset
SELECT is(:made, 11, 'a call about each closed record');
SELECT is((SELECT count(sales_crm.complete_activity(activity_id => id)) FROM named WHERE name LIKE 'afterwards %'), 11::bigint, 'and made');

-- D§6.4: the timeline of a record rolls up each relation by itself.
CREATE FUNCTION tap.seen(root text, root_id bigint, entity text, record bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'seen', entity, record);
	RETURN EXISTS (SELECT FROM sales_crm.timeline(entity => root, id => root_id) AS t WHERE (t.regarding_entity, t.regarding_id) = (entity, record));
END $$;
WITH a AS (INSERT INTO account (name) VALUES ('Root') RETURNING account_id) SELECT remember('root', account_id) FROM a \g /dev/null
WITH c AS (INSERT INTO contact (last_name, account_id) VALUES ('Root', NULL) RETURNING contact_id) SELECT remember('person', contact_id) FROM c \g /dev/null
WITH l AS (INSERT INTO lead (last_name, account_id) VALUES ('of account', id('root')) RETURNING lead_id) SELECT remember('lead of account', lead_id) FROM l \g /dev/null
WITH l AS (INSERT INTO lead (last_name, contact_id) VALUES ('of contact', id('person')) RETURNING lead_id) SELECT remember('lead of contact', lead_id) FROM l \g /dev/null
WITH l AS (INSERT INTO lead (last_name, company_name) VALUES ('Origin', 'Origin') RETURNING lead_id) SELECT remember('origin', lead_id) FROM l \g /dev/null
SELECT remember('made account', account_id), remember('made contact', contact_id), remember('made deal', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('origin')) \g /dev/null
-- A lead that was given to another customer later still is where these came from.
WITH l AS (INSERT INTO lead (last_name, company_name) VALUES ('Born', 'Born') RETURNING lead_id) SELECT remember('moved lead', lead_id) FROM l \g /dev/null
SELECT remember('born account', account_id), remember('born contact', contact_id) FROM sales_crm.qualify_lead(lead_id => id('moved lead'), create_opportunity => false) \g /dev/null
SELECT sales_crm.reopen_lead(lead_id => id('moved lead')) \g /dev/null
UPDATE lead SET account_id = id('Contoso'), contact_id = id('Ann') WHERE lead_id = id('moved lead');
WITH c AS (INSERT INTO contact (last_name, account_id) VALUES ('Of root', id('root')) RETURNING contact_id) SELECT remember('contact of account', contact_id) FROM c \g /dev/null
WITH o AS (INSERT INTO opportunity (name, account_id) VALUES ('of account', id('root')) RETURNING opportunity_id) SELECT remember('deal of account', opportunity_id) FROM o \g /dev/null
WITH o AS (INSERT INTO opportunity (name, contact_id) VALUES ('of contact', id('person')) RETURNING opportunity_id) SELECT remember('deal of contact', opportunity_id) FROM o \g /dev/null
CREATE FUNCTION tap.document_of(entity text, customer text, customer_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	EXECUTE format('INSERT INTO %I (name, %I%s) VALUES (''x'', $1%s) RETURNING %I', entity, customer, CASE WHEN customer = 'opportunity_id' THEN ', account_id' ELSE '' END, CASE WHEN customer = 'opportunity_id' THEN ', ' || id('Contoso') ELSE '' END, entity || '_id') INTO made USING customer_id;
	RETURN made;
END $$;
SELECT ok(seen(root, id(root_name), entity, CASE WHEN record IS NULL THEN document_of(entity, root || '_id', id(root_name)) ELSE id(record) END), format('%s: its %s%s', root_name, entity, ' ' || record)) FROM (VALUES
	('account', 'root', 'account', 'root'), ('account', 'root', 'contact', 'contact of account'), ('account', 'root', 'lead', 'lead of account'), ('account', 'made account', 'lead', 'origin'), ('account', 'born account', 'lead', 'moved lead'), ('account', 'root', 'opportunity', 'deal of account'),
	('account', 'root', 'quote', NULL), ('account', 'root', 'sales_order', NULL), ('account', 'root', 'invoice', NULL),
	('contact', 'person', 'contact', 'person'), ('contact', 'person', 'lead', 'lead of contact'), ('contact', 'made contact', 'lead', 'origin'), ('contact', 'born contact', 'lead', 'moved lead'), ('contact', 'person', 'opportunity', 'deal of contact'),
	('contact', 'person', 'quote', NULL), ('contact', 'person', 'sales_order', NULL), ('contact', 'person', 'invoice', NULL),
	('opportunity', 'made deal', 'lead', 'origin'), ('opportunity', 'made deal', 'quote', NULL), ('opportunity', 'made deal', 'sales_order', NULL), ('opportunity', 'made deal', 'invoice', NULL), ('lead', 'origin', 'opportunity', 'made deal')) AS t (root, root_name, entity, record);
SELECT ok(seen('lead', id('origin'), entity, document_of(entity, 'opportunity_id', id('made deal'))), 'origin: the ' || entity || ' of its deal') FROM unnest('{quote,sales_order,invoice}'::text[]) AS entity;
SELECT ok(NOT seen('account', id('root'), 'contact', id('person')), 'a contact of nobody is not in it');
-- What is done is history: at the time it ended, with its state.
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id, scheduled_end_at) SELECT 'task', n, 'account', id('born account'), t FROM (VALUES ('to do', '2035-01-03Z'::timestamptz), ('done', '2035-01-09Z'), ('off', '2035-01-08Z')) AS u (n, t);
SELECT sales_crm.complete_activity(activity_id => activity_id, actual_end_at => '2035-01-01Z') FROM activity WHERE subject = 'done' AND (regarding_entity, regarding_id) = ('account', id('born account')) \g /dev/null
UPDATE activity SET state = 'canceled', actual_end_at = '2035-01-02Z' WHERE subject = 'off' AND (regarding_entity, regarding_id) = ('account', id('born account'));
SELECT results_eq(format('SELECT subject, state, occurred_at FROM sales_crm.timeline(entity => ''account'', id => %s) WHERE occurred_at >= ''2035-01-01Z''', id('born account')),
	$$VALUES ('to do', 'open', '2035-01-03Z'::timestamptz), ('off', 'canceled', '2035-01-02Z'), ('done', 'completed', '2035-01-01Z')$$, 'open and done, newest first');

-- What row security hides: it is not there for a call, and keeps its rules all the same.
CREATE ROLE tap_seller;
SELECT sales_crm.grant_access(role => 'tap_seller', level => 'sell') \g /dev/null
GRANT USAGE ON SCHEMA tap TO tap_seller;
GRANT SELECT ON tap.named TO tap_seller;
-- A trigger of a user finds the names that his path leads to, also where a record takes its activities along.
CREATE TABLE tap.farewell (subject text);
GRANT INSERT ON tap.farewell TO tap_seller;
CREATE FUNCTION tap.say_farewell() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO farewell VALUES (OLD.subject); RETURN NULL; END $$;
CREATE TRIGGER farewell AFTER DELETE ON crm.activity FOR EACH ROW EXECUTE FUNCTION tap.say_farewell();
SELECT remember('leaving', new_record('account')) \g /dev/null
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'bye', 'account', id('leaving'));
SET LOCAL ROLE tap_seller;
SELECT is(result(format('DELETE FROM account WHERE account_id = %s RETURNING ''gone''', id('leaving'))), 'gone', 'deleted with a trigger of a user');
RESET ROLE;
SELECT results_eq('SELECT subject FROM farewell', $$VALUES ('bye')$$, 'that said farewell');
DROP TRIGGER farewell ON crm.activity;
SELECT remember('home', new_record('account')), remember('guarded', new_record('account')) \g /dev/null
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('phone_call', 'secret', 'account', id('home')), ('phone_call', 'secret done', 'account', id('guarded')), ('phone_call', 'secret', 'account', id('guarded'));
UPDATE activity SET state = 'completed' WHERE subject = 'secret done';
SELECT remember(subject, activity_id) FROM activity WHERE subject LIKE 'secret%' \g /dev/null
INSERT INTO note (subject, regarding_entity, regarding_id) VALUES ('secret', 'account', id('home'));
INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2, description) VALUES ('account', id('home'), 'account', id('Contoso'), 'secret');
INSERT INTO activity_party (activity_id, participation_type, entity, record_id) VALUES (id('secret'), 'to', 'account', id('home'));
SELECT remember('secret call', activity('phone_call')) \g /dev/null
INSERT INTO activity_party (activity_id, participation_type, entity, record_id) VALUES (id('secret call'), 'to', 'account', id('home'));
SELECT remember('hidden account', new_record('account')) \g /dev/null
ALTER TABLE crm.account ENABLE ROW LEVEL SECURITY;
CREATE POLICY tap_all ON crm.account TO tap_seller USING (account_id <> (SELECT max(id) FROM tap.named WHERE name = 'hidden account'));
ALTER TABLE crm.activity ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.note ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.connection ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.activity_party ENABLE ROW LEVEL SECURITY;
CREATE POLICY tap_all ON crm.activity TO tap_seller USING (subject NOT LIKE 'secret%');
CREATE POLICY tap_all ON crm.note TO tap_seller USING (subject <> 'secret');
CREATE POLICY tap_all ON crm.connection TO tap_seller USING (description <> 'secret');
CREATE POLICY tap_all ON crm.activity_party TO tap_seller USING (record_id IS NULL) WITH CHECK (true);
SET LOCAL ROLE tap_seller;
SELECT refused(format('SELECT * FROM sales_crm.%s(activity_id => %s)', call, id('secret')), 'P0002', call || ' of a hidden one') FROM unnest('{complete_activity,cancel_activity,reopen_activity}'::text[]) AS call;
SELECT is_empty(format('SELECT * FROM sales_crm.timeline(entity => ''account'', id => %s)', id('guarded')), 'nor is it in a timeline');
SELECT refused(format('INSERT INTO %s VALUES %s', t, format(v, id('hidden account'))), '23503', 'nothing about a hidden account: ' || t) FROM (VALUES ('activity (activity_type, subject, regarding_entity, regarding_id)', '(''task'', ''x'', ''account'', %s)'),
	('note (subject, regarding_entity, regarding_id)', '(''x'', ''account'', %s)'), ('activity_party (activity_id, participation_type, entity, record_id)', format('(%s, ''to'', ''account'', %%s)', id('kind email'))),
	('connection (entity_1, record_id_1, entity_2, record_id_2)', format('(''account'', %s, ''account'', %%s)', id('Contoso')))) AS u (t, v);
SELECT refused(format('SELECT * FROM sales_crm.timeline(entity => ''account'', id => %s)', id('hidden account')), 'P0002', 'nor its timeline');
SELECT is_empty(format('SELECT * FROM activity_participant WHERE activity_id = %s', id('secret')), 'nor has it participants');
SELECT refused(statement, code, statement) FROM (VALUES
	(format('INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (%s, ''to'', ''x'')', id('secret done')), 'SC002'), (format('INSERT INTO phone_call (activity_id) VALUES (%s)', id('secret done')), 'SC002'),
	(format('INSERT INTO attachment (activity_id, file_name, content) VALUES (%s, ''x'', ''x'')', id('secret done')), 'SC002'), (format('INSERT INTO task (activity_id) VALUES (%s)', id('secret')), '23514'),
	(format('INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (%s, ''organizer'', ''x'')', id('secret')), '23514'),
	(format('DELETE FROM account WHERE account_id = %s', id('guarded')), '23503')) AS t (statement, code);
SELECT is(result(format('DELETE FROM account WHERE account_id = %s RETURNING ''gone''', id('home'))), 'gone', 'a record goes with what is hidden of it');
RESET ROLE;
SELECT is((SELECT count(*) FROM (SELECT FROM activity WHERE (regarding_entity, regarding_id) = ('account', id('home')) UNION ALL SELECT FROM note WHERE (regarding_entity, regarding_id) = ('account', id('home'))
	UNION ALL SELECT FROM connection WHERE (entity_1, record_id_1) = ('account', id('home')) UNION ALL SELECT FROM activity_party WHERE (entity, record_id) = ('account', id('home'))) AS rest), 0::bigint, 'nothing of it points to nowhere');
SELECT is((SELECT address_used FROM activity_party WHERE activity_id = id('secret call')), 'Regarded', 'a hidden party leaves its name too');
SELECT is((SELECT count(*) FROM activity WHERE (regarding_entity, regarding_id) = ('account', id('guarded'))), 2::bigint, 'the refusal left all as it was');

-- What belongs to an activity stays with it: a closed one would lose it, one of another type could not have it.
SELECT remember('first', activity('phone_call')), remember('second', activity('task')) \g /dev/null
INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (id('first'), 'to', 'x');
INSERT INTO attachment (activity_id, file_name, content) VALUES (id('first'), 'x', 'x');
INSERT INTO phone_call (activity_id) VALUES (id('first'));
INSERT INTO note (subject, regarding_entity, regarding_id) VALUES ('loose', 'activity', id('second'));
SELECT refused(format('UPDATE %s SET %s WHERE activity_id = %s', t, change, id('first')), '428C9', t || ' stays') FROM (VALUES ('activity_party', 'activity_id = id(''second'')'), ('attachment', 'activity_id = id(''second'')'),
	('attachment', 'activity_id = NULL, note_id = (SELECT note_id FROM note WHERE subject = ''loose'')'), ('phone_call', 'activity_id = id(''second'')')) AS u (t, change);
-- Activities that regard activities go with them, and never in a circle.
UPDATE activity SET regarding_entity = 'activity', regarding_id = id('first') WHERE activity_id = id('second');
SELECT refused(format('UPDATE activity SET regarding_entity = ''activity'', regarding_id = %s WHERE activity_id = %s', id(other), id('first')), 'SC017', 'no circle with the ' || other) FROM unnest('{first,second}'::text[]) AS other;
SELECT is(result(format('DELETE FROM activity WHERE activity_id = %s RETURNING ''gone''', id('first'))), 'gone', 'deleted');
SELECT is((SELECT count(*) FROM activity WHERE activity_id = id('second')) + (SELECT count(*) FROM note WHERE subject = 'loose'), 0::bigint, 'with what regards it, and the notes about that');

SELECT remember('above', activity('task')), remember('below', activity('task')) \g /dev/null
UPDATE activity SET regarding_entity = 'activity', regarding_id = id('above') WHERE activity_id = id('below');
SELECT is(result(format('WITH gone AS (DELETE FROM activity WHERE activity_id IN (%s, %s) RETURNING 1) SELECT count(*)::text FROM gone', id('above'), id('below'))), '2', 'both may be deleted at once');

-- Migrated history (import mode): closed at once, with its own times, details and parties; its reasons are checked all the same.
SET LOCAL sales_crm.import_mode = on;
INSERT INTO activity (activity_type, subject, state, status_reason, created_at, actual_start_at, actual_end_at) VALUES ('phone_call', 'long ago', 'completed', 'received', '2019-01-01Z', '2019-01-02 10:00Z', '2019-01-02 10:20Z');
SELECT remember('long ago', max(activity_id)) FROM activity \g /dev/null
SELECT is((SELECT (state, status_reason, actual_duration_minutes, sort_at, created_at)::text FROM activity WHERE activity_id = id('long ago')), '(completed,received,20,"2019-01-02 10:20:00+00","2019-01-01 00:00:00+00")', 'imported as it was');
SELECT is(result(format('INSERT INTO phone_call (activity_id, phone_number) VALUES (%s, ''555-1'') RETURNING phone_number', id('long ago'))), '555-1', 'with its details');
SELECT is(result(format('INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (%s, ''sender'', ''555-1'') RETURNING address_used', id('long ago'))), '555-1', 'and parties');
SELECT is(result('INSERT INTO activity (activity_type, subject, state, status_reason) VALUES (''phone_call'', ''x'', ''completed'', ''sent'') RETURNING state'), 'SC003', 'but no reason of another type');
SELECT is(result('INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES (''task'', ''x'', ''account'', -1) RETURNING state'), '23503', 'nor about nobody');
SELECT is(result(format('INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (%s, ''organizer'', ''x'') RETURNING address_used', id('long ago'))), '23514', 'nor with a role of another type');
SET LOCAL sales_crm.import_mode = off;
SELECT is(result(format('INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (%s, ''to'', ''x'') RETURNING address_used', id('long ago'))), 'SC002', 'afterwards it is as closed as any');

-- NULL everywhere, long texts, COPY.
SELECT is(result('INSERT INTO activity (activity_type, subject, state, status_reason, owner_id, regarding_entity, regarding_id) VALUES (''task'', NULL, NULL, NULL, NULL, NULL, NULL) RETURNING state || ''/'' || status_reason'), 'open/not_started', 'NULLs are as good as nothing');
SELECT is(result('INSERT INTO activity (activity_type, subject) VALUES (NULL, ''x'') RETURNING state'), '23502', 'but a type it needs');
SELECT is(result('INSERT INTO activity (activity_type, subject, description) VALUES (''task'', repeat(''x'', 1000000), repeat(''y'', 1000000)) RETURNING length(subject)::text'), '1000000', 'a long subject');
COPY crm.activity (activity_type, subject, scheduled_start_at, scheduled_end_at, direction, sort_at, scheduled_duration_minutes) FROM stdin;
phone_call	copied	2026-01-01 10:00+00	2026-01-01 10:30+00	\N	1970-01-01	999
\.
SELECT is((SELECT (state, status_reason, direction, priority, scheduled_duration_minutes, sort_at = scheduled_end_at)::text FROM activity WHERE subject = 'copied'), '(open,open,outgoing,normal,30,t)', 'COPY is a writer as any other');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');

-- A record that went behind the database's back.
WITH made AS (INSERT INTO account (name) VALUES ('Behind') RETURNING account_id) SELECT remember('behind', account_id) FROM made \g /dev/null
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'about Behind', 'account', id('behind'));
INSERT INTO activity_party (activity_id, participation_type, entity, record_id) SELECT activity_id, 'to', 'account', id('behind') FROM activity WHERE subject = 'about Behind';
INSERT INTO note (regarding_entity, regarding_id, subject) VALUES ('account', id('behind'), 'about Behind');
INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2) SELECT 'account', id('behind'), 'activity', activity_id FROM activity WHERE subject = 'about Behind';
INSERT INTO connection (entity_1, record_id_1, entity_2, record_id_2) SELECT 'activity', activity_id, 'account', id('behind') FROM activity WHERE subject = 'about Behind';
ALTER TABLE account DISABLE TRIGGER USER;
DELETE FROM account WHERE account_id = id('behind');
SELECT results_eq('SELECT check_name, entity, detail FROM sales_crm.verify() ORDER BY 1, 2', format($$VALUES ('connected_record', 'connection', %1$L), ('connected_record', 'connection', %1$L),
	('noted_record', 'note', %1$L), ('party_record', 'activity_party', %1$L), ('regarding_record', 'activity', %1$L)$$, 'account ' || id('behind') || ' is gone'), 'verify() finds what refers to it');
-- Our triggers on somebody's look-alike reach nothing that row security hides from him.
CREATE ROLE tap_faker;
SELECT sales_crm.grant_access(role => 'tap_faker', level => 'sell') \gset
GRANT CREATE ON SCHEMA crm TO tap_faker;
GRANT USAGE ON SCHEMA tap TO tap_faker;
INSERT INTO lead (last_name) VALUES ('Fake') RETURNING lead_id AS fake \gset
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id) VALUES ('task', 'not for fakers', 'lead', :fake);
SET LOCAL ROLE tap_faker;
CREATE TABLE crm.fake (lead_id bigint, activity_id bigint, state text, status_reason text);
INSERT INTO crm.fake VALUES (:fake, 1, 'open', 'new');
CREATE TRIGGER fake BEFORE DELETE ON crm.fake FOR EACH ROW EXECUTE FUNCTION sales_crm.activity_go_with_record('lead');
SELECT refused('DELETE FROM crm.fake', '39P01', 'what goes with a lead');
DROP TRIGGER fake ON crm.fake;
CREATE TRIGGER fake AFTER DELETE ON crm.fake REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.go_with_series();
SELECT refused('DELETE FROM crm.fake', '39P01', 'the appointments of a series');
DROP TRIGGER fake ON crm.fake;
CREATE TRIGGER fake AFTER UPDATE ON crm.fake REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.record_state('lead');
SELECT refused('UPDATE crm.fake SET state = ''disqualified'', status_reason = ''lost''', '39P01', 'the history of a lead');
RESET ROLE;
SELECT is((SELECT count(*) FROM activity WHERE subject = 'not for fakers'), 1::bigint, 'all is as it was');
DROP TABLE crm.fake;
DELETE FROM lead WHERE lead_id = :fake;

ALTER TABLE account DISABLE ROW LEVEL SECURITY;
ALTER TABLE activity DISABLE ROW LEVEL SECURITY;
ALTER TABLE note DISABLE ROW LEVEL SECURITY;
ALTER TABLE connection DISABLE ROW LEVEL SECURITY;
ALTER TABLE activity_party DISABLE ROW LEVEL SECURITY;
CREATE TABLE crm.safe (safe_id bigint PRIMARY KEY);
CREATE TRIGGER t20_activities BEFORE DELETE ON crm.safe FOR EACH ROW EXECUTE FUNCTION sales_crm.activity_go_with_record('safe');
INSERT INTO crm.safe VALUES (1);
INSERT INTO note (regarding_entity, regarding_id, subject) VALUES ('safe', 1, 'about the safe');
CREATE ROLE tap_checker;
SELECT sales_crm.grant_access(role => 'tap_checker', level => 'admin') \gset
GRANT USAGE ON SCHEMA tap TO tap_checker;
REVOKE ALL ON crm.safe FROM tap_checker;
SET LOCAL ROLE tap_checker;
SELECT is(result('SELECT count(*)::text FROM sales_crm.verify()'), '5', 'who may not read a table is told of the rest');
RESET ROLE;
GRANT SELECT ON crm.safe TO tap_checker;
ALTER TABLE crm.safe ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE tap_checker;
SELECT is(result('SELECT count(*)::text FROM sales_crm.verify()'), '5', 'and nobody takes for gone what row security hides');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
