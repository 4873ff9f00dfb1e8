-- opportunity: states, moves and option values.

INSERT INTO status_reason (entity, state, status_reason, label, is_default, is_read_only, dynamics_state, dynamics_status_reason) VALUES
    ('opportunity', 'open', 'in_progress', 'In Progress', true, false, 0, 1),
    ('opportunity', 'open', 'on_hold', 'On Hold', false, false, 0, 2),
    ('opportunity', 'won', 'won', 'Won', true, true, 1, 3),
    ('opportunity', 'lost', 'canceled', 'Canceled', true, true, 2, 4),
    ('opportunity', 'lost', 'out_sold', 'Out-Sold', false, true, 2, 5);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('opportunity', NULL, 'open', 'insert'),
    ('opportunity', 'open', 'won', 'win_opportunity'),
    ('opportunity', 'open', 'lost', 'lose_opportunity'),
    ('opportunity', 'won', 'open', 'reopen_opportunity'),
    ('opportunity', 'lost', 'open', 'reopen_opportunity'),
    ('activity', NULL, 'completed', 'win_opportunity'),
    ('activity', NULL, 'completed', 'lose_opportunity');

INSERT INTO editable_when_closed (entity, column_name) VALUES
    ('opportunity', 'owner_id'),
    ('opportunity', 'description');

INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order) VALUES
    ('opportunity', 'rating', 'hot', 'Hot', 1, 1),
    ('opportunity', 'rating', 'warm', 'Warm', 2, 2),
    ('opportunity', 'rating', 'cold', 'Cold', 3, 3),
    ('opportunity', 'priority', 'default_value', 'Default Value', 1, 1),
    ('opportunity', 'pipeline_phase', 'qualify', 'Qualify', 0, 0),
    ('opportunity', 'pipeline_phase', 'develop', 'Develop', 1, 1),
    ('opportunity', 'pipeline_phase', 'propose', 'Propose', 2, 2),
    ('opportunity', 'pipeline_phase', 'close', 'Close', 3, 3),
    ('opportunity', 'forecast_category', 'pipeline', 'Pipeline', 100000001, 1),
    ('opportunity', 'forecast_category', 'best_case', 'Best Case', 100000002, 2),
    ('opportunity', 'forecast_category', 'committed', 'Committed', 100000003, 3),
    ('opportunity', 'forecast_category', 'omitted', 'Omitted', 100000004, 4),
    ('opportunity', 'forecast_category', 'won', 'Won', 100000005, 5),
    ('opportunity', 'forecast_category', 'lost', 'Lost', 100000006, 6),
    ('opportunity', 'budget_status', 'no_committed_budget', 'No Committed Budget', 0, 0),
    ('opportunity', 'budget_status', 'may_buy', 'May Buy', 1, 1),
    ('opportunity', 'budget_status', 'can_buy', 'Can Buy', 2, 2),
    ('opportunity', 'budget_status', 'will_buy', 'Will Buy', 3, 3),
    ('opportunity', 'need', 'must_have', 'Must have', 0, 0),
    ('opportunity', 'need', 'should_have', 'Should have', 1, 1),
    ('opportunity', 'need', 'good_to_have', 'Good to have', 2, 2),
    ('opportunity', 'need', 'no_need', 'No need', 3, 3),
    ('opportunity', 'purchase_process', 'individual', 'Individual', 0, 0),
    ('opportunity', 'purchase_process', 'committee', 'Committee', 1, 1),
    ('opportunity', 'purchase_process', 'unknown', 'Unknown', 2, 2),
    ('opportunity', 'purchase_timeframe', 'immediate', 'Immediate', 0, 0),
    ('opportunity', 'purchase_timeframe', 'this_quarter', 'This Quarter', 1, 1),
    ('opportunity', 'purchase_timeframe', 'next_quarter', 'Next Quarter', 2, 2),
    ('opportunity', 'purchase_timeframe', 'this_year', 'This Year', 3, 3),
    ('opportunity', 'purchase_timeframe', 'unknown', 'Unknown', 4, 4),
    ('opportunity', 'timeline', 'immediate', 'Immediate', 0, 0),
    ('opportunity', 'timeline', 'this_quarter', 'This Quarter', 1, 1),
    ('opportunity', 'timeline', 'next_quarter', 'Next Quarter', 2, 2),
    ('opportunity', 'timeline', 'this_year', 'This Year', 3, 3),
    ('opportunity', 'timeline', 'not_known', 'Not known', 4, 4),
    ('opportunity', 'initial_communication', 'contacted', 'Contacted', 0, 0),
    ('opportunity', 'initial_communication', 'not_contacted', 'Not Contacted', 1, 1);

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('sell', 'table', 'opportunity'),
    ('sell', 'table', 'opportunity_product'),
    ('sell', 'table', 'opportunity_close'),
    ('sell', 'table', 'opportunity_competitor'),
    ('sell', 'function', 'win_opportunity'),
    ('sell', 'function', 'lose_opportunity'),
    ('sell', 'function', 'reopen_opportunity');
