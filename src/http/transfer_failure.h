/* Why a transfer failed: libcurl's codes in our classes and our words. */
#ifndef PAWL_HTTP_TRANSFER_FAILURE_H
#define PAWL_HTTP_TRANSFER_FAILURE_H

#include "http/transfer.h"

/* Fills failure, is_permanent and message of a result whose times are known already. */
void transfer_failure_describe(struct http_transfer *transfer, CURLcode code,
                               struct http_result *result);
/* The host that the request names, without the brackets of an IPv6 address. Allocated, freed with
 * free(); NULL when the URL has none. */
char *transfer_host(const struct http_transfer *transfer);

#endif
