/*
 * The bare loop: the statements of Pawl's hot path (bare_loop.sql) on three connections, with no
 * engine around them and no task run in between. Its rate is the ceiling for `pawl bench drain`.
 *
 * One connection claims, pipelined two claims deep, job after job, from a cursor kept for each job.
 * Claimed tasks become outcomes at once and gather while the second connection finishes the batch
 * before. The third folds the progress deltas every 100 ms. At the end the folded counters must
 * equal the tasks, or nothing is reported.
 */
#include "base/memory.h"
#include "base/text.h"
#include "tool.h"

#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLAIMS_DEEP = 2, BATCH_CLAIMS = 4, INSERT_BATCH = 10000, WAIT_MS = 100 };
static const double FOLD_PAUSE_S = 0.1;

struct options {
    const char *db, *sql_path;
    int tasks, claim_size, jobs;
    bool is_json;
};

/* Outcomes as the three array literals of bare.finish(), without their closing braces. */
struct outcome_batch {
    struct text jobs, ids, attempts;
    int count;
};

struct loop {
    const struct options *options;
    PGconn *claim, *finish, *fold;
    long long *cursors; /* by job: the last task id claimed; all priorities are equal here */
    int next_job, claims_sent, claims_answered, claimed, finished;
    int claim_jobs[CLAIMS_DEEP]; /* the job of each claim in the pipeline, as a ring */
    struct outcome_batch batch;  /* being filled; libpq has its own copy of the one under way */
    bool is_finishing, is_folding;
    double last_fold_s;
};

struct result {
    double enqueue_rate, drain_rate, wal_bytes_per_task, cpu_us_per_task;
};

static struct text read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        tool_fail(path, NULL);
    struct text text = {0};
    char piece[4096];
    for (size_t got; (got = fread(piece, 1, sizeof piece, file)) > 0;)
        text_append(&text, piece, got);
    fclose(file);
    return text;
}

static void create_schema(PGconn *connection, const struct options *options)
{
    struct text sql = read_file(options->sql_path);
    tool_execute(connection, text_string(&sql));
    text_finish(&sql);
    char insert[128];
    snprintf(insert, sizeof insert, "insert into bare.jobs (id) select generate_series(1, %d)",
             options->jobs);
    tool_execute(connection, insert);
}

static double enqueue_tasks(PGconn *connection, const struct options *options)
{
    double start_s = tool_now_s();
    for (int first = 0; first < options->tasks; first += INSERT_BATCH) {
        int last = first + INSERT_BATCH < options->tasks ? first + INSERT_BATCH : options->tasks;
        char sql[256];
        snprintf(sql, sizeof sql,
                 "insert into bare.tasks (job_id, payload)"
                 " select 1 + n %% %d, jsonb_build_object('id', n)"
                 " from generate_series(%d, %d) as n",
                 options->jobs, first, last - 1);
        tool_execute(connection, sql);
    }
    return options->tasks / (tool_now_s() - start_s);
}

static void add_outcome(struct outcome_batch *batch, int job, const char *id, const char *attempt)
{
    char separator = batch->count++ ? ',' : '{';
    text_append_char(&batch->jobs, separator);
    text_append_integer(&batch->jobs, job);
    text_append_char(&batch->ids, separator);
    text_append_string(&batch->ids, id);
    text_append_char(&batch->attempts, separator);
    text_append_string(&batch->attempts, attempt);
}

static void clear_batch(struct outcome_batch *batch)
{
    text_clear(&batch->jobs);
    text_clear(&batch->ids);
    text_clear(&batch->attempts);
    batch->count = 0;
}

static void send_claim(struct loop *loop)
{
    int job = loop->next_job;
    char job_text[16], size_text[16], id_text[24];
    snprintf(job_text, sizeof job_text, "%d", job);
    snprintf(size_text, sizeof size_text, "%d", loop->options->claim_size);
    snprintf(id_text, sizeof id_text, "%lld", loop->cursors[job]);
    const char *rank_text = loop->cursors[job] ? "0" : "-1";
    const char *values[] = {job_text, size_text, rank_text, id_text};
    if (!PQsendQueryPrepared(loop->claim, "claim", 4, values, NULL, NULL, 0) ||
        !PQpipelineSync(loop->claim) || PQflush(loop->claim) < 0)
        tool_fail("claim", loop->claim);
    loop->claim_jobs[loop->claims_sent++ % CLAIMS_DEEP] = job;
    loop->next_job = job % loop->options->jobs + 1;
}

