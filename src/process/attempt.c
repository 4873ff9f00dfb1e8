/*
 * attempt.c
 *	  Does something in a subtransaction that is always undone, and tells the
 *	  error it would end with.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "process/attempt.h"

/*
 * process_attempt returns the error that a piece of work ends with, NULL when
 * it goes through; in both cases nothing of it stays. A cancel or a
 * serialization failure goes on up.
 */
ErrorData *
process_attempt(CrmOrganization *org, void (*work) (CrmOrganization *org, void *argument), void *argument)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(org, argument);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error)
	{
		int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

		if (category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_TRANSACTION_ROLLBACK)
			ReThrowError(error);
	}
	return error;
}
