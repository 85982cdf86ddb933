/*
 * The loop and the thread share a struct lookup: whoever lets go of it last frees it. The thread
 * rings the loop under the lock and only while the loop still holds it, so it never touches a
 * handle that is closing.
 */
#include "pg/connection_lookup.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/memory.h"
#include "pg/connection_thread.h"

struct connection_lookup {
    char *name;
    connection_lookup_fn *on_found;
    void *context;
    uv_async_t bell;
    pthread_mutex_t lock; /* guards what follows */
    int holders;
    bool is_abandoned;
    struct addrinfo *found;
    int error;
};

static void let_go(struct connection_lookup *lookup)
{
    pthread_mutex_lock(&lookup->lock);
    bool is_last = --lookup->holders == 0;
    pthread_mutex_unlock(&lookup->lock);
    if (!is_last)
        return;
    if (lookup->found)
        freeaddrinfo(lookup->found);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->name);
    free(lookup);
}

static void resolve(void *context)
{
    struct connection_lookup *lookup = context;
    const struct addrinfo wish = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = getaddrinfo(lookup->name, NULL, &wish, &found);
    pthread_mutex_lock(&lookup->lock);
    lookup->found = found;
    lookup->error = error;
    if (!lookup->is_abandoned)
        uv_async_send(&lookup->bell);
    pthread_mutex_unlock(&lookup->lock);
    let_go(lookup);
}

static void on_bell(uv_async_t *bell)
{
    struct connection_lookup *lookup = bell->data;
    pthread_mutex_lock(&lookup->lock);
    struct addrinfo *found = lookup->found;
    int error = lookup->error;
    lookup->found = NULL;
    pthread_mutex_unlock(&lookup->lock);
    lookup->on_found(lookup->context, found, error);
}

struct connection_lookup *connection_lookup_create(uv_loop_t *loop, const char *name,
                                                   connection_lookup_fn *on_found, void *context)
{
    struct connection_lookup *lookup = memory_zeroed(1, sizeof *lookup);
    lookup->name = memory_copy_string(name);
    lookup->on_found = on_found;
    lookup->context = context;
    lookup->holders = 2;
    CHECK(pthread_mutex_init(&lookup->lock, NULL) == 0);
    CHECK(uv_async_init(loop, &lookup->bell, on_bell) == 0);
    lookup->bell.data = lookup;
    if (!connection_thread_start(resolve, lookup)) {
        lookup->holders = 1;
        lookup->error = EAI_AGAIN;
        uv_async_send(&lookup->bell);
    }
    return lookup;
}

static void on_bell_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

void connection_lookup_destroy(struct connection_lookup *lookup)
{
    if (!lookup)
        return;
    pthread_mutex_lock(&lookup->lock);
    lookup->is_abandoned = true;
    pthread_mutex_unlock(&lookup->lock);
    uv_close((uv_handle_t *)&lookup->bell, on_bell_closed);
}
