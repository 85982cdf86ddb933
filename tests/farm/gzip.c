/*
 * The bomb: a full flush ends a block at a byte's border and forgets what came before, so the bytes
 * of one compressed MiB can be sent as often as one likes. Only the checksum at the end depends on
 * how often, and zlib can put checksums together without the data.
 */
#include "gzip.h"

#include <stdlib.h>
#define ZLIB_CONST /* its input is not written to */
#include <zlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { FAST = 1, BEST = 9, WINDOW_RAW = -15, WINDOW_GZIP = 31, MEMORY_LEVEL = 8, MIB = 1 << 20 };

struct packer {
    struct stream stream, *inner;
    struct text plain;
    z_stream zlib;
};

static void start(z_stream *zlib, int level, int window)
{
    *zlib = (z_stream){0};
    CHECK(deflateInit2(zlib, level, Z_DEFLATED, window, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK);
}

/* Appends what the plain bytes become. */
static void pack(z_stream *zlib, struct slice plain, int flush, struct text *packed)
{
    zlib->next_in = (const Bytef *)plain.start;
    zlib->avail_in = (uInt)plain.length;
    do {
        text_reserve(packed, STREAM_PIECE_BYTES);
        zlib->next_out = (Bytef *)packed->start + packed->length;
        zlib->avail_out = STREAM_PIECE_BYTES;
        CHECK(deflate(zlib, flush) != Z_STREAM_ERROR);
        packed->length += STREAM_PIECE_BYTES - zlib->avail_out;
    } while (zlib->avail_out == 0);
}

void gzip_text(struct text *text)
{
    z_stream zlib;
    struct text packed = {0};
    start(&zlib, FAST, WINDOW_GZIP);
    pack(&zlib, text_slice(text), Z_FINISH, &packed);
    deflateEnd(&zlib);
    text_finish(text);
    *text = packed;
}

static bool packer_next(struct stream *stream, struct text *piece)
{
    struct packer *packer = (struct packer *)stream;
    text_clear(&packer->plain);
    bool is_more = packer->inner->next(packer->inner, &packer->plain);
    pack(&packer->zlib, text_slice(&packer->plain), is_more ? Z_NO_FLUSH : Z_FINISH, piece);
    return is_more;
}

static void packer_destroy(struct stream *stream)
{
    struct packer *packer = (struct packer *)stream;
    deflateEnd(&packer->zlib);
    text_finish(&packer->plain);
    stream_destroy(packer->inner);
    free(packer);
}

struct stream *gzip_stream(struct stream *inner)
{
    struct packer *packer = memory_zeroed(1, sizeof *packer);
    packer->stream = (struct stream){
        .next = packer_next, .destroy = packer_destroy, .pause_ms = inner->pause_ms};
    packer->inner = inner;
    start(&packer->zlib, FAST, WINDOW_GZIP);
    return &packer->stream;
}

static void append_little_endian(struct text *text, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        text_append_char(text, (char)(number >> (8 * i)));
}

static uint32_t checksum_of(int64_t mebibytes, struct slice zeros)
{
    uint32_t one = (uint32_t)crc32(0, (const Bytef *)zeros.start, (uInt)zeros.length);
    uint32_t all = one;
    z_off_t step = (z_off_t)zeros.length;
    for (int64_t i = 1; i < mebibytes; i++)
        all = (uint32_t)crc32_combine(all, one, step);
    return all;
}

struct stream *gzip_bomb(int64_t mebibytes)
{
    static const char header[] = "\x1f\x8b\x08\0\0\0\0\0\x02\xff"; /* no name, no time */
    z_stream zlib;
    struct text unit = {0}, end = {0};
    char *zeros = memory_zeroed(1, MIB);
    start(&zlib, BEST, WINDOW_RAW);
    pack(&zlib, slice_of(zeros, MIB), Z_FULL_FLUSH, &unit);
    deflateEnd(&zlib);
    text_append(&end, "\x03\0", 2); /* a last block with nothing in it */
    append_little_endian(&end, checksum_of(mebibytes, slice_of(zeros, MIB)));
    append_little_endian(&end, (uint32_t)(mebibytes * MIB));
    struct stream *stream = stream_repeat(slice_of(header, sizeof header - 1), text_slice(&unit),
                                          mebibytes, (int)mebibytes, text_slice(&end));
    text_finish(&unit);
    text_finish(&end);
    free(zeros);
    return stream;
}
