/*
 * conversation.c
 *	  The details of mails, and how an answer finds what it answers.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "activity/email.h"
#include "activity/kind.h"

static void complete_email(CrmRow *row, CrmTicket *ticket);
static void join_conversation(CrmRow *row);
static void adopt_regarding(CrmRow *row, const char *entity, int64 id);

static const char *const computed[] = {
	"submitted_at", "submitted_by", "next_attempt_at", "last_attempt_at", "delivery_attempts", "delivery_error", NULL
};

static const char *const fixed[] = {"activity_id", NULL};

static const CrmEntity email_entity = {
	.name = "email", .key = "email_id", .label = "row of mail details", .computed = computed, .fixed = fixed,
	.complete = complete_email, .before_delete = activity_keep_detail
};

static CrmStatement find_answered = {
	.sql = "SELECT coalesce(e.conversation_identifier, e.message_identifier), a.regarding_entity, a.regarding_id "
	"FROM @email e JOIN @activity a ON a.activity_id = e.activity_id "
	"WHERE e.message_identifier = $1 AND e.activity_id <> $2 ORDER BY e.email_id DESC LIMIT 1",
	.argtypes = {TEXTOID, INT8OID}
};
static CrmStatement update_regarding = {
	.sql = "UPDATE @activity SET regarding_entity = $2, regarding_id = $3 WHERE activity_id = $1 AND regarding_entity IS NULL",
	.argtypes = {INT8OID, TEXTOID, INT8OID}
};

/* activity_add_email registers the details of mails, which are more than those of other types. */
void
activity_add_email(void)
{
	lifecycle_add_entity(&email_entity);
}

/* complete_email lets details stand beside an open mail; what the calls write they write of closed ones too. */
static void
complete_email(CrmRow *row, CrmTicket *ticket)
{
	if (ticket)
		return;
	activity_complete_detail(row, ticket);
	if (core_import_mode || row_is_null(row, "in_reply_to_identifier") || row_is_null(row, "activity_id") ||
		(ROW_IS_UPDATE(row) && !row_changed(row, "in_reply_to_identifier")))
		return;
	join_conversation(row);
}

/* join_conversation puts an answer into the conversation of the mail it answers, and beside what that regards. */
static void
join_conversation(CrmRow *row)
{
	CrmValue	args[] = {core_text_value(row_text(row, "in_reply_to_identifier")), CRM_INT8(row_int8(row, "activity_id"))};
	MemoryContext caller = CurrentMemoryContext;
	char	   *conversation = NULL;

	SPI_connect();
	if (core_run(row->org, &find_answered, args) > 0)
	{
		char	   *entity = core_result_text(0, 2);

		conversation = MemoryContextStrdup(caller, core_result_name(0, 1));
		if (entity)
			adopt_regarding(row, entity, core_result_int8(0, 3));
	}
	SPI_finish();
	if (conversation && row_is_null(row, "conversation_identifier"))
		row_set_text(row, "conversation_identifier", conversation);
}

/* adopt_regarding makes an answer regard what the mail before it does, unless that is hidden from who writes it. */
static void
adopt_regarding(CrmRow *row, const char *entity, int64 id)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "activity_id")), core_text_value(entity), CRM_INT8(id)};

	if (activity_sees_record(row->org, entity, id))
		core_run(row->org, &update_regarding, args);
}
