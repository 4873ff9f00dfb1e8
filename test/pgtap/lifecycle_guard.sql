-- The guard of every table: births, moves by hand, read-only rows, reasons, options, computed columns and stamps, for every writer.
BEGIN;
\ir ../lib/pgtap.sql

CREATE ROLE tap_importer;
CREATE ROLE tap_writer;
-- Set before the library is loaded, import mode is no more than a name; the setting of one who may not set it falls when it loads.
SET ROLE tap_writer;
SET sales_crm.import_mode = on;
RESET ROLE;
SET client_min_messages = error;
LOAD 'sales_crm';
SET client_min_messages = warning;
SELECT current_setting('sales_crm.import_mode') AS early \gset
INSERT INTO crm.team (name) VALUES ('Other team');
INSERT INTO crm.unit_group (name) VALUES ('Pieces') RETURNING unit_group_id \gset
INSERT INTO crm.unit (unit_group_id, name, is_base_unit) VALUES (:unit_group_id, 'piece', true) RETURNING unit_id \gset
SELECT pg_temp.new_account('Northwind') AS account_id \gset

-- How each entity is born: %1$L is the state asked for, %2$s makes names that are unique.
CREATE TEMP TABLE birth (entity text, statement text, first text, others text[]);
INSERT INTO birth VALUES
	('lead', 'INSERT INTO crm.lead (last_name, state) VALUES (''Lee'', %1$L)', 'open', '{qualified,disqualified}'),
	('account', 'INSERT INTO crm.account (name, state) VALUES (''Contoso'', %1$L)', 'active', '{inactive}'),
	('contact', 'INSERT INTO crm.contact (last_name, state) VALUES (''Lee'', %1$L)', 'active', '{inactive}'),
	('opportunity', 'INSERT INTO crm.opportunity (account_id, state) VALUES (:account, %1$L)', 'open', '{won,lost}'),
	('quote', 'INSERT INTO crm.quote (name, account_id, state) VALUES (''Deal'', :account, %1$L)', 'draft', '{active,won,closed}'),
	('sales_order', 'INSERT INTO crm.sales_order (name, account_id, state) VALUES (''Deal'', :account, %1$L)', 'active', '{submitted,fulfilled,invoiced,canceled}'),
	('invoice', 'INSERT INTO crm.invoice (name, account_id, state) VALUES (''Deal'', :account, %1$L)', 'active', '{paid,canceled}'),
	('product', 'INSERT INTO crm.product (product_number, name, unit_group_id, default_unit_id, state) VALUES (''P-%2$s'', ''Widget'', :group, :unit, %1$L)', 'draft', '{active,under_revision,retired}'),
	('activity', 'INSERT INTO crm.activity (activity_type, subject, state) VALUES (''task'', ''Call'', %1$L)', 'open', '{completed,canceled}'),
	('competitor', 'INSERT INTO crm.competitor (name, state) VALUES (''Litware'', %1$L)', 'active', '{inactive}'),
	('territory', 'INSERT INTO crm.territory (name, state) VALUES (''North %2$s'', %1$L)', 'active', '{inactive}'),
	('price_list', 'INSERT INTO crm.price_list (name, currency_code, state) VALUES (''Retail %2$s'', ''USD'', %1$L)', 'active', '{inactive}'),
	('unit_group', 'INSERT INTO crm.unit_group (name, state) VALUES (''Hours %2$s'', %1$L)', 'active', '{inactive}'),
	('currency', 'INSERT INTO crm.currency (currency_code, name, exchange_rate, state) VALUES (''NO%2$s'', ''Krone'', 10, %1$L)', 'active', '{inactive}'),
	('campaign', 'INSERT INTO crm.campaign (name, state) VALUES (''Spring'', %1$L)', 'active', '{inactive}');
UPDATE birth SET statement = replace(replace(replace(statement, ':account', :'account_id'), ':group', :'unit_group_id'), ':unit', :'unit_id');

