/*
 * config.c
 *	  Configuration tables kept in memory and dropped when they change.
 *
 * Each room describes what it keeps; this file owns the entries. A trigger on
 * every configuration table sends a relcache invalidation, so that all
 * sessions follow a committed change. It is enabled ALWAYS and fires for each
 * row: logical replication and session_replication_role = replica fire only
 * such ones. A table that may change without it is read anew by each
 * transaction. An outdated copy lives on until the end of the transaction,
 * since a caller up the stack may still read it.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "storage/proc.h"
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
	bool		is_announced;	/* each change of its tables is; else it lasts for one transaction */
	LocalTransactionId read_by;
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
static void find_tables(CrmOrganization *org, ConfigEntry *entry);
static bool is_announced(Oid relid);
static void invalidate_configs(Datum arg, Oid relid);
static void *load_settings(CrmOrganization *org);

static const CrmConfig settings_config = {
	.tables = {"organization_setting"},
	.load = load_settings
};

/* What dumps restored with --disable-triggers, and ENABLE TRIGGER ALL, leave behind. */
static CrmCheck checks[] = {
	{"change_not_announced", "schema_version", {
			.sql = "SELECT NULL::bigint, 'trigger ' || t.tgname || ' of table ' || c.relname || ' is not ENABLE ALWAYS for each row: each transaction reads the table anew; repair() sets it', "
			"c.relname::text FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid "
			"WHERE t.tgname = 't90_config_changed' AND (t.tgenabled <> 'A' OR t.tgtype & 1 = 0) AND c.relnamespace = (SELECT o.relnamespace "
			"FROM @schema_version v JOIN pg_catalog.pg_class o ON o.oid = v.tableoid WHERE v.version >= 2 LIMIT 1) ORDER BY c.relname"}}
};

static CrmStatement select_settings = {
	.sql = "SELECT name, value FROM @organization_setting"
};

PG_FUNCTION_INFO_V1(core_config_changed);

/* core_add_config_check registers what must hold of the triggers that say what changed. */
void
core_add_config_check(void)
{
	core_add_checks(checks, lengthof(checks));
}

/* core_config returns a room's configuration, loading it when needed. */
void *
core_config(CrmOrganization *org, const CrmConfig *config)
{
	ConfigEntry *entry = config_entry(org, config);

	if (!entry->is_valid || entry->generation != org->generation ||
		(!entry->is_announced && entry->read_by != MyProc->lxid))
		fill_entry(org, entry);
	return entry->data;
}

/* core_config_lasts tells that what is kept of a configuration may be believed until a change of it is heard of. */
bool
core_config_lasts(CrmOrganization *org, const CrmConfig *config)
{
	return config_entry(org, config)->is_announced;
}

/*
 * core_config_changed tells all sessions to read a configuration table anew;
 * an AFTER row trigger, in organizations of version 1 a statement trigger.
 * What a replica takes over is not looked at: tables may come in any order,
 * that of the version last.
 */
Datum
core_config_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	CrmTrigger	trigger = {
		.timing = TRIGGER_EVENT_AFTER, .events = CRM_ON_INSERT | CRM_ON_UPDATE | CRM_ON_DELETE,
		.follows_table = true
	};

	if (CALLED_AS_TRIGGER(fcinfo))
		trigger.level = trigdata->tg_event & TRIGGER_EVENT_ROW;
	if (!CALLED_AS_TRIGGER(fcinfo) || SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
		trigdata = core_trigger(fcinfo, &trigger);
	CacheInvalidateRelcacheByRelid(core_whole(trigdata->tg_relation));
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

	SPI_connect();
	MemoryContextSwitchTo(context);
	entry->is_valid = true;		/* an invalidation while loading resets it */
	PG_TRY();
	{
		find_tables(org, entry);
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
	entry->read_by = MyProc->lxid;
	entry->generation = org->generation;
}

/* find_tables looks up the tables of a configuration, and whether each change of them is announced. */
static void
find_tables(CrmOrganization *org, ConfigEntry *entry)
{
	const char *const *tables = entry->key.config->tables;

	entry->is_announced = true;
	for (int i = 0; i < CRM_CONFIG_TABLES; i++)
	{
		entry->relids[i] = tables[i] ? core_table(org, tables[i]) : InvalidOid;
		if (tables[i])
			entry->is_announced &= is_announced(entry->relids[i]);
	}
}

/*
 * is_announced tells that a table has its trigger, in the state that nobody's
 * settings turn off. What is said of a partitioned table holds for its parts
 * only until somebody alters one.
 */
static bool
is_announced(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;
	bool		is_it = false;

	for (int i = 0; triggers && i < triggers->numtriggers && rel->rd_rel->relkind == RELKIND_RELATION; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];
		int16		type = TRIGGER_TYPE_ROW | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;

		is_it |= strcmp(trigger->tgname, "t90_config_changed") == 0 && trigger->tgtype == type &&
			trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
	}
	table_close(rel, AccessShareLock);
	return is_it;
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
