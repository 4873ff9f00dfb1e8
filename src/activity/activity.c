/*
 * activity.c
 *	  The activity entity: what it regards, and what happens to it when that goes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "activity/activity.h"

static void complete_activity(CrmRow *row, CrmTicket *ticket);
static void check_regarding(CrmRow *row);
static void refuse_remaining(CrmRow *row, const char *entity, int64 id);

static const CrmEntity activity_entity = {
	.name = "activity", .key = "activity_id", .label = "activity", .title = "subject",
	.complete = complete_activity
};
static const CrmEntity party_entity = {
	.name = "activity_party", .key = "activity_party_id", .label = "activity party"
};

static CrmStatement insert_closing = {
	.sql = "INSERT INTO @activity (activity_id, activity_type, subject, description, "
	"regarding_entity, regarding_id, actual_end_at, owner_id, state, status_reason) "
	"VALUES ($1, $2, $3, $4, $5, $6, $8, $7, 'completed', 'completed')",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, TIMESTAMPTZOID}
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

PG_FUNCTION_INFO_V1(activity_go_with_record);

/* activity_init registers the entities of this room. */
void
activity_init(void)
{
	lifecycle_add_entity(&activity_entity);
	lifecycle_add_entity(&party_entity);
}

/* activity_close writes the completed activity of a closing and returns its key. */
int64
activity_close(CrmOrganization *org, const CrmClosing *closing)
{
	int64		id = core_next_id(org, "activity", "activity_id");
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = "activity", .ids = &id, .n = 1,
		.made_by = closing->made_by
	};
	CrmValue	args[] = {
		CRM_INT8(id), core_text_value(closing->activity_type),
		core_text_value(closing->subject), core_text_value(closing->description),
		core_text_value(closing->entity), CRM_INT8(closing->record_id),
		CRM_INT8(closing->owner_id),
		CRM_DATUM(TimestampTzGetDatum(closing->ended_at != 0 ? closing->ended_at : core_now()))
	};

	lifecycle_run(org, &ticket, &insert_closing, args);
	return id;
}

/*
 * activity_go_with_record is a BEFORE DELETE trigger of records that
 * activities may regard: open ones go with the record, closed ones keep it.
 */
Datum
activity_go_with_record(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = core_trigger(fcinfo, TRIGGER_EVENT_BEFORE, TRIGGER_EVENT_ROW);
	const CrmEntity *entity = lifecycle_entity(core_trigger_argument(trigdata, 0));
	CrmRow	   *row = core_row(trigdata);
	int64		id = row_int8(row, entity->key);
	CrmValue	args[] = {core_text_value(entity->name), CRM_INT8(id)};

	SPI_connect();
	core_run(row->org, &delete_open, args);
	if (core_run(row->org, &find_closed, args) > 0)
		refuse_remaining(row, entity->name, id);
	SPI_finish();
	return PointerGetDatum(trigdata->tg_trigtuple);
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

/* complete_activity checks what the activity regards; a closing knows it. */
static void
complete_activity(CrmRow *row, CrmTicket *ticket)
{
	if (ticket != NULL || row_is_null(row, "regarding_id") || row_is_null(row, "regarding_entity"))
		return;
	if (ROW_IS_INSERT(row) || row_changed(row, "regarding_id") || row_changed(row, "regarding_entity"))
		check_regarding(row);
}

/* check_regarding refuses to regard a record that is not there: there is no foreign key. */
static void
check_regarding(CrmRow *row)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	const CrmEntity *entity = lifecycle_entity(row_text(row, "regarding_entity"));
	CrmValue	args[] = {CRM_INT8(row_int8(row, "regarding_id"))};
	uint64		found;

	SPI_connect();
	found = core_run(row->org, core_intern(psprintf("SELECT 1 FROM @%s WHERE %s = $1",
													entity->name, entity->key), types), args);
	SPI_finish();
	if (found > 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("activity regards %s %lld, which does not exist", entity->name,
					(long long) row_int8(row, "regarding_id")),
			 errdetail("Table \"%s\" shows you no row with that key.", entity->name),
			 errhint("Check regarding_entity and regarding_id."),
			 errtablecol(row->rel, row_column(row, "regarding_id") + 1)));
}
