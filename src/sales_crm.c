/*
 * sales_crm.c
 *	  The roof: loads the rooms, and the calls that work on an organization as
 *	  a whole.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "activity/activity.h"
#include "automation/automation.h"
#include "catalog/catalog.h"
#include "core/core.h"
#include "document/document.h"
#include "lead/lead.h"
#include "lifecycle/lifecycle.h"
#include "marketing/marketing.h"
#include "opportunity/opportunity.h"
#include "party/party.h"
#include "pricing/pricing.h"
#include "process/process.h"
#include "security/security.h"

PG_MODULE_MAGIC;

/* What the work on an organization hands out of it. */
typedef struct Settled
{
	int32		version;
	List	   *access;			/* who is to get the calls again */
} Settled;

void		_PG_init(void);

static bool is_being_restored(void);
static void migrate(CrmOrganization *org, void *argument);
static void repair(CrmOrganization *org, void *argument);
static void settle_organization(CrmOrganization *org, Settled *settled);

PG_FUNCTION_INFO_V1(sales_crm_install);
PG_FUNCTION_INFO_V1(sales_crm_create_organization);
PG_FUNCTION_INFO_V1(sales_crm_migrate);
PG_FUNCTION_INFO_V1(sales_crm_repair);
PG_FUNCTION_INFO_V1(sales_crm_version);

/* _PG_init defines the settings and lets each room register what it has. */
void
_PG_init(void)
{
	core_init();
	party_init();
	catalog_init();
	pricing_init();
	activity_init();
	opportunity_init();
	lead_init();
	document_init();
	marketing_init();
	process_init();
	automation_init();
	MarkGUCPrefixReserved("sales_crm");	/* once all settings are defined */
}

/*
 * sales_crm_install makes the first organization, crm, at CREATE EXTENSION;
 * not while a dump is being restored, which brings its own schemas.
 */
Datum
sales_crm_install(PG_FUNCTION_ARGS)
{
	SPI_connect();
	if (is_being_restored())
		;
	else if (OidIsValid(get_namespace_oid("crm", true)))
		ereport(WARNING,
				(errcode(ERRCODE_DUPLICATE_SCHEMA),
				 errmsg("schema \"crm\" already exists, no organization was made"),
				 errhint("If it is one of ours, call sales_crm.repair('crm'). Otherwise choose another name: SELECT sales_crm.create_organization('...'); and ALTER DATABASE ... SET sales_crm.organization.")));
	else
		core_build_organization("crm");
	SPI_finish();
	PG_RETURN_VOID();
}

/* sales_crm_create_organization makes another organization, owned by the caller. */
Datum
sales_crm_create_organization(PG_FUNCTION_ARGS)
{
	char	   *name = core_text_argument(fcinfo, 0, "name");
	char	   *currency = core_text_argument(fcinfo, 1, "base_currency");

	SPI_connect();
	core_build_organization(name);
	catalog_set_base_currency(core_organization_named(name), currency);
	return core_end_text(name);
}

/* sales_crm_migrate raises an organization to this library's version. */
Datum
sales_crm_migrate(PG_FUNCTION_ARGS)
{
	CrmOrganization *org;
	Settled		settled = {0};

	SPI_connect();
	org = core_organization_named(core_text_argument(fcinfo, 0, "organization"));
	core_maintain(org, migrate, &settled);
	security_restore_calls(org, settled.access);
	SPI_finish();
	return Int32GetDatum(CRM_SCHEMA_VERSION);
}

/* migrate is the work itself. */
static void
migrate(CrmOrganization *org, void *argument)
{
	if (core_migrate_organization(org))
		settle_organization(org, argument);
}

/* sales_crm_repair makes missing triggers and views, and grants access again. */
Datum
sales_crm_repair(PG_FUNCTION_ARGS)
{
	CrmOrganization *org;
	Settled		settled = {0};

	SPI_connect();
	org = core_organization_named(core_text_argument(fcinfo, 0, "organization"));
	core_maintain(org, repair, &settled);
	security_restore_calls(org, settled.access);
	SPI_finish();
	return Int32GetDatum(settled.version);
}

/* repair is the work itself. */
static void
repair(CrmOrganization *org, void *argument)
{
	core_require_current(org->oid);
	core_repair_organization(org);
	settle_organization(org, argument);
}

/* settle_organization brings what rooms hang on tables by what is stored, and grants access again. */
static void
settle_organization(CrmOrganization *org, Settled *settled)
{
	activity_repair_types(org);
	process_settle(org);
	automation_settle(org);
	settled->access = security_restore_access(org);
	settled->version = core_schema_version(org);
}

/* sales_crm_version returns the version of the installed library. */
Datum
sales_crm_version(PG_FUNCTION_ARGS)
{
	return CStringGetTextDatum(SALES_CRM_VERSION);
}

/*
 * is_being_restored recognizes a dump that is being read: it sets row_security
 * in its first lines, before it creates the extension.
 */
static bool
is_being_restored(void)
{
	if (SPI_execute("SELECT 1 FROM pg_catalog.pg_settings WHERE name = 'row_security' AND source = 'session'",
					true, 1) != SPI_OK_SELECT)
		elog(ERROR, "pg_settings could not be read");
	return SPI_processed > 0;
}
