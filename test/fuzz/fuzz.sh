#!/bin/bash
# Random attacks on a server: hostile triggers, arguments, policies, rows and settings (test/fuzz/2_play.pl says which). A statement fails the
# test when it stops the server, ends with an internal error (class XX), or goes on after its statement_timeout. Needs the cluster of
# test/run.sh. SEED=n plays the same again, SESSION=k its session k alone; STATEMENTS=n or MINUTES=n says how much.
set -u -o pipefail
cd "$(dirname "$0")/../.."
export SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
export SERVER_LOG=$PGHOST/server.log FOUND=${FOUND:-$(mktemp -d "${TMPDIR:-/tmp}/fuzz.XXXXXX")}
for role in reader seller attacker owner; do
	psql -qX -d postgres -c "DROP ROLE IF EXISTS fuzz_$role" -c "CREATE ROLE fuzz_$role LOGIN" 2>/dev/null
done
started=$SECONDS
# It would wait for what a session keeps locked, and that for it.
psql -qX -d postgres -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' >/dev/null
dropdb --if-exists -f fuzz_0 2>/dev/null
createdb -T template0 fuzz_0 &&
psql -qX -o /dev/null -v ON_ERROR_STOP=1 -d fuzz_0 -f test/fuzz/1_prepare.sql || { echo "0 passed, 1 failed"; exit 1; }
echo "    SEED=$SEED; the world was made in $((SECONDS - started)) s"
perl test/fuzz/2_play.pl
status=$?
psql -qX -d postgres -c 'ALTER SYSTEM RESET autovacuum' -c 'SELECT pg_reload_conf()' >/dev/null
[ $status != 0 ] || rm -rf "$FOUND"
exit $status
