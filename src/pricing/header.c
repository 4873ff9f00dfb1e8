/*
 * header.c
 *	  The totals of a document from the sums of its lines (D§4.5).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "pricing/pricing.h"

/* A rule that a document keeps, and the values it may have; the first where no setting says another. */
typedef struct Rule
{
	const char *column;
	const char *values[3];
} Rule;

static void trace_totals(CrmRow *row, Datum typed, Datum percent, CrmTrace *trace);
static void check_typed(CrmRow *row, const CrmTicket *ticket, const char *column);
static void freeze_rules(CrmRow *row);
static void check_rule(CrmRow *row, const Rule *rule);
static void check_currency_change(CrmRow *row, const CrmEntity *entity);

/*
 * pricing_complete_totals computes what follows from the line sums and the
 * header's own discount and freight. The sums come from the roll-up.
 */
void
pricing_complete_totals(CrmRow *row, const CrmEntity *entity, CrmTicket *ticket)
{
	freeze_rules(row);
	check_currency_change(row, entity);
	pricing_check_percent(row, "discount_percentage");
	check_typed(row, ticket, "discount_amount");
	check_typed(row, ticket, "freight_amount");
	pricing_compute_totals(row, NULL);
}

/* pricing_compute_totals computes the totals, and tells their steps where a trace is given. */
void
pricing_compute_totals(CrmRow *row, CrmTrace *trace)
{
	const CrmCurrency *currency = catalog_currency(row->org, row_text(row, "currency_code"));
	int			decimals = currency->decimals;
	Datum		items = row_datum(row, "total_line_item_amount");
	Datum		typed = money_round(row_datum(row, "discount_amount"), decimals);
	Datum		percent = money_zero();
	Datum		discount;
	Datum		net;

	if (!money_is_zero(row_datum(row, "discount_percentage")))
		percent = money_percent(items, row_datum(row, "discount_percentage"), decimals);
	discount = money_add(typed, percent);
	net = money_subtract(items, discount);
	row_set(row, "total_discount_amount",
			money_add(row_datum(row, "total_line_item_discount_amount"), discount));
	row_set(row, "total_amount_less_freight", net);
	row_set(row, "total_amount",
			money_add(money_add(net, money_round(row_datum(row, "freight_amount"), decimals)),
					  row_datum(row, "total_tax")));
	if (trace)
		trace_totals(row, typed, percent, trace);
}

/* trace_totals tells of the document's own discounts, freight, tax and total. */
static void
trace_totals(CrmRow *row, Datum typed, Datum percent, CrmTrace *trace)
{
	Datum		items = row_datum(row, "total_line_item_amount");
	Datum		net = row_datum(row, "total_amount_less_freight");
	Datum		freight = row_datum(row, "freight_amount");
	Datum		tax = row_datum(row, "total_tax");

	if (!money_is_zero(percent))
		pricing_step(trace, "discount in percent", CRM_DATUM(percent), "%s %% of %s",
					 money_shown(row_datum(row, "discount_percentage"), 0), money_shown(items, trace->decimals));
	if (!money_is_zero(typed))
		pricing_step(trace, "discount amount", CRM_DATUM(typed), "as typed on the document");
	if (money_compare(items, net) != 0)
		pricing_step(trace, "total before freight and tax", CRM_DATUM(net), "%s - %s",
					 money_shown(items, trace->decimals), money_shown(money_subtract(items, net), trace->decimals));
	if (!money_is_zero(freight))
		pricing_step(trace, "freight", CRM_DATUM(freight), "as typed on the document");
	if (!money_is_zero(tax))
		pricing_step(trace, "tax", CRM_DATUM(tax), "sum of the lines");
	pricing_step(trace, "total", CRM_DATUM(row_datum(row, "total_amount")), "%s%s%s",
				 money_shown(net, trace->decimals), money_term(" + ", freight, trace->decimals),
				 money_term(" + ", tax, trace->decimals));
}

/* check_typed refuses a negative amount that somebody types; calls write them on credit notes, import brings these back. */
static void
check_typed(CrmRow *row, const CrmTicket *ticket, const char *column)
{
	if (ticket == NULL && !core_import_mode && (ROW_IS_INSERT(row) || row_changed(row, column)))
		pricing_check_not_negative(row, column);
}

/* freeze_rules stores the rules in force when the row is made; they never change under it. */
static void
freeze_rules(CrmRow *row)
{
	static const Rule rules[] = {
		{"discount_method", {"line_item", "per_unit"}},
		{"tax_rounding", {"line", "document"}},
		{"tax_method", {"typed", "excluded", "included"}}
	};

	for (int i = 0; i < lengthof(rules); i++)
	{
		const char *column = rules[i].column;

		if (ROW_IS_UPDATE(row) && row_changed(row, column))
			ereport(ERROR,
					(errcode(ERRCODE_GENERATED_ALWAYS),
					 errmsg("column \"%s\" cannot be changed", column),
					 errdetail("A document keeps the rules it was made with."),
					 errhint("Change the setting %s; it holds for new documents.", column),
					 errtablecol(row->rel, row_column(row, column) + 1)));
		if (!ROW_IS_INSERT(row))
			continue;
		if (row_is_null(row, column))
		{
			const char *setting = core_setting(row->org, column);

			row_set_text(row, column, setting ? setting : rules[i].values[0]);
		}
		check_rule(row, &rules[i]);
	}
}

/* check_rule refuses a rule that is none of those there are. */
static void
check_rule(CrmRow *row, const Rule *rule)
{
	char	   *value = row_text(row, rule->column);
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < lengthof(rule->values) && rule->values[i]; i++)
	{
		if (value && strcmp(value, rule->values[i]) == 0)
			return;
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", rule->values[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("\"%s\" is no %s", value ? value : "", rule->column),
			 errdetail("Table \"%s\" knows %s.", RelationGetRelationName(row->rel), known.data),
			 errhint("Leave %s out for the organization's setting.", rule->column),
			 errtablecol(row->rel, row_column(row, rule->column) + 1)));
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
			 errmsg("the currency of %s with lines cannot change", lifecycle_one(entity)),
			 errdetail("%s has lines priced in %s.", lifecycle_called(entity, row_int8(row, entity->key)),
					   row_old_text(row, "currency_code")),
			 errhint("Delete its lines first, or make another %s in %s.", entity->label,
					 row_text(row, "currency_code")),
			 errtablecol(row->rel, row_column(row, "currency_code") + 1)));
}