-- Columns that the database computes, by entity, and what they are by hand set to.
CREATE TEMP TABLE computed (entity text, columns text[]);
INSERT INTO computed VALUES
	('lead', '{full_name,estimated_value_base,exchange_rate,qualified_opportunity_id,merged_into_lead_id}'),
	('account', '{originating_lead_id,merged_into_account_id}'),
	('contact', '{full_name,originating_lead_id,merged_into_contact_id}'),
	('opportunity', '{exchange_rate,estimated_value_base,actual_value,actual_value_base,actual_close_date,originating_lead_id,total_line_item_amount,total_line_item_discount_amount,total_discount_amount,total_amount_less_freight,total_tax,total_amount,total_amount_base,pricing_error}'),
	('opportunity_product', '{volume_discount_amount,base_amount,extended_amount,pricing_error}'),
	('quote', '{exchange_rate,revision_number,closed_on,quote_number,total_line_item_amount,total_line_item_discount_amount,total_discount_amount,total_amount_less_freight,total_tax,total_amount,total_amount_base,pricing_error,discount_method,tax_rounding}'),
	('sales_order', '{exchange_rate,order_number,is_price_locked,quote_id,fulfilled_on,total_amount,total_amount_base}'),
	('invoice', '{exchange_rate,invoice_number,is_price_locked,sales_order_id,amount_paid,balance_amount,total_amount,total_amount_base}');
-- Keys and stamps are nobody's to change, in any of them.
UPDATE computed SET columns = columns || ARRAY[entity || '_id', 'created_at', 'created_by', 'modified_at', 'modified_by', 'row_version'];

CREATE TEMP TABLE sample (entity text PRIMARY KEY, id bigint);
INSERT INTO sample VALUES ('lead', pg_temp.new_lead()), ('account', :account_id), ('opportunity', pg_temp.new_opportunity());
WITH made AS (INSERT INTO crm.contact (last_name) VALUES ('Lee') RETURNING contact_id) INSERT INTO sample SELECT 'contact', contact_id FROM made;
WITH made AS (INSERT INTO crm.quote (name, account_id) VALUES ('Deal', :account_id) RETURNING quote_id) INSERT INTO sample SELECT 'quote', quote_id FROM made;
WITH made AS (INSERT INTO crm.sales_order (name, account_id) VALUES ('Deal', :account_id) RETURNING sales_order_id) INSERT INTO sample SELECT 'sales_order', sales_order_id FROM made;
WITH made AS (INSERT INTO crm.invoice (name, account_id) VALUES ('Deal', :account_id) RETURNING invoice_id) INSERT INTO sample SELECT 'invoice', invoice_id FROM made;
WITH made AS (INSERT INTO crm.opportunity_product (opportunity_id, product_description, price_per_unit, quantity) SELECT id, 'Service', 10, 3 FROM sample WHERE entity = 'opportunity' RETURNING opportunity_product_id)
INSERT INTO sample SELECT 'opportunity_product', opportunity_product_id FROM made;

-- An UPDATE that gives a column of the sample row another value, or the one it has.
CREATE FUNCTION pg_temp.rewrite(entity text, column_name text, to_other boolean) RETURNS text LANGUAGE sql AS $$
	SELECT format('UPDATE crm.%I SET %I = %s WHERE %I = %s', $1, $2,
			CASE WHEN NOT to_other THEN quote_ident($2)
				WHEN c.data_type IN ('bigint', 'integer', 'numeric') THEN format('coalesce(%I, 0) + 1', $2)
				WHEN c.data_type = 'boolean' THEN format('NOT %I', $2)
				WHEN c.data_type = 'text' THEN format('coalesce(%I, '''') || ''x''', $2)
				WHEN c.data_type = 'date' THEN quote_literal('2020-02-02')
				ELSE quote_literal('2020-02-02 12:00+00') END,
			$1 || '_id', s.id)
	FROM information_schema.columns AS c, sample AS s
	WHERE c.table_schema = 'crm' AND c.table_name = $1 AND c.column_name = $2 AND s.entity = $1
$$;

SELECT no_plan();

