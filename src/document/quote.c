/*
 * quote.c
 *	  The way of a quote: offered, revised, accepted or closed (D§3.5).
 *
 * Locks go from the top down: opportunity, its quotes by key, then the order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "activity/activity.h"
#include "document/document.h"

/* A quote as the calls see it, locked. */
typedef struct Quote
{
	int64		quote_id;
	int64		opportunity_id; /* 0 = none */
	char	   *state;
	char	   *number;
	int32		revision;
	int64		owner_id;
	bool		is_expired;
} Quote;

static Quote *lock_quotes(CrmOrganization *org, CrmStatement *statement, const CrmValue *args, int *n);
static Quote *lock_open_quotes(CrmOrganization *org, const CrmValue *args, int *n);
static Quote *read_quotes(int n);
static Quote *lock_quote(CrmOrganization *org, int64 id);
static void close_quote(CrmOrganization *org, const Quote *quote, const CrmMove *move);
static char *name_quotes(const Quote *quotes, int n);
static void require_deal(const Quote *quote, int64 deal);
static Datum finish_quote(FunctionCallInfo fcinfo, CrmMove *move);
static void refuse_open_revision(const Quote *quotes, int n, const Quote *quote);
static void settle_others(CrmOrganization *org, int64 opportunity_id, int64 quote_id,
						  bool close_others, bool must_close);
static void refuse_expired(const Quote *quote);
static void win_deal(CrmOrganization *org, const Quote *quote, const char *state, int64 order_id);

#define QUOTE_COLUMNS \
	"SELECT quote_id, opportunity_id, state, quote_number, revision_number, owner_id, " \
	"coalesce(effective_to < $2, false) FROM @quote "
#define REVISIONS "WHERE quote_number = (SELECT q.quote_number FROM @quote q WHERE q.quote_id = $1) "

static CrmStatement lock_one = {
	.sql = QUOTE_COLUMNS "WHERE quote_id = $1 FOR NO KEY UPDATE",
	.argtypes = {INT8OID, DATEOID}
};
static CrmStatement find_open_of_deal = {
	.sql = "SELECT quote_id FROM @quote WHERE opportunity_id = $1 AND state IN ('draft', 'active')",
	.argtypes = {INT8OID}
};
static CrmStatement lock_open_of_deal = {
	.sql = QUOTE_COLUMNS "WHERE opportunity_id = $1 AND state IN ('draft', 'active') "
	"ORDER BY quote_id FOR NO KEY UPDATE",
	.argtypes = {INT8OID, DATEOID}
};
static CrmStatement lock_revisions = {
	.sql = QUOTE_COLUMNS REVISIONS "ORDER BY quote_id FOR NO KEY UPDATE",
	.argtypes = {INT8OID, DATEOID}
};
static CrmStatement read_revisions = {
	.sql = QUOTE_COLUMNS REVISIONS,
	.argtypes = {INT8OID, DATEOID}
};
static CrmStatement lock_expired = {
	.sql = QUOTE_COLUMNS "WHERE effective_to < $2 AND state IN ('draft', 'active') "
	"ORDER BY quote_id FOR NO KEY UPDATE",
	.argtypes = {INT8OID, DATEOID}
};
static CrmStatement update_quote = {
	.sql = "UPDATE @quote SET state = $2, status_reason = $3, closed_on = $4 WHERE quote_id = $1",
	.argtypes = {INT8OID, TEXTOID, TEXTOID, DATEOID}
};
static CrmStatement insert_close = {
	.sql = "INSERT INTO @quote_close (quote_close_id, activity_id, quote_id, quote_number, "
	"revision_number, quote_state, quote_status_reason, actual_end_at) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, " CRM_SQL_NOW ")",
	.argtypes = {INT8OID, INT8OID, INT8OID, TEXTOID, INT4OID, TEXTOID, TEXTOID}
};
static CrmStatement find_live_order = {
	.sql = "SELECT order_number FROM @sales_order WHERE quote_id = $1 AND state <> 'canceled' LIMIT 1",
	.argtypes = {INT8OID}
};
static CrmStatement find_deal = {
	.sql = "SELECT opportunity_id FROM @quote WHERE quote_id = $1",
	.argtypes = {INT8OID}
};
/* The total of an order in the currency of a deal, which need not be that of its quote. */
static CrmStatement order_total = {
	.sql = "SELECT CASE WHEN o.currency_code = d.currency_code THEN o.total_amount "
	"ELSE round(o.total_amount / o.exchange_rate * d.exchange_rate, c.decimals) END "
	"FROM @sales_order o, @opportunity d JOIN @currency c USING (currency_code) "
	"WHERE o.sales_order_id = $1 AND d.opportunity_id = $2",
	.argtypes = {INT8OID, INT8OID}
};

