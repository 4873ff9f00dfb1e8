/*
 * rules.c
 *	  States, reasons, moves, editable columns and option values, kept in
 *	  memory as the organization's rows say.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "lifecycle/lifecycle.h"

typedef struct Reason
{
	char	   *state;
	char	   *reason;
	bool		is_default;
	bool		is_read_only;
	bool		wants_text;
} Reason;

typedef struct Move
{
	char	   *from;			/* NULL = birth */
	char	   *to;
	char	   *made_by;
} Move;

typedef struct Option
{
	char	   *column;
	List	   *values;			/* active ones */
} Option;

typedef struct EntityRules
{
	char		name[NAMEDATALEN];
	List	   *reasons;
	List	   *moves;
	List	   *editable;		/* column names */
	List	   *options;
} EntityRules;

static char *value_text(const CrmRow *row, int column);
static EntityRules *rules_of(CrmOrganization *org, const char *entity);
static EntityRules *options_of(CrmOrganization *org, const char *entity);
static EntityRules *entity_rules(HTAB *all, const char *name);
static HTAB *new_rules(void);
static void *load_rules(CrmOrganization *org);
static void load_reasons(CrmOrganization *org, HTAB *all);
static void load_moves(CrmOrganization *org, HTAB *all);
static void load_editable(CrmOrganization *org, HTAB *all);
static void *load_options(CrmOrganization *org);
static Option *option_of(EntityRules *rules, char *column);
static Reason *find_reason(CrmOrganization *org, const char *entity,
						   const char *state, const char *reason);
static bool list_has_text(List *texts, const char *text);
static void refuse_option(CrmRow *row, const CrmEntity *entity,
						  const char *column, const char *value);

static const CrmConfig rules_config = {
	.tables = {"status_reason", "state_transition", "editable_when_closed"},
	.load = load_rules
};
static const CrmConfig options_config = {
	.tables = {"option_value"},
	.load = load_options
};

static CrmStatement select_reasons = {
	.sql = "SELECT entity, state, status_reason, is_default, is_read_only, requires_description "
	"FROM @status_reason ORDER BY status_reason_id"
};
static CrmStatement select_moves = {
	.sql = "SELECT entity, from_state, to_state, made_by FROM @state_transition "
	"ORDER BY state_transition_id"
};
static CrmStatement select_editable = {
	.sql = "SELECT entity, column_name FROM @editable_when_closed"
};
static CrmStatement select_options = {
	.sql = "SELECT entity, column_name, value, is_active FROM @option_value"
};

/* lifecycle_is_read_only tells whether a state closes the row and its lines. */
bool
lifecycle_is_read_only(CrmOrganization *org, const char *entity, const char *state)
{
	Reason	   *reason = find_reason(org, entity, state, NULL);

	return reason && reason->is_read_only;
}

/* lifecycle_default_reason returns the first reason of a state, or NULL. */
const char *
lifecycle_default_reason(CrmOrganization *org, const char *entity, const char *state)
{
	ListCell   *cell;

	foreach(cell, rules_of(org, entity)->reasons)
	{
		Reason	   *reason = lfirst(cell);

		if (reason->is_default && state && strcmp(reason->state, state) == 0)
			return reason->reason;
	}
	return NULL;
}

/* lifecycle_reason_fits tells whether a reason belongs to a state. */
bool
lifecycle_reason_fits(CrmOrganization *org, const char *entity,
					  const char *state, const char *reason)
{
	return reason && find_reason(org, entity, state, reason) != NULL;
}

/* lifecycle_reason_wants_text tells whether a reason must come with a description. */
bool
lifecycle_reason_wants_text(CrmOrganization *org, const char *entity,
							const char *state, const char *reason)
{
	Reason	   *found = find_reason(org, entity, state, reason);

	return found && found->wants_text;
}

