/*
 * Any bytes as a URL, alone and relative to a base: what comes out is visible ASCII, its parts make
 * up the whole, and it is its own normal form. A zero byte in the input ends the base and begins
 * the reference.
 */
#include <stdint.h>

#include "base/check.h"
#include "executors/crawl/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(const struct url *url)
{
    struct text whole = {0};
    text_append_slice(&whole, url->scheme);
    text_append_string(&whole, "://");
    text_append_slice(&whole, url->host);
    if (url->port != (url->scheme.length == 4 ? 80 : 443))
        text_append_format(&whole, ":%d", url->port);
    text_append_slice(&whole, url->path);
    if (url->query.start)
        text_append_char(&whole, '?');
    text_append_slice(&whole, url->query);
    CHECK(slice_equals(text_slice(&whole), url->whole));
    CHECK(url->path.length && url->path.start[0] == '/' && url->host.length);
    for (size_t i = 0; i < url->whole.length; i++)
        CHECK(url->whole.start[i] > ' ' && url->whole.start[i] < 0x7F);
    text_finish(&whole);
}

static void check_normal(const struct url *url, struct arena *arena)
{
    struct url again;
    struct failure failure;
    CHECK(url_parse(url->whole, NULL, arena, &again, &failure));
    CHECK(slice_equals(again.whole, url->whole));
    CHECK(again.port == url->port && slice_equals(again.host, url->host));
    CHECK(url_is_same_site(url, &again) && url_is_on_site(url, &again, true));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(4096);
    struct failure failure;
    struct url base, url;
    struct slice input = slice_of((const char *)data, size);
    const char *zero = size ? memchr(input.start, '\0', size) : NULL;
    struct slice first = slice_of(input.start, zero ? (size_t)(zero - input.start) : size);
    if (url_parse(first, NULL, arena, &base, &failure)) {
        check_parts(&base);
        check_normal(&base, arena);
        struct slice rest = zero ? slice_of(zero + 1, size - first.length - 1) : first;
        if (url_parse(rest, &base, arena, &url, &failure)) {
            check_parts(&url);
            check_normal(&url, arena);
        }
    }
    arena_destroy(arena);
    return 0;
}