PG_FUNCTION_INFO_V1(document_activate_quote);
PG_FUNCTION_INFO_V1(document_win_quote);
PG_FUNCTION_INFO_V1(document_close_quote);
PG_FUNCTION_INFO_V1(document_revise_quote);
PG_FUNCTION_INFO_V1(document_accept_quote);
PG_FUNCTION_INFO_V1(document_order_quote);
PG_FUNCTION_INFO_V1(document_expire_quotes);

/* document_activate_quote offers a draft: from now on it is read-only. */
Datum
document_activate_quote(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "quote_id");
	CrmMove		move = {.entity = &document_quote.entity, .made_by = "activate_quote", .to = "active"};
	CrmOrganization *org = core_begin();
	Quote	   *quote = lock_quote(org, id);

	lifecycle_require(org, &move, id, quote->state);
	if (quote->is_expired)
		refuse_expired(quote);
	document_require_prices(org, &document_quote, id);
	lifecycle_move(org, &move, id, quote->state);
	return core_end_text("active");
}

/* document_win_quote closes an active quote as won; the deal is not touched. */
Datum
document_win_quote(PG_FUNCTION_ARGS)
{
	CrmMove		move = {.entity = &document_quote.entity, .made_by = "win_quote", .to = "won"};

	return finish_quote(fcinfo, &move);
}

/* document_close_quote closes an active quote as lost, canceled or revised. */
Datum
document_close_quote(PG_FUNCTION_ARGS)
{
	CrmMove		move = {
		.entity = &document_quote.entity, .made_by = "close_quote", .to = "closed",
		.reason = core_optional_text(fcinfo, 1), .description = core_optional_text(fcinfo, 2)
	};

	if (move.reason == NULL)
		move.reason = "lost";
	return finish_quote(fcinfo, &move);
}

/* document_revise_quote makes the next revision of a quote, as a draft. */
Datum
document_revise_quote(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "quote_id");
	CrmOrganization *org = core_begin();
	CrmMove		move = {
		.entity = &document_quote.entity, .made_by = "revise_quote", .to = "closed", .reason = "revised"
	};
	CrmValue	args[] = {CRM_INT8(id), CRM_DATUM(core_today(org))};
	int			n;
	int			at;
	Quote	   *quotes;
	Quote	   *quote;
	int64		deal;
	int32		revision = 0;

	if (core_run(org, &find_deal, args) == 0)
		core_refuse_unknown("quote", id);
	deal = core_result_key(0, 1);
	if (deal != 0)
		(void) lifecycle_lock(org, &opportunity_entity, deal);
	core_run(org, &lock_revisions, args);
	n = (int) core_run_newest(org, &read_revisions, args);	/* with one made meanwhile */
	quotes = read_quotes(n);
	at = n;
	for (int i = 0; i < n; i++)
	{
		revision = Max(revision, quotes[i].revision);
		if (quotes[i].quote_id == id)
			at = i;
	}
	if (at == n)
		core_refuse_unknown("quote", id);
	quote = &quotes[at];
	require_deal(quote, deal);
	if (strcmp(quote->state, "closed") != 0)
		lifecycle_require(org, &move, id, quote->state);
	refuse_open_revision(quotes, n, quote);
	if (strcmp(quote->state, "closed") != 0)
		close_quote(org, quote, &move);
	return core_end_id(document_convert(org, &document_revision, id, revision + 1, NULL, 0));
}

