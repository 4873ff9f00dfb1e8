/*
 * instance.c
 *	  Finding, locking and writing instances and their paths.
 *
 * The records come before the instance: first the record a call names, the
 * deal and the active stage's record, those of the sale in the order of
 * FlowEntity, then others by the names of their tables, then the instance,
 * then it is read.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/lock.h"
#include "process/flow.h"
#include "security/security.h"

static void read_stage(FlowStage *stage, uint64 row, int column);
static void read_others(Flow *flow);
static void lock_deal(const Flow *flow);
static void lock_records(const Flow *flow, FlowEntity entity, int64 record_id);
static void lock_others(const Flow *flow, FlowEntity entity, int64 record_id);
static const char *state_column(CrmOrganization *org, FlowEntity entity);

#define STAGE_COLUMNS "s.process_stage_id, s.name, s.entity, s.category, s.relation_column"

static CrmStatement select_instance = {
	.sql = "SELECT i.process_id, p.name, p.state, i.state, i.path_length, i.lead_id, i.opportunity_id, "
	"i.quote_id, i.invoice_id, i.sales_order_id, " STAGE_COLUMNS ", " FLOW_SQL_ALLOWED ", i.entity, "
	"EXISTS (SELECT FROM @process_instance_record o WHERE o.process_instance_id = i.process_instance_id) FROM @process_instance i "
	"JOIN @process p ON p.process_id = i.process_id "
	"JOIN @process_stage s ON s.process_stage_id = i.active_stage_id WHERE i.process_instance_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement select_default = {
	.sql = "SELECT p.process_id, p.name, p.state, " STAGE_COLUMNS ", " FLOW_SQL_ALLOWED " FROM @process p, "
	"LATERAL (SELECT f.* FROM @process_stage f WHERE f.process_id = p.process_id "
	"ORDER BY f.sort_order, f.process_stage_id LIMIT 1) s "
	"WHERE CASE WHEN $2 IS NULL THEN p.state = 'active' AND s.entity = $1 AND " FLOW_SQL_ALLOWED " ELSE p.name = $2 END "
	"ORDER BY p.sort_order, p.process_id LIMIT 1",
	.argtypes = {TEXTOID, TEXTOID}
};
static CrmStatement select_others = {
	.sql = "SELECT entity, record_id FROM @process_instance_record WHERE process_instance_id = $1 ORDER BY entity",
	.argtypes = {INT8OID}
};
static CrmStatement upsert_other = {
	.sql = "INSERT INTO @process_instance_record (process_instance_id, entity, record_id) VALUES ($1, $2, $3) "
	"ON CONFLICT (process_instance_id, entity) DO UPDATE SET record_id = excluded.record_id "
	"WHERE process_instance_record.record_id <> excluded.record_id",
	.argtypes = {INT8OID, TEXTOID, INT8OID}
};
static CrmStatement delete_other = {
	.sql = "DELETE FROM @process_instance_record WHERE process_instance_id = $1 AND entity = $2 AND $3 = 0",
	.argtypes = {INT8OID, TEXTOID, INT8OID}
};
static CrmStatement lock_instance = {
	.sql = "SELECT process_instance_id FROM @process_instance WHERE process_instance_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement lock_opportunity = {
	.sql = "SELECT opportunity_id FROM @opportunity WHERE opportunity_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement select_path_stage = {
	.sql = "SELECT " STAGE_COLUMNS " FROM @process_stage_history h JOIN @process_stage s USING (process_stage_id) "
	"WHERE h.process_instance_id = $1 AND h.path_position = $2",
	.argtypes = {INT8OID, INT4OID}
};
static CrmStatement leave_stages = {
	.sql = "UPDATE @process_stage_history SET left_at = coalesce(left_at, " CRM_SQL_NOW "), "
	"minutes = coalesce(minutes, greatest(0, round(extract(epoch FROM " CRM_SQL_NOW " - entered_at) / 60, 2))), "
	"path_position = CASE WHEN path_position >= $2 THEN NULL ELSE path_position END "
	"WHERE process_instance_id = $1 AND (left_at IS NULL OR path_position >= $2)",
	.argtypes = {INT8OID, INT4OID}
};
static CrmStatement insert_stay = {
	.sql = "INSERT INTO @process_stage_history (process_instance_id, process_stage_id, path_position, "
	"entered_at, direction, changed_by) VALUES ($1, $2, $3, " CRM_SQL_NOW ", $4, $5)",
	.argtypes = {INT8OID, INT8OID, INT4OID, TEXTOID, INT8OID}
};
static CrmStatement update_instance = {
	.sql = "UPDATE @process_instance SET state = $2, status_reason = coalesce($3, status_reason), "
	"active_stage_started_at = CASE WHEN $2 = 'active' AND (active_stage_id <> $4 OR path_length <> $5 OR state <> 'active') "
	"THEN " CRM_SQL_NOW " ELSE active_stage_started_at END, "
	"active_stage_id = $4, path_length = $5, lead_id = $6, opportunity_id = $7, quote_id = $8, invoice_id = $9, "
	"sales_order_id = $10, record_id = coalesce(CASE entity WHEN 'lead' THEN $6 WHEN 'opportunity' THEN $7 WHEN 'quote' THEN $8 "
	"WHEN 'invoice' THEN $9 WHEN 'sales_order' THEN $10 END, record_id), last_used_at = clock_timestamp(), "
	"completed_at = CASE WHEN $2 = 'active' THEN NULL WHEN state <> 'active' THEN completed_at ELSE " CRM_SQL_NOW " END, "
	"duration_minutes = CASE WHEN $2 = 'active' THEN NULL WHEN state <> 'active' THEN duration_minutes "
	"ELSE greatest(0, round(extract(epoch FROM " CRM_SQL_NOW " - created_at) / 60, 2)) END "
	"WHERE process_instance_id = $1",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID, INT4OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID}
};
static CrmStatement update_deal = {
	.sql = "WITH stage AS (SELECT CASE WHEN EXISTS (SELECT FROM @option_value v WHERE v.entity = 'opportunity' "
	"AND v.column_name = 'pipeline_phase' AND v.value = s.category AND v.is_active) THEN s.category END AS phase, "
	"s.default_probability AS chance FROM @process_stage s WHERE s.process_stage_id = $2) "
	"UPDATE @opportunity o SET pipeline_phase = coalesce(stage.phase, o.pipeline_phase), "
	"close_probability = CASE WHEN o.is_probability_overridden THEN o.close_probability ELSE coalesce(stage.chance, o.close_probability) END "
	"FROM stage WHERE o.opportunity_id = $1 AND o.state = 'open' AND (o.pipeline_phase <> stage.phase "
	"OR (NOT o.is_probability_overridden AND stage.chance IS NOT NULL AND o.close_probability IS DISTINCT FROM stage.chance))",
	.argtypes = {INT8OID, INT8OID}
};

/*
 * flow_find returns the instance of a record: the named process's, else the
 * one used last among those that are active (or, when asked, that ended), else
 * of the others; 0 = none. Those that the caller's roles allow come first.
 */
