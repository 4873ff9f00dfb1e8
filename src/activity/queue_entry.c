/*
 * queue_entry.c
 *	  How records come into queues and leave them: by add_to_queue() and rules,
 *	  when the work on them is over, and when they are deleted.
 *
 * A record stands in one queue at most. The record is locked first, then its
 * item; records and items of several by the key of the record.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "activity/kind.h"
#include "activity/work_queue.h"
#include "history/history.h"

/* A record that is to be put into a queue. */
typedef struct Entrant
{
	int64		record_id;
	char	   *title;
	char	   *state;			/* or NULL */
	char	   *reason;
	int32		priority;
	int64		item_id;		/* 0 = none yet */
} Entrant;

/* A state in which a record leaves its queue. */
typedef struct ExitState
{
	char	   *entity;
	char	   *state;
	char	   *reason;			/* NULL = any */
} ExitState;

static Entrant *lock_entrants(CrmOrganization *org, const char *entity, CrmValue ids, int *n);
static int32 priority_of(const char *priority);
static void enter(CrmOrganization *org, const char *entity, const CrmWorkQueue *queue, Entrant *entrants, int n);
static int	move_those_there(CrmOrganization *org, const char *entity, const CrmWorkQueue *queue, Entrant *entrants, int n);
static void refuse_unseen(CrmOrganization *org, const char *entity, const CrmValue *records, int n_seen);
static void insert_items(CrmOrganization *org, const char *entity, int64 queue_id, Entrant *entrants, int n);
static CrmValue ids_of(const Entrant *entrants, int n);
static void refuse_done(const char *entity, const Entrant *entrant);
static void leave_queue(CrmOrganization *org, const CrmEntity *entity, const CrmStateChange *changes, int n);
static void write_items(CrmOrganization *org, CrmTicket *ticket, CrmStatement *statement);
static int64 *lock_items_of(CrmOrganization *org, const char *entity, const int64 *records, int n, bool all,
							int *n_items);
static void *load_exits(CrmOrganization *org);

static const CrmConfig exits_config = {
	.tables = {"queue_exit_state"},
	.load = load_exits
};

static CrmStatement select_exits = {
	.sql = "SELECT entity, state, status_reason FROM @queue_exit_state"
};
static CrmStatement lock_there = {
	.sql = "SELECT queue_item_id, record_id, queue_id, worker_id FROM @queue_item "
	"WHERE entity = $1 AND record_id = ANY ($2) AND state = 'active' ORDER BY record_id FOR NO KEY UPDATE",
	.argtypes = {TEXTOID, INT8ARRAYOID}
};
static CrmStatement insert_all = {
	.sql = "INSERT INTO @queue_item (queue_item_id, queue_id, entity, record_id, title, priority, entered_at) "
	"SELECT i.id, $1, $2, i.record_id, i.title, i.priority, $3 FROM unnest($4, $5, $6, $7) i(id, record_id, title, priority)",
	.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, INT4ARRAYOID}
};

#define SELECT_ITEMS \
	"SELECT queue_item_id FROM @queue_item WHERE entity = $1 AND record_id = ANY ($2) AND (state = 'active' OR $3) ORDER BY record_id, 1 "

static CrmStatement find_items = {
	.sql = SELECT_ITEMS,
	.argtypes = {TEXTOID, INT8ARRAYOID, BOOLOID}
};
static CrmStatement lock_items = {
	.sql = SELECT_ITEMS "FOR NO KEY UPDATE",
	.argtypes = {TEXTOID, INT8ARRAYOID, BOOLOID}
};
static CrmStatement end_all = {
	.sql = "UPDATE @queue_item SET state = 'inactive', status_reason = 'inactive' WHERE queue_item_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement delete_all = {
	.sql = "DELETE FROM @queue_item WHERE queue_item_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID}
};

PG_FUNCTION_INFO_V1(activity_add_to_queue);

