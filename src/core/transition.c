/*
 * transition.c
 *	  Walks a statement trigger's transition tables, old and new side by side.
 *
 * They are read here and not joined in SQL: a kept plan that joins them is
 * planned for its first, small use and turns quadratic.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "lib/qunique.h"
#include "utils/tuplestore.h"

#include "core/core.h"

/* the keys that a column of the transition tables holds */
typedef struct IdList
{
	int			column;
	int64	   *ids;
	int			n;
	int			size;
} IdList;

static TupleTableSlot *open_rows(Tuplestorestate *rows, TupleDesc desc);
static void visit_ids(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);
static void add_id(IdList *list, TupleTableSlot *slot);

/*
 * core_visit_transitions calls visit for each row; the side that the event
 * does not have is NULL. That the others are there, core_trigger() has seen.
 */
void
core_visit_transitions(TriggerData *trigdata, CrmTransitionVisitor visit, void *state)
{
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);
	Tuplestorestate *old_rows = trigdata->tg_oldtable;
	Tuplestorestate *new_rows = trigdata->tg_newtable;
	TupleTableSlot *old_slot = open_rows(old_rows, desc);
	TupleTableSlot *new_slot = open_rows(new_rows, desc);

	while ((old_slot == NULL || tuplestore_gettupleslot(old_rows, true, false, old_slot)) &&
		   (new_slot == NULL || tuplestore_gettupleslot(new_rows, true, false, new_slot)))
		visit(old_slot, new_slot, state);
	if (old_slot)
		ExecDropSingleTupleTableSlot(old_slot);
	if (new_slot)
		ExecDropSingleTupleTableSlot(new_slot);
}

/* open_rows starts reading a transition table at its first row. */
static TupleTableSlot *
open_rows(Tuplestorestate *rows, TupleDesc desc)
{
	if (rows == NULL)
		return NULL;
	tuplestore_select_read_pointer(rows, 0);
	tuplestore_rescan(rows);
	return MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
}

/*
 * core_transition_ids returns the keys that a bigint column holds in the rows
 * a statement touched, before and after: each once, ascending, no NULL.
 */
int64 *
core_transition_ids(TriggerData *trigdata, const char *column, int *n)
{
	IdList		list = {.column = core_attribute(trigdata->tg_relation, column, INT8OID)};

	core_visit_transitions(trigdata, visit_ids, &list);
	if (list.n > 0)
	{
		qsort(list.ids, list.n, sizeof(int64), core_compare_ids);
		list.n = qunique(list.ids, list.n, sizeof(int64), core_compare_ids);
	}
	*n = list.n;
	return list.ids;
}

/* core_compare_ids orders keys, for qsort() and bsearch(). */
int
core_compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

static void
visit_ids(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	if (old_row)
		add_id(state, old_row);
	if (new_row)
		add_id(state, new_row);
}

/* add_id keeps a key, unless it is the one just kept: rows of one parent come together. */
static void
add_id(IdList *list, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, list->column, &isnull);

	if (isnull || (list->n > 0 && list->ids[list->n - 1] == DatumGetInt64(value)))
		return;
	if (list->n == list->size)
	{
		list->size = Max(8, list->size * 2);
		list->ids = list->ids ? repalloc(list->ids, sizeof(int64) * list->size)
			: palloc(sizeof(int64) * list->size);
	}
	list->ids[list->n++] = DatumGetInt64(value);
}
