/*
 * Any bytes as a page. Besides "no sanitizer complains": the links do not depend on how the page
 * was cut into pieces. The first byte of the input chooses the cut.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "executors/crawl/links.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_link(void *context, const struct url *url, unsigned flags)
{
    CHECK(url->whole.length <= URL_BYTES_MAX && url->whole.start[url->whole.length] == '\0');
    CHECK(slice_starts_with(url->whole, "http"));
    text_append_slice(context, url->whole);
    text_append_format(context, " %u\n", flags);
}

/* Each piece in memory of its own, so that a look beyond it is seen. */
static void gather(struct links *links, const struct url *page, struct slice html, size_t piece,
                   struct text *found)
{
    links_start(links, page);
    for (size_t at = 0; at < html.length; at += piece) {
        size_t length = html.length - at < piece ? html.length - at : piece;
        char *copy = memory_resized(NULL, length);
        memcpy(copy, html.start + at, length);
        links_feed(links, slice_of(copy, length));
        free(copy);
    }
    links_report(links, on_link, found);
    struct link_counts counts = links_counts(links);
    CHECK(counts.links + counts.left_out <= counts.occurrences);
    text_append_format(found, "%zu %zu", counts.refused, counts.dropped_tags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_create(1024);
    struct links *links = links_create();
    struct text whole = {0}, cut = {0};
    struct url page;
    CHECK(url_parse(slice_of_string("http://a.b/c/d?e"), NULL, arena, &page, NULL));
    struct slice html = slice_of((const char *)data + 1, size - 1);
    gather(links, &page, html, html.length + 1, &whole);
    gather(links, &page, html, data[0] % 32 + 1u, &cut);
    CHECK(slice_equals(text_slice(&whole), text_slice(&cut)));
    text_finish(&whole);
    text_finish(&cut);
    links_destroy(links);
    arena_destroy(arena);
    return 0;
}
