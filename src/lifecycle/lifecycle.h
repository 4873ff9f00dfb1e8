/*
 * lifecycle.h
 *	  The machine: states as rows, one guard for every writer, and the tickets
 *	  by which a lifecycle call tells the guard what it is about to do.
 */
#ifndef CRM_LIFECYCLE_H
#define CRM_LIFECYCLE_H

#include "core/core.h"

struct CrmTicket;

/* What the guard must know of a table; its states are rows of the organization. */
typedef struct CrmEntity
{
	const char *name;			/* of the table and in the state machine's rows */
	const char *key;			/* primary key column */
	const char *label;			/* as messages call it */
	const char *title;			/* column that people know the record by, or NULL */
	const char *const *computed;	/* columns that only we write; ends with NULL */
	const char *const *fixed;	/* columns that stay as they were inserted; ends with NULL */
	bool		made_by_calls;	/* rows come from lifecycle calls alone */
	bool		is_shared;		/* stands for many tables of one kind, users' own too */
	void		(*complete) (CrmRow *row, struct CrmTicket *ticket);
	void		(*before_delete) (CrmRow *row);
} CrmEntity;

extern void lifecycle_add_entity(const CrmEntity *entity);
extern const CrmEntity *lifecycle_entity(const char *name);
extern const CrmEntity *lifecycle_find_entity(const char *name);
extern const char *lifecycle_key(const char *table);
extern char *lifecycle_one(const CrmEntity *entity);
extern char *lifecycle_called(const CrmEntity *entity, int64 id);

/* ---- the rules (rules.c) ---- */
extern bool lifecycle_is_read_only(CrmOrganization *org, const char *entity,
								   const char *state);
extern const char *lifecycle_default_reason(CrmOrganization *org, const char *entity,
											const char *state);
extern bool lifecycle_reason_fits(CrmOrganization *org, const char *entity,
								  const char *state, const char *reason);
extern bool lifecycle_reason_wants_text(CrmOrganization *org, const char *entity,
										const char *state, const char *reason);
extern bool lifecycle_allows(CrmOrganization *org, const char *entity,
							 const char *from, const char *to, const char *made_by);
extern const char *lifecycle_birth_state(CrmOrganization *org, const char *entity);
extern bool lifecycle_is_editable(CrmOrganization *org, const char *entity,
								  const char *column);
extern char *lifecycle_ways_out(CrmOrganization *org, const char *entity,
								const char *from);
extern void lifecycle_check_options(CrmRow *row, const CrmEntity *entity);

/* ---- tickets (ticket.c) ---- */

typedef enum CrmTicketKind
{
	TICKET_BIRTH,				/* rows that a call inserts */
	TICKET_MOVE,				/* a change of state */
	TICKET_WRITE				/* computed columns without a change of state */
} CrmTicketKind;

typedef struct CrmTicket
{
	CrmTicketKind kind;
	const char *table;			/* given by name, found in the organization */
	const int64 *ids;			/* ascending */
	int			n;
	const char *from;			/* TICKET_MOVE: both states */
	const char *to;
	const char *made_by;		/* the call */
	const char *description;	/* for the history, or NULL */
	void	   *context;		/* what the call's room wants to find again */
	/* the rest belongs to ticket.c */
	Oid			relid;
	char	   *used;			/* per id: how far it went */
	struct CrmTicket *below;
} CrmTicket;

extern uint64 lifecycle_run(CrmOrganization *org, CrmTicket *ticket,
							CrmStatement *statement, const CrmValue *args);
extern uint64 lifecycle_run_with(CrmOrganization *org, CrmTicket **tickets, int n,
								 CrmStatement *statement, const CrmValue *args);
extern uint64 lifecycle_run_as_owner(CrmOrganization *org, CrmTicket *ticket,
									 CrmStatement *statement, const CrmValue *args);
extern CrmTicket *lifecycle_use_ticket(Oid relid, int64 id, CrmTicketKind kind);
extern CrmTicket *lifecycle_record_ticket(Oid relid, int64 id);
extern CrmTicket *lifecycle_find_ticket(Oid relid, CrmTicketKind kind);
extern bool lifecycle_has_ticket(Oid relid, int64 id);

/* ---- moves (move.c) ---- */

/* One call that moves records of an entity from one state to another. */
typedef struct CrmMove
{
	const CrmEntity *entity;
	const char *made_by;
	const char *to;
	const char *reason;			/* NULL = the default of the state */
	const char *description;
} CrmMove;

extern void lifecycle_require_row(CrmOrganization *org, const char *table,
								  const char *key, int64 id);
extern void lifecycle_refuse_hidden(CrmOrganization *org, const CrmEntity *entity,
									CrmValue ids, const int64 *seen, int n);
extern char *lifecycle_lock(CrmOrganization *org, const CrmEntity *entity, int64 id);
extern void lifecycle_require(CrmOrganization *org, const CrmMove *move,
							  int64 id, const char *from);
extern const char *lifecycle_reason(CrmOrganization *org, const CrmMove *move);
extern void lifecycle_move(CrmOrganization *org, const CrmMove *move, int64 id,
						   const char *from);
extern void lifecycle_move_many(CrmOrganization *org, const CrmMove *move,
								const int64 *ids, int n, const char *from);
extern CrmTicket lifecycle_move_ticket(const CrmMove *move, const int64 *ids, int n,
									   const char *from);

/* ---- who hears of moves (record.c) ---- */

struct CrmStateChange;

/* What an upper room does about records that got another state or reason; inside SPI. */
typedef void (*CrmMoveHook) (CrmOrganization *org, const CrmEntity *entity,
							 const struct CrmStateChange *changes, int n);

extern void lifecycle_add_move_hook(CrmMoveHook hook);

/* ---- copying rows to rows (map.c) ---- */

typedef char *(*CrmTextBuilder) (CrmOrganization *org, const void *argument);

/* What may stand before or after a mapped source in coalesce(...). */
typedef struct CrmOverride
{
	const char *target_column;
	const char *before;			/* NULL = nothing */
	const char *after;
} CrmOverride;

extern char *lifecycle_map_targets(CrmOrganization *org, const char *source,
								   const char *target);
extern char *lifecycle_map_sources(CrmOrganization *org, const char *source,
								   const char *target,
								   const CrmOverride *overrides, int n);
extern CrmStatement *lifecycle_mapped(CrmOrganization *org, const char *variant,
									  const Oid *argtypes, CrmTextBuilder build,
									  const void *argument);

#endif							/* CRM_LIFECYCLE_H */
