/*
 * price_lock.c
 *	  Keeping the prices of orders and invoices, and letting them go (D§3.8).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

static Datum set_lock(FunctionCallInfo fcinfo, CrmDocument *document, bool is_locked);

PG_FUNCTION_INFO_V1(document_lock_order);
PG_FUNCTION_INFO_V1(document_unlock_order);
PG_FUNCTION_INFO_V1(document_lock_invoice);
PG_FUNCTION_INFO_V1(document_unlock_invoice);

/* document_lock_order keeps the prices of an order as they are. */
Datum
document_lock_order(PG_FUNCTION_ARGS)
{
	return set_lock(fcinfo, &document_order, true);
}

/* document_unlock_order prices an order from the catalogue again, at once. */
Datum
document_unlock_order(PG_FUNCTION_ARGS)
{
	return set_lock(fcinfo, &document_order, false);
}

Datum
document_lock_invoice(PG_FUNCTION_ARGS)
{
	return set_lock(fcinfo, &document_invoice, true);
}

Datum
document_unlock_invoice(PG_FUNCTION_ARGS)
{
	return set_lock(fcinfo, &document_invoice, false);
}

/* set_lock locks or unlocks the prices of an editable document; twice is once. */
static Datum
set_lock(FunctionCallInfo fcinfo, CrmDocument *document, bool is_locked)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID, BOOLOID};
	const CrmEntity *entity = &document->entity;
	int64		id = core_id_argument(fcinfo, 0, entity->key);
	CrmOrganization *org = core_begin();
	char	   *state;
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = entity->name, .ids = &id, .n = 1};
	CrmValue	args[] = {CRM_INT8(id), CRM_BOOL(is_locked)};
	uint64		changed;

	if (!is_locked)
		pricing_lock_lines(org, &document->lines, id);
	state = lifecycle_lock(org, entity, id);
	if (lifecycle_is_read_only(org, entity->name, state))
		ereport(ERROR,
				(errcode(ERRCODE_CRM_RECORD_IS_READ_ONLY),
				 errmsg("the prices of %s that is \"%s\" cannot be %s", lifecycle_one(entity), state,
						is_locked ? "locked" : "unlocked"),
				 errdetail("%s is read-only.", lifecycle_called(entity, id)),
				 errhint("%s", lifecycle_ways_out(org, entity->name, state)),
				 err_generic_string(PG_DIAG_TABLE_NAME, entity->name)));
	changed = lifecycle_run(org, &ticket,
							core_intern(psprintf("UPDATE @%1$s SET is_price_locked = $2 WHERE %2$s = $1 "
												 "AND is_price_locked <> $2", entity->name, entity->key), types),
							args);
	if (changed > 0 && !is_locked)
		pricing_reprice(org, &document->lines, id);
	SPI_finish();
	return BoolGetDatum(is_locked);
}
