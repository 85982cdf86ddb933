#include "executors/crawl/url_build.h"

#include <string.h>

#include "executors/crawl/url_bytes.h"
#include "executors/crawl/url_tracking.h"

/* Which bytes stand escaped in a path and in a query (WHATWG URL, section 1.3: the path and the
 * special-query percent-encode sets). `%` is not in the table: see append_normalised(). */
enum { IN_PATH = 1, IN_QUERY = 2, IN_BOTH = 3 };
static const unsigned char escaped[256] = {
    [0x00 ... 0x20] = IN_BOTH, ['"'] = IN_BOTH, ['#'] = IN_BOTH,   ['<'] = IN_BOTH,
    ['>'] = IN_BOTH,           ['?'] = IN_PATH, ['^'] = IN_PATH,   ['`'] = IN_PATH,
    ['{'] = IN_PATH,           ['}'] = IN_PATH, ['\''] = IN_QUERY, [0x7F ... 0xFF] = IN_BOTH,
};

void url_build_init(struct url_builder *builder)
{
    builder->length = 0;
    builder->is_over = false;
}

void url_build_append(struct url_builder *builder, const char *start, size_t length)
{
    if (length > sizeof builder->bytes - builder->length) {
        builder->is_over = true;
        return;
    }
    memcpy(builder->bytes + builder->length, start, length);
    builder->length += length;
}

static void append_escape(struct url_builder *builder, unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    url_build_append(builder, (char[3]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
}

/* RFC 3986, section 2.3: escaping these changes nothing. */
static bool is_unreserved(unsigned char byte)
{
    return url_is_letter((char)byte) || url_is_digit((char)byte) || byte == '-' || byte == '.' ||
           byte == '_' || byte == '~';
}

/* A lone `%` becomes `%25`: left alone it could meet two digits that were escaped themselves, and a
 * normalised URL would not be its own normal form. */
static void append_normalised(struct url_builder *builder, struct slice part, int place)
{
    for (size_t at = 0; at < part.length; at++) {
        unsigned char byte = (unsigned char)part.start[at];
        if (byte == '%') {
            bool is_escape = url_escape_at(part, at, &byte);
            at += is_escape ? 2 : 0;
            if (is_escape && is_unreserved(byte))
                url_build_append(builder, (const char *)&byte, 1);
            else
                append_escape(builder, byte);
        } else if (escaped[byte] & place) {
            append_escape(builder, byte);
        } else {
            url_build_append(builder, part.start + at, 1);
        }
    }
}

void url_build_path(struct url_builder *builder, size_t path_start, struct slice path)
{
    for (bool is_last = false; !is_last;) {
        size_t segment = builder->length, until = url_find_any(path, "/\\");
        is_last = until == path.length;
        append_normalised(builder, slice_of(path.start, until), IN_PATH);
        struct slice written = slice_of(builder->bytes + segment, builder->length - segment);
        path = is_last ? path : url_slice_from(path, until + 1);
        if (slice_equals(written, slice_of("..", 2))) {
            builder->length = segment;
            if (segment > path_start + 1)
                do
                    builder->length--;
                while (builder->bytes[builder->length - 1] != '/');
        } else if (slice_equals(written, slice_of(".", 1))) {
            builder->length = segment;
        } else if (!is_last) {
            url_build_append(builder, "/", 1);
        }
    }
}

void url_build_query(struct url_builder *builder, struct slice query)
{
    size_t start = builder->length;
    url_build_append(builder, "?", 1);
    bool is_first = true;
    for (bool is_last = false; !is_last;) {
        size_t before = builder->length, until = url_find_any(query, "&");
        is_last = until == query.length;
        if (!is_first)
            url_build_append(builder, "&", 1);
        size_t parameter = builder->length;
        append_normalised(builder, slice_of(query.start, until), IN_QUERY);
        query = is_last ? query : url_slice_from(query, until + 1);
        struct slice name = slice_of(builder->bytes + parameter, builder->length - parameter);
        name.length = url_find_any(name, "=");
        if (url_is_tracking_parameter(name))
            builder->length = before;
        else
            is_first = false;
    }
    if (builder->length == start + 1)
        builder->length = start;
}
