/*
 * The host of a URL in its one spelling, by the host parser of the WHATWG URL standard: lower case,
 * escapes decoded, international names in their ASCII form (bücher.de as xn--bcher-kva.de),
 * `0x7f.1` as 127.0.0.1, IPv6 compressed.
 */
#ifndef PAWL_EXECUTORS_CRAWL_URL_HOST_H
#define PAWL_EXECUTORS_CRAWL_URL_HOST_H

#include "base/text.h"

/* A name of the DNS has at most 253 characters; with a final dot and the NUL. */
#define URL_HOST_BYTES 256

/* Returns NULL and fills host, NUL-terminated, or returns why this is no host: a clause that can
 * follow "is not a URL: ". */
const char *url_host_parse(struct slice raw, char host[URL_HOST_BYTES]);

#endif
