/*
 * explain.c
 *	  What a rule would do to a record: told part by part, or done and undone;
 *	  and rules that run on demand.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"

#include "automation/rule.h"

/* A call about one rule and one record. */
typedef struct Question
{
	CrmRule    *rule;
	const CrmEntity *entity;
	int64		id;
	ReturnSetInfo *result;
	int			step;
	CrmFiring  *firing;
	/* one value that is tried */
	CrmExpression *expression;
	Node	   *node;
	char	   *text;
	char	   *value;
} Question;

static void begin_question(FunctionCallInfo fcinfo, Question *question);
static void add_row(Question *question, const char *kind, const char *expression, const char *value);
static void explain(CrmFiring *firing, void *argument);
static void explain_rule_row(Question *question);
static char *explain_condition(Question *question);
static char *text_of_part(const char *text, List *parts, int n);
static int	place_of(Node *part);
static bool find_place(Node *node, void *place);
static void balance(const char **start, const char **end);
static void explain_action(Question *question, CrmAction *action, bool would_run);
static char *tried_value(Question *question, CrmExpression *expression, Node *node, char *text);
static void try_value(CrmOrganization *org, void *argument);
static void do_dry(CrmOrganization *org, void *argument);
static bool runs_on_demand(CrmRule *rule);
static void offer_question(CrmFiring *firing, void *argument);
static void write_journal(void *state, const char *entity, int64 record_id,
						  const char *action, const char *detail);

PG_FUNCTION_INFO_V1(automation_explain);
PG_FUNCTION_INFO_V1(automation_dry_run);
PG_FUNCTION_INFO_V1(automation_run_on_demand);

/* automation_explain tells, step by step, what a rule would do to a record. */
Datum
automation_explain(PG_FUNCTION_ARGS)
{
	Question	question = {0};
	CrmFiring	firing = {0};

	begin_question(fcinfo, &question);
	firing.org = question.rule->org;
	firing.entity = question.entity->name;
	firing.rules = list_make1(question.rule);
	automation_fire_rules(&firing, explain, &question);
	SPI_finish();
	return (Datum) 0;
}

/* begin_question reads the arguments of a call that returns rows; SPI is open afterwards. */
static void
begin_question(FunctionCallInfo fcinfo, Question *question)
{
	char	   *name = core_text_argument(fcinfo, 0, "rule");
	char	   *entity = core_text_argument(fcinfo, 1, "entity");
	CrmOrganization *org;

	question->id = core_id_argument(fcinfo, 2, "id");
	InitMaterializedSRF(fcinfo, 0);
	question->result = (ReturnSetInfo *) fcinfo->resultinfo;
	org = core_begin();
	automation_require_admin(org, "automation_run");	/* the values are those that the rule's owner reads */
	question->rule = automation_rule_named(org, name);
	if (strcmp(question->rule->entity, entity) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule \"%s\" is of entity %s, not %s", name, question->rule->entity, entity),
				 errdetail("It watches records of table \"%s\" alone.", question->rule->entity),
				 errhint("Give entity => %s and the key of such a record.", quote_literal_cstr(question->rule->entity))));
	question->entity = automation_table(question->rule->org, entity);
}

static void
add_row(Question *question, const char *kind, const char *expression, const char *value)
{
	Datum		values[] = {Int32GetDatum(++question->step), CStringGetTextDatum(kind),
	CStringGetTextDatum(expression), (Datum) 0};
	bool		nulls[] = {false, false, false, value == NULL};

	if (value)
		values[3] = CStringGetTextDatum(value);
	tuplestore_putvalues(question->result->setResult, question->result->setDesc, values, nulls);
}

/* explain works inside a firing that is offered no row, so that nothing runs. */
static void
explain(CrmFiring *firing, void *argument)
{
	Question   *question = argument;
	CrmCompiled *compiled = firing->compiled[0];
	HeapTuple	tuple = automation_read_record(firing->org, question->entity, question->id, false);
	CrmRuleRow	row = {.id = question->id};
	char	   *verdict;
	ListCell   *cell;

	question->firing = firing;
	firing->current = question->rule;
	row.new_tuple = compiled->scope.has_new ? tuple : NULL;
	row.old_tuple = compiled->scope.has_old ? tuple : NULL;
	automation_point_at(firing, &row);
	explain_rule_row(question);
	verdict = explain_condition(question);
	foreach(cell, compiled->actions)
		explain_action(question, lfirst(cell), verdict && strcmp(verdict, "true") == 0);
}

