/*
 * run.c
 *	  The log of what rules did, and the journal that dry_run() keeps.
 *
 * The log is written as owner of its table, in the transaction of the change:
 * a change that is refused leaves no row here, but a line in the server log.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "automation/rule.h"

CrmJournal	automation_journal = NULL;
void	   *automation_journal_state = NULL;

/* started_at is the transaction's time, ended_at so much later as the rule took */
static CrmStatement insert_runs = {
	.sql = "INSERT INTO @automation_run (automation_rule_id, entity, record_id, event, event_key, started_at, ended_at, "
	"depth, outcome, detail, attempt) "
	"SELECT $1, $2, r.id, $3, $3 || ':' || r.id || ':' || r.version, $6, $7, $8, $9, $10, $11 "
	"FROM unnest($4, $5) r(id, version)",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	INT4OID, TEXTOID, TEXTOID, INT4OID}
};
static CrmStatement insert_run = {
	.sql = "INSERT INTO @automation_run (automation_rule_id, entity, record_id, event, event_key, started_at, ended_at, "
	"depth, outcome, detail, attempt) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10)",
	.argtypes = {INT8OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, INT4OID}
};

/* automation_log writes a row for each record that a rule worked on; inside SPI. */
void
automation_log(CrmFiring *firing, const CrmRule *rule, const CrmMatches *matches,
			   const char *outcome, const char *detail, TimestampTz started)
{
	int64	   *ids = palloc(sizeof(int64) * matches->n);
	int64	   *versions = palloc(sizeof(int64) * matches->n);
	TimestampTz begun = core_now();

	for (int i = 0; i < matches->n; i++)
	{
		ids[i] = firing->rows[matches->rows[i]].id;
		versions[i] = firing->rows[matches->rows[i]].version;
	}
	{
		CrmValue	args[] = {
			CRM_INT8(rule->id), core_text_value(rule->entity), core_text_value(rule->event),
			CRM_DATUM(core_int8_array(ids, matches->n)), CRM_DATUM(core_int8_array(versions, matches->n)),
			CRM_DATUM(TimestampTzGetDatum(begun)),
			CRM_DATUM(TimestampTzGetDatum(begun + (GetCurrentTimestamp() - started))),
			CRM_INT4(firing->depth), core_text_value(outcome), core_text_value(detail), CRM_INT4(firing->attempt + 1)
		};

		core_run_as_owner(firing->org, &insert_runs, "automation_run", args);
	}
}

/* automation_log_queued writes the row of one queued run; inside SPI. */
void
automation_log_queued(CrmOrganization *org, const CrmRule *rule, int64 id, const char *event_key,
					  const char *outcome, const char *detail, int attempt, int depth)
{
	CrmValue	args[] = {
		CRM_INT8(rule->id), core_text_value(rule->entity), CRM_INT8(id), core_text_value(rule->event),
		core_text_value(event_key), CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_INT4(depth),
		core_text_value(outcome), core_text_value(detail), CRM_INT4(attempt)
	};

	core_run_as_owner(org, &insert_run, "automation_run", args);
}

/* automation_serial tells events apart that are no change of a row. */
int64
automation_serial(void)
{
	static int64 last = 0;

	last = Max(last + 1, GetCurrentTimestamp());
	return last;
}

/* automation_note tells the journal, when one is kept, what was done. */
void
automation_note(const char *entity, int64 record_id, const char *action, const char *detail)
{
	if (automation_journal)
		automation_journal(automation_journal_state, entity, record_id, action, detail);
}

/* automation_attempt does work in a subtransaction and returns what went wrong as a text, NULL for nothing. */
char *
automation_attempt(CrmOrganization *org, CrmAttempt work, void *argument, bool keeps)
{
	ErrorData  *error = core_attempt(org, work, argument, keeps);

	return error == NULL ? NULL
		: psprintf("%s: %s%s%s", unpack_sql_state(error->sqlerrcode), error->message,
				   error->detail ? " " : "", error->detail ? error->detail : "");
}
