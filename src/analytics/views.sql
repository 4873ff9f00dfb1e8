-- analytics: what reports and BI tools read. A fact has a row for each record and is keyed like its table; a dimension gives the
-- names behind the keys. Ratios come as numerator and denominator, so that they can be summed before they are divided (D§9.3).

-- Days, to join the dates of the facts to: from 2000 to the end of the tenth year ahead. The fiscal year begins in the month of
-- setting fiscal_year_start_month and is named after the calendar year it ends in.
CREATE OR REPLACE VIEW bi_dim_date WITH (security_invoker = true) AS
SELECT
    days.calendar_date,    -- Key: the day.
    days.calendar_year,    -- Calendar year.
    ((days.calendar_month + 2) / 3)::integer AS calendar_quarter,    -- Quarter of the calendar year, 1 to 4.
    days.calendar_month,    -- Month of the calendar year, 1 to 12.
    to_char(days.calendar_date::timestamp, 'FMMonth') AS month_name,    -- English name of the month.
    to_char(days.calendar_date::timestamp, 'YYYY-MM') AS year_and_month,    -- Year and month as text that sorts, such as 2026-03.
    date_trunc('month', days.calendar_date::timestamp)::date AS month_start_date,    -- First day of the month.
    extract(isoyear FROM days.calendar_date)::integer AS iso_year,    -- Year that the ISO week belongs to.
    extract(week FROM days.calendar_date)::integer AS iso_week,    -- ISO week, 1 to 53; weeks begin on Monday.
    extract(day FROM days.calendar_date)::integer AS day_of_month,    -- Day of the month, 1 to 31.
    extract(isodow FROM days.calendar_date)::integer AS day_of_week,    -- Day of the week, 1 = Monday to 7 = Sunday.
    to_char(days.calendar_date::timestamp, 'FMDay') AS day_name,    -- English name of the day of the week.
    extract(isodow FROM days.calendar_date) >= 6 AS is_weekend,    -- True on Saturday and Sunday.
    days.calendar_year + CASE WHEN fiscal.start_month > 1 AND days.calendar_month >= fiscal.start_month
                              THEN 1 ELSE 0 END AS fiscal_year,    -- Fiscal year, named after the calendar year it ends in.
    (days.calendar_month - fiscal.start_month + 12) % 12 / 3 + 1 AS fiscal_quarter,    -- Quarter of the fiscal year, 1 to 4.
    (days.calendar_month - fiscal.start_month + 12) % 12 + 1 AS fiscal_month    -- Month of the fiscal year, 1 to 12.
FROM (SELECT day.calendar_date, extract(year FROM day.calendar_date)::integer AS calendar_year,
             extract(month FROM day.calendar_date)::integer AS calendar_month
        FROM (SELECT date '2000-01-01' + number AS calendar_date
                FROM generate_series(0, make_date(extract(year FROM current_date)::integer + 10, 12, 31) - date '2000-01-01') AS number) AS day) AS days
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), '1')::integer AS start_month
              FROM organization_setting WHERE name = 'fiscal_year_start_month') AS fiscal;

-- Accounts: the companies behind account_id.
CREATE OR REPLACE VIEW bi_dim_account WITH (security_invoker = true) AS
SELECT
    a.account_id,    -- Key: the account.
    a.name AS account_name,    -- Name of the company.
    a.account_number,    -- Number of the account in your books.
    a.parent_account_id,    -- Account above, such as the head office; key of another row here.
    parent.name AS parent_account_name,    -- Name of the account above.
    a.relationship_type,    -- What the company is to us, such as customer.
    relationship.label AS relationship_type_label,    -- The same as people read it.
    a.industry,    -- Industry, as stored.
    industry.label AS industry_label,    -- Industry as people read it.
    a.annual_revenue,    -- Revenue in a year, in the account's currency.
    a.employee_count,    -- Count of employees.
    a.address_city AS city,    -- City of the main address.
    a.address_state_or_province AS state_or_province,    -- State or province of the main address.
    coalesce(nullif(a.address_country, ''), nullif(home.country, '')) AS country,    -- Country of the main address, else setting default_country.
    a.territory_id,    -- Sales territory; key.
    territory.name AS territory_name,    -- Name of the sales territory.
    a.currency_code,    -- Currency of the account; empty = base currency.
    a.credit_on_hold,    -- True: the customer gets no credit now.
    a.originating_lead_id,    -- Lead the account was made from; key in bi_fact_lead.
    a.owner_id,    -- Who looks after the account, user or team; key in bi_dim_owner.
    a.state,    -- active or inactive.
    initcap(a.state) AS state_label,    -- State as people read it.
    a.status_reason,    -- Reason within the state.
    reason.label AS status_reason_label,    -- Status reason as people read it.
    (a.created_at AT TIME ZONE here.time_zone)::date AS created_date,    -- Day the account was made.
    a.modified_at    -- When the account last changed.
FROM account AS a
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
CROSS JOIN (SELECT max(value) AS country FROM organization_setting WHERE name = 'default_country') AS home
LEFT JOIN account AS parent ON parent.account_id = a.parent_account_id
LEFT JOIN territory ON territory.territory_id = a.territory_id
LEFT JOIN option_value AS relationship
       ON relationship.entity = 'account' AND relationship.column_name = 'relationship_type' AND relationship.value = a.relationship_type
LEFT JOIN option_value AS industry
       ON industry.entity = 'account' AND industry.column_name = 'industry' AND industry.value = a.industry
LEFT JOIN status_reason AS reason
       ON reason.entity = 'account' AND reason.state = a.state AND reason.status_reason = a.status_reason;

-- Products: what stands behind product_id.
CREATE OR REPLACE VIEW bi_dim_product WITH (security_invoker = true) AS
SELECT
    p.product_id,    -- Key: the product.
    p.product_number,    -- Number or code of the product.
    p.name AS product_name,    -- Name of the product.
    p.product_structure,    -- product, family or bundle.
    p.product_type,    -- What is sold, as stored, such as services.
    product_type.label AS product_type_label,    -- What is sold, as people read it.
    p.parent_product_id AS family_product_id,    -- Family the product belongs to; key of another row here.
    family.name AS family_name,    -- Name of the family.
    p.default_unit_id,    -- Unit that list price and costs are for; key.
    unit.name AS default_unit_name,    -- Name of that unit.
    p.currency_code,    -- Currency of the list price and the costs; empty = base currency.
    p.list_price,    -- List price of one default unit.
    p.current_cost,    -- Current cost of one default unit.
    p.standard_cost,    -- Standard cost of one default unit.
    p.vendor_name,    -- Who supplies the product.
    p.state,    -- draft, active, under_revision or retired.
    initcap(replace(p.state, '_', ' ')) AS state_label,    -- State as people read it.
    p.status_reason,    -- Reason within the state.
    reason.label AS status_reason_label,    -- Status reason as people read it.
    (p.created_at AT TIME ZONE here.time_zone)::date AS created_date,    -- Day the product was entered.
    p.modified_at    -- When the product last changed.
FROM product AS p
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
LEFT JOIN product AS family ON family.product_id = p.parent_product_id
LEFT JOIN unit ON unit.unit_id = p.default_unit_id
LEFT JOIN option_value AS product_type
       ON product_type.entity = 'product' AND product_type.column_name = 'product_type' AND product_type.value = p.product_type
LEFT JOIN status_reason AS reason
       ON reason.entity = 'product' AND reason.state = p.state AND reason.status_reason = p.status_reason;

