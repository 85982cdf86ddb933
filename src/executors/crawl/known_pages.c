#include "executors/crawl/known_pages.h"

#include <stdlib.h>

#include "base/memory.h"

enum { CAPACITY_MIN = 1024 };

void known_pages_init(struct known_pages *pages, size_t limit)
{
    *pages = (struct known_pages){.limit = limit};
}

void known_pages_finish(struct known_pages *pages)
{
    free(pages->slots);
    *pages = (struct known_pages){0};
}

/* The slot that holds the hash, or the empty one where it would go. Hashes are parts of a SHA-256:
 * their low bits are as good as any. */
static struct known_page *find_slot(const struct known_pages *pages, uint64_t hash)
{
    size_t at = hash & (pages->capacity - 1);
    while (pages->slots[at].hash && pages->slots[at].hash != hash)
        at = (at + 1) & (pages->capacity - 1);
    return &pages->slots[at];
}

static void grow(struct known_pages *pages)
{
    struct known_pages larger = *pages;
    larger.capacity = pages->capacity ? pages->capacity * 2 : CAPACITY_MIN;
    larger.slots = memory_zeroed(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < pages->capacity; i++)
        if (pages->slots[i].hash)
            *find_slot(&larger, pages->slots[i].hash) = pages->slots[i];
    free(pages->slots);
    *pages = larger;
}

/* NULL: it is not there, and there is no room for it. */
static struct known_page *take_slot(struct known_pages *pages, uint64_t hash)
{
    hash = hash ? hash : 1;
    if (pages->count < pages->limit && pages->count >= pages->capacity / 4 * 3)
        grow(pages);
    struct known_page *slot = pages->capacity ? find_slot(pages, hash) : NULL;
    if (!slot || slot->hash)
        return slot;
    if (pages->count >= pages->limit)
        return NULL;
    pages->count++;
    *slot = (struct known_page){.hash = hash, .priority = -1};
    return slot;
}

enum known_answer known_pages_find(struct known_pages *pages, uint64_t hash, float priority)
{
    struct known_page *page = take_slot(pages, hash);
    if (!page)
        return KNOWN_NEW;
    if (page->priority < 0 && !page->is_visited) {
        page->priority = priority;
        return KNOWN_NEW;
    }
    if (priority <= page->priority)
        return KNOWN_SAME;
    page->priority = priority;
    return page->is_visited ? KNOWN_SAME : KNOWN_BETTER;
}

void known_pages_visit(struct known_pages *pages, uint64_t hash)
{
    struct known_page *page = take_slot(pages, hash);
    if (page)
        page->is_visited = true;
}

const struct known_page *known_pages_get(const struct known_pages *pages, uint64_t hash)
{
    const struct known_page *page = pages->capacity ? find_slot(pages, hash ? hash : 1) : NULL;
    return page && page->hash ? page : NULL;
}
