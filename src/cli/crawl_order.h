/*
 * What a person says of a crawl on the command line, for pawl crawl and pawl schedule set: the same
 * options, made into the document that pawl.start_crawl takes.
 */
#ifndef PAWL_CLI_CRAWL_ORDER_H
#define PAWL_CLI_CRAWL_ORDER_H

#include <jansson.h>

#include "cli/command.h"

/* A command that reads an order has these among its shared options. */
extern const struct option crawl_order_options[];

/* A member for each option that was given, and the page's identity as url; typed_url may be NULL.
 * NULL with a failure when something of it makes no sense. */
json_t *crawl_order_read(const struct call *call, const char *typed_url, struct failure *failure);

#endif
