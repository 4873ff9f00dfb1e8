-- automation: rules are checked when saved and kept in memory. The triggers that fire them, t80_automation_.., come and go with the rules.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON automation_rule FOR EACH ROW EXECUTE FUNCTION guard('automation_rule');
CREATE OR REPLACE TRIGGER t80_settle_insert AFTER INSERT ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION settle_automation();
CREATE OR REPLACE TRIGGER t80_settle_update AFTER UPDATE OF entity, event, is_active ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION settle_automation();
CREATE OR REPLACE TRIGGER t80_settle_delete AFTER DELETE ON automation_rule FOR EACH STATEMENT EXECUTE FUNCTION settle_automation();
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON automation_rule FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_action FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON automation_action FOR EACH ROW EXECUTE FUNCTION guard('automation_action');
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON automation_action FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_run FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_worker FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON automation_queue FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON outbox_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON outbox_consumer FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON outbox_reading FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();

-- Territories, calendars and policies. Territories are kept in memory here too.
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON territory FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON territory_area FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON territory_area FOR EACH ROW EXECUTE FUNCTION guard('territory_area');
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON territory_area FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON working_calendar FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON working_calendar FOR EACH ROW EXECUTE FUNCTION guard('working_calendar');
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON working_calendar FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON working_hours FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON working_hours FOR EACH ROW EXECUTE FUNCTION guard('working_hours');
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON working_hours FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON holiday FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON holiday FOR EACH ROW EXECUTE FUNCTION guard('holiday');
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON holiday FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON assignment_policy FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON assignment_policy FOR EACH ROW EXECUTE FUNCTION guard('assignment_policy');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON assignment_member FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON assignment_member FOR EACH ROW EXECUTE FUNCTION guard('assignment_member');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON assignment_turn FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON assignment_charge FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON assignment_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
-- The first response to a lead: the condition costs other activities no event.
CREATE OR REPLACE TRIGGER t60_first_response_insert AFTER INSERT ON activity FOR EACH ROW WHEN (NEW.regarding_entity = 'lead' AND NEW.state = 'completed') EXECUTE FUNCTION note_first_response();
CREATE OR REPLACE TRIGGER t60_first_response_update AFTER UPDATE ON activity FOR EACH ROW WHEN (NEW.regarding_entity = 'lead' AND NEW.state = 'completed' AND (OLD.state <> 'completed' OR OLD.status_reason <> NEW.status_reason)) EXECUTE FUNCTION note_first_response();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON outbox_aggregate FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
