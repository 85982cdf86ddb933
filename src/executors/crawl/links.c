#include "executors/crawl/links.h"

#include <stdlib.h>
#include <string.h>

#include "executors/crawl/tokenizer.h"

/* What a start tag's attribute means. */
enum role { ROLE_LINK, ROLE_FRAME, ROLE_CANONICAL, ROLE_BASE, ROLE_PLACE };

/* Elements that say where on the page a link is. */
enum place { PLACE_CONTENT, PLACE_HEADER, PLACE_FOOTER, PLACES };

static const struct element {
    const char *name;
    enum role role;
    const char *attribute;
    enum place place;
} elements[] = {
    {"a", ROLE_LINK, "href"},
    {"area", ROLE_LINK, "href"},
    {"link", ROLE_CANONICAL, "href"},
    {"iframe", ROLE_FRAME, "src"},
    {"frame", ROLE_FRAME, "src"},
    {"base", ROLE_BASE, "href"},
    {"main", ROLE_PLACE, NULL, PLACE_CONTENT},
    {"article", ROLE_PLACE, NULL, PLACE_CONTENT},
    {"header", ROLE_PLACE, NULL, PLACE_HEADER},
    {"nav", ROLE_PLACE, NULL, PLACE_HEADER},
    {"footer", ROLE_PLACE, NULL, PLACE_FOOTER},
};

enum { ELEMENTS = sizeof elements / sizeof *elements, TABLE_SLOTS = 32768 };

struct link {
    struct url url;
    unsigned flags;
};

struct links {
    struct tokenizer *tokenizer;
    struct arena *arena, *scratch; /* of the page; of one link until it turns out to be new */
    struct url base;
    bool has_base; /* a <base href> was seen: only the first counts */
    unsigned depths[PLACES];
    struct link_counts counts;
    size_t url_bytes, capacity;
    struct link *list;
    uint16_t *table; /* open addressing by a URL's bytes: number of the link + 1, or 0 */
};

_Static_assert(LINKS_MAX * 2 < TABLE_SLOTS && LINKS_MAX < UINT16_MAX, "the table stays half empty");

static bool has_token(const struct slice *value, const char *token)
{
    size_t at = 0;
    while (value && at < value->length) {
        size_t start = at;
        while (at < value->length && !strchr(" \t\n\f\r", value->start[at]))
            at++;
        if (slice_equals_nocase(slice_of(value->start + start, at - start), slice_of_string(token)))
            return true;
        at += at == start;
    }
    return false;
}

/* FNV-1a. It begins with an address, so that no page can be made for its collisions. */
static size_t first_slot(const struct links *links, struct slice whole)
{
    uint64_t hash = 0xCBF29CE484222325u ^ (uintptr_t)links->table;
    for (size_t at = 0; at < whole.length; at++)
        hash = (hash ^ (unsigned char)whole.start[at]) * 0x100000001B3u;
    return (hash ^ hash >> 32) & (TABLE_SLOTS - 1);
}

/* The slot that holds the URL, or the empty one where it would go. */
static uint16_t *find_slot(const struct links *links, struct slice whole)
{
    size_t slot = first_slot(links, whole);
    while (links->table[slot] &&
           !slice_equals(links->list[links->table[slot] - 1].url.whole, whole))
        slot = (slot + 1) & (TABLE_SLOTS - 1);
    return &links->table[slot];
}

static struct link *append_link(struct links *links)
{
    if (links->counts.links == links->capacity) {
        links->capacity = links->capacity ? links->capacity * 2 : 64;
        links->list = memory_resized(links->list, links->capacity * sizeof *links->list);
    }
    return &links->list[links->counts.links++];
}

/* What rel says, and FRAME, holds when it holds for every occurrence, the others when for one. */
static unsigned merged(unsigned old, unsigned new)
{
    const unsigned of_all = LINK_NOFOLLOW | LINK_UGC | LINK_SPONSORED | LINK_FRAME;
    return (old & new &of_all) | ((old | new) & ~of_all);
}

static void add(struct links *links, const struct url *url, unsigned flags)
{
    uint16_t *slot = find_slot(links, url->whole);
    links->counts.occurrences++;
    if (*slot) {
        struct link *known = &links->list[*slot - 1];
        known->flags = merged(known->flags, flags);
    } else if (links->counts.links == LINKS_MAX ||
               links->url_bytes + url->whole.length > LINKS_BYTES_MAX) {
        links->counts.left_out++;
    } else {
        links->url_bytes += url->whole.length;
        *append_link(links) = (struct link){url_copy(url, links->arena), flags};
        *slot = (uint16_t)links->counts.links;
    }
}

