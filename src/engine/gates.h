/*
 * What jobs.c needs of gates.c; everybody else calls jobs_wait() and its sisters (jobs.h).
 */
#ifndef PAWL_ENGINE_GATES_H
#define PAWL_ENGINE_GATES_H

#include "engine/jobs.h"

/* A job that waits at a gate that is none of its any more must not. */
void gates_learn(struct jobs *jobs, struct job *job, const int64_t ids[GATES]);
/* The job is about to be forgotten. */
void gates_leave(struct jobs *jobs, struct job *job);
/* Those whose time has come are open. Returns when the next one is, or INT64_MAX. */
int64_t gates_unblock(struct jobs *jobs, int64_t now_us);
void gates_open_all(struct jobs *jobs);

#endif
