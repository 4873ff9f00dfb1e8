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

/* ---- hold.c: orders and lines that a call has locked ---- */

typedef struct CrmOrder
{
	int64		id;
	char	   *state;
	char	   *number;
	int64		owner_id;
} CrmOrder;

extern CrmOrder document_hold_order(CrmOrganization *org, int64 id);
extern CrmOrder document_hold_header(CrmOrganization *org, int64 id);
extern void document_require_state(const CrmOrder *order, const char *states,
								   const char *what, const char *hint);
extern void document_require_prices(CrmOrganization *org, const CrmDocument *document, int64 id);

/* ---- parts.c: quantities of lines, as a caller names them and as they stand ---- */

/* Lines and the quantity of each that a call is about; ids ascend. */
typedef struct CrmParts
{
	int64	   *ids;
	Datum	   *quantities;
	int			n;
} CrmParts;

/* A line of an order or invoice, and how far it is. */
typedef struct CrmProgress
{
	int64		id;
	int			line_number;
	bool		is_standard;
	bool		is_deduction;	/* of a down payment */
	int			decimals;		/* that a quantity may have */
	Datum		quantity;
	Datum		delivered;
	Datum		returned;
	Datum		taken;			/* invoiced of an order line, credited of an invoice line */
	int64		bundle_id;		/* of a required member: its bundle's line; 0 = it is none */
} CrmProgress;

typedef struct CrmProgressList
{
	CrmProgress *lines;			/* ids ascend */
	int			n;
} CrmProgressList;

extern bool document_parts_argument(FunctionCallInfo fcinfo, int n, const char *key, CrmParts *parts);
extern CrmProgressList document_read_progress(CrmOrganization *org, const CrmDocument *document, int64 id);
extern CrmProgress *document_find_line(const CrmProgressList *list, int64 id);
extern CrmParts document_new_parts(int size);
extern void document_add_part(CrmParts *parts, const CrmProgress *line, Datum quantity);
extern CrmParts document_settle_members(const CrmProgressList *list, const CrmParts *parts);
extern void document_check_parts(const CrmProgressList *list, const CrmParts *parts,
								 const CrmDocument *document, const char *number);
extern Datum document_on_side(Datum open, Datum quantity);
extern bool document_exceeds(Datum amount, Datum limit);
extern Datum document_most(CrmOrganization *org, Datum quantity);
extern Datum document_quantities(const CrmParts *parts);

/* An order line (l) that has something left to invoice; required members go with their bundle. */
#define DOCUMENT_LEFT_TO_BILL \
	"l.line_kind = 'standard' AND l.product_type <> 'required_bundle_member' " \
	"AND CASE WHEN l.quantity >= 0 THEN l.quantity > l.quantity_returned + l.quantity_invoiced " \
	"ELSE l.quantity < l.quantity_returned + l.quantity_invoiced END"

/* A down payment (d) of which something is left that no invoice deducts. */
#define DOCUMENT_NOT_DEDUCTED \
	"d.invoice_type = 'down_payment' AND d.state <> 'canceled' " \
	"AND (SELECT (d.total_amount - d.total_tax + coalesce(sum(n.total_amount - n.total_tax), 0), d.total_tax + coalesce(sum(n.total_tax), 0)) <> (0, 0) " \
	"FROM @invoice n WHERE n.credited_invoice_id = d.invoice_id AND n.state <> 'canceled') " \
	"AND coalesce((SELECT sum(y.quantity) FROM @invoice_product y JOIN @invoice f USING (invoice_id) " \
	"WHERE y.down_payment_invoice_id = d.invoice_id AND f.state <> 'canceled'), 0) = 0"

/* An invoice v whose lines i count as invoiced on the order lines they name: no down payment, and no credit note but one that a call made. */
#define DOCUMENT_BILLS \
	"(v.invoice_type = 'invoice' OR i.credited_invoice_product_id IS NOT NULL " \
	"OR (v.invoice_type = 'credit_note' AND v.sales_order_id IS NOT NULL AND v.credited_invoice_id IS NULL))"

/* An invoice that is no credit note of another, nor wholly credited. */
#define DOCUMENT_IS_OWED(v) \
	"(" v ".credited_invoice_id IS NULL AND NOT EXISTS (SELECT FROM @invoice c WHERE c.credited_invoice_id = " v ".invoice_id " \
	"AND c.state <> 'canceled' HAVING count(*) > 0 AND sum(c.total_amount) = -" v ".total_amount))"

