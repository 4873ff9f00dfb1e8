/*
 * shape.c
 *	  What a line may be: of the catalogue, written in, or a note (D§1.5).
 *
 * The guard keeps it, with the SQLSTATE and name that a CHECK would have: six
 * CHECKs, read anew by PostgreSQL at each statement, cost an INSERT of one
 * line a tenth of its time.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "pricing/pricing.h"

static void check_choice(CrmRow *row, const char *column, const char *const *choices, const char *hint);
static void check_bundle(CrmRow *row);
static void check_product(CrmRow *row);
static void refuse_shape(CrmRow *row, const char *column, const char *constraint, const char *message, const char *hint);

static const char *const kinds[] = {"standard", "optional", "alternative", "note", NULL};
static const char *const product_types[] = {
	"product", "bundle", "required_bundle_member", "optional_bundle_member", NULL
};

/* pricing_check_shape refuses a line whose columns contradict each other. */
void
pricing_check_shape(CrmRow *row)
{
	check_choice(row, "line_kind", kinds, "Give standard, optional, alternative or note.");
	check_choice(row, "product_type", product_types, "Leave product_type out: the database computes it.");
	check_bundle(row);
	check_product(row);
	if (!row_is_null(row, "unit_id") && row_is_null(row, "product_id"))
		refuse_shape(row, "unit_id", "unit", "a line that is written in has no unit",
					 "Leave unit_id out, or give product_id.");
	if (!row_is_null(row, "properties") && !JB_ROOT_IS_OBJECT(DatumGetJsonbP(row_datum_as(row, "properties", JSONBOID))))
		refuse_shape(row, "properties", "properties", "properties of a line are an object",
					 "Give them as {\"name\": value}.");
}

static void
check_choice(CrmRow *row, const char *column, const char *const *choices, const char *hint)
{
	char	   *value = row_text(row, column);

	if (value == NULL)
		return;					/* NOT NULL says so */
	for (int i = 0; choices[i]; i++)
	{
		if (strcmp(choices[i], value) == 0)
			return;
	}
	refuse_shape(row, column, column, psprintf("%s \"%s\" does not exist", column, value), hint);
}

/* check_bundle has members of bundles, and no other line, name the line of their bundle. */
static void
check_bundle(CrmRow *row)
{
	char	   *type = row_text(row, "product_type");
	bool		is_member = type && strstr(type, "_member") != NULL;

	if (is_member == row_is_null(row, "bundle_line_id"))
		refuse_shape(row, "bundle_line_id", "bundle", "bundle_line_id is for the members of a bundle, and each has one",
					 "Insert the line of the bundle: it brings its members along.");
}

/* check_product has a line name one product, of the catalogue or written in; a note has a text and none. */
static void
check_product(CrmRow *row)
{
	bool		is_written = !row_is_null(row, "product_description");

	if (pricing_is_note(row))
	{
		if (!row_is_null(row, "product_id") || (!is_written && row_is_null(row, "description")))
			refuse_shape(row, "product_id", "product", "a note has a text and no product",
						 "Give description, and leave product_id out.");
	}
	else if (is_written != row_is_null(row, "product_id"))
		refuse_shape(row, "product_id", "product",
					 is_written ? "a line has a product of the catalogue or one written in, not both" : "a line needs a product",
					 "Give product_id, or product_description for what is not in the catalogue.");
}

/* refuse_shape raises what a CHECK would, with a way out. */
static void
refuse_shape(CrmRow *row, const char *column, const char *constraint, const char *message, const char *hint)
{
	char	   *number = row_is_null(row, "line_number") ? "new line" : psprintf("line %d", DatumGetInt32(row_datum_as(row, "line_number", INT4OID)));

	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("%s", message),
			 errdetail("Table \"%s\", %s.", RelationGetRelationName(row->rel), number),
			 errhint("%s", hint),
			 errtablecol(row->rel, row_column(row, column) + 1),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME,
								psprintf("%s_%s_check", RelationGetRelationName(row->rel), constraint))));
}

/* pricing_add_shape_check adds for verify() what the guard keeps. */
void
pricing_add_shape_check(const CrmLines *lines)
{
	core_add_check("line_shape", lines->entity.name, psprintf(
		"SELECT %1$s_id, line_kind || ' line of type ' || product_type || ' that names ' || "
		"num_nonnulls(product_id, product_description) || ' products' FROM @%1$s "
		"WHERE line_kind NOT IN ('standard', 'optional', 'alternative', 'note') "
		"OR product_type NOT IN ('product', 'bundle', 'required_bundle_member', 'optional_bundle_member') "
		"OR (bundle_line_id IS NOT NULL) <> (product_type LIKE '%%\\_member') OR jsonb_typeof(properties) <> 'object' "
		"OR unit_id IS NOT NULL AND product_id IS NULL OR CASE WHEN line_kind = 'note' "
		"THEN product_id IS NOT NULL OR coalesce(product_description, description) IS NULL "
		"ELSE num_nonnulls(product_id, product_description) <> 1 END", lines->entity.name));
}
