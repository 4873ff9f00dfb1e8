/*
 * queue_item.c
 *	  What people do with the items of a queue: route, pick, release, remove.
 *
 * Each call locks its item and nothing else. Who closes or deletes a record,
 * or puts it into a queue, holds the record first and its item then.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "activity/kind.h"
#include "activity/work_queue.h"
#include "security/security.h"

static void complete_item(CrmRow *row, CrmTicket *ticket);
static void lock_item(CrmOrganization *org, int64 id, CrmWorkItem *item);
static void set_worker(CrmOrganization *org, const CrmWorkItem *item, int64 worker_id);
static void remove_item(CrmOrganization *org, const CrmWorkItem *item, const char *made_by);
static void refuse_gone(const CrmWorkItem *item);
static void refuse_taken(CrmOrganization *org, const CrmWorkItem *item, const CrmWorkQueue *queue);

const CrmEntity queue_item_entity = {
	.name = "queue_item", .key = "queue_item_id", .label = "queue item", .title = "title",
	.made_by_calls = true, .complete = complete_item
};

static CrmStatement lock_one = {
	.sql = "SELECT queue_id, worker_id, entity, record_id, state FROM @queue_item WHERE queue_item_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement lock_next = {
	.sql = "SELECT queue_item_id FROM @queue_item WHERE queue_id = $1 AND state = 'active' AND worker_id IS NULL "
	"ORDER BY priority DESC, entered_at, queue_item_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
	.argtypes = {INT8OID}
};
static CrmStatement write_worker = {
	.sql = "UPDATE @queue_item SET worker_id = $2, worker_assigned_at = $3 WHERE queue_item_id = $1",
	.argtypes = {INT8OID, INT8OID, TIMESTAMPTZOID}
};
static CrmStatement move_items = {
	.sql = "UPDATE @queue_item SET queue_id = $2, entered_at = $3, worker_id = NULL, worker_assigned_at = NULL "
	"WHERE queue_item_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID, INT8OID, TIMESTAMPTZOID}
};

PG_FUNCTION_INFO_V1(activity_route_item);
PG_FUNCTION_INFO_V1(activity_pick_item);
PG_FUNCTION_INFO_V1(activity_pick_next);
PG_FUNCTION_INFO_V1(activity_release_item);
PG_FUNCTION_INFO_V1(activity_remove_item);

/* activity_route_item moves an item to another queue, where nobody works on it yet. */
Datum
activity_route_item(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "queue_item_id");
	int64		queue_id = core_id_argument(fcinfo, 1, "queue_id");
	CrmOrganization *org = core_begin();
	CrmWorkItem item;

	lock_item(org, id, &item);
	queue_require_active(org, queue_read(org, queue_id));
	queue_require_hold(org, &item);
	if (item.queue_id != queue_id)
		queue_move_items(org, &id, 1, queue_id);
	return core_end_id(queue_id);
}

/* activity_pick_item makes somebody the worker of an item; of two who pick it one wins. */
Datum
activity_pick_item(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "queue_item_id");
	int64		worker_id = core_optional_id(fcinfo, 1, "owner");
	bool		removes = core_flag_argument(fcinfo, 2, false);
	CrmOrganization *org = core_begin();
	CrmWorkItem item;
	CrmWorkQueue *queue;
	int64		actor = security_acting_owner(org);

	lock_item(org, id, &item);
	queue = queue_read(org, item.queue_id);
	queue_require_use(org, queue);
	if (worker_id == 0)
		worker_id = actor;
	else if (worker_id != actor)
		queue_require_worker(org, queue, worker_id);
	if (item.worker_id != 0 && item.worker_id != worker_id)
		refuse_taken(org, &item, queue);
	if (item.worker_id == 0)
		set_worker(org, &item, worker_id);
	if (removes)
		remove_item(org, &item, "pick_queue_item");
	return core_end_id(worker_id);
}

