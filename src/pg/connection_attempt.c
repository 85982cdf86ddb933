#include "pg/connection_attempt.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "pg/connection_socket.h"
#include "pg/result.h"

enum { CONNECT_DEADLINE_MS = 10000 };

struct connection_attempt {
    char *url, *application;
    connection_attempt_fn *on_done;
    void *context;
    PGconn *inner;
    struct connection_socket socket;
    uv_timer_t timer;
};

static void end(struct connection_attempt *attempt, const struct failure *failure)
{
    PGconn *inner = attempt->inner;
    attempt->inner = NULL;
    uv_timer_stop(&attempt->timer);
    connection_socket_stop(&attempt->socket);
    if (failure)
        PQfinish(inner);
    attempt->on_done(attempt->context, failure ? NULL : inner, failure);
}

static void fail(struct connection_attempt *attempt)
{
    struct failure failure = {0};
    pg_failure_from(&failure, NULL, PQerrorMessage(attempt->inner));
    end(attempt, &failure);
}

static void on_socket(void *context, int status, int events)
{
    struct connection_attempt *attempt = context;
    /* libpq may open another socket of the same number: several hosts, another try without TLS */
    connection_socket_stop(&attempt->socket);
    switch (PQconnectPoll(attempt->inner)) {
    case PGRES_POLLING_READING:
        connection_socket_watch(&attempt->socket, PQsocket(attempt->inner), UV_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        connection_socket_watch(&attempt->socket, PQsocket(attempt->inner), UV_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        end(attempt, NULL);
        break;
    default:
        fail(attempt);
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct failure failure = {0};
    failure_set(&failure, FAILURE_DATABASE, "could not connect to the database within %d s",
                CONNECT_DEADLINE_MS / 1000);
    end(timer->data, &failure);
}

static void on_begin(uv_timer_t *timer)
{
    struct connection_attempt *attempt = timer->data;
    /* A dead peer is noticed within about 20 s, also in the middle of a statement. The string's own
     * settings come after and win. */
    static const char *const names[] = {"keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        "dbname",
                                        "application_name",
                                        NULL};
    const char *const values[] = {"10", "3", "3", "20000", attempt->url, attempt->application,
                                  NULL};
    attempt->inner = PQconnectStartParams(names, values, 1);
    CHECK(attempt->inner != NULL);
    uv_timer_start(&attempt->timer, on_deadline, CONNECT_DEADLINE_MS, 0);
    if (PQstatus(attempt->inner) == CONNECTION_BAD)
        fail(attempt);
    else
        connection_socket_watch(&attempt->socket, PQsocket(attempt->inner), UV_WRITABLE);
}

struct connection_attempt *connection_attempt_create(uv_loop_t *loop, const char *url,
                                                     const char *application,
                                                     connection_attempt_fn *on_done, void *context)
{
    struct connection_attempt *attempt = memory_zeroed(1, sizeof *attempt);
    attempt->url = memory_copy_string(url);
    attempt->application = memory_copy_string(application);
    attempt->on_done = on_done;
    attempt->context = context;
    connection_socket_init(&attempt->socket, loop, on_socket, attempt);
    CHECK(uv_timer_init(loop, &attempt->timer) == 0);
    attempt->timer.data = attempt;
    uv_timer_start(&attempt->timer, on_begin, 0, 0);
    return attempt;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct connection_attempt *attempt = handle->data;
    free(attempt->url);
    free(attempt->application);
    free(attempt);
}

void connection_attempt_destroy(struct connection_attempt *attempt)
{
    if (!attempt)
        return;
    connection_socket_stop(&attempt->socket);
    PQfinish(attempt->inner);
    uv_close((uv_handle_t *)&attempt->timer, on_timer_closed);
}
