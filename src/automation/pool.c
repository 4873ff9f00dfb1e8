/*
 * pool.c
 *	  Finds an owner for each of some leads among the members of one policy.
 *
 * The policy is locked until the transaction ends, so that turns and counts
 * are read and written by one transaction at a time. The pool is read once
 * for all leads, and what they change in it is written once.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/date.h"
#include "utils/snapmgr.h"

#include "automation/calendar.h"

/* Somebody who may get leads now. */
typedef struct Candidate
{
	int64		owner_id;
	int32		weight;
	int64		capacity;		/* -1 = no limit */
	int64		open;			/* leads, where they count */
	int64		territory_id;	/* of the user, 0 = none */
	int64		balance;		/* how much he is owed in turns */
} Candidate;

typedef struct Pool
{
	CrmPolicy  *policy;
	Candidate  *candidates;		/* in order */
	int			n;
	bool		has_turned;
} Pool;

static void read_pool(CrmOrganization *org, CrmPolicy *policy, Pool *pool);
static void leave_out(Pool *pool, const CrmWaitingLead *lead);
static Candidate *choose(CrmOrganization *org, Pool *pool, int64 territory_id);
static Candidate *choose_nearest(CrmOrganization *org, Pool *pool, int64 territory_id);
static Candidate *choose_by_turn(Pool *pool, int64 territory_id);
static Candidate *choose_by_load(Pool *pool);
static bool can_take(const Candidate *candidate, int64 territory_id);
static void write_turns(CrmOrganization *org, const Pool *pool);

/* $2 today, $3 open leads count for all, $4 limit of the policy, $5 users with a territory stand in for members */
static CrmStatement select_pool = {
	.sql = "SELECT c.owner_id, c.weight, coalesce(c.capacity, -1), c.territory_id, coalesce(t.balance, 0), "
	"CASE WHEN $3 OR c.capacity IS NOT NULL THEN "
	"(SELECT count(*) FROM @lead l WHERE l.owner_id = c.owner_id AND l.state = 'open') ELSE 0 END "
	"FROM (SELECT m.owner_id, m.weight, coalesce(m.max_open_records, $4) AS capacity, u.territory_id, m.sort_order, "
	"m.assignment_member_id AS place FROM @assignment_member m LEFT JOIN @crm_user u ON u.owner_id = m.owner_id "
	"WHERE m.assignment_policy_id = $1 AND m.is_available AND u.is_disabled IS NOT TRUE "
	"AND (num_nulls(m.away_from, m.away_to) = 2 OR $2 < coalesce(m.away_from, '-infinity') OR $2 > coalesce(m.away_to, 'infinity')) "
	"UNION ALL SELECT u.owner_id, 1, $4, u.territory_id, 0, u.crm_user_id FROM @crm_user u "
	"WHERE $5 AND u.territory_id IS NOT NULL AND NOT u.is_disabled "
	"AND NOT EXISTS (SELECT FROM @assignment_member m WHERE m.assignment_policy_id = $1)) c "
	"LEFT JOIN @assignment_turn t ON t.assignment_policy_id = $1 AND t.owner_id = c.owner_id ORDER BY c.sort_order, c.place",
	.argtypes = {INT8OID, DATEOID, BOOLOID, INT4OID, BOOLOID},
	.is_newest = true
};
static CrmStatement write_balances = {
	.sql = "INSERT INTO @assignment_turn (assignment_policy_id, owner_id, balance) "
	"SELECT $1, b.owner_id, b.balance FROM unnest($2, $3) b(owner_id, balance) "
	"ON CONFLICT (assignment_policy_id, owner_id) DO UPDATE SET balance = excluded.balance",
	.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID}
};

/*
 * pool_place finds an owner for each lead that has none yet. What no member
 * can take goes to the policy's team and into its queue, if it has them; with
 * a queue alone it keeps its owner. Inside SPI.
 */
void
pool_place(CrmOrganization *org, CrmPolicy *policy, CrmWaitingLead **leads, int n)
{
	static const char *const reasons[] = {"round_robin", "load_balanced", "territory"};
	Pool		pool;

	read_pool(org, policy, &pool);
	for (int i = 0; i < n; i++)
		leave_out(&pool, leads[i]);
	for (int i = 0; i < n; i++)
	{
		CrmWaitingLead *lead = leads[i];
		Candidate  *chosen = choose(org, &pool, lead->territory_id);

		if (chosen || policy->team_owner_id != 0 || policy->queue_id != 0)
		{
			lead->new_owner_id = chosen ? chosen->owner_id : policy->team_owner_id != 0 ? policy->team_owner_id : lead->owner_id;
			lead->reason = chosen ? reasons[policy->method] : policy->team_owner_id != 0 ? "team" : "queue";
			lead->queue_id = chosen ? 0 : policy->queue_id;
			lead->policy_id = policy->id;
		}
		else if (lead->reason == NULL)
		{
			lead->reason = "nobody_available";
			lead->policy_id = policy->id;
		}
		if (chosen)
			chosen->open++;
	}
	if (pool.has_turned)
		write_turns(org, &pool);
}

