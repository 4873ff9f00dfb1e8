/*
 * custom.c
 *	  Types of activities that an administrator adds, with columns of their own.
 *
 * The table of a type is an ordinary one that belongs to the organization's
 * owner. It is made as that role, from checked names and a list of types, and
 * no type of the caller's own path or temporary schema takes their place.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "activity/activity.h"
#include "activity/kind.h"
#include "security/security.h"

static int64 insert_row(CrmOrganization *org, const char *name, char **label, bool has_table);
static void check_may_add(CrmOrganization *org);
static void check_name(CrmOrganization *org, const char *name);
static bool is_plain_name(const char *name);
static char *column_definitions(CrmOrganization *org, CrmValue columns, char **comments, const char *table);
static void refuse_column(const char *name, const char *type, const char *why) pg_attribute_noreturn();
static bool is_known_type(const char *type);
static void make_table(CrmOrganization *org, const char *name, const char *label, CrmValue columns);
static void make_triggers(CrmOrganization *org, const char *name);

/*
 * What a type is stays: its name stands in activities and is that of its
 * table. That it was added, and so has a table of that name which repair() and
 * migrate() work on, only the call says: any other table could be named.
 */
static const char *const type_computed[] = {"is_custom", NULL};
static const char *const type_fixed[] = {"activity_type", "has_details", "is_custom", NULL};
static const CrmEntity type_entity = {
	.name = "activity_type", .key = "activity_type_id", .label = "type of activities", .title = "label",
	.computed = type_computed, .fixed = type_fixed
};

static CrmStatement find_type = {
	.sql = "SELECT 1 FROM @activity_type WHERE activity_type = $1",
	.argtypes = {TEXTOID}
};
static CrmStatement insert_type = {
	.sql = "INSERT INTO @activity_type (activity_type, label, has_details, is_custom, activity_type_id) "
	"VALUES ($1, coalesce($2, pg_catalog.initcap(pg_catalog.replace($1, '_', ' '))), $3, true, $4) RETURNING label",
	.argtypes = {TEXTOID, TEXTOID, BOOLOID, INT8OID}
};
/* A type of one's own has the states of all activities, each with the reason called like it (D§2.3). */
static CrmStatement insert_reasons = {
	.sql = "INSERT INTO @activity_type_reason (activity_type, state, status_reason, is_default, dynamics_status_reason) "
	"SELECT $1, state, status_reason, true, dynamics_status_reason FROM @status_reason WHERE entity = 'activity' AND status_reason = state",
	.argtypes = {TEXTOID}
};
static CrmStatement insert_access = {
	.sql = "INSERT INTO @access_rule (access_level, object_kind, object_name) VALUES ('sell', 'table', $1) ON CONFLICT DO NOTHING",
	.argtypes = {TEXTOID}
};
static CrmStatement read_columns = {
	.sql = "SELECT c.value ->> 'name', c.value ->> 'type', c.value ->> 'comment' "
	"FROM pg_catalog.jsonb_array_elements(CASE WHEN pg_catalog.jsonb_typeof($1) = 'array' THEN $1 ELSE pg_catalog.jsonb_build_array($1) END) "
	"WITH ORDINALITY AS c(value, n) ORDER BY c.n",
	.argtypes = {JSONBOID}
};
/* the tables of added types, as make_table() makes them: a row that got in otherwise may name any table */
static CrmStatement list_custom = {
	.sql = "SELECT t.activity_type FROM @activity_type t JOIN pg_catalog.pg_class c ON c.relnamespace = $1 AND c.relname = t.activity_type "
	"WHERE t.is_custom AND t.has_details AND EXISTS (SELECT FROM pg_catalog.pg_constraint k "
	"JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attname = 'activity_id' AND k.conkey = ARRAY[a.attnum] "
	"WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid = $2) ORDER BY 1",
	.argtypes = {OIDOID, OIDOID}
};

PG_FUNCTION_INFO_V1(activity_add_type);

/* activity_add_types registers the entity of this file. */
void
activity_add_types(void)
{
	lifecycle_add_entity(&type_entity);
}

