/*
 * Measures dispatch: tasks of a kind with the executor http, sent by a node that somebody else runs
 * to the receiver in this program (receiver.h).
 *
 *   dispatch_tool --db URL [--samples N] [--hanging N | --subscribe]
 *
 * One pawl.enqueue at a time, each when all is asleep: from the acknowledgement of its commit to
 * the moment in which the receiver has read the request. A request that comes before the producer
 * has its acknowledgement counts as it is. With --hanging so many tasks of another kind have been
 * put in before, and their target answers none. With --subscribe it is no pawl.enqueue but a
 * pawl.subscribe, each time by another viewer to another key that has no data, and the request is
 * that of the refresh.
 *
 *   dispatch_tool --db URL --burst N
 *
 * N tasks in transactions of 1,000: from the first commit until the receiver has had each of them,
 * by its Idempotency-Key.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "receiver.h"
#include "tool.h"

enum {
    WARM_UP = 50,
    PAUSE_MS = 5,
    WAIT_S = 20,
    BURST_STEP = 1000,
    BURST_WAIT_S = 240,
    HANGING_SETTLE_MS = 1000,
};

struct options {
    const char *db;
    int samples, hanging, burst;
    bool is_graphile, is_subscribing;
};

static void define_kind(PGconn *connection, const char *name, int port, const char *path)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "select pawl.define_kind('%s', 'http', 'http://127.0.0.1:%d%s', p_timeout_ms => 60000,"
             " p_options => '{\"allow_private\": true}')",
             name, port, path);
    tool_execute(connection, sql);
}

/* A data type whose refreshes are tasks of that kind, and numbers for its viewers and keys. */
static void define_data_type(PGconn *connection)
{
    tool_execute(connection,
                 "select pawl.define_data_type('bench.post', 'bench.post', p_ttl => '1 day');"
                 "create sequence bench_numbers");
}

/* Both as their documentation says: one task in a call, many in an array. */
static void write_enqueue(const struct options *options, int port, char sql[512])
{
    if (options->is_subscribing)
        snprintf(sql, 512,
                 "select s.state from nextval('bench_numbers') n,"
                 " pawl.subscribe('bench.post', 'key ' || n, 'viewer ' || n, '1 hour') s");
    else if (options->is_graphile)
        snprintf(sql, 512,
                 "select graphile_worker.add_job('post',"
                 " '{\"url\": \"http://127.0.0.1:%d/\", \"order\": 4711}')",
                 port);
    else
        snprintf(sql, 512,
                 "select pawl.enqueue('bench.post', '{\"order\": 4711}') where $1::text <> ''");
}

static void enqueue_many(const struct options *options, PGconn *connection, int port, int count)
{
    char sql[512];
    if (options->is_graphile)
        snprintf(sql, sizeof sql,
                 "select count(*) from graphile_worker.add_jobs(array("
                 "select json_populate_record(null::graphile_worker.job_spec, '{\"identifier\":"
                 " \"post\", \"payload\": {\"url\": \"http://127.0.0.1:%d/\", \"order\": 4711}}')"
                 " from generate_series(1, %d)))",
                 port, count);
    else
        snprintf(sql, sizeof sql,
                 "select pawl.add_tasks(pawl.standing_job('bench.post'),"
                 " array(select jsonb '{\"order\": 4711}' from generate_series(1, %d)))",
                 count);
    tool_execute(connection, sql);
}

static void pause_ms(int milliseconds)
{
    nanosleep(
        &(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000},
        NULL);
}

/* ---- one at a time ---- */

static void start_hanging(PGconn *connection, struct receiver *receiver, int count)
{
    char sql[160];
    define_kind(connection, "bench.hang", receiver_port(receiver), "/hang");
    snprintf(
        sql, sizeof sql,
        "select count(*) from (select pawl.enqueue('bench.hang') from generate_series(1, %d)) e",
        count);
    tool_execute(connection, sql);
    if (!receiver_wait_for_hanging(receiver, 1, tool_now_s() + WAIT_S).hanging)
        tool_fail("no request came to the target that hangs", NULL);
    pause_ms(HANGING_SETTLE_MS);
}

