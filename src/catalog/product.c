/*
 * product.c
 *	  What a product must keep to, whoever writes it, and copies of products.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "catalog/catalog.h"

static void complete_product(CrmRow *row, CrmTicket *ticket);
static void keep_revised(CrmRow *row);
static void check_parent(CrmRow *row);
static void refuse_parent(CrmRow *row, const char *number, const char *what, int code);
static void complete_units(CrmRow *row);
static void check_prices(CrmRow *row);
static char *free_number(CrmOrganization *org, int64 id);
static void clone_row(CrmOrganization *org, int64 from, int64 to);

static const char *const product_fixed[] = {"parent_product_id", "product_structure", NULL};

const CrmEntity catalog_product_entity = {
	.name = "product", .key = "product_id", .label = "product", .title = "product_number",
	.fixed = product_fixed, .complete = complete_product, .before_delete = keep_revised
};

static CrmStatement find_parent = {
	.sql = "SELECT product_number, product_structure, state FROM @product WHERE product_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement find_units = {
	.sql = "SELECT (SELECT unit_group_id FROM @unit WHERE unit_id = $1), "
	"(SELECT unit_id FROM @unit WHERE unit_group_id = $2 AND is_base_unit)",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement find_misfit = {
	.sql = "SELECT u.name, (SELECT count(*) FROM @price_list_item i WHERE i.product_id = $1 AND i.unit_id = u.unit_id) > 0 FROM @unit u "
	"WHERE u.unit_group_id <> $2 AND u.unit_id IN (SELECT unit_id FROM @price_list_item WHERE product_id = $1 "
	"UNION ALL SELECT unit_id FROM @product_association WHERE product_id = $1) LIMIT 1",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement find_other_currency = {
	.sql = "SELECT l.name FROM @price_list_item i JOIN @price_list l USING (price_list_id) "
	"WHERE i.product_id = $1 AND i.pricing_method <> 'currency_amount' AND l.currency_code <> $2 LIMIT 1",
	.argtypes = {INT8OID, TEXTOID}
};
static CrmStatement list_columns = {
	.sql = "SELECT string_agg(format($2, attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute "
	"WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname NOT IN ('product_id', "
	"'product_number', 'name', 'state', 'status_reason', 'created_at', 'created_by', 'modified_at', 'modified_by', 'row_version')",
	.argtypes = {OIDOID, TEXTOID}
};
static CrmStatement find_free_number = {
	.sql = "SELECT c.number FROM @product o, generate_series(1, 100000) AS n, "
	"LATERAL (SELECT o.product_number || '-copy' || CASE n WHEN 1 THEN '' ELSE '-' || n END AS number) c "
	"WHERE o.product_id = $1 AND NOT EXISTS (SELECT FROM @product x WHERE x.product_number = c.number) ORDER BY n LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement copy_properties = {
	.sql = "INSERT INTO @product_property (product_id, name, data_type, options, default_value, is_required, is_read_only, is_hidden, "
	"overridden_property_id) SELECT $2, name, data_type, options, default_value, is_required, is_read_only, is_hidden, "
	"overridden_property_id FROM @product_property WHERE product_id = $1 ORDER BY product_property_id",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement copy_members = {
	.sql = "INSERT INTO @product_association (bundle_id, product_id, quantity, unit_id, is_required) "
	"SELECT $2, a.product_id, a.quantity, a.unit_id, a.is_required FROM @product_association a JOIN @product p USING (product_id) "
	"WHERE a.bundle_id = $1 AND p.state <> 'retired' ORDER BY a.product_association_id",
	.argtypes = {INT8OID, INT8OID}
};

PG_FUNCTION_INFO_V1(catalog_clone_product);

/* catalog_clone_product makes a new draft of a product, with its own properties and members but no prices. */
Datum
catalog_clone_product(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "product_id");
	CrmOrganization *org = core_begin();
	int64		clone_id;
	CrmValue	args[2] = {CRM_INT8(id), CRM_NULL};

	catalog_lock_families(org, id);
	lifecycle_lock(org, &catalog_product_entity, id);
	clone_id = core_next_id(org, "product", "product_id");
	args[1] = CRM_INT8(clone_id);
	clone_row(org, id, clone_id);
	core_run(org, &copy_properties, args);
	core_run(org, &copy_members, args);
	return core_end_id(clone_id);
}

