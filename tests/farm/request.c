#include "request.h"

#include <stdint.h>

enum { HEAD_BYTES_MAX = 1 << 16, BODY_BYTES_MAX = 1 << 23 };

static const struct field {
    const char *name;
    size_t offset;
} fields[] = {
    {"host", offsetof(struct request, authority)},
    {"user-agent", offsetof(struct request, user_agent)},
    {"accept-encoding", offsetof(struct request, accept_encoding)},
    {"connection", offsetof(struct request, connection)},
    {"content-length", offsetof(struct request, content_length)},
};

/* What stands before the separator; the slice goes on behind it. All of it when there is none. */
static struct slice cut(struct slice *slice, const char *separator)
{
    size_t length = strlen(separator);
    const char *at = slice->length ? memmem(slice->start, slice->length, separator, length) : NULL;
    struct slice front = slice_of(slice->start, at ? (size_t)(at - slice->start) : slice->length);
    size_t taken = at ? front.length + length : front.length;
    *slice = slice_of(slice->start + taken, slice->length - taken);
    return front;
}

static bool read_request_line(struct request *request, struct slice line)
{
    request->method = cut(&line, " ");
    request->target = cut(&line, " ");
    request->is_old = slice_equals(line, slice_of_string("HTTP/1.0"));
    struct slice rest = request->target;
    request->path = cut(&rest, "?");
    request->query = rest;
    return request->method.length && slice_starts_with(request->target, "/") &&
           slice_starts_with(line, "HTTP/1.");
}

static void read_field(struct request *request, struct slice line)
{
    struct slice name = cut(&line, ":");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (slice_equals_nocase(name, slice_of_string(fields[i].name)))
            *(struct slice *)(void *)((char *)request + fields[i].offset) = slice_trimmed(line);
}

/* The length that the request says its body has. */
static size_t body_bytes(const struct request *request)
{
    size_t bytes = 0;
    for (size_t i = 0; i < request->content_length.length && bytes <= BODY_BYTES_MAX; i++) {
        char digit = request->content_length.start[i];
        if (digit < '0' || digit > '9')
            return SIZE_MAX;
        bytes = bytes * 10 + (size_t)(digit - '0');
    }
    return bytes;
}

enum request_step request_read(struct request *request, struct slice bytes)
{
    static const char end[] = "\r\n\r\n";
    const char *at = bytes.length ? memmem(bytes.start, bytes.length, end, strlen(end)) : NULL;
    if (!at)
        return bytes.length > HEAD_BYTES_MAX ? REQUEST_IS_BAD : REQUEST_GOES_ON;
    *request = (struct request){.head = {bytes.start, (size_t)(at - bytes.start) + strlen(end)}};
    struct slice lines = slice_of(bytes.start, (size_t)(at - bytes.start));
    if (!read_request_line(request, cut(&lines, "\r\n")))
        return REQUEST_IS_BAD;
    while (lines.length)
        read_field(request, cut(&lines, "\r\n"));
    struct slice authority = request->authority;
    request->host = cut(&authority, ":");
    const char *says = request->is_old ? "keep-alive" : "close";
    request->is_kept_alive =
        slice_equals_nocase(request->connection, slice_of_string(says)) == request->is_old;
    size_t length = body_bytes(request);
    if (length > BODY_BYTES_MAX)
        return REQUEST_IS_BAD;
    request->body = slice_of(bytes.start + request->head.length, length);
    return bytes.length - request->head.length < length ? REQUEST_GOES_ON : REQUEST_IS_WHOLE;
}

static int hex_digit(char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = byte ? strchr(digits, byte | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

static void append_decoded(struct text *text, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        bool has_digits = bytes.start[i] == '%' && bytes.length - i > 2;
        int high = has_digits ? hex_digit(bytes.start[i + 1]) : -1;
        int low = has_digits ? hex_digit(bytes.start[i + 2]) : -1;
        if (high < 0 || low < 0) {
            text_append_char(text, bytes.start[i]);
        } else {
            text_append_char(text, (char)(high * 16 + low));
            i += 2;
        }
    }
}

bool request_query_value(const struct request *request, const char *name, struct text *value)
{
    struct slice query = request->query;
    while (query.length) {
        struct slice pair = cut(&query, "&");
        if (!slice_equals(cut(&pair, "="), slice_of_string(name)))
            continue;
        append_decoded(value, pair);
        return true;
    }
    return false;
}
