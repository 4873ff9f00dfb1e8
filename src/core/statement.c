/*
 * statement.c
 *	  The one SPI runner: static statements, plans kept per organization.
 *
 * A kept plan follows changes of the tables by itself (plan cache). What it
 * cannot follow is a renamed schema; the organization's generation does that.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "core/core.h"
#include "core/lock.h"

typedef struct PlanKey
{
	const CrmStatement *statement;
	Oid			organization;
	uint32		padding;
} PlanKey;

typedef struct PlanEntry
{
	PlanKey		key;
	SPIPlanPtr	plan;
	bool		writes;			/* rows, or locks them to */
	uint32		generation;
	List	   *tables;			/* names of the organization's tables that it reads or writes */
	uint32		shapes;			/* core_shapes when these were last found as they must be */
} PlanEntry;

/* The statement that runs as the owner of a table now, and for whom. */
typedef struct AsOwner
{
	Oid			owner;			/* InvalidOid = none */
	int			context;
	Oid			caller;
} AsOwner;

/* What a statement gave, whatever the order of its rows. */
typedef struct Digest
{
	uint64		n;
	uint64		sum;
} Digest;

bool		core_is_reading = false;	/* in a STABLE function: each of its statements sees what the caller's sees */

static HTAB *plans = NULL;
static List *retired = NIL;		/* plans that may still run in this transaction */
static List *interned = NIL;
static AsOwner as_owner;

static uint64 run(CrmOrganization *org, CrmStatement *statement, const CrmValue *args, bool is_newest);
static uint64 run_as_owner(CrmOrganization *org, CrmStatement *statement,
						   const char *table, const CrmValue *args, bool is_newest);
static uint64 run_newest(CrmOrganization *org, CrmStatement *statement, const char *table, const CrmValue *args);
static uint64 run_under(Snapshot snapshot, CrmOrganization *org, CrmStatement *statement, const char *table, const CrmValue *args);
static Digest digest_of(uint64 n);
static void refuse_older(CrmOrganization *org, CrmStatement *statement) pg_attribute_noreturn();
static const char *next_mark(const char *sql);
static char *marked_name(const char *mark);
static PlanEntry *kept_plan(CrmOrganization *org, CrmStatement *statement);
static SPIPlanPtr prepare(CrmOrganization *org, CrmStatement *statement);
static List *named_tables(const CrmStatement *statement);
static List *keep_names(List *names);
static void empty_entry(PlanEntry *entry);
static void retire_plan(SPIPlanPtr plan);
static void free_retired(XactEvent event, void *arg);
static bool require_tables(CrmOrganization *org, List *tables);
static bool writes_rows(SPIPlanPtr plan);
static int	count_args(const CrmStatement *statement);
static int	show_catalog(void);
static void require_row(uint64 row);

/* core_run executes a statement with the caller's rights; result in SPI_tuptable. */
uint64
core_run(CrmOrganization *org, CrmStatement *statement, const CrmValue *args)
{
	return run(org, statement, args, false);
}

/* run does so, under the snapshot that was pushed for it or one of its own. */
static uint64
run(CrmOrganization *org, CrmStatement *statement, const CrmValue *args, bool is_newest)
{
	int			nest = show_catalog();
	PlanEntry  *entry = kept_plan(org, statement);
	SPIPlanPtr	plan = entry->plan;
	Datum		values[CRM_MAX_ARGS];
	char		nulls[CRM_MAX_ARGS];
	int			nargs = count_args(statement);
	MemoryContext caller = CurrentMemoryContext;
	bool		is_reading = core_is_reading;
	int			rc;

	if (entry->writes)
		core_require_current(org->oid);
	for (int i = 0; i < nargs; i++)
	{
		values[i] = args[i].value;
		nulls[i] = args[i].isnull ? 'n' : ' ';
	}
	if (entry->shapes != core_shapes)
	{
		uint32		shapes = core_shapes;

		entry->shapes = require_tables(org, entry->tables) ? shapes : 0;
	}
	core_make_plan(plan, statement->is_report);
	core_is_reading = false;	/* what the statement calls decides for itself */
	rc = SPI_execute_plan(plan, values, nulls, is_newest || is_reading || statement->is_newest, 0);
	core_is_reading = is_reading;
	MemoryContextSwitchTo(caller);	/* SPI leaves its own behind */
	if (nest > 0)
		AtEOXact_GUC(true, nest);
	if (rc < 0)
		elog(ERROR, "statement failed with %s: %s",
			 SPI_result_code_string(rc), statement->sql);
	core_lock_result(statement->locks, plan);
	return SPI_processed;
}

