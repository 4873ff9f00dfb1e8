/*
 * properties.c
 *	  What a customer chooses of a product's properties, kept on the line.
 *
 * The nearest definition counts: the product's own, else that of its family,
 * and so on up. Whether a product has any is remembered, so that lines of
 * products without properties cost no query.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "pricing/pricing.h"

/* Which products have properties, as far as it was asked. */
typedef struct Known
{
	bool		is_any;			/* some product has */
	HTAB	   *products;
} Known;

typedef struct KnownProduct
{
	int64		product_id;		/* hash key, must be first */
	bool		has_properties;
} KnownProduct;

static bool wants_check(CrmRow *row);
static Datum given_object(CrmRow *row);
static void refuse(CrmRow *row, char *message, char *detail) pg_attribute_noreturn();
static bool has_properties(CrmOrganization *org, int64 product_id);
static void *load_known(CrmOrganization *org);
static void refuse_property(CrmRow *row);

static const CrmConfig known_config = {
	.tables = {"product_property"},
	.load = load_known
};

#define PRODUCT_AND_FAMILIES \
	"WITH RECURSIVE up AS (SELECT p.product_id, p.parent_product_id, 0 AS depth FROM @product p WHERE p.product_id = $1 " \
	"UNION ALL SELECT f.product_id, f.parent_product_id, up.depth + 1 FROM up " \
	"JOIN @product f ON f.product_id = up.parent_product_id WHERE up.depth < " CATALOG_DEEPEST ") "

static CrmStatement find_any = {
	.sql = "SELECT 1 FROM @product_property LIMIT 1"
};
static CrmStatement find_one = {
	.sql = PRODUCT_AND_FAMILIES "SELECT 1 FROM up JOIN @product_property e ON e.product_id = up.product_id LIMIT 1",
	.argtypes = {INT8OID},
	.is_newest = true
};

/*
 * The worst of the given values first: its name, what is wrong with it, its
 * type, the value; and all of them, with defaults where none is given.
 */
static CrmStatement judge = {
	.sql = PRODUCT_AND_FAMILIES
	", effective AS (SELECT DISTINCT ON (e.name) e.name, e.data_type, e.options, e.is_required, e.is_read_only, "
	"CASE WHEN e.data_type IN ('decimal', 'float', 'whole_number') THEN to_jsonb(e.default_value::numeric) "
	"ELSE to_jsonb(e.default_value) END AS otherwise "
	"FROM up JOIN @product_property e ON e.product_id = up.product_id ORDER BY e.name, up.depth), "
	"given AS (SELECT key AS name, value FROM jsonb_each($2) WHERE value <> 'null'), "
	"judged AS (SELECT name, e.data_type, coalesce(g.value, e.otherwise) AS value, CASE "
	"WHEN e.data_type IS NULL THEN 'unknown' "
	"WHEN g.value IS NULL THEN CASE WHEN e.otherwise IS NULL AND e.is_required AND $3 THEN 'missing' END "
	"WHEN e.is_read_only AND g.value IS DISTINCT FROM e.otherwise THEN 'read_only' "
	"WHEN CASE e.data_type WHEN 'text' THEN jsonb_typeof(g.value) <> 'string' "
	"WHEN 'option_set' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(e.options) o WHERE o ->> 'value' = g.value #>> '{}') "
	"WHEN 'whole_number' THEN CASE WHEN jsonb_typeof(g.value) = 'number' THEN trunc(g.value::numeric) <> g.value::numeric ELSE true END "
	"ELSE jsonb_typeof(g.value) <> 'number' END THEN 'unfit' END AS problem "
	"FROM effective e FULL JOIN given g USING (name)) "
	"SELECT name, problem, data_type, value::text, jsonb_object_agg(name, value) FILTER (WHERE value IS NOT NULL) OVER () "
	"FROM judged ORDER BY problem, name LIMIT 1",
	.argtypes = {INT8OID, JSONBOID, BOOLOID}
};

/*
 * pricing_complete_properties checks what a line says of its product's
 * properties and fills in the defaults. A member that a bundle brings may wait
 * for its required ones.
 */
