/*
 * The crawl executor's own state and the verbs that its files share. A page is in the crawler from
 * its start to crawler_end(), which is called exactly once for it: it may wait for its host's
 * robots.txt (hosts.c), be fetched (page_fetch.c), be read as a sitemap (sitemap_fetch.c), or be a
 * page of another site whose head is asked for (external_fetch.c).
 */
#ifndef PAWL_EXECUTORS_CRAWL_CRAWLER_H
#define PAWL_EXECUTORS_CRAWL_CRAWLER_H

#include "executors/crawl/page.h"
#include "executors/crawl_database.h"

enum { CRAWLER_IDLE_LINKS_MAX = 256 };

struct crawler {
    struct executor_environment environment;
    struct http_client *client;
    struct crawl_database *database;
    struct list sites, errands; /* errands: hosts.c */
    struct list hosts;          /* of all sites, the one used longest ago first: hosts.c */
    size_t host_bytes, host_bytes_max;
    struct list sitemaps_waiting; /* until sitemaps_reading are fewer */
    struct list sitemaps_asking;  /* read, and waiting for the database alone */
    int sitemaps_reading;
    int in_flight, pages_max;
    struct links *idle_links[CRAWLER_IDLE_LINKS_MAX];
    int idle_links_count;
    struct links_budget links_budget;
    uv_timer_t *raiser; /* armed while better priorities wait */
    bool is_destroyed;  /* freed with the last page and errand */
};

/* Frees a crawler that is destroyed, when nothing of it is left. */
void crawler_let_go(struct crawler *crawler);

/* What HTTP is asked with for the page's own URL: its site's name and permissions, its kind's time
 * limit, the crawl's limits of size. */
struct http_request crawler_request(const struct page *page);

/* The page's attempt is over; the outcome's strings and the page are gone afterwards. */
void crawler_end(struct page *page, struct outcome *outcome);
/* It was not asked for; it comes back after delay_ms, uncounted, in its turn. */
void crawler_put_off(struct page *page, int64_t delay_ms);
/* It was not asked for, and takes its next turn. */
void crawler_return(struct page *page);

/* Better priorities of the site's pages go where they belong, those in time that can wait. */
void crawler_raise(struct crawler *crawler, struct site *site);

struct links *crawler_take_links(struct crawler *crawler);
/* NULL: nothing. */
void crawler_return_links(struct crawler *crawler, struct links *links);

/* As if it started now: its host is known, and nothing was asked for in its turn. */
void crawler_resume(struct page *page);

/* The host is known. */
void page_fetch(struct page *page);
/* The host may be known or not. When enough are being read it waits, and then takes another turn.
 */
void sitemap_fetch(struct page *page);
void sitemaps_drop_waiting(struct crawler *crawler);
void external_fetch(struct page *page);

/* Sitemaps whose last batch waits for the database's answer, which never comes now. */
void sitemaps_drop_asking(struct crawler *crawler);

#endif
