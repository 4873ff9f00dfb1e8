/*
 * life.h
 *	  Inside the room: the beginning and end of instances.
 */
#ifndef CRM_PROCESS_LIFE_H
#define CRM_PROCESS_LIFE_H

#include "process/flow.h"

extern Flow *flow_start(CrmOrganization *org, FlowEntity entity, int64 record_id,
						const char *process_name);
extern Flow *flow_held(CrmOrganization *org, FlowEntity entity, int64 record_id,
					   const char *process_name, bool prefers_active);

#endif							/* CRM_PROCESS_LIFE_H */
