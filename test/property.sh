#!/bin/bash
# Random documents against an independent oracle: chains from opportunity to payment are played step by step, and after every step all that
# is stored must be what plain SQL over the base tables says (test/property). Needs the cluster of test/run.sh.
# SEED=n plays the same again; DOCUMENTS=n (2000) and ROUNDS=n (24) say how much.
set -u -o pipefail
cd "$(dirname "$0")/.."
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
documents=${DOCUMENTS:-2000}
rounds=${ROUNDS:-24}
echo "    SEED=$seed DOCUMENTS=$documents ROUNDS=$rounds"

run() { psql -X -q -v ON_ERROR_STOP=1 -P pager=off -P footer=off -v seed="$seed" -v documents="$documents" -v rounds="$rounds" -d property "$@"; }

dropdb --if-exists -f property 2>/dev/null
createdb -T template0 property && run -c 'CREATE EXTENSION sales_crm' || exit
for step in 1_play 2_world 3_actions 4_oracle 5_run; do
	started=$SECONDS
	if ! run -f "test/property/$step.sql"; then
		echo "test/property/$step.sql broke with SEED=$seed"
		echo "0 passed, 1 failed"
		exit 1
	fi
	echo "    $step: $((SECONDS - started)) s"
done
checks=$(run -A -t -F ' | ' -f test/property/6_checks.sql -f test/property/7_bite.sql) || checks="$checks"$'\n'"not ok | the checks broke"
echo "$checks"
passed=$(grep -c '^ok ' <<<"$checks")
failed=$(grep -c '^not ok ' <<<"$checks")
if [ "$failed" != 0 ]; then
	run -c 'SELECT * FROM play.found ORDER BY chain_id, entity, id, line_id NULLS FIRST, column_name LIMIT 40'
	run -x -c "SELECT f.chain_id, jsonb_pretty(jsonb_build_object('header', to_jsonb(h), 'lines',
		(SELECT jsonb_agg(to_jsonb(l) ORDER BY l.line_number) FROM oracle.line AS l WHERE l.entity = h.entity AND l.id = h.id))) AS document
		FROM (SELECT * FROM play.found WHERE id IS NOT NULL ORDER BY part, chain_id LIMIT 1) AS f JOIN oracle.header AS h USING (entity, id)"
	run -c 'SELECT s.* FROM play.step AS s WHERE s.chain_id = (SELECT chain_id FROM play.found ORDER BY part, chain_id LIMIT 1) ORDER BY round'
	echo "    play it again: SEED=$seed DOCUMENTS=$documents make property"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
