/*
 * work_queue.c
 *	  Queues of work: what they are, the one that each owner has by default,
 *	  and who may do what with the items of a queue.
 *
 * Anybody may put work into a queue. What stands in a private one is for its
 * owner and its members; what somebody works on is his, or that of who is
 * above him: the queue's owner, his manager, an administrator (a role that
 * may UPDATE table queue).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "activity/activity.h"
#include "activity/kind.h"
#include "activity/work_queue.h"
#include "security/security.h"

/* Owners that came or got another name. */
typedef struct Owners
{
	int			key;
	int			name;
	int64	   *ids;
	Datum	   *names;
	Datum	   *old_names;
	int			n;
	int			size;
} Owners;

static void keep_queue(CrmRow *row);
static CrmWorkQueue *queue_of_row(void);
static bool may_use(CrmOrganization *org, const CrmWorkQueue *queue, int64 owner_id);
static bool is_above(CrmOrganization *org, const CrmWorkQueue *queue, int64 worker_id);
static bool is_administrator(CrmOrganization *org);
static void visit_owner(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);
static void add_owner(Owners *owners, int64 id, Datum name, Datum old_name);
static Datum text_array(Datum *texts, int n);

static const char *const queue_fixed[] = {"default_owner_id", NULL};

static const CrmEntity queue_entity = {
	.name = "queue", .key = "queue_id", .label = "queue", .title = "name",
	.fixed = queue_fixed, .before_delete = keep_queue
};
static const CrmEntity member_entity = {
	.name = "queue_member", .key = "queue_member_id", .label = "member of a queue"
};

#define SELECT_QUEUE "SELECT queue_id, name, queue_type, state, owner_id FROM @queue "

static CrmStatement select_queue = {
	.sql = SELECT_QUEUE "WHERE queue_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement select_named = {
	.sql = "SELECT queue_id FROM @queue WHERE name = $1 AND default_owner_id IS NULL",
	.argtypes = {TEXTOID}
};
static CrmStatement select_default = {
	.sql = SELECT_QUEUE "WHERE default_owner_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement find_member = {
	.sql = "SELECT 1 FROM @queue_member WHERE queue_id = $1 AND owner_id = $2",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement find_manager = {
	.sql = "SELECT 1 FROM @crm_user u JOIN @crm_user m ON m.crm_user_id = u.manager_crm_user_id "
	"WHERE u.owner_id = $1 AND m.owner_id = $2",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement select_owner = {
	.sql = "SELECT o.name, u.is_disabled FROM @owner o LEFT JOIN @crm_user u ON u.owner_id = o.owner_id WHERE o.owner_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement make_queues = {
	.sql = "INSERT INTO @queue (name, queue_type, default_owner_id, owner_id) "
	"SELECT '<' || o.name || '>', 'private', o.id, o.id FROM unnest($1, $2) o(id, name) ORDER BY o.id "
	"ON CONFLICT (default_owner_id) DO NOTHING",
	.argtypes = {INT8ARRAYOID, TEXTARRAYOID}
};
static CrmStatement rename_queues = {
	.sql = "UPDATE @queue q SET name = '<' || o.name || '>' FROM unnest($1, $2, $3) o(id, name, old_name) "
	"WHERE q.default_owner_id = o.id AND q.name = '<' || o.old_name || '>'",
	.argtypes = {INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID}
};

PG_FUNCTION_INFO_V1(activity_make_default_queues);

/* activity_add_queues registers the entities of queues. */
void
activity_add_queues(void)
{
	lifecycle_add_entity(&queue_entity);
	lifecycle_add_entity(&member_entity);
	lifecycle_add_entity(&queue_item_entity);
	activity_add_queue_exits();
}

/*
 * activity_make_default_queues is an AFTER statement trigger of owner: each
 * new owner gets a private queue of his own, which follows his name. While
 * the organization is made, queues have no states yet: its seed sees to them.
 */
Datum
activity_make_default_queues(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_INSERT | CRM_ON_UPDATE, .reads_rows = true,
		.table = "owner"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmOrganization *org = core_organization_of(trigdata->tg_relation);
	Owners		owners = {
		.key = core_attribute(trigdata->tg_relation, "owner_id", INT8OID),
		.name = core_attribute(trigdata->tg_relation, "name", TEXTOID)
	};

	core_visit_transitions(trigdata, visit_owner, &owners);
	if (owners.n > 0 && lifecycle_birth_state(org, "queue"))
	{
		CrmValue	args[] = {
			CRM_DATUM(core_int8_array(owners.ids, owners.n)), CRM_DATUM(text_array(owners.names, owners.n)),
			CRM_DATUM(text_array(owners.old_names, owners.n))
		};

		SPI_connect();
		core_run(org, TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ? &make_queues : &rename_queues, args);
		SPI_finish();
	}
	return PointerGetDatum(NULL);
}

/* queue_read returns a queue; an unknown one is refused. */
CrmWorkQueue *
queue_read(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};

	if (core_run(org, &select_queue, args) == 0)
		core_refuse_unknown("queue", id);
	return queue_of_row();
}

/* activity_queue_named returns the queue of a name, which rules go by; those that owners have by default are not among them. */
int64
activity_queue_named(CrmOrganization *org, const char *name)
{
	CrmValue	args[] = {core_text_value(name)};

	if (core_run(org, &select_named, args) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("queue \"%s\" does not exist", name),
				 errdetail("Table queue of organization \"%s\" shows you no queue of that name that is not somebody's default queue.", org->name),
				 errhint("Check the name and sales_crm.organization."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "queue")));
	return core_result_int8(0, 1);
}

