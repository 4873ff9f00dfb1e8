CREATE FUNCTION create_quote_from_opportunity(opportunity_id bigint, OUT quote_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_quote_opportunity';
COMMENT ON FUNCTION create_quote_from_opportunity(bigint) IS 'Makes a draft quote from an opportunity, open or closed: header and lines by column_map, addresses of the customer; returns its key. Errors: 22004, P0002. Rule: D§3.4.';

CREATE FUNCTION create_order_from_opportunity(opportunity_id bigint, OUT sales_order_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_order_opportunity';
COMMENT ON FUNCTION create_order_from_opportunity(bigint) IS 'Makes an active order with locked prices from an opportunity, without a quote, and returns its key. Errors: 22004, P0002. Rule: D§3.4.';

CREATE FUNCTION create_invoice_from_opportunity(opportunity_id bigint, OUT invoice_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_invoice_opportunity';
COMMENT ON FUNCTION create_invoice_from_opportunity(bigint) IS 'Makes an active invoice with locked prices from an opportunity, without an order, and returns its key; a credit note where it comes to less than nothing. Errors: 22004, P0002. Rule: D§3.4.';

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
COMMENT ON FUNCTION revise_quote(bigint) IS 'Makes the next revision of an active or closed quote: a draft with the same number, the highest revision plus one, and all lines; an active one is closed as revised. Returns the new key. Errors: 22004, P0002, SC001 draft or won, SC011 another revision is open, 40001 the quote moved to another deal meanwhile: do the transaction again. Rule: D§3.5.';

CREATE FUNCTION accept_quote(
    quote_id bigint,
    close_opportunity boolean DEFAULT true,
    close_other_quotes boolean DEFAULT true,
    quote_product_ids bigint[] DEFAULT NULL,
    OUT sales_order_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'document_accept_quote';
COMMENT ON FUNCTION accept_quote(bigint, boolean, boolean, bigint[]) IS 'The customer accepts an active quote: it is won, an order with locked prices is made, the other open quotes of the opportunity are closed as canceled, and an open opportunity is won with the order''s total. quote_product_ids: optional or alternative lines the customer takes; an alternative with alternative_to_id takes that line''s place. Returns the key of the order. Errors: 22004, P0002, 22023 a line that cannot be chosen or two alternatives of one line, SC001 not active, SC004 other open quotes while close_other_quotes is false, SC013 validity over, 40001 the quote moved to another deal meanwhile: do the transaction again. Rule: D§3.5, the process description.';

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
COMMENT ON FUNCTION fulfill_order(bigint, text, boolean) IS 'Completes an active or submitted order (status_reason complete or partial) with a closing activity, delivers what is open (partial: nothing) and invoices what is not yet invoiced (partial, after a delivery: what is delivered); returns the key of the invoice, NULL when there is nothing to invoice or create_invoice is false. Down payments are deducted. The order ends fulfilled, or invoiced with the setting mark_order_invoiced. Errors: 22004, P0002, SC001 state, SC003 reason, SC005 a line has no price, SC018 an order not submitted before whose customer is on credit hold or over his credit limit. Rule: D§3.6, the process description.';

CREATE FUNCTION cancel_order(sales_order_id bigint, description text DEFAULT NULL, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_cancel_order';
COMMENT ON FUNCTION cancel_order(bigint, text) IS 'Cancels an active, submitted or fulfilled order for good, with a closing activity; returns its state. What was delivered stays so until return_order(). Errors: 22004, P0002, SC001 state, SC011 it has a live invoice that is not wholly credited. Rule: D§3.6.';

CREATE FUNCTION deliver_order(
    sales_order_id bigint,
    lines jsonb DEFAULT NULL,
    delivery_date date DEFAULT NULL,
    OUT delivery_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'document_deliver_order';
COMMENT ON FUNCTION deliver_order(bigint, jsonb, date) IS 'Delivers an active or submitted order, in part or whole: a row of delivery with its lines, quantity_delivered of the order lines grows; the order''s state stays; returns the key of the delivery. lines: [{"sales_order_product_id": 1, "quantity": 6}], each line once, quantities in the unit of the line and with its sign; default all that is open. delivery_date: default today. Notes are not delivered. Errors: 22004, 22023 lines, P0002, SC001 state, SC010 more than ordered (beyond over_quantity_percentage), SC011 nothing open, SC016 quantity, SC018 an order not submitted before whose customer is on credit hold or over his credit limit. Rule: D§10 11.';

CREATE FUNCTION return_order(sales_order_id bigint, lines jsonb, OUT delivery_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_return_order';
COMMENT ON FUNCTION return_order(bigint, jsonb) IS 'Takes delivered goods of an order back, in any state of it, a canceled one too: a row of delivery of type return, quantity_returned of the order lines grows; returns its key. lines: [{"sales_order_product_id": 1, "quantity": 2}], with the sign of the line. What is returned is no longer to be invoiced; money does not move: create_credit_note() takes back what was invoiced. Errors: 22004, 22023 lines, P0002, SC010 more than delivered and not returned, SC016 quantity. Rule: D§10 13.';

CREATE FUNCTION create_invoice_from_order(
    sales_order_id bigint,
    basis text DEFAULT 'ordered',
    lines jsonb DEFAULT NULL,
    OUT invoice_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'document_invoice_order';
COMMENT ON FUNCTION create_invoice_from_order(bigint, text, jsonb) IS 'Invoices, with locked prices, what is not yet invoiced of an order, and returns the key of the invoice. basis: ordered (from active, fulfilled or invoiced) takes what is ordered less returned and invoiced; delivered (from submitted too) what is delivered less returned and invoiced. lines: [{"sales_order_product_id": 1, "quantity": 6}], only these lines and quantities; default all. A part takes its share of discounts, tax and freight, the last part what is left, so that all parts come to the order to the cent; the one that leaves nothing deducts the down payments, each by a negative line. The state of the order stays, unless the setting mark_order_invoiced moves a fulfilled one on. Errors: 22004, 22023 basis or lines, P0002, SC001 state, SC005 a line has no price, SC010 more than ordered (beyond over_quantity_percentage) or delivered, SC011 nothing left, SC016 quantity, SC018 as ordered, of an order not submitted before whose customer is on credit hold or over his credit limit. What comes to less than nothing is a credit note. Rule: D§3.6.';

CREATE FUNCTION create_down_payment_invoice(
    sales_order_id bigint,
    percentage numeric DEFAULT NULL,
    amount numeric DEFAULT NULL,
    OUT invoice_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'document_invoice_down_payment';
COMMENT ON FUNCTION create_down_payment_invoice(bigint, numeric, numeric) IS 'Invoices a down payment on an active or submitted order and returns the key of the invoice, of type down_payment: one line, net and tax in the proportion of the order. Give either percentage (of the order''s total, more than 0 and up to 100) or amount (tax included, in the order''s currency). The final invoice deducts it. Errors: 22004, 22023 neither or both or out of range, P0002, SC001 state, SC005 a line has no price, SC010 more than is left of the order''s total, or a total of 0 or less. Rule: D§10 13.';

CREATE FUNCTION create_credit_note(invoice_id bigint, lines jsonb DEFAULT NULL, OUT invoice_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_create_credit_note';
COMMENT ON FUNCTION create_credit_note(bigint, jsonb) IS 'Takes an active or paid invoice or down payment back, in part or whole, and returns the key of the credit note: an invoice of type credit_note with negative quantities at the prices, discounts and taxes of the invoice. lines: [{"invoice_product_id": 1, "quantity": 2}], with the sign of the line; default all that is not yet credited. Freight goes back with the last of it; all credit notes of an invoice come to minus its total to the cent. What is credited of an order can be invoiced again; pay_invoice() pays the note out, with negative amounts. Errors: 22004, 22023 lines, P0002, SC001 canceled or a credit note, SC010 more than invoiced, SC011 nothing left or a down payment that is deducted, SC016 quantity. Rule: D§10 13.';

CREATE FUNCTION lock_order_pricing(sales_order_id bigint, OUT is_price_locked boolean)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_lock_order';
COMMENT ON FUNCTION lock_order_pricing(bigint) IS 'Keeps the prices of an active order as they are when the catalogue changes; returns true. Errors: 22004, P0002, SC002 read-only. Rule: D§3.8.';

CREATE FUNCTION unlock_order_pricing(sales_order_id bigint, OUT is_price_locked boolean)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_unlock_order';
COMMENT ON FUNCTION unlock_order_pricing(bigint) IS 'Lets an active order follow the catalogue and prices it anew at once; overridden prices, write-ins and lines that are invoiced stay; returns false. Errors: 22004, P0002, SC002 read-only. Rule: D§3.8.';

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
COMMENT ON FUNCTION pay_invoice(bigint, numeric, date, text) IS 'Takes a payment on an active or partly paid invoice and returns its state, paid. amount: in the invoice''s currency, default all that is open; a part makes it paid/partial, the rest paid/complete. payment_date: default today. Up to early_payment_date what is open less early_payment_percentage of the total settles the invoice, and is the default. Errors: 22004, P0002, SC001 canceled or fully paid, SC010 more than is open, an invoice with a negative total or a credit note with a positive one. Rule: D§3.7.';

CREATE FUNCTION cancel_payment(payment_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_cancel_payment';
COMMENT ON FUNCTION cancel_payment(bigint) IS 'Takes a payment back and returns the state of its invoice: paid (partial) while others remain, else active. What an early payment saved is open again. Errors: 22004, P0002, SC001 canceled already.';

CREATE FUNCTION cancel_invoice(invoice_id bigint, description text DEFAULT NULL, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_cancel_invoice';
COMMENT ON FUNCTION cancel_invoice(bigint, text) IS 'Cancels an invoice that has no payments; its order can be invoiced again (one marked invoiced is fulfilled again); returns its state. Errors: 22004, P0002, SC001 canceled already, SC011 it has payments or credit notes, is a down payment that is deducted, or a credit note whose order would be invoiced in full beside a down payment that nothing deducts, or a cent beside its total because of an invoice made since. Rule: D§3.7.';

CREATE FUNCTION count_invoiced() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_count_invoiced';
COMMENT ON FUNCTION count_invoiced() IS 'Trigger, AFTER each statement on invoice_product with transition tables: keeps quantity_invoiced of the order lines, never more than ordered and over_quantity_percentage of it (SC010), and not all of it by hand while a down payment waits to be deducted (SC011).';

CREATE FUNCTION recount_invoice() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_recount_invoice';
COMMENT ON FUNCTION recount_invoice() IS 'Trigger, AFTER each row of invoice whose invoice_type changes: only invoices of type invoice, and credit notes that a call made, count for quantity_invoiced of their order lines.';

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

CREATE FUNCTION count_credited() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_count_credited';
COMMENT ON FUNCTION count_credited() IS 'Trigger, AFTER each DELETE statement on invoice_product with its transition table: keeps quantity_credited of the lines that deleted credit notes took back.';

CREATE FUNCTION keep_amounts() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'document_keep_amounts';
COMMENT ON FUNCTION keep_amounts() IS 'Trigger, AFTER each row of invoice whose amounts change: refused for a down payment that an invoice deducts and for an invoice that a credit note takes back (SC002).';
