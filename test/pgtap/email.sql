-- Sending mails: every state with every call, addresses, failures, a mail program that dies, conversations, rules that send (D§2.3, D§6.3, D§6.4).
BEGIN;
\ir ../lib/pgtap.sql
\ir ../lib/documents.sql
SELECT set_config('search_path', 'tap, crm, public', true) AS path \gset
SELECT no_plan();
SET LOCAL sales_crm.now = '2026-03-02 09:00+00';

CREATE FUNCTION tap.mail(as_name text, to_address text DEFAULT 'ann@example.com', more text DEFAULT '{}') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO activity (activity_type, subject, description, direction, regarding_entity, regarding_id, owner_id, actual_start_at)
	SELECT 'email', as_name, 'Dear ' || as_name, m.direction, m.regarding_entity, m.regarding_id, m.owner_id, m.actual_start_at
	  FROM jsonb_populate_record(NULL::activity, more::jsonb) AS m RETURNING activity_id INTO made;
	IF to_address IS NOT NULL THEN
		INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (made, 'to', to_address);
	END IF;
	RETURN remember(as_name, made);
END $$;
CREATE FUNCTION tap.state_of(a bigint) RETURNS text LANGUAGE sql AS 'SELECT state || ''/'' || status_reason FROM activity WHERE activity_id = a';
-- A mail in a state, made by the calls that lead there; the clock stands still.
CREATE FUNCTION tap.mail_in(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint := mail('a mail ' || wanted);
BEGIN
	IF wanted IN ('pending_send', 'sending', 'sent', 'failed') THEN PERFORM sales_crm.send_email(activity_id => made); END IF;
	IF wanted IN ('sending', 'sent', 'failed') THEN PERFORM sales_crm.take_emails(); END IF;
	CASE wanted
		WHEN 'sent' THEN PERFORM sales_crm.report_email_sent(activity_id => made);
		WHEN 'failed' THEN PERFORM sales_crm.report_email_failed(activity_id => made, description => 'No such mailbox');
		WHEN 'completed' THEN PERFORM sales_crm.complete_activity(activity_id => made);
		WHEN 'canceled' THEN PERFORM sales_crm.cancel_activity(activity_id => made);
		ELSE NULL;
	END CASE;
	RETURN made;
END $$;

-- Each state and each call: where it ends, or the refusal.
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.%s(activity_id => %s%s)', call, mail_in(reason), CASE call WHEN 'report_email_failed' THEN ', description => ''x''' ELSE '' END)),
	result, call || ' of a mail that is ' || reason)
FROM (VALUES
	('send_email', '{draft,failed}'::text[], 'completed'), ('send_email', '{pending_send,sending,sent,completed,canceled}', 'SC001'),
	('report_email_sent', '{sending}', 'completed'), ('report_email_sent', '{draft,failed,pending_send,sent,completed,canceled}', 'SC001'),
	('report_email_failed', '{sending}', 'open'), ('report_email_failed', '{draft,failed,pending_send,sent,completed,canceled}', 'SC001'),
	('complete_activity', '{draft,failed}', 'completed'), ('complete_activity', '{pending_send,sending,sent,completed,canceled}', 'SC001'),
	('cancel_activity', '{draft,failed}', 'canceled'), ('cancel_activity', '{pending_send,sending,sent,completed,canceled}', 'SC001'),
	('reopen_activity', '{pending_send,completed,canceled}', 'open'), ('reopen_activity', '{draft,failed,sending,sent}', 'SC001')) AS t (call, reasons, result),
	unnest(reasons) AS reason;
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.%s(activity_id => %s%s)', call, arg, more), code, call || ' of ' || arg)
FROM (VALUES ('send_email', ''), ('report_email_sent', ''), ('report_email_failed', ', description => ''x''')) AS c (call, more), (VALUES ('NULL', '22004'), ('-1', 'P0002')) AS t (arg, code);
INSERT INTO activity (activity_type, subject) VALUES ('task', 'no mail') RETURNING remember('task', activity_id) \gset
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.%s(activity_id => %s%s)', call, id('task'), more), '22023', call || ' of a task')
FROM (VALUES ('send_email', ''), ('report_email_sent', ''), ('report_email_failed', ', description => ''x''')) AS c (call, more);
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.report_email_failed(activity_id => %s, description => NULL)', mail_in('sending')), '22004', 'a failure says why');
SELECT pg_temp.refused('SELECT * FROM sales_crm.take_emails("limit" => -1)', '22023', 'no negative limit');
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.send_email(activity_id => %s)', mail('came in', 'x@example.com', '{"direction": "incoming"}')), 'SC001', 'an incoming mail is not sent');
SELECT is((SELECT count(*) FROM sales_crm.why_not(entity => 'activity', id => id('came in'), action => 'send_email')), 1::bigint, 'why_not() knows why');
SELECT count(*) AS emptied FROM sales_crm.take_emails() \gset

