/*
 * The server is a child of ours in a session of its own, so a Ctrl-C meant for us does not reach
 * it: we end first and it ends when nothing is left to write. When we are killed it goes on, and
 * the next pawl up finds it by DIR/pgdata/postmaster.pid and adopts it.
 *
 * Started by root, the server runs as somebody who may have no right to pass DIR's parents. It is
 * then handed the data folder and the socket folder as open descriptors and names them through
 * /proc/self/fd, which needs no such right; so no mode and no owner outside DIR is ever changed.
 */
#include "pg/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "pg/cluster_foreign.h"
#include "pg/cluster_initdb.h"

enum {
    START_SECONDS = 60,
    RECOVERY_SECONDS = 600, /* much WAL takes minutes to replay, and from the start if cut off */
    STOP_SECONDS = 60,
    PAUSE_MS = 10,
    LONGEST_SERVER_PATH = 512, /* PostgreSQL holds paths within the data folder in 1024 bytes */
};

/* What pawl relies on, whatever postgresql.conf says. The folders' settings come behind these. */
static const char *const fixed_settings[] = {
    "listen_addresses=",            /* the Unix socket is the only way in */
    ("port=" CLUSTER_PORT),         /* it names the socket, and PGPORT may not change that */
    "unix_socket_permissions=0700", /* with `trust` the file's owner is the password */
    "log_destination=stderr",       /* which is DIR/postgres.log, where failures are quoted from */
    "logging_collector=off",        /* as above */
    "synchronous_commit=on",        /* an acknowledged enqueue is durable (I7) */
    "fsync=on",                     /* as above */
    "cluster_name=pawl",            /* `ps` tells it from other servers */
};

enum { FIXED_SETTINGS = sizeof fixed_settings / sizeof *fixed_settings };

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

static int64_t deadline_in_seconds(int seconds)
{
    return clock_now_us() + seconds * INT64_C(1000000);
}

static bool choose_new_user(struct child_user *user, struct failure *failure)
{
    const struct passwd *account = getpwnam("postgres");
    if (!account)
        account = getpwnam("nobody");
    if (!account || account->pw_uid == 0) {
        failure_set(failure, FAILURE_ENVIRONMENT,
                    "PostgreSQL does not run as root, and there is no user postgres or nobody");
        return failure_hint(failure, "Run pawl up as another user.");
    }
    *user = (struct child_user){true, account->pw_uid, account->pw_gid};
    return true;
}

/* An owner is kept: only they can run a server on the folder. */
static bool choose_user(struct cluster *cluster, struct failure *failure)
{
    struct stat facts;
    bool is_there = fstatat(cluster->folder.descriptor, "pgdata", &facts, AT_SYMLINK_NOFOLLOW) == 0;
    bool are_we_root = geteuid() == 0;
    cluster->user = (struct child_user){false, geteuid(), getegid()};
    if (!is_there)
        return !are_we_root || choose_new_user(&cluster->user, failure);
    if (are_we_root ? facts.st_uid == 0 : facts.st_uid != geteuid()) {
        failure_set(failure, FAILURE_ENVIRONMENT, "\"%s/pgdata\" belongs to user %u%s",
                    text_string(&cluster->folder.path), facts.st_uid,
                    are_we_root ? ", and PostgreSQL does not run as root" : "");
        return failure_hint(failure, are_we_root ? "Give it to another user with chown -R."
                                                 : "Run pawl up as that user, or as root.");
    }
    if (are_we_root)
        cluster->user = (struct child_user){true, facts.st_uid, facts.st_gid};
    return true;
}

static void choose_road(struct cluster *cluster)
{
    const char *path = text_string(&cluster->folder.path);
    cluster->needs_descriptors = cluster->folder.path.length > LONGEST_SERVER_PATH ||
                                 !child_user_can_enter(cluster->user, path);
}

/* The log is opened here too: initdb writes to it, and its size is where this start begins. */
static int open_log(struct cluster *cluster, struct failure *failure)
{
    int log =
        cluster_folder_open_log(&cluster->folder, cluster->user.uid, cluster->user.gid, failure);
    if (log >= 0)
        cluster->log_start = lseek(log, 0, SEEK_END);
    return log;
}

static bool make_cluster_if_missing(struct cluster *cluster, int version, struct failure *failure)
{
    if (version != 0)
        return true;
    int log = open_log(cluster, failure);
    if (log < 0)
        return false;
    log_info("making a PostgreSQL %d cluster in \"%s\"", cluster->programs.major,
             text_string(&cluster->folder.path));
    bool is_made = cluster_initdb_run(cluster, log, failure);
    close(log);
    return is_made;
}

