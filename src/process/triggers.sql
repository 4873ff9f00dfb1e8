-- process: definitions, instances, and the records that move them.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON process FOR EACH ROW EXECUTE FUNCTION guard('process');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON process REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('process');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON process FOR EACH ROW EXECUTE FUNCTION check_born('process', 'draft', 'draft');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process_stage FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON process_stage FOR EACH ROW EXECUTE FUNCTION guard('process_stage');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON process_step FOR EACH ROW EXECUTE FUNCTION guard('process_step');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process_branch FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON process_branch FOR EACH ROW EXECUTE FUNCTION guard('process_branch');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process_role FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON process_role FOR EACH ROW EXECUTE FUNCTION guard('process_role');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process_instance FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON process_instance FOR EACH ROW EXECUTE FUNCTION guard('process_instance');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON process_instance REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('process_instance');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON process_instance FOR EACH ROW EXECUTE FUNCTION check_born('process_instance', 'active', 'active');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process_instance_record FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process_stage_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON process_step_completion FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
-- An order or invoice of a deal takes the deal's process along; the conditions cost other rows nothing.
CREATE OR REPLACE TRIGGER t70_bring_process AFTER INSERT ON quote FOR EACH ROW WHEN (NEW.revision_number > 0) EXECUTE FUNCTION bring_process('quote');
CREATE OR REPLACE TRIGGER t70_bring_process AFTER INSERT ON sales_order FOR EACH ROW WHEN (NEW.opportunity_id IS NOT NULL OR NEW.quote_id IS NOT NULL) EXECUTE FUNCTION bring_process('sales_order');
CREATE OR REPLACE TRIGGER t70_bring_process AFTER INSERT ON invoice FOR EACH ROW WHEN (NEW.invoice_type = 'invoice' AND (NEW.opportunity_id IS NOT NULL OR NEW.sales_order_id IS NOT NULL)) EXECUTE FUNCTION bring_process('invoice');
-- A process that is activated puts this one on the other tables that it goes through.
-- Before the guard, which deletes the drafts of a deal: their processes must not write the deal any more.
CREATE OR REPLACE TRIGGER t05_release_process BEFORE DELETE ON lead FOR EACH ROW EXECUTE FUNCTION release_process('lead');
CREATE OR REPLACE TRIGGER t05_release_process BEFORE DELETE ON opportunity FOR EACH ROW EXECUTE FUNCTION release_process('opportunity');
CREATE OR REPLACE TRIGGER t05_release_process BEFORE DELETE ON quote FOR EACH ROW EXECUTE FUNCTION release_process('quote');
CREATE OR REPLACE TRIGGER t05_release_process BEFORE DELETE ON sales_order FOR EACH ROW EXECUTE FUNCTION release_process('sales_order');
CREATE OR REPLACE TRIGGER t05_release_process BEFORE DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION release_process('invoice');
