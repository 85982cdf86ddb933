/*
 * The head of an answer, gathered line by line as libcurl gives it: the last status line and every
 * header field behind it. For HTTP/2 libcurl writes the same lines.
 */
#ifndef PAWL_HTTP_RESPONSE_HEAD_H
#define PAWL_HTTP_RESPONSE_HEAD_H

#include "http/client.h"

struct response_head {
    int status;
    bool is_whole;        /* of the final answer: what comes now are trailers */
    bool is_among_fields; /* behind a status line, up to the empty line */
    bool is_in_field;     /* the line before was a field, which the next may continue */
    char http_version[4];
    struct text strings; /* of each field the name, NUL, the value, NUL */
    struct http_field *fields;
    size_t field_count, field_capacity;
    size_t bytes, count, max_bytes;
};

enum response_head_step { HEAD_GOES_ON, HEAD_IS_WHOLE, HEAD_IS_TOO_LARGE };

/* max_bytes: 0 for unlimited. Keeps the memory of an earlier use, unless that was uncommonly much.
 */
void response_head_start(struct response_head *head, size_t max_bytes);
void response_head_finish(struct response_head *head);
/* One line with its end, the empty one behind the head too. HEAD_IS_WHOLE once, for the final
 * answer; counts trailers as headers and keeps nothing of them. */
enum response_head_step response_head_feed(struct response_head *head, struct slice line);
/* A view, valid until the next call. */
struct http_head response_head_view(struct response_head *head);

#endif