/* read_pool reads who may get leads now, as of after the lock, also under REPEATABLE READ. */
static void
read_pool(CrmOrganization *org, CrmPolicy *policy, Pool *pool)
{
	CrmValue	args[] = {
		CRM_INT8(policy->id), CRM_DATUM(core_today(org)), CRM_BOOL(policy->method == BY_LOAD),
		policy->capacity, CRM_BOOL(policy->method == BY_TERRITORY)
	};

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	pool->n = core_run_as_owner(org, &select_pool, "assignment_policy", args);
	PopActiveSnapshot();
	pool->policy = policy;
	pool->has_turned = false;
	pool->candidates = palloc(sizeof(Candidate) * Max(pool->n, 1));
	for (int i = 0; i < pool->n; i++)
	{
		Candidate  *candidate = &pool->candidates[i];

		candidate->owner_id = core_result_int8(i, 1);
		candidate->weight = core_result_int4(i, 2);
		candidate->capacity = core_result_int4(i, 3);
		candidate->territory_id = core_result_int8(i, 4);
		candidate->balance = core_result_int8(i, 5);
		candidate->open = core_result_int8(i, 6);
	}
}

/* leave_out does not count a lead that waits as one of who has it now. */
static void
leave_out(Pool *pool, const CrmWaitingLead *lead)
{
	for (int i = 0; i < pool->n; i++)
	{
		if (pool->candidates[i].owner_id == lead->owner_id)
			pool->candidates[i].open--;
	}
}

static Candidate *
choose(CrmOrganization *org, Pool *pool, int64 territory_id)
{
	switch (pool->policy->method)
	{
		case BY_LOAD:
			return choose_by_load(pool);
		case BY_TERRITORY:
			return choose_nearest(org, pool, territory_id);
		default:
			return choose_by_turn(pool, 0);
	}
}

/* choose_nearest takes turns among those of a territory, else of the nearest above it with somebody free. */
static Candidate *
choose_nearest(CrmOrganization *org, Pool *pool, int64 territory_id)
{
	Candidate  *chosen = NULL;
	int			steps = 0;

	for (int64 id = territory_id; id != 0 && chosen == NULL; id = area_above(org, id, &steps))
		chosen = choose_by_turn(pool, id);
	return chosen;
}

/*
 * choose_by_turn gives each of those who can take a lead his weight, and the
 * lead to the one who is owed most, the first of equals, who pays for all:
 * equal weights take turns in order, others share evenly spread.
 */
static Candidate *
choose_by_turn(Pool *pool, int64 territory_id)
{
	Candidate  *chosen = NULL;
	int64		all = 0;

	for (int i = 0; i < pool->n; i++)
	{
		Candidate  *candidate = &pool->candidates[i];

		if (!can_take(candidate, territory_id))
			continue;
		candidate->balance += candidate->weight;
		all += candidate->weight;
		if (chosen == NULL || candidate->balance > chosen->balance)
			chosen = candidate;
	}
	if (chosen)
	{
		chosen->balance -= all;
		pool->has_turned = true;
	}
	return chosen;
}

/* choose_by_load takes who has the fewest open leads for his weight, the first of equals. */
static Candidate *
choose_by_load(Pool *pool)
{
	Candidate  *chosen = NULL;

	for (int i = 0; i < pool->n; i++)
	{
		Candidate  *candidate = &pool->candidates[i];

		if (can_take(candidate, 0) &&
			(chosen == NULL || candidate->open * chosen->weight < chosen->open * candidate->weight))
			chosen = candidate;
	}
	return chosen;
}

/* can_take tells whether somebody may get one more; territory 0 = any. */
static bool
can_take(const Candidate *candidate, int64 territory_id)
{
	return (territory_id == 0 || candidate->territory_id == territory_id) &&
		(candidate->capacity < 0 || candidate->open < candidate->capacity);
}

/* write_turns stores what each of the pool is owed. */
static void
write_turns(CrmOrganization *org, const Pool *pool)
{
	int64	   *owners = palloc(sizeof(int64) * pool->n);
	int64	   *balances = palloc(sizeof(int64) * pool->n);

	for (int i = 0; i < pool->n; i++)
	{
		owners[i] = pool->candidates[i].owner_id;
		balances[i] = pool->candidates[i].balance;
	}
	{
		CrmValue	args[] = {
			CRM_INT8(pool->policy->id), CRM_DATUM(core_int8_array(owners, pool->n)),
			CRM_DATUM(core_int8_array(balances, pool->n))
		};

		core_run_as_owner(org, &write_balances, "assignment_turn", args);
	}
}
