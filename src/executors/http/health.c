#include "executors/http/health.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "executors/http/self_test.h"

enum {
    PUT_OFF_MS = 1000,      /* tasks that came while the database is told */
    SECRET_PAUSE_MS = 2000, /* between looks for a secret that is missing, */
    AWAITED_PAUSE_MS = 5,   /* or that the database has been asked for */
};

/* ---- breakers ---- */

static void open_breaker(void *context, const char *target, const struct breaker_report *report,
                         bool is_probe)
{
    const struct dispatcher *dispatcher = context;
    dispatch_database_open_breaker(dispatcher->database, target, report, is_probe);
}

static void close_breaker(void *context, const char *target, int node_id)
{
    const struct dispatcher *dispatcher = context;
    dispatch_database_close_breaker(dispatcher->database, target, node_id);
}

static void on_told(void *context, const char *target, bool was_told)
{
    struct dispatcher *dispatcher = context;
    breakers_note_told(&dispatcher->breakers, target, was_told,
                       (int64_t)uv_now(dispatcher->environment.loop) * 1000);
}

static void on_vault(void *context, const char *name, struct slice value, const char *reason)
{
    const struct dispatcher *dispatcher = context;
    secrets_note_vault(dispatcher->secrets, name, uv_now(dispatcher->environment.loop), value,
                       reason);
}

static void ask_vault(void *context, const char *name)
{
    const struct dispatcher *dispatcher = context;
    dispatch_database_read_vault(dispatcher->database, name);
}

void health_init(struct dispatcher *dispatcher)
{
    static const struct breaker_calls calls = {open_breaker, close_breaker};
    static const struct dispatch_answers answers = {on_told, on_vault};
    dispatcher->breakers = (struct breakers){.calls = &calls, .context = dispatcher};
    dispatcher->database = dispatch_database_create(
        dispatcher->environment.loop, dispatcher->environment.database_url, &answers, dispatcher);
    secrets_set_vault(dispatcher->secrets, ask_vault, dispatcher);
}

void health_finish(struct dispatcher *dispatcher)
{
    dispatch_database_destroy(dispatcher->database);
    breakers_finish(&dispatcher->breakers);
}

bool health_lets_begin(struct dispatch *dispatch)
{
    struct breakers *breakers = &dispatch->dispatcher->breakers;
    const char *origin = dispatch->target->origin;
    if (!origin || dispatch->is_self_test)
        return true;
    if (dispatch->task->is_probe)
        breakers_note_probe(breakers, origin, true);
    if (!breakers_puts_off(breakers, origin, dispatch->task->asked_at_us))
        return true;
    struct outcome outcome = {
        .kind = OUTCOME_AGAIN,
        .delay_ms = PUT_OFF_MS,
        .error_class = "breaker",
    };
    dispatch_end(dispatch, &outcome);
    return false;
}

/* Whatever it answers, it is there; 5xx aside, which it says of itself. That a reply is too large,
 * or that we refuse to call it, is not its failure. */
static bool is_well(const struct http_result *result)
{
    if (result->failure == HTTP_FAILURE_NONE || result->failure == HTTP_FAILURE_TOO_LARGE)
        return result->head.status < 500;
    return result->failure == HTTP_FAILURE_REFUSED ||
           (result->failure == HTTP_FAILURE_PROTOCOL && result->is_permanent);
}

/* Did the failure come from the function itself, which may be about this one task? */
static bool is_of_task(const struct http_result *result)
{
    int status = result->head.status;
    return result->failure == HTTP_FAILURE_NONE && status != 502 && status != 503 && status != 504;
}

/* A target may be down for longer than its tasks have attempts: that one of them tried it must cost
 * it none. Unless the function answered: else a task that it can never do would try it for ever; or
 * the function may be at it and must not be called again. */
static void give_back(struct outcome *outcome)
{
    free(outcome->error);
    free(outcome->result);
    *outcome = (struct outcome){.kind = OUTCOME_RETURNED};
}

void health_drop_probe(const struct dispatch *dispatch)
{
    if (dispatch->task->is_probe && dispatch->target->origin && !dispatch->is_self_test)
        breakers_note_probe(&dispatch->dispatcher->breakers, dispatch->target->origin, false);
}

void health_note(struct dispatch *dispatch, const struct http_result *result,
                 struct outcome *outcome)
{
    struct dispatcher *dispatcher = dispatch->dispatcher;
    const struct target *target = dispatch->target;
    bool is_probe = dispatch->task->is_probe;
    if (!target->origin || dispatch->is_self_test)
        return;
    if (result->failure == HTTP_FAILURE_CANCELLED) {
        health_drop_probe(dispatch);
        return;
    }
    const struct breaker_report report = {
        .error = outcome->error ? outcome->error : "",
        .failures = target->breaker_failures,
        .pause_ms = target->breaker_pause_ms,
        .age_ms = (int64_t)(uv_now(dispatcher->environment.loop) - dispatch->started_ms),
        .node_id = dispatch->task->node_id,
    };
    breakers_note(&dispatcher->breakers, target->origin, is_probe, is_well(result), &report);
    if (is_probe && !is_well(result) && !is_of_task(result) && !outcome->is_final)
        give_back(outcome);
}

/* ---- secrets ---- */

/* error: NULL: all are here. */
static void note_secret(struct dispatcher *dispatcher, struct target *target, int node_id,
                        const char *error)
{
    bool is_news = error ? target->lacking_node_id != node_id || !target->lacking ||
                               strcmp(target->lacking, error) != 0
                         : target->lacking_node_id != 0;
    if (!is_news)
        return;
    dispatch_database_note_missing_secret(dispatcher->database, node_id, target->kind, error);
    free(target->lacking);
    target->lacking = error ? memory_copy_string(error) : NULL;
    target->lacking_node_id = error ? node_id : 0;
}

int health_leave_ms(struct dispatcher *dispatcher, const struct job_facts *job, int node_id)
{
    struct target *target = targets_take(&dispatcher->targets, job);
    struct text reason = {0};
    uint64_t now_ms = uv_now(dispatcher->environment.loop);
    bool is_complete = target_has_secrets(target, dispatcher->secrets, now_ms, &reason);
    bool is_awaited = !is_complete && secrets_are_awaited(dispatcher->secrets);
    bool is_self_test = self_test_is_wanted(job); /* which is to say that one is missing */
    if (!is_awaited && !is_self_test)
        note_secret(dispatcher, target, node_id, is_complete ? NULL : text_string(&reason));
    text_finish(&reason);
    target_release(target);
    return is_awaited ? AWAITED_PAUSE_MS : is_complete || is_self_test ? 0 : SECRET_PAUSE_MS;
}
