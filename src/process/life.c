/*
 * life.c
 *	  Instances begin, end, and are taken up again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "process/life.h"

/* One call that changes the state of an instance. */
typedef struct Ending
{
	const char *call;
	const char *to;
	const char *event;
	bool		prefers_active;	/* which instance it is about when none is named */
} Ending;

static Datum end_call(FunctionCallInfo fcinfo, const Ending *ending);
static void refuse_start(const Flow *flow, FlowEntity entity, int64 record_id);
static void refuse_no_process(FlowEntity entity, const char *process_name) pg_attribute_noreturn();
static void insert_instance(Flow *flow, FlowEntity entity, int64 record_id);

static CrmStatement insert_flow = {
	.sql = "INSERT INTO @process_instance (process_instance_id, process_id, entity, record_id, active_stage_id, "
	"active_stage_started_at, last_used_at, lead_id, opportunity_id, quote_id, invoice_id, sales_order_id) "
	"VALUES ($1, $2, $3, $4, $5, " CRM_SQL_NOW ", clock_timestamp(), $6, $7, $8, $9, $10)",
	.argtypes = {INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
};
static CrmStatement find_started = {
	.sql = "SELECT process_instance_id, state FROM @process_instance WHERE process_id = $1 AND entity = $2 AND record_id = $3",
	.argtypes = {INT8OID, TEXTOID, INT8OID}
};

PG_FUNCTION_INFO_V1(process_start);
PG_FUNCTION_INFO_V1(process_finish);
PG_FUNCTION_INFO_V1(process_abandon);
PG_FUNCTION_INFO_V1(process_reactivate);
PG_FUNCTION_INFO_V1(process_switch);

/* process_start starts a process on a record. */
Datum
process_start(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "record_id");
	char	   *process_name = core_optional_text(fcinfo, 2);
	CrmOrganization *org = core_begin();

	return core_end_id(flow_start(org, flow_entity_argument(org, name), id, process_name)->id);
}

/* process_finish ends a process in its last stage. */
Datum
process_finish(PG_FUNCTION_ARGS)
{
	static const Ending finish = {"finish_process", "finished", "process_finished", true};

	return end_call(fcinfo, &finish);
}

/* process_abandon ends a process wherever it stands. */
Datum
process_abandon(PG_FUNCTION_ARGS)
{
	static const Ending abandon = {"abandon_process", "aborted", "process_abandoned", true};

	return end_call(fcinfo, &abandon);
}

/* process_reactivate takes a process up again where it ended. */
Datum
process_reactivate(PG_FUNCTION_ARGS)
{
	static const Ending reactivate = {"reactivate_process", "active", "process_reactivated", false};

	return end_call(fcinfo, &reactivate);
}

/* process_switch makes another process the current one of a record. */
Datum
process_switch(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "record_id");
	char	   *process_name = core_text_argument(fcinfo, 2, "process_name");
	CrmOrganization *org = core_begin();
	FlowEntity	entity = flow_entity_argument(org, name);
	Flow	   *flow = flow_hold(org, entity, id, process_name, true);

	if (flow == NULL)
		flow = flow_start(org, entity, id, process_name);
	else if (!flow->is_allowed)
		flow_raise(list_make1(flow_role_refusal(flow)));
	else
		flow_use(flow, "switch_process");
	return core_end_id(flow->id);
}

/* flow_held locks the instance of a record, which must have one. */
Flow *
flow_held(CrmOrganization *org, FlowEntity entity, int64 record_id, const char *process_name,
		  bool prefers_active)
{
	Flow	   *flow = flow_hold(org, entity, record_id, process_name, prefers_active);

	if (flow == NULL)
		flow_raise(list_make1(flow_no_instance(entity, record_id, process_name)));
	return flow;
}

/* flow_start puts a record into the first stage of a process. */
Flow *
flow_start(CrmOrganization *org, FlowEntity entity, int64 record_id, const char *process_name)
{
	char	   *state;
	Flow	   *flow;

	flow_lock_record(org, entity, record_id);
	flow = flow_default(org, entity, record_id, process_name);
	state = flow_record_state(org, entity, record_id);
	if (flow == NULL)
		refuse_no_process(entity, process_name);
	else if (!flow->is_allowed)
		flow_raise(list_make1(flow_role_refusal(flow)));
	if (lifecycle_is_read_only(org, flow_entity_name(entity), state))
		ereport(ERROR,
				(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
				 errmsg("a process cannot be started on %s that is \"%s\"", lifecycle_one(flow_entity(entity)), state),
				 errdetail("%s is \"%s\".", lifecycle_called(flow_entity(entity), record_id), state),
				 errhint("%s", lifecycle_ways_out(org, flow_entity_name(entity), state)),
				 err_generic_string(PG_DIAG_TABLE_NAME, flow_entity_name(entity))));
	refuse_start(flow, entity, record_id);
	insert_instance(flow, entity, record_id);
	flow_raise_event(flow, "process_started", &flow->stage);
	flow_raise_event(flow, "stage_entered", &flow->stage);
	return flow;
}

