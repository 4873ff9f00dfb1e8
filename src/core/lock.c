/*
 * lock.c
 *	  The one order of locks: a table, and in checking builds what holds to it.
 *
 * A call, or a statement by hand with its triggers, takes locks from the top of
 * the table down, rows of one table by ascending key. What it holds already, or
 * made itself, it takes again at any time. Outside the order stand, and 40P01
 * is the answer to (README, Concurrency): the rows that a statement deletes;
 * lines that a document by hand takes along, as it is locked before any trigger
 * of ours runs; what rules of automation do; several calls in one transaction.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "tcop/utility.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "core/core.h"
#include "core/lock.h"

#define ROW "FOR NO KEY UPDATE"
#define SHARED "FOR SHARE"

const CrmLock core_locks[] = {
	{"tables of an organization", "ACCESS EXCLUSIVE", "migrate(), by name"},
	{"tables with exchange rates", "SHARE ROW EXCLUSIVE", "set_base_currency(), by name; who writes there holds ROW EXCLUSIVE"},
	{"automation_queue", "FOR UPDATE SKIP LOCKED", "the worker, before the records of an entry"},
	{"process", ROW ", " SHARED, "activate_process(), deactivate_process(); who writes its stages and steps"},
	{"product", ROW ", " SHARED, "publish_product() and its like, families first; who writes members, properties and prices"},
	{"price_list", SHARED, "publish_product()"},
	{"recurring_appointment", ROW, "expand_series(), a change of a series, before its appointments"},
	{"activity", ROW, "complete_activity() and its like, a change of one that stands below others"},
	{"appointments of a series", ROW, "expand_series(), end_series(), cancel_activity(), in the order of their days"},
	{"lead", ROW, "qualify_lead(), assign_lead(), next_stage(), the first answer to a lead"},
	{"opportunity_product", ROW, "reprice_document()"},
	{"opportunity", ROW, "win_opportunity() and its like, accept_quote(), revise_quote(), next_stage(); who makes orders and invoices that its process follows; lines at the end of their statement"},
	{"quote_product", ROW, "reprice_document()"},
	{"quote", ROW, "activate_quote() and its like; lines at the end of their statement"},
	{"invoice to cancel", ROW, "cancel_invoice(), before what it credits"},
	{"invoice_product", ROW, "create_credit_note(), reprice_document(); a credit note that is canceled or deleted, on the lines it credits"},
	{"invoice", ROW, "pay_invoice() and its like; lines at the end of their statement"},
	{"sales_order_product", ROW, "fulfill_order() and its like, who bills or credits lines of it"},
	{"sales_order", ROW, "submit_order() and its like; lines at the end of their statement"},
	{"account", ROW, "submit_order() and its like, where the customer has a credit limit"},
	{"other records", ROW, "add_to_queue(), next_stage(), by the name of the table; assign_lead(), whom a lead goes to; read_outbox(), its reader"},
	{"assignment_policy", ROW " SKIP LOCKED", "assign_lead() and rules that assign, after the leads: who writes the turns"},
	{"queue_item", ROW, "pick_queue_item() and its like; who closes or deletes its record"},
	{"number_series", ROW, "documents that take a number of a gapless series"},
	{"process_instance", ROW, "next_stage() and its like; orders and invoices that are made"},
	{"hierarchy of a table", "SHARE ROW EXCLUSIVE, ROW EXCLUSIVE", "who puts a record below another one, at the end of the statement"},
	{NULL, NULL, NULL}
};

#ifdef CRM_CHECKS_LOCKS

#ifndef CRM_LOCK_LEVEL
#define CRM_LOCK_LEVEL ERROR
#endif

/* A row that a call or statement has locked, or made itself; key 0 = one that the statement did not name. */
typedef struct HeldRow
{
	Oid			relid;
	int32		padding;
	int64		key;
	int			level;			/* of the subtransaction, after the key of the hash */
} HeldRow;

/* The end of a call comes with that of its SPI context. */
typedef struct CallEnd
{
	MemoryContextCallback callback;
	int			before;
	int			loose;
} CallEnd;

#define MOST_LEVELS 256

static HTAB *held = NULL;
/* How far the outermost call or statement by hand came. */
typedef struct Progress
{
	int			loose;			/* more than 0: what follows may come in any order */
	int			rank;			/* of what it took last, -1 = nothing */
	Oid			relid;
	int64		key;			/* 0 = not known */
} Progress;

static int	open_works = 0;		/* calls and statements that are on their way, one within another */
static Progress progress = {.rank = -1};
static Progress progress_at[MOST_LEVELS];	/* when a subtransaction began */

static ExecutorRun_hook_type next_run = NULL;
static ExecutorFinish_hook_type next_finish = NULL;
static ProcessUtility_hook_type next_utility = NULL;

