/*
 * qualify.c
 *	  The calls that qualify: one lead, many leads, and a look ahead.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "lead/lead.h"

/* Leads that are qualified together, or not at all. */
typedef struct Batch
{
	const int64 *ids;
	int			n;
	const LeadWish *wish;
	LeadPlan   *plans;
	int			found;
} Batch;

static LeadPlan *plan_one(CrmOrganization *org, int64 id, const LeadWish *wish, bool lock);
static Datum plan_result(FunctionCallInfo fcinfo, const LeadPlan *plan);
static LeadPlan *qualify_set(CrmOrganization *org, const int64 *ids, int n,
							 const LeadWish *wish, int *found);
static ErrorData *attempt(CrmOrganization *org, const int64 *ids, int n,
						  const LeadWish *wish, LeadPlan **plans, int *found);
static void qualify_batch(CrmOrganization *org, void *argument);
static void qualify_good(CrmOrganization *org, LeadPlan *plans, int n, const LeadWish *wish);
static void keep_error(LeadPlan *plan, ErrorData *error);
static LeadPlan *find_plan(LeadPlan *plans, int n, int64 id);
static void put_result(ReturnSetInfo *result, int64 id, LeadPlan *plan, bool is_repeated);
static void put_step(ReturnSetInfo *result, const char *entity, bool is_new, int64 id,
					 const char *name);

PG_FUNCTION_INFO_V1(lead_qualify);
PG_FUNCTION_INFO_V1(lead_qualify_many);
PG_FUNCTION_INFO_V1(lead_preview);
PG_FUNCTION_INFO_V1(lead_create_opportunity);

/* lead_qualify qualifies one lead and returns what was made or reused. */
Datum
lead_qualify(PG_FUNCTION_ARGS)
{
	LeadWish	wish = {
		.create_account = core_value_argument(fcinfo, 1),
		.create_contact = core_value_argument(fcinfo, 2),
		.create_opportunity = core_flag_argument(fcinfo, 3, true),
		.account_id = core_optional_id(fcinfo, 4, "account"),
		.contact_id = core_optional_id(fcinfo, 5, "contact"),
		.opportunity_id = core_optional_id(fcinfo, 6, "opportunity"),
		.currency_code = core_optional_text(fcinfo, 7),
		.campaign_id = core_optional_id(fcinfo, 8, "campaign"),
		.status_reason = core_optional_text(fcinfo, 9),
		.made_by = "qualify_lead"
	};
	int64		id = core_id_argument(fcinfo, 0, "lead_id");
	CrmOrganization *org = core_begin();
	LeadPlan   *plan;
	LeadPlan	done;

	lead_check_wish(org, &wish);
	plan = plan_one(org, id, &wish, true);
	lead_raise(plan);
	lead_take_keys(org, plan);
	lead_apply(org, &plan, 1, &wish);
	done = *plan;
	SPI_finish();
	return plan_result(fcinfo, &done);
}

