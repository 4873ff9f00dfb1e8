-- Trigger functions are for PUBLIC: whoever owns an organization names them in its triggers.
CREATE FUNCTION config_changed() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'core_config_changed';
COMMENT ON FUNCTION config_changed() IS 'Trigger: makes all sessions read a configuration table anew after it changed.';

CREATE FUNCTION settle_series() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'core_settle_series';
COMMENT ON FUNCTION settle_series() IS 'Trigger, BEFORE each row of number_series whose is_gapless changes: the series counts on from the last number taken, by row or by sequence.';

CREATE FUNCTION verify(OUT check_name text, OUT entity text, OUT record_id bigint, OUT detail text) RETURNS SETOF record
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'core_verify';
COMMENT ON FUNCTION verify() IS 'Proves the invariants of the current organization: header totals = lines, no half conversion, states match their history, numbers unique, invoiced at most ordered. Returns a row for each broken one (check_name, entity, record_id, detail); no row means all hold. What the caller may not read is not checked: for level read the queue, log and outbox of automation; nor are tables of users'' own that belong to another role than the organization. A caller with the rights of the organization''s owner, such as a superuser, checks as that owner, in a security-restricted operation. Read-only; takes time in proportion to the data.';
