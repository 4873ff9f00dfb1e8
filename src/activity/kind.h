/*
 * kind.h
 *	  The kinds of activities, for the files of this room.
 */
#ifndef CRM_KIND_H
#define CRM_KIND_H

#include "activity/activity.h"
#include "lifecycle/lifecycle.h"

extern void activity_settle_reason(CrmRow *row);
extern bool activity_takes_role(CrmOrganization *org, const char *kind, const char *role);
extern bool activity_has_details(CrmOrganization *org, const char *kind);

/* Two columns of a table that name a record of any table, and the check of verify() about them. */
typedef struct ActivityReference
{
	const char *check;
	const char *table;
	const char *entity_column;
	const char *key_column;
} ActivityReference;

/* ---- regarding.c: what activities, notes, parties and connections point at ---- */
extern void activity_check_record(CrmRow *row, const char *entity_column, const char *key_column);
extern bool activity_sees_record(CrmOrganization *org, const char *entity, int64 id);
extern const char *activity_key_of(CrmOrganization *org, const char *entity);
extern void activity_refuse_circle(CrmRow *row);
extern uint64 activity_lock_records(CrmOrganization *org, const char *entity, CrmValue ids);
extern char *activity_records_gone(CrmOrganization *org, const void *reference);
extern bool activity_refuse_closed(CrmRow *row, const char *what, char **kind);
extern void activity_delete_all(CrmOrganization *org, CrmStatement *statement, const char *table, const CrmValue *args);

/* ---- detail.c ---- */
extern void activity_complete_detail(CrmRow *row, CrmTicket *ticket);
extern void activity_keep_detail(CrmRow *row);

/* ---- queue_entry.c: records that are deleted leave their queues ---- */
extern void activity_forget_items(CrmOrganization *org, const char *entity, int64 record_id);
extern void activity_add_queue_exits(void);

/* ---- series.c: what appointments have to do with the recurring one they come from ---- */
extern char activity_series_mark[];

extern bool activity_is_of_series(const CrmTicket *ticket);
extern void activity_settle_series(CrmRow *row, CrmTicket *ticket);
extern void activity_leave_series(CrmRow *row);
extern void activity_except_from_series(CrmRow *row);
extern int64 *activity_move_series(CrmOrganization *org, const CrmMove *move, const char *from,
								   CrmStatement *find, const CrmValue *args, int *n);
extern int64 *activity_result_ids(int n);

/* ---- the entities of the other files ---- */
extern void activity_add_types(void);
extern void activity_add_details(void);
extern void activity_add_notes(void);
extern void activity_add_connections(void);
extern void activity_add_queues(void);
extern void activity_add_recurrence(void);
extern void activity_add_checks(void);

#endif							/* CRM_KIND_H */
