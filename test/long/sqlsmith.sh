#!/bin/bash
# Random queries over the views, tables and calls of a living organization, as its reader (sqlsmith). A server that stops, or an internal
# error (XX000), fails. Needs the cluster of test/run.sh. SEED=n plays the same again, QUERIES=n says how many.
set -u -o pipefail
cd "$(dirname "$0")/../.."
SEED=${SEED:-$RANDOM} QUERIES=${QUERIES:-3000}
psql -qX -d postgres -c 'DROP ROLE IF EXISTS smith' -c 'CREATE ROLE smith LOGIN' 2>/dev/null
dropdb --if-exists -f smith 2>/dev/null
createdb -T template0 smith
export PGOPTIONS='-c search_path=crm -c client_min_messages=warning'
psql -qX -d smith -o /dev/null -v ON_ERROR_STOP=1 -f test/lib/living.sql &&
psql -qX -d smith -o /dev/null -v ON_ERROR_STOP=1 -c "SELECT sales_crm.grant_access(role => 'smith', level => 'read')" \
	-c "ALTER ROLE smith SET statement_timeout = '2s'" -c "ALTER ROLE smith SET search_path = crm, sales_crm" || { echo "0 passed, 1 failed"; exit 1; }
inside="ERROR:  (cache lookup failed|could not find|unexpected|unrecognized|SPI_|function .* returned NULL)"
since() { tail -n "+$((before + 1))" "$PGHOST/server.log"; }
before=$(wc -l <"$PGHOST/server.log")
sqlsmith --target="host=$PGHOST port=$PGPORT user=smith dbname=smith" --max-queries="$QUERIES" --seed="$SEED" --exclude-catalog >"$PGHOST/smith.log" 2>&1
crashes=$(since | grep -c 'terminated by signal')
internal=$(since | grep -cE "$inside")
played=$(psql -qXAt -d postgres -c "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'smith'")
[ "$played" -ge "$QUERIES" ] || { tail -n 5 "$PGHOST/smith.log"; echo "only $played transactions"; echo "0 passed, 1 failed"; exit 1; }
echo "    SEED=$SEED, $QUERIES queries: $crashes crashes, $internal internal errors"
since | grep -E -A 3 "terminated by signal|$inside" | head -n 40
echo "$(((crashes == 0) + (internal == 0))) passed, $(((crashes > 0) + (internal > 0))) failed"
[ "$crashes$internal" = 00 ]