-- Births.
SELECT is(pg_temp.refusal(format(statement, first, 'A')), NULL, 'a new ' || entity || ' may say that it is ' || first) FROM birth;
SELECT is(pg_temp.refusal(format(statement, NULL, 'B')), NULL, 'a new ' || entity || ' with state NULL is ' || first) FROM birth;
SELECT pg_temp.refused(format(statement, state, 'C'), 'SC001', 'a new ' || entity || ' cannot be ' || state) FROM birth, unnest(others) AS state;
SELECT is(pg_temp.refusal(format(statement, 'nonsense', 'D')), 'SC001', 'a new ' || entity || ' cannot be nonsense') FROM birth;
SELECT is(pg_temp.refusal('INSERT INTO crm.activity (activity_type, subject, state) VALUES (''appointment'', ''Visit'', ''scheduled'')'), NULL, 'an appointment may be born scheduled');
SELECT pg_temp.refused(statement, 'SC001', 'only the calls write into ' || split_part(statement, ' ', 3))
  FROM (VALUES (format('INSERT INTO crm.payment (invoice_id, amount) SELECT id, 1 FROM sample WHERE entity = ''invoice''')),
		('INSERT INTO crm.opportunity_close (activity_id, opportunity_id, opportunity_state, opportunity_status_reason, actual_end_at) VALUES (1, 1, ''won'', ''won'', now())'),
		('INSERT INTO crm.quote_close (activity_id, quote_id, quote_number, revision_number, quote_state, quote_status_reason, actual_end_at) VALUES (1, 1, ''x'', 0, ''won'', ''won'', now())'),
		('INSERT INTO crm.order_close (activity_id, sales_order_id, order_state, order_status_reason, actual_end_at) VALUES (1, 1, ''x'', ''x'', now())')) AS direct (statement);
SELECT is(pg_temp.refusal(format('INSERT INTO crm.lead (last_name, status_reason) VALUES (''Lee'', %L)', reason)), code, 'a lead born for reason ' || coalesce(reason, 'NULL'))
  FROM (VALUES ('new', NULL), ('contacted', NULL), (NULL, NULL), ('lost', 'SC003'), ('qualified', 'SC003'), ('nonsense', 'SC003')) AS birth (reason, code);
SELECT pg_temp.refused('INSERT INTO crm.lead (last_name, status_reason) VALUES (''Lee'', ''lost'')', 'SC003', 'the refusal of a reason has detail and hint');
SELECT results_eq($$SELECT state, status_reason FROM crm.lead AS l JOIN sample AS s ON s.id = l.lead_id WHERE s.entity = 'lead'$$, $$VALUES ('open', 'new')$$, 'first state and default reason by themselves');

-- COPY is a writer like any other.
SELECT pg_temp.refused(format('COPY crm.lead (last_name, state, status_reason) FROM PROGRAM %L', 'printf ''Lee\topen\tnew\nKim\tqualified\tqualified\n'''), 'SC001', 'COPY of a row born closed');
SELECT is(pg_temp.refusal(format('COPY crm.lead (last_name, state, status_reason) FROM PROGRAM %L', 'printf ''Lee\topen\tnew\nKim\topen\tlost\n''')), 'SC003', 'COPY of a reason of another state');
SELECT is(pg_temp.refusal(format('COPY crm.lead (last_name, lead_source) FROM PROGRAM %L', 'printf ''Copied\tweb\nCopied\ttrade_show\n''')), NULL, 'COPY of open leads');
SELECT results_eq($$SELECT DISTINCT state, status_reason, full_name, currency_code, row_version, owner_id IS NOT NULL FROM crm.lead WHERE last_name = 'Copied'$$,
	$$VALUES ('open', 'new', 'Copied', 'USD', 1::bigint, true)$$, 'they are complete as any other');

-- Moves by hand.
SELECT is(pg_temp.refusal(format('UPDATE crm.%I SET state = %L WHERE %I = (SELECT max(%I) FROM crm.%I)', entity, state, entity || '_id', entity || '_id', entity)), 'SC001',
		entity || ' cannot be set ' || state || ' by hand')
  FROM birth, unnest(others) AS state WHERE entity IN ('lead', 'opportunity', 'quote', 'sales_order', 'invoice', 'product');
SELECT pg_temp.refused('UPDATE crm.lead SET state = ''qualified''', 'SC001', 'the refusal has detail and hint');
SELECT is(pg_temp.refusal(format('DO $do$BEGIN UPDATE crm.%1$I SET state = ''inactive'' WHERE %2$I = (SELECT max(%2$I) FROM crm.%1$I WHERE %2$I::text <> ''USD''); UPDATE crm.%1$I SET state = ''active'' WHERE state = ''inactive''; END$do$', entity,
		CASE entity WHEN 'currency' THEN 'currency_code' ELSE entity || '_id' END)), NULL, entity || ' goes inactive and active again by plain UPDATE')
  FROM birth WHERE first = 'active' AND entity NOT IN ('sales_order', 'invoice');