-- Owners: the users and teams behind owner_id.
CREATE OR REPLACE VIEW bi_dim_owner WITH (security_invoker = true) AS
SELECT
    o.owner_id,    -- Key: the owner, user or team.
    o.name AS owner_name,    -- Name of the user or team.
    o.owner_type,    -- user or team.
    u.crm_user_id,    -- The user; empty for a team.
    u.job_title,    -- Job title of the user.
    u.email,    -- E-mail address of the user.
    manager.owner_id AS manager_owner_id,    -- Manager of the user; key of another row here.
    manager.name AS manager_name,    -- Name of the manager.
    unit.business_unit_id,    -- Business unit of the user or team, the root when none is named; key.
    unit.name AS business_unit_name,    -- Name of the business unit.
    u.territory_id,    -- Sales territory of the user; key.
    territory.name AS territory_name,    -- Name of the sales territory.
    coalesce(u.is_disabled, false) AS is_disabled    -- True: the user works here no longer.
FROM owner AS o
CROSS JOIN (SELECT min(business_unit_id) AS business_unit_id FROM business_unit WHERE parent_business_unit_id IS NULL) AS root
LEFT JOIN crm_user AS u ON u.owner_id = o.owner_id
LEFT JOIN team AS t ON t.owner_id = o.owner_id
LEFT JOIN crm_user AS manager ON manager.crm_user_id = u.manager_crm_user_id
LEFT JOIN business_unit AS unit ON unit.business_unit_id = coalesce(u.business_unit_id, t.business_unit_id, root.business_unit_id)
LEFT JOIN territory ON territory.territory_id = u.territory_id;

-- Leads, one row each.
CREATE OR REPLACE VIEW bi_fact_lead WITH (security_invoker = true) AS
SELECT
    l.lead_id,    -- Key: the lead.
    l.subject,    -- What the interest is about.
    l.full_name AS person_name,    -- Name of the person.
    l.company_name,    -- Name of the company.
    l.owner_id,    -- Who works on the lead, user or team; key in bi_dim_owner.
    l.account_id,    -- Account the lead names or was qualified into; key in bi_dim_account, empty for none.
    l.contact_id,    -- Contact the lead names or was qualified into; empty for none.
    l.qualified_opportunity_id AS opportunity_id,    -- Opportunity the lead was qualified into; key in bi_fact_opportunity.
    l.campaign_id,    -- Campaign the lead came from.
    l.lead_source,    -- Where the lead came from, as stored.
    source.label AS lead_source_label,    -- Where the lead came from, as people read it.
    l.rating,    -- hot, warm or cold.
    rating.label AS rating_label,    -- Rating as people read it.
    l.state,    -- open, qualified or disqualified.
    initcap(l.state) AS state_label,    -- State as people read it.
    l.status_reason,    -- Reason within the state.
    reason.label AS status_reason_label,    -- Status reason as people read it.
    l.state = 'qualified' AS is_qualified,    -- True: the lead is qualified now.
    (l.created_at AT TIME ZONE here.time_zone)::date AS created_date,    -- Day the lead was made; key in bi_dim_date.
    (closing.changed_at AT TIME ZONE here.time_zone)::date AS closed_date,    -- Day it was qualified or disqualified; empty while open, or when it was imported closed.
    l.modified_at,    -- When the lead last changed.
    (closing.changed_at AT TIME ZONE here.time_zone)::date
        - (l.created_at AT TIME ZONE here.time_zone)::date AS days_to_close,    -- Days from creation to qualification or disqualification.
    l.currency_code,    -- Currency of the amount.
    l.estimated_value AS amount,    -- Estimated value.
    l.estimated_value_base AS amount_base    -- Estimated value in base currency.
FROM lead AS l
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
LEFT JOIN (SELECT DISTINCT ON (record_id) record_id, changed_at
             FROM status_history
            WHERE entity = 'lead' AND to_state IN ('qualified', 'disqualified')
            ORDER BY record_id, status_history_id DESC) AS closing ON closing.record_id = l.lead_id AND l.state <> 'open'
LEFT JOIN option_value AS source
       ON source.entity = 'lead' AND source.column_name = 'lead_source' AND source.value = l.lead_source
LEFT JOIN option_value AS rating
       ON rating.entity = 'lead' AND rating.column_name = 'rating' AND rating.value = l.rating
LEFT JOIN status_reason AS reason
       ON reason.entity = 'lead' AND reason.state = l.state AND reason.status_reason = l.status_reason;

-- Opportunities, one row each. The amount is the actual revenue of a won one, the estimated revenue of any other.
CREATE OR REPLACE VIEW bi_fact_opportunity WITH (security_invoker = true) AS
SELECT
    o.opportunity_id,    -- Key: the opportunity.
    o.name AS opportunity_name,    -- What the deal is about.
    o.owner_id,    -- Who works on the deal, user or team; key in bi_dim_owner.
    o.account_id,    -- Customer; key in bi_dim_account, empty when the customer is a person.
    o.contact_id,    -- Contact of the deal, the customer when there is no account.
    coalesce(account.name, contact.full_name) AS customer_name,    -- Name of the account, else of the contact.
    o.originating_lead_id AS lead_id,    -- Lead the deal came from; key in bi_fact_lead.
    o.campaign_id,    -- Campaign the deal came from.
    o.pipeline_phase,    -- Where the deal stands: qualify, develop, propose or close.
    phase.label AS pipeline_phase_label,    -- Phase as people read it.
    phase.sort_order AS pipeline_phase_sort_order,    -- Place of the phase in the pipeline, to sort by.
    o.forecast_category,    -- How the forecast counts it: pipeline, best_case, committed, omitted, won or lost.
    forecast.label AS forecast_category_label,    -- Forecast category as people read it.
    o.rating,    -- hot, warm or cold.
    rating.label AS rating_label,    -- Rating as people read it.
    o.state,    -- open, won or lost.
    initcap(o.state) AS state_label,    -- State as people read it.
    o.status_reason,    -- Reason within the state.
    reason.label AS status_reason_label,    -- Status reason as people read it.
    o.state = 'won' AS is_won,    -- True when won; false when lost or open.
    o.state <> 'open' AS is_closed,    -- True when won or lost.
    CASE WHEN o.state = 'lost' THEN o.status_reason END AS loss_reason,    -- Why it was lost, as stored; empty unless lost.
    CASE WHEN o.state = 'lost' THEN reason.label END AS loss_reason_label,    -- Why it was lost, as people read it.
    competitor.competitor_id,    -- Competitor it was lost to; empty unless lost to a known one.
    competitor.name AS competitor_name,    -- Name of that competitor.
    (o.created_at AT TIME ZONE here.time_zone)::date AS created_date,    -- Day the deal was entered; key in bi_dim_date.
    o.estimated_close_date,    -- Day the deal is expected to close; key in bi_dim_date.
    o.actual_close_date AS closed_date,    -- Day it was won or lost; key in bi_dim_date, empty while open.
    o.modified_at,    -- When the deal last changed.
    CASE WHEN isfinite(o.actual_close_date) THEN o.actual_close_date - (o.created_at AT TIME ZONE here.time_zone)::date END AS days_to_close,    -- Sales cycle: days from creation to closing; empty while open, negative when entered afterwards.
    o.currency_code,    -- Currency of the amount.
    CASE WHEN o.state = 'won' THEN o.actual_value ELSE o.estimated_value END AS amount,    -- Actual revenue when won, else estimated revenue.
    CASE WHEN o.state = 'won' THEN o.actual_value_base ELSE o.estimated_value_base END AS amount_base,    -- The amount in base currency.
    o.estimated_value_base AS estimated_amount_base,    -- Estimated revenue in base currency, whatever the state.
    o.actual_value_base AS actual_amount_base,    -- Actual revenue in base currency; empty while open.
    o.close_probability AS probability,    -- Chance of winning in percent, 0 to 100.
    CASE WHEN o.state = 'open' THEN round(coalesce(o.estimated_value_base * o.close_probability / 100, 0), 4)
         END::numeric(19,4) AS weighted_amount_base    -- Open deals: estimated revenue in base currency times chance, 0 when one of them is not known; empty when closed.
