CREATE FUNCTION automate() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_fire';
COMMENT ON FUNCTION automate() IS 'Trigger, AFTER a statement with transition tables (argument: the entity): fires the automation rules that watch it. Made and dropped with the rules themselves.';

CREATE FUNCTION settle_automation() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_settle_triggers';
COMMENT ON FUNCTION settle_automation() IS 'Trigger, AFTER a statement on automation_rule: puts the triggers that fire active rules on their tables, and drops those that no rule needs.';

CREATE FUNCTION run_rule(rule text, record_id bigint, OUT outcome text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_run_on_demand';
COMMENT ON FUNCTION run_rule(text, bigint) IS 'Runs an automation rule of event on_demand for one record of its entity and returns the outcome: done, queued, or skipped when the condition does not hold. rule: its name. The record is locked first; the rule runs with the rights of its rule_owner. Errors: 22004, P0002 unknown rule or record, 22023 the rule is inactive, of another event, or its table is gone, SC012 it failed, SC020 it refuses.';

CREATE FUNCTION explain_rule(rule text, entity text, id bigint, OUT step integer, OUT kind text, OUT expression text, OUT result text) RETURNS SETOF record
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_explain';
COMMENT ON FUNCTION explain_rule(text, text, bigint) IS 'Shows what an automation rule would do if its event happened to a record now (new and old are the record as it is). Rows in order: kind rule (its event; active or not), condition (each part that AND joins, then the whole; result true, false, null or the error), action (would run or not) and value (each value it would use). rule: its name; entity and id: the record. Nothing is changed. For those with level admin, who may see what the rule''s owner reads. Errors: 22004, 42501 no admin, P0002 unknown rule or record, 22023 the rule is of another entity or its table is gone.';

CREATE FUNCTION dry_run(rule text, entity text, id bigint, OUT entity text, OUT record_id bigint, OUT action text, OUT detail text) RETURNS SETOF record
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_dry_run';
COMMENT ON FUNCTION dry_run(text, text, bigint) IS 'Does what an automation rule would do if its event happened to a record now, and takes it all back. A row for each thing done, by rules that it sets off too: entity and record_id of what was written, the action, and detail. Action none: the condition does not hold; action failed: the error it would end with. Sequences are not taken back. For those with level admin. Errors: 22004, 42501 no admin, P0002 unknown rule or record, 22023 the rule is of another entity or its table is gone.';

CREATE FUNCTION run_due_automation("limit" integer DEFAULT 100, OUT ran integer)
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_run_due';
COMMENT ON FUNCTION run_due_automation(integer) IS 'Runs automation rules whose time has come, at most "limit" of them, and returns how many it took: what waits in automation_queue, by due_at, and date rules (event date_reached) for the records whose date, plus the rule''s offset, has come since the rule became active and at most automation_catch_up_days ago. Each is done once: its effects and its leaving the queue are one commit. One that fails is tried again after automation_retry_seconds, then after twice as long each time; after automation_max_attempts tries it is dead (retry_dead_automation). Entries of one record are run in the order of its changes, over several rules too, and by one session at a time. One that failed holds up the later ones of its record and rule until it is done, and when it is dead until it is retried or discarded (automation_queue_waiting); other records and rules go on, dates hold up nothing but later dates of their rule and record. Several sessions may call it at once; none takes what another has. Call it until it returns 0, each time in a transaction of its own: from a scheduler such as pg_cron, from a loop, or let the background worker do it (sales_crm.worker_databases). Errors: 22023 negative limit, 42501 the caller may not read automation_queue.';

CREATE FUNCTION retry_dead_automation(automation_queue_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_retry_dead';
COMMENT ON FUNCTION retry_dead_automation(bigint) IS 'Puts an entry of automation_queue that was given up (state dead) back in line, due at once and with all its tries, and returns its state, pending. Errors: 22004, P0002 unknown entry, SC001 it is not dead, 42501 the caller may not read automation_queue.';

CREATE FUNCTION discard_dead_automation(automation_queue_id bigint, OUT state text)
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_discard_dead';
COMMENT ON FUNCTION discard_dead_automation(bigint) IS 'Takes an entry of automation_queue that was given up (state dead) out of the queue for good, so that what waits behind it goes on, and returns its state, discarded. automation_run has a row with outcome skipped about it. Errors: 22004, P0002 unknown entry, SC001 it is not dead, 42501 the caller may not read automation_queue.';

CREATE FUNCTION purge_automation_run(before timestamptz, OUT purged bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'automation_purge_runs';
COMMENT ON FUNCTION purge_automation_run(timestamptz) IS 'Deletes the rows of automation_run that started before a moment, and returns how many. Rows of event date_reached stay for the days of setting automation_catch_up_days, whatever before says: they tell which dates are worked off, and without them a rule would run again. The queue is left alone. Errors: 22004, 42501 the caller may not read automation_run.';

CREATE FUNCTION assign_lead(lead_id bigint, policy text DEFAULT NULL, OUT owner_id bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'assign_lead_by_hand';
COMMENT ON FUNCTION assign_lead(bigint, text) IS 'Gives an open lead to the owner that an assignment policy finds, whoever has it now, and returns that owner. policy: name of an active policy, which is not asked for its conditions; NULL = the first active one that is for the lead and has somebody. When nobody can take it the lead stays with its owner, who is returned; table assignment_history tells. Errors: 22004, P0002 unknown lead or policy, 22023 the policy is inactive, SC001 the lead is closed.';

CREATE FUNCTION add_working_time(start_at timestamptz, minutes integer, calendar text DEFAULT NULL, OUT end_at timestamptz)
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'calendar_add_working_time';
COMMENT ON FUNCTION add_working_time(timestamptz, integer, text) IS 'The moment that so many minutes of working time after start_at lead to: outside of working hours and on holidays time stands still, on days when the clocks change the hours are as long as they are. 0 minutes: the moment itself, or when work next begins. calendar: a name from working_calendar, NULL = the default one. NULL start or minutes give NULL. Errors: P0002 unknown calendar, 22023 negative minutes or a calendar without hours, 22008 out of range, or more than a thousand years on.';

CREATE FUNCTION working_minutes_between(start_at timestamptz, end_at timestamptz, calendar text DEFAULT NULL, OUT minutes bigint)
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'calendar_working_minutes';
COMMENT ON FUNCTION working_minutes_between(timestamptz, timestamptz, text) IS 'Whole minutes of working time from one moment to another, negative when end_at comes first. calendar: a name from working_calendar, NULL = the default one. NULL gives NULL. Errors: P0002 unknown calendar, 22008 a moment that is not finite, or more than a thousand years between the two.';

CREATE FUNCTION note_first_response() RETURNS trigger
  LANGUAGE c AS 'MODULE_PATHNAME', 'response_note';
COMMENT ON FUNCTION note_first_response() IS 'Trigger, AFTER each row of an activity about a lead that is completed: when it is a response and the lead waits for its first, stores first_response_at.';

CREATE FUNCTION read_outbox(consumer text, "limit" integer DEFAULT 100, OUT outbox_event_id bigint, OUT aggregate_entity text, OUT aggregate_id bigint,
                            OUT sequence_number bigint, OUT event_name text, OUT payload jsonb, OUT occurred_at timestamptz) RETURNS SETOF record
  LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_read';
COMMENT ON FUNCTION read_outbox(text, integer) IS 'Returns at most "limit" events of the outbox that a reader has not acknowledged, in the order of their places: no event is passed over, also when its transaction committed late, and those of one record come by sequence_number, which has no gaps. consumer: the reader''s name; a new one begins with the first event that is there. Without acknowledge_outbox() the same events come again. Notifications on channel sales_crm_outbox (payload: the organization) wake readers up while the setting outbox_notify is true; do not rely on them. Readers do not wait for one another: one transaction at a time gives events their places, and who reads meanwhile gets those without one by their keys, which for each record is the same order. Two sessions of one reader wait for one another until the commit. PREPARE TRANSACTION refuses a transaction that wrote events (0A000) while outbox_notify is true. Errors: 22004, 22023 negative limit, 42501 the caller may not read outbox_event.';

CREATE FUNCTION acknowledge_outbox(consumer text, outbox_event_id bigint, goes_back boolean DEFAULT false, OUT delivery_number bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_acknowledge';
COMMENT ON FUNCTION acknowledge_outbox(text, bigint, boolean) IS 'Notes that a reader is done with an event that read_outbox() returned and with all before it, and returns its place, delivery_number, 0 while another reader''s transaction is giving it. goes_back => true also moves it to an earlier event, with outbox_event_id 0 to the beginning, so that later ones are read again; otherwise an earlier event changes nothing. Errors: 22004, P0002 unknown consumer or event, 55000 the event was never read, 42501 the caller may not read outbox_event.';

CREATE FUNCTION purge_outbox(older_than interval DEFAULT '7 days', OUT purged bigint)
  LANGUAGE c AS 'MODULE_PATHNAME', 'outbox_purge';
COMMENT ON FUNCTION purge_outbox(interval) IS 'Deletes the events of the outbox that every reader has acknowledged and that happened longer ago than older_than, and returns how many. Without a reader nothing is deleted. Errors: 22004, 42501 the caller may not read outbox_event.';
