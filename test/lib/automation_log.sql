-- Included by the pgTAP files about automation: a table that rules write to, and what they wrote since it was last asked.
CREATE TABLE crm.tap_log (tap_log_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
CREATE FUNCTION pg_temp.logged() RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text := (SELECT string_agg(what, ', ' ORDER BY tap_log_id) FROM crm.tap_log);
BEGIN
	DELETE FROM crm.tap_log;
	RETURN coalesce(found, '');
END $$;
