/*
 * move.c
 *	  Moving records: lock first, check after, write under a ticket.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "lifecycle/lifecycle.h"

static void refuse_reason(CrmOrganization *org, const CrmMove *move, const char *reason);
static CrmStatement *entity_statement(const CrmEntity *entity, const char *format,
									  const Oid *argtypes);

/* lifecycle_lock locks a record and returns its state; an unknown one is refused. */
char *
lifecycle_lock(CrmOrganization *org, const CrmEntity *entity, int64 id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(id)};
	CrmStatement *lock = entity_statement(entity, "SELECT state, %2$s FROM @%1$s WHERE %2$s = $1 FOR NO KEY UPDATE", types);

	if (core_run(org, lock, args) == 0)
		core_refuse_unknown(entity->name, id);
	return core_result_name(0, 1);
}

/* lifecycle_require_row refuses a key, given as argument, that shows no row; 0 is none. */
void
lifecycle_require_row(CrmOrganization *org, const char *table, const char *key, int64 id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(id)};

	if (id != 0 && core_run(org, core_intern(psprintf("SELECT 1 FROM @%s WHERE %s = $1", table, key),
											 types), args) == 0)
		core_refuse_unknown(table, id);
}

/*
 * lifecycle_refuse_hidden refuses to go on when a record is there that the
 * caller does not see: seen are those of ids, ascending, that he does.
 */
void
lifecycle_refuse_hidden(CrmOrganization *org, const CrmEntity *entity, CrmValue ids,
						const int64 *seen, int n)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8ARRAYOID};
	CrmStatement *find = entity_statement(entity, "SELECT %2$s FROM @%1$s WHERE %2$s = ANY ($1) ORDER BY 1", types);
	uint64		there = core_run_as_owner(org, find, entity->name, &ids);

	for (uint64 i = 0; i < there; i++)
	{
		if (i >= n || core_result_int8(i, 1) != seen[i])
			core_refuse_unknown(entity->name, core_result_int8(i, 1));
	}
}

/* lifecycle_require refuses a move that the state machine does not know. */
void
lifecycle_require(CrmOrganization *org, const CrmMove *move, int64 id, const char *from)
{
	if (lifecycle_allows(org, move->entity->name, from, move->to, move->made_by))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("%s() cannot make %s \"%s\" that is \"%s\"",
					move->made_by, lifecycle_one(move->entity), move->to, from),
			 errdetail("%s is \"%s\".", lifecycle_called(move->entity, id), from),
			 errhint("%s", lifecycle_ways_out(org, move->entity->name, from)),
			 err_generic_string(PG_DIAG_TABLE_NAME, move->entity->name)));
}

/* lifecycle_reason returns the reason of a move, given or default, or refuses it. */
const char *
lifecycle_reason(CrmOrganization *org, const CrmMove *move)
{
	const char *name = move->entity->name;
	const char *reason = move->reason ? move->reason
		: lifecycle_default_reason(org, name, move->to);

	if (!lifecycle_reason_fits(org, name, move->to, reason))
		refuse_reason(org, move, reason);
	if (lifecycle_reason_wants_text(org, name, move->to, reason) &&
		(move->description == NULL || move->description[0] == '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATUS_REASON),
				 errmsg("status reason \"%s\" requires a description", reason),
				 errdetail("Table \"%s.status_reason\" asks for one.", org->name),
				 errhint("Give description => '...'.")));
	return reason;
}

static void
refuse_reason(CrmOrganization *org, const CrmMove *move, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATUS_REASON),
			 errmsg("\"%s\" is no status reason of state \"%s\"",
					reason ? reason : "", move->to),
			 errdetail("State \"%s\" of %s has no such reason.", move->to, lifecycle_one(move->entity)),
			 errhint("Table %s.status_reason lists the reasons of %s.",
					 org->quoted, move->entity->name),
			 err_generic_string(PG_DIAG_TABLE_NAME, move->entity->name)));
}

/* lifecycle_move changes the state of one record that is locked and checked. */
void
lifecycle_move(CrmOrganization *org, const CrmMove *move, int64 id, const char *from)
{
	lifecycle_move_many(org, move, &id, 1, from);
}

/* lifecycle_move_many changes the state of records, ascending, in one statement. */
void
lifecycle_move_many(CrmOrganization *org, const CrmMove *move,
					const int64 *ids, int n, const char *from)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8ARRAYOID, TEXTOID, TEXTOID};
	CrmStatement *update = entity_statement(move->entity,
											"UPDATE @%1$s SET state = $2, status_reason = $3 WHERE %2$s = ANY ($1)",
											types);
	CrmTicket	ticket = lifecycle_move_ticket(move, ids, n, from);
	CrmValue	args[] = {
		CRM_DATUM(core_int8_array(ids, n)),
		core_text_value(move->to), core_text_value(lifecycle_reason(org, move))
	};

	if (lifecycle_run(org, &ticket, update, args) != n)
		core_refuse_unknown(move->entity->name, ids[0]);
}

/* lifecycle_move_ticket makes the ticket of a move for a statement of its own. */
CrmTicket
lifecycle_move_ticket(const CrmMove *move, const int64 *ids, int n, const char *from)
{
	CrmTicket	ticket = {
		.kind = TICKET_MOVE,
		.table = move->entity->name,
		.ids = ids,
		.n = n,
		.from = from,
		.to = move->to,
		.made_by = move->made_by,
		.description = move->description
	};

	return ticket;
}

/* entity_statement fills an entity's table and key into a statement's text. */
static CrmStatement *
entity_statement(const CrmEntity *entity, const char *format, const Oid *argtypes)
{
	return core_intern(psprintf(format, entity->name, entity->key), argtypes);
}
