/*
 * How it works: a transfer is in one of the client's lists, and the list is its state.
 *
 *   running   in a multi handle, paused or not
 *   resuming  the same, and told by the reaper to go on after a pause, since what libcurl held
 *             meanwhile comes from inside that call
 *   ending    refused before it was sent, or cancelled: told by the reaper, a timer of 0 ms, since
 *             nothing may be told from inside start and cancel, nor leave the multi handle from
 *             inside its callbacks
 *   asking    libcurl could not resolve the host and does not say why: the system is asked once
 *             more whether the name does not exist at all, and not waited for longer than ASK_MS
 *   idle      waits for its next use
 *
 * A multi handle is what keeps connections. There are two, so that a connection that the guard has
 * not looked at is never used by a request that wants it to: one for each value of allow_private.
 * Each is made at its first request, and both are given up after a while without any.
 */
#include "http/client.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/memory.h"
#include "http/multi_loop.h"
#include "http/transfer.h"
#include "http/transfer_failure.h"

enum { IDLE_TRANSFERS_MAX = 256, ASK_MS = 1000 };

/* The system cannot be told to stop, so it may answer when nobody wants to know any more. */
struct name_question {
    uv_getaddrinfo_t lookup;
    struct http_transfer *transfer; /* NULL: it has given up */
};

struct http_client {
    uv_loop_t *loop;
    struct http_limits limits;
    struct multi_loop *multis[2]; /* by allow_private */
    struct list running, resuming, ending, asking, idle;
    int in_flight, idle_count;
    uv_timer_t reaper, idler, asker;
    bool is_closing;
    int open_handles;
};

static void on_reaper(uv_timer_t *timer);

struct http_client *http_client_create(uv_loop_t *loop, const struct http_limits *limits)
{
    struct http_client *client = memory_zeroed(1, sizeof *client);
    client->loop = loop;
    client->limits = *limits;
    list_init(&client->running);
    list_init(&client->resuming);
    list_init(&client->ending);
    list_init(&client->asking);
    list_init(&client->idle);
    CHECK(uv_timer_init(loop, &client->reaper) == 0);
    CHECK(uv_timer_init(loop, &client->idler) == 0);
    CHECK(uv_timer_init(loop, &client->asker) == 0);
    client->reaper.data = client->idler.data = client->asker.data = client;
    uv_unref((uv_handle_t *)&client->idler); /* a quiet client holds up no loop */
    client->open_handles = 3;
    return client;
}

static void wake_reaper(struct http_client *client)
{
    uv_timer_start(&client->reaper, on_reaper, 0, 0);
}

/* ---- quiet, and the end ---- */

static void let_go(struct http_client *client)
{
    struct list *link;
    while ((link = list_first(&client->idle))) {
        list_remove(link);
        transfer_destroy(list_object(link, struct http_transfer, link));
    }
    client->idle_count = 0;
    for (int i = 0; i < 2; i++) {
        if (client->multis[i])
            multi_loop_destroy(client->multis[i]);
        client->multis[i] = NULL;
    }
}

static void on_idler(uv_timer_t *timer)
{
    let_go(timer->data);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct http_client *client = handle->data;
    if (--client->open_handles == 0)
        free(client);
}

static void close_handles(struct http_client *client)
{
    let_go(client);
    uv_close((uv_handle_t *)&client->reaper, on_handle_closed);
    uv_close((uv_handle_t *)&client->idler, on_handle_closed);
    uv_close((uv_handle_t *)&client->asker, on_handle_closed);
}

static void cancel_all(struct list *list)
{
    struct list *next;
    for (struct list *link = list->next; link != list; link = next) {
        next = link->next;
        http_transfer_cancel(list_object(link, struct http_transfer, link));
    }
}

void http_client_destroy(struct http_client *client)
{
    if (!client)
        return;
    cancel_all(&client->running);
    cancel_all(&client->resuming);
    cancel_all(&client->asking);
    client->is_closing = true;
    wake_reaper(client);
}

/* ---- a transfer's end ---- */

static void recycle(struct http_client *client, struct http_transfer *transfer)
{
    transfer_clear(transfer);
    if (client->idle_count == IDLE_TRANSFERS_MAX) {
        transfer_destroy(transfer);
        return;
    }
    list_append(&client->idle, &transfer->link);
    client->idle_count++;
}

static void tell(struct http_transfer *transfer, CURLcode code)
{
    struct http_client *client = transfer->client;
    struct http_result result;
    list_remove(&transfer->link);
    transfer_read_result(transfer, code, &result);
    transfer->callbacks.on_done(transfer->context, &result);
    recycle(client, transfer);
    if (--client->in_flight > 0)
        return;
    if (client->is_closing)
        wake_reaper(client);
    else
        uv_timer_start(&client->idler, on_idler, (uint64_t)client->limits.idle_ms, 0);
}

static void on_name_asked(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses)
{
    struct name_question *question = lookup->data;
    struct http_transfer *transfer = question->transfer;
    uv_freeaddrinfo(addresses);
    free(question);
    if (!transfer)
        return;
    transfer->question = NULL;
    transfer->is_unknown_host = status == UV_EAI_NONAME || status == UV_EAI_NODATA;
    tell(transfer, CURLE_COULDNT_RESOLVE_HOST);
}

/* on_name_asked() comes all the same, at once or when the system has answered. */
static void stop_asking(struct http_transfer *transfer)
{
    struct name_question *question = transfer->question;
    transfer->question = NULL;
    question->transfer = NULL;
    uv_cancel((uv_req_t *)&question->lookup);
}

