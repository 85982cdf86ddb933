/*
 * Whoever comes first to a host that is not known makes an errand: it asks the database what is to
 * be done, fetches robots.txt if that is it, and saves it. The errand outlives the host when the
 * job is forgotten meanwhile.
 */
#include "executors/crawl/hosts.h"

#include <stdlib.h>

#include "base/hash_table.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "executors/crawl/crawler.h"
#include "executors/crawl/found.h"
#include "executors/crawl/page_report.h"
#include "executors/crawl/robots.h"

enum {
    REDIRECTS_MAX = 5,
    BODY_BYTES_MAX = ROBOTS_BYTES_MAX + 1, /* so that it shows whether the last line is whole */
    TIMEOUT_MS = 20000,
    WAIT_MS = 1000, /* while another node fetches it, and between two tries */
};

struct host {
    struct hash_table_link link; /* of the site's */
    struct list used;            /* of the crawler's, by its latest use */
    struct crawler *crawler;
    struct site *site;
    size_t bytes; /* that it takes, its rules included */
    struct slice origin;
    bool is_known;
    struct robots *robots; /* NULL: everything is allowed */
    struct list waiting;
    struct errand *errand;
    char origin_bytes[];
};

struct errand {
    struct list link; /* of the crawler's */
    struct crawler *crawler;
    struct host *host; /* NULL: gone */
    int64_t job_id;
    int node_id;
    struct arena *arena;
    struct slice origin;
    struct url url;
    int redirects, status;
    struct text body;
    bool has_rules;
    bool waits_for_turn; /* to follow a redirect */
    struct http_transfer *transfer;
};

/* ---- hosts ---- */

static struct slice origin_of(const struct url *url)
{
    return slice_of(url->whole.start, (size_t)(url->path.start - url->whole.start));
}

/* The digest costs more than the rest, so it is left out where the last host is meant again. That
 * it is one of SHA-256 keeps a site from naming its hosts so that they share a bucket. */
struct host *host_find(struct site *site, const struct url *url)
{
    struct slice origin = origin_of(url);
    if (site->last_host && slice_equals(site->last_host->origin, origin))
        return site->last_host;
    struct hash_table_link *link = hash_table_find(&site->hosts, url_hash(origin));
    while (link && !slice_equals(hash_table_object(link, struct host, link)->origin, origin))
        link = hash_table_find_next(link);
    if (link)
        site->last_host = hash_table_object(link, struct host, link);
    return link ? site->last_host : NULL;
}

static void take_bytes(struct host *host, size_t bytes)
{
    host->bytes += bytes;
    host->crawler->host_bytes += bytes;
}

/* The table has a bucket for each host, and malloc something of its own. */
static struct host *add_host(struct crawler *crawler, struct site *site, struct slice origin)
{
    size_t bytes = sizeof(struct host) + origin.length;
    struct host *host = memory_zeroed(1, bytes);
    memcpy(host->origin_bytes, origin.start, origin.length);
    host->origin = slice_of(host->origin_bytes, origin.length);
    host->crawler = crawler;
    host->site = site;
    list_init(&host->waiting);
    list_init(&host->used);
    hash_table_add(&site->hosts, &host->link, url_hash(origin));
    take_bytes(host, bytes + 3 * sizeof(void *));
    return host;
}

static void forget(struct errand *errand);
static void free_errand(struct errand *errand);

static void free_host(struct host *host)
{
    if (host->errand && host->errand->waits_for_turn) {
        forget(host->errand);
        free_errand(host->errand);
    }
    list_remove(&host->used);
    host->crawler->host_bytes -= host->bytes;
    robots_destroy(host->robots);
    free(host);
}

static bool is_in_use(const struct host *host)
{
    return (host->errand && !host->errand->waits_for_turn) || !list_is_empty(&host->waiting);
}

