/*
 * The ASCII form of an international host name, as browsers make and check it: UTS 46, not
 * transitional, with the checks of direction and joiners and without those of hyphens and lengths
 * (the URL standard's "domain to ASCII", not strict). A part of url_host.c.
 */
#ifndef PAWL_EXECUTORS_CRAWL_URL_IDNA_H
#define PAWL_EXECUTORS_CRAWL_URL_IDNA_H

#include <stdbool.h>

#include "base/text.h"

/* Whether the name has to go through url_idna_to_ascii(): it is not ASCII, or a label of it says
 * that it is the ASCII form of something. */
bool url_idna_is_needed(struct slice name);
/* name: UTF-8. Writes the name with its NUL, at most `size` bytes. False when it is no valid name
 * or does not fit. */
bool url_idna_to_ascii(struct slice name, char *ascii, size_t size);

#endif