void
pricing_complete_properties(CrmRow *row, const CrmTicket *ticket)
{
	bool		is_given = ROW_IS_INSERT(row) || row_changed(row, "properties");
	CrmValue	args[] = {CRM_ID(row_int8(row, "product_id")), CRM_NULL, CRM_BOOL(ticket == NULL)};
	bool		isnull;
	Datum		all;

	if (!wants_check(row))
		return;
	if (is_given && !row_is_null(row, "properties"))
		args[1] = CRM_DATUM(given_object(row));
	else if (ROW_IS_UPDATE(row))
		row_set_null(row, "properties");
	SPI_connect();
	if (core_run(row->org, &judge, args) > 0)
	{
		if (core_result_text(0, 2))
			refuse_property(row);
		all = core_result(0, 5, JSONBOID, &isnull);
		if (!isnull)
			row_set_as(row, "properties", JSONBOID, all);
	}
	SPI_finish();
}

/* wants_check tells whether there is anything to check or to fill in. */
static bool
wants_check(CrmRow *row)
{
	int64		product_id = row_int8(row, "product_id");

	if (core_import_mode ||
		(ROW_IS_UPDATE(row) && !row_changed(row, "properties") && !row_changed(row, "product_id")))
		return false;
	return !row_is_null(row, "properties") || (product_id != 0 && has_properties(row->org, product_id));
}

/* given_object returns the properties as they were given, which must be an object. */
static Datum
given_object(CrmRow *row)
{
	Datum		given = row_datum_as(row, "properties", JSONBOID);

	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(given)))
		refuse(row, "the properties of a line are an object", "Something else was given.");
	return given;
}

/* has_properties tells whether a product has properties, its own or inherited ones. */
static bool
has_properties(CrmOrganization *org, int64 product_id)
{
	Known	   *known = core_config(org, &known_config);
	CrmValue	args[] = {CRM_INT8(product_id)};
	KnownProduct *product;
	bool		has;

	if (!known->is_any)
		return false;
	product = hash_search(known->products, &product_id, HASH_FIND, NULL);
	if (product)
		return product->has_properties;
	SPI_connect();
	PushActiveSnapshot(GetLatestSnapshot());
	has = core_run_as_owner(org, &find_one, "product_property", args) > 0;
	PopActiveSnapshot();
	SPI_finish();
	product = hash_search(known->products, &product_id, HASH_ENTER, NULL);
	product->has_properties = has;
	return has;
}

static void *
load_known(CrmOrganization *org)
{
	HASHCTL		ctl = {.keysize = sizeof(int64), .entrysize = sizeof(KnownProduct), .hcxt = CurrentMemoryContext};
	Known	   *known = palloc0(sizeof(Known));

	known->products = hash_create("sales_crm products", 32, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	known->is_any = core_config_rows(org, "product_property", &find_any) > 0;
	return known;
}

/* refuse_property says what is wrong with one of the properties. */
static void
refuse_property(CrmRow *row)
{
	static const char *const problems[][2] = {
		{"unknown", "the product has no such property"},
		{"missing", "a value is required and there is no default"},
		{"read_only", "it is read-only and keeps its default"},
		{"unfit", "the value is not of its type or not among its options"}
	};
	char	   *name = core_result_text(0, 1);
	char	   *problem = core_result_text(0, 2);
	char	   *type = core_result_text(0, 3);
	char	   *value = core_result_text(0, 4);
	const char *says = problem;

	for (int i = 0; i < lengthof(problems); i++)
	{
		if (strcmp(problems[i][0], problem) == 0)
			says = problems[i][1];
	}
	refuse(row, psprintf("property \"%s\" of the line does not fit: %s", name, says),
		   psprintf("Property \"%s\"%s%s, given %s.", name, type ? " of type " : "", type ? type : "",
					value ? value : "nothing"));
}

static void
refuse(CrmRow *row, char *message, char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("%s", message),
			 errdetail("%s", detail),
			 errhint("View %s.product_property_effective lists the properties of product %lld; give them as {\"name\": value}.",
					 row->org->quoted, (long long) row_int8(row, "product_id")),
			 errtablecol(row->rel, row_column(row, "properties") + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME,
								psprintf("%s_properties_check", RelationGetRelationName(row->rel)))));
}