UPDATE crm.account SET state = 'inactive' WHERE account_id = :account_id;
SELECT results_eq(format('SELECT state, status_reason FROM crm.account WHERE account_id = %s', :account_id), $$VALUES ('inactive', 'inactive')$$, 'a plain UPDATE of state brings the default reason');
SELECT results_eq(format($$SELECT from_state, to_state, from_status_reason, to_status_reason FROM crm.status_history WHERE entity = 'account' AND record_id = %s$$, :account_id),
	$$VALUES ('active', 'inactive', 'active', 'inactive')$$, 'and is in status_history');
UPDATE crm.account SET state = 'active' WHERE account_id = :account_id;
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET status_reason = %L WHERE lead_id = (SELECT id FROM sample WHERE entity = ''lead'')', reason)), code, 'reason ' || reason || ' of an open lead')
  FROM (VALUES ('contacted', NULL), ('new', NULL), ('canceled', 'SC003'), ('nonsense', 'SC003')) AS reasons (reason, code);

-- Read-only rows. An activity may still be completed by plain UPDATE, and is closed then.
INSERT INTO crm.activity (activity_type, subject, regarding_entity, regarding_id) SELECT 'task', 'Write', entity, id FROM sample WHERE entity = 'lead' RETURNING activity_id \gset
UPDATE crm.activity SET state = 'completed' WHERE activity_id = :activity_id;
SELECT pg_temp.refused(format('UPDATE crm.activity SET subject = ''x'' WHERE activity_id = %s', :activity_id), 'SC002', 'a completed activity does not change');
SELECT is(pg_temp.refusal(format('UPDATE crm.activity SET state = ''open'' WHERE activity_id = %s', :activity_id)), 'SC001', 'nor open again by hand');
SELECT pg_temp.refused(format('DELETE FROM crm.activity WHERE activity_id = %s', :activity_id), 'SC002', 'nor go');
SELECT is(pg_temp.refusal('UPDATE crm.activity SET subject = subject WHERE activity_id = ' || :activity_id), NULL, 'the value it has may be written back');
SELECT pg_temp.lead_in('qualified') AS closed_id \gset
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET %I = %s WHERE lead_id = %s', column_name, CASE data_type WHEN 'text' THEN quote_literal('x') WHEN 'boolean' THEN format('NOT %I', column_name)
		WHEN 'date' THEN quote_literal('2020-02-02') WHEN 'timestamp with time zone' THEN quote_literal('2020-02-02') ELSE '77' END, :closed_id)) IN ('SC002', '428C9', '23503', 'SC001', 'SC003'), true, 'column ' || column_name || ' of a qualified lead does not change')
  FROM information_schema.columns WHERE table_schema = 'crm' AND table_name = 'lead' AND column_name NOT IN ('owner_id', 'description');
INSERT INTO crm.editable_when_closed (entity, column_name) VALUES ('lead', 'rating');
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET rating = ''hot'' WHERE lead_id = %s', :closed_id)), NULL, 'a row of editable_when_closed opens a column at once');
DELETE FROM crm.editable_when_closed WHERE entity = 'lead' AND column_name = 'rating';
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET rating = ''cold'' WHERE lead_id = %s', :closed_id)), 'SC002', 'and closes it when it goes');

-- Computed columns, keys and stamps: another value is refused, the one it has passes.
SELECT is(pg_temp.refusal(pg_temp.rewrite(entity, column_name, true)), '428C9', format('%s.%s cannot be changed', entity, column_name)) FROM computed, unnest(columns) AS column_name;
SELECT is(pg_temp.refusal(pg_temp.rewrite(entity, column_name, false)), NULL, format('%s.%s may be written back as it is', entity, column_name)) FROM computed, unnest(columns) AS column_name;
SELECT pg_temp.refused(pg_temp.rewrite('lead', 'row_version', true), '428C9', 'the refusal has detail and hint');
SELECT pg_temp.refused(pg_temp.rewrite('lead', 'lead_id', true), '428C9', 'a key never changes');
SELECT is(pg_temp.refusal(pg_temp.rewrite(entity, 'row_version', true)), '428C9', entity || '.row_version cannot be changed') FROM sample;

