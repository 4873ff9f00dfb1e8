/*
 * clock.c
 *	  The one place that tells the time.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "core/core.h"

/* core_now returns the transaction's time, the same for all that it does. */
TimestampTz
core_now(void)
{
	return GetCurrentTransactionStartTimestamp();
}

/* core_today returns the date in the organization's time zone. */
Datum
core_today(CrmOrganization *org)
{
	const char *zone = core_setting(org, "time_zone");
	Datum		local;

	if (zone == NULL || zone[0] == '\0')
		zone = "UTC";
	local = DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(zone),
								TimestampTzGetDatum(core_now()));
	return DirectFunctionCall1(timestamp_date, local);
}
