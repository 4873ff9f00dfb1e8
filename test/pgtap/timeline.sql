-- The timeline of a record: what belongs to it, newest first, page by page, by indexes alone (D§6.4).
BEGIN;
\ir ../lib/documents.sql
SELECT no_plan();

CREATE FUNCTION tap.about(entity text, record bigint, what text, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id, scheduled_end_at) VALUES ('task', what, entity, record, at) RETURNING activity_id
$$;
CREATE FUNCTION tap.subjects(entity text, record bigint) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(subject, ', ' ORDER BY occurred_at DESC, entry_id DESC) FROM sales_crm.timeline(entity => entity, id => record) WHERE kind IN ('task', 'note')$$;

-- A lead that becomes a deal of a new account, with a quote, an order and an invoice: one thing to do for each.
SELECT remember('lead', nextval(pg_get_serial_sequence('crm.lead', 'lead_id'))) \gset
INSERT INTO lead (lead_id, subject, company_name, last_name) VALUES (id('lead'), 'Chairs', 'Northwind', 'Moon');
SELECT remember('account', account_id), remember('contact', contact_id), remember('deal', opportunity_id) FROM sales_crm.qualify_lead(lead_id => id('lead')) \gset
INSERT INTO opportunity_product (opportunity_id, product_description, price_per_unit) VALUES (id('deal'), 'Work', 100);
SELECT remember('quote', quote_id) FROM sales_crm.create_quote_from_opportunity(opportunity_id => id('deal')) \gset
SELECT state FROM sales_crm.activate_quote(quote_id => id('quote')) \gset
SELECT remember('order', sales_order_id) FROM sales_crm.accept_quote(quote_id => id('quote')) \gset
SELECT remember('invoice', invoice_id) FROM sales_crm.fulfill_order(sales_order_id => id('order')) \gset
SELECT count(about(entity, id(name), name, '2030-01-01'::timestamptz + place * '1 day'::interval)) FROM (VALUES
	(1, 'lead', 'lead'), (2, 'account', 'account'), (3, 'contact', 'contact'), (4, 'opportunity', 'deal'), (5, 'quote', 'quote'), (6, 'sales_order', 'order'), (7, 'invoice', 'invoice'), (8, 'account', 'Contoso')) AS t (place, entity, name) \gset
INSERT INTO note (regarding_entity, regarding_id, subject) VALUES ('opportunity', id('deal'), 'note');

SELECT is(subjects('account', id('account')), 'invoice, order, quote, deal, contact, account, lead, note', 'an account with all that belongs to it');
SELECT is(subjects('contact', id('contact')), 'invoice, order, quote, deal, contact, lead, note', 'a contact with his deals');
SELECT is(subjects('lead', id('lead')), 'invoice, order, quote, deal, lead, note', 'a lead and what became of it');
SELECT is(subjects('opportunity', id('deal')), 'invoice, order, quote, deal, lead, note', 'a deal with its lead and its documents');
SELECT is(subjects('quote', id('quote')), 'quote', 'a quote alone');
SELECT is(subjects('account', id('Contoso')), 'Contoso', 'another account has its own');
SELECT is((SELECT string_agg(kind, ', ' ORDER BY kind) FROM sales_crm.timeline(entity => 'opportunity', id => id('deal')) WHERE kind LIKE '%\_close'), 'opportunity_close, order_close, quote_close', 'closings are part of the story');
SELECT results_eq(format($$SELECT kind, note_id IS NOT NULL, activity_id, state, regarding_entity, regarding_id FROM sales_crm.timeline(entity => 'opportunity', id => %s) WHERE kind = 'note'$$, id('deal')),
	format($$VALUES ('note', true, NULL::bigint, NULL::text, 'opportunity', %s::bigint)$$, id('deal')), 'a note in it');

-- Whoever takes part has it in his timeline.
SELECT remember('meeting', about('account', id('Contoso'), 'meeting', '2031-01-01')) \gset
INSERT INTO activity_party (activity_id, participation_type, entity, record_id) VALUES (id('meeting'), 'to', 'contact', id('contact'));
SELECT is(split_part(subjects('contact', id('contact')), ', ', 1), 'meeting', 'a contact takes part in a meeting about somebody else');

