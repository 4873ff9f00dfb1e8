/*
 * recipient.c
 *	  Who sends a mail and who gets it: the addresses, written down when it is
 *	  sent, since the records may have others later.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "activity/email.h"
#include "activity/kind.h"

/* A party of a mail that has an address, or should have. */
typedef struct Party
{
	int64		id;
	char	   *role;
	char	   *entity;			/* NULL = only an address is known */
	int64		record_id;
	char	   *stored;			/* address_used */
	char	   *address;		/* what the mail goes to; NULL = none */
	bool		is_of_record;	/* the address is, or was, that of the record */
	bool		is_written;		/* it comes from the record now */
	bool		refuses_mail;
} Party;

static Party *read_parties(CrmOrganization *org, int64 activity_id, int *n);
static void read_record(CrmOrganization *org, Party *party);
static bool refuses_unseen(CrmOrganization *org, const Party *party, const char *table, const char *key);
static bool is_address(const char *text);
static bool is_part(char c);
static void write_parties(CrmOrganization *org, const Party *parties, int n);
static void check_recipients(CrmOrganization *org, int64 activity_id, const Party *parties, int n);
static void name_party(StringInfo text, const Party *party);
static void refuse_lonely(CrmOrganization *org, int64 activity_id);
static void refuse_recipients(int64 activity_id, const char *constraint, const char *why, const char *names,
							  const char *hint) pg_attribute_noreturn();

static CrmStatement insert_sender = {
	.sql = "INSERT INTO @activity_party (activity_id, participation_type, entity, record_id) "
	"SELECT a.activity_id, 'sender', o.entity, o.id FROM @activity a JOIN ("
	"SELECT owner_id, 'crm_user' AS entity, crm_user_id AS id FROM @crm_user UNION ALL SELECT owner_id, 'team', team_id FROM @team) o "
	"ON o.owner_id = a.owner_id WHERE a.activity_id = $1 "
	"AND NOT EXISTS (SELECT FROM @activity_party p WHERE p.activity_id = $1 AND p.participation_type = 'sender')",
	.argtypes = {INT8OID}
};
static CrmStatement select_parties = {
	.sql = "SELECT activity_party_id, participation_type, entity, record_id, address_used, is_address_of_record FROM @activity_party "
	"WHERE activity_id = $1 AND participation_type IN ('sender', 'to', 'cc', 'bcc') ORDER BY activity_party_id",
	.argtypes = {INT8OID}
};
static CrmStatement find_parties = {
	.sql = "SELECT 1 FROM @activity_party WHERE activity_id = $1 AND participation_type IN ('sender', 'to', 'cc', 'bcc')",
	.argtypes = {INT8OID}
};
static CrmStatement update_parties = {
	.sql = "UPDATE @activity_party p SET address_used = n.address, is_address_of_record = true "
	"FROM unnest($1, $2) n(id, address) WHERE p.activity_party_id = n.id",
	.argtypes = {INT8ARRAYOID, TEXTARRAYOID}
};

/*
 * email_write_addresses writes down which addresses an open mail, which is
 * locked, goes to; it refuses a mail that cannot go to all its recipients.
 * Without a sender the owner is. Returns the sender's address, or NULL.
 */
char *
email_write_addresses(CrmOrganization *org, int64 activity_id)
{
	CrmValue	args[] = {CRM_INT8(activity_id)};
	char	   *sender = NULL;
	Party	   *parties;
	int			n;

	core_run(org, &insert_sender, args);
	parties = read_parties(org, activity_id, &n);
	core_require_newest(org, &find_parties, args);
	for (int i = 0; i < n; i++)
	{
		if (parties[i].entity)
			read_record(org, &parties[i]);
		if (parties[i].address && !is_address(parties[i].address))
			parties[i].address = NULL;
		if (strcmp(parties[i].role, "sender") == 0)
			sender = parties[i].address;
	}
	check_recipients(org, activity_id, parties, n);
	write_parties(org, parties, n);
	return sender;
}

/* email_domain returns what stands behind the last @ of an address, for a Message-ID. */
const char *
email_domain(const char *address)
{
	char	   *domain = address ? pstrdup(strrchr(address, '@') + 1) : NULL;
	int			length = 0;

	while (domain && (isalnum((unsigned char) domain[length]) || domain[length] == '.' || domain[length] == '-'))
		length++;
	if (length == 0)
		return "sales-crm.invalid";
	domain[length] = '\0';
	return domain;
}

static Party *
read_parties(CrmOrganization *org, int64 activity_id, int *n)
{
	CrmValue	args[] = {CRM_INT8(activity_id)};
	Party	   *parties;

	*n = core_run(org, &select_parties, args);
	parties = palloc0(sizeof(Party) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		parties[i].id = core_result_int8(i, 1);
		parties[i].role = core_result_name(i, 2);
		parties[i].entity = core_result_text(i, 3);
		parties[i].record_id = core_result_int8(i, 4);
		parties[i].stored = parties[i].address = core_result_text(i, 5);
		parties[i].is_of_record = core_result_bool(i, 6);
	}
	return parties;
}

/*
 * read_record reads the address of a party's record and whether it wants no
 * mail, from whichever table has such columns. An address that was typed
 * stays; one that came from the record comes from it anew. An owner is the
 * user behind it.
 */
