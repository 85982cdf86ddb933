/*
 * What routes are made of: a request that has come in whole, what they answer, and how they ask the
 * database. For the files of this room; api.h is for everybody.
 */
#ifndef PAWL_API_ROUTE_H
#define PAWL_API_ROUTE_H

#include "api/session_pool.h"
#include "base/failure.h"
#include "base/text.h"

enum { REQUEST_BODY_MAX = 1 << 20 };

struct api_request {
    const char *path, *method;
    const char *rest;   /* of the path, behind the route's own */
    const char *bearer; /* token of "Authorization: Bearer ...", or NULL */
    struct slice body;
};

/* A status code, and the body's text, which the route has filled. */
typedef int route_fn(struct session_pool *pool, const struct api_request *request,
                     struct text *body);

struct route {
    const char *path; /* with a slash at its end: what is behind it is the route's to read */
    bool is_post;
    bool asks;        /* the database, so it may take a while */
    route_fn *answer; /* NULL: a stream of events */
};

/* Sets the request's rest. has_events: whether there is such a stream. NULL, with *status, body
 * and, when it was the method, *allowed, if there is none. */
const struct route *routes_find(struct api_request *request, bool has_events, int *status,
                                struct text *body, const char **allowed);

/* {"error": {"message", "hint"}}; hint may be "". */
void answer_error(struct text *body, const char *message, const char *hint);
/* What the database, or the way to it, said; the status follows from the SQLSTATE. */
int answer_failure(struct text *body, const struct failure *failure);

typedef bool ask_fn(struct session *session, const struct api_request *request, struct text *body,
                    struct failure *failure);
/* Asks with a session of the pool; with the next one when the session turns out to be lost, so what
 * is asked may be asked twice. */
bool ask(struct session_pool *pool, ask_fn *question, const struct api_request *request,
         struct text *body, struct failure *failure);
/* For questions: appends the only value of the only row. */
bool ask_value(struct session *session, const char *sql, int count, const char *const *values,
               struct text *body, struct failure *failure);

/* probes.c */
int answer_livez(struct session_pool *pool, const struct api_request *request, struct text *body);
int answer_readyz(struct session_pool *pool, const struct api_request *request, struct text *body);
int answer_status(struct session_pool *pool, const struct api_request *request, struct text *body);
/* callbacks.c: rest is JOB/TASK/ATTEMPT. */
int answer_callback(struct session_pool *pool, const struct api_request *request,
                    struct text *body);

#endif
