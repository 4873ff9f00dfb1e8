/*
 * reprice.c
 *	  The lines of a document priced anew from the catalogue (D§3.8).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "core/lock.h"
#include "pricing/pricing.h"

static void lock_open_document(CrmOrganization *org, const CrmLines *lines, int64 id);
static void refuse_locked(const CrmEntity *header, int64 id) pg_attribute_noreturn();
static bool moves_prices(const CrmRow *row);

PG_FUNCTION_INFO_V1(pricing_reprice_document);
PG_FUNCTION_INFO_V1(pricing_follow_price_list);

/* pricing_reprice_document prices an open, unlocked document as the catalogue stands and returns its total. */
Datum
pricing_reprice_document(PG_FUNCTION_ARGS)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	char	   *entity = core_text_argument(fcinfo, 0, "entity");
	int64		id = core_id_argument(fcinfo, 1, "id");
	CrmOrganization *org = core_begin();
	CrmLines   *lines = pricing_lines_of(entity);
	CrmValue	args[] = {CRM_INT8(id)};
	Datum		total;

	pricing_lock_lines(org, lines, id);
	lock_open_document(org, lines, id);
	pricing_reprice(org, lines, id);
	core_run(org, core_intern(psprintf("SELECT total_amount FROM @%s WHERE %s = $1", lines->header->name,
									   lines->header->key), types), args);
	total = SPI_datumTransfer(core_result_number(0, 1), false, -1);
	SPI_finish();
	return total;
}

/* lock_open_document locks a document after its lines, and refuses one whose prices do not move. */
static void
lock_open_document(CrmOrganization *org, const CrmLines *lines, int64 id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	const CrmEntity *header = lines->header;
	CrmValue	args[] = {CRM_INT8(id)};
	char	   *state;

	if (core_run(org, core_intern(psprintf("SELECT state, %1$s, %3$s FROM @%2$s WHERE %3$s = $1 FOR NO KEY UPDATE",
										   lines->has_lock ? "is_price_locked" : "false",
										   header->name, header->key), types), args) == 0)
		core_refuse_unknown(header->name, id);
	state = core_result_name(0, 1);
	if (lifecycle_is_read_only(org, header->name, state))
		ereport(ERROR,
				(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
				 errmsg("%s that is \"%s\" cannot be priced anew", lifecycle_one(header), state),
				 errdetail("%s is read-only.", lifecycle_called(header, id)),
				 errhint("%s", lifecycle_ways_out(org, header->name, state)),
				 err_generic_string(PG_DIAG_TABLE_NAME, header->name)));
	if (core_result_bool(0, 2))
		refuse_locked(header, id);
}

static void
refuse_locked(const CrmEntity *header, int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
			 errmsg("the prices of the %s are locked", header->label),
			 errdetail("%s keeps its prices when the catalogue changes.", lifecycle_called(header, id)),
			 errhint("Use unlock_%s_pricing(), which prices it anew at once.", header->label),
			 err_generic_string(PG_DIAG_TABLE_NAME, header->name),
			 err_generic_string(PG_DIAG_COLUMN_NAME, "is_price_locked")));
}

/*
 * pricing_follow_price_list is the AFTER UPDATE trigger of a document whose
 * price list was set, or what its taxes depend on: its lines take the prices
 * and taxes of the new one, unless the document is closed or its prices are
 * locked. Its argument is the line's entity.
 */
Datum
pricing_follow_price_list(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_UPDATE,
		.arguments = 1
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmLines   *lines = pricing_lines_of(core_trigger_argument(trigdata, 0));
	CrmRow	   *row = core_row(trigdata);
	char	   *state = row_text(row, "state");
	int			before;

	core_require_table(trigdata, lines->header->name);
	if (!moves_prices(row) || row_bool(row, "is_price_locked") || core_import_mode ||
		(state && lifecycle_is_read_only(row->org, lines->header->name, state)))
		return PointerGetDatum(NULL);
	SPI_connect();
	before = core_lock_loosen();	/* the document is locked, its lines come after it this time */
	pricing_reprice(row->org, lines, row_int8(row, lines->header->key));
	core_lock_tighten(before);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* moves_prices tells whether a document got another price list or, where taxes follow rules, another region or date. */
static bool
moves_prices(const CrmRow *row)
{
	static const char *const of_tax[] = {
		"ship_to_country", "ship_to_state_or_province", "bill_to_country", "bill_to_state_or_province",
		"effective_from", "invoice_date"
	};
	char	   *method;

	if (row_changed(row, "price_list_id"))
		return true;
	method = row_text(row, "tax_method");
	if (method == NULL || strcmp(method, "typed") == 0)
		return false;
	for (int i = 0; i < lengthof(of_tax); i++)
	{
		if (row_changed(row, of_tax[i]))
			return true;
	}
	return !row_has(row, "ship_to_country") && (row_changed(row, "account_id") || row_changed(row, "contact_id"));
}

/* pricing_lock_lines locks the lines of a document that a call is going to write, before the document. */
void
pricing_lock_lines(CrmOrganization *org, const CrmLines *lines, int64 header_id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(header_id)};

	core_run(org, core_intern(psprintf("SELECT %3$s FROM @%1$s WHERE %2$s = $1 ORDER BY %3$s FOR NO KEY UPDATE",
									   lines->entity.name, lines->header->key, lines->entity.key), types), args);
}

/* pricing_reprice prices the lines of a document anew from the catalogue, and takes the taxes of its date. */
void
pricing_reprice(CrmOrganization *org, const CrmLines *lines, int64 header_id)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(header_id)};

	core_run(org, core_intern(psprintf("UPDATE @%s SET quantity = quantity "
									   "WHERE %s = $1 AND (product_id IS NOT NULL AND NOT is_price_overridden "
									   "OR tax_details IS NOT NULL)",
									   lines->entity.name, lines->header->key), types), args);
}
