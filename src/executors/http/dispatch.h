/*
 * What the files of the http executor share. A dispatch is one attempt of a task, from start() to
 * its outcome; the dispatcher is the executor.
 */
#ifndef PAWL_EXECUTORS_HTTP_DISPATCH_H
#define PAWL_EXECUTORS_HTTP_DISPATCH_H

#include "executors/executor.h"
#include "executors/http/breaker.h"
#include "executors/http/dispatch_database.h"
#include "executors/http/request.h"
#include "executors/http/save.h"
#include "executors/http/secrets.h"
#include "executors/http/target.h"
#include "http/client.h"

struct dispatcher {
    struct executor_environment environment;
    struct http_client *client;
    struct secrets *secrets;
    struct targets targets;
    struct breakers breakers;
    struct dispatch_database *database;
    struct saves *saves;
    struct request request; /* used for one after the other: the client copies it */
    int in_flight;
    bool is_destroyed;
};

struct dispatch {
    struct dispatcher *dispatcher;
    struct task *task;
    struct target *target;
    struct http_transfer *transfer; /* NULL: has not begun, or is over */
    struct save *save;              /* what it has fetched is handed over; NULL: not (yet) */
    int64_t bytes;                  /* that were sent and received, once they are known */
    bool is_self_test;
    uint64_t started_ms;      /* of the loop */
    struct text reply;        /* the begin of the reply's body, as much as a result may have */
    struct text sent_secrets; /* values that went out in headers, a NUL behind each */
};

/* Ends it, and frees it; takes the outcome's strings over. */
void dispatch_end(struct dispatch *dispatch, struct outcome *outcome);
/* The same as failed for good, for a reason of ours; error_class is static. */
void dispatch_refuse(struct dispatch *dispatch, const char *error_class, const char *error);

#endif