/* activity_add_queue_exits hears of the states that records get. */
void
activity_add_queue_exits(void)
{
	lifecycle_add_move_hook(leave_queue);
}

/* activity_add_to_queue puts a record into a queue; from another queue it is moved there. */
Datum
activity_add_to_queue(PG_FUNCTION_ARGS)
{
	char	   *entity = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "record_id");
	int64		queue_id = core_optional_id(fcinfo, 2, "queue");
	CrmOrganization *org = core_begin();
	CrmWorkQueue *queue = queue_id != 0 ? queue_read(org, queue_id) : queue_of_session(org);
	int			n;
	Entrant    *entrant = lock_entrants(org, entity, CRM_DATUM(core_int8_array(&id, 1)), &n);

	if (n == 0)
		core_refuse_unknown(entity, id);
	if (queue_is_exit(org, entity, entrant->state, entrant->reason))
		refuse_done(entity, entrant);
	queue_require_active(org, queue);
	if (!PG_ARGISNULL(3))
		entrant->priority = PG_GETARG_INT32(3);
	enter(org, entity, queue, entrant, 1);
	return core_end_id(entrant->item_id);
}

/* activity_enter_queue puts records into a queue, those that are still there and open; inside SPI. */
void
activity_enter_queue(CrmOrganization *org, const char *entity, const int64 *ids, int n, int64 queue_id)
{
	CrmWorkQueue *queue = queue_read(org, queue_id);
	int			found;
	Entrant    *entrants = lock_entrants(org, entity, CRM_DATUM(core_int8_array(ids, n)), &found);
	int			open = 0;

	for (int i = 0; i < found; i++)
	{
		if (!queue_is_exit(org, entity, entrants[i].state, entrants[i].reason))
			entrants[open++] = entrants[i];
	}
	queue_require_active(org, queue);
	enter(org, entity, queue, entrants, open);
}

/* activity_forget_items deletes the items of a record that is deleted; inside SPI. */
void
activity_forget_items(CrmOrganization *org, const char *entity, int64 record_id)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "queue_item"};

	ticket.ids = lock_items_of(org, entity, &record_id, 1, true, &ticket.n);
	write_items(org, &ticket, &delete_all);
}

/* queue_is_exit tells whether a record in that state has nothing to do in a queue. */
bool
queue_is_exit(CrmOrganization *org, const char *entity, const char *state, const char *reason)
{
	List	   *exits = core_config(org, &exits_config);
	ListCell   *cell;

	foreach(cell, exits)
	{
		const ExitState *exit = lfirst(cell);

		if (state && strcmp(exit->entity, entity) == 0 && strcmp(exit->state, state) == 0 &&
			(exit->reason == NULL || (reason && strcmp(exit->reason, reason) == 0)))
			return true;
	}
	return false;
}

/* lock_entrants locks records, ascending, and reads what an item keeps of them. */
static Entrant *
lock_entrants(CrmOrganization *org, const char *entity, CrmValue ids, int *n)
{
	const CrmEntity *known = lifecycle_find_entity(entity);
	Entrant    *entrants;

	*n = activity_lock_records(org, entity, ids);
	entrants = palloc0(sizeof(Entrant) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		Entrant    *entrant = &entrants[i];

		entrant->record_id = core_result_int8(i, 1);
		entrant->title = core_result_text(i, 2);
		entrant->state = core_result_text(i, 3);
		entrant->reason = core_result_text(i, 4);
		entrant->priority = priority_of(core_result_text(i, 5));
		if (entrant->title == NULL)
			entrant->title = psprintf("%s %lld", known ? known->label : entity, (long long) entrant->record_id);
	}
	return entrants;
}

/* priority_of turns the priority of an activity into that of an item. */
static int32
priority_of(const char *priority)
{
	if (priority == NULL)
		return 0;
	return strcmp(priority, "high") == 0 ? 1 : strcmp(priority, "low") == 0 ? -1 : 0;
}

