/*
 * entity.c
 *	  The entities that rooms describe to the guard.
 */
#include "postgres.h"

#include "lifecycle/lifecycle.h"

#define MAX_ENTITIES 96

static const CrmEntity *entities[MAX_ENTITIES];
static int	n_entities = 0;

/* lifecycle_add_entity registers an entity; called when the library loads. */
void
lifecycle_add_entity(const CrmEntity *entity)
{
	if (n_entities == MAX_ENTITIES)
		elog(ERROR, "too many entities");
	entities[n_entities++] = entity;
}

/* lifecycle_entity returns the description of an entity that must be there. */
const CrmEntity *
lifecycle_entity(const char *name)
{
	const CrmEntity *entity = lifecycle_find_entity(name);

	if (entity)
		return entity;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("\"%s\" is no entity of sales_crm", name),
			 errdetail("Entities are tables such as lead, account, opportunity, quote, sales_order and invoice."),
			 errhint("The library may be older than the organization: see sales_crm.version().")));
}

/* lifecycle_find_entity returns the description of an entity, NULL when there is none. */
const CrmEntity *
lifecycle_find_entity(const char *name)
{
	for (int i = 0; i < n_entities; i++)
	{
		if (strcmp(entities[i]->name, name) == 0)
			return entities[i];
	}
	return NULL;
}

/* lifecycle_key returns the name of a table's key: that of the entity, else, for a table of a user's, <table>_id. */
const char *
lifecycle_key(const char *table)
{
	const CrmEntity *entity = lifecycle_find_entity(table);

	return entity ? entity->key : psprintf("%s_id", table);
}

/* lifecycle_one names any record of an entity for a message: an invoice, a quote. */
char *
lifecycle_one(const CrmEntity *entity)
{
	return psprintf("%s %s", strchr("aeio", entity->label[0]) ? "an" : "a", entity->label);
}

/* lifecycle_called names a record at the start of a sentence: Invoice 7. */
char *
lifecycle_called(const CrmEntity *entity, int64 id)
{
	return psprintf("%c%s %lld", pg_toupper((unsigned char) entity->label[0]), entity->label + 1, (long long) id);
}
