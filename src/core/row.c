/*
 * row.c
 *	  The row of a BEFORE trigger as arrays, its columns found by name.
 *
 * Column positions are kept per table and follow ALTER TABLE through relcache
 * invalidation, so that a DBA may add and drop columns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/core.h"

typedef struct ColumnEntry
{
	char		name[NAMEDATALEN];
	int			position;		/* from 0 */
} ColumnEntry;

#define COLUMN_HINTS 256

struct CrmTable
{
	Oid			relid;			/* hash key, must be first */
	bool		is_valid;
	HTAB	   *columns;
	ColumnEntry *hints[COLUMN_HINTS];	/* by the address of the name asked for */
};

static HTAB *tables = NULL;

static CrmTable *table_entry(Relation rel);
static int	find_column(CrmTable *table, const char *name);
static void fill_table(CrmTable *table, TupleDesc desc);
static void invalidate_tables(Datum arg, Oid relid);
static void refuse_null(const CrmRow *row, const char *name);
static int	require_column(const CrmRow *row, const char *name);
static int	typed_column(const CrmRow *row, const char *name, Oid type);
static void refuse_missing(Relation rel, const char *name) pg_attribute_noreturn();
static void refuse_type(Relation rel, int column, Oid type) pg_attribute_noreturn();

/* core_row takes the trigger's row apart. */
CrmRow *
core_row(TriggerData *trigdata)
{
	CrmRow	   *row = palloc0(sizeof(CrmRow));
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);

	row->context = CurrentMemoryContext;
	row->org = core_organization_of(trigdata->tg_relation);
	row->rel = trigdata->tg_relation;
	row->desc = desc;
	row->event = trigdata->tg_event;
	row->table = table_entry(trigdata->tg_relation);
	row->tuple = ROW_IS_UPDATE(row) ? trigdata->tg_newtuple : trigdata->tg_trigtuple;
	row->values = palloc(sizeof(Datum) * desc->natts);
	row->nulls = palloc(sizeof(bool) * desc->natts);
	heap_deform_tuple(row->tuple, desc, row->values, row->nulls);
	if (ROW_IS_UPDATE(row))
	{
		row->old_values = palloc(sizeof(Datum) * desc->natts);
		row->old_nulls = palloc(sizeof(bool) * desc->natts);
		heap_deform_tuple(trigdata->tg_trigtuple, desc,
						  row->old_values, row->old_nulls);
	}
	return row;
}

/*
 * core_stored_row takes a stored row apart, as an update would see it that
 * changes nothing: for calls that compute it once more without writing it.
 */
CrmRow *
core_stored_row(CrmOrganization *org, Relation rel, HeapTupleHeader stored)
{
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(stored), .t_data = stored};
	TriggerData trigdata = {
		.type = T_TriggerData, .tg_relation = rel, .tg_trigtuple = &tuple, .tg_newtuple = &tuple,
		.tg_event = TRIGGER_EVENT_UPDATE | TRIGGER_EVENT_ROW
	};
	CrmRow	   *row = core_row(&trigdata);

	row->org = org;
	return row;
}

/* core_row_result returns what the BEFORE trigger gives back: the row as changed. */
Datum
core_row_result(CrmRow *row)
{
	HeapTuple	tuple;

	if (!row->is_changed)
		return PointerGetDatum(row->tuple);
	tuple = heap_form_tuple(row->desc, row->values, row->nulls);
	tuple->t_data->t_ctid = row->tuple->t_data->t_ctid;
	tuple->t_self = row->tuple->t_self;
	tuple->t_tableOid = row->tuple->t_tableOid;
	return PointerGetDatum(tuple);
}

/* row_column returns the position of a column, or -1 when there is none. */
int
row_column(const CrmRow *row, const char *name)
{
	return find_column(row->table, name);
}

/* core_attribute returns the number (from 1) of a table's column, which must be there and of that type. */
AttrNumber
core_attribute(Relation rel, const char *name, Oid type)
{
	int			column = find_column(table_entry(rel), name);

	if (column < 0)
		refuse_missing(rel, name);
	if (!core_is_of_type(TupleDescAttr(RelationGetDescr(rel), column), type))
		refuse_type(rel, column, type);
	return column + 1;
}

/*
 * find_column looks a name up. Nearly all names are literals, so that the
 * address leads to the answer of the last time; the name itself decides.
 */
static int
find_column(CrmTable *table, const char *name)
{
	ColumnEntry **hint = &table->hints[((uintptr_t) name ^ ((uintptr_t) name >> 8)) % COLUMN_HINTS];
	ColumnEntry *entry = *hint;

	if (entry && strcmp(entry->name, name) == 0)
		return entry->position;
	entry = hash_search(table->columns, name, HASH_FIND, NULL);
	if (entry == NULL)
		return -1;
	*hint = entry;
	return entry->position;
}

