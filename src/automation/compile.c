/*
 * compile.c
 *	  Makes a rule ready for the table as it is: names resolved, expressions
 *	  typed, statements put together from names alone.
 *
 * A compiled rule lives until its table, a function it calls or the rule
 * itself changes. It is read with the rights of the rule's owner.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/varlena.h"

#include "automation/rule.h"

static List *living = NIL;

static bool is_current(const CrmCompiled *compiled);
static CrmCompiled *compile(CrmRule *rule);
static CrmCompiled *new_compiled(CrmRule *rule, MemoryContext context);
static void find_table(CrmRule *rule, CrmCompiled *compiled);
static void watch_columns(CrmRule *rule, CrmCompiled *compiled);
static void watch_column(CrmRule *rule, CrmCompiled *compiled, const char *name);
static void drop_compiled(void *argument);
static void invalidate_compiled(Datum argument, Oid relid);
static void check_readable(CrmRule *rule);
static void check_table_owner(CrmRule *rule);
static void refuse_rule(CrmRule *rule, MemoryContext caller) pg_attribute_noreturn();

/* automation_compiled returns a rule ready to use, making it so when needed. */
CrmCompiled *
automation_compiled(CrmRule *rule)
{
	CrmCompiled *compiled = rule->compiled;

	if (compiled && is_current(compiled))
		return compiled;
	if (compiled)
	{
		rule->compiled = NULL;
		MemoryContextSetParent(compiled->context, TopTransactionContext);	/* a caller up the stack may use it */
	}
	compiled = compile(rule);
	MemoryContextSetParent(compiled->context, rule->context);
	rule->compiled = compiled;
	return compiled;
}

/* is_current tells whether what a rule was compiled from is as it was. */
static bool
is_current(const CrmCompiled *compiled)
{
	ListCell   *cell;

	if (!compiled->is_valid)
		return false;
	foreach(cell, compiled->expressions)
	{
		if (!automation_expression_is_valid(lfirst(cell)))
			return false;
	}
	return true;
}

/* compile reads a rule with the rights of its owner. */
static CrmCompiled *
compile(CrmRule *rule)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext, "sales_crm rule",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	CrmCompiled *compiled = new_compiled(rule, context);
	CrmRights	rights;
	ListCell   *cell;

	find_table(rule, compiled);
	watch_columns(rule, compiled);
	automation_enter(rule, &rights);
	if (rule->condition)
	{
		rule->place = psprintf("its condition: %s", rule->condition);
		compiled->condition = automation_compile_value(rule, compiled, rule->condition, BOOLOID, -1, false);
	}
	foreach(cell, rule->actions)
	{
		CrmActionRow *row = lfirst(cell);

		rule->place = psprintf("action %d, %s", foreach_current_index(cell) + 1, row->action);
		compiled->actions = lappend(compiled->actions, automation_compile_action(rule, compiled, row));
	}
	automation_leave(&rights);
	rule->place = RULE_PLACE;
	MemoryContextSwitchTo(caller);
	return compiled;
}

/* new_compiled makes an empty one that gives back its plans when its memory goes. */
static CrmCompiled *
new_compiled(CrmRule *rule, MemoryContext context)
{
	static bool is_registered = false;
	CrmCompiled *compiled = palloc0(sizeof(CrmCompiled));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	MemoryContext caller;

	if (!is_registered)
		core_follow_tables(invalidate_compiled);
	is_registered = true;
	compiled->context = context;
	compiled->org = rule->org;
	compiled->is_valid = true;
	callback->func = drop_compiled;
	callback->arg = compiled;
	MemoryContextRegisterResetCallback(context, callback);
	caller = MemoryContextSwitchTo(TopMemoryContext);
	living = lappend(living, compiled);
	MemoryContextSwitchTo(caller);
	return compiled;
}

/* find_table looks up the entity and what its rows look like. */
static void
find_table(CrmRule *rule, CrmCompiled *compiled)
{
	const CrmEntity *entity = automation_table(rule->org, rule->entity);
	Relation	rel;

	compiled->entity = entity;
	compiled->relid = core_table(rule->org, entity->name);
	compiled->relids = list_make1_oid(compiled->relid);
	rel = table_open(compiled->relid, AccessShareLock);
	compiled->scope.org = rule->org;
	compiled->scope.desc = CreateTupleDescCopy(RelationGetDescr(rel));
	compiled->scope.has_new = rule->source != SOURCE_DELETE;
	compiled->scope.has_old = rule->source == SOURCE_UPDATE || rule->source == SOURCE_DELETE;
	table_close(rel, AccessShareLock);
	compiled->key = get_attnum(compiled->relid, entity->key);
	if (compiled->key <= 0 || get_atttype(compiled->relid, compiled->key) != INT8OID)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("\"%s\" has no key \"%s\" of type bigint", entity->name, entity->key)));
	if (lifecycle_find_entity(rule->entity))	/* elsewhere nobody sees to it that each change raises it */
		compiled->version = get_attnum(compiled->relid, "row_version");
	if (compiled->version > 0 && get_atttype(compiled->relid, compiled->version) != INT8OID)
		compiled->version = 0;
}