-- On INSERT they are overwritten.
INSERT INTO crm.lead (last_name, first_name, full_name, estimated_value, estimated_value_base, exchange_rate, created_at, modified_at, created_by, row_version)
VALUES ('Lee', 'Ann', 'Nobody', 100.005, 7, 9, '2001-01-01', '2001-01-01', 1, 55) RETURNING lead_id AS new_id \gset
SELECT results_eq(format('SELECT full_name, estimated_value, estimated_value_base, exchange_rate, created_at = now(), modified_at = now(), created_by, row_version FROM crm.lead WHERE lead_id = %s', :new_id),
	$$VALUES ('Ann Lee', 100.01::numeric, 100.01::numeric, 1::numeric, true, true, NULL::bigint, 1::bigint)$$, 'computed columns and stamps of a new lead are the database''s own');
INSERT INTO crm.opportunity (name, account_id, total_amount, total_tax, actual_value, actual_close_date, pricing_error)
VALUES ('Deal', :account_id, 5, 5, 5, '2020-02-02', 'detail_error') RETURNING opportunity_id AS new_id \gset
SELECT results_eq(format('SELECT total_amount, total_tax, actual_value, actual_close_date, pricing_error FROM crm.opportunity WHERE opportunity_id = %s', :new_id),
	$$VALUES (0::numeric, 0::numeric, NULL::numeric, NULL::date, 'none')$$, 'and of a new opportunity');

-- row_version counts.
SELECT id AS lead_id FROM sample WHERE entity = 'lead' \gset
SELECT row_version AS before FROM crm.lead WHERE lead_id = :lead_id \gset
UPDATE crm.lead SET subject = 'One' WHERE lead_id = :lead_id;
UPDATE crm.lead SET subject = 'Two' WHERE lead_id = :lead_id;
SELECT is((SELECT row_version FROM crm.lead WHERE lead_id = :lead_id), :before::bigint + 2, 'each UPDATE raises row_version by one');
WITH late AS (UPDATE crm.lead SET subject = 'Three' WHERE lead_id = :lead_id AND row_version = :before RETURNING 1) SELECT is(count(*), 0::bigint, 'a client that compares it sees that another was faster') FROM late;

-- Options.
SELECT pg_temp.refused('INSERT INTO crm.lead (last_name, lead_source) VALUES (''Lee'', ''nonsense'')', '23514', 'an unknown option value');
SELECT pg_temp.refused(format('UPDATE crm.lead SET rating = ''boiling'' WHERE lead_id = %s', :lead_id), '23514', 'by UPDATE too');
SELECT alike(pg_temp.words('INSERT INTO crm.lead (last_name, lead_source) VALUES (''Lee'', ''nonsense'')'), '%option_value%', 'the hint names the table');
INSERT INTO crm.option_value (entity, column_name, value, label) VALUES ('lead', 'lead_source', 'balloon', 'Balloon');
SELECT is(pg_temp.refusal('INSERT INTO crm.lead (last_name, lead_source) VALUES (''Option'', ''balloon'')'), NULL, 'a new value is a row');
UPDATE crm.option_value SET is_active = false WHERE value = 'balloon';
SELECT is(pg_temp.refusal('INSERT INTO crm.lead (last_name, lead_source) VALUES (''Lee'', ''balloon'')'), '23514', 'one that is not active any more is refused');
SELECT is(pg_temp.refusal('UPDATE crm.lead SET subject = ''kept'' WHERE last_name = ''Option'''), NULL, 'who has it keeps it');
SELECT is(pg_temp.refusal(format('INSERT INTO crm.lead (last_name, %I) VALUES (''Lee'', ''nonsense'')', column_name)), '23514', 'lead.' || column_name || ' is checked')
  FROM (SELECT DISTINCT column_name FROM crm.option_value WHERE entity = 'lead') AS options;
ALTER TABLE crm.lead ADD COLUMN favourite_colour text;
INSERT INTO crm.option_value (entity, column_name, value, label) VALUES ('lead', 'favourite_colour', 'blue', 'Blue');
SELECT is(pg_temp.refusal(format('INSERT INTO crm.lead (last_name, favourite_colour) VALUES (''Lee'', %L)', colour)), code, 'a column of one''s own becomes an option column by a row: ' || colour)
  FROM (VALUES ('blue', NULL), ('red', '23514')) AS tried (colour, code);

