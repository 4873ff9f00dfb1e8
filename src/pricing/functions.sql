CREATE FUNCTION roll_up() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'pricing_roll_up';
COMMENT ON FUNCTION roll_up() IS 'Trigger, AFTER each statement on a table of lines with transition tables (argument: the line entity): locks the documents by key, refuses lines of closed ones (SC002), and sums the lines into the totals. Rule: D§4.5.';

CREATE FUNCTION follow_price_list() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'pricing_follow_price_list';
COMMENT ON FUNCTION follow_price_list() IS 'Trigger, AFTER UPDATE of a document''s price list, or of the region or date its taxes follow from (argument: the line entity): prices the lines of an open, unlocked document anew. Rule: D§4.7.';

CREATE FUNCTION reprice(entity text, id bigint, OUT total_amount numeric)
  LANGUAGE c AS 'MODULE_PATHNAME', 'pricing_reprice_document';
COMMENT ON FUNCTION reprice(text, bigint) IS 'Prices the catalogue lines of an open document anew as the catalogue stands and returns its total, in its currency. entity: opportunity, quote, sales_order or invoice; id: its key. Overridden prices, write-ins and order lines that are invoiced stay. Errors: 22004, 22023 unknown entity, P0002, SC002 read-only or its prices are locked. Rule: D§3.8.';

CREATE FUNCTION explain_price(entity text, line_id bigint, OUT step integer, OUT rule text, OUT input text, OUT result numeric)
  RETURNS SETOF record STABLE
  LANGUAGE c AS 'MODULE_PATHNAME', 'pricing_explain_price';
COMMENT ON FUNCTION explain_price(text, bigint) IS 'Tells how the price and the amounts of a line came about: a row for each step with what it is, what went in, and the figure that came out in the document''s currency (empty where there is none). entity: opportunity, quote, sales_order or invoice, or the name of its lines such as quote_product; line_id: key of the line. The last figures are the stored ones; where the catalogue gives another price today, a step says so and why the line keeps its own. Errors: 22004, 22023 unknown entity, P0002. Rule: D§4.1 to D§4.4.';

CREATE FUNCTION explain_total(entity text, id bigint, OUT step integer, OUT rule text, OUT input text, OUT result numeric)
  RETURNS SETOF record STABLE
  LANGUAGE c AS 'MODULE_PATHNAME', 'pricing_explain_total';
COMMENT ON FUNCTION explain_total(text, bigint) IS 'Tells how the total of a document came about: a row for each step with what it is, what went in, and the figure that came out in the document''s currency; the last is the total in base currency. entity: opportunity, quote, sales_order or invoice; id: its key. Errors: 22004, 22023 unknown entity, P0002. Rule: D§4.5.';
