/*
 * rule.h
 *	  What the files of this room share: rules, compiled rules and firings.
 */
#ifndef CRM_RULE_H
#define CRM_RULE_H

#include "executor/executor.h"
#include "nodes/bitmapset.h"
#include "utils/jsonb.h"
#include "utils/plancache.h"

#include "automation/automation.h"

/* how many rules may stand behind one another: the ninth refuses the change */
#define CRM_MAX_DEPTH 8

#define RULE_PLACE "its definition"

/* What brings a rule to fire; the first three are triggers. */
typedef enum CrmRuleSource
{
	SOURCE_INSERT,
	SOURCE_UPDATE,
	SOURCE_DELETE,
	SOURCE_RAISED				/* stages, processes, dates, on demand */
} CrmRuleSource;

/* ---- expressions (expression.c) ---- */

/* The rows an expression may name: new, old, or both, of one table. */
typedef struct CrmScope
{
	const CrmOrganization *org;
	TupleDesc	desc;
	bool		has_new;
	bool		has_old;
} CrmScope;

/* A user's expression, parsed, checked and ready to evaluate. */
typedef struct CrmExpression
{
	const CrmScope *scope;
	Oid			type;
	int16		length;
	bool		is_by_value;
	bool		is_plain;		/* immutable built-in code alone: no rights or path matter */
	CachedExpression *cached;	/* NULL when it holds a sub-select */
	SPIPlanPtr	plan;			/* of one with a sub-select */
	ExprState  *state;
	uint64		state_of;		/* the evaluator that a state which is not plain belongs to */
} CrmExpression;

/* One run over rows: where expressions find new and old. */
typedef struct CrmEvaluator
{
	uint64		serial;
	TupleDesc	desc;
	TupleTableSlot *new_row;	/* of the row at hand, NULL when the event has none */
	TupleTableSlot *old_row;
	ExprContext *econtext;
	ParamListInfo params;
} CrmEvaluator;

extern Node *automation_parse(const char *text);
extern CrmExpression *automation_expression(const CrmScope *scope, const char *text,
											Oid type, int32 typmod, bool as_text);
extern CrmExpression *automation_expression_of(const CrmScope *scope, Node *raw, const char *text,
											   Oid type, int32 typmod, bool as_text);
extern bool automation_expression_is_valid(const CrmExpression *expression);
extern void automation_start_evaluator(CrmEvaluator *evaluator, TupleDesc desc);
extern void automation_end_evaluator(CrmEvaluator *evaluator);
extern Datum automation_evaluate(CrmEvaluator *evaluator, CrmExpression *expression, bool *isnull);
extern Datum automation_keep(CrmEvaluator *evaluator, CrmExpression *expression, bool *isnull);
extern char *automation_print(const CrmExpression *expression, Datum value, bool isnull);

/* ---- rules (rule.c) ---- */

/* A row of automation_action as it was written. */
typedef struct CrmActionRow
{
	int64		id;
	char	   *action;
	Jsonb	   *parameters;
} CrmActionRow;

/* A row of automation_rule with its actions, in order. */
typedef struct CrmRule
{
	CrmOrganization *org;
	int64		id;
	char	   *name;
	char	   *entity;
	char	   *event;
	char	   *watched;		/* column names with commas, NULL = any */
	char	   *condition;		/* NULL = always */
	char	   *owner;			/* database role */
	char	   *process_name;	/* NULL = any */
	char	   *stage_name;
	bool		is_queued;
	CrmRuleSource source;
	List	   *actions;		/* of CrmActionRow */
	const char *place;			/* what is being read or done, for messages; else RULE_PLACE */
	struct CrmCompiled *compiled;
	MemoryContext context;		/* of the rule itself */
} CrmRule;

/* A rule made ready for the table as it is now. */
typedef struct CrmCompiled
{
	MemoryContext context;
	CrmOrganization *org;
	const CrmEntity *entity;
	Oid			relid;
	CrmScope	scope;
	AttrNumber	key;
	AttrNumber	version;		/* row_version, or 0 */
	bool		watches;		/* fires for some columns only */
	Bitmapset  *columns;		/* those columns */
	CrmExpression *condition;	/* NULL = always */
	List	   *actions;		/* of CrmAction */
	List	   *relids;			/* tables whose change makes it outdated */
	List	   *expressions;
	List	   *statements;
	bool		is_valid;
} CrmCompiled;

