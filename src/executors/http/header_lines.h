/* The lines of a request's header, as libcurl takes them; for who writes requests. */
#ifndef PAWL_EXECUTORS_HTTP_HEADER_LINES_H
#define PAWL_EXECUTORS_HTTP_HEADER_LINES_H

#include "executors/http/request.h"

/* A line whose value the caller appends to `lines` before it ends it. */
void header_begin_line(struct request *request, const char *name, bool is_empty);
void header_end_line(struct request *request);
void header_add_line(struct request *request, const char *name, const char *value);

#endif
