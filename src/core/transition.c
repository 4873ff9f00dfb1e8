/*
 * transition.c
 *	  Walks a statement trigger's transition tables, old and new side by side.
 *
 * They are read here and not joined in SQL: a kept plan that joins them is
 * planned for its first, small use and turns quadratic.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "executor/tuptable.h"
#include "utils/tuplestore.h"

#include "core/core.h"

static TupleTableSlot *open_rows(Tuplestorestate *rows, TupleDesc desc);

/*
 * core_visit_transitions calls visit for each row; the side that the event
 * does not have is NULL.
 */
void
core_visit_transitions(TriggerData *trigdata, CrmTransitionVisitor visit, void *state)
{
	TupleDesc	desc = RelationGetDescr(trigdata->tg_relation);
	Tuplestorestate *old_rows = trigdata->tg_oldtable;
	Tuplestorestate *new_rows = trigdata->tg_newtable;
	TupleTableSlot *old_slot = open_rows(old_rows, desc);
	TupleTableSlot *new_slot = open_rows(new_rows, desc);

	if ((old_rows == NULL && !TRIGGER_FIRED_BY_INSERT(trigdata->tg_event)) ||
		(new_rows == NULL && !TRIGGER_FIRED_BY_DELETE(trigdata->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" lacks a transition table", trigdata->tg_trigger->tgname),
				 errhint("Drop it and call sales_crm.repair().")));
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
