/*
 * verify.c
 *	  The invariants of the catalogue, for verify().
 */
#include "postgres.h"

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

/* catalog_add_checks registers the checks above. */
void
catalog_add_checks(void)
{
	core_add_checks(checks, lengthof(checks));
}
