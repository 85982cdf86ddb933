/*
 * What the crawl executor asks of the database besides outcomes: the robots.txt of hosts, what a
 * sitemap has so far, better priorities. Over a connection of its own (pg/questions.h), which is
 * given up by crawl_database_rest(); one C function a SQL function.
 */
#ifndef PAWL_EXECUTORS_CRAWL_DATABASE_H
#define PAWL_EXECUTORS_CRAWL_DATABASE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/failure.h"
#include "base/text.h"

struct crawl_database;

/* What is to be done about the robots.txt of a host (sql/functions/robots.sql). */
enum robots_verdict { ROBOTS_FETCH, ROBOTS_WAIT, ROBOTS_KNOWN };

struct robots_answer {
    enum robots_verdict verdict;
    struct slice robots; /* {NULL, 0}: there is none */
};

/* Answers come from the loop, once, unless the database is destroyed before; nothing of them
 * outlives the call. failure is NULL when it worked. */
typedef void robots_answer_fn(void *context, const struct robots_answer *answer,
                              const struct failure *failure);
typedef void saved_fn(void *context, const struct failure *failure);
/* is_full: the crawl has as many pages as it may have. */
typedef void added_fn(void *context, bool is_full, const struct failure *failure);

struct crawl_database *crawl_database_create(uv_loop_t *loop, const char *url);
/* Questions that are not answered are dropped. NULL: nothing. */
void crawl_database_destroy(struct crawl_database *database);
/* Gives the connection up as soon as nothing waits for an answer. */
void crawl_database_rest(struct crawl_database *database);

/* Nothing waits for an answer. */
bool crawl_database_is_quiet(const struct crawl_database *database);

void crawl_database_ask_robots(struct crawl_database *database, int64_t job_id, struct slice origin,
                               int node_id, robots_answer_fn *on_answer, void *context);
/* robots: {NULL, 0}: there is none. crawl_delay_ms: negative: it names none. sitemaps: JSON. */
void crawl_database_save_robots(struct crawl_database *database, int64_t job_id,
                                struct slice origin, int node_id, int status, struct slice robots,
                                double crawl_delay_ms, const char *sitemaps, saved_fn *on_saved,
                                void *context);
void crawl_database_forget_robots(struct crawl_database *database, int64_t job_id,
                                  struct slice origin, int node_id);
/* found: JSON. */
void crawl_database_add_sitemap_pages(struct crawl_database *database, int64_t job_id,
                                      const char *found, added_fn *on_added, void *context);
/* keys, priorities: PostgreSQL's array literals. tier: high, medium, low. */
void crawl_database_raise_priorities(struct crawl_database *database, int64_t job_id,
                                     const char *keys, const char *priorities, const char *tier,
                                     int64_t avoided);

#endif
