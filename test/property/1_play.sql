-- Schema play: what the random documents are made with. Chance comes from setseed() alone, drawn anew for each step of each chain of
-- documents, so that a chain goes the same way whatever the others do.
SET client_min_messages = warning;
CREATE SCHEMA play;

CREATE TABLE play.clock (seed integer NOT NULL, round integer NOT NULL);
INSERT INTO play.clock VALUES (:seed, 0);
CREATE FUNCTION play.round() RETURNS integer LANGUAGE sql STABLE AS 'SELECT round FROM play.clock';

-- A chain is a deal with all that is made of it; its documents; what was done to them and what was written.
CREATE TABLE play.chain (chain_id integer PRIMARY KEY);
CREATE TABLE play.document (entity text, id bigint, chain_id integer NOT NULL, round integer NOT NULL, made_by text NOT NULL, source_entity text, source_id bigint,
    is_revision boolean NOT NULL DEFAULT false, PRIMARY KEY (entity, id));
CREATE INDEX ON play.document (chain_id);
CREATE TABLE play.step (round integer NOT NULL, chain_id integer NOT NULL, action text NOT NULL, entity text, id bigint, expected text, got text, message text);
-- What was typed on a line, and on a header, in a round.
CREATE TABLE play.intent (round integer, entity text, line_id bigint, is_new boolean, line_kind text, product_id bigint, unit_id bigint, quantity numeric, is_price_overridden boolean,
    price_per_unit numeric, manual_discount_percentage numeric, manual_discount_amount numeric, tax_amount numeric, tax_category text, PRIMARY KEY (round, entity, line_id));
CREATE TABLE play.header_intent (round integer, entity text, id bigint, discount_percentage numeric, discount_amount numeric, freight_amount numeric, PRIMARY KEY (round, entity, id));
-- Documents whose catalogue lines were priced anew, or whose lock was set.
CREATE TABLE play.repriced (round integer, entity text, id bigint, PRIMARY KEY (round, entity, id));
CREATE TABLE play.lock_set (round integer, entity text, id bigint, is_price_locked boolean, PRIMARY KEY (round, entity, id));

-- What a step was to deliver, take back, invoice or credit of which line; what down payment was asked for.
CREATE TABLE play.part (round integer, what text, line_id bigint, quantity numeric, PRIMARY KEY (round, what, line_id));
CREATE TABLE play.down_payment (round integer, id bigint, amount numeric, tax numeric);

-- Chance.
CREATE FUNCTION play.seed(what text) RETURNS void LANGUAGE sql AS $$
	SELECT setseed(mod(hashtext(seed || '/' || what), 1000000) / 1000000.0) FROM play.clock
$$;
CREATE FUNCTION play.chance(percent numeric) RETURNS boolean LANGUAGE sql AS 'SELECT random() * 100 < percent';
CREATE FUNCTION play.whole(low integer, high integer) RETURNS integer LANGUAGE sql AS 'SELECT low + floor(random() * (high - low + 1))::integer';
CREATE FUNCTION play.amount(high numeric, decimals integer) RETURNS numeric LANGUAGE sql AS 'SELECT round((random() * high)::numeric, decimals)';
CREATE FUNCTION play.pick(choices text[]) RETURNS text LANGUAGE sql AS 'SELECT choices[1 + floor(random() * cardinality(choices))::integer]';
CREATE FUNCTION play.pick_id(choices bigint[]) RETURNS bigint LANGUAGE sql AS 'SELECT choices[1 + floor(random() * cardinality(choices))::integer]';
