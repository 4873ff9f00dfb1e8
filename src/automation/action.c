/*
 * action.c
 *	  What rules do. Each kind of action is made ready once, and does its work
 *	  for all rows of a rule by one statement.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "activity/activity.h"
#include "automation/calendar.h"
#include "automation/function.h"

struct CrmActionKind
{
	const char *name;
	bool		needs_record;	/* the record must still be there */
	bool		is_for_now;		/* means nothing once the change is committed */
	const char *keys[8];
	void		(*compile) (CrmAction *action, CrmCompiled *compiled);
	void		(*run) (CrmWork *work);
};

static const CrmActionKind *kind_of(CrmActionRow *row);
static void make_room(CrmAction *action, int n);
static void add_value(CrmAction *action, CrmCompiled *compiled, const char *name, const char *text,
					  Oid type, int32 typmod, bool as_text);
static void add_column(CrmAction *action, CrmCompiled *compiled, const char *name, const char *text);
static void add_columns(CrmAction *action, CrmCompiled *compiled, List *names, List *texts);
static void find_target(CrmAction *action, CrmCompiled *compiled, const char *table);
static void make_insert(CrmAction *action, CrmCompiled *compiled);
static void make_update(CrmAction *action, CrmCompiled *compiled);
static bool can_compare(Form_pg_attribute attribute);
static void compile_set(CrmAction *action, CrmCompiled *compiled);
static void compile_create(CrmAction *action, CrmCompiled *compiled);
static void add_mapped(CrmAction *action, CrmCompiled *compiled, List **names, List **texts);
static void compile_activity(CrmAction *action, CrmCompiled *compiled);
static void add_literal(CrmAction *action, CrmCompiled *compiled, const char *column, const char *text);
static void compile_assign(CrmAction *action, CrmCompiled *compiled);
static void compile_queue(CrmAction *action, CrmCompiled *compiled);
static void compile_refuse(CrmAction *action, CrmCompiled *compiled);
static void compile_notify(CrmAction *action, CrmCompiled *compiled);
static void compile_outbox(CrmAction *action, CrmCompiled *compiled);
static void run_write(CrmWork *work);
static Datum written_rows(CrmWork *work);
static Datum written_row(CrmWork *work, const CrmRuleRow *row, Datum *values, bool *nulls);
static void note_written(CrmAction *action, uint64 n);
static void run_assign(CrmWork *work);
static void run_queue(CrmWork *work);
static int64 *ids_of_rows(const CrmWork *work);
static void run_refuse(CrmWork *work);
static void run_notify(CrmWork *work);
static void run_outbox(CrmWork *work);
static char *text_of_value(CrmWork *work, int row, int value);
static void refuse_action(CrmAction *action, const char *why) pg_attribute_noreturn();

static CrmStatement select_map = {
	.sql = "SELECT source_column, target_column FROM @column_map WHERE source_entity = $1 AND target_entity = $2 "
	"ORDER BY column_map_id",
	.argtypes = {TEXTOID, TEXTOID}
};

static const CrmActionKind kinds[] =
{
	{"set_columns", true, false, {"set"}, compile_set, run_write},
	{"create_record", false, false, {"entity", "values", "map"}, compile_create, run_write},
	{"create_activity", true, false, {"activity_type", "subject", "description", "due_in", "owner", "priority", "values"},
	compile_activity, run_write},
	{"assign", true, false, {"owner_id", "method", "policy"}, compile_assign, run_assign},
	{"add_to_queue", true, false, {"queue"}, compile_queue, run_queue},
	{"call_function", false, false, {"function", "arguments"}, function_compile, function_run},
	{"refuse", false, true, {"message"}, compile_refuse, run_refuse},
	{"notify", false, false, {"channel", "payload"}, compile_notify, run_notify},
	{"put_outbox", false, false, {"event", "payload"}, compile_outbox, run_outbox}
};

