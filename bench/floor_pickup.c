/*
 * The pick-up floor: what PostgreSQL itself needs from a committed insert to work that has begun.
 *
 * A producer inserts a row and notifies in one statement; the clock starts when it has the commit's
 * acknowledgement. A consumer thread on a connection of its own waits on LISTEN, updates the row as
 * a claim would, and the clock stops when that commit is acknowledged. No job queue that claims in
 * a transaction can be faster; `pawl bench pickup` is compared with this.
 *
 * The consumer may have its commit before the producer has its own: such a sample counts as it is.
 */
#include "tool.h"

#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WARM_UP = 50, PAUSE_MS = 5, WAIT_MS = 10000 };

static const char schema_sql[] = "set client_min_messages = warning;"
                                 "drop schema if exists pickup_floor cascade;"
                                 "create schema pickup_floor;"
                                 "create table pickup_floor.tasks ("
                                 "  id bigint primary key, taken_at timestamptz);";
static const char insert_sql[] = "with task as ("
                                 "  insert into pickup_floor.tasks (id) values ($1) returning id)"
                                 " select pg_notify('pickup_floor', id::text) from task";
static const char take_sql[] = "update pickup_floor.tasks set taken_at = now() where id = $1";

struct options {
    const char *db;
    int samples;
    bool is_json;
};

struct consumer {
    PGconn *connection;
    int samples;
    pthread_mutex_t mutex;
    pthread_cond_t has_taken;
    int taken;      /* how many so far, under the mutex */
    double taken_s; /* when the newest was, under the mutex */
};

static void execute_with_id(PGconn *connection, const char *statement, const char *id)
{
    PGresult *result = PQexecPrepared(connection, statement, 1, &id, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        tool_fail(statement, connection);
    PQclear(result);
}

static PGnotify *wait_for_notice(PGconn *connection)
{
    for (PGnotify *notice;;) {
        if ((notice = PQnotifies(connection)))
            return notice;
        struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN};
        if (poll(&socket, 1, WAIT_MS) == 0)
            tool_fail("no notification came", NULL);
        if (!PQconsumeInput(connection))
            tool_fail("listen", connection);
    }
}

static void *consume(void *argument)
{
    struct consumer *consumer = argument;
    for (int sample = 0; sample < consumer->samples; sample++) {
        PGnotify *notice = wait_for_notice(consumer->connection);
        execute_with_id(consumer->connection, "take", notice->extra);
        double now_s = tool_now_s();
        PQfreemem(notice);
        pthread_mutex_lock(&consumer->mutex);
        consumer->taken_s = now_s;
        consumer->taken++;
        pthread_cond_signal(&consumer->has_taken);
        pthread_mutex_unlock(&consumer->mutex);
    }
    return NULL;
}

/* When the consumer had taken this sample. */
static double wait_until_taken(struct consumer *consumer, int sample)
{
    pthread_mutex_lock(&consumer->mutex);
    while (consumer->taken <= sample)
        pthread_cond_wait(&consumer->has_taken, &consumer->mutex);
    double taken_s = consumer->taken_s;
    pthread_mutex_unlock(&consumer->mutex);
    return taken_s;
}

static double measure_sample(PGconn *producer, struct consumer *consumer, int sample)
{
    char id[16];
    snprintf(id, sizeof id, "%d", sample);
    execute_with_id(producer, "insert", id);
    double committed_s = tool_now_s();
    double latency_s = wait_until_taken(consumer, sample) - committed_s;
    /* the pause is part of the measure: each sample finds everybody asleep */
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000}, NULL);
    return latency_s * 1000;
}

static void measure(const char *db, int samples, double *latencies_ms)
{
    struct consumer consumer = {
        .samples = samples + WARM_UP,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .has_taken = PTHREAD_COND_INITIALIZER,
    };
    PGconn *producer = tool_connect(db);
    tool_execute(producer, schema_sql);
    tool_prepare(producer, "insert", insert_sql);
    consumer.connection = tool_connect(db);
    tool_prepare(consumer.connection, "take", take_sql);
    tool_execute(consumer.connection, "listen pickup_floor");

    pthread_t thread;
    if (pthread_create(&thread, NULL, consume, &consumer))
        tool_fail("could not start a thread", NULL);
    for (int sample = 0; sample < samples + WARM_UP; sample++) {
        double latency_ms = measure_sample(producer, &consumer, sample);
        if (sample >= WARM_UP)
            latencies_ms[sample - WARM_UP] = latency_ms;
    }
    pthread_join(thread, NULL);
    PQfinish(consumer.connection);
    PQfinish(producer);
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"db", required_argument, NULL, 'd'},
        {"samples", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'J'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.samples = 500};
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (letter == 'd')
            options.db = optarg;
        else if (letter == 's')
            options.samples = tool_parse_count("--samples", optarg);
        else if (letter == 'J')
            options.is_json = true;
        else
            exit(2);
    }
    if (!options.db || optind < argc) {
        fputs("usage: floor_pickup --db URL [--samples N] [--json]\n", stderr);
        exit(2);
    }
    return options;
}

static void print_result(const struct options *options, double p50_ms, double p99_ms)
{
    if (options->is_json)
        printf("{\"samples\":%d,\"p50_ms\":%.4f,\"p99_ms\":%.4f}\n", options->samples, p50_ms,
               p99_ms);
    else
        printf("%d samples: p50 %.3f ms, p99 %.3f ms\n", options->samples, p50_ms, p99_ms);
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    size_t count = (size_t)options.samples;
    double *latencies_ms = calloc(count, sizeof *latencies_ms);
    if (!latencies_ms)
        tool_fail("out of memory", NULL);
    measure(options.db, options.samples, latencies_ms);
    print_result(&options, tool_percentile(latencies_ms, count, 0.5),
                 tool_percentile(latencies_ms, count, 0.99));
    free(latencies_ms);
    return 0;
}
