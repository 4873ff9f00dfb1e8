/*
 * history.h
 *	  Writes what happened to a record's state.
 */
#ifndef CRM_HISTORY_H
#define CRM_HISTORY_H

#include "core/core.h"

/* One change of state or reason. */
typedef struct CrmStateChange
{
	int64		record_id;
	Datum		from_state;
	Datum		to_state;
	Datum		from_reason;
	Datum		to_reason;
	const char *description;	/* NULL = none */
} CrmStateChange;

extern void history_write(CrmOrganization *org, const char *entity,
						  const CrmStateChange *changes, int n);

#endif							/* CRM_HISTORY_H */