/* automation_compile_action makes an action ready, in the current memory context. */
CrmAction *
automation_compile_action(CrmRule *rule, CrmCompiled *compiled, CrmActionRow *row)
{
	CrmAction  *action = palloc0(sizeof(CrmAction));

	action->kind = kind_of(row);
	action->rule = rule;
	action->row = row;
	automation_check_keys(row, action->kind->keys);
	if (action->kind->needs_record && rule->source == SOURCE_DELETE)
		refuse_action(action, "works on a record, and that of event deleted is gone");
	if (action->kind->is_for_now && rule->is_queued)
		refuse_action(action, "needs timing in_transaction: once it is committed a change cannot be refused");
	action->kind->compile(action, compiled);
	return action;
}

/* automation_do_action does an action for its rows; inside SPI, as the rule's owner. */
void
automation_do_action(CrmWork *work)
{
	work->action->kind->run(work);
}

const char *
automation_action_name(const CrmAction *action)
{
	return action->kind->name;
}

static const CrmActionKind *
kind_of(CrmActionRow *row)
{
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, row->action) == 0)
			return &kinds[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is no action of a rule", row->action)));
}

/* make_room prepares for at most n values. */
static void
make_room(CrmAction *action, int n)
{
	action->names = palloc0(sizeof(char *) * Max(n, 1));
	action->values = palloc0(sizeof(CrmExpression *) * Max(n, 1));
	action->columns = palloc0(sizeof(AttrNumber) * Max(n, 1));
}

/* add_value makes the next value ready. */
static void
add_value(CrmAction *action, CrmCompiled *compiled, const char *name, const char *text,
		  Oid type, int32 typmod, bool as_text)
{
	action->rule->place = psprintf("%s of action %s: %s", name, action->row->action, text);
	action->names[action->n] = pstrdup(name);
	action->values[action->n] = automation_compile_value(action->rule, compiled, text, type, typmod, as_text);
	action->n++;
}

/* add_column makes the value of a column of the written table ready. */
static void
add_column(CrmAction *action, CrmCompiled *compiled, const char *name, const char *text)
{
	AttrNumber	column = get_attnum(action->target, name);
	Form_pg_attribute attribute;

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("\"%s\" has no column \"%s\"", action->target_name, name)));
	for (int i = 0; i < action->n; i++)
	{
		if (action->columns[i] == column)
			refuse_action(action, psprintf("writes column \"%s\" twice", name));
	}
	attribute = TupleDescAttr(action->desc, column - 1);
	action->columns[action->n] = column;
	add_value(action, compiled, name, text, attribute->atttypid, attribute->atttypmod, false);
}

static void
add_columns(CrmAction *action, CrmCompiled *compiled, List *names, List *texts)
{
	ListCell   *name;
	ListCell   *text;

	forboth(name, names, text, texts)
		add_column(action, compiled, lfirst(name), lfirst(text));
}

/* find_target looks up the table that is written: one of the organization. */
static void
find_target(CrmAction *action, CrmCompiled *compiled, const char *table)
{
	const CrmEntity *entity = automation_find_table(compiled->org, table);
	Oid			relid = get_relname_relid(table, compiled->org->oid);
	Relation	rel;

	if (!OidIsValid(relid) || (get_rel_relkind(relid) != RELKIND_RELATION &&
							   get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("organization \"%s\" has no table \"%s\"", compiled->org->name, table)));
	rel = table_open(relid, AccessShareLock);
	action->desc = CreateTupleDescCopy(RelationGetDescr(rel));
	table_close(rel, AccessShareLock);
	action->target = relid;
	action->target_name = pstrdup(table);
	action->target_key = entity ? entity->key : NULL;
	compiled->relids = lappend_oid(compiled->relids, relid);
}