static bool take_folder(struct cluster *cluster, const char *data_folder, struct failure *failure)
{
    if (!cluster_folder_open(&cluster->folder, data_folder, true, failure) ||
        !cluster_foreign_check(&cluster->folder, failure))
        return false;
    cluster->lock = cluster_folder_lock(&cluster->folder, failure);
    if (cluster->lock < 0 || !choose_user(cluster, failure))
        return false;
    /* The lock's file goes along: the server's user may be the one to run pawl up next time. */
    struct child_user user = cluster->user;
    if (user.is_other && (fchown(cluster->lock, user.uid, user.gid) != 0 ||
                          (cluster->folder.is_created &&
                           fchown(cluster->folder.descriptor, user.uid, user.gid) != 0)))
        return failure_set(failure, FAILURE_ENVIRONMENT, "could not give \"%s\" to user %u: %s",
                           text_string(&cluster->folder.path), user.uid, strerror(errno));
    choose_road(cluster);
    return true;
}

bool cluster_prepare(struct cluster *cluster, const char *data_folder, struct failure *failure)
{
    *cluster = (struct cluster){.folder = {.descriptor = -1}, .lock = -1};
    bool is_ready = take_folder(cluster, data_folder, failure);
    int version = is_ready ? cluster_initdb_version(&cluster->folder) : 0;
    is_ready = is_ready && server_programs_find(&cluster->programs, version, failure) &&
               make_cluster_if_missing(cluster, version, failure);
    if (!is_ready)
        cluster_finish(cluster);
    return is_ready;
}

void cluster_finish(struct cluster *cluster)
{
    if (cluster->lock >= 0)
        close(cluster->lock);
    cluster->lock = -1;
    cluster_folder_finish(&cluster->folder);
    server_programs_finish(&cluster->programs);
}

/* ---- The server's life ---- */

/* PostgreSQL reads a list of folders: in double quotes a name may hold anything, quotes doubled. */
static void append_quoted(struct text *text, const char *name)
{
    text_append_char(text, '"');
    for (; *name; name++) {
        if (*name == '"')
            text_append_char(text, '"');
        text_append_char(text, *name);
    }
    text_append_char(text, '"');
}

static pid_t run_server(struct cluster *cluster, int log, const int folders[2],
                        struct failure *failure)
{
    struct text program = {0}, data = {0}, socket = {0};
    text_append_format(&program, "%s/postgres", text_string(&cluster->programs.folder));
    text_append_string(&socket, "unix_socket_directories=");
    if (cluster->needs_descriptors) {
        text_append_string(&data, CHILD_FOLDER_0);
        append_quoted(&socket, CHILD_FOLDER_1);
    } else {
        text_append_format(&data, "%s/pgdata", text_string(&cluster->folder.path));
        append_quoted(&socket, text_string(&cluster->folder.socket));
    }
    const char *arguments[3 + 2 * FIXED_SETTINGS + 3] = {text_string(&program), "-D",
                                                         text_string(&data)};
    size_t count = 3;
    for (size_t i = 0; i < FIXED_SETTINGS; i++) {
        arguments[count++] = "-c";
        arguments[count++] = fixed_settings[i];
    }
    arguments[count++] = "-c";
    arguments[count++] = text_string(&socket);
    pid_t server = child_program_start(&(struct child_program){.arguments = arguments,
                                                               .user = cluster->user,
                                                               .output = log,
                                                               .folders = {folders[0], folders[1]},
                                                               .outlives_us = true},
                                       failure);
    text_finish(&program);
    text_finish(&data);
    text_finish(&socket);
    return server;
}

static void close_all(const int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
}

/* Opens what the server works on and runs it; the pid, or -1 with a failure. */
static pid_t start_server(struct cluster *cluster, struct failure *failure)
{
    const struct cluster_folder *folder = &cluster->folder;
    struct child_user user = cluster->user;
    int log = open_log(cluster, failure);
    int socket = log < 0 ? -1 : cluster_folder_open_socket(folder, user.uid, user.gid, failure);
    int data =
        socket < 0 ? -1 : cluster_folder_open_inner(folder, "pgdata", user.uid, user.gid, failure);
    pid_t server = -1;
    if (data >= 0) {
        cluster_folder_remove_stale_locks(folder);
        server = run_server(cluster, log, (int[]){data, socket}, failure);
    }
    close_all((int[]){log, socket, data}, 3);
    return server;
}

static bool adopt_server(struct cluster *cluster)
{
    cluster->server = cluster_folder_find_server(&cluster->folder);
    cluster->is_child = false;
    if (cluster->server > 0)
        log_info("adopted the PostgreSQL server that was left running (pid %d)", cluster->server);
    return cluster->server > 0;
}

bool cluster_is_running(struct cluster *cluster)
{
    if (cluster->server == 0)
        return false;
    bool is_alive = cluster->is_child ? waitpid(cluster->server, NULL, WNOHANG) == 0
                                      : cluster_folder_is_server(&cluster->folder, cluster->server);
    if (!is_alive)
        cluster->server = 0;
    return is_alive;
}

pid_t cluster_restart_in_background(struct cluster *cluster, struct failure *failure)
{
    if (cluster_is_running(cluster) || adopt_server(cluster))
        return cluster->server;
    pid_t server = start_server(cluster, failure);
    cluster->server = server > 0 ? server : 0;
    cluster->is_child = server > 0;
    return server;
}

