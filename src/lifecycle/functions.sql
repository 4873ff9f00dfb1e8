CREATE FUNCTION guard() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'lifecycle_guard';
COMMENT ON FUNCTION guard() IS 'Trigger, BEFORE each row of an entity (argument: its name): first states, moves with their call, read-only rows, status reasons, option values, stamps and computed columns, for every writer.';

CREATE FUNCTION record_state() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'lifecycle_record';
COMMENT ON FUNCTION record_state() IS 'Trigger, AFTER UPDATE of a statement with transition tables (argument: the entity): checks the states that were really stored and writes status_history.';

CREATE FUNCTION check_born() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'lifecycle_check_born';
COMMENT ON FUNCTION check_born() IS 'Trigger, AFTER INSERT of a row (arguments: the entity, the state and the reason it is born with): refuses a row stored in another state unless a lifecycle call or import mode made it.';

CREATE FUNCTION refuse_truncate() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'lifecycle_refuse_truncate';
COMMENT ON FUNCTION refuse_truncate() IS 'Trigger, BEFORE TRUNCATE: refuses it, since it would pass by every rule.';

CREATE FUNCTION check_map() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'lifecycle_check_map';
COMMENT ON FUNCTION check_map() IS 'Trigger, BEFORE each row of column_map: refuses a pair that names a column which is not there (42703).';