/*
 * catalog_product_columns lists the columns of product that make up its data,
 * the user's own too, each written in a format; number, name, state and
 * stamps are not among them.
 */
char *
catalog_product_columns(CrmOrganization *org, const char *format)
{
	CrmValue	args[] = {
		CRM_DATUM(ObjectIdGetDatum(core_table(org, "product"))), core_text_value(format)
	};

	core_run(org, &list_columns, args);
	return core_result_name(0, 1);
}

/* complete_product keeps a product with its family, its units and its prices. */
static void
complete_product(CrmRow *row, CrmTicket *ticket)
{
	char	   *structure = row_text(row, "product_structure");
	bool		is_family = structure && strcmp(structure, "family") == 0;

	if (ROW_IS_INSERT(row))
		check_parent(row);
	if (is_family && !row_is_null(row, "tax_category"))
		row_set_null(row, "tax_category");
	if (ROW_IS_INSERT(row) || row_changed(row, "unit_group_id") || row_changed(row, "default_unit_id"))
		complete_units(row);
	if (ROW_IS_UPDATE(row) && (row_changed(row, "unit_group_id") || row_changed(row, "currency_code")))
		check_prices(row);
}

/* keep_revised refuses to delete what is still on sale in its former version. */
static void
keep_revised(CrmRow *row)
{
	char	   *state = row_text(row, "state");

	if (state == NULL || strcmp(state, "under_revision") != 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("the product cannot be deleted: it is \"under_revision\""),
			 errdetail("Product %lld (%s) is on sale as it was before the revision.",
					   (long long) row_int8(row, "product_id"), row_text(row, "product_number")),
			 errhint("Retire it with sales_crm.retire_product()."),
			 errtable(row->rel)));
}

/* check_parent lets a product be born only below a family that is not retired. */
static void
check_parent(CrmRow *row)
{
	int64		parent_id = row_int8(row, "parent_product_id");
	CrmValue	args[] = {CRM_INT8(parent_id)};

	if (row_is_null(row, "parent_product_id"))
		return;
	if (parent_id == row_int8(row, "product_id"))
		refuse_parent(row, NULL, "it is the product itself", ERRCODE_CRM_HIERARCHY_CYCLE);
	SPI_connect();
	if (core_run(row->org, &find_parent, args) == 0)
		refuse_parent(row, NULL, "there is no such product", ERRCODE_FOREIGN_KEY_VIOLATION);
	if (strcmp(core_result_name(0, 2), "family") != 0)
		refuse_parent(row, core_result_name(0, 1), psprintf("it is a %s", core_result_name(0, 2)),
					  ERRCODE_CRM_PRODUCT_NOT_SELLABLE);
	if (strcmp(core_result_name(0, 3), "retired") == 0)
		refuse_parent(row, core_result_name(0, 1), "it is retired", ERRCODE_CRM_PRODUCT_NOT_SELLABLE);
	SPI_finish();
}

static void
refuse_parent(CrmRow *row, const char *number, const char *what, int code)
{
	ereport(ERROR,
			(errcode(code),
			 errmsg("product %lld cannot be the family of product \"%s\": %s",
					(long long) row_int8(row, "parent_product_id"), row_text(row, "product_number"), what),
			 number ? errdetail("Product %lld is \"%s\".", (long long) row_int8(row, "parent_product_id"), number)
			 : errdetail("Product %lld would belong to it.", (long long) row_int8(row, "product_id")),
			 errhint("Give the key of a family (product_structure family) that is not retired, made before it, or leave parent_product_id out."),
			 errtablecol(row->rel, row_column(row, "parent_product_id") + 1)));
}

