/*
 * The crawl executor: a task is one page, one sitemap, or the head of a page on another site. It is
 * asked for once; what came, or did not come, is told with what it leads to that this node has not
 * proposed yet. How fast a host is asked is the engine's business (its limiter), and so is trying
 * again.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "executors/crawl/crawler.h"
#include "executors/crawl/hosts.h"
#include "executors/crawl/page_report.h"

enum {
    PAGES_MAX = 256,
    IDLE_CONNECTIONS = 256,
    IDLE_MS = 30000,
    TIMEOUT_MS = 30000, /* for a job that names none */
    CONNECT_TIMEOUT_MS = 10000,
    BODY_BYTES_MAX = 64 << 20,
    TRANSFER_BYTES_MAX = 32 << 20,
    HEADER_BYTES_MAX = 65536,
    LINKS_BYTES_OF_ALL_MAX = 64 << 20, /* beyond PAGES_MAX * LINKS_OWN_BYTES, as much again */
    HOST_BYTES_MAX = 32 << 20,         /* some hundred thousand, without rules */
};

/* ---- finders of links, used again ---- */

struct links *crawler_take_links(struct crawler *crawler)
{
    if (crawler->idle_links_count)
        return crawler->idle_links[--crawler->idle_links_count];
    struct links *links = links_create();
    links_set_budget(links, &crawler->links_budget);
    return links;
}

void crawler_return_links(struct crawler *crawler, struct links *links)
{
    if (!links || crawler->idle_links_count == CRAWLER_IDLE_LINKS_MAX) {
        links_destroy(links);
        return;
    }
    links_clear(links);
    crawler->idle_links[crawler->idle_links_count++] = links;
}

static void free_links(struct crawler *crawler)
{
    while (crawler->idle_links_count)
        links_destroy(crawler->idle_links[--crawler->idle_links_count]);
}

/* ---- better priorities ---- */

static void on_raiser(uv_timer_t *timer)
{
    struct crawler *crawler = timer->data;
    for (struct list *link = crawler->sites.next; link != &crawler->sites; link = link->next)
        crawler_raise(crawler, list_object(link, struct site, link));
}

