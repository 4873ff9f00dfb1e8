/*
 * map.c
 *	  Copies rows to rows by the pairs of column_map, custom columns included.
 */
#include "postgres.h"

#include "access/table.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "lifecycle/lifecycle.h"

typedef struct MapEntry
{
	char	   *source;
	char	   *target;
	List	   *sources;		/* column names, as the catalogue has them */
	List	   *targets;
	List	   *defaults;		/* what an empty source leaves there, or NULL */
} MapEntry;

/* A statement put together from maps, found again by the name of its variant. */
typedef struct VariantEntry
{
	char	   *variant;
	CrmStatement *statement;
} VariantEntry;

typedef struct Maps
{
	List	   *entries;
	List	   *variants;
	MemoryContext context;
} Maps;

static void *load_maps(CrmOrganization *org);
static void append_source(StringInfo text, const char *from, const char *to, const char *otherwise,
						  const CrmOverride *overrides, int n);
static char *default_of(CrmOrganization *org, uint64 i);
static void check_pair_column(CrmRow *row, const char *entity_column, const char *name_column);
static bool has_column(CrmOrganization *org, const char *table, const char *column);
static MapEntry *map_entry(Maps *maps, const char *source, const char *target);

PG_FUNCTION_INFO_V1(lifecycle_check_map);

static const CrmConfig map_config = {
	.tables = {"column_map"},
	.load = load_maps
};

static CrmStatement select_maps = {
	.sql = "SELECT source_entity, target_entity, source_column, target_column "
	"FROM @column_map ORDER BY column_map_id"
};

/* lifecycle_map_targets returns ", a, b": the columns that are written. */
char *
lifecycle_map_targets(CrmOrganization *org, const char *source, const char *target)
{
	MapEntry   *entry = map_entry(core_config(org, &map_config), source, target);
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	foreach(cell, entry->targets)
		appendStringInfo(&text, ", %s", core_quoted(lfirst(cell)));
	return text.data;
}

/*
 * lifecycle_map_sources returns ", s.a, s.c": what is written into them, from
 * the source row "s", with other expressions before or after it where asked.
 */
char *
lifecycle_map_sources(CrmOrganization *org, const char *source, const char *target,
					  const CrmOverride *overrides, int n)
{
	MapEntry   *entry = map_entry(core_config(org, &map_config), source, target);
	StringInfoData text;
	ListCell   *from;
	ListCell   *to;
	ListCell   *otherwise;

	initStringInfo(&text);
	forthree(from, entry->sources, to, entry->targets, otherwise, entry->defaults)
		append_source(&text, lfirst(from), lfirst(to), lfirst(otherwise), overrides, n);
	return text.data;
}

/*
 * append_source writes one source column, overridden where the target asks
 * for it; an empty one leaves the target's default.
 */
static void
append_source(StringInfo text, const char *from, const char *to, const char *otherwise,
			  const CrmOverride *overrides, int n)
{
	const char *source = core_quoted(from);

	for (int i = 0; i < n; i++)
	{
		if (strcmp(overrides[i].target_column, to) != 0)
			continue;
		appendStringInfo(text, ", coalesce(%s%ss.%s%s%s)",
						 overrides[i].before ? overrides[i].before : "",
						 overrides[i].before ? ", " : "", source,
						 overrides[i].after ? ", " : "",
						 overrides[i].after ? overrides[i].after : "");
		return;
	}
	if (otherwise)
		appendStringInfo(text, ", coalesce(s.%s, %s)", source, otherwise);
	else
		appendStringInfo(text, ", s.%s", source);
}

/* lifecycle_mapped returns a statement built from maps; built again when they change. */
CrmStatement *
lifecycle_mapped(CrmOrganization *org, const char *variant, const Oid *argtypes,
				 CrmTextBuilder build, const void *argument)
{
	Maps	   *maps = core_config(org, &map_config);
	VariantEntry *entry;
	CrmStatement *statement;
	MemoryContext caller;
	ListCell   *cell;

	foreach(cell, maps->variants)
	{
		entry = lfirst(cell);
		if (strcmp(entry->variant, variant) == 0)
			return entry->statement;
	}
	statement = core_intern(build(org, argument), argtypes);
	maps = core_config(org, &map_config);
	caller = MemoryContextSwitchTo(maps->context);
	entry = palloc(sizeof(VariantEntry));
	entry->variant = pstrdup(variant);
	entry->statement = statement;
	maps->variants = lappend(maps->variants, entry);
	MemoryContextSwitchTo(caller);
	return statement;
}

