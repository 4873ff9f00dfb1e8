-- catalog: states of products and price lists, option values, the base currency and the first unit.

INSERT INTO status_reason (entity, state, status_reason, label, is_default, is_read_only, dynamics_state, dynamics_status_reason) VALUES
    ('product', 'draft', 'draft', 'Draft', true, false, 2, 0),
    ('product', 'active', 'active', 'Active', true, true, 0, 1),
    ('product', 'under_revision', 'under_revision', 'Under Revision', true, false, 3, 3),
    ('product', 'retired', 'retired', 'Retired', true, true, 1, 2);

-- What changes every day, or is only told, needs no revision: the version on sale has it at once.
INSERT INTO editable_when_closed (entity, column_name)
SELECT 'product', column_name
  FROM unnest('{tax_category,current_cost,standard_cost,quantity_on_hand,price_list_id,description,website,vendor_name,vendor_part_number,stock_weight,stock_volume,valid_from_date,valid_to_date}'::text[]) AS column_name;

INSERT INTO status_reason (entity, state, status_reason, label, is_default, dynamics_state, dynamics_status_reason) VALUES
    ('price_list', 'active', 'active', 'Active', true, 0, 100001),
    ('price_list', 'inactive', 'inactive', 'Inactive', true, 1, 100002),
    ('discount_list', 'active', 'active', 'Active', true, 0, 100001),
    ('discount_list', 'inactive', 'inactive', 'Inactive', true, 1, 100002),
    ('unit_group', 'active', 'active', 'Active', true, 0, 1),
    ('unit_group', 'inactive', 'inactive', 'Inactive', true, 1, 2),
    ('currency', 'active', 'active', 'Active', true, 0, 1),
    ('currency', 'inactive', 'inactive', 'Inactive', true, 1, 2);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('product', NULL, 'draft', 'insert'),
    ('product', 'draft', 'active', 'publish_product'),
    ('product', 'under_revision', 'active', 'publish_product'),
    ('product', 'under_revision', 'active', 'revert_product'),
    ('product', 'active', 'under_revision', 'revise_product'),
    ('product', 'active', 'retired', 'retire_product'),
    ('product', 'under_revision', 'retired', 'retire_product'),
    ('product', 'retired', 'active', 'publish_product');

INSERT INTO state_transition (entity, from_state, to_state, made_by)
SELECT entity, from_state, to_state, made_by
  FROM (VALUES ('price_list'), ('discount_list'), ('unit_group'), ('currency')) AS moved (entity),
       (VALUES (NULL, 'active', 'insert'), ('active', 'inactive', 'update'), ('inactive', 'active', 'update')) AS move (from_state, to_state, made_by);

INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order) VALUES
    ('product', 'product_type', 'sales_inventory', 'Sales Inventory', 1, 1),
    ('product', 'product_type', 'miscellaneous_charges', 'Miscellaneous Charges', 2, 2),
    ('product', 'product_type', 'services', 'Services', 3, 3),
    ('product', 'product_type', 'flat_fees', 'Flat Fees', 4, 4),
    ('product', 'tax_category', 'standard', 'Standard', NULL, 1),
    ('product', 'tax_category', 'reduced', 'Reduced', NULL, 2),
    ('product', 'tax_category', 'zero', 'Zero', NULL, 3),
    ('product', 'tax_category', 'exempt', 'Exempt', NULL, 4);

INSERT INTO option_value (entity, column_name, value, label, dynamics_code, sort_order)
SELECT 'price_list', used.column_name, choice.value, choice.label, choice.dynamics_code, choice.sort_order
  FROM (VALUES ('freight_terms', 'address_freight_terms'), ('shipping_method', 'address_shipping_method')) AS used (column_name, as_in)
  JOIN option_value AS choice ON choice.entity = 'account' AND choice.column_name = used.as_in;

INSERT INTO organization_setting (name, value, description) VALUES
    ('max_products_in_bundle', '15', 'How many members a bundle may have.'),
    ('max_product_properties', '50', 'How many properties a product may have, inherited ones included.');

INSERT INTO currency (currency_code, name, symbol, decimals, exchange_rate) VALUES ('USD', 'US Dollar', '$', 2, 1);

WITH default_group AS (
    INSERT INTO unit_group (name) VALUES ('Default Unit') RETURNING unit_group_id
)
INSERT INTO unit (unit_group_id, name, base_quantity, is_base_unit)
SELECT unit_group_id, 'Primary Unit', 1, true FROM default_group;

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('admin', 'table', 'currency'),
    ('admin', 'table', 'unit_group'),
    ('admin', 'table', 'unit'),
    ('admin', 'table', 'product'),
    ('admin', 'table', 'product_association'),
    ('admin', 'table', 'product_property'),
    ('admin', 'table', 'product_relationship'),
    ('admin', 'table', 'product_version'),
    ('admin', 'table', 'price_list'),
    ('admin', 'table', 'price_list_territory'),
    ('admin', 'table', 'discount_list'),
    ('admin', 'table', 'discount_list_item'),
    ('admin', 'table', 'price_list_item'),
    ('admin', 'function', 'publish_product'),
    ('admin', 'function', 'revise_product'),
    ('admin', 'function', 'revert_product'),
    ('admin', 'function', 'retire_product'),
    ('admin', 'function', 'clone_product'),
    ('read', 'function', 'convert_quantity'),
    ('admin', 'function', 'set_base_currency');
