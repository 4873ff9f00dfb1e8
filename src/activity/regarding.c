/*
 * regarding.c
 *	  What activities, notes, parties and connections point at: there is no
 *	  foreign key to any table, so triggers stand in for it on both sides.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "activity/kind.h"

static bool is_there(CrmOrganization *org, const char *entity, const char *key, int64 id);
static void leave_parties(CrmRow *row, const char *entity, const char *title, int64 id);
static CrmValue seen_of(CrmOrganization *org, const char *entity, const char *key, CrmValue ids);
static Oid	table_of_entity(CrmOrganization *org, const char *entity);
static char *first_text(Oid relid, const char *first, const char *second, const char *third);
static void refuse_remaining(CrmRow *row, const char *entity, int64 id);

/* what an activity ($1) would be about in the end when it regards another ($2) */
#define ABOVE \
	"WITH RECURSIVE above AS (SELECT $2 AS id UNION SELECT a.regarding_id FROM above JOIN @activity a ON a.activity_id = above.id " \
	"WHERE a.regarding_entity = 'activity') "

static CrmStatement lock_above = {
	.sql = ABOVE "SELECT activity_id FROM @activity WHERE activity_id IN (SELECT id FROM above) AND activity_id <> $1 ORDER BY activity_id FOR NO KEY UPDATE",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement find_circle = {
	.sql = ABOVE "SELECT 1 FROM above WHERE id = $1",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement find_all = {
	.sql = "SELECT 'activity', activity_id FROM @activity WHERE regarding_entity = $1 AND regarding_id = $2 "
	"UNION ALL SELECT 'note', note_id FROM @note WHERE regarding_entity = $1 AND regarding_id = $2 "
	"UNION ALL SELECT 'connection', connection_id FROM @connection WHERE (entity_1 = $1 AND record_id_1 = $2) OR (entity_2 = $1 AND record_id_2 = $2) "
	"UNION ALL SELECT 'activity_party', activity_party_id FROM @activity_party WHERE entity = $1 AND record_id = $2",
	.argtypes = {TEXTOID, INT8OID}
};
static CrmStatement delete_open = {
	.sql = "DELETE FROM @activity WHERE regarding_entity = $1 AND regarding_id = $2 "
	"AND state IN ('open', 'scheduled')",
	.argtypes = {TEXTOID, INT8OID}
};
static CrmStatement find_closed = {
	.sql = "SELECT activity_id FROM @activity WHERE regarding_entity = $1 AND regarding_id = $2 LIMIT 1",
	.argtypes = {TEXTOID, INT8OID}
};
static CrmStatement delete_notes = {
	.sql = "DELETE FROM @note WHERE regarding_entity = $1 AND regarding_id = $2",
	.argtypes = {TEXTOID, INT8OID}
};
static CrmStatement delete_connections = {
	.sql = "DELETE FROM @connection WHERE (entity_1 = $1 AND record_id_1 = $2) OR (entity_2 = $1 AND record_id_2 = $2)",
	.argtypes = {TEXTOID, INT8OID}
};
static CrmStatement find_parties = {
	.sql = "SELECT activity_party_id FROM @activity_party WHERE entity = $1 AND record_id = $2 ORDER BY 1 FOR NO KEY UPDATE",
	.argtypes = {TEXTOID, INT8OID}
};
static CrmStatement release_parties = {
	.sql = "UPDATE @activity_party SET entity = NULL, record_id = NULL, address_used = coalesce(address_used, $2) "
	"WHERE activity_party_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID, TEXTOID}
};
static CrmStatement lock_activity = {
	.sql = "SELECT state, instance_type = 'instance', activity_type FROM @activity WHERE activity_id = $1 FOR SHARE",
	.argtypes = {INT8OID}
};

PG_FUNCTION_INFO_V1(activity_go_with_record);

/* activity_check_record refuses a reference to a record that is not there. */
void
activity_check_record(CrmRow *row, const char *entity_column, const char *key_column)
{
	char	   *entity = row_text(row, entity_column);

	if (entity == NULL || row_is_null(row, key_column) ||
		(ROW_IS_UPDATE(row) && !row_changed(row, entity_column) && !row_changed(row, key_column)))
		return;
	if (is_there(row->org, entity, activity_key_of(row->org, entity), row_int8(row, key_column)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("%s %lld does not exist", entity, (long long) row_int8(row, key_column)),
			 errdetail("A row of \"%s\" refers to it, but table \"%s\" shows you no row with that key.",
					   RelationGetRelationName(row->rel), entity),
			 errhint("Check %s and %s, and your row rights.", entity_column, key_column),
			 errtablecol(row->rel, row_column(row, key_column) + 1)));
}

/* activity_sees_record tells whether the caller sees a record that an activity of another regards. */
bool
activity_sees_record(CrmOrganization *org, const char *entity, int64 id)
{
	return OidIsValid(get_relname_relid(entity, org->oid)) && is_there(org, entity, activity_key_of(org, entity), id);
}

/* activity_refuse_circle keeps activities from being about each other in a circle, which would go with each other for ever; those above stay as they are meanwhile. */
void
activity_refuse_circle(CrmRow *row)
{
	char	   *entity = row_text(row, "regarding_entity");
	CrmValue	args[] = {CRM_INT8(row_int8(row, "activity_id")), CRM_INT8(row_int8(row, "regarding_id"))};
	bool		found;

	if (!ROW_IS_UPDATE(row) || entity == NULL || strcmp(entity, "activity") != 0 ||
		row_is_null(row, "regarding_id") || !(row_changed(row, "regarding_id") || row_changed(row, "regarding_entity")))
		return;
	SPI_connect();
	core_run_as_owner(row->org, &lock_above, "activity", args);
	found = core_run_as_owner(row->org, &find_circle, "activity", args) > 0;
	SPI_finish();
	if (!found)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_HIERARCHY_CYCLE),
			 errmsg("activity %lld cannot regard activity %lld: they would close a circle",
					(long long) row_int8(row, "activity_id"), (long long) row_int8(row, "regarding_id")),
			 errdetail("That activity is this one, or regards it."),
			 errhint("Let both regard the record that they are about."),
			 errtablecol(row->rel, row_column(row, "regarding_id") + 1)));
}

