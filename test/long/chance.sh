#!/bin/bash
# The pgTAP files that draw their cases by chance, with other seeds than make test has. SEEDS="0.1 0.2" plays these; RUNS=n says how many.
# Needs the cluster of test/run.sh.
set -u -o pipefail
cd "$(dirname "$0")/../.."
seeds=${SEEDS:-$(for _ in $(seq "${RUNS:-40}"); do echo "0.$((RANDOM % 9000 + 1000))"; done)}
passed=0 failed=0
copy=$(mktemp --suffix=.sql test/pgtap/chance.XXXXXX)	# beside the others, for its \ir
trap 'rm -f "$copy"' EXIT
dropdb --if-exists -f chance 2>/dev/null
createdb -T template0 chance && psql -qX -d chance -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION sales_crm' || { echo "0 passed, 1 failed"; exit 1; }
for seed in $seeds; do
	for file in $(grep -l 'setseed(' test/pgtap/*.sql); do
		sed "s/setseed([^)]*)/setseed($seed)/" "$file" >"$copy"
		if pg_prove -d chance --nocolor "$copy" >"$PGHOST/chance.log" 2>&1; then passed=$((passed + 1))
		else failed=$((failed + 1)); echo "not ok | $file with setseed($seed)"; tail -n 20 "$PGHOST/chance.log"
		fi
	done
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
