/*
 * guard.c
 *	  The BEFORE trigger of every table: births, moves, read-only rows, stamps.
 *
 * It decides for every writer alike. A lifecycle call carries a ticket; who
 * carries none may create rows in their first state and change what is open.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "core/lock.h"
#include "lifecycle/lifecycle.h"
#include "security/security.h"

static void guard_insert(CrmRow *row, const CrmEntity *entity);
static void guard_update(CrmRow *row, const CrmEntity *entity);
static void guard_delete(CrmRow *row, const CrmEntity *entity);
static void check_key(CrmRow *row, const CrmEntity *entity);
static void check_birth(CrmRow *row, const CrmEntity *entity, CrmTicket *ticket);
static void refuse_birth(CrmRow *row, const CrmEntity *entity, const char *state);
static void reset_computed(CrmRow *row, const CrmEntity *entity);
static void check_move(CrmRow *row, const CrmEntity *entity, CrmTicket *ticket);
static void settle_reason(CrmRow *row, const CrmEntity *entity, const char *state);
static bool is_birth_reason(CrmRow *row, const CrmEntity *entity, const char *reason);
static void check_read_only(CrmRow *row, const CrmEntity *entity);
static void check_computed(CrmRow *row, const CrmEntity *entity);
static void check_fixed(CrmRow *row, const CrmEntity *entity);
static void check_stamps(CrmRow *row, const CrmEntity *entity);
static void refuse_computed(CrmRow *row, const CrmEntity *entity, const char *column,
							const char *why);
static void stamp_insert(CrmRow *row);
static void stamp_update(CrmRow *row);
static void set_time(CrmRow *row, const char *column);
static void set_actor(CrmRow *row, const char *column, int64 actor);
static bool is_stamp(const char *column);
static void refuse_read_only(CrmRow *row, const CrmEntity *entity, const char *state,
							 const char *column);
static void refuse_made_by_calls(CrmRow *row, const CrmEntity *entity);
static char *name_row(CrmRow *row, const CrmEntity *entity);
static int64 key_of(CrmRow *row, const CrmEntity *entity);
static bool has_id(CrmRow *row, const CrmEntity *entity);

static const char *const stamps[] = {
	"created_at", "created_by", "modified_at", "modified_by", "row_version"
};

PG_FUNCTION_INFO_V1(lifecycle_guard);
PG_FUNCTION_INFO_V1(lifecycle_refuse_truncate);

/*
 * lifecycle_guard is the BEFORE ROW trigger; its argument is the entity's
 * name, since the relation's own may be a partition's or a user's choice.
 */
Datum
lifecycle_guard(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_BEFORE, .level = TRIGGER_EVENT_ROW,
		.events = CRM_ON_INSERT | CRM_ON_UPDATE | CRM_ON_DELETE, .arguments = 1
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	const CrmEntity *entity = lifecycle_entity(core_trigger_argument(trigdata, 0));
	CrmRow	   *row = core_row(trigdata);

	if (!entity->is_shared)
		core_require_table(trigdata, entity->name);
	core_lock_row(trigdata->tg_relation, has_id(row, entity) ? key_of(row, entity) : 0, trigdata->tg_event);
	if (ROW_IS_INSERT(row))
		guard_insert(row, entity);
	else if (ROW_IS_UPDATE(row))
		guard_update(row, entity);
	else
		guard_delete(row, entity);
	return core_row_result(row);
}

/* lifecycle_refuse_truncate keeps TRUNCATE from passing by every rule. */
Datum
lifecycle_refuse_truncate(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_BEFORE, .events = CRM_ON_TRUNCATE, .follows_table = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);

	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("table \"%s\" cannot be truncated",
					RelationGetRelationName(trigdata->tg_relation)),
			 errdetail("TRUNCATE would pass by the rules that keep closed records."),
			 errhint("DELETE the rows that may go, or drop the organization's schema."),
			 errtable(trigdata->tg_relation)));
}

/* guard_insert completes a new row and lets it be born only as the rules say. */
static void
guard_insert(CrmRow *row, const CrmEntity *entity)
{
	CrmTicket  *ticket = lifecycle_use_ticket(core_whole(row->rel),
											  key_of(row, entity), TICKET_BIRTH);

	if (entity->made_by_calls && ticket == NULL && !core_import_mode)
		refuse_birth(row, entity, NULL);
	check_key(row, entity);
	stamp_insert(row);
	if (row_has(row, "state") && row_has(row, "owner_id") && row_is_null(row, "owner_id"))
		row_set_int8(row, "owner_id", security_acting_owner(row->org));
	if (row_has(row, "state"))
		check_birth(row, entity, ticket);
	if (ticket == NULL && !core_import_mode)
		reset_computed(row, entity);
	if (entity->complete)
		entity->complete(row, ticket);
	lifecycle_check_options(row, entity);
}

