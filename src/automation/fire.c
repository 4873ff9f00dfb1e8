/*
 * fire.c
 *	  From a change to what rules do about it.
 *
 * A statement's rows are read once, old and new side by side. For each row
 * every rule is asked whether it watches the change and its condition holds;
 * then the rules run in their order, each for all its rows. A large statement
 * is done in chunks, so that memory stays small.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "automation/rule.h"
#include "core/lock.h"

/* rows that are kept before rules run for them */
#define CHUNK_ROWS 10000

static CrmFiring *top = NULL;
static int	base_depth = 0;

/* the state behind a raised event */
typedef struct Raised
{
	const CrmEntity *entity;
	const int64 *ids;
	int			n;
} Raised;

static CrmRuleSource source_of(TriggerEvent event);
static void refuse_moved(CrmFiring *firing, TriggerData *trigdata) pg_attribute_noreturn();
static void refuse_renamed(CrmFiring *firing, TriggerData *trigdata) pg_attribute_noreturn();
static void read_statement(CrmFiring *firing, void *argument);
static void offer_transition(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);
static List *raised_rules(CrmOrganization *org, const char *entity, const char *event,
						  const char *process_name, const char *stage_name);
static void read_raised(CrmFiring *firing, void *argument);
static char *read_text(const CrmEntity *entity, bool locks);
static void start(CrmFiring *firing);
static void finish(CrmFiring *firing);
static bool is_wanted(CrmFiring *firing, int n, TupleTableSlot *old_row, TupleTableSlot *new_row);
static bool has_changed(CrmFiring *firing, AttrNumber column, TupleTableSlot *old_row, TupleTableSlot *new_row);
static bool holds(CrmFiring *firing, int n);
static int	keep_row(CrmFiring *firing, TupleTableSlot *old_row, TupleTableSlot *new_row);
static void add_match(CrmFiring *firing, int n, int row);
static void run_chunk(CrmFiring *firing);
static void filter_matches(CrmFiring *firing, int n);
static char *chain_of(const CrmFiring *firing);
static void refuse_depth(CrmFiring *firing);
static bool passes_through(int code);
static void refuse_failed(CrmFiring *firing, MemoryContext caller) pg_attribute_noreturn();

PG_FUNCTION_INFO_V1(automation_fire);

/*
 * automation_fire is the AFTER statement trigger of the tables that rules
 * watch; its argument is the entity. It is there only while a rule needs it.
 */
Datum
automation_fire(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_INSERT | CRM_ON_UPDATE | CRM_ON_DELETE,
		.reads_rows = true, .arguments = 1, .follows_table = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmFiring	firing = {0};

	if (core_import_mode)
		return PointerGetDatum(NULL);
	firing.org = core_organization_of(trigdata->tg_relation);
	firing.entity = core_trigger_argument(trigdata, 0);
	if (!firing.org->is_ours && !OidIsValid(get_relname_relid("automation_rule", firing.org->oid)))
		refuse_moved(&firing, trigdata);
	firing.rules = automation_rules(firing.org, firing.entity, source_of(trigdata->tg_event));
	if (firing.rules == NIL)
		return PointerGetDatum(NULL);
	if (strcmp(RelationGetRelationName(trigdata->tg_relation), firing.entity) != 0)
		refuse_renamed(&firing, trigdata);
	automation_fire_rules(&firing, read_statement, trigdata);
	return PointerGetDatum(NULL);
}

/* refuse_moved refuses changes of a table that was in an organization when rules were written for it. */
static void
refuse_moved(CrmFiring *firing, TriggerData *trigdata)
{
	const char *name = RelationGetRelationName(trigdata->tg_relation);

	ereport(ERROR,
			(errcode(ERRCODE_CRM_AUTOMATION_FAILED),
			 errmsg("table \"%s\" is not in an organization any more, whose rules watch it", name),
			 errdetail("Trigger \"%s\" came along with it to schema \"%s\".", trigdata->tg_trigger->tgname, firing->org->name),
			 errhint("DROP TRIGGER %s ON %s.%s, or move the table back.", core_quoted(trigdata->tg_trigger->tgname),
					 firing->org->quoted, core_quoted(name)),
			 err_generic_string(PG_DIAG_TABLE_NAME, name)));
}