/* activity_add_type adds a type of activities and, where it has columns, their table. */
Datum
activity_add_type(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "name");
	char	   *label = core_optional_text(fcinfo, 1);
	CrmValue	columns = core_value_argument(fcinfo, 2);
	CrmOrganization *org = core_begin();
	Oid			user;
	int			context;
	int			nest;
	int64		id;

	check_may_add(org);
	check_name(org, name);
	id = insert_row(org, name, &label, !columns.isnull);
	if (!columns.isnull)
	{
		GetUserIdAndSecContext(&user, &context);
		SetUserIdAndSecContext(core_owner(org, "activity"), context | SECURITY_LOCAL_USERID_CHANGE);
		nest = core_set_path("pg_catalog, pg_temp");
		make_table(org, name, label, columns);
		AtEOXact_GUC(true, nest);
		SetUserIdAndSecContext(user, context);
	}
	return core_end_id(id);
}

/* insert_row writes the row of a type and its reasons; label comes back as it is stored. */
static int64
insert_row(CrmOrganization *org, const char *name, char **label, bool has_table)
{
	int64		id = core_next_id(org, "activity_type", "activity_type_id");
	CrmTicket	ticket = {.kind = TICKET_BIRTH, .table = "activity_type", .ids = &id, .n = 1, .made_by = "add_activity_type"};
	CrmValue	args[] = {core_text_value(name), core_text_value(*label), CRM_BOOL(has_table), CRM_INT8(id)};

	lifecycle_run(org, &ticket, &insert_type, args);
	*label = core_result_name(0, 1);
	core_run(org, &insert_reasons, args);
	return id;
}

/* activity_repair_types makes the triggers of these tables anew, after DROP EXTENSION took them. */
void
activity_repair_types(CrmOrganization *org)
{
	CrmValue	args[] = {CRM_DATUM(ObjectIdGetDatum(org->oid)), CRM_DATUM(ObjectIdGetDatum(core_table(org, "activity")))};
	uint64		n = core_run(org, &list_custom, args);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		char	   *name = SPI_getvalue(rows->vals[i], rows->tupdesc, 1);

		if (name && !core_has_shape(name))
			make_triggers(org, name);
	}
}

/* check_may_add asks for the right to configure; the table itself will be the owner's. */
static void
check_may_add(CrmOrganization *org)
{
	if (pg_class_aclcheck(core_table(org, "activity_type"), GetUserId(), ACL_INSERT) == ACLCHECK_OK)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("role \"%s\" may not add types of activities", GetUserNameFromId(GetUserId(), false)),
			 errdetail("Types are configuration of organization \"%s\".", org->name),
			 errhint("Ask for the access level admin: sales_crm.grant_access(role, 'admin').")));
}

static void
check_name(CrmOrganization *org, const char *name)
{
	CrmValue	args[] = {core_text_value(name)};

	if (!is_plain_name(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be the name of a type of activities", name),
				 errdetail("A name has lower-case letters, digits and underscores, starts with a letter and has at most 40 characters."),
				 errhint("Choose a name such as site_visit.")));
	if (core_run(org, &find_type, args) > 0 || OidIsValid(get_relname_relid(name, org->oid)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("\"%s\" exists already", name),
				 errdetail("Organization \"%s\" has a type of activities or a table of that name.", org->name),
				 errhint("Choose another name.")));
}

