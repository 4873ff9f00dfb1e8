/*
 * timeline.c
 *	  What happened about a record and those that belong to it, newest first.
 *
 * Every room says which of its records belong to a record of another: the
 * deals of an account, the lead of a deal. One statement takes the newest
 * entries of each by an index and merges them, whatever their number.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "activity/kind.h"

#define MAX_SOURCES 32

typedef struct Source
{
	const char *root;
	const char *sql;
} Source;

static Source sources[MAX_SOURCES];
static int	n_sources = 0;

static char *build_timeline(const char *entity);

/* $1 the entity, $2 the record, $3 and $4 where the page before ended, $5 the length of a page */
#define ENTRIES \
	"SELECT a.sort_at AS occurred_at, a.activity_id * 2 AS entry_id, a.activity_type AS kind, a.activity_id, " \
	"NULL::bigint AS note_id, a.subject, a.state, a.owner_id, a.regarding_entity, a.regarding_id FROM @activity a "
#define BEFORE_ACTIVITY "(a.sort_at, a.activity_id) < ($3, $4 / 2 + $4 % 2) "
#define NEWEST_ACTIVITY "ORDER BY a.sort_at DESC, a.activity_id DESC LIMIT $5"

static const Oid timeline_types[CRM_MAX_ARGS] = {TEXTOID, INT8OID, TIMESTAMPTZOID, INT8OID, INT4OID};

PG_FUNCTION_INFO_V1(activity_timeline);

/* activity_add_source registers records that belong to one: a query of (entity, id) for the record $2. */
void
activity_add_source(const char *root, const char *sql)
{
	if (n_sources == MAX_SOURCES)
		elog(ERROR, "too many sources of timelines");
	sources[n_sources].root = root;
	sources[n_sources].sql = sql;
	n_sources++;
}

/* activity_timeline returns a page of what happened about a record. */
Datum
activity_timeline(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "id");
	int32		limit = core_limit_argument(fcinfo, 4, 50);
	CrmOrganization *org;
	const CrmEntity *entity;
	CrmValue	args[] = {
		core_text_value(name), CRM_INT8(id),
		PG_ARGISNULL(2) ? CRM_DATUM(TimestampTzGetDatum(DT_NOEND)) : core_value_argument(fcinfo, 2),
		PG_ARGISNULL(3) ? CRM_INT8(PG_ARGISNULL(2) ? PG_INT64_MAX - 1 : 0) : core_value_argument(fcinfo, 3),
		CRM_INT4(limit)
	};

	InitMaterializedSRF(fcinfo, 0);
	org = core_begin_reading();
	entity = lifecycle_entity(name);
	lifecycle_require_row(org, entity->name, entity->key, id);
	if (id == 0)
		core_refuse_unknown(name, id);
	core_run(org, core_intern(build_timeline(name), timeline_types), args);
	return core_end_rows(fcinfo);
}

/* build_timeline writes the statement for the records of one entity. */
static char *
build_timeline(const char *entity)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "WITH source AS MATERIALIZED (SELECT $1 AS entity, $2 AS id");
	for (int i = 0; i < n_sources; i++)
	{
		if (strcmp(sources[i].root, entity) == 0)
			appendStringInfo(&sql, " UNION %s", sources[i].sql);
	}
	appendStringInfoString(&sql, ") SELECT DISTINCT e.* FROM source s, LATERAL (("
						   ENTRIES "WHERE a.regarding_entity = s.entity AND a.regarding_id = s.id AND "
						   BEFORE_ACTIVITY NEWEST_ACTIVITY ") UNION ALL ("
						   "SELECT n.created_at, n.note_id * 2 + 1, 'note', NULL, n.note_id, n.subject, NULL, n.owner_id, "
						   "n.regarding_entity, n.regarding_id FROM @note n "
						   "WHERE n.regarding_entity = s.entity AND n.regarding_id = s.id "
						   "AND (n.created_at, n.note_id) < ($3, $4 / 2) "
						   "ORDER BY n.created_at DESC, n.note_id DESC LIMIT $5)) e ");
	appendStringInfoString(&sql, "UNION (" ENTRIES
						   "JOIN @activity_party p ON p.activity_id = a.activity_id "
						   "WHERE p.entity = $1 AND p.record_id = $2 AND " BEFORE_ACTIVITY NEWEST_ACTIVITY ") ");
	appendStringInfoString(&sql, "ORDER BY occurred_at DESC, entry_id DESC LIMIT $5");
	return sql.data;
}