/* guard_update decides whether a row may change, and stamps it. */
static void
guard_update(CrmRow *row, const CrmEntity *entity)
{
	Oid			relid = core_whole(row->rel);
	int64		id = key_of(row, entity);
	CrmTicket  *ticket = NULL;

	if (row_changed(row, entity->key))
		refuse_computed(row, entity, entity->key, "A key never changes.");
	if (lifecycle_has_ticket(relid, id))
	{
		ticket = lifecycle_use_ticket(relid, id, TICKET_MOVE);
		if (ticket == NULL)
			ticket = lifecycle_use_ticket(relid, id, TICKET_WRITE);
	}
	if (row_has(row, "state"))
		check_move(row, entity, ticket);
	if (ticket == NULL && !core_import_mode)
	{
		check_read_only(row, entity);
		check_computed(row, entity);
	}
	check_fixed(row, entity);
	check_stamps(row, entity);
	stamp_update(row);
	if (entity->complete)
		entity->complete(row, ticket);
	lifecycle_check_options(row, entity);
}

/* guard_delete keeps closed records and what calls wrote; lines are kept by the roll-up. */
static void
guard_delete(CrmRow *row, const CrmEntity *entity)
{
	char	   *state = row_text(row, "state");

	if (entity->made_by_calls && !core_import_mode &&
		!lifecycle_has_ticket(core_whole(row->rel), key_of(row, entity)))
		refuse_made_by_calls(row, entity);
	if (state && lifecycle_is_read_only(row->org, entity->name, state))
		refuse_read_only(row, entity, state, NULL);
	if (entity->before_delete)
		entity->before_delete(row);
}

/* check_key refuses a key of 0 or less, as a CHECK does where there is one: 0 would pass for none. */
static void
check_key(CrmRow *row, const CrmEntity *entity)
{
	if (!has_id(row, entity) || row_is_null(row, entity->key) || key_of(row, entity) > 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("the key of %s must be more than 0", lifecycle_one(entity)),
			 errdetail("%s is %lld.", entity->key, (long long) key_of(row, entity)),
			 errhint("Leave %s out: the database gives each row its key.", entity->key),
			 errtablecol(row->rel, row_column(row, entity->key) + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME,
								psprintf("%s_%s_check", RelationGetRelationName(row->rel), entity->key))));
}

/* check_birth gives a new row its first state and reason, and refuses any other. */
static void
check_birth(CrmRow *row, const CrmEntity *entity, CrmTicket *ticket)
{
	char	   *state = row_text(row, "state");
	const char *first = lifecycle_birth_state(row->org, entity->name);
	bool		is_allowed;

	if (state == NULL && first)
	{
		row_set_text(row, "state", first);
		state = pstrdup(first);
	}
	if (state == NULL)
		refuse_birth(row, entity, "");
	is_allowed = (first && strcmp(state, first) == 0) || core_import_mode ||
		lifecycle_allows(row->org, entity->name, NULL, state, "insert") ||
		(ticket && ticket->made_by &&
		 lifecycle_allows(row->org, entity->name, NULL, state, ticket->made_by));
	if (!is_allowed)
		refuse_birth(row, entity, state);
	settle_reason(row, entity, state);
}

/* refuse_birth says why a row cannot be inserted that way; state NULL = by calls only. */
static void
refuse_birth(CrmRow *row, const CrmEntity *entity, const char *state)
{
	const char *first = lifecycle_birth_state(row->org, entity->name);

	if (state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 errmsg("%s cannot be inserted directly", lifecycle_one(entity)),
				 errdetail("Rows of \"%s\" are written by the lifecycle calls.", entity->name),
				 errhint("Use the call that makes it, such as pay_invoice(), win_opportunity() or add_to_queue()."),
				 errtable(row->rel)));
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("a new %s cannot be \"%s\"", entity->label, state),
			 errdetail("%s is born \"%s\".", name_row(row, entity), first ? first : "?"),
			 errhint("Insert it without state, then use the lifecycle calls; migrated history comes in under sales_crm.import_mode."),
			 errtablecol(row->rel, row_column(row, "state") + 1)));
}

/* reset_computed overwrites on insert what only we write. */
static void
reset_computed(CrmRow *row, const CrmEntity *entity)
{
	for (int i = 0; entity->computed && entity->computed[i]; i++)
	{
		const char *name = entity->computed[i];
		int			column = row_column(row, name);
		Oid			type;

		if (column < 0)
			continue;
		type = TupleDescAttr(row->desc, column)->atttypid;
		if (!TupleDescAttr(row->desc, column)->attnotnull)
			row_set_null(row, name);
		else if (type == BOOLOID)
			row_set_as(row, name, type, BoolGetDatum(false));
		else if (type == INT4OID)
			row_set_as(row, name, type, Int32GetDatum(0));
		else if (type == NUMERICOID)
			row_set(row, name, DirectFunctionCall1(int8_numeric, Int64GetDatum(0)));
		else if (type == TEXTOID)
			row_set_text(row, name, "none");
	}
}

