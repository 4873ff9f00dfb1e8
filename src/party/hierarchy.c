/*
 * hierarchy.c
 *	  Records that stand above one another: no circle comes about, neither
 *	  within a statement nor by two people at once.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"

#include "party/party.h"

/* A table whose rows have one of the same table above them. */
typedef struct Hierarchy
{
	const char *entity;
	const char *key;
	const char *parent;
	CrmStatement find_circle;
} Hierarchy;

/* The tables that have one, and the column of the record above. */
#define HIERARCHIES(each) \
	each("account", "parent_account_id"), \
	each("contact", "parent_contact_id"), \
	each("territory", "parent_territory_id"), \
	each("business_unit", "parent_business_unit_id"), \
	each("crm_user", "manager_crm_user_id")

/* Goes up from a record, that above another one; comes to an end in a circle that the other is not part of, too. */
#define ABOVE(entity, parent, first) \
	"WITH RECURSIVE above AS (SELECT " first " AS id " \
	"UNION SELECT e." parent " FROM @" entity " e JOIN above a ON e." entity "_id = a.id WHERE e." parent " IS NOT NULL) "

#define HIERARCHY(entity, parent) { \
	entity, entity "_id", parent, { \
		.sql = ABOVE(entity, parent, "(SELECT x." parent " FROM @" entity " x WHERE x." entity "_id = $1)") \
		"SELECT 1 FROM above WHERE id = $1 LIMIT 1", \
		.argtypes = {INT8OID} \
	} \
}

/* A record that comes upon itself when one goes up from it. */
#define CIRCLE_CHECK(entity, parent) { \
	"hierarchy_circle", entity, { \
		.sql = "SELECT c." entity "_id, 'stands above itself by " parent "' FROM @" entity " c WHERE c." parent " IS NOT NULL " \
		"AND EXISTS (" ABOVE(entity, parent, "c." parent) "SELECT FROM above WHERE id = c." entity "_id)" \
	} \
}

static Hierarchy *hierarchy_of(const TriggerData *trigdata);
static void refuse_circle(CrmRow *row, const Hierarchy *hierarchy) pg_attribute_noreturn();

static Hierarchy hierarchies[] = {HIERARCHIES(HIERARCHY)};
static CrmCheck checks[] = {HIERARCHIES(CIRCLE_CHECK)};

PG_FUNCTION_INFO_V1(party_check_hierarchy);

/* party_add_checks registers the checks above. */
void
party_add_checks(void)
{
	core_add_checks(checks, lengthof(checks));
}

/*
 * party_check_hierarchy is the AFTER row trigger of a table with a hierarchy,
 * for rows that have a record above them; its argument is the table. Who puts
 * a record below another waits for all who do so in that table: each of two
 * could close one half of a circle. New records come beside one another, as
 * nobody else can be below them yet. What the statement did, and others
 * committed meanwhile, is seen whatever the snapshot, and whoever may read it.
 */
Datum
party_check_hierarchy(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_INSERT | CRM_ON_UPDATE,
		.arguments = 1, .is_named = true
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	Hierarchy  *hierarchy = hierarchy_of(trigdata);
	CrmRow	   *row = core_row(trigdata);
	CrmValue	args[] = {CRM_INT8(row_int8(row, hierarchy->key))};
	bool		is_circle;

	if (row_is_null(row, hierarchy->parent))
		return PointerGetDatum(NULL);
	LockDatabaseObject(RelationRelationId, RelationGetRelid(trigdata->tg_relation), 0,
					   ROW_IS_INSERT(row) ? RowExclusiveLock : ShareRowExclusiveLock);
	SPI_connect();
	is_circle = core_run_newest_as_owner(row->org, &hierarchy->find_circle, hierarchy->entity, args) > 0;
	SPI_finish();
	if (is_circle)
		refuse_circle(row, hierarchy);
	return PointerGetDatum(NULL);
}

static Hierarchy *
hierarchy_of(const TriggerData *trigdata)
{
	const char *entity = core_trigger_argument(trigdata, 0);

	for (int i = 0; i < lengthof(hierarchies); i++)
	{
		if (strcmp(hierarchies[i].entity, entity) == 0)
			return &hierarchies[i];
	}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("\"%s\" has no hierarchy", entity),
			 errdetail("Accounts, contacts, territories, business units and users have one above them."),
			 errhint("Drop the trigger and call sales_crm.repair().")));
}

static void
refuse_circle(CrmRow *row, const Hierarchy *hierarchy)
{
	long long	id = row_int8(row, hierarchy->key);

	ereport(ERROR,
			(errcode(ERRCODE_CRM_HIERARCHY_CYCLE),
			 errmsg("%s %lld cannot be the parent of %lld: the hierarchy would close a circle",
					hierarchy->entity, (long long) row_int8(row, hierarchy->parent), id),
			 errdetail("Going up from that parent leads back to %lld.", id),
			 errhint("Choose a parent outside the record's own branch."),
			 errtablecol(row->rel, row_column(row, hierarchy->parent) + 1)));
}
