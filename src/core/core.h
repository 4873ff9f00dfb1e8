/*
 * core.h
 *	  The ground floor: organizations, the statement runner, rows inside
 *	  triggers, cached configuration tables, arguments and settings.
 */
#ifndef CRM_CORE_H
#define CRM_CORE_H

#include "access/tupdesc.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/errors.h"

/* A column that a table has lost (number 0) cannot be named, and errtablecol() itself would fail. */
#define errtablecol(rel, attnum) ((attnum) > 0 ? errtablecol(rel, attnum) : errtable(rel))
typedef struct CrmOrganization CrmOrganization;

/* ---- settings (settings.c) ---- */
extern char *core_organization_name;
extern char *core_user_id;
extern bool core_import_mode;

extern void core_init(void);
extern int	core_fix_settings(CrmOrganization *org);
extern void core_set(const char *name, const char *value);
extern const char *core_quoted(const char *name);

/* ---- organizations (organization.c) ---- */

/* A schema with our tables; lives as long as the session. */
struct CrmOrganization
{
	Oid			oid;			/* namespace; the hash key, must be first */
	char		name[NAMEDATALEN];
	char	   *quoted;			/* name as it stands in SQL text */
	uint32		generation;		/* grows with a rename: older plans are void */
	bool		is_ours;
};

extern CrmOrganization *core_organization(void);
extern CrmOrganization *core_organization_named(const char *name);
extern CrmOrganization *core_organization_of(Relation rel);
extern CrmOrganization *core_organization_at(Oid nspoid);
extern bool core_has_our_tables(Oid nspoid);
extern Oid	core_table(const CrmOrganization *org, const char *name);
extern bool core_never_written(const CrmOrganization *org, const char *table);
extern Oid	core_whole(Relation rel);
extern Oid	core_owner(const CrmOrganization *org, const char *table);

/* ---- what is kept of tables hears of their changes (follow.c) ---- */
extern void core_follow_tables(RelcacheCallbackFunction follower);

/* ---- what is a table of ours (shape.c) ---- */
extern uint32 core_shapes;

extern bool core_require_shape(CrmOrganization *org, const char *name);
extern bool core_has_shape(const char *name);
extern const char *core_table_name(Relation rel);
extern bool core_is_in_organization(Relation rel);

/* ---- the statement runner (statement.c) ---- */

#define CRM_MAX_ARGS 20

/*
 * SQL text as data. Each table carries the mark "@" (UPDATE @lead SET ...),
 * which becomes the organization's schema. The plan is kept per organization.
 */
typedef struct CrmStatement
{
	const char *sql;
	Oid			argtypes[CRM_MAX_ARGS];	/* ends at the first InvalidOid */
	bool		is_report;		/* reads whole tables: planned as it comes */
	bool		is_newest;		/* always reads under the newest snapshot, which the caller pushed */
	bool		is_verbatim;	/* holds no marks: what users wrote may have an @ of its own */
	const char *locks;			/* the object in the table of locks, unless it is the table that it locks */
} CrmStatement;

typedef struct CrmValue
{
	Datum		value;
	bool		isnull;
} CrmValue;

#define CRM_NULL		((CrmValue) {(Datum) 0, true})
#define CRM_INT8(x)		((CrmValue) {Int64GetDatum(x), false})
#define CRM_INT4(x)		((CrmValue) {Int32GetDatum(x), false})
#define CRM_BOOL(x)		((CrmValue) {BoolGetDatum(x), false})
#define CRM_DATUM(x)	((CrmValue) {(x), false})
#define CRM_ID(x)		((CrmValue) {Int64GetDatum(x), (x) == 0})	/* 0 = none */

extern CrmValue core_text_value(const char *text);
extern Datum core_int8_array(const int64 *ids, int n);
extern Datum core_numeric_array(Datum *numbers, int n);
extern char *core_expand(const CrmOrganization *org, const char *sql);
extern uint64 core_run(CrmOrganization *org, CrmStatement *statement,
					   const CrmValue *args);
extern uint64 core_run_fixed(CrmOrganization *org, CrmStatement *statement,
							 const CrmValue *args);
