/*
 * How it works: one PGconn in pipeline mode with a watch on its socket, a timer for the pause
 * before the next attempt to connect, and a list of requests in the order in which they were sent.
 * A request is a statement or the end of a group. Results wait in their requests until the group's
 * sync comes; then the callbacks are called in order.
 *
 * Beside this file: connection_attempt (connecting), with connection_hosts and connection_lookup;
 * connection_socket (the watch); connection_prepared (prepared statements); connection_cancel.
 */
#include "pg/connection.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/memory.h"
#include "pg/connection_attempt.h"
#include "pg/connection_cancel.h"
#include "pg/connection_prepared.h"
#include "pg/connection_socket.h"

enum { FIRST_PAUSE_MS = 50, LONGEST_PAUSE_MS = 5000 };

enum state { PAUSING, CONNECTING, READY, CLOSED };
enum event { TIME_IS_UP, CONNECTED, BROKEN, CLOSE };

struct request {
    struct list link;
    bool is_group_end;
    bool is_preparation;
    const char *sql; /* NULL for a group's end */
    PGresult *result;
    pg_done_fn *on_done;
    void *context;
};

struct pg_connection {
    uv_loop_t *loop;
    char *url, application[64];
    struct pg_connection_events events;
    void *context;
    int state;
    struct connection_attempt *attempt; /* while connecting */
    PGconn *inner;                      /* while ready */
    struct connection_socket socket;
    uv_timer_t timer;
    int pause_ms;
    struct list requests;
    int outstanding;
    struct connection_prepared prepared;
    struct failure failure;
};

static void step(struct pg_connection *connection, enum event event);

static void watch(struct pg_connection *connection, int events)
{
    connection_socket_watch(&connection->socket, PQsocket(connection->inner), events);
}

/* ---- what the steps do ---- */

static void on_timer(uv_timer_t *timer)
{
    step(timer->data, TIME_IS_UP);
}

/* What functions say with "raise notice", and the server when it ends a session: as the log has it,
 * not as libpq would print it. */
static void on_notice(void *context, const PGresult *result)
{
    (void)context;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool is_warning = !severity || strcmp(severity, "WARNING") == 0 ||
                      strcmp(severity, "ERROR") == 0 || strcmp(severity, "FATAL") == 0;
    log_write(is_warning ? LOG_WARNING : LOG_INFO, "the database says: %s", words ? words : "?");
}

static void on_attempt_done(void *context, PGconn *inner, const struct failure *failure)
{
    struct pg_connection *connection = context;
    connection_attempt_destroy(connection->attempt);
    connection->attempt = NULL;
    connection->inner = inner;
    if (inner)
        PQsetNoticeReceiver(inner, on_notice, NULL);
    if (failure)
        connection->failure = *failure;
    step(connection, inner ? CONNECTED : BROKEN);
}

static void begin_connect(void *owner)
{
    struct pg_connection *connection = owner;
    connection->attempt = connection_attempt_create(
        connection->loop, connection->url, connection->application, on_attempt_done, connection);
}

static void on_backend(void *context, const struct pg_result *result, const struct failure *failure)
{
    struct pg_connection *connection = context;
    connection->prepared.is_direct =
        result && pg_result_integer(result, 0, 0) == PQbackendPID(connection->inner);
}

static void become_ready(void *owner)
{
    struct pg_connection *connection = owner;
    connection->pause_ms = FIRST_PAUSE_MS;
    CHECK(PQsetnonblocking(connection->inner, 1) == 0);
    CHECK(PQenterPipelineMode(connection->inner) == 1);
    watch(connection, UV_READABLE);
    pg_connection_query(connection, "select pg_backend_pid()", 0, NULL, on_backend, connection);
    pg_connection_end_group(connection);
    connection->events.on_ready(connection->context);
}

static void disconnect(struct pg_connection *connection)
{
    connection_prepared_clear(&connection->prepared);
    uv_timer_stop(&connection->timer);
    connection_attempt_destroy(connection->attempt);
    connection->attempt = NULL;
    connection_socket_stop(&connection->socket);
    PQfinish(connection->inner);
    connection->inner = NULL;
}

/* Every request is answered exactly once, with the failure that ended the connection. */
static void fail_requests(struct pg_connection *connection)
{
    struct list lost;
    list_init(&lost);
    while (!list_is_empty(&connection->requests))
        list_move(&lost, connection->requests.next);
    connection->outstanding = 0;
    while (!list_is_empty(&lost)) {
        struct request *request = list_object(lost.next, struct request, link);
        list_remove(&request->link);
        if (request->on_done)
            request->on_done(request->context, NULL, &connection->failure);
        PQclear(request->result);
        free(request);
    }
}

