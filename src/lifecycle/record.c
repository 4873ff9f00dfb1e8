/*
 * record.c
 *	  The AFTER pass: checks the state that was really stored, and records it.
 *
 * A user's BEFORE trigger may sort behind the guard and change the row once
 * more; what it may not do is refused here.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "history/history.h"
#include "lifecycle/lifecycle.h"

#define MAX_HOOKS 4

typedef struct Recorder
{
	CrmOrganization *org;
	const CrmEntity *entity;
	Relation	rel;
	int			key;
	int			state;
	int			reason;
	CrmStateChange *changes;
	int			n;
	int			size;
} Recorder;

static bool is_born_first(const TriggerData *trigdata);
static void start(Recorder *recorder, TriggerData *trigdata);
static Datum text_of(TupleTableSlot *slot, AttrNumber column);
static void visit(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);
static bool same_text(Datum a, Datum b);
static void check_stored(Recorder *recorder, CrmStateChange *change);
static void refuse_stored(Recorder *recorder, int64 id, const char *from, const char *to);

static CrmMoveHook hooks[MAX_HOOKS];
static int	n_hooks = 0;

PG_FUNCTION_INFO_V1(lifecycle_record);
PG_FUNCTION_INFO_V1(lifecycle_check_born);

/* lifecycle_add_move_hook registers who hears of all moves; called when the library loads. */
void
lifecycle_add_move_hook(CrmMoveHook hook)
{
	if (n_hooks == MAX_HOOKS)
		elog(ERROR, "too many hooks of moves");
	hooks[n_hooks++] = hook;
}

/* lifecycle_record is the AFTER UPDATE statement trigger of every table with a state. */
Datum
lifecycle_record(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_UPDATE, .reads_rows = true, .arguments = 1,
		.is_named = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	Recorder	recorder;

	start(&recorder, trigdata);
	core_visit_transitions(trigdata, visit, &recorder);
	if (recorder.n > 0)
	{
		SPI_connect();
		history_write(recorder.org, recorder.entity->name, recorder.changes, recorder.n);
		for (int i = 0; i < n_hooks; i++)
			hooks[i] (recorder.org, recorder.entity, recorder.changes, recorder.n);
		SPI_finish();
	}
	return PointerGetDatum(NULL);
}

/*
 * lifecycle_check_born is the AFTER INSERT row trigger; its arguments are the
 * entity and the state and reason it is born with. A row that is stored in
 * another state must come from a call or from import.
 */
Datum
lifecycle_check_born(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_INSERT,
		.arguments = 3, .is_named = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	const CrmEntity *entity;
	CrmRow	   *row;
	char	   *state;
	CrmTicket  *ticket;

	if (is_born_first(trigdata))
		return PointerGetDatum(NULL);
	entity = lifecycle_entity(core_trigger_argument(trigdata, 0));
	row = core_row(trigdata);
	state = row_text(row, "state");
	ticket = lifecycle_find_ticket(core_whole(row->rel), TICKET_BIRTH);
	if (core_import_mode ||
		lifecycle_allows(row->org, entity->name, NULL, state, "insert") ||
		(ticket && ticket->made_by && lifecycle_has_ticket(core_whole(row->rel), row_int8(row, entity->key)) &&
		 lifecycle_allows(row->org, entity->name, NULL, state, ticket->made_by)))
	{
		if (lifecycle_reason_fits(row->org, entity->name, state, row_text(row, "status_reason")))
			return PointerGetDatum(NULL);
	}
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("a new %s cannot be \"%s\"", entity->label, state ? state : ""),
			 errdetail("A trigger of \"%s\" changed the state or reason of %s %lld after it was checked.",
					   entity->name, entity->label, (long long) row_int8(row, entity->key)),
			 errhint("Let that trigger leave state and status_reason alone."),
			 errtable(trigdata->tg_relation)));
}

/* is_born_first is the quick answer for nearly every row: the state and reason of the trigger's arguments. */
static bool
is_born_first(const TriggerData *trigdata)
{
	static const char *const columns[] = {"state", "status_reason"};

	for (int i = 0; i < lengthof(columns); i++)
	{
		const char *first = core_trigger_argument(trigdata, i + 1);
		bool		isnull;
		Datum		value = heap_getattr(trigdata->tg_trigtuple,
										 core_attribute(trigdata->tg_relation, columns[i], TEXTOID),
										 RelationGetDescr(trigdata->tg_relation), &isnull);
		struct varlena *text = isnull ? NULL : PG_DETOAST_DATUM_PACKED(value);

		if (text == NULL || VARSIZE_ANY_EXHDR(text) != strlen(first) ||
			memcmp(VARDATA_ANY(text), first, strlen(first)) != 0)
			return false;
	}
	return true;
}

