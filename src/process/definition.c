/*
 * definition.c
 *	  Processes as rows: who may edit them when, and what activation checks.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "process/flow.h"

/* One thing that is wrong with a process. */
typedef struct Problem
{
	char	   *name;			/* as a constraint would be called */
	char	   *message;
	char	   *hint;
} Problem;

static void refuse_active(CrmRow *row, CrmStatement *statement, const char *key);
static void complete_stage(CrmRow *row, CrmTicket *ticket);
static void keep_entity(CrmRow *row);
static void complete_part(CrmRow *row, CrmTicket *ticket);
static void before_delete_stage(CrmRow *row);
static void before_delete_part(CrmRow *row);
static Datum set_state(FunctionCallInfo fcinfo, CrmMove *move, bool checks);
static void check_process(CrmOrganization *org, int64 process_id, const char *name);
static List *find_bad_tables(CrmOrganization *org, int64 process_id);
static List *find_problems(CrmOrganization *org, int64 process_id);
static List *find_bad_values(CrmOrganization *org, int64 process_id);
static List *find_bad_rules(CrmOrganization *org, int64 process_id);
static Problem *new_problem(char *name, char *message, char *hint);
static void try_condition(CrmOrganization *org, void *argument);
static void raise_problems(List *problems, const char *name) pg_attribute_noreturn();

static const char *const stage_fixed[] = {"process_id", NULL};
static const char *const part_fixed[] = {"process_stage_id", NULL};

const CrmEntity process_entity = {
	.name = "process", .key = "process_id", .label = "process", .title = "name"
};
static const CrmEntity parts[] = {
	{.name = "process_stage", .key = "process_stage_id", .label = "stage of a process", .title = "name",
	.fixed = stage_fixed, .complete = complete_stage, .before_delete = before_delete_stage},
	{.name = "process_step", .key = "process_step_id", .label = "step of a process", .title = "label",
	.fixed = part_fixed, .complete = complete_part, .before_delete = before_delete_part},
	{.name = "process_branch", .key = "process_branch_id", .label = "branch of a process",
	.fixed = part_fixed, .complete = complete_part, .before_delete = before_delete_part}
};

static CrmStatement share_process = {
	.sql = "SELECT state, name FROM @process WHERE process_id = $1 FOR SHARE",
	.argtypes = {INT8OID}
};
static CrmStatement share_process_of_stage = {
	.sql = "SELECT p.state, p.name FROM @process p JOIN @process_stage s USING (process_id) "
	"WHERE s.process_stage_id = $1 FOR SHARE OF p",
	.argtypes = {INT8OID}
};
static CrmStatement find_stay = {
	.sql = "SELECT 1 FROM @process_stage_history WHERE process_stage_id = $1 LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement find_process = {
	.sql = "SELECT process_id FROM @process WHERE name = $1",
	.argtypes = {TEXTOID}
};

/*
 * The problems of a process: $1 its key, $2 the schema, $3 to $6 the limits of
 * stages, steps, tables and active processes. "walk" goes every way from stage
 * to stage with the tables seen so far, each state once; not on from too many
 * tables, whose sets would be without number.
 */