/* make_insert puts the INSERT together: one array of rows in, from which it takes the columns. */
static void
make_insert(CrmAction *action, CrmCompiled *compiled)
{
	Oid			types[CRM_MAX_ARGS] = {get_array_type(action->desc->tdtypeid)};
	StringInfoData targets;
	StringInfoData sources;

	initStringInfo(&targets);
	initStringInfo(&sources);
	for (int i = 0; i < action->desc->natts; i++)
	{
		const char *name = core_quoted(NameStr(TupleDescAttr(action->desc, i)->attname));
		bool		is_written = action->due_column == i + 1;

		for (int j = 0; j < action->n; j++)
			is_written |= action->columns[j] == i + 1;
		if (!is_written)
			continue;
		appendStringInfo(&targets, "%s%s", targets.len ? ", " : "", name);
		appendStringInfo(&sources, "%sv.%s", sources.len ? ", " : "", name);
	}
	if (targets.len == 0)
		refuse_action(action, "gives no value");
	appendStringInfo(&targets, ") SELECT %s FROM pg_catalog.unnest($1) v", sources.data);
	if (action->kind->needs_record && action->rule->is_queued)	/* it may be gone by then */
		appendStringInfo(&targets, " WHERE EXISTS (SELECT FROM %s.%s t WHERE t.%s = v.regarding_id)", compiled->org->quoted,
						 core_quoted(compiled->entity->name), core_quoted(compiled->entity->key));
	action->statement = automation_statement(compiled,
											 psprintf("INSERT INTO %s.%s (%s", compiled->org->quoted,
													  core_quoted(action->target_name), targets.data), types);
	if (action->target_key)
		action->reporting = automation_statement(compiled,
												 psprintf("%s RETURNING %s", action->statement->sql,
														  core_quoted(action->target_key)), types);
}

/* make_update puts the UPDATE together; rows that have the values already are left alone. */
static void
make_update(CrmAction *action, CrmCompiled *compiled)
{
	Oid			types[CRM_MAX_ARGS] = {get_array_type(action->desc->tdtypeid)};
	const char *key = core_quoted(compiled->entity->key);
	StringInfoData sets;
	StringInfoData differs;

	initStringInfo(&sets);
	initStringInfo(&differs);
	for (int i = 0; i < action->n; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(action->desc, action->columns[i] - 1);
		const char *name = core_quoted(NameStr(attribute->attname));

		appendStringInfo(&sets, "%s%s = v.%s", i ? ", " : "", name, name);
		appendStringInfoString(&differs, i ? " OR " : "");
		if (can_compare(attribute))
			appendStringInfo(&differs, "t.%s IS DISTINCT FROM v.%s", name, name);
		else
			appendStringInfoString(&differs, "true");
	}
	if (action->n == 0)
		refuse_action(action, "gives no value");
	action->statement = automation_statement(compiled,
											 psprintf("UPDATE %s.%s t SET %s FROM pg_catalog.unnest($1) v "
													  "WHERE t.%s = v.%s AND (%s)", compiled->org->quoted,
													  core_quoted(action->target_name), sets.data,
													  key, key, differs.data), types);
	action->reporting = automation_statement(compiled, psprintf("%s RETURNING t.%s", action->statement->sql, key),
											 types);
}

static bool
can_compare(Form_pg_attribute attribute)
{
	return OidIsValid(lookup_type_cache(attribute->atttypid, TYPECACHE_EQ_OPR)->eq_opr);
}

/* compile_set: {"set": {"rating": "'hot'"}} */
static void
compile_set(CrmAction *action, CrmCompiled *compiled)
{
	List	   *names;
	List	   *texts;

	automation_pairs(action->row, "set", &names, &texts);
	find_target(action, compiled, compiled->entity->name);
	make_room(action, list_length(names));
	add_columns(action, compiled, names, texts);
	for (int i = 0; i < action->n; i++)
	{
		if (action->columns[i] == compiled->key)
			refuse_action(action, "cannot change the key of a record");
	}
	make_update(action, compiled);
}

/*
 * compile_create: {"entity": "account", "values": {"name": "new.company_name"}}; with
 * "map": true it takes what column_map copies to that entity too.
 */
static void
compile_create(CrmAction *action, CrmCompiled *compiled)
{
	List	   *names;
	List	   *texts;

	automation_pairs(action->row, "values", &names, &texts);
	find_target(action, compiled, automation_parameter(action->row, "entity", true));
	if (automation_flag(action->row, "map"))
		add_mapped(action, compiled, &names, &texts);
	make_room(action, list_length(names));
	add_columns(action, compiled, names, texts);
	make_insert(action, compiled);
}