/* load_maps reads column_map into column lists. */
static void *
load_maps(CrmOrganization *org)
{
	Maps	   *maps = palloc0(sizeof(Maps));
	uint64		n = core_config_rows(org, "column_map", &select_maps);
	int			nest = core_fix_settings(NULL);	/* as the text of a default is read again in any session */

	(void) core_set_path("pg_catalog");	/* so that defaults come out qualified */
	maps->context = CurrentMemoryContext;
	for (uint64 i = 0; i < n; i++)
	{
		MapEntry   *entry = map_entry(maps, core_result_name(i, 1), core_result_name(i, 2));

		if (!has_column(org, core_result_name(i, 1), core_result_name(i, 3)) ||
			!has_column(org, core_result_name(i, 2), core_result_name(i, 4)))
			continue;			/* the column was dropped: there is nothing to copy */
		entry->sources = lappend(entry->sources, core_result_name(i, 3));
		entry->targets = lappend(entry->targets, core_result_name(i, 4));
		entry->defaults = lappend(entry->defaults, default_of(org, i));
	}
	AtEOXact_GUC(true, nest);
	return maps;
}

/*
 * default_of returns the default of a map's target column, as SQL, when an
 * empty source of the same type may leave it; else NULL.
 */
static char *
default_of(CrmOrganization *org, uint64 i)
{
	Oid			source = get_relname_relid(core_result_name(i, 1), org->oid);
	Oid			target = get_relname_relid(core_result_name(i, 2), org->oid);
	AttrNumber	from = OidIsValid(source) ? get_attnum(source, core_result_name(i, 3)) : InvalidAttrNumber;
	AttrNumber	to = OidIsValid(target) ? get_attnum(target, core_result_name(i, 4)) : InvalidAttrNumber;
	Relation	rel;
	Node	   *expression = NULL;

	if (from <= 0 || to <= 0 || get_atttype(source, from) != get_atttype(target, to))
		return NULL;
	rel = table_open(target, AccessShareLock);
	if (TupleDescAttr(rel->rd_att, to - 1)->atthasdef && !TupleDescAttr(rel->rd_att, to - 1)->attgenerated)
		expression = build_column_default(rel, to);
	table_close(rel, AccessShareLock);
	return expression ? deparse_expression(expression, NIL, false, false) : NULL;
}

/*
 * lifecycle_check_map is the BEFORE trigger of column_map: a pair must name
 * columns that are there. One whose column is dropped later copies nothing.
 */
Datum
lifecycle_check_map(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_BEFORE, .level = TRIGGER_EVENT_ROW,
		.events = CRM_ON_INSERT | CRM_ON_UPDATE, .table = "column_map"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *row = core_row(trigdata);

	check_pair_column(row, "source_entity", "source_column");
	check_pair_column(row, "target_entity", "target_column");
	return core_row_result(row);
}

static void
check_pair_column(CrmRow *row, const char *entity_column, const char *name_column)
{
	char	   *entity = row_text(row, entity_column);
	char	   *name = row_text(row, name_column);

	if (entity == NULL || name == NULL || has_column(row->org, entity, name))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("\"%s\" has no column \"%s\"", entity, name),
			 errdetail("A row of column_map names it as %s.", name_column),
			 errhint("Add the column first: ALTER TABLE %s.%s ADD COLUMN ...", row->org->quoted, entity),
			 errtablecol(row->rel, row_column(row, name_column) + 1)));
}

static bool
has_column(CrmOrganization *org, const char *table, const char *column)
{
	Oid			relid = get_relname_relid(table, org->oid);

	return OidIsValid(relid) && get_attnum(relid, column) > 0;
}

/* map_entry finds or makes the entry of a pair. */
static MapEntry *
map_entry(Maps *maps, const char *source, const char *target)
{
	MapEntry   *entry;
	ListCell   *cell;
	MemoryContext caller;

	foreach(cell, maps->entries)
	{
		entry = lfirst(cell);
		if (strcmp(entry->source, source) == 0 && strcmp(entry->target, target) == 0)
			return entry;
	}
	caller = maps->context ? MemoryContextSwitchTo(maps->context) : CurrentMemoryContext;
	entry = palloc0(sizeof(MapEntry));
	entry->source = pstrdup(source);
	entry->target = pstrdup(target);
	maps->entries = lappend(maps->entries, entry);
	MemoryContextSwitchTo(caller);
	return entry;
}