/* explain_rule_row says what fires the rule. */
static void
explain_rule_row(Question *question)
{
	CrmRule    *rule = question->rule;
	bool		is_active = list_member_ptr(automation_rules(rule->org, rule->entity, rule->source), rule);

	add_row(question, "rule", psprintf("%s %s%s%s%s", rule->entity, rule->event, rule->watched ? " of " : "",
									   rule->watched ? rule->watched : "", rule->is_queued ? ", queued" : ""),
			is_active ? "active" : "not active");
}

/* explain_condition shows each part that AND joins, and returns what the whole says. */
static char *
explain_condition(Question *question)
{
	char	   *text = question->rule->condition;
	Node	   *parsed;
	List	   *parts = NIL;
	char	   *verdict;

	if (text == NULL)
	{
		add_row(question, "condition", "", "true");
		return "true";
	}
	parsed = automation_parse(text);
	if (IsA(parsed, BoolExpr) && ((BoolExpr *) parsed)->boolop == AND_EXPR)
		parts = ((BoolExpr *) parsed)->args;
	for (int i = 0; i < list_length(parts); i++)
	{
		char	   *part = text_of_part(text, parts, i);

		CHECK_FOR_INTERRUPTS();
		add_row(question, "condition", part, tried_value(question, NULL, list_nth(parts, i), part));
	}
	verdict = tried_value(question, question->firing->compiled[0]->condition, NULL, NULL);
	add_row(question, "condition", text, verdict);
	return verdict;
}

/* text_of_part cuts the n-th part out of a condition: from its first token to the AND before the next part. */
static char *
text_of_part(const char *text, List *parts, int n)
{
	const char *start = n == 0 ? text : text + place_of(list_nth(parts, n));
	const char *end;

	if (n + 1 == list_length(parts))
		end = text + strlen(text);
	else
	{
		end = text + place_of(list_nth(parts, n + 1));
		while (end > start && (isspace((unsigned char) end[-1]) || end[-1] == '('))
			end--;
		if (end - start > 3 && pg_strncasecmp(end - 3, "and", 3) == 0)
			end -= 3;
	}
	while (n > 0 && start > text && start[-1] == '(')
		start--;
	balance(&start, &end);
	return pnstrdup(start, end - start);
}

/* place_of returns where the text of a part begins: at the leftmost of all that it consists of, since not every node knows its own. */
static int
place_of(Node *part)
{
	int			place = PG_INT32_MAX;

	(void) find_place(part, &place);
	return place == PG_INT32_MAX ? 0 : place;
}

static bool
find_place(Node *node, void *place)
{
	int			here = node ? exprLocation(node) : -1;

	if (here >= 0 && here < *(int *) place)
		*(int *) place = here;
	return node && raw_expression_tree_walker(node, find_place, place);
}

/* balance takes off blanks, and the parentheses that have no partner inside. */
static void
balance(const char **start, const char **end)
{
	int			depth = 0;
	int			lowest = 0;

	for (const char *p = *start; p < *end; p++)
	{
		depth += (*p == '(') - (*p == ')');
		lowest = Min(lowest, depth);
	}
	depth -= lowest;
	while (*start < *end && (isspace((unsigned char) **start) || (depth > 0 && **start == '(')))
		depth -= *(*start)++ == '(';
	while (*end > *start && (isspace((unsigned char) (*end)[-1]) || (lowest < 0 && (*end)[-1] == ')')))
		lowest += *--(*end) == ')';
}

/* explain_action shows an action and the values it would use. */
static void
explain_action(Question *question, CrmAction *action, bool would_run)
{
	const char *name = automation_action_name(action);

	add_row(question, "action", action->target_name ? psprintf("%s on %s", name, action->target_name)
			: action->text ? psprintf("%s %s", name, action->text) : name, would_run ? "would run" : "would not run");
	for (int i = 0; i < action->n; i++)
		add_row(question, "value", action->names[i], tried_value(question, action->values[i], NULL, NULL));
}

/* tried_value evaluates an expression, or a parsed part of one, and takes back what it may have done. */
static char *
tried_value(Question *question, CrmExpression *expression, Node *node, char *text)
{
	char	   *problem;

	question->expression = expression;
	question->node = node;
	question->text = text;
	question->value = NULL;
	problem = automation_attempt(question->rule->org, try_value, question, false);
	if (question->expression)
		question->expression->state_of = 0;
	return problem ? psprintf("error %s", problem) : question->value;
}