/* Until what is kept is within its bounds, but for those in use: as many as there are pages. */
static void forget_hosts(struct crawler *crawler, const struct host *except)
{
    struct list *link = crawler->hosts.next;
    while (crawler->host_bytes > crawler->host_bytes_max && link != &crawler->hosts) {
        struct host *host = list_object(link, struct host, used);
        link = link->next;
        if (host == except || is_in_use(host))
            continue;
        hash_table_remove(&host->site->hosts, &host->link);
        if (host->site->last_host == host)
            host->site->last_host = NULL;
        free_host(host);
    }
}

struct host *host_of(struct crawler *crawler, struct site *site, const struct url *url)
{
    struct host *host = host_find(site, url);
    if (!host)
        host = add_host(crawler, site, origin_of(url));
    list_move(&crawler->hosts, &host->used);
    forget_hosts(crawler, host);
    return host;
}

void hosts_destroy(struct site *site)
{
    struct hash_table_link *link = hash_table_walk(&site->hosts, NULL);
    while (link) {
        struct host *host = hash_table_object(link, struct host, link);
        link = hash_table_walk(&site->hosts, link);
        if (host->errand && !host->errand->waits_for_turn) {
            host->errand->host = NULL;
            if (host->errand->transfer)
                http_transfer_cancel(host->errand->transfer);
        }
        free_host(host);
    }
    hash_table_finish(&site->hosts);
    site->last_host = NULL;
}

bool host_is_known(const struct host *host)
{
    return host->is_known;
}

bool host_allows(const struct host *host, const struct url *url, struct slice *rule)
{
    if (!host->robots || host->site->ignores_robots)
        return true;
    return robots_allows(host->robots, url_path_and_query(url), rule);
}

bool host_may_allow(const struct host *host, const struct url *url, uint64_t *steps_left)
{
    if (!host->robots || host->site->ignores_robots)
        return true;
    return robots_may_allow(host->robots, url_path_and_query(url), steps_left);
}

/* ---- an errand's end ---- */

static void free_errand(struct errand *errand)
{
    struct crawler *crawler = errand->crawler;
    if (errand->host)
        errand->host->errand = NULL;
    list_remove(&errand->link);
    text_finish(&errand->body);
    arena_destroy(errand->arena);
    free(errand);
    crawler_let_go(crawler);
}

void hosts_drop_errands(struct crawler *crawler)
{
    struct list *next;
    for (struct list *link = crawler->errands.next; link != &crawler->errands; link = next) {
        struct errand *errand = list_object(link, struct errand, link);
        next = link->next;
        if (!errand->transfer)
            free_errand(errand);
    }
}

static void forget(struct errand *errand)
{
    if (!errand->crawler->is_destroyed)
        crawl_database_forget_robots(errand->crawler->database, errand->job_id, errand->origin,
                                     errand->node_id);
}

static struct page *first_waiting(struct host *host)
{
    struct list *first = list_first(&host->waiting);
    return first ? list_object(first, struct page, link) : NULL;
}

static void release(struct host *host, int64_t delay_ms)
{
    struct page *page;
    while ((page = first_waiting(host))) {
        list_remove(&page->link);
        if (delay_ms)
            crawler_put_off(page, delay_ms);
        else
            crawler_return(page);
    }
}

void hosts_drop_waiting(struct site *site)
{
    for (struct hash_table_link *link = NULL; (link = hash_table_walk(&site->hosts, link));)
        release(hash_table_object(link, struct host, link), 0);
}

static void learn(struct host *host, struct slice bytes)
{
    host->is_known = true;
    if (bytes.start)
        host->robots =
            robots_parse(bytes, robots_agent_token(slice_of_string(host->site->user_agent)));
    if (host->robots)
        take_bytes(host, robots_bytes(host->robots));
    forget_hosts(host->crawler, host);
}

/* The first goes on: one whose host is forgotten again and again would come to nothing else. */
static void go_on(struct host *host)
{
    struct page *page = first_waiting(host);
    if (page) {
        list_remove(&page->link);
        crawler_resume(page);
    }
    release(host, 0);
}

