CREATE FUNCTION publish_product(product_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_publish_product';
COMMENT ON FUNCTION publish_product(bigint) IS 'Puts a product on sale and returns its state, active: a draft, or with its changes a product under revision. A family takes along all below it that is a draft or under revision. A retired product comes back when it is a plain one without a family. Errors: 22004 no id, P0002 unknown product, SC001 active already, its family is not active, or retired for good, SC015 no unit, or a bundle without members or with one that is not active. Rule: D§3.9.';

CREATE FUNCTION revise_product(product_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_revise_product';
COMMENT ON FUNCTION revise_product(bigint) IS 'Opens an active product for changes by plain UPDATE and returns its state, under_revision; of a family all active ones below it too. The version before stays on sale (table product_version) until publish_product() or revert_product(). Errors: 22004, P0002, SC001 not active. Rule: D§3.9.';

CREATE FUNCTION revert_product(product_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_revert_product';
COMMENT ON FUNCTION revert_product(bigint) IS 'Throws the changes of a revision away, in the row and its own properties, and returns the state, active; of a family for all below it that is under revision too. Costs, stock and the other columns of editable_when_closed keep the values of today. Errors: 22004, P0002, SC001 not under revision. Rule: D§3.9.';

CREATE FUNCTION retire_product(product_id bigint, include_children boolean DEFAULT false, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_retire_product';
COMMENT ON FUNCTION retire_product(bigint, boolean) IS 'Takes an active product, or one under revision, from sale and returns its state, retired. include_children => true takes along all that is on sale below a family; drafts stay drafts. Errors: 22004, P0002, SC001 a draft or retired already, a family with products that are not retired, or in use by an active price list or a bundle on sale (the detail names them). Rule: D§3.9.';

CREATE FUNCTION clone_product(product_id bigint, OUT product_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_clone_product';
COMMENT ON FUNCTION clone_product(bigint) IS 'Makes a new draft with the data of a product and returns its key: name Copy of ..., number <number>-copy, -copy-2 and so on, same family, same own properties, of a bundle the same members but retired ones. Prices are not copied. Errors: 22004, P0002, SC015 its family is retired. Rule: D§3.9.';

CREATE FUNCTION convert_quantity(quantity numeric, from_unit_id bigint, to_unit_id bigint) RETURNS numeric STABLE
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_convert_quantity';
COMMENT ON FUNCTION convert_quantity(numeric, bigint, bigint) IS 'Returns how many of the second unit a quantity in the first is, rounded to 5 decimals: 30 pieces are 2.5 dozen. Errors: 22004 a NULL, P0002 unknown unit, SC016 units of different groups, or a quantity that is no finite number. Rule: D§1.9.';

CREATE FUNCTION set_base_currency(currency_code text, OUT currency_code text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_set_base';
COMMENT ON FUNCTION set_base_currency(text) IS 'Makes a currency (three capital letters, ISO 4217; added with rate 1 when missing) the base currency of the current organization, expresses the other rates in it, and returns the code. Only before the first document: later 55000. Errors: 22004, 22023 no such code form, 55000. Rule: D§4.9.';

CREATE FUNCTION record_exchange_rate() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_record_rate';
COMMENT ON FUNCTION record_exchange_rate() IS 'Trigger, AFTER each row of currency: keeps every exchange rate in exchange_rate_history.';

CREATE FUNCTION follow_product() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_follow_product';
COMMENT ON FUNCTION follow_product() IS 'Trigger, AFTER each UPDATE of a product under revision: costs, stock and other columns of editable_when_closed go to the version that is sold meanwhile too.';