static void
start(Recorder *recorder, TriggerData *trigdata)
{
	memset(recorder, 0, sizeof(Recorder));
	recorder->org = core_organization_of(trigdata->tg_relation);
	recorder->entity = lifecycle_entity(core_trigger_argument(trigdata, 0));
	recorder->rel = trigdata->tg_relation;
	recorder->key = core_attribute(trigdata->tg_relation, recorder->entity->key, INT8OID);
	recorder->state = core_attribute(trigdata->tg_relation, "state", TEXTOID);
	recorder->reason = core_attribute(trigdata->tg_relation, "status_reason", TEXTOID);
}

/* text_of returns a text column that is NOT NULL in our tables. */
static Datum
text_of(TupleTableSlot *slot, AttrNumber column)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column, &isnull);

	return isnull ? CStringGetTextDatum("") : value;
}

/* visit collects a row whose state or reason changed. */
static void
visit(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	Recorder   *recorder = state;
	CrmStateChange change;
	bool		isnull;

	if (old_row == NULL || new_row == NULL)
		return;					/* hung on another event than UPDATE */
	change.from_state = text_of(old_row, recorder->state);
	change.to_state = text_of(new_row, recorder->state);
	change.from_reason = text_of(old_row, recorder->reason);
	change.to_reason = text_of(new_row, recorder->reason);
	if (same_text(change.from_state, change.to_state) &&
		same_text(change.from_reason, change.to_reason))
		return;
	change.record_id = DatumGetInt64(slot_getattr(new_row, recorder->key, &isnull));
	change.from_state = datumCopy(change.from_state, false, -1);
	change.to_state = datumCopy(change.to_state, false, -1);
	change.from_reason = datumCopy(change.from_reason, false, -1);
	change.to_reason = datumCopy(change.to_reason, false, -1);
	check_stored(recorder, &change);
	if (recorder->n == recorder->size)
	{
		recorder->size = Max(8, recorder->size * 2);
		recorder->changes = recorder->changes
			? repalloc(recorder->changes, sizeof(CrmStateChange) * recorder->size)
			: palloc(sizeof(CrmStateChange) * recorder->size);
	}
	recorder->changes[recorder->n++] = change;
}

static bool
same_text(Datum a, Datum b)
{
	return datum_image_eq(a, b, false, -1);
}

/* check_stored compares what was stored with what the guard let through. */
static void
check_stored(Recorder *recorder, CrmStateChange *change)
{
	const char *name = recorder->entity->name;
	char	   *from = TextDatumGetCString(change->from_state);
	char	   *to = TextDatumGetCString(change->to_state);
	CrmTicket  *ticket = lifecycle_record_ticket(core_whole(recorder->rel),
												 change->record_id);
	bool		is_allowed;

	change->description = ticket ? ticket->description : NULL;
	if (ticket)
		is_allowed = strcmp(ticket->from, from) == 0 && strcmp(ticket->to, to) == 0;
	else
		is_allowed = core_import_mode ||
			lifecycle_allows(recorder->org, name, from, to, "update") ||
			(strcmp(from, to) == 0 && !lifecycle_is_read_only(recorder->org, name, from));
	if (!is_allowed ||
		!lifecycle_reason_fits(recorder->org, name, to, TextDatumGetCString(change->to_reason)))
		refuse_stored(recorder, change->record_id, from, to);
}

static void
refuse_stored(Recorder *recorder, int64 id, const char *from, const char *to)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("the state of %s cannot be set from \"%s\" to \"%s\"",
					lifecycle_one(recorder->entity), from, to),
			 errdetail("A trigger of \"%s\" changed the state or reason of %s %lld after it was checked.",
					   recorder->entity->name, recorder->entity->label, (long long) id),
			 errhint("Let that trigger leave state and status_reason alone, and use the lifecycle calls."),
			 errtable(recorder->rel)));
}