/* ---- fetching ---- */

static void on_saved(void *context, const struct failure *failure)
{
    struct errand *errand = context;
    struct host *host = errand->host;
    if (host && failure)
        release(host, WAIT_MS);
    else if (host) {
        learn(host, errand->has_rules ? text_slice(&errand->body) : (struct slice){0});
        release(host, 0);
    }
    free_errand(errand);
}

static void add_sitemap(struct text *found, struct errand *errand, struct slice place,
                        const char *source)
{
    struct url url;
    if (url_parse(place, &errand->url, errand->arena, &url, NULL))
        found_append(found, &(struct found){.url = url.whole,
                                            .priority = FOUND_PRIORITY_OF_SITEMAP,
                                            .source = source,
                                            .role = "sitemap"});
}

/* Those that robots.txt names or, of the host where the crawl starts, the usual places. */
static void list_sitemaps(struct text *found, struct errand *errand, const struct robots *robots)
{
    struct site *site = errand->host->site;
    size_t count = robots_sitemap_count(robots);
    bool is_start = slice_equals(errand->origin, origin_of(&site->start));
    text_append_char(found, '[');
    for (size_t i = 0; site->reads_sitemaps && i < count; i++)
        add_sitemap(found, errand, robots_sitemap(robots, i), "robots");
    if (site->reads_sitemaps && !count && is_start) {
        add_sitemap(found, errand, slice_of_string("/sitemap.xml"), "guess");
        add_sitemap(found, errand, slice_of_string("/sitemap_index.xml"), "guess");
    }
    json_drop_comma(found);
    text_append_char(found, ']');
}

/* The database holds UTF-8 only, and this node obeys what the others will read there. Patterns and
 * URLs mean the same with their bytes escaped. */
static void make_portable(struct text *body)
{
    struct text portable = {0};
    text_append_utf8_escaped(&portable, text_slice(body));
    text_finish(body);
    *body = portable;
}

static void save(struct errand *errand)
{
    struct site *site = errand->host->site;
    make_portable(&errand->body);
    struct slice bytes = errand->has_rules ? text_slice(&errand->body) : (struct slice){0};
    if (errand->has_rules && !bytes.start)
        bytes = slice_of_string("");
    struct robots *robots =
        robots_parse(bytes, robots_agent_token(slice_of_string(site->user_agent)));
    double delay_s = site->ignores_robots ? -1 : robots_crawl_delay_s(robots);
    struct text sitemaps = {0};
    list_sitemaps(&sitemaps, errand, robots);
    crawl_database_save_robots(errand->crawler->database, errand->job_id, errand->origin,
                               errand->node_id, errand->status, bytes, delay_s * 1000,
                               text_string(&sitemaps), on_saved, errand);
    robots_destroy(robots);
    text_finish(&sitemaps);
}

static void fail(struct page *page, const struct http_result *result, const struct verdict *verdict)
{
    struct text error = {0}, report = {0};
    bool is_away = result->failure != HTTP_FAILURE_NONE; /* so is the page */
    text_append_string(&error, is_away ? "" : "robots.txt: ");
    text_append_slice(&error, text_slice(&verdict->error));
    page_report_unasked(&report, page, result, is_away ? verdict->page_class : "robots",
                        text_string(&error));
    struct outcome outcome = {
        .kind = OUTCOME_FAILED,
        .is_final = verdict->is_final,
        .delay_ms = verdict->delay_ms,
        .error_class = verdict->task_class ? verdict->task_class : "status",
        .error = error.start,
        .page = report.start,
    };
    crawler_end(page, &outcome);
}

/* All that wait have the failure: if they took turns, a host that never answers would hold up the
 * crawl for a time-out times its pages. */
static void give_up(struct errand *errand, const struct http_result *result)
{
    struct verdict verdict = verdict_of(result, BLOCK_NONE);
    struct page *page;
    forget(errand);
    while ((page = first_waiting(errand->host))) {
        list_remove(&page->link);
        fail(page, result, &verdict);
    }
    text_finish(&verdict.error);
    free_errand(errand);
}