/* check_move allows a change of state with its ticket, or as a plain update the rules list. */
static void
check_move(CrmRow *row, const CrmEntity *entity, CrmTicket *ticket)
{
	char	   *from;
	char	   *to;
	bool		is_allowed;

	if (!row_changed(row, "state") && !row_changed(row, "status_reason"))
		return;
	from = row_old_text(row, "state");
	to = row_text(row, "state");
	if (from == NULL)
		from = pstrdup("");
	if (to == NULL)
		to = pstrdup("");
	if (ticket && ticket->kind == TICKET_MOVE)
		is_allowed = strcmp(from, ticket->from) == 0 && strcmp(to, ticket->to) == 0;
	else
		is_allowed = core_import_mode || strcmp(from, to) == 0 ||
			lifecycle_allows(row->org, entity->name, from, to, "update");
	if (!is_allowed)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 errmsg("the state of %s cannot be set from \"%s\" to \"%s\"",
						lifecycle_one(entity), from, to),
				 errdetail("%s is \"%s\".", name_row(row, entity), from),
				 errhint("%s", lifecycle_ways_out(row->org, entity->name, from)),
				 errtablecol(row->rel, row_column(row, "state") + 1)));
	settle_reason(row, entity, to);
}

/* settle_reason defaults the reason of a state and refuses one that is of another. */
static void
settle_reason(CrmRow *row, const CrmEntity *entity, const char *state)
{
	char	   *reason = row_text(row, "status_reason");
	const char *otherwise;
	bool		is_given;

	if (!row_has(row, "status_reason") ||
		lifecycle_reason_fits(row->org, entity->name, state, reason))
		return;
	otherwise = lifecycle_default_reason(row->org, entity->name, state);
	is_given = reason && (ROW_IS_UPDATE(row) ? row_changed(row, "status_reason")
						  : !is_birth_reason(row, entity, reason));
	if (!is_given && otherwise)
	{
		row_set_text(row, "status_reason", otherwise);
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATUS_REASON),
			 errmsg("\"%s\" is no status reason of state \"%s\"", reason ? reason : "", state),
			 errdetail("%s has no such reason in that state.", name_row(row, entity)),
			 errhint("Table %s.status_reason lists the reasons of %s.", row->org->quoted, entity->name),
			 errtablecol(row->rel, row_column(row, "status_reason") + 1)));
}

/* is_birth_reason tells whether a reason may come from the column's own default. */
static bool
is_birth_reason(CrmRow *row, const CrmEntity *entity, const char *reason)
{
	const char *state = lifecycle_birth_state(row->org, entity->name);
	const char *otherwise = state ? lifecycle_default_reason(row->org, entity->name, state) : NULL;

	return otherwise && strcmp(otherwise, reason) == 0;
}

/* check_read_only keeps a row that is closed, or that a call wrote, but for its editable columns. */
static void
check_read_only(CrmRow *row, const CrmEntity *entity)
{
	char	   *state = row_has(row, "state") ? row_old_text(row, "state") : NULL;

	if (!entity->made_by_calls &&
		(state == NULL || !lifecycle_is_read_only(row->org, entity->name, state)))
		return;
	for (int i = 0; i < row->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row->desc, i);

		if (attribute->attisdropped || !row_differs(row, i))
			continue;
		if (is_stamp(NameStr(attribute->attname)) ||
			lifecycle_is_editable(row->org, entity->name, NameStr(attribute->attname)))
			continue;
		if (entity->made_by_calls)
			refuse_made_by_calls(row, entity);
		else
			refuse_read_only(row, entity, state, NameStr(attribute->attname));
	}
}

/* check_computed refuses to write by hand what the database computes. */
static void
check_computed(CrmRow *row, const CrmEntity *entity)
{
	for (int i = 0; entity->computed && entity->computed[i]; i++)
	{
		if (row_changed(row, entity->computed[i]))
			refuse_computed(row, entity, entity->computed[i],
							"The database computes it, or a lifecycle call writes it.");
	}
}

/* check_fixed keeps what a record is made with for good. */
static void
check_fixed(CrmRow *row, const CrmEntity *entity)
{
	for (int i = 0; entity->fixed && entity->fixed[i]; i++)
	{
		if (row_changed(row, entity->fixed[i]))
			refuse_computed(row, entity, entity->fixed[i],
							"It stays as it was when the record was made.");
	}
}

