/*
 * A self-test (pawl.test_kind): can the target be reached, with the kind's header and secrets? One
 * OPTIONS request, not tried again. Completed with {"status", "address", "dns_ms", "connect_ms",
 * "tls_ms"}, or failed for good and says what failed: the name, the connection, TLS, the guard, a
 * secret, or a status that no request would get past (401, 403, 404, 410, a redirect, 5xx; in the
 * form "fetch", where a path comes behind the target, 404 and 410 say nothing). Also in that form
 * it is OPTIONS: a GET may cost money.
 */
#ifndef PAWL_EXECUTORS_HTTP_SELF_TEST_H
#define PAWL_EXECUTORS_HTTP_SELF_TEST_H

#include "executors/http/dispatch.h"

/* Is a task of this job one? */
bool self_test_is_wanted(const struct job_facts *job);
struct outcome self_test_outcome(const struct dispatch *dispatch, const struct http_result *result);

#endif
