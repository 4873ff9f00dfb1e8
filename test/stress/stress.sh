#!/bin/bash
# Eight sessions play random calls, plain writes, deletes, COPY and rules on the same few records, at all isolation levels, while backends and the
# server are killed. Whenever all stands still, what was acknowledged must be there once, and all that is counted or summed must be what the rows say
# (test/stress). It has a cluster of its own, since it kills it.
# SEED=n draws the same calls again, MINUTES=n (1) says how long, KEEP=1 leaves the cluster there, with all statements in its server.log.
set -u -o pipefail
cd "$(dirname "$0")/../.."
. test/cluster.sh
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
rounds=$((${MINUTES:-1} * 3)) seconds=20
RANDOM=$seed
echo "    SEED=$seed MINUTES=${MINUTES:-1}"
trap '[ -n "${KEEP:-}" ] || cluster_stop' EXIT
trap 'exit 130' INT TERM

run() { psql -X -q -v ON_ERROR_STOP=1 -P pager=off -P footer=off -d stress "$@"; }
give_up() { echo "$1 broke with SEED=$seed"; echo "0 passed, 1 failed"; exit 1; }

# What is acknowledged has to survive a kill; deadlocks are to be found at once, so that they show as what they are.
prepare() {
	cluster_start && psql -qX -d postgres -c "ALTER SYSTEM SET synchronous_commit = on" -c "ALTER SYSTEM SET deadlock_timeout = '200ms'" \
		-c "ALTER SYSTEM SET log_line_prefix = '%m [%p] %e %a '" -c "ALTER SYSTEM SET log_statement = '$([ -n "${KEEP:-}" ] && echo all || echo none)'" -c "SELECT pg_reload_conf()" >/dev/null || give_up "the cluster"
	OUT=$CLUSTER/stress
	mkdir "$OUT"
	createdb -T template0 stress && run -c 'CREATE EXTENSION sales_crm' -o /dev/null || give_up "CREATE EXTENSION"
	for step in 1_world 2_actions 4_oracle; do run -o /dev/null -f "test/stress/$step.sql" || give_up "test/stress/$step.sql"; done
	run -c 'GRANT SELECT ON ALL TABLES IN SCHEMA stress TO stress'
}

# A backend that works for a session.
somebody() { run -A -t -c "SELECT pid FROM pg_stat_activity WHERE usename = 'stress' AND state <> 'idle' ORDER BY random() LIMIT 1" 2>/dev/null; }

# Statements that go on for two seconds after their statement_timeout.
look_for_overruns() {
	run -A -t -c "SELECT pid, application_name, clock_timestamp() - query_start, left(query, 300) FROM pg_stat_activity
		WHERE usename = 'stress' AND state = 'active' AND clock_timestamp() - query_start > make_interval(secs => 2 + split_part(application_name, ' ', 2)::numeric / 1000)" >>"$OUT/overruns" 2>/dev/null
}

# Each second one look, now and then a backend is canceled or terminated, once a round one is killed.
disturb() {
	local pid until=$((SECONDS + seconds)) killed=
	while [ $SECONDS -lt $until ]; do
		sleep 1
		look_for_overruns
		pid=$(somebody)
		[ -n "$pid" ] || continue
		if [ -z "$killed" ] && [ $((until - SECONDS)) -le $((seconds / 2)) ]; then kill -9 "$pid" && killed=1
		elif [ $((RANDOM % 3)) = 0 ]; then run -o /dev/null -c "SELECT pg_terminate_backend($pid)" 2>/dev/null
		elif [ $((RANDOM % 3)) = 0 ]; then run -o /dev/null -c "SELECT pg_cancel_backend($pid)" 2>/dev/null
		fi
	done
}

start_server() {
	for _ in $(seq 60); do
		(cd "$CLUSTER" && as_server "$PGBIN/pg_ctl" -D data -l server.log -w -t 60 -s start) 2>/dev/null && return
		sleep 0.5
	done
	give_up "the start after $1"
}

# One round after the other ends calmly, with an immediate stop, with a kill of the postmaster.
end_round() {
	how=calm
	case $(($1 % 3)) in
		1) how='an immediate stop' && (cd "$CLUSTER" && as_server "$PGBIN/pg_ctl" -D data -m immediate -s -w stop) ;;
		2) how='a killed postmaster' && kill -9 "$(head -n 1 "$CLUSTER/data/postmaster.pid")" ;;
	esac
	touch "$OUT/stop"
	wait "$players"
	rm "$OUT/stop"
	[ "$how" = calm ] || start_server "$how"
	for _ in $(seq 100); do run -A -t -c "SELECT 1" >/dev/null 2>&1 && break; sleep 0.1; done
}