static CrmStatement select_problems = {
	.sql = "WITH RECURSIVE stage AS MATERIALIZED (SELECT s.*, row_number() OVER (ORDER BY s.sort_order, s.process_stage_id) AS place "
	"FROM @process_stage s WHERE s.process_id = $1), "
	"edge AS MATERIALIZED (SELECT b.process_stage_id AS from_id, b.next_stage_id AS to_id FROM @process_branch b "
	"JOIN stage USING (process_stage_id) WHERE b.next_stage_id IS NOT NULL "
	"UNION SELECT s.process_stage_id, n.process_stage_id FROM stage s JOIN stage n ON n.place = s.place + 1 "
	"WHERE NOT EXISTS (SELECT FROM @process_branch b WHERE b.process_stage_id = s.process_stage_id AND b.operator = 'always')), "
	"leads_to AS (SELECT from_id, to_id FROM edge UNION SELECT l.from_id, e.to_id FROM leads_to l JOIN edge e ON e.from_id = l.to_id), "
	"relation AS (" FLOW_SQL_RELATIONS "), "
	"key AS MATERIALIZED (" FLOW_SQL_KEYS "), "
	"link AS MATERIALIZED (SELECT l.from_entity, l.to_entity, l.name, l.column_name FROM (SELECT target AS from_entity, owner AS to_entity, "
	"owner || '.' || column_name AS name, column_name FROM key UNION SELECT owner, target, owner || '.' || column_name, column_name FROM key) l "
	"WHERE l.from_entity IN (SELECT entity FROM stage) AND l.to_entity IN (SELECT entity FROM stage) "
	"AND NOT (l.from_entity IN (SELECT from_entity FROM relation) AND l.to_entity IN (SELECT from_entity FROM relation))), "
	"walk (id, place, entity, seen, returns, lost, keys) AS (SELECT process_stage_id, place, entity, ARRAY[entity], 0, false, NULL::text[] FROM stage WHERE place = 1 "
	"UNION SELECT t.process_stage_id, t.place, t.entity, "
	"(SELECT array_agg(DISTINCT x ORDER BY x) FROM unnest(w.seen || t.entity) AS x), "
	"least(2, w.returns + CASE WHEN t.entity <> w.entity AND t.entity = ANY (w.seen) THEN 1 ELSE 0 END), "
	"w.lost OR (t.entity <> ALL (w.seen) AND NOT EXISTS (SELECT FROM relation r WHERE r.from_entity = ANY (w.seen) AND r.to_entity = t.entity) "
	"AND NOT EXISTS (SELECT FROM link l WHERE l.from_entity = ANY (w.seen) AND l.to_entity = t.entity)), "
	"CASE WHEN t.entity <> ALL (w.seen) "
	"AND NOT EXISTS (SELECT FROM relation r WHERE r.from_entity = ANY (w.seen) AND r.to_entity = t.entity) "
	"THEN ARRAY(SELECT DISTINCT l.name FROM link l WHERE l.from_entity = ANY (w.seen) AND l.to_entity = t.entity "
	"AND (t.relation_column IS NULL OR t.relation_column IN (l.name, l.column_name)) ORDER BY 1) END "
	"FROM walk w JOIN edge e ON e.from_id = w.id JOIN stage t ON t.process_stage_id = e.to_id WHERE t.place > w.place AND cardinality(w.seen) <= $5) "

	"SELECT 'process_stages', 'it has no stages', 'Insert rows into process_stage.' WHERE NOT EXISTS (SELECT FROM stage) "
	"UNION ALL SELECT 'process_stage_count', 'it has ' || count(*) || ' stages, more than ' || $3, 'Leave stages out, or raise the setting process_max_stages.' "
	"FROM stage HAVING count(*) > $3 "
	"UNION ALL SELECT 'process_step_count', 'stage \"' || s.name || '\" has ' || count(*) || ' steps, more than ' || $4, 'Leave steps out, or raise the setting process_max_steps.' "
	"FROM stage s JOIN @process_step t USING (process_stage_id) GROUP BY s.process_stage_id, s.name HAVING count(*) > $4 "
	"UNION ALL SELECT 'process_entity_count', 'it goes through ' || count(DISTINCT entity) || ' tables, more than ' || $5, 'Leave tables out, or raise the setting process_max_entities.' "
	"FROM stage HAVING count(DISTINCT entity) > $5 "
	"UNION ALL SELECT 'process_active_count', count(*) || ' processes that begin with the same table are active', 'Deactivate one, or raise the setting process_max_active.' "
	"FROM @process p, LATERAL (SELECT f.entity FROM @process_stage f WHERE f.process_id = p.process_id ORDER BY f.sort_order, f.process_stage_id LIMIT 1) first "
	"WHERE p.state = 'active' AND first.entity = (SELECT entity FROM stage WHERE place = 1) HAVING count(*) >= $6 "
	"UNION ALL SELECT 'process_step_column', 'step \"' || t.label || '\" of stage \"' || s.name || '\" is about column ' || t.column_name || ', which ' || s.entity || ' does not have', "
	"'Name a column of the stage''s table.' FROM stage s JOIN @process_step t USING (process_stage_id) "
	"WHERE t.column_name IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
	"WHERE c.relnamespace = $2 AND c.relname = s.entity AND a.attname = t.column_name) "
	"UNION ALL SELECT 'process_branch_column', 'a branch after stage \"' || s.name || '\" looks at ' || b.column_name || ', which is no step of it or of a stage before it', "
	"'Add such a step, or look at another column.' FROM stage s JOIN @process_branch b USING (process_stage_id) WHERE b.column_name IS NOT NULL "
	"AND NOT EXISTS (SELECT FROM @process_step t WHERE t.column_name = b.column_name AND (t.process_stage_id = s.process_stage_id "
	"OR EXISTS (SELECT FROM leads_to l WHERE l.from_id = t.process_stage_id AND l.to_id = s.process_stage_id AND l.from_id IN (SELECT id FROM walk)))) "
	"UNION ALL SELECT 'process_branch_target', 'a branch after stage \"' || s.name || '\" leads into another process', 'Let it lead to a stage of this one.' "
	"FROM stage s JOIN @process_branch b USING (process_stage_id) WHERE b.next_stage_id NOT IN (SELECT process_stage_id FROM stage) "
	"UNION ALL SELECT 'process_branch_forward', 'a branch after stage \"' || s.name || '\" leads to \"' || t.name || '\", which is not later', "
	"'Let it lead to a later stage; previous_stage() and set_stage() lead back.' "
	"FROM stage s JOIN @process_branch b USING (process_stage_id) JOIN stage t ON t.process_stage_id = b.next_stage_id WHERE t.place <= s.place "
	"UNION ALL SELECT 'process_cycle', 'a path returns to tables it has left more than once', 'Let each path return to an earlier table once at most.' "
	"FROM walk WHERE returns > 1 HAVING count(*) > 0 "
	"UNION ALL SELECT DISTINCT 'process_relation', 'nothing leads to ' || w.entity || ' in stage \"' || s.name || '\"', "
	"'Let a stage about a related table come before: lead, opportunity, quote, sales_order, invoice follow from each other, any other table over a foreign key.' "
	"FROM walk w JOIN stage s ON s.process_stage_id = w.id WHERE w.lost AND w.entity <> (SELECT entity FROM stage WHERE place = 1) "
	"UNION ALL SELECT DISTINCT 'process_relation_choice', 'several keys lead to ' || w.entity || ' in stage \"' || s.name || '\": ' || array_to_string(w.keys, ', '), "
	"'Say in relation_column of the stage which of them counts, as column or table.column.' "
	"FROM walk w JOIN stage s ON s.process_stage_id = w.id WHERE cardinality(w.keys) > 1 "
	"UNION ALL SELECT DISTINCT 'process_relation_column', 'relation_column ' || s.relation_column || ' of stage \"' || s.name || '\" is no key between ' || s.entity || ' and a table before it', "
	"'Name a column with a foreign key of its own, as column or table.column, or leave it empty; lead, opportunity, quote, sales_order and invoice follow from each other over none.' "
	"FROM stage s WHERE s.relation_column IS NOT NULL AND NOT EXISTS (SELECT FROM walk w WHERE w.id = s.process_stage_id AND cardinality(w.keys) > 0) "
	"UNION ALL SELECT 'process_stage_reached', 'no path leads to stage \"' || name || '\"', 'Let a branch lead there, or leave the stage out.' "
	"FROM stage WHERE process_stage_id NOT IN (SELECT id FROM walk) AND (SELECT count(DISTINCT entity) FROM stage) <= $5",
	.argtypes = {INT8OID, OIDOID, INT4OID, INT4OID, INT4OID, INT4OID},
	.is_report = true
};
static CrmStatement select_conditions = {
	.sql = "SELECT DISTINCT s.entity, b.column_name, b.operator, b.value, of.name FROM @process_branch b "
	"JOIN @process_stage of USING (process_stage_id) JOIN @process_stage s ON s.process_id = of.process_id "
	"JOIN @process_step t ON t.process_stage_id = s.process_stage_id AND t.column_name = b.column_name "
	"WHERE of.process_id = $1 AND b.value IS NOT NULL",
	.argtypes = {INT8OID}
};

