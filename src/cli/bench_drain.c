/*
 * bench drain: tasks are there before the engine starts; from its readiness until every job has
 * ended, history kept and counters exact. What the fold and the end of the jobs take is in the
 * time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "cli/bench.h"
#include "cli/bench_tools.h"
#include "cli/output.h"

enum { TASKS_IN_A_CALL = 10000, POLL_MS = 10 };

const struct option bench_drain_options[] = {
    {"--tasks", "N", VALUE_INTEGER, 1, 100000000, "tasks to drain (default 200000)"},
    {"--jobs", "N", VALUE_INTEGER, 1, 10000, "jobs they belong to (default 10)"},
    {"--snapshot", NULL, VALUE_FLAG, 0, 0, "another session holds a snapshot open meanwhile"},
    {NULL, NULL, VALUE_FLAG, 0, 0, NULL},
};

struct drain {
    struct bench bench;
    int64_t tasks, jobs;
    int64_t first_job, last_job;
    double seconds, cpu_us;
    int64_t wal_bytes, drifted;
};

static bool preload(struct drain *drain, struct failure *failure)
{
    struct session *session = drain->bench.session;
    char sql[512];
    for (int64_t job = 0; job < drain->jobs; job++) {
        int64_t size = drain->tasks / drain->jobs + (job < drain->tasks % drain->jobs);
        if (!bench_ask_integer(session,
                               "select pawl.create_job('pawl.bench', '{}', p_is_sealed => false)",
                               &drain->last_job, failure))
            return false;
        if (job == 0)
            drain->first_job = drain->last_job;
        for (int64_t at = 0; at < size; at += TASKS_IN_A_CALL) {
            snprintf(sql, sizeof sql,
                     "select pawl.add_tasks(%lld, array(select jsonb_build_object('id', g)"
                     " from generate_series(%lld::bigint, %lld) g))",
                     (long long)drain->last_job, (long long)at,
                     (long long)(at + TASKS_IN_A_CALL < size ? at + TASKS_IN_A_CALL : size) - 1);
            if (!session_run(session, sql, failure))
                return false;
        }
        snprintf(sql, sizeof sql, "select pawl.seal_job(%lld)", (long long)drain->last_job);
        if (!session_run(session, sql, failure))
            return false;
    }
    return session_run(session, "vacuum analyze pawl.tasks", failure) &&
           session_run(session, "select pawl.fold()", failure);
}

static double cpu_used_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static bool wait_for_end(struct drain *drain, struct failure *failure)
{
    char sql[256];
    int64_t open = 1;
    snprintf(sql, sizeof sql,
             "select count(*) from pawl.jobs where id between %lld and %lld and finished_at is null"
             " and kind = 'pawl.bench'",
             (long long)drain->first_job, (long long)drain->last_job);
    while (open) {
        struct timespec pause = {0, POLL_MS * 1000000};
        nanosleep(&pause, NULL);
        if (!bench_ask_integer(drain->bench.session, sql, &open, failure))
            return false;
    }
    return true;
}

static bool measure(struct drain *drain, struct failure *failure)
{
    static struct bench_engine engine;
    char lsn[32], sql[128];
    if (!bench_ask_text(drain->bench.session, "select pg_current_wal_insert_lsn()", lsn, sizeof lsn,
                        failure) ||
        !bench_engine_start(&engine, &drain->bench, 0, failure))
        return false;
    int64_t start_us = clock_now_us();
    double cpu_us = cpu_used_us();
    bool is_done = wait_for_end(drain, failure);
    drain->seconds = (double)(clock_now_us() - start_us) / 1e6;
    drain->cpu_us = cpu_used_us() - cpu_us;
    snprintf(sql, sizeof sql, "select (pg_current_wal_insert_lsn() - '%s'::pg_lsn)::bigint", lsn);
    is_done = is_done && bench_ask_integer(drain->bench.session, sql, &drain->wal_bytes, failure) &&
              bench_ask_integer(drain->bench.session, "select count(*) from pawl.reconcile()",
                                &drain->drifted, failure);
    return bench_engine_stop(&engine, is_done ? failure : NULL) && is_done;
}

static bool clean_up(struct drain *drain, struct failure *failure)
{
    char sql[128];
    snprintf(sql, sizeof sql,
             "delete from pawl.jobs where id between %lld and %lld and kind = 'pawl.bench'",
             (long long)drain->first_job, (long long)drain->last_job);
    return session_run(drain->bench.session, sql, failure);
}

static bool report(const struct drain *drain, const struct call *call)
{
    double tasks = (double)drain->tasks;
    if (call_has(call, "--json"))
        return output_json(json_pack(
            "{s:I,s:I,s:b,s:f,s:f,s:f,s:f,s:b}", "tasks", (json_int_t)drain->tasks, "jobs",
            (json_int_t)drain->jobs, "snapshot", call_has(call, "--snapshot"), "seconds",
            drain->seconds, "tasks_per_second", tasks / drain->seconds, "wal_bytes_per_task",
            (double)drain->wal_bytes / tasks, "client_cpu_us_per_task", drain->cpu_us / tasks,
            "counters_exact", drain->drifted == 0));
    return output_line("drained %lld tasks in %.2f s: %.0f tasks/s, %.0f bytes of WAL and %.2f us "
                       "of client CPU a task, counters %s",
                       (long long)drain->tasks, drain->seconds, tasks / drain->seconds,
                       (double)drain->wal_bytes / tasks, drain->cpu_us / tasks,
                       drain->drifted ? "DRIFTED" : "exact");
}

bool bench_drain(const struct call *call, struct failure *failure)
{
    struct drain drain = {.tasks = call_integer(call, "--tasks", 200000),
                          .jobs = call_integer(call, "--jobs", 10)};
    struct session *holder = NULL;
    if (!bench_begin(&drain.bench, call, failure))
        return false;
    bool is_done = preload(&drain, failure);
    if (is_done && call_has(call, "--snapshot")) {
        holder = session_open(drain.bench.database_url, "bench", failure);
        is_done = holder && session_run(holder,
                                        "begin isolation level repeatable read;"
                                        "select count(*) from pawl.jobs",
                                        failure);
    }
    is_done = is_done && measure(&drain, failure);
    session_close(holder);
    is_done = is_done && clean_up(&drain, failure) && report(&drain, call);
    bench_end(&drain.bench);
    if (is_done && drain.drifted)
        return failure_set(failure, FAILURE_WORK, "%lld counters were wrong",
                           (long long)drain.drifted);
    return is_done;
}
