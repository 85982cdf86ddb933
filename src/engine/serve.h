/*
 * A node: claims tasks from one database, runs them, writes what became of them, and keeps the
 * house (fold, due tasks, rescue). This is all that the rooms above see of the engine.
 */
#ifndef PAWL_ENGINE_SERVE_H
#define PAWL_ENGINE_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/failure.h"

struct serve_options {
    const char *database_url;
    int slots;                /* tasks in flight at most; 0: the default (256) */
    const char *callback_url; /* begin of the URL under which our API is found from outside, without
                                 a slash at its end; NULL: nobody can call back */
    const char *secret_files; /* folder in which secrets are files; NULL: /run/secrets */
    int other_files;          /* that the rest of the process may have open */
    /* NULL, or told when the database goes away, from the loop: must not block. */
    void (*on_database_lost)(void *context);
    /* NULL, or told when a task starts, in the moment in which it does (for measuring). */
    void (*on_task_started)(void *context, int64_t job_id, int64_t task_id);
    /* NULL, or told once the node is registered and claims. */
    void (*on_ready)(void *context);
    void *context;
};

/* Runs until SIGTERM or SIGINT, or serve_stop(), then drains: stops claiming, gives back what has
 * not started, waits for the rest (at most 25 s), writes all outcomes, deregisters. A second signal
 * ends it at once. False with failure set when it ended otherwise than in good order. */
bool serve_run(const struct serve_options *options, struct failure *failure);

/* As SIGTERM, but callable from another thread. */
void serve_stop(void);

#endif
