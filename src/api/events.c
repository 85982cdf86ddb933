#include "api/events.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "api/route.h"
#include "base/log.h"
#include "base/memory.h"
#include "pg/listener.h"

enum {
    BLOCK_BYTES = 4096,
    SEND_BUFFER_BYTES = 32 * 1024, /* else the kernel would keep megabytes for who reads nothing */
};

struct events {
    struct event_hub *hub;
    struct listener *listener;
    bool was_lost_logged;
};

/* ---- what the hub asks for ---- */

static void sleep_connection(void *connection)
{
    MHD_suspend_connection(connection);
}

static void wake_connection(void *connection)
{
    MHD_resume_connection(connection);
}

static int socket_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/* libmicrohttpd does not look at one that is suspended. */
static bool is_gone(void *connection)
{
    struct pollfd descriptor = {.fd = socket_of(connection), .events = POLLRDHUP};
    return poll(&descriptor, 1, 0) > 0;
}

static void listen_or_not(void *context, bool is_wanted)
{
    const struct events *events = context;
    listener_want(events->listener, is_wanted);
}

/* ---- what the listener tells ---- */

static void on_listening(void *context)
{
    struct events *events = context;
    events->was_lost_logged = false;
    event_hub_begin_live(events->hub);
}

static void on_lost(void *context, const struct failure *failure)
{
    struct events *events = context;
    event_hub_end_live(events->hub);
    if (!failure || events->was_lost_logged)
        return;
    log_warning("no connection for events: %s%s%s; trying again", failure->message,
                failure->detail[0] ? ": " : "", failure->detail);
    events->was_lost_logged = true;
}

static void publish_keys(struct events *events, struct refreshed *refreshed, const json_t *keys)
{
    const char **list = memory_zeroed(json_array_size(keys) + 1, sizeof *list);
    for (size_t i = 0; i < json_array_size(keys); i++) {
        list[refreshed->count] = json_string_value(json_array_get(keys, i));
        refreshed->count += list[refreshed->count] != NULL;
    }
    refreshed->keys = list;
    event_hub_publish(events->hub, refreshed);
    free(list);
}

/* Anybody may notify: what pawl.tell_refreshed() cannot have written is left alone. */
static void on_notify(void *context, const char *payload)
{
    struct events *events = context;
    struct refreshed refreshed = {.at = ""};
    json_t *keys = NULL, *document = json_loads(payload, JSON_REJECT_DUPLICATES, NULL);
    json_int_t count = 0;
    bool is_ours =
        document && json_unpack(document, "{s:s, s:o, s?:I, s?:s}", "type", &refreshed.type, "keys",
                                &keys, "count", &count, "at", &refreshed.at) == 0;
    if (is_ours && json_is_array(keys)) {
        publish_keys(events, &refreshed, keys);
    } else if (is_ours && json_is_null(keys) && count >= 0) {
        refreshed.count = (size_t)count;
        event_hub_publish(events->hub, &refreshed);
    }
    json_decref(document);
}

static void on_tick(void *context)
{
    const struct events *events = context;
    event_hub_tick(events->hub);
}

/* ---- a client ---- */

struct question {
    struct event_filter filter;
    const char *unknown; /* a parameter that there is not */
};

static enum MHD_Result take_parameter(void *context, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    struct question *question = context;
    if (strcmp(name, "type") == 0)
        event_filter_add_type(&question->filter, value ? value : "");
    else if (strcmp(name, "key") == 0)
        event_filter_add_key(&question->filter, value ? value : "");
    else
        question->unknown = name;
    return MHD_YES;
}

static int refuse_parameter(struct text *body, const char *name)
{
    struct text message = {0};
    text_append_string(&message, "there is no parameter \"");
    text_append_utf8(&message, slice_of_string(name));
    text_append_string(&message, "\"");
    answer_error(body, text_string(&message), "Choose with type and key, each as often as needed.");
    text_finish(&message);
    return MHD_HTTP_BAD_REQUEST;
}

int events_join(struct events *events, struct MHD_Connection *connection, struct text *body,
                struct event_client **client)
{
    struct question question = {.unknown = NULL};
    const char *last_id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
    bool is_held = false;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter, &question);
    event_filter_sort(&question.filter);
    if (!question.unknown)
        *client = event_hub_join(events->hub, &question.filter, last_id, connection, &is_held);
    event_filter_finish(&question.filter);
    if (question.unknown)
        return refuse_parameter(body, question.unknown);
    if (*client)
        return is_held ? 0 : MHD_HTTP_OK;
    answer_error(body, "too many listen to events", "Come back later, or listen at another node.");
    return MHD_HTTP_SERVICE_UNAVAILABLE;
}

static ssize_t read_events(void *context, uint64_t position, char *buffer, size_t size)
{
    ssize_t count = event_client_take(context, buffer, size);
    return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : count;
}

enum MHD_Result events_send(struct MHD_Connection *connection, struct event_client *client)
{
    int bytes = SEND_BUFFER_BYTES;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_events, client, NULL);
    if (!response)
        return MHD_NO;
    setsockopt(socket_of(connection), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    MHD_add_response_header(response, "Cache-Control", "no-cache");
    MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* nginx passes it on at once */
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- the object ---- */

struct events *events_create(const char *database_url)
{
    static const struct event_hooks hooks = {sleep_connection, wake_connection, is_gone,
                                             listen_or_not};
    static const struct listener_events listener_events = {on_listening, on_lost, on_notify,
                                                           on_tick};
    struct events *events = memory_zeroed(1, sizeof *events);
    struct timespec now;
    char epoch[EVENT_EPOCH_BYTES];
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(epoch, sizeof epoch, "%llx%05lx", (unsigned long long)now.tv_sec, now.tv_nsec / 1000);
    events->hub = event_hub_create(epoch, &hooks, events);
    events->listener =
        listener_create(database_url, "events", "listen pawl_refreshed", &listener_events, events);
    return events;
}

void events_end(struct events *events)
{
    if (!events)
        return;
    event_hub_close(events->hub);
    listener_destroy(events->listener);
    events->listener = NULL;
}

void events_destroy(struct events *events)
{
    if (!events)
        return;
    event_hub_destroy(events->hub);
    free(events);
}
