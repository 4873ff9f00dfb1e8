/*
 * catalog.h
 *	  Currencies, units, products and price lists.
 */
#ifndef CRM_CATALOG_H
#define CRM_CATALOG_H

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
extern const char *catalog_price_list_currency(CrmOrganization *org, int64 price_list_id);
extern void catalog_set_base_currency(CrmOrganization *org, const char *code);
extern void catalog_init(void);

#endif							/* CRM_CATALOG_H */
