-- Automation rules on new leads: none, one that does not match, one that does, a hundred of which one does, three that write a row each, one that waits.
CREATE FUNCTION bench.set_rules(kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	DELETE FROM crm.automation_queue;
	DELETE FROM crm.automation_rule;
	IF kind IN ('no match', 'a hundred') THEN
		FOR n IN 1 .. CASE kind WHEN 'a hundred' THEN 99 ELSE 1 END LOOP
			INSERT INTO crm.automation_rule (name, entity, event, condition, is_active) VALUES ('never ' || n, 'lead', 'created', format('new.company_name = ''Nobody %s'' AND new.estimated_value > %s', n, n), false) RETURNING automation_rule_id INTO id;
			INSERT INTO crm.automation_action (automation_rule_id, action, parameters) VALUES (id, 'create_activity', '{"activity_type": "task", "subject": "''Never''"}');
			INSERT INTO crm.automation_rule (name, entity, event, condition, is_active) VALUES ('never changed ' || n, 'lead', 'updated', format('new.rating = ''cold'' AND new.estimated_value > %s', 1000000 + n), false) RETURNING automation_rule_id INTO id;
			INSERT INTO crm.automation_action (automation_rule_id, action, parameters) VALUES (id, 'create_activity', '{"activity_type": "task", "subject": "''Never''"}');
		END LOOP;
	END IF;
	IF kind IN ('match', 'a hundred', 'three', 'queued') THEN
		INSERT INTO crm.automation_rule (name, entity, event, condition, timing, is_active) VALUES ('call', 'lead', 'created', 'new.estimated_value > 0', CASE kind WHEN 'queued' THEN 'queued' ELSE 'in_transaction' END, false) RETURNING automation_rule_id INTO id;
		INSERT INTO crm.automation_action (automation_rule_id, action, parameters) VALUES (id, 'create_activity', '{"activity_type": "task", "subject": "''Call '' || new.company_name", "due_in": "2 days"}');
	END IF;
	IF kind = 'three' THEN
		INSERT INTO crm.automation_rule (name, entity, event, is_active) VALUES ('mail', 'lead', 'created', false) RETURNING automation_rule_id INTO id;
		INSERT INTO crm.automation_action (automation_rule_id, action, parameters) VALUES (id, 'create_activity', '{"activity_type": "email", "subject": "''Welcome '' || new.first_name"}');
		INSERT INTO crm.automation_rule (name, entity, event, is_active) VALUES ('write down', 'lead', 'created', false) RETURNING automation_rule_id INTO id;
		INSERT INTO crm.automation_action (automation_rule_id, action, parameters) VALUES (id, 'create_record', '{"entity": "note", "values": {"regarding_entity": "''lead''", "regarding_id": "new.lead_id", "subject": "''From a file''"}}');
	END IF;
	UPDATE crm.automation_rule SET is_active = true;
END $$;

-- New leads and changes of them, a statement each.
CREATE FUNCTION bench.touch_leads(count integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	FOR n IN 1 .. count LOOP
		INSERT INTO crm.lead (company_name, first_name, last_name, email, business_phone, owner_id, estimated_value)
		VALUES ('Company ' || n, 'First' || n, 'Last' || n, 'u' || n || '@example.com', '+4930' || n, bench.owner(n), 1000 + n % 9000) RETURNING lead_id INTO id;
		UPDATE crm.lead SET description = 'called ' || n WHERE lead_id = id;
	END LOOP;
END $$;

-- What the three rules write, as sets, for the leads after a key.
CREATE FUNCTION bench.write_three(after bigint) RETURNS void LANGUAGE sql AS $$
	INSERT INTO crm.activity (activity_type, subject, scheduled_end_at, regarding_entity, regarding_id, owner_id)
	SELECT 'task', 'Call ' || company_name, now() + interval '2 days', 'lead', lead_id, owner_id FROM crm.lead WHERE lead_id > after AND estimated_value > 0;
	INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id, owner_id) SELECT 'email', 'Welcome ' || first_name, 'lead', lead_id, owner_id FROM crm.lead WHERE lead_id > after;
	INSERT INTO crm.note (regarding_entity, regarding_id, subject, owner_id) SELECT 'lead', lead_id, 'From a file', owner_id FROM crm.lead WHERE lead_id > after
$$;

-- The work of a queue: drained, and the same statements one by one.
CREATE PROCEDURE bench.drain() LANGUAGE plpgsql AS $$
BEGIN
	WHILE (SELECT ran FROM sales_crm.run_due_automation("limit" => 100)) > 0 LOOP
		COMMIT;
	END LOOP;
END $$;
CREATE PROCEDURE bench.drain_bare(after bigint) LANGUAGE plpgsql AS $$
DECLARE
	l crm.lead;
	n integer := 0;
BEGIN
	FOR l IN SELECT * FROM crm.lead WHERE lead_id > after LOOP
		INSERT INTO crm.activity (activity_type, subject, scheduled_end_at, regarding_entity, regarding_id, owner_id)
		VALUES ('task', 'Call ' || l.company_name, now() + interval '2 days', 'lead', l.lead_id, l.owner_id);
		n := n + 1;
		IF n % 100 = 0 THEN
			COMMIT;
		END IF;
	END LOOP;
END $$;
