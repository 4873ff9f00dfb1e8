/*
 * pool.c
 *	  Finds an owner for each of some leads among the members of one policy.
 *
 * Who gets a lead is locked until the transaction ends, as a row of owner, and
 * his leads are counted after that: so his limit holds over all policies. He
 * whom another transaction has locked is passed over for the next in turn, or
 * for one with as little to do; where nobody is left he is waited for if he
 * has a limit. The turns of a policy are written by one transaction at a time;
 * what others take meanwhile goes to assignment_charge and is counted all the
 * same, so that everybody gets his share. The pool is read once for all leads.
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
	int64		moved;			/* that he gets or loses by this statement */
	int64		territory_id;	/* of the user, 0 = none */
	int64		balance;		/* how much he is owed in turns */
	int64		turns;			/* that he took now */
	bool		is_passed;		/* another transaction has him */
	bool		is_locked;
} Candidate;

typedef struct Pool
{
	CrmPolicy  *policy;
	Candidate  *candidates;		/* in order */
	int			n;
	bool		has_turned;
	bool		has_turns;		/* this transaction writes them */
} Pool;

static void read_pool(CrmOrganization *org, CrmPolicy *policy, Pool *pool);
static void read_charges(CrmOrganization *org, Pool *pool);
static void book(Pool *pool, int64 owner_id, int64 turns, int64 territory_id, int64 balance);
static void move_lead(Pool *pool, int64 owner_id, int by);
static Candidate *take(CrmOrganization *org, Pool *pool, const CrmWaitingLead *lead);
static bool is_worth_waiting(CrmOrganization *org, Pool *pool, int64 territory_id, const Candidate *best);
static bool lock_candidate(CrmOrganization *org, Candidate *candidate, bool waits);
static void count_open(CrmOrganization *org, Candidate *candidate);
static Candidate *find(Pool *pool, int64 owner_id);
static void charge(Pool *pool, Candidate *chosen);
static Candidate *choose(CrmOrganization *org, Pool *pool, int64 territory_id);
static Candidate *choose_nearest(CrmOrganization *org, Pool *pool, int64 territory_id);
static Candidate *choose_by_turn(Pool *pool, int64 territory_id);
static Candidate *choose_by_load(Pool *pool);
static bool can_take(const Candidate *candidate, int64 territory_id);
static void write_turns(CrmOrganization *org, const Pool *pool);
static void write_charges(CrmOrganization *org, const Pool *pool);