static void
try_value(CrmOrganization *org, void *argument)
{
	Question   *question = argument;
	CrmFiring  *firing = question->firing;
	CrmRights	rights;
	bool		isnull;
	Datum		value;
	char	   *shown;

	automation_enter(question->rule, &rights);
	if (question->expression == NULL)
		question->expression = automation_expression_of(&firing->compiled[0]->scope, question->node, question->text,
														BOOLOID, -1, false);
	value = automation_evaluate(&firing->evaluator, question->expression, &isnull);
	shown = automation_print(question->expression, value, isnull);
	if (shown && question->expression->type == BOOLOID)
		shown = shown[0] == 't' ? "true" : "false";
	question->value = shown ? shown : "null";
	automation_leave(&rights);
}

/* automation_dry_run does what a rule would do, tells of it, and takes it back. */
Datum
automation_dry_run(PG_FUNCTION_ARGS)
{
	Question	question = {0};
	CrmJournal	journal = automation_journal;
	void	   *state = automation_journal_state;
	char	   *problem;

	begin_question(fcinfo, &question);
	automation_journal = write_journal;
	automation_journal_state = &question;
	PG_TRY();
	{
		problem = automation_attempt(question.rule->org, do_dry, &question, false);
	}
	PG_FINALLY();
	{
		automation_journal = journal;
		automation_journal_state = state;
	}
	PG_END_TRY();
	if (problem)
		write_journal(&question, question.entity->name, question.id, "failed", problem);
	SPI_finish();
	return (Datum) 0;
}

static void
do_dry(CrmOrganization *org, void *argument)
{
	Question   *question = argument;
	CrmFiring	firing = {.org = question->rule->org, .entity = question->entity->name,
		.rules = list_make1(question->rule), .skips_watch = true, .skips_queue = true
	};

	automation_fire_rules(&firing, offer_question, question);
	if (firing.n_run == 0)
		automation_note(question->entity->name, question->id, "none", "the condition does not hold");
}

/* offer_question offers the record to the rule as if its event had happened now. */
static void
offer_question(CrmFiring *firing, void *argument)
{
	Question   *question = argument;

	automation_offer_record(firing, question->rule->source,
							automation_read_record(firing->org, question->entity, question->id, true));
}

/* write_journal adds what was done to the rows that are returned. */
static void
write_journal(void *state, const char *entity, int64 record_id, const char *action, const char *detail)
{
	Question   *question = state;
	Datum		values[] = {CStringGetTextDatum(entity), Int64GetDatum(record_id),
	CStringGetTextDatum(action), (Datum) 0};
	bool		nulls[] = {false, record_id == 0, false, detail == NULL};

	if (detail)
		values[3] = CStringGetTextDatum(detail);
	tuplestore_putvalues(question->result->setResult, question->result->setDesc, values, nulls);
}

/* automation_run_on_demand runs a rule for a record because somebody asks for it. */
Datum
automation_run_on_demand(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "rule");
	int64		id = core_id_argument(fcinfo, 1, "record_id");

	return core_end_text(automation_run_by_hand(core_begin(), name, id));
}

/* automation_run_by_hand runs an active rule of event on_demand and returns done, queued or skipped; inside SPI. */
char *
automation_run_by_hand(CrmOrganization *org, const char *name, int64 record_id)
{
	Question	question = {.id = record_id};
	CrmFiring	firing = {.org = org, .serial = automation_serial(org)};
	CrmRule    *rule = automation_rule_named(org, name);

	if (!runs_on_demand(rule))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule \"%s\" does not run on demand", name),
				 errdetail("Its event is %s, or it is not active.", rule->event),
				 errhint("Active rules of event on_demand do; dry_run() tries any rule.")));
	question.rule = rule;
	question.entity = automation_table(org, rule->entity);
	firing.entity = rule->entity;
	firing.rules = list_make1(rule);
	automation_fire_rules(&firing, offer_question, &question);
	return firing.n_run == 0 ? "skipped" : rule->is_queued ? "queued" : "done";
}

static bool
runs_on_demand(CrmRule *rule)
{
	return strcmp(rule->event, "on_demand") == 0 &&
		list_member_ptr(automation_rules(rule->org, rule->entity, rule->source), rule);
}

/* automation_why_not_by_hand says what keeps a rule from being run by hand on records of a table, NULL = nothing. */
char *
automation_why_not_by_hand(CrmOrganization *org, const char *name, const char *entity)
{
	ListCell   *cell;

	foreach(cell, automation_all_rules(org))
	{
		CrmRule    *rule = lfirst(cell);

		if (strcmp(rule->name, name) != 0)
			continue;
		if (!runs_on_demand(rule))
			return psprintf("rule \"%s\" does not run on demand: its event is %s, or it is not active", name, rule->event);
		if (strcmp(rule->entity, entity) != 0)
			return psprintf("rule \"%s\" is of entity %s", name, rule->entity);
		return NULL;
	}
	return psprintf("rule \"%s\" does not exist", name);
}