/*
 * core_run_newest reads under the newest snapshot: for what must be seen after
 * a lock. Where the transaction has an older one (REPEATABLE READ,
 * SERIALIZABLE) that gives something else, it is to be tried again: it would
 * act on the present with what it read of the past, and SERIALIZABLE does not
 * notice, since to the server a row that the snapshot at hand sees is no news.
 */
uint64
core_run_newest(CrmOrganization *org, CrmStatement *statement, const CrmValue *args)
{
	return run_newest(org, statement, NULL, args);
}

/*
 * core_require_newest has a transaction tried again whose snapshot is older
 * than what a query gives now: before it locks what it finds by one, since the
 * parent's lock says nothing of children that came meanwhile.
 */
void
core_require_newest(CrmOrganization *org, CrmStatement *statement, const CrmValue *args)
{
	if (IsolationUsesXactSnapshot())
		(void) run_newest(org, statement, NULL, args);
}

/* core_require_newest_as_owner does so for all that counts, whoever may see it. */
void
core_require_newest_as_owner(CrmOrganization *org, CrmStatement *statement, const char *table, const CrmValue *args)
{
	if (IsolationUsesXactSnapshot())
		(void) run_newest(org, statement, table, args);
}

static uint64
run_newest(CrmOrganization *org, CrmStatement *statement, const char *table, const CrmValue *args)
{
	bool		is_older = IsolationUsesXactSnapshot();
	Digest		before = {0, 0};
	Digest		now;
	uint64		processed;

	if (core_is_reading)
		return table ? run_as_owner(org, statement, table, args, false) : run(org, statement, args, false);
	if (is_older)
	{
		before = digest_of(run_under(GetTransactionSnapshot(), org, statement, table, args));
		SPI_freetuptable(SPI_tuptable);
	}
	processed = run_under(GetLatestSnapshot(), org, statement, table, args);
	if (!is_older)
		return processed;
	now = digest_of(processed);
	if (now.n != before.n || now.sum != before.sum)
		refuse_older(org, statement);
	return processed;
}

/* run_under reads under a snapshot, as the owner of a table or, without one, as the caller. */
static uint64
run_under(Snapshot snapshot, CrmOrganization *org, CrmStatement *statement, const char *table, const CrmValue *args)
{
	uint64		processed;

	PushActiveSnapshot(snapshot);
	processed = table ? run_as_owner(org, statement, table, args, true) : run(org, statement, args, true);
	PopActiveSnapshot();
	return processed;
}

/* digest_of sums up the rows of the last result by what they hold. */
static Digest
digest_of(uint64 n)
{
	Digest		digest = {n, 0};

	for (uint64 i = 0; i < n; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		HeapTupleHeader row = tuple->t_data;
		int			start = SizeofHeapTupleHeader;	/* of the NULLs, then the values */

		digest.sum += hash_bytes_extended((unsigned char *) row + start, tuple->t_len - start, HeapTupleHeaderGetNatts(row));
	}
	return digest;
}

/* refuse_older has a transaction tried again whose snapshot is older than what it must act on. */
static void
refuse_older(CrmOrganization *org, CrmStatement *statement)
{
	const char *mark = next_mark(statement->sql);

	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail("What this call depends on was changed after this transaction began, in table \"%s.%s\" or one beside it.",
					   org->name, mark ? marked_name(mark) : "?"),
			 errhint("Run the transaction again.")));
}

/*
 * core_run_as_owner executes one statement as the owner of the table it
 * writes or reads, with a pinned search_path: for what the caller may not
 * touch himself. The caller's identity comes back with the next line, and
 * stamps name him meanwhile. The owner himself needs no such change.
 */
uint64
core_run_as_owner(CrmOrganization *org, CrmStatement *statement,
				  const char *table, const CrmValue *args)
{
	return run_as_owner(org, statement, table, args, false);
}

static uint64
run_as_owner(CrmOrganization *org, CrmStatement *statement,
			 const char *table, const CrmValue *args, bool is_newest)
{
	Oid			owner = core_owner(org, table);
	Oid			user;
	int			context;
	int			nest;
	uint64		processed;
	AsOwner		before = as_owner;

	GetUserIdAndSecContext(&user, &context);
	if (user == owner)
		return run(org, statement, args, is_newest);
	as_owner = (AsOwner) {owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS, core_acting_role()};
	SetUserIdAndSecContext(owner, as_owner.context);
	nest = core_set_path("pg_catalog, pg_temp");
	PG_TRY();
	{
		processed = run(org, statement, args, is_newest);
	}
	PG_FINALLY();
	{
		as_owner = before;
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nest);
	SetUserIdAndSecContext(user, context);
	return processed;
}

