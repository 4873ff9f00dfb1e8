/*
 * work_queue.h
 *	  Queues of work and what waits in them, for the files of this room.
 */
#ifndef CRM_WORK_QUEUE_H
#define CRM_WORK_QUEUE_H

#include "lifecycle/lifecycle.h"

typedef struct CrmWorkQueue
{
	int64		id;
	char	   *name;
	bool		is_private;
	bool		is_active;
	int64		owner_id;
} CrmWorkQueue;

/* A record that stands in a queue. */
typedef struct CrmWorkItem
{
	int64		id;
	int64		queue_id;
	int64		worker_id;		/* 0 = nobody */
	const char *entity;
	int64		record_id;
} CrmWorkItem;

extern const CrmEntity queue_item_entity;

/* ---- queues and who may do what in them (work_queue.c) ---- */
extern CrmWorkQueue *queue_read(CrmOrganization *org, int64 id);
extern CrmWorkQueue *queue_of_session(CrmOrganization *org);
extern void queue_require_active(CrmOrganization *org, const CrmWorkQueue *queue);
extern void queue_require_use(CrmOrganization *org, const CrmWorkQueue *queue);
extern void queue_require_worker(CrmOrganization *org, const CrmWorkQueue *queue, int64 worker_id);
extern void queue_require_hold(CrmOrganization *org, const CrmWorkItem *item);
extern char *queue_owner_name(CrmOrganization *org, int64 owner_id);

/* ---- what is done with items (queue_item.c) ---- */
extern void queue_move_items(CrmOrganization *org, const int64 *ids, int n, int64 queue_id);

/* ---- coming and going (queue_entry.c) ---- */
extern bool queue_is_exit(CrmOrganization *org, const char *entity, const char *state, const char *reason);

#endif							/* CRM_WORK_QUEUE_H */