/*
 * is_there looks for a record that the caller may see. It stays until the end
 * of the transaction, as with a foreign key: who deletes it waits, and takes
 * along what came meanwhile.
 */
static bool
is_there(CrmOrganization *org, const char *entity, const char *key, int64 id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(id)};
	Oid			relid = get_relname_relid(entity, org->oid);
	bool		is_table = get_rel_relkind(relid) == RELKIND_RELATION || get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE;
	char	   *look = psprintf("SELECT 1 FROM @%s WHERE %s = $1", core_quoted(entity), key);
	bool		found = true;

	SPI_connect();
	if (!is_table || !activity_is_seen(relid))
		found = core_run(org, core_intern(look, types), args) > 0;
	if (is_table && found)
		found = core_run_as_owner(org, core_intern(psprintf("%s FOR KEY SHARE", look), types), entity, args) > 0;
	SPI_finish();
	return found;
}

/* activity_is_seen tells that the caller may read all rows of a table. */
bool
activity_is_seen(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED;
}

/*
 * activity_lock_records locks those of records that are there and that the
 * caller sees, ascending, against all who lock or change them until the end
 * of the transaction. The result has key, title, state, status_reason and
 * priority, NULL where a table has none.
 */
uint64
activity_lock_records(CrmOrganization *org, const char *entity, CrmValue ids)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8ARRAYOID};
	const CrmEntity *known = lifecycle_find_entity(entity);
	const char *key = activity_key_of(org, entity);
	Oid			relid = table_of_entity(org, entity);
	const char *table = core_quoted(entity);
	char	   *lock = psprintf("SELECT %s, %s, %s, %s, %s FROM @%s WHERE %s = ANY ($1) ORDER BY 1 FOR NO KEY UPDATE", key,
								first_text(relid, known ? known->title : NULL, "name", "subject"),
								first_text(relid, "state", NULL, NULL), first_text(relid, "status_reason", NULL, NULL),
								first_text(relid, "priority", NULL, NULL), table, key);

	if (!activity_is_seen(relid))
		ids = seen_of(org, entity, key, ids);
	return core_run_as_owner(org, core_intern(lock, types), entity, &ids);
}

