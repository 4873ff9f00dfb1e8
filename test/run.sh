#!/bin/bash
# Runs the suites named as arguments against one throw-away cluster and counts their checks.
# Each suite_<name> prints what its tool prints; count_<kind> reads the figures from that.
# The last line reads "N passed, N failed"; the exit status is not 0 when anything failed.
set -u -o pipefail
cd "$(dirname "$0")/.."
ALL="lint regress pgtap isolation tap real_data property fuzz"
LONG="levels chance sqlsmith decoys long_fuzz long_stress memory valgrind sanitized"
suites=${*:-$ALL}
CLUSTER=
passed=0 failed=0 summary=

begin() { started=$SECONDS; printf '\n=== %s\n' "$1"; }

skip() { echo "SKIPPED: $2"; summary="$summary$(printf '%-10s skipped: %s' "$1" "$2")"$'\n'; }

# end <name> <passed> <failed>
end() {
	passed=$((passed + $2)) failed=$((failed + $3))
	local line
	[ "$2$3" != 00 ] || { skip "$1" "it had nothing to check"; return; }
	line=$(printf '%-10s %6d passed %4d failed %5d s' "$1" "$2" "$3" $((SECONDS - started)))
	summary="$summary$line"$'\n'
	printf -- '--- %s\n' "$line"
}

