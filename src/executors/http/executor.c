/*
 * The http executor: a task is a request to the kind's target, and the answer is what becomes of
 * the task. Any number of targets share one client, which keeps connections open and uses them
 * again; how many requests run at once is the node's number of slots.
 *
 * Nothing is remembered of an attempt: a node that is killed in the middle of one leaves the task
 * to rescue, and the request is made again under the same idempotency key.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "executors/http/dispatch.h"
#include "executors/http/fetch.h"
#include "executors/http/health.h"
#include "executors/http/reply.h"
#include "executors/http/self_test.h"

enum {
    IDLE_CONNECTIONS_MIN = 256,
    IDLE_MS = 60000,
    SECRET_PAUSE_MS = 2000, /* the first look whether a missing secret is there by now */
    SECRET_PAUSE_MS_MAX = 30000,
};

/* ---- the end ---- */

static void free_dispatcher(struct dispatcher *dispatcher)
{
    secrets_destroy(dispatcher->secrets);
    targets_finish(&dispatcher->targets);
    request_finish(&dispatcher->request);
    free(dispatcher);
}

static void free_dispatch(struct dispatch *dispatch)
{
    target_release(dispatch->target);
    text_finish(&dispatch->reply);
    if (dispatch->sent_secrets.start)
        explicit_bzero(dispatch->sent_secrets.start, dispatch->sent_secrets.length);
    text_finish(&dispatch->sent_secrets);
    free(dispatch);
}

void dispatch_end(struct dispatch *dispatch, struct outcome *outcome)
{
    struct dispatcher *dispatcher = dispatch->dispatcher;
    struct task *task = dispatch->task;
    free_dispatch(dispatch);
    dispatcher->in_flight--;
    if (!dispatcher->is_destroyed) {
        task->state = NULL;
        dispatcher->environment.on_done(dispatcher->environment.engine, task, outcome);
        return;
    }
    free(outcome->error);
    free(outcome->result);
    if (dispatcher->in_flight == 0)
        free_dispatcher(dispatcher);
}

void dispatch_refuse(struct dispatch *dispatch, const char *error_class, const char *error)
{
    struct outcome outcome = {
        .kind = OUTCOME_FAILED,
        .is_final = true,
        .delay_ms = -1,
        .error_class = error_class,
        .error = memory_copy_string(error),
    };
    dispatch_end(dispatch, &outcome);
}

/* The self-test is one node's answer: it says whose. */
static void refuse_self_test(struct dispatch *dispatch, const char *reason)
{
    struct text error = {0};
    text_append_format(&error, "%s (on node %d)", reason, dispatch->task->node_id);
    dispatch_refuse(dispatch, "secret", text_string(&error));
    text_finish(&error);
}

/* Nothing has failed; the pauses grow with the turns that it has had. */
static void wait_for_secret(struct dispatch *dispatch)
{
    int turns = dispatch->task->uncounted_attempts;
    int64_t pause_ms = (int64_t)SECRET_PAUSE_MS << (turns < 4 ? turns : 4);
    struct outcome outcome = {
        .kind = OUTCOME_AGAIN,
        .delay_ms = pause_ms < SECRET_PAUSE_MS_MAX ? pause_ms : SECRET_PAUSE_MS_MAX,
        .error_class = "secret",
        .error = memory_copy_string(text_string(&dispatch->dispatcher->request.reason)),
    };
    dispatch_end(dispatch, &outcome);
}

/* ---- the request ---- */

static void on_body(void *context, struct slice piece)
{
    reply_feed(context, piece);
}

static void on_done(void *context, const struct http_result *result)
{
    struct dispatch *dispatch = context;
    struct outcome outcome = {.kind = OUTCOME_RETURNED}; /* cancelled: nobody's fault */
    dispatch->transfer = NULL;
    if (fetch_is_to_be_saved(dispatch, result)) {
        fetch_save(dispatch, result);
        return;
    }
    if (result->failure != HTTP_FAILURE_CANCELLED)
        outcome = dispatch->is_self_test ? self_test_outcome(dispatch, result)
                                         : reply_outcome(dispatch, result);
    if (!dispatch->dispatcher->is_destroyed)
        health_note(dispatch, result, &outcome);
    dispatch_end(dispatch, &outcome);
}

static void send_request(struct dispatch *dispatch)
{
    static const struct http_callbacks callbacks = {NULL, on_body, on_done};
    struct request *request = &dispatch->dispatcher->request;
    struct http_request view = request_view(request, dispatch->target);
    view.is_alone = dispatch->is_self_test; /* so that name, connection and TLS are tried out too */
    text_append_slice(&dispatch->sent_secrets, text_slice(&request->sent_secrets));
    dispatch->transfer =
        http_client_start(dispatch->dispatcher->client, &view, &callbacks, dispatch);
}

