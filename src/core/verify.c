/*
 * verify.c
 *	  Proves the invariants: every room adds its checks, no row = all hold.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/core.h"

#define MAX_CHECK_LISTS 128

typedef struct CheckList
{
	CrmCheck   *checks;
	int			n;
	CrmCheckBuilder build;		/* of its one check, or NULL */
	const void *argument;		/* that it is built with */
} CheckList;

static CheckList lists[MAX_CHECK_LISTS];
static int	n_lists = 0;

static void run_checks(CrmOrganization *org, void *result);
static void run_check(CrmOrganization *org, const CrmCheck *check, CrmStatement *statement, ReturnSetInfo *result);
static bool may_read(CrmOrganization *org, const char *table);

PG_FUNCTION_INFO_V1(core_verify);

/* core_add_checks registers a room's checks; called when the library loads. */
void
core_add_checks(CrmCheck *checks, int n)
{
	if (n_lists == MAX_CHECK_LISTS)
		elog(ERROR, "too many lists of checks");
	lists[n_lists].checks = checks;
	lists[n_lists].n = n;
	n_lists++;
}

/* core_add_check registers a check whose text was put together; it lives as long as the session. */
void
core_add_check(const char *name, const char *entity, const char *sql)
{
	CrmCheck   *check = MemoryContextAllocZero(TopMemoryContext, sizeof(CrmCheck));

	check->name = name;
	check->entity = entity;
	check->statement.sql = MemoryContextStrdup(TopMemoryContext, sql);
	core_add_checks(check, 1);
}

/* core_add_built_check registers a check whose text is put together each time, from what is stored by then. */
void
core_add_built_check(const char *name, const char *entity, CrmCheckBuilder build, const void *argument)
{
	core_add_check(name, entity, "");
	lists[n_lists - 1].build = build;
	lists[n_lists - 1].argument = argument;
}

/*
 * core_verify runs every check and returns a row for each broken invariant: as
 * the organization's owner for those who have his rights, since what he put in
 * the place of his tables could run anything; with their own for all others.
 */
Datum
core_verify(PG_FUNCTION_ARGS)
{
	CrmOrganization *org;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin_reading();
	if (core_may_maintain(org))
		core_work_as_owner(org, run_checks, fcinfo->resultinfo);
	else
		run_checks(org, fcinfo->resultinfo);
	SPI_finish();
	return (Datum) 0;
}

static void
run_checks(CrmOrganization *org, void *result)
{
	int			nest = core_fix_settings(org);

	for (int i = 0; i < n_lists; i++)
	{
		for (int j = 0; j < lists[i].n; j++)
		{
			CrmCheck   *check = &lists[i].checks[j];

			CHECK_FOR_INTERRUPTS();
			if (may_read(org, check->entity))
				run_check(org, check, lists[i].build
						  ? core_intern(lists[i].build(org, lists[i].argument), check->statement.argtypes) : &check->statement,
						  (ReturnSetInfo *) result);
		}
	}
	AtEOXact_GUC(true, nest);
}

/* may_read tells whether the caller reads a check's table; one that he may not read is left out. */
static bool
may_read(CrmOrganization *org, const char *table)
{
	Oid			relid = get_relname_relid(table, org->oid);

	return !OidIsValid(relid) || pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/* run_check adds the rows that one check finds to the result. */
static void
run_check(CrmOrganization *org, const CrmCheck *check, CrmStatement *statement, ReturnSetInfo *result)
{
	uint64		n;

	statement->is_report = true;
	n = core_run(org, statement, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		Datum		values[4] = {CStringGetTextDatum(check->name),
		CStringGetTextDatum(check->entity)};
		bool		nulls[4] = {false, false, false, false};

		values[2] = core_result(i, 1, INT8OID, &nulls[2]);
		values[3] = core_result(i, 2, TEXTOID, &nulls[3]);
		if (SPI_tuptable->tupdesc->natts > 2)	/* a check of many tables says which */
			values[1] = core_result(i, 3, TEXTOID, &nulls[1]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}
