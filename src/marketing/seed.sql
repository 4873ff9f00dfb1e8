-- marketing: states and option values of campaigns.

INSERT INTO status_reason (entity, state, status_reason, label, is_default, dynamics_state, dynamics_status_reason) VALUES
    ('campaign', 'active', 'proposed', 'Proposed', true, 0, 0),
    ('campaign', 'active', 'ready_to_launch', 'Ready To Launch', false, 0, 1),
    ('campaign', 'active', 'launched', 'Launched', false, 0, 2),
    ('campaign', 'active', 'completed', 'Completed', false, 0, 3),
    ('campaign', 'active', 'canceled', 'Canceled', false, 0, 4),
    ('campaign', 'active', 'suspended', 'Suspended', false, 0, 5),
    ('campaign', 'inactive', 'inactive', 'Inactive', true, 1, 6);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('campaign', NULL, 'active', 'insert'),
    ('campaign', 'active', 'inactive', 'update'),
    ('campaign', 'inactive', 'active', 'update');

INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order) VALUES
    ('campaign', 'campaign_type', 'advertisement', 'Advertisement', 1, 1),
    ('campaign', 'campaign_type', 'direct_marketing', 'Direct Marketing', 2, 2),
    ('campaign', 'campaign_type', 'event', 'Event', 3, 3),
    ('campaign', 'campaign_type', 'co_branding', 'Co-branding', 4, 4),
    ('campaign', 'campaign_type', 'other', 'Other', 5, 5);

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES ('sell', 'table', 'campaign');
