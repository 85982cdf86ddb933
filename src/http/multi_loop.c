/*
 * How it works: libcurl says which events it wants of which socket (on_socket_wish) and when it
 * wants to be called at the latest (on_timer_wish). Each watched socket has a uv_poll of its own,
 * freed in its close callback, so a descriptor's number may be used again at once.
 */
#include "http/multi_loop.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

#define STREAMS_MAX 1000L /* requests on one connection of HTTP/2 */

struct multi_loop {
    uv_loop_t *loop;
    CURLM *inner;
    uv_timer_t timer;
    multi_loop_ended_fn *on_ended;
    void *owner;
};

struct watched_socket {
    uv_poll_t poll;
    curl_socket_t number;
    struct multi_loop *multi;
};

static void tell_ended(struct multi_loop *multi)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(multi->inner, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result; /* the message is gone after the removal */
        curl_multi_remove_handle(multi->inner, easy);
        multi->on_ended(multi->owner, easy, code);
    }
}

static void act(struct multi_loop *multi, curl_socket_t socket, int events)
{
    int running;
    curl_multi_socket_action(multi->inner, socket, events, &running);
    tell_ended(multi);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watched_socket *socket = poll->data;
    /* libcurl, told that there is an error, says no more than that; let it read the error itself */
    int happened = status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : 0;
    happened |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    happened |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(socket->multi, socket->number, happened);
}

static void on_socket_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void unwatch(struct multi_loop *multi, curl_socket_t number, struct watched_socket *socket)
{
    curl_multi_assign(multi->inner, number, NULL);
    uv_poll_stop(&socket->poll);
    uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
}

static struct watched_socket *watch(struct multi_loop *multi, curl_socket_t number)
{
    struct watched_socket *socket = memory_zeroed(1, sizeof *socket);
    socket->number = number;
    socket->multi = multi;
    CHECK(uv_poll_init_socket(multi->loop, &socket->poll, number) == 0);
    socket->poll.data = socket;
    curl_multi_assign(multi->inner, number, socket);
    return socket;
}

static int on_socket_wish(CURL *easy, curl_socket_t number, int wish, void *owner, void *assigned)
{
    struct multi_loop *multi = owner;
    struct watched_socket *socket = assigned;
    if (wish == CURL_POLL_REMOVE) {
        if (socket)
            unwatch(multi, number, socket);
        return 0;
    }
    if (!socket)
        socket = watch(multi, number);
    int events = (wish & CURL_POLL_IN ? UV_READABLE : 0) | (wish & CURL_POLL_OUT ? UV_WRITABLE : 0);
    CHECK(uv_poll_start(&socket->poll, events, on_socket) == 0);
    return 0;
}

static int on_timer_wish(CURLM *inner, long timeout_ms, void *owner)
{
    struct multi_loop *multi = owner;
    if (timeout_ms < 0)
        uv_timer_stop(&multi->timer);
    else
        uv_timer_start(&multi->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

/* Once in the life of the program, at the first request: a daemon that asks for nothing does not
 * pay for it. Never undone, since the program's end does that. */
static void set_up_library(void)
{
    static bool is_set_up;
    if (is_set_up)
        return;
    is_set_up = true;
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    /* CURLOPT_NOSIGNAL leaves this to us: a peer that hangs up must not end the program. */
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

struct multi_loop *multi_loop_create(uv_loop_t *loop, long connections,
                                     multi_loop_ended_fn *on_ended, void *owner)
{
    set_up_library();
    struct multi_loop *multi = memory_zeroed(1, sizeof *multi);
    multi->loop = loop;
    multi->on_ended = on_ended;
    multi->owner = owner;
    CHECK(uv_timer_init(loop, &multi->timer) == 0);
    multi->timer.data = multi;
    CHECK((multi->inner = curl_multi_init()));
    curl_multi_setopt(multi->inner, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
    curl_multi_setopt(multi->inner, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->inner, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    curl_multi_setopt(multi->inner, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(multi->inner, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    /* the server says how many it takes; beyond our own number each request gets a connection */
    curl_multi_setopt(multi->inner, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS_MAX);
    curl_multi_setopt(multi->inner, CURLMOPT_MAXCONNECTS, connections);
    return multi;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void multi_loop_destroy(struct multi_loop *multi)
{
    curl_multi_cleanup(multi->inner);
    uv_close((uv_handle_t *)&multi->timer, on_timer_closed);
}

void multi_loop_add(struct multi_loop *multi, CURL *easy)
{
    CHECK(curl_multi_add_handle(multi->inner, easy) == CURLM_OK);
}

void multi_loop_remove(struct multi_loop *multi, CURL *easy)
{
    CHECK(curl_multi_remove_handle(multi->inner, easy) == CURLM_OK);
}
