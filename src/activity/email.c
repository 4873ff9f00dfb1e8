/*
 * email.c
 *	  Sending mails: the database keeps them and their states, a mail program
 *	  outside takes them, delivers them and reports (D§2.3, D§6.3, D§6.4).
 *
 * What waits for a mail program has email.next_attempt_at: one that is pending
 * since it was sent, one that is being sent until the mail program has had its
 * time. So a mail whose mail program died is given out again by the same
 * search.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "activity/activity.h"
#include "activity/email.h"
#include "activity/kind.h"
#include "security/security.h"

/* A mail that a call works on, and has locked. */
typedef struct Mail
{
	int64		id;				/* of the activity */
	int64		email_id;		/* of its details, 0 = none yet */
	char	   *state;
	char	   *reason;
	char	   *direction;
	int32		attempts;
	bool		is_submitted;	/* by send_email, and neither failed nor taken back since */
} Mail;

static Mail lock_mail(CrmOrganization *org, int64 id);
static bool read_mail(CrmOrganization *org, Mail *mail);
static void refuse_incoming(const Mail *mail);
static void put_in_line(CrmOrganization *org, Mail *mail, const char *sender);
static int	select_due(CrmOrganization *org, int limit, int64 **mails, int64 **details);
static void mark_taken(CrmOrganization *org, int64 *mails, int64 *details, int n);
static int64 sending_timeout(CrmOrganization *org);
static void require_sending(const Mail *mail, const char *call);
static void write_details(CrmOrganization *org, const Mail *mail, CrmStatement *statement, const CrmValue *args);
static void refuse_taken_back(const Mail *mail, const char *why, const char *hint);

