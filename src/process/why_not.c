/*
 * why_not.c
 *	  why_not(): the reasons that refuse a call, without doing it.
 *
 * The rules of processes are listed all at once. A call of a record is tried
 * in a subtransaction that is undone, so that the answer is what the call
 * itself would say.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "process/flow.h"

/* The calls that take a record's key and need nothing else. */
typedef struct Action
{
	const char *entity;
	const char *calls[12];		/* ends with NULL */
} Action;

/* A call that is tried. */
typedef struct Trial
{
	CrmStatement *statement;
	const CrmValue *args;
} Trial;

static bool is_listed(const char *const *calls, const char *action);
static const Action *actions_of(const char *entity);
static void put_flow_reasons(CrmOrganization *org, ReturnSetInfo *result, FlowEntity entity, int64 id, const char *action);
static void put_step_reasons(CrmOrganization *org, ReturnSetInfo *result, FlowEntity entity, int64 id);
static void put_record_reasons(CrmOrganization *org, ReturnSetInfo *result, const char *entity, int64 id, const char *action);
static void refuse_action(const CrmEntity *entity, const char *action);
static List *flow_reasons(CrmOrganization *org, FlowEntity entity, int64 id, const char *action);
static List *lead_gate(CrmOrganization *org, int64 lead_id);
static ErrorData *try_call(CrmOrganization *org, const char *format, const char *entity, int64 id,
						   const char *action, const char *step);
static void run_trial(CrmOrganization *org, void *argument);
static void put_refusals(ReturnSetInfo *result, List *refusals);
static void put_error(ReturnSetInfo *result, const ErrorData *error);
static void put_reason(ReturnSetInfo *result, const char *reason, const char *detail, const char *hint);

static const char *const flow_calls[] = {
	"start_process", "next_stage", "previous_stage", "finish_process", "abandon_process",
	"reactivate_process", "run_process_step", NULL
};

static const Action actions[] = {
	{"lead", {"qualify_lead", "disqualify_lead", "reopen_lead", "create_opportunity_from_lead", NULL}},
	{"opportunity", {"win_opportunity", "lose_opportunity", "reopen_opportunity", "create_quote_from_opportunity",
	"create_order_from_opportunity", "create_invoice_from_opportunity", NULL}},
	{"quote", {"activate_quote", "win_quote", "close_quote", "revise_quote", "accept_quote", "create_order_from_quote", NULL}},
	{"sales_order", {"submit_order", "deliver_order", "fulfill_order", "cancel_order", "create_invoice_from_order",
	"lock_order_pricing", "unlock_order_pricing", NULL}},
	{"invoice", {"pay_invoice", "cancel_invoice", "create_credit_note", "lock_invoice_pricing", "unlock_invoice_pricing", NULL}},
	{"activity", {"complete_activity", "cancel_activity", "reopen_activity", "send_email", NULL}},
	{"product", {"publish_product", "revise_product", "revert_product", "retire_product", "clone_product", NULL}}
};

PG_FUNCTION_INFO_V1(process_why_not);

/* process_why_not returns a row for each reason that refuses an action. */
Datum
process_why_not(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "id");
	char	   *action = core_text_argument(fcinfo, 2, "action");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmOrganization *org;
	const CrmEntity *entity;
	int			nest;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin();
	entity = flow_entity(flow_entity_argument(org, name));
	refuse_action(entity, action);
	if (id == 0)
		core_refuse_unknown(entity->name, id);
	lifecycle_require_row(org, core_quoted(entity->name), core_quoted(entity->key), id);
	nest = core_fix_settings(org);
	if (is_listed(flow_calls, action))
		put_flow_reasons(org, result, flow_entity_named(name), id, action);
	else
		put_record_reasons(org, result, entity->name, id, action);
	AtEOXact_GUC(true, nest);
	SPI_finish();
	return (Datum) 0;
}

/* put_flow_reasons tells what the rules of processes say, and when they say nothing what the call itself does. */
static void
put_flow_reasons(CrmOrganization *org, ReturnSetInfo *result, FlowEntity entity, int64 id, const char *action)
{
	List	   *refusals = flow_reasons(org, entity, id, action);

	put_refusals(result, refusals);
	if (refusals != NIL)
		return;
	if (strcmp(action, "run_process_step") == 0)
		put_step_reasons(org, result, entity, id);
	else
		put_error(result, try_call(org, "SELECT sales_crm.%s($2, $1), $3", flow_entity_name(entity), id, action, NULL));
}

/* put_step_reasons tries each action of the active stage. */
static void
put_step_reasons(CrmOrganization *org, ReturnSetInfo *result, FlowEntity entity, int64 id)
{
	Flow	   *flow = flow_load(org, flow_find(org, entity, id, NULL, true));
	ListCell   *cell;

	foreach(cell, flow ? flow_steps(flow) : NIL)
	{
		FlowStep   *step = lfirst(cell);

		if (step->column == NULL)
			put_error(result, try_call(org, "SELECT sales_crm.%s($2, $1, $3)", flow_entity_name(entity), id,
									   "run_process_step", step->label));
	}
}

