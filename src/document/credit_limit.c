/*
 * credit_limit.c
 *	  May this customer have one more order? Credit hold and limit (SC018).
 *
 * The customer's account is locked from the check to the end of the
 * transaction, after the order, so that two orders at once do not both fit.
 * All his invoices and orders count, also those that the caller does not see:
 * they are summed as owner.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "document/document.h"

static void refuse_hold(int64 account_id);
static void refuse_limit(int64 account_id);

/* Locks only an account that has a hold or a limit: the others wait for nobody. */
static CrmStatement lock_account = {
	.sql = "SELECT a.account_id FROM @account a JOIN @sales_order o USING (account_id) "
	"WHERE o.sales_order_id = $1 AND (a.credit_on_hold OR a.credit_limit IS NOT NULL) FOR NO KEY UPDATE OF a",
	.argtypes = {INT8OID}
};

/*
 * What is open of an account, in base currency: its invoices, and of its
 * orders that went on, or of which goods are out, and of this one what is not
 * yet invoiced.
 */
static CrmStatement read_exposure = {
	.sql = "SELECT a.name, a.credit_on_hold, l.amount, i.amount, o.amount, o.of_this, o.order_number, "
	"i.amount + o.amount + o.of_this > l.amount FROM @account a "
	"LEFT JOIN @currency c ON c.currency_code = a.currency_code, "
	"LATERAL (SELECT round(a.credit_limit / coalesce(c.exchange_rate, 1), 4) AS amount) l, "
	"LATERAL (SELECT coalesce(sum(round(v.balance_amount / v.exchange_rate, 4)), 0) AS amount "
	"FROM @invoice v WHERE v.account_id = a.account_id AND v.state <> 'canceled') i, "
	"LATERAL (SELECT coalesce(sum(r.amount) FILTER (WHERE r.sales_order_id <> $2), 0) AS amount, "
	"coalesce(sum(r.amount) FILTER (WHERE r.sales_order_id = $2), 0) AS of_this, "
	"max(r.order_number) FILTER (WHERE r.sales_order_id = $2) AS order_number FROM ("
	"SELECT h.sales_order_id, h.order_number, round(greatest(h.total_amount - (SELECT coalesce(sum(v.total_amount), 0) "
	"FROM @invoice v WHERE v.sales_order_id = h.sales_order_id AND v.state <> 'canceled' "
	"AND v.credited_invoice_id IS NULL), 0) / h.exchange_rate, 4) AS amount FROM @sales_order h "
	"WHERE h.account_id = a.account_id AND (h.state IN ('submitted', 'fulfilled', 'invoiced') OR h.sales_order_id = $2 "
	"OR (h.state = 'active' AND EXISTS (SELECT FROM @sales_order_product l WHERE l.sales_order_id = h.sales_order_id "
	"AND l.quantity_delivered <> l.quantity_returned)))) r) o WHERE a.account_id = $1",
	.argtypes = {INT8OID, INT8OID}
};

/*
 * document_require_credit refuses a locked order whose customer gets no credit
 * now, or would owe more than his limit. Only accounts have credit.
 */
void
document_require_credit(CrmOrganization *org, int64 order_id)
{
	CrmValue	args[] = {CRM_INT8(order_id), CRM_INT8(order_id)};
	int64		account_id;

	if (core_import_mode || core_run_as_owner(org, &lock_account, "account", args) == 0)
		return;
	account_id = core_result_int8(0, 1);
	args[0] = CRM_INT8(account_id);
	if (core_run_newest_as_owner(org, &read_exposure, "account", args) == 0)
		return;
	if (core_result_bool(0, 2))
		refuse_hold(account_id);
	if (core_result_bool(0, 8))
		refuse_limit(account_id);
}

static void
refuse_hold(int64 account_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_CREDIT_REFUSED),
			 errmsg("the customer is on credit hold"),
			 errdetail("Account %lld (%s), order %s: credit_on_hold is set.", (long long) account_id,
					   core_result_text(0, 1), core_result_text(0, 7)),
			 errhint("Clear account.credit_on_hold when the customer may buy on credit again."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "account"),
			 err_generic_string(PG_DIAG_COLUMN_NAME, "credit_on_hold")));
}

static void
refuse_limit(int64 account_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CRM_CREDIT_REFUSED),
			 errmsg("the order would take the customer over his credit limit"),
			 errdetail("Account %lld (%s), in base currency: limit %s, open invoices %s, open orders %s, order %s %s.",
					   (long long) account_id, core_result_text(0, 1), money_text(core_result_number(0, 3)),
					   money_text(core_result_number(0, 4)), money_text(core_result_number(0, 5)),
					   core_result_text(0, 7), money_text(core_result_number(0, 6))),
			 errhint("Collect what is open, make the order smaller, or raise account.credit_limit."),
			 err_generic_string(PG_DIAG_TABLE_NAME, "account"),
			 err_generic_string(PG_DIAG_COLUMN_NAME, "credit_limit")));
}
