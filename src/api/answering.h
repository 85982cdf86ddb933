/*
 * Requests that ask the database, each answered by a thread of its own, so that one that waits
 * keeps nobody else waiting; its connection is suspended meanwhile, so that the one thread that
 * reads and writes goes on with the others. A connection without such a request costs no thread.
 */
#ifndef PAWL_API_ANSWERING_H
#define PAWL_API_ANSWERING_H

#include <microhttpd.h>
#include <stdbool.h>

#include "api/route.h"

struct answering;

enum { ANSWERING_MAX = 64 };

/* A request and its answer: the caller's, from before answering_begin() until the connection's
 * request is over. */
struct answer {
    struct MHD_Connection *connection;
    const struct route *route;
    struct api_request request;
    struct answering *answering;
    struct text body;
    int status; /* 0: there is no answer yet */
};

/* pool: outlives it. */
struct answering *answering_create(struct session_pool *pool);
/* Waits for those that are being answered; from then on none is begun. */
void answering_end(struct answering *answering);
/* After answering_end(), and when the daemon has stopped. NULL is fine. */
void answering_destroy(struct answering *answering);
/* From the access handler: suspends the connection, and resumes it when status is set. False when
 * too many are being answered, or it has ended: the answer is there at once, and says so. */
bool answering_begin(struct answering *answering, struct answer *answer);

#endif
