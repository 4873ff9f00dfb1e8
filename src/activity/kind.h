/*
 * kind.h
 *	  The kinds of activities, for the files of this room.
 */
#ifndef CRM_KIND_H
#define CRM_KIND_H

#include "lifecycle/lifecycle.h"

extern void activity_settle_reason(CrmRow *row);
extern bool activity_takes_role(CrmOrganization *org, const char *kind, const char *role);
extern bool activity_has_details(CrmOrganization *org, const char *kind);

/* ---- regarding.c: what activities, notes, parties and connections point at ---- */
extern void activity_check_record(CrmRow *row, const char *entity_column, const char *key_column);
extern void activity_refuse_closed(CrmRow *row, const char *what);

/* ---- the entities of the other files ---- */
extern void activity_add_details(void);
extern void activity_add_notes(void);
extern void activity_add_connections(void);
extern void activity_add_checks(void);

#endif							/* CRM_KIND_H */
