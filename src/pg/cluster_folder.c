#include "pg/cluster_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "pg/cluster_remedy.h"

enum {
    QUOTED_BYTES = 450, /* of the log, in a failure's detail */
    LOG_LIMIT_BYTES = 16 * 1024 * 1024,
    FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

/* As mkdir -p; what is missing is made for its owner alone (XDG base directories, 0.8). */
static bool make_folders(const char *path, bool *is_created)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    char *copy = memory_copy(path, length);
    bool is_made = true;
    for (char *slash = strchr(copy + 1, '/'); slash && is_made; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        is_made = mkdir(copy, 0700) == 0 || errno == EEXIST;
        *slash = '/';
    }
    *is_created = is_made && mkdir(copy, 0700) == 0;
    is_made = is_made && (*is_created || errno == EEXIST);
    free(copy);
    return is_made;
}

/* FNV-1a, 64 bits: it only has to give one folder one name; the owner is checked where it is used.
 */
static uint64_t hash_path(const char *path)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3;
    return hash;
}

/* A socket's address holds few bytes (unix(7)), and to libpq a comma in a host starts another one.
 */
static void name_socket_folder(struct cluster_folder *folder)
{
    size_t room = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    text_append_format(&folder->socket, "%s/socket", text_string(&folder->path));
    size_t needed = folder->socket.length + strlen("/" CLUSTER_SOCKET);
    if (needed <= room && !strchr(text_string(&folder->socket), ','))
        return;
    folder->is_socket_outside = true;
    text_clear(&folder->socket);
    text_append_format(&folder->socket, "/tmp/pawl-%016llx",
                       (unsigned long long)hash_path(text_string(&folder->path)));
}

static bool report_unusable(const char *data_folder, struct failure *failure)
{
    int error = errno;
    if (error == ENOTDIR || error == EEXIST)
        failure_set(failure, FAILURE_ENVIRONMENT,
                    "data folder \"%s\" is not a folder, or a file is in its way", data_folder);
    else
        failure_set(failure, FAILURE_ENVIRONMENT, "could not %s data folder \"%s\": %s",
                    error == ENOENT ? "find" : "use", data_folder, strerror(error));
    return cluster_remedy_hint(data_folder, error, failure);
}

