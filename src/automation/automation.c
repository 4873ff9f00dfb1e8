/*
 * automation.c
 *	  What the room brings to the library: its entities and its invariants.
 */
#include "postgres.h"

#include "automation/automation.h"
#include "automation/calendar.h"
#include "process/process.h"

static CrmCheck checks[] = {
	{"rule_without_trigger", "automation_rule", {
			.sql = "SELECT r.automation_rule_id, 'active, but no trigger of table ' || r.entity || ' fires it' FROM @automation_rule r "
			"WHERE r.is_active AND r.event IN ('created', 'updated', 'state_changed', 'assigned', 'deleted') "
			"AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid "
			"JOIN pg_catalog.pg_class own ON own.oid = r.tableoid AND own.relnamespace = c.relnamespace "
			"WHERE c.relname = r.entity AND t.tgenabled <> 'D' AND t.tgname = 't80_automation_' "
			"|| CASE r.event WHEN 'created' THEN 'insert' WHEN 'deleted' THEN 'delete' ELSE 'update' END)"}},
	{"rule_ran_twice", "automation_run", {
			.sql = "SELECT min(automation_run_id), 'rule ' || automation_rule_id || ' ran ' || count(*) || ' times for event ' || event_key "
			"FROM @automation_run WHERE outcome = 'done' GROUP BY automation_rule_id, event_key HAVING count(*) > 1"}},
	{"rule_waits_and_ran", "automation_queue", {
			.sql = "SELECT q.automation_queue_id, 'waits, but ran for event ' || q.event_key FROM @automation_queue q "
			"JOIN @automation_run r USING (automation_rule_id, event_key) WHERE r.outcome = 'done'"}}
};

/* automation_init registers the entities of this room and what must hold. */
void
automation_init(void)
{
	automation_rule_init();
	core_add_checks(checks, lengthof(checks));
	calendar_init();
	area_init();
	assign_init();
	response_init();
	process_event_hook = automation_raise_process;
}