void crawler_raise(struct crawler *crawler, struct site *site)
{
    if (crawler->is_destroyed)
        return;
    int64_t next_us =
        raises_send(&site->raises, crawler->database, site->job_id, clock_now_us(), false);
    uint64_t next_ms = (uint64_t)next_us / 1000 + 1;
    bool is_armed = uv_is_active((uv_handle_t *)crawler->raiser);
    if (next_us >= 0 && (!is_armed || uv_timer_get_due_in(crawler->raiser) > next_ms))
        uv_timer_start(crawler->raiser, on_raiser, next_ms, 0);
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

static void forget_site(struct site *site)
{
    hosts_destroy(site);
    site_destroy(site);
}

static void crawl_forget_job(void *self, int64_t job_id)
{
    struct crawler *crawler = self;
    struct site *site = find_site(crawler, job_id);
    if (site) {
        raises_send(&site->raises, crawler->database, job_id, clock_now_us(), true);
        forget_site(site);
    }
    if (list_is_empty(&crawler->sites)) {
        uv_timer_stop(crawler->raiser);
        crawl_database_rest(crawler->database);
        free_links(crawler);
    }
}

/* ---- a page's end ---- */

static void on_raiser_closed(uv_handle_t *handle)
{
    free(handle);
}

static void free_crawler(struct crawler *crawler)
{
    while (!list_is_empty(&crawler->sites))
        forget_site(list_object(list_first(&crawler->sites), struct site, link));
    uv_close((uv_handle_t *)crawler->raiser, on_raiser_closed);
    free_links(crawler);
    free(crawler);
}

void crawler_let_go(struct crawler *crawler)
{
    if (crawler->is_destroyed && crawler->in_flight == 0 && list_is_empty(&crawler->errands))
        free_crawler(crawler);
}

void crawler_end(struct page *page, struct outcome *outcome)
{
    struct crawler *crawler = page->crawler;
    struct task *task = page->task;
    crawler_return_links(crawler, page->links);
    page_destroy(page);
    crawler->in_flight--;
    if (!crawler->is_destroyed) {
        task->state = NULL;
        crawler->environment.on_done(crawler->environment.engine, task, outcome);
        return;
    }
    free(outcome->error);
    free(outcome->page);
    crawler_let_go(crawler);
}

void crawler_put_off(struct page *page, int64_t delay_ms)
{
    struct outcome outcome = {
        .kind = OUTCOME_AGAIN,
        .delay_ms = delay_ms,
        .page = memory_copy_string("\"page\":null,\"found\":[]"),
    };
    crawler_end(page, &outcome);
}

void crawler_return(struct page *page)
{
    struct outcome outcome = {.kind = OUTCOME_RETURNED};
    crawler_end(page, &outcome);
}

/* ---- a page's start ---- */

struct http_request crawler_request(const struct page *page)
{
    int timeout_ms = page->task->job->timeout_ms > 0 ? page->task->job->timeout_ms : TIMEOUT_MS;
    return (struct http_request){
        .url = page->asked.whole.start,
        .user_agent = page->site->user_agent,
        .timeout_ms = timeout_ms,
        .connect_timeout_ms = timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS,
        .max_body_bytes = BODY_BYTES_MAX,
        .max_transfer_bytes = TRANSFER_BYTES_MAX,
        .max_header_bytes = HEADER_BYTES_MAX,
        .allow_private = page->site->allows_private,
    };
}

static void refuse_path(struct page *page, struct slice rule)
{
    struct text error = {0}, report = {0};
    text_append_string(&error, "robots.txt forbids it: ");
    text_append_utf8(&error, rule);
    page_report_unasked(&report, page, NULL, "robots", text_string(&error));
    struct outcome outcome = {
        .kind = OUTCOME_FAILED,
        .is_final = true,
        .delay_ms = -1,
        .error_class = "robots",
        .error = error.start,
        .page = report.start,
    };
    crawler_end(page, &outcome);
}

static void start_ordinary(struct page *page, const struct host *host)
{
    struct slice rule;
    if (host_allows(host, &page->url, &rule))
        page_fetch(page);
    else
        refuse_path(page, rule);
}

void crawler_resume(struct page *page)
{
    struct host *host = host_of(page->crawler, page->site, &page->url);
    if (host_is_known(host))
        start_ordinary(page, host);
    else
        host_wait(host, page);
}

static void start_page(struct page *page)
{
    if (page->role == PAGE_EXTERNAL)
        external_fetch(page);
    else if (page->role == PAGE_SITEMAP)
        sitemap_fetch(page);
    else
        crawler_resume(page);
}

static void crawl_start(void *self, struct task *task)
{
    struct crawler *crawler = self;
    struct failure failure = {0};
    struct site *site = find_or_create_site(crawler, task->job, &failure);
    struct page *page = site ? page_create(crawler, task, site, &failure) : NULL;
    if (page) {
        crawler->in_flight++;
        task->state = page;
        if (page->role != PAGE_SITEMAP)
            known_pages_visit(&site->known, url_hash(page->url.whole));
        start_page(page);
        return;
    }
    struct outcome outcome = {
        .kind = OUTCOME_FAILED,
        .is_final = true,
        .delay_ms = -1,
        .error_class = "refused",
        .error = memory_copy_string(failure.message),
    };
    crawler->environment.on_done(crawler->environment.engine, task, &outcome);
}

/* What waits for its host or its turn has no transfer. A sitemap without one waits for the
 * database, which ends it. */
static void crawl_cancel(void *self, struct task *task)
{
    struct page *page = task->state;
    if (!page || page->is_cancelled)
        return;
    page->is_cancelled = true;
    if (page->transfer)
        http_transfer_cancel(page->transfer);
    else if (!page->sitemap)
        crawler_return(page);
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
    crawler->database = crawl_database_create(environment->loop, environment->database_url);
    crawler->raiser = memory_zeroed(1, sizeof *crawler->raiser);
    CHECK(uv_timer_init(environment->loop, crawler->raiser) == 0);
    crawler->raiser->data = crawler;
    crawler->links_budget.bytes_max = LINKS_BYTES_OF_ALL_MAX;
    list_init(&crawler->sites);
    list_init(&crawler->errands);
    list_init(&crawler->hosts);
    crawler->host_bytes_max = HOST_BYTES_MAX;
    list_init(&crawler->sitemaps_waiting);
    list_init(&crawler->sitemaps_asking);
    return crawler;
}

static int crawl_room(void *self)
{
    const struct crawler *crawler = self;
    return crawler->pages_max - crawler->in_flight;
}

static bool crawl_settle(void *self)
{
    struct crawler *crawler = self;
    for (struct list *link = crawler->sites.next; link != &crawler->sites; link = link->next) {
        struct site *site = list_object(link, struct site, link);
        raises_send(&site->raises, crawler->database, site->job_id, clock_now_us(), true);
    }
    return crawl_database_is_quiet(crawler->database);
}

/* Pages that wait for their host, and sitemaps and errands that wait for the database, end here;
 * what is in flight ends with its transfer. */
static void crawl_destroy(void *self)
{
    struct crawler *crawler = self;
    crawler->is_destroyed = true;
    crawler->in_flight++; /* this call's own hold on it */
    uv_timer_stop(crawler->raiser);
    crawl_database_destroy(crawler->database);
    crawler->database = NULL;
    for (struct list *link = crawler->sites.next; link != &crawler->sites; link = link->next)
        hosts_drop_waiting(list_object(link, struct site, link));
    sitemaps_drop_waiting(crawler);
    hosts_drop_errands(crawler);
    sitemaps_drop_asking(crawler);
    http_client_destroy(crawler->client);
    crawler->in_flight--;
    crawler_let_go(crawler);
}

const struct executor crawl_executor = {
    "crawl",      crawl_create,     crawl_room,   crawl_start,
    crawl_cancel, crawl_forget_job, crawl_settle, crawl_destroy,
};
