-- core: version, settings, error codes and number series of a new organization.

INSERT INTO schema_version (version) VALUES (2);

INSERT INTO organization_setting (name, value, description) VALUES
    ('base_currency', 'USD', 'Currency in which base amounts are kept; sales_crm.set_base_currency() changes it before the first document.'),
    ('discount_method', 'line_item', 'What a manual discount on a line means: line_item = for the whole line, per_unit = for each unit. Stored on each new document.'),
    ('tax_rounding', 'line', 'Where tax is rounded: line or document. Stored on each new document.'),
    ('pricing_decimals', '2', 'Decimals, 0 to 4, that a price worked out of a percentage is rounded to. A price that stands in a price list as an amount is taken as it is.'),
    ('price_list_is_optional', 'false', 'True: catalogue lines may stand without a price list and then cost 0 until a price is typed.'),
    ('quote_validity_days', '30', 'How many days a quote is valid from its first day when no last day is given.'),
    ('over_quantity_percentage', '0', 'How many percent more than ordered may be delivered or invoiced.'),
    ('mark_order_invoiced', 'false', 'True: an order whose last quantity is invoiced goes on from fulfilled to invoiced.'),
    ('default_country', '', 'Country of the organization, used where an address names none; empty = none.'),
    ('time_zone', 'UTC', 'Time zone that decides which day today is, such as Europe/Madrid.'),
    ('fiscal_year_start_month', '1', 'Month, 1 to 12, in which the fiscal year begins.');

INSERT INTO error_code (error_code, name, description, hint) VALUES
    ('SC001', 'invalid_state_transition', 'The record is not in a state from which this call, or a plain change of its state, may move it.', 'Table state_transition lists the moves and the call that makes each.'),
    ('SC002', 'record_is_read_only', 'The record is in a closed state: it and its lines do not change.', 'Reopen, revise or cancel it with the calls for that; table editable_when_closed lists the columns that stay open.'),
    ('SC003', 'invalid_status_reason', 'The status reason is unknown or belongs to another state.', 'Table status_reason lists the reasons of each state; add a row for your own.'),
    ('SC004', 'open_quotes_exist', 'The opportunity still has quotes in draft or active.', 'Close them, or let the call do it (close_open_quotes, close_other_quotes).'),
    ('SC005', 'pricing_incomplete', 'A line of the document has no price.', 'Column pricing_error of the lines says what is missing.'),
    ('SC006', 'customer_required', 'The document or opportunity names neither an account nor a contact, or the lead names no company to make an account of.', 'Fill account_id or contact_id, or the lead''s company_name or last_name.'),
    ('SC007', 'duplicate_record', 'A record like this one exists already.', 'Use the record found, or merge the two.'),
    ('SC008', 'stage_requirement_missing', 'Required steps of the process stage are not done.', 'Fill the columns and run the actions that the detail names.'),
    ('SC009', 'currency_mismatch', 'Records that belong together are in different currencies.', 'Choose a price list of the document''s currency; the currency of a document with lines is fixed.'),
    ('SC010', 'quantity_or_amount_exceeded', 'More would be paid, delivered or invoiced than is left.', 'Give at most what the detail says is left.'),
    ('SC011', 'already_converted', 'The record has its successor already: an order, an invoice, an open revision or payments.', 'Go on with that one, or cancel it first.'),
    ('SC012', 'automation_failed', 'An automation rule failed and refuses the change.', 'Correct or switch off the rule that the detail names.'),
    ('SC013', 'record_expired', 'The quote''s validity has ended.', 'Revise it and give the revision a later effective_to.'),
    ('SC014', 'schema_version_mismatch', 'The tables of this organization are of another version than the installed extension: they are read, and not written.', 'Call sales_crm.migrate() for the organization; when it is the newer one, install the newer extension.'),
    ('SC015', 'product_not_sellable', 'The product is not active: a draft, retired or a family; or something is missing that it needs to be sold.', 'Publish it with sales_crm.publish_product(), or choose another.'),
    ('SC016', 'invalid_quantity', 'The quantity has more decimals than the product or its price list item allows, or its unit is of another unit group.', 'Round the quantity, or raise product.quantity_decimals.'),
    ('SC017', 'hierarchy_cycle', 'The record would be its own ancestor.', 'Choose another parent.'),
    ('SC018', 'credit_refused', 'The customer is on credit hold or over his credit limit.', 'Collect open invoices, raise the limit or lift the hold.'),
    ('SC019', 'merge_or_undo_refused', 'The records cannot be merged, or the step cannot be undone.', 'The detail says which record stands in the way.'),
    ('SC020', 'refused_by_rule', 'An automation rule of the organization refuses the change with a message of its own.', 'The message is the rule''s; ask its author.');

INSERT INTO number_series (series, prefix, width, sequence_name) VALUES
    ('quote', 'QUO-', 5, 'quote_number_seq'),
    ('order', 'ORD-', 5, 'order_number_seq'),
    ('invoice', 'INV-', 5, 'invoice_number_seq'),
    ('delivery', 'DEL-', 5, 'delivery_number_seq');
