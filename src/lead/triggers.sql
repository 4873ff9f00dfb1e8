-- lead: leads.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON lead FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON lead FOR EACH ROW EXECUTE FUNCTION guard('lead');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON lead FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('lead');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON lead REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('lead');
-- Leads come by the million: the condition costs a COPY less than an event for each row.
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON lead FOR EACH ROW WHEN (NEW.state <> 'open' OR NEW.status_reason <> 'new') EXECUTE FUNCTION check_born('lead', 'open', 'new');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON lead_competitor FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON lead_competitor FOR EACH ROW EXECUTE FUNCTION guard('lead_competitor');