/* watch_columns finds the columns whose change fires the rule. */
static void
watch_columns(CrmRule *rule, CrmCompiled *compiled)
{
	List	   *names = NIL;
	ListCell   *cell;

	compiled->watches = true;
	if (strcmp(rule->event, "state_changed") == 0)
	{
		watch_column(rule, compiled, "state");
		if (lifecycle_find_entity(rule->entity) || get_attnum(compiled->relid, "status_reason") > 0)
			watch_column(rule, compiled, "status_reason");
	}
	else if (strcmp(rule->event, "assigned") == 0)
		watch_column(rule, compiled, "owner_id");
	else if (strcmp(rule->event, "updated") == 0 && rule->watched)
	{
		if (!SplitIdentifierString(pstrdup(rule->watched), ',', &names) || names == NIL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("watched_columns \"%s\" is no list of column names", rule->watched)));
		foreach(cell, names)
			watch_column(rule, compiled, lfirst(cell));
	}
	else
		compiled->watches = false;
}

static void
watch_column(CrmRule *rule, CrmCompiled *compiled, const char *name)
{
	AttrNumber	column = get_attnum(compiled->relid, name);

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("\"%s\" has no column \"%s\"", rule->entity, name)));
	compiled->columns = bms_add_member(compiled->columns, column);
}

/* automation_compile_value makes an expression of the rule ready and remembers it. */
CrmExpression *
automation_compile_value(CrmRule *rule, CrmCompiled *compiled, const char *text,
						 Oid type, int32 typmod, bool as_text)
{
	CrmExpression *expression = automation_expression(&compiled->scope, text, type, typmod, as_text);

	compiled->expressions = lappend(compiled->expressions, expression);
	return expression;
}

/* automation_statement makes a statement whose plan goes with the compiled rule. */
CrmStatement *
automation_statement(CrmCompiled *compiled, char *sql, const Oid *argtypes)
{
	CrmStatement *statement = palloc0(sizeof(CrmStatement));

	statement->sql = sql;
	statement->is_verbatim = true;
	for (int i = 0; i < CRM_MAX_ARGS && OidIsValid(argtypes[i]); i++)
		statement->argtypes[i] = argtypes[i];
	compiled->statements = lappend(compiled->statements, statement);
	return statement;
}

/* drop_compiled gives back the plans; called when the memory goes. */
static void
drop_compiled(void *argument)
{
	CrmCompiled *compiled = argument;
	ListCell   *cell;

	living = list_delete_ptr(living, compiled);
	foreach(cell, compiled->statements)
		core_forget(compiled->org, lfirst(cell));
}

/* invalidate_compiled marks the rules whose tables changed. */
static void
invalidate_compiled(Datum argument, Oid relid)
{
	ListCell   *cell;

	foreach(cell, living)
	{
		CrmCompiled *compiled = lfirst(cell);

		if (!OidIsValid(relid) || list_member_oid(compiled->relids, relid))
			compiled->is_valid = false;
	}
}

/*
 * automation_check compiles a rule that is being saved and throws the result
 * away; what is wrong is said with the rule's name and the place.
 */
void
automation_check(CrmRule *rule)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		MemoryContextDelete(compile(rule)->context);
		check_readable(rule);
		check_table_owner(rule);
	}
	PG_CATCH();
	{
		refuse_rule(rule, caller);
	}
	PG_END_TRY();
}

/* check_readable refuses a rule over a table that its owner may not read. */
static void
check_readable(CrmRule *rule)
{
	Oid			relid = core_table(rule->org, rule->entity);

	if (pg_class_aclcheck(relid, get_role_oid(rule->owner, false), ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not read table \"%s\"", rule->owner, rule->entity)));
}

/* check_table_owner refuses a rule over a table that cannot get a trigger of ours: it is made as the table's owner. */
static void
check_table_owner(CrmRule *rule)
{
	const char *owner;

	if (rule->source == SOURCE_RAISED || core_may_have_triggers(rule->org, rule->entity))
		return;
	owner = GetUserNameFromId(core_owner(rule->org, rule->entity), false);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("the owner of table \"%s\", role \"%s\", may not make triggers of sales_crm", rule->entity, owner),
			 errdetail("Making one needs USAGE on schemas %s and sales_crm.", rule->org->quoted),
			 errhint("GRANT USAGE ON SCHEMA %s, sales_crm TO %s, or give the table another owner.", rule->org->quoted,
					 core_quoted(owner))));
}

/* refuse_rule says again what is wrong with a rule, and where; inside PG_CATCH. */
static void
refuse_rule(CrmRule *rule, MemoryContext caller)
{
	ErrorData  *error;

	MemoryContextSwitchTo(caller);
	error = CopyErrorData();
	FlushErrorState();
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("%s", error->message),
			 error->detail ? errdetail("Rule \"%s\", %s. %s", rule->name, rule->place, error->detail)
			 : errdetail("Rule \"%s\", %s.", rule->name, rule->place),
			 errhint("%s", error->hint ? error->hint :
					 "An expression is one SQL expression over new.column and old.column, whose names are found in pg_catalog, the organization and sales_crm; parameters are described at column parameters of automation_action."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "automation_rule")));
}
