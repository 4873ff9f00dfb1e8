/*
 * opportunity.c
 *	  The entities of this room: opportunity, its lines, its closings.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"

#include "activity/activity.h"
#include "opportunity/opportunity.h"
#include "security/security.h"

static void complete_opportunity(CrmRow *row, CrmTicket *ticket);
static void keep_typed_chance(CrmRow *row, CrmTicket *ticket);
static void check_forecast(CrmRow *row);
static void complete_line(CrmRow *row, CrmTicket *ticket);
static void before_delete(CrmRow *row);
static void visit_stage(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state);

static const char *const computed[] = {
	PRICING_COMPUTED_TOTALS, "estimated_value_base", "actual_value", "actual_value_base",
	"actual_close_date", "originating_lead_id", NULL
};

const CrmEntity opportunity_entity = {
	.name = "opportunity", .key = "opportunity_id", .label = "opportunity", .title = "name",
	.computed = computed, .complete = complete_opportunity, .before_delete = before_delete
};

CrmLines	opportunity_lines = {
	.entity = {.name = "opportunity_product", .key = "opportunity_product_id",
		.label = "opportunity line", .computed = pricing_line_computed,
	.complete = complete_line},
	.header = &opportunity_entity
};

static const CrmEntity others[] = {
	{.name = "opportunity_close", .key = "opportunity_close_id", .label = "opportunity closing",
	.made_by_calls = true},
	{.name = "opportunity_competitor", .key = "opportunity_competitor_id",
	.label = "competitor of an opportunity"}
};

OpportunityCloseHook opportunity_close_hook = NULL;
OpportunityDeleteHook opportunity_delete_hook = NULL;

/* the changes of phase that one statement made */
typedef struct StageVisitor
{
	CrmOrganization *org;
	Relation	rel;
	int			phase;			/* column positions, from 1 */
	int			key;
	int			amount;
	int			probability;
} StageVisitor;

static CrmStatement insert_stage = {
	.sql = "INSERT INTO @opportunity_stage_history (opportunity_id, from_phase, to_phase, "
	"changed_at, changed_by, amount, close_probability) VALUES ($1, $2, $3, " CRM_SQL_NOW ", $4, $5, $6)",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, INT8OID, NUMERICOID, NUMERICOID}
};

PG_FUNCTION_INFO_V1(opportunity_record_stage);

/* opportunity_init registers the entities of this room. */
void
opportunity_init(void)
{
	lifecycle_add_entity(&opportunity_entity);
	pricing_add_lines(&opportunity_lines);
	for (int i = 0; i < lengthof(others); i++)
		lifecycle_add_entity(&others[i]);
	activity_add_source("account", "SELECT 'opportunity', opportunity_id FROM @opportunity WHERE account_id = $2");
	activity_add_source("contact", "SELECT 'opportunity', opportunity_id FROM @opportunity WHERE contact_id = $2");
	activity_add_source("lead", "SELECT 'opportunity', opportunity_id FROM @opportunity WHERE originating_lead_id = $2");
	activity_add_source("opportunity", "SELECT 'lead', originating_lead_id FROM @opportunity WHERE opportunity_id = $2");
}

/* complete_opportunity fills customer defaults, totals and revenue. */
static void
complete_opportunity(CrmRow *row, CrmTicket *ticket)
{
	pricing_require_customer(row, &opportunity_entity);
	pricing_check_percent(row, "close_probability");
	keep_typed_chance(row, ticket);
	check_forecast(row);
	if (ticket == NULL || ticket->kind != TICKET_BIRTH || row_is_null(row, "currency_code"))
		pricing_take_defaults(row, true);
	else if (row_is_null(row, "price_list_id"))
		pricing_take_territory_list(row);
	pricing_complete_totals(row, &opportunity_entity, ticket);
	if (row_bool(row, "is_revenue_system_calculated"))
		row_set(row, "estimated_value", row_datum(row, "total_amount"));
	pricing_complete_money(row);
}