extern uint64 core_run_newest(CrmOrganization *org, CrmStatement *statement,
							  const CrmValue *args);
extern void core_require_newest(CrmOrganization *org, CrmStatement *statement, const CrmValue *args);
extern void core_require_newest_as_owner(CrmOrganization *org, CrmStatement *statement,
										 const char *table, const CrmValue *args);
extern uint64 core_run_as_owner(CrmOrganization *org, CrmStatement *statement,
								const char *table, const CrmValue *args);
extern uint64 core_run_newest_as_owner(CrmOrganization *org, CrmStatement *statement,
									   const char *table, const CrmValue *args);
extern uint64 core_run_latest_as_owner(CrmOrganization *org, CrmStatement *statement,
									   const char *table, const CrmValue *args);
extern uint64 core_run_restricted(CrmOrganization *org, CrmStatement *statement,
								  const char *table, const CrmValue *args);
extern bool core_is_reading;
extern Oid	core_acting_role(void);
extern int	core_set_path(const char *path);
extern void core_execute(const char *sql);
extern void core_forget(CrmOrganization *org, CrmStatement *statement);
extern CrmStatement *core_intern(const char *sql, const Oid *argtypes);
extern Datum core_result(uint64 row, int column, Oid type, bool *isnull);
extern int32 core_result_int4(uint64 row, int column);
extern Datum core_result_number(uint64 row, int column);
extern char *core_result_name(uint64 row, int column);
extern int64 core_result_int8(uint64 row, int column);
extern int64 core_result_key(uint64 row, int column);
extern char *core_result_text(uint64 row, int column);
extern bool core_result_bool(uint64 row, int column);

extern void core_qualify(SPIPlanPtr plan);
extern void core_plan_init(void);
extern SPIPlanPtr core_parse_ours(const char *sql, Oid *argtypes, int nargs);
extern void core_make_plan(SPIPlanPtr plan, bool is_report);

/* ---- cached configuration tables (config.c) ---- */

#define CRM_CONFIG_TABLES 3

/* What one room keeps of its configuration tables, loaded at first use. */
typedef struct CrmConfig
{
	const char *tables[CRM_CONFIG_TABLES];
	void	   *(*load) (CrmOrganization *org);	/* palloc'd in the cache's context */
} CrmConfig;

extern void *core_config(CrmOrganization *org, const CrmConfig *config);
extern bool core_config_lasts(CrmOrganization *org, const CrmConfig *config);
extern uint64 core_config_rows(CrmOrganization *org, const char *table,
							   CrmStatement *statement);
extern const char *core_setting(CrmOrganization *org, const char *name);
extern int	core_setting_number(CrmOrganization *org, const char *name, int otherwise);
extern bool core_setting_is_on(CrmOrganization *org, const char *name);

/* ---- the entrance of trigger functions (trigger.c) ---- */

#define CRM_ON_INSERT	1
#define CRM_ON_UPDATE	2
#define CRM_ON_DELETE	4
#define CRM_ON_TRUNCATE 8

/* How, when and on what a trigger function may fire. */
typedef struct CrmTrigger
{
	TriggerEvent timing;		/* TRIGGER_EVENT_BEFORE or _AFTER */
	TriggerEvent level;			/* TRIGGER_EVENT_ROW; 0 = statement */
	int			events;			/* CRM_ON_... */
	bool		reads_rows;		/* of a statement: its transition tables */
	int			arguments;		/* at the least */
	const char *table;			/* the one table it is for, or NULL */
	bool		is_named;		/* its first argument names its table */
	bool		follows_table;	/* also to a schema that is no organization */
} CrmTrigger;

extern TriggerData *core_trigger(FunctionCallInfo fcinfo, const CrmTrigger *trigger);
extern const char *core_trigger_argument(const TriggerData *trigdata, int n);
extern void core_require_table(const TriggerData *trigdata, const char *table);
/* ---- the version of an organization's tables (migrate.c) ---- */

/* version of the organization script that this library goes with */
#define CRM_SCHEMA_VERSION 2

extern Oid	core_current_namespace;

extern int32 core_schema_version(CrmOrganization *org);
extern bool core_is_current(CrmOrganization *org);
extern bool core_migrate_organization(CrmOrganization *org);
extern void core_check_current(Oid nspoid);
extern void core_check_current_table(Relation rel);