int64
flow_find(CrmOrganization *org, FlowEntity entity, int64 record_id, const char *process_name,
		  bool prefers_active)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, TEXTOID, TEXTOID, BOOLOID};
	CrmValue	args[] = {
		CRM_INT8(record_id), core_text_value(flow_entity_name(entity)), core_text_value(process_name), CRM_BOOL(prefers_active)
	};
	CrmStatement *find = core_intern(psprintf("SELECT i.process_instance_id FROM @process_instance i "
											  "JOIN @process p USING (process_id) "
											  "WHERE %s AND ($3 IS NULL OR p.name = $3) "
											  "ORDER BY " FLOW_SQL_ALLOWED " DESC, (i.state = 'active') = $4 DESC, i.last_used_at DESC, i.process_instance_id DESC LIMIT 1",
											  flow_works_on(entity)), types);

	return core_run(org, find, args) > 0 ? core_result_key(0, 1) : 0;
}

/* flow_works_on returns, in SQL text, whether instance i works on record $1 of a table, whose name is $2. */
const char *
flow_works_on(FlowEntity entity)
{
	return entity < FLOW_KNOWN ? psprintf("i.%s = $1", flow_entity(entity)->key)
		: "i.process_instance_id IN (SELECT o.process_instance_id FROM @process_instance_record o WHERE o.entity = $2 AND o.record_id = $1)";
}

