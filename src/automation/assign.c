/*
 * assign.c
 *	  Gives leads to owners by policy: by the action assign of rules, or by hand.
 *
 * Leads are locked first, in key order. The policies are not locked, so that
 * many assign at once (pool.c). A policy takes all leads that are for it at
 * once; what nobody there can take goes on to the next. Who is given a lead is written with the rights of the
 * caller, turns and history as the owner of their tables.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "automation/calendar.h"
#include "lead/lead.h"
#include "security/security.h"

typedef struct Waiting
{
	CrmWaitingLead *leads;
	int			n;
	bool		by_hand;		/* whoever has them now */
	bool		is_named;		/* by a policy that was named: its conditions do not count */
} Waiting;

static void complete_policy(CrmRow *row, CrmTicket *ticket);
static void read_leads(CrmOrganization *org, const int64 *ids, int n, Waiting *waiting);
static void assign(CrmOrganization *org, Waiting *waiting, const char *policy_name);
static CrmPolicy *read_policies(CrmOrganization *org, const char *name, bool by_hand, int *n);
static CrmDistribution distribution_of(const char *method);
static int	compare_policies(const void *a, const void *b);
static bool is_for(CrmOrganization *org, const CrmPolicy *policy, const Waiting *waiting, const CrmWaitingLead *lead);
static bool is_within(CrmOrganization *org, int64 territory_id, int64 above);
static void fill_queue(CrmOrganization *org, const Waiting *waiting, const CrmPolicy *policy);
static void write_owners(CrmOrganization *org, const Waiting *waiting);
static void write_history(CrmOrganization *org, const Waiting *waiting);
static void refuse_policy(CrmOrganization *org, const char *name, bool is_there) pg_attribute_noreturn();
static void refuse_closed(int64 id, const char *state) pg_attribute_noreturn();
static void refuse_method(CrmActionRow *row, const char *why) pg_attribute_noreturn();

static const CrmEntity entities[] = {
	{.name = "assignment_policy", .key = "assignment_policy_id", .label = "assignment policy", .title = "name", .complete = complete_policy},
	{.name = "assignment_member", .key = "assignment_member_id", .label = "assignment member"}
};

static CrmCheck checks[] = {
	{"assignment_turns", "assignment_policy", {
			.sql = "SELECT assignment_policy_id, 'its turns add up to ' || sum(balance) || ', not to 0' FROM @assignment_turn "
			"GROUP BY assignment_policy_id HAVING sum(balance) <> 0"}},
	{"assigned_to_nobody", "assignment_history", {
			.sql = "SELECT assignment_history_id, 'reason ' || reason || ' with another outcome' FROM @assignment_history "
			"WHERE (reason = 'nobody_available') <> (to_owner_id IS NULL)"}}
};

/* without a condition on the state: its index must not tempt a plan that is made while the table is small */
static CrmStatement lock_leads = {
	.sql = "SELECT l.lead_id, l.owner_id, l.owner_id IN (SELECT t.owner_id FROM @team t WHERE t.is_default), "
	"coalesce(l.owner_id = l.created_by, false), l.address_country, l.address_state_or_province, l.address_postal_code, "
	"l.lead_source, l.rating, l.state FROM @lead l WHERE l.lead_id = ANY ($1) ORDER BY l.lead_id FOR NO KEY UPDATE OF l",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement select_policies = {
	.sql = "SELECT p.assignment_policy_id, p.sort_order, p.method, (SELECT t.owner_id FROM @team t WHERE t.team_id = p.team_id), "
	"p.territory_id, p.lead_source, p.rating, p.max_open_records, p.takes_creators, p.is_active, "
	"(SELECT q.queue_id FROM @queue q WHERE q.queue_id = p.queue_id AND q.state = 'active') FROM @assignment_policy p "
	"WHERE CASE WHEN $1 IS NULL THEN p.is_active ELSE p.name = $1 END",
	.argtypes = {TEXTOID}
};
static CrmStatement select_policy = {
	.sql = "SELECT 1 FROM @assignment_policy WHERE name = $1",
	.argtypes = {TEXTOID}
};
static CrmStatement update_owners = {
	.sql = "UPDATE @lead l SET owner_id = a.owner_id FROM unnest($1, $2) a(lead_id, owner_id) "
	"WHERE l.lead_id = a.lead_id AND l.owner_id <> a.owner_id",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID}
};
static CrmStatement insert_history = {
	.sql = "INSERT INTO @assignment_history (entity, record_id, assignment_policy_id, from_owner_id, to_owner_id, reason, "
	"assigned_at, assigned_by) SELECT 'lead', h.lead_id, h.policy_id, h.from_id, nullif(h.to_id, 0), h.reason, $6, $7 "
	"FROM unnest($1, $2, $3, $4, $5) h(lead_id, policy_id, from_id, to_id, reason)",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, INT8OID}
};

