/*
 * automation.c
 *	  What the room brings to the library: its entities and its invariants.
 */
#include "postgres.h"

#include "automation/automation.h"
#include "automation/calendar.h"
#include "automation/rule.h"
#include "process/process.h"

static CrmCheck checks[] = {
	{"rule_without_trigger", "automation_rule", {
			.sql = "SELECT r.automation_rule_id, 'active, but no trigger of table ' || r.entity || ' fires it' FROM @automation_rule r "
			"WHERE r.is_active AND r.event IN ('created', 'updated', 'state_changed', 'assigned', 'deleted') "
			"AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid "
			"JOIN pg_catalog.pg_class own ON own.oid = r.tableoid AND own.relnamespace = c.relnamespace "
			"WHERE c.relname = r.entity AND t.tgenabled <> 'D' AND t.tgname = 't80_automation_' "
			"|| CASE r.event WHEN 'created' THEN 'insert' WHEN 'deleted' THEN 'delete' ELSE 'update' END "
			"AND t.tgargs = pg_catalog.convert_to(r.entity, pg_catalog.getdatabaseencoding()) || '\\x00'::bytea)"}},
	{"rule_without_table", "automation_rule", {
			.sql = "SELECT r.automation_rule_id, 'active, but there is no table ' || r.entity || coalesce(' with column ' || r.date_column, '') "
			"FROM @automation_rule r WHERE r.is_active AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c "
			"JOIN pg_catalog.pg_class own ON own.oid = r.tableoid AND own.relnamespace = c.relnamespace "
			"WHERE c.relname = r.entity AND c.relkind IN ('r', 'p') AND (r.date_column IS NULL OR EXISTS (SELECT FROM "
			"pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname = r.date_column AND NOT a.attisdropped)))"}},
	{"step_without_rule", "process_step", {
			.sql = "SELECT t.process_step_id, 'action step \"' || t.label || '\" of active process \"' || p.name || '\": nobody can run rule \"' || t.rule_name || '\" on ' || s.entity "
			"FROM @process p JOIN @process_stage s USING (process_id) JOIN @process_step t USING (process_stage_id) "
			"WHERE p.state = 'active' AND t.kind = 'action' AND NOT EXISTS (SELECT FROM @automation_rule r "
			"WHERE r.name = t.rule_name AND r.is_active AND r.event = 'on_demand' AND r.entity = s.entity)"}},
	{"rule_ran_twice", "automation_run", {
			.sql = "SELECT min(automation_run_id), 'rule ' || automation_rule_id || ' ran ' || count(*) || ' times for event ' || event_key "
			"FROM @automation_run WHERE outcome = 'done' GROUP BY automation_rule_id, event_key HAVING count(*) > 1"}},
	{"rule_waits_and_ran", "automation_queue", {
			.sql = "SELECT q.automation_queue_id, 'waits, but ran for event ' || q.event_key FROM @automation_queue q "
			"JOIN @automation_run r USING (automation_rule_id, event_key) WHERE r.outcome = 'done'"}},
	/* both its version and its key say that it was before one that ran before it; dates may be moved back. Organizations of version 1 have no queue_entry */
	{"queue_order", "automation_run", {
			.sql = "SELECT automation_run_id, 'ran after a later entry of ' || entity || ' ' || record_id || ' and its rule, for event ' || event_key FROM "
			"(SELECT r.automation_run_id, r.entity, r.record_id, r.event_key, entry, version, max(entry) OVER earlier AS last_entry, max(version) OVER earlier AS last_version FROM @automation_run r, "
			"LATERAL (SELECT split_part(r.event_key, ':', 3)::bigint AS version, (to_jsonb(r) ->> 'queue_entry')::bigint AS entry) v WHERE entry IS NOT NULL AND outcome IN ('done', 'skipped') "
			"AND event <> 'date_reached' WINDOW earlier AS (PARTITION BY automation_rule_id, entity, record_id, event ORDER BY automation_run_id "
			"ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) o WHERE entry < last_entry AND version < last_version"}},
	{"queue_overtaken", "automation_queue", {
			.sql = "SELECT q.automation_queue_id, 'waits for event ' || q.event_key || ', but its rule ran for event ' || max(r.event_key) FROM @automation_queue q "
			"JOIN @automation_run r USING (automation_rule_id, entity, record_id, event) WHERE r.outcome = 'done' AND q.event <> 'date_reached' "
			"AND (to_jsonb(r) ->> 'queue_entry')::bigint > q.automation_queue_id AND split_part(r.event_key, ':', 3)::bigint > split_part(q.event_key, ':', 3)::bigint "
			"GROUP BY q.automation_queue_id, q.event_key"}},
	{"outbox_number_missing", "outbox_aggregate", {
			.sql = "SELECT min(a.outbox_aggregate_id), a.aggregate_entity || ' ' || a.aggregate_id || ' had ' || a.last_number || ' events, numbers say ' "
			"|| max(e.sequence_number) || ', of which there are ' || count(*) FROM @outbox_aggregate a "
			"JOIN @outbox_event e USING (aggregate_entity, aggregate_id) GROUP BY a.aggregate_entity, a.aggregate_id, a.last_number "
			"HAVING max(e.sequence_number) <> a.last_number OR count(*) <> max(e.sequence_number) - min(e.sequence_number) + 1"}},
	{"outbox_event_uncounted", "outbox_event", {
			.sql = "SELECT e.outbox_event_id, 'no row of outbox_aggregate counts it' FROM @outbox_event e WHERE NOT EXISTS "
			"(SELECT FROM @outbox_aggregate a WHERE a.aggregate_entity = e.aggregate_entity AND a.aggregate_id = e.aggregate_id)"}}
};

/* automation_init registers the entities of this room, what must hold, and the background worker. */
void
automation_init(void)
{
	automation_rule_init();
	automation_worker_init();
	core_add_checks(checks, lengthof(checks));
	calendar_init();
	area_init();
	assign_init();
	response_init();
	process_event_hook = automation_raise_process;
	process_rule_hook = automation_run_by_hand;
	process_rule_check_hook = automation_why_not_by_hand;
}
