-- opportunity: deals and their lines.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON opportunity FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON opportunity FOR EACH ROW EXECUTE FUNCTION guard('opportunity');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON opportunity FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('opportunity');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON opportunity REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('opportunity');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON opportunity FOR EACH ROW EXECUTE FUNCTION check_born('opportunity', 'open', 'in_progress');
CREATE OR REPLACE TRIGGER t55_record_stage AFTER UPDATE ON opportunity REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_stage();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON opportunity_product FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON opportunity_product FOR EACH ROW EXECUTE FUNCTION guard('opportunity_product');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON opportunity_product FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('opportunity_product');
CREATE OR REPLACE TRIGGER t40_roll_up_insert AFTER INSERT ON opportunity_product REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('opportunity_product');
CREATE OR REPLACE TRIGGER t40_roll_up_update AFTER UPDATE ON opportunity_product REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('opportunity_product');
CREATE OR REPLACE TRIGGER t40_roll_up_delete AFTER DELETE ON opportunity_product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('opportunity_product');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON opportunity_close FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON opportunity_close FOR EACH ROW EXECUTE FUNCTION guard('opportunity_close');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON opportunity_competitor FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON opportunity_competitor FOR EACH ROW EXECUTE FUNCTION guard('opportunity_competitor');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON opportunity_stage_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t65_follow_price_list AFTER UPDATE OF price_list_id, account_id, contact_id ON opportunity FOR EACH ROW EXECUTE FUNCTION follow_price_list('opportunity_product');