/* lead_qualify_many qualifies leads as a set; bad ones are reported, good ones done. */
Datum
lead_qualify_many(PG_FUNCTION_ARGS)
{
	LeadWish	wish = {
		.create_account = core_value_argument(fcinfo, 1),
		.create_contact = core_value_argument(fcinfo, 2),
		.create_opportunity = core_flag_argument(fcinfo, 3, true),
		.made_by = "qualify_leads"
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int			n;
	int64	   *ids = core_ids_argument(fcinfo, 0, "lead_ids", &n);
	CrmOrganization *org;
	LeadPlan   *plans;
	int			found;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin();
	plans = qualify_set(org, ids, n, &wish, &found);
	for (int i = 0; i < n; i++)
	{
		LeadPlan   *plan = find_plan(plans, found, ids[i]);

		put_result(result, ids[i], plan, plan && plan->is_reported);
		if (plan)
			plan->is_reported = true;
	}
	SPI_finish();
	return (Datum) 0;
}

/* lead_preview tells what qualify_lead() would create and reuse, without doing it. */
Datum
lead_preview(PG_FUNCTION_ARGS)
{
	LeadWish	wish = {
		.create_account = CRM_NULL, .create_contact = CRM_NULL,
		.create_opportunity = true, .made_by = "qualify_lead"
	};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		id = core_id_argument(fcinfo, 0, "lead_id");
	LeadPlan   *plan;

	InitMaterializedSRF(fcinfo, 0);
	plan = plan_one(core_begin_reading(), id, &wish, false);
	lead_raise(plan);
	put_step(result, "account", plan->new_account, plan->account_id, plan->company_name);
	put_step(result, "contact", plan->new_contact, plan->contact_id, plan->person_name);
	put_step(result, "opportunity", plan->new_opportunity, plan->opportunity_id,
			 plan->subject ? plan->subject :
			 plan->company_name ? plan->company_name : plan->person_name);
	SPI_finish();
	return (Datum) 0;
}

/* lead_create_opportunity makes a further opportunity of a qualified lead. */
Datum
lead_create_opportunity(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "lead_id");
	char	   *name = core_optional_text(fcinfo, 1);
	CrmOrganization *org = core_begin();
	int			found;
	LeadPlan   *plan = lead_read_plans(org, &id, 1, true, &found);

	if (found == 0)
		core_refuse_unknown("lead", id);
	if (strcmp(plan->state, "qualified") != 0)
	{
		plan->sqlstate = ERRCODE_CRM_INVALID_STATE_TRANSITION;
		plan->message = psprintf("create_opportunity_from_lead() needs a qualified lead, not one that is \"%s\"", plan->state);
		plan->hint = "Use qualify_lead() first.";
	}
	else if (plan->account_id == 0 && plan->contact_id == 0)
	{
		plan->sqlstate = ERRCODE_CRM_CUSTOMER_REQUIRED;
		plan->message = "an opportunity needs a customer, and the lead has none";
		plan->hint = "Reopen the lead and qualify it with an account or a contact.";
	}
	lead_raise(plan);
	return core_end_id(lead_add_opportunity(org, plan, name));
}

/* plan_one reads and decides one lead. */
static LeadPlan *
plan_one(CrmOrganization *org, int64 id, const LeadWish *wish, bool lock)
{
	int			found;
	LeadPlan   *plan = lead_read_plans(org, &id, 1, lock, &found);

	if (found == 0)
		core_refuse_unknown("lead", id);
	lead_decide(org, plan, wish);
	return plan;
}

static Datum
plan_result(FunctionCallInfo fcinfo, const LeadPlan *plan)
{
	TupleDesc	desc;
	Datum		values[] = {
		Int64GetDatum(plan->account_id), Int64GetDatum(plan->contact_id),
		Int64GetDatum(plan->opportunity_id)
	};
	bool		nulls[] = {
		plan->account_id == 0, plan->contact_id == 0, plan->opportunity_id == 0
	};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "the result is no row");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* qualify_set does all at once, and one by one only when that fails; plans by key. */
static LeadPlan *
qualify_set(CrmOrganization *org, const int64 *ids, int n, const LeadWish *wish, int *found)
{
	LeadPlan   *plans = NULL;
	ErrorData  *error;

	*found = 0;
	if (n == 0 || (error = attempt(org, ids, n, wish, &plans, found)) == NULL)
		return plans;
	core_pass_conflict(error);
	plans = lead_read_plans(org, ids, n, false, found);
	for (int i = 0; i < *found; i++)
	{
		LeadPlan   *done = NULL;
		int			n_done;

		error = attempt(org, &plans[i].lead_id, 1, wish, &done, &n_done);
		if (error)
			keep_error(&plans[i], error);
		else if (n_done == 1)
			plans[i] = *done;
		else
		{
			plans[i].sqlstate = ERRCODE_NO_DATA_FOUND;	/* deleted meanwhile */
			plans[i].message = psprintf("lead %lld does not exist", (long long) plans[i].lead_id);
		}
	}
	return plans;
}

