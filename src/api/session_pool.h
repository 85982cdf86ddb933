/* A few sessions that threads take turns with. Bounded in number and in waiting. */
#ifndef PAWL_API_SESSION_POOL_H
#define PAWL_API_SESSION_POOL_H

#include "pg/session.h"

struct session_pool;

enum { SESSIONS_MAX = 4 };

/* url is copied; connects when asked. */
struct session_pool *session_pool_create(const char *url);
/* All sessions must have been given back. NULL is fine. */
void session_pool_destroy(struct session_pool *pool);
/*
 * A session of this thread's alone until it is given back. NULL with failure set when the database
 * cannot be reached, or all are busy for 2 s. While it cannot be reached, one thread tries and the
 * others are told what it was told last: nobody queues behind a server that does not answer.
 */
struct session *session_pool_take(struct session_pool *pool, struct failure *failure);
void session_pool_give(struct session_pool *pool, struct session *session);

#endif
