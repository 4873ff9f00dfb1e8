#!/bin/bash
# Brings a machine with gcc, make and git to where a command can start.
#   setup.sh build     packages that compiling needs
#   setup.sh install   those, then builds and installs the extension
#   setup.sh test_long all that test brings, and what the long suites need
#   setup.sh test      the packages of the test suites too; FRESH=1 compiles all anew, warnings are errors
set -eu -o pipefail
cd "$(dirname "$0")/.."
goal=${1:-install}

say() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else echo "This step needs root: run it as root or install sudo. The step: $*" >&2; exit 1
	fi
}

install_packages() {
	local wanted missing=
	wanted="gcc libc6-dev make postgresql-15 postgresql-client-15 postgresql-server-dev-15"
	[ "$goal" = install ] || [ "$goal" = build ] || wanted="$wanted postgresql-15-pgtap libtap-parser-sourcehandler-pgtap-perl libipc-run-perl cppcheck"
	[ "$goal" != test_long ] || wanted="$wanted sqlsmith valgrind libc6-dbg bison flex bzip2 dpkg-dev libperl-dev"
	if ! command -v apt-get >/dev/null; then
		say "no apt-get here, taking it that these are installed: $wanted"
		return
	fi
	for package in $wanted; do
		[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	say "installing through apt (a minute or three):$missing"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 update
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
		-o DPkg::Lock::Timeout=300 --no-install-recommends install $missing
}

# As the owner of the tree the build needs no root; only the copy into PostgreSQL's folders does.
build() {
	local profile=
	[ "$goal" = install ] || profile=-Werror
	[ -z "${FRESH:-}" ] || make -s --no-print-directory clean
	say "building"
	make --no-print-directory -j "$(nproc)" all PROFILE="$profile" | sed -u 's/^gcc .* -o \(src[^ ]*\.o\) .*/  \1/; s/^gcc .* -o \([^ ]*\.so\).*/  \1/'
}

installed() {
	cmp -s sales_crm.so "$("$PG_CONFIG" --pkglibdir)/sales_crm.so" || return 1
	for file in sales_crm.control sales_crm--*.sql sales_crm_organization.sql; do
		cmp -s "$file" "$("$PG_CONFIG" --sharedir)/extension/$file" || return 1
	done
}

install_extension() {
	installed && { say "the installed extension is this one"; return; }
	say "installing the extension into $("$PG_CONFIG" --pkglibdir)"
	if [ -w "$("$PG_CONFIG" --pkglibdir)" ]; then make -s --no-print-directory install
	else as_root make -s --no-print-directory install PG_CONFIG="$PG_CONFIG"
	fi
}

install_packages
# make could not know a pg_config that came with the packages.
[ -x "$(command -v "${PG_CONFIG:-}")" ] || export PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config
[ "$goal" = build ] && exit
if [ ! -w . ]; then
	copy=$(mktemp -d)
	trap 'rm -rf "$copy"' EXIT
	say "this folder cannot be written to: building in a copy"
	cp -r Makefile sales_crm.control src "$copy"
	cd "$copy"
fi
build
install_extension
