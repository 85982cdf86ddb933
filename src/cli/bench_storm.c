/*
 * bench storm: many clients, few jobs, and transactions that change a task in two of them. Three
 * ways to keep counters over the same table: none at all, Pawl's ledger, and the usual advice, a
 * row-level trigger that adds and subtracts on the job's row.
 *
 * Each statement is a round trip with its parameters, as drivers send them and as people who write
 * transactions do. --one-message sends the transaction's four statements together, which leaves the
 * server nothing to do but the statements: the hardest case for a trigger.
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
    {"--tasks", "N", VALUE_INTEGER, 1, 1000, "tasks that a statement changes (default 1)"},
    {"--one-message", NULL, VALUE_FLAG, 0, 0, "send a transaction's statements together"},
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
    "do $$ begin" /* fill factor and the like, which LIKE leaves out */
    "  execute (select string_agg(format('alter table pawl_bench.%I set (%s)', t,"
    "      array_to_string(c.reloptions, ', ')), ';')"
    "    from pg_class c, unnest('{none,row_trigger}'::text[]) t"
    "    where c.oid = 'pawl.tasks'::regclass);"
    "end $$;"
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

#define TURN_STATUS "case status when 'pending' then 'running' else 'pending' end::pawl.task_status"

struct storm {
    const char *database_url, *table;
    int clients, jobs, seconds, tasks;
    bool is_one_message;
    int64_t first_job, first_task;
    pthread_barrier_t start;
    int64_t started_us, duration_us;
};

struct client {
    pthread_t thread;
    struct storm *storm;
    unsigned seed;
    int number;
    int64_t transactions, deadlocks;
    struct failure failure;
};

static int64_t random_below(struct client *client, int limit)
{
    return rand_r(&client->seed) % limit;
}

static bool run_together(struct client *client, struct session *session, const int64_t jobs[2],
                         const int64_t tasks[2])
{
    char sql[768];
    size_t length = (size_t)snprintf(sql, sizeof sql, "begin;");
    for (int i = 0; i < 2; i++)
        length += (size_t)snprintf(sql + length, sizeof sql - length,
                                   "update %s set status = " TURN_STATUS
                                   " where job_id = %lld and id between %lld and %lld;",
                                   client->storm->table, (long long)jobs[i], (long long)tasks[i],
                                   (long long)tasks[i] + client->storm->tasks - 1);
    snprintf(sql + length, sizeof sql - length, "commit");
    return session_run(session, sql, &client->failure);
}

static bool run_statement(struct client *client, struct session *session, const char *sql,
                          int count, const char *const *values)
{
    struct pg_result *result = session_query(session, sql, count, values, &client->failure);
    pg_result_destroy(result);
    return result != NULL;
}

static bool run_apart(struct client *client, struct session *session, const int64_t jobs[2],
                      const int64_t tasks[2])
{
    char sql[256], job[24], first[24], last[24];
    snprintf(sql, sizeof sql,
             "update %s set status = " TURN_STATUS " where job_id = $1 and id between $2 and $3",
             client->storm->table);
    bool is_done = run_statement(client, session, "begin", 0, NULL);
    for (int i = 0; is_done && i < 2; i++) {
        snprintf(job, sizeof job, "%lld", (long long)jobs[i]);
        snprintf(first, sizeof first, "%lld", (long long)tasks[i]);
        snprintf(last, sizeof last, "%lld", (long long)tasks[i] + client->storm->tasks - 1);
        is_done = run_statement(client, session, sql, 3, (const char *const[]){job, first, last});
    }
    return is_done && run_statement(client, session, "commit", 0, NULL);
}

/* Two jobs in any order: that is what makes row-level counters deadlock. */
static bool one_transaction(struct client *client, struct session *session)
{
    struct storm *storm = client->storm;
    int64_t a = random_below(client, storm->jobs), b = random_below(client, storm->jobs - 1);
    b += b >= a;
    /* tasks of each client's own, so that they share jobs and never a task */
    int own_tasks = TASKS_IN_A_JOB / storm->clients;
    int64_t own = storm->first_task + (int64_t)client->number * own_tasks +
                  random_below(client, own_tasks - storm->tasks + 1);
    const int64_t jobs[] = {storm->first_job + a, storm->first_job + b};
    const int64_t tasks[] = {own + a * TASKS_IN_A_JOB, own + b * TASKS_IN_A_JOB};
    return (storm->is_one_message ? run_together : run_apart)(client, session, jobs, tasks);
}

/* Until everybody is connected, and then until the clock has been set. */
static void wait_for_start(struct storm *storm)
{
    pthread_barrier_wait(&storm->start);
    pthread_barrier_wait(&storm->start);
}

