# Sourced. A private throw-away cluster: its own folder, its own socket, no TCP; no other cluster is looked at.
#   cluster_start [folder]   makes and starts it, sets PGHOST, PGPORT, PGUSER; without a folder mktemp finds one
#   cluster_stop             stops it and removes the folder
#   as_server command ...    runs a command as the user that the server runs as
# PostgreSQL does not run as root, so root hands it to the user postgres, or nobody.

[ -x "$(command -v "${PG_CONFIG:-}")" ] || export PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config
PGBIN=$("$PG_CONFIG" --bindir)
export PATH=$PGBIN:$PATH
CLUSTER=

server_user() {
	if [ "$(id -u)" != 0 ]; then id -un
	elif getent passwd postgres >/dev/null; then echo postgres
	else echo nobody
	fi
}

as_server() {
	if [ "$(id -u)" = 0 ]; then runuser -u "$(server_user)" -- env HOME="$CLUSTER" "$@"; else "$@"; fi
}

cluster_start() {
	if [ $# -gt 0 ]; then CLUSTER=$1; mkdir -m 700 "$CLUSTER" || return
	else CLUSTER=$(mktemp -d "${TMPDIR:-/tmp}/sales_crm.XXXXXX") || return
	fi
	[ "$(id -u)" != 0 ] || chown "$(server_user)" "$CLUSTER"
	unset PGDATABASE PGOPTIONS PGSERVICE PGSSLMODE PGPASSWORD PGPASSFILE PGTZ PGDATESTYLE PGDATA
	export PGHOST=$CLUSTER PGPORT=5432 PGUSER=postgres
	(
		cd "$CLUSTER" &&
		as_server "$PGBIN/initdb" -D data -U postgres -A trust -E UTF8 --no-locale --no-sync >initdb.log 2>&1 &&
		as_server tee -a data/postgresql.conf >/dev/null <<-CONF &&
			listen_addresses = ''
			unix_socket_directories = '$CLUSTER'
			port = $PGPORT
			fsync = off
			synchronous_commit = off
			full_page_writes = off
			shared_buffers = 256MB
			max_wal_size = 4GB
			max_connections = 100
			max_prepared_transactions = 10
			log_line_prefix = '%m [%p] %u@%d '
			timezone = 'UTC'
		CONF
		as_server "$PGBIN/pg_ctl" -D data -l server.log -w -t 60 -s start
	) && return
	echo "could not start a cluster in $CLUSTER:" >&2
	tail -n 20 "$CLUSTER"/initdb.log "$CLUSTER"/server.log >&2
	return 1
}

cluster_stop() {
	[ -n "$CLUSTER" ] && [ -d "$CLUSTER/data" ] || return 0
	(cd "$CLUSTER" && as_server "$PGBIN/pg_ctl" -D data -m immediate -s -w stop 2>/dev/null)
	rm -rf "$CLUSTER"
	CLUSTER=
}