/* enter puts locked records into a queue and notes their items. */
static void
enter(CrmOrganization *org, const char *entity, const CrmWorkQueue *queue, Entrant *entrants, int n)
{
	if (n > move_those_there(org, entity, queue, entrants, n))
		insert_items(org, entity, queue->id, entrants, n);
}

/* move_those_there routes the records that stand in another queue, and returns how many stand in one. */
static int
move_those_there(CrmOrganization *org, const char *entity, const CrmWorkQueue *queue, Entrant *entrants, int n)
{
	CrmValue	args[] = {core_text_value(entity), ids_of(entrants, n)};
	int			n_there = core_run(org, &lock_there, args);
	CrmWorkItem *there = palloc(sizeof(CrmWorkItem) * (n_there + 1));
	int64	   *moved = palloc(sizeof(int64) * (n_there + 1));
	int			n_moved = 0;
	int			at = 0;

	for (int i = 0; i < n_there; i++)
	{
		there[i] = (CrmWorkItem) {
			.id = core_result_int8(i, 1), .record_id = core_result_int8(i, 2), .queue_id = core_result_int8(i, 3),
			.worker_id = core_result_key(i, 4), .entity = entity
		};
		while (at < n && entrants[at].record_id < there[i].record_id)
			at++;
		if (at < n && entrants[at].record_id == there[i].record_id)
			entrants[at].item_id = there[i].id;
	}
	for (int i = 0; i < n_there; i++)
	{
		if (there[i].queue_id == queue->id)
			continue;
		queue_require_hold(org, &there[i]);
		moved[n_moved++] = there[i].id;
	}
	if (n > n_there)
		refuse_unseen(org, entity, args, n_there);
	qsort(moved, n_moved, sizeof(int64), core_compare_ids);
	if (n_moved > 0)
		queue_move_items(org, moved, n_moved, queue->id);
	return n_there;
}

/*
 * refuse_unseen refuses records that stand in a queue already, with items that
 * the caller does not see: he cannot move them. One that came there after the
 * transaction's snapshot has it tried again.
 */
static void
refuse_unseen(CrmOrganization *org, const char *entity, const CrmValue *records, int n_seen)
{
	CrmValue	args[] = {records[0], records[1], CRM_BOOL(false)};
	bool		sees_all = activity_is_seen(core_table(org, "queue_item"));

	if ((sees_all && !IsolationUsesXactSnapshot()) ||
		core_run_newest_as_owner(org, &find_items, "queue_item", args) <= n_seen)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s stands in a queue already", entity),
			 errdetail("Row security hides its queue item from you."),
			 errhint("Ask who sees it, such as an administrator, to route it."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "queue_item")));
}

/* insert_items makes items for the records that have none. */
static void
insert_items(CrmOrganization *org, const char *entity, int64 queue_id, Entrant *entrants, int n)
{
	int64	   *keys = palloc(sizeof(int64) * n);
	int64	   *records = palloc(sizeof(int64) * n);
	Datum	   *titles = palloc(sizeof(Datum) * n);
	Datum	   *priorities = palloc(sizeof(Datum) * n);
	CrmTicket	ticket = {.kind = TICKET_BIRTH, .table = "queue_item", .ids = keys, .made_by = "add_to_queue"};

	for (int i = 0; i < n; i++)
	{
		if (entrants[i].item_id != 0)
			continue;
		entrants[i].item_id = core_next_id(org, "queue_item", "queue_item_id");
		keys[ticket.n] = entrants[i].item_id;
		records[ticket.n] = entrants[i].record_id;
		titles[ticket.n] = CStringGetTextDatum(entrants[i].title);
		priorities[ticket.n++] = Int32GetDatum(entrants[i].priority);
	}
	{
		CrmValue	args[] = {
			CRM_INT8(queue_id), core_text_value(entity), CRM_DATUM(TimestampTzGetDatum(core_now())),
			CRM_DATUM(core_int8_array(keys, ticket.n)), CRM_DATUM(core_int8_array(records, ticket.n)),
			CRM_DATUM(PointerGetDatum(construct_array(titles, ticket.n, TEXTOID, -1, false, TYPALIGN_INT))),
			CRM_DATUM(PointerGetDatum(construct_array(priorities, ticket.n, INT4OID, sizeof(int32), true, TYPALIGN_INT)))
		};

		lifecycle_run(org, &ticket, &insert_all, args);
	}
}

