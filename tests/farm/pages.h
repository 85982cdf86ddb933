/* The tree of pages that each host serves, as far as others must know it. */
#ifndef PAWL_FARM_PAGES_H
#define PAWL_FARM_PAGES_H

#include "exchange.h"

/* Begins a page of the farm: title, and <body> open. The answer becomes a 200 of HTML. */
void page_begin(struct exchange *exchange, const char *title);
/* Appends a link below the exchange's base. */
void page_link(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void page_end(struct exchange *exchange);

/* Appends the URL of page `number` below the base. */
void page_url(struct text *text, struct slice base, int64_t number);
/* The words that all pages are filled with. */
void pages_make_words(struct text *words, int page_bytes);
/* All URLs that a full crawl of the base must find, one a line; with those that only the sitemap
 * names too. */
struct stream *pages_expected(const struct exchange *exchange, struct slice base, bool has_orphans);

#endif