INSERT INTO activity_party (activity_id, participation_type, entity, record_id) VALUES (id('meeting'), 'cc', 'account', id('account'));
SELECT is(split_part(subjects('account', id('account')), ', ', 1), 'meeting', 'and so has an account');

-- Pages: every entry once, also where many stand at one moment.
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id, scheduled_end_at) SELECT 'task', 'n' || n, 'account', id('Contoso'), '2030-06-01'::timestamptz + n / 10 * '1 hour'::interval FROM generate_series(1, 95) AS n;
INSERT INTO note (regarding_entity, regarding_id, subject) SELECT 'account', id('Contoso'), 'm' || n FROM generate_series(1, 20) AS n;
CREATE FUNCTION tap.pages(record bigint, length integer) RETURNS TABLE (place bigint, entry_id bigint, occurred_at timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	last record;
	n bigint := 0;
	found_some boolean := true;
	at timestamptz;
	entry bigint;
BEGIN
	WHILE found_some LOOP
		found_some := false;
		FOR last IN SELECT t.occurred_at, t.entry_id FROM sales_crm.timeline(entity => 'account', id => record, before_at => at, before_entry_id => entry, "limit" => length) AS t LOOP
			n := n + 1;
			found_some := true;
			RETURN QUERY SELECT n, last.entry_id, last.occurred_at;
		END LOOP;
		at := last.occurred_at;
		entry := last.entry_id;
	END LOOP;
END $$;
SELECT is((SELECT array_agg(entry_id ORDER BY place) FROM pages(id('Contoso'), length)),
	(SELECT array_agg(entry_id) FROM sales_crm.timeline(entity => 'account', id => id('Contoso'), "limit" => 1000)), format('pages of %s give every entry once, in order', length)) FROM unnest('{1,7,50,1000}'::integer[]) AS length;
SELECT is((SELECT count(*) FROM sales_crm.timeline(entity => 'account', id => id('Contoso'))), 50::bigint, 'a page has 50 rows unless asked otherwise');
SELECT is_empty(format('SELECT * FROM sales_crm.timeline(entity => ''account'', id => %s, "limit" => 0)', id('Contoso')), 'or none');

-- What is refused.
SELECT refused(format('SELECT * FROM sales_crm.timeline(%s)', arguments), code, arguments) FROM (VALUES
	('entity => NULL, id => 1', '22004'), ('entity => ''lead'', id => NULL', '22004'), ('entity => ''lead'', id => -1', 'P0002'), ('entity => ''nonsense'', id => 1', '42704'),
	('entity => ''account'', id => (SELECT min(account_id) FROM crm.account), "limit" => -1', '22023')) AS t (arguments, code);

-- Many activities of others: what is read grows with the page and the record, not with the table.
INSERT INTO activity (activity_type, subject, regarding_entity, regarding_id, scheduled_end_at, owner_id)
SELECT 'task', 't', 'account', id('Contoso'), '2020-01-01'::timestamptz + n * '1 minute'::interval, (SELECT min(owner_id) FROM owner) FROM generate_series(1, 20000) AS n;
ANALYZE activity;    -- else the plan hangs on when autovacuum last looked at the table, which is empty but for this transaction
CREATE FUNCTION tap.blocks_read(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ' || statement INTO plan;
	RETURN (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
END $$;
SELECT count(*) FROM sales_crm.timeline(entity => 'account', id => id('Contoso')) \gset
SELECT cmp_ok(blocks_read(format('SELECT * FROM sales_crm.timeline(entity => ''account'', id => %s)', id('Contoso'))), '<', 400::bigint, 'a page of an account with 20,000 activities reads few blocks');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'verify() finds nothing');
SELECT lives_ok($$SELECT t.* FROM (SELECT max(account_id) AS id FROM crm.account) AS newest, LATERAL sales_crm.timeline(entity => 'account', id => newest.id, before_at => now(), before_entry_id => 9223372036854775807) AS t$$, 'the largest key is a place in a timeline too');
SELECT * FROM finish();
ROLLBACK;
