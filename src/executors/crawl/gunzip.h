/*
 * gzip files (RFC 1952) unpacked while they arrive in pieces of any size. Several members, one
 * behind the other, are one file; what stands behind the last and is no member (zeros, rubbish) is
 * passed over, as gzip does.
 */
#ifndef PAWL_EXECUTORS_CRAWL_GUNZIP_H
#define PAWL_EXECUTORS_CRAWL_GUNZIP_H

#include "base/text.h"

/* No other file that we read begins with it: it is a control character. */
#define GUNZIP_FIRST_BYTE 0x1F

struct gunzip;

struct gunzip *gunzip_create(void);
void gunzip_destroy(struct gunzip *gunzip);
/* Unpacks from the front of *packed, which is cut by what was used, into room_bytes > 0 bytes of
 * room. Returns how many were written: fewer than room_bytes when *packed was used up, or at a
 * broken place, behind which nothing is written any more. */
size_t gunzip_read(struct gunzip *gunzip, struct slice *packed, char *room, size_t room_bytes);
/* What is broken, a constant string; NULL while nothing is. */
const char *gunzip_error(const struct gunzip *gunzip);
/* Whether the file may end here: at least one member is there as a whole, and none is begun. */
bool gunzip_is_complete(const struct gunzip *gunzip);

#endif