static unsigned place_flags(const struct links *links)
{
    if (links->depths[PLACE_CONTENT])
        return 0;
    if (links->depths[PLACE_FOOTER])
        return LINK_IN_FOOTER;
    return links->depths[PLACE_HEADER] ? LINK_IN_HEADER : 0;
}

static unsigned relation_flags(const struct slice *relation)
{
    return (has_token(relation, "nofollow") ? LINK_NOFOLLOW : 0) |
           (has_token(relation, "ugc") ? LINK_UGC : 0) |
           (has_token(relation, "sponsored") ? LINK_SPONSORED : 0);
}

static void on_link_tag(struct links *links, const struct element *element,
                        const struct attributes *attributes)
{
    const struct slice *reference = attributes_find(attributes, element->attribute);
    const struct slice *relation = attributes_find(attributes, "rel");
    if (!reference || (element->role == ROLE_CANONICAL && !has_token(relation, "canonical")))
        return;
    struct url url;
    arena_reset(links->scratch);
    if (!url_parse(*reference, &links->base, links->scratch, &url, NULL)) {
        links->counts.refused++;
        return;
    }
    unsigned flags = element->role == ROLE_CANONICAL ? LINK_CANONICAL : place_flags(links);
    if (element->role == ROLE_FRAME)
        flags |= LINK_FRAME;
    else
        flags |= relation_flags(relation);
    add(links, &url, flags);
}

/* One that is no http or https URL leaves the page's own in place (HTML standard, 4.2.3). */
static void on_base_tag(struct links *links, const struct attributes *attributes)
{
    const struct slice *reference = attributes_find(attributes, "href");
    if (!reference || links->has_base)
        return;
    links->has_base = true;
    url_parse(*reference, &links->base, links->arena, &links->base, NULL);
}

static void on_tag(void *context, const struct tokenizer_tag *tag)
{
    struct links *links = context;
    const struct element *element = &elements[tag->id];
    unsigned *depth = &links->depths[element->place];
    if (element->role == ROLE_BASE)
        on_base_tag(links, tag->attributes);
    else if (element->role != ROLE_PLACE)
        on_link_tag(links, element, tag->attributes);
    else if (!tag->is_end)
        ++*depth;
    else if (*depth)
        --*depth;
}

struct links *links_create(void)
{
    struct links *links = memory_zeroed(1, sizeof *links);
    struct tokenizer_interest interests[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++)
        interests[i] = (struct tokenizer_interest){
            .name = elements[i].name,
            .id = i,
            .wants_start = true,
            .wants_end = elements[i].role == ROLE_PLACE,
        };
    links->tokenizer = tokenizer_create(interests, ELEMENTS, on_tag, links);
    links->arena = arena_create(65536);
    links->scratch = arena_create(URL_BYTES_MAX + 64);
    links->table = memory_zeroed(TABLE_SLOTS, sizeof *links->table);
    return links;
}

void links_destroy(struct links *links)
{
    if (!links)
        return;
    tokenizer_destroy(links->tokenizer);
    arena_destroy(links->arena);
    arena_destroy(links->scratch);
    free(links->table);
    free(links->list);
    free(links);
}

void links_start(struct links *links, const struct url *page)
{
    tokenizer_reset(links->tokenizer);
    arena_reset(links->arena);
    memset(links->table, 0, TABLE_SLOTS * sizeof *links->table);
    memset(links->depths, 0, sizeof links->depths);
    links->counts = (struct link_counts){0};
    links->url_bytes = 0;
    links->has_base = false;
    links->base = url_copy(page, links->arena);
}

void links_feed(struct links *links, struct slice chunk)
{
    tokenizer_feed(links->tokenizer, chunk);
}

void links_report(const struct links *links, link_fn on_link, void *context)
{
    for (size_t i = 0; i < links->counts.links; i++)
        on_link(context, &links->list[i].url, links->list[i].flags);
}

struct link_counts links_counts(const struct links *links)
{
    struct link_counts counts = links->counts;
    counts.dropped_tags = tokenizer_dropped_tags(links->tokenizer);
    return counts;
}
