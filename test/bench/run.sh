#!/bin/bash
# make bench: our calls against the same work in bare SQL (../shared/bench/baseline), in one run on one throw-away cluster.
# The variants of a part take turns for ROUNDS rounds; what counts is the ratio of the medians.
#   ROUNDS=5      rounds of each part
#   PARTS="qualify set cycle copy invoice lines convert rules"      some parts only
#   ROLE=seller   who works: seller is a user of the CRM with the access level sell; postgres is the owner of everything, unknown to the CRM
#   QUICK=1       small amounts, to see that it runs; its figures say little
set -eu -o pipefail
cd "$(dirname "$0")/../.."
baseline=../shared/bench/baseline
if [ ! -d "$baseline" ]; then
	echo "SKIPPED: no $baseline, so there is nothing to measure against"
	exit
fi
. test/cluster.sh

ROUNDS=${ROUNDS:-5}
PARTS=${PARTS:-qualify set cycle copy invoice lines convert rules}
if [ -n "${QUICK:-}" ]; then
	preload=500 leads=400 sales=50 copied=5000 invoices=500 quotes=5
else
	preload=20000 leads=4000 sales=400 copied=100000 invoices=4000 quotes=50
fi
ROLE=${ROLE:-seller}
clients=4
together=
here=test/bench

say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }
run() { psql -X -q -v ON_ERROR_STOP=1 -d bench "$@"; }
ask() { run -A -t -c "$1"; }
work() { run -U "$ROLE" "$@"; }	# what is measured
wanted() { [[ " $PARTS " == *" $1 "* ]]; }

# As cluster.sh makes it, but with honest WAL: full pages are written, and no checkpoint or vacuum comes in between.
start_cluster() {
	cluster_start
	trap cluster_stop EXIT
	psql -X -q -d postgres >/dev/null <<-SQL
		ALTER SYSTEM SET fsync = on;
		ALTER SYSTEM SET full_page_writes = on;
		ALTER SYSTEM SET synchronous_commit = off;
		ALTER SYSTEM SET autovacuum = off;
		ALTER SYSTEM SET shared_buffers = '1GB';
		ALTER SYSTEM SET checkpoint_timeout = '1h';
		ALTER SYSTEM SET max_wal_size = '20GB';
		ALTER SYSTEM SET jit = off;
	SQL
	(cd "$CLUSTER" && as_server "$PGBIN/pg_ctl" -D data -l server.log -w -s -m fast restart)
	createdb bench
	cp -r "$baseline" "$CLUSTER/baseline"
	chmod -R u+w "$CLUSTER/baseline"
	# The bigint keys are ours; the uuid half is not measured here.
	sed -i "s/for v in bb bu/for v in bb/; s/generate_series(1, 20000)/generate_series(1, $preload)/" "$CLUSTER/baseline/setup.sh"
}

load() {
	say "the bare side: $preload sales"
	OUT=$CLUSTER/scripts DB=bench bash "$CLUSTER/baseline/setup.sh" >/dev/null
	ask "ALTER DATABASE bench SET search_path = bb"	# as its functions want it; ours do not mind
	say "our side: the same number"
	for step in 1_catalogue 2_measure 3_cycle 5_lines 6_rules 7_asleep 8_cycle_asleep; do run -f "$here/sql/$step.sql" >/dev/null; done
	# The same procedures once more without their commits: cycles_together, a single transaction.
	sed '/^\t*COMMIT;$/d; s/PROCEDURE bench\.[a-z_]*/&_together/' "$here/sql/3_cycle.sql" "$here/sql/8_cycle_asleep.sql" | run >/dev/null
	run -f "$here/sql/4_seller.sql" >/dev/null
	for ((i = 1; i <= preload; i += 2000)); do
		work -c "CALL bench.cycles($i, least(2000, $preload))"
		ask "ANALYZE"	# what autovacuum would do
	done
	ask "VACUUM ANALYZE"
	ask "CHECKPOINT"
}

