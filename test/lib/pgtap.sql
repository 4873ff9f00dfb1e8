-- Included by the pgTAP files with \ir: how a statement ends, and records to try it on. All of it goes with the session.
SET client_min_messages = warning;
SELECT set_config('search_path', 'public, pg_catalog', false) AS path \gset

-- The first column of the first row that a statement returns, or the SQLSTATE it is refused with; run as a role when one is named.
CREATE FUNCTION pg_temp.outcome(statement text, as_role name DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	IF as_role IS NOT NULL THEN
		PERFORM set_config('role', as_role, true);
	END IF;
	EXECUTE statement INTO result;
	PERFORM set_config('role', 'none', true);
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- The SQLSTATE that a statement is refused with, NULL when it is not.
CREATE FUNCTION pg_temp.refusal(statement text, as_role name DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF as_role IS NOT NULL THEN
		PERFORM set_config('role', as_role, true);
	END IF;
	EXECUTE statement;
	PERFORM set_config('role', 'none', true);
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- A check: the statement is refused with that SQLSTATE, and the error has a DETAIL and a HINT.
CREATE FUNCTION pg_temp.refused(statement text, code text, test text, as_role name DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	got text;
	message text;
	detail text;
	hint text;
BEGIN
	BEGIN
		IF as_role IS NOT NULL THEN
			PERFORM set_config('role', as_role, true);
		END IF;
		EXECUTE statement;
		PERFORM set_config('role', 'none', true);
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS got = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	END;
	RETURN public.ok(got IS NOT DISTINCT FROM code AND detail <> '' AND hint <> '', test)
		|| CASE WHEN got IS NOT DISTINCT FROM code AND detail <> '' AND hint <> '' THEN ''
			ELSE E'\n' || public.diag(format(E'wanted %s\ngot    %s %s\ndetail %s\nhint   %s', code, coalesce(got, 'no error'), message, detail, hint)) END;
END $$;

-- Message, DETAIL and HINT of the error that a statement ends with, NULL when it does not.
CREATE FUNCTION pg_temp.words(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN format('%s | %s | %s', message, detail, hint);
END $$;

-- Gives organization crm to a role: its schema and all that is in it.
CREATE FUNCTION pg_temp.give_organization(role name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	relation regclass;
BEGIN
	EXECUTE format('ALTER SCHEMA crm OWNER TO %I', role);
	FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'p', 'v') LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO %I', relation, role);
	END LOOP;
	FOR relation IN SELECT oid FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'S'
		AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i')) LOOP
		EXECUTE format('ALTER SEQUENCE %s OWNER TO %I', relation, role);
	END LOOP;
END $$;

-- A new lead of a company and a person.
CREATE FUNCTION pg_temp.new_lead(company text DEFAULT 'Contoso', person text DEFAULT 'Lee') RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO crm.lead (subject, company_name, last_name) VALUES ('Ten widgets', company, person) RETURNING lead_id
$$;

CREATE FUNCTION pg_temp.new_account(name text DEFAULT 'Fabrikam') RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO crm.account (name) VALUES (name) RETURNING account_id
$$;

-- A new open opportunity of a new account, worth 5000.
CREATE FUNCTION pg_temp.new_opportunity(value numeric DEFAULT 5000) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO crm.opportunity (name, account_id, estimated_value) VALUES ('Deal', pg_temp.new_account(), value) RETURNING opportunity_id
$$;

-- A lead in a state.
CREATE FUNCTION pg_temp.lead_in(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint := pg_temp.new_lead();
BEGIN
	CASE wanted
		WHEN 'open' THEN NULL;
		WHEN 'qualified' THEN PERFORM sales_crm.qualify_lead(lead_id => id);
		WHEN 'disqualified' THEN PERFORM sales_crm.disqualify_lead(lead_id => id);
	END CASE;
	RETURN id;
END $$;

-- An opportunity in a state.
CREATE FUNCTION pg_temp.opportunity_in(wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint := pg_temp.new_opportunity();
BEGIN
	CASE wanted
		WHEN 'open' THEN NULL;
		WHEN 'won' THEN PERFORM sales_crm.win_opportunity(opportunity_id => id);
		WHEN 'lost' THEN PERFORM sales_crm.lose_opportunity(opportunity_id => id);
	END CASE;
	RETURN id;
END $$;
