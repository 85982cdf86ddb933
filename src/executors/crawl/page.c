#include "executors/crawl/page.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool read_payload(struct page *page, const json_t *payload, struct failure *failure)
{
    const char *url = json_string_value(json_object_get(payload, "url"));
    json_int_t depth = json_integer_value(json_object_get(payload, "depth"));
    page->depth = depth < 0 ? 0 : depth < INT32_MAX ? (int)depth : INT32_MAX - 1;
    if (!url)
        return failure_set(failure, FAILURE_INPUT, "the task's payload has no url");
    return url_parse(slice_of_string(url), NULL, page->arena, &page->url, failure);
}

struct page *page_create(struct task *task, struct site *site, struct failure *failure)
{
    struct page *page = memory_zeroed(1, sizeof *page);
    page->task = task;
    page->site = site;
    page->arena = arena_create(512);
    json_t *payload = json_loads(task->payload, 0, NULL);
    bool is_good = read_payload(page, payload, failure);
    json_decref(payload);
    if (is_good)
        return page;
    page_destroy(page);
    return NULL;
}

void page_destroy(struct page *page)
{
    arena_destroy(page->arena);
    free(page);
}

bool page_has_links(const struct http_head *head)
{
    if (head->status < 200 || head->status > 299 || !head->content_type)
        return false;
    struct slice type = slice_of(head->content_type, strcspn(head->content_type, ";"));
    type = slice_trimmed(type);
    return slice_equals_nocase(type, slice_of_string("text/html")) ||
           slice_equals_nocase(type, slice_of_string("application/xhtml+xml"));
}