/* queue_of_session returns the default queue of who acts. */
CrmWorkQueue *
queue_of_session(CrmOrganization *org)
{
	int64		owner_id = security_acting_owner(org);
	CrmValue	args[] = {CRM_INT8(owner_id)};

	if (core_run(org, &select_default, args) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("owner %lld has no default queue", (long long) owner_id),
				 errdetail("Table \"queue\" shows you none with that default_owner_id."),
				 errhint("Give queue_id => a queue, or have an administrator insert a queue with that default_owner_id."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "queue")));
	return queue_of_row();
}

/* queue_of_row takes a queue from the last result. */
static CrmWorkQueue *
queue_of_row(void)
{
	CrmWorkQueue *queue = palloc(sizeof(CrmWorkQueue));

	queue->id = core_result_int8(0, 1);
	queue->name = core_result_name(0, 2);
	queue->is_private = strcmp(core_result_name(0, 3), "private") == 0;
	queue->is_active = strcmp(core_result_name(0, 4), "active") == 0;
	queue->owner_id = core_result_int8(0, 5);
	return queue;
}

/* queue_require_active lets nothing new into a queue that is inactive. */
void
queue_require_active(CrmOrganization *org, const CrmWorkQueue *queue)
{
	if (queue->is_active)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("queue \"%s\" takes no work: it is inactive", queue->name),
			 errdetail("Queue %lld is \"inactive\".", (long long) queue->id),
			 errhint("Choose another queue, or UPDATE %s.queue SET state = 'active'.", org->quoted),
			 err_generic_string(PG_DIAG_TABLE_NAME, "queue")));
}

/* queue_require_use refuses who does not work with the items of a private queue. */
void
queue_require_use(CrmOrganization *org, const CrmWorkQueue *queue)
{
	if (may_use(org, queue, security_acting_owner(org)) || is_administrator(org))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("queue \"%s\" is private", queue->name),
			 errdetail("Its items are for its owner %s and its members.", queue_owner_name(org, queue->owner_id)),
			 errhint("Have an administrator add you to table %s.queue_member.", org->quoted),
			 err_generic_string(PG_DIAG_TABLE_NAME, "queue")));
}

/* queue_require_worker refuses to name somebody else as worker without a say in it, and who cannot work in the queue. */
void
queue_require_worker(CrmOrganization *org, const CrmWorkQueue *queue, int64 worker_id)
{
	CrmValue	args[] = {CRM_INT8(worker_id)};
	char	   *name;

	if (core_run(org, &select_owner, args) == 0)
		core_refuse_unknown("owner", worker_id);
	name = core_result_name(0, 1);
	if (core_result_bool(0, 2) || !may_use(org, queue, worker_id))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s cannot work in queue \"%s\"", name, queue->name),
				 errdetail("A worker is a user who is not disabled, or a team; in a private queue its owner or a member."),
				 errhint("Name another worker_id, or add him to table %s.queue_member.", org->quoted)));
	if (is_above(org, queue, worker_id))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("you may not give items of queue \"%s\" to %s", queue->name, name),
			 errdetail("That is for the owner of the queue, his manager and administrators."),
			 errhint("Leave worker_id out to pick it yourself."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "queue_item")));
}

