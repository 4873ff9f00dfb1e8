/*
 * relation.c
 *	  From the records of an instance to that of a table outside the sale: over
 *	  a foreign key of one column between the two tables, or over
 *	  regarding_entity and regarding_id.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "process/flow.h"

/* A key between the table of a stage and one that the path has been through. */
typedef struct Link
{
	FlowEntity	from;			/* the table before */
	bool		points_back;	/* the stage's table refers to it */
	char	   *column;
} Link;

static bool follows_in_sale(const Flow *flow, FlowEntity entity);
static List *seen_tables(const Flow *flow);
static List *find_links(const Flow *flow, FlowEntity entity, const char *relation);
static bool is_regarding(const Flow *flow, FlowEntity entity, const Link *link);
static bool differ(const List *links);
static int64 follow(const Flow *flow, FlowEntity entity, const Link *link);
static bool is_same_key(const Link *a, const Link *b);
static char *link_name(const Link *link, FlowEntity entity);

static CrmStatement select_seen = {
	.sql = "SELECT DISTINCT s.entity FROM @process_stage_history h JOIN @process_stage s USING (process_stage_id) "
	"WHERE h.process_instance_id = $1 AND h.path_position IS NOT NULL ORDER BY 1",
	.argtypes = {INT8OID}
};
static CrmStatement find_relation = {
	.sql = "SELECT 1 FROM (" FLOW_SQL_RELATIONS ") r WHERE r.from_entity = $1 AND r.to_entity = $2",
	.argtypes = {TEXTOID, TEXTOID}
};
static CrmStatement select_links = {
	.sql = "SELECT DISTINCT l.owner = $1, l.column_name FROM (" FLOW_SQL_KEYS ") l "
	"WHERE ((l.owner = $1 AND l.target = $3) OR (l.owner = $3 AND l.target = $1)) "
	"AND ($4 IS NULL OR $4 IN (l.column_name, l.owner || '.' || l.column_name)) ORDER BY 1, 2",
	.argtypes = {TEXTOID, OIDOID, TEXTOID, TEXTOID}
};

/*
 * flow_linked returns the record of a table that a key leads to from those of
 * an instance, 0 = none, or several keys: the one it has when the path has been
 * there, else the row referred to, or the newest that refers to one of its
 * records.
 */
int64
flow_linked(const Flow *flow, FlowEntity entity, const char *relation)
{
	List	   *links;
	ListCell   *cell;
	int64		found = 0;

	if (list_member_int(seen_tables(flow), entity))
		return flow_record(flow, entity);
	links = find_links(flow, entity, relation);
	if (differ(links))
		return 0;
	foreach(cell, links)
		found = Max(found, follow(flow, entity, lfirst(cell)));
	return found;
}

/* follows_in_sale tells whether a table of the sale follows from one on the path, and so over no other key. */
static bool
follows_in_sale(const Flow *flow, FlowEntity entity)
{
	ListCell   *cell;

	if (entity >= FLOW_KNOWN)
		return false;
	foreach(cell, seen_tables(flow))
	{
		CrmValue	args[] = {core_text_value(flow_entity_name(lfirst_int(cell))), core_text_value(flow_entity_name(entity))};

		if (core_run(flow->org, &find_relation, args) > 0)
			return true;
	}
	return false;
}

/* seen_tables returns the tables of the stages on the path. */
static List *
seen_tables(const Flow *flow)
{
	CrmValue	args[] = {CRM_INT8(flow->id)};
	uint64		n;
	List	   *seen = NIL;

	if (flow->id == 0)
		return list_make1_int(flow->stage.entity);
	n = core_run(flow->org, &select_seen, args);
	for (uint64 i = 0; i < n; i++)
		seen = lappend_int(seen, flow_entity_named(core_result_name(i, 1)));
	return seen;
}

/* find_links looks for keys between a table and those of the path that have a record; over none a table follows in the sale. */
static List *
find_links(const Flow *flow, FlowEntity entity, const char *relation)
{
	List	   *links = NIL;
	ListCell   *cell;

	if (follows_in_sale(flow, entity))
		return NIL;
	foreach(cell, seen_tables(flow))
	{
		FlowEntity	from = lfirst_int(cell);
		CrmValue	args[] = {
			core_text_value(flow_entity_name(entity)), CRM_DATUM(ObjectIdGetDatum(flow->org->oid)),
			core_text_value(flow_entity_name(from)), core_text_value(relation)
		};
		bool		leads = flow_record(flow, from) != 0 && (from >= FLOW_KNOWN || entity >= FLOW_KNOWN);
		uint64		n = leads ? core_run(flow->org, &select_links, args) : 0;

		for (uint64 i = 0; i < n; i++)
		{
			Link	   *link = palloc(sizeof(Link));

			link->from = from;
			link->points_back = core_result_bool(i, 1);
			link->column = core_result_name(i, 2);
			links = lappend(links, link);
		}
	}
	return links;
}