/* lifecycle_allows tells whether a move exists for the way it is made; from NULL = birth, none leads to NULL. */
bool
lifecycle_allows(CrmOrganization *org, const char *entity,
				 const char *from, const char *to, const char *made_by)
{
	ListCell   *cell;

	foreach(cell, rules_of(org, entity)->moves)
	{
		Move	   *move = lfirst(cell);
		bool		same_start = from && move->from
			? strcmp(from, move->from) == 0 : from == move->from;

		if (same_start && to && strcmp(move->to, to) == 0 && strcmp(move->made_by, made_by) == 0)
			return true;
	}
	return false;
}

/* lifecycle_birth_state returns the state that a plain insert starts in. */
const char *
lifecycle_birth_state(CrmOrganization *org, const char *entity)
{
	ListCell   *cell;

	foreach(cell, rules_of(org, entity)->moves)
	{
		Move	   *move = lfirst(cell);

		if (move->from == NULL && strcmp(move->made_by, "insert") == 0)
			return move->to;
	}
	return NULL;
}

/* lifecycle_is_editable tells whether a column may change in a read-only row. */
bool
lifecycle_is_editable(CrmOrganization *org, const char *entity, const char *column)
{
	return list_has_text(rules_of(org, entity)->editable, column);
}

/* lifecycle_ways_out says in words where a record may go from a state. */
char *
lifecycle_ways_out(CrmOrganization *org, const char *entity, const char *from)
{
	StringInfoData text;
	const char *last = "";
	ListCell   *cell;

	if (from == NULL)
		from = "";
	initStringInfo(&text);
	foreach(cell, rules_of(org, entity)->moves)
	{
		Move	   *move = lfirst(cell);
		bool		is_update = strcmp(move->made_by, "update") == 0;

		if (move->from == NULL || strcmp(move->from, from) != 0)
			continue;
		if (strcmp(move->to, last) == 0)
			appendStringInfoString(&text, " or ");
		else
			appendStringInfo(&text, "%s\"%s\" by ", text.len > 0 ? ", " : "", move->to);
		appendStringInfo(&text, "%s%s", is_update ? "an update" : move->made_by, is_update ? "" : "()");
		last = move->to;
	}
	return text.len > 0
		? psprintf("From \"%s\" it may go to %s.", from, text.data)
		: psprintf("\"%s\" is final.", from);
}

/* lifecycle_check_options refuses a value that is not among the active options. */
void
lifecycle_check_options(CrmRow *row, const CrmEntity *entity)
{
	ListCell   *cell;

	foreach(cell, options_of(row->org, entity->name)->options)
	{
		Option	   *option = lfirst(cell);
		int			column = row_column(row, option->column);
		char	   *value;

		if (column < 0 || row->nulls[column] ||
			(ROW_IS_UPDATE(row) && !row_differs(row, column)))
			continue;
		value = value_text(row, column);
		if (!list_has_text(option->values, value))
			refuse_option(row, entity, option->column, value);
	}
}

/* value_text returns a value as option_value writes it, of whatever type its column is. */
static char *
value_text(const CrmRow *row, int column)
{
	Oid			output;
	bool		is_varlena;
	char	   *shown;
	int			nest;

	if (TupleDescAttr(row->desc, column)->atttypid == TEXTOID)
		return TextDatumGetCString(row->values[column]);
	getTypeOutputInfo(TupleDescAttr(row->desc, column)->atttypid, &output, &is_varlena);
	nest = core_fix_settings(NULL);
	shown = OidOutputFunctionCall(output, row->values[column]);
	AtEOXact_GUC(true, nest);
	return shown;
}

static EntityRules *
rules_of(CrmOrganization *org, const char *entity)
{
	return entity_rules(core_config(org, &rules_config), entity);
}

static EntityRules *
options_of(CrmOrganization *org, const char *entity)
{
	return entity_rules(core_config(org, &options_config), entity);
}

/* entity_rules finds or makes the rules of an entity. */
static EntityRules *
entity_rules(HTAB *all, const char *name)
{
	bool		found;
	EntityRules *rules = hash_search(all, name, HASH_ENTER, &found);

	if (!found)
		rules->reasons = rules->moves = rules->editable = rules->options = NIL;
	return rules;
}

