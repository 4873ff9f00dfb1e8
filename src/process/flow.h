/*
 * flow.h
 *	  Inside the room: one instance of a process, and what may be done with it.
 */
#ifndef CRM_PROCESS_FLOW_H
#define CRM_PROCESS_FLOW_H

#include "lifecycle/lifecycle.h"
#include "process/process.h"

/*
 * The tables that stages are about. The five of a sale have their relations
 * written down, and their order is that in which calls lock their rows. Any
 * other table gets a number behind them when its name is met.
 */
typedef int FlowEntity;

enum
{
	FLOW_LEAD,
	FLOW_OPPORTUNITY,
	FLOW_QUOTE,
	FLOW_INVOICE,
	FLOW_ORDER,
	FLOW_KNOWN
};

/* how many places of a path are looked at, whatever its row says */
#define FLOW_LONGEST_PATH 10000

typedef struct FlowStage
{
	int64		id;
	char	   *name;
	FlowEntity	entity;
	char	   *category;
	char	   *relation;		/* column that leads to its record, or NULL */
} FlowStage;

/* The record of a table that is not one of the five. */
typedef struct FlowRecord
{
	FlowEntity	entity;
	int64		id;
} FlowRecord;

typedef struct Flow
{
	CrmOrganization *org;
	int64		id;				/* 0 = not started */
	int64		process_id;
	char	   *process;
	char	   *process_state;
	bool		is_allowed;		/* to the caller, by process_role */
	char	   *state;
	FlowStage	stage;			/* the active one */
	int			path_length;
	FlowEntity	origin;			/* table of the record it was started on */
	int64		records[FLOW_KNOWN];	/* 0 = none yet */
	List	   *others;			/* of FlowRecord */
} Flow;

/* A step of the active stage, and how far it is. */
typedef struct FlowStep
{
	int64		id;
	char	   *label;
	char	   *column;			/* NULL = it is an action */
	char	   *rule;
	char	   *value;			/* of the column, or done or requested */
	bool		is_required;
	bool		is_done;
	CrmValue	completed_at;
} FlowStep;

/* Why something cannot be done. */
typedef struct FlowRefusal
{
	int			sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
	const char *table;
	const char *column;
	bool		is_step;		/* a required step: all of them make one error */
} FlowRefusal;

/* ---- table.c ---- */
extern const char *flow_entity_name(FlowEntity entity);
extern const CrmEntity *flow_entity(FlowEntity entity);
extern FlowEntity flow_entity_named(const char *name);
extern FlowEntity flow_entity_argument(CrmOrganization *org, const char *name);
extern char *flow_table_problem(CrmOrganization *org, const char *name);
extern bool flow_is_readable(CrmOrganization *org, FlowEntity entity);
extern bool flow_is_there(CrmOrganization *org, FlowEntity entity);
extern const char *flow_sql_name(FlowEntity entity);
extern const char *flow_sql_key(FlowEntity entity);
extern int64 flow_record(const Flow *flow, FlowEntity entity);
extern void flow_set_record(Flow *flow, FlowEntity entity, int64 id);

/* ---- process.c ---- */
extern bool flow_none(CrmOrganization *org);
extern void flow_raise_event(const Flow *flow, const char *event, const FlowStage *stage);

/* ---- instance.c ---- */
extern int64 flow_find(CrmOrganization *org, FlowEntity entity, int64 record_id,
					   const char *process_name, bool prefers_active);
extern const char *flow_works_on(FlowEntity entity);
extern Flow *flow_load(CrmOrganization *org, int64 id);
extern Flow *flow_default(CrmOrganization *org, FlowEntity entity, int64 record_id,
						  const char *process_name);
extern Flow *flow_lock(CrmOrganization *org, int64 id, FlowEntity entity, int64 record_id);
extern Flow *flow_hold(CrmOrganization *org, FlowEntity entity, int64 record_id,
					   const char *process_name, bool prefers_active);
extern void flow_lock_record(CrmOrganization *org, FlowEntity entity, int64 record_id);
extern void flow_keep_record(CrmOrganization *org, FlowEntity entity, int64 record_id);
extern bool flow_is_gone(CrmOrganization *org, FlowEntity entity, int64 record_id);
extern void flow_write_others(const Flow *flow);
extern char *flow_record_state(CrmOrganization *org, FlowEntity entity, int64 record_id);
extern FlowStage *flow_path_stage(const Flow *flow, int position);
extern void flow_write_path(const Flow *flow, const char *direction);
extern void flow_leave(const Flow *flow, int position);
extern void flow_write(Flow *flow, CrmTicket *ticket, const char *state, const char *reason);
extern void flow_use(Flow *flow, const char *call);
extern void flow_move_deal(const Flow *flow);
extern void flow_enter(Flow *flow, const FlowStage *stage, int position, const char *direction);

