/*
 * catalog.c
 *	  The entities of this room, and the base currency.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "catalog/catalog.h"
#include "security/security.h"

static void complete_currency(CrmRow *row, CrmTicket *ticket);
static void keep_base_currency(CrmRow *row);
static void check_code(const char *code);
static void refuse_base(CrmRow *row, const char *what);
static void lock_documents(CrmOrganization *org);
static void refuse_when_used(CrmOrganization *org, const char *code);

static const char *const unit_fixed[] = {"unit_group_id", NULL};
static const char *const discount_fixed[] = {"discount_type", "currency_code", NULL};
static const char *const band_fixed[] = {"discount_list_id", NULL};
static const char *const member_fixed[] = {"bundle_id", NULL};
static const char *const property_fixed[] = {"product_id", "name", "data_type", NULL};

static const CrmEntity entities[] = {
	{.name = "currency", .key = "currency_code", .label = "currency",
	.complete = complete_currency, .before_delete = keep_base_currency},
	{.name = "unit_group", .key = "unit_group_id", .label = "unit group", .title = "name"},
	{.name = "unit", .key = "unit_id", .label = "unit", .title = "name", .fixed = unit_fixed},
	{.name = "price_list", .key = "price_list_id", .label = "price list", .title = "name",
	.complete = catalog_complete_price_list},
	{.name = "price_list_item", .key = "price_list_item_id", .label = "price list item",
	.complete = catalog_complete_price},
	{.name = "price_list_territory", .key = "price_list_territory_id", .label = "territory of a price list"},
	{.name = "discount_list", .key = "discount_list_id", .label = "discount list", .title = "name",
	.fixed = discount_fixed},
	{.name = "discount_list_item", .key = "discount_list_item_id", .label = "band of a discount list",
	.fixed = band_fixed, .complete = catalog_complete_band},
	{.name = "product_association", .key = "product_association_id", .label = "bundle member",
		.fixed = member_fixed, .complete = catalog_complete_member, .before_delete = catalog_before_delete_member},
	{.name = "product_property", .key = "product_property_id", .label = "product property", .title = "name",
	.fixed = property_fixed, .complete = catalog_complete_property, .before_delete = catalog_before_delete_property},
	{.name = "product_relationship", .key = "product_relationship_id", .label = "product relationship"},
	{.name = "product_version", .key = "product_version_id", .label = "product version", .made_by_calls = true}
};

static CrmStatement insert_currency = {
	.sql = "INSERT INTO @currency (currency_code, name, decimals, exchange_rate) "
	"SELECT $1, $1, CASE WHEN $1 IN ('JPY', 'KRW', 'CLP', 'VND', 'ISK', 'PYG', 'UGX', 'XAF', 'XOF', 'XPF') THEN 0 "
	"WHEN $1 IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 3 ELSE 2 END, 1 "
	"WHERE NOT EXISTS (SELECT FROM @currency WHERE currency_code = $1)",
	.argtypes = {TEXTOID}
};
static CrmStatement set_base = {
	.sql = "UPDATE @organization_setting SET value = $1 WHERE name = 'base_currency'",
	.argtypes = {TEXTOID}
};
static CrmStatement rebase_rates = {
	.sql = "UPDATE @currency SET exchange_rate = exchange_rate / "
	"(SELECT b.exchange_rate FROM @currency b WHERE b.currency_code = $1)",
	.argtypes = {TEXTOID}
};
static CrmStatement documents_with_money = {
	.sql = "SELECT c.relname::text, c.oid::bigint FROM pg_catalog.pg_class c "
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'exchange_rate' "
	"JOIN pg_catalog.pg_attribute b ON b.attrelid = c.oid AND b.attname = 'owner_id' "
	"WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p') ORDER BY c.relname COLLATE \"C\"",
	.argtypes = {OIDOID}
};
static CrmStatement insert_rate = {
	.sql = "INSERT INTO @exchange_rate_history (currency_code, exchange_rate, valid_from_at, recorded_by) "
	"VALUES ($1, $2, " CRM_SQL_NOW ", $3)",
	.argtypes = {TEXTOID, NUMERICOID, INT8OID}
};

PG_FUNCTION_INFO_V1(catalog_set_base);
PG_FUNCTION_INFO_V1(catalog_record_rate);

/* catalog_init registers the entities and checks of this room. */
void
catalog_init(void)
{
	lifecycle_add_entity(&catalog_product_entity);
	for (int i = 0; i < lengthof(entities); i++)
		lifecycle_add_entity(&entities[i]);
	catalog_add_checks();
}

/* catalog_set_base changes the base currency of the current organization. */
Datum
catalog_set_base(PG_FUNCTION_ARGS)
{
	char	   *code = core_text_argument(fcinfo, 0, "currency_code");

	catalog_set_base_currency(core_begin(), code);
	return core_end_text(code);
}

