/*
 * life.c
 *	  The way of a product: published, revised, reverted, retired (D§3.9).
 *
 * A family goes with all below it. What is on sale does not change: a product
 * under revision keeps, in product_version, the row that is sold meanwhile.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "catalog/catalog.h"

static CrmProducts begin_move(CrmOrganization *org, const CrmMove *move, int64 id);
static void move_products(CrmOrganization *org, const CrmMove *move, const CrmProducts *all,
						  const char *structure, const char *from);
static void refuse_final(const CrmProduct *product);
static void check_family(const CrmProducts *all, const CrmProduct *product);
static void check_units(const CrmProducts *all, const int64 *ids, int n);
static void check_children(const CrmProducts *all, const CrmProduct *product);
static void check_use(CrmOrganization *org, const CrmProducts *all, const CrmProduct *product);
static void retire_all(CrmOrganization *org, const CrmMove *move, const CrmProducts *all);

static const char *const structures[] = {"family", "product", "bundle"};

static CrmStatement lock_price_lists = {
	.sql = "SELECT 1 FROM @price_list WHERE price_list_id IN (SELECT price_list_id FROM @price_list_item WHERE product_id = ANY ($1)) "
	"ORDER BY price_list_id FOR SHARE",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement find_use = {
	.sql = "SELECT string_agg(u.what, ', ' ORDER BY u.what) FROM ("
	"SELECT format('bundle %L holds %s', b.product_number, p.product_number) AS what FROM @product_association a "
	"JOIN @product b ON b.product_id = a.bundle_id JOIN @product p ON p.product_id = a.product_id "
	"WHERE a.product_id = ANY ($1) AND b.state IN ('active', 'under_revision') AND b.product_id <> ALL ($1) "
	"UNION SELECT format('price list %L has %s', l.name, p.product_number) FROM @price_list_item i "
	"JOIN @price_list l ON l.price_list_id = i.price_list_id JOIN @product p ON p.product_id = i.product_id "
	"WHERE i.product_id = ANY ($1) AND l.state = 'active' ORDER BY 1 LIMIT 10) u",
	.argtypes = {INT8ARRAYOID}
};

PG_FUNCTION_INFO_V1(catalog_publish_product);
PG_FUNCTION_INFO_V1(catalog_revise_product);
PG_FUNCTION_INFO_V1(catalog_revert_product);
PG_FUNCTION_INFO_V1(catalog_retire_product);

/*
 * catalog_publish_product puts a product on sale, or what was changed under
 * revision; of a family all that is ready, families first and bundles last.
 */
Datum
catalog_publish_product(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "product_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &catalog_product_entity, .made_by = "publish_product", .to = "active"};
	CrmProducts all = begin_move(org, &move, id);
	CrmProduct *product = catalog_product(&all, id);

	check_family(&all, product);
	if (strcmp(product->state, "retired") == 0)
	{
		if (product->parent_id != 0 || strcmp(product->structure, "product") != 0)
			refuse_final(product);
		move_products(org, &move, &all, NULL, "retired");
	}
	for (int i = 0; i < lengthof(structures); i++)
	{
		move_products(org, &move, &all, structures[i], "draft");
		move_products(org, &move, &all, structures[i], "under_revision");
	}
	return core_end_text(move.to);
}

/* catalog_revise_product opens a product for changes while the version on sale stays. */
Datum
catalog_revise_product(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "product_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &catalog_product_entity, .made_by = "revise_product", .to = "under_revision"};
	CrmProducts all = begin_move(org, &move, id);
	int			n;
	int64	   *ids = catalog_select(&all, NULL, "active", &n);

	catalog_open_versions(org, ids, n);
	lifecycle_move_many(org, &move, ids, n, "active");
	return core_end_text(move.to);
}

/* catalog_revert_product throws the changes of a revision away. */
Datum
catalog_revert_product(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "product_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &catalog_product_entity, .made_by = "revert_product", .to = "active"};
	CrmProducts all = begin_move(org, &move, id);
	int			n;
	int64	   *ids = catalog_select(&all, NULL, "under_revision", &n);

	catalog_restore_versions(org, ids, n);
	catalog_close_versions(org, ids, n, "reverted");
	lifecycle_move_many(org, &move, ids, n, "under_revision");
	return core_end_text(move.to);
}

/* catalog_retire_product takes a product from sale, a family with all below it when asked. */
Datum
catalog_retire_product(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "product_id");
	bool		include_children = core_flag_argument(fcinfo, 1, false);
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &catalog_product_entity, .made_by = "retire_product", .to = "retired"};
	CrmProducts all = begin_move(org, &move, id);
	CrmProduct *product = catalog_product(&all, id);

	if (!include_children)
		check_children(&all, product);
	check_use(org, &all, product);
	retire_all(org, &move, &all);
	return core_end_text(move.to);
}