PG_FUNCTION_INFO_V1(assign_lead_by_hand);

/* assign_init registers policies and their members. */
void
assign_init(void)
{
	for (int i = 0; i < lengthof(entities); i++)
		lifecycle_add_entity(&entities[i]);
	core_add_checks(checks, lengthof(checks));
}

/* complete_policy refuses conditions that no lead can meet: its lead_source and rating are the options of lead's. */
static void
complete_policy(CrmRow *row, CrmTicket *ticket)
{
	lifecycle_check_options(row, &lead_entity);
}

/* assign_lead_by_hand gives one open lead to the owner that a policy finds. */
Datum
assign_lead_by_hand(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "lead_id");
	char	   *policy = core_optional_text(fcinfo, 1);
	CrmOrganization *org = core_begin();
	char	   *state = lifecycle_lock(org, &lead_entity, id);
	Waiting		waiting = {.by_hand = true, .is_named = policy != NULL};

	if (strcmp(state, "open") != 0)
		refuse_closed(id, state);
	read_leads(org, &id, 1, &waiting);
	if (waiting.n == 0)
		core_refuse_unknown("lead", id);
	assign(org, &waiting, policy);
	return core_end_id(waiting.leads[0].new_owner_id != 0 ? waiting.leads[0].new_owner_id : waiting.leads[0].owner_id);
}

/* assign_check_action checks {"method": "policy", "policy": name} when a rule is saved or made ready. */
void
assign_check_action(CrmRule *rule, CrmActionRow *row)
{
	char	   *method = automation_parameter(row, "method", true);
	char	   *policy = automation_parameter(row, "policy", false);
	CrmValue	args[] = {core_text_value(policy)};
	bool		is_there;

	if (strcmp(method, "policy") != 0)
		refuse_method(row, psprintf("knows no method \"%s\"; there is \"policy\"", method));
	if (strcmp(rule->entity, "lead") != 0)
		refuse_method(row, psprintf("assigns leads by policy, not table %s; give owner_id", rule->entity));
	SPI_connect();
	is_there = policy == NULL || core_run_as_owner(rule->org, &select_policy, "assignment_policy", args) > 0;
	SPI_finish();
	if (!is_there)
		refuse_method(row, psprintf("names a policy \"%s\", which does not exist", policy));
}

/* assign_by_action gives leads of a rule to owners; inside SPI, as the rule's owner. */
void
assign_by_action(CrmOrganization *org, const int64 *ids, int n, CrmActionRow *row)
{
	Waiting		waiting = {0};

	read_leads(org, ids, n, &waiting);
	if (waiting.n > 0)
		assign(org, &waiting, automation_parameter(row, "policy", false));
}

/* read_leads locks leads, in key order, and reads what policies ask of them; closed ones are left out. */
static void
read_leads(CrmOrganization *org, const int64 *ids, int n, Waiting *waiting)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n))};
	uint64		found = core_run(org, &lock_leads, args);
	SPITupleTable *rows = SPI_tuptable;

	waiting->leads = palloc0(sizeof(CrmWaitingLead) * Max(found, 1));
	for (uint64 i = 0; i < found; i++)
	{
		CrmWaitingLead *lead = &waiting->leads[waiting->n];

		if (strcmp(core_result_name(i, 10), "open") != 0)
			continue;
		waiting->n++;

		lead->id = core_result_int8(i, 1);
		lead->owner_id = core_result_int8(i, 2);
		lead->is_nobodys = core_result_bool(i, 3);
		lead->is_creators = core_result_bool(i, 4);
		lead->territory_id = area_territory(org, core_result_text(i, 5), core_result_text(i, 6), core_result_text(i, 7));
		lead->lead_source = core_result_text(i, 8);
		lead->rating = core_result_text(i, 9);
	}
	SPI_freetuptable(rows);
}

