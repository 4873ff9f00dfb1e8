/*
 * expression.c
 *	  The expressions of rules: read as one expression, never put into a
 *	  statement, and evaluated over new and old.
 *
 * new.column and old.column become parameters that are fetched from the rows
 * at hand. An expression without a sub-select is evaluated by the executor's
 * expression machine, about as fast as the WHEN of a trigger; one with a
 * sub-select is a query of its own with a kept plan.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "automation/rule.h"

static bool is_bare(SelectStmt *select);
static CrmExpression *new_expression(const CrmScope *scope);
static Node *analyze(ParseState *pstate, Node *raw, Oid type, int32 typmod, bool as_text);
static Node *coerce(ParseState *pstate, Node *node, Oid type, int32 typmod);
static void refuse_sets(ParseState *pstate, Node *node);
static bool check_names(Node *node, void *scope);
static bool check_function(Oid function, void *scope);
static Oid type_namespace(Oid type);
static bool is_known_schema(const CrmScope *scope, Oid schema);
static void refuse_name(const char *kind, const char *name);
static void prepare_query(CrmExpression *expression, const char *text, Oid type, int32 typmod, bool as_text);
static void set_up_parser(ParseState *pstate, void *argument);
static Node *resolve_column(ParseState *pstate, ColumnRef *reference, Node *found);
static int	column_number(TupleDesc desc, const char *side, const char *name);
static Param *make_param(int id, Oid type, int32 typmod, Oid collation, int location);
static bool is_user_code(Node *node, void *context);
static bool prints_alike(Oid type);
static bool is_user_function(Oid function, void *context);
static void drop_expression(void *argument);
static ParamExternData *fetch_param(ParamListInfo params, int id, bool speculative, ParamExternData *space);
static Datum evaluate_query(CrmEvaluator *evaluator, CrmExpression *expression, bool *isnull);

/* automation_parse reads a text that must be one expression and nothing else. */
Node *
automation_parse(const char *text)
{
	List	   *parsed = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = castNode(SelectStmt, linitial_node(RawStmt, parsed)->stmt);

	if (!is_bare(select))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"%s\" is not one expression", text)));
	return linitial_node(ResTarget, select->targetList)->val;
}

/* is_bare tells whether a parsed text has one value and none of the clauses of a SELECT. */
static bool
is_bare(SelectStmt *select)
{
	ResTarget  *target;

	if (list_length(select->targetList) != 1 || select->distinctClause || select->intoClause ||
		select->fromClause || select->whereClause || select->groupClause || select->groupDistinct ||
		select->havingClause || select->windowClause || select->valuesLists || select->sortClause ||
		select->limitOffset || select->limitCount || select->lockingClause || select->withClause ||
		select->op != SETOP_NONE)
		return false;
	target = linitial_node(ResTarget, select->targetList);
	return target->name == NULL && target->indirection == NIL;
}

/*
 * automation_expression makes a text ready, in the current memory context,
 * giving a value of a type; as text when asked. Type InvalidOid keeps its own.
 */
CrmExpression *
automation_expression(const CrmScope *scope, const char *text, Oid type, int32 typmod, bool as_text)
{
	return automation_expression_of(scope, automation_parse(text), text, type, typmod, as_text);
}

/* automation_expression_of does so for what was parsed already; text is its source. */
CrmExpression *
automation_expression_of(const CrmScope *scope, Node *raw, const char *text,
						 Oid type, int32 typmod, bool as_text)
{
	CrmExpression *expression = new_expression(scope);
	ParseState *pstate = make_parsestate(NULL);
	Node	   *node;

	set_up_parser(pstate, (void *) scope);
	node = analyze(pstate, raw, type, typmod, as_text);
	(void) check_names(node, (void *) scope);
	expression->type = exprType(node);
	get_typlenbyval(expression->type, &expression->length, &expression->is_by_value);
	if (pstate->p_hasSubLinks)
		prepare_query(expression, text, type, typmod, as_text);
	else
	{
		expression->cached = GetCachedExpression(node);
		expression->is_plain = !contain_mutable_functions(expression->cached->expr) &&
			!is_user_code(node, NULL) && !is_user_code(expression->cached->expr, NULL);
		if (expression->is_plain)
			expression->state = ExecInitExpr((Expr *) expression->cached->expr, NULL);
	}
	free_parsestate(pstate);
	return expression;
}