FROM opportunity AS o
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
LEFT JOIN (SELECT DISTINCT ON (opportunity_id) opportunity_id, competitor_id
             FROM opportunity_close
            ORDER BY opportunity_id, opportunity_close_id DESC) AS closing
       ON closing.opportunity_id = o.opportunity_id AND o.state = 'lost'
LEFT JOIN competitor ON competitor.competitor_id = closing.competitor_id
LEFT JOIN account ON account.account_id = o.account_id
LEFT JOIN contact ON contact.contact_id = o.contact_id
LEFT JOIN option_value AS phase
       ON phase.entity = 'opportunity' AND phase.column_name = 'pipeline_phase' AND phase.value = o.pipeline_phase
LEFT JOIN option_value AS forecast
       ON forecast.entity = 'opportunity' AND forecast.column_name = 'forecast_category' AND forecast.value = o.forecast_category
LEFT JOIN option_value AS rating
       ON rating.entity = 'opportunity' AND rating.column_name = 'rating' AND rating.value = o.rating
LEFT JOIN status_reason AS reason
       ON reason.entity = 'opportunity' AND reason.state = o.state AND reason.status_reason = o.status_reason;

-- Quotes, one row for each revision. Leave out is_revised to count each offer once.
CREATE OR REPLACE VIEW bi_fact_quote WITH (security_invoker = true) AS
SELECT
    q.quote_id,    -- Key: the quote.
    q.quote_number,    -- Number, the same for all revisions.
    q.revision_number,    -- 0 for the first revision, one more for each.
    q.name AS quote_name,    -- What the quote is about.
    q.opportunity_id,    -- Opportunity the quote belongs to; key in bi_fact_opportunity.
    q.owner_id,    -- Who made the offer, user or team; key in bi_dim_owner.
    q.account_id,    -- Customer; key in bi_dim_account, empty when the customer is a person.
    q.contact_id,    -- Contact of the quote, the customer when there is no account.
    coalesce(account.name, contact.full_name) AS customer_name,    -- Name of the account, else of the contact.
    q.state,    -- draft, active, won or closed.
    initcap(q.state) AS state_label,    -- State as people read it.
    q.status_reason,    -- Reason within the state.
    reason.label AS status_reason_label,    -- Status reason as people read it.
    q.state = 'won' AS is_won,    -- True when the customer accepted.
    q.state = 'closed' AND q.status_reason = 'revised' AS is_revised,    -- True when a later revision took its place.
    (q.created_at AT TIME ZONE here.time_zone)::date AS created_date,    -- Day the quote was made; key in bi_dim_date.
    q.effective_from AS valid_from_date,    -- First day the offer is valid.
    q.effective_to AS valid_to_date,    -- Last day the offer is valid.
    q.closed_on AS closed_date,    -- Day it was won or closed; key in bi_dim_date, empty before.
    q.modified_at,    -- When the quote last changed.
    q.currency_code,    -- Currency of the amounts.
    q.total_discount_amount AS discount_amount,    -- All discounts, of the lines and of the document.
    q.freight_amount,    -- Freight.
    q.total_tax AS tax_amount,    -- Tax.
    q.total_amount AS amount,    -- What the quote comes to, with freight and tax.
    q.total_amount_base AS amount_base    -- The amount in base currency.
FROM quote AS q
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
LEFT JOIN account ON account.account_id = q.account_id
LEFT JOIN contact ON contact.contact_id = q.contact_id
LEFT JOIN status_reason AS reason
       ON reason.entity = 'quote' AND reason.state = q.state AND reason.status_reason = q.status_reason;

-- Lines of orders, one row each; notes and lines that are not summed (optional, alternative) are left out. State, owner, customer
-- and dates are those of the order. Freight and discount of the order as a whole belong to no line and are not in the amounts.
CREATE OR REPLACE VIEW bi_fact_order_line WITH (security_invoker = true) AS
SELECT
    l.sales_order_product_id,    -- Key: the line.
    l.line_number,    -- Place of the line in the order.
    h.sales_order_id,    -- Order the line belongs to.
    h.order_number,    -- Number of the order.
    h.quote_id,    -- Quote the order was made from; key in bi_fact_quote.
    h.opportunity_id,    -- Opportunity the order belongs to; key in bi_fact_opportunity.
    h.owner_id,    -- Owner of the order, user or team; key in bi_dim_owner.
    l.sales_representative_owner_id,    -- Who sold this line, when named; key in bi_dim_owner.
    h.account_id,    -- Customer; key in bi_dim_account, empty when the customer is a person.
    h.contact_id,    -- Contact of the order, the customer when there is no account.
    coalesce(account.name, contact.full_name) AS customer_name,    -- Name of the account, else of the contact.
    l.product_id,    -- Product; key in bi_dim_product, empty for a write-in.
    coalesce(product.name, l.product_description) AS item_name,    -- Name of the product, or the text of a write-in.
    h.state,    -- State of the order: active, submitted, fulfilled, invoiced or canceled.
    initcap(h.state) AS state_label,    -- State as people read it.
    h.status_reason,    -- Reason within the state.
    reason.label AS status_reason_label,    -- Status reason as people read it.
    h.state = 'canceled' AS is_canceled,    -- True when the order was canceled; such lines are no sales.
    (h.created_at AT TIME ZONE here.time_zone)::date AS created_date,    -- Day the order was made; key in bi_dim_date.
    CASE WHEN h.state = 'canceled' THEN (closing.changed_at AT TIME ZONE here.time_zone)::date
         WHEN h.state IN ('fulfilled', 'invoiced') THEN h.fulfilled_on END AS closed_date,    -- Day the order was fulfilled or canceled; key in bi_dim_date, empty before.
    greatest(l.modified_at, h.modified_at) AS modified_at,    -- When the line or its order last changed.
    unit.name AS unit_name,    -- Unit of the quantities; empty for a write-in.
    l.quantity,    -- Quantity ordered.
    l.quantity_delivered,    -- Quantity delivered.
    l.quantity_invoiced,    -- Quantity invoiced.
    h.currency_code,    -- Currency of the amounts.
    l.price_per_unit,    -- Price of one unit.
    (l.base_amount - l.extended_amount
        + CASE WHEN h.tax_method = 'included' AND l.tax_details IS NOT NULL THEN 0 ELSE l.tax_amount END)::numeric(19,4) AS discount_amount,    -- Manual discount on the line.
    l.tax_amount,    -- Tax of the line.
    l.extended_amount AS amount,    -- What the line comes to: less discount, with tax.
    round(l.extended_amount / h.exchange_rate, 4)::numeric(19,4) AS amount_base    -- The amount in base currency.
FROM sales_order_product AS l
JOIN sales_order AS h ON h.sales_order_id = l.sales_order_id
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
LEFT JOIN (SELECT DISTINCT ON (record_id) record_id, changed_at
             FROM status_history
            WHERE entity = 'sales_order' AND to_state = 'canceled'
            ORDER BY record_id, status_history_id DESC) AS closing ON closing.record_id = h.sales_order_id
