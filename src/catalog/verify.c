/*
 * verify.c
 *	  The invariants of the catalogue, for verify().
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "catalog/catalog.h"

static CrmCheck checks[] = {
	{"active_in_unpublished_family", "product", {
			.sql = "SELECT p.product_id, 'is ' || p.state || ', its family ' || f.product_number || ' is ' || f.state FROM @product p "
			"JOIN @product f ON f.product_id = p.parent_product_id "
			"WHERE p.state IN ('active', 'under_revision') AND f.state IN ('draft', 'retired')"}},
	{"parent_is_no_family", "product", {
			.sql = "SELECT p.product_id, 'its parent ' || f.product_number || ' is a ' || f.product_structure FROM @product p "
			"JOIN @product f ON f.product_id = p.parent_product_id WHERE f.product_structure <> 'family'"}},
	{"bundle_member", "product_association", {
			.sql = "SELECT a.product_association_id, 'member ' || m.product_number || ' of a bundle that is ' || b.state || ' is ' || m.state "
			"FROM @product_association a JOIN @product b ON b.product_id = a.bundle_id JOIN @product m ON m.product_id = a.product_id "
			"WHERE b.state IN ('active', 'under_revision') AND m.state IN ('draft', 'retired')"}},
	{"open_version", "product_version", {
			.sql = "SELECT v.product_version_id, 'open, but its product is ' || p.state FROM @product_version v JOIN @product p USING (product_id) "
			"WHERE v.ended_at IS NULL AND p.state <> 'under_revision'"}},
	{"two_open_versions", "product_version", {
			.sql = "SELECT min(product_version_id), 'product ' || product_id || ' has ' || count(*) || ' open versions' FROM @product_version "
			"WHERE ended_at IS NULL GROUP BY product_id HAVING count(*) > 1"}},
	{"overlapping_bands", "discount_list_item", {
			.sql = "SELECT a.discount_list_item_id, 'overlaps band ' || b.discount_list_item_id FROM @discount_list_item a "
			"JOIN @discount_list_item b USING (discount_list_id) WHERE a.discount_list_item_id < b.discount_list_item_id "
			"AND numrange(a.low_quantity, a.high_quantity, '[]') && numrange(b.low_quantity, b.high_quantity, '[]')"}},
	{"retired_product_in_price_list", "price_list_item", {
			.sql = "SELECT i.price_list_item_id, 'product ' || p.product_number || ' is retired, price list ' || l.name || ' is active' "
			"FROM @price_list_item i JOIN @product p ON p.product_id = i.product_id JOIN @price_list l ON l.price_list_id = i.price_list_id "
			"WHERE p.state = 'retired' AND l.state = 'active'"}}
};

static char *build_rates(CrmOrganization *org, const void *argument);

/* Since when the base currency is that: its rate is 1 from then on. */
#define BASE "(SELECT s.value FROM @organization_setting s WHERE s.name = 'base_currency')"
#define SINCE \
	"(SELECT h.valid_from_at FROM @exchange_rate_history h WHERE h.currency_code = " BASE " AND h.exchange_rate_history_id > " \
	"coalesce((SELECT max(x.exchange_rate_history_id) FROM @exchange_rate_history x WHERE x.currency_code = h.currency_code " \
	"AND x.exchange_rate <> 1), 0) ORDER BY h.exchange_rate_history_id LIMIT 1)"

/* catalog_add_checks registers the checks above. */
void
catalog_add_checks(void)
{
	core_add_checks(checks, lengthof(checks));
	core_add_built_check("rate_of_base", "currency", build_rates, NULL);
}

/*
 * build_rates writes the check of rates that do not fit the base currency: one
 * that is not 1 in it, and 1 in a currency that never had that rate since.
 */
static char *
build_rates(CrmOrganization *org, const void *argument)
{
	StringInfoData text;
	ListCell   *cell;

	initStringInfo(&text);
	appendStringInfo(&text, "WITH base AS MATERIALIZED (SELECT " BASE " AS code, " SINCE " AS since), "
					 "parity AS MATERIALIZED (SELECT h.currency_code FROM @exchange_rate_history h, base b WHERE h.exchange_rate = 1 "
					 "AND (h.valid_from_at >= b.since OR h.exchange_rate_history_id = (SELECT l.exchange_rate_history_id FROM @exchange_rate_history l "
					 "WHERE l.currency_code = h.currency_code AND l.valid_from_at <= b.since ORDER BY l.valid_from_at DESC, l.exchange_rate_history_id DESC LIMIT 1))) "
					 "SELECT NULL::bigint, NULL, NULL WHERE false");
	foreach(cell, catalog_money_documents(org))
	{
		const char *table = lfirst(cell);

		if (core_has_shape(table))
			appendStringInfo(&text, " UNION ALL SELECT t.%1$s_id, 'in ' || t.currency_code || ' at a rate of ' || t.exchange_rate || ', the base currency is ' || b.code, "
							 "'%1$s' FROM @%1$s t, base b WHERE CASE WHEN t.currency_code = b.code THEN t.exchange_rate <> 1 "
							 "ELSE t.exchange_rate = 1 AND b.since IS NOT NULL AND NOT EXISTS (SELECT FROM parity p WHERE p.currency_code = t.currency_code) END", table);
	}
	return text.data;
}
