/*
 * What the measuring tools of this folder share. They stand beside the product and end at the
 * first error, which a program must not do; nothing of this belongs into src/.
 */
#ifndef PAWL_BENCH_TOOL_H
#define PAWL_BENCH_TOOL_H

#include <libpq-fe.h>
#include <stddef.h>

/* Prints "tool: what: the connection's error" and exits with 1. connection may be NULL. */
_Noreturn void tool_fail(const char *what, PGconn *connection);

/* A whole number of at least 1, or exits with 2. name is the option, for the message. */
int tool_parse_count(const char *name, const char *text);

/* An open connection, or exits. url is anything libpq takes. */
PGconn *tool_connect(const char *url);

/* Runs one or more statements without parameters; any error exits. */
void tool_execute(PGconn *connection, const char *sql);

/* As tool_execute(), and returns the first row's column as a number, 0 for null. */
double tool_query_number(PGconn *connection, const char *sql);

/* Prepares one statement or exits. */
void tool_prepare(PGconn *connection, const char *name, const char *sql);

/* The sample that fraction of all samples do not exceed (nearest rank). Sorts samples. */
double tool_percentile(double *samples, size_t count, double fraction);

/* Seconds of CLOCK_MONOTONIC, and of this process's user and system time. */
double tool_now_s(void);
double tool_cpu_s(void);

#endif
