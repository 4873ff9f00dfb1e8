CREATE FUNCTION roll_up() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'pricing_roll_up';
COMMENT ON FUNCTION roll_up() IS 'Trigger, AFTER each statement on a table of lines with transition tables (argument: the line entity): locks the documents by key, refuses lines of closed ones (SC002), and sums the lines into the totals. Rule: D§4.5.';

CREATE FUNCTION follow_price_list() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'pricing_follow_price_list';
COMMENT ON FUNCTION follow_price_list() IS 'Trigger, AFTER UPDATE OF price_list_id of a document (argument: the line entity): prices the lines of an open, unlocked document anew from its new price list. Rule: D§4.7.';
