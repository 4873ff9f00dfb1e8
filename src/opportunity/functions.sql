CREATE FUNCTION win_opportunity(
    opportunity_id bigint,
    actual_revenue numeric DEFAULT NULL,
    actual_close_date date DEFAULT NULL,
    status_reason text DEFAULT 'won',
    description text DEFAULT NULL,
    close_open_quotes boolean DEFAULT false,
    OUT activity_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'opportunity_win';
COMMENT ON FUNCTION win_opportunity(bigint, numeric, date, text, text, boolean) IS 'Closes an open opportunity as won and returns the key of the closing activity. actual_revenue: in the opportunity''s currency, default its estimated value; actual_close_date: default today in the organization''s time zone; close_open_quotes: close its draft and active quotes as canceled instead of refusing. Errors: 22004 no id, P0002 unknown, SC001 not open, SC003 reason, SC004 open quotes. Rule: D§3.3.';

CREATE FUNCTION lose_opportunity(
    opportunity_id bigint,
    status_reason text DEFAULT 'canceled',
    competitor_id bigint DEFAULT NULL,
    actual_revenue numeric DEFAULT NULL,
    actual_close_date date DEFAULT NULL,
    description text DEFAULT NULL,
    close_open_quotes boolean DEFAULT false,
    OUT activity_id bigint
) LANGUAGE c AS 'MODULE_PATHNAME', 'opportunity_lose';
COMMENT ON FUNCTION lose_opportunity(bigint, text, bigint, numeric, date, text, boolean) IS 'Closes an open opportunity as lost (status_reason canceled or out_sold) and returns the key of the closing activity. competitor_id: who won it; actual_revenue: default 0; actual_close_date: default today; close_open_quotes: close its draft and active quotes as canceled instead of refusing. Errors: 22004, P0002, SC001 not open, SC003 reason, SC004 open quotes. Rule: D§3.3.';

CREATE FUNCTION reopen_opportunity(opportunity_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'opportunity_reopen';
COMMENT ON FUNCTION reopen_opportunity(bigint) IS 'Opens a won or lost opportunity again and returns its state, open. Actual value and date are cleared, the forecast category goes back to pipeline, the closing activities stay. Errors: 22004, P0002, SC001 not closed. Rule: D§3.3.';

CREATE FUNCTION record_stage() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'opportunity_record_stage';
COMMENT ON FUNCTION record_stage() IS 'Trigger, AFTER UPDATE of a statement on opportunity with transition tables: keeps each change of the pipeline phase with value and chance.';
