/*
 * The form "request": the payload is the request, {"method", "url", "headers": {}, "body",
 * "timeout_ms"}, and what it may not say is refused in words.
 */
#ifndef PAWL_EXECUTORS_HTTP_PAYLOAD_REQUEST_H
#define PAWL_EXECUTORS_HTTP_PAYLOAD_REQUEST_H

#include "executors/http/request.h"

/* Fills a request that is empty but for timeout_ms, which the payload may only shorten. */
enum request_step payload_request_build(struct request *request, const struct target *target,
                                        const struct task *task);

#endif
