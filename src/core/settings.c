/*
 * settings.c
 *	  The settings a session may give: organization, user, import mode. And
 *	  what its other settings may not change: names in SQL text, texts that are
 *	  kept or compared.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/pg_locale.h"
#include "utils/xml.h"

#include "core/core.h"
#include "core/lock.h"

static void fix(bool is_so, const char *name, const char *value);
static void fix_time_zone(const char *zone);
static bool set_until_left(const char *name, const char *value, int elevel);

char	   *core_organization_name = NULL;
char	   *core_user_id = NULL;
bool		core_import_mode = false;

/* core_init defines the settings; called once, when the library is loaded. */
void
core_init(void)
{
	DefineCustomStringVariable("sales_crm.organization",
							   "The organization (schema) that calls work on.",
							   NULL,
							   &core_organization_name,
							   "crm",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("sales_crm.user_id",
							   "The owner_id a pooled connection acts for.",
							   "Honoured only for roles given access level impersonate.",
							   &core_user_id,
							   "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("sales_crm.import_mode",
							 "Accepts migrated history: closed rows and past timestamps.",
							 NULL,
							 &core_import_mode,
							 false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	core_lock_init();
	core_clock_init();
	core_plan_init();
	core_add_key_check();
	core_add_config_check();
}

/*
 * core_fix_settings opens a level of settings in which texts come out, and are
 * read, in one way: for what is kept, compared or explained. AtEOXact_GUC ends
 * it. Moments are shown in the organization's time zone, without one in UTC.
 * What is as it should be already costs a look alone.
 */
int
core_fix_settings(CrmOrganization *org)
{
	const char *zone = org ? core_setting(org, "time_zone") : NULL;
	int			nest = NewGUCNestLevel();

	fix(DateStyle == USE_ISO_DATES && DateOrder == DATEORDER_MDY, "DateStyle", "ISO, MDY");
	fix(IntervalStyle == INTSTYLE_POSTGRES, "IntervalStyle", "postgres");
	fix(extra_float_digits == 1, "extra_float_digits", "1");
	fix(bytea_output == BYTEA_OUTPUT_HEX, "bytea_output", "hex");
	fix(xmlbinary == XMLBINARY_BASE64, "xmlbinary", "base64");
	fix(strcmp(locale_numeric, "C") == 0, "lc_numeric", "C");
	fix(strcmp(locale_monetary, "C") == 0, "lc_monetary", "C");
	fix(strcmp(locale_time, "C") == 0, "lc_time", "C");
	fix(standard_conforming_strings, "standard_conforming_strings", "on");
	fix(!Transform_null_equals, "transform_null_equals", "off");
	fix(Array_nulls, "array_nulls", "on");
	fix(!quote_all_identifiers, "quote_all_identifiers", "off");
	fix_time_zone(zone && zone[0] ? zone : "UTC");
	return nest;
}

/* core_run_fixed executes a statement whose texts are kept or compared under such settings. */
uint64
core_run_fixed(CrmOrganization *org, CrmStatement *statement, const CrmValue *args)
{
	int			nest = core_fix_settings(NULL);
	uint64		processed = core_run(org, statement, args);

	AtEOXact_GUC(true, nest);
	return processed;
}

static void
fix(bool is_so, const char *name, const char *value)
{
	if (!is_so)
		core_set(name, value);
}

/* core_set sets a setting until the level of settings ends. */
void
core_set(const char *name, const char *value)
{
	(void) set_until_left(name, value, ERROR);
}

/* fix_time_zone takes UTC for what AT TIME ZONE knows, but no session can be set to: an abbreviation. */
static void
fix_time_zone(const char *zone)
{
	if (strcmp(pg_get_timezone_name(session_timezone), zone) != 0 && !set_until_left("TimeZone", zone, DEBUG5))
		core_set("TimeZone", "UTC");
}

/* set_until_left does so, and tells whether the value will do. */
static bool
set_until_left(const char *name, const char *value, int elevel)
{
	return set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, elevel, false) > 0;
}

/*
 * core_quoted returns a name as it stands in SQL text, quoted where it must be
 * and nowhere else: quote_identifier() itself follows quote_all_identifiers,
 * and what it returns is not the same text in every session.
 */
const char *
core_quoted(const char *name)
{
	const char *volatile quoted = NULL;

	if (!quote_all_identifiers)
		return quote_identifier(name);
	PG_TRY();
	{
		quote_all_identifiers = false;
		quoted = quote_identifier(name);
	}
	PG_FINALLY();
	{
		quote_all_identifiers = true;
	}
	PG_END_TRY();
	return quoted;
}
