/*
 * plan.c
 *	  Decides what qualifying a lead would create and what it reuses (D§3.2).
 *
 * An existing account or contact, given or linked, is used and never made a
 * second time. A flag that is NULL creates what is not there yet and what the
 * lead names.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "lead/lead.h"

static void refuse(LeadPlan *plan, int sqlstate, const char *message, const char *hint);
static void join_opportunity(CrmOrganization *org, LeadPlan *plan, const LeadWish *wish);
static bool wants(CrmValue flag, bool otherwise);
static void decide_account(LeadPlan *plan, const LeadWish *wish);
static void decide_contact(LeadPlan *plan, const LeadWish *wish);
static int64 account_of_contact(CrmOrganization *org, int64 contact_id);

#define READ_LEADS \
	"SELECT lead_id, state, nullif(btrim(company_name), ''), nullif(btrim(full_name), ''), " \
	"account_id, contact_id, nullif(btrim(subject), '') FROM @lead "

static CrmStatement read_leads = {
	.sql = READ_LEADS "WHERE lead_id = ANY ($1) ORDER BY lead_id",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement lock_leads = {
	.sql = READ_LEADS "WHERE lead_id = ANY ($1) ORDER BY lead_id FOR NO KEY UPDATE",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement lock_lead = {
	.sql = READ_LEADS "WHERE lead_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement read_account_of_contact = {
	.sql = "SELECT account_id FROM @contact WHERE contact_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement lock_opportunity = {
	.sql = "SELECT state, account_id, contact_id, opportunity_id FROM @opportunity WHERE opportunity_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};

LeadCampaignHook lead_campaign_hook = NULL;
LeadQualifiedHook lead_qualified_hook = NULL;

/* lead_read_plans reads leads in key order, locked when they are to be changed. */
LeadPlan *
lead_read_plans(CrmOrganization *org, const int64 *ids, int n, bool lock, int *found)
{
	CrmValue	args[] = {n == 1 && lock ? CRM_INT8(ids[0]) : CRM_DATUM(core_int8_array(ids, n))};
	LeadPlan   *plans;

	*found = core_run(org, !lock ? &read_leads : n == 1 ? &lock_lead : &lock_leads, args);
	plans = palloc0(sizeof(LeadPlan) * Max(*found, 1));
	for (int i = 0; i < *found; i++)
	{
		plans[i].lead_id = core_result_int8(i, 1);
		plans[i].state = core_result_name(i, 2);
		plans[i].company_name = core_result_text(i, 3);
		plans[i].person_name = core_result_text(i, 4);
		plans[i].account_id = core_result_key(i, 5);
		plans[i].contact_id = core_result_key(i, 6);
		plans[i].subject = core_result_text(i, 7);
	}
	return plans;
}

/* lead_check_wish refuses arguments that name what is not there. */
void
lead_check_wish(CrmOrganization *org, const LeadWish *wish)
{
	lifecycle_require_row(org, "account", "account_id", wish->account_id);
	lifecycle_require_row(org, "contact", "contact_id", wish->contact_id);
	lifecycle_require_row(org, "opportunity", "opportunity_id", wish->opportunity_id);
	if (lead_campaign_hook)
		lead_campaign_hook(org, wish->campaign_id);
	if (wish->currency_code && catalog_find_currency(org, wish->currency_code) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("currency \"%s\" does not exist", wish->currency_code),
				 errdetail("Table \"%s.currency\" has no such code.", org->name),
				 errhint("Add the currency with its rate, or leave currency_code out."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "currency")));
}

