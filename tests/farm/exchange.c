#include "exchange.h"

enum { DIGITS_MAX = 10 };

/* The first segment without its slash, which is not taken. */
static struct slice peek(const struct exchange *exchange)
{
    struct slice rest = exchange->rest;
    if (!rest.length)
        return rest;
    const char *slash = memchr(rest.start + 1, '/', rest.length - 1);
    return slice_of(rest.start + 1, slash ? (size_t)(slash - rest.start - 1) : rest.length - 1);
}

static void take(struct exchange *exchange, struct slice segment)
{
    const char *end = exchange->rest.start + exchange->rest.length;
    const char *start = segment.start + segment.length;
    exchange->rest = slice_of(start, (size_t)(end - start));
}

struct slice exchange_take(struct exchange *exchange)
{
    struct slice segment = peek(exchange);
    if (exchange->rest.length)
        take(exchange, segment);
    return segment;
}

bool exchange_take_word(struct exchange *exchange, const char *word)
{
    struct slice segment = peek(exchange);
    if (!slice_equals(segment, slice_of_string(word)))
        return false;
    take(exchange, segment);
    return true;
}

int64_t exchange_take_number(struct exchange *exchange, int64_t otherwise)
{
    struct slice segment = peek(exchange);
    int64_t number = 0;
    if (!segment.length || segment.length > DIGITS_MAX)
        return otherwise;
    for (size_t i = 0; i < segment.length; i++) {
        if (segment.start[i] < '0' || segment.start[i] > '9')
            return otherwise;
        number = number * 10 + (segment.start[i] - '0');
    }
    take(exchange, segment);
    return number;
}

void exchange_site(const struct exchange *exchange, struct text *url)
{
    text_append_string(url, exchange->is_tls ? "https://" : "http://");
    text_append_slice(url, exchange->request.authority);
    text_append_slice(url, exchange->base);
}
