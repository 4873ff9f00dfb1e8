-- document: quotes, orders, invoices and their lines.

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON quote FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON quote FOR EACH ROW EXECUTE FUNCTION guard('quote');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON quote FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('quote');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON quote REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('quote');
CREATE OR REPLACE TRIGGER t55_void_numbers AFTER DELETE ON quote REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION void_numbers('quote');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON quote FOR EACH ROW EXECUTE FUNCTION check_born('quote', 'draft', 'in_progress');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON quote_product FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON quote_product FOR EACH ROW EXECUTE FUNCTION guard('quote_product');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON quote_product FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('quote_product');
CREATE OR REPLACE TRIGGER t40_roll_up_insert AFTER INSERT ON quote_product REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('quote_product');
CREATE OR REPLACE TRIGGER t40_roll_up_update AFTER UPDATE ON quote_product REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('quote_product');
CREATE OR REPLACE TRIGGER t40_roll_up_delete AFTER DELETE ON quote_product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('quote_product');
CREATE OR REPLACE TRIGGER t46_check_alternative_insert AFTER INSERT ON quote_product FOR EACH ROW WHEN (NEW.alternative_to_id IS NOT NULL) EXECUTE FUNCTION check_alternative();
CREATE OR REPLACE TRIGGER t46_check_alternative_update AFTER UPDATE ON quote_product FOR EACH ROW WHEN (NEW.alternative_to_id IS DISTINCT FROM OLD.alternative_to_id OR NEW.line_kind IS DISTINCT FROM OLD.line_kind OR NEW.quote_id IS DISTINCT FROM OLD.quote_id) EXECUTE FUNCTION check_alternative();

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON sales_order FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON sales_order FOR EACH ROW EXECUTE FUNCTION guard('sales_order');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON sales_order FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('sales_order');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON sales_order REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('sales_order');
CREATE OR REPLACE TRIGGER t55_void_numbers AFTER DELETE ON sales_order REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION void_numbers('sales_order');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON sales_order FOR EACH ROW EXECUTE FUNCTION check_born('sales_order', 'active', 'new');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON sales_order_product FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON sales_order_product FOR EACH ROW EXECUTE FUNCTION guard('sales_order_product');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON sales_order_product FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('sales_order_product');
CREATE OR REPLACE TRIGGER t40_roll_up_insert AFTER INSERT ON sales_order_product REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('sales_order_product');
CREATE OR REPLACE TRIGGER t40_roll_up_update AFTER UPDATE ON sales_order_product REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('sales_order_product');
CREATE OR REPLACE TRIGGER t40_roll_up_delete AFTER DELETE ON sales_order_product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('sales_order_product');

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON invoice FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION guard('invoice');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('invoice');
CREATE OR REPLACE TRIGGER t50_record_state AFTER UPDATE ON invoice REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION record_state('invoice');
CREATE OR REPLACE TRIGGER t55_void_numbers AFTER DELETE ON invoice REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION void_numbers('invoice');
CREATE OR REPLACE TRIGGER t51_check_born AFTER INSERT ON invoice FOR EACH ROW EXECUTE FUNCTION check_born('invoice', 'active', 'new');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON invoice_product FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON invoice_product FOR EACH ROW EXECUTE FUNCTION guard('invoice_product');
CREATE OR REPLACE TRIGGER t20_activities BEFORE DELETE ON invoice_product FOR EACH ROW EXECUTE FUNCTION activity_go_with_record('invoice_product');
CREATE OR REPLACE TRIGGER t40_roll_up_insert AFTER INSERT ON invoice_product REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('invoice_product');
CREATE OR REPLACE TRIGGER t40_roll_up_update AFTER UPDATE ON invoice_product REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('invoice_product');
CREATE OR REPLACE TRIGGER t40_roll_up_delete AFTER DELETE ON invoice_product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION roll_up('invoice_product');

CREATE OR REPLACE TRIGGER t45_count_invoiced_insert AFTER INSERT ON invoice_product REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_invoiced();
CREATE OR REPLACE TRIGGER t45_count_invoiced_update AFTER UPDATE ON invoice_product REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_invoiced();
CREATE OR REPLACE TRIGGER t45_count_invoiced_delete AFTER DELETE ON invoice_product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_invoiced();
CREATE OR REPLACE TRIGGER t45_recount_invoice AFTER UPDATE ON invoice FOR EACH ROW WHEN (NEW.invoice_type IS DISTINCT FROM OLD.invoice_type) EXECUTE FUNCTION recount_invoice();

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON number_void FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON number_void FOR EACH ROW EXECUTE FUNCTION guard('number_void');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON payment_term FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON payment_term FOR EACH ROW EXECUTE FUNCTION guard('payment_term');
CREATE OR REPLACE TRIGGER t60_offer_terms AFTER INSERT OR UPDATE OR DELETE ON payment_term FOR EACH ROW EXECUTE FUNCTION offer_terms();
CREATE OR REPLACE TRIGGER t90_config_changed AFTER INSERT OR UPDATE OR DELETE ON payment_term FOR EACH ROW EXECUTE FUNCTION config_changed();

CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON quote_close FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON quote_close FOR EACH ROW EXECUTE FUNCTION guard('quote_close');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON order_close FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON order_close FOR EACH ROW EXECUTE FUNCTION guard('order_close');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON payment FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON payment FOR EACH ROW EXECUTE FUNCTION guard('payment');
CREATE OR REPLACE TRIGGER t65_follow_price_list AFTER UPDATE OF price_list_id, ship_to_country, ship_to_state_or_province, bill_to_country, bill_to_state_or_province, effective_from ON quote FOR EACH ROW EXECUTE FUNCTION follow_price_list('quote_product');
CREATE OR REPLACE TRIGGER t65_follow_price_list AFTER UPDATE OF price_list_id, ship_to_country, ship_to_state_or_province, bill_to_country, bill_to_state_or_province ON sales_order FOR EACH ROW EXECUTE FUNCTION follow_price_list('sales_order_product');
CREATE OR REPLACE TRIGGER t65_follow_price_list AFTER UPDATE OF price_list_id, ship_to_country, ship_to_state_or_province, bill_to_country, bill_to_state_or_province, invoice_date ON invoice FOR EACH ROW EXECUTE FUNCTION follow_price_list('invoice_product');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON delivery FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON delivery FOR EACH ROW EXECUTE FUNCTION guard('delivery');
CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON delivery_product FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();
CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON delivery_product FOR EACH ROW EXECUTE FUNCTION guard('delivery_product');
CREATE OR REPLACE TRIGGER t46_count_credited AFTER DELETE ON invoice_product REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_credited();
CREATE OR REPLACE TRIGGER t46_keep_amounts AFTER UPDATE ON invoice FOR EACH ROW WHEN (NEW.credited_invoice_id IS NULL AND (NEW.total_amount IS DISTINCT FROM OLD.total_amount OR NEW.total_tax IS DISTINCT FROM OLD.total_tax OR NEW.freight_amount IS DISTINCT FROM OLD.freight_amount OR NEW.total_discount_amount IS DISTINCT FROM OLD.total_discount_amount)) EXECUTE FUNCTION keep_amounts();