LEFT JOIN account ON account.account_id = h.account_id
LEFT JOIN contact ON contact.contact_id = h.contact_id
LEFT JOIN product ON product.product_id = l.product_id
LEFT JOIN unit ON unit.unit_id = l.unit_id
LEFT JOIN status_reason AS reason
       ON reason.entity = 'sales_order' AND reason.state = h.state AND reason.status_reason = h.status_reason
WHERE l.line_kind = 'standard';

-- Invoices, one row each.
CREATE OR REPLACE VIEW bi_fact_invoice WITH (security_invoker = true) AS
SELECT
    i.invoice_id,    -- Key: the invoice.
    i.invoice_number,    -- Number of the invoice.
    i.invoice_type,    -- invoice, credit_note or down_payment.
    i.name AS invoice_name,    -- What the invoice is about.
    i.sales_order_id,    -- Order that is billed.
    i.opportunity_id,    -- Opportunity the invoice belongs to; key in bi_fact_opportunity.
    i.owner_id,    -- Owner of the invoice, user or team; key in bi_dim_owner.
    i.account_id,    -- Customer; key in bi_dim_account, empty when the customer is a person.
    i.contact_id,    -- Contact of the invoice, the customer when there is no account.
    coalesce(account.name, contact.full_name) AS customer_name,    -- Name of the account, else of the contact.
    i.state,    -- active, paid or canceled.
    initcap(i.state) AS state_label,    -- State as people read it.
    i.status_reason,    -- Reason within the state.
    reason.label AS status_reason_label,    -- Status reason as people read it.
    i.state = 'canceled' AS is_canceled,    -- True when canceled; such an invoice is no revenue.
    i.state = 'paid' AND i.balance_amount = 0 AS is_fully_paid,    -- True when nothing is left to pay.
    i.state <> 'canceled' AND i.balance_amount > 0
        AND i.due_date < (coalesce(nullif(current_setting('sales_crm.now', true), '')::timestamptz, now()) AT TIME ZONE here.time_zone)::date AS is_overdue,    -- True when something is left to pay and the due date has passed.
    (i.created_at AT TIME ZONE here.time_zone)::date AS created_date,    -- Day the invoice was made; key in bi_dim_date.
    i.invoice_date,    -- Date of the invoice; key in bi_dim_date.
    i.due_date,    -- When it is to be paid; key in bi_dim_date.
    CASE WHEN i.state = 'canceled' THEN (closing.changed_at AT TIME ZONE here.time_zone)::date
         WHEN i.state = 'paid' AND i.balance_amount = 0 THEN paid.payment_date END AS closed_date,    -- Day of the last payment of a fully paid invoice, or of its cancellation; empty before.
    i.modified_at,    -- When the invoice last changed.
    i.currency_code,    -- Currency of the amounts.
    i.total_discount_amount AS discount_amount,    -- All discounts, of the lines and of the document.
    i.freight_amount,    -- Freight.
    i.total_tax AS tax_amount,    -- Tax.
    i.total_amount AS amount,    -- What the invoice comes to, with freight and tax.
    i.total_amount_base AS amount_base,    -- The amount in base currency.
    i.amount_paid,    -- Sum of its payments.
    round(i.amount_paid / i.exchange_rate, 4)::numeric(19,4) AS amount_paid_base,    -- Sum of its payments in base currency.
    CASE WHEN i.state = 'canceled' THEN 0 ELSE i.balance_amount END::numeric(19,4) AS balance,    -- What is left to pay; 0 when canceled.
    CASE WHEN i.state = 'canceled' THEN 0
         ELSE round(i.balance_amount / i.exchange_rate, 4) END::numeric(19,4) AS balance_base,    -- What is left to pay, in base currency.
    i.early_payment_discount_amount,    -- What the customer saved by paying early.
    CASE WHEN i.state <> 'canceled' AND i.balance_amount > 0 AND i.due_date < here.today
         THEN here.today - greatest(i.due_date, date '1900-01-01')
         ELSE 0 END AS days_overdue    -- Days since the due date while something is left to pay; 0 when it is not overdue.