static bool
is_plain_name(const char *name)
{
	size_t		length = strlen(name);

	return length > 0 && length <= 40 && name[0] >= 'a' && name[0] <= 'z' &&
		strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

/* make_table makes the table of a type, with comments, triggers and grants. */
static void
make_table(CrmOrganization *org, const char *name, const char *label, CrmValue columns)
{
	char	   *comments;
	char	   *definitions = column_definitions(org, columns, &comments, name);
	char	   *table = psprintf("%s.%s", org->quoted, core_quoted(name));
	CrmValue	args[] = {core_text_value(name)};

	core_execute(psprintf("CREATE TABLE %1$s (%2$s bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY CHECK (%2$s > 0), "
					 "activity_id bigint NOT NULL UNIQUE REFERENCES %3$s.activity ON DELETE CASCADE%4$s, "
					 "created_at timestamptz NOT NULL DEFAULT pg_catalog.now(), created_by bigint REFERENCES %3$s.owner, "
					 "modified_at timestamptz NOT NULL DEFAULT pg_catalog.now(), modified_by bigint REFERENCES %3$s.owner, "
					 "row_version bigint NOT NULL DEFAULT 1)",
					 table, core_quoted(psprintf("%s_id", name)), org->quoted, definitions));
	core_execute(psprintf("COMMENT ON TABLE %s IS %s", table,
					 quote_literal_cstr(psprintf("What activities of type %s have beside the columns of activity.", label))));
	core_execute(psprintf("COMMENT ON COLUMN %1$s.%2$s IS 'Key of the row.'; "
					 "COMMENT ON COLUMN %1$s.activity_id IS 'The activity, which holds all that the kinds have in common.'; "
					 "COMMENT ON COLUMN %1$s.created_at IS 'When the row was made; set by the database.'; "
					 "COMMENT ON COLUMN %1$s.created_by IS 'Owner (user or team) who made the row; set by the database.'; "
					 "COMMENT ON COLUMN %1$s.modified_at IS 'When the row was last changed; set by the database.'; "
					 "COMMENT ON COLUMN %1$s.modified_by IS 'Owner (user or team) who last changed the row; set by the database.'; "
					 "COMMENT ON COLUMN %1$s.row_version IS 'Counts the changes of the row from 1; set by the database.'%3$s",
					 table, core_quoted(psprintf("%s_id", name)), comments));
	core_execute(psprintf("CREATE INDEX ON %1$s (created_by) WHERE created_by IS NOT NULL; "
					 "CREATE INDEX ON %1$s (modified_by) WHERE modified_by IS NOT NULL", table));
	make_triggers(org, name);
	core_run(org, &insert_access, args);
	security_share_table(org, name);
}

/* make_triggers hangs the guard on the table of a type. */
static void
make_triggers(CrmOrganization *org, const char *name)
{
	char	   *table = psprintf("%s.%s", org->quoted, core_quoted(name));

	core_execute(psprintf("CREATE OR REPLACE TRIGGER t00_refuse_truncate BEFORE TRUNCATE ON %s "
					 "FOR EACH STATEMENT EXECUTE FUNCTION sales_crm.refuse_truncate()", table));
	core_execute(psprintf("CREATE OR REPLACE TRIGGER t10_guard BEFORE INSERT OR UPDATE OR DELETE ON %s "
					 "FOR EACH ROW EXECUTE FUNCTION sales_crm.guard('activity_detail')", table));
}

/* column_definitions turns [{"name", "type", "comment"}] into SQL. */
static char *
column_definitions(CrmOrganization *org, CrmValue columns, char **comments, const char *table)
{
	StringInfoData definitions;
	StringInfoData texts;
	uint64		n = core_run(org, &read_columns, &columns);

	initStringInfo(&definitions);
	initStringInfo(&texts);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *name = core_result_text(i, 1);
		char	   *type = core_result_text(i, 2);
		char	   *comment = core_result_text(i, 3);
		const char *why = name == NULL || type == NULL ? "Each column needs a name and a type."
			: !is_plain_name(name) ? "A name has lower-case letters, digits and underscores, and starts with a letter."
			: !is_known_type(type) ? "Types are text, boolean, integer, bigint, money, quantity, percent, date and timestamptz."
			: NULL;

		if (why)
			refuse_column(name, type, why);
		appendStringInfo(&definitions, ", %s %s", core_quoted(name),
						 strcmp(type, "money") == 0 ? "numeric(19,4)" :
						 strcmp(type, "quantity") == 0 ? "numeric(18,5)" :
						 strcmp(type, "percent") == 0 ? "numeric(7,4)" : type);
		appendStringInfo(&texts, "; COMMENT ON COLUMN %s.%s.%s IS %s", org->quoted, core_quoted(table),
						 core_quoted(name), quote_literal_cstr(comment ? comment : psprintf("Column %s of the type.", name)));
	}
	*comments = texts.data;
	return definitions.data;
}

static void
refuse_column(const char *name, const char *type, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("column \"%s\" of type \"%s\" cannot be made", name ? name : "", type ? type : ""),
			 errdetail("%s", why),
			 errhint("Give columns => '[{\"name\": \"visit_result\", \"type\": \"text\", \"comment\": \"What came of it.\"}]'.")));
}

static bool
is_known_type(const char *type)
{
	static const char *const types[] = {
		"text", "boolean", "integer", "bigint", "money", "quantity", "percent", "date", "timestamptz"
	};

	for (int i = 0; i < lengthof(types); i++)
	{
		if (strcmp(types[i], type) == 0)
			return true;
	}
	return false;
}
