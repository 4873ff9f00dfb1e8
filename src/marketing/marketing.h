/*
 * marketing.h
 *	  Campaigns, the origin of leads.
 */
#ifndef CRM_MARKETING_H
#define CRM_MARKETING_H

#include "lifecycle/lifecycle.h"

extern void marketing_init(void);

#endif							/* CRM_MARKETING_H */