/* read_others reads the records of tables outside the sale. */
static void
read_others(Flow *flow)
{
	CrmValue	args[] = {CRM_INT8(flow->id)};
	uint64		n = core_run(flow->org, &select_others, args);

	for (uint64 i = 0; i < n; i++)
		flow_set_record(flow, flow_entity_named(core_result_name(i, 1)), core_result_int8(i, 2));
}

/* flow_load reads an instance, NULL when it is not there. */
Flow *
flow_load(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};
	Flow	   *flow;

	if (core_run(org, &select_instance, args) == 0)
		return NULL;
	flow = palloc0(sizeof(Flow));
	flow->org = org;
	flow->id = id;
	flow->process_id = core_result_int8(0, 1);
	flow->process = core_result_name(0, 2);
	flow->process_state = core_result_name(0, 3);
	flow->state = core_result_name(0, 4);
	flow->path_length = core_result_int4(0, 5);
	for (int i = 0; i < FLOW_KNOWN; i++)
		flow->records[i] = core_result_key(0, 6 + i);
	read_stage(&flow->stage, 0, 6 + FLOW_KNOWN);
	flow->is_allowed = core_result_bool(0, 6 + FLOW_KNOWN + 5);
	flow->origin = flow_entity_named(core_result_name(0, 6 + FLOW_KNOWN + 6));
	if (core_result_bool(0, 6 + FLOW_KNOWN + 7))
		read_others(flow);
	return flow;
}

/*
 * flow_default describes the instance that a process would get on a record:
 * the named one, else the first active one that begins with its table and that
 * the caller's roles allow. NULL = there is none.
 */
Flow *
flow_default(CrmOrganization *org, FlowEntity entity, int64 record_id, const char *process_name)
{
	CrmValue	args[] = {core_text_value(flow_entity_name(entity)), core_text_value(process_name)};
	Flow	   *flow;

	if (core_run(org, &select_default, args) == 0)
		return NULL;
	flow = palloc0(sizeof(Flow));
	flow->org = org;
	flow->process_id = core_result_int8(0, 1);
	flow->process = core_result_name(0, 2);
	flow->process_state = core_result_name(0, 3);
	flow->state = "active";
	read_stage(&flow->stage, 0, 4);
	flow->is_allowed = core_result_bool(0, 9);
	flow->path_length = 1;
	flow->origin = entity;
	flow_set_record(flow, entity, record_id);
	return flow;
}

/* flow_hold locks a record and its instance, NULL when it has none. */
Flow *
flow_hold(CrmOrganization *org, FlowEntity entity, int64 record_id, const char *process_name,
		  bool prefers_active)
{
	int64		id = flow_find(org, entity, record_id, process_name, prefers_active);
	Flow	   *flow;

	if (id == 0)
	{
		flow_lock_record(org, entity, record_id);
		id = flow_find(org, entity, record_id, process_name, prefers_active);
		if (id == 0)
			return NULL;
	}
	flow = flow_lock(org, id, entity, record_id);
	if (flow && flow_find(org, entity, record_id, process_name, prefers_active) != id)
		return flow_hold(org, entity, record_id, process_name, prefers_active);	/* changed while we waited */
	return flow;
}

/* flow_lock locks an instance after its records, or for record_id 0 after its deal alone, and reads it then. */
Flow *
flow_lock(CrmOrganization *org, int64 id, FlowEntity entity, int64 record_id)
{
	CrmValue	args[] = {CRM_INT8(id)};
	Flow	   *flow = flow_load(org, id);

	if (flow == NULL)
		return NULL;
	if (record_id != 0)
		lock_records(flow, entity, record_id);
	else
		lock_deal(flow);
	if (core_run(org, &lock_instance, args) == 0)
		return NULL;
	return flow_load(org, id);
}

/* lock_deal locks the deal of an instance that goes along with something else, also where the caller could not. */
static void
lock_deal(const Flow *flow)
{
	CrmValue	args[] = {CRM_INT8(flow->records[FLOW_OPPORTUNITY])};

	if (flow->records[FLOW_OPPORTUNITY] != 0)
		core_run_as_owner(flow->org, &lock_opportunity, "opportunity", args);
}

