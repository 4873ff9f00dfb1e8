/*
 * pricing.h
 *	  Money: currencies of documents, prices of lines, totals of headers.
 */
#ifndef CRM_PRICING_H
#define CRM_PRICING_H

#include "catalog/catalog.h"

/* ---- arithmetic on numeric (money.c) ---- */
extern Datum money_zero(void);
extern Datum money_one(void);
extern Datum money_add(Datum a, Datum b);
extern Datum money_subtract(Datum a, Datum b);
extern Datum money_multiply(Datum a, Datum b);
extern Datum money_divide(Datum a, Datum b, int decimals);
extern Datum money_percent(Datum amount, Datum percent, int decimals);
extern Datum money_round(Datum amount, int decimals);
extern int	money_compare(Datum a, Datum b);
extern bool money_is_zero(Datum amount);
extern int	money_scale(Datum amount);
extern char *money_text(Datum amount);

/* ---- customer and currency of a row (customer.c, currency.c) ---- */

/* What a document takes from its customer when nothing else is said. */
typedef struct CrmCustomer
{
	char	   *name;
	int64		price_list_id;	/* 0 = none */
	char	   *currency_code;	/* NULL = none */
	char	   *payment_terms;
} CrmCustomer;

extern bool pricing_read_customer(CrmOrganization *org, int64 account_id,
								  int64 contact_id, CrmCustomer *customer);
extern void pricing_require_customer(CrmRow *row, const CrmEntity *entity);
extern void pricing_take_defaults(CrmRow *row, bool has_price_list);
extern void pricing_complete_money(CrmRow *row);
extern void pricing_check_percent(CrmRow *row, const char *column);
extern void pricing_check_not_negative(CrmRow *row, const char *column);
extern void pricing_check_numbers(CrmRow *row, const char *const *columns, int n);

/* ---- lines and headers (line.c, header.c, rollup.c) ---- */

/* The lines of one kind of document. */
typedef struct CrmLines
{
	CrmEntity	entity;
	const CrmEntity *header;
	const char *source_column;	/* line it was copied from, or NULL */
	CrmStatement context;		/* filled by pricing_add_lines */
	CrmStatement lock_headers;
	CrmStatement roll_up;
} CrmLines;

/* What a line must know of its document; a call that copies lines gives it. */
typedef struct CrmLineContext
{
	bool		is_copy;		/* prices come from the source line */
	bool		has_known_totals;	/* header was written with these totals: */
	Datum		amount;
	Datum		discount;
	Datum		tax;
	bool		has_error;
	int			decimals;
	bool		is_per_unit;	/* discount method */
} CrmLineContext;

extern void pricing_add_lines(CrmLines *lines);
extern void pricing_complete_line(CrmRow *row, CrmTicket *ticket, CrmLines *lines);
extern void pricing_complete_totals(CrmRow *row, const CrmEntity *entity, CrmTicket *ticket);
extern void pricing_reprice(CrmOrganization *org, const CrmLines *lines, int64 header_id);
extern const char *const pricing_line_computed[];

#define PRICING_COMPUTED_TOTALS \
	"total_line_item_amount", "total_line_item_discount_amount", "total_discount_amount", \
	"total_amount_less_freight", "total_tax", "total_amount", "total_amount_base", \
	"pricing_error", "exchange_rate"

#endif							/* CRM_PRICING_H */
