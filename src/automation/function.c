/*
 * function.c
 *	  The action call_function: a lifecycle call of sales_crm, or a function
 *	  that an administrator made in the organization's schema.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "automation/function.h"

#define MAX_ARGUMENTS (CRM_MAX_ARGS - 1)

/* The function that a name and argument names lead to. */
typedef struct Found
{
	Oid			oid;
	Oid			schema;
	Oid			types[MAX_ARGUMENTS];	/* of the arguments given, in their order */
	int			n;				/* how many functions fit */
} Found;

static void split_name(CrmAction *action, CrmCompiled *compiled, Oid *schema, char **name);
static void find_function(Oid schema, const char *name, List *arguments, Found *found);
static bool fits(HeapTuple tuple, List *arguments, Oid *types);
static int	position_of(const char *name, char **names, const char *modes, int n);
static void refuse_function(CrmAction *action, const Found *found);
static void make_call(CrmAction *action, CrmCompiled *compiled, const char *name, const Found *found, List *arguments);
static Datum value_array(CrmWork *work, int value);

/* function_compile: {"function": "qualify_lead", "arguments": {"lead_id": "new.lead_id"}} */
void
function_compile(CrmAction *action, CrmCompiled *compiled)
{
	List	   *arguments;
	List	   *texts;
	Found		found = {0};
	Oid			schema;
	char	   *name;

	automation_pairs(action->row, "arguments", &arguments, &texts);
	if (list_length(arguments) > MAX_ARGUMENTS)
		ereport(ERROR,
				(errcode(ERRCODE_TOO_MANY_ARGUMENTS),
				 errmsg("action call_function takes at most %d arguments", MAX_ARGUMENTS)));
	split_name(action, compiled, &schema, &name);
	if (OidIsValid(schema))
		find_function(schema, name, arguments, &found);
	else
	{
		find_function(compiled->org->oid, name, arguments, &found);
		if (found.n == 0)
			find_function(get_namespace_oid("sales_crm", false), name, arguments, &found);
	}
	if (found.n != 1 || pg_proc_aclcheck(found.oid, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK)
		refuse_function(action, &found);
	action->values = palloc0(sizeof(CrmExpression *) * Max(list_length(arguments), 1));
	action->names = palloc0(sizeof(char *) * Max(list_length(arguments), 1));
	for (int i = 0; i < list_length(arguments); i++)
	{
		action->rule->place = psprintf("argument %s of action %s: %s", (char *) list_nth(arguments, i),
									   action->row->action, (char *) list_nth(texts, i));
		action->names[i] = list_nth(arguments, i);
		action->values[i] = automation_compile_value(action->rule, compiled, list_nth(texts, i), found.types[i], -1,
													 !OidIsValid(get_array_type(found.types[i])));
		action->n++;
	}
	make_call(action, compiled, name, &found, arguments);
}

/* split_name takes the function's name apart; its schema may only be sales_crm or the organization's. */
static void
split_name(CrmAction *action, CrmCompiled *compiled, Oid *schema, char **name)
{
	char	   *given = automation_parameter(action->row, "function", true);
	List	   *parts = stringToQualifiedNameList(given);
	char	   *schema_name = list_length(parts) == 2 ? strVal(linitial(parts)) : NULL;

	action->rule->place = psprintf("function of action %s: %s", action->row->action, given);
	action->text = given;
	*name = pstrdup(strVal(llast(parts)));
	*schema = InvalidOid;
	if (schema_name)
		*schema = get_namespace_oid(schema_name, true);
	if (list_length(parts) > 2 ||
		(schema_name && *schema != compiled->org->oid && strcmp(schema_name, "sales_crm") != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a rule calls functions of schemas sales_crm and %s alone", compiled->org->name)));
}

/* find_function looks for functions of a schema that take arguments of those names. */
static void
find_function(Oid schema, const char *name, List *arguments, Found *found)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));

	for (int i = 0; i < list->n_members; i++)
	{
		HeapTuple	tuple = &list->members[i]->tuple;
		Form_pg_proc function = (Form_pg_proc) GETSTRUCT(tuple);
		Oid			types[MAX_ARGUMENTS];

		if (function->pronamespace != schema || function->prokind != PROKIND_FUNCTION ||
			function->prorettype == TRIGGEROID || !fits(tuple, arguments, types))
			continue;
		found->n++;
		found->oid = function->oid;
		found->schema = schema;
		memcpy(found->types, types, sizeof(types));
	}
	ReleaseSysCacheList(list);
}

