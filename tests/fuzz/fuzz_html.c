/*
 * Any bytes as a page. Besides "no sanitizer complains": the links do not depend on how the page
 * was cut into pieces. The first byte of the input chooses the cut and the encoding.
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

/* One of each kind: none, one byte, two, up to four, and where an ASCII byte may be a second one.
 */
static const char *const content_types[8] = {
    NULL,
    "text/html",
    "text/html; charset=iso-8859-1",
    "text/html; charset=euc-jp",
    "text/html; charset=gb18030",
    "text/html; charset=shift_jis",
    "text/html; charset=big5",
    "text/html; charset=windows-1258",
};

/* Each piece in memory of its own, so that a look beyond it is seen. */
static void gather(struct links *links, const char *content_type, struct slice html, size_t piece,
                   struct text *found)
{
    struct arena *arena = arena_create(1024);
    struct url page;
    CHECK(url_parse(slice_of_string("http://a.b/c/d?e"), NULL, arena, &page, NULL));
    links_start(links, &page);
    links_set_content_type(links, content_type);
    arena_destroy(arena);
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
    struct links *links = links_create();
    struct text whole = {0}, cut = {0};
    struct slice html = slice_of((const char *)data + 1, size - 1);
    const char *content_type = content_types[data[0] >> 5];
    gather(links, content_type, html, html.length + 1, &whole);
    gather(links, content_type, html, data[0] % 32 + 1u, &cut);
    CHECK(slice_equals(text_slice(&whole), text_slice(&cut)));
    text_finish(&whole);
    text_finish(&cut);
    links_destroy(links);
    return 0;
}