/* assign finds owners for leads, policy after policy, and writes what was found. */
static void
assign(CrmOrganization *org, Waiting *waiting, const char *policy_name)
{
	int			n_policies;
	CrmPolicy  *policies = read_policies(org, policy_name, waiting->by_hand, &n_policies);
	CrmWaitingLead **leads = palloc(sizeof(CrmWaitingLead *) * waiting->n);

	for (int i = 0; i < n_policies; i++)
	{
		int			n = 0;

		for (int j = 0; j < waiting->n; j++)
		{
			if (waiting->leads[j].new_owner_id == 0 && is_for(org, &policies[i], waiting, &waiting->leads[j]))
				leads[n++] = &waiting->leads[j];
		}
		if (n > 0)
			pool_place(org, &policies[i], leads, n, waiting->leads, waiting->n);
	}
	write_owners(org, waiting);
	for (int i = 0; i < n_policies; i++)
		fill_queue(org, waiting, &policies[i]);
	write_history(org, waiting);
}

/* fill_queue puts those leads into a policy's queue that no member of it could take. */
static void
fill_queue(CrmOrganization *org, const Waiting *waiting, const CrmPolicy *policy)
{
	int64	   *ids = palloc(sizeof(int64) * waiting->n);
	int			n = 0;

	for (int i = 0; i < waiting->n; i++)
	{
		if (waiting->leads[i].queue_id != 0 && waiting->leads[i].policy_id == policy->id)
			ids[n++] = waiting->leads[i].id;
	}
	if (n > 0)
		activity_enter_queue(org, "lead", ids, n, policy->queue_id);
}

/*
 * read_policies reads the policy of a name, or all active ones, and returns
 * them in the order in which they are asked. A rule that names an inactive
 * one assigns nothing.
 */
static CrmPolicy *
read_policies(CrmOrganization *org, const char *name, bool by_hand, int *n)
{
	CrmValue	args[] = {core_text_value(name)};
	CrmPolicy  *policies;
	bool		isnull;

	*n = core_run_as_owner(org, &select_policies, "assignment_policy", args);
	policies = palloc0(sizeof(CrmPolicy) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		CrmPolicy  *policy = &policies[i];

		policy->id = core_result_int8(i, 1);
		policy->sort_order = core_result_int4(i, 2);
		policy->method = distribution_of(core_result_name(i, 3));
		policy->team_owner_id = core_result_key(i, 4);
		policy->territory_id = core_result_key(i, 5);
		policy->lead_source = core_result_text(i, 6);
		policy->rating = core_result_text(i, 7);
		policy->capacity.value = core_result(i, 8, INT4OID, &isnull);
		policy->capacity.isnull = isnull;
		policy->takes_creators = core_result_bool(i, 9);
		policy->is_active = core_result_bool(i, 10);
		policy->queue_id = core_result_key(i, 11);
	}
	if (name && (*n == 0 || (!policies[0].is_active && by_hand)))
		refuse_policy(org, name, *n > 0);
	if (name && !policies[0].is_active)
		*n = 0;
	qsort(policies, *n, sizeof(CrmPolicy), compare_policies);
	return policies;
}

static CrmDistribution
distribution_of(const char *method)
{
	return strcmp(method, "load_balanced") == 0 ? BY_LOAD : strcmp(method, "territory") == 0 ? BY_TERRITORY : BY_TURN;
}

