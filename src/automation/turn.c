/*
 * turn.c
 *	  A turn of the background worker in one organization: a batch of its queue
 *	  in a transaction of its own, within a time limit.
 *
 * The organizations of a database may be strangers to one another. None keeps
 * the others waiting for longer than sales_crm.worker_time_limit, none leaves a
 * setting or a lock to the next one, and one that fails comes less often until
 * it succeeds. Its failures are logged, and told in its table automation_worker.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "automation/rule.h"

/* entries that are done in one transaction */
#define BATCH 1000

/* how long one that was canceled may take to end, before the worker itself does */
#define GRACE_MS 5000

/* the wait after a failure doubles each time, up to an hour */
#define LONGEST_WAIT_SECONDS (60 * 60)

/* How an organization has fared in this process. */
typedef struct Turns
{
	char		name[NAMEDATALEN];
	int			failed;			/* turns in a row */
	TimestampTz next_at;
	bool		is_careful;		/* entries one by one: one of them took too long */
	bool		is_told;		/* what its table says is of this process */
} Turns;

/* What a turn does, and what came of it. */
typedef struct Turn
{
	Turns	   *turns;
	int			limit;
	int			ran;
	int64		entry;			/* that took too long, 0 = none is known */
	char	   *problem;		/* NULL = it succeeded */
} Turn;

static Turns *turns_of(const char *name);
static bool attempt(Turn *turn, CrmTask task, int limit_ms);
static void in_transaction(Turn *turn, CrmTask task);
static void work(CrmOrganization *org, void *argument);
static void tell(CrmOrganization *org, void *argument);
static void fail(Turn *turn, bool took_too_long);
static void time_is_up(void);
static void say_where(void *argument);
static void check_at_once(void);
static char *copy_problem(void);

static CrmStatement upsert_success = {
	.sql = "INSERT INTO @automation_worker (automation_worker_id, last_success_at) VALUES (1, $1) ON CONFLICT (automation_worker_id) "
	"DO UPDATE SET last_success_at = excluded.last_success_at, failed_turns = 0, next_turn_at = NULL",
	.argtypes = {TIMESTAMPTZOID}
};
static CrmStatement upsert_failure = {
	.sql = "INSERT INTO @automation_worker (automation_worker_id, last_failed_at, failed_turns, last_error, next_turn_at) "
	"VALUES (1, $1, $2, $3, $4) ON CONFLICT (automation_worker_id) DO UPDATE SET last_failed_at = excluded.last_failed_at, "
	"failed_turns = excluded.failed_turns, last_error = excluded.last_error, next_turn_at = excluded.next_turn_at",
	.argtypes = {TIMESTAMPTZOID, INT4OID, TEXTOID, TIMESTAMPTZOID}
};

static int	time_limit = 60 * 1000;
static TimeoutId timeout;
static volatile sig_atomic_t strikes = 0;

/* automation_turn_init defines the setting. */
void
automation_turn_init(void)
{
	DefineCustomIntVariable("sales_crm.worker_time_limit",
							"How long the background worker works in one organization before it goes on to the next.",
							"What takes longer is canceled and tried again later.",
							&time_limit, 60 * 1000, 100, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

/* automation_turns_begin readies the process; once. */
void
automation_turns_begin(void)
{
	timeout = RegisterTimeout(USER_TIMEOUT, time_is_up);
	automation_is_worker = true;
}

/* automation_take_turn does one batch for an organization; true when it may have more to do at once. */
bool
automation_take_turn(const char *name, int naptime)
{
	Turn		turn = {.turns = turns_of(name)};

	if (turn.turns->next_at > GetCurrentTimestamp())
		return false;
	turn.limit = turn.turns->is_careful ? 1 : BATCH;
	automation_entry_in_work = 0;
	if (attempt(&turn, work, time_limit))
	{
		turn.turns->failed = 0;
		turn.turns->is_told = true;
		turn.turns->is_careful &= turn.ran == turn.limit;
		return turn.ran == turn.limit;
	}
	turn.turns->failed++;
	turn.turns->next_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
		Min((int64) naptime << Min(turn.turns->failed - 1, 20), LONGEST_WAIT_SECONDS) * 1000);
	ereport(LOG,
			(errmsg("automation of organization \"%s\" failed, %d times in a row", name, turn.turns->failed),
			 errdetail("%s", turn.problem),
			 errhint("The worker comes back at %s, and goes on with the other organizations.", core_moment_text(turn.turns->next_at))));
	(void) attempt(&turn, tell, GRACE_MS);
	pfree(turn.problem);
	return false;
}

/* turns_of returns what is remembered of an organization. */
static Turns *
turns_of(const char *name)
{
	static HTAB *all = NULL;
	char		key[NAMEDATALEN];
	Turns	   *turns;
	bool		found;

	if (all == NULL)
	{
		HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(Turns)};

		all = hash_create("sales_crm turns", 16, &ctl, HASH_ELEM | HASH_STRINGS);
	}
	strlcpy(key, name, NAMEDATALEN);
	turns = hash_search(all, key, HASH_ENTER, &found);
	if (!found)
	{
		turns->failed = 0;
		turns->next_at = 0;
		turns->is_careful = false;
		turns->is_told = false;
	}
	return turns;
}