static CrmStatement select_tables = {
	.sql = "SELECT DISTINCT entity, min(name) FROM @process_stage WHERE process_id = $1 GROUP BY entity ORDER BY 1",
	.argtypes = {INT8OID}
};
static CrmStatement select_actions = {
	.sql = "SELECT t.rule_name, s.entity, t.label, s.name FROM @process_stage s JOIN @process_step t USING (process_stage_id) "
	"WHERE s.process_id = $1 AND t.kind = 'action' ORDER BY s.sort_order, s.process_stage_id, t.sort_order, t.process_step_id",
	.argtypes = {INT8OID}
};

PG_FUNCTION_INFO_V1(process_activate);
PG_FUNCTION_INFO_V1(process_deactivate);

/* process_add_definitions registers the tables that describe processes. */
void
process_add_definitions(void)
{
	lifecycle_add_entity(&process_entity);
	for (int i = 0; i < lengthof(parts); i++)
		lifecycle_add_entity(&parts[i]);
}

static void
complete_stage(CrmRow *row, CrmTicket *ticket)
{
	refuse_active(row, &share_process, "process_id");
	if (ROW_IS_UPDATE(row) && row_changed(row, "entity"))
		keep_entity(row);
}

/* keep_entity refuses another table for a stage that instances have been in: they work on a record of the one it has. */
static void
keep_entity(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "process_stage_id"))};
	uint64		n;

	SPI_connect();
	n = core_run_as_owner(row->org, &find_stay, "process_stage_history", args);
	SPI_finish();
	if (n == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a stage that records have been in stays about its table"),
			 errdetail("Stage \"%s\" is in the path of at least one instance.", row_text(row, "name")),
			 errhint("Insert another stage, or make another process."),
			 errtablecol(row->rel, row_column(row, "entity") + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, "process_stage_entity_kept")));
}

