/*
 * bench storm: many clients, few jobs, and transactions that change a task in two of them. Three
 * ways to keep counters over the same table: none at all, Pawl's ledger, and the usual advice, a
 * row-level trigger that adds and subtracts on the job's row.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/bench.h"
#include "cli/bench_tools.h"
#include "cli/output.h"

enum { TASKS_IN_A_JOB = 2000, FOLD_PAUSE_MS = 75, FOLDS_OF_TAIL = 25 };

const struct option bench_storm_options[] = {
    {"--clients", "N", VALUE_INTEGER, 1, 1000, "sessions at once (default 32)"},
    {"--jobs", "N", VALUE_INTEGER, 2, 100, "jobs they share (default 6)"},
    {"--seconds", "N", VALUE_INTEGER, 1, 3600, "for each of the three (default 8)"},
    {NULL, NULL, VALUE_FLAG, 0, 0, NULL},
};

/* The tables of the two ways that are not Pawl's: the same columns and indexes. */
static const char prepare_sql[] =
    "set client_min_messages = error;"
    "drop schema if exists pawl_bench cascade;"
    "create schema pawl_bench;"
    "create table pawl_bench.jobs (like pawl.jobs including all);"
    "create table pawl_bench.none (like pawl.tasks including all);"
    "create table pawl_bench.row_trigger (like pawl.tasks including all);"
    "create function pawl_bench.count_row() returns trigger language plpgsql as $$ "
    "begin"
    "  if new.status is distinct from old.status then"
    "    update pawl_bench.jobs set"
    "      pending = pending + (new.status = 'pending')::int - (old.status = 'pending')::int,"
    "      running = running + (new.status = 'running')::int - (old.status = 'running')::int,"
    "      completed = completed + (new.status = 'completed')::int"
    "        - (old.status = 'completed')::int"
    "    where id = new.job_id;"
    "  end if;"
    "  return null;"
    "end $$;"
    "create trigger count_row after update on pawl_bench.row_trigger"
    "  for each row execute function pawl_bench.count_row();";

struct storm {
    const char *database_url, *table;
    int clients, jobs, seconds;
    int64_t first_job, first_task;
    int64_t until_us;
};

struct client {
    pthread_t thread;
    struct storm *storm;
    unsigned seed;
    int number;
    int64_t transactions, deadlocks;
    struct failure failure;
};

/* Two jobs in any order: that is what makes row-level counters deadlock. */
static bool one_transaction(struct client *client, struct session *session)
{
    struct storm *storm = client->storm;
    char sql[768];
    int a = rand_r(&client->seed) % storm->jobs, b = rand_r(&client->seed) % (storm->jobs - 1);
    b += b >= a;
    /* a task of each client's own, so that they share jobs and never a task */
    int own =
        rand_r(&client->seed) % (TASKS_IN_A_JOB / storm->clients) * storm->clients + client->number;
    size_t length = (size_t)snprintf(sql, sizeof sql, "begin;");
    for (int i = 0; i < 2; i++) {
        int job = i ? b : a;
        length += (size_t)snprintf(
            sql + length, sizeof sql - length,
            "update %s set status = case status when 'pending' then 'running' else 'pending' end"
            "::pawl.task_status where job_id = %lld and id = %lld;",
            storm->table, (long long)storm->first_job + job,
            (long long)storm->first_task + (int64_t)job * TASKS_IN_A_JOB + own);
    }
    snprintf(sql + length, sizeof sql - length, "commit");
    return session_run(session, sql, &client->failure);
}

static void *run_client(void *context)
{
    struct client *client = context;
    struct session *session = session_open(client->storm->database_url, "bench", &client->failure);
    while (session && clock_now_us() < client->storm->until_us) {
        if (one_transaction(client, session)) {
            client->transactions++;
            continue;
        }
        if (strcmp(client->failure.sqlstate, "40P01") != 0)
            break;
        client->deadlocks++;
        client->failure = (struct failure){0};
        session_run(session, "rollback", NULL);
    }
    session_close(session);
    return NULL;
}

/* As a node does while there is work: the ledger's end often, all of it now and then
 * (src/engine/duties.c). */
static const char fold_tail_sql[] =
    "select pawl.fold(greatest(0, pg_relation_size('pawl.progress_deltas') / 8192 - 64))";

static void *run_folder(void *context)
{
    struct client *client = context;
    struct session *session = session_open(client->storm->database_url, "bench", &client->failure);
    int folds = 0;
    while (session && clock_now_us() < client->storm->until_us) {
        struct timespec pause = {0, FOLD_PAUSE_MS * 1000000};
        nanosleep(&pause, NULL);
        if (!session_run(session, folds++ % FOLDS_OF_TAIL ? fold_tail_sql : "select pawl.fold()",
                         &client->failure))
            break;
    }
    session_close(session);
    return NULL;
}

