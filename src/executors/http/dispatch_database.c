#include "executors/http/dispatch_database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "pg/questions.h"

enum { IDLE_MS = 10000 };

struct dispatch_database {
    struct pg_questions *questions;
    const struct dispatch_answers *answers;
    void *context;
};

/* The first of the values is what it is about. */
static void ask(struct dispatch_database *database, const char *sql, int count,
                const char *const *values, pg_tell_fn *tell)
{
    struct pg_question *question = pg_question_new(database->questions, sql, count, values, tell);
    question->owner = database;
    pg_question_ask(question);
}

/* ---- the questions ---- */

static void complain(const struct pg_question *question, const struct failure *failure)
{
    if (failure)
        log_warning("could not tell the database of %s: %s", question->values[0], failure->message);
}

static void tell_told(const struct pg_question *question, const struct pg_result *result,
                      const struct failure *failure)
{
    const struct dispatch_database *database = question->owner;
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

static void tell_nobody(const struct pg_question *question, const struct pg_result *result,
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

static void tell_vault(const struct pg_question *question, const struct pg_result *result,
                       const struct failure *failure)
{
    const struct dispatch_database *database = question->owner;
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
    database->questions = pg_questions_create(loop, url, "dispatch", IDLE_MS);
    database->answers = answers;
    database->context = context;
    return database;
}

void dispatch_database_destroy(struct dispatch_database *database)
{
    pg_questions_destroy(database->questions);
    free(database);
}
