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
#include "process/process.h"

CrmJournal	automation_journal = NULL;
void	   *automation_journal_state = NULL;

/* started_at is the transaction's time, ended_at so much later as the rule took */
static CrmStatement insert_runs = {
	.sql = "INSERT INTO @automation_run (automation_rule_id, entity, record_id, event, event_key, started_at, ended_at, "
	"depth, outcome, detail, attempt, queue_entry) "
	"SELECT $1, $2, r.id, $3, $3 || ':' || r.id || ':' || r.version, $6, $7, $8, $9, $10, $11, r.entry "
	"FROM unnest($4, $5, $12) r(id, version, entry)",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8ARRAYOID, INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
	INT4OID, TEXTOID, TEXTOID, INT4OID, INT8ARRAYOID}
};
static CrmStatement insert_run = {
	.sql = "INSERT INTO @automation_run (automation_rule_id, entity, record_id, event, event_key, started_at, ended_at, "
	"depth, outcome, detail, attempt, queue_entry) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11)",
	.argtypes = {INT8OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTOID, INT4OID, INT8OID}
};

/* rows of date_reached stay as long as dates.c looks back */
static CrmStatement delete_runs = {
	.sql = "DELETE FROM @automation_run WHERE started_at < $1 AND (event <> 'date_reached' OR started_at < $2)",
	.argtypes = {TIMESTAMPTZOID, TIMESTAMPTZOID}
};

PG_FUNCTION_INFO_V1(automation_purge_runs);

/* automation_log writes a row for each record that a rule worked on; inside SPI. */
void
automation_log(CrmFiring *firing, const CrmRule *rule, const CrmMatches *matches,
			   const char *outcome, const char *detail, TimestampTz started)
{
	int64	   *ids = palloc(sizeof(int64) * matches->n);
	int64	   *versions = palloc(sizeof(int64) * matches->n);
	int64	   *entries = palloc(sizeof(int64) * matches->n);
	TimestampTz begun = core_now();

	for (int i = 0; i < matches->n; i++)
	{
		ids[i] = firing->rows[matches->rows[i]].id;
		versions[i] = firing->rows[matches->rows[i]].version;
		entries[i] = firing->rows[matches->rows[i]].entry;
	}
	{
		CrmValue	args[] = {
			CRM_INT8(rule->id), core_text_value(rule->entity), core_text_value(rule->event),
			CRM_DATUM(core_int8_array(ids, matches->n)), CRM_DATUM(core_int8_array(versions, matches->n)),
			CRM_DATUM(TimestampTzGetDatum(begun)),
			CRM_DATUM(TimestampTzGetDatum(begun + (GetCurrentTimestamp() - started))),
			CRM_INT4(firing->depth), core_text_value(outcome), core_text_value(detail), CRM_INT4(firing->attempt + 1),
			entries[0] == 0 ? CRM_NULL : CRM_DATUM(core_int8_array(entries, matches->n))
		};

		core_run_as_owner(firing->org, &insert_runs, "automation_run", args);
	}
	if (strcmp(rule->event, "on_demand") == 0 && strcmp(outcome, "done") == 0)
		process_rule_ran(firing->org, rule->name, ids, matches->n);
}

/* automation_log_queued writes the row of one queued run; inside SPI. */
void
automation_log_queued(CrmOrganization *org, const CrmRun *run)
{
	CrmValue	args[] = {
		CRM_INT8(run->rule_id), core_text_value(run->entity), CRM_INT8(run->record_id), core_text_value(run->event),
		core_text_value(run->event_key), CRM_DATUM(TimestampTzGetDatum(core_now())), CRM_INT4(run->depth),
		core_text_value(run->outcome), core_text_value(run->detail), CRM_INT4(run->attempt), CRM_INT8(run->entry)
	};

	core_run_as_owner(org, &insert_run, "automation_run", args);
}

/* automation_purge_runs deletes rows of the log that are older than a moment. */
Datum
automation_purge_runs(PG_FUNCTION_ARGS)
{
	CrmOrganization *org;
	CrmValue	args[2];
	int64		purged;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"before\" must not be NULL"),
				 errdetail("The call needs to know which rows may go."),
				 errhint("Give before => now() - interval '90 days'.")));
	args[0] = CRM_DATUM(PG_GETARG_DATUM(0));
	org = core_begin();
	automation_require_admin(org, "automation_run");
	args[1] = CRM_DATUM(TimestampTzGetDatum(core_now() - automation_catch_up_days(org) * USECS_PER_DAY));
	purged = core_run_as_owner(org, &delete_runs, "automation_run", args);
	SPI_finish();
	return Int64GetDatum(purged);
}

/*
 * automation_serial tells events apart that no row_version does: a number of
 * the log's own sequence, which is never given twice, in no session, and not
 * after a dump either.
 */
int64
automation_serial(CrmOrganization *org)
{
	return core_next_id(org, "automation_run", "automation_run_id");
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
