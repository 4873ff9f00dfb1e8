/*
 * follow.c
 *	  One callback of ours in the server for all that we keep of tables: it has
 *	  ten places for those of all extensions together.
 */
#include "postgres.h"

#include "core/core.h"

#define MAX_FOLLOWERS 16

static RelcacheCallbackFunction followers[MAX_FOLLOWERS];
static int	n_followers = 0;

static void pass_on(Datum arg, Oid relid);

/* core_follow_tables lets a function hear of each table that changes, InvalidOid for all; once for each function. */
void
core_follow_tables(RelcacheCallbackFunction follower)
{
	if (n_followers == MAX_FOLLOWERS)
		elog(ERROR, "too many followers of tables");
	if (n_followers == 0)
		CacheRegisterRelcacheCallback(pass_on, (Datum) 0);
	followers[n_followers++] = follower;
}

static void
pass_on(Datum arg, Oid relid)
{
	for (int i = 0; i < n_followers; i++)
		followers[i] (arg, relid);
}
