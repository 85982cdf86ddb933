/* What came of a page, as JSON for pawl.finish_pages. */
#ifndef PAWL_EXECUTORS_CRAWL_PAGE_REPORT_H
#define PAWL_EXECUTORS_CRAWL_PAGE_REPORT_H

#include "executors/crawl/block.h"
#include "executors/crawl/cache_status.h"
#include "executors/crawl/page.h"
#include "executors/crawl/verdict.h"

/* More redirects than these in a row are an error (as browsers have it: 20; RFC 9110, section 15.4
 * leaves it open). */
#define PAGE_REDIRECTS_MAX 10

/* An answer, or its absence, and what it means. */
struct page_answer {
    struct verdict verdict; /* its error is the reader's to finish */
    struct cache_status cache;
    char cache_reason[CACHE_REASON_BYTES];
    enum block_kind block;
};

struct page_answer page_answer_of(const struct page *page, const struct http_result *result);

/* Appends the members "page", "found" and "block" without outer braces; is_again: with "warm_step".
 * What the page leads to is remembered as known, better priorities are added to the site's. */
void page_report_write(struct text *text, struct page *page, const struct http_result *result,
                       const struct page_answer *answer, bool is_again);
/* Likewise of a page that was asked for again. */
void page_report_warm(struct text *text, const struct page *page, const struct http_result *result,
                      const struct page_answer *answer, bool is_again);
/* Of a page that was not asked for, because of its host's robots.txt: error_class and error say
 * why. result: the answer to that, for what it says of the pace; NULL: it was a rule. */
void page_report_unasked(struct text *text, const struct page *page,
                         const struct http_result *result, const char *error_class,
                         const char *error);
/* Of a sitemap: links, hashes: of the pages in it; skipped: sitemaps that it names and that are not
 * read; found: elements that were not told before. Each
 * of error_class and error may be NULL. hashes and found end with a comma, or are empty. */
void page_report_sitemap(struct text *text, const struct page *page,
                         const struct http_result *result, int64_t links, int64_t skipped,
                         struct text *hashes, struct text *found, const char *error_class,
                         const char *error);

/* Proposes a page that was found, unless this node knows that it is there: appends it to found, or
 * raises its priority. */
void page_propose(struct page *page, struct text *found, struct slice url, uint64_t hash,
                  double priority, int depth, const char *source, int redirects);

#endif
