/*
 * bundle.c
 *	  Members of bundles: what may be one, and when they may change.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "catalog/catalog.h"

static void lock_bundle(CrmRow *row);
static void check_bundle(CrmRow *row);
static void check_member(CrmRow *row);
static void refuse_member(CrmRow *row, const char *what);
static void check_count(CrmRow *row);

static CrmStatement find_bundle = {
	.sql = "SELECT product_number, product_structure, state, product_id FROM @product WHERE product_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement find_member = {
	.sql = "SELECT p.product_number, p.product_structure, p.state, p.default_unit_id, "
	"EXISTS (SELECT FROM @unit u WHERE u.unit_id = $2 AND u.unit_group_id = p.unit_group_id) FROM @product p WHERE p.product_id = $1",
	.argtypes = {INT8OID, INT8OID}
};
static CrmStatement count_members = {
	.sql = "SELECT count(*) FROM @product_association WHERE bundle_id = $1",
	.argtypes = {INT8OID}
};
static CrmStatement find_unready = {
	.sql = "SELECT b.product_id, b.product_number, (SELECT format('member %L is %s', m.product_number, m.state) FROM @product_association a "
	"JOIN @product m ON m.product_id = a.product_id WHERE a.bundle_id = b.product_id AND m.state <> 'active' ORDER BY 1 LIMIT 1) "
	"FROM @product b WHERE b.product_id = ANY ($1) AND ("
	"NOT EXISTS (SELECT FROM @product_association a WHERE a.bundle_id = b.product_id) OR EXISTS (SELECT FROM @product_association a "
	"JOIN @product m ON m.product_id = a.product_id WHERE a.bundle_id = b.product_id AND m.state <> 'active')) ORDER BY 1 LIMIT 1",
	.argtypes = {INT8ARRAYOID}
};

/* catalog_check_members refuses to publish bundles that are empty or hold what is not active. */
void
catalog_check_members(CrmOrganization *org, const int64 *bundle_ids, int n)
{
	CrmValue	args[] = {CRM_DATUM(core_int8_array(bundle_ids, n))};
	char	   *member;

	if (core_run_newest(org, &find_unready, args) == 0)
		return;
	member = core_result_text(0, 3);
	ereport(ERROR,
			(errcode(ERRCODE_CRM_PRODUCT_NOT_SELLABLE),
			 errmsg("bundle \"%s\" cannot be published: %s", core_result_name(0, 2), member ? member : "it has no members"),
			 errdetail("A bundle (%lld) is sold with members that are all active.", (long long) core_result_int8(0, 1)),
			 member ? errhint("Publish that member first.") : errhint("Insert its members into product_association."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "product_association")));
}

/* catalog_limit reads a setting that is a number. */
int
catalog_limit(CrmOrganization *org, const char *setting, int otherwise)
{
	const char *value = core_setting(org, setting);

	return value && strspn(value, "0123456789") == strlen(value) && value[0] != '\0' ? atoi(value) : otherwise;
}

/* catalog_complete_member checks a member of a bundle, which is locked: nobody publishes it meanwhile. */
void
catalog_complete_member(CrmRow *row, CrmTicket *ticket)
{
	if (row_is_null(row, "bundle_id") || row_is_null(row, "product_id"))
		return;					/* NOT NULL says so */
	SPI_connect();
	lock_bundle(row);
	check_member(row);
	if (ROW_IS_INSERT(row))
		check_count(row);
	SPI_finish();
}

/* catalog_before_delete_member lets members go with a draft bundle, or out of one. */
void
catalog_before_delete_member(CrmRow *row)
{
	SPI_connect();
	lock_bundle(row);
	SPI_finish();
}

/* lock_bundle locks the bundle of a member; one that is gone takes its members along. */
static void
lock_bundle(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "bundle_id"))};

	if (core_run(row->org, &find_bundle, args) > 0)
		check_bundle(row);
}

/* check_bundle refuses what is no bundle, and a bundle that is not a draft. */
static void
check_bundle(CrmRow *row)
{
	char	   *number = core_result_name(0, 1);
	char	   *state = core_result_name(0, 3);

	if (strcmp(core_result_name(0, 2), "bundle") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("product \"%s\" is no bundle", number),
				 errdetail("Product %lld is a %s and has no members.", (long long) row_int8(row, "bundle_id"), core_result_name(0, 2)),
				 errhint("Make a product with product_structure bundle."),
				 errtableconstraint(row->rel, "product_association_bundle_id_check")));
	if (strcmp(state, "draft") != 0 && !core_import_mode)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
				 errmsg("the members of bundle \"%s\" cannot change: it is \"%s\"", number, state),
				 errdetail("The members of a bundle (%lld) change only while it is a draft.", (long long) row_int8(row, "bundle_id")),
				 errhint("Make a new draft of it with sales_crm.clone_product()."),
				 errtable(row->rel)));
}

/* check_member refuses what cannot be in a bundle, and finds the unit. */
static void
check_member(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "product_id")), CRM_ID(row_int8(row, "unit_id"))};

	if (core_run(row->org, &find_member, args) == 0)
		return;					/* no such product: its foreign key says so */
	if (strcmp(core_result_name(0, 2), "product") != 0)
		refuse_member(row, psprintf("is a %s", core_result_name(0, 2)));
	if (strcmp(core_result_name(0, 3), "retired") == 0 && (ROW_IS_INSERT(row) || row_changed(row, "product_id")))
		refuse_member(row, NULL);
	if (row_is_null(row, "unit_id") && core_result_key(0, 4) != 0)
		row_set_int8(row, "unit_id", core_result_key(0, 4));
	else if (!row_is_null(row, "unit_id") && !core_result_bool(0, 5))
		catalog_refuse_unit(row, core_result_name(0, 1));
}

/* refuse_member says what a product is that it cannot be in a bundle; NULL = retired. */
static void
refuse_member(CrmRow *row, const char *what)
{
	ereport(ERROR,
			(errcode(what ? ERRCODE_CHECK_VIOLATION : ERRCODE_CRM_PRODUCT_NOT_SELLABLE),
			 errmsg("product \"%s\" cannot be in a bundle: it %s", core_result_name(0, 1), what ? what : "is retired"),
			 errdetail("Product %lld would be a member of bundle %lld.",
					   (long long) row_int8(row, "product_id"), (long long) row_int8(row, "bundle_id")),
			 errhint("Members are plain products that are not retired."),
			 errtableconstraint(row->rel, "product_association_product_id_check")));
}

/* check_count refuses more members than the setting allows; the bundle is locked. */
static void
check_count(CrmRow *row)
{
	int			most = catalog_limit(row->org, "max_products_in_bundle", 15);
	CrmValue	args[] = {CRM_INT8(row_int8(row, "bundle_id"))};

	core_run_newest(row->org, &count_members, args);
	if (core_result_int8(0, 1) < most)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("a bundle has at most %d members", most),
			 errdetail("Bundle %lld has %lld.", (long long) row_int8(row, "bundle_id"), (long long) core_result_int8(0, 1)),
			 errhint("Take one out, or raise the setting max_products_in_bundle."),
			 errtableconstraint(row->rel, "product_association_count_check")));
}
