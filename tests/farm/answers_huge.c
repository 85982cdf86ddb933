/* Answers that are too much: of bytes, of links, of header lines. None is held in memory. */
#include "gzip.h"
#include "pages.h"
#include "routes.h"

enum {
    BOMB_MIB_MAX = 10240,
    BOMB_MIB = 10,
    LINKS = 1000000,
    HOSTS = 5000,
    BIG_MIB = 10,
    LINE_BYTES = 1 << 10,
    FLOOD_LINES = 10000,
    FLOOD_LINES_MAX = 1000000,
};

/* /gzip: what follows, compressed for those who accept it. */
bool answer_gzip(struct exchange *exchange)
{
    struct slice accepted = exchange->request.accept_encoding;
    exchange->answer.is_gzipped =
        accepted.length && memmem(accepted.start, accepted.length, "gzip", 4);
    answer_field(&exchange->answer, "Vary: Accept-Encoding");
    return false;
}

/* /gzip-bomb/MIB: so much of zeros, in a thousandth of the bytes. */
bool answer_gzip_bomb(struct exchange *exchange)
{
    int64_t mebibytes = exchange_take_number(exchange, BOMB_MIB);
    answer_stream(&exchange->answer, "text/html; charset=utf-8",
                  gzip_bomb(mebibytes < BOMB_MIB_MAX ? mebibytes : BOMB_MIB_MAX));
    exchange->answer.is_packed = true;
    return true;
}

static void append_link(struct text *piece, struct slice base, int64_t number)
{
    text_append_string(piece, "<a href=\"");
    text_append_slice(piece, base);
    text_append_string(piece, "/deep/");
    text_append_integer(piece, number);
    text_append_string(piece, "\">link</a>\n");
}

/* /million-links/N */
bool answer_million_links(struct exchange *exchange)
{
    int64_t count = exchange_take_number(exchange, LINKS);
    answer_stream(&exchange->answer, "text/html; charset=utf-8",
                  stream_series("<!doctype html><title>Links</title>\n", append_link,
                                exchange->base, 0, count, ""));
    return true;
}

static void append_host(struct text *piece, struct slice authority, int64_t number)
{
    text_append_format(piece, "<a href=\"//h%lld.", (long long)number);
    text_append_slice(piece, authority);
    text_append_string(piece, "/\">link</a>\n");
}

/* /many-hosts/N: links to the homes of N hosts below this one. */
bool answer_many_hosts(struct exchange *exchange)
{
    int64_t count = exchange_take_number(exchange, HOSTS);
    answer_stream(&exchange->answer, "text/html; charset=utf-8",
                  stream_series("<!doctype html><title>Hosts</title>\n", append_host,
                                exchange->request.authority, 0, count, ""));
    return true;
}

/* /big-page/MIB: so much of text, and a link at its end. */
bool answer_big_page(struct exchange *exchange)
{
    char line[LINE_BYTES];
    int64_t mebibytes = exchange_take_number(exchange, BIG_MIB);
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    answer_stream(&exchange->answer, "text/html; charset=utf-8",
                  stream_repeat(slice_of_string("<!doctype html><title>Big</title>\n"),
                                slice_of(line, sizeof line), mebibytes << 10, LINE_BYTES,
                                slice_of_string("<a href=\"/page/1\">link</a>\n")));
    return true;
}

/* /header-flood/N: N header lines of their own. */
bool answer_header_flood(struct exchange *exchange)
{
    int64_t lines = exchange_take_number(exchange, FLOOD_LINES);
    for (int64_t i = 0; i < lines && i < FLOOD_LINES_MAX; i++)
        answer_field(&exchange->answer, "X-Flood-%lld: %lld", (long long)i, (long long)i);
    page_begin(exchange, "Flood");
    page_end(exchange);
    return true;
}
