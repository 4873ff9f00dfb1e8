/*
 * void.c
 *	  The trail of deleted numbers: in a gapless series every number stays
 *	  accounted for, by its document or by a row of number_void.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "document/document.h"
#include "security/security.h"

/* What a statement deleted of one kind of document. */
typedef struct Deleted
{
	AttrNumber	key;
	AttrNumber	number;
	ArrayBuildState *keys;
	ArrayBuildState *numbers;
	int			n;
} Deleted;

static const CrmDocument *document_named(const char *entity);
static void visit_deleted(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);
static void write_voids(CrmOrganization *org, const CrmDocument *document, Deleted *deleted);

PG_FUNCTION_INFO_V1(document_void_numbers);

/*
 * document_void_numbers is the AFTER DELETE statement trigger of a document;
 * its argument is the entity. Series with gaps need no trail.
 */
Datum
document_void_numbers(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_DELETE, .reads_rows = true, .arguments = 1,
		.is_named = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	Relation	rel = trigdata->tg_relation;
	const CrmDocument *document = document_named(core_trigger_argument(trigdata, 0));
	CrmOrganization *org = core_organization_of(rel);
	Deleted		deleted = {0};

	if (!core_is_gapless(org, document->series))
		return PointerGetDatum(NULL);
	deleted.key = core_attribute(rel, document->entity.key, INT8OID);
	deleted.number = core_attribute(rel, document->number, TEXTOID);
	core_visit_transitions(trigdata, visit_deleted, &deleted);
	if (deleted.n > 0)
		write_voids(org, document, &deleted);
	return PointerGetDatum(NULL);
}

static const CrmDocument *
document_named(const char *entity)
{
	const CrmDocument *documents[] = {&document_quote, &document_order, &document_invoice};

	for (int i = 0; i < lengthof(documents); i++)
	{
		if (strcmp(documents[i]->entity.name, entity) == 0)
			return documents[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("\"%s\" is no document", entity),
			 errdetail("The numbers of quotes, orders and invoices leave a trail."),
			 errhint("Drop the trigger and call sales_crm.repair().")));
}

static void
visit_deleted(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	Deleted    *deleted = state;
	bool		isnull;
	Datum		key = slot_getattr(old_row, deleted->key, &isnull);
	Datum		number = slot_getattr(old_row, deleted->number, &isnull);

	deleted->keys = accumArrayResult(deleted->keys, key, false, INT8OID, CurrentMemoryContext);
	deleted->numbers = accumArrayResult(deleted->numbers, number, isnull, TEXTOID, CurrentMemoryContext);
	deleted->n++;
}

/*
 * write_voids stores deleted numbers as owner of that table: no user may write
 * it. A number that another revision still has is not gone.
 */
static void
write_voids(CrmOrganization *org, const CrmDocument *document, Deleted *deleted)
{
	static const Oid types[CRM_MAX_ARGS] = {TEXTOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, INT8OID};
	CrmStatement *insert = core_intern(psprintf("INSERT INTO @number_void (number_void_id, series, number, record_id, voided_at, voided_by, reason) "
												"SELECT DISTINCT ON (w.number) w.id, $1, w.number, w.record_id, " CRM_SQL_NOW ", $5, 'deleted' "
												"FROM unnest($2, $3, $4) AS w(id, record_id, number) "
												"WHERE NOT EXISTS (SELECT FROM @%1$s d WHERE d.%2$s = w.number) ORDER BY w.number, w.id",
												document->entity.name, document->number), types);
	int64	   *ids = palloc(sizeof(int64) * deleted->n);
	CrmTicket	ticket = {.kind = TICKET_BIRTH, .table = "number_void", .ids = ids, .n = deleted->n};
	CrmValue	args[] = {
		core_text_value(document->series), CRM_NULL,
		CRM_DATUM(makeArrayResult(deleted->keys, CurrentMemoryContext)),
		CRM_DATUM(makeArrayResult(deleted->numbers, CurrentMemoryContext)),
		CRM_ID(security_acting_user(org))
	};

	for (int i = 0; i < deleted->n; i++)
		ids[i] = core_next_id(org, "number_void", "number_void_id");
	args[1] = CRM_DATUM(core_int8_array(ids, deleted->n));
	SPI_connect();
	lifecycle_run_as_owner(org, &ticket, insert, args);
	SPI_finish();
}