static CrmStatement read_one = {
	.sql = "SELECT a.activity_type, a.state, a.status_reason, a.direction, e.email_id, e.delivery_attempts, e.submitted_at IS NOT NULL "
	"FROM @activity a LEFT JOIN @email e ON e.activity_id = a.activity_id WHERE a.activity_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement insert_details = {
	.sql = "INSERT INTO @email (activity_id) VALUES ($1) RETURNING email_id",
	.argtypes = {INT8OID}
};
/* it keeps its Message-ID, so that whoever gets it twice can tell, and an answer finds it */
static CrmStatement update_in_line = {
	.sql = "UPDATE @email e SET submitted_at = $2, submitted_by = $3, next_attempt_at = $2, delivery_error = NULL, sent_at = NULL, "
	"message_identifier = known.message, conversation_identifier = coalesce(nullif(e.conversation_identifier, ''), known.message) "
	"FROM (SELECT coalesce(nullif(message_identifier, ''), '<' || pg_catalog.gen_random_uuid() || '@' || $4 || '>') AS message "
	"FROM @email WHERE email_id = $1) known WHERE e.email_id = $1",
	.argtypes = {INT8OID, TIMESTAMPTZOID, INT8OID, TEXTOID}
};
/* both are locked, so that both are looked at again when another mail program was quicker; the state, which has an index, would be a detour */
static CrmStatement find_due = {
	.sql = "SELECT a.activity_id, e.email_id FROM @email e JOIN @activity a ON a.activity_id = e.activity_id "
	"WHERE e.next_attempt_at <= $1 AND a.status_reason IN ('pending_send', 'sending') "
	"ORDER BY e.next_attempt_at, e.email_id LIMIT $2 FOR NO KEY UPDATE OF a, e SKIP LOCKED",
	.argtypes = {TIMESTAMPTZOID, INT4OID}
};
static CrmStatement update_reasons = {
	.sql = "UPDATE @activity SET status_reason = 'sending' WHERE activity_id = ANY ($1) AND status_reason <> 'sending'",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement update_taken = {
	.sql = "UPDATE @email SET delivery_attempts = delivery_attempts + 1, last_attempt_at = $2, next_attempt_at = $3 "
	"WHERE email_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID}
};
#define ADDRESSES(role) \
	"(SELECT p.address_used FROM @activity_party p WHERE p.activity_id = a.activity_id AND p.participation_type = '" role "' " \
	"ORDER BY p.activity_party_id)"
/* a line break in a header would begin another one, such as Bcc */
#define HEADER(column) "pg_catalog.regexp_replace(" column ", '[[:cntrl:]]+', ' ', 'g')"
static CrmStatement read_taken = {
	.sql = "SELECT a.activity_id, e.delivery_attempts, " HEADER("e.message_identifier") ", " ADDRESSES("sender") ", "
	"ARRAY" ADDRESSES("to") ", ARRAY" ADDRESSES("cc") ", ARRAY" ADDRESSES("bcc") ", " HEADER("a.subject") ", a.description, "
	HEADER("e.in_reply_to_identifier") ", " HEADER("e.conversation_identifier") ", e.is_read_receipt_requested, a.priority, "
	"(SELECT count(*)::integer FROM @attachment f WHERE f.activity_id = a.activity_id) "
	"FROM unnest($1) WITH ORDINALITY t(activity_id, n) JOIN @activity a ON a.activity_id = t.activity_id "
	"JOIN @email e ON e.activity_id = a.activity_id ORDER BY t.n",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement update_sent_details = {
	.sql = "UPDATE @email SET message_identifier = coalesce(nullif($2, ''), message_identifier), sent_at = $3, next_attempt_at = NULL, "
	"delivery_error = NULL WHERE email_id = $1",
	.argtypes = {INT8OID, TEXTOID, TIMESTAMPTZOID}
};
static CrmStatement update_sent = {
	.sql = "UPDATE @activity SET status_reason = 'sent', actual_end_at = greatest($2, actual_start_at) WHERE activity_id = $1",
	.argtypes = {INT8OID, TIMESTAMPTZOID}
};
static CrmStatement update_open_details = {
	.sql = "UPDATE @email SET delivery_error = $2, next_attempt_at = NULL, submitted_at = NULL, submitted_by = NULL WHERE email_id = $1",
	.argtypes = {INT8OID, TEXTOID}
};

PG_FUNCTION_INFO_V1(activity_send_email);
PG_FUNCTION_INFO_V1(activity_take_emails);
PG_FUNCTION_INFO_V1(activity_report_email_sent);
PG_FUNCTION_INFO_V1(activity_report_email_failed);

/* activity_send_email puts an open mail in line for the mail program. */
Datum
activity_send_email(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "activity_id");
	CrmMove		move = {
		.entity = &activity_entity, .made_by = "send_email", .to = "completed", .reason = "pending_send"
	};
	CrmOrganization *org = core_begin();
	Mail		mail = lock_mail(org, id);

	lifecycle_require(org, &move, id, mail.state);
	refuse_incoming(&mail);
	put_in_line(org, &mail, email_write_addresses(org, id));
	lifecycle_move(org, &move, id, mail.state);
	return core_end_text(move.to);
}

/* activity_take_emails gives mails to a mail program, each to one, those that wait longest first. */
Datum
activity_take_emails(PG_FUNCTION_ARGS)
{
	int32		limit = core_limit_argument(fcinfo, 0, 100);
	CrmOrganization *org;
	int64	   *mails;
	int64	   *details;
	int			n;
	CrmValue	taken;

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin();
	n = select_due(org, limit, &mails, &details);
	taken = CRM_DATUM(core_int8_array(mails, n));
	if (n > 0)
		mark_taken(org, mails, details, n);
	core_run(org, &read_taken, &taken);
	return core_end_rows(fcinfo);
}

/* activity_report_email_sent notes that a mail program delivered a mail. */
Datum
activity_report_email_sent(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "activity_id");
	CrmMove		move = {.entity = &activity_entity, .made_by = "report_email_sent", .to = "completed"};
	CrmValue	message = core_value_argument(fcinfo, 1);
	CrmValue	sent_at = PG_ARGISNULL(2) ? CRM_DATUM(TimestampTzGetDatum(core_now())) : core_value_argument(fcinfo, 2);
	CrmOrganization *org = core_begin();
	Mail		mail = lock_mail(org, id);
	CrmTicket	ticket = lifecycle_move_ticket(&move, &id, 1, move.to);
	CrmValue	details[] = {CRM_INT8(mail.email_id), message, sent_at};
	CrmValue	args[] = {CRM_INT8(id), sent_at};

	require_sending(&mail, move.made_by);
	write_details(org, &mail, &update_sent_details, details);
	if (lifecycle_run(org, &ticket, &update_sent, args) == 0)
		core_refuse_unknown("activity", id);
	return core_end_text(move.to);
}

