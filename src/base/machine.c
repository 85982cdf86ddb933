#include "base/machine.h"

#include "base/check.h"
#include "base/log.h"

void machine_step(const struct machine_step *table, size_t rows, int *state, int event, void *owner)
{
    for (size_t i = 0; i < rows; i++) {
        if (table[i].state != *state || table[i].event != event)
            continue;
        *state = table[i].next;
        if (table[i].action)
            table[i].action(owner);
        return;
    }
    log_error("no step for state %d and event %d", *state, event);
    CHECK(!"the state machine has a step for this event");
}
