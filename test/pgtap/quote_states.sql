-- Every state of a quote against every call and every way to write it: the state it reaches, or the refusal (D§2.1, D§3.5).
BEGIN;
\ir ../lib/documents.sql
SELECT plan(263);

SELECT count(quote_in(s)) FROM unnest('{draft,active,won,ordered,lost,canceled,revised}'::text[]) AS s \gset

CREATE TABLE tap.expected (statement text, draft text, active text, won text, ordered text, lost text, canceled text, revised text);
INSERT INTO tap.expected VALUES
	('SELECT sales_crm.activate_quote(quote_id => %s)',
		'active/in_progress', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.win_quote(quote_id => %s)',
		'SC001', 'won/won', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.close_quote(quote_id => %s)',
		'SC001', 'closed/lost', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.close_quote(quote_id => %s, status_reason => NULL)',
		'SC001', 'closed/lost', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.close_quote(quote_id => %s, status_reason => ''canceled'')',
		'SC001', 'closed/canceled', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.close_quote(quote_id => %s, status_reason => ''revised'')',
		'SC001', 'closed/revised', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.close_quote(quote_id => %s, status_reason => ''won'')',
		'SC001', 'SC003', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.revise_quote(quote_id => %s)',
		'SC001', 'closed/revised', 'SC001', 'SC001', 'closed/lost', 'closed/canceled', 'SC011'),
	('SELECT sales_crm.accept_quote(quote_id => %s)',
		'SC001', 'won/won', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.create_order_from_quote(quote_id => %s)',
		'SC001', 'SC001', 'won/won', 'SC011', 'SC001', 'SC001', 'SC001'),
	('SELECT sales_crm.expire_quotes() -- %s',
		'draft/in_progress', 'active/in_progress', 'won/won', 'won/won', 'closed/lost', 'closed/canceled', 'closed/revised'),
	('UPDATE quote SET state = ''draft'' WHERE quote_id = %s',
		'draft/in_progress', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('UPDATE quote SET state = ''active'' WHERE quote_id = %s',
		'SC001', 'active/in_progress', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('UPDATE quote SET state = ''won'', status_reason = ''won'' WHERE quote_id = %s',
		'SC001', 'SC001', 'won/won', 'won/won', 'SC001', 'SC001', 'SC001'),
	('UPDATE quote SET state = ''closed'', status_reason = ''lost'' WHERE quote_id = %s',
		'SC001', 'SC001', 'SC001', 'SC001', 'closed/lost', 'SC002', 'SC002'),
	('UPDATE quote SET state = ''open'' WHERE quote_id = %s',
		'SC001', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('UPDATE quote SET state = NULL WHERE quote_id = %s',
		'SC001', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001', 'SC001'),
	('UPDATE quote SET status_reason = ''lost'' WHERE quote_id = %s',
		'SC003', 'SC003', 'SC003', 'SC003', 'closed/lost', 'SC002', 'SC002'),
	('UPDATE quote SET status_reason = ''nonsense'' WHERE quote_id = %s',
		'SC003', 'SC003', 'SC003', 'SC003', 'SC003', 'SC003', 'SC003'),
	('UPDATE quote SET name = ''Another'' WHERE quote_id = %s',
		'draft/in_progress', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE quote SET discount_percentage = 5 WHERE quote_id = %s',
		'draft/in_progress', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE quote SET effective_to = effective_to + 1 WHERE quote_id = %s',
		'draft/in_progress', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE quote SET description = ''Seen'' WHERE quote_id = %s',
		'draft/in_progress', 'active/in_progress', 'won/won', 'won/won', 'closed/lost', 'closed/canceled', 'closed/revised'),
	('UPDATE quote SET name = name, total_amount = total_amount, row_version = row_version WHERE quote_id = %s',
		'draft/in_progress', 'active/in_progress', 'won/won', 'won/won', 'closed/lost', 'closed/canceled', 'closed/revised'),
	('UPDATE quote SET total_amount = 1 WHERE quote_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE quote SET revision_number = 7 WHERE quote_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE quote SET closed_on = ''2020-01-01'' WHERE quote_id = %s',
		'428C9', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('DELETE FROM quote WHERE quote_id = %s',
		'gone', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('INSERT INTO quote_product (quote_id, product_description, price_per_unit) VALUES (%s, ''More'', 1)',
		'draft/in_progress', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('INSERT INTO quote_product (quote_id, line_kind, description) VALUES (%s, ''note'', ''A note costs nothing'')',
		'draft/in_progress', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE quote_product SET quantity = 3 WHERE quote_id = %s',
		'draft/in_progress', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('UPDATE quote_product SET description = ''Words only'' WHERE quote_id = %s',
		'draft/in_progress', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002', 'SC002'),
	('DELETE FROM quote_product WHERE quote_id = %s',	-- a line that was ordered is held by its key first
		'draft/in_progress', 'SC002', 'SC002', '23503', 'SC002', 'SC002', 'SC002');

SELECT is(outcome('quote', id(cell.key), e.statement), cell.value, cell.key || ': ' || e.statement)
FROM tap.expected AS e, LATERAL jsonb_each_text(to_jsonb(e) - 'statement') AS cell;

-- Births.
SELECT is(outcome('quote', 999999999, format('INSERT INTO quote (quote_id, account_id, state, status_reason) VALUES (%%s, id(''Contoso''), %L, %L)', b.state, b.reason)), b.expected,
          format('a quote born %s/%s', b.state, b.reason))
FROM (VALUES ('draft', 'in_progress', 'draft/in_progress'), ('active', 'in_progress', 'SC001'), ('won', 'won', 'SC001'), ('closed', 'lost', 'SC001'),
             ('draft', 'lost', 'SC003'), ('nonsense', 'in_progress', 'SC001')) AS b (state, reason, expected);

-- Keys that are not there, and none.
SELECT refused(format('SELECT * FROM sales_crm.%I(quote_id => %s)', f, a.argument), a.expected, format('%s(%s)', f, a.argument))
FROM unnest('{activate_quote,win_quote,close_quote,revise_quote,accept_quote,create_order_from_quote}'::text[]) AS f,
     (VALUES ('-1', 'P0002'), ('NULL', '22004')) AS a (argument, expected);
SELECT refused(format('SELECT * FROM sales_crm.%I(opportunity_id => %s)', f, a.argument), a.expected, format('%s(%s)', f, a.argument))
FROM unnest('{create_quote_from_opportunity,create_order_from_opportunity,create_invoice_from_opportunity}'::text[]) AS f,
     (VALUES ('-1', 'P0002'), ('NULL', '22004')) AS a (argument, expected);

-- The refusals tell what, why and the way out.
SELECT refused(format('SELECT sales_crm.activate_quote(quote_id => %s)', id('active')), 'SC001', 'activating twice');
SELECT refused(format('UPDATE quote SET state = %L WHERE quote_id = %s', 'won', id('active')), 'SC001', 'a state set by hand');
SELECT refused(format('UPDATE quote SET name = %L WHERE quote_id = %s', 'x', id('active')), 'SC002', 'an active quote edited');
SELECT refused(format('DELETE FROM quote WHERE quote_id = %s', id('won')), 'SC002', 'a won quote deleted');
SELECT refused(format('DELETE FROM quote_product WHERE quote_id = %s', id('won')), 'SC002', 'a line of a won quote deleted');
SELECT refused(format('SELECT sales_crm.close_quote(quote_id => %s, status_reason => %L)', id('active'), 'x'), 'SC003', 'an unknown reason');
SELECT refused(format('SELECT sales_crm.revise_quote(quote_id => %s)', id('revised')), 'SC011', 'a second open revision');

SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all invariants hold');
SELECT finish();
ROLLBACK;