# rounds <function> <variant> ...: every variant in turn, every second round backwards.
rounds() {
	local what=$1 round order variant
	shift
	ask "VACUUM ANALYZE"
	for ((round = 1; round <= ROUNDS; round++)); do
		order=("$@")
		[ $((round % 2)) = 1 ] || mapfile -t order < <(printf '%s\n' "$@" | tac)
		say "$what, round $round of $ROUNDS"
		for variant in "${order[@]}"; do "$what" "$variant"; done
	done
}

# pgbench_part <part> <variant> <transactions of a client> <script> [option ...]: keeps time and WAL of one transaction.
pgbench_part() {
	local part=$1 variant=$2 each=$3 script=$4 before after tps output
	shift 4
	before=$(ask "SELECT pg_current_wal_insert_lsn()")
	output=$(pgbench -U "$ROLE" -n -M prepared -c $clients -j 2 -t "$each" -D n=0 "$@" -f "$script" bench 2>&1) || { echo "$output" >&2; return 1; }
	after=$(ask "SELECT pg_current_wal_insert_lsn()")
	tps=$(sed -n 's/^tps = \([0-9.]*\) .*/\1/p' <<<"$output")
	grep -q "number of failed transactions: 0 " <<<"$output" || { echo "$output" >&2; return 1; }
	ask "INSERT INTO bench.result VALUES ('$part', '$variant', $each * $clients, 1000000 / $tps, ('$after'::pg_lsn - '$before'::pg_lsn) / ($each * $clients))"
}

# measure <part> <variant> <operations> <statement>: in a session of its own.
measure() { work -o /dev/null -c "SELECT bench.start()" -c "$4" -c "SELECT bench.stop('$1', '$2', $3)"; }

# The same rows in the same tables by plain SQL: what ours costs more is the price of the rules, what it costs more than bare that of the tables.
by_hand='by hand, triggers asleep'
asleep() { # runs a command while no trigger of ours is awake, foreign keys apart
	ask "SELECT bench.set_triggers('DISABLE')" >/dev/null
	"$@"
	ask "SELECT bench.set_triggers('ENABLE')" >/dev/null
}
by_name() { # of a variant: runs a command as it should be for that one; tables without triggers are their owner's affair
	local variant=$1
	shift
	if [ "$variant" = "$by_hand" ]; then ROLE=postgres asleep "$@"; else "$@"; fi
}

new_leads() { # of a variant, on its side
	case $1 in
	qualify_lead | qualify_leads | "$by_hand") ask "SELECT bench.new_leads($2)" ;;
	*) ask "SELECT bench.new_leads_bare($2)" ;;
	esac
}

qualify_in_one_statement() {
	local first call
	first=$(new_leads "$1" $leads)
	case $1 in
	qualify_lead) call=sales_crm.qualify_lead ;;
	"$by_hand") call=bench.qualify_asleep ;;
	*) call=bb.$1 ;;
	esac
	by_name "$1" measure 'qualify, one statement' "$1" $leads "SELECT count(*) FROM generate_series($first, $first + $leads - 1) AS l (id), LATERAL $call(l.id) AS q"
}

qualify_by_clients() {
	local first script share=$((leads / 2))
	first=$(new_leads "$1" $((share * clients)))
	case $1 in
	qualify_lead) script=$here/pgb/qualify.pgb ;;
	*) script=$here/pgb/$1.pgb ;;
	esac
	pgbench_part 'qualify, 4 clients' "$1" $share "$script" -D base=$((first - 1)) -D share=$share
}

qualify_as_set() {
	local first statement
	first=$(new_leads "$1" $leads)
	case $1 in
	qualify_leads) statement="SELECT count(*) FROM sales_crm.qualify_leads((SELECT array_agg(id) FROM generate_series($first, $first + $leads - 1) AS l (id)))" ;;
	"$by_hand") statement="SELECT bench.qualify_set_asleep($first, $leads)" ;;
	*) statement="SELECT bench.qualify_set($first, $leads)" ;;
	esac
	by_name "$1" measure 'qualify as a set' "$1" $leads "$statement"
}

