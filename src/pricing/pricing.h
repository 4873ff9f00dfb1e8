/*
 * pricing.h
 *	  Money: currencies of documents, prices of lines, totals of headers.
 */
#ifndef CRM_PRICING_H
#define CRM_PRICING_H

#include "utils/date.h"

#include "catalog/catalog.h"

/* ---- arithmetic on numeric (money.c) ---- */
extern Datum money_zero(void);
extern Datum money_one(void);
extern Datum money_hundred(void);
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
extern char *money_shown(Datum amount, int decimals);
extern char *money_term(const char *sign, Datum amount, int decimals);

/* ---- customer and currency of a row (customer.c, territory.c, currency.c) ---- */

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
extern int64 pricing_territory_list(CrmOrganization *org, const char *currency_code);
extern void pricing_take_territory_list(CrmRow *row);
extern void pricing_complete_money(CrmRow *row);
extern void pricing_check_percent(CrmRow *row, const char *column);
extern void pricing_check_not_negative(CrmRow *row, const char *column);
extern void pricing_check_numbers(CrmRow *row, const char *const *columns, int n);

/* ---- the price of one unit (price.c) and how it came about (explain.c) ---- */

/* Steps of a price or total; where there is none, NULL, nothing is written. */
typedef struct CrmTrace
{
	List	   *steps;
	const char *unit;			/* names, where they are known */
	const char *default_unit;
	const char *discount_list;
	int			decimals;		/* of the currency */
} CrmTrace;

extern void pricing_step(CrmTrace *trace, const char *rule, CrmValue result,
						 const char *format,...) pg_attribute_printf(4, 5);

/* product columns that a pricing method starts from */
typedef enum CrmBasis
{
	BASIS_LIST_PRICE,
	BASIS_CURRENT_COST,
	BASIS_STANDARD_COST,
	N_BASES
} CrmBasis;

/* What the catalogue says of a product in the price list of a document. */
typedef struct CrmOffer
{
	char	   *product_state;	/* NULL: there is no such product */
	char	   *product_name;
	bool		is_bundle;
	int64		unit_group_id;
	int64		default_unit_id;
	int64		unit_id;		/* that the price is for: the line's, else the default */
	int			quantity_decimals;
	char	   *product_currency;	/* NULL: the base currency */
	CrmValue	basis[N_BASES];
	char	   *currency;		/* of the document */
	CrmValue	date;			/* of the document, a date or a moment ... */
	Oid			date_type;		/* ... as this says */
	int64		price_list_id;	/* where the price comes from, or should; 0: nowhere */
	char	   *method;			/* NULL: the price list has no such item */
	CrmValue	amount;
	CrmValue	percentage;
	char	   *rounding_policy;
	char	   *rounding_option;
	CrmValue	rounding_amount;
	bool		is_whole;		/* sold in whole units only */
	int64		discount_list_id;	/* 0: greater quantities save nothing */
} CrmOffer;

struct CrmLines;
struct CrmLineContext;
extern void pricing_build_context(struct CrmLines *lines);
extern bool pricing_read_context(CrmRow *row, struct CrmLines *lines,
								 struct CrmLineContext *context);
extern Datum pricing_offer_date(CrmOrganization *org, const CrmOffer *offer);
extern const char *pricing_unit_price(CrmOrganization *org, const CrmOffer *offer,
									  CrmTrace *trace, Datum *price);
extern Datum pricing_volume_discount(CrmOrganization *org, const CrmOffer *offer, Datum quantity,
									 Datum price, CrmTrace *trace);

/* ---- lines and headers (line.c, header.c, rollup.c, reprice.c) ---- */

/* The statements by which the members of bundles follow (bundle.c). */
typedef struct CrmBundleStatements
{
	CrmStatement place;			/* of a line that is inserted by hand */
	CrmStatement behind;		/* lines that make room for new members */
	CrmStatement renumber;
	CrmStatement members;
	CrmStatement insert;
	CrmStatement lock;			/* members whose bundle changed */
	CrmStatement follow;
	CrmStatement orphaned;		/* bundles that a required member was taken from */
} CrmBundleStatements;

/* The lines of one kind of document. */
typedef struct CrmLines
{
	CrmEntity	entity;
	const CrmEntity *header;
	const char *date_column;	/* the document's date, which its price list must be valid on; NULL = today */
	bool		has_lock;		/* is_price_locked */
	CrmStatement context;		/* these are filled by pricing_add_lines */
	CrmStatement wide_context;
	CrmStatement lock_headers;
	CrmStatement roll_up;
	CrmStatement roll_up_tax;	/* ... where the sums of the lines are not enough */
	CrmStatement find_same_numbers;
	CrmStatement renumber;
	CrmBundleStatements bundles;
} CrmLines;

/* Documents whose lines a statement numbered by an older version, and the first numbers it gave. */
typedef struct CrmNumbers
{
	int64	   *headers;
	int64	   *firsts;
	int			n;
} CrmNumbers;

extern void pricing_build_numbers(CrmLines *lines);
extern void pricing_note_number(const CrmLines *lines, int64 header_id, TransactionId version, int32 number);
extern bool pricing_take_number(const CrmLines *lines, int64 header_id, TransactionId version, CrmNumbers *numbers);
extern void pricing_settle_numbers(TriggerData *trigdata, CrmLines *lines, const CrmNumbers *numbers);

