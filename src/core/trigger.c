/*
 * trigger.c
 *	  The one entrance of our trigger functions: how, when and on what each may
 *	  fire. Anybody may name them in a trigger of his own.
 */
#include "postgres.h"

#include "core/core.h"

static void check_firing(const TriggerData *trigdata, const CrmTrigger *trigger);
static void check_rows(const TriggerData *trigdata, const CrmTrigger *trigger);
static void check_table(const TriggerData *trigdata, const CrmTrigger *trigger);
static int	event_of(TriggerEvent event);
static void refuse_organization(const TriggerData *trigdata) pg_attribute_noreturn();
static void refuse_trigger(const TriggerData *trigdata, const char *problem) pg_attribute_noreturn();

/* core_trigger checks a call of a trigger function against what it is made for, and returns its data. */
TriggerData *
core_trigger(FunctionCallInfo fcinfo, const CrmTrigger *trigger)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("a trigger function of sales_crm can only be called as a trigger"),
				 errdetail("It works on the row or the statement that fires it."),
				 errhint("Name it in CREATE TRIGGER.")));
	check_firing(trigdata, trigger);
	check_rows(trigdata, trigger);
	core_require_current_table(trigdata->tg_relation);
	check_table(trigdata, trigger);
	return trigdata;
}

/* core_trigger_argument returns an argument of the trigger, as its script gave it. */
const char *
core_trigger_argument(const TriggerData *trigdata, int n)
{
	if (n >= trigdata->tg_trigger->tgnargs)
		refuse_trigger(trigdata, "lacks an argument");
	return trigdata->tg_trigger->tgargs[n];
}

static void
check_firing(const TriggerData *trigdata, const CrmTrigger *trigger)
{
	if ((trigdata->tg_event & TRIGGER_EVENT_TIMINGMASK) != trigger->timing ||
		(trigdata->tg_event & TRIGGER_EVENT_ROW) != trigger->level)
		refuse_trigger(trigdata, "fires at the wrong time or level");
	if ((event_of(trigdata->tg_event) & trigger->events) == 0)
		refuse_trigger(trigdata, "fires on the wrong event");
	if (trigdata->tg_trigger->tgnargs < trigger->arguments)
		refuse_trigger(trigdata, "lacks an argument");
}

/* check_rows sees to it that a statement trigger has the rows that it reads. */
static void
check_rows(const TriggerData *trigdata, const CrmTrigger *trigger)
{
	if (!trigger->reads_rows)
		return;
	if ((trigdata->tg_oldtable == NULL && !TRIGGER_FIRED_BY_INSERT(trigdata->tg_event)) ||
		(trigdata->tg_newtable == NULL && !TRIGGER_FIRED_BY_DELETE(trigdata->tg_event)))
		refuse_trigger(trigdata, "lacks a transition table");
}

/*
 * check_table refuses a table that only looks like ours, and another one than
 * the trigger is for: whoever may make tables beside ours would reach rows by
 * it that he may not.
 */
static void
check_table(const TriggerData *trigdata, const CrmTrigger *trigger)
{
	const char *table = core_table_name(trigdata->tg_relation);

	if (!trigger->follows_table && !core_is_in_organization(trigdata->tg_relation))
		refuse_organization(trigdata);
	if (trigger->table)
		core_require_table(trigdata, trigger->table);
	else if (trigger->is_named && strcmp(trigdata->tg_trigger->tgargs[0], table) != 0)
		core_require_table(trigdata, trigdata->tg_trigger->tgargs[0]);
}

static int
event_of(TriggerEvent event)
{
	return TRIGGER_FIRED_BY_INSERT(event) ? CRM_ON_INSERT
		: TRIGGER_FIRED_BY_UPDATE(event) ? CRM_ON_UPDATE
		: TRIGGER_FIRED_BY_DELETE(event) ? CRM_ON_DELETE : CRM_ON_TRUNCATE;
}

/* core_require_table refuses a trigger that hangs on another table than the one it is for. */
void
core_require_table(const TriggerData *trigdata, const char *table)
{
	Relation	rel = trigdata->tg_relation;

	if (strcmp(core_table_name(rel), table) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" of table \"%s\" is for table \"%s\"", trigdata->tg_trigger->tgname,
					RelationGetRelationName(rel), table),
			 errdetail("It acts on what belongs to records of that table."),
			 errhint("Drop it; on a table of yours its argument is the name of that very table."),
			 errtable(rel)));
}

static void
refuse_organization(const TriggerData *trigdata)
{
	Relation	rel = trigdata->tg_relation;

	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("table \"%s\" is in no organization of sales_crm", RelationGetRelationName(rel)),
			 errdetail("Trigger \"%s\" works with the tables of one.", trigdata->tg_trigger->tgname),
			 errhint("Drop the trigger, or move the table to the schema of an organization."),
			 errtable(rel)));
}

static void
refuse_trigger(const TriggerData *trigdata, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" %s", trigdata->tg_trigger->tgname, problem),
			 errdetail("It hangs on table \"%s\".", RelationGetRelationName(trigdata->tg_relation)),
			 errhint("Drop it and call sales_crm.repair()."),
			 errtable(trigdata->tg_relation)));
}
