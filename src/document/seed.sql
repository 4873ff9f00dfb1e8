-- document: states and moves of quotes, orders and invoices, option values, and what conversions copy.

INSERT INTO status_reason (entity, state, status_reason, label, is_default, is_read_only, dynamics_state, dynamics_status_reason) VALUES
    ('quote', 'draft', 'in_progress', 'In Progress', true, false, 0, 1),
    ('quote', 'active', 'in_progress', 'In Progress', true, true, 1, 2),
    ('quote', 'active', 'open', 'Open', false, true, 1, 3),
    ('quote', 'won', 'won', 'Won', true, true, 2, 4),
    ('quote', 'closed', 'lost', 'Lost', true, true, 3, 5),
    ('quote', 'closed', 'canceled', 'Canceled', false, true, 3, 6),
    ('quote', 'closed', 'revised', 'Revised', false, true, 3, 7),
    ('sales_order', 'active', 'new', 'New', true, false, 0, 1),
    ('sales_order', 'active', 'pending', 'Pending', false, false, 0, 2),
    ('sales_order', 'submitted', 'in_progress', 'In Progress', true, true, 1, 3),
    ('sales_order', 'fulfilled', 'complete', 'Complete', true, true, 3, 100001),
    ('sales_order', 'fulfilled', 'partial', 'Partial', false, true, 3, 100002),
    ('sales_order', 'invoiced', 'invoiced', 'Invoiced', true, true, 4, 100003),
    ('sales_order', 'canceled', 'no_money', 'No Money', true, true, 2, 4),
    ('invoice', 'active', 'new', 'New', true, false, 0, 1),
    ('invoice', 'active', 'partially_shipped', 'Partially Shipped', false, false, 0, 2),
    ('invoice', 'active', 'billed', 'Billed', false, false, 0, 4),
    ('invoice', 'paid', 'complete', 'Complete', true, true, 2, 100001),
    ('invoice', 'paid', 'partial', 'Partial', false, true, 2, 100002),
    ('invoice', 'canceled', 'canceled', 'Canceled', true, true, 3, 100003);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('quote', NULL, 'draft', 'insert'),
    ('quote', 'draft', 'active', 'activate_quote'),
    ('quote', 'active', 'won', 'win_quote'),
    ('quote', 'active', 'won', 'accept_quote'),
    ('quote', 'active', 'closed', 'close_quote'),
    ('quote', 'active', 'closed', 'revise_quote'),
    ('opportunity', 'open', 'won', 'accept_quote'),
    ('sales_order', NULL, 'active', 'insert'),
    ('sales_order', 'active', 'submitted', 'submit_order'),
    ('sales_order', 'active', 'fulfilled', 'fulfill_order'),
    ('sales_order', 'submitted', 'fulfilled', 'fulfill_order'),
    ('sales_order', 'fulfilled', 'invoiced', 'fulfill_order'),
    ('sales_order', 'fulfilled', 'invoiced', 'create_invoice_from_order'),
    ('sales_order', 'invoiced', 'fulfilled', 'cancel_invoice'),
    ('sales_order', 'active', 'canceled', 'cancel_order'),
    ('sales_order', 'submitted', 'canceled', 'cancel_order'),
    ('sales_order', 'fulfilled', 'canceled', 'cancel_order'),
    ('invoice', NULL, 'active', 'insert'),
    ('invoice', 'active', 'paid', 'pay_invoice'),
    ('invoice', 'paid', 'paid', 'pay_invoice'),
    ('invoice', 'paid', 'paid', 'cancel_payment'),
    ('invoice', 'paid', 'active', 'cancel_payment'),
    ('invoice', 'active', 'canceled', 'cancel_invoice'),
    ('invoice', 'paid', 'canceled', 'cancel_invoice');

-- Calls that close the open quotes beside the one they are about.
INSERT INTO state_transition (entity, from_state, to_state, made_by)
SELECT 'quote', from_state, 'closed', made_by
  FROM (VALUES ('draft'), ('active')) AS open_state (from_state),
       (VALUES ('expire_quotes'), ('win_opportunity'), ('lose_opportunity'), ('accept_quote')) AS call (made_by);

-- Calls that write a closing activity.
INSERT INTO state_transition (entity, from_state, to_state, made_by)
SELECT 'activity', NULL, 'completed', made_by
  FROM (VALUES ('accept_quote'), ('win_quote'), ('close_quote'), ('revise_quote'), ('expire_quotes'),
               ('fulfill_order'), ('cancel_order')) AS call (made_by);

INSERT INTO editable_when_closed (entity, column_name)
SELECT entity, column_name
  FROM (VALUES ('quote'), ('sales_order'), ('invoice')) AS document (entity),
       (VALUES ('owner_id'), ('description')) AS stays_open (column_name)
UNION ALL SELECT 'delivery', 'description';

INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order)
SELECT used.entity, used.column_name, choice.value, choice.label, choice.dynamics_code, choice.sort_order
  FROM (SELECT entity, as_in.column_name, as_in.of_entity, as_in.of_column
          FROM (VALUES ('quote'), ('sales_order'), ('invoice')) AS document (entity),
               (VALUES ('payment_terms', 'account', 'payment_terms'),
                       ('freight_terms', 'account', 'address_freight_terms'),
                       ('ship_to_freight_terms', 'account', 'address_freight_terms'),
                       ('shipping_method', 'account', 'address_shipping_method')) AS as_in (column_name, of_entity, of_column)
        UNION ALL
        SELECT entity, 'ship_to_freight_terms', 'account', 'address_freight_terms'
          FROM (VALUES ('quote_product'), ('sales_order_product'), ('invoice_product')) AS line (entity)
        UNION ALL
        SELECT entity, 'priority', 'opportunity', 'priority'
          FROM (VALUES ('sales_order'), ('invoice')) AS urgent (entity)
       ) AS used
  JOIN option_value AS choice ON choice.entity = used.of_entity AND choice.column_name = used.of_column;

