/*
 * rule.c
 *	  The rules of an organization, kept in memory by entity and event, and
 *	  what is checked when one is saved.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "automation/rule.h"

/* The active rules of one entity, in the order in which they run. */
typedef struct EntityRules
{
	char		name[NAMEDATALEN];
	List	   *rules[SOURCE_RAISED + 1];
} EntityRules;

typedef struct RuleById
{
	int64		id;
	CrmRule    *rule;
} RuleById;

typedef struct RuleBook
{
	List	   *all;			/* inactive ones too */
	HTAB	   *by_id;			/* of RuleById */
	HTAB	   *entities;		/* of EntityRules: the active ones */
} RuleBook;

static void *load_book(CrmOrganization *org);
static CrmRule *read_rule(CrmOrganization *org, uint64 i);
static void read_actions(CrmOrganization *org, RuleBook *book);
static CrmActionRow *read_action(uint64 i);
static void file_rule(RuleBook *book, CrmRule *rule);
static void complete_rule(CrmRow *row, CrmTicket *ticket);
static void complete_action(CrmRow *row, CrmTicket *ticket);
static void check_action(CrmRow *row, CrmRule *rule, bool is_active);
static void refuse_no_rule(CrmRow *row) pg_attribute_noreturn();
static void note_activation(CrmRow *row);
static CrmRule *rule_of_row(CrmRow *row);
static void check_columns_fit(CrmRow *row, CrmRule *rule);
static void refuse_column(CrmRow *row, CrmRule *rule, const char *column, const char *why);
static void check_date(CrmRow *row, CrmRule *rule);
static CrmRule *stored_rule(CrmOrganization *org, int64 id, bool *is_active);
static List *stored_actions(CrmRule *rule);

#define RULE_COLUMNS \
	"automation_rule_id, name, entity, event, watched_columns, condition, timing, rule_owner, " \
	"process_name, stage_name, is_active"

static const CrmConfig book_config = {
	.tables = {"automation_rule", "automation_action"},
	.load = load_book
};
static const char *const rule_computed[] = {"activated_at", NULL};
static const CrmEntity rule_entity = {
	.name = "automation_rule", .key = "automation_rule_id", .label = "automation rule", .title = "name",
	.computed = rule_computed, .complete = complete_rule
};
static const CrmEntity action_entity = {
	.name = "automation_action", .key = "automation_action_id", .label = "automation action", .title = "action",
	.complete = complete_action
};

static CrmStatement select_rules = {
	.sql = "SELECT " RULE_COLUMNS " FROM @automation_rule ORDER BY sort_order, automation_rule_id"
};
static CrmStatement select_actions = {
	.sql = "SELECT automation_action_id, action, parameters, automation_rule_id FROM @automation_action "
	"ORDER BY automation_rule_id, sort_order, automation_action_id"
};

/* locked: who takes the rule over meanwhile waits, or has done so, and then its actions are not everybody's to write */
static CrmStatement select_rule = {
	.sql = "SELECT " RULE_COLUMNS " FROM @automation_rule WHERE automation_rule_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID}
};
static CrmStatement select_actions_of = {
	.sql = "SELECT automation_action_id, action, parameters FROM @automation_action "
	"WHERE automation_rule_id = $1 ORDER BY sort_order, automation_action_id",
	.argtypes = {INT8OID}
};

/* the events of rows, by what fires them; all others are raised */
static const struct
{
	const char *event;
	CrmRuleSource source;
}			row_events[] =
{
	{"created", SOURCE_INSERT},
	{"updated", SOURCE_UPDATE},
	{"state_changed", SOURCE_UPDATE},
	{"assigned", SOURCE_UPDATE},
	{"deleted", SOURCE_DELETE}
};

/* automation_rule_init registers the entities of this room. */
void
automation_rule_init(void)
{
	lifecycle_add_entity(&rule_entity);
	lifecycle_add_entity(&action_entity);
}

/* automation_source returns what fires an event; nothing of a table fires one without a name. */
CrmRuleSource
automation_source(const char *event)
{
	for (int i = 0; i < lengthof(row_events); i++)
	{
		if (event && strcmp(row_events[i].event, event) == 0)
			return row_events[i].source;
	}
	return SOURCE_RAISED;
}