/* check_stamps refuses to change who and when; import mode may. */
static void
check_stamps(CrmRow *row, const CrmEntity *entity)
{
	if (core_import_mode)
		return;
	for (int i = 0; i < lengthof(stamps); i++)
	{
		if (row_changed(row, stamps[i]))
			refuse_computed(row, entity, stamps[i], "The database stamps it.");
	}
}

static void
refuse_computed(CrmRow *row, const CrmEntity *entity, const char *column, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_GENERATED_ALWAYS),
			 errmsg("column \"%s\" of %s cannot be changed", column, lifecycle_one(entity)),
			 errdetail("%s: %s", name_row(row, entity), why),
			 errhint("Leave the column out, or write back the value that was read."),
			 errtablecol(row->rel, row_column(row, column) + 1)));
}

/* stamp_insert writes who and when; imported rows keep their own. */
static void
stamp_insert(CrmRow *row)
{
	int64		actor;

	if (!row_has(row, "row_version"))
		return;
	set_time(row, "created_at");
	set_time(row, "modified_at");
	if (!core_import_mode || row_is_null(row, "created_by"))
	{
		actor = security_acting_user(row->org);
		set_actor(row, "created_by", actor);
		set_actor(row, "modified_by", actor);
	}
	row_set_int8(row, "row_version", 1);
}

/* stamp_update writes who and when, and counts the version up. */
static void
stamp_update(CrmRow *row)
{
	if (!row_has(row, "row_version"))
		return;
	if (!core_import_mode || !row_changed(row, "modified_at"))
		row_set_as(row, "modified_at", TIMESTAMPTZOID, TimestampTzGetDatum(core_now()));
	if (!core_import_mode || !row_changed(row, "modified_by"))
		set_actor(row, "modified_by", security_acting_user(row->org));
	row_set_int8(row, "row_version", row_old_int8(row, "row_version") + 1);
}

static void
set_time(CrmRow *row, const char *column)
{
	if (!core_import_mode || row_is_null(row, column))
		row_set_as(row, column, TIMESTAMPTZOID, TimestampTzGetDatum(core_now()));
}

static void
set_actor(CrmRow *row, const char *column, int64 actor)
{
	if (actor == 0)
		row_set_null(row, column);
	else
		row_set_int8(row, column, actor);
}

static bool
is_stamp(const char *column)
{
	for (int i = 0; i < lengthof(stamps); i++)
	{
		if (strcmp(stamps[i], column) == 0)
			return true;
	}
	return false;
}

static void
refuse_read_only(CrmRow *row, const CrmEntity *entity, const char *state, const char *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 column ? errmsg("column \"%s\" cannot be changed: the %s is \"%s\"",
							 column, entity->label, state)
			 : errmsg("the %s cannot be deleted: it is \"%s\"", entity->label, state),
			 errdetail("%s is read-only in that state.", name_row(row, entity)),
			 errhint("%s", lifecycle_ways_out(row->org, entity->name, state)),
			 column ? errtablecol(row->rel, row_column(row, column) + 1) : errtable(row->rel)));
}

/* refuse_made_by_calls keeps a payment or a closing as the call wrote it. */
static void
refuse_made_by_calls(CrmRow *row, const CrmEntity *entity)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("%s can be neither changed nor deleted", lifecycle_one(entity)),
			 errdetail("%s is what a call wrote.", name_row(row, entity)),
			 errhint("Use the calls, such as cancel_payment() or remove_queue_item(); table editable_when_closed may open columns of your own."),
			 errtable(row->rel)));
}

/* name_row names a record, as it is stored, for an error's detail: Quote 7 (QUO-01000). */
static char *
name_row(CrmRow *row, const CrmEntity *entity)
{
	char	   *title = entity->title == NULL ? NULL
		: ROW_IS_UPDATE(row) ? row_old_text(row, entity->title) : row_text(row, entity->title);
	char	   *label = pstrdup(entity->label);

	label[0] = pg_toupper((unsigned char) label[0]);
	if (!has_id(row, entity))
		return psprintf("%s %s", label, row_text(row, entity->key));
	return title ? psprintf("%s %lld (%s)", label, (long long) key_of(row, entity), title)
		: psprintf("%s %lld", label, (long long) key_of(row, entity));
}

/* key_of returns the key of a row, 0 where it is a code. */
static int64
key_of(CrmRow *row, const CrmEntity *entity)
{
	return has_id(row, entity) ? row_int8(row, entity->key) : 0;
}

static bool
has_id(CrmRow *row, const CrmEntity *entity)
{
	int			column = row_column(row, entity->key);

	return column >= 0 && TupleDescAttr(row->desc, column)->atttypid == INT8OID;
}
