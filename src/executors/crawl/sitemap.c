/*
 * A file comes in pieces of any size, is unpacked if it is packed, and is cut into blocks that
 * depend on its bytes alone; so what is found does not depend on the pieces. The first block says
 * what form it has.
 */
#include "executors/crawl/sitemap.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "executors/crawl/gunzip.h"
#include "executors/crawl/sitemap_lines.h"
#include "executors/crawl/sitemap_xml.h"

enum { BLOCK_BYTES = 4096 };

static const char byte_order_mark[] = "\xEF\xBB\xBF"; /* UTF-8's */

struct sitemap {
    struct sitemap_limits limits;
    sitemap_url_fn on_url;
    void *context;
    struct sitemap_summary summary;
    bool has_begun, has_ended;
    bool has_mark;           /* a byte order mark was seen: it is UTF-8 */
    struct gunzip *gunzip;   /* NULL: not packed, or nothing came yet */
    struct sitemap_xml *xml; /* one of the two when it is known what it is, or none */
    struct sitemap_lines *lines;
    size_t block_length;
    char block[BLOCK_BYTES];
};

struct sitemap *sitemap_create(const struct sitemap_limits *limits, sitemap_url_fn on_url,
                               void *context)
{
    struct sitemap *sitemap = memory_zeroed(1, sizeof *sitemap);
    sitemap->limits = *limits;
    sitemap->on_url = on_url;
    sitemap->context = context;
    return sitemap;
}

void sitemap_destroy(struct sitemap *sitemap)
{
    if (!sitemap)
        return;
    gunzip_destroy(sitemap->gunzip);
    sitemap_xml_destroy(sitemap->xml);
    sitemap_lines_destroy(sitemap->lines);
    free(sitemap);
}

static void break_off(struct sitemap *sitemap, const char *error)
{
    if (sitemap->summary.state != SITEMAP_MORE)
        return;
    sitemap->summary.state = SITEMAP_BROKEN;
    sitemap->summary.error = error;
}

static void on_loc(void *context, struct slice loc)
{
    struct sitemap *sitemap = context;
    struct sitemap_summary *summary = &sitemap->summary;
    bool is_index = sitemap->xml && sitemap_xml_form(sitemap->xml) == SITEMAP_INDEX;
    if (summary->state != SITEMAP_MORE)
        return;
    if (!loc.length) {
        summary->left_out++;
    } else if (summary->urls == sitemap->limits.urls) {
        summary->left_out++;
        summary->state = SITEMAP_FULL;
    } else {
        summary->urls++;
        if (!sitemap->on_url(sitemap->context, loc, is_index))
            summary->state = SITEMAP_FULL;
    }
}

static struct slice without_front(struct slice slice, size_t length)
{
    return slice_of(slice.start + length, slice.length - length);
}

static bool has_form(const struct sitemap *sitemap)
{
    return sitemap->xml || sitemap->lines;
}

static size_t white_front_length(struct slice block)
{
    struct slice trimmed = slice_trimmed(block);
    return trimmed.length ? (size_t)(trimmed.start - block.start) : block.length;
}

/* Many files have blank lines before their first, and some a byte order mark, or both. */
static void drop_blank_front(struct sitemap *sitemap)
{
    struct slice block = slice_of(sitemap->block, sitemap->block_length);
    size_t before;
    do {
        before = block.length;
        block = without_front(block, white_front_length(block));
        if (slice_starts_with(block, byte_order_mark)) {
            sitemap->has_mark = true;
            block = without_front(block, sizeof byte_order_mark - 1);
        }
    } while (block.length < before);
    memmove(sitemap->block, block.start, block.length);
    sitemap->block_length = block.length;
}

static bool begins_with_nocase(struct slice block, const char *beginning)
{
    size_t length = strlen(beginning);
    return block.length >= length &&
           slice_equals_nocase(slice_of(block.start, length), slice_of_string(beginning));
}

