/*
 * The HTTP API: what a person or a probe opens. It runs on threads of its own with a small pool of
 * sessions and plain, blocking queries, so that nothing here can slow down the engine's loop; it
 * goes on answering while the database is away.
 *
 *     GET /livez       200 while the process lives
 *     GET /readyz      200 when the database answers and its schema is this program's, else 503
 *     GET /v1/status   pawl.status()
 *     POST /v1/callbacks/JOB/TASK/ATTEMPT   pawl.callback(): a function that answered 202 calls
 * back
 *     GET /v1/events   whose data has come, as server-sent events, where that was asked for
 *
 * Every other answer is JSON; an error is {"error": {"message": ..., "hint": ...}}.
 */
#ifndef PAWL_API_API_H
#define PAWL_API_API_H

#include "base/failure.h"

struct api;

enum { API_EVENT_FILES = 1000 }; /* that its streams of events may have open, at most */

/* listen: see listen_address.h. Both strings are copied. has_events: they need no token, so only
 * where it listens on a loopback address. NULL with failure set (FAILURE_USAGE: no address, or not
 * that; FAILURE_ENVIRONMENT: it cannot be listened on). */
struct api *api_start(const char *listen, const char *database_url, bool has_events,
                      struct failure *failure);
/* Waits for the requests that are being answered. NULL is fine. */
void api_stop(struct api *api);
/* The port that it listens on, also when 0 was asked for. */
int api_port(const struct api *api);
/* "127.0.0.1:8787", as a URL has it; valid as long as the api. */
const char *api_address(const struct api *api);

#endif
