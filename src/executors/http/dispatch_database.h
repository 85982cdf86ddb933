/*
 * What the http executor asks of the database besides outcomes: to open and close breakers, and
 * secrets that are kept there. Over a connection of its own (pg/questions.h), which is given up
 * when nothing was asked for a while; one C function a SQL function.
 */
#ifndef PAWL_EXECUTORS_HTTP_DISPATCH_DATABASE_H
#define PAWL_EXECUTORS_HTTP_DISPATCH_DATABASE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/text.h"
#include "executors/http/breaker.h"

struct dispatch_database;

struct dispatch_answers {
    void (*on_told)(void *context, const char *target, bool was_told);
    /* value: {NULL, 0} and why there is none. */
    void (*on_vault)(void *context, const char *name, struct slice value, const char *reason);
};

struct dispatch_database *dispatch_database_create(uv_loop_t *loop, const char *url,
                                                   const struct dispatch_answers *answers,
                                                   void *context);
/* Questions that are not answered are dropped. */
void dispatch_database_destroy(struct dispatch_database *database);

/* Ends with on_told. */
void dispatch_database_open_breaker(struct dispatch_database *database, const char *target,
                                    const struct breaker_report *report, bool is_probe);
void dispatch_database_close_breaker(struct dispatch_database *database, const char *target,
                                     int node_id);
/* error: NULL: it has it now. */
void dispatch_database_note_missing_secret(struct dispatch_database *database, int node_id,
                                           const char *kind, const char *error);
/* Ends with on_vault. */
void dispatch_database_read_vault(struct dispatch_database *database, const char *name);

#endif
