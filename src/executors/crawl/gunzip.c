#include "executors/crawl/gunzip.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/check.h"
#include "base/memory.h"

enum { WINDOW_BITS_GZIP = 16 + MAX_WBITS }; /* zlib's way to say "a gzip header, nothing else" */

struct gunzip {
    z_stream stream;
    bool is_between; /* a member has ended, and no other has begun */
    bool is_over;    /* what comes is no member: passed over */
    const char *error;
};

struct gunzip *gunzip_create(void)
{
    struct gunzip *gunzip = memory_zeroed(1, sizeof *gunzip);
    CHECK(inflateInit2(&gunzip->stream, WINDOW_BITS_GZIP) == Z_OK);
    return gunzip;
}

void gunzip_destroy(struct gunzip *gunzip)
{
    if (!gunzip)
        return;
    inflateEnd(&gunzip->stream);
    free(gunzip);
}

/* The next byte says whether another member follows. */
static void begin_member(struct gunzip *gunzip, unsigned char byte)
{
    gunzip->is_between = false;
    gunzip->is_over = byte != GUNZIP_FIRST_BYTE;
    if (!gunzip->is_over)
        CHECK(inflateReset(&gunzip->stream) == Z_OK);
}

/* Z_BUF_ERROR is no error: nothing to read, or no room to write. */
static void note_status(struct gunzip *gunzip, int status)
{
    CHECK(status != Z_MEM_ERROR && status != Z_STREAM_ERROR);
    if (status == Z_STREAM_END)
        gunzip->is_between = true;
    else if (status != Z_OK && status != Z_BUF_ERROR)
        gunzip->error = gunzip->stream.msg ? gunzip->stream.msg : "the compressed data is broken";
}

/* One step of inflate(), which stops at the end of what is packed, of the room or of a member;
 * whether it read anything. */
static bool unpack_some(struct gunzip *gunzip, struct slice *packed)
{
    z_stream *stream = &gunzip->stream;
    uInt given = packed->length < UINT_MAX ? (uInt)packed->length : UINT_MAX;
    stream->next_in = (Bytef *)(uintptr_t)packed->start; /* zlib only reads it */
    stream->avail_in = given;
    note_status(gunzip, inflate(stream, Z_NO_FLUSH));
    uInt used = given - stream->avail_in;
    *packed = slice_of(packed->start + used, packed->length - used);
    return used > 0;
}

size_t gunzip_read(struct gunzip *gunzip, struct slice *packed, char *room, size_t room_bytes)
{
    z_stream *stream = &gunzip->stream;
    CHECK(room_bytes > 0 && room_bytes <= UINT_MAX);
    stream->next_out = (Bytef *)room;
    stream->avail_out = (uInt)room_bytes;
    bool is_moving = true;
    while (is_moving && !gunzip->error && stream->avail_out) {
        if (gunzip->is_between && packed->length)
            begin_member(gunzip, (unsigned char)packed->start[0]);
        is_moving = !gunzip->is_between && !gunzip->is_over && unpack_some(gunzip, packed);
    }
    if (gunzip->is_over || gunzip->error)
        *packed = slice_of(packed->start + packed->length, 0);
    return room_bytes - stream->avail_out;
}

const char *gunzip_error(const struct gunzip *gunzip)
{
    return gunzip->error;
}

bool gunzip_is_complete(const struct gunzip *gunzip)
{
    return gunzip->is_between || gunzip->is_over;
}
