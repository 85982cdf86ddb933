/* A node that a command starts for as long as it lasts, because no other serves the database. */
#ifndef PAWL_CLI_NODE_PROCESS_H
#define PAWL_CLI_NODE_PROCESS_H

#include <sys/types.h>

#include "cli/command.h"
#include "pg/session.h"

/* All zero: none was started. */
struct node_process {
    pid_t pid;
    int log; /* what it says; nobody sees it unless it fails */
};

/* Whether a node serves the database now: a heartbeat younger than 15 s. */
bool node_process_is_served(struct session *session, bool *is_served, struct failure *failure);
/* Makes sure that the call's database runs and is served: opens *session unless it is open, starts
 * `pawl up` for a private database that is down, `pawl serve` for one without a node, and waits
 * until that is ready. Sets *is_new when it started one. Blocks; ends early, with *session NULL,
 * when the watching was interrupted. */
bool node_process_ensure(struct node_process *process, const struct call *call,
                         struct session **session, bool *is_new, struct failure *failure);
/* Ends it in good order, if there is one, and waits for that. */
void node_process_stop(struct node_process *process);

#endif