extern List *automation_rules(CrmOrganization *org, const char *entity, CrmRuleSource source);
extern CrmRule *automation_rule_named(CrmOrganization *org, const char *name);
extern CrmRule *automation_rule_of_id(CrmOrganization *org, int64 id);
extern List *automation_all_rules(CrmOrganization *org);
extern CrmRuleSource automation_source(const char *event);
extern void automation_rule_init(void);

/* ---- the tables that rules watch (table.c) ---- */
extern const CrmEntity *automation_table(CrmOrganization *org, const char *name);
extern const CrmEntity *automation_find_table(CrmOrganization *org, const char *name);


/* ---- compiling (compile.c) ---- */
extern CrmCompiled *automation_compiled(CrmRule *rule);
extern void automation_check(CrmRule *rule);
extern CrmExpression *automation_compile_value(CrmRule *rule, CrmCompiled *compiled, const char *text,
											   Oid type, int32 typmod, bool as_text);
extern CrmStatement *automation_statement(CrmCompiled *compiled, char *sql, const Oid *argtypes);

/* ---- whose rights (rights.c) ---- */

typedef struct CrmRights
{
	Oid			user;
	int			context;
	int			nest;
} CrmRights;

extern void automation_enter(CrmRule *rule, CrmRights *before);
extern void automation_leave(const CrmRights *before);
extern void automation_check_author(CrmRule *rule);

/* ---- firing (fire.c) ---- */

/* A row that some rule waits for. */
typedef struct CrmRuleRow
{
	int64		id;
	int64		version;
	int64		order;			/* its place among the events of the record */
	int64		entry;			/* of the queue that it is done for, 0 = none */
	HeapTuple	new_tuple;
	HeapTuple	old_tuple;
} CrmRuleRow;

/* The rows that one rule matches, by their place in the firing. */
typedef struct CrmMatches
{
	int		   *rows;
	int			n;
	int			size;
} CrmMatches;

/* One event on one table: a statement's rows, or those that were raised. */
typedef struct CrmFiring
{
	CrmOrganization *org;
	const char *entity;
	TupleDesc	desc;
	List	   *rules;			/* of CrmRule, in order */
	CrmCompiled **compiled;		/* one for each rule */
	CrmMatches *matches;		/* one for each rule */
	CrmRuleRow *rows;
	int			n;
	int			size;
	char	   *changed;		/* per column of the row at hand: 0 = not looked, 1 = no, 2 = yes */
	int64		serial;			/* stands for the version when the event is no change of a row */
	int64		entry;			/* of the queue, of the row at hand */
	int			attempt;
	int			depth;			/* 1 = a user's change */
	bool		skips_watch;	/* any row will do, whatever changed */
	bool		skips_condition;	/* it held when the queue was filled */
	bool		skips_queue;	/* does queued rules at once */
	int			n_run;			/* rows that rules worked on, or put in the queue */
	CrmEvaluator evaluator;
	TupleTableSlot *new_slot;	/* for rows that were kept */
	TupleTableSlot *old_slot;
	CrmRule    *current;		/* being compiled, evaluated or done */
	int64		current_id;
	MemoryContext context;		/* of the firing */
	MemoryContext chunk;		/* of the rows kept so far */
	struct CrmFiring *below;
} CrmFiring;

typedef void (*CrmFiringWork) (CrmFiring *firing, void *argument);

extern void automation_fire_rules(CrmFiring *firing, CrmFiringWork work, void *argument);
extern void automation_offer(CrmFiring *firing, TupleTableSlot *old_row, TupleTableSlot *new_row);
extern void automation_offer_tuples(CrmFiring *firing, HeapTuple old_tuple, HeapTuple new_tuple);
extern void automation_point_at(CrmFiring *firing, const CrmRuleRow *row);
extern void automation_run_rule(CrmFiring *firing, int n);
extern int	automation_set_base_depth(int depth);
extern HeapTuple automation_tuple(Datum composite);
extern HeapTuple automation_read_record(CrmOrganization *org, const CrmEntity *entity, int64 id,
										bool locks);
