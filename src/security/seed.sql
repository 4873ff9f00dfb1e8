-- security: the root unit and the team that owns what nobody else can be named for.

INSERT INTO business_unit (name) VALUES ('Organization');

WITH team_owner AS (
    INSERT INTO owner (owner_type, name) VALUES ('team', 'Default Team') RETURNING owner_id, name
)
INSERT INTO team (owner_id, name, business_unit_id, is_default)
SELECT team_owner.owner_id, team_owner.name, business_unit.business_unit_id, true
  FROM team_owner, business_unit
 WHERE business_unit.parent_business_unit_id IS NULL;

-- Who may write the tables of the lower rooms, and make their calls. History, numbers, versions and these rules are left to the owner.
INSERT INTO access_rule (access_level, object_kind, object_name) VALUES
    ('read', 'function', 'version'),
    ('read', 'function', 'verify'),
    ('admin', 'table', 'organization_setting'),
    ('admin', 'table', 'number_series'),
    ('admin', 'table', 'business_unit'),
    ('admin', 'table', 'owner'),
    ('admin', 'table', 'crm_user'),
    ('admin', 'table', 'team');
