/*
 * process.h
 *	  Business processes: definitions, instances that cross tables, gates.
 */
#ifndef CRM_PROCESS_H
#define CRM_PROCESS_H

#include "core/core.h"

/*
 * What automation is told: stage_left, stage_entered, process_started,
 * process_finished, process_abandoned, process_reactivated. The records are
 * of the table of the stage that is named, which for the process_ events is
 * the one the instance stands in.
 */
typedef void (*ProcessEventHook) (CrmOrganization *org, const char *event, const char *entity,
								  const int64 *record_ids, int n,
								  const char *process_name, const char *stage_name);

extern ProcessEventHook process_event_hook;

extern void process_init(void);

#endif							/* CRM_PROCESS_H */
