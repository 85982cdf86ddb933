/*
 * How much of a node each kind has: tasks that are here or being claimed. Where tasks wait for
 * somebody else (http), one target that hangs must not take all slots from the others; so a kind
 * gets no more than half of what the other kinds leave (runner_room_of). Its jobs that could go on
 * then wait here, crowded, and cost nothing until a task of the executor ends.
 */
#ifndef PAWL_ENGINE_KINDS_H
#define PAWL_ENGINE_KINDS_H

#include "base/hash_table.h"
#include "base/list.h"

struct kind {
    struct hash_table_link link_by_name;
    struct list link;    /* in the list of crowded kinds while it has crowded jobs */
    struct list crowded; /* jobs */
    int jobs;            /* known ones; it goes with the last */
    int held;            /* tasks that are claimed here, without an outcome, or asked for */
    char *name;
};

/* Embedded by value. */
struct kinds {
    struct hash_table by_name;
    struct list crowded; /* kinds */
};

void kinds_init(struct kinds *kinds);
void kinds_finish(struct kinds *kinds);
/* For one more job of that kind. */
struct kind *kinds_join(struct kinds *kinds, const char *name);
void kinds_leave(struct kinds *kinds, struct kind *kind);

#endif
