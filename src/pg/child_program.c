/*
 * The parent may have threads and libuv's signal handlers, so the child does nothing between fork
 * and exec but system calls on what was made ready before, with every signal blocked until its
 * handlers are the defaults again.
 */
#include "pg/child_program.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    FIRST_FOLDER = 3,        /* CHILD_FOLDER_0 names it */
    ABOVE_ALL = 16,          /* a place for descriptors while they are sorted into theirs */
    READ_LIMIT = 64 * 1024,  /* bytes of output that are kept */
    ENVIRONMENT_ENTRIES = 5, /* the three below, the locale, and the end */
};

static const char *const inherited_variables[] = {"PATH", "LD_LIBRARY_PATH", "TZ"};

struct environment {
    char *entries[ENVIRONMENT_ENTRIES];
};

/* PGPORT, PGOPTIONS and their like would change the server, a locale the words of its log. */
static void environment_init(struct environment *environment)
{
    *environment = (struct environment){0};
    size_t count = 0;
    for (size_t i = 0; i < sizeof inherited_variables / sizeof *inherited_variables; i++) {
        const char *value = getenv(inherited_variables[i]);
        struct text entry = {0};
        if (value) {
            text_append_format(&entry, "%s=%s", inherited_variables[i], value);
            environment->entries[count++] = entry.start;
        }
    }
    environment->entries[count] = memory_copy_string("LC_ALL=C");
}

static void environment_finish(struct environment *environment)
{
    for (size_t i = 0; i < ENVIRONMENT_ENTRIES; i++)
        free(environment->entries[i]);
}

/* Every right goes, the group first: after setresuid() there is none left to do it with. */
static bool become(struct child_user user)
{
    return !user.is_other ||
           (setgroups(1, &user.gid) == 0 && setresgid(user.gid, user.gid, user.gid) == 0 &&
            setresuid(user.uid, user.uid, user.uid) == 0);
}

static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &standard, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Output and folders move out of the way first: each may sit where another one belongs. */
static bool arrange_descriptors(const struct child_program *program)
{
    int wanted[] = {open("/dev/null", O_RDONLY), program->output, program->output,
                    program->folders[0], program->folders[1]};
    for (int i = 0; i < FIRST_FOLDER + 2; i++)
        if (wanted[i] >= 0 && (wanted[i] = fcntl(wanted[i], F_DUPFD, ABOVE_ALL)) < 0)
            return false;
    for (int i = 0; i < FIRST_FOLDER + 2; i++)
        if (wanted[i] < 0)
            close(i);
        else if (dup2(wanted[i], i) < 0)
            return false;
    close_range(FIRST_FOLDER + 2, ~0U, 0); /* ours are close-on-exec; a library's may not be */
    return true;
}

static void complain(const char *program)
{
    const char *reason = strerrordesc_np(errno);
    const char *parts[] = {"could not run \"", program, "\": ", reason ? reason : "unknown", "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0)
            return;
}

_Noreturn static void run_child(const struct child_program *program, char **variables, pid_t parent)
{
    bool is_ready = arrange_descriptors(program) && become(program->user) && chdir("/") == 0;
    if (program->outlives_us)
        setsid();
    else /* after become(): a change of user forgets it */
        is_ready = is_ready && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
    umask(077);
    reset_signals();
    if (is_ready)
        execve(program->arguments[0], (char **)(uintptr_t)program->arguments, variables);
    complain(program->arguments[0]);
    _exit(127);
}

pid_t child_program_start(const struct child_program *program, struct failure *failure)
{
    struct environment environment;
    environment_init(&environment);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t child = fork();
    if (child == 0)
        run_child(program, environment.entries, parent);
    int reason = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    environment_finish(&environment);
    if (child < 0)
        failure_set(failure, FAILURE_ENVIRONMENT, "could not start \"%s\": %s",
                    program->arguments[0], strerror(reason));
    return child;
}

bool child_program_wait(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool child_program_read(const char *const *arguments, struct text *output)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    struct child_program program = {.arguments = arguments, .output = ends[1], .folders = {-1, -1}};
    pid_t child = child_program_start(&program, NULL);
    close(ends[1]);
    char bytes[1024];
    ssize_t count;
    while (child > 0 && output->length < READ_LIMIT &&
           ((count = read(ends[0], bytes, sizeof bytes)) > 0 || (count < 0 && errno == EINTR)))
        if (count > 0)
            text_append(output, bytes, (size_t)count);
    close(ends[0]);
    return child > 0 && child_program_wait(child);
}

bool child_user_can_enter(struct child_user user, const char *folder)
{
    if (!user.is_other)
        return true;
    pid_t child = fork();
    if (child == 0)
        _exit(become(user) && chdir(folder) == 0 ? 0 : 1);
    return child > 0 && child_program_wait(child);
}
