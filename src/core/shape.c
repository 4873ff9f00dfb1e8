/*
 * shape.c
 *	  The one place that decides whether a relation is a table of ours.
 *
 * Anybody may hang our trigger functions on a table of his own, and make a
 * schema that looks like an organization. So each table that a trigger fires
 * on, or a statement names, is looked at before it is believed: it is a table,
 * not temporary, of the schema's owner, and its columns have the types and the
 * NOT NULLs of our DDL, from which the list is made when the library is built;
 * one of an older version may lack columns that came later. What was found is
 * kept until the table or a schema changes. Values are not believed for a
 * CHECK: one of that name may say anything.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "core/core.h"

/* A column that our code relies on. */
typedef struct CrmColumn
{
	const char *name;			/* NULL ends a list */
	Oid			type;
	bool		is_required;	/* there, and NOT NULL */
} CrmColumn;

typedef struct CrmShape
{
	const char *table;
	const CrmColumn *columns;
} CrmShape;

#include "core/shape_tables.h"

/* A table that was found to be what it should. */
typedef struct TrueTable
{
	Oid			relid;			/* hash key, must be first */
	bool		is_valid;
	bool		is_ours;		/* its schema is an organization */
	char		name[NAMEDATALEN];	/* of the table, also for a partition of it */
} TrueTable;

uint32		core_shapes = 1;	/* grows whenever a table that was looked at changes, or a schema */

static HTAB *true_tables = NULL;

static TrueTable *true_table(Relation rel);
static void look_at(Relation rel, TrueTable *entry);
static TrueTable *table_entry(Oid relid);
static void invalidate_shapes(Datum arg, Oid relid);
static void invalidate_owners(Datum arg, int cacheid, uint32 hashvalue);
static void invalidate_all(void);
static void require_kind(Relation rel);
static const char *name_of_whole(Relation rel);
static const CrmShape *shape_of(const char *name);
static void require_owner(Relation rel);
static void require_columns(Relation rel, const CrmShape *shape);
static bool is_from_before(Relation rel);
static int	position_of(TupleDesc desc, const char *name, int start);
static void refuse_column(Relation rel, const CrmColumn *column, int position) pg_attribute_noreturn();

/* core_require_shape refuses to let a statement work on what only looks like a table of an organization; false when it must be asked again. */
bool
core_require_shape(CrmOrganization *org, const char *name)
{
	Relation	rel = relation_open(core_table(org, name), AccessShareLock);
	bool		is_known = true_table(rel)->is_valid;

	relation_close(rel, AccessShareLock);
	return is_known;
}

/* core_table_name returns what the table under a trigger is called, a partition's is that of the whole; a false one is refused. */
const char *
core_table_name(Relation rel)
{
	return true_table(rel)->name;
}

/* core_is_in_organization tells whether the table under a trigger is in an organization; one may have been moved away. */
bool
core_is_in_organization(Relation rel)
{
	return true_table(rel)->is_ours;
}

/* true_table returns what is known of a relation, looking at it once until it changes. */
static TrueTable *
true_table(Relation rel)
{
	static TrueTable *last = NULL;

	if (last == NULL || last->relid != RelationGetRelid(rel))
		last = table_entry(RelationGetRelid(rel));
	if (!last->is_valid)
		look_at(rel, last);
	return last;
}

/*
 * look_at finds out what a relation is. A table outside organizations has no
 * shape that it must be of, until its schema becomes one: it is looked at each
 * time.
 */
static void
look_at(Relation rel, TrueTable *entry)
{
	const CrmShape *shape = NULL;
	uint32		before = core_shapes;

	require_kind(rel);
	strlcpy(entry->name, name_of_whole(rel), NAMEDATALEN);
	entry->is_ours = core_has_our_tables(RelationGetNamespace(rel));
	if (entry->is_ours)
		shape = shape_of(entry->name);
	if (shape)
	{
		require_owner(rel);
		require_columns(rel, shape);
	}
	entry->is_valid = entry->is_ours && before == core_shapes;
}

static TrueTable *
table_entry(Oid relid)
{
	TrueTable  *entry;
	bool		found;

	if (true_tables == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(TrueTable)};

		true_tables = hash_create("sales_crm true tables", 128, &ctl, HASH_ELEM | HASH_BLOBS);
		core_follow_tables(invalidate_shapes);
		CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_owners, (Datum) 0);
	}
	entry = hash_search(true_tables, &relid, HASH_ENTER, &found);
	if (!found)
		entry->is_valid = false;
	return entry;
}

/* invalidate_shapes lets a table that changed be looked at again. */
static void
invalidate_shapes(Datum arg, Oid relid)
{
	TrueTable  *entry;

	if (!OidIsValid(relid))
	{
		invalidate_all();
		return;
	}
	entry = hash_search(true_tables, &relid, HASH_FIND, NULL);
	if (entry == NULL || !entry->is_valid)
		return;
	entry->is_valid = false;
	core_shapes++;
}