/* ---- route.c ---- */
extern FlowStage *flow_next(const Flow *flow);
extern int64 flow_related(const Flow *flow, FlowEntity entity, const char *relation);
extern const char *flow_relation_hint(const Flow *flow, const FlowStage *stage);
extern bool flow_condition_holds(CrmOrganization *org, FlowEntity entity, int64 record_id,
								 const char *column, const char *operator, const char *value);

/* ---- relation.c ---- */

/*
 * The keys between tables of the organization whose schema is $2, in SQL
 * text: owner is the table that has the column. What everybody's columns
 * refer to is left out.
 */
#define FLOW_SQL_KEYS \
	"SELECT r.relname::text COLLATE \"default\" AS owner, a.attname::text COLLATE \"default\" AS column_name, " \
	"f.relname::text COLLATE \"default\" AS target FROM pg_catalog.pg_constraint k " \
	"JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_class f ON f.oid = k.confrelid " \
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.conkey[1] " \
	"JOIN pg_catalog.pg_attribute t ON t.attrelid = f.oid AND t.attnum = k.confkey[1] " \
	"WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND r.relnamespace = $2 AND f.relnamespace = $2 AND r.oid <> f.oid " \
	"AND t.attname = f.relname || '_id' AND a.attname NOT IN ('created_by', 'modified_by') " \
	"UNION ALL SELECT r.relname::text COLLATE \"default\", 'regarding_id', f.relname::text COLLATE \"default\" FROM pg_catalog.pg_class r " \
	"JOIN pg_catalog.pg_attribute e ON e.attrelid = r.oid AND e.attname = 'regarding_entity' JOIN pg_catalog.pg_attribute i ON i.attrelid = r.oid " \
	"AND i.attname = 'regarding_id' JOIN pg_catalog.pg_class f ON f.relnamespace = r.relnamespace AND f.oid <> r.oid AND f.relkind IN ('r', 'p') " \
	"WHERE r.relnamespace = $2"

/* Which tables of the sale lead to which, in SQL text. */
#define FLOW_SQL_RELATIONS \
	"SELECT * FROM (VALUES ('lead', 'opportunity'), ('opportunity', 'lead'), ('quote', 'opportunity'), " \
	"('sales_order', 'opportunity'), ('invoice', 'opportunity'), ('opportunity', 'quote'), ('sales_order', 'quote'), ('quote', 'sales_order'), " \
	"('opportunity', 'sales_order'), ('invoice', 'sales_order'), ('sales_order', 'invoice'), ('opportunity', 'invoice')) AS v (from_entity, to_entity)"

extern int64 flow_linked(const Flow *flow, FlowEntity entity, const char *relation);
extern FlowRefusal *flow_choice(const Flow *flow, const FlowStage *next);
extern char *flow_link_hint(const Flow *flow, FlowEntity entity, const char *relation);

/* ---- gate.c ---- */
extern List *flow_missing(const Flow *flow);
extern List *flow_refusals(const Flow *flow, const char *action);
extern void flow_raise(List *refusals);
extern void flow_require(const Flow *flow, const char *action);
extern FlowRefusal *flow_no_instance(FlowEntity entity, int64 record_id, const char *process_name);

/* ---- role.c ---- */

/* Whether the roles of the caller allow process p, in SQL text. */
#define FLOW_SQL_ALLOWED \
	"(NOT EXISTS (SELECT FROM @process_role r WHERE r.process_id = p.process_id) OR EXISTS (" \
	"SELECT FROM @process_role r JOIN pg_catalog.pg_roles m ON m.rolname = r.role_name " \
	"WHERE r.process_id = p.process_id AND pg_catalog.pg_has_role(m.oid, 'member')))"

extern FlowRefusal *flow_role_refusal(const Flow *flow);
extern void process_add_roles(void);

/* ---- step.c ---- */
extern List *flow_steps(const Flow *flow);
extern char *flow_actions(const Flow *flow);

/* ---- why_not.c ---- */
extern bool flow_takes_key(const char *entity, const char *action);

/* ---- move.c ---- */
extern void flow_advance(Flow *flow, const FlowStage *next, int64 record_id);
extern Flow *flow_held_argument(FunctionCallInfo fcinfo, const char *process_name);

/* ---- definition.c ---- */
extern const CrmEntity process_entity;
extern void process_add_definitions(void);

/* ---- bring.c ---- */
extern void process_add_hooks(void);

/* ---- verify.c ---- */
extern void process_add_checks(void);

#endif							/* CRM_PROCESS_FLOW_H */