/* automation_rules returns the active rules of an entity that a source may fire, in order. */
List *
automation_rules(CrmOrganization *org, const char *entity, CrmRuleSource source)
{
	RuleBook   *book = core_config(org, &book_config);
	EntityRules *rules = hash_search(book->entities, entity, HASH_FIND, NULL);

	return rules ? rules->rules[source] : NIL;
}

/* automation_all_rules returns all rules, inactive ones too. */
List *
automation_all_rules(CrmOrganization *org)
{
	return ((RuleBook *) core_config(org, &book_config))->all;
}

/* automation_rule_named returns the rule of that name, which must be there. */
CrmRule *
automation_rule_named(CrmOrganization *org, const char *name)
{
	ListCell   *cell;

	foreach(cell, automation_all_rules(org))
	{
		CrmRule    *rule = lfirst(cell);

		if (strcmp(rule->name, name) == 0)
			return rule;
	}
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("automation rule \"%s\" does not exist", name),
			 errdetail("Table automation_rule of organization \"%s\" has no row of that name.", org->name),
			 errhint("Check the name and sales_crm.organization.")));
}

/* automation_rule_of_id returns a rule by its key, or NULL. */
CrmRule *
automation_rule_of_id(CrmOrganization *org, int64 id)
{
	RuleBook   *book = core_config(org, &book_config);
	RuleById   *entry = hash_search(book->by_id, &id, HASH_FIND, NULL);

	return entry ? entry->rule : NULL;
}