/* new_expression makes an empty one, which gives back what it holds when its memory goes. */
static CrmExpression *
new_expression(const CrmScope *scope)
{
	CrmExpression *expression = palloc0(sizeof(CrmExpression));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	expression->scope = scope;
	callback->func = drop_expression;
	callback->arg = expression;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	return expression;
}

/* analyze gives a parsed expression its meaning and its type. */
static Node *
analyze(ParseState *pstate, Node *raw, Oid type, int32 typmod, bool as_text)
{
	Node	   *node = transformExpr(pstate, copyObject(raw), EXPR_KIND_OTHER);

	refuse_sets(pstate, node);
	if (type == BOOLOID && !as_text)
		node = coerce_to_boolean(pstate, node, "the condition");
	else
		node = coerce(pstate, node, type, typmod);
	if (as_text && exprType(node) != TEXTOID)
		node = coerce_to_target_type(pstate, node, exprType(node), TEXTOID, -1,
									 COERCION_EXPLICIT, COERCE_EXPLICIT_CAST, -1);
	assign_expr_collations(pstate, node);
	return node;
}

/* coerce gives a value the type of the column or argument it is for, as an assignment would. */
static Node *
coerce(ParseState *pstate, Node *node, Oid type, int32 typmod)
{
	Oid			from = exprType(node);
	Node	   *result;

	if (!OidIsValid(type))
		type = from == UNKNOWNOID ? TEXTOID : from;
	result = coerce_to_target_type(pstate, node, from, type, typmod,
								   COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a value of type %s is wanted, the expression gives %s",
						format_type_with_typemod(type, typmod), format_type_be(from))));
	return result;
}

/* refuse_sets refuses what gives other than one value for one row. */
static void
refuse_sets(ParseState *pstate, Node *node)
{
	if (pstate->p_hasAggs || pstate->p_hasWindowFuncs || expression_returns_set(node))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("aggregates, window functions and functions that return sets need a sub-select here")));
}

/*
 * check_names refuses functions, tables and domains of other schemas than
 * pg_catalog, the organization and sales_crm, also where they are written with
 * their schema: a name in pg_temp would mean what each session makes of it.
 */
static bool
check_names(Node *node, void *scope)
{
	if (node == NULL)
		return false;
	(void) check_functions_in_node(node, check_function, scope);
	if (IsA(node, CoerceToDomain) &&
		!is_known_schema(scope, type_namespace(((CoerceToDomain *) node)->resulttype)))
		refuse_name("type", format_type_be_qualified(((CoerceToDomain *) node)->resulttype));
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		if (entry->rtekind == RTE_RELATION && !is_known_schema(scope, get_rel_namespace(entry->relid)))
			refuse_name("table", get_rel_name(entry->relid));
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_names, scope, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, check_names, scope);
}

static bool
check_function(Oid function, void *scope)
{
	if (!is_known_schema(scope, get_func_namespace(function)))
		refuse_name("function", format_procedure_qualified(function));
	return false;
}

static Oid
type_namespace(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			schema = HeapTupleIsValid(tuple) ? ((Form_pg_type) GETSTRUCT(tuple))->typnamespace : InvalidOid;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return schema;
}

static bool
is_known_schema(const CrmScope *scope, Oid schema)
{
	return schema == PG_CATALOG_NAMESPACE || schema == scope->org->oid ||
		schema == get_namespace_oid("sales_crm", true);
}

static void
refuse_name(const char *kind, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s %s is in none of the schemas that rules may use", kind, name),
			 errhint("Rules use pg_catalog, their organization and sales_crm alone; wrap it in a function of the organization.")));
}

/*
 * prepare_query keeps the plan of an expression with a sub-select. The text
 * was read as one expression before, so that parentheses hold it together.
 */
static void
prepare_query(CrmExpression *expression, const char *text, Oid type, int32 typmod, bool as_text)
{
	StringInfoData sql;
	SPIPrepareOptions options = {
		.parserSetup = set_up_parser, .parserSetupArg = (void *) expression->scope,
		.parseMode = RAW_PARSE_DEFAULT, .cursorOptions = CURSOR_OPT_GENERIC_PLAN
	};
	SPIPlanPtr	plan;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT (%s\n)", text);
	if (OidIsValid(type))
		appendStringInfo(&sql, "::%s", format_type_with_typemod(type, typmod));
	if (as_text)
		appendStringInfoString(&sql, "::pg_catalog.text");
	SPI_connect();
	plan = SPI_prepare_extended(sql.data, &options);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare an expression: %s", SPI_result_code_string(SPI_result));
	expression->plan = plan;
	SPI_finish();
}

