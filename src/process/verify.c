/*
 * verify.c
 *	  The invariants of processes, for verify().
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "activity/activity.h"
#include "process/flow.h"

static char *records_gone(CrmOrganization *org, const void *argument);

static CrmCheck checks[] = {
	{"process_path", "process_instance", {
			.sql = "SELECT i.process_instance_id, 'its path has ' || h.n || ' of ' || i.path_length || ' stages' "
			"FROM @process_instance i, LATERAL (SELECT count(*) AS n, max(path_position) AS last, "
			"max(process_stage_id) FILTER (WHERE path_position = i.path_length) AS stage_id FROM @process_stage_history h "
			"WHERE h.process_instance_id = i.process_instance_id AND h.path_position IS NOT NULL) h "
			"WHERE h.n <> i.path_length OR h.last IS DISTINCT FROM i.path_length OR h.stage_id IS DISTINCT FROM i.active_stage_id"}},
	{"process_stage", "process_instance", {
			.sql = "SELECT i.process_instance_id, 'stage \"' || s.name || '\" is of another process' FROM @process_instance i "
			"JOIN @process_stage s ON s.process_stage_id = i.active_stage_id OR s.process_stage_id IN ("
			"SELECT h.process_stage_id FROM @process_stage_history h WHERE h.process_instance_id = i.process_instance_id) "
			"WHERE s.process_id <> i.process_id"}},
	{"process_stay", "process_instance", {
			.sql = "SELECT i.process_instance_id, i.state || ', with ' || h.n || ' stays that go on' FROM @process_instance i, "
			"LATERAL (SELECT count(*) AS n FROM @process_stage_history h WHERE h.process_instance_id = i.process_instance_id AND h.left_at IS NULL) h "
			"WHERE h.n <> CASE WHEN i.state = 'active' THEN 1 ELSE 0 END"}},
	{"process_completed", "process_instance", {
			.sql = "SELECT process_instance_id, 'is ' || state || ', completed at ' || coalesce(completed_at::text, 'no time') FROM @process_instance "
			"WHERE (state = 'active') = (completed_at IS NOT NULL) OR (completed_at IS NULL) <> (duration_minutes IS NULL)"}},
	{"process_records", "process_instance", {
			.sql = "SELECT i.process_instance_id, 'the records it works on do not belong together' FROM @process_instance i "
			"LEFT JOIN @lead l ON l.lead_id = i.lead_id LEFT JOIN @opportunity o ON o.opportunity_id = i.opportunity_id "
			"LEFT JOIN @quote q ON q.quote_id = i.quote_id LEFT JOIN @sales_order r ON r.sales_order_id = i.sales_order_id "
			"LEFT JOIN @invoice v ON v.invoice_id = i.invoice_id "
			"WHERE (i.lead_id IS NOT NULL AND i.opportunity_id IS NOT NULL AND l.qualified_opportunity_id IS DISTINCT FROM i.opportunity_id "
			"AND o.originating_lead_id IS DISTINCT FROM i.lead_id) "
			"OR (i.opportunity_id IS NOT NULL AND i.quote_id IS NOT NULL AND q.opportunity_id IS DISTINCT FROM i.opportunity_id) "
			"OR (i.opportunity_id IS NOT NULL AND i.sales_order_id IS NOT NULL AND r.opportunity_id IS DISTINCT FROM i.opportunity_id "
			"AND (r.quote_id IS NULL OR r.quote_id IS DISTINCT FROM i.quote_id)) "
			"OR (i.sales_order_id IS NOT NULL AND i.invoice_id IS NOT NULL AND v.sales_order_id IS DISTINCT FROM i.sales_order_id "
			"AND (v.opportunity_id IS NULL OR v.opportunity_id IS DISTINCT FROM i.opportunity_id)) "
			"OR CASE i.entity WHEN 'lead' THEN i.lead_id WHEN 'opportunity' THEN i.opportunity_id WHEN 'quote' THEN i.quote_id "
			"WHEN 'sales_order' THEN i.sales_order_id WHEN 'invoice' THEN i.invoice_id "
			"ELSE (SELECT o.record_id FROM @process_instance_record o WHERE o.process_instance_id = i.process_instance_id AND o.entity = i.entity) END IS DISTINCT FROM i.record_id"}},
	{"process_active_record", "process_instance", {
			.sql = "SELECT i.process_instance_id, 'stage \"' || s.name || '\" has no ' || s.entity FROM @process_instance i "
			"JOIN @process_stage s ON s.process_stage_id = i.active_stage_id "
			"WHERE CASE s.entity WHEN 'lead' THEN i.lead_id WHEN 'opportunity' THEN i.opportunity_id WHEN 'quote' THEN i.quote_id "
			"WHEN 'sales_order' THEN i.sales_order_id WHEN 'invoice' THEN i.invoice_id "
			"ELSE (SELECT o.record_id FROM @process_instance_record o WHERE o.process_instance_id = i.process_instance_id AND o.entity = s.entity) END IS NULL"}},
	{"process_completion", "process_step_completion", {
			.sql = "SELECT c.process_step_completion_id, 'step \"' || t.label || '\" is of another process' FROM @process_step_completion c "
			"JOIN @process_instance i USING (process_instance_id) JOIN @process_step t USING (process_step_id) "
			"JOIN @process_stage s USING (process_stage_id) WHERE s.process_id <> i.process_id"}},
	{"process_twice", "process_instance", {
			.sql = "SELECT max(process_instance_id), 'process ' || process_id || ' works ' || count(*) || ' times on ' || entity || ' ' || record_id "
			"FROM @process_instance GROUP BY process_id, entity, record_id HAVING count(*) > 1"}}
};

static CrmStatement select_entities = {
	.sql = "SELECT DISTINCT entity FROM @process_instance_record ORDER BY 1"
};

/* process_add_checks registers the checks of this room. */
void
process_add_checks(void)
{
	core_add_checks(checks, lengthof(checks));
	core_add_built_check("process_record_gone", "process_instance_record", records_gone, NULL);
}

/* records_gone writes the text of a check: active instances that work on what is not there any more, in tables of the organization's owner whose rows the caller reads, all of them. */
static char *
records_gone(CrmOrganization *org, const void *argument)
{
	char	   *query = "SELECT NULL::bigint, NULL::text WHERE false";
	uint64		n = core_run(org, &select_entities, NULL);

	for (uint64 i = 0; i < n; i++)
	{
		FlowEntity	entity = flow_entity_named(core_result_name(i, 1));
		bool		is_there = flow_is_there(org, entity);

		if (is_there && (!activity_is_seen(core_table(org, flow_entity_name(entity))) || !core_is_owners(org, flow_entity_name(entity))))
			continue;
		query = psprintf("%s UNION ALL SELECT o.process_instance_record_id, o.entity || ' ' || o.record_id || ' is gone' "
						 "FROM @process_instance_record o JOIN @process_instance i USING (process_instance_id) "
						 "WHERE i.state = 'active' AND o.entity = %s", query, quote_literal_cstr(flow_entity_name(entity)));
		if (is_there)
			query = psprintf("%s AND NOT EXISTS (SELECT FROM @%s t WHERE t.%s = o.record_id)", query,
							 flow_sql_name(entity), flow_sql_key(entity));
	}
	return query;
}
