-- process: the way each instance has taken.

-- Paths: each instance with the stages from the first to the active one.
CREATE OR REPLACE VIEW process_path WITH (security_invoker = true) AS
SELECT
    i.process_instance_id,    -- Instance.
    p.name AS process,    -- Process.
    i.entity,    -- Table of the record it was started on.
    i.record_id,    -- Key of that record.
    i.state,    -- active, finished or aborted.
    (SELECT string_agg(s.name, ' > ' ORDER BY h.path_position) FROM process_stage_history AS h JOIN process_stage AS s USING (process_stage_id)
      WHERE h.process_instance_id = i.process_instance_id AND h.path_position IS NOT NULL) AS path,    -- Names of the stages on the path, with > between them.
    a.name AS active_stage,    -- Stage it stands in.
    i.active_stage_started_at,    -- When it came there.
    i.completed_at,    -- When it was finished or abandoned.
    i.duration_minutes    -- Minutes from its start until then.
FROM process_instance AS i
JOIN process AS p ON p.process_id = i.process_id
JOIN process_stage AS a ON a.process_stage_id = i.active_stage_id;