static void forget_held(void);
static void open_work(void);
static void close_call(void *argument);
static bool acts_twice(const QueryDesc *query);
static void run_query(QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once);
static void finish_query(QueryDesc *query);
static void run_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree, ProcessUtilityContext context,
						ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion);
static void end_transaction(XactEvent event, void *argument);
static void end_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *argument);
static int	rank_of(Oid relid, const char *object);
static int	key_column(const Query *query, Oid relid);
static void take_rows(const char *object, const Query *query, const RowMarkClause *mark);
static bool hold(Oid relid, int64 key);
static void take(int rank, Oid relid, int64 key, bool is_ordered);
static void refuse_order(int rank, Oid relid, int64 key);

/* core_lock_init watches statements and transactions; called once, when the library is loaded. */
void
core_lock_init(void)
{
	next_run = ExecutorRun_hook;
	ExecutorRun_hook = run_query;
	next_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish_query;
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = run_utility;
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

static void
forget_held(void)
{
	if (held)
		hash_destroy(held);
	held = NULL;
	progress.rank = -1;
}

/*
 * open_work begins a call or a statement; the outermost one begins at the top
 * of the table, as it would if it were the first of its transaction.
 */
static void
open_work(void)
{
	if (open_works++ == 0)
		forget_held();
}

/*
 * core_lock_begin opens a call, whose SPI context is the current one; it ends
 * with that. One within another is somebody's trigger's or rule's.
 */
void
core_lock_begin(void)
{
	CallEnd    *end = palloc0(sizeof(CallEnd));

	end->before = open_works;
	end->loose = progress.loose;
	progress.loose += open_works > 0;
	end->callback.func = close_call;
	end->callback.arg = end;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &end->callback);
	open_work();
}

static void
close_call(void *argument)
{
	CallEnd    *end = argument;

	open_works = Min(open_works, end->before);
	progress.loose = Min(progress.loose, end->loose);
}

/* acts_twice tells whether a statement has its triggers fire for more than one kind of change, each with locks of its own. */
static bool
acts_twice(const QueryDesc *query)
{
	Plan	   *plan = query->plannedstmt->planTree;

	return query->operation == CMD_MERGE || query->plannedstmt->hasModifyingCTE ||
		(IsA(plan, ModifyTable) && castNode(ModifyTable, plan)->onConflictAction == ONCONFLICT_UPDATE);
}

/* run_query makes one work of a statement that writes. */
static void
run_query(QueryDesc *query, ScanDirection direction, uint64 count, bool execute_once)
{
	int			before = open_works;

	if (query->operation != CMD_SELECT)
		open_work();
	PG_TRY();
	{
		if (next_run)
			next_run(query, direction, count, execute_once);
		else
			standard_ExecutorRun(query, direction, count, execute_once);
	}
	PG_FINALLY();
	{
		open_works = before;
	}
	PG_END_TRY();
}

/* finish_query lets the triggers at the end of a statement be part of it. */
static void
finish_query(QueryDesc *query)
{
	int			before = open_works;
	int			loose = progress.loose;

	open_works++;
	progress.loose += acts_twice(query);
	PG_TRY();
	{
		if (next_finish)
			next_finish(query);
		else
			standard_ExecutorFinish(query);
	}
	PG_FINALLY();
	{
		open_works = before;
		progress.loose = loose;
	}
	PG_END_TRY();
}

/* run_utility makes one work of a COPY. */
static void
run_utility(PlannedStmt *pstmt, const char *text, bool read_only_tree, ProcessUtilityContext context,
			ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *completion)
{
	int			before = open_works;

	if (IsA(pstmt->utilityStmt, CopyStmt))
		open_work();
	PG_TRY();
	{
		(next_utility ? next_utility : standard_ProcessUtility) (pstmt, text, read_only_tree, context, params,
																 environment, dest, completion);
	}
	PG_FINALLY();
	{
		open_works = before;
	}
	PG_END_TRY();
}

static void
end_transaction(XactEvent event, void *argument)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	forget_held();
	open_works = progress.loose = 0;
}

/* end_subtransaction forgets the rows of one that is rolled back, and gives those of another to the one around it. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *argument)
{
	int			level = GetCurrentTransactionNestLevel();
	HASH_SEQ_STATUS scan;
	HeldRow    *row;

	if (event == SUBXACT_EVENT_START_SUB && level < MOST_LEVELS)
		progress_at[level] = progress;
	if (event == SUBXACT_EVENT_ABORT_SUB && level < MOST_LEVELS)
		progress = progress_at[level];
	if (held == NULL || (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB))
		return;
	hash_seq_init(&scan, held);
	while ((row = hash_seq_search(&scan)) != NULL)
	{
		if (row->level >= level && event == SUBXACT_EVENT_ABORT_SUB)
			hash_search(held, row, HASH_REMOVE, NULL);
		else
			row->level = Min(row->level, level - 1);
	}
}

/* core_lock_loosen lets the locks that follow be in any order, until core_lock_tighten(). */
int
core_lock_loosen(void)
{
	return progress.loose++;
}

