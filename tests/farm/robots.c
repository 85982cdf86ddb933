#include "robots.h"

#include "routes.h"

enum { HUGE_LINES = 100000, RULE_WIDTH = 7 };

static const struct mode {
    const char *name;
    int status;
    const char *text; /* NULL: there is a function for it */
    route_fn *answer;
} modes[] = {
    {"none", 404, "no robots.txt\n"},
    {"open", 200, "User-agent: *\nDisallow:\n"},
    {"closed", 200, "User-agent: *\nDisallow: /\n"},
    {"partial", 200, "User-agent: *\nDisallow: /private/\nAllow: /private/open/\n"},
    {"delay", 200, "User-agent: *\nCrawl-delay: 1\nDisallow:\n"},
    {"broken", 503, "out of order\n"},
    {"huge", 200, NULL, answer_robots_huge},
    {"silent", 0, NULL, answer_never},
    {"redirect", 302, "moved\n"},
    {"text", 200, NULL, NULL},
};

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

const char *robots_mode(const char *name)
{
    const struct mode *mode = find_mode(name);
    return mode ? mode->name : NULL;
}

static const char *mode_name(const struct exchange *exchange)
{
    return exchange->host->robots ? exchange->host->robots : exchange->farm->options.robots;
}

bool robots_is_partial(const struct exchange *exchange)
{
    return strcmp(mode_name(exchange), "partial") == 0;
}

static void name_sitemap(struct exchange *exchange)
{
    if (exchange->answer.status != 200 || !exchange->farm->options.has_sitemap)
        return;
    text_append_string(&exchange->answer.body, "Sitemap: ");
    exchange_site(exchange, &exchange->answer.body);
    text_append_string(&exchange->answer.body, "/sitemap.xml\n");
}

bool answer_robots(struct exchange *exchange)
{
    const struct mode *mode = find_mode(mode_name(exchange));
    struct answer *answer = &exchange->answer;
    if (mode->answer)
        return mode->answer(exchange);
    if (mode->status == 302)
        answer_field(answer, "Location: /robots-moved.txt");
    if (!mode->text) {
        answer_bytes(answer, mode->status, "text/plain", text_slice(&exchange->host->robots_text));
        return true;
    }
    answer_text(answer, mode->status, "text/plain", mode->text);
    name_sitemap(exchange);
    return true;
}

bool answer_robots_moved(struct exchange *exchange)
{
    answer_text(&exchange->answer, 200, "text/plain", find_mode("partial")->text);
    return true;
}

static void append_rule(struct text *piece, struct slice base, int64_t number)
{
    text_append_format(piece, "Disallow: /forbidden/however/long/this/line/is/%0*lld\n", RULE_WIDTH,
                       (long long)number);
}

/* 5 MB. The last rule forbids everything, far behind what RFC 9309 (section 2.5) says to read. */
bool answer_robots_huge(struct exchange *exchange)
{
    answer_stream(&exchange->answer, "text/plain",
                  stream_series("User-agent: *\n", append_rule, slice_of("", 0), 0, HUGE_LINES,
                                "Disallow: /\n"));
    return true;
}
