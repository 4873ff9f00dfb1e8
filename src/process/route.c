/*
 * route.c
 *	  Where a process goes on: branches, and the record that the next stage is
 *	  about when it is of another table.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "process/flow.h"

static int64 take_branch(const Flow *flow, bool *is_taken);
static bool branch_holds(const Flow *flow, const char *column, const char *operator, const char *value);

typedef struct Branch
{
	char	   *column;
	char	   *operator;
	char	   *value;
	int64		next_id;
} Branch;

static CrmStatement select_branches = {
	.sql = "SELECT column_name, operator, value, next_stage_id FROM @process_branch "
	"WHERE process_stage_id = $1 ORDER BY sort_order, process_branch_id",
	.argtypes = {INT8OID}
};
static CrmStatement select_following = {
	.sql = "SELECT s.process_stage_id, s.name, s.entity, s.category, s.relation_column FROM @process_stage a "
	"JOIN @process_stage s ON s.process_id = a.process_id AND CASE WHEN $2 IS NULL "
	"THEN (s.sort_order, s.process_stage_id) > (a.sort_order, a.process_stage_id) ELSE s.process_stage_id = $2 END "
	"WHERE a.process_stage_id = $1 ORDER BY s.sort_order, s.process_stage_id LIMIT 1",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement find_column = {
	.sql = "SELECT s.entity FROM @process_stage s JOIN @process_step t USING (process_stage_id) "
	"LEFT JOIN @process_stage_history h ON h.process_stage_id = s.process_stage_id AND h.process_instance_id = $1 "
	"AND h.path_position IS NOT NULL "
	"WHERE t.column_name = $2 AND (s.process_stage_id = $3 OR h.path_position IS NOT NULL) "
	"ORDER BY s.process_stage_id = $3 DESC, h.path_position DESC LIMIT 1",
	.argtypes = {INT8OID, TEXTOID, INT8OID}
};

/*
 * The record of another table that follows from those at hand, in the order
 * of FlowEntity; $1 to $5 are their keys. The newest counts, closed offers
 * and canceled documents do not.
 */
static CrmStatement relations[FLOW_KNOWN] = {
	[FLOW_LEAD] = {
		.sql = "SELECT l.lead_id FROM @opportunity o JOIN @lead l ON l.lead_id = o.originating_lead_id WHERE o.opportunity_id = $2",
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
	},
	[FLOW_OPPORTUNITY] = {
		.sql = "SELECT coalesce((SELECT coalesce(l.qualified_opportunity_id, (SELECT max(o.opportunity_id) FROM @opportunity o "
		"WHERE o.originating_lead_id = l.lead_id)) FROM @lead l WHERE l.lead_id = $1 AND l.state = 'qualified'), "
		"CASE WHEN $1 IS NULL THEN coalesce((SELECT opportunity_id FROM @quote WHERE quote_id = $3), "
		"(SELECT opportunity_id FROM @sales_order WHERE sales_order_id = $5), "
		"(SELECT opportunity_id FROM @invoice WHERE invoice_id = $4)) END)",
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
	},
	[FLOW_QUOTE] = {
		.sql = "SELECT coalesce((SELECT max(quote_id) FROM @quote WHERE opportunity_id = $2 AND state IN ('draft', 'active', 'won')), "
		"(SELECT quote_id FROM @sales_order WHERE sales_order_id = $5))",
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
	},
	[FLOW_INVOICE] = {
		.sql = "SELECT greatest((SELECT max(invoice_id) FROM @invoice WHERE sales_order_id = $5 AND state <> 'canceled' AND invoice_type = 'invoice'), "
		"(SELECT max(invoice_id) FROM @invoice WHERE opportunity_id = $2 AND state <> 'canceled' AND invoice_type = 'invoice'))",
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
	},
	[FLOW_ORDER] = {
		.sql = "SELECT greatest((SELECT max(sales_order_id) FROM @sales_order WHERE quote_id = $3 AND state <> 'canceled'), "
		"(SELECT max(sales_order_id) FROM @sales_order WHERE opportunity_id = $2 AND state <> 'canceled'), "
		"(SELECT sales_order_id FROM @invoice WHERE invoice_id = $4))",
		.argtypes = {INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
	}
};

/* flow_next returns the stage after the active one, NULL when it is the last. */
FlowStage *
flow_next(const Flow *flow)
{
	bool		is_taken;
	int64		next_id = take_branch(flow, &is_taken);
	CrmValue	args[] = {CRM_INT8(flow->stage.id), CRM_ID(next_id)};
	FlowStage  *stage;

	if (is_taken && next_id == 0)
		return NULL;			/* the branch ends the path */
	if (core_run(flow->org, &select_following, args) == 0)
		return NULL;
	stage = palloc(sizeof(FlowStage));
	stage->id = core_result_int8(0, 1);
	stage->name = core_result_name(0, 2);
	stage->entity = flow_entity_named(core_result_name(0, 3));
	stage->category = core_result_name(0, 4);
	stage->relation = core_result_text(0, 5);
	return stage;
}

/* take_branch looks at the conditions after the active stage; 0 with is_taken = the path ends. */
static int64
take_branch(const Flow *flow, bool *is_taken)
{
	CrmValue	args[] = {CRM_INT8(flow->stage.id)};
	int			n = core_run(flow->org, &select_branches, args);
	Branch	   *branches = palloc(sizeof(Branch) * (n + 1));

	for (int i = 0; i < n; i++)
		branches[i] = (Branch)
	{
		core_result_text(i, 1), core_result_name(i, 2), core_result_text(i, 3), core_result_int8(i, 4)
	};
	for (int i = 0; i < n; i++)
	{
		if ((*is_taken = branch_holds(flow, branches[i].column, branches[i].operator, branches[i].value)))
			return branches[i].next_id;
	}
	*is_taken = false;
	return 0;
}

/* branch_holds finds the record that a branch's column is of: that of the nearest stage with such a step. */
static bool
branch_holds(const Flow *flow, const char *column, const char *operator, const char *value)
{
	CrmValue	args[] = {CRM_INT8(flow->id), core_text_value(column), CRM_INT8(flow->stage.id)};
	FlowEntity	entity;

	if (strcmp(operator, "always") == 0)
		return true;
	if (column == NULL || core_run(flow->org, &find_column, args) == 0)
		return false;
	entity = flow_entity_named(core_result_name(0, 1));
	return flow_condition_holds(flow->org, entity, flow_record(flow, entity), column, operator, value);
}

/*
 * flow_condition_holds compares a column with a value, both in the column's
 * own type, dates as ISO 8601 has them; in a table that the caller may not read it is empty. A value that
 * is no such thing is an error of PostgreSQL, which activate_process() looks
 * for.
 */
bool
flow_condition_holds(CrmOrganization *org, FlowEntity entity, int64 record_id,
					 const char *column, const char *operator, const char *value)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, TEXTOID};
	static const char *const comparisons[] = {"=", "<>", "<", "<=", ">", ">="};
	Oid			relid = get_relname_relid(flow_entity_name(entity), org->oid);
	AttrNumber	number = flow_is_there(org, entity) ? get_attnum(relid, column) : InvalidAttrNumber;
	const char *quoted = core_quoted(column);
	CrmValue	args[] = {CRM_INT8(record_id), core_text_value(value)};
	const char *condition = NULL;
	const char *type;
	char	   *record;

	if (number == InvalidAttrNumber)
		return false;
	type = format_type_extended(get_atttype(relid, number), -1, FORMAT_TYPE_FORCE_QUALIFY);
	if (strcmp(operator, "is_null") == 0)
		condition = psprintf("r.%s IS NULL", quoted);
	else if (strcmp(operator, "is_not_null") == 0)
		condition = psprintf("r.%s IS NOT NULL", quoted);
	else if (strcmp(operator, "in") == 0)
		condition = psprintf("r.%s = ANY (SELECT CAST(btrim(v) AS %s) FROM unnest(string_to_array($2, ',')) AS v)", quoted, type);
	for (int i = 0; i < lengthof(comparisons); i++)
	{
		if (strcmp(operator, comparisons[i]) == 0)
			condition = psprintf("r.%s %s CAST($2 AS %s)", quoted, comparisons[i], type);
	}
	if (condition == NULL)
		return false;
	if (flow_is_readable(org, entity))
		record = psprintf("@%s r ON r.%s = $1", flow_sql_name(entity), flow_sql_key(entity));
	else
		record = psprintf("(SELECT NULL::%s AS %s) r ON $1 IS NULL", type, quoted);
	if (core_run_fixed(org, core_intern(psprintf("SELECT coalesce(%s, false), $2 FROM (SELECT 1) one LEFT JOIN %s", condition, record),
										types), args) == 0)
		return false;
	return core_result_bool(0, 1);
}