static HTAB *
new_rules(void)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(EntityRules),
	.hcxt = CurrentMemoryContext};

	return hash_create("sales_crm rules", 32, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* load_rules reads the state machine. */
static void *
load_rules(CrmOrganization *org)
{
	HTAB	   *all = new_rules();

	load_reasons(org, all);
	load_moves(org, all);
	load_editable(org, all);
	return all;
}

static void
load_reasons(CrmOrganization *org, HTAB *all)
{
	uint64		n = core_config_rows(org, "status_reason", &select_reasons);

	for (uint64 i = 0; i < n; i++)
	{
		EntityRules *rules = entity_rules(all, core_result_name(i, 1));
		Reason	   *reason = palloc(sizeof(Reason));

		reason->state = core_result_name(i, 2);
		reason->reason = core_result_name(i, 3);
		reason->is_default = core_result_bool(i, 4);
		reason->is_read_only = core_result_bool(i, 5);
		reason->wants_text = core_result_bool(i, 6);
		rules->reasons = lappend(rules->reasons, reason);
	}
}

static void
load_moves(CrmOrganization *org, HTAB *all)
{
	uint64		n = core_config_rows(org, "state_transition", &select_moves);

	for (uint64 i = 0; i < n; i++)
	{
		EntityRules *rules = entity_rules(all, core_result_name(i, 1));
		Move	   *move = palloc(sizeof(Move));

		move->from = core_result_text(i, 2);
		move->to = core_result_name(i, 3);
		move->made_by = core_result_name(i, 4);
		rules->moves = lappend(rules->moves, move);
	}
}

static void
load_editable(CrmOrganization *org, HTAB *all)
{
	uint64		n = core_config_rows(org, "editable_when_closed", &select_editable);

	for (uint64 i = 0; i < n; i++)
	{
		EntityRules *rules = entity_rules(all, core_result_name(i, 1));

		rules->editable = lappend(rules->editable, core_result_name(i, 2));
	}
}

/* load_options reads the option values by entity and column. */
static void *
load_options(CrmOrganization *org)
{
	HTAB	   *all = new_rules();
	uint64		n = core_config_rows(org, "option_value", &select_options);

	for (uint64 i = 0; i < n; i++)
	{
		Option	   *option = option_of(entity_rules(all, core_result_name(i, 1)),
									   core_result_name(i, 2));

		if (core_result_bool(i, 4))
			option->values = lappend(option->values, core_result_name(i, 3));
	}
	return all;
}

static Option *
option_of(EntityRules *rules, char *column)
{
	Option	   *option;
	ListCell   *cell;

	foreach(cell, rules->options)
	{
		option = lfirst(cell);
		if (strcmp(option->column, column) == 0)
			return option;
	}
	option = palloc(sizeof(Option));
	option->column = column;
	option->values = NIL;
	rules->options = lappend(rules->options, option);
	return option;
}

/* find_reason returns a reason of a state; any of them when reason is NULL. No state has none. */
static Reason *
find_reason(CrmOrganization *org, const char *entity,
			const char *state, const char *reason)
{
	ListCell   *cell;

	foreach(cell, rules_of(org, entity)->reasons)
	{
		Reason	   *found = lfirst(cell);

		if (state && strcmp(found->state, state) == 0 &&
			(reason == NULL || strcmp(found->reason, reason) == 0))
			return found;
	}
	return NULL;
}

static bool
list_has_text(List *texts, const char *text)
{
	ListCell   *cell;

	foreach(cell, texts)
	{
		if (strcmp(lfirst(cell), text) == 0)
			return true;
	}
	return false;
}

static void
refuse_option(CrmRow *row, const CrmEntity *entity, const char *column, const char *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("\"%s\" is no value of %s.%s", value, entity->name, column),
			 errdetail("Table \"%s.option_value\" has no active row for it.", row->org->name),
			 errhint("Use one of its values, or add one: INSERT INTO %s.option_value (entity, column_name, value, label) VALUES ('%s', '%s', ...).",
					 row->org->quoted, entity->name, column),
			 errtablecol(row->rel, row_column(row, column) + 1)));
}
