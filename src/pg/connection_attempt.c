/*
 * How it works: host after host, and of each host address after address, until one lets us in. Each
 * has the whole time limit to itself. A PGconn is started for one address and thrown away when that
 * fails. The host's name stays beside the address, for TLS and the password file.
 */
#include "pg/connection_attempt.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "pg/connection_hosts.h"
#include "pg/connection_lookup.h"
#include "pg/connection_socket.h"
#include "pg/result.h"

enum { ARENA_BYTES = 2048 };

struct connection_attempt {
    uv_loop_t *loop;
    struct arena *arena;
    const char *url, *application;
    connection_attempt_fn *on_done;
    void *context;
    struct connection_hosts hosts;
    int place; /* in hosts; -1 before the first */
    struct connection_lookup *lookup;
    struct addrinfo *addresses; /* of that host, when it had to be looked up */
    struct addrinfo *address;   /* to be tried next; NULL: the next host */
    PGconn *inner;              /* the one that is tried now */
    struct connection_socket socket;
    uv_timer_t timer;
    int failures;
    struct failure first;
    struct text all; /* what each of several failures said */
};

static void on_next(uv_timer_t *timer);

static void forget_addresses(struct connection_attempt *attempt)
{
    if (attempt->addresses)
        freeaddrinfo(attempt->addresses);
    attempt->addresses = attempt->address = NULL;
}

/* Ends what is tried now. */
static void let_go(struct connection_attempt *attempt)
{
    connection_lookup_destroy(attempt->lookup);
    attempt->lookup = NULL;
    connection_socket_stop(&attempt->socket);
    PQfinish(attempt->inner);
    attempt->inner = NULL;
}

static void fail(struct connection_attempt *attempt, const struct failure *failure)
{
    let_go(attempt);
    if (attempt->failures++ == 0)
        attempt->first = *failure;
    else
        text_append_string(&attempt->all, "; ");
    text_append_string(&attempt->all, failure->message);
    uv_timer_start(&attempt->timer, on_next, 0, 0);
}

static void fail_as_libpq_says(struct connection_attempt *attempt)
{
    struct failure failure = {0};
    pg_failure_from(&failure, NULL, PQerrorMessage(attempt->inner));
    fail(attempt, &failure);
}

static void end_without(struct connection_attempt *attempt)
{
    struct failure failure = attempt->first;
    if (attempt->failures > 1) {
        failure_set(&failure, FAILURE_DATABASE, "none of the database's %d addresses let us in",
                    attempt->failures);
        failure_detail(&failure, "%s", text_string(&attempt->all));
    }
    attempt->on_done(attempt->context, NULL, &failure);
}

static void end_with_inner(struct connection_attempt *attempt)
{
    PGconn *inner = attempt->inner;
    attempt->inner = NULL;
    uv_timer_stop(&attempt->timer);
    attempt->on_done(attempt->context, inner, NULL);
}

static const struct connection_host *host_of(const struct connection_attempt *attempt)
{
    return &attempt->hosts.list[attempt->place];
}

static void on_deadline(uv_timer_t *timer)
{
    struct connection_attempt *attempt = timer->data;
    const struct connection_host *host = host_of(attempt);
    struct failure failure = {0};
    failure_set(&failure, FAILURE_DATABASE, "could not %s %s%s%s within %d s",
                attempt->lookup ? "look up" : "connect to", host->name ? "\"" : "the database",
                host->name ? host->name : "", host->name ? "\"" : "",
                attempt->hosts.timeout_ms / 1000);
    fail(attempt, &failure);
}

/* ---- one address ---- */

