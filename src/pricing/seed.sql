-- pricing: states of tax rates, tax categories, where tax comes from, who may call what.

INSERT INTO organization_setting (name, value, description) VALUES
    ('tax_method', 'typed', 'Where tax comes from: typed on each line, or by tax_rule and tax_rate: excluded from or included in the prices. Stored on each new document.');

INSERT INTO status_reason (entity, state, status_reason, label, is_default) VALUES
    ('tax_rate', 'active', 'active', 'Active', true),
    ('tax_rate', 'inactive', 'inactive', 'Inactive', true);

INSERT INTO state_transition (entity, from_state, to_state, made_by) VALUES
    ('tax_rate', NULL, 'active', 'insert'),
    ('tax_rate', 'active', 'inactive', 'update'),
    ('tax_rate', 'inactive', 'active', 'update');

-- A category of your own takes a row for the product and one for each of these.
INSERT INTO option_value (entity, column_name, value, label, sort_order)
SELECT used.entity, choice.column_name, choice.value, choice.label, choice.sort_order
  FROM (VALUES ('tax_rule'), ('opportunity_product'), ('quote_product'), ('sales_order_product'), ('invoice_product')) AS used (entity)
  JOIN option_value AS choice ON choice.entity = 'product' AND choice.column_name = 'tax_category';

INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('admin', 'table', 'tax_rate'),
    ('admin', 'table', 'tax_rule'),
    ('read', 'function', 'explain_price'),
    ('read', 'function', 'explain_total'),
    ('sell', 'function', 'reprice');
