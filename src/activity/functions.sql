CREATE FUNCTION activity_go_with_record() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'activity_go_with_record';
COMMENT ON FUNCTION activity_go_with_record() IS 'Trigger, BEFORE DELETE of a record that activities may regard (argument: the entity): open activities go with it, closed ones refuse the deletion (23503).';
