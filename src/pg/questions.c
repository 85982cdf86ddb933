/*
 * A question waits in `waiting` until the connection is ready, and in `asked` until it is answered;
 * back again, what is in `asked` goes to the head of `waiting`.
 */
#include "pg/questions.h"

#include <stdlib.h>

#include "base/memory.h"

struct pg_questions {
    uv_loop_t *loop;
    char *url;
    const char *name;
    int64_t idle_ms;
    struct pg_connection *connection;
    struct list waiting, asked;
    uv_timer_t *closer; /* a connection is not destroyed from inside its callbacks */
    bool is_resting;
};

static void free_question(struct pg_question *question)
{
    list_remove(&question->link);
    for (int i = 0; i < question->count; i++)
        free(question->values[i]);
    free(question);
}

static void free_all(struct list *list)
{
    while (!list_is_empty(list))
        free_question(list_object(list_first(list), struct pg_question, link));
}

/* ---- rest ---- */

static void close_connection(struct pg_questions *questions)
{
    if (questions->connection)
        pg_connection_destroy(questions->connection);
    questions->connection = NULL;
}

bool pg_questions_are_answered(const struct pg_questions *questions)
{
    return list_is_empty(&questions->waiting) && list_is_empty(&questions->asked);
}

static void on_closer(uv_timer_t *timer)
{
    struct pg_questions *questions = timer->data;
    if (pg_questions_are_answered(questions))
        close_connection(questions);
}

static void rest_when_idle(struct pg_questions *questions)
{
    if (questions->is_resting)
        uv_timer_start(questions->closer, on_closer, 0, 0);
    else if (questions->idle_ms >= 0)
        uv_timer_start(questions->closer, on_closer, (uint64_t)questions->idle_ms, 0);
}

void pg_questions_rest(struct pg_questions *questions)
{
    questions->is_resting = true;
    rest_when_idle(questions);
}

/* ---- asking ---- */

static void on_result(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct pg_question *question = context;
    struct pg_questions *questions = question->questions;
    if (!result && !failure->sqlstate[0])
        return; /* the connection is lost: asked again by on_ready */
    question->tell(question, result, failure);
    free_question(question);
    rest_when_idle(questions);
}

static void ask_waiting(struct pg_questions *questions)
{
    struct list *first;
    while (pg_connection_is_ready(questions->connection) &&
           (first = list_first(&questions->waiting))) {
        struct pg_question *question = list_object(first, struct pg_question, link);
        list_move(&questions->asked, &question->link);
        pg_connection_query(questions->connection, question->sql, question->count,
                            (const char *const *)question->values, on_result, question);
        pg_connection_end_group(questions->connection);
    }
}

static void on_ready(void *context)
{
    struct pg_questions *questions = context;
    while (!list_is_empty(&questions->asked)) {
        struct list *last = questions->asked.previous;
        list_remove(last);
        list_append(questions->waiting.next, last);
    }
    ask_waiting(questions);
}

static void on_lost(void *context, const struct failure *failure)
{
    /* It comes back by itself, and on_ready() asks again. */
}

struct pg_question *pg_question_new(struct pg_questions *questions, const char *sql, int count,
                                    const char *const *values, pg_tell_fn *tell)
{
    struct pg_question *question = memory_zeroed(1, sizeof *question);
    list_init(&question->link);
    question->questions = questions;
    question->sql = sql;
    question->count = count;
    question->tell = tell;
    for (int i = 0; i < count; i++)
        question->values[i] = values[i] ? memory_copy_string(values[i]) : NULL;
    return question;
}

void pg_question_ask(struct pg_question *question)
{
    static const struct pg_connection_events events = {.on_ready = on_ready, .on_lost = on_lost};
    struct pg_questions *questions = question->questions;
    list_append(&questions->waiting, &question->link);
    questions->is_resting = false;
    uv_timer_stop(questions->closer);
    if (!questions->connection)
        questions->connection = pg_connection_create(questions->loop, questions->url,
                                                     questions->name, &events, questions);
    ask_waiting(questions);
}

/* ---- the object ---- */

struct pg_questions *pg_questions_create(uv_loop_t *loop, const char *url, const char *name,
                                         int64_t idle_ms)
{
    struct pg_questions *questions = memory_zeroed(1, sizeof *questions);
    questions->loop = loop;
    questions->url = memory_copy_string(url ? url : "");
    questions->name = name;
    questions->idle_ms = idle_ms;
    list_init(&questions->waiting);
    list_init(&questions->asked);
    questions->closer = memory_zeroed(1, sizeof *questions->closer);
    uv_timer_init(loop, questions->closer);
    questions->closer->data = questions;
    return questions;
}

static void on_closer_closed(uv_handle_t *handle)
{
    free(handle);
}

void pg_questions_destroy(struct pg_questions *questions)
{
    if (!questions)
        return;
    /* destroying the connection answers what was asked, by on_result, which leaves it there */
    close_connection(questions);
    free_all(&questions->waiting);
    free_all(&questions->asked);
    uv_close((uv_handle_t *)questions->closer, on_closer_closed);
    free(questions->url);
    free(questions);
}