static void send_claims(struct loop *loop)
{
    int room = loop->options->claim_size * BATCH_CLAIMS;
    while (loop->claims_sent - loop->claims_answered < CLAIMS_DEEP &&
           loop->claimed < loop->options->tasks && loop->batch.count < room)
        send_claim(loop);
}

static void send_finish(struct loop *loop)
{
    struct outcome_batch *batch = &loop->batch;
    if (loop->is_finishing || !batch->count)
        return;
    text_append_char(&batch->jobs, '}');
    text_append_char(&batch->ids, '}');
    text_append_char(&batch->attempts, '}');
    const char *values[] = {text_string(&batch->jobs), text_string(&batch->ids),
                            text_string(&batch->attempts)};
    if (!PQsendQueryPrepared(loop->finish, "finish", 3, values, NULL, NULL, 0) ||
        PQflush(loop->finish) < 0)
        tool_fail("finish", loop->finish);
    loop->is_finishing = true;
    clear_batch(batch);
}

static void send_fold(struct loop *loop)
{
    if (loop->is_folding || tool_now_s() - loop->last_fold_s < FOLD_PAUSE_S)
        return;
    if (!PQsendQuery(loop->fold, "select bare.fold()") || PQflush(loop->fold) < 0)
        tool_fail("fold", loop->fold);
    loop->is_folding = true;
}

static void take_claimed(struct loop *loop, const PGresult *result)
{
    int job = loop->claim_jobs[loop->claims_answered % CLAIMS_DEEP], rows = PQntuples(result);
    for (int row = 0; row < rows; row++) {
        const char *id_text = PQgetvalue(result, row, 0);
        long long id = atoll(id_text);
        if (id > loop->cursors[job])
            loop->cursors[job] = id;
        add_outcome(&loop->batch, job, id_text, PQgetvalue(result, row, 2));
    }
    loop->claimed += rows;
}

static void take_claims(struct loop *loop)
{
    while (loop->claims_answered < loop->claims_sent && !PQisBusy(loop->claim)) {
        PGresult *result = PQgetResult(loop->claim);
        if (!result) /* in a pipeline: the end of one statement's results */
            continue;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_TUPLES_OK)
            take_claimed(loop, result);
        else if (status == PGRES_PIPELINE_SYNC)
            loop->claims_answered++;
        else
            tool_fail("claim", loop->claim);
        PQclear(result);
    }
}

/* Reads a statement's one answer when it is there: the number it returned. */
static bool take_number(PGconn *connection, const char *what, int *number)
{
    if (PQisBusy(connection))
        return false;
    for (PGresult *result; (result = PQgetResult(connection)); PQclear(result)) {
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            tool_fail(what, connection);
        *number = atoi(PQgetvalue(result, 0, 0));
    }
    return true;
}

static void take_finish(struct loop *loop)
{
    int finished = 0;
    if (!loop->is_finishing || !take_number(loop->finish, "finish", &finished))
        return;
    loop->is_finishing = false;
    loop->finished += finished;
}

static void take_fold(struct loop *loop)
{
    int nothing;
    if (!loop->is_folding || !take_number(loop->fold, "fold", &nothing))
        return;
    loop->is_folding = false;
    loop->last_fold_s = tool_now_s();
}

static void wait_for_answers(struct loop *loop)
{
    PGconn *connections[] = {loop->claim, loop->finish, loop->fold};
    struct pollfd sockets[3];
    for (int i = 0; i < 3; i++)
        sockets[i] = (struct pollfd){.fd = PQsocket(connections[i]), .events = POLLIN};
    poll(sockets, 3, WAIT_MS);
    for (int i = 0; i < 3; i++)
        if (sockets[i].revents && !PQconsumeInput(connections[i]))
            tool_fail("read", connections[i]);
}

static void drain_tasks(struct loop *loop)
{
    loop->last_fold_s = tool_now_s();
    while (loop->finished < loop->options->tasks) {
        send_claims(loop);
        send_finish(loop);
        send_fold(loop);
        wait_for_answers(loop);
        take_claims(loop);
        take_finish(loop);
        take_fold(loop);
    }
}

/* Waits for a fold under way, folds the rest, and holds the counters against the tasks. */
static void check_counters(struct loop *loop)
{
    int nothing;
    PQsetnonblocking(loop->fold, 0);
    while (loop->is_folding && !take_number(loop->fold, "fold", &nothing))
        if (!PQconsumeInput(loop->fold))
            tool_fail("fold", loop->fold);
    tool_execute(loop->fold, "select bare.fold()");
    double completed = tool_query_number(loop->fold, "select sum(completed) from bare.jobs");
    double open = tool_query_number(loop->fold, "select sum(pending + running) from bare.jobs");
    if (completed != loop->options->tasks || open != 0)
        tool_fail("the counters do not equal the tasks", NULL);
}

