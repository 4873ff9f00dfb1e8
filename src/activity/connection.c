/*
 * connection.c
 *	  Connections between two records, and the roles they have for each other.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "activity/kind.h"

static void complete_connection(CrmRow *row, CrmTicket *ticket);
static void take_reciprocal_role(CrmRow *row);

static const CrmEntity connection_entity = {
	.name = "connection", .key = "connection_id", .label = "connection", .complete = complete_connection
};
static const CrmEntity role_entity = {
	.name = "connection_role", .key = "connection_role_id", .label = "connection role", .title = "name"
};

static CrmStatement read_reciprocal = {
	.sql = "SELECT reciprocal_connection_role_id FROM @connection_role WHERE connection_role_id = $1",
	.argtypes = {INT8OID}
};

/* activity_add_connections registers the entities of this file. */
void
activity_add_connections(void)
{
	lifecycle_add_entity(&connection_entity);
	lifecycle_add_entity(&role_entity);
}

static void
complete_connection(CrmRow *row, CrmTicket *ticket)
{
	activity_check_record(row, "entity_1", "record_id_1");
	activity_check_record(row, "entity_2", "record_id_2");
	if (ROW_IS_INSERT(row) && !row_is_null(row, "connection_role_id") &&
		row_is_null(row, "reciprocal_connection_role_id"))
		take_reciprocal_role(row);
}

/* take_reciprocal_role makes the first record the Employee of its Employer. */
static void
take_reciprocal_role(CrmRow *row)
{
	CrmValue	args[] = {CRM_INT8(row_int8(row, "connection_role_id"))};
	int64		role = 0;

	SPI_connect();
	if (core_run(row->org, &read_reciprocal, args) > 0)
		role = core_result_int8(0, 1);
	SPI_finish();
	if (role != 0)
		row_set_int8(row, "reciprocal_connection_role_id", role);
}