/* lock_records locks the record a call names, the deal, and the active stage's record. */
static void
lock_records(const Flow *flow, FlowEntity entity, int64 record_id)
{
	for (FlowEntity i = 0; i < FLOW_KNOWN; i++)
	{
		int64		id = i == entity ? record_id : flow->records[i];
		CrmValue	args[] = {CRM_INT8(id)};

		if (i == entity || (i == flow->stage.entity && id != 0))
			lifecycle_lock(flow->org, flow_entity(i), id);
		else if (i == FLOW_OPPORTUNITY && id != 0)	/* its phase will follow, if the caller sees it */
			core_run(flow->org, &lock_opportunity, args);
	}
	lock_others(flow, entity, record_id);
}

/* lock_others locks the record a call names and that of the active stage where they are of tables outside the sale. */
static void
lock_others(const Flow *flow, FlowEntity entity, int64 record_id)
{
	FlowEntity	active = flow->stage.entity;
	int64		active_id = flow_record(flow, active);
	bool		is_twice = active == entity && active_id == record_id;
	bool		locks_active = active >= FLOW_KNOWN && !is_twice && !flow_is_gone(flow->org, active, active_id);
	bool		comes_first = strcmp(flow_entity_name(active), flow_entity_name(entity)) < 0;
	int			before = core_lock_loosen();	/* a table that calls of ours lock too, such as activity, comes last here */

	if (locks_active && comes_first)
		flow_lock_record(flow->org, active, active_id);
	if (entity >= FLOW_KNOWN)
		flow_lock_record(flow->org, entity, record_id);
	if (locks_active && !comes_first)
		flow_lock_record(flow->org, active, active_id);
	core_lock_tighten(before);
}

/* flow_lock_record locks a record that the caller may change; an unknown one is refused. */
void
flow_lock_record(CrmOrganization *org, FlowEntity entity, int64 record_id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(record_id)};
	char	   *lock = psprintf("SELECT %2$s FROM @%1$s WHERE %2$s = $1 FOR NO KEY UPDATE", flow_sql_name(entity), flow_sql_key(entity));

	if (core_run(org, core_intern(lock, types), args) == 0)
		core_refuse_unknown(flow_entity_name(entity), record_id);
}

/*
 * flow_keep_record keeps a record from being deleted until the transaction
 * ends: who deletes it waits, and leads back the instance that came to it.
 */
void
flow_keep_record(CrmOrganization *org, FlowEntity entity, int64 record_id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(record_id)};
	char	   *keep = psprintf("SELECT 1 FROM @%s WHERE %s = $1 FOR KEY SHARE", flow_sql_name(entity), flow_sql_key(entity));

	if (core_run_restricted(org, core_intern(keep, types), flow_entity_name(entity), args) == 0)
		core_refuse_unknown(flow_entity_name(entity), record_id);
}

/* flow_is_gone tells that a record, or its table, is there no more, also not hidden from the caller. */
bool
flow_is_gone(CrmOrganization *org, FlowEntity entity, int64 record_id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(record_id)};

	if (!flow_is_there(org, entity))
		return true;
	return core_run_restricted(org, core_intern(psprintf("SELECT 1 FROM @%s WHERE %s = $1", flow_sql_name(entity), flow_sql_key(entity)),
												types), flow_entity_name(entity), args) == 0;
}

/* flow_record_state returns the state of a record, NULL where it is not there or hidden; what has none is open. */
char *
flow_record_state(CrmOrganization *org, FlowEntity entity, int64 record_id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(record_id)};

	if (!flow_is_readable(org, entity))
		return NULL;
	if (core_run(org, core_intern(psprintf("SELECT %s FROM @%s WHERE %s = $1", state_column(org, entity),
										   flow_sql_name(entity), flow_sql_key(entity)), types), args) == 0)
		return NULL;
	return core_result_name(0, 1);
}

static const char *
state_column(CrmOrganization *org, FlowEntity entity)
{
	return entity < FLOW_KNOWN || get_attnum(core_table(org, flow_entity_name(entity)), "state") != InvalidAttrNumber
		? "coalesce(state::text, '')" : "''";
}

/* flow_path_stage returns the stage at a place of the path, NULL behind its ends. */
FlowStage *
flow_path_stage(const Flow *flow, int position)
{
	CrmValue	args[] = {CRM_INT8(flow->id), CRM_INT4(position)};
	FlowStage  *stage;

	if (core_run(flow->org, &select_path_stage, args) == 0)
		return NULL;
	stage = palloc(sizeof(FlowStage));
	read_stage(stage, 0, 1);
	return stage;
}

