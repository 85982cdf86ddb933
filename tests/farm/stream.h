/*
 * Bodies that are made while they are sent, piece by piece, so that a gigabyte costs the memory of
 * one piece. A stream belongs to the answer that it is given to.
 */
#ifndef PAWL_FARM_STREAM_H
#define PAWL_FARM_STREAM_H

#include <stdint.h>

#include "base/text.h"

enum { STREAM_PIECE_BYTES = 1 << 15, STREAM_ENDLESS = -1 };

/* Embedded at the start of what each kind of stream remembers. */
struct stream {
    /* Appends the next piece and says whether more will come. */
    bool (*next)(struct stream *stream, struct text *piece);
    void (*destroy)(struct stream *stream);
    int pause_ms; /* between two pieces */
};

/* Appends one item of a series. base is the text that the series was made with. */
typedef void stream_item_fn(struct text *piece, struct slice base, int64_t number);

/* All slices are copied. The unit so many times (or STREAM_ENDLESS), as many in a piece as fit but
 * at most at_once, between begin and end. */
struct stream *stream_repeat(struct slice begin, struct slice unit, int64_t times, int at_once,
                             struct slice end);
/* The items from first on, count of them, between begin and end. */
struct stream *stream_series(const char *begin, stream_item_fn *item, struct slice base,
                             int64_t first, int64_t count, const char *end);
void stream_destroy(struct stream *stream);

#endif
