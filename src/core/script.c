/*
 * script.c
 *	  Runs the organization script: makes an organization, or repairs one.
 *
 * The script is one plain SQL file beside the extension script, in parts
 * (tables, triggers, views, seed). Its objects are ordinary ones that belong
 * to whoever runs it, also inside CREATE EXTENSION: creating_extension is off
 * while it runs, so nothing becomes a member.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "catalog/namespace.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/fd.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "core/core.h"

#define PART_MARK "-- part: "

static void check_new_name(const char *name);
static void keep_order(void);
static char *read_script(void);
static char *cut_part(const char *script, const char *part);
static void run_part(const char *text, Oid nspoid, CrmStatementFilter filter);
static void run_statement(const char *sql);
static bool is_missing(Oid nspoid, RawStmt *statement, List **made);
static bool comments_on(List *made, CommentStmt *comment);

/* core_build_organization makes the schema and all that is in it. */
void
core_build_organization(const char *name)
{
	static const char *const parts[] = {"tables", "triggers", "views", "seed", NULL};

	check_new_name(name);
	run_statement(psprintf("CREATE SCHEMA %s", core_quoted(name)));
	run_statement(psprintf("COMMENT ON SCHEMA %s IS 'An organization of sales_crm: its sales data, views and configuration.'",
						   core_quoted(name)));
	core_run_parts(name, parts, NULL);
}

/* core_repair_organization makes the triggers and views that are missing; inside core_maintain(). */
void
core_repair_organization(CrmOrganization *org)
{
	static const char *const parts[] = {"triggers", "views", NULL};

	core_run_parts(org->name, parts, is_missing);
}

/* check_new_name refuses a name that would not work everywhere as a schema. */
static void
check_new_name(const char *name)
{
	size_t		length = strlen(name);
	bool		is_plain = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length &&
		length > 0 && length < NAMEDATALEN && !(name[0] >= '0' && name[0] <= '9');

	if (!is_plain || strncmp(name, "pg_", 3) == 0 || strcmp(name, "sales_crm") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_NAME),
				 errmsg("\"%s\" cannot be the name of an organization", name),
				 errdetail("A name has lower-case letters, digits and underscores, starts with no digit, is not sales_crm and does not begin with pg_."),
				 errhint("Choose a name such as crm_north.")));
	if (OidIsValid(get_namespace_oid(name, true)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"%s\" already exists", name),
				 errdetail("An organization is a schema of its own."),
				 errhint("Choose another name, or drop that schema first.")));
}

/* core_run_parts runs parts of the script with the organization first in the search_path. */
void
core_run_parts(const char *name, const char *const *parts, CrmStatementFilter filter)
{
	char	   *script = read_script();
	int			nest = core_fix_settings(NULL);	/* the script compares and quotes names */

	core_set("search_path", psprintf("%s, sales_crm, pg_temp", core_quoted(name)));
	core_set("client_min_messages", "warning");
	keep_order();
	for (int i = 0; parts[i]; i++)
		run_part(cut_part(script, parts[i]), get_namespace_oid(name, false), filter);
	AtEOXact_GUC(true, nest);
}

/* keep_order has seeds that join lists planned as by default, whatever the caller set: their rows take keys in the order that comes out. */
static void
keep_order(void)
{
	static const char *const defaults[][2] = {
		{"geqo", "on"}, {"geqo_threshold", "12"}, {"join_collapse_limit", "8"}, {"from_collapse_limit", "8"},
		{"enable_nestloop", "on"}, {"enable_material", "on"}
	};

	for (int i = 0; i < lengthof(defaults); i++)
		core_set(defaults[i][0], defaults[i][1]);
}

/* read_script returns the text of the installed organization script. */
static char *
read_script(void)
{
	char		share[MAXPGPATH];
	char	   *path;
	FILE	   *file;
	struct stat status;
	char	   *text;

	get_share_path(my_exec_path, share);
	path = psprintf("%s/extension/sales_crm_organization.sql", share);
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL || fstat(fileno(file), &status) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open \"%s\": %m", path),
				 errhint("Install the files of sales_crm again.")));
	text = palloc(status.st_size + 2);
	text[0] = '\n';			/* a mark stands at the start of a line */
	if (fread(text + 1, 1, status.st_size, file) != status.st_size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read \"%s\": %m", path)));
	text[status.st_size + 1] = '\0';
	FreeFile(file);
	return text;
}

/* cut_part returns the text between a part's mark and the next one. */
static char *
cut_part(const char *script, const char *part)
{
	char	   *mark = psprintf("\n%s%s\n", PART_MARK, part);
	char	   *start = strstr(script, mark);
	char	   *end;

	if (start == NULL)
		elog(ERROR, "the organization script has no part \"%s\"", part);
	start += strlen(mark) - 1;
	end = strstr(start, "\n" PART_MARK);
	return end ? pnstrdup(start, end - start) : pstrdup(start);
}

/* run_part runs the statements of a part that the filter lets through. */
static void
run_part(const char *text, Oid nspoid, CrmStatementFilter filter)
{
	List	   *made = NIL;
	ListCell   *cell;

	foreach(cell, pg_parse_query(text))
	{
		RawStmt    *statement = lfirst_node(RawStmt, cell);
		const char *sql = text + statement->stmt_location;

		if (filter && !filter(nspoid, statement, &made))
			continue;
		run_statement(statement->stmt_len > 0 ? pnstrdup(sql, statement->stmt_len) : sql);
		CHECK_FOR_INTERRUPTS();
	}
}

/* run_statement executes one statement; CREATE EXTENSION does not take what it makes. */
static void
run_statement(const char *sql)
{
	bool		was_creating = creating_extension;
	volatile int rc = 0;

	creating_extension = false;
	PG_TRY();
	{
		rc = SPI_execute(sql, false, 0);
	}
	PG_FINALLY();
	{
		creating_extension = was_creating;
	}
	PG_END_TRY();
	if (rc < 0)
		elog(ERROR, "organization script failed with %s: %s", SPI_result_code_string(rc), sql);
}

/*
 * is_missing lets through what repair makes: a trigger or view that is not
 * there, the comments of such a view, functions (made by OR REPLACE), and the
 * blocks that bring what is there to what it should be.
 */
static bool
is_missing(Oid nspoid, RawStmt *statement, List **made)
{
	Node	   *node = statement->stmt;
	Oid			relid;

	if (IsA(node, CreateTrigStmt))
	{
		CreateTrigStmt *trigger = (CreateTrigStmt *) node;

		relid = get_relname_relid(trigger->relation->relname, nspoid);
		return OidIsValid(relid) && !OidIsValid(get_trigger_oid(relid, trigger->trigname, true));
	}
	if (IsA(node, ViewStmt))
	{
		char	   *view = ((ViewStmt *) node)->view->relname;

		if (OidIsValid(get_relname_relid(view, nspoid)))
			return false;
		*made = lappend(*made, makeString(view));
		return true;
	}
	if (IsA(node, CommentStmt))
		return comments_on(*made, (CommentStmt *) node);
	return IsA(node, CreateFunctionStmt) || IsA(node, DoStmt);
}

/* comments_on tells whether a comment is on one of the relations, or its column. */
static bool
comments_on(List *made, CommentStmt *comment)
{
	if (comment->objtype != OBJECT_VIEW && comment->objtype != OBJECT_COLUMN)
		return comment->objtype == OBJECT_FUNCTION;
	return list_member(made, linitial(castNode(List, comment->object)));
}
