-- history: what happened stays.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON status_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
