/*
 * activity.h
 *	  Activities: those that close something, who belongs to whose timeline, and
 *	  queues of work.
 */
#ifndef CRM_ACTIVITY_H
#define CRM_ACTIVITY_H

#include "lifecycle/lifecycle.h"

/* The completed activity that tells of a closing (D§0.10). */
typedef struct CrmClosing
{
	const char *activity_type;	/* opportunity_close, quote_close, order_close */
	const char *entity;			/* what was closed */
	int64		record_id;
	const char *subject;
	const char *description;	/* or NULL */
	int64		owner_id;
	TimestampTz ended_at;		/* 0 = now */
	const char *made_by;
} CrmClosing;

extern const CrmEntity activity_entity;

extern int64 activity_close(CrmOrganization *org, const CrmClosing *closing);
extern bool activity_is_seen(Oid relid);
extern int64 activity_queue_named(CrmOrganization *org, const char *name);
extern void activity_enter_queue(CrmOrganization *org, const char *entity, const int64 *ids, int n,
								 int64 queue_id);
extern void activity_add_source(const char *root, const char *sql);
extern void activity_repair_types(CrmOrganization *org);
extern void activity_init(void);

#endif							/* CRM_ACTIVITY_H */
