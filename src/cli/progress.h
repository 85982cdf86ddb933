/* Watching a job until it has ended: a bar that is redrawn on a terminal, lines in a pipe. */
#ifndef PAWL_CLI_PROGRESS_H
#define PAWL_CLI_PROGRESS_H

#include "cli/command.h"
#include "pg/session.h"

enum progress_end {
    PROGRESS_ENDED,    /* the job is in a final state, which *status tells */
    PROGRESS_DETACHED, /* Ctrl-C: the job goes on */
    PROGRESS_LOST,     /* failure is set */
};

struct progress_watch {
    struct session **session; /* opened again when it was lost; the caller's */
    const struct call *call;
    const char *job;
    bool is_silent; /* shows nothing */
    /* NULL, or called about every 2 s and when the database is lost, to keep things running. False
     * ends the watch with failure set. May open the session. */
    bool (*on_tick)(void *context, struct failure *failure);
    void *context;
    char status[16]; /* out: completed, failed or cancelled */
};

/* From here on SIGINT only sets a flag, which progress_is_interrupted() reads. */
void progress_catch_interrupt(void);
bool progress_is_interrupted(void);
/* Shows the job's progress until it ends. */
enum progress_end progress_watch(struct progress_watch *watch, struct failure *failure);

#endif
