/*
 * lock.h
 *	  The order in which rows are locked, and what holds to it.
 *
 * The table of all locks stands in lock.c. In builds with assertions, and with
 * -DSALES_CRM_CHECK_LOCKS, each lock that a call or statement takes is held
 * against it; in others nothing of that is there.
 */
#ifndef CRM_LOCK_H
#define CRM_LOCK_H

#include "executor/spi.h"
#include "utils/rel.h"

#if defined(USE_ASSERT_CHECKING) || defined(SALES_CRM_CHECK_LOCKS)
#define CRM_CHECKS_LOCKS
#endif

/* One kind of lock; its place in the table is its rank. */
typedef struct CrmLock
{
	const char *object;			/* a table whose rows are locked, or what else */
	const char *mode;
	const char *takers;
} CrmLock;

extern const CrmLock core_locks[];

#ifdef CRM_CHECKS_LOCKS
extern void core_lock_init(void);
extern void core_lock_begin(void);
extern void core_lock_result(const char *object, SPIPlanPtr plan);
extern void core_lock_row(Relation rel, int64 key, TriggerEvent event);
extern int	core_lock_loosen(void);
extern void core_lock_tighten(int before);
#else
#define core_lock_init() ((void) 0)
#define core_lock_begin() ((void) 0)
#define core_lock_result(object, plan) ((void) 0)
#define core_lock_row(rel, key, event) ((void) 0)
#define core_lock_loosen() 0
#define core_lock_tighten(before) ((void) (before))
#endif

#endif							/* CRM_LOCK_H */
