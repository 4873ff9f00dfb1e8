/*
 * hierarchy.c
 *	  The products that a lifecycle call must look at, locked together.
 *
 * A family moves with all below it; the family above and the members of
 * bundles decide with it. All of them are locked in the order of their keys,
 * and read again until what is locked is what is there, also where the
 * transaction's own snapshot is older (REPEATABLE READ).
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "catalog/catalog.h"

/* columns of select_around */
enum
{
	COL_ID = 1,
	COL_NUMBER,
	COL_STRUCTURE,
	COL_STATE,
	COL_PARENT,
	COL_IS_BELOW,
	COL_HAS_UNITS
};

static CrmProducts read_around(CrmOrganization *org, int64 id);
static void lock_all(CrmOrganization *org, const CrmProducts *all);
static bool are_same(const CrmProducts *a, const CrmProducts *b);

static CrmStatement select_around = {
	.sql = "WITH RECURSIVE below AS ("
	"SELECT product_id, product_structure, state FROM @product WHERE product_id = $1 "
	"UNION SELECT c.product_id, c.product_structure, c.state FROM below b JOIN @product c ON c.parent_product_id = b.product_id "
	"WHERE b.product_structure = 'family' AND b.state <> 'retired'), around AS ("
	"SELECT product_id, true AS is_below FROM below "
	"UNION ALL SELECT parent_product_id, false FROM @product WHERE product_id = $1 "
	"UNION ALL SELECT a.product_id, false FROM below b JOIN @product_association a ON a.bundle_id = b.product_id "
	"WHERE b.product_structure = 'bundle') "
	"SELECT p.product_id, p.product_number, p.product_structure, p.state, p.parent_product_id, bool_or(r.is_below), "
	"p.unit_group_id IS NOT NULL AND p.default_unit_id IS NOT NULL "
	"FROM around r JOIN @product p USING (product_id) GROUP BY p.product_id ORDER BY p.product_id",
	.argtypes = {INT8OID}
};
static CrmStatement lock_products = {
	.sql = "SELECT product_id FROM @product WHERE product_id = ANY ($1) ORDER BY product_id FOR NO KEY UPDATE",
	.argtypes = {INT8ARRAYOID}
};

/*
 * catalog_lock_products locks a product, all below it when it is a family,
 * its own family, and the members of the bundles among them.
 */
CrmProducts
catalog_lock_products(CrmOrganization *org, int64 id)
{
	CrmProducts all = read_around(org, id);

	for (;;)
	{
		CrmProducts again;

		if (all.n == 0)
			core_refuse_unknown("product", id);
		lock_all(org, &all);
		again = read_around(org, id);
		if (are_same(&all, &again))
			return again;
		all = again;
	}
}

/* catalog_product finds a product among those that are locked. */
CrmProduct *
catalog_product(const CrmProducts *all, int64 id)
{
	for (int i = 0; i < all->n; i++)
	{
		if (all->items[i].id == id)
			return &all->items[i];
	}
	core_refuse_unknown("product", id);
}

/* catalog_select picks, ascending, those to be moved that are of a structure (NULL = any) and state. */
int64 *
catalog_select(const CrmProducts *all, const char *structure, const char *state, int *n)
{
	int64	   *ids = palloc(sizeof(int64) * Max(all->n, 1));

	*n = 0;
	for (int i = 0; i < all->n; i++)
	{
		CrmProduct *product = &all->items[i];

		if (product->is_below && strcmp(product->state, state) == 0 &&
			(structure == NULL || strcmp(product->structure, structure) == 0))
			ids[(*n)++] = product->id;
	}
	return ids;
}

static CrmProducts
read_around(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};
	CrmProducts all = {.n = core_run_newest(org, &select_around, args)};

	all.items = palloc(sizeof(CrmProduct) * Max(all.n, 1));
	for (int i = 0; i < all.n; i++)
		all.items[i] = (CrmProduct)
	{
		.id = core_result_int8(i, COL_ID),
		.number = core_result_name(i, COL_NUMBER),
		.structure = core_result_name(i, COL_STRUCTURE),
		.state = core_result_name(i, COL_STATE),
		.parent_id = core_result_key(i, COL_PARENT),
		.is_below = core_result_bool(i, COL_IS_BELOW),
		.has_units = core_result_bool(i, COL_HAS_UNITS)
	};
	return all;
}

static void
lock_all(CrmOrganization *org, const CrmProducts *all)
{
	int64	   *ids = palloc(sizeof(int64) * all->n);
	CrmValue	args[1];

	for (int i = 0; i < all->n; i++)
		ids[i] = all->items[i].id;
	args[0] = CRM_DATUM(core_int8_array(ids, all->n));
	core_run(org, &lock_products, args);
}

static bool
are_same(const CrmProducts *a, const CrmProducts *b)
{
	if (a->n != b->n)
		return false;
	for (int i = 0; i < a->n; i++)
	{
		if (a->items[i].id != b->items[i].id)
			return false;
	}
	return true;
}
