/* gzip (RFC 1952): of a whole body, of a stream, and of very much of nothing. */
#ifndef PAWL_FARM_GZIP_H
#define PAWL_FARM_GZIP_H

#include "stream.h"

/* Replaces the text by its compressed form. */
void gzip_text(struct text *text);
/* What the inner stream makes, compressed; owns it. */
struct stream *gzip_stream(struct stream *inner);
/* One valid member that unpacks to so many MiB of zeros; about a thousandth of it on the wire. */
struct stream *gzip_bomb(int64_t mebibytes);

#endif