FROM invoice AS i
CROSS JOIN (SELECT z.time_zone, (coalesce(nullif(current_setting('sales_crm.now', true), '')::timestamptz, now()) AT TIME ZONE z.time_zone)::date AS today
              FROM (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS z) AS here
LEFT JOIN (SELECT invoice_id, max(payment_date) AS payment_date
             FROM payment
            WHERE canceled_at IS NULL
            GROUP BY invoice_id) AS paid ON paid.invoice_id = i.invoice_id
LEFT JOIN (SELECT DISTINCT ON (record_id) record_id, changed_at
             FROM status_history
            WHERE entity = 'invoice' AND to_state = 'canceled'
            ORDER BY record_id, status_history_id DESC) AS closing ON closing.record_id = i.invoice_id
LEFT JOIN account ON account.account_id = i.account_id
LEFT JOIN contact ON contact.contact_id = i.contact_id
LEFT JOIN status_reason AS reason
       ON reason.entity = 'invoice' AND reason.state = i.state AND reason.status_reason = i.status_reason;

-- The pipeline: open opportunities by phase, in the order of the phases; a phase without deals shows 0.
CREATE OR REPLACE VIEW bi_pipeline_by_stage WITH (security_invoker = true) AS
SELECT
    coalesce(phase.value, deals.pipeline_phase) AS pipeline_phase,    -- Key: the phase, qualify, develop, propose or close.
    coalesce(phase.label, deals.pipeline_phase) AS pipeline_phase_label,    -- Phase as people read it.
    phase.sort_order,    -- Place of the phase in the pipeline, to sort by.
    coalesce(deals.opportunity_count, 0) AS opportunity_count,    -- Count of open opportunities.
    coalesce(deals.amount_base, 0)::numeric(24,4) AS amount_base,    -- Their estimated revenue in base currency.
    coalesce(deals.weighted_amount_base, 0)::numeric(24,4) AS weighted_amount_base    -- The same weighted by the chance of each.
FROM (SELECT value, label, sort_order, is_active FROM option_value
       WHERE entity = 'opportunity' AND column_name = 'pipeline_phase') AS phase
FULL JOIN (SELECT pipeline_phase, count(*) AS opportunity_count, sum(amount_base) AS amount_base,
                  sum(weighted_amount_base) AS weighted_amount_base
             FROM bi_fact_opportunity
            WHERE state = 'open'
            GROUP BY pipeline_phase) AS deals ON deals.pipeline_phase = phase.value
WHERE phase.is_active OR deals.pipeline_phase IS NOT NULL
ORDER BY phase.sort_order, pipeline_phase;

-- What becomes of leads, by source and month of creation. Conversion is conversion_numerator / conversion_denominator:
-- qualified leads of those decided; sum both before you divide.
CREATE OR REPLACE VIEW bi_lead_conversion WITH (security_invoker = true) AS
SELECT
    lead.lead_source,    -- Where the leads came from, as stored; empty when not said.
    coalesce(max(lead.lead_source_label), 'Not said') AS lead_source_label,    -- Where the leads came from, as people read it.
    date_trunc('month', lead.created_date::timestamp)::date AS created_month,    -- First day of the month the leads were made in; key in bi_dim_date.
    count(*) AS lead_count,    -- Count of leads.
    count(*) FILTER (WHERE lead.state = 'open') AS open_count,    -- Leads still open.
    count(*) FILTER (WHERE lead.state = 'qualified') AS qualified_count,    -- Leads qualified.
    count(*) FILTER (WHERE lead.state = 'disqualified') AS disqualified_count,    -- Leads disqualified.
    count(*) FILTER (WHERE lead.state = 'qualified') AS conversion_numerator,    -- Conversion, numerator: leads qualified.
    count(*) FILTER (WHERE lead.state <> 'open') AS conversion_denominator,    -- Conversion, denominator: leads qualified or disqualified.
    coalesce(sum(lead.amount_base), 0)::numeric(24,4) AS amount_base,    -- Estimated value of all these leads in base currency.
    coalesce(sum(lead.amount_base) FILTER (WHERE lead.state = 'qualified'), 0)::numeric(24,4) AS qualified_amount_base    -- Estimated value of those qualified.
FROM bi_fact_lead AS lead
GROUP BY lead.lead_source, date_trunc('month', lead.created_date::timestamp);

-- How soon leads got their first response: a row for each lead that had a deadline for it. Rate of breaches = sum of breach_numerator /
-- sum of breach_denominator.
CREATE OR REPLACE VIEW bi_lead_response WITH (security_invoker = true) AS
SELECT
    l.lead_id,    -- Key: the lead; key in bi_fact_lead.
    coalesce(l.company_name, l.full_name) AS lead_name,    -- Company of the lead, else the person.
    l.lead_source,    -- Where the lead came from, as stored.
    l.owner_id,    -- Who has the lead, user or team; key in bi_dim_owner.
    l.state,    -- open, qualified or disqualified.
    l.created_at,    -- When the lead came.
    l.first_response_due_at,    -- When the first response was due.
    l.first_response_at,    -- When it came; empty when there was none yet.
    l.first_response_minutes,    -- Minutes of working time it took.
    l.first_response_at IS NULL AND l.state = 'open' AS is_waiting,    -- True: the lead is open and waits for its first response.
    breach.is_breached,    -- True: the response came too late, or the lead is open, has none, and the time is over.
    CASE WHEN breach.is_breached THEN 1 ELSE 0 END AS breach_numerator,    -- Rate of breaches, numerator: 1 when breached.
    1 AS breach_denominator,    -- Rate of breaches, denominator: 1.
    l.modified_at    -- When the lead last changed.
FROM lead AS l
CROSS JOIN LATERAL (SELECT CASE WHEN l.first_response_at IS NOT NULL THEN l.first_response_at > l.first_response_due_at
        ELSE l.state = 'open' AND l.first_response_due_at <= coalesce(nullif(current_setting('sales_crm.now', true), '')::timestamptz, now()) END
        AS is_breached) AS breach
WHERE l.first_response_due_at IS NOT NULL;

-- What each owner achieved, over all time; the facts give the same for a period. Rates are numerator / denominator.
CREATE OR REPLACE VIEW bi_owner_performance WITH (security_invoker = true) AS
SELECT
    o.owner_id,    -- Key: the owner, user or team; key in bi_dim_owner.
    o.name AS owner_name,    -- Name of the user or team.
    coalesce(leads.lead_count, 0) AS lead_count,    -- Leads owned.
    coalesce(leads.qualified_count, 0) AS conversion_numerator,    -- Lead conversion, numerator: leads qualified.
    coalesce(leads.decided_count, 0) AS conversion_denominator,    -- Lead conversion, denominator: leads qualified or disqualified.
    coalesce(deals.open_count, 0) AS open_count,    -- Open opportunities.
    coalesce(deals.open_amount_base, 0)::numeric(24,4) AS open_amount_base,    -- Their estimated revenue in base currency.
    coalesce(deals.weighted_amount_base, 0)::numeric(24,4) AS weighted_amount_base,    -- The same weighted by the chance of each.
    coalesce(deals.won_count, 0) AS won_count,    -- Opportunities won.
    coalesce(deals.won_amount_base, 0)::numeric(24,4) AS won_amount_base,    -- Their actual revenue in base currency.
    coalesce(deals.lost_count, 0) AS lost_count,    -- Opportunities lost.
    coalesce(deals.lost_amount_base, 0)::numeric(24,4) AS lost_amount_base,    -- Their estimated revenue in base currency.
    coalesce(deals.won_count, 0) AS win_rate_count_numerator,    -- Win rate by count, numerator: opportunities won.
    coalesce(deals.won_count + deals.lost_count, 0) AS win_rate_count_denominator,    -- Win rate by count, denominator: opportunities won or lost.
    coalesce(deals.won_amount_base, 0)::numeric(24,4) AS win_rate_value_numerator,    -- Win rate by value, numerator: actual revenue of those won.
    (coalesce(deals.won_amount_base, 0)
        + coalesce(deals.lost_amount_base, 0))::numeric(24,4) AS win_rate_value_denominator,    -- Win rate by value, denominator: that plus the estimated revenue of those lost.
    coalesce(deals.days_to_win, 0) AS sales_cycle_numerator,    -- Sales cycle in days: from creation to closing of the won opportunities, summed; the denominator is won_count.
    coalesce(bills.invoice_count, 0) AS invoice_count,    -- Invoices that are not canceled.
    coalesce(bills.invoiced_amount_base, 0)::numeric(24,4) AS invoiced_amount_base,    -- What they come to in base currency.
    coalesce(bills.paid_amount_base, 0)::numeric(24,4) AS paid_amount_base    -- What was paid of them, in base currency.
FROM owner AS o
LEFT JOIN (SELECT owner_id, count(*) AS lead_count,
                  count(*) FILTER (WHERE state = 'qualified') AS qualified_count,
                  count(*) FILTER (WHERE state <> 'open') AS decided_count
             FROM bi_fact_lead GROUP BY owner_id) AS leads ON leads.owner_id = o.owner_id
LEFT JOIN (SELECT owner_id,
                  count(*) FILTER (WHERE state = 'open') AS open_count,
                  sum(amount_base) FILTER (WHERE state = 'open') AS open_amount_base,
                  sum(weighted_amount_base) AS weighted_amount_base,
                  count(*) FILTER (WHERE state = 'won') AS won_count,
                  sum(amount_base) FILTER (WHERE state = 'won') AS won_amount_base,
                  sum(days_to_close) FILTER (WHERE state = 'won') AS days_to_win,
                  count(*) FILTER (WHERE state = 'lost') AS lost_count,
                  sum(amount_base) FILTER (WHERE state = 'lost') AS lost_amount_base
             FROM bi_fact_opportunity GROUP BY owner_id) AS deals ON deals.owner_id = o.owner_id
LEFT JOIN (SELECT owner_id, count(*) AS invoice_count, sum(amount_base) AS invoiced_amount_base, sum(amount_paid_base) AS paid_amount_base
             FROM bi_fact_invoice WHERE NOT is_canceled GROUP BY owner_id) AS bills ON bills.owner_id = o.owner_id;

-- Activities as facts: who has to do what by when, what is overdue, how long things took. Recurring ones are counted by their appointments.
CREATE OR REPLACE VIEW bi_fact_activity WITH (security_invoker = true) AS
SELECT
    a.activity_id,    -- Key: the activity.
    a.activity_type,    -- Kind, as stored.
    kind.label AS activity_type_label,    -- Kind, as people read it.
    a.subject,    -- What it is about.
    a.regarding_entity,    -- Table of the record it is about.
    a.regarding_id,    -- Key of that record.
    a.owner_id,    -- User or team who is to do it; key in bi_dim_owner.
    a.state,    -- open, scheduled, completed or canceled.
    initcap(a.state) AS state_label,    -- State as people read it.
    a.status_reason,    -- Reason within the state.
    reason.label AS status_reason_label,    -- Status reason as people read it.
    a.priority,    -- low, normal or high.
    a.direction,    -- incoming or outgoing, for calls and mails.
    (a.created_at AT TIME ZONE here.time_zone)::date AS created_date,    -- Day the activity was made; key in bi_dim_date.
    (a.scheduled_end_at AT TIME ZONE here.time_zone)::date AS due_date,    -- Day it is due; key in bi_dim_date.
    (a.actual_end_at AT TIME ZONE here.time_zone)::date AS closed_date,    -- Day it was completed or canceled; key in bi_dim_date.
    a.modified_at,    -- When the activity last changed.
    a.state IN ('open', 'scheduled') AS is_open,    -- True while it is still to be done.
    a.state IN ('open', 'scheduled') AND coalesce(a.scheduled_end_at < here.moment, false) AS is_overdue,    -- True when it is to be done and the due time has passed; false without a due time.
    a.state = 'completed' AND coalesce(a.actual_end_at > a.scheduled_end_at, false) AS is_completed_late,    -- True when it was completed after the due time; false without a due time.
    a.scheduled_duration_minutes,    -- Minutes planned.
    a.actual_duration_minutes    -- Minutes it took.
FROM activity AS a
JOIN activity_type AS kind ON kind.activity_type = a.activity_type
LEFT JOIN status_reason AS reason ON (reason.entity, reason.state, reason.status_reason) = ('activity', a.state, a.status_reason)
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone,
                   coalesce(nullif(current_setting('sales_crm.now', true), '')::timestamptz, now()) AS moment
              FROM organization_setting WHERE name = 'time_zone') AS here