/* put_record_reasons tells what a call of a record says; of a lead's qualification each missing step. */
static void
put_record_reasons(CrmOrganization *org, ReturnSetInfo *result, const char *entity, int64 id, const char *action)
{
	List	   *missing = strcmp(action, "qualify_lead") == 0 ? lead_gate(org, id) : NIL;
	ErrorData  *error = try_call(org, "SELECT sales_crm.%s($1), $2, $3", entity, id, action, NULL);

	put_refusals(result, missing);
	if (!(missing && error && error->sqlerrcode == ERRCODE_CRM_STAGE_REQUIREMENT_MISSING))
		put_error(result, error);
}

/* flow_takes_key tells whether a call needs nothing but the key of a record of an entity. */
bool
flow_takes_key(const char *entity, const char *action)
{
	const Action *known = actions_of(entity);

	return known && is_listed(known->calls, action);
}

static bool
is_listed(const char *const *calls, const char *action)
{
	for (int i = 0; calls[i]; i++)
	{
		if (strcmp(calls[i], action) == 0)
			return true;
	}
	return false;
}

static const Action *
actions_of(const char *entity)
{
	for (int i = 0; i < lengthof(actions); i++)
	{
		if (strcmp(actions[i].entity, entity) == 0)
			return &actions[i];
	}
	return NULL;
}

/* refuse_action refuses what is no call for a record of the entity, naming those that are. */
static void
refuse_action(const CrmEntity *entity, const char *action)
{
	const Action *known = actions_of(entity->name);
	char	   *all = "";

	if (flow_takes_key(entity->name, action) || is_listed(flow_calls, action))
		return;
	for (int i = 0; known && known->calls[i]; i++)
		all = psprintf("%s%s, ", all, known->calls[i]);
	for (int i = 0; flow_calls[i]; i++)
		all = psprintf("%s%s%s", all, i > 0 ? ", " : "", flow_calls[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is no action of %s", action, lifecycle_one(entity)),
			 errdetail("Actions are: %s.", all),
			 errhint("Give action => one of these.")));
}

/* flow_reasons lists what the rules of processes say about a move. */
static List *
flow_reasons(CrmOrganization *org, FlowEntity entity, int64 id, const char *action)
{
	int64		instance = flow_find(org, entity, id, NULL, strcmp(action, "reactivate_process") != 0);
	Flow	   *flow = NULL;

	if (strcmp(action, "start_process") == 0)
		return NIL;
	if (instance != 0)
		flow = flow_load(org, instance);
	else if (strcmp(action, "next_stage") == 0)
		flow = flow_default(org, entity, id, NULL);
	else
		return list_make1(flow_no_instance(entity, id, NULL));
	return flow ? flow_refusals(flow, action) : NIL;
}

/* lead_gate lists the steps that keep a lead from being qualified with an opportunity. */
static List *
lead_gate(CrmOrganization *org, int64 lead_id)
{
	int64		instance = flow_find(org, FLOW_LEAD, lead_id, NULL, true);
	Flow	   *flow = instance ? flow_load(org, instance) : NULL;

	if (flow && strcmp(flow->state, "active") == 0 && flow->stage.entity == FLOW_LEAD)
		return flow_missing(flow);
	return NIL;
}

/* try_call returns the error that a call would end with; format puts it into SQL of the record's key, its table and a step. */
static ErrorData *
try_call(CrmOrganization *org, const char *format, const char *entity, int64 id, const char *action, const char *step)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, TEXTOID, TEXTOID};
	CrmValue	args[] = {CRM_INT8(id), core_text_value(entity), core_text_value(step)};
	Trial		trial = {core_intern(psprintf(format, action), types), args};
	ErrorData  *error = core_attempt(org, run_trial, &trial, false);

	core_pass_conflict(error);
	return error;
}

static void
run_trial(CrmOrganization *org, void *argument)
{
	Trial	   *trial = argument;

	core_run(org, trial->statement, trial->args);
}

static void
put_refusals(ReturnSetInfo *result, List *refusals)
{
	ListCell   *cell;

	foreach(cell, refusals)
	{
		FlowRefusal *refusal = lfirst(cell);

		put_reason(result, refusal->message, refusal->detail, refusal->hint);
	}
}

static void
put_error(ReturnSetInfo *result, const ErrorData *error)
{
	if (error)
		put_reason(result, error->message, error->detail, error->hint);
}

static void
put_reason(ReturnSetInfo *result, const char *reason, const char *detail, const char *hint)
{
	CrmValue	row[] = {core_text_value(reason), core_text_value(detail), core_text_value(hint)};
	Datum		values[] = {row[0].value, row[1].value, row[2].value};
	bool		nulls[] = {row[0].isnull, row[1].isnull, row[2].isnull};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
