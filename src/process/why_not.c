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
static bool is_of_flow(const char *entity, const char *action);
static void refuse_action(const char *entity, const char *action);
static List *flow_reasons(CrmOrganization *org, FlowEntity entity, int64 id, const char *action);
static List *lead_gate(CrmOrganization *org, int64 lead_id);
static ErrorData *try_call(CrmOrganization *org, const char *entity, int64 id, const char *action);
static void run_trial(CrmOrganization *org, void *argument);
static void put_refusals(ReturnSetInfo *result, List *refusals);
static void put_reason(ReturnSetInfo *result, const char *reason, const char *detail, const char *hint);

static const char *const flow_calls[] = {
	"start_process", "next_stage", "previous_stage", "finish_process", "abandon_process",
	"reactivate_process", NULL
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
	const CrmEntity *entity = lifecycle_entity(core_text_argument(fcinfo, 0, "entity"));
	int64		id = core_id_argument(fcinfo, 1, "id");
	char	   *action = core_text_argument(fcinfo, 2, "action");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CrmOrganization *org;
	List	   *refusals = NIL;
	ErrorData  *error = NULL;

	refuse_action(entity->name, action);
	InitMaterializedSRF(fcinfo, 0);
	org = core_begin();
	if (id == 0)
		core_refuse_unknown(entity->name, id);
	lifecycle_require_row(org, entity->name, entity->key, id);
	if (is_of_flow(entity->name, action))
		refusals = flow_reasons(org, flow_entity_named(entity->name), id, action);
	else if (strcmp(action, "qualify_lead") == 0)
		refusals = lead_gate(org, id);
	if (refusals == NIL || !is_of_flow(entity->name, action))
		error = try_call(org, entity->name, id, action);
	put_refusals(result, refusals);
	if (error && !(refusals && error->sqlerrcode == ERRCODE_CRM_STAGE_REQUIREMENT_MISSING))
		put_reason(result, error->message, error->detail, error->hint);
	SPI_finish();
	return (Datum) 0;
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

/* is_of_flow tells whether an action moves the process of a record that may have one. */
static bool
is_of_flow(const char *entity, const char *action)
{
	for (FlowEntity i = 0; i < FLOW_ENTITIES; i++)
	{
		if (strcmp(flow_entity_name(i), entity) == 0)
			return is_listed(flow_calls, action);
	}
	return false;
}

/* refuse_action refuses what is no call for a record of the entity, naming those that are. */
static void
refuse_action(const char *entity, const char *action)
{
	const Action *known = actions_of(entity);
	char	   *all = "";

	if (flow_takes_key(entity, action) || is_of_flow(entity, action))
		return;
	for (int i = 0; known && known->calls[i]; i++)
		all = psprintf("%s%s%s", all, i > 0 ? ", " : "", known->calls[i]);
	for (int i = 0; flow_calls[i]; i++)
	{
		if (is_of_flow(entity, flow_calls[i]))
			all = psprintf("%s, %s", all, flow_calls[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is no action of %s", action, lifecycle_one(lifecycle_entity(entity))),
			 errdetail("Actions are: %s.", all[0] ? all : "none"),
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

/* try_call returns the error that a call would end with. */
static ErrorData *
try_call(CrmOrganization *org, const char *entity, int64 id, const char *action)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, TEXTOID};
	CrmValue	args[] = {CRM_INT8(id), core_text_value(entity)};
	Trial		trial = {
		core_intern(psprintf(is_of_flow(entity, action) ? "SELECT sales_crm.%s($2, $1)" : "SELECT sales_crm.%s($1), $2", action), types),
		args
	};
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
put_reason(ReturnSetInfo *result, const char *reason, const char *detail, const char *hint)
{
	CrmValue	row[] = {core_text_value(reason), core_text_value(detail), core_text_value(hint)};
	Datum		values[] = {row[0].value, row[1].value, row[2].value};
	bool		nulls[] = {row[0].isnull, row[1].isnull, row[2].isnull};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