static enum request_step build(struct dispatch *dispatch)
{
    struct dispatcher *dispatcher = dispatch->dispatcher;
    uint64_t now_ms = uv_now(dispatcher->environment.loop);
    if (dispatch->is_self_test)
        return request_build_self_test(&dispatcher->request, dispatch->target, dispatch->task,
                                       dispatcher->secrets, now_ms);
    return request_build(&dispatcher->request, dispatch->target, dispatch->task,
                         dispatcher->environment.installation, dispatcher->secrets, now_ms);
}

static void begin(struct dispatch *dispatch)
{
    const char *reason;
    if (dispatch->target->fault) {
        health_drop_probe(dispatch);
        dispatch_refuse(dispatch, "refused", dispatch->target->fault);
        return;
    }
    enum request_step step = build(dispatch);
    if (step != REQUEST_IS_READY)
        health_drop_probe(dispatch);
    switch (step) {
    case REQUEST_IS_READY:
        send_request(dispatch);
        break;
    case REQUEST_WAITS:
        reason = text_string(&dispatch->dispatcher->request.reason);
        if (dispatch->is_self_test)
            refuse_self_test(dispatch, reason);
        else
            wait_for_secret(dispatch);
        break;
    case REQUEST_IS_REFUSED:
        reason = text_string(&dispatch->dispatcher->request.reason);
        dispatch_refuse(dispatch, "refused", reason);
        break;
    }
}

static void dispatch_start(void *self, struct task *task)
{
    struct dispatcher *dispatcher = self;
    struct dispatch *dispatch = memory_zeroed(1, sizeof *dispatch);
    dispatch->dispatcher = dispatcher;
    dispatch->task = task;
    dispatch->target = targets_take(&dispatcher->targets, task->job);
    dispatch->is_self_test = self_test_is_wanted(task->job);
    dispatch->started_ms = uv_now(dispatcher->environment.loop);
    dispatcher->in_flight++;
    task->state = dispatch;
    if (health_lets_begin(dispatch))
        begin(dispatch);
}

static void dispatch_cancel(void *self, struct task *task)
{
    struct dispatch *dispatch = task->state;
    if (dispatch->save)
        save_cancel(dispatch->save);
    else
        http_transfer_cancel(dispatch->transfer); /* what has none has ended inside start() */
}

/* ---- the executor ---- */

static void *dispatcher_create(const struct executor_environment *environment)
{
    struct dispatcher *dispatcher = memory_zeroed(1, sizeof *dispatcher);
    int slots = environment->slots;
    dispatcher->environment = *environment;
    dispatcher->secrets = secrets_create(environment->secret_files);
    dispatcher->client = http_client_create(
        environment->loop,
        &(struct http_limits){.idle_connections =
                                  slots > IDLE_CONNECTIONS_MIN ? slots : IDLE_CONNECTIONS_MIN,
                              .idle_ms = IDLE_MS});
    dispatcher->saves = saves_create(environment->loop, environment->database_url);
    health_init(dispatcher);
    return dispatcher;
}

static int dispatcher_room(void *self)
{
    const struct dispatcher *dispatcher = self;
    return dispatcher->environment.slots - dispatcher->in_flight;
}

static void dispatcher_forget_job(void *self, int64_t job_id)
{
    /* Targets belong to kinds, and are few. */
}

static bool dispatcher_settle(void *self)
{
    return true;
}

/* What is in flight ends with its transfer, as the loop turns. */
static void dispatcher_destroy(void *self)
{
    struct dispatcher *dispatcher = self;
    dispatcher->is_destroyed = true;
    dispatcher->in_flight++; /* it stays while saves end */
    http_client_destroy(dispatcher->client);
    saves_destroy(dispatcher->saves);
    health_finish(dispatcher);
    if (--dispatcher->in_flight == 0)
        free_dispatcher(dispatcher);
}

static int dispatcher_leave_ms(void *self, const struct job_facts *job, int node_id)
{
    return health_leave_ms(self, job, node_id);
}

const struct executor http_executor = {
    "http",
    dispatcher_create,
    dispatcher_room,
    dispatch_start,
    dispatch_cancel,
    dispatcher_forget_job,
    dispatcher_settle,
    dispatcher_destroy,
    .leave_ms = dispatcher_leave_ms,
    .divides_room = true,
};