static bool run_storm(struct storm *storm, const char *table, double *tps, int64_t *deadlocks,
                      struct failure *failure)
{
    struct client *clients = memory_zeroed((size_t)storm->clients + 1, sizeof *clients);
    int64_t transactions = 0;
    bool is_fine = true;
    storm->table = table;
    storm->until_us = clock_now_us() + (int64_t)storm->seconds * 1000000;
    for (int i = 0; i <= storm->clients; i++) {
        clients[i].storm = storm;
        clients[i].seed = (unsigned)i;
        clients[i].number = i;
        pthread_create(&clients[i].thread, NULL, i < storm->clients ? run_client : run_folder,
                       &clients[i]);
    }
    *deadlocks = 0;
    for (int i = 0; i <= storm->clients; i++) {
        pthread_join(clients[i].thread, NULL);
        transactions += clients[i].transactions;
        *deadlocks += clients[i].deadlocks;
        if (clients[i].failure.class && is_fine) {
            *failure = clients[i].failure;
            is_fine = false;
        }
    }
    *tps = (double)transactions / storm->seconds;
    free(clients);
    return is_fine;
}

/* Jobs and tasks with the same ids in all three places; the real ones are in standing-like jobs
 * that are paused, so that no node touches them. */
static bool prepare(struct bench *bench, struct storm *storm, struct failure *failure)
{
    char sql[1024];
    if (!session_run(bench->session, prepare_sql, failure))
        return false;
    for (int job = 0; job < storm->jobs; job++) {
        int64_t id;
        if (!bench_ask_integer(bench->session,
                               "select pawl.create_job('pawl.bench', '{}', p_is_sealed => false)",
                               &id, failure))
            return false;
        if (job == 0)
            storm->first_job = id;
    }
    snprintf(sql, sizeof sql,
             "update pawl.jobs set status = 'paused' where id >= %lld and kind = 'pawl.bench'",
             (long long)storm->first_job);
    if (!session_run(bench->session, sql, failure) ||
        !bench_ask_integer(bench->session, "select nextval('pawl.task_ids')", &storm->first_task,
                           failure))
        return false;
    int64_t tasks = (int64_t)storm->jobs * TASKS_IN_A_JOB;
    snprintf(
        sql, sizeof sql,
        "select setval('pawl.task_ids', %lld);"
        "insert into pawl.tasks (job_id, id) select %lld + g / %d, %lld + g"
        " from generate_series(0, %lld) g;"
        "insert into pawl_bench.none (job_id, id) select job_id, id from pawl.tasks where id >= "
        "%lld;"
        "insert into pawl_bench.row_trigger (job_id, id) select job_id, id from pawl_bench.none;"
        "insert into pawl_bench.jobs (id, kind) select distinct job_id, 'pawl.bench' from "
        "pawl_bench.none;",
        (long long)(storm->first_task + tasks), (long long)storm->first_job, TASKS_IN_A_JOB,
        (long long)storm->first_task, (long long)tasks - 1, (long long)storm->first_task);
    return session_run(bench->session, sql, failure) &&
           session_run(bench->session, "vacuum analyze", failure);
}

bool bench_storm(const struct call *call, struct failure *failure)
{
    static const struct {
        const char *name, *table;
    } ways[] = {{"none", "pawl_bench.none"},
                {"ledger", "pawl.tasks"},
                {"row_trigger", "pawl_bench.row_trigger"}};
    struct storm storm = {.clients = (int)call_integer(call, "--clients", 32),
                          .jobs = (int)call_integer(call, "--jobs", 6),
                          .seconds = (int)call_integer(call, "--seconds", 8)};
    struct bench bench;
    json_t *answer = json_object();
    int64_t drifted = 0;
    if (!bench_begin(&bench, call, failure))
        return false;
    storm.database_url = bench.database_url;
    bool is_done = prepare(&bench, &storm, failure);
    for (int i = 0; is_done && i < 3; i++) {
        double tps;
        int64_t deadlocks;
        is_done = run_storm(&storm, ways[i].table, &tps, &deadlocks, failure);
        json_object_set_new(answer, ways[i].name,
                            json_pack("{s:f,s:I}", "tps", tps, "deadlocks", (json_int_t)deadlocks));
        if (is_done && !call_has(call, "--json"))
            output_line("%-12s %8.0f tps %6lld deadlocks", ways[i].name, tps, (long long)deadlocks);
    }
    is_done = is_done &&
              bench_ask_integer(bench.session, "select count(*) from pawl.reconcile()", &drifted,
                                failure) &&
              session_run(bench.session,
                          "set client_min_messages = error; drop schema pawl_bench cascade;"
                          "delete from pawl.jobs where kind = 'pawl.bench'",
                          failure);
    bench_end(&bench);
    json_object_set_new(answer, "counters_exact", json_boolean(drifted == 0));
    if (is_done && call_has(call, "--json"))
        return output_json(answer);
    json_decref(answer);
    if (is_done && drifted)
        return failure_set(failure, FAILURE_WORK, "%lld counters were wrong", (long long)drifted);
    return is_done;
}
