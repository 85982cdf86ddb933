#include "api/session_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"

enum { WAIT_S = 2 };

struct session_pool {
    pthread_mutex_t mutex;
    pthread_cond_t is_given;
    char *url;
    struct session *idle[SESSIONS_MAX];
    int idle_count, taken_count;
    bool is_connecting; /* a thread is at it */
    bool is_away;       /* the last attempt failed, as last_failure says */
    struct failure last_failure;
};

struct session_pool *session_pool_create(const char *url)
{
    struct session_pool *pool = memory_zeroed(1, sizeof *pool);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->is_given, &attributes);
    pthread_condattr_destroy(&attributes);
    pool->url = memory_copy_string(url);
    return pool;
}

void session_pool_destroy(struct session_pool *pool)
{
    if (!pool)
        return;
    while (pool->idle_count)
        session_close(pool->idle[--pool->idle_count]);
    pthread_cond_destroy(&pool->is_given);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->url);
    free(pool);
}

/* The mutex is held, except while connecting. */
static struct session *connect_one(struct session_pool *pool, struct failure *failure)
{
    if (pool->is_away && pool->is_connecting) {
        *failure = pool->last_failure;
        return NULL;
    }
    pool->is_connecting = true;
    pool->taken_count++;
    pthread_mutex_unlock(&pool->mutex);
    struct session *session = session_open(pool->url, "api", failure);
    if (session && !session_run(session, "set statement_timeout = '10s'", failure)) {
        session_close(session);
        session = NULL;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->is_connecting = false;
    pool->is_away = !session;
    if (!session) {
        pool->taken_count--;
        pool->last_failure = *failure;
        pthread_cond_signal(&pool->is_given);
    }
    return session;
}

/* The mutex is held. False when nobody gave one back in time. */
static bool wait_given(struct session_pool *pool, const struct timespec *deadline)
{
    while (!pool->idle_count && pool->taken_count == SESSIONS_MAX)
        if (pthread_cond_timedwait(&pool->is_given, &pool->mutex, deadline) != 0)
            return pool->idle_count || pool->taken_count < SESSIONS_MAX;
    return true;
}

struct session *session_pool_take(struct session_pool *pool, struct failure *failure)
{
    struct timespec deadline;
    struct session *session = NULL;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += WAIT_S;
    pthread_mutex_lock(&pool->mutex);
    if (!wait_given(pool, &deadline)) {
        failure_set(failure, FAILURE_DATABASE, "all %d sessions are busy", SESSIONS_MAX);
    } else if (pool->idle_count) {
        session = pool->idle[--pool->idle_count];
        pool->taken_count++;
    } else {
        session = connect_one(pool, failure);
    }
    pthread_mutex_unlock(&pool->mutex);
    return session;
}

void session_pool_give(struct session_pool *pool, struct session *session)
{
    pthread_mutex_lock(&pool->mutex);
    pool->taken_count--;
    if (session_is_open(session))
        pool->idle[pool->idle_count++] = session;
    else
        session_close(session);
    pthread_cond_signal(&pool->is_given);
    pthread_mutex_unlock(&pool->mutex);
}