bool
row_has(const CrmRow *row, const char *name)
{
	return row_column(row, name) >= 0;
}

/* row_is_null tells whether a column is NULL; one that does not exist is. */
bool
row_is_null(const CrmRow *row, const char *name)
{
	int			column = row_column(row, name);

	return column < 0 || row->nulls[column];
}

/* row_int8 returns a bigint column, 0 for NULL. */
int64
row_int8(const CrmRow *row, const char *name)
{
	int			column = typed_column(row, name, INT8OID);

	return column < 0 || row->nulls[column] ? 0 : DatumGetInt64(row->values[column]);
}

/* row_text returns a text column as a C string, NULL for NULL. */
char *
row_text(const CrmRow *row, const char *name)
{
	int			column = typed_column(row, name, TEXTOID);

	return column < 0 || row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}

/* row_name returns a text column that is NOT NULL in our tables, "" for NULL. */
char *
row_name(const CrmRow *row, const char *name)
{
	char	   *text = row_text(row, name);

	return text ? text : pstrdup("");
}

bool
row_bool(const CrmRow *row, const char *name)
{
	int			column = typed_column(row, name, BOOLOID);

	return column >= 0 && !row->nulls[column] && DatumGetBool(row->values[column]);
}

/* row_datum returns a number that must not be NULL. */
Datum
row_datum(const CrmRow *row, const char *name)
{
	return row_datum_as(row, name, NUMERICOID);
}

/* row_datum_as returns a column of a type, which must not be NULL. */
Datum
row_datum_as(const CrmRow *row, const char *name, Oid type)
{
	int			column = require_column(row, name);

	(void) typed_column(row, name, type);
	if (row->nulls[column])
		refuse_null(row, name);
	return row->values[column];
}

char *
row_old_text(const CrmRow *row, const char *name)
{
	int			column = typed_column(row, name, TEXTOID);

	return column < 0 || row->old_nulls == NULL || row->old_nulls[column] ? NULL : TextDatumGetCString(row->old_values[column]);
}

int64
row_old_int8(const CrmRow *row, const char *name)
{
	int			column = typed_column(row, name, INT8OID);

	return column < 0 || row->old_nulls == NULL || row->old_nulls[column] ? 0 : DatumGetInt64(row->old_values[column]);
}

/* row_set writes a number. */
void
row_set(CrmRow *row, const char *name, Datum value)
{
	row_set_as(row, name, NUMERICOID, value);
}

/* row_set_as writes a column of a type. */
void
row_set_as(CrmRow *row, const char *name, Oid type, Datum value)
{
	int			column = require_column(row, name);

	(void) typed_column(row, name, type);
	row_set_column(row, column, value);
}

/*
 * row_set_column writes a column by position; a number takes the column's own
 * scale. The value is copied to where the row lives: the caller's may be SPI's.
 */
void
row_set_column(CrmRow *row, int column, Datum value)
{
	Form_pg_attribute attribute = TupleDescAttr(row->desc, column);
	MemoryContext caller = MemoryContextSwitchTo(row->context);

	if (attribute->atttypid == NUMERICOID && attribute->atttypmod >= 0)
		value = DirectFunctionCall2(numeric, value, Int32GetDatum(attribute->atttypmod));
	else
		value = datumCopy(value, attribute->attbyval, attribute->attlen);
	MemoryContextSwitchTo(caller);
	row->values[column] = value;
	row->nulls[column] = false;
	row->is_changed = true;
}

void
row_set_null(CrmRow *row, const char *name)
{
	int			column = require_column(row, name);

	row->nulls[column] = true;
	row->is_changed = true;
}

void
row_set_text(CrmRow *row, const char *name, const char *text)
{
	if (text == NULL)
		row_set_null(row, name);
	else
		row_set_as(row, name, TEXTOID, CStringGetTextDatum(text));
}

void
row_set_int8(CrmRow *row, const char *name, int64 value)
{
	row_set_as(row, name, INT8OID, Int64GetDatum(value));
}

/* row_keep_old puts the stored value of a column back; a new row has none. */
void
row_keep_old(CrmRow *row, const char *name)
{
	int			column = require_column(row, name);

	if (row->old_values == NULL)
		return;
	row->values[column] = row->old_values[column];
	row->nulls[column] = row->old_nulls[column];
	row->is_changed = true;
}

