#include "api/api.h"

#include <jansson.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/listen_address.h"
#include "api/session_pool.h"
#include "base/memory.h"
#include "store/migrate.h"

enum { CONNECTIONS_MAX = 64, IDLE_TIMEOUT_S = 30, CONNECTION_BYTES = 32 * 1024 };

struct api {
    struct MHD_Daemon *daemon;
    struct session_pool *pool;
    int port;
    char address[LISTEN_ADDRESS_BYTES];
};

/* A status code, and the body's text, which the route has filled. */
typedef int route_fn(struct api *api, struct text *body);

static void write_error(struct text *body, const char *message, const char *hint)
{
    json_t *document =
        json_pack("{s:{s:s, s:s*}}", "error", "message", message, "hint", *hint ? hint : NULL);
    char *string = document ? json_dumps(document, JSON_COMPACT) : NULL;
    text_append_string(body, string ? string : "{\"error\":{}}");
    free(string);
    json_decref(document);
}

static int answer_failure(struct text *body, const struct failure *failure)
{
    write_error(body, failure->message, failure->hint);
    return MHD_HTTP_SERVICE_UNAVAILABLE;
}

static int answer_livez(struct api *api, struct text *body)
{
    text_append_string(body, "{\"status\":\"ok\"}");
    return MHD_HTTP_OK;
}

/* A pooled session may have died since its last use; then the next is asked. */
static bool ask_pool(struct api *api,
                     bool (*ask)(struct session *, struct text *, struct failure *),
                     struct text *body, struct failure *failure)
{
    bool is_fine = false, is_lost = true;
    for (int attempts = 0; is_lost && attempts <= SESSIONS_MAX; attempts++) {
        struct session *session = session_pool_take(api->pool, failure);
        if (!session)
            return false;
        is_fine = ask(session, body, failure);
        is_lost = !session_is_open(session);
        session_pool_give(api->pool, session);
    }
    return is_fine;
}

static bool ask_ready(struct session *session, struct text *body, struct failure *failure)
{
    return migrate_check(session, failure);
}

static int answer_readyz(struct api *api, struct text *body)
{
    struct failure failure;
    if (!ask_pool(api, ask_ready, body, &failure))
        return answer_failure(body, &failure);
    text_append_string(body, "{\"status\":\"ok\"}");
    return MHD_HTTP_OK;
}

static bool ask_status(struct session *session, struct text *body, struct failure *failure)
{
    struct pg_result *result = session_query(session, "select pawl.status()", 0, NULL, failure);
    if (!result)
        return false;
    text_append_slice(body, pg_result_slice(result, 0, 0));
    pg_result_destroy(result);
    return true;
}

static int answer_status(struct api *api, struct text *body)
{
    struct failure failure;
    if (!ask_pool(api, ask_status, body, &failure))
        return answer_failure(body, &failure);
    return MHD_HTTP_OK;
}

static const struct route {
    const char *path;
    route_fn *answer;
} routes[] = {
    {"/livez", answer_livez},
    {"/readyz", answer_readyz},
    {"/v1/status", answer_status},
};

static int answer(struct api *api, const char *method, const char *path, struct text *body)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0)
            return routes[i].answer(api, body);
        write_error(body, "method is not allowed", "Use GET.");
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    write_error(body, "nothing is here", "");
    return MHD_HTTP_NOT_FOUND;
}

static enum MHD_Result send_body(struct MHD_Connection *connection, int status, struct text *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->length, body->start, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called once when the head is there, then with each piece of a body, which no route wants, and
 * with none at the end: only then is it answered, so that the client is done with sending. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *piece, size_t *piece_bytes, void **request)
{
    struct text body = {0};
    if (!*request) {
        *request = context;
        return MHD_YES;
    }
    if (*piece_bytes) {
        *piece_bytes = 0;
        return MHD_YES;
    }
    int status = answer(context, method, path, &body);
    return send_body(connection, status, &body);
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
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)(256 * 1024), MHD_OPTION_END);
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