-- TRUNCATE would pass by everything.
SELECT is(pg_temp.refusal(format('TRUNCATE crm.%I CASCADE', relname)), 'SC002', 'TRUNCATE of ' || relname)
  FROM pg_catalog.pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r' AND relname NOT IN ('access_rule', 'activity_type', 'error_code', 'schema_version');
SELECT pg_temp.refused('TRUNCATE crm.lead CASCADE', 'SC002', 'the refusal has detail and hint');

-- A user's BEFORE trigger that sorts later changes the state after the guard decided.
CREATE FUNCTION pg_temp.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.subject = 'meddle with state' THEN NEW.state := 'qualified'; NEW.status_reason := 'qualified'; END IF;
	IF NEW.subject = 'meddle with reason' THEN NEW.status_reason := 'nonsense'; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER zz_meddle BEFORE INSERT OR UPDATE ON crm.lead FOR EACH ROW EXECUTE FUNCTION pg_temp.meddle();
SELECT pg_temp.refused('INSERT INTO crm.lead (last_name, subject) VALUES (''Lee'', ''meddle with state'')', 'SC001', 'a later BEFORE INSERT trigger cannot close a lead');
SELECT pg_temp.refused('INSERT INTO crm.lead (last_name, subject) VALUES (''Lee'', ''meddle with reason'')', 'SC001', 'nor give it an unknown reason');
SELECT pg_temp.refused(format('UPDATE crm.lead SET subject = ''meddle with state'' WHERE lead_id = %s', :lead_id), 'SC001', 'a later BEFORE UPDATE trigger cannot close it either');
SELECT pg_temp.refused(format('UPDATE crm.lead SET subject = ''meddle with reason'' WHERE lead_id = %s', :lead_id), 'SC001', 'nor give it an unknown reason');
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET subject = ''leave alone'' WHERE lead_id = %s', :lead_id)), NULL, 'a trigger that leaves the state alone is welcome');
SELECT pg_temp.new_lead() AS turned_id \gset
CREATE FUNCTION pg_temp.turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.state = 'qualified' THEN NEW.state := 'disqualified'; NEW.status_reason := 'lost'; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER zz_turn BEFORE UPDATE ON crm.lead FOR EACH ROW EXECUTE FUNCTION pg_temp.turn();
SELECT pg_temp.refused(format('SELECT sales_crm.qualify_lead(lead_id => %s)', :turned_id), 'SC001', 'nor can it turn the move of a call into another');
DROP TRIGGER zz_turn ON crm.lead;
DROP TRIGGER zz_meddle ON crm.lead;
SELECT is((SELECT state FROM crm.lead WHERE lead_id = :turned_id), 'open', 'the refused call left nothing');

-- A user's trigger that runs while a call is at work finds no open door.
SELECT pg_temp.new_lead() AS other_id, pg_temp.new_lead() AS worked_id \gset
CREATE FUNCTION pg_temp.sneak() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace(TG_ARGV[0], 'SELF', to_jsonb(NEW) ->> TG_ARGV[1]);
	RETURN NEW;
