/*
 * organization.c
 *	  Which schema a call or a trigger works on.
 *
 * Owns the hash of organizations seen by this session. Entries are never
 * freed: plans and caches point at them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "core/core.h"

static HTAB *organizations = NULL;

static CrmOrganization *organization_entry(Oid nspoid);
static void remember_name(CrmOrganization *org, const char *name);
static void refuse_organization(const char *name);

/* core_organization returns the one that sales_crm.organization names. */
CrmOrganization *
core_organization(void)
{
	return core_organization_named(core_organization_name);
}

/* core_organization_named returns the organization of that name or refuses. */
CrmOrganization *
core_organization_named(const char *name)
{
	Oid			nspoid = get_namespace_oid(name, true);
	CrmOrganization *org;

	if (!OidIsValid(nspoid) || isAnyTempNamespace(nspoid))
		refuse_organization(name);
	org = organization_entry(nspoid);
	if (!org->is_ours && !core_has_our_tables(nspoid))
		refuse_organization(name);
	org->is_ours = true;
	return org;
}

/* core_has_our_tables tells an organization by two of its tables: others have a schema_version too. */
bool
core_has_our_tables(Oid nspoid)
{
	return OidIsValid(get_relname_relid("schema_version", nspoid)) &&
		OidIsValid(get_relname_relid("organization_setting", nspoid));
}

/* core_organization_of returns that of a trigger's table: its own schema. */
CrmOrganization *
core_organization_of(Relation rel)
{
	return organization_entry(RelationGetNamespace(rel));
}

/* core_organization_at returns that of a schema, whatever is in it. */
CrmOrganization *
core_organization_at(Oid nspoid)
{
	return organization_entry(nspoid);
}

/* core_table returns the OID of an organization's table. */
Oid
core_table(const CrmOrganization *org, const char *name)
{
	Oid			relid = get_relname_relid(name, org->oid);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("organization \"%s\" has no table \"%s\"", org->name, name),
				 errdetail("It was dropped, renamed, or moved to another schema."),
				 errhint("Restore the table, or drop the organization and make it again.")));
	return relid;
}

/*
 * core_never_written tells at next to no cost that a table never had a row,
 * as those of features that an organization does not use. Seen from its
 * length: a row that another session writes at this moment counts. A
 * partitioned table has no length of its own, and passes for written.
 */
bool
core_never_written(const CrmOrganization *org, const char *table)
{
	Relation	rel = table_open(core_table(org, table), AccessShareLock);
	bool		is_empty = rel->rd_rel->relkind == RELKIND_RELATION && RelationGetNumberOfBlocks(rel) == 0;

	table_close(rel, AccessShareLock);
	return is_empty;
}

/* core_whole returns the table that a partition is a part of, by which we know it; else the table itself. */
Oid
core_whole(Relation rel)
{
	return rel->rd_rel->relispartition ? llast_oid(get_partition_ancestors(RelationGetRelid(rel))) : RelationGetRelid(rel);
}

/* core_owner returns the role that owns an organization's table or sequence. */
Oid
core_owner(const CrmOrganization *org, const char *table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(core_table(org, table)));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s\" of organization \"%s\" was dropped meanwhile", table, org->name),
				 errdetail("Another session dropped it."),
				 errhint("Restore the table, or drop the organization and make it again.")));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* organization_entry finds or makes the entry and follows a rename. */
static CrmOrganization *
organization_entry(Oid nspoid)
{
	CrmOrganization *org;
	char	   *name = get_namespace_name(nspoid);
	bool		found;

	if (organizations == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(CrmOrganization)};

		organizations = hash_create("sales_crm organizations", 16, &ctl,
									HASH_ELEM | HASH_BLOBS);
	}
	org = hash_search(organizations, &nspoid, HASH_ENTER, &found);
	if (!found)
	{
		org->quoted = NULL;
		org->generation = 0;
		org->is_ours = false;
		org->name[0] = '\0';
	}
	if (name && strcmp(org->name, name) != 0)
		remember_name(org, name);
	return org;
}

/* remember_name stores the name and voids the plans made under an older one. */
static void
remember_name(CrmOrganization *org, const char *name)
{
	strlcpy(org->name, name, NAMEDATALEN);
	if (org->quoted)
		pfree(org->quoted);
	org->quoted = MemoryContextStrdup(TopMemoryContext, core_quoted(name));
	org->generation++;
}

/* refuse_organization says that the name is no organization of ours. */
static void
refuse_organization(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_SCHEMA),
			 errmsg("\"%s\" is no organization of sales_crm", name),
			 errdetail("The setting sales_crm.organization or an argument names a schema without our tables."),
			 errhint("Use SET sales_crm.organization, or make one with SELECT sales_crm.create_organization('%s').", name)));
}
