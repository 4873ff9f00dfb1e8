/*
 * plan.c
 *	  How a kept statement is parsed and planned: whatever the caller set, and
 *	  for tables that have grown.
 *
 * A kept plan that is made while its tables are empty, or known as such since
 * the last ANALYZE, serves on when they have grown within the transaction: it
 * would read all of them for each row.
 */
#include "postgres.h"

#include "jit/jit.h"
#include "optimizer/cost.h"
#include "optimizer/plancat.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/plancache.h"
#include "utils/resowner.h"

#include "core/core.h"

/* No table of a kept statement is planned as smaller than this. */
#define LEAST_ROWS 1000
#define LEAST_PAGES 20
#define LEAST_INDEX_PAGES 5

/* The caller's settings that would change what a statement of ours means, or how it is planned. */
typedef struct Settings
{
	bool		conforming_strings;
	bool		null_equals;
	bool		array_nulls;
	bool		seqscan;
	bool		jit;
} Settings;

static bool is_making_plan = false;
static get_relation_info_hook_type next_relation_info = NULL;

static void suppose_grown(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel);
static void suppose_grown_index(IndexOptInfo *index);
static Settings read_settings(void);
static void apply_settings(Settings settings);

/* core_plan_init lets tables seem grown while a plan is made; called once, when the library is loaded. */
void
core_plan_init(void)
{
	next_relation_info = get_relation_info_hook;
	get_relation_info_hook = suppose_grown;
}

/*
 * core_parse_ours parses a text of ours as it was written, whatever the caller
 * set; this once its names are not qualified yet.
 */
SPIPlanPtr
core_parse_ours(const char *sql, Oid *argtypes, int nargs)
{
	Settings	before = read_settings();
	SPIPlanPtr	plan = NULL;
	int			nest = core_set_path("pg_catalog, pg_temp");

	PG_TRY();
	{
		apply_settings((Settings) {.conforming_strings = true, .array_nulls = true, .seqscan = true});
		plan = SPI_prepare_cursor(sql, nargs, argtypes, CURSOR_OPT_GENERIC_PLAN);
	}
	PG_FINALLY();
	{
		apply_settings(before);
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nest);
	return plan;
}

/*
 * core_make_plan makes the kept plan, where it must be made anew: for tables
 * that have grown, without sequential scans, and not compiled, as the costs of
 * such a plan would have it. A report, which reads whole tables, may do both.
 */
void
core_make_plan(SPIPlanPtr plan, bool is_report)
{
	Settings	before = read_settings();
	bool		was_making = is_making_plan;
	CachedPlan *cached = NULL;

	PG_TRY();
	{
		is_making_plan = true;
		apply_settings((Settings) {
			.conforming_strings = true, .array_nulls = true,
			.seqscan = is_report && before.seqscan, .jit = is_report && before.jit
		});
		cached = SPI_plan_get_cached_plan(plan);
	}
	PG_FINALLY();
	{
		apply_settings(before);
		is_making_plan = was_making;
	}
	PG_END_TRY();
	if (cached)
		ReleaseCachedPlan(cached, CurrentResourceOwner);
}

/* suppose_grown has a table that is smaller planned as one of LEAST_ROWS. */
static void
suppose_grown(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	ListCell   *cell;

	if (next_relation_info)
		next_relation_info(root, relid, inhparent, rel);
	if (!is_making_plan || inhparent || rel->tuples >= LEAST_ROWS)
		return;
	rel->tuples = LEAST_ROWS;
	rel->pages = Max(rel->pages, LEAST_PAGES);
	foreach(cell, rel->indexlist)
		suppose_grown_index(lfirst_node(IndexOptInfo, cell));
}

/* suppose_grown_index does so with an index; one of a part of the rows is taken for a tenth. */
static void
suppose_grown_index(IndexOptInfo *index)
{
	index->tuples = index->indpred == NIL ? LEAST_ROWS : Max(index->tuples, LEAST_ROWS / 10);
	index->pages = Max(index->pages, index->indpred == NIL ? LEAST_INDEX_PAGES : 2);
}

static Settings
read_settings(void)
{
	return (Settings) {
		.conforming_strings = standard_conforming_strings, .null_equals = Transform_null_equals,
		.array_nulls = Array_nulls, .seqscan = enable_seqscan, .jit = jit_enabled
	};
}

static void
apply_settings(Settings settings)
{
	standard_conforming_strings = settings.conforming_strings;
	Transform_null_equals = settings.null_equals;
	Array_nulls = settings.array_nulls;
	enable_seqscan = settings.seqscan;
	jit_enabled = settings.jit;
}