/* lead_decide fills a plan, or the reason why it cannot be done. */
void
lead_decide(CrmOrganization *org, LeadPlan *plan, const LeadWish *wish)
{
	if (!lifecycle_allows(org, "lead", plan->state, "qualified", wish->made_by))
	{
		refuse(plan, ERRCODE_CRM_INVALID_STATE_TRANSITION,
			   psprintf("%s() cannot make a lead \"qualified\" that is \"%s\"", wish->made_by, plan->state),
			   lifecycle_ways_out(org, "lead", plan->state));
		return;
	}
	if (wish->account_id != 0)
		plan->account_id = wish->account_id;
	if (wish->contact_id != 0)
		plan->contact_id = wish->contact_id;
	if (wish->opportunity_id != 0)
		join_opportunity(org, plan, wish);
	if (plan->account_id == 0 && plan->contact_id != 0)
		plan->account_id = account_of_contact(org, plan->contact_id);
	decide_account(plan, wish);
	decide_contact(plan, wish);
	plan->new_opportunity = plan->opportunity_id == 0 && wish->create_opportunity;
	if (plan->new_opportunity && plan->sqlstate == 0 &&
		plan->account_id == 0 && plan->contact_id == 0 && !plan->new_account && !plan->new_contact)
		refuse(plan, ERRCODE_CRM_CUSTOMER_REQUIRED,
			   "an opportunity needs a customer, and the qualification makes none",
			   "Let it create the account or the contact, give account_id or contact_id, or set create_opportunity => false.");
}

/* lead_raise raises the reason why a plan cannot be done. */
void
lead_raise(const LeadPlan *plan)
{
	if (plan->sqlstate == 0)
		return;
	ereport(ERROR,
			(errcode(plan->sqlstate),
			 errmsg("%s", plan->message),
			 errdetail("Lead %lld (%s) is \"%s\".", (long long) plan->lead_id,
					   plan->person_name ? plan->person_name : plan->company_name, plan->state),
			 errhint("%s", plan->hint),
			 err_generic_string(PG_DIAG_TABLE_NAME, "lead")));
}

static void
refuse(LeadPlan *plan, int sqlstate, const char *message, const char *hint)
{
	if (plan->sqlstate != 0)
		return;
	plan->sqlstate = sqlstate;
	plan->message = message;
	plan->hint = hint;
}

/* join_opportunity takes an open opportunity, and its customer where the lead has none. */
static void
join_opportunity(CrmOrganization *org, LeadPlan *plan, const LeadWish *wish)
{
	CrmValue	args[] = {CRM_INT8(wish->opportunity_id)};
	char	   *state;

	if (core_run(org, &lock_opportunity, args) == 0)
		core_refuse_unknown("opportunity", wish->opportunity_id);
	state = core_result_name(0, 1);
	if (lifecycle_is_read_only(org, "opportunity", state))
		refuse(plan, ERRCODE_CRM_INVALID_STATE_TRANSITION,
			   psprintf("a lead cannot join opportunity %lld: it is \"%s\"",
						(long long) wish->opportunity_id, state),
			   "Join an open opportunity, reopen this one, or leave opportunity_id out.");
	plan->opportunity_id = wish->opportunity_id;
	if (plan->account_id == 0)
		plan->account_id = core_result_key(0, 2);
	if (plan->contact_id == 0 && plan->person_name == NULL)
		plan->contact_id = core_result_key(0, 3);
}

static bool
wants(CrmValue flag, bool otherwise)
{
	return flag.isnull ? otherwise : DatumGetBool(flag.value);
}

static void
decide_account(LeadPlan *plan, const LeadWish *wish)
{
	plan->new_account = plan->account_id == 0 &&
		wants(wish->create_account, plan->company_name != NULL);
	if (plan->new_account && plan->company_name == NULL)
		refuse(plan, ERRCODE_CRM_CUSTOMER_REQUIRED,
			   "no account can be created: the lead has no company name",
			   "Fill company_name of the lead, give account_id, or set create_account => false.");
}

static void
decide_contact(LeadPlan *plan, const LeadWish *wish)
{
	plan->new_contact = plan->contact_id == 0 &&
		wants(wish->create_contact, plan->person_name != NULL);
	if (plan->new_contact && plan->person_name == NULL)
		refuse(plan, ERRCODE_CRM_CUSTOMER_REQUIRED,
			   "no contact can be created: the lead names no person",
			   "Fill last_name of the lead, give contact_id, or set create_contact => false.");
}

/* account_of_contact returns the company of an existing contact: no second one is made. */
static int64
account_of_contact(CrmOrganization *org, int64 contact_id)
{
	CrmValue	args[] = {CRM_INT8(contact_id)};

	if (core_run(org, &read_account_of_contact, args) == 0)
		core_refuse_unknown("contact", contact_id);
	return core_result_key(0, 1);
}
