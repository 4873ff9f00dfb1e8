/*
 * apply.c
 *	  Writes what was decided: one statement makes account, contact and
 *	  opportunity and closes the lead, for one lead or for many.
 *
 * The statement is put together from column_map, once for each combination
 * of what is to be made, and kept.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "lead/lead.h"

#define MAKES_ACCOUNT		1
#define MAKES_CONTACT		2
#define MAKES_OPPORTUNITY	4
#define MANY				8

/* The words by which the statement's text reads its input. */
typedef struct Words
{
	const char *from;			/* the leads, as s */
	const char *account;
	const char *contact;
	const char *opportunity;
	const char *primary;		/* the contact where it is new */
	const char *if_account;		/* conditions of the three inserts */
	const char *if_contact;
	const char *if_opportunity;
	const char *is_new_account; /* true where the account is made here */
} Words;

static const Words one = {
	.from = "@lead s WHERE s.lead_id = $1",
	.account = "$2", .contact = "$3", .opportunity = "$4", .primary = "$3",
	.if_account = "", .if_contact = "", .if_opportunity = "", .is_new_account = "false"
};
static const Words many = {
	.from = "unnest($1, $2, $3, $4, $8, $9, $10) "
	"AS w(lead_id, account_id, contact_id, opportunity_id, new_account, new_contact, new_opportunity) "
	"JOIN @lead s ON s.lead_id = w.lead_id WHERE true",
	.account = "w.account_id", .contact = "w.contact_id", .opportunity = "w.opportunity_id",
	.primary = "CASE WHEN w.new_contact THEN w.contact_id END",
	.if_account = " AND w.new_account", .if_contact = " AND w.new_contact",
	.if_opportunity = " AND w.new_opportunity", .is_new_account = "w.new_account"
};

static const Oid one_types[CRM_MAX_ARGS] = {
	INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID
};
static const Oid many_types[CRM_MAX_ARGS] = {
	INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TEXTOID, INT8OID, TEXTOID,
	BOOLARRAYOID, BOOLARRAYOID, BOOLARRAYOID
};
static const Oid further_types[CRM_MAX_ARGS] = {
	INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, INT8OID, TEXTOID
};

static char *build_qualify(CrmOrganization *org, const void *argument);
static char *build_further(CrmOrganization *org, const void *argument);
static void append_account(StringInfo text, CrmOrganization *org, const Words *words, int makes);
static void append_contact(StringInfo text, CrmOrganization *org, const Words *words);
static void append_opportunity(StringInfo text, CrmOrganization *org, const Words *words,
							   const char *name, int makes);
static void append_lead(StringInfo text, const Words *words, int makes);
static int	what_they_make(LeadPlan **plans, int n);
static int	arm_births(CrmTicket *tickets, LeadPlan **plans, int n, const char *made_by);
static Datum key_array(LeadPlan **plans, int n, size_t offset);
static Datum flag_array(LeadPlan **plans, int n, size_t offset);
static int64 *keys_where(LeadPlan **plans, int n, size_t key, size_t flag, int *count);

/* lead_take_keys gives the new rows of a plan their keys, so that they can refer to each other. */
void
lead_take_keys(CrmOrganization *org, LeadPlan *plan)
{
	if (plan->new_account)
		plan->account_id = core_next_id(org, "account", "account_id");
	if (plan->new_contact)
		plan->contact_id = core_next_id(org, "contact", "contact_id");
	if (plan->new_opportunity)
		plan->opportunity_id = core_next_id(org, "opportunity", "opportunity_id");
}

/* lead_apply qualifies leads that are locked, decided and have their keys. */
void
lead_apply(CrmOrganization *org, LeadPlan **plans, int n, const LeadWish *wish)
{
	int			makes = what_they_make(plans, n) | (n > 1 ? MANY : 0);
	CrmStatement *statement = lifecycle_mapped(org, psprintf("qualify %d", makes),
											   n > 1 ? many_types : one_types, build_qualify, &makes);
	CrmMove		move = {
		.entity = &lead_entity, .made_by = wish->made_by, .to = "qualified",
		.reason = wish->status_reason
	};
	CrmTicket	tickets[4];
	CrmTicket  *armed[4] = {&tickets[0], &tickets[1], &tickets[2], &tickets[3]};
	int			n_tickets = arm_births(tickets + 1, plans, n, wish->made_by) + 1;
	int64	   *ids = keys_where(plans, n, offsetof(LeadPlan, lead_id), 0, &n);
	CrmValue	args[10] = {
		CRM_DATUM(key_array(plans, n, offsetof(LeadPlan, lead_id))),
		CRM_DATUM(key_array(plans, n, offsetof(LeadPlan, account_id))),
		CRM_DATUM(key_array(plans, n, offsetof(LeadPlan, contact_id))),
		CRM_DATUM(key_array(plans, n, offsetof(LeadPlan, opportunity_id))),
		core_text_value(wish->currency_code), CRM_ID(wish->campaign_id),
		core_text_value(lifecycle_reason(org, &move)),
		CRM_DATUM(flag_array(plans, n, offsetof(LeadPlan, new_account))),
		CRM_DATUM(flag_array(plans, n, offsetof(LeadPlan, new_contact))),
		CRM_DATUM(flag_array(plans, n, offsetof(LeadPlan, new_opportunity)))
	};

	if (n == 1)
	{
		args[0] = CRM_INT8(plans[0]->lead_id);
		args[1] = CRM_ID(plans[0]->account_id);
		args[2] = CRM_ID(plans[0]->contact_id);
		args[3] = CRM_ID(plans[0]->opportunity_id);
	}
	tickets[0] = lifecycle_move_ticket(&move, ids, n, "open");
	if (lifecycle_run_with(org, armed, n_tickets, statement, args) != n)
		core_refuse_unknown("lead", plans[0]->lead_id);
	if (lead_qualified_hook)
		lead_qualified_hook(org, ids, n);
}

