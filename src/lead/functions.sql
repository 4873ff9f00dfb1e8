CREATE FUNCTION qualify_lead(
    lead_id bigint,
    create_account boolean DEFAULT NULL,
    create_contact boolean DEFAULT NULL,
    create_opportunity boolean DEFAULT true,
    INOUT account_id bigint DEFAULT NULL,
    INOUT contact_id bigint DEFAULT NULL,
    INOUT opportunity_id bigint DEFAULT NULL,
    currency_code text DEFAULT NULL,
    campaign_id bigint DEFAULT NULL,
    status_reason text DEFAULT NULL
) LANGUAGE c AS 'MODULE_PATHNAME', 'lead_qualify';
COMMENT ON FUNCTION qualify_lead(bigint, boolean, boolean, boolean, bigint, bigint, bigint, text, bigint, text) IS 'Qualifies an open lead: reuses or creates account and contact, creates an opportunity, and closes the lead; returns one row with the keys used (NULL = none). create_account, create_contact: NULL = create when there is none and the lead names a company or a person; an existing one, given or linked to the lead, is always reused. account_id, contact_id: existing customer to use; opportunity_id: open opportunity to join; currency_code, campaign_id: of the new opportunity, default the lead''s. Errors: 22004 no id, P0002 unknown key or currency, SC001 lead not open, SC006 no customer, SC003 reason. Rule: D§3.2.';

CREATE FUNCTION qualify_leads(
    lead_ids bigint[],
    create_account boolean DEFAULT NULL,
    create_contact boolean DEFAULT NULL,
    create_opportunity boolean DEFAULT true,
    OUT lead_id bigint,
    OUT account_id bigint,
    OUT contact_id bigint,
    OUT opportunity_id bigint,
    OUT error_code text,
    OUT error_message text
) RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'lead_qualify_many';
COMMENT ON FUNCTION qualify_leads(bigint[], boolean, boolean, boolean) IS 'Qualifies many leads as one set operation and returns a row for each key given, in that order: the keys used, or error_code (SQLSTATE) and error_message for one that could not be qualified; the others are done. A repeated key reports SC001. Flags as in qualify_lead(). Errors: 22004 no list or a NULL in it. Rule: D§3.2.';

CREATE FUNCTION preview_qualify_lead(
    lead_id bigint,
    OUT entity text,
    OUT action text,
    OUT record_id bigint,
    OUT name text
) RETURNS SETOF record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'lead_preview';
COMMENT ON FUNCTION preview_qualify_lead(bigint) IS 'Tells what qualify_lead() would do with a lead, without doing it: a row for account, contact and opportunity with action create (and the name) or reuse (and the key). Errors as qualify_lead(). Rule: D§3.2.';

CREATE FUNCTION disqualify_lead(
    lead_id bigint,
    status_reason text DEFAULT 'lost',
    description text DEFAULT NULL,
    OUT state text
) LANGUAGE c AS 'MODULE_PATHNAME', 'lead_disqualify';
COMMENT ON FUNCTION disqualify_lead(bigint, text, text) IS 'Closes an open lead that does not fit (status_reason lost, cannot_contact, no_longer_interested or canceled) and returns its state, disqualified. The description goes to status_history. Errors: 22004, P0002, SC001 not open, SC003 reason. Rule: D§3.2.';

CREATE FUNCTION reopen_lead(lead_id bigint, status_reason text DEFAULT 'new', OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'lead_reopen';
COMMENT ON FUNCTION reopen_lead(bigint, text) IS 'Opens a qualified or disqualified lead again and returns its state, open. It keeps its links; qualified again, it makes another opportunity. Errors: 22004, P0002, SC001 not closed, SC003 reason. Rule: D§3.2.';

CREATE FUNCTION create_opportunity_from_lead(lead_id bigint, name text DEFAULT NULL, OUT opportunity_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'lead_create_opportunity';
COMMENT ON FUNCTION create_opportunity_from_lead(bigint, text) IS 'Makes a further opportunity from a qualified lead, for its account or contact, and returns its key. name: default the lead''s subject, else the customer''s name. Errors: 22004, P0002, SC001 not qualified, SC006 no customer. Rule: D§3.2.';