/*
 * core_run_restricted reads a table as its owner, who may be any user: the
 * code of its types and policies gets no more than his rights, and cannot put
 * off anything to the commit, where it would run as the caller.
 */
uint64
core_run_restricted(CrmOrganization *org, CrmStatement *statement,
					const char *table, const CrmValue *args)
{
	Oid			user;
	int			context;
	uint64		processed;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(user, context | SECURITY_RESTRICTED_OPERATION);
	processed = core_run_as_owner(org, statement, table, args);
	SetUserIdAndSecContext(user, context);
	return processed;
}

/* core_acting_role returns the current role, or for whom a statement runs as the owner of a table: for stamps, not for rights. */
Oid
core_acting_role(void)
{
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	return OidIsValid(as_owner.owner) && user == as_owner.owner && context == as_owner.context ? as_owner.caller : user;
}

/* core_run_newest_as_owner is core_run_newest for all that counts, whoever may see it. */
uint64
core_run_newest_as_owner(CrmOrganization *org, CrmStatement *statement,
						 const char *table, const CrmValue *args)
{
	return run_newest(org, statement, table, args);
}

/* core_run_latest_as_owner reads what is there now, whatever the transaction's snapshot: for what outlives it. */
uint64
core_run_latest_as_owner(CrmOrganization *org, CrmStatement *statement,
						 const char *table, const CrmValue *args)
{
	return run_under(GetLatestSnapshot(), org, statement, table, args);
}

/* core_set_path sets the search_path until AtEOXact_GUC ends the level that is returned. */
int
core_set_path(const char *path)
{
	int			nest = NewGUCNestLevel();

	core_set("search_path", path);
	return nest;
}

/*
 * show_catalog puts pg_catalog first where the caller's search_path puts
 * another schema before it, whose sum() or "=" would forge what we compute.
 * Returns the level that ends it, or 0.
 */
static int
show_catalog(void)
{
	Oid			first;

	if (fetch_search_path_array(&first, 1) > 0 && first == PG_CATALOG_NAMESPACE)
		return 0;
	return core_set_path(psprintf("pg_catalog, %s", namespace_search_path));
}

/*
 * core_intern returns the one statement of a text that was put together at
 * run time. Such texts are few (they follow column_map) and live on, so that
 * a plan never outlasts the statement it is kept for.
 */
CrmStatement *
core_intern(const char *sql, const Oid *argtypes)
{
	CrmStatement *statement;
	ListCell   *cell;
	MemoryContext caller;

	foreach(cell, interned)
	{
		statement = lfirst(cell);
		if (strcmp(statement->sql, sql) == 0)
			return statement;
	}
	caller = MemoryContextSwitchTo(TopMemoryContext);
	statement = palloc0(sizeof(CrmStatement));
	statement->sql = pstrdup(sql);
	for (int i = 0; i < CRM_MAX_ARGS && OidIsValid(argtypes[i]); i++)
		statement->argtypes[i] = argtypes[i];
	interned = lappend(interned, statement);
	MemoryContextSwitchTo(caller);
	return statement;
}

/* core_expand puts the organization's schema in place of each table mark, that of a quoted name too. */
char *
core_expand(const CrmOrganization *org, const char *sql)
{
	StringInfoData text;
	const char *mark;

	initStringInfo(&text);
	while ((mark = next_mark(sql)) != NULL)
	{
		appendBinaryStringInfo(&text, sql, mark - sql);
		appendStringInfo(&text, "%s.", org->quoted);
		sql = mark + 1;
	}
	appendStringInfoString(&text, sql);
	return text.data;
}

/* next_mark returns the first mark of a text that begins outside quotes, or NULL. */
static const char *
next_mark(const char *sql)
{
	char		quote = '\0';

	for (const char *p = sql; *p; p++)
	{
		if (quote == '\0' && *p == '@' && (islower((unsigned char) p[1]) || p[1] == '_' || p[1] == '"'))
			return p;
		if (quote == '\0' && (*p == '"' || *p == '\''))
			quote = *p;
		else if (*p == quote)
			quote = '\0';
	}
	return NULL;
}

