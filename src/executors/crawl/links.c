#include "executors/crawl/links.h"

#include <stdlib.h>
#include <string.h>

#include "executors/crawl/charset.h"
#include "executors/crawl/entities.h"
#include "executors/crawl/tokenizer.h"
#include "executors/crawl/url_bytes.h"

/* What a start tag's attribute means. */
enum role { ROLE_LINK, ROLE_FRAME, ROLE_CANONICAL, ROLE_BASE, ROLE_ENCODING, ROLE_PLACE };

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
    {"meta", ROLE_ENCODING, "charset"},
    {"main", ROLE_PLACE, NULL, PLACE_CONTENT},
    {"article", ROLE_PLACE, NULL, PLACE_CONTENT},
    {"header", ROLE_PLACE, NULL, PLACE_HEADER},
    {"nav", ROLE_PLACE, NULL, PLACE_HEADER},
    {"footer", ROLE_PLACE, NULL, PLACE_FOOTER},
};

enum {
    ELEMENTS = sizeof elements / sizeof *elements,
    TABLE_SLOTS_MIN = 512, /* a power of two, as all sizes of the table */
    TABLE_SLOTS_KEPT = 4096,
    LIST_KEPT = TABLE_SLOTS_KEPT / 2,
    ARENA_BYTES = 8192,
};

struct link {
    struct url url;
    unsigned flags;
};

struct links {
    struct tokenizer *tokenizer;
    struct arena *arena, *scratch; /* of the page; of one link until it turns out to be new */
    struct charset *charset;       /* NULL: UTF-8, or not known */
    bool is_charset_known;
    int mark_bytes;             /* of a byte order mark, seen so far; -1: there is none */
    struct text decoded, value; /* of one attribute in the page's encoding */
    struct url base;
    bool has_base; /* a <base href> was seen: only the first counts */
    unsigned depths[PLACES];
    struct link_counts counts;
    size_t url_bytes, capacity;
    struct links_budget *budget; /* NULL: none */
    size_t memory_bytes, taken;  /* of its links; of that, from the budget */
    struct link *list;
    size_t slots;    /* of the table, which stays half empty */
    uint16_t *table; /* open addressing by a URL's bytes: number of the link + 1, or 0 */
};

_Static_assert(LINKS_MAX < UINT16_MAX, "a slot holds any link's number");

static bool has_token(const struct attribute *attribute, const char *token)
{
    const struct slice *value = attribute ? &attribute->value : NULL;
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
    uint64_t hash = 0xCBF29CE484222325u ^ (uintptr_t)links;
    for (size_t at = 0; at < whole.length; at++)
        hash = (hash ^ (unsigned char)whole.start[at]) * 0x100000001B3u;
    return (hash ^ hash >> 32) & (links->slots - 1);
}

/* The slot that holds the URL, or the empty one where it would go. */
static uint16_t *find_slot(const struct links *links, struct slice whole)
{
    size_t slot = first_slot(links, whole);
    while (links->table[slot] &&
           !slice_equals(links->list[links->table[slot] - 1].url.whole, whole))
        slot = (slot + 1) & (links->slots - 1);
    return &links->table[slot];
}

static void empty_table(struct links *links, size_t slots)
{
    if (links->slots == slots) {
        memset(links->table, 0, slots * sizeof *links->table);
        return;
    }
    free(links->table);
    links->slots = slots;
    links->table = memory_zeroed(slots, sizeof *links->table);
}

