#include "routes.h"

/* The first segment of what is left of a path, and who reads on. README.md lists them for people.
 */
static const struct route {
    const char *name;
    route_fn *answer;
} routes[] = {
    {"page", NULL}, /* the most asked for, so that it is found first: what no route takes */
    {"latency", answer_latency},
    {"status", answer_status},
    {"rl", answer_rate},
    {"rate-limited", answer_rate_limited},
    {"cdn", answer_cdn},
    {"gzip", answer_gzip},
    {"robots.txt", answer_robots},
    {"robots-moved.txt", answer_robots_moved},
    {"robots-5mb", answer_robots_huge},
    {"sitemap.xml", answer_sitemap},
    {"sitemaps", answer_sitemaps},
    {"self-sitemap.xml", answer_self_sitemap},
    {"huge-sitemap.xml", answer_huge_sitemap},
    {"private", answer_private},
    {"slow-body", answer_slow_body},
    {"endless-body", answer_endless_body},
    {"slow-head", answer_slow_head},
    {"half-head", answer_half_head},
    {"never-answers", answer_never},
    {"blocked", answer_blocked},
    {"challenge", answer_challenge},
    {"redirect", answer_redirect},
    {"redirect-loop", answer_redirect_loop},
    {"redirect-out", answer_redirect_out},
    {"redirect-to", answer_redirect_to},
    {"calendar", answer_calendar},
    {"query", answer_query},
    {"deep", answer_deep},
    {"session", answer_session},
    {"gzip-bomb", answer_gzip_bomb},
    {"million-links", answer_million_links},
    {"many-hosts", answer_many_hosts},
    {"big-page", answer_big_page},
    {"header-flood", answer_header_flood},
    {"invalid-utf8", answer_invalid_utf8},
    {"wrong-charset", answer_wrong_charset},
    {"wrong-type", answer_wrong_type},
    {"broken-chunks", answer_broken_chunks},
    {"short-body", answer_short_body},
    {"reset", answer_reset},
    {"echo", answer_echo},
    {"farm", answer_farm},
};

static const struct route *take_route(struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct slice before = exchange->rest;
        if (!exchange_take_word(exchange, routes[i].name))
            continue;
        if (routes[i].answer)
            return &routes[i];
        exchange->rest = before;
        return NULL;
    }
    return NULL;
}

/* Modifiers, one after the other, until one of them is an answer or none is left. */
static bool walk(struct exchange *exchange)
{
    const struct route *route;
    const char *start = exchange->rest.start;
    while ((route = take_route(exchange))) {
        if (route->answer(exchange))
            return true;
        exchange->base = slice_of(start, (size_t)(exchange->rest.start - start));
    }
    return false;
}

/* Modifiers that stand in front of the path without being seen in it. */
static bool stands_behind(struct exchange *exchange, struct slice modifiers)
{
    exchange->rest = modifiers;
    bool is_answered = modifiers.length && walk(exchange);
    exchange->base = slice_of(exchange->request.path.start, 0);
    return is_answered;
}

static bool is_in_storm(struct exchange *exchange)
{
    const struct host *host = exchange->host;
    if (!host->storm_status)
        return false;
    if (host->storm_after_s >= 0)
        answer_field(&exchange->answer, "Retry-After: %d", host->storm_after_s);
    answer_text(&exchange->answer, host->storm_status, "text/plain", "storm\n");
    return true;
}

static bool answer_as_told(struct exchange *exchange)
{
    exchange->answer.delay_ms = exchange->farm->options.latency_ms;
    if (is_in_storm(exchange) ||
        stands_behind(exchange, slice_of_string(exchange->farm->options.behind)) ||
        stands_behind(exchange, text_slice(&exchange->host->behind)))
        return true;
    if (!exchange->farm->options.rate)
        return false;
    struct text limit = {0};
    text_append_format(&limit, "/rl/%s", exchange->farm->options.rate);
    bool is_answered = stands_behind(exchange, text_slice(&limit));
    text_finish(&limit);
    return is_answered;
}

void route_exchange(struct exchange *exchange)
{
    exchange->base = slice_of(exchange->request.path.start, 0);
    bool is_answered = exchange->is_counted && answer_as_told(exchange);
    exchange->rest = exchange->request.path;
    if (!is_answered && !walk(exchange))
        answer_page(exchange);
}
