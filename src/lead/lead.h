/*
 * lead.h
 *	  Leads: qualification into account, contact and opportunity.
 */
#ifndef CRM_LEAD_H
#define CRM_LEAD_H

#include "opportunity/opportunity.h"

extern const CrmEntity lead_entity;

/* What the caller asks of a qualification; NULL flags decide from the data. */
typedef struct LeadWish
{
	CrmValue	create_account;
	CrmValue	create_contact;
	bool		create_opportunity;
	int64		account_id;		/* 0 = the lead's own */
	int64		contact_id;
	int64		opportunity_id; /* 0 = none to join */
	const char *currency_code;	/* NULL = the lead's */
	int64		campaign_id;	/* 0 = the lead's */
	const char *status_reason;
	const char *made_by;
} LeadWish;

/* What becomes of one lead. */
typedef struct LeadPlan
{
	int64		lead_id;		/* first, for the search by key */
	char	   *state;
	char	   *company_name;
	char	   *person_name;
	char	   *subject;
	int64		account_id;		/* 0 = none; existing, or the key of the new row */
	int64		contact_id;
	int64		opportunity_id;
	bool		new_account;
	bool		new_contact;
	bool		new_opportunity;
	int			sqlstate;		/* 0 = can be done */
	const char *message;
	const char *hint;
	bool		is_reported;	/* its row is in the result already */
} LeadPlan;

/* An upper room's say in a qualification: it refuses a campaign that is not there. */
typedef void (*LeadCampaignHook) (CrmOrganization *org, int64 campaign_id);

extern LeadCampaignHook lead_campaign_hook;

/* ... and what it does with leads that were just qualified, or got one more opportunity. */
typedef void (*LeadQualifiedHook) (CrmOrganization *org, const int64 *lead_ids, int n);

extern LeadQualifiedHook lead_qualified_hook;

/* What an upper room writes into a lead that is being inserted. */
typedef void (*LeadBornHook) (CrmRow *row);

extern LeadBornHook lead_born_hook;

/* ---- plan.c ---- */
extern LeadPlan *lead_read_plans(CrmOrganization *org, const int64 *ids, int n,
								 bool lock, int *found);
extern void lead_decide(CrmOrganization *org, LeadPlan *plan, const LeadWish *wish);
extern void lead_check_wish(CrmOrganization *org, const LeadWish *wish);
extern void lead_raise(const LeadPlan *plan);

/* ---- apply.c ---- */
extern void lead_take_keys(CrmOrganization *org, LeadPlan *plan);
extern void lead_apply(CrmOrganization *org, LeadPlan **plans, int n, const LeadWish *wish);
extern int64 lead_add_opportunity(CrmOrganization *org, LeadPlan *plan, const char *name);

extern void lead_init(void);

#endif							/* CRM_LEAD_H */