static void
read_stage(FlowStage *stage, uint64 row, int column)
{
	stage->id = core_result_int8(row, column);
	stage->name = core_result_name(row, column + 1);
	stage->entity = flow_entity_named(core_result_name(row, column + 2));
	stage->category = core_result_name(row, column + 3);
	stage->relation = core_result_text(row, column + 4);
}

/* flow_enter makes a stage the active one at a place of the path, which is cut back to it. */
void
flow_enter(Flow *flow, const FlowStage *stage, int position, const char *direction)
{
	FlowStage	left = flow->stage;
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "process_instance", .ids = &flow->id, .n = 1,
		.made_by = direction
	};

	flow_leave(flow, position);
	flow->stage = *stage;
	flow->path_length = position;
	flow_write_path(flow, direction);
	flow_write(flow, &ticket, flow->state, NULL);
	if (strcmp(flow->state, "active") != 0)
	{
		flow_leave(flow, position + 1);		/* one that ended stays nowhere */
		return;
	}
	flow_move_deal(flow);
	flow_raise_event(flow, "stage_left", &left);
	flow_raise_event(flow, "stage_entered", &flow->stage);
}

/* flow_leave ends the stay in the active stage, and takes what stands at a place or behind it off the path. */
void
flow_leave(const Flow *flow, int position)
{
	CrmValue	args[] = {CRM_INT8(flow->id), CRM_INT4(position)};

	core_run_as_owner(flow->org, &leave_stages, "process_stage_history", args);
}

/* flow_write_path begins a stay in the active stage at the end of the path. */
void
flow_write_path(const Flow *flow, const char *direction)
{
	CrmValue	args[] = {
		CRM_INT8(flow->id), CRM_INT8(flow->stage.id), CRM_INT4(flow->path_length),
		core_text_value(direction), CRM_ID(security_acting_user(flow->org))
	};

	core_run_as_owner(flow->org, &insert_stay, "process_stage_history", args);
}

/* flow_write stores an instance as it is now, in a state; reason NULL = as before. */
void
flow_write(Flow *flow, CrmTicket *ticket, const char *state, const char *reason)
{
	CrmValue	args[5 + FLOW_KNOWN] = {
		CRM_INT8(flow->id), core_text_value(state), core_text_value(reason),
		CRM_INT8(flow->stage.id), CRM_INT4(flow->path_length)
	};

	for (int i = 0; i < FLOW_KNOWN; i++)
		args[5 + i] = CRM_ID(flow->records[i]);
	if (lifecycle_run(flow->org, ticket, &update_instance, args) == 0)
		core_refuse_unknown("process_instance", flow->id);
	flow_write_others(flow);
	flow->state = pstrdup(state);
}

/* flow_write_others stores the records of tables outside the sale as they are now. */
void
flow_write_others(const Flow *flow)
{
	ListCell   *cell;

	foreach(cell, flow->others)
	{
		FlowRecord *record = lfirst(cell);
		CrmValue	args[] = {
			CRM_INT8(flow->id), core_text_value(flow_entity_name(record->entity)), CRM_INT8(record->id)
		};

		core_run_as_owner(flow->org, record->id != 0 ? &upsert_other : &delete_other, "process_instance_record", args);
	}
}

/* flow_use makes an instance the one of its records that was used last. */
void
flow_use(Flow *flow, const char *call)
{
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "process_instance", .ids = &flow->id, .n = 1, .made_by = call
	};

	flow_write(flow, &ticket, flow->state, NULL);
}

/* flow_move_deal gives the open deal of an instance the phase and chance of the active stage. */
void
flow_move_deal(const Flow *flow)
{
	CrmTicket	ticket = {
		.kind = TICKET_WRITE, .table = "opportunity", .ids = &flow->records[FLOW_OPPORTUNITY], .n = 1,
		.made_by = "process"
	};
	CrmValue	args[] = {CRM_INT8(flow->records[FLOW_OPPORTUNITY]), CRM_INT8(flow->stage.id)};

	if (flow->records[FLOW_OPPORTUNITY] != 0)
		lifecycle_run(flow->org, &ticket, &update_deal, args);
}