END $$;
-- What a trigger at some place tries, during qualify_lead of another lead: the call fails with the SQLSTATE, or the attempt is harmless.
CREATE FUNCTION pg_temp.sneaked(place text, attempt text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TRIGGER %s EXECUTE FUNCTION pg_temp.sneak(%L, %L)', place, attempt, CASE WHEN place LIKE '%crm.lead %' THEN 'lead_id' ELSE 'originating_lead_id' END);
	result := pg_temp.refusal(format('SELECT sales_crm.qualify_lead(lead_id => %s)', (SELECT max(lead_id) FROM crm.lead)));
	EXECUTE format('DROP TRIGGER %s ON %s', split_part(place, ' ', 1), substring(place FROM 'ON ([a-z_.]+)'));
	RETURN result;
END $$;
SELECT is(pg_temp.sneaked(place, replace(attempt, 'OTHER', :'other_id')), code, format('%s, trying %s', place, attempt))
  FROM (VALUES
	('aa_sneak BEFORE UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'' AND pg_trigger_depth() = 0)', 'UPDATE crm.lead SET state = ''qualified'' WHERE lead_id = OTHER', 'SC001'),
	('zz_sneak BEFORE UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'')', 'UPDATE crm.lead SET state = ''qualified'' WHERE lead_id = OTHER', 'SC001'),
	('aa_sneak AFTER UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'')', 'UPDATE crm.lead SET state = ''qualified'' WHERE lead_id = OTHER', 'SC001'),
	('zz_sneak AFTER UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'')', 'UPDATE crm.lead SET state = ''qualified'' WHERE lead_id = OTHER', 'SC001'),
	('zz_sneak AFTER INSERT ON crm.opportunity FOR EACH ROW', 'UPDATE crm.lead SET state = ''qualified'' WHERE lead_id = OTHER', 'SC001'),
	('zz_sneak AFTER INSERT ON crm.account FOR EACH ROW', 'UPDATE crm.lead SET state = ''qualified'' WHERE lead_id = OTHER', 'SC001'),
	('zz_sneak AFTER UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'')', 'UPDATE crm.lead SET state = ''open'' WHERE lead_id = SELF', 'SC001'),
	('zz_sneak AFTER UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'')', 'UPDATE crm.lead SET subject = ''x'' WHERE lead_id = SELF', 'SC002'),
	('aa_sneak AFTER UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'')', 'UPDATE crm.lead SET subject = ''x'' WHERE lead_id = SELF', 'SC002'),
	('aa_sneak BEFORE UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'' AND pg_trigger_depth() = 0)', 'UPDATE crm.lead SET state = ''qualified'', subject = ''x'' WHERE lead_id = SELF', 'SC001'),
	('zz_sneak AFTER INSERT ON crm.opportunity FOR EACH ROW', 'UPDATE crm.opportunity SET state = ''won'' WHERE originating_lead_id = SELF', 'SC001'),
	('zz_sneak AFTER INSERT ON crm.opportunity FOR EACH ROW', 'INSERT INTO crm.lead (last_name, state) VALUES (''x'', ''qualified'')', 'SC001'),
	('zz_sneak BEFORE INSERT ON crm.opportunity FOR EACH ROW', 'INSERT INTO crm.opportunity (opportunity_id, account_id, state) SELECT SELF + 1000000, max(account_id), ''won'' FROM crm.account', 'SC001'),
	('zz_sneak AFTER INSERT ON crm.opportunity FOR EACH ROW', 'SELECT sales_crm.disqualify_lead(lead_id => SELF)', 'SC001')
  ) AS tried (place, attempt, code);
SELECT results_eq(format('SELECT DISTINCT state FROM crm.lead WHERE lead_id IN (%s, %s)', :other_id, :worked_id), $$VALUES ('open')$$, 'none of them moved a lead');
SELECT is(pg_temp.sneaked('zz_sneak AFTER UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'')', format('SELECT sales_crm.disqualify_lead(lead_id => %s)', :other_id)), NULL, 'a trigger may make a call of its own on another record');
SELECT is((SELECT state FROM crm.lead WHERE lead_id = :other_id), 'disqualified', 'and that call works');
-- A trigger that takes the call's move for itself and drops the row of the call.
SELECT pg_temp.new_lead() AS kept_id, pg_temp.new_lead() AS robbed_id \gset
CREATE FUNCTION pg_temp.rob() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('UPDATE crm.lead SET state = ''qualified'', subject = ''robbed'' WHERE lead_id = %s', TG_ARGV[0]);
	RETURN NULL;
END $$;
CREATE FUNCTION pg_temp.robbed(victim bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE OR REPLACE TRIGGER aa_rob BEFORE UPDATE ON crm.lead FOR EACH ROW WHEN (NEW.state = ''qualified'' AND pg_trigger_depth() = 0) EXECUTE FUNCTION pg_temp.rob(%L)', victim);
END $$;
SELECT pg_temp.robbed(:kept_id) AS set_up \gset
SELECT is(pg_temp.refusal(format('SELECT sales_crm.qualify_lead(lead_id => %s)', :kept_id)), 'P0002', 'the call misses its row and fails');
SELECT pg_temp.robbed(:robbed_id) AS set_up \gset
SELECT isnt(pg_temp.outcome(format('SELECT string_agg(error_code, '' '') FROM sales_crm.qualify_leads(lead_ids => ARRAY[%s, %s])', :kept_id, :robbed_id)), NULL, 'also when it takes that of another lead of the list');
DROP TRIGGER aa_rob ON crm.lead;
SELECT is_empty('SELECT FROM crm.lead WHERE subject = ''robbed''', 'and nothing of it stays');
-- A ticket does not outlive a call that failed.
SELECT pg_temp.new_lead() AS failed_id \gset
CREATE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no'' USING ERRCODE = ''P7777''; END';
CREATE TRIGGER zz_fail BEFORE UPDATE ON crm.lead FOR EACH ROW EXECUTE FUNCTION pg_temp.fail();
SELECT is(pg_temp.refusal(format('SELECT sales_crm.qualify_lead(lead_id => %s)', :failed_id)), 'P7777', 'an error of a user''s trigger comes through as it is');
DROP TRIGGER zz_fail ON crm.lead;
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET state = ''qualified'', status_reason = ''qualified'' WHERE lead_id = %s', :failed_id)), 'SC001', 'afterwards the door is shut');

-- Migrated history comes in under import mode.
SELECT is(pg_temp.refusal('SET LOCAL sales_crm.import_mode = on', 'tap_writer'), '42501', 'not everybody may set import mode');
SELECT is(:'early'::text, 'off', 'nor by being earlier than the library');
GRANT SET ON PARAMETER sales_crm.import_mode TO tap_importer;
SELECT is(pg_temp.refusal('SET LOCAL sales_crm.import_mode = on', 'tap_importer'), NULL, 'who was granted it may');
SET LOCAL sales_crm.import_mode = on;
INSERT INTO crm.lead (last_name, state, created_at, modified_at, created_by, modified_by) SELECT 'Old', 'disqualified', '2001-01-01', '2002-02-02', owner_id, owner_id FROM crm.owner WHERE name = 'Other team' RETURNING lead_id AS old_id \gset
INSERT INTO crm.opportunity (name, account_id, state, status_reason, estimated_value, actual_value, actual_close_date, forecast_category, created_at)
VALUES ('Old deal', :account_id, 'lost', 'out_sold', 10, 0, '2002-02-02', 'lost', '2001-01-01') RETURNING opportunity_id AS old_deal_id \gset
SELECT is(pg_temp.refusal(statement), code, 'import mode: ' || statement)
  FROM (VALUES ('INSERT INTO crm.lead (last_name, state) VALUES (''Lee'', ''gone'')', 'SC003'),
		('INSERT INTO crm.lead (last_name, state, status_reason) VALUES (''Lee'', ''qualified'', ''lost'')', 'SC003'),
		('INSERT INTO crm.lead (last_name, lead_source) VALUES (''Lee'', ''nonsense'')', '23514'),
		('INSERT INTO crm.lead (subject) VALUES (''nobody'')', '23514'),
		('INSERT INTO crm.opportunity (name) VALUES (''nobody'')', 'SC006'),
		('UPDATE crm.lead SET lead_id = -1 WHERE last_name = ''Old''', '428C9'),
		('UPDATE crm.lead SET subject = ''repaired'', modified_at = ''2003-03-03'' WHERE last_name = ''Old''', NULL)) AS tried (statement, code);
SET LOCAL sales_crm.import_mode = off;
SELECT results_eq(format($$SELECT state, status_reason, created_at, modified_at, created_by IS NOT NULL, subject FROM crm.lead WHERE lead_id = %s$$, :old_id),
	$$VALUES ('disqualified', 'lost', '2001-01-01 00:00+00'::timestamptz, '2003-03-03 00:00+00'::timestamptz, true, 'repaired')$$, 'closed rows and past stamps come in as they are');
SELECT results_eq(format('SELECT state, status_reason, actual_value, actual_close_date FROM crm.opportunity WHERE opportunity_id = %s', :old_deal_id),
	$$VALUES ('lost', 'out_sold', 0::numeric, '2002-02-02'::date)$$, 'with their computed columns');
SELECT is(pg_temp.refusal(format('UPDATE crm.lead SET subject = ''x'' WHERE lead_id = %s', :old_id)), 'SC002', 'afterwards they are read-only as any other');
SELECT is(pg_temp.outcome(format('SELECT state FROM sales_crm.reopen_lead(lead_id => %s)', :old_id)), 'open', 'and the calls work on them');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