/* core_require_current refuses to write into an organization of another version (SC014). */
static inline void
core_require_current(Oid nspoid)
{
	if (nspoid != core_current_namespace)
		core_check_current(nspoid);
}

/* core_require_current_table does for a trigger's table, but for that which says the version. */
static inline void
core_require_current_table(Relation rel)
{
	if (RelationGetNamespace(rel) != core_current_namespace)
		core_check_current_table(rel);
}

/* ---- rows inside triggers (row.c) ---- */

/* Column positions of one table; follows ALTER TABLE. */
typedef struct CrmTable CrmTable;

/* The row a BEFORE trigger sees, as arrays that may be changed. */
typedef struct CrmRow
{
	CrmOrganization *org;
	Relation	rel;
	TupleDesc	desc;
	CrmTable   *table;
	MemoryContext context;		/* where its values live */
	TriggerEvent event;
	HeapTuple	tuple;			/* NEW, or OLD of a delete */
	Datum	   *values;
	bool	   *nulls;
	Datum	   *old_values;		/* NULL unless an update */
	bool	   *old_nulls;
	bool		is_changed;
} CrmRow;

#define ROW_IS_INSERT(row) TRIGGER_FIRED_BY_INSERT((row)->event)
#define ROW_IS_UPDATE(row) TRIGGER_FIRED_BY_UPDATE((row)->event)
#define ROW_IS_DELETE(row) TRIGGER_FIRED_BY_DELETE((row)->event)

extern CrmRow *core_row(TriggerData *trigdata);
extern CrmRow *core_stored_row(CrmOrganization *org, Relation rel, HeapTupleHeader stored);
extern Datum core_row_result(CrmRow *row);
extern int	row_column(const CrmRow *row, const char *name);
extern AttrNumber core_attribute(Relation rel, const char *name, Oid type);
extern bool row_has(const CrmRow *row, const char *name);
extern bool row_is_null(const CrmRow *row, const char *name);
extern int64 row_int8(const CrmRow *row, const char *name);
extern char *row_text(const CrmRow *row, const char *name);
extern char *row_name(const CrmRow *row, const char *name);
extern bool row_bool(const CrmRow *row, const char *name);
extern Datum row_datum(const CrmRow *row, const char *name);
extern Datum row_datum_as(const CrmRow *row, const char *name, Oid type);
extern char *row_old_text(const CrmRow *row, const char *name);
extern int64 row_old_int8(const CrmRow *row, const char *name);
extern void row_set(CrmRow *row, const char *name, Datum value);
extern void row_set_as(CrmRow *row, const char *name, Oid type, Datum value);
extern void row_set_column(CrmRow *row, int column, Datum value);
extern void row_set_null(CrmRow *row, const char *name);
extern void row_set_text(CrmRow *row, const char *name, const char *text);
extern void row_set_int8(CrmRow *row, const char *name, int64 value);
extern void row_keep_old(CrmRow *row, const char *name);
extern bool row_differs(const CrmRow *row, int column);
extern bool row_changed(const CrmRow *row, const char *name);
extern bool core_is_of_type(Form_pg_attribute attribute, Oid type);
extern bool core_differs(Form_pg_attribute attribute, Datum a, bool a_is_null,
						 Datum b, bool b_is_null);

/* ---- transition tables (transition.c) ---- */

/* What a trigger does with each row that a statement touched. */
typedef void (*CrmTransitionVisitor) (TupleTableSlot *old_row,
									  TupleTableSlot *new_row, void *state);

extern void core_visit_transitions(TriggerData *trigdata,
								   CrmTransitionVisitor visit, void *state);
extern int64 *core_transition_ids(TriggerData *trigdata, const char *column, int *n);
extern int	core_compare_ids(const void *a, const void *b);

/* ---- triggers on tables that are not known beforehand (hang.c) ---- */
extern void core_execute_as_owner(const CrmOrganization *org, const char *table, const char *sql);
extern bool core_may_have_triggers(const CrmOrganization *org, const char *table);
extern bool core_has_trigger(Oid relid, const char *name, const char *argument);

