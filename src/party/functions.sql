-- party: what keeps hierarchies without circles.

CREATE FUNCTION check_hierarchy() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'party_check_hierarchy';
COMMENT ON FUNCTION check_hierarchy() IS 'Trigger, AFTER each row of account, contact, territory, business_unit or crm_user that has another above it, its argument the table: refuses a record above itself (SC017), also one that two transactions close together. Changing who is above whom waits for others that do so in that table.';
