/*
 * worker.c
 *	  The optional background worker: does what run_due_automation() does, for
 *	  every organization of the databases that sales_crm.worker_databases
 *	  names, as often as there is work and each sales_crm.worker_naptime.
 *
 * It is there when the library is in shared_preload_libraries. A launcher
 * starts one worker for each database, again when one is gone. A worker goes
 * round the organizations (turn.c) and acts as the owner of each, in a
 * security-restricted operation, so that nobody's tables or triggers run as the
 * superuser that it connects as. All that it does can be undone by a crash at
 * any moment.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "automation/rule.h"

/* A database that the launcher cares for. */
typedef struct Served
{
	char		name[NAMEDATALEN];
	BackgroundWorkerHandle *handle;
	bool		is_wanted;
} Served;

PGDLLEXPORT void automation_launcher_main(Datum argument);
PGDLLEXPORT void automation_worker_main(Datum argument);

static void begin_worker(void);
static void nap(void);
static void keep_workers(void);
static void want_database(const char *name);
static void start_worker(Served *served);
static bool serve_database(void);
static bool is_alone(void);
static List *organizations(MemoryContext context);

static char *databases = NULL;
static int	naptime = 10;
static List *served_databases = NIL;	/* of Served */

/* automation_worker_init defines the settings, and the launcher when the server starts. */
void
automation_worker_init(void)
{
	BackgroundWorker launcher = {
		.bgw_name = "sales_crm launcher",
		.bgw_type = "sales_crm launcher",
		.bgw_flags = BGWORKER_SHMEM_ACCESS,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = 5,
		.bgw_library_name = "sales_crm",
		.bgw_function_name = "automation_launcher_main"
	};

	DefineCustomStringVariable("sales_crm.worker_databases",
							   "Databases, with commas, whose automation the background worker runs.",
							   "Needs sales_crm in shared_preload_libraries; otherwise it has no effect.",
							   &databases, "", PGC_SIGHUP, GUC_LIST_INPUT, NULL, NULL, NULL);
	DefineCustomIntVariable("sales_crm.worker_naptime",
							"How long the background worker waits when nothing is due.",
							NULL, &naptime, 10, 1, 24 * 60 * 60, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	automation_turn_init();
	if (process_shared_preload_libraries_in_progress)
		RegisterBackgroundWorker(&launcher);
}

/* automation_launcher_main keeps a worker alive for each database that is named. */
void
automation_launcher_main(Datum argument)
{
	begin_worker();
	for (;;)
	{
		keep_workers();
		nap();
	}
}

/* begin_worker lets signals in: SIGHUP reads the settings anew, SIGTERM ends the process where it is safe. */
static void
begin_worker(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
}

/* nap waits for the next round, or until the process is woken. */
static void
nap(void)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, naptime * 1000L, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* keep_workers starts a worker where one is missing, and ends those that nobody wants any more. */
static void
keep_workers(void)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, served_databases)
		((Served *) lfirst(cell))->is_wanted = false;
	if (SplitIdentifierString(pstrdup(databases), ',', &names))
	{
		foreach(cell, names)
			want_database(lfirst(cell));
	}
	else
		ereport(WARNING, (errmsg("sales_crm.worker_databases is no list of names: %s", databases)));
	foreach(cell, served_databases)
	{
		Served	   *served = lfirst(cell);
		pid_t		pid;

		if (served->is_wanted && (served->handle == NULL || GetBackgroundWorkerPid(served->handle, &pid) == BGWH_STOPPED))
			start_worker(served);
		else if (!served->is_wanted && served->handle)
		{
			TerminateBackgroundWorker(served->handle);
			served->handle = NULL;
		}
	}
	list_free(names);
}

static void
want_database(const char *name)
{
	MemoryContext caller;
	Served	   *served;
	ListCell   *cell;

	foreach(cell, served_databases)
	{
		served = lfirst(cell);
		if (strcmp(served->name, name) == 0)
		{
			served->is_wanted = true;
			return;
		}
	}
	caller = MemoryContextSwitchTo(TopMemoryContext);
	served = palloc0(sizeof(Served));
	strlcpy(served->name, name, NAMEDATALEN);
	served->is_wanted = true;
	served_databases = lappend(served_databases, served);
	MemoryContextSwitchTo(caller);
}

/* start_worker asks for a process; without a free one (max_worker_processes) the next round tries again. */
static void
start_worker(Served *served)
{
	BackgroundWorker worker = {
		.bgw_type = "sales_crm worker",
		.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "sales_crm",
		.bgw_function_name = "automation_worker_main",
		.bgw_notify_pid = MyProcPid
	};
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	snprintf(worker.bgw_name, BGW_MAXLEN, "sales_crm worker for %s", served->name);
	strlcpy(worker.bgw_extra, served->name, BGW_EXTRALEN);
	if (served->handle)
		pfree(served->handle);
	served->handle = NULL;
	if (!RegisterDynamicBackgroundWorker(&worker, &served->handle))
		ereport(LOG,
				(errmsg("no background worker is free for database \"%s\"", served->name),
				 errhint("Raise max_worker_processes.")));
	MemoryContextSwitchTo(caller);
}

/* automation_worker_main works for one database until it is told to end. */
void
automation_worker_main(Datum argument)
{
	begin_worker();
	BackgroundWorkerInitializeConnection(MyBgworkerEntry->bgw_extra, NULL, 0);
	SetConfigOption("search_path", "", PGC_SUSET, PGC_S_OVERRIDE);
	automation_turns_begin();
	for (;;)
	{
		bool		has_more = serve_database();

		pgstat_report_activity(STATE_IDLE, NULL);
		if (!has_more)
			nap();
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * serve_database gives each organization a turn; true when one may have more to
 * do. Each round begins anywhere, so that none comes first after a restart.
 */
static bool
serve_database(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "sales_crm worker", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	bool		has_more = false;
	List	   *names;
	int			first;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	names = is_alone() ? organizations(context) : NIL;
	CommitTransactionCommand();
	first = names ? pg_prng_uint64_range(&pg_global_prng_state, 0, list_length(names) - 1) : 0;
	for (int i = 0; i < list_length(names); i++)
	{
		MemoryContextSwitchTo(context);
		has_more |= automation_take_turn(list_nth(names, (first + i) % list_length(names)), naptime);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return has_more;
}

/*
 * is_alone tells that the extension is there and that no other worker serves
 * this database, such as one that an earlier launcher left behind.
 */
static bool
is_alone(void)
{
	static Oid	locked = InvalidOid;
	Oid			extension = get_extension_oid("sales_crm", true);
	LOCKTAG		tag;

	if (!OidIsValid(extension))
		return false;
	if (extension == locked)
		return true;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 1);
	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	locked = extension;
	return true;
}

/* organizations returns the names of the schemas that have a queue, in the context that is given. */
static List *
organizations(MemoryContext context)
{
	List	   *names = NIL;
	MemoryContext caller;

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute("SELECT n.nspname::text FROM pg_catalog.pg_namespace n "
					"WHERE EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'automation_queue' AND c.relkind IN ('r', 'p')) "
					"AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'organization_setting') "
					"AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'schema_version')",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "organizations could not be read");
	caller = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < SPI_processed; i++)
		names = lappend(names, core_result_name(i, 1));
	MemoryContextSwitchTo(caller);
	PopActiveSnapshot();
	SPI_finish();
	return names;
}
