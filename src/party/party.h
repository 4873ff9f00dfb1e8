/*
 * party.h
 *	  Accounts, contacts, and what they share with other hierarchies.
 */
#ifndef CRM_PARTY_H
#define CRM_PARTY_H

#include "lifecycle/lifecycle.h"

extern void party_compose_name(CrmRow *row);
extern void party_add_checks(void);
extern void party_init(void);

#endif							/* CRM_PARTY_H */
