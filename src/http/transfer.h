/*
 * One request and its answer on one easy handle: the request's options, the limits that are held
 * while the answer streams in, and what is told at its end. Handles are used again. It knows
 * nothing of the loop; client.c moves transfers between its lists.
 */
#ifndef PAWL_HTTP_TRANSFER_H
#define PAWL_HTTP_TRANSFER_H

#include <curl/curl.h>
#include <uv.h>

#include "base/list.h"
#include "http/response_head.h"

struct http_transfer {
    struct list link; /* the client's list that it is in is its state */
    struct http_client *client;
    struct multi_loop *multi;
    bool is_in_multi;
    CURL *easy;
    struct curl_slist *headers;
    struct http_callbacks callbacks;
    void *context;
    struct response_head head;
    uint64_t body_bytes, max_body_bytes, max_transfer_bytes;
    bool is_paused; /* wished for */
    bool is_held;   /* libcurl keeps bytes that came in the pause */
    bool allow_private, has_socket;
    char refused_address[128];     /* the first one that was, and why; empty: none */
    enum http_failure own_failure; /* decided here rather than by libcurl */
    const char *own_message;
    bool is_unknown_host;
    struct name_question *question; /* while it asks */
    uint64_t deadline_ms, asked_ms; /* of the loop */
    char error[CURL_ERROR_SIZE];
    struct text message;
};

struct http_transfer *transfer_create(struct http_client *client);
void transfer_destroy(struct http_transfer *transfer);
/* Sets everything for a new request. A request that must not be sent (a line break in a header)
 * leaves own_failure set. */
void transfer_prepare(struct http_transfer *transfer, const struct http_request *request,
                      const struct http_callbacks *callbacks, void *context);
/* What became of it; code is libcurl's. Strings live until the next transfer_prepare(). */
void transfer_read_result(struct http_transfer *transfer, CURLcode code,
                          struct http_result *result);
/* Gives what was held in a pause, and goes on. Not from inside a callback of libcurl. Not CURLE_OK:
 * it failed, or was cancelled, and libcurl will say no more of it. */
CURLcode transfer_resume(struct http_transfer *transfer);
/* Forgets what the request needed, keeps the handle. */
void transfer_clear(struct http_transfer *transfer);

#endif