/* marked_name returns the name behind a mark, without its quotes. */
static char *
marked_name(const char *mark)
{
	const char *p = mark + 1;
	StringInfoData name;

	if (*p != '"')
		return pnstrdup(p, strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_"));
	initStringInfo(&name);
	for (p++; *p && (*p != '"' || p[1] == '"'); p++)
	{
		appendStringInfoChar(&name, *p);
		p += *p == '"';
	}
	return name.data;
}

/* kept_plan returns the plan of a statement for an organization. */
static PlanEntry *
kept_plan(CrmOrganization *org, CrmStatement *statement)
{
	PlanKey		key = {statement, org->oid, 0};
	PlanEntry  *entry;
	bool		found;

	if (plans == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(PlanKey), .entrysize = sizeof(PlanEntry)};

		plans = hash_create("sales_crm plans", 128, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(plans, &key, HASH_FIND, &found);
	if (!found || entry->generation != org->generation)
	{
		List	   *tables = named_tables(statement);
		SPIPlanPtr	plan;

		(void) require_tables(org, tables);
		plan = prepare(org, statement);
		entry = hash_search(plans, &key, HASH_ENTER, &found);
		if (found)
			empty_entry(entry);
		entry->plan = plan;
		entry->writes = writes_rows(plan);
		entry->generation = org->generation;
		entry->tables = keep_names(tables);
		entry->shapes = 0;
	}
	return entry;
}

/* prepare plans a statement once, for any parameters, and keeps the plan. */
static SPIPlanPtr
prepare(CrmOrganization *org, CrmStatement *statement)
{
	MemoryContext caller = CurrentMemoryContext;
	SPIPlanPtr	plan = statement->is_verbatim
		? SPI_prepare_cursor(statement->sql, count_args(statement), statement->argtypes, CURSOR_OPT_GENERIC_PLAN)
		: core_parse_ours(core_expand(org, statement->sql), statement->argtypes, count_args(statement));

	MemoryContextSwitchTo(caller);
	if (plan == NULL)
		elog(ERROR, "could not prepare (%s): %s",
			 SPI_result_code_string(SPI_result), statement->sql);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of: %s", statement->sql);
	if (!statement->is_verbatim)
		core_qualify(plan);
	return plan;
}

/* named_tables lists the names behind the marks of a statement. */
static List *
named_tables(const CrmStatement *statement)
{
	List	   *names = NIL;
	const char *mark = statement->is_verbatim ? NULL : next_mark(statement->sql);

	for (; mark; mark = next_mark(mark + 1))
		names = lappend(names, marked_name(mark));
	return names;
}

/* keep_names copies names to where they live as long as a plan. */
static List *
keep_names(List *names)
{
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
	List	   *kept = NIL;
	ListCell   *cell;

	foreach(cell, names)
		kept = lappend(kept, pstrdup(lfirst(cell)));
	MemoryContextSwitchTo(caller);
	return kept;
}

/* writes_rows tells whether a plan writes, or locks rows in order to. */
static bool
writes_rows(SPIPlanPtr plan)
{
	ListCell   *source;
	ListCell   *cell;

	foreach(source, SPI_plan_get_plan_sources(plan))
	{
		foreach(cell, ((CachedPlanSource *) lfirst(source))->query_list)
		{
			Query	   *query = lfirst_node(Query, cell);

			if (query->commandType != CMD_SELECT || query->hasModifyingCTE || query->rowMarks != NIL)
				return true;
		}
	}
	return false;
}

/* core_forget drops the plan of a statement whose memory is about to go. */
void
core_forget(CrmOrganization *org, CrmStatement *statement)
{
	PlanKey		key = {statement, org->oid, 0};
	PlanEntry  *entry = plans ? hash_search(plans, &key, HASH_REMOVE, NULL) : NULL;

	if (entry)
		empty_entry(entry);
}

/* empty_entry forgets a plan, which may be running: its statement's triggers rename the schema. */
static void
empty_entry(PlanEntry *entry)
{
	if (entry->plan)
		retire_plan(entry->plan);
	list_free_deep(entry->tables);
	entry->plan = NULL;
	entry->tables = NIL;
}

/* retire_plan keeps a plan until the transaction ends, when none of ours runs. */
static void
retire_plan(SPIPlanPtr plan)
{
	static bool is_registered = false;
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	if (!is_registered)
		RegisterXactCallback(free_retired, NULL);
	is_registered = true;
	retired = lappend(retired, plan);
	MemoryContextSwitchTo(caller);
}

static void
free_retired(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	while (retired != NIL)
	{
		SPIPlanPtr	plan = linitial(retired);

		retired = list_delete_first(retired);
		SPI_freeplan(plan);
	}
}

/* require_tables sees to it that a statement works on true tables; false when they must be asked for again. */
static bool
require_tables(CrmOrganization *org, List *tables)
{
	bool		are_known = true;
	ListCell   *cell;

	foreach(cell, tables)
		are_known &= core_require_shape(org, lfirst(cell));
	return are_known;
}

static int
count_args(const CrmStatement *statement)
{
	int			n = 0;

	while (n < CRM_MAX_ARGS && OidIsValid(statement->argtypes[n]))
		n++;
	return n;
}

/* core_text_value wraps a C string, NULL as SQL NULL. */
CrmValue
core_text_value(const char *text)
{
	if (text == NULL)
		return CRM_NULL;
	return CRM_DATUM(CStringGetTextDatum(text));
}

/* core_int8_array makes a bigint[] of ids. */
Datum
core_int8_array(const int64 *ids, int n)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elements[i] = Int64GetDatum(ids[i]);
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* core_numeric_array makes a numeric[] of numbers. */
Datum
core_numeric_array(Datum *numbers, int n)
{
	return PointerGetDatum(construct_array(numbers, n, NUMERICOID, -1, false, TYPALIGN_INT));
}

/*
 * core_result returns a column (from 1) of a row (from 0) of the last result.
 * A table that only looks like ours may give another type, which is refused.
 */
Datum
core_result(uint64 row, int column, Oid type, bool *isnull)
{
	Oid			found;

	require_row(row);
	found = SPI_gettypeid(SPI_tuptable->tupdesc, column);
	if (found != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is of type %s, not %s", SPI_fname(SPI_tuptable->tupdesc, column),
						format_type_be(found), format_type_be(type)),
				 errdetail("The functions of sales_crm work on tables as create_organization() makes them."),
				 errhint("Give the column its type back, or SET sales_crm.organization to a true organization.")));
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

/* require_row refuses to read a row that the last statement did not give: row security hides rows at any moment. */
static void
require_row(uint64 row)
{
	if (SPI_tuptable && row < SPI_tuptable->numvals)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("a record that the call needs is not there"),
			 errdetail("Its table shows you no such row: it was deleted meanwhile, or row security hides it."),
			 errhint("Check your row rights and sales_crm.organization, and try again.")));
}