/* activity_pick_next picks what has waited longest of the highest priority; what others are about to pick is passed over. */
Datum
activity_pick_next(PG_FUNCTION_ARGS)
{
	int64		queue_id = core_id_argument(fcinfo, 0, "queue_id");
	CrmOrganization *org = core_begin();
	CrmWorkItem item = {.queue_id = queue_id};
	CrmValue	args[] = {CRM_INT8(queue_id)};

	queue_require_use(org, queue_read(org, queue_id));
	if (core_run(org, &lock_next, args) == 0)
	{
		SPI_finish();
		PG_RETURN_NULL();
	}
	item.id = core_result_int8(0, 1);
	set_worker(org, &item, security_acting_owner(org));
	return core_end_id(item.id);
}

/* activity_release_item puts an item back for others to pick; its place by age stays. */
Datum
activity_release_item(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "queue_item_id");
	CrmOrganization *org = core_begin();
	CrmWorkItem item;

	lock_item(org, id, &item);
	queue_require_hold(org, &item);
	if (item.worker_id != 0)
		set_worker(org, &item, 0);
	return core_end_text("active");
}

/* activity_remove_item takes an item out of its queue. */
Datum
activity_remove_item(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "queue_item_id");
	CrmOrganization *org = core_begin();
	CrmWorkItem item;

	lock_item(org, id, &item);
	queue_require_hold(org, &item);
	remove_item(org, &item, "remove_queue_item");
	return core_end_text("inactive");
}

/* queue_move_items moves items, ascending and locked, to a queue. */
void
queue_move_items(CrmOrganization *org, const int64 *ids, int n, int64 queue_id)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "queue_item", .ids = ids, .n = n};
	CrmValue	args[] = {
		CRM_DATUM(core_int8_array(ids, n)), CRM_INT8(queue_id), CRM_DATUM(TimestampTzGetDatum(core_now()))
	};

	lifecycle_run(org, &ticket, &move_items, args);
}

/* complete_item checks the record of an item that comes by import; the calls hold theirs. */
static void
complete_item(CrmRow *row, CrmTicket *ticket)
{
	if (ticket == NULL)
		activity_check_record(row, "entity", "record_id");
}

/* lock_item locks an item that stands in its queue. */
static void
lock_item(CrmOrganization *org, int64 id, CrmWorkItem *item)
{
	CrmValue	args[] = {CRM_INT8(id)};

	if (core_run(org, &lock_one, args) == 0)
		core_refuse_unknown("queue_item", id);
	item->id = id;
	item->queue_id = core_result_int8(0, 1);
	item->worker_id = core_result_key(0, 2);
	item->entity = core_result_name(0, 3);
	item->record_id = core_result_int8(0, 4);
	if (strcmp(core_result_name(0, 5), "active") != 0)
		refuse_gone(item);
}

/* set_worker writes who works on an item from now on; 0 = nobody. */
static void
set_worker(CrmOrganization *org, const CrmWorkItem *item, int64 worker_id)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "queue_item", .ids = &item->id, .n = 1};
	CrmValue	args[] = {
		CRM_INT8(item->id), CRM_ID(worker_id),
		worker_id == 0 ? CRM_NULL : CRM_DATUM(TimestampTzGetDatum(core_now()))
	};

	if (lifecycle_run(org, &ticket, &write_worker, args) == 0)
		core_refuse_unknown("queue_item", item->id);
}

static void
remove_item(CrmOrganization *org, const CrmWorkItem *item, const char *made_by)
{
	CrmMove		move = {.entity = &queue_item_entity, .made_by = made_by, .to = "inactive"};

	lifecycle_move(org, &move, item->id, "active");
}

static void
refuse_gone(const CrmWorkItem *item)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("queue item %lld is in no queue any more", (long long) item->id),
			 errdetail("The item of %s %lld is \"inactive\": the work was done, or it was removed.",
					   item->entity, (long long) item->record_id),
			 errhint("Put the record into a queue again with add_to_queue()."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "queue_item")));
}

static void
refuse_taken(CrmOrganization *org, const CrmWorkItem *item, const CrmWorkQueue *queue)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("queue item %lld is being worked on by %s", (long long) item->id, queue_owner_name(org, item->worker_id)),
			 errdetail("It stands in queue \"%s\" for %s %lld.", queue->name, item->entity, (long long) item->record_id),
			 errhint("Pick another one, such as with pick_next(), or have it released first with release_queue_item()."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "queue_item")));
}
