/*
 * The access log: one line for each request whose answer has ended, one way or another, so lines
 * are in the order of the ends. Tab separated: microseconds of CLOCK_MONOTONIC and of
 * CLOCK_REALTIME when the request had been read, host, method, target, status (0: none was sent),
 * user agent, bytes of the answer with its head, microseconds until the answer had ended. Control
 * bytes come out as question marks.
 */
#ifndef PAWL_FARM_ACCESS_LOG_H
#define PAWL_FARM_ACCESS_LOG_H

#include <uv.h>

#include "exchange.h"

struct access_log;

/* NULL with errno when the file cannot be made; what was in it is gone. */
struct access_log *access_log_create(uv_loop_t *loop, const char *path);
/* Writes what is left now. NULL: nothing. */
void access_log_flush(struct access_log *log);
/* Writes what is left. The handles are closed as the loop turns. NULL: nothing. */
void access_log_destroy(struct access_log *log);
/* NULL: nothing. In the file within 50 ms. */
void access_log_add(struct access_log *log, const struct exchange *exchange, int64_t ended_us);

#endif
