/*
 * terms.c
 *	  Payment terms: when an invoice is due, and what paying early saves.
 *
 * They are rows of payment_term, kept in memory. A new term offers its code
 * in option_value by itself, so that one row is all it takes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#include "document/document.h"

static void *load_terms(CrmOrganization *org);
static void offer(CrmOrganization *org, const char *code, const char *label);
static void withdraw(CrmOrganization *org, const char *code);

PG_FUNCTION_INFO_V1(document_offer_terms);

static const CrmConfig terms_config = {
	.tables = {"payment_term"},
	.load = load_terms
};

/* Where payment terms are chosen. */
#define TERMS_ENTITIES "'{account,contact,quote,sales_order,invoice}'::text[]"

static CrmStatement select_terms = {
	.sql = "SELECT payment_terms, net_days, discount_percentage, discount_days FROM @payment_term"
};
static CrmStatement offer_terms = {
	.sql = "INSERT INTO @option_value AS o (entity, column_name, value, label) "
	"SELECT e.entity, 'payment_terms', $1, $2 FROM unnest(" TERMS_ENTITIES ") AS e(entity) "
	"ON CONFLICT (entity, column_name, value) DO UPDATE SET label = EXCLUDED.label, is_active = true "
	"WHERE o.label <> EXCLUDED.label OR NOT o.is_active",
	.argtypes = {TEXTOID, TEXTOID}
};
static CrmStatement withdraw_terms = {
	.sql = "UPDATE @option_value SET is_active = false WHERE entity = ANY (" TERMS_ENTITIES ") "
	"AND column_name = 'payment_terms' AND value = $1",
	.argtypes = {TEXTOID}
};

/* document_terms returns the payment terms of a code, NULL for none or an unknown one. */
const CrmTerms *
document_terms(CrmOrganization *org, const char *code)
{
	return code ? hash_search(core_config(org, &terms_config), code, HASH_FIND, NULL) : NULL;
}

/*
 * document_offer_terms is the AFTER row trigger of payment_term: its codes can
 * be chosen wherever payment terms stand, and no longer once they are gone.
 */
Datum
document_offer_terms(PG_FUNCTION_ARGS)
{
	static const CrmTrigger trigger = {
		.timing = TRIGGER_EVENT_AFTER, .level = TRIGGER_EVENT_ROW,
		.events = CRM_ON_INSERT | CRM_ON_UPDATE | CRM_ON_DELETE, .table = "payment_term"
	};
	TriggerData *trigdata = core_trigger(fcinfo, &trigger);
	CrmRow	   *row = core_row(trigdata);

	SPI_connect();
	if (ROW_IS_UPDATE(row) && row_changed(row, "payment_terms"))
		withdraw(row->org, row_old_text(row, "payment_terms"));
	if (ROW_IS_DELETE(row))
		withdraw(row->org, row_text(row, "payment_terms"));
	else
		offer(row->org, row_text(row, "payment_terms"), row_text(row, "label"));
	SPI_finish();
	return PointerGetDatum(NULL);
}

static void
offer(CrmOrganization *org, const char *code, const char *label)
{
	CrmValue	args[] = {core_text_value(code), core_text_value(label)};

	core_run(org, &offer_terms, args);
}

static void
withdraw(CrmOrganization *org, const char *code)
{
	CrmValue	args[] = {core_text_value(code)};

	core_run(org, &withdraw_terms, args);
}

/* load_terms reads payment_term into a hash by code. */
static void *
load_terms(CrmOrganization *org)
{
	HASHCTL		ctl = {.keysize = NAMEDATALEN, .entrysize = sizeof(CrmTerms),
	.hcxt = CurrentMemoryContext};
	HTAB	   *all = hash_create("sales_crm payment terms", 8, &ctl,
								  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	uint64		n = core_config_rows(org, "payment_term", &select_terms);

	for (uint64 i = 0; i < n; i++)
	{
		CrmTerms   *terms = hash_search(all, core_result_name(i, 1), HASH_ENTER, NULL);

		terms->net_days = core_result_int4(i, 2);
		terms->percentage = datumCopy(core_result_number(i, 3), false, -1);
		terms->has_discount = !money_is_zero(terms->percentage);
		terms->discount_days = core_result_int4(i, 4);
	}
	return all;
}