static void open_loop(struct loop *loop, const struct options *options)
{
    *loop = (struct loop){.options = options, .next_job = 1};
    loop->claim = tool_connect(options->db);
    loop->finish = tool_connect(options->db);
    loop->fold = tool_connect(options->db);
    loop->cursors = memory_zeroed((size_t)options->jobs + 1, sizeof *loop->cursors);
}

static void start_pipeline(struct loop *loop)
{
    tool_prepare(loop->claim, "claim", "select * from bare.claim($1, $2, $3, $4, 1)");
    tool_prepare(loop->finish, "finish", "select bare.finish($1, $2, $3, 1)");
    PQsetnonblocking(loop->claim, 1);
    PQsetnonblocking(loop->finish, 1);
    PQsetnonblocking(loop->fold, 1);
    PQenterPipelineMode(loop->claim);
}

static void close_loop(struct loop *loop)
{
    PQfinish(loop->claim);
    PQfinish(loop->finish);
    PQfinish(loop->fold);
    free(loop->cursors);
    text_finish(&loop->batch.jobs);
    text_finish(&loop->batch.ids);
    text_finish(&loop->batch.attempts);
}

static struct result measure(const struct options *options)
{
    static const char wal_sql[] = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn";
    struct loop loop;
    struct result result;
    open_loop(&loop, options);
    create_schema(loop.claim, options);
    result.enqueue_rate = enqueue_tasks(loop.claim, options);
    tool_execute(loop.claim, "vacuum analyze bare.tasks");
    tool_execute(loop.claim, "select bare.fold()");
    start_pipeline(&loop);

    double wal_bytes = tool_query_number(loop.fold, wal_sql);
    double cpu_s = tool_cpu_s(), start_s = tool_now_s();
    drain_tasks(&loop);
    result.drain_rate = options->tasks / (tool_now_s() - start_s);
    result.cpu_us_per_task = (tool_cpu_s() - cpu_s) * 1e6 / options->tasks;
    check_counters(&loop);
    wal_bytes = tool_query_number(loop.fold, wal_sql) - wal_bytes;
    result.wal_bytes_per_task = wal_bytes / options->tasks;
    close_loop(&loop);
    return result;
}

static void print_result(const struct options *options, struct result result)
{
    if (options->is_json)
        printf("{\"tasks\":%d,\"jobs\":%d,\"enqueue_tasks_per_second\":%.0f,"
               "\"drain_tasks_per_second\":%.0f,\"wal_bytes_per_task\":%.1f,"
               "\"client_cpu_us_per_task\":%.3f}\n",
               options->tasks, options->jobs, result.enqueue_rate, result.drain_rate,
               result.wal_bytes_per_task, result.cpu_us_per_task);
    else
        printf("%d tasks in %d jobs: enqueue %.0f tasks/s, drain %.0f tasks/s,"
               " %.0f bytes of WAL and %.2f us of client CPU a task\n",
               options->tasks, options->jobs, result.enqueue_rate, result.drain_rate,
               result.wal_bytes_per_task, result.cpu_us_per_task);
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"db", required_argument, NULL, 'd'},
        {"tasks", required_argument, NULL, 't'},
        {"claim", required_argument, NULL, 'c'},
        {"jobs", required_argument, NULL, 'j'},
        {"sql", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'J'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {
        .sql_path = BARE_LOOP_SQL, .tasks = 200000, .claim_size = 500, .jobs = 10};
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (letter) {
        case 'd':
            options.db = optarg;
            break;
        case 't':
            options.tasks = tool_parse_count("--tasks", optarg);
            break;
        case 'c':
            options.claim_size = tool_parse_count("--claim", optarg);
            break;
        case 'j':
            options.jobs = tool_parse_count("--jobs", optarg);
            break;
        case 's':
            options.sql_path = optarg;
            break;
        case 'J':
            options.is_json = true;
            break;
        default:
            exit(2);
        }
    }
    if (!options.db || optind < argc) {
        fputs(
            "usage: bare_loop --db URL [--tasks N] [--claim N] [--jobs N] [--sql FILE] [--json]\n",
            stderr);
        exit(2);
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    print_result(&options, measure(&options));
    return 0;
}
