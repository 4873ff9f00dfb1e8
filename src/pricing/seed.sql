-- pricing: who may call what.

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('read', 'function', 'explain_price'),
    ('read', 'function', 'explain_total'),
    ('sell', 'function', 'reprice');
