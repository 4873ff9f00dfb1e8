/*
 * lists.c
 *	  Units, price lists and the bands of discount lists, kept in memory: each
 *	  line of a document asks for them, and they change rarely.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"

#include "catalog/catalog.h"

/* the bands of one discount list */
typedef struct BandEntry
{
	int64		discount_list_id;
	List	   *bands;
} BandEntry;

static void *load_units(CrmOrganization *org);
static void *load_price_lists(CrmOrganization *org);
static void *load_bands(CrmOrganization *org);
static HTAB *hash_by_id(const char *name, Size entrysize);
static CrmValue kept_number(uint64 row, int column);

static const CrmConfig unit_config = {
	.tables = {"unit"},
	.load = load_units
};
static const CrmConfig price_list_config = {
	.tables = {"price_list"},
	.load = load_price_lists
};
static const CrmConfig band_config = {
	.tables = {"discount_list_item"},
	.load = load_bands
};

static CrmStatement select_units = {
	.sql = "SELECT unit_id, unit_group_id, base_quantity FROM @unit"
};
static CrmStatement select_price_lists = {
	.sql = "SELECT price_list_id, currency_code, state = 'active', begin_date, end_date FROM @price_list"
};
static CrmStatement select_bands = {
	.sql = "SELECT discount_list_id, low_quantity, high_quantity, percentage, amount "
	"FROM @discount_list_item ORDER BY discount_list_id, low_quantity DESC"
};

/* catalog_unit returns a unit, or NULL when there is none of that key. */
const CrmUnit *
catalog_unit(CrmOrganization *org, int64 unit_id)
{
	return hash_search(core_config(org, &unit_config), &unit_id, HASH_FIND, NULL);
}

/* catalog_price_list returns a price list, or NULL when there is none of that key. */
const CrmPriceList *
catalog_price_list(CrmOrganization *org, int64 price_list_id)
{
	return hash_search(core_config(org, &price_list_config), &price_list_id, HASH_FIND, NULL);
}

/* catalog_price_list_currency returns the currency of a price list, NULL when unknown. */
const char *
catalog_price_list_currency(CrmOrganization *org, int64 price_list_id)
{
	const CrmPriceList *list = catalog_price_list(org, price_list_id);

	return list ? list->currency_code : NULL;
}

/* catalog_band returns the band of a discount list that a quantity falls in, or NULL. */
const CrmBand *
catalog_band(CrmOrganization *org, int64 discount_list_id, Datum quantity)
{
	BandEntry  *entry = hash_search(core_config(org, &band_config), &discount_list_id, HASH_FIND, NULL);
	ListCell   *cell;

	if (entry == NULL)
		return NULL;
	foreach(cell, entry->bands)
	{
		CrmBand    *band = lfirst(cell);

		if (DatumGetBool(DirectFunctionCall2(numeric_le, band->low.value, quantity)) &&
			(band->high.isnull || DatumGetBool(DirectFunctionCall2(numeric_le, quantity, band->high.value))))
			return band;
	}
	return NULL;
}

static void *
load_units(CrmOrganization *org)
{
	HTAB	   *all = hash_by_id("sales_crm units", sizeof(CrmUnit));
	uint64		n = core_config_rows(org, "unit", &select_units);

	for (uint64 i = 0; i < n; i++)
	{
		int64		id = core_result_int8(i, 1);
		CrmUnit    *unit = hash_search(all, &id, HASH_ENTER, NULL);

		unit->unit_group_id = core_result_int8(i, 2);
		unit->size = datumCopy(core_result_number(i, 3), false, -1);
	}
	return all;
}

static void *
load_price_lists(CrmOrganization *org)
{
	HTAB	   *all = hash_by_id("sales_crm price lists", sizeof(CrmPriceList));
	uint64		n = core_config_rows(org, "price_list", &select_price_lists);

	for (uint64 i = 0; i < n; i++)
	{
		int64		id = core_result_int8(i, 1);
		CrmPriceList *list = hash_search(all, &id, HASH_ENTER, NULL);
		bool		isnull;

		list->currency_code = core_result_text(i, 2);
		list->is_active = core_result_bool(i, 3);
		list->begin_date = DatumGetDateADT(core_result(i, 4, DATEOID, &isnull));
		list->has_begin = !isnull;
		list->end_date = DatumGetDateADT(core_result(i, 5, DATEOID, &isnull));
		list->has_end = !isnull;
	}
	return all;
}

static void *
load_bands(CrmOrganization *org)
{
	HTAB	   *all = hash_by_id("sales_crm discount lists", sizeof(BandEntry));
	uint64		n = core_config_rows(org, "discount_list_item", &select_bands);

	for (uint64 i = 0; i < n; i++)
	{
		CrmBand    *band = palloc(sizeof(CrmBand));
		BandEntry  *entry;
		bool		found;

		band->discount_list_id = core_result_int8(i, 1);
		band->low = kept_number(i, 2);
		band->high = kept_number(i, 3);
		band->percentage = kept_number(i, 4);
		band->amount = kept_number(i, 5);
		if (band->low.isnull || (band->percentage.isnull && band->amount.isnull))
			continue;			/* gives nothing; NOT NULL and CHECK say so */
		entry = hash_search(all, &band->discount_list_id, HASH_ENTER, &found);
		if (!found)
			entry->bands = NIL;
		entry->bands = lappend(entry->bands, band);
	}
	return all;
}

static HTAB *
hash_by_id(const char *name, Size entrysize)
{
	HASHCTL		ctl = {.keysize = sizeof(int64), .entrysize = entrysize,
	.hcxt = CurrentMemoryContext};

	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* kept_number copies a number of the result to where the cache lives; NULL stays NULL. */
static CrmValue
kept_number(uint64 row, int column)
{
	CrmValue	number;

	number.value = core_result(row, column, NUMERICOID, &number.isnull);
	if (!number.isnull)
		number.value = datumCopy(number.value, false, -1);
	return number;
}
