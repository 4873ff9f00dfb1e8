-- automation: who may write rules and run them. The log, the queue and the outbox are written by rules alone.

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('admin', 'table', 'automation_rule'),
    ('admin', 'table', 'automation_action'),
    ('sell', 'function', 'run_rule'),
    ('admin', 'function', 'explain_rule'),
    ('admin', 'function', 'dry_run'),
    ('admin', 'function', 'run_due_automation');
