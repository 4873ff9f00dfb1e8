/*
 * calendar.h
 *	  Working time and territories, and what this room does for new leads with
 *	  them: assignment and the deadline of the first response.
 */
#ifndef CRM_CALENDAR_H
#define CRM_CALENDAR_H

#include "automation/rule.h"

/* ---- working time (calendar.c) ---- */
typedef struct CrmCalendar CrmCalendar;

extern void calendar_init(void);
extern const CrmCalendar *calendar_of_territory(CrmOrganization *org, int64 territory_id);
extern bool calendar_add(CrmOrganization *org, const CrmCalendar *calendar,
						 TimestampTz start, int64 minutes, TimestampTz *end);
extern bool calendar_spans(TimestampTz start, TimestampTz end);
extern int64 calendar_minutes(CrmOrganization *org, const CrmCalendar *calendar,
							  TimestampTz start, TimestampTz end);

/* ---- territories (area.c) ---- */
extern void area_init(void);
extern int64 area_territory(CrmOrganization *org, const char *country,
							const char *state_or_province, const char *postal_code);
extern int64 area_above(CrmOrganization *org, int64 territory_id, int *steps);

/* ---- assignment (assign.c, pool.c) ---- */

/* A lead that waits for an owner. */
typedef struct CrmWaitingLead
{
	int64		id;
	int64		owner_id;		/* who has it now */
	bool		is_nobodys;		/* belongs to the default team */
	bool		is_creators;	/* belongs to who made it */
	int64		territory_id;	/* of its address, 0 = none */
	char	   *lead_source;
	char	   *rating;
	int64		policy_id;		/* that placed it, or the first that could not */
	int64		new_owner_id;	/* 0 = none found yet */
	int64		queue_id;		/* it goes into that queue; 0 = none */
	const char *reason;			/* NULL = no policy is for it */
} CrmWaitingLead;

typedef enum CrmDistribution
{
	BY_TURN,
	BY_LOAD,
	BY_TERRITORY
} CrmDistribution;

/* A row of assignment_policy. */
typedef struct CrmPolicy
{
	int64		id;
	int32		sort_order;
	CrmDistribution method;
	int64		team_owner_id;	/* 0 = none */
	int64		queue_id;		/* 0 = none, or inactive */
	int64		territory_id;	/* conditions: 0 or NULL = any */
	char	   *lead_source;
	char	   *rating;
	CrmValue	capacity;
	bool		takes_creators;
	bool		is_active;
} CrmPolicy;

extern void assign_init(void);
extern void assign_check_action(CrmRule *rule, CrmActionRow *row);
extern void assign_by_action(CrmOrganization *org, const int64 *ids, int n, CrmActionRow *row);
extern void pool_place(CrmOrganization *org, CrmPolicy *policy, CrmWaitingLead **leads, int n,
					   const CrmWaitingLead *all, int n_all);

/* ---- first response (response.c) ---- */
extern void response_init(void);

#endif							/* CRM_CALENDAR_H */
