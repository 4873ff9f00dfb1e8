/*
 * ticket.c
 *	  How a lifecycle call tells the guard, in memory, what it will do.
 *
 * A ticket names table, records and states. It is armed just before one
 * statement and disarmed after it, also when that fails; the guard uses it up
 * record by record, so that a user's trigger that runs meanwhile gets nothing.
 * Tickets form a stack, since calls may nest.
 */
#include "postgres.h"

#include "lifecycle/lifecycle.h"

enum
{
	UNUSED = 0,
	USED,						/* the guard let the row through */
	RECORDED					/* the AFTER pass saw what was stored */
};

static CrmTicket *top = NULL;

static uint64 run_armed(CrmOrganization *org, CrmTicket **tickets, int n, const char *as_owner_of,
						CrmStatement *statement, const CrmValue *args);
static void arm(CrmOrganization *org, CrmTicket *ticket);
static int	position_of(const CrmTicket *ticket, int64 id);

/* lifecycle_run executes one statement with one ticket armed. */
uint64
lifecycle_run(CrmOrganization *org, CrmTicket *ticket,
			  CrmStatement *statement, const CrmValue *args)
{
	return lifecycle_run_with(org, &ticket, 1, statement, args);
}

/* lifecycle_run_with executes one statement with several tickets armed. */
uint64
lifecycle_run_with(CrmOrganization *org, CrmTicket **tickets, int n,
				   CrmStatement *statement, const CrmValue *args)
{
	return run_armed(org, tickets, n, NULL, statement, args);
}

/* lifecycle_run_as_owner writes, with a ticket, a table that no user may write. */
uint64
lifecycle_run_as_owner(CrmOrganization *org, CrmTicket *ticket,
					   CrmStatement *statement, const CrmValue *args)
{
	return run_armed(org, &ticket, 1, ticket->table, statement, args);
}

static uint64
run_armed(CrmOrganization *org, CrmTicket **tickets, int n, const char *as_owner_of,
		  CrmStatement *statement, const CrmValue *args)
{
	CrmTicket  *before = top;
	uint64		processed;

	PG_TRY();
	{
		for (int i = 0; i < n; i++)
			arm(org, tickets[i]);
		processed = as_owner_of ? core_run_as_owner(org, statement, as_owner_of, args)
			: core_run(org, statement, args);
	}
	PG_FINALLY();
	{
		top = before;
	}
	PG_END_TRY();
	return processed;
}

/* lifecycle_use_ticket uses a ticket up for a record, or returns NULL. */
CrmTicket *
lifecycle_use_ticket(Oid relid, int64 id, CrmTicketKind kind)
{
	for (CrmTicket *ticket = top; ticket; ticket = ticket->below)
	{
		int			position;

		if (ticket->relid != relid || ticket->kind != kind)
			continue;
		position = position_of(ticket, id);
		if (position >= 0 && ticket->used[position] == UNUSED)
		{
			ticket->used[position] = USED;
			return ticket;
		}
	}
	return NULL;
}

/* lifecycle_record_ticket returns the move that the guard let through, once. */
CrmTicket *
lifecycle_record_ticket(Oid relid, int64 id)
{
	for (CrmTicket *ticket = top; ticket; ticket = ticket->below)
	{
		int			position;

		if (ticket->relid != relid || ticket->kind != TICKET_MOVE)
			continue;
		position = position_of(ticket, id);
		if (position >= 0 && ticket->used[position] == USED)
		{
			ticket->used[position] = RECORDED;
			return ticket;
		}
	}
	return NULL;
}

/* lifecycle_find_ticket returns the innermost ticket of a table and kind. */
CrmTicket *
lifecycle_find_ticket(Oid relid, CrmTicketKind kind)
{
	for (CrmTicket *ticket = top; ticket; ticket = ticket->below)
	{
		if (ticket->relid == relid && ticket->kind == kind)
			return ticket;
	}
	return NULL;
}

/* lifecycle_has_ticket tells whether any armed ticket names a record. */
bool
lifecycle_has_ticket(Oid relid, int64 id)
{
	for (CrmTicket *ticket = top; ticket; ticket = ticket->below)
	{
		if (ticket->relid == relid && position_of(ticket, id) >= 0)
			return true;
	}
	return false;
}

/* arm puts a ticket on the stack. */
static void
arm(CrmOrganization *org, CrmTicket *ticket)
{
	ticket->relid = core_table(org, ticket->table);
	ticket->used = palloc0(ticket->n + 1);
	ticket->below = top;
	top = ticket;
}

/* position_of finds a record among the ascending ids of a ticket, or -1. */
static int
position_of(const CrmTicket *ticket, int64 id)
{
	int			low = 0;
	int			high = ticket->n - 1;

	while (low <= high)
	{
		int			middle = (low + high) / 2;

		if (ticket->ids[middle] == id)
			return middle;
		if (ticket->ids[middle] < id)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}