/* ---- an organization as a whole (maintain.c) ---- */
typedef void (*CrmTask) (CrmOrganization *org, void *argument);

extern Oid	core_maintainer(const CrmOrganization *org);
extern bool core_may_maintain(const CrmOrganization *org);
extern bool core_is_owners(const CrmOrganization *org, const char *table);
extern void core_maintain(CrmOrganization *org, CrmTask task, void *argument);
extern void core_work_as_owner(CrmOrganization *org, CrmTask task, void *argument);
extern void core_check_at_once(CrmOrganization *org, CrmTask task, void *argument);

/* ---- numbers (number.c) ---- */
extern char *core_next_number(CrmOrganization *org, const char *series);
extern bool core_is_gapless(CrmOrganization *org, const char *series);
extern int64 core_next_id(CrmOrganization *org, const char *table,
						  const char *key);

/* ---- scripts (script.c) ---- */
/* Decides which statements of a part are run; "made" collects relation names. */
typedef bool (*CrmStatementFilter) (Oid nspoid, RawStmt *statement, List **made);

extern void core_run_parts(const char *name, const char *const *parts, CrmStatementFilter filter);
extern void core_build_organization(const char *name);
extern void core_repair_organization(CrmOrganization *org);

/* ---- arguments (argument.c) ---- */
extern int64 core_id_argument(FunctionCallInfo fcinfo, int n, const char *name);
extern int64 core_optional_id(FunctionCallInfo fcinfo, int n, const char *entity);
extern char *core_text_argument(FunctionCallInfo fcinfo, int n, const char *name);
extern char *core_optional_text(FunctionCallInfo fcinfo, int n);
extern bool core_flag_argument(FunctionCallInfo fcinfo, int n, bool otherwise);
extern int32 core_limit_argument(FunctionCallInfo fcinfo, int n, int32 otherwise);
extern CrmValue core_value_argument(FunctionCallInfo fcinfo, int n);
extern int64 *core_ids_argument(FunctionCallInfo fcinfo, int n, const char *name,
								int *count);
extern CrmOrganization *core_begin(void);
extern CrmOrganization *core_begin_reading(void);
extern Datum core_end_text(const char *text);
extern Datum core_end_id(int64 id);
extern Datum core_end_rows(FunctionCallInfo fcinfo);
extern void core_refuse_null(const char *name) pg_attribute_noreturn();
extern void core_refuse_unknown(const char *entity, int64 id) pg_attribute_noreturn();

/* ---- trying (attempt.c) ---- */
typedef void (*CrmAttempt) (CrmOrganization *org, void *argument);

extern ErrorData *core_attempt(CrmOrganization *org, CrmAttempt work, void *argument, bool keeps);
extern void core_pass_conflict(ErrorData *error);

/* ---- the clock (clock.c) ---- */

/* core_now() in SQL text: the setting sales_crm.now, else the transaction's time. */
#define CRM_SQL_NOW \
	"coalesce(nullif(pg_catalog.current_setting('sales_crm.now', true), '')::timestamptz, pg_catalog.now())"

extern void core_clock_init(void);
extern TimestampTz core_now(void);
extern Datum core_today(CrmOrganization *org);
extern Datum core_date_of(CrmOrganization *org, TimestampTz moment);
extern char *core_date_text(Datum date);
extern char *core_moment_text(TimestampTz moment);

/* ---- verify (verify.c, keys.c) ---- */

/* One invariant: a query of (record_id bigint, detail text [, entity text]), no row = it holds. */
typedef struct CrmCheck
{
	const char *name;
	const char *entity;
	CrmStatement statement;
} CrmCheck;

/* Writes the text of a check that follows what is stored; argument is as it was registered. */
typedef char *(*CrmCheckBuilder) (CrmOrganization *org, const void *argument);

extern void core_add_checks(CrmCheck *checks, int n);
extern void core_add_built_check(const char *name, const char *entity, CrmCheckBuilder build,
								 const void *argument);
extern void core_add_check(const char *name, const char *entity, const char *sql);
extern void core_add_key_check(void);
extern void core_add_config_check(void);

#endif							/* CRM_CORE_H */
