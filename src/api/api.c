#include "api/api.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

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
    int port;
    char address[LISTEN_ADDRESS_BYTES];
};

/* A request while it comes in. */
struct incoming {
    struct text body;
    size_t body_bytes; /* also of what is not kept */
    int64_t begun_us;
};

static const char *find_bearer(struct MHD_Connection *connection)
{
    static const char scheme[] = "Bearer ";
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    bool is_bearer = value && strncasecmp(value, scheme, sizeof scheme - 1) == 0;
    return is_bearer ? value + sizeof scheme - 1 : NULL;
}

static enum MHD_Result send_body(struct MHD_Connection *connection, int status, const char *allowed,
                                 struct text *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->length, body->start, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (allowed)
        MHD_add_response_header(response, "Allow", allowed);
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
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

/* Called once when the head is there, then with each piece of a body, and with none at the end:
 * only then is it answered, so that the client is done with sending. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *piece, size_t *piece_bytes, void **state)
{
    struct api *api = context;
    struct incoming *incoming = *state;
    struct text body = {0};
    const char *allowed = NULL;
    if (!incoming)
        return begin(connection, state);
    if (*piece_bytes)
        return take(incoming, piece, piece_bytes);
    if (incoming->body_bytes > REQUEST_BODY_MAX)
        return refuse_body(connection);
    struct api_request request = {.path = path,
                                  .method = method,
                                  .bearer = find_bearer(connection),
                                  .body = text_slice(&incoming->body)};
    int status = routes_answer(api->pool, &request, &body, &allowed);
    return send_body(connection, status, allowed, &body);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct incoming *incoming = *state;
    if (!incoming)
        return;
    text_finish(&incoming->body);
    free(incoming);
    *state = NULL;
}

struct api *api_start(const char *listen, const char *database_url, struct failure *failure)
{
    struct listen_address address;
    if (!listen_address_parse(listen, &address, failure))
        return NULL;
    struct api *api = memory_zeroed(1, sizeof *api);
    int socket = listen_address_open(&address, &api->port, api->address, failure);
    if (socket < 0) {
        free(api);
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN);
    api->pool = session_pool_create(database_url);
    /* A thread each: one that waits for the database keeps nobody else waiting. */
    api->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            MHD_USE_ITC,
        0, NULL, NULL, on_request, api, MHD_OPTION_LISTEN_SOCKET, socket,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_THREAD_STACK_SIZE,
        (size_t)(256 * 1024), MHD_OPTION_END);
    if (api->daemon)
        return api;
    failure_set(failure, FAILURE_ENVIRONMENT, "could not start the HTTP server: %m");
    close(socket);
    session_pool_destroy(api->pool);
    free(api);
    return NULL;
}

void api_stop(struct api *api)
{
    if (!api)
        return;
    MHD_stop_daemon(api->daemon);
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