/*
 * document_accept_quote is the owner's process in one call: the quote is won,
 * the order made, the other quotes closed and the deal won.
 */
Datum
document_accept_quote(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "quote_id");
	bool		close_deal = core_flag_argument(fcinfo, 1, true);
	bool		close_others = core_flag_argument(fcinfo, 2, true);
	int			n_chosen = 0;
	int64	   *chosen = PG_ARGISNULL(3) ? NULL : core_ids_argument(fcinfo, 3, "quote_product_ids", &n_chosen);
	CrmOrganization *org = core_begin();
	CrmMove		move = {.entity = &document_quote.entity, .made_by = "accept_quote", .to = "won"};
	CrmValue	args[] = {CRM_INT8(id)};
	int64		deal;
	char	   *deal_state = NULL;
	Quote	   *quote;
	int64		order_id;

	if (core_run(org, &find_deal, args) == 0)
		core_refuse_unknown("quote", id);
	deal = core_result_key(0, 1);
	document_hold_deals(org, deal, id, 0);
	if (deal != 0)
		deal_state = lifecycle_lock(org, &opportunity_entity, deal);
	if (deal != 0)
		settle_others(org, deal, id, close_others,
					  close_deal && strcmp(deal_state, "open") == 0);
	quote = lock_quote(org, id);
	require_deal(quote, deal);
	lifecycle_require(org, &move, id, quote->state);
	if (quote->is_expired)
		refuse_expired(quote);
	document_check_chosen(org, id, chosen, n_chosen);
	close_quote(org, quote, &move);
	order_id = document_convert(org, &document_order_from_quote, id, 0, chosen, n_chosen);
	if (deal != 0 && close_deal)
		win_deal(org, quote, deal_state, order_id);
	return core_end_id(order_id);
}

/* document_order_quote makes the order of a won quote that has none. */
Datum
document_order_quote(PG_FUNCTION_ARGS)
{
	int64		id = core_id_argument(fcinfo, 0, "quote_id");
	CrmOrganization *org = core_begin();
	CrmValue	args[] = {CRM_INT8(id)};
	Quote	   *quote;

	document_hold_deals(org, 0, id, 0);
	quote = lock_quote(org, id);
	if (strcmp(quote->state, "won") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_INVALID_STATE_TRANSITION),
				 errmsg("an order cannot be made of a quote that is \"%s\"", quote->state),
				 errdetail("Quote %s revision %d is not won.", quote->number, quote->revision),
				 errhint("Use accept_quote(), or win_quote() first."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "quote")));
	if (core_run_newest(org, &find_live_order, args) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("the quote already has an order"),
				 errdetail("Quote %s revision %d became order %s.", quote->number, quote->revision,
						   core_result_text(0, 1)),
				 errhint("Go on with that order, or cancel it first."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "sales_order")));
	return core_end_id(document_convert(org, &document_order_from_quote, id, 0, NULL, 0));
}

/* document_expire_quotes closes the open quotes whose validity is over. */
Datum
document_expire_quotes(PG_FUNCTION_ARGS)
{
	CrmOrganization *org = core_begin();
	CrmMove		move = {
		.entity = &document_quote.entity, .made_by = "expire_quotes", .to = "closed",
		.reason = "canceled", .description = "The validity of the quote is over."
	};
	CrmValue	args[] = {CRM_NULL, CRM_DATUM(core_today(org))};
	int			n;
	Quote	   *quotes = lock_quotes(org, &lock_expired, args, &n);

	for (int i = 0; i < n; i++)
		close_quote(org, &quotes[i], &move);
	return core_end_id(n);
}

/*
 * document_close_quotes is asked when a deal is closed: it refuses while
 * quotes are open, or closes them as canceled. The deal is locked.
 */
