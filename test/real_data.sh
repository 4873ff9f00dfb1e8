#!/bin/bash
# 8,800 real opportunities of a hardware seller go through the whole process, then the figures are asked back.
# Needs the cluster of test/run.sh (make real_data) and ../shared/data/maven; without that folder it skips.
set -u -o pipefail
cd "$(dirname "$0")/.."
data=../shared/data/maven
if [ ! -d "$data" ]; then
	echo "SKIPPED: no $data"
	echo "0 passed, 0 failed"
	exit
fi

run() { psql -X -q -v ON_ERROR_STOP=1 -P pager=off -P footer=off -d real_data "$@"; }

dropdb --if-exists -f real_data 2>/dev/null
createdb -T template0 real_data || exit
for step in 1_read 2_master_data 3_leads 4_deals 5_documents; do
	started=$SECONDS
	if ! run -v data="$data" -f "test/real_data/$step.sql"; then
		echo "test/real_data/$step.sql broke"
		echo "0 passed, 1 failed"
		exit 1
	fi
	echo "    $step: $((SECONDS - started)) s"
done
checks=$(run -A -t -F ' | ' -f test/real_data/6_checks.sql) || checks="not ok | test/real_data/6_checks.sql broke"
echo "$checks"
passed=$(grep -c '^ok ' <<<"$checks")
failed=$(grep -c '^not ok ' <<<"$checks")
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