/* lead_add_opportunity makes one more opportunity of a qualified lead and returns its key. */
int64
lead_add_opportunity(CrmOrganization *org, LeadPlan *plan, const char *name)
{
	CrmStatement *statement = lifecycle_mapped(org, "further opportunity", further_types,
											   build_further, NULL);
	CrmTicket	ticket;
	CrmValue	args[] = {
		CRM_INT8(plan->lead_id), CRM_ID(plan->account_id), CRM_ID(plan->contact_id), CRM_NULL,
		CRM_NULL, CRM_NULL, core_text_value(name)
	};

	plan->new_opportunity = true;
	plan->opportunity_id = core_next_id(org, "opportunity", "opportunity_id");
	args[3] = CRM_INT8(plan->opportunity_id);
	arm_births(&ticket, &plan, 1, "create_opportunity_from_lead");
	if (lifecycle_run(org, &ticket, statement, args) == 0)
		core_refuse_unknown("lead", plan->lead_id);
	if (lead_qualified_hook)
		lead_qualified_hook(org, &plan->lead_id, 1);
	return plan->opportunity_id;
}

/* build_qualify writes the statement for what is to be made. */
static char *
build_qualify(CrmOrganization *org, const void *argument)
{
	int			makes = *(const int *) argument;
	const Words *words = makes & MANY ? &many : &one;
	StringInfoData text;

	initStringInfo(&text);
	if (makes & MAKES_ACCOUNT)
		append_account(&text, org, words, makes);
	if (makes & MAKES_CONTACT)
	{
		appendStringInfoString(&text, text.len > 0 ? ", c AS (" : "WITH c AS (");
		append_contact(&text, org, words);
	}
	if (makes & MAKES_OPPORTUNITY)
	{
		appendStringInfoString(&text, text.len > 0 ? ", o AS (" : "WITH o AS (");
		append_opportunity(&text, org, words, NULL, makes);
		appendStringInfoString(&text, ") ");
	}
	append_lead(&text, words, makes);
	return text.data;
}

/* build_further writes the insert of one more opportunity. */
static char *
build_further(CrmOrganization *org, const void *argument)
{
	StringInfoData text;

	initStringInfo(&text);
	append_opportunity(&text, org, &one, "$7", 0);
	return text.data;
}

static void
append_account(StringInfo text, CrmOrganization *org, const Words *words, int makes)
{
	appendStringInfo(text,
					 "WITH a AS (INSERT INTO @account (account_id, owner_id, originating_lead_id, primary_contact_id%s) "
					 "SELECT %s, s.owner_id, s.lead_id, %s%s FROM %s%s) ",
					 lifecycle_map_targets(org, "lead", "account"),
					 words->account, makes & MAKES_CONTACT ? words->primary : "NULL::bigint",
					 lifecycle_map_sources(org, "lead", "account", NULL, 0),
					 words->from, words->if_account);
}

static void
append_contact(StringInfo text, CrmOrganization *org, const Words *words)
{
	appendStringInfo(text,
					 "INSERT INTO @contact (contact_id, owner_id, originating_lead_id, account_id%s) "
					 "SELECT %s, s.owner_id, s.lead_id, %s%s FROM %s%s) ",
					 lifecycle_map_targets(org, "lead", "contact"),
					 words->contact, words->account,
					 lifecycle_map_sources(org, "lead", "contact", NULL, 0),
					 words->from, words->if_contact);
}

/*
 * append_opportunity names the deal after the lead's subject, else after its
 * customer, and takes an existing customer's price list when the currency
 * fits. What a new account cannot have is not looked up.
 */