/* set_up_parser lets a parser know new and old. */
static void
set_up_parser(ParseState *pstate, void *argument)
{
	pstate->p_post_columnref_hook = resolve_column;
	pstate->p_ref_hook_state = argument;
}

/* resolve_column turns new, old, new.column and old.column into parameters. */
static Node *
resolve_column(ParseState *pstate, ColumnRef *reference, Node *found)
{
	const CrmScope *scope = pstate->p_ref_hook_state;
	TupleDesc	desc = scope->desc;
	const char *side = IsA(linitial(reference->fields), String) ? strVal(linitial(reference->fields)) : "";
	bool		is_new = strcmp(side, "new") == 0;
	int			length = list_length(reference->fields);
	int			column;
	Form_pg_attribute attribute;

	if (found || length > 2 || !(is_new || strcmp(side, "old") == 0) ||
		(length == 2 && !IsA(lsecond(reference->fields), String)))
		return NULL;
	if (!(is_new ? scope->has_new : scope->has_old))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("there is no \"%s\" in this event", side)));
	if (length == 1)
		return (Node *) make_param(2 * desc->natts + (is_new ? 1 : 2), desc->tdtypeid, -1,
								   InvalidOid, reference->location);
	column = column_number(desc, side, strVal(lsecond(reference->fields)));
	attribute = TupleDescAttr(desc, column - 1);
	return (Node *) make_param(is_new ? column : desc->natts + column, attribute->atttypid,
							   attribute->atttypmod, attribute->attcollation, reference->location);
}

/* column_number returns the place, from 1, of a column that must be there. */
static int
column_number(TupleDesc desc, const char *side, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return i + 1;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("\"%s\" has no column \"%s\"", side, name)));
}

static Param *
make_param(int id, Oid type, int32 typmod, Oid collation, int location)
{
	Param	   *param = makeNode(Param);

	param->paramkind = PARAM_EXTERN;
	param->paramid = id;
	param->paramtype = type;
	param->paramtypmod = typmod;
	param->paramcollid = collation;
	param->location = location;
	return param;
}

/*
 * is_user_code tells whether an expression calls anything that did not come
 * with PostgreSQL, or prints what settings of the caller print otherwise.
 */
static bool
is_user_code(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, XmlExpr) || (IsA(node, CoerceViaIO) && !prints_alike(exprType((Node *) ((CoerceViaIO *) node)->arg))))
		return true;
	if (IsA(node, CoerceToDomain) || check_functions_in_node(node, is_user_function, NULL))
		return true;
	return expression_tree_walker(node, is_user_code, context);
}

/* prints_alike tells of types whose values are the same text in every session; intervals, floats and bytes are not. */
static bool
prints_alike(Oid type)
{
	static const Oid types[] = {BOOLOID, INT2OID, INT4OID, INT8OID, NUMERICOID, TEXTOID, VARCHAROID, BPCHAROID, NAMEOID, UUIDOID};

	for (int i = 0; i < lengthof(types); i++)
	{
		if (types[i] == type)
			return true;
	}
	return false;
}

static bool
is_user_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId;
}

/* drop_expression gives back the plan or tree; called when the memory of an expression goes. */
static void
drop_expression(void *argument)
{
	CrmExpression *expression = argument;

	if (expression->cached)
		FreeCachedExpression(expression->cached);
	if (expression->plan)
		SPI_freeplan(expression->plan);
}

/* automation_expression_is_valid tells whether all that an expression uses is as it was. */
bool
automation_expression_is_valid(const CrmExpression *expression)
{
	return expression->cached == NULL || expression->cached->is_valid;
}

