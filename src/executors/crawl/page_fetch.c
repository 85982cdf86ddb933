/*
 * An ordinary page: asked for as a browser asks, so that the cache in front of the site holds what
 * browsers will want. When the cache did not have it, it is asked for again after a pause, in a
 * turn of its own, until the cache does: the pauses are in nobody's measured times, and the host's
 * limit holds for these requests as for all.
 */
#include "base/memory.h"
#include "executors/crawl/block.h"
#include "executors/crawl/cache_status.h"
#include "executors/crawl/crawler.h"
#include "executors/crawl/page_report.h"
#include "executors/crawl/verdict.h"

/* A cache may need a moment to store what it has just passed on. */
static const int64_t warm_pauses_ms[] = {500, 1500, 4000};
enum { WARM_REQUESTS_MAX = sizeof warm_pauses_ms / sizeof *warm_pauses_ms };

static void on_head(void *context, const struct http_head *head)
{
    struct page *page = context;
    page->is_html = !page->warm_requests && page_has_links(head);
    if (!page->is_html)
        return;
    page->links = crawler_take_links(page->crawler);
    links_start(page->links, &page->url);
    links_set_content_type(page->links, head->content_type);
}

static void on_body(void *context, struct slice piece)
{
    struct page *page = context;
    size_t room = PAGE_START_BYTES - page->start.length;
    text_append(&page->start, piece.start, piece.length < room ? piece.length : room);
    if (page->is_html)
        links_feed(page->links, piece);
}

static bool should_ask_again(const struct page *page, const struct http_result *result,
                             const struct cache_status *cache)
{
    return page->site->warms && !result->failure && result->head.status / 100 == 2 &&
           cache->is_worth_asking_again && page->warm_requests < WARM_REQUESTS_MAX;
}

/* The page is fine since its first answer, whatever becomes of this one. */
static struct outcome warm_outcome_of(const struct page *page, const struct http_result *result,
                                      const struct page_answer *answer)
{
    struct text report = {0};
    bool is_refused = answer->block != BLOCK_NONE;
    bool is_again = page->warm_requests < WARM_REQUESTS_MAX &&
                    (is_refused || should_ask_again(page, result, &answer->cache));
    int64_t delay_ms = is_again ? warm_pauses_ms[page->warm_requests] : -1;
    if (is_again && answer->verdict.delay_ms > delay_ms)
        delay_ms = answer->verdict.delay_ms;
    page_report_warm(&report, page, result, answer, is_again);
    return (struct outcome){
        .kind = is_again ? OUTCOME_AGAIN : OUTCOME_COMPLETED,
        .delay_ms = delay_ms,
        .page = report.start,
    };
}

static struct outcome outcome_of(struct page *page, const struct http_result *result,
                                 struct page_answer *answer)
{
    struct text report = {0};
    bool is_again = answer->verdict.is_completed && should_ask_again(page, result, &answer->cache);
    page_report_write(&report, page, result, answer, is_again);
    crawler_raise(page->crawler, page->site);
    struct outcome outcome = verdict_outcome(&answer->verdict, report.start);
    if (is_again) {
        outcome.kind = OUTCOME_AGAIN;
        outcome.delay_ms = warm_pauses_ms[0];
    }
    return outcome;
}

static void on_done(void *context, const struct http_result *result)
{
    struct page *page = context;
    struct outcome outcome = {.kind = OUTCOME_RETURNED}; /* cancelled: no fault of the page's */
    page->transfer = NULL;
    if (result->failure != HTTP_FAILURE_CANCELLED) {
        struct page_answer answer = page_answer_of(page, result);
        outcome = page->warm_requests ? warm_outcome_of(page, result, &answer)
                                      : outcome_of(page, result, &answer);
        text_finish(&answer.verdict.error);
    }
    crawler_end(page, &outcome);
}

void page_fetch(struct page *page)
{
    static const struct http_callbacks callbacks = {on_head, on_body, on_done};
    static const char *const headers[] = {
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
        "*/*;q=0.8",
        "Accept-Language: en-US,en;q=0.5",
        "Upgrade-Insecure-Requests: 1",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-User: ?1",
        NULL,
    };
    struct http_request request = crawler_request(page);
    request.headers = headers;
    page->transfer = http_client_start(page->crawler->client, &request, &callbacks, page);
}
