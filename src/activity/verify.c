/*
 * verify.c
 *	  What holds for activities at any time.
 */
#include "postgres.h"

#include "activity/kind.h"

/* What refers to a record of any table, by two columns. */
static const ActivityReference references[] = {
	{"regarding_record", "activity", "regarding_entity", "regarding_id"},
	{"noted_record", "note", "regarding_entity", "regarding_id"},
	{"party_record", "activity_party", "entity", "record_id"},
	{"connected_record", "connection", "entity_1", "record_id_1"},
	{"connected_record", "connection", "entity_2", "record_id_2"},
	{"queued_record", "queue_item", "entity", "record_id"}
};

static CrmCheck checks[] = {
	{"closed_without_end", "activity", {
			.sql = "SELECT activity_id, state || ', but without an end' FROM @activity "
			"WHERE state IN ('completed', 'canceled') AND actual_end_at IS NULL "
			"AND created_at >= (SELECT min(installed_at) FROM @schema_version)"}},
	{"reason_of_type", "activity", {
			.sql = "SELECT a.activity_id, a.activity_type || ' is ' || a.state || '/' || a.status_reason FROM @activity a "
			"WHERE EXISTS (SELECT FROM @activity_type_reason r WHERE r.activity_type = a.activity_type) "
			"AND NOT EXISTS (SELECT FROM @activity_type_reason r WHERE r.activity_type = a.activity_type "
			"AND r.state = a.state AND r.status_reason = a.status_reason)"}},
	{"place_in_timeline", "activity", {
			.sql = "SELECT activity_id, 'sort_at is ' || sort_at FROM @activity "
			"WHERE sort_at <> coalesce(actual_end_at, scheduled_end_at, scheduled_start_at, created_at)"}},
	{"mail_in_delivery", "email", {
			.sql = "SELECT a.activity_id, a.status_reason || ', but ' || CASE WHEN e.next_attempt_at IS NULL THEN 'no mail program gets it' "
			"ELSE 'without recipients, or one has no address' END FROM @activity a LEFT JOIN @email e ON e.activity_id = a.activity_id "
			"WHERE a.activity_type = 'email' AND a.status_reason IN ('pending_send', 'sending') AND (e.next_attempt_at IS NULL "
			"OR (SELECT bool_and(coalesce(p.address_used, '') LIKE '%@%') IS NOT TRUE FROM @activity_party p "
			"WHERE p.activity_id = a.activity_id AND p.participation_type IN ('to', 'cc', 'bcc')))"}},
	{"mail_out_of_delivery", "email", {
			.sql = "SELECT e.activity_id, a.state || '/' || a.status_reason || ', but in line for the mail program' FROM @email e "
			"JOIN @activity a ON a.activity_id = e.activity_id "
			"WHERE e.next_attempt_at IS NOT NULL AND a.status_reason NOT IN ('pending_send', 'sending')"}},
	{"mail_sent", "email", {
			.sql = "SELECT e.activity_id, CASE WHEN e.sent_at IS NULL THEN 'sent, but nobody knows when' ELSE 'sent, but to nobody' END "
			"FROM @email e JOIN @activity a ON a.activity_id = e.activity_id WHERE a.status_reason = 'sent' AND e.submitted_at IS NOT NULL "
			"AND (e.sent_at IS NULL OR NOT EXISTS (SELECT FROM @activity_party p "
			"WHERE p.activity_id = e.activity_id AND p.participation_type IN ('to', 'cc', 'bcc') AND p.address_used IS NOT NULL))"}},
	{"attached_file", "attachment", {
			.sql = "SELECT attachment_id, 'file_size ' || file_size || ' or checksum is not that of the content' FROM @attachment "
			"WHERE file_size <> pg_catalog.octet_length(content) OR sha256 <> pg_catalog.encode(pg_catalog.sha256(content), 'hex')"}},
	{"one_queue", "queue_item", {
			.sql = "SELECT max(queue_item_id), entity || ' ' || record_id || ' stands in ' || count(*) || ' queues' FROM @queue_item "
			"WHERE state = 'active' GROUP BY entity, record_id HAVING count(*) > 1"}},
	{"table_of_added_type", "activity_type", {
			.sql = "SELECT t.activity_type_id, t.activity_type || ' was added with a table, but none of that name refers to activity' "
			"FROM @activity_type t JOIN pg_catalog.pg_class own ON own.oid = t.tableoid WHERE t.is_custom AND t.has_details AND NOT EXISTS ("
			"SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' "
			"JOIN pg_catalog.pg_class r ON r.oid = f.confrelid AND r.relnamespace = own.relnamespace AND r.relname = 'activity' "
			"WHERE c.relnamespace = own.relnamespace AND c.relname = t.activity_type)"}},
	{"default_queue", "owner", {
			.sql = "SELECT o.owner_id, o.name || ' has no default queue' FROM @owner o "
			"WHERE NOT EXISTS (SELECT FROM @queue q WHERE q.default_owner_id = o.owner_id)"}}
};

/* activity_add_checks registers them. */
void
activity_add_checks(void)
{
	core_add_checks(checks, lengthof(checks));
	for (int i = 0; i < lengthof(references); i++)
		core_add_built_check(references[i].check, references[i].table, activity_records_gone, &references[i]);
}
