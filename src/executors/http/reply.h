/*
 * What an answer, or none, means for the task (DESIGN 5.8): 2xx completes it with the reply as
 * result; 408, 425, 429, 5xx and a broken connection are tried again, when the answer says so if it
 * says so; all else fails for good. Once an answer has begun with 2xx and is only too large, the
 * work has been done: the task is completed with what there is of it. Not in the form "fetch",
 * whose good answers do not come here (fetch.h): of data a part is of no use.
 */
#ifndef PAWL_EXECUTORS_HTTP_REPLY_H
#define PAWL_EXECUTORS_HTTP_REPLY_H

#include "executors/http/dispatch.h"

/* The next piece of the body: as much is kept as a result may have. */
void reply_feed(struct dispatch *dispatch, struct slice piece);
struct outcome reply_outcome(struct dispatch *dispatch, const struct http_result *result);
/* The part of it that needs no body: how a request failed that got no whole answer. */
struct outcome reply_failure_outcome(const struct http_result *result);

#endif