void
core_lock_tighten(int before)
{
	progress.loose = before;
}

/* rank_of finds an object in the table of locks, that of a name or else a table; -1 = it is not there. */
static int
rank_of(Oid relid, const char *object)
{
	const char *name = object ? object : get_rel_name(relid);

	for (int i = 0; name && core_locks[i].object; i++)
	{
		if (strcmp(core_locks[i].object, name) == 0)
			return i;
	}
	return object ? -1 : rank_of(relid, "other records");
}

/* core_lock_result notes the rows that a statement of ours locked; it gave them as its result. */
void
core_lock_result(const char *object, SPIPlanPtr plan)
{
	ListCell   *source;

	foreach(source, SPI_plan_get_plan_sources(plan))
	{
		ListCell   *cell;

		foreach(cell, ((CachedPlanSource *) lfirst(source))->query_list)
		{
			Query	   *query = lfirst_node(Query, cell);
			ListCell   *mark;

			foreach(mark, query->rowMarks)
				take_rows(object, query, lfirst_node(RowMarkClause, mark));
		}
	}
}

/* take_rows notes the rows of one table; who passes over what is locked waits for nobody. */
static void
take_rows(const char *object, const Query *query, const RowMarkClause *mark)
{
	RangeTblEntry *table = rt_fetch(mark->rti, query->rtable);
	int			column = table->rtekind == RTE_RELATION ? key_column(query, table->relid) : 0;

	if (table->rtekind != RTE_RELATION || mark->strength == LCS_FORKEYSHARE)
		return;
	for (uint64 i = 0; SPI_tuptable && i < SPI_tuptable->numvals; i++)
	{
		bool		isnull = true;
		int64		key = column > 0 ? DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column, &isnull)) : 0;

		if (mark->waitPolicy == LockWaitSkip)
			(void) hold(table->relid, key);
		else
			take(rank_of(table->relid, object), table->relid, key, column > 0 && object == NULL);
	}
}

/* key_column finds the key of a table among the columns of a query, 0 = it is not there. */
static int
key_column(const Query *query, Oid relid)
{
	char	   *key = psprintf("%s_id", get_rel_name(relid));
	ListCell   *cell;

	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);

		if (entry->resorigtbl == relid && entry->resorigcol > 0 && !entry->resjunk &&
			strcmp(get_attname(relid, entry->resorigcol, false), key) == 0)
			return entry->resno;
	}
	return 0;
}

/* core_lock_row notes a row that is written: what is new is nobody else's, and deletes stand outside the order. */
void
core_lock_row(Relation rel, int64 key, TriggerEvent event)
{
	Oid			relid = RelationGetRelid(rel);
	int			rank = rank_of(relid, NULL);

	if (strcmp(core_locks[rank].object, RelationGetRelationName(rel)) != 0)
		return;
	if (TRIGGER_FIRED_BY_UPDATE(event))
		take(rank, relid, key, false);
	else
		(void) hold(relid, key);
}

/* hold remembers a row, and tells whether it was held before; of one that is not known, whether any of its table is. */
static bool
hold(Oid relid, int64 key)
{
	HeldRow		row = {.relid = relid, .key = key};
	HeldRow    *found;
	bool		was_held;

	if (held == NULL)
	{
		HASHCTL		ctl = {.keysize = offsetof(HeldRow, level), .entrysize = sizeof(HeldRow)};

		held = hash_create("sales_crm held rows", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	if (key != 0)
		(void) hold(relid, 0);
	found = hash_search(held, &row, HASH_ENTER, &was_held);
	if (!was_held)
		found->level = GetCurrentTransactionNestLevel();
	return was_held;
}

/* take holds a row that was waited for, and refuses it when it comes too late. */
static void
take(int rank, Oid relid, int64 key, bool is_ordered)
{
	bool		is_same;

	if (hold(relid, key) || progress.loose > 0)
		return;
	is_same = rank == progress.rank && relid == progress.relid;
	if (rank < progress.rank || (is_same && is_ordered && key < progress.key))
		refuse_order(rank, relid, key);
	if (rank < progress.rank)
		return;
	progress.key = is_ordered ? key : is_same ? progress.key : 0;
	progress.rank = rank;
	progress.relid = relid;
}

static void
refuse_order(int rank, Oid relid, int64 key)
{
	ereport(CRM_LOCK_LEVEL,
			(errcode(ERRCODE_INTERNAL_ERROR),
			 errmsg("locks out of order: %s %lld (%s) after %s %lld", core_locks[rank].object, (long long) key,
					get_rel_name(relid), core_locks[progress.rank].object, (long long) progress.key),
			 errdetail("The table of locks in lock.c has it the other way round."),
			 errhint("Lock it earlier, or see whether the table of locks is to change.")));
}

#endif							/* CRM_CHECKS_LOCKS */
