/*
 * The folder of a private cluster, as a place on disk: what lies where in it, whose it is, who
 * holds it, and which server runs on it. Not for the server's life: that is cluster.h.
 *
 *     DIR/pgdata         PostgreSQL's data folder (pgdata.new while initdb works on it)
 *     DIR/socket         the socket folder; /tmp/pawl-<hash> when a socket's name cannot hold it
 *     DIR/postgres.log   what the server and initdb say (postgres.log.old is the one before)
 *     DIR/pawl.lock      locked by the pawl up that uses the folder, holds its pid
 *
 * Everything below DIR is reached through an open descriptor and never through a symbolic link:
 * root works here in folders that belong to somebody else.
 */
#ifndef PAWL_PG_CLUSTER_FOLDER_H
#define PAWL_PG_CLUSTER_FOLDER_H

#include <sys/types.h>

#include "base/failure.h"
#include "base/text.h"

#define CLUSTER_PORT "5432" /* part of the socket's name, and of nothing else */
#define CLUSTER_SOCKET ".s.PGSQL." CLUSTER_PORT

enum server_phase {
    SERVER_SILENT,   /* nothing yet, or nothing any more */
    SERVER_CHANGING, /* it starts, which may mean recovery, or stops */
    SERVER_READY,
};

struct cluster_folder {
    int descriptor;         /* DIR, -1 when it is not open */
    bool is_created;        /* we made DIR just now */
    struct text path;       /* DIR's real path */
    struct text socket;     /* the socket folder's path, whether it is there or not */
    bool is_socket_outside; /* it is the one in /tmp */
};

/* Opens DIR, relative or absolute; may_create: makes it, and parents that are missing, with mode
 * 0700. A failure (FAILURE_ENVIRONMENT: no folder, no right) leaves nothing to finish. */
bool cluster_folder_open(struct cluster_folder *folder, const char *data_folder, bool may_create,
                         struct failure *failure);
void cluster_folder_finish(struct cluster_folder *folder);
/* Takes DIR/pawl.lock and gives its descriptor; whoever closes it gives the lock back, as does the
 * end of the process. -1 and FAILURE_ENVIRONMENT when another process holds it, or DIR cannot be
 * written. */
int cluster_folder_lock(const struct cluster_folder *folder, struct failure *failure);
/* Whether a process holds that lock now. Makes and changes nothing. */
bool cluster_folder_is_held(const struct cluster_folder *folder);
/* A folder in DIR, opened; made with mode 0700 and given to owner when it is missing. -1 and a
 * FAILURE_ENVIRONMENT else. */
int cluster_folder_open_inner(const struct cluster_folder *folder, const char *name, uid_t owner,
                              gid_t group, struct failure *failure);
/* The same for the socket folder, which must be the owner's and closed to everybody else. */
int cluster_folder_open_socket(const struct cluster_folder *folder, uid_t owner, gid_t group,
                               struct failure *failure);
/* DIR/postgres.log for appending, -1 with a FAILURE_ENVIRONMENT. A log above 16 MiB is put aside
 * first, in place of the one that was put aside before. */
int cluster_folder_open_log(const struct cluster_folder *folder, uid_t owner, gid_t group,
                            struct failure *failure);
/* The last lines of DIR/postgres.log, as far as they stand behind byte `from`, as the failure's
 * detail; where to read the rest as its hint. Returns false, as failure_detail() does. */
bool cluster_folder_quote_log(const struct cluster_folder *folder, off_t from,
                              struct failure *failure);
/* Whether the log's last 4 KiB, as far as they stand behind byte `from`, hold the words. */
bool cluster_folder_is_in_log(const struct cluster_folder *folder, off_t from, const char *words);
/* The pid of the postmaster that runs on DIR/pgdata, whoever started it; 0 when there is none. */
pid_t cluster_folder_find_server(const struct cluster_folder *folder);
/* What that postmaster says of itself: line 8 of DIR/pgdata/postmaster.pid. */
enum server_phase cluster_folder_read_phase(const struct cluster_folder *folder, pid_t server);
/* Whether pid is a process that works in DIR/pgdata. */
bool cluster_folder_is_server(const struct cluster_folder *folder, pid_t pid);
/*
 * PostgreSQL takes a lock file of its own as stale when no process has the pid in it. After a
 * reboot, or in a container, some other program may have that pid, and the server would refuse to
 * start for ever. This removes lock files whose pid is alive and works elsewhere. Call it only
 * while holding DIR's lock and when there is no server.
 */
void cluster_folder_remove_stale_locks(const struct cluster_folder *folder);
/* Removes a folder in DIR with all that is in it; nothing there is fine. False with errno set. */
bool cluster_folder_remove(const struct cluster_folder *folder, const char *name);

#endif