/* refuse_renamed refuses changes of a table that had another name when rules were written for it. */
static void
refuse_renamed(CrmFiring *firing, TriggerData *trigdata)
{
	const char *name = RelationGetRelationName(trigdata->tg_relation);

	ereport(ERROR,
			(errcode(ERRCODE_CRM_AUTOMATION_FAILED),
			 errmsg("automation rules watch table \"%s\", which is \"%s\" now", firing->entity, name),
			 errdetail("Trigger \"%s\" came along with the table, its rules did not; rule \"%s\" is one of them.",
					   trigdata->tg_trigger->tgname, ((CrmRule *) linitial(firing->rules))->name),
			 errhint("UPDATE %1$s.automation_rule SET entity = %3$s WHERE entity = %2$s; or, to leave the rules to another table of their name, call sales_crm.repair(%4$s).",
					 firing->org->quoted, quote_literal_cstr(firing->entity), quote_literal_cstr(name),
					 quote_literal_cstr(firing->org->name)),
			 err_generic_string(PG_DIAG_TABLE_NAME, name)));
}

static CrmRuleSource
source_of(TriggerEvent event)
{
	return TRIGGER_FIRED_BY_INSERT(event) ? SOURCE_INSERT
		: TRIGGER_FIRED_BY_UPDATE(event) ? SOURCE_UPDATE : SOURCE_DELETE;
}

/* read_statement offers the rows of a statement to the rules. */
static void
read_statement(CrmFiring *firing, void *argument)
{
	core_visit_transitions(argument, offer_transition, firing);
}

static void
offer_transition(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	automation_offer(state, old_row, new_row);
}

/* automation_raise_process fires an event of a process for the records it guides. */
void
automation_raise_process(CrmOrganization *org, const char *event, const char *entity,
						 const int64 *record_ids, int n,
						 const char *process_name, const char *stage_name)
{
	CrmFiring	firing = {.org = org, .entity = entity};
	Raised		raised = {.ids = record_ids, .n = n};

	if (core_import_mode || n == 0)
		return;
	firing.rules = raised_rules(org, entity, event, process_name, stage_name);
	if (firing.rules == NIL)
		return;
	raised.entity = automation_find_table(org, entity);
	if (raised.entity == NULL)
		return;					/* its table is gone, as verify() tells */
	firing.serial = automation_serial(org);
	automation_fire_rules(&firing, read_raised, &raised);
}

/* raised_rules returns the rules that wait for an event of that process and stage. */
static List *
raised_rules(CrmOrganization *org, const char *entity, const char *event,
			 const char *process_name, const char *stage_name)
{
	List	   *found = NIL;
	ListCell   *cell;

	foreach(cell, automation_rules(org, entity, SOURCE_RAISED))
	{
		CrmRule    *rule = lfirst(cell);

		if (strcmp(rule->event, event) == 0 &&
			(rule->process_name == NULL || process_name == NULL || strcmp(rule->process_name, process_name) == 0) &&
			(rule->stage_name == NULL || (stage_name && strcmp(rule->stage_name, stage_name) == 0)))
			found = lappend(found, rule);
	}
	return found;
}

/*
 * read_raised offers the records of a raised event, as they are now: as to a
 * trigger also those that the caller may not read, and none that is gone.
 */
static void
read_raised(CrmFiring *firing, void *argument)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	Raised	   *raised = argument;
	CrmStatement *read = core_intern(read_text(raised->entity, false), types);
	Oid			type = get_rel_type_id(core_table(firing->org, raised->entity->name));
	bool		isnull;

	SPI_connect();
	for (int i = 0; i < raised->n; i++)
	{
		CrmValue	args[] = {CRM_INT8(raised->ids[i])};

		if (core_run_restricted(firing->org, read, raised->entity->name, args) > 0)
			automation_offer_tuples(firing, NULL, automation_tuple(core_result(0, 1, type, &isnull)));
	}
	SPI_finish();
}

