/*
 * What went wrong in the world, as a value: class, message, detail, hint, written as PostgreSQL
 * writes them (message lower case without a full stop; detail and hint as sentences).
 *
 * Functions that can fail return false and fill a struct failure that their caller owns. The class
 * is also the program's exit code (docs/exit-codes.md).
 */
#ifndef PAWL_BASE_FAILURE_H
#define PAWL_BASE_FAILURE_H

#include <stdbool.h>

enum failure_class {
    FAILURE_NONE = 0,
    FAILURE_WORK = 1,        /* the work itself failed: a job ended as failed, counters drifted */
    FAILURE_USAGE = 2,       /* the command line is wrong */
    FAILURE_INPUT = 3,       /* an argument's content is refused: no URL, no JSON, unknown job */
    FAILURE_DATABASE = 4,    /* the database cannot be reached, or refuses us */
    FAILURE_SCHEMA = 5,      /* schema and program do not fit: not migrated, newer, too old */
    FAILURE_ENVIRONMENT = 6, /* this machine: a program is missing, a port or folder is in use */
    FAILURE_NETWORK = 7,     /* the site that was asked for cannot be reached */
};

struct failure {
    enum failure_class class;
    char sqlstate[6]; /* five characters when the database said it, else "" */
    char message[512], detail[512], hint[512];
};

/* Fills class and message and clears the rest; returns false, so that `return failure_set(...)`
 * reads well. failure may be NULL: the caller does not care. */
bool failure_set(struct failure *failure, enum failure_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool failure_detail(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool failure_hint(struct failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "pawl: message" and, when there are any, "detail: ..." and "hint: ..." on standard error. */
void failure_print(const struct failure *failure);

#endif