/* load_book reads all rules and actions of an organization. */
static void *
load_book(CrmOrganization *org)
{
	RuleBook   *book = palloc0(sizeof(RuleBook));
	HASHCTL		by_name = {.keysize = NAMEDATALEN, .entrysize = sizeof(EntityRules), .hcxt = CurrentMemoryContext};
	HASHCTL		by_id = {.keysize = sizeof(int64), .entrysize = sizeof(RuleById), .hcxt = CurrentMemoryContext};
	uint64		n = core_config_rows(org, "automation_rule", &select_rules);

	book->entities = hash_create("sales_crm rules", 32, &by_name, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	book->by_id = hash_create("sales_crm rules by key", 32, &by_id, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (uint64 i = 0; i < n; i++)
	{
		CrmRule    *rule = read_rule(org, i);
		RuleById   *entry = hash_search(book->by_id, &rule->id, HASH_ENTER, NULL);

		entry->rule = rule;
		book->all = lappend(book->all, rule);
		if (core_result_bool(i, 11))
			file_rule(book, rule);
	}
	if (n > 0)
		read_actions(org, book);
	return book;
}

/* read_rule makes a rule of a row of the last result. */
static CrmRule *
read_rule(CrmOrganization *org, uint64 i)
{
	CrmRule    *rule = palloc0(sizeof(CrmRule));

	rule->org = org;
	rule->context = CurrentMemoryContext;
	rule->id = core_result_int8(i, 1);
	rule->name = core_result_name(i, 2);
	rule->entity = core_result_name(i, 3);
	rule->event = core_result_name(i, 4);
	rule->watched = core_result_text(i, 5);
	rule->condition = core_result_text(i, 6);
	rule->is_queued = strcmp(core_result_name(i, 7), "queued") == 0;
	rule->owner = core_result_name(i, 8);
	rule->process_name = core_result_text(i, 9);
	rule->stage_name = core_result_text(i, 10);
	rule->source = automation_source(rule->event);
	rule->place = RULE_PLACE;
	return rule;
}

/* read_actions gives each rule its actions, in order. */
static void
read_actions(CrmOrganization *org, RuleBook *book)
{
	uint64		n = core_config_rows(org, "automation_action", &select_actions);

	for (uint64 i = 0; i < n; i++)
	{
		int64		id = core_result_int8(i, 4);
		RuleById   *entry = hash_search(book->by_id, &id, HASH_FIND, NULL);

		if (entry)
			entry->rule->actions = lappend(entry->rule->actions, read_action(i));
	}
}

/* read_action makes an action of a row of the last result. */
static CrmActionRow *
read_action(uint64 i)
{
	CrmActionRow *row = palloc0(sizeof(CrmActionRow));
	bool		isnull;
	Datum		parameters = core_result(i, 3, JSONBOID, &isnull);

	row->id = core_result_int8(i, 1);
	row->action = core_result_name(i, 2);
	if (isnull)
		parameters = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	row->parameters = DatumGetJsonbPCopy(parameters);
	return row;
}

/* file_rule puts an active rule where its events find it. */
static void
file_rule(RuleBook *book, CrmRule *rule)
{
	EntityRules *rules;
	bool		found;

	rules = hash_search(book->entities, rule->entity, HASH_ENTER, &found);
	if (!found)
		memset(rules->rules, 0, sizeof(rules->rules));
	rules->rules[rule->source] = lappend(rules->rules[rule->source], rule);
}

/*
 * complete_rule checks a rule that is saved as active: who may write it, that
 * its columns fit together, and that it and all its actions can be read.
 */
static void
complete_rule(CrmRow *row, CrmTicket *ticket)
{
	CrmRule    *rule;

	if (row_is_null(row, "rule_owner"))
		row_set_text(row, "rule_owner", GetUserNameFromId(GetUserId(), false));
	if (row_is_null(row, "name") || row_is_null(row, "entity") || row_is_null(row, "event"))
		return;					/* NOT NULL says it */
	rule = rule_of_row(row);
	if (!row_bool(row, "is_active") && ROW_IS_UPDATE(row) && !OidIsValid(get_role_oid(rule->owner, true)))
		return;					/* switching off must be possible when the role is gone */
	automation_check_author(rule);
	if (!row_bool(row, "is_active"))
		return;
	note_activation(row);
	check_columns_fit(row, rule);
	check_date(row, rule);
	SPI_connect();
	rule->actions = stored_actions(rule);
	automation_check(rule);
	SPI_finish();
}

/* note_activation keeps since when a rule waits for what it waits for: dates before that are no concern of it. */
static void
note_activation(CrmRow *row)
{
	static const char *const columns[] = {"is_active", "entity", "event", "date_column", "offset_interval"};
	bool		is_new = ROW_IS_INSERT(row) && row_is_null(row, "activated_at");

	for (int i = 0; ROW_IS_UPDATE(row) && i < lengthof(columns); i++)
		is_new |= row_changed(row, columns[i]);
	if (is_new)
		row_set_as(row, "activated_at", TIMESTAMPTZOID, TimestampTzGetDatum(core_now()));
}

/* rule_of_row makes a rule of the row that is being saved. */
static CrmRule *
rule_of_row(CrmRow *row)
{
	CrmRule    *rule = palloc0(sizeof(CrmRule));
	char	   *timing = row_text(row, "timing");

	rule->org = row->org;
	rule->context = CurrentMemoryContext;
	rule->id = row_int8(row, "automation_rule_id");
	rule->name = row_text(row, "name");
	rule->entity = row_text(row, "entity");
	rule->event = row_text(row, "event");
	rule->watched = row_text(row, "watched_columns");
	rule->condition = row_text(row, "condition");
	rule->is_queued = timing && strcmp(timing, "queued") == 0;
	rule->owner = row_text(row, "rule_owner");
	rule->source = automation_source(rule->event);
	rule->place = RULE_PLACE;
	return rule;
}

/* check_columns_fit refuses columns that mean nothing for the event. */
static void
check_columns_fit(CrmRow *row, CrmRule *rule)
{
	bool		is_process = strncmp(rule->event, "process_", 8) == 0;
	bool		is_stage = strncmp(rule->event, "stage_", 6) == 0;

	if (rule->watched && strcmp(rule->event, "updated") != 0)
		refuse_column(row, rule, "watched_columns", "It is for event updated.");
	if (!row_is_null(row, "process_name") && !is_process && !is_stage)
		refuse_column(row, rule, "process_name", "It is for events of processes and stages.");
	if (!row_is_null(row, "stage_name") && !is_stage)
		refuse_column(row, rule, "stage_name", "It is for events of stages.");
}

/* check_date demands a column and an offset of a rule that waits for a date, and of no other. */
static void
check_date(CrmRow *row, CrmRule *rule)
{
	bool		waits = strcmp(rule->event, "date_reached") == 0;
	char	   *column = row_text(row, "date_column");
	Oid			relid;
	AttrNumber	number;
	Oid			type;

	if (!waits)
	{
		if (column || !row_is_null(row, "offset_interval"))
			refuse_column(row, rule, column ? "date_column" : "offset_interval", "It is for event date_reached.");
		return;
	}
	if (column == NULL)
		refuse_column(row, rule, "date_column", "Event date_reached needs it.");
	relid = core_table(row->org, automation_table(row->org, rule->entity)->name);
	number = get_attnum(relid, column);
	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("\"%s\" has no column \"%s\"", rule->entity, column),
				 errdetail("Rule \"%s\" names it as date_column.", rule->name),
				 errhint("Name a column of table %s that holds a date or a time.", rule->entity)));
	type = get_atttype(relid, number);
	if (type != DATEOID && type != TIMESTAMPTZOID)
		refuse_column(row, rule, "date_column", "It must be of type date or timestamptz.");
	if (row_is_null(row, "offset_interval"))
		row_set_as(row, "offset_interval", INTERVALOID, PointerGetDatum(palloc0(sizeof(Interval))));
}

