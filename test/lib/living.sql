-- A database in use: two organizations, things of the DBA's own, deals at every station.
CREATE EXTENSION sales_crm;
SELECT sales_crm.create_organization(name => 'branch', base_currency => 'EUR');

-- The DBA's own column (which travels with the sale), index, trigger, option and policy.
ALTER TABLE crm.lead ADD COLUMN region text;
ALTER TABLE crm.opportunity ADD COLUMN region text DEFAULT 'unknown';
COMMENT ON COLUMN crm.lead.region IS 'Our own: the sales region.';
INSERT INTO crm.column_map (source_entity, target_entity, source_column, target_column) VALUES ('lead', 'opportunity', 'region', 'region');
INSERT INTO crm.option_value (entity, column_name, value, label) VALUES ('lead', 'lead_source', 'fair_in_vienna', 'Fair in Vienna');
CREATE INDEX lead_region_idx ON crm.lead (region, created_at);
CREATE TABLE public.lead_log (lead_log_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, lead_id bigint, state text);
CREATE FUNCTION public.log_lead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.lead_log (lead_id, state) VALUES (NEW.lead_id, NEW.state);
	RETURN NULL;
END $$;
CREATE TRIGGER zz_log_lead AFTER INSERT OR UPDATE ON crm.lead FOR EACH ROW EXECUTE FUNCTION public.log_lead();

-- An administrator's rule: each new lead is told of in the outbox.
WITH rule AS (INSERT INTO crm.automation_rule (name, entity, event) VALUES ('Tell of new leads', 'lead', 'created') RETURNING automation_rule_id)
INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'put_outbox', '{"event": "''lead.created''"}' FROM rule;
-- And each waits in a queue until it is qualified.
INSERT INTO crm.queue (name) VALUES ('Inbound');
WITH rule AS (INSERT INTO crm.automation_rule (name, entity, event) VALUES ('Queue new leads', 'lead', 'created') RETURNING automation_rule_id)
INSERT INTO crm.automation_action (automation_rule_id, action, parameters) SELECT automation_rule_id, 'add_to_queue', '{"queue": "Inbound"}' FROM rule;
