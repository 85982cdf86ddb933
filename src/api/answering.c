#include "api/answering.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { STACK_BYTES = 256 * 1024 };

struct answering {
    struct session_pool *pool;
    pthread_attr_t attributes;
    pthread_mutex_t mutex;
    pthread_cond_t is_none;
    int count;
    bool has_ended;
};

struct answering *answering_create(struct session_pool *pool)
{
    struct answering *answering = memory_zeroed(1, sizeof *answering);
    answering->pool = pool;
    CHECK(pthread_attr_init(&answering->attributes) == 0);
    CHECK(pthread_attr_setdetachstate(&answering->attributes, PTHREAD_CREATE_DETACHED) == 0);
    CHECK(pthread_attr_setstacksize(&answering->attributes, STACK_BYTES) == 0);
    pthread_mutex_init(&answering->mutex, NULL);
    pthread_cond_init(&answering->is_none, NULL);
    return answering;
}

void answering_end(struct answering *answering)
{
    pthread_mutex_lock(&answering->mutex);
    answering->has_ended = true;
    while (answering->count)
        pthread_cond_wait(&answering->is_none, &answering->mutex);
    pthread_mutex_unlock(&answering->mutex);
}

void answering_destroy(struct answering *answering)
{
    if (!answering)
        return;
    pthread_attr_destroy(&answering->attributes);
    pthread_cond_destroy(&answering->is_none);
    pthread_mutex_destroy(&answering->mutex);
    free(answering);
}

static bool take_place(struct answering *answering)
{
    pthread_mutex_lock(&answering->mutex);
    bool is_taken = answering->count < ANSWERING_MAX && !answering->has_ended;
    answering->count += is_taken;
    pthread_mutex_unlock(&answering->mutex);
    return is_taken;
}

static void give_place(struct answering *answering)
{
    pthread_mutex_lock(&answering->mutex);
    if (--answering->count == 0)
        pthread_cond_signal(&answering->is_none);
    pthread_mutex_unlock(&answering->mutex);
}

static void *run(void *context)
{
    struct answer *answer = context;
    struct answering *answering = answer->answering;
    answer->status = answer->route->answer(answering->pool, &answer->request, &answer->body);
    MHD_resume_connection(answer->connection); /* from here on the answer may be gone */
    give_place(answering);
    return NULL;
}

static void refuse(struct answer *answer)
{
    answer_error(&answer->body, "too many requests at once", "Ask again in a moment.");
    answer->status = MHD_HTTP_SERVICE_UNAVAILABLE;
}

bool answering_begin(struct answering *answering, struct answer *answer)
{
    pthread_t thread;
    answer->answering = answering;
    answer->status = 0;
    if (!take_place(answering)) {
        refuse(answer);
        return false;
    }
    MHD_suspend_connection(answer->connection); /* first: the thread may be quick */
    if (pthread_create(&thread, &answering->attributes, run, answer) != 0) {
        refuse(answer);
        MHD_resume_connection(answer->connection);
        give_place(answering);
    }
    return true;
}
