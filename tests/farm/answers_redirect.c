/* Redirects: chains, loops, and to somewhere else. */
#include <stdio.h>

#include "pages.h"
#include "routes.h"

enum { TARGET_BYTES = 900 };

static bool redirect(struct exchange *exchange, int status, const char *path)
{
    struct slice base = exchange->base;
    answer_text(&exchange->answer, status, "text/plain", "elsewhere\n");
    answer_field(&exchange->answer, "Location: %.*s%s", (int)base.length, base.start, path);
    return true;
}

/* /redirect/N: N redirects, then a page. The last of them is permanent. */
bool answer_redirect(struct exchange *exchange)
{
    char path[64];
    int64_t left = exchange_take_number(exchange, 1);
    if (!left) {
        page_begin(exchange, "Arrived");
        page_end(exchange);
        return true;
    }
    snprintf(path, sizeof path, "/redirect/%lld", (long long)left - 1);
    return redirect(exchange, left == 1 ? 301 : 302, path);
}

/* /redirect-loop/1 and /redirect-loop/2, from one to the other; /redirect-loop/self to itself. */
bool answer_redirect_loop(struct exchange *exchange)
{
    if (exchange_take_word(exchange, "self"))
        return redirect(exchange, 302, "/redirect-loop/self");
    bool is_first = exchange_take_number(exchange, 1) == 1;
    return redirect(exchange, 302, is_first ? "/redirect-loop/2" : "/redirect-loop/1");
}

/* /redirect-out/: to page 1 of another host of the farm. */
bool answer_redirect_out(struct exchange *exchange)
{
    bool is_first = strcmp(exchange->host->name, "127.0.0.1") == 0;
    answer_text(&exchange->answer, 302, "text/plain", "elsewhere\n");
    answer_field(&exchange->answer, "Location: %s://127.0.0.%d:%d/page/1",
                 exchange->is_tls ? "https" : "http", is_first ? 2 : 1,
                 exchange->is_tls ? exchange->farm->tls_port : exchange->farm->port);
    return true;
}

/* /redirect-to/URL: to what follows, as it stands, such as /redirect-to/http://10.0.0.1/ */
bool answer_redirect_to(struct exchange *exchange)
{
    struct slice url = exchange->rest;
    int length = url.length > TARGET_BYTES ? TARGET_BYTES : (int)url.length;
    answer_text(&exchange->answer, 302, "text/plain", "elsewhere\n");
    answer_field(&exchange->answer, "Location: %.*s", length ? length - 1 : 0, url.start + 1);
    return true;
}
