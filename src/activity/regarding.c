/*
 * regarding.c
 *	  What activities, notes, parties and connections point at: there is no
 *	  foreign key to any table, so triggers stand in for it on both sides.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "activity/kind.h"

static bool is_there(CrmOrganization *org, const char *entity, const char *key, int64 id);
static bool is_seen(Oid relid);
static void refuse_remaining(CrmRow *row, const char *entity, int64 id);

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
	.sql = "SELECT state FROM @activity WHERE activity_id = $1 FOR SHARE",
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
	char	   *look = psprintf("SELECT 1 FROM @%s WHERE %s = $1", quote_identifier(entity), key);
	bool		found = true;

	SPI_connect();
	if (!is_table || !is_seen(relid))
		found = core_run(org, core_intern(look, types), args) > 0;
	if (is_table && found)
		found = core_run_as_owner(org, core_intern(psprintf("%s FOR KEY SHARE", look), types), entity, args) > 0;
	SPI_finish();
	return found;
}

/* is_seen tells that the caller may read all rows of a table. */
static bool
is_seen(Oid relid)
{
	return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		check_enable_rls(relid, InvalidOid, true) == RLS_NONE;
}

/* activity_refuse_closed keeps what belongs to a closed activity; it stays open meanwhile. */
void
activity_refuse_closed(CrmRow *row, const char *what)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "activity_id"))};
	char	   *state = NULL;
	MemoryContext caller = CurrentMemoryContext;

	if (core_import_mode || row_is_null(row, "activity_id"))
		return;
	SPI_connect();
	if (core_run(row->org, &lock_activity, args) > 0)
		state = MemoryContextStrdup(caller, core_result_name(0, 1));
	SPI_finish();
	if (state == NULL || !lifecycle_is_read_only(row->org, "activity", state))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("%s of an activity that is \"%s\" cannot change", what, state),
			 errdetail("Activity %lld is read-only.", (long long) row_int8(row, "activity_id")),
			 errhint("Use reopen_activity() first."),
			 errtable(row->rel)));
}

/*
 * activity_go_with_record is a BEFORE DELETE trigger of records that
 * activities may regard: open ones, notes and connections go with the record,
 * closed activities keep it, and as a party it leaves its name behind.
 */
Datum
activity_go_with_record(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = core_trigger(fcinfo, TRIGGER_EVENT_BEFORE, TRIGGER_EVENT_ROW);
	const CrmEntity *entity = lifecycle_entity(core_trigger_argument(trigdata, 0));
	CrmRow	   *row = core_row(trigdata);
	int64		id = row_int8(row, entity->key);
	CrmValue	args[] = {core_text_value(entity->name), CRM_INT8(id)};
	char	   *name = entity->title ? row_text(row, entity->title) : NULL;
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "activity_party"};
	int64	   *parties;

	SPI_connect();
	core_run(row->org, &delete_open, args);
	if (core_run(row->org, &find_closed, args) > 0)
		refuse_remaining(row, entity->name, id);
	core_run(row->org, &delete_notes, args);
	core_run(row->org, &delete_connections, args);
	ticket.n = core_run(row->org, &find_parties, args);
	parties = palloc(sizeof(int64) * (ticket.n + 1));
	for (int i = 0; i < ticket.n; i++)
		parties[i] = core_result_int8(i, 1);
	ticket.ids = parties;
	args[0] = CRM_DATUM(core_int8_array(parties, ticket.n));
	args[1] = core_text_value(name ? name : psprintf("%s %lld", entity->label, (long long) id));
	if (ticket.n > 0)
		lifecycle_run(row->org, &ticket, &release_parties, args);
	SPI_finish();
	return PointerGetDatum(trigdata->tg_trigtuple);
}

/* activity_key_of returns the key of a table that may be referred to, one of a user's included. */
const char *
activity_key_of(CrmOrganization *org, const char *entity)
{
	const CrmEntity *known = lifecycle_find_entity(entity);
	const char *key = known ? known->key : psprintf("%s_id", entity);
	Oid			relid = get_relname_relid(entity, org->oid);
	AttrNumber	column = OidIsValid(relid) ? get_attnum(relid, key) : InvalidAttrNumber;

	if (column != InvalidAttrNumber && get_atttype(relid, column) == INT8OID)
		return quote_identifier(key);
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
