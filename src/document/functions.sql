CREATE FUNCTION create_quote_from_opportunity(opportunity_id bigint, OUT quote_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_quote_opportunity';
COMMENT ON FUNCTION create_quote_from_opportunity(bigint) IS 'Makes a draft quote from an opportunity, open or closed: header and lines by column_map, addresses of the customer; returns its key. Errors: 22004, P0002. Rule: D§3.4.';

CREATE FUNCTION create_order_from_opportunity(opportunity_id bigint, OUT sales_order_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_order_opportunity';
COMMENT ON FUNCTION create_order_from_opportunity(bigint) IS 'Makes an active order with locked prices from an opportunity, without a quote, and returns its key. Errors: 22004, P0002. Rule: D§3.4.';

CREATE FUNCTION create_invoice_from_opportunity(opportunity_id bigint, OUT invoice_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_invoice_opportunity';
COMMENT ON FUNCTION create_invoice_from_opportunity(bigint) IS 'Makes an active invoice with locked prices from an opportunity, without an order, and returns its key. Errors: 22004, P0002. Rule: D§3.4.';

CREATE FUNCTION activate_quote(quote_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_activate_quote';
COMMENT ON FUNCTION activate_quote(bigint) IS 'Offers a draft quote: it becomes active and read-only, as the customer has it; returns its state. Errors: 22004, P0002, SC001 not a draft, SC005 a line has no price, SC013 validity over. Rule: D§3.5.';

CREATE FUNCTION win_quote(quote_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_win_quote';
COMMENT ON FUNCTION win_quote(bigint) IS 'Closes an active quote as won, with a closing activity; the opportunity is not touched; returns its state. Errors: 22004, P0002, SC001 not active. Rule: D§3.5.';

CREATE FUNCTION close_quote(
    quote_id bigint,
    status_reason text DEFAULT 'lost',
    description text DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'document_close_quote';
COMMENT ON FUNCTION close_quote(bigint, text, text) IS 'Closes an active quote (status_reason lost, canceled or revised) with a closing activity; returns its state. A draft is deleted instead. Errors: 22004, P0002, SC001 not active, SC003 reason. Rule: D§3.5.';

CREATE FUNCTION revise_quote(quote_id bigint, OUT quote_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_revise_quote';
COMMENT ON FUNCTION revise_quote(bigint) IS 'Makes the next revision of an active or closed quote: a draft with the same number, the highest revision plus one, and all lines; an active one is closed as revised. Returns the new key. Errors: 22004, P0002, SC001 draft or won, SC011 another revision is open. Rule: D§3.5.';

CREATE FUNCTION accept_quote(
    quote_id bigint,
    close_opportunity boolean DEFAULT true,
    close_other_quotes boolean DEFAULT true,
    quote_product_ids bigint[] DEFAULT NULL,
    OUT sales_order_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'document_accept_quote';
COMMENT ON FUNCTION accept_quote(bigint, boolean, boolean, bigint[]) IS 'The customer accepts an active quote: it is won, an order with locked prices is made, the other open quotes of the opportunity are closed as canceled, and an open opportunity is won with the order''s total. quote_product_ids: optional or alternative lines the customer takes; an alternative with alternative_to_id takes that line''s place. Returns the key of the order. Errors: 22004, P0002, 22023 a line that cannot be chosen or two alternatives of one line, SC001 not active, SC004 other open quotes while close_other_quotes is false, SC013 validity over. Rule: D§3.5, the process description.';

CREATE FUNCTION create_order_from_quote(quote_id bigint, OUT sales_order_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_order_quote';
COMMENT ON FUNCTION create_order_from_quote(bigint) IS 'Makes the order of a won quote, with locked prices, and returns its key. Errors: 22004, P0002, SC001 not won, SC011 it has a live order. Rule: D§3.5.';

CREATE FUNCTION expire_quotes(OUT count bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_expire_quotes';
COMMENT ON FUNCTION expire_quotes() IS 'Closes as canceled every draft and active quote whose effective_to is before today in the organization''s time zone, and returns how many. Call it once a day.';

CREATE FUNCTION submit_order(sales_order_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_submit_order';
COMMENT ON FUNCTION submit_order(bigint) IS 'Hands an active order to fulfilment: it becomes submitted and read-only; returns its state. Errors: 22004, P0002, SC001 not active, SC005 a line has no price, SC018 the customer is on credit hold or over his credit limit. Rule: D§3.6.';

CREATE FUNCTION fulfill_order(
    sales_order_id bigint,
    status_reason text DEFAULT 'complete',
    create_invoice boolean DEFAULT true,
    OUT invoice_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'document_fulfill_order';
COMMENT ON FUNCTION fulfill_order(bigint, text, boolean) IS 'Completes an active or submitted order (status_reason complete or partial) with a closing activity, and invoices what is not yet invoiced; returns the key of the invoice, NULL when there is nothing to invoice or create_invoice is false. The order ends fulfilled, or invoiced with the setting mark_order_invoiced. Errors: 22004, P0002, SC001 state, SC003 reason, SC005 a line has no price, SC018 an order not submitted before whose customer is on credit hold or over his credit limit. Rule: D§3.6, the process description.';

CREATE FUNCTION cancel_order(sales_order_id bigint, description text DEFAULT NULL, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_cancel_order';
COMMENT ON FUNCTION cancel_order(bigint, text) IS 'Cancels an active, submitted or fulfilled order for good, with a closing activity; returns its state. Errors: 22004, P0002, SC001 state, SC011 it has a live invoice. Rule: D§3.6.';

CREATE FUNCTION create_invoice_from_order(sales_order_id bigint, OUT invoice_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_invoice_order';
COMMENT ON FUNCTION create_invoice_from_order(bigint) IS 'Invoices what is not yet invoiced of an active, fulfilled or invoiced order, with locked prices, and returns the key of the invoice. The state of the order stays, unless the setting mark_order_invoiced moves a fulfilled one on. Errors: 22004, P0002, SC001 state, SC005 a line has no price, SC011 nothing left. Rule: D§3.6.';

CREATE FUNCTION lock_order_pricing(sales_order_id bigint, OUT is_price_locked boolean)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_lock_order';
COMMENT ON FUNCTION lock_order_pricing(bigint) IS 'Keeps the prices of an active order as they are when the catalogue changes; returns true. Errors: 22004, P0002, SC002 read-only. Rule: D§3.8.';

CREATE FUNCTION unlock_order_pricing(sales_order_id bigint, OUT is_price_locked boolean)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_unlock_order';
COMMENT ON FUNCTION unlock_order_pricing(bigint) IS 'Lets an active order follow the catalogue and prices it anew at once; overridden prices and write-ins stay; returns false. Errors: 22004, P0002, SC002 read-only. Rule: D§3.8.';

CREATE FUNCTION lock_invoice_pricing(invoice_id bigint, OUT is_price_locked boolean)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_lock_invoice';
COMMENT ON FUNCTION lock_invoice_pricing(bigint) IS 'Keeps the prices of an active invoice as they are when the catalogue changes; returns true. Errors: 22004, P0002, SC002 read-only. Rule: D§3.8.';

CREATE FUNCTION unlock_invoice_pricing(invoice_id bigint, OUT is_price_locked boolean)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_unlock_invoice';
COMMENT ON FUNCTION unlock_invoice_pricing(bigint) IS 'Lets an active invoice follow the catalogue and prices it anew at once; overridden prices and write-ins stay; returns false. Errors: 22004, P0002, SC002 read-only. Rule: D§3.8.';

CREATE FUNCTION pay_invoice(
    invoice_id bigint,
    amount numeric DEFAULT NULL,
    payment_date date DEFAULT NULL,
    reference text DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'document_pay_invoice';
COMMENT ON FUNCTION pay_invoice(bigint, numeric, date, text) IS 'Takes a payment on an active or partly paid invoice and returns its state, paid. amount: in the invoice''s currency, default all that is open; a part makes it paid/partial, the rest paid/complete. payment_date: default today. Up to early_payment_date what is open less early_payment_percentage of the total settles the invoice, and is the default. Errors: 22004, P0002, SC001 canceled or fully paid, SC010 more than is open. Rule: D§3.7.';

CREATE FUNCTION cancel_payment(payment_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_cancel_payment';
COMMENT ON FUNCTION cancel_payment(bigint) IS 'Takes a payment back and returns the state of its invoice: paid (partial) while others remain, else active. What an early payment saved is open again. Errors: 22004, P0002, SC001 canceled already.';

CREATE FUNCTION cancel_invoice(invoice_id bigint, description text DEFAULT NULL, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_cancel_invoice';
COMMENT ON FUNCTION cancel_invoice(bigint, text) IS 'Cancels an invoice that has no payments; its order can be invoiced again (one marked invoiced is fulfilled again); returns its state. Errors: 22004, P0002, SC001 canceled already, SC011 it has payments. Rule: D§3.7.';

CREATE FUNCTION count_invoiced() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_count_invoiced';
COMMENT ON FUNCTION count_invoiced() IS 'Trigger, AFTER each statement on invoice_product with transition tables: keeps quantity_invoiced of the order lines, never more than ordered (SC010).';

CREATE FUNCTION recount_invoice() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_recount_invoice';
COMMENT ON FUNCTION recount_invoice() IS 'Trigger, AFTER each row of invoice whose invoice_type changes: only invoices of type invoice count for quantity_invoiced of their order lines.';

CREATE FUNCTION offer_terms() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_offer_terms';
COMMENT ON FUNCTION offer_terms() IS 'Trigger, AFTER each row of payment_term: keeps the option values of the payment_terms columns in step with it.';

CREATE FUNCTION void_numbers() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_void_numbers';
COMMENT ON FUNCTION void_numbers() IS 'Trigger, AFTER DELETE of each statement on quote, sales_order and invoice with the old rows: records deleted numbers of gapless series in number_void. Rule: D§8.2.';

CREATE FUNCTION compare_quotes(
    a bigint,
    b bigint,
    OUT part text,
    OUT line_number integer,
    OUT item text,
    OUT column_name text,
    OUT a_value text,
    OUT b_value text,
    OUT difference numeric
) RETURNS SETOF record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'document_compare_quotes';
COMMENT ON FUNCTION compare_quotes(bigint, bigint) IS 'What differs between two quotes, such as two revisions: a row for each column of the header (part header) and of the lines (part line), with both values and, for numbers, b less a. Lines are matched by kind, product and unit or text of a write-in, then by their order; one that only one quote has is a row with column_name removed or added and its extended_amount. Keys, stamps, states and sums of sums are left out; equal quotes give no row. Errors: 22004, P0002.';

CREATE FUNCTION check_alternative() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_check_alternative';
COMMENT ON FUNCTION check_alternative() IS 'Trigger, AFTER each row of quote_product that stands in for another line or changes kind: only alternative lines do so, for standard lines of their own quote (23514).';
