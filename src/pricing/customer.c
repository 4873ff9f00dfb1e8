/*
 * customer.c
 *	  The customer of a document, and what it takes from him: price list,
 *	  currency, payment terms.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pricing/pricing.h"

static void take_name(CrmRow *row, const CrmCustomer *customer);
static void take_price_list(CrmRow *row, const CrmCustomer *customer);
static void check_price_list(CrmRow *row);

static CrmStatement read_account = {
	.sql = "SELECT name, price_list_id, currency_code, payment_terms FROM @account WHERE account_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement read_contact = {
	.sql = "SELECT full_name, price_list_id, currency_code, payment_terms FROM @contact WHERE contact_id = $1",
	.argtypes = {INT8OID}
};

/* pricing_read_customer reads the account, else the contact; false when neither is there. */
bool
pricing_read_customer(CrmOrganization *org, int64 account_id, int64 contact_id,
					  CrmCustomer *customer)
{
	CrmValue	args[] = {CRM_INT8(account_id != 0 ? account_id : contact_id)};
	MemoryContext caller = CurrentMemoryContext;
	bool		is_there;

	memset(customer, 0, sizeof(CrmCustomer));
	if (account_id == 0 && contact_id == 0)
		return false;
	SPI_connect();
	is_there = core_run(org, account_id != 0 ? &read_account : &read_contact, args) > 0;
	if (is_there)
	{
		MemoryContextSwitchTo(caller);
		customer->name = core_result_text(0, 1);
		customer->price_list_id = core_result_int8(0, 2);
		customer->currency_code = core_result_text(0, 3);
		customer->payment_terms = core_result_text(0, 4);
	}
	SPI_finish();
	return is_there;
}

/* pricing_require_customer refuses a document that is for nobody. */
void
pricing_require_customer(CrmRow *row, const CrmEntity *entity)
{
	if (!row_is_null(row, "account_id") || !row_is_null(row, "contact_id"))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_CUSTOMER_REQUIRED),
			 errmsg("the %s has no customer", entity->label),
			 errdetail("%s names neither an account nor a contact.",
					   lifecycle_called(entity, row_int8(row, entity->key))),
			 errhint("Give account_id or contact_id."),
			 errtablecol(row->rel, row_column(row, "account_id") + 1)));
}

/*
 * pricing_take_defaults fills price list, currency, payment terms and name
 * that the row leaves open: currency = the price list's, else the customer's,
 * else that of the territory's list, else base; price list = the customer's
 * when its currency fits, else the one of the acting user's territory (D§4.8).
 */
void
pricing_take_defaults(CrmRow *row, bool has_price_list)
{
	CrmCustomer customer = {0};
	bool		wants_list = has_price_list && row_is_null(row, "price_list_id");
	bool		wants_name = row_has(row, "name") && row_is_null(row, "name");

	if (ROW_IS_INSERT(row) && (wants_list || wants_name || row_is_null(row, "currency_code")))
		(void) pricing_read_customer(row->org, row_int8(row, "account_id"),
									 row_int8(row, "contact_id"), &customer);
	if (wants_name)
		take_name(row, &customer);
	if (ROW_IS_INSERT(row) && customer.payment_terms && row_has(row, "payment_terms") &&
		row_is_null(row, "payment_terms"))
		row_set_text(row, "payment_terms", customer.payment_terms);
	if (row_is_null(row, "currency_code") && has_price_list && !row_is_null(row, "price_list_id"))
		row_set_text(row, "currency_code",
					 catalog_price_list_currency(row->org, row_int8(row, "price_list_id")));
	if (row_is_null(row, "currency_code") && customer.currency_code)
		row_set_text(row, "currency_code", customer.currency_code);
	if (wants_list && ROW_IS_INSERT(row))
		take_price_list(row, &customer);
	if (row_is_null(row, "currency_code"))
		row_set_text(row, "currency_code", catalog_base_currency(row->org));
	if (has_price_list)
		check_price_list(row);
}

/* take_name calls the row after its customer, by his key where he is not to be seen. */
static void
take_name(CrmRow *row, const CrmCustomer *customer)
{
	const char *key = row_is_null(row, "account_id") ? "contact_id" : "account_id";

	if (customer->name)
		row_set_text(row, "name", customer->name);
	else if (ROW_IS_INSERT(row) && !row_is_null(row, key))
		row_set_text(row, "name", psprintf("%s %lld", key, (long long) row_int8(row, key)));
}

/*
 * take_price_list gives a new row its customer's price list when the
 * currencies agree, else the one of the territory. A row without a currency
 * is in the base currency, unless the territory's list is in another.
 */
static void
take_price_list(CrmRow *row, const CrmCustomer *customer)
{
	const char *given = row_text(row, "currency_code");
	const char *wanted = given ? given : catalog_base_currency(row->org);
	const char *currency = NULL;
	int64		list = customer->price_list_id;

	if (list != 0)
		currency = catalog_price_list_currency(row->org, list);
	if (currency == NULL || strcmp(currency, wanted) != 0)
		list = pricing_territory_list(row->org, given);
	if (list == 0)
		return;
	row_set_int8(row, "price_list_id", list);
	if (given == NULL)
		row_set_text(row, "currency_code", catalog_price_list_currency(row->org, list));
}

/* check_price_list refuses a price list of another currency than the document's. */
static void
check_price_list(CrmRow *row)
{
	const char *currency;

	if (row_is_null(row, "price_list_id") ||
		(ROW_IS_UPDATE(row) && !row_changed(row, "price_list_id") && !row_changed(row, "currency_code")))
		return;
	currency = catalog_price_list_currency(row->org, row_int8(row, "price_list_id"));
	if (currency == NULL || strcmp(currency, row_name(row, "currency_code")) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_CURRENCY_MISMATCH),
			 errmsg("price list %lld is in %s, the document in %s",
					(long long) row_int8(row, "price_list_id"), currency,
					row_text(row, "currency_code")),
			 errdetail("All amounts of a document are in one currency."),
			 errhint("Choose a price list in %s, or another currency_code.",
					 row_text(row, "currency_code")),
			 errtablecol(row->rel, row_column(row, "price_list_id") + 1)));
}
