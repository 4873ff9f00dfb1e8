/*
 * attempt.c
 *	  Does something in a subtransaction, so that a failure can be told of.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "core/core.h"

/*
 * core_attempt does work and keeps what it did, or takes it all back. Returns
 * the error it ends with, in the current memory context, or NULL; what fails
 * is always taken back. A cancel goes on up.
 */
ErrorData *
core_attempt(CrmOrganization *org, CrmAttempt work, void *argument, bool keeps)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	bool		is_reading = core_is_reading;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		work(org, argument);
		if (keeps)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	core_is_reading = is_reading;
	if (error && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	return error;
}

/* core_pass_conflict lets an error go on up that the client answers by doing all again: a deadlock, a serialization failure. */
void
core_pass_conflict(ErrorData *error)
{
	if (error && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK)
		ReThrowError(error);
}
