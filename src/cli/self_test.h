/* Waiting for the job of pawl.test_kind, which a node runs, and saying how it went. */
#ifndef PAWL_CLI_SELF_TEST_H
#define PAWL_CLI_SELF_TEST_H

#include <jansson.h>

#include "cli/command.h"
#include "pg/session.h"

/* The job is its id as a JSON string, or null: there is nothing to wait for. Sets *result, the
 * caller's: what the test found, {} when there was none, null when somebody stopped waiting
 * (Ctrl-C), who has then been told how to come back. May lose *session. False with failure set:
 *   FAILURE_WORK     no node runs, or what the kind calls is wrong
 *   FAILURE_NETWORK  it cannot be reached */
bool self_test_await(const struct call *call, struct session **session, const char *kind,
                     const json_t *job, json_t **result, struct failure *failure);
/* For people; nothing when *result is null. */
void self_test_print(const char *kind, const json_t *result);

#endif
