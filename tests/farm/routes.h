/* Which part of a path means what, and the functions that answer, a file of them each kind. */
#ifndef PAWL_FARM_ROUTES_H
#define PAWL_FARM_ROUTES_H

#include "exchange.h"

/* Reads on in exchange->rest. True: this is the answer. False: it was a modifier, and what is left
 * of the path decides. */
typedef bool route_fn(struct exchange *exchange);

/* Decides the whole answer, from host and path. */
void route_exchange(struct exchange *exchange);

/* pages.c: the tree. */
void answer_page(struct exchange *exchange);
route_fn answer_private;
/* robots.c, sitemaps.c */
route_fn answer_robots, answer_robots_moved, answer_robots_huge;
route_fn answer_sitemap, answer_sitemaps, answer_self_sitemap, answer_huge_sitemap;
/* answers_time.c */
route_fn answer_latency, answer_slow_body, answer_endless_body, answer_slow_head, answer_half_head,
    answer_never;
/* answers_refusal.c */
route_fn answer_status, answer_blocked, answer_rate, answer_rate_limited, answer_challenge;
/* answers_cdn.c */
route_fn answer_cdn;
/* answers_redirect.c */
route_fn answer_redirect, answer_redirect_loop, answer_redirect_out, answer_redirect_to;
/* answers_trap.c */
route_fn answer_calendar, answer_query, answer_deep, answer_session;
/* answers_huge.c */
route_fn answer_gzip, answer_gzip_bomb, answer_million_links, answer_many_hosts, answer_big_page,
    answer_header_flood;
/* answers_broken.c */
route_fn answer_invalid_utf8, answer_wrong_charset, answer_wrong_type, answer_broken_chunks,
    answer_short_body, answer_reset, answer_echo;
/* control.c: /farm/ */
route_fn answer_farm;

#endif