WHERE a.instance_type IS DISTINCT FROM 'master';

-- Taxes of quotes, orders and invoices: a row for each tax on a line, and one for a line without. Notes and lines that are not summed
-- are left out. Where tax_rounding is document the amounts are not rounded: sum them by document and rate, then round.
CREATE OR REPLACE VIEW bi_document_tax WITH (security_invoker = true) AS
SELECT
    line.entity,    -- Table of the document: quote, sales_order or invoice.
    line.record_id,    -- Key of the document in that table.
    line.document_number,    -- Number of the document.
    line.document_date,    -- Day that decided about the rates: the quote is valid from, the order was made on, the invoice bears; key in bi_dim_date.
    line.state,    -- State of the document.
    line.currency_code,    -- Currency of the amounts.
    line.line_id,    -- Key of the line in its table.
    line.tax_category,    -- Tax category of the line.
    (tax.detail ->> 'tax_rate_id')::bigint AS tax_rate_id,    -- Tax rate; empty where the tax was typed or there is none.
    tax.detail ->> 'name' AS tax_name,    -- Name of the rate when the line was made.
    (tax.detail ->> 'percentage')::numeric(7,4) AS percentage,    -- Its percentage then.
    (line.extended_amount - line.tax_amount)::numeric(19,4) AS net_amount,    -- What the line comes to without taxes; repeated for each tax of the line.
    coalesce((tax.detail ->> 'amount')::numeric, line.tax_amount)::numeric(29,10) AS tax_amount    -- The tax.
FROM (
    SELECT 'quote' AS entity, h.quote_id AS record_id, h.quote_number AS document_number, h.effective_from AS document_date, h.state, h.currency_code,
           l.quote_product_id AS line_id, l.tax_category, l.extended_amount, l.tax_amount, l.tax_details, l.line_kind
      FROM quote_product AS l
      JOIN quote AS h ON h.quote_id = l.quote_id
    UNION ALL
    SELECT 'sales_order' AS entity, h.sales_order_id AS record_id, h.order_number AS document_number, (h.created_at AT TIME ZONE here.time_zone)::date AS document_date, h.state, h.currency_code,
           l.sales_order_product_id AS line_id, l.tax_category, l.extended_amount, l.tax_amount, l.tax_details, l.line_kind
      FROM sales_order_product AS l
      JOIN sales_order AS h ON h.sales_order_id = l.sales_order_id
      CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
    UNION ALL
    SELECT 'invoice' AS entity, h.invoice_id AS record_id, h.invoice_number AS document_number, h.invoice_date AS document_date, h.state, h.currency_code,
           l.invoice_product_id AS line_id, l.tax_category, l.extended_amount, l.tax_amount, l.tax_details, l.line_kind
      FROM invoice_product AS l
      JOIN invoice AS h ON h.invoice_id = l.invoice_id
) AS line
LEFT JOIN LATERAL jsonb_array_elements(line.tax_details) AS tax (detail) ON true
WHERE line.line_kind = 'standard';

-- What customers owe: invoices with a balance, by how long they are overdue. Credit notes count negative. Sum the columns of the
-- buckets for an aging report in base currency.
CREATE OR REPLACE VIEW bi_ar_aging WITH (security_invoker = true) AS
SELECT
    i.invoice_id,    -- Key: the invoice; key in bi_fact_invoice.
    i.invoice_number,    -- Number of the invoice.
    i.invoice_type,    -- invoice, credit_note or down_payment.
    i.account_id,    -- Customer; key in bi_dim_account, empty when the customer is a person.
    i.contact_id,    -- Contact of the invoice, the customer when there is no account.
    coalesce(account.name, contact.full_name) AS customer_name,    -- Name of the account, else of the contact.
    i.owner_id,    -- Owner of the invoice, user or team; key in bi_dim_owner.
    i.currency_code,    -- Currency of the amounts.
    i.invoice_date,    -- Date of the invoice.
    i.due_date,    -- When it is to be paid.
    greatest(age.days, 0) AS days_overdue,    -- Days since the due date; 0 when it is not past.
    age.days > 0 AND i.balance_amount > 0 AS is_overdue,    -- True when the due date has passed; never for a credit note.
    CASE WHEN age.days <= 0 THEN 'not_due' WHEN age.days <= 30 THEN '1_30' WHEN age.days <= 60 THEN '31_60'
         WHEN age.days <= 90 THEN '61_90' ELSE 'over_90' END AS aging_bucket,    -- not_due, 1_30, 31_60, 61_90 or over_90 days past the due date.
    i.total_amount,    -- What the invoice comes to.
    i.amount_paid,    -- Sum of its payments.
    i.balance_amount,    -- What is left to pay; negative for a credit note.
    owed.base AS balance_base,    -- What is left to pay, in base currency.
    CASE WHEN age.days <= 0 THEN owed.base ELSE 0 END::numeric(19,4) AS not_due_base,    -- The balance in base currency when it is not due yet.
    CASE WHEN age.days BETWEEN 1 AND 30 THEN owed.base ELSE 0 END::numeric(19,4) AS overdue_1_30_base,    -- The balance in base currency, 1 to 30 days past.
    CASE WHEN age.days BETWEEN 31 AND 60 THEN owed.base ELSE 0 END::numeric(19,4) AS overdue_31_60_base,    -- The balance in base currency, 31 to 60 days past.
    CASE WHEN age.days BETWEEN 61 AND 90 THEN owed.base ELSE 0 END::numeric(19,4) AS overdue_61_90_base,    -- The balance in base currency, 61 to 90 days past.
    CASE WHEN age.days > 90 THEN owed.base ELSE 0 END::numeric(19,4) AS overdue_over_90_base    -- The balance in base currency, more than 90 days past.
