/*
 * currency.c
 *	  A row's exchange rate, its money rounded to the currency, its base amounts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "pricing/pricing.h"

/* type modifier of numeric(19,4), the type of every amount of money */
#define MONEY_TYPMOD (((19 << 16) | 4) + VARHDRSZ)

static void take_rate(CrmRow *row, const CrmCurrency *currency);
static void refuse_range(CrmRow *row, const char *column, const char *message,
						 const char *hint);
static void refuse_nan(CrmRow *row, const char *column);
static bool is_base(const char *column);
static void complete_base(CrmRow *row, int column, const char *name);

/*
 * pricing_complete_money works on every column of type numeric(19,4), those a
 * user added included: an amount is rounded to the currency's decimals, and
 * X_base is X in base currency with four decimals.
 */
void
pricing_complete_money(CrmRow *row)
{
	const CrmCurrency *currency = catalog_currency(row->org, row_text(row, "currency_code"));

	take_rate(row, currency);
	for (int i = 0; i < row->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row->desc, i);

		if (attribute->atttypmod != MONEY_TYPMOD || attribute->atttypid != NUMERICOID ||
			attribute->attisdropped || row->nulls[i] || is_base(NameStr(attribute->attname)))
			continue;
		if (numeric_is_nan(DatumGetNumeric(row->values[i])))
			refuse_nan(row, NameStr(attribute->attname));
		if (money_scale(row->values[i]) > currency->decimals)
			row_set_column(row, i, money_round(row->values[i], currency->decimals));
	}
	for (int i = 0; i < row->desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(row->desc, i);

		if (attribute->atttypmod == MONEY_TYPMOD && attribute->atttypid == NUMERICOID && !attribute->attisdropped &&
			is_base(NameStr(attribute->attname)))
			complete_base(row, i, NameStr(attribute->attname));
	}
}

/* pricing_check_percent refuses what is not between 0 and 100. */
void
pricing_check_percent(CrmRow *row, const char *column)
{
	if (row_is_null(row, column) ||
		(money_compare(row_datum(row, column), money_zero()) >= 0 &&
		 money_compare(row_datum(row, column), money_hundred()) <= 0))
		return;
	refuse_range(row, column, psprintf("%s must be between 0 and 100 percent", column),
				 "10 means ten percent.");
}

/* pricing_check_not_negative refuses an amount below zero. */
void
pricing_check_not_negative(CrmRow *row, const char *column)
{
	if (row_is_null(row, column) || money_compare(row_datum(row, column), money_zero()) >= 0)
		return;
	refuse_range(row, column, psprintf("%s must not be negative", column),
				 "Give zero or more.");
}

/* pricing_check_numbers refuses NaN, which numeric takes and no sum survives. */
void
pricing_check_numbers(CrmRow *row, const char *const *columns, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (!row_is_null(row, columns[i]) && numeric_is_nan(DatumGetNumeric(row_datum(row, columns[i]))))
			refuse_nan(row, columns[i]);
	}
}

static void
refuse_nan(CrmRow *row, const char *column)
{
	refuse_range(row, column, psprintf("%s must be a number", column),
				 "NaN is no amount; give zero or leave the column out.");
}

/* refuse_range raises what a CHECK of the column would, with a way out. */
static void
refuse_range(CrmRow *row, const char *column, const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("%s", message),
			 errdetail("%s was given for a row of \"%s\".", money_text(row_datum(row, column)),
					   RelationGetRelationName(row->rel)),
			 errhint("%s", hint),
			 errtablecol(row->rel, row_column(row, column) + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME,
								psprintf("%s_%s_check", RelationGetRelationName(row->rel), column))));
}

/* take_rate gives a row the rate of the day it is made or its currency changes. */
static void
take_rate(CrmRow *row, const CrmCurrency *currency)
{
	if (core_import_mode && !row_is_null(row, "exchange_rate"))
	{
		if (money_compare(row_datum(row, "exchange_rate"), money_zero()) <= 0)
			refuse_range(row, "exchange_rate", "exchange_rate must be more than zero",
						 "Give the units of the currency for one unit of the base currency.");
		return;
	}
	if (ROW_IS_INSERT(row) || row_changed(row, "currency_code") || row_is_null(row, "exchange_rate"))
		row_set(row, "exchange_rate", currency->exchange_rate);
}

static bool
is_base(const char *column)
{
	size_t		length = strlen(column);

	return length > 5 && strcmp(column + length - 5, "_base") == 0;
}

/* complete_base writes X_base = X divided by the row's rate, where X is a number. */
static void
complete_base(CrmRow *row, int column, const char *name)
{
	char	   *source_name = pnstrdup(name, strlen(name) - 5);
	int			source = row_column(row, source_name);

	if (source < 0 || TupleDescAttr(row->desc, source)->atttypid != NUMERICOID)
		return;
	if (row->nulls[source])
		row_set_null(row, name);
	else if (money_compare(row_datum(row, "exchange_rate"), money_one()) == 0)
		row_set_column(row, column, row->values[source]);
	else
		row_set_column(row, column, money_divide(row->values[source],
												 row_datum(row, "exchange_rate"), 4));
}