/*
 * catalog_set_base_currency makes a currency the base: the others' rates are
 * expressed in it. No document may exist, since its base amounts would lie, nor
 * come meanwhile: the tables are locked against writers until commit, and who
 * waited for that reads the rates anew.
 */
void
catalog_set_base_currency(CrmOrganization *org, const char *code)
{
	CrmValue	args[] = {core_text_value(code)};

	check_code(code);
	if (strcmp(code, catalog_base_currency(org)) == 0)
		return;
	lock_documents(org);
	if (strcmp(code, catalog_base_currency(org)) == 0)
		return;					/* somebody else was faster */
	refuse_when_used(org, code);
	core_run(org, &insert_currency, args);
	core_run(org, &set_base, args);
	core_run(org, &rebase_rates, args);
}

/* catalog_record_rate keeps each exchange rate that a currency had. */
Datum
catalog_record_rate(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW,
		.events = CRM_ON_INSERT | CRM_ON_UPDATE, .table = "currency"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *row = core_row(trigdata);
	CrmValue	args[] = {
		core_text_value(row_text(row, "currency_code")), CRM_DATUM(row_datum(row, "exchange_rate")),
		CRM_ID(security_acting_user(row->org))
	};

	if (ROW_IS_UPDATE(row) && !row_changed(row, "exchange_rate"))
		return PointerGetDatum(NULL);
	SPI_connect();
	core_run_as_owner(row->org, &insert_rate, "exchange_rate_history", args);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* complete_currency keeps the base currency at rate 1 and active. */
static void
complete_currency(CrmRow *row, CrmTicket *ticket)
{
	const char *code = row_text(row, "currency_code");
	const char *state = row_text(row, "state");
	Datum		one = DirectFunctionCall1(int8_numeric, Int64GetDatum(1));

	if (code == NULL || strcmp(code, catalog_base_currency(row->org)) != 0)
		return;
	if (!DatumGetBool(DirectFunctionCall2(numeric_eq, row_datum(row, "exchange_rate"), one)))
		refuse_base(row, "its rate is always 1");
	if (state && strcmp(state, "active") != 0)
		refuse_base(row, "it cannot be deactivated");
}

static void
keep_base_currency(CrmRow *row)
{
	if (strcmp(row_name(row, "currency_code"), catalog_base_currency(row->org)) == 0)
		refuse_base(row, "it cannot be deleted");
}

static void
refuse_base(CrmRow *row, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("\"%s\" is the base currency: %s", row_text(row, "currency_code"), what),
			 errdetail("All base amounts are expressed in it."),
			 errhint("Before the first document sales_crm.set_base_currency() may choose another."),
			 errtable(row->rel)));
}

static void
check_code(const char *code)
{
	if (strlen(code) != 3 || strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no currency code", code),
				 errdetail("A code has three capital letters (ISO 4217)."),
				 errhint("Give a code such as EUR.")));
}

/*
 * lock_documents waits for all that write money documents and did not commit
 * yet, and keeps others from it; by name, as who locks several tables does.
 */
static void
lock_documents(CrmOrganization *org)
{
	CrmValue	args[] = {CRM_DATUM(ObjectIdGetDatum(org->oid))};
	uint64		n = core_run(org, &documents_with_money, args);
	Oid		   *relids = palloc(sizeof(Oid) * (n + 1));

	for (uint64 i = 0; i < n; i++)
		relids[i] = (Oid) core_result_int8(i, 2);
	for (uint64 i = 0; i < n; i++)
		LockRelationOid(relids[i], ShareRowExclusiveLock);
}

/* catalog_money_documents lists the tables of money documents, and of whatever else has a rate and an owner. */
List *
catalog_money_documents(CrmOrganization *org)
{
	CrmValue	args[] = {CRM_DATUM(ObjectIdGetDatum(org->oid))};
	uint64		n = core_run(org, &documents_with_money, args);
	List	   *tables = NIL;

	for (uint64 i = 0; i < n; i++)
		tables = lappend(tables, core_result_name(i, 1));
	return tables;
}

/* refuse_when_used refuses a new base once any table of money documents has a row, whoever may see it, by now. */
static void
refuse_when_used(CrmOrganization *org, const char *code)
{
	static const Oid types[CRM_MAX_ARGS] = {InvalidOid};
	ListCell   *cell;

	foreach(cell, catalog_money_documents(org))
	{
		const char *table = lfirst(cell);
		CrmStatement *find = core_intern(psprintf("SELECT 1 FROM @%s LIMIT 1", core_quoted(table)), types);

		if (core_run_newest_as_owner(org, find, table, NULL) == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the base currency cannot become \"%s\" any more", code),
				 errdetail("Table \"%s\" has rows whose base amounts are in \"%s\".",
						   table, catalog_base_currency(org)),
				 errhint("Choose the base currency before the first document, or make another organization.")));
	}
}
