-- automation: how the background worker fares.

-- The background worker in this organization: whether it is well, and what is left to do. One row.
CREATE OR REPLACE VIEW automation_worker_status WITH (security_invoker = true) AS
SELECT
    coalesce(w.failed_turns, 0) = 0 AS is_well,    -- False: it failed the last time, as last_error says.
    w.last_success_at,    -- When it last did what was due, or found nothing after a start or a failure; empty = never.
    w.last_failed_at,    -- When it last failed as a whole; empty = never.
    coalesce(w.failed_turns, 0) AS failed_turns,    -- How many times in a row it failed.
    w.last_error,    -- What went wrong the last time.
    w.next_turn_at,    -- Until when it waits after a failure; empty = it comes as always.
    (SELECT count(*) FROM automation_queue AS q WHERE q.state = 'pending' AND q.due_at <= now()) AS due,    -- Entries of the queue that wait to be done now.
    (SELECT min(q.due_at) FROM automation_queue AS q WHERE q.state = 'pending' AND q.due_at <= now()) AS due_since,    -- Since when the oldest of them waits.
    (SELECT count(*) FROM automation_queue AS q WHERE q.state = 'dead') AS dead    -- Entries that were given up; see retry_dead_automation().
FROM (SELECT 1 AS automation_worker_id) AS one
LEFT JOIN automation_worker AS w ON w.automation_worker_id = one.automation_worker_id;
