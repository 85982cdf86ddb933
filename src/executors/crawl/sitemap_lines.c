#include "executors/crawl/sitemap_lines.h"

#include <stdlib.h>

#include "base/memory.h"

struct sitemap_lines {
    struct sitemap_loc loc;
    sitemap_loc_fn on_loc;
    void *context;
};

static bool begins_as_url(struct slice line)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct slice scheme = slice_of_string(schemes[i]);
        if (line.length > scheme.length &&
            slice_equals_nocase(slice_of(line.start, scheme.length), scheme))
            return true;
    }
    return false;
}

static bool has_control(struct slice line)
{
    for (size_t at = 0; at < line.length; at++)
        if ((unsigned char)line.start[at] < ' ' || line.start[at] == 0x7F)
            return true;
    return false;
}

/* Up to the next LF or CR, or all. */
static size_t line_length(struct slice text)
{
    const char *end = text.length ? memchr(text.start, '\n', text.length) : NULL;
    size_t length = end ? (size_t)(end - text.start) : text.length;
    end = length ? memchr(text.start, '\r', length) : NULL;
    return end ? (size_t)(end - text.start) : length;
}

bool sitemap_lines_has_url(struct slice beginning)
{
    while (beginning.length) {
        size_t length = line_length(beginning);
        if (begins_as_url(slice_trimmed(slice_of(beginning.start, length))))
            return true;
        length += length < beginning.length;
        beginning = slice_of(beginning.start + length, beginning.length - length);
    }
    return false;
}

struct sitemap_lines *sitemap_lines_create(size_t loc_bytes_max, sitemap_loc_fn on_loc,
                                           void *context)
{
    struct sitemap_lines *lines = memory_zeroed(1, sizeof *lines);
    *lines = (struct sitemap_lines){{.bytes_max = loc_bytes_max}, on_loc, context};
    return lines;
}

void sitemap_lines_destroy(struct sitemap_lines *lines)
{
    if (!lines)
        return;
    sitemap_loc_finish(&lines->loc);
    free(lines);
}

static void end_line(struct sitemap_lines *lines)
{
    struct slice line = sitemap_loc_slice(&lines->loc);
    bool is_blank = line.start && !line.length;
    bool is_url = begins_as_url(line) && !has_control(line);
    if (!is_blank)
        lines->on_loc(lines->context, is_url ? line : slice_of(NULL, 0));
    sitemap_loc_clear(&lines->loc);
}

void sitemap_lines_feed(struct sitemap_lines *lines, struct slice piece, bool is_last)
{
    while (piece.length) {
        size_t length = line_length(piece);
        sitemap_loc_append(&lines->loc, slice_of(piece.start, length));
        if (length < piece.length)
            end_line(lines);
        length += length < piece.length;
        piece = slice_of(piece.start + length, piece.length - length);
    }
    if (is_last)
        end_line(lines);
}