static void grow_table(struct links *links)
{
    empty_table(links, links->slots * 2);
    for (size_t i = 0; i < links->counts.links; i++)
        *find_slot(links, links->list[i].url.whole) = (uint16_t)(i + 1);
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

/* Takes what a link will need. The list and the table double when they are full. */
static bool take_memory(struct links *links, const struct url *url)
{
    struct links_budget *budget = links->budget;
    size_t bytes = url->whole.length + 1 + 2 * sizeof(struct link) + 4 * sizeof *links->table;
    if (budget && links->memory_bytes + bytes > LINKS_OWN_BYTES) {
        if (budget->bytes + bytes > budget->bytes_max)
            return false;
        budget->bytes += bytes;
        links->taken += bytes;
    }
    links->memory_bytes += bytes;
    return true;
}

static void give_memory_back(struct links *links)
{
    if (links->budget)
        links->budget->bytes -= links->taken;
    links->memory_bytes = links->taken = 0;
}

static void add(struct links *links, const struct url *url, unsigned flags)
{
    uint16_t *slot = find_slot(links, url->whole);
    links->counts.occurrences++;
    if (*slot) {
        struct link *known = &links->list[*slot - 1];
        known->flags = merged(known->flags, flags);
    } else if (links->counts.links == LINKS_MAX ||
               links->url_bytes + url->whole.length > LINKS_BYTES_MAX || !take_memory(links, url)) {
        links->counts.left_out++;
    } else {
        links->url_bytes += url->whole.length;
        *append_link(links) = (struct link){url_copy(url, links->arena), flags};
        *slot = (uint16_t)links->counts.links;
        if (links->counts.links * 2 >= links->slots)
            grow_table(links);
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

/* The attribute's value as UTF-8. */
static struct slice value_of(struct links *links, const struct attribute *attribute)
{
    if (!links->charset || url_is_ascii(attribute->raw))
        return attribute->value;
    text_clear(&links->decoded);
    text_clear(&links->value);
    charset_append_decoded(links->charset, attribute->raw, &links->decoded);
    entities_append_decoded(&links->value, text_slice(&links->decoded));
    return text_slice(&links->value);
}

static bool parse(struct links *links, const struct attribute *reference, struct arena *arena,
                  struct url *url)
{
    return url_parse_in(value_of(links, reference), &links->base, links->charset, arena, url, NULL);
}

static unsigned relation_flags(const struct attribute *relation)
{
    return (has_token(relation, "nofollow") ? LINK_NOFOLLOW : 0) |
           (has_token(relation, "ugc") ? LINK_UGC : 0) |
           (has_token(relation, "sponsored") ? LINK_SPONSORED : 0);
}

static void on_link_tag(struct links *links, const struct element *element,
                        const struct attributes *attributes)
{
    const struct attribute *reference = attributes_find(attributes, element->attribute);
    const struct attribute *relation = attributes_find(attributes, "rel");
    if (!reference || (element->role == ROLE_CANONICAL && !has_token(relation, "canonical")))
        return;
    struct url url;
    arena_reset(links->scratch);
    if (!parse(links, reference, links->scratch, &url)) {
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
    const struct attribute *reference = attributes_find(attributes, "href");
    if (!reference || links->has_base)
        return;
    links->has_base = true;
    parse(links, reference, links->arena, &links->base);
}

static void set_charset(struct links *links, struct slice label)
{
    if (!links->is_charset_known)
        links->is_charset_known = charset_create(label, &links->charset);
}

/* <meta charset=...>, or its older form (HTML standard, section 4.2.5.4). */
static void on_meta_tag(struct links *links, const struct attributes *attributes)
{
    const struct attribute *charset = attributes_find(attributes, "charset");
    const struct attribute *pragma = attributes_find(attributes, "http-equiv");
    const struct attribute *content = attributes_find(attributes, "content");
    if (charset)
        set_charset(links, charset->value);
    else if (content && pragma &&
             slice_equals_nocase(pragma->value, slice_of_string("content-type")))
        set_charset(links, charset_label(content->value));
}

static void on_tag(void *context, const struct tokenizer_tag *tag)
{
    struct links *links = context;
    const struct element *element = &elements[tag->id];
    unsigned *depth = &links->depths[element->place];
    if (element->role == ROLE_BASE)
        on_base_tag(links, tag->attributes);
    else if (element->role == ROLE_ENCODING)
        on_meta_tag(links, tag->attributes);
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
    links->arena = arena_create(ARENA_BYTES);
    links->scratch = arena_create(URL_BYTES_MAX + 64);
    empty_table(links, TABLE_SLOTS_MIN);
    return links;
}

void links_destroy(struct links *links)
{
    if (!links)
        return;
    give_memory_back(links);
    tokenizer_destroy(links->tokenizer);
    charset_destroy(links->charset);
    text_finish(&links->decoded);
    text_finish(&links->value);
    arena_destroy(links->arena);
    arena_destroy(links->scratch);
    free(links->table);
    free(links->list);
    free(links);
}

void links_set_budget(struct links *links, struct links_budget *budget)
{
    links->budget = budget;
}

void links_clear(struct links *links)
{
    give_memory_back(links);
    arena_reset(links->arena);
    empty_table(links, links->slots > TABLE_SLOTS_KEPT ? TABLE_SLOTS_MIN : links->slots);
    if (links->capacity > LIST_KEPT) {
        free(links->list);
        links->list = NULL;
        links->capacity = 0;
    }
    links->counts = (struct link_counts){0};
    links->url_bytes = 0;
}

void links_start(struct links *links, const struct url *page)
{
    links_clear(links);
    tokenizer_reset(links->tokenizer);
    memset(links->depths, 0, sizeof links->depths);
    links->has_base = false;
    charset_destroy(links->charset);
    links->charset = NULL;
    links->is_charset_known = false;
    links->mark_bytes = 0;
    links->base = url_copy(page, links->arena);
}

void links_set_content_type(struct links *links, const char *content_type)
{
    if (content_type)
        set_charset(links, charset_label(slice_of_string(content_type)));
}

/* A byte order mark is believed before all else that says what the encoding is. */
static void look_for_mark(struct links *links, struct slice chunk)
{
    static const char mark[] = "\xEF\xBB\xBF";
    for (size_t at = 0; at < chunk.length && links->mark_bytes >= 0 && links->mark_bytes < 3; at++)
        links->mark_bytes = chunk.start[at] == mark[links->mark_bytes] ? links->mark_bytes + 1 : -1;
    if (links->mark_bytes != 3)
        return;
    charset_destroy(links->charset);
    links->charset = NULL;
    links->is_charset_known = true;
}

void links_feed(struct links *links, struct slice chunk)
{
    if (links->mark_bytes >= 0 && links->mark_bytes < 3)
        look_for_mark(links, chunk);
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