/* keep_typed_chance marks a chance that is changed by hand: processes leave it alone until it is emptied. */
static void
keep_typed_chance(CrmRow *row, CrmTicket *ticket)
{
	if (ticket == NULL && !core_import_mode && row_changed(row, "close_probability") &&
		!row_changed(row, "is_probability_overridden") && row_has(row, "is_probability_overridden"))
		row_set_as(row, "is_probability_overridden", BOOLOID, BoolGetDatum(!row_is_null(row, "close_probability")));
}

/* check_forecast keeps won and lost for closed deals (D§9.2). */
static void
check_forecast(CrmRow *row)
{
	char	   *category = row_text(row, "forecast_category");
	char	   *state = row_text(row, "state");

	if (category == NULL || state == NULL || strcmp(state, "open") != 0 ||
		(strcmp(category, "won") != 0 && strcmp(category, "lost") != 0))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("the forecast category of an open opportunity cannot be \"%s\"", category),
			 errdetail("Opportunity %lld is open.", (long long) row_int8(row, "opportunity_id")),
			 errhint("win_opportunity() and lose_opportunity() set it; until then it is pipeline, best_case, committed or omitted."),
			 errtablecol(row->rel, row_column(row, "forecast_category") + 1)));
}

static void
complete_line(CrmRow *row, CrmTicket *ticket)
{
	pricing_complete_line(row, ticket, &opportunity_lines);
}

/* before_delete lets the drafts of a deal go with it. */
static void
before_delete(CrmRow *row)
{
	if (opportunity_delete_hook)
		opportunity_delete_hook(row->org, row_int8(row, "opportunity_id"));
}

/*
 * opportunity_record_stage is the AFTER UPDATE statement trigger that keeps
 * each change of the pipeline phase, with value and chance of that moment.
 */
Datum
opportunity_record_stage(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_UPDATE, .reads_rows = true,
		.table = "opportunity"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	Relation	rel = trigdata->tg_relation;
	StageVisitor visitor = {
		.org = core_organization_of(rel),
		.rel = rel,
		.phase = core_attribute(rel, "pipeline_phase", TEXTOID),
		.key = core_attribute(rel, "opportunity_id", INT8OID),
		.amount = core_attribute(rel, "estimated_value", NUMERICOID),
		.probability = core_attribute(rel, "close_probability", NUMERICOID)
	};

	core_visit_transitions(trigdata, visit_stage, &visitor);
	return PointerGetDatum(NULL);
}

/* visit_stage stores a change of phase as owner of the history. */
static void
visit_stage(TupleTableSlot *old_row, TupleTableSlot *new_row, void *state)
{
	StageVisitor *visitor = state;
	CrmValue	args[6];
	Datum		from_phase;
	Datum		to_phase;
	char	   *from;
	char	   *to;
	bool		was_null;
	bool		isnull;

	if (old_row == NULL || new_row == NULL)
		return;					/* hung on another event than UPDATE */
	from_phase = slot_getattr(old_row, visitor->phase, &was_null);
	to_phase = slot_getattr(new_row, visitor->phase, &isnull);
	if (was_null || isnull)
		return;
	from = TextDatumGetCString(from_phase);
	to = TextDatumGetCString(to_phase);
	if (strcmp(from, to) == 0)
		return;
	args[0].value = slot_getattr(new_row, visitor->key, &args[0].isnull);
	args[1] = core_text_value(from);
	args[2] = core_text_value(to);
	args[3] = CRM_ID(security_acting_user(visitor->org));
	args[4].value = slot_getattr(new_row, visitor->amount, &args[4].isnull);
	args[5].value = slot_getattr(new_row, visitor->probability, &args[5].isnull);
	SPI_connect();
	core_run_as_owner(visitor->org, &insert_stage, "opportunity_stage_history", args);
	SPI_finish();
}