static void
refuse_column(CrmRow *row, CrmRule *rule, const char *column, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("column \"%s\" does not fit event \"%s\"", column, rule->event),
			 errdetail("Rule \"%s\": %s", rule->name, why),
			 errhint("See the comments on the columns of automation_rule."),
			 errtablecol(row->rel, row_column(row, column) + 1)));
}

/* complete_action checks an action against the rule it belongs to, when that is active. */
static void
complete_action(CrmRow *row, CrmTicket *ticket)
{
	CrmRule    *rule;
	bool		is_active;

	if (row_is_null(row, "automation_rule_id") || row_is_null(row, "action") || row_is_null(row, "parameters"))
		return;					/* NOT NULL says it */
	SPI_connect();
	rule = stored_rule(row->org, row_int8(row, "automation_rule_id"), &is_active);
	if (rule)
		check_action(row, rule, is_active);
	else
		refuse_no_rule(row);
	SPI_finish();
}

static void
check_action(CrmRow *row, CrmRule *rule, bool is_active)
{
	CrmActionRow action = {
		.id = row_int8(row, "automation_action_id"), .action = row_text(row, "action"),
		.parameters = DatumGetJsonbP(row_datum_as(row, "parameters", JSONBOID))
	};

	automation_check_author(rule);
	rule->actions = list_make1(&action);
	if (is_active)
		automation_check(rule);
}

/*
 * refuse_no_rule says what the foreign key would, which is asked only when the
 * statement ends: by then somebody else may have made a rule of that key, one
 * that the author of this action may not write.
 */
static void
refuse_no_rule(CrmRow *row)
{
	ereport(ERROR,
			(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
			 errmsg("automation rule %lld does not exist", (long long) row_int8(row, "automation_rule_id")),
			 errdetail("Table automation_rule of organization \"%s\" has no row of that key.", row->org->name),
			 errhint("Insert the rule first, then its actions."),
			 errtablecol(row->rel, row_column(row, "automation_rule_id") + 1)));
}

/* stored_rule reads a rule as it is now, or returns NULL; inside SPI. */
static CrmRule *
stored_rule(CrmOrganization *org, int64 id, bool *is_active)
{
	CrmValue	args[] = {CRM_INT8(id)};

	if (core_run_as_owner(org, &select_rule, "automation_rule", args) == 0)
		return NULL;
	*is_active = core_result_bool(0, 11);
	return read_rule(org, 0);
}

/* stored_actions reads the actions of a rule as they are now; inside SPI. */
static List *
stored_actions(CrmRule *rule)
{
	CrmValue	args[] = {CRM_INT8(rule->id)};
	uint64		n = core_run_as_owner(rule->org, &select_actions_of, "automation_action", args);
	List	   *actions = NIL;

	for (uint64 i = 0; i < n; i++)
		actions = lappend(actions, read_action(i));
	return actions;
}