FROM invoice AS i
CROSS JOIN (SELECT (coalesce(nullif(current_setting('sales_crm.now', true), '')::timestamptz, now()) AT TIME ZONE coalesce(nullif(max(value), ''), 'UTC'))::date AS today FROM organization_setting WHERE name = 'time_zone') AS here
CROSS JOIN LATERAL (SELECT coalesce(i.due_date, i.invoice_date) AS day) AS due
CROSS JOIN LATERAL (SELECT CASE WHEN due.day < here.today THEN here.today - greatest(due.day, date '1900-01-01') ELSE 0 END AS days) AS age
CROSS JOIN LATERAL (SELECT round(i.balance_amount / i.exchange_rate, 4)::numeric(19,4) AS base) AS owed
LEFT JOIN account ON account.account_id = i.account_id
LEFT JOIN contact ON contact.contact_id = i.contact_id
WHERE i.state <> 'canceled' AND i.balance_amount <> 0;

-- Ordered, delivered, invoiced, paid: a row for each line of the orders that are not canceled. Amounts are those of the lines, with
-- their tax; freight and discount of an order as a whole belong to no line.
CREATE OR REPLACE VIEW bi_order_backlog WITH (security_invoker = true) AS
SELECT
    l.sales_order_product_id,    -- Key: the line; key in bi_fact_order_line.
    l.line_number,    -- Place of the line in the order.
    h.sales_order_id,    -- Order the line belongs to.
    h.order_number,    -- Number of the order.
    h.state,    -- State of the order: active, submitted, fulfilled or invoiced.
    h.account_id,    -- Customer; key in bi_dim_account, empty when the customer is a person.
    h.contact_id,    -- Contact of the order, the customer when there is no account.
    coalesce(account.name, contact.full_name) AS customer_name,    -- Name of the account, else of the contact.
    h.owner_id,    -- Owner of the order, user or team; key in bi_dim_owner.
    l.product_id,    -- Product; key in bi_dim_product, empty for a write-in.
    coalesce(product.name, l.product_description) AS item_name,    -- Name of the product, or the text of a write-in.
    unit.name AS unit_name,    -- Unit of the quantities; empty for a write-in.
    coalesce(l.requested_delivery_date, h.requested_delivery_date) AS requested_delivery_date,    -- When the customer wants the line, else the order.
    l.quantity AS quantity_ordered,    -- Quantity ordered.
    l.quantity_delivered,    -- Quantity delivered, returns not taken off.
    l.quantity_returned,    -- Quantity of that taken back.
    l.quantity_invoiced,    -- Quantity invoiced, less what credit notes took back.
    rest.to_deliver AS quantity_open_to_deliver,    -- Quantity still to be delivered; 0 once the order is fulfilled.
    rest.to_invoice AS quantity_open_to_invoice,    -- Quantity still to be invoiced: neither invoiced nor returned.
    h.currency_code,    -- Currency of the amounts.
    l.extended_amount AS ordered_amount,    -- What the line comes to: less discount, with tax.
    round(l.extended_amount / h.exchange_rate, 4)::numeric(19,4) AS ordered_amount_base,    -- The same in base currency.
    round(l.extended_amount * share.to_deliver, 4)::numeric(19,4) AS open_to_deliver_amount,    -- Its part still to be delivered.
    round(l.extended_amount * share.to_deliver / h.exchange_rate, 4)::numeric(19,4) AS open_to_deliver_amount_base,    -- The same in base currency.
    coalesce(billed.amount, 0)::numeric(19,4) AS invoiced_amount,    -- What its invoice lines come to, less credit notes.
    round(coalesce(billed.amount, 0) / h.exchange_rate, 4)::numeric(19,4) AS invoiced_amount_base,    -- The same in base currency, at the order's rate.
    round(l.extended_amount * share.to_invoice, 4)::numeric(19,4) AS open_to_invoice_amount,    -- Its part still to be invoiced.
    round(l.extended_amount * share.to_invoice / h.exchange_rate, 4)::numeric(19,4) AS open_to_invoice_amount_base,    -- The same in base currency.
    round(coalesce(billed.paid, 0), 4)::numeric(19,4) AS paid_amount,    -- Its share of what was paid of its invoices, with what an early payment saved.
    round(coalesce(billed.paid, 0) / h.exchange_rate, 4)::numeric(19,4) AS paid_amount_base,    -- The same in base currency, at the order's rate.
    rest.to_deliver <> 0 AND coalesce(l.requested_delivery_date, h.requested_delivery_date) < here.today AS is_late    -- True when something is to be delivered and the day is past.
FROM sales_order_product AS l
JOIN sales_order AS h ON h.sales_order_id = l.sales_order_id
CROSS JOIN (SELECT (coalesce(nullif(current_setting('sales_crm.now', true), '')::timestamptz, now()) AT TIME ZONE coalesce(nullif(max(value), ''), 'UTC'))::date AS today FROM organization_setting WHERE name = 'time_zone') AS here
CROSS JOIN LATERAL (SELECT (CASE WHEN h.state NOT IN ('active', 'submitted') OR abs(l.quantity_delivered) >= abs(l.quantity) THEN 0
                                 ELSE l.quantity - l.quantity_delivered END)::numeric(18,5) AS to_deliver,
                           (CASE WHEN abs(l.quantity_returned + l.quantity_invoiced) >= abs(l.quantity) THEN 0
                                 ELSE l.quantity - l.quantity_returned - l.quantity_invoiced END)::numeric(18,5) AS to_invoice) AS rest
CROSS JOIN LATERAL (SELECT coalesce(rest.to_deliver / nullif(l.quantity, 0), 0) AS to_deliver,
                           coalesce(rest.to_invoice / nullif(l.quantity, 0), 0) AS to_invoice) AS share
LEFT JOIN (SELECT b.sales_order_product_id, sum(b.extended_amount) AS amount,
                  sum(b.extended_amount * (i.amount_paid + i.early_payment_discount_amount) / nullif(i.total_amount, 0)) AS paid
             FROM invoice_product AS b
             JOIN invoice AS i ON i.invoice_id = b.invoice_id
            WHERE i.state <> 'canceled' AND b.line_kind = 'standard' AND b.sales_order_product_id IS NOT NULL
            GROUP BY b.sales_order_product_id) AS billed ON billed.sales_order_product_id = l.sales_order_product_id
LEFT JOIN account ON account.account_id = h.account_id
LEFT JOIN contact ON contact.contact_id = h.contact_id
LEFT JOIN product ON product.product_id = l.product_id
LEFT JOIN unit ON unit.unit_id = l.unit_id
WHERE l.line_kind = 'standard' AND h.state <> 'canceled';