-- Nobody sets the reasons of a delivery by hand.
SELECT pg_temp.refused(format('UPDATE activity SET state = ''completed'', status_reason = %L WHERE activity_id = %s', reason, mail('by hand')), 'SC003', 'no update makes a mail ' || reason) FROM unnest('{pending_send,sending}'::text[]) AS reason;
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.complete_activity(activity_id => %s, status_reason => %L)', mail('by hand'), reason), 'SC003', 'complete_activity() does not either: ' || reason) FROM unnest('{pending_send,sending}'::text[]) AS reason;
SELECT pg_temp.refused(format('UPDATE activity SET status_reason = %L WHERE activity_id = %s', reason, mail_in(before)), 'SC002', format('no update makes a mail that is %s %s', before, reason))
FROM (VALUES ('pending_send', 'sending'), ('pending_send', 'sent'), ('sending', 'sent'), ('sending', 'pending_send'), ('sent', 'pending_send')) AS t (before, reason);
SELECT is(pg_temp.refusal(format('SELECT * FROM sales_crm.complete_activity(activity_id => %s, status_reason => ''sent'')', mail('elsewhere'))), NULL, 'a mail that was sent elsewhere is completed as sent');
SELECT is(pg_temp.refusal(format('SELECT * FROM sales_crm.reopen_activity(activity_id => %s)', id('elsewhere'))), NULL, 'and may be opened again');
SELECT is(pg_temp.refusal(format('SELECT * FROM sales_crm.complete_activity(activity_id => %s, status_reason => ''sent'')', remember('elsewhere after all', mail_in('failed')))), NULL, 'so is one that failed');
SELECT is((submitted_at, delivery_attempts, delivery_error)::text, '(,1,"No such mailbox")', 'which nobody has in line any more') FROM email WHERE activity_id = id('elsewhere after all');
SELECT is(pg_temp.refusal(format('SELECT * FROM sales_crm.reopen_activity(activity_id => %s)', id('elsewhere after all'))), NULL, 'and that may be opened again too');
INSERT INTO email (activity_id) VALUES (id('elsewhere'));
SELECT pg_temp.refused(format('UPDATE email SET %s WHERE activity_id = %s', change, id('elsewhere')), '428C9', 'by the calls alone: ' || change)
FROM unnest('{submitted_at = now(),next_attempt_at = now(),last_attempt_at = now(),delivery_attempts = 7,delivery_error = ''x''}'::text[]) AS change;
INSERT INTO email (activity_id, next_attempt_at, delivery_attempts) VALUES (mail('sly'), '2026-01-01', 3);
SELECT is((next_attempt_at, delivery_attempts)::text, '(,0)', 'nor with the row of details') FROM email WHERE activity_id = id('sly');
SELECT pg_temp.refused(format('UPDATE activity_party SET is_address_of_record = true WHERE activity_id = %s', id('sly')), '428C9', 'where an address came from');
SELECT pg_temp.refused(format('UPDATE email SET activity_id = %s WHERE activity_id = %s', id('task'), mail_in(reason)), '428C9', 'the details stay with a mail that is ' || reason) FROM unnest('{failed,pending_send,sent}'::text[]) AS reason;
SELECT count(*) AS emptied FROM sales_crm.take_emails() \gset

-- Who gets it: addresses of records and typed ones, who has none, who wants none.
UPDATE contact SET email = 'ann.lee@contoso.example' WHERE contact_id = id('Ann');
UPDATE account SET email = 'office@contoso.example' WHERE account_id = id('Contoso');
INSERT INTO lead (last_name, email) VALUES ('Lead', 'lead@example.net') RETURNING remember('lead', lead_id) \gset
INSERT INTO contact (last_name, email, do_not_email) VALUES ('Private', 'private@example.com', true) RETURNING remember('Private', contact_id) \gset
INSERT INTO contact (last_name) VALUES ('Offline') RETURNING remember('Offline', contact_id) \gset
INSERT INTO owner (name) VALUES ('Sam Seller') RETURNING remember('sam', owner_id) \gset
INSERT INTO crm_user (owner_id, name, email, role_name) VALUES (id('sam'), 'Sam Seller', 'Sam Seller <sam@we.example>', 'tap_sam') RETURNING remember('sam user', crm_user_id) \gset
CREATE TABLE crm.partner (partner_id bigint PRIMARY KEY, email varchar(80), do_not_email boolean DEFAULT false);
INSERT INTO crm.partner VALUES (1, 'partner@example.org');
CREATE TABLE crm.machine (machine_id bigint PRIMARY KEY);
INSERT INTO crm.machine VALUES (1);
CREATE FUNCTION tap.party(mail bigint, role text, entity text, record bigint, address text DEFAULT NULL) RETURNS bigint LANGUAGE sql AS
	'INSERT INTO activity_party (activity_id, participation_type, entity, record_id, address_used) VALUES (mail, role, entity, record, address) RETURNING activity_party_id';
SELECT mail('many', NULL, format('{"owner_id": %s}', id('sam'))) \gset
SELECT party(id('many'), 'to', 'contact', id('Ann')), party(id('many'), 'to', 'account', id('Contoso')), party(id('many'), 'cc', 'lead', id('lead'), 'typed@example.net'),
	party(id('many'), 'cc', 'partner', 1), party(id('many'), 'bcc', 'owner', id('sam')), party(id('many'), 'bcc', NULL, NULL, 'Archive <archive@we.example>') \gset