static void on_socket(void *context, int status, int events)
{
    struct connection_attempt *attempt = context;
    /* libpq may open another socket of the same number: another try without TLS */
    connection_socket_stop(&attempt->socket);
    switch (PQconnectPoll(attempt->inner)) {
    case PGRES_POLLING_READING:
        connection_socket_watch(&attempt->socket, PQsocket(attempt->inner), UV_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        connection_socket_watch(&attempt->socket, PQsocket(attempt->inner), UV_WRITABLE);
        break;
    case PGRES_POLLING_OK:
        end_with_inner(attempt);
        break;
    default:
        fail_as_libpq_says(attempt);
    }
}

/* address: where the host was found, NULL when it needed no looking up. */
static void connect_to(struct connection_attempt *attempt, const char *address)
{
    const struct connection_host *host = host_of(attempt);
    /* A dead peer is noticed within about 20 s, also in the middle of a statement. The string's own
     * settings come after and win; ours for this host come after those. */
    static const char *const names[] = {"keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        "dbname",
                                        "application_name",
                                        "host",
                                        "hostaddr",
                                        "port",
                                        "target_session_attrs",
                                        NULL};
    const char *const values[] = {"10",         "3",
                                  "3",          "20000",
                                  attempt->url, attempt->application,
                                  host->name,   address ? address : host->address,
                                  host->port,   host->session,
                                  NULL};
    attempt->inner = PQconnectStartParams(names, values, 1);
    CHECK(attempt->inner != NULL);
    if (PQstatus(attempt->inner) == CONNECTION_BAD)
        fail_as_libpq_says(attempt);
    else
        connection_socket_watch(&attempt->socket, PQsocket(attempt->inner), UV_WRITABLE);
}

static void connect_to_found(struct connection_attempt *attempt)
{
    char address[NI_MAXHOST];
    const struct addrinfo *found = attempt->address;
    attempt->address = found->ai_next;
    CHECK(getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0,
                      NI_NUMERICHOST) == 0);
    connect_to(attempt, address);
}

/* ---- one host ---- */

static void on_found(void *context, struct addrinfo *found, int error)
{
    struct connection_attempt *attempt = context;
    struct failure failure = {0};
    connection_lookup_destroy(attempt->lookup);
    attempt->lookup = NULL;
    attempt->addresses = attempt->address = found;
    if (found) {
        uv_timer_start(&attempt->timer, on_next, 0, 0);
        return;
    }
    failure_set(&failure, FAILURE_DATABASE, "could not look up \"%s\": %s", host_of(attempt)->name,
                gai_strerror(error));
    fail(attempt, &failure);
}

/* A path is a Unix socket, and so is "@", for those without a file. */
static bool must_look_up(const struct connection_host *host)
{
    return host->name && !host->address && host->name[0] != '/' && host->name[0] != '@';
}

static void on_next(uv_timer_t *timer)
{
    struct connection_attempt *attempt = timer->data;
    bool is_new_host = !attempt->address;
    if (is_new_host) {
        forget_addresses(attempt);
        if (++attempt->place == attempt->hosts.count) {
            end_without(attempt);
            return;
        }
    }
    uv_timer_start(timer, on_deadline, (uint64_t)attempt->hosts.timeout_ms, 0);
    if (!is_new_host)
        connect_to_found(attempt);
    else if (must_look_up(host_of(attempt)))
        attempt->lookup =
            connection_lookup_create(attempt->loop, host_of(attempt)->name, on_found, attempt);
    else
        connect_to(attempt, NULL);
}

struct connection_attempt *connection_attempt_create(uv_loop_t *loop, const char *url,
                                                     const char *application,
                                                     connection_attempt_fn *on_done, void *context)
{
    struct arena *arena = arena_create(ARENA_BYTES);
    struct connection_attempt *attempt = arena_allocate(arena, sizeof *attempt);
    attempt->loop = loop;
    attempt->arena = arena;
    attempt->url = arena_copy(arena, url, strlen(url));
    attempt->application = arena_copy(arena, application, strlen(application));
    attempt->on_done = on_done;
    attempt->context = context;
    attempt->place = -1;
    connection_hosts_read(&attempt->hosts, url, arena);
    connection_socket_init(&attempt->socket, loop, on_socket, attempt);
    CHECK(uv_timer_init(loop, &attempt->timer) == 0);
    attempt->timer.data = attempt;
    uv_timer_start(&attempt->timer, on_next, 0, 0);
    return attempt;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct connection_attempt *attempt = handle->data;
    arena_destroy(attempt->arena);
}

void connection_attempt_destroy(struct connection_attempt *attempt)
{
    if (!attempt)
        return;
    let_go(attempt);
    forget_addresses(attempt);
    text_finish(&attempt->all);
    uv_close((uv_handle_t *)&attempt->timer, on_timer_closed);
}
