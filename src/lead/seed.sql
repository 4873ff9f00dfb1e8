-- lead: states, moves, option values, and what qualification copies.

INSERT INTO status_reason (entity, state, status_reason, label, is_default, is_read_only, dynamics_state, dynamics_status_reason) VALUES
    ('lead', 'open', 'new', 'New', true, false, 0, 1),
    ('lead', 'open', 'contacted', 'Contacted', false, false, 0, 2),
    ('lead', 'qualified', 'qualified', 'Qualified', true, true, 1, 3),
    ('lead', 'disqualified', 'lost', 'Lost', true, true, 2, 4),
    ('lead', 'disqualified', 'cannot_contact', 'Cannot Contact', false, true, 2, 5),
    ('lead', 'disqualified', 'no_longer_interested', 'No Longer Interested', false, true, 2, 6),
    ('lead', 'disqualified', 'canceled', 'Canceled', false, true, 2, 7);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('lead', NULL, 'open', 'insert'),
    ('lead', 'open', 'qualified', 'qualify_lead'),
    ('lead', 'open', 'qualified', 'qualify_leads'),
    ('lead', 'open', 'disqualified', 'disqualify_lead'),
    ('lead', 'qualified', 'open', 'reopen_lead'),
    ('lead', 'disqualified', 'open', 'reopen_lead');

INSERT INTO editable_when_closed (entity, column_name) VALUES
    ('lead', 'owner_id'),
    ('lead', 'description');

-- The same choices as the columns of the records that a lead becomes.
INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order)
SELECT 'lead', choice.column_name, choice.value, choice.label, choice.dynamics_code, choice.sort_order
  FROM option_value AS choice
 WHERE (choice.entity = 'account' AND choice.column_name IN ('industry', 'preferred_contact_method', 'address_type', 'address2_type',
           'address_freight_terms', 'address2_freight_terms', 'address_shipping_method', 'address2_shipping_method'))
    OR (choice.entity = 'contact' AND choice.column_name = 'lead_source')
    OR (choice.entity = 'opportunity' AND choice.column_name IN ('rating', 'priority', 'budget_status', 'need', 'purchase_process',
           'purchase_timeframe', 'initial_communication'));

-- What qualification copies (D§3.2). Keys, customers, owners, and the currency of the opportunity are set by the call.
INSERT INTO column_map (source_entity, target_entity, source_column, target_column)
SELECT 'lead', target_entity, column_name, column_name
  FROM (VALUES ('account'), ('contact')) AS target (target_entity),
       (VALUES ('email'), ('business_phone'), ('fax'), ('website'),
               ('address_line1'), ('address_line2'), ('address_line3'), ('address_city'), ('address_state_or_province'),
               ('address_postal_code'), ('address_country'),
               ('do_not_email'), ('do_not_bulk_email'), ('do_not_phone'), ('do_not_fax'), ('do_not_postal_mail'),
               ('do_not_send_marketing'), ('description')) AS copied (column_name);

INSERT INTO column_map (source_entity, target_entity, source_column, target_column) VALUES
    ('lead', 'account', 'company_name', 'name'),
    ('lead', 'account', 'home_phone', 'other_phone'),
    ('lead', 'account', 'sic', 'sic'),
    ('lead', 'account', 'industry', 'industry'),
    ('lead', 'account', 'annual_revenue', 'annual_revenue'),
    ('lead', 'account', 'employee_count', 'employee_count'),
    ('lead', 'account', 'currency_code', 'currency_code'),
    ('lead', 'contact', 'salutation', 'salutation'),
    ('lead', 'contact', 'first_name', 'first_name'),
    ('lead', 'contact', 'middle_name', 'middle_name'),
    ('lead', 'contact', 'last_name', 'last_name'),
    ('lead', 'contact', 'job_title', 'job_title'),
    ('lead', 'contact', 'email2', 'email2'),
    ('lead', 'contact', 'email3', 'email3'),
    ('lead', 'contact', 'home_phone', 'home_phone'),
    ('lead', 'contact', 'phone3', 'phone3'),
    ('lead', 'contact', 'mobile_phone', 'mobile_phone'),
    ('lead', 'contact', 'pager', 'pager'),
    ('lead', 'opportunity', 'subject', 'name'),
    ('lead', 'opportunity', 'description', 'description'),
    ('lead', 'opportunity', 'qualification_comments', 'qualification_comments'),
    ('lead', 'opportunity', 'budget_amount', 'budget_amount'),
    ('lead', 'opportunity', 'budget_status', 'budget_status'),
    ('lead', 'opportunity', 'need', 'need'),
    ('lead', 'opportunity', 'purchase_process', 'purchase_process'),
    ('lead', 'opportunity', 'purchase_timeframe', 'purchase_timeframe'),
    ('lead', 'opportunity', 'decision_maker', 'decision_maker'),
    ('lead', 'opportunity', 'campaign_id', 'campaign_id'),
    ('lead', 'opportunity', 'estimated_value', 'estimated_value'),
    ('lead', 'opportunity', 'estimated_close_date', 'estimated_close_date');

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('read', 'function', 'preview_qualify_lead'),
    ('sell', 'table', 'lead'),
    ('sell', 'table', 'lead_competitor'),
    ('sell', 'function', 'qualify_lead'),
    ('sell', 'function', 'qualify_leads'),
    ('sell', 'function', 'disqualify_lead'),
    ('sell', 'function', 'reopen_lead'),
    ('sell', 'function', 'create_opportunity_from_lead');
