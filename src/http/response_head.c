#include "http/response_head.h"

#include <string.h>

void response_head_start(struct response_head *head, size_t max_bytes)
{
    head->status = 0;
    head->is_whole = false;
    head->http_version[0] = '\0';
    head->bytes = head->count = 0;
    head->max_bytes = max_bytes;
    text_clear(&head->content_type);
    text_clear(&head->content_encoding);
    text_clear(&head->location);
}

void response_head_finish(struct response_head *head)
{
    text_finish(&head->content_type);
    text_finish(&head->content_encoding);
    text_finish(&head->location);
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* "HTTP/1.1 404 Not Found" (RFC 9112, section 4). Each starts a new head: interim answers come
 * before the final one. */
static void read_status_line(struct response_head *head, struct slice line)
{
    size_t at = strlen("HTTP/"), length = 0;
    for (; at < line.length && (is_digit(line.start[at]) || line.start[at] == '.'); at++)
        if (length < sizeof head->http_version - 1)
            head->http_version[length++] = line.start[at];
    head->http_version[length] = '\0';
    while (at < line.length && line.start[at] == ' ')
        at++;
    head->status = 0;
    for (int i = 0; i < 3 && at < line.length && is_digit(line.start[at]); i++, at++)
        head->status = head->status * 10 + (line.start[at] - '0');
    text_clear(&head->content_type);
    text_clear(&head->content_encoding);
    text_clear(&head->location);
}

static struct text *find_field(struct response_head *head, struct slice name)
{
    const struct {
        const char *name;
        struct text *value;
    } fields[] = {
        {"content-type", &head->content_type},
        {"content-encoding", &head->content_encoding},
        {"location", &head->location},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (slice_equals_nocase(name, slice_of_string(fields[i].name)))
            return fields[i].value;
    return NULL;
}

/* The first of several fields of one name counts. */
static void read_field(struct response_head *head, struct slice line)
{
    const char *colon = memchr(line.start, ':', line.length);
    if (!colon)
        return;
    struct slice name = slice_of(line.start, (size_t)(colon - line.start));
    struct text *value = find_field(head, name);
    if (!value || value->length)
        return;
    text_append_slice(value, slice_trimmed(slice_of(colon + 1, line.length - name.length - 1)));
    const char *nul = memchr(text_string(value), '\0', value->length);
    if (nul)
        value->length = (size_t)(nul - value->start);
}

enum response_head_step response_head_feed(struct response_head *head, struct slice line)
{
    head->bytes += line.length;
    line = slice_trimmed(line);
    if (line.length)
        head->count++;
    if ((head->max_bytes && head->bytes > head->max_bytes) || head->count > HTTP_HEADER_COUNT_MAX)
        return HEAD_IS_TOO_LARGE;
    if (head->is_whole)
        return HEAD_GOES_ON;
    if (slice_starts_with(line, "HTTP/"))
        read_status_line(head, line);
    else if (line.length)
        read_field(head, line);
    else if (head->status >= 200)
        head->is_whole = true;
    return head->is_whole ? HEAD_IS_WHOLE : HEAD_GOES_ON;
}

static const char *string_or_null(const struct text *text)
{
    return text->length ? text->start : NULL;
}

struct http_head response_head_view(const struct response_head *head)
{
    return (struct http_head){
        .status = head->status,
        .http_version = head->status ? head->http_version : NULL,
        .content_type = string_or_null(&head->content_type),
        .content_encoding = string_or_null(&head->content_encoding),
        .location = string_or_null(&head->location),
    };
}