cycle_number=1000000
cycle_by_clients() {
	local script
	case $1 in
	'a call a step') script=$here/pgb/cycle.pgb ;;
	*) script=$CLUSTER/scripts/bb.$1.pgb ;;
	esac
	pgbench_part 'whole cycle, 4 clients' "$1" $sales "$script" -D n=$cycle_number
	cycle_number=$((cycle_number + 500000))
}

cycle_in_one_session() {
	local procedure form=session
	[ -z "$together" ] || form=transaction
	case $1 in
	'a call a step') procedure=bench.cycles ;;
	"$by_hand") procedure=bench.cycles_asleep ;;
	*) procedure=bench.cycles_bare ;;
	esac
	by_name "$1" measure "whole cycle, one $form" "$1" $sales "CALL $procedure${together:+_together}($cycle_number, $sales)"
	cycle_number=$((cycle_number + 500000))
}

# All the sales of a round in a single transaction: the bare side saves its commits.
cycle_in_one_transaction() { together=1 cycle_in_one_session "$1"; }

# Both files are written by the server and hold the same leads; only the owners' keys differ.
make_files() {
	local columns="'Company ' || n, 'First' || n, 'Last' || n, 'u' || n || '@example.com', '+4930' || n"
	ask "COPY (SELECT $columns, 1 + n % 50, 1000 + n % 9000 FROM generate_series(1, $copied) AS n) TO '$CLUSTER/bb.copy'"
	ask "COPY (SELECT $columns, bench.owner(n), 1000 + n % 9000 FROM generate_series(1, $copied) AS n) TO '$CLUSTER/crm.copy'"
}

copy_leads() {
	local columns
	case $1 in
	bb.lead) columns="company_name, first_name, last_name, email, phone, owner_id, est_value" ;;
	*) columns="company_name, first_name, last_name, email, business_phone, owner_id, estimated_value" ;;
	esac
	measure 'COPY of leads' "$1" $copied "COPY $1 ($columns) FROM '$CLUSTER/${1%.lead}.copy'"
}

invoice_by_clients() {
	local script=invoice
	case $1 in
	gapless) ask "UPDATE crm.number_series SET is_gapless = true, last_number = greatest(last_number, 10000000) WHERE series = 'invoice'" ;;
	'with gaps') ask "UPDATE crm.number_series SET is_gapless = false WHERE series = 'invoice'" ;;
	'bare sequence') script=invoice_bare ;;
	'bare counter row') script=invoice_bare_gapless ;;
	esac
	pgbench_part 'invoices, 4 clients' "$1" $invoices "$here/pgb/$script.pgb" -D accounts=$preload
}

# without_triggers <command>: what it inserts goes again.
without_triggers() { asleep and_forget "$@"; }
and_forget() {
	"$@"
	ask "DELETE FROM crm.quote_product WHERE created_by IS NULL AND modified_by IS NULL AND price_per_unit = 0"
	ask "DELETE FROM crm.sales_order_product WHERE sales_order_id IN (SELECT sales_order_id FROM crm.sales_order WHERE order_number LIKE 'BARE-%')"
	ask "DELETE FROM crm.sales_order WHERE order_number LIKE 'BARE-%'"
}

# A quote of 100 lines, or of 1,000: what a line costs.
price_lines() {
	local lines=${1%% *} n=$quotes first
	[ "$lines" = 100 ] || n=$((quotes / 5))
	first=$(ask "SELECT bench.new_quotes($n)")
	case $1 in
	*asleep) without_triggers measure 'lines of a quote' "$1" $((n * lines)) "SELECT bench.price_lines_bare($first, $n, $lines)" ;;
	*) measure 'lines of a quote' "$1" $((n * lines)) "SELECT bench.price_lines($first, $n, $lines)" ;;
	esac
}