extern void automation_offer_record(CrmFiring *firing, CrmRuleSource source, HeapTuple tuple);

/* ---- by hand (explain.c) ---- */
extern char *automation_run_by_hand(CrmOrganization *org, const char *name, int64 record_id);
extern char *automation_why_not_by_hand(CrmOrganization *org, const char *name, const char *entity);

/* ---- trying (run.c) ---- */
extern char *automation_attempt(CrmOrganization *org, CrmAttempt work, void *argument, bool keeps);

/* ---- actions (action.c) ---- */

typedef struct CrmActionKind CrmActionKind;

/* An action made ready. */
typedef struct CrmAction
{
	const CrmActionKind *kind;
	CrmRule    *rule;
	CrmActionRow *row;
	int			n;
	char	  **names;			/* what each value is for */
	CrmExpression **values;
	AttrNumber *columns;		/* of the written table */
	Oid			target;			/* the written table */
	const char *target_name;
	const char *target_key;		/* its key, or NULL */
	TupleDesc	desc;			/* of the written table */
	CrmStatement *statement;
	CrmStatement *reporting;	/* the same, returning keys */
	AttrNumber	due_column;		/* gets the time when it is due */
	Interval   *due_in;
	char	   *text;			/* channel, function */
} CrmAction;

/* The rows an action works on. */
typedef struct CrmWork
{
	CrmFiring  *firing;
	CrmAction  *action;
	const CrmMatches *matches;
} CrmWork;

extern CrmAction *automation_compile_action(CrmRule *rule, CrmCompiled *compiled, CrmActionRow *row);
extern void automation_do_action(CrmWork *work);
extern const char *automation_action_name(const CrmAction *action);

/* ---- the parameters of an action (parameter.c) ---- */
extern void automation_check_keys(CrmActionRow *row, const char *const *keys);
extern char *automation_parameter(CrmActionRow *row, const char *key, bool is_required);
extern bool automation_flag(CrmActionRow *row, const char *key);
extern char *automation_expression_parameter(CrmActionRow *row, const char *key, bool is_required);
extern void automation_pairs(CrmActionRow *row, const char *key, List **names, List **texts);

/* ---- the log and the journal (run.c) ---- */

/* One run of an entry of the queue, for the log. */
typedef struct CrmRun
{
	int64		rule_id;
	const char *entity;
	int64		record_id;
	const char *event;
	const char *event_key;
	const char *outcome;
	const char *detail;
	int			attempt;
	int			depth;
	int64		entry;
} CrmRun;

extern void automation_log(CrmFiring *firing, const CrmRule *rule, const CrmMatches *matches,
						   const char *outcome, const char *detail, TimestampTz started);
extern void automation_log_queued(CrmOrganization *org, const CrmRun *run);
extern int64 automation_serial(CrmOrganization *org);

typedef void (*CrmJournal) (void *state, const char *entity, int64 record_id,
							const char *action, const char *detail);

extern CrmJournal automation_journal;
extern void *automation_journal_state;
extern void automation_note(const char *entity, int64 record_id, const char *action, const char *detail);

/* ---- the queue (queue.c) ---- */
extern void automation_enqueue(CrmFiring *firing, CrmRule *rule, const CrmMatches *matches);
extern int64 automation_entry_in_work;
extern bool automation_is_worker;
extern int	automation_work(CrmOrganization *org, int limit);
extern void automation_keep_entry(CrmOrganization *org, int64 id, const char *problem);

/* ---- the background worker (turn.c) ---- */
extern void automation_turn_init(void);
extern void automation_turns_begin(void);
extern bool automation_take_turn(const char *name, int naptime);
extern int	automation_setting(CrmOrganization *org, const char *name, int otherwise);

/* ---- rules that wait for dates (dates.c) ---- */
extern int	automation_catch_up_days(CrmOrganization *org);
extern void automation_find_dates(CrmOrganization *org, int limit);
extern uint64 automation_read_dated(CrmOrganization *org, const CrmRule *rule, Datum ids);

#endif							/* CRM_RULE_H */
