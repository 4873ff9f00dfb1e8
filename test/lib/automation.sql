-- Included by the pgTAP files about automation, after pgtap.sql: short ways to write a rule and to see what it did.

-- A rule with its actions, given as {"action": parameters} in order; returns its key.
CREATE FUNCTION pg_temp.rule(rule text, entity text, event text, condition text, actions jsonb[] DEFAULT '{}', watched text DEFAULT NULL,
                             timing text DEFAULT 'in_transaction', sort integer DEFAULT 0) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	made bigint;
	single jsonb;
BEGIN
	INSERT INTO crm.automation_rule (name, entity, event, condition, watched_columns, timing, sort_order)
	VALUES (rule, entity, event, condition, watched, timing, sort) RETURNING automation_rule_id INTO made;
	FOREACH single IN ARRAY actions LOOP
		INSERT INTO crm.automation_action (automation_rule_id, sort_order, action, parameters)
		SELECT made, (SELECT count(*) FROM crm.automation_action AS a WHERE a.automation_rule_id = made), pair.key, pair.value FROM jsonb_each(single) AS pair;
	END LOOP;
	RETURN made;
END $$;

-- How often a rule ran, by its name.
CREATE FUNCTION pg_temp.runs(rule text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM crm.automation_run AS r JOIN crm.automation_rule AS a USING (automation_rule_id) WHERE a.name = rule AND r.outcome = 'done'
$$;

-- The tables and triggers that fire rules.
CREATE FUNCTION pg_temp.triggers() RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(relname || ' ' || substr(tgname, 16), ', ' ORDER BY relname, tgname), '')
	  FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
	 WHERE tgname LIKE 't80\_automation\_%' AND relnamespace = 'crm'::regnamespace
$$;

-- Statements try things out with rules of their own; this switches all of them off.
CREATE FUNCTION pg_temp.no_rules() RETURNS void LANGUAGE sql AS 'DELETE FROM crm.automation_rule';

-- Not those that come with the organization.
SELECT pg_temp.no_rules() \gset