/* Where the tax of a document's lines comes from. */
typedef enum CrmTaxMethod
{
	TAX_TYPED,
	TAX_EXCLUDED,				/* from the rules, on top of the price */
	TAX_INCLUDED				/* from the rules, part of the price */
} CrmTaxMethod;

/* One tax on a line. */
typedef struct CrmTaxRate
{
	int64		tax_rate_id;
	char	   *name;
	Datum		percentage;
	Datum		amount;
} CrmTaxRate;

/* What the tax rules are asked with. */
typedef struct CrmTaxCase
{
	char	   *category;		/* of the product; the line may have its own */
	char	   *country;		/* both as plain() makes them, NULL = unknown */
	char	   *state;
	DateADT		date;
} CrmTaxCase;

/* What a line must know of its document; a call that copies lines gives it. */
typedef struct CrmLineContext
{
	bool		is_copy;		/* prices and rates come from the source line */
	CrmTaxMethod tax_method;
	bool		by_document;	/* tax is rounded on the document, not on the line */
	CrmTaxCase	tax_case;		/* of a document whose tax is not typed; the category of any */
	CrmTaxRate *rates;			/* of this line */
	int			n_rates;
	bool		has_kept_rates; /* they are those that the line stored */
	const int64 *source_ids;	/* the lines that are copied, */
	const int64 *target_ids;	/* and what each becomes */
	int			n_copied;
	bool		has_known_totals;	/* header was written with these totals: */
	Datum		amount;
	Datum		discount;
	Datum		tax;
	bool		has_error;
	int			decimals;
	bool		is_per_unit;	/* discount method */
	bool		is_locked;		/* the document keeps its prices and rates */
	int			next_number;
	TransactionId version;		/* of the document, when that was read */
	CrmOffer	offer;			/* of the catalogue, for a line with a product */
	CrmTrace   *trace;			/* NULL, or where the steps are written */
} CrmLineContext;

extern void pricing_add_lines(CrmLines *lines);
extern void pricing_complete_line(CrmRow *row, CrmTicket *ticket, CrmLines *lines);
extern void pricing_complete_totals(CrmRow *row, const CrmEntity *entity, CrmTicket *ticket);
extern void pricing_price_line(CrmRow *row, const CrmLineContext *context);
extern void pricing_compute_amounts(CrmRow *row, const CrmLineContext *context);
extern void pricing_compute_totals(CrmRow *row, CrmTrace *trace);
extern CrmLines *pricing_lines_of(const char *entity);
extern void pricing_lock_lines(CrmOrganization *org, const CrmLines *lines, int64 header_id);
extern void pricing_refuse_closed(CrmOrganization *org, const CrmLines *lines, int64 id, const char *state);
extern void pricing_reprice(CrmOrganization *org, const CrmLines *lines, int64 header_id);
extern const char *const pricing_line_computed[];
extern bool pricing_is_note(const CrmRow *row);
extern void pricing_check_shape(CrmRow *row);
extern void pricing_add_shape_check(const CrmLines *lines);

/* ---- taxes (tax.c, tax_sums.c) ---- */

/* two columns of a query over the header "h", as pricing_read_tax_method() reads them */
#define PRICING_TAX_COLUMNS \
	"CASE h.tax_method WHEN 'excluded' THEN 1 WHEN 'included' THEN 2 ELSE 0 END, h.tax_rounding = 'document'"

extern char *pricing_tax_columns(const CrmLines *lines);
extern void pricing_read_tax_method(CrmLineContext *context, uint64 row, int column);
extern void pricing_read_tax_case(CrmOrganization *org, CrmLineContext *context, int column);
extern void pricing_complete_tax_category(CrmRow *row, const CrmLineContext *context);
extern void pricing_take_rates(CrmRow *row, CrmLineContext *context);
extern void pricing_keep_rates(CrmRow *row, CrmLineContext *context);
extern Datum pricing_add_tax(CrmRow *row, const CrmLineContext *context, Datum amount);
extern void pricing_trace_tax(CrmRow *row, const CrmLineContext *context, Datum amount);
extern char *pricing_tax_sums(const CrmLines *lines);
extern void pricing_add_tax_checks(const CrmLines *lines);
extern void pricing_init(void);

/* ---- bundles and properties of lines (bundle.c, bundle_sql.c, properties.c) ---- */
#define PRICING_REQUIRED_MEMBER "required_bundle_member"
#define PRICING_OPTIONAL_MEMBER "optional_bundle_member"

extern void pricing_build_bundles(CrmLines *lines);
extern void pricing_join_bundle(CrmRow *row, CrmTicket *ticket, CrmLines *lines);
extern void pricing_mark_bundle(CrmRow *row, const CrmLines *lines);
extern bool pricing_is_inside_bundle(const CrmRow *row);
extern bool pricing_follow_copy(CrmRow *row, const char *column, const CrmLineContext *copied);
extern void pricing_empty_price(CrmRow *row);
extern void pricing_follow_bundles(TriggerData *trigdata, CrmLines *lines);
extern void pricing_complete_properties(CrmRow *row, const CrmTicket *ticket);

#define PRICING_COMPUTED_TOTALS \
	"total_line_item_amount", "total_line_item_discount_amount", "total_discount_amount", \
	"total_amount_less_freight", "total_tax", "total_amount", "total_amount_base", \
	"pricing_error", "exchange_rate"

#endif							/* CRM_PRICING_H */
