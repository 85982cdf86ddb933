#include "cli/node_process.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/database.h"
#include "cli/progress.h"

enum { READY_US = 120 * 1000 * 1000, LOOK_AGAIN_US = 50 * 1000 };

bool node_process_is_served(struct session *session, bool *is_served, struct failure *failure)
{
    struct pg_result *result =
        session_query(session,
                      "select exists (select from pawl.nodes where dead_at is null "
                      "and heartbeat_at > pawl.now() - interval '15 seconds')",
                      0, NULL, failure);
    if (!result)
        return false;
    *is_served = pg_result_boolean(result, 0, 0);
    pg_result_destroy(result);
    return true;
}

/* Between fork and exec. Our terminal's Ctrl-C is not for it, our end is. A connection string may
 * hold a password, so it goes through the environment. */
static _Noreturn void become(const char *const *words, const char *url, int log, pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    signal(SIGINT, SIG_DFL);
    if (url)
        setenv("DATABASE_URL", url, 1);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv("/proc/self/exe", (char *const *)(uintptr_t)words);
    dprintf(STDERR_FILENO, "{\"error\":{\"message\":\"could not start a node: %s\"}}\n",
            strerror(errno));
    _exit(FAILURE_ENVIRONMENT);
}

static bool start(struct node_process *process, const char *const *words, const char *url,
                  struct failure *failure)
{
    pid_t parent = getpid();
    process->log = memfd_create("pawl node", MFD_CLOEXEC);
    process->pid = process->log < 0 ? -1 : fork();
    if (process->pid == 0)
        become(words, url, process->log, parent);
    if (process->pid > 0)
        return true;
    failure_set(failure, FAILURE_ENVIRONMENT, "could not start a node: %m");
    close(process->log);
    *process = (struct node_process){0};
    return false;
}

/* The last line of its log that is an error in JSON; the exit code is its class. */
static void explain_end(const struct node_process *process, int status, struct failure *failure)
{
    char log[4096];
    off_t end = lseek(process->log, 0, SEEK_END);
    off_t begin = end > (off_t)sizeof log - 1 ? end - (off_t)sizeof log + 1 : 0;
    ssize_t length = pread(process->log, log, sizeof log - 1, begin);
    log[length > 0 ? length : 0] = '\0';
    const char *line = NULL;
    for (const char *at = log; (at = strstr(at, "{\"error\"")); at++)
        line = at;
    json_t *document = line ? json_loads(line, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    const char *message = "it ended", *detail = "", *hint = "";
    json_unpack(document, "{s:{s?:s, s?:s, s?:s}}", "error", "message", &message, "detail", &detail,
                "hint", &hint);
    int class = WIFEXITED(status) ? WEXITSTATUS(status) : FAILURE_ENVIRONMENT;
    failure_set(failure,
                class > FAILURE_WORK && class <= FAILURE_NETWORK ? (enum failure_class) class
                                                                 : FAILURE_ENVIRONMENT,
                "could not start a node: %s", message);
    failure_detail(failure, "%s", detail ? detail : "");
    failure_hint(failure, "%s", hint ? hint : "");
    json_decref(document);
}

/* True, with failure set, when it has ended. */
static bool has_ended(struct node_process *process, struct failure *failure)
{
    int status;
    if (!process->pid || waitpid(process->pid, &status, WNOHANG) != process->pid)
        return false;
    explain_end(process, status, failure);
    close(process->log);
    *process = (struct node_process){0};
    return true;
}

/* Ready is what the database says: it answers, its schema fits, and a node serves it. */
static bool is_ready(const struct call *call, struct session **session)
{
    bool is_served = false;
    if (!*session)
        *session = database_open_checked(call, NULL);
    return *session && node_process_is_served(*session, &is_served, NULL) && is_served;
}

static bool wait_ready(struct node_process *process, const struct call *call,
                       struct session **session, struct failure *failure)
{
    int64_t deadline_us = clock_now_us() + READY_US;
    const struct timespec pause = {0, LOOK_AGAIN_US * 1000};
    while (!is_ready(call, session)) {
        if (has_ended(process, failure))
            return false;
        if (progress_is_interrupted())
            return true;
        if (clock_now_us() > deadline_us) {
            node_process_stop(process);
            return failure_set(failure, FAILURE_ENVIRONMENT, "node was not ready in time");
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool start_up(struct node_process *process, const struct call *call, struct failure *failure)
{
    struct text folder = {0};
    database_find_folder(call, &folder);
    const char *const words[] = {"pawl",     "up",   "--data", text_string(&folder),
                                 "--listen", "none", "--json", NULL};
    bool is_started = start(process, words, NULL, failure);
    text_finish(&folder);
    return is_started;
}

static bool start_serve(struct node_process *process, const struct call *call,
                        struct failure *failure)
{
    struct text url = {0};
    const char *const words[] = {"pawl", "serve", "--json", NULL};
    bool is_started =
        database_find(call, &url, failure) && start(process, words, text_string(&url), failure);
    text_finish(&url);
    return is_started;
}

/* *is_down: it is the private one, and it does not run. */
static bool open_session(const struct call *call, struct session **session, bool *is_down,
                         struct failure *failure)
{
    struct text url = {0};
    *is_down = database_is_private(call) && !database_find(call, &url, failure) &&
               failure->class == FAILURE_DATABASE;
    text_finish(&url);
    if (*is_down)
        return true;
    if (!*session)
        *session = database_open_checked(call, failure);
    return *session != NULL;
}

static bool start_missing(struct node_process *process, const struct call *call, bool is_down,
                          struct failure *failure)
{
    if (!is_down)
        return start_serve(process, call, failure);
    /* Held: another's PostgreSQL is starting, or starting again. */
    return database_is_held(call) || start_up(process, call, failure);
}

bool node_process_ensure(struct node_process *process, const struct call *call,
                         struct session **session, bool *is_new, struct failure *failure)
{
    bool is_down, is_served = false;
    *is_new = false;
    if (has_ended(process, failure))
        return false;
    if (!open_session(call, session, &is_down, failure) ||
        (!is_down && !node_process_is_served(*session, &is_served, failure)))
        return false;
    if (is_served || process->pid)
        return true;
    if (is_down) { /* what is left of it leads to a server that has ended */
        session_close(*session);
        *session = NULL;
    }
    if (!start_missing(process, call, is_down, failure))
        return false;
    *is_new = process->pid != 0;
    return wait_ready(process, call, session, failure);
}

void node_process_stop(struct node_process *process)
{
    if (!process->pid)
        return;
    kill(process->pid, SIGTERM);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    close(process->log);
    *process = (struct node_process){0};
}