/* ---- Waiting for it ---- */

struct address {
    const char *keys[6], *values[6];
};

static struct address address_of(const struct cluster *cluster, const char *database)
{
    return (struct address){
        {"host", "port", "user", "dbname", "connect_timeout", NULL},
        {text_string(&cluster->folder.socket), CLUSTER_PORT, "pawl", database, "10", NULL}};
}

/* What a server says that met what a killed one left behind: its last processes, or one that an
 * earlier pawl up started a moment ago and that we could not see yet. All of them pass. */
static bool should_try_again(const struct cluster *cluster)
{
    const struct cluster_folder *folder = &cluster->folder;
    off_t start = cluster->log_start;
    return cluster_folder_is_in_log(folder, start, "pre-existing shared memory block") ||
           cluster_folder_is_in_log(folder, start, "lock file \"postmaster.pid\" already exists");
}

static bool report_unstarted(const struct cluster *cluster, const char *what,
                             struct failure *failure)
{
    failure_set(failure, FAILURE_ENVIRONMENT, "the private PostgreSQL in \"%s\" %s",
                text_string(&cluster->folder.path), what);
    return cluster_folder_quote_log(&cluster->folder, cluster->log_start, failure);
}

static bool wait_until_accepting(struct cluster *cluster, struct failure *failure)
{
    struct address address = address_of(cluster, "postgres");
    int64_t deadline = deadline_in_seconds(START_SECONDS);
    int64_t recovery_deadline = deadline_in_seconds(RECOVERY_SECONDS);
    bool was_started = false;
    for (;;) {
        if (!cluster_is_running(cluster)) {
            if (was_started && !should_try_again(cluster))
                return report_unstarted(cluster, "ended while it started", failure);
            if (cluster_restart_in_background(cluster, failure) < 0)
                return false;
            was_started = cluster->is_child;
        }
        /* Asking it earlier would fill its log with refusals. */
        enum server_phase phase = cluster_folder_read_phase(&cluster->folder, cluster->server);
        if (phase == SERVER_READY && PQpingParams(address.keys, address.values, 0) == PQPING_OK)
            return true;
        if (clock_now_us() > (phase == SERVER_CHANGING ? recovery_deadline : deadline))
            return report_unstarted(cluster, "does not accept connections", failure);
        pause_shortly();
    }
}

static bool report_refusal(PGconn *connection, struct failure *failure)
{
    failure_set(failure, FAILURE_DATABASE, "could not prepare the private PostgreSQL's database");
    struct slice words = slice_trimmed(slice_of_string(PQerrorMessage(connection)));
    return failure_detail(failure, "%.*s", (int)words.length, words.start);
}

static bool make_database(PGconn *connection, struct failure *failure)
{
    PGresult *found =
        PQexec(connection, "select from pg_catalog.pg_database where datname = 'pawl'");
    bool is_known = PQresultStatus(found) == PGRES_TUPLES_OK;
    bool is_there = is_known && PQntuples(found) > 0;
    PQclear(found);
    if (is_there)
        return true;
    if (!is_known)
        return report_refusal(connection, failure);
    /* The second, because by default a role's own schema comes first, and this role and Pawl's
     * schema have one name: a person's tables do not belong there. */
    static const char *const statements[] = {"create database pawl",
                                             "alter database pawl set search_path = public"};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        PGresult *made = PQexec(connection, statements[i]);
        bool is_made = PQresultStatus(made) == PGRES_COMMAND_OK;
        PQclear(made);
        if (!is_made)
            return report_refusal(connection, failure);
    }
    return true;
}

static bool make_database_if_missing(const struct cluster *cluster, struct failure *failure)
{
    struct address address = address_of(cluster, "postgres");
    PGconn *connection = PQconnectdbParams(address.keys, address.values, 0);
    bool is_ready = PQstatus(connection) == CONNECTION_OK ? make_database(connection, failure)
                                                          : report_refusal(connection, failure);
    PQfinish(connection);
    return is_ready;
}

bool cluster_start(struct cluster *cluster, struct failure *failure)
{
    if (wait_until_accepting(cluster, failure) && make_database_if_missing(cluster, failure))
        return true;
    if (cluster->is_child)
        cluster_stop(cluster, NULL);
    return false;
}

bool cluster_stop(struct cluster *cluster, struct failure *failure)
{
    int64_t deadline = deadline_in_seconds(STOP_SECONDS);
    if (cluster_is_running(cluster))
        kill(cluster->server, SIGINT); /* a fast shutdown, as pg_ctl asks for it */
    while (cluster_is_running(cluster)) {
        if (clock_now_us() > deadline)
            return report_unstarted(cluster, "did not stop within 60 s", failure);
        pause_shortly();
    }
    if (cluster->folder.is_socket_outside)
        rmdir(text_string(&cluster->folder.socket));
    return true;
}
