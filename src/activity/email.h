/*
 * email.h
 *	  Mails, for the files of this room.
 */
#ifndef CRM_EMAIL_H
#define CRM_EMAIL_H

#include "lifecycle/lifecycle.h"

/* ---- email.c ---- */
extern void email_take_back(CrmOrganization *org, int64 id);
extern void email_refuse_delivery(CrmRow *row, const CrmTicket *ticket);

/* ---- recipient.c ---- */
extern char *email_write_addresses(CrmOrganization *org, int64 activity_id);
extern const char *email_domain(const char *address);

/* ---- conversation.c ---- */
extern void activity_add_email(void);

#endif							/* CRM_EMAIL_H */
