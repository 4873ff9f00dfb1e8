-- activity: activities, and those that regard customers.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON activity FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON activity FOR EACH ROW EXECUTE FUNCTION guard('activity');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON activity REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('activity');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON activity FOR EACH ROW EXECUTE FUNCTION check_born('activity', 'open', 'open');
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON activity_party FOR EACH ROW EXECUTE FUNCTION guard('activity_party');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON activity_party FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON account FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('account');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON contact FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('contact');
