/*
 * money.c
 *	  PostgreSQL's numeric arithmetic under short names; no arithmetic of our own.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "pricing/pricing.h"

Datum
money_zero(void)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(0));
}

Datum
money_one(void)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(1));
}

Datum
money_add(Datum a, Datum b)
{
	return DirectFunctionCall2(numeric_add, a, b);
}

Datum
money_subtract(Datum a, Datum b)
{
	return DirectFunctionCall2(numeric_sub, a, b);
}

Datum
money_multiply(Datum a, Datum b)
{
	return DirectFunctionCall2(numeric_mul, a, b);
}

Datum
money_hundred(void)
{
	return DirectFunctionCall1(int8_numeric, Int64GetDatum(100));
}

/* money_divide divides and rounds half away from zero. */
Datum
money_divide(Datum a, Datum b, int decimals)
{
	return money_round(DirectFunctionCall2(numeric_div, a, b), decimals);
}

/* money_percent returns so many percent of an amount, rounded. */
Datum
money_percent(Datum amount, Datum percent, int decimals)
{
	return money_divide(money_multiply(amount, percent), money_hundred(), decimals);
}

Datum
money_round(Datum amount, int decimals)
{
	return DirectFunctionCall2(numeric_round, amount, Int32GetDatum(decimals));
}

int
money_compare(Datum a, Datum b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b));
}

bool
money_is_zero(Datum amount)
{
	return money_compare(amount, money_zero()) == 0;
}

/* money_scale returns how many decimals a value needs, trailing zeros left out; NaN and infinity need none. */
int
money_scale(Datum amount)
{
	if (numeric_is_nan(DatumGetNumeric(amount)) || numeric_is_inf(DatumGetNumeric(amount)))
		return 0;
	return DatumGetInt32(DirectFunctionCall1(numeric_min_scale, amount));
}

char *
money_text(Datum amount)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, amount));
}

/* money_shown returns an amount as people write it: so many decimals, more only where they count. */
char *
money_shown(Datum amount, int decimals)
{
	return money_text(money_round(amount, Max(decimals, money_scale(amount))));
}

/* money_term returns an amount with its sign before it as a term of a sum; nothing for zero. */
char *
money_term(const char *sign, Datum amount, int decimals)
{
	if (money_is_zero(amount))
		return pstrdup("");
	return psprintf("%s%s", sign, money_shown(amount, decimals));
}