/*
 * flow_related returns the record of a table that follows from those of an
 * instance, 0 = none; relation names the key that leads to it, NULL = the only
 * one. What the instance was started on it keeps.
 */
int64
flow_related(const Flow *flow, FlowEntity entity, const char *relation)
{
	CrmValue	args[FLOW_KNOWN];
	int64		related = 0;

	if (entity == flow->stage.entity || entity == flow->origin)
		return flow_record(flow, entity);
	for (int i = 0; i < FLOW_KNOWN; i++)
		args[i] = CRM_ID(flow->records[i]);
	if (entity < FLOW_KNOWN && core_run(flow->org, &relations[entity], args) > 0)
		related = core_result_key(0, 1);
	if (entity < FLOW_KNOWN && related == 0 && flow->stage.entity != FLOW_LEAD)
		related = flow->records[entity];
	if (related == 0 && (entity >= FLOW_KNOWN || flow->others != NIL))
		related = flow_linked(flow, entity, relation);
	return related;
}

/* flow_relation_hint names the calls that make a record for a stage, or the key that would lead to it. */
const char *
flow_relation_hint(const Flow *flow, const FlowStage *stage)
{
	static const char *const hints[FLOW_KNOWN] = {
		[FLOW_LEAD] = "Only a deal that was made from a lead has one.",
		[FLOW_OPPORTUNITY] = "Use qualify_lead() with an opportunity, or create_opportunity_from_lead() when the lead is qualified.",
		[FLOW_QUOTE] = "Use create_quote_from_opportunity().",
		[FLOW_INVOICE] = "Use fulfill_order() or create_invoice_from_order().",
		[FLOW_ORDER] = "Use accept_quote(), create_order_from_quote() or create_order_from_opportunity()."
	};
	char	   *hint = NULL;

	if (stage->entity >= FLOW_KNOWN || flow->others != NIL)
		hint = flow_link_hint(flow, stage->entity, stage->relation);
	if (hint)
		return hint;
	return stage->entity < FLOW_KNOWN ? hints[stage->entity] : "No key leads there any more; see process_stage.relation_column.";
}
