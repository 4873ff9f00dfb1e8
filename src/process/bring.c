/*
 * bring.c
 *	  What happens to records takes their processes along: a lead is
 *	  qualified, an order or invoice is made, a record is deleted.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "document/document.h"
#include "lead/lead.h"
#include "process/flow.h"

static void follow_qualified(CrmOrganization *org, const int64 *lead_ids, int n);
static void hold_deals(CrmOrganization *org, int64 opportunity_id, int64 quote_id, int64 sales_order_id);
static void leave_lead(Flow *flow);
static uint64 find_working(CrmOrganization *org, FlowEntity entity, int64 record_id);
static uint64 find_instances(CrmRow *row, FlowEntity entity);
static bool is_canceled(const Flow *flow, FlowEntity entity);
static void change_over(Flow *flow, FlowEntity entity, int64 record_id);
static void bring_instance(CrmOrganization *org, int64 id, FlowEntity entity, int64 record_id);
static int64 *keys_of_result(uint64 n);
static void release_instance(CrmOrganization *org, int64 id, FlowEntity entity, int64 record_id, bool was_started_on);
static void step_back(Flow *flow, FlowEntity entity);

/*
 * The deals of the processes that a new order or invoice may take along, and
 * of those that its own deal is in.
 */
static CrmStatement lock_deals = {
	.sql = "SELECT opportunity_id FROM @opportunity WHERE opportunity_id IN (SELECT i.opportunity_id FROM @process_instance i "
	"WHERE (i.opportunity_id = $1 OR i.quote_id = $2 OR i.sales_order_id = $3 "
	"OR i.opportunity_id = (SELECT q.opportunity_id FROM @quote q WHERE q.quote_id = $2) "
	"OR i.opportunity_id = (SELECT s.opportunity_id FROM @sales_order s WHERE s.sales_order_id = $3)) "
	"AND i.state = 'active') ORDER BY opportunity_id FOR NO KEY UPDATE",
	.argtypes = {INT8OID, INT8OID, INT8OID}
};
static CrmStatement find_of_leads = {
	.sql = "SELECT i.process_instance_id FROM @process_instance i "
	"JOIN @process_stage s ON s.process_stage_id = i.active_stage_id "
	"WHERE i.lead_id = ANY ($1) AND i.state = 'active' AND s.entity = 'lead' ORDER BY 1",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement find_before = {
	.sql = "SELECT process_instance_id FROM @process_instance "
	"WHERE (opportunity_id = $1 OR quote_id = $2 OR sales_order_id = $3) AND state = 'active' ORDER BY 1",
	.argtypes = {INT8OID, INT8OID, INT8OID}
};
/* of the instances of a process that were started on revisions, the one on the last of them */
static CrmStatement find_of_revisions = {
	.sql = "SELECT i.process_instance_id FROM @quote q JOIN @process_instance i USING (quote_id) "
	"WHERE q.quote_number = $1 AND q.quote_id <> $2 AND i.state = 'active' AND (i.entity <> 'quote' OR NOT EXISTS (SELECT FROM @quote r "
	"JOIN @process_instance o ON o.process_id = i.process_id AND o.entity = 'quote' AND o.record_id = r.quote_id "
	"WHERE r.quote_number = $1 AND r.revision_number > q.revision_number AND o.state = 'active')) ORDER BY 1",
	.argtypes = {TEXTOID, INT8OID}
};
static CrmStatement delete_instance = {
	.sql = "DELETE FROM @process_instance WHERE process_instance_id = $1",
	.argtypes = {INT8OID}
};

PG_FUNCTION_INFO_V1(process_bring);
PG_FUNCTION_INFO_V1(process_release);

/* process_add_hooks asks to be told of qualified leads, and before orders and invoices are made. */
void
process_add_hooks(void)
{
	lead_qualified_hook = follow_qualified;
	document_hold_hook = hold_deals;
}

/* hold_deals locks the deals of the processes that a new order or invoice may take along, also where the caller could not; inside SPI. */
static void
hold_deals(CrmOrganization *org, int64 opportunity_id, int64 quote_id, int64 sales_order_id)
{
	CrmValue	args[] = {CRM_ID(opportunity_id), CRM_ID(quote_id), CRM_ID(sales_order_id)};

	if (!flow_none(org))
		core_run_as_owner(org, &lock_deals, "opportunity", args);
}

/* follow_qualified moves the processes of leads that were just qualified on to their opportunities. */
static void
follow_qualified(CrmOrganization *org, const int64 *lead_ids, int n)
{
	CrmValue	args[1];
	uint64		found;
	int64	   *ids;

	if (flow_none(org))
		return;
	args[0] = CRM_DATUM(core_int8_array(lead_ids, n));
	found = core_run(org, &find_of_leads, args);
	ids = keys_of_result(found);
	for (uint64 i = 0; i < found; i++)
	{
		Flow	   *flow = flow_lock(org, ids[i], FLOW_LEAD, 0);

		if (flow && strcmp(flow->state, "active") == 0 && strcmp(flow->process_state, "active") == 0 &&
			flow->stage.entity == FLOW_LEAD)
			leave_lead(flow);
	}
}

/*
 * leave_lead takes an instance through what is left of its lead stages; their
 * gates refuse the qualification. Without an opportunity it stays (D§3.2).
 */
static void
leave_lead(Flow *flow)
{
	int64		opportunity_id = flow_related(flow, FLOW_OPPORTUNITY, NULL);
	FlowStage  *next;

	if (opportunity_id == 0)
		return;
	while (flow->stage.entity == FLOW_LEAD && (next = flow_next(flow)) != NULL &&
		   (next->entity == FLOW_LEAD || next->entity == FLOW_OPPORTUNITY))
	{
		flow_raise(flow_missing(flow));
		flow_advance(flow, next, next->entity == FLOW_LEAD ? flow->records[FLOW_LEAD] : opportunity_id);
	}
}

/*
 * process_bring is the AFTER INSERT trigger of orders, invoices and revisions
 * of quotes: an instance that stands right before a stage of that table goes
 * on to it, when its steps are done, else it waits for next_stage(). One that
 * works on a canceled order or invoice, or on the revision before, changes over.
 */
Datum
process_bring(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_INSERT,
		.arguments = 1, .is_named = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmOrganization *org = core_organization_of(trigdata->tg_relation);
	FlowEntity	entity;
	CrmRow	   *row;
	uint64		found;
	int64	   *ids;

	if (core_import_mode || flow_none(org))
		return PointerGetDatum(NULL);
	entity = flow_entity_named(core_trigger_argument(trigdata, 0));
	row = core_row(trigdata);
	SPI_connect();
	found = find_instances(row, entity);
	ids = keys_of_result(found);
	for (uint64 i = 0; i < found; i++)
		bring_instance(org, ids[i], entity, row_int8(row, flow_entity(entity)->key));
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* find_instances looks for those that a new record may concern. */
static uint64
find_instances(CrmRow *row, FlowEntity entity)
{
	CrmValue	revision[] = {core_text_value(row_text(row, "quote_number")), CRM_INT8(row_int8(row, "quote_id"))};
	CrmValue	links[] = {
		CRM_ID(row_int8(row, "opportunity_id")), CRM_ID(row_int8(row, "quote_id")), CRM_NULL
	};

	if (entity == FLOW_QUOTE)
		return core_run(row->org, &find_of_revisions, revision);
	if (entity == FLOW_INVOICE)
		links[2] = CRM_ID(row_int8(row, "sales_order_id"));
	return core_run(row->org, &find_before, links);
}

/* bring_instance moves one instance on to a record, if that is what comes next, or over to it. */
static void
bring_instance(CrmOrganization *org, int64 id, FlowEntity entity, int64 record_id)
{
	Flow	   *flow = flow_lock(org, id, entity, 0);
	FlowStage  *next;

	if (flow == NULL || strcmp(flow->state, "active") != 0 || strcmp(flow->process_state, "active") != 0)
		return;
	if (entity == FLOW_QUOTE || flow->stage.entity == entity)
	{
		if (entity == FLOW_QUOTE || is_canceled(flow, entity))
			change_over(flow, entity, record_id);
		return;
	}
	next = flow_next(flow);
	if (next && next->entity == entity && flow_missing(flow) == NIL)
		flow_advance(flow, next, record_id);
}

static bool
is_canceled(const Flow *flow, FlowEntity entity)
{
	char	   *state = flow_record_state(flow->org, entity, flow_record(flow, entity));

	return state && strcmp(state, "canceled") == 0;
}

/* change_over lets an instance work on another record of a table, in the stage it stands in. */
static void
change_over(Flow *flow, FlowEntity entity, int64 record_id)
{
	flow_set_record(flow, entity, record_id);
	flow_use(flow, "insert");
}

/*
 * process_release is the BEFORE DELETE trigger of records that processes work
 * on: what was started on the record goes along, what came to it goes back to
 * the stage before, and forgets it.
 */
Datum
process_release(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_BEFORE, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_DELETE,
		.arguments = 1, .is_named = true, .follows_table = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmOrganization *org = core_organization_of(trigdata->tg_relation);
	FlowEntity	entity;
	int64		record_id;
	uint64		found;
	int64	   *ids;
	bool	   *starts;

	if (!OidIsValid(get_relname_relid("process_instance", org->oid)) || flow_none(org))
		return PointerGetDatum(trigdata->tg_trigtuple);	/* the table went to another schema, or nothing is in a process */
	entity = flow_entity_named(core_trigger_argument(trigdata, 0));
	record_id = row_int8(core_row(trigdata), flow_entity(entity)->key);
	SPI_connect();
	found = find_working(org, entity, record_id);
	ids = keys_of_result(found);
	starts = palloc(sizeof(bool) * (found + 1));
	for (uint64 i = 0; i < found; i++)
		starts[i] = core_result_bool(i, 2);
	for (uint64 i = 0; i < found; i++)
		release_instance(org, ids[i], entity, record_id, starts[i]);
	SPI_finish();
	return PointerGetDatum(trigdata->tg_trigtuple);
}

/*
 * find_working looks for the instances that work on a record, and tells which
 * were started on it. Who may delete from a table of his own need not read the
 * processes. One that came to the record after the transaction's snapshot has
 * it tried again.
 */
static uint64
find_working(CrmOrganization *org, FlowEntity entity, int64 record_id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, TEXTOID};
	CrmValue	args[] = {CRM_INT8(record_id), core_text_value(flow_entity_name(entity))};
	CrmStatement *find = core_intern(psprintf("SELECT i.process_instance_id, i.entity = $2 FROM @process_instance i WHERE %s ORDER BY 1",
											  flow_works_on(entity)), types);

	core_require_newest_as_owner(org, find, "process_instance", args);
	return entity < FLOW_KNOWN ? core_run(org, find, args) : core_run_as_owner(org, find, "process_instance", args);
}

/*
 * release_instance deletes an instance with its history, or leads it back from
 * a record, unless it took another one meanwhile.
 */
static void
release_instance(CrmOrganization *org, int64 id, FlowEntity entity, int64 record_id, bool was_started_on)
{
	CrmValue	args[] = {CRM_INT8(id)};
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "process_instance", .ids = &id, .n = 1, .made_by = "delete"
	};
	Flow	   *flow = was_started_on ? NULL : flow_lock(org, id, entity, 0);

	if (was_started_on)
		lifecycle_run(org, &ticket, &delete_instance, args);
	else if (flow && flow_record(flow, entity) == record_id)
		step_back(flow, entity);
}

/* step_back leads an instance to the last stage before those about a table, and lets its record go. */
static void
step_back(Flow *flow, FlowEntity entity)
{
	FlowStage  *stage = NULL;

	for (int i = 1; i <= Min(flow->path_length, FLOW_LONGEST_PATH); i++)
	{
		FlowStage  *reached = flow_path_stage(flow, i);

		if (stage && reached && reached->entity == entity)
		{
			flow_set_record(flow, entity, 0);
			flow_enter(flow, stage, i - 1, "back");
			return;
		}
		stage = reached;
	}
	change_over(flow, entity, 0);
}

/* keys_of_result keeps the keys that the last statement found. */
static int64 *
keys_of_result(uint64 n)
{
	int64	   *ids = palloc(sizeof(int64) * (n + 1));

	for (uint64 i = 0; i < n; i++)
		ids[i] = core_result_int8(i, 1);
	return ids;
}