static void pause_before_next(void *owner)
{
    struct pg_connection *connection = owner;
    disconnect(connection);
    int pause_ms = connection->pause_ms / 2 + (int)(connection->pause_ms * random_fraction());
    connection->pause_ms =
        connection->pause_ms * 2 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : connection->pause_ms * 2;
    uv_timer_start(&connection->timer, on_timer, (uint64_t)pause_ms, 0);
    fail_requests(connection);
    connection->events.on_lost(connection->context, &connection->failure);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct pg_connection *connection = handle->data;
    free(connection->url);
    free(connection);
}

static void close_for_good(void *owner)
{
    struct pg_connection *connection = owner;
    disconnect(connection);
    failure_set(&connection->failure, FAILURE_DATABASE, "the connection was closed");
    fail_requests(connection);
    uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

static const struct machine_step steps[] = {
    {PAUSING, TIME_IS_UP, CONNECTING, begin_connect, "the pause is over: try again"},
    {PAUSING, CLOSE, CLOSED, close_for_good, "the owner is done"},
    {CONNECTING, CONNECTED, READY, become_ready, "the server has let us in"},
    {CONNECTING, BROKEN, PAUSING, pause_before_next,
     "refused, or no answer: wait, longer each time"},
    {CONNECTING, CLOSE, CLOSED, close_for_good, "the owner is done"},
    {READY, BROKEN, PAUSING, pause_before_next, "the server is gone: its requests are lost"},
    {READY, TIME_IS_UP, PAUSING, pause_before_next, "the same, found out by a send"},
    {READY, CLOSE, CLOSED, close_for_good, "the owner is done"},
};

static void step(struct pg_connection *connection, enum event event)
{
    machine_step(steps, sizeof steps / sizeof *steps, &connection->state, event, connection);
}

/* ---- requests and results ---- */

/* The group at the head of the list has been answered: tell each of its statements. The callbacks
 * may send more, which goes to the end of the list. */
static void complete_group(struct pg_connection *connection)
{
    struct failure failure = {0};
    bool is_pooler_at_fault = false;
    struct list group;
    list_init(&group);
    for (bool is_end = false; !is_end;) {
        struct request *request = list_object(connection->requests.next, struct request, link);
        is_end = request->is_group_end;
        list_move(&group, &request->link);
        ExecStatusType status =
            request->result ? PQresultStatus(request->result) : PGRES_EMPTY_QUERY;
        if (!is_end && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
            status != PGRES_PIPELINE_ABORTED && !failure.class) {
            pg_failure_from(&failure, (struct pg_result *)request->result,
                            "the server sent no result");
            is_pooler_at_fault =
                connection_prepared_is_lost(&connection->prepared, request->sql, request->result);
        }
        if (request->is_preparation && status != PGRES_COMMAND_OK)
            connection_prepared_forget(&connection->prepared, request->sql);
        connection->outstanding -= request->sql && !request->is_preparation;
    }
    if (is_pooler_at_fault) {
        connection->prepared.is_given_up = true;
        failure.sqlstate[0] = '\0';
        connection->failure = failure;
    }
    while (!list_is_empty(&group)) {
        struct request *request = list_object(group.next, struct request, link);
        list_remove(&request->link);
        if (request->on_done)
            request->on_done(request->context,
                             failure.class ? NULL : (struct pg_result *)request->result,
                             failure.class ? &failure : NULL);
        PQclear(request->result);
        free(request);
    }
    if (is_pooler_at_fault)
        step(connection, BROKEN);
}

/* The first request that has no result yet, or NULL. */
static struct request *awaiting(struct pg_connection *connection)
{
    for (struct list *link = connection->requests.next; link != &connection->requests;
         link = link->next) {
        struct request *request = list_object(link, struct request, link);
        if (!request->result)
            return request;
    }
    return NULL;
}

static void read_results(struct pg_connection *connection)
{
    struct request *request;
    int ends = 0; /* in a row: one ends a statement, two mean that a lost connection has no more */
    while (connection->state == READY && (request = awaiting(connection)) && ends < 2 &&
           !PQisBusy(connection->inner)) {
        PGresult *result = PQgetResult(connection->inner);
        ends = result ? 0 : ends + 1;
        if (!result)
            continue;
        request->result = result;
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            CHECK(request->is_group_end);
            complete_group(connection);
        }
    }
}

