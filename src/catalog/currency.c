/*
 * currency.c
 *	  Currencies, kept in memory.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "catalog/catalog.h"

#define MOST_DECIMALS 18			/* whatever a row says */

static void *load_currencies(CrmOrganization *org);

static const CrmConfig currency_config = {
	.tables = {"currency"},
	.load = load_currencies
};
static CrmStatement select_currencies = {
	.sql = "SELECT currency_code, decimals, exchange_rate FROM @currency"
};
/* catalog_base_currency returns the code of the organization's base currency. */
const char *
catalog_base_currency(CrmOrganization *org)
{
	const char *code = core_setting(org, "base_currency");

	return code ? code : "USD";
}

/* catalog_find_currency returns a currency, or NULL when there is none of that code. */
const CrmCurrency *
catalog_find_currency(CrmOrganization *org, const char *code)
{
	return code ? hash_search(core_config(org, &currency_config), code, HASH_FIND, NULL) : NULL;
}

/* catalog_currency returns a currency or refuses the code. */
const CrmCurrency *
catalog_currency(CrmOrganization *org, const char *code)
{
	const CrmCurrency *currency = catalog_find_currency(org, code);

	if (currency == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("currency \"%s\" does not exist", code ? code : ""),
				 errdetail("Table \"%s.currency\" has no such code.", org->name),
				 errhint("Add it with its rate: INSERT INTO %s.currency (currency_code, name, exchange_rate) VALUES ('%s', ...).",
						 org->quoted, code ? code : "..."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "currency")));
	return currency;
}

static void *
load_currencies(CrmOrganization *org)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(CrmCurrency),
	.hcxt = CurrentMemoryContext};
	HTAB	   *all = hash_create("sales_crm currencies", 32, &ctl,
								  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	uint64		n = core_config_rows(org, "currency", &select_currencies);

	for (uint64 i = 0; i < n; i++)
	{
		CrmCurrency *currency = hash_search(all, core_result_name(i, 1), HASH_ENTER, NULL);

		currency->decimals = Max(0, Min(core_result_int4(i, 2), MOST_DECIMALS));
		currency->exchange_rate = datumCopy(core_result_number(i, 3), false, -1);
	}
	return all;
}