static double measure_sample(PGconn *connection, struct receiver *receiver, int sample)
{
    pause_ms(PAUSE_MS);
    PGresult *result = PQexecPrepared(connection, "enqueue", 0, NULL, NULL, NULL, 0);
    double committed_s = tool_now_s();
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        tool_fail("enqueue", connection);
    PQclear(result);
    struct receiver_counts counts =
        receiver_wait_for_tasks(receiver, sample + 1, committed_s + WAIT_S);
    if (counts.tasks != sample + 1)
        tool_fail("a task did not come", NULL);
    return (counts.last_s - committed_s) * 1000;
}

static void measure_latency(const struct options *options, PGconn *connection)
{
    size_t count = (size_t)options->samples;
    struct receiver *receiver = receiver_start(options->samples + WARM_UP);
    double *samples_ms = calloc(count, sizeof *samples_ms);
    if (!samples_ms)
        tool_fail("out of memory", NULL);
    char sql[512];
    if (!options->is_graphile)
        define_kind(connection, "bench.post", receiver_port(receiver), "/");
    if (options->is_subscribing)
        define_data_type(connection);
    write_enqueue(options, receiver_port(receiver), sql);
    tool_prepare(connection, "enqueue", sql);
    if (options->hanging)
        start_hanging(connection, receiver, options->hanging);
    for (int i = 0; i < WARM_UP + options->samples; i++) {
        double latency_ms = measure_sample(connection, receiver, i);
        if (i >= WARM_UP)
            samples_ms[i - WARM_UP] = latency_ms;
    }
    struct receiver_counts counts = receiver_counts(receiver);
    printf("{\"samples\":%d,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"hanging\":%ld,\"connections\":%ld}\n",
           options->samples, tool_percentile(samples_ms, count, 0.5),
           tool_percentile(samples_ms, count, 0.99), counts.hanging, counts.connections);
    free(samples_ms);
}

/* ---- a burst ---- */

static void measure_burst(const struct options *options, PGconn *connection)
{
    struct receiver *receiver = receiver_start(options->burst);
    double began_s = 0;
    if (!options->is_graphile)
        define_kind(connection, "bench.post", receiver_port(receiver), "/");
    for (int left = options->burst; left > 0; left -= BURST_STEP) {
        enqueue_many(options, connection, receiver_port(receiver),
                     left < BURST_STEP ? left : BURST_STEP);
        if (!began_s)
            began_s = tool_now_s();
    }
    double inserted_s = tool_now_s();
    struct receiver_counts counts =
        receiver_wait_for_tasks(receiver, options->burst, inserted_s + BURST_WAIT_S);
    double seconds = counts.last_s - began_s;
    printf(
        "{\"tasks\":%d,\"received\":%ld,\"requests\":%ld,\"lost\":%ld,\"repeated\":%ld,"
        "\"connections\":%ld,\"seconds\":%.4f,\"insert_seconds\":%.4f,\"posts_per_second\":%.1f}\n",
        options->burst, counts.tasks, counts.requests, options->burst - counts.tasks,
        counts.requests - counts.tasks, counts.connections, seconds, inserted_s - began_s,
        (double)counts.tasks / seconds);
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"db", required_argument, NULL, 'd'},
        {"samples", required_argument, NULL, 's'},
        {"hanging", required_argument, NULL, 'h'},
        {"burst", required_argument, NULL, 'b'},
        {"graphile", no_argument, NULL, 'g'},
        {"subscribe", no_argument, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.samples = 500};
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (letter == 'd')
            options.db = optarg;
        else if (letter == 's')
            options.samples = tool_parse_count("--samples", optarg);
        else if (letter == 'h')
            options.hanging = tool_parse_count("--hanging", optarg);
        else if (letter == 'g')
            options.is_graphile = true;
        else if (letter == 'u')
            options.is_subscribing = true;
        else if (letter == 'b')
            options.burst = tool_parse_count("--burst", optarg);
        else
            exit(2);
    }
    if (!options.db || optind < argc) {
        fputs("usage: dispatch_tool --db URL [--samples N] [--hanging N] [--burst N]"
              " [--graphile] [--subscribe]\n",
              stderr);
        exit(2);
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    PGconn *connection = tool_connect(options.db);
    if (options.burst)
        measure_burst(&options, connection);
    else
        measure_latency(&options, connection);
    PQfinish(connection);
    return 0;
}
