#include "answer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "gzip.h"

static const struct reason {
    int status;
    const char *words;
} reasons[] = {
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {410, "Gone"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].words;
    return "Something";
}

void answer_start(struct answer *answer)
{
    struct text fields = answer->fields, body = answer->body;
    text_clear(&fields);
    text_clear(&body);
    CHECK(answer->stream == NULL);
    *answer = (struct answer){.status = 200, .fields = fields, .body = body, .length = LENGTH_TRUE};
}

void answer_finish(struct answer *answer)
{
    stream_destroy(answer->stream);
    text_finish(&answer->fields);
    text_finish(&answer->body);
}

void answer_field(struct answer *answer, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    CHECK(length >= 0);
    text_append_string(&answer->fields, line);
    text_append(&answer->fields, "\r\n", 2);
}

void answer_bytes(struct answer *answer, int status, const char *type, struct slice body)
{
    answer->status = status;
    answer->type = type;
    text_clear(&answer->body);
    text_append_slice(&answer->body, body);
}

void answer_text(struct answer *answer, int status, const char *type, const char *body)
{
    answer_bytes(answer, status, type, slice_of_string(body));
}

void answer_stream(struct answer *answer, const char *type, struct stream *stream)
{
    answer->type = type;
    answer->stream = stream;
}

void answer_raw(struct answer *answer, int status, struct slice bytes, enum answer_end end)
{
    answer_bytes(answer, status, NULL, bytes);
    answer->is_raw = true;
    answer->end = end;
}

static bool has_body(const struct answer *answer)
{
    return answer->is_raw ||
           (answer->status >= 200 && answer->status != 204 && answer->status != 304);
}

static void drop_body(struct answer *answer)
{
    text_clear(&answer->body);
    stream_destroy(answer->stream);
    answer->stream = NULL;
}

void answer_complete(struct answer *answer)
{
    if (!has_body(answer))
        drop_body(answer);
    if (!answer->is_gzipped || answer->is_packed || !has_body(answer) || answer->is_raw)
        return;
    answer->is_packed = true;
    if (answer->stream)
        answer->stream = gzip_stream(answer->stream);
    else
        gzip_text(&answer->body);
}

bool answer_is_chunked(const struct answer *answer, bool is_old)
{
    return answer->stream && !answer->is_raw && answer->length == LENGTH_TRUE && !is_old;
}

static void append_framing(const struct answer *answer, bool is_old, struct text *head)
{
    if (answer_is_chunked(answer, is_old))
        text_append_string(head, "Transfer-Encoding: chunked\r\n");
    else if (answer->length >= 0)
        text_append_format(head, "Content-Length: %lld\r\n", (long long)answer->length);
    else if (!answer->stream && has_body(answer))
        text_append_format(head, "Content-Length: %zu\r\n", answer->body.length);
}

void answer_head(const struct answer *answer, bool is_old, bool is_kept_alive, struct text *head)
{
    text_append_format(head, "HTTP/1.1 %03d %s\r\n", answer->status, reason_of(answer->status));
    if (answer->type)
        text_append_format(head, "Content-Type: %s\r\n", answer->type);
    if (answer->is_packed)
        text_append_string(head, "Content-Encoding: gzip\r\n");
    append_framing(answer, is_old, head);
    if (!is_kept_alive)
        text_append_string(head, "Connection: close\r\n");
    else if (is_old)
        text_append_string(head, "Connection: keep-alive\r\n");
    text_append_slice(head, text_slice(&answer->fields));
    text_append(head, "\r\n", 2);
}