/* Whether two documents t and s have one customer: the account, else the contact. */
#define DOCUMENT_CUSTOMER_FITS \
	"CASE WHEN num_nonnulls(t.account_id, s.account_id) = 0 THEN t.contact_id = s.contact_id " \
	"ELSE t.account_id IS NOT DISTINCT FROM s.account_id END"

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
	bool		is_credit;		/* with the opposite sign */
	const char *line_links;		/* line columns that the call sets beside its source ... */
	const char *line_link_values;	/* ... and their expressions over s */
	const char *taken;			/* of a source line s: rows (quantity, amount less tax that is not in the price, tax, discount) that parts took of it */
	const CrmParts *parts;		/* these lines and quantities alone, or NULL */
	bool		is_last;		/* nothing is left after it */
	bool		is_final;		/* down payments are deducted */
	/* called when the lines are there, unless they are the whole of the source */
	void		(*finish) (CrmOrganization *org, const struct CrmConversion *conversion,
						   int64 source_id, int64 target_id);
} CrmConversion;

extern int64 document_convert(CrmOrganization *org, const CrmConversion *conversion,
							  int64 source_id, int64 argument, const int64 *chosen, int n_chosen);

extern const CrmConversion document_revision;
extern const CrmConversion document_order_from_quote;
extern const CrmConversion document_invoice_from_order;
extern const CrmConversion document_credit_of_invoice;

/* ---- hold.c: what goes along with a document that is made is locked before all else ---- */

/* Locks the deals of processes that a document of a quote (0 = none), an order and a deal takes along. */
typedef void (*DocumentHoldHook) (CrmOrganization *org, int64 opportunity_id, int64 quote_id, int64 sales_order_id);

extern DocumentHoldHook document_hold_hook;
extern void document_hold_deals(CrmOrganization *org, int64 opportunity_id, int64 quote_id, int64 sales_order_id);

/* ---- quote.c ---- */
extern void document_close_quotes(CrmOrganization *org, int64 opportunity_id,
								  bool close_open_quotes, const char *made_by);

/* ---- deliver.c ---- */
extern void document_deliver_rest(CrmOrganization *org, const CrmOrder *order);

/* ---- bill.c: invoices of an order ---- */
extern void document_finish_invoice(CrmOrganization *org, const CrmConversion *conversion,
									int64 source_id, int64 target_id);
extern int64 document_bill_fulfilled(CrmOrganization *org, const CrmOrder *order, bool is_partial);
extern void document_mark_invoiced(CrmOrganization *org, const CrmOrder *order, const char *made_by);
extern bool document_recount(CrmOrganization *org, const int64 *order_line_ids, int n);
extern void document_hold_order_of(CrmOrganization *org, int64 invoice_id);

/* ---- down_payment.c ---- */
extern void document_require_not_deducted(CrmOrganization *org, int64 invoice_id,
										  const char *number, const char *what);
extern void document_require_total(CrmOrganization *org, const int64 *order_line_ids, int n, int64 credit_note_id);
extern void document_require_deducted(CrmOrganization *org, const int64 *order_line_ids, int n);

/* ---- credit.c ---- */
extern void document_finish_credit(CrmOrganization *org, const CrmConversion *conversion,
								   int64 source_id, int64 target_id);
extern void document_hold_to_cancel(CrmOrganization *org, int64 invoice_id);
extern void document_check_cancel(CrmOrganization *org, int64 invoice_id, const char *number);
extern void document_keep_deleted(CrmRow *row);
extern void document_hold_credited(TriggerData *trigdata);
extern void document_recount_credited(CrmOrganization *org, int64 credit_note_id);
extern void document_keep_credit(CrmRow *row, const CrmTicket *ticket);

/* ---- source.c: the lines that lines were made from ---- */
extern void document_check_source(CrmRow *row, const CrmTicket *ticket, const CrmDocument *document);
extern void document_add_source_checks(void);

/* ---- bound.c: what was made of a record binds it ---- */
extern void document_keep_order_line(CrmRow *row, const CrmTicket *ticket);
extern void document_keep_order(CrmRow *row, const CrmTicket *ticket);
extern void document_keep_invoice(CrmRow *row, const CrmTicket *ticket);
extern void document_keep_quote(CrmRow *row, const CrmTicket *ticket);

/* ---- invoice.c ---- */
extern void document_refuse_unfit(CrmOrganization *org, const int64 *order_line_ids, int n);

/* ---- alternative.c ---- */
extern void document_check_chosen(CrmOrganization *org, int64 quote_id, const int64 *ids, int n);

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
