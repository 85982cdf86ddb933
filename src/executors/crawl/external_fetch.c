/*
 * A page of another site that is linked: is it there? Its head is asked for, and where it redirects
 * to, up to PAGE_REDIRECTS_MAX times: what the last one answers is the link's answer. All in one
 * turn: they are other hosts, and what they answer says nothing of the pace of ours.
 *
 * Servers that do not do heads answer HEAD with anything: before a link is called broken it is
 * asked for once more, from its first URL on, by GET, of which no more than the head is read. Not
 * one that asks for a pause: it has understood. A site that refuses crawlers is not called broken.
 *
 * The crawl's own site is asked at its pace and by its robots.txt only: a redirect there is not
 * followed, and the page is proposed to the crawl instead.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "executors/crawl/crawler.h"
#include "executors/crawl/page_report.h"

static void ask(struct page *page);

static void on_head(void *context, const struct http_head *head)
{
    struct page *page = context;
    if (!page->is_asked_by_get)
        return;
    page->is_told = true;
    http_transfer_cancel(page->transfer);
}

/* Where the answer leads to, if that is to be followed. One to itself, as from /a to
 * /a?utm_source=x or for the sake of a cookie, would only come again. */
static bool find_next(struct page *page, const struct http_result *result, struct url *next)
{
    int status = result->head.status;
    const char *location = result->head.location;
    bool is_redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    return !result->failure && is_redirect && location && page->redirects < PAGE_REDIRECTS_MAX &&
           url_parse(slice_of_string(location), &page->asked, page->arena, next, NULL) &&
           !slice_equals(next->whole, page->asked.whole) &&
           site_choose(page->site, next) == SITE_EXTERNAL;
}

/* A redirect to nowhere is broken as well (sql/functions/find_broken_pages.sql). */
static bool is_get_worth_it(const struct page *page, const struct http_result *result,
                            const struct page_answer *answer)
{
    bool is_to_nowhere = result->head.status / 100 == 3 && !result->head.location;
    if (page->is_asked_by_get || result->failure == HTTP_FAILURE_DNS ||
        result->failure == HTTP_FAILURE_TLS || result->failure == HTTP_FAILURE_REFUSED)
        return false;
    return answer->block != BLOCK_RATE_LIMIT && answer->block != BLOCK_CHALLENGE &&
           result->retry_after_ms < 0 && (!answer->verdict.is_completed || is_to_nowhere);
}

static void start_over_by_get(struct page *page)
{
    page->is_asked_by_get = true;
    page->asked = page->url;
    page->redirects = 0;
    ask(page);
}

static struct outcome outcome_of(struct page *page, const struct http_result *result,
                                 struct page_answer *answer)
{
    struct text report = {0};
    if (answer->block) {
        text_finish(&answer->verdict.error);
        answer->verdict = (struct verdict){.is_completed = true, .delay_ms = -1};
    }
    page_report_write(&report, page, result, answer, false);
    crawler_raise(page->crawler, page->site);
    return verdict_outcome(&answer->verdict, report.start);
}

static void on_answer(struct page *page, const struct http_result *result)
{
    struct url next;
    if (find_next(page, result, &next)) {
        page->asked = next;
        page->redirects++;
        ask(page);
        return;
    }
    struct page_answer answer = page_answer_of(page, result);
    if (is_get_worth_it(page, result, &answer)) {
        text_finish(&answer.verdict.error);
        start_over_by_get(page);
        return;
    }
    struct outcome outcome = outcome_of(page, result, &answer);
    crawler_end(page, &outcome);
}

static void on_done(void *context, const struct http_result *result)
{
    struct page *page = context;
    struct http_result told = *result;
    page->transfer = NULL;
    if (page->is_told) {
        told.failure = HTTP_FAILURE_NONE;
        told.message = NULL;
    }
    if (told.failure == HTTP_FAILURE_CANCELLED || page->is_cancelled || page->crawler->is_destroyed)
        crawler_return(page); /* no fault of the page's */
    else
        on_answer(page, &told);
}

/* The time limit is for all of it; what does not answer HEAD leaves GET the other half. */
static void ask(struct page *page)
{
    static const struct http_callbacks callbacks = {on_head, NULL, on_done};
    struct http_request request = crawler_request(page);
    int64_t now_us = clock_now_us();
    if (!page->deadline_us)
        page->deadline_us = now_us + request.timeout_ms * (int64_t)1000;
    int64_t left_ms = (page->deadline_us - now_us) / 1000;
    if (!page->is_asked_by_get)
        left_ms -= request.timeout_ms / 2;
    request.method = page->is_asked_by_get ? "GET" : "HEAD";
    request.timeout_ms = left_ms > 1 ? (int)left_ms : 1;
    if (request.connect_timeout_ms > request.timeout_ms)
        request.connect_timeout_ms = request.timeout_ms;
    request.max_body_bytes = 0; /* however long it says it is: the body is not read */
    request.max_transfer_bytes = 0;
    page->is_told = false;
    page->transfer = http_client_start(page->crawler->client, &request, &callbacks, page);
}

void external_fetch(struct page *page)
{
    ask(page);
}