/* complete_units finds the default unit of the group or the group of the unit, which must fit. */
static void
complete_units(CrmRow *row)
{
	CrmValue	args[] = {
		CRM_ID(row_int8(row, "default_unit_id")), CRM_ID(row_int8(row, "unit_group_id"))
	};
	int64		group_id;
	int64		base_id;

	if (args[0].isnull && args[1].isnull)
		return;
	SPI_connect();
	core_run(row->org, &find_units, args);
	group_id = core_result_key(0, 1);
	base_id = core_result_key(0, 2);
	SPI_finish();
	if (args[1].isnull && group_id != 0)
		row_set_int8(row, "unit_group_id", group_id);
	if (args[0].isnull && base_id != 0)
		row_set_int8(row, "default_unit_id", base_id);
	if (args[0].isnull || args[1].isnull || group_id == 0 || group_id == row_int8(row, "unit_group_id"))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("unit %lld is not in unit group %lld", (long long) row_int8(row, "default_unit_id"),
					(long long) row_int8(row, "unit_group_id")),
			 errdetail("Product %lld (%s) is sold in the units of one group.",
					   (long long) row_int8(row, "product_id"), row_text(row, "product_number")),
			 errhint("Give a unit of the group, or leave one of the two out."),
			 errtablecol(row->rel, row_column(row, "default_unit_id") + 1)));
}

/* check_prices refuses other units or another currency when prices stand in the way. */
static void
check_prices(CrmRow *row)
{
	int64		id = row_int8(row, "product_id");
	char	   *currency = row_text(row, "currency_code");
	CrmValue	units[] = {CRM_INT8(id), CRM_ID(row_int8(row, "unit_group_id"))};
	CrmValue	money[] = {
		CRM_INT8(id), core_text_value(currency ? currency : catalog_base_currency(row->org))
	};

	SPI_connect();
	if (row_changed(row, "unit_group_id") && core_run(row->org, &find_misfit, units) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_QUANTITY),
				 errmsg("product \"%s\" cannot change to other units", row_text(row, "product_number")),
				 errdetail("%s of product %lld is in unit \"%s\" of another group.",
						   core_result_bool(0, 2) ? "A price list item" : "A bundle that has it", (long long) id, core_result_name(0, 1)),
				 errhint("Delete the price list items and bundle members of the old units first."),
				 errtablecol(row->rel, row_column(row, "unit_group_id") + 1)));
	if (row_changed(row, "currency_code") && core_run(row->org, &find_other_currency, money) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_CURRENCY_MISMATCH),
				 errmsg("product \"%s\" cannot change its currency", row_text(row, "product_number")),
				 errdetail("Price list \"%s\" works its price out from the list price or a cost of product %lld.",
						   core_result_name(0, 1), (long long) id),
				 errhint("Give those price list items an amount, or delete them, first."),
				 errtablecol(row->rel, row_column(row, "currency_code") + 1)));
	SPI_finish();
}

/* clone_row copies the product's own row: another number, Copy of before the name, a draft. */
static void
clone_row(CrmOrganization *org, int64 from, int64 to)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, INT8OID, TEXTOID};
	CrmValue	args[] = {CRM_INT8(from), CRM_INT8(to), core_text_value(free_number(org, from))};
	char	   *columns = catalog_product_columns(org, "%1$I");

	core_run(org, core_intern(psprintf(
		"INSERT INTO @product (product_id, product_number, name, %1$s) SELECT $2, $3, 'Copy of ' || name, %1$s FROM @product WHERE product_id = $1",
		columns), types), args);
}

/* free_number returns the first of <number>-copy, -copy-2 and so on that is free. */
static char *
free_number(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id)};

	core_run(org, &find_free_number, args);
	return core_result_name(0, 1);
}