/* row_differs compares a column's new value with the stored one; all of a new row differs. */
bool
row_differs(const CrmRow *row, int column)
{
	return row->old_values == NULL ||
		core_differs(TupleDescAttr(row->desc, column), row->values[column], row->nulls[column],
					 row->old_values[column], row->old_nulls[column]);
}

/*
 * core_differs compares two values of a column. Numbers are compared by value:
 * clients write 100 back as 100.00.
 */
bool
core_differs(Form_pg_attribute attribute, Datum a, bool a_is_null, Datum b, bool b_is_null)
{
	if (a_is_null || b_is_null)
		return a_is_null != b_is_null;
	if (attribute->atttypid == NUMERICOID)
		return !DatumGetBool(DirectFunctionCall2(numeric_eq, a, b));
	return !datum_image_eq(a, b, attribute->attbyval, attribute->attlen);
}

/* row_changed tells whether an update changes a column. */
bool
row_changed(const CrmRow *row, const char *name)
{
	int			column = row_column(row, name);

	return column >= 0 && ROW_IS_UPDATE(row) && row_differs(row, column);
}

/* require_column returns a position or says which column a table of ours lost. */
static int
require_column(const CrmRow *row, const char *name)
{
	int			column = row_column(row, name);

	if (column < 0)
		refuse_missing(row->rel, name);
	return column;
}

static void
refuse_missing(Relation rel, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("table \"%s\" has lost its column \"%s\"", RelationGetRelationName(rel), name),
			 errhint("Add the column again; sales_crm needs it.")));
}

/*
 * typed_column returns the position of a column, or -1, and refuses one of
 * another type: anybody may hang our triggers on a table of his own.
 */
static int
typed_column(const CrmRow *row, const char *name, Oid type)
{
	int			column = row_column(row, name);

	if (column >= 0 && !core_is_of_type(TupleDescAttr(row->desc, column), type))
		refuse_type(row->rel, column, type);
	return column;
}

/* core_is_of_type tells whether a column is of a type; any string type will do for text. */
bool
core_is_of_type(Form_pg_attribute attribute, Oid type)
{
	return attribute->atttypid == type ||
		(type == TEXTOID && attribute->attlen == -1 &&
		 TypeCategory(attribute->atttypid) == TYPCATEGORY_STRING);
}

static void
refuse_type(Relation rel, int column, Oid type)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), column);

	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of \"%s\" is of type %s, not %s", NameStr(attribute->attname),
					RelationGetRelationName(rel), format_type_be(attribute->atttypid), format_type_be(type)),
			 errdetail("The functions of sales_crm work on tables as create_organization() makes them."),
			 errhint("Give the column its type back, or drop the trigger."),
			 errtablecol(rel, column + 1)));
}

/* refuse_null says what NOT NULL of the column would, before anything is computed of it. */
static void
refuse_null(const CrmRow *row, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of \"%s\"", name, RelationGetRelationName(row->rel)),
			 errdetail("The amounts of the row are computed of it."),
			 errhint("Give a value, or leave the column out for its default."),
			 errtablecol(row->rel, row_column(row, name) + 1)));
}

/* table_entry returns the positions of a table's columns. */
static CrmTable *
table_entry(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	CrmTable   *table;
	bool		found;

	if (tables == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(CrmTable)};

		tables = hash_create("sales_crm tables", 64, &ctl, HASH_ELEM | HASH_BLOBS);
		core_follow_tables(invalidate_tables);
	}
	table = hash_search(tables, &relid, HASH_ENTER, &found);
	if (!found)
	{
		table->columns = NULL;
		table->is_valid = false;
	}
	if (!table->is_valid)
		fill_table(table, RelationGetDescr(rel));
	return table;
}

/* fill_table maps the names of the living columns to positions. */
static void
fill_table(CrmTable *table, TupleDesc desc)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(ColumnEntry)};

	memset(table->hints, 0, sizeof(table->hints));
	if (table->columns)
		hash_destroy(table->columns);
	table->columns = hash_create("sales_crm columns", 128, &ctl,
								 HASH_ELEM | HASH_STRINGS);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		ColumnEntry *entry;

		if (attribute->attisdropped)
			continue;
		entry = hash_search(table->columns, NameStr(attribute->attname), HASH_ENTER, NULL);
		entry->position = i;
	}
	table->is_valid = true;
}

/* invalidate_tables marks positions as old; they are read anew at next use. */
static void
invalidate_tables(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	CrmTable   *table;

	if (OidIsValid(relid))
	{
		table = hash_search(tables, &relid, HASH_FIND, NULL);
		if (table)
			table->is_valid = false;
		return;
	}
	hash_seq_init(&scan, tables);
	while ((table = hash_seq_search(&scan)) != NULL)
		table->is_valid = false;
}
