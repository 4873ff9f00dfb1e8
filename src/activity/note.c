/*
 * note.c
 *	  Notes and attached files.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "activity/kind.h"
#include "security/security.h"

static void complete_note(CrmRow *row, CrmTicket *ticket);
static void complete_attachment(CrmRow *row, CrmTicket *ticket);
static void keep_attachment(CrmRow *row);

static const char *const attachment_computed[] = {"file_size", "sha256", NULL};
static const char *const attachment_fixed[] = {"note_id", "activity_id", NULL};

static const CrmEntity note_entity = {
	.name = "note", .key = "note_id", .label = "note", .title = "subject", .complete = complete_note
};
static const CrmEntity attachment_entity = {
	.name = "attachment", .key = "attachment_id", .label = "attachment", .title = "file_name",
	.computed = attachment_computed, .fixed = attachment_fixed, .complete = complete_attachment, .before_delete = keep_attachment
};

/* activity_add_notes registers the entities of this file. */
void
activity_add_notes(void)
{
	lifecycle_add_entity(&note_entity);
	lifecycle_add_entity(&attachment_entity);
}

static void
complete_note(CrmRow *row, CrmTicket *ticket)
{
	activity_check_record(row, "regarding_entity", "regarding_id");
	if (ROW_IS_INSERT(row) && row_is_null(row, "owner_id"))
		row_set_int8(row, "owner_id", security_acting_owner(row->org));
}

/* complete_attachment measures a file when it comes or changes. */
static void
complete_attachment(CrmRow *row, CrmTicket *ticket)
{
	Datum		content;

	activity_refuse_closed(row, "the attachments", NULL);
	if (row_is_null(row, "content") || (ROW_IS_UPDATE(row) && !row_changed(row, "content")))
		return;
	content = row_datum_as(row, "content", BYTEAOID);
	row_set_int8(row, "file_size", VARSIZE_ANY_EXHDR(PG_DETOAST_DATUM_PACKED(content)));
	row_set_as(row, "sha256", TEXTOID, DirectFunctionCall2(binary_encode, DirectFunctionCall1(sha256_bytea, content),
											   CStringGetTextDatum("hex")));
}

static void
keep_attachment(CrmRow *row)
{
	activity_refuse_closed(row, "the attachments", NULL);
}