# What failed is said once more at the end, where a reader of a long log looks first.
name_failures() {
	[ -d "${OUT:-}" ] || return
	printf '\n=== failed\n'
	grep -hE -A 6 '^(not ok|# *Failed test)|\.\.\. (FAILED|failed)|\(Wstat:' "$OUT"/*.log | head -n 60
}

finish() {
	grep -E 'terminated by signal|PANIC' "$CLUSTER/server.log" 2>/dev/null | sed 's/^/server log: /'
	[ "$failed" = 0 ] || name_failures
	printf '\n%s' "$summary"
	printf '%d passed, %d failed\n' "$passed" "$failed"
	[ "$failed" = 0 ]
	exit
}

begin build
if [ "$suites" = "$ALL" ]; then export FRESH=1; fi
if bash test/setup.sh "$([[ " $LONG " != *" ${suites%% *} "* ]] && echo test || echo test_long)"; then end build 1 0; else end build 0 1; finish; fi
unset FRESH

. test/cluster.sh
PGXS_DIR=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
trap 'cluster_stop' EXIT
trap 'exit 130' INT TERM
cluster_start || { end cluster 0 1; finish; }
OUT=$(mktemp -d "$CLUSTER/out.XXXXXX")
chmod 755 "$OUT"
export OUT

new_database() { dropdb --if-exists -f "$1" 2>/dev/null; createdb -T template0 "$1"; }

suite_lint() {
	local script status=0
	new_database lint && psql -qX -d lint -c 'CREATE EXTENSION sales_crm' || status=1
	export PGDATABASE=lint
	for script in $LINT_TESTS; do
		if bash "$script" >"$OUT/lint.one" 2>&1; then printf 'ok     %s\n' "$script"; sed 's/^/         /' "$OUT/lint.one"
		else printf 'not ok %s\n' "$script"; sed 's/^/         /' "$OUT/lint.one"; status=1
		fi
	done
	unset PGDATABASE
	return $status
}

# pg_regress looks for sql/ and expected/ in its output folder first, then in the input folder.
suite_regress() {
	mkdir -p "$OUT/regress"
	"$PGXS_DIR/src/test/regress/pg_regress" --inputdir=. --outputdir="$OUT/regress" --bindir="$PGBIN" \
		--host="$PGHOST" --port="$PGPORT" --user=postgres --dbname=regress $REGRESS && return
	head -n 400 "$OUT/regress/regression.diffs"
	return 1
}

suite_isolation() { play_specs 'read committed' "$ISOLATION" expected; }

# Every spec once more at the upper two isolation levels, side by side, each on a cluster of its own. What they give otherwise stands in a folder of expected,
# serializable on top of repeatable_read.
suite_levels() {
	local status=0 level players=
	play_level 'repeatable read' "$(specs_of_levels)" expected/repeatable_read & players=$!
	play_level serializable "$(specs_of_levels)" expected/repeatable_read expected/serializable & players="$players $!"
	for level in $players; do wait "$level" || status=1; done
	cat "$OUT"/isolation.*.out
	return $status
}

# In a subshell: what is said comes to a file, since others play at the same time.
play_level() {
	trap cluster_stop EXIT
	CLUSTER=
	cluster_start && play_specs "$@" >"$OUT/isolation.${1// /_}.out" 2>&1 && ! grep -E 'terminated by signal|PANIC' "$CLUSTER/server.log"
}

# Those that name their levels themselves are played once.
specs_of_levels() { for spec in $ISOLATION; do grep -q '^# Names its levels itself' "test/specs/$spec.spec" || echo "$spec"; done; }

# play_specs <level> <specs> <folders of what they give>
play_specs() {
	local level=$1 specs=$2 out="$OUT/isolation/${1// /_}" folder
	shift 2
	echo "--- $level"
	mkdir -p "$out/expected"
	for folder; do cp "$folder"/*.out "$out/expected/"; done
	PGOPTIONS="-c default_transaction_isolation=${level// /\\ }" \
		"$PGXS_DIR/src/test/isolation/pg_isolation_regress" --inputdir=test --outputdir="$out" --bindir="$PGBIN" \
		--host="$PGHOST" --port="$PGPORT" --user=postgres --dbname=isolation --load-extension=sales_crm $specs && return
	head -n 400 "$out/regression.diffs"
	return 1
}

suite_pgtap() {
	new_database pgtap &&
	psql -qX -v ON_ERROR_STOP=1 -d pgtap -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION sales_crm' &&
	pg_prove --dbname pgtap --nocolor $PGTAP_TESTS
}

# PostgreSQL::Test::Cluster makes clusters of its own and refuses root.
suite_tap() {
	local tree=$PWD
	if ! as_server test -r test/t; then
		tree=$OUT/tree && mkdir "$tree" && cp -r test sql "$tree/" && chmod -R go+rX "$tree"
	fi
	mkdir -p "$OUT/tap" && { [ "$(id -u)" != 0 ] || chown "$(server_user)" "$OUT/tap"; }
	(
		cd "$tree" && unset PGHOST PGPORT PGUSER &&
		as_server env TESTDIR="$OUT/tap" TESTDATADIR="$OUT/tap/data" TESTLOGDIR="$OUT/tap/log" PERL5LIB="$PGXS_DIR/src/test/perl" \
			PG_REGRESS="$PGXS_DIR/src/test/regress/pg_regress" PATH="$PATH" prove --nocolor --timer $PROVE_TESTS
	) && return
	for log in "$OUT"/tap/tmp_check/log/regress_log_*; do echo "# end of $log"; grep -v 'LOG:  statement' "$log" | tail -n 40; done
	return 1
}

suite_real_data() { bash test/real_data.sh; }
# All suites together play one and the same seed, so that their result is the code's alone; make property plays another each time.
suite_property() {
	if [ "$suites" = "$ALL" ]; then SEED=${SEED:-1068442197} bash test/property.sh; else bash test/property.sh; fi
}
# The same seed again for all suites together; make fuzz attacks otherwise each time.
suite_fuzz() {
	if [ "$suites" = "$ALL" ]; then SEED=${SEED:-20301} bash test/fuzz/fuzz.sh; else bash test/fuzz/fuzz.sh; fi
}
suite_stress() { bash test/stress/stress.sh; }

# What make test leaves out for its length.
suite_sqlsmith()  { bash test/long/sqlsmith.sh; }
suite_long_fuzz() { STATEMENTS=${STATEMENTS:-200000} bash test/fuzz/fuzz.sh; }
suite_long_stress() { MINUTES=${MINUTES:-10} bash test/stress/stress.sh; }
suite_decoys()    { PROVE_TESTS=test/t/022_decoys.pl DECOYS=all suite_tap; }
suite_chance()    { bash test/long/chance.sh; }
suite_memory()    { bash test/long/memory.sh; }
suite_valgrind()  { bash test/long/valgrind.sh; }
suite_sanitized() { bash test/long/sanitized.sh; }

count_lint()      { count_lines '^ok ' '^not ok '; }
count_regress()   { count_lines '\.\.\. +ok ' '\.\.\. (FAILED|failed)'; }
count_isolation() { count_regress; }
count_levels()    { count_regress; }
count_real_data() { sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' | tail -n 1; }
count_property()  { count_real_data; }
count_fuzz()      { count_real_data; }
count_stress()    { count_real_data; }
count_sqlsmith()  { count_real_data; }
count_long_fuzz() { count_real_data; }
count_long_stress() { count_real_data; }
count_decoys()    { count_pgtap; }
count_chance()    { count_real_data; }
count_memory()    { count_real_data; }
count_valgrind()  { count_real_data; }
count_sanitized() { count_real_data; }
count_tap()       { count_pgtap; }
count_lines()     { awk -v good="$1" -v bad="$2" '$0 ~ bad { f++; next } $0 ~ good { p++ } END { print p + 0, f + 0 }'; }
count_pgtap() {
	awk '/^Files=/ { split($2, of, /[=,]/) }
		/\(Wstat:/ { line = $0; sub(/.*Failed: /, "", line); bad = line + 0; failed += bad; unsaid = (bad == 0) }
		/^ *(Parse errors|Non-zero)/ && unsaid { broken++; unsaid = 0 }
		END { print of[2] - failed, failed + broken }'
}

files_levels=$ISOLATION files_lint=$LINT_TESTS files_regress=$REGRESS files_pgtap=$PGTAP_TESTS files_isolation=$ISOLATION files_tap=$PROVE_TESTS
files_sqlsmith=test/long/sqlsmith.sh files_long_fuzz=test/fuzz/fuzz.sh files_decoys=test/t/022_decoys.pl files_chance=test/long/chance.sh
files_memory=test/long/memory.sh files_valgrind=test/long/valgrind.sh files_sanitized=test/long/sanitized.sh
files_real_data=test/real_data.sh files_property=test/property.sh files_fuzz=test/fuzz/fuzz.sh files_stress=test/stress/stress.sh files_long_stress=test/stress/stress.sh

for suite in $suites; do
	files=files_$suite
	if ! declare -F "suite_$suite" >/dev/null; then echo "no suite $suite; there are: $ALL $LONG"; end "$suite" 0 1; continue; fi
	begin "$suite"
	if [ -z "${!files// /}" ]; then skip "$suite" "no test of this kind"; continue; fi
	"suite_$suite" 2>&1 | tee "$OUT/$suite.log"
	status=$?
	read -r good bad < <("count_$suite" <"$OUT/$suite.log"; echo)
	good=${good:-0} bad=${bad:-0}
	# A tool that broke before it counted anything has failed too.
	[ $status = 0 ] || [ "$bad" -gt 0 ] || bad=1
	end "$suite" "$good" "$bad"
done
finish