/* refuse_start refuses a process that is not active, begins elsewhere, or is there already. */
static void
refuse_start(const Flow *flow, FlowEntity entity, int64 record_id)
{
	CrmValue	args[] = {
		CRM_INT8(flow->process_id), core_text_value(flow_entity_name(entity)), CRM_INT8(record_id)
	};

	if (strcmp(flow->process_state, "active") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 errmsg("process \"%s\" is \"%s\"", flow->process, flow->process_state),
				 errdetail("Only active processes are started."),
				 errhint("Have an administrator call activate_process()."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "process")));
	if (flow->stage.entity != entity)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("process \"%s\" does not begin with %s", flow->process, lifecycle_one(flow_entity(entity))),
				 errdetail("Its first stage, \"%s\", is about %s.", flow->stage.name, lifecycle_one(flow_entity(flow->stage.entity))),
				 errhint("Start it on that record, or name a process that begins with %s.", lifecycle_one(flow_entity(entity))),
				 err_generic_string(PG_DIAG_TABLE_NAME, "process")));
	if (core_run(flow->org, &find_started, args) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("process \"%s\" was started on this %s before", flow->process, flow_entity(entity)->label),
				 errdetail("%s has instance %lld, which is \"%s\".", lifecycle_called(flow_entity(entity), record_id),
						   (long long) core_result_int8(0, 1), core_result_name(0, 2)),
				 errhint("Use switch_process() to make it the current one, reactivate_process() when it ended."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "process_instance"),
				 err_generic_string(PG_DIAG_CONSTRAINT_NAME, "process_instance_record_key")));
}

static void
refuse_no_process(FlowEntity entity, const char *process_name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 process_name ? errmsg("process \"%s\" does not exist", process_name)
			 : errmsg("no active process begins with %s", lifecycle_one(flow_entity(entity))),
			 errdetail("Table \"process\" shows you none, none with stages, or none that your roles allow."),
			 errhint("Insert a process with its stages and call activate_process()."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "process")));
}

/* insert_instance writes a new instance and its path, and moves the deal. */
static void
insert_instance(Flow *flow, FlowEntity entity, int64 record_id)
{
	CrmTicket	birth = {
		.kind = TICKET_BIRTH, .table = "process_instance", .ids = &flow->id, .n = 1,
		.made_by = "start_process"
	};
	CrmValue	args[5 + FLOW_KNOWN] = {CRM_NULL};

	flow->id = core_next_id(flow->org, "process_instance", "process_instance_id");
	args[0] = CRM_INT8(flow->id);
	args[1] = CRM_INT8(flow->process_id);
	args[2] = core_text_value(flow_entity_name(entity));
	args[3] = CRM_INT8(record_id);
	args[4] = CRM_INT8(flow->stage.id);
	for (int i = 0; i < FLOW_KNOWN; i++)
		args[5 + i] = CRM_ID(flow->records[i]);
	lifecycle_run(flow->org, &birth, &insert_flow, args);
	flow_write_others(flow);
	flow_write_path(flow, "start");
	flow_move_deal(flow);
}

/* end_call is the frame of the calls that end an instance or take it up again. */
static Datum
end_call(FunctionCallInfo fcinfo, const Ending *ending)
{
	char	   *name = core_text_argument(fcinfo, 0, "entity");
	int64		record_id = core_id_argument(fcinfo, 1, "record_id");
	char	   *process_name = core_optional_text(fcinfo, 2);
	CrmOrganization *org = core_begin();
	FlowEntity	entity = flow_entity_argument(org, name);
	Flow	   *flow = flow_held(org, entity, record_id, process_name, ending->prefers_active);
	CrmTicket	ticket = {
		.kind = TICKET_MOVE, .table = "process_instance", .ids = &flow->id, .n = 1,
		.from = flow->state, .to = ending->to, .made_by = ending->call
	};

	flow_require(flow, ending->call);
	flow_leave(flow, ending->prefers_active ? flow->path_length + 1 : flow->path_length);
	if (!ending->prefers_active)
		flow_write_path(flow, "reactivate");
	flow_write(flow, &ticket, ending->to, lifecycle_default_reason(org, "process_instance", ending->to));
	if (!ending->prefers_active)
		flow_move_deal(flow);
	flow_raise_event(flow, ending->event, &flow->stage);
	return core_end_text(ending->to);
}
