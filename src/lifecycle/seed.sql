-- lifecycle: who may change the state machine, the option sets and the copying of columns. Each room above brings its own rows for them.

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('admin', 'table', 'status_reason'),
    ('admin', 'table', 'state_transition'),
    ('admin', 'table', 'editable_when_closed'),
    ('admin', 'table', 'column_map'),
    ('admin', 'table', 'option_value');
