/*
 * outbox.c
 *	  Integration events, written in the transaction of the change and
 *	  numbered without gaps for each record.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "automation/automation.h"

/* whoever puts an event has changed, and so locked, its record: nobody else counts at the same time */
static CrmStatement insert_events = {
	.sql = "INSERT INTO @outbox_event (aggregate_entity, aggregate_id, sequence_number, event_name, payload, occurred_at) "
	"SELECT $1, e.id, coalesce((SELECT max(o.sequence_number) FROM @outbox_event o "
	"WHERE o.aggregate_entity = $1 AND o.aggregate_id = e.id), 0) + row_number() OVER (PARTITION BY e.id ORDER BY e.place), "
	"e.name, e.payload::jsonb, $5 FROM unnest($2, $3, $4) WITH ORDINALITY e(id, name, payload, place)",
	.argtypes = {TEXTOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID}
};

/* outbox_put writes one event of a record; payload is jsonb. Inside SPI. */
void
outbox_put(CrmOrganization *org, const char *entity, int64 id, const char *event_name, Datum payload)
{
	Datum		name = CStringGetTextDatum(event_name);
	Datum		text = CStringGetTextDatum(DatumGetCString(DirectFunctionCall1(jsonb_out, payload)));

	outbox_put_many(org, entity, core_int8_array(&id, 1),
					PointerGetDatum(construct_array(&name, 1, TEXTOID, -1, false, TYPALIGN_INT)),
					PointerGetDatum(construct_array(&text, 1, TEXTOID, -1, false, TYPALIGN_INT)));
}

/* outbox_put_many writes events of records: arrays of keys, names, and payloads as text. Inside SPI. */
void
outbox_put_many(CrmOrganization *org, const char *entity, Datum ids, Datum event_names, Datum payloads)
{
	CrmValue	args[] = {
		core_text_value(entity), CRM_DATUM(ids), CRM_DATUM(event_names), CRM_DATUM(payloads),
		CRM_DATUM(TimestampTzGetDatum(core_now()))
	};

	core_run_as_owner(org, &insert_events, "outbox_event", args);
}