/*
 * core_result_key returns a key that is stored, 0 for NULL. Keys are positive;
 * another that got in is refused, or it would pass for none.
 */
int64
core_result_key(uint64 row, int column)
{
	bool		isnull;
	Datum		value = core_result(row, column, INT8OID, &isnull);

	if (!isnull && DatumGetInt64(value) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("column \"%s\" holds the key %lld", SPI_fname(SPI_tuptable->tupdesc, column),
						(long long) DatumGetInt64(value)),
				 errdetail("Keys are positive: 0 would pass for none."),
				 errhint("sales_crm.verify() lists such records; give them, and what refers to them, other keys.")));
	return isnull ? 0 : DatumGetInt64(value);
}

/* core_result_int8 returns a bigint, 0 for NULL. */
int64
core_result_int8(uint64 row, int column)
{
	bool		isnull;
	Datum		value = core_result(row, column, INT8OID, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

/* core_result_int4 returns an integer, 0 for NULL. */
int32
core_result_int4(uint64 row, int column)
{
	bool		isnull;
	Datum		value = core_result(row, column, INT4OID, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

/* core_result_number returns a numeric, zero for NULL. */
Datum
core_result_number(uint64 row, int column)
{
	bool		isnull;
	Datum		value = core_result(row, column, NUMERICOID, &isnull);

	return isnull ? DirectFunctionCall1(int8_numeric, Int64GetDatum(0)) : value;
}

/* core_execute runs a statement of ours that returns nothing, such as one of DDL; names in it are quoted already. */
void
core_execute(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc < 0)
		elog(ERROR, "a statement failed with %s: %s", SPI_result_code_string(rc), sql);
}

/* core_result_text returns a palloc'd string, NULL for NULL; another type as it prints. */
char *
core_result_text(uint64 row, int column)
{
	bool		isnull;
	Datum		value;

	require_row(row);
	if (SPI_gettypeid(SPI_tuptable->tupdesc, column) != TEXTOID)
		return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
	value = core_result(row, column, TEXTOID, &isnull);
	return isnull ? NULL : TextDatumGetCString(value);
}

/* core_result_name returns a palloc'd string that is NOT NULL in our tables. */
char *
core_result_name(uint64 row, int column)
{
	char	   *name = core_result_text(row, column);

	return name ? name : pstrdup("");
}

/* core_result_bool returns a boolean, false for NULL. */
bool
core_result_bool(uint64 row, int column)
{
	bool		isnull;
	Datum		value = core_result(row, column, BOOLOID, &isnull);

	return !isnull && DatumGetBool(value);
}
