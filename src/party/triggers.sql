-- party: customers, and the guard of the tables of the rooms below.

CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON owner FOR EACH ROW EXECUTE FUNCTION guard('owner');
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON crm_user FOR EACH ROW EXECUTE FUNCTION guard('crm_user');
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON team FOR EACH ROW EXECUTE FUNCTION guard('team');
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON business_unit FOR EACH ROW EXECUTE FUNCTION guard('business_unit');

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON territory FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON territory FOR EACH ROW EXECUTE FUNCTION guard('territory');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON territory REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('territory');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON territory FOR EACH ROW EXECUTE FUNCTION check_born('territory', 'active', 'active');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON competitor FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON competitor FOR EACH ROW EXECUTE FUNCTION guard('competitor');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON competitor REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('competitor');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON competitor FOR EACH ROW EXECUTE FUNCTION check_born('competitor', 'active', 'active');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON account FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION guard('account');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON account REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('account');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON account FOR EACH ROW EXECUTE FUNCTION check_born('account', 'active', 'active');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON contact FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON contact FOR EACH ROW EXECUTE FUNCTION guard('contact');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON contact REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('contact');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON contact FOR EACH ROW EXECUTE FUNCTION check_born('contact', 'active', 'active');

CREATE OR REPLACE TRIGGER t40_check_hierarchy_insert AFTER INSERT ON account FOR EACH ROW WHEN (NEW.parent_account_id IS NOT NULL) EXECUTE FUNCTION check_hierarchy('account');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_update AFTER UPDATE ON account FOR EACH ROW WHEN (NEW.parent_account_id IS DISTINCT FROM OLD.parent_account_id) EXECUTE FUNCTION check_hierarchy('account');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_insert AFTER INSERT ON contact FOR EACH ROW WHEN (NEW.parent_contact_id IS NOT NULL) EXECUTE FUNCTION check_hierarchy('contact');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_update AFTER UPDATE ON contact FOR EACH ROW WHEN (NEW.parent_contact_id IS DISTINCT FROM OLD.parent_contact_id) EXECUTE FUNCTION check_hierarchy('contact');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_insert AFTER INSERT ON territory FOR EACH ROW WHEN (NEW.parent_territory_id IS NOT NULL) EXECUTE FUNCTION check_hierarchy('territory');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_update AFTER UPDATE ON territory FOR EACH ROW WHEN (NEW.parent_territory_id IS DISTINCT FROM OLD.parent_territory_id) EXECUTE FUNCTION check_hierarchy('territory');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_insert AFTER INSERT ON business_unit FOR EACH ROW WHEN (NEW.parent_business_unit_id IS NOT NULL) EXECUTE FUNCTION check_hierarchy('business_unit');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_update AFTER UPDATE ON business_unit FOR EACH ROW WHEN (NEW.parent_business_unit_id IS DISTINCT FROM OLD.parent_business_unit_id) EXECUTE FUNCTION check_hierarchy('business_unit');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_insert AFTER INSERT ON crm_user FOR EACH ROW WHEN (NEW.manager_crm_user_id IS NOT NULL) EXECUTE FUNCTION check_hierarchy('crm_user');
CREATE OR REPLACE TRIGGER t40_check_hierarchy_update AFTER UPDATE ON crm_user FOR EACH ROW WHEN (NEW.manager_crm_user_id IS DISTINCT FROM OLD.manager_crm_user_id) EXECUTE FUNCTION check_hierarchy('crm_user');