static int
compare_policies(const void *a, const void *b)
{
	const CrmPolicy *x = a;
	const CrmPolicy *y = b;

	if (x->sort_order != y->sort_order)
		return x->sort_order < y->sort_order ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* is_for tells whether a policy may decide about a lead: what it asks of leads, and whether anybody was named for this one. */
static bool
is_for(CrmOrganization *org, const CrmPolicy *policy, const Waiting *waiting, const CrmWaitingLead *lead)
{
	if (!waiting->by_hand && !lead->is_nobodys && !(policy->takes_creators && lead->is_creators))
		return false;
	if (waiting->is_named)
		return true;
	return (policy->lead_source == NULL || (lead->lead_source && strcmp(policy->lead_source, lead->lead_source) == 0)) &&
		(policy->rating == NULL || (lead->rating && strcmp(policy->rating, lead->rating) == 0)) &&
		(policy->territory_id == 0 || is_within(org, lead->territory_id, policy->territory_id));
}

/* is_within tells whether a territory is another one or stands below it. */
static bool
is_within(CrmOrganization *org, int64 territory_id, int64 above)
{
	int			steps = 0;

	for (int64 id = territory_id; id != 0; id = area_above(org, id, &steps))
	{
		if (id == above)
			return true;
	}
	return false;
}

/* write_owners gives the leads to the owners that were found. */
static void
write_owners(CrmOrganization *org, const Waiting *waiting)
{
	int64	   *ids = palloc(sizeof(int64) * waiting->n);
	int64	   *owners = palloc(sizeof(int64) * waiting->n);
	int			n = 0;

	for (int i = 0; i < waiting->n; i++)
	{
		const CrmWaitingLead *lead = &waiting->leads[i];

		if (lead->new_owner_id == 0 || lead->new_owner_id == lead->owner_id)
			continue;
		ids[n] = lead->id;
		owners[n++] = lead->new_owner_id;
	}
	if (n > 0)
	{
		CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n)), CRM_DATUM(core_int8_array(owners, n))};

		core_run(org, &update_owners, args);
	}
}

/* write_history writes a row for each lead that a policy was for. */
static void
write_history(CrmOrganization *org, const Waiting *waiting)
{
	int64	   *ids[4];
	Datum	   *reasons = palloc(sizeof(Datum) * waiting->n);
	int64		actor = security_acting_user(org);
	int			n = 0;

	for (int i = 0; i < 4; i++)
		ids[i] = palloc(sizeof(int64) * waiting->n);
	for (int i = 0; i < waiting->n; i++)
	{
		const CrmWaitingLead *lead = &waiting->leads[i];

		if (lead->reason == NULL)
			continue;
		ids[0][n] = lead->id;
		ids[1][n] = lead->policy_id;
		ids[2][n] = lead->owner_id;
		ids[3][n] = lead->new_owner_id;
		reasons[n++] = CStringGetTextDatum(lead->reason);
	}
	if (n > 0)
	{
		CrmValue	args[] = {
			CRM_DATUM(core_int8_array(ids[0], n)), CRM_DATUM(core_int8_array(ids[1], n)),
			CRM_DATUM(core_int8_array(ids[2], n)), CRM_DATUM(core_int8_array(ids[3], n)),
			CRM_DATUM(PointerGetDatum(construct_array(reasons, n, TEXTOID, -1, false, TYPALIGN_INT))),
			CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_ID(actor)
		};

		core_run_as_owner(org, &insert_history, "assignment_history", args);
	}
}

/* refuse_policy says that the policy that was named is not there, or inactive. */
static void
refuse_policy(CrmOrganization *org, const char *name, bool is_there)
{
	if (is_there)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("assignment policy \"%s\" is not active", name),
				 errdetail("It assigns nothing until is_active is true."),
				 errhint("UPDATE %s.assignment_policy SET is_active = true, or name another.", org->quoted)));
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("assignment policy \"%s\" does not exist", name),
			 errdetail("Table assignment_policy of organization \"%s\" has no row of that name.", org->name),
			 errhint("Check the name and sales_crm.organization.")));
}

static void
refuse_closed(int64 id, const char *state)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("assign_lead() cannot assign a lead that is \"%s\"", state),
			 errdetail("%s is closed.", lifecycle_called(&lead_entity, id)),
			 errhint("Reopen it with sales_crm.reopen_lead(), or give it away by UPDATE of owner_id."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "lead")));
}

static void
refuse_method(CrmActionRow *row, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("action %s %s", row->action, why)));
}