static void
read_record(CrmOrganization *org, Party *party)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	bool		is_owner = strcmp(party->entity, "owner") == 0;
	const char *table = is_owner ? "crm_user" : party->entity;
	const char *key = is_owner ? "owner_id" : activity_key_of(org, party->entity);
	Oid			relid = core_table(org, table);
	bool		has_address = get_attnum(relid, "email") != InvalidAttrNumber;
	AttrNumber	flag = get_attnum(relid, "do_not_email");
	bool		has_flag = flag != InvalidAttrNumber && get_atttype(relid, flag) == BOOLOID;
	CrmValue	args[] = {CRM_INT8(party->record_id)};
	bool		is_there = core_run(org, core_intern(psprintf("SELECT %s, %s FROM @%s WHERE %s = $1",
															  has_address ? "nullif(email::text, '')" : "NULL::text",
															  has_flag ? "do_not_email" : "false",
															  core_quoted(table), key), types), args) > 0;

	party->refuses_mail = is_there ? core_result_bool(0, 2) : has_flag && refuses_unseen(org, party, table, key);
	if (party->address && !party->is_of_record)
		return;
	party->address = is_there ? core_result_text(0, 1) : NULL;
	party->is_written = true;
}

/* refuses_unseen tells that somebody whom row security hides from the sender wants no mail. */
static bool
refuses_unseen(CrmOrganization *org, const Party *party, const char *table, const char *key)
{
	static const Oid types[CRM_MAX_ARGS] = {INT8OID};
	CrmValue	args[] = {CRM_INT8(party->record_id)};
	CrmStatement *look = core_intern(psprintf("SELECT 1 FROM @%s WHERE %s = $1 AND do_not_email", core_quoted(table), key), types);
	char		kind = get_rel_relkind(core_table(org, table));

	return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) && core_run_as_owner(org, look, table, args) > 0;
}

/* is_address tells an e-mail address from a name or a number; what would break the head of a mail is none. */
static bool
is_address(const char *text)
{
	const char *at = strchr(text, '@');

	for (const char *c = text; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			return false;
	}
	return at && at > text && is_part(at[-1]) && is_part(at[1]);
}

static bool
is_part(char c)
{
	return c != '\0' && strchr(" @<>,;", c) == NULL;
}

/* check_recipients refuses a mail to nobody, to somebody who wants none, to somebody without an address, or from what was typed and is none. */
static void
check_recipients(CrmOrganization *org, int64 activity_id, const Party *parties, int n)
{
	int			recipients = 0;
	StringInfoData refusing;
	StringInfoData lacking;

	initStringInfo(&refusing);
	initStringInfo(&lacking);
	for (int i = 0; i < n; i++)
	{
		bool		is_sender = strcmp(parties[i].role, "sender") == 0;

		recipients += !is_sender;
		if (parties[i].refuses_mail && !is_sender)
			name_party(&refusing, &parties[i]);
		else if (parties[i].address == NULL && (!is_sender || (parties[i].stored && !parties[i].is_written)))
			name_party(&lacking, &parties[i]);
	}
	if (recipients == 0)
		refuse_lonely(org, activity_id);
	if (refusing.len > 0)
		refuse_recipients(activity_id, "email_do_not_email_check", "do_not_email is set", refusing.data,
						  "Take them out of activity_party, or clear do_not_email of the records.");
	if (lacking.len > 0)
		refuse_recipients(activity_id, "email_address_check", "there is no e-mail address", lacking.data,
						  "Fill in email of the records or address_used of the parties, or take them out of activity_party.");
}

static void
name_party(StringInfo text, const Party *party)
{
	if (text->len > 0)
		appendStringInfoString(text, ", ");
	if (party->entity)
		appendStringInfo(text, "%s %s %lld", party->role, party->entity, (long long) party->record_id);
	else
		appendStringInfo(text, "%s party %lld", party->role, (long long) party->id);
}

static void
refuse_lonely(CrmOrganization *org, int64 activity_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("mail %lld has no recipient", (long long) activity_id),
			 errdetail("No row of activity_party names one in role to, cc or bcc."),
			 errhint("INSERT INTO %s.activity_party (activity_id, participation_type, address_used) VALUES (%lld, 'to', '...'), "
					 "or give entity and record_id of a lead, contact or account.", org->quoted, (long long) activity_id),
			 err_generic_string(PG_DIAG_TABLE_NAME, "activity_party"),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, "email_recipient_check")));
}

/* refuse_recipients refuses a mail for some of its parties, and names them. */
static void
refuse_recipients(int64 activity_id, const char *constraint, const char *why, const char *names, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("mail %lld cannot be sent: %s", (long long) activity_id, why),
			 errdetail("That is so for: %s.", names),
			 errhint("%s", hint),
			 err_generic_string(PG_DIAG_TABLE_NAME, "activity_party"),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
}

/* write_parties writes the addresses that came from records, also that a sender's has none any more. */
static void
write_parties(CrmOrganization *org, const Party *parties, int n)
{
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));
	Datum	   *addresses = palloc(sizeof(Datum) * Max(n, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(n, 1));
	int			lower = 1;
	CrmTicket	ticket = {.kind = TICKET_WRITE, .table = "activity_party", .ids = ids, .made_by = "send_email"};
	CrmValue	args[2];

	for (int i = 0; i < n; i++)
	{
		if (!parties[i].is_written || (parties[i].address == NULL && parties[i].stored == NULL))
			continue;
		ids[ticket.n] = parties[i].id;
		nulls[ticket.n] = parties[i].address == NULL;
		addresses[ticket.n] = nulls[ticket.n] ? (Datum) 0 : CStringGetTextDatum(parties[i].address);
		ticket.n++;
	}
	if (ticket.n == 0)
		return;
	args[0] = CRM_DATUM(core_int8_array(ids, ticket.n));
	args[1] = CRM_DATUM(PointerGetDatum(construct_md_array(addresses, nulls, 1, &ticket.n, &lower, TEXTOID, -1, false, TYPALIGN_INT)));
	lifecycle_run(org, &ticket, &update_parties, args);
}
