#include "pg/cluster_initdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pg/cluster.h"

/* What a job queue wants of a server; appended to postgresql.conf once, after initdb, and the
 * user's to change from then on. */
static const char tuned_settings[] =
    "\n"
    "# Written once by pawl up. Yours to change: pawl does not touch this file again.\n"
    "shared_buffers = 128MB     # holds the live end of a queue; its history may be read from "
    "disk\n"
    "max_connections = 60       # several pawl nodes with a few each, the API's pool, and psql\n"
    "wal_compression = on       # full page images are most of a queue's WAL\n"
    "max_wal_size = 2GB         # fewer checkpoints, so fewer of those images\n"
    "random_page_cost = 1.1     # solid state disks: an index costs little more than a scan\n"
    "jit = off                  # short statements by the thousand are not worth compiling\n"
    "autovacuum_naptime = 15s   # finished tasks leave dead rows all the time\n";

int cluster_initdb_version(const struct cluster_folder *folder)
{
    char digits[8] = "";
    int file = openat(folder->descriptor, "pgdata/PG_VERSION", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t count = read(file, digits, sizeof digits - 1);
    close(file);
    return count > 0 ? atoi(digits) : 0;
}

static bool run_initdb(struct cluster *cluster, int data, int log, struct failure *failure)
{
    struct text program = {0}, path = {0};
    text_append_format(&program, "%s/initdb", text_string(&cluster->programs.folder));
    if (cluster->needs_descriptors)
        text_append_string(&path, CHILD_FOLDER_0);
    else
        text_append_format(&path, "%s/pgdata.new", text_string(&cluster->folder.path));
    const char *const arguments[] = {text_string(&program),
                                     "-D",
                                     text_string(&path),
                                     "-U",
                                     "pawl",
                                     "-A",
                                     "trust",
                                     "--no-locale",
                                     "-E",
                                     "UTF8",
                                     "--data-checksums",
                                     NULL};
    pid_t child = child_program_start(
        &(struct child_program){
            .arguments = arguments, .user = cluster->user, .output = log, .folders = {data, -1}},
        failure);
    text_finish(&program);
    text_finish(&path);
    if (child < 0)
        return false;
    if (child_program_wait(child))
        return true;
    failure_set(failure, FAILURE_ENVIRONMENT, "could not make a PostgreSQL cluster in \"%s\"",
                text_string(&cluster->folder.path));
    return cluster_folder_quote_log(&cluster->folder, cluster->log_start, failure);
}

static bool append_settings(int data)
{
    int file = openat(data, "postgresql.conf", O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return false;
    size_t length = sizeof tuned_settings - 1;
    bool is_written = write(file, tuned_settings, length) == (ssize_t)length && fsync(file) == 0;
    close(file);
    return is_written;
}

static bool report_unmade(const struct cluster *cluster, struct failure *failure)
{
    return failure_set(failure, FAILURE_ENVIRONMENT, "could not make \"%s/pgdata\": %s",
                       text_string(&cluster->folder.path), strerror(errno));
}

/* The name pgdata appears when all is on disk, so a cluster is there as a whole or not at all. */
bool cluster_initdb_run(struct cluster *cluster, int log, struct failure *failure)
{
    const struct cluster_folder *folder = &cluster->folder;
    struct child_user user = cluster->user;
    if (!cluster_folder_remove(folder, "pgdata.new"))
        return report_unmade(cluster, failure);
    int data = cluster_folder_open_inner(folder, "pgdata.new", user.uid, user.gid, failure);
    if (data < 0)
        return false;
    bool is_made = run_initdb(cluster, data, log, failure);
    if (is_made &&
        !(append_settings(data) &&
          renameat(folder->descriptor, "pgdata.new", folder->descriptor, "pgdata") == 0 &&
          fsync(folder->descriptor) == 0))
        is_made = report_unmade(cluster, failure);
    close(data);
    return is_made;
}