void
document_close_quotes(CrmOrganization *org, int64 opportunity_id,
					  bool close_open_quotes, const char *made_by)
{
	CrmValue	args[] = {CRM_INT8(opportunity_id), CRM_DATUM(core_today(org))};
	CrmMove		move = {
		.entity = &document_quote.entity, .made_by = made_by, .to = "closed", .reason = "canceled"
	};
	int			n;
	Quote	   *quotes = lock_open_quotes(org, args, &n);

	if (n > 0 && !close_open_quotes)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_OPEN_QUOTES_EXIST),
				 errmsg("the opportunity has open quotes"),
				 errdetail("Opportunity %lld: %s.", (long long) opportunity_id, name_quotes(quotes, n)),
				 errhint("Win, close or delete them first, or let the call close them (close_open_quotes or close_other_quotes => true)."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "quote")));
	for (int i = 0; i < n; i++)
		close_quote(org, &quotes[i], &move);
}

/* require_deal refuses to go on with a quote, locked by now, that moved to another deal than the one that was locked for it. */
static void
require_deal(const Quote *quote, int64 deal)
{
	if (quote->opportunity_id == deal)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("the quote came to belong to another opportunity meanwhile"),
			 errdetail("Quote %lld was of opportunity %lld when the call began.", (long long) quote->quote_id, (long long) deal),
			 errhint("Repeat the transaction."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "quote")));
}

/* finish_quote is the frame of winning and closing one quote. */
static Datum
finish_quote(FunctionCallInfo fcinfo, CrmMove *move)
{
	int64		id = core_id_argument(fcinfo, 0, "quote_id");
	CrmOrganization *org = core_begin();
	Quote	   *quote = lock_quote(org, id);

	lifecycle_require(org, move, id, quote->state);
	close_quote(org, quote, move);
	return core_end_text(move->to);
}

/* settle_others deals with the other open quotes of the deal of an accepted one. */
static void
settle_others(CrmOrganization *org, int64 opportunity_id, int64 quote_id,
			  bool close_others, bool must_close)
{
	CrmValue	args[] = {CRM_INT8(opportunity_id), CRM_DATUM(core_today(org))};
	CrmMove		move = {
		.entity = &document_quote.entity, .made_by = "accept_quote", .to = "closed", .reason = "canceled"
	};
	int			n;
	int			others = 0;
	Quote	   *quotes = lock_open_quotes(org, args, &n);

	for (int i = 0; i < n; i++)
	{
		if (quotes[i].quote_id != quote_id)
			quotes[others++] = quotes[i];
	}
	if (others == 0)
		return;
	if (!close_others && must_close)
		ereport(ERROR,
				(errcode(ERRCODE_CRM_OPEN_QUOTES_EXIST),
				 errmsg("the opportunity has other open quotes"),
				 errdetail("Opportunity %lld: %s.", (long long) opportunity_id, name_quotes(quotes, others)),
				 errhint("Close them first, or set close_other_quotes => true or close_opportunity => false."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "quote")));
	for (int i = 0; close_others && i < others; i++)
		close_quote(org, &quotes[i], &move);
}

/* win_deal closes the deal with the order's total; a closed one stays as it is. */
static void
win_deal(CrmOrganization *org, const Quote *quote, const char *state, int64 order_id)
{
	CrmValue	args[] = {CRM_INT8(order_id), CRM_INT8(quote->opportunity_id)};
	CrmDealClose close = {
		.made_by = "accept_quote", .to = "won", .actual_close_date = CRM_NULL
	};

	if (strcmp(state, "open") != 0)
		return;
	if (core_run(org, &order_total, args) == 0)
		core_refuse_unknown("opportunity", quote->opportunity_id);
	close.actual_revenue.value = core_result(0, 1, NUMERICOID, &close.actual_revenue.isnull);
	(void) opportunity_close(org, quote->opportunity_id, state, &close);
}

static void
refuse_expired(const Quote *quote)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_RECORD_EXPIRED),
			 errmsg("the validity of the quote is over"),
			 errdetail("Quote %s revision %d ended with its effective_to date.", quote->number, quote->revision),
			 errhint("%s", strcmp(quote->state, "draft") == 0 ? "Set a later effective_to."
					 : "Use revise_quote(), and activate the new revision."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "quote")));
}