/*
 * attempt locks, decides and qualifies leads in a subtransaction of their own.
 * A failure, of a constraint or of a user's trigger, undoes it and is returned.
 */
static ErrorData *
attempt(CrmOrganization *org, const int64 *ids, int n, const LeadWish *wish,
		LeadPlan **plans, int *found)
{
	Batch		batch = {.ids = ids, .n = n, .wish = wish};
	ErrorData  *error = core_attempt(org, qualify_batch, &batch, true);

	*plans = batch.plans;
	*found = batch.found;
	return error;
}

static void
qualify_batch(CrmOrganization *org, void *argument)
{
	Batch	   *batch = argument;

	batch->plans = lead_read_plans(org, batch->ids, batch->n, true, &batch->found);
	qualify_good(org, batch->plans, batch->found, batch->wish);
}

/* qualify_good decides each of the locked leads and qualifies those that can be. */
static void
qualify_good(CrmOrganization *org, LeadPlan *plans, int n, const LeadWish *wish)
{
	LeadPlan  **good = palloc(sizeof(LeadPlan *) * Max(n, 1));
	int			n_good = 0;

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		lead_decide(org, &plans[i], wish);
		if (plans[i].sqlstate != 0)
			continue;
		lead_take_keys(org, &plans[i]);
		good[n_good++] = &plans[i];
	}
	if (n_good > 0)
		lead_apply(org, good, n_good, wish);
}

/* keep_error reports why a lead could not be qualified. */
static void
keep_error(LeadPlan *plan, ErrorData *error)
{
	core_pass_conflict(error);
	plan->sqlstate = error->sqlerrcode;
	plan->message = error->message;
	plan->hint = error->hint;
}

/* find_plan finds the plan of a lead among those read in key order. */
static LeadPlan *
find_plan(LeadPlan *plans, int n, int64 id)
{
	return bsearch(&id, plans, n, sizeof(LeadPlan), core_compare_ids);
}

/* put_result adds what became of one requested lead. */
static void
put_result(ReturnSetInfo *result, int64 id, LeadPlan *plan, bool is_repeated)
{
	Datum		values[6] = {Int64GetDatum(id)};
	bool		nulls[6] = {false, true, true, true, true, true};
	int			sqlstate = plan ? plan->sqlstate : ERRCODE_NO_DATA_FOUND;
	const char *message = plan ? plan->message : psprintf("lead %lld does not exist", (long long) id);

	if (is_repeated && sqlstate == 0)
	{
		sqlstate = ERRCODE_CRM_INVALID_STATE_TRANSITION;
		message = psprintf("lead %lld is repeated in the list", (long long) id);
	}
	if (sqlstate == 0)
	{
		values[1] = Int64GetDatum(plan->account_id);
		values[2] = Int64GetDatum(plan->contact_id);
		values[3] = Int64GetDatum(plan->opportunity_id);
		nulls[1] = plan->account_id == 0;
		nulls[2] = plan->contact_id == 0;
		nulls[3] = plan->opportunity_id == 0;
	}
	else
	{
		values[4] = CStringGetTextDatum(unpack_sql_state(sqlstate));
		values[5] = CStringGetTextDatum(message);
		nulls[4] = nulls[5] = false;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* put_step adds one step of a preview; what is neither made nor there is left out. */
static void
put_step(ReturnSetInfo *result, const char *entity, bool is_new, int64 id, const char *name)
{
	Datum		values[4] = {CStringGetTextDatum(entity), CStringGetTextDatum(is_new ? "create" : "reuse")};
	bool		nulls[4] = {false, false, is_new, name == NULL || !is_new};

	if (!is_new && id == 0)
		return;
	values[2] = Int64GetDatum(id);
	if (!nulls[3])
		values[3] = CStringGetTextDatum(name);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
