# shellcheck shell=bash disable=SC2154
# One private PostgreSQL for bench/run, on a Unix socket in a temporary folder. Sourced; the caller
# sets `work`, a folder of its own, and calls cluster_stop on every way out.
#
# Everything is as PostgreSQL's defaults have it, fsync included, but for what is below: memory and
# WAL that do not make a checkpoint fall into one program's sample and not into another's.

cluster_settings() {
    cat <<-SETTINGS
	listen_addresses = ''
	unix_socket_directories = '$work/socket'
	shared_buffers = 512MB
	min_wal_size = 2GB
	max_wal_size = 8GB
	checkpoint_timeout = 30min
	log_line_prefix = '%m [%p] %d '
	SETTINGS
}

# The folder of initdb and pg_ctl: PG_BIN, or pg_config's, or Debian's newest.
cluster_find_programs() {
    local folder
    for folder in "${PG_BIN:-}" "$(pg_config --bindir 2>/dev/null)" \
        $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
        if [[ -n $folder && -x $folder/initdb ]]; then
            printf '%s\n' "$folder"
            return
        fi
    done
    echo "bench: PostgreSQL's initdb was not found; set PG_BIN to its folder" >&2
    return 1
}

# PostgreSQL refuses to run as root.
as_server_user() {
    if ((EUID == 0)); then
        (cd "$work" && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
    else
        "$@"
    fi
}

cluster_start() {
    programs=$(cluster_find_programs) || return
    mkdir "$work/socket"
    ((EUID != 0)) || chown -R postgres: "$work"
    as_server_user "$programs/initdb" --pgdata="$work/data" --username=postgres --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8 >"$work/initdb.log" || return
    cluster_settings >>"$work/data/postgresql.conf"
    # a Ctrl-C in this moment waits until the server is up and can be stopped
    (
        trap '' INT
        as_server_user "$programs/pg_ctl" start --wait --timeout=60 --pgdata="$work/data" \
            --log="$work/server.log" >/dev/null
    ) || {
        tail -n 5 "$work/server.log" >&2
        return 1
    }
}

cluster_stop() {
    [[ -f $work/data/postmaster.pid ]] || return 0
    as_server_user "$programs/pg_ctl" stop --mode=immediate --wait --timeout=60 \
        --pgdata="$work/data" >/dev/null
}

# Writes WAL files that later samples reuse: making a new one costs far more than overwriting an old
# one, and only the first samples would pay for it.
cluster_warm_up() {
    cluster_query postgres \
        "select count(pg_logical_emit_message(false, 'warm up', repeat('x', 1048576)))
           from generate_series(1, 1536)" \
        'checkpoint' >/dev/null
}

# A connection string for database $1.
cluster_url() {
    printf 'postgresql://postgres@/%s?host=%s\n' "$1" "$work/socket"
}

# Runs SQL in database $1 and prints the bare values.
cluster_query() {
    local database=$1
    shift
    "$programs/psql" --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 \
        --dbname="$(cluster_url "$database")" "${@/#/--command=}"
}

# Makes database `bench` anew as a copy of database $1, with everything before it on disk, so that
# no sample pays for the dirty pages or the dead rows of another.
cluster_fresh_database() {
    cluster_query postgres \
        'drop database if exists bench with (force)' \
        "create database bench template $1" \
        'checkpoint'
}
