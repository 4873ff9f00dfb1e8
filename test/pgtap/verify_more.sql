-- verify() finds rates that do not fit the base currency, deals won with open quotes, orders billed beyond their total, series behind their documents.
BEGIN;
SELECT plan(12);
SET LOCAL search_path = crm, public;

CREATE FUNCTION pg_temp.found(wanted text) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(entity || ' ' || detail, '; ' ORDER BY entity, detail) FROM sales_crm.verify() WHERE check_name = wanted $$;
CREATE FUNCTION pg_temp.broken(statement text, wanted text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    BEGIN
        SET LOCAL session_replication_role = replica;
        EXECUTE statement;
        SET LOCAL session_replication_role = origin;
        detail := pg_temp.found(wanted);
        RAISE EXCEPTION SQLSTATE 'P0003';
    EXCEPTION WHEN SQLSTATE 'P0003' THEN
        RETURN detail;
    END;
END $$;

INSERT INTO currency (currency_code, name, decimals, exchange_rate) VALUES ('EUR', 'Euro', 2, 0.5), ('PAR', 'As good as the dollar', 2, 1);
INSERT INTO account (name) VALUES ('Contoso');
INSERT INTO opportunity (name, account_id) SELECT 'Deal', max(account_id) FROM account;
INSERT INTO opportunity (name, account_id, currency_code) SELECT 'In parity', max(account_id), 'PAR' FROM account;
INSERT INTO quote (name, account_id, opportunity_id) SELECT 'Offer', account_id, opportunity_id FROM opportunity WHERE name = 'Deal';
INSERT INTO quote_product (quote_id, product_description, price_per_unit, quantity) SELECT max(quote_id), 'thing', 10, 10 FROM quote;
DO $$ BEGIN
    PERFORM sales_crm.activate_quote((SELECT max(quote_id) FROM crm.quote));
    PERFORM sales_crm.accept_quote((SELECT max(quote_id) FROM crm.quote));
    PERFORM sales_crm.create_invoice_from_order((SELECT max(sales_order_id) FROM crm.sales_order));
END $$;
SELECT is_empty('SELECT * FROM sales_crm.verify()', 'all is well');

SELECT matches(pg_temp.broken($$UPDATE opportunity SET exchange_rate = 2 WHERE name = 'Deal'$$, 'rate_of_base'), '^opportunity in USD at a rate of 2', 'a rate other than 1 in the base currency');
SELECT matches(pg_temp.broken($$UPDATE opportunity SET currency_code = 'EUR' WHERE name = 'Deal'$$, 'rate_of_base'), '^opportunity in EUR at a rate of 1', 'a rate of 1 in a currency that never had it');
SELECT matches(pg_temp.broken($$UPDATE quote SET exchange_rate = 2$$, 'rate_of_base'), '^quote in USD at a rate of 2', 'of quotes too');
SELECT is(pg_temp.found('rate_of_base'), NULL, 'a currency at par is right');
SELECT matches(pg_temp.broken($$UPDATE quote SET state = 'draft', status_reason = 'in_progress', modified_at = now() - '2 days'::interval WHERE opportunity_id IS NOT NULL$$, 'won_with_open_quotes'),
               '^opportunity won, but quote QUO-\d+ revision 0 is draft$', 'a deal that is won with an open quote');
SELECT is(pg_temp.broken($$UPDATE quote SET state = 'draft', status_reason = 'in_progress' WHERE opportunity_id IS NOT NULL$$, 'won_with_open_quotes'),
          NULL, 'quotes may be made of it later');
SELECT matches(pg_temp.broken($$UPDATE invoice SET total_amount = 150$$, 'billed_beyond_total'), '^sales_order total 100.0000, its invoices come to 150.0000', 'an order billed beyond its total');
SELECT is(pg_temp.broken($$UPDATE invoice SET total_amount = 50$$, 'billed_beyond_total'), NULL, 'less is another matter');
SELECT matches(pg_temp.broken($$UPDATE quote SET quote_number = 'QUO-99999'$$, 'series_behind'), '^number_series series quote goes on after \d+, a document has 99999$', 'a series behind its documents');
SELECT is(pg_temp.broken($$UPDATE quote SET quote_number = 'QUO-99999x'$$, 'series_behind'), NULL, 'what is no number of it does not count');
SELECT matches(pg_temp.broken($$UPDATE number_series SET is_gapless = true, last_number = 5 WHERE series = 'order'$$, 'series_behind'), '^number_series series order goes on after 5', 'a gapless one');

SELECT * FROM finish();
ROLLBACK;
