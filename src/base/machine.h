/*
 * State machines as tables: one row says that in a state, on an event, the machine goes to the next
 * state and does an action, and why. A pair without a row is a bug in the caller. Tests walk the
 * tables, docs/states.md is printed from them.
 */
#ifndef PAWL_BASE_MACHINE_H
#define PAWL_BASE_MACHINE_H

#include <stddef.h>

struct machine_step {
    int state, event, next;
    void (*action)(void *owner); /* NULL: nothing but the new state */
    const char *why;
};

/* Goes one step: sets *state, then acts. Aborts when the table has no row for (state, event). */
void machine_step(const struct machine_step *table, size_t rows, int *state, int event,
                  void *owner);

#endif