/* attempt does a task in a transaction and within a time; what goes wrong is logged, and leaves nothing. */
static bool
attempt(Turn *turn, CrmTask task, int limit_ms)
{
	ErrorContextCallback context = {.callback = say_where, .arg = turn->turns->name, .previous = error_context_stack};
	volatile bool succeeded = true;

	error_context_stack = &context;
	strikes = 0;
	enable_timeout_every(timeout, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), limit_ms), GRACE_MS);
	PG_TRY();
	{
		in_transaction(turn, task);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		disable_timeout(timeout, false);
		QueryCancelPending = false;
		if (turn->problem == NULL)
			fail(turn, strikes > 0);
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
		succeeded = false;
	}
	PG_END_TRY();
	error_context_stack = context.previous;
	LockReleaseAll(USER_LOCKMETHOD, true);	/* advisory locks that outlive a transaction */
	pgstat_report_stat(true);
	return succeeded;
}

/* in_transaction does a task as the organization's owner, and commits. */
static void
in_transaction(Turn *turn, CrmTask task)
{
	SetCurrentStatementStartTimestamp();	/* which is now() */
	StartTransactionCommand();
	XactIsoLevel = XACT_READ_COMMITTED;
	pgstat_report_activity(STATE_RUNNING, turn->turns->name);
	PushActiveSnapshot(GetTransactionSnapshot());
	check_at_once();
	core_work_as_owner(core_organization_named(turn->turns->name), task, turn);
	PopActiveSnapshot();
	disable_timeout(timeout, false);
	QueryCancelPending = false;
	CommitTransactionCommand();
}

/* check_at_once has no constraint put off to the commit, which a restricted operation refuses. */
static void
check_at_once(void)
{
	ConstraintsSetStmt *statement = makeNode(ConstraintsSetStmt);

	statement->deferred = false;
	AfterTriggerSetState(statement);
}

/* work does a batch, and tells that it did. */
static void
work(CrmOrganization *org, void *argument)
{
	Turn	   *turn = argument;
	CrmValue	args[] = {CRM_DATUM(TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()))};

	(void) core_require_shape(org, "automation_queue");
	turn->ran = automation_work(org, turn->limit);
	if (!OidIsValid(get_relname_relid("automation_worker", org->oid)) ||
		(turn->ran == 0 && turn->turns->failed == 0 && turn->turns->is_told))
		return;
	SPI_connect();
	core_run(org, &upsert_success, args);
	SPI_finish();
}

/* tell writes down that a turn failed, and counts the try of the entry that took too long. */
static void
tell(CrmOrganization *org, void *argument)
{
	Turn	   *turn = argument;
	CrmValue	args[] = {
		CRM_DATUM(TimestampTzGetDatum(GetCurrentTransactionStartTimestamp())), CRM_INT4(turn->turns->failed),
		core_text_value(turn->problem), CRM_DATUM(TimestampTzGetDatum(turn->turns->next_at))
	};

	if (turn->entry != 0)
		automation_keep_entry(org, turn->entry, turn->problem);
	if (!OidIsValid(get_relname_relid("automation_worker", org->oid)))
		return;
	SPI_connect();
	core_run(org, &upsert_failure, args);
	SPI_finish();
}

/* fail notes what went wrong, before the transaction's memory goes. After a batch that took too long entries are done one by one. */
static void
fail(Turn *turn, bool took_too_long)
{
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	turn->problem = took_too_long
		? psprintf("It took longer than sales_crm.worker_time_limit, %d ms, and was canceled.", time_limit) : copy_problem();
	turn->entry = took_too_long && turn->limit == 1 ? automation_entry_in_work : 0;
	turn->turns->is_careful |= took_too_long;
	MemoryContextSwitchTo(caller);
}

/* copy_problem returns the error that is being handled as a text. */
static char *
copy_problem(void)
{
	ErrorData  *error = CopyErrorData();
	char	   *problem = psprintf("%s: %s%s%s", unpack_sql_state(error->sqlerrcode), error->message,
								   error->detail ? " " : "", error->detail ? error->detail : "");

	FreeErrorData(error);
	return problem;
}

/* time_is_up cancels what runs; code that catches even that ends with the process. In a signal handler. */
static void
time_is_up(void)
{
	if (strikes++ == 0)
		QueryCancelPending = true;
	else
		ProcDiePending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* say_where names the organization in what the server logs. */
static void
say_where(void *argument)
{
	errcontext("automation of organization \"%s\"%s", (char *) argument,
			   strikes > 1 ? ", which did not end when it was canceled after sales_crm.worker_time_limit" : "");
}
