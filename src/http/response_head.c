/*
 * How it works: the strings of all fields stand one behind the other in one text, which may move
 * while it grows; so a field knows its lengths at first, and where it starts when it is looked at.
 */
#include "http/response_head.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { STRINGS_KEPT_MAX = 128 * 1024 };

static void forget_fields(struct response_head *head)
{
    text_clear(&head->strings);
    head->field_count = 0;
}

void response_head_start(struct response_head *head, size_t max_bytes)
{
    if (head->strings.capacity > STRINGS_KEPT_MAX)
        text_finish(&head->strings);
    forget_fields(head);
    head->status = 0;
    head->is_whole = head->is_among_fields = head->is_in_field = false;
    head->http_version[0] = '\0';
    head->bytes = head->count = 0;
    head->max_bytes = max_bytes;
}

void response_head_finish(struct response_head *head)
{
    text_finish(&head->strings);
    free(head->fields);
    head->fields = NULL;
    head->field_count = head->field_capacity = 0;
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
    head->is_among_fields = true;
    head->is_in_field = false;
    forget_fields(head);
}

static struct http_field *next_field(struct response_head *head)
{
    if (head->field_count == head->field_capacity) {
        head->field_capacity = head->field_capacity ? head->field_capacity * 2 : 16;
        head->fields = memory_resized(head->fields, head->field_capacity * sizeof *head->fields);
    }
    return &head->fields[head->field_count++];
}

static void append_string(struct text *strings, struct slice string)
{
    text_append_slice(strings, string);
    text_append_char(strings, '\0');
}

/* A line without a name is no field, nor is what goes on behind it. */
static void read_field(struct response_head *head, struct slice line)
{
    const char *colon = memchr(line.start, ':', line.length);
    head->is_in_field = colon && colon != line.start;
    if (!head->is_in_field)
        return;
    struct slice name = slice_of(line.start, (size_t)(colon - line.start));
    struct slice value = slice_trimmed(slice_of(colon + 1, line.length - name.length - 1));
    *next_field(head) = (struct http_field){{NULL, name.length}, {NULL, value.length}};
    append_string(&head->strings, name);
    append_string(&head->strings, value);
}

/* A line that begins with white space belongs to the value before it (RFC 9112, section 5.2). */
static void continue_field(struct response_head *head, struct slice rest)
{
    if (!head->is_in_field || !rest.length)
        return;
    struct slice *value = &head->fields[head->field_count - 1].value;
    head->strings.length--; /* the NUL */
    if (value->length)
        text_append_char(&head->strings, ' ');
    value->length += rest.length + (value->length ? 1 : 0);
    append_string(&head->strings, rest);
}

static bool is_over_limits(const struct response_head *head)
{
    return (head->max_bytes && head->bytes > head->max_bytes) ||
           head->count > HTTP_HEADER_COUNT_MAX;
}

static enum response_head_step end_fields(struct response_head *head)
{
    head->is_among_fields = false;
    head->is_whole = head->status >= 200;
    return head->is_whole ? HEAD_IS_WHOLE : HEAD_GOES_ON;
}

enum response_head_step response_head_feed(struct response_head *head, struct slice line)
{
    bool is_end = !line.length || line.start[0] == '\r' || line.start[0] == '\n';
    bool is_continued = !is_end && (line.start[0] == ' ' || line.start[0] == '\t');
    head->bytes += line.length;
    head->count += !is_end;
    line = slice_trimmed(line);
    if (is_over_limits(head))
        return HEAD_IS_TOO_LARGE;
    if (head->is_whole)
        return HEAD_GOES_ON;
    if (is_end)
        return end_fields(head);
    if (is_continued)
        continue_field(head, line);
    else if (head->is_among_fields)
        read_field(head, line);
    else if (slice_starts_with(line, "HTTP/"))
        read_status_line(head, line);
    return HEAD_GOES_ON;
}

static void place_fields(struct response_head *head)
{
    const char *next = head->strings.start;
    for (size_t i = 0; i < head->field_count; i++) {
        struct http_field *field = &head->fields[i];
        field->name.start = next;
        field->value.start = next + field->name.length + 1;
        next = field->value.start + field->value.length + 1;
    }
}

/* The first value that is not empty; up to a NUL in it. */
static const char *string_of(const struct response_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (slice_equals_nocase(field->name, slice_of_string(name)) && field->value.start[0])
            return field->value.start;
    }
    return NULL;
}

struct http_head response_head_view(struct response_head *head)
{
    place_fields(head);
    return (struct http_head){
        .status = head->status,
        .http_version = head->status ? head->http_version : NULL,
        .content_type = string_of(head, "content-type"),
        .content_encoding = string_of(head, "content-encoding"),
        .location = string_of(head, "location"),
        .fields = head->fields,
        .field_count = head->field_count,
    };
}

struct slice http_head_find(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_equals_nocase(head->fields[i].name, slice_of_string(name)))
            return head->fields[i].value;
    return (struct slice){NULL, 0};
}