/* seen_of returns those of keys whose records the caller may read. */
static CrmValue
seen_of(CrmOrganization *org, const char *entity, const char *key, CrmValue ids)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8ARRAYOID};
	char	   *look = psprintf("SELECT %s FROM @%s WHERE %s = ANY ($1)", key, core_quoted(entity), key);
	int			n = core_run(org, core_intern(look, types), &ids);
	int64	   *seen = palloc(sizeof(int64) * (n + 1));

	for (int i = 0; i < n; i++)
		seen[i] = core_result_int8(i, 1);
	return CRM_DATUM(core_int8_array(seen, n));
}

/* table_of_entity returns the table of records that can be locked: no view. */
static Oid
table_of_entity(CrmOrganization *org, const char *entity)
{
	Oid			relid = get_relname_relid(entity, org->oid);

	if (get_rel_relkind(relid) == RELKIND_RELATION || get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		return relid;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("\"%s\" is no table", entity),
			 errdetail("Only records of tables of organization \"%s\" can be locked.", org->name),
			 errhint("Name the table that the view reads.")));
}

/* first_text writes the first of three columns that holds a text, of those that the table has. */
static char *
first_text(Oid relid, const char *first, const char *second, const char *third)
{
	const char *const names[] = {first, second, third};
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "coalesce(");
	for (int i = 0; i < lengthof(names); i++)
	{
		AttrNumber	column = names[i] ? get_attnum(relid, names[i]) : InvalidAttrNumber;

		if (column > 0 && get_atttype(relid, column) == TEXTOID)
			appendStringInfo(&sql, "nullif(%s, ''), ", core_quoted(names[i]));
	}
	appendStringInfoString(&sql, "NULL::text)");
	return sql.data;
}

/*
 * activity_records_gone writes the text of a check: rows whose reference, an
 * ActivityReference, names a record that is not there, of the tables whose
 * records take such rows along and whose rows the caller may all read; not of
 * somebody else's tables, whose code would run as the organization's owner.
 */
char *
activity_records_gone(CrmOrganization *org, const void *reference)
{
	static const Oid types[CRM_MAX_ARGS] = {InvalidOid};
	const ActivityReference *refers = reference;
	const char *table = refers->table;
	const char *entity_column = refers->entity_column;
	const char *key_column = refers->key_column;
	StringInfoData sql;
	uint64		n = core_run(org, core_intern(psprintf("SELECT DISTINCT %s FROM @%s WHERE %s IS NOT NULL",
													   entity_column, table, entity_column), types), NULL);

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT NULL::bigint, NULL::text WHERE false");
	for (uint64 i = 0; i < n; i++)
	{
		char	   *entity = core_result_name(i, 1);
		Oid			relid = get_relname_relid(entity, org->oid);

		if (!OidIsValid(relid) || !OidIsValid(get_trigger_oid(relid, "t20_activities", true)) ||
			!activity_is_seen(relid) || !core_is_owners(org, entity))
			continue;
		appendStringInfo(&sql, " UNION ALL SELECT g.%s_id, g.%s || ' ' || g.%s || ' is gone' FROM @%s g WHERE g.%s = %s "
						 "AND NOT EXISTS (SELECT FROM @%s r WHERE r.%s = g.%s)",
						 table, entity_column, key_column, table, entity_column, quote_literal_cstr(entity),
						 core_quoted(entity), activity_key_of(org, entity), key_column);
	}
	return sql.data;
}

/*
 * activity_refuse_closed keeps what belongs to a closed activity, also one
 * that the caller does not see; it stays open meanwhile. Returns whether it is
 * an appointment that still follows the series it comes from, and sets kind to
 * its type where that is asked for. Imports are not looked at.
 */
bool
activity_refuse_closed(CrmRow *row, const char *what, char **kind)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "activity_id"))};
	char	   *state = NULL;
	bool		follows_series = false;
	MemoryContext caller = CurrentMemoryContext;

	if (core_import_mode || row_is_null(row, "activity_id"))
		return false;
	SPI_connect();
	if (core_run_as_owner(row->org, &lock_activity, "activity", args) > 0)
	{
		state = MemoryContextStrdup(caller, core_result_name(0, 1));
		follows_series = core_result_bool(0, 2);
		if (kind)
			*kind = MemoryContextStrdup(caller, core_result_name(0, 3));
	}
	SPI_finish();
	if (state == NULL || !lifecycle_is_read_only(row->org, "activity", state))
		return follows_series;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("%s of an activity that is \"%s\" cannot change", what, state),
			 errdetail("Activity %lld is read-only.", (long long) row_int8(row, "activity_id")),
			 errhint("Use reopen_activity() first."),
			 errtable(row->rel)));
}

