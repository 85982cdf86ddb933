/*
 * The crawl executor: a task is one page. It is asked for once, its links are found as it arrives,
 * and what came, or did not come, is told with the links that this node has not proposed yet. How
 * fast a host is asked is the engine's business (its limiter), and so is trying again.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "executors/crawl/page.h"
#include "executors/crawl/page_report.h"
#include "executors/crawl/verdict.h"

enum {
    PAGES_MAX = 256,
    IDLE_LINKS_MAX = 16,
    IDLE_CONNECTIONS = 64,
    IDLE_MS = 30000,
    TIMEOUT_MS = 30000, /* for a job that names none */
    CONNECT_TIMEOUT_MS = 10000,
    BODY_BYTES_MAX = 64 << 20,
    HEADER_BYTES_MAX = 65536,
};

struct crawler {
    struct executor_environment environment;
    struct http_client *client;
    struct list sites;
    int in_flight, pages_max;
    struct links *idle_links[IDLE_LINKS_MAX];
    int idle_links_count;
    bool is_destroyed; /* freed with the last page in flight */
};

/* ---- finders of links, used again ---- */

static struct links *take_links(struct crawler *crawler)
{
    if (crawler->idle_links_count)
        return crawler->idle_links[--crawler->idle_links_count];
    return links_create();
}

static void return_links(struct crawler *crawler, struct links *links)
{
    if (links && crawler->idle_links_count < IDLE_LINKS_MAX)
        crawler->idle_links[crawler->idle_links_count++] = links;
    else
        links_destroy(links);
}

static void free_links(struct crawler *crawler)
{
    while (crawler->idle_links_count)
        links_destroy(crawler->idle_links[--crawler->idle_links_count]);
}

/* ---- sites ---- */

static struct site *find_site(struct crawler *crawler, int64_t job_id)
{
    for (struct list *link = crawler->sites.next; link != &crawler->sites; link = link->next) {
        struct site *site = list_object(link, struct site, link);
        if (site->job_id == job_id)
            return site;
    }
    return NULL;
}

static struct site *find_or_create_site(struct crawler *crawler, const struct job_facts *job,
                                        struct failure *failure)
{
    struct site *site = find_site(crawler, job->id);
    if (site)
        return site;
    site = site_create(job, failure);
    if (site)
        list_append(&crawler->sites, &site->link);
    return site;
}

static void crawl_forget_job(void *self, int64_t job_id)
{
    struct crawler *crawler = self;
    struct site *site = find_site(crawler, job_id);
    if (site)
        site_destroy(site);
    if (list_is_empty(&crawler->sites))
        free_links(crawler);
}

/* ---- one page ---- */

static void on_head(void *context, const struct http_head *head)
{
    struct page *page = context;
    page->is_html = page_has_links(head);
    if (!page->is_html)
        return;
    page->links = take_links(page->crawler);
    links_start(page->links, &page->url);
}

static void on_body(void *context, struct slice piece)
{
    struct page *page = context;
    if (page->is_html)
        links_feed(page->links, piece);
}

static struct outcome outcome_of(const struct page *page, const struct http_result *result)
{
    struct verdict verdict = verdict_of(result);
    struct text report = {0};
    page_report_write(&report, page, result, &verdict);
    return (struct outcome){
        .kind = verdict.is_completed ? OUTCOME_COMPLETED : OUTCOME_FAILED,
        .is_final = verdict.is_final,
        .delay_ms = verdict.delay_ms,
        .error_class = verdict.task_class,
        .error = verdict.error.start,
        .page = report.start,
    };
}

static void free_crawler(struct crawler *crawler)
{
    while (!list_is_empty(&crawler->sites))
        site_destroy(list_object(list_first(&crawler->sites), struct site, link));
    free_links(crawler);
    free(crawler);
}

static void on_done(void *context, const struct http_result *result)
{
    struct page *page = context;
    struct crawler *crawler = page->crawler;
    struct task *task = page->task;
    struct outcome outcome = {.kind = OUTCOME_FAILED, .delay_ms = -1, .error_class = "network"};
    if (result->failure != HTTP_FAILURE_CANCELLED)
        outcome = outcome_of(page, result);
    return_links(crawler, page->links);
    page_destroy(page);
    crawler->in_flight--;
    if (!crawler->is_destroyed) {
        task->state = NULL;
        crawler->environment.on_done(crawler->environment.engine, task, &outcome);
    } else if (crawler->in_flight == 0) {
        free_crawler(crawler);
    }
}

static void ask_for(struct crawler *crawler, struct page *page)
{
    static const struct http_callbacks callbacks = {on_head, on_body, on_done};
    static const char *const headers[] = {"Accept: text/html,application/xhtml+xml,*/*;q=0.8",
                                          NULL};
    int timeout_ms = page->task->job->timeout_ms > 0 ? page->task->job->timeout_ms : TIMEOUT_MS;
    struct http_request request = {
        .url = page->url.whole.start,
        .user_agent = page->site->user_agent,
        .headers = headers,
        .allow_private = true,
        .timeout_ms = timeout_ms,
        .connect_timeout_ms = timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS,
        .max_body_bytes = BODY_BYTES_MAX,
        .max_header_bytes = HEADER_BYTES_MAX,
    };
    crawler->in_flight++;
    page->crawler = crawler;
    page->task->state = page;
    page->transfer = http_client_start(crawler->client, &request, &callbacks, page);
}

static void refuse(struct crawler *crawler, struct task *task, const struct failure *failure)
{
    struct outcome outcome = {
        .kind = OUTCOME_FAILED,
        .is_final = true,
        .delay_ms = -1,
        .error_class = "refused",
        .error = memory_copy_string(failure->message),
    };
    crawler->environment.on_done(crawler->environment.engine, task, &outcome);
}

static void crawl_start(void *self, struct task *task)
{
    struct crawler *crawler = self;
    struct failure failure = {0};
    struct site *site = find_or_create_site(crawler, task->job, &failure);
    struct page *page = site ? page_create(task, site, &failure) : NULL;
    if (page)
        ask_for(crawler, page);
    else
        refuse(crawler, task, &failure);
}

static void crawl_cancel(void *self, struct task *task)
{
    struct page *page = task->state;
    if (page)
        http_transfer_cancel(page->transfer);
}

/* ---- the executor ---- */

static void *crawl_create(const struct executor_environment *environment)
{
    struct crawler *crawler = memory_zeroed(1, sizeof *crawler);
    crawler->environment = *environment;
    crawler->pages_max = environment->slots < PAGES_MAX ? environment->slots : PAGES_MAX;
    crawler->client = http_client_create(
        environment->loop,
        &(struct http_limits){.idle_connections = IDLE_CONNECTIONS, .idle_ms = IDLE_MS});
    list_init(&crawler->sites);
    return crawler;
}

static int crawl_room(void *self)
{
    const struct crawler *crawler = self;
    return crawler->pages_max - crawler->in_flight;
}

static void crawl_destroy(void *self)
{
    struct crawler *crawler = self;
    http_client_destroy(crawler->client);
    crawler->is_destroyed = true;
    if (crawler->in_flight == 0)
        free_crawler(crawler);
}

const struct executor crawl_executor = {
    "crawl", crawl_create, crawl_room, crawl_start, crawl_cancel, crawl_forget_job, crawl_destroy,
};