static CrmValue
ids_of(const Entrant *entrants, int n)
{
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));

	for (int i = 0; i < n; i++)
		ids[i] = entrants[i].record_id;
	return CRM_DATUM(core_int8_array(ids, n));
}

static void
refuse_done(const char *entity, const Entrant *entrant)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("%s %lld cannot go into a queue: it is \"%s\"", entity, (long long) entrant->record_id, entrant->state),
			 errdetail("Table queue_exit_state says that nothing is left to do then."),
			 errhint("Open the record again first, or put what is still to do into the queue as an activity."),
			 err_generic_string(PG_DIAG_TABLE_NAME, entity)));
}

/* leave_queue takes records out of their queue when the work on them is over. */
static void
leave_queue(CrmOrganization *org, const CrmEntity *entity, const CrmStateChange *changes, int n)
{
	CrmMove		move = {.entity = &queue_item_entity, .made_by = "record_state", .to = "inactive"};
	int64	   *ids = palloc(sizeof(int64) * n);
	int64	   *items;
	int			n_ids = 0;
	int			n_items;
	CrmTicket	ticket;

	for (int i = 0; i < n; i++)
	{
		if (queue_is_exit(org, entity->name, TextDatumGetCString(changes[i].to_state), TextDatumGetCString(changes[i].to_reason)))
			ids[n_ids++] = changes[i].record_id;
	}
	if (n_ids == 0 || core_never_written(org, "queue_item"))
		return;
	items = lock_items_of(org, entity->name, ids, n_ids, false, &n_items);
	ticket = lifecycle_move_ticket(&move, items, n_items, "active");
	write_items(org, &ticket, &end_all);
}

/* write_items writes items as the caller, or where row security may hide one from him, as the owner of the table. */
static void
write_items(CrmOrganization *org, CrmTicket *ticket, CrmStatement *statement)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ticket->ids, ticket->n))};

	if (ticket->n == 0)
		return;
	if (activity_is_seen(core_table(org, "queue_item")))
		lifecycle_run(org, ticket, statement, args);
	else
		lifecycle_run_as_owner(org, ticket, statement, args);
}

/*
 * lock_items_of locks the items of records and returns them, ascending: those
 * that stand in a queue, or all, also those that row security hides from the
 * caller. It looks first at what is there now: a record that came into a queue
 * after the transaction's snapshot has it tried again.
 */
static int64 *
lock_items_of(CrmOrganization *org, const char *entity, const int64 *records, int n, bool all, int *n_items)
{
	CrmValue	args[] = {core_text_value(entity), CRM_DATUM(core_int8_array(records, n)), CRM_BOOL(all)};
	uint64		n_there = core_run_newest_as_owner(org, &find_items, "queue_item", args);
	int64	   *items;

	*n_items = n_there > 0 ? core_run_as_owner(org, &lock_items, "queue_item", args) : 0;
	items = palloc(sizeof(int64) * (*n_items + 1));
	for (int i = 0; i < *n_items; i++)
		items[i] = core_result_int8(i, 1);
	qsort(items, *n_items, sizeof(int64), core_compare_ids);
	return items;
}

/* load_exits reads the states in which records leave their queues. */
static void *
load_exits(CrmOrganization *org)
{
	uint64		n = core_config_rows(org, "queue_exit_state", &select_exits);
	List	   *exits = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		ExitState  *exit = palloc(sizeof(ExitState));

		exit->entity = core_result_name(i, 1);
		exit->state = core_result_name(i, 2);
		exit->reason = core_result_text(i, 3);
		exits = lappend(exits, exit);
	}
	return exits;
}
