/* Spaces without an end, in which a crawler without limits stays for ever. Small pages. */
#include <stdio.h>

#include "base/clock.h"
#include "pages.h"
#include "routes.h"

enum { MONTHS = 12, PATH_BYTES = 1900 };

static void link_month(struct exchange *exchange, int64_t months)
{
    page_link(exchange, "/calendar/%04lld/%02lld/", (long long)(months / MONTHS),
              (long long)(months % MONTHS + 1));
}

/* /calendar/YYYY/MM/ links to the months beside it. */
bool answer_calendar(struct exchange *exchange)
{
    int64_t year = exchange_take_number(exchange, 2024);
    int64_t month = exchange_take_number(exchange, 1);
    int64_t months = year * MONTHS + month - 1;
    page_begin(exchange, "Calendar");
    link_month(exchange, months + 1);
    if (months > 0)
        link_month(exchange, months - 1);
    page_end(exchange);
    return true;
}

/* /query?x=1 links to x=2, and to itself with one parameter more. */
bool answer_query(struct exchange *exchange)
{
    struct slice query = exchange->request.query;
    int length = query.length > PATH_BYTES / 8 ? PATH_BYTES / 8 : (int)query.length;
    long long x = 0;
    struct text value = {0};
    if (request_query_value(&exchange->request, "x", &value))
        sscanf(text_string(&value), "%lld", &x);
    text_finish(&value);
    page_begin(exchange, "Query");
    page_link(exchange, "/query?x=%lld", x + 1);
    page_link(exchange, "/query?%.*s&amp;y=%lld", length, length ? query.start : "", x + 1);
    page_end(exchange);
    return true;
}

/* /deep/a/a/a links to one more of them, as far as a path can be. */
bool answer_deep(struct exchange *exchange)
{
    page_begin(exchange, "Deep");
    struct text *body = &exchange->answer.body;
    if (exchange->request.path.length < PATH_BYTES) {
        bool has_slash =
            exchange->rest.length && exchange->rest.start[exchange->rest.length - 1] == '/';
        text_append_string(body, "<a href=\"");
        text_append_slice(body, exchange->request.path);
        text_append_string(body, has_slash ? "a\">link</a>\n" : "/a\">link</a>\n");
    }
    page_end(exchange);
    return true;
}

/* /session/: each answer names its pages by a new session. */
bool answer_session(struct exchange *exchange)
{
    unsigned session = (unsigned)(random_fraction() * 4294967295.0);
    page_begin(exchange, "Session");
    page_link(exchange, "/session/a?sid=%08x", session);
    page_link(exchange, "/session/b;jsessionid=%08x", session);
    page_end(exchange);
    return true;
}