-- The progress of each order that is not canceled: what is delivered, invoiced and paid of it, whatever its state says.
CREATE OR REPLACE VIEW bi_order_progress WITH (security_invoker = true) AS
SELECT
    h.sales_order_id,    -- Key: the order.
    h.order_number,    -- Number of the order.
    h.account_id,    -- Customer; key in bi_dim_account, empty when the customer is a person.
    h.contact_id,    -- Contact of the order, the customer when there is no account.
    coalesce(account.name, contact.full_name) AS customer_name,    -- Name of the account, else of the contact.
    h.owner_id,    -- Owner of the order, user or team; key in bi_dim_owner.
    h.state,    -- State of the order: active, submitted, fulfilled or invoiced.
    h.status_reason,    -- Reason within the state.
    CASE WHEN h.state = 'invoiced' OR (h.state = 'fulfilled' AND h.status_reason = 'complete') THEN 'complete'
         WHEN NOT coalesce(lines.is_delivering, false) THEN 'none'
         WHEN lines.is_delivered THEN 'complete' ELSE 'partial' END AS delivery_status,    -- none, partial or complete; a completed order is delivered.
    CASE WHEN NOT progress.is_billing THEN 'none' WHEN progress.is_billed THEN 'complete' ELSE 'partial' END AS billing_status,    -- none, partial or complete: what is invoiced of the quantities not returned.
    CASE WHEN progress.is_billed AND bills.balance = 0 THEN 'complete'
         WHEN coalesce(bills.settled, 0) = 0 THEN 'none' ELSE 'partial' END AS payment_status,    -- none, partial or complete: complete when all is invoiced and nothing is left to pay.
    coalesce(lines.is_late, false) AS is_late,    -- True when a line is to be delivered and its day is past.
    lines.requested_delivery_date,    -- First day that a line still to be delivered is wanted.
    h.currency_code,    -- Currency of the amounts.
    h.total_amount AS ordered_amount,    -- What the order comes to, with freight and tax.
    h.total_amount_base AS ordered_amount_base,    -- The same in base currency.
    coalesce(lines.open_to_deliver_amount, 0)::numeric(24,4) AS open_to_deliver_amount,    -- Lines still to be delivered.
    coalesce(lines.open_to_deliver_amount_base, 0)::numeric(24,4) AS open_to_deliver_amount_base,    -- The same in base currency.
    coalesce(bills.amount, 0)::numeric(24,4) AS invoiced_amount,    -- What its invoices come to, less credit notes.
    round(coalesce(bills.amount, 0) / h.exchange_rate, 4)::numeric(24,4) AS invoiced_amount_base,    -- The same in base currency, at the order's rate.
    coalesce(lines.open_to_invoice_amount, 0)::numeric(24,4) AS open_to_invoice_amount,    -- Lines still to be invoiced.
    coalesce(lines.open_to_invoice_amount_base, 0)::numeric(24,4) AS open_to_invoice_amount_base,    -- The same in base currency.
    coalesce(bills.paid, 0)::numeric(24,4) AS paid_amount,    -- Payments of its invoices, less what was paid out.
    round(coalesce(bills.paid, 0) / h.exchange_rate, 4)::numeric(24,4) AS paid_amount_base,    -- The same in base currency, at the order's rate.
    coalesce(bills.balance, 0)::numeric(24,4) AS balance_amount    -- What is left to pay of its invoices.
FROM sales_order AS h
LEFT JOIN (SELECT sales_order_id,
                  bool_or(quantity_delivered <> 0) AS is_delivering,
                  bool_and(abs(quantity_delivered) >= abs(quantity_ordered)) AS is_delivered,
                  bool_or(quantity_invoiced <> 0) AS is_billing,
                  bool_and(quantity_open_to_invoice = 0) AS is_billed,
                  bool_or(is_late) AS is_late,
                  min(requested_delivery_date) FILTER (WHERE quantity_open_to_deliver <> 0) AS requested_delivery_date,
                  sum(open_to_deliver_amount) AS open_to_deliver_amount, sum(open_to_deliver_amount_base) AS open_to_deliver_amount_base,
                  sum(open_to_invoice_amount) AS open_to_invoice_amount, sum(open_to_invoice_amount_base) AS open_to_invoice_amount_base
             FROM bi_order_backlog
            GROUP BY sales_order_id) AS lines ON lines.sales_order_id = h.sales_order_id
LEFT JOIN (SELECT sales_order_id, sum(total_amount) AS amount, sum(amount_paid) AS paid,
                  sum(amount_paid + early_payment_discount_amount) AS settled, sum(balance_amount) AS balance
             FROM invoice
            WHERE state <> 'canceled' AND sales_order_id IS NOT NULL
            GROUP BY sales_order_id) AS bills ON bills.sales_order_id = h.sales_order_id
CROSS JOIN LATERAL (SELECT bills.sales_order_id IS NOT NULL OR coalesce(lines.is_billing, false) AS is_billing,
                           bills.sales_order_id IS NOT NULL AND coalesce(lines.is_billed, true) AS is_billed) AS progress
LEFT JOIN account ON account.account_id = h.account_id
LEFT JOIN contact ON contact.contact_id = h.contact_id
WHERE h.state <> 'canceled';

-- The numbers of invoices, one row each: in use, canceled, or deleted while the series was gapless. For an auditor who asks for every number.
CREATE OR REPLACE VIEW bi_invoice_number_trail WITH (security_invoker = true) AS
SELECT
    i.invoice_number,    -- The number.
    CASE WHEN i.state = 'canceled' THEN 'canceled' ELSE 'used' END AS number_state,    -- used, canceled or deleted.
    i.invoice_id,    -- The invoice; of a deleted one the key it had.
    i.invoice_type,    -- invoice, credit_note or down_payment; empty when deleted.
    i.invoice_date,    -- Date of the invoice; empty when deleted.
    (closing.changed_at AT TIME ZONE here.time_zone)::date AS voided_date,    -- Day it was canceled or deleted; empty while in use.
    closing.changed_by AS voided_by,    -- Owner (user or team) who canceled or deleted it.
    closing.description AS reason,    -- What the one who canceled it said, or deleted.
    i.currency_code,    -- Currency of the total.
    i.total_amount,    -- What the invoice comes to; a canceled one keeps it, a deleted one has none.
    i.total_amount_base    -- The same in base currency.
FROM invoice AS i
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
LEFT JOIN (SELECT DISTINCT ON (record_id) record_id, changed_at, changed_by, description
             FROM status_history
            WHERE entity = 'invoice' AND to_state = 'canceled'
            ORDER BY record_id, status_history_id DESC) AS closing ON closing.record_id = i.invoice_id AND i.state = 'canceled'
UNION ALL
SELECT v.number, 'deleted', v.record_id, NULL, NULL, (v.voided_at AT TIME ZONE here.time_zone)::date, v.voided_by, v.reason, NULL, NULL::numeric(19,4), NULL::numeric(19,4)
FROM number_void AS v
CROSS JOIN (SELECT coalesce(nullif(max(value), ''), 'UTC') AS time_zone FROM organization_setting WHERE name = 'time_zone') AS here
WHERE v.series = 'invoice';

-- Time in the stages of processes, one row for each stay in a stage: where deals wait. Sum or average minutes by process and stage.
CREATE OR REPLACE VIEW bi_process_stage_duration WITH (security_invoker = true) AS
SELECT
    h.process_stage_history_id,    -- Key of the stay.
    i.process_instance_id,    -- Instance of the process.
    i.process_id,    -- Process.
    p.name AS process,    -- Name of the process.
    h.process_stage_id,    -- Stage.
    s.name AS stage,    -- Name of the stage.
    s.category,    -- Category of the stage, such as develop.
    s.entity,    -- Table that the stage is about.
    i.lead_id,    -- Lead of the instance.
    i.opportunity_id,    -- Opportunity of the instance.
    i.quote_id,    -- Quote of the instance.
    i.sales_order_id,    -- Order of the instance.
    i.invoice_id,    -- Invoice of the instance.
    h.direction,    -- How it came to the stage: start, forward, back, set or reactivate.
    h.changed_by AS owner_id,    -- Owner (user or team) who moved it there.
    h.entered_at,    -- When it came to the stage.
    h.left_at,    -- When it left it; empty while it stays.
    coalesce(h.minutes, extract(epoch FROM now() - h.entered_at) / 60)::numeric(18,2) AS minutes,    -- Minutes in the stage, until now while it stays.
    h.left_at IS NULL AS is_active,    -- True: it stands there now.
    h.path_position IS NOT NULL AS is_on_path,    -- True: the stage is on the path; false: the instance went back behind it.
    i.state AS process_state    -- active, finished or aborted.
FROM process_stage_history AS h
JOIN process_instance AS i ON i.process_instance_id = h.process_instance_id
JOIN process AS p ON p.process_id = i.process_id
JOIN process_stage AS s ON s.process_stage_id = h.process_stage_id;
