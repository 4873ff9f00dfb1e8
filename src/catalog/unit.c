/*
 * unit.c
 *	  Quantities from one unit of a group to another, and units that do not fit.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "catalog/catalog.h"

static void refuse_units(int64 from, int64 to);
static void refuse_no_number(Datum quantity) pg_attribute_noreturn();

static CrmStatement convert = {
	.sql = "SELECT f.unit_id, t.unit_id, f.unit_group_id = t.unit_group_id, round($1 * f.base_quantity / t.base_quantity, 5) "
	"FROM (SELECT) AS one LEFT JOIN @unit f ON f.unit_id = $2 LEFT JOIN @unit t ON t.unit_id = $3",
	.argtypes = {NUMERICOID, INT8OID, INT8OID}
};

PG_FUNCTION_INFO_V1(catalog_convert_quantity);

/* catalog_convert_quantity says how many of one unit a quantity in another is, to 5 decimals. */
Datum
catalog_convert_quantity(PG_FUNCTION_ARGS)
{
	int64		from = core_id_argument(fcinfo, 1, "from_unit_id");
	int64		to = core_id_argument(fcinfo, 2, "to_unit_id");
	CrmValue	args[] = {core_value_argument(fcinfo, 0), CRM_INT8(from), CRM_INT8(to)};
	CrmOrganization *org = core_begin_reading();
	Datum		converted;
	bool		isnull;

	if (args[0].isnull)
		core_refuse_null("quantity");
	if (numeric_is_nan(DatumGetNumeric(args[0].value)) || numeric_is_inf(DatumGetNumeric(args[0].value)))
		refuse_no_number(args[0].value);
	core_run(org, &convert, args);
	if (core_result_key(0, 1) == 0 || core_result_key(0, 2) == 0)
		core_refuse_unknown("unit", core_result_key(0, 1) == 0 ? from : to);
	if (!core_result_bool(0, 3))
		refuse_units(from, to);
	converted = SPI_datumTransfer(core_result(0, 4, NUMERICOID, &isnull), false, -1);
	SPI_finish();
	return converted;
}

static void
refuse_no_number(Datum quantity)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("a quantity of %s cannot be converted", DatumGetCString(DirectFunctionCall1(numeric_out, quantity))),
			 errdetail("It is no finite number."),
			 errhint("Give the quantity as a number.")));
}

/* catalog_refuse_unit refuses the unit of a row that is none of the units its product comes in. */
void
catalog_refuse_unit(CrmRow *row, const char *product_number)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("unit %lld is not in the unit group of product \"%s\"",
					(long long) row_int8(row, "unit_id"), product_number),
			 errdetail("Product %lld is sold in the units of its own group.", (long long) row_int8(row, "product_id")),
			 errhint("Leave unit_id out for the product's default unit."),
			 errtablecol(row->rel, row_column(row, "unit_id") + 1)));
}

static void
refuse_units(int64 from, int64 to)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_INVALID_QUANTITY),
			 errmsg("unit %lld cannot be converted to unit %lld", (long long) from, (long long) to),
			 errdetail("The two are of different unit groups."),
			 errhint("Give two units of one group."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "unit")));
}