/* Counts it, or the deadlock that it fell to. False: it failed otherwise. */
static bool take_turn(struct client *client, struct session *session)
{
    if (one_transaction(client, session)) {
        client->transactions++;
        return true;
    }
    if (strcmp(client->failure.sqlstate, "40P01") != 0)
        return false;
    client->deadlocks++;
    client->failure = (struct failure){0};
    return session_run(session, "rollback", &client->failure);
}

static void *run_client(void *context)
{
    struct client *client = context;
    struct storm *storm = client->storm;
    struct session *session = session_open(storm->database_url, "bench", &client->failure);
    /* one that does not count: a session's first statements make its plans */
    bool is_fine = session && take_turn(client, session);
    wait_for_start(storm);
    client->transactions = 0;
    while (is_fine && clock_now_us() - storm->started_us < storm->duration_us)
        is_fine = take_turn(client, session);
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
    struct storm *storm = client->storm;
    struct session *session = session_open(storm->database_url, "bench", &client->failure);
    int folds = 0;
    wait_for_start(storm);
    while (session && clock_now_us() - storm->started_us < storm->duration_us) {
        struct timespec pause = {0, FOLD_PAUSE_MS * 1000000};
        nanosleep(&pause, NULL);
        if (!session_run(session, folds++ % FOLDS_OF_TAIL ? fold_tail_sql : "select pawl.fold()",
                         &client->failure))
            break;
    }
    session_close(session);
    return NULL;
}

/* What one way to keep counters did, over its turns. */
struct way {
    const char *name, *table;
    int64_t transactions, deadlocks, duration_us;
};

static bool run_turn(struct storm *storm, struct way *way, int64_t duration_us,
                     struct failure *failure)
{
    struct client *clients = memory_zeroed((size_t)storm->clients + 1, sizeof *clients);
    bool is_fine = true;
    storm->table = way->table;
    storm->duration_us = duration_us;
    pthread_barrier_init(&storm->start, NULL, (unsigned)storm->clients + 2);
    for (int i = 0; i <= storm->clients; i++) {
        clients[i].storm = storm;
        clients[i].seed = (unsigned)i;
        clients[i].number = i;
        pthread_create(&clients[i].thread, NULL, i < storm->clients ? run_client : run_folder,
                       &clients[i]);
    }
    pthread_barrier_wait(&storm->start);
    storm->started_us = clock_now_us();
    pthread_barrier_wait(&storm->start);
    for (int i = 0; i <= storm->clients; i++) {
        pthread_join(clients[i].thread, NULL);
        way->transactions += clients[i].transactions;
        way->deadlocks += clients[i].deadlocks;
        if (clients[i].failure.class && is_fine) {
            *failure = clients[i].failure;
            is_fine = false;
        }
    }
    pthread_barrier_destroy(&storm->start);
    way->duration_us += duration_us;
    free(clients);
    return is_fine;
}

/* There and back, so that what drifts (a table that grows, a neighbour) favours neither. */
static bool run_ways(struct storm *storm, struct way ways[3], struct failure *failure)
{
    static const int turns[] = {0, 1, 1, 0, 2, 2};
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
        if (!run_turn(storm, &ways[turns[i]], (int64_t)storm->seconds * 500000, failure))
            return false;
    return true;
}

static double tps_of(const struct way *way)
{
    return (double)way->transactions * 1e6 / (double)way->duration_us;
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
    struct way ways[] = {{.name = "none", .table = "pawl_bench.none"},
                         {.name = "ledger", .table = "pawl.tasks"},
                         {.name = "row_trigger", .table = "pawl_bench.row_trigger"}};
    struct storm storm = {.clients = (int)call_integer(call, "--clients", 32),
                          .jobs = (int)call_integer(call, "--jobs", 6),
                          .seconds = (int)call_integer(call, "--seconds", 8),
                          .tasks = (int)call_integer(call, "--tasks", 1),
                          .is_one_message = call_has(call, "--one-message")};
    if (storm.clients * storm.tasks > TASKS_IN_A_JOB)
        return failure_set(failure, FAILURE_USAGE, "--clients times --tasks must be at most %d",
                           TASKS_IN_A_JOB);
    struct bench bench;
    json_t *answer = json_object();
    int64_t drifted = 0;
    if (!bench_begin(&bench, call, failure))
        return false;
    storm.database_url = bench.database_url;
    bool is_done = prepare(&bench, &storm, failure) && run_ways(&storm, ways, failure);
    for (int i = 0; is_done && i < 3; i++) {
        json_object_set_new(answer, ways[i].name,
                            json_pack("{s:f,s:I}", "tps", tps_of(&ways[i]), "deadlocks",
                                      (json_int_t)ways[i].deadlocks));
        if (!call_has(call, "--json"))
            output_line("%-12s %8.0f tps %6lld deadlocks", ways[i].name, tps_of(&ways[i]),
                        (long long)ways[i].deadlocks);
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
