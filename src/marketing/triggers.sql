-- marketing: campaigns.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON campaign FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON campaign FOR EACH ROW EXECUTE FUNCTION guard('campaign');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON campaign REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('campaign');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON campaign FOR EACH ROW EXECUTE FUNCTION check_born('campaign', 'active', 'proposed');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON campaign FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('campaign');
