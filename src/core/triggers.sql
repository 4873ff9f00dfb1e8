-- core: configuration is kept in memory and read anew when it changes.

CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON schema_version FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON organization_setting FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OF series, prefix, width, is_gapless, sequence_name OR DELETE ON number_series FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON organization_setting FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON number_series FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_settle_series BEFORE INSERT OR UPDATE OF is_gapless, prefix ON number_series FOR EACH ROW EXECUTE FUNCTION settle_series();