static void read_notifications(struct pg_connection *connection)
{
    PGnotify *notify;
    while (connection->state == READY && (notify = PQnotifies(connection->inner))) {
        if (connection->events.on_notify)
            connection->events.on_notify(connection->context, notify->extra);
        PQfreemem(notify);
    }
}

static void break_off(struct pg_connection *connection)
{
    pg_failure_from(&connection->failure, NULL, PQerrorMessage(connection->inner));
    step(connection, BROKEN);
}

/* libpq has closed the socket, so no event will come from it. */
static void break_off_next_turn(struct pg_connection *connection)
{
    pg_failure_from(&connection->failure, NULL, PQerrorMessage(connection->inner));
    connection_socket_stop(&connection->socket);
    uv_timer_start(&connection->timer, on_timer, 0, 0);
}

static void flush(struct pg_connection *connection)
{
    int left = PQflush(connection->inner);
    if (left < 0)
        break_off(connection);
    else
        watch(connection, left ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void on_socket(void *context, int status, int events)
{
    struct pg_connection *connection = context;
    bool is_broken = status < 0 || !PQconsumeInput(connection->inner);
    if (is_broken)
        connection_socket_stop(&connection->socket); /* while nobody else has that number */
    read_results(connection);                        /* what came before the break still counts */
    if (connection->state != READY)
        return;
    read_notifications(connection);
    if (connection->state != READY)
        return;
    if (is_broken || PQstatus(connection->inner) == CONNECTION_BAD)
        break_off(connection);
    else
        flush(connection);
}

/* ---- the public part ---- */

struct pg_connection *pg_connection_create(uv_loop_t *loop, const char *url, const char *purpose,
                                           const struct pg_connection_events *events, void *context)
{
    struct pg_connection *connection = memory_zeroed(1, sizeof *connection);
    connection->loop = loop;
    connection->url = memory_copy_string(url);
    snprintf(connection->application, sizeof connection->application, "pawl %s", purpose);
    connection->events = *events;
    connection->context = context;
    connection->state = PAUSING;
    connection->pause_ms = FIRST_PAUSE_MS;
    list_init(&connection->requests);
    connection_socket_init(&connection->socket, loop, on_socket, connection);
    CHECK(uv_timer_init(loop, &connection->timer) == 0);
    connection->timer.data = connection;
    uv_timer_start(&connection->timer, on_timer, 0, 0);
    return connection;
}

void pg_connection_destroy(struct pg_connection *connection)
{
    step(connection, CLOSE);
}

void pg_connection_prepare_nothing(struct pg_connection *connection)
{
    connection->prepared.is_given_up = true;
}

bool pg_connection_is_ready(const struct pg_connection *connection)
{
    return connection->state == READY;
}

int pg_connection_outstanding(const struct pg_connection *connection)
{
    return connection->outstanding;
}

void pg_connection_cancel(struct pg_connection *connection)
{
    if (connection->state == READY)
        connection_cancel_send(connection->inner);
}

static struct request *add_request(struct pg_connection *connection, const char *sql)
{
    struct request *request = memory_zeroed(1, sizeof *request);
    request->sql = sql;
    list_init(&request->link);
    list_append(&connection->requests, &request->link);
    return request;
}

void pg_connection_query(struct pg_connection *connection, const char *sql, int count,
                         const char *const *values, pg_done_fn *on_done, void *context)
{
    CHECK(connection->state == READY);
    char name[PREPARED_NAME_BYTES];
    bool is_new = false;
    bool is_prepared = connection_prepared_find(&connection->prepared, sql, name, &is_new);
    /* When a send fails the connection is broken, which the group's end finds out; the request is
     * then answered with the others. */
    if (is_new) {
        add_request(connection, sql)->is_preparation = true;
        PQsendPrepare(connection->inner, name, sql, count, NULL);
    }
    struct request *request = add_request(connection, sql);
    request->on_done = on_done;
    request->context = context;
    connection->outstanding++;
    if (is_prepared)
        PQsendQueryPrepared(connection->inner, name, count, values, NULL, NULL, 0);
    else
        PQsendQueryParams(connection->inner, sql, count, NULL, values, NULL, NULL, 0);
}

void pg_connection_end_group(struct pg_connection *connection)
{
    CHECK(connection->state == READY);
    add_request(connection, NULL)->is_group_end = true;
    PQpipelineSync(connection->inner);
    /* Not flush(): it may call back, and callers do not expect that from a send. */
    int left = PQflush(connection->inner);
    if (left < 0 || PQstatus(connection->inner) == CONNECTION_BAD)
        break_off_next_turn(connection);
    else
        watch(connection, left ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}
