#!/bin/bash
# One sale from the lead to the paid invoice, on a private cluster that stays up to play with.
#   demo.sh        sets up, installs, shows; a demo cluster of an earlier run is replaced
#   demo.sh stop   stops that cluster and removes it
set -eu -o pipefail
cd "$(dirname "$0")/../.."
home=${TMPDIR:-/tmp}/sales_crm_demo_$(id -un)

stop_demo() {
	[ -d "$home/data" ] || { echo "no demo cluster at $home"; return; }
	[ "$(id -u)" = 0 ] || [ -O "$home" ] || { echo "$home is not yours" >&2; return 1; }
	CLUSTER=$home
	cluster_stop
	echo "stopped and removed the demo cluster at $home"
}

if [ "${1:-}" = stop ]; then . test/cluster.sh; stop_demo; exit; fi

bash test/setup.sh install
. test/cluster.sh
[ ! -e "$home" ] || stop_demo
printf '[%3ds] starting a private cluster in %s\n' "$SECONDS" "$home"
cluster_start "$home"
createdb sales
# Errors belong where they happen in the story.
psql -X -q -P pager=off -d sales <test/demo/demo.sql 2>&1
cat <<END

The cluster stays up. To go on from here:
    $PGBIN/psql -h $home -U postgres sales
To stop and remove it:
    make demo_stop
END
