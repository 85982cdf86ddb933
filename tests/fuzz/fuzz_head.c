/*
 * Any lines as the head of an answer, on memory that another answer used before: every field lies
 * within what was fed and is found by its name, and after the end nothing changes.
 */
#include <stdint.h>

#include "base/check.h"
#include "http/response_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed(struct response_head *head, struct slice input)
{
    while (input.length) {
        const char *end = memchr(input.start, '\n', input.length);
        size_t length = end ? (size_t)(end - input.start) + 1 : input.length;
        bool was_whole = head->is_whole;
        enum response_head_step step = response_head_feed(head, slice_of(input.start, length));
        if (step == HEAD_IS_TOO_LARGE)
            return;
        CHECK((step == HEAD_IS_WHOLE) == (head->is_whole && !was_whole));
        input = slice_of(input.start + length, input.length - length);
    }
}

static void check_fields(const struct http_head *head, size_t size)
{
    size_t bytes = 0;
    CHECK(head->field_count <= HTTP_HEADER_COUNT_MAX);
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice name = head->fields[i].name, value = head->fields[i].value;
        CHECK(name.length && !memchr(name.start, ':', name.length));
        CHECK(!memchr(value.start, '\n', value.length));
        CHECK(slice_equals(value, slice_trimmed(value)));
        CHECK(value.start[value.length] == '\0');
        bytes += name.length + value.length;
    }
    CHECK(bytes <= size);
    CHECK(!head->location || http_head_find(head, "Location").start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct response_head head;
    response_head_start(&head, size / 2 * 2); /* an odd last byte is one too many */
    feed(&head, slice_of((const char *)data, size));
    struct http_head view = response_head_view(&head);
    check_fields(&view, size);
    if (head.is_whole) {
        feed(&head, slice_of_string("Late: 1\r\n\r\nHTTP/1.1 500 Later\r\nB: 2\r\n\r\n"));
        struct http_head later = response_head_view(&head);
        CHECK(later.status == view.status && later.field_count == view.field_count);
    }
    return 0;
}
