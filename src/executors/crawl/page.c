#include "executors/crawl/page.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char *const roles[] = {
    [PAGE_ORDINARY] = "page",
    [PAGE_SITEMAP] = "sitemap",
    [PAGE_EXTERNAL] = "external",
};

const char *page_role_name(enum page_role role)
{
    return roles[role];
}

static int number_of(const json_t *payload, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(payload, name));
    return number < 0 ? 0 : number < INT32_MAX ? (int)number : INT32_MAX - 1;
}

static enum page_role role_of(const json_t *payload)
{
    const char *name = json_string_value(json_object_get(payload, "role"));
    for (enum page_role role = PAGE_ORDINARY; name && role <= PAGE_EXTERNAL; role++)
        if (strcmp(name, roles[role]) == 0)
            return role;
    return PAGE_ORDINARY;
}

static const char *source_of(struct page *page, const json_t *payload)
{
    const char *name = json_string_value(json_object_get(payload, "source"));
    return name ? arena_copy(page->arena, name, strlen(name)) : "start";
}

static bool read_payload(struct page *page, const json_t *payload, struct failure *failure)
{
    const char *url = json_string_value(json_object_get(payload, "url"));
    page->depth = number_of(payload, "depth");
    page->redirects = number_of(payload, "redirects");
    page->warm_requests = number_of(payload, "warm");
    page->role = role_of(payload);
    page->source = source_of(page, payload);
    if (!url)
        return failure_set(failure, FAILURE_INPUT, "the task's payload has no url");
    return url_parse(slice_of_string(url), NULL, page->arena, &page->url, failure);
}

struct page *page_create(struct crawler *crawler, struct task *task, struct site *site,
                         struct failure *failure)
{
    struct page *page = memory_zeroed(1, sizeof *page);
    list_init(&page->link);
    page->crawler = crawler;
    page->task = task;
    page->robots_steps_left = PAGE_ROBOTS_STEPS;
    page->site = site;
    page->arena = arena_create(512);
    json_t *payload = json_loads(task->payload, 0, NULL);
    bool is_good = read_payload(page, payload, failure);
    page->asked = page->url;
    json_decref(payload);
    if (is_good)
        return page;
    page_destroy(page);
    return NULL;
}

void page_destroy(struct page *page)
{
    list_remove(&page->link);
    text_finish(&page->start);
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

bool page_is_tried_again(const struct page *page)
{
    return page->task->attempt - page->task->uncounted_attempts > 1;
}
