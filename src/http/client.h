/*
 * HTTP requests over libcurl, many at once, on one libuv loop. Everything happens on the loop's
 * thread and nothing blocks: names are resolved on threads of their own.
 *
 * HTTP/1.1 with connections kept alive; over TLS HTTP/2 where it is offered, many requests to a
 * connection. gzip, deflate and brotli are asked for and undone. Certificates are checked against
 * the system's authorities, or those in the file that the environment variable SSL_CERT_FILE names.
 * An idle client lets go of its connections and its memory. The first request makes the program
 * ignore SIGPIPE.
 *
 * The guard: no connection is made to an address that is not everybody's (http/address_guard.h),
 * whatever the URL or the name server says, unless the request allows it. Of a name with several
 * addresses those that are left are tried. Requests that allow it have connections of their own.
 *
 * Not followed: redirects, since whoever asks wants to know of them. Not used: cookies, proxies
 * (not even those that the environment names), user names in URLs, other protocols than http and
 * https.
 */
#ifndef PAWL_HTTP_CLIENT_H
#define PAWL_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/text.h"
#include "http/field.h"

/* Header lines of one answer, status lines, interim answers (1xx) and trailers included. */
#define HTTP_HEADER_COUNT_MAX 256

enum http_failure {
    HTTP_FAILURE_NONE,
    HTTP_FAILURE_DNS,
    HTTP_FAILURE_CONNECT, /* no connection, or lost before the answer was whole */
    HTTP_FAILURE_TLS,
    HTTP_FAILURE_TIMEOUT,
    HTTP_FAILURE_TOO_LARGE,
    HTTP_FAILURE_PROTOCOL, /* what came is no HTTP, or the request cannot be sent as HTTP */
    HTTP_FAILURE_CANCELLED,
    HTTP_FAILURE_REFUSED, /* by the guard: none of the host's addresses may be connected to */
};

struct http_limits {
    int idle_connections; /* kept open for later requests, at most: so many that the guard has
                             looked at, and so many others */
    int idle_ms;          /* without a request for so long, all are closed and memory is freed */
};

/* Copied by http_client_start(). 0 and NULL mean "none" unless said otherwise. */
struct http_request {
    const char *url;             /* http or https, sent as it is */
    const char *method;          /* NULL: GET */
    const char *user_agent;      /* NULL: no such header */
    const char *const *headers;  /* "Name: value" each, the last one NULL */
    struct slice body;           /* not sent with HEAD */
    bool is_alone;               /* on a connection that no other request has used or will use */
    bool allow_private;          /* private, loopback, ... addresses are connected to as well */
    int timeout_ms;              /* for everything, pauses included; 0: CHECK fails, every wait has
                                    a deadline */
    int connect_timeout_ms;      /* for the name, the connection and TLS; 0: as timeout_ms */
    uint64_t max_transfer_bytes; /* of the body on the wire; 0: as max_body_bytes */
    uint64_t max_body_bytes;     /* after decompression; 0: unlimited */
    size_t max_header_bytes;     /* status lines included; 0: unlimited */
};

/* The head of an answer. Strings are NULL where the answer has no such header; they are bytes as
 * they came, without line breaks and NUL. Fields are those of the final answer in their order,
 * neither those of interim answers nor trailers; a value that went over several lines is one, with
 * a space for each line break (RFC 9112, section 5.2). They live as long as the strings. */
struct http_head {
    int status;               /* 0: no answer came */
    const char *http_version; /* "1.0", "1.1", "2", "3"; NULL: no answer came */
    const char *content_type, *content_encoding, *location;
    const struct http_field *fields;
    size_t field_count;
};

/* The value of the first field of that name, in any case of letters; {NULL, 0}: there is none. */
struct slice http_head_find(const struct http_head *head, const char *name);

/* Times in milliseconds. Those of the phases are for the phase alone: 0 on a connection that is
 * used again, -1 when it is not known how the phase ended. */
struct http_result {
    enum http_failure failure;
    bool is_permanent;   /* failed in a way that soon trying again will not change: the name does
                            not exist, the certificate is refused, something is too large */
    const char *message; /* for people, lower case; NULL without a failure */
    struct http_head head;
    const char *address; /* of the peer, as a number; "": no connection was made */
    bool is_sent;        /* at least the begin of the request has gone out */
    double dns_ms, connect_ms, tls_ms;
    double first_byte_ms, total_ms; /* since the request was started */
    uint64_t transfer_bytes;        /* of the body on the wire */
    uint64_t wire_bytes;            /* heads and bodies, sent and received */
    uint64_t body_bytes;            /* after decompression */
    int64_t retry_after_ms;         /* -1: the answer does not say, or not a moment to come */
};

struct http_client;
struct http_transfer;

/* Each may be NULL but on_done. What is given is valid during the call. From inside them transfers
 * may be started and cancelled. */
struct http_callbacks {
    /* Once the head is whole, before the body; not for interim answers. */
    void (*on_head)(void *context, const struct http_head *head);
    /* The next piece of the body, decompressed. */
    void (*on_body)(void *context, struct slice piece);
    /* Exactly once, from the loop, never from inside http_client_start() or http_transfer_cancel();
     * the transfer is gone with it. */
    void (*on_done)(void *context, const struct http_result *result);
};

struct http_client *http_client_create(uv_loop_t *loop, const struct http_limits *limits);
/* Transfers in flight end as cancelled, from inside this call; the handles are closed as the loop
 * turns. May be called from a callback. NULL: nothing. */
void http_client_destroy(struct http_client *client);

/* The transfer is the client's; it may be cancelled until its on_done is called. */
struct http_transfer *http_client_start(struct http_client *client,
                                        const struct http_request *request,
                                        const struct http_callbacks *callbacks, void *context);
/* Ends it soon with HTTP_FAILURE_CANCELLED; nothing but on_done is called for it any more. */
void http_transfer_cancel(struct http_transfer *transfer);
/* While it is paused on_body is not called; no byte is lost and none comes twice, and libcurl reads
 * no further than one buffer. What that buffer expands to is kept in memory, 64 MiB of it at most,
 * or the body is too large. From inside any callback, its own on_body too: the piece at hand counts
 * as taken. Not being paused any more shows from the loop, never from inside this call. An answer
 * whose bytes are all told, and one that fails, ends in a pause too. */
void http_transfer_pause(struct http_transfer *transfer, bool is_paused);

/* "dns", "connect", "tls", "timeout", "too_large", "protocol", "cancelled", "guard"; NULL for none.
 */
const char *http_failure_name(enum http_failure failure);

#endif
