/*
 * sales_crm.c
 *	  The roof: loads the rooms, and the calls that work on an organization as
 *	  a whole.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
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

/* version of the organization script that this library goes with */
#define SCHEMA_VERSION 1

/* What repair() hands out of the organization. */
typedef struct Repaired
{
	int32		version;
	List	   *access;			/* who is to get the calls again */
} Repaired;

void		_PG_init(void);

static bool is_being_restored(void);
static void migrate(CrmOrganization *org, void *argument);
static void repair(CrmOrganization *org, void *argument);
static int32 schema_version(CrmOrganization *org);

static CrmStatement select_version = {
	.sql = "SELECT max(version) FROM @schema_version"
};
static CrmStatement insert_version = {
	.sql = "INSERT INTO @schema_version (version) VALUES ($1) ON CONFLICT DO NOTHING",
	.argtypes = {INT4OID}
};

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

	SPI_connect();
	org = core_organization_named(core_text_argument(fcinfo, 0, "organization"));
	core_maintain(org, migrate, NULL);
	SPI_finish();
	return Int32GetDatum(SCHEMA_VERSION);
}

/* migrate is the work itself. There is one version so far, so that there is nothing to do but to say so. */
static void
migrate(CrmOrganization *org, void *argument)
{
	CrmValue	args[] = {CRM_INT4(SCHEMA_VERSION)};
	int32		version = schema_version(org);

	if (version > SCHEMA_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_SCHEMA_VERSION_MISMATCH),
				 errmsg("organization \"%s\" is newer than the installed sales_crm", org->name),
				 errdetail("Its version is %d, the library knows %d.", version, SCHEMA_VERSION),
				 errhint("Install the newer files and ALTER EXTENSION sales_crm UPDATE.")));
	if (version < SCHEMA_VERSION)
		core_run(org, &insert_version, args);
}

/* sales_crm_repair makes missing triggers and views, and grants access again. */
Datum
sales_crm_repair(PG_FUNCTION_ARGS)
{
	CrmOrganization *org;
	Repaired	repaired = {0};

	SPI_connect();
	org = core_organization_named(core_text_argument(fcinfo, 0, "organization"));
	core_maintain(org, repair, &repaired);
	security_restore_calls(org, repaired.access);
	SPI_finish();
	return Int32GetDatum(repaired.version);
}

/* repair is the work itself. */
static void
repair(CrmOrganization *org, void *argument)
{
	Repaired   *repaired = argument;

	core_repair_organization(org);
	activity_repair_types(org);
	process_settle(org);
	automation_settle(org);
	repaired->access = security_restore_access(org);
	repaired->version = schema_version(org);
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

static int32
schema_version(CrmOrganization *org)
{
	bool		isnull;
	Datum		version;

	core_run(org, &select_version, NULL);
	version = core_result(0, 1, INT4OID, &isnull);
	return isnull ? 0 : DatumGetInt32(version);
}
