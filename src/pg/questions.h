/*
 * Questions that somebody asks of the database beside the engine, over a connection of his own:
 * made at the first question, given up when nothing was asked for a while.
 *
 * They must be such that can be asked twice without harm: what a lost connection has left
 * unanswered is asked again when it is back. So an answer may take as long as the database is away,
 * but it comes.
 */
#ifndef PAWL_PG_QUESTIONS_H
#define PAWL_PG_QUESTIONS_H

#include <stdbool.h>
#include <uv.h>

#include "base/failure.h"
#include "base/list.h"
#include "pg/connection.h"

enum { PG_QUESTION_VALUES = 7 };

struct pg_questions;
struct pg_question;

/* An answer comes from the loop, once, unless the questions are destroyed before; nothing of it
 * outlives the call. failure is NULL when it worked. */
typedef void pg_tell_fn(const struct pg_question *question, const struct pg_result *result,
                        const struct failure *failure);
/* Some function, to be cast to what it is. */
typedef void pg_any_fn(void);

struct pg_question {
    struct list link;
    struct pg_questions *questions;
    const char *sql; /* static */
    int count;
    char *values[PG_QUESTION_VALUES]; /* copies; NULL is null */
    pg_tell_fn *tell;
    /* For tell: who asked, whom he tells and with what. */
    void *owner;
    pg_any_fn *answer;
    void *context;
};

/* name: of the connection, for logs. idle_ms: how long it stays without questions; negative: until
 * pg_questions_rest(). */
struct pg_questions *pg_questions_create(uv_loop_t *loop, const char *url, const char *name,
                                         int64_t idle_ms);
/* Questions that are not answered are dropped. NULL: nothing. */
void pg_questions_destroy(struct pg_questions *questions);

/* A question for tell, which may be given more before it is asked. */
struct pg_question *pg_question_new(struct pg_questions *questions, const char *sql, int count,
                                    const char *const *values, pg_tell_fn *tell);
void pg_question_ask(struct pg_question *question);

/* Nothing waits for an answer. */
bool pg_questions_are_answered(const struct pg_questions *questions);
/* Gives the connection up as soon as nothing waits for an answer. */
void pg_questions_rest(struct pg_questions *questions);

#endif