/* read_text returns the query of a record of a table by its key. */
static char *
read_text(const CrmEntity *entity, bool locks)
{
	return psprintf("SELECT t FROM @%s t WHERE t.%s = $1%s", core_quoted(entity->name), core_quoted(entity->key),
					locks ? " FOR NO KEY UPDATE" : "");
}

/* automation_read_record returns a record as it is now, locked when asked, with the rights of the caller; inside SPI. */
HeapTuple
automation_read_record(CrmOrganization *org, const CrmEntity *entity, int64 id, bool locks)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(id)};
	bool		isnull;

	if (core_run(org, core_intern(read_text(entity, locks), types), args) == 0)
		core_refuse_unknown(entity->name, id);
	return automation_tuple(core_result(0, 1, get_rel_type_id(core_table(org, entity->name)), &isnull));
}

/* automation_tuple takes a row out of a composite value. */
HeapTuple
automation_tuple(Datum composite)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(composite);
	HeapTupleData tuple;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	return heap_copytuple(&tuple);
}

/*
 * automation_fire_rules offers rows by way of work and runs the rules that
 * match. When one fails the change is refused: SC012 says which, and why.
 */
void
automation_fire_rules(CrmFiring *firing, CrmFiringWork work, void *argument)
{
	MemoryContext caller = CurrentMemoryContext;

	firing->below = top;
	firing->depth = (top ? top->depth : base_depth) + 1;
	PG_TRY();
	{
		top = firing;
		start(firing);
		work(firing, argument);
		run_chunk(firing);
		finish(firing);
	}
	PG_CATCH();
	{
		top = firing->below;
		refuse_failed(firing, caller);
	}
	PG_END_TRY();
	top = firing->below;
	MemoryContextSwitchTo(caller);
}

/* automation_set_base_depth says how deep what comes next stands: that of a queued run. Returns what was said before. */
int
automation_set_base_depth(int depth)
{
	int			before = base_depth;

	base_depth = depth;
	return before;
}

