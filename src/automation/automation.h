/*
 * automation.h
 *	  The door of the room: what the roof and other rooms may ask of rules.
 *
 * Rules on rows fire from triggers. What is no change of a row (a stage
 * entered, a process finished) is raised here; a lower room calls through a
 * hook of its own, which automation_init() sets.
 */
#ifndef CRM_AUTOMATION_H
#define CRM_AUTOMATION_H

#include "lifecycle/lifecycle.h"

extern void automation_init(void);
extern void automation_worker_init(void);
extern void automation_settle(CrmOrganization *org);
extern void automation_require_admin(CrmOrganization *org, const char *table);
extern void automation_raise_process(CrmOrganization *org, const char *event, const char *entity,
									 const int64 *record_ids, int n,
									 const char *process_name, const char *stage_name);

/* ---- the outbox (outbox.c) ---- */
extern void outbox_put_many(CrmOrganization *org, const char *entity, Datum ids,
							Datum event_names, Datum payloads);

#endif							/* CRM_AUTOMATION_H */
