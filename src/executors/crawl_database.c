/*
 * A question waits in `waiting` until the connection is ready, and in `asked` until it is answered;
 * back again, what is in `asked` goes to the head of `waiting`.
 */
#include "executors/crawl_database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "pg/connection.h"

enum { VALUES_MAX = 7 };

struct question {
    struct list link;
    struct crawl_database *database;
    const char *sql;
    int count;
    char *values[VALUES_MAX];
    void (*tell)(const struct question *, const struct pg_result *, const struct failure *);
    union {
        robots_answer_fn *on_robots;
        saved_fn *on_saved;
        added_fn *on_added;
    } answer;
    void *context;
};

struct crawl_database {
    uv_loop_t *loop;
    char *url;
    struct pg_connection *connection;
    struct list waiting, asked;
    uv_timer_t *closer; /* a connection is not destroyed from inside its callbacks */
    bool is_resting;
};

static void free_question(struct question *question)
{
    list_remove(&question->link);
    for (int i = 0; i < question->count; i++)
        free(question->values[i]);
    free(question);
}

static void free_questions(struct list *list)
{
    while (!list_is_empty(list))
        free_question(list_object(list_first(list), struct question, link));
}

/* ---- rest ---- */

static void close_connection(struct crawl_database *database)
{
    if (database->connection)
        pg_connection_destroy(database->connection);
    database->connection = NULL;
}

bool crawl_database_is_quiet(const struct crawl_database *database)
{
    return list_is_empty(&database->waiting) && list_is_empty(&database->asked);
}

static void on_closer(uv_timer_t *timer)
{
    struct crawl_database *database = timer->data;
    if (database->is_resting && crawl_database_is_quiet(database))
        close_connection(database);
}

static void rest_when_idle(struct crawl_database *database)
{
    if (database->is_resting)
        uv_timer_start(database->closer, on_closer, 0, 0);
}

void crawl_database_rest(struct crawl_database *database)
{
    database->is_resting = true;
    rest_when_idle(database);
}

/* ---- asking ---- */

static void on_result(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct question *question = context;
    struct crawl_database *database = question->database;
    if (!result && !failure->sqlstate[0])
        return; /* the connection is lost: asked again by on_ready */
    if (question->tell)
        question->tell(question, result, failure);
    else if (!result)
        log_warning("could not tell the database what a crawl found: %s", failure->message);
    free_question(question);
    rest_when_idle(database);
}

static void ask_waiting(struct crawl_database *database)
{
    struct list *first;
    while (pg_connection_is_ready(database->connection) &&
           (first = list_first(&database->waiting))) {
        struct question *question = list_object(first, struct question, link);
        list_move(&database->asked, &question->link);
        pg_connection_query(database->connection, question->sql, question->count,
                            (const char *const *)question->values, on_result, question);
        pg_connection_end_group(database->connection);
    }
}

static void on_ready(void *context)
{
    struct crawl_database *database = context;
    while (!list_is_empty(&database->asked)) {
        struct list *last = database->asked.previous;
        list_remove(last);
        list_append(database->waiting.next, last);
    }
    ask_waiting(database);
}

static void on_lost(void *context, const struct failure *failure)
{
    /* It comes back by itself, and on_ready() asks again. */
}

static void connect_if_needed(struct crawl_database *database)
{
    static const struct pg_connection_events events = {.on_ready = on_ready, .on_lost = on_lost};
    if (!database->connection)
        database->connection =
            pg_connection_create(database->loop, database->url, "crawl", &events, database);
}

static struct question *new_question(struct crawl_database *database, const char *sql, int count,
                                     const char *const *values)
{
    struct question *question = memory_zeroed(1, sizeof *question);
    list_init(&question->link);
    question->database = database;
    question->sql = sql;
    question->count = count;
    for (int i = 0; i < count; i++)
        question->values[i] = values[i] ? memory_copy_string(values[i]) : NULL;
    return question;
}

static void ask(struct question *question)
{
    struct crawl_database *database = question->database;
    list_append(&database->waiting, &question->link);
    database->is_resting = false;
    connect_if_needed(database);
    ask_waiting(database);
}

/* ---- the questions ---- */

/* Values that are put together as text, freed after the question has copied them. */
struct arguments {
    char job[24], number[32], node[16], status[16];
    struct text origin, body;
};

static void begin(struct arguments *arguments, int64_t job_id)
{
    *arguments = (struct arguments){0};
    snprintf(arguments->job, sizeof arguments->job, "%lld", (long long)job_id);
}

static void finish(struct arguments *arguments)
{
    text_finish(&arguments->origin);
    text_finish(&arguments->body);
}

static void tell_robots(const struct question *question, const struct pg_result *result,
                        const struct failure *failure)
{
    struct robots_answer answer = {.verdict = ROBOTS_FETCH};
    if (result && pg_result_rows(result) == 1) {
        const char *verdict = pg_result_text(result, 0, 0);
        answer.verdict = strcmp(verdict, "fetch") == 0  ? ROBOTS_FETCH
                         : strcmp(verdict, "wait") == 0 ? ROBOTS_WAIT
                                                        : ROBOTS_KNOWN;
        if (!pg_result_is_null(result, 0, 1))
            answer.robots = pg_result_slice(result, 0, 1);
    }
    question->answer.on_robots(question->context, &answer, failure);
}

