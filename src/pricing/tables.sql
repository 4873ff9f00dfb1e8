-- pricing: no table of its own, but the amounts that the headers and the lines of all documents share.

-- Template: the totals of a document, computed from its lines after each change (D§4.5).
CREATE TABLE template_totals (
    total_line_item_amount numeric(19,4) NOT NULL DEFAULT 0,    -- Sum of the lines after their discounts, without tax; computed.
    total_line_item_discount_amount numeric(19,4) NOT NULL DEFAULT 0,    -- Sum of the manual discounts of the lines; computed.
    discount_percentage numeric(7,4) NOT NULL DEFAULT 0,    -- Discount on the whole document in percent of the lines, 0 to 100.
    discount_amount numeric(19,4) NOT NULL DEFAULT 0,    -- Discount on the whole document as an amount; adds to the percentage.
    total_discount_amount numeric(19,4) NOT NULL DEFAULT 0,    -- All discounts, of the lines and of the document; computed.
    total_amount_less_freight numeric(19,4) NOT NULL DEFAULT 0,    -- Lines less the document's discounts, without freight and tax; computed.
    freight_amount numeric(19,4) NOT NULL DEFAULT 0,    -- Freight, added after the discounts and not taxed.
    total_tax numeric(19,4) NOT NULL DEFAULT 0,    -- Sum of the taxes of the lines; computed.
    total_amount numeric(19,4) NOT NULL DEFAULT 0,    -- What the document comes to: lines less discounts, plus freight and tax; computed.
    total_amount_base numeric(19,4) NOT NULL DEFAULT 0,    -- The same in base currency, at the exchange rate of the document; computed.
    pricing_error text NOT NULL DEFAULT 'none',    -- none, or detail_error when a line has no price; such a document cannot go on.
    discount_method text NOT NULL,    -- What a line's manual discount means: line_item = for the line, per_unit = for each unit;
                                                          -- the organization's setting when the document was made.
    tax_rounding text NOT NULL    -- Where tax is rounded, line or document; the organization's setting when the document was made.
);
-- The ranges of these columns are kept by the guard, which says more than a CHECK would and costs less on wide rows.

-- Template: one line of a document: a product of the catalogue, a write-in product or a note (D§1.5, D§4.4).
CREATE TABLE template_line (
    line_number integer NOT NULL,    -- Place of the line in the document; the next one when none is given.
    line_kind text NOT NULL DEFAULT 'standard',    -- standard; optional and alternative are shown but not summed; note is text only.
    product_id bigint,    -- Product of the catalogue; empty for a write-in.
    product_description text,    -- Name of a write-in product; empty when product_id is given.
    unit_id bigint,    -- Unit of the quantity; default the product's unit, none for a write-in.
    quantity numeric(18,5) NOT NULL DEFAULT 1,    -- Quantity in that unit; negative for something that is taken back.
    is_price_overridden boolean NOT NULL DEFAULT false,    -- True: the price typed here counts; false: the price comes from the price list. Always as typed for a write-in.
    price_per_unit numeric(20,5) NOT NULL DEFAULT 0,    -- Price of one unit, not rounded.
    volume_discount_amount numeric(20,5) NOT NULL DEFAULT 0,    -- Discount on each unit that the quantity earns; computed, not rounded.
    manual_discount_percentage numeric(7,4),    -- Discount in percent of the line, 0 to 100; when given, manual_discount_amount follows from it.
    manual_discount_amount numeric(19,4) NOT NULL DEFAULT 0,    -- Discount as an amount, for the line or for each unit as discount_method of the document says.
    tax_amount numeric(19,4) NOT NULL DEFAULT 0,    -- Tax of the line, as typed.
    base_amount numeric(19,4) NOT NULL DEFAULT 0,    -- Quantity times price less volume discount, in the document's currency; computed.
    extended_amount numeric(19,4) NOT NULL DEFAULT 0,    -- What the line comes to: base amount less manual discount plus tax; computed.
    pricing_error text NOT NULL DEFAULT 'none',    -- Why the line has no price, such as product_not_in_price_list; none = it has one (D§4.10).
    description text,    -- Remarks; the text of a note.
    CONSTRAINT template_line_line_kind_check CHECK (line_kind IN ('standard', 'optional', 'alternative', 'note')),
    CONSTRAINT template_line_product_check CHECK (CASE WHEN line_kind = 'note'
        THEN product_id IS NULL AND coalesce(product_description, description) IS NOT NULL
        ELSE num_nonnulls(product_id, product_description) = 1 END),
    CONSTRAINT template_line_unit_check CHECK (unit_id IS NULL OR product_id IS NOT NULL)
);
