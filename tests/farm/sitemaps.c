/*
 * Sitemaps (sitemaps.org): an index, and parts of up to 50,000 URLs, compressed. All are made while
 * they are sent. /sitemap.xml stands for all pages of the host; /sitemaps/COUNT/ has an index of as
 * many URLs as one likes, whether or not there are such pages.
 */
#include "gzip.h"
#include "pages.h"
#include "routes.h"

#define NAMESPACE " xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\""
#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

enum { PART_URLS = 50000, HUGE_URLS = 1 << 24 };

static const char set_begin[] = DECLARATION "<urlset" NAMESPACE ">\n";
static const char set_end[] = "</urlset>\n";
static const char index_begin[] = DECLARATION "<sitemapindex" NAMESPACE ">\n";
static const char index_end[] = "</sitemapindex>\n";
static const char xml[] = "application/xml";

static void append_url(struct text *piece, struct slice base, int64_t number)
{
    text_append_string(piece, "<url><loc>");
    page_url(piece, base, number);
    text_append_string(piece, "</loc></url>\n");
}

/* base: the folder of the parts. */
static void append_part(struct text *piece, struct slice base, int64_t number)
{
    text_append_string(piece, "<sitemap><loc>");
    text_append_slice(piece, base);
    text_append_integer(piece, number);
    text_append_string(piece, ".xml.gz</loc></sitemap>\n");
}

static void answer_index(struct exchange *exchange, int64_t count)
{
    struct text folder = {0};
    exchange_site(exchange, &folder);
    text_append_format(&folder, "/sitemaps/%lld/", (long long)count);
    answer_stream(&exchange->answer, xml,
                  stream_series(index_begin, append_part, text_slice(&folder), 1,
                                (count + PART_URLS - 1) / PART_URLS, index_end));
    text_finish(&folder);
}

static void answer_set(struct exchange *exchange, int64_t first, int64_t count)
{
    struct text site = {0};
    exchange_site(exchange, &site);
    answer_stream(&exchange->answer, xml,
                  stream_series(set_begin, append_url, text_slice(&site), first, count, set_end));
    text_finish(&site);
}

static bool answer_lost(struct exchange *exchange)
{
    answer_text(&exchange->answer, 404, "text/plain", "no such sitemap\n");
    return true;
}

bool answer_sitemap(struct exchange *exchange)
{
    const struct options *options = &exchange->farm->options;
    if (!options->has_sitemap)
        return answer_lost(exchange);
    answer_index(exchange, (int64_t)options->pages + options->orphans);
    return true;
}

/* K of K.xml.gz, or 0. */
static int64_t part_number(struct exchange *exchange)
{
    struct slice name = exchange_take(exchange);
    const char *dot = memchr(name.start, '.', name.length);
    if (!dot || !slice_equals(slice_of(dot, name.length - (size_t)(dot - name.start)),
                              slice_of_string(".xml.gz")))
        return 0;
    /* A segment that is a number only, read in the way all are. */
    struct slice rest = exchange->rest;
    exchange->rest = slice_of(name.start - 1, (size_t)(dot - name.start) + 1);
    int64_t number = exchange_take_number(exchange, 0);
    exchange->rest = rest;
    return number;
}

/* COUNT/index.xml, COUNT/all.xml (one file, however many), COUNT/K.xml.gz with K from 1. */
bool answer_sitemaps(struct exchange *exchange)
{
    int64_t count = exchange_take_number(exchange, 0);
    if (exchange_take_word(exchange, "index.xml")) {
        answer_index(exchange, count);
        return true;
    }
    if (exchange_take_word(exchange, "all.xml")) {
        answer_set(exchange, 0, count);
        return true;
    }
    int64_t part = exchange->rest.length ? part_number(exchange) : 0;
    int64_t first = (part - 1) * PART_URLS;
    if (part < 1 || first >= count)
        return answer_lost(exchange);
    answer_set(exchange, first, count - first < PART_URLS ? count - first : PART_URLS);
    exchange->answer.type = "application/gzip";
    exchange->answer.stream = gzip_stream(exchange->answer.stream);
    return true;
}

/* An index that names itself, twice, and a part. */
bool answer_self_sitemap(struct exchange *exchange)
{
    struct text *body = &exchange->answer.body;
    exchange->answer.type = xml;
    text_append_string(body, index_begin);
    for (int i = 0; i < 2; i++) {
        text_append_string(body, "<sitemap><loc>");
        exchange_site(exchange, body);
        text_append_string(body, "/self-sitemap.xml</loc></sitemap>\n");
    }
    text_append_string(body, "<sitemap><loc>");
    exchange_site(exchange, body);
    text_append_string(body, "/sitemaps/2/1.xml.gz</loc></sitemap>\n");
    text_append_string(body, index_end);
    return true;
}

/* About 1 GB; no sitemap may be so large. */
bool answer_huge_sitemap(struct exchange *exchange)
{
    answer_set(exchange, 0, HUGE_URLS);
    return true;
}
