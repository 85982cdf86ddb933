#include "stream.h"

#include <stdlib.h>

#include "base/memory.h"

struct repeat {
    struct stream stream;
    struct text begin, unit, end;
    int64_t left; /* or STREAM_ENDLESS */
    int at_once;
};

struct series {
    struct stream stream;
    struct text begin, base, end;
    stream_item_fn *item;
    int64_t at, end_at;
};

static bool repeat_next(struct stream *stream, struct text *piece)
{
    struct repeat *repeat = (struct repeat *)stream;
    text_append_slice(piece, text_slice(&repeat->begin));
    text_clear(&repeat->begin);
    for (int i = 0; repeat->left && i < repeat->at_once && piece->length < STREAM_PIECE_BYTES;
         i++) {
        text_append_slice(piece, text_slice(&repeat->unit));
        repeat->left -= repeat->left > 0;
    }
    if (!repeat->left)
        text_append_slice(piece, text_slice(&repeat->end));
    return repeat->left != 0;
}

static void repeat_destroy(struct stream *stream)
{
    struct repeat *repeat = (struct repeat *)stream;
    text_finish(&repeat->begin);
    text_finish(&repeat->unit);
    text_finish(&repeat->end);
    free(repeat);
}

struct stream *stream_repeat(struct slice begin, struct slice unit, int64_t times, int at_once,
                             struct slice end)
{
    struct repeat *repeat = memory_zeroed(1, sizeof *repeat);
    repeat->stream = (struct stream){.next = repeat_next, .destroy = repeat_destroy};
    text_append_slice(&repeat->begin, begin);
    text_append_slice(&repeat->unit, unit);
    text_append_slice(&repeat->end, end);
    repeat->left = times;
    repeat->at_once = at_once;
    return &repeat->stream;
}

static bool series_next(struct stream *stream, struct text *piece)
{
    struct series *series = (struct series *)stream;
    text_append_slice(piece, text_slice(&series->begin));
    text_clear(&series->begin);
    while (series->at < series->end_at && piece->length < STREAM_PIECE_BYTES)
        series->item(piece, text_slice(&series->base), series->at++);
    if (series->at == series->end_at)
        text_append_slice(piece, text_slice(&series->end));
    return series->at < series->end_at;
}

static void series_destroy(struct stream *stream)
{
    struct series *series = (struct series *)stream;
    text_finish(&series->begin);
    text_finish(&series->base);
    text_finish(&series->end);
    free(series);
}

struct stream *stream_series(const char *begin, stream_item_fn *item, struct slice base,
                             int64_t first, int64_t count, const char *end)
{
    struct series *series = memory_zeroed(1, sizeof *series);
    series->stream = (struct stream){.next = series_next, .destroy = series_destroy};
    text_append_string(&series->begin, begin);
    text_append_slice(&series->base, base);
    text_append_string(&series->end, end);
    series->item = item;
    series->at = first;
    series->end_at = first + count;
    return &series->stream;
}

void stream_destroy(struct stream *stream)
{
    if (stream)
        stream->destroy(stream);
}
