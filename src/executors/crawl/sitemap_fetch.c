/*
 * A sitemap: read while it arrives, its pages added to the crawl in batches as it goes on, while
 * the transfer pauses; so it takes no more memory than a batch and its list of hashes, and stops as
 * soon as the crawl has all the pages that it may have. Sitemaps of an index are tasks of their
 * own. Pages are filtered as links are; robots.txt holds for them too. Only a few are read at once,
 * whatever the slots: they wait for one database anyway, each with a batch.
 */
#include "executors/crawl/sitemap.h"

#include <stdlib.h>

#include "base/json_text.h"
#include "base/memory.h"
#include "executors/crawl/crawler.h"
#include "executors/crawl/found.h"
#include "executors/crawl/hosts.h"
#include "executors/crawl/page_report.h"
#include "executors/crawl/verdict.h"

enum { DEPTH_MAX = 3, BATCH_BYTES = 256 << 10, AT_ONCE_MAX = 4 };

struct sitemap_reading {
    struct sitemap *inner;
    struct arena *scratch;
    struct text found, hashes;
    int64_t links, skipped;
    bool is_asking;         /* a batch is on its way, the transfer pauses */
    bool is_stopped;        /* nothing more is wanted: the transfer is cancelled by us */
    bool is_full;           /* the crawl is */
    struct text loss;       /* why a batch did not get into the database; empty: all did */
    struct outcome outcome; /* of a transfer that has ended while a batch was on its way */
};

/* An index names sitemaps of its own site (sitemaps.org, "Sitemaps & cross submits"), or of the
 * crawl's: it sends nobody to third ones. */
static void add_index_entry(struct page *page, const struct url *url)
{
    if (page->depth >= DEPTH_MAX || (!url_is_on_site(url, &page->url, false) &&
                                     site_choose(page->site, url) == SITE_EXTERNAL)) {
        page->sitemap->skipped++;
        return;
    }
    found_append(&page->sitemap->found, &(struct found){.url = url->whole,
                                                        .priority = FOUND_PRIORITY_OF_SITEMAP,
                                                        .depth = page->depth + 1,
                                                        .source = "sitemap",
                                                        .role = "sitemap"});
}

static void add_page(struct page *page, const struct url *url)
{
    struct sitemap_reading *reading = page->sitemap;
    const struct host *host = host_find(page->site, url);
    if (site_choose(page->site, url) != SITE_FOLLOWS ||
        (host && !host_may_allow(host, url, &page->robots_steps_left)))
        return;
    uint64_t hash = url_hash(url->whole);
    reading->links++;
    text_append_integer(&reading->hashes, (int64_t)hash);
    text_append_char(&reading->hashes, ',');
    page_propose(page, &reading->found, url->whole, hash, FOUND_PRIORITY_OF_SITEMAP_PAGE, 1,
                 "sitemap", 0);
}

static bool on_url(void *context, struct slice loc, bool is_index_entry)
{
    struct page *page = context;
    struct url url;
    arena_reset(page->sitemap->scratch);
    if (!url_parse(loc, &page->url, page->sitemap->scratch, &url, NULL))
        return true;
    if (is_index_entry)
        add_index_entry(page, &url);
    else
        add_page(page, &url);
    return !page->sitemap->is_full;
}

/* A sitemap that has moved is another task. */
static void add_redirect(struct page *page, const struct http_head *head)
{
    struct url url;
    if (head->location && page->redirects < PAGE_REDIRECTS_MAX &&
        url_parse(slice_of_string(head->location), &page->url, page->arena, &url, NULL))
        found_append(&page->sitemap->found, &(struct found){.url = url.whole,
                                                            .priority = FOUND_PRIORITY_OF_SITEMAP,
                                                            .depth = page->depth,
                                                            .source = page->source,
                                                            .role = "sitemap",
                                                            .redirects = page->redirects + 1});
}

/* ---- the end ---- */

static void finish_reading(struct page *page)
{
    struct sitemap_reading *reading = page->sitemap;
    sitemap_destroy(reading->inner);
    arena_destroy(reading->scratch);
    text_finish(&reading->found);
    text_finish(&reading->hashes);
    text_finish(&reading->loss);
    free(reading);
    page->sitemap = NULL;
}