/* automation_start_evaluator makes ready to evaluate over rows of a table; its memory is the current one. */
void
automation_start_evaluator(CrmEvaluator *evaluator, TupleDesc desc)
{
	static uint64 serial = 0;

	memset(evaluator, 0, sizeof(CrmEvaluator));
	evaluator->serial = ++serial;
	evaluator->desc = desc;
	evaluator->econtext = CreateStandaloneExprContext();
	evaluator->params = makeParamList(0);
	evaluator->params->paramFetch = fetch_param;
	evaluator->params->paramFetchArg = evaluator;
	evaluator->params->numParams = 2 * desc->natts + 2;
	evaluator->econtext->ecxt_param_list_info = evaluator->params;
}

void
automation_end_evaluator(CrmEvaluator *evaluator)
{
	FreeExprContext(evaluator->econtext, true);
}

/* fetch_param finds a column of new or old in the row at hand. */
static ParamExternData *
fetch_param(ParamListInfo params, int id, bool speculative, ParamExternData *space)
{
	CrmEvaluator *evaluator = params->paramFetchArg;
	int			natts = evaluator->desc->natts;
	bool		is_whole = id > 2 * natts;
	bool		is_new = is_whole ? id == 2 * natts + 1 : id <= natts;
	TupleTableSlot *slot = is_new ? evaluator->new_row : evaluator->old_row;
	int			column = (id - 1) % natts + 1;

	space->pflags = 0;
	space->ptype = is_whole ? evaluator->desc->tdtypeid
		: TupleDescAttr(evaluator->desc, column - 1)->atttypid;
	space->isnull = slot == NULL;
	space->value = (Datum) 0;
	if (slot && is_whole)
		space->value = ExecFetchSlotHeapTupleDatum(slot);
	else if (slot)
		space->value = slot_getattr(slot, column, &space->isnull);
	return space;
}

/*
 * automation_evaluate returns the value for the row at hand, which lives until
 * the evaluator's expression context is reset. What is not plain is set up
 * anew in each run: privileges and caches of users' functions are then fresh.
 */
Datum
automation_evaluate(CrmEvaluator *evaluator, CrmExpression *expression, bool *isnull)
{
	if (expression->plan)
		return evaluate_query(evaluator, expression, isnull);
	if (!expression->is_plain && expression->state_of != evaluator->serial)
	{
		MemoryContext caller = MemoryContextSwitchTo(evaluator->econtext->ecxt_per_query_memory);

		expression->state = ExecInitExpr((Expr *) expression->cached->expr, NULL);
		expression->state_of = evaluator->serial;
		MemoryContextSwitchTo(caller);
	}
	return ExecEvalExprSwitchContext(expression->state, evaluator->econtext, isnull);
}

/* automation_keep returns the value as a copy in the current memory context. */
Datum
automation_keep(CrmEvaluator *evaluator, CrmExpression *expression, bool *isnull)
{
	Datum		value = automation_evaluate(evaluator, expression, isnull);

	if (!*isnull)
		value = datumCopy(value, expression->is_by_value, expression->length);
	ResetExprContext(evaluator->econtext);
	return *isnull ? (Datum) 0 : value;
}

/* evaluate_query runs the query of an expression with a sub-select; SPI is connected. */
static Datum
evaluate_query(CrmEvaluator *evaluator, CrmExpression *expression, bool *isnull)
{
	SPIExecuteOptions options = {.params = evaluator->params, .tcount = 2};
	int			rc = SPI_execute_plan_extended(expression->plan, &options);
	SPITupleTable *rows = SPI_tuptable;
	MemoryContext caller;
	Datum		value;

	if (rc != SPI_OK_SELECT || SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("an expression gave %llu values instead of one", (unsigned long long) SPI_processed),
				 errhint("Let it return one value, such as by a sub-select with LIMIT 1.")));
	value = SPI_getbinval(rows->vals[0], rows->tupdesc, 1, isnull);
	caller = MemoryContextSwitchTo(evaluator->econtext->ecxt_per_tuple_memory);
	if (!*isnull)
		value = datumCopy(value, expression->is_by_value, expression->length);
	MemoryContextSwitchTo(caller);
	SPI_freetuptable(rows);
	return value;
}

/* automation_print shows a value as text, NULL for NULL. */
char *
automation_print(const CrmExpression *expression, Datum value, bool isnull)
{
	Oid			output;
	bool		is_varlena;

	if (isnull)
		return NULL;
	getTypeOutputInfo(expression->type, &output, &is_varlena);
	return OidOutputFunctionCall(output, value);
}
