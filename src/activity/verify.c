/*
 * verify.c
 *	  What holds for activities at any time.
 */
#include "postgres.h"

#include "activity/kind.h"

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
	{"attached_file", "attachment", {
			.sql = "SELECT attachment_id, 'file_size ' || file_size || ' or checksum is not that of the content' FROM @attachment "
			"WHERE file_size <> pg_catalog.octet_length(content) OR sha256 <> pg_catalog.encode(pg_catalog.sha256(content), 'hex')"}}
};

/* activity_add_checks registers them. */
void
activity_add_checks(void)
{
	core_add_checks(checks, lengthof(checks));
}