static void return_waiting(struct crawler *crawler);

static void end(struct page *page, struct outcome outcome)
{
    finish_reading(page);
    page->crawler->sitemaps_reading--;
    return_waiting(page->crawler);
    crawler_end(page, &outcome);
}

/* A batch that was lost is found again at the next try. */
static struct outcome ended_outcome(const struct page *page)
{
    const struct sitemap_reading *reading = page->sitemap;
    struct outcome outcome = reading->outcome;
    if (!reading->loss.length || outcome.kind != OUTCOME_COMPLETED)
        return outcome;
    struct text error = {0};
    text_append_format(&error, "could not add its pages: %s", text_string(&reading->loss));
    outcome.kind = OUTCOME_FAILED;
    outcome.delay_ms = -1;
    outcome.error_class = "sql";
    outcome.error = error.start;
    return outcome;
}

/* ---- batches ---- */

static void stop(struct page *page)
{
    page->sitemap->is_stopped = true;
    http_transfer_cancel(page->transfer);
}

static void on_added(void *context, bool is_full, const struct failure *failure)
{
    struct page *page = context;
    struct sitemap_reading *reading = page->sitemap;
    reading->is_asking = false;
    reading->is_full = is_full;
    if (failure && !reading->loss.length)
        text_append_string(&reading->loss, failure->message);
    if (!page->transfer)
        end(page, ended_outcome(page));
    else if (is_full || failure)
        stop(page);
    else
        http_transfer_pause(page->transfer, false);
}

static void send_batch(struct page *page)
{
    struct sitemap_reading *reading = page->sitemap;
    struct text found = {0};
    text_append_char(&found, '[');
    json_drop_comma(&reading->found);
    text_append_slice(&found, text_slice(&reading->found));
    text_append_char(&found, ']');
    text_clear(&reading->found);
    reading->is_asking = true;
    http_transfer_pause(page->transfer, true);
    crawl_database_add_sitemap_pages(page->crawler->database, page->task->job_id,
                                     text_string(&found), on_added, page);
    crawler_raise(page->crawler, page->site);
    text_finish(&found);
}

/* ---- the transfer ---- */

static void on_head(void *context, const struct http_head *head)
{
    static const struct sitemap_limits limits = {SITEMAP_URLS_MAX, SITEMAP_BYTES_MAX,
                                                 SITEMAP_LOC_BYTES_MAX};
    struct page *page = context;
    if (head->status / 100 == 2)
        page->sitemap->inner = sitemap_create(&limits, on_url, page);
}

static void on_body(void *context, struct slice piece)
{
    struct page *page = context;
    struct sitemap_reading *reading = page->sitemap;
    if (!reading->inner || reading->is_stopped)
        return;
    page->robots_steps_left = PAGE_ROBOTS_STEPS;
    if (sitemap_feed(reading->inner, piece) != SITEMAP_MORE)
        stop(page);
    else if (reading->found.length > BATCH_BYTES && !reading->is_asking)
        send_batch(page);
}

/* A usual place where there is none, or something else, is no failure. What may be whole at the
 * next try is one, even when it has led to pages already. */