/* activity_report_email_failed opens a mail again that could not be delivered. */
Datum
activity_report_email_failed(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "activity_id");
	CrmMove		move = {
		.entity = &activity_entity, .made_by = "report_email_failed", .to = "open", .reason = "failed",
		.description = core_text_argument(fcinfo, 1, "description")
	};
	CrmOrganization *org = core_begin();
	Mail		mail = lock_mail(org, id);
	CrmValue	details[] = {CRM_INT8(mail.email_id), core_text_value(move.description)};

	require_sending(&mail, move.made_by);
	if (!PG_ARGISNULL(2) && PG_GETARG_INT32(2) != mail.attempts)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 errmsg("attempt %d to send mail %lld is over", PG_GETARG_INT32(2), (long long) id),
				 errdetail("It was given out again; attempt %d is under way.", mail.attempts),
				 errhint("Nothing is left to report: the mail program that has it now will."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "email")));
	write_details(org, &mail, &update_open_details, details);
	lifecycle_move(org, &move, id, mail.state);
	return core_end_text(move.to);
}

/* email_take_back lets a closed mail be opened again: not one that a mail program has or delivered. */
void
email_take_back(CrmOrganization *org, int64 id)
{
	Mail		mail = {.id = id};
	CrmValue	args[] = {CRM_NULL, CRM_NULL};

	if (!read_mail(org, &mail) || !mail.is_submitted)
		return;
	if (strcmp(mail.reason, "sending") == 0)
		refuse_taken_back(&mail, "A mail program is sending it.",
						  "Wait for its report; report_email_failed() opens a mail that was not sent.");
	if (strcmp(mail.reason, "sent") == 0)
		refuse_taken_back(&mail, "A mail program sent it.", "Write another mail.");
	args[0] = CRM_INT8(mail.email_id);
	write_details(org, &mail, &update_open_details, args);
}

/* email_refuse_delivery keeps the reasons of a delivery to the calls: who sets them by hand would wait for ever. */
void
email_refuse_delivery(CrmRow *row, const CrmTicket *ticket)
{
	char	   *reason = row_text(row, "status_reason");
	char	   *kind = row_text(row, "activity_type");
	const char *call = ticket && ticket->made_by ? ticket->made_by : "";

	if (core_import_mode || reason == NULL || kind == NULL || strcmp(kind, "email") != 0 ||
		(strcmp(reason, "pending_send") != 0 && strcmp(reason, "sending") != 0) ||
		strcmp(call, "send_email") == 0 || strcmp(call, "take_emails") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATUS_REASON),
			 errmsg("status reason \"%s\" of a mail cannot be set by hand", reason),
			 errdetail("Activity %lld would be in line for no mail program.", (long long) row_int8(row, "activity_id")),
			 errhint("Use send_email(), or complete_activity(..., status_reason => 'sent') for a mail that was sent elsewhere."),
			 errtablecol(row->rel, row_column(row, "status_reason") + 1)));
}

/* lock_mail locks a mail and reads it; an activity of another type is refused. */
static Mail
lock_mail(CrmOrganization *org, int64 id)
{
	Mail		mail = {.id = id};

	lifecycle_lock(org, &activity_entity, id);
	if (read_mail(org, &mail))
		return mail;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("activity %lld is no mail", (long long) id),
			 errdetail("It is of type \"%s\".", core_result_name(0, 1)),
			 errhint("Give the key of an activity of type \"email\"; others are closed with complete_activity()."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "activity")));
}

/* read_mail reads a mail, and tells whether it is one. */
static bool
read_mail(CrmOrganization *org, Mail *mail)
{
	CrmValue	args[] = {CRM_INT8(mail->id)};

	if (core_run(org, &read_one, args) == 0)
		core_refuse_unknown("activity", mail->id);
	mail->state = core_result_name(0, 2);
	mail->reason = core_result_name(0, 3);
	mail->direction = core_result_name(0, 4);
	mail->email_id = core_result_key(0, 5);
	mail->attempts = core_result_int4(0, 6);
	mail->is_submitted = core_result_bool(0, 7);
	return strcmp(core_result_name(0, 1), "email") == 0;
}

