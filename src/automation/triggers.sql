-- automation: rules are checked when saved and kept in memory. The triggers that fire them, t80_automation_.., come and go with the rules.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON automation_rule FOR EACH ROW EXECUTE FUNCTION guard('automation_rule');
CREATE OR REPLACE TRIGGER t80_settle_insert AFTER INSERT ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION settle_automation();
CREATE OR REPLACE TRIGGER t80_settle_update AFTER UPDATE OF entity, event, is_active ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION settle_automation();
CREATE OR REPLACE TRIGGER t80_settle_delete AFTER DELETE ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION settle_automation();
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_action FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON automation_action FOR EACH ROW EXECUTE FUNCTION guard('automation_action');
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON automation_action FOR EACH STATEMENT EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_run FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_queue FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON outbox_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON outbox_consumer FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
