#include "pg/cluster_foreign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILES_MAX = 16, FRESH_SECONDS = 3600 };

static bool is_ours(int folder)
{
    struct stat facts;
    return (fstatat(folder, "pawl.lock", &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(facts.st_mode)) ||
           fstatat(folder, "pgdata/PG_VERSION", &facts, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_log(const char *name)
{
    const char *ending = strrchr(name, '.');
    return ending && strcmp(ending, ".log") == 0;
}

/* What somebody else's entry is called; NULL for one that may be there. */
static const char *judge_entry(int folder, const char *name)
{
    struct stat facts;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0 ||
        fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0) /* it has just gone */
        return NULL;
    if (S_ISDIR(facts.st_mode))
        return "folder";
    if (name[0] == '.')
        return "hidden file";
    if (S_ISLNK(facts.st_mode))
        return "link";
    if (!S_ISREG(facts.st_mode))
        return "special file";
    return is_log(name) || facts.st_mtime > time(NULL) - FRESH_SECONDS ? NULL : "older file";
}

/* Appends the first thing that gives DIR away as somebody else's; nothing when it is free. */
static void find_stranger(DIR *stream, struct text *found)
{
    int files = 0;
    for (struct dirent *entry; found->length == 0 && (entry = readdir(stream));) {
        const char *kind = judge_entry(dirfd(stream), entry->d_name);
        files += entry->d_name[0] != '.';
        if (kind)
            text_append_format(found, "the %s \"%s\"", kind, entry->d_name);
        else if (files > FILES_MAX)
            text_append_string(found, "many files");
    }
}

static bool refuse(const struct cluster_folder *folder, const char *found, struct failure *failure)
{
    failure_set(failure, FAILURE_ENVIRONMENT, "data folder \"%s\" is not pawl's: it holds %s",
                text_string(&folder->path), found);
    failure_detail(failure, "A folder that is not its own may hold nothing but a few logs (*.log) "
                            "and files written within the last hour.");
    return failure_hint(failure, "Name an empty folder with --data, or one that is not there yet.");
}

bool cluster_foreign_check(const struct cluster_folder *folder, struct failure *failure)
{
    if (is_ours(folder->descriptor))
        return true;
    int opened = openat(folder->descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = opened < 0 ? NULL : fdopendir(opened);
    if (!stream) {
        failure_set(failure, FAILURE_ENVIRONMENT, "could not read data folder \"%s\": %s",
                    text_string(&folder->path), strerror(errno));
        if (opened >= 0)
            close(opened);
        return false;
    }
    struct text found = {0};
    find_stranger(stream, &found);
    closedir(stream);
    bool is_free = found.length == 0 || refuse(folder, text_string(&found), failure);
    text_finish(&found);
    return is_free;
}
