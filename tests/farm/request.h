/*
 * A small reader of HTTP/1 requests (RFC 9112): the request line, the few fields that the farm
 * looks at, a body of known length. It takes what any client of a test sends and is no validator.
 */
#ifndef PAWL_FARM_REQUEST_H
#define PAWL_FARM_REQUEST_H

#include "base/text.h"

/* Views of the bytes that were read; {NULL, 0} where there is no such field. */
struct request {
    struct slice head; /* with the empty line behind it */
    struct slice method, target;
    struct slice path, query;     /* of the target; the query without its question mark */
    struct slice authority, host; /* Host as it came, and without its port */
    struct slice user_agent, accept_encoding, connection, content_length;
    struct slice body;
    bool is_old; /* HTTP/1.0: no chunks, and kept alive only if it asks */
    bool is_kept_alive;
};

enum request_step { REQUEST_GOES_ON, REQUEST_IS_WHOLE, REQUEST_IS_BAD };

/* Reads one request from the start of the bytes. Head and body are together its length. */
enum request_step request_read(struct request *request, struct slice bytes);

/* Appends the value of a name in the query, percent-decoded (RFC 3986); false when there is none.
 */
bool request_query_value(const struct request *request, const char *name, struct text *value);

#endif
