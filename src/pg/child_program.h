/*
 * One program run as a child: as another user where that is asked for, with an environment, signals
 * and descriptors that owe nothing to ours, so that what it does is the same wherever we were
 * started from.
 *
 * Not for work inside tasks: it serves the private PostgreSQL alone.
 */
#ifndef PAWL_PG_CHILD_PROGRAM_H
#define PAWL_PG_CHILD_PROGRAM_H

#include <sys/types.h>

#include "base/failure.h"
#include "base/text.h"

/* Whom a child runs as. */
struct child_user {
    bool is_other; /* false: as we are, uid and gid are ours */
    uid_t uid;
    gid_t gid;
};

/* A folder given in folders[0] or [1] can be named by these in the child's arguments: a magic link
 * that leads straight to the folder, without a right to pass its parents (proc(5)). */
#define CHILD_FOLDER_0 "/proc/self/fd/3"
#define CHILD_FOLDER_1 "/proc/self/fd/4"

struct child_program {
    const char *const *arguments; /* the program's absolute path first, NULL last */
    struct child_user user;
    int output;       /* its standard output and error; standard input is /dev/null */
    int folders[2];   /* open folders to hand down, -1 for none */
    bool outlives_us; /* a session of its own, untouched by our terminal and by our end;
                         else it is killed when the calling thread ends */
};

/* Starts it and returns its pid at once, -1 with a FAILURE_ENVIRONMENT when there is no fork. A
 * program that cannot be run says so on its output and exits with 127. The environment is PATH,
 * LD_LIBRARY_PATH and TZ of ours and LC_ALL=C. The caller waits for the child. */
pid_t child_program_start(const struct child_program *program, struct failure *failure);
/* Blocks until the child has ended; true when it exited with 0. */
bool child_program_wait(pid_t child);
/* Runs arguments as we are and appends what it prints, at most 64 KiB; true when it exited with 0.
 */
bool child_program_read(const char *const *arguments, struct text *output);
/* Whether that user can enter the folder by its path. */
bool child_user_can_enter(struct child_user user, const char *folder);

#endif
