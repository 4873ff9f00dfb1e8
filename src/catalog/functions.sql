CREATE FUNCTION publish_product(product_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_publish_product';
COMMENT ON FUNCTION publish_product(bigint) IS 'Makes a draft product sellable and returns its state, active. Errors: 22004 no id, P0002 unknown product, SC001 not a draft. Rule: D§3.9.';

CREATE FUNCTION set_base_currency(currency_code text, OUT currency_code text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_set_base';
COMMENT ON FUNCTION set_base_currency(text) IS 'Makes a currency (three capital letters, ISO 4217; added with rate 1 when missing) the base currency of the current organization, expresses the other rates in it, and returns the code. Only before the first document: later 55000. Errors: 22004, 22023 no such code form, 55000. Rule: D§4.9.';

CREATE FUNCTION record_exchange_rate() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'catalog_record_rate';
COMMENT ON FUNCTION record_exchange_rate() IS 'Trigger, AFTER each row of currency: keeps every exchange rate in exchange_rate_history.';
