/*
 * write.c
 *	  Appends to status_history as owner of that table: no user may write it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "history/history.h"
#include "security/security.h"

static void write_one(CrmOrganization *org, CrmValue entity, CrmValue by,
					  const CrmStateChange *change);
static Datum text_array(Datum *elements, bool *nulls, int n);
static void write_many(CrmOrganization *org, CrmValue entity, CrmValue by,
					   const CrmStateChange *changes, int n);

#define HISTORY_COLUMNS \
	"entity, record_id, from_state, to_state, from_status_reason, to_status_reason, " \
	"description, changed_by, changed_at"

static CrmStatement insert_one = {
	.sql = "INSERT INTO @status_history (" HISTORY_COLUMNS ") "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, " CRM_SQL_NOW ")",
	.argtypes = {TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID}
};
static CrmStatement insert_many = {
	.sql = "INSERT INTO @status_history (" HISTORY_COLUMNS ") "
	"SELECT $1, c.id, c.f, c.t, c.fr, c.tr, c.d, $8, " CRM_SQL_NOW " "
	"FROM unnest($2, $3, $4, $5, $6, $7) c(id, f, t, fr, tr, d)",
	.argtypes = {TEXTOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
	TEXTARRAYOID, TEXTARRAYOID, INT8OID}
};

/* history_write stores changes of an entity; who called is captured before the switch. */
void
history_write(CrmOrganization *org, const char *entity,
			  const CrmStateChange *changes, int n)
{
	CrmValue	by = CRM_ID(security_acting_user(org));

	if (n == 1)
		write_one(org, core_text_value(entity), by, changes);
	else if (n > 1)
		write_many(org, core_text_value(entity), by, changes, n);
}

static void
write_one(CrmOrganization *org, CrmValue entity, CrmValue by, const CrmStateChange *change)
{
	CrmValue	args[] = {
		entity, CRM_INT8(change->record_id),
		CRM_DATUM(change->from_state), CRM_DATUM(change->to_state),
		CRM_DATUM(change->from_reason), CRM_DATUM(change->to_reason),
		core_text_value(change->description), by
	};

	core_run_as_owner(org, &insert_one, "status_history", args);
}

/* write_many stores the changes of one statement as one set. */
static void
write_many(CrmOrganization *org, CrmValue entity, CrmValue by,
		   const CrmStateChange *changes, int n)
{
	int64	   *ids = palloc(sizeof(int64) * n);
	Datum	   *texts[5];
	bool	   *nulls = palloc0(sizeof(bool) * n);
	bool	   *no_description = palloc0(sizeof(bool) * n);

	for (int i = 0; i < lengthof(texts); i++)
		texts[i] = palloc0(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
	{
		ids[i] = changes[i].record_id;
		texts[0][i] = changes[i].from_state;
		texts[1][i] = changes[i].to_state;
		texts[2][i] = changes[i].from_reason;
		texts[3][i] = changes[i].to_reason;
		no_description[i] = changes[i].description == NULL;
		if (changes[i].description)
			texts[4][i] = CStringGetTextDatum(changes[i].description);
	}
	{
		CrmValue	args[] = {
			entity, CRM_DATUM(core_int8_array(ids, n)),
			CRM_DATUM(text_array(texts[0], nulls, n)), CRM_DATUM(text_array(texts[1], nulls, n)),
			CRM_DATUM(text_array(texts[2], nulls, n)), CRM_DATUM(text_array(texts[3], nulls, n)),
			CRM_DATUM(text_array(texts[4], no_description, n)), by
		};

		core_run_as_owner(org, &insert_many, "status_history", args);
	}
}

static Datum
text_array(Datum *elements, bool *nulls, int n)
{
	int			lower = 1;

	return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower, TEXTOID,
											  -1, false, TYPALIGN_INT));
}
