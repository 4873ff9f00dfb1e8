-- catalog: the properties that products have all in all, and what to offer with them.

-- Properties of each product as it is sold now: its own and those of the families above, where the nearest of a name counts.
-- Of a product or family under revision those of the version on sale, not what is being prepared.
CREATE OR REPLACE VIEW product_property_effective WITH (security_invoker = true) AS
SELECT
    p.product_id,    -- Product, family or bundle that has the property.
    x.product_property_id,    -- The property that counts; key in product_property.
    x.name,    -- Name of the property.
    x.data_type,    -- What a value is: option_set, decimal, float, text or whole_number.
    x.options,    -- With option_set the values to choose from, as [{"value": "red", "label": "Red"}].
    x.default_value,    -- Value a line gets when none is given.
    x.is_required,    -- True: a line must have a value.
    x.is_read_only,    -- True: lines have the default value and no other.
    x.is_hidden,    -- True: not shown to who sells.
    x.defined_by_product_id    -- Product or family whose property it is; another than product_id when inherited.
FROM product AS p
CROSS JOIN LATERAL (
    WITH RECURSIVE up AS (
        SELECT p.product_id, p.parent_product_id, 0 AS depth
        UNION ALL
        SELECT f.product_id, f.parent_product_id, up.depth + 1
          FROM up JOIN product AS f ON f.product_id = up.parent_product_id
         WHERE up.depth < 1000
    )
    SELECT DISTINCT ON (d.name) d.product_property_id, d.name, d.data_type, d.options, d.default_value,
           d.is_required, d.is_read_only, d.is_hidden, up.product_id AS defined_by_product_id
      FROM up
      LEFT JOIN product_version AS v ON v.product_id = up.product_id AND v.ended_at IS NULL
     CROSS JOIN LATERAL (
        SELECT o.product_property_id, o.name, o.data_type, o.options, o.default_value, o.is_required, o.is_read_only, o.is_hidden
          FROM product_property AS o WHERE o.product_id = up.product_id AND v.product_version_id IS NULL
        UNION ALL
        SELECT s.product_property_id, s.name, s.data_type, s.options, s.default_value, s.is_required, s.is_read_only, s.is_hidden
          FROM jsonb_populate_recordset(NULL::product_property, v.properties) AS s
     ) AS d
     ORDER BY d.name, up.depth
) AS x;

-- What to offer with or instead of a product: product_relationship, seen from both sides where it goes both ways.
CREATE OR REPLACE VIEW related_product WITH (security_invoker = true) AS
SELECT
    r.product_id,    -- Product that is asked for.
    r.related_product_id,    -- Product to offer.
    p.product_number AS related_product_number,    -- Its number.
    p.name AS related_product_name,    -- Its name.
    r.relationship_type,    -- up_sell, cross_sell, accessory or substitute.
    p.state IN ('active', 'under_revision') AND p.product_structure <> 'family' AS is_sellable    -- True: it can be sold now.
FROM (
    SELECT product_id, related_product_id, relationship_type FROM product_relationship
    UNION
    SELECT related_product_id, product_id, relationship_type FROM product_relationship WHERE direction = 'bidirectional'
) AS r
JOIN product AS p ON p.product_id = r.related_product_id;