/* flow_choice refuses more than one key to the next record; activate_process() looks for them, but a table may get another later. */
FlowRefusal *
flow_choice(const Flow *flow, const FlowStage *next)
{
	bool		is_asked = next->entity >= FLOW_KNOWN || flow->others != NIL;
	List	   *links = is_asked ? find_links(flow, next->entity, next->relation) : NIL;
	FlowRefusal *refusal;
	char	   *all = NULL;
	ListCell   *cell;

	if (!differ(links))
		return NULL;
	foreach(cell, links)
	{
		char	   *name = link_name(lfirst(cell), next->entity);

		all = all ? psprintf("%s, %s", all, name) : name;
	}
	refusal = palloc0(sizeof(FlowRefusal));
	refusal->sqlstate = ERRCODE_AMBIGUOUS_COLUMN;
	refusal->message = psprintf("several keys lead to the %s of stage \"%s\"", flow_entity(next->entity)->label, next->name);
	refusal->detail = psprintf("Keys are: %s.", all);
	refusal->hint = "Have an administrator say in process_stage.relation_column which of them counts.";
	refusal->table = "process_stage";
	refusal->column = "relation_column";
	return refusal;
}

/* differ tells that links are more than one key. */
static bool
differ(const List *links)
{
	ListCell   *cell;

	foreach(cell, links)
	{
		if (!is_same_key(lfirst(cell), linitial(links)))
			return true;
	}
	return false;
}

/* is_same_key tells whether two links are one key: what regards any of the records is found over one. */
static bool
is_same_key(const Link *a, const Link *b)
{
	return a->points_back == b->points_back && strcmp(a->column, b->column) == 0 &&
		(a->points_back || a->from == b->from);
}

static char *
link_name(const Link *link, FlowEntity entity)
{
	return psprintf("%s.%s", flow_entity_name(link->points_back ? entity : link->from), link->column);
}

/* follow goes over a key to a record that the caller sees. */
static int64
follow(const Flow *flow, FlowEntity entity, const Link *link)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, TEXTOID};
	const char *column = core_quoted(link->column);
	bool		regards;
	char	   *sql;

	if (!flow_is_readable(flow->org, entity) || !flow_is_readable(flow->org, link->from))
		return 0;
	regards = is_regarding(flow, entity, link);
	if (link->points_back)
		sql = psprintf("SELECT max(t.%1$s), $2 FROM @%2$s t WHERE t.%3$s = $1%4$s", flow_sql_key(entity), flow_sql_name(entity),
					   column, regards ? " AND t.regarding_entity = $2" : "");
	else
		sql = psprintf("SELECT t.%1$s, $2 FROM @%2$s f JOIN @%3$s t ON t.%1$s = f.%4$s WHERE f.%5$s = $1%6$s", flow_sql_key(entity),
					   flow_sql_name(link->from), flow_sql_name(entity), column, flow_sql_key(link->from),
					   regards ? " AND f.regarding_entity = $2" : "");
	{
		CrmValue	args[] = {
			CRM_INT8(flow_record(flow, link->from)),
			core_text_value(flow_entity_name(link->points_back ? link->from : entity))
		};

		return core_run(flow->org, core_intern(sql, types), args) > 0 ? core_result_key(0, 1) : 0;
	}
}

/* is_regarding tells a link over regarding_entity and regarding_id from a foreign key that is called like it. */
static bool
is_regarding(const Flow *flow, FlowEntity entity, const Link *link)
{
	const char *owner = flow_entity_name(link->points_back ? entity : link->from);

	return strcmp(link->column, "regarding_id") == 0 &&
		get_attnum(core_table(flow->org, owner), "regarding_entity") != InvalidAttrNumber;
}

/* flow_link_hint says how a record of a table comes about, NULL where no key leads to it. */
char *
flow_link_hint(const Flow *flow, FlowEntity entity, const char *relation)
{
	List	   *links = find_links(flow, entity, relation);
	Link	   *link;
	char	   *record;

	if (links == NIL)
		return NULL;
	link = llast(links);
	record = lifecycle_called(flow_entity(link->from), flow_record(flow, link->from));
	return link->points_back ? psprintf("Insert a row into %s whose %s leads to %s.", flow_entity_name(entity), link->column, record)
		: psprintf("Fill column %s of %s.", link->column, record);
}
