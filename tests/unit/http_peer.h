/*
 * An HTTP server for tests, on the test's own loop and on a free port of 127.0.0.1: it answers each
 * path with the bytes that the test wrote for it, and remembers what it was asked. It knows nothing
 * of HTTP but where a request ends, so it can also answer with what no server would.
 */
#ifndef PAWL_TESTS_HTTP_PEER_H
#define PAWL_TESTS_HTTP_PEER_H

#include <stdbool.h>
#include <uv.h>

#include "base/text.h"

enum http_peer_manner {
    PEER_AT_ONCE,
    PEER_IN_PIECES, /* one byte in each turn of the loop */
    PEER_SLOWLY,    /* one byte in 20 ms */
    PEER_THEN_CLOSE,
    PEER_SILENT, /* the request is read and nothing is said */
};

struct http_peer;

struct http_peer *http_peer_create(uv_loop_t *loop);
/* The handles are closed as the loop turns. */
void http_peer_destroy(struct http_peer *peer);
int http_peer_port(const struct http_peer *peer);
/* What a path ("/a"), or one method of it ("HEAD /a"), is answered from now on. Unknown paths are
 * answered 404 with the body "lost". */
void http_peer_answer(struct http_peer *peer, const char *path, enum http_peer_manner manner,
                      struct slice bytes);
/* The same, for an answer with these header lines (each with its line end) and this body. */
void http_peer_serve(struct http_peer *peer, const char *path, const char *status,
                     const char *headers, const char *body);
int http_peer_connections(const struct http_peer *peer);
int http_peer_requests(const struct http_peer *peer);
/* Head and body of the latest request. */
const char *http_peer_last_request(const struct http_peer *peer);

#endif