INSERT INTO attachment (activity_id, file_name, content) VALUES (id('many'), 'offer.pdf', 'x'), (id('many'), 'terms.pdf', 'x');
SELECT is(state, 'completed', 'it is sent') FROM sales_crm.send_email(activity_id => id('many'));
SELECT is(state_of(id('many')), 'completed/pending_send', 'that is, pending');
SELECT results_eq(format('SELECT participation_type, address_used, is_address_of_record FROM activity_party WHERE activity_id = %s ORDER BY activity_party_id', id('many')),
	$$VALUES ('to', 'ann.lee@contoso.example', true), ('to', 'office@contoso.example', true), ('cc', 'typed@example.net', false), ('cc', 'partner@example.org', true),
	         ('bcc', 'Sam Seller <sam@we.example>', true), ('bcc', 'Archive <archive@we.example>', false), ('sender', 'Sam Seller <sam@we.example>', true)$$, 'the addresses are written down; its owner sends it');
SELECT is((entity, record_id), ('crm_user'::text, id('sam user')), 'as a user') FROM activity_party WHERE activity_id = id('many') AND participation_type = 'sender';
SELECT matches(message_identifier, '^<[0-9a-f-]{36}@we\.example>$', 'it has a Message-ID of the sender''s domain') FROM email WHERE activity_id = id('many');
SELECT is((submitted_at, next_attempt_at, delivery_attempts, conversation_identifier = message_identifier)::text, '("2026-03-02 09:00:00+00","2026-03-02 09:00:00+00",0,t)', 'is in line, and begins a conversation')
FROM email WHERE activity_id = id('many');
UPDATE contact SET email = 'other@contoso.example' WHERE contact_id = id('Ann');
SELECT results_eq('SELECT activity_id, attempt, sender, to_addresses, cc_addresses, bcc_addresses, subject, body, priority, attachment_count FROM sales_crm.take_emails()',
	format($$VALUES (%s::bigint, 1, 'Sam Seller <sam@we.example>', '{ann.lee@contoso.example,office@contoso.example}'::text[], '{typed@example.net,partner@example.org}'::text[],
	'{Sam Seller <sam@we.example>,Archive <archive@we.example>}'::text[], 'many', 'Dear many', 'normal', 2)$$, id('many')), 'the mail program gets all of it, as it was when it was sent');
SELECT pg_temp.refused(statement, 'SC002', 'on its way it is read-only: ' || statement) FROM unnest(ARRAY[
	format('UPDATE activity SET subject = ''x'' WHERE activity_id = %s', id('many')), format('UPDATE email SET message_identifier = ''x'' WHERE activity_id = %s', id('many')),
	format('DELETE FROM email WHERE activity_id = %s', id('many')), format('DELETE FROM activity WHERE activity_id = %s', id('many')),
	format('UPDATE activity_party SET address_used = ''x'' WHERE activity_id = %s', id('many')), format('INSERT INTO activity_party (activity_id, participation_type, address_used) VALUES (%s, ''to'', ''x@y'')', id('many')),
	format('DELETE FROM attachment WHERE activity_id = %s', id('many'))]) AS t (statement);
SELECT is(pg_temp.refusal(format('DELETE FROM contact WHERE contact_id = %s', id('Ann'))), NULL, 'a recipient may go');
SELECT is(address_used, 'ann.lee@contoso.example', 'his address stays') FROM activity_party WHERE activity_id = id('many') AND participation_type = 'to' AND entity IS NULL;
SELECT state FROM sales_crm.report_email_sent(activity_id => id('many'), message_identifier => '<1@provider.example>', sent_at => '2026-03-02 09:01+00') \gset
SELECT is((state_of(id('many')), a.actual_end_at, a.sort_at, e.sent_at, e.message_identifier, e.next_attempt_at, e.delivery_error)::text,
	'(completed/sent,"2026-03-02 09:01:00+00","2026-03-02 09:01:00+00","2026-03-02 09:01:00+00",<1@provider.example>,,)', 'sent: when, and under which identifier')
FROM activity AS a JOIN email AS e USING (activity_id) WHERE a.activity_id = id('many');
SELECT results_eq(format($$SELECT from_status_reason || ' ' || to_status_reason FROM status_history WHERE entity = 'activity' AND record_id = %s ORDER BY status_history_id$$, id('many')),
	$$VALUES ('draft pending_send'), ('pending_send sending'), ('sending sent')$$, 'the history has each step');

