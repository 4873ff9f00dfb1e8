/*
 * property.c
 *	  Properties of products: when they may change, what they override, and
 *	  values that fit.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "catalog/catalog.h"

static void lock_owner(CrmRow *row);
static void check_override(CrmRow *row);
static void check_number(CrmRow *row);
static void check_options(CrmRow *row);
static void check_default(CrmRow *row);
static CrmValue value_of(CrmRow *row, const char *column, Oid type);
static void refuse_property(CrmRow *row, const char *constraint, const char *message,
							const char *hint) pg_attribute_noreturn();

#define FAMILIES_ABOVE \
	"WITH RECURSIVE up AS (SELECT product_id, parent_product_id, 0 AS depth FROM @product WHERE product_id = $1 " \
	"UNION ALL SELECT p.product_id, p.parent_product_id, u.depth + 1 FROM up u JOIN @product p ON p.product_id = u.parent_product_id " \
	"WHERE u.depth < " CATALOG_DEEPEST ") "

static CrmStatement lock_families = {
	.sql = FAMILIES_ABOVE
	"SELECT p.product_id, p.product_number, p.state FROM @product p WHERE p.product_id IN (SELECT product_id FROM up) "
	"ORDER BY p.product_id FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement find_overridden = {
	.sql = FAMILIES_ABOVE
	"SELECT x.product_property_id, x.data_type, f.product_number FROM up u JOIN @product f ON f.product_id = u.product_id "
	"JOIN @product_property x ON x.product_id = u.product_id AND x.name = $2 WHERE u.depth > 0 ORDER BY u.depth LIMIT 1",
	.argtypes = {INT8OID, TEXTOID}
};
/* Of all that is below the product: who would have too many properties, or has one of this name but of another type. */
static CrmStatement find_overfull = {
	.sql = "WITH RECURSIVE below AS (SELECT $1 AS product_id UNION "
	"SELECT c.product_id FROM below b JOIN @product c ON c.parent_product_id = b.product_id), "
	"up AS (SELECT product_id AS leaf_id, product_id FROM below UNION "
	"SELECT u.leaf_id, p.parent_product_id FROM up u JOIN @product p USING (product_id) WHERE p.parent_product_id IS NOT NULL) "
	"SELECT p.product_number, bool_or(x.name = $2 AND x.product_id <> $1 AND x.data_type <> $4) FROM up u "
	"JOIN @product_property x ON x.product_id = u.product_id JOIN @product p ON p.product_id = u.leaf_id GROUP BY p.product_id "
	"HAVING count(DISTINCT x.name) FILTER (WHERE x.name <> $2) >= $3 OR bool_or(x.name = $2 AND x.product_id <> $1 AND x.data_type <> $4) "
	"ORDER BY p.product_id LIMIT 1",
	.argtypes = {INT8OID, TEXTOID, INT4OID, TEXTOID}
};
static CrmStatement test_options = {
	.sql = "SELECT CASE WHEN jsonb_typeof($1) = 'array' THEN (SELECT count(*) > 0 AND count(DISTINCT o.option ->> 'value') = count(*) "
	"AND bool_and(jsonb_typeof(o.option) = 'object' AND coalesce(o.option ->> 'value', '') <> '') "
	"FROM jsonb_array_elements($1) AS o (option)) ELSE false END",
	.argtypes = {JSONBOID}
};
static CrmStatement test_default = {
	.sql = "SELECT CASE $1 WHEN 'whole_number' THEN $3 ~ '^[-+]?[0-9]+$' "
	"WHEN 'decimal' THEN $3 ~ '^[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)$' "
	"WHEN 'float' THEN $3 ~ '^[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)?$' "
	"WHEN 'option_set' THEN EXISTS (SELECT FROM jsonb_array_elements($2) AS o (option) WHERE o.option ->> 'value' = $3) ELSE true END",
	.argtypes = {TEXTOID, JSONBOID, TEXTOID}
};

/* catalog_complete_property checks a property against its product, the families above and its own type. */
void
catalog_complete_property(CrmRow *row, CrmTicket *ticket)
{
	if (row_is_null(row, "product_id") || row_is_null(row, "name") || row_is_null(row, "data_type"))
		return;					/* NOT NULL says so */
	SPI_connect();
	lock_owner(row);
	if (ROW_IS_INSERT(row) || row_changed(row, "overridden_property_id"))
		check_override(row);
	if (ROW_IS_INSERT(row))
		check_number(row);
	check_options(row);
	check_default(row);
	SPI_finish();
}

/* catalog_before_delete_property keeps the properties of what is on sale. */
void
catalog_before_delete_property(CrmRow *row)
{
	SPI_connect();
	lock_owner(row);
	SPI_finish();
}

/* catalog_lock_families locks a product and the families above it, by key. */
void
catalog_lock_families(CrmOrganization *org, int64 product_id)
{
	CrmValue	args[] = {CRM_INT8(product_id)};

	core_run(org, &lock_families, args);
}

