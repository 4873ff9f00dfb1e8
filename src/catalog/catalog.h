/*
 * catalog.h
 *	  Currencies, units, products and price lists.
 */
#ifndef CRM_CATALOG_H
#define CRM_CATALOG_H

#include "utils/date.h"

#include "lifecycle/lifecycle.h"

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
extern void catalog_init(void);

#endif							/* CRM_CATALOG_H */