SELECT mail('refused', NULL) \gset
CREATE FUNCTION tap.constraint_of(mail bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE violated text; said text;
BEGIN
	PERFORM sales_crm.send_email(activity_id => mail);
	RETURN 'sent';
EXCEPTION WHEN check_violation THEN
	GET STACKED DIAGNOSTICS violated = CONSTRAINT_NAME, said = PG_EXCEPTION_DETAIL;
	RETURN violated || ': ' || said;
END $$;
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.send_email(activity_id => %s)', id('refused')), '23514', 'a mail to nobody');
SELECT is(constraint_of(id('refused')), 'email_recipient_check: No row of activity_party names one in role to, cc or bcc.', 'which the constraint says');
SELECT party(id('refused'), 'sender', 'crm_user', id('sam user')) \gset
SELECT alike(constraint_of(id('refused')), 'email_recipient_check%', 'a sender is no recipient');
SELECT is((SELECT count(*) FROM email WHERE activity_id = id('refused')), 0::bigint, 'a refused call leaves nothing');
SELECT remember('offline party', party(id('refused'), 'to', 'contact', id('Offline'))), remember('machine party', party(id('refused'), 'cc', 'machine', 1)), remember('name party', party(id('refused'), 'bcc', NULL, NULL, 'Ann Lee')) \gset
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.send_email(activity_id => %s)', id('refused')), '23514', 'somebody has no address');
SELECT is(constraint_of(id('refused')), format('email_address_check: That is so for: to contact %s, cc machine 1, bcc party %s.', id('Offline'), id('name party')), 'who, and in which role');
SELECT remember('private party', party(id('refused'), 'to', 'contact', id('Private'), 'typed@example.com')) \gset
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.send_email(activity_id => %s)', id('refused')), '23514', 'somebody wants no mail');
SELECT is(constraint_of(id('refused')), format('email_do_not_email_check: That is so for: to contact %s.', id('Private')), 'that counts for a typed address too');
DELETE FROM activity_party WHERE activity_party_id IN (id('private party'), id('machine party'), id('name party'));
UPDATE activity_party SET address_used = 'at.home@example.com' WHERE activity_party_id = id('offline party');
SELECT is(constraint_of(id('refused')), 'sent', 'corrected, it is sent');
SELECT alike(constraint_of(mail('bad address', address)), 'email_address_check%', format('no address: %s', to_json(address)))
FROM unnest(ARRAY['', 'ann', '@', 'ann@', '@example.com', 'ann @example.com', E'ann@example.com\nBcc: all@example.com', E'ann@example.com\r']) AS address;
SELECT is(constraint_of(mail('good address', address)), 'sent', format('an address: %s', address)) FROM unnest(ARRAY['ann@example.com', 'Ann Lee <ann@example.com>', 'josé@exämple.com']) AS address;
SELECT mail('team mail') \gset
SELECT state FROM sales_crm.send_email(activity_id => id('team mail')) \gset
SELECT is((entity, address_used)::text, '(team,)', 'a team sends without an address of its own') FROM activity_party WHERE activity_id = id('team mail') AND participation_type = 'sender';
SELECT alike(message_identifier, '%@sales-crm.invalid>', 'nor a domain') FROM email WHERE activity_id = id('team mail');
SELECT is((SELECT count(*) FROM sales_crm.take_emails() WHERE activity_id = id('team mail') AND sender IS NULL), 1::bigint, 'that is left to the mail program');
SELECT mail('bad sender') \gset
SELECT remember('bad sender party', party(id('bad sender'), 'sender', NULL, NULL, E'me@we.example\nBcc: all@we.example')) \gset
SELECT is(constraint_of(id('bad sender')), format('email_address_check: That is so for: sender party %s.', id('bad sender party')), 'who types a sender types an address');
INSERT INTO contact (last_name, email) VALUES ('Mover', 'mover@example.com') RETURNING remember('Mover', contact_id) \gset
SELECT mail('moved') \gset
SELECT remember('moved sender', party(id('moved'), 'sender', 'contact', id('Mover'))) \gset
SELECT state FROM sales_crm.send_email(activity_id => id('moved')) \gset
SELECT state FROM sales_crm.reopen_activity(activity_id => id('moved')) \gset
UPDATE contact SET email = NULL WHERE contact_id = id('Mover');
SELECT state FROM sales_crm.send_email(activity_id => id('moved')) \gset
SELECT is((SELECT count(*) FROM sales_crm.take_emails() WHERE activity_id = id('moved') AND sender IS NULL), 1::bigint, 'an address that the sender has no more is not used');

-- Taking back what no mail program has.
SELECT mail('hasty') \gset
SELECT state FROM sales_crm.send_email(activity_id => id('hasty')) \gset
SELECT state FROM sales_crm.reopen_activity(activity_id => id('hasty')) \gset
SELECT is((state_of(id('hasty')), e.next_attempt_at, a.actual_end_at)::text, '(open/draft,,)', 'taken back it is a draft') FROM activity AS a JOIN email AS e USING (activity_id) WHERE a.activity_id = id('hasty');
SELECT is((SELECT count(*) FROM sales_crm.take_emails()), 0::bigint, 'that no mail program gets');

-- A failed mail is corrected and sent again: the address of the record is looked up anew, a typed one stays.
UPDATE contact SET email = 'wrong@example.com' WHERE contact_id = id('Offline');
SELECT mail('again', NULL) \gset
SELECT remember('again to', party(id('again'), 'to', 'contact', id('Offline'))), remember('again cc', party(id('again'), 'cc', 'lead', id('lead'), 'typed@example.net')) \gset
SELECT state FROM sales_crm.send_email(activity_id => id('again')) \gset
SELECT message_identifier AS first_identifier FROM sales_crm.take_emails() \gset
SET LOCAL sales_crm.now = '2026-03-02 09:05+00';
SELECT is(state, 'open', 'it failed') FROM sales_crm.report_email_failed(activity_id => id('again'), description => '550 no such user', attempt => 1);
SELECT is((state_of(id('again')), e.delivery_error, e.next_attempt_at, e.last_attempt_at, e.sent_at, a.actual_end_at)::text, '(open/failed,"550 no such user",,"2026-03-02 09:00:00+00",,)', 'open, with the reason')
FROM activity AS a JOIN email AS e USING (activity_id) WHERE a.activity_id = id('again');
SELECT is((to_state, to_status_reason, description)::text, '(open,failed,"550 no such user")', 'which the history has too') FROM status_history WHERE entity = 'activity' AND record_id = id('again') AND from_status_reason = 'sending';
UPDATE contact SET email = 'right@example.com' WHERE contact_id = id('Offline');
SELECT state FROM sales_crm.send_email(activity_id => id('again')) \gset
SELECT is((delivery_error, submitted_at, message_identifier = :'first_identifier')::text, '(,"2026-03-02 09:05:00+00",t)', 'sent again: the error is gone, the Message-ID stays') FROM email WHERE activity_id = id('again');
SELECT is((attempt, to_addresses, cc_addresses)::text, '(2,{right@example.com},{typed@example.net})', 'to the address as it is now') FROM sales_crm.take_emails();
SELECT state FROM sales_crm.report_email_failed(activity_id => id('again'), description => 'still no such user') \gset
UPDATE activity_party SET address_used = 'typed.now@example.com' WHERE activity_party_id = id('again to');
SELECT is(is_address_of_record, false, 'an address that is typed over is a typed one') FROM activity_party WHERE activity_party_id = id('again to');
SELECT state FROM sales_crm.send_email(activity_id => id('again')) \gset
SELECT is((attempt, to_addresses)::text, '(3,{typed.now@example.com})', 'which stays') FROM sales_crm.take_emails();
SELECT state FROM sales_crm.report_email_sent(activity_id => id('again'), message_identifier => '') \gset
SELECT is((sent_at, message_identifier), ('2026-03-02 09:05+00'::timestamptz, :'first_identifier'::text), 'sent now, unless it says when, under its own identifier') FROM email WHERE activity_id = id('again');

-- Those that wait longest first, not more than asked for; a mail program that died.
SELECT mail('second') \gset
SELECT mail('first') \gset
SELECT state FROM sales_crm.send_email(activity_id => id('first')) \gset
SET LOCAL sales_crm.now = '2026-03-02 09:06+00';
SELECT state FROM sales_crm.send_email(activity_id => id('second')) \gset
SELECT is((SELECT count(*) FROM sales_crm.take_emails("limit" => 0)), 0::bigint, 'none is taken by a limit of 0');
SELECT is((SELECT string_agg(subject, ',') FROM sales_crm.take_emails("limit" => 1)), 'first', 'the one that waits longest');
SELECT is((SELECT string_agg(subject, ',') FROM sales_crm.take_emails()), 'second', 'then the other');
SET LOCAL sales_crm.now = '2026-03-02 09:35:59+00';
SELECT is((SELECT count(*) FROM sales_crm.take_emails() WHERE activity_id IN (id('first'), id('second'))), 0::bigint, 'a mail program has its time');
SET LOCAL sales_crm.now = '2026-03-02 09:36+00';
SELECT is((SELECT string_agg(subject || ' ' || attempt, ',') FROM sales_crm.take_emails() WHERE activity_id IN (id('first'), id('second'))), 'first 2,second 2', 'then others get its mails');
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.report_email_failed(activity_id => %s, description => ''late'', attempt => 1)', id('first')), 'SC001', 'what the first says late does not count');
SELECT is(state, 'open', 'but what the second says') FROM sales_crm.report_email_failed(activity_id => id('first'), description => 'x', attempt => 2);
SELECT is(state, 'completed', 'a late report that it was sent does: it was') FROM sales_crm.report_email_sent(activity_id => id('second'), sent_at => '2026-03-02 09:07+00');
SELECT is((SELECT count(*) FROM status_history WHERE entity = 'activity' AND record_id = id('second')), 3::bigint, 'taking it again was no change of state');
UPDATE organization_setting SET value = '1' WHERE name = 'email_sending_timeout_minutes';
SELECT state FROM sales_crm.send_email(activity_id => id('first')) \gset
SELECT is((SELECT attempt FROM sales_crm.take_emails() WHERE activity_id = id('first')), 3, 'taken');
SET LOCAL sales_crm.now = '2026-03-02 09:37+00';
SELECT is((SELECT attempt FROM sales_crm.take_emails() WHERE activity_id = id('first')), 4, 'and after the minute of the setting once more');
SELECT is(pg_temp.refusal(format('UPDATE organization_setting SET value = %L WHERE name = ''email_sending_timeout_minutes''', value)), '23514', 'no such time: ' || value) FROM unnest('{0,-1,x,"",1.5}'::text[]) AS value;
SELECT mail('earlier than begun', 'ann@example.com', '{"actual_start_at": "2026-03-02 09:30+00"}') \gset
SELECT state FROM sales_crm.send_email(activity_id => id('earlier than begun')) \gset
SELECT count(*) FROM sales_crm.take_emails() \gset
SELECT is(pg_temp.refusal(format('SELECT * FROM sales_crm.report_email_sent(activity_id => %s, sent_at => ''2026-03-02 09:00+00'')', id('earlier than begun'))), NULL, 'the clock of a mail program may be slow');

-- What comes in: received, read-only, and beside what the mail that it answers is about.
SELECT is(state_of(id('came in')), 'open/draft', 'a mail that came in');
INSERT INTO attachment (activity_id, file_name, content) VALUES (id('came in'), 'a.pdf', 'x');
INSERT INTO email (activity_id, message_identifier, sent_at) VALUES (id('came in'), '<in@example.com>', '2026-03-01');
SELECT state FROM sales_crm.complete_activity(activity_id => id('came in')) \gset
SELECT is(state_of(id('came in')), 'completed/received', 'is received when it is completed');
WITH made AS (INSERT INTO activity (activity_type, subject, direction) SELECT kind, kind, 'incoming' FROM unnest('{letter,fax}'::text[]) AS kind RETURNING activity_type, activity_id) SELECT count(remember('in ' || activity_type, activity_id)) FROM made \gset
SELECT sales_crm.complete_activity(activity_id => id('in letter')), sales_crm.complete_activity(activity_id => id('in fax')) \gset
SELECT is(state_of(id('in ' || kind)), 'completed/received', 'so is a ' || kind) FROM unnest('{letter,fax}'::text[]) AS kind;
SELECT pg_temp.refused(statement, 'SC002', 'received it is read-only: ' || statement) FROM unnest(ARRAY[format('UPDATE activity SET subject = ''x'' WHERE activity_id = %s', id('came in')),
	format('UPDATE email SET sent_at = now() WHERE activity_id = %s', id('came in')), format('DELETE FROM activity_party WHERE activity_id = %s', id('came in')),
	format('UPDATE attachment SET file_name = ''x'' WHERE activity_id = %s', id('came in'))]) AS t (statement);
SELECT mail('two lines') \gset
UPDATE activity SET subject = E'One\r\nBcc: all@we.example' WHERE activity_id = id('two lines');
INSERT INTO email (activity_id, message_identifier, in_reply_to_identifier) VALUES (id('two lines'), E'<1@we.example>\nX: 1', E'<0@we.example>\nX: 0');
SELECT state FROM sales_crm.send_email(activity_id => id('two lines')) \gset
SELECT results_eq('SELECT subject, message_identifier, in_reply_to_identifier, conversation_identifier FROM sales_crm.take_emails()',
	$$VALUES ('One Bcc: all@we.example', '<1@we.example> X: 1', '<0@we.example> X: 0', '<1@we.example> X: 1')$$, 'a header does not begin another one');
SELECT state FROM sales_crm.report_email_sent(activity_id => id('two lines'), message_identifier => '') \gset
SELECT isnt(message_identifier, '', 'an empty identifier is none') FROM email WHERE activity_id = id('two lines');
SELECT new_deal('deal') \gset
SELECT mail('offer', 'ann@example.com', format('{"regarding_entity": "opportunity", "regarding_id": %s}', id('deal'))) \gset
SELECT state FROM sales_crm.send_email(activity_id => id('offer')) \gset
SELECT count(*) FROM sales_crm.take_emails() \gset
SELECT state FROM sales_crm.report_email_sent(activity_id => id('offer'), message_identifier => '<offer@we.example>') \gset
SELECT conversation_identifier AS conversation FROM email WHERE activity_id = id('offer') \gset
SELECT mail('answer', 'us@we.example', '{"direction": "incoming"}') \gset
INSERT INTO email (activity_id, message_identifier, in_reply_to_identifier) VALUES (id('answer'), '<answer@example.com>', '<offer@we.example>');
SELECT is((a.regarding_entity, a.regarding_id, e.conversation_identifier), ('opportunity'::text, id('deal'), :'conversation'::text), 'an answer is about the same deal, in the same conversation')
FROM activity AS a JOIN email AS e USING (activity_id) WHERE a.activity_id = id('answer');
SELECT is((SELECT count(*) FROM sales_crm.timeline(entity => 'opportunity', id => id('deal')) WHERE activity_id = id('answer')), 1::bigint, 'and in the deal''s timeline');
SELECT state FROM sales_crm.complete_activity(activity_id => id('answer')) \gset
SELECT mail('answer to the answer'), mail('elsewhere about') \gset
INSERT INTO email (activity_id, in_reply_to_identifier) VALUES (id('answer to the answer'), '<answer@example.com>');
SELECT is((a.regarding_id, e.conversation_identifier), (id('deal'), :'conversation'::text), 'so does ours to that one') FROM activity AS a JOIN email AS e USING (activity_id) WHERE a.activity_id = id('answer to the answer');
UPDATE activity SET regarding_entity = 'account', regarding_id = id('Contoso') WHERE activity_id = id('elsewhere about');
INSERT INTO email (activity_id) VALUES (id('elsewhere about'));
UPDATE email SET in_reply_to_identifier = '<answer@example.com>', conversation_identifier = 'mine' WHERE activity_id = id('elsewhere about');
SELECT is((a.regarding_entity, e.conversation_identifier)::text, '(account,mine)', 'what is given stays') FROM activity AS a JOIN email AS e USING (activity_id) WHERE a.activity_id = id('elsewhere about');
SELECT is(pg_temp.refusal(format('INSERT INTO email (activity_id, in_reply_to_identifier) VALUES (%s, ''<nobody@knows>'')', mail('unknown'))), NULL, 'an answer to an unknown mail is just a mail');
SELECT is((a.regarding_id, e.conversation_identifier)::text, '(,)', 'of no conversation') FROM activity AS a JOIN email AS e USING (activity_id) WHERE a.activity_id = id('unknown');

-- The first response to a lead is the mail that was sent, not one that failed.
UPDATE organization_setting SET value = '60' WHERE name = 'first_response_minutes';
INSERT INTO lead (last_name, email) VALUES ('Waiting', 'waiting@example.com') RETURNING remember('waiting', lead_id) \gset
SELECT mail('response', NULL, format('{"regarding_entity": "lead", "regarding_id": %s}', id('waiting'))) \gset
SELECT party(id('response'), 'to', 'lead', id('waiting')) \gset
SELECT state FROM sales_crm.send_email(activity_id => id('response')) \gset
SELECT count(*) FROM sales_crm.take_emails() \gset
SELECT state FROM sales_crm.report_email_failed(activity_id => id('response'), description => 'full') \gset
SELECT is((SELECT first_response_at FROM lead WHERE lead_id = id('waiting')), NULL, 'a mail that failed is no response');
SELECT state FROM sales_crm.send_email(activity_id => id('response')) \gset
SELECT count(*) FROM sales_crm.take_emails() \gset
SET LOCAL sales_crm.now = '2026-03-02 09:45+00';
SELECT state FROM sales_crm.report_email_sent(activity_id => id('response')) \gset
SELECT is((SELECT first_response_at FROM lead WHERE lead_id = id('waiting')), '2026-03-02 09:45+00'::timestamptz, 'one that was sent is, then');

-- Rules send: one makes a mail for each new lead, another addresses and sends it, in one transaction with the lead.
DELETE FROM automation_rule;
INSERT INTO automation_rule (name, entity, event, condition) VALUES ('wake', 'activity', 'state_changed', 'new.status_reason = ''pending_send'''), ('welcome', 'lead', 'created', 'new.email IS NOT NULL'), ('send', 'activity', 'created', 'new.activity_type = ''email'' AND new.is_workflow_created');
INSERT INTO automation_action (automation_rule_id, sort_order, action, parameters) SELECT automation_rule_id, n, action, parameters::jsonb FROM automation_rule JOIN (VALUES
	('wake', 1, 'notify', '{"channel": "mails"}'), ('welcome', 1, 'create_activity', '{"activity_type": "email", "subject": "''Welcome, '' || new.full_name", "description": "''We call you.''"}'),
	('send', 1, 'create_record', '{"entity": "activity_party", "values": {"activity_id": "new.activity_id", "participation_type": "''to''", "entity": "new.regarding_entity", "record_id": "new.regarding_id"}}'),
	('send', 2, 'call_function', '{"function": "send_email", "arguments": {"activity_id": "new.activity_id"}}')) AS t (name, n, action, parameters) USING (name);
WITH made AS (INSERT INTO lead (last_name, email) VALUES ('Robin', 'robin@example.com'), ('Silent', NULL) RETURNING last_name, lead_id) SELECT count(remember(last_name, lead_id)) FROM made \gset
SELECT results_eq('SELECT to_addresses, subject, body FROM sales_crm.take_emails() WHERE subject LIKE ''W%''', $$VALUES ('{robin@example.com}'::text[], 'Welcome, Robin', 'We call you.')$$, 'a mail that rules wrote and sent');
SELECT is((is_workflow_created, state_of(activity_id))::text, '(t,completed/sending)', 'which says so') FROM activity WHERE regarding_entity = 'lead' AND regarding_id = id('Robin');
SELECT is((SELECT count(*) FROM automation_run JOIN automation_rule AS rule USING (automation_rule_id) WHERE rule.name = 'wake'), 1::bigint, 'and a rule wakes the mail program');
SELECT is((SELECT bool_or(is_workflow_created) FROM activity WHERE activity_id = id('many')), false, 'one by hand does not');
SELECT pg_temp.refused(format('UPDATE activity SET is_workflow_created = true WHERE activity_id = %s', id('hasty')), '428C9', 'and never will');
SELECT is(pg_temp.refusal('INSERT INTO lead (last_name, email) VALUES (''Broken'', ''broken'')'), 'SC012', 'a rule that cannot send refuses the lead');
UPDATE automation_rule SET timing = 'queued' WHERE name = 'send';
WITH made AS (INSERT INTO lead (last_name, email) VALUES ('Broken', 'broken'), ('Later', 'later@example.com') RETURNING last_name, lead_id) SELECT count(remember(last_name, lead_id)) FROM made \gset
SELECT is((SELECT count(*) FROM sales_crm.take_emails()), 0::bigint, 'a queued rule has not sent yet');
SELECT ran FROM sales_crm.run_due_automation() \gset
SELECT is((SELECT string_agg(subject, ',') FROM sales_crm.take_emails()), 'Welcome, Later', 'then it has, what it could');
SELECT alike(last_error, '%no e-mail address%', 'and kept the other, with the reason') FROM automation_queue;
DELETE FROM automation_rule;

-- Who may: a seller sends, a mail program takes and reports; row security holds for both.
CREATE ROLE tap_sam;
CREATE ROLE tap_mail_program;
SELECT sales_crm.grant_access(role => 'tap_sam', level => 'sell'), sales_crm.grant_access(role => 'tap_mail_program', level => 'admin') \gset
SELECT mail('by sam'), mail('not for sam', 'x@example.com') \gset
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.send_email(activity_id => %s)', id('by sam')), 'tap_sam'), 'completed', 'a seller sends');
SELECT is(submitted_by, id('sam'), 'and is named') FROM email WHERE activity_id = id('by sam');
SELECT is(pg_temp.refusal(call, 'tap_sam'), '42501', 'a seller does not ' || call)
FROM unnest(ARRAY['SELECT * FROM sales_crm.take_emails()', format('SELECT * FROM sales_crm.report_email_sent(activity_id => %s)', id('by sam')), format('SELECT * FROM sales_crm.report_email_failed(activity_id => %s, description => ''x'')', id('by sam'))]) AS call;
GRANT EXECUTE ON FUNCTION sales_crm.take_emails, sales_crm.report_email_sent, sales_crm.report_email_failed TO tap_sam;
SELECT is(pg_temp.outcome('SELECT subject FROM sales_crm.take_emails()', 'tap_mail_program'), 'by sam', 'a mail program takes');
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.report_email_failed(activity_id => %s, description => ''x'')', id('by sam')), 'tap_mail_program'), 'open', 'and reports');
ALTER TABLE activity ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON activity TO tap_sam USING (subject LIKE '%by sam');
CREATE POLICY everything ON activity TO tap_mail_program USING (true);
SELECT is(pg_temp.refusal(format('SELECT * FROM sales_crm.%s(activity_id => %s%s)', call, id('not for sam'), more), 'tap_sam'), 'P0002', call || ' of a mail that is hidden')
FROM (VALUES ('send_email', ''), ('report_email_sent', ''), ('report_email_failed', ', description => ''x''')) AS c (call, more);
SELECT state FROM sales_crm.send_email(activity_id => id('not for sam')) \gset
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.send_email(activity_id => %s)', id('by sam')), 'tap_sam'), 'completed', 'his own he sends again');
SELECT is(pg_temp.outcome('SELECT string_agg(subject, '','') FROM sales_crm.take_emails()', 'tap_sam'), 'by sam', 'and who is granted the calls takes what he sees');
SELECT is(pg_temp.outcome('SELECT string_agg(subject, '','') FROM sales_crm.take_emails()', 'tap_mail_program'), 'not for sam', 'the rest is left for others');
ALTER TABLE opportunity ENABLE ROW LEVEL SECURITY;
CREATE POLICY none ON opportunity TO tap_sam USING (false);
UPDATE activity SET subject = 'offer by sam' WHERE false;
INSERT INTO activity (activity_type, subject, direction) VALUES ('email', 'answer by sam', 'incoming') RETURNING remember('hidden answer', activity_id) \gset
CREATE POLICY offer ON activity TO tap_sam USING (subject = 'offer');
SELECT is(pg_temp.refusal(format('INSERT INTO crm.email (activity_id, in_reply_to_identifier) VALUES (%s, ''<offer@we.example>'')', id('hidden answer')), 'tap_sam'), NULL, 'an answer about a deal that is hidden comes in');
SELECT is((a.regarding_id, e.conversation_identifier)::text, format('(,%s)', :'conversation'), 'into the conversation, but beside no deal') FROM activity AS a JOIN email AS e USING (activity_id) WHERE a.activity_id = id('hidden answer');

SELECT mail('unwanted by sam', NULL) \gset
SELECT party(id('unwanted by sam'), 'to', 'contact', id('Private'), 'typed@example.com') \gset
ALTER TABLE contact ENABLE ROW LEVEL SECURITY;
CREATE POLICY none ON contact TO tap_sam USING (false);
SELECT pg_temp.refused(format('SELECT * FROM sales_crm.send_email(activity_id => %s)', id('unwanted by sam')), '23514', 'who wants no mail gets none either from who does not see him', 'tap_sam');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
-- What verify() finds.
SET LOCAL sales_crm.import_mode = on;
WITH made AS (INSERT INTO activity (activity_type, subject, state, status_reason) SELECT 'email', reason, 'completed', reason FROM unnest('{pending_send,sending,sent}'::text[]) AS reason RETURNING status_reason, activity_id) SELECT count(remember('imported ' || status_reason, activity_id)) FROM made \gset
INSERT INTO email (activity_id, next_attempt_at) VALUES (id('imported sending'), '2026-01-01');
INSERT INTO email (activity_id, submitted_at, next_attempt_at) VALUES (id('imported sent'), '2026-01-01', '2026-01-01');
SELECT results_eq('SELECT check_name, record_id FROM sales_crm.verify() ORDER BY 1, 2', format($$VALUES ('mail_in_delivery', %s::bigint), ('mail_in_delivery', %s), ('mail_out_of_delivery', %s), ('mail_sent', %3$s)$$,
	id('imported pending_send'), id('imported sending'), id('imported sent')), 'verify() sees mails that nobody gets, get to nobody, or have no time');

SELECT * FROM finish();
ROLLBACK;
