/*
 * A URL while it is put together: path and query go in as they were found and stand there
 * normalised. Bounded; nothing is allocated. A part of url.c.
 */
#ifndef PAWL_EXECUTORS_CRAWL_URL_BUILD_H
#define PAWL_EXECUTORS_CRAWL_URL_BUILD_H

#include "executors/crawl/url.h"

/* Past the limit it takes no more and says so. */
struct url_builder {
    size_t length;
    bool is_over;
    char bytes[URL_BYTES_MAX];
};

void url_build_init(struct url_builder *builder);
/* As it is. */
void url_build_append(struct url_builder *builder, const char *start, size_t length);
/* The builder ends with the slash that the path's first segment follows; path_start is where the
 * whole path begins, which no ".." leaves. */
void url_build_path(struct url_builder *builder, size_t path_start, struct slice path);
/* With its question mark, unless nothing is left of it without the parameters that only say where a
 * visitor came from. */
void url_build_query(struct url_builder *builder, struct slice query);

#endif