bool cluster_folder_open(struct cluster_folder *folder, const char *data_folder, bool may_create,
                         struct failure *failure)
{
    *folder = (struct cluster_folder){.descriptor = -1};
    if (data_folder[0] == '\0')
        return failure_set(failure, FAILURE_USAGE, "the data folder's name is empty");
    if (may_create && !make_folders(data_folder, &folder->is_created))
        return report_unusable(data_folder, failure);
    folder->descriptor = open(data_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *real_path = folder->descriptor < 0 ? NULL : realpath(data_folder, NULL);
    if (!real_path) {
        report_unusable(data_folder, failure);
        cluster_folder_finish(folder);
        return false;
    }
    text_append_string(&folder->path, real_path);
    free(real_path);
    name_socket_folder(folder);
    return true;
}

void cluster_folder_finish(struct cluster_folder *folder)
{
    if (folder->descriptor >= 0)
        close(folder->descriptor);
    text_finish(&folder->path);
    text_finish(&folder->socket);
    *folder = (struct cluster_folder){.descriptor = -1};
}

/* The file's first bytes, as many as fit, with a NUL behind them; "" when it cannot be read. */
static void read_start(int folder, const char *name, char *start, size_t size)
{
    start[0] = '\0';
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return;
    ssize_t count = read(file, start, size - 1);
    start[count > 0 ? count : 0] = '\0';
    close(file);
}

/* The number a file starts with, 0 when it has none. */
static pid_t read_pid(int folder, const char *name)
{
    char digits[16];
    read_start(folder, name, digits, sizeof digits);
    long pid = strtol(digits, NULL, 10);
    return pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static bool report_held(const struct cluster_folder *folder, struct failure *failure)
{
    const char *path = text_string(&folder->path);
    pid_t holder = read_pid(folder->descriptor, "pawl.lock");
    char with_kill[32] = "", pid[32] = "";
    if (holder != 0) {
        snprintf(pid, sizeof pid, " (pid %d)", holder);
        snprintf(with_kill, sizeof with_kill, " with kill %d", holder);
    }
    failure_set(failure, FAILURE_ENVIRONMENT, "data folder \"%s\" is in use by another pawl up%s",
                path, pid);
    return failure_hint(failure,
                        "Stop that one%s, name another folder with --data, or start another node "
                        "on its database: pawl serve --data %s",
                        with_kill, path);
}

static bool report_unusable_entry(const struct cluster_folder *folder, const char *name,
                                  struct failure *failure)
{
    int error = errno;
    struct text path = {0};
    if (name[0] != '/') /* the socket folder outside DIR */
        text_append_format(&path, "%s/", text_string(&folder->path));
    text_append_string(&path, name);
    failure_set(failure, FAILURE_ENVIRONMENT, "could not use \"%s\": %s", text_string(&path),
                strerror(error));
    if (faccessat(folder->descriptor, name, F_OK, AT_SYMLINK_NOFOLLOW) !=
        0) /* DIR itself says no */
        cluster_remedy_hint(text_string(&folder->path), error, failure);
    else
        cluster_remedy_hint(text_string(&path), error, failure);
    text_finish(&path);
    return false;
}

int cluster_folder_lock(const struct cluster_folder *folder, struct failure *failure)
{
    int lock =
        openat(folder->descriptor, "pawl.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0) {
        report_unusable_entry(folder, "pawl.lock", failure);
        return -1;
    }
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        report_held(folder, failure);
        close(lock);
        return -1;
    }
    if (ftruncate(lock, 0) != 0 || dprintf(lock, "%d\n", getpid()) < 0) {
        report_unusable_entry(folder, "pawl.lock", failure);
        close(lock);
        return -1;
    }
    return lock;
}

bool cluster_folder_is_held(const struct cluster_folder *folder)
{
    int lock = openat(folder->descriptor, "pawl.lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool is_held = lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) != 0;
    if (lock >= 0)
        close(lock);
    return is_held;
}

/* Only root can, and only root has to: else the owner is ourselves. */
static bool give_to(int opened, uid_t owner, gid_t group)
{
    return geteuid() != 0 || fchown(opened, owner, group) == 0;
}

int cluster_folder_open_inner(const struct cluster_folder *folder, const char *name, uid_t owner,
                              gid_t group, struct failure *failure)
{
    bool is_made = mkdirat(folder->descriptor, name, 0700) == 0;
    int inner = is_made || errno == EEXIST ? openat(folder->descriptor, name, FOLDER_FLAGS) : -1;
    if (inner >= 0 && is_made && (fchmod(inner, 0700) != 0 || !give_to(inner, owner, group))) {
        close(inner);
        inner = -1;
    }
    if (inner < 0)
        report_unusable_entry(folder, name, failure);
    return inner;
}

/* Whoever could write there could put a socket of their own in the server's place. */
static bool is_private(int inner, uid_t owner)
{
    struct stat facts;
    return fstat(inner, &facts) == 0 && facts.st_uid == owner && (facts.st_mode & 077) == 0;
}

int cluster_folder_open_socket(const struct cluster_folder *folder, uid_t owner, gid_t group,
                               struct failure *failure)
{
    const char *path = text_string(&folder->socket);
    /* An absolute name makes openat() and its like forget the folder they start from. */
    const char *name = folder->is_socket_outside ? path : "socket";
    int inner = cluster_folder_open_inner(folder, name, owner, group, failure);
    if (inner >= 0 && !is_private(inner, owner)) {
        failure_set(failure, FAILURE_ENVIRONMENT,
                    "socket folder \"%s\" is not the server's own, or is open to others", path);
        failure_hint(failure, "Remove it while no server uses it; it is made anew.");
        close(inner);
        return -1;
    }
    return inner;
}

int cluster_folder_open_log(const struct cluster_folder *folder, uid_t owner, gid_t group,
                            struct failure *failure)
{
    struct stat facts;
    if (fstatat(folder->descriptor, "postgres.log", &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
        facts.st_size > LOG_LIMIT_BYTES)
        renameat(folder->descriptor, "postgres.log", folder->descriptor, "postgres.log.old");
    int log = openat(folder->descriptor, "postgres.log",
                     O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (log >= 0 && !give_to(log, owner, group)) {
        close(log);
        log = -1;
    }
    if (log < 0)
        report_unusable_entry(folder, "postgres.log", failure);
    return log;
}

/* The log's last bytes from `from` on, as many as fit, with a NUL behind them. */
static void read_log(const struct cluster_folder *folder, off_t from, char *tail, size_t size)
{
    tail[0] = '\0';
    int log = openat(folder->descriptor, "postgres.log", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (log < 0)
        return;
    off_t start = lseek(log, 0, SEEK_END) - (off_t)(size - 1);
    ssize_t count = pread(log, tail, size - 1, start > from ? start : from);
    tail[count > 0 ? count : 0] = '\0';
    close(log);
}

bool cluster_folder_is_in_log(const struct cluster_folder *folder, off_t from, const char *words)
{
    char tail[4096];
    read_log(folder, from, tail, sizeof tail);
    return strstr(tail, words);
}

bool cluster_folder_quote_log(const struct cluster_folder *folder, off_t from,
                              struct failure *failure)
{
    char tail[QUOTED_BYTES];
    read_log(folder, from, tail, sizeof tail);
    struct slice lines = slice_trimmed(slice_of_string(tail));
    const char *next_line = lines.length > 0 ? memchr(lines.start, '\n', lines.length) : NULL;
    if (strlen(tail) == QUOTED_BYTES - 1 && next_line) /* the first line is cut in two */
        lines = slice_of(next_line + 1, lines.length - (size_t)(next_line + 1 - lines.start));
    if (lines.length > 0)
        failure_detail(failure, "Its log ends with:\n%.*s", (int)lines.length, lines.start);
    return failure_hint(failure, "Read \"%s/postgres.log\".", text_string(&folder->path));
}

/* Where a process works: a postmaster and its children work in their data folder. */
static bool find_work_folder(pid_t pid, struct stat *facts)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/cwd", pid);
    return stat(path, facts) == 0;
}

bool cluster_folder_is_server(const struct cluster_folder *folder, pid_t pid)
{
    struct stat data, work;
    return fstatat(folder->descriptor, "pgdata", &data, AT_SYMLINK_NOFOLLOW) == 0 &&
           find_work_folder(pid, &work) && data.st_dev == work.st_dev && data.st_ino == work.st_ino;
}

pid_t cluster_folder_find_server(const struct cluster_folder *folder)
{
    pid_t pid = read_pid(folder->descriptor, "pgdata/postmaster.pid");
    return pid > 0 && cluster_folder_is_server(folder, pid) ? pid : 0;
}

enum server_phase cluster_folder_read_phase(const struct cluster_folder *folder, pid_t server)
{
    char lines[4096];
    read_start(folder->descriptor, "pgdata/postmaster.pid", lines, sizeof lines);
    const char *phase = atoi(lines) == server ? lines : NULL;
    for (int line = 1; phase && line < 8; line++) {
        phase = strchr(phase, '\n');
        phase = phase ? phase + 1 : NULL;
    }
    if (!phase)
        return SERVER_SILENT;
    return strncmp(phase, "ready", strlen("ready")) == 0 ? SERVER_READY : SERVER_CHANGING;
}

static void remove_stale_lock(const struct cluster_folder *folder, int from, const char *name)
{
    struct stat work;
    pid_t pid = read_pid(from, name);
    if (pid > 0 && find_work_folder(pid, &work) && !cluster_folder_is_server(folder, pid))
        unlinkat(from, name, 0);
}

void cluster_folder_remove_stale_locks(const struct cluster_folder *folder)
{
    remove_stale_lock(folder, folder->descriptor, "pgdata/postmaster.pid");
    int socket = open(text_string(&folder->socket), FOLDER_FLAGS);
    if (socket < 0)
        return;
    remove_stale_lock(folder, socket, CLUSTER_SOCKET ".lock");
    close(socket);
}

static bool remove_entry(int parent, const char *name);

static bool remove_contents(int opened)
{
    DIR *stream = fdopendir(opened);
    if (!stream) {
        close(opened);
        return false;
    }
    bool is_removed = true;
    for (struct dirent *entry; is_removed && (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            is_removed = remove_entry(dirfd(stream), entry->d_name);
    closedir(stream);
    return is_removed;
}

static bool remove_entry(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR)
        return false;
    int inner = openat(parent, name, FOLDER_FLAGS);
    return inner >= 0 && remove_contents(inner) && unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

bool cluster_folder_remove(const struct cluster_folder *folder, const char *name)
{
    return remove_entry(folder->descriptor, name);
}
