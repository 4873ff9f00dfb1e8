/*
 * document.h
 *	  Quotes, orders and invoices: one engine, a descriptor each.
 */
#ifndef CRM_DOCUMENT_H
#define CRM_DOCUMENT_H

#include "opportunity/opportunity.h"

typedef struct CrmDocument
{
	CrmEntity	entity;
	CrmLines	lines;
	const char *number;			/* its number's column */
	const char *series;
	const char *source_line;	/* prefix of the source line's column, or NULL */
} CrmDocument;

extern CrmDocument document_quote;
extern CrmDocument document_order;
extern CrmDocument document_invoice;

/* ---- convert.c: a document made from another record ---- */

typedef struct CrmConversion
{
	const char *source;			/* entity */
	const char *source_key;
	const char *source_lines;
	const char *source_line_key;
	CrmDocument *target;
	const char *links;			/* target columns that the call sets ... */
	const char *link_values;	/* ... and their expressions over s and $3 */
	const char *made_by;
	bool		is_rest;		/* only what is not yet invoiced */
	bool		for_customer;	/* optional lines only when chosen */
} CrmConversion;

extern int64 document_convert(CrmOrganization *org, const CrmConversion *conversion,
							  int64 source_id, int64 argument, const int64 *chosen, int n_chosen);

extern const CrmConversion document_revision;
extern const CrmConversion document_order_from_quote;
extern const CrmConversion document_invoice_from_order;

/* ---- quote.c ---- */
extern void document_close_quotes(CrmOrganization *org, int64 opportunity_id,
								  bool close_open_quotes, const char *made_by);

/* ---- order.c ---- */
extern void document_recount(CrmOrganization *org, const int64 *order_line_ids, int n);
extern void document_require_prices(CrmOrganization *org, const CrmDocument *document, int64 id);

/* ---- invoice.c ---- */
extern void document_check_billed(CrmRow *row, const CrmTicket *ticket);

/* ---- alternative.c ---- */
extern void document_check_chosen(CrmOrganization *org, int64 quote_id, const int64 *ids, int n);
extern void document_link_alternatives(CrmOrganization *org, const int64 *source_ids,
									   const int64 *target_ids, int n);

/* ---- credit_limit.c ---- */
extern void document_require_credit(CrmOrganization *org, int64 order_id);

/* ---- terms.c ---- */

/* What payment terms say; the code is the hash key and must be first. */
typedef struct CrmTerms
{
	char		code[NAMEDATALEN];
	int			net_days;
	bool		has_discount;
	Datum		percentage;
	int			discount_days;
} CrmTerms;

extern const CrmTerms *document_terms(CrmOrganization *org, const char *code);

/* ---- verify.c ---- */
extern void document_add_checks(void);

extern void document_init(void);

#endif							/* CRM_DOCUMENT_H */