static void
refuse_incoming(const Mail *mail)
{
	if (strcmp(mail->direction, "incoming") != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("an incoming mail cannot be sent"),
			 errdetail("Direction of activity %lld is \"incoming\".", (long long) mail->id),
			 errhint("Answer with a mail of its own, or set direction to \"outgoing\"."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "activity")));
}

/* put_in_line has take_emails find the mail from now on; its Message-ID is of the sender's domain. */
static void
put_in_line(CrmOrganization *org, Mail *mail, const char *sender)
{
	CrmValue	activity = CRM_INT8(mail->id);

	if (mail->email_id == 0 && core_run(org, &insert_details, &activity) > 0)
		mail->email_id = core_result_int8(0, 1);
	{
		CrmValue	args[] = {
			CRM_INT8(mail->email_id), CRM_DATUM(TimestampTzGetDatum(core_now())),
			CRM_ID(security_acting_user(org)), core_text_value(email_domain(sender))
		};

		write_details(org, mail, &update_in_line, args);
	}
}

/* select_due locks the mails that wait, but those that another mail program is about to take. */
static int
select_due(CrmOrganization *org, int limit, int64 **mails, int64 **details)
{
	CrmValue	args[] = {CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_INT4(limit)};
	int			n = core_run(org, &find_due, args);

	*mails = palloc(sizeof(int64) * Max(n, 1));
	*details = palloc(sizeof(int64) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		(*mails)[i] = core_result_int8(i, 1);
		(*details)[i] = core_result_int8(i, 2);
	}
	return n;
}

/* mark_taken notes that a mail program has the mails now, and until when it is waited for. */
static void
mark_taken(CrmOrganization *org, int64 *mails, int64 *details, int n)
{
	CrmMove		move = {.entity = &activity_entity, .made_by = "take_emails", .to = "completed"};
	CrmTicket	moved = lifecycle_move_ticket(&move, mails, n, move.to);
	CrmTicket	written = {.kind = TICKET_WRITE, .table = "email", .ids = details, .n = n, .made_by = move.made_by};
	TimestampTz now = core_now();
	CrmValue	reasons;
	CrmValue	attempts[] = {
		CRM_NULL, CRM_DATUM(TimestampTzGetDatum(now)),
		CRM_DATUM(TimestampTzGetDatum(now + sending_timeout(org)))
	};

	qsort(mails, n, sizeof(int64), core_compare_ids);
	qsort(details, n, sizeof(int64), core_compare_ids);
	reasons = CRM_DATUM(core_int8_array(mails, n));
	attempts[0] = CRM_DATUM(core_int8_array(details, n));
	lifecycle_run(org, &moved, &update_reasons, &reasons);
	lifecycle_run(org, &written, &update_taken, attempts);
}

/* sending_timeout returns how long a mail program may take to report. */
static int64
sending_timeout(CrmOrganization *org)
{
	return core_setting_number(org, "email_sending_timeout_minutes", 30) * USECS_PER_MINUTE;
}

/* require_sending refuses a report about a mail that no mail program has. */
static void
require_sending(const Mail *mail, const char *call)
{
	if (strcmp(mail->state, "completed") == 0 && strcmp(mail->reason, "sending") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("%s() is for a mail that is being sent", call),
			 errdetail("Activity %lld is \"%s\", \"%s\".", (long long) mail->id, mail->state, mail->reason),
			 errhint("send_email() puts a mail in line, take_emails() gives it to a mail program, which reports once."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "activity")));
}

/* write_details writes what only the database writes of a mail's details. */
static void
write_details(CrmOrganization *org, const Mail *mail, CrmStatement *statement, const CrmValue *args)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "email", .ids = &mail->email_id, .n = 1};

	if (lifecycle_run(org, &ticket, statement, args) == 0)
		core_refuse_unknown("email", mail->email_id);
}

static void
refuse_taken_back(const Mail *mail, const char *why, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("mail %lld cannot be opened again", (long long) mail->id),
			 errdetail("%s", why),
			 errhint("%s", hint),
			 err_generic_string(PG_DIAG_TABLE_NAME, "activity")));
}