static void
complete_part(CrmRow *row, CrmTicket *ticket)
{
	refuse_active(row, &share_process_of_stage, "process_stage_id");
}

static void
before_delete_stage(CrmRow *row)
{
	refuse_active(row, &share_process, "process_id");
}

static void
before_delete_part(CrmRow *row)
{
	refuse_active(row, &share_process_of_stage, "process_stage_id");
}

/* refuse_active keeps the parts of an active process; it does not become active meanwhile. */
static void
refuse_active(CrmRow *row, CrmStatement *statement, const char *key)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, key))};
	MemoryContext caller = CurrentMemoryContext;
	char	   *name = NULL;

	SPI_connect();
	if (core_run(row->org, statement, args) > 0 && strcmp(core_result_name(0, 1), "active") == 0)
		name = MemoryContextStrdup(caller, core_result_name(0, 2));
	SPI_finish();
	if (name == NULL || core_import_mode)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("an active process cannot be edited"),
			 errdetail("Process \"%s\" is active, and records may be in it.", name),
			 errhint("Use deactivate_process() first, then activate_process() again."),
			 errtable(row->rel)));
}

/* process_activate lets records use a process that is found to be in order. */
Datum
process_activate(PG_FUNCTION_ARGS)
{
	CrmMove		move = {.entity = &process_entity, .made_by = "activate_process", .to = "active"};

	return set_state(fcinfo, &move, true);
}

/* process_deactivate keeps records from starting a process, and its instances where they are. */
Datum
process_deactivate(PG_FUNCTION_ARGS)
{
	CrmMove		move = {.entity = &process_entity, .made_by = "deactivate_process", .to = "inactive"};

	return set_state(fcinfo, &move, false);
}

static Datum
set_state(FunctionCallInfo fcinfo, CrmMove *move, bool checks)
{
	char	   *name = core_text_argument(fcinfo, 0, "process_name");
	CrmOrganization *org = core_begin();
	CrmValue	args[] = {core_text_value(name)};
	int64		id;
	char	   *from;

	if (core_run(org, &find_process, args) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("process \"%s\" does not exist", name),
				 errdetail("Table \"process\" shows you no row with that name."),
				 errhint("SELECT name FROM %s.process lists the processes.", org->quoted),
				 err_generic_string(PG_DIAG_TABLE_NAME, "process")));
	id = core_result_int8(0, 1);
	from = lifecycle_lock(org, &process_entity, id);
	lifecycle_require(org, move, id, from);
	if (checks)
		check_process(org, id, name);
	lifecycle_move(org, move, id, from);
	if (checks)
		process_settle(org);
	return core_end_text(move->to);
}

/* check_process refuses a process with anything wrong in it. */
static void
check_process(CrmOrganization *org, int64 process_id, const char *name)
{
	List	   *problems = find_bad_tables(org, process_id);

	if (problems == NIL)
		problems = find_problems(org, process_id);
	if (problems == NIL)
		problems = list_concat(find_bad_values(org, process_id), find_bad_rules(org, process_id));
	if (problems != NIL)
		raise_problems(problems, name);
}

/* find_bad_tables looks for stages about tables that no record can be of. */
static List *
find_bad_tables(CrmOrganization *org, int64 process_id)
{
	CrmValue	args[] = {CRM_INT8(process_id)};
	int			n = core_run(org, &select_tables, args);
	List	   *problems = NIL;

	for (int i = 0; i < n; i++)
	{
		char	   *entity = core_result_name(i, 1);
		char	   *problem = flow_table_problem(org, entity);

		if (problem)
			problems = lappend(problems,
							   new_problem("process_stage_entity",
										   psprintf("stage \"%s\" cannot be about \"%s\": %s", core_result_name(i, 2), entity, problem),
										   "Name a table of the organization with a key of type bigint that is called as the table and _id."));
	}
	return problems;
}

