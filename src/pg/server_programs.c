/*
 * Candidates are gathered in the order of preference, then the first one that fits is taken: a
 * machine may have several versions, and a data folder runs only under the one that made it.
 */
#include "pg/server_programs.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "pg/child_program.h"

enum { CANDIDATES = 64 };

struct candidates {
    char *folders[CANDIDATES];
    size_t count;
};

static void add_candidate(struct candidates *candidates, struct slice folder)
{
    if (candidates->count < CANDIDATES && folder.length > 0 && folder.start[0] == '/')
        candidates->folders[candidates->count++] = memory_copy(folder.start, folder.length);
}

static void add_folders_of_path(struct candidates *candidates)
{
    const char *rest = getenv("PATH");
    while (rest && *rest) {
        size_t length = strcspn(rest, ":");
        add_candidate(candidates, slice_of(rest, length));
        rest += length + (rest[length] == ':');
    }
}

static bool is_program(const char *folder, const char *name)
{
    struct text path = {0};
    text_append_format(&path, "%s/%s", folder, name);
    bool is_there = access(text_string(&path), X_OK) == 0;
    text_finish(&path);
    return is_there;
}

/* Runs folder/name with one argument; appends what it says. */
static bool ask_program(const char *folder, const char *name, const char *question,
                        struct text *answer)
{
    struct text path = {0};
    text_append_format(&path, "%s/%s", folder, name);
    const char *const arguments[] = {text_string(&path), question, NULL};
    bool is_answered = child_program_read(arguments, answer);
    text_finish(&path);
    return is_answered;
}

static void add_folder_of_pg_config(struct candidates *candidates)
{
    struct candidates path = {0};
    add_folders_of_path(&path);
    bool is_found = false;
    for (size_t i = 0; i < path.count; i++) {
        struct text answer = {0};
        if (!is_found && is_program(path.folders[i], "pg_config")) {
            is_found = ask_program(path.folders[i], "pg_config", "--bindir", &answer);
            add_candidate(candidates, slice_trimmed(text_slice(&answer)));
        }
        text_finish(&answer);
        free(path.folders[i]);
    }
}

static int compare_newest_first(const void *a, const void *b)
{
    return strverscmp(*(char *const *)b, *(char *const *)a);
}

static void add_folders_of_debian(struct candidates *candidates)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
        return;
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, compare_newest_first);
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_candidate(candidates, slice_of_string(found.gl_pathv[i]));
    globfree(&found);
}

/* The major version of the programs in folder; 0 when they are not there or do not tell. */
static int read_version(const char *folder)
{
    if (!is_program(folder, "initdb") || !is_program(folder, "postgres"))
        return 0;
    struct text answer = {0};
    int major = 0;
    if (ask_program(folder, "postgres", "--version", &answer)) {
        /* "postgres (PostgreSQL) 15.4 (Debian 15.4-1)" */
        const char *behind_name = strstr(text_string(&answer), ") ");
        major = behind_name ? atoi(behind_name + 2) : 0;
    }
    text_finish(&answer);
    return major;
}

static bool report_missing(const char *asked_folder, struct failure *failure)
{
    failure_set(failure, FAILURE_ENVIRONMENT,
                "could not find PostgreSQL's programs (initdb, pg_ctl)");
    if (asked_folder)
        failure_detail(failure, "PAWL_PG_BINDIR is \"%s\".", asked_folder);
    return failure_hint(
        failure, "Install PostgreSQL (on Debian: apt install postgresql), name the folder of "
                 "its programs in PAWL_PG_BINDIR, or give a database with --db.");
}

static bool report_unfit(int seen_major, int wanted_major, struct failure *failure)
{
    if (wanted_major == 0) {
        failure_set(failure, FAILURE_SCHEMA, "PostgreSQL %d is too old: pawl needs %d or later",
                    seen_major, SERVER_OLDEST_MAJOR);
        return failure_hint(failure, "Install a newer PostgreSQL, or give a database with --db.");
    }
    if (wanted_major < SERVER_OLDEST_MAJOR) {
        failure_set(failure, FAILURE_SCHEMA,
                    "the data folder was made by PostgreSQL %d, and pawl needs %d or later",
                    wanted_major, SERVER_OLDEST_MAJOR);
        return failure_hint(failure, "Upgrade it with pg_upgrade, or name another folder with "
                                     "--data.");
    }
    failure_set(failure, FAILURE_SCHEMA,
                "the data folder was made by PostgreSQL %d, but only PostgreSQL %d was found",
                wanted_major, seen_major);
    return failure_hint(failure,
                        "Install PostgreSQL %d, or name the folder of its programs in "
                        "PAWL_PG_BINDIR.",
                        wanted_major);
}

/* The first candidate that fits; seen is the version of one that does not, 0 when there is none. */
static bool choose_candidate(struct server_programs *programs, const struct candidates *candidates,
                             int wanted_major, int *seen)
{
    for (size_t i = 0; i < candidates->count; i++) {
        int major = read_version(candidates->folders[i]);
        bool fits = major >= SERVER_OLDEST_MAJOR && (wanted_major == 0 || major == wanted_major);
        if (fits) {
            text_append_string(&programs->folder, candidates->folders[i]);
            programs->major = major;
            return true;
        }
        if (major > *seen)
            *seen = major;
    }
    return false;
}

bool server_programs_find(struct server_programs *programs, int wanted_major,
                          struct failure *failure)
{
    const char *asked_folder = getenv("PAWL_PG_BINDIR");
    struct candidates candidates = {0};
    if (asked_folder) {
        add_candidate(&candidates, slice_of_string(asked_folder));
    } else {
        add_folder_of_pg_config(&candidates);
        add_folders_of_debian(&candidates);
        add_folders_of_path(&candidates);
    }
    int seen = 0;
    bool is_found = choose_candidate(programs, &candidates, wanted_major, &seen);
    for (size_t i = 0; i < candidates.count; i++)
        free(candidates.folders[i]);
    if (!is_found)
        return seen == 0 ? report_missing(asked_folder, failure)
                         : report_unfit(seen, wanted_major, failure);
    return true;
}

void server_programs_finish(struct server_programs *programs)
{
    text_finish(&programs->folder);
}
