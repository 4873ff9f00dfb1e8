-- upgrade: the step from version 1 to 2.

-- Keys are positive: those of all tables of version 1, and of the types of activities that were added.
DO $$
DECLARE
    -- Read before the loop: a query that is open keeps its tables from being altered.
    added text[] := ARRAY(SELECT activity_type FROM activity_type WHERE is_custom AND has_details);
    keyed record;
    wrong bigint;
BEGIN
    FOR keyed IN
        SELECT c.relname, a.attname
          FROM pg_constraint k
          JOIN pg_class c ON c.oid = k.conrelid AND c.relkind = 'r'
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
         WHERE k.contype = 'p' AND cardinality(k.conkey) = 1 AND a.atttypid = 'bigint'::regtype AND c.relnamespace = current_schema()::regnamespace
           AND (c.relname = ANY ('{access_rule,account,activity,activity_party,activity_type,activity_type_reason,activity_type_role,
                appointment,assignment_history,assignment_member,assignment_policy,assignment_turn,attachment,
                automation_action,automation_queue,automation_rule,automation_run,business_unit,campaign,column_map,
                competitor,connection,connection_role,contact,crm_user,delivery,delivery_product,discount_list,
                discount_list_item,editable_when_closed,email,exchange_rate_history,fax,holiday,invoice,
                invoice_product,lead,lead_competitor,letter,note,number_series,number_void,opportunity,
                opportunity_close,opportunity_competitor,opportunity_product,opportunity_stage_history,option_value,
                order_close,organization_setting,outbox_aggregate,outbox_consumer,outbox_event,owner,payment,
                payment_term,phone_call,price_list,price_list_item,price_list_territory,process,process_branch,
                process_instance,process_instance_record,process_role,process_stage,process_stage_history,process_step,
                process_step_completion,product,product_association,product_property,product_relationship,
                product_version,queue,queue_exit_state,queue_item,queue_member,quote,quote_close,quote_product,
                recurring_appointment,recurring_appointment_day,role_access,sales_order,sales_order_product,
                schema_version,state_transition,status_history,status_reason,task,tax_rate,tax_rule,team,territory,
                territory_area,unit,unit_group,working_calendar,working_hours}'::text[])
                OR c.relname = ANY (added))
           AND NOT EXISTS (SELECT FROM pg_constraint p
                            WHERE p.conrelid = k.conrelid AND p.contype = 'c' AND p.convalidated
                              AND replace(pg_get_constraintdef(p.oid), '"', '') = format('CHECK ((%s > 0))', a.attname))
         ORDER BY c.relname
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %I ADD CHECK (%I > 0)', keyed.relname, keyed.attname);
        EXCEPTION WHEN check_violation THEN
            EXECUTE format('SELECT min(%I) FROM %I', keyed.attname, keyed.relname) INTO wrong;
            RAISE EXCEPTION USING ERRCODE = 'check_violation', SCHEMA = current_schema(), TABLE = keyed.relname, COLUMN = keyed.attname,
                MESSAGE = format('%s %s has a key that is not positive', keyed.relname, wrong),
                DETAIL = format('From version 2 on keys are positive; table "%s.%s" has a row with %s = %s.', current_schema(), keyed.relname, keyed.attname, wrong),
                HINT = format('Give it another key, and the rows that refer to it, in one transaction between ALTER TABLE %1$I.%2$I DISABLE TRIGGER USER and ENABLE TRIGGER USER; then migrate again.',
                              current_schema(), keyed.relname);
        END;
    END LOOP;
END
$$;

UPDATE error_code SET (description, hint) = ROW (
    'The tables of this organization are of another version than the installed extension: they are read, and not written.',
    'Call sales_crm.migrate() for the organization; when it is the newer one, install the newer extension.') WHERE error_code = 'SC014';