/* refuse_open_revision refuses a second open revision of one number. */
static void
refuse_open_revision(const Quote *quotes, int n, const Quote *quote)
{
	for (int i = 0; i < n; i++)
	{
		bool		is_open = strcmp(quotes[i].state, "draft") == 0 || strcmp(quotes[i].state, "active") == 0;

		if (!is_open || quotes[i].quote_id == quote->quote_id)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_CRM_ALREADY_CONVERTED),
				 errmsg("another revision of the quote is open"),
				 errdetail("Quote %s revision %d is \"%s\".", quotes[i].number, quotes[i].revision, quotes[i].state),
				 errhint("Work on that revision, or close or delete it first."),
				 err_generic_string(PG_DIAG_TABLE_NAME, "quote")));
	}
}

/* close_quote moves a locked quote to a closed state and writes its closing activity. */
static void
close_quote(CrmOrganization *org, const Quote *quote, const CrmMove *move)
{
	const char *reason = lifecycle_reason(org, move);
	int64		quote_id = quote->quote_id;
	CrmTicket	ticket = lifecycle_move_ticket(move, &quote_id, 1, quote->state);
	int64		id = core_next_id(org, "quote_close", "quote_close_id");
	CrmTicket	birth = {
		.kind = TICKET_BIRTH, .table = "quote_close", .ids = &id, .n = 1, .made_by = move->made_by
	};
	CrmClosing	closing = {
		.activity_type = "quote_close", .entity = "quote", .record_id = quote_id,
		.subject = psprintf("Quote %s: %s revision %d", reason, quote->number, quote->revision),
		.description = move->description, .owner_id = quote->owner_id, .made_by = move->made_by
	};
	CrmValue	update_args[] = {
		CRM_INT8(quote_id), core_text_value(move->to), core_text_value(reason), CRM_DATUM(core_today(org))
	};

	if (lifecycle_run(org, &ticket, &update_quote, update_args) == 0)
		core_refuse_unknown("quote", quote_id);
	{
		CrmValue	args[] = {
			CRM_INT8(id), CRM_INT8(activity_close(org, &closing)), CRM_INT8(quote_id),
			core_text_value(quote->number), CRM_INT4(quote->revision),
			core_text_value(move->to), core_text_value(reason)
		};

		lifecycle_run(org, &birth, &insert_close, args);
	}
}

static Quote *
lock_quote(CrmOrganization *org, int64 id)
{
	CrmValue	args[] = {CRM_INT8(id), CRM_DATUM(core_today(org))};
	int			n;
	Quote	   *quote = lock_quotes(org, &lock_one, args, &n);

	if (n == 0)
		core_refuse_unknown("quote", id);
	return quote;
}

/* lock_open_quotes locks the open quotes of a deal that is locked, which making one does not change. */
static Quote *
lock_open_quotes(CrmOrganization *org, const CrmValue *args, int *n)
{
	core_require_newest(org, &find_open_of_deal, args);
	return lock_quotes(org, &lock_open_of_deal, args, n);
}

/* lock_quotes runs a locking query and returns the quotes by key. */
static Quote *
lock_quotes(CrmOrganization *org, CrmStatement *statement, const CrmValue *args, int *n)
{
	*n = (int) core_run(org, statement, args);
	return read_quotes(*n);
}

/* read_quotes reads the quotes that such a query found. */
static Quote *
read_quotes(int n)
{
	Quote	   *quotes = palloc(sizeof(Quote) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		quotes[i].quote_id = core_result_int8(i, 1);
		quotes[i].opportunity_id = core_result_key(i, 2);
		quotes[i].state = core_result_name(i, 3);
		quotes[i].number = core_result_name(i, 4);
		quotes[i].revision = core_result_int4(i, 5);
		quotes[i].owner_id = core_result_int8(i, 6);
		quotes[i].is_expired = core_result_bool(i, 7);
	}
	return quotes;
}

static char *
name_quotes(const Quote *quotes, int n)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < n; i++)
		appendStringInfo(&text, "%squote %s revision %d is \"%s\"", i > 0 ? ", " : "",
						 quotes[i].number, quotes[i].revision, quotes[i].state);
	return text.data;
}
