/* Answers that take their time, some of them all of it. */
#include "pages.h"
#include "routes.h"

enum { SLOW_BYTES = 100, SLOW_PAUSE_MS = 100 };

/* /latency/MS: what follows, so much later. */
bool answer_latency(struct exchange *exchange)
{
    exchange->answer.delay_ms += (int)exchange_take_number(exchange, 0);
    return false;
}

static void drip(struct exchange *exchange, int64_t bytes, int pause_ms)
{
    struct stream *stream =
        stream_repeat(slice_of("", 0), slice_of("x", 1), bytes, 1, slice_of("", 0));
    stream->pause_ms = pause_ms;
    answer_stream(&exchange->answer, "text/html", stream);
}

/* /slow-body/BYTES/MS: a byte each MS. */
bool answer_slow_body(struct exchange *exchange)
{
    int64_t bytes = exchange_take_number(exchange, SLOW_BYTES);
    int64_t pause_ms = exchange_take_number(exchange, SLOW_PAUSE_MS);
    drip(exchange, bytes, (int)pause_ms);
    return true;
}

/* /endless-body/MS */
bool answer_endless_body(struct exchange *exchange)
{
    drip(exchange, STREAM_ENDLESS, (int)exchange_take_number(exchange, SLOW_PAUSE_MS));
    return true;
}

/* /slow-head/MS: a header line each MS, and no end of them. */
bool answer_slow_head(struct exchange *exchange)
{
    struct stream *stream =
        stream_repeat(slice_of_string("HTTP/1.1 200 OK\r\n"), slice_of_string("X-Slow: head\r\n"),
                      STREAM_ENDLESS, 1, slice_of("", 0));
    stream->pause_ms = (int)exchange_take_number(exchange, SLOW_PAUSE_MS);
    answer_raw(&exchange->answer, 200, slice_of("", 0), END_CLOSED);
    exchange->answer.stream = stream;
    return true;
}

/* /half-head/: the head stops in the middle of a line, and the connection stays. */
bool answer_half_head(struct exchange *exchange)
{
    answer_raw(&exchange->answer, 200, slice_of_string("HTTP/1.1 200 OK\r\nContent-Ty"), END_HANGS);
    return true;
}

/* /never-answers/ */
bool answer_never(struct exchange *exchange)
{
    answer_raw(&exchange->answer, 0, slice_of("", 0), END_HANGS);
    return true;
}
