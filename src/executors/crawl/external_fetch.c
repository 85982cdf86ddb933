/*
 * A page of another site that is linked: is it there? Its head is asked for, and the whole when the
 * site does not do heads, in the same turn: it is another host, and its answer says nothing of the
 * pace of ours. A site that refuses crawlers is not called broken.
 */
#include "base/memory.h"
#include "executors/crawl/crawler.h"
#include "executors/crawl/page_report.h"

static void ask(struct page *page, const char *method);

static bool is_method_refused(const struct page *page, const struct http_result *result)
{
    int status = result->head.status;
    return !result->failure && !page->is_asked_whole && (status == 405 || status == 501);
}

static void on_done(void *context, const struct http_result *result)
{
    struct page *page = context;
    struct outcome outcome = {.kind = OUTCOME_RETURNED}; /* cancelled: no fault of the page's */
    page->transfer = NULL;
    if (is_method_refused(page, result)) {
        page->is_asked_whole = true;
        ask(page, "GET");
        return;
    }
    if (result->failure != HTTP_FAILURE_CANCELLED) {
        struct page_answer answer = page_answer_of(page, result);
        struct text report = {0};
        if (answer.block) {
            text_finish(&answer.verdict.error);
            answer.verdict = (struct verdict){.is_completed = true, .delay_ms = -1};
        }
        page_report_write(&report, page, result, &answer, false);
        outcome = verdict_outcome(&answer.verdict, report.start);
    }
    crawler_end(page, &outcome);
}

static void ask(struct page *page, const char *method)
{
    static const struct http_callbacks callbacks = {NULL, NULL, on_done};
    struct http_request request = crawler_request(page);
    request.method = method;
    page->transfer = http_client_start(page->crawler->client, &request, &callbacks, page);
}

void external_fetch(struct page *page)
{
    ask(page, "HEAD");
}