static bool follow(struct errand *errand, const struct http_head *head)
{
    struct url target;
    if (head->status < 300 || head->status > 399 || !head->location ||
        errand->redirects == REDIRECTS_MAX ||
        !url_parse(slice_of_string(head->location), &errand->url, errand->arena, &target, NULL))
        return false;
    errand->redirects++;
    errand->url = target;
    text_clear(&errand->body);
    errand->waits_for_turn = true;
    release(errand->host, 0);
    return true;
}

static void on_body(void *context, struct slice piece)
{
    struct errand *errand = context;
    size_t room = BODY_BYTES_MAX - errand->body.length;
    text_append(&errand->body, piece.start, piece.length < room ? piece.length : room);
    if (piece.length >= room)
        http_transfer_cancel(errand->transfer); /* the rest is nobody's */
}

static void on_done(void *context, const struct http_result *result)
{
    struct errand *errand = context;
    int status = result->head.status;
    bool has_answer = !result->failure || errand->body.length == BODY_BYTES_MAX;
    errand->transfer = NULL;
    errand->status = status;
    if (!errand->host || errand->crawler->is_destroyed) {
        forget(errand);
        free_errand(errand);
        return;
    }
    if (has_answer && follow(errand, &result->head))
        return;
    errand->has_rules = has_answer && status / 100 == 2;
    if (has_answer && status < 500 && status != 429)
        save(errand);
    else if (errand->host->site->ignores_robots)
        save(errand);
    else
        give_up(errand, result);
}

static void fetch(struct errand *errand)
{
    static const struct http_callbacks callbacks = {NULL, on_body, on_done};
    const struct site *site = errand->host->site;
    struct http_request request = {
        .url = errand->url.whole.start,
        .user_agent = site->user_agent,
        .timeout_ms = TIMEOUT_MS,
        .max_body_bytes = 64 << 20,
        .max_transfer_bytes = 64 << 20,
        .max_header_bytes = 65536,
        .allow_private = site->allows_private,
    };
    errand->transfer = http_client_start(errand->crawler->client, &request, &callbacks, errand);
}

/* ---- asking ---- */

static void on_verdict(void *context, const struct robots_answer *answer,
                       const struct failure *failure)
{
    struct errand *errand = context;
    struct host *host = errand->host;
    if (host && !failure && answer->verdict == ROBOTS_FETCH && first_waiting(host)) {
        fetch(errand);
        return;
    }
    if (!failure && answer->verdict == ROBOTS_FETCH)
        forget(errand);
    if (host && !failure && answer->verdict == ROBOTS_KNOWN) {
        learn(host, answer->robots);
        go_on(host);
    } else if (host) {
        release(host, WAIT_MS);
    }
    free_errand(errand);
}

static void send_errand(struct host *host, const struct page *page)
{
    struct errand *errand = memory_zeroed(1, sizeof *errand);
    host->errand = errand;
    list_init(&errand->link);
    list_append(&page->crawler->errands, &errand->link);
    errand->crawler = page->crawler;
    errand->host = host;
    errand->job_id = page->task->job_id;
    errand->node_id = page->task->node_id;
    errand->arena = arena_create(1024);
    errand->origin = slice_of(arena_copy(errand->arena, host->origin.start, host->origin.length),
                              host->origin.length);
    url_parse(slice_of_string("/robots.txt"), &page->url, errand->arena, &errand->url, NULL);
    crawl_database_ask_robots(page->crawler->database, errand->job_id, errand->origin,
                              errand->node_id, on_verdict, errand);
}

void host_wait(struct host *host, struct page *page)
{
    list_append(&host->waiting, &page->link);
    if (!host->errand) {
        send_errand(host, page);
    } else if (host->errand->waits_for_turn) {
        host->errand->waits_for_turn = false;
        fetch(host->errand);
    }
}