static void
append_opportunity(StringInfo text, CrmOrganization *org, const Words *words,
				   const char *name, int makes)
{
	const char *customer = "s.company_name, s.full_name";
	const char *price_list = "NULL::bigint";
	CrmOverride overrides[] = {
		{"name", name, NULL},
		{"campaign_id", "$6", NULL}
	};

	if ((makes & MANY) || !(makes & MAKES_ACCOUNT))
	{
		customer = psprintf("(SELECT x.name FROM @account x WHERE x.account_id = %s), s.company_name, "
							"(SELECT x.full_name FROM @contact x WHERE x.contact_id = %s), s.full_name",
							words->account, words->contact);
		price_list = psprintf("CASE WHEN %s THEN NULL ELSE (SELECT p.price_list_id FROM @account x "
							  "JOIN @price_list p ON p.price_list_id = x.price_list_id "
							  "WHERE x.account_id = %s AND p.currency_code = coalesce($5, s.currency_code)) END",
							  words->is_new_account, words->account);
	}
	overrides[0].after = customer;
	appendStringInfo(text,
					 "INSERT INTO @opportunity (opportunity_id, owner_id, originating_lead_id, account_id, contact_id, "
					 "currency_code, price_list_id%s) "
					 "SELECT %s, s.owner_id, s.lead_id, %s, %s, coalesce($5, s.currency_code), %s%s FROM %s%s",
					 lifecycle_map_targets(org, "lead", "opportunity"),
					 words->opportunity, words->account, words->contact, price_list,
					 lifecycle_map_sources(org, "lead", "opportunity", overrides, lengthof(overrides)),
					 words->from, words->if_opportunity);
}

/* append_lead closes the leads and links them to what they became. */
static void
append_lead(StringInfo text, const Words *words, int makes)
{
	bool		is_many = makes & MANY;

	appendStringInfo(text,
					 "UPDATE @lead l SET state = 'qualified', status_reason = $7, "
					 "account_id = coalesce(%1$s, l.account_id), contact_id = coalesce(%2$s, l.contact_id), "
					 "qualified_opportunity_id = coalesce(%3$s, l.qualified_opportunity_id) %4$s",
					 words->account, words->contact, words->opportunity,
					 is_many ? "FROM unnest($1, $2, $3, $4) AS w(lead_id, account_id, contact_id, opportunity_id) "
					 "WHERE l.lead_id = w.lead_id" : "WHERE l.lead_id = $1");
}

static int
what_they_make(LeadPlan **plans, int n)
{
	int			makes = 0;

	for (int i = 0; i < n; i++)
	{
		makes |= plans[i]->new_account ? MAKES_ACCOUNT : 0;
		makes |= plans[i]->new_contact ? MAKES_CONTACT : 0;
		makes |= plans[i]->new_opportunity ? MAKES_OPPORTUNITY : 0;
	}
	return makes;
}

/* arm_births makes a ticket for each table that gets new rows; returns how many. */
static int
arm_births(CrmTicket *tickets, LeadPlan **plans, int n, const char *made_by)
{
	const struct
	{
		const char *table;
		size_t		key;
		size_t		flag;
	}			kinds[] = {
		{"account", offsetof(LeadPlan, account_id), offsetof(LeadPlan, new_account)},
		{"contact", offsetof(LeadPlan, contact_id), offsetof(LeadPlan, new_contact)},
		{"opportunity", offsetof(LeadPlan, opportunity_id), offsetof(LeadPlan, new_opportunity)}
	};
	int			armed = 0;

	for (int i = 0; i < lengthof(kinds); i++)
	{
		int			count;
		int64	   *ids = keys_where(plans, n, kinds[i].key, kinds[i].flag, &count);

		if (count > 0)
			tickets[armed++] = (CrmTicket)
		{
			.kind = TICKET_BIRTH, .table = kinds[i].table, .ids = ids, .n = count, .made_by = made_by
		};
	}
	return armed;
}

/* keys_where collects a key of the plans whose flag is set; flag 0 = of all. */
static int64 *
keys_where(LeadPlan **plans, int n, size_t key, size_t flag, int *count)
{
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));
	int			found = 0;

	for (int i = 0; i < n; i++)
	{
		if (flag == 0 || *(bool *) ((char *) plans[i] + flag))
			ids[found++] = *(int64 *) ((char *) plans[i] + key);
	}
	*count = found;
	return ids;
}

/* key_array makes a bigint[] of a key of the plans, none = NULL. */
static Datum
key_array(LeadPlan **plans, int n, size_t offset)
{
	Datum	   *elements = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	int			lower = 1;

	for (int i = 0; i < n; i++)
	{
		int64		id = *(int64 *) ((char *) plans[i] + offset);

		elements[i] = Int64GetDatum(id);
		nulls[i] = id == 0;
	}
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower, INT8OID,
											  sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
flag_array(LeadPlan **plans, int n, size_t offset)
{
	Datum	   *elements = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		elements[i] = BoolGetDatum(*(bool *) ((char *) plans[i] + offset));
	return PointerGetDatum(construct_array(elements, n, BOOLOID, 1, true, TYPALIGN_CHAR));
}
