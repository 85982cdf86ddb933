/*
 * What is sent for an attempt. In the form "envelope": our JSON around the payload, signed, with an
 * idempotency key and a trace (docs/dispatch.md). In the form "request" the payload is the request:
 * {"method", "url", "headers": {}, "body", "timeout_ms"}. In the form "fetch" it is a GET of a path
 * behind the target (fetch_request.h).
 */
#ifndef PAWL_EXECUTORS_HTTP_REQUEST_H
#define PAWL_EXECUTORS_HTTP_REQUEST_H

#include "executors/http/secrets.h"
#include "executors/http/target.h"
#include "http/client.h"

/* Embedded by value; all zero is empty. */
struct request {
    struct text url, method, body;
    bool has_body;
    int timeout_ms;
    struct text lines;    /* of the header, a NUL behind each */
    const char **headers; /* where they begin; NULL behind the last */
    size_t header_capacity;
    struct text sent_secrets; /* those that stand in the header, a NUL behind each */
    struct text reason;       /* why it cannot be sent */
};

enum request_step {
    REQUEST_IS_READY,
    REQUEST_WAITS,      /* for a secret */
    REQUEST_IS_REFUSED, /* the payload is none that can be sent */
};

/* Builds it anew; in what way it cannot be sent stands in `reason`. */
enum request_step request_build(struct request *request, const struct target *target,
                                const struct task *task, const struct installation *installation,
                                struct secrets *secrets, uint64_t now_ms);
/* The same for a self-test: OPTIONS with the kind's header and without a body. */
enum request_step request_build_self_test(struct request *request, const struct target *target,
                                          const struct task *task, struct secrets *secrets,
                                          uint64_t now_ms);
/* For the client; a view, valid until it is built anew. */
struct http_request request_view(struct request *request, const struct target *target);
void request_finish(struct request *request);

#endif