/* fits tells whether a function takes these arguments, and all that it needs is among them. */
static bool
fits(HeapTuple tuple, List *arguments, Oid *types)
{
	Form_pg_proc function = (Form_pg_proc) GETSTRUCT(tuple);
	Oid		   *all_types;
	char	  **names;
	char	   *modes;
	int			n = get_func_arg_info(tuple, &all_types, &names, &modes);
	int			needed = function->pronargs - function->pronargdefaults;
	ListCell   *cell;

	if (names == NULL)
		return arguments == NIL && needed == 0;
	foreach(cell, arguments)
	{
		int			position = position_of(lfirst(cell), names, modes, n);

		if (position < 0 || get_typtype(all_types[position]) == TYPTYPE_PSEUDO)
			return false;
		types[foreach_current_index(cell)] = all_types[position];
	}
	for (int i = 0, input = 0; i < n && input < needed; i++)
	{
		bool		is_given = modes && modes[i] != PROARGMODE_IN && modes[i] != PROARGMODE_INOUT;

		input += !is_given;
		foreach(cell, arguments)
			is_given |= strcmp(lfirst(cell), names[i]) == 0;
		if (!is_given)
			return false;
	}
	return true;
}

/* position_of finds an input argument by its name, or returns -1. */
static int
position_of(const char *name, char **names, const char *modes, int n)
{
	for (int i = 0; i < n; i++)
	{
		bool		is_input = modes == NULL || modes[i] == PROARGMODE_IN || modes[i] == PROARGMODE_INOUT;

		if (is_input && strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

/* refuse_function says why a function cannot be called: unknown, more than one, or not allowed. */
static void
refuse_function(CrmAction *action, const Found *found)
{
	if (found->n == 1)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not execute function %s", action->rule->owner, action->text)));
	ereport(ERROR,
			(errcode(found->n == 0 ? ERRCODE_UNDEFINED_FUNCTION : ERRCODE_AMBIGUOUS_FUNCTION),
			 found->n == 0 ? errmsg("no function %s takes arguments of these names", action->text)
			 : errmsg("%d functions %s take arguments of these names", found->n, action->text)));
}

/* make_call puts the call together: an array for each argument in, one call for each of their elements. */
static void
make_call(CrmAction *action, CrmCompiled *compiled, const char *name, const Found *found, List *arguments)
{
	Oid			types[CRM_MAX_ARGS] = {INT8ARRAYOID};
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s.%s(", core_quoted(get_namespace_name(found->schema)),
					 core_quoted(name));
	for (int i = 0; i < action->n; i++)
	{
		appendStringInfo(&sql, "%s%s => a.c%d", i ? ", " : "", core_quoted(list_nth(arguments, i)), i + 1);
		if (action->values[i]->type != found->types[i])
			appendStringInfo(&sql, "::%s", format_type_be_qualified(found->types[i]));
		types[i + 1] = get_array_type(action->values[i]->type);
	}
	appendStringInfoString(&sql, ") FROM unnest($1");
	for (int i = 0; i < action->n; i++)
		appendStringInfo(&sql, ", $%d", i + 2);
	appendStringInfoString(&sql, ") a(record_id");
	for (int i = 0; i < action->n; i++)
		appendStringInfo(&sql, ", c%d", i + 1);
	appendStringInfoChar(&sql, ')');
	action->statement = automation_statement(compiled, sql.data, types);
}

/* function_run calls the function once for each row of the rule. */
void
function_run(CrmWork *work)
{
	CrmAction  *action = work->action;
	CrmValue	args[CRM_MAX_ARGS];
	int64	   *ids = palloc(sizeof(int64) * work->matches->n);

	for (int i = 0; i < work->matches->n; i++)
		ids[i] = work->firing->rows[work->matches->rows[i]].id;
	args[0] = CRM_DATUM(core_int8_array(ids, work->matches->n));
	for (int i = 0; i < action->n; i++)
		args[i + 1] = CRM_DATUM(value_array(work, i));
	core_run(work->firing->org, action->statement, args);
	for (int i = 0; automation_journal && i < work->matches->n; i++)
		automation_note(work->firing->entity, ids[i], "call_function", action->text);
}

/* value_array evaluates one argument for all rows of the rule. */
static Datum
value_array(CrmWork *work, int value)
{
	CrmExpression *expression = work->action->values[value];
	int			n = work->matches->n;
	Datum	   *elements = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	int			lower = 1;
	char		alignment;

	for (int i = 0; i < n; i++)
	{
		automation_point_at(work->firing, &work->firing->rows[work->matches->rows[i]]);
		elements[i] = automation_keep(&work->firing->evaluator, expression, &nulls[i]);
	}
	get_typlenbyvalalign(expression->type, &expression->length, &expression->is_by_value, &alignment);
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower, expression->type,
											  expression->length, expression->is_by_value, alignment));
}
