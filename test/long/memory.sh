#!/bin/bash
# What one session holds stays flat: after CALLS calls (2,000,000) no more than after a tenth of them.
# Needs the cluster of test/run.sh.
set -u -o pipefail
cd "$(dirname "$0")/../.."
rounds=$((${CALLS:-2000000} / 20))
dropdb --if-exists -f memory 2>/dev/null
createdb -T template0 memory && psql -qX -d memory -v ON_ERROR_STOP=1 -o /dev/null -f test/lib/memory.sql || { echo "0 passed, 1 failed"; exit 1; }
pgbench -n -c 1 -t "$rounds" -D rounds="$rounds" -f test/lib/memory.pgb memory >"$PGHOST/memory.log" 2>&1 || tail -n 5 "$PGHOST/memory.log"
psql -qXAt -d memory -c "SELECT format('    %s calls: %s bytes in contexts, %s kB of the process', calls, contexts, private_kb) FROM held ORDER BY calls"
flat=$(psql -qXAt -d memory -c "SELECT count(*) = 2 AND max(contexts) <= min(contexts) * 1.02 AND max(private_kb) <= min(private_kb) + 1024 FROM held")
if [ "$flat" = t ]; then echo "1 passed, 0 failed"; else echo "not ok | a session holds more and more"; echo "0 passed, 1 failed"; exit 1; fi