/* start makes the rules ready, and room for the rows. */
static void
start(CrmFiring *firing)
{
	int			n = list_length(firing->rules);
	MemoryContext caller;

	firing->context = AllocSetContextCreate(CurrentMemoryContext, "sales_crm automation", ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(firing->context);
	firing->chunk = AllocSetContextCreate(firing->context, "sales_crm automation rows", ALLOCSET_DEFAULT_SIZES);
	firing->compiled = palloc(sizeof(CrmCompiled *) * n);
	firing->matches = palloc0(sizeof(CrmMatches) * n);
	for (int i = 0; i < n; i++)
	{
		firing->current = list_nth(firing->rules, i);
		firing->compiled[i] = automation_compiled(firing->current);
	}
	firing->current = NULL;
	firing->desc = firing->compiled[0]->scope.desc;
	firing->changed = palloc(firing->desc->natts);
	firing->new_slot = MakeSingleTupleTableSlot(firing->desc, &TTSOpsHeapTuple);
	firing->old_slot = MakeSingleTupleTableSlot(firing->desc, &TTSOpsHeapTuple);
	automation_start_evaluator(&firing->evaluator, firing->desc);
	MemoryContextSwitchTo(caller);
}

static void
finish(CrmFiring *firing)
{
	automation_end_evaluator(&firing->evaluator);
	ExecDropSingleTupleTableSlot(firing->new_slot);
	ExecDropSingleTupleTableSlot(firing->old_slot);
	MemoryContextDelete(firing->context);
}

/* automation_offer asks every rule about a row, and keeps it when one wants it. */
void
automation_offer(CrmFiring *firing, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	int			kept = -1;
	int			n = list_length(firing->rules);
	bool		isnull;

	memset(firing->changed, 0, firing->desc->natts);
	firing->evaluator.new_row = new_row;
	firing->evaluator.old_row = old_row;
	firing->current_id = DatumGetInt64(slot_getattr(new_row ? new_row : old_row, firing->compiled[0]->key, &isnull));
	for (int i = 0; i < n; i++)
	{
		if (!is_wanted(firing, i, old_row, new_row))
			continue;
		if (kept < 0)
			kept = keep_row(firing, old_row, new_row);
		add_match(firing, i, kept);
	}
	ResetExprContext(firing->evaluator.econtext);
	if (firing->n >= CHUNK_ROWS)
		run_chunk(firing);
}

/* automation_offer_tuples offers a row that was read. */
void
automation_offer_tuples(CrmFiring *firing, HeapTuple old_tuple, HeapTuple new_tuple)
{
	if (old_tuple)
		ExecStoreHeapTuple(old_tuple, firing->old_slot, false);
	if (new_tuple)
		ExecStoreHeapTuple(new_tuple, firing->new_slot, false);
	automation_offer(firing, old_tuple ? firing->old_slot : NULL, new_tuple ? firing->new_slot : NULL);
}

/* automation_offer_record offers a record as if its event had happened now. */
void
automation_offer_record(CrmFiring *firing, CrmRuleSource source, HeapTuple tuple)
{
	automation_offer_tuples(firing, source == SOURCE_UPDATE || source == SOURCE_DELETE ? tuple : NULL,
							source == SOURCE_DELETE ? NULL : tuple);
}

/*
 * is_wanted tells whether a rule watches what changed and its condition
 * holds. A condition that calls other code than plain built-in functions is
 * left to filter_matches(), which asks it with the rights of the rule's owner.
 */
static bool
is_wanted(CrmFiring *firing, int n, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	const CrmCompiled *compiled = firing->compiled[n];

	if (compiled->watches && !firing->skips_watch)
	{
		bool		is_changed = false;
		int			column = -1;

		while (!is_changed && (column = bms_next_member(compiled->columns, column)) >= 0)
			is_changed = has_changed(firing, column, old_row, new_row);
		if (!is_changed)
			return false;
	}
	return compiled->condition == NULL || firing->skips_condition ||
		!compiled->condition->is_plain || holds(firing, n);
}

/* has_changed compares a column of the row at hand, once for all rules. */
static bool
has_changed(CrmFiring *firing, AttrNumber column, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	char	   *known = &firing->changed[column - 1];

	if (*known == 0)
	{
		bool		old_is_null;
		bool		new_is_null;
		Datum		old_value = slot_getattr(old_row, column, &old_is_null);
		Datum		new_value = slot_getattr(new_row, column, &new_is_null);

		*known = core_differs(TupleDescAttr(firing->desc, column - 1), old_value, old_is_null,
							  new_value, new_is_null) ? 2 : 1;
	}
	return *known == 2;
}

/* holds asks the condition of a rule about the row at hand; NULL is no. */
static bool
holds(CrmFiring *firing, int n)
{
	bool		isnull;
	Datum		result;

	firing->current = list_nth(firing->rules, n);
	firing->current->place = "its condition";
	result = automation_evaluate(&firing->evaluator, firing->compiled[n]->condition, &isnull);
	return !isnull && DatumGetBool(result);
}

/* keep_row copies the row at hand and returns its place. */
static int
keep_row(CrmFiring *firing, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	MemoryContext caller = MemoryContextSwitchTo(firing->context);
	AttrNumber	version = firing->compiled[0]->version;
	CrmRuleRow *row;
	bool		isnull;

	if (firing->n == firing->size)
	{
		firing->size = Max(8, firing->size * 2);
		firing->rows = firing->rows ? repalloc(firing->rows, sizeof(CrmRuleRow) * firing->size)
			: palloc(sizeof(CrmRuleRow) * firing->size);
	}
	row = &firing->rows[firing->n];
	MemoryContextSwitchTo(firing->chunk);
	row->id = firing->current_id;
	row->version = firing->serial != 0 ? firing->serial
		: version > 0 ? DatumGetInt64(slot_getattr(new_row ? new_row : old_row, version, &isnull))
		: automation_serial(firing->org);
	row->order = version > 0 ? DatumGetInt64(slot_getattr(new_row ? new_row : old_row, version, &isnull)) : row->version;
	row->entry = firing->entry;
	row->new_tuple = new_row ? ExecCopySlotHeapTuple(new_row) : NULL;
	row->old_tuple = old_row ? ExecCopySlotHeapTuple(old_row) : NULL;
	MemoryContextSwitchTo(caller);
	return firing->n++;
}

static void
add_match(CrmFiring *firing, int n, int row)
{
	CrmMatches *matches = &firing->matches[n];

	if (matches->n == matches->size)
	{
		MemoryContext caller = MemoryContextSwitchTo(firing->context);

		matches->size = Max(8, matches->size * 2);
		matches->rows = matches->rows ? repalloc(matches->rows, sizeof(int) * matches->size)
			: palloc(sizeof(int) * matches->size);
		MemoryContextSwitchTo(caller);
	}
	matches->rows[matches->n++] = row;
}

/* automation_point_at makes a kept row the one at hand. */
void
automation_point_at(CrmFiring *firing, const CrmRuleRow *row)
{
	firing->current_id = row->id;
	firing->evaluator.new_row = NULL;
	firing->evaluator.old_row = NULL;
	if (row->new_tuple)
		firing->evaluator.new_row = ExecStoreHeapTuple(row->new_tuple, firing->new_slot, false);
	if (row->old_tuple)
		firing->evaluator.old_row = ExecStoreHeapTuple(row->old_tuple, firing->old_slot, false);
}

/* run_chunk runs the rules for the rows kept so far: first all conditions, then all actions. */
static void
run_chunk(CrmFiring *firing)
{
	int			n = list_length(firing->rules);
	MemoryContext caller;

	if (firing->n == 0)
		return;
	SPI_connect();
	caller = MemoryContextSwitchTo(firing->chunk);
	for (int i = 0; i < n; i++)
	{
		CrmExpression *condition = firing->compiled[i]->condition;

		if (firing->matches[i].n > 0 && condition && !condition->is_plain && !firing->skips_condition)
			filter_matches(firing, i);
	}
	for (int i = 0; i < n; i++)
	{
		if (firing->matches[i].n > 0)
			automation_run_rule(firing, i);
		firing->matches[i].n = 0;
	}
	MemoryContextSwitchTo(caller);
	SPI_finish();
	firing->n = 0;
	ExecClearTuple(firing->new_slot);
	ExecClearTuple(firing->old_slot);
	MemoryContextReset(firing->chunk);
}

/* filter_matches asks a condition, with the rights of the rule's owner, and keeps the rows for which it holds. */
static void
filter_matches(CrmFiring *firing, int n)
{
	CrmMatches *matches = &firing->matches[n];
	int			left = 0;
	CrmRights	rights;

	firing->current = list_nth(firing->rules, n);
	automation_enter(firing->current, &rights);
	for (int i = 0; i < matches->n; i++)
	{
		automation_point_at(firing, &firing->rows[matches->rows[i]]);
		if (holds(firing, n))
			matches->rows[left++] = matches->rows[i];
		ResetExprContext(firing->evaluator.econtext);
	}
	matches->n = left;
	automation_leave(&rights);
}

/* automation_run_rule does the actions of a rule for its rows, or puts them in the queue. */
void
automation_run_rule(CrmFiring *firing, int n)
{
	CrmRule    *rule = list_nth(firing->rules, n);
	TimestampTz started = GetCurrentTimestamp();
	CrmWork		work = {.firing = firing, .matches = &firing->matches[n]};
	const char *place = rule->place;	/* the same rule may run further up the stack */
	CrmRights	rights;
	ListCell   *cell;
	int			before;

	firing->current = rule;
	firing->current_id = firing->rows[work.matches->rows[0]].id;
	rule->place = "its actions";
	if (firing->depth > CRM_MAX_DEPTH)
		refuse_depth(firing);
	firing->n_run += work.matches->n;
	if (rule->is_queued && !firing->skips_queue)
	{
		automation_enqueue(firing, rule, work.matches);
		return;
	}
	automation_enter(rule, &rights);
	before = core_lock_loosen();	/* rules lock what they are told to */
	foreach(cell, firing->compiled[n]->actions)
	{
		work.action = lfirst(cell);
		rule->place = psprintf("action %d, %s", foreach_current_index(cell) + 1, automation_action_name(work.action));
		automation_do_action(&work);
	}
	core_lock_tighten(before);
	automation_leave(&rights);
	automation_log(firing, rule, work.matches, "done", NULL, started);
	rule->place = place;
}

/* chain_of names the rules that stand behind one another, the first one first. */
static char *
chain_of(const CrmFiring *firing)
{
	char	   *this = psprintf("%s (%s %lld)", firing->current ? firing->current->name : "?",
								firing->entity, (long long) firing->current_id);

	return firing->below ? psprintf("%s -> %s", chain_of(firing->below), this) : this;
}

/* refuse_depth stops rules that bring about one another without end. */
static void
refuse_depth(CrmFiring *firing)
{
	char	   *chain = chain_of(firing);

	ereport(LOG,
			(errmsg("automation rules stopped: more than %d stand behind one another", CRM_MAX_DEPTH),
			 errdetail("%s", chain)));
	ereport(ERROR,
			(errcode(ERRCODE_CRM_AUTOMATION_FAILED),
			 errmsg("automation rules bring about one another more than %d times", CRM_MAX_DEPTH),
			 errdetail("Rules: %s.", chain),
			 errhint("Give one of them a condition that ends the chain, such as new.rating IS DISTINCT FROM old.rating, or set its is_active to false."),
			 err_generic_string(PG_DIAG_TABLE_NAME, firing->entity)));
}

/*
 * passes_through tells which errors keep their own code: what a rule said
 * already, what it refuses on purpose, and what a client tries again or has
 * asked for: conflicts, cancellation, lack of resources.
 */
static bool
passes_through(int code)
{
	int			class = ERRCODE_TO_CATEGORY(code);

	return code == ERRCODE_CRM_AUTOMATION_FAILED || code == ERRCODE_CRM_REFUSED_BY_RULE ||
		class == ERRCODE_TO_CATEGORY(ERRCODE_T_R_SERIALIZATION_FAILURE) ||
		class == ERRCODE_TO_CATEGORY(ERRCODE_QUERY_CANCELED) ||
		class == ERRCODE_TO_CATEGORY(ERRCODE_OUT_OF_MEMORY);
}

/* refuse_failed refuses the change because of a rule that failed; inside PG_CATCH. */
static void
refuse_failed(CrmFiring *firing, MemoryContext caller)
{
	CrmRule    *rule = firing->current;
	ErrorData  *error;
	const char *place;
	char	   *what;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	if (rule == NULL)
		PG_RE_THROW();
	place = rule->place;
	rule->place = RULE_PLACE;	/* what it was may go with the memory of the run */
	if (passes_through(error->sqlerrcode))
		PG_RE_THROW();
	FlushErrorState();
	what = psprintf("Rule \"%s\", %s%s: %s: %s", rule->name, place,
					firing->current_id == 0 ? "" : psprintf(", for %s %lld", firing->entity, (long long) firing->current_id),
					unpack_sql_state(error->sqlerrcode), error->message);
	ereport(LOG,
			(errmsg("automation rule \"%s\" failed", rule->name), errdetail("%s", what)));
	ereport(ERROR,
			(errcode(ERRCODE_CRM_AUTOMATION_FAILED),
			 errmsg("automation rule \"%s\" failed", rule->name),
			 errdetail("%s%s%s", what, error->detail ? " " : "", error->detail ? error->detail : ""),
			 errhint("Correct the rule, or UPDATE %s.automation_rule SET is_active = false WHERE name = %s.",
					 firing->org->quoted, quote_literal_cstr(rule->name)),
			 err_generic_string(PG_DIAG_TABLE_NAME, firing->entity)));
}