/* begin_move locks what the move touches and refuses one that the machine does not know. */
static CrmProducts
begin_move(CrmOrganization *org, const CrmMove *move, int64 id)
{
	CrmProducts all = catalog_lock_products(org, id);

	lifecycle_require(org, move, id, catalog_product(&all, id)->state);
	return all;
}

/* move_products publishes those of one structure and state. */
static void
move_products(CrmOrganization *org, const CrmMove *move, const CrmProducts *all,
			  const char *structure, const char *from)
{
	int			n;
	int64	   *ids = catalog_select(all, structure, from, &n);

	if (n == 0)
		return;
	check_units(all, ids, n);
	if (structure && strcmp(structure, "bundle") == 0)
		catalog_check_members(org, ids, n);
	if (strcmp(from, "under_revision") == 0)
		catalog_close_versions(org, ids, n, "published");
	lifecycle_move_many(org, move, ids, n, from);
}

/* refuse_final keeps families, bundles and what belongs to a family retired. */
static void
refuse_final(const CrmProduct *product)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("publish_product() cannot bring %s \"%s\" back: it is \"retired\"", product->structure, product->number),
			 errdetail("A retired family, bundle or product of a family (%lld) stays retired.", (long long) product->id),
			 errhint("Make a new draft of it with sales_crm.clone_product()."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "product")));
}

/* check_family refuses to publish what belongs to a family that is not active. */
static void
check_family(const CrmProducts *all, const CrmProduct *product)
{
	const CrmProduct *family;

	if (product->parent_id == 0)
		return;
	family = catalog_product(all, product->parent_id);
	if (strcmp(family->state, "active") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("product \"%s\" cannot be published: its family \"%s\" is \"%s\"",
					product->number, family->number, family->state),
			 errdetail("Product %lld belongs to family %lld, which is not active.",
					   (long long) product->id, (long long) family->id),
			 strcmp(family->state, "retired") == 0
			 ? errhint("A retired family stays retired: make the product anew outside it.")
			 : errhint("Publish the family: sales_crm.publish_product(product_id => %lld) takes along what is below it.",
					   (long long) family->id),
			 err_generic_string(PG_DIAG_TABLE_NAME, "product")));
}

/* check_units refuses to sell what has no unit; a family needs none. */
static void
check_units(const CrmProducts *all, const int64 *ids, int n)
{
	for (int i = 0; i < n; i++)
	{
		CrmProduct *product = catalog_product(all, ids[i]);

		if (product->has_units || strcmp(product->structure, "family") == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_CRM_PRODUCT_NOT_SELLABLE),
				 errmsg("product \"%s\" cannot be published: it has no unit", product->number),
				 errdetail("Product %lld lacks unit_group_id or default_unit_id.", (long long) product->id),
				 errhint("Fill default_unit_id first."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "product"),
				 err_generic_string(PG_DIAG_COLUMN_NAME, "default_unit_id")));
	}
}

/* check_children refuses to retire a family that has something below it, unless asked to take that along. */
static void
check_children(const CrmProducts *all, const CrmProduct *product)
{
	for (int i = 0; i < all->n; i++)
	{
		CrmProduct *child = &all->items[i];

		if (!child->is_below || child->id == product->id || strcmp(child->state, "retired") == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 errmsg("family \"%s\" cannot be retired: it still has products", product->number),
				 errdetail("Product %lld (%s) below it is \"%s\".", (long long) child->id, child->number, child->state),
				 errhint("Retire them first, or all together with include_children => true."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "product")));
	}
}

/* check_use refuses to retire what a live bundle or an active price list still has. */
static void
check_use(CrmOrganization *org, const CrmProducts *all, const CrmProduct *product)
{
	int64	   *ids = palloc(sizeof(int64) * all->n);
	int			n = 0;
	CrmValue	args[1];
	char	   *use;

	for (int i = 0; i < all->n; i++)
	{
		if (all->items[i].is_below)
			ids[n++] = all->items[i].id;
	}
	args[0] = CRM_DATUM(core_int8_array(ids, n));
	core_run(org, &lock_price_lists, args);
	core_run_newest(org, &find_use, args);
	use = core_result_text(0, 1);
	if (use == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
			 errmsg("product \"%s\" cannot be retired while it is in use", product->number),
			 errdetail("Of product %lld: %s.", (long long) product->id, use),
			 errhint("Delete its items from the price lists, or deactivate those, and retire the bundles first."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "product")));
}

/* retire_all retires bundles first, then products, then families; drafts were never on sale and stay. */
static void
retire_all(CrmOrganization *org, const CrmMove *move, const CrmProducts *all)
{
	static const char *const from[] = {"active", "under_revision"};

	for (int i = lengthof(structures) - 1; i >= 0; i--)
	{
		for (int j = 0; j < lengthof(from); j++)
		{
			int			n;
			int64	   *ids = catalog_select(all, structures[i], from[j], &n);

			if (n == 0)
				continue;
			catalog_close_versions(org, ids, n, "retired");
			lifecycle_move_many(org, move, ids, n, from[j]);
		}
	}
}