/*
 * activity_go_with_record is a BEFORE DELETE trigger of records that
 * activities may regard: open ones, notes, connections and its places in
 * queues go with the record, closed activities keep it, and as a party it
 * leaves its name behind. As a foreign key it minds also those that row
 * security hides from the caller, and those that came after the transaction's
 * snapshot: then it is tried again. Of activities it is an AFTER trigger, since
 * one statement may delete an activity and what regards it.
 */
Datum
activity_go_with_record(PG_FUNCTION_ARGS)
{
	bool		is_after = CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_AFTER(((TriggerData *) fcinfo->context)->tg_event);
	CrmTrigger	trigger = {
		.timing = is_after ? TRIGGER_EVENT_AFTER : TRIGGER_EVENT_BEFORE, .level = TRIGGER_EVENT_ROW,
		.events = CRM_ON_DELETE, .arguments = 1, .is_named = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	const char *entity = core_trigger_argument(trigdata, 0);
	const CrmEntity *known = lifecycle_find_entity(entity);
	CrmRow	   *row = core_row(trigdata);
	int64		id = row_int8(row, lifecycle_key(entity));
	CrmValue	args[] = {core_text_value(entity), CRM_INT8(id)};

	SPI_connect();
	core_require_newest_as_owner(row->org, &find_all, "activity", args);
	activity_delete_all(row->org, &delete_open, "activity", args);
	if (core_run_as_owner(row->org, &find_closed, "activity", args) > 0)
		refuse_remaining(row, entity, id);
	activity_delete_all(row->org, &delete_notes, "note", args);
	activity_delete_all(row->org, &delete_connections, "connection", args);
	activity_forget_items(row->org, entity, id);
	leave_parties(row, entity, known ? known->title : NULL, id);
	SPI_finish();
	return PointerGetDatum(trigdata->tg_trigtuple);
}

/* activity_delete_all deletes what the caller sees as the caller, so that triggers of users find their names, and the rest as owner. */
void
activity_delete_all(CrmOrganization *org, CrmStatement *statement, const char *table, const CrmValue *args)
{
	core_run(org, statement, args);
	if (!activity_is_seen(core_table(org, table)))
		core_run_as_owner(org, statement, table, args);
}

/* leave_parties puts the name of a record that goes in its place wherever it took part. */
static void
leave_parties(CrmRow *row, const char *entity, const char *title, int64 id)
{
	CrmValue	args[] = {core_text_value(entity), CRM_INT8(id)};
	char	   *name = title ? row_text(row, title) : NULL;
	int			n = core_run_as_owner(row->org, &find_parties, "activity_party", args);
	int64	   *parties = palloc(sizeof(int64) * (n + 1));
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "activity_party", .ids = parties, .n = n};

	for (int i = 0; i < n; i++)
		parties[i] = core_result_int8(i, 1);
	args[0] = CRM_DATUM(core_int8_array(parties, n));
	args[1] = core_text_value(name ? name : psprintf("%s %lld", entity, (long long) id));
	if (n == 0)
		return;
	if (activity_is_seen(core_table(row->org, "activity_party")))
		lifecycle_run(row->org, &ticket, &release_parties, args);
	else
		lifecycle_run_as_owner(row->org, &ticket, &release_parties, args);
}

/* activity_key_of returns the key of a table that may be referred to, one of a user's included. */
const char *
activity_key_of(CrmOrganization *org, const char *entity)
{
	const char *key = lifecycle_key(entity);
	Oid			relid = get_relname_relid(entity, org->oid);
	AttrNumber	column = OidIsValid(relid) ? get_attnum(relid, key) : InvalidAttrNumber;

	if (column != InvalidAttrNumber && get_atttype(relid, column) == INT8OID)
		return core_quoted(key);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("\"%s\" is no entity of sales_crm", entity),
			 errdetail("Organization \"%s\" has no table of that name with a bigint key %s.", org->name, key),
			 errhint("Name a table such as account, lead or opportunity.")));
}

static void
refuse_remaining(CrmRow *row, const char *entity, int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("%s %lld cannot be deleted: closed activities tell of it",
					entity, (long long) id),
			 errdetail("Activity %lld regards it.", (long long) core_result_int8(0, 1)),
			 errhint("Keep the record, and make it inactive or close it instead."),
			 errtable(row->rel)));
}