/* invalidate_owners lets all be looked at again after a schema changed, perhaps its owner. */
static void
invalidate_owners(Datum arg, int cacheid, uint32 hashvalue)
{
	invalidate_all();
}

static void
invalidate_all(void)
{
	HASH_SEQ_STATUS scan;
	TrueTable  *entry;

	hash_seq_init(&scan, true_tables);
	while ((entry = hash_seq_search(&scan)) != NULL)
		entry->is_valid = false;
	core_shapes++;
}

/* require_kind refuses views, foreign tables and temporary tables: somebody's code, or anybody's rows, would pass for ours. */
static void
require_kind(Relation rel)
{
	bool		is_temporary = rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP;
	char		kind = rel->rd_rel->relkind;

	if (!is_temporary && (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 is_temporary ? errmsg("\"%s\" is a temporary table", RelationGetRelationName(rel))
			 : errmsg("\"%s\" is not a table", RelationGetRelationName(rel)),
			 errdetail("The functions of sales_crm work on the tables of an organization, as create_organization() makes them."),
			 errhint("Put the table back in its place, drop the trigger, or SET sales_crm.organization to a true organization."),
			 errtable(rel)));
}

/* name_of_whole returns a table's name, for a partition that of the table it is a part of. */
static const char *
name_of_whole(Relation rel)
{
	Oid			whole = core_whole(rel);

	if (whole == RelationGetRelid(rel))
		return RelationGetRelationName(rel);
	return get_rel_namespace(whole) == RelationGetNamespace(rel) ? get_rel_name(whole) : RelationGetRelationName(rel);
}

/* core_has_shape tells whether a name is that of a table that our DDL makes. */
bool
core_has_shape(const char *name)
{
	return shape_of(name) != NULL;
}

static const CrmShape *
shape_of(const char *name)
{
	for (int i = 0; i < lengthof(shapes); i++)
	{
		if (strcmp(shapes[i].table, name) == 0)
			return &shapes[i];
	}
	return NULL;
}

/* require_owner refuses a table of ours that belongs to another than its schema. */
static void
require_owner(Relation rel)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(RelationGetNamespace(rel)));
	Oid			owner = HeapTupleIsValid(tuple) ? ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner : InvalidOid;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (rel->rd_rel->relowner == owner)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("table \"%s\" does not belong to the owner of its organization", RelationGetRelationName(rel)),
			 errdetail("It belongs to role \"%s\", its schema to role \"%s\".", GetUserNameFromId(rel->rd_rel->relowner, true),
					   GetUserNameFromId(owner, true)),
			 errhint("ALTER TABLE or ALTER SCHEMA .. OWNER TO one and the same role."),
			 errtable(rel)));
}

/* require_columns refuses a table whose columns could hold what the code does not expect of them. */
static void
require_columns(Relation rel, const CrmShape *shape)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			position = -1;

	for (const CrmColumn *column = shape->columns; column->name; column++)
	{
		Form_pg_attribute attribute;
		int			found = position_of(desc, column->name, position + 1);

		if (found < 0 && column->is_required && !is_from_before(rel))
			refuse_column(rel, column, found);
		if (found < 0)
			continue;			/* it reads as NULL, and who needs it says so */
		position = found;
		attribute = TupleDescAttr(desc, found);
		if (!core_is_of_type(attribute, column->type) || (column->is_required && !attribute->attnotnull))
			refuse_column(rel, column, found);
	}
}

/* is_from_before tells a table of an older version, which has no column that came later: it is read, and not written until it is migrated. */
static bool
is_from_before(Relation rel)
{
	return strcmp(RelationGetRelationName(rel), "schema_version") != 0 &&
		core_schema_version(core_organization_of(rel)) < CRM_SCHEMA_VERSION;
}

/* position_of finds a living column from a place on, where it nearly always is, and from the start. */
static int
position_of(TupleDesc desc, const char *name, int start)
{
	for (int i = 0; i < desc->natts; i++)
	{
		int			position = (start + i) % desc->natts;
		Form_pg_attribute attribute = TupleDescAttr(desc, position);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return position;
	}
	return -1;
}

static void
refuse_column(Relation rel, const CrmColumn *column, int position)
{
	const char *table = RelationGetRelationName(rel);

	if (position < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has lost its column \"%s\"", table, column->name),
				 errdetail("The functions of sales_crm work on tables as create_organization() makes them."),
				 errhint("Add the column again; where the organization is of an older version, call sales_crm.migrate()."),
				 errtable(rel)));
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of table \"%s\" is not %s%s", column->name, table, format_type_be(column->type),
					column->is_required ? " NOT NULL" : ""),
			 errdetail("The functions of sales_crm work on tables as create_organization() makes them."),
			 errhint("Give the column its type%s back, or drop the trigger.", column->is_required ? " and its NOT NULL" : ""),
			 errtablecol(rel, position + 1)));
}