/* UTF-16, with its byte order mark or without. */
static bool begins_as_utf16(struct slice block)
{
    static const char signs[][2] = {{'\xFF', '\xFE'}, {'\xFE', '\xFF'}, {'<', '\0'}, {'\0', '<'}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (block.length >= 2 && memcmp(block.start, signs[i], 2) == 0)
            return true;
    return false;
}

/* <?xml ... encoding="utf-16"?> in single bytes, as programs write that convert what they wrote: it
 * is UTF-8. */
static bool says_utf16_falsely(struct slice block)
{
    const char *end = memmem(block.start, block.length, "?>", 2);
    if (!end || !begins_with_nocase(block, "<?xml"))
        return false;
    for (const char *at = block.start; at < end; at++)
        if (begins_with_nocase(slice_of(at, (size_t)(end - at)), "utf-16"))
            return true;
    return false;
}

/* Looks at the first block, whose front is not blank. */
static void find_form(struct sitemap *sitemap, struct slice block)
{
    if (begins_with_nocase(block, "<!doctype html") || begins_with_nocase(block, "<html")) {
        break_off(sitemap, "it is an HTML page");
    } else if (block.start[0] == '<' || begins_as_utf16(block)) {
        bool is_utf8 = sitemap->has_mark || says_utf16_falsely(block);
        sitemap->xml = sitemap_xml_create(sitemap->limits.loc_bytes, is_utf8, on_loc, sitemap);
    } else if (sitemap_lines_has_url(block)) {
        sitemap->lines = sitemap_lines_create(sitemap->limits.loc_bytes, on_loc, sitemap);
    } else {
        break_off(sitemap, "it is neither XML nor a list of URLs");
    }
}

static void read_block(struct sitemap *sitemap, bool is_last)
{
    if (!has_form(sitemap))
        drop_blank_front(sitemap);
    struct slice block = slice_of(sitemap->block, sitemap->block_length);
    sitemap->block_length = 0;
    if (!has_form(sitemap) && block.length)
        find_form(sitemap, block);
    if (sitemap->xml && !sitemap_xml_feed(sitemap->xml, block, is_last))
        break_off(sitemap, sitemap_xml_error(sitemap->xml));
    else if (sitemap->lines)
        sitemap_lines_feed(sitemap->lines, block, is_last);
}

/* Room for the next bytes: up to the block's end, or for one byte beyond the limit, which shows
 * that there is more. */
static size_t block_room(const struct sitemap *sitemap)
{
    size_t room = BLOCK_BYTES - sitemap->block_length;
    uint64_t left = sitemap->limits.bytes - sitemap->summary.bytes;
    return left < room ? (size_t)left + 1 : room;
}

/* So many bytes more are in the block. */
static void advance(struct sitemap *sitemap, size_t length)
{
    struct sitemap_summary *summary = &sitemap->summary;
    sitemap->block_length += length;
    summary->bytes += length;
    bool is_over = summary->bytes > sitemap->limits.bytes;
    if (is_over) {
        sitemap->block_length--;
        summary->bytes--;
    } else if (sitemap->block_length == BLOCK_BYTES && !has_form(sitemap)) {
        drop_blank_front(sitemap); /* the form shows in a block that is full, or the last */
    }
    if (is_over || sitemap->block_length == BLOCK_BYTES)
        read_block(sitemap, false);
    if (is_over && summary->state == SITEMAP_MORE)
        summary->state = SITEMAP_FULL;
}

static void feed_plain(struct sitemap *sitemap, struct slice piece)
{
    while (piece.length && sitemap->summary.state == SITEMAP_MORE) {
        size_t room = block_room(sitemap);
        size_t length = piece.length < room ? piece.length : room;
        memcpy(sitemap->block + sitemap->block_length, piece.start, length);
        piece = without_front(piece, length);
        advance(sitemap, length);
    }
}

/* Of a broken file, what came out of it before the break is read first. */
static void feed_packed(struct sitemap *sitemap, struct slice piece)
{
    bool is_full = true;
    while ((piece.length || is_full) && sitemap->summary.state == SITEMAP_MORE) {
        size_t room = block_room(sitemap);
        size_t length =
            gunzip_read(sitemap->gunzip, &piece, sitemap->block + sitemap->block_length, room);
        is_full = length == room;
        advance(sitemap, length);
    }
    if (gunzip_error(sitemap->gunzip) && sitemap->summary.state == SITEMAP_MORE) {
        read_block(sitemap, false);
        break_off(sitemap, gunzip_error(sitemap->gunzip));
    }
}

enum sitemap_state sitemap_feed(struct sitemap *sitemap, struct slice piece)
{
    CHECK(!sitemap->has_ended);
    if (!piece.length)
        return sitemap->summary.state;
    if (!sitemap->has_begun && (unsigned char)piece.start[0] == GUNZIP_FIRST_BYTE)
        sitemap->gunzip = gunzip_create();
    sitemap->has_begun = true;
    if (sitemap->gunzip)
        feed_packed(sitemap, piece);
    else
        feed_plain(sitemap, piece);
    return sitemap->summary.state;
}

static void read_end(struct sitemap *sitemap)
{
    bool is_whole = !sitemap->gunzip || gunzip_is_complete(sitemap->gunzip);
    read_block(sitemap, is_whole);
    if (!is_whole)
        break_off(sitemap, "the compressed file is cut off");
    else if (!has_form(sitemap))
        break_off(sitemap, "it is empty");
}

struct sitemap_summary sitemap_end(struct sitemap *sitemap)
{
    struct sitemap_summary *summary = &sitemap->summary;
    CHECK(!sitemap->has_ended);
    sitemap->has_ended = true;
    if (summary->state == SITEMAP_MORE)
        read_end(sitemap);
    if (sitemap->xml) {
        summary->form = sitemap_xml_form(sitemap->xml);
        summary->error = summary->error ? summary->error : sitemap_xml_error(sitemap->xml);
    } else if (sitemap->lines) {
        summary->form = SITEMAP_TEXT;
    }
    return *summary;
}