static List *
find_problems(CrmOrganization *org, int64 process_id)
{
	CrmValue	args[] = {
		CRM_INT8(process_id), CRM_DATUM(ObjectIdGetDatum(org->oid)),
		CRM_INT4(core_setting_number(org, "process_max_stages", 30)), CRM_INT4(core_setting_number(org, "process_max_steps", 30)),
		CRM_INT4(core_setting_number(org, "process_max_entities", 5)), CRM_INT4(core_setting_number(org, "process_max_active", 10))
	};
	int			n = core_run(org, &select_problems, args);
	List	   *problems = NIL;

	for (int i = 0; i < n; i++)
		problems = lappend(problems, new_problem(core_result_name(i, 1), core_result_name(i, 2), core_result_name(i, 3)));
	return problems;
}

static Problem *
new_problem(char *name, char *message, char *hint)
{
	Problem    *problem = palloc(sizeof(Problem));

	*problem = (Problem)
	{
		name, message, hint
	};
	return problem;
}

/* The condition of a branch, tried on no record. */
typedef struct Condition
{
	FlowEntity	entity;
	char	   *column;
	char	   *operator;
	char	   *value;
	char	   *stage;
} Condition;

/* find_bad_values tries each value in its column's type. */
static List *
find_bad_values(CrmOrganization *org, int64 process_id)
{
	CrmValue	args[] = {CRM_INT8(process_id)};
	int			n = core_run(org, &select_conditions, args);
	Condition  *conditions = palloc(sizeof(Condition) * (n + 1));
	List	   *problems = NIL;

	for (int i = 0; i < n; i++)
		conditions[i] = (Condition)
	{
		flow_entity_named(core_result_name(i, 1)), core_result_name(i, 2),
			core_result_name(i, 3), core_result_name(i, 4), core_result_name(i, 5)
	};
	for (int i = 0; i < n; i++)
	{
		ErrorData  *error = core_attempt(org, try_condition, &conditions[i], false);

		core_pass_conflict(error);
		if (error)
			problems = lappend(problems,
							   new_problem("process_branch_value",
										   psprintf("the value of a branch after stage \"%s\" does not fit column %s: %s",
													conditions[i].stage, conditions[i].column, error->message),
										   "Write the value as one of the column's type."));
	}
	return problems;
}

/* find_bad_rules asks automation about the rules that action steps name. */
static List *
find_bad_rules(CrmOrganization *org, int64 process_id)
{
	CrmValue	args[] = {CRM_INT8(process_id)};
	int			n = core_run(org, &select_actions, args);
	SPITupleTable *rows = SPI_tuptable;
	List	   *problems = NIL;

	for (int i = 0; i < n; i++)
	{
		char	   *rule = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);
		char	   *entity = SPI_getvalue(rows->vals[i], rows->tupdesc, 2);
		char	   *problem = process_rule_check_hook(org, rule ? rule : "", entity ? entity : "");

		if (problem)
			problems = lappend(problems,
							   new_problem("process_step_rule",
										   psprintf("action step \"%s\" of stage \"%s\": %s", SPI_getvalue(rows->vals[i], rows->tupdesc, 3),
													SPI_getvalue(rows->vals[i], rows->tupdesc, 4), problem),
										   psprintf("Name an active rule of event on_demand for %s.", entity)));
	}
	return problems;
}

static void
try_condition(CrmOrganization *org, void *argument)
{
	Condition  *condition = argument;

	flow_condition_holds(org, condition->entity, 0, condition->column, condition->operator, condition->value);
}

/* raise_problems names every problem, the first as constraint and hint. */
static void
raise_problems(List *problems, const char *name)
{
	Problem    *first = linitial(problems);
	char	   *all = NULL;
	ListCell   *cell;

	foreach(cell, problems)
	{
		Problem    *problem = lfirst(cell);

		all = all ? psprintf("%s; %s", all, problem->message) : problem->message;
	}
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("process \"%s\" cannot be activated: %s", name, first->message),
			 errdetail("Found in all: %s.", all),
			 errhint("%s", first->hint),
			 err_generic_string(PG_DIAG_TABLE_NAME, "process"),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, first->name)));
}
