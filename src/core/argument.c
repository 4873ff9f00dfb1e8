/*
 * argument.c
 *	  Arguments in, results out: the frame of every SQL-callable function.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/core.h"
#include "core/lock.h"

static void end_reading(void *before);

/* core_id_argument returns a key that must be given. */
int64
core_id_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		core_refuse_null(name);
	return PG_GETARG_INT64(n);
}

/* core_optional_id returns a key, 0 when NULL; a 0 that is given is nobody's key. */
int64
core_optional_id(FunctionCallInfo fcinfo, int n, const char *entity)
{
	if (PG_ARGISNULL(n))
		return 0;
	if (PG_GETARG_INT64(n) == 0)
		core_refuse_unknown(entity, 0);
	return PG_GETARG_INT64(n);
}

/* core_text_argument returns a text that must be given. */
char *
core_text_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		core_refuse_null(name);
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* core_optional_text returns a text, NULL when NULL. */
char *
core_optional_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* core_flag_argument returns a yes/no argument; NULL means "otherwise". */
bool
core_flag_argument(FunctionCallInfo fcinfo, int n, bool otherwise)
{
	return PG_ARGISNULL(n) ? otherwise : PG_GETARG_BOOL(n);
}

/* core_limit_argument returns how many rows are wanted at most; NULL means "otherwise". */
int32
core_limit_argument(FunctionCallInfo fcinfo, int n, int32 otherwise)
{
	int32		limit = PG_ARGISNULL(n) ? otherwise : PG_GETARG_INT32(n);

	if (limit < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"limit\" must not be negative"),
				 errdetail("It is %d.", limit),
				 errhint("Give how many are wanted at most, such as \"limit\" => 100.")));
	return limit;
}

/* core_value_argument passes an argument on to SQL as it came. */
CrmValue
core_value_argument(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? CRM_NULL : CRM_DATUM(PG_GETARG_DATUM(n));
}

/* core_ids_argument returns the keys of a bigint[] that holds no NULL. */
int64 *
core_ids_argument(FunctionCallInfo fcinfo, int n, const char *name, int *count)
{
	Datum	   *elements;
	int64	   *ids;

	if (PG_ARGISNULL(n) || array_contains_nulls(PG_GETARG_ARRAYTYPE_P(n)))
		core_refuse_null(name);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), INT8OID, sizeof(int64),
					  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, NULL, count);
	ids = palloc(sizeof(int64) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
		ids[i] = DatumGetInt64(elements[i]);
	return ids;
}

/* core_begin opens a call: SPI and the organization it works on. */
CrmOrganization *
core_begin(void)
{
	SPI_connect();
	core_lock_begin();
	return core_organization();
}

/*
 * core_begin_reading opens a call of a STABLE function: its statements see
 * what the one sees that calls it, not what that has done so far. It ends with
 * the memory of SPI, also after an error.
 */
CrmOrganization *
core_begin_reading(void)
{
	MemoryContextCallback *callback;
	bool	   *before;

	SPI_connect();
	callback = palloc(sizeof(MemoryContextCallback));
	before = palloc(sizeof(bool));
	*before = core_is_reading;
	callback->func = end_reading;
	callback->arg = before;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	core_is_reading = true;
	return core_organization();
}

static void
end_reading(void *before)
{
	core_is_reading = *(bool *) before;
}

/* core_end_text closes a call that returns a text. */
Datum
core_end_text(const char *text)
{
	char	   *copy = SPI_palloc(strlen(text) + 1);

	strcpy(copy, text);
	SPI_finish();
	return CStringGetTextDatum(copy);
}

/* core_end_id closes a call that returns a key. */
Datum
core_end_id(int64 id)
{
	SPI_finish();
	return Int64GetDatum(id);
}

/* core_end_rows closes a call that returns the rows of its last statement. */
Datum
core_end_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (int i = 0; i < result->setDesc->natts; i++)
	{
		if (TupleDescAttr(result->setDesc, i)->atttypid != SPI_gettypeid(SPI_tuptable->tupdesc, i + 1))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of the result is of type %s, not %s", NameStr(TupleDescAttr(result->setDesc, i)->attname),
							format_type_be(SPI_gettypeid(SPI_tuptable->tupdesc, i + 1)),
							format_type_be(TupleDescAttr(result->setDesc, i)->atttypid)),
					 errdetail("The functions of sales_crm work on tables as create_organization() makes them."),
					 errhint("Give the column its type back, or SET sales_crm.organization to a true organization.")));
	}
	for (uint64 i = 0; i < SPI_tuptable->numvals; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	return (Datum) 0;
}

/* core_refuse_unknown says that a record is not there, or hidden from the caller. */
void
core_refuse_unknown(const char *entity, int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("%s %lld does not exist", entity, (long long) id),
			 errdetail("Table \"%s\" shows you no row with that key.", entity),
			 errhint("Check the key, sales_crm.organization, and your row rights."),
			 err_generic_string(PG_DIAG_TABLE_NAME, entity)));
}

/* core_refuse_null refuses a NULL that the call cannot do with. */
void
core_refuse_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be NULL", name),
			 errdetail("The call needs %s to know what to work on.", name),
			 errhint("Give %s => a value.", name)));
}
