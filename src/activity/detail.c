/*
 * detail.c
 *	  What one kind of activity has beside the common columns, and its parties.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "activity/kind.h"

static void complete_party(CrmRow *row, CrmTicket *ticket);
static void refuse_kept_role(CrmRow *row, const char *role);
static void keep_party(CrmRow *row);
static char *kind_of(CrmRow *row);
static void refuse_kind(CrmRow *row, const char *kind) pg_attribute_noreturn();

static const char *const party_fixed[] = {"activity_id", NULL};

/*
 * All tables of details but that of mails are one entity, those that an
 * administrator adds included; its key is the activity's, since a kind's own is named after it.
 */
static const CrmEntity detail_entity = {
	.name = "activity_detail", .key = "activity_id", .label = "activity detail", .is_shared = true,
	.complete = activity_complete_detail, .before_delete = activity_keep_detail
};
static const char *const party_computed[] = {"is_address_of_record", NULL};

static const CrmEntity party_entity = {
	.name = "activity_party", .key = "activity_party_id", .label = "activity party", .computed = party_computed,
	.fixed = party_fixed, .complete = complete_party, .before_delete = keep_party
};

static CrmStatement read_kind = {
	.sql = "SELECT activity_type FROM @activity WHERE activity_id = $1",
	.argtypes = {INT8OID}
};

/* activity_add_details registers the entities of this file. */
void
activity_add_details(void)
{
	lifecycle_add_entity(&detail_entity);
	lifecycle_add_entity(&party_entity);
}

/* activity_complete_detail lets a row of details stand only beside an open activity of its kind. */
void
activity_complete_detail(CrmRow *row, CrmTicket *ticket)
{
	char	   *kind = NULL;

	if (activity_refuse_closed(row, "the details", &kind))
		activity_except_from_series(row);
	if (!ROW_IS_INSERT(row) || row_is_null(row, "activity_id"))
		return;
	if (core_import_mode)
		kind = kind_of(row);
	if (kind && get_relname_relid(kind, row->org->oid) != core_whole(row->rel))
		refuse_kind(row, kind);
}

/* activity_keep_detail keeps the details of a closed activity. */
void
activity_keep_detail(CrmRow *row)
{
	if (activity_refuse_closed(row, "the details", NULL))
		activity_except_from_series(row);
}

/* complete_party checks that the party exists and may have its role. */
static void
complete_party(CrmRow *row, CrmTicket *ticket)
{
	char	   *kind = NULL;
	char	   *role = row_text(row, "participation_type");

	if (ticket)
		return;
	activity_check_record(row, "entity", "record_id");
	if (activity_refuse_closed(row, "the parties", &kind))
		activity_except_from_series(row);
	refuse_kept_role(row, role);
	if (row_changed(row, "address_used") && row_bool(row, "is_address_of_record"))
		row_set_as(row, "is_address_of_record", BOOLOID, BoolGetDatum(false));
	if (role == NULL || row_is_null(row, "activity_id") ||
		(ROW_IS_UPDATE(row) && !row_changed(row, "participation_type")))
		return;
	if (core_import_mode)
		kind = kind_of(row);
	if (kind == NULL || activity_takes_role(row->org, kind, role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("an activity of type \"%s\" has no \"%s\"", kind, role),
			 errdetail("Activity %lld is of that type.", (long long) row_int8(row, "activity_id")),
			 errhint("Table %s.activity_type_role lists the roles of each type.", row->org->quoted),
			 errtablecol(row->rel, row_column(row, "participation_type") + 1)));
}

/* refuse_kept_role refuses as a party what the activity itself says of each: whom it regards and who owns it. */
static void
refuse_kept_role(CrmRow *row, const char *role)
{
	bool		is_owner = role && strcmp(role, "owner") == 0;

	if (role == NULL || (!is_owner && strcmp(role, "regarding") != 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("\"%s\" is no party of an activity", role),
			 errdetail("Activity %lld holds it in %s; view activity_participant shows it beside the parties.",
					   (long long) row_int8(row, "activity_id"),
					   is_owner ? "owner_id" : "regarding_entity and regarding_id"),
			 errhint("Set %s of the activity.", is_owner ? "owner_id" : "regarding_entity and regarding_id"),
			 errtablecol(row->rel, row_column(row, "participation_type") + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, "activity_party_kept_role")));
}

static void
keep_party(CrmRow *row)
{
	if (activity_refuse_closed(row, "the parties", NULL))
		activity_except_from_series(row);
}

/* kind_of returns the kind of the activity that an imported row belongs to, hidden by row security or not; NULL when it is not there. */
static char *
kind_of(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "activity_id"))};
	MemoryContext caller = CurrentMemoryContext;
	char	   *kind = NULL;

	SPI_connect();
	if (core_run_as_owner(row->org, &read_kind, "activity", args) > 0)
		kind = MemoryContextStrdup(caller, core_result_name(0, 1));
	SPI_finish();
	return kind;
}

static void
refuse_kind(CrmRow *row, const char *kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("activity %lld is no %s", (long long) row_int8(row, "activity_id"),
					RelationGetRelationName(row->rel)),
			 errdetail("It is of type \"%s\".", kind),
			 activity_has_details(row->org, kind)
			 ? errhint("Put its details into table %s.%s.", row->org->quoted, core_quoted(kind))
			 : errhint("That type has no details of its own."),
			 errtablecol(row->rel, row_column(row, "activity_id") + 1)));
}
