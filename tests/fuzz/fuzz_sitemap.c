/*
 * Any bytes as a sitemap. Besides "no sanitizer complains": what is found does not depend on how
 * the file was cut into pieces, nor on whether it was packed by gzip, and the limits hold. The
 * input's bytes together choose the cut, so that sitemaps are seeds as they are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "executors/crawl/gunzip.h"
#include "executors/crawl/sitemap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sitemap_limits limits = {40, 65536, 300};

static bool on_url(void *context, struct slice loc, bool is_index_entry)
{
    CHECK(loc.length && loc.length <= limits.loc_bytes);
    CHECK(slice_trimmed(loc).length == loc.length);
    text_append_string(context, is_index_entry ? "index " : "");
    text_append_slice(context, loc);
    text_append_char(context, '\n');
    return true;
}

static void check_summary(const struct sitemap_summary *summary, enum sitemap_state fed)
{
    CHECK(summary->urls <= limits.urls && summary->bytes <= limits.bytes);
    CHECK(fed == SITEMAP_MORE || summary->state == fed);
    CHECK(summary->state != SITEMAP_BROKEN || summary->error);
    CHECK(!summary->urls || summary->form != SITEMAP_NONE);
}

/* Each piece in memory of its own, so that a look beyond it is seen. */
static struct text found_in(struct slice file, size_t piece)
{
    struct text found = {0};
    struct sitemap *sitemap = sitemap_create(&limits, on_url, &found);
    enum sitemap_state state = SITEMAP_MORE;
    for (size_t at = 0; at < file.length; at += piece) {
        size_t length = file.length - at < piece ? file.length - at : piece;
        char *copy = memory_resized(NULL, length);
        memcpy(copy, file.start + at, length);
        state = sitemap_feed(sitemap, slice_of(copy, length));
        free(copy);
    }
    struct sitemap_summary summary = sitemap_end(sitemap);
    check_summary(&summary, state);
    text_append_format(&found, "%d %d %d %d %d %s", summary.state, summary.form, (int)summary.urls,
                       (int)summary.left_out, (int)summary.bytes,
                       summary.error ? summary.error : "");
    sitemap_destroy(sitemap);
    return found;
}

/* As gzip stores what cannot be made smaller: the fastest way to a packed file. */
static struct text packed(struct slice file)
{
    struct text text = {0};
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)file.start, .avail_in = (uInt)file.length};
    CHECK(deflateInit2(&stream, Z_NO_COMPRESSION, Z_DEFLATED, 16 + 9, 1, 0) == Z_OK);
    size_t room = deflateBound(&stream, file.length);
    text_reserve(&text, room);
    stream.next_out = (Bytef *)text.start;
    stream.avail_out = (uInt)room;
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    text.length = room - stream.avail_out;
    deflateEnd(&stream);
    return text;
}

static void check_same(const struct text *expected, struct slice file, size_t piece)
{
    struct text found = found_in(file, piece);
    CHECK(slice_equals(text_slice(expected), text_slice(&found)));
    text_finish(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t piece = 1;
    for (size_t i = 0; i < size; i++)
        piece = (piece * 31 + data[i]) % 199;
    struct slice file = slice_of((const char *)data, size);
    struct text whole = found_in(file, size);
    check_same(&whole, file, piece + 1);
    if (data[0] != GUNZIP_FIRST_BYTE) {
        struct text gzip = packed(file);
        check_same(&whole, text_slice(&gzip), piece + 1);
        text_finish(&gzip);
    }
    text_finish(&whole);
    return 0;
}
