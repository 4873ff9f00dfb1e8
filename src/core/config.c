/*
 * config.c
 *	  Configuration tables kept in memory and dropped when they change.
 *
 * Each room describes what it keeps; this file owns the entries. A trigger on
 * every configuration table sends a relcache invalidation, so that all
 * sessions follow a committed change. An outdated copy lives on until the end
 * of the transaction, since a caller up the stack may still read it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "core/core.h"

typedef struct ConfigKey
{
	const CrmConfig *config;
	Oid			organization;
	uint32		padding;
} ConfigKey;

typedef struct ConfigEntry
{
	ConfigKey	key;
	MemoryContext context;
	void	   *data;
	bool		is_valid;
	uint32		generation;		/* of the organization: a rename voids what is kept */
	Oid			relids[CRM_CONFIG_TABLES];
} ConfigEntry;

typedef struct Setting
{
	char		name[NAMEDATALEN];
	char	   *value;
} Setting;

static HTAB *configs = NULL;

static ConfigEntry *config_entry(CrmOrganization *org, const CrmConfig *config);
static void fill_entry(CrmOrganization *org, ConfigEntry *entry);
static void invalidate_configs(Datum arg, Oid relid);
static void *load_settings(CrmOrganization *org);

static const CrmConfig settings_config = {
	.tables = {"organization_setting"},
	.load = load_settings
};

static CrmStatement select_settings = {
	.sql = "SELECT name, value FROM @organization_setting"
};

PG_FUNCTION_INFO_V1(core_config_changed);

/* core_config returns a room's configuration, loading it when needed. */
void *
core_config(CrmOrganization *org, const CrmConfig *config)
{
	ConfigEntry *entry = config_entry(org, config);

	if (!entry->is_valid || entry->generation != org->generation)
		fill_entry(org, entry);
	return entry->data;
}

/* core_config_changed tells all sessions to read a configuration table anew. */
Datum
core_config_changed(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_INSERT | CRM_ON_UPDATE | CRM_ON_DELETE,
		.follows_table = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);

	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigdata->tg_relation));
	return PointerGetDatum(NULL);
}

/*
 * core_config_rows reads a configuration table as its owner under the newest
 * snapshot: the cache serves all users and outlives the caller's snapshot.
 */
uint64
core_config_rows(CrmOrganization *org, const char *table, CrmStatement *statement)
{
	return core_run_latest_as_owner(org, statement, table, NULL);
}

/* config_entry finds or makes the entry of a configuration. */
static ConfigEntry *
config_entry(CrmOrganization *org, const CrmConfig *config)
{
	ConfigKey	key = {config, org->oid, 0};
	ConfigEntry *entry;
	bool		found;

	if (configs == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(ConfigKey), .entrysize = sizeof(ConfigEntry)};

		configs = hash_create("sales_crm configuration", 32, &ctl, HASH_ELEM | HASH_BLOBS);
		core_follow_tables(invalidate_configs);
	}
	entry = hash_search(configs, &key, HASH_ENTER, &found);
	if (!found)
	{
		entry->context = NULL;
		entry->data = NULL;
		entry->is_valid = false;
	}
	return entry;
}

/* fill_entry loads anew; it stands as valid only once the load came through. */
static void
fill_entry(CrmOrganization *org, ConfigEntry *entry)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "sales_crm configuration",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = CurrentMemoryContext;
	void	   *data;

	for (int i = 0; i < CRM_CONFIG_TABLES; i++)
		entry->relids[i] = entry->key.config->tables[i]
			? core_table(org, entry->key.config->tables[i]) : InvalidOid;
	SPI_connect();
	MemoryContextSwitchTo(context);
	entry->is_valid = true;		/* an invalidation while loading resets it */
	PG_TRY();
	{
		data = entry->key.config->load(org);
	}
	PG_CATCH();
	{
		entry->is_valid = false;
		PG_RE_THROW();
	}
	PG_END_TRY();
	SPI_finish();
	MemoryContextSwitchTo(caller);
	if (entry->context)
		MemoryContextSetParent(entry->context, TopTransactionContext);
	MemoryContextSetParent(context, TopMemoryContext);
	entry->context = context;
	entry->data = data;
	entry->generation = org->generation;
}

/* invalidate_configs marks what is kept of a table; nothing is freed here. */
static void
invalidate_configs(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	ConfigEntry *entry;

	hash_seq_init(&scan, configs);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		for (int i = 0; i < CRM_CONFIG_TABLES; i++)
		{
			if (!OidIsValid(relid) || entry->relids[i] == relid)
				entry->is_valid = false;
		}
	}
}

/* core_setting returns the value of a setting of the organization, or NULL. */
const char *
core_setting(CrmOrganization *org, const char *name)
{
	HTAB	   *settings = core_config(org, &settings_config);
	Setting    *setting = hash_search(settings, name, HASH_FIND, NULL);

	return setting ? setting->value : NULL;
}

/* core_setting_is_on tells whether a yes/no setting of the organization is on. */
bool
core_setting_is_on(CrmOrganization *org, const char *name)
{
	const char *value = core_setting(org, name);
	bool		result = false;

	return value && parse_bool(value, &result) && result;
}

/* core_setting_number returns a setting that is a whole number, or what stands for a missing or wrong one. */
int
core_setting_number(CrmOrganization *org, const char *name, int otherwise)
{
	const char *value = core_setting(org, name);
	char	   *end;
	long		number = value ? strtol(value, &end, 10) : -1;

	return value == NULL || end == value || *end != '\0' || number < 0 || number > 1000000 ? otherwise : number;
}

/* load_settings reads organization_setting into a hash by name. */
static void *
load_settings(CrmOrganization *org)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(Setting),
	.hcxt = CurrentMemoryContext};
	HTAB	   *settings = hash_create("sales_crm settings", 32, &ctl,
									   HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	uint64		n = core_config_rows(org, "organization_setting", &select_settings);

	for (uint64 i = 0; i < n; i++)
	{
		Setting    *setting = hash_search(settings, core_result_name(i, 1), HASH_ENTER, NULL);

		setting->value = core_result_text(i, 2);
	}
	return settings;
}
