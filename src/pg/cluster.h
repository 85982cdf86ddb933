/*
 * The private PostgreSQL of `pawl up --data DIR`: made with initdb, reached over a Unix socket
 * alone, started and stopped with the program, adopted when an earlier program was killed and left
 * it running. What lies where in DIR is told in cluster_folder.h.
 *
 * Calls that block say so; they belong before the event loop starts and after it has ended. While
 * it runs there are cluster_is_running() and cluster_restart_in_background().
 *
 * PostgreSQL refuses to run as root. Started by root, the server runs as the owner of DIR/pgdata;
 * before that is there, as `postgres`, or `nobody` where there is no postgres.
 *
 * Not for databases of somebody else: those are only connected to.
 */
#ifndef PAWL_PG_CLUSTER_H
#define PAWL_PG_CLUSTER_H

#include <sys/types.h>

#include "base/failure.h"
#include "base/text.h"
#include "pg/child_program.h"
#include "pg/cluster_folder.h"
#include "pg/cluster_url.h"
#include "pg/server_programs.h"

/* Embedded by value; its members are cluster.c's own. */
struct cluster {
    struct cluster_folder folder;
    struct server_programs programs;
    struct child_user user;
    int lock;               /* descriptor of DIR/pawl.lock */
    bool needs_descriptors; /* the server cannot reach DIR by its path */
    pid_t server;           /* the postmaster, 0: we know of none */
    bool is_child;          /* it is our child, so we wait for it */
    off_t log_start;        /* where in the log the last start begins, in bytes */
};

/*
 * Opens or makes DIR, locks it, finds PostgreSQL's programs and runs initdb when there is no
 * cluster yet (superuser `pawl`, UTF-8, C locale, checksums); an initdb that was cut off is done
 * again. Blocks, a second or two for initdb. A failure leaves nothing to finish:
 *   FAILURE_ENVIRONMENT  DIR cannot be used, is in use by another pawl up, or belongs to somebody
 *                        else (cluster_foreign.h), and then nothing was changed in it;
 *                        PostgreSQL is not installed; initdb failed
 *   FAILURE_SCHEMA       the PostgreSQL that was found does not fit
 */
bool cluster_prepare(struct cluster *cluster, const char *data_folder, struct failure *failure);
/* Gives back the lock and the memory; a server that runs goes on. */
void cluster_finish(struct cluster *cluster);

/* Adopts the server or starts one, waits until it accepts connections and makes the database `pawl`
 * when it is missing. Blocks: up to 60 s, or 10 minutes while the server recovers from a crash.
 * FAILURE_ENVIRONMENT when it does not start, with the last lines of its log; FAILURE_DATABASE when
 * it does but refuses us. A failure leaves no server running that this call started. */
bool cluster_start(struct cluster *cluster, struct failure *failure);
/* Fast shutdown: transactions that run are rolled back. Blocks until it has ended, up to 60 s; then
 * FAILURE_ENVIRONMENT, and it goes on ending by itself. True also when it did not run. */
bool cluster_stop(struct cluster *cluster, struct failure *failure);
/* A system call or two; reaps the server when it has died. */
bool cluster_is_running(struct cluster *cluster);
/*
 * Starts a server if there is none and returns the postmaster's pid at once, -1 with a failure. It
 * may end again within moments, as when it meets the last processes of one that was killed: call
 * this each time before an attempt to reconnect, it does nothing while the server runs.
 */
pid_t cluster_restart_in_background(struct cluster *cluster, struct failure *failure);

#endif