/* queue_require_hold refuses to take an item from who works on it, or out of a queue that one does not work in. */
void
queue_require_hold(CrmOrganization *org, const CrmWorkItem *item)
{
	CrmWorkQueue *queue = queue_read(org, item->queue_id);

	if (item->worker_id == 0)
		queue_require_use(org, queue);
	else if (item->worker_id != security_acting_owner(org) && !is_above(org, queue, item->worker_id))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("queue item %lld is being worked on by %s", (long long) item->id,
						queue_owner_name(org, item->worker_id)),
				 errdetail("It stands in queue \"%s\" for %s %lld.", queue->name, item->entity, (long long) item->record_id),
				 errhint("Ask him to release it, or the owner of the queue, his manager or an administrator to do this."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "queue_item")));
}

/* queue_owner_name returns the name of a user or team. */
char *
queue_owner_name(CrmOrganization *org, int64 owner_id)
{
	CrmValue	args[] = {CRM_INT8(owner_id)};

	return core_run(org, &select_owner, args) > 0 ? core_result_name(0, 1) : psprintf("owner %lld", (long long) owner_id);
}

/* may_use tells whether somebody works with the items of a queue. */
static bool
may_use(CrmOrganization *org, const CrmWorkQueue *queue, int64 owner_id)
{
	CrmValue	args[] = {CRM_INT8(queue->id), CRM_INT8(owner_id)};

	return !queue->is_private || queue->owner_id == owner_id || core_run(org, &find_member, args) > 0;
}

/* is_above tells whether who acts decides about a worker's items in a queue. */
static bool
is_above(CrmOrganization *org, const CrmWorkQueue *queue, int64 worker_id)
{
	int64		actor = security_acting_owner(org);
	CrmValue	args[] = {CRM_INT8(worker_id), CRM_INT8(actor)};

	return queue->owner_id == actor || is_administrator(org) || core_run(org, &find_manager, args) > 0;
}

static bool
is_administrator(CrmOrganization *org)
{
	return pg_class_aclcheck(core_table(org, "queue"), GetUserId(), ACL_UPDATE) == ACLCHECK_OK;
}

/* keep_queue keeps the default queue of an owner who is still there. */
static void
keep_queue(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "default_owner_id"))};
	char	   *name = NULL;
	MemoryContext caller = CurrentMemoryContext;

	if (row_is_null(row, "default_owner_id"))
		return;
	SPI_connect();
	if (core_run(row->org, &select_owner, args) > 0)
		name = MemoryContextStrdup(caller, core_result_name(0, 1));
	SPI_finish();
	if (name == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("the default queue of %s cannot be deleted", name),
			 errdetail("Queue %lld goes when its owner goes.", (long long) row_int8(row, "queue_id")),
			 errhint("Make it inactive instead."),
			 errtable(row->rel)));
}

/* visit_owner collects a new owner, or one whose name changed. */
static void
visit_owner(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	Owners	   *owners = state;
	bool		isnull;
	bool		was_null = false;
	Datum		name;
	Datum		old_name;

	if (new_row == NULL)
		return;					/* hung on DELETE too */
	name = slot_getattr(new_row, owners->name, &isnull);
	old_name = old_row ? slot_getattr(old_row, owners->name, &was_null) : name;
	if (isnull || was_null)
		return;					/* NOT NULL says so */
	if (old_row == NULL || !datum_image_eq(name, old_name, false, -1))
		add_owner(owners, DatumGetInt64(slot_getattr(new_row, owners->key, &isnull)), name, old_name);
}

static void
add_owner(Owners *owners, int64 id, Datum name, Datum old_name)
{
	if (owners->n == owners->size)
	{
		owners->size = Max(8, owners->size * 2);
		owners->ids = owners->ids ? repalloc(owners->ids, sizeof(int64) * owners->size) : palloc(sizeof(int64) * owners->size);
		owners->names = owners->names ? repalloc(owners->names, sizeof(Datum) * owners->size) : palloc(sizeof(Datum) * owners->size);
		owners->old_names = owners->old_names ? repalloc(owners->old_names, sizeof(Datum) * owners->size) : palloc(sizeof(Datum) * owners->size);
	}
	owners->ids[owners->n] = id;
	owners->names[owners->n] = datumCopy(name, false, -1);
	owners->old_names[owners->n++] = datumCopy(old_name, false, -1);
}

static Datum
text_array(Datum *texts, int n)
{
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}
