/*
 * version.c
 *	  The version that stays on sale while its product is under revision.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "catalog/catalog.h"
#include "security/security.h"

static int64 *open_versions(CrmOrganization *org, Datum products, int *n);
static void write_versions(CrmOrganization *org, const int64 *versions, int n,
						   CrmStatement *statement, const CrmValue *args);

static CrmStatement insert_versions = {
	.sql = "INSERT INTO @product_version (product_version_id, product_id, version_number, snapshot, properties, revised_at, revised_by) "
	"SELECT v.version_id, p.product_id, "
	"1 + (SELECT coalesce(max(o.version_number), 0) FROM @product_version o WHERE o.product_id = p.product_id), to_jsonb(p), "
	"coalesce((SELECT jsonb_agg(to_jsonb(x) ORDER BY x.product_property_id) FROM @product_property x WHERE x.product_id = p.product_id), '[]'), "
	"$4, $3 FROM unnest($1, $2) AS v (product_id, version_id) JOIN @product p USING (product_id)",
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID, INT8OID, TIMESTAMPTZOID}
};
static CrmStatement select_open = {
	.sql = "SELECT product_version_id FROM @product_version WHERE product_id = ANY ($1) AND ended_at IS NULL ORDER BY 1",
	.argtypes = {INT8ARRAYOID}
};
static CrmStatement end_versions = {
	.sql = "UPDATE @product_version SET ended_at = $3, outcome = $2 WHERE product_version_id = ANY ($1)",
	.argtypes = {INT8ARRAYOID, TEXTOID, TIMESTAMPTZOID}
};
static CrmStatement follow_product = {
	.sql = "UPDATE @product_version v SET snapshot = v.snapshot || today.columns FROM ("
	"SELECT jsonb_object_agg(e.key, e.value) AS columns FROM @product p, jsonb_each(to_jsonb(p)) e WHERE p.product_id = $2 "
	"AND e.key IN (SELECT column_name FROM @editable_when_closed WHERE entity = 'product')) today "
	"WHERE v.product_version_id = ANY ($1) AND v.snapshot IS DISTINCT FROM v.snapshot || today.columns",
	.argtypes = {INT8ARRAYOID, INT8OID}
};

#define NEW_PROPERTIES \
	"SELECT x.product_property_id FROM @product_property x JOIN @product_version v ON v.product_id = x.product_id AND v.ended_at IS NULL " \
	"WHERE x.product_id = ANY ($1) AND NOT EXISTS (SELECT FROM jsonb_to_recordset(v.properties) AS s (product_property_id bigint) " \
	"WHERE s.product_property_id = x.product_property_id)"
#define OLD_PROPERTIES \
	"FROM @product_version v CROSS JOIN LATERAL jsonb_populate_recordset(NULL::@product_property, v.properties) s " \
	"WHERE v.product_id = ANY ($1) AND v.ended_at IS NULL "

static CrmStatement restore_properties[] = {
	{.sql = "UPDATE @product_property SET overridden_property_id = NULL WHERE overridden_property_id IN (" NEW_PROPERTIES ")",
	.argtypes = {INT8ARRAYOID}},
	{.sql = "DELETE FROM @product_property WHERE product_property_id IN (" NEW_PROPERTIES ")",
	.argtypes = {INT8ARRAYOID}},
	{.sql = "INSERT INTO @product_property SELECT s.* " OLD_PROPERTIES
		"AND NOT EXISTS (SELECT FROM @product_property x WHERE x.product_property_id = s.product_property_id) ORDER BY s.product_property_id",
	.argtypes = {INT8ARRAYOID}},
	{.sql = "UPDATE @product_property x SET options = s.options, default_value = s.default_value, is_required = s.is_required, "
		"is_read_only = s.is_read_only, is_hidden = s.is_hidden, overridden_property_id = s.overridden_property_id "
		OLD_PROPERTIES "AND x.product_property_id = s.product_property_id AND to_jsonb(x) <> to_jsonb(s)",
	.argtypes = {INT8ARRAYOID}}
};

PG_FUNCTION_INFO_V1(catalog_follow_product);

/* catalog_open_versions keeps products, and their own properties, as they are now. */
void
catalog_open_versions(CrmOrganization *org, const int64 *ids, int n)
{
	int64	   *versions = palloc(sizeof(int64) * n);
	CrmTicket	ticket = {
		.kind = TICKET_BIRTH, .table = "product_version", .ids = versions, .n = n, .made_by = "revise_product"
	};
	CrmValue	args[] = {
		CRM_DATUM(core_int8_array(ids, n)), CRM_NULL, CRM_ID(security_acting_user(org)),
		CRM_DATUM(TimestampTzGetDatum(core_now()))
	};
	int			nest;

	for (int i = 0; i < n; i++)
		versions[i] = core_next_id(org, "product_version", "product_version_id");
	args[1] = CRM_DATUM(core_int8_array(versions, n));
	nest = core_fix_settings(NULL);
	lifecycle_run(org, &ticket, &insert_versions, args);
	AtEOXact_GUC(true, nest);
}

