-- Queues of work: default queues, coming, going, picking, who may do what, rules (D§6.4, D§2.3).
BEGIN;
\ir ../lib/pgtap.sql
SELECT no_plan();

-- Ann, Bob and Eve sell, Max is Ann's manager, the boss is an administrator.
CREATE ROLE tap_ann;
CREATE ROLE tap_bob;
CREATE ROLE tap_eve;
CREATE ROLE tap_max;
CREATE ROLE tap_boss;
CREATE ROLE tap_reader;
SELECT sales_crm.grant_access(role => r, level => l) FROM (VALUES ('tap_ann', 'sell'), ('tap_bob', 'sell'), ('tap_eve', 'sell'), ('tap_max', 'sell'), ('tap_boss', 'admin'), ('tap_reader', 'read')) AS v (r, l) \g /dev/null
INSERT INTO crm.crm_user (name, role_name) VALUES ('Ann', 'tap_ann'), ('Bob', 'tap_bob'), ('Eve', 'tap_eve'), ('Max', 'tap_max'), ('Boss', 'tap_boss');
UPDATE crm.crm_user SET manager_crm_user_id = (SELECT crm_user_id FROM crm.crm_user WHERE name = 'Max') WHERE name = 'Ann';
INSERT INTO crm.crm_user (name, is_disabled) VALUES ('Gone', true);
INSERT INTO crm.team (name) VALUES ('Hunters');
CREATE FUNCTION pg_temp.owner(who text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT owner_id FROM crm.owner WHERE name = who';
CREATE FUNCTION pg_temp.queue(which text) RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT queue_id FROM crm.queue WHERE name = which';
-- How an item stands: queue, worker, state.
CREATE FUNCTION pg_temp.item(id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s, %s, %s', q.name, coalesce(w.name, 'nobody'), i.state) FROM crm.queue_item AS i JOIN crm.queue AS q USING (queue_id) LEFT JOIN crm.owner AS w ON w.owner_id = i.worker_id WHERE queue_item_id = id
$$;
CREATE FUNCTION pg_temp.add(entity text, id bigint, which text DEFAULT NULL, as_role name DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
	SELECT pg_temp.outcome(format('SELECT queue_item_id FROM sales_crm.add_to_queue(%L, %s, %s)', entity, id, coalesce(pg_temp.queue(which)::text, 'NULL')), as_role)::bigint
$$;
CREATE FUNCTION pg_temp.new_task(priority text DEFAULT 'normal') RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO crm.activity (activity_type, subject, priority) VALUES ('task', 'Call back', priority) RETURNING activity_id
$$;

-- Default queues.
SELECT is((q.name, q.queue_type, q.owner_id)::text, CASE WHEN o.name LIKE '% %' THEN format('("<%s>",private,%s)', o.name, o.owner_id) ELSE format('(<%s>,private,%s)', o.name, o.owner_id) END, o.name || ' has a default queue') FROM crm.owner AS o LEFT JOIN crm.queue AS q ON q.default_owner_id = o.owner_id WHERE o.name IN ('Default Team', 'Ann', 'Hunters');
UPDATE crm.crm_user SET name = 'Eva' WHERE name = 'Eve';
SELECT is(q.name, '<Eva>', 'it follows a new name') FROM crm.queue AS q WHERE default_owner_id = pg_temp.owner('Eva');
UPDATE crm.queue SET name = 'What Max does' WHERE default_owner_id = pg_temp.owner('Max');
UPDATE crm.crm_user SET name = 'Maximilian' WHERE name = 'Max';
SELECT is(q.name, 'What Max does', 'unless it was named otherwise') FROM crm.queue AS q WHERE default_owner_id = pg_temp.owner('Maximilian');
INSERT INTO crm.owner (owner_type, name) SELECT 'team', 'Many' FROM generate_series(1, 1000);
SELECT is(count(*), 1000::bigint, 'a thousand owners at once, of one name') FROM crm.queue WHERE name = '<Many>';
SELECT pg_temp.refused(format('DELETE FROM crm.queue WHERE queue_id = %s', pg_temp.queue('<Ann>')), '23503', 'a default queue stays');
SELECT is(pg_temp.refusal(format('UPDATE crm.queue SET default_owner_id = NULL WHERE queue_id = %s', pg_temp.queue('<Ann>'))), '428C9', 'and is his');
DELETE FROM crm.owner WHERE name = 'Many';
SELECT is(count(*), 0::bigint, 'and goes with its owner') FROM crm.queue WHERE name = '<Many>';
SELECT is(pg_temp.outcome($$INSERT INTO crm.crm_user (name) VALUES ('New') RETURNING name$$, 'tap_boss'), 'New', 'an administrator makes users');
SELECT isnt(pg_temp.queue('<New>'), NULL, 'with their queue');

-- Queues.
INSERT INTO crm.queue (name, queue_type) VALUES ('Inbound', 'public'), ('Second', 'public'), ('Key accounts', 'private'), ('Old', 'public');
UPDATE crm.queue SET owner_id = pg_temp.owner('Bob') WHERE name = 'Key accounts';
UPDATE crm.queue SET state = 'inactive' WHERE name = 'Old';
SELECT is(state || '/' || status_reason, 'inactive/inactive', 'a queue is switched off by UPDATE') FROM crm.queue WHERE name = 'Old';
INSERT INTO crm.queue_member (queue_id, owner_id) VALUES (pg_temp.queue('Key accounts'), pg_temp.owner('Ann'));
SELECT is(pg_temp.refusal($$INSERT INTO crm.queue (name) VALUES ('Inbound')$$), '23505', 'a name comes once');
SELECT is(pg_temp.refusal($$INSERT INTO crm.queue (name, queue_type) VALUES ('x', 'secret')$$), '23514', 'public or private');
SELECT is(pg_temp.refusal(format('INSERT INTO crm.queue_member (queue_id, owner_id) VALUES (%s, %s)', pg_temp.queue('Key accounts'), pg_temp.owner('Ann'))), '23505', 'a member comes once');
SELECT is(pg_temp.refusal($$INSERT INTO crm.queue (name) VALUES ('x')$$, 'tap_ann'), '42501', 'sellers make no queues');
SELECT is((SELECT string_agg(value || ' ' || dynamics_code, ', ' ORDER BY dynamics_code) FROM crm.option_value WHERE entity = 'queue'), 'public 0, private 1', 'types as in Dynamics');

-- Coming in.
SELECT pg_temp.new_lead('Contoso', 'Lee') AS lead \gset
SELECT pg_temp.add('lead', :lead, 'Inbound', 'tap_ann') AS item \gset
SELECT is((pg_temp.item(:item), title, priority)::text, '("Inbound, nobody, active",Lee,0)', 'a lead in a queue') FROM crm.queue_item WHERE queue_item_id = :item;
SELECT is(pg_temp.add('lead', :lead, 'Inbound'), :item::bigint, 'again: the same item');
SELECT is(count(*), 1::bigint, 'one item') FROM crm.queue_item WHERE entity = 'lead' AND record_id = :lead;
SELECT pg_temp.new_task('high') AS urgent \gset
SELECT pg_temp.new_task('low') AS idle \gset
SELECT is(priority, -1, 'an idle task comes after') FROM crm.queue_item WHERE queue_item_id = pg_temp.add('activity', :idle, 'Inbound');
SELECT is((title, priority)::text, '("Call back",1)', 'an urgent one before') FROM crm.queue_item WHERE queue_item_id = pg_temp.add('activity', :urgent, 'Inbound');
SELECT is(pg_temp.item(pg_temp.add('contact', contact_id, NULL, 'tap_eve')), '<Eva>, nobody, active', 'without a queue: that of who asks') FROM (SELECT pg_temp.outcome($$INSERT INTO crm.contact (last_name) VALUES ('Lee') RETURNING contact_id$$)::bigint AS contact_id) AS c;
SELECT is(pg_temp.item(pg_temp.add('account', pg_temp.new_account())), '<Default Team>, nobody, active', 'of nobody known: that of the default team');
SELECT queue_item_id AS own FROM sales_crm.add_to_queue(entity => 'opportunity', record_id => pg_temp.new_opportunity(), queue_id => pg_temp.queue('Key accounts'), priority => 5) \gset
SELECT is((title, priority)::text, '(Deal,5)', 'priority as given') FROM crm.queue_item WHERE queue_item_id = :own;
UPDATE crm.queue_item SET priority = 7 WHERE queue_item_id = :own;
SELECT is(priority, 7, 'and changed by hand') FROM crm.queue_item WHERE queue_item_id = :own;
CREATE TABLE crm.visit (visit_id bigint PRIMARY KEY, name text);
INSERT INTO crm.visit VALUES (1, 'Factory'), (2, NULL);
SELECT pg_temp.add('visit', 1, 'Second') AS one, pg_temp.add('visit', 2, 'Second') AS two \gset
SELECT is(string_agg(title, ', ' ORDER BY record_id), 'Factory, visit 2', 'tables of your own too') FROM crm.queue_item WHERE entity = 'visit';
INSERT INTO crm.lead (company_name, subject) VALUES ('Nobody Inc.', 'Ten chairs');
SELECT pg_temp.add('lead', max(lead_id), 'Key accounts') AS nameless FROM crm.lead \gset
SELECT is(title, 'Ten chairs', 'a lead without a person goes by its subject') FROM crm.queue_item WHERE queue_item_id = :nameless;
SELECT state FROM sales_crm.remove_queue_item(:nameless) \gset
SELECT pg_temp.refused(format('SELECT sales_crm.add_to_queue(%s)', arguments), code, 'add_to_queue: ' || arguments) FROM (VALUES
	('NULL, 1', '22004'), ('''lead'', NULL', '22004'), ('''lead'', -1', 'P0002'), ('''nonsense'', 1', '42704'), ('''queue_work_list'', 1', '42704'), (format('''lead'', %s, -1', :lead), 'P0002'), (format('''lead'', %s, 0', :lead), 'P0002'),
	(format('''lead'', %s, %s', :lead, pg_temp.queue('Old')), 'SC001'), (format('''lead'', %s', pg_temp.lead_in('disqualified')), 'SC001')) AS t (arguments, code);
SELECT pg_temp.refused(statement, code, 'by hand: ' || statement) FROM (VALUES
	(format($$INSERT INTO crm.queue_item (queue_id, entity, record_id, title, entered_at) VALUES (%s, 'lead', %s, 'x', now())$$, pg_temp.queue('Second'), :lead), 'SC001'),
	(format('UPDATE crm.queue_item SET worker_id = %s, worker_assigned_at = now() WHERE queue_item_id = %s', pg_temp.owner('Ann'), :item), 'SC002'),
	(format('UPDATE crm.queue_item SET state = ''inactive'' WHERE queue_item_id = %s', :item), 'SC001'), (format('DELETE FROM crm.queue_item WHERE queue_item_id = %s', :item), 'SC002')) AS t (statement, code);

-- Picking.
SELECT is(pg_temp.outcome(format('SELECT worker_id FROM sales_crm.pick_queue_item(%s)', :item), 'tap_ann'), pg_temp.owner('Ann')::text, 'Ann picks');
SELECT is((pg_temp.item(:item), worker_assigned_at = now())::text, '("Inbound, Ann, active",t)', 'and works on it') FROM crm.queue_item WHERE queue_item_id = :item;
SELECT is((SELECT owner_id FROM crm.lead WHERE lead_id = :lead), pg_temp.owner('Default Team'), 'the lead keeps its owner');
SELECT is(pg_temp.outcome(format('SELECT worker_id FROM sales_crm.pick_queue_item(%s)', :item), 'tap_ann'), pg_temp.owner('Ann')::text, 'she may pick it again');
SELECT pg_temp.refused(format('SELECT sales_crm.pick_queue_item(%s)', :item), 'SC001', 'Bob comes too late', 'tap_bob');
SELECT matches(pg_temp.words(format('SELECT sales_crm.pick_queue_item(%s)', :item)), 'being worked on by Ann', 'and is told who was first');
SELECT pg_temp.refused(format('SELECT sales_crm.%s', call), '42501', 'what Ann works on Bob leaves alone: ' || call, 'tap_bob')
FROM unnest(ARRAY[format('release_queue_item(%s)', :item), format('remove_queue_item(%s)', :item), format('route_queue_item(%s, %s)', :item, pg_temp.queue('Second')), format('add_to_queue(''lead'', %s, %s)', :lead, pg_temp.queue('Second'))]) AS t (call);
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.release_queue_item(%s)', :item), 'tap_ann'), 'active', 'she puts it back');
SELECT is((pg_temp.item(:item), worker_assigned_at)::text, '("Inbound, nobody, active",)', 'for others') FROM crm.queue_item WHERE queue_item_id = :item;
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.release_queue_item(%s)', :item), 'tap_bob'), 'active', 'what is free stays free');

-- For another: the manager, the administrator, the owner of the queue.
SELECT pg_temp.refused(format('SELECT sales_crm.pick_queue_item(%s, %s)', :item, pg_temp.owner('Ann')), '42501', 'Bob gives Ann nothing to do', 'tap_bob');
SELECT is(pg_temp.outcome(format('SELECT worker_id FROM sales_crm.pick_queue_item(%s, worker_id => %s)', :item, pg_temp.owner('Ann')), 'tap_max'), pg_temp.owner('Ann')::text, 'her manager does');
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.release_queue_item(%s)', :item), 'tap_max'), 'active', 'and takes it back');
SELECT pg_temp.refused(format('SELECT sales_crm.pick_queue_item(%s, %s)', :item, pg_temp.owner('Bob')), '42501', 'he is not the manager of Bob', 'tap_max');
SELECT is(pg_temp.outcome(format('SELECT worker_id FROM sales_crm.pick_queue_item(%s, %s)', :item, pg_temp.owner('Hunters')), 'tap_boss'), pg_temp.owner('Hunters')::text, 'an administrator gives it to a team');
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.release_queue_item(%s)', :item), 'tap_boss'), 'active', 'and takes it back');
SELECT pg_temp.refused(format('SELECT sales_crm.pick_queue_item(%s, %s)', :item, pg_temp.owner('Gone')), '22023', 'who is disabled works no more');
SELECT pg_temp.refused(format('SELECT sales_crm.pick_queue_item(%s, -1)', :item), 'P0002', 'nor does nobody');

-- A private queue.
SELECT pg_temp.refused(format('SELECT sales_crm.%s', call), '42501', 'private: ' || call, 'tap_eve')
FROM unnest(ARRAY[format('pick_queue_item(%s)', :own), format('release_queue_item(%s)', :own), format('remove_queue_item(%s)', :own), format('route_queue_item(%s, %s)', :own, pg_temp.queue('Second')), format('pick_next(%s)', pg_temp.queue('Key accounts'))]) AS t (call);
SELECT is(pg_temp.outcome(format('SELECT queue_item_id FROM sales_crm.pick_next(%s)', pg_temp.queue('Key accounts')), 'tap_ann'), :'own', 'a member picks');
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.release_queue_item(%s)', :own), 'tap_bob'), 'active', 'the owner of the queue takes it from her');
SELECT is(pg_temp.outcome(format('SELECT worker_id FROM sales_crm.pick_queue_item(%s, %s)', :own, pg_temp.owner('Ann')), 'tap_bob'), pg_temp.owner('Ann')::text, 'and gives it back');
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.release_queue_item(%s)', :own), 'tap_ann'), 'active', 'she does not want it');
SELECT pg_temp.refused(format('SELECT sales_crm.pick_queue_item(%s, %s)', :own, pg_temp.owner('Eva')), '22023', 'a worker is a member', 'tap_bob');
SELECT is(pg_temp.item(pg_temp.add('lead', pg_temp.new_lead(), '<Ann>', 'tap_bob')), '<Ann>, nobody, active', 'everybody may put work into it');

-- Routing.
SELECT is(pg_temp.outcome(format('SELECT worker_id FROM sales_crm.pick_queue_item(%s)', :item), 'tap_ann'), pg_temp.owner('Ann')::text, 'Ann picks');
UPDATE crm.queue_item SET priority = 3 WHERE queue_item_id = :item;
SET LOCAL sales_crm.now = '2099-01-01 12:00+00';
SELECT is(pg_temp.outcome(format('SELECT queue_id FROM sales_crm.route_queue_item(%s, %s)', :item, pg_temp.queue('Inbound')), 'tap_ann'), pg_temp.queue('Inbound')::text, 'routed to where it is');
SELECT is(pg_temp.item(:item), 'Inbound, Ann, active', 'it stays as it is');
SELECT is(pg_temp.outcome(format('SELECT queue_id FROM sales_crm.route_queue_item(%s, %s)', :item, pg_temp.queue('Second')), 'tap_ann'), pg_temp.queue('Second')::text, 'routed on');
SELECT is((pg_temp.item(:item), priority, entered_at = '2099-01-01 12:00+00')::text, '("Second, nobody, active",3,t)', 'it is free and new there, as urgent as before') FROM crm.queue_item WHERE queue_item_id = :item;
SET LOCAL sales_crm.now = '';
SELECT is(pg_temp.add('lead', :lead, 'Inbound', 'tap_bob'), :item::bigint, 'adding it to another queue is the same');
SELECT is(pg_temp.item(:item), 'Inbound, nobody, active', 'it moved');
SELECT pg_temp.refused(format('SELECT sales_crm.route_queue_item(%s, %s)', :item, target), code, 'routed to ' || target) FROM (VALUES (pg_temp.queue('Old')::text, 'SC001'), ('-1', 'P0002'), ('NULL', '22004')) AS t (target, code);

-- The next one: by priority, then by age.
CREATE FUNCTION pg_temp.next(which text, as_role name) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.outcome(format('SELECT entity || '' '' || priority FROM crm.queue_item JOIN sales_crm.pick_next(%s) AS n USING (queue_item_id)', pg_temp.queue(which)), as_role) $$;
SELECT is(array_agg(pg_temp.next('Inbound', as_role)), '{lead 3,activity 1,activity -1,NULL}', 'in their order, until there is none') FROM unnest('{tap_ann,tap_bob,tap_ann,tap_bob}'::name[]) AS t (as_role);
SELECT is((SELECT string_agg(record_id || ' ' || w.name, ', ' ORDER BY i.priority DESC) FROM crm.queue_item AS i JOIN crm.owner AS w ON w.owner_id = worker_id WHERE queue_id = pg_temp.queue('Inbound')), format('%s Ann, %s Bob, %s Ann', :lead, :urgent, :idle), 'each has his');
SELECT is(pg_temp.outcome(format('SELECT sales_crm.pick_next(%s)', pg_temp.queue('Second'))), :'one', 'of equal priority what came first');
SELECT pg_temp.add('lead', pg_temp.new_lead(), '<Bob>') AS older \gset
SELECT pg_temp.add('lead', pg_temp.new_lead(), '<Bob>') AS newer \gset
SET LOCAL sales_crm.now = '2099-01-01 12:00+00';
SELECT sales_crm.route_queue_item(:older, pg_temp.queue('<Ann>')) AS there \gset
SELECT sales_crm.route_queue_item(:older, pg_temp.queue('<Bob>')) AS back \gset
SET LOCAL sales_crm.now = '';
SELECT is(pg_temp.outcome(format('SELECT sales_crm.pick_next(%s)', pg_temp.queue('<Bob>')), 'tap_bob'), :'newer', 'age counts from when it came into this queue');
SELECT pg_temp.refused(format('SELECT sales_crm.%s', call), code, call) FROM (VALUES ('pick_next(NULL)', '22004'), ('pick_next(-1)', 'P0002'), ('pick_queue_item(NULL)', '22004'), ('pick_queue_item(-1)', 'P0002'),
	('release_queue_item(NULL)', '22004'), ('release_queue_item(-1)', 'P0002'), ('remove_queue_item(NULL)', '22004'), ('remove_queue_item(-1)', 'P0002'), ('route_queue_item(NULL, 1)', '22004'), ('route_queue_item(-1, 1)', 'P0002')) AS t (call, code);
SELECT is(pg_temp.refusal(format('SELECT sales_crm.pick_next(%s)', pg_temp.queue('Inbound')), 'tap_reader'), '42501', 'who only reads picks nothing');

-- The list.
SET LOCAL sales_crm.now = '2099-01-01 12:00+00';
SELECT pg_temp.add('lead', pg_temp.new_lead(), 'Second') AS waits \gset
SELECT pg_temp.add('lead', pg_temp.new_lead(), 'Second') AS taken \gset
SET LOCAL sales_crm.now = '2099-01-01 12:30+00';
SELECT pg_temp.outcome(format('SELECT sales_crm.pick_queue_item(%s)', :taken), 'tap_ann') \gset
SET LOCAL sales_crm.now = '2099-01-01 14:00+00';
SELECT is((queue_name, queue_type, title, worker_name, is_waiting, waiting_minutes)::text, wanted, 'queue_work_list: ' || wanted)
FROM (VALUES (:waits, '(Second,public,Lee,,t,120)'), (:taken, '(Second,public,Lee,Ann,f,30)')) AS t (id, wanted) JOIN crm.queue_work_list ON queue_item_id = id;
SET LOCAL sales_crm.now = '';

-- Going: by hand, with the pick, when the work is done.
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.remove_queue_item(%s)', :waits), 'tap_bob'), 'inactive', 'taken out');
SELECT is((pg_temp.item(:waits), (SELECT count(*) FROM crm.queue_work_list WHERE queue_item_id = :waits))::text, '("Second, nobody, inactive",0)', 'it stands in no queue');
SELECT pg_temp.refused(format('SELECT sales_crm.%s', call), 'SC001', 'out of its queue: ' || call)
FROM unnest(ARRAY[format('pick_queue_item(%s)', :waits), format('release_queue_item(%s)', :waits), format('remove_queue_item(%s)', :waits), format('route_queue_item(%s, %s)', :waits, pg_temp.queue('Inbound'))]) AS t (call);
SELECT isnt(pg_temp.add('lead', record_id, 'Second'), :waits::bigint, 'the record may come again, as another item') FROM crm.queue_item WHERE queue_item_id = :waits;
SELECT is(h.from_state || ' > ' || h.to_state, 'active > inactive', 'the history knows') FROM crm.status_history AS h WHERE entity = 'queue_item' AND record_id = :waits;
SELECT pg_temp.add('lead', pg_temp.new_lead(), 'Second') AS both \gset
SELECT pg_temp.outcome(format('SELECT sales_crm.pick_queue_item(%s, remove => true)', :both), 'tap_bob') \gset
SELECT is(pg_temp.item(:both), 'Second, Bob, inactive', 'picked and taken out, it tells who has it');
SELECT state FROM sales_crm.complete_activity(activity_id => :urgent) \gset
UPDATE crm.activity SET state = 'canceled' WHERE activity_id = :idle;
SELECT is((SELECT array_agg(state) FROM crm.queue_item WHERE entity = 'activity'), '{inactive,inactive}', 'a closed activity leaves its queue');
SELECT state FROM sales_crm.reopen_activity(activity_id => :urgent) \gset
SELECT is((SELECT count(*) FROM crm.queue_item WHERE entity = 'activity' AND state = 'active'), 0::bigint, 'opened again it is in none');
SELECT is(pg_temp.outcome(format('SELECT lead_id FROM sales_crm.qualify_lead(%s), crm.lead WHERE lead_id = %1$s', :lead), 'tap_ann'), :'lead', 'Ann qualifies the lead');
SELECT is(pg_temp.item(:item), 'Inbound, Ann, inactive', 'a qualified lead leaves its queue');
SELECT opportunity_id AS deal FROM crm.lead JOIN crm.opportunity ON originating_lead_id = lead_id WHERE lead_id = :lead \gset
SELECT pg_temp.add('opportunity', :deal, 'Second') AS deal_item \gset
UPDATE crm.opportunity SET status_reason = 'on_hold' WHERE opportunity_id = :deal;
SELECT is(pg_temp.item(:deal_item), 'Second, nobody, active', 'an open deal stays');
SELECT activity_id FROM sales_crm.lose_opportunity(opportunity_id => :deal) \gset
SELECT is(pg_temp.item(:deal_item), 'Second, nobody, inactive', 'a lost one does not');
UPDATE crm.account SET state = 'inactive' WHERE account_id = (SELECT record_id FROM crm.queue_item WHERE entity = 'account');
SELECT is((SELECT state FROM crm.queue_item WHERE entity = 'account'), 'inactive', 'nor does an inactive account');
INSERT INTO crm.queue_exit_state (entity, state, status_reason) VALUES ('opportunity', 'open', 'on_hold');
SELECT pg_temp.add('opportunity', pg_temp.new_opportunity(), 'Second') AS held \gset
UPDATE crm.opportunity SET status_reason = 'on_hold' WHERE opportunity_id = (SELECT record_id FROM crm.queue_item WHERE queue_item_id = :held);
SELECT is(pg_temp.item(:held), 'Second, nobody, inactive', 'an administrator may say otherwise');

-- Deleted with the record.
SELECT pg_temp.new_lead() AS doomed \gset
SELECT pg_temp.add('lead', :doomed, 'Second') AS first \gset
SELECT state FROM sales_crm.remove_queue_item(:first) \gset
SELECT pg_temp.add('lead', :doomed, 'Second') \gset
SELECT is(pg_temp.refusal(format('DELETE FROM crm.lead WHERE lead_id = %s', :doomed), 'tap_bob'), NULL, 'a seller deletes a lead');
SELECT is(count(*), 0::bigint, 'all its items go along') FROM crm.queue_item WHERE entity = 'lead' AND record_id = :doomed;
SELECT pg_temp.add('activity', :urgent, 'Second') \gset
DELETE FROM crm.activity WHERE activity_id = :urgent;
SELECT is(count(*), 0::bigint, 'those of an activity too') FROM crm.queue_item WHERE entity = 'activity' AND record_id = :urgent;
SELECT is(pg_temp.refusal(format('DELETE FROM crm.queue WHERE queue_id = %s', pg_temp.queue('Second'))), '23503', 'a queue that had items stays');
DELETE FROM crm.queue WHERE name = 'Old';
SELECT is(pg_temp.queue('Old'), NULL, 'one that had none does not');

-- Row security: a record that is hidden is not there.
ALTER TABLE crm.lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY tap_open ON crm.lead TO tap_bob USING (company_name <> 'Hidden');
SELECT pg_temp.new_lead('Hidden') AS hidden \gset
SELECT pg_temp.refused(format('SELECT sales_crm.add_to_queue(''lead'', %s)', :hidden), 'P0002', 'a hidden lead', 'tap_bob');
SELECT isnt(pg_temp.add('lead', pg_temp.new_lead('Shown'), NULL, 'tap_bob'), NULL, 'one that is shown');
ALTER TABLE crm.lead DISABLE ROW LEVEL SECURITY;
ALTER TABLE crm.queue_item ENABLE ROW LEVEL SECURITY;
CREATE POLICY tap_mine ON crm.queue_item TO tap_bob USING (false);
SELECT pg_temp.new_lead() AS unseen \gset
SELECT pg_temp.new_lead() AS erased \gset
SELECT pg_temp.add('lead', :unseen, 'Second') AS unseen_item, pg_temp.add('lead', :erased, 'Second') AS erased_item \gset
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.disqualify_lead(%s)', :unseen), 'tap_bob'), 'disqualified', 'Bob closes a lead whose item he does not see');
SELECT is(pg_temp.item(:unseen_item), 'Second, nobody, inactive', 'and it leaves the queue');
SELECT is((i.modified_by, h.changed_by), (pg_temp.owner('Bob'), pg_temp.owner('Bob')), 'by his doing') FROM crm.queue_item AS i JOIN crm.status_history AS h ON h.entity = 'queue_item' AND h.record_id = i.queue_item_id WHERE i.queue_item_id = :unseen_item;
SELECT is(pg_temp.refusal(format('DELETE FROM crm.lead WHERE lead_id = %s', :erased), 'tap_bob'), NULL, 'he deletes another');
SELECT is((SELECT count(*) FROM crm.queue_item WHERE queue_item_id = :erased_item), 0::bigint, 'and its item goes along');
SELECT pg_temp.refused(format('SELECT sales_crm.pick_queue_item(%s)', :own), 'P0002', 'an item that he does not see he does not pick', 'tap_bob');
SELECT pg_temp.add('lead', pg_temp.new_lead('Elsewhere'), 'Second') \gset
SELECT pg_temp.refused(format('SELECT sales_crm.add_to_queue(''lead'', %s, %s)', max(lead_id), pg_temp.queue('Inbound')), '42501', 'nor does he put the record elsewhere', 'tap_bob') FROM crm.lead WHERE company_name = 'Elsewhere';
CREATE ROLE tap_keeper;
CREATE ROLE tap_pool;
SELECT sales_crm.grant_access(role => 'tap_keeper', level => 'sell'), sales_crm.grant_access(role => 'tap_pool', level => 'sell'), sales_crm.grant_access(role => 'tap_pool', level => 'impersonate') \g /dev/null
SELECT pg_temp.give_organization('tap_keeper') \g /dev/null
CREATE POLICY tap_none ON crm.queue_item TO tap_pool USING (false);
SELECT pg_temp.new_lead() AS pooled \gset
SELECT pg_temp.add('lead', :pooled, 'Second') AS pooled_item \gset
SELECT set_config('sales_crm.user_id', pg_temp.owner('Bob')::text, true) AS user \gset
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.disqualify_lead(%s)', :pooled), 'tap_pool'), 'disqualified', 'so does a pool that acts for Bob');
SET LOCAL sales_crm.user_id = '';
SELECT is((i.state, i.modified_by), ('inactive'::text, pg_temp.owner('Bob')), 'who is named') FROM crm.queue_item AS i WHERE queue_item_id = :pooled_item;
SELECT pg_temp.give_organization(CURRENT_USER) \g /dev/null
ALTER TABLE crm.queue_item DISABLE ROW LEVEL SECURITY;
CREATE TRIGGER t20_activities BEFORE DELETE ON crm.visit FOR EACH ROW EXECUTE FUNCTION sales_crm.activity_go_with_record('visit');
DELETE FROM crm.visit WHERE visit_id = 1;
SELECT is((SELECT count(*) FROM crm.queue_item WHERE entity = 'visit' AND record_id = 1), 0::bigint, 'a table of yours takes its items along by the same trigger');

-- Rules put records into queues, and watch what happens there.
CREATE FUNCTION pg_temp.rule(rule text, entity text, event text, condition text, timing text, action text, parameters jsonb) RETURNS void LANGUAGE sql AS $$
	WITH made AS (INSERT INTO crm.automation_rule (name, entity, event, condition, timing) VALUES (rule, entity, event, condition, timing) RETURNING automation_rule_id)
	INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, action, parameters FROM made
$$;
SELECT pg_temp.rule('web leads', 'lead', 'created', 'new.lead_source = ''web''', 'in_transaction', 'add_to_queue', '{"queue": "Inbound"}') \g /dev/null
SELECT pg_temp.rule('cold leads', 'lead', 'updated', 'new.rating = ''cold''', 'queued', 'add_to_queue', '{"queue": "Second"}') \g /dev/null
SELECT pg_temp.rule('picked', 'queue_item', 'updated', 'new.worker_id IS NOT NULL AND old.worker_id IS NULL', 'in_transaction', 'put_outbox', '{"event": "''queue.picked''"}') \g /dev/null
SELECT pg_temp.outcome($$INSERT INTO crm.lead (company_name, lead_source) VALUES ('Webby', 'web') RETURNING lead_id$$, 'tap_eve') AS web \gset
SELECT is((SELECT pg_temp.item(queue_item_id) FROM crm.queue_item WHERE entity = 'lead' AND record_id = :web), 'Inbound, nobody, active', 'a new lead from the web goes into the queue');
INSERT INTO crm.lead (company_name, lead_source) SELECT 'Many', CASE WHEN n % 2 = 0 THEN 'web' ELSE 'other' END FROM generate_series(1, 100) AS n;
SELECT is(count(*), 50::bigint, 'many at once, those that match') FROM crm.queue_work_list JOIN crm.lead ON entity = 'lead' AND lead_id = record_id WHERE company_name = 'Many';
UPDATE crm.lead SET rating = 'cold' WHERE company_name = 'Many' OR lead_id = :web;
SELECT pg_temp.lead_in('open') AS closed \gset
UPDATE crm.lead SET rating = 'cold' WHERE lead_id = :closed;
SELECT state FROM sales_crm.disqualify_lead(lead_id => :closed) \gset
DELETE FROM crm.lead WHERE lead_id = (SELECT max(lead_id) FROM crm.lead WHERE company_name = 'Many');
SELECT ran FROM sales_crm.run_due_automation("limit" => 1000) \gset
SELECT is((SELECT string_agg(DISTINCT queue_name || ' ' || count, ', ') FROM (SELECT queue_name, count(*) FROM crm.queue_work_list JOIN crm.lead ON entity = 'lead' AND lead_id = record_id WHERE company_name IN ('Many', 'Webby') GROUP BY 1) AS c), 'Second 100', 'later the queued rule routes them, and brings the others');
SELECT is((SELECT count(*) FROM crm.automation_queue), 0::bigint, 'what was deleted or done meanwhile is left alone');
SELECT is((SELECT count(*) FROM crm.queue_item WHERE entity = 'lead' AND record_id = :closed), 0::bigint, 'a disqualified lead is in no queue');
SELECT pg_temp.outcome(format('SELECT sales_crm.pick_next(%s)', pg_temp.queue('Second')), 'tap_ann') AS next \gset
SELECT is((SELECT event_name || ' ' || aggregate_id FROM crm.outbox_event WHERE event_name = 'queue.picked'), 'queue.picked ' || :'next', 'a rule hears of who picks');
SELECT is((SELECT array_agg(action || ': ' || coalesce(detail, '')) FROM sales_crm.dry_run('web leads', 'lead', :web)), '{"add_to_queue: Inbound"}', 'a rule is tried');
SELECT is((SELECT pg_temp.item(queue_item_id) FROM crm.queue_item WHERE entity = 'lead' AND record_id = :web AND state = 'active'), 'Second, nobody, active', 'which changes nothing');
SELECT is((SELECT array_agg(kind || ' ' || result) FROM sales_crm.explain_rule('web leads', 'lead', :web) WHERE kind = 'action'), '{"action would run"}', 'and explained');
SELECT is(pg_temp.refusal(format('SELECT pg_temp.rule(''bad'', ''lead'', %L, NULL, ''in_transaction'', ''add_to_queue'', %L)', event, parameters)), code, 'a rule with ' || parameters) FROM (VALUES
	('created', '{"queue": "Nowhere"}', 'P0002'), ('created', '{}', '22023'), ('created', '{"queue": "<Ann>"}', 'P0002'), ('deleted', '{"queue": "Inbound"}', '22023'), ('created', '{"queue": "Inbound", "priority": 1}', '22023')) AS t (event, parameters, code);
UPDATE crm.queue SET state = 'inactive' WHERE name = 'Inbound';
SELECT pg_temp.refused($$INSERT INTO crm.lead (company_name, lead_source) VALUES ('Late', 'web')$$, 'SC012', 'a rule whose queue is inactive fails');

-- Invariants, and what verify() finds where they were broken by force.
SELECT is((SELECT array_agg(v::text) FROM sales_crm.verify() AS v), NULL, 'all invariants hold');
SET LOCAL session_replication_role = 'replica';
DROP INDEX crm.queue_item_active_idx;
DELETE FROM crm.visit WHERE visit_id = 2;
INSERT INTO crm.queue_item (queue_id, entity, record_id, title, entered_at) SELECT queue_id, entity, record_id, title, now() FROM crm.queue_item WHERE queue_item_id = :own;
DELETE FROM crm.queue WHERE default_owner_id = pg_temp.owner('New');
SET LOCAL session_replication_role = 'origin';
SELECT is((SELECT array_agg(check_name || ': ' || regexp_replace(detail, '[0-9]{2,}', '#') ORDER BY check_name) FROM sales_crm.verify()), ARRAY['default_queue: New has no default queue', (SELECT format('one_queue: opportunity %s stands in 2 queues', regexp_replace(record_id::text, '[0-9]{2,}', '#')) FROM crm.queue_item WHERE queue_item_id = :own), 'queued_record: visit 2 is gone'], 'verify() finds what is broken');

SELECT * FROM finish();
ROLLBACK;
