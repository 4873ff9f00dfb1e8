/*
 * header.c
 *	  The totals of a document from the sums of its lines (D§4.5).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "pricing/pricing.h"

static void freeze_rules(CrmRow *row);
static void check_currency_change(CrmRow *row, const CrmEntity *entity);

/*
 * pricing_complete_totals computes what follows from the line sums and the
 * header's own discount and freight. The sums come from the roll-up.
 */
void
pricing_complete_totals(CrmRow *row, const CrmEntity *entity, CrmTicket *ticket)
{
	const CrmCurrency *currency = catalog_currency(row->org, row_text(row, "currency_code"));
	Datum		items = row_datum(row, "total_line_item_amount");
	Datum		discount;
	Datum		net;

	freeze_rules(row);
	check_currency_change(row, entity);
	pricing_check_percent(row, "discount_percentage");
	discount = money_add(money_percent(items, row_datum(row, "discount_percentage"), currency->decimals),
						 money_round(row_datum(row, "discount_amount"), currency->decimals));
	net = money_subtract(items, discount);
	row_set(row, "total_discount_amount",
			money_add(row_datum(row, "total_line_item_discount_amount"), discount));
	row_set(row, "total_amount_less_freight", net);
	row_set(row, "total_amount",
			money_add(money_add(net, money_round(row_datum(row, "freight_amount"), currency->decimals)),
					  row_datum(row, "total_tax")));
}

/* freeze_rules stores the rules in force when the row is made; they never change under it. */
static void
freeze_rules(CrmRow *row)
{
	static const char *const rules[] = {"discount_method", "tax_rounding"};

	for (int i = 0; i < lengthof(rules); i++)
	{
		const char *setting = core_setting(row->org, rules[i]);

		if (ROW_IS_UPDATE(row) && row_changed(row, rules[i]))
			ereport(ERROR,
					(errcode(ERRCODE_GENERATED_ALWAYS),
					 errmsg("column \"%s\" cannot be changed", rules[i]),
					 errdetail("A document keeps the rules it was made with."),
					 errhint("Change the setting %s; it holds for new documents.", rules[i]),
					 errtablecol(row->rel, row_column(row, rules[i]) + 1)));
		if (ROW_IS_INSERT(row) && row_is_null(row, rules[i]) && setting)
			row_set_text(row, rules[i], setting);
	}
}

/* check_currency_change refuses another currency once the document has lines. */
static void
check_currency_change(CrmRow *row, const CrmEntity *entity)
{
	CrmStatement *has_lines;
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(row_int8(row, entity->key))};
	uint64		n;

	if (!row_changed(row, "currency_code"))
		return;
	has_lines = core_intern(psprintf("SELECT 1 FROM @%s_product WHERE %s = $1 LIMIT 1",
									 entity->name, entity->key), types);
	SPI_connect();
	n = core_run(row->org, has_lines, args);
	SPI_finish();
	if (n == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CRM_CURRENCY_MISMATCH),
			 errmsg("the currency of a %s with lines cannot change", entity->label),
			 errdetail("%s %lld has lines priced in %s.", entity->name,
					   (long long) row_int8(row, entity->key), row_old_text(row, "currency_code")),
			 errhint("Delete its lines first, or make another %s in %s.", entity->label,
					 row_text(row, "currency_code")),
			 errtablecol(row->rel, row_column(row, "currency_code") + 1)));
}