/* catalog_close_versions ends the revisions of products: published, reverted or retired. */
void
catalog_close_versions(CrmOrganization *org, const int64 *ids, int n, const char *outcome)
{
	int			n_versions;
	int64	   *versions = open_versions(org, core_int8_array(ids, n), &n_versions);
	CrmValue	args[] = {
		CRM_DATUM(core_int8_array(versions, n_versions)), core_text_value(outcome),
		CRM_DATUM(TimestampTzGetDatum(core_now()))
	};

	write_versions(org, versions, n_versions, &end_versions, args);
}

/*
 * catalog_restore_versions gives products under revision, and their own
 * properties, back as they were. Stamps go on counting.
 */
void
catalog_restore_versions(CrmOrganization *org, const int64 *ids, int n)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8ARRAYOID};
	CrmValue	args[] = {CRM_DATUM(core_int8_array(ids, n))};
	char	   *columns = catalog_product_columns(org, "%1$I = s.%1$I");

	for (int i = 0; i < lengthof(restore_properties); i++)
		core_run(org, &restore_properties[i], args);
	core_run(org, core_intern(psprintf(
		"UPDATE @product p SET product_number = s.product_number, name = s.name, %s "
		"FROM @product o JOIN @product_version v ON v.product_id = o.product_id AND v.ended_at IS NULL "
		"CROSS JOIN LATERAL jsonb_populate_record(o, v.snapshot) s "
		"WHERE o.product_id = ANY ($1) AND p.product_id = o.product_id", columns), types), args);
}

/*
 * catalog_follow_product is the AFTER ROW trigger of a product that changes
 * under revision: costs, stock and whatever else may change on a product on
 * sale are the same for the version that is sold meanwhile.
 */
Datum
catalog_follow_product(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW, .events = CRM_ON_UPDATE,
		.table = "product"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *row = core_row(trigdata);
	int64		id = row_int8(row, "product_id");
	CrmValue	args[2] = {CRM_NULL, CRM_INT8(id)};
	int64	   *versions;
	int			n;

	SPI_connect();
	versions = open_versions(row->org, core_int8_array(&id, 1), &n);
	args[0] = CRM_DATUM(core_int8_array(versions, n));
	write_versions(row->org, versions, n, &follow_product, args);
	SPI_finish();
	return PointerGetDatum(NULL);
}

/* open_versions returns the open versions of products, ascending. */
static int64 *
open_versions(CrmOrganization *org, Datum products, int *n)
{
	CrmValue	args[] = {CRM_DATUM(products)};
	int64	   *versions;

	*n = core_run(org, &select_open, args);
	versions = palloc(sizeof(int64) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		versions[i] = core_result_int8(i, 1);
	return versions;
}

static void
write_versions(CrmOrganization *org, const int64 *versions, int n,
			   CrmStatement *statement, const CrmValue *args)
{
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "product_version", .ids = versions, .n = n};
	int			nest;

	if (n == 0)
		return;
	nest = core_fix_settings(NULL);
	lifecycle_run(org, &ticket, statement, args);
	AtEOXact_GUC(true, nest);
}
