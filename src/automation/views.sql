-- automation: what waits in the queue, and how the background worker fares.

-- Entries of the queue that wait for an earlier one of their record and rule, which failed and is tried again, or is dead. What is behind a dead one
-- waits until somebody calls retry_dead_automation() or discard_dead_automation() for that one; other records, and other rules of this one, go on.
CREATE OR REPLACE VIEW automation_queue_waiting WITH (security_invoker = true) AS
SELECT
    q.automation_queue_id,    -- Key of the entry.
    q.automation_rule_id,    -- The rule.
    r.name AS rule_name,    -- Name of the rule.
    q.entity,    -- Table of the record.
    q.record_id,    -- Key of the record.
    q.event_key,    -- The one event, as in automation_run.
    q.due_at,    -- Since when it could have been run.
    b.automation_queue_id AS waits_for_id,    -- The entry that it waits for.
    b.state AS waits_for_state,    -- pending = tried again by itself, dead = given up.
    CASE b.state WHEN 'pending' THEN b.due_at END AS tried_again_at,    -- When that one is tried again; empty when it is dead.
    b.last_error,    -- What went wrong with that one the last time.
    CASE b.state WHEN 'dead' THEN format('Mend the cause and call sales_crm.retry_dead_automation(%1$s), or do without it by sales_crm.discard_dead_automation(%1$s).', b.automation_queue_id)
        ELSE 'It is tried again by itself.' END AS way_out    -- What to do about it.
FROM automation_queue AS q
JOIN automation_rule AS r USING (automation_rule_id)
CROSS JOIN LATERAL (SELECT f.automation_queue_id, f.state, f.due_at, f.last_error
                      FROM automation_queue AS f
                     WHERE f.attempts > 0 AND f.record_id = q.record_id AND f.entity = q.entity AND f.automation_rule_id = q.automation_rule_id
                       AND (f.event_order, f.automation_queue_id) < (q.event_order, q.automation_queue_id)
                       AND (f.state = 'dead' OR f.due_at > now())
                     ORDER BY f.event_order, f.automation_queue_id
                     LIMIT 1) AS b
WHERE q.state = 'pending';

-- The background worker in this organization: whether it is well, and what is left to do. One row.
CREATE OR REPLACE VIEW automation_worker_status WITH (security_invoker = true) AS
SELECT
    coalesce(w.failed_turns, 0) = 0 AS is_well,    -- False: it failed the last time, as last_error says.
    w.last_success_at,    -- When it last did what was due, or found nothing after a start or a failure; empty = never.
    w.last_failed_at,    -- When it last failed as a whole; empty = never.
    coalesce(w.failed_turns, 0) AS failed_turns,    -- How many times in a row it failed.
    w.last_error,    -- What went wrong the last time.
    w.next_turn_at,    -- Until when it waits after a failure; empty = it comes as always.
    queue.due,    -- Entries of the queue that wait to be done now, and for no other.
    queue.due_since,    -- Since when the oldest of them waits.
    (SELECT count(*) FROM automation_queue AS q WHERE q.state = 'dead') AS dead,    -- Entries that were given up; see retry_dead_automation().
    (SELECT count(*) FROM automation_queue_waiting AS q WHERE q.waits_for_state = 'dead') AS waiting    -- Entries behind those, as automation_queue_waiting tells.
FROM (SELECT 1 AS automation_worker_id) AS one
LEFT JOIN automation_worker AS w ON w.automation_worker_id = one.automation_worker_id
CROSS JOIN (SELECT count(*) AS due, min(q.due_at) AS due_since
              FROM automation_queue AS q
             WHERE q.state = 'pending' AND q.due_at <= now()
               AND NOT EXISTS (SELECT FROM automation_queue_waiting AS w WHERE w.automation_queue_id = q.automation_queue_id)) AS queue;