# A won quote of 100 lines becomes an order.
convert_quotes() {
	local first range
	first=$(ask "SELECT bench.new_quotes($quotes)")
	range="generate_series($first, $first + $quotes - 1) AS q (id)"
	ask "SELECT bench.price_lines($first, $quotes, 100)" >/dev/null
	ask "SELECT count(*) FROM $range, LATERAL sales_crm.activate_quote(q.id)" >/dev/null
	ask "SELECT count(*) FROM $range, LATERAL sales_crm.win_quote(q.id)" >/dev/null
	case $1 in
	*asleep) without_triggers measure 'quote of 100 lines to order' "$1" $quotes "SELECT count(bench.copy_quote(q.id)) FROM $range" ;;
	*) measure 'quote of 100 lines to order' "$1" $quotes "SELECT count(*) FROM $range, LATERAL sales_crm.create_order_from_quote(q.id)" ;;
	esac
}

# New and changed leads while rules watch them.
lead_with_rules() {
	ask "SELECT bench.set_rules('$1')" >/dev/null
	measure 'a lead made and changed' "$1" $leads "SELECT bench.touch_leads($leads)"
}

copy_with_rules() {
	local columns="company_name, first_name, last_name, email, business_phone, owner_id, estimated_value" last
	last=$(ask "SELECT max(lead_id) FROM crm.lead")
	case $1 in
	'three rules')
		ask "SELECT bench.set_rules('three')" >/dev/null
		measure 'COPY of leads, three rows each' "$1" $copied "COPY crm.lead ($columns) FROM '$CLUSTER/crm.copy'" ;;
	*)
		ask "SELECT bench.set_rules('none')" >/dev/null
		work -o /dev/null -c "SELECT bench.start()" -c "COPY crm.lead ($columns) FROM '$CLUSTER/crm.copy'" -c "SELECT bench.write_three($last)" \
			-c "SELECT bench.stop('COPY of leads, three rows each', '$1', $copied)" ;;
	esac
}

# What waits in the queue is done by who runs it, the owner.
drain_queue() {
	local last
	last=$(ask "SELECT max(lead_id) FROM crm.lead")
	ask "SELECT bench.set_rules('$([ "$1" = queue ] && echo queued || echo none)')" >/dev/null
	ask "SELECT bench.touch_leads($leads)" >/dev/null
	case $1 in
	queue) ROLE=postgres measure 'what waits' "$1" $leads "CALL bench.drain()" ;;
	*) ROLE=postgres measure 'what waits' "$1" $leads "CALL bench.drain_bare($last)" ;;
	esac
}

start_cluster
load
if wanted qualify; then
	rounds qualify_in_one_statement qualify_fn qualify_hand "$by_hand" qualify_lead
	rounds qualify_by_clients qualify_fn qualify_hand qualify_lead
fi
if wanted set; then rounds qualify_as_set 'set of statements' "$by_hand" qualify_leads; fi
if wanted cycle; then
	rounds cycle_by_clients cycle_fnsteps 'a call a step'
	rounds cycle_in_one_session cycle_fnsteps "$by_hand" 'a call a step'
	rounds cycle_in_one_transaction cycle_fnsteps "$by_hand" 'a call a step'
fi
if wanted invoice; then rounds invoice_by_clients 'bare sequence' 'bare counter row' 'with gaps' gapless; fi
if wanted lines; then rounds price_lines '100 lines, triggers asleep' '100 lines' '1000 lines, triggers asleep' '1000 lines'; fi
if wanted convert; then rounds convert_quotes 'copies, triggers asleep' create_order_from_quote; fi
if wanted rules; then
	make_files
	rounds lead_with_rules none 'no match' match 'a hundred'
	rounds copy_with_rules 'three inserts' 'three rules'
	rounds drain_queue 'one by one' queue
	ask "SELECT bench.set_rules('none')" >/dev/null
fi
if wanted copy; then
	make_files
	rounds copy_leads bb.lead crm.lead
fi

echo
echo "$ROUNDS rounds, $preload sales to begin with, $clients clients, done by the role $ROLE"
run -P pager=off -P footer=off -f "$here/sql/9_table.sql"
broken=$(run -c "SELECT * FROM sales_crm.verify()" -A -t)
[ -z "$broken" ] || { echo "verify() finds:"; head -n 20 <<<"$broken"; exit 1; }
say "verify() finds nothing wrong"
