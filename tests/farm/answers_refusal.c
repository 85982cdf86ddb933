/* Answers that say no: any status, limits of the rate, and the walls that sites hire against bots.
 */
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "pages.h"
#include "routes.h"

/* /status/NNN: what follows, with this status. */
bool answer_status(struct exchange *exchange)
{
    exchange->answer.status = (int)exchange_take_number(exchange, 200) % HOST_STATUSES;
    return false;
}

/* /blocked/NNN */
bool answer_blocked(struct exchange *exchange)
{
    answer_text(&exchange->answer, (int)exchange_take_number(exchange, 403) % HOST_STATUSES,
                "text/html", "<!doctype html><title>Access denied</title><h1>Access denied</h1>\n");
    return true;
}

static void say_when(struct exchange *exchange)
{
    if (exchange_take_word(exchange, "after")) {
        answer_field(&exchange->answer, "Retry-After: %lld",
                     (long long)exchange_take_number(exchange, 1));
    } else if (exchange_take_word(exchange, "after-date")) {
        char date[64];
        struct tm parts;
        time_t when = time(NULL) + (time_t)exchange_take_number(exchange, 1);
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&when, &parts));
        answer_field(&exchange->answer, "Retry-After: %s", date);
    }
}

/* Whether the host has given as many answers as it does within a second; else this one counts.
 * A rate below 1 or with a fraction is held over as many seconds as it takes. */
static bool is_too_fast(struct exchange *exchange, struct slice rate)
{
    char *digits = memory_copy(rate.start, rate.length);
    double a_second = strtod(digits, NULL);
    free(digits);
    if (!(a_second > 0.001))
        return true;
    int64_t limit = (int64_t)a_second + (a_second > (double)(int64_t)a_second);
    int64_t span_us = (int64_t)((double)limit / a_second * 1e6);
    struct window *window = host_limiter(exchange->host, rate);
    if ((int64_t)window_count(window, exchange->arrived_us, span_us) >= limit)
        return true;
    window_add(window, exchange->arrived_us);
    return false;
}

static bool limit_rate(struct exchange *exchange, struct slice rate)
{
    size_t fields = exchange->answer.fields.length;
    say_when(exchange);
    if (is_too_fast(exchange, rate)) {
        answer_text(&exchange->answer, 429, "text/plain", "slow down\n");
        return true;
    }
    exchange->answer.fields.length = fields; /* Retry-After is for those who are refused */
    return false;
}

/* /rl/R, /rl/R/after/S, /rl/R/after-date/S: what follows R times a second, else 429. */
bool answer_rate(struct exchange *exchange)
{
    return limit_rate(exchange, exchange_take(exchange));
}

/* /rate-limited, with the same ends: twice a second. */
bool answer_rate_limited(struct exchange *exchange)
{
    return limit_rate(exchange, slice_of_string("2"));
}

/* What each wall's refusal is known by. */
static const struct wall {
    const char *name;
    int status;
    const char *fields, *body;
} walls[] = {
    {"cloudflare", 403,
     "Server: cloudflare\r\nCF-Mitigated: challenge\r\nCF-RAY: 8f00ba4farm0-FRA\r\n",
     "<title>Just a moment...</title><script src=\"/cdn-cgi/challenge-platform/h/b/orchestrate\">"
     "</script>"},
    {"cloudflare-block", 403, "Server: cloudflare\r\nCF-RAY: 8f00ba4farm1-FRA\r\n",
     "<title>Attention Required! | Cloudflare</title><h1>Sorry, you have been blocked</h1>"},
    {"akamai", 403, "Server: AkamaiGHost\r\n",
     "<title>Access Denied</title>You don't have permission to access this page. "
     "Reference #18.2d351ab8.1557333295.a4e16ab"},
    {"aws-waf", 202, "Server: awselb/2.0\r\nX-Amzn-Waf-Action: challenge\r\n", ""},
    {"cloudfront", 403, "Server: CloudFront\r\nX-Cache: Error from cloudfront\r\n",
     "<title>ERROR: The request could not be satisfied</title>Request blocked."},
    {"datadome", 403, "X-DataDome: protected\r\nSet-Cookie: datadome=farm; Path=/; Secure\r\n",
     "<script src=\"https://ct.captcha-delivery.com/c.js\"></script>"},
    {"imperva", 403, "X-CDN: Imperva\r\nX-Iinfo: 1-2-3 NNNN CT(0 0 0) RT(0 0)\r\n",
     "Request unsuccessful. Incapsula incident ID: 1-2"},
    {"perimeterx", 403, "", "<script>window._pxAppId = 'PXfarm';</script>Press &amp; Hold"},
    {"sucuri", 403, "Server: Sucuri/Cloudproxy\r\nX-Sucuri-ID: 11005\r\n",
     "<title>Sucuri WebSite Firewall - Access Denied</title>"},
    {"vercel", 429, "Server: Vercel\r\nX-Vercel-Mitigated: challenge\r\n",
     "<title>Vercel Security Checkpoint</title>"},
};

/* /challenge/NAME */
bool answer_challenge(struct exchange *exchange)
{
    struct slice name = exchange_take(exchange);
    for (size_t i = 0; i < sizeof walls / sizeof *walls; i++) {
        if (!slice_equals(name, slice_of_string(walls[i].name)))
            continue;
        text_append_string(&exchange->answer.fields, walls[i].fields);
        answer_text(&exchange->answer, walls[i].status, "text/html; charset=utf-8", walls[i].body);
        return true;
    }
    answer_text(&exchange->answer, 404, "text/plain", "no such challenge\n");
    return true;
}
