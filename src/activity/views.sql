-- activity: connections as each record sees them, all who have to do with an activity, and what stands in queues.

-- Connections from both ends: each stands here twice, once for either record.
CREATE OR REPLACE VIEW connection_end WITH (security_invoker = true) AS
SELECT
    c.connection_id,    -- Connection.
    c.entity_1 AS entity,    -- Table of the record.
    c.record_id_1 AS record_id,    -- Key of the record.
    c.entity_2 AS connected_entity,    -- Table of the record it is connected to.
    c.record_id_2 AS connected_record,    -- Key of the record it is connected to.
    role.name AS connected_role,    -- What the connected record is to this one, such as Decision Maker.
    role.category AS connected_role_category,    -- Category of that role, such as stakeholder or sales_team.
    reciprocal.name AS own_role,    -- What this record is to the connected one.
    c.effective_from,    -- First day of the connection.
    c.effective_to,    -- Last day of the connection.
    c.description,    -- Remarks.
    c.owner_id,    -- User or team the connection belongs to.
    c.state    -- active or inactive.
FROM connection AS c
LEFT JOIN connection_role AS role ON role.connection_role_id = c.connection_role_id
LEFT JOIN connection_role AS reciprocal ON reciprocal.connection_role_id = c.reciprocal_connection_role_id
UNION ALL
SELECT c.connection_id, c.entity_2, c.record_id_2, c.entity_1, c.record_id_1, reciprocal.name, reciprocal.category, role.name,
    c.effective_from, c.effective_to, c.description, c.owner_id, c.state
FROM connection AS c
LEFT JOIN connection_role AS role ON role.connection_role_id = c.connection_role_id
LEFT JOIN connection_role AS reciprocal ON reciprocal.connection_role_id = c.reciprocal_connection_role_id;

-- Who has to do with an activity: its parties, the record it regards (role regarding) and its owner (role owner).
CREATE OR REPLACE VIEW activity_participant WITH (security_invoker = true) AS
SELECT
    p.activity_id,    -- Activity.
    p.participation_type,    -- Role: sender, to, required_attendee ..., and of every activity regarding and owner.
    p.entity,    -- Table of the participant, such as contact; owner for the owner.
    p.record_id,    -- Key of the participant in that table.
    p.address_used    -- E-mail address or number that was used, or the name of a party who is no record (any more).
FROM activity_party AS p
UNION ALL
SELECT a.activity_id, 'regarding', a.regarding_entity, a.regarding_id, NULL
FROM activity AS a
WHERE a.regarding_id IS NOT NULL
UNION ALL
SELECT a.activity_id, 'owner', 'owner', a.owner_id, NULL
FROM activity AS a;

-- What stands in queues now, and how long each item waited until somebody took it, or waits still.
CREATE OR REPLACE VIEW queue_work_list WITH (security_invoker = true) AS
SELECT
    i.queue_item_id,    -- Queue item.
    i.queue_id,    -- Queue it stands in.
    q.name AS queue_name,    -- Name of the queue.
    q.queue_type,    -- public or private.
    i.entity,    -- Table of the record.
    i.record_id,    -- Key of the record.
    i.title,    -- What the record was called when it came into a queue.
    i.priority,    -- What is higher is picked first.
    i.entered_at,    -- When it came into this queue.
    i.worker_id,    -- User or team who works on it; empty = free to be picked.
    w.name AS worker_name,    -- Name of the worker.
    i.worker_assigned_at,    -- Since when he does.
    i.worker_id IS NULL AS is_waiting,    -- True while nobody works on it.
    (extract(epoch FROM coalesce(i.worker_assigned_at, nullif(current_setting('sales_crm.now', true), '')::timestamptz, now()) - i.entered_at) / 60)::integer AS waiting_minutes    -- Minutes from when it came until somebody took it, until now while nobody does.
FROM queue_item AS i
JOIN queue AS q ON q.queue_id = i.queue_id
LEFT JOIN owner AS w ON w.owner_id = i.worker_id
WHERE i.state = 'active';
