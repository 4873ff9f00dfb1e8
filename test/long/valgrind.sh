#!/bin/bash
# The core of the work under valgrind: an organization that lives, one sale from the lead to the paid invoice, and verify() of both.
# A report with a line of ours in it is a failure; those of the server alone are counted and let pass.
set -u -o pipefail
cd "$(dirname "$0")/../.."
. test/cluster.sh
cluster_start || { echo "0 passed, 1 failed"; exit 1; }
trap cluster_stop EXIT
failed=0 passed=0

stop() { (cd "$CLUSTER" && as_server "$PGBIN/pg_ctl" -D data -m fast -s -w stop); }
play() {
	if PGOPTIONS='-c search_path=crm -c client_min_messages=warning' psql -qX -d watched -o /dev/null -v ON_ERROR_STOP=1 "$@" >"$CLUSTER/played" 2>&1
	then passed=$((passed + 1)); echo "ok | $*"
	else failed=$((failed + 1)); echo "not ok | $*"; tail -n 5 "$CLUSTER/played"
	fi
}

createdb -T template0 watched && stop
(cd "$CLUSTER" && exec setsid runuser -u "$(server_user)" -- valgrind --trace-children=yes --quiet --error-limit=no --leak-check=no \
	--log-file="$CLUSTER/valgrind.%p" "$PGBIN/postgres" -D data >/dev/null 2>&1) &
for _ in $(seq 120); do psql -qX -d watched -c 'SELECT 1' >/dev/null 2>&1 && break; sleep 1; done
play -f test/lib/living.sql
play -f test/lib/deals.sql
play -f test/lib/one_sale.sql
play -c 'SELECT count(*) FROM sales_crm.verify()'
stop
# Reports are set apart by a line of the process number alone.
cat "$CLUSTER"/valgrind.* | awk '/^==[0-9]+== *$/ { close_report() } { report = report $0 "\n"; ours = ours || /sales_crm/ }
	function close_report() { if (report ~ /at 0x/) { all++; if (ours) { mine++; printf "%s", report } } report = ""; ours = 0 }
	END { close_report(); printf "    reports: %d of the server, %d with a line of ours\n", all - mine, mine; exit mine > 0 }'
if [ $? = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