void crawl_database_ask_robots(struct crawl_database *database, int64_t job_id, struct slice origin,
                               int node_id, robots_answer_fn *on_answer, void *context)
{
    struct arguments arguments;
    begin(&arguments, job_id);
    text_append_slice(&arguments.origin, origin);
    snprintf(arguments.node, sizeof arguments.node, "%d", node_id);
    const char *const values[] = {arguments.job, text_string(&arguments.origin), arguments.node};
    struct question *question = new_question(
        database, "select verdict, robots from pawl.ask_robots($1, $2, $3)", 3, values);
    question->tell = tell_robots;
    question->answer.on_robots = on_answer;
    question->context = context;
    ask(question);
    finish(&arguments);
}

static void tell_saved(const struct question *question, const struct pg_result *result,
                       const struct failure *failure)
{
    question->answer.on_saved(question->context, failure);
}

void crawl_database_save_robots(struct crawl_database *database, int64_t job_id,
                                struct slice origin, int node_id, int status, struct slice robots,
                                double crawl_delay_ms, const char *sitemaps, saved_fn *on_saved,
                                void *context)
{
    struct arguments arguments;
    begin(&arguments, job_id);
    text_append_slice(&arguments.origin, origin);
    text_append_utf8(&arguments.body, robots);
    snprintf(arguments.node, sizeof arguments.node, "%d", node_id);
    snprintf(arguments.status, sizeof arguments.status, "%d", status);
    snprintf(arguments.number, sizeof arguments.number, "%.3f", crawl_delay_ms);
    const char *const values[] = {
        arguments.job,
        text_string(&arguments.origin),
        arguments.node,
        status ? arguments.status : NULL,
        robots.start ? text_string(&arguments.body) : NULL,
        crawl_delay_ms < 0 ? NULL : arguments.number,
        sitemaps,
    };
    struct question *question =
        new_question(database, "select pawl.save_robots($1, $2, $3, $4, $5, $6, $7)", 7, values);
    question->tell = tell_saved;
    question->answer.on_saved = on_saved;
    question->context = context;
    ask(question);
    finish(&arguments);
}

void crawl_database_forget_robots(struct crawl_database *database, int64_t job_id,
                                  struct slice origin, int node_id)
{
    struct arguments arguments;
    begin(&arguments, job_id);
    text_append_slice(&arguments.origin, origin);
    snprintf(arguments.node, sizeof arguments.node, "%d", node_id);
    const char *const values[] = {arguments.job, text_string(&arguments.origin), arguments.node};
    ask(new_question(database, "select pawl.forget_robots($1, $2, $3)", 3, values));
    finish(&arguments);
}

static void tell_added(const struct question *question, const struct pg_result *result,
                       const struct failure *failure)
{
    bool is_full = result && pg_result_rows(result) == 1 && pg_result_boolean(result, 0, 1);
    question->answer.on_added(question->context, is_full, failure);
}

void crawl_database_add_sitemap_pages(struct crawl_database *database, int64_t job_id,
                                      const char *found, added_fn *on_added, void *context)
{
    struct arguments arguments;
    begin(&arguments, job_id);
    const char *const values[] = {arguments.job, found};
    struct question *question = new_question(
        database, "select added, is_full from pawl.add_sitemap_pages($1, $2)", 2, values);
    question->tell = tell_added;
    question->answer.on_added = on_added;
    question->context = context;
    ask(question);
}

void crawl_database_raise_priorities(struct crawl_database *database, int64_t job_id,
                                     const char *keys, const char *priorities, const char *tier,
                                     int64_t avoided)
{
    struct arguments arguments;
    begin(&arguments, job_id);
    snprintf(arguments.number, sizeof arguments.number, "%lld", (long long)avoided);
    const char *const values[] = {arguments.job, keys, priorities, tier, arguments.number};
    ask(new_question(database, "select pawl.raise_priorities($1, $2, $3, $4, $5)", 5, values));
}

/* ---- the object ---- */

struct crawl_database *crawl_database_create(uv_loop_t *loop, const char *url)
{
    struct crawl_database *database = memory_zeroed(1, sizeof *database);
    database->loop = loop;
    database->url = memory_copy_string(url ? url : "");
    list_init(&database->waiting);
    list_init(&database->asked);
    database->closer = memory_zeroed(1, sizeof *database->closer);
    uv_timer_init(loop, database->closer);
    database->closer->data = database;
    return database;
}

static void on_closer_closed(uv_handle_t *handle)
{
    free(handle);
}

void crawl_database_destroy(struct crawl_database *database)
{
    if (!database)
        return;
    /* destroying the connection answers what was asked, by on_result, which leaves it there */
    close_connection(database);
    free_questions(&database->waiting);
    free_questions(&database->asked);
    uv_close((uv_handle_t *)database->closer, on_closer_closed);
    free(database->url);
    free(database);
}
