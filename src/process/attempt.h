/*
 * attempt.h
 *	  Inside the room: doing something to see whether it would be refused.
 */
#ifndef CRM_PROCESS_ATTEMPT_H
#define CRM_PROCESS_ATTEMPT_H

#include "core/core.h"

extern ErrorData *process_attempt(CrmOrganization *org, void (*work) (CrmOrganization *org, void *argument),
								  void *argument);

#endif							/* CRM_PROCESS_ATTEMPT_H */
