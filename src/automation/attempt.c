/*
 * attempt.c
 *	  Does something in a subtransaction, so that a failure can be told of.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/resowner.h"

#include "automation/rule.h"

static bool is_ours_to_catch(int code);

/*
 * automation_attempt does work and keeps what it did, or takes it all back.
 * Returns what went wrong, in the current memory context, or NULL; what went
 * wrong is always taken back.
 */
char *
automation_attempt(CrmAttempt work, void *argument, bool keeps)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		work(argument);
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
	if (error && !is_ours_to_catch(error->sqlerrcode))
		ReThrowError(error);
	return error == NULL ? NULL
		: psprintf("%s: %s%s%s", unpack_sql_state(error->sqlerrcode), error->message,
				   error->detail ? " " : "", error->detail ? error->detail : "");
}

/* is_ours_to_catch is no for what the client asked for: to cancel. */
static bool
is_ours_to_catch(int code)
{
	return ERRCODE_TO_CATEGORY(code) != ERRCODE_TO_CATEGORY(ERRCODE_QUERY_CANCELED);
}
