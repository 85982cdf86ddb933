/* Answers that are not what they say, or not HTTP. */
#include "pages.h"
#include "routes.h"

enum { CLAIMED_BYTES = 10000 };

/* /invalid-utf8/: in the text and in a link. */
bool answer_invalid_utf8(struct exchange *exchange)
{
    page_begin(exchange, "Invalid \xff\xfe UTF-8 \xc3");
    page_link(exchange, "/page/1?name=\xe9t\xe9\xed\xa0\x80");
    page_link(exchange, "/page/1");
    page_end(exchange);
    return true;
}

/* /wrong-charset/: Latin-1 that says UTF-8; /wrong-charset/unknown: one that nobody has heard of.
 */
bool answer_wrong_charset(struct exchange *exchange)
{
    bool is_unknown = exchange_take_word(exchange, "unknown");
    page_begin(exchange, "Caf\xe9");
    page_link(exchange, "/page/1");
    page_end(exchange);
    exchange->answer.type = is_unknown ? "text/html; charset=x-farm-9" : "text/html; charset=utf-8";
    return true;
}

/* /wrong-type/binary: bytes that say they are HTML; /wrong-type/text: HTML that says it is not;
 * /wrong-type/none: HTML that says nothing. */
bool answer_wrong_type(struct exchange *exchange)
{
    struct text *body = &exchange->answer.body;
    if (exchange_take_word(exchange, "binary")) {
        exchange->answer.type = "text/html; charset=utf-8";
        text_append(body, "\x89PNG\r\n\x1a\n", 8);
        for (int i = 0; i < CLAIMED_BYTES; i++)
            text_append_char(body, (char)(i * 37));
        return true;
    }
    bool is_none = exchange_take_word(exchange, "none");
    page_begin(exchange, "Wrong");
    page_link(exchange, "/page/1");
    page_end(exchange);
    exchange->answer.type = is_none ? NULL : "text/plain";
    return true;
}

/* /broken-chunks/: a chunk whose size is no number. */
bool answer_broken_chunks(struct exchange *exchange)
{
    answer_raw(&exchange->answer, 200,
               slice_of_string("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"
                               "5\r\n<!doc\r\nbarley\r\ntype html>\r\n0\r\n\r\n"),
               END_CLOSED);
    return true;
}

/* /short-body/: says more than it has, and closes. */
bool answer_short_body(struct exchange *exchange)
{
    page_begin(exchange, "Short");
    page_end(exchange);
    exchange->answer.length = CLAIMED_BYTES;
    exchange->answer.end = END_CLOSED;
    return true;
}

/* /reset/: the same, with a reset of the connection. */
bool answer_reset(struct exchange *exchange)
{
    answer_short_body(exchange);
    exchange->answer.end = END_RESET;
    return true;
}

/* /echo/: the request's head and body as text. */
bool answer_echo(struct exchange *exchange)
{
    struct text *body = &exchange->answer.body;
    exchange->answer.type = "text/plain";
    text_append_slice(body, exchange->request.head);
    text_append_slice(body, exchange->request.body);
    return true;
}