/* add_mapped adds the columns of column_map that are given no value of their own. */
static void
add_mapped(CrmAction *action, CrmCompiled *compiled, List **names, List **texts)
{
	CrmValue	args[] = {core_text_value(compiled->entity->name), core_text_value(action->target_name)};
	const char *side = compiled->scope.has_new ? "new" : "old";
	uint64		n;

	SPI_connect();
	n = core_run_as_owner(compiled->org, &select_map, "column_map", args);
	MemoryContextSwitchTo(compiled->context);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *source = core_result_name(i, 1);
		char	   *target = core_result_name(i, 2);
		bool		is_given = get_attnum(compiled->relid, source) <= 0 || get_attnum(action->target, target) <= 0;
		ListCell   *cell;

		foreach(cell, *names)
			is_given |= strcmp(lfirst(cell), target) == 0;
		if (is_given)
			continue;
		*names = lappend(*names, target);
		*texts = lappend(*texts, psprintf("%s.%s", side, core_quoted(source)));
	}
	SPI_finish();
	compiled->relids = lappend_oid(compiled->relids, core_table(compiled->org, "column_map"));
}

/*
 * compile_activity: {"activity_type": "task", "subject": "'Call ' || new.company_name",
 * "due_in": "2 days", "owner": "new.owner_id"}; it regards the record.
 */