/* lock_owner locks the product and the families above it, and refuses one whose properties are closed. */
static void
lock_owner(CrmRow *row)
{
	int64		id = row_int8(row, "product_id");
	CrmValue	args[] = {CRM_INT8(id)};
	uint64		n = core_run(row->org, &lock_families, args);

	for (uint64 i = 0; i < n; i++)
	{
		char	   *state = core_result_name(i, 3);

		if (core_result_int8(i, 1) != id || core_import_mode ||
			strcmp(state, "draft") == 0 || strcmp(state, "under_revision") == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
				 errmsg("the properties of product \"%s\" cannot change: it is \"%s\"", core_result_name(i, 2), state),
				 errdetail("Properties of a product (%lld) change only while it is a draft or under revision.", (long long) id),
				 strcmp(state, "retired") == 0 ? errhint("Make a new draft of it with sales_crm.clone_product().")
				 : errhint("Open it with sales_crm.revise_product(product_id => %lld).", (long long) id),
				 errtable(row->rel)));
	}
}

/* check_override finds the inherited property whose place this one takes, and compares the types. */
static void
check_override(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "product_id")), core_text_value(row_text(row, "name"))};
	bool		is_given = !row_is_null(row, "overridden_property_id");
	int64		overridden_id = 0;

	if (ROW_IS_UPDATE(row) && !is_given)
		return;					/* cut off: the inherited one goes */
	if (core_run(row->org, &find_overridden, args) > 0)
	{
		overridden_id = core_result_key(0, 1);
		if (strcmp(core_result_name(0, 2), row_name(row, "data_type")) != 0)
			refuse_property(row, "product_property_overridden_property_id_check",
							psprintf("it is inherited from \"%s\" as %s", core_result_name(0, 3), core_result_name(0, 2)),
							"Give it the inherited data_type, or another name.");
	}
	if (is_given && row_int8(row, "overridden_property_id") != overridden_id)
		refuse_property(row, "product_property_overridden_property_id_check",
						psprintf("property %lld is not the inherited one of that name", (long long) row_int8(row, "overridden_property_id")),
						"Leave overridden_property_id out: the nearest one of that name above is found by itself.");
	if (overridden_id != 0)
		row_set_int8(row, "overridden_property_id", overridden_id);
}

/* check_number refuses more properties than the setting allows, inherited ones counted, here and below. */
static void
check_number(CrmRow *row)
{
	int			most = catalog_limit(row->org, "max_product_properties", 50);
	CrmValue	args[] = {
		CRM_INT8(row_int8(row, "product_id")), core_text_value(row_text(row, "name")),
		CRM_INT4(most), core_text_value(row_text(row, "data_type"))
	};

	if (core_run_newest(row->org, &find_overfull, args) == 0)
		return;
	if (core_result_bool(0, 2))
		refuse_property(row, "product_property_overridden_property_id_check",
						psprintf("\"%s\" below has one of that name and another data_type", core_result_name(0, 1)),
						"Give it the same data_type, or another name.");
	refuse_property(row, "product_property_count_check",
					psprintf("\"%s\" has %d already, inherited ones counted", core_result_name(0, 1), most),
					"Delete one, or raise the setting max_product_properties.");
}

/* check_options refuses options that are no list of values to choose from. */
static void
check_options(CrmRow *row)
{
	CrmValue	args[] = {value_of(row, "options", JSONBOID)};

	if (args[0].isnull)
		return;
	core_run(row->org, &test_options, args);
	if (!core_result_bool(0, 1))
		refuse_property(row, "product_property_options_check", "its options are no list of different values",
						"Give options such as [{\"value\": \"red\", \"label\": \"Red\"}].");
}

/* check_default refuses a default value that a line could not have. */
static void
check_default(CrmRow *row)
{
	CrmValue	args[] = {
		value_of(row, "data_type", TEXTOID), value_of(row, "options", JSONBOID), value_of(row, "default_value", TEXTOID)
	};

	if (args[2].isnull)
		return;
	core_run(row->org, &test_default, args);
	if (!core_result_bool(0, 1))
		refuse_property(row, "product_property_default_value_check",
						psprintf("default \"%s\" is no %s", row_text(row, "default_value"), row_text(row, "data_type")),
						"Give a default_value of its data_type, of an option set one of its values.");
}

static CrmValue
value_of(CrmRow *row, const char *column, Oid type)
{
	return row_is_null(row, column) ? CRM_NULL : CRM_DATUM(row_datum_as(row, column, type));
}

static void
refuse_property(CrmRow *row, const char *constraint, const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("property \"%s\" cannot be so: %s", row_text(row, "name"), message),
			 errdetail("Product %lld would have it.", (long long) row_int8(row, "product_id")),
			 errhint("%s", hint),
			 errtableconstraint(row->rel, constraint)));
}