check() {
	local found
	found=$(run -A -t -F ' | ' -c "$2" 2>&1) || found="$found the check broke"
	if [ -z "$found" ]; then echo "ok | $1"; passed=$((passed + 1))
	else echo "not ok | $1"; head -n 20 <<<"$found" | sed 's/^/         /'; failed=$((failed + 1))
	fi
}

check_round() {
	local name="round $1 ($how)"
	cat "$OUT/answers_$1"_* | run -c "CREATE TEMP TABLE said (line text)" -c "\copy said FROM PSTDIN WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')" \
		-c "INSERT INTO stress.answer SELECT $1, split_part(line, ' ', 1)::bigint, split_part(line, ' ', 2), split_part(line, ' ', 3), split_part(line, ' ', 4), regexp_replace(line, '^(\S+ ){4}', '') FROM said"
	check "$name: sessions have left" "SELECT pid, query FROM pg_stat_activity WHERE usename = 'stress'"
	check "$name: verify() finds nothing" "SELECT * FROM sales_crm.verify()"
	for part in ledger totals cash states order credit; do check "$name: $part as the rows say" "SELECT * FROM stress.wrong_$part"; done
}

report() {
	run -c "SELECT kind, count(*) AS calls, count(*) FILTER (WHERE sqlstate = '00000') AS done, string_agg(DISTINCT nullif(sqlstate, '00000'), ' ') AS refusals FROM stress.answer GROUP BY kind ORDER BY kind"
	run -c "SELECT isolation, sqlstate, count(*) AS calls, min(message) AS such_as FROM stress.answer GROUP BY isolation, sqlstate ORDER BY isolation, count(*) DESC"
	perl test/stress/6_deadlocks.pl "$CLUSTER/server.log"
	check "no error that nobody may get" "SELECT kind, sqlstate, count(*), min(call_id), min(message) FROM stress.answer AS a WHERE sqlstate NOT IN ('00000', 'lost')
		AND NOT EXISTS (SELECT FROM stress.may_refuse AS m WHERE a.sqlstate ~ ('^(' || m.sqlstate || ')\$') AND a.kind ~ ('^(' || m.kinds || ')\$')) GROUP BY kind, sqlstate"
	check "deadlocks under 0.1 % of calls" "SELECT count(*) FILTER (WHERE sqlstate = '40P01'), count(*) FROM stress.answer HAVING count(*) FILTER (WHERE sqlstate = '40P01') > count(*) * 0.001"
	check "each kind of call was done" "SELECT a.kind FROM stress.action AS a WHERE NOT EXISTS (SELECT FROM stress.answer AS s WHERE s.kind = a.kind AND s.sqlstate = '00000') AND weight > 1"
	check "no statement outlives its timeout by two seconds" "SELECT line FROM (VALUES (\$x\$$(head -c 4000 "$OUT/overruns")\$x\$)) AS v (line) WHERE line <> ''"
	check "nothing but the kills stopped the server" "SELECT line FROM (VALUES (\$x\$$(grep -aE 'server process .* was terminated by signal|PANIC|TRAP|XX000' "$CLUSTER/server.log" | grep -av 'signal 9' | head -c 4000)\$x\$)) AS v (line) WHERE line <> ''"
}

passed=0 failed=0
prepare
for ((round = 1; round <= rounds; round++)); do
	perl test/stress/5_play.pl "$seed" "$round" "$OUT" &
	players=$!
	disturb
	end_round "$round"
	check_round "$round"
done
report
run -A -t -c "SELECT format('    %s calls, %s done, %s refused, %s lost, %s deadlocks', count(*), count(*) FILTER (WHERE sqlstate = '00000'), count(*) FILTER (WHERE sqlstate NOT IN ('00000', 'lost')),
	count(*) FILTER (WHERE sqlstate = 'lost'), count(*) FILTER (WHERE sqlstate = '40P01')) FROM stress.answer"
[ $failed = 0 ] || echo "    play it again: SEED=$seed MINUTES=${MINUTES:-1} make stress"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
