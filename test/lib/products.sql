-- What the pgTAP files about the catalogue share, on top of documents.sql: products of any structure by name, and their calls.
-- A product of any structure, in pieces; remembered under its name.
CREATE FUNCTION new_product(as_name text, structure text DEFAULT 'product', family text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint;
BEGIN
	INSERT INTO product (product_number, name, product_structure, parent_product_id, default_unit_id, list_price, current_cost)
	VALUES (as_name, 'The ' || as_name, structure, id(family), CASE WHEN structure <> 'family' THEN id('piece') END, 10, 4) RETURNING product_id INTO made;
	RETURN remember(as_name, made);
END $$;
CREATE FUNCTION put_in(bundle text, member text, unit text DEFAULT NULL) RETURNS void LANGUAGE sql AS
	'INSERT INTO product_association (bundle_id, product_id, unit_id) VALUES (id(bundle), id(member), id(unit))';
CREATE FUNCTION publish(name text) RETURNS text LANGUAGE sql AS 'SELECT state FROM sales_crm.publish_product(product_id => id(name))';
CREATE FUNCTION revise(name text) RETURNS text LANGUAGE sql AS 'SELECT state FROM sales_crm.revise_product(product_id => id(name))';
CREATE FUNCTION revert(name text) RETURNS text LANGUAGE sql AS 'SELECT state FROM sales_crm.revert_product(product_id => id(name))';
CREATE FUNCTION retire(name text, all_of_it boolean DEFAULT false) RETURNS text LANGUAGE sql AS
	'SELECT state FROM sales_crm.retire_product(product_id => id(name), include_children => all_of_it)';
-- A product of a structure in a state, by the calls that lead there.
CREATE FUNCTION product_in(as_state text, structure text, family text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE as_name text := concat_ws(' ', family, structure, as_state); made bigint := new_product(as_name, structure, family);
BEGIN
	IF structure = 'bundle' THEN PERFORM put_in(as_name, 'Chair'); END IF;
	IF as_state <> 'draft' THEN PERFORM publish(as_name); END IF;
	IF as_state = 'under_revision' THEN PERFORM revise(as_name); END IF;
	IF as_state = 'retired' THEN PERFORM retire(as_name); END IF;
	RETURN made;
END $$;
-- The states of products by name, in the order asked for.
CREATE FUNCTION states(VARIADIC names text[]) RETURNS text LANGUAGE sql AS
	'SELECT string_agg(p.state, '' '' ORDER BY n.place) FROM unnest(names) WITH ORDINALITY AS n (name, place) JOIN product p ON p.product_id = id(n.name)';
