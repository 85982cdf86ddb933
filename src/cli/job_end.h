/* What a command says when it stops watching a job. */
#ifndef PAWL_CLI_JOB_END_H
#define PAWL_CLI_JOB_END_H

#include "cli/command.h"
#include "cli/progress.h"

/* After Ctrl-C: how to come back. Always true. */
bool job_end_detach(const struct call *call, const char *job);
/* True when the job was completed; else FAILURE_WORK. */
bool job_end_judge(const struct progress_watch *watch, struct failure *failure);

#endif
