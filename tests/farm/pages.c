/*
 * Page 0 is /, page n is /page/n, and the children of n are n * children + 1 and the following.
 * Where links stand on each page: in the header the home page; in the nav the first five children
 * of the home page; in the body the parent, all children and the next page; in the footer the last
 * page and a fragment of the home page, which is no page of its own. So each page of the tree is
 * found, most of them by more than one road. Home in robots mode "partial" also links to two pages
 * below /private/, of which robots.txt allows one.
 */
#include "pages.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "robots.h"
#include "routes.h"

enum { NAV_LINKS = 5 };

static const char html[] = "text/html; charset=utf-8";

void page_url(struct text *text, struct slice base, int64_t number)
{
    text_append_slice(text, base);
    text_append_char(text, '/');
    if (!number)
        return;
    text_append_string(text, "page/");
    text_append_integer(text, number);
}

void page_begin(struct exchange *exchange, const char *title)
{
    struct text *body = &exchange->answer.body;
    exchange->answer.type = html;
    text_append_string(body,
                       "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    text_append_string(body, title);
    text_append_string(body, "</title></head>\n<body>\n");
}

void page_link(struct exchange *exchange, const char *format, ...)
{
    char path[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    CHECK(length >= 0);
    struct text *body = &exchange->answer.body;
    text_append_string(body, "<a href=\"");
    text_append_slice(body, exchange->base);
    text_append_string(body, path);
    text_append_string(body, "\">link</a>\n");
}

void page_end(struct exchange *exchange)
{
    text_append_string(&exchange->answer.body, "</body></html>\n");
}

void pages_make_words(struct text *words, int page_bytes)
{
    static const char *const vocabulary[] = {"barley", "furrow",  "meadow",  "hedge",   "plough",
                                             "stable", "orchard", "harvest", "granary", "windmill"};
    const unsigned count = sizeof vocabulary / sizeof *vocabulary;
    unsigned state = 1;
    while (words->length < (size_t)page_bytes) {
        state = state * 1103515245 + 12345;
        text_append_string(words, vocabulary[(state >> 16) % count]);
        text_append_char(words, (state >> 28) ? ' ' : '\n');
    }
}

static void append_link(struct exchange *exchange, int64_t number)
{
    struct text *body = &exchange->answer.body;
    text_append_string(body, "<a href=\"");
    page_url(body, exchange->base, number);
    text_append_string(body, "\">page ");
    text_append_integer(body, number);
    text_append_string(body, "</a>\n");
}

static void append_front(struct exchange *exchange)
{
    const struct options *options = &exchange->farm->options;
    struct text *body = &exchange->answer.body;
    text_append_string(body, "<header>");
    append_link(exchange, 0);
    text_append_string(body, "</header>\n<nav>\n");
    for (int i = 1; i <= NAV_LINKS && i <= options->children && i < options->pages; i++)
        append_link(exchange, i);
    text_append_string(body, "</nav>\n");
}

/* robots.txt speaks of the site's root, so only there. */
static bool has_private_links(const struct exchange *exchange, struct slice base)
{
    return !base.length && robots_is_partial(exchange);
}

static void append_content(struct exchange *exchange, int64_t number)
{
    const struct options *options = &exchange->farm->options;
    struct text *body = &exchange->answer.body;
    text_append_string(body, "<main><p>");
    text_append_slice(body, text_slice(&exchange->farm->words));
    text_append_string(body, "</p>\n");
    append_link(exchange, number && number < options->pages ? (number - 1) / options->children : 0);
    for (int64_t i = 1; i <= options->children; i++)
        if (number * options->children + i < options->pages)
            append_link(exchange, number * options->children + i);
    if (number + 1 < options->pages)
        append_link(exchange, number + 1);
    if (!number && has_private_links(exchange, exchange->base)) {
        page_link(exchange, "/private/1");
        page_link(exchange, "/private/open/1");
    }
    text_append_string(body, "</main>\n");
}

static void append_back(struct exchange *exchange)
{
    text_append_string(&exchange->answer.body, "<footer>\n");
    append_link(exchange, exchange->farm->options.pages - 1);
    page_link(exchange, "/#top");
    text_append_string(&exchange->answer.body, "</footer>\n");
}

/* The number of the page that the rest of the path names, or -1. */
static int64_t number_of(struct exchange *exchange)
{
    const struct options *options = &exchange->farm->options;
    if (exchange->rest.length <= 1)
        return 0;
    int64_t number = exchange_take_word(exchange, "page") ? exchange_take_number(exchange, -1) : -1;
    bool is_one = number > 0 && number < (int64_t)options->pages + options->orphans;
    return is_one && !exchange->rest.length ? number : -1;
}

void answer_page(struct exchange *exchange)
{
    char title[32];
    int64_t number = number_of(exchange);
    if (number < 0) {
        answer_text(&exchange->answer, 404, "text/plain", "no such page\n");
        return;
    }
    snprintf(title, sizeof title, "Page %lld", (long long)number);
    page_begin(exchange, title);
    append_front(exchange);
    append_content(exchange, number);
    append_back(exchange);
    page_end(exchange);
}

bool answer_private(struct exchange *exchange)
{
    page_begin(exchange, "Private");
    page_end(exchange);
    return true;
}

static void append_expected(struct text *piece, struct slice base, int64_t number)
{
    if (number < 0) {
        text_append_slice(piece, base);
        text_append_string(piece, "/private/open/1");
    } else {
        page_url(piece, base, number);
    }
    text_append_char(piece, '\n');
}

struct stream *pages_expected(const struct exchange *exchange, struct slice base, bool has_orphans)
{
    const struct options *options = &exchange->farm->options;
    struct text url = {0};
    exchange_site(exchange, &url);
    text_append_slice(&url, base);
    int64_t first = has_private_links(exchange, base) ? -1 : 0;
    int64_t count = options->pages - first + (has_orphans ? options->orphans : 0);
    struct stream *stream = stream_series("", append_expected, text_slice(&url), first, count, "");
    text_finish(&url);
    return stream;
}
