/*
 * opportunity.h
 *	  Deals: their lines, their closing and reopening.
 */
#ifndef CRM_OPPORTUNITY_H
#define CRM_OPPORTUNITY_H

#include "pricing/pricing.h"

extern const CrmEntity opportunity_entity;
extern CrmLines opportunity_lines;

/* How a deal is closed. */
typedef struct CrmDealClose
{
	const char *made_by;
	const char *to;				/* won or lost */
	const char *reason;			/* NULL = default */
	const char *description;
	CrmValue	actual_revenue;	/* NULL: won = estimated value, lost = 0 */
	CrmValue	actual_close_date;	/* NULL = today */
	int64		competitor_id;	/* 0 = none */
} CrmDealClose;

/* An upper room's say in the closing of a deal: the quotes that are still open. */
typedef void (*OpportunityCloseHook) (CrmOrganization *org, int64 opportunity_id,
									  bool close_open_quotes, const char *made_by);
/* ... and in its deletion: the drafts that go with it. */
typedef void (*OpportunityDeleteHook) (CrmOrganization *org, int64 opportunity_id);

extern OpportunityCloseHook opportunity_close_hook;
extern OpportunityDeleteHook opportunity_delete_hook;

extern int64 opportunity_close(CrmOrganization *org, int64 opportunity_id,
							   const char *from, const CrmDealClose *close);
extern void opportunity_init(void);

#endif							/* CRM_OPPORTUNITY_H */
