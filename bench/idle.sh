# shellcheck shell=bash disable=SC2154
# What `pawl serve` costs when there is nothing to do. Sourced by bench/run.
#
# Queries are counted in the server's log (log_statement = all for this database alone, read from
# outside it), so that neither the watcher's own queries nor autovacuum's transactions count. CPU
# and memory are the kernel's figures for the process, all its threads together.

IDLE_SETTLE_S=10 # a node that has just started looks round for a while before it sleeps
IDLE_WINDOW_S=60
IDLE_START_DEADLINE_S=30

idle_count_queries() {
    grep -cE ' bench LOG:  (statement|execute [^:]*): ' "$work/server.log" || true
}

# User and system time in clock ticks: fields 14 and 15, counted behind the name in brackets.
idle_cpu_ticks() {
    local fields
    fields=$(</proc/"$1"/stat) || return
    read -ra fields <<<"${fields##*) }"
    echo $((fields[11] + fields[12]))
}

idle_wait_until_ready() {
    local deadline=$((SECONDS + IDLE_START_DEADLINE_S))
    until [[ $(cluster_query bench 'select count(*) from pawl.nodes' 2>/dev/null) -gt 0 ]]; do
        if ((SECONDS > deadline)) || ! kill -0 "$1" 2>/dev/null; then
            echo "bench: pawl serve did not become ready in $IDLE_START_DEADLINE_S s" >&2
            return 1
        fi
        sleep 0.2
    done
}

# Watches process $1 over the window and prints one JSON object.
idle_watch() {
    local queries ticks resident_kib
    queries=$(idle_count_queries)
    ticks=$(idle_cpu_ticks "$1") || return
    pause "$IDLE_WINDOW_S"
    queries=$(($(idle_count_queries) - queries))
    ticks=$(($(idle_cpu_ticks "$1") - ticks)) || return
    resident_kib=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status") || return
    awk -v queries="$queries" -v ticks="$ticks" -v resident="$resident_kib" \
        -v seconds="$IDLE_WINDOW_S" -v hertz="$(getconf CLK_TCK)" 'BEGIN {
            printf "{\"seconds\":%d,\"queries_per_second\":%.3f,", seconds, queries / seconds
            printf "\"resident_mb\":%.1f,", resident * 1024 / 1e6
            printf "\"cpu_percent\":%.3f}\n", 100 * ticks / hertz / seconds }'
}

# Starts the program given as arguments, watches it, ends it with SIGTERM.
idle_measure() {
    cluster_query postgres "alter database bench set log_statement = 'all'" || return
    start_child "$@"
    idle_wait_until_ready "$child" && pause "$IDLE_SETTLE_S" && idle_watch "$child" >"$work/idle"
    local status=$?
    end_child || status=1
    mv "$work/idle" "$work/out"
    return $status
}
