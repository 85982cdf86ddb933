#include "pg/cluster_remedy.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool hint_owner(const struct stat *facts, struct failure *failure)
{
    const struct passwd *owner = getpwuid(facts->st_uid);
    char number[16];
    snprintf(number, sizeof number, "%u", facts->st_uid);
    if (facts->st_uid == geteuid())
        return failure_hint(failure, "Its mode shuts out its owner too: open it with chmod u+rwx, "
                                     "or name another folder with --data.");
    return failure_hint(failure,
                        "It belongs to user %s: run pawl as that user or as root, or name another "
                        "folder with --data.",
                        owner ? owner->pw_name : number);
}

bool cluster_remedy_hint(const char *path, int error, struct failure *failure)
{
    struct stat facts;
    if (error != EACCES && error != EPERM)
        return failure_hint(failure, "Name another folder with --data.");
    if (stat(path, &facts) == 0)
        return hint_owner(&facts, failure);
    if (errno == ENOENT)
        return failure_hint(failure, "This user has no right to make it: make it as root and give "
                                     "it to them with chown, or name another folder with --data.");
    return failure_hint(failure, "This user has no right to enter a folder above it: run pawl as "
                                 "root, or name another folder with --data.");
}
