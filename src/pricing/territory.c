/*
 * territory.c
 *	  The price list that a user's sales territory starts from (D§4.8).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pricing/pricing.h"
#include "security/security.h"

/* the active price lists of the territory of one user */
typedef struct TerritoryEntry
{
	int64		owner_id;
	List	   *lists;			/* of int64 * */
} TerritoryEntry;

static void *load_territories(CrmOrganization *org);

static const CrmConfig territory_config = {
	.tables = {"price_list_territory", "price_list", "crm_user"},
	.load = load_territories
};

static CrmStatement select_territories = {
	.sql = "SELECT u.owner_id, t.price_list_id FROM @price_list_territory t "
	"JOIN @price_list l ON l.price_list_id = t.price_list_id AND l.state = 'active' "
	"JOIN @crm_user u ON u.territory_id = t.territory_id"
};

/*
 * pricing_territory_list returns the price list of the acting user's
 * territory, where there is exactly one active one in the currency (NULL = in
 * any); else 0. An organization without such lists asks nobody who acts.
 */
int64
pricing_territory_list(CrmOrganization *org, const char *currency_code)
{
	HTAB	   *territories = core_config(org, &territory_config);
	TerritoryEntry *entry;
	int64		user;
	int64		found = 0;
	ListCell   *cell;

	if (hash_get_num_entries(territories) == 0)
		return 0;
	user = security_acting_user(org);
	entry = hash_search(territories, &user, HASH_FIND, NULL);
	if (entry == NULL)
		return 0;
	foreach(cell, entry->lists)
	{
		int64		list = *(int64 *) lfirst(cell);
		const char *currency = catalog_price_list_currency(org, list);

		if (currency_code && (currency == NULL || strcmp(currency, currency_code) != 0))
			continue;
		if (found != 0)
			return 0;
		found = list;
	}
	return found;
}

/* pricing_take_territory_list gives a row in a known currency the price list of the territory. */
void
pricing_take_territory_list(CrmRow *row)
{
	int64		list = pricing_territory_list(row->org, row_text(row, "currency_code"));

	if (list != 0)
		row_set_int8(row, "price_list_id", list);
}

static void *
load_territories(CrmOrganization *org)
{
	HASHCTL		ctl = {.keysize = sizeof(int64), .entrysize = sizeof(TerritoryEntry),
	.hcxt = CurrentMemoryContext};
	HTAB	   *all = hash_create("sales_crm territories", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	uint64		n = core_config_rows(org, "price_list_territory", &select_territories);

	for (uint64 i = 0; i < n; i++)
	{
		int64		owner_id = core_result_int8(i, 1);
		int64	   *list = palloc(sizeof(int64));
		TerritoryEntry *entry;
		bool		found;

		*list = core_result_key(i, 2);
		entry = hash_search(all, &owner_id, HASH_ENTER, &found);
		if (!found)
			entry->lists = NIL;
		entry->lists = lappend(entry->lists, list);
	}
	return all;
}
