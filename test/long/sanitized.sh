#!/bin/bash
# The suites on a server that watches itself: PostgreSQL from its source package, built with AddressSanitizer, UndefinedBehaviorSanitizer
# and assertions. Whatever these report, and each crash, is a failure. Takes half an hour or more.
#   SERVER_DIR=folder    where the server is built, and found the next time; default: .sanitized in the tree, which git ignores
#   SUITES="pgtap fuzz"  which suites run there
set -u -o pipefail
cd "$(dirname "$0")/../.."
server=${SERVER_DIR:-$PWD/.sanitized}
suites=${SUITES:-pgtap regress isolation fuzz}
sanitize="-fsanitize=address,undefined -fno-sanitize=alignment,nonnull-attribute"
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1

say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }

# The sources of the packages that are installed, fetched without a change of the machine's own lists.
fetch_source() {
	mkdir -p "$server/lists/partial"
	sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$server/source.sources"
	local options=(-q -o Dir::Etc::SourceList="$server/source.sources" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$server/lists")
	apt-get "${options[@]}" update && (cd "$server" && apt-get "${options[@]}" source --download-only postgresql-15)
}

build_server() {
	[ ! -x "$server/pg/bin/postgres" ] || return 0
	say "building the server in $server (some minutes)"
	mkdir -p "$server"
	fetch_source >"$server/fetch.log" 2>&1 &&
	tar -C "$server" -xf "$server"/postgresql-15_*.orig.tar.* || { tail -n 20 "$server/fetch.log"; return 1; }
	(
		cd "$server"/postgresql-15.* &&
		./configure -q --prefix="$server/pg" --enable-cassert --enable-debug --without-readline --without-zlib \
			CFLAGS="-O1 -g -fno-omit-frame-pointer $sanitize" LDFLAGS="$sanitize" &&
		make -s -j "$(nproc)" && make -s install && make -s -C contrib install &&
		make -s -C src/test/isolation install && make -s -C src/test/regress install
	) >"$server/build.log" 2>&1 || { tail -n 20 "$server/build.log"; return 1; }
	cp /usr/share/postgresql/15/extension/pgtap* "$server/pg/share/extension/"
}

# The tree is copied, so that its own objects stay as they are.
run_suites() {
	rm -rf "$server/tree" "$server"/report.* && mkdir "$server/tree" && chmod 777 "$server" || return
	tar -c --exclude=.sanitized --exclude=.git . | tar -x -C "$server/tree"
	ln -sfn "$(cd ../shared 2>/dev/null && pwd)" "$server/shared"
	make -s -C "$server/tree" clean PG_CONFIG="$server/pg/bin/pg_config"
	(
		export PG_CONFIG=$server/pg/bin/pg_config PATH=$server/pg/bin:$PATH
		export ASAN_OPTIONS=$ASAN_OPTIONS:log_path=$server/report UBSAN_OPTIONS=print_stacktrace=1:log_path=$server/report
		make -s -C "$server/tree" test SUITES="$suites" PG_CONFIG="$PG_CONFIG"
	)
}

build_server || { echo "0 passed, 1 failed"; exit 1; }
say "the server: $("$server/pg/bin/postgres" --version); suites: $suites"
run_suites | tee "$server/suites.log" | sed -u '/ passed, .* failed$/d'
reports=$(find "$server" -maxdepth 1 -name 'report.*' | wc -l)
[ "$reports" = 0 ] || head -n 60 "$server"/report.*
read -r good bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$server/suites.log" | tail -n 1; echo)
say "reports of the sanitizers: $reports"
echo "$((${good:-0} + (reports == 0))) passed, $((${bad:-1} + (reports > 0))) failed"
[ "${bad:-1}" = 0 ] && [ "$reports" = 0 ]
