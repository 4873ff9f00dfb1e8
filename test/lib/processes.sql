-- Included after documents.sql: short ways to try processes.

-- Makes a process of stages name:entity:category:probability[:step,step] (a required step ends with !) and activates it.
CREATE FUNCTION new_process(as_name text, stages text, place integer DEFAULT 1) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE made bigint; one text; part text[]; stage bigint; n integer := 0;
BEGIN
	INSERT INTO process (name, sort_order) VALUES (as_name, place) RETURNING process_id INTO made;
	FOREACH one IN ARRAY string_to_array(stages, ' ') LOOP
		part := string_to_array(one, ':');
		n := n + 1;
		INSERT INTO process_stage (process_id, name, category, entity, sort_order, default_probability) VALUES (made, part[1], part[3], part[2], n, nullif(part[4], '')::numeric) RETURNING process_stage_id INTO stage;
		INSERT INTO process_step (process_stage_id, label, column_name, is_required, sort_order)
		SELECT stage, initcap(replace(rtrim(c, '!'), '_', ' ')), rtrim(c, '!'), c LIKE '%!', k FROM unnest(string_to_array(part[5], ',')) WITH ORDINALITY AS s (c, k);
	END LOOP;
	RETURN made;
END $$;
-- Where a record is: state of its instance used last, path, and phase, chance and override of the deal.
CREATE FUNCTION path_of(record_entity text, record bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
	EXECUTE format('SELECT p.state || '': '' || p.path FROM process_path AS p JOIN process_instance AS i USING (process_instance_id) WHERE i.%I = $1 ORDER BY i.last_used_at DESC LIMIT 1', record_entity || '_id') INTO found USING record;
	RETURN coalesce(found, 'none');
END $$;
CREATE FUNCTION deal_of(record bigint) RETURNS text LANGUAGE sql AS
	$$SELECT concat_ws(' ', pipeline_phase, trim_scale(close_probability), CASE WHEN is_probability_overridden THEN 'typed' END) FROM opportunity WHERE opportunity_id = record$$;
-- Message, DETAIL and HINT of the refusal a statement gets.
CREATE FUNCTION words(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN format('%s %s | %s | %s', SQLSTATE, message, detail, hint);
END $$;
