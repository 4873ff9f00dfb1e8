/*
 * parameter.c
 *	  Reads the parameters of an action: a JSON object of names and expressions.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "automation/rule.h"

static JsonbValue *find(CrmActionRow *row, const char *key);
static char *expression_text(CrmActionRow *row, const char *key, const JsonbValue *value);
static void refuse_parameter(CrmActionRow *row, const char *key, const char *why) pg_attribute_noreturn();

/* automation_check_keys refuses parameters that are no object, or hold a key the action does not know. */
void
automation_check_keys(CrmActionRow *row, const char *const *keys)
{
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (!JB_ROOT_IS_OBJECT(row->parameters))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameters of action %s must be a JSON object", row->action)));
	iterator = JsonbIteratorInit(&row->parameters->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		bool		is_known = token != WJB_KEY;

		for (int i = 0; !is_known && keys[i]; i++)
			is_known = strlen(keys[i]) == value.val.string.len &&
				memcmp(keys[i], value.val.string.val, value.val.string.len) == 0;
		if (!is_known)
			refuse_parameter(row, pnstrdup(value.val.string.val, value.val.string.len), "is unknown");
	}
}

/* automation_parameter returns a text that is taken as it stands, or NULL when it may be missing. */
char *
automation_parameter(CrmActionRow *row, const char *key, bool is_required)
{
	JsonbValue *value = find(row, key);

	if (value == NULL || value->type == jbvNull)
	{
		if (is_required)
			refuse_parameter(row, key, "is missing");
		return NULL;
	}
	if (value->type != jbvString)
		refuse_parameter(row, key, "must be a text");
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* automation_flag returns a yes/no parameter, false when it is missing. */
bool
automation_flag(CrmActionRow *row, const char *key)
{
	JsonbValue *value = find(row, key);

	if (value && value->type != jbvBool)
		refuse_parameter(row, key, "must be true or false");
	return value && value->val.boolean;
}

/* automation_expression_parameter returns the text of an expression, or NULL when it may be missing. */
char *
automation_expression_parameter(CrmActionRow *row, const char *key, bool is_required)
{
	JsonbValue *value = find(row, key);

	if (value == NULL && is_required)
		refuse_parameter(row, key, "is missing");
	return value ? expression_text(row, key, value) : NULL;
}

/* automation_pairs returns the names and expressions of an object, empty when it is missing. */
void
automation_pairs(CrmActionRow *row, const char *key, List **names, List **texts)
{
	JsonbValue *found = find(row, key);
	JsonbIterator *iterator;
	JsonbValue	value;
	JsonbIteratorToken token;

	*names = NIL;
	*texts = NIL;
	if (found == NULL)
		return;
	if (found->type != jbvBinary || !JsonContainerIsObject(found->val.binary.data))
		refuse_parameter(row, key, "must be an object of names and expressions");
	iterator = JsonbIteratorInit(found->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			*names = lappend(*names, pnstrdup(value.val.string.val, value.val.string.len));
		else if (token == WJB_VALUE)
			*texts = lappend(*texts, expression_text(row, llast(*names), &value));
	}
}

static JsonbValue *
find(CrmActionRow *row, const char *key)
{
	return getKeyJsonValueFromContainer(&row->parameters->root, key, strlen(key), NULL);
}

/* expression_text returns a value as the text of an expression: numbers and yes/no may stand bare. */
static char *
expression_text(CrmActionRow *row, const char *key, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvNull:
			return pstrdup("NULL");
		default:
			refuse_parameter(row, key, "must be an expression, written as a text");
	}
}

static void
refuse_parameter(CrmActionRow *row, const char *key, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("parameter \"%s\" of action %s %s", key, row->action, why)));
}
