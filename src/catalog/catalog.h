/*
 * catalog.h
 *	  Currencies, units, products and price lists.
 */
#ifndef CRM_CATALOG_H
#define CRM_CATALOG_H

#include "utils/date.h"

#include "lifecycle/lifecycle.h"

/* how many families above one another are looked at, in SQL text: a circle ends there */
#define CATALOG_DEEPEST "1000"

typedef struct CrmCurrency
{
	char		code[NAMEDATALEN];
	int			decimals;
	Datum		exchange_rate;	/* numeric: units of it per unit of the base currency */
} CrmCurrency;

extern const char *catalog_base_currency(CrmOrganization *org);
extern const CrmCurrency *catalog_currency(CrmOrganization *org, const char *code);
extern const CrmCurrency *catalog_find_currency(CrmOrganization *org, const char *code);

/* ---- what prices need for each line (lists.c) ---- */

typedef struct CrmUnit
{
	int64		unit_id;
	int64		unit_group_id;
	Datum		size;			/* numeric: base units in it */
} CrmUnit;

typedef struct CrmPriceList
{
	int64		price_list_id;
	char	   *currency_code;
	bool		is_active;
	bool		has_begin;
	bool		has_end;
	DateADT		begin_date;
	DateADT		end_date;
} CrmPriceList;

/* One band of a discount list; high, percentage and amount may be NULL. */
typedef struct CrmBand
{
	int64		discount_list_id;
	CrmValue	low;
	CrmValue	high;
	CrmValue	percentage;
	CrmValue	amount;
} CrmBand;

extern const CrmUnit *catalog_unit(CrmOrganization *org, int64 unit_id);
extern const CrmPriceList *catalog_price_list(CrmOrganization *org, int64 price_list_id);
extern const CrmBand *catalog_band(CrmOrganization *org, int64 discount_list_id, Datum quantity);
extern const char *catalog_price_list_currency(CrmOrganization *org, int64 price_list_id);
extern void catalog_set_base_currency(CrmOrganization *org, const char *code);
extern List *catalog_money_documents(CrmOrganization *org);
extern void catalog_init(void);

/*
 * What of a product is sold: its row, or while it is under revision the row
 * that its open version keeps. In SQL, with p a row of @product:
 *
 *	LEFT JOIN @product_version v ON v.product_id = p.product_id AND v.ended_at IS NULL
 *	CROSS JOIN LATERAL jsonb_populate_record(p, v.snapshot) s
 *
 * s is p where there is no open version. Costs, stock and the other columns
 * of editable_when_closed stay those of today in the snapshot too. The
 * properties of an open version are in v.properties, an array of rows for
 * jsonb_populate_recordset(NULL::@product_property, v.properties); the view
 * product_property_effective reads them from there.
 */

extern void catalog_refuse_unit(CrmRow *row, const char *product_number);

/* ---- inside the room ---- */

/* A product that a lifecycle call moves, or that its rules look at. */
typedef struct CrmProduct
{
	int64		id;
	char	   *number;
	char	   *structure;		/* product, family, bundle */
	char	   *state;
	int64		parent_id;		/* 0 = none */
	bool		is_below;		/* the product asked for, or one of its family */
	bool		has_units;
} CrmProduct;

typedef struct CrmProducts
{
	CrmProduct *items;			/* ascending by id, locked */
	int			n;
} CrmProducts;

/* hierarchy.c */
extern CrmProducts catalog_lock_products(CrmOrganization *org, int64 id);
extern void catalog_lock_families(CrmOrganization *org, int64 product_id);
extern CrmProduct *catalog_product(const CrmProducts *all, int64 id);
extern int64 *catalog_select(const CrmProducts *all, const char *structure,
							 const char *state, int *n);

/* version.c */
extern void catalog_open_versions(CrmOrganization *org, const int64 *ids, int n);
extern void catalog_close_versions(CrmOrganization *org, const int64 *ids, int n,
								   const char *outcome);
extern void catalog_restore_versions(CrmOrganization *org, const int64 *ids, int n);

/* product.c, bundle.c, property.c, price_list.c, verify.c */
extern const CrmEntity catalog_product_entity;
extern char *catalog_product_columns(CrmOrganization *org, const char *format);
extern void catalog_check_members(CrmOrganization *org, const int64 *bundle_ids, int n);
extern void catalog_complete_member(CrmRow *row, CrmTicket *ticket);
extern void catalog_before_delete_member(CrmRow *row);
extern void catalog_complete_property(CrmRow *row, CrmTicket *ticket);
extern void catalog_before_delete_property(CrmRow *row);
extern void catalog_complete_price_list(CrmRow *row, CrmTicket *ticket);
extern void catalog_complete_price(CrmRow *row, CrmTicket *ticket);
extern void catalog_complete_band(CrmRow *row, CrmTicket *ticket);
extern int	catalog_limit(CrmOrganization *org, const char *setting, int otherwise);
extern void catalog_add_checks(void);

#endif							/* CRM_CATALOG_H */
