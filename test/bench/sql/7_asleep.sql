-- The same rows in the same tables, written by plain SQL while no trigger of ours is awake: what the tables cost by themselves,
-- their columns, keys, checks and indexes. What our calls add to it is the price of the rules.

CREATE FUNCTION bench.set_triggers(setting text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	this regclass;
BEGIN
	FOR this IN SELECT DISTINCT tgrelid FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE relnamespace = 'crm'::regnamespace AND NOT tgisinternal LOOP
		EXECUTE format('ALTER TABLE %s %s TRIGGER USER', this, setting);
	END LOOP;
END $$;

-- Leads qualified, each by statements in one function like qualify_fn, with the columns and the history row that qualify_lead stores.
CREATE FUNCTION bench.qualify_asleep(this_lead bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	l record;
	a bigint := nextval('crm.account_account_id_seq');
	c bigint := nextval('crm.contact_contact_id_seq');
	o bigint;
BEGIN
	SELECT company_name, first_name, last_name, full_name, email, business_phone, owner_id, estimated_value, currency_code INTO l FROM crm.lead WHERE lead_id = this_lead;
	WITH accounts AS (
		INSERT INTO crm.account (account_id, name, business_phone, email, owner_id, currency_code, originating_lead_id, primary_contact_id)
		VALUES (a, l.company_name, l.business_phone, l.email, l.owner_id, l.currency_code, this_lead, c))
	INSERT INTO crm.contact (contact_id, account_id, first_name, last_name, full_name, email, business_phone, owner_id, currency_code, originating_lead_id)
	VALUES (c, a, l.first_name, l.last_name, l.full_name, l.email, l.business_phone, l.owner_id, l.currency_code, this_lead);
	INSERT INTO crm.opportunity (name, account_id, contact_id, originating_lead_id, currency_code, exchange_rate, estimated_value, estimated_value_base, owner_id, pricing_error, discount_method, tax_rounding, tax_method, rating, priority, pipeline_phase)
	VALUES (l.company_name, a, c, this_lead, l.currency_code, 1, l.estimated_value, l.estimated_value, l.owner_id, 'none', 'line_item', 'line', 'typed', 'warm', 'default_value', 'qualify') RETURNING opportunity_id INTO o;
	UPDATE crm.lead SET state = 'qualified', status_reason = 'qualified', account_id = a, contact_id = c, qualified_opportunity_id = o, modified_at = now(), row_version = row_version + 1 WHERE lead_id = this_lead;
	INSERT INTO crm.status_history (entity, record_id, from_state, to_state, from_status_reason, to_status_reason, changed_at) VALUES ('lead', this_lead, 'open', 'qualified', 'new', 'qualified', now());
	RETURN o;
END $$;

-- Leads qualified as a set, like bench.qualify_set.
CREATE FUNCTION bench.qualify_set_asleep(first_id bigint, count bigint) RETURNS bigint LANGUAGE sql AS $$
	WITH l AS MATERIALIZED (
		SELECT lead_id, company_name, first_name, last_name, full_name, email, business_phone, owner_id, estimated_value, currency_code,
			nextval('crm.account_account_id_seq') AS a, nextval('crm.contact_contact_id_seq') AS c, nextval('crm.opportunity_opportunity_id_seq') AS o
		FROM crm.lead WHERE lead_id BETWEEN first_id AND first_id + count - 1),
	accounts AS (
		INSERT INTO crm.account (account_id, name, business_phone, email, owner_id, currency_code, originating_lead_id, primary_contact_id)
		SELECT a, company_name, business_phone, email, owner_id, currency_code, lead_id, c FROM l),
	contacts AS (
		INSERT INTO crm.contact (contact_id, account_id, first_name, last_name, full_name, email, business_phone, owner_id, currency_code, originating_lead_id)
		SELECT c, a, first_name, last_name, full_name, email, business_phone, owner_id, currency_code, lead_id FROM l),
	opportunities AS (
		INSERT INTO crm.opportunity (opportunity_id, name, account_id, contact_id, originating_lead_id, currency_code, exchange_rate, estimated_value, estimated_value_base, owner_id, pricing_error, discount_method, tax_rounding, tax_method, rating, priority, pipeline_phase)
		SELECT o, company_name, a, c, lead_id, currency_code, 1, estimated_value, estimated_value, owner_id, 'none', 'line_item', 'line', 'typed', 'warm', 'default_value', 'qualify' FROM l),
	history AS (
		INSERT INTO crm.status_history (entity, record_id, from_state, to_state, from_status_reason, to_status_reason, changed_at)
		SELECT 'lead', lead_id, 'open', 'qualified', 'new', 'qualified', now() FROM l),
	leads AS (
		UPDATE crm.lead AS u SET state = 'qualified', status_reason = 'qualified', account_id = l.a, contact_id = l.c, qualified_opportunity_id = l.o, modified_at = now(), row_version = u.row_version + 1
		FROM l WHERE u.lead_id = l.lead_id RETURNING 1)
	SELECT count(*) FROM leads
$$;

-- Activities that tell of a closing, with their details.
CREATE FUNCTION bench.close_asleep(kind text, this_entity text, this_id bigint, owner bigint) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id, actual_end_at, sort_at, owner_id, state, status_reason)
	VALUES (kind, kind || ' ' || this_id, this_entity, this_id, now(), now(), owner, 'completed', 'completed') RETURNING activity_id
$$;

-- The columns that a document by hand takes from the one before.
CREATE FUNCTION bench.shared_columns(source regclass, target regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum)
	FROM pg_attribute AS s JOIN pg_attribute AS t ON t.attname = s.attname AND t.attrelid = target
	WHERE s.attrelid = source AND s.attnum > 0 AND NOT s.attisdropped AND NOT t.attisdropped
		AND t.attname NOT IN ('state', 'status_reason', 'created_at', 'created_by', 'modified_at', 'modified_by', 'row_version', 'is_copied',
			'opportunity_id', 'quote_id', 'sales_order_id', 'invoice_id', 'opportunity_product_id', 'quote_product_id', 'sales_order_product_id')
$$;