#define CHARGES "SELECT c.owner_id, sum(c.turns)::bigint, coalesce(u.territory_id, 0), coalesce(t.balance, 0) FROM c " \
	"LEFT JOIN @crm_user u ON u.owner_id = c.owner_id LEFT JOIN @assignment_turn t ON t.assignment_policy_id = $1 AND t.owner_id = c.owner_id " \
	"GROUP BY c.owner_id, u.territory_id, t.balance"

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
static CrmStatement lock_turns = {
	.sql = "SELECT 1 FROM @assignment_policy WHERE assignment_policy_id = $1 FOR NO KEY UPDATE SKIP LOCKED",
	.argtypes = {INT8OID}
};
static CrmStatement take_charges = {
	.sql = "WITH c AS (DELETE FROM @assignment_charge WHERE assignment_policy_id = $1 RETURNING owner_id, turns) " CHARGES,
	.argtypes = {INT8OID}
};
static CrmStatement select_charges = {
	.sql = "WITH c AS (SELECT owner_id, turns FROM @assignment_charge WHERE assignment_policy_id = $1) " CHARGES,
	.argtypes = {INT8OID}
};
static CrmStatement insert_charges = {
	.sql = "INSERT INTO @assignment_charge (assignment_policy_id, owner_id, turns) SELECT $1, c.owner_id, c.turns FROM unnest($2, $3) c(owner_id, turns)",
	.argtypes = {INT8OID, INT8ARRAYOID, INT8ARRAYOID}
};
static CrmStatement try_owner = {
	.sql = "SELECT 1 FROM @owner WHERE owner_id = $1 FOR NO KEY UPDATE SKIP LOCKED",
	.argtypes = {INT8OID}
};
static CrmStatement lock_owner = {
	.sql = "SELECT 1 FROM @owner WHERE owner_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement count_leads = {
	.sql = "SELECT count(*) FROM @lead WHERE owner_id = $1 AND state = 'open'",
	.argtypes = {INT8OID}
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
pool_place(CrmOrganization *org, CrmPolicy *policy, CrmWaitingLead **leads, int n, const CrmWaitingLead *all, int n_all)
{
	static const char *const reasons[] = {"round_robin", "load_balanced", "territory"};
	Pool		pool;

	read_pool(org, policy, &pool);
	for (int i = 0; i < n; i++)
		move_lead(&pool, leads[i]->owner_id, -1);
	for (int i = 0; i < n_all; i++)
	{
		if (all[i].new_owner_id == 0 || all[i].new_owner_id == all[i].owner_id)
			continue;			/* what policies before this one did is not written yet */
		move_lead(&pool, all[i].owner_id, -1);
		move_lead(&pool, all[i].new_owner_id, 1);
	}
	for (int i = 0; i < n; i++)
	{
		CrmWaitingLead *lead = leads[i];
		Candidate  *chosen = take(org, &pool, lead);

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
			chosen->moved++;
	}
	if (pool.has_turned && pool.has_turns)
		write_turns(org, &pool);
	else if (pool.has_turned)
		write_charges(org, &pool);
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
	pool->has_turns = false;
	pool->candidates = palloc0(sizeof(Candidate) * Max(pool->n, 1));
	for (int i = 0; i < pool->n; i++)
	{
		Candidate  *candidate = &pool->candidates[i];

		candidate->owner_id = core_result_int8(i, 1);
		candidate->weight = core_result_int4(i, 2);
		candidate->capacity = core_result_int4(i, 3);
		candidate->territory_id = core_result_key(i, 4);
		candidate->balance = core_result_int8(i, 5);
		candidate->open = core_result_int8(i, 6);
	}
	if (policy->method != BY_LOAD)
		read_charges(org, pool);
}

/* read_charges books the turns that are not in the balances yet, for good when no other transaction writes them. */
static void
read_charges(CrmOrganization *org, Pool *pool)
{
	CrmValue	args[] = {CRM_INT8(pool->policy->id)};
	uint64		n;

	pool->has_turns = core_run_as_owner(org, &lock_turns, "assignment_policy", args) > 0;
	n = core_run_as_owner(org, pool->has_turns ? &take_charges : &select_charges, "assignment_charge", args);
	pool->has_turned = pool->has_turns && n > 0;
	for (uint64 i = 0; i < n; i++)
		book(pool, core_result_int8(i, 1), core_result_int8(i, 2), core_result_int8(i, 3), core_result_int8(i, 4));
}

/* book gives those who took turns with somebody their weights for his turns, and has him pay; he may be in the pool no more. */
static void
book(Pool *pool, int64 owner_id, int64 turns, int64 territory_id, int64 balance)
{
	Candidate  *owner = find(pool, owner_id);
	int64		all = 0;

	for (int i = 0; i < pool->n; i++)
	{
		Candidate  *candidate = &pool->candidates[i];

		if (pool->policy->method == BY_TERRITORY && candidate->territory_id != territory_id)
			continue;
		candidate->balance += candidate->weight * turns;
		all += candidate->weight * turns;
	}
	if (owner == NULL)
	{
		pool->candidates = repalloc(pool->candidates, sizeof(Candidate) * (pool->n + 1));
		owner = &pool->candidates[pool->n++];
		*owner = (Candidate) {.owner_id = owner_id, .balance = balance};	/* capacity 0: he gets nothing */
	}
	owner->balance -= all;
}

static Candidate *
find(Pool *pool, int64 owner_id)
{
	for (int i = 0; i < pool->n; i++)
	{
		if (pool->candidates[i].owner_id == owner_id)
			return &pool->candidates[i];
	}
	return NULL;
}

/* move_lead counts a lead that waits no more as one of who has it now, or as one of who gets it. */
static void
move_lead(Pool *pool, int64 owner_id, int by)
{
	Candidate  *candidate = find(pool, owner_id);

	if (candidate)
		candidate->moved += by;
}

/*
 * take finds who gets a lead and locks him. He whom another transaction has is
 * passed over; when nobody else is as good he is waited for, but for one who
 * may get any number in turn.
 */
static Candidate *
take(CrmOrganization *org, Pool *pool, const CrmWaitingLead *lead)
{
	Candidate  *best = NULL;
	Candidate  *chosen;

	for (int i = 0; i < pool->n; i++)
		pool->candidates[i].is_passed = false;
	while ((chosen = choose(org, pool, lead->territory_id)) != NULL || best != NULL)
	{
		bool		waits = chosen == NULL || (best && is_worth_waiting(org, pool, lead->territory_id, best));

		if (waits)
			chosen = best;
		chosen->is_passed = false;
		if (!lock_candidate(org, chosen, waits))
		{
			chosen->is_passed = true;
			best = best ? best : chosen;
			continue;
		}
		if (can_take(chosen, 0))
			break;
		best = NULL;			/* he got what he may have meanwhile */
		for (int i = 0; i < pool->n; i++)
			pool->candidates[i].is_passed = false;
	}
	if (chosen && pool->policy->method != BY_LOAD)
		charge(pool, chosen);
	return chosen;
}

/* is_worth_waiting tells that who is left has more to do than the best one, whom another transaction has. */
static bool
is_worth_waiting(CrmOrganization *org, Pool *pool, int64 territory_id, const Candidate *best)
{
	Candidate  *other = choose(org, pool, territory_id);

	return pool->policy->method == BY_LOAD &&
		(best->open + best->moved) * other->weight != (other->open + other->moved) * best->weight;
}

/* lock_candidate locks who is to get a lead, and counts his leads again where it matters; false when another transaction has him. */
static bool
lock_candidate(CrmOrganization *org, Candidate *candidate, bool waits)
{
	CrmValue	args[] = {CRM_INT8(candidate->owner_id)};

	if (candidate->is_locked || (waits && candidate->capacity < 0))
		return true;
	if (core_run_as_owner(org, waits ? &lock_owner : &try_owner, "owner", args) == 0)
		return false;
	candidate->is_locked = true;
	if (candidate->capacity >= 0)
		count_open(org, candidate);
	return true;
}

/* count_open counts the open leads of somebody as they are now, also under REPEATABLE READ. */
static void
count_open(CrmOrganization *org, Candidate *candidate)
{
	CrmValue	args[] = {CRM_INT8(candidate->owner_id)};

	core_run_newest_as_owner(org, &count_leads, "lead", args);
	candidate->open = core_result_int8(0, 1);
}

/* charge gives each of those who can take a lead his weight, and has the one who gets it pay for all. */
static void
charge(Pool *pool, Candidate *chosen)
{
	int64		territory_id = pool->policy->method == BY_TERRITORY ? chosen->territory_id : 0;

	for (int i = 0; i < pool->n; i++)
	{
		Candidate  *candidate = &pool->candidates[i];

		if (!can_take(candidate, territory_id))
			continue;
		candidate->balance += candidate->weight;
		chosen->balance -= candidate->weight;
	}
	chosen->turns++;
	pool->has_turned = true;
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
 * choose_by_turn takes who is owed most, the first of equals, when each of
 * those who can take a lead gets his weight: equal weights take turns in
 * order, others share evenly spread.
 */
static Candidate *
choose_by_turn(Pool *pool, int64 territory_id)
{
	Candidate  *chosen = NULL;

	for (int i = 0; i < pool->n; i++)
	{
		Candidate  *candidate = &pool->candidates[i];

		if (!candidate->is_passed && can_take(candidate, territory_id) &&
			(chosen == NULL || candidate->balance + candidate->weight > chosen->balance + chosen->weight))
			chosen = candidate;
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

		if (!candidate->is_passed && can_take(candidate, 0) &&
			(chosen == NULL || (candidate->open + candidate->moved) * chosen->weight < (chosen->open + chosen->moved) * candidate->weight))
			chosen = candidate;
	}
	return chosen;
}

/* can_take tells whether somebody may get one more; territory 0 = any. */
static bool
can_take(const Candidate *candidate, int64 territory_id)
{
	return (territory_id == 0 || candidate->territory_id == territory_id) &&
		(candidate->capacity < 0 || candidate->open + candidate->moved < candidate->capacity);
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

/* write_charges stores who took turns, while another transaction has those of the policy. */
static void
write_charges(CrmOrganization *org, const Pool *pool)
{
	int64	   *owners = palloc(sizeof(int64) * pool->n);
	int64	   *turns = palloc(sizeof(int64) * pool->n);
	int			n = 0;

	for (int i = 0; i < pool->n; i++)
	{
		if (pool->candidates[i].turns == 0)
			continue;
		owners[n] = pool->candidates[i].owner_id;
		turns[n++] = pool->candidates[i].turns;
	}
	{
		CrmValue	args[] = {
			CRM_INT8(pool->policy->id), CRM_DATUM(core_int8_array(owners, n)), CRM_DATUM(core_int8_array(turns, n))
		};

		core_run_as_owner(org, &insert_charges, "assignment_charge", args);
	}
}