/* They were asked one after the other, so the first has waited longest. */
static void on_asker(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    struct list *link;
    uint64_t now_ms = uv_now(client->loop);
    while ((link = list_first(&client->asking))) {
        struct http_transfer *transfer = list_object(link, struct http_transfer, link);
        if (transfer->asked_ms + ASK_MS > now_ms) {
            uv_timer_start(timer, on_asker, transfer->asked_ms + ASK_MS - now_ms, 0);
            return;
        }
        stop_asking(transfer);
        tell(transfer, CURLE_COULDNT_RESOLVE_HOST);
    }
}

/* False: there is no time left for it, or it cannot be asked. */
static bool ask_for_name(struct http_client *client, struct http_transfer *transfer)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    uint64_t now_ms = uv_now(client->loop);
    if (now_ms + ASK_MS > transfer->deadline_ms)
        return false;
    char *host = transfer_host(transfer);
    struct name_question *question = memory_zeroed(1, sizeof *question);
    question->lookup.data = question;
    question->transfer = transfer;
    bool is_asked = host && uv_getaddrinfo(client->loop, &question->lookup, on_name_asked, host,
                                           NULL, &hints) == 0;
    free(host);
    if (!is_asked) {
        free(question);
        return false;
    }
    transfer->question = question;
    transfer->asked_ms = now_ms;
    list_move(&client->asking, &transfer->link);
    if (!uv_is_active((uv_handle_t *)&client->asker))
        uv_timer_start(&client->asker, on_asker, ASK_MS, 0);
    return true;
}

static void on_ended(void *owner, CURL *easy, CURLcode code)
{
    struct http_client *client = owner;
    struct http_transfer *transfer;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    transfer->is_in_multi = false;
    bool is_nameless = code == CURLE_COULDNT_RESOLVE_HOST && !transfer->own_failure;
    if (!is_nameless || !ask_for_name(client, transfer))
        tell(transfer, code);
}

static void leave_multi(struct http_transfer *transfer)
{
    if (transfer->is_in_multi)
        multi_loop_remove(transfer->multi, transfer->easy);
    transfer->is_in_multi = false;
}

/* Those that are cancelled meanwhile are in another list already; to those that are paused again
 * libcurl's bytes come again too, and stay with it. */
static void resume_all(struct http_client *client)
{
    struct list *link;
    while ((link = list_first(&client->resuming))) {
        struct http_transfer *transfer = list_object(link, struct http_transfer, link);
        list_move(&client->running, link);
        CURLcode code = transfer_resume(transfer);
        if (code == CURLE_OK || transfer->own_failure == HTTP_FAILURE_CANCELLED)
            continue;
        leave_multi(transfer);
        tell(transfer, code);
    }
}

static void on_reaper(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    struct list *link;
    resume_all(client);
    while ((link = list_first(&client->ending))) {
        struct http_transfer *transfer = list_object(link, struct http_transfer, link);
        leave_multi(transfer);
        tell(transfer, CURLE_OK);
    }
    if (client->is_closing && client->in_flight == 0)
        close_handles(client);
}

/* ---- a transfer's start ---- */

static struct http_transfer *take_transfer(struct http_client *client)
{
    struct list *link = list_first(&client->idle);
    if (!link)
        return transfer_create(client);
    list_remove(link);
    client->idle_count--;
    return list_object(link, struct http_transfer, link);
}

static struct multi_loop *find_or_create_multi(struct http_client *client, bool allow_private)
{
    struct multi_loop **multi = &client->multis[allow_private];
    if (!*multi)
        *multi = multi_loop_create(client->loop, client->limits.idle_connections, on_ended, client);
    return *multi;
}

struct http_transfer *http_client_start(struct http_client *client,
                                        const struct http_request *request,
                                        const struct http_callbacks *callbacks, void *context)
{
    CHECK(!client->is_closing);
    uv_timer_stop(&client->idler);
    struct http_transfer *transfer = take_transfer(client);
    client->in_flight++;
    transfer_prepare(transfer, request, callbacks, context);
    transfer->deadline_ms = uv_now(client->loop) + (uint64_t)request->timeout_ms;
    if (transfer->own_failure) {
        list_append(&client->ending, &transfer->link);
        wake_reaper(client);
        return transfer;
    }
    list_append(&client->running, &transfer->link);
    transfer->is_in_multi = true;
    transfer->multi = find_or_create_multi(client, request->allow_private);
    multi_loop_add(transfer->multi, transfer->easy);
    return transfer;
}

void http_transfer_cancel(struct http_transfer *transfer)
{
    struct http_client *client = transfer->client;
    if (transfer->own_failure == HTTP_FAILURE_CANCELLED)
        return;
    transfer->own_failure = HTTP_FAILURE_CANCELLED;
    transfer->own_message = "cancelled";
    if (transfer->question)
        stop_asking(transfer);
    list_move(&client->ending, &transfer->link);
    wake_reaper(client);
}

/* What came in the pause is held by libcurl, which is asked for it outside of all callbacks. */
void http_transfer_pause(struct http_transfer *transfer, bool is_paused)
{
    struct http_client *client = transfer->client;
    transfer->is_paused = is_paused;
    if (is_paused || !transfer->is_held || transfer->own_failure)
        return;
    list_move(&client->resuming, &transfer->link);
    wake_reaper(client);
}
