#include "api/api.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/answering.h"
#include "api/events.h"
#include "api/listen_address.h"
#include "api/route.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
    CONNECTIONS_MAX = 64,
    IDLE_TIMEOUT_S = 30,
    BODY_TIMEOUT_S = 60, /* for all of it: drops, each in time, would hold a place for ever */
    CONNECTION_BYTES = 32 * 1024,
    READ_ON_BYTES = 8 * REQUEST_BODY_MAX,
};

struct api {
    struct MHD_Daemon *daemon;
    struct session_pool *pool;
    struct answering *answering;
    struct events *events; /* NULL: there are none */
    int port;
    char address[LISTEN_ADDRESS_BYTES];
};

_Static_assert((int)API_EVENT_FILES == (int)EVENT_CLIENTS_MAX, "a file for each stream");

/* A request while it comes in, and is answered. */
struct incoming {
    struct text body;
    size_t body_bytes; /* also of what is not kept */
    int64_t begun_us;
    struct answer answer;
    struct event_client *client; /* NULL: it is no stream of events */
};

static const char *find_bearer(struct MHD_Connection *connection)
{
    static const char scheme[] = "Bearer ";
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    bool is_bearer = value && strncasecmp(value, scheme, sizeof scheme - 1) == 0;
    return is_bearer ? value + sizeof scheme - 1 : NULL;
}

/* Takes the body over. */
static enum MHD_Result send_body(struct MHD_Connection *connection, int status, const char *allowed,
                                 struct text *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->length, body->start, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    *body = (struct text){0}; /* it is the response's */
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (allowed)
        MHD_add_response_header(response, "Allow", allowed);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, "Retry-After", "5");
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse_body(struct MHD_Connection *connection)
{
    struct text body = {0};
    answer_error(&body, "the body is too large", "At most 1 MiB is read.");
    return send_body(connection, MHD_HTTP_CONTENT_TOO_LARGE, NULL, &body);
}

/* With the head: a body that would have to be cut off is not begun. */
static enum MHD_Result begin(struct MHD_Connection *connection, void **request)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    struct incoming *incoming = memory_zeroed(1, sizeof *incoming);
    incoming->begun_us = clock_now_us();
    *request = incoming;
    if (length && strtoull(length, NULL, 10) > READ_ON_BYTES)
        return refuse_body(connection);
    return MHD_YES;
}

/* What is too large is read on for a while, so that the answer is heard. MHD_NO closes the
 * connection: libmicrohttpd takes no answer in the middle of a body. */
static enum MHD_Result take(struct incoming *incoming, const char *piece, size_t *piece_bytes)
{
    incoming->body_bytes += *piece_bytes;
    if (incoming->body_bytes <= REQUEST_BODY_MAX)
        text_append(&incoming->body, piece, *piece_bytes);
    *piece_bytes = 0;
    bool is_slow = clock_now_us() - incoming->begun_us > BODY_TIMEOUT_S * INT64_C(1000000);
    return incoming->body_bytes <= READ_ON_BYTES && !is_slow ? MHD_YES : MHD_NO;
}

/* True when the answer is there, false when the connection is suspended until it is. */
static bool answer(struct api *api, struct incoming *incoming, const char **allowed)
{
    struct answer *answer = &incoming->answer;
    answer->route =
        routes_find(&answer->request, api->events, &answer->status, &answer->body, allowed);
    if (answer->route && !answer->route->answer) {
        answer->status =
            events_join(api->events, answer->connection, &answer->body, &incoming->client);
        return answer->status != 0;
    }
    if (answer->route && answer->route->asks)
        return !answering_begin(api->answering, answer);
    if (answer->route)
        answer->status = answer->route->answer(api->pool, &answer->request, &answer->body);
    return true;
}

/* Called once when the head is there, then with each piece of a body, and with none at the end:
 * only then is it answered, so that the client is done with sending. And once more with none when a
 * thread has found the answer. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *piece, size_t *piece_bytes, void **state)
{
    struct api *api = context;
    struct incoming *incoming = *state;
    const char *allowed = NULL;
    if (!incoming)
        return begin(connection, state);
    if (*piece_bytes)
        return take(incoming, piece, piece_bytes);
    if (incoming->body_bytes > REQUEST_BODY_MAX)
        return refuse_body(connection);
    if (incoming->client)
        return events_send(connection, incoming->client);
    if (incoming->answer.status)
        return send_body(connection, incoming->answer.status, NULL, &incoming->answer.body);
    incoming->answer = (struct answer){.connection = connection,
                                       .request = {.path = path,
                                                   .method = method,
                                                   .bearer = find_bearer(connection),
                                                   .body = text_slice(&incoming->body)}};
    if (!answer(api, incoming, &allowed))
        return MHD_YES;
    if (incoming->client)
        return events_send(connection, incoming->client);
    return send_body(connection, incoming->answer.status, allowed, &incoming->answer.body);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct incoming *incoming = *state;
    if (!incoming)
        return;
    if (incoming->client)
        event_client_leave(incoming->client);
    text_finish(&incoming->body);
    text_finish(&incoming->answer.body);
    free(incoming);
    *state = NULL;
}

/* One thread reads and writes for all connections. */
static struct MHD_Daemon *start_daemon(struct api *api, int socket)
{
    unsigned connections = CONNECTIONS_MAX + (api->events ? EVENT_CLIENTS_MAX : 0);
    return MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, api, MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)(256 * 1024), MHD_OPTION_END);
}

struct api *api_start(const char *listen, const char *database_url, bool has_events,
                      struct failure *failure)
{
    struct listen_address address;
    if (!listen_address_parse(listen, &address, failure) ||
        (has_events && !listen_address_check_loopback(&address, failure)))
        return NULL;
    struct api *api = memory_zeroed(1, sizeof *api);
    int socket = listen_address_open(&address, &api->port, api->address, failure);
    if (socket < 0) {
        free(api);
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN);
    api->pool = session_pool_create(database_url);
    api->answering = answering_create(api->pool);
    api->events = has_events ? events_create(database_url) : NULL;
    api->daemon = start_daemon(api, socket);
    if (api->daemon)
        return api;
    failure_set(failure, FAILURE_ENVIRONMENT, "could not start the HTTP server: %m");
    close(socket);
    api_stop(api);
    return NULL;
}

void api_stop(struct api *api)
{
    if (!api)
        return;
    answering_end(api->answering); /* the daemon stops with no connection suspended */
    events_end(api->events);
    if (api->daemon)
        MHD_stop_daemon(api->daemon);
    events_destroy(api->events);
    answering_destroy(api->answering);
    session_pool_destroy(api->pool);
    free(api);
}

int api_port(const struct api *api)
{
    return api->port;
}

const char *api_address(const struct api *api)
{
    return api->address;
}
