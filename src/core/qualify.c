/*
 * qualify.c
 *	  Operators, functions, types and collations of our statements come from
 *	  pg_catalog, whatever the caller's search_path.
 *
 * An operator that fits exactly, anywhere in the path, beats one of pg_catalog
 * that needs a cast (numeric / integer). So the names in a kept plan's raw
 * parse tree are qualified once; each later analysis starts from that tree.
 * BETWEEN, which invents operators only when analyzed, is not for us; USING,
 * which does too, joins columns of one type, whose own operator pg_catalog has.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/plancache.h"

#include "core/core.h"

static bool is_query(Node *statement);
static bool qualify(Node *node, void *state);
static void qualify_operator(A_Expr *expression);
static void spread_not_in(A_Expr *expression);
static void spread_case(CaseExpr *expression);
static void qualify_sublink(SubLink *sublink);
static void qualify_function(FuncCall *call);
static void qualify_catalog(RangeVar *relation);
static List *in_catalog(List *name);

/* core_qualify pins the names of a kept plan; what is analyzed from here on finds them nowhere else. */
void
core_qualify(SPIPlanPtr plan)
{
	ListCell   *cell;

	foreach(cell, SPI_plan_get_plan_sources(plan))
	{
		CachedPlanSource *source = lfirst(cell);
		MemoryContext caller;

		if (!is_query(source->raw_parse_tree->stmt))
			continue;
		caller = MemoryContextSwitchTo(source->context);
		(void) qualify(source->raw_parse_tree->stmt, NULL);
		MemoryContextSwitchTo(caller);
		source->is_valid = false;
	}
}

static bool
is_query(Node *statement)
{
	return IsA(statement, SelectStmt) || IsA(statement, InsertStmt) ||
		IsA(statement, UpdateStmt) || IsA(statement, DeleteStmt);
}

/* qualify visits the tree as the parser left it. */
static bool
qualify(Node *node, void *state)
{
	if (node == NULL)
		return false;
	if (IsA(node, A_Expr))
		qualify_operator((A_Expr *) node);
	else if (IsA(node, SubLink))
		qualify_sublink((SubLink *) node);
	else if (IsA(node, CaseExpr))
		spread_case((CaseExpr *) node);
	else if (IsA(node, FuncCall))
		qualify_function((FuncCall *) node);
	else if (IsA(node, TypeName))
		((TypeName *) node)->names = in_catalog(((TypeName *) node)->names);
	else if (IsA(node, RangeVar))
		qualify_catalog((RangeVar *) node);
	else if (IsA(node, CollateClause))
		((CollateClause *) node)->collname = in_catalog(((CollateClause *) node)->collname);
	return raw_expression_tree_walker(node, qualify, state);
}

static void
qualify_operator(A_Expr *expression)
{
	if (expression->kind >= AEXPR_BETWEEN)
		elog(ERROR, "a statement of sales_crm says BETWEEN, whose operators the search_path would give");
	if (expression->kind == AEXPR_IN)
		spread_not_in(expression);
	expression->name = in_catalog(expression->name);
}

/* spread_not_in writes x NOT IN (..) as x <> ALL (ARRAY[..]): the parser tells it by the first part of its name. */
static void
spread_not_in(A_Expr *expression)
{
	A_ArrayExpr *array;

	if (strcmp(strVal(linitial(expression->name)), "<>") != 0)
		return;
	array = makeNode(A_ArrayExpr);
	array->elements = (List *) expression->rexpr;
	array->location = -1;
	expression->rexpr = (Node *) array;
	expression->kind = AEXPR_OP_ALL;
}

/* spread_case writes CASE x WHEN v as CASE WHEN x = v: the parser would take the "=" from the path. */
static void
spread_case(CaseExpr *expression)
{
	ListCell   *cell;

	foreach(cell, expression->arg ? expression->args : NIL)
	{
		CaseWhen   *when = lfirst(cell);

		when->expr = (Expr *) makeSimpleA_Expr(AEXPR_OP, "=", copyObject((Node *) expression->arg),
											   (Node *) when->expr, -1);
	}
	expression->arg = NULL;
}

/* qualify_sublink names the operator of x IN (SELECT ..) and of x = ANY (SELECT ..). */
static void
qualify_sublink(SubLink *sublink)
{
	if (sublink->subLinkType == ANY_SUBLINK && sublink->operName == NIL)
		sublink->operName = list_make1(makeString("="));
	sublink->operName = in_catalog(sublink->operName);
}

/* qualify_function leaves unnest() of several arrays alone: the parser knows it by its bare name. */
static void
qualify_function(FuncCall *call)
{
	if (list_length(call->args) < 2 || strcmp(strVal(linitial(call->funcname)), "unnest") != 0)
		call->funcname = in_catalog(call->funcname);
}

/* qualify_catalog keeps a temporary table from standing in for one of the catalogue; ours have their schema already. */
static void
qualify_catalog(RangeVar *relation)
{
	if (relation->schemaname == NULL && strncmp(relation->relname, "pg_", 3) == 0)
		relation->schemaname = pstrdup("pg_catalog");
}

static List *
in_catalog(List *name)
{
	return list_length(name) == 1 ? lcons(makeString("pg_catalog"), name) : name;
}
