/*
 * A question waits in `waiting` until the connection is ready, and in `asked` until it is answered;
 * back again, what is in `asked` goes to the head of `waiting`.
 */
#include "executors/http/dispatch_database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "pg/connection.h"

enum { VALUES_MAX = 6, IDLE_MS = 10000 };

struct question {
    struct list link;
    struct dispatch_database *database;
    const char *sql;
    int count;
    char *values[VALUES_MAX]; /* the first is what it is about */
    void (*tell)(const struct question *, const struct pg_result *, const struct failure *);
};

struct dispatch_database {
    uv_loop_t *loop;
    char *url;
    const struct dispatch_answers *answers;
    void *context;
    struct pg_connection *connection;
    struct list waiting, asked;
    uv_timer_t *closer; /* a connection is not destroyed from inside its callbacks */
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

static void close_connection(struct dispatch_database *database)
{
    if (database->connection)
        pg_connection_destroy(database->connection);
    database->connection = NULL;
}

static void on_closer(uv_timer_t *timer)
{
    struct dispatch_database *database = timer->data;
    if (list_is_empty(&database->waiting) && list_is_empty(&database->asked))
        close_connection(database);
}

/* ---- asking ---- */

static void on_result(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct question *question = context;
    struct dispatch_database *database = question->database;
    if (!result && !failure->sqlstate[0])
        return; /* the connection is lost: asked again by on_ready */
    question->tell(question, result, failure);
    free_question(question);
    uv_timer_start(database->closer, on_closer, IDLE_MS, 0);
}

static void ask_waiting(struct dispatch_database *database)
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
    struct dispatch_database *database = context;
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

static void
ask(struct dispatch_database *database, const char *sql, int count, const char *const *values,
    void (*tell)(const struct question *, const struct pg_result *, const struct failure *))
{
    static const struct pg_connection_events events = {.on_ready = on_ready, .on_lost = on_lost};
    struct question *question = memory_zeroed(1, sizeof *question);
    list_init(&question->link);
    question->database = database;
    question->sql = sql;
    question->count = count;
    question->tell = tell;
    for (int i = 0; i < count; i++)
        question->values[i] = values[i] ? memory_copy_string(values[i]) : NULL;
    list_append(&database->waiting, &question->link);
    if (!database->connection)
        database->connection =
            pg_connection_create(database->loop, database->url, "dispatch", &events, database);
    ask_waiting(database);
}

/* ---- the questions ---- */

static void complain(const struct question *question, const struct failure *failure)
{
    if (failure)
        log_warning("could not tell the database of %s: %s", question->values[0], failure->message);
}

static void tell_told(const struct question *question, const struct pg_result *result,
                      const struct failure *failure)
{
    const struct dispatch_database *database = question->database;
    complain(question, failure);
    database->answers->on_told(database->context, question->values[0], result != NULL);
}

void dispatch_database_open_breaker(struct dispatch_database *database, const char *target,
                                    const struct breaker_report *report, bool is_probe)
{
    char pause[24], node[16], age[24];
    struct text error = {0};
    text_append_utf8(&error, slice_of_string(report->error));
    snprintf(pause, sizeof pause, "%lld", (long long)report->pause_ms);
    snprintf(node, sizeof node, "%d", report->node_id);
    snprintf(age, sizeof age, "%lld", (long long)report->age_ms);
    const char *const values[] = {target, text_string(&error),  pause,
                                  node,   is_probe ? "t" : "f", age};
    ask(database, "select pawl.open_breaker($1, $2, $3, $4, $5, $6)", 6, values, tell_told);
    text_finish(&error);
}

static void tell_nobody(const struct question *question, const struct pg_result *result,
                        const struct failure *failure)
{
    complain(question, failure); /* another probe comes when this one's time is over */
}

void dispatch_database_close_breaker(struct dispatch_database *database, const char *target,
                                     int node_id)
{
    char node[16];
    snprintf(node, sizeof node, "%d", node_id);
    const char *const values[] = {target, node};
    ask(database, "select pawl.close_breaker($1, $2)", 2, values, tell_nobody);
}

void dispatch_database_note_missing_secret(struct dispatch_database *database, int node_id,
                                           const char *kind, const char *error)
{
    char node[16];
    snprintf(node, sizeof node, "%d", node_id);
    const char *const values[] = {kind, node, error};
    ask(database, "select pawl.note_missing_secret($2, $1, $3)", 3, values, tell_nobody);
}

/* How the database says no, in words of ours. */
static const struct {
    const char *sqlstate, *words;
} refusals[] = {
    {"3F000", "the database has no schema vault"},
    {"42P01", "the database has no view vault.decrypted_secrets"},
    {"42703", "the view vault.decrypted_secrets has no columns name and decrypted_secret"},
    {"42501", "the role of the node may not read vault.decrypted_secrets"},
};

static const char *explain_refusal(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (strcmp(sqlstate, refusals[i].sqlstate) == 0)
            return refusals[i].words;
    return "the database refuses to tell it";
}

static void tell_vault(const struct question *question, const struct pg_result *result,
                       const struct failure *failure)
{
    const struct dispatch_database *database = question->database;
    const char *reason = NULL;
    struct slice value = {NULL, 0};
    if (!result)
        reason = explain_refusal(failure->sqlstate);
    else if (pg_result_rows(result) == 0)
        reason = "the vault has none of that name";
    else if (pg_result_is_null(result, 0, 0))
        reason = "it is empty";
    else
        value = pg_result_slice(result, 0, 0);
    database->answers->on_vault(database->context, question->values[0], value, reason);
}

void dispatch_database_read_vault(struct dispatch_database *database, const char *name)
{
    const char *const values[] = {name};
    ask(database, "select decrypted_secret from vault.decrypted_secrets where name = $1 limit 1", 1,
        values, tell_vault);
}

/* ---- the object ---- */

struct dispatch_database *dispatch_database_create(uv_loop_t *loop, const char *url,
                                                   const struct dispatch_answers *answers,
                                                   void *context)
{
    struct dispatch_database *database = memory_zeroed(1, sizeof *database);
    database->loop = loop;
    database->url = memory_copy_string(url ? url : "");
    database->answers = answers;
    database->context = context;
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

void dispatch_database_destroy(struct dispatch_database *database)
{
    /* destroying the connection answers what was asked, by on_result, which leaves it there */
    close_connection(database);
    free_questions(&database->waiting);
    free_questions(&database->asked);
    uv_close((uv_handle_t *)database->closer, on_closer_closed);
    free(database->url);
    free(database);
}