INSERT INTO payment_term (payment_terms, label, net_days, discount_percentage, discount_days)
SELECT term.payment_terms, choice.label, term.net_days, term.discount_percentage, term.discount_days
  FROM (VALUES ('net_30', 30, NULL, NULL), ('2_percent_10_net_30', 30, 2, 10), ('net_45', 45, NULL, NULL), ('net_60', 60, NULL, NULL)
       ) AS term (payment_terms, net_days, discount_percentage, discount_days)
  JOIN option_value AS choice ON choice.entity = 'account' AND choice.column_name = 'payment_terms' AND choice.value = term.payment_terms
 ORDER BY choice.dynamics_code;

-- What a conversion copies: the columns of one name in both tables, except what the call or the database sets itself.
INSERT INTO column_map (source_entity, target_entity, source_column, target_column)
SELECT conversion.source_entity, conversion.target_entity, source.attname, source.attname
  FROM (VALUES ('opportunity', 'quote'), ('opportunity', 'sales_order'), ('opportunity', 'invoice'),
               ('quote', 'quote'), ('quote', 'sales_order'), ('sales_order', 'invoice'), ('invoice', 'invoice'),
               ('opportunity_product', 'quote_product'), ('opportunity_product', 'sales_order_product'),
               ('opportunity_product', 'invoice_product'), ('quote_product', 'quote_product'),
               ('quote_product', 'sales_order_product'), ('sales_order_product', 'invoice_product'),
               ('invoice_product', 'invoice_product')
       ) AS conversion (source_entity, target_entity)
  JOIN pg_attribute AS source ON source.attrelid = to_regclass(conversion.source_entity) AND source.attnum > 0 AND NOT source.attisdropped
  JOIN pg_attribute AS target ON target.attrelid = to_regclass(conversion.target_entity) AND target.attname = source.attname AND NOT target.attisdropped
 WHERE source.attname NOT IN (
           'opportunity_id', 'quote_id', 'sales_order_id', 'invoice_id',
           'opportunity_product_id', 'quote_product_id', 'sales_order_product_id', 'invoice_product_id',
           'quote_number', 'order_number', 'invoice_number', 'revision_number',
           'state', 'status_reason', 'created_at', 'created_by', 'modified_at', 'modified_by', 'row_version',
           'exchange_rate', 'total_line_item_amount', 'total_line_item_discount_amount', 'total_discount_amount',
           'total_amount_less_freight', 'total_tax', 'total_amount', 'total_amount_base', 'base_amount', 'extended_amount', 'pricing_error',
           'is_price_locked', 'is_copied', 'is_on_hold', 'invoice_type', 'invoice_date', 'due_date', 'amount_paid', 'balance_amount',
           'delivered_on', 'early_payment_date', 'early_payment_percentage', 'early_payment_discount_amount',
           'credited_invoice_id', 'credited_invoice_product_id', 'down_payment_invoice_id', 'quantity_credited', 'rounding_amount',
           'quantity_delivered', 'quantity_returned', 'quantity_invoiced', 'quantity_backordered', 'quantity_canceled',
           'effective_from', 'effective_to', 'expires_on', 'closed_on', 'fulfilled_on', 'submitted_on');

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('sell', 'table', 'quote'),
    ('sell', 'table', 'quote_product'),
    ('sell', 'table', 'quote_close'),
    ('sell', 'table', 'sales_order'),
    ('sell', 'table', 'sales_order_product'),
    ('sell', 'table', 'order_close'),
    ('sell', 'table', 'invoice'),
    ('sell', 'table', 'invoice_product'),
    ('sell', 'table', 'payment'),
    ('admin', 'table', 'payment_term'),
    ('sell', 'table', 'delivery'),
    ('sell', 'table', 'delivery_product'),
    ('sell', 'function', 'create_quote_from_opportunity'),
    ('sell', 'function', 'create_order_from_opportunity'),
    ('sell', 'function', 'create_invoice_from_opportunity'),
    ('sell', 'function', 'activate_quote'),
    ('sell', 'function', 'win_quote'),
    ('sell', 'function', 'close_quote'),
    ('sell', 'function', 'revise_quote'),
    ('sell', 'function', 'accept_quote'),
    ('read', 'function', 'compare_quotes'),
    ('sell', 'function', 'create_order_from_quote'),
    ('sell', 'function', 'expire_quotes'),
    ('sell', 'function', 'submit_order'),
    ('sell', 'function', 'cancel_order'),
    ('sell', 'function', 'fulfill_order'),
    ('sell', 'function', 'create_invoice_from_order'),
    ('sell', 'function', 'create_down_payment_invoice'),
    ('sell', 'function', 'create_credit_note'),
    ('sell', 'function', 'deliver_order'),
    ('sell', 'function', 'return_order'),
    ('sell', 'function', 'lock_order_pricing'),
    ('sell', 'function', 'unlock_order_pricing'),
    ('sell', 'function', 'lock_invoice_pricing'),
    ('sell', 'function', 'unlock_invoice_pricing'),
    ('sell', 'function', 'pay_invoice'),
    ('sell', 'function', 'cancel_payment'),
    ('sell', 'function', 'cancel_invoice');
