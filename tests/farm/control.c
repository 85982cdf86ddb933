/*
 * /farm/: what tests ask the farm itself and tell it. Neither counted nor logged, never late, and
 * answered whatever a host was told to be like. A host is named by ?host=, without its port; the
 * one that is asked when there is none.
 */
#include <stdlib.h>

#include "access_log.h"
#include "base/json_text.h"
#include "pages.h"
#include "robots.h"
#include "routes.h"

static void say_ok(struct exchange *exchange)
{
    answer_text(&exchange->answer, 200, "text/plain", "ok\n");
}

static struct host *named_host(struct exchange *exchange)
{
    struct text name = {0};
    struct host *host = exchange->host;
    if (request_query_value(&exchange->request, "host", &name))
        host = hosts_get(exchange->farm->hosts, text_slice(&name));
    text_finish(&name);
    return host;
}

static int query_number(struct exchange *exchange, const char *name, int otherwise)
{
    struct text value = {0};
    bool is_there = request_query_value(&exchange->request, name, &value);
    int number = is_there ? atoi(text_string(&value)) : otherwise;
    text_finish(&value);
    return number;
}

/* ?under=/cdn/fastly/1 for the tree as seen below a modifier, ?orphans=1 with what only the sitemap
 * names. */
static void list_expected(struct exchange *exchange)
{
    struct text under = {0};
    request_query_value(&exchange->request, "under", &under);
    exchange->base = slice_of("", 0);
    answer_stream(
        &exchange->answer, "text/plain",
        pages_expected(exchange, text_slice(&under), query_number(exchange, "orphans", 0) != 0));
    text_finish(&under);
}

static void append_statuses(struct text *body, const struct host *host)
{
    const char *comma = "";
    text_append_string(body, "\"by_status\": {");
    for (int i = 0; i < HOST_STATUSES; i++) {
        if (!host->statuses[i])
            continue;
        text_append_format(body, "%s\"%d\": %u", comma, i, host->statuses[i]);
        comma = ", ";
    }
    text_append_string(body, "}}");
}

static void append_host(struct text *body, const struct host *host)
{
    json_append_string(body, slice_of_string(host->name));
    text_append_format(body,
                       ": {\"requests\": %llu, \"bytes\": %llu, \"at_once\": %llu, "
                       "\"max_at_once\": %llu, \"max_in_1s\": %llu, ",
                       (unsigned long long)host->requests, (unsigned long long)host->bytes,
                       (unsigned long long)host->at_once, (unsigned long long)host->at_once_max,
                       (unsigned long long)host->in_second_max);
    if (host->gap_min_us >= 0)
        text_append_format(body, "\"min_gap_us\": %lld, ", (long long)host->gap_min_us);
    else
        text_append_string(body, "\"min_gap_us\": null, ");
    append_statuses(body, host);
}

/* Hosts that were not asked for anything are left out. */
static void show_stats(struct exchange *exchange)
{
    const struct farm *farm = exchange->farm;
    struct text *body = &exchange->answer.body;
    struct list *hosts = hosts_list(farm->hosts);
    const char *comma = "";
    exchange->answer.type = "application/json";
    text_append_format(body, "{\"connections\": %llu, \"accepted\": %llu, \"hosts\": {",
                       (unsigned long long)farm->open_connections,
                       (unsigned long long)farm->accepted_connections);
    for (struct list *link = hosts->next; link != hosts; link = link->next) {
        const struct host *host = list_object(link, struct host, link);
        if (!host->requests && !host->at_once)
            continue;
        text_append_string(body, comma);
        append_host(body, host);
        comma = ",\n";
    }
    text_append_string(body, "}}\n");
}

static void reset(struct exchange *exchange)
{
    hosts_reset(exchange->farm->hosts);
    exchange->farm->accepted_connections = 0;
    say_ok(exchange);
}

/* So that whoever has read an answer finds it in the log. */
static void flush_log(struct exchange *exchange)
{
    access_log_flush(exchange->farm->log);
    say_ok(exchange);
}

/* ?on=1 (0: over), &status=503 (429), &after=SECONDS for Retry-After */
static void set_storm(struct exchange *exchange)
{
    struct host *host = named_host(exchange);
    bool is_on = query_number(exchange, "on", 1) != 0;
    host->storm_status = is_on ? query_number(exchange, "status", 429) : 0;
    host->storm_after_s = query_number(exchange, "after", -1);
    say_ok(exchange);
}

/* ?modifiers=/rl/2; without them nothing stands before the host any more. */
static void set_behind(struct exchange *exchange)
{
    struct host *host = named_host(exchange);
    text_clear(&host->behind);
    request_query_value(&exchange->request, "modifiers", &host->behind);
    say_ok(exchange);
}

/* ?mode=closed, or the body is the text */
static void set_robots(struct exchange *exchange)
{
    struct host *host = named_host(exchange);
    struct text mode = {0};
    bool has_mode = request_query_value(&exchange->request, "mode", &mode);
    const char *name = robots_mode(has_mode ? text_string(&mode) : "text");
    text_finish(&mode);
    if (!name) {
        answer_text(&exchange->answer, 400, "text/plain", "no such mode\n");
        return;
    }
    host->robots = name;
    text_clear(&host->robots_text);
    text_append_slice(&host->robots_text, exchange->request.body);
    say_ok(exchange);
}

static const struct order {
    const char *name, *method;
    void (*carry_out)(struct exchange *exchange);
} orders[] = {
    {"expected", "GET", list_expected}, {"stats", "GET", show_stats},
    {"reset", "POST", reset},           {"flush", "POST", flush_log},
    {"storm", "POST", set_storm},       {"behind", "POST", set_behind},
    {"robots", "POST", set_robots},
};

bool answer_farm(struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (!exchange_take_word(exchange, orders[i].name))
            continue;
        if (slice_equals(exchange->request.method, slice_of_string(orders[i].method)))
            orders[i].carry_out(exchange);
        else
            answer_text(&exchange->answer, 405, "text/plain", "not with this method\n");
        return true;
    }
    answer_text(&exchange->answer, 404, "text/plain", "the farm knows no such order\n");
    return true;
}
