#include "executors/crawl_database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "pg/questions.h"

struct crawl_database {
    struct pg_questions *questions;
};

bool crawl_database_is_quiet(const struct crawl_database *database)
{
    return pg_questions_are_answered(database->questions);
}

void crawl_database_rest(struct crawl_database *database)
{
    pg_questions_rest(database->questions);
}

/* ---- the questions ---- */

static void complain(const struct pg_question *question, const struct pg_result *result,
                     const struct failure *failure)
{
    if (failure)
        log_warning("could not tell the database what a crawl found: %s", failure->message);
}

static void ask(struct crawl_database *database, const char *sql, int count,
                const char *const *values, pg_tell_fn *tell, pg_any_fn *answer, void *context)
{
    struct pg_question *question = pg_question_new(database->questions, sql, count, values, tell);
    question->answer = answer;
    question->context = context;
    pg_question_ask(question);
}

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

static void tell_robots(const struct pg_question *question, const struct pg_result *result,
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
    ((robots_answer_fn *)question->answer)(question->context, &answer, failure);
}

void crawl_database_ask_robots(struct crawl_database *database, int64_t job_id, struct slice origin,
                               int node_id, robots_answer_fn *on_answer, void *context)
{
    struct arguments arguments;
    begin(&arguments, job_id);
    text_append_slice(&arguments.origin, origin);
    snprintf(arguments.node, sizeof arguments.node, "%d", node_id);
    const char *const values[] = {arguments.job, text_string(&arguments.origin), arguments.node};
    ask(database, "select verdict, robots from pawl.ask_robots($1, $2, $3)", 3, values, tell_robots,
        (pg_any_fn *)on_answer, context);
    finish(&arguments);
}

static void tell_saved(const struct pg_question *question, const struct pg_result *result,
                       const struct failure *failure)
{
    ((saved_fn *)question->answer)(question->context, failure);
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
    ask(database, "select pawl.save_robots($1, $2, $3, $4, $5, $6, $7)", 7, values, tell_saved,
        (pg_any_fn *)on_saved, context);
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
    ask(database, "select pawl.forget_robots($1, $2, $3)", 3, values, complain, NULL, NULL);
    finish(&arguments);
}

static void tell_added(const struct pg_question *question, const struct pg_result *result,
                       const struct failure *failure)
{
    bool is_full = result && pg_result_rows(result) == 1 && pg_result_boolean(result, 0, 1);
    ((added_fn *)question->answer)(question->context, is_full, failure);
}

void crawl_database_add_sitemap_pages(struct crawl_database *database, int64_t job_id,
                                      const char *found, added_fn *on_added, void *context)
{
    struct arguments arguments;
    begin(&arguments, job_id);
    const char *const values[] = {arguments.job, found};
    ask(database, "select added, is_full from pawl.add_sitemap_pages($1, $2)", 2, values,
        tell_added, (pg_any_fn *)on_added, context);
}

void crawl_database_raise_priorities(struct crawl_database *database, int64_t job_id,
                                     const char *keys, const char *priorities, const char *tier,
                                     int64_t avoided)
{
    struct arguments arguments;
    begin(&arguments, job_id);
    snprintf(arguments.number, sizeof arguments.number, "%lld", (long long)avoided);
    const char *const values[] = {arguments.job, keys, priorities, tier, arguments.number};
    ask(database, "select pawl.raise_priorities($1, $2, $3, $4, $5)", 5, values, complain, NULL,
        NULL);
}

/* ---- the object ---- */

struct crawl_database *crawl_database_create(uv_loop_t *loop, const char *url)
{
    struct crawl_database *database = memory_zeroed(1, sizeof *database);
    database->questions = pg_questions_create(loop, url, "crawl", -1);
    return database;
}

void crawl_database_destroy(struct crawl_database *database)
{
    if (!database)
        return;
    pg_questions_destroy(database->questions);
    free(database);
}