static struct outcome outcome_of(struct page *page, const struct http_result *result)
{
    struct sitemap_reading *reading = page->sitemap;
    struct sitemap_summary summary = {0};
    struct verdict verdict = {.is_completed = true, .delay_ms = -1};
    struct text report = {0};
    bool is_guess = page->source[0] == 'g';
    if (!reading->is_stopped)
        verdict = verdict_of(result, BLOCK_NONE);
    if (reading->inner && verdict.is_completed)
        summary = sitemap_end(reading->inner);
    bool is_broken = summary.state == SITEMAP_BROKEN;
    bool is_redirect = verdict.is_completed && result->head.status / 100 == 3;
    bool is_cut = summary.state == SITEMAP_FULL && !reading->is_full;
    const char *class = is_broken || is_cut ? "sitemap" : verdict.page_class;
    const char *error = is_broken ? summary.error
                        : is_cut  ? "it is larger than a sitemap may be: the rest is left out"
                        : verdict.error.length ? text_string(&verdict.error)
                                               : NULL;
    bool is_tried_again = !verdict.is_completed && !verdict.is_final;
    bool is_fine =
        !is_tried_again && (is_guess || (verdict.is_completed && !is_broken) || reading->links > 0);
    if (is_redirect)
        add_redirect(page, &result->head);
    page_report_sitemap(&report, page, result, reading->links, reading->skipped, &reading->hashes,
                        &reading->found, is_guess ? NULL : class, is_guess ? NULL : error);
    struct outcome outcome = {
        .kind = is_fine ? OUTCOME_COMPLETED : OUTCOME_FAILED,
        .is_final = is_broken || verdict.is_final,
        .delay_ms = verdict.delay_ms,
        .error_class = is_fine     ? NULL
                       : is_broken ? "refused"
                                   : verdict.task_class,
        .error = is_fine || !error ? NULL : memory_copy_string(error),
        .page = report.start,
    };
    text_finish(&verdict.error);
    crawler_raise(page->crawler, page->site);
    return outcome;
}

/* The task ends behind its last batch: between the two the job would have nothing left to do, and
 * end. */
static void on_done(void *context, const struct http_result *result)
{
    struct page *page = context;
    struct sitemap_reading *reading = page->sitemap;
    bool is_dropped = result->failure == HTTP_FAILURE_CANCELLED && !reading->is_stopped;
    page->transfer = NULL;
    reading->outcome =
        is_dropped ? (struct outcome){.kind = OUTCOME_RETURNED} : outcome_of(page, result);
    if (reading->is_asking && !page->crawler->is_destroyed)
        list_append(&page->crawler->sitemaps_asking, &page->link); /* on_added() ends it */
    else
        end(page, ended_outcome(page));
}

void sitemaps_drop_asking(struct crawler *crawler)
{
    struct list *link;
    while ((link = list_first(&crawler->sitemaps_asking))) {
        struct page *page = list_object(link, struct page, link);
        end(page, page->sitemap->outcome);
    }
}

static void read_sitemap(struct page *page)
{
    static const struct http_callbacks callbacks = {on_head, on_body, on_done};
    static const char *const headers[] = {
        "Accept: application/xml,text/xml,text/plain;q=0.9,*/*;q=0.8", NULL};
    struct http_request request = crawler_request(page);
    request.headers = headers;
    request.max_body_bytes = 0; /* the reader has limits of its own, and stops there */
    request.max_transfer_bytes = SITEMAP_BYTES_MAX;
    page->sitemap = memory_zeroed(1, sizeof *page->sitemap);
    page->sitemap->scratch = arena_create(16384);
    page->crawler->sitemaps_reading++;
    page->transfer = http_client_start(page->crawler->client, &request, &callbacks, page);
}

/* ---- taking turns ---- */

static struct page *take_waiting(struct crawler *crawler)
{
    struct list *first = list_first(&crawler->sitemaps_waiting);
    if (!first)
        return NULL;
    list_remove(first);
    return list_object(first, struct page, link);
}

/* As many as there is room for, to take another turn: the one that they waited in is long over, and
 * the host would be asked out of turn. All, when none is read whose end would return the rest:
 * those that are returned may go to another node. */
static void return_waiting(struct crawler *crawler)
{
    int room = AT_ONCE_MAX - crawler->sitemaps_reading;
    struct page *page;
    for (; room > 0 && !crawler->is_destroyed && (page = take_waiting(crawler)); room--) {
        crawler_return(page);
        room += crawler->sitemaps_reading == 0;
    }
}

void sitemap_fetch(struct page *page)
{
    if (page->crawler->sitemaps_reading < AT_ONCE_MAX)
        read_sitemap(page);
    else
        list_append(&page->crawler->sitemaps_waiting, &page->link);
}

void sitemaps_drop_waiting(struct crawler *crawler)
{
    struct page *page;
    while ((page = take_waiting(crawler)))
        crawler_return(page);
}