static void
compile_activity(CrmAction *action, CrmCompiled *compiled)
{
	List	   *names;
	List	   *texts;
	char	   *due_in = automation_parameter(action->row, "due_in", false);
	char	   *owner = automation_expression_parameter(action->row, "owner", false);
	char	   *priority = automation_expression_parameter(action->row, "priority", false);
	char	   *description = automation_expression_parameter(action->row, "description", false);

	automation_pairs(action->row, "values", &names, &texts);
	find_target(action, compiled, "activity");
	make_room(action, list_length(names) + 8);
	add_literal(action, compiled, "activity_type", automation_parameter(action->row, "activity_type", true));
	add_column(action, compiled, "subject", automation_expression_parameter(action->row, "subject", true));
	add_literal(action, compiled, "regarding_entity", compiled->entity->name);
	add_column(action, compiled, "regarding_id", psprintf("new.%s", core_quoted(compiled->entity->key)));
	if (owner == NULL && get_attnum(compiled->relid, "owner_id") > 0)
		owner = "new.owner_id";
	if (owner)
		add_column(action, compiled, "owner_id", owner);
	if (priority)
		add_column(action, compiled, "priority", priority);
	if (description)
		add_column(action, compiled, "description", description);
	add_columns(action, compiled, names, texts);
	add_column(action, compiled, "is_workflow_created", "true");
	if (due_in)
	{
		action->rule->place = psprintf("due_in of action %s: %s", action->row->action, due_in);
		action->due_column = get_attnum(action->target, "scheduled_end_at");
		if (action->due_column <= 0 || get_atttype(action->target, action->due_column) != TIMESTAMPTZOID)
			refuse_action(action, "finds no time scheduled_end_at in table activity");
		action->due_in = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(due_in),
															   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	make_insert(action, compiled);
}

/* add_literal makes a text that is no expression the value of a column. */
static void
add_literal(CrmAction *action, CrmCompiled *compiled, const char *column, const char *text)
{
	add_column(action, compiled, column, quote_literal_cstr(text));
}

/* compile_assign: {"owner_id": "expression"}, or {"method": "policy"}, alone or with {"policy": "name"}. */
static void
compile_assign(CrmAction *action, CrmCompiled *compiled)
{
	char	   *owner = automation_expression_parameter(action->row, "owner_id", false);
	char	   *method = automation_parameter(action->row, "method", false);

	if ((owner == NULL) == (method == NULL))
		refuse_action(action, "takes either owner_id or method");
	if (method)
		assign_check_action(action->rule, action->row);
	else if (automation_parameter(action->row, "policy", false))
		refuse_action(action, "takes a policy only with method");
	find_target(action, compiled, compiled->entity->name);
	make_room(action, 1);
	if (owner == NULL)
		return;
	add_column(action, compiled, "owner_id", owner);
	make_update(action, compiled);
}

/* compile_queue: {"queue": "Inbound"} */
static void
compile_queue(CrmAction *action, CrmCompiled *compiled)
{
	action->text = automation_parameter(action->row, "queue", true);
	action->rule->place = psprintf("queue of action %s: %s", action->row->action, action->text);
	SPI_connect();
	(void) activity_queue_named(compiled->org, action->text);
	SPI_finish();
}

/* compile_refuse: {"message": "'No lead without an e-mail address'"} */
static void
compile_refuse(CrmAction *action, CrmCompiled *compiled)
{
	make_room(action, 1);
	add_value(action, compiled, "message", automation_expression_parameter(action->row, "message", true),
			  TEXTOID, -1, false);
}

/* compile_notify: {"channel": "sales", "payload": "new.lead_id"} */
static void
compile_notify(CrmAction *action, CrmCompiled *compiled)
{
	char	   *payload = automation_expression_parameter(action->row, "payload", false);

	action->text = automation_parameter(action->row, "channel", true);
	if (action->text[0] == '\0' || strlen(action->text) >= NAMEDATALEN)
		refuse_action(action, "needs a channel of 1 to 63 bytes");
	make_room(action, 1);
	add_value(action, compiled, "payload", payload ? payload : "''", InvalidOid, -1, true);
}

/* compile_outbox: {"event": "'lead.hot'", "payload": "to_jsonb(new)"} */
static void
compile_outbox(CrmAction *action, CrmCompiled *compiled)
{
	char	   *payload = automation_expression_parameter(action->row, "payload", false);

	make_room(action, 2);
	add_value(action, compiled, "event", automation_expression_parameter(action->row, "event", true),
			  TEXTOID, -1, false);
	add_value(action, compiled, "payload", payload ? payload : "'{}'", JSONBOID, -1, true);
}

/* run_write writes one row for each row of the rule, by one statement. */
static void
run_write(CrmWork *work)
{
	CrmAction  *action = work->action;
	CrmValue	args[] = {CRM_DATUM(written_rows(work))};
	bool		reports = automation_journal && action->reporting;
	uint64		n = core_run(work->firing->org, reports ? action->reporting : action->statement, args);

	if (automation_journal)
		note_written(action, reports ? n : 0);
}

/* written_rows makes the rows that the statement takes, as an array of the written table's type. */
static Datum
written_rows(CrmWork *work)
{
	CrmAction  *action = work->action;
	int			n = work->matches->n;
	Datum	   *rows = palloc(sizeof(Datum) * n);
	Datum	   *values = palloc0(sizeof(Datum) * action->desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * action->desc->natts);

	memset(nulls, true, sizeof(bool) * action->desc->natts);
	if (action->due_column > 0)
	{
		values[action->due_column - 1] = DirectFunctionCall2(timestamptz_pl_interval,
															 TimestampTzGetDatum(core_now()),
															 IntervalPGetDatum(action->due_in));
		nulls[action->due_column - 1] = false;
	}
	for (int i = 0; i < n; i++)
		rows[i] = written_row(work, &work->firing->rows[work->matches->rows[i]], values, nulls);
	return PointerGetDatum(construct_array(rows, n, action->desc->tdtypeid, -1, false, TYPALIGN_DOUBLE));
}

/* written_row evaluates the values for one row; an UPDATE finds its row by the key. */
static Datum
written_row(CrmWork *work, const CrmRuleRow *row, Datum *values, bool *nulls)
{
	CrmAction  *action = work->action;
	CrmEvaluator *evaluator = &work->firing->evaluator;
	AttrNumber	key = work->firing->compiled[0]->key;
	Datum		result;

	automation_point_at(work->firing, row);
	for (int i = 0; i < action->n; i++)
		values[action->columns[i] - 1] = automation_evaluate(evaluator, action->values[i],
															 &nulls[action->columns[i] - 1]);
	if (action->kind->needs_record && action->desc->tdtypeid == work->firing->desc->tdtypeid)
	{
		values[key - 1] = Int64GetDatum(row->id);
		nulls[key - 1] = false;
	}
	result = HeapTupleGetDatum(heap_form_tuple(action->desc, values, nulls));
	ResetExprContext(evaluator->econtext);
	return result;
}

/* note_written tells the journal which records were written, as the last result has them. */
static void
note_written(CrmAction *action, uint64 n)
{
	for (uint64 i = 0; i < n; i++)
		automation_note(action->target_name, core_result_int8(i, 1), action->kind->name, NULL);
	if (n == 0)
		automation_note(action->target_name, 0, action->kind->name,
						action->reporting ? "nothing to change" : NULL);
}

/* run_assign gives records another owner: one that is computed, or that a method finds. */
static void
run_assign(CrmWork *work)
{
	int64	   *ids;

	if (work->action->statement)
	{
		run_write(work);
		return;
	}
	ids = ids_of_rows(work);
	assign_by_action(work->firing->org, ids, work->matches->n, work->action->row);
	for (int i = 0; automation_journal && i < work->matches->n; i++)
		automation_note(work->firing->entity, ids[i], "assign", NULL);
}

/* run_queue puts the records into a queue, from another one they are moved there. */
static void
run_queue(CrmWork *work)
{
	int64	   *ids = ids_of_rows(work);

	activity_enter_queue(work->firing->org, work->firing->entity, ids, work->matches->n,
						 activity_queue_named(work->firing->org, work->action->text));
	for (int i = 0; automation_journal && i < work->matches->n; i++)
		automation_note(work->firing->entity, ids[i], "add_to_queue", work->action->text);
}

/* ids_of_rows returns the keys of the rule's rows. */
static int64 *
ids_of_rows(const CrmWork *work)
{
	int64	   *ids = palloc(sizeof(int64) * work->matches->n);

	for (int i = 0; i < work->matches->n; i++)
		ids[i] = work->firing->rows[work->matches->rows[i]].id;
	return ids;
}

/* run_refuse refuses the change with the rule's own words, for the first row that matches. */
static void
run_refuse(CrmWork *work)
{
	const CrmRule *rule = work->action->rule;
	int64		id = work->firing->rows[work->matches->rows[0]].id;
	char	   *message = text_of_value(work, 0, 0);

	ereport(ERROR,
			(errcode(ERRCODE_CRM_REFUSED_BY_RULE),
			 errmsg("%s", message ? message : "refused by an automation rule"),
			 errdetail("Rule \"%s\" refuses it for %s %lld.", rule->name, rule->entity, (long long) id),
			 errhint("Change the record so that the rule does not match; its condition stands in table %s.automation_rule.",
					 rule->org->quoted),
			 err_generic_string(PG_DIAG_TABLE_NAME, rule->entity)));
}

/* run_notify sends a message for each row, which goes out at commit. */
static void
run_notify(CrmWork *work)
{
	for (int i = 0; i < work->matches->n; i++)
	{
		char	   *payload = text_of_value(work, i, 0);

		Async_Notify(work->action->text, payload ? payload : "");
		if (automation_journal)
			automation_note(work->firing->entity, work->firing->rows[work->matches->rows[i]].id, "notify",
							psprintf("%s: %s", work->action->text, payload ? payload : ""));
	}
}

/* run_outbox puts a message for each row in the outbox. */
static void
run_outbox(CrmWork *work)
{
	int			n = work->matches->n;
	Datum	   *names = palloc(sizeof(Datum) * n);
	Datum	   *payloads = palloc(sizeof(Datum) * n);
	int64	   *ids = palloc(sizeof(int64) * n);

	for (int i = 0; i < n; i++)
	{
		char	   *name = text_of_value(work, i, 0);
		char	   *payload = text_of_value(work, i, 1);

		if (name == NULL)
			refuse_action(work->action, "gives no name of an event");
		ids[i] = work->firing->rows[work->matches->rows[i]].id;
		names[i] = CStringGetTextDatum(name);
		payloads[i] = CStringGetTextDatum(payload ? payload : "{}");
		if (automation_journal)
			automation_note(work->firing->entity, ids[i], "put_outbox", psprintf("%s: %s", name, payload ? payload : "{}"));
	}
	outbox_put_many(work->firing->org, work->firing->entity, core_int8_array(ids, n),
					PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT)),
					PointerGetDatum(construct_array(payloads, n, TEXTOID, -1, false, TYPALIGN_INT)));
}

/* text_of_value evaluates a text for one of the rule's rows; NULL for NULL. */
static char *
text_of_value(CrmWork *work, int row, int value)
{
	bool		isnull;
	Datum		result;

	automation_point_at(work->firing, &work->firing->rows[work->matches->rows[row]]);
	result = automation_keep(&work->firing->evaluator, work->action->values[value], &isnull);
	return isnull ? NULL : TextDatumGetCString(result);
}

static void
refuse_action(CrmAction *action, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("action %s %s", action->row->action, why)));
}
